// What people ask: how long until the first token, from token to token, how many in the long run,
// and what stands in the way.
#ifndef OHMIC_TIMING_ANSWERS_H
#define OHMIC_TIMING_ANSWERS_H
#include "timing/activity.h"
#include "timing/path.h"

// How many rows a program can be asked about: tokens of a sequence, all together.
int64_t timing_most_tokens(const isa_program *p);
// The one number of tokens that a program of one length takes; 0: any up to the most.
int64_t timing_fixed_tokens(const isa_program *p);

bool timing_generates(const isa_program *p); // token by token, not sequences at once

typedef struct {
    int64_t prompt, generated;  // rows; steps of one row behind them
    uint32_t steps;             // that the prompt took
    timing_ps first;            // launch to the last row of the prompt (with an encoder: of the
                                // first step behind it)
    timing_ps next, last;       // from token to token: the first and the last time; 0: none
    timing_ps all;              // of all tokens behind the first
    const timing_stretch *path; // of the last step
    size_t n_path;
    timing_ps path_from; // its launch
} timing_latency;
// Runs a sequence on `t`, which has run nothing. False: reported.
bool timing_sequence(timing *t, const isa_program *p, int64_t prompt, int64_t generate, arena *a,
                     timing_latency *out, diag_sink *diags);

// The same of so many sequences in as many banks: their prompts are launched together, then every
// sequence goes on by itself, a step of each in turn.
typedef struct {
    int64_t sequences;
    timing_ps first; // launch to the last row of the last prompt
    timing_ps last;  // from token to token of a sequence, the longest of its last times; 0: none
    timing_ps all;   // of all tokens behind the first ones
} timing_together;
bool timing_sequences(timing *t, const isa_program *p, int64_t prompt, int64_t generate, int64_t n,
                      timing_together *out, diag_sink *diags);

// The steps of an activity instead, launched together: all of them count as the prompt.
bool timing_replay(timing *t, const timing_activity *what, arena *a, timing_latency *out,
                   diag_sink *diags);

// Rows without end, in steps of `step_rows` launched at once: from some step on, steps depart at
// distances that repeat.
typedef struct {
    int64_t step_rows, rows; // of a step; of a period
    timing_ps period;
    bool repeats;   // false: the mean of the last half of what was run
    timing_ps work; // of the busiest unit in a period
    size_t unit;    // which: timing_unit_at of `t`; SIZE_MAX: none
} timing_steady;
bool timing_steady_state(timing *t, const isa_program *p, timing_steady *out, diag_sink *diags);
#endif
