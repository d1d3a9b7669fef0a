// How fast timing/ is: row events a second on one thread, and what memory it takes.
//   bench_timing PROGRAM [ROWS [STEPS]]   ROWS in one step (as many as max_chunk: in several), then
//   STEPS of one row
#include "host/program.h"
#include "isa/verify/verify.h"
#include "timing/timing.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void report(const char *what, uint64_t events, double s) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    printf("%-12s %12llu events %8.3f s %7.1f M events/s, %ld MB resident at most\n", what,
           (unsigned long long)events, s, (double)events / s / 1e6, u.ru_maxrss / 1024);
}

int main(int argc, char **argv) {
    arena *a = arena_new();
    diag_sink *diags = diag_sink_new();
    program_file f;
    if (argc < 2 || !program_open(&f, argv[1], a, diags) ||
        !isa_verify(f.program, f.chip, argv[1], diags)) {
        diag_print(diags, 0, stderr, false);
        return 1;
    }
    int64_t rows = argc > 2 ? atoi(argv[2]) : 128, steps = argc > 3 ? atoi(argv[3]) : 0, at = 0;
    double before = seconds();
    timing *t = timing_new(f.program, f.chip, 0, diags);
    printf("plan         %8.3f s\n", seconds() - before);
    uint64_t events = 0;
    uint32_t last = f.program->n_phases - 1;
    timing_step_times s;
    bool ok = t != NULL;
    before = seconds();
    for (int64_t chunk = f.program->max_chunk; ok && at < rows; at += chunk) {
        timing_launch l = {.phase = last, .position = at};
        for (unsigned d = 0; d < ISA_DOMAINS; d++)
            l.rows[d] = f.program->phases[last].fixed_rows[d]
                            ? (int64_t)f.program->phases[last].fixed_rows[d]
                            : min_i64(chunk, rows - at);
        ok = timing_step(t, &l, &s, diags);
        events += s.events;
    }
    report("rows", events, seconds() - before);
    before = seconds();
    events = 0;
    for (int64_t k = 0; ok && k < steps; k++) {
        timing_launch l = {.phase = last, .position = at + k, .rows = {1}, .follows = true};
        ok = timing_step(t, &l, &s, diags);
        events += s.events;
    }
    if (steps) report("steps", events, seconds() - before);
    diag_print(diags, 0, stderr, false);
    timing_free(t);
    program_close(&f);
    return ok ? 0 : 1;
}
