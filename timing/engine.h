// What runs a plan: where tiles, banks and the present step stand. engine.c times the events of a
// step, timing.c makes steps of launches.
#ifndef OHMIC_TIMING_ENGINE_H
#define OHMIC_TIMING_ENGINE_H
#include "timing/activity.h"
#include "timing/plan.h"

// Lines of a tile, one behind the other.
typedef struct {
    uint64_t base, entered; // instances before this step's; that have entered
    timing_ps enter, floor; // the last; ends of those that left the active set
    timing_ps *ends;        // of the last instances
    uint64_t mask;
    timing_ps ended; // all of it
} line;

typedef struct watch watch;

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
    const timing_activity *activity; // NULL: the worst case
    uint32_t followed;               // steps before its first
    watch *watch;                    // NULL: nobody does
    timing_listener listener;
    void *listener_ctx;
    const char **missing;
    size_t n_missing;
};

// All events of the step that timing.c has prepared.
void engine_run(timing *e, plan_phase *ph);
// No row to come wants this unit before.
timing_ps engine_wanted_from(const timing *e, const uint32_t *users, uint32_t n_users);

// What watch.c is told, where somebody watches: a row is about to take a unit (held: all of it at
// once); places of a tile's queues are taken and given back.
void watch_held(timing *e, const plan_insn *x, uint32_t unit, timing_ps from, timing_ps time);
void watch_shared(timing *e, const plan_insn *x, uint32_t unit, timing_ps from, timing_ps time);
void watch_queue(timing *e, uint32_t queue, timing_ps at, int change);
void watch_step(timing *e, const timing_launch *l, const timing_step_times *s);
void watch_free(watch *w);
#endif
