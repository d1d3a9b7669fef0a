// Energy as it is spent: of every row event, and of the time in which most of it is.
#ifndef OHMIC_COST_METER_H
#define OHMIC_COST_METER_H
#include "cost/energy.h"

typedef struct meter meter;
// The counter is told of each launch before its events (timing_listen); it outlives the meter.
// assumed: of the prices, what rests on guesses (energy_prices_assumed).
meter *meter_new(const isa_program *p, const counter *c, const energy_prices *prices,
                 const energy_prices *assumed);
void meter_free(meter *m); // NULL is allowed
// Of row r of an instruction in the counter's last launch.
energy_aj meter_row(const meter *m, uint32_t phase, uint32_t tile, uint32_t pc, int64_t r);
// A timing_observer: the row's energy, evenly from its start to its result.
void meter_note(void *m, const timing_event *e);
// The most that was spent in one window of a row of them; how long each is: 10 ns, or that doubled
// until a few thousand hold the whole run. *assumed: of it, from guesses.
energy_aj meter_peak(const meter *m, timing_ps *window, energy_aj *assumed);
// How many of these windows there are, from 0 on up to the last that is not 0; what was spent in
// one.
size_t meter_windows(const meter *m, timing_ps *window);
energy_aj meter_window(const meter *m, size_t k);
#endif
