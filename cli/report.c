// How figures are shown; see report.h.
#include "cli/report.h"
#include "support/name.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

void report_stat(const char *name, uint64_t value, const char *unit, const char *summary,
                 FILE *out) {
    int width = 0; // of the longest name
#define STAT(name, unit, summary) \
    if (width < (int)sizeof #name - 1) width = (int)sizeof #name - 1;
#include "runtime-sim/stats.def"
    fprintf(out, "%-*s %16" PRIu64 " %-20s %s\n", width, name, value, unit, summary);
}

void report_stats(const sim_stats *s, FILE *out) {
#define STAT(name, unit, summary) report_stat(#name, s->name, unit, summary, out);
#include "runtime-sim/stats.def"
}

json_t *report_stats_json(const sim_stats *s) {
    json_t *j = json_object();
#define STAT(name, unit, summary) json_put(j, #name, json_count(s->name));
#include "runtime-sim/stats.def"
    return j;
}

void report_adc(const sim_stats *s, FILE *out) {
    if (!s->adc_conversions) return;
    double n = (double)s->adc_conversions;
    fprintf(out, "adc: %" PRIu64 " conversions, %.4g %% clipped, %.4g %% rounded\n",
            s->adc_conversions, 100 * (double)s->adc_clipped / n, 100 * (double)s->adc_rounded / n);
}

typedef struct {
    double lo, hi, mean;
    size_t strange; // NaN and infinities
} spread;

static spread spread_of(const tensor *t) {
    spread s = {.lo = INFINITY, .hi = -INFINITY};
    size_t n = tensor_count(t), counted = 0;
    double sum = 0, scaled = 0; // of v, and of v / n where that grows beyond all numbers
    for (size_t i = 0; i < n; i++) {
        double v = elem_load_f64(t->type, t->data, i);
        if (!isfinite(v)) {
            s.strange++;
            continue;
        }
        if (v < s.lo) s.lo = v;
        if (v > s.hi) s.hi = v;
        sum += v;
        scaled += v / (double)n;
        counted++;
    }
    if (!counted) s.lo = s.hi = 0;
    s.mean = !counted        ? 0
             : isfinite(sum) ? sum / (double)counted
                             : scaled * ((double)n / (double)counted);
    return s;
}

void report_tensor(arena *a, const tensor_named *t, FILE *out) {
    spread s = spread_of(&t->value);
    fprintf(out, "%s %s: %.6g ... %.6g, mean %.6g", name_text(a, t->name),
            tensor_shape_text(a, &t->value), s.lo, s.hi, s.mean);
    if (s.strange) fprintf(out, ", %zu not finite", s.strange);
    fputc('\n', out);
}

json_t *report_tensor_json(const tensor_named *t) {
    spread s = spread_of(&t->value);
    json_t *shape = json_array();
    for (int i = 0; i < t->value.rank; i++) json_add(shape, json_count((uint64_t)t->value.dim[i]));
    return json_make("{s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "name", json_name(t->name), "type",
                     elem_name(t->value.type), "shape", shape, "min", json_figure(s.lo), "max",
                     json_figure(s.hi), "mean", json_figure(s.mean), "not_finite",
                     json_count(s.strange));
}

double report_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

uint64_t report_peak_memory(void) {
    FILE *f = fopen("/proc/self/status", "r"); // getrusage's also counts who started us
    unsigned long long kib = 0;
    char line[256];
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmHWM: %llu kB", &kib) == 1) break;
    if (f) fclose(f);
    return kib * 1024;
}

void report_lines(const char *text, const char *lead, FILE *out) {
    while (*text) {
        size_t n = strcspn(text, "\n");
        fputs(lead, out);
        name_print(out, text, n);
        fputc('\n', out);
        text += n + (text[n] == '\n');
    }
}

void report_json(json_t *j) { json_print(j, 1, stdout); }
