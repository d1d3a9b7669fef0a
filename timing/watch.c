// Spans of units and changes of queues, put in order of time before anybody is told.
//
// What a unit does next begins at its user's start or later, and starts of an instruction's rows
// are in order: whatever begins before the last starts of all users is there already.
#include "timing/engine.h"
#include <stdlib.h>

enum { HELD_BACK = 32 }; // before the first look at what may be told

typedef VEC(timing_span) spans;

typedef struct {
    timing_ps at;
    int change;
} queue_change;

typedef struct {
    VEC(queue_change) changes;
    size_t most;
    uint64_t rows; // in the queues, of all that was told
    VEC(uint32_t) users;
} tile_queues;

struct watch {
    const timing_watcher *w;
    spans *spans; // [unit]
    size_t *most; // [unit] spans held back before the next look
    tile_queues *queues;
    uint32_t *tile_of_queue; // [places]
    uint32_t n_tiles;
    size_t n_units;
};

// --- units

static void tell_spans(const timing *e, uint32_t unit, timing_ps before) {
    spans *s = &e->watch->spans[unit];
    size_t n = 0;
    while (n < s->count && s->items[n].from < before)
        e->watch->w->span(e->watch->w->ctx, &s->items[n++]);
    if (n == 0) return;
    s->count -= n;
    memmove(s->items, s->items + n, s->count * sizeof *s->items);
}

static void add_span(timing *e, const plan_insn *x, uint32_t unit, timing_ps from,
                     timing_ps until) {
    watch *w = e->watch;
    spans *s = &w->spans[unit];
    if (s->count >= w->most[unit]) {
        const busy *b = &e->plan.units.items[unit].busy;
        tell_spans(e, unit, engine_wanted_from(e, b->users, b->n_users));
        if (s->count > w->most[unit] / 2) w->most[unit] *= 2;
    }
    vec_push(s, ((timing_span){unit, from, until, e->steps, e->phase, x->tile, x->pc, x->row}));
    for (size_t k = s->count - 1; k > 0 && s->items[k - 1].from > from; k--) {
        timing_span later = s->items[k - 1];
        s->items[k - 1] = s->items[k];
        s->items[k] = later;
    }
}

void watch_held(timing *e, const plan_insn *x, uint32_t unit, timing_ps from, timing_ps time) {
    if (e->watch->w->span) add_span(e, x, unit, from, from + time);
}

// The pieces that busy_take is about to take.
void watch_shared(timing *e, const plan_insn *x, uint32_t unit, timing_ps from, timing_ps time) {
    if (!e->watch->w->span) return;
    const busy *b = &e->plan.units.items[unit].busy;
    if (b->single) {
        from = max_i64(from, b->free);
        add_span(e, x, unit, from, from + time);
        return;
    }
    uint32_t k = b->n;
    while (k > 0 && b->spans[k - 1].until > from) k--;
    for (; time > 0; k++) {
        timing_ps room = k < b->n ? b->spans[k].from - from : time, piece = min_i64(room, time);
        if (piece > 0) {
            add_span(e, x, unit, from, from + piece);
            time -= piece;
        }
        if (k < b->n) from = b->spans[k].until;
    }
}

// --- queues

static void tell_changes(const timing *e, uint32_t tile, timing_ps before) {
    tile_queues *q = &e->watch->queues[tile];
    size_t n = 0;
    while (n < q->changes.count && q->changes.items[n].at < before) {
        timing_ps at = q->changes.items[n].at;
        uint64_t rows = q->rows;
        for (; n < q->changes.count && q->changes.items[n].at == at; n++)
            rows += (uint64_t)(int64_t)q->changes.items[n].change;
        if (rows == q->rows) continue;
        q->rows = rows;
        timing_fill f = {tile, at, rows};
        e->watch->w->fill(e->watch->w->ctx, &f);
    }
    if (n == 0) return;
    q->changes.count -= n;
    memmove(q->changes.items, q->changes.items + n, q->changes.count * sizeof *q->changes.items);
}

void watch_queue(timing *e, uint32_t queue, timing_ps at, int change) {
    if (!e->watch->w->fill) return;
    uint32_t tile = e->watch->tile_of_queue[queue];
    tile_queues *q = &e->watch->queues[tile];
    if (q->changes.count >= q->most) {
        tell_changes(e, tile, engine_wanted_from(e, q->users.items, (uint32_t)q->users.count));
        if (q->changes.count > q->most / 2) q->most *= 2;
    }
    vec_push(&q->changes, ((queue_change){at, change}));
    for (size_t k = q->changes.count - 1; k > 0 && q->changes.items[k - 1].at > at; k--) {
        queue_change later = q->changes.items[k - 1];
        q->changes.items[k - 1] = q->changes.items[k];
        q->changes.items[k] = later;
    }
}

// Who sends into a tile's queues, and who receives from them.
static void find_users(const timing *e, watch *w) {
    const plan *x = &e->plan;
    for (uint32_t c = 0; c < x->p->n_channels; c++)
        for (uint32_t k = 0; k < x->p->channels[c].n_dests; k++) {
            uint32_t d = x->p->channels[c].first_dest + k;
            w->tile_of_queue[x->queues[d]] = x->p->dests[d];
        }
    for (uint32_t k = 0; k < x->p->n_phases; k++) {
        const plan_phase *ph = &x->phase[k];
        for (uint32_t i = 0; i < ph->d->n; i++) {
            const plan_insn *n = &ph->insns[i];
            if (n->queue != PLAN_NOTHING) vec_push(&w->queues[n->tile].users, n->number);
            if (n->send == PLAN_NOTHING) continue;
            const plan_send *s = &ph->sends.items[n->send];
            for (uint32_t d = s->first_dest; d < s->end_dest; d++)
                vec_push(&w->queues[w->tile_of_queue[ph->dests.items[d].queue]].users, n->number);
        }
    }
}

// --- steps, beginning and end

void watch_step(timing *e, const timing_launch *l, const timing_step_times *s) {
    if (e->watch->w->step) e->watch->w->step(e->watch->w->ctx, l, s);
}

void timing_watch(timing *e, const timing_watcher *watcher) {
    watch_free(e->watch);
    watch *w = e->watch = base_calloc(1, sizeof *w);
    w->w = watcher;
    w->n_units = e->plan.units.count;
    w->n_tiles = e->plan.p->n_tiles;
    w->spans = base_calloc(w->n_units + 1, sizeof *w->spans);
    w->most = base_calloc(w->n_units + 1, sizeof *w->most);
    w->queues = base_calloc(w->n_tiles + 1, sizeof *w->queues);
    w->tile_of_queue = base_calloc(e->plan.places.count + 1, sizeof *w->tile_of_queue);
    for (size_t k = 0; k < w->n_units; k++) w->most[k] = HELD_BACK;
    for (uint32_t t = 0; t < w->n_tiles; t++) w->queues[t].most = HELD_BACK;
    find_users(e, w);
}

void timing_watch_end(timing *e) {
    if (!e->watch) return;
    for (uint32_t k = 0; k < e->watch->n_units; k++) tell_spans(e, k, INT64_MAX);
    for (uint32_t t = 0; t < e->watch->n_tiles; t++) tell_changes(e, t, INT64_MAX);
}

void watch_free(watch *w) {
    if (!w) return;
    for (size_t k = 0; k < w->n_units; k++) vec_free(&w->spans[k]);
    for (uint32_t t = 0; t < w->n_tiles; t++) {
        vec_free(&w->queues[t].changes);
        vec_free(&w->queues[t].users);
    }
    free(w->spans);
    free(w->most);
    free(w->queues);
    free(w->tile_of_queue);
    free(w);
}
