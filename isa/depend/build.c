// The walk that finds out who waits for whom: all instructions of a phase in their order, twice.
// The first time only learns what a step leaves behind: who owns which bytes and rings, and who
// used them. The second time is a step behind another one, and makes all sets.
#include "isa/depend/columns.h"
#include "isa/operand.h"

typedef struct {
    isa_depend *d;
    depend_tile *tiles;
    VEC(isa_use) uses;
    depend_joins joins;
    VEC(isa_transfer) transfers;
    VEC(uint32_t) recvs;
    uint32_t *last_transfer; // [channel]
    isa_dests dests;
    bool learning; // the first time
    // the instruction
    uint32_t place;
    const isa_node *node;
    const isa_tile *t;
    const isa_insn *i;
    depend_tile *s;
} walk;

// --- one instruction

static isa_use *use_at(walk *w, uint32_t use) { return &w->uses.items[use]; }

static isa_use *add_use(walk *w, isa_use_kind kind, const isa_operand *o) {
    isa_use u = {.insn = w->place,
                 .kind = (uint8_t)kind,
                 .field = o->field,
                 .dom = w->i->dom,
                 .buffer = (uint16_t)isa_operand_get(w->i, o->field),
                 .reach = {.rate = 1},
                 .rows = ISA_NOTHING,
                 .first = ISA_NOTHING,
                 .over = ISA_NOTHING};
    vec_push(&w->uses, u);
    return &w->uses.items[w->uses.count - 1];
}

static void add_buffer(walk *w, isa_use_kind kind, const isa_operand *o) {
    isa_use *u = add_use(w, kind, o);
    u->dom = w->t->buffers[u->buffer].dom;
    u->parent = w->t->buffers[u->buffer].parent;
    u->from = w->t->buffers[u->buffer].parent == u->buffer ? 0 : w->t->buffers[u->buffer].col0;
    u->until = u->from + w->t->buffers[u->buffer].width;
    if (kind == ISA_READS) u->reach = isa_reach_of(w->d->p, w->node->tile, w->i, o);
}

// Who made the rows that are read.
static void find_source(walk *w, uint32_t use) {
    isa_use *u = use_at(w, use);
    const depend_owner *o = &w->s->owners[u->parent];
    const depend_span *x = NULL;
    bool written = depend_is_written(w->s, u->parent);
    if (written && o->dom != u->dom) {
        u->fault = ISA_OTHER_DOMAIN;
        u->held = o->dom;
    } else if (!(x = depend_columns_find(w->s, u->buffer, &w->joins))) {
        u->fault = o->lost && !written ? ISA_OVERWRITTEN : ISA_UNWRITTEN;
    } else {
        u->rows = x->made;
    }
}

// The source has been read; the destination may have taken its bytes before.
static void use_source(walk *w, uint32_t use, uint32_t destination) {
    isa_use *u = use_at(w, use);
    depend_owner *o = &w->s->owners[u->parent];
    if (u->fault != ISA_SOUND) return;
    if (!w->learning) {
        // Not its own in another domain: that is no question of bytes.
        bool taken = !depend_is_written(w->s, u->parent);
        if (taken && u->parent != destination) u->fault = ISA_TAKEN;
        if (taken) return;
        depend_span *x = depend_span_at(w->s, ranges_begin(&w->s->columns, w->s->from[u->buffer]));
        u->first = x->first;
        x->users = depend_join(&w->joins, x->users, use);
    }
    o->all = depend_join(&w->joins, o->all, use);
}

static void write_destination(walk *w, uint32_t use) {
    isa_use *u = use_at(w, use);
    depend_owner *o = &w->s->owners[u->parent];
    if (!w->learning) u->first = depend_columns_write(w->s, u->buffer, use, &w->joins);
    o->all = depend_join(&w->joins, o->all, use);
}

static void use_ring(walk *w, uint32_t use) {
    isa_use *u = use_at(w, use);
    isa_set *writer = &w->s->ring_writer[u->buffer], *readers = &w->s->ring_readers[u->buffer];
    if (u->kind == ISA_READS_RING) {
        u->over = *writer;
        *readers = depend_join(&w->joins, *readers, use);
    } else {
        u->over = *readers;
        *readers = ISA_NOTHING;
        *writer = use;
    }
}

static void use_channel(walk *w) {
    isa_depend *d = w->d;
    const isa_channel *c = &d->p->channels[w->i->x];
    uint32_t transfer;
    if (w->i->op == ISA_send) {
        transfer = (uint32_t)w->transfers.count;
        vec_push(&w->transfers, ((isa_transfer){w->i->x, w->place, w->last_transfer[w->i->x],
                                                (uint32_t)w->recvs.count}));
        w->last_transfer[w->i->x] = transfer;
        for (uint32_t k = 0; k < c->n_dests; k++) vec_push(&w->recvs, ISA_NOTHING);
    } else { // the one that is under way: the next send waits until all have received
        transfer = w->last_transfer[w->i->x];
        uint32_t k = isa_dest_find(&w->dests, w->i->x, w->node->tile) - c->first_dest;
        w->recvs.items[w->transfers.items[transfer].first_recv + k] = w->place;
        d->nodes[w->place].dest = k;
    }
    d->nodes[w->place].transfer = transfer;
}

static void collect_uses(walk *w) {
    const isa_info *info = isa_info_of(w->i->op);
    w->d->nodes[w->place].first_use = (uint32_t)w->uses.count;
    w->d->nodes[w->place].transfer = ISA_NOTHING;
    for (unsigned k = 0; k < info->n_operands; k++) {
        const isa_operand *o = &info->operands[k];
        if (isa_operand_absent(o, w->i)) continue;
        if (o->kind == ISA_KIND_buf)
            add_buffer(w, k == 0 && isa_has_result(info) ? ISA_WRITES : ISA_READS, o);
        if (o->kind == ISA_KIND_ring)
            add_use(w, isa_writes_ring(w->i) ? ISA_WRITES_RING : ISA_READS_RING, o);
    }
    w->d->nodes[w->place + 1].first_use = (uint32_t)w->uses.count;
}

static void step(walk *w) {
    if (w->learning) collect_uses(w);
    uint32_t first = w->d->nodes[w->place].first_use, end = w->d->nodes[w->place + 1].first_use;
    uint32_t written = ISA_NOTHING, destination = ISA_NOTHING;
    for (uint32_t u = first; u < end; u++) {
        if (use_at(w, u)->kind == ISA_WRITES) written = u;
        if (use_at(w, u)->kind == ISA_READS && !w->learning) find_source(w, u);
    }
    if (written != ISA_NOTHING) {
        isa_use *u = use_at(w, written);
        destination = u->parent;
        u->over = depend_claim(w->s, u->parent, u->dom, &w->joins);
        if (!w->learning) u->rows = depend_columns_users(w->s, u->buffer, &w->joins);
    }
    for (uint32_t u = first; u < end; u++) {
        if (use_at(w, u)->kind == ISA_READS) use_source(w, u, destination);
        if (use_at(w, u)->kind == ISA_READS_RING || use_at(w, u)->kind == ISA_WRITES_RING)
            use_ring(w, u);
    }
    if (written != ISA_NOTHING) write_destination(w, written);
    bool router = w->i->op == ISA_send || w->i->op == ISA_recv || w->i->op == ISA_recvadd;
    if (router && !w->learning) use_channel(w);
}

// --- all of them

static void mark_before(isa_set *s) {
    if (*s != ISA_NOTHING) *s |= ISA_BEFORE;
}

static void walk_order(walk *w, uint32_t n) {
    for (w->place = 0; w->place < n; w->place++) {
        w->node = &w->d->nodes[w->place];
        w->t = &w->d->p->tiles[w->node->tile];
        w->i = isa_depend_insn(w->d, w->place);
        w->s = &w->tiles[w->node->tile];
        step(w);
    }
}

// What the next step finds: everything that was used is of the step before.
static void next_step(walk *w) {
    for (uint32_t t = 0; t < w->d->p->n_tiles; t++) {
        for (uint32_t b = 0; b < w->d->p->tiles[t].n_buffers; b++)
            mark_before(&w->tiles[t].owners[b].all);
        for (uint32_t r = 0; r < w->d->p->tiles[t].n_rings; r++) {
            mark_before(&w->tiles[t].ring_writer[r]);
            mark_before(&w->tiles[t].ring_readers[r]);
        }
    }
    w->learning = false;
}

isa_depend *isa_depend_new(const isa_program *p, uint32_t phase, const isa_step *order,
                           uint32_t n) {
    isa_depend *d = base_calloc(1, sizeof *d);
    d->p = p;
    d->phase = phase;
    d->n = n;
    d->arena = arena_new();
    isa_domains(p, phase, d->dom);
    d->chunk = isa_domains_chunk(d->dom);
    d->nodes = ARENA_ARRAY(d->arena, isa_node, n + 1);
    d->place = ARENA_ARRAY(d->arena, uint32_t *, p->n_tiles + 1);
    walk w = {.d = d, .dests = isa_dests_new(p)};
    w.tiles = base_calloc((size_t)p->n_tiles + 1, sizeof *w.tiles);
    w.last_transfer = base_calloc((size_t)p->n_channels + 1, sizeof *w.last_transfer);
    for (uint32_t c = 0; c < p->n_channels; c++) w.last_transfer[c] = ISA_NOTHING;
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        d->place[t] = ARENA_ARRAY(d->arena, uint32_t, p->tiles[t].phase[phase].count + 1);
        w.tiles[t] = depend_tile_new(d->arena, &p->tiles[t]);
    }
    for (uint32_t k = 0; k < n; k++) {
        d->nodes[k] = (isa_node){.tile = order[k].tile, .pc = order[k].pc};
        d->place[order[k].tile][order[k].pc] = k;
    }
    w.learning = true;
    walk_order(&w, n);
    d->joins_before = (uint32_t)w.joins.count;
    next_step(&w);
    walk_order(&w, n);
    for (size_t k = 0; k < w.transfers.count; k++) {
        isa_transfer *x = &w.transfers.items[k];
        if (x->before == ISA_NOTHING) x->before = w.last_transfer[x->channel] | ISA_BEFORE;
    }
    d->uses = w.uses.items;
    d->n_uses = (uint32_t)w.uses.count;
    d->joins = w.joins.items;
    d->n_joins = (uint32_t)w.joins.count;
    d->transfers = w.transfers.items;
    d->n_transfers = (uint32_t)w.transfers.count;
    d->recvs = w.recvs.items;
    free(w.tiles);
    free(w.last_transfer);
    isa_dests_free(&w.dests);
    return d;
}

void isa_depend_free(isa_depend *d) {
    if (!d) return;
    free(d->uses);
    free(d->joins);
    free(d->transfers);
    free(d->recvs);
    arena_free(d->arena);
    free(d);
}

int64_t isa_depend_rows(const isa_depend *d, uint32_t place, const int64_t rows[ISA_DOMAINS]) {
    const isa_insn *i = isa_depend_insn(d, place);
    return isa_info_of(i->op)->unit == ISA_UNIT_control ? 1 : rows[i->dom];
}
