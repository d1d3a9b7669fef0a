// What one row of an instruction takes, by the chip alone: how long its result takes, how long it
// holds its unit, what it asks of the units that several share. Equations: docs/timing.md.
#ifndef OHMIC_TIMING_COST_H
#define OHMIC_TIMING_COST_H
#include "isa/depend/depend.h"
#include "timing/duration.h"

// latency >= what it waits for itself: offset + duration of every demand but the port's.
typedef struct {
    timing_ps latency, hold;
    timing_ps digital_at, digital; // offset and duration of a demand; 0: none
    timing_ps memory, receive, host, link;
    timing_ps port; // scratchpad
    bool held;      // crossbars or ring, for `hold`
} row_cost;

// What of a row's cost is not the same for all of them.
typedef enum { COST_CONSTANT, COST_BY_STEP, COST_BY_ROW } cost_varies;

typedef struct {
    const isa_program *p;
    const machine *m;
    bool *used; // [machine_params_count] parameters that were asked for
    duration cycle;
} cost_model;
cost_model cost_model_new(const isa_program *p, const machine *m, arena *a);

typedef struct {
    int64_t rows[ISA_DOMAINS]; // of the step
    // COST_BY_ROW: tokens that the row sees in its ring, and the position of the first
    int64_t seen, first;
    int64_t sub_tiles; // that hold one of them, where it is known; -1: as many as there can be
    bool closed;       // mvm: the gate is 0, so nothing is multiplied
} cost_row;

cost_varies cost_varies_of(const isa_program *p, uint32_t tile, const isa_insn *i);
row_cost cost_of(cost_model *c, const isa_depend *d, uint32_t place, const cost_row *row);
#endif
