// What runs a token program: the simulator on a program file, or the interpreter on IR. Both take
// rows and give rows.
#ifndef OHMIC_HOST_ENGINE_H
#define OHMIC_HOST_ENGINE_H

#include "host/program.h"
#include "ir/ir.h"
#include "runtime-sim/sim.h"

// What the program takes and gives, in rows of tokens. Texts live as long as the engine.
typedef struct {
    const char *name; // ONNX name
    bool input;
    bool encoder; // read or written by the encoder's phase
    elem onnx;    // element type outside
    bool integer; // rows are i32 [n]; else f32 [n][width], of pairs value and index side by side
    int domain;   // of its rows
    int64_t width;
    int64_t lo, hi; // of integers; lo == hi: any
    int64_t pad;    // 1 + the integer that no position counts, behind all others; 0: none
    isa_prole role;
    const char *shape;  // "[1,t0,512]"; "": not known
    const char *layout; // of image rows; "": none
} engine_port;

// A ring whose contents are caches of the model.
typedef struct {
    const char *past_key, *past_value, *present_key, *present_value, *layout; // "": none
    int64_t n_kv, d, dv; // key/value heads, columns of a key and of a value
    int64_t slots;       // tokens that it holds
} engine_ring;

typedef struct {
    bool stream;        // tokens in as many steps as one likes; else a whole sequence at once
    int64_t max_tokens; // of a sequence
    int64_t longest;    // that the model can be compiled for: its position table; 0: any
    int64_t max_chunk;  // rows of one step at most
    int64_t fixed_rows; // the one token count a sequence may have; 0: any
    // An encoder reads its own tokens, all at once, before the first step.
    bool has_encoder;
    int domain[2];                      // whose rows are the tokens, and the encoder's tokens
    int64_t max_encoder, fixed_encoder; // its tokens at most; the one count it takes, 0: any
    engine_port *ports;
    size_t n_ports;
    engine_ring *rings;
    size_t n_rings;
    const char *notes; // the compiler's, one a line
    int64_t banks;     // sequences that can be under way at the same time
} engine_info;

typedef struct engine engine;

// NULL: reported. What is given must outlive the engine. A program is verified first; a module must
// have been through find-tokens (and split-phases, where it has an encoder). threads 0: all cores.
engine *engine_of_program(const program_file *f, const sim_options *o, diag_sink *diags);
engine *engine_of_module(const ir_module *m, int threads, diag_sink *diags);
void engine_free(engine *e); // NULL is allowed
// How a program for n tokens would be had: "compile with --max-tokens 65 or more", or why not at
// all. In `a`.
const char *engine_longer(arena *a, const engine_info *info, int64_t n);
const engine_info *engine_describe(const engine *e);
sim *engine_sim(engine *e); // NULL when it is the interpreter
// Called for every value the interpreter computes; nothing on the simulator.
void engine_observe(engine *e, void (*f)(void *, const ir_op *, uint32_t, const tensor *),
                    void *ctx);

// Steps, encoders and rings from now on are of the sequence in this bank, 0 to begin with.
void engine_use_bank(engine *e, int64_t bank);

// ---- steps -----------------------------------------------------------------------------------
//
// Rows of every input port in order, f32 [rows][width] or i32 [rows]; rows of every output port in
// order, in `a`. False: reported (by the interpreter to the sink it was made with); a launch that
// the simulator refuses changed nothing.

// What an encoder gives: once for a sequence, before its steps. inputs and outputs as for a step,
// of which only the encoder's are looked at and given. reset: begins the sequence; else one that
// engine_load_past has begun.
bool engine_encode(engine *e, bool reset, int64_t rows, const tensor *inputs, arena *a,
                   tensor *outputs, diag_sink *diags);
// One step of `rows` tokens. reset: the step begins a sequence (never behind an encoder, which
// does).
bool engine_step(engine *e, bool reset, int64_t rows, const tensor *inputs, arena *a,
                 tensor *outputs, diag_sink *diags);
// Begins a sequence that has a past: positions start at pos, rings hold keys and values of the last
// tokens before it, [n][n_kv*d] and [n][n_kv*dv].
bool engine_load_past(engine *e, int64_t pos, const tensor *keys, const tensor *values,
                      diag_sink *diags);
// What a ring holds, oldest token first: f32 [n][n_kv*d] and [n][n_kv*dv] in `a`.
// False: there is no such ring.
bool engine_read_ring(engine *e, size_t ring, arena *a, tensor *k, tensor *v);

#endif
