// Loops over rows that every instruction shares, compiled once for each kind of vectors. What they
// give does not depend on it: elements are alone, integers wrap, and the largest of numbers has no
// order.
#include "runtime-sim/exec/vectors.h"

#define INLINE static inline __attribute__((always_inline)) // into every path

// The quotient is clamped before it is rounded: lo, hi and zero are integers, so that gives the
// same, and what is left, below 2^9, adding ROUNDER rounds to the nearest, ties to even.
INLINE int32_t encode(int8_t *codes, const float *x, size_t n, float scale, float zero, float lo,
                      float hi) {
    const float ROUNDER = 0x1.8p23f, least = lo - zero, most = hi - zero;
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        float q = x[i] / scale;
        q = q < least ? least : q;
        q = q > most ? most : q;
        q = ((q + ROUNDER) - ROUNDER) + zero;
        q = q == q ? q : 0;
        int32_t code = (int32_t)q;
        codes[i] = (int8_t)code;
        sum += code;
    }
    return sum;
}

INLINE float absmax(const float *x, size_t n) {
    enum { LANES = 32 };
    float most[LANES] = {0}, all = 0;
    size_t at = 0;
    for (; at + LANES <= n; at += LANES)
        for (size_t i = 0; i < LANES; i++) {
            float b = __builtin_fabsf(x[at + i]);
            most[i] = b > most[i] ? b : most[i];
        }
    for (; at < n; at++) {
        float b = __builtin_fabsf(x[at]);
        all = b > all ? b : all;
    }
    for (size_t i = 0; i < LANES; i++) all = most[i] > all ? most[i] : all;
    return all;
}

INLINE int32_t sum_codes(const int8_t *codes, size_t n) {
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++) sum += codes[i];
    return sum;
}

INLINE void add_i32(uint32_t *d, const uint32_t *a, const uint32_t *b, size_t n) {
    for (size_t i = 0; i < n; i++) d[i] = a[i] + b[i];
}

INLINE void add_f32(float *d, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i++) d[i] = a[i] + b[i];
}

INLINE void scaled(float *y, const int32_t *acc, size_t n, double x, const float *scale,
                   const float *bias) {
    if (bias)
        for (size_t i = 0; i < n; i++)
            y[i] = (float)((double)acc[i] * (x * (double)scale[i]) + (double)bias[i]);
    else // + 0: -0 becomes 0
        for (size_t i = 0; i < n; i++)
            y[i] = (float)((double)acc[i] * (x * (double)scale[i]) + 0.0);
}

#define PATH(name, target)                                                                       \
    target static int32_t encode_##name(int8_t *codes, const float *x, size_t n, float scale,    \
                                        float zero, float lo, float hi) {                        \
        return encode(codes, x, n, scale, zero, lo, hi);                                         \
    }                                                                                            \
    target static float absmax_##name(const float *x, size_t n) { return absmax(x, n); }         \
    target static int32_t sum_codes_##name(const int8_t *codes, size_t n) {                      \
        return sum_codes(codes, n);                                                              \
    }                                                                                            \
    target static void add_i32_##name(uint32_t *d, const uint32_t *a, const uint32_t *b,         \
                                      size_t n) {                                                \
        add_i32(d, a, b, n);                                                                     \
    }                                                                                            \
    target static void add_f32_##name(float *d, const float *a, const float *b, size_t n) {      \
        add_f32(d, a, b, n);                                                                     \
    }                                                                                            \
    target static void scaled_##name(float *y, const int32_t *acc, size_t n, double x,           \
                                     const float *scale, const float *bias) {                    \
        scaled(y, acc, n, x, scale, bias);                                                       \
    }                                                                                            \
    static const sim_vectors vectors_##name = {encode_##name,  absmax_##name,  sum_codes_##name, \
                                               add_i32_##name, add_f32_##name, scaled_##name};

PATH(portable, )
#if defined(__x86_64__)
PATH(avx2, SIMD_TARGET_AVX2)
PATH(avx512, SIMD_TARGET_AVX512)
#endif

const sim_vectors *sim_vectors_on(simd_path path) {
#if defined(__x86_64__)
    if (path >= SIMD_AVX512) return &vectors_avx512;
    if (path == SIMD_AVX2) return &vectors_avx2;
#endif
    (void)path;
    return &vectors_portable;
}
