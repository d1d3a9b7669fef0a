// The order of instructions over all tiles (worked-examples 4.3, "Order"): each tile advances while
// its next instruction is no recv that waits; the k-th recv of a channel in a tile waits for its
// k-th send.
#include "isa/verify.h"
#include "support/vec.h"

typedef struct {
    const isa_program *program;
    uint32_t phase;
    uint32_t *pc;       // [tile] next instruction
    uint32_t *sent;     // [channel]
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

// The entry of the channel's destination list that stands for `tile`; UINT32_MAX: none.
static uint32_t find_dest(const isa_program *p, const isa_channel *c, uint32_t tile) {
    for (uint32_t i = 0; i < c->n_dests; i++)
        if (p->dests[c->first_dest + i] == tile) return c->first_dest + i;
    return UINT32_MAX;
}

// False: the instruction has to wait.
static bool can_pass(walk *w, uint32_t tile, const isa_insn *i) {
    const isa_program *p = w->program;
    if (i->op == ISA_send) {
        if (i->x >= p->n_channels) return true;
        const isa_channel *c = &p->channels[i->x];
        w->sent[i->x]++;
        for (uint32_t k = 0; k < c->n_dests; k++) make_ready(w, p->dests[c->first_dest + k]);
    } else if (i->op == ISA_recv || i->op == ISA_recvadd) {
        if (i->x >= p->n_channels) return false;
        uint32_t dest = find_dest(p, &p->channels[i->x], tile);
        if (dest == UINT32_MAX || w->received[dest] >= w->sent[i->x]) return false;
        w->received[dest]++;
    }
    return true;
}

bool isa_order(const isa_program *p, uint32_t phase, isa_step *order, uint32_t *n) {
    walk w = {.program = p, .phase = phase};
    w.pc = base_calloc(p->n_tiles, sizeof *w.pc);
    w.sent = base_calloc(p->n_channels, sizeof *w.sent);
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
        uint32_t tile = w.ready[w.head];
        w.head = (w.head + 1) % p->n_tiles;
        w.n_ready--;
        w.is_ready[tile] = false;
        const isa_insn *code = p->tiles[tile].phase[phase].code;
        uint32_t count = p->tiles[tile].phase[phase].count;
        for (; w.pc[tile] < count && can_pass(&w, tile, &code[w.pc[tile]]); w.pc[tile]++)
            order[(*n)++] = (isa_step){tile, w.pc[tile]};
    }
    free(w.pc);
    free(w.sent);
    free(w.received);
    free(w.ready);
    free(w.is_ready);
    return *n == total;
}
