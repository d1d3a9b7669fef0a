// The product of two floats is exact in f64, so a sum's bits follow from its order alone, and a
// fused multiply-add gives what multiplication and addition give: kernels may use it. They keep k
// in order and go side by side over columns.
//
// Many rows: a few rows x 4 vectors of sums in registers; weights widened once per strip of
// columns. Few rows: sums of 512 columns in cache, weights streamed once.
#include "runtime-sim/xbar/product.h"
#include "support/base.h"
#include "support/parallel.h"
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

enum { WIDE = 512, MANY = 4 };

typedef struct {
    size_t rows, k, n, x_stride, y_stride;
    const float *x, *w, *bias;
    float *y;
} run;

INLINE void finish(const run *t, size_t r, size_t col, const double *sum, size_t count) {
    float *y = t->y + r * t->y_stride + col;
    if (t->bias)
        for (size_t i = 0; i < count; i++) y[i] = (float)(sum[i] + (double)t->bias[col + i]);
    else
        for (size_t i = 0; i < count; i++) y[i] = (float)sum[i];
}

// Few rows: one job WIDE columns of one row.
INLINE void streams(const run *t, size_t begin, size_t end) {
    size_t per_row = ceil_div_u64(t->n, WIDE);
    for (size_t job = begin; job < end; job++) {
        size_t r = job / per_row, col = job % per_row * WIDE,
               count = t->n - col < WIDE ? t->n - col : WIDE;
        double sum[WIDE] = {0};
        const float *x = t->x + r * t->x_stride;
        for (size_t k = 0; k < t->k; k++) {
            const float *w = t->w + k * t->n + col;
            double xv = (double)x[k];
            for (size_t i = 0; i < count; i++) sum[i] += xv * (double)w[i];
        }
        finish(t, r, col, sum, count);
    }
}

// Weights of 53 bits: the product rounds, so multiplication and addition stay apart.
INLINE void mix_weighted(double *restrict acc, const double *p, const float *restrict v, size_t dv,
                         size_t n) {
    for (size_t j = 0; j < n; j++, v += dv)
        for (size_t i = 0; i < dv; i++) acc[i] += p[j] * (double)v[i];
}

// Sums in f64 (wide), or rounded to f32 (s), by the columns of a path.
typedef void columns_of(double *acc, const float *x, size_t m, const float *k, size_t stride,
                        size_t n);
INLINE void dot_columns(float *s, double *wide, columns_of *columns, const float *q, const float *k,
                        size_t stride, size_t d, size_t n) {
    double acc[WIDE / 2];
    for (size_t at = 0; at < n; at += WIDE / 2) {
        size_t m = n - at < WIDE / 2 ? n - at : WIDE / 2;
        double *sum = wide ? wide + at : acc;
        for (size_t j = 0; j < m; j++) sum[j] = 0;
        columns(sum, q, d, k + at, stride, m);
        for (size_t j = 0; s && j < m; j++) s[at + j] = (float)sum[j];
    }
}

#define PATH(name, attributes)                                                                  \
    attributes static void streams_##name(void *t, size_t begin, size_t end) {                  \
        streams(t, begin, end);                                                                 \
    }                                                                                           \
    attributes static void dot_##name(float *s, const float *q, const float *k, size_t stride,  \
                                      size_t d, size_t n) {                                     \
        dot_columns(s, NULL, columns_##name, q, k, stride, d, n);                               \
    }                                                                                           \
    attributes static void sum_##name(double *s, const float *q, const float *k, size_t stride, \
                                      size_t d, size_t n) {                                     \
        dot_columns(NULL, s, columns_##name, q, k, stride, d, n);                               \
    }                                                                                           \
    attributes static void weighted_##name(double *acc, const double *p, const float *v,        \
                                           size_t dv, size_t n) {                               \
        mix_weighted(acc, p, v, dv, n);                                                         \
    }
#define STRIPS(name) name##_portable
#define STRIPS_TARGET
#define BYTES 16
#define ROWS 2
#define FUSED(a, b, c) ((a) * (b) + (c))
#include "runtime-sim/xbar/product_kernel.h"
PATH(portable, )
#if defined(__x86_64__)
#define STRIPS(name) name##_avx2
#define STRIPS_TARGET SIMD_TARGET_AVX2
#define BYTES 32
#define ROWS 2
#define FUSED(a, b, c) ((a) * (b) + (c))
#include "runtime-sim/xbar/product_kernel.h"
PATH(avx2, SIMD_TARGET_AVX2)
#define STRIPS(name) name##_avx512
#define STRIPS_TARGET SIMD_TARGET_AVX512
#define BYTES 64
#define ROWS 4
#define FUSED(a, b, c) (f64_avx512) _mm512_fmadd_pd((__m512d)(a), (__m512d)(b), (__m512d)(c))
#include "runtime-sim/xbar/product_kernel.h"
PATH(avx512, SIMD_TARGET_AVX512)
#else
#define strips_avx2 strips_portable
#define strips_avx512 strips_portable
#define streams_avx2 streams_portable
#define streams_avx512 streams_portable
#define dot_avx2 dot_portable
#define dot_avx512 dot_portable
#define columns_avx2 columns_portable
#define columns_avx512 columns_portable
#define sum_avx2 sum_portable
#define sum_avx512 sum_portable
#define weighted_avx2 weighted_portable
#define weighted_avx512 weighted_portable
#endif

void sim_product(simd_path path, int threads, size_t rows, size_t k, size_t n, const float *x,
                 size_t x_stride, const float *w, const float *bias, float *y, size_t y_stride) {
    static void (*const many[SIMD_PATHS])(run *, int) = {strips_portable, strips_avx2,
                                                         strips_avx512, strips_avx512};
    static void (*const few[SIMD_PATHS])(void *, size_t, size_t) = {streams_portable, streams_avx2,
                                                                    streams_avx512, streams_avx512};
    if (rows == 0 || n == 0) return;
    run t = {rows, k, n, x_stride, y_stride, x, w, bias, y};
    if ((double)rows * (double)k * (double)n < 1e6) threads = 1;
    if (rows < MANY)
        parallel_for(threads, rows * ceil_div_u64(n, WIDE), 1, few[path], &t);
    else
        many[path](&t, threads);
}

void sim_dot_columns(simd_path path, float *s, const float *q, const float *k, size_t stride,
                     size_t d, size_t n) {
    static void (*const f[SIMD_PATHS])(float *, const float *, const float *, size_t, size_t,
                                       size_t) = {dot_portable, dot_avx2, dot_avx512, dot_avx512};
    f[path](s, q, k, stride, d, n);
}

void sim_mix_rows(simd_path path, double *acc, const float *p, const float *v, size_t dv,
                  size_t n) {
    static columns_of *const f[SIMD_PATHS] = {columns_portable, columns_avx2, columns_avx512,
                                              columns_avx512};
    f[path](acc, p, n, v, dv, dv);
}

void sim_sum_columns(simd_path path, double *s, const float *q, const float *k, size_t stride,
                     size_t d, size_t n) {
    static void (*const f[SIMD_PATHS])(double *, const float *, const float *, size_t, size_t,
                                       size_t) = {sum_portable, sum_avx2, sum_avx512, sum_avx512};
    f[path](s, q, k, stride, d, n);
}

void sim_mix_weighted(simd_path path, double *acc, const double *p, const float *v, size_t dv,
                      size_t n) {
    static void (*const f[SIMD_PATHS])(double *, const double *, const float *, size_t, size_t) = {
        weighted_portable, weighted_avx2, weighted_avx512, weighted_avx512};
    f[path](acc, p, v, dv, n);
}
