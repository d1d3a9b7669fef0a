// Where only few columns can clip: the integer product of whole codes answers, and what converters
// cut off in those columns is taken back from it.
//
// A column clips above when the digits of the word lines that are driven reach more than hi. With U
// the sum of its digits > 0, lines that are not driven keep at least one unit each from the sum: as
// many as U - hi of them, and it cannot clip. So a count of bits clears nearly every sum; the
// others are added up. Below zero (pairs) alike. For one-bit phases and steps of 1.
#include "runtime-sim/xbar/parts.h"
#include "support/parallel.h"
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef struct {
    const xbar *m;
    const int8_t *x;
    size_t x_stride, acc_stride;
    int32_t *acc;
    simd_path path;
    xbar_events *events;
} run;

static size_t words_of(const xbar *m, uint32_t b) { return ceil_div_u64(m->blocks[b].rows, 64); }

static bool same_lines(const xbar *m, uint32_t b) { // as the block before
    return b > 0 && m->blocks[b].k0 == m->blocks[b - 1].k0 &&
           m->blocks[b].rows == m->blocks[b - 1].rows;
}

bool xbar_few_fit(const xbar *m) {
    enum { SHARE = 32 }; // one column in so many: with more, converting all takes less
    return m->plan.step == 1 && m->plan.dac_max == 1 && m->plan.n_phases == 8 && m->few.count > 0 &&
           m->few.count <= m->judged * XBAR_GROUP / SHARE;
}

// Word lines of a column with a digit above 0, then those with one below, as bits.
static void make_lines(const xbar *m, const xbar_few *c, uint64_t *up, uint64_t *down) {
    const isa_block *k = &m->blocks[c->block];
    for (uint32_t r = 0; r < k->rows; r++) {
        int digit =
            xbar_weight_digit(&m->plan, c->slice, m->codes[(size_t)(k->k0 + r) * m->n + c->column]);
        up[r / 64] |= (uint64_t)(digit > 0) << r % 64;
        down[r / 64] |= (uint64_t)(digit < 0) << r % 64;
    }
}

void xbar_prepare_few(xbar *m) {
    size_t words = 0;
    if (m->few_lines) return;
    for (size_t i = 0; i < m->few.count; i++) {
        m->few.items[i].lines = words;
        words += 2 * words_of(m, m->few.items[i].block);
    }
    m->few_lines = base_calloc(words, sizeof *m->few_lines);
    m->bytes += words * sizeof *m->few_lines + m->few.count * sizeof *m->few.items;
    for (size_t i = 0; i < m->few.count; i++) {
        uint64_t *up = m->few_lines + m->few.items[i].lines;
        make_lines(m, &m->few.items[i], up, up + words_of(m, m->few.items[i].block));
    }
}

// Word lines that stay at rest in each of the eight phases, [word][phase]; 1 beyond the last line.
static void rest_of(const uint8_t *x, size_t n, uint64_t *rest) {
    for (size_t at = 0; at < n; at += 64, rest += 8) {
        size_t have = n - at < 64 ? n - at : 64;
        for (int f = 0; f < 8; f++) {
            uint64_t driven = 0;
            for (size_t i = 0; i < have; i++) driven |= (uint64_t)(x[at + i] >> f & 1) << i;
            rest[f] = ~driven;
        }
    }
}

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512bw"))) static void rest_of_avx512(const uint8_t *x, size_t n,
                                                                       uint64_t *rest) {
    for (size_t at = 0; at < n; at += 64, rest += 8) {
        size_t have = n - at < 64 ? n - at : 64;
        __m512i v = _mm512_maskz_loadu_epi8(~UINT64_C(0) >> (64 - have), x + at);
        SIMD_UNROLL
        for (int f = 0; f < 8; f++)
            rest[f] = _mm512_testn_epi8_mask(v, _mm512_set1_epi8((char)(1 << f)));
    }
}
__attribute__((target("avx2"))) static void rest_of_avx2(const uint8_t *x, size_t n,
                                                         uint64_t *rest) {
    for (size_t at = 0; at < n; at += 64, rest += 8) {
        uint8_t part[64] = {0};
        size_t have = n - at < 64 ? n - at : 64;
        memcpy(part, x + at, have);
        __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)part),
                b = _mm256_loadu_si256((const __m256i *)(const void *)(part + 32));
        for (int f = 7; f >= 0; f--) { // the uppermost bit of each byte, then the next one moves up
            rest[f] = ~((uint64_t)(uint32_t)_mm256_movemask_epi8(a) |
                        (uint64_t)(uint32_t)_mm256_movemask_epi8(b) << 32);
            a = _mm256_add_epi8(a, a), b = _mm256_add_epi8(b, b);
        }
    }
}
#endif

// Bit f: in phase f fewer than `need` of the lines are at rest.
static inline __attribute__((always_inline)) unsigned short_of(const uint64_t *lines, size_t words,
                                                               const uint64_t *rest, int32_t need) {
    unsigned phases = 0;
    for (int f = 0; f < 8; f++) {
        int32_t n = 0;
        for (size_t i = 0; i < words; i++)
            n += __builtin_popcountll(lines[i] & rest[8 * i + (size_t)f]);
        phases |= (unsigned)(n < need) << f;
    }
    return phases;
}

// What a phase of a row lacks in one column.
static void correct(const xbar *m, const xbar_few *c, int f, const int8_t *x, int32_t *acc,
                    xbar_events *e) {
    const xbar_plan *p = &m->plan;
    const isa_block *k = &m->blocks[c->block];
    const int8_t *w = m->codes + (size_t)k->k0 * m->n + c->column;
    int64_t sum = 0;
    for (uint32_t r = 0; r < k->rows; r++, w += m->n)
        if (xbar_input_digit(&p->phase[f], x[r])) sum += xbar_weight_digit(p, c->slice, *w);
    uint32_t off = (uint32_t)(xbar_convert(p, sum, e) - sum)
                   << (p->slice[c->slice].shift + p->phase[f].shift);
    uint32_t was = (uint32_t)acc[c->column];
    acc[c->column] =
        (int32_t)(p->slice[c->slice].sign * p->phase[f].sign < 0 ? was - off : was + off);
}

static inline __attribute__((always_inline)) void row(const run *t, const uint64_t *rest,
                                                      const size_t *at, const int8_t *x,
                                                      int32_t *acc, xbar_events *e) {
    const xbar *m = t->m;
    for (size_t i = 0; i < m->few.count; i++) {
        const xbar_few *c = &m->few.items[i];
        size_t words = words_of(m, c->block);
        const uint64_t *lines = m->few_lines + c->lines, *r = rest + at[c->block];
        unsigned phases = 0;
        if (c->over > 0) phases |= short_of(lines, words, r, c->over);
        if (c->under > 0) phases |= short_of(lines + words, words, r, c->under);
        for (; phases; phases &= phases - 1)
            correct(m, c, __builtin_ctz(phases), x + m->blocks[c->block].k0, acc, e);
    }
}

#define PATH(name, attributes)                                                              \
    attributes static void row_##name(const run *t, const uint64_t *rest, const size_t *at, \
                                      const int8_t *x, int32_t *acc, xbar_events *e) {      \
        row(t, rest, at, x, acc, e);                                                        \
    }
PATH(portable, )
#if defined(__x86_64__)
PATH(popcnt, __attribute__((target("popcnt"))))
#else
#define row_popcnt row_portable
#define rest_of_avx2 rest_of
#define rest_of_avx512 rest_of
#endif

static void rows_body(void *ctx, size_t begin, size_t end) {
    static void (*const rests[SIMD_PATHS])(const uint8_t *, size_t, uint64_t *) = {
        rest_of, rest_of_avx2, rest_of_avx512, rest_of_avx512};
    const run *t = ctx;
    const xbar *m = t->m;
    size_t *at = base_alloc(m->n_blocks * sizeof *at), words = 0;
    for (uint32_t b = 0; b < m->n_blocks; b++) {
        at[b] = same_lines(m, b) ? at[b - 1] : words;
        if (!same_lines(m, b)) words += 8 * words_of(m, b);
    }
    uint64_t *rest = base_alloc(words * sizeof *rest + 1);
    xbar_events e = {0};
    for (size_t r = begin; r < end; r++) {
        const int8_t *x = t->x + r * t->x_stride;
        for (uint32_t b = 0; b < m->n_blocks; b++)
            if (!same_lines(m, b))
                rests[t->path]((const uint8_t *)x + m->blocks[b].k0, m->blocks[b].rows,
                               rest + at[b]);
        (t->path == SIMD_PORTABLE ? row_portable : row_popcnt)(t, rest, at, x,
                                                               t->acc + r * t->acc_stride, &e);
    }
    free(rest);
    free(at);
    __atomic_fetch_add(&t->events->clipped, e.clipped, __ATOMIC_RELAXED);
}

void xbar_correct_few(const xbar *m, const xbar_how *how, const int8_t *x, size_t x_stride,
                      size_t rows, int32_t *acc, size_t acc_stride, xbar_events *events) {
    run t = {.m = m,
             .x = x,
             .x_stride = x_stride,
             .acc = acc,
             .acc_stride = acc_stride,
             .path = how->path,
             .events = events};
    parallel_for(how->threads, rows, 20000 / (8 * m->few.count + 1) + 1, rows_body, &t);
}
