// How many physical arrays a crossbar and a ring are on a chip.
#ifndef OHMIC_ISA_COUNT_ARRAYS_H
#define OHMIC_ISA_COUNT_ARRAYS_H
#include "isa/isa.h"
#include "isa/machine/machine.h"

// One crossbar: a weight's slices stand in arrays side by side, of differential pairs in two each.
// Real numbers have one of each.
typedef struct {
    int64_t phases; // of an input; its sign bit is one of its own
    int64_t slices; // columns that are converted for one of weights
    int64_t arrays;
} isa_crossbar_shape;
isa_crossbar_shape isa_crossbar_of(const machine *m);

// What one query of one head drives. A head wider than the chip's arrays has several side by side.
typedef struct {
    int64_t sub_tiles; // pairs of arrays one below the other; 0: the ring names no sub_tile
    int64_t k_arrays, v_arrays;
    int64_t k_idle, v_idle; // cells of these: no slot of the ring, or no column of the head
} isa_gain_arrays;
// sub_tiles_used: sub-tiles that hold a visible token; they count where gain.skip_empty is on,
// otherwise all of the ring's. last_used: the ring's last one, which need not be full, is among
// them.
isa_gain_arrays isa_gain_arrays_of(const machine *m, const isa_ring *r, int64_t sub_tiles_used,
                                   bool last_used);
// Gain cells that hold one element of a ring.
int64_t isa_gain_cells_of(const machine *m, const isa_ring *r);
#endif
