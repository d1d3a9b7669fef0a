// What makes values lie side by side where an instruction reads them as one row?
#include "passes/map/joins.h"
#include "ir/mapped.h"
#include "passes/rewrite/rewrite.h"

typedef struct {
    rewrite r;
    bool *taken;   // by new value: lies in a join's buffer already
    bool *owner;   // by new value: a join with a buffer of its own, which may lie in another join's
    ir_val *joint; // by old key value: the new k|v join
} joiner;

// True when the values lie side by side without any help: neighbouring columns of one value,
// possibly rotated in place.
static ir_val viewed(const ir_func *f, ir_val v, int64_t *col) {
    *col = 0;
    for (;;) {
        const ir_op *op = ir_def(f, v);
        if (op && op->code == IR_row_cols) {
            *col += ir_attr_int(&op->attrs, IR_ATTR_from, 0);
            v = op->operand[0];
        } else if (op && op->code == IR_dig_rope) {
            v = op->operand[0];
        } else {
            return v;
        }
    }
}

static bool lie_side_by_side(const ir_func *f, const ir_val *v, size_t n) {
    int64_t first, col, at = 0;
    ir_val root = viewed(f, v[0], &first);
    if (root == v[0]) return false;
    for (size_t i = 0; i < n; i++) {
        if (viewed(f, v[i], &col) != root || col != first + at) return false;
        at += ir_type_width(ir_type_of(f, v[i]));
    }
    return true;
}

// An operand of a join must be free to be written into the join's buffer: not a view, not part of
// another join, made on this tile. Else a copy is.
static ir_val joinable(joiner *j, ir_val v, int tile, const ir_op *loc) {
    const ir_op *def = ir_def(j->r.f, v);
    bool rope_of_view = def && def->code == IR_dig_rope && ir_def(j->r.f, def->operand[0]) &&
                        ir_is_columns(ir_def(j->r.f, def->operand[0]));
    if (def && (!ir_is_columns(def) || j->owner[v]) && !rope_of_view && !j->taken[v]) {
        j->taken[v] = true;
        return v;
    }
    ir_type t = *ir_type_of(j->r.f, v);
    ir_attrs a = {0};
    ir_attr_set_int(j->r.scratch, &a, IR_ATTR_tile, tile);
    if (t.type == ELEM_q8) { // the same codes again, of the scale that is known; others as they are
        for (const ir_op *q = def; q; q = ir_is_columns(q) ? ir_def(j->r.f, q->operand[0]) : NULL) {
            const char *mode = ir_attr_str(&q->attrs, IR_ATTR_quant, NULL);
            if (!mode) continue;
            if (IR_WORD(&q->attrs, quant, quantisation, QUANT_SYM) != IR_QUANT_STATIC) break;
            ir_attr_set_str(j->r.scratch, &a, IR_ATTR_quant, mode);
            ir_attr_set_float(j->r.scratch, &a, IR_ATTR_scale,
                              ir_attr_float(&q->attrs, IR_ATTR_scale, 1));
            ir_attr_set_int(j->r.scratch, &a, IR_ATTR_zero,
                            ir_attr_int(&q->attrs, IR_ATTR_zero, 0));
            if (ir_attr_has(&q->attrs, IR_ATTR_bits))
                ir_attr_set_int(j->r.scratch, &a, IR_ATTR_bits,
                                ir_attr_int(&q->attrs, IR_ATTR_bits, 8));
        }
    }
    ir_val c = rewrite_add(&j->r, IR_dig_copy, &v, 1, &a, &t, loc);
    j->taken[c] = true;
    return c;
}

static ir_val make_join(joiner *j, const ir_val *v, size_t n, int tile, const ir_op *loc) {
    ir_val *in = ARENA_ARRAY(j->r.scratch, ir_val, n);
    bool free_of_help = lie_side_by_side(j->r.f, v, n);
    ir_type t = *ir_type_of(j->r.f, v[0]);
    int64_t width = 0;
    for (size_t i = 0; i < n; i++) {
        width += ir_type_width(ir_type_of(j->r.f, v[i]));
        in[i] = free_of_help ? v[i] : joinable(j, v[i], tile, loc);
    }
    t.rank = 2;
    t.dim[1] = width;
    ir_attrs a = {0};
    ir_attr_set_int(j->r.scratch, &a, IR_ATTR_tile, tile);
    ir_val joint = rewrite_add(&j->r, IR_row_join, in, n, &a, &t, loc);
    j->owner[joint] = !free_of_help;
    return joint;
}

ir_func *joins_make(const ir_module *old, const ir_func *f, ir_module *m, diag_sink *diags) {
    joiner j = {.r = rewrite_begin(old, f, m, diags)};
    size_t bound = f->values.count * 3 + 16;
    j.taken = ARENA_ARRAY(j.r.scratch, bool, bound);
    j.owner = ARENA_ARRAY(j.r.scratch, bool, bound);
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        int tile = (int)ir_attr_int(&op->attrs, IR_ATTR_tile, 0);
        if (op->code == IR_row_join) {
            ir_val *in = ARENA_ARRAY(j.r.scratch, ir_val, op->n_operands);
            for (uint32_t k = 0; k < op->n_operands; k++) in[k] = rewrite_get(&j.r, op->operand[k]);
            j.r.map[op->result[0]] = make_join(&j, in, op->n_operands, tile, op);
        } else if (ir_stores(op)) {
            uint32_t at = ir_keys_at(op);
            ir_val kv[2] = {rewrite_get(&j.r, op->operand[at]),
                            rewrite_get(&j.r, op->operand[at + 1])};
            bool apart = !lie_side_by_side(j.r.f, kv, 2);
            if (apart) {
                ir_val joint = make_join(&j, kv, 2, tile, op);
                int64_t from = 0;
                for (int k = 0; k < 2; k++) {
                    ir_type t = *ir_type_of(j.r.f, kv[k]);
                    ir_attrs a = {0};
                    ir_attr_set_int(j.r.scratch, &a, IR_ATTR_tile, tile);
                    ir_attr_set_int(j.r.scratch, &a, IR_ATTR_from, from);
                    from += ir_type_width(&t);
                    ir_attr_set_int(j.r.scratch, &a, IR_ATTR_until, from);
                    kv[k] = rewrite_add(&j.r, IR_row_cols, &joint, 1, &a, &t, op);
                    j.r.map[op->operand[at + (uint32_t)k]] = kv[k];
                }
            }
            ir_op *made = rewrite_copy(&j.r, op);
            // keys that are the values as well are two columns
            for (uint32_t k = 0; k < 2 && apart; k++) made->operand[at + k] = kv[k];
        } else {
            rewrite_copy(&j.r, op);
        }
        CHECK(j.r.f->values.count < bound, "more copies than thought");
    }
    ir_func *made = j.r.f;
    return rewrite_end(&j.r) ? made : NULL;
}
