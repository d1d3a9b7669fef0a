// Operands of an instruction: reading and writing its fields, and numbers packed into imm.
#ifndef OHMIC_ISA_OPERAND_H
#define OHMIC_ISA_OPERAND_H
#include "isa/isa.h"

uint32_t isa_operand_get(const isa_insn *i, isa_operand_field field);
void isa_operand_set(isa_insn *i, isa_operand_field field, uint32_t value); // 16-bit fields: CHECK
// What stands for an optional operand that is left out: ISA_NONE in a 16-bit field, 0 in imm.
static inline uint32_t isa_operand_none(isa_operand_field field) {
    return field == ISA_FIELD_imm ? 0 : ISA_NONE;
}
static inline bool isa_operand_absent(const isa_operand *o, const isa_insn *i) {
    return o->optional && isa_operand_get(i, (isa_operand_field)o->field) ==
                              isa_operand_none((isa_operand_field)o->field);
}
// The enumeration whose names an operand of the kind takes; NULL: it takes none.
const isa_enum *isa_operand_enum(isa_operand_kind kind);

// Operand x is a ring, which the instruction writes, or answers queries from.
bool isa_writes_ring(const isa_insn *i);
bool isa_reads_ring(const isa_insn *i);

// imm of `rows.window`: row r sees rows r * step - pad ... + k - 1.
typedef struct {
    uint32_t k, step, pad; // bytes
} isa_window;
static inline isa_window isa_window_of(uint32_t imm) {
    return (isa_window){imm & 0xFF, imm >> 8 & 0xFF, imm >> 16 & 0xFF};
}
static inline uint32_t isa_window_imm(isa_window w) { return w.k | w.step << 8 | w.pad << 16; }
// imm of `settl lin`: (rows * mul + add) / div.
typedef struct {
    uint32_t mul, add, div; // bytes
} isa_lin;
static inline isa_lin isa_lin_of(uint32_t imm) {
    return (isa_lin){imm & 0xFF, imm >> 8 & 0xFF, imm >> 16 & 0xFF};
}
static inline uint32_t isa_lin_imm(isa_lin l) { return l.mul | l.add << 8 | l.div << 16; }
#endif
