// Durations from the numbers of a chip. Nanoseconds of a chip file become whole attoseconds; sums
// and products are exact, and what comes of them is rounded up to picoseconds once.
#ifndef OHMIC_TIMING_DURATION_H
#define OHMIC_TIMING_DURATION_H
#include "timing/timing.h"

typedef __int128 duration; // attoseconds

enum { DURATION_PS = 1000000 };
static const int64_t DURATION_NS = 1000000000;

static inline duration duration_ns(double ns) { return (int64_t)(ns * 1e9 + 0.5); }
static inline duration duration_most(duration a, duration b) { return a > b ? a : b; }
// Rounded up. Longer than any row may take is just that.
static inline timing_ps duration_ps(duration d) {
    const duration most = (duration)1 << 62;
    d = (d + DURATION_PS - 1) / DURATION_PS;
    return (timing_ps)(d < most ? d : most);
}
static inline duration duration_of_ps(timing_ps t) { return (duration)t * DURATION_PS; }
// Bytes through something that moves so many a nanosecond (0: no limit), in whole cycles.
static inline duration duration_transfer(int64_t bytes, int64_t bytes_per_ns, duration cycle) {
    if (bytes_per_ns == 0) return 0;
    duration time = (duration)bytes * DURATION_NS;
    if (cycle == 0) return duration_of_ps(duration_ps((time + bytes_per_ns - 1) / bytes_per_ns));
    duration per_cycle = bytes_per_ns * cycle; // bytes times 1e9
    return (time + per_cycle - 1) / per_cycle * cycle;
}
#endif
