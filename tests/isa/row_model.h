// What every row event of a small program waits for, found out column by column, byte by byte and
// row by row from the text of docs/isa.md: knows nothing of isa/depend. Works on the programs of
// random_program.h, for one step of a given number of rows.
#ifndef OHMIC_TESTS_ISA_ROW_MODEL_H
#define OHMIC_TESTS_ISA_ROW_MODEL_H
#include "isa/operand.h"
#include "isa/program.h"

typedef struct {
    const isa_program *p;
    int64_t rows[ISA_DOMAINS];
    uint32_t first[8]; // [tile] number of its first instruction
    // Is told of each pair: event (i, r) waits for event (j, q); instructions numbered tile by
    // tile.
    void (*tell)(void *ctx, uint32_t i, int64_t r, uint32_t j, int64_t q);
    void *ctx;
} row_model;

static inline const isa_insn *model_insn(const row_model *m, uint32_t t, uint32_t pc) {
    return &m->p->tiles[t].phase[0].code[pc];
}
static inline uint32_t model_count(const row_model *m, uint32_t t) {
    return m->p->tiles[t].phase[0].count;
}
static inline int64_t model_rows(const row_model *m, const isa_insn *i) {
    return i->op == ISA_settl || i->op == ISA_halt ? 1 : m->rows[i->dom];
}
static inline void model_tell(const row_model *m, uint32_t t, uint32_t pc, int64_t r, uint32_t u,
                              uint32_t at, int64_t q) {
    m->tell(m->ctx, m->first[t] + pc, r, m->first[u] + at, q);
}

// The instruction touches column c of the parent: 1 reads it, 2 writes it.
static inline unsigned model_touches(const row_model *m, uint32_t t, uint32_t pc, uint32_t parent,
                                     uint32_t c, isa_operand_field *field) {
    const isa_insn *i = model_insn(m, t, pc);
    const isa_info *info = isa_info_of(i->op);
    unsigned how = 0;
    for (unsigned k = 0; k < info->n_operands; k++) {
        const isa_operand *o = &info->operands[k];
        if (o->kind != ISA_KIND_buf || isa_operand_absent(o, i)) continue;
        const isa_buffer *b = &m->p->tiles[t].buffers[isa_operand_get(i, o->field)];
        uint32_t col0 = &m->p->tiles[t].buffers[b->parent] == b ? 0 : b->col0;
        if (b->parent != parent || c < col0 || c >= col0 + b->width) continue;
        how |= o->field == ISA_FIELD_d ? 2 : 1;
        if (o->field != ISA_FIELD_d) *field = o->field;
    }
    return how;
}

// Row r of the instruction reads row j of an operand.
static inline bool model_reads(const row_model *m, uint32_t t, uint32_t pc, isa_operand_field field,
                               int64_t r, int64_t j) {
    const isa_insn *i = model_insn(m, t, pc);
    const isa_tile *x = &m->p->tiles[t];
    unsigned from = x->buffers[isa_operand_get(i, field)].dom;
    int64_t k = i->imm & 0xFF, s = i->imm >> 8 & 0xFF, pad = i->imm >> 16 & 0xFF;
    switch (i->op) {
    case ISA_rows: return i->mode == 1 || (j >= r * s - pad && j <= r * s - pad + k - 1);
    case ISA_skip: return j == r + (int64_t)i->imm;
    case ISA_prefix: return j == r - (int64_t)x->tables[i->x].rows;
    case ISA_suffix:
    case ISA_pick:
    case ISA_rred: return true; // all of them, before the first
    default: return from == i->dom ? j == r : true;
    }
}

// The last row of the instruction until which row j of an operand is kept for it; -1: none. A
// window keeps what lies behind its first row, whether a later window begins there or not.
static inline int64_t model_keeps(const row_model *m, uint32_t t, uint32_t pc,
                                  isa_operand_field field, int64_t j) {
    const isa_insn *i = model_insn(m, t, pc);
    int64_t s = i->imm >> 8 & 0xFF, pad = i->imm >> 16 & 0xFF, last = -1;
    for (int64_t r = 0; r < model_rows(m, i); r++) {
        bool reads = model_reads(m, t, pc, field, r, j);
        if (i->op == ISA_rows && i->mode == 0) reads = r * s - pad <= j;
        if (i->op == ISA_suffix) reads = r <= j; // row j of a is row j of d
        if (reads) last = r;
    }
    return last;
}

// All that touched the parent before must have ended.
static inline void model_ended(const row_model *m, uint32_t t, uint32_t pc, uint32_t parent) {
    isa_operand_field field;
    for (uint32_t u = 0; u < pc; u++) {
        bool touches = false;
        for (uint32_t c = 0; c < m->p->tiles[t].buffers[parent].width; c++)
            touches |= model_touches(m, t, u, parent, c, &field) != 0;
        for (int64_t r = 0; touches && r < model_rows(m, model_insn(m, t, pc)); r++)
            model_tell(m, t, pc, r, t, u, model_rows(m, model_insn(m, t, u)) - 1);
    }
}

// For each instruction of a line and each parent: how often the parent's rows have lost their
// place, or been followed by those of another domain, up to there. Tells who has to have ended.
static inline uint32_t **model_generations(const row_model *m, arena *a, uint32_t t) {
    const isa_tile *x = &m->p->tiles[t];
    uint64_t size = 1;
    for (uint32_t b = 0; b < x->n_buffers; b++)
        size = (uint64_t)max_i64(
            (int64_t)size,
            (int64_t)(x->buffers[b].base + (uint64_t)x->buffers[b].depth * x->buffers[b].stride));
    uint32_t *owner = ARENA_ARRAY(a, uint32_t, size),
             *now = ARENA_ARRAY(a, uint32_t, x->n_buffers + 1);
    uint32_t **made = ARENA_ARRAY(a, uint32_t *, model_count(m, t) + 1);
    int *dom = ARENA_ARRAY(a, int, x->n_buffers + 1);
    for (uint64_t k = 0; k < size; k++) owner[k] = UINT32_MAX;
    for (uint32_t b = 0; b < x->n_buffers; b++) dom[b] = -1;
    for (uint32_t pc = 0; pc < model_count(m, t); pc++) {
        const isa_insn *i = model_insn(m, t, pc);
        if (isa_has_result(isa_info_of(i->op))) {
            uint32_t d = x->buffers[i->d].parent;
            const isa_buffer *b = &x->buffers[d];
            uint64_t end = b->base + (uint64_t)b->depth * b->stride;
            bool fresh = dom[d] >= 0 && dom[d] != x->buffers[i->d].dom;
            for (uint64_t k = b->base; k < end; k++) {
                uint32_t old = owner[k];
                owner[k] = d;
                if (old == d) continue;
                fresh = true;
                if (old == UINT32_MAX) continue;
                model_ended(m, t, pc, old);
                now[old]++;
            }
            if (fresh) {
                now[d]++;
                model_ended(m, t, pc, d);
            }
            dom[d] = x->buffers[i->d].dom;
        }
        made[pc] = arena_copy(a, now, (x->n_buffers + 1) * sizeof *now);
    }
    return made;
}

// Column c of an operand's parent: what reads of it wait for.
static inline void model_read(const row_model *m, uint32_t t, uint32_t pc, uint32_t parent,
                              uint32_t c, isa_operand_field field, uint32_t **made) {
    isa_operand_field other;
    const isa_insn *i = model_insn(m, t, pc);
    int64_t rows = m->rows[m->p->tiles[t].buffers[isa_operand_get(i, field)].dom];
    for (uint32_t u = pc; u-- > 0;) {
        if (made[u][parent] != made[pc][parent]) continue;
        if (!(model_touches(m, t, u, parent, c, &other) & 2)) continue;
        for (int64_t r = 0; r < model_rows(m, i); r++)
            for (int64_t j = 0; j < rows; j++)
                if (model_reads(m, t, pc, field, r, j)) model_tell(m, t, pc, r, t, u, j);
        return;
    }
}

// Column c of a result's parent: who is done with row r, and with the rows that had its place.
static inline void model_write(const row_model *m, uint32_t t, uint32_t pc, uint32_t parent,
                               uint32_t c, uint32_t **made) {
    const isa_insn *i = model_insn(m, t, pc);
    int64_t depth = m->p->tiles[t].buffers[parent].depth;
    for (uint32_t u = 0; u < model_count(m, t); u++) {
        isa_operand_field field = ISA_FIELD_d;
        unsigned how =
            made[u][parent] == made[pc][parent] ? model_touches(m, t, u, parent, c, &field) : 0;
        for (int64_t r = 0; u != pc && how && r < model_rows(m, i); r++)
            for (int64_t j = u < pc ? r : r - depth; j >= 0; j -= depth) {
                int64_t q = how & 1 ? model_keeps(m, t, u, field, j) : -1;
                if (how & 2) q = max_i64(q, j);
                if (q >= 0) model_tell(m, t, pc, r, t, u, q);
            }
    }
}

// The number of an instruction's use of its channel; of the n-th use, the instruction.
static inline uint32_t model_use(const row_model *m, uint32_t t, uint32_t pc, bool send) {
    uint32_t n = 0, x = model_insn(m, t, pc)->x;
    for (uint32_t u = 0; u < pc; u++) {
        const isa_insn *i = model_insn(m, t, u);
        bool router = send ? i->op == ISA_send : i->op == ISA_recv || i->op == ISA_recvadd;
        n += router && i->x == x;
    }
    return n;
}
static inline uint32_t model_find(const row_model *m, uint32_t t, uint32_t x, uint32_t n,
                                  bool send) {
    for (uint32_t pc = 0;; pc++) {
        const isa_insn *i = model_insn(m, t, pc);
        bool router = send ? i->op == ISA_send : i->op == ISA_recv || i->op == ISA_recvadd;
        if (router && i->x == x && model_use(m, t, pc, send) == n) return pc;
    }
}

static inline void model_channel(const row_model *m, uint32_t t, uint32_t pc) {
    const isa_insn *i = model_insn(m, t, pc);
    const isa_channel *c = &m->p->channels[i->x];
    bool send = i->op == ISA_send;
    int64_t rows = model_rows(m, i);
    uint32_t use = model_use(m, t, pc, send);
    for (int64_t r = 0; r < rows; r++) {
        if (use > 0) model_tell(m, t, pc, r, t, model_find(m, t, i->x, use - 1, send), rows - 1);
        if (!send) {
            model_tell(m, t, pc, r, c->source, model_find(m, c->source, i->x, use, true), r);
            continue;
        }
        int64_t taken = use * rows + r - (int64_t)c->depth; // of all rows sent, this one at least
        for (uint32_t k = 0; taken >= 0 && k < c->n_dests; k++) {
            uint32_t to = m->p->dests[c->first_dest + k];
            uint32_t at = model_find(m, to, i->x, (uint32_t)(taken / rows), false);
            model_tell(m, t, pc, r, to, at, taken % rows);
        }
    }
}

static inline void model_insn_waits(const row_model *m, uint32_t t, uint32_t pc, uint32_t **made) {
    const isa_insn *i = model_insn(m, t, pc);
    const isa_info *info = isa_info_of(i->op);
    const isa_tile *x = &m->p->tiles[t];
    for (int64_t r = 1; r < model_rows(m, i); r++) model_tell(m, t, pc, r, t, pc, r - 1);
    for (unsigned k = 0; k < info->n_operands; k++) {
        const isa_operand *o = &info->operands[k];
        if (o->kind != ISA_KIND_buf || isa_operand_absent(o, i)) continue;
        const isa_buffer *b = &x->buffers[isa_operand_get(i, o->field)];
        uint32_t col0 = &x->buffers[b->parent] == b ? 0 : b->col0;
        for (uint32_t c = col0; c < col0 + b->width; c++)
            if (o->field == ISA_FIELD_d)
                model_write(m, t, pc, b->parent, c, made);
            else
                model_read(m, t, pc, b->parent, c, o->field, made);
    }
    if (i->op == ISA_send || i->op == ISA_recv || i->op == ISA_recvadd) model_channel(m, t, pc);
    // What a ring holds is read whole, and written anew when it has been read.
    bool writes = i->op == ISA_kvw || i->op == ISA_attn;
    for (uint32_t u = 0; (writes || i->op == ISA_query) && u < pc; u++) {
        const isa_insn *w = model_insn(m, t, u);
        bool other = writes ? w->op == ISA_query : w->op == ISA_kvw || w->op == ISA_attn;
        for (int64_t r = 0; other && w->x == i->x && r < model_rows(m, i); r++)
            model_tell(m, t, pc, r, t, u, model_rows(m, w) - 1);
    }
}

// Tells all of a program; m->p, rows, tell and ctx are set.
static inline void row_model_run(row_model *m) {
    arena *a = arena_new();
    for (uint32_t t = 1; t < m->p->n_tiles; t++)
        m->first[t] = m->first[t - 1] + model_count(m, t - 1);
    for (uint32_t t = 0; t < m->p->n_tiles; t++) {
        uint32_t **made = model_generations(m, a, t);
        for (uint32_t pc = 0; pc < model_count(m, t); pc++) model_insn_waits(m, t, pc, made);
    }
    arena_free(a);
}
#endif
