// A program changed in one place after another: instruction, port and buffer together, so that the
// verifier has something to think about.
#ifndef OHMIC_TESTS_PROGRAMS_MUTATE_H
#define OHMIC_TESTS_PROGRAMS_MUTATE_H
#include "isa/structure.h"
#include "tests/programs/generate.h"

typedef struct {
    gen *g;
    isa_tile *t;
    isa_insn *i;
} mutation;

// The whole row, its views too.
static inline void mutate_row(mutation *m, uint16_t buffer, isa_btype type, uint32_t width) {
    uint16_t parent = m->t->buffers[buffer].parent;
    uint32_t stride = (uint32_t)align_u64(isa_row_bytes(type, width), 4);
    for (uint32_t k = 0; k < m->t->n_buffers; k++) {
        isa_buffer *b = &m->t->buffers[k];
        if (b->parent != parent) continue;
        b->type = (uint8_t)type;
        b->stride = stride;
        if (type == ISA_Q8 && b->quant == ISA_QUANT_STATIC && !(b->scale > 0)) b->scale = 0.5f;
        if (type == ISA_Q8 && b->quant == ISA_QUANT_NONE)
            b->quant = (uint8_t)gen_below(m->g, ISA_COUNT_quant);
        if (b->quant == ISA_QUANT_STATIC && !(b->scale > 0)) b->scale = 0.5f;
        if (k == parent) b->width = width;
    }
}

// Its operands name what there is, also after changes before.
static inline bool mutate_may(const mutation *m) {
    return isa_insn_names_exist(m->g->p, (uint32_t)(m->t - m->g->p->tiles), m->i);
}

static inline void mutate_type(mutation *m) {
    if (!mutate_may(m)) return;
    const isa_info *info = isa_info_of(m->i->op);
    isa_btype type = (isa_btype)gen_below(m->g, ISA_COUNT_btype);
    for (unsigned k = 0; k < info->n_operands; k++) {
        const isa_operand *o = &info->operands[k];
        if (isa_operand_absent(o, m->i)) continue;
        uint32_t x = isa_operand_get(m->i, o->field);
        if (o->kind == ISA_KIND_buf && (o->types >> type & 1) && !gen_one_in(m->g, 3))
            mutate_row(m, (uint16_t)x, type, m->t->buffers[m->t->buffers[x].parent].width);
        if (o->kind == ISA_KIND_chan) m->g->p->channels[x].type = (uint8_t)type;
        if (o->kind == ISA_KIND_port && gen_one_in(m->g, 2)) m->g->p->ports[x].type = (uint8_t)type;
        if (o->kind == ISA_KIND_table && gen_one_in(m->g, 2)) m->t->tables[x].type = (uint8_t)type;
    }
}

static inline void mutate_domain(mutation *m) {
    if (!mutate_may(m)) return;
    const isa_info *info = isa_info_of(m->i->op);
    uint8_t dom = (uint8_t)gen_below(m->g, ISA_DOMAINS);
    m->i->dom = dom;
    for (unsigned k = 0; k < info->n_operands; k++) {
        const isa_operand *o = &info->operands[k];
        if (isa_operand_absent(o, m->i)) continue;
        uint32_t x = isa_operand_get(m->i, o->field);
        if (o->kind == ISA_KIND_buf && (k == 0 || gen_one_in(m->g, 2))) m->t->buffers[x].dom = dom;
        if (o->kind == ISA_KIND_port) m->g->p->ports[x].dom = dom;
        if (o->kind == ISA_KIND_ring) m->t->rings[x].dom = dom;
        if (o->kind == ISA_KIND_chan) m->g->p->channels[x].dom = dom;
    }
}

// Another buffer, table, group, ring, port or number.
static inline void mutate_operand(mutation *m) {
    const isa_info *info = isa_info_of(m->i->op);
    if (info->n_operands == 0 || !mutate_may(m)) return;
    const isa_operand *o = &info->operands[gen_below(m->g, info->n_operands)];
    uint32_t n = o->kind == ISA_KIND_buf     ? m->t->n_buffers
                 : o->kind == ISA_KIND_table ? m->t->n_tables
                 : o->kind == ISA_KIND_group ? m->t->n_groups
                 : o->kind == ISA_KIND_ring  ? m->t->n_rings
                 : o->kind == ISA_KIND_port  ? m->g->p->n_ports
                 : o->kind == ISA_KIND_chan  ? m->g->p->n_channels
                 : o->kind == ISA_KIND_dom   ? ISA_DOMAINS
                                             : 12;
    if (n == 0) return;
    uint32_t value = gen_below(m->g, n);
    if (o->optional && gen_one_in(m->g, 3)) value = isa_operand_none((isa_operand_field)o->field);
    if (o->kind == ISA_KIND_u && o->field == ISA_FIELD_imm && gen_one_in(m->g, 2))
        value = isa_operand_get(m->i, (isa_operand_field)o->field) ^ 1u << gen_below(m->g, 20);
    isa_operand_set(m->i, (isa_operand_field)o->field, value);
}

static inline void mutate_opcode(mutation *m) {
    const isa_info *info = &isa_infos[gen_below(m->g, (uint32_t)isa_infos_count)],
                   *was = isa_info_of(m->i->op);
    isa_insn to = {.op = info->opcode, .dom = m->i->dom};
    for (unsigned k = 0; k < info->n_operands; k++) {
        const isa_operand *o = &info->operands[k];
        uint32_t value = o->optional ? isa_operand_none((isa_operand_field)o->field) : 0;
        for (unsigned j = 0; j < was->n_operands; j++)
            if (was->operands[j].field == o->field && was->operands[j].kind == o->kind)
                value = isa_operand_get(m->i, (isa_operand_field)o->field);
        isa_operand_set(&to, (isa_operand_field)o->field, value);
    }
    *m->i = to;
}

static inline void mutate_descriptor(mutation *m) {
    gen *g = m->g;
    isa_ring *r = m->t->n_rings ? &m->t->rings[gen_below(g, m->t->n_rings)] : NULL;
    isa_port *p = g->p->n_ports ? &g->p->ports[gen_below(g, g->p->n_ports)] : NULL;
    isa_table *t = m->t->n_tables ? &m->t->tables[gen_below(g, m->t->n_tables)] : NULL;
    isa_buffer *b = m->t->n_buffers ? &m->t->buffers[gen_below(g, m->t->n_buffers)] : NULL;
    isa_group *w = m->t->n_groups ? &m->t->groups[gen_below(g, m->t->n_groups)] : NULL;
    switch (gen_below(g, 14)) {
    case 0:
        if (r) r->slots = 1 + gen_below(g, 20);
        return;
    case 1:
        if (r) r->window = gen_below(g, 12);
        return;
    case 2:
        if (r) r->mode = (uint8_t)gen_below(g, ISA_COUNT_rmode);
        return;
    case 3:
        if (r) r->bias = (uint8_t)gen_below(g, ISA_COUNT_rbias);
        return;
    case 4:
        if (r) r->readout = (uint8_t)gen_below(g, ISA_COUNT_rread);
        return;
    case 5:
        if (r) r->act = (uint8_t)gen_below(g, ISA_COUNT_ract), r->sink = ISA_NO_OFFSET;
        return;
    case 6:
        if (p) p->lo = random_in(&g->r, -9, 4), p->hi = p->lo + gen_below(g, 12);
        return;
    case 7:
        if (t) t->rows = 1 + gen_below(g, t->rows + 2);
        return;
    case 8:
        if (b && b->type == ISA_Q8) b->quant = (uint8_t)gen_below(g, ISA_COUNT_quant);
        return;
    case 9:
        if (b) b->col0 = gen_below(g, 4);
        return;
    case 10:
        if (b) b->depth = 1 + gen_below(g, 8);
        return;
    case 11:
        if (w)
            w->kind = (uint8_t)gen_below(g, 2),
            w->colsum = gen_one_in(g, 2) ? w->colsum : ISA_NO_OFFSET;
        return;
    case 12:
        if (w) w->zero = gen_one_in(g, 2) ? w->scale : ISA_NO_OFFSET;
        return;
    default:
        if (b && p) b->base = 64 * gen_below(g, 12);
        return;
    }
}

// Two neighbours change places, or one goes.
static inline void mutate_order(gen *g, isa_tile *t, uint32_t phase) {
    uint32_t n = t->phase[phase].count;
    isa_insn *code = t->phase[phase].code;
    if (n < 3) return;
    uint32_t at = gen_below(g, n - 2);
    isa_insn x = code[at];
    code[at] = code[at + 1], code[at + 1] = x;
    if (gen_one_in(g, 2)) return;
    memmove(code + at, code + at + 1, (n - at - 1) * sizeof *code);
    t->phase[phase].count--;
}

static inline void mutate(gen *g) {
    uint32_t times = 1 + gen_below(g, 3);
    for (uint32_t k = 0; k < times; k++) {
        mutation m = {.g = g, .t = &g->p->tiles[gen_below(g, g->p->n_tiles)]};
        uint32_t ph = gen_below(g, g->p->n_phases), n = m.t->phase[ph].count;
        m.i = &m.t->phase[ph].code[gen_below(g, n)];
        g->phase = ph;
        switch (gen_below(g, 9)) {
        case 0:
        case 1: mutate_type(&m); break;
        case 2: mutate_domain(&m); break;
        case 3:
        case 4: mutate_operand(&m); break;
        case 5: mutate_opcode(&m); break;
        case 6: mutate_order(g, m.t, ph); break;
        case 7: {
            const isa_info *info = isa_info_of(m.i->op);
            if (info->modes.count > 1) m.i->mode = (uint8_t)gen_below(g, info->modes.count);
            break;
        }
        default: mutate_descriptor(&m);
        }
    }
}
#endif
