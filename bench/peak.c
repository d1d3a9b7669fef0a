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

// Runs `op` on CHAINS accumulators, TURNS times; KEEP stops the compiler from folding turns.
#define LOOP(vector, constraint, op)                                                               \
    vector acc[CHAINS] = {0}, a, b;                                                                \
    __asm__ volatile("" : "=" constraint(a), "=" constraint(b));                                   \
    for (int c = 0; c < CHAINS; c++) __asm__ volatile("" : "=" constraint(acc[c]));                \
    for (int t = 0; t < TURNS; t++)                                                                \
        for (int c = 0; c < CHAINS; c++) {                                                         \
            acc[c] = op;                                                                           \
            __asm__ volatile("" : "+" constraint(acc[c]));                                         \
        }

#define T512 "avx512f,avx512bw,avx512dq,avx512vl"
__attribute__((target(T512 ",avx512vnni"), optimize("O3"))) static void macs_vnni(void) {
    LOOP(__m512i, "v", _mm512_dpbusd_epi32(acc[c], a, b))
}
__attribute__((target(T512), optimize("O3"))) static void macs_avx512(void) {
    LOOP(__m512i, "v", _mm512_add_epi32(acc[c], _mm512_madd_epi16(a, _mm512_xor_si512(acc[c], b))))
}
__attribute__((target("avx2"), optimize("O3"))) static void macs_avx2(void) {
    LOOP(__m256i, "x", _mm256_add_epi32(acc[c], _mm256_madd_epi16(a, _mm256_xor_si256(acc[c], b))))
}
__attribute__((target(T512), optimize("O3"))) static void lookups_avx512(void) {
    LOOP(__m512i, "v", _mm512_adds_epu8(b, _mm512_shuffle_epi8(a, acc[c])))
}
__attribute__((target("avx2"), optimize("O3"))) static void lookups_avx2(void) {
    LOOP(__m256i, "x", _mm256_adds_epu8(b, _mm256_shuffle_epi8(a, acc[c])))
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

double bench_peak_macs(xbar_path path) {
#if defined(__x86_64__)
    if (path == XBAR_VNNI) return 64.0 * CHAINS * TURNS / best(macs_vnni) / 1e9;
    if (path == XBAR_AVX512) return 32.0 * CHAINS * TURNS / best(macs_avx512) / 1e9;
    if (path == XBAR_AVX2) return 16.0 * CHAINS * TURNS / best(macs_avx2) / 1e9;
#endif
    return 0;
}

double bench_peak_lookups(xbar_path path) {
#if defined(__x86_64__)
    if (path >= XBAR_AVX512) return 256.0 * CHAINS * TURNS / best(lookups_avx512) / 1e9;
    if (path == XBAR_AVX2) return 128.0 * CHAINS * TURNS / best(lookups_avx2) / 1e9;
#endif
    return 0;
}
