// The exact integer product: int8 rows times the packed weights (value + 128 as u8, four k side by
// side), acc = S x * (w + 128) - 128 S x in i32. Needs no bound on the operands: every product and
// sum of pairs fits its lane, sums wrap modulo 2^32 like the result's own.
//
// vnni     vpdpbusd: 64 products an instruction, x broadcast from memory as its signed operand
// avx512   vpmaddwd on codes widened to 16 bits; two i32 lanes a column, added at the end
// avx2     the same, half as wide
#include "runtime-sim/xbar/parts.h"
#include "support/parallel.h"
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef struct {
    size_t rows, quads, tiles, n, acc_stride;
    const int8_t *x; // [rows], quads * 4 codes each, x_stride apart
    size_t x_stride;
    const int16_t *x16; // [rows][quads * 4] in 16 bits (maddwd paths)
    const uint8_t *packed;
    const int32_t *row_sum;
    int32_t *acc;
    size_t block, blocks; // rows of a job, jobs a tile
    void (*kernel)(const void *run, size_t tile, size_t r0, size_t r1);
} run;

// Sums of 64 columns for rows r0..: out[i] - 128 * row sum, stored as far as columns exist.
static void store_row(const run *t, size_t tile, size_t r, const int32_t *sum, size_t first,
                      size_t count) {
    size_t col = tile * XBAR_TILE + first;
    if (col >= t->n) return;
    size_t have = t->n - col < count ? t->n - col : count;
    uint32_t back = (uint32_t)t->row_sum[r] * 128;
    uint32_t *acc = (uint32_t *)t->acc + r * t->acc_stride + col;
    for (size_t i = 0; i < have; i++) acc[i] = (uint32_t)sum[i] - back;
}

static void kernel_portable(const void *run_, size_t tile, size_t r0, size_t r1) {
    const run *t = run_;
    const uint8_t *w = t->packed + tile * t->quads * XBAR_TILE * 4;
    for (size_t r = r0; r < r1; r++) {
        int32_t sum[XBAR_TILE] = {0};
        const int8_t *x = t->x + r * t->x_stride;
        for (size_t q = 0; q < t->quads; q++, x += 4) {
            const uint8_t *wq = w + q * XBAR_TILE * 4;
            for (int i = 0; i < XBAR_TILE; i++)
                sum[i] = (int32_t)((uint32_t)sum[i] +
                                   (uint32_t)(x[0] * wq[4 * i] + x[1] * wq[4 * i + 1] +
                                              x[2] * wq[4 * i + 2] + x[3] * wq[4 * i + 3]));
        }
        store_row(t, tile, r, sum, 0, XBAR_TILE);
    }
}

#if defined(__x86_64__)
#define INLINE static inline __attribute__((always_inline))

static inline int32_t load_i32(const void *p) {
    int32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline int64_t load_i64(const void *p) {
    int64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

// n rows (at most 6) by 64 columns: 24 sums in registers.
SIMD_TARGET_VNNI INLINE void vnni_rows(const run *t, size_t tile, size_t r0, const size_t n) {
    const uint8_t *w = t->packed + tile * t->quads * XBAR_TILE * 4;
    const int8_t *x = t->x + r0 * t->x_stride;
    __m512i s[6][4];
    SIMD_UNROLL
    for (size_t r = 0; r < n; r++) SIMD_UNROLL
    for (int c = 0; c < 4; c++) s[r][c] = _mm512_setzero_si512();
    for (size_t q = 0; q < t->quads; q++, w += XBAR_TILE * 4, x += 4) {
        __m512i wv[4];
        SIMD_UNROLL
        for (int c = 0; c < 4; c++) wv[c] = _mm512_loadu_si512(w + 64 * c);
        SIMD_UNROLL
        for (size_t r = 0; r < n; r++) {
            __m512i xv = _mm512_set1_epi32(load_i32(x + r * t->x_stride));
            SIMD_UNROLL
            for (int c = 0; c < 4; c++) s[r][c] = _mm512_dpbusd_epi32(s[r][c], wv[c], xv);
        }
    }
    SIMD_UNROLL
    for (size_t r = 0; r < n; r++) {
        int32_t sum[XBAR_TILE];
        SIMD_UNROLL
        for (int c = 0; c < 4; c++) _mm512_storeu_si512(sum + 16 * c, s[r][c]);
        store_row(t, tile, r0 + r, sum, 0, XBAR_TILE);
    }
}

SIMD_TARGET_VNNI static void kernel_vnni(const void *run_, size_t tile, size_t r0, size_t r1) {
    const run *t = run_;
    for (; r0 + 6 <= r1; r0 += 6) vnni_rows(t, tile, r0, 6);
    switch (r1 - r0) {
    case 5: vnni_rows(t, tile, r0, 5); break;
    case 4: vnni_rows(t, tile, r0, 4); break;
    case 3: vnni_rows(t, tile, r0, 3); break;
    case 2: vnni_rows(t, tile, r0, 2); break;
    case 1: vnni_rows(t, tile, r0, 1); break;
    default: break;
    }
}

// n rows (at most 5) by 32 columns; 8 columns a register, lanes 2i and 2i+1 belong to column i.
SIMD_TARGET_AVX512 INLINE void avx512_rows(const run *t, size_t tile, size_t half, size_t r0,
                                           const size_t n) {
    const uint8_t *w = t->packed + tile * t->quads * XBAR_TILE * 4 + half * 128;
    const int16_t *x = t->x16 + r0 * t->quads * 4;
    __m512i s[5][4];
    SIMD_UNROLL
    for (size_t r = 0; r < n; r++) SIMD_UNROLL
    for (int c = 0; c < 4; c++) s[r][c] = _mm512_setzero_si512();
    for (size_t q = 0; q < t->quads; q++, w += XBAR_TILE * 4, x += 4) {
        __m512i wv[4];
        SIMD_UNROLL
        for (int c = 0; c < 4; c++)
            wv[c] = _mm512_cvtepu8_epi16(
                _mm256_loadu_si256((const __m256i *)(const void *)(w + 32 * c)));
        SIMD_UNROLL
        for (size_t r = 0; r < n; r++) {
            __m512i xv = _mm512_set1_epi64(load_i64(x + r * t->quads * 4));
            SIMD_UNROLL
            for (int c = 0; c < 4; c++)
                s[r][c] = _mm512_add_epi32(s[r][c], _mm512_madd_epi16(wv[c], xv));
        }
    }
    SIMD_UNROLL
    for (size_t r = 0; r < n; r++) {
        int32_t sum[32];
        SIMD_UNROLL
        for (int c = 0; c < 4; c++) {
            __m512i both = _mm512_add_epi32(s[r][c], _mm512_srli_epi64(s[r][c], 32));
            _mm256_storeu_si256((__m256i *)(void *)(sum + 8 * c), _mm512_cvtepi64_epi32(both));
        }
        store_row(t, tile, r0 + r, sum, half * 32, 32);
    }
}

SIMD_TARGET_AVX512 static void kernel_avx512(const void *run_, size_t tile, size_t r0, size_t r1) {
    const run *t = run_;
    for (size_t half = 0; half < 2; half++) {
        size_t r = r0;
        for (; r + 5 <= r1; r += 5) avx512_rows(t, tile, half, r, 5);
        switch (r1 - r) {
        case 4: avx512_rows(t, tile, half, r, 4); break;
        case 3: avx512_rows(t, tile, half, r, 3); break;
        case 2: avx512_rows(t, tile, half, r, 2); break;
        case 1: avx512_rows(t, tile, half, r, 1); break;
        default: break;
        }
    }
}

// n rows (at most 2: more and gcc spills) by 16 columns, 4 columns a register.
SIMD_TARGET_AVX2 INLINE void avx2_rows(const run *t, size_t tile, size_t quarter, size_t r0,
                                       const size_t n) {
    const uint8_t *w = t->packed + tile * t->quads * XBAR_TILE * 4 + quarter * 64;
    const int16_t *x = t->x16 + r0 * t->quads * 4;
    __m256i s[2][4];
    SIMD_UNROLL
    for (size_t r = 0; r < n; r++) SIMD_UNROLL
    for (int c = 0; c < 4; c++) s[r][c] = _mm256_setzero_si256();
    for (size_t q = 0; q < t->quads; q++, w += XBAR_TILE * 4, x += 4) SIMD_UNROLL
    for (int c = 0; c < 4; c++) {
        __m256i wv =
            _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(w + 16 * c)));
        SIMD_UNROLL
        for (size_t r = 0; r < n; r++) {
            __m256i xv = _mm256_set1_epi64x(load_i64(x + r * t->quads * 4));
            s[r][c] = _mm256_add_epi32(s[r][c], _mm256_madd_epi16(wv, xv));
        }
    }
    SIMD_UNROLL
    for (size_t r = 0; r < n; r++) {
        int32_t sum[16], lanes[8];
        SIMD_UNROLL
        for (int c = 0; c < 4; c++) {
            _mm256_storeu_si256((__m256i *)(void *)lanes, s[r][c]);
            for (int i = 0; i < 4; i++)
                sum[4 * c + i] = (int32_t)((uint32_t)lanes[2 * i] + (uint32_t)lanes[2 * i + 1]);
        }
        store_row(t, tile, r0 + r, sum, quarter * 16, 16);
    }
}

SIMD_TARGET_AVX2 static void kernel_avx2(const void *run_, size_t tile, size_t r0, size_t r1) {
    const run *t = run_;
    for (size_t quarter = 0; quarter < 4; quarter++) {
        size_t r = r0;
        for (; r + 2 <= r1; r += 2) avx2_rows(t, tile, quarter, r, 2);
        if (r < r1) avx2_rows(t, tile, quarter, r, 1);
    }
}
#else
#define kernel_avx2 kernel_portable
#define kernel_avx512 kernel_portable
#define kernel_vnni kernel_portable
#endif

#define SUM(name, target)                                         \
    target static int32_t sum_##name(const int8_t *x, size_t n) { \
        int32_t sum = 0;                                          \
        for (size_t i = 0; i < n; i++) sum += x[i];               \
        return sum;                                               \
    }
SUM(portable, )
#if defined(__x86_64__)
SUM(avx512, SIMD_TARGET_AVX512)
#endif

static int32_t sum_of(simd_path path, const int8_t *x, size_t n) {
#if defined(__x86_64__)
    if (path >= SIMD_AVX512) return sum_avx512(x, n);
#endif
    (void)path;
    return sum_portable(x, n);
}

static void body(void *ctx, size_t begin, size_t end) {
    const run *t = ctx;
    for (size_t job = begin; job < end; job++) {
        size_t tile = job / t->blocks, r0 = job % t->blocks * t->block;
        t->kernel(t, tile, r0, r0 + t->block < t->rows ? r0 + t->block : t->rows);
    }
}

void xbar_run_exact(const xbar *m, const xbar_how *how, const uint8_t *packed, const int8_t *x,
                    size_t x_stride, size_t rows, int32_t *acc, size_t acc_stride) {
    static void (*const kernels[SIMD_PATHS])(const void *, size_t, size_t, size_t) = {
        kernel_portable, kernel_avx2, kernel_avx512, kernel_vnni};
    enum { JOB_ROWS = 60, JOB_MACS = 100000 };
    run t = {.rows = rows,
             .quads = ceil_div_u64(m->k, 4),
             .n = m->n,
             .packed = packed,
             .acc = acc,
             .acc_stride = acc_stride};
    bool wide = how->path == SIMD_AVX2 || how->path == SIMD_AVX512,
         in_place = !wide && m->k % 4 == 0;
    size_t width = t.quads * 4, copied = in_place ? 0 : rows * width * (wide ? 2 : 1);
    int32_t *sums = base_alloc(rows * sizeof *sums + copied + 64);
    int16_t *x16 = (int16_t *)(void *)(sums + rows);
    int8_t *xb = (int8_t *)x16;
    for (size_t r = 0; r < rows; r++) {
        const int8_t *from = x + r * x_stride;
        sums[r] = sum_of(how->path, from, m->k);
        if (in_place) continue;
        if (wide) {
            for (size_t i = 0; i < m->k; i++) x16[r * width + i] = from[i];
            for (size_t i = m->k; i < width; i++) x16[r * width + i] = 0;
        } else {
            memcpy(xb + r * width, from, m->k);
            memset(xb + r * width + m->k, 0, width - m->k);
        }
    }
    t.x = in_place ? x : xb, t.x_stride = in_place ? x_stride : width;
    t.x16 = x16, t.row_sum = sums;
    t.tiles = ceil_div_u64(m->n, XBAR_TILE);
    t.block = rows < JOB_ROWS ? rows : JOB_ROWS;
    t.blocks = ceil_div_u64(rows, t.block);
    t.kernel = kernels[how->path];
    size_t macs = t.block * m->k * XBAR_TILE;
    int threads = (double)rows * m->k * m->n < 2.0 * JOB_MACS * 10 ? 1 : how->threads;
    parallel_for(threads, t.tiles * t.blocks, JOB_MACS / (macs + 1) + 1, body, &t);
    free(sums);
}
