// Scores: what `ohmic eval` measures, on a program (simulator), an ONNX file (interpreter of the
// plain import, at each sequence's length) or IR text (interpreter of the token program).
#ifndef OHMIC_EVAL_EVAL_H
#define OHMIC_EVAL_EVAL_H

#include "frontend/onnx.h"
#include "host/engine.h"
#include "support/file/json.h"
#include "support/vec.h"

// ---- models (eval_model.c) -------------------------------------------------------------------

typedef struct eval_model eval_model;

// By the file's ending: .onnx, .oir, else a program. NULL: reported.
eval_model *eval_model_open(const char *path, int threads, arena *a, diag_sink *diags);
void eval_model_free(eval_model *m);                    // NULL is allowed
sim *eval_model_sim(eval_model *m);                     // NULL: no simulator
const onnx_model *eval_model_onnx(const eval_model *m); // NULL: no ONNX file
// Called for every value that the interpreter computes (.onnx, .oir).
void eval_model_observe(eval_model *m, void (*f)(void *, const ir_op *, uint32_t, const tensor *),
                        void *ctx);

// Inputs of a sequence of ids: masks 1, positions 0, 1 ..., segments 0, empty caches. False:
// reported (the model needs something else).
bool eval_token_inputs(eval_model *m, const int64_t *ids, size_t n, arena *a, tensor_set *set,
                       diag_sink *diags);
// For a model whose one input is data: seeded numbers in [-1, 1], free dimensions 1. False: it is
// not.
bool eval_seeded_inputs(const eval_model *m, arena *a, tensor_set *set);
// One item for the model's one data input, behind a batch of 1.
bool eval_data_inputs(eval_model *m, const tensor *item, arena *a, tensor_set *set,
                      diag_sink *diags);
// The output `name` (NULL: "logits", else the first of floats), as f32 rows [n][width].
bool eval_run(eval_model *m, const tensor_set *inputs, const char *name, arena *a, tensor *rows,
              diag_sink *diags);

// ---- tables (eval_table.c) -------------------------------------------------------------------

// A score, split by what its items are.
typedef struct {
    const char *label; // "16-31", "giver"
    double nll;        // sum
    uint64_t count, right;
} eval_share;
typedef struct {
    const char *by; // "position", "distance", "kind"; NULL: no table
    eval_share *items;
    size_t count, capacity;
} eval_table;

// Ranges 1-15, 16-31, 32-63 and so on by powers of two. Tables live in `a`.
eval_table eval_table_ranges(arena *a, const char *by);
eval_share *eval_table_range(eval_table *t, int64_t n); // n > 0
// The share of a label, made where it is new; sorted by label.
eval_share *eval_table_label(eval_table *t, arena *a, const char *label);
void eval_share_add(eval_share *s, double nll, bool right);

// ---- scores (eval_text.c, eval_recall.c, eval_classify.c, eval_layers.c) ---------------------

typedef struct {
    const char *output; // NULL: logits
    int64_t limit;      // sequences, images, probes; 0: all
    int64_t end_token;  // -1: none
    bool by_position;   // perplexity: a table beside the total
    arena *arena;       // where tables live
    const char *labels, *shape, *mean, *std;
} eval_options;

typedef struct {
    double nll; // sum over what was counted
    uint64_t count, right, sequences;
    int64_t agree; // items or masked sequences that fare as their file says the reference did; -1:
                   // not said
    uint64_t agree_of;
    eval_table table[2];
    double seconds;
} eval_score;

bool eval_perplexity(eval_model *m, const char *path, const eval_options *o, eval_score *s,
                     diag_sink *diags);
// Prompts that end in front of a word that stood in them: is it the likeliest next token? By how
// far back it stood, and by kind.
bool eval_recall(eval_model *m, const char *path, const eval_options *o, eval_score *s,
                 diag_sink *diags);
bool eval_masked(eval_model *m, const char *path, const eval_options *o, eval_score *s,
                 diag_sink *diags);
bool eval_classify(eval_model *m, const char *path, const eval_options *o, eval_score *s,
                   diag_sink *diags);

// -log softmax(logits)[target], and whether no other logit is larger (ties to the lower id).
double eval_nll(const float *logits, int64_t n, int64_t target, bool *top);

// What scores of text share (eval_text.c). A list of whole numbers, and room for one more behind
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

// How scores are shown (eval_show.c): `what` is the option that asked for it; totals NULL: no
// counters.
void eval_show(const char *what, const eval_score *s, const sim_stats *totals);
json_t *eval_json(const char *what, const eval_score *s, const sim_stats *totals);

typedef struct {
    const char *node; // ONNX
    double max_error; // |a-b| / (1+|b|)
    double relative;  // sqrt(sum (a-b)^2 / sum b^2)
    size_t values;
} eval_layer;
typedef VEC(eval_layer) eval_layers;

// Values of the ONNX nodes in the program against the reference's, in the reference's order, on a
// sequence of ids (or, for a model of data, on seeded data). A node counts when the program
// computes its value as columns of rows; how many do not is in *left_out.
bool eval_layer_errors(eval_model *reference, eval_model *program, const int64_t *ids, size_t n,
                       arena *a, eval_layers *out, size_t *left_out, diag_sink *diags);
const isa_program *eval_model_program(const eval_model *m); // NULL: none

#endif
