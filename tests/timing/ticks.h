// A machine that lives from nanosecond to nanosecond: what is ready starts, and every shared unit
// serves the oldest row that has started. It knows the rules of docs/timing.md and the lists of
// isa/depend, and nothing of timing/: costs, ways through the mesh, places and queues are its own,
// for the instructions that random programs are made of. Exclusive units have one instruction each
// here, or such as never meet.
#ifndef OHMIC_TESTS_TIMING_TICKS_H
#define OHMIC_TESTS_TIMING_TICKS_H
#include "tests/timing/tick_costs.h"

// --- what an event waits for

static inline uint32_t event_of(const ticks *x, uint32_t step, uint32_t place, int64_t row) {
    return x->first[step * x->d->n + place] + (uint32_t)row;
}
static inline int64_t rows_of_place(const ticks *x, uint32_t step, uint32_t place) {
    return isa_depend_rows(x->d, place, x->steps[step].rows);
}
static inline void wait_on(ticks *x, uint32_t e, uint32_t on, bool freed) {
    vec_push(&x->events.items[e].waits, ((tick_wait){on, freed}));
}
static inline void wait_for_all(ticks *x, uint32_t e, uint32_t step, uint32_t place) {
    for (int64_t r = 0; r < rows_of_place(x, step, place); r++)
        wait_on(x, e, event_of(x, step, place, r), false);
}

// The place of a row: that of the row `depth` before, which may be one of a step before.
static inline void wait_for_place(ticks *x, uint32_t e, const isa_wait *w) {
    const isa_use *on = &x->d->uses[w->on], *use = &x->d->uses[w->use];
    const isa_buffer *b = &x->p->tiles[x->d->nodes[use->insn].tile].buffers[use->buffer];
    int64_t row = x->events.items[e].row - b->depth;
    uint32_t step = x->events.items[e].step;
    while (row < 0 && step > 0) row += x->steps[--step].rows[use->dom];
    if (row < 0) return;
    int64_t until = isa_reach_until(&on->reach, row, rows_of_place(x, step, on->insn));
    bool one = !on->reach.keep && on->reach.rate == 1 && on->reach.back == 0 &&
               isa_depend_insn(x->d, on->insn)->dom == use->dom;
    for (int64_t r = one ? max_i64(0, until) : 0; r <= until; r++)
        wait_on(x, e, event_of(x, step, on->insn, r), on->kind == ISA_READS);
}

// Rows of a channel in order, over all its uses and steps: `depth` before this one.
static inline void wait_for_queue(ticks *x, uint32_t e, const isa_wait *w) {
    uint32_t transfer = w->use, step = x->events.items[e].step;
    const isa_channel *c = &x->p->channels[x->d->transfers[transfer].channel];
    int64_t row = x->events.items[e].row - c->depth;
    while (row < 0) {
        uint32_t before = x->d->transfers[transfer].before;
        if (before & ISA_BEFORE) {
            if (step == 0) return;
            step--;
        }
        transfer = isa_index(before);
        row += x->steps[step].rows[c->dom];
    }
    uint32_t recv = x->d->recvs[x->d->transfers[transfer].first_recv + w->on];
    wait_on(x, e, event_of(x, step, recv, row), true);
}

static inline void wait_for_end(ticks *x, uint32_t e, const isa_wait *w) {
    const tick_event *v = &x->events.items[e];
    const isa_insn *i = isa_depend_insn(x->d, v->place);
    bool channel = i->op == ISA_send || i->op == ISA_recv || i->op == ISA_recvadd;
    if (!w->before) {
        wait_for_all(x, e, v->step, w->on);
    } else if (!(channel && w->on == v->place)) {
        bool ring = !channel && x->d->uses[w->use].kind > ISA_WRITES;
        for (uint32_t s = v->step; s-- > 0;)
            if (!ring || x->steps[s].bank == x->steps[v->step].bank) wait_for_all(x, e, s, w->on);
    }
}

// Row r waits for row r of the other alone, not for the rows before.
static inline bool is_one_row(const ticks *x, uint32_t place, const isa_wait *w) {
    uint8_t own = isa_depend_insn(x->d, place)->dom;
    if (w->kind == ISA_WAIT_MADE) {
        const isa_use *u = &x->d->uses[w->use];
        return u->reach.rate == 1 && u->reach.ahead == 0 && u->dom == own;
    }
    const isa_use *u = &x->d->uses[w->on];
    return !u->reach.keep && u->reach.rate == 1 && u->reach.back == 0 &&
           isa_depend_insn(x->d, u->insn)->dom == own;
}

static inline void find_waits(ticks *x, uint32_t e) {
    const tick_event v = x->events.items[e];
    for (uint32_t k = x->lists.first[v.place]; k < x->lists.first[v.place + 1]; k++) {
        const isa_wait *w = &x->lists.items[k];
        uint32_t on;
        int64_t row;
        if (w->kind == ISA_WAIT_PLACE) {
            wait_for_place(x, e, w);
        } else if (w->kind == ISA_WAIT_ROOM) {
            wait_for_queue(x, e, w);
        } else if (w->kind == ISA_WAIT_END) {
            wait_for_end(x, e, w);
        } else if (isa_wait_event(x->d, w, v.row, x->steps[v.step].rows, &on, &row)) {
            bool all = w->kind == ISA_WAIT_MADE && x->d->uses[w->use].reach.all;
            bool freed = w->kind == ISA_WAIT_DONE && x->d->uses[w->on].kind == ISA_READS;
            if (all)
                wait_for_all(x, e, v.step, on);
            else if (w->kind != ISA_WAIT_SENT) // a receiver looks at its own arrival
                for (int64_t r = is_one_row(x, v.place, w) ? row : 0; r <= row; r++)
                    wait_on(x, e, event_of(x, v.step, on, r), freed);
        }
    }
}

// --- nanosecond by nanosecond

static inline bool is_there(const ticks *x, const tick_event *e, int32_t now) {
    const isa_insn *i = isa_depend_insn(x->d, e->place);
    if (i->op != ISA_recv && i->op != ISA_recvadd) return true;
    const isa_node *node = &x->d->nodes[e->place];
    uint32_t send = event_of(x, e->step, x->d->transfers[node->transfer].send, e->row);
    return x->events.items[send].arrival[node->dest] <= now;
}

// Instances of a tile's line that have entered by now.
static inline void enter_all(ticks *x, int32_t now) {
    for (uint32_t t = 0; t < x->p->n_tiles; t++) {
        uint32_t count = x->p->tiles[t].phase[x->d->phase].count;
        for (; x->instances[t] < count * x->n_steps; x->instances[t]++) {
            uint32_t n = x->instances[t], step = n / count, place = x->d->place[t][n % count];
            int32_t time =
                (int32_t)max_i64(x->frontier[t], x->steps[step].at) + (int32_t)x->m->time.issue;
            if (n >= x->m->tile.active_set) {
                uint32_t k = n - (uint32_t)x->m->tile.active_set, s = k / count,
                         q = x->d->place[t][k % count];
                int64_t end = x->entered[s * x->d->n + q];
                for (int64_t r = 0; r < rows_of_place(x, s, q); r++)
                    end = max_i64(end, x->events.items[event_of(x, s, q, r)].result);
                x->floor[t] = (int32_t)max_i64(x->floor[t], end);
                time = (int32_t)max_i64(time, x->floor[t]);
            }
            if (time > now) {
                if (x->floor[t] == NEVER) x->floor[t] = 0; // one of them has not ended yet
                break;
            }
            x->frontier[t] = time;
            x->entered[step * x->d->n + place] = time;
        }
    }
}

static inline bool may_start(const ticks *x, const tick_event *e, int32_t now) {
    if (x->entered[e->step * x->d->n + e->place] > now) return false;
    if (e->before != UINT32_MAX && x->events.items[e->before].start > now) return false;
    if (e->holds >= 0 && x->busy[e->holds] > now) return false;
    for (size_t k = 0; k < e->waits.count; k++) {
        const tick_event *on = &x->events.items[e->waits.items[k].event];
        if ((e->waits.items[k].freed ? on->freed : on->result) > now) return false;
    }
    return is_there(x, e, now);
}

static inline bool is_link(int32_t unit) {
    int kind = unit / 64 % U_KINDS;
    return kind >= U_LINK && kind < U_HELD;
}

// What was read is free when the first links have it: before all demands are served.
static inline void free_operands(tick_event *e) {
    int32_t freed = e->start + e->hold;
    for (uint32_t k = 0; k < e->n_demands; k++) {
        const tick_demand *d = &e->demands[k];
        if (is_link(d->unit) && d->after >= 0) continue;
        if (d->left > 0) return;
        bool port = d->unit / 64 % U_KINDS == U_PORT;
        int32_t until = port ? d->end : d->end + e->hold - d->offset - d->time;
        freed = (int32_t)max_i64(freed, until);
    }
    e->freed = freed;
}

// A destination has the row when its own way is served.
static inline void arrive(ticks *x, tick_event *e) {
    const isa_insn *i = isa_depend_insn(x->d, e->place);
    if (i->op != ISA_send) return;
    int32_t read = e->start + e->hold;
    for (uint32_t k = 0; k < e->n_demands; k++)
        if (e->demands[k].unit / 64 % U_KINDS == U_PORT) {
            if (e->demands[k].left > 0) return;
            read = (int32_t)max_i64(read, e->demands[k].end);
        }
    for (uint32_t k = 0; k < x->p->channels[i->x].n_dests; k++) {
        isa_channel one = x->p->channels[i->x]; // its way alone says which links it takes
        one.first_dest += k;
        one.n_dests = 1;
        tick_event way = {.step = e->step, .place = e->place};
        use_links(x, &way, &one);
        int32_t there = read;
        for (uint32_t l = 0; l < way.n_demands; l++)
            for (uint32_t d = 0; d < e->n_demands; d++) {
                if (e->demands[d].unit != way.demands[l].unit) continue;
                int32_t hops = (int32_t)((way.n_demands - l) * x->m->time.hop);
                there = e->demands[d].left > 0
                            ? NEVER
                            : (int32_t)max_i64(there, (int64_t)e->demands[d].end + hops);
                if (there == NEVER) l = way.n_demands;
                break;
            }
        if (there != NEVER) e->arrival[k] = there;
    }
}

// All demands are served: when the result is there.
static inline void conclude(ticks *x, tick_event *e) {
    const isa_insn *i = isa_depend_insn(x->d, e->place);
    int32_t result = e->start + e->latency;
    for (uint32_t k = 0; k < e->n_demands; k++) {
        const tick_demand *d = &e->demands[k];
        bool port = d->unit / 64 % U_KINDS == U_PORT;
        int32_t late = d->end - e->start - d->offset - d->time;
        if (!is_link(d->unit))
            result = (int32_t)max_i64(result, port ? d->end : e->start + e->latency + late);
    }
    for (uint32_t k = 0; i->op == ISA_send && k < x->p->channels[i->x].n_dests; k++)
        result = (int32_t)max_i64(result, e->arrival[k]);
    e->result = result;
}

static inline void start_event(ticks *x, tick_event *e, int32_t now) {
    e->start = now;
    if (e->holds >= 0) x->busy[e->holds] = now + e->hold;
    e->unserved = (int32_t)e->n_demands;
    for (uint32_t k = 0; k < e->n_demands; k++) {
        tick_demand *d = &e->demands[k];
        d->left = d->time;
        d->from = d->after < 0 ? now + d->offset : NEVER;
    }
    free_operands(e);
    arrive(x, e);
    if (e->n_demands == 0) conclude(x, e);
}

// One nanosecond of every unit to the oldest that wants it. by_age: events, the oldest first.
static inline void serve(ticks *x, const uint32_t *open, uint32_t n, int32_t now, int32_t *served) {
    for (uint32_t k = 0; k < n; k++) {
        tick_event *e = &x->events.items[open[k]];
        for (uint32_t j = 0; j < e->n_demands; j++) {
            tick_demand *d = &e->demands[j];
            if (d->left == 0 || d->from > now || served[d->unit] == now) continue;
            served[d->unit] = now;
            if (d->left == d->time)
                for (uint32_t l = 0; l < e->n_demands; l++)
                    if (e->demands[l].after == (int32_t)j)
                        e->demands[l].from = now + (int32_t)x->m->time.hop;
            if (--d->left > 0) continue;
            d->end = now + 1;
            free_operands(e);
            arrive(x, e);
            if (--e->unserved == 0) conclude(x, e);
        }
    }
}

// --- a run

static inline void ticks_free(ticks *x) {
    for (size_t k = 0; k < x->events.count; k++) vec_free(&x->events.items[k].waits);
    vec_free(&x->events);
    isa_waits_free(&x->lists);
    free(x->first);
    free(x->busy);
    free(x->entered);
    free(x->frontier);
    free(x->floor);
    free(x->instances);
}

static inline void make_events(ticks *x) {
    uint32_t n = x->d->n;
    uint32_t *last = base_calloc(n + 1, sizeof *last);
    for (uint32_t k = 0; k < n; k++) last[k] = UINT32_MAX;
    x->first = base_calloc((size_t)n * x->n_steps + 1, sizeof *x->first);
    for (uint32_t s = 0; s < x->n_steps; s++)
        for (uint32_t k = 0; k < n; k++) {
            const isa_insn *i = isa_depend_insn(x->d, k);
            x->first[s * n + k] = (uint32_t)x->events.count;
            for (int64_t r = 0; r < rows_of_place(x, s, k); r++) {
                tick_event e = {.step = s,
                                .place = k,
                                .row = r,
                                .age = x->lags->lag[k] + r * x->d->dom[i->dom].step,
                                .start = NEVER,
                                .result = NEVER,
                                .freed = NEVER,
                                .arrival = {NEVER, NEVER, NEVER},
                                .before = last[k]};
                last[k] = (uint32_t)x->events.count;
                vec_push(&x->events, e);
            }
        }
    free(last);
    for (uint32_t e = 0; e < x->events.count; e++) {
        price(x, &x->events.items[e]);
        find_waits(x, e);
    }
}

static inline bool is_older_event(const tick_event *a, const tick_event *b) {
    if (a->step != b->step) return a->step < b->step;
    if (a->age != b->age) return a->age < b->age;
    return a->place != b->place ? a->place < b->place : a->row < b->row;
}

static inline uint32_t tick_units(const ticks *x) { return (x->p->n_tiles + 4) * U_KINDS * 64; }

static inline void ticks_begin(ticks *x) {
    x->lists = isa_waits_new(x->d);
    make_events(x);
    x->busy = base_calloc(tick_units(x), sizeof *x->busy);
    x->entered = base_calloc((size_t)x->d->n * x->n_steps + 1, sizeof *x->entered);
    for (uint32_t k = 0; k < x->d->n * x->n_steps; k++) x->entered[k] = NEVER;
    x->frontier = base_calloc(x->p->n_tiles, sizeof *x->frontier);
    x->floor = base_calloc(x->p->n_tiles, sizeof *x->floor);
    x->instances = base_calloc(x->p->n_tiles, sizeof *x->instances);
}

// False: it stands still.
static inline bool ticks_run(ticks *x) {
    ticks_begin(x);
    size_t n = x->events.count;
    int32_t *served = base_calloc(tick_units(x), sizeof *served);
    for (uint32_t k = 0; k < tick_units(x); k++) served[k] = -1;
    uint32_t *open = base_calloc(n + 1, sizeof *open), n_open = 0;
    bool *started = base_calloc(n + 1, 1);
    size_t left = n;
    int32_t quiet = 0;
    for (int32_t now = 0; (left > 0 || n_open > 0) && quiet < 20000; now++) {
        quiet++;
        for (bool moved = true; moved;) {
            moved = false;
            enter_all(x, now);
            for (uint32_t k = 0; k < n; k++) {
                tick_event *e = &x->events.items[k];
                if (started[k] || !may_start(x, e, now)) continue;
                start_event(x, e, now);
                started[k] = moved = true;
                quiet = 0;
                left--;
                uint32_t at = n_open++;
                for (; at > 0 && is_older_event(e, &x->events.items[open[at - 1]]); at--)
                    open[at] = open[at - 1];
                open[at] = k;
            }
        }
        serve(x, open, n_open, now, served);
        uint32_t kept = 0;
        for (uint32_t k = 0; k < n_open; k++)
            if (x->events.items[open[k]].unserved > 0) open[kept++] = open[k];
        n_open = kept;
    }
    free(served);
    free(open);
    free(started);
    return left == 0;
}
#endif
