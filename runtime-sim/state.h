// What a simulator holds: the machine's state, the storage of one step, and the context of one
// instruction. Private to runtime-sim.
#ifndef OHMIC_RUNTIME_SIM_STATE_H
#define OHMIC_RUNTIME_SIM_STATE_H

#include "isa/count/events.h"
#include "isa/count/mesh.h"
#include "isa/depend/domain.h"
#include "isa/depend/order.h"
#include "isa/verify/verify.h"
#include "runtime-sim/gain/gain.h"
#include "runtime-sim/pool/pool.h"
#include "runtime-sim/sim.h"
#include "runtime-sim/xbar/xbar.h"
#include "support/vec.h"

// Trailer of q8 and raw rows. Buffers keep it apart from the codes; a view uses its parent's.
typedef struct {
    float scale;
    int32_t zero, sum;
} sim_trailer;

// Storage of a parent buffer during a step: all rows, whatever its depth (depth is timing only).
// Elements: f32 and bf16 float, q8 int8_t, i32 and raw int32_t, pair sim_pair.
typedef struct {
    float value;
    int32_t index;
} sim_pair;
typedef struct {
    void *data;            // NULL: not written in this step
    sim_trailer *trailers; // q8 and raw
    size_t capacity;       // bytes of the block that holds both
    int64_t rows;
} sim_store;

// A ring in one bank. Slot of position j: j mod slots.
typedef struct {
    // score read-out
    float *k;               // [n_kv][d][slots]: scores run over slots side by side
    float *v;               // [n_kv][slots][dv]
    float *k_size, *v_size; // [n_kv][slots], with levels: what the largest element stands for
    gain_cells cells;       // charge read-out
    int64_t *held;          // [slots] position held; -1: empty; -2 - position: under a zero mask
    int64_t len;            // one past the newest position written
} sim_ring;

// The last rows that a causal `rows` read: what lies before row 0 of the next step.
typedef struct {
    uint8_t *data; // [count] rows of the operand's elements
    sim_trailer *trailers;
    uint32_t count;
} sim_history;

// A group's weights in the form the kernels want; made at first use.
typedef struct {
    xbar *array; // i8 weights, q8 rows
    pool *pool;  // the same, multiplied by the pool
    float *w;    // i8 weights, float rows: f32(scale * (code - zero)) [K][N]
} sim_group;

typedef struct {
    sim_store *stores;                           // [n_buffers]; views stay empty
    sim_group *groups;                           // [n_groups]
    sim_ring *rings;                             // [banks][n_rings]
    const gain_unit **units;                     // [n_rings] of charge rings, made at first use
    int64_t rows[ISA_DOMAINS], pos[ISA_DOMAINS]; // of the step that runs
} sim_tile;

typedef struct {
    int64_t pos[ISA_DOMAINS];
    uint32_t ran[ISA_MAX_PHASES]; // steps of each phase since reset
} sim_bank;

// Rows in flight on a channel: one entry per send, shared by its destinations.
typedef struct {
    void *data;
    sim_trailer *trailers;
    size_t capacity;
    int64_t rows;
    uint32_t readers; // destinations that still have to take it
} sim_packet;
typedef struct {
    sim_packet **items;
    size_t count, capacity, head;
} sim_queue;

// Buffers that an instruction names; `written` counts in them, -1: none.
typedef struct {
    uint16_t buffer[6];
    uint8_t n;
    int8_t written;
} sim_uses;

typedef struct {
    isa_domain dom[ISA_DOMAINS];
    isa_step *order;      // a schedule: operands before their readers
    uint32_t n;           // instructions of the phase
    uint32_t **last;      // [tile][buffer]: index in `order` of the last instruction that names it
    uint32_t *base;       // [tile] index of pc 0 in stats and history
    sim_uses *uses;       // [n], by base[tile] + pc
    sim_stats *stats;     // [n], by base[tile] + pc
    sim_history *history; // [banks][n]
} sim_phase;

struct sim {
    const isa_program *p;
    const machine *chip;
    sim_options options;
    xbar_params xbar;
    sim_tile *tiles;
    sim_bank *banks;
    sim_queue *queues; // [n_dests]
    isa_dests dests;
    uint8_t *port_phases;  // [port] isa_port_phases
    uint32_t *port_number; // [port] among those of its direction
    uint32_t *links;       // [channel] that its rows go over
    sim_phase phases[ISA_MAX_PHASES];
    VEC(sim_store) spare;   // blocks of storage to be used again
    VEC(gain_unit *) units; // one for every device that rings have
    const tensor *inputs;   // of the step that runs, by input port
    tensor *outputs;
    arena *out_arena;
    arena *arena;
    char identity[33]; // isa_identity; "": not computed yet
    sim_observer observer;
    void *observer_ctx;
    const sim_recorder *recorder; // NULL: nobody records
};

// One instruction, all its rows.
typedef struct {
    sim *s;
    const isa_tile *desc;
    sim_tile *state;
    const isa_insn *insn;
    uint32_t tile, phase, pc, bank;
    bool digital;      // results are rounded to the chip's digital format
    int64_t rows, pos; // of the instruction's domain
    sim_stats *stats;
} sim_ctx;

// sim_exec_MNEMONIC for every row of isa.def: a missing one is a link error.
typedef void (*sim_exec)(sim_ctx *c);
#define INSN(mnemonic, opcode, unit, modes, operands, summary) void sim_exec_##mnemonic(sim_ctx *c);
#include "isa/isa.def"

void sim_count(sim_stats *s, const isa_events *e); // adds

// Storage of a step (storage.c). Blocks are not cleared.
void *sim_block_take(sim *s, size_t bytes, size_t *capacity);
void sim_block_give(sim *s, void *block, size_t capacity);

// launch.c: everything that can be wrong with a launch; reports all of it.
bool sim_launch_check(const sim *s, uint32_t phase, uint32_t bank, bool reset, const int64_t *rows,
                      const tensor *inputs, diag_sink *diags);

// ring.c
sim_ring *sim_ring_of(const sim *s, uint32_t tile, uint32_t ring, uint32_t bank);
const gain_unit *sim_unit_of(sim *s, uint32_t tile, uint32_t ring);
void sim_ring_reset(sim_ring *r, const isa_ring *d);
void sim_ring_free(sim_ring *r);

static inline const uint8_t *sim_table(const sim *s, uint64_t offset) {
    return offset == ISA_NO_OFFSET ? NULL : s->p->tables + offset;
}

#endif
