// The critical path: from a result back along the causes, to the launch. What is noted is kept, so
// it is for one step or a few.
#ifndef OHMIC_TIMING_PATH_H
#define OHMIC_TIMING_PATH_H
#include "timing/timing.h"

typedef struct timing_path timing_path;
timing_path *timing_path_new(void);
void timing_path_free(timing_path *p);                    // NULL is allowed
void timing_path_note(void *path, const timing_event *e); // a timing_observer

// A part of the path: an event from its start until the next on the path could start. They follow
// each other without gap, up to `until`.
typedef struct {
    uint32_t phase, tile, pc, place;
    int64_t row;
    timing_ps from, until;
    timing_cause cause; // why it started at `from` and not before
} timing_stretch;
// The path to the last event noted whose result is there at `until`, from its beginning on; n: how
// many. It begins where a cause is no event that was noted.
const timing_stretch *timing_path_to(const timing_path *p, timing_ps until, arena *a, size_t *n);
#endif
