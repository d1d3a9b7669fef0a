// The product of many rows, and sums of weighted rows, for one vector width of BYTES: included by
// product.c with STRIPS, BYTES, ROWS and FUSED(a, b, c) = a b + c set. ROWS rows x STRIP columns of
// sums stay in registers.

typedef double STRIPS(f64) __attribute__((vector_size(BYTES)));
typedef double STRIPS(f64_at)
    __attribute__((vector_size(BYTES), aligned(8), may_alias)); // in memory

typedef float STRIPS(f32_at)
    __attribute__((vector_size(BYTES / 2), aligned(4), may_alias)); // in memory

#define LANES (BYTES / 8)
#define VECTORS 4
#define STRIP (VECTORS * LANES)

STRIPS_TARGET INLINE void STRIPS(rows)(const run *t, const double *w, size_t col, size_t count,
                                       size_t r0, const size_t n) {
    STRIPS(f64) s[ROWS][VECTORS] = {{{0}}};
    const float *x = t->x + r0 * t->x_stride;
    for (size_t k = 0; k < t->k; k++, w += STRIP) {
        const STRIPS(f64_at) *wv = (const STRIPS(f64_at) *)w;
        SIMD_UNROLL
        for (size_t r = 0; r < n; r++) {
            STRIPS(f64) xv = (double)x[r * t->x_stride + k] + (STRIPS(f64)){0};
            SIMD_UNROLL
            for (int c = 0; c < VECTORS; c++) s[r][c] = FUSED(xv, wv[c], s[r][c]);
        }
    }
    SIMD_UNROLL
    for (size_t r = 0; r < n; r++) {
        double sum[STRIP];
        memcpy(sum, s[r], sizeof sum);
        finish(t, r0 + r, col, sum, count);
    }
}

// One job a strip of columns.
STRIPS_TARGET static void STRIPS(strip_body)(void *ctx, size_t begin, size_t end) {
    const run *t = ctx;
    double *w = base_alloc(t->k * STRIP * sizeof *w + 1);
    for (size_t job = begin; job < end; job++) {
        size_t col = job * STRIP, count = t->n - col < STRIP ? t->n - col : STRIP;
        for (size_t k = 0; k < t->k; k++) {
            const float *from = t->w + k * t->n + col;
            for (size_t i = 0; i < count; i++) w[k * STRIP + i] = (double)from[i];
            for (size_t i = count; i < STRIP; i++) w[k * STRIP + i] = 0;
        }
        size_t r = 0;
        for (; r + ROWS <= t->rows; r += ROWS) STRIPS(rows)(t, w, col, count, r, ROWS);
        for (; r < t->rows; r++) STRIPS(rows)(t, w, col, count, r, 1);
    }
    free(w);
}

static void STRIPS(strips)(run *t, int threads) {
    parallel_for(threads, ceil_div_u64(t->n, STRIP), 1, STRIPS(strip_body), t);
}

// acc[r][j] += f64(x[r][i]) * f64(k[i][j]) for i ascending: `vectors` vectors of columns of `rows`
// rows in registers.
STRIPS_TARGET INLINE void STRIPS(span)(double *const *acc, const float *const *x, size_t m,
                                       const float *k, size_t stride, size_t at, const int rows,
                                       const int vectors) {
    STRIPS(f64) s[4][8];
    SIMD_UNROLL
    for (int r = 0; r < rows; r++) SIMD_UNROLL
    for (int c = 0; c < vectors; c++) s[r][c] = ((const STRIPS(f64_at) *)(acc[r] + at))[c];
    k += at;
    for (size_t i = 0; i < m; i++, k += stride) {
        STRIPS(f64) v[8];
        SIMD_UNROLL
        for (int c = 0; c < vectors; c++)
            v[c] = __builtin_convertvector(((const STRIPS(f32_at) *)k)[c], STRIPS(f64));
        SIMD_UNROLL
        for (int r = 0; r < rows; r++) {
            STRIPS(f64) xv = (double)x[r][i] + (STRIPS(f64)){0};
            SIMD_UNROLL
            for (int c = 0; c < vectors; c++) s[r][c] = FUSED(xv, v[c], s[r][c]);
        }
    }
    SIMD_UNROLL
    for (int r = 0; r < rows; r++) SIMD_UNROLL
    for (int c = 0; c < vectors; c++) ((STRIPS(f64_at) *)(acc[r] + at))[c] = s[r][c];
}

// The last columns, where they do not fill a vector, are worked on in one that overlaps the others.
STRIPS_TARGET INLINE void STRIPS(columns)(double *const *acc, const float *const *x, size_t m,
                                          const float *k, size_t stride, size_t n, const int rows,
                                          const int vectors) {
    double tail[4][LANES], *to[4];
    size_t at = 0;
    bool rest = n >= LANES && n % LANES;
    SIMD_UNROLL
    for (int r = 0; rest && r < rows; r++) {
        memcpy(tail[r], acc[r] + n - LANES, sizeof tail[r]);
        to[r] = tail[r];
    }
    if (rest) STRIPS(span)(to, x, m, k + n - LANES, stride, 0, rows, 1);
    for (; at + (size_t)vectors * LANES <= n; at += (size_t)vectors * LANES)
        STRIPS(span)(acc, x, m, k, stride, at, rows, vectors);
    for (; at + LANES <= n; at += LANES) STRIPS(span)(acc, x, m, k, stride, at, rows, 1);
    for (int r = 0; rest && r < rows; r++) memcpy(acc[r] + n - LANES, tail[r], sizeof tail[r]);
    for (; !rest && at < n; at++)
        for (int r = 0; r < rows; r++)
            for (size_t i = 0; i < m; i++)
                acc[r][at] += (double)x[r][i] * (double)k[i * stride + at];
}
STRIPS_TARGET static void STRIPS(one)(double *const *acc, const float *const *x, size_t m,
                                      const float *k, size_t stride, size_t n) {
    STRIPS(columns)(acc, x, m, k, stride, n, 1, 8);
}
STRIPS_TARGET static void STRIPS(four)(double *const *acc, const float *const *x, size_t m,
                                       const float *k, size_t stride, size_t n) {
    STRIPS(columns)(acc, x, m, k, stride, n, 4, BYTES == 64 ? 4 : 2);
}

#undef LANES
#undef VECTORS
#undef STRIP
#undef STRIPS
#undef STRIPS_TARGET
#undef BYTES
#undef ROWS
#undef FUSED
