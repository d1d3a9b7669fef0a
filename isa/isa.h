// Instructions and descriptors: the types every user of a program shares, expanded from isa.def and
// desc.def.
#ifndef OHMIC_ISA_ISA_H
#define OHMIC_ISA_ISA_H

#include "support/base.h"

typedef enum {
#define INSN(mnemonic, opcode, unit, rowclass, modes, operands, summary) ISA_##mnemonic = opcode,
#include "isa/isa.def"
} isa_opcode;

#define ISA_NONE 0xFFFFu         // absent optional 16-bit operand
#define ISA_NO_OFFSET UINT64_MAX // absent table
#define ISA_DOMAINS 8
#define ISA_MAX_CELL_TERMS 12
#define ISA_ROW_TRAILER 16 // bytes: f32 scale, i32 zero, i32 sum, u32 0

// Decoded instruction; 16 bytes in the file: opcode, dom | mode << 4, d, a, b, x, n, imm,
// little-endian.
typedef struct {
    uint8_t op, dom, mode;
    uint16_t d, a, b, x, n;
    uint32_t imm; // f32 operands: its bits
} isa_insn;

typedef struct {
    const char *mnemonic, *unit;
    char rowclass;
    const char *modes, *operands, *summary;
    uint8_t opcode;
} isa_info;
const isa_info *isa_info_of(unsigned opcode); // NULL: no such instruction
extern const isa_info isa_infos[];
extern const size_t isa_infos_count;

// Enumerations of descriptor fields; names in text are these, lower case.
typedef enum {
    ISA_F32,
    ISA_BF16,
    ISA_Q8,
    ISA_I32,
    ISA_RAW,
    ISA_PAIR
} isa_btype; // raw: i32 sums + trailer
typedef enum { ISA_PAD, ISA_MEM } isa_space;
typedef enum { ISA_QUANT_NONE, ISA_QUANT_SYM, ISA_QUANT_ASYM, ISA_QUANT_STATIC } isa_quant;
typedef enum { ISA_RESIDENT, ISA_STORED, ISA_EPILOGUE } isa_gkind;
typedef enum { ISA_W_I8, ISA_W_F32 } isa_wtype;
typedef enum { ISA_RING_GAIN, ISA_RING_STORED } isa_rkind;
typedef enum { ISA_RING_CAUSAL, ISA_RING_ALL, ISA_RING_CROSS } isa_rmode;
typedef enum { ISA_ACT_SOFTMAX, ISA_ACT_HARDSIGMOID } isa_ract;
typedef enum { ISA_READ_SCORE, ISA_READ_CHARGE } isa_rread;
typedef enum { ISA_SAT_NONE, ISA_SAT_SCORES, ISA_SAT_OUTPUTS, ISA_SAT_BOTH } isa_rsat;
typedef enum { ISA_DECAY_POWER, ISA_DECAY_PRODUCT } isa_rdecay;
typedef enum { ISA_BIAS_NONE, ISA_BIAS_ALIBI, ISA_BIAS_TOEPLITZ, ISA_BIAS_FULL } isa_rbias;
typedef enum { ISA_PORT_IN, ISA_PORT_OUT } isa_pdir;
typedef enum { ISA_ROLE_DATA, ISA_ROLE_TOKENS, ISA_ROLE_MASK, ISA_ROLE_POSITIONS } isa_prole;
typedef enum { ISA_TL_LIN, ISA_TL_ONE, ISA_TL_LAST, ISA_TL_PREFIX } isa_tl;
typedef enum {
#define RED(name, code) ISA_RED_##name = code,
#include "isa/reductions.def"
} isa_red;

#define DESC_BEGIN(kind, sigil) typedef struct {
#define FIELD(kind, ctype, name, how, summary) ctype name;
#define DESC_END(kind) \
    }                  \
    isa_##kind;
#include "isa/desc.def"

// Bytes of one row of a type: f32 4W, bf16 2W, q8 W + trailer, i32 4W, raw 4W + trailer, pair 8W.
uint32_t isa_row_bytes(isa_btype t, uint32_t width);

#endif
