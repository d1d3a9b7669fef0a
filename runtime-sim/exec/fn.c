// Elementwise functions, each written as its row of fn.def says: every step rounded to f32, in
// order. A row without a function here is a compile error.
#include "runtime-sim/exec/fn.h"
#include "isa/enums.h"
#include "support/num/num.h"

static inline float fn_neg(float x) { return -x; }
static inline float fn_abs(float x) { return __builtin_fabsf(x); }
static inline float fn_sqrt(float x) { return num_sqrt(x); }
static inline float fn_rsqrt(float x) { return 1.0f / num_sqrt(x); }
static inline float fn_recip(float x) { return 1.0f / x; }
static inline float fn_exp(float x) { return num_exp(x); }
static inline float fn_log(float x) { return num_log(x); }
static inline float fn_erf(float x) { return num_erf(x); }
static inline float fn_tanh(float x) { return num_tanh(x); }
static inline float fn_sigmoid(float x) { return 1.0f / (1.0f + num_exp(-x)); }
static inline float fn_relu(float x) { return x > 0 || x != x ? x : 0.0f; }
static inline float fn_silu(float x) { return x / (1.0f + num_exp(-x)); }
static inline float fn_gelu(float x) { return (0.5f * x) * (1.0f + num_erf(x * 0.70710678f)); }
static inline float tanh_argument(float x) { return 0.79788456f * (x + 0.044715f * x * x * x); }
static inline float fn_gelu_tanh(float x) {
    return (0.5f * x) * (1.0f + num_tanh(tanh_argument(x)));
}
static inline float fn_quick_gelu(float x) { return x / (1.0f + num_exp(-1.702f * x)); }
static inline float fn_softplus(float x) {
    float m = x > 0 || x != x ? x : 0.0f;
    return m + num_log(1.0f + num_exp(-__builtin_fabsf(x)));
}
static inline float fn_sin(float x) { return num_sin(x); }
static inline float fn_cos(float x) { return num_cos(x); }
static inline float fn_floor(float x) { return __builtin_floorf(x); }
static inline float fn_ceil(float x) { return __builtin_ceilf(x); }
static inline float fn_round(float x) { return num_rint(x); }
static inline float fn_sign(float x) { return x > 0 ? 1.0f : x < 0 ? -1.0f : 0.0f; }

static inline float fn_add(float a, float b) { return a + b; }
static inline float fn_sub(float a, float b) { return a - b; }
static inline float fn_mul(float a, float b) { return a * b; }
static inline float fn_div(float a, float b) { return a / b; }
static inline float fn_min(float a, float b) { return a != a ? a : b < a || b != b ? b : a; }
static inline float fn_max(float a, float b) { return a != a ? a : b > a || b != b ? b : a; }
static inline float fn_pow(float a, float b) { return num_pow(a, b); }
static inline float fn_silu_mul(float a, float b) { return fn_silu(a) * b; }
static inline float fn_gelu_mul(float a, float b) { return fn_gelu(a) * b; }
static inline float fn_gelu_tanh_mul(float a, float b) { return fn_gelu_tanh(a) * b; }

// exp, tanh and erf of many numbers at a time: the same bits as one by one, several times faster.
enum { STRIP = 256 };
typedef struct {
    void (*of)(float *dst, const float *src, size_t n); // num_*_n
    float (*before)(float x);
    float (*after)(float x, float f);
} strip_fn;

static float same(float x) { return x; }
static float minus(float x) { return -x; }
static float times_root_half(float x) { return x * 0.70710678f; }
static float minus_1702(float x) { return -1.702f * x; }
static float second(float x, float f) { return f; }
static float after_sigmoid(float x, float f) { return 1.0f / (1.0f + f); }
static float after_silu(float x, float f) { return x / (1.0f + f); }
static float after_gelu(float x, float f) { return (0.5f * x) * (1.0f + f); }
static float argument_tanh(float x) { return tanh_argument(x); }

static inline __attribute__((always_inline)) void strips(strip_fn s, float *d, const float *a,
                                                         size_t n) {
    float t[STRIP];
    for (size_t i = 0; i < n; i += STRIP) {
        size_t m = n - i < STRIP ? n - i : STRIP;
        for (size_t j = 0; j < m; j++) t[j] = s.before(a[i + j]);
        s.of(t, t, m);
        for (size_t j = 0; j < m; j++) d[i + j] = s.after(a[i + j], t[j]);
    }
}

void sim_fn1(unsigned code, float *d, const float *a, size_t n) {
    switch (code) { // the strip forms of rows below
    case ISA_FN1_exp: strips((strip_fn){num_exp_n, same, second}, d, a, n); return;
    case ISA_FN1_erf: strips((strip_fn){num_erf_n, same, second}, d, a, n); return;
    case ISA_FN1_tanh: strips((strip_fn){num_tanh_n, same, second}, d, a, n); return;
    case ISA_FN1_sigmoid: strips((strip_fn){num_exp_n, minus, after_sigmoid}, d, a, n); return;
    case ISA_FN1_silu: strips((strip_fn){num_exp_n, minus, after_silu}, d, a, n); return;
    case ISA_FN1_gelu: strips((strip_fn){num_erf_n, times_root_half, after_gelu}, d, a, n); return;
    case ISA_FN1_gelu_tanh:
        strips((strip_fn){num_tanh_n, argument_tanh, after_gelu}, d, a, n);
        return;
    case ISA_FN1_quick_gelu: strips((strip_fn){num_exp_n, minus_1702, after_silu}, d, a, n); return;
    default: break;
    }
    switch (code) {
#define FN1(name, number, summary)                             \
    case number:                                               \
        for (size_t i = 0; i < n; i++) d[i] = fn_##name(a[i]); \
        return;
#include "support/num/fn.def"
    default: CHECK(false, "function %u of one operand", code);
    }
}

void sim_fn2(unsigned code, float *d, const float *a, const float *b, size_t n) {
    unsigned gate = 0; // silu, gelu, gelu_tanh of a, times b
    if (code == ISA_FN2_silu_mul) gate = ISA_FN1_silu;
    if (code == ISA_FN2_gelu_mul) gate = ISA_FN1_gelu;
    if (code == ISA_FN2_gelu_tanh_mul) gate = ISA_FN1_gelu_tanh;
    if (gate) {
        float t[STRIP];
        for (size_t i = 0; i < n; i += STRIP) {
            size_t m = n - i < STRIP ? n - i : STRIP;
            sim_fn1(gate, t, a + i, m);
            for (size_t j = 0; j < m; j++) d[i + j] = t[j] * b[i + j];
        }
        return;
    }
    switch (code) {
#define FN2(name, number, summary)                                   \
    case number:                                                     \
        for (size_t i = 0; i < n; i++) d[i] = fn_##name(a[i], b[i]); \
        return;
#include "support/num/fn.def"
    default: CHECK(false, "function %u of two operands", code);
    }
}
