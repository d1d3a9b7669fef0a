// Loops over registers: as many independent chains as keep the units busy.
#include "bench/peak.h"
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

double bench_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#if defined(__x86_64__)
enum { CHAINS = 12, TURNS = 2000000 };

// Twelve independent chains of `op` in registers; assembly, so that nothing is folded.
#define EACH(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11)
#define DECLARE(i) s##i = zero,
#define LOOP(vector, zeros, step)                                       \
    vector zero = zeros, EACH(DECLARE) a = zero, b = zero, rest = zero; \
    (void)rest;                                                         \
    for (int t = 0; t < TURNS; t++) {                                   \
        EACH(step)                                                      \
    }
#define DOT(i) __asm__ volatile("vpdpbusd %1, %2, %0" : "+v"(s##i) : "v"(a), "v"(b));
#define MADD(i)                                                 \
    __asm__ volatile("vpmaddwd %2, %3, %1\n\tvpaddd %1, %0, %0" \
                     : "+v"(s##i), "=&v"(rest)                  \
                     : "v"(a), "v"(b));
#define LOOK(i)                                                  \
    __asm__ volatile("vpshufb %2, %3, %1\n\tvpaddusb %1, %0, %0" \
                     : "+v"(s##i), "=&v"(rest)                   \
                     : "v"(a), "v"(b));

#define T512 "avx512f,avx512bw,avx512dq,avx512vl"
__attribute__((target(T512 ",avx512vnni"))) static void macs_vnni(void) {
    LOOP(__m512i, _mm512_setzero_si512(), DOT)
}
__attribute__((target(T512))) static void macs_avx512(void){
    LOOP(__m512i, _mm512_setzero_si512(), MADD)} SIMD_TARGET_AVX2 static void macs_avx2(void) {
    LOOP(__m256i, _mm256_setzero_si256(), MADD)
}
__attribute__((target(T512))) static void lookups_avx512(void){
    LOOP(__m512i, _mm512_setzero_si512(), LOOK)} SIMD_TARGET_AVX2 static void lookups_avx2(void) {
    LOOP(__m256i, _mm256_setzero_si256(), LOOK)
}
#endif

static double best(void (*f)(void)) { // seconds of the fastest of several runs
    double least = 1e9;
    for (int i = 0; i < 5; i++) {
        double t = bench_now();
        f();
        t = bench_now() - t;
        if (t < least) least = t;
    }
    return least;
}

double bench_peak_macs(simd_path path) {
#if defined(__x86_64__)
    if (path == SIMD_VNNI) return 64.0 * CHAINS * TURNS / best(macs_vnni) / 1e9;
    if (path == SIMD_AVX512) return 32.0 * CHAINS * TURNS / best(macs_avx512) / 1e9;
    if (path == SIMD_AVX2) return 16.0 * CHAINS * TURNS / best(macs_avx2) / 1e9;
#endif
    return 0;
}

double bench_peak_lookups(simd_path path) {
#if defined(__x86_64__)
    if (path >= SIMD_AVX512) return 256.0 * CHAINS * TURNS / best(lookups_avx512) / 1e9;
    if (path == SIMD_AVX2) return 128.0 * CHAINS * TURNS / best(lookups_avx2) / 1e9;
#endif
    return 0;
}
