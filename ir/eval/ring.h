// Rings: the keys and values an attention remembers between steps.
//
// The interpreter keeps them by position, oldest first and never wrapped: as much as the ring's
// slots hold before a step, plus the step's own rows. Which of them a row sees follows from
// positions (docs/numerics.md; visible(t) = the last min(window, slots) positions up to t), so
// writing all rows first and then attending means the same as the fused "write row r, attend row
// r".
#ifndef OHMIC_IR_EVAL_RING_H
#define OHMIC_IR_EVAL_RING_H

#include "ir/eval/interp.h"
#include "ir/kernel/charge.h"
#include "ir/kernel/levels.h"

// How what is stored is read: real numbers; score read-out with levels; charge read-out.
typedef enum { RING_EXACT, RING_LEVELS, RING_CHARGE } ring_readout;

typedef struct ir_ring_state {
    const ir_symbol *symbol; // NULL ends an array of rings
    ir_ring_mode mode;
    int64_t n_kv, q_per_kv, d, dv, slots, window; // window: tokens a row sees, <= slots
    float scale, softcap;
    bool hard; // act is hardsigmoid, of slope alpha and value beta at 0
    float alpha, beta;
    float *sink; // [heads]; NULL: none
    ring_readout readout;
    levels_unit levels;
    charge_unit charge;
    float *scalings; // of charge: [8][heads]
    ir_ring_bias bias;
    float *table;         // alibi: slope per head; toeplitz [heads][width]; full [heads][w][w]
    int64_t table_width;  // width, or w
    int64_t table_zero;   // toeplitz: entry of key position - query position = 0
    int64_t first, count; // position of the oldest row stored, rows stored
    int64_t at, capacity; // where `first` lies, columns per head
    float *k;             // [n_kv][d][capacity]
    float *v;             // [n_kv][capacity][dv]
    uint8_t *valid;       // [capacity]
    // Not for RING_EXACT: the same as levels_store or charge_store give it.
    double *k_stored, *v_stored; // [n_kv][capacity][d], [n_kv][capacity][dv]
    float *k_a, *v_a;            // of levels_store: [n_kv][capacity]
    bool masked;                 // some stored row is invalid
} ir_ring_state;

// States of the module's rings in symbol order, ended by one without symbol; NULL: reported.
ir_ring_state *ring_states_new(const ir_module *m, diag_sink *diags);
void ring_states_free(ir_ring_state *rings);
void ring_clear(ir_ring_state *r);
ir_ring_state *ring_find(ir_ring_state *rings, const char *name);

// Rows [n][n_kv*d] and [n][n_kv*dv] at positions pos...; what was stored from pos on is dropped.
// mask: 0 makes the row invisible; NULL: none.
void ring_write(ir_ring_state *r, int64_t pos, int64_t n, const float *k, const float *v,
                const int32_t *mask);
// The last rows stored, at most `slots`: the first of them, counted in columns of k.
int64_t ring_newest(const ir_ring_state *r, int64_t *n);

// Keys a row at position t sees, as columns of k: [*from, *from + *n), and *pos, the position of
// the first. written: rows after t may be stored and have taken slots (unfused query).
void ring_visible(const ir_ring_state *r, int64_t t, bool written, int64_t *from, int64_t *n,
                  int64_t *pos);
// bias[i] of query head h at position t for keys at positions pos...; false: none.
bool ring_bias_row(const ir_ring_state *r, int64_t h, int64_t t, int64_t pos, int64_t n,
                   float *bias);

#endif
