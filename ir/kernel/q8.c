// Quantising a row and back: docs/numerics.md, "dynamic" and "static quantisation".
#include "ir/kernel/q8.h"
#include "support/num/num.h"
#include "support/num/simd.h"
#include <string.h>

#define INLINE static inline __attribute__((always_inline)) // into every path

// Everything below is branchless, and integers where it can be: the loops are vectors.

INLINE int32_t bits_of(float x) {
    int32_t i;
    memcpy(&i, &x, sizeof i);
    return i;
}

INLINE bool is_nan(float x) { return (bits_of(x) & INT32_MAX) > 0x7f800000; }

// clamp(round_half_even(x / scale) + zero, lo, hi); NaN: 0. |zero| < 256, so that what is clamped
// first is beyond lo and hi all the same. Adding 1.5 * 2^23 leaves no room for a fraction, and the
// integer in the low bits.
INLINE int32_t code_of(float x, float scale, int32_t zero, int32_t lo, int32_t hi) {
    const float q = x / scale;
    float near = q < 512.0f ? q : 512.0f;
    near = near > -512.0f ? near : -512.0f;
    int32_t code = bits_of(near + 0x1.8p23f) - bits_of(0x1.8p23f) + zero;
    code = code < lo ? lo : code;
    code = code > hi ? hi : code;
    return is_nan(q) ? 0 : code;
}

// Largest of |x|; NaN counts as 0. Numbers without a sign are in the order of their bits.
INLINE float largest(const float *x, size_t n) {
    int32_t most = 0;
    for (size_t i = 0; i < n; i++) {
        int32_t v = bits_of(x[i]) & INT32_MAX;
        v = is_nan(x[i]) ? 0 : v;
        most = v > most ? v : most;
    }
    float f;
    memcpy(&f, &most, sizeof f);
    return f;
}

static int32_t top_of(int bits) { return (1 << (bits - 1)) - 1; }

INLINE void quantise(int8_t *codes, q8_trailer *t, const float *x, size_t n, const q8_form *f) {
    const ir_quantisation mode = f->mode;
    float scale = f->scale;
    int32_t zero = f->zero, hi = top_of(f->bits), lo = -hi;
    bool empty = false; // scale 0: all codes 0
    if (mode == IR_QUANT_SYM) {
        const float a = largest(x, n);
        scale = a / (float)hi;
        zero = 0;
        empty = a == 0;
    } else if (mode == IR_QUANT_ASYM) {
        float least = 0, most = 0;
        for (size_t i = 0; i < n; i++) {
            if (x[i] < least) least = x[i];
            if (x[i] > most) most = x[i];
        }
        scale = (most - least) / 255;
        empty = scale == 0;
        zero = (empty ? 0 : code_of(-least, scale, 0, 0, 255)) - 128;
        lo = -128, hi = 127; // the clamp of the unsigned code, less 128
    } else if (zero != 0) {
        lo = -128, hi = 127;
    }
    int32_t sum = 0;
    if (empty)
        memset(codes, 0, n);
    else
        for (size_t i = 0; i < n; i++) {
            const int32_t code = code_of(x[i], scale, zero, lo, hi);
            codes[i] = (int8_t)code;
            sum += code;
        }
    *t = (q8_trailer){scale, zero, sum};
}

#define PATH(path, target)                                                                     \
    target static void quantise_##path(int8_t *codes, q8_trailer *t, const float *x, size_t n, \
                                       const q8_form *f) {                                     \
        quantise(codes, t, x, n, f);                                                           \
    }
PATH(portable, )
#if defined(__x86_64__)
PATH(avx2, SIMD_TARGET_AVX2)
PATH(avx512, SIMD_TARGET_AVX512)
#endif

void q8_quantise(int8_t *codes, q8_trailer *t, const float *x, size_t n, const q8_form *f) {
#if defined(__x86_64__)
    (simd_has(SIMD_AVX512) ? quantise_avx512
     : simd_has(SIMD_AVX2) ? quantise_avx2
                           : quantise_portable)(codes, t, x, n, f);
#else
    quantise_portable(codes, t, x, n, f);
#endif
}

void q8_quantise_within(int8_t *codes, q8_trailer *t, const float *x, size_t n, int bits,
                        float most) {
    if (most > 0) {
        const float scale = most / (float)top_of(bits);
        q8_quantise(codes, t, x, n, &(q8_form){IR_QUANT_STATIC, scale, 0, bits});
    } else {
        memset(codes, 0, n);
        *t = (q8_trailer){0};
    }
}

void q8_dequantise(float *x, const int8_t *codes, const q8_trailer *t, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = (float)((double)t->scale * (double)(codes[i] - t->zero));
}
