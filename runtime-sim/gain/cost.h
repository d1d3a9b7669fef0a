// The gain-cell unit's size, time and energy, from the chip's parameters alone. The simulator's
// results and counters do not depend on any of it but the number of arrays.
#ifndef OHMIC_RUNTIME_SIM_GAIN_COST_H
#define OHMIC_RUNTIME_SIM_GAIN_COST_H
#include "isa/isa.h"
#include "isa/machine/machine.h"

// What one query of one head drives. A head wider than the chip's arrays has several side by side.
typedef struct {
    int64_t sub_tiles; // pairs of arrays one below the other; 0: the ring names no sub_tile
    int64_t k_arrays, v_arrays;
    int64_t k_idle, v_idle; // cells of these: no slot of the ring, or no column of the head
} sim_gain_arrays;

// sub_tiles_used: sub-tiles that hold a visible token; they count where gain.skip_empty is on,
// otherwise all of the ring's. last_used: the ring's last one, which need not be full, is among
// them.
sim_gain_arrays sim_gain_arrays_of(const machine *m, const isa_ring *r, int64_t sub_tiles_used,
                                   bool last_used);

// One row through one ring: all key/value heads side by side, query heads that share one after the
// other. Parameters that a chip file leaves out are 0 and cost nothing. Charge read-out has no
// conversions; of score read-out softmax and what else is digital arithmetic is left out: it is
// charged to the digital unit's lanes.
typedef struct {
    double time_ns;                // reset, scores, mix, read-out, sum
    double k_pj, v_pj, digital_pj; // arrays and their circuits; control, routing, sum of sub-tiles
    double write_pj;               // the row's key and value
    double conversion_pj;          // score read-out: scores and mixed values
    double total_pj;
} sim_gain_cost_of_row;
sim_gain_cost_of_row sim_gain_cost(const machine *m, const isa_ring *r, int64_t sub_tiles_used);
#endif
