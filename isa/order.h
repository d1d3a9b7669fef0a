// An order of the instructions of all tiles in which each comes after what it waits for
// (docs/isa.md, "Order").
#ifndef OHMIC_ISA_ORDER_H
#define OHMIC_ISA_ORDER_H
#include "isa/program.h"

// All instructions of a phase; it is the functional simulator's single-threaded schedule. `order`
// gets n entries {tile, pc}. False: a cycle (verify reports it).
typedef struct {
    uint32_t tile, pc;
} isa_step;
bool isa_order(const isa_program *p, uint32_t phase, isa_step *order, uint32_t *n);
// The same with ready tiles taken at random (seed > 0), a few instructions at a time: any such
// order gives the same values.
bool isa_order_seeded(const isa_program *p, uint32_t phase, uint64_t seed, isa_step *order,
                      uint32_t *n);
#endif
