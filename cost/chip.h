// What a chip could do at best, from its parameters alone; and what of them cannot be, or is odd.
#ifndef OHMIC_COST_CHIP_H
#define OHMIC_COST_CHIP_H
#include "cost/area.h"
#include "cost/energy.h"

typedef struct {
#define FIGURE(name, unit, summary) double name;
#include "cost/figures.def"
} chip_figures;
chip_figures chip_figures_of(const machine *m);
// Components that have an area or a power and that the chip sets no number of (0: as many as a
// program fills): of them there are none in these figures, and some in a program's.
const char **chip_unlimited(arena *a, const machine *m, size_t *n);

// Reports what cannot be as errors and what is odd as warnings; false: errors.
bool chip_inspect(const machine *m, const char *name, diag_sink *diags);
#endif
