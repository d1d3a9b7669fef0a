// Our own elementary functions: the same bits on every machine, compiler and thread count.
// They are the only arithmetic that interpreter and simulator share.
//
// Each is a pure function of its argument, computed in double with fixed-order polynomials (no FMA,
// no libm), rounded once to float: within 1 ulp of the correctly rounded float for every float
// input (tests/support checks all exponents against libm in double).
#ifndef OHMIC_SUPPORT_NUM_NUM_H
#define OHMIC_SUPPORT_NUM_NUM_H

#include "support/num/simd.h"

float num_exp(float x); // overflow -> inf, underflow -> gradual, exp(-inf) = 0
float num_log(float x); // log(0) = -inf, negative -> NaN
float num_tanh(float x);
float num_erf(float x);
float num_sqrt(float x); // IEEE square root
float num_sin(float x);  // argument reduction is exact enough for every finite x
float num_cos(float x);
float num_pow(
    float x,
    float y); // exact for y in {0, 1, 2, 3, 0.5 (sqrt), -1, -0.5}; else exp(y log x) in double

double num_exp_f64(double x); // the double-precision kernels behind them, ~1e-15 relative
double num_log_f64(double x);
double num_tanh_f64(double x);
double num_erf_f64(double x);
double num_sin_f64(double x);
double num_cos_f64(double x);
double num_pow_f64(double x, double y); // relative error ~1e-16 (2 + |y log x|)

// dst[i] = f(src[i]); dst may be src. Same bits as the single functions, on the best vectors there
// are.
void num_exp_n(float *dst, const float *src, size_t n);
void num_tanh_n(float *dst, const float *src, size_t n);
void num_erf_n(float *dst, const float *src, size_t n);
// The same on a path that this processor has.
typedef struct {
    void (*exp)(float *dst, const float *src, size_t n);
    void (*tanh)(float *dst, const float *src, size_t n);
    void (*erf)(float *dst, const float *src, size_t n);
} num_arrays;
num_arrays num_arrays_on(simd_path path);

// Round half to even, to an integer value; independent of the FP environment. Vectorises.
static inline float num_rint(float x) {
    float a = __builtin_fabsf(x);
    bool small = a < 0x1p23f; // else an integer, infinity or NaN
    int32_t whole = (int32_t)(small ? a : 0.0f);
    float rest = a - (float)whole; // exact
    whole += rest > 0.5f || (rest == 0.5f && (whole & 1));
    return small ? __builtin_copysignf((float)whole, x) : x;
}
static inline double num_rint_f64(double x) {
    double a = __builtin_fabs(x);
    bool small = a < 0x1p52;
    int64_t whole = (int64_t)(small ? a : 0.0);
    double rest = a - (double)whole;
    whole += rest > 0.5 || (rest == 0.5 && (whole & 1));
    return small ? __builtin_copysign((double)whole, x) : x;
}

#endif
