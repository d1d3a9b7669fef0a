// Vector instructions of this processor; see simd.h.
#include "support/num/simd.h"

bool simd_has(simd_path path) {
    if (path == SIMD_PORTABLE) return true;
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2");
    bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (path == SIMD_AVX2) return avx2;
    if (path == SIMD_AVX512) return avx512;
    if (path == SIMD_VNNI) return avx512 && __builtin_cpu_supports("avx512vnni");
#endif
    return false;
}

simd_path simd_best(void) {
    for (int p = SIMD_PATHS - 1; p > SIMD_PORTABLE; p--)
        if (simd_has((simd_path)p)) return (simd_path)p;
    return SIMD_PORTABLE;
}

const char *simd_name(simd_path path) {
    static const char *const names[SIMD_PATHS] = {"portable", "avx2", "avx512", "vnni"};
    return names[path];
}
