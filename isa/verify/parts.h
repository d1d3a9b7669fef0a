// What the files of the verifier share; for everybody else there is verify.h.
#ifndef OHMIC_ISA_VERIFY_PARTS_H
#define OHMIC_ISA_VERIFY_PARTS_H
#include "isa/depend/domain.h"
#include "isa/depend/order.h"
#include "isa/operand.h"
#include "isa/structure.h"
#include "isa/verify/verify.h"

// What is known of the trailers of q8 rows.
typedef struct {
    bool zero_free; // zero points are 0
    bool fixed;     // all have this scale and zero point
    float scale;
    int32_t zero;
} verify_trailer;

typedef struct {
    const isa_program *p;
    const machine *chip; // NULL: capacities are not looked at
    const char *name;
    diag_sink *diags;
    arena *a; // lives as long as one verification
    uint32_t found;
    uint8_t **made;                  // [table piece] its bytes, where they had to be made
    struct verify_numbers **numbers; // [tile][table] values.c: what is known of its numbers
    // of the phase that is looked at
    uint32_t phase;
    bool bounded; // domains of this phase, and of those before it, are known
    bool streams; // launched step after step for one sequence, so positions start anywhere
    isa_domain dom[ISA_DOMAINS];
    verify_trailer **trailers;       // [tile][buffer that is no view]
    struct verify_scales *scales;    // scales.c
    struct verify_writers **writers; // [tile][ring]
} verifier;

// --- verify.c: findings
void verify_bad(verifier *v, diag_id id, const char *where, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
// About an instruction: names phase, tile, pc, its text and ONNX nodes.
void verify_bad_at(verifier *v, diag_id id, uint32_t tile, uint32_t pc, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
void verify_note_at(verifier *v, uint32_t tile, uint32_t pc, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
// "buffer 3 'qkv'" of a tile.
const char *verify_buffer_name(verifier *v, uint32_t tile, uint32_t buffer);

static inline const isa_insn *verify_insn(const verifier *v, uint32_t tile, uint32_t pc) {
    return &v->p->tiles[tile].phase[v->phase].code[pc];
}
static inline uint32_t verify_parent(const isa_tile *t, uint32_t buffer) {
    return t->buffers[buffer].parent;
}
// First column within the parent.
static inline uint32_t verify_col0(const isa_tile *t, uint32_t buffer) {
    return t->buffers[buffer].parent == buffer ? 0 : t->buffers[buffer].col0;
}

// --- descriptors.c, readout.c, blocks.c, capacity.c
void verify_descriptors(verifier *v);
void verify_readout(verifier *v, uint32_t tile); // of its rings
void verify_blocks(verifier *v, uint32_t tile);
void verify_pool(verifier *v, uint32_t tile); // of its groups
void verify_capacity(verifier *v);
// `bytes` at `offset` of .ohm.tables, whether they stand in memory or are pieces; NULL: they cannot
// be made.
const uint8_t *verify_table_bytes(verifier *v, uint64_t offset, uint64_t bytes);

// --- domains.c
bool verify_domains(verifier *v); // false: domains are not known, rows cannot be followed
// Fewest rows of a, and the least difference rows(a) - rows(d), over all launches in which d has
// rows.
int64_t verify_least_rows(const verifier *v, unsigned a, unsigned d);
int64_t verify_least_slack(const verifier *v, unsigned a, unsigned d); // INT64_MIN: unknown

// --- operands.c
void verify_operands(verifier *v);

// --- trailers.c
void verify_trailers(verifier *v);
// Of the rows that instructions of this phase put into the buffer.
verify_trailer verify_trailer_of(const verifier *v, uint32_t tile, uint32_t buffer);

// --- scales.c: rows of one scale that several instructions write
void verify_find_scales(verifier *v);
// True when one column of largest elements is known to give all columns of the buffer their scale.
bool verify_one_scale(const verifier *v, uint32_t tile, uint32_t buffer);

// --- streams.c: a phase that streams gives the same rows however a sequence is cut
void verify_streams(verifier *v);

// --- channels.c
bool verify_channels(verifier *v); // false: sends and receives do not match
// False: tiles wait for each other, reported as the cycle. `order` has room for all instructions.
bool verify_order(verifier *v, isa_step *order, uint32_t *n);

// --- ports.c
void verify_ports(verifier *v);
void verify_outputs_exist(verifier *v); // over all phases

// --- shapes.c: what ports and rings say of tensors, over all phases
void verify_shapes(verifier *v);

// --- rings.c
typedef struct verify_writers {
    uint32_t pc;       // that has written the ring in this phase; UINT32_MAX: none yet
    bool here, before; // some instruction of this phase writes it; of a phase before
} verify_writers;
// Of the rings of each tile, before the walk: v->writers.
void verify_find_writers(verifier *v);
void verify_ring_use(verifier *v, uint32_t tile, uint32_t pc, const verify_writers *w);

// --- values.c: which integers a row may hold (type i32, or the indices of pairs)
typedef struct {
    int64_t lo, hi; // both included
} verify_range;
#define VERIFY_ANY_INTEGER ((verify_range){INT32_MIN, INT32_MAX})
verify_range verify_join(verify_range a, verify_range b);
// Of what the instruction writes; a, b: of its operands; arriving: of the row a receive takes.
verify_range verify_result_range(verifier *v, uint32_t tile, const isa_insn *i, verify_range a,
                                 verify_range b, verify_range arriving);
// gather, rope and pick name rows by their operand: it must stay inside.
void verify_indices(verifier *v, uint32_t tile, uint32_t pc, verify_range a, verify_range b);

// --- flow.c: the walk in order: written before read, indices, rings, depths
void verify_flow(verifier *v, const isa_step *order, uint32_t n, uint32_t active_set);
#endif
