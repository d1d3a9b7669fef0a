// allocate: where results lie and how many of their rows are kept.
//
// A value gets a buffer of its own, or a column range of another's: operands of a join lie side by
// side in the join's buffer, keys and values of a ring in one buffer, and a rotation works in
// place. `depth` is the rows kept: at least what the lag rule asks for (the program then cannot
// deadlock for any number of rows), and KEEP_ROWS where there is room, so that rows flow while
// their successors are made. Buffers that a barrier makes long go to the row store (space mem) when
// the scratchpad cannot hold them. Values whose lives are max_chunk rows apart share bytes.
//
// Lag rule (docs/isa.md): lag(i) = rows of virtual delay before instruction i's first row;
//   depth >= min(max_chunk, 1 + max over readers (lag + rows they look back) - lag(writer)).
#include "ir/mapped.h"
#include "isa/machine/pool.h"
#include "passes/map/joins.h"
#include "passes/pass.h"
#include <string.h>

#define KEEP_ROWS 4 // covers the latencies of a crossbar pipeline (docs/isa.md, "depth for speed")

typedef struct {
    int tile;
    int64_t width, depth, stride, at;
    int64_t write_lag, read_lag; // smallest of its writers, largest of its readers (with look-back)
    size_t first, last;          // operations that write it first, use it last
    bool written, mem;
} buffer;

typedef struct {
    const ir_module *m;
    ir_func *f;
    const machine *chip;
    arena *a;
    uint32_t *root;  // by value: value whose buffer it lies in (itself: its own)
    int64_t *col0;   // by value: first column there
    bool *placed;    // by value: has a fixed place in another's buffer
    int64_t *lag;    // by operation
    buffer *buffers; // by root value
    map *names;      // of values; NULL: not asked for yet
    int64_t chunk;
} allocator;

static int op_tile(const ir_op *op) { return (int)ir_attr_int(&op->attrs, IR_ATTR_tile, 0); }
static int64_t width_of(const allocator *x, ir_val v) { return ir_type_width(ir_type_of(x->f, v)); }

// ---- who lies where --------------------------------------------------------------------------

// Values that occupy no row of their own: constants and what only stands for rows in flight.
static bool has_row(const ir_op *op) { return op->code != IR_t_const && op->code != IR_net_send; }

static ir_val find(const allocator *x, ir_val v, int64_t *col) {
    *col = 0;
    while (x->root[v] != v) {
        *col += x->col0[v];
        v = x->root[v];
    }
    return v;
}

static void lie_in(allocator *x, ir_val v, ir_val parent, int64_t col) {
    x->root[v] = parent;
    x->col0[v] = col;
    x->placed[v] = true;
}

// The value a chain of column views looks at, and where.
static ir_val looked_at(const ir_func *f, ir_val v, int64_t *col) {
    *col = 0;
    for (const ir_op *op; (op = ir_def(f, v)) && op->code == IR_row_cols; v = op->operand[0])
        *col += ir_attr_int(&op->attrs, IR_ATTR_from, 0);
    return v;
}

// True when nothing after operation `at` reads the columns that v looks at.
static bool is_last_use(const allocator *x, ir_val v, size_t at) {
    int64_t from, until, col;
    ir_val root = looked_at(x->f, v, &from);
    until = from + width_of(x, v);
    for (size_t i = at + 1; i < x->f->ops.count; i++) {
        const ir_op *op = &x->f->ops.items[i];
        for (uint32_t k = 0; k < op->n_operands && op->code != IR_row_cols; k++) {
            ir_val u = op->operand[k];
            if (u != IR_NONE && looked_at(x->f, u, &col) == root && col < until &&
                from < col + width_of(x, u))
                return false;
        }
    }
    return true;
}

// Views look into what they view; joins collect their operands; rotations work in place.
// Operations that must copy because their operand lies elsewhere already were given one by
// make_joinable.
static void layout(allocator *x) {
    for (size_t v = 0; v < x->f->values.count; v++) x->root[v] = (uint32_t)v;
    for (size_t i = 0; i < x->f->ops.count; i++) {
        const ir_op *op = &x->f->ops.items[i];
        if (op->code == IR_row_cols) {
            lie_in(x, op->result[0], op->operand[0], ir_attr_int(&op->attrs, IR_ATTR_from, 0));
        } else if (op->code == IR_dig_rope) {
            const ir_op *view = ir_def(x->f, op->operand[0]);
            if (view && ir_type_of(x->f, op->result[0])->type == ELEM_f32 &&
                is_last_use(x, op->operand[0], i))
                lie_in(x, op->result[0], op->operand[0], 0);
        }
    }
    for (size_t i = 0; i < x->f->ops.count; i++) {
        const ir_op *op = &x->f->ops.items[i];
        if (op->code != IR_row_join) continue;
        // Parts that lie side by side already make the join a view.
        int64_t col, first = 0, at = 0;
        ir_val root = find(x, op->operand[0], &first);
        bool beside = root != op->operand[0];
        for (uint32_t k = 0; k < op->n_operands && beside; k++) {
            beside = find(x, op->operand[k], &col) == root && col == first + at;
            at += width_of(x, op->operand[k]);
        }
        if (beside) {
            lie_in(x, op->result[0], root, first);
            continue;
        }
        at = 0;
        for (uint32_t k = 0; k < op->n_operands; k++) {
            lie_in(x, op->operand[k], op->result[0], at);
            at += width_of(x, op->operand[k]);
        }
    }
}

// ---- lags ------------------------------------------------------------------------------------

typedef struct {
    int64_t behind; // extra delay, in rows, of an operation behind its operands
    int64_t back;   // rows behind its own that it still reads
} reach;

static reach reach_of(const allocator *x, const ir_op *op) {
    switch (ir_ops[op->code].rows) {
    case IR_ROWS_EACH: break;
    case IR_ROWS_ALL: return (reach){x->chunk, 0};
    case IR_ROWS_INDEX: return (reach){x->chunk, x->chunk};
    case IR_ROWS_SKIP: return (reach){ir_attr_int(&op->attrs, IR_ATTR_row, 0), 0};
    case IR_ROWS_PREFIX: {
        const ir_type *t = ir_type_of(x->f, op->operand[1]);
        return (reach){0, t->rank == 2 ? t->dim[0] : 1};
    }
    case IR_ROWS_WINDOW: {
        int64_t k = ir_attr_int(&op->attrs, IR_ATTR_k, 1),
                pad = ir_attr_int(&op->attrs, IR_ATTR_pad, 0);
        return (reach){max_i64(0, k - 1 - pad), pad};
    }
    }
    return (reach){0, 0};
}

static bool one_row(const allocator *x, ir_val v) {
    return ir_domain_is(x->m, ir_type_domain(ir_type_of(x->f, v)), IR_DOMAIN_ONE);
}

// What a tile has issued so far.
typedef struct {
    VEC(int64_t) lags; // of its instructions
    int64_t floor;     // what follows from those that have left the active set
    uint8_t domains;   // set by a `settl`, or free
} line;

// The next instruction of the line, not before `lag`; returns its lag.
static int64_t issue(const allocator *x, line *l, int64_t lag) {
    int64_t active = x->chip->tile.active_set, count = (int64_t)l->lags.count;
    if (count >= active) l->floor = max_i64(l->floor, l->lags.items[count - active] + x->chunk);
    lag = max_i64(lag, l->floor);
    vec_push(&l->lags, lag);
    return lag;
}

// The backend sets a derived domain, and what it derives from, before its first use in a tile's
// line.
static void issue_settl(const allocator *x, line *l, int d) {
    if (d < 0 || (l->domains >> d & 1)) return;
    l->domains |= (uint8_t)(1u << d);
    if (ir_domain_is(x->m, d, IR_DOMAIN_FREE)) return;
    issue_settl(x, l, ir_domain_parent(x->m, d));
    issue(x, l, 0);
}

static int domain_of(const allocator *x, ir_val v) {
    return v == IR_NONE ? -1 : ir_type_domain(ir_type_of(x->f, v));
}

static void lags(allocator *x) {
    const ir_func *f = x->f;
    map *written = map_new(); // ring -> operation that wrote it
    int tiles = 0;
    for (size_t i = 0; i < f->ops.count; i++)
        tiles = op_tile(&f->ops.items[i]) >= tiles ? op_tile(&f->ops.items[i]) + 1 : tiles;
    line *lines = base_calloc((size_t)tiles + 1, sizeof *lines);
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        int64_t lag = 0;
        for (uint32_t k = 0; k < op->n_operands; k++) {
            const ir_op *def = ir_def(f, op->operand[k]);
            if (!def || def->code == IR_t_const) continue;
            int64_t l = x->lag[def - f->ops.items] + reach_of(x, op).behind;
            if (one_row(x, op->operand[k]) && op->n_results && !one_row(x, op->result[0]))
                l += x->chunk; // broadcast
            lag = max_i64(lag, l);
        }
        const char *ring = ir_attr_str(&op->attrs, IR_ATTR_ring, NULL);
        if (ring && ir_stores(op))
            map_set(written, ring, (uint32_t)i);
        else if (ring && map_get(written, ring) != MAP_NONE)
            lag = max_i64(lag, x->lag[map_get(written, ring)] + x->chunk);
        if (!ir_is_columns(op) && op->code != IR_t_const) {
            line *l = &lines[op_tile(op)];
            for (uint32_t k = 0; k < op->n_results; k++)
                issue_settl(x, l, domain_of(x, op->result[k]));
            for (uint32_t k = 0; k < op->n_operands; k++)
                issue_settl(x, l, domain_of(x, op->operand[k]));
            lag = issue(x, l, lag);
        }
        x->lag[i] = lag;
    }
    for (int t = 0; t < tiles; t++) vec_free(&lines[t].lags);
    free(lines);
    map_free(written);
}

// ---- buffers ---------------------------------------------------------------------------------

static int64_t row_bytes(const ir_func *f, ir_val v) {
    const ir_type *t = ir_type_of(f, v);
    int64_t w = ir_type_width(t);
    if (t->type == ELEM_q8) return w + 16;
    return w * (int64_t)elem_bytes(t->type) + (ir_is_raw(f, v) ? 16 : 0);
}

static void reads(allocator *x, ir_val v, size_t at, int64_t lag) {
    int64_t col;
    buffer *b = &x->buffers[find(x, v, &col)];
    b->read_lag = max_i64(b->read_lag, lag);
    b->last = at;
}

static void gather_lags(allocator *x) {
    for (size_t i = 0; i < x->f->ops.count; i++) {
        const ir_op *op = &x->f->ops.items[i];
        if (ir_is_columns(op) || op->code == IR_t_const) continue;
        for (uint32_t k = 0; k < op->n_operands; k++) {
            const ir_op *def = ir_def(x->f, op->operand[k]);
            if (!def || !has_row(def)) continue;
            reads(x, op->operand[k], i, x->lag[i] + reach_of(x, op).back);
        }
        for (uint32_t k = 0; k < op->n_results && has_row(op); k++) {
            int64_t col;
            buffer *b = &x->buffers[find(x, op->result[k], &col)];
            b->write_lag = b->written ? min_i64(b->write_lag, x->lag[i]) : x->lag[i];
            b->read_lag = max_i64(b->read_lag, x->lag[i]); // who writes it uses it, too
            if (!b->written) b->first = i;
            b->last = i;
            b->written = true;
        }
    }
}

static int64_t needed_depth(const allocator *x, const buffer *b) {
    return min_i64(x->chunk, max_i64(1, 1 + b->read_lag - b->write_lag));
}

static void size_buffers(allocator *x) {
    for (size_t i = 0; i < x->f->ops.count; i++) {
        const ir_op *op = &x->f->ops.items[i];
        for (uint32_t k = 0; k < op->n_results && has_row(op); k++) {
            ir_val v = op->result[k];
            if (x->root[v] != v) continue;
            buffer *b = &x->buffers[v];
            b->tile = op_tile(op);
            b->stride = (int64_t)align_u64((uint64_t)row_bytes(x->f, v), 16);
            b->depth = max_i64(needed_depth(x, b), min_i64(x->chunk, KEEP_ROWS));
        }
    }
}

// True when b may lie where a lay: the last row of a has been used before the first of b is
// written, in the tile's line and, by their lags, whatever the number of rows; so sharing delays
// nothing.
static bool follows(const allocator *x, const buffer *b, const buffer *a) {
    return b->first > a->last && b->write_lag >= a->read_lag + x->chunk;
}

// Addresses of the buffers of one space, each the lowest free one, in the order of their first
// writers. Returns the bytes used. A buffer that every later one follows is compared no more, so
// that long chains cost what is alive at once.
static int64_t lay_out(allocator *x, const ir_val *order, size_t n, bool mem) {
    int64_t end = 0;
    arena *scratch = arena_new();
    int64_t *soonest = ARENA_ARRAY(scratch, int64_t, n + 1); // write_lag of the buffers from i on
    soonest[n] = INT64_MAX;
    for (size_t i = n; i-- > 0;)
        soonest[i] = min_i64(soonest[i + 1], x->buffers[order[i]].write_lag);
    const buffer **alive = ARENA_ARRAY(scratch, const buffer *, n + 1);
    size_t n_alive = 0;
    for (size_t i = 0; i < n; i++) {
        buffer *b = &x->buffers[order[i]];
        if (b->mem != mem) continue;
        int64_t size = b->depth * b->stride;
        b->at = 0;
        size_t kept = 0;
        for (size_t k = 0; k < n_alive; k++)
            if (alive[k]->last >= b->first || soonest[i] < alive[k]->read_lag + x->chunk)
                alive[kept++] = alive[k];
        n_alive = kept;
        for (bool moved = true; moved;) {
            moved = false;
            for (size_t k = 0; k < n_alive; k++) {
                const buffer *a = alive[k];
                int64_t behind_a = a->at + a->depth * a->stride;
                if (b->at >= behind_a || a->at >= b->at + size || follows(x, b, a)) continue;
                b->at = behind_a;
                moved = true;
            }
        }
        alive[n_alive++] = b;
        end = max_i64(end, b->at + size);
    }
    arena_free(scratch);
    return end;
}

// Addresses on one tile: scratchpad first; what a barrier made long goes to the row store when it
// does not fit.
static bool place_tile(allocator *x, int tile, const ir_val *roots, size_t n, diag_sink *diags) {
    int64_t room = x->chip->tile.scratchpad ? x->chip->tile.scratchpad : INT64_MAX;
    ir_val *order = arena_copy(x->a, roots, n * sizeof *roots);
    for (size_t i = 1; i < n; i++) // a join's parts are written before the join stands there
        for (size_t k = i; k > 0 && x->buffers[order[k]].first < x->buffers[order[k - 1]].first;
             k--) {
            ir_val v = order[k];
            order[k] = order[k - 1];
            order[k - 1] = v;
        }
    int64_t total = lay_out(x, order, n, false);
    while (total > room) { // the largest of those longer than KEEP_ROWS moves out
        buffer *most = NULL;
        for (size_t i = 0; i < n; i++) {
            buffer *b = &x->buffers[order[i]];
            if (b->mem || b->depth <= KEEP_ROWS) continue;
            if (!most || b->depth * b->stride > most->depth * most->stride) most = b;
        }
        if (!most) break;
        most->mem = true;
        total = lay_out(x, order, n, false);
    }
    for (size_t i = 0; i < n && total > room; i++) { // then rows kept for speed only
        buffer *b = &x->buffers[order[i]];
        int64_t least = needed_depth(x, b);
        if (b->mem || least >= b->depth) continue;
        b->depth = least;
        total = lay_out(x, order, n, false);
    }
    if (total > room) {
        diag_emit(diags, DIAG_ID_scratchpad, DIAG_NOWHERE,
                  "tile %d needs %lld bytes of scratchpad for one row of every value it holds, "
                  "chip '%s' has %lld: use --set "
                  "tile.scratchpad=%lld%s",
                  tile, (long long)total, x->chip->name, (long long)room,
                  (long long)align_u64((uint64_t)total, 1024),
                  machine_has_pool(x->chip) ? "" : ", or fewer crossbars a tile");
        return false;
    }
    lay_out(x, order, n, true);
    return true;
}

// A value that another is a view of needs a name: a model may have called others the same.
static const char *value_name(allocator *x, ir_val v) {
    ir_value *value = &x->f->values.items[v];
    if (value->name) return value->name;
    if (!x->names) {
        x->names = map_new();
        for (size_t i = 1; i < x->f->values.count; i++)
            if (x->f->values.items[i].name) map_add(x->names, x->f->values.items[i].name, 0);
    }
    const char *name = arena_printf(x->m->arena, "v%u", v);
    for (int i = 1; map_get(x->names, name) != MAP_NONE; i++)
        name = arena_printf(x->m->arena, "v%u.%d", v, i);
    map_add(x->names, name, 0);
    value->name = name;
    return name;
}

static void annotate(allocator *x) {
    for (size_t i = 0; i < x->f->ops.count; i++) {
        ir_op *op = &x->f->ops.items[i];
        arena *a = x->m->arena;
        if (op->code ==
            IR_net_send) { // the queue at each receiver: rows between send and the latest receive
            int64_t latest = x->lag[i];
            for (size_t k = i + 1; k < x->f->ops.count; k++) {
                const ir_op *to = &x->f->ops.items[k];
                for (uint32_t o = 0; o < to->n_operands; o++)
                    if (to->operand[o] == op->result[0]) latest = max_i64(latest, x->lag[k]);
            }
            int64_t depth = max_i64(x->chip->router.queue, 1 + latest - x->lag[i]);
            ir_attr_set_int(a, &op->attrs, IR_ATTR_depth, min_i64(depth, x->chunk));
            continue;
        }
        if (!has_row(op) || op->n_results == 0 || op->code == IR_row_cols) continue;
        int64_t col;
        ir_val root = find(x, op->result[0], &col);
        if (op->code == IR_row_join && root != op->result[0]) continue;
        if (root != op->result[0]) {
            ir_attr_set_str(a, &op->attrs, IR_ATTR_parent, value_name(x, root));
            ir_attr_set_int(a, &op->attrs, IR_ATTR_col0, col);
            continue;
        }
        const buffer *b = &x->buffers[root];
        ir_attr_set_int(a, &op->attrs, IR_ATTR_depth, b->depth);
        ir_attr_set_int(a, &op->attrs, IR_ATTR_at, b->at);
        ir_attr_set_word(a, &op->attrs, IR_ATTR_space, IR_ENUM_space,
                         b->mem ? IR_SPACE_MEM : IR_SPACE_PAD);
    }
}

// Rows of domain d in a step of the function that reads `chunk` of its own; 0: not of them.
static int64_t rows_in_step(const ir_module *m, int d, int64_t chunk) {
    if (ir_domain_is(m, d, IR_DOMAIN_FREE)) return chunk;
    if (!ir_domain_is(m, d, IR_DOMAIN_LIN)) return 0;
    int64_t rows, from = rows_in_step(m, ir_domain_parent(m, d), chunk);
    return from > 0 && ir_domain_lin(&m->domain[d], from, &rows) ? rows : 0;
}

// Most rows that a domain has in a step of the function.
static int64_t largest_bound(const ir_module *m, const ir_func *f) {
    int64_t chunk =
        ir_attr_int(&f->attrs, IR_ATTR_max_chunk, ir_attr_int(&m->attrs, IR_ATTR_max_chunk, 64));
    int64_t most = chunk;
    for (int d = 0; d < IR_MAX_DOMAINS; d++) most = max_i64(most, rows_in_step(m, d, chunk));
    return most;
}

static bool allocate_func(const ir_module *m, ir_func *f, const machine *chip, diag_sink *diags) {
    allocator x = {.m = m, .f = f, .chip = chip, .a = arena_new(), .chunk = largest_bound(m, f)};
    size_t n = f->values.count + 1;
    x.root = ARENA_ARRAY(x.a, uint32_t, n);
    x.col0 = ARENA_ARRAY(x.a, int64_t, n);
    x.placed = ARENA_ARRAY(x.a, bool, n);
    x.lag = ARENA_ARRAY(x.a, int64_t, f->ops.count + 1);
    x.buffers = ARENA_ARRAY(x.a, buffer, n);
    layout(&x);
    lags(&x);
    gather_lags(&x);
    size_buffers(&x);
    int tiles = 0;
    for (size_t i = 0; i < f->ops.count; i++)
        tiles = op_tile(&f->ops.items[i]) >= tiles ? op_tile(&f->ops.items[i]) + 1 : tiles;
    VEC(ir_val) *roots = base_calloc((size_t)tiles + 1, sizeof *roots);
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        for (uint32_t k = 0; k < op->n_results && has_row(op); k++)
            if (x.root[op->result[k]] == op->result[k])
                vec_push(&roots[op_tile(op)], op->result[k]);
    }
    bool ok = true;
    for (int t = 0; t < tiles; t++) {
        ok = place_tile(&x, t, roots[t].items, roots[t].count, diags) && ok;
        vec_free(&roots[t]);
    }
    free(roots);
    if (ok) annotate(&x);
    map_free(x.names);
    arena_free(x.a);
    return ok;
}

ir_module *pass_allocate(const ir_module *old, const pass_options *o, diag_sink *diags) {
    ir_module *m = ir_module_derive(old);
    bool ok = true;
    for (size_t i = 0; i < old->funcs.count; i++) {
        ir_func *f = joins_make(old, old->funcs.items[i], m, diags);
        ok = f && allocate_func(m, f, o->machine, diags) && ok;
    }
    if (ok) return m;
    ir_module_free(m);
    return NULL;
}
