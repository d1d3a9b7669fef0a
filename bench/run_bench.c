// How fast the simulator runs a program, sequence after sequence in one process: CPU time of one
// thread, of the first sequence (which packs weights) and the fastest of the later ones; of a
// program that streams, then tokens one by one behind them.
//   bench_run PROGRAM [ROWS [SEQUENCES [TOKENS]]]
#include "host/engine.h"
#include "support/num/random.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// Seeded ids, masks of 1, positions that count up from `at`, seeded numbers.
static tensor *make_inputs(arena *a, const engine_info *info, int64_t at, int64_t rows) {
    tensor *in = ARENA_ARRAY(a, tensor, info->n_ports + 1);
    for (size_t i = 0, n = 0; i < info->n_ports; i++) {
        const engine_port *p = &info->ports[i];
        if (!p->input) continue;
        random_stream s = random_of(1, RANDOM_TEST, (uint32_t)i);
        random_seek(&s, (uint64_t)at * 2 * (uint64_t)p->width);
        tensor t = p->integer ? tensor_new(a, ELEM_i32, 1, (int64_t[]){rows})
                              : tensor_new(a, ELEM_f32, 2, (int64_t[]){rows, p->width});
        for (int64_t r = 0; r < rows * p->width; r++) {
            bool counts = p->role == ISA_ROLE_POSITIONS, mask = isa_role_is_mask(p->role);
            if (!p->integer)
                ((float *)t.data)[r] = random_f32(&s) - 0.5f;
            else
                ((int32_t *)t.data)[r] =
                    counts ? (int32_t)(at + r)
                    : mask
                        ? 1
                        : (int32_t)(p->lo + (int64_t)random_below(
                                                &s, (uint64_t)(p->hi > p->lo ? p->hi - p->lo : 2)));
        }
        in[n++] = t;
    }
    return in;
}

static bool step(engine *e, bool reset, int64_t at, int64_t rows, double *took) {
    const engine_info *info = engine_describe(e);
    arena *a = arena_new();
    tensor *in = make_inputs(a, info, at, rows), *out = ARENA_ARRAY(a, tensor, info->n_ports + 1);
    double before = seconds();
    bool ok = engine_step(e, reset, rows, in, a, out, NULL);
    *took += seconds() - before;
    arena_free(a);
    return ok;
}

int main(int argc, char **argv) {
    arena *a = arena_new();
    diag_sink *diags = diag_sink_new();
    program_file f;
    engine *e = NULL;
    double before = seconds();
    if (argc < 2 || !program_open(&f, argv[1], a, diags) ||
        !(e = engine_of_program(&f, &(sim_options){.threads = 1}, diags))) {
        diag_print(diags, 0, stderr, false);
        return 1;
    }
    const engine_info *info = engine_describe(e);
    int64_t rows = argc > 2 ? atoi(argv[2]) : 128, sequences = argc > 3 ? atoi(argv[3]) : 5,
            tokens = argc > 4 ? atoi(argv[4]) : 0;
    printf("%s: opened in %.1f ms\n", argv[1], 1e3 * (seconds() - before));
    bool ok = true;
    double first = 0, best = 1e9;
    for (int64_t k = 0; ok && k < sequences; k++) {
        double took = 0;
        for (int64_t at = 0; ok && at < rows; at += info->max_chunk)
            ok = step(e, at == 0, at, min_i64(info->max_chunk, rows - at), &took);
        if (k == 0)
            first = took;
        else if (took < best)
            best = took;
    }
    printf("%lld rows: first %.1f ms, later %.2f ms\n", (long long)rows, 1e3 * first, 1e3 * best);
    double sum = 0, least = 1e9;
    for (int64_t k = 0; ok && k < tokens; k++) {
        double took = 0;
        ok = step(e, false, rows + k, 1, &took);
        sum += took;
        if (took < least) least = took;
    }
    if (tokens)
        printf("a token: %.3f ms, least %.3f ms\n", 1e3 * sum / (double)tokens, 1e3 * least);
    diag_print(diags, 0, stderr, false);
    engine_free(e);
    program_close(&f);
    return ok ? 0 : 1;
}
