// Which instruction sets this processor has. Features are asked for, never assumed.
#include "runtime-sim/xbar/xbar.h"

bool xbar_has_path(xbar_path path) {
    if (path == XBAR_PORTABLE) return true;
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2");
    bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (path == XBAR_AVX2) return avx2;
    if (path == XBAR_AVX512) return avx512;
    if (path == XBAR_VNNI) return avx512 && __builtin_cpu_supports("avx512vnni");
#endif
    return false;
}

xbar_path xbar_best_path(void) {
    for (int p = XBAR_PATHS - 1; p > XBAR_PORTABLE; p--)
        if (xbar_has_path((xbar_path)p)) return (xbar_path)p;
    return XBAR_PORTABLE;
}

const char *xbar_path_name(xbar_path path) {
    static const char *const names[XBAR_PATHS] = {"portable", "avx2", "avx512", "vnni"};
    return names[path];
}
