// Scores of `ohmic eval` as it shows them.
#ifndef OHMIC_CLI_REPORT_SCORE_H
#define OHMIC_CLI_REPORT_SCORE_H

#include "eval/eval.h"
#include <jansson.h>

// `what` is the option that asked for the score; totals NULL: no counters.
void report_score(const char *what, const eval_score *s,
                  const sim_stats *totals); // standard output
json_t *report_score_json(const char *what, const eval_score *s, const sim_stats *totals);

#endif
