// Figures as commands show them: event counters, tensors, JSON on standard output.
#ifndef OHMIC_CLI_REPORT_H
#define OHMIC_CLI_REPORT_H

#include "runtime-sim/sim.h"
#include "support/file/json.h"

// A line of the table that report_stats prints, for figures beside it.
void report_stat(const char *name, uint64_t value, const char *unit, const char *summary,
                 FILE *out);
void report_stats(const sim_stats *s, FILE *out);
json_t *report_stats_json(const sim_stats *s);
// "adc: 1234 conversions, 0.01 % clipped, 12 % rounded"; nothing when none were made.
void report_adc(const sim_stats *s, FILE *out);

// "logits f32[1,9,512]: -3.2 ... 11.9, mean 0.1"
void report_tensor(arena *a, const tensor_named *t, FILE *out);
json_t *report_tensor_json(const tensor_named *t);

double report_now(void);           // seconds, from any moment on
uint64_t report_peak_memory(void); // bytes resident at most, of this process; 0: not known
// Lines of `text`, each behind `lead`, as names are printed.
void report_lines(const char *text, const char *lead, FILE *out);
void report_json(json_t *j); // prints and frees

#endif
