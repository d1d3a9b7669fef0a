// The other operators of onnxruntime (com.microsoft): fused norms and activations, scaled products,
// packed low-bit weights, quantised arithmetic. Source: onnxruntime docs/ContribOperators.md.
#include "frontend/import.h"

// ---- activations
// ---------------------------------------------------------------------------------

bool onnx_import_ms_gelu(onnx_call *c) { // FastGelu, BiasGelu, Gelu: x, bias?; arg: the function
    ir_val x = onnx_in(c, 0);
    if (onnx_in(c, 1) != IR_NONE) x = onnx_op2(c, IR_t_add, x, onnx_in(c, 1));
    return onnx_set(c, 0, onnx_op1(c, (ir_opcode)c->arg, x));
}

bool onnx_import_ms_quick_gelu(onnx_call *c) { // x * sigmoid(alpha * x)
    ir_val x = onnx_in(c, 0);
    float alpha = onnx_attr_f(c, "alpha", 1.702f);
    if (alpha == 1.702f) return onnx_set(c, 0, onnx_op1(c, IR_t_quick_gelu, x));
    if (alpha == 1.0f) return onnx_set(c, 0, onnx_op1(c, IR_t_silu, x));
    ir_val gate = onnx_op1(c, IR_t_sigmoid, onnx_scale(c, x, alpha));
    return onnx_set(c, 0, onnx_op2(c, IR_t_mul, x, gate));
}

// ---- norms with a residual
// -----------------------------------------------------------------------

// arg 0: layer norm of input + skip (+ bias), operands gamma, beta?, bias?; 1: RMS norm, gamma,
// bias?.
bool onnx_import_ms_skip_norm(onnx_call *c) {
    ir_val x = onnx_op2(c, IR_t_add, onnx_in(c, 0), onnx_in(c, 1));
    ir_val gamma = onnx_in(c, 2), beta = c->arg ? IR_NONE : onnx_in(c, 3);
    ir_val bias = onnx_in(c, c->arg ? 3 : 4);
    if (bias != IR_NONE) x = onnx_op2(c, IR_t_add, x, bias);
    if (onnx_wants(c, 1) || onnx_wants(c, 2))
        return onnx_missing(c, "outputs 1 and 2 are not supported");
    onnx_set(c, 3, x);
    return onnx_set(c, 0,
                    onnx_norm(c, x, gamma, beta, c->arg ? "rms" : "layer",
                              onnx_attr_f(c, "epsilon", c->arg ? 1e-6f : 1e-12f),
                              onnx_rank(c, x) - 1));
}

// (ids, segment?, word, position, segment table?, gamma, beta, mask?, position_ids?)
bool onnx_import_ms_embed_layer_norm(onnx_call *c) {
    ir_val ids = onnx_in(c, 0), segment = onnx_in(c, 1), mask = onnx_in(c, 7);
    ir_type t = onnx_type(c, ids);
    if (t.rank != 2) return onnx_missing(c, "ids [B,T] are expected");
    ir_val at = onnx_in(c, 8);
    if (at == IR_NONE)
        at = onnx_reshape(c, onnx_numbers(c, 0, t.dim[1], 3), 2, (int64_t[]){1, t.dim[1]});
    ir_val x = onnx_gather(c, onnx_in(c, 2), ids, 0);
    x = onnx_op2(c, IR_t_add, x, onnx_gather(c, onnx_in(c, 3), at, 0));
    if (segment != IR_NONE) x = onnx_op2(c, IR_t_add, x, onnx_gather(c, onnx_in(c, 4), segment, 0));
    if (onnx_wants(c, 1)) { // valid tokens of each sequence
        ir_type count = ir_type_make(ELEM_i32, 1, t.dim);
        ir_val n = mask == IR_NONE ? onnx_fill(c, &count, 0)
                                   : onnx_reduce(c, onnx_cast(c, mask, ELEM_i32), "sum",
                                                 (int64_t[]){1}, 1, false);
        onnx_set(c, 1, n);
    }
    onnx_set(c, 2, x);
    return onnx_set(c, 0,
                    onnx_norm(c, x, onnx_in(c, 5), onnx_in(c, 6), "layer",
                              onnx_attr_f(c, "epsilon", 1e-12f), 2));
}

// ---- products
// ------------------------------------------------------------------------------------

// [b..., m, k] stored [m, b..., k] ("transBatch") brought back.
static ir_val batch_back(onnx_call *c, ir_val x) {
    int rank = onnx_rank(c, x);
    int64_t perm[IR_MAX_RANK];
    if (rank < 3) return x;
    for (int i = 0; i < rank - 2; i++) perm[i] = i + 1;
    perm[rank - 2] = 0;
    perm[rank - 1] = rank - 1;
    return onnx_transpose(c, x, perm);
}

bool onnx_import_ms_fused_matmul(onnx_call *c) {
    ir_val a = onnx_in(c, 0), b = onnx_in(c, 1);
    if (onnx_attr_i(c, "transBatchA", 0)) a = batch_back(c, a);
    if (onnx_attr_i(c, "transBatchB", 0)) b = batch_back(c, b);
    if (onnx_attr_i(c, "transA", 0) && onnx_rank(c, a) > 1) a = onnx_swap_last(c, a);
    if (onnx_attr_i(c, "transB", 0) && onnx_rank(c, b) > 1) b = onnx_swap_last(c, b);
    ir_val y = onnx_op2(c, IR_t_matmul, a, b);
    return onnx_set(c, 0, onnx_scale(c, y, onnx_attr_f(c, "alpha", 1.0f)));
}

bool onnx_import_ms_fused_gemm(onnx_call *c) {
    static const struct {
        const char *name;
        ir_opcode code;
    } known[] = {
        {"Relu", IR_t_relu}, {"Tanh", IR_t_tanh}, {"Sigmoid", IR_t_sigmoid}, {"Gelu", IR_t_gelu}};
    const char *activation = onnx_attr_s(c, "activation", "");
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (!strcmp(activation, known[i].name))
            return onnx_import_gemm(c) && onnx_set(c, 0, onnx_op1(c, known[i].code, c->out[0]));
    return onnx_missing(c, "activation '%s' is not supported", activation);
}

// ---- packed low-bit weights
// ----------------------------------------------------------------------

// Codes of `bits` packed in bytes, low bits first, as one byte each; the last axis grows.
static ir_val unpack(onnx_call *c, const tensor *t, int64_t bits, const char *hint) {
    int64_t per_byte = 8 / bits, dim[IR_MAX_RANK];
    if (per_byte == 1) return onnx_tensor_const(c, hint, *t);
    size_t n = tensor_count(t);
    memcpy(dim, t->dim, sizeof dim);
    dim[t->rank - 1] *= per_byte;
    tensor u;
    if (!onnx_make(c, ELEM_u8, t->rank, dim, &u)) return IR_NONE;
    const uint8_t *src = t->data;
    uint8_t *dst = u.data;
    for (size_t i = 0; i < n; i++)
        for (int64_t k = 0; k < per_byte; k++)
            *dst++ = (uint8_t)(src[i] >> (k * bits)) & (uint8_t)((1 << bits) - 1);
    return onnx_tensor_const(c, hint, u);
}

static const char *hint(const onnx_call *c, size_t i, const char *suffix) {
    return arena_printf(c->arena, "%s.%s", c->node->in[i][0] ? c->node->in[i] : c->label, suffix);
}

// Zero points as u8 codes [rows * blocks]: given packed per row, or the middle of the range.
static ir_val block_zeros(onnx_call *c, size_t i, int64_t rows, int64_t blocks, int64_t bits) {
    int64_t n = rows * blocks;
    ir_val given = onnx_in(c, i);
    if (given == IR_NONE) {
        tensor z;
        if (!onnx_make(c, ELEM_u8, 1, &n, &z)) return IR_NONE;
        memset(z.data, 1 << (bits - 1), (size_t)n);
        return onnx_tensor_const(c, NULL, z);
    }
    const tensor *t = onnx_need(c, given, "the zero points");
    if (!t) return IR_NONE;
    if (elem_is_float(t->type)) return onnx_reshape(c, given, 1, &n);
    tensor rowwise = *t;
    rowwise.rank = 2;
    rowwise.dim[0] = rows;
    rowwise.dim[1] = rows ? (int64_t)tensor_count(t) / rows : 0;
    if (rowwise.dim[1] * rows != (int64_t)tensor_count(t) || rowwise.dim[1] * (8 / bits) < blocks) {
        onnx_missing(c, "its zero points do not fit");
        return IR_NONE;
    }
    ir_val z = unpack(c, &rowwise, bits, hint(c, i, "zeros"));
    return onnx_reshape(c, onnx_slice1(c, z, 1, 0, blocks), 1, &n);
}

// (codes - zero) * scale for codes [n, block]; zero u8 codes or floats [n].
static ir_val dequantize_blocks(onnx_call *c, ir_val codes, ir_val scale, ir_val zero) {
    if (codes == IR_NONE || scale == IR_NONE || zero == IR_NONE) return IR_NONE;
    if (!elem_is_float(onnx_type(c, zero).type)) return onnx_dequantize(c, codes, scale, zero, 0);
    elem e = onnx_type(c, scale).type;
    ir_val x = onnx_cast(c, codes, e);
    x = onnx_op2(c, IR_t_sub, x, onnx_unsqueeze(c, zero, 1));
    return onnx_op2(c, IR_t_mul, x, onnx_unsqueeze(c, scale, 1));
}

// (A, B [N, blocks, block*bits/8], scales, zero_points?, g_idx?, bias?)
bool onnx_import_ms_matmul_nbits(onnx_call *c) {
    int64_t k = onnx_attr_i(c, "K", 0), n = onnx_attr_i(c, "N", 0);
    int64_t bits = onnx_attr_i(c, "bits", 4), block = onnx_attr_i(c, "block_size", 0);
    const tensor *codes = onnx_need(c, onnx_in(c, 1), "the weights");
    if (!codes) return false;
    if (onnx_in(c, 4) != IR_NONE) return onnx_missing(c, "g_idx is not supported");
    if ((bits != 2 && bits != 4 && bits != 8) || block < 8 || block > 1 << 20 || k < 1 ||
        k > INT32_MAX || n < 1 || n > INT32_MAX || codes->type != ELEM_u8)
        return onnx_missing(c, "%lld bits in blocks of %lld are not supported", (long long)bits,
                            (long long)block);
    int64_t blocks = ceil_div_i64(k, block), rows, bytes;
    if (!mul_fits(n, blocks, &rows) || !mul_fits(rows, block * bits / 8, &bytes) ||
        (int64_t)tensor_count(codes) != bytes)
        return onnx_missing(c, "its weights do not fit");
    tensor flat = *codes;
    flat.rank = 2;
    flat.dim[0] = rows;
    flat.dim[1] = block * bits / 8;
    ir_val w = unpack(c, &flat, bits, hint(c, 1, "codes"));
    ir_val scale = onnx_reshape(c, onnx_in(c, 2), 1, &rows);
    w = dequantize_blocks(c, w, scale, block_zeros(c, 3, n, blocks, bits));
    w = onnx_slice1(c, onnx_reshape(c, w, 2, (int64_t[]){n, blocks * block}), 1, 0, k);
    ir_val y = onnx_op2(c, IR_t_matmul, onnx_in(c, 0), onnx_swap_last(c, w));
    if (onnx_in(c, 5) != IR_NONE) y = onnx_op2(c, IR_t_add, y, onnx_in(c, 5));
    return onnx_set(c, 0, y);
}

// Rows of a table whose last axis is quantised in blocks: (data, indices, scales, zero_points?)
bool onnx_import_ms_gather_block_quantized(onnx_call *c) {
    const tensor *data = onnx_need(c, onnx_in(c, 0), "the table");
    ir_type ts = onnx_type(c, onnx_in(c, 2));
    int64_t bits = onnx_attr_i(c, "bits", 4), block = onnx_attr_i(c, "block_size", 128);
    int at, axis;
    if (!data || !onnx_axis(c, onnx_attr_i(c, "gather_axis", 0), data->rank, &at) ||
        !onnx_axis(c, onnx_attr_i(c, "quantize_axis", data->rank - 1), data->rank, &axis))
        return false;
    if (axis != data->rank - 1 || (bits != 4 && bits != 8) || ts.rank != data->rank || block < 8 ||
        block > 1 << 20)
        return onnx_missing(c, "its layout is not supported");
    int64_t blocks = ts.dim[axis], width = data->dim[axis], rows = 1;
    for (int i = 0; i < axis; i++) rows *= data->dim[i];
    bool packed = width < blocks * block && bits < 8; // 4-bit tensors were widened on reading
    int64_t full = packed ? width * (8 / bits) : width, n;
    if (full != blocks * block || !mul_fits(rows, blocks, &n))
        return onnx_missing(c, "its blocks do not fit");
    ir_val w = packed ? unpack(c, data, bits, hint(c, 0, "codes")) : onnx_in(c, 0), zero;
    w = onnx_reshape(c, w, 2, (int64_t[]){n, block});
    if (onnx_in(c, 3) != IR_NONE || packed || bits == 8) {
        zero = block_zeros(c, 3, rows, blocks, bits);
    } else {
        tensor z;
        if (!onnx_make(c, data->type, 1, &n, &z)) return false;
        zero = onnx_tensor_const(c, NULL, z);
    }
    w = dequantize_blocks(c, w, onnx_reshape(c, onnx_in(c, 2), 1, &n), zero);
    int64_t dim[IR_MAX_RANK];
    memcpy(dim, data->dim, sizeof dim);
    dim[axis] = full;
    w = onnx_reshape(c, w, data->rank, dim);
    return onnx_set(c, 0, onnx_gather(c, w, onnx_in(c, 1), at));
}

// ---- integer products
// ----------------------------------------------------------------------------

static bool scaled_product(onnx_call *c, const ir_val *in, ir_val scale_a, ir_val scale_b,
                           ir_val bias) {
    size_t n = in[3] != IR_NONE ? 4 : in[2] != IR_NONE ? 3 : 2;
    ir_val y = onnx_cast(c, onnx_op(c, IR_t_matmul_int, in, n, NULL), ELEM_f32);
    y = onnx_op2(c, IR_t_mul, y, onnx_op2(c, IR_t_mul, scale_a, scale_b));
    if (bias != IR_NONE) y = onnx_op2(c, IR_t_add, y, bias);
    return onnx_set(c, 0, y);
}

bool onnx_import_ms_dynamic_quantize_matmul(onnx_call *c) { // A, B, b_scale, b_zero?, bias?
    ir_val a = onnx_in(c, 0);
    ir_val codes = onnx_op(c, IR_t_dynquant, &a, 1, NULL);
    ir_val in[] = {codes, onnx_in(c, 1), onnx_result(c, codes, 2), onnx_in(c, 3)};
    return scaled_product(c, in, onnx_result(c, codes, 1), onnx_in(c, 2), onnx_in(c, 4));
}

bool onnx_import_ms_matmul_integer_to_float(onnx_call *c) { // A, B, sa, sb, za?, zb?, bias?
    ir_val in[] = {onnx_in(c, 0), onnx_in(c, 1), onnx_in(c, 4), onnx_in(c, 5)};
    return scaled_product(c, in, onnx_in(c, 2), onnx_in(c, 3), onnx_in(c, 6));
}

// ---- quantised arithmetic
// ------------------------------------------------------------------------

// arg: the operation on (a, sa, za, b, sb, zb, sc, zc)
bool onnx_import_ms_qlinear_binary(onnx_call *c) {
    if (c->n_in < 8) return onnx_missing(c, "it takes 8 inputs");
    ir_val a = onnx_dequantize(c, c->in[0], c->in[1], c->in[2], -1);
    ir_val b = onnx_dequantize(c, c->in[3], c->in[4], c->in[5], -1);
    return onnx_set(c, 0,
                    onnx_quantize(c, onnx_op2(c, (ir_opcode)c->arg, a, b), c->in[6], c->in[7]));
}

// (x, sx, zx, sy, zy); arg: operation, or t.softmax over `axis`
bool onnx_import_ms_qlinear_unary(onnx_call *c) {
    if (c->n_in < 5) return onnx_missing(c, "it takes 5 inputs");
    ir_val x = onnx_dequantize(c, c->in[0], c->in[1], c->in[2], -1);
    int axis, rank = onnx_rank(c, x);
    if (c->arg == IR_t_softmax) {
        if (!onnx_axis(c, onnx_attr_i(c, "axis", -1), rank, &axis)) return false;
        if (onnx_attr_i(c, "opset", 13) < 13 && axis != rank - 1)
            return onnx_missing(c, "the softmax of opsets below 13 is not supported here");
        x = onnx_softmax(c, x, axis);
    } else {
        x = onnx_op1(c, (ir_opcode)c->arg, x);
    }
    return onnx_set(c, 0, onnx_quantize(c, x, c->in[3], c->in[4]));
}

bool onnx_import_ms_qlinear_concat(onnx_call *c) { // sy, zy, then (x, sx, zx) of each operand
    size_t n = (c->n_in - 2) / 3;
    if (c->n_in < 5 || (c->n_in - 2) % 3) return onnx_missing(c, "its inputs do not fit");
    ir_val *x = ONNX_LIST(c, ir_val, (int64_t)n);
    if (!x) return false;
    for (size_t i = 0; i < n; i++)
        x[i] = onnx_dequantize(c, c->in[2 + 3 * i], c->in[3 + 3 * i], c->in[4 + 3 * i], -1);
    int axis;
    if (!onnx_axis(c, onnx_attr_i(c, "axis", 0), onnx_rank(c, x[0]), &axis)) return false;
    return onnx_set(c, 0, onnx_quantize(c, onnx_concat(c, x, n, axis), c->in[0], c->in[1]));
}

// (a, sa, za, b, sb, zb, c?, sy?, zy?): integers multiplied, bias in units of sa * sb
bool onnx_import_ms_qgemm(onnx_call *c) {
    if (c->n_in < 6) return onnx_missing(c, "it takes 6 inputs");
    ir_val a = c->in[0], b = c->in[3], bias = onnx_in(c, 6);
    if (onnx_attr_i(c, "transA", 0)) a = onnx_swap_last(c, a);
    if (onnx_attr_i(c, "transB", 0)) b = onnx_swap_last(c, b);
    ir_val in[] = {a, b, c->in[2], c->in[5]};
    ir_val y = onnx_op(c, IR_t_matmul_int, in, 4, NULL);
    if (bias != IR_NONE) y = onnx_op2(c, IR_t_add, y, bias);
    ir_val scale = onnx_op2(c, IR_t_mul, c->in[1], c->in[4]);
    scale = onnx_scale(c, scale, onnx_attr_f(c, "alpha", 1.0f));
    y = onnx_op2(c, IR_t_mul, onnx_cast(c, y, ELEM_f32), scale);
    if (onnx_in(c, 7) != IR_NONE) y = onnx_quantize(c, y, onnx_in(c, 7), onnx_in(c, 8));
    return onnx_set(c, 0, y);
}
