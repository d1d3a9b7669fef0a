// Adding word lines up, for one vector width of RW bytes: included by rows.c with ROWS and RW
// set. 64 columns are N vectors of bytes, 2N of 16 bits, 4N of 32 bits.

typedef uint8_t ROWS(u8) __attribute__((vector_size(RW)));
typedef uint8_t ROWS(u8_at) __attribute__((vector_size(RW), aligned(1), may_alias)); // in memory
typedef int16_t ROWS(i16_at) __attribute__((vector_size(RW), aligned(1), may_alias));
typedef uint8_t ROWS(u8_half) __attribute__((vector_size(RW / 2)));
typedef int8_t ROWS(i8) __attribute__((vector_size(RW)));
typedef uint16_t ROWS(u16) __attribute__((vector_size(RW)));
typedef int8_t ROWS(i8_half) __attribute__((vector_size(RW / 2)));
typedef int16_t ROWS(i16) __attribute__((vector_size(RW)));
typedef int16_t ROWS(i16_half) __attribute__((vector_size(RW / 2)));
typedef int32_t ROWS(i32) __attribute__((vector_size(RW)));

#define N (XBAR_TILE / RW)

// Counters of one (block, slice): negated counts per lane, at most 9 phases * ROWS_CHUNK each.
typedef struct {
    ROWS(i16) clipped, rounded;
} ROWS(counts);

// rows_extract for digits of a byte.
ROWS_TARGET static void ROWS(extract)(const xbar *m, const xbar_part *part, int s, uint32_t tile,
                                      const uint8_t *keep, uint8_t *digits) {
    const xbar_plan *p = &m->plan;
    uint32_t col0 = tile * XBAR_TILE, have = m->n - col0;
    uint8_t edge[XBAR_TILE] = {0}; // a row that ends within the tile
    int shift = p->slice[s].shift;
    uint8_t offset = (uint8_t)p->offset;
    for (uint32_t r = 0; r < part->block->rows; r++, digits += XBAR_TILE) {
        const uint8_t *from =
            (const uint8_t *)m->codes + (size_t)(part->block->k0 + r) * m->n + col0;
        if (have < XBAR_TILE) from = memcpy(edge, from, have);
        SIMD_UNROLL
        for (int c = 0; c < N; c++) {
            ROWS(u8)
            w = ((const ROWS(u8_at) *)from)[c], k = ((const ROWS(u8_at) *)keep)[c], sign = {0};
            if (p->pairs) {
                sign = (ROWS(u8))((ROWS(i8))w < 0);
                w = (w ^ sign) - sign;
            } else {
                w += offset;
            }
            w = (ROWS(u8))((ROWS(u16))w >> shift) & k; // what comes from the byte above is masked
            ((ROWS(u8_at) *)digits)[c] = p->pairs ? (w ^ sign) - sign : w;
        }
    }
}

ROWS_TARGET ROWS_INLINE void ROWS(sum_bytes)(ROWS(i16) * sum, const uint8_t *digits,
                                             const uint32_t *driven, size_t n, size_t longest,
                                             const bool pairs) {
    SIMD_UNROLL
    for (int i = 0; i < 2 * N; i++) sum[i] = (ROWS(i16)){0};
    for (size_t i = 0; i < n;) {
        size_t end = n - i < longest ? n : i + longest;
        ROWS(u8) a[N] = {{0}};
        for (; i < end; i++) {
            const ROWS(u8_at) *row = (const ROWS(u8_at) *)(digits + (size_t)driven[i] * XBAR_TILE);
            SIMD_UNROLL
            for (int c = 0; c < N; c++) a[c] += row[c];
        }
        ROWS(u8_half) half[2 * N];
        memcpy(half, a, sizeof a);
        SIMD_UNROLL
        for (int c = 0; c < 2 * N; c++)
            sum[c] += pairs ? __builtin_convertvector((ROWS(i8_half))half[c], ROWS(i16))
                            : __builtin_convertvector(half[c], ROWS(i16));
    }
}

ROWS_TARGET ROWS_INLINE void ROWS(sum_words)(ROWS(i16) * sum, const int16_t *digits,
                                             const uint32_t *driven, const uint8_t *by, size_t n) {
    SIMD_UNROLL
    for (int i = 0; i < 2 * N; i++) sum[i] = (ROWS(i16)){0};
    for (size_t i = 0; i < n; i++) {
        const ROWS(i16_at) *row = (const ROWS(i16_at) *)(digits + (size_t)driven[i] * XBAR_TILE);
        int16_t d = by[i];
        SIMD_UNROLL
        for (int c = 0; c < 2 * N; c++) sum[c] += row[c] * d;
    }
}

// total += codes of 64 sums, times sign 2^shift
ROWS_TARGET ROWS_INLINE void ROWS(convert)(ROWS(i32) * total, ROWS(i16) * sum, const rows_run *t,
                                           int shift, int sign, ROWS(counts) * count) {
    const ROWS(i16) zero = {0}, lo = zero + t->lo, hi = zero + t->hi;
    const int16_t mask = (int16_t)((1 << t->step_log) - 1),
                  half = t->m->plan.down ? 0 : (int16_t)((1 << t->step_log >> 1) - 1),
                  ties = !t->m->plan.down; // down: nothing is added
    SIMD_UNROLL
    for (int i = 0; i < 2 * N; i++) {
        ROWS(i16) q = sum[i];
        if (t->step_log > 0) { // half even: (s + step/2 - 1 + (floor(s / step) odd)) >> log step
            count->rounded += (ROWS(i16))((q & mask) != zero);
            q = (q + half + ((q >> t->step_log) & ties)) >> t->step_log;
        }
        ROWS(i16) low = (ROWS(i16))(q < lo), high = (ROWS(i16))(q > hi);
        count->clipped += low | high;
        q = (q & ~(low | high)) | (lo & low) | (hi & high);
        ROWS(i16_half) part[2];
        memcpy(part, &q, sizeof q);
        SIMD_UNROLL
        for (int h = 0; h < 2; h++) {
            ROWS(i32) v = __builtin_convertvector(part[h], ROWS(i32)) << shift;
            total[2 * i + h] += sign > 0 ? v : -v;
        }
    }
}

// One slice of one part, one row of x: sums of 64 columns into acc.
ROWS_TARGET ROWS_INLINE void ROWS(part)(const rows_run *t, const xbar_part *part, uint32_t tile,
                                        int s, const void *digits, size_t r, ROWS(counts) * count,
                                        xbar_events *e, const rows_width width, const bool pairs) {
    const xbar_plan *p = &t->m->plan;
    const rows_list *list = &t->lists[part->index];
    ROWS(i32) total[4 * N] = {{0}};
    for (int f = 0; f < p->n_phases; f++) {
        const xbar_digit *ph = &p->phase[f];
        size_t at = r * (size_t)p->n_phases + (size_t)f, n = list->n[at];
        const uint32_t *driven = list->driven + at * part->block->rows;
        const uint8_t *by = list->by + at * part->block->rows;
        ROWS(i16) sum[2 * N];
        if (width == ROWS_LONGS) {
            rows_longs((int32_t *)(void *)total, t, digits, driven, by, n, ph, e);
            continue;
        }
        if (width == ROWS_BYTES)
            ROWS(sum_bytes)(sum, digits, driven, n, t->longest, pairs);
        else
            ROWS(sum_words)(sum, digits, driven, by, n);
        if (width == ROWS_TABLED)
            rows_tabled((int32_t *)(void *)total, t, (const int16_t *)(const void *)sum, ph, e);
        else
            ROWS(convert)(total, sum, t, ph->shift, ph->sign, count);
    }
    int32_t sums[XBAR_TILE];
    memcpy(sums, total, sizeof sums);
    uint32_t col0 = tile * XBAR_TILE, factor = (uint32_t)p->slice[s].sign << p->slice[s].shift;
    if (width == ROWS_BYTES || width == ROWS_WORDS) factor *= (uint32_t)p->step;
    uint32_t *acc = (uint32_t *)t->acc + r * t->acc_stride;
    for (uint32_t n = part->from; n < part->until; n++) acc[n] += (uint32_t)sums[n - col0] * factor;
}

ROWS_TARGET static void ROWS(slice)(const rows_run *t, const xbar_part *part, uint32_t tile, int s,
                                    const void *digits, size_t r0, size_t r1, xbar_events *e) {
    ROWS(counts) count = {{0}, {0}};
    for (size_t r = r0; r < r1; r++) {
        if (t->width == ROWS_BYTES && t->m->plan.pairs)
            ROWS(part)(t, part, tile, s, digits, r, &count, e, ROWS_BYTES, true);
        else if (t->width == ROWS_BYTES)
            ROWS(part)(t, part, tile, s, digits, r, &count, e, ROWS_BYTES, false);
        else if (t->width == ROWS_WORDS)
            ROWS(part)(t, part, tile, s, digits, r, &count, e, ROWS_WORDS, false);
        else if (t->width == ROWS_TABLED)
            ROWS(part)(t, part, tile, s, digits, r, &count, e, ROWS_TABLED, false);
        else
            ROWS(part)(t, part, tile, s, digits, r, &count, e, ROWS_LONGS, false);
    }
    for (int l = 0; l < RW / 2; l++) {
        e->clipped += (uint64_t)-count.clipped[l];
        e->rounded += (uint64_t)-count.rounded[l];
    }
}

#undef N
#undef ROWS
#undef ROWS_TARGET
#undef RW
