// Instruction words: packing is the same for every instruction, what is canonical is isa.def's.
#include "isa/code.h"
#include "isa/operand.h"

static void put16(uint8_t *p, uint16_t v) {
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }

void isa_encode(const isa_insn *i, uint8_t word[16]) {
    CHECK(i->dom < 16 && i->mode < 16, "domain %d, mode %d", i->dom, i->mode);
    word[0] = i->op;
    word[1] = (uint8_t)(i->dom | i->mode << 4);
    put16(word + 2, i->d);
    put16(word + 4, i->a);
    put16(word + 6, i->b);
    put16(word + 8, i->x);
    put16(word + 10, i->n);
    put16(word + 12, (uint16_t)i->imm);
    put16(word + 14, (uint16_t)(i->imm >> 16));
}

bool isa_decode(const uint8_t word[16], isa_insn *i) {
    *i = (isa_insn){.op = word[0],
                    .dom = word[1] & 15,
                    .mode = word[1] >> 4,
                    .d = get16(word + 2),
                    .a = get16(word + 4),
                    .b = get16(word + 6),
                    .x = get16(word + 8),
                    .n = get16(word + 10),
                    .imm = get16(word + 12) | (uint32_t)get16(word + 14) << 16};
    return isa_is_canonical(i);
}

static bool is_value(isa_operand_kind kind, uint32_t v) {
    switch (kind) {
    case ISA_KIND_dom: return v < ISA_DOMAINS;
    case ISA_KIND_fn1:
    case ISA_KIND_fn2:
    case ISA_KIND_fnr:
    case ISA_KIND_tl: return isa_function_name(kind, v) != NULL;
    default: return true; // descriptors: the verifier knows how many there are
    }
}

bool isa_is_canonical(const isa_insn *i) {
    const isa_info *info = isa_info_of(i->op);
    if (!info || i->dom >= ISA_DOMAINS) return false;
    unsigned modes = isa_words(info->modes);
    if (i->mode >= (modes ? modes : 1)) return false;
    isa_operand operands[ISA_FIELD_COUNT];
    unsigned n = isa_operands(info, operands), used = 0;
    for (unsigned k = 0; k < n; k++) {
        used |= 1u << operands[k].field;
        if (isa_operand_absent(&operands[k], i)) continue;
        if (!is_value(operands[k].kind, isa_operand_get(i, operands[k].field))) return false;
    }
    for (unsigned f = 0; f < ISA_FIELD_COUNT; f++)
        if (!(used >> f & 1) && isa_operand_get(i, (isa_operand_field)f) != 0) return false;
    return true;
}
