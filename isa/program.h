// A program in memory: what backend and assembler make, what verifier, disassembler and simulator
// read. File form (.ohm, ELF64): docs/isa.md and file.h. Big data is aliased from the mapped file
// when read.
#ifndef OHMIC_ISA_PROGRAM_H
#define OHMIC_ISA_PROGRAM_H

#include "isa/isa.h"
#include "support/arena.h"
#include "support/diag.h"
#include "support/file/file.h"

#define ISA_MAX_PHASES 2

typedef struct {
    uint32_t ir_op; // index of the operation in the mapped IR text, UINT32_MAX: none
    uint32_t node;  // string: ONNX node names, separated by newlines when fused
} isa_line;

typedef struct {
    isa_buffer *buffers;
    isa_group *groups;
    isa_block *blocks;
    isa_ring *rings;
    isa_table *tables;
    uint32_t n_buffers, n_groups, n_blocks, n_rings, n_tables;
    struct {
        isa_insn *code;
        isa_line *lines;
        uint32_t count;
    } phase[ISA_MAX_PHASES];
} isa_tile;

typedef struct {
    const char *name;                 // "run", or "encode" and "step"
    uint8_t free_domains;             // bit d: domain d gets its rows from the launch packet
    uint32_t max_rows[ISA_DOMAINS];   // largest TL of each free domain
    uint32_t fixed_rows[ISA_DOMAINS]; // the one TL a domain takes; 0: any up to max_rows
} isa_phase;

// A piece of .ohm.cells or .ohm.tables that need not stand in memory: isa_write asks for it while
// writing.
typedef struct {
    uint64_t offset, bytes; // place in the section
    const void *data;       // the bytes, or NULL: fill makes them
    // Makes bytes [first, first + n) of the piece; called with ascending `first`, n a multiple of
    // `grain` (the last one excepted) and about a megabyte at most, or one grain when that is
    // larger. False: it failed and has reported.
    bool (*fill)(void *ctx, uint64_t first, size_t n, uint8_t *out);
    void *ctx;
    uint32_t grain; // bytes that are made together, e.g. one row; 0 counts as 1
} isa_piece;

typedef struct {
    arena *arena;
    // signature
    isa_class class;
    uint32_t max_tokens, max_chunk, banks;
    double token_period_ns; // declared; 0: none
    isa_phase phases[ISA_MAX_PHASES];
    uint32_t n_phases;
    // descriptors
    isa_tile *tiles;
    isa_channel *channels;
    uint32_t *dests; // tiles, in the order of the channels
    isa_port *ports;
    uint32_t n_tiles, n_channels, n_dests, n_ports;
    // data
    const char *strings; // NUL-separated; offset 0 is ""
    uint64_t strings_bytes;
    const uint8_t *cells, *tables;
    uint64_t cells_bytes, tables_bytes;
    // In place of cells (tables) == NULL, to write a program that is larger than memory: ascending
    // offsets, no overlap; bytes between pieces are 0. Such a program can be verified and written,
    // not run.
    const isa_piece *cell_pieces, *table_pieces;
    uint32_t n_cell_pieces, n_table_pieces;
    // texts carried along
    const char *chip;  // canonical YAML (machine.h)
    const char *ir;    // mapped IR, "" when assembled by hand
    const char *proof; // find-tokens' record and notes, one a line
    const char *notes;
    const char *tool; // version
} isa_program;

static inline const char *isa_str(const isa_program *p, uint32_t offset) {
    return p->strings + offset;
}

isa_program *isa_program_new(void);
void isa_program_free(isa_program *p); // NULL is allowed
// Interns a string while building (program made by isa_program_new only); p->strings may move.
uint32_t isa_program_string(isa_program *p, const char *s);

isa_prole isa_port_role(const char *name); // what is none of the names is data
// 0 hides a token, whatever becomes of its row. The rows of ISA_ROLE_HIDES are so too: a host turns
// what it is given.
static inline bool isa_role_is_mask(isa_prole r) {
    return r == ISA_ROLE_MASK || r == ISA_ROLE_LENGTH || r == ISA_ROLE_HIDES ||
           r == ISA_ROLE_WEIGHTS || r == ISA_ROLE_ONES_FIRST;
}
// And tokens of 0 need not run.
static inline bool isa_role_skips(isa_prole r) {
    return r == ISA_ROLE_MASK || r == ISA_ROLE_LENGTH || r == ISA_ROLE_HIDES;
}
// Which phases read or write each port: [n_ports], bit k for phase k. Owned by `a`.
uint8_t *isa_port_phases(const isa_program *p, arena *a);

// 128 bits, as hex digits, over all that decides what the program computes: signature, descriptors
// without their names, code, cells, tables, chip. Texts carried along do not count. The data must
// stand in memory (no pieces).
void isa_identity(const isa_program *p, char hash[33]);

#endif
