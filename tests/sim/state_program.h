// A small streaming program with every kind of state: a ring with masked tokens that wraps, causal
// windows over f32 and q8 rows. For tests of state files.
#ifndef OHMIC_TESTS_SIM_STATE_PROGRAM_H
#define OHMIC_TESTS_SIM_STATE_PROGRAM_H

#include "tests/sim/builder.h"
#include "tests/sim/random.h"

enum { SP_TOKENS = 40, SP_HK = 2, SP_D = 2, SP_DV = 1, SP_SLOTS = 6, SP_BANKS = 2 };
enum { SP_Q = 2 * SP_HK * SP_D, SP_KV = SP_HK * (SP_D + SP_DV), SP_O = 2 * SP_HK * SP_DV };
enum { SP_OUTS = 3, SP_WIDE = 3 * SP_KV };

typedef struct {
    float q[SP_TOKENS * SP_Q], kv[SP_TOKENS * SP_KV];
    int32_t mask[SP_TOKENS];
} state_data;

static inline state_data state_data_make(uint64_t seed) {
    state_data d;
    for (int i = 0; i < SP_TOKENS * SP_Q; i++) d.q[i] = 2 * random_float(&seed);
    for (int i = 0; i < SP_TOKENS * SP_KV; i++) d.kv[i] = 2 * random_float(&seed);
    for (int i = 0; i < SP_TOKENS; i++) d.mask[i] = random_in(&seed, 0, 3) != 0;
    return d;
}

// scale: of the scores; another one is another program.
static inline build state_program(float scale) {
    build b = build_new(ISA_STREAM, SP_TOKENS, SP_TOKENS);
    b.p->banks = SP_BANKS;
    b.p->tool = "ohmic of the test";
    uint16_t q = build_in(&b, "q", ISA_F32, SP_Q), kv = build_in(&b, "kv", ISA_F32, SP_KV),
             mask = build_in(&b, "mask", ISA_I32, 1);
    uint16_t o = build_buf(&b, ISA_F32, SP_O), wide = build_buf(&b, ISA_F32, SP_WIDE);
    uint16_t codes = build_buf_in(&b, 0, ISA_Q8, SP_KV, 0, ISA_QUANT_STATIC),
             wide_codes = build_buf_in(&b, 0, ISA_Q8, SP_WIDE, 0, ISA_QUANT_STATIC);
    b.p->tiles[0].buffers[codes].scale = b.p->tiles[0].buffers[wide_codes].scale = 0.015625f;
    b.p->tiles[0].rings[b.p->tiles[0].n_rings++] = (isa_ring){.n_kv = SP_HK,
                                                              .q_per_kv = 2,
                                                              .d = SP_D,
                                                              .dv = SP_DV,
                                                              .slots = SP_SLOTS,
                                                              .window = SP_SLOTS - 1,
                                                              .scale = scale,
                                                              .bias_table = ISA_NO_OFFSET,
                                                              .sink = ISA_NO_OFFSET,
                                                              .cell = ISA_NO_OFFSET,
                                                              .scalings = ISA_NO_OFFSET};
    EMIT(&b, .op = ISA_attn, .d = o, .a = q, .b = kv, .x = 0, .n = mask);
    EMIT(&b, .op = ISA_rows, .d = wide, .a = kv, .x = ISA_NONE, .n = ISA_NONE,
         .imm = 3 | 1 << 8 | 2 << 16);
    EMIT(&b, .op = ISA_copy, .d = codes, .a = kv);
    EMIT(&b, .op = ISA_rows, .d = wide_codes, .a = codes, .x = ISA_NONE, .n = ISA_NONE,
         .imm = 3 | 1 << 8 | 2 << 16);
    build_out(&b, "o", o), build_out(&b, "wide", wide), build_out(&b, "codes", wide_codes);
    return b;
}

// Rows [from, from + rows) through bank `bank`; outputs side by side, [rows][SP_O + 2 SP_WIDE].
static inline bool state_feed(sim *s, uint32_t bank, const state_data *d, int from, int rows,
                              bool reset, float *out, diag_sink *diags) {
    arena *a = arena_new();
    tensor in[3] = {rows_f32(a, rows, SP_Q, d->q + from * SP_Q),
                    rows_f32(a, rows, SP_KV, d->kv + from * SP_KV),
                    rows_i32(a, rows, d->mask + from)},
           o[SP_OUTS];
    int64_t n[ISA_DOMAINS] = {rows};
    bool ok = sim_step(s, 0, bank, reset, n, in, a, o, diags);
    for (int i = 0; ok && i < SP_OUTS; i++)
        for (int r = 0; r < rows; r++) {
            static const int width[] = {SP_O, SP_WIDE, SP_WIDE}, col[] = {0, SP_O, SP_O + SP_WIDE};
            memcpy(out + r * (SP_O + 2 * SP_WIDE) + col[i], (const float *)o[i].data + r * width[i],
                   (size_t)width[i] * sizeof *out);
        }
    arena_free(a);
    return ok;
}

// The state as bytes, malloc'ed.
static inline uint8_t *state_bytes(sim *s, uint32_t bank, size_t *bytes) {
    char *data = NULL;
    FILE *f = open_memstream(&data, bytes);
    const sim_state_note note = {"small.ohm", "the host's", 10};
    CHECK(sim_state_save(s, bank, &note, f, NULL), "a state is not saved");
    fclose(f);
    return (uint8_t *)data;
}

#endif
