// The blocked product. Compiled at -O3; the kernels once per vector unit of the machine.
// The product of two floats is exact in double, so only the order of additions matters, and that is
// k ascending for each sum. A fused multiply-add then rounds as a product and an addition do;
// operands that are doubles round twice, so the compiler must not contract.
#include "ir/kernel/product.h"
#include "ir/kernel/codes.h"
#include "support/num/simd.h"
#include "support/parallel.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include <stdlib.h>
#include <string.h>

enum {
    COLUMNS = PRODUCT_COLUMNS,
    HALF = 16,               // columns a kernel call covers
    K_BLOCK = PRODUCT_QUICK, // rows of a packed panel: 64 KiB of double
    ROW_BLOCK = 128,         // rows that share a packed panel
    ROW_BATCH = 1024,        // rows of the left operand converted at once
    FEW_ROWS = 4,            // at most: the right operand is not packed
};

#define ROUND_TWICE(x, y, sum) ((x) * (y) + (sum))

// sum[r*COLUMNS + c] += sum over k of a[r*lda + k] * w[k*COLUMNS + c], ROWS rows, HALF columns.
#define KERNEL(name, target, LANES, ROWS, MAC)                                             \
    target static void name(const double *a, size_t lda, const double *w, size_t n_k,      \
                            double *sum) {                                                 \
        typedef double vec __attribute__((vector_size(8 * LANES), aligned(8), may_alias)); \
        vec s[ROWS][HALF / LANES];                                                         \
        for (int r = 0; r < ROWS; r++)                                                     \
            for (int j = 0; j < HALF / LANES; j++)                                         \
                s[r][j] = *(const vec *)(sum + r * COLUMNS + j * LANES);                   \
        for (size_t k = 0; k < n_k; k++) {                                                 \
            for (int j = 0; j < HALF / LANES; j++) {                                       \
                vec column = *(const vec *)(w + k * COLUMNS + j * LANES);                  \
                for (int r = 0; r < ROWS; r++) {                                           \
                    vec x = a[(size_t)r * lda + k] - (vec){0};                             \
                    s[r][j] = MAC(x, column, s[r][j]);                                     \
                }                                                                          \
            }                                                                              \
        }                                                                                  \
        for (int r = 0; r < ROWS; r++)                                                     \
            for (int j = 0; j < HALF / LANES; j++)                                         \
                *(vec *)(sum + r * COLUMNS + j * LANES) = s[r][j];                         \
    }

// sum[c] = sum over i of x[i] * b[i*ld + c] for one block of 4*LANES columns, x of type X; where
// `at` is given, over i = at[0], at[1], ..., at[len - 1].
#define ROW_KERNEL(name, target, LANES, X, MAC)                                              \
    target static void name(double *sum, const X *x, const uint32_t *at, size_t len,         \
                            const float *b, size_t ld) {                                     \
        typedef double vec __attribute__((vector_size(8 * LANES), aligned(8), may_alias));   \
        typedef float narrow __attribute__((vector_size(4 * LANES), aligned(4), may_alias)); \
        vec s[4] = {{0}, {0}, {0}, {0}};                                                     \
        for (size_t k = 0; k < len; k++) {                                                   \
            const size_t i = at ? at[k] : k;                                                 \
            vec factor = (double)x[i] - (vec){0};                                            \
            for (int j = 0; j < 4; j++) {                                                    \
                narrow f = *(const narrow *)(b + i * ld + j * LANES);                        \
                s[j] = MAC(factor, __builtin_convertvector(f, vec), s[j]);                   \
            }                                                                                \
        }                                                                                    \
        for (int j = 0; j < 4; j++) *(vec *)(sum + j * LANES) = s[j];                        \
    }

KERNEL(kernel_many, , 2, 1, ROUND_TWICE)
ROW_KERNEL(row_f32, , 2, float, ROUND_TWICE)
ROW_KERNEL(row_f64, , 2, double, ROUND_TWICE)
#if defined(__x86_64__)
#define SIMD_TARGET_FMA __attribute__((target("avx2,fma")))
KERNEL(kernel_many_avx2, SIMD_TARGET_AVX2, 4, 3, ROUND_TWICE)
KERNEL(kernel_one_avx2, SIMD_TARGET_AVX2, 4, 1, ROUND_TWICE)
KERNEL(kernel_many_avx512, SIMD_TARGET_AVX512, 8, 8, ROUND_TWICE)
KERNEL(kernel_one_avx512, SIMD_TARGET_AVX512, 8, 1, ROUND_TWICE)
KERNEL(fused_many_avx2, SIMD_TARGET_FMA, 4, 3, _mm256_fmadd_pd)
KERNEL(fused_one_avx2, SIMD_TARGET_FMA, 4, 1, _mm256_fmadd_pd)
KERNEL(fused_many_avx512, SIMD_TARGET_AVX512, 8, 8, _mm512_fmadd_pd)
KERNEL(fused_one_avx512, SIMD_TARGET_AVX512, 8, 1, _mm512_fmadd_pd)
ROW_KERNEL(row_f64_avx2, SIMD_TARGET_AVX2, 4, double, ROUND_TWICE)
ROW_KERNEL(row_f64_avx512, SIMD_TARGET_AVX512, 8, double, ROUND_TWICE)
ROW_KERNEL(fused_f32_avx2, SIMD_TARGET_FMA, 4, float, _mm256_fmadd_pd)
ROW_KERNEL(fused_f64_avx2, SIMD_TARGET_FMA, 4, double, _mm256_fmadd_pd)
ROW_KERNEL(fused_f32_avx512, SIMD_TARGET_AVX512, 8, float, _mm512_fmadd_pd)
ROW_KERNEL(fused_f64_avx512, SIMD_TARGET_AVX512, 8, double, _mm512_fmadd_pd)
#endif

// As KERNEL on floats, all COLUMNS at once: n_k terms in f32, their sum added in f64.
#define QUICK_KERNEL(name, target, VEC, ZERO, LOAD, STORE, SET1, FMA, LANES, ROWS)                 \
    target static void name(const float *a, size_t lda, const float *w, size_t n_k, double *sum) { \
        VEC s[ROWS][COLUMNS / LANES];                                                              \
        SIMD_UNROLL for (int r = 0; r < ROWS; r++)                                                 \
            SIMD_UNROLL for (int j = 0; j < COLUMNS / LANES; j++) s[r][j] = ZERO();                \
        for (size_t k = 0; k < n_k; k++) {                                                         \
            VEC column[COLUMNS / LANES];                                                           \
            SIMD_UNROLL for (int j = 0; j < COLUMNS / LANES; j++) column[j] =                      \
                LOAD(w + k * COLUMNS + j * LANES);                                                 \
            SIMD_UNROLL for (int r = 0; r < ROWS; r++) {                                           \
                VEC x = SET1(a[(size_t)r * lda + k]);                                              \
                SIMD_UNROLL for (int j = 0; j < COLUMNS / LANES; j++) s[r][j] =                    \
                    FMA(x, column[j], s[r][j]);                                                    \
            }                                                                                      \
        }                                                                                          \
        SIMD_UNROLL for (int r = 0; r < ROWS; r++) {                                               \
            float part[COLUMNS];                                                                   \
            SIMD_UNROLL for (int j = 0; j < COLUMNS / LANES; j++)                                  \
                STORE(part + j * LANES, s[r][j]);                                                  \
            for (int c = 0; c < COLUMNS; c++) sum[r * COLUMNS + c] += (double)part[c];             \
        }                                                                                          \
    }

// As ROW_KERNEL, COLUMNS at once: K_BLOCK terms in f32, their sums in f64.
#define QUICK_ROW_KERNEL(name, target, LANES, FMA, SET1)                                        \
    target static void name(double *sum, const float *x, const uint32_t *at, size_t len,        \
                            const float *b, size_t ld) {                                        \
        typedef float vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));       \
        for (size_t k0 = 0; k0 < len; k0 += K_BLOCK) {                                          \
            const size_t k1 = k0 + K_BLOCK < len ? k0 + K_BLOCK : len;                          \
            vec s[COLUMNS / LANES];                                                             \
            SIMD_UNROLL for (int j = 0; j < COLUMNS / LANES; j++) s[j] = (vec){0};              \
            for (size_t k = k0; k < k1; k++) {                                                  \
                const size_t i = at ? at[k] : k;                                                \
                const float *row = b + i * ld;                                                  \
                SIMD_UNROLL for (int j = 0; j < COLUMNS / LANES; j++) s[j] =                    \
                    FMA(SET1(x[i]), *(const vec *)(row + j * LANES), s[j]);                     \
            }                                                                                   \
            float part[COLUMNS];                                                                \
            SIMD_UNROLL for (int j = 0; j < COLUMNS / LANES; j++) * (vec *)(part + j * LANES) = \
                s[j];                                                                           \
            for (int c = 0; c < COLUMNS; c++) sum[c] += (double)part[c];                        \
        }                                                                                       \
    }

#if defined(__x86_64__)
QUICK_ROW_KERNEL(quick_row_avx512, SIMD_TARGET_AVX512, 16, _mm512_fmadd_ps, _mm512_set1_ps)
QUICK_ROW_KERNEL(quick_row_avx2, __attribute__((target("avx2,fma"))), 8, _mm256_fmadd_ps,
                 _mm256_set1_ps)
#define AVX512(name, ROWS)                                                             \
    QUICK_KERNEL(name, SIMD_TARGET_AVX512, __m512, _mm512_setzero_ps, _mm512_loadu_ps, \
                 _mm512_storeu_ps, _mm512_set1_ps, _mm512_fmadd_ps, 16, ROWS)
#define AVX2(name, ROWS)                                                               \
    QUICK_KERNEL(name, __attribute__((target("avx2,fma"))), __m256, _mm256_setzero_ps, \
                 _mm256_loadu_ps, _mm256_storeu_ps, _mm256_set1_ps, _mm256_fmadd_ps, 8, ROWS)
AVX512(quick_many_avx512, 8)
AVX512(quick_one_avx512, 1)
AVX2(quick_many_avx2, 2)
AVX2(quick_one_avx2, 1)
#endif

typedef void (*quick_fn)(const float *a, size_t lda, const float *w, size_t n_k, double *sum);
typedef void (*kernel_fn)(const double *a, size_t lda, const double *w, size_t n_k, double *sum);
typedef struct {
    kernel_fn many, one;
    size_t rows; // of `many`
    void (*row_f32)(double *sum, const float *x, const uint32_t *at, size_t len, const float *b,
                    size_t ld);
    void (*row_f64)(double *sum, const double *x, const uint32_t *at, size_t len, const float *b,
                    size_t ld);
    size_t row_columns; // of those two
} kernel_set;

typedef struct {
    quick_fn many, one; // NULL: there are none
    size_t rows;        // of `many`
    void (*row)(double *sum, const float *x, const uint32_t *at, size_t len, const float *b,
                size_t ld);
} quick_set;

static quick_set quick_kernels(void) {
#if defined(__x86_64__)
    if (simd_has(SIMD_AVX512))
        return (quick_set){quick_many_avx512, quick_one_avx512, 8, quick_row_avx512};
    if (simd_has(SIMD_AVX2) && __builtin_cpu_supports("fma"))
        return (quick_set){quick_many_avx2, quick_one_avx2, 2, quick_row_avx2};
#endif
    return (quick_set){0};
}

// narrow: operands are floats in value, or codes.
static kernel_set kernels(bool narrow) {
#if defined(__x86_64__)
    const bool fused = simd_has(SIMD_AVX512) || __builtin_cpu_supports("fma");
    if (simd_has(SIMD_AVX512) && narrow)
        return (kernel_set){fused_many_avx512, fused_one_avx512, 8,
                            fused_f32_avx512,  fused_f64_avx512, 32};
    if (simd_has(SIMD_AVX512))
        return (kernel_set){kernel_many_avx512, kernel_one_avx512, 8,
                            fused_f32_avx512,   row_f64_avx512,    32};
    if (simd_has(SIMD_AVX2) && fused && narrow)
        return (kernel_set){fused_many_avx2, fused_one_avx2, 3, fused_f32_avx2, fused_f64_avx2, 16};
    if (simd_has(SIMD_AVX2) && fused)
        return (kernel_set){kernel_many_avx2, kernel_one_avx2, 3, fused_f32_avx2, row_f64_avx2, 16};
#endif
    (void)narrow;
    return (kernel_set){kernel_many, kernel_many, 1, row_f32, row_f64, 8};
}

// Rows [m0, m1) of the left operand, converted to what the product is computed in.
typedef struct {
    const product *p;
    kernel_set kernels;
    quick_set quick;
    const double *a;      // exact
    const float *f;       // quick
    const int8_t *x;      // codes, codes_row_bytes apart, with
    const int64_t *total; // the sum of each row
    size_t m0, m1;
    size_t row_blocks;
    const float *taken; // sums of panel p, row r at (p*taken_ld + r)*COLUMNS; NULL: not known yet
    size_t taken_ld;
    float *kept; // where they go, with m1 - m0 rows a panel; NULL: nowhere
} batch;

// sum[c] = sum over k of a[k] * w[c*ld + k]: eight sums side by side hide the latency of each.
static void row_transposed(double *sum, const double *a, size_t n_k, const float *w, size_t ld,
                           size_t n) {
    size_t c = 0;
    for (; c + 8 <= n; c += 8) {
        double s[8] = {0};
        for (size_t k = 0; k < n_k; k++)
            for (size_t j = 0; j < 8; j++) s[j] += a[k] * (double)w[(c + j) * ld + k];
        memcpy(sum + c, s, sizeof s);
    }
    for (; c < n; c++) {
        sum[c] = 0;
        for (size_t k = 0; k < n_k; k++) sum[c] += a[k] * (double)w[c * ld + k];
    }
}

// The sums of a few rows straight from the right operand in memory; false: it is not there.
static bool run_direct(const batch *b, size_t i0, size_t i1, size_t n0, size_t n1, double *sum) {
    const product *p = b->p;
    const float *w;
    size_t ld, step = b->kernels.row_columns;
    bool transposed;
    if (i1 - i0 > FEW_ROWS || !p->direct || !p->direct(p->ctx, n0, n1, &w, &ld, &transposed))
        return false;
    for (size_t i = i0; i < i1; i++, sum += COLUMNS) {
        const double *a = b->a + (i - b->m0) * p->k;
        size_t c = 0, n = n1 - n0;
        if (transposed) {
            row_transposed(sum, a, p->k, w, ld, n);
            continue;
        }
        for (; c + step <= n; c += step) b->kernels.row_f64(sum + c, a, NULL, p->k, w + c, ld);
        for (; c + 8 <= n; c += 8) row_f64(sum + c, a, NULL, p->k, w + c, ld);
        for (; c < n; c++) {
            double s = 0;
            for (size_t k = 0; k < p->k; k++) s += a[k] * (double)w[k * ld + c];
            sum[c] = s;
        }
    }
    return true;
}

// sum += a block of terms, from operands packed in w (a double) or f (floats).
static void exact_block(const batch *b, size_t i0, size_t i1, size_t k0, size_t k1, size_t n,
                        const double *w, double *sum) {
    const product *p = b->p;
    const kernel_set *ks = &b->kernels;
    for (size_t half = 0; half < n; half += HALF) {
        for (size_t i = i0; i < i1;) {
            size_t step = i + ks->rows <= i1 ? ks->rows : 1;
            (step == 1 ? ks->one : ks->many)(b->a + (i - b->m0) * p->k + k0, p->k, w + half,
                                             k1 - k0, sum + (i - i0) * COLUMNS + half);
            i += step;
        }
    }
}

static void quick_block(const batch *b, size_t i0, size_t i1, size_t k0, size_t k1, size_t n0,
                        size_t n1, double *w, float *f, double *sum) {
    const product *p = b->p;
    if (n1 - n0 < COLUMNS) memset(f, 0, (k1 - k0) * COLUMNS * sizeof *f);
    if (!p->pack || !p->pack(p->ctx, k0, k1, n0, n1, f)) {
        p->panel(p->ctx, k0, k1, n0, n1, w);
        for (size_t k = 0; k < k1 - k0; k++)
            for (size_t c = 0; c < n1 - n0; c++) f[k * COLUMNS + c] = (float)w[k * COLUMNS + c];
    }
    for (size_t i = i0; i < i1;) {
        size_t step = i + b->quick.rows <= i1 ? b->quick.rows : 1;
        (step == 1 ? b->quick.one : b->quick.many)(b->f + (i - b->m0) * p->k + k0, p->k, f, k1 - k0,
                                                   sum + (i - i0) * COLUMNS);
        i += step;
    }
}

// w: room for a panel as it comes and as it is multiplied.
static void codes_block(const batch *b, size_t i0, size_t i1, size_t n0, size_t n1, double *sum,
                        int8_t *w) {
    const product *p = b->p;
    const size_t ld = codes_row_bytes(p->k);
    uint8_t *packed = (uint8_t *)w + CODES_ROWS * COLUMNS;
    for (size_t i = i0; i < i1; i++)
        for (size_t c = 0; c < COLUMNS; c++)
            sum[(i - i0) * COLUMNS + c] = (double)(-128 * b->total[i - b->m0]);
    for (size_t k0 = 0; k0 < p->k; k0 += CODES_ROWS) {
        const size_t k1 = k0 + CODES_ROWS < p->k ? k0 + CODES_ROWS : p->k;
        if (n1 - n0 < COLUMNS) memset(w, 0, (k1 - k0) * COLUMNS);
        p->code_panel(p->ctx, k0, k1, n0, n1, w);
        codes_pack(packed, w, k1 - k0);
        codes_add(sum, b->x + (i0 - b->m0) * ld + k0, ld, i1 - i0, packed, k1 - k0);
    }
}

// Sums from the store, or into it: as floats, so that taken ones are computed ones.
static void stored_block(const batch *b, size_t i0, size_t i1, size_t panel, double *sum) {
    const size_t first = i0 - b->m0, n = (i1 - i0) * COLUMNS;
    if (b->taken) {
        const float *from = b->taken + (panel * b->taken_ld + first) * COLUMNS;
        for (size_t i = 0; i < n; i++) sum[i] = (double)from[i];
        return;
    }
    for (size_t i = 0; i < n; i++) sum[i] = (double)(float)sum[i];
    float *to = b->kept ? b->kept + (panel * (b->m1 - b->m0) + first) * COLUMNS : NULL;
    for (size_t i = 0; to && i < n; i++) to[i] = (float)sum[i];
}

// Tasks are (panel, row block), panel slowest.
static void run_tasks(void *ctx, size_t begin, size_t end) {
    const batch *b = ctx;
    const product *p = b->p;
    double *w = base_alloc((size_t)K_BLOCK * COLUMNS * sizeof *w);
    float *f = b->f ? base_alloc((size_t)K_BLOCK * COLUMNS * sizeof *f) : NULL;
    double *sum = base_alloc((size_t)ROW_BLOCK * COLUMNS * sizeof *sum);
    for (size_t task = begin; task < end; task++) {
        const size_t panel = task / b->row_blocks;
        size_t n0 = panel * COLUMNS, n1 = n0 + COLUMNS < p->n ? n0 + COLUMNS : p->n;
        size_t i0 = b->m0 + task % b->row_blocks * ROW_BLOCK;
        size_t i1 = i0 + ROW_BLOCK < b->m1 ? i0 + ROW_BLOCK : b->m1;
        if (b->x) {
            codes_block(b, i0, i1, n0, n1, sum, (int8_t *)w);
            p->finish(p->ctx, i0, i1, n0, n1, sum);
            continue;
        }
        if (!b->f && run_direct(b, i0, i1, n0, n1, sum)) {
            p->finish(p->ctx, i0, i1, n0, n1, sum);
            continue;
        }
        if (!b->taken) memset(sum, 0, (i1 - i0) * COLUMNS * sizeof *sum);
        for (size_t k0 = 0; !b->taken && k0 < p->k; k0 += K_BLOCK) {
            size_t k1 = k0 + K_BLOCK < p->k ? k0 + K_BLOCK : p->k;
            if (b->f) {
                quick_block(b, i0, i1, k0, k1, n0, n1, w, f, sum);
                continue;
            }
            if (n1 - n0 < COLUMNS) memset(w, 0, (k1 - k0) * COLUMNS * sizeof *w);
            p->panel(p->ctx, k0, k1, n0, n1, w);
            exact_block(b, i0, i1, k0, k1, n1 - n0, w, sum);
        }
        if (b->f && p->store) stored_block(b, i0, i1, panel, sum);
        p->finish(p->ctx, i0, i1, n0, n1, sum);
    }
    free(sum);
    free(f);
    free(w);
}

// Room for the left operand in the form that a product is computed in.
typedef struct {
    double *a;
    float *f;
    int8_t *x;
    int64_t *total;
} left_operand;

static int64_t sum_codes(const int8_t *x, size_t n) {
    int64_t total = 0;
    for (size_t at = 0; at < n; at += K_BLOCK) { // in 32 bits: a vector
        const size_t end = at + K_BLOCK < n ? at + K_BLOCK : n;
        int32_t sum = 0;
        for (size_t k = at; k < end; k++) sum += x[k];
        total += sum;
    }
    return total;
}

static void copy_codes(const product *p, size_t m0, size_t m1, left_operand *l) {
    const size_t ld = codes_row_bytes(p->k);
    for (size_t i = m0; i < m1; i++) {
        const int8_t *from = p->code_row(p->ctx, i);
        int8_t *to = l->x + (i - m0) * ld;
        memcpy(to, from, p->k);
        memset(to + p->k, 0, ld - p->k);
        l->total[i - m0] = sum_codes(from, p->k);
    }
}

static void run_batch(const product *p, size_t m0, size_t m1, left_operand *l, int threads) {
    batch b = {.p = p,
               .kernels = kernels(p->narrow),
               .quick = quick_kernels(),
               .a = l->a,
               .f = l->a || l->x ? l->f : p->left + m0 * p->k,
               .x = l->x,
               .total = l->total,
               .m0 = m0,
               .m1 = m1,
               .row_blocks = ceil_div_u64(m1 - m0, ROW_BLOCK)};
    if (b.x) {
        copy_codes(p, m0, m1, l);
    } else {
        if (l->a) p->rows(p->ctx, m0, m1, l->a);
        for (size_t i = 0; l->a && l->f && i < (m1 - m0) * p->k; i++) l->f[i] = (float)l->a[i];
    }
    if (b.f && p->store) {
        const store_key key = {p->matrix, p->transposed, m1 - m0, p->k, p->n};
        b.taken = product_store_find(p->store, &key, b.f, &b.taken_ld);
        b.kept = b.taken ? NULL : product_store_add(p->store, &key, b.f);
    }
    // Below a tenth of a millisecond other threads are not worth waking.
    bool small = (double)(m1 - m0 + FEW_ROWS) * (double)p->k * (double)p->n < 2e6;
    parallel_for(small ? 1 : threads, ceil_div_u64(p->n, COLUMNS) * b.row_blocks, 1, run_tasks, &b);
}

void product_run(const product *p, int threads) {
    if (p->m == 0 || p->n == 0) return;
    const size_t rows = p->m < ROW_BATCH ? p->m : ROW_BATCH, n = rows * p->k;
    left_operand l = {0};
    if (p->code_row && codes_can_multiply()) {
        l.x = base_alloc(rows * codes_row_bytes(p->k) + 1);
        l.total = base_alloc(rows * sizeof *l.total);
    } else {
        const bool quick = (p->quick || p->code_row) && quick_kernels().many;
        if (quick && !p->left) l.f = base_alloc(n * sizeof *l.f + 1);
        if (!quick || !p->left) l.a = base_alloc(n * sizeof *l.a + 1);
    }
    for (size_t m0 = 0; m0 < p->m; m0 += rows)
        run_batch(p, m0, m0 + rows < p->m ? m0 + rows : p->m, &l, threads);
    free(l.a);
    free(l.f);
    free(l.x);
    free(l.total);
}

void product_pack_f32(const void *data, size_t ld, bool transposed, size_t k0, size_t k1, size_t n0,
                      size_t n1, float *w) {
    enum { STRIPE = 16 }; // of a transposed matrix: what is read of a column before the next one
    const char *p = data;
    for (size_t k = k0; !transposed && k < k1; k++) {
        const char *from = p + (k * ld + n0) * sizeof(float);
        float *to = w + (k - k0) * COLUMNS;
        if (n1 - n0 == COLUMNS)
            memcpy(to, from, COLUMNS * sizeof *to); // of a size that the compiler knows
        else
            memcpy(to, from, (n1 - n0) * sizeof *to);
    }
    for (size_t k = k0; transposed && k < k1; k += STRIPE)
        for (size_t c = n0; c < n1; c++) {
            float part[STRIPE];
            const size_t n = k + STRIPE < k1 ? STRIPE : k1 - k;
            memcpy(part, p + (c * ld + k) * sizeof(float), n * sizeof *part);
            for (size_t i = 0; i < n; i++) w[(k - k0 + i) * COLUMNS + c - n0] = part[i];
        }
}

void product_panel_f32(const void *data, size_t ld, bool transposed, size_t k0, size_t k1,
                       size_t n0, size_t n1, double *w) {
    const char *p = data;
    if (!transposed) {
        for (size_t k = k0; k < k1; k++) {
            const char *from = p + (k * ld + n0) * sizeof(float);
            float row[COLUMNS];
            if (n1 - n0 == COLUMNS) { // a size that the compiler knows
                memcpy(row, from, sizeof row);
                for (size_t c = 0; c < COLUMNS; c++) w[(k - k0) * COLUMNS + c] = row[c];
                continue;
            }
            memcpy(row, from, (n1 - n0) * sizeof(float));
            for (size_t c = 0; c < n1 - n0; c++) w[(k - k0) * COLUMNS + c] = row[c];
        }
        return;
    }
    for (size_t c = 0; c < n1 - n0; c++) {
        const char *column = p + (n0 + c) * ld * sizeof(float);
        for (size_t k = k0; k < k1; k++) {
            float v;
            memcpy(&v, column + k * sizeof v, sizeof v);
            w[(k - k0) * COLUMNS + c] = v;
        }
    }
}

// One block of columns; returns how many.
static size_t row_block(const kernel_set *ks, const quick_set *quick, float *y, const float *x,
                        const uint32_t *at, size_t len, const product_operand *b, size_t c,
                        size_t n) {
    double sum[COLUMNS] = {0};
    const float *columns = b->b + c;
    size_t step = n - c >= ks->row_columns ? ks->row_columns : 8;
    if (b->quick && quick->row && n - c >= COLUMNS) {
        step = COLUMNS;
        quick->row(sum, x, at, len, columns, b->ld);
    } else {
        (step == 8 ? row_f32 : ks->row_f32)(sum, x, at, len, columns, b->ld);
    }
    for (size_t i = 0; i < step; i++) y[c + i] = (float)sum[i];
    return step;
}

void product_row(float *y, const float *x, const uint32_t *at, size_t len, const product_operand *b,
                 size_t n) {
    const kernel_set ks = kernels(true);
    const quick_set quick = quick_kernels();
    size_t c = 0;
    while (n - c >= 8) c += row_block(&ks, &quick, y, x, at, len, b, c, n);
    for (; c < n; c++) {
        double s = 0;
        for (size_t k = 0; k < len; k++) {
            const size_t i = at ? at[k] : k;
            s += (double)x[i] * (double)b->b[i * b->ld + c];
        }
        y[c] = (float)s;
    }
}
