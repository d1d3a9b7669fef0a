// The simulator: runs a verified program and answers with values and event counts. Knows nothing of
// the IR.
#ifndef OHMIC_RUNTIME_SIM_SIM_H
#define OHMIC_RUNTIME_SIM_SIM_H

#include "isa/machine/machine.h"
#include "isa/program.h"
#include "support/num/tensor.h"

typedef struct {
    int threads;      // 0: all cores
    bool force_cells; // every product through the bit-sliced engine, also where it is provably
                      // lossless
    uint64_t
        order_seed; // 0: tiles in the order of isa_order; else in another: never changes a result
} sim_options;

typedef struct sim sim;
// Verifies the program first (never runs an unverified one). `p` must outlive the sim. NULL:
// reported.
sim *sim_new(const isa_program *p, const machine *chip, const sim_options *o, diag_sink *diags);
void sim_free(sim *s); // NULL is allowed
const isa_program *sim_program(const sim *s);
const machine *sim_chip(const sim *s);

// One launch. rows[d]: rows of each free domain of the phase. inputs[i] belongs to the i-th *input*
// port and has its rows as axis 0: i32 [rows] for ids, masks, positions; f32 [rows][width] for
// data. outputs[i] (i-th output port) is allocated in `a`: [rows][width]. reset: positions 0, rings
// empty, before the step. Everything is checked before anything runs (row counts, ranges, order of
// phases): false and reported, state unchanged.
bool sim_step(sim *s, uint32_t phase, uint32_t bank, bool reset, const int64_t *rows,
              const tensor *inputs, arena *a, tensor *outputs, diag_sink *diags);
void sim_reset(sim *s, uint32_t bank);        // as a step's reset, without a step
int64_t sim_pos(const sim *s, uint32_t bank); // tokens seen by the first free domain
void sim_set_pos(sim *s, uint32_t bank, int64_t pos);

// Contents of a ring, oldest first, [n][n_kv*d] and [n][n_kv*dv]. Loaded, they are the tokens at
// positions end - n ... end - 1, and all that the ring holds. Read, they are its last tokens, as
// many as there are slots; one that was never written is a row of zeros.
bool sim_ring_load(sim *s, uint32_t tile, uint32_t ring, uint32_t bank, int64_t end,
                   const tensor *k, const tensor *v, diag_sink *diags);
bool sim_ring_read(const sim *s, uint32_t tile, uint32_t ring, uint32_t bank, arena *a, tensor *k,
                   tensor *v);

// How full a ring is.
typedef struct {
    int64_t slots, held;    // tokens there is room for; tokens held
    int64_t oldest, newest; // positions held that a query at `newest` sees; -1: none
    int64_t sub_tiles;      // that hold one of those; 0 where the ring names no sub_tile
} sim_ring_fill;
sim_ring_fill sim_ring_look(const sim *s, uint32_t tile, uint32_t ring, uint32_t bank);

// ---- state files (state_file.c): a sequence, saved and taken up again to the bit -------------

// What lies beside the simulator's own state.
typedef struct {
    const char *program; // what it is called, for messages about the file; saving only
    const void *host;    // the host's part, which the simulator does not look into; loaded, it
                         // points into the file's bytes
    uint64_t host_bytes;
} sim_state_note;

// Writes bank `bank` of a streaming program: positions, phases run, rings, rows before the next
// step; not the counters. The same state gives the same bytes. False: reported; write errors are
// the stream's.
bool sim_state_save(sim *s, uint32_t bank, const sim_state_note *note, FILE *to, diag_sink *diags);
// Takes up what a simulator of the same program saved, in any bank. Everything is checked first
// (checksum, program, contents): false and reported, state unchanged. `name` is for messages.
bool sim_state_load(sim *s, uint32_t bank, const char *name, const void *data, size_t bytes,
                    diag_sink *diags);
// The same checks without loading; gives the host's part.
bool sim_state_check(sim *s, const char *name, const void *data, size_t bytes, sim_state_note *note,
                     diag_sink *diags);

// Called after every instruction with its whole destination: [rows][width], q8 and raw dequantised
// to what they stand for (raw: i32). For --trace and eval --layers.
typedef void (*sim_observer)(void *ctx, uint32_t tile, uint32_t phase, uint32_t pc,
                             const tensor *value);
void sim_observe(sim *s, sim_observer f, void *ctx);

// What values decide of the time a program takes: told while it runs, instruction by instruction,
// rows of each in order.
typedef struct {
    // A step begins: tokens before it, rows of the free domains.
    void (*step)(void *ctx, uint32_t phase, uint32_t bank, int64_t position, const int64_t *rows);
    // A row that is not multiplied: its gate is 0.
    void (*closed)(void *ctx, uint32_t tile, uint32_t pc, int64_t row);
    // A row of a ring from which masks hide tokens: how many it sees, in how many sub-tiles.
    void (*seen)(void *ctx, uint32_t tile, uint32_t pc, int64_t row, int64_t seen,
                 int64_t sub_tiles);
    void *ctx;
} sim_recorder;
void sim_record(sim *s, const sim_recorder *r); // outlives the steps; NULL: no longer

// Event counters (stats.def): totals since sim_new.
typedef struct {
#define STAT(name, unit, summary) uint64_t name;
#include "runtime-sim/stats.def"
} sim_stats;
sim_stats sim_totals(const sim *s);
sim_stats sim_insn_stats(const sim *s, uint32_t phase, uint32_t tile, uint32_t pc);
#endif
