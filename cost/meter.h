// Energy as it is spent: of every row event, and of the time in which most of it is.
#ifndef OHMIC_COST_METER_H
#define OHMIC_COST_METER_H
#include "cost/energy.h"

typedef struct meter meter;
// The counter is told of each launch before its events (timing_listen); it outlives the meter.
meter *meter_new(const isa_program *p, const counter *c, const energy_prices *prices);
void meter_free(meter *m); // NULL is allowed
// Of row r of an instruction in the counter's last launch.
energy_aj meter_row(const meter *m, uint32_t phase, uint32_t tile, uint32_t pc, int64_t r);
// A timing_observer: the row's energy, evenly from its start to its result.
void meter_note(void *m, const timing_event *e);
// The most that was spent in one window of a row of them; how long each is: 10 ns, or that doubled
// until a few thousand hold the whole run.
energy_aj meter_peak(const meter *m, timing_ps *window);
// What was spent in each of these windows, from 0 on; n: up to the last that is not 0.
const energy_aj *meter_windows(const meter *m, size_t *n, timing_ps *window);
#endif
