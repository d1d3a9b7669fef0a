// Operations that move elements without computing on them: constants, reshapes, transposes, slices,
// pads. All walk the result in row-major order and copy from strided places of the operand.
#include "ir/eval/eval.h"
#include <string.h>

bool ir_eval_t_const(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    const tensor *t = eval_table(c, op, ir_attr_str(&op->attrs, IR_ATTR_value, NULL));
    if (!t) return false;
    if (t->type != out->type || !tensor_same_shape(t, out))
        return eval_fail(c, op, DIAG_ID_eval_operand, "the tensor is not of the result's type");
    if (tensor_bytes(t)) memcpy(out->data, t->data, tensor_bytes(t));
    return true;
}

bool ir_eval_t_reshape(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    if (tensor_count(in[0]) != tensor_count(out))
        return eval_fail(c, op, DIAG_ID_eval_operand, "%zu elements cannot be reshaped to %zu",
                         tensor_count(in[0]), tensor_count(out));
    if (tensor_bytes(out) && out->data != in[0]->data)
        memcpy(out->data, in[0]->data, tensor_bytes(out));
    return true;
}

// out[i0, i1, ...] = in[base + sum of i_k * stride_k] (elements). Trailing axes that lie together
// in both are copied as one.
static void copy_strided(tensor *out, const tensor *in, int64_t base, const int64_t *stride) {
    size_t total = tensor_count(out);
    if (total == 0) return;
    int rank = out->rank;
    int64_t run = 1;
    while (rank > 0 && (stride[rank - 1] == run || out->dim[rank - 1] == 1))
        run *= out->dim[--rank];
    size_t bytes = elem_bytes(out->type);
    int64_t index[IR_MAX_RANK] = {0}, from = base;
    const char *src = in->data;
    char *dst = out->data;
    for (size_t at = 0; at < total; at += (size_t)run) {
        if (run == 1 && bytes == 4) // the common case of a transpose
            memcpy(dst + at * 4, src + from * 4, 4);
        else
            memcpy(dst + at * bytes, src + (size_t)from * bytes, (size_t)run * bytes);
        for (int i = rank - 1; i >= 0; i--) {
            from += stride[i];
            if (++index[i] < out->dim[i]) break;
            from -= index[i] * stride[i];
            index[i] = 0;
        }
    }
}

bool ir_eval_t_transpose(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    const int64_t *perm = eval_ints_attr(c, op, IR_ATTR_perm, (size_t)in[0]->rank);
    if (!perm) return false;
    int64_t source[IR_MAX_RANK], stride[IR_MAX_RANK];
    eval_strides(source, in[0]);
    for (int i = 0; i < in[0]->rank; i++) {
        if (perm[i] < 0 || perm[i] >= in[0]->rank || out->dim[i] != in[0]->dim[perm[i]])
            return eval_fail(c, op, DIAG_ID_eval_operand, "'perm' is no permutation of the axes");
        stride[i] = source[perm[i]];
    }
    copy_strided(out, in[0], 0, stride);
    return true;
}

bool ir_eval_t_broadcast(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    int64_t source[IR_MAX_RANK], stride[IR_MAX_RANK] = {0};
    eval_strides(source, in[0]);
    int lead = out->rank - in[0]->rank;
    bool fits = lead >= 0;
    for (int i = 0; fits && i < in[0]->rank; i++) {
        fits = in[0]->dim[i] == 1 || in[0]->dim[i] == out->dim[lead + i];
        stride[lead + i] = in[0]->dim[i] == 1 ? 0 : source[i];
    }
    if (!fits)
        return eval_fail(c, op, DIAG_ID_eval_operand,
                         "the operand does not broadcast to the result");
    copy_strided(out, in[0], 0, stride);
    return true;
}

bool ir_eval_t_slice(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    size_t rank = (size_t)in[0]->rank;
    const int64_t *starts = eval_ints_attr(c, op, IR_ATTR_starts, rank);
    const int64_t *steps = starts ? eval_ints_attr(c, op, IR_ATTR_steps, rank) : NULL;
    if (!steps) return false;
    int64_t source[IR_MAX_RANK], stride[IR_MAX_RANK], base = 0;
    eval_strides(source, in[0]);
    for (size_t i = 0; i < rank; i++) {
        int64_t n = out->dim[i], last = starts[i] + (n - 1) * steps[i];
        if (n > 0 &&
            (starts[i] < 0 || starts[i] >= in[0]->dim[i] || last < 0 || last >= in[0]->dim[i]))
            return eval_fail(c, op, DIAG_ID_eval_index,
                             "slice %lld to %lld of axis %zu, which has size %lld",
                             (long long)starts[i], (long long)last, i, (long long)in[0]->dim[i]);
        base += starts[i] * source[i];
        stride[i] = steps[i] * source[i];
    }
    copy_strided(out, in[0], base, stride);
    return true;
}

bool ir_eval_t_concat(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    int axis;
    if (!eval_axis_attr(c, op, out->rank, 0, &axis)) return false;
    eval_axis to = eval_axis_of(out, axis);
    size_t bytes = elem_bytes(out->type) * to.inner, done = 0;
    for (uint32_t k = 0; k < op->n_operands; k++) {
        if (tensor_count(in[k]) == 0) {
            if (axis < in[k]->rank) done += in[k]->rank == out->rank ? (size_t)in[k]->dim[axis] : 0;
            continue;
        }
        eval_axis from = in[k]->rank == out->rank ? eval_axis_of(in[k], axis) : (eval_axis){0};
        if (from.outer != to.outer || from.inner != to.inner || done + from.n > to.n)
            return eval_fail(c, op, DIAG_ID_eval_operand, "operand %u does not fit the others",
                             (unsigned)k + 1);
        for (size_t o = 0; o < to.outer; o++)
            memcpy((char *)out->data + (o * to.n + done) * bytes,
                   (const char *)in[k]->data + o * from.n * bytes, from.n * bytes);
        done += from.n;
    }
    return true;
}

// ---- pad -------------------------------------------------------------------------------------

// Operand index for index i (may lie outside [0, n)); -1: the fill value.
static int64_t pad_source(ir_padding mode, int64_t i, int64_t n) {
    if (i >= 0 && i < n) return i;
    switch (mode) {
    case IR_PAD_EDGE: return i < 0 ? 0 : n - 1;
    case IR_PAD_WRAP: return (i % n + n) % n;
    case IR_PAD_REFLECT: {
        if (n == 1) return 0;
        int64_t period = 2 * (n - 1), p = (i % period + period) % period;
        return p < n ? p : period - p;
    }
    default: return -1;
    }
}

bool ir_eval_t_pad(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    const tensor *x = in[0];
    const int64_t *pads = eval_ints_attr(c, op, IR_ATTR_pads, 2 * (size_t)x->rank);
    if (!pads) return false;
    ir_padding mode = IR_WORD(&op->attrs, mode, padding, PAD_CONSTANT);
    char fill[8] = {0};
    elem_store_f64(out->type, fill, 0, ir_attr_float(&op->attrs, IR_ATTR_fill, 0));
    size_t total = tensor_count(out), bytes = elem_bytes(out->type);
    if (total == 0) return true;
    for (int i = 0; i < x->rank; i++) {
        if (out->dim[i] != x->dim[i] + pads[i] + pads[x->rank + i])
            return eval_fail(c, op, DIAG_ID_eval_operand,
                             "'pads' does not give the result's shape");
        if (mode != IR_PAD_CONSTANT && x->dim[i] == 0)
            return eval_fail(c, op, DIAG_ID_eval_operand, "axis %d is empty: nothing to repeat", i);
    }
    int64_t stride[IR_MAX_RANK], index[IR_MAX_RANK] = {0};
    eval_strides(stride, x);
    for (size_t at = 0; at < total; at++) {
        int64_t from = 0;
        for (int i = 0; i < x->rank && from >= 0; i++) {
            int64_t s = pad_source(mode, index[i] - pads[i], x->dim[i]);
            from = s < 0 ? -1 : from + s * stride[i];
        }
        memcpy((char *)out->data + at * bytes,
               from < 0 ? fill : (const char *)x->data + (size_t)from * bytes, bytes);
        for (int i = x->rank - 1; i >= 0 && ++index[i] == out->dim[i]; i--) index[i] = 0;
    }
    return true;
}

// ---- triangles and ranges ----------------------------------------------------------------------

bool ir_eval_t_trilu(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    if (out->rank < 2)
        return eval_fail(c, op, DIAG_ID_eval_operand, "rank %d is below 2", out->rank);
    int64_t rows = out->dim[out->rank - 2], columns = out->dim[out->rank - 1];
    int64_t k = ir_attr_int(&op->attrs, IR_ATTR_k, 0);
    bool upper = ir_attr_int(&op->attrs, IR_ATTR_upper, 1) != 0;
    size_t bytes = elem_bytes(out->type), n = tensor_count(out);
    // Clamped so that r + k cannot overflow.
    k = max_i64(min_i64(k, columns + 1), -rows - 1);
    for (size_t at = 0; at < n; at += (size_t)columns) { // row r keeps columns [from, until)
        int64_t r = (int64_t)(at / (size_t)columns) % rows;
        int64_t edge = max_i64(0, min_i64(columns, upper ? r + k : r + k + 1));
        int64_t from = upper ? edge : 0, until = upper ? columns : edge;
        if (until > from)
            memcpy((char *)out->data + (at + (size_t)from) * bytes,
                   (const char *)in[0]->data + (at + (size_t)from) * bytes,
                   (size_t)(until - from) * bytes);
    }
    return true;
}

bool ir_eval_t_range(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    for (int i = 0; i < 3; i++)
        if (tensor_count(in[i]) != 1)
            return eval_fail(c, op, DIAG_ID_eval_operand, "operand %d is no scalar", i + 1);
    size_t n = tensor_count(out);
    if (eval_wide(out->type) == ELEM_i64) {
        uint64_t start = (uint64_t)elem_load_i64(in[0]->type, in[0]->data, 0);
        uint64_t delta = (uint64_t)elem_load_i64(in[2]->type, in[2]->data, 0);
        for (size_t i = 0; i < n; i++)
            elem_store_i64(out->type, out->data, i, (int64_t)(start + i * delta));
        return true;
    }
    double start = elem_load_f64(in[0]->type, in[0]->data, 0);
    double delta = elem_load_f64(in[2]->type, in[2]->data, 0);
    for (size_t i = 0; i < n; i++)
        elem_store_f64(out->type, out->data, i, start + (double)i * delta);
    return true;
}
