// What a query sees of a ring, and what the two read-outs make of it (docs/numerics.md,
// docs/gain-cells.md).
#ifndef OHMIC_RUNTIME_SIM_GAIN_ATTEND_H
#define OHMIC_RUNTIME_SIM_GAIN_ATTEND_H
#include "runtime-sim/state.h"

// An instruction's ring.
typedef struct {
    const isa_ring *d;
    sim_ring *ring;
    const gain_unit *unit;    // charge read-out; NULL: scores
    const float *bias, *sink; // NULL: none
    const float *scalings;    // charge read-out: [8][heads]
    sim_stats *stats;
    simd_path path;
} sim_attention;

// Positions first .. first + n - 1, of a query at t.
typedef struct {
    int64_t t, first, n;
    bool gaps; // some of them were masked: `held` says which
} sim_visible;

static inline uint32_t sim_heads(const isa_ring *d) { return d->n_kv * d->q_per_kv; }
static inline bool sim_seen(const sim_attention *a, int64_t j) {
    return a->ring->held[j % (int64_t)a->d->slots] == j;
}
// Score read-out with any quantiser: its arithmetic is another (docs/gain-cells.md).
static inline bool sim_score_levels(const isa_ring *d) {
    return d->readout == ISA_READ_SCORE &&
           (d->kv_levels || d->q_levels || d->p_levels || d->adc_bits);
}

// --- score read-out (readout_score.c)

// Scratch of one (row, head), in floats, aligned as it comes.
size_t sim_score_scratch(const isa_ring *d);
// o[dv] of head h for its query q[d].
void sim_score_attend(const sim_attention *a, uint32_t h, sim_visible v, const float *q, float *o,
                      float *scratch);
// The same of four queries, which read keys and values once where all of them see them.
bool sim_score_fours(const sim_attention *a); // worth it
void sim_score_attend_four(const sim_attention *a, uint32_t h, const sim_visible v[4],
                           const float *const q[4], float *const o[4], float *scratch);
// Scores alone: s[i] of position first + i, masked ones too.
void sim_score_row(const sim_attention *a, uint32_t h, sim_visible v, const float *q, float *s,
                   float *scratch);
// o[dv] of the probabilities p[slots] of the tokens seen.
void sim_score_mix(const sim_attention *a, uint32_t h, sim_visible v, const float *p, float *o,
                   float *scratch);
// Stores a token: k [n_kv][d] and v [n_kv][dv] as the ring keeps them.
void sim_score_write(sim_ring *r, const isa_ring *d, size_t slot, const float *k, const float *v);

// --- charge read-out (gain.h)
size_t sim_charge_scratch(const sim_attention *a);
void sim_charge_attend(const sim_attention *a, uint32_t h, sim_visible v, const float *q, float *o,
                       float *scratch);
#endif
