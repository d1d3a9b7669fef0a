// The fast engine: sums of a chunk for 64 columns and all digits of a row, then the converter on
// all of them.
//
// sums     s = S w d; apart also a = S |w| |d|: s+ = (a + s) / 2, s- = (a - s) / 2. In 16 bits
// where
//          the largest sum fits, which it does for up to two switches a digit.
// divide   In f32: sums and steps below 2^22 are exact, and s / step lies at least 1 / (2 step)
// from
//          every other tie m + 1/2. Its rounding error is at most |s| / step * 2^-24, less than
//          that: a quotient lands on a tie only if it is one, and rounding to even is right.
#include "runtime-sim/pool/parts.h"
#include "support/base.h"
#include "support/parallel.h"
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

// --- sums

static const int8_t *digits_of(const pool_run_state *t, size_t row, int digit, size_t chunk) {
    return t->digits +
           ((row * (size_t)t->m->p.digits + (size_t)digit) * t->chunks + chunk) * t->room;
}

// Weights of a chunk, row by row: [room][POOL_TILE].
static const int8_t *weights_of(const pool_run_state *t, size_t tile, size_t chunk) {
    return t->m->packed + (tile * t->chunks + chunk) * t->room * POOL_TILE;
}

#define SUMS(name, number)                                                           \
    INLINE void name(const pool_run_state *t, size_t tile, size_t chunk, size_t row, \
                     pool_sums *out) {                                               \
        const int8_t *weights = weights_of(t, tile, chunk);                          \
        for (int k = 0; k < t->m->p.digits; k++) {                                   \
            number sum[POOL_TILE] = {0}, size[POOL_TILE] = {0};                      \
            const int8_t *d = digits_of(t, row, k, chunk);                           \
            for (size_t i = 0; i < t->room; i++) {                                   \
                const int8_t *w = weights + i * POOL_TILE;                           \
                const number x = d[i], y = (number)abs(x);                           \
                if (x == 0) continue;                                                \
                for (int j = 0; j < POOL_TILE; j++)                                  \
                    sum[j] = (number)(sum[j] + (number)(x * w[j]));                  \
                if (!t->m->p.apart) continue;                                        \
                for (int j = 0; j < POOL_TILE; j++) {                                \
                    number v = w[j];                                                 \
                    v = (number)(v < 0 ? -v : v);                                    \
                    size[j] = (number)(size[j] + (number)(y * v));                   \
                }                                                                    \
            }                                                                        \
            for (int j = 0; j < POOL_TILE; j++)                                      \
                out->sum[k][j] = sum[j], out->size[k][j] = size[j];                  \
        }                                                                            \
    }
SUMS(sums_narrow, int16_t)
SUMS(sums_wide, int32_t)

// --- the converter

// 64 codes times the step for 64 sums.
INLINE void convert(int32_t *restrict out, const int32_t *restrict s, int32_t step, int32_t lo,
                    int32_t hi, xbar_events *e) {
    uint32_t clipped = 0, rounded = 0;
    const float by = (float)step;
    for (int j = 0; j < POOL_TILE; j++) {
        float q = (float)s[j] / by;
        int32_t code = (int32_t)((q + 0x1.8p23f) - 0x1.8p23f); // rounds to even
        rounded += code * step != s[j];
        clipped += (code < lo) | (code > hi);
        code = code < lo ? lo : code;
        code = code > hi ? hi : code;
        out[j] = code * step;
    }
    e->clipped += clipped, e->rounded += rounded;
}

INLINE void add_row(const pool_run_state *t, size_t tile, size_t row, const pool_sums *s,
                    xbar_events *e) {
    const pool_params *p = &t->m->p;
    const int32_t top = 1 << p->adc_bits, step = (int32_t)p->step;
    uint32_t z[POOL_TILE] = {0};
    for (int k = 0; k < p->digits; k++) {
        int32_t code[POOL_TILE];
        if (p->apart) {
            int32_t plus[POOL_TILE], minus[POOL_TILE], less[POOL_TILE];
            for (int j = 0; j < POOL_TILE; j++) {
                plus[j] = (s->size[k][j] + s->sum[k][j]) / 2;
                minus[j] = (s->size[k][j] - s->sum[k][j]) / 2;
            }
            convert(code, plus, step, 0, top - 1, e);
            convert(less, minus, step, 0, top - 1, e);
            for (int j = 0; j < POOL_TILE; j++) code[j] -= less[j];
        } else {
            convert(code, s->sum[k], step, -(top / 2), top / 2 - 1, e);
        }
        for (int j = 0; j < POOL_TILE; j++)
            z[j] = (z[j] << (p->digit_bits + 1)) - z[j] + (uint32_t)code[j];
    }
    size_t first = tile * POOL_TILE, n = t->m->n - first < POOL_TILE ? t->m->n - first : POOL_TILE;
    uint32_t *acc = (uint32_t *)t->acc + row * t->acc_stride + first;
    for (size_t j = 0; j < n; j++) acc[j] += z[j];
}

// --- by instruction set

typedef void sums_function(const pool_run_state *t, size_t tile, size_t chunk, size_t row,
                           pool_sums *out);
INLINE void job(const pool_run_state *t, size_t tile, size_t r0, size_t r1, sums_function sums,
                xbar_events *e) {
    for (size_t c = 0; c < t->chunks; c++)
        for (size_t r = r0; r < r1; r++) {
            pool_sums s;
            sums(t, tile, c, r, &s);
            add_row(t, tile, r, &s, e);
        }
}

#define PATH(path, target)                                                               \
    target static void kernel_##path(const void *run, size_t tile, size_t r0, size_t r1, \
                                     xbar_events *e) {                                   \
        const pool_run_state *t = run;                                                   \
        if (t->m->most <= POOL_NARROW)                                                   \
            job(t, tile, r0, r1, sums_narrow, e);                                        \
        else                                                                             \
            job(t, tile, r0, r1, sums_wide, e);                                          \
    }
PATH(portable, )
#if defined(__x86_64__)
PATH(avx2, SIMD_TARGET_AVX2)
PATH(avx512, SIMD_TARGET_AVX512)

// Four weights side by side, plus 128 (of signed sums; magnitudes as they are).
SIMD_TARGET_VNNI INLINE void vnni_digit(const int8_t *d, const int8_t *w, size_t room, int32_t back,
                                        int32_t *out) {
    __m512i s[4];
    SIMD_UNROLL
    for (int c = 0; c < 4; c++) s[c] = _mm512_set1_epi32(back);
    for (size_t i = 0; i < room; i += 4, w += 4 * POOL_TILE) {
        int32_t x;
        memcpy(&x, d + i, sizeof x);
        if (x == 0) continue;
        __m512i xv = _mm512_set1_epi32(x);
        SIMD_UNROLL
        for (int c = 0; c < 4; c++)
            s[c] = _mm512_dpbusd_epi32(s[c], _mm512_loadu_si512(w + 64 * c), xv);
    }
    SIMD_UNROLL
    for (int c = 0; c < 4; c++) _mm512_storeu_si512(out + 16 * c, s[c]);
}

SIMD_TARGET_VNNI INLINE void sums_vnni(const pool_run_state *t, size_t tile, size_t chunk,
                                       size_t row, pool_sums *out) {
    size_t at = (tile * t->chunks + chunk) * t->room * POOL_TILE;
    for (int k = 0; k < t->m->p.digits; k++) {
        const int8_t *d = digits_of(t, row, k, chunk);
        int32_t sum = 0;
        for (size_t i = 0; i < t->room; i++) sum += d[i];
        vnni_digit(d, t->m->quads[0] + at, t->room, -128 * sum, out->sum[k]);
        if (!t->m->p.apart) continue;
        int8_t size[POOL_TILE * 16];
        for (size_t i = 0; i < t->room; i += sizeof size) { // by pieces: room has no limit
            size_t n = t->room - i < sizeof size ? t->room - i : sizeof size;
            int32_t part[POOL_TILE];
            for (size_t j = 0; j < n; j++) size[j] = (int8_t)abs(d[i + j]);
            vnni_digit(size, t->m->quads[1] + at + i * POOL_TILE, n, 0, part);
            for (int j = 0; j < POOL_TILE; j++)
                out->size[k][j] = i ? out->size[k][j] + part[j] : part[j];
        }
    }
}

SIMD_TARGET_VNNI static void kernel_vnni(const void *run, size_t tile, size_t r0, size_t r1,
                                         xbar_events *e) {
    job(run, tile, r0, r1, sums_vnni, e);
}
#else
#define kernel_avx2 kernel_portable
#define kernel_avx512 kernel_portable
#define kernel_vnni kernel_portable
#endif

// --- packing

static int code_at(const pool *m, size_t k, size_t n) {
    return k < m->k && n < m->n ? m->codes[k * m->n + n] : 0;
}

// Rows of a chunk are followed by zeros up to a multiple of four.
static void pack(pool *m, simd_path path, size_t tiles, size_t chunks, size_t room) {
    const bool quads = path == SIMD_VNNI;
    const size_t bytes = tiles * chunks * room * POOL_TILE + 1;
    if (quads ? m->quads[0] != NULL : m->packed != NULL) return;
    if (quads && m->p.apart) m->quads[1] = base_alloc(bytes);
    if (quads)
        m->quads[0] = base_alloc(bytes);
    else
        m->packed = base_alloc(bytes);
    for (size_t c = 0, at = 0; c < tiles * chunks; c++)
        for (size_t i = 0; i < room; i++)
            for (size_t j = 0; j < POOL_TILE; j++, at++) {
                size_t k = c % chunks * m->p.chunk + i;
                int w = i < m->p.chunk ? code_at(m, k, c / chunks * POOL_TILE + j) : 0;
                size_t to = c * room * POOL_TILE + i / 4 * 4 * POOL_TILE + 4 * j + i % 4;
                if (!quads) m->packed[at] = (int8_t)w;
                if (quads) m->quads[0][to] = (int8_t)(uint8_t)(w + 128);
                if (quads && m->p.apart) m->quads[1][to] = (int8_t)(uint8_t)abs(w);
            }
}

static void body(void *ctx, size_t begin, size_t end) {
    const pool_run_state *t = ctx;
    xbar_events e = {0};
    for (size_t i = begin; i < end; i++) {
        size_t tile = i / t->blocks, r0 = i % t->blocks * t->block;
        t->kernel(t, tile, r0, r0 + t->block < t->rows ? r0 + t->block : t->rows, &e);
    }
    __atomic_fetch_add(&t->events->clipped, e.clipped, __ATOMIC_RELAXED);
    __atomic_fetch_add(&t->events->rounded, e.rounded, __ATOMIC_RELAXED);
}

// [row][digit][chunk][room]
static int8_t *all_digits(const pool *m, const int8_t *x, size_t x_stride, size_t rows,
                          size_t chunks, size_t room) {
    const size_t digits = (size_t)m->p.digits, width = chunks * room;
    int8_t of[256][POOL_MAX_DIGITS];
    bool known[256] = {false};
    int8_t *out = base_calloc(rows * digits * width + 1, 1);
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < m->k; i++) {
            const int v = x[r * x_stride + i];
            if (!known[v + 128]) pool_digits(&m->p, v, of[v + 128]);
            known[v + 128] = true;
            size_t at = i / m->p.chunk * room + i % m->p.chunk;
            for (size_t k = 0; k < digits; k++) out[(r * digits + k) * width + at] = of[v + 128][k];
        }
    return out;
}

void pool_run_packed(pool *m, const pool_how *how, const int8_t *x, size_t x_stride, size_t rows,
                     int32_t *acc, size_t acc_stride, xbar_events *events) {
    static void (*const kernels[SIMD_PATHS])(const void *, size_t, size_t, size_t,
                                             xbar_events *) = {kernel_portable, kernel_avx2,
                                                               kernel_avx512, kernel_vnni};
    enum { JOB_ROWS = 64, JOB_MACS = 30000 };
    if (rows == 0 || m->n == 0) return;
    const size_t chunks = ceil_div_u64(m->k, m->p.chunk), tiles = ceil_div_u64(m->n, POOL_TILE),
                 room = align_u64(m->p.chunk < m->k ? m->p.chunk : m->k, 4);
    pack(m, how->path, tiles, chunks, room);
    for (size_t r = 0; r < rows; r++) memset(acc + r * acc_stride, 0, m->n * sizeof *acc);
    int8_t *digits = all_digits(m, x, x_stride, rows, chunks, room);
    pool_run_state t = {.m = m,
                        .digits = digits,
                        .rows = rows,
                        .chunks = chunks,
                        .room = room,
                        .acc = acc,
                        .acc_stride = acc_stride,
                        .block = rows < JOB_ROWS ? rows : JOB_ROWS,
                        .events = events,
                        .kernel = kernels[how->path]};
    t.blocks = ceil_div_u64(rows, t.block);
    const size_t macs = t.block * m->k * POOL_TILE;
    const int threads = rows * (size_t)m->k * m->n < 20 * JOB_MACS ? 1 : how->threads;
    parallel_for(threads, tiles * t.blocks, JOB_MACS / (macs + 1) + 1, body, &t);
    events->conversions +=
        (uint64_t)rows * m->n * chunks * (unsigned)m->p.digits * (m->p.apart ? 2 : 1);
    free(digits);
}
