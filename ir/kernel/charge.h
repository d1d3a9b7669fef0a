// Attention in the charge domain, one query of one head: docs/gain-cells.md, as plain loops. The
// simulator has its own; that both agree is the evidence.
#ifndef OHMIC_IR_KERNEL_CHARGE_H
#define OHMIC_IR_KERNEL_CHARGE_H

#include "ir/ring.h"

// The device of a ring, or of nn.gaincell.
typedef struct {
    int64_t sub_tile, slots;
    int64_t q_levels, kv_levels, out_levels; // 0: continuous
    float v_dd, s_sat, o_sat;
    bool saturate_scores, saturate_outputs;
    double decay;
    bool product; // decay_form product
    int terms;
    double cell[IR_RING_TERMS];
} charge_unit;

charge_unit charge_unit_of(const ir_ring *r); // without a fault

// Scaled and quantised, as the number that stands for it: u of a key or value element, x of a
// query's.
double charge_store(const charge_unit *u, float a, float b, float x);
double charge_pulse(const charge_unit *u, float a, float b, float x);

// One query of one head: its pulses, and the scalings of the head's output.
typedef struct {
    const double *q; // [d] by charge_pulse
    size_t d, dv;
    float a_o, b_o;
    int64_t t; // its position
} charge_query;
// The tokens at positions first ... first + n - 1, at most as many as there are slots.
typedef struct {
    const double *k, *v;  // [n][d] and [n][dv] by charge_store
    const uint8_t *valid; // [n] 0: nobody sees the token; NULL: all are seen
    int64_t first, n;
} charge_memory;
// out[dv]. scores (may be NULL): S[n], 0 where nobody sees the token. codes (may be NULL):
// [sub-tiles][dv] codes read out, or charges z where out_levels is 0.
void charge_attend(const charge_unit *u, const charge_query *q, const charge_memory *m, float *out,
                   double *scores, double *codes);

#endif
