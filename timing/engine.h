// What runs a plan: where tiles, banks and the present step stand. engine.c times the events of a
// step, timing.c makes steps of launches.
#ifndef OHMIC_TIMING_ENGINE_H
#define OHMIC_TIMING_ENGINE_H
#include "timing/plan.h"

// Lines of a tile, one behind the other.
typedef struct {
    uint64_t base, entered; // instances before this step's; that have entered
    timing_ps enter, floor; // the last; ends of those that left the active set
    timing_ps *ends;        // of the last instances
    uint64_t mask;
    timing_ps ended; // all of it
} line;

struct timing {
    plan plan;
    line *lines;
    uint64_t active_set;
    uint32_t phase, steps; // of the last step
    timing_ps launched, end;
    timing_ps *departed; // [bank]
    timing_ps *link_end, *link_first;
    cost_row now;
    int64_t position[ISA_DOMAINS];
    int64_t **stored; // [tile][ring * banks + bank] rows of rings that are read apart
    uint32_t bank;
    timing_observer observer;
    void *ctx;
    const char **missing;
    size_t n_missing;
};

// All events of the step that timing.c has prepared.
void engine_run(timing *e, plan_phase *ph);
#endif
