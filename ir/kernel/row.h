// One row of numbers: softmax, normalisation, rotation, to the bit of docs/numerics.md.
#ifndef OHMIC_IR_KERNEL_ROW_H
#define OHMIC_IR_KERNEL_ROW_H

#include "ir/ir.h"

// docs/numerics.md: softmax of n entries; y may be x.
void row_softmax(float *y, const float *x, size_t n);
void row_log_softmax(float *y, const float *x, size_t n);

// gamma and beta may be NULL; y may be x.
void row_norm(float *y, const float *x, size_t n, ir_norm mode, double eps, const float *gamma,
              const float *beta);
// Rotates one head of width d in place; cosine and sine have r/2 entries.
void row_rope(float *x, int64_t r, bool interleaved, const float *cosine, const float *sine);

#endif
