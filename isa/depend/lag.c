#include "isa/depend/lag.h"
#include <stdlib.h>

enum { FAR = 1 << 30 };
static const int64_t LATEST = (int64_t)FAR << 30; // lags saturate there

// What is known of a set's members, or of one use: join by join.
typedef struct {
    int64_t last;    // largest lag
    int64_t used;    // largest lag, with the rows looked back
    int64_t first;   // smallest lag
    uint32_t writer; // whose: instruction
} summary;

typedef struct {
    const isa_depend *d;
    isa_lags *x;
    summary *uses, *joins;
    uint32_t known;    // joins that are summed up
    int64_t *floor;    // [tile] what follows from the instructions that left the active set
    int64_t *received; // [transfer] largest lag of its receives
    int64_t lag;       // of the instruction that is looked at
} lagger;

static int64_t later(int64_t lag, int64_t by) { return min_i64(LATEST, lag + by); }
static void not_before(lagger *g, int64_t lag) { g->lag = max_i64(g->lag, lag); }

// The step before is over: it asks for nothing.
static summary sum_up(lagger *g, isa_set s) {
    if (s == ISA_NOTHING || s & ISA_BEFORE) return (summary){-1, -1, INT64_MAX, 0};
    if (!isa_is_join(s)) return g->uses[s];
    for (; g->known <= isa_index(s); g->known++) {
        summary a = sum_up(g, g->d->joins[g->known].a), b = sum_up(g, g->d->joins[g->known].b);
        a.last = max_i64(a.last, b.last);
        a.used = max_i64(a.used, b.used);
        if (b.first < a.first) {
            a.first = b.first;
            a.writer = b.writer;
        }
        g->joins[g->known] = a;
    }
    return g->joins[isa_index(s)];
}

// Rows of its operand that a use needs, in rows of the root: after its own, and before it still.
static void reach_of(const isa_depend *d, const isa_use *u, int64_t *ahead, int64_t *back) {
    unsigned from = u->dom, to = isa_depend_insn(d, u->insn)->dom;
    int64_t step = d->dom[from].step;
    *ahead = *back = d->chunk;
    if (u->reach.all) {
        if (!u->reach.keep) *back = 0;
    } else if (isa_domains_related(d->dom, from, to) && d->dom[to].step == u->reach.rate * step) {
        *ahead = max_i64(0, u->reach.ahead) * step;
        *back = u->reach.back * step;
    }
}

static void ask(const lagger *g, isa_depth *worst, unsigned dom, int64_t first, int64_t used,
                uint32_t writer, uint32_t reader) {
    const isa_domain *x = &g->d->dom[dom];
    int64_t keep = used > first ? (used - first) / x->step : 0, need = min_i64(x->most, 1 + keep);
    if (need > worst->need) *worst = (isa_depth){need, keep, first, writer, reader};
}

static void wait_for_channel(lagger *g, const isa_node *node, const isa_insn *i) {
    const isa_transfer *t = &g->d->transfers[node->transfer];
    int64_t step = g->d->dom[g->d->p->channels[t->channel].dom].step;
    bool again = !(t->before & ISA_BEFORE);
    if (i->op != ISA_send) {
        not_before(g, g->x->lag[t->send]);
        if (again) not_before(g, later(g->received[t->before], g->d->chunk));
    } else if (again) {
        int64_t sent = g->x->lag[g->d->transfers[t->before].send];
        not_before(g, later(sent, g->d->chunk + step - 1));
        not_before(g, later(g->received[t->before], 1));
    }
}

static void step(lagger *g, uint32_t place, uint32_t active_set) {
    const isa_depend *d = g->d;
    const isa_node *node = &d->nodes[place];
    const isa_insn *i = isa_depend_insn(d, place);
    if (node->pc >= active_set) {
        uint32_t left = d->place[node->tile][node->pc - active_set];
        g->floor[node->tile] = max_i64(g->floor[node->tile], later(g->x->lag[left], d->chunk));
    }
    g->lag = g->floor[node->tile];
    for (uint32_t k = node->first_use; k < node[1].first_use; k++) {
        const isa_use *u = &d->uses[k];
        int64_t ahead = 0, back;
        if (u->kind == ISA_READS) reach_of(d, u, &ahead, &back);
        summary rows = sum_up(g, u->rows), over = sum_up(g, u->over);
        if (rows.used >= 0) not_before(g, later(rows.used, ahead));
        if (over.last >= 0) not_before(g, later(over.last, d->chunk));
    }
    if (node->transfer != ISA_NOTHING) wait_for_channel(g, node, i);
    g->x->lag[place] = g->lag;
    for (uint32_t k = node->first_use; k < node[1].first_use; k++) {
        const isa_use *u = &d->uses[k];
        int64_t ahead, back = 0;
        if (u->kind == ISA_READS) reach_of(d, u, &ahead, &back);
        g->uses[k] = (summary){g->lag, later(g->lag, back), g->lag, place};
    }
    for (uint32_t k = node->first_use; k < node[1].first_use; k++) {
        const isa_use *u = &d->uses[k];
        if (u->first == ISA_NOTHING) continue;
        summary first = sum_up(g, u->first);
        ask(g, &g->x->buffers[node->tile][u->parent], u->dom, first.first, g->uses[k].used,
            first.writer, place);
    }
    if (node->transfer == ISA_NOTHING || i->op == ISA_send) return;
    const isa_transfer *t = &d->transfers[node->transfer];
    g->received[node->transfer] = max_i64(g->received[node->transfer], g->lag);
    ask(g, &g->x->channels[t->channel], d->p->channels[t->channel].dom, g->x->lag[t->send], g->lag,
        t->send, place);
}

isa_lags isa_lags_new(const isa_depend *d, uint32_t active_set, arena *a) {
    const isa_program *p = d->p;
    isa_lags x = {.lag = ARENA_ARRAY(a, int64_t, d->n + 1),
                  .buffers = ARENA_ARRAY(a, isa_depth *, p->n_tiles + 1),
                  .channels = ARENA_ARRAY(a, isa_depth, p->n_channels + 1)};
    lagger g = {.d = d, .x = &x, .known = d->joins_before};
    g.uses = base_calloc((size_t)d->n_uses + 1, sizeof *g.uses);
    g.joins = base_calloc((size_t)d->n_joins + 1, sizeof *g.joins);
    g.floor = base_calloc((size_t)p->n_tiles + 1, sizeof *g.floor);
    g.received = base_calloc((size_t)d->n_transfers + 1, sizeof *g.received);
    for (uint32_t k = 0; k < d->n_transfers; k++) g.received[k] = -1;
    for (uint32_t t = 0; t < p->n_tiles; t++)
        x.buffers[t] = ARENA_ARRAY(a, isa_depth, p->tiles[t].n_buffers + 1);
    for (uint32_t k = 0; k < d->n; k++) step(&g, k, active_set);
    for (uint32_t t = 0; t < p->n_tiles; t++)
        for (uint32_t b = 0; b < p->tiles[t].n_buffers; b++)
            x.buffers[t][b] = x.buffers[t][p->tiles[t].buffers[b].parent];
    free(g.uses);
    free(g.joins);
    free(g.floor);
    free(g.received);
    return x;
}
