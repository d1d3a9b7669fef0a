// Blocks: each inside a crossbar of the chip, apart from all others there, and together every
// weight of their group once.
#include "isa/places.h"
#include "isa/verify/parts.h"
#include "support/vec.h"

// A rectangle of a plane (a crossbar, or the matrix of a group).
typedef struct {
    uint32_t plane, row0, row1, col0, col1;
    uint32_t block;
    uint32_t place; // of col0 among all
} rectangle;
typedef VEC(rectangle) rectangles;

// A rectangle begins or ends.
typedef struct {
    uint32_t plane, row, block;
    bool begins;
    const rectangle *r;
} edge;

// By plane, then row; ends before beginnings, so that neighbours do not meet.
static int by_row(const void *x, const void *y) {
    const edge *a = x, *b = y;
    if (a->plane != b->plane) return a->plane < b->plane ? -1 : 1;
    if (a->row != b->row) return a->row < b->row ? -1 : 1;
    if (a->begins != b->begins) return a->begins ? 1 : -1;
    return a->block < b->block ? -1 : a->block > b->block;
}

static int by_column(const void *x, const void *y) {
    const rectangle *a = x, *b = y;
    if (a->plane != b->plane) return a->plane < b->plane ? -1 : 1;
    return a->col0 < b->col0 ? -1 : a->col0 > b->col0;
}

// Sweeps over rows; the open rectangles lie apart, so neighbours are all there is to compare.
// Calls `meet` for each rectangle that meets one before; that one does not count further.
static void sweep(rectangles *list, void (*meet)(void *ctx, uint32_t block, uint32_t other),
                  void *ctx) {
    arena *a = arena_new();
    size_t n = list->count;
    uint32_t places = 0;
    if (n) qsort(list->items, n, sizeof *list->items, by_column);
    edge *edges = ARENA_ARRAY(a, edge, 2 * n + 1);
    for (size_t i = 0; i < n; i++) {
        rectangle *r = &list->items[i];
        places += i > 0 && by_column(r - 1, r) != 0;
        r->place = places;
        edges[2 * i] = (edge){r->plane, r->row0, r->block, true, r};
        edges[2 * i + 1] = (edge){r->plane, r->row1, r->block, false, r};
    }
    qsort(edges, 2 * n, sizeof *edges, by_row);
    isa_places open = isa_places_new(a, places + 1);
    const rectangle **at = ARENA_ARRAY(a, const rectangle *, places + 1); // [place] the open one
    for (size_t i = 0; i < 2 * n; i++) {
        const rectangle *r = edges[i].r, *beside = NULL;
        if (!edges[i].begins) {
            if (at[r->place] == r) {
                isa_places_remove(&open, r->place);
                at[r->place] = NULL;
            }
            continue;
        }
        uint32_t right = at[r->place] ? r->place : isa_places_next(&open, r->place);
        uint32_t left = isa_places_last(&open, r->place);
        if (right < open.end && at[right]->col0 < r->col1)
            beside = at[right];
        else if (left < open.end && at[left]->col1 > r->col0)
            beside = at[left];
        if (beside) {
            meet(ctx, r->block, beside->block);
        } else {
            isa_places_add(&open, r->place);
            at[r->place] = r;
        }
    }
    arena_free(a);
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
        verify_bad(v, DIAG_ID_isa_block, where(v, tile, i),
                   "crossbar %u of %lld: a chip with --set tile.crossbars=%u would do", b->crossbar,
                   (long long)count, b->crossbar + 1);
    if (rows && (int64_t)b->row0 + b->rows > rows)
        verify_bad(v, DIAG_ID_isa_block, where(v, tile, i), "rows %u + %u of a crossbar with %lld",
                   b->row0, b->rows, (long long)rows);
    if (columns && (int64_t)b->col0 + b->cols > columns)
        verify_bad(v, DIAG_ID_isa_block, where(v, tile, i),
                   "columns %u + %u of a crossbar with %lld", b->col0, b->cols, (long long)columns);
}

void verify_blocks(verifier *v, uint32_t tile) {
    const isa_tile *t = &v->p->tiles[tile];
    rectangles crossbars = {0}, groups = {0};
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
            vec_push(&crossbars, ((rectangle){b->crossbar, b->row0, b->row0 + b->rows, b->col0,
                                              b->col0 + b->cols, k, 0}));
            vec_push(&groups,
                     ((rectangle){g, b->k0, b->k0 + b->rows, b->n0, b->n0 + b->cols, k, 0}));
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
