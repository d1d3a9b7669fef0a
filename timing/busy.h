// When a unit is taken: disjoint intervals in order, searched from the end.
//
// A unit with one user is one number: its rows start in order, so what it wants next is never
// before what it took last. Intervals that nobody can want any more are dropped (busy_drop).
#ifndef OHMIC_TIMING_BUSY_H
#define OHMIC_TIMING_BUSY_H
#include "timing/timing.h"
#include <string.h>

typedef struct {
    timing_ps from, until;
    uint32_t by; // who ends it
} span;

typedef struct {
    span *spans;
    uint32_t n, capacity;
    bool single;
    uint32_t by;              // single: who took it last
    timing_ps free;           // single: from then on
    timing_ps total;          // taken
    uint32_t *users, n_users; // instructions
} busy;

void busy_grow(busy *b); // room for one more
void busy_drop(busy *b, timing_ps before);

// Replaces spans k .. end - 1 by one.
static inline void busy_put(busy *b, uint32_t k, uint32_t end, span s) {
    if (k == end) {
        if (k < b->n) memmove(b->spans + k + 1, b->spans + k, (b->n - k) * sizeof s);
        b->n++;
    } else if (end > k + 1) {
        memmove(b->spans + k + 1, b->spans + end, (b->n - end) * sizeof s);
        b->n -= end - k - 1;
    }
    b->spans[k] = s;
}

// The first `time` > 0 free picoseconds from t on. Returns the end of the last, *first the
// beginning of the first. There is room for one more span.
static inline timing_ps busy_take(busy *b, timing_ps t, timing_ps time, uint32_t by,
                                  timing_ps *first) {
    b->total += time;
    if (b->single) {
        if (t < b->free) t = b->free;
        *first = t;
        return b->free = t + time;
    }
    span *s = b->spans;
    uint32_t k = b->n;
    while (k > 0 && s[k - 1].until >= t) k--;
    uint32_t j = k;
    timing_ps from = t, at = t;
    if (j < b->n && s[j].from <= t) {
        from = s[j].from;
        at = s[j++].until;
    }
    *first = at;
    for (;;) {
        timing_ps room = j < b->n ? s[j].from - at : INT64_MAX;
        if (room >= time) {
            timing_ps end = at + time, until = end;
            if (room == time) until = s[j++].until;
            busy_put(b, k, j, (span){from, until, by});
            return end;
        }
        time -= room;
        at = s[j++].until;
    }
}

// The earliest time from t on at which `time` > 0 picoseconds in a row are free. *by: who ended
// there, when that is later than t.
static inline timing_ps busy_fit(const busy *b, timing_ps t, timing_ps time, uint32_t *by) {
    if (b->single) {
        if (t >= b->free) return t;
        *by = b->by;
        return b->free;
    }
    const span *s = b->spans;
    uint32_t k = b->n;
    while (k > 0 && s[k - 1].until > t) k--;
    for (; k < b->n && s[k].from < t + time; k++) {
        t = s[k].until;
        *by = s[k].by;
    }
    return t;
}

// Takes what busy_fit found.
static inline void busy_hold(busy *b, timing_ps t, timing_ps time, uint32_t by) {
    b->total += time;
    if (b->single) {
        b->free = t + time;
        b->by = by;
        return;
    }
    uint32_t k = b->n;
    while (k > 0 && b->spans[k - 1].from > t) k--;
    busy_put(b, k, k, (span){t, t + time, by});
}
#endif
