// What the files of the backend share.
#ifndef OHMIC_BACKEND_PARTS_H
#define OHMIC_BACKEND_PARTS_H

#include "backend/backend.h"
#include "support/map.h"
#include "support/vec.h"

typedef VEC(isa_piece) be_pieces;

// A tile while it grows.
typedef struct {
    VEC(isa_buffer) buffers;
    VEC(uint16_t) older; // [buffer] a circle: a parent, its views from the last one to the first
    VEC(isa_group) groups;
    VEC(isa_block) blocks;
    VEC(isa_ring) rings;
    VEC(isa_table) tables;
    struct {
        VEC(isa_insn) code;
        VEC(isa_line) lines;
    } phase[ISA_MAX_PHASES];
    map *group_index, *ring_index; // by symbol
    map *table_index;              // by key (data.c)
    uint8_t domains;               // derived ones set in this phase
} be_tile;

typedef struct {
    ir_module *m;
    const ir_func *f; // of the phase that is emitted
    size_t phase;
    const machine *chip;
    isa_program *p;
    diag_sink *diags;
    bool failed; // and has reported
    be_tile *tiles;
    int n_tiles;
    // a place for every value of f: tile-local buffer, UINT32_MAX: none
    uint32_t *buffer;
    map *ring_domains; // of the rows that a ring takes, by symbol: of its first writer
    // data
    be_pieces cells, tables;
    uint64_t cells_bytes, tables_bytes;
    map *table_offsets; // key of data -> index into offsets
    VEC(uint64_t) offsets;
    map *sums_index; // columns of matrices -> index into sums
    VEC(const int32_t *) sums;
} be_emitter;

// The number of a tile's next descriptor of a kind, `count` of which it has; 0 and e->failed,
// reported: its instructions can name no more.
uint16_t be_next(be_emitter *e, const be_tile *t, size_t count, const char *kind);

// data.c: groups, rings, tables, ports. Each returns the tile's (the program's) number of the
// descriptor.
uint16_t be_group(be_emitter *e, int tile, const char *symbol);
uint16_t be_ring(be_emitter *e, int tile, const char *symbol, int dom);
uint16_t be_table(be_emitter *e, int tile, const char *symbol);
// A table made of the given ones side by side (norm's gain and shift), or of given numbers (clip's
// bounds).
uint16_t be_table_joined(be_emitter *e, int tile, const char *const *symbols, size_t n);
uint16_t be_table_numbers(be_emitter *e, int tile, const float *row, size_t n);
void be_ports(be_emitter *e); // of all functions: inputs, then outputs
uint16_t be_port(const be_emitter *e, const char *name, bool out);

// insn.c: the value of an enumeration that has this name; CHECKs that there is one.
uint16_t be_code(const isa_enum *e, const char *name);
// How a mapped operation looks as an instruction. `i` has result, domain and all operands
// absent; fields that the instruction does not have may stay so. False: it is none.
typedef bool (*be_insn_function)(be_emitter *e, const ir_op *op, int tile, isa_insn *i);
#define OP(unit, name, stages, n_min, n_max, results, attributes, class, kind, rows, home, rule, \
           lowering, emission, summary)                                                          \
    bool be_insn_##emission(be_emitter *e, const ir_op *op, int tile, isa_insn *i);
#include "ir/ops.def"

// buffers.c
void be_buffers(be_emitter *e); // descriptors of all values of the phase
uint16_t be_buffer(const be_emitter *e, ir_val v);
// The buffer that shows the columns of k and v, which lie side by side, as one.
uint16_t be_side_by_side(be_emitter *e, ir_val k, ir_val v);
isa_btype be_row_type(const ir_func *f, ir_val v);

#endif
