// Times every row event once, the oldest first (docs/timing.md, rules 2 to 9).
#include "timing/engine.h"
#include <stdlib.h>

// --- entering

typedef struct {
    timing_ps t;
    timing_cause cause;
    uint32_t on;
} moment;

static void not_before(moment *m, timing_ps t, timing_cause cause, uint32_t on) {
    if (t > m->t) *m = (moment){t, cause, on};
}

static void enter(timing *e, plan_phase *ph, plan_insn *x) {
    line *l = &e->lines[x->tile];
    while (l->entered <= l->base + x->pc) {
        uint64_t n = l->entered++;
        plan_insn *i = &ph->insns[ph->d->place[x->tile][n - l->base]];
        if (n >= e->active_set)
            l->floor = max_i64(l->floor, l->ends[(n - e->active_set) & l->mask]);
        bool late = l->enter < e->launched;
        l->enter =
            (late ? e->launched : l->enter) + duration_ps(duration_ns(e->plan.m->time.issue));
        i->entered_by = late ? TIMING_launch : TIMING_issue;
        if (l->floor > l->enter) {
            l->enter = l->floor;
            i->entered_by = TIMING_active;
        }
        i->entered = l->enter;
        l->ends[n & l->mask] = l->enter;
        l->ended = max_i64(l->ended, l->enter);
    }
}

static void waits_of_the_step(timing *e, plan_phase *ph, const plan_insn *x, moment *m) {
    for (uint32_t k = x->first_once; k < x->end_wait; k++) {
        const plan_wait *w = &ph->waits.items[k];
        const plan_insn *on = &ph->insns[w->on];
        timing_ps t = 0;
        switch ((wait_how)w->how) {
        case WAIT_ALL: t = on->made_all; break;
        case WAIT_FREED: t = on->given_all; break;
        case WAIT_BEFORE: t = on->ended; break;
        case WAIT_RING_WAS:
            t = e->plan.ring_ends[(size_t)w->at * e->plan.p->banks + e->bank];
            break;
        case WAIT_ROW:
        case WAIT_REACH:
        case WAIT_UNTIL: break;
        }
        not_before(m, t, (timing_cause)w->cause, w->on);
    }
}

// --- costs that are not the same for all rows

static void price_step(timing *e, plan_phase *ph, plan_insn *x) {
    plan_price(&e->plan, ph, x, &e->now);
}

static void price_row(timing *e, plan_phase *ph, plan_insn *x) {
    const isa_insn *i = isa_depend_insn(ph->d, x->place);
    timing_activity_row known;
    bool said = e->activity && timing_activity_at(e->activity, e->steps - e->followed, x->tile,
                                                  x->pc, x->row, &known);
    e->now.closed = false;
    e->now.sub_tiles = -1;
    if (x->op == ISA_mvm) {
        e->now.closed = said;
        plan_price(&e->plan, ph, x, &e->now);
        return;
    }
    const isa_ring *r = &e->plan.p->tiles[x->tile].rings[i->x];
    int64_t seen = r->slots, last;
    if (r->mode == ISA_RING_CAUSAL && r->window && r->window < r->slots) seen = r->window;
    if (r->mode == ISA_RING_CAUSAL)
        last = e->position[x->dom] + x->row;
    else
        last = e->stored[x->tile][i->x * e->plan.p->banks + e->bank] - 1;
    e->now.seen = min_i64(seen, last + 1);
    e->now.first = last + 1 - e->now.seen;
    if (said) e->now.seen = known.seen, e->now.sub_tiles = known.sub_tiles;
    plan_price(&e->plan, ph, x, &e->now);
}

// --- rows

static inline timing_ps wait_for(const timing *e, const plan_phase *ph, const plan_insn *x,
                                 const plan_wait *w) {
    int64_t row = x->row;
    if (w->how == WAIT_REACH) {
        row = min_i64(row * w->rate + w->ahead, e->now.rows[w->dom] - 1);
        if (row < 0) return 0;
    } else if (w->how == WAIT_UNTIL) {
        row += w->ahead;
        if (row < 0) return 0;
        row = min_i64(row / w->rate, ph->insns[w->on].rows - 1);
    }
    return e->plan.known.items[w->at + ((uint32_t)row & w->mask)];
}

static inline void wait_for_place(timing *e, plan_insn *x, moment *m) {
    const places *p = &e->plan.places.items[x->places];
    slot *s = &e->plan.slots.items[p->first + x->next_place];
    if (++x->next_place == p->depth) x->next_place = 0;
    not_before(m, s->at, TIMING_place, s->by);
    if (s->then > s->at) s->at = s->then, s->by = s->then_by;
    s->then = 0;
}

// Uses of a channel in a step follow each other.
static inline uint32_t queue_slot(const places *p, const plan_insn *x) {
    return (uint32_t)((p->row0 + x->uses_before * x->rows + x->row) % p->depth);
}

static void wait_for_queues(timing *e, const plan_phase *ph, const plan_insn *x, moment *m) {
    const plan_send *s = &ph->sends.items[x->send];
    for (uint32_t k = s->first_dest; k < s->end_dest; k++) {
        const places *p = &e->plan.places.items[ph->dests.items[k].queue];
        const slot *at = &e->plan.slots.items[p->first + queue_slot(p, x)];
        not_before(m, at->at, TIMING_queue, at->by);
    }
}

// What all units agree on.
static void hold(timing *e, const plan_phase *ph, const plan_insn *x, moment *m) {
    bool ring = isa_info_of(x->op)->unit == ISA_UNIT_ring;
    uint32_t bank = ring ? e->bank : 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (uint32_t k = x->first_held; k < x->end_held; k++) {
            const busy *b = &e->plan.units.items[ph->held.items[k] + bank].busy;
            uint32_t by = PLAN_NOTHING;
            timing_ps t = busy_fit(b, m->t, x->hold, &by);
            if (t == m->t) continue;
            *m = (moment){t, TIMING_held, by};
            moved = x->end_held - x->first_held > 1;
        }
    }
}

timing_ps engine_wanted_from(const timing *e, const uint32_t *users, uint32_t n_users) {
    timing_ps t = INT64_MAX;
    for (uint32_t k = 0; k < n_users; k++) t = min_i64(t, e->plan.all[users[k]]->start);
    return max_i64(t, e->launched);
}

static inline void make_room(timing *e, busy *b) {
    if (b->single || b->n < b->capacity) return;
    busy_drop(b, engine_wanted_from(e, b->users, b->n_users));
    if (b->n > b->capacity / 2) busy_grow(b); // what is left may still be wanted
}

static void take_held(timing *e, const plan_phase *ph, const plan_insn *x, timing_ps t) {
    uint32_t bank = isa_info_of(x->op)->unit == ISA_UNIT_ring ? e->bank : 0;
    for (uint32_t k = x->first_held; k < x->end_held; k++) {
        uint32_t unit = ph->held.items[k] + bank;
        busy *b = &e->plan.units.items[unit].busy;
        make_room(e, b);
        if (e->watch) watch_held(e, x, unit, t, x->hold);
        busy_hold(b, t, x->hold, x->number);
    }
}

typedef struct {
    timing_ps start, result, freed;
} outcome;

static inline void take_shared(timing *e, plan_phase *ph, const plan_insn *x, outcome *o) {
    for (uint32_t k = x->first_demand; k < x->end_demand; k++) {
        const plan_demand *d = &ph->demands.items[k];
        if (d->time == 0) continue;
        uint32_t way = 0;
        if (d->ways > 1) way = (uint32_t)((uint64_t)(e->position[x->dom] + x->row) % d->ways);
        busy *b = &e->plan.units.items[d->unit + way].busy;
        timing_ps first;
        make_room(e, b);
        if (e->watch) watch_shared(e, x, d->unit + way, o->start + d->offset, d->time);
        timing_ps end = busy_take(b, o->start + d->offset, d->time, x->number, &first);
        o->result = max_i64(o->result, end + d->behind);
        o->freed = max_i64(o->freed, end + d->until_free);
    }
}

// Over the links to every destination; the row is free when the first links have it.
static void send(timing *e, plan_phase *ph, const plan_insn *x, outcome *o) {
    const plan_send *s = &ph->sends.items[x->send];
    timing_ps here = o->freed; // the port has read it
    for (uint32_t k = s->first_link; k < s->end_link; k++) {
        const plan_link *l = &ph->links.items[k];
        uint32_t n = k - s->first_link;
        bool begins = l->before == PLAN_NOTHING;
        timing_ps from = begins ? o->start : e->link_first[l->before] + s->hop, first = from,
                  end = from + s->link;
        if (l->unit != PLAN_NOTHING && s->link) {
            busy *b = &e->plan.units.items[l->unit].busy;
            make_room(e, b);
            if (e->watch) watch_shared(e, x, l->unit, from, s->link);
            end = busy_take(b, from, s->link, x->number, &first);
        }
        e->link_first[n] = first;
        // max over the way of end + hops that remain
        e->link_end[n] = (begins ? end : max_i64(end, e->link_end[l->before])) + s->hop;
        if (begins) o->freed = max_i64(o->freed, end + x->hold - s->link);
    }
    for (uint32_t k = s->first_dest; k < s->end_dest; k++) {
        const plan_dest *d = &ph->dests.items[k];
        timing_ps there = d->link == PLAN_NOTHING ? here : max_i64(here, e->link_end[d->link]);
        e->plan.known.items[d->at + ((uint32_t)x->row & d->mask)] = there;
        if (e->watch) watch_queue(e, d->queue, o->start, 1);
        o->result = max_i64(o->result, there);
    }
}

// --- places given back

static inline void give(timing *e, uint32_t at, timing_ps t, uint32_t by) {
    slot *s = &e->plan.slots.items[at];
    if (t > s->at) s->at = t, s->by = by;
}

static void give_rows(timing *e, const plan_phase *ph, const plan_insn *x, const plan_release *r,
                      timing_ps t) {
    const places *p = &e->plan.places.items[r->places];
    int64_t rows = e->now.rows[p->dom], from = x->row * r->reach.rate - r->reach.back,
            end = from + r->reach.rate, written = ph->insns[p->writer].row;
    bool last = x->row + 1 == x->rows;
    if (r->reach.keep) {
        if (!last) return;
        from = 0;
    }
    if (last) end = rows;
    for (int64_t j = max_i64(0, from); j < min_i64(end, rows); j++) {
        slot *s = &e->plan.slots.items[p->first + (uint32_t)((p->row0 + j) % p->depth)];
        if (j < written)
            give(e, (uint32_t)(s - e->plan.slots.items), t, x->number);
        else if (t > s->then)
            s->then = t, s->then_by = x->number;
    }
}

static inline void give_back(timing *e, plan_phase *ph, plan_insn *x, const outcome *o) {
    for (uint32_t k = x->first_release; k < x->end_release; k++) {
        plan_release *r = &ph->releases.items[k];
        if (!r->row_by_row) {
            give_rows(e, ph, x, r, r->result ? x->made_all : x->given_all);
            continue;
        }
        const places *p = &e->plan.places.items[r->places];
        give(e, p->first + r->next, r->result ? o->result : o->freed, x->number);
        if (++r->next == p->depth) r->next = 0;
    }
    if (x->queue != PLAN_NOTHING) {
        const places *p = &e->plan.places.items[x->queue];
        give(e, p->first + queue_slot(p, x), o->freed, x->number);
        if (e->watch) watch_queue(e, x->queue, o->freed, -1);
    }
}

// --- an event

static void begin(timing *e, plan_phase *ph, plan_insn *x) {
    enter(e, ph, x);
    x->frontier = max_i64(x->frontier, x->entered);
    if (x->places != PLAN_NOTHING) x->next_place = e->plan.places.items[x->places].row0;
    for (uint32_t k = x->first_release; k < x->end_release; k++)
        ph->releases.items[k].next = e->plan.places.items[ph->releases.items[k].places].row0;
    if (x->varies == COST_BY_STEP) price_step(e, ph, x);
}

static void finish(timing *e, plan_insn *x) {
    line *l = &e->lines[x->tile];
    uint64_t n = l->base + x->pc;
    l->ends[n & l->mask] = x->made_all;
    l->ended = max_i64(l->ended, x->made_all);
}

static inline void account(plan_insn *x, timing_cause cause, const outcome *o) {
    timing_ps from = x->frontier;
    x->n_rows++;
    if (o->start > from) {
        x->stalled[cause] += o->start - from;
        from = o->start;
    }
    if (o->freed > from) {
        timing_ps own = min_i64(o->freed - from, x->hold);
        x->used += own;
        x->stalled[TIMING_shared] += o->freed - from - own;
        from = o->freed;
    }
    x->frontier = from;
}

static void tell(timing *e, const plan_phase *ph, const plan_insn *x, const moment *m,
                 const outcome *o) {
    bool numbered = m->cause == TIMING_held || m->cause == TIMING_place || m->cause == TIMING_queue;
    uint32_t on = m->on;
    if (on == PLAN_NOTHING) on = x->place;
    if (numbered && m->on != PLAN_NOTHING) on = e->plan.all[m->on]->place;
    timing_event v = {.step = e->steps,
                      .phase = (uint32_t)(ph - e->plan.phase),
                      .place = x->place,
                      .tile = x->tile,
                      .pc = x->pc,
                      .row = x->row,
                      .entered = x->entered,
                      .start = o->start,
                      .result = o->result,
                      .freed = o->freed,
                      .cause = m->cause,
                      .on = on,
                      .since = m->t};
    e->observer(e->ctx, &v);
}

static inline void keep_times(timing *e, const plan_insn *x, const outcome *o) {
    const timing_ps times[KEPT] = {o->result, o->freed, x->made_all, x->given_all};
    for (int k = 0; k < KEPT; k++)
        if (x->kept[k].at != PLAN_NOTHING)
            e->plan.known.items[x->kept[k].at + ((uint32_t)x->row & x->kept[k].mask)] = times[k];
}

static inline void time_row(timing *e, plan_phase *ph, plan_insn *x) {
    moment m = {x->start, TIMING_order, PLAN_NOTHING};
    if (x->row == 0) {
        begin(e, ph, x);
        not_before(&m, x->entered, (timing_cause)x->entered_by, PLAN_NOTHING);
        waits_of_the_step(e, ph, x, &m);
    }
    for (uint32_t k = x->first_wait; k < x->first_once; k++) {
        const plan_wait *w = &ph->waits.items[k];
        not_before(&m, wait_for(e, ph, x, w), (timing_cause)w->cause, w->on);
    }
    if (x->places != PLAN_NOTHING) wait_for_place(e, x, &m);
    if (x->send != PLAN_NOTHING) wait_for_queues(e, ph, x, &m);
    if (x->varies == COST_BY_ROW) price_row(e, ph, x);
    if (x->first_held < x->end_held && x->holds) {
        hold(e, ph, x, &m);
        take_held(e, ph, x, m.t);
    }
    outcome o = {m.t, m.t + x->latency, m.t + x->hold};
    take_shared(e, ph, x, &o);
    if (x->send != PLAN_NOTHING) send(e, ph, x, &o);
    x->start = m.t;
    x->made_all = max_i64(x->made_all, o.result);
    x->given_all = max_i64(x->given_all, o.freed);
    keep_times(e, x, &o);
    give_back(e, ph, x, &o);
    account(x, m.cause, &o);
    if (e->observer) tell(e, ph, x, &m, &o);
    if (++x->row == x->rows) finish(e, x);
}

// --- a step: virtual times of the lag rule, and in each of them the verifier's order

// Those whose row 0 has the virtual time of by_lag[*at] go among the active ones, by place.
static uint32_t join(plan_phase *ph, uint32_t *at, uint32_t n_active) {
    uint32_t n = ph->d->n, end = *at, more = 0;
    int64_t v = ph->insns[ph->by_lag[end]].lag;
    while (end < n && ph->insns[ph->by_lag[end]].lag == v)
        more += ph->insns[ph->by_lag[end++]].rows > 0;
    uint32_t left = n_active, to = n_active + more;
    for (uint32_t k = end; k > *at; k--) { // from behind
        uint32_t i = ph->by_lag[k - 1];
        if (ph->insns[i].rows == 0) continue;
        while (left > 0 && ph->active[left - 1] > i) ph->active[--to] = ph->active[--left];
        ph->active[--to] = i;
    }
    *at = end;
    return n_active + more;
}

void engine_run(timing *e, plan_phase *ph) {
    uint32_t n = ph->d->n, n_active = 0, at = 0;
    for (int64_t v = 0; at < n || n_active; v++) {
        if (n_active == 0) v = ph->insns[ph->by_lag[at]].lag;
        if (at < n && ph->insns[ph->by_lag[at]].lag == v) n_active = join(ph, &at, n_active);
        bool ended = false;
        for (uint32_t k = 0; k < n_active; k++) {
            plan_insn *x = &ph->insns[ph->active[k]];
            if (x->step != 1 && (v - x->lag) % x->step) continue;
            time_row(e, ph, x);
            ended |= x->row == x->rows;
        }
        if (!ended) continue;
        uint32_t left = 0;
        for (uint32_t k = 0; k < n_active; k++)
            if (ph->insns[ph->active[k]].row < ph->insns[ph->active[k]].rows)
                ph->active[left++] = ph->active[k];
        n_active = left;
    }
}
