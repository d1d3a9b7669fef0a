// Speed of the crossbar engines, one thread: products a second, as a share of the peak measured in
// the same run, and plane products (one input bit x one weight slice) for engines that convert.
// Usage: bench_xbar [M K N]    (128 768 3072)
#include "bench/peak.h"
#include "support/num/random.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    const char *what;
    xbar_params p;
    uint32_t rows; // of a block
    xbar_engine engine;
} config;

static const config configs[] = {
    // encoding, cell, weight, dac, input, adc bits, step
    {"exact (adc 24 bits)", {MACHINE_OFFSET, 2, 8, 1, 8, 24, 1}, 128, XBAR_AUTO},
    {"lut  c=2 adc 8 R=256, clips", {MACHINE_OFFSET, 2, 8, 1, 8, 8, 1}, 256, XBAR_LUT},
    {"lut  c=2 adc 7 R=128, clips", {MACHINE_OFFSET, 2, 8, 1, 8, 7, 1}, 128, XBAR_LUT},
    {"lut  c=1 adc 6 R=128, clips", {MACHINE_OFFSET, 1, 8, 1, 8, 6, 1}, 128, XBAR_LUT},
    {"lut  c=4 adc 8 R=128, clips", {MACHINE_OFFSET, 4, 8, 1, 8, 8, 1}, 128, XBAR_LUT},
    {"lut  c=2 adc 8 step 2 R=128", {MACHINE_OFFSET, 2, 8, 1, 8, 8, 2}, 128, XBAR_LUT},
    {"lut  c=2 dac 2 adc 8 step 4", {MACHINE_OFFSET, 2, 8, 2, 8, 8, 4}, 128, XBAR_LUT},
    {"lut  c=2 pairs adc 7 R=128", {MACHINE_DIFFERENTIAL, 2, 8, 1, 8, 7, 1}, 128, XBAR_LUT},
    {"rows c=2 adc 7 R=128, clips", {MACHINE_OFFSET, 2, 8, 1, 8, 7, 1}, 128, XBAR_ROWS},
    {"rows c=2 pairs adc 7 R=128", {MACHINE_DIFFERENTIAL, 2, 8, 1, 8, 7, 1}, 128, XBAR_ROWS},
    {"cells c=2 adc 7 R=128 (M=1)", {MACHINE_OFFSET, 2, 8, 1, 8, 7, 1}, 128, XBAR_CELLS},
};

typedef struct {
    uint32_t m, k, n;
    const int8_t *w, *x;
    int32_t *acc;
} problem;

static double seconds(const problem *q, const config *c, simd_path path, double *risk) {
    size_t n_blocks = ceil_div_u64(q->k, c->rows) * ceil_div_u64(q->n, 128), b = 0;
    isa_block *blocks = base_calloc(n_blocks, sizeof *blocks);
    for (uint32_t k = 0; k < q->k; k += c->rows)
        for (uint32_t n = 0; n < q->n; n += 128)
            blocks[b++] = (isa_block){.k0 = k,
                                      .n0 = n,
                                      .rows = q->k - k < c->rows ? q->k - k : c->rows,
                                      .cols = q->n - n < 128 ? q->n - n : 128};
    xbar *a = xbar_new(&c->p, q->w, q->k, q->n, blocks, (uint32_t)n_blocks);
    *risk = xbar_risk(a);
    xbar_how how = {c->engine, path, 1};
    xbar_events e = {0};
    uint32_t m = c->engine == XBAR_CELLS ? 1 : q->m;
    double best = 1e9, spent = 0;
    for (int i = 0; i < 12 && (i < 2 || spent < 1.5); i++) {
        double t = bench_now();
        xbar_run(a, &how, q->x, q->k, m, q->acc, q->n, &e);
        t = bench_now() - t;
        spent += t;
        if (t < best) best = t;
    }
    xbar_free(a);
    free(blocks);
    return best * q->m / m;
}

static void measure(const problem *q) {
    double macs = (double)q->m * q->k * q->n;
    printf("M=%u K=%u N=%u\n", q->m, q->k, q->n);
    printf("%-30s %-9s %9s %9s %8s %12s %8s %6s\n", "engine", "path", "ms", "GMAC/s", "of peak",
           "Gplane-MAC/s", "of peak", "risk");
    for (size_t i = 0; i < ARRAY_LEN(configs); i++)
        for (int path = SIMD_PORTABLE; path < SIMD_PATHS; path++) {
            const config *c = &configs[i];
            if (!simd_has((simd_path)path)) continue;
            bool converts = c->p.adc_bits < 24;
            if (c->engine == XBAR_LUT && (path == SIMD_PORTABLE || path == SIMD_VNNI)) continue;
            if (c->engine == XBAR_ROWS && path == SIMD_VNNI) continue;
            if (c->engine == XBAR_CELLS && path != SIMD_PORTABLE) continue;
            double risk, t = seconds(q, c, (simd_path)path, &risk);
            double bits = 8.0 * xbar_slices(&c->p), peak = bench_peak_macs((simd_path)path);
            double planes = bench_peak_lookups((simd_path)path);
            printf("%-30s %-9s %9.3f %9.2f", c->what, simd_name((simd_path)path), t * 1e3,
                   macs / t / 1e9);
            if (!converts && peak > 0)
                printf(" %7.0f%%", 100 * macs / t / 1e9 / peak);
            else
                printf(" %8s", "-");
            if (converts)
                printf(" %12.1f", macs * bits / t / 1e9);
            else
                printf(" %12s", "-");
            if (converts && planes > 0)
                printf(" %7.0f%%", 100 * macs * bits / t / 1e9 / planes);
            else
                printf(" %8s", "-");
            printf(" %5.0f%%\n", 100 * risk);
            fflush(stdout);
        }
}

int main(int argc, char **argv) {
    problem q = {128, 768, 3072, NULL, NULL, NULL};
    if (argc == 4)
        q.m = (uint32_t)atoi(argv[1]), q.k = (uint32_t)atoi(argv[2]), q.n = (uint32_t)atoi(argv[3]);
    int8_t *w = base_alloc((size_t)q.k * q.n), *x = base_alloc((size_t)q.m * q.k);
    q.acc = base_alloc((size_t)q.m * q.n * sizeof *q.acc);
    random_stream r = random_of(1, RANDOM_TEST, 0);
    for (size_t i = 0; i < (size_t)q.k * q.n; i++) { // bell-shaped, as trained weights are
        int v = 0;
        for (int j = 0; j < 4; j++) v += (int)random_below(&r, 128) - 64;
        w[i] = (int8_t)(v < -127 ? -127 : v > 127 ? 127 : v);
    }
    for (size_t i = 0; i < (size_t)q.m * q.k; i++) x[i] = (int8_t)random_u32(&r);
    q.w = w, q.x = x;
    for (int path = SIMD_AVX2; path < SIMD_PATHS; path++)
        if (simd_has((simd_path)path))
            printf("peak %-8s %7.1f GMAC/s  %7.1f Gplane-MAC/s by look-up\n",
                   simd_name((simd_path)path), bench_peak_macs((simd_path)path),
                   bench_peak_lookups((simd_path)path));
    measure(&q);
    free(w);
    free(x);
    free(q.acc);
    return 0;
}
