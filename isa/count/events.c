#include "isa/count/events.h"
#include "isa/operand.h"

isa_digital isa_digital_of(const isa_insn *i) {
    switch ((isa_opcode)i->op) {
    case ISA_ew1: return isa_fn1_is_costly(i->n) ? ISA_DIGITAL_function : ISA_DIGITAL_add;
    case ISA_ew2:
    case ISA_ewt:
        return i->n == ISA_FN2_div || isa_fn2_is_costly(i->n) ? ISA_DIGITAL_function
                                                              : ISA_DIGITAL_add;
    case ISA_mvm: // stored weights
    case ISA_clip:
    case ISA_recvadd: return ISA_DIGITAL_add;
    case ISA_norm: return ISA_DIGITAL_norm;
    case ISA_softmax: return ISA_DIGITAL_softmax;
    case ISA_red:
    case ISA_rred: return ISA_DIGITAL_reduce;
    case ISA_rope: return ISA_DIGITAL_rotate;
    case ISA_topk: return ISA_DIGITAL_select;
    case ISA_fin: return ISA_DIGITAL_scale;
    default: return ISA_DIGITAL_move;
    }
}

isa_digital isa_digital_of_scores(const isa_ring *r) {
    return r->act == ISA_ACT_SOFTMAX ? ISA_DIGITAL_softmax : ISA_DIGITAL_function;
}

int64_t isa_passes_of(const machine *m, isa_digital f) {
    const int64_t passes[ISA_DIGITALS] = {
#define DIGITAL(name, summary) m->passes.name,
#include "isa/machine/digital.def"
    };
    return passes[f];
}

bool isa_quantises(const isa_tile *t, const isa_insn *i) {
    return isa_has_result(isa_info_of(i->op)) && t->buffers[i->d].type == ISA_Q8;
}

bool isa_wants_lanes(const isa_tile *t, const isa_insn *i) {
    if (i->op == ISA_recvadd) return true;
    switch (isa_info_of(i->op)->unit) {
    case ISA_UNIT_digital: return true;
    case ISA_UNIT_crossbar:
        return t->groups[i->x].kind == ISA_STORED && t->groups[i->x].digits == 0;
    case ISA_UNIT_ring: {
        const isa_ring *r = &t->rings[i->x];
        if (!isa_reads_ring(i)) return false;
        if (r->kind == ISA_RING_STORED) return true;
        return r->readout == ISA_READ_SCORE && i->op != ISA_score && i->op != ISA_mix;
    }
    default: return false;
    }
}

void isa_count_digital(isa_events *e, const machine *m, isa_digital f, uint64_t elements) {
    uint64_t cycles = elements * (uint64_t)isa_passes_of(m, f);
    switch (f) {
#define DIGITAL(name, summary)           \
    case ISA_DIGITAL_##name:             \
        e->elements_##name += elements;  \
        e->lane_cycles_##name += cycles; \
        return;
#include "isa/machine/digital.def"
    case ISA_DIGITALS: break;
    }
}

bool isa_product_is_coded(const isa_tile *t, const isa_insn *mvm) {
    return t->groups[mvm->x].wtype == ISA_W_I8 && t->buffers[mvm->a].type == ISA_Q8;
}

int64_t isa_rows_read(const isa_insn *i, int64_t rows) {
    if (i->op == ISA_rred) return rows;
    if (i->op != ISA_rows) return 1;
    return i->mode == ISA_MODE_rows_index ? i->n : isa_window_of(i->imm).k;
}

uint64_t isa_stored_bytes(const isa_group *g) {
    if (g->kind != ISA_STORED || g->digits > 0) return 0;
    return (uint64_t)(g->k1 - g->k0) * g->n * (g->wtype == ISA_W_F32 ? sizeof(float) : 1);
}
