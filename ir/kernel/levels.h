// Score read-out with levels: stored elements, query pulses, probabilities and conversions of
// finite precision (docs/gain-cells.md), as plain loops. Shares nothing with the simulator's.
#ifndef OHMIC_IR_KERNEL_LEVELS_H
#define OHMIC_IR_KERNEL_LEVELS_H

#include "ir/ring.h"

// The device of a ring. Levels and bits 0: real numbers.
typedef struct {
    int64_t sub_tile, slots, q_levels, kv_levels, p_levels, adc_bits;
} levels_unit;
levels_unit levels_unit_of(const ir_ring *r); // needed only where the ring is coarse

// A key or value row of n elements as the numbers stored; returns what they are relative to.
float levels_store(const levels_unit *u, const float *x, size_t n, double *stored);

// Tokens at positions first ... first + n - 1: rows by levels_store, and their returned numbers.
typedef struct {
    const double *k, *v;    // [n][d], [n][dv]
    const float *k_a, *v_a; // [n]
    const uint8_t *valid;   // [n]; NULL: all
    int64_t first, n;
} levels_memory;
// s[n] = q . key as the converter gives it: not scaled yet.
void levels_scores(const levels_unit *u, const float *q, size_t d, const levels_memory *m,
                   float *s);
// out[dv] = sum of p[j] * value j; p of a token that is not valid counts as 0.
void levels_mix(const levels_unit *u, const float *p, size_t dv, const levels_memory *m,
                float *out);

#endif
