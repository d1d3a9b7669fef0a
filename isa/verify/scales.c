// Rows that several instructions write although they have a scale of their own: tiles quantise
// parts of a row by its largest element (`copy` with operand b) and send them on. A row of such
// parts has one scale when one column of largest elements has given it to all of them.
//
// That column is named by the instruction that makes it, whichever tiles it has been sent to, or by
// the input port it comes from. The proof follows receives and copies of codes back to it: row r
// comes from row r, so it is of the same row.
#include "isa/operand.h"
#include "isa/verify/parts.h"

enum { FARTHEST = 32 }; // steps that are followed; behind them nothing is known

// Who makes a column: an instruction, or a port for rows of a type; 0: unknown.
typedef uint64_t maker;
#define MAKER(tile, pc) ((uint64_t)(tile) << 32 | ((uint64_t)(pc) + 1))
#define PORT(x, type) MAKER(UINT32_MAX - (type), x)

typedef struct {
    uint32_t n, tile, a; // sends of a channel; of the last: its tile and operand
} sends;

struct verify_scales {
    uint32_t **first; // [tile][buffer that is no view] one of those who write columns of it
    uint32_t **next;  // [tile][pc] another one; UINT32_MAX: none
    sends *sent;      // [channel]
    bool **asked;     // [tile][buffer that is no view] `known` is, or is being found out
    maker **known;    // ... whose column all its columns have their scale from
};

void verify_find_scales(verifier *v) {
    const isa_program *p = v->p;
    struct verify_scales *s = ARENA_ARRAY(v->a, struct verify_scales, 1);
    s->first = ARENA_ARRAY(v->a, uint32_t *, p->n_tiles + 1);
    s->next = ARENA_ARRAY(v->a, uint32_t *, p->n_tiles + 1);
    s->asked = ARENA_ARRAY(v->a, bool *, p->n_tiles + 1);
    s->known = ARENA_ARRAY(v->a, maker *, p->n_tiles + 1);
    s->sent = ARENA_ARRAY(v->a, sends, p->n_channels + 1);
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        const isa_tile *tile = &p->tiles[t];
        uint32_t count = tile->phase[v->phase].count;
        s->first[t] = ARENA_ARRAY(v->a, uint32_t, tile->n_buffers + 1);
        s->next[t] = ARENA_ARRAY(v->a, uint32_t, count + 1);
        s->asked[t] = ARENA_ARRAY(v->a, bool, tile->n_buffers + 1);
        s->known[t] = ARENA_ARRAY(v->a, maker, tile->n_buffers + 1);
        for (uint32_t b = 0; b < tile->n_buffers; b++) s->first[t][b] = UINT32_MAX;
        for (uint32_t pc = 0; pc < count; pc++) {
            const isa_insn *i = verify_insn(v, t, pc);
            if (i->op == ISA_send) s->sent[i->x] = (sends){s->sent[i->x].n + 1, t, i->a};
            if (!isa_has_result(isa_info_of(i->op))) continue;
            uint32_t parent = verify_parent(tile, i->d);
            s->next[t][pc] = s->first[t][parent];
            s->first[t][parent] = pc;
        }
    }
    v->scales = s;
}

// Who makes a column: the only instruction that writes into its buffer, on the tile it is sent
// from.
static maker column_of(const verifier *v, uint32_t tile, uint32_t buffer) {
    const struct verify_scales *s = v->scales;
    for (int left = FARTHEST; left > 0; left--) {
        const isa_tile *t = &v->p->tiles[tile];
        uint32_t pc = s->first[tile][verify_parent(t, buffer)];
        if (pc == UINT32_MAX || s->next[tile][pc] != UINT32_MAX) return 0;
        const isa_insn *i = verify_insn(v, tile, pc);
        const isa_buffer *d = &t->buffers[i->d];
        if (d->width != 1 || verify_col0(t, i->d) != verify_col0(t, buffer)) return 0;
        if (i->op == ISA_in) return PORT(i->x, d->type);
        if (i->op != ISA_recv) return MAKER(tile, pc);
        if (s->sent[i->x].n != 1) return 0;
        tile = s->sent[i->x].tile, buffer = s->sent[i->x].a;
    }
    return 0;
}

static maker scale_of(const verifier *v, uint32_t tile, uint32_t buffer, int left);

// Whose column gives the codes that the instruction writes their scale.
static maker scale_by(const verifier *v, uint32_t tile, uint32_t pc, int left) {
    const isa_insn *i = verify_insn(v, tile, pc);
    const isa_buffer *list = v->p->tiles[tile].buffers;
    if (i->op == ISA_recv) {
        const sends *s = &v->scales->sent[i->x];
        return s->n == 1 ? scale_of(v, s->tile, s->a, left - 1) : 0;
    }
    if (i->op != ISA_copy) return 0;
    if (i->b != ISA_NONE) return column_of(v, tile, i->b);
    bool moves = list[i->d].quant == ISA_QUANT_NONE && list[i->a].type == ISA_Q8;
    return moves ? scale_of(v, tile, i->a, left - 1) : 0;
}

static maker scale_of(const verifier *v, uint32_t tile, uint32_t buffer, int left) {
    const struct verify_scales *s = v->scales;
    uint32_t parent = verify_parent(&v->p->tiles[tile], buffer);
    if (s->asked[tile][parent] || left == 0) return s->known[tile][parent];
    s->asked[tile][parent] = true;
    uint32_t pc = s->first[tile][parent];
    maker all = pc == UINT32_MAX ? 0 : scale_by(v, tile, pc, left);
    while (all && (pc = s->next[tile][pc]) != UINT32_MAX)
        if (scale_by(v, tile, pc, left) != all) all = 0;
    return s->known[tile][parent] = all;
}

bool verify_one_scale(const verifier *v, uint32_t tile, uint32_t buffer) {
    return scale_of(v, tile, buffer, FARTHEST) != 0;
}
