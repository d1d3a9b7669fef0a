// Which vector instructions this processor has. A kernel that is compiled for several of them gives
// the same bits with each; tests run all that there are. Features are asked for, never assumed.
#ifndef OHMIC_SUPPORT_NUM_SIMD_H
#define OHMIC_SUPPORT_NUM_SIMD_H

#include "support/base.h"

typedef enum {
    SIMD_PORTABLE, // what the compiler's target has at least: SSE2, on AArch64 NEON
    SIMD_AVX2,
    SIMD_AVX512,
    SIMD_VNNI,
    SIMD_PATHS
} simd_path; // each does what those before it do

// What a function is compiled for.
#define SIMD_TARGET_AVX2 __attribute__((target("avx2")))
#define SIMD_TARGET_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define SIMD_TARGET_VNNI __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))

// Loops over sums that must stay in registers: the compiler has to unroll them to keep them there.
#if defined(__clang__)
#define SIMD_UNROLL _Pragma("clang loop unroll(full)")
#else
#define SIMD_UNROLL _Pragma("GCC unroll 16")
#endif

bool simd_has(simd_path path); // this processor can run it
simd_path simd_best(void);
const char *simd_name(simd_path path);

#endif
