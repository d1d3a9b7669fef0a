// Instructions and descriptors: the types every user of a program shares, expanded from isa.def and
// desc.def.
#ifndef OHMIC_ISA_ISA_H
#define OHMIC_ISA_ISA_H

#include "isa/enums.h"

typedef enum {
#define INSN(mnemonic, opcode, unit, modes, operands, summary) ISA_##mnemonic = opcode,
#include "isa/isa.def"
} isa_opcode;

// ISA_MODE_norm_rms and the like, and ISA_MODES_norm: how many.
#define MODE(mnemonic, name) ISA_MODE_##mnemonic##_##name,
#define INSN(mnemonic, opcode, unit, modes, operands, summary) enum { modes ISA_MODES_##mnemonic };
#include "isa/isa.def"
#undef MODE

#define ISA_NONE 0xFFFFu         // absent optional 16-bit operand
#define ISA_NO_OFFSET UINT64_MAX // absent table
#define ISA_DOMAINS ISA_COUNT_dom
#define ISA_MAX_CELL_TERMS 12
#define ISA_ROW_TRAILER 16 // bytes: f32 scale, i32 zero, i32 sum, u32 0

// Decoded instruction; 16 bytes in the file: opcode, dom | mode << 4, d, a, b, x, n, imm,
// little-endian.
typedef struct {
    uint8_t op, dom, mode;
    uint16_t d, a, b, x, n;
    uint32_t imm; // f32 operands: its bits
} isa_insn;

// What isa.def says about an operand.
typedef struct {
    uint8_t field, kind; // isa_operand_field, isa_operand_kind
    bool optional;
    uint8_t types; // buffers and tables: bit t is set when rows of isa_btype t are taken
    uint8_t width; // isa_width
    uint8_t rows;  // isa_rows
} isa_operand;

typedef struct {
    const char *mnemonic, *summary;
    isa_enum modes;
    isa_operand operands[ISA_COUNT_field]; // in the order assembly writes them
    uint8_t n_operands, opcode;
    isa_unit unit;
} isa_info;
const isa_info *isa_info_of(unsigned opcode);                  // NULL: no such instruction
const isa_info *isa_info_find(const char *mnemonic, size_t n); // NULL: no such mnemonic
extern const isa_info isa_infos[];
extern const size_t isa_infos_count;
// A function that takes more than an addition or a comparison.
bool isa_fn1_is_costly(unsigned code);
bool isa_fn2_is_costly(unsigned code);
// It makes rows: those of operand d, which then comes first.
static inline bool isa_has_result(const isa_info *info) {
    return info->n_operands > 0 && info->operands[0].field == ISA_FIELD_d &&
           info->operands[0].kind == ISA_KIND_buf;
}

#define DESC_BEGIN(kind, sigil) typedef struct {
#define FIELD(kind, ctype, name, how, summary) ctype name;
#define DESC_END(kind) \
    }                  \
    isa_##kind;
#include "isa/desc.def"

// Bytes of one row of a type: f32 4W, bf16 2W, q8 W + trailer, i32 4W, raw 4W + trailer, pair 8W.
uint32_t isa_row_bytes(isa_btype t, uint32_t width);

#endif
