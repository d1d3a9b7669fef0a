// What values decided in a run: which rows of a gated product were closed, how many tokens masks
// left a row of a ring to see. Recorded while a program runs (sim_record), kept as JSON
// (docs/timing.md), and followed by a run of timing; what is not in it is the worst case.
#ifndef OHMIC_TIMING_ACTIVITY_H
#define OHMIC_TIMING_ACTIVITY_H
#include "timing/timing.h"

typedef struct timing_activity timing_activity;

timing_activity *timing_activity_new(const isa_program *p); // outlives it
void timing_activity_free(timing_activity *a);              // NULL is allowed
void timing_activity_clear(timing_activity *a);             // no step any more

// A step begins; rows of all its free domains.
void timing_activity_step(timing_activity *a, uint32_t phase, uint32_t bank, int64_t position,
                          const int64_t *rows);
// Of that step: a row whose gate is 0; a row that sees so many tokens, in so many sub-tiles. Rows
// of an instruction come in order.
void timing_activity_closed(timing_activity *a, uint32_t tile, uint32_t pc, int64_t row);
void timing_activity_seen(timing_activity *a, uint32_t tile, uint32_t pc, int64_t row, int64_t seen,
                          int64_t sub_tiles);

bool timing_activity_write(const timing_activity *a, const char *path, diag_sink *diags);
// NULL: reported: no activity, or of another program.
timing_activity *timing_activity_read(const isa_program *p, const char *path, diag_sink *diags);

size_t timing_activity_steps(const timing_activity *a);
// Launched at 0, as the others.
timing_launch timing_activity_launch(const timing_activity *a, size_t step);

// What a row was: false: nothing is said.
typedef struct {
    int64_t row, seen, sub_tiles; // seen < 0: closed
} timing_activity_row;
bool timing_activity_at(const timing_activity *a, size_t step, uint32_t tile, uint32_t pc,
                        int64_t row, timing_activity_row *out);

// Steps of `t` to come are those of `a`, one for one, from its first on; it outlives `t`.
void timing_follow(timing *t, const timing_activity *a);
#endif
