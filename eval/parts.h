// Scores, internal: what their files share.
#ifndef OHMIC_EVAL_PARTS_H
#define OHMIC_EVAL_PARTS_H

#include "eval/eval.h"
#include <jansson.h>

// ---- tables (table.c) ------------------------------------------------------------------------

// Ranges 1-15, 16-31, 32-63 and so on by powers of two. Tables live in `a`.
eval_table eval_table_ranges(arena *a, const char *by);
eval_share *eval_table_range(eval_table *t, int64_t n); // n > 0
// The share of a label, made where it is new; sorted by label.
eval_share *eval_table_label(eval_table *t, arena *a, const char *label);
void eval_share_add(eval_share *s, double nll, bool right);

// ---- scores of text (text.c) -----------------------------------------------------------------

// -log softmax(logits)[target], and whether no other logit is larger (ties to the lower id).
double eval_nll(const float *logits, int64_t n, int64_t target, bool *top);

// A list of whole numbers, and room for one more behind
// it; NULL: it is something else.
int64_t *eval_ids(const json_t *list, arena *a, size_t *n);
// Which item of which file is scored: "sequence", "probe" or "example", and its number from 0.
typedef struct {
    const char *path, *what;
    size_t index;
} eval_place;
// The rows that a sequence of ids gives; see eval_run. False: reported, with the place.
bool eval_run_ids(eval_model *m, const int64_t *ids, size_t n, const char *output, eval_place at,
                  arena *a, tensor *rows, diag_sink *diags);
// False and reported: the model has no such token.
bool eval_check_target(int64_t id, const tensor *rows, eval_place at, diag_sink *diags);
// False and reported: nothing was scored, of what would have been `wanted`.
bool eval_check_any(const eval_score *s, const char *path, const char *wanted, diag_sink *diags);
size_t eval_limited(size_t n, const eval_options *o);

#endif
