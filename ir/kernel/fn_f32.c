// The functions of fn.def on arrays of float: each arithmetic step rounded to f32 in the order that
// fn.def writes. A row without a function here does not compile.
#include "ir/kernel/fn_f32.h"
#include "support/num/num.h"
#include <math.h>
#include <string.h>

#define EACH1(name, expr)                                                          \
    static void name##_f32(float *restrict y, const float *restrict x, size_t n) { \
        for (size_t i = 0; i < n; i++) {                                           \
            float v = x[i];                                                        \
            y[i] = (expr);                                                         \
        }                                                                          \
    }
EACH1(neg, -v)
EACH1(abs, fabsf(v))
EACH1(sqrt, num_sqrt(v))
EACH1(rsqrt, 1.0f / num_sqrt(v))
EACH1(recip, 1.0f / v)
EACH1(log, num_log(v))
EACH1(relu, v > 0 || v != v ? v : 0.0f)
EACH1(sin, num_sin(v))
EACH1(cos, num_cos(v))
EACH1(floor, floorf(v))
EACH1(ceil, ceilf(v))
EACH1(round, num_rint(v))
EACH1(sign, (float)((v > 0) - (v < 0)))

static void exp_f32(float *y, const float *x, size_t n) { num_exp_n(y, x, n); }
static void erf_f32(float *y, const float *x, size_t n) { num_erf_n(y, x, n); }
static void tanh_f32(float *y, const float *x, size_t n) { num_tanh_n(y, x, n); }

static void sigmoid_f32(float *restrict y, const float *restrict x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = -x[i];
    num_exp_n(y, y, n);
    for (size_t i = 0; i < n; i++) y[i] = 1.0f / (1.0f + y[i]);
}

static void silu_f32(float *restrict y, const float *restrict x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = -x[i];
    num_exp_n(y, y, n);
    for (size_t i = 0; i < n; i++) y[i] = x[i] / (1.0f + y[i]);
}

static void quick_gelu_f32(float *restrict y, const float *restrict x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = -1.702f * x[i];
    num_exp_n(y, y, n);
    for (size_t i = 0; i < n; i++) y[i] = x[i] / (1.0f + y[i]);
}

static void gelu_f32(float *restrict y, const float *restrict x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = x[i] * 0.70710678f;
    num_erf_n(y, y, n);
    for (size_t i = 0; i < n; i++) y[i] = (0.5f * x[i]) * (1.0f + y[i]);
}

static void gelu_tanh_f32(float *restrict y, const float *restrict x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = 0.79788456f * (x[i] + 0.044715f * x[i] * x[i] * x[i]);
    num_tanh_n(y, y, n);
    for (size_t i = 0; i < n; i++) y[i] = (0.5f * x[i]) * (1.0f + y[i]);
}

static void softplus_f32(float *restrict y, const float *restrict x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = -fabsf(x[i]);
    num_exp_n(y, y, n);
    for (size_t i = 0; i < n; i++) y[i] = (x[i] > 0 ? x[i] : 0.0f) + num_log(1.0f + y[i]);
}

#define EACH2(name, expr)                                                                   \
    static void name##_f32(float *restrict y, const float *x0, const float *x1, size_t n) { \
        for (size_t i = 0; i < n; i++) {                                                    \
            float a = x0[i], b = x1[i];                                                     \
            y[i] = (expr);                                                                  \
        }                                                                                   \
    }
EACH2(add, a + b)
EACH2(sub, a - b)
EACH2(mul, a *b)
EACH2(div, a / b)
EACH2(min, a != a ? a : b < a || b != b ? b : a)
EACH2(max, a != a ? a : b > a || b != b ? b : a)
EACH2(pow, num_pow(a, b))

#define GATED(name, gate)                                                                 \
    static void name##_f32(float *restrict y, const float *a, const float *b, size_t n) { \
        gate##_f32(y, a, n);                                                              \
        for (size_t i = 0; i < n; i++) y[i] *= b[i];                                      \
    }
GATED(silu_mul, silu)
GATED(gelu_mul, gelu)
GATED(gelu_tanh_mul, gelu_tanh)

const fn1_f32 fn1_table[] = {
#define FN1(name, code, summary) [code] = name##_f32,
#include "support/num/fn.def"
};
const fn2_f32 fn2_table[] = {
#define FN2(name, code, summary) [code] = name##_f32,
#include "support/num/fn.def"
};

fn1_f32 fn1_find(const char *name) {
#define FN1(row, code, summary) \
    if (strcmp(name, #row) == 0) return row##_f32;
#include "support/num/fn.def"
    return NULL;
}

fn2_f32 fn2_find(const char *name) {
#define FN2(row, code, summary) \
    if (strcmp(name, #row) == 0) return row##_f32;
#include "support/num/fn.def"
    return NULL;
}
