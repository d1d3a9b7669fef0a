// A small streaming program with every kind of state: rings with masked tokens that wrap (real
// numbers, levels read out by converters, charges), causal windows over f32 and q8 rows. For tests
// of state files.
#ifndef OHMIC_TESTS_SIM_STATE_PROGRAM_H
#define OHMIC_TESTS_SIM_STATE_PROGRAM_H

#include "tests/random.h"
#include "tests/sim/builder.h"

enum { SP_TOKENS = 40, SP_HK = 2, SP_D = 2, SP_DV = 1, SP_SLOTS = 6, SP_BANKS = 2 };
enum { SP_Q = 2 * SP_HK * SP_D, SP_KV = SP_HK * (SP_D + SP_DV), SP_O = 2 * SP_HK * SP_DV };
enum { SP_RINGS = 3, SP_OUTS = SP_RINGS + 2, SP_WIDE = 3 * SP_KV };
enum { SP_ROW = SP_RINGS * SP_O + 2 * SP_WIDE }; // all outputs

typedef struct {
    float q[SP_TOKENS * SP_Q], kv[SP_TOKENS * SP_KV];
    int32_t mask[SP_TOKENS];
} state_data;

static inline state_data state_data_make(uint64_t seed) {
    state_data d;
    random_stream r = random_test(seed);
    for (int i = 0; i < SP_TOKENS * SP_Q; i++) d.q[i] = 2 * random_float(&r);
    for (int i = 0; i < SP_TOKENS * SP_KV; i++) d.kv[i] = 2 * random_float(&r);
    for (int i = 0; i < SP_TOKENS; i++) d.mask[i] = random_in(&r, 0, 3) != 0;
    return d;
}

// scale: of the scores; another one is another program.
static inline build state_program(float scale) {
    build b = build_new(ISA_STREAM, SP_TOKENS, SP_TOKENS);
    b.p->banks = SP_BANKS;
    b.p->tool = "ohmic of the test";
    uint16_t q = build_in(&b, "q", ISA_F32, SP_Q), kv = build_in(&b, "kv", ISA_F32, SP_KV),
             mask = build_in(&b, "mask", ISA_I32, 1);
    uint16_t o[SP_RINGS], wide = build_buf(&b, ISA_F32, SP_WIDE);
    uint16_t codes = build_buf_in(&b, 0, ISA_Q8, SP_KV, 0, ISA_QUANT_STATIC),
             wide_codes = build_buf_in(&b, 0, ISA_Q8, SP_WIDE, 0, ISA_QUANT_STATIC);
    b.p->tiles[0].buffers[codes].scale = b.p->tiles[0].buffers[wide_codes].scale = 0.015625f;
    isa_ring real = {.kind = ISA_RING_STORED,
                     .n_kv = SP_HK,
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
    isa_ring levels = real, charge = real;
    levels.kind = charge.kind = ISA_RING_GAIN;
    b.chip.gain.sub_tile = levels.sub_tile = charge.sub_tile = 4;
    b.chip.gain.score_cells = 1;
    b.chip.gain.score_levels = levels.kv_levels = 8;
    b.chip.gain.score_q_levels = levels.q_levels = 15;
    b.chip.gain.score_p_levels = levels.p_levels = 16;
    b.chip.gain.score_adc_bits = levels.adc_bits = 6;
    static const float cell[] = {0, 1, -0.25f},
                       scalings[8][4] = {{0.5f, 0.6f, 0.7f, 0.8f}, {0.1f},
                                         {0.2f, 0, 0.3f},          {0.45f, 0, 0.4f},
                                         {0.2f, 0, 0.3f},          {0.4f, 0, 0.45f},
                                         {1, 1.25f, 1.5f, 1.75f},  {0}};
    charge.readout = ISA_READ_CHARGE;
    charge.kv_levels = 8, charge.q_levels = 16, charge.out_levels = 32;
    charge.v_dd = 0.9f, charge.s_sat = 0.6f, charge.o_sat = 0.8f, charge.decay = 0.01f;
    charge.cell_terms = ARRAY_LEN(cell), charge.cell = build_data(&b, cell, sizeof cell);
    charge.scalings = build_data(&b, scalings, sizeof scalings);
    const isa_ring rings[SP_RINGS] = {real, levels, charge};
    for (uint16_t i = 0; i < SP_RINGS; i++) {
        o[i] = build_buf(&b, ISA_F32, SP_O);
        b.p->tiles[0].rings[b.p->tiles[0].n_rings++] = rings[i];
        EMIT(&b, .op = ISA_attn, .d = o[i], .a = q, .b = kv, .x = i, .n = mask);
    }
    EMIT(&b, .op = ISA_rows, .d = wide, .a = kv, .x = ISA_NONE, .n = ISA_NONE,
         .imm = 3 | 1 << 8 | 2 << 16);
    EMIT(&b, .op = ISA_copy, .d = codes, .a = kv, .b = ISA_NONE);
    EMIT(&b, .op = ISA_rows, .d = wide_codes, .a = codes, .x = ISA_NONE, .n = ISA_NONE,
         .imm = 3 | 1 << 8 | 2 << 16);
    for (int i = 0; i < SP_RINGS; i++) build_out(&b, "o", o[i]);
    build_out(&b, "wide", wide), build_out(&b, "codes", wide_codes);
    return b;
}

// Rows [from, from + rows) through bank `bank`; outputs side by side, [rows][SP_ROW].
static inline bool state_feed(sim *s, uint32_t bank, const state_data *d, int from, int rows,
                              bool reset, float *out, diag_sink *diags) {
    arena *a = arena_new();
    tensor in[3] = {rows_f32(a, rows, SP_Q, d->q + from * SP_Q),
                    rows_f32(a, rows, SP_KV, d->kv + from * SP_KV),
                    rows_i32(a, rows, d->mask + from)},
           o[SP_OUTS];
    int64_t n[ISA_DOMAINS] = {rows};
    bool ok = sim_step(s, 0, bank, reset, n, in, a, o, diags);
    for (int i = 0, col = 0; ok && i < SP_OUTS; col += (int)o[i++].dim[1])
        for (int r = 0; r < rows; r++)
            memcpy(out + r * SP_ROW + col, (const float *)o[i].data + r * o[i].dim[1],
                   (size_t)o[i].dim[1] * sizeof *out);
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
