// Elementary functions without libm. Every kernel is a fixed sequence of IEEE double operations
// (+ - * / sqrt, conversions, bit moves), so its result is the same on every machine; the build's
// -ffp-contract=off keeps compilers from fusing any of them.
//
// exp, tanh and erf are free of branches: the _n loops vectorise, and give what the single
// functions give because they are the same code, compiled once for each kind of vectors. This file
// is compiled with -O3 for their sake.
//
// Where coefficients come from: series that converge fast enough are Taylor series, written as
// fractions; the two polynomials of erf are Chebyshev fits computed with mpmath at 60 digits
// (mpmath.chebyfit), their errors stated beside them.
#include "support/num/num.h"
#include <math.h> // sqrt, INFINITY, NAN
#include <string.h>

#ifdef __FAST_MATH__
#error "num.c must be compiled without -ffast-math: its results are specified bit for bit"
#endif

#define INLINE static inline __attribute__((always_inline)) // into every path

INLINE uint64_t bits_of(double x) {
    uint64_t u;
    memcpy(&u, &x, 8);
    return u;
}
INLINE double from_bits(uint64_t u) {
    double x;
    memcpy(&x, &u, 8);
    return x;
}

#define SIGN_BIT 0x8000000000000000u
INLINE double magnitude(double x) { return from_bits(bits_of(x) & ~SIGN_BIT); }
INLINE double with_sign_of(double x, double sign) {
    return from_bits((bits_of(x) & ~SIGN_BIT) | (bits_of(sign) & SIGN_BIT));
}

// Adding ROUNDER rounds |x| < 2^51 to the nearest integer, which then stands in the low bits of the
// sum: an integer conversion that vectorises without AVX-512.
static const double ROUNDER = 0x1.8p52;
// 2^n for the integer n in the low bits of `rounded` = n + ROUNDER, |n| <= 1022.
INLINE double power_of_two(double rounded) { return from_bits((bits_of(rounded) + 1023) << 52); }

static const double LOG2_E = 0x1.71547652b82fep+0;
static const double LN2_HI = 0x1.62e42fee00000p-1; // 32 bits: n * LN2_HI is exact
static const double LN2_LO = 0x1.a39ef35793c76p-33;

// --- exp
//
// x = n ln 2 + r, |r| <= ln(2)/2 = 0.3466; e^x = 2^n e^r.

INLINE double reduce_exp(double x, double *rounded) {
    *rounded = x * LOG2_E + ROUNDER;
    double n = *rounded - ROUNDER;
    return (x - n * LN2_HI) - n * LN2_LO;
}

// e^r - 1 = r + r^2 (1/2 + r/6 + ...): Taylor to r^13; the first term left out is below 5e-18.
INLINE double expm1_reduced(double r) {
    double q = 1.0 / 6227020800;
    q = q * r + 1.0 / 479001600;
    q = q * r + 1.0 / 39916800;
    q = q * r + 1.0 / 3628800;
    q = q * r + 1.0 / 362880;
    q = q * r + 1.0 / 40320;
    q = q * r + 1.0 / 5040;
    q = q * r + 1.0 / 720;
    q = q * r + 1.0 / 120;
    q = q * r + 1.0 / 24;
    q = q * r + 1.0 / 6;
    q = q * r + 0.5;
    return r + r * r * q;
}

INLINE double exp_kernel(double x) {
    // Beyond these the result is 0 or infinity all the same. Comparisons keep NaN.
    x = x < -746.0 ? -746.0 : x;
    x = x > 710.0 ? 710.0 : x;
    double rounded, r = reduce_exp(x, &rounded);
    double y = 1.0 + expm1_reduced(r);
    // 2^n in two factors: n reaches from -1076 to 1024, and subnormal results round once.
    double half = (rounded - ROUNDER) * 0.5 + ROUNDER;
    double rest = ((rounded - ROUNDER) - (half - ROUNDER)) + ROUNDER;
    return y * power_of_two(half) * power_of_two(rest);
}

// --- tanh
//
// tanh |x| = E / (E + 2) with E = e^(2|x|) - 1 = 2^n (e^r - 1) + (2^n - 1), which loses nothing
// near 0, where n = 0. From 20 on the result is 1 in double.

INLINE double tanh_kernel(double x) {
    double a = magnitude(x);
    a = a > 20.0 ? 20.0 : a;
    double rounded, r = reduce_exp(2.0 * a, &rounded);
    double scale = power_of_two(rounded);
    double e = scale * expm1_reduced(r) + (scale - 1.0);
    return with_sign_of(e / (e + 2.0), x);
}

// --- erf
//
// |x| < 1: erf x = x P(x^2). Else erf |x| = 1 - e^(-x^2) C(t), C(t) = e^(x^2) erfc(x),
// t = (x - 3)/(x + 3). From 6 on the result is 1 in double.

static const double erf_small[13] = {
    // P on [0, 1], absolute error 1.3e-19
    0x1.20dd750429b6dp+0,  -0x1.812746b0379e6p-2,  0x1.ce2f21a042b30p-4,  -0x1.b82ce31284e00p-6,
    0x1.565bcd0dbaa38p-8,  -0x1.c02db3dac435fp-11, 0x1.f9a321d5b8e1ep-14, -0x1.f4d1e3183f7aep-17,
    0x1.b9df224ca4b97p-20, -0x1.5f1ecb6f0764cp-23, 0x1.f7b4bf3b13964p-27, -0x1.389d4f2641625p-30,
    0x1.05ffd737fb32ep-34,
};
static const double erf_scaled[16] = {
    // C on t of x in [1, 6], absolute error 5.3e-18
    0x1.6e9827d229d2dp-3,   -0x1.4e102b9cf8513p-2, 0x1.f6ff204105a04p-3,  -0x1.336ffbef08b8ap-3,
    0x1.258b13b00ec66p-4,   -0x1.8fa58eb5ea92cp-6, 0x1.17c839090a469p-8,  0x1.73101f6d2e434p-11,
    -0x1.39085f2b38287p-11, 0x1.7b9ef7977ceafp-15, 0x1.0cb2e63fe2177p-14, -0x1.af086905fc57fp-17,
    -0x1.0cc37e8e915adp-17, 0x1.0e3fb74fdc507p-19, 0x1.56695202d55bcp-20, 0x1.d0badb83f2cadp-29,
};

INLINE double erf_polynomial(double z) {
    double p = erf_small[12];
    for (int i = 11; i >= 0; i--) p = p * z + erf_small[i];
    return p;
}

// erf_kernel where |x| < 1: the same operations, without those that lead to nothing there.
INLINE double erf_near(double x) {
    double a = magnitude(x);
    return with_sign_of(a * erf_polynomial(a * a), x);
}

INLINE double erf_kernel(double x) {
    double a = magnitude(x);
    a = a > 6.0 ? 6.0 : a;
    double z = a * a;
    double p = erf_polynomial(a < 1.0 ? z : 1.0); // outside its range the value is not used
    double t = (a - 3.0) / (a + 3.0);
    double c = erf_scaled[15];
    for (int i = 14; i >= 0; i--) c = c * t + erf_scaled[i];
    double rounded, r = reduce_exp(-z, &rounded);
    double far = 1.0 - (1.0 + expm1_reduced(r)) * power_of_two(rounded) * c;
    return with_sign_of(a < 1.0 ? a * p : far, x);
}

// --- log
//
// x = 2^k (1 + f), 1 + f in [sqrt(1/2), sqrt(2)). With s = f/(2 + f), log(1 + f) = 2 atanh s
// = f - (f^2/2 - s (f^2/2 + R)), R = 2 s^2/3 + 2 s^4/5 + ...: the large part, f, stays exact.
// |s| <= 0.1716; Taylor to s^20, the first term left out is below 2e-18 of s.

double num_log_f64(double x) {
    if (!(x == x)) return x;
    if (x < 0) return NAN;
    if (x == 0) return -INFINITY;
    if (x == INFINITY) return x;
    double k = 0;
    if (x < 0x1p-1022) { // subnormal
        x *= 0x1p54;
        k = -54;
    }
    // Subtracting the bits of sqrt(1/2) makes the exponent field count from there.
    uint64_t offset = bits_of(x) - 0x3fe6a09e667f3bcdu;
    int64_t e = (int64_t)offset >> 52;
    double m = from_bits(bits_of(x) - ((uint64_t)e << 52));
    k += (double)e;
    double f = m - 1.0, s = f / (2.0 + f), z = s * s, half = 0.5 * f * f;
    double p = 2.0 / 21;
    p = p * z + 2.0 / 19;
    p = p * z + 2.0 / 17;
    p = p * z + 2.0 / 15;
    p = p * z + 2.0 / 13;
    p = p * z + 2.0 / 11;
    p = p * z + 2.0 / 9;
    p = p * z + 2.0 / 7;
    p = p * z + 2.0 / 5;
    p = p * z + 2.0 / 3;
    return k * LN2_HI - ((half - (s * (half + z * p) + k * LN2_LO)) - f);
}

// --- sin, cos
//
// x = n pi/2 + r, |r| <= pi/4. Up to 2^20 by pi/2 in three parts of which two have 33 bits (n times
// them is exact); beyond by Payne and Hanek's method: x times a window of the bits of 2/pi, in
// integers.

static const double PI_2_A = 0x1.921fb54400000p+0;
static const double PI_2_B = 0x1.0b4611a600000p-34;
static const double PI_2_C = 0x1.3198a2e037073p-69;

// 64 zero bits, then the first 1216 bits of 2/pi behind the binary point.
static const uint64_t two_over_pi[20] = {
    0,
    0xa2f9836e4e441529,
    0xfc2757d1f534ddc0,
    0xdb6295993c439041,
    0xfe5163abdebbc561,
    0xb7246e3a424dd2e0,
    0x06492eea09d1921c,
    0xfe1deb1cb129a73e,
    0xe88235f52ebb4484,
    0xe99c7026b45f7e41,
    0x3991d639835339f4,
    0x9c845f8bbdf9283b,
    0x1ff897ffde05980f,
    0xef2f118b5a0a6d1f,
    0x6d367ecf27cb09b7,
    0x4f463f669e5fea2d,
    0x7527bac7ebe5f17b,
    0x3d0739f78a5292ea,
    0x6bfb5fb11f8d5d08,
    0x56033046fc7b6bab,
};

static uint64_t window_word(unsigned bit) { // bits [bit, bit + 64) of the table
    unsigned i = bit / 64, shift = bit % 64;
    return shift ? two_over_pi[i] << shift | two_over_pi[i + 1] >> (64 - shift) : two_over_pi[i];
}

// a > 2^20, finite. Returns r, *quadrant = n mod 4.
//
// a = m 2^e, m of 53 bits. Bits of 2/pi of weight 2^-i with i < e - 1 contribute multiples of 4.
// The next 192 bits W give a * 2/pi mod 4 = m W 2^-190 mod 4 with an error below 2^-137, while no
// double comes closer than 2^-62 to a multiple of pi/2.
static double reduce_large(double a, unsigned *quadrant) {
    int e = (int)(bits_of(a) >> 52) - 1075;
    uint64_t m = (bits_of(a) & 0xfffffffffffffu) | 0x10000000000000u;
    unsigned bit = (unsigned)(e - 2 + 64);
    typedef unsigned __int128 u128;
    u128 low = (u128)m * window_word(bit + 128);
    u128 mid = (u128)m * window_word(bit + 64) + (uint64_t)(low >> 64);
    uint64_t w0 = (uint64_t)low, w1 = (uint64_t)mid;
    uint64_t w2 = m * window_word(bit) + (uint64_t)(mid >> 64);
    unsigned n = (unsigned)(w2 >> 62);
    // The fraction, 190 bits, moved to the top; from one half on it counts down from the next n.
    w2 = w2 << 2 | w1 >> 62;
    w1 = w1 << 2 | w0 >> 62;
    w0 = w0 << 2;
    bool negative = w2 >> 63;
    if (negative) {
        n++;
        w0 = -w0;
        w1 = ~w1 + (w0 == 0);
        w2 = ~w2 + (w0 == 0 && w1 == 0);
    }
    int shift = 0;
    if (w2 == 0) { // at most once: the fraction is above 2^-62 2/pi
        w2 = w1;
        w1 = w0;
        shift = 64;
    }
    int zeros = w2 ? __builtin_clzll(w2) : 0;
    if (zeros) w2 = w2 << zeros | w1 >> (64 - zeros);
    double fraction = (double)(w2 >> 11) * from_bits((uint64_t)(1023 - 53 - shift - zeros) << 52);
    double r = fraction * 0x1.921fb54442d18p+0;
    *quadrant = n & 3;
    return negative ? -r : r;
}

static double reduce_angle(double x, unsigned *quadrant) {
    double a = magnitude(x), r;
    if (a > 0x1p20) {
        r = reduce_large(a, quadrant);
    } else {
        double rounded = a * 0x1.45f306dc9c883p-1 + ROUNDER, n = rounded - ROUNDER;
        double u = a - n * PI_2_A, v = n * PI_2_B, w = u - v;
        r = w + (((u - w) - v) - n * PI_2_C); // u - w - v: what rounding w lost
        *quadrant = (unsigned)bits_of(rounded) & 3;
    }
    if (bits_of(x) & SIGN_BIT) {
        r = -r;
        *quadrant = -*quadrant & 3;
    }
    return r;
}

// Taylor on |r| <= pi/4: sine to r^17 (next term below 1e-19), cosine to r^16 (below 3e-18).
static double sin_reduced(double r) {
    double z = r * r, p = 1.0 / 355687428096000;
    p = p * z - 1.0 / 1307674368000;
    p = p * z + 1.0 / 6227020800;
    p = p * z - 1.0 / 39916800;
    p = p * z + 1.0 / 362880;
    p = p * z - 1.0 / 5040;
    p = p * z + 1.0 / 120;
    p = p * z - 1.0 / 6;
    return r + r * z * p;
}
static double cos_reduced(double r) {
    double z = r * r, p = 1.0 / 20922789888000;
    p = p * z - 1.0 / 87178291200;
    p = p * z + 1.0 / 479001600;
    p = p * z - 1.0 / 3628800;
    p = p * z + 1.0 / 40320;
    p = p * z - 1.0 / 720;
    p = p * z + 1.0 / 24;
    return 1.0 - (0.5 * z - z * z * p);
}

// sin(x + turn pi/2)
static double sin_turned(double x, unsigned turn) {
    if (!(magnitude(x) < INFINITY)) return NAN;
    unsigned quadrant;
    double r = reduce_angle(x, &quadrant);
    quadrant += turn;
    double y = quadrant & 1 ? cos_reduced(r) : sin_reduced(r);
    return quadrant & 2 ? -y : y;
}

double num_sin_f64(double x) { return x == 0 ? x : sin_turned(x, 0); } // sin(-0) = -0
double num_cos_f64(double x) { return sin_turned(x, 1); }

// --- pow

static bool is_odd_integer(double y) {
    double a = magnitude(y);
    return a < 0x1p53 && (double)(int64_t)a == a && ((int64_t)a & 1);
}
static bool is_integer(double y) {
    double a = magnitude(y);
    return a >= 0x1p53 ? a < INFINITY : (double)(int64_t)a == a;
}

double num_pow_f64(double x, double y) {
    if (y == 0 || x == 1) return 1;
    if (x != x || y != y) return NAN;
    double a = magnitude(x);
    bool negative = (bits_of(x) & SIGN_BIT) && is_odd_integer(y);
    if (magnitude(y) == INFINITY) {
        if (a == 1) return 1;
        return (a > 1) == (y > 0) ? INFINITY : 0;
    }
    double r;
    if (a == 0 || a == INFINITY) {
        r = (a == 0) == (y > 0) ? 0 : INFINITY;
    } else {
        if (x < 0 && !is_integer(y)) return NAN;
        r = exp_kernel(y * num_log_f64(a));
    }
    return negative ? -r : r;
}

float num_pow(float x, float y) {
    double wide = x;
    if (y == 1) return x;
    if (y == 2) return (float)(wide * wide);
    if (y == 3) return (float)(wide * wide * wide);
    if (y == -1) return (float)(1 / wide);
    if ((y == 0.5f || y == -0.5f) && wide >= 0 && wide < INFINITY) {
        double root = sqrt(wide + 0.0); // + 0: pow(-0, 0.5) is +0
        return (float)(y > 0 ? root : 1 / root);
    }
    return (float)num_pow_f64(wide, y);
}

// --- the functions of num.h

double num_exp_f64(double x) { return exp_kernel(x); }
double num_tanh_f64(double x) { return tanh_kernel(x); }
double num_erf_f64(double x) { return erf_kernel(x); }

float num_exp(float x) { return (float)exp_kernel(x); }
float num_log(float x) { return (float)num_log_f64(x); }
float num_tanh(float x) { return (float)tanh_kernel(x); }
float num_erf(float x) { return (float)erf_kernel(x); }
float num_sqrt(float x) { return x < 0 ? NAN : sqrtf(x); } // one NaN, not the machine's
float num_sin(float x) { return (float)num_sin_f64(x); }
float num_cos(float x) { return (float)num_cos_f64(x); }

enum { BLOCK = 64 }; // arguments worked on together
INLINE void exp_block(double *x, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = exp_kernel(x[i]);
}
INLINE void tanh_block(double *x, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = tanh_kernel(x[i]);
}
// Most arguments of a GELU are small: all take the short way, and those for which it is none, put
// together, the long one.
INLINE void erf_block(double *x, size_t n) {
    double far[BLOCK];
    uint8_t at[BLOCK];
    uint64_t any = 0;
    size_t n_far = 0;
    for (size_t i = 0; i < n; i++) any |= magnitude(x[i]) < 1.0 ? 0 : 1;
    for (size_t i = 0; any && i < n; i++) {
        far[n_far] = x[i], at[n_far] = (uint8_t)i;
        n_far += !(magnitude(x[i]) < 1.0);
    }
    for (size_t i = 0; i < n; i++) x[i] = erf_near(x[i]);
    for (size_t i = 0; i < n_far; i++) far[i] = erf_kernel(far[i]);
    for (size_t i = 0; i < n_far; i++) x[at[i]] = far[i];
}

// Through a small buffer: then dst == src needs no alias check, and the kernel loop vectorises.
#define ARRAY_FUNCTION(name, target, block)                                  \
    target static void name(float *dst, const float *src, size_t n) {        \
        double wide[BLOCK];                                                  \
        for (size_t at = 0; at < n; at += BLOCK) {                           \
            size_t count = n - at < BLOCK ? n - at : BLOCK;                  \
            for (size_t i = 0; i < count; i++) wide[i] = src[at + i];        \
            block(wide, count);                                              \
            for (size_t i = 0; i < count; i++) dst[at + i] = (float)wide[i]; \
        }                                                                    \
    }
#define PATH(path, target)                          \
    ARRAY_FUNCTION(exp_##path, target, exp_block)   \
    ARRAY_FUNCTION(tanh_##path, target, tanh_block) \
    ARRAY_FUNCTION(erf_##path, target, erf_block)   \
    static const num_arrays arrays_##path = {exp_##path, tanh_##path, erf_##path};

PATH(portable, )
#if defined(__x86_64__)
PATH(avx2, SIMD_TARGET_AVX2)
PATH(avx512, SIMD_TARGET_AVX512)
#endif

num_arrays num_arrays_on(simd_path path) {
#if defined(__x86_64__)
    if (path >= SIMD_AVX512) return arrays_avx512;
    if (path == SIMD_AVX2) return arrays_avx2;
#endif
    (void)path;
    return arrays_portable;
}

void num_exp_n(float *dst, const float *src, size_t n) {
    num_arrays_on(simd_best()).exp(dst, src, n);
}
void num_tanh_n(float *dst, const float *src, size_t n) {
    num_arrays_on(simd_best()).tanh(dst, src, n);
}
void num_erf_n(float *dst, const float *src, size_t n) {
    num_arrays_on(simd_best()).erf(dst, src, n);
}
