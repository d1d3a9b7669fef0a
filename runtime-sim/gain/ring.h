// Rings and what a query makes of them.
#ifndef OHMIC_RUNTIME_SIM_GAIN_RING_H
#define OHMIC_RUNTIME_SIM_GAIN_RING_H
#include "runtime-sim/state.h"
#include "support/file/bytes.h"

// Key k [n_kv*d] and value v [n_kv*dv] of position pos; not valid: no query sees it.
void sim_ring_write(sim *s, uint32_t tile, uint32_t ring, uint32_t bank, int64_t pos,
                    const float *k, const float *v, bool valid);

// What a ring holds, for state files: only slots that a query can see, by ascending position, as
// they are stored; the same contents give the same bytes. Whoever changes sim_ring changes these
// two, and SIM_STATE_VERSION of state_file.c.
void sim_ring_save(const sim *s, uint32_t tile, uint32_t ring, uint32_t bank, bytes_out *out);
// Into `r`, zeroed, which is none of the machine's and is the caller's to free whatever comes out.
// False: no such bytes can have been saved; positions below `end` are possible.
bool sim_ring_load_state(sim *s, uint32_t tile, uint32_t ring, sim_ring *r, int64_t end,
                         bytes_in *in);

// The ring's table of scalings (charge read-out), and what key/value head g takes from it.
static inline const float *sim_ring_scalings(const sim *s, const isa_ring *d) {
    return (const float *)(const void *)sim_table(s, d->scalings);
}
gain_scaling sim_scaling(const isa_ring *d, const float *scalings, uint32_t head);

// Softmax of docs/numerics.md over n entries (exec/digital.c). y may be x. sink (NULL: none): a
// score that takes part and gets nothing.
void sim_softmax(float *y, const float *x, size_t n, const float *sink);
#endif
