// Which vector instructions this processor has. A kernel that is compiled for several of them gives
// the same bits with each; tests run all that there are. Features are asked for, never assumed.
#ifndef OHMIC_SUPPORT_NUM_SIMD_H
#define OHMIC_SUPPORT_NUM_SIMD_H

#include "support/base.h"

typedef enum { SIMD_PORTABLE, SIMD_AVX2, SIMD_AVX512, SIMD_VNNI, SIMD_NEON, SIMD_PATHS } simd_path;

// What a kernel's function is compiled for.
#define SIMD_TARGET_AVX2 __attribute__((target("avx2")))
#define SIMD_TARGET_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define SIMD_TARGET_VNNI __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))

bool simd_has(simd_path path); // this processor can run it
simd_path simd_best(void);
const char *simd_name(simd_path path);

#endif
