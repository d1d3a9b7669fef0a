// fuse-pooling: a masked mean over tokens is one reduction.
//
// Sentence encoders export the mean of the rows that a mask names as sum(mask * x) / max(sum(mask),
// tiny). The weighted mean is one instruction (rred with weights), which gives 0 where the weights
// sum to 0. That is the division's result where every weight is 0 or 1 and the guard lies in (0,
// 1]: it changes a sum of 0 alone, whose numerator is 0. Any other weights, guards, or none stay a
// sum and a division.
#include "passes/pass.h"
#include "passes/rewrite/rewrite.h"
#include <string.h>

static const ir_op *reduction(const ir_func *f, ir_val v) {
    const ir_op *op = ir_def(f, v);
    return op && op->code == IR_rows_reduce && op->n_operands == 1 &&
                   strcmp(ir_attr_str(&op->attrs, IR_ATTR_fn, ""), "sum") == 0
               ? op
               : NULL;
}

// The column of one number a row behind views that only change its rank.
static ir_val column(const ir_func *f, ir_val v) {
    const ir_op *op;
    while ((op = ir_def(f, v)) && op->code == IR_t_reshape) v = op->operand[0];
    return ir_type_domain(ir_type_of(f, v)) >= 0 && ir_type_width(ir_type_of(f, v)) == 1 ? v
                                                                                         : IR_NONE;
}

// An integer input of 0 and 1, as it is.
static bool is_zero_or_one(const ir_func *f, ir_val v) {
    const ir_op *op;
    while ((op = ir_def(f, v)) && (op->code == IR_t_reshape || op->code == IR_t_cast))
        v = op->operand[0];
    for (size_t i = 0; i < f->params.count; i++) {
        const ir_port *p = &f->params.items[i];
        if (p->value == v)
            return elem_is_int(ir_type_of(f, v)->type) &&
                   ir_attr_int(&p->attrs, IR_ATTR_range_lo, -1) == 0 &&
                   ir_attr_int(&p->attrs, IR_ATTR_range_hi, 0) == 2;
    }
    return false;
}

// max(x, lo), 0 < lo <= 1
static bool is_guard(const ir_op *op) {
    const double lo = op ? ir_attr_float(&op->attrs, IR_ATTR_lo, 0) : 0;
    return op && op->code == IR_t_clip && !ir_attr_has(&op->attrs, IR_ATTR_hi) && lo > 0 && lo <= 1;
}

typedef struct {
    ir_val rows, weights;
    const ir_op *ops[4]; // division, guard, both sums: their nodes
} pooling;

static bool is_pooling(const ir_func *f, const ir_op *op, pooling *p) {
    if (op->code != IR_t_div) return false;
    const ir_op *above = reduction(f, op->operand[0]), *guard = ir_def(f, op->operand[1]);
    const ir_op *below = is_guard(guard) ? reduction(f, guard->operand[0]) : NULL;
    const ir_op *product = above ? ir_def(f, above->operand[0]) : NULL;
    ir_val weights = below ? column(f, below->operand[0]) : IR_NONE;
    if (!product || product->code != IR_t_mul || weights == IR_NONE || !is_zero_or_one(f, weights))
        return false;
    for (int side = 0; side < 2; side++) {
        if (column(f, product->operand[side]) != weights ||
            column(f, product->operand[1 - side]) != IR_NONE)
            continue;
        *p = (pooling){product->operand[1 - side], weights, {op, guard, above, below}};
        return true;
    }
    return false;
}

ir_module *pass_fuse_pooling(const ir_module *old, const pass_options *o, diag_sink *diags) {
    ir_module *m = ir_module_derive(old);
    bool ok = true;
    for (size_t i = 0; i < old->funcs.count; i++) {
        const ir_func *f = old->funcs.items[i];
        rewrite r = rewrite_begin(old, f, m, diags);
        for (size_t k = 0; k < f->ops.count; k++) {
            const ir_op *op = &f->ops.items[k];
            pooling p;
            if (!is_pooling(f, op, &p)) {
                rewrite_copy(&r, op);
                continue;
            }
            ir_attrs attrs = {0};
            ir_attr_set_str(r.scratch, &attrs, IR_ATTR_fn, "mean");
            ir_val in[2] = {rewrite_get(&r, p.rows), rewrite_get(&r, p.weights)};
            r.map[op->result[0]] =
                rewrite_add(&r, IR_rows_reduce, in, 2, &attrs, ir_type_of(f, op->result[0]), op);
            for (size_t n = 1; n < ARRAY_LEN(p.ops); n++)
                for (uint32_t l = 0; l < p.ops[n]->n_locs; l++)
                    ir_op_add_loc(m->arena, ir_last_op(r.f), p.ops[n]->loc[l]);
        }
        ok = rewrite_end(&r) && ok;
    }
    ir_module *clean = ok ? pass_dce(m, o, diags) : NULL;
    ir_module_free(m);
    return clean;
}
