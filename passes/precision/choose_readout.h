// What the files of choose-readout share: which attentions there are, what was found out.
#ifndef OHMIC_PASSES_PRECISION_CHOOSE_READOUT_H
#define OHMIC_PASSES_PRECISION_CHOOSE_READOUT_H

#include "ir/ring.h"
#include "passes/pass.h"

typedef struct {
    const char *name;
    const ir_ring *was; // in the old module
    ir_ring *now;       // in the new one
    const ir_op *op;    // an attention on it; NULL: none
    bool scored;        // an output asks for its probabilities
} readout_user;

// Sentences that are true of several attentions.
typedef struct {
    const char *text, *first;
    size_t count;
} readout_finding;
typedef VEC(readout_finding) readout_findings;

typedef struct {
    const ir_module *old;
    ir_module *m;
    const pass_options *o;
    const machine *chip;
    diag_sink *diags;
    arena *a; // scratch
    readout_user *users;
    size_t n_users;
    readout_findings findings, refusals;
    size_t charges, moved; // attentions in the charge domain; of them those that came from scores
    bool changed;          // something else is computed than the model spells out
    bool device;           // some ring stands on another device than the model's
} chooser;

static inline const char *readout_name(const readout_user *u) {
    return u->op && u->op->n_locs ? u->op->loc[0] : u->name;
}
static inline void readout_note(chooser *c, const char *text) {
    vec_push(&c->m->notes, arena_str(c->m->arena, text));
}
// Why the charge domain cannot do what this attention does with its scores; NULL: it can.
const char *readout_obstacle(const readout_user *u);

// token_period.c: every charge ring gets its decay, the module declares the period. False:
// reported.
bool readout_set_decay(chooser *c);

// measure_readout.c: adapts scalings and measures what was changed, with the text there is. False:
// reported.
bool readout_use_text(chooser *c);

#endif
