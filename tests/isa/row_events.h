// Row events of docs/isa.md, "Rows and time", without time: whether a program runs to its end for
// given row counts. An event that is ready stays ready until it happens, so the order in which they
// happen does not matter. Knows the instructions that test_verify_random.c makes.
#ifndef OHMIC_TESTS_ISA_ROW_EVENTS_H
#define OHMIC_TESTS_ISA_ROW_EVENTS_H
#include "isa/operand.h"
#include "isa/program.h"

typedef struct {
    const isa_program *p;
    uint32_t active_set;
    int64_t rows[ISA_DOMAINS];
    int64_t *done[8];     // [tile][pc] rows
    uint32_t *use[8];     // [tile][pc] of a send or receive: its number on the channel
    uint32_t finished[8]; // [tile] instructions from 0 on that have finished
} row_events;

static inline const isa_insn *ev_insn(const row_events *e, uint32_t t, uint32_t pc) {
    return &e->p->tiles[t].phase[0].code[pc];
}
static inline uint32_t ev_count(const row_events *e, uint32_t t) {
    return e->p->tiles[t].phase[0].count;
}
static inline int64_t ev_rows(const row_events *e, const isa_insn *i) {
    return i->op == ISA_settl || i->op == ISA_halt ? 1 : e->rows[i->dom];
}

// Buffer operands: d first when there is one. Returns how many.
static inline unsigned ev_buffers(const isa_insn *i, uint32_t out[3], bool *has_d) {
    const isa_info *info = isa_info_of(i->op);
    unsigned count = 0;
    *has_d = isa_has_result(info);
    for (unsigned k = 0; k < info->n_operands; k++)
        if (info->operands[k].kind == ISA_KIND_buf && !isa_operand_absent(&info->operands[k], i))
            out[count++] = isa_operand_get(i, info->operands[k].field);
    return count;
}

// Last row of operand `b` that row r of the instruction needs; -1: none.
static inline int64_t ev_needs(const row_events *e, const isa_tile *t, const isa_insn *i,
                               uint32_t b, int64_t r) {
    int64_t rows = e->rows[t->buffers[b].dom];
    int64_t k = i->imm & 0xFF, s = i->imm >> 8 & 0xFF, p = i->imm >> 16 & 0xFF;
    switch (i->op) {
    case ISA_rows: return min_i64(r * s - p + k - 1, rows - 1);
    case ISA_skip: return r + i->imm;
    case ISA_prefix: return r - t->tables[i->x].rows;
    case ISA_rred: return rows - 1;
    default: return t->buffers[b].dom == i->dom ? r : 0;
    }
}

// The instruction has no more need of row j of operand b.
static inline bool ev_has_read(const row_events *e, uint32_t tile, uint32_t pc, uint32_t b,
                               int64_t j) {
    const isa_tile *t = &e->p->tiles[tile];
    const isa_insn *i = ev_insn(e, tile, pc);
    int64_t done = e->done[tile][pc], all = ev_rows(e, i), last;
    int64_t s = i->imm >> 8 & 0xFF, p = i->imm >> 16 & 0xFF;
    switch (i->op) {
    case ISA_rows: last = (j + p) / s; break;
    case ISA_skip: last = j - i->imm; break;
    case ISA_prefix: last = j + t->tables[i->x].rows; break;
    case ISA_rred: last = 0; break;
    default: last = t->buffers[b].dom == i->dom ? j : all - 1;
    }
    return done > min_i64(last, all - 1);
}

static inline bool ev_overlap(const isa_tile *t, uint32_t x, uint32_t y) { // bytes of other parents
    const isa_buffer *a = &t->buffers[x], *b = &t->buffers[y];
    return a->base < b->base + (uint64_t)b->depth * b->stride &&
           b->base < a->base + (uint64_t)a->depth * a->stride;
}

// Row r of d may be written: earlier users are done with row r, all are done with the row whose
// place it takes, and earlier users of the same bytes under another name have finished.
static inline bool ev_may_write(const row_events *e, uint32_t tile, uint32_t pc, int64_t r) {
    const isa_tile *t = &e->p->tiles[tile];
    uint32_t d = ev_insn(e, tile, pc)->d;
    int64_t depth = t->buffers[d].depth;
    for (uint32_t c = 0; c < ev_count(e, tile); c++) {
        const isa_insn *i = ev_insn(e, tile, c);
        uint32_t b[3];
        bool has_d;
        unsigned n = c == pc ? 0 : ev_buffers(i, b, &has_d);
        for (unsigned k = 0; k < n; k++) {
            bool writes = has_d && k == 0;
            if (b[k] != d) {
                if (c < pc && ev_overlap(t, b[k], d) && e->done[tile][c] < ev_rows(e, i))
                    return false;
                continue;
            }
            for (int64_t j = r;; j -= depth) {
                if (j < 0) break;
                bool free = writes ? e->done[tile][c] > j : ev_has_read(e, tile, c, d, j);
                if (!free && (j < r || c < pc)) return false;
                if (j < r) break;
            }
        }
    }
    return true;
}

static inline bool ev_may_read(const row_events *e, uint32_t tile, uint32_t pc, uint32_t b,
                               int64_t r) {
    const isa_tile *t = &e->p->tiles[tile];
    int64_t need = ev_needs(e, t, ev_insn(e, tile, pc), b, r);
    for (uint32_t c = 0; c < pc; c++) {
        uint32_t w[3];
        bool has_d;
        unsigned n = ev_buffers(ev_insn(e, tile, c), w, &has_d);
        if (n && has_d && w[0] == b && e->done[tile][c] <= need) return false;
    }
    return true;
}

// The instruction that makes use `use` of a channel in a tile; its pc.
static inline uint32_t ev_find_use(const row_events *e, uint32_t tile, uint32_t channel,
                                   uint32_t use, bool send) {
    for (uint32_t pc = 0; pc < ev_count(e, tile); pc++) {
        const isa_insn *i = ev_insn(e, tile, pc);
        if ((i->op == ISA_send || i->op == ISA_recv) && (i->op == ISA_send) == send &&
            i->x == channel && e->use[tile][pc] == use)
            return pc;
    }
    return UINT32_MAX;
}

// Rows of all uses that have passed one end of the channel.
static inline int64_t ev_passed(const row_events *e, uint32_t tile, uint32_t channel, bool send) {
    int64_t n = 0;
    for (uint32_t pc = 0; pc < ev_count(e, tile); pc++) {
        const isa_insn *i = ev_insn(e, tile, pc);
        if ((i->op == ISA_send || i->op == ISA_recv) && (i->op == ISA_send) == send &&
            i->x == channel)
            n += e->done[tile][pc];
    }
    return n;
}

static inline bool ev_channel_ready(const row_events *e, uint32_t tile, uint32_t pc) {
    const isa_insn *i = ev_insn(e, tile, pc);
    const isa_channel *c = &e->p->channels[i->x];
    uint32_t use = e->use[tile][pc];
    bool send = i->op == ISA_send;
    if (use > 0) { // a queue: uses one behind the other
        uint32_t before = ev_find_use(e, tile, i->x, use - 1, send);
        if (e->done[tile][before] < ev_rows(e, ev_insn(e, tile, before))) return false;
    }
    if (!send) return ev_passed(e, c->source, i->x, true) > ev_passed(e, tile, i->x, false);
    for (uint32_t k = 0; k < c->n_dests; k++) {
        uint32_t to = e->p->dests[c->first_dest + k];
        if (ev_passed(e, tile, i->x, true) - ev_passed(e, to, i->x, false) >= c->depth)
            return false;
    }
    return true;
}

static inline bool ev_ready(const row_events *e, uint32_t tile, uint32_t pc) {
    const isa_insn *i = ev_insn(e, tile, pc);
    int64_t r = e->done[tile][pc];
    if (r >= ev_rows(e, i)) return false;
    if (pc >= e->active_set && e->finished[tile] < pc - e->active_set + 1) return false;
    uint32_t b[3];
    bool has_d;
    unsigned n = ev_buffers(i, b, &has_d);
    for (unsigned k = has_d; k < n; k++)
        if (!ev_may_read(e, tile, pc, b[k], r)) return false;
    if ((i->op == ISA_send || i->op == ISA_recv) && !ev_channel_ready(e, tile, pc)) return false;
    return !has_d || ev_may_write(e, tile, pc, r);
}

// True when all rows of all instructions happen.
static inline bool row_events_run(const isa_program *p, uint32_t active_set, int64_t rows) {
    row_events e = {.p = p, .active_set = active_set};
    e.rows[0] = rows;
    arena *a = arena_new();
    uint32_t *sent = ARENA_ARRAY(a, uint32_t, p->n_channels + 1);
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        uint32_t *got = ARENA_ARRAY(a, uint32_t, p->n_channels + 1);
        e.done[t] = ARENA_ARRAY(a, int64_t, ev_count(&e, t) + 1);
        e.use[t] = ARENA_ARRAY(a, uint32_t, ev_count(&e, t) + 1);
        for (uint32_t pc = 0; pc < ev_count(&e, t); pc++) {
            const isa_insn *i = ev_insn(&e, t, pc);
            if (i->op == ISA_send) e.use[t][pc] = sent[i->x]++;
            if (i->op == ISA_recv) e.use[t][pc] = got[i->x]++;
            if (i->op != ISA_settl) continue;
            int64_t of = e.rows[i->x];
            e.rows[i->d] = i->n == ISA_TL_ONE      ? 1
                           : i->n == ISA_TL_PREFIX ? of + i->imm
                                                   : (of * (i->imm & 0xFF) + (i->imm >> 8 & 0xFF)) /
                                                         (i->imm >> 16 & 0xFF);
        }
    }
    bool moved = true, all = true;
    while (moved) {
        moved = false;
        for (uint32_t t = 0; t < p->n_tiles; t++) {
            for (uint32_t pc = 0; pc < ev_count(&e, t); pc++)
                while (ev_ready(&e, t, pc)) {
                    e.done[t][pc]++;
                    moved = true;
                }
            while (e.finished[t] < ev_count(&e, t) &&
                   e.done[t][e.finished[t]] >= ev_rows(&e, ev_insn(&e, t, e.finished[t])))
                e.finished[t]++, moved = true;
        }
    }
    for (uint32_t t = 0; t < p->n_tiles; t++) all &= e.finished[t] == ev_count(&e, t);
    arena_free(a);
    return all;
}
#endif
