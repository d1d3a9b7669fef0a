// What a product on the pool of computation arrays takes (docs/wang2025.md). Rows of a step come in
// beats: row r belongs to beat r / machine_pool_beat, and a beat's rows share one pass over the
// weights, whether or not their gates are open.
#ifndef OHMIC_ISA_COUNT_POOL_H
#define OHMIC_ISA_COUNT_POOL_H
#include "isa/count/events.h"
#include "isa/machine/pool.h"

// A chunk of weights times one digit of the rows of an array, for all columns and digits of a
// group.
uint64_t isa_pool_steps(const isa_group *g);
// Of one row: its conversions.
void isa_count_pool_row(isa_events *e, const isa_group *g, uint64_t rows);
// Of rows [r0, r1) of a step: word lines driven for the arrays, cells sensed for the beats, that
// begin there.
void isa_count_pool_arrays(isa_events *e, const machine *m, const isa_group *g, uint64_t r0,
                           uint64_t r1);
// Cells of dense crossbars that the weights of a tile's groups fill.
uint64_t isa_dense_cells(const machine *m, const isa_tile *t);
// Dense crossbars that hold the weights of a tile's groups.
uint64_t isa_dense_arrays(const machine *m, const isa_tile *t);
#endif
