#include "timing/path.h"
#include "support/vec.h"
#include <stdlib.h>

struct timing_path {
    VEC(timing_event) events; // as they were timed: causes come first
};

timing_path *timing_path_new(void) { return base_calloc(1, sizeof(timing_path)); }

void timing_path_free(timing_path *p) {
    if (!p) return;
    vec_free(&p->events);
    free(p);
}

void timing_path_note(void *path, const timing_event *e) {
    timing_path *p = path;
    vec_push(&p->events, *e);
}

// Events before each event, of the same instruction; where there is none: itself.
typedef struct {
    const timing_path *p;
    size_t *before;
    size_t *last; // [phase][place] the last one
    uint32_t places;
} index_of_events;

static size_t *last_of(const index_of_events *x, uint32_t phase, uint32_t place) {
    return &x->last[(size_t)phase * x->places + place];
}

static index_of_events make_index(const timing_path *p, arena *a) {
    index_of_events x = {.p = p, .before = ARENA_ARRAY(a, size_t, p->events.count + 1)};
    for (size_t k = 0; k < p->events.count; k++) {
        const timing_event *e = &p->events.items[k];
        if (e->place >= x.places) x.places = e->place + 1;
        if (e->on >= x.places) x.places = e->on + 1;
    }
    x.last = ARENA_ARRAY(a, size_t, (size_t)ISA_MAX_PHASES * x.places + 1);
    for (size_t k = 0; k < (size_t)ISA_MAX_PHASES * x.places; k++) x.last[k] = SIZE_MAX;
    for (size_t k = 0; k < p->events.count; k++) {
        size_t *last = last_of(&x, p->events.items[k].phase, p->events.items[k].place);
        x.before[k] = *last == SIZE_MAX ? k : *last;
        *last = k;
    }
    return x;
}

// The time at which `e` gives what `cause` waits for.
static bool gives(const timing_event *e, const timing_event *to) {
    switch (to->cause) {
    case TIMING_arrival: return e->row == to->row && e->step == to->step;
    case TIMING_place:
    case TIMING_queue: return e->freed == to->since || e->result == to->since;
    case TIMING_held: return e->start < to->since;
    default: return e->result == to->since;
    }
}

// The event that made event k start when it did; k itself: none that was noted.
static size_t cause_of(const index_of_events *x, size_t k) {
    const timing_event *events = x->p->events.items, *e = &events[k];
    if (e->cause == TIMING_order) return x->before[k];
    if (e->cause == TIMING_launch || e->cause == TIMING_issue) return k;
    if (e->cause == TIMING_active) { // any of the tile
        for (size_t j = k; j-- > 0;)
            if (events[j].tile == e->tile && events[j].result == e->since) return j;
        return k;
    }
    size_t j = *last_of(x, e->phase, e->on);
    if (j == SIZE_MAX) return k;
    for (;; j = x->before[j]) {
        if (j < k && gives(&events[j], e)) return j;
        if (x->before[j] == j) return k;
    }
}

const timing_stretch *timing_path_to(const timing_path *p, timing_ps until, arena *a, size_t *n) {
    VEC(timing_stretch) path = {0};
    arena *scratch = arena_new();
    index_of_events x = make_index(p, scratch);
    size_t k = p->events.count;
    while (k > 0 && p->events.items[k - 1].result != until) k--;
    for (size_t at = k - 1; k > 0;) {
        const timing_event *e = &p->events.items[at];
        timing_stretch s = {e->phase, e->tile, e->pc, e->place, e->row, e->start, until, e->cause};
        if (s.until > s.from || e->cause != TIMING_order) vec_push(&path, s);
        until = e->start;
        size_t before = cause_of(&x, at);
        if (before == at) break;
        at = before;
    }
    *n = path.count;
    timing_stretch *list = ARENA_ARRAY(a, timing_stretch, path.count + 1);
    for (size_t i = 0; i < path.count; i++) list[i] = path.items[path.count - 1 - i];
    vec_free(&path);
    arena_free(scratch);
    return list;
}
