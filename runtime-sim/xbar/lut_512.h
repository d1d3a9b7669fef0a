// 64-byte vectors for lut_kernel.h.
#define V_ZERO() _mm512_setzero_si512()
#define V_LOAD(p) _mm512_load_si512(p)
#define V_SPREAD(x) _mm512_broadcast_i32x4(x)
#define V_SHUFFLE _mm512_shuffle_epi8
#define V_AND _mm512_and_si512
#define V_ADD8 _mm512_add_epi8
#define V_ADDS8 _mm512_adds_epu8
#define V_SUBS8 _mm512_subs_epu8
#define V_MINU8 _mm512_min_epu8
#define V_MAXU8 _mm512_max_epu8
#define V_SET8(x) _mm512_set1_epi8((char)(x))
#define V_SET16(x) _mm512_set1_epi16((short)(x))
#define V_ADD16 _mm512_add_epi16
#define V_SUB16 _mm512_sub_epi16
#define V_MIN16 _mm512_min_epi16
#define V_MAX16 _mm512_max_epi16
#define V_SLLI16(x, n) _mm512_sll_epi16(x, _mm_cvtsi32_si128(n))
#define V_SRLI16(x, n) _mm512_srl_epi16(x, _mm_cvtsi32_si128(n))
#define V_SRAI16(x, n) _mm512_sra_epi16(x, _mm_cvtsi32_si128(n))
#define V_SLLI32(x, n) _mm512_sll_epi32(x, _mm_cvtsi32_si128(n))
#define V_ADD32 _mm512_add_epi32
#define V_SUB32 _mm512_sub_epi32
#define V_UNPACKLO8 _mm512_unpacklo_epi8
#define V_UNPACKHI8 _mm512_unpackhi_epi8
#define V_UNPACKLO16 _mm512_unpacklo_epi16
#define V_UNPACKHI16 _mm512_unpackhi_epi16
#define V_COUNT_NE8(a, b) (unsigned)__builtin_popcountll(_mm512_cmpneq_epu8_mask(a, b))
#define V_COUNT_EQ8(a, b) (unsigned)__builtin_popcountll(_mm512_cmpeq_epu8_mask(a, b))
#define V_COUNT_GTU8(a, b) (unsigned)__builtin_popcountll(_mm512_cmpgt_epu8_mask(a, b))
#define V_COUNT_NE16(a, b) (unsigned)__builtin_popcount(_mm512_cmpneq_epi16_mask(a, b))
