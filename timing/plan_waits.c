// What rows wait for, and what they give back: isa/depend's lists, as the engine wants them.
#include "isa/operand.h"
#include "timing/plan.h"
#include <stdlib.h>

// --- how far back a time is asked for

typedef struct {
    plan *x;
    plan_phase *ph;
    const isa_lags *lags;
    int64_t (*rows)[KEPT]; // [n] to be kept; 0: none
} keeper;

static int64_t most_rows(const keeper *k, uint32_t place) {
    return k->ph->d->dom[k->ph->insns[place].dom].most;
}

// Rows of `on` between the newest that is timed and row * rate + ahead, when i times its row.
static int64_t rows_between(const keeper *k, uint32_t i, uint32_t on, int64_t rate, int64_t ahead) {
    const plan_insn *a = &k->ph->insns[i], *b = &k->ph->insns[on];
    int64_t most = most_rows(k, on), behind = a->lag - b->lag;
    if ((int64_t)a->step != rate * b->step || behind < 0) return most;
    return clamp_i64(behind / b->step - ahead + 1, 1, most);
}

static void keep(int64_t *rows, int64_t n) { *rows = max_i64(*rows, n); }

static uint32_t power_of_two(int64_t n) {
    uint32_t p = 1;
    while (p < n) p *= 2;
    return p;
}

static uint32_t new_known(plan *x, int64_t rows, uint32_t *mask) {
    uint32_t n = power_of_two(rows), at = (uint32_t)x->known.count;
    *mask = n - 1;
    for (uint32_t r = 0; r < n; r++) vec_push(&x->known, 0);
    return at;
}

// --- places

static uint32_t places_of(plan *x, plan_insn *w, uint32_t depth, uint8_t dom) {
    if (w->places != PLAN_NOTHING) return w->places;
    w->places = (uint32_t)x->places.count;
    vec_push(&x->places, ((places){(uint32_t)x->slots.count, depth, 0, w->place, dom}));
    for (uint32_t r = 0; r < depth; r++) vec_push(&x->slots, ((slot){.by = PLAN_NOTHING}));
    return w->places;
}

typedef struct {
    uint32_t on;
    plan_release r;
} given_back;
typedef VEC(given_back) all_given;

static int by_reader(const void *x, const void *y) {
    const given_back *a = x, *b = y;
    if (a->on != b->on) return a->on < b->on ? -1 : 1;
    return a->r.places < b->r.places ? -1 : a->r.places > b->r.places;
}

static bool same_release(const given_back *a, const given_back *b) {
    const isa_reach *x = &a->r.reach, *y = &b->r.reach;
    return a->on == b->on && a->r.places == b->r.places && a->r.result == b->r.result &&
           x->all == y->all && x->keep == y->keep && x->back == y->back && x->rate == y->rate;
}

static void add_place(keeper *k, uint32_t writer, const isa_wait *w, all_given *list) {
    const isa_depend *d = k->ph->d;
    const isa_use *on = &d->uses[w->on], *first = &d->uses[w->use];
    uint32_t depth = d->p->tiles[d->nodes[writer].tile].buffers[first->buffer].depth;
    given_back g = {.on = on->insn};
    g.r.places = places_of(k->x, &k->ph->insns[writer], depth, first->dom);
    g.r.reach = on->reach;
    g.r.result = on->kind == ISA_WRITES;
    g.r.row_by_row = !on->reach.keep && on->reach.back == 0 && on->reach.rate == 1 &&
                     first->dom == k->ph->insns[on->insn].dom;
    vec_push(list, g);
}

static void add_releases(keeper *k, all_given *list) {
    if (list->count) qsort(list->items, list->count, sizeof *list->items, by_reader);
    size_t at = 0;
    for (uint32_t i = 0; i < k->ph->d->n; i++) {
        plan_insn *x = &k->ph->insns[i];
        x->first_release = (uint32_t)k->ph->releases.count;
        for (; at < list->count && list->items[at].on == i; at++)
            if (at == 0 || !same_release(&list->items[at - 1], &list->items[at]))
                vec_push(&k->ph->releases, list->items[at].r);
        x->end_release = (uint32_t)k->ph->releases.count;
    }
}

// --- waits

static timing_cause cause_of(const isa_wait *w) {
    switch ((isa_wait_kind)w->kind) {
    case ISA_WAIT_MADE: return TIMING_operand;
    case ISA_WAIT_DONE:
    case ISA_WAIT_PLACE: return TIMING_place;
    case ISA_WAIT_END: return TIMING_names;
    case ISA_WAIT_SENT: return TIMING_arrival;
    case ISA_WAIT_ROOM: return TIMING_queue;
    }
    return TIMING_names;
}

static bool is_router(const plan_insn *i) {
    return i->op == ISA_send || i->op == ISA_recv || i->op == ISA_recvadd;
}

// PLAN_NOTHING in `on`: the engine has it elsewhere, or it says nothing.
static plan_wait wait_of(keeper *k, uint32_t i, const isa_wait *w) {
    const isa_depend *d = k->ph->d;
    const plan_insn *self = &k->ph->insns[i];
    plan_wait x = {.on = PLAN_NOTHING, .cause = (uint8_t)cause_of(w), .rate = 1};
    switch ((isa_wait_kind)w->kind) {
    case ISA_WAIT_MADE: {
        const isa_use *use = &d->uses[w->use];
        x.on = d->uses[w->on].insn;
        x.dom = use->dom;
        if (use->reach.all) {
            x.how = WAIT_ALL;
            break;
        }
        x.rate = use->reach.rate;
        x.ahead = use->reach.ahead;
        bool same = x.rate == 1 && x.ahead == 0 && use->dom == self->dom;
        x.how = same ? WAIT_ROW : WAIT_REACH;
        x.at = same ? KEPT_MADE : KEPT_MADE_UP_TO; // until they have places
        keep(&k->rows[x.on][x.at], rows_between(k, i, x.on, x.rate, x.ahead));
        break;
    }
    case ISA_WAIT_DONE: {
        const isa_use *on = &d->uses[w->on];
        x.on = on->insn;
        x.dom = on->dom;
        bool result = on->kind == ISA_WRITES;
        if (on->reach.keep) {
            x.how = WAIT_FREED;
            break;
        }
        x.rate = on->reach.rate;
        x.ahead = on->reach.back;
        bool same = x.rate == 1 && x.ahead == 0 && k->ph->insns[x.on].dom == self->dom;
        x.how = same ? WAIT_ROW : WAIT_UNTIL;
        int64_t rows = same ? rows_between(k, i, x.on, 1, 0) : most_rows(k, x.on);
        x.at = same ? (result ? KEPT_MADE : KEPT_GIVEN)
                    : (result ? KEPT_MADE_UP_TO : KEPT_GIVEN_UP_TO);
        keep(&k->rows[x.on][x.at], rows);
        break;
    }
    case ISA_WAIT_END: {
        x.on = w->on;
        x.how = w->before ? WAIT_BEFORE : WAIT_ALL;
        bool ring = !is_router(self) && (d->uses[w->use].kind == ISA_READS_RING ||
                                         d->uses[w->use].kind == ISA_WRITES_RING);
        if (w->before && ring) x.how = WAIT_RING_WAS;
        // A channel's rows go on from step to step, in order.
        if (w->before && is_router(self) && x.on == i) x.on = PLAN_NOTHING;
        break;
    }
    case ISA_WAIT_SENT: x.on = w->on, x.how = WAIT_ROW; break;
    case ISA_WAIT_PLACE:
    case ISA_WAIT_ROOM: break;
    }
    return x;
}

static int by_kind(const void *p, const void *q) {
    const plan_wait *a = p, *b = q;
    bool x = a->how > WAIT_UNTIL, y = b->how > WAIT_UNTIL;
    if (x != y) return x ? 1 : -1;
    if (a->how != b->how) return a->how < b->how ? -1 : 1;
    if (a->on != b->on) return a->on < b->on ? -1 : 1;
    if (a->rate != b->rate) return a->rate < b->rate ? -1 : 1;
    if (a->ahead != b->ahead) return a->ahead < b->ahead ? -1 : 1;
    if (a->at != b->at) return a->at < b->at ? -1 : 1;
    return a->cause < b->cause ? -1 : a->cause > b->cause;
}

static void add_waits(keeper *k, uint32_t i, const isa_waits *all, all_given *given) {
    plan_phase *ph = k->ph;
    plan_insn *x = &ph->insns[i];
    x->first_wait = (uint32_t)ph->waits.count;
    for (uint32_t w = all->first[i]; w < all->first[i + 1]; w++) {
        if (all->items[w].kind == ISA_WAIT_PLACE) add_place(k, i, &all->items[w], given);
        plan_wait one = wait_of(k, i, &all->items[w]);
        if (one.on != PLAN_NOTHING) vec_push(&ph->waits, one);
    }
    uint32_t n = (uint32_t)ph->waits.count - x->first_wait, kept = 0;
    plan_wait *items = n ? ph->waits.items + x->first_wait : NULL;
    if (n) qsort(items, n, sizeof *items, by_kind);
    for (uint32_t w = 0; w < n; w++)
        if (kept == 0 || by_kind(&items[kept - 1], &items[w]) != 0) items[kept++] = items[w];
    ph->waits.count = x->end_wait = x->first_wait + kept;
    x->first_once = x->first_wait;
    while (x->first_once < x->end_wait && ph->waits.items[x->first_once].how <= WAIT_UNTIL)
        x->first_once++;
}

// --- sends and their ways

static uint32_t link_to(keeper *k, const plan_send *s, uint32_t number, uint32_t before) {
    plan_phase *ph = k->ph;
    for (uint32_t l = s->first_link; l < ph->links.count; l++)
        if (ph->links.items[l].unit == number) return l - s->first_link;
    vec_push(&ph->links, ((plan_link){number, before}));
    return (uint32_t)ph->links.count - 1 - s->first_link;
}

static int64_t most_waiting(const keeper *k, const plan_insn *send) {
    const isa_transfer *t = &k->ph->d->transfers[k->ph->d->nodes[send->place].transfer];
    const isa_channel *c = &k->x->p->channels[t->channel];
    int64_t rows = 1;
    for (uint32_t q = 0; q < c->n_dests; q++) {
        uint32_t to = k->ph->d->recvs[t->first_recv + q];
        rows = max_i64(rows, rows_between(k, to, send->place, 1, 0));
    }
    return rows;
}

// Links by number of the mesh; plan_units_of turns them into units.
static void add_send(keeper *k, plan_insn *i) {
    plan *x = k->x;
    plan_phase *ph = k->ph;
    const isa_channel *c = &x->p->channels[isa_depend_insn(ph->d, i->place)->x];
    plan_send s = {.first_link = (uint32_t)ph->links.count,
                   .first_dest = (uint32_t)ph->dests.count};
    s.hop = duration_ps(duration_ns(x->m->time.hop));
    int64_t rows = most_waiting(k, i);
    for (uint32_t q = 0; q < c->n_dests; q++) {
        uint32_t at = c->source, to = x->p->dests[c->first_dest + q], last = PLAN_NOTHING;
        while (at != to) {
            mesh_direction way = mesh_towards(&x->mesh, at, to);
            last = link_to(k, &s, mesh_link(at, way), last);
            at = mesh_next(&x->mesh, at, way);
        }
        plan_dest d = {.link = last, .queue = x->queues[c->first_dest + q]};
        d.at = new_known(x, rows, &d.mask);
        vec_push(&ph->dests, d);
    }
    s.end_link = (uint32_t)ph->links.count;
    s.end_dest = (uint32_t)ph->dests.count;
    if (s.end_link - s.first_link > x->most_links) x->most_links = s.end_link - s.first_link;
    i->send = (uint32_t)ph->sends.count;
    vec_push(&ph->sends, s);
}

static void add_transfers(keeper *k) {
    plan_phase *ph = k->ph;
    const isa_depend *d = ph->d;
    uint32_t *before = base_calloc((size_t)d->n_transfers + 1, sizeof *before);
    for (uint32_t t = 0; t < d->n_transfers; t++)
        if (!(d->transfers[t].before & ISA_BEFORE)) before[t] = before[d->transfers[t].before] + 1;
    for (uint32_t i = 0; i < d->n; i++)
        if (d->nodes[i].transfer != ISA_NOTHING)
            ph->insns[i].uses_before = before[d->nodes[i].transfer];
    free(before);
    for (uint32_t i = 0; i < ph->d->n; i++)
        if (ph->insns[i].op == ISA_send) add_send(k, &ph->insns[i]);
    for (uint32_t i = 0; i < ph->d->n; i++) {
        plan_insn *x = &ph->insns[i];
        if (x->op != ISA_recv && x->op != ISA_recvadd) continue;
        uint32_t channel = isa_depend_insn(ph->d, i)->x;
        x->queue = k->x->queues[k->x->p->channels[channel].first_dest + ph->d->nodes[i].dest];
    }
}

// --- times that are kept get their places

static void place_known(keeper *k) {
    for (uint32_t i = 0; i < k->ph->d->n; i++) {
        plan_insn *x = &k->ph->insns[i];
        for (int j = 0; j < KEPT; j++)
            if (k->rows[i][j]) x->kept[j].at = new_known(k->x, k->rows[i][j], &x->kept[j].mask);
    }
    for (uint32_t i = 0; i < k->ph->d->n; i++)
        for (uint32_t w = k->ph->insns[i].first_wait; w < k->ph->insns[i].end_wait; w++) {
            plan_wait *x = &k->ph->waits.items[w];
            const plan_insn *on = &k->ph->insns[x->on];
            if (x->how == WAIT_RING_WAS) {
                x->at = k->x->n_ring_ends++;
                vec_push(&k->ph->ring_waits, w);
            }
            if (x->how > WAIT_UNTIL) continue;
            if (x->cause == TIMING_arrival) {
                const plan_send *s = &k->ph->sends.items[on->send];
                const plan_dest *to = &k->ph->dests.items[s->first_dest + k->ph->d->nodes[i].dest];
                x->at = to->at, x->mask = to->mask;
                continue;
            }
            plan_kept kept = on->kept[x->at];
            x->at = kept.at;
            x->mask = kept.mask;
        }
}

bool plan_waits_of(plan *x, plan_phase *ph, const isa_lags *lags) {
    uint32_t n = ph->d->n;
    isa_waits all;
    if (!isa_waits_within(ph->d, x->budget.limit[BUDGET_waits], &all)) return false;
    keeper k = {x, ph, lags, base_calloc((size_t)n + 1, sizeof *k.rows)};
    all_given given = {0};
    for (uint32_t i = 0; i < n; i++) add_waits(&k, i, &all, &given);
    add_releases(&k, &given);
    add_transfers(&k);
    place_known(&k);
    isa_waits_free(&all);
    vec_free(&given);
    free(k.rows);
    return true;
}
