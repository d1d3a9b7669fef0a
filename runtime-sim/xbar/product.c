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

// acc[r][j] += S_i f64(x[r][i]) f64(k[i][j]), i ascending, for one row or four.
typedef void columns_of(double *const *acc, const float *const *x, size_t m, const float *k,
                        size_t stride, size_t n);
#define PATH(name, attributes)                                                           \
    attributes static void streams_##name(void *t, size_t begin, size_t end) {           \
        streams(t, begin, end);                                                          \
    }                                                                                    \
    attributes static void weighted_##name(double *acc, const double *p, const float *v, \
                                           size_t dv, size_t n) {                        \
        mix_weighted(acc, p, v, dv, n);                                                  \
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
#define one_avx2 one_portable
#define one_avx512 one_portable
#define four_avx2 four_portable
#define four_avx512 four_portable
#define strips_avx2 strips_portable
#define strips_avx512 strips_portable
#define streams_avx2 streams_portable
#define streams_avx512 streams_portable
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

static columns_of *const ones[SIMD_PATHS] = {one_portable, one_avx2, one_avx512, one_avx512};
static columns_of *const fours[SIMD_PATHS] = {four_portable, four_avx2, four_avx512, four_avx512};

// Sums of `rows` rows, 1 or 4, rounded.
static void dots(columns_of *columns, size_t rows, float *const *s, const float *const *q,
                 const float *k, size_t stride, size_t d, size_t n) {
    enum { SPAN = 128 };
    double sum[4][SPAN], *acc[4] = {sum[0], sum[1], sum[2], sum[3]};
    for (size_t at = 0; at < n; at += SPAN) {
        size_t m = n - at < SPAN ? n - at : SPAN;
        for (size_t r = 0; r < rows; r++) memset(sum[r], 0, m * sizeof *sum[r]);
        columns(acc, q, d, k + at, stride, m);
        for (size_t r = 0; r < rows; r++)
            for (size_t j = 0; j < m; j++) s[r][at + j] = (float)sum[r][j];
    }
}

void sim_dot_columns(simd_path path, float *s, const float *q, const float *k, size_t stride,
                     size_t d, size_t n) {
    dots(ones[path], 1, &s, &q, k, stride, d, n);
}

void sim_dot_four(simd_path path, float *const s[4], const float *const q[4], const float *k,
                  size_t stride, size_t d, size_t n) {
    dots(fours[path], 4, s, q, k, stride, d, n);
}

void sim_sum_columns(simd_path path, double *s, const float *q, const float *k, size_t stride,
                     size_t d, size_t n) {
    memset(s, 0, n * sizeof *s);
    ones[path](&s, &q, d, k, stride, n);
}

void sim_mix_rows(simd_path path, double *acc, const float *p, const float *v, size_t dv,
                  size_t n) {
    ones[path](&acc, &p, n, v, dv, dv);
}

void sim_mix_four(simd_path path, double *const acc[4], const float *const p[4], const float *v,
                  size_t dv, size_t n) {
    fours[path](acc, p, n, v, dv, dv);
}

void sim_mix_weighted(simd_path path, double *acc, const double *p, const float *v, size_t dv,
                      size_t n) {
    static void (*const f[SIMD_PATHS])(double *, const double *, const float *, size_t, size_t) = {
        weighted_portable, weighted_avx2, weighted_avx512, weighted_avx512};
    f[path](acc, p, v, dv, n);
}
