// How many of each component there are, how much room they take and what they draw all the time:
// of a tile, what the program uses and what stands idle.
#ifndef OHMIC_COST_AREA_H
#define OHMIC_COST_AREA_H
#include "cost/components.h"

// used <= all. Where a chip sets no limit (0), there is what the program uses; of digital units one
// for each instruction of a phase that wants one.
typedef struct {
    uint64_t used[COMPONENTS], all[COMPONENTS];
} inventory;
// Of tile t; NULL, or a tile that the program does not use: nothing is used.
inventory inventory_of_tile(const isa_program *p, const machine *chip, uint32_t t);
// Of the program's tiles and the interface to the host.
inventory inventory_of(const isa_program *p, const machine *chip);
// Of one tile of the chip without a program, without the interface.
inventory inventory_empty(const machine *chip);

typedef __int128 area_nm2; // square nanometres
area_nm2 area_of(const machine *chip, component c, uint64_t count);
area_nm2 area_of_all(const machine *chip, const uint64_t count[COMPONENTS]);
static inline double area_mm2(area_nm2 a) { return (double)a / 1e12; }
// Drawn all the time, in picowatts; over so long, in attojoules (rounded down once).
__int128 power_of(const machine *chip, component c, uint64_t count);
__int128 power_of_all(const machine *chip, const uint64_t count[COMPONENTS]);
static inline __int128 power_energy(__int128 pw, int64_t ps) { return pw * ps / 1000000; }
// Parameters of a section ("area", "power") that there is a component for and that the chip does
// not state.
const char **inventory_lacking(arena *a, const machine *chip, const char *section,
                               const uint64_t count[COMPONENTS], size_t *n);
// Of a sum over a section, the share that rests on assumed numbers: 0 to 1.
double inventory_assumed(const machine *chip, const char *section,
                         const uint64_t count[COMPONENTS]);
#endif
