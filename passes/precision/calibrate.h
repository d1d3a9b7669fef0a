// Largest absolute values on calibration inputs: what static scales are made from.
#ifndef OHMIC_PASSES_PRECISION_CALIBRATE_H
#define OHMIC_PASSES_PRECISION_CALIBRATE_H

#include "ir/ir.h"
#include "passes/pass.h"

// Interprets f on o->calibrate (a JSON list of token id lists, or an npz with one array per input),
// or on seeded inputs when there is none, and fills range[v] with the largest |element| of every
// wanted value. *how: a sentence for the summary, in `a`. Work is bounded (CALIBRATE_MACS
// products). False: reported.
bool calibrate_ranges(const ir_module *m, const ir_func *f, const pass_options *o,
                      const bool *wanted, float *range, const char **how, arena *a,
                      diag_sink *diags);

// The index-th seeded inputs of one step for every parameter of a token-typed function: ids uniform
// in the port's range, masks 1, positions pos..., data uniform in [-1.7, 1.7] (deviation 1).
// rows[d]: rows of domain d.
void calibrate_seeded(const ir_module *m, const ir_func *f, uint64_t seed, uint32_t index,
                      const int64_t *rows, int64_t pos, arena *a, tensor *inputs);

#endif
