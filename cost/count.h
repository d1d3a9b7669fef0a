// Events that follow from a program alone: what every row of every instruction does on its chip.
// What values decide is taken as the worst case, gates open and no token masked, or as a run met it
// (counter_follow). The simulator counts the same events (runtime-sim/stats.def) while it runs.
#ifndef OHMIC_COST_COUNT_H
#define OHMIC_COST_COUNT_H
#include "isa/count/events.h"
#include "timing/activity.h"

typedef struct counter counter;
// A verified program and its chip, which outlive it.
counter *counter_new(const isa_program *p, const machine *chip);
void counter_free(counter *c); // NULL is allowed
// Launches to come are the steps of `a`, one for one; it outlives the counter.
void counter_follow(counter *c, const timing_activity *a);
// Counts a step that timing or a simulator accepts; steps of a bank in their order. A
// timing_listener.
void counter_launch(void *c, const timing_launch *l);

// Of all launches so far.
uint64_t counter_rows(const counter *c, uint32_t phase, uint32_t tile, uint32_t pc);
isa_events counter_insn(const counter *c, uint32_t phase, uint32_t tile, uint32_t pc);
isa_events counter_total(const counter *c);
// Rows of the instruction do not all do the same.
bool counter_varies(const isa_tile *t, const isa_insn *i);
// Of row r of an instruction, in the last launch.
isa_events counter_row(const counter *c, uint32_t phase, uint32_t tile, uint32_t pc, int64_t r);
#endif
