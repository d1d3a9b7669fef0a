// The product of two floats is exact in f64, so a sum's bits follow from its order alone, and a
// fused multiply-add gives what multiplication and addition give: kernels may use it. They keep k
// in order and go side by side over columns.
//
// Many rows: 4 rows x 32 columns of sums in registers; weights widened once per strip of columns.
// Few rows: sums of 512 columns in cache, weights streamed once.
#include "runtime-sim/product.h"
#include "support/base.h"
#include "support/parallel.h"
#include <stdlib.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
typedef double f64x8 __attribute__((vector_size(64)));

enum { STRIP = 32, VECTORS = STRIP / 8, ROWS = 4, WIDE = 512 };

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

INLINE void strip_rows(const run *t, const double *w, size_t col, size_t count, size_t r0,
                       const size_t n) {
    f64x8 s[ROWS][VECTORS] = {{{0}}};
    const float *x = t->x + r0 * t->x_stride;
    for (size_t k = 0; k < t->k; k++, w += STRIP) {
        f64x8 wv[VECTORS];
        memcpy(wv, w, sizeof wv);
        for (size_t r = 0; r < n; r++) {
            double xv = (double)x[r * t->x_stride + k];
            for (int c = 0; c < VECTORS; c++) s[r][c] += xv * wv[c];
        }
    }
    for (size_t r = 0; r < n; r++) {
        double sum[STRIP];
        memcpy(sum, s[r], sizeof sum);
        finish(t, r0 + r, col, sum, count);
    }
}

// Many rows: one job a strip of columns.
INLINE void strips(const run *t, size_t begin, size_t end) {
    double *w = base_alloc(t->k * STRIP * sizeof *w + 1);
    for (size_t job = begin; job < end; job++) {
        size_t col = job * STRIP, count = t->n - col < STRIP ? t->n - col : STRIP;
        for (size_t k = 0; k < t->k; k++) {
            const float *from = t->w + k * t->n + col;
            for (size_t i = 0; i < count; i++) w[k * STRIP + i] = (double)from[i];
            for (size_t i = count; i < STRIP; i++) w[k * STRIP + i] = 0;
        }
        size_t r = 0;
        for (; r + ROWS <= t->rows; r += ROWS) strip_rows(t, w, col, count, r, ROWS);
        for (; r < t->rows; r++) strip_rows(t, w, col, count, r, 1);
    }
    free(w);
}

// Few rows: one job WIDE columns of one row.
INLINE void streams(const run *t, size_t begin, size_t end) {
    size_t per_row = (t->n + WIDE - 1) / WIDE;
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

INLINE void dot_columns(float *s, const float *q, const float *k, size_t stride, size_t d,
                        size_t n) {
    double acc[WIDE / 2];
    for (size_t at = 0; at < n; at += WIDE / 2) {
        size_t m = n - at < WIDE / 2 ? n - at : WIDE / 2;
        for (size_t j = 0; j < m; j++) acc[j] = 0;
        for (size_t i = 0; i < d; i++) {
            const float *row = k + i * stride + at;
            double x = (double)q[i];
            for (size_t j = 0; j < m; j++) acc[j] += x * (double)row[j];
        }
        for (size_t j = 0; j < m; j++) s[at + j] = (float)acc[j];
    }
}

INLINE void mix_rows(double *restrict acc, const float *p, const float *restrict v, size_t dv,
                     size_t n) {
    for (size_t j = 0; j < n; j++, v += dv) {
        double w = (double)p[j];
        for (size_t i = 0; i < dv; i++) acc[i] += w * (double)v[i];
    }
}

#define PATH(name, attributes)                                                                 \
    attributes static void strips_##name(void *t, size_t begin, size_t end) {                  \
        strips(t, begin, end);                                                                 \
    }                                                                                          \
    attributes static void streams_##name(void *t, size_t begin, size_t end) {                 \
        streams(t, begin, end);                                                                \
    }                                                                                          \
    attributes static void dot_##name(float *s, const float *q, const float *k, size_t stride, \
                                      size_t d, size_t n) {                                    \
        dot_columns(s, q, k, stride, d, n);                                                    \
    }                                                                                          \
    attributes static void mix_##name(double *acc, const float *p, const float *v, size_t dv,  \
                                      size_t n) {                                              \
        mix_rows(acc, p, v, dv, n);                                                            \
    }
PATH(portable, )
#if defined(__x86_64__)
PATH(avx2, __attribute__((target("avx2"))))
PATH(avx512, __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))))
#else
#define strips_avx2 strips_portable
#define strips_avx512 strips_portable
#define streams_avx2 streams_portable
#define streams_avx512 streams_portable
#define dot_avx2 dot_portable
#define dot_avx512 dot_portable
#define mix_avx2 mix_portable
#define mix_avx512 mix_portable
#endif

void sim_product(xbar_path path, int threads, size_t rows, size_t k, size_t n, const float *x,
                 size_t x_stride, const float *w, const float *bias, float *y, size_t y_stride) {
    static void (*const many[XBAR_PATHS])(void *, size_t, size_t) = {strips_portable, strips_avx2,
                                                                     strips_avx512, strips_avx512};
    static void (*const few[XBAR_PATHS])(void *, size_t, size_t) = {streams_portable, streams_avx2,
                                                                    streams_avx512, streams_avx512};
    if (rows == 0 || n == 0) return;
    run t = {rows, k, n, x_stride, y_stride, x, w, bias, y};
    if ((double)rows * (double)k * (double)n < 1e6) threads = 1;
    if (rows < ROWS)
        parallel_for(threads, rows * ((n + WIDE - 1) / WIDE), 1, few[path], &t);
    else
        parallel_for(threads, (n + STRIP - 1) / STRIP, 1, many[path], &t);
}

void sim_dot_columns(xbar_path path, float *s, const float *q, const float *k, size_t stride,
                     size_t d, size_t n) {
    static void (*const f[XBAR_PATHS])(float *, const float *, const float *, size_t, size_t,
                                       size_t) = {dot_portable, dot_avx2, dot_avx512, dot_avx512};
    f[path](s, q, k, stride, d, n);
}

void sim_mix_rows(xbar_path path, double *acc, const float *p, const float *v, size_t dv,
                  size_t n) {
    static void (*const f[XBAR_PATHS])(double *, const float *, const float *, size_t,
                                       size_t) = {mix_portable, mix_avx2, mix_avx512, mix_avx512};
    f[path](acc, p, v, dv, n);
}
