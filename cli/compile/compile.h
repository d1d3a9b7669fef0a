// Compiling, as the commands share it: a model in, a verified program out.
#ifndef OHMIC_CLI_COMPILE_COMPILE_H
#define OHMIC_CLI_COMPILE_COMPILE_H

#include "cli/cost/headline.h"
#include "cli/texts.h"
#include "frontend/onnx.h"
#include "host/engine.h"
#include "isa/program.h"
#include "passes/pass.h"
#include "support/file/json.h"
#include "support/vec.h"

// Options of every command that compiles; put into its table with COMPILE_OPTIONS.
#define COMPILE_OPTIONS                                                                          \
    ARG_OPTION("chip", 'c', ARG_CHIP, "CHIP",                                                    \
               "chip to compile for: a name (`ohmic chips`) or a YAML file; default ohmic-1",    \
               ARG_TAKES("chip")),                                                               \
        ARG_OPTION("set", 0, ARG_PAIR, "KEY=VALUE",                                              \
                   "change a parameter of the chip, e.g. crossbar.rows=64", ARG_MANY),           \
        {"max-tokens", 0, ARG_COUNT, "N",                                                        \
         "largest position + 1; default: the position table's rows, else 512"},                  \
        {"max-chunk", 0, ARG_COUNT, "N",                                                         \
         "most rows in one step; default: 64, or max-tokens for whole-sequence models"},         \
        {"slots", 0, ARG_COUNT, "N", "tokens a ring stores; default: what the window needs"},    \
        {"banks", 0, ARG_COUNT, "N",                                                             \
         "sequences that the program keeps side by side, each in rings of its own; default: 1"}, \
        {"window", 0, ARG_COUNT, "N",                                                            \
         "tokens a row sees; smaller than the model's changes what it means"},                   \
        ARG_OPTION("bind", 0, ARG_PAIR, "NAME=VALUE",                                            \
                   "size of a dynamic dimension, or position_ids=positions", ARG_MANY),          \
        ARG_OPTION("axis", 0, ARG_PAIR, "INPUT:AXIS=ROLE",                                       \
                   "what an axis counts: batch, tokens, past, total, fixed", ARG_MANY),          \
        ARG_OPTION("role", 0, ARG_PAIR, "INPUT=ROLE",                                            \
                   "what an input is: ids, positions, mask, past, fixed", ARG_MANY),             \
        ARG_OPTION("keep-output", 0, ARG_TEXT, "NAME",                                           \
                   "an output that is given, attention probabilities too; others are not",       \
                   ARG_MANY),                                                                    \
        ARG_OPTION("drop-output", 0, ARG_TEXT, "NAME", "an output that is not given", ARG_MANY), \
        {"mask", 0, ARG_WORD, "all|causal", "what a [T,T] mask input means"},                    \
        {"logits", 0, ARG_WORD, "all|last", "rows of the logits kept; default: all"},            \
        {"static-scales", 0, ARG_FLAG, NULL,                                                     \
         "calibrated scales for rows that tiles share, not one a row: nothing is exchanged"},    \
        ARG_OPTION("calibrate", 0, ARG_INPUT, "FILE",                                            \
                   "texts, JSON lists of token ids or npz that static scales are chosen on",     \
                   ARG_TAKES("text|json|npz")),                                                  \
        {"quant-scope", 0, ARG_WORD, "row|tensor",                                               \
         "what a dynamic per-tensor scale covers; default: row"},                                \
        {"attention", 0, ARG_WORD, "softmax|hard-sigmoid",                                       \
         "as the model has it (default), or replaced by charge read-out"},                       \
        ARG_OPTION(                                                                              \
            "adapt", 0, ARG_INPUT, "FILE",                                                       \
            "texts, or JSON lists of token ids, that scalings of charge read-out are fitted on", \
            ARG_TAKES("text|json")),                                                             \
        TEXTS_TOKENIZER_OPTION("the model", "calibrate|adapt"),                                  \
        TEXTS_AROUND_OPTIONS("calibrate|adapt"), TEXTS_BY_OPTION("calibrate|adapt"),             \
        {"token-period", 0, ARG_POSITIVE, "NS",                                                  \
         "time from token to token, which decay counts in; default: the model's"},               \
        {"seed", 0, ARG_INT, "N", "seed of placement and seeded inputs"},                        \
        {"threads", 't', ARG_SIZE, "N", "threads; never changes a result; default: all cores"},  \
        {"dump-ir", 0, ARG_FOLDER, "DIR", "write IR text after every pass"}, {                   \
        "check-equivalence", 0, ARG_FLAG, NULL,                                                  \
            "interpret before and after every pass and compare"                                  \
    }

// Processor time of all threads, in seconds.
typedef struct {
    const char *name;
    double seconds;
} compile_part;
typedef struct {
    compile_part part[PASS_COUNT + 7]; // in order, checks left out
    size_t n_parts;
    double checks;
    double at, checks_before, began; // where the part began; the whole, on the clock
} compile_timings;
// Codes that the converters of one node's products made, of them outside their range or with a
// remainder.
typedef struct {
    const char *node;
    uint64_t conversions, clipped, rounded;
} compile_conversions;
typedef struct {
    const char *on; // "16 tokens of text.json"; NULL: nothing was run, as nothing can be lost
    VEC(compile_conversions) nodes;
} compile_converters;

typedef struct {
    machine *chip;
    pass_options options;
    pass_checks checks;
    onnx_model *onnx;     // NULL when compiling IR text
    ir_module *module;    // allocated; NULL until compile_model
    ir_module *reference; // of an ONNX model, as it is imported
    isa_program *program;
    bool used[PASS_OPTIONS]; // by the passes
    compile_converters converters;
    bool range_chosen;         // by this compile (crossbar.adc_range: calibrated)
    json_t *calibrate, *adapt; // what those files hold, as ids; NULL: not given, or an npz
    compile_timings timings;
    headline cost;     // where a summary is asked for
    bool says_timings; // in the summary
} compilation;

// Reads the options into *c. False: reported.
bool compile_options(const args *a, compilation *c, diag_sink *diags);
// Opens a model (.onnx, or .oir of any stage; n 2 or 3: an encoder's .onnx, a decoder's, and
// that of the decoder behind caches) and binds
// it: c->module is what the passes start from.
bool compile_open(const args *a, const char *const *paths, size_t n, compilation *c,
                  diag_sink *diags);
// The binding of an ONNX model, as probe functions, and the reference (bind.h). NULL: reported.
ir_module *compile_bind(const args *given, onnx_model *model, const pass_options *o,
                        ir_module **reference, diag_sink *diags);
// Options that only passes read which are not run (opt), or the import of a model, are an error:
// false, reported.
bool compile_text_options(const args *a, const pass_pipeline *p, diag_sink *diags);
// Warns of options that were given and decided nothing, once the passes have run.
void compile_unused_options(const args *a, const compilation *c, diag_sink *diags);
// Runs the passes that are left, emits and verifies. False: reported.
bool compile_program(compilation *c, diag_sink *diags);
// The verifier's judgement of what the passes from `first` on and the backend made. What it refuses
// is an internal error, but for what the chip has no room for and what no pass of these made.
bool compile_verify(const isa_program *p, const machine *chip, int first, diag_sink *diags);
void compile_close(compilation *c);

// A range of the converters that is calibrated can be: there is a text, and a file that the program
// goes to. False: reported.
bool compile_range_can_be_chosen(const args *given, const compilation *c, const char *path,
                                 diag_sink *diags);
// Chooses it, by running the program beside `path`, where it will be written. False: reported.
bool compile_choose_range(compilation *c, const char *path, diag_sink *diags);

// Rows, `most` at most, that a program is run on to see what its converters lose; 0: it is too
// large.
int64_t compile_converter_rows(const compilation *c, int64_t most);
// The first rows of the first calibration text, at most so many. False: there is none that the
// program reads; reported where it can be said why.
bool compile_run_text(const compilation *c, engine *e, int64_t most, arena *a, tensor *logits,
                      int64_t *done, diag_sink *diags);
// Runs the program that was written to `path` on a few rows where the chip's converters may lose
// something, and warns of nodes whose converters lose much. Where it was written to no file nothing
// is run.
void compile_converters_run(const args *given, compilation *c, const char *path, diag_sink *diags);
bool compile_loses(const compile_conversions *x);                   // much
const char *compile_losses(arena *a, const compile_conversions *x); // "1.2 % clipped, 0 % rounded"

// The screen that says what was mapped where.
void compile_summary(const compilation *c, const char *path, FILE *out);
void compile_summary_json(const compilation *c, const char *path, FILE *out);

// Parts of both: what took how long.
void compile_timings_begin(compile_timings *t);
void compile_timings_part(compile_timings *t, const char *name); // what went on since the last one
void compile_timings_print(const compile_timings *t, FILE *out);
json_t *compile_timings_json(const compile_timings *t);

// Parts of both that speak of attention.
void compile_attention(const compilation *c, FILE *out);
json_t *compile_attention_json(const compilation *c);

#endif
