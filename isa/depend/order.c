// The order of instructions over all tiles (docs/isa.md, "Order"): each tile advances until an
// instruction has to wait. The k-th recv of a channel waits for its k-th send; a send waits until
// every destination has received the use before, so that a channel carries one use at a time.
#include "isa/depend/order.h"
#include "support/num/random.h"
#include "support/vec.h"

// --- destinations

static int by_tile(const void *x, const void *y) {
    const struct isa_dest *a = x, *b = y;
    if (a->tile != b->tile) return a->tile < b->tile ? -1 : 1;
    return a->entry < b->entry ? -1 : a->entry > b->entry;
}

isa_dests isa_dests_new(const isa_program *p) {
    isa_dests d = {p, base_calloc((size_t)p->n_dests + 1, sizeof *d.by_tile)};
    for (uint32_t i = 0; i < p->n_dests; i++) d.by_tile[i] = (struct isa_dest){p->dests[i], i};
    for (uint32_t c = 0; c < p->n_channels; c++)
        if (p->channels[c].n_dests > 1)
            qsort(d.by_tile + p->channels[c].first_dest, p->channels[c].n_dests, sizeof *d.by_tile,
                  by_tile);
    return d;
}

void isa_dests_free(isa_dests *d) {
    free(d->by_tile);
    d->by_tile = NULL;
}

uint32_t isa_dest_find(const isa_dests *d, uint32_t channel, uint32_t tile) {
    const isa_channel *c = &d->p->channels[channel];
    uint32_t lo = c->first_dest, end = c->first_dest + c->n_dests, hi = end;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (d->by_tile[mid].tile < tile)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < end && d->by_tile[lo].tile == tile ? d->by_tile[lo].entry : UINT32_MAX;
}

// --- the walk

typedef struct {
    const isa_program *program;
    uint32_t phase;
    isa_dests dests;
    uint32_t *pc;       // [tile] next instruction
    uint32_t *sent;     // [channel]
    uint32_t *missing;  // [channel] destinations that still have to receive the last use
    uint32_t *received; // [destination], counted per entry of program->dests
    uint32_t *ready;    // ring of tiles that may advance
    uint32_t head, n_ready;
    bool *is_ready; // [tile]
} walk;

static void make_ready(walk *w, uint32_t tile) {
    if (tile >= w->program->n_tiles || w->is_ready[tile]) return;
    w->is_ready[tile] = true;
    w->ready[(w->head + w->n_ready++) % w->program->n_tiles] = tile;
}

// False: the instruction has to wait.
static bool can_pass(walk *w, uint32_t tile, const isa_insn *i) {
    const isa_program *p = w->program;
    if (i->op == ISA_send) {
        if (i->x >= p->n_channels) return true;
        const isa_channel *c = &p->channels[i->x];
        if (w->missing[i->x] > 0) return false;
        w->missing[i->x] = c->n_dests;
        w->sent[i->x]++;
        for (uint32_t k = 0; k < c->n_dests; k++) make_ready(w, p->dests[c->first_dest + k]);
    } else if (i->op == ISA_recv || i->op == ISA_recvadd) {
        if (i->x >= p->n_channels) return false;
        uint32_t dest = isa_dest_find(&w->dests, i->x, tile);
        if (dest == UINT32_MAX || w->received[dest] >= w->sent[i->x]) return false;
        w->received[dest]++;
        if (--w->missing[i->x] == 0) make_ready(w, p->channels[i->x].source);
    }
    return true;
}

// The tile whose progress this one waits for.
static uint32_t waits_for(const walk *w, uint32_t tile) {
    const isa_program *p = w->program;
    const isa_insn *i = &p->tiles[tile].phase[w->phase].code[w->pc[tile]];
    const isa_channel *c = i->x < p->n_channels ? &p->channels[i->x] : NULL;
    if (!c || i->op != ISA_send) return c ? c->source : tile;
    for (uint32_t k = c->first_dest; k < c->first_dest + c->n_dests; k++)
        if (w->received[k] < w->sent[i->x]) return p->dests[k];
    return tile;
}

bool isa_order(const isa_program *p, uint32_t phase, uint64_t seed, isa_step *order, uint32_t *n,
               isa_stuck *stuck) {
    random_stream draws = random_of(seed, RANDOM_ORDER, 0);
    walk w = {.program = p, .phase = phase, .dests = isa_dests_new(p)};
    w.pc = base_calloc(p->n_tiles, sizeof *w.pc);
    w.sent = base_calloc(p->n_channels, sizeof *w.sent);
    w.missing = base_calloc(p->n_channels, sizeof *w.missing);
    w.received = base_calloc(p->n_dests, sizeof *w.received);
    w.ready = base_calloc(p->n_tiles, sizeof *w.ready);
    w.is_ready = base_calloc(p->n_tiles, sizeof *w.is_ready);
    uint64_t total = 0;
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        total += p->tiles[t].phase[phase].count;
        make_ready(&w, t);
    }
    *n = 0;
    while (w.n_ready > 0) {
        if (seed) { // any tile that may advance, not the one that waits longest
            uint32_t *first = &w.ready[w.head],
                     *other = &w.ready[(w.head + random_below(&draws, w.n_ready)) % p->n_tiles];
            uint32_t swap = *first;
            *first = *other;
            *other = swap;
        }
        uint32_t tile = w.ready[w.head],
                 left = seed ? 1 + (uint32_t)random_below(&draws, 4) : UINT32_MAX;
        w.head = (w.head + 1) % p->n_tiles;
        w.n_ready--;
        w.is_ready[tile] = false;
        const isa_insn *code = p->tiles[tile].phase[phase].code;
        uint32_t count = p->tiles[tile].phase[phase].count;
        for (; left > 0 && w.pc[tile] < count && can_pass(&w, tile, &code[w.pc[tile]]); left--)
            order[(*n)++] = (isa_step){tile, w.pc[tile]++};
        if (left == 0 && w.pc[tile] < count) make_ready(&w, tile);
    }
    for (uint32_t t = 0; stuck && *n < total && t < p->n_tiles; t++) {
        bool waits = w.pc[t] < p->tiles[t].phase[phase].count;
        stuck[t] = (isa_stuck){w.pc[t], waits ? waits_for(&w, t) : t};
    }
    isa_dests_free(&w.dests);
    free(w.pc);
    free(w.sent);
    free(w.missing);
    free(w.received);
    free(w.ready);
    free(w.is_ready);
    return *n == total;
}
