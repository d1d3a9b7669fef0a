// Crossbars by table look-up: 16 rows of x at a time, for converters that may clip or round.
//
// Four word lines driven with one bit each (or two with 2-bit digits, one with 4-bit) make a
// nibble; per column a table of 16 bytes holds what each nibble adds to the bit line, and one byte
// shuffle looks up 16 rows in 4 columns (AVX-512; 2 with AVX2). Where vpermb is there (VBMI), six
// word lines make an index, and one look-up serves 64 rows in a column. Tables are built from the
// packed weights, once per slice and column, and used for all rows and phases. Saturating byte
// addition of terms >= 0 equals clipping the sum at 255, so a converter of up to 8 bits with step 1
// costs nothing; signed sums (differential pairs), steps and longer codes are widened to 16 bits
// every few look-ups.
#include "runtime-sim/xbar/parts.h"
#include "support/parallel.h"
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>

enum { CHUNK_ROWS = 128 }; // worked on together: bounds what indices take

typedef enum { LUT_CLIP, LUT_CLIP_255, LUT_WIDE, LUT_WIDE_SMALL } lut_mode;

typedef struct {
    size_t quads, lookups; // groups of 4 word lines; tables
    size_t index;          // where its indices begin: [group of rows][look-up][phase][lanes]
} lut_block;

typedef struct {
    const xbar *m;
    lut_mode mode;
    int by_quad; // tables a quad needs: dac_bits
    int step_log;
    int bias;   // of every entry of a table; pairs: makes it 0 at least
    size_t run; // look-ups that fit a byte
    int16_t lo, hi;
    size_t lanes; // rows of a group: 16, or 64 with tables of six lines
    size_t rows, groups, most_lookups;
    lut_block *blocks;
    uint8_t *index;
    const int8_t *x;
    size_t x_stride, acc_stride;
    int32_t *acc;
    xbar_events *events;
} lut_run;

static void *lut_alloc(size_t bytes) { // for aligned vectors
    void *p = aligned_alloc(64, align_u64(bytes ? bytes : 1, 64));
    CHECK(p, "out of memory: %zu bytes", bytes);
    return p;
}

// [bit][entry]: all ones where the entry's number has the bit; for each column of a vector.
#define X4(...) __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__
#define F 0xFF
static const uint8_t lut_bits[4][64]
    __attribute__((aligned(64))) = {{X4(0, F, 0, F, 0, F, 0, F, 0, F, 0, F, 0, F, 0, F)},
                                    {X4(0, 0, F, F, 0, 0, F, F, 0, 0, F, F, 0, 0, F, F)},
                                    {X4(0, 0, 0, 0, F, F, F, F, 0, 0, 0, 0, F, F, F, F)},
                                    {X4(0, 0, 0, 0, 0, 0, 0, 0, F, F, F, F, F, F, F, F)}};
// [word line][column]: the byte of 16 that is this word line's digit in this column.
#define B16(n) X4(n, n, n, n)
static const uint8_t lut_pick[4][64]
    __attribute__((aligned(64))) = {{B16(0), B16(4), B16(8), B16(12)},
                                    {B16(1), B16(5), B16(9), B16(13)},
                                    {B16(2), B16(6), B16(10), B16(14)},
                                    {B16(3), B16(7), B16(11), B16(15)}};
#undef X4
#undef F
#undef B16

// Sums above 255 among those where one half saturated and the other is 0: added up without
// saturating.
static unsigned lut_recount(const uint8_t *table, size_t vector, const uint8_t *index,
                            size_t lookups, int phases, int f, size_t rows, const void *first,
                            const void *second) {
    const uint8_t *a = first, *b = second;
    unsigned over = 0;
    for (size_t i = 0; i < vector; i++) {
        if (!((a[i] == 255 && b[i] == 0) || (a[i] == 0 && b[i] == 255))) continue;
        unsigned sum = 0;
        for (size_t l = 0; l < lookups; l++)
            sum += table[l * vector + i / rows * rows +
                         index[(l * (size_t)phases + (size_t)f) * rows + i % rows]];
        over += sum > 255;
    }
    return over;
}

#define LUT_INLINE static inline __attribute__((always_inline))

#define LUT(name) lut512_##name
#define LUT_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,popcnt")))
#define V_STEP 4
#define V_ROWS 16
#define V_AT(column, row) ((row) / 4 * 16 + (column)*4 + (row) % 4)
#define V_LOOK(table, at) \
    V_SHUFFLE(table, _mm512_broadcast_i32x4(_mm_load_si128((const __m128i *)(const void *)(at))))
#define V __m512i
#include "runtime-sim/xbar/lut_512.h"
#include "runtime-sim/xbar/lut_kernel.h"

// Tables of six word lines, from three quads of lines two of them, four columns: [column][look-up].
#define LUT64_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,popcnt")))
#define N 0x80 // nothing: the shuffle gives 0
// Four bytes a pair of lines, of the first and of the last six: 0, a, b, a + b in two parts.
static const uint8_t lut64_pairs[2][2][16]
    __attribute__((aligned(16))) = {{{N, 0, N, 0, N, 2, N, 2, N, 4, N, 4, N, N, N, N},
                                     {N, N, 1, 1, N, N, 3, 3, N, N, 5, 5, N, N, N, N}},
                                    {{N, 6, N, 6, N, 8, N, 8, N, 10, N, 10, N, N, N, N},
                                     {N, N, 7, 7, N, N, 9, 9, N, N, 11, 11, N, N, N, N}}};
#undef N
LUT64_TARGET LUT_INLINE void lut64_build(__m512i *table, const uint8_t *quads, size_t n_quads,
                                         int vec, const xbar_plan *p, int s, int bias,
                                         const int by_quad) {
    const __m512i mask = _mm512_set1_epi8((char)((1 << p->slice[s].bits) - 1));
    const __m128i shift = _mm_cvtsi32_si128(p->slice[s].shift);
    // an index' bits 0-1, 2-3, 4-5 as bytes of a column's pairs
    const __m512i low = _mm512_set1_epi32(0x03020100);
    const __m512i middle =
        _mm512_broadcast_i32x4(_mm_setr_epi32(0x04040404, 0x05050505, 0x06060606, 0x07070707));
    __m512i high = _mm512_inserti32x4(_mm512_set1_epi8(8), _mm_set1_epi8(9), 1);
    high = _mm512_inserti32x4(_mm512_inserti32x4(high, _mm_set1_epi8(10), 2), _mm_set1_epi8(11), 3);
    const __m512i columns = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512i biases = // on one of the three pairs
        _mm512_broadcast_i32x4(_mm_setr_epi32(0, 0, bias * 0x01010101, 0));
    size_t lookups = ceil_div_u64(n_quads, 3) * 2;
    quads += vec * 4 % XBAR_GROUP / 4 * 16;
    for (size_t q = 0; q < n_quads; q += 3, table += 2) {
        __m512i w = _mm512_setzero_si512();
        const uint8_t *from = quads + q * XBAR_GROUP * 4;
        w = _mm512_inserti32x4(w, _mm_loadu_si128((const __m128i *)(const void *)from), 0);
        if (q + 1 < n_quads)
            w = _mm512_inserti32x4(w, _mm_loadu_si128((const __m128i *)(const void *)(from + 64)),
                                   1);
        if (q + 2 < n_quads)
            w = _mm512_inserti32x4(w, _mm_loadu_si128((const __m128i *)(const void *)(from + 128)),
                                   2);
        w = _mm512_permutexvar_epi32(columns, w); // twelve lines of each of four columns
        __m512i a = p->pairs ? _mm512_abs_epi8(w) : w;
        a = _mm512_and_si512(_mm512_srl_epi16(a, shift), mask);
        if (p->pairs)
            a = _mm512_mask_sub_epi8(a, _mm512_movepi8_mask(w), _mm512_setzero_si512(), a);
        for (int h = 0; h < 2; h++) {
            const __m128i *pair = (const __m128i *)(const void *)lut64_pairs[h];
            __m512i sums = _mm512_add_epi8(
                _mm512_add_epi8(_mm512_shuffle_epi8(a, _mm512_broadcast_i32x4(pair[0])), biases),
                _mm512_shuffle_epi8(a, _mm512_broadcast_i32x4(pair[1])));
            __m512i one[4] = {
                _mm512_shuffle_i32x4(sums, sums, 0x00), _mm512_shuffle_i32x4(sums, sums, 0x55),
                _mm512_shuffle_i32x4(sums, sums, 0xAA), _mm512_shuffle_i32x4(sums, sums, 0xFF)};
            for (size_t c = 0; c < 4; c++)
                table[c * lookups + (size_t)h] =
                    _mm512_add_epi8(_mm512_add_epi8(_mm512_shuffle_epi8(one[c], low),
                                                    _mm512_shuffle_epi8(one[c], middle)),
                                    _mm512_shuffle_epi8(one[c], high));
        }
    }
}

#define LUT(name) lut64_##name
#define LUT_TARGET LUT64_TARGET
#define V_STEP 4
#define V_ROWS 64
#define V_AT(column, row) ((column)*64 + (row) % 16 / 4 * 16 + (row) / 16 * 4 + (row) % 4)
#define V_LOOK(table, at) _mm512_permutexvar_epi8(_mm512_load_si512(at), table)
#define V __m512i
#include "runtime-sim/xbar/lut_512.h"
#include "runtime-sim/xbar/lut_kernel.h"

#define LUT(name) lut256_##name
#define LUT_TARGET __attribute__((target("avx2,popcnt")))
#define V __m256i
#define V_STEP 2
#define V_ROWS 16
#define V_AT(column, row) ((row) / 4 * 8 + (column)*4 + (row) % 4)
#define V_LOOK(table, at) V_SHUFFLE(table, V_BROADCAST256(at))
#define V_ZERO() _mm256_setzero_si256()
#define V_LOAD(p) _mm256_load_si256((const __m256i *)(const void *)(p))
#define V_SPREAD(x) _mm256_broadcastsi128_si256(x)
#define V_BROADCAST256(p) \
    _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)(const void *)(p)))
#define V_SHUFFLE _mm256_shuffle_epi8
#define V_AND _mm256_and_si256
#define V_ADD8 _mm256_add_epi8
#define V_ADDS8 _mm256_adds_epu8
#define V_SUBS8 _mm256_subs_epu8
#define V_MINU8 _mm256_min_epu8
#define V_MAXU8 _mm256_max_epu8
#define V_SET8(x) _mm256_set1_epi8((char)(x))
#define V_SET16(x) _mm256_set1_epi16((short)(x))
#define V_ADD16 _mm256_add_epi16
#define V_SUB16 _mm256_sub_epi16
#define V_MIN16 _mm256_min_epi16
#define V_MAX16 _mm256_max_epi16
#define V_SLLI16(x, n) _mm256_sll_epi16(x, _mm_cvtsi32_si128(n))
#define V_SRLI16(x, n) _mm256_srl_epi16(x, _mm_cvtsi32_si128(n))
#define V_SRAI16(x, n) _mm256_sra_epi16(x, _mm_cvtsi32_si128(n))
#define V_SLLI32(x, n) _mm256_sll_epi32(x, _mm_cvtsi32_si128(n))
#define V_ADD32 _mm256_add_epi32
#define V_SUB32 _mm256_sub_epi32
#define V_UNPACKLO8 _mm256_unpacklo_epi8
#define V_UNPACKHI8 _mm256_unpackhi_epi8
#define V_UNPACKLO16 _mm256_unpacklo_epi16
#define V_UNPACKHI16 _mm256_unpackhi_epi16
#define V_MASK8(x) (unsigned)__builtin_popcount((unsigned)_mm256_movemask_epi8(x))
#define V_COUNT_EQ8(a, b) V_MASK8(_mm256_cmpeq_epi8(a, b))
#define V_COUNT_NE8(a, b) (32 - V_MASK8(_mm256_cmpeq_epi8(a, b)))
#define V_COUNT_GTU8(a, b) \
    (32 - V_MASK8(_mm256_cmpeq_epi8(_mm256_subs_epu8(a, b), _mm256_setzero_si256())))
#define V_COUNT_NE16(a, b) ((32 - V_MASK8(_mm256_cmpeq_epi16(a, b))) / 2)
#include "runtime-sim/xbar/lut_kernel.h"

// Four word lines of 16 rows of x, from quad q on four quads: [quad][two halves], rows 0-3 and 8-11
// of a quad in one, 4-7 and 12-15 in the other. Lines and rows that are not there are 0.
SIMD_TARGET_AVX2 LUT_INLINE void load_quads(const lut_run *t, const isa_block *k, size_t group,
                                            size_t lanes, size_t q, __m256i y[4][2]) {
    __m128i rows[XBAR_LANES], part[4][4]; // [quad][four rows]
    size_t have = k->rows - q * 4 < 16 ? k->rows - q * 4 : 16;
    const int8_t *x = t->x + group * XBAR_LANES * t->x_stride + k->k0 + q * 4;
    for (size_t i = 0; i < XBAR_LANES; i++, x += t->x_stride) {
        uint8_t tail[16] = {0};
        if (i >= lanes) {
            rows[i] = _mm_setzero_si128();
            continue;
        }
        if (have < 16) memcpy(tail, x, have);
        rows[i] = _mm_loadu_si128((const __m128i *)(const void *)(have < 16 ? (int8_t *)tail : x));
    }
    for (int p = 0; p < 4; p++) { // 4 x 4 words of four bytes, transposed
        const __m128i *r = rows + 4 * p;
        __m128i a = _mm_unpacklo_epi32(r[0], r[1]), b = _mm_unpacklo_epi32(r[2], r[3]),
                c = _mm_unpackhi_epi32(r[0], r[1]), d = _mm_unpackhi_epi32(r[2], r[3]);
        part[0][p] = _mm_unpacklo_epi64(a, b), part[1][p] = _mm_unpackhi_epi64(a, b);
        part[2][p] = _mm_unpacklo_epi64(c, d), part[3][p] = _mm_unpackhi_epi64(c, d);
    }
    for (int i = 0; i < 4; i++) {
        y[i][0] = _mm256_inserti128_si256(_mm256_castsi128_si256(part[i][0]), part[i][2], 1);
        y[i][1] = _mm256_inserti128_si256(_mm256_castsi128_si256(part[i][1]), part[i][3], 1);
    }
}

// The nibbles of a phase, in 16 bits: the digits of four lines, each with the weight it has in the
// table.
SIMD_TARGET_AVX2 LUT_INLINE __m256i nibbles(const __m256i y[2], const xbar_digit *phase,
                                            __m256i weights) {
    const __m256i mask = _mm256_set1_epi8((char)((1 << phase->bits) - 1));
    const __m128i shift = _mm_cvtsi32_si128(phase->shift);
    __m256i sum[2];
    for (int h = 0; h < 2; h++) {
        __m256i digits = _mm256_and_si256(_mm256_srl_epi32(y[h], shift), mask);
        sum[h] = _mm256_madd_epi16(_mm256_maddubs_epi16(digits, weights), _mm256_set1_epi16(1));
    }
    return _mm256_packus_epi32(sum[0], sum[1]); // rows 0-7, 8-15
}

// Rows that there are of the 16 from `first` on.
static size_t lanes_from(const lut_run *t, size_t first) {
    size_t left = t->rows > first ? t->rows - first : 0;
    return left < XBAR_LANES ? left : XBAR_LANES;
}

// Six lines an index: of three quads, two. Groups of 64 rows, 16 at a time; bits of one phase.
SIMD_TARGET_AVX2 static void build_index_64(const lut_run *t, const lut_block *b,
                                            const isa_block *k, size_t group) {
    enum { PHASES = 8 };
    const __m256i weights = _mm256_set1_epi32(0x08040201), three = _mm256_set1_epi8(3);
    uint8_t *first = t->index + b->index + group * b->lookups * PHASES * 64;
    __m256i y[4][2];
    for (size_t sub = 0; sub < 4; sub++) {
        uint8_t *out = first + sub * XBAR_LANES;
        size_t lanes = lanes_from(t, group * 64 + sub * XBAR_LANES);
        for (size_t q = 0; q < b->quads; q += 3, out += (size_t)2 * PHASES * 64) {
            load_quads(t, k, group * 4 + sub, lanes, q, y);
            for (int f = 0; f < PHASES; f += 2) {
                const xbar_digit *p = &t->m->plan.phase[f];
                __m256i n[3];
                for (int i = 0; i < 3; i++)
                    n[i] =
                        _mm256_permute4x64_epi64(_mm256_packus_epi16(nibbles(y[i], p, weights),
                                                                     nibbles(y[i], p + 1, weights)),
                                                 0xD8);
                __m256i index[2] = {
                    _mm256_or_si256(n[0], _mm256_slli_epi16(_mm256_and_si256(n[1], three), 4)),
                    _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(n[1], 2), three),
                                    _mm256_slli_epi16(n[2], 2))};
                for (int h = 0; h < 2; h++) {
                    __m128i *to = (__m128i *)(void *)(out + (h * PHASES + f) * 64);
                    _mm_store_si128(to, _mm256_castsi256_si128(index[h]));
                    _mm_store_si128(to + 4, _mm256_extracti128_si256(index[h], 1));
                }
            }
        }
    }
}

// Nibbles of 16 rows of x (fewer: zeros) for one block.
SIMD_TARGET_AVX2 static void build_index(const lut_run *t, const lut_block *b, const isa_block *k,
                                         size_t group) {
    static const int weights[3][4] = {// by_quad 1, 2, 4: bytes of a word, of each table
                                      {0x08040201},
                                      {0x00000401, 0x04010000},
                                      {0x00000001, 0x00000100, 0x00010000, 0x01000000}};
    const xbar_plan *p = &t->m->plan;
    int phases = p->n_phases;
    size_t lanes = lanes_from(t, group * XBAR_LANES);
    uint8_t *out = t->index + b->index + group * b->lookups * (size_t)phases * XBAR_LANES;
    __m256i y[4][2];
    for (size_t q = 0; q < b->quads; q++) {
        if (q % 4 == 0) load_quads(t, k, group, lanes, q, y);
        for (int j = 0; j < t->by_quad; j++) {
            const __m256i w = _mm256_set1_epi32(weights[t->by_quad / 2][j]);
            for (int f = 0; f < phases; f += 2, out += 2 * XBAR_LANES) {
                bool both = f + 1 < phases;
                __m256i one = nibbles(y[q % 4], &p->phase[f], w),
                        next = both ? nibbles(y[q % 4], &p->phase[f + 1], w) : one;
                __m256i bytes = _mm256_permute4x64_epi64(_mm256_packus_epi16(one, next), 0xD8);
                if (both)
                    _mm256_storeu_si256((__m256i *)(void *)out, bytes);
                else
                    _mm_storeu_si128((__m128i *)(void *)out, _mm256_castsi256_si128(bytes));
            }
            if (phases % 2) out -= XBAR_LANES;
        }
    }
}

static void index_body(void *ctx, size_t begin, size_t end) {
    const lut_run *t = ctx;
    for (size_t job = begin; job < end; job++) {
        size_t b = job / t->groups;
        if (b > 0 && t->blocks[b].index == t->blocks[b - 1].index) continue; // its neighbour's
        (t->lanes == 64 ? build_index_64 : build_index)(t, &t->blocks[b], &t->m->blocks[b],
                                                        job % t->groups);
    }
}

typedef struct {
    const lut_run *run;
    bool wide;
} tiles;

static void tiles_body(void *ctx, size_t begin, size_t end) {
    const tiles *t = ctx;
    uint64_t clipped = 0, rounded = 0;
    for (size_t tile = begin; tile < end; tile++) {
        if (t->run->lanes == 64)
            lut64_tile(t->run, (uint32_t)tile, &clipped, &rounded);
        else if (t->wide)
            lut512_tile(t->run, (uint32_t)tile, &clipped, &rounded);
        else
            lut256_tile(t->run, (uint32_t)tile, &clipped, &rounded);
    }
    __atomic_fetch_add(&t->run->events->clipped, clipped, __ATOMIC_RELAXED);
    __atomic_fetch_add(&t->run->events->rounded, rounded, __ATOMIC_RELAXED);
}

// False: the parameters are none of a table's. Fills what follows from them.
static bool plan_run(const xbar *m, lut_run *t, int lines) {
    const xbar_plan *p = &m->plan;
    t->m = m;
    t->by_quad = p->phase[0].bits;
    // Kernels are made for rows of 8 bits.
    const int phases = t->by_quad == 1 ? 8 : t->by_quad == 2 ? 5 : t->by_quad == 4 ? 3 : 0;
    if (p->n_phases != phases || p->sides || (lines == 6 && t->by_quad != 1)) return false;
    t->lanes = lines == 6 ? 64 : XBAR_LANES;
    int most_entry = lines / t->by_quad * p->dac_max * p->cell_max;
    t->bias = p->pairs ? most_entry : 0;
    if (most_entry + t->bias > UINT8_MAX) return false;
    t->run = (size_t)(UINT8_MAX / (most_entry + t->bias));
    t->step_log = 63 - __builtin_clzll((uint64_t)p->step);
    if (!p->pairs && p->step == 1 && p->hi <= UINT8_MAX) {
        t->mode = p->hi == UINT8_MAX ? LUT_CLIP_255 : LUT_CLIP;
        return true;
    }
    int64_t most = 0;
    for (uint32_t b = 0; b < m->n_blocks; b++) most = max_i64(most, m->blocks[b].rows);
    if (p->step != INT64_C(1) << t->step_log ||
        most * p->dac_max * p->cell_max + p->step > INT16_MAX)
        return false;
    t->lo = (int16_t)max_i64(p->lo, INT16_MIN), t->hi = (int16_t)min_i64(p->hi, INT16_MAX);
    bool small = p->hi <= UINT8_MAX && p->lo >= INT8_MIN; // 16 bits hold the codes of all phases
    t->mode = small ? LUT_WIDE_SMALL : LUT_WIDE;
    return true;
}

bool xbar_lut_fits(const xbar *m, simd_path path) {
    lut_run t = {0};
    return path != SIMD_PORTABLE && plan_run(m, &t, 4);
}

// Whether six lines a table are the fastest. They come with the path above AVX-512.
static bool six_lines(const xbar *m, const xbar_how *how, size_t rows) {
    enum { ROWS = 48 }; // fewer do not fill vectors of 64
    lut_run t = {0};
    return how->path > SIMD_AVX512 && __builtin_cpu_supports("avx512vbmi") &&
           (rows > ROWS || how->engine == XBAR_LUT) && plan_run(m, &t, 6);
}

void xbar_run_lut(const xbar *m, const xbar_how *how, const int8_t *x, size_t x_stride, size_t rows,
                  int32_t *acc, size_t acc_stride, xbar_events *events) {
    lut_run t = {0};
    bool six = six_lines(m, how, rows);
    CHECK(plan_run(m, &t, six ? 6 : 4), "no table fits");
    t.events = events, t.x_stride = x_stride, t.acc_stride = acc_stride;
    t.blocks = base_calloc(m->n_blocks, sizeof *t.blocks);
    size_t most = CHUNK_ROWS / t.lanes, groups = ceil_div_u64(rows, t.lanes), bytes = 0;
    size_t chunk = groups < most ? groups : most;
    for (uint32_t b = 0; b < m->n_blocks; b++) {
        size_t quads = (m->blocks[b].rows + 3) / 4,
               lookups = six ? ceil_div_u64(quads, 3) * 2 : quads * (size_t)t.by_quad;
        t.blocks[b] = (lut_block){quads, lookups, bytes};
        // column blocks of the same word lines share their indices
        if (b > 0 && m->blocks[b].k0 == m->blocks[b - 1].k0 &&
            m->blocks[b].rows == m->blocks[b - 1].rows)
            t.blocks[b].index = t.blocks[b - 1].index;
        else
            bytes += chunk * lookups * (size_t)m->plan.n_phases * t.lanes;
        if (lookups > t.most_lookups) t.most_lookups = lookups;
    }
    t.index = lut_alloc(bytes);
    tiles all = {&t, how->path >= SIMD_AVX512};
    for (size_t r = 0; r < rows; r += chunk * t.lanes) {
        t.x = x + r * x_stride, t.acc = acc + r * acc_stride;
        t.rows = rows - r < chunk * t.lanes ? rows - r : chunk * t.lanes;
        t.groups = ceil_div_u64(t.rows, t.lanes);
        parallel_for(how->threads, m->n_blocks * t.groups, 4, index_body, &t);
        parallel_for(how->threads, ceil_div_u64(m->n, XBAR_TILE), 1, tiles_body, &all);
    }
    free(t.index);
    free(t.blocks);
}

#else
bool xbar_lut_fits(const xbar *m, simd_path path) { return false; }
void xbar_run_lut(const xbar *m, const xbar_how *how, const int8_t *x, size_t x_stride, size_t rows,
                  int32_t *acc, size_t acc_stride, xbar_events *events) {
    CHECK(false, "no vector unit to look up with");
}
#endif
