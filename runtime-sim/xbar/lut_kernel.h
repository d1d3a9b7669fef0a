// The look-up kernel for one kind of vectors: included by lut.c with the V_* and LUT macros set. A
// step is V_STEP columns: side by side in one vector, V_STEP lanes of 16 rows of x, byte t of lane
// c is what row t gives in column c; or, where V_ROWS is 64, one after the other in vectors of 64
// rows (LUT(build) is lut.c's).

#if V_ROWS == 16
// Digits of a quad of word lines, V_STEP columns, become `by_quad` tables: entry e of column c is
// bias and the sum of the digits that the four bits of e select. digits: 16 bytes, [column][word
// line].
LUT_TARGET LUT_INLINE void LUT(tables)(V *table, __m128i digits, int half, int bias,
                                       const int by_quad) {
    V d[4]; // digits times 1, 2, 4, 8
    d[0] = V_SPREAD(digits);
    for (int i = 1; i < by_quad; i++) d[i] = V_ADD8(d[i - 1], d[i - 1]);
    for (int j = 0; j < by_quad; j++) {
        V sum = V_SET8(bias);
        for (int bit = 0; bit < 4; bit++) {
            int line = j * (4 / by_quad) + bit / by_quad;
            V one = V_SHUFFLE(d[bit % by_quad], V_LOAD(lut_pick[line] + half * 32));
            sum = V_ADD8(sum, V_AND(one, V_LOAD(lut_bits[bit])));
        }
        table[j] = sum;
    }
}

LUT_TARGET LUT_INLINE void LUT(build)(V *table, const uint8_t *quads, size_t n_quads, int vec,
                                      const xbar_plan *p, int s, int bias, const int by_quad) {
    const __m128i mask = _mm_set1_epi8((char)((1 << p->slice[s].bits) - 1));
    const __m128i shift = _mm_cvtsi32_si128(p->slice[s].shift);
    // a group of 16 columns holds 16 / V_STEP vectors; 4 columns lie in 16 bytes
    int byte = vec * V_STEP % XBAR_GROUP / 4 * 16, half = vec * V_STEP % 4 / V_STEP;
    for (size_t q = 0; q < n_quads; q++, table += by_quad) {
        __m128i w =
            _mm_loadu_si128((const __m128i *)(const void *)(quads + q * XBAR_GROUP * 4 + byte));
        __m128i a = p->pairs ? _mm_abs_epi8(w) : w;
        a = _mm_and_si128(_mm_srl_epi16(a, shift), mask);
        if (p->pairs) a = _mm_sign_epi8(a, w);
        LUT(tables)(table, a, half, bias, by_quad);
    }
}
#endif

// total += the 16-bit sums of one vector (lo: rows 0-7, hi: rows 8-15 of each column) << shift, or
// -=
LUT_TARGET LUT_INLINE void LUT(add_words)(int32_t *total, V lo, V hi, int shift, bool minus) {
    V part[2] = {lo, hi};
    for (int i = 0; i < 2; i++) {
        V sign = V_SRAI16(part[i], 15);
        V v[2] = {V_UNPACKLO16(part[i], sign), V_UNPACKHI16(part[i], sign)};
        for (int h = 0; h < 2; h++) {
            V *to = (V *)(void *)(total + (2 * i + h) * (int)(sizeof(V) / 4));
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
            const uint8_t *ix = index + l * (size_t)phases * V_ROWS;
            for (int f = 0; f < phases; f++) acc[f] = V_ADDS8(acc[f], V_LOOK(tab, ix + f * V_ROWS));
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
                                        f, V_ROWS, &first[f], &acc[f]);
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

// Any converter with a step that is a power of two: bytes for `run` look-ups, then 16-bit sums,
// modulo 2^16: of both bytes of a word, and of the upper ones. The bias keeps bytes of pairs above
// 0.
LUT_TARGET LUT_INLINE void LUT(wide)(const lut_run *t, int32_t *total, const V *table,
                                     const uint8_t *index, size_t lookups, int s, uint64_t *clipped,
                                     uint64_t *rounded, const int phases, const bool small) {
    const xbar_plan *p = &t->m->plan;
    V sum[8][2];
    for (int f = 0; f < phases; f++) sum[f][0] = sum[f][1] = V_ZERO();
    for (size_t l = 0; l < lookups;) {
        size_t end = lookups - l < t->run ? lookups : l + t->run;
        V acc[8];
        for (int f = 0; f < phases; f++) acc[f] = V_ZERO();
        for (; l < end; l++) {
            const V tab = table[l];
            const uint8_t *ix = index + l * (size_t)phases * V_ROWS;
            for (int f = 0; f < phases; f++) acc[f] = V_ADD8(acc[f], V_LOOK(tab, ix + f * V_ROWS));
        }
        for (int f = 0; f < phases; f++) {
            sum[f][0] = V_ADD16(sum[f][0], acc[f]);
            sum[f][1] = V_ADD16(sum[f][1], V_SRLI16(acc[f], 8));
        }
    }
    const V bias = V_SET16((int)lookups * t->bias);
    for (int f = 0; f < phases; f++) { // in the order of rows
        V even = V_SUB16(V_SUB16(sum[f][0], V_SLLI16(sum[f][1], 8)), bias);
        V odd = V_SUB16(sum[f][1], bias);
        sum[f][0] = V_UNPACKLO16(even, odd), sum[f][1] = V_UNPACKHI16(even, odd);
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
            code[i] = V_MIN16(V_MAX16(q, lo), hi);
            *clipped += V_COUNT_NE16(code[i], q);
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

LUT_TARGET LUT_INLINE void LUT(convert)(const lut_run *t, int32_t *total, const V *table,
                                        const uint8_t *ix, size_t lookups, int s, uint64_t *clipped,
                                        uint64_t *rounded, const int phases) {
    switch (t->mode) {
    case LUT_CLIP: LUT(saturating)(t, total, table, ix, lookups, s, clipped, phases, false); break;
    case LUT_CLIP_255:
        LUT(saturating)(t, total, table, ix, lookups, s, clipped, phases, true);
        break;
    case LUT_WIDE:
        LUT(wide)(t, total, table, ix, lookups, s, clipped, rounded, phases, false);
        break;
    case LUT_WIDE_SMALL:
        LUT(wide)(t, total, table, ix, lookups, s, clipped, rounded, phases, true);
        break;
    }
}

// One step of columns of one slice, all groups of rows. phases is 8, 5 or 3: dac_bits 1, 2, 4.
LUT_TARGET LUT_INLINE void LUT(vector)(const lut_run *t, int32_t *total, size_t total_step,
                                       V *table, const uint8_t *quads, const lut_block *b, int vec,
                                       int s, uint64_t *clipped, uint64_t *rounded,
                                       const int phases, const int by_quad) {
    enum { VECTORS = V_STEP * V_ROWS / (int)sizeof(V) }; // 1, or one a column
    LUT(build)(table, quads, b->quads, vec, &t->m->plan, s, t->bias, by_quad);
    for (size_t g = 0; g < t->groups; g++) {
        const uint8_t *ix = t->index + b->index + g * b->lookups * (size_t)phases * V_ROWS;
        int32_t *to = total + g * total_step;
        for (size_t v = 0; v < VECTORS; v++) LUT(convert)
        (t, to + v * sizeof(V), table + v * b->lookups, ix, b->lookups, s, clipped, rounded,
         phases);
    }
}

LUT_TARGET static void LUT(vector_1)(const lut_run *t, int32_t *total, size_t step, V *table,
                                     const uint8_t *quads, const lut_block *b, int vec, int s,
                                     uint64_t *clipped, uint64_t *rounded) {
    LUT(vector)(t, total, step, table, quads, b, vec, s, clipped, rounded, 8, 1);
}
#if V_ROWS == 16
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
#endif

// A tile of 64 columns, all blocks and slices at risk. Sums stand as
// [group of rows][step of columns] and inside as V_AT says until they are added to acc.
LUT_TARGET static void LUT(tile)(const lut_run *t, uint32_t tile, uint64_t *clipped,
                                 uint64_t *rounded) {
    enum { VECTORS = XBAR_TILE / V_STEP, PER_VECTOR = V_STEP * V_ROWS };
    const xbar *m = t->m;
    size_t total_step = (size_t)VECTORS * PER_VECTOR;
    V *table = lut_alloc(t->most_lookups * V_STEP * V_ROWS);
    int32_t *total = lut_alloc(t->groups * total_step * sizeof *total);
    memset(total, 0, t->groups * total_step * sizeof *total);
    bool touched = false;
    for (uint32_t i = 0; i < m->n_blocks; i++) {
        xbar_part part;
        if (!xbar_part_of(m, i, tile, &part)) continue;
        for (int vec = 0; vec < VECTORS; vec++) {
            unsigned group = (unsigned)(vec * V_STEP / XBAR_GROUP), risk = part.risk[group];
            uint32_t col = tile * XBAR_TILE + (unsigned)vec * V_STEP;
            if (!risk || col + V_STEP <= part.from || col >= part.until) continue;
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
#if V_ROWS == 16
                else if (t->by_quad == 2)
                    LUT(vector_2)(t, to, total_step, table, quads, b, vec, s, clipped, rounded);
                else
                    LUT(vector_4)(t, to, total_step, table, quads, b, vec, s, clipped, rounded);
#endif
            }
        }
    }
    uint32_t col0 = tile * XBAR_TILE, cols = m->n - col0 < XBAR_TILE ? m->n - col0 : XBAR_TILE;
    for (size_t r = 0; touched && r < t->rows; r++) {
        uint32_t *acc = (uint32_t *)t->acc + r * t->acc_stride + col0;
        const int32_t *from = total + r / V_ROWS * total_step;
        for (uint32_t n = 0; n < cols; n++)
            acc[n] += (uint32_t)from[n / V_STEP * PER_VECTOR + V_AT(n % V_STEP, r % V_ROWS)];
    }
    free(table);
    free(total);
}

#undef V
#undef V_STEP
#undef V_ROWS
#undef V_AT
#undef V_LOOK
#undef V_ZERO
#undef V_LOAD
#undef V_SPREAD
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
#undef V_SRLI16
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
#undef V_COUNT_NE16
#undef LUT
#undef LUT_TARGET
