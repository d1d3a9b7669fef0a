// Writing a program's weights, before anything runs: apart from what running costs.
#ifndef OHMIC_COST_PROGRAMMING_H
#define OHMIC_COST_PROGRAMMING_H
#include "cost/energy.h"

typedef struct {
    uint64_t cells;    // of crossbars, all arrays, and of dense ones
    double pulses;     // they take
    uint64_t bytes;    // tables and stored weights, written into dense memory
    double time_ns;    // of the tile that takes longest; dense memory is written meanwhile
    energy_aj aj;      // of both
    energy_aj assumed; // of it, from guesses
    bool time_assumed, pulses_assumed;
} programming;
programming programming_of(const isa_program *p, const machine *chip);
// Pulses and time are no 0 that the chip leaves unsaid.
bool programming_states_time(const machine *chip, const programming *x);
const char **programming_lacking(arena *a, const machine *chip, const programming *x, size_t *n);
#endif
