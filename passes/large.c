// What is large; see large.h.
#include "passes/large.h"

bool large_is(const ir_func *f, const ir_op *op, uint32_t r, int64_t most) {
    const int64_t width = ir_type_width(ir_type_of(f, op->result[r]));
    if (op->code == IR_t_const || width <= most) return false;
    int64_t left = width; // that operands do not have
    for (uint32_t k = 0; k < op->n_operands && left > 0; k++)
        if (op->operand[k] != IR_NONE) left -= ir_type_width(ir_type_of(f, op->operand[k]));
    return left > 0;
}
