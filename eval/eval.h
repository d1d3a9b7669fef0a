// Scores: what `ohmic eval` measures, on a program (simulator), an ONNX file (interpreter of the
// plain import, at each sequence's length) or IR text (interpreter of the token program).
#ifndef OHMIC_EVAL_EVAL_H
#define OHMIC_EVAL_EVAL_H

#include "frontend/onnx.h"
#include "host/engine.h"
#include "support/vec.h"

// ---- models (model.c) ------------------------------------------------------------------------

typedef struct eval_model eval_model;

// By the file's ending: .onnx, .oir, else a program. NULL: reported.
eval_model *eval_model_open(const char *path, int threads, arena *a, diag_sink *diags);
void eval_model_free(eval_model *m);                        // NULL is allowed
sim *eval_model_sim(eval_model *m);                         // NULL: no simulator
const isa_program *eval_model_program(const eval_model *m); // NULL: none
const onnx_model *eval_model_onnx(const eval_model *m);     // NULL: no ONNX file
// Called for every value that the interpreter computes (.onnx, .oir).
// What it is interpreted from: IR, or the import of an ONNX file at the first lengths that it ran
// at. NULL: a program, or it has not run.
ir_module *eval_model_module(eval_model *m);
void eval_model_observe(eval_model *m, void (*f)(void *, const ir_op *, uint32_t, const tensor *),
                        void *ctx);

// An encoder in front of the decoder reads ids of its own: those of the next sequences, which live
// as long as they are.
bool eval_has_encoder(const eval_model *m);
void eval_set_source(eval_model *m, const int64_t *ids, size_t n);
// What it takes: ids lo ... hi - 1, `most` of them; `fixed`: as many, always.
typedef struct {
    int64_t lo, hi, most;
    bool fixed;
} eval_source_limits;
eval_source_limits eval_source_takes(const eval_model *m); // of a model with an encoder
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

// ---- tables (table.c) ------------------------------------------------------------------------

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

// ---- scores (text.c, recall.c, classify.c, layers.c) ------------------------------------

// What is scored: a JSON value, and the name of the file that held it (README.md has the shapes).
typedef struct eval_data {
    const char *name;
    const struct json_t *json;
} eval_data;

typedef struct {
    const char *output; // NULL: logits
    int64_t limit;      // sequences, images, probes; 0: all
    int64_t end_token;  // perplexity: predicted behind every text; -1: none
    bool by_position;   // perplexity: a table beside the total
    // perplexity behind an encoder: what it reads for each text, and the token put in front of a
    // text (-1: none)
    const eval_data *sources;
    int64_t start_token;
    arena *arena; // where tables live
    // classify: the file of labels (.npy); of images that are bytes without a shape ("3,32,32"),
    // the shape, and per channel what is subtracted and divided by. NULL: none
    const char *labels, *shape, *mean, *std;
} eval_options;

typedef struct {
    double nll; // sum over what was counted
    uint64_t count, right, sequences;
    int64_t agree; // items or masked sequences that fare as their file says the reference did; -1:
                   // not said
    uint64_t agree_of;
    eval_table table[2];
    double seconds; // the caller's
} eval_score;

// Each fills in *s, which it clears first. False: reported, *s says nothing.
//
// Lists of token ids: how likely is every token behind those before it?
bool eval_perplexity(eval_model *m, const eval_data *data, const eval_options *o, eval_score *s,
                     diag_sink *diags);
// Prompts that end in front of a word that stood in them: is it the likeliest next token? By how
// far back it stood, and by kind.
bool eval_recall(eval_model *m, const eval_data *data, const eval_options *o, eval_score *s,
                 diag_sink *diags);
// Sequences with masked tokens: is the hidden one the likeliest?
bool eval_masked(eval_model *m, const eval_data *data, const eval_options *o, eval_score *s,
                 diag_sink *diags);
// Images or sequences with labels, in a file: is the label's logit the largest?
bool eval_classify(eval_model *m, const char *path, const eval_options *o, eval_score *s,
                   diag_sink *diags);

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

#endif
