// The gain-cell unit in the charge domain: docs/gain-cells.md to the bit, for one head at a time.
//
// Storage of a head: with kv_levels the codes, one byte each, four columns of K to a word; without,
// the voltages. What depends on a token's age alone (powers of its decay times the cell's
// coefficients; the charge of every level) stands in tables, made once per device.
#ifndef OHMIC_RUNTIME_SIM_GAIN_GAIN_H
#define OHMIC_RUNTIME_SIM_GAIN_GAIN_H
#include "isa/isa.h"
#include "runtime-sim/xbar/xbar.h"
#include "support/file/bytes.h"

// The device and its size; all bytes count when two are compared.
typedef struct {
    uint32_t d, dv, slots, sub_tile;
    uint32_t q_levels, kv_levels, out_levels; // 0: continuous
    uint32_t saturate_scores, saturate_outputs, product;
    uint32_t any_age; // tokens may be older than `slots` or younger than the query (not causal)
    uint32_t terms;
    float v_dd, s_sat, o_sat, decay, cell[ISA_MAX_CELL_TERMS];
} gain_params;
gain_params gain_params_of(const isa_ring *d, const float *cell);

typedef struct gain_unit gain_unit;
gain_unit *gain_unit_new(const gain_params *p);
void gain_unit_free(gain_unit *u); // NULL is allowed
const gain_params *gain_unit_params(const gain_unit *u);

// Cells of `heads` key/value heads. A slot that was never written holds 0.
typedef struct {
    uint32_t *k_codes; // [heads][ceil(d/4)][slots]: column 4w + b in bits 8b..8b+7 of word w
    uint8_t *v_codes;  // [heads][slots][row]
    float *k, *v;      // kv_levels 0: [heads][d][slots], [heads][slots][dv], volts
    void *memory[2];   // the blocks they lie in
} gain_cells;
gain_cells gain_cells_new(const gain_unit *u, size_t heads);
void gain_cells_free(gain_cells *c);

typedef struct {
    float a_q, b_q, a_k, b_k, a_v, b_v, a_o, b_o;
} gain_scaling;

// k[d] and v[dv] of a head into a slot; and back, without the scaling: what stands there.
void gain_write(const gain_unit *u, gain_cells *c, size_t head, size_t slot,
                const gain_scaling *scaling, const float *k, const float *v);
void gain_read(const gain_unit *u, const gain_cells *c, size_t head, size_t slot,
               const gain_scaling *scaling, float *k, float *v);

// A slot of a head as it is stored, for state files. False: no such bytes can have been saved.
void gain_save(const gain_unit *u, const gain_cells *c, size_t head, size_t slot, bytes_out *out);
bool gain_load(const gain_unit *u, gain_cells *c, size_t head, size_t slot, bytes_in *in);

// What a query at position t sees: first .. first + n - 1, n <= slots; of them, where `held` is not
// NULL, those with held[slot] == position.
typedef struct {
    int64_t t, first, n;
    const int64_t *held;
} gain_view;

typedef struct {
    uint64_t scores, scores_saturated, outputs_saturated;
} gain_counts;

size_t gain_scratch(const gain_unit *u); // bytes that a call needs, 64 of them for alignment
// S of every visible token, by slot; what else is in s[slots] stays as it is. For tests.
void gain_scores(const gain_unit *u, simd_path path, const gain_cells *c, size_t head,
                 const gain_view *view, const gain_scaling *scaling, const float *q, double *s,
                 void *scratch);
// out[dv] of a query q[d]; adds to *counts.
void gain_attend(const gain_unit *u, simd_path path, const gain_cells *c, size_t head,
                 const gain_view *view, const gain_scaling *scaling, const float *q, float *out,
                 gain_counts *counts, void *scratch);
#endif
