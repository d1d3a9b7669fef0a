// Dependences as lists: the sets of a program, written out.
#include "isa/depend/depend.h"
#include "support/vec.h"

typedef struct {
    const isa_depend *d;
    isa_wait *items; // NULL: they are counted only
    uint32_t *at;    // [n + 1] waits of each instruction so far, or where its next one goes
    VEC(isa_set) stack;
    uint64_t left; // members and joins that may still be looked at
    uint32_t *seen,
        turn; // [2 n_uses] in which set a use was met last, of this step and the one before
} lister;

static void put(lister *l, uint32_t insn, isa_wait w) {
    if (l->items) l->items[l->at[insn]] = w;
    l->at[insn]++;
}

// Calls `f` once for every member of a set.
static void each(lister *l, isa_set s, void (*f)(lister *l, uint32_t use, uint32_t on, bool before),
                 uint32_t use) {
    if (s == ISA_NOTHING) return;
    l->turn++;
    vec_clear(&l->stack);
    vec_push(&l->stack, s);
    while (l->stack.count > 0 && l->left > 0) {
        l->left--;
        isa_set x = l->stack.items[--l->stack.count];
        uint32_t before = x & ISA_BEFORE;
        if (isa_is_join(x)) {
            const isa_join *j = &l->d->joins[isa_index(x)];
            vec_push(&l->stack, j->a | before);
            vec_push(&l->stack, j->b | before);
        } else if (l->seen[2 * isa_index(x) + (before != 0)] != l->turn) {
            l->seen[2 * isa_index(x) + (before != 0)] = l->turn;
            f(l, use, isa_index(x), before != 0);
        }
    }
}

static void wait_for_rows(lister *l, uint32_t use, uint32_t on, bool before) {
    const isa_use *u = &l->d->uses[use];
    isa_wait_kind kind = u->kind == ISA_READS ? ISA_WAIT_MADE : ISA_WAIT_DONE;
    put(l, u->insn, (isa_wait){(uint8_t)kind, before, on, use});
}

static void wait_for_end(lister *l, uint32_t use, uint32_t on, bool before) {
    const isa_depend *d = l->d;
    put(l, d->uses[use].insn, (isa_wait){ISA_WAIT_END, before, d->uses[on].insn, use});
}

// Here the member waits for the use.
static void give_place(lister *l, uint32_t use, uint32_t first, bool before) {
    const isa_use *u = &l->d->uses[use], *w = &l->d->uses[first];
    if (w->insn != u->insn) put(l, w->insn, (isa_wait){ISA_WAIT_PLACE, before, use, first});
}

static void wait_for_transfers(lister *l, uint32_t place) {
    const isa_depend *d = l->d;
    uint32_t number = d->nodes[place].transfer;
    const isa_transfer *t = &d->transfers[number], *last = &d->transfers[isa_index(t->before)];
    const isa_channel *c = &d->p->channels[t->channel];
    bool before = t->before & ISA_BEFORE;
    if (place == t->send) {
        put(l, place, (isa_wait){ISA_WAIT_END, before, last->send, number});
        for (uint32_t k = 0; k < c->n_dests; k++)
            put(l, place, (isa_wait){ISA_WAIT_ROOM, false, k, number});
        return;
    }
    uint32_t k = d->nodes[place].dest;
    put(l, place, (isa_wait){ISA_WAIT_SENT, false, t->send, number});
    put(l, place, (isa_wait){ISA_WAIT_END, before, d->recvs[last->first_recv + k], number});
}

static void list_all(lister *l) {
    const isa_depend *d = l->d;
    for (uint32_t u = 0; u < d->n_uses; u++) {
        each(l, d->uses[u].rows, wait_for_rows, u);
        each(l, d->uses[u].over, wait_for_end, u);
        each(l, d->uses[u].first, give_place, u);
    }
    for (uint32_t k = 0; k < d->n; k++)
        if (d->nodes[k].transfer != ISA_NOTHING) wait_for_transfers(l, k);
}

isa_waits isa_waits_new(const isa_depend *d) {
    isa_waits w;
    CHECK(isa_waits_within(d, UINT32_MAX - 1, &w), "a list too long to be counted");
    return w;
}

bool isa_waits_within(const isa_depend *d, uint64_t most, isa_waits *out) {
    *out = (isa_waits){.first = base_calloc((size_t)d->n + 1, sizeof *out->first)};
    lister l = {.d = d, .at = base_calloc((size_t)d->n + 1, sizeof *l.at), .left = most};
    l.seen = base_calloc(2 * (size_t)d->n_uses + 1, sizeof *l.seen);
    list_all(&l);
    bool ok = l.left > 0;
    for (uint32_t k = 0; ok && k < d->n; k++) {
        out->first[k + 1] = out->first[k] + l.at[k];
        l.at[k] = out->first[k];
    }
    if (ok) {
        out->items = l.items = base_alloc(((size_t)out->first[d->n] + 1) * sizeof *out->items);
        l.left = most;
        list_all(&l);
    } else {
        isa_waits_free(out);
    }
    vec_free(&l.stack);
    free(l.seen);
    free(l.at);
    return ok;
}

void isa_waits_free(isa_waits *w) {
    free(w->items);
    free(w->first);
    *w = (isa_waits){0};
}

// Row `row` of what a channel carries, counted from the transfer on; rows before it belong to those
// before. Its receive at the k-th destination.
static bool find_received(const isa_depend *d, uint32_t transfer, uint32_t k, int64_t rows,
                          uint32_t *place, int64_t *row) {
    while (*row < 0) {
        transfer = d->transfers[transfer].before;
        if (transfer & ISA_BEFORE) return false;
        *row += rows;
    }
    *place = d->recvs[d->transfers[transfer].first_recv + k];
    return true;
}

bool isa_wait_event(const isa_depend *d, const isa_wait *w, int64_t r,
                    const int64_t rows[ISA_DOMAINS], uint32_t *place, int64_t *row) {
    *row = r;
    switch ((isa_wait_kind)w->kind) {
    case ISA_WAIT_MADE: {
        const isa_use *use = &d->uses[w->use];
        *place = d->uses[w->on].insn;
        *row = isa_reach_needs(&use->reach, r, rows[use->dom]);
        break;
    }
    case ISA_WAIT_PLACE:
    case ISA_WAIT_DONE: {
        const isa_use *on = &d->uses[w->on], *use = &d->uses[w->use];
        const isa_tile *t = &d->p->tiles[d->nodes[use->insn].tile];
        if (w->kind == ISA_WAIT_PLACE) r -= t->buffers[use->buffer].depth;
        *place = on->insn;
        *row = r < 0 ? -1 : isa_reach_until(&on->reach, r, isa_depend_rows(d, *place, rows));
        break;
    }
    case ISA_WAIT_END:
        *place = w->on;
        *row = isa_depend_rows(d, *place, rows) - 1;
        break;
    case ISA_WAIT_SENT: *place = w->on; break;
    case ISA_WAIT_ROOM: {
        const isa_channel *c = &d->p->channels[d->transfers[w->use].channel];
        *row = r - c->depth;
        return find_received(d, w->use, w->on, rows[c->dom], place, row);
    }
    }
    return *row >= 0;
}
