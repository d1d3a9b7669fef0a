// Blocks: each inside a crossbar of the chip, apart from all others there, and together every
// weight of their group once.
#include "isa/verify/parts.h"
#include "support/vec.h"

// A rectangle of a plane (a crossbar, or the matrix of a group).
typedef struct {
    uint32_t plane, row0, row1, col0, col1;
    uint32_t block;
    bool begins; // event of the sweep
} edge;
typedef VEC(edge) edges;

// By plane, then row; ends before beginnings, so that neighbours do not meet.
static int by_row(const void *x, const void *y) {
    const edge *a = x, *b = y;
    if (a->plane != b->plane) return a->plane < b->plane ? -1 : 1;
    uint32_t ra = a->begins ? a->row0 : a->row1, rb = b->begins ? b->row0 : b->row1;
    if (ra != rb) return ra < rb ? -1 : 1;
    if (a->begins != b->begins) return a->begins ? 1 : -1;
    return a->block < b->block ? -1 : a->block > b->block;
}

static void add(edges *list, edge e) {
    e.begins = true;
    vec_push(list, e);
    e.begins = false;
    vec_push(list, e);
}

// Position in the sorted list of open column ranges where col0 belongs.
static size_t place_of(const edges *open, uint32_t col0) {
    size_t lo = 0, hi = open->count;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (open->items[mid].col0 < col0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

// Sweeps over rows; the open rectangles lie apart, so neighbours are all there is to compare.
// Calls `meet` for each rectangle that meets one before; that one does not count further.
static void sweep(edges *list, void (*meet)(void *ctx, uint32_t block, uint32_t other), void *ctx) {
    edges open = {0};
    if (list->count) qsort(list->items, list->count, sizeof *list->items, by_row);
    for (size_t i = 0; i < list->count; i++) {
        const edge *e = &list->items[i];
        size_t at = place_of(&open, e->col0);
        if (!e->begins) {
            if (at < open.count && open.items[at].block == e->block) {
                memmove(open.items + at, open.items + at + 1,
                        (open.count - at - 1) * sizeof *open.items);
                open.count--;
            }
            continue;
        }
        if (at < open.count && open.items[at].col0 < e->col1) {
            meet(ctx, e->block, open.items[at].block);
        } else if (at > 0 && open.items[at - 1].col1 > e->col0) {
            meet(ctx, e->block, open.items[at - 1].block);
        } else {
            vec_push(&open, *e);
            memmove(open.items + at + 1, open.items + at,
                    (open.count - at - 1) * sizeof *open.items);
            open.items[at] = *e;
        }
    }
    vec_free(&open);
}

typedef struct {
    verifier *v;
    uint32_t tile;
    const char *what;
    uint32_t met;
} meeting;

static const char *where(verifier *v, uint32_t tile, uint32_t block) {
    return arena_printf(v->a, "tile %u, block %u", tile, block);
}

static void report(void *ctx, uint32_t block, uint32_t other) {
    meeting *m = ctx;
    m->met++;
    verify_bad(m->v, DIAG_ID_isa_block, where(m->v, m->tile, block), "%s block %u", m->what, other);
}

static void check_crossbar(verifier *v, uint32_t tile, uint32_t i) {
    if (!v->chip) return;
    const isa_block *b = &v->p->tiles[tile].blocks[i];
    int64_t count = v->chip->tile.crossbars, rows = v->chip->crossbar.rows,
            columns = v->chip->crossbar.columns;
    if (count && b->crossbar >= count)
        verify_bad(v, DIAG_ID_isa_block, where(v, tile, i), "crossbar %u of %lld", b->crossbar,
                   (long long)count);
    if (rows && (int64_t)b->row0 + b->rows > rows)
        verify_bad(v, DIAG_ID_isa_block, where(v, tile, i), "rows %u + %u of a crossbar with %lld",
                   b->row0, b->rows, (long long)rows);
    if (columns && (int64_t)b->col0 + b->cols > columns)
        verify_bad(v, DIAG_ID_isa_block, where(v, tile, i),
                   "columns %u + %u of a crossbar with %lld", b->col0, b->cols, (long long)columns);
}

void verify_blocks(verifier *v, uint32_t tile) {
    const isa_tile *t = &v->p->tiles[tile];
    edges crossbars = {0}, groups = {0};
    for (uint32_t g = 0; g < t->n_groups; g++) {
        const isa_group *d = &t->groups[g];
        uint64_t area = 0, whole = (uint64_t)(d->k1 - d->k0) * d->n;
        for (uint32_t k = d->first_block; k < d->first_block + d->n_blocks; k++) {
            const isa_block *b = &t->blocks[k];
            check_crossbar(v, tile, k);
            area += (uint64_t)b->rows * b->cols;
            if ((uint64_t)b->row0 + b->rows > UINT32_MAX ||
                (uint64_t)b->col0 + b->cols > UINT32_MAX)
                continue; // outside every crossbar that has limits
            add(&crossbars, (edge){b->crossbar, b->row0, b->row0 + b->rows, b->col0,
                                   b->col0 + b->cols, k, true});
            add(&groups, (edge){g, b->k0, b->k0 + b->rows, b->n0, b->n0 + b->cols, k, true});
        }
        if (d->kind == ISA_RESIDENT ? area != whole : d->n_blocks > 0 && area != whole)
            verify_bad(
                v, DIAG_ID_isa_block,
                arena_printf(v->a, "tile %u, group %u '%.100s'", tile, g, isa_str(v->p, d->name)),
                "blocks hold %llu weights of %llu", (unsigned long long)area,
                (unsigned long long)whole);
    }
    meeting m = {v, tile, "stands on the same cells as", 0};
    sweep(&crossbars, report, &m);
    m.what = "holds the same weights as";
    sweep(&groups, report, &m);
    vec_free(&crossbars);
    vec_free(&groups);
}
