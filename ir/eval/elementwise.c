// t.NAME for every function of fn.def, and the driver of all elementwise operations.
//
// f32, f16 and bf16 compute in f32 (fn_f32.c); f64 in double; integers exactly in int64 where the
// function is one of integers (wrapping like the machine), else in double.
#include "ir/eval/eval.h"
#include "support/num/num.h"
#include "support/parallel.h"
#include <math.h>
#include <string.h>

// ---- the driver ------------------------------------------------------------------------------

enum { MAX_IN = 3 };

typedef struct {
    const eval_ew *kernel;
    const tensor *const *in;
    tensor *out;
    int rank; // after merging axes that all operands walk alike
    int64_t dim[IR_MAX_RANK];
    int64_t stride[MAX_IN][IR_MAX_RANK]; // elements; 0: broadcast
} ew_loop;

// Numpy strides of `in` against out's shape; false when it does not broadcast.
static bool broadcast_strides(int64_t *stride, const tensor *in, const tensor *out) {
    if (in->rank > out->rank) {
        for (int i = 0; i < in->rank - out->rank; i++)
            if (in->dim[i] != 1) return false;
    }
    int64_t s = 1;
    for (int i = 0; i < out->rank; i++) {
        int o = out->rank - 1 - i, a = in->rank - 1 - i;
        int64_t d = a >= 0 ? in->dim[a] : 1;
        if (d != out->dim[o] && d != 1) return false;
        stride[o] = d == 1 ? 0 : s;
        s *= d;
    }
    return true;
}

static void merge_axes(ew_loop *l, int n_in) {
    int w = 0;
    for (int r = 0; r < l->rank; r++) {
        if (l->dim[r] == 1) continue;
        bool joins = w > 0;
        for (int k = 0; joins && k < n_in; k++)
            joins = l->stride[k][w - 1] == l->stride[k][r] * l->dim[r];
        if (joins) {
            l->dim[w - 1] *= l->dim[r];
            for (int k = 0; k < n_in; k++) l->stride[k][w - 1] = l->stride[k][r];
        } else {
            l->dim[w] = l->dim[r];
            for (int k = 0; k < n_in; k++) l->stride[k][w] = l->stride[k][r];
            w++;
        }
    }
    if (w == 0) { // a single element
        l->dim[0] = 1;
        for (int k = 0; k < n_in; k++) l->stride[k][0] = 0;
        w = 1;
    }
    l->rank = w;
}

static void fill(void *buffer, size_t bytes, size_t n) { // repeats the first element
    char *p = buffer;
    float *f = buffer;
    for (size_t i = 1; bytes == sizeof *f && i < n; i++) f[i] = f[0]; // most of them
    if (bytes == sizeof *f) return;
    for (size_t i = 1; i < n; i++) memcpy(p + i * bytes, p, bytes);
}

static void ew_range(void *ctx, size_t begin, size_t end) {
    const ew_loop *l = ctx;
    const eval_ew *k = l->kernel;
    int last = l->rank - 1;
    _Alignas(64) double buffer[MAX_IN][EVAL_BLOCK], result[EVAL_BLOCK];
    for (size_t at = begin; at < end;) {
        int64_t rest = (int64_t)at, offset[MAX_IN] = {0};
        int64_t column = rest % l->dim[last];
        for (int i = last; i >= 0; i--) {
            int64_t index = rest % l->dim[i];
            rest /= l->dim[i];
            for (int j = 0; j < k->n_in; j++) offset[j] += index * l->stride[j][i];
        }
        int64_t n = min_i64(min_i64(l->dim[last] - column, (int64_t)(end - at)), EVAL_BLOCK);
        const void *src[MAX_IN];
        for (int j = 0; j < k->n_in; j++) {
            bool repeats = l->stride[j][last] == 0 && n > 1;
            src[j] = eval_load(l->in[j], (size_t)offset[j], repeats ? 1 : (size_t)n, k->in[j],
                               buffer[j]);
            if (repeats) {
                size_t bytes = elem_bytes(k->in[j]);
                if (src[j] != buffer[j]) memcpy(buffer[j], src[j], bytes);
                fill(buffer[j], bytes, (size_t)n);
                src[j] = buffer[j];
            }
        }
        void *dst = result;
        char *direct = (char *)l->out->data + at * elem_bytes(l->out->type);
        if (l->out->type == k->out && (uintptr_t)direct % elem_bytes(k->out) == 0) dst = direct;
        k->fn(dst, src, (size_t)n, k->param);
        eval_store(l->out, at, (size_t)n, k->out, dst);
        at += (size_t)n;
    }
}

// A token axis stays in front: rows of fewer axes than the result's get axes of size 1 behind it.
static tensor with_rank(const tensor *t, int rank) {
    tensor r = *t;
    if (t->rank == 0 || t->rank >= rank) return r;
    int added = rank - t->rank;
    memmove(r.dim + 1 + added, t->dim + 1, (size_t)(t->rank - 1) * sizeof *r.dim);
    for (int i = 0; i < added; i++) r.dim[1 + i] = 1;
    r.rank = rank;
    return r;
}

bool eval_ew_run(const ir_eval_ctx *c, const ir_op *op, const eval_ew *k, const tensor *const *in,
                 tensor *out) {
    ew_loop l = {.kernel = k, .in = in, .out = out, .rank = out->rank};
    memcpy(l.dim, out->dim, sizeof l.dim);
    for (int j = 0; j < k->n_in; j++) {
        tensor shape = *in[j];
        if (eval_domain_of_operand(c, op, (uint32_t)j) >= 0) shape = with_rank(in[j], out->rank);
        if (!broadcast_strides(l.stride[j], &shape, out))
            return eval_fail(c, op, DIAG_ID_eval_operand,
                             "operand %d does not broadcast to the result's shape", j + 1);
    }
    size_t n = tensor_count(out);
    if (n == 0) return true;
    merge_axes(&l, k->n_in);
    parallel_for(c->threads, n, 32 * EVAL_BLOCK, ew_range, &l);
    return true;
}

// ---- f64 and i64 -----------------------------------------------------------------------------

#define ONE(name, expr) \
    static double name##_f64(double v) { return (expr); }
#define TWO(name, expr) \
    static double name##_f64(double a, double b) { return (expr); }
ONE(neg, -v)
ONE(abs, fabs(v))
ONE(sqrt, __builtin_sqrt(v))
ONE(rsqrt, 1 / __builtin_sqrt(v))
ONE(recip, 1 / v)
ONE(exp, num_exp_f64(v))
ONE(log, num_log_f64(v))
ONE(erf, num_erf_f64(v))
ONE(tanh, num_tanh_f64(v))
ONE(sigmoid, 1 / (1 + num_exp_f64(-v)))
ONE(relu, v > 0 || v != v ? v : 0)
ONE(silu, v / (1 + num_exp_f64(-v)))
ONE(gelu, (0.5 * v) * (1 + num_erf_f64(v * 0.70710678118654752440)))
ONE(gelu_tanh, (0.5 * v) * (1 + num_tanh_f64(0.79788456080286535588 * (v + 0.044715 * v * v * v))))
ONE(quick_gelu, v / (1 + num_exp_f64(-1.702 * v)))
ONE(softplus, (v > 0 ? v : 0) + num_log_f64(1 + num_exp_f64(-fabs(v))))
ONE(sin, num_sin_f64(v))
ONE(cos, num_cos_f64(v))
ONE(floor, floor(v))
ONE(ceil, ceil(v))
ONE(round, rint(v))
ONE(sign, (v > 0) - (v < 0))
TWO(add, a + b)
TWO(sub, a - b)
TWO(mul, a *b)
TWO(div, a / b)
TWO(min, a != a ? a : b < a || b != b ? b : a)
TWO(max, a != a ? a : b > a || b != b ? b : a)
TWO(pow, num_pow_f64(a, b))
TWO(silu_mul, silu_f64(a) * b)
TWO(gelu_mul, gelu_f64(a) * b)
TWO(gelu_tanh_mul, gelu_tanh_f64(a) * b)

static double (*const fn1_f64[])(double) = {
#define FN1(name, code, summary) [code] = name##_f64,
#include "support/num/fn.def"
};
static double (*const fn2_f64[])(double, double) = {
#define FN2(name, code, summary) [code] = name##_f64,
#include "support/num/fn.def"
};
enum {
#define FN1(name, code, summary) FN_##name = code,
#define FN2(name, code, summary) FN_##name = code,
#include "support/num/fn.def"
};

static int64_t neg_i64(int64_t v) { return (int64_t) - (uint64_t)v; }
static int64_t abs_i64(int64_t v) { return v < 0 ? neg_i64(v) : v; }
static int64_t relu_i64(int64_t v) { return v > 0 ? v : 0; }
static int64_t sign_i64(int64_t v) { return (v > 0) - (v < 0); }
static int64_t keep_i64(int64_t v) { return v; }
static int64_t add_i64(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }
static int64_t sub_i64(int64_t a, int64_t b) { return (int64_t)((uint64_t)a - (uint64_t)b); }
static int64_t mul_i64(int64_t a, int64_t b) { return (int64_t)((uint64_t)a * (uint64_t)b); }
static int64_t div_i64(int64_t a, int64_t b) { return b == -1 ? neg_i64(a) : a / b; }
static int64_t div_as_u64(int64_t a, int64_t b) { return (int64_t)((uint64_t)a / (uint64_t)b); }
static int64_t min_as_u64(int64_t a, int64_t b) { return (uint64_t)a < (uint64_t)b ? a : b; }
static int64_t max_as_u64(int64_t a, int64_t b) { return (uint64_t)a > (uint64_t)b ? a : b; }
static int64_t pow_i64(int64_t a, int64_t b) { // negative exponents truncate to 0, but for a = +-1
    if (b < 0) return a == 1 ? 1 : a == -1 ? (b % 2 ? -1 : 1) : 0;
    uint64_t r = 1, x = (uint64_t)a;
    for (uint64_t e = (uint64_t)b; e; e >>= 1, x *= x)
        if (e & 1) r *= x;
    return (int64_t)r;
}

// NULL: the function is not one of integers.
static int64_t (*fn1_i64(int code))(int64_t) {
    switch (code) {
    case FN_neg: return neg_i64;
    case FN_abs: return abs_i64;
    case FN_relu: return relu_i64;
    case FN_sign: return sign_i64;
    case FN_floor:
    case FN_ceil:
    case FN_round: return keep_i64;
    default: return NULL;
    }
}

static int64_t (*fn2_i64(int code, bool is_unsigned))(int64_t, int64_t) {
    switch (code) {
    case FN_add: return add_i64;
    case FN_sub: return sub_i64;
    case FN_mul: return mul_i64;
    case FN_div: return is_unsigned ? div_as_u64 : div_i64;
    case FN_min: return is_unsigned ? min_as_u64 : min_i64;
    case FN_max: return is_unsigned ? max_as_u64 : max_i64;
    case FN_pow: return pow_i64;
    default: return NULL;
    }
}

// ---- kernels: param is the function ------------------------------------------------------------

typedef union {
    fn1_f32 one_f32;
    fn2_f32 two_f32;
    double (*one_f64)(double);
    double (*two_f64)(double, double);
    int64_t (*one_i64)(int64_t);
    int64_t (*two_i64)(int64_t, int64_t);
} ew_param;

static void run1_f32(void *dst, const void *const *src, size_t n, const void *param) {
    ((const ew_param *)param)->one_f32(dst, src[0], n);
}
static void run2_f32(void *dst, const void *const *src, size_t n, const void *param) {
    ((const ew_param *)param)->two_f32(dst, src[0], src[1], n);
}
static void run1_f64(void *dst, const void *const *src, size_t n, const void *param) {
    double *y = dst;
    const double *a = src[0];
    for (size_t i = 0; i < n; i++) y[i] = ((const ew_param *)param)->one_f64(a[i]);
}
static void run2_f64(void *dst, const void *const *src, size_t n, const void *param) {
    double *y = dst;
    const double *a = src[0], *b = src[1];
    for (size_t i = 0; i < n; i++) y[i] = ((const ew_param *)param)->two_f64(a[i], b[i]);
}
static void run1_i64(void *dst, const void *const *src, size_t n, const void *param) {
    int64_t *y = dst;
    const int64_t *a = src[0];
    for (size_t i = 0; i < n; i++) y[i] = ((const ew_param *)param)->one_i64(a[i]);
}
static void run2_i64(void *dst, const void *const *src, size_t n, const void *param) {
    int64_t *y = dst;
    const int64_t *a = src[0], *b = src[1];
    for (size_t i = 0; i < n; i++) y[i] = ((const ew_param *)param)->two_i64(a[i], b[i]);
}

static bool eval_fn1(ir_eval_ctx *c, const ir_op *op, int code, const tensor *const *in,
                     tensor *out) {
    elem wide = eval_wide(out->type);
    ew_param p;
    eval_ew k = {.n_in = 1, .param = &p};
    if (wide == ELEM_f32) {
        p.one_f32 = fn1_table[code];
        k.fn = run1_f32;
    } else if (wide == ELEM_i64 && fn1_i64(code)) {
        p.one_i64 = fn1_i64(code);
        k.fn = run1_i64;
    } else {
        wide = ELEM_f64;
        p.one_f64 = fn1_f64[code];
        k.fn = run1_f64;
    }
    k.in[0] = k.out = wide;
    return eval_ew_run(c, op, &k, in, out);
}

static bool has_zero(const tensor *t) {
    eval_view v = eval_view_as(t, ELEM_i64);
    const int64_t *x = v.data;
    bool found = false;
    for (size_t i = 0, n = tensor_count(t); i < n && !found; i++) found = x[i] == 0;
    eval_view_free(&v);
    return found;
}

static bool eval_fn2(ir_eval_ctx *c, const ir_op *op, int code, const tensor *const *in,
                     tensor *out) {
    elem wide = eval_wide(out->type);
    bool integers = wide == ELEM_i64 && !elem_is_float(in[1]->type);
    int64_t (*exact)(int64_t, int64_t) = fn2_i64(code, eval_is_unsigned(out->type));
    ew_param p;
    eval_ew k = {.n_in = 2, .param = &p};
    if (wide == ELEM_f32) {
        p.two_f32 = fn2_table[code];
        k.fn = run2_f32;
    } else if (integers && exact) {
        if (code == FN_div && tensor_count(out) > 0 && has_zero(in[1]))
            return eval_fail(c, op, DIAG_ID_eval_operand, "integer division by zero");
        p.two_i64 = exact;
        k.fn = run2_i64;
    } else {
        wide = ELEM_f64;
        p.two_f64 = fn2_f64[code];
        k.fn = run2_f64;
    }
    k.in[0] = k.in[1] = k.out = wide;
    return eval_ew_run(c, op, &k, in, out);
}

#define FN1(name, code, summary)                                                                   \
    bool ir_eval_t_##name(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) { \
        return eval_fn1(c, op, code, in, out);                                                     \
    }
#define FN2(name, code, summary)                                                                   \
    bool ir_eval_t_##name(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) { \
        return eval_fn2(c, op, code, in, out);                                                     \
    }
#include "support/num/fn.def"
