// Storage of few levels, as chips have it: inner loops for x86.
//
// Scores. Both sides are codes, so moments are integers and any order gives their bits. A power of
// u is a sum of digits (gain_plane) that a byte holds; a shuffle looks sixteen levels up at once,
// and products of unsigned and signed bytes add up four columns of a slot:
//   vnni             vpdpbusd: into 32 bits
//   avx512, avx2     vpmaddubsw: pairs in 16 bits, as many words as cannot overflow, then 32
//
// The mix. All charges that a token can add, phi C(u) of every level, stand in one or two
// registers; codes are the indices of a permutation. Eight 64-bit indices lie eight bytes apart, so
// a load at byte b of a row has those of columns 8b .. 8b + 7 in its lowest bits (gain_place);
// what lies above is not looked at. With avx2 the halves of a charge come from two permutations of
// 32-bit words, and words 4i + b of a row serve columns 8b + i and 8(b + 4) + i.
#include "runtime-sim/gain/parts.h"
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

// --- sums of digits

// Words of a key that vpmaddubsw may add in 16 bits.
static size_t words_of_16_bits(const gain_unit *u) {
    int largest = 1;
    for (size_t p = 0; p < u->n_planes; p++)
        if (u->planes[p].largest > largest) largest = u->planes[p].largest;
    return (size_t)(32767 / (2 * (int)(u->p.q_levels - 1) * largest));
}

// sums[plane][j] of GAIN_BLOCK slots from k on. `vectors` of them at a time.
SIMD_TARGET_VNNI INLINE void sums_vnni(const gain_unit *u, const uint32_t *k, const uint8_t *x,
                                       const size_t planes, int32_t (*sums)[GAIN_BLOCK]) {
    enum { VECTORS = 2 };
    __m512i digit[GAIN_PLANES];
    SIMD_UNROLL
    for (size_t p = 0; p < planes; p++)
        digit[p] = _mm512_broadcast_i32x4(
            _mm_loadu_si128((const __m128i *)(const void *)u->planes[p].digit));
    for (size_t j = 0; j < GAIN_BLOCK; j += VECTORS * 16) {
        __m512i sum[GAIN_PLANES][VECTORS];
        SIMD_UNROLL
        for (size_t p = 0; p < planes; p++)
            for (int v = 0; v < VECTORS; v++) sum[p][v] = _mm512_setzero_si512();
        for (size_t w = 0; w < u->k_words; w++) {
            int32_t four;
            memcpy(&four, x + 4 * w, sizeof four);
            __m512i xw = _mm512_set1_epi32(four);
            SIMD_UNROLL
            for (int v = 0; v < VECTORS; v++) {
                __m512i code = _mm512_loadu_si512(k + w * u->k_stride + j + 16 * (size_t)v);
                SIMD_UNROLL
                for (size_t p = 0; p < planes; p++)
                    sum[p][v] =
                        _mm512_dpbusd_epi32(sum[p][v], xw, _mm512_shuffle_epi8(digit[p], code));
            }
        }
        SIMD_UNROLL
        for (size_t p = 0; p < planes; p++)
            for (int v = 0; v < VECTORS; v++)
                _mm512_storeu_si512(&sums[p][j + 16 * (size_t)v], sum[p][v]);
    }
}

SIMD_TARGET_AVX512 INLINE void sums_avx512(const gain_unit *u, const uint32_t *k, const uint8_t *x,
                                           const size_t planes, int32_t (*sums)[GAIN_BLOCK]) {
    size_t words = words_of_16_bits(u);
    memset(sums, 0, planes * sizeof *sums);
    for (size_t w0 = 0; w0 < u->k_words; w0 += words) {
        size_t w1 = w0 + words < u->k_words ? w0 + words : u->k_words;
        for (size_t j = 0; j < GAIN_BLOCK; j += 16) {
            __m512i digit[GAIN_PLANES], sum[GAIN_PLANES];
            SIMD_UNROLL
            for (size_t p = 0; p < planes; p++) {
                digit[p] = _mm512_broadcast_i32x4(
                    _mm_loadu_si128((const __m128i *)(const void *)u->planes[p].digit));
                sum[p] = _mm512_setzero_si512();
            }
            for (size_t w = w0; w < w1; w++) {
                int32_t four;
                memcpy(&four, x + 4 * w, sizeof four);
                __m512i xw = _mm512_set1_epi32(four),
                        code = _mm512_loadu_si512(k + w * u->k_stride + j);
                SIMD_UNROLL
                for (size_t p = 0; p < planes; p++)
                    sum[p] = _mm512_add_epi16(
                        sum[p], _mm512_maddubs_epi16(xw, _mm512_shuffle_epi8(digit[p], code)));
            }
            SIMD_UNROLL
            for (size_t p = 0; p < planes; p++)
                _mm512_storeu_si512(
                    &sums[p][j], _mm512_add_epi32(_mm512_loadu_si512(&sums[p][j]),
                                                  _mm512_madd_epi16(sum[p], _mm512_set1_epi16(1))));
        }
    }
}

SIMD_TARGET_AVX2 INLINE void sums_avx2(const gain_unit *u, const uint32_t *k, const uint8_t *x,
                                       const size_t planes, int32_t (*sums)[GAIN_BLOCK]) {
    size_t words = words_of_16_bits(u);
    memset(sums, 0, planes * sizeof *sums);
    for (size_t w0 = 0; w0 < u->k_words; w0 += words) {
        size_t w1 = w0 + words < u->k_words ? w0 + words : u->k_words;
        for (size_t j = 0; j < GAIN_BLOCK; j += 8) {
            __m256i digit[GAIN_PLANES], sum[GAIN_PLANES];
            SIMD_UNROLL
            for (size_t p = 0; p < planes; p++) {
                digit[p] = _mm256_broadcastsi128_si256(
                    _mm_loadu_si128((const __m128i *)(const void *)u->planes[p].digit));
                sum[p] = _mm256_setzero_si256();
            }
            for (size_t w = w0; w < w1; w++) {
                int32_t four;
                memcpy(&four, x + 4 * w, sizeof four);
                __m256i xw = _mm256_set1_epi32(four),
                        code = _mm256_loadu_si256(
                            (const __m256i *)(const void *)(k + w * u->k_stride + j));
                SIMD_UNROLL
                for (size_t p = 0; p < planes; p++)
                    sum[p] = _mm256_add_epi16(
                        sum[p], _mm256_maddubs_epi16(xw, _mm256_shuffle_epi8(digit[p], code)));
            }
            SIMD_UNROLL
            for (size_t p = 0; p < planes; p++) {
                __m256i *to = (__m256i *)(void *)&sums[p][j];
                _mm256_storeu_si256(
                    to, _mm256_add_epi32(_mm256_loadu_si256(to),
                                         _mm256_madd_epi16(sum[p], _mm256_set1_epi16(1))));
            }
        }
    }
}

// --- S of the sums

// s[j] = (sum of g_i M_i) / width, as far as n.
INLINE void finish(const gain_unit *u, const gain_query *q, const double *g, size_t stride,
                   const size_t planes, int32_t (*sums)[GAIN_BLOCK], size_t n, double *s) {
    double to[GAIN_BLOCK], moments[3][GAIN_BLOCK], *m = moments[0];
    for (size_t j = 0; j < n; j++) to[j] = g[j] * q->sum;
    for (size_t p = 0; p < planes; p++) {
        const gain_plane *plane = &u->planes[p];
        const int32_t *sum = sums[p];
        double weight = plane->weight, again = plane->again;
        if (p && plane[-1].power == plane->power) { // a higher digit
            for (size_t j = 0; j < GAIN_BLOCK; j++) m[j] += weight * (double)sum[j];
        } else {
            m = moments[plane->power % 3];
            const double *before = moments[(plane->power + 1) % 3]; // of power - 2
            for (size_t j = 0; j < GAIN_BLOCK; j++) m[j] = weight * (double)sum[j];
            for (size_t j = 0; again != 0 && j < GAIN_BLOCK; j++) m[j] += again * before[j];
        }
        if (p + 1 < planes && plane[1].power == plane->power) continue;
        const double *g_i = g + plane->power * stride;
        for (size_t j = 0; j < n; j++) to[j] += g_i[j] * m[j];
    }
    for (size_t j = 0; j < n; j++) s[j] = to[j] / u->width;
}

// --- the same with 512 bits, and division by a number that stays

// a / b, rounded as division rounds, for y = 1 / b as division rounds it and b of a float's range.
// The second quotient is within one unit of its last place and its rest exact, so the third is the
// nearest (Markstein's theorem); where a rest might underflow, or a is no number, division itself.
SIMD_TARGET_AVX512 INLINE __m512d divide(__m512d a, __m512d b, __m512d y) {
    __m512d q = _mm512_mul_pd(a, y);
    q = _mm512_fmadd_pd(_mm512_fnmadd_pd(q, b, a), y, q);
    q = _mm512_fmadd_pd(_mm512_fnmadd_pd(q, b, a), y, q);
    __m512d size = _mm512_abs_pd(a);
    __mmask8 plain = _mm512_cmp_pd_mask(size, _mm512_set1_pd(0x1p-600), _CMP_GE_OQ) &
                     _mm512_cmp_pd_mask(size, _mm512_set1_pd(0x1p600), _CMP_LE_OQ);
    return plain == 0xFF ? q : _mm512_div_pd(a, b);
}

INLINE __mmask8 lanes(size_t n) { return n < 8 ? (__mmask8)((1u << n) - 1) : 0xFF; }

SIMD_TARGET_AVX512 INLINE void finish_512(const gain_unit *u, const gain_query *q, const double *g,
                                          size_t stride, const size_t planes,
                                          int32_t (*sums)[GAIN_BLOCK], size_t n, double *s) {
    __m512d width = _mm512_set1_pd(u->width), inverse = _mm512_set1_pd(1 / u->width);
    for (size_t j = 0; j < n; j += 8) {
        __mmask8 in = lanes(n - j);
        __m512d to = _mm512_mul_pd(_mm512_maskz_loadu_pd(in, g + j), _mm512_set1_pd(q->sum));
        __m512d m = _mm512_setzero_pd(), before = m,
                twice = m; // moments of this power, one, two less
        for (size_t p = 0; p < planes; p++) {
            const gain_plane *plane = &u->planes[p];
            __m512d part = _mm512_mul_pd(
                _mm512_set1_pd(plane->weight),
                _mm512_cvtepi32_pd(_mm256_loadu_si256((const __m256i *)(const void *)&sums[p][j])));
            if (p && plane[-1].power == plane->power) { // a higher digit
                m = _mm512_add_pd(m, part);
            } else {
                twice = before, before = m;
                m = _mm512_add_pd(part, _mm512_mul_pd(_mm512_set1_pd(plane->again), twice));
            }
            if (p + 1 < planes && plane[1].power == plane->power) continue;
            to = _mm512_add_pd(
                to, _mm512_mul_pd(_mm512_maskz_loadu_pd(in, g + plane->power * stride + j), m));
        }
        _mm512_mask_storeu_pd(s + j, in, divide(to, width, inverse));
    }
}

SIMD_TARGET_AVX512 static uint64_t pulses_512(const gain_unit *u, double *s, size_t n,
                                              const int64_t *held, int64_t position,
                                              uint64_t *seen) {
    __m512d full = _mm512_set1_pd((double)u->p.s_sat),
            inverse = _mm512_div_pd(_mm512_set1_pd(1), full);
    __m512d most = _mm512_set1_pd(u->p.saturate_scores ? 1 : __builtin_inf());
    __m512i at =
        _mm512_add_epi64(_mm512_set1_epi64(position), _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0));
    uint64_t saturated = 0;
    for (size_t j = 0; j < n; j += 8) {
        __mmask8 in = lanes(n - j), some = in;
        if (held)
            some = _mm512_mask_cmpeq_epi64_mask(in, _mm512_maskz_loadu_epi64(in, held + j), at);
        at = _mm512_add_epi64(at, _mm512_set1_epi64(8));
        __m512d x = _mm512_maskz_loadu_pd(in, s + j), p = divide(x, full, inverse);
        *seen += (uint64_t)__builtin_popcount(some);
        saturated +=
            (uint64_t)__builtin_popcount(_mm512_mask_cmp_pd_mask(some, x, full, _CMP_GE_OQ));
        some = _mm512_mask_cmp_pd_mask(some, p, _mm512_setzero_pd(), _CMP_GT_OQ);
        _mm512_mask_storeu_pd(s + j, in, _mm512_maskz_min_pd(some, p, most));
    }
    return saturated;
}

SIMD_TARGET_AVX512 static uint64_t read_out_512(const gain_unit *u, double *acc, double *sum) {
    __m512d full = _mm512_set1_pd((double)u->p.o_sat),
            inverse = _mm512_div_pd(_mm512_set1_pd(1), full);
    __m512d most = _mm512_set1_pd(u->p.saturate_outputs ? 1 : __builtin_inf());
    float step = u->p.out_levels ? 2.0f / (float)(u->p.out_levels - 1) : 1;
    uint64_t saturated = 0;
    for (size_t at = 0; at < u->p.dv; at += GAIN_BLOCK) {
        size_t n = u->p.dv - at < GAIN_BLOCK ? u->p.dv - at : GAIN_BLOCK;
        double z[GAIN_BLOCK];
        for (size_t i = 0; i < n; i += 8) {
            __mmask8 in = lanes(n - i);
            __m512d y = divide(_mm512_maskz_loadu_pd(in, acc + at + i), full, inverse);
            saturated += (uint64_t)__builtin_popcount(
                _mm512_cmp_pd_mask(_mm512_abs_pd(y), _mm512_set1_pd(1), _CMP_GE_OQ));
            // NaN stays: of two operands the second is taken
            y = _mm512_min_pd(most, y);
            y = _mm512_max_pd(_mm512_sub_pd(_mm512_setzero_pd(), most), y);
            _mm512_storeu_pd(z + i, y);
        }
        if (u->p.out_levels)
            for (size_t i = 0; i < n; i++) sum[at + i] += (double)gain_nearest((float)z[i] / step);
        else
            for (size_t i = 0; i < n; i++) sum[at + i] += z[i];
    }
    memset(acc, 0, u->v_row * sizeof *acc);
    return saturated;
}

SIMD_TARGET_AVX512 static size_t list_512(const double *phi, size_t n, uint32_t *list) {
    __m512i j = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    size_t some = 0;
    for (size_t at = 0; at < n; at += 16) {
        __mmask8 low = lanes(n - at), high = n - at > 8 ? lanes(n - at - 8) : 0;
        __m512d zero = _mm512_setzero_pd();
        low = _mm512_mask_cmp_pd_mask(low, _mm512_maskz_loadu_pd(low, phi + at), zero, _CMP_GT_OQ);
        high = _mm512_mask_cmp_pd_mask(high, _mm512_maskz_loadu_pd(high, phi + at + 8), zero,
                                       _CMP_GT_OQ);
        unsigned both = (unsigned)low | (unsigned)high << 8;
        unsigned count = (unsigned)__builtin_popcount(both);
        _mm512_mask_storeu_epi32(list + some, (__mmask16)((1u << count) - 1),
                                 _mm512_maskz_compress_epi32((__mmask16)both, j));
        some += count;
        j = _mm512_add_epi32(j, _mm512_set1_epi32(16));
    }
    return some;
}

// Blocks begin at multiples of their size where they can: a key's words then lie in cache lines.
#define BLOCK_OF(name, finish, planes)                                            \
    case planes:                                                                  \
        for (size_t at = 0, some; at < n; at += some) {                           \
            some = GAIN_BLOCK - (slot + at) % GAIN_BLOCK;                         \
            if (some > n - at) some = n - at;                                     \
            sums_##name(u, h->k_codes + slot + at, q->codes, planes, sums);       \
            finish(u, q, ages->g + at, ages->stride, planes, sums, some, s + at); \
        }                                                                         \
        break;
#define SCORES(name, attributes, finish)                                                          \
    attributes static void scores_##name(const gain_unit *u, const gain_head *h,                  \
                                         const gain_query *q, const gain_ages *ages, size_t slot, \
                                         size_t n, double *s) {                                   \
        int32_t sums[GAIN_PLANES][GAIN_BLOCK];                                                    \
        switch (u->n_planes) {                                                                    \
            BLOCK_OF(name, finish, 0)                                                             \
            BLOCK_OF(name, finish, 1)                                                             \
            BLOCK_OF(name, finish, 2)                                                             \
            BLOCK_OF(name, finish, 3)                                                             \
            BLOCK_OF(name, finish, 4)                                                             \
            BLOCK_OF(name, finish, 5)                                                             \
            BLOCK_OF(name, finish, 6)                                                             \
            BLOCK_OF(name, finish, 7)                                                             \
            BLOCK_OF(name, finish, 8)                                                             \
        }                                                                                         \
    }
SCORES(avx2, SIMD_TARGET_AVX2, finish)
SCORES(avx512, SIMD_TARGET_AVX512, finish_512)
SCORES(vnni, SIMD_TARGET_VNNI, finish_512)

// --- the mix

// Columns 8b .. 8b + 7 for b = first .. first + groups - 1 of a row of 64.
SIMD_TARGET_AVX512 INLINE void mix_groups(const uint8_t *v, size_t row, const gain_ages *ages,
                                          const uint32_t *list, size_t n, const double *phi,
                                          const size_t groups, const bool wide, double *acc) {
    __m512d sum[8];
    SIMD_UNROLL
    for (size_t b = 0; b < groups; b++) sum[b] = _mm512_loadu_pd(acc + 8 * b);
    for (size_t k = 0; k < n; k++) {
        size_t j = list[k];
        const double *c = ages->c + j * ages->c_step;
        const uint8_t *at = v + j * row;
        __m512d pulse = _mm512_set1_pd(phi[j]), low = _mm512_mul_pd(pulse, _mm512_loadu_pd(c)),
                high = wide ? _mm512_mul_pd(pulse, _mm512_loadu_pd(c + 8)) : low;
        SIMD_UNROLL
        for (size_t b = 0; b < groups; b++) {
            __m512i code = _mm512_loadu_si512(at + b);
            sum[b] = _mm512_add_pd(sum[b], wide ? _mm512_permutex2var_pd(low, code, high)
                                                : _mm512_permutexvar_pd(code, low));
        }
    }
    SIMD_UNROLL
    for (size_t b = 0; b < groups; b++) _mm512_storeu_pd(acc + 8 * b, sum[b]);
}

SIMD_TARGET_AVX512 INLINE void mix_avx512(const gain_unit *u, const gain_head *h,
                                          const gain_ages *ages, size_t slot, const uint32_t *list,
                                          size_t n, const double *phi, const bool wide,
                                          double *acc) {
    for (size_t at = 0; at < u->p.dv; at += GAIN_COLUMNS) {
        const uint8_t *v = h->v_codes + slot * u->v_row + at;
        size_t left = ceil_div_u64(u->p.dv - at, 8), b = 0;
        if (left >= 8) {
            mix_groups(v, u->v_row, ages, list, n, phi, 8, wide, acc + at);
            continue;
        }
        if (left & 4) mix_groups(v, u->v_row, ages, list, n, phi, 4, wide, acc + at), b = 4;
        if (left & 2)
            mix_groups(v + b, u->v_row, ages, list, n, phi, 2, wide, acc + at + 8 * b), b += 2;
        if (left & 1) mix_groups(v + b, u->v_row, ages, list, n, phi, 1, wide, acc + at + 8 * b);
    }
}
SIMD_TARGET_AVX512 static void mix_8_avx512(const gain_unit *u, const gain_head *h,
                                            const gain_ages *ages, size_t slot,
                                            const uint32_t *list, size_t n, const double *phi,
                                            double *acc) {
    mix_avx512(u, h, ages, slot, list, n, phi, false, acc);
}
SIMD_TARGET_AVX512 static void mix_16_avx512(const gain_unit *u, const gain_head *h,
                                             const gain_ages *ages, size_t slot,
                                             const uint32_t *list, size_t n, const double *phi,
                                             double *acc) {
    mix_avx512(u, h, ages, slot, list, n, phi, true, acc);
}

SIMD_TARGET_AVX2 static void mix_8_avx2(const gain_unit *u, const gain_head *h,
                                        const gain_ages *ages, size_t slot, const uint32_t *list,
                                        size_t n, const double *phi, double *acc) {
    for (size_t at = 0; at < u->p.dv; at += GAIN_COLUMNS)
        for (size_t half = 0; half < 2; half++) { // columns 8b + 0..3, then 8b + 4..7
            double *to = acc + at + 4 * half;
            __m256d sum[8];
            SIMD_UNROLL
            for (size_t b = 0; b < 8; b++) sum[b] = _mm256_loadu_pd(to + 8 * b);
            for (size_t k = 0; k < n; k++) {
                size_t j = list[k];
                const double *c = ages->c + j * ages->c_step;
                const uint8_t *v = h->v_codes + (slot + j) * u->v_row + at + 32 * half;
                __m256d pulse = _mm256_set1_pd(phi[j]);
                __m256 a = _mm256_castpd_ps(_mm256_mul_pd(pulse, _mm256_loadu_pd(c))),
                       b4 = _mm256_castpd_ps(_mm256_mul_pd(pulse, _mm256_loadu_pd(c + 4)));
                __m256i low = _mm256_permute4x64_epi64(
                            _mm256_castps_si256(_mm256_shuffle_ps(a, b4, 0x88)), 0xD8),
                        high = _mm256_permute4x64_epi64(
                            _mm256_castps_si256(_mm256_shuffle_ps(a, b4, 0xDD)), 0xD8);
                SIMD_UNROLL
                for (size_t b = 0; b < 4; b++) {
                    __m256i code = _mm256_loadu_si256((const __m256i *)(const void *)(v + b));
                    __m256i l = _mm256_permutevar8x32_epi32(low, code),
                            g = _mm256_permutevar8x32_epi32(high, code);
                    __m256i even = _mm256_blend_epi32(l, _mm256_slli_epi64(g, 32), 0xAA),
                            odd = _mm256_blend_epi32(_mm256_srli_epi64(l, 32), g, 0xAA);
                    sum[b] = _mm256_add_pd(sum[b], _mm256_castsi256_pd(even));
                    sum[b + 4] = _mm256_add_pd(sum[b + 4], _mm256_castsi256_pd(odd));
                }
            }
            SIMD_UNROLL
            for (size_t b = 0; b < 8; b++) _mm256_storeu_pd(to + 8 * b, sum[b]);
        }
}

void gain_levels_kernels(const gain_unit *u, simd_path path, gain_kernels *f) {
    if (u->integer && path == SIMD_AVX2) f->scores = scores_avx2;
    if (u->integer && path == SIMD_AVX512) f->scores = scores_avx512;
    if (u->integer && path == SIMD_VNNI) f->scores = scores_vnni;
    if (path >= SIMD_AVX512) f->pulses = pulses_512, f->read_out = read_out_512, f->list = list_512;
    if (u->c_row == 8 && path == SIMD_AVX2) f->mix = mix_8_avx2;
    if (u->c_row == 8 && path >= SIMD_AVX512) f->mix = mix_8_avx512;
    if (u->c_row == 16 && path >= SIMD_AVX512) f->mix = mix_16_avx512;
}
#else
void gain_levels_kernels(const gain_unit *u, simd_path path, gain_kernels *f) {
    (void)u, (void)path, (void)f; // what is portable is all there is
}
#endif
