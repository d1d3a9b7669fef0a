// See codes.h. vpdpbusd multiplies signed by unsigned bytes: 128 is added to what a panel holds.
#include "ir/kernel/codes.h"
#include "ir/kernel/product.h"
#include "support/num/simd.h"
#include <string.h>

enum { COLUMNS = PRODUCT_COLUMNS };

#if defined(__x86_64__)
#include <immintrin.h>

bool codes_can_multiply(void) { return simd_has(SIMD_VNNI); }

// Four rows of 32 codes become 32 columns of four.
SIMD_TARGET_VNNI static void interleave(uint8_t *to, const int8_t *w) {
    const __m256i high = _mm256_set1_epi8((char)0x80); // + 128
    __m256i r[4];
    SIMD_UNROLL for (int i = 0; i < 4; i++) r[i] = _mm256_xor_si256(
        _mm256_loadu_si256((const __m256i *)(const void *)(w + COLUMNS * i)), high);
    const __m256i a = _mm256_unpacklo_epi8(r[0], r[1]), b = _mm256_unpackhi_epi8(r[0], r[1]),
                  c = _mm256_unpacklo_epi8(r[2], r[3]), d = _mm256_unpackhi_epi8(r[2], r[3]);
    // columns 0-3 and 16-19, then 4-7 and 20-23, ...
    const __m256i q0 = _mm256_unpacklo_epi16(a, c), q1 = _mm256_unpackhi_epi16(a, c),
                  q2 = _mm256_unpacklo_epi16(b, d), q3 = _mm256_unpackhi_epi16(b, d);
    __m256i *p = (__m256i *)(void *)to;
    _mm256_storeu_si256(p, _mm256_permute2x128_si256(q0, q1, 0x20));
    _mm256_storeu_si256(p + 1, _mm256_permute2x128_si256(q2, q3, 0x20));
    _mm256_storeu_si256(p + 2, _mm256_permute2x128_si256(q0, q1, 0x31));
    _mm256_storeu_si256(p + 3, _mm256_permute2x128_si256(q2, q3, 0x31));
}

void codes_pack(uint8_t *packed, const int8_t *w, size_t rows) {
    size_t k = 0;
    for (; k + 4 <= rows; k += 4) interleave(packed + k * COLUMNS, w + k * COLUMNS);
    if (k == rows) return;
    int8_t last[4 * COLUMNS] = {0};
    memcpy(last, w + k * COLUMNS, (rows - k) * COLUMNS);
    interleave(packed + k * COLUMNS, last);
}

// n rows, at most 12: 24 sums in registers.
SIMD_TARGET_VNNI static inline __attribute__((always_inline)) void
add_rows(double *sum, const int8_t *x, size_t ld, const size_t n, const uint8_t *w, size_t quads) {
    __m512i s[12][2];
    SIMD_UNROLL for (size_t r = 0; r < n; r++) s[r][0] = s[r][1] = _mm512_setzero_si512();
    for (size_t q = 0; q < quads; q++, x += 4, w += 4 * COLUMNS) {
        const __m512i left = _mm512_loadu_si512(w), right = _mm512_loadu_si512(w + 64);
        SIMD_UNROLL for (size_t r = 0; r < n; r++) {
            int32_t four;
            memcpy(&four, x + r * ld, sizeof four);
            const __m512i v = _mm512_set1_epi32(four);
            s[r][0] = _mm512_dpbusd_epi32(s[r][0], left, v);
            s[r][1] = _mm512_dpbusd_epi32(s[r][1], right, v);
        }
    }
    SIMD_UNROLL for (size_t r = 0; r < n; r++) {
        int32_t part[COLUMNS];
        _mm512_storeu_si512(part, s[r][0]);
        _mm512_storeu_si512(part + 16, s[r][1]);
        for (int c = 0; c < COLUMNS; c++) sum[r * COLUMNS + c] += (double)part[c];
    }
}

SIMD_TARGET_VNNI static void add_twelve(double *sum, const int8_t *x, size_t ld, const uint8_t *w,
                                        size_t quads) {
    add_rows(sum, x, ld, 12, w, quads);
}
SIMD_TARGET_VNNI static void add_four(double *sum, const int8_t *x, size_t ld, const uint8_t *w,
                                      size_t quads) {
    add_rows(sum, x, ld, 4, w, quads);
}
SIMD_TARGET_VNNI static void add_one(double *sum, const int8_t *x, size_t ld, const uint8_t *w,
                                     size_t quads) {
    add_rows(sum, x, ld, 1, w, quads);
}

void codes_add(double *sum, const int8_t *x, size_t ld, size_t m, const uint8_t *packed,
               size_t rows) {
    const size_t quads = ceil_div_u64(rows, 4);
    for (size_t i = 0; i < m;) {
        const size_t n = m - i >= 12 ? 12 : m - i >= 4 ? 4 : 1;
        (n == 12  ? add_twelve
         : n == 4 ? add_four
                  : add_one)(sum + i * COLUMNS, x + i * ld, ld, packed, quads);
        i += n;
    }
}

#else

bool codes_can_multiply(void) { return false; }
void codes_pack(uint8_t *packed, const int8_t *w, size_t rows) {
    (void)packed, (void)w, (void)rows;
    CHECK(false, "no such instructions");
}
void codes_add(double *sum, const int8_t *x, size_t ld, size_t m, const uint8_t *packed,
               size_t rows) {
    (void)sum, (void)x, (void)ld, (void)m, (void)packed, (void)rows;
    CHECK(false, "no such instructions");
}

#endif
