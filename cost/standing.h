// Energy that components draw all the time their tile is on: whose it is.
//
// A tile's is divided among its instructions by the time that each is busy. What has no tile (the
// interface to the host), and a tile whose instructions are never busy, is nobody's. Parts are
// differences of rounded running sums, so they add up to the total exactly.
#ifndef OHMIC_COST_STANDING_H
#define OHMIC_COST_STANDING_H
#include "cost/area.h"
#include "timing/timing.h"

typedef __int128 energy_aj;

typedef struct {
    energy_aj total, host, nobody; // all of it; the interface; of no instruction
    energy_aj *tile;
    energy_aj **insn[ISA_MAX_PHASES]; // [phase][tile][pc]
    energy_aj component[COMPONENTS];
} standing;
// Of a run, from its first launch to its last result.
standing *standing_of(const isa_program *p, const machine *chip, const timing *run, arena *a);
#endif
