// Energy of a program on its chip, in whole attojoules, and whose it is.
//
// A chip's picojoules are rounded to attojoules once, counts are whole, sums have 128 bits: so the
// energies of all instructions, operations, nodes, tiles, units and components add up to the total
// exactly. What a chip does not state costs nothing and is named (energy_lacking).
#ifndef OHMIC_COST_ENERGY_H
#define OHMIC_COST_ENERGY_H
#include "cost/components.h"
#include "cost/count.h"
#include "cost/standing.h"

// What one of each event costs: a row of cost.def each.
typedef struct {
    energy_aj aj[ENERGY_TERMS];
} energy_prices;
energy_prices energy_prices_of(const machine *chip);
// The same without what the chip's author has not assumed: the part of a sum that rests on guesses.
energy_prices energy_prices_assumed(const machine *chip);
energy_aj energy_of(const energy_prices *p, const isa_events *e);
energy_aj energy_of_term(const energy_prices *p, const isa_events *e, unsigned term);
energy_aj energy_of_component(const energy_prices *p, const isa_events *e, component c);
// Parameters that these events need and the chip does not state: "energy.dac", n of them.
const char **energy_lacking(arena *a, const machine *chip, const isa_events *e, size_t *n);

// --- whose it is

typedef enum {
#define BY(name, summary) ENERGY_BY_##name,
#include "cost/by.def"
    ENERGY_BYS
} energy_by;
extern const char *const energy_by_names[ENERGY_BYS];
typedef struct {
    const char *name;
    uint32_t phase, tile, pc; // of an instruction; of a tile the tile
    energy_aj aj, standing;   // of events; drawn all the time
} energy_share;
// The totals in shares, the largest first; those without energy are left out. An instruction made
// of several nodes is divided evenly among them, the first of them taking what is left over, an
// attojoule each. What belongs to no node, operation or tile has the name "". on: NULL: what is
// drawn all the time is left out.
energy_share *energy_shares(const isa_program *p, const counter *c, const energy_prices *prices,
                            const standing *on, energy_by by, arena *a, size_t *n);

const char *energy_text(arena *a, energy_aj e);  // "659.9 nJ"
const char *energy_exact(arena *a, energy_aj e); // attojoules, all digits
static inline double energy_pj(energy_aj e) { return (double)e / 1e6; }
#endif
