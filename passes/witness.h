// One execution of the model as it was imported, in terms of the program: what each input's rows
// were and what each output's rows must be. find-tokens makes it when it has compared its own
// program; the mapped module is compared with it before the backend.
#ifndef OHMIC_PASSES_WITNESS_H
#define OHMIC_PASSES_WITNESS_H

#include "passes/pass.h"

// Rows of an output that can be compared: not those of hidden tokens.
typedef struct {
    const char *name;
    tensor rows;           // f32 [rows, columns]
    const uint8_t *counts; // by element
} pass_expected;

// Keys and values that a ring held before the first row.
typedef struct {
    const char *past_key; // of the ring
    tensor k, v;
} pass_preload;

typedef struct pass_witness {
    arena *a;
    int64_t rows[IR_MAX_DOMAINS], past;
    bool quick;   // products
    double limit; // of |a-b| / (1+|b|), of real numbers; 0: those too are compared as a whole
    VEC(tensor_named) inputs;
    VEC(pass_expected) outputs;
    VEC(pass_preload) preloads;
} pass_witness;

// Root of the mean square of errors, against the deviation of what is expected from its mean, that
// a change of precision may cost (integers instead of real numbers; scales of rows instead of
// tensors).
#define PASS_BOUNDED_LIMIT 0.5
// Integers of less than 8 bits may cost more: what they do is said, and no fault of a pass.
bool pass_is_coarse(const machine *chip); // NULL is allowed

pass_witness *pass_witness_new(void);
void pass_witness_free(pass_witness *w); // NULL is allowed
// The module, in any state from tokens on, computes what the witness says: within its tolerance
// where all is real numbers, else within PASS_BOUNDED_LIMIT; coarse chips beyond it: a warning.
// False: reported.
bool pass_witness_check(const pass_witness *w, const ir_module *m, const pass_options *o,
                        diag_sink *diags);

#endif
