// Tables of rotary positions: from the columns a graph multiplies with, [.., T, d], to one column
// for each pair, [T, d/2]. Both columns of a pair must be equal: seen in constants, followed back
// through the operations that computed them otherwise.
#include "passes/graph/fuse_rope.h"
#include <string.h>

static bool is_function1(ir_opcode code) {
    return code == IR_t_cast || (ir_is_elementwise(code) && ir_ops[code].n_max == 1);
}

static bool columns_pair_up(const tensor *t, rope_mode mode) {
    int64_t d = t->dim[t->rank - 1];
    size_t size = elem_bytes(t->type), rows = tensor_count(t) / (size_t)d;
    const uint8_t *p = t->data;
    for (size_t r = 0; r < rows; r++, p += (size_t)d * size)
        for (int64_t i = 0; i < d / 2; i++) {
            int64_t a = mode == ROPE_HALF ? i : 2 * i,
                    b = mode == ROPE_HALF ? i + d / 2 : 2 * i + 1;
            if (memcmp(p + (size_t)a * size, p + (size_t)b * size, size) != 0) return false;
        }
    return true;
}

// [.., n, 1] broadcast to [.., n, 2] and flattened: each element twice. IR_NONE when v is not that.
static ir_val under_repeat(emitter *e, const ir_op *op, const ir_type *t) {
    const ir_op wide = emit_def(e, op->operand[0]);
    if (op->code != IR_t_reshape || (wide.code != IR_t_broadcast && wide.code != IR_t_concat))
        return IR_NONE;
    const ir_type from = *emit_type(e, wide.operand[0]), to = *emit_type(e, op->operand[0]);
    bool twice = from.rank >= 1 && from.rank == to.rank && to.dim[to.rank - 1] == 2 &&
                 from.dim[from.rank - 1] == 1;
    if (wide.code == IR_t_concat)
        twice &= wide.n_operands == 2 && wide.operand[0] == wide.operand[1];
    if (!twice) return IR_NONE;
    ir_type half = *t;
    half.dim[half.rank - 1] /= 2;
    ir_val x = wide.operand[0];
    if (ir_type_width(&half) * 2 != ir_type_width(&to)) return IR_NONE;
    if (ir_type_width(&from) != ir_type_width(&half)) { // other axes grow too
        int64_t dim[IR_MAX_RANK];
        memcpy(dim, to.dim, sizeof dim);
        dim[to.rank - 1] = 1;
        x = emit_broadcast(e, x, to.rank, dim);
    }
    return emit_reshape(e, x, half.rank, half.dim);
}

// The entries of v along `axis` that belong to different pairs, half as many, provided that both
// entries of each pair are equal; IR_NONE when that does not show.
static ir_val half_of(emitter *e, ir_val v, int axis, rope_mode mode) {
    const ir_type t = *emit_type(e, v);
    if (axis < 0 || axis >= t.rank || t.dim[axis] % 2) return IR_NONE;
    const ir_op op = emit_def(e, v);
    const tensor *c = emit_const_of(e, v);
    ir_type half = t;
    half.dim[axis] /= 2;
    if (c) {
        if (axis != t.rank - 1 || !columns_pair_up(c, mode)) return IR_NONE;
        return mode == ROPE_HALF ? emit_slice(e, v, axis, 0, t.dim[axis] / 2, 1)
                                 : emit_slice(e, v, axis, 0, t.dim[axis], 2);
    }
    double x;
    if (is_function1(op.code)) {
        ir_val h = half_of(e, op.operand[0], axis, mode);
        return h == IR_NONE ? h : emit_op(e, op.code, &h, 1, &op.attrs);
    }
    if (mode == ROPE_INTERLEAVED && op.code == IR_t_reshape && axis == t.rank - 1) {
        ir_val h = under_repeat(e, &op, &t);
        if (h != IR_NONE) return h;
    }
    switch (op.code) {
    case IR_t_concat:
        if (mode != ROPE_HALF || op.n_operands != 2 || op.operand[0] != op.operand[1] ||
            ir_attr_int(&op.attrs, IR_ATTR_axis, 0) != axis)
            return IR_NONE;
        return op.operand[0];
    case IR_t_add:
    case IR_t_mul: {
        if (!emit_splat(e, op.operand[1], &x)) return IR_NONE;
        ir_val h = half_of(e, op.operand[0], axis, mode);
        return h == IR_NONE ? h : emit2(e, op.code, h, op.operand[1]);
    }
    case IR_t_reshape: {
        int below = ir_type_same_axis(emit_type(e, op.operand[0]), &t, axis);
        return emit_reshape(e, half_of(e, op.operand[0], below, mode), half.rank, half.dim);
    }
    case IR_t_broadcast: {
        const ir_type from = *emit_type(e, op.operand[0]);
        int below = axis - (t.rank - from.rank);
        if (below < 0 || from.dim[below] != t.dim[axis]) return IR_NONE;
        return emit_broadcast(e, half_of(e, op.operand[0], below, mode), half.rank, half.dim);
    }
    case IR_t_transpose: {
        size_t n;
        const int64_t *perm = ir_attr_ints(&op.attrs, IR_ATTR_perm, &n);
        return emit_transpose(e, half_of(e, op.operand[0], (int)perm[axis], mode), perm);
    }
    case IR_t_gather: { // rows of a table by position
        const ir_type table = *emit_type(e, op.operand[0]);
        if (ir_attr_int(&op.attrs, IR_ATTR_axis, 0) != 0 || table.rank != 2 || axis != t.rank - 1)
            return IR_NONE;
        ir_val h = half_of(e, op.operand[0], 1, mode);
        return emit_op(e, IR_t_gather, (ir_val[]){h, op.operand[1]}, 2, &op.attrs);
    }
    case IR_t_matmul:
    case IR_nn_linear: { // positions times frequencies that stand twice
        if (op.n_operands != 2 || ir_attr_int(&op.attrs, IR_ATTR_trans_w, 0) || axis != t.rank - 1)
            return IR_NONE;
        ir_val h = half_of(e, op.operand[1], emit_type(e, op.operand[1])->rank - 1, mode);
        return h == IR_NONE ? h : emit_op(e, op.code, (ir_val[]){op.operand[0], h}, 2, &op.attrs);
    }
    default: return IR_NONE;
    }
}

ir_val rope_half_columns(emitter *e, ir_val v, rope_mode mode) {
    return half_of(e, v, emit_type(e, v)->rank - 1, mode);
}

int rope_token_axis(const emitter *e, ir_val c, const ir_type *x) {
    const ir_type *t = emit_type(e, c);
    int axis = -1;
    for (int i = 0; i + 1 < t->rank; i++) {
        if (t->dim[i] == 1) continue;
        if (axis >= 0) return -1;
        axis = i + x->rank - t->rank;
    }
    return axis >= 0 ? axis : x->rank - 2;
}

ir_val rope_table(emitter *e, ir_val c) {
    if (c == IR_NONE) return c;
    const ir_type t = *emit_type(e, c);
    int64_t half = t.dim[t.rank - 1];
    if (half == 0) return IR_NONE;
    return emit_reshape(e, c, 2, (int64_t[]){ir_type_width(&t) / half, half});
}
