// What a compile spent its time on (--timings): processor time of all threads, by part. Checks are
// a part of their own, whichever pass they belong to: the model as imported, the program on rows
// and the mapped module executed and compared, and the verifiers.
#include "cli/compile/compile.h"
#include "cli/report.h"
#include "support/clock.h"
#include "support/file/json.h"

void compile_timings_begin(compile_timings *t) {
    *t = (compile_timings){.began = report_now()};
    t->at = clock_processor();
}

void compile_timings_part(compile_timings *t, const char *name) {
    const double now = clock_processor();
    const compile_part p = {name, now - t->at - (t->checks - t->checks_before)};
    if (t->n_parts < ARRAY_LEN(t->part)) t->part[t->n_parts++] = p;
    t->checks_before = t->checks;
    t->at = now;
}

static double total(const compile_timings *t) {
    double sum = t->checks;
    for (size_t i = 0; i < t->n_parts; i++) sum += t->part[i].seconds;
    return sum;
}

void compile_timings_print(const compile_timings *t, FILE *out) {
    const double all = total(t);
    fprintf(out, "\n  %-16s  %.2f s, %.2f s on the clock\n", "processor time", all,
            report_now() - t->began);
    for (size_t i = 0; i < t->n_parts; i++)
        if (t->part[i].seconds >= 0.005)
            fprintf(out, "    %-14s  %.2f s\n", t->part[i].name, t->part[i].seconds);
    fprintf(out, "    %-14s  %.2f s, %.0f %% of all\n", "checks", t->checks,
            all > 0 ? 100 * t->checks / all : 0);
}

json_t *compile_timings_json(const compile_timings *t) {
    json_t *parts = json_object();
    for (size_t i = 0; i < t->n_parts; i++)
        json_put(parts, t->part[i].name, json_figure(t->part[i].seconds));
    const double all = total(t);
    return json_make("{s:o, s:o, s:o, s:o, s:o}", "seconds", json_figure(all), "clock_seconds",
                     json_figure(report_now() - t->began), "checks_seconds", json_figure(t->checks),
                     "checks_share", json_figure(all > 0 ? t->checks / all : 0), "parts", parts);
}
