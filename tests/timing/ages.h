// The rules of docs/timing.md once more, event by event in the order of age, on bitmaps: a bit for
// every nanosecond of every unit. Knows gaps, so several instructions may hold the same crossbar.
// Costs and waits are those of tick_costs.h and ticks.h.
#ifndef OHMIC_TESTS_TIMING_AGES_H
#define OHMIC_TESTS_TIMING_AGES_H
#include "tests/timing/ticks.h"
#include <string.h>

enum { AGES_END = 1 << 17 }; // ns

typedef struct {
    ticks *x;
    uint8_t **taken; // [unit][ns]
    uint32_t n_units;
} ages;

static inline uint8_t *bits_of(ages *a, int32_t unit) {
    if (!a->taken[unit]) a->taken[unit] = base_calloc(AGES_END, 1);
    return a->taken[unit];
}

static inline int32_t end_of_instance(const ticks *x, uint32_t step, uint32_t place) {
    int64_t end = x->entered[step * x->d->n + place];
    for (int64_t r = 0; r < rows_of_place(x, step, place); r++)
        end = max_i64(end, x->events.items[event_of(x, step, place, r)].result);
    return (int32_t)end;
}

static inline int32_t enter_instance(ticks *x, uint32_t step, uint32_t place) {
    uint32_t t = x->d->nodes[place].tile, count = x->p->tiles[t].phase[x->d->phase].count,
             active = (uint32_t)x->m->tile.active_set;
    while (x->instances[t] <= step * count + x->d->nodes[place].pc) {
        uint32_t n = x->instances[t]++, s = n / count, q = x->d->place[t][n % count];
        int64_t time = max_i64(x->frontier[t], x->steps[s].at) + (int64_t)x->m->time.issue;
        if (n >= active) {
            uint32_t k = n - active;
            int32_t end = end_of_instance(x, k / count, x->d->place[t][k % count]);
            x->floor[t] = (int32_t)max_i64(x->floor[t], end);
            time = max_i64(time, x->floor[t]);
        }
        x->frontier[t] = x->entered[s * x->d->n + q] = (int32_t)time;
    }
    return x->entered[step * x->d->n + place];
}

static inline int32_t earliest(ages *a, const tick_event *e) {
    ticks *x = a->x;
    int32_t t = enter_instance(x, e->step, e->place);
    if (e->before != UINT32_MAX) t = (int32_t)max_i64(t, x->events.items[e->before].start);
    for (size_t k = 0; k < e->waits.count; k++) {
        const tick_event *on = &x->events.items[e->waits.items[k].event];
        t = (int32_t)max_i64(t, e->waits.items[k].freed ? on->freed : on->result);
    }
    while (t < AGES_END && !is_there(x, e, t)) t++;
    if (e->holds < 0) return t;
    const uint8_t *bits = bits_of(a, e->holds);
    for (int32_t k = 0; k < e->hold && t + e->hold < AGES_END; k++)
        if (bits[t + k]) t += k + 1, k = -1;
    return t;
}

// The first nanoseconds that no older row has.
static inline void serve_demand(ages *a, tick_event *e, tick_demand *d, const tick_demand *after) {
    uint8_t *bits = bits_of(a, d->unit);
    int32_t t = after ? after->from + (int32_t)a->x->m->time.hop : e->start + d->offset;
    bool first = true;
    for (d->left = d->time; d->left > 0 && t < AGES_END; t++) {
        if (bits[t]) continue;
        if (first) d->from = t, first = false;
        bits[t] = 1;
        d->left--;
    }
    d->end = t;
}

static inline bool ages_run(ticks *x) {
    ages a = {.x = x, .n_units = tick_units(x)};
    a.taken = base_calloc(a.n_units, sizeof *a.taken);
    ticks_begin(x);
    uint32_t n = (uint32_t)x->events.count, *order = base_calloc(n + 1, sizeof *order);
    for (uint32_t k = 0; k < n; k++) { // nearly sorted: by insertion
        uint32_t at = k;
        for (; at > 0 && is_older_event(&x->events.items[k], &x->events.items[order[at - 1]]); at--)
            order[at] = order[at - 1];
        order[at] = k;
    }
    bool ok = true;
    for (uint32_t k = 0; ok && k < n; k++) {
        tick_event *e = &x->events.items[order[k]];
        e->start = earliest(&a, e);
        ok = e->start + e->latency + e->hold < AGES_END / 2;
        if (!ok) break;
        if (e->holds >= 0) memset(bits_of(&a, e->holds) + e->start, 1, (size_t)e->hold);
        for (uint32_t j = 0; j < e->n_demands; j++) {
            tick_demand *d = &e->demands[j];
            serve_demand(&a, e, d, d->after < 0 ? NULL : &e->demands[d->after]);
        }
        free_operands(e);
        arrive(x, e);
        conclude(x, e);
    }
    for (uint32_t k = 0; k < a.n_units; k++) free(a.taken[k]);
    free(a.taken);
    free(order);
    return ok;
}
#endif
