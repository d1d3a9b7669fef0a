// Gather, scatter and what turns values into indices. Every index is checked: one out of range is a
// diagnostic; negative indices count from the end.
#include "ir/eval/eval.h"
#include <string.h>

// *i in [-n, n) becomes [0, n).
static bool index_fix(const ir_eval_ctx *c, const ir_op *op, int64_t *i, int64_t n) {
    if (*i < -n || *i >= n)
        return eval_fail(c, op, DIAG_ID_eval_index, "index %lld of an axis of size %lld",
                         (long long)*i, (long long)n);
    if (*i < 0) *i += n;
    return true;
}

bool ir_eval_t_gather(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    int axis;
    if (!eval_axis_attr(c, op, in[0]->rank, 0, &axis)) return false;
    eval_axis a = eval_axis_of(in[0], axis);
    size_t bytes = elem_bytes(out->type) * a.inner, count = tensor_count(in[1]);
    if (tensor_count(out) != a.outer * count * a.inner)
        return eval_fail(c, op, DIAG_ID_eval_operand, "the result's shape does not fit");
    for (size_t k = 0; k < count; k++) {
        int64_t i = elem_load_i64(in[1]->type, in[1]->data, k);
        if (!index_fix(c, op, &i, (int64_t)a.n)) return false;
        for (size_t o = 0; o < a.outer; o++)
            memcpy((char *)out->data + (o * count + k) * bytes,
                   (const char *)in[0]->data + (o * a.n + (size_t)i) * bytes, bytes);
    }
    return true;
}

// Position in `data` of each element of `indices` along `axis` (GatherElements, ScatterElements):
// calls back with (element of indices, element of data).
typedef struct {
    int64_t index[IR_MAX_RANK], stride[IR_MAX_RANK];
} element_walk;

static bool element_at(const ir_eval_ctx *c, const ir_op *op, element_walk *w, const tensor *data,
                       const tensor *indices, int axis, size_t k, size_t *at) {
    int64_t i = elem_load_i64(indices->type, indices->data, k), offset = 0;
    if (!index_fix(c, op, &i, data->dim[axis])) return false;
    for (int d = 0; d < data->rank; d++) {
        int64_t x = d == axis ? i : w->index[d];
        if (x >= data->dim[d])
            return eval_fail(c, op, DIAG_ID_eval_operand, "axis %d of the indices is too long", d);
        offset += x * w->stride[d];
    }
    for (int d = data->rank - 1; d >= 0 && ++w->index[d] == indices->dim[d]; d--) w->index[d] = 0;
    *at = (size_t)offset;
    return true;
}

bool ir_eval_t_gather_elements(ir_eval_ctx *c, const ir_op *op, const tensor *const *in,
                               tensor *out) {
    int axis;
    if (!eval_axis_attr(c, op, in[0]->rank, 0, &axis)) return false;
    if (in[1]->rank != in[0]->rank || !tensor_same_shape(in[1], out))
        return eval_fail(c, op, DIAG_ID_eval_operand, "data and indices differ in rank");
    element_walk w = {0};
    eval_strides(w.stride, in[0]);
    size_t bytes = elem_bytes(out->type);
    for (size_t k = 0, n = tensor_count(in[1]), at; k < n; k++) {
        if (!element_at(c, op, &w, in[0], in[1], axis, k, &at)) return false;
        memcpy((char *)out->data + k * bytes, (const char *)in[0]->data + at * bytes, bytes);
    }
    return true;
}

// ---- ND: the last axis of the indices names a place in the first axes of the data
// -----------------

typedef struct {
    size_t tuples, depth; // index tuples, entries of each
    size_t slice;         // elements named by a tuple
    size_t per_batch;     // tuples of one batch
    size_t batch_elements;
    int64_t dim[IR_MAX_RANK];
    size_t stride[IR_MAX_RANK];
} nd_walk;

static bool nd_prepare(const ir_eval_ctx *c, const ir_op *op, const tensor *data,
                       const tensor *indices, int64_t batch, nd_walk *w) {
    if (indices->rank < 1 || batch < 0 || batch >= indices->rank || batch > data->rank)
        return eval_fail(c, op, DIAG_ID_eval_operand, "indices of rank %d with %lld batch axes",
                         indices->rank, (long long)batch);
    int64_t depth = indices->dim[indices->rank - 1];
    if (batch + depth > data->rank)
        return eval_fail(c, op, DIAG_ID_eval_operand, "%lld indices for data of rank %d",
                         (long long)depth, data->rank);
    *w = (nd_walk){
        .tuples = 1, .depth = (size_t)depth, .slice = 1, .per_batch = 1, .batch_elements = 1};
    for (int i = 0; i < indices->rank - 1; i++) {
        w->tuples *= (size_t)indices->dim[i];
        if (i >= batch)
            w->per_batch *= (size_t)indices->dim[i];
        else if (indices->dim[i] != data->dim[i])
            return eval_fail(c, op, DIAG_ID_eval_operand, "batch axis %d differs in size", i);
    }
    for (int i = data->rank - 1; i >= batch; i--) {
        if (i < batch + depth) {
            w->dim[i - batch] = data->dim[i];
            w->stride[i - batch] = w->batch_elements;
        } else {
            w->slice *= (size_t)data->dim[i];
        }
        w->batch_elements *= (size_t)data->dim[i];
    }
    return true;
}

static bool nd_at(const ir_eval_ctx *c, const ir_op *op, const nd_walk *w, const tensor *indices,
                  size_t tuple, size_t *at) {
    *at = w->per_batch ? tuple / w->per_batch * w->batch_elements : 0;
    for (size_t d = 0; d < w->depth; d++) {
        int64_t i = elem_load_i64(indices->type, indices->data, tuple * w->depth + d);
        if (!index_fix(c, op, &i, w->dim[d])) return false;
        *at += (size_t)i * w->stride[d];
    }
    return true;
}

bool ir_eval_t_gather_nd(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    nd_walk w;
    if (!nd_prepare(c, op, in[0], in[1], ir_attr_int(&op->attrs, IR_ATTR_batch_dims, 0), &w))
        return false;
    if (tensor_count(out) != w.tuples * w.slice)
        return eval_fail(c, op, DIAG_ID_eval_operand, "the result's shape does not fit");
    size_t bytes = elem_bytes(out->type);
    for (size_t k = 0, at; k < w.tuples; k++) {
        if (!nd_at(c, op, &w, in[1], k, &at)) return false;
        memcpy((char *)out->data + k * w.slice * bytes, (const char *)in[0]->data + at * bytes,
               w.slice * bytes);
    }
    return true;
}

// ---- scatter ---------------------------------------------------------------------------------

// data[at] = fn(data[at], update[k]), in the wide type of the elements.
static void scatter_one(ir_combination fn, tensor *data, size_t at, const tensor *update,
                        size_t k) {
    elem e = data->type;
    if (eval_wide(e) == ELEM_i64) {
        int64_t a = elem_load_i64(e, data->data, at), b = elem_load_i64(e, update->data, k);
        bool less = eval_is_unsigned(e) ? (uint64_t)a < (uint64_t)b : a < b;
        int64_t r = fn == IR_COMBINE_ADD   ? (int64_t)((uint64_t)a + (uint64_t)b)
                    : fn == IR_COMBINE_MUL ? (int64_t)((uint64_t)a * (uint64_t)b)
                    : fn == IR_COMBINE_MAX ? (less ? b : a)
                                           : (less ? a : b);
        elem_store_i64(e, data->data, at, r);
    } else {
        double a = elem_load_f64(e, data->data, at), b = elem_load_f64(e, update->data, k);
        double r = fn == IR_COMBINE_ADD   ? a + b
                   : fn == IR_COMBINE_MUL ? a * b
                   : fn == IR_COMBINE_MAX ? (a != a || a > b ? a : b)
                                          : (a != a || a < b ? a : b);
        elem_store_f64(e, data->data, at, r);
    }
}

static void scatter_run(ir_combination fn, tensor *out, size_t at, const tensor *update, size_t k,
                        size_t n) {
    size_t bytes = elem_bytes(out->type);
    if (fn == IR_COMBINE_NONE) {
        memcpy((char *)out->data + at * bytes, (const char *)update->data + k * bytes, n * bytes);
        return;
    }
    for (size_t i = 0; i < n; i++) scatter_one(fn, out, at + i, update, k + i);
}

bool ir_eval_t_scatter_nd(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    int fn;
    nd_walk w;
    if (!eval_word(c, op, IR_ATTR_reduction, IR_ENUM_combination, IR_COMBINE_NONE, &fn) ||
        !nd_prepare(c, op, in[0], in[1], 0, &w))
        return false;
    if (tensor_count(in[2]) != w.tuples * w.slice)
        return eval_fail(c, op, DIAG_ID_eval_operand, "%zu updates, expected %zu",
                         tensor_count(in[2]), w.tuples * w.slice);
    if (tensor_bytes(out)) memcpy(out->data, in[0]->data, tensor_bytes(out));
    for (size_t k = 0, at; k < w.tuples; k++) {
        if (!nd_at(c, op, &w, in[1], k, &at)) return false;
        scatter_run((ir_combination)fn, out, at, in[2], k * w.slice, w.slice);
    }
    return true;
}

bool ir_eval_t_scatter_elements(ir_eval_ctx *c, const ir_op *op, const tensor *const *in,
                                tensor *out) {
    int fn;
    int axis;
    if (!eval_word(c, op, IR_ATTR_reduction, IR_ENUM_combination, IR_COMBINE_NONE, &fn) ||
        !eval_axis_attr(c, op, in[0]->rank, 0, &axis))
        return false;
    if (in[1]->rank != in[0]->rank || !tensor_same_shape(in[1], in[2]))
        return eval_fail(c, op, DIAG_ID_eval_operand, "indices and updates differ in shape");
    if (tensor_bytes(out)) memcpy(out->data, in[0]->data, tensor_bytes(out));
    element_walk w = {0};
    eval_strides(w.stride, in[0]);
    for (size_t k = 0, n = tensor_count(in[1]), at; k < n; k++) {
        if (!element_at(c, op, &w, in[0], in[1], axis, k, &at)) return false;
        scatter_run((ir_combination)fn, out, at, in[2], k, 1);
    }
    return true;
}

// ---- one-hot, non-zero -------------------------------------------------------------------------

bool ir_eval_t_onehot(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    int axis;
    if (!eval_axis_attr(c, op, out->rank, out->rank - 1, &axis)) return false;
    if (tensor_count(in[1]) != 2)
        return eval_fail(c, op, DIAG_ID_eval_operand, "values are not [off, on]");
    eval_axis a = eval_axis_of(out, axis);
    if (a.outer * a.inner != tensor_count(in[0]))
        return eval_fail(c, op, DIAG_ID_eval_operand, "the result's shape does not fit");
    size_t bytes = elem_bytes(out->type);
    tensor values = {.type = out->type, .rank = 1, .dim = {2}, .data = (char[16]){0}};
    elem_convert(out->type, values.data, in[1]->type, in[1]->data, 2);
    int64_t depth = (int64_t)a.n;
    for (size_t o = 0; o < a.outer; o++) {
        for (size_t r = 0; r < a.inner; r++) {
            int64_t hot = elem_load_i64(in[0]->type, in[0]->data, o * a.inner + r);
            if (hot < 0) hot += depth; // out of range: no entry is on
            for (int64_t d = 0; d < depth; d++)
                memcpy((char *)out->data + ((o * a.n + (size_t)d) * a.inner + r) * bytes,
                       (const char *)values.data + (d == hot ? bytes : 0), bytes);
        }
    }
    return true;
}

bool ir_eval_t_nonzero(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    if (out->rank != 2 || out->dim[0] != in[0]->rank || out->type != ELEM_i64)
        return eval_fail(c, op, DIAG_ID_eval_operand, "the result is not i64[%d,n]", in[0]->rank);
    int64_t found = 0, index[IR_MAX_RANK] = {0};
    for (size_t k = 0, n = tensor_count(in[0]); k < n; k++) {
        if (elem_load_f64(in[0]->type, in[0]->data, k) != 0) {
            for (int d = 0; found < out->dim[1] && d < in[0]->rank; d++)
                elem_store_i64(ELEM_i64, out->data, (size_t)(d * out->dim[1] + found), index[d]);
            found++;
        }
        for (int d = in[0]->rank - 1; d >= 0 && ++index[d] == in[0]->dim[d]; d--) index[d] = 0;
    }
    if (found == out->dim[1]) return true;
    return eval_fail(c, op, DIAG_ID_eval_operand, "%lld elements are not zero, the result has %lld",
                     (long long)found, (long long)out->dim[1]);
}
