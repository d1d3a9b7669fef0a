// One execution of a model, or of what find-tokens made of it, on seeded inputs; for check.c.
#ifndef OHMIC_PASSES_TOKENS_EXECUTE_H
#define OHMIC_PASSES_TOKENS_EXECUTE_H

#include "ir/eval/interp.h"
#include "ir/kernel/store.h"
#include "passes/tokens/plan.h"
#include "passes/witness.h"
#include "support/num/random.h"

typedef struct {
    tok_ctx *c;
    const ir_module *m; // the model: as imported, or a probe
    const ir_func *f;   // of it
    arena *a;
    int64_t n, past;              // rows executed, and before them
    int64_t hidden;               // of the past, in front: under the mask, in no ring
    int64_t encoder;              // rows that an encoder reads; 0: there is none
    int64_t rows[IR_MAX_DOMAINS]; // of every domain, in one step of n
    tensor *plain;                // inputs of the model
    tensor *expected;             // its results
    const uint8_t *mask[2];       // key mask of the rows of t0 and t1; NULL: ones
    random_stream draws;
    bool quick;           // products
    product_store *store; // of those; NULL: they are not quick
    double limit;         // of |a-b| / (1+|b|); 0: what is compared is `whole`
    double whole; // of the root of the mean square of a-b, against b's deviation from its mean
    pass_witness *kept; // remembers this execution; NULL: it need not be
} tok_run;

// Where the elements of a plain value lie: offsets, to be added.
typedef struct {
    int64_t rows, columns, batch;
    int64_t *row, *column, *sequence; // column -1: nowhere
    bool has_keys;                    // of attention probabilities: as many as there are slots
} tok_places;
// width: columns of a row in the program (of probabilities: heads * slots).
tok_places tok_places_of(const tok_run *r, const tok_layout *l, int64_t width);

// Runs model and program and compares. False: reported.
bool tok_execute(tok_run *r);

// ---- compare.c -------------------------------------------------------------------------------

// Output k of the program on rows is that of the model. False: reported.
bool tok_compare(tok_run *r, size_t k, int64_t sequence, const tensor *got);
// Rings hold what present.* outputs give.
bool tok_compare_presents(tok_run *r, ir_interp *t);
// Preloads the rings from the past inputs of the model.
bool tok_load_past(tok_run *r, ir_interp *t);

#endif
