// Passes: functions from an old module to a new one, listed in passes.def, run one by one or as a
// pipeline with checks between them.
//
// A pass never changes the module it is given. The new one shares tensor data with it; either may
// be freed first. NULL means that something was reported as an error.
#ifndef OHMIC_PASSES_PASS_H
#define OHMIC_PASSES_PASS_H

#include "ir/ir.h"
#include "isa/machine/machine.h"

typedef enum {
#define PASS(name, c_name, needs, gives, preserves, summary) PASS_ID_##c_name,
#include "passes/passes.def"
    PASS_COUNT
} pass_id;

typedef enum { PASS_EXACT, PASS_ROUND, PASS_BOUNDED } pass_class;

// ---- options ---------------------------------------------------------------------------------

// --axis INPUT:AXIS=ROLE[:DOMAIN]: what an axis of an input counts. role: batch, tokens, past,
// fixed.
typedef struct {
    const char *input;
    int axis;
    const char *role;
    const char *domain; // "enc", "dec" of --axis ...=tokens:enc; NULL: the only one
} pass_axis_role;

// --role INPUT=ROLE: what the values of an input are. role: ids, positions, mask, past, fixed.
typedef struct {
    const char *input, *role;
} pass_input_role;

// Options that find nothing to do in some models (options.def).
typedef enum {
#define PASS_OPTION(id, option, why) PASS_OPTION_##id,
#include "passes/options.def"
    PASS_OPTIONS
} pass_option_id;

// What the passes may be asked for. Zero is the default of every field; pass_options_default() is
// the same with the numbers that stand for zero filled in.
typedef struct {
    int threads;   // 0: all cores. Never changes a result
    uint64_t seed; // of placement and of seeded inputs of checks
    const machine
        *machine; // chip compiled for; the passes up to fuse do not ask, find-tokens may do without
    // sizes
    int64_t max_tokens; // largest position + 1; 0: from the module
    int64_t max_chunk;  // most rows in one step; 0: min(max_tokens, 64), whole programs max_tokens
    int64_t slots;      // tokens a ring stores; 0: as many as the window needs
    int64_t window; // tokens visible to a row; 0: as the model says. Smaller changes what the model
                    // means
    // bind: outputs by name. What is not kept, where any are, and what is dropped is no output
    const char *const *kept_outputs, *const *dropped_outputs;
    size_t n_kept_outputs, n_dropped_outputs;
    // find-tokens
    const pass_axis_role *axes;
    size_t n_axes;
    const pass_input_role *roles;
    size_t n_roles;
    const char *mask;   // what a mask input with two token axes means: all, causal; NULL: refused
    const char *logits; // rows of row-local outputs kept: "all" (default) or "last"
    const char
        *quant_scope; // dynamic per-tensor scales: "row" (default: relaxed, and noted) or "tensor"
    bool keep_probabilities; // outputs that are attention probabilities stay (nn.scores); else they
                             // are dropped, noted
    // quantize
    bool static_scales; // rows that some tiling spreads over tiles have calibrated scales
    // quantize, with static scales; choose-readout measures perplexity on it
    const char
        *calibrate; // npz of the function's inputs, or JSON lists of token ids; NULL: seeded inputs
    // choose-readout
    const char *attention; // "softmax" (default) or "hard-sigmoid"
    const char *adapt;     // JSON lists of token ids that scalings are chosen on; NULL: they stay
    double token_period;   // ns from token to token; 0: from the model's decay or the unit's time
    // What `calibrate` and `adapt` hold as JSON, where the caller has read them: files of words are
    // token ids by then. NULL: the passes read the files.
    const struct json_t *calibrate_text, *adapt_text;
    // place
    int64_t banks; // sequences whose state is kept side by side; 0: as the module says, else 1
    int effort;    // rounds of improvement for each operation; 0: 100
    // widen: what roundings that it drops cut off stays cut off (a check of what it drops)
    bool keeps_bounds;
    // The model as imported (bind.h): what checks execute beside what the passes make of it. NULL:
    // they execute the probes as find-tokens finds them.
    const ir_module *reference;
    struct pass_witness
        *witness; // what find-tokens found it to compute, for later; NULL: no matter
    // Set by a pass that looks at an option where it decides something. NULL: nobody asks.
    bool (*used)[PASS_OPTIONS];
    double *checking; // processor seconds that checks take are added to it; NULL: nobody asks
    FILE *trace; // what a pass found out besides the module it makes, as text; NULL: nobody asks
} pass_options;
pass_options pass_options_default(void);
void pass_use(const pass_options *o, pass_option_id id);

// ---- states ----------------------------------------------------------------------------------

// What a module is (states.def): read from the pass that made it, never guessed from its text.
typedef enum {
#define STATE(name, until, stage, summary) PASS_STATE_##name,
#include "passes/states.def"
    PASS_STATES
} pass_state;

typedef enum {
    PASS_NEEDS_any = -1,
#define STATE(name, until, stage, summary) PASS_NEEDS_##name,
#include "passes/states.def"
} pass_needs;

typedef enum {
    PASS_GIVES_same = -1, // the state it found
#define STATE(name, until, stage, summary) PASS_GIVES_##name,
#include "passes/states.def"
} pass_gives;

const char *pass_state_name(pass_state s);
const char *pass_needs_name(pass_needs n);
const char *pass_gives_name(pass_gives g);

pass_state pass_state_of(const ir_module *m);
// The pass that the module went through last, in the order of the table; -1: none.
int pass_last(const ir_module *m);
// What the module shows agrees with the state it says it has, as far as it shows it. False:
// reported, at lines of `file`. Wants a module that the verifier has passed.
bool pass_check_state(const ir_module *m, const char *file, diag_sink *diags);
// An .oir file, verified, in the state it says. NULL: reported.
ir_module *pass_read(const char *path, diag_sink *diags);

// ---- single passes ---------------------------------------------------------------------------

typedef struct {
    const char *name;
    pass_needs needs;
    pass_gives gives;
    pass_class preserves;
    const char *summary;
} pass_info;
extern const pass_info pass_table[PASS_COUNT];

#define PASS(name, c_name, needs, gives, preserves, summary) \
    ir_module *pass_##c_name(const ir_module *old, const pass_options *o, diag_sink *diags);
#include "passes/passes.def"

bool pass_parse(const char *name, pass_id *id);
// dce of one function into m, for passes that leave dead operations behind.
bool pass_dce_func(ir_module *m, const ir_module *old, const ir_func *f, diag_sink *diags);
ir_module *pass_run(pass_id id, const ir_module *old, const pass_options *o, diag_sink *diags);

// The pass may be run on a module that is so.
bool pass_may_run(const pass_info *p, pass_state s);
// Notes in the module that the pass made it, unless one further on in the table has, or the pass
// was run in another state than where the table has it: a compile goes on behind the pass noted.
void pass_made(ir_module *m, const pass_info *by);

// Around a check: its processor time goes where the options say.
double pass_check_began(const pass_options *o);
void pass_check_ended(const pass_options *o, double began);

// Reports that a verifier, which has said why, refuses the module or program (`what`) of the pass.
// Returns false.
bool pass_invalid(const char *pass, const char *what, diag_sink *diags);

// Interprets both modules on seeded inputs, function by function, and compares results within the
// class: plain functions in one go; token-typed ones as steps with random cuts. Functions that only
// one module has, or that became token-typed, are skipped (find-tokens checks itself), and so is a
// change of an attention's device, which changes what it computes. False: reported.
bool pass_check_equivalent(const ir_module *before, const ir_module *after, pass_class class,
                           const pass_options *o, diag_sink *diags);

// An attention's device or read-out is another one: then both are meant to compute something else.
bool pass_changes_device(const ir_module *before, const ir_module *after);

// ---- pipelines -------------------------------------------------------------------------------

// A step names its function, so that tests can run passes that no table lists.
typedef ir_module *(*pass_function)(const ir_module *old, const pass_options *o, diag_sink *diags);
typedef struct {
    pass_info info;
    pass_function run;
} pass_step;
typedef VEC(pass_step) pass_pipeline; // vec_free when done

pass_step pass_step_of(pass_id id);
// Appends the passes of "fold-constants,fuse"; an unknown name is reported (usage) and nothing
// appended.
bool pass_pipeline_parse(pass_pipeline *p, const char *list, diag_sink *diags);
// Appends the whole table up to and with `last`: what a compile runs on an imported module.
void pass_pipeline_until(pass_pipeline *p, pass_id last);

typedef struct {
    bool check_equivalence; // interpret before and after each pass, and compare
    const char *dump_dir;   // writes NN-name.oir after each pass, 00-input.oir first; NULL: none
    // Called before each pass, and once at the end with name NULL.
    void (*progress)(void *ctx, size_t index, size_t count, const char *name);
    void *progress_ctx;
} pass_checks;

// Runs the steps in order; every pass must find a module in a state that it takes, and what it
// makes is verified and in the state it says. The result is a new module (a copy when there are no
// steps); `m` stays the caller's.
ir_module *pass_run_pipeline(const pass_pipeline *p, const ir_module *m, const pass_options *o,
                             const pass_checks *checks, diag_sink *diags);

#endif
