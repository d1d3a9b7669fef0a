// Trailers: rows of type q8 and raw carry one each, whoever makes how many of their columns. So
// what a buffer says of its quantisation (sym: zero point 0; static: scale and zero point) has to
// be true of all rows that come into it, and a row that has a scale of its own is written whole.
//
// A buffer and its views are one row. What is known of the rows is what all buffers that some
// instruction of the phase writes say of them; each of those is proved where it is written: an
// instruction that quantises does as its buffer says, and codes that move come from rows that are
// known to be so. Parts of a row that one largest element gives their scale: scales.c.
#include "isa/operand.h"
#include "isa/verify/parts.h"
#include <string.h>

#define BAD(...) verify_bad_at(v, DIAG_ID_isa_operand, tile, pc, __VA_ARGS__)

static const verify_trailer anything = {0};

static verify_trailer said_by(const isa_buffer *b) {
    if (b->type != ISA_Q8) return anything;
    switch ((isa_quant)b->quant) {
    case ISA_QUANT_SYM: return (verify_trailer){.zero_free = true};
    case ISA_QUANT_STATIC: return (verify_trailer){b->zero == 0, true, b->scale, b->zero};
    case ISA_QUANT_NONE:
    case ISA_QUANT_ASYM: break;
    }
    return anything;
}

static bool implies(verify_trailer a, verify_trailer b) {
    if (b.zero_free && !a.zero_free) return false;
    return !b.fixed || (a.fixed && a.scale == b.scale && a.zero == b.zero);
}

// What is true of rows of either kind.
static verify_trailer join(verify_trailer a, verify_trailer b) {
    verify_trailer both = a;
    both.zero_free = a.zero_free && b.zero_free;
    both.fixed = a.fixed && implies(b, (verify_trailer){false, true, a.scale, a.zero});
    return both;
}

verify_trailer verify_trailer_of(const verifier *v, uint32_t tile, uint32_t buffer) {
    return v->trailers[tile][verify_parent(&v->p->tiles[tile], buffer)];
}

static void look_at_writers(verifier *v, uint32_t tile) {
    const isa_tile *t = &v->p->tiles[tile];
    verify_trailer *known = ARENA_ARRAY(v->a, verify_trailer, t->n_buffers + 1);
    bool *written = ARENA_ARRAY(v->a, bool, t->n_buffers + 1);
    for (uint32_t pc = 0; pc < t->phase[v->phase].count; pc++) {
        const isa_insn *i = verify_insn(v, tile, pc);
        if (!isa_has_result(isa_info_of(i->op))) continue;
        uint32_t parent = verify_parent(t, i->d);
        verify_trailer said = said_by(&t->buffers[i->d]);
        known[parent] = written[parent] ? join(known[parent], said) : said;
        written[parent] = true;
    }
    v->trailers[tile] = known;
}

// What every row of a q8 table carries.
static verify_trailer of_table(verifier *v, const isa_table *t) {
    uint32_t row = isa_row_bytes(ISA_Q8, t->width);
    const uint8_t *at = verify_table_bytes(v, t->data, (uint64_t)t->rows * row);
    verify_trailer all = anything;
    for (uint32_t r = 0; at && r < t->rows; r++) {
        verify_trailer x = {.fixed = true};
        memcpy(&x.scale, at + (uint64_t)r * row + t->width, sizeof x.scale);
        memcpy(&x.zero, at + (uint64_t)r * row + t->width + 4, sizeof x.zero);
        x.zero_free = x.zero == 0;
        all = r ? join(all, x) : x;
    }
    return all;
}

// Of all rows that are sent on each channel.
static verify_trailer *look_at_sends(verifier *v) {
    const isa_program *p = v->p;
    verify_trailer *sent = ARENA_ARRAY(v->a, verify_trailer, p->n_channels + 1);
    bool *any = ARENA_ARRAY(v->a, bool, p->n_channels + 1);
    for (uint32_t t = 0; t < p->n_tiles; t++)
        for (uint32_t pc = 0; pc < p->tiles[t].phase[v->phase].count; pc++) {
            const isa_insn *i = verify_insn(v, t, pc);
            if (i->op != ISA_send) continue;
            verify_trailer x = verify_trailer_of(v, t, i->a);
            sent[i->x] = any[i->x] ? join(sent[i->x], x) : x;
            any[i->x] = true;
        }
    return sent;
}

typedef struct {
    verifier *v;
    uint32_t tile, pc;
    const isa_insn *i;
    const isa_buffer *d, *a;
    const isa_table *table;
    const verify_trailer *sent; // [channel]
} maker;

// Codes that come from q8 rows of a, or of the table, go into d as they are.
static bool moves_a(const maker *m) {
    bool moves = m->i->op == ISA_rows || m->i->op == ISA_pick || m->i->op == ISA_skip ||
                 m->i->op == ISA_prefix || m->i->op == ISA_suffix ||
                 (m->i->op == ISA_copy && m->d->quant == ISA_QUANT_NONE);
    return moves && m->a->type == ISA_Q8;
}
static bool moves_table(const maker *m) { return m->table && m->table->type == ISA_Q8; }

// Rows of both kinds come into d: either may be of numbers.
static bool joins(const maker *m) { return m->i->op == ISA_prefix || m->i->op == ISA_suffix; }

static bool quantises(const maker *m) {
    if (joins(m)) return !moves_a(m) || !moves_table(m);
    return m->i->op != ISA_recv && !moves_a(m) && !moves_table(m);
}

// What is known of the codes that are moved.
static verify_trailer moved(const maker *m) {
    if (m->i->op == ISA_recv) return m->sent[m->i->x];
    if (moves_a(m) && moves_table(m))
        return join(verify_trailer_of(m->v, m->tile, m->i->a), of_table(m->v, m->table));
    if (moves_a(m)) return verify_trailer_of(m->v, m->tile, m->i->a);
    return moves_table(m) ? of_table(m->v, m->table) : said_by(m->d);
}

static maker maker_of(verifier *v, uint32_t tile, uint32_t pc, const verify_trailer *sent) {
    const isa_tile *t = &v->p->tiles[tile];
    const isa_insn *i = verify_insn(v, tile, pc);
    maker m = {v, tile, pc, i, &t->buffers[i->d], &t->buffers[i->d], NULL, sent};
    const isa_info *info = isa_info_of(i->op);
    bool takes_rows = i->op == ISA_gather || i->op == ISA_posrow || joins(&m);
    for (unsigned k = 1; k < info->n_operands; k++)
        if (info->operands[k].kind == ISA_KIND_buf && info->operands[k].field == ISA_FIELD_a)
            m.a = &t->buffers[i->a];
    if (takes_rows) m.table = &t->tables[i->x];
    return m;
}

static void check_codes(const maker *m) {
    verifier *v = m->v;
    uint32_t tile = m->tile, pc = m->pc;
    verify_trailer said = said_by(m->d);
    if (quantises(m) && m->d->quant == ISA_QUANT_NONE)
        BAD("d is q8 without quantisation, and the instruction quantises");
    if ((!said.zero_free && !said.fixed) || implies(moved(m), said)) return;
    if (said.fixed)
        BAD("d is q8 of scale %g and zero point %d, which its codes are not known to have",
            (double)said.scale, said.zero);
    else
        BAD("d is q8 with zero points of 0, which its codes are not known to have");
}

// A row that is not written whole.
static void check_part(const maker *m) {
    verifier *v = m->v;
    uint32_t tile = m->tile, pc = m->pc, whole = v->p->tiles[tile].buffers[m->d->parent].width;
    const isa_buffer *d = m->d;
    if (d->width == whole || verify_trailer_of(v, tile, m->i->d).fixed) return;
    if (d->type == ISA_Q8 && verify_one_scale(v, tile, m->i->d)) return;
    BAD("d is %u of %u columns: a row has one %s, so it is written whole", d->width, whole,
        d->type == ISA_RAW
            ? "sum of codes"
            : "scale, unless it is static or one largest element gives it to all its parts");
}

void verify_trailers(verifier *v) {
    v->trailers = ARENA_ARRAY(v->a, verify_trailer *, v->p->n_tiles + 1);
    for (uint32_t t = 0; t < v->p->n_tiles; t++) look_at_writers(v, t);
    verify_find_scales(v);
    const verify_trailer *sent = look_at_sends(v);
    for (uint32_t t = 0; t < v->p->n_tiles; t++) {
        for (uint32_t pc = 0; pc < v->p->tiles[t].phase[v->phase].count; pc++) {
            const isa_insn *i = verify_insn(v, t, pc);
            if (!isa_has_result(isa_info_of(i->op))) continue;
            maker m = maker_of(v, t, pc, sent);
            if (m.d->type == ISA_Q8) check_codes(&m);
            if (m.d->type == ISA_Q8 || m.d->type == ISA_RAW) check_part(&m);
        }
    }
}
