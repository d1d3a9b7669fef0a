// What of a time rests on numbers that the chip's author assumed: what it is less on a chip where
// these cost no time.
#ifndef OHMIC_COST_GUESSES_H
#define OHMIC_COST_GUESSES_H
#include "isa/machine/machine.h"

// The chip with every assumed time, pass and extra time 0, columns at once where their number a
// converter is assumed, and widths, lanes and numbers of units without limit where they are.
machine guesses_left_out(const machine *chip);
#endif
