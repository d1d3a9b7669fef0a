// The table of isa.def at run time.
#include "isa/isa.h"
#include "isa/operand.h"
#include <string.h>

// --- what isa.def names: a name it does not know does not compile

enum { // row types
    F32 = 1 << ISA_F32,
    BF16 = 1 << ISA_BF16,
    Q8 = 1 << ISA_Q8,
    I32 = 1 << ISA_I32,
    RAW = 1 << ISA_RAW,
    PAIR = 1 << ISA_PAIR,
    FLOATS = F32 | BF16,
    NUMBERS = FLOATS | Q8 | I32,
    STORED = F32 | Q8 | I32, // what tables hold
    ROWS = NUMBERS | RAW | PAIR
};

#define OPERAND(field, kind, optional, types, width, rows) \
    {ISA_FIELD_##field, ISA_KIND_##kind, optional, types, ISA_WIDTH_##width, ISA_ROWS_##rows},
#define BUF(field, types, width, rows) OPERAND(field, buf, false, types, width, rows)
#define BUF_(field, types, width, rows) OPERAND(field, buf, true, types, width, rows)
#define TABLE(field, types, width, rows) OPERAND(field, table, false, types, width, rows)
#define TABLE_(field, types, width, rows) OPERAND(field, table, true, types, width, rows)
#define RING(rows) OPERAND(x, ring, false, 0, any, rows)
#define OP(field, kind) OPERAND(field, kind, false, 0, any, none)
#define OP_(field, kind) OPERAND(field, kind, true, 0, any, none)

#define MODE(mnemonic, name) #name,
#define INSN(mnemonic, opcode, unit, modes, operands, summary) \
    static const char *const modes_##mnemonic[] = {modes NULL};
#include "isa/isa.def"
#undef MODE

#define MODE(mnemonic, name) " " #name
#define INSN(mnemonic, opcode, unit, modes, operands, summary) \
    static const char list_##mnemonic[] = "" modes;
#include "isa/isa.def"
#undef MODE

#define MODES(mnemonic) \
    { #mnemonic, modes_##mnemonic, ISA_MODES_##mnemonic, &list_##mnemonic[ISA_MODES_##mnemonic> 0] }
#define INSN(mnemonic, opcode, unit, modes, operands, summary) \
    {#mnemonic,                                                \
     summary,                                                  \
     MODES(mnemonic),                                          \
     {operands},                                               \
     ARRAY_LEN(((const isa_operand[]){operands{0}})) - 1,      \
     opcode,                                                   \
     ISA_UNIT_##unit},
const isa_info isa_infos[] = {
#include "isa/isa.def"
};
const size_t isa_infos_count = ARRAY_LEN(isa_infos);

#define MODE(mnemonic, name) &&(int)ISA_##mnemonic == here
#define INSN(mnemonic, opcode, unit, modes, operands, summary)                         \
    static inline void check_##mnemonic(void) {                                        \
        enum { here = opcode };                                                        \
        _Static_assert(here <= 0xFF, #mnemonic ": the opcode has 8 bits");             \
        _Static_assert(ISA_MODES_##mnemonic <= 16, #mnemonic ": the mode has 4 bits"); \
        _Static_assert(1 modes, #mnemonic ": a MODE of it names another instruction"); \
    }
#include "isa/isa.def"

// Rows of isa.def are found by opcode through a switch: two instructions of one opcode do not
// compile.
enum {
#define INSN(mnemonic, opcode, unit, modes, operands, summary) PLACE_##mnemonic,
#include "isa/isa.def"
};

const isa_info *isa_info_of(unsigned opcode) {
    // clang-format off
    switch (opcode) {
#define INSN(mnemonic, opcode_, unit, modes, operands, summary)                                    \
    case opcode_: return &isa_infos[PLACE_##mnemonic];
#include "isa/isa.def"
    }
    // clang-format on
    return NULL;
}

const isa_info *isa_info_find(const char *mnemonic, size_t n) {
    for (size_t i = 0; i < isa_infos_count; i++)
        if (strlen(isa_infos[i].mnemonic) == n && memcmp(isa_infos[i].mnemonic, mnemonic, n) == 0)
            return &isa_infos[i];
    return NULL;
}

// --- operands

uint32_t isa_operand_get(const isa_insn *i, isa_operand_field field) {
    switch (field) {
    case ISA_FIELD_d: return i->d;
    case ISA_FIELD_a: return i->a;
    case ISA_FIELD_b: return i->b;
    case ISA_FIELD_x: return i->x;
    case ISA_FIELD_n: return i->n;
    case ISA_FIELD_imm: return i->imm;
    }
    CHECK(false, "field %d", (int)field);
}

void isa_operand_set(isa_insn *i, isa_operand_field field, uint32_t value) {
    CHECK(field == ISA_FIELD_imm || value <= 0xFFFF, "%u in a 16-bit field", value);
    uint16_t half = (uint16_t)value;
    switch (field) {
    case ISA_FIELD_d: i->d = half; return;
    case ISA_FIELD_a: i->a = half; return;
    case ISA_FIELD_b: i->b = half; return;
    case ISA_FIELD_x: i->x = half; return;
    case ISA_FIELD_n: i->n = half; return;
    case ISA_FIELD_imm: i->imm = value; return;
    }
    CHECK(false, "field %d", (int)field);
}

const isa_enum *isa_operand_enum(isa_operand_kind kind) {
    switch (kind) {
    case ISA_KIND_dom: return &isa_enums[ISA_ENUM_dom];
    case ISA_KIND_fn1: return &isa_enums[ISA_ENUM_fn1];
    case ISA_KIND_fn2: return &isa_enums[ISA_ENUM_fn2];
    case ISA_KIND_fnr: return &isa_enums[ISA_ENUM_fnr];
    case ISA_KIND_tl: return &isa_enums[ISA_ENUM_tl];
    case ISA_KIND_buf:
    case ISA_KIND_group:
    case ISA_KIND_ring:
    case ISA_KIND_table:
    case ISA_KIND_chan:
    case ISA_KIND_port:
    case ISA_KIND_u:
    case ISA_KIND_i:
    case ISA_KIND_f: break;
    }
    return NULL;
}

static isa_rows rows_of_ring(const isa_info *info) {
    for (unsigned k = 0; k < info->n_operands; k++)
        if (info->operands[k].kind == ISA_KIND_ring) return (isa_rows)info->operands[k].rows;
    return ISA_ROWS_none;
}

bool isa_writes_ring(const isa_insn *i) {
    return rows_of_ring(isa_info_of(i->op)) == ISA_ROWS_state;
}

bool isa_reads_ring(const isa_insn *i) {
    const isa_info *info = isa_info_of(i->op);
    return rows_of_ring(info) != ISA_ROWS_none && isa_has_result(info);
}

// --- rows

uint32_t isa_row_bytes(isa_btype t, uint32_t width) {
    switch (t) {
    case ISA_F32:
    case ISA_I32: return 4 * width;
    case ISA_BF16: return 2 * width;
    case ISA_Q8: return width + ISA_ROW_TRAILER;
    case ISA_RAW: return 4 * width + ISA_ROW_TRAILER;
    case ISA_PAIR: return 8 * width;
    }
    CHECK(false, "row type %d", (int)t);
}

bool isa_fn1_is_costly(unsigned code) {
    switch (code) {
    case ISA_FN1_neg:
    case ISA_FN1_abs:
    case ISA_FN1_relu:
    case ISA_FN1_floor:
    case ISA_FN1_ceil:
    case ISA_FN1_round:
    case ISA_FN1_sign: return false;
    default: return true;
    }
}

bool isa_fn2_is_costly(unsigned code) {
    return code == ISA_FN2_pow || code == ISA_FN2_silu_mul || code == ISA_FN2_gelu_mul ||
           code == ISA_FN2_gelu_tanh_mul;
}
