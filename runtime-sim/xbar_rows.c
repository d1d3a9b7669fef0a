// Crossbars by adding up word lines: for each input phase, the rows of cells whose word line is
// driven, 64 columns at a time. Any parameters; the fallback of xbar_lut.c, and the faster one for
// few rows (nothing to build). Vectors of 64 bytes are the compiler's; each path compiles the same
// text.
//
// Three widths of the sum, by what it can reach:
//   bytes   1-bit phases: up to `run` rows add up in a byte before they are widened to 16 bits
//   words   digits are multiplied in 16 bits
//   longs   anything else, converted one by one
#include "runtime-sim/xbar_parts.h"
#include "support/parallel.h"
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8x64 __attribute__((vector_size(64)));
typedef uint8_t u8x32 __attribute__((vector_size(32)));
typedef int8_t i8x32 __attribute__((vector_size(32)));
typedef int16_t i16x32 __attribute__((vector_size(64)));
typedef int16_t i16x16 __attribute__((vector_size(32)));
typedef int32_t i32x16 __attribute__((vector_size(64)));

#define INLINE static inline __attribute__((always_inline))

typedef enum { BYTES, WORDS, LONGS } width;

typedef struct {
    const xbar *m;
    const int8_t *x;
    size_t x_stride, rows, chunk, chunks, acc_stride;
    int32_t *acc;
    width width;
    int step_log;
    xbar_events *events;
} run;

enum { CHUNK_ROWS = 64 };

static width width_of(const xbar_plan *p, const xbar *m, int *step_log) {
    int64_t most = 0;
    for (uint32_t b = 0; b < m->n_blocks; b++) most = max_i64(most, m->blocks[b].rows);
    most *= (int64_t)p->dac_max * p->cell_max;
    *step_log = 63 - __builtin_clzll((uint64_t)p->step);
    bool power = p->step == INT64_C(1) << *step_log;
    if (!power || most + p->step > INT16_MAX) return LONGS;
    return p->dac_max == 1 && p->cell_max <= (p->pairs ? INT8_MAX : UINT8_MAX) / 4 ? BYTES : WORDS;
}

// Digits of one slice, [rows][64]; zero where a column is not this part's or not at risk: such
// columns sum to zero, convert to zero and count nothing.
static void extract(const xbar *m, const xbar_part *part, int s, uint32_t tile, bool bytes,
                    void *digits) {
    const xbar_plan *p = &m->plan;
    uint32_t col0 = tile * XBAR_TILE;
    int shift = p->slice[s].shift, mask = (1 << p->slice[s].bits) - 1;
    int16_t keep[XBAR_TILE] = {0};
    for (uint32_t n = part->from; n < part->until; n++)
        if (part->risk[(n - col0) / XBAR_GROUP] >> s & 1) keep[n - col0] = (int16_t)mask;
    size_t have = m->n - col0 < XBAR_TILE ? m->n - col0 : XBAR_TILE;
    int8_t w[XBAR_TILE] = {0};
    for (uint32_t r = 0; r < part->block->rows; r++) {
        memcpy(w, m->codes + (size_t)(part->block->k0 + r) * m->n + col0, have);
        int16_t v[XBAR_TILE];
        if (p->pairs)
            for (int i = 0; i < XBAR_TILE; i++) {
                int16_t a = (int16_t)((w[i] < 0 ? -w[i] : w[i]) >> shift & keep[i]);
                v[i] = w[i] < 0 ? (int16_t)-a : a;
            }
        else
            for (int i = 0; i < XBAR_TILE; i++)
                v[i] = (int16_t)((w[i] + p->offset) >> shift & keep[i]);
        if (bytes)
            for (int i = 0; i < XBAR_TILE; i++)
                ((uint8_t *)digits)[r * XBAR_TILE + (unsigned)i] = (uint8_t)v[i];
        else
            memcpy((int16_t *)digits + r * XBAR_TILE, v, sizeof v);
    }
}

// lo, hi += the 64 bytes of a, widened
INLINE void widen(i16x32 sum[2], u8x64 a, bool pairs) {
    u8x32 half[2];
    memcpy(half, &a, sizeof a);
    for (int i = 0; i < 2; i++)
        sum[i] += pairs ? __builtin_convertvector((i8x32)half[i], i16x32)
                        : __builtin_convertvector(half[i], i16x32);
}

INLINE void sum_bytes(i16x32 sum[2], const uint8_t *digits, const uint16_t *driven, size_t n,
                      size_t longest, bool pairs) {
    sum[0] = sum[1] = (i16x32){0};
    for (size_t i = 0; i < n;) {
        size_t end = n - i < longest ? n : i + longest;
        u8x64 a = {0}, row;
        for (; i < end; i++) {
            memcpy(&row, digits + (size_t)driven[i] * XBAR_TILE, sizeof row);
            a += row;
        }
        widen(sum, a, pairs);
    }
}

INLINE void sum_words(i16x32 sum[2], const int16_t *digits, const uint16_t *driven,
                      const uint8_t *by, size_t n) {
    sum[0] = sum[1] = (i16x32){0};
    for (size_t i = 0; i < n; i++) {
        i16x32 row[2];
        memcpy(row, digits + (size_t)driven[i] * XBAR_TILE, sizeof row);
        int16_t d = by[i];
        sum[0] += row[0] * d;
        sum[1] += row[1] * d;
    }
}

// Counters of one (block, slice): negated counts per lane, at most 9 phases * CHUNK_ROWS each.
typedef struct {
    i16x32 clipped[2], rounded[2];
} lanes;

// Codes of 64 sums, times 2^shift with sign, added to total.
INLINE void convert(i32x16 total[4], i16x32 sum[2], const run *t, int shift, int sign,
                    lanes *count) {
    const xbar_plan *p = &t->m->plan;
    int16_t lo = (int16_t)max_i64(p->lo, INT16_MIN), hi = (int16_t)min_i64(p->hi, INT16_MAX);
    i16x32 zero = {0}, vlo = zero + lo, vhi = zero + hi;
    for (int i = 0; i < 2; i++) {
        i16x32 q = sum[i];
        if (t->step_log > 0) { // half even: s + (step/2 - 1) + (floor(s / step) odd), shifted
            int16_t mask = (int16_t)((1 << t->step_log) - 1),
                    half = (int16_t)((1 << (t->step_log - 1)) - 1);
            count->rounded[i] += (i16x32)((q & mask) != zero);
            q = (q + half + ((q >> t->step_log) & 1)) >> t->step_log;
        }
        i16x32 low = (i16x32)(q < vlo), high = (i16x32)(q > vhi);
        count->clipped[i] += low | high;
        q = (q & ~(low | high)) | (vlo & low) | (vhi & high);
        i16x16 part[2];
        memcpy(part, &q, sizeof q);
        for (int h = 0; h < 2; h++) {
            i32x16 v = __builtin_convertvector(part[h], i32x16) << shift;
            total[2 * i + h] += sign > 0 ? v : -v;
        }
    }
}

static uint64_t lanes_sum(const i16x32 v[2]) {
    int64_t n = 0;
    for (int i = 0; i < 2; i++)
        for (int l = 0; l < 32; l++) n -= v[i][l];
    return (uint64_t)n;
}

// Word lines driven in phase f by a row of x, and the digits they carry.
INLINE size_t list_driven(const xbar_digit *f, const int8_t *x, size_t n, uint16_t *driven,
                          uint8_t *by) {
    size_t count = 0;
    unsigned mask = (1u << f->bits) - 1;
    for (size_t k = 0; k < n; k++) {
        unsigned d = ((uint8_t)x[k] >> f->shift) & mask;
        driven[count] = (uint16_t)k;
        by[count] = (uint8_t)d;
        count += d != 0;
    }
    return count;
}

typedef struct {
    uint16_t *driven[XBAR_MAX_DIGITS]; // [rows] of each phase
    uint8_t *by[XBAR_MAX_DIGITS];
    size_t n[XBAR_MAX_DIGITS];
} stimulus;

INLINE void part_rows(const run *t, const xbar_part *part, uint32_t tile, int s, const void *digits,
                      size_t r, const stimulus *in, lanes *count, xbar_events *e) {
    const xbar_plan *p = &t->m->plan;
    i32x16 total[4] = {{0}};
    size_t longest = (size_t)((p->pairs ? INT8_MAX : UINT8_MAX) / p->cell_max);
    for (int f = 0; f < p->n_phases; f++) {
        const xbar_digit *ph = &p->phase[f];
        i16x32 sum[2];
        if (t->width == BYTES) {
            if (p->pairs)
                sum_bytes(sum, digits, in->driven[f], in->n[f], longest, true);
            else
                sum_bytes(sum, digits, in->driven[f], in->n[f], longest, false);
            convert(total, sum, t, ph->shift, ph->sign, count);
        } else if (t->width == WORDS) {
            sum_words(sum, digits, in->driven[f], in->by[f], in->n[f]);
            convert(total, sum, t, ph->shift, ph->sign, count);
        } else {
            const int16_t *w = digits;
            for (int i = 0; i < XBAR_TILE; i++) {
                int64_t v = 0;
                for (size_t j = 0; j < in->n[f]; j++)
                    v +=
                        (int64_t)in->by[f][j] * w[(size_t)in->driven[f][j] * XBAR_TILE + (size_t)i];
                // codes and steps can be large: added up modulo 2^32, as i32 sums are
                uint32_t code = (uint32_t)xbar_convert(p, v, e) << ph->shift;
                uint32_t was = (uint32_t)total[i / 16][i % 16];
                total[i / 16][i % 16] = (int32_t)(ph->sign > 0 ? was + code : was - code);
            }
        }
    }
    uint32_t col0 = tile * XBAR_TILE;
    int32_t sums[XBAR_TILE];
    memcpy(sums, total, sizeof sums);
    uint32_t factor = (uint32_t)p->slice[s].sign << p->slice[s].shift;
    if (t->width != LONGS) factor *= (uint32_t)p->step;
    uint32_t *acc = (uint32_t *)t->acc + r * t->acc_stride;
    for (uint32_t n = part->from; n < part->until; n++) acc[n] += (uint32_t)sums[n - col0] * factor;
}

INLINE void body(const run *t, size_t begin, size_t end) {
    const xbar *m = t->m;
    const xbar_plan *p = &m->plan;
    uint32_t most = 0;
    for (uint32_t b = 0; b < m->n_blocks; b++)
        if (m->blocks[b].rows > most) most = m->blocks[b].rows;
    bool bytes = t->width == BYTES;
    void *digits = base_alloc((size_t)most * XBAR_TILE * (bytes ? 1 : 2) + 1);
    uint16_t *driven = base_alloc((size_t)most * XBAR_MAX_DIGITS * CHUNK_ROWS * 3 + 1);
    uint8_t *by = (uint8_t *)(driven + (size_t)most * XBAR_MAX_DIGITS * CHUNK_ROWS);
    stimulus *in = base_alloc(CHUNK_ROWS * sizeof *in);
    xbar_events e = {0};
    for (size_t job = begin; job < end; job++) {
        uint32_t tile = (uint32_t)(job / t->chunks);
        size_t r0 = job % t->chunks * t->chunk,
               r1 = min_i64((int64_t)(r0 + t->chunk), (int64_t)t->rows);
        for (uint32_t b = 0; b < m->n_blocks; b++) {
            xbar_part part;
            if (!xbar_part_of(m, b, tile, &part) || !xbar_part_risk(&part)) continue;
            for (size_t r = r0; r < r1; r++)
                for (int f = 0; f < p->n_phases; f++) {
                    stimulus *st = &in[r - r0];
                    size_t at = ((r - r0) * XBAR_MAX_DIGITS + (size_t)f) * most;
                    st->driven[f] = driven + at, st->by[f] = by + at;
                    st->n[f] = list_driven(&p->phase[f], t->x + r * t->x_stride + part.block->k0,
                                           part.block->rows, st->driven[f], st->by[f]);
                }
            for (int s = 0; s < p->n_slices; s++) {
                if (!(xbar_part_risk(&part) >> s & 1)) continue;
                extract(m, &part, s, tile, bytes, digits);
                lanes count = {{{0}}};
                for (size_t r = r0; r < r1; r++)
                    part_rows(t, &part, tile, s, digits, r, &in[r - r0], &count, &e);
                e.clipped += lanes_sum(count.clipped);
                e.rounded += lanes_sum(count.rounded);
            }
        }
    }
    free(digits);
    free(driven);
    free(in);
    __atomic_fetch_add(&t->events->clipped, e.clipped, __ATOMIC_RELAXED);
    __atomic_fetch_add(&t->events->rounded, e.rounded, __ATOMIC_RELAXED);
}

static void body_portable(void *ctx, size_t begin, size_t end) { body(ctx, begin, end); }
#if defined(__x86_64__)
__attribute__((target("avx2"))) static void body_avx2(void *ctx, size_t begin, size_t end) {
    body(ctx, begin, end);
}
__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))) static void
body_avx512(void *ctx, size_t begin, size_t end) {
    body(ctx, begin, end);
}
#else
#define body_avx2 body_portable
#define body_avx512 body_portable
#endif

void xbar_run_rows(const xbar *m, const xbar_how *how, const int8_t *x, size_t x_stride,
                   size_t rows, int32_t *acc, size_t acc_stride, xbar_events *events) {
    static void (*const bodies[XBAR_PATHS])(void *, size_t, size_t) = {body_portable, body_avx2,
                                                                       body_avx512, body_avx512};
    run t = {.m = m,
             .x = x,
             .x_stride = x_stride,
             .rows = rows,
             .acc = acc,
             .acc_stride = acc_stride,
             .events = events};
    t.width = width_of(&m->plan, m, &t.step_log);
    t.chunk = rows < CHUNK_ROWS ? rows : CHUNK_ROWS;
    t.chunks = (rows + t.chunk - 1) / t.chunk;
    size_t tiles = (m->n + XBAR_TILE - 1) / XBAR_TILE;
    parallel_for(how->threads, tiles * t.chunks, 1, bodies[how->path], &t);
}
