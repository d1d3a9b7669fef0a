// Crossbars by adding up word lines: for each input phase, the rows of cells whose word line is
// driven, 64 columns at a time. Any parameters; the fallback of lut.c, and the faster one for
// few rows (nothing to build).
//
// Widths of the sum, by what it can reach:
//   bytes   1-bit phases: `longest` rows add up in a byte before they are widened to 16 bits
//   words   digits are multiplied in 16 bits
//   tabled  as words, where the step is no power of two: what a sum converts to stands in a table
//   longs   anything else, converted one by one
#include "runtime-sim/xbar/parts.h"
#include "support/parallel.h"
#include <stdlib.h>
#include <string.h>

// Rows of x worked on together: bounds the lists; counts of a chunk fit 16 bits (9 phases, 8
// vectors of the same lanes, this many rows).
enum { ROWS_CHUNK = 64 };

typedef enum { ROWS_BYTES, ROWS_WORDS, ROWS_TABLED, ROWS_LONGS } rows_width;

// What a converter makes of a sum, and what it counts.
typedef struct {
    int32_t value;
    bool clipped, rounded;
} rows_code;

// Word lines driven, and the digits they carry: [row of x][phase][word line], n of them each.
typedef struct {
    uint32_t *driven;
    uint8_t *by;
    uint32_t *n;
} rows_list;

typedef struct {
    const xbar *m;
    const int8_t *x;
    size_t x_stride, rows, acc_stride, share, shares; // rows of a job, jobs a tile
    int32_t *acc;
    rows_width width;
    int step_log;
    size_t longest;
    int16_t lo, hi;
    int most;         // tabled: largest |sum| there may be
    rows_code *codes; // of sums -most .. most
    rows_list *lists; // by block
    simd_path path;
    xbar_events *events;
} rows_run;

static void plan_run(rows_run *t) {
    const xbar_plan *p = &t->m->plan;
    int64_t most = 0;
    for (uint32_t b = 0; b < t->m->n_blocks; b++) most = max_i64(most, t->m->blocks[b].rows);
    most *= (int64_t)p->dac_max * p->cell_max;
    t->step_log = 63 - __builtin_clzll((uint64_t)p->step);
    t->lo = (int16_t)max_i64(p->lo, INT16_MIN), t->hi = (int16_t)min_i64(p->hi, INT16_MAX);
    int byte = p->pairs ? INT8_MAX : UINT8_MAX;
    t->longest = (size_t)(byte / p->cell_max);
    t->width = p->dac_max == 1 && t->longest >= 4 ? ROWS_BYTES : ROWS_WORDS;
    if (p->sides) t->width = ROWS_WORDS; // digits by xbar_weight_digit
    const bool whole = p->step == INT64_C(1) << t->step_log;
    if (!whole) t->width = ROWS_TABLED;
    if (most + (whole ? p->step : 0) > INT16_MAX) t->width = ROWS_LONGS;
    if (t->width != ROWS_TABLED) return;
    t->most = (int)most;
    t->codes = base_alloc((2 * (size_t)most + 1) * sizeof *t->codes);
    for (int s = -t->most; s <= t->most; s++) {
        xbar_events e = {0};
        const int64_t value = xbar_convert(p, s, &e);
        t->codes[s + t->most] = (rows_code){(int32_t)value, e.clipped != 0, e.rounded != 0};
    }
}

// Bits of the slice that columns keep; 0 where a column is not this part's or not at risk: such
// columns sum to zero, convert to zero and count nothing.
static void kept_bits(const xbar *m, const xbar_part *part, int s, uint32_t tile,
                      uint8_t keep[XBAR_TILE]) {
    uint32_t col0 = tile * XBAR_TILE;
    memset(keep, 0, XBAR_TILE);
    for (uint32_t n = part->from; n < part->until; n++)
        if (part->risk[(n - col0) / XBAR_GROUP] >> s & 1)
            keep[n - col0] = (uint8_t)((1 << m->plan.slice[s].bits) - 1);
}

// Digits of one slice in 16 bits, [rows][64].
static void extract_words(const xbar *m, const xbar_part *part, int s, uint32_t tile,
                          const uint8_t *keep, int16_t *digits) {
    const xbar_plan *p = &m->plan;
    uint32_t col0 = tile * XBAR_TILE;
    size_t have = m->n - col0 < XBAR_TILE ? m->n - col0 : XBAR_TILE;
    int8_t w[XBAR_TILE] = {0};
    for (uint32_t r = 0; r < part->block->rows; r++, digits += XBAR_TILE) {
        memcpy(w, m->codes + (size_t)(part->block->k0 + r) * m->n + col0, have);
        for (int i = 0; i < XBAR_TILE; i++)
            digits[i] = keep[i] ? (int16_t)xbar_weight_digit(p, s, w[i]) : 0;
    }
}

// Sums too large for 16 bits, or steps that are no power of two. Codes and steps can be large: they
// add up modulo 2^32, as i32 sums do.
static void rows_longs(int32_t *total, const rows_run *t, const int16_t *digits,
                       const uint32_t *driven, const uint8_t *by, size_t n, const xbar_digit *phase,
                       xbar_events *e) {
    int64_t sum[XBAR_TILE] = {0};
    for (size_t j = 0; j < n; j++) {
        const int16_t *w = digits + (size_t)driven[j] * XBAR_TILE;
        for (int i = 0; i < XBAR_TILE; i++) sum[i] += by[j] * w[i];
    }
    for (int i = 0; i < XBAR_TILE; i++) {
        uint32_t code = (uint32_t)xbar_convert(&t->m->plan, sum[i], e) << phase->shift,
                 was = (uint32_t)total[i];
        total[i] = (int32_t)(phase->sign > 0 ? was + code : was - code);
    }
}

// 64 sums that fit 16 bits, by the table.
static void rows_tabled(int32_t *total, const rows_run *t, const int16_t *sum,
                        const xbar_digit *phase, xbar_events *e) {
    const rows_code *codes = t->codes + t->most;
    unsigned clipped = 0, rounded = 0;
    for (int i = 0; i < XBAR_TILE; i++) {
        const rows_code *c = &codes[sum[i]];
        const uint32_t code = (uint32_t)c->value << phase->shift, was = (uint32_t)total[i];
        clipped += c->clipped, rounded += c->rounded;
        total[i] = (int32_t)(phase->sign > 0 ? was + code : was - code);
    }
    e->clipped += clipped, e->rounded += rounded;
}

#define ROWS_INLINE static inline __attribute__((always_inline))
#define ROWS(name) rows128_##name
#define ROWS_TARGET
#define RW 16
#include "runtime-sim/xbar/rows_kernel.h"
#if defined(__x86_64__)
#define ROWS(name) rows256_##name
#define ROWS_TARGET SIMD_TARGET_AVX2
#define RW 32
#include "runtime-sim/xbar/rows_kernel.h"
#define ROWS(name) rows512_##name
#define ROWS_TARGET SIMD_TARGET_AVX512
#define RW 64
#include "runtime-sim/xbar/rows_kernel.h"
#else
#define rows256_slice rows128_slice
#define rows512_slice rows128_slice
#define rows256_extract rows128_extract
#define rows512_extract rows128_extract
#endif

// Lists of one row of x in one block. (The digits of a phase fit a byte.)
static void list_row(const rows_run *t, uint32_t b, size_t r) {
    const xbar_plan *p = &t->m->plan;
    const isa_block *k = &t->m->blocks[b];
    const uint8_t *x = (const uint8_t *)t->x + r * t->x_stride + k->k0;
    for (int f = 0; f < p->n_phases; f++) {
        size_t at = r * (size_t)p->n_phases + (size_t)f;
        uint32_t *driven = t->lists[b].driven + at * k->rows;
        uint8_t *by = t->lists[b].by + at * k->rows;
        uint32_t n = 0;
        int shift = p->phase[f].shift, mask = (1 << p->phase[f].bits) - 1;
        for (uint32_t i = 0; i < k->rows; i++) {
            int d = x[i] >> shift & mask;
            driven[n] = i;
            by[n] = (uint8_t)d;
            n += d != 0;
        }
        t->lists[b].n[at] = n;
    }
}

static bool shares_list(const xbar *m, uint32_t b) { // column blocks of the same word lines
    return b > 0 && m->blocks[b].k0 == m->blocks[b - 1].k0 &&
           m->blocks[b].rows == m->blocks[b - 1].rows;
}

static void list_body(void *ctx, size_t begin, size_t end) {
    const rows_run *t = ctx;
    for (size_t r = begin; r < end; r++)
        for (uint32_t b = 0; b < t->m->n_blocks; b++)
            if (!shares_list(t->m, b)) list_row(t, b, r);
}

static void tile_body(void *ctx, size_t begin, size_t end) {
    static void (*const slices[SIMD_PATHS])(const rows_run *, const xbar_part *, uint32_t, int,
                                            const void *, size_t, size_t, xbar_events *) = {
        rows128_slice, rows256_slice, rows512_slice, rows512_slice};
    static void (*const extracts[SIMD_PATHS])(const xbar *, const xbar_part *, int, uint32_t,
                                              const uint8_t *, uint8_t *) = {
        rows128_extract, rows256_extract, rows512_extract, rows512_extract};
    uint8_t keep[XBAR_TILE];
    const rows_run *t = ctx;
    const xbar *m = t->m;
    uint32_t most = 0;
    for (uint32_t b = 0; b < m->n_blocks; b++)
        most = m->blocks[b].rows > most ? m->blocks[b].rows : most;
    bool bytes = t->width == ROWS_BYTES;
    void *digits = base_alloc((size_t)most * XBAR_TILE * (bytes ? 1 : 2) + 1);
    xbar_events e = {0};
    for (size_t job = begin; job < end; job++) {
        uint32_t tile = (uint32_t)(job / t->shares);
        size_t r0 = job % t->shares * t->share,
               r1 = r0 + t->share < t->rows ? r0 + t->share : t->rows;
        for (uint32_t b = 0; b < m->n_blocks; b++) {
            xbar_part part;
            if (!xbar_part_of(m, b, tile, &part)) continue;
            for (int s = 0; s < m->plan.n_slices; s++) {
                if (!(xbar_part_risk(&part) >> s & 1)) continue;
                kept_bits(m, &part, s, tile, keep);
                if (bytes)
                    extracts[t->path](m, &part, s, tile, keep, digits);
                else
                    extract_words(m, &part, s, tile, keep, digits);
                slices[t->path](t, &part, tile, s, digits, r0, r1, &e);
            }
        }
    }
    free(digits);
    __atomic_fetch_add(&t->events->clipped, e.clipped, __ATOMIC_RELAXED);
    __atomic_fetch_add(&t->events->rounded, e.rounded, __ATOMIC_RELAXED);
}

void xbar_run_rows(const xbar *m, const xbar_how *how, const int8_t *x, size_t x_stride,
                   size_t rows, int32_t *acc, size_t acc_stride, xbar_events *events) {
    rows_run t = {.m = m,
                  .x_stride = x_stride,
                  .acc_stride = acc_stride,
                  .path = how->path,
                  .events = events};
    plan_run(&t);
    size_t chunk = rows < ROWS_CHUNK ? rows : ROWS_CHUNK, phases = (size_t)m->plan.n_phases;
    t.lists = base_calloc(m->n_blocks, sizeof *t.lists);
    for (uint32_t b = 0; b < m->n_blocks; b++) {
        if (shares_list(m, b)) {
            t.lists[b] = t.lists[b - 1];
            continue;
        }
        size_t n =
            chunk * phases * m->blocks[b].rows; // one more: the entry after the last is written to
        t.lists[b] = (rows_list){base_alloc((n + 1) * sizeof(uint32_t)), base_alloc(n + 1),
                                 base_alloc(chunk * phases * 4)};
    }
    size_t tiles = ceil_div_u64(m->n, XBAR_TILE);
    for (size_t r = 0; r < rows; r += chunk) {
        t.x = x + r * x_stride, t.acc = acc + r * acc_stride;
        t.rows = rows - r < chunk ? rows - r : chunk;
        t.share = t.rows, t.shares = 1;
        parallel_for(how->threads, t.rows, 4, list_body, &t);
        parallel_for(how->threads, tiles * t.shares, 1, tile_body, &t);
    }
    free(t.codes);
    for (uint32_t b = 0; b < m->n_blocks; b++) {
        if (shares_list(m, b)) continue;
        free(t.lists[b].driven);
        free(t.lists[b].by);
        free(t.lists[b].n);
    }
    free(t.lists);
}
