// Philox4x32-10; see philox.h. A round multiplies words 0 and 2 by constants to 64 bits; the high
// halves, xored with the other two words and the round's key, and the low halves change places.
// Keys advance by the golden ratio and by sqrt(3) - 1.
#include "support/num/philox.h"
#include <string.h>

#define ROUNDS 10
#define M0 0xD2511F53u
#define M1 0xCD9E8D57u
#define W0 0x9E3779B9u
#define W1 0xBB67AE85u

philox_block philox(philox_key key, philox_block counter) {
    uint32_t k0 = key.word[0], k1 = key.word[1], *x = counter.word;
    for (int r = 0; r < ROUNDS; r++, k0 += W0, k1 += W1) {
        uint64_t a = (uint64_t)M0 * x[0], b = (uint64_t)M1 * x[2];
        x[0] = (uint32_t)(b >> 32) ^ x[1] ^ k0;
        x[2] = (uint32_t)(a >> 32) ^ x[3] ^ k1;
        x[1] = (uint32_t)b;
        x[3] = (uint32_t)a;
    }
    return counter;
}

// A kernel fills as many blocks as its vectors have lanes. Word 0 of their counters does not run
// over.
typedef void kernel_fn(philox_key key, philox_block at, uint32_t *bits);

static void fill_one(philox_key key, philox_block at, uint32_t *bits) {
    memcpy(bits, philox(key, at).word, sizeof at.word);
}

#if defined(__x86_64__)
#include <immintrin.h>

// Products of 32 bits come for every other lane, odd ones after a shift; ODD(a, b) has the even
// lanes of a and the odd lanes of b. The four words of a block lie in four registers; interleaving
// them by unpacking goes on within 128 bits only, so lane e of 128-bit part p stands for counter
// PARTS e + p: then each register that comes out is a run of PARTS blocks in order.
#define KERNEL(name, target, V, OP, PARTS, ODD, ...)                                              \
    target static void name(philox_key key, philox_block at, uint32_t *bits) {                    \
        const V m0 = OP(set1_epi32)((int)M0), m1 = OP(set1_epi32)((int)M1);                       \
        V x0 = OP(add_epi32)(OP(set1_epi32)((int)at.word[0]), OP(setr_epi32)(__VA_ARGS__));       \
        V x1 = OP(set1_epi32)((int)at.word[1]), x2 = OP(set1_epi32)((int)at.word[2]),             \
          x3 = OP(set1_epi32)((int)at.word[3]);                                                   \
        uint32_t k0 = key.word[0], k1 = key.word[1];                                              \
        for (int r = 0; r < ROUNDS; r++, k0 += W0, k1 += W1) {                                    \
            V even0 = OP(mul_epu32)(x0, m0), odd0 = OP(mul_epu32)(OP(srli_epi64)(x0, 32), m0);    \
            V even2 = OP(mul_epu32)(x2, m1), odd2 = OP(mul_epu32)(OP(srli_epi64)(x2, 32), m1);    \
            V high0 = ODD(OP(srli_epi64)(even0, 32), odd0),                                       \
              high2 = ODD(OP(srli_epi64)(even2, 32), odd2);                                       \
            x0 = high2 ^ x1 ^ OP(set1_epi32)((int)k0);                                            \
            x2 = high0 ^ x3 ^ OP(set1_epi32)((int)k1);                                            \
            x1 = ODD(even2, OP(slli_epi64)(odd2, 32));                                            \
            x3 = ODD(even0, OP(slli_epi64)(odd0, 32));                                            \
        }                                                                                         \
        V a = OP(unpacklo_epi32)(x0, x1), b = OP(unpackhi_epi32)(x0, x1),                         \
          c = OP(unpacklo_epi32)(x2, x3), d = OP(unpackhi_epi32)(x2, x3);                         \
        V out[4] = {OP(unpacklo_epi64)(a, c), OP(unpackhi_epi64)(a, c), OP(unpacklo_epi64)(b, d), \
                    OP(unpackhi_epi64)(b, d)};                                                    \
        memcpy(bits, out, sizeof out);                                                            \
    }

#define AVX2(op) _mm256_##op
#define AVX2_ODD(a, b) _mm256_blend_epi32(a, b, 0xAA)
KERNEL(fill_avx2, SIMD_TARGET_AVX2, __m256i, AVX2, 2, AVX2_ODD, 0, 2, 4, 6, 1, 3, 5, 7)
#define AVX512(op) _mm512_##op
#define AVX512_ODD(a, b) _mm512_mask_blend_epi32(0xAAAA, a, b)
KERNEL(fill_avx512, SIMD_TARGET_AVX512, __m512i, AVX512, 4, AVX512_ODD, 0, 4, 8, 12, 1, 5, 9, 13, 2,
       6, 10, 14, 3, 7, 11, 15)

#elif defined(__aarch64__)
#include <arm_neon.h>

static void fill_neon(philox_key key, philox_block at, uint32_t *bits) {
    const uint32x4_t m0 = vdupq_n_u32(M0), m1 = vdupq_n_u32(M1);
    uint32x4x4_t x = {{vaddq_u32(vdupq_n_u32(at.word[0]), (uint32x4_t){0, 1, 2, 3}),
                       vdupq_n_u32(at.word[1]), vdupq_n_u32(at.word[2]), vdupq_n_u32(at.word[3])}};
    uint32_t k0 = key.word[0], k1 = key.word[1];
    for (int r = 0; r < ROUNDS; r++, k0 += W0, k1 += W1) {
        uint32x4_t a = vreinterpretq_u32_u64(vmull_u32(vget_low_u32(x.val[0]), vget_low_u32(m0))),
                   b = vreinterpretq_u32_u64(vmull_high_u32(x.val[0], m0)),
                   c = vreinterpretq_u32_u64(vmull_u32(vget_low_u32(x.val[2]), vget_low_u32(m1))),
                   d = vreinterpretq_u32_u64(vmull_high_u32(x.val[2], m1));
        x.val[0] = vuzp2q_u32(c, d) ^ x.val[1] ^ vdupq_n_u32(k0);
        x.val[2] = vuzp2q_u32(a, b) ^ x.val[3] ^ vdupq_n_u32(k1);
        x.val[1] = vuzp1q_u32(c, d);
        x.val[3] = vuzp1q_u32(a, b);
    }
    vst4q_u32(bits, x);
}
#endif

// counter + n, n < 2^32
static philox_block advanced(philox_block counter, uint64_t n) {
    for (int i = 0; i < 4 && n; i++) {
        n += counter.word[i];
        counter.word[i] = (uint32_t)n;
        n >>= 32;
    }
    return counter;
}

void philox_fill_by(simd_path path, philox_key key, philox_block counter, uint32_t *bits,
                    size_t n) {
    kernel_fn *kernel = fill_one;
    size_t lanes = 1;
#if defined(__x86_64__)
    if (path == SIMD_AVX2) kernel = fill_avx2, lanes = 8;
    if (path == SIMD_AVX512 || path == SIMD_VNNI) kernel = fill_avx512, lanes = 16;
#elif defined(__aarch64__)
    kernel = fill_neon, lanes = 4;
#endif
    while (n >= 4) {
        uint64_t left = (UINT64_C(1) << 32) - counter.word[0]; // before word 0 runs over
        size_t blocks = n >= 4 * lanes && left >= lanes ? lanes : 1;
        (blocks > 1 ? kernel : fill_one)(key, counter, bits);
        counter = advanced(counter, blocks);
        bits += 4 * blocks;
        n -= 4 * blocks;
    }
    if (n) memcpy(bits, philox(key, counter).word, n * sizeof *bits);
}

void philox_fill(philox_key key, philox_block counter, uint32_t *bits, size_t n) {
    philox_fill_by(simd_best(), key, counter, bits, n);
}
