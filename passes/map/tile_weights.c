// tile-weights: every static product becomes groups on crossbars.
//
// Products of the same row are put side by side into one group (q|k|v, gate|up) as far as a tile
// has room. A matrix larger than a tile is cut into parts of pr x pc blocks (a block: one
// crossbar): parts of one column strip give raw integer sums that travel and add up (net.recv_add),
// the strip's root finishes them (xbar.fin). Results of different strips live on different tiles,
// so elementwise functions and quantisation are applied strip by strip (a scale that follows the
// row takes its largest element, which the strips find together); whoever needs the whole row gets
// a row.join.
//
// Exact: integers add in any order, the largest of several is the same in any order, and quantize
// has fixed how each scale comes about. On real-number crossbars without size limit nothing is cut;
// a real-number crossbar with limits is refused, since f32 sums re-associate.
#include "isa/machine/pool.h"
#include "passes/pass.h"
#include "passes/rewrite/key.h"
#include "passes/rewrite/rewrite.h"
#include <stdio.h>
#include <string.h>

enum { FAN_IN = 8 }; // columns of largest elements that one tile receives and reduces

typedef struct {                               // one matrix of a group
    const char *weights, *scale, *zero, *bias; // symbols; NULL: none
    int64_t trans, k, n;
} source;

typedef struct { // an old value cut into column strips
    ir_val *items;
    size_t count;
} strips;

typedef struct { // symbols of the new module, by what they hold
    made_symbols groups, fillers;
} shared_symbols;

typedef struct {
    rewrite r;
    const machine *chip;
    shared_symbols *made;
    strips *cut;                    // by old value; count 0: whole
    bool *done;                     // by old operation: emitted with an earlier one of the same row
    size_t *next;                   // by operation: the next product of the same rows
    int64_t xrows, xcols, capacity; // of a crossbar and a tile; INT64_MAX: no limit
} tiler;

static int64_t limit(int64_t v) { return v == 0 ? INT64_MAX : v; }
static int64_t blocks_of(int64_t size, int64_t step) {
    return step == INT64_MAX ? 1 : ceil_div_i64(size, step);
}

// ---- values, whole or in strips --------------------------------------------------------------

static int64_t width_of(const tiler *t, ir_val v) { return ir_type_width(ir_type_of(t->r.f, v)); }

static ir_type with_width(const ir_type *like, int64_t width) {
    ir_type t = *like;
    t.rank = 2;
    t.dim[1] = width;
    return t;
}

static ir_val columns(tiler *t, ir_val v, int64_t from, int64_t until, const ir_op *loc) {
    if (from == 0 && until == width_of(t, v)) return v;
    ir_attrs a = {0};
    ir_attr_set_int(t->r.scratch, &a, IR_ATTR_from, from);
    ir_attr_set_int(t->r.scratch, &a, IR_ATTR_until, until);
    ir_type type = with_width(ir_type_of(t->r.f, v), until - from);
    return rewrite_add(&t->r, IR_row_cols, &v, 1, &a, &type, loc);
}

static ir_val join(tiler *t, const ir_val *parts, size_t n, const ir_op *loc) {
    if (n == 1) return parts[0];
    int64_t width = 0;
    for (size_t i = 0; i < n; i++) width += width_of(t, parts[i]);
    ir_type type = with_width(ir_type_of(t->r.f, parts[0]), width);
    return rewrite_add(&t->r, IR_row_join, parts, n, NULL, &type, loc);
}

// Columns [from, until) of an old value, taken from its strips where it is cut.
static ir_val old_columns(tiler *t, ir_val old, int64_t from, int64_t until, const ir_op *loc) {
    const strips *s = &t->cut[old];
    if (s->count == 0) return columns(t, rewrite_get(&t->r, old), from, until, loc);
    ir_val *parts = ARENA_ARRAY(t->r.scratch, ir_val, s->count);
    size_t n = 0;
    int64_t at = 0;
    for (size_t i = 0; i < s->count; i++) {
        int64_t w = width_of(t, s->items[i]), lo = max_i64(from, at), hi = min_i64(until, at + w);
        if (lo < hi) parts[n++] = columns(t, s->items[i], lo - at, hi - at, loc);
        at += w;
    }
    return join(t, parts, n, loc);
}

// The whole row of an old value; joined once.
static ir_val whole(tiler *t, ir_val old, const ir_op *loc) {
    if (t->cut[old].count > 0 && t->r.map[old] == IR_NONE)
        t->r.map[old] = join(t, t->cut[old].items, t->cut[old].count, loc);
    return t->r.map[old];
}

// ---- groups ----------------------------------------------------------------------------------

static const char *const_symbol(const ir_func *f, ir_val v) {
    const ir_op *op = ir_def(f, v);
    return op ? ir_attr_str(&op->attrs, IR_ATTR_value, NULL) : NULL;
}

static source source_of(const tiler *t, const ir_op *op) {
    const ir_func *f = t->r.of;
    const ir_type *w = ir_type_of(f, op->operand[1]);
    source s = {.weights = const_symbol(f, op->operand[1]),
                .trans = ir_attr_int(&op->attrs, IR_ATTR_trans_w, 0)};
    size_t n;
    const char *const *list = ir_attr_strs(&op->attrs, IR_ATTR_wscale, &n);
    s.scale = n ? list[0] : NULL;
    list = ir_attr_strs(&op->attrs, IR_ATTR_wzero, &n);
    s.zero = n ? list[0] : NULL;
    if (op->n_operands > 2 && op->operand[2] != IR_NONE) s.bias = const_symbol(f, op->operand[2]);
    s.k = w->dim[s.trans ? 1 : 0];
    s.n = w->dim[s.trans ? 0 : 1];
    return s;
}

// A tensor symbol of `n` equal elements, shared.
static const char *filled(tiler *t, const char *what, elem e, int64_t n, double value) {
    const char *key = arena_printf(t->r.scratch, "%s.%lld", what, (long long)n);
    const char *name = made_find(&t->made->fillers, key);
    if (name) return name;
    tensor x = tensor_new(t->r.m->arena, e, 1, &n);
    for (int64_t i = 0; i < n; i++) elem_store_f64(e, x.data, (size_t)i, value);
    return made_add(&t->made->fillers, key, ir_symbol_add_tensor(t->r.m, key, x)->name);
}

// The group that holds rows [k0,k1) and columns [n0,n1) of the sources side by side; found again
// when the same weights serve another layer.
static const char *group_of(tiler *t, const source *s, size_t n, int64_t k0, int64_t k1, int64_t n0,
                            int64_t n1, const char *name) {
    arena *a = t->r.m->arena;
    ir_attrs g = {0};
    const char **list = ARENA_ARRAY(t->r.scratch, const char *, n);
    int64_t *trans = ARENA_ARRAY(t->r.scratch, int64_t, n);
    bool bias = false, zero = false;
    for (size_t i = 0; i < n; i++) {
        list[i] = s[i].weights;
        trans[i] = s[i].trans;
        bias |= s[i].bias != NULL;
        zero |= s[i].zero != NULL;
    }
    ir_attr_set_strs(a, &g, IR_ATTR_weights, list, n);
    ir_attr_set_ints(a, &g, IR_ATTR_wtrans, trans, n);
    if (s[0].scale) {
        for (size_t i = 0; i < n; i++) list[i] = s[i].scale;
        ir_attr_set_strs(a, &g, IR_ATTR_wscale, list, n);
    }
    if (zero) {
        for (size_t i = 0; i < n; i++)
            list[i] = s[i].zero ? s[i].zero : filled(t, "zero", ELEM_i32, s[i].n, 0);
        ir_attr_set_strs(a, &g, IR_ATTR_wzero, list, n);
    }
    if (bias) {
        for (size_t i = 0; i < n; i++)
            list[i] = s[i].bias ? s[i].bias : filled(t, "nobias", ELEM_f32, s[i].n, 0);
        ir_attr_set_strs(a, &g, IR_ATTR_wbias, list, n);
    }
    ir_attr_set_int(a, &g, IR_ATTR_k0, k0);
    ir_attr_set_int(a, &g, IR_ATTR_k1, k1);
    ir_attr_set_int(a, &g, IR_ATTR_n0, n0);
    ir_attr_set_int(a, &g, IR_ATTR_n1, n1);
    if (machine_has_pool(t->chip) && s[0].scale) {
        const machine *chip = t->chip;
        ir_attr_set_int(a, &g, IR_ATTR_digits, chip->pool.digits);
        ir_attr_set_int(a, &g, IR_ATTR_digit_bits, chip->pool.digit_bits);
        ir_attr_set_int(a, &g, IR_ATTR_chunk, machine_pool_chunk(chip));
        ir_attr_set_int(a, &g, IR_ATTR_adc_bits, chip->pool.adc_bits);
        ir_attr_set_int(a, &g, IR_ATTR_adc_step, machine_pool_step(chip));
        ir_attr_set_int(a, &g, IR_ATTR_apart, !chip->pool.subtract);
    }
    key_text key = {0};
    key_attrs(&key, &g);
    const char *known = made_find(&t->made->groups, key_end(&key));
    if (!known) {
        ir_symbol *made = ir_symbol_add(t->r.m, IR_SYM_GROUP, name);
        made->attrs = g;
        known = made_add(&t->made->groups, key_end(&key), made->name);
    }
    vec_free(&key);
    return known;
}

static ir_val product(tiler *t, ir_val x, const char *group, bool raw, const ir_type *type,
                      const ir_op *loc) {
    ir_attrs a = {0};
    ir_attr_set_str(t->r.scratch, &a, IR_ATTR_group, group);
    if (raw) ir_attr_set_int(t->r.scratch, &a, IR_ATTR_raw, 1);
    return rewrite_add(&t->r, IR_xbar_mvm, &x, 1, &a, type, loc);
}

// ---- a matrix larger than a tile -------------------------------------------------------------

// Part size in blocks: fewest tiles, then least traffic (received inputs and partial sums).
static void choose_part(const tiler *t, int64_t row_blocks, int64_t col_blocks, int64_t *pr,
                        int64_t *pc) {
    double best = 0;
    *pr = *pc = 1;
    for (int64_t c = 1; c <= min_i64(t->capacity, col_blocks); c++) {
        int64_t r = min_i64(t->capacity / c, row_blocks);
        int64_t down = ceil_div_i64(row_blocks, r), across = ceil_div_i64(col_blocks, c);
        double traffic = (double)(down * across * (r * t->xrows + 16)) +
                         (double)((down - 1) * col_blocks * t->xcols * 4);
        double cost = (double)(down * across) * 1e12 + traffic;
        if (best == 0 || cost < best) {
            best = cost;
            *pr = r;
            *pc = c;
        }
    }
}

static void cut_product(tiler *t, const ir_op *op, const source *s) {
    int64_t row_blocks = blocks_of(s->k, t->xrows), col_blocks = blocks_of(s->n, t->xcols), pr, pc;
    choose_part(t, row_blocks, col_blocks, &pr, &pc);
    int64_t down = 0, across = ceil_div_i64(col_blocks, pc), rows_cut = 0;
    const ir_type *type = ir_type_of(t->r.of, op->result[0]);
    strips *cut = &t->cut[op->result[0]];
    cut->items = ARENA_ARRAY(t->r.scratch, ir_val, across);
    // Slices of the row, shared by all strips that cut it alike: one multicast each.
    ir_val *slice = ARENA_ARRAY(t->r.scratch, ir_val, row_blocks);
    for (int64_t c = 0; c < across; c++) {
        int64_t n0 = c * pc * t->xcols, n1 = min_i64(s->n, n0 + pc * t->xcols);
        // The last strip may be narrower and its parts taller: two parts of a strip never fit on
        // one tile, so that every sum of parts crosses a link.
        pr = min_i64(row_blocks, t->capacity / blocks_of(n1 - n0, t->xcols));
        down = ceil_div_i64(row_blocks, pr);
        if (pr != rows_cut) memset(slice, 0, (size_t)row_blocks * sizeof *slice);
        rows_cut = pr;
        ir_type out = with_width(type, n1 - n0), raw = out;
        raw.type = ELEM_i32;
        ir_val sum = IR_NONE;
        const char *group = NULL;
        for (int64_t d = down;
             d-- > 0;) { // the root (part 0) comes last and adds what the others send
            int64_t k0 = d * pr * t->xrows, k1 = min_i64(s->k, k0 + pr * t->xrows);
            group = group_of(
                t, s, 1, k0, k1, n0, n1,
                arena_printf(t->r.scratch, "%s.%lld.%lld", s->weights, (long long)d, (long long)c));
            if (slice[d] == IR_NONE) slice[d] = old_columns(t, op->operand[0], k0, k1, op);
            ir_val part = product(t, slice[d], group, down > 1, down > 1 ? &raw : &out, op);
            sum = sum == IR_NONE ? part
                                 : rewrite_add(&t->r, IR_net_recv_add, (ir_val[]){part, sum}, 2,
                                               NULL, &raw, op);
        }
        if (down > 1) {
            ir_attrs a = {0};
            ir_attr_set_str(t->r.scratch, &a, IR_ATTR_group, group);
            sum = rewrite_add(&t->r, IR_xbar_fin, &sum, 1, &a, &out, op);
        }
        cut->items[cut->count++] = sum;
    }
    if (cut->count == 1) t->r.map[op->result[0]] = cut->items[0], cut->count = 0;
}

// ---- products of one row, side by side -------------------------------------------------------

static bool is_product(const tiler *t, const ir_op *op) {
    return op->code == IR_nn_linear && const_symbol(t->r.of, op->operand[1]) != NULL;
}

static void fuse_products(tiler *t, size_t first) {
    const ir_func *f = t->r.of;
    const ir_op *op = &f->ops.items[first];
    VEC(source) list = {0};
    VEC(const ir_op *) members = {0};
    int64_t n = 0;
    for (size_t i = first; i < f->ops.count; i = t->next[i]) {
        const ir_op *other = &f->ops.items[i];
        if (t->done[i]) continue;
        source s = source_of(t, other);
        int64_t blocks = blocks_of(s.k, t->xrows) * blocks_of(n + s.n, t->xcols);
        bool alike = list.count == 0 || (list.items[0].scale != NULL) == (s.scale != NULL);
        if (list.count > 0 && (!alike || blocks > t->capacity)) continue;
        t->done[i] = true;
        vec_push(&list, s);
        vec_push(&members, other);
        n += s.n;
        if (blocks > t->capacity) break; // alone, and too large: cut below
    }
    const source *s = &list.items[0];
    if (blocks_of(s->k, t->xrows) * blocks_of(n, t->xcols) > t->capacity) {
        cut_product(t, op, s);
    } else {
        const char *group = group_of(t, s, list.count, 0, s->k, 0, n,
                                     arena_printf(t->r.scratch, "g.%s", s->weights));
        ir_type type = with_width(ir_type_of(f, op->result[0]), n);
        ir_val y = product(t, whole(t, op->operand[0], op), group, false, &type, op);
        for (size_t i = 1; i < members.count; i++) // one instruction now serves all their nodes
            for (uint32_t k = 0; k < members.items[i]->n_locs; k++)
                ir_op_add_loc(t->r.m->arena, ir_last_op(t->r.f), members.items[i]->loc[k]);
        int64_t at = 0;
        for (size_t i = 0; i < members.count; i++) {
            t->r.map[members.items[i]->result[0]] =
                columns(t, y, at, at + list.items[i].n, members.items[i]);
            at += list.items[i].n;
        }
    }
    vec_free(&list);
    vec_free(&members);
}

// ---- everything else -------------------------------------------------------------------------

// An elementwise function of one or two operands that digital units have.
static bool is_function(const ir_op *op) {
    return ir_is_elementwise(op->code) && op->n_operands <= 2 &&
           strcmp(ir_ops[op->code].lowering, "none") != 0;
}

// Strips on which an operation can work one by one: its cut operands agree, the others are
// constants.
static const strips *common_strips(const tiler *t, const ir_op *op) {
    bool static_quant = op->code == IR_nn_quant &&
                        IR_WORD(&op->attrs, mode, quantisation, QUANT_SYM) == IR_QUANT_STATIC;
    if (!static_quant && !is_function(op)) return NULL;
    const strips *common = NULL;
    for (uint32_t i = 0; i < op->n_operands; i++) {
        const strips *s = &t->cut[op->operand[i]];
        if (s->count == 0) {
            const tensor *c = ir_const_of(t->r.old, t->r.of, op->operand[i]);
            if (!c || c->rank > 1) return NULL;
            continue;
        }
        if (common) {
            if (common->count != s->count) return NULL;
            for (size_t k = 0; k < s->count; k++)
                if (width_of(t, s->items[k]) != width_of(t, common->items[k])) return NULL;
        }
        common = s;
    }
    return common;
}

static void by_strips(tiler *t, const ir_op *op, const strips *like) {
    strips *cut = &t->cut[op->result[0]];
    cut->items = ARENA_ARRAY(t->r.scratch, ir_val, like->count);
    int64_t at = 0;
    for (size_t i = 0; i < like->count; i++) {
        int64_t w = width_of(t, like->items[i]);
        ir_val in[2] = {IR_NONE, IR_NONE};
        for (uint32_t k = 0; k < op->n_operands && k < 2; k++) {
            const tensor *c = ir_const_of(t->r.old, t->r.of, op->operand[k]);
            if (!c) {
                in[k] = t->cut[op->operand[k]].items[i];
            } else if (tensor_count(c) == 1) {
                in[k] = rewrite_get(&t->r, op->operand[k]);
            } else {
                tensor part = *c; // columns of a constant row: the same bytes
                part.dim[0] = w;
                part.data = (char *)c->data + (size_t)at * elem_bytes(c->type);
                in[k] = ir_build_const(t->r.m, t->r.f, const_symbol(t->r.of, op->operand[k]), part);
            }
        }
        ir_type type = with_width(ir_type_of(t->r.of, op->result[0]), w);
        cut->items[cut->count++] =
            rewrite_add(&t->r, op->code, in, op->n_operands, &op->attrs, &type, op);
        at += w;
    }
}

static ir_val largest(tiler *t, ir_val x, const ir_op *op) {
    ir_attrs a = {0};
    ir_attr_set_word(t->r.scratch, &a, IR_ATTR_fn, IR_ENUM_row_reduction, IR_RED_ABSMAX);
    ir_attr_set_int(t->r.scratch, &a, IR_ATTR_segments, 1);
    ir_type type = with_width(ir_type_of(t->r.f, x), 1);
    return rewrite_add(&t->r, IR_dig_red, &x, 1, &a, &type, op);
}

// The largest |element| of a row in strips: of each strip, then of those, FAN_IN at a time.
static ir_val largest_of_strips(tiler *t, const strips *s, const ir_op *op) {
    ir_val *most = ARENA_ARRAY(t->r.scratch, ir_val, s->count);
    size_t n = s->count;
    for (size_t i = 0; i < n; i++) most[i] = largest(t, s->items[i], op);
    while (n > 1) {
        size_t made = 0;
        for (size_t i = 0; i < n; i += FAN_IN) {
            size_t some = n - i < FAN_IN ? n - i : FAN_IN;
            ir_val of = join(t, most + i, some, op);
            most[made++] = some > 1 ? largest(t, of, op) : of;
        }
        n = made;
    }
    return most[0];
}

// A row that no tile has as a whole has a scale of its own all the same: every strip is quantised
// where it is, by the largest element of the row.
static void quantise_strips(tiler *t, const ir_op *op, const strips *s) {
    ir_val most = op->n_operands > 1 ? whole(t, op->operand[1], op) : largest_of_strips(t, s, op);
    strips *cut = &t->cut[op->result[0]];
    cut->items = ARENA_ARRAY(t->r.scratch, ir_val, s->count);
    for (size_t i = 0; i < s->count; i++) {
        ir_type type = with_width(ir_type_of(t->r.of, op->result[0]), width_of(t, s->items[i]));
        cut->items[cut->count++] = rewrite_add(&t->r, IR_nn_quant, (ir_val[]){s->items[i], most}, 2,
                                               &op->attrs, &type, op);
    }
}

static bool is_sym(const ir_op *op) {
    return op->code == IR_nn_quant &&
           IR_WORD(&op->attrs, mode, quantisation, QUANT_SYM) == IR_QUANT_SYM;
}

static void copy_whole(tiler *t, const ir_op *op) {
    if (op->code == IR_row_cols && t->cut[op->operand[0]].count > 0) {
        t->r.map[op->result[0]] =
            old_columns(t, op->operand[0], ir_attr_int(&op->attrs, IR_ATTR_from, 0),
                        ir_attr_int(&op->attrs, IR_ATTR_until, 0), op);
        return;
    }
    for (uint32_t i = 0; i < op->n_operands; i++)
        if (op->operand[i] != IR_NONE) whole(t, op->operand[i], op);
    rewrite_copy(&t->r, op);
}

// By operation, the next product of the same rows, or the number of operations.
static size_t *chain_products(const tiler *t) {
    const ir_func *f = t->r.of;
    size_t *next = ARENA_ARRAY(t->r.scratch, size_t, f->ops.count + 1);
    size_t *first = ARENA_ARRAY(t->r.scratch, size_t, f->values.count + 1); // by rows; 0: none
    for (size_t i = f->ops.count; i-- > 0;) {
        if (!is_product(t, &f->ops.items[i])) continue;
        size_t *met = &first[f->ops.items[i].operand[0]];
        next[i] = *met ? *met : f->ops.count;
        *met = i;
    }
    return next;
}

static bool tile_func(const ir_module *old, const ir_func *f, ir_module *m, const machine *chip,
                      shared_symbols *made, diag_sink *diags) {
    tiler t = {.r = rewrite_begin(old, f, m, diags), .chip = chip, .made = made};
    const bool pool = machine_has_pool(chip); // any matrix, in parts of its own
    t.xrows = pool ? INT64_MAX : limit(chip->crossbar.rows);
    t.xcols = pool ? INT64_MAX : limit(chip->crossbar.columns);
    t.capacity = pool ? INT64_MAX : limit(chip->tile.crossbars);
    t.cut = ARENA_ARRAY(t.r.scratch, strips, f->values.count + 1);
    t.done = ARENA_ARRAY(t.r.scratch, bool, f->ops.count + 1);
    t.next = chain_products(&t);
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        if (t.done[i]) continue;
        if (is_product(&t, op)) {
            fuse_products(&t, i);
            continue;
        }
        const strips *common = common_strips(&t, op);
        if (common)
            by_strips(&t, op, common);
        else if (is_sym(op) && t.cut[op->operand[0]].count > 0)
            quantise_strips(&t, op, &t.cut[op->operand[0]]);
        else
            copy_whole(&t, op);
    }
    for (size_t i = 0; i < f->results.count; i++) whole(&t, f->results.items[i].value, NULL);
    return rewrite_end(&t.r);
}

ir_module *pass_tile_weights(const ir_module *old, const pass_options *o, diag_sink *diags) {
    const machine *chip = o->machine;
    if (chip->crossbar.weight_bits == 0 &&
        (chip->crossbar.rows != 0 || chip->crossbar.columns != 0)) {
        diag_emit(diags, DIAG_ID_tile_real, DIAG_NOWHERE,
                  "chip '%s' stores real-number weights (crossbar.weight_bits = 0) on crossbars of "
                  "limited size: sums "
                  "of blocks would depend on the cut; set crossbar.rows and crossbar.columns to 0, "
                  "or weight_bits to 8",
                  chip->name);
        return NULL;
    }
    ir_module *m = ir_module_derive(old);
    m->stage = IR_LOWERING;
    shared_symbols made = {.groups = {map_new()}, .fillers = {map_new()}};
    bool ok = true;
    for (size_t i = 0; i < old->funcs.count; i++)
        ok = tile_func(old, old->funcs.items[i], m, chip, &made, diags) && ok;
    made_free(&made.groups);
    made_free(&made.fillers);
    if (!ok) {
        ir_module_free(m);
        return NULL;
    }
    ir_symbols_sweep(m);
    return m;
}
