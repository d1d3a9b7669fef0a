// Operations that gather lines of elements along axes and reduce, scan or order them.
// Sums are f64 in index order, rounded once (docs/numerics.md); integers are exact.
#include "ir/eval/eval.h"
#include "support/num/num.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- reduce ----------------------------------------------------------------------------------

static double reduce_f64(ir_reduction fn, const double *x, size_t n) {
    double r = 0;
    switch (fn) {
    case IR_REDUCE_PROD:
        r = 1;
        for (size_t i = 0; i < n; i++) r *= x[i];
        return r;
    case IR_REDUCE_MAX:
        r = -INFINITY;
        for (size_t i = 0; i < n; i++) r = x[i] != x[i] || x[i] > r ? x[i] : r;
        return r;
    case IR_REDUCE_MIN:
        r = INFINITY;
        for (size_t i = 0; i < n; i++) r = x[i] != x[i] || x[i] < r ? x[i] : r;
        return r;
    case IR_REDUCE_L1:
        for (size_t i = 0; i < n; i++) r += fabs(x[i]);
        return r;
    case IR_REDUCE_L2:
    case IR_REDUCE_SUMSQ:
        for (size_t i = 0; i < n; i++) r += x[i] * x[i];
        return fn == IR_REDUCE_L2 ? __builtin_sqrt(r) : r;
    case IR_REDUCE_LOGSUMEXP: {
        double m = reduce_f64(IR_REDUCE_MAX, x, n);
        if (!(m > -INFINITY && m < INFINITY)) return m;
        for (size_t i = 0; i < n; i++) r += num_exp_f64(x[i] - m);
        return m + num_log_f64(r);
    }
    default:
        for (size_t i = 0; i < n; i++) r += x[i];
        return fn == IR_REDUCE_MEAN ? r / (double)n : fn == IR_REDUCE_LOGSUM ? num_log_f64(r) : r;
    }
}

// False: the function leaves the integers.
static bool reduce_i64(ir_reduction fn, const int64_t *x, size_t n, bool is_unsigned,
                       int64_t *out) {
    uint64_t r = fn == IR_REDUCE_PROD;
    switch (fn) {
    case IR_REDUCE_MAX:
    case IR_REDUCE_MIN:
        if (n == 0) return false;
        r = (uint64_t)x[0];
        for (size_t i = 1; i < n; i++) {
            bool less = is_unsigned ? (uint64_t)x[i] < r : x[i] < (int64_t)r;
            if (less == (fn == IR_REDUCE_MIN)) r = (uint64_t)x[i];
        }
        break;
    case IR_REDUCE_PROD:
        for (size_t i = 0; i < n; i++) r *= (uint64_t)x[i];
        break;
    case IR_REDUCE_L1:
        for (size_t i = 0; i < n; i++) r += x[i] < 0 ? -(uint64_t)x[i] : (uint64_t)x[i];
        break;
    case IR_REDUCE_SUMSQ:
        for (size_t i = 0; i < n; i++) r += (uint64_t)x[i] * (uint64_t)x[i];
        break;
    case IR_REDUCE_SUM:
    case IR_REDUCE_MEAN:
        for (size_t i = 0; i < n; i++) r += (uint64_t)x[i];
        if (fn == IR_REDUCE_MEAN) {
            if (n == 0) return false;
            r = (uint64_t)((int64_t)r / (int64_t)n);
        }
        break;
    default: return false;
    }
    *out = (int64_t)r;
    return true;
}

// Offsets, in elements, of all index combinations of the axes with marked[axis] == want, row-major.
static size_t *axis_offsets(const tensor *t, const bool *marked, bool want, size_t *count) {
    int64_t stride[IR_MAX_RANK], index[IR_MAX_RANK] = {0};
    eval_strides(stride, t);
    *count = 1;
    for (int i = 0; i < t->rank; i++)
        if (marked[i] == want) *count *= (size_t)t->dim[i];
    size_t *offset = base_alloc(*count * sizeof *offset + 1), at = 0;
    for (size_t k = 0; k < *count; k++) {
        offset[k] = at;
        for (int i = t->rank - 1; i >= 0; i--) {
            if (marked[i] != want) continue;
            at += (size_t)stride[i];
            if (++index[i] < t->dim[i]) break;
            at -= (size_t)(index[i] * stride[i]);
            index[i] = 0;
        }
    }
    return offset;
}

bool ir_eval_t_reduce(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    int fn;
    if (!eval_word(c, op, IR_ATTR_fn, IR_ENUM_reduction, -1, &fn)) return false;
    size_t n_axes;
    const int64_t *axes = ir_attr_ints(&op->attrs, IR_ATTR_axes, &n_axes);
    bool reduced[IR_MAX_RANK] = {false};
    for (size_t i = 0; i < n_axes; i++) {
        if (axes[i] < 0 || axes[i] >= in[0]->rank)
            return eval_fail(c, op, DIAG_ID_eval_operand, "axis %lld of a value of rank %d",
                             (long long)axes[i], in[0]->rank);
        reduced[axes[i]] = true;
    }
    size_t n, results;
    size_t *line = axis_offsets(in[0], reduced, true, &n);
    size_t *base = axis_offsets(in[0], reduced, false, &results);
    bool ok = results == tensor_count(out);
    if (!ok) eval_fail(c, op, DIAG_ID_eval_operand, "the result's shape does not fit");
    bool integers = eval_wide(in[0]->type) == ELEM_i64;
    elem wide = integers ? ELEM_i64 : ELEM_f64;
    eval_view x = eval_view_as(in[0], wide);
    double *values = base_alloc(n * sizeof *values + 1);
    int64_t *exact = (int64_t *)values;
    for (size_t r = 0; ok && r < results; r++) {
        int64_t i;
        if (integers) {
            for (size_t k = 0; k < n; k++) exact[k] = ((const int64_t *)x.data)[base[r] + line[k]];
            if (reduce_i64(fn, exact, n, eval_is_unsigned(in[0]->type), &i)) {
                elem_store_i64(out->type, out->data, r, i);
                continue;
            }
            for (size_t k = 0; k < n; k++) values[k] = (double)exact[k];
        } else {
            for (size_t k = 0; k < n; k++) values[k] = ((const double *)x.data)[base[r] + line[k]];
        }
        elem_store_f64(out->type, out->data, r, reduce_f64(fn, values, n));
    }
    free(values);
    eval_view_free(&x);
    free(base);
    free(line);
    return ok;
}

// ---- index of the largest, smallest ------------------------------------------------------------

static bool arg_extreme(ir_eval_ctx *c, const ir_op *op, const tensor *x, tensor *out, bool max) {
    int axis;
    if (!eval_axis_attr(c, op, x->rank, 0, &axis)) return false;
    eval_axis a = eval_axis_of(x, axis);
    bool last = ir_attr_int(&op->attrs, IR_ATTR_last, 0) != 0;
    if (tensor_count(out) != a.outer * a.inner || (a.n == 0 && tensor_count(out) > 0))
        return eval_fail(c, op, DIAG_ID_eval_operand, "axis %d of size %zu gives no such result",
                         axis, a.n);
    bool integers = eval_wide(x->type) == ELEM_i64;
    eval_view v = eval_view_as(x, integers ? ELEM_i64 : ELEM_f64);
    const int64_t *xi = v.data;
    const double *xf = v.data;
    for (size_t o = 0; o < a.outer; o++) {
        for (size_t r = 0; r < a.inner; r++) {
            size_t at = o * a.n * a.inner + r, best = 0;
            for (size_t k = 1; k < a.n; k++) {
                size_t b = at + best * a.inner, k_at = at + k * a.inner;
                bool better = integers ? (max ? xi[k_at] > xi[b] : xi[k_at] < xi[b])
                                       : (max ? xf[k_at] > xf[b] : xf[k_at] < xf[b]);
                bool equal = integers ? xi[k_at] == xi[b] : xf[k_at] == xf[b];
                if (better || (last && equal)) best = k;
            }
            elem_store_i64(out->type, out->data, o * a.inner + r, (int64_t)best);
        }
    }
    eval_view_free(&v);
    return true;
}
bool ir_eval_t_argmax(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    return arg_extreme(c, op, in[0], out, true);
}
bool ir_eval_t_argmin(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    return arg_extreme(c, op, in[0], out, false);
}

// ---- top-k -----------------------------------------------------------------------------------

typedef struct {
    bool nan; // stands last in either order
    double f;
    int64_t i; // decides among integers
    size_t at;
} ranked;

static int ranked_ascending(const void *pa, const void *pb) {
    const ranked *a = pa, *b = pb;
    if (a->nan != b->nan) return a->nan ? 1 : -1;
    if (a->f != b->f) return a->f < b->f ? -1 : 1;
    if (a->i != b->i) return a->i < b->i ? -1 : 1;
    return a->at < b->at ? -1 : 1;
}
static int ranked_descending(const void *pa, const void *pb) {
    const ranked *a = pa, *b = pb;
    if (a->nan != b->nan) return a->nan ? 1 : -1;
    if (a->f != b->f) return a->f > b->f ? -1 : 1;
    if (a->i != b->i) return a->i > b->i ? -1 : 1;
    return a->at < b->at ? -1 : 1;
}

bool ir_eval_t_topk(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    int axis;
    const tensor *x = in[0];
    if (!eval_axis_attr(c, op, x->rank, x->rank - 1, &axis)) return false;
    eval_axis a = eval_axis_of(x, axis);
    int64_t k = ir_attr_int(&op->attrs, IR_ATTR_k, 1);
    if (k < 0 || (uint64_t)k > a.n || tensor_count(&out[0]) != a.outer * (size_t)k * a.inner)
        return eval_fail(c, op, DIAG_ID_eval_operand, "k = %lld of an axis of size %zu",
                         (long long)k, a.n);
    bool largest = ir_attr_int(&op->attrs, IR_ATTR_largest, 1) != 0;
    bool integers = eval_wide(x->type) == ELEM_i64;
    ranked *line = base_alloc(a.n * sizeof *line + 1);
    size_t bytes = elem_bytes(x->type);
    for (size_t o = 0; o < a.outer; o++) {
        for (size_t r = 0; r < a.inner; r++) {
            for (size_t j = 0; j < a.n; j++) {
                size_t at = (o * a.n + j) * a.inner + r;
                line[j] = (ranked){.at = j};
                if (integers) {
                    line[j].i = elem_load_i64(x->type, x->data, at);
                    if (eval_is_unsigned(x->type)) line[j].i ^= INT64_MIN; // same order as signed
                } else {
                    double v = elem_load_f64(x->type, x->data, at);
                    line[j].nan = v != v;
                    line[j].f = v != v ? 0 : v;
                }
            }
            qsort(line, a.n, sizeof *line, largest ? ranked_descending : ranked_ascending);
            for (size_t j = 0; j < (size_t)k; j++) {
                size_t to = (o * (size_t)k + j) * a.inner + r;
                memcpy((char *)out[0].data + to * bytes,
                       (const char *)x->data + ((o * a.n + line[j].at) * a.inner + r) * bytes,
                       bytes);
                elem_store_i64(out[1].type, out[1].data, to, (int64_t)line[j].at);
            }
        }
    }
    free(line);
    return true;
}

// ---- running sums ------------------------------------------------------------------------------

bool ir_eval_t_cumsum(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    int axis;
    if (!eval_axis_attr(c, op, in[0]->rank, 0, &axis)) return false;
    eval_axis a = eval_axis_of(in[0], axis);
    bool exclusive = ir_attr_int(&op->attrs, IR_ATTR_exclusive, 0) != 0;
    bool reverse = ir_attr_int(&op->attrs, IR_ATTR_reverse, 0) != 0;
    bool integers = eval_wide(in[0]->type) == ELEM_i64;
    eval_view v = eval_view_as(in[0], integers ? ELEM_i64 : ELEM_f64);
    for (size_t line = 0; line < a.outer * a.inner; line++) {
        double sum = 0;
        uint64_t exact = 0;
        for (size_t k = 0; k < a.n; k++) {
            size_t j = reverse ? a.n - 1 - k : k;
            size_t at = (line / a.inner * a.n + j) * a.inner + line % a.inner;
            double x = integers ? 0 : ((const double *)v.data)[at];
            uint64_t xi = integers ? (uint64_t)((const int64_t *)v.data)[at] : 0;
            if (!exclusive) sum += x, exact += xi;
            if (integers)
                elem_store_i64(out->type, out->data, at, (int64_t)exact);
            else
                elem_store_f64(out->type, out->data, at, sum);
            if (exclusive) sum += x, exact += xi;
        }
    }
    eval_view_free(&v);
    return true;
}
