// Clips in every spelling; see clamp.h. A clip of a clip is the clip whose bounds are the outer one
// of the inner one's bounds.
#include "passes/graph/clamp.h"
#include <math.h>

static bool number(const ir_module *m, const ir_func *f, ir_val v, double *out) {
    const tensor *t = ir_const_of(m, f, v);
    size_t n = t && t->type != ELEM_q8 ? tensor_count(t) : 0;
    for (size_t i = 0; i < n; i++) {
        double x = elem_load_f64(t->type, t->data, i);
        if (i && x != *out) return false;
        *out = x;
    }
    return n > 0;
}

static double within(double x, double lo, double hi) { return fmin(fmax(x, lo), hi); }

clamp clamp_of(const ir_module *m, const ir_func *f, ir_val v) {
    clamp c = {.x = v, .lo = -INFINITY, .hi = INFINITY};
    for (const ir_op *op; c.n < CLAMP_OPS && (op = ir_def(f, c.x)) != NULL;) {
        double lo = -INFINITY, hi = INFINITY, b = 0;
        ir_val x = op->n_operands ? op->operand[0] : IR_NONE;
        if (op->code == IR_t_clip) {
            lo = ir_attr_float(&op->attrs, IR_ATTR_lo, lo);
            hi = ir_attr_float(&op->attrs, IR_ATTR_hi, hi);
        } else if (op->code == IR_t_relu) {
            lo = 0;
        } else if ((op->code == IR_t_max || op->code == IR_t_min) &&
                   number(m, f, op->operand[1], &b) &&
                   ir_type_equal(ir_type_of(f, x), ir_type_of(f, c.x))) {
            *(op->code == IR_t_max ? &lo : &hi) = b;
        } else {
            break;
        }
        double outer_lo = c.lo, outer_hi = c.hi;
        c.lo = within(lo, outer_lo, outer_hi);
        c.hi = within(hi, outer_lo, outer_hi);
        c.op[c.n++] = (uint32_t)(op - f->ops.items);
        c.x = x;
    }
    return c;
}
