// Quantisation: QuantizeLinear and its relatives.
#include "frontend/import.h"

// Blocks of `block` elements along `axis` become rows: [..., n, ...] -> [rest * n/block, block],
// with the scales (and zero points) flattened alike. Returns the permutation used.
typedef struct {
    ir_val x, scale, zero;
    ir_type moved; // x with `axis` last
    int64_t perm[IR_MAX_RANK];
} blocks;

static bool to_blocks(onnx_call *c, blocks *b, int axis, int64_t block) {
    ir_type t = onnx_type(c, b->x), ts = onnx_type(c, b->scale);
    if (ts.rank != t.rank || block < 1 || t.dim[axis] % block ||
        ts.dim[axis] != t.dim[axis] / block)
        return onnx_missing(c, "its blocks of %lld do not fit", (long long)block);
    int64_t k = 0;
    for (int i = 0; i < t.rank; i++)
        if (i != axis) b->perm[k++] = i;
    b->perm[k] = axis;
    b->x = onnx_transpose(c, b->x, b->perm);
    b->moved = onnx_type(c, b->x);
    int64_t rows = ir_type_width(&ts);
    b->x = onnx_reshape(c, b->x, 2, (int64_t[]){rows, block});
    b->scale = onnx_reshape(c, onnx_transpose(c, b->scale, b->perm), 1, &rows);
    if (b->zero != IR_NONE)
        b->zero = onnx_reshape(c, onnx_transpose(c, b->zero, b->perm), 1, &rows);
    return b->x != IR_NONE;
}

static ir_val from_blocks(onnx_call *c, ir_val y, const blocks *b) {
    int64_t back[IR_MAX_RANK];
    for (int i = 0; i < b->moved.rank; i++) back[b->perm[i]] = i;
    return onnx_transpose(c, onnx_reshape(c, y, b->moved.rank, b->moved.dim), back);
}

static bool scalar_like(const ir_type *t) { return ir_type_width(t) == 1 && t->rank <= 1; }

// The axis of per-axis scales; -1: per tensor (operands made rank 0).
static bool scale_axis(onnx_call *c, blocks *b, int *axis) {
    ir_type t = onnx_type(c, b->x), ts = onnx_type(c, b->scale);
    if (scalar_like(&ts)) {
        *axis = -1;
        b->scale = onnx_reshape(c, b->scale, 0, NULL);
        if (b->zero != IR_NONE) b->zero = onnx_reshape(c, b->zero, 0, NULL);
        return b->scale != IR_NONE;
    }
    return onnx_axis(c, onnx_attr_i(c, "axis", 1), t.rank, axis);
}

static ir_val quant_op(onnx_call *c, ir_opcode code, const blocks *b, int axis, const char *to) {
    ir_attrs attrs = {0};
    if (axis >= 0) ir_attr_set_int(c->arena, &attrs, IR_ATTR_axis, axis);
    if (to) ir_attr_set_str(c->arena, &attrs, IR_ATTR_to, to);
    if (b->x == IR_NONE || b->scale == IR_NONE) return IR_NONE;
    return onnx_op(c, code, (ir_val[]){b->x, b->scale, b->zero}, b->zero == IR_NONE ? 2 : 3,
                   &attrs);
}

ir_val onnx_dequantize(onnx_call *c, ir_val x, ir_val scale, ir_val zero, int axis) {
    blocks b = {.x = x, .scale = scale, .zero = zero};
    if (axis < 0 && !scale_axis(c, &b, &axis)) return IR_NONE;
    return quant_op(c, IR_t_dequantize, &b, axis, NULL);
}

ir_val onnx_quantize(onnx_call *c, ir_val x, ir_val scale, ir_val zero) {
    blocks b = {.x = x, .scale = scale, .zero = zero};
    int axis;
    if (x == IR_NONE || zero == IR_NONE || !scale_axis(c, &b, &axis)) return IR_NONE;
    if (axis >= 0) {
        onnx_missing(c, "a scale per row of the result is not supported");
        return IR_NONE;
    }
    return quant_op(c, IR_t_quantize, &b, -1, elem_name(onnx_type(c, b.zero).type));
}

bool onnx_import_quantize_linear(onnx_call *c) {
    blocks b = {.x = onnx_in(c, 0), .scale = onnx_in(c, 1), .zero = onnx_in(c, 2)};
    int64_t block = onnx_attr_i(c, "block_size", 0), dtype = onnx_attr_i(c, "output_dtype", 0);
    elem to = b.zero != IR_NONE ? onnx_type(c, b.zero).type : ELEM_u8;
    int axis;
    if (b.scale == IR_NONE) return onnx_missing(c, "the scale is not given");
    if (dtype && !onnx_elem(c, dtype, &to)) return false;
    if (!elem_is_int(to))
        return onnx_missing(c, "codes of type %s are not supported", elem_name(to));
    if (onnx_type(c, b.x).type == ELEM_i32) b.x = onnx_cast(c, b.x, ELEM_f32);
    if (!scale_axis(c, &b, &axis)) return false;
    bool blocked = block && axis >= 0;
    if (blocked && !to_blocks(c, &b, axis, block)) return false;
    ir_val y = quant_op(c, IR_t_quantize, &b, blocked ? 0 : axis, elem_name(to));
    return onnx_set(c, 0, blocked ? from_blocks(c, y, &b) : y);
}

bool onnx_import_dequantize_linear(onnx_call *c) {
    blocks b = {.x = onnx_in(c, 0), .scale = onnx_in(c, 1), .zero = onnx_in(c, 2)};
    int64_t block = onnx_attr_i(c, "block_size", 0), dtype = onnx_attr_i(c, "output_dtype", 0);
    int axis;
    elem to;
    if (b.scale == IR_NONE) return onnx_missing(c, "the scale is not given");
    if (!scale_axis(c, &b, &axis)) return false;
    bool blocked = block && axis >= 0;
    if (blocked && !to_blocks(c, &b, axis, block)) return false;
    ir_val y = quant_op(c, IR_t_dequantize, &b, blocked ? 0 : axis, NULL);
    if (blocked) y = from_blocks(c, y, &b);
    if (dtype) {
        if (!onnx_elem(c, dtype, &to)) return false;
        y = onnx_cast(c, y, to);
    }
    return onnx_set(c, 0, y);
}

bool onnx_import_dynamic_quantize_linear(onnx_call *c) {
    ir_val x = onnx_in(c, 0);
    ir_val y = onnx_op(c, IR_t_dynquant, &x, 1, NULL);
    onnx_set(c, 1, onnx_result(c, y, 1));
    onnx_set(c, 2, onnx_result(c, y, 2));
    return onnx_set(c, 0, y);
}

bool onnx_import_matmul_integer(onnx_call *c) {
    size_t n = c->n_in;
    while (n > 2 && c->in[n - 1] == IR_NONE) n--;
    return onnx_set(c, 0, onnx_op(c, IR_t_matmul_int, c->in, n, NULL));
}

// One value a row of the last matrix: [M] -> [M,1].
static ir_val per_row(onnx_call *c, ir_val v) {
    ir_type t = onnx_type(c, v);
    return t.rank == 1 && t.dim[0] != 1 ? onnx_unsqueeze(c, v, 1) : v;
}

// (a, sa, za, b, sb, zb, sy, zy): exact integer product, scaled, quantised again.
bool onnx_import_qlinear_matmul(onnx_call *c) {
    if (c->n_in != 8) return onnx_missing(c, "it takes 8 inputs");
    ir_val in[] = {c->in[0], c->in[3], c->in[2], c->in[5]};
    ir_val product = onnx_op(c, IR_t_matmul_int, in, 4, NULL);
    ir_val scale_a = per_row(c, onnx_cast(c, c->in[1], ELEM_f32));
    ir_val scale = onnx_op2(c, IR_t_mul, scale_a, onnx_cast(c, c->in[4], ELEM_f32));
    ir_val y = onnx_op2(c, IR_t_mul, onnx_cast(c, product, ELEM_f32), scale);
    return onnx_set(c, 0, onnx_quantize(c, y, onnx_cast(c, c->in[6], ELEM_f32), c->in[7]));
}
