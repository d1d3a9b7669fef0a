// Products with a constant matrix become nn.linear, whatever views stand around them.
#include "passes/graph/canonical.h"
#include <string.h>

static ir_val linear(emitter *e, ir_val x, ir_val w, ir_val bias, const ir_attrs *attrs,
                     bool trans_w) {
    ir_attrs a = attrs ? ir_attrs_copy(e->r.scratch, attrs) : (ir_attrs){0};
    ir_attr_remove(&a, IR_ATTR_trans_w);
    if (trans_w) ir_attr_set_int(e->r.scratch, &a, IR_ATTR_trans_w, 1);
    return emit_op(e, IR_nn_linear, (ir_val[]){x, w, bias}, 3, &a);
}

// Constants, and what fold-constants leaves of them: transposed or dequantised matrices.
static bool is_weight(const emitter *e, ir_val v) {
    const ir_op op = emit_def(e, v);
    if (op.code == IR_t_transpose || op.code == IR_t_dequantize) return is_weight(e, op.operand[0]);
    return op.code == IR_t_const;
}

// [1,..,1,K,N] as [K,N]; IR_NONE when it is something else. K = 1 is an outer product, no weight.
static ir_val as_matrix(emitter *e, ir_val w) {
    const ir_type t = *emit_type(e, w);
    if (!is_weight(e, w) || t.rank < 2 || t.type != ELEM_f32) return IR_NONE;
    for (int i = 0; i < t.rank - 2; i++) {
        if (t.dim[i] != 1) return IR_NONE;
    }
    if (t.dim[t.rank - 2] <= 1) return IR_NONE;
    return emit_reshape(e, w, 2, t.dim + t.rank - 2);
}

static ir_val from_matmul(emitter *e, ir_val v, const ir_op *op) {
    const ir_type x = *emit_type(e, op->operand[0]), w = *emit_type(e, op->operand[1]);
    if (x.rank < 2 || w.rank > x.rank || x.type != ELEM_f32) return v;
    if (emit_is_constant(e, op->operand[0])) return v;
    ir_val matrix = as_matrix(e, op->operand[1]);
    if (matrix == IR_NONE) return v;
    const ir_op def = emit_def(e, matrix);
    ir_val y = def.code == IR_t_transpose
                   ? linear(e, op->operand[0], def.operand[0], IR_NONE, NULL, true)
                   : linear(e, op->operand[0], matrix, IR_NONE, NULL, false);
    return y == IR_NONE ? v : y;
}

// The operand of a reshape that keeps the last axis; IR_NONE when v is none.
static ir_val under_reshape(const emitter *e, ir_val v) {
    const ir_op op = emit_def(e, v);
    if (op.code != IR_t_reshape) return IR_NONE;
    const ir_type *from = emit_type(e, op.operand[0]), *to = emit_type(e, v);
    bool keeps =
        from->rank >= 2 && to->rank >= 2 && from->dim[from->rank - 1] == to->dim[to->rank - 1];
    return keeps ? op.operand[0] : IR_NONE;
}

// linear(reshape(x)) = reshape(linear(x)): the sandwiches around Gemm meet and cancel.
static ir_val under_linear(emitter *e, ir_val v, const ir_op *op) {
    const ir_op weight = emit_def(e, op->operand[1]);
    ir_val bias = op->n_operands > 2 ? op->operand[2] : IR_NONE;
    if (weight.code == IR_t_transpose) {
        bool trans = ir_attr_int(&op->attrs, IR_ATTR_trans_w, 0);
        return linear(e, op->operand[0], weight.operand[0], bias, &op->attrs, !trans);
    }
    ir_val x = under_reshape(e, op->operand[0]);
    if (x == IR_NONE) return v;
    ir_val y = emit_op(e, IR_nn_linear, (ir_val[]){x, op->operand[1], bias}, 3, &op->attrs);
    const ir_type t = *emit_type(e, v);
    y = emit_reshape(e, y, t.rank, t.dim);
    return y == IR_NONE ? v : y;
}

// reshape(y) + c = reshape(y + c) for a constant c over the last axis: biases reach their product.
static ir_val under_constant(emitter *e, ir_val v, const ir_op *op) {
    const tensor *c = emit_const_of(e, op->operand[1]);
    ir_val y = under_reshape(e, op->operand[0]);
    if (!c || y == IR_NONE) return v;
    const ir_type t = *emit_type(e, v), before = *emit_type(e, op->operand[0]);
    const int64_t n = t.dim[t.rank - 1];
    bool last = n > 1 && c->rank > 0 && c->dim[c->rank - 1] == n && tensor_count(c) == (size_t)n;
    if (!last || !ir_type_equal(&t, &before)) return v;
    ir_val flat = emit_reshape(e, op->operand[1], 1, &n);
    ir_val z = emit_reshape(e, emit2(e, op->code, y, flat), t.rank, t.dim);
    return z == IR_NONE ? v : z;
}

ir_val canonical_products(emitter *e, ir_val v) {
    const ir_op op = emit_def(e, v);
    switch (op.code) {
    case IR_t_matmul: return from_matmul(e, v, &op);
    case IR_nn_linear: return under_linear(e, v, &op);
    case IR_t_add:
    case IR_t_mul: return under_constant(e, v, &op);
    default: return v;
    }
}
