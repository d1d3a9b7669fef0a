// Text to choose numbers on: lists of token ids, and functions run over them.
#ifndef OHMIC_PASSES_PRECISION_CORPUS_H
#define OHMIC_PASSES_PRECISION_CORPUS_H

#include "ir/eval/interp.h"
#include "ir/ir.h"
#include <jansson.h>

typedef struct {
    const int64_t *ids;
    size_t n;
} corpus_list;
typedef struct {
    const char *path;
    corpus_list *lists;
    size_t n_lists, n_tokens; // tokens of all lists
} corpus;

// A JSON list of lists of token ids, or an object with one under "calibration_tokens": `json`, or
// where that is NULL what the file holds. In `a`. False: reported (also where it holds no token).
bool corpus_read(arena *a, const char *path, const json_t *json, corpus *out, diag_sink *diags);
// The first `tokens` tokens.
corpus corpus_head(arena *a, const corpus *c, size_t tokens);
// Tokens that m takes in one sequence.
int64_t corpus_longest(const ir_module *m);
// Cuts lists to what f takes in one sequence, and drops those whose length it does not take. False:
// an id is outside the vocabulary, or nothing is left; reported.
bool corpus_fit(corpus *c, const ir_module *m, const ir_func *f, diag_sink *diags);

// The port of a domain that takes ids of the vocabulary: of the integer inputs that are looked up
// the one with most values (segment ids have two). NULL: none.
const ir_port *corpus_port(const ir_func *f, int domain);
// Rows of a step: n of the stream; of an encoder's tokens all that it takes of `encoder`, and none
// behind the first step.
void corpus_rows(const ir_module *m, int64_t n, int64_t encoder, bool first, int64_t *rows);
// Rows of a token list as the inputs of a step: the vocabulary's parameter gets the ids, masks 1,
// positions count on, everything else 0. An encoder reads what its decoder begins with.
void corpus_inputs(const ir_func *f, const int64_t *ids, const int64_t *rows, int64_t pos, arena *a,
                   tensor *inputs);

// Called while list `list` runs. Lists run side by side on several threads, each on one: what is
// written must belong to the list.
typedef struct {
    // Every value a step computes; NULL: nobody asks.
    void (*value)(void *ctx, size_t list, ir_val v, const tensor *t);
    // Results of the step on the list's rows pos ... pos + n - 1; NULL: nobody asks.
    void (*step)(void *ctx, size_t list, int64_t pos, int64_t n, const tensor *outputs);
    void *ctx;
} corpus_watch;
// Runs f from position 0 on every list. False: reported.
bool corpus_run(const ir_module *m, const ir_func *f, const corpus *c, int threads,
                const corpus_watch *w, diag_sink *diags);

// Perplexity of each list's tokens after its first, given what stands before them. *why: NULL, or
// why this cannot be said of f (nothing is reported then). False: reported.
bool corpus_perplexity(const ir_module *m, const ir_func *f, const corpus *c, int threads,
                       double *perplexity, const char **why, diag_sink *diags);

// Products of static matrices that one row takes.
double corpus_macs(const ir_func *f);

#endif
