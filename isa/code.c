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

bool isa_is_canonical(const isa_insn *i) {
    const isa_info *info = isa_info_of(i->op);
    if (!info || i->dom >= ISA_DOMAINS) return false;
    if (i->mode > 0 && i->mode >= info->modes.count) return false;
    unsigned used = 0;
    for (unsigned k = 0; k < info->n_operands; k++) {
        const isa_operand *o = &info->operands[k];
        used |= 1u << o->field;
        if (isa_operand_absent(o, i)) continue;
        const isa_enum *values =
            isa_operand_enum(o->kind); // of descriptors the verifier knows how many
        if (values && isa_operand_get(i, o->field) >= values->count) return false;
    }
    for (unsigned f = 0; f < ISA_COUNT_field; f++)
        if (!(used >> f & 1) && isa_operand_get(i, (isa_operand_field)f) != 0) return false;
    return true;
}
