// Speed of the gain-cell unit on one thread: one head of the chip leroux2025-cmos (d 64, 1024
// tokens) beside what reading its cells from memory takes; attention of a model of GPT-2-small's
// size (12 layers of 12 heads) beside the model's static products in int8. Usage: bench_gain [FILE]
// FILE: receives the head's numbers, for gain.py
#include "bench/peak.h"
#include "runtime-sim/gain/gain.h"
#include "support/num/random.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    D = 64,
    TOKENS = 1024,
    NEWEST = 5 * TOKENS - 1,
    LAYERS = 12,
    HEADS = 12,
    WIDTH = HEADS * D,
    VOCABULARY = 50257
};

static float next_float(random_stream *r) { return 2 * random_f32(r) - 1; } // [-1, 1)

static const gain_scaling scaling = {1, 0.3f, 0.25f, 0.45f, 0.25f, 0.45f, 1, 0};

static gain_params device(void) {
    gain_params p;
    memset(&p, 0, sizeof p);
    p.d = p.dv = D, p.slots = TOKENS, p.sub_tile = 64;
    p.q_levels = 16, p.kv_levels = 8, p.out_levels = 32;
    p.saturate_scores = p.saturate_outputs = 1;
    p.v_dd = 0.9f, p.s_sat = 80, p.o_sat = 40, p.decay = 1.56e-4f, p.terms = 4;
    const float cell[] = {0.52136361391f, 13.612260634f, -2.620445619f, 46.05483778f};
    memcpy(p.cell, cell, sizeof cell);
    return p;
}

typedef struct {
    const gain_unit *u;
    gain_cells *cells;
    size_t heads; // all of them, one after the other, for every query
    size_t queries;
    float *q, *out;
    void *scratch;
    simd_path path;
    bool scores_only;
    double share; // of pulses that are not 0
} work;

static void attend(const work *w) {
    double s[TOKENS];
    gain_counts n = {0};
    for (size_t h = 0; h < w->heads; h++)
        for (size_t i = 0; i < w->queries; i++) {
            int64_t t = NEWEST + (int64_t)i; // a ring that has wrapped
            gain_view view = {t, t - TOKENS + 1, TOKENS, NULL};
            const float *q = w->q + (h * w->queries + i) % 64 * D;
            if (w->scores_only)
                gain_scores(w->u, w->path, w->cells, h, &view, &scaling, q, s, w->scratch);
            else
                gain_attend(w->u, w->path, w->cells, h, &view, &scaling, q, w->out + i % 64 * D, &n,
                            w->scratch);
        }
}

static double seconds(void (*f)(const work *), const work *w, int times) { // of one call
    double least = 1e9;
    f(w);
    for (int run = 0; run < 7; run++) {
        double t = bench_now();
        for (int i = 0; i < times; i++) f(w);
        t = (bench_now() - t) / times;
        if (t < least) least = t;
    }
    return least;
}

// Bytes a second that one thread reads from a buffer of `bytes`.
static double read_bandwidth(size_t bytes) {
    size_t n = bytes / sizeof(uint64_t);
    uint64_t *x = base_alloc(n * sizeof *x), sum = 0;
    for (size_t i = 0; i < n; i++) x[i] = i;
    double least = 1e9;
    int times = bytes > 1 << 24 ? 1 : 2000;
    for (int run = 0; run < 5; run++) {
        double t = bench_now();
        for (int k = 0; k < times; k++) {
            uint64_t part[8] = {0};
            for (size_t i = 0; i + 8 <= n; i += 8)
                for (size_t j = 0; j < 8; j++) part[j] ^= x[i + j];
            for (size_t j = 0; j < 8; j++) sum += part[j];
            __asm__ volatile("" : "+r"(sum)::"memory");
        }
        t = (bench_now() - t) / times;
        if (t < least) least = t;
    }
    free(x);
    return (double)bytes / least;
}

static void fill(const gain_unit *u, gain_cells *c, size_t heads, uint64_t seed) {
    float kv[2 * D];
    random_stream r = random_of(seed, RANDOM_TEST, 0);
    for (size_t h = 0; h < heads; h++)
        for (size_t t = 0; t < TOKENS; t++) {
            for (size_t i = 0; i < 2 * D; i++) kv[i] = next_float(&r) * 1.5f;
            gain_write(u, c, h, t, &scaling, kv, kv + D);
        }
}

// The head's cells, oldest token first (in slot 0: sub-tiles are those of the ring); a query and
// its answer.
static void write_file(const char *name, const work *w) {
    FILE *f = fopen(name, "wb");
    CHECK(f, "cannot write %s", name);
    float kv[2 * D];
    for (int64_t t = NEWEST - TOKENS + 1; t <= NEWEST; t++) {
        gain_read(w->u, w->cells, 0, (size_t)t % TOKENS, &(gain_scaling){.a_k = 1, .a_v = 1}, kv,
                  kv + D);
        fwrite(kv, sizeof *kv, 2 * D, f);
    }
    work one = *w;
    one.queries = 1;
    attend(&one);
    fwrite(w->q, sizeof *w->q, D, f);
    fwrite(w->out, sizeof *w->out, D, f);
    fclose(f);
}

// --- the model's static products, exact int8

typedef struct {
    size_t k, n, times;
} shape;
static const shape products[] = {{WIDTH, 3 * WIDTH, LAYERS},
                                 {WIDTH, WIDTH, LAYERS},
                                 {WIDTH, 4 * WIDTH, LAYERS},
                                 {4 * WIDTH, WIDTH, LAYERS},
                                 {WIDTH, VOCABULARY, 1}};

static double static_seconds(size_t rows, simd_path path, bool head) {
    const xbar_params p = {MACHINE_OFFSET, 2, 8, 1, 8, 0, 1}; // ideal-int8: the converter is exact
    double total = 0;
    for (size_t i = 0; i < ARRAY_LEN(products) - !head; i++) {
        shape s = products[i];
        size_t copies = s.times; // every layer has weights of its own, as in memory
        int8_t *w = base_alloc(s.k * s.n), *x = base_alloc(rows * s.k);
        int32_t *acc = base_alloc(rows * s.n * sizeof *acc);
        random_stream r = random_of(5, RANDOM_TEST, 0);
        for (size_t k = 0; k < s.k * s.n; k++) w[k] = (int8_t)(next_float(&r) * 127);
        for (size_t k = 0; k < rows * s.k; k++) x[k] = (int8_t)(next_float(&r) * 127);
        xbar **layer = base_calloc(copies, sizeof *layer);
        xbar_how how = {XBAR_AUTO, path, 1};
        xbar_events e = {0};
        double least = 1e9;
        for (size_t l = 0; l < copies; l++) {
            layer[l] = xbar_new(&p, w, (uint32_t)s.k, (uint32_t)s.n, NULL, 0);
            xbar_run(layer[l], &how, x, s.k, rows, acc, s.n, &e); // packs the weights
        }
        for (int run = 0; run < 3; run++) {
            double t = bench_now();
            for (size_t l = 0; l < copies; l++)
                xbar_run(layer[l], &how, x, s.k, rows, acc, s.n, &e);
            t = bench_now() - t;
            if (t < least) least = t;
        }
        total += least;
        for (size_t l = 0; l < copies; l++) xbar_free(layer[l]);
        free(layer), free(w), free(x), free(acc);
    }
    return total;
}

static void model(const work *one, simd_path path) {
    gain_cells cells = gain_cells_new(one->u, LAYERS * HEADS);
    fill(one->u, &cells, LAYERS * HEADS, 3);
    printf("\n12 layers x 12 heads, %d tokens each, %s, one thread:\n", TOKENS, simd_name(path));
    static const size_t rows[] = {1, 128};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        work w = *one;
        w.cells = &cells, w.heads = LAYERS * HEADS, w.queries = rows[i], w.path = path;
        double gain = seconds(attend, &w, rows[i] == 1 ? 3 : 1);
        double blocks = static_seconds(rows[i], path, false),
               all = static_seconds(rows[i], path, true);
        printf("  T = %-4zu attention %9.3f ms   static products %9.3f ms, with the vocabulary's "
               "%9.3f ms   ratio %.2f, %.2f\n",
               rows[i], gain * 1e3, blocks * 1e3, all * 1e3, gain / blocks, gain / all);
    }
    gain_cells_free(&cells);
}

int main(int argc, char **argv) {
    gain_params p = device();
    gain_unit *u = gain_unit_new(&p);
    gain_cells cells = gain_cells_new(u, 1);
    fill(u, &cells, 1, 1);
    work w = {.u = u, .cells = &cells, .heads = 1, .queries = 64};
    w.q = base_alloc(64 * D * sizeof *w.q), w.out = base_alloc(64 * D * sizeof *w.out);
    w.scratch = base_alloc(gain_scratch(u));
    random_stream r = random_of(2, RANDOM_TEST, 0);
    for (size_t i = 0; i < 64 * D; i++) w.q[i] = next_float(&r);
    double bytes = 2.0 * D * TOKENS, memory = read_bandwidth((size_t)256 << 20),
           cache = read_bandwidth((size_t)bytes);
    printf("one head, d %d, %d tokens, one thread; %.0f KiB of cells\n", D, TOKENS, bytes / 1024);
    printf("read bandwidth %.1f GB/s from memory, %.1f GB/s from a buffer of that size: %.2f and "
           "%.2f us\n",
           memory / 1e9, cache / 1e9, bytes / memory * 1e6, bytes / cache * 1e6);
    simd_path best = simd_best();
    for (simd_path path = SIMD_PORTABLE; path < SIMD_PATHS; path++) {
        if (!simd_has(path)) continue;
        w.path = path;
        int times = path == SIMD_PORTABLE ? 1 : 20;
        w.scores_only = true;
        double scores = seconds(attend, &w, times) / 64;
        w.scores_only = false;
        double all = seconds(attend, &w, times) / 64;
        printf("  %-9s %8.2f us a token (scores %6.2f)  %8.0f tokens/s  %.1f x memory\n",
               simd_name(path), all * 1e6, scores * 1e6, 1 / all, all * memory / bytes);
        if (path == best && argc > 1) printf("best %.3f us\n", all * 1e6);
    }
    if (argc > 1) {
        w.path = best;
        write_file(argv[1], &w);
    } else {
        model(&w, best);
        if (best > SIMD_AVX2) model(&w, SIMD_AVX2);
    }
    free(w.q), free(w.out), free(w.scratch);
    gain_cells_free(&cells);
    gain_unit_free(u);
    return 0;
}
