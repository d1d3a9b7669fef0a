// A file of tracks, slices and counters over time, written as it comes: as Perfetto's protobuf
// (pftrace.c) or as the JSON of Chrome's tracing (chrome.c). Viewers of either show it.
//
// Times are nanoseconds, the unit of both formats: picoseconds are rounded down, so what follows
// each other still does, and what is shorter than a nanosecond may have no length.
#ifndef OHMIC_CLI_COST_TRACE_H
#define OHMIC_CLI_COST_TRACE_H
#include "support/arena.h"
#include "support/file/bytes.h"
#include "timing/timing.h"
#include <stdio.h>

typedef struct {
    uint32_t process;   // the tracks of a process stand together
    const char *of;     // its name
    bool first;         // of its process
    const char *name;   // printable, as all texts here (name.h)
    const char *counts; // unit of a counter; NULL: the track has slices
} trace_track;

// What slices of an instruction have in common.
typedef struct {
    const char *name, *kind, *text;
} trace_source;

typedef struct {
    uint32_t track, source;
    timing_ps from, until;
    uint32_t step;
    int64_t row;
} trace_slice;

typedef struct trace trace;

typedef struct {
    void (*begin)(trace *t);
    void (*track)(trace *t, uint32_t number);
    void (*slice)(trace *t, const trace_slice *s);
    void (*count)(trace *t, uint32_t track, timing_ps at, double value);
    void (*end)(trace *t);
} trace_format;
extern const trace_format trace_pftrace, trace_chrome;

struct trace {
    const trace_format *format;
    FILE *out; // NULL: nothing is written, only counted
    uint64_t bytes, slices;
    const trace_track *tracks;
    const trace_source *sources;
    uint8_t *known;                // [source] pftrace: its texts are written
    bool begun;                    // chrome: there is an event already
    bytes_out packet, event, note; // being made
};

static inline void trace_write(trace *t, const void *p, size_t n) {
    t->bytes += n;
    if (t->out) fwrite(p, 1, n, t->out);
}
#endif
