// The look-up kernel for one vector width: included by lut.c with the V_* and LUT macros set.
// V_LANES columns of 16 bytes each: byte t of lane c is what row t of x (of 16) gives in column c.

// Digits of a quad of word lines, V_LANES columns, become `by_quad` tables: entry e of column c is
// the sum of the digits that the four bits of e select. digits: 16 bytes, [column][word line].
LUT_TARGET LUT_INLINE void LUT(tables)(V *table, __m128i digits, int half, const int by_quad) {
    V d[4]; // digits times 1, 2, 4, 8
    d[0] = V_SPREAD(digits);
    for (int i = 1; i < by_quad; i++) d[i] = V_ADD8(d[i - 1], d[i - 1]);
    for (int j = 0; j < by_quad; j++) {
        V sum = V_ZERO();
        for (int bit = 0; bit < 4; bit++) {
            int line = j * (4 / by_quad) + bit / by_quad;
            V one = V_SHUFFLE(d[bit % by_quad], V_LOAD(lut_pick[line] + half * 32));
            sum = V_ADD8(sum, V_AND(one, V_LOAD(lut_bits[bit])));
        }
        table[j] = sum;
    }
}

LUT_TARGET LUT_INLINE void LUT(build)(V *table, const uint8_t *quads, size_t n_quads, int vec,
                                      const xbar_plan *p, int s, const int by_quad) {
    const __m128i mask = _mm_set1_epi8((char)((1 << p->slice[s].bits) - 1));
    const __m128i shift = _mm_cvtsi32_si128(p->slice[s].shift);
    // a group of 16 columns holds 16 / V_LANES vectors; 4 columns lie in 16 bytes
    int byte = vec * V_LANES % XBAR_GROUP / 4 * 16, half = vec * V_LANES % 4 / V_LANES;
    for (size_t q = 0; q < n_quads; q++, table += by_quad) {
        __m128i w =
            _mm_loadu_si128((const __m128i *)(const void *)(quads + q * XBAR_GROUP * 4 + byte));
        __m128i a = p->pairs ? _mm_abs_epi8(w) : w;
        a = _mm_and_si128(_mm_srl_epi16(a, shift), mask);
        if (p->pairs) a = _mm_sign_epi8(a, w);
        LUT(tables)(table, a, half, by_quad);
    }
}

// total += the 16-bit sums of one vector (lo: rows 0-7, hi: rows 8-15 of each column) << shift, or
// -=
LUT_TARGET LUT_INLINE void LUT(add_words)(int32_t *total, V lo, V hi, int shift, bool minus) {
    V part[2] = {lo, hi};
    for (int i = 0; i < 2; i++) {
        V sign = V_SRAI16(part[i], 15);
        V v[2] = {V_UNPACKLO16(part[i], sign), V_UNPACKHI16(part[i], sign)};
        for (int h = 0; h < 2; h++) {
            V *to = (V *)(void *)(total + (2 * i + h) * V_LANES * 4);
            V x = V_SLLI32(v[h], shift);
            *to = minus ? V_SUB32(*to, x) : V_ADD32(*to, x);
        }
    }
}

// Converters of at most 8 bits and step 1 on unsigned sums: saturating bytes clip by themselves. At
// 8 bits two halves of the word lines tell 255 from more.
LUT_TARGET LUT_INLINE void LUT(saturating)(const lut_run *t, int32_t *total, const V *table,
                                           const uint8_t *index, size_t lookups, int s,
                                           uint64_t *clipped, const int phases, const bool halves) {
    const xbar_plan *p = &t->m->plan;
    V acc[8], first[8];
    for (int f = 0; f < phases; f++) acc[f] = first[f] = V_ZERO();
    size_t l = 0;
    for (int h = halves ? 0 : 1; h < 2; h++) {
        for (size_t end = h ? lookups : lookups / 2; l < end; l++) {
            const V tab = table[l];
            const uint8_t *ix = index + l * (size_t)phases * XBAR_LANES;
            for (int f = 0; f < phases; f++)
                acc[f] = V_ADDS8(acc[f], V_SHUFFLE(tab, V_BROADCAST(ix + f * XBAR_LANES)));
        }
        for (int f = 0; f < phases && h == 0; f++) first[f] = acc[f], acc[f] = V_ZERO();
    }
    const V hi = V_SET8(p->hi);
    V lo16 = V_ZERO(), hi16 = V_ZERO();
    for (int f = phases - 1; f >= 0; f--) { // from the sign down: x = 2^d x + code
        V code;
        if (halves) { // 8 bits
            code = V_ADDS8(first[f], acc[f]);
            *clipped += V_COUNT_NE8(code, V_ADD8(first[f], acc[f]));
            // one half alone reached 255 and the other is 0: only its exact sum tells
            V full = V_MAXU8(first[f], acc[f]), none = V_MINU8(first[f], acc[f]);
            if (V_COUNT_EQ8(V_SUBS8(full, none), V_SET8(255)))
                *clipped += lut_recount((const uint8_t *)table, sizeof(V), index, lookups, phases,
                                        f, &first[f], &acc[f]);
        } else {
            *clipped += V_COUNT_GTU8(acc[f], hi);
            code = V_MINU8(acc[f], hi);
        }
        V lo = V_UNPACKLO8(code, V_ZERO()), up = V_UNPACKHI8(code, V_ZERO());
        if (f == phases - 1) {
            lo16 = V_SUB16(V_ZERO(), lo), hi16 = V_SUB16(V_ZERO(), up);
        } else {
            int shift = p->phase[f + 1].shift - p->phase[f].shift;
            lo16 = V_ADD16(V_SLLI16(lo16, shift), lo), hi16 = V_ADD16(V_SLLI16(hi16, shift), up);
        }
    }
    LUT(add_words)(total, lo16, hi16, p->slice[s].shift, p->slice[s].sign < 0);
}

// Any converter with a step that is a power of two: bytes for `run` look-ups, then 16-bit sums.
LUT_TARGET LUT_INLINE void LUT(wide)(const lut_run *t, int32_t *total, const V *table,
                                     const uint8_t *index, size_t lookups, int s, uint64_t *clipped,
                                     uint64_t *rounded, const int phases, const bool pairs,
                                     const bool small) {
    const xbar_plan *p = &t->m->plan;
    V sum[8][2];
    for (int f = 0; f < phases; f++) sum[f][0] = sum[f][1] = V_ZERO();
    for (size_t l = 0; l < lookups;) {
        size_t end = lookups - l < t->run ? lookups : l + t->run;
        V acc[8];
        for (int f = 0; f < phases; f++) acc[f] = V_ZERO();
        for (; l < end; l++) {
            const V tab = table[l];
            const uint8_t *ix = index + l * (size_t)phases * XBAR_LANES;
            for (int f = 0; f < phases; f++)
                acc[f] = V_ADD8(acc[f], V_SHUFFLE(tab, V_BROADCAST(ix + f * XBAR_LANES)));
        }
        for (int f = 0; f < phases; f++) {
            V lo =
                pairs ? V_SRAI16(V_UNPACKLO8(V_ZERO(), acc[f]), 8) : V_UNPACKLO8(acc[f], V_ZERO());
            V up =
                pairs ? V_SRAI16(V_UNPACKHI8(V_ZERO(), acc[f]), 8) : V_UNPACKHI8(acc[f], V_ZERO());
            sum[f][0] = V_ADD16(sum[f][0], lo), sum[f][1] = V_ADD16(sum[f][1], up);
        }
    }
    const V lo = V_SET16(t->lo), hi = V_SET16(t->hi), step_mask = V_SET16((1 << t->step_log) - 1);
    // down: nothing is added
    const V half = V_SET16(p->down ? 0 : (1 << t->step_log >> 1) - 1), ties = V_SET16(!p->down);
    V horner[2] = {V_ZERO(), V_ZERO()};
    for (int f = phases - 1; f >= 0; f--) {
        V code[2];
        for (int i = 0; i < 2; i++) {
            V q = sum[f][i];
            if (t->step_log >
                0) { // half even: (s + step/2 - 1 + (floor(s / step) odd)) >> log step
                *rounded += V_COUNT_NE16(V_AND(q, step_mask), V_ZERO());
                V odd = V_AND(V_SRAI16(q, t->step_log), ties);
                q = V_SRAI16(V_ADD16(V_ADD16(q, half), odd), t->step_log);
            }
            *clipped += V_COUNT_GT16(q, hi) + V_COUNT_GT16(lo, q);
            code[i] = V_MIN16(V_MAX16(q, lo), hi);
        }
        const xbar_digit *ph = &p->phase[f];
        int shift = p->slice[s].shift + t->step_log;
        if (!small) {
            LUT(add_words)
            (total, code[0], code[1], shift + ph->shift, (p->slice[s].sign < 0) != (ph->sign < 0));
            continue;
        }
        for (int i = 0; i < 2; i++)
            horner[i] =
                ph->sign < 0
                    ? V_SUB16(V_ZERO(), code[i])
                    : V_ADD16(V_SLLI16(horner[i], p->phase[f + 1].shift - ph->shift), code[i]);
        if (f == 0) LUT(add_words)(total, horner[0], horner[1], shift, p->slice[s].sign < 0);
    }
}

// One vector of columns of one slice, all groups of 16 rows. phases is 8, 5 or 3: dac_bits 1, 2, 4.
LUT_TARGET LUT_INLINE void LUT(vector)(const lut_run *t, int32_t *total, size_t total_step,
                                       V *table, const uint8_t *quads, const lut_block *b, int vec,
                                       int s, uint64_t *clipped, uint64_t *rounded,
                                       const int phases, const int by_quad) {
    LUT(build)(table, quads, b->quads, vec, &t->m->plan, s, by_quad);
    for (size_t g = 0; g < t->groups; g++) {
        const uint8_t *ix = t->index + b->index + g * b->lookups * (size_t)phases * XBAR_LANES;
        int32_t *to = total + g * total_step;
        switch (t->mode) {
        case LUT_CLIP:
            LUT(saturating)(t, to, table, ix, b->lookups, s, clipped, phases, false);
            break;
        case LUT_CLIP_255:
            LUT(saturating)(t, to, table, ix, b->lookups, s, clipped, phases, true);
            break;
        case LUT_WIDE:
            LUT(wide)(t, to, table, ix, b->lookups, s, clipped, rounded, phases, false, false);
            break;
        case LUT_WIDE_SMALL:
            LUT(wide)(t, to, table, ix, b->lookups, s, clipped, rounded, phases, false, true);
            break;
        case LUT_PAIRS:
            LUT(wide)(t, to, table, ix, b->lookups, s, clipped, rounded, phases, true, false);
            break;
        case LUT_PAIRS_SMALL:
            LUT(wide)(t, to, table, ix, b->lookups, s, clipped, rounded, phases, true, true);
            break;
        }
    }
}

LUT_TARGET static void LUT(vector_1)(const lut_run *t, int32_t *total, size_t step, V *table,
                                     const uint8_t *quads, const lut_block *b, int vec, int s,
                                     uint64_t *clipped, uint64_t *rounded) {
    LUT(vector)(t, total, step, table, quads, b, vec, s, clipped, rounded, 8, 1);
}
LUT_TARGET static void LUT(vector_2)(const lut_run *t, int32_t *total, size_t step, V *table,
                                     const uint8_t *quads, const lut_block *b, int vec, int s,
                                     uint64_t *clipped, uint64_t *rounded) {
    LUT(vector)(t, total, step, table, quads, b, vec, s, clipped, rounded, 5, 2);
}
LUT_TARGET static void LUT(vector_4)(const lut_run *t, int32_t *total, size_t step, V *table,
                                     const uint8_t *quads, const lut_block *b, int vec, int s,
                                     uint64_t *clipped, uint64_t *rounded) {
    LUT(vector)(t, total, step, table, quads, b, vec, s, clipped, rounded, 3, 4);
}

// A tile of 64 columns, all blocks and slices at risk. Sums stand as [group of 16
// rows][vector][part of 4 rows][column][row] until they are added to acc.
LUT_TARGET static void LUT(tile)(const lut_run *t, uint32_t tile, uint64_t *clipped,
                                 uint64_t *rounded) {
    enum { VECTORS = XBAR_TILE / V_LANES, PER_VECTOR = V_LANES * XBAR_LANES };
    const xbar *m = t->m;
    size_t total_step = (size_t)VECTORS * PER_VECTOR;
    V *table = lut_alloc(t->most_lookups * sizeof(V));
    int32_t *total = lut_alloc(t->groups * total_step * sizeof *total);
    memset(total, 0, t->groups * total_step * sizeof *total);
    bool touched = false;
    for (uint32_t i = 0; i < m->n_blocks; i++) {
        xbar_part part;
        if (!xbar_part_of(m, i, tile, &part)) continue;
        for (int vec = 0; vec < VECTORS; vec++) {
            unsigned group = (unsigned)(vec * V_LANES / XBAR_GROUP), risk = part.risk[group];
            uint32_t col = tile * XBAR_TILE + (unsigned)vec * V_LANES;
            if (!risk || col + V_LANES <= part.from || col >= part.until) continue;
            touched = true;
            const lut_block *b = &t->blocks[i];
            const uint8_t *quads =
                m->quads[i] + (size_t)(tile * XBAR_GROUPS + group - part.block->n0 / XBAR_GROUP) *
                                  b->quads * XBAR_GROUP * 4;
            for (int s = 0; s < m->plan.n_slices; s++) {
                if (!(risk >> s & 1)) continue;
                int32_t *to = total + (size_t)vec * PER_VECTOR;
                if (t->by_quad == 1)
                    LUT(vector_1)(t, to, total_step, table, quads, b, vec, s, clipped, rounded);
                else if (t->by_quad == 2)
                    LUT(vector_2)(t, to, total_step, table, quads, b, vec, s, clipped, rounded);
                else
                    LUT(vector_4)(t, to, total_step, table, quads, b, vec, s, clipped, rounded);
            }
        }
    }
    uint32_t col0 = tile * XBAR_TILE, cols = m->n - col0 < XBAR_TILE ? m->n - col0 : XBAR_TILE;
    for (size_t r = 0; touched && r < t->rows; r++) {
        uint32_t *acc = (uint32_t *)t->acc + r * t->acc_stride + col0;
        const int32_t *from =
            total + r / XBAR_LANES * total_step + r % XBAR_LANES / 4 * V_LANES * 4 + r % 4;
        for (uint32_t n = 0; n < cols; n++)
            acc[n] += (uint32_t)from[n / V_LANES * PER_VECTOR + n % V_LANES * 4];
    }
    free(table);
    free(total);
}

#undef V
#undef V_LANES
#undef V_ZERO
#undef V_LOAD
#undef V_SPREAD
#undef V_BROADCAST
#undef V_SHUFFLE
#undef V_AND
#undef V_ADD8
#undef V_ADDS8
#undef V_SUBS8
#undef V_MINU8
#undef V_MAXU8
#undef V_SET8
#undef V_SET16
#undef V_ADD16
#undef V_SUB16
#undef V_MIN16
#undef V_MAX16
#undef V_SLLI16
#undef V_SRAI16
#undef V_SLLI32
#undef V_ADD32
#undef V_SUB32
#undef V_UNPACKLO8
#undef V_UNPACKHI8
#undef V_UNPACKLO16
#undef V_UNPACKHI16
#undef V_COUNT_NE8
#undef V_COUNT_EQ8
#undef V_COUNT_GTU8
#undef V_COUNT_GT16
#undef V_COUNT_NE16
#undef LUT
#undef LUT_TARGET
