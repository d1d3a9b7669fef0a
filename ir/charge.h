// Attention in the charge domain, one query of one head: docs/gain-cells.md, as plain loops. The
// simulator has its own; that both agree is the evidence.
#ifndef OHMIC_IR_CHARGE_H
#define OHMIC_IR_CHARGE_H

#include "ir/ir.h"

enum { CHARGE_MAX_TERMS = 12 };

// The device: attributes of a ring symbol or of nn.gaincell.
typedef struct {
    int64_t sub_tile, slots;
    int64_t q_levels, kv_levels, out_levels; // 0: continuous
    float v_dd, s_sat, o_sat;
    bool saturate_scores, saturate_outputs;
    double decay;
    bool product; // decay_form product
    int terms;
    double cell[CHARGE_MAX_TERMS];
} charge_unit;

// Reads the attributes; false: *why says what is wrong.
bool charge_unit_read(const ir_attrs *l, int64_t slots, charge_unit *u, const char **why);

// Scaled and quantised, as the number that stands for it: u of a key or value element, x of a
// query's.
double charge_store(const charge_unit *u, float a, float b, float x);
double charge_pulse(const charge_unit *u, float a, float b, float x);

// A query: columns of the head, and its scalings of the output.
typedef struct {
    const double *q; // [d] by charge_pulse
    size_t d, dv;
    float a_o, b_o;
    int64_t t; // its position
} charge_query;
// Key or value column c of the token at position j; false: nobody sees the token.
typedef struct {
    const double *k,
        *v; // by charge_store; element (token, column) at token*k_token + column*k_column
    size_t k_token, k_column, v_token, v_column;
    const uint8_t *valid; // [token], NULL: all
    int64_t first,
        n; // positions first ... first + n - 1 are what the window shows; token 0 is `first`
} charge_memory;
// out[dv]. scores[n] (may be NULL): S of each token, 0 where invalid. codes (may be NULL):
// [sub-tiles][dv] read-out codes, or charges where out_levels is 0.
void charge_attend(const charge_unit *u, const charge_query *q, const charge_memory *m, float *out,
                   double *scores, double *codes);

#endif
