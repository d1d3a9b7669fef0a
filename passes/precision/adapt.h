// Adaptation: scalings of attention in the charge domain, fitted to a device without training
// (Leroux et al. 2025, "calibration_algorithm" of the authors' code; docs/gain-cells.md).
//
// Every head scales its signals, a x + b: queries, keys, values before they become pulses and
// voltages, and the sum read out. A model that computed well on one device (or with softmax) does
// so on another if these signals are distributed alike: scalings are changed until the mean and the
// deviation of each, over all tokens and columns of calibration text, are what they were.
#ifndef OHMIC_PASSES_PRECISION_ADAPT_H
#define OHMIC_PASSES_PRECISION_ADAPT_H

#include "passes/precision/corpus.h"

typedef enum { ADAPT_Q, ADAPT_K, ADAPT_V, ADAPT_O, ADAPT_SIGNALS } adapt_signal;

typedef struct {
    double mean, std; // over tokens and columns; std unbiased
} adapt_moments;

// One attention. Key/value head g stands at each of its query heads.
typedef struct {
    const char *ring;
    int64_t heads;
    adapt_moments *of[ADAPT_SIGNALS]; // [heads]
} adapt_attention;
typedef struct {
    adapt_attention *items; // in the order of f's operations
    size_t n;
} adapt_table;

// What the attentions of `own` (the model as it is meant) do on the text: signals after scaling,
// before clamping. Where an attention has no scalings there, q, k and v are to fill the range that
// the ring of the same name in m has for them (docs/gain-cells.md). In `a`. False: reported.
bool adapt_targets(arena *a, const ir_module *own, const ir_module *m, const ir_func *f,
                   const corpus *c, int threads, adapt_table *targets, diag_sink *diags);

typedef struct {
    int iterations;
    double error; // largest difference of a mean or a deviation from its target, at the last look
    bool met;     // it is below the tolerance
    size_t dead;  // signals that do not vary, which no factor can bring to their deviation; their
                  // deviations are not in `error`
} adapt_result;
// Changes the scalings of m's charge rings, run as f (of m), until they meet the targets. False:
// reported.
bool adapt_fit(ir_module *m, const ir_func *f, const corpus *c, const adapt_table *targets,
               int threads, adapt_result *result, diag_sink *diags);

#endif
