// What isa.def says about an instruction, in a form programs can walk: operands, modes, names of
// function codes. Encoder, assembler, disassembler, verifier and simulator all read this.
#ifndef OHMIC_ISA_OPERAND_H
#define OHMIC_ISA_OPERAND_H
#include "isa/isa.h"

typedef enum {
    ISA_FIELD_d,
    ISA_FIELD_a,
    ISA_FIELD_b,
    ISA_FIELD_x,
    ISA_FIELD_n,
    ISA_FIELD_imm,
    ISA_FIELD_COUNT
} isa_operand_field;

typedef enum {
    ISA_KIND_buf,
    ISA_KIND_group,
    ISA_KIND_ring,
    ISA_KIND_table,
    ISA_KIND_chan,
    ISA_KIND_port,
    ISA_KIND_dom,
    ISA_KIND_u,
    ISA_KIND_i,
    ISA_KIND_f,
    ISA_KIND_fn1,
    ISA_KIND_fn2,
    ISA_KIND_fnr,
    ISA_KIND_tl,
    ISA_KIND_COUNT
} isa_operand_kind;

typedef struct {
    isa_operand_field field;
    isa_operand_kind kind;
    bool optional;
} isa_operand;

// The operands in the order assembly writes them; returns how many (at most ISA_FIELD_COUNT).
unsigned isa_operands(const isa_info *info, isa_operand out[ISA_FIELD_COUNT]);
uint32_t isa_operand_get(const isa_insn *i, isa_operand_field field);
void isa_operand_set(isa_insn *i, isa_operand_field field, uint32_t value); // 16-bit fields: CHECK
// An optional operand that is left out: ISA_NONE in a 16-bit field, 0 in imm.
bool isa_operand_absent(const isa_operand *o, const isa_insn *i);
const char *isa_operand_kind_name(isa_operand_kind kind);    // "buf"
const char *isa_operand_field_name(isa_operand_field field); // "d"

// Names of the values of fn1, fn2, fnr and tl operands. NULL, or false: no such value.
const char *isa_function_name(isa_operand_kind kind, uint32_t code);
bool isa_function_find(isa_operand_kind kind, const char *name, size_t n, uint32_t *code);
const char *isa_function_at(isa_operand_kind kind, size_t index); // for listing; NULL past the end

const isa_info *isa_info_find(const char *mnemonic, size_t n); // NULL: no such mnemonic

// Lists of words separated by single spaces: the modes of an instruction, the names of an
// enumeration.
unsigned isa_words(const char *list);                              // how many
const char *isa_word(const char *list, unsigned index, size_t *n); // NULL past the end
bool isa_word_find(const char *list, const char *s, size_t n, unsigned *index);
#endif
