// Rings and what a query makes of them.
#ifndef OHMIC_SIM_RING_H
#define OHMIC_SIM_RING_H
#include "runtime-sim/state.h"

// Key k [n_kv*d] and value v [n_kv*dv] of position pos; not valid: no query sees it.
void sim_ring_write(sim_ring *r, const isa_ring *d, int64_t pos, const float *k, const float *v,
                    bool valid);

// Softmax of docs/numerics.md over n entries, or its logarithm (exec_digital.c). y may be x.
void sim_softmax(float *y, const float *x, size_t n, bool log);
#endif
