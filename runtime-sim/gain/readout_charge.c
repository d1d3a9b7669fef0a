// Charge read-out of one head of one row: the unit of gain.h on a ring.
#include "runtime-sim/gain/attend.h"
#include "runtime-sim/gain/ring.h"

size_t sim_charge_scratch(const sim_attention *a) {
    return ceil_div_u64(gain_scratch(a->unit), sizeof(float));
}

// Heads of a row may be on different threads: sums of counts do not depend on their order.
static void add(uint64_t *to, uint64_t n) { __atomic_fetch_add(to, n, __ATOMIC_RELAXED); }

void sim_charge_attend(const sim_attention *a, uint32_t h, sim_visible v, const float *q, float *o,
                       float *scratch) {
    gain_scaling scaling = sim_scaling(a->d, a->scalings, h);
    gain_view view = {v.t, v.first, v.n, v.gaps ? a->ring->held : NULL};
    gain_counts n = {0};
    gain_attend(a->unit, a->path, &a->ring->cells, h / a->d->q_per_kv, &view, &scaling, q, o, &n,
                scratch);
    add(&a->stats->gain_scores, n.scores);
    add(&a->stats->gain_scores_saturated, n.scores_saturated);
    add(&a->stats->gain_outputs_saturated, n.outputs_saturated);
}
