// Launches that are refused: one case per reason, the state untouched. And programs that do not fit
// a chip.
#include "tests/random.h"
#include "tests/sim/builder.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { W = 3 };

static build stream(void) {
    build b = build_new(ISA_STREAM, 4, 10);
    uint16_t x = build_in(&b, "x", ISA_F32, W), ids = build_in(&b, "ids", ISA_I32, 1);
    (void)ids;
    b.p->ports[1].lo = 0, b.p->ports[1].hi = 7;
    build_out(&b, "y", x);
    return b;
}

static bool launch(build *b, sim *s, arena *a, uint32_t phase, uint32_t bank, bool reset,
                   int64_t rows, tensor x, tensor ids) {
    tensor in[2] = {x, ids}, out[2];
    int64_t n[ISA_DOMAINS] = {rows, rows};
    return sim_step(s, phase, bank, reset, n, in, a, out, b->diags);
}

static diag_id last_id(const build *b) { return diag_get(b->diags, diag_count(b->diags) - 1)->id; }

static void test_rows_and_inputs(void **state) {
    arena *a = arena_new();
    build b = stream();
    sim *s = build_sim(&b, 1, false);
    int32_t ids[4] = {0, 6, 3, 1}, bad[4] = {0, 6, 7, 1}, negative[4] = {0, -1, 3, 1};
#define X(n) rows_f32(a, n, W, NULL)
#define IDS(n, v) rows_i32(a, n, v)
    assert_true(launch(&b, s, a, 0, 0, true, 4, X(4), IDS(4, ids)));
    assert_true(launch(&b, s, a, 0, 0, false, 0, X(0), IDS(0, ids)));
    assert_int_equal(sim_pos(s, 0), 4);
    assert_false(launch(&b, s, a, 0, 0, false, 5, X(5), IDS(5, NULL))); // more than max_rows
    assert_int_equal(last_id(&b), DIAG_ID_sim_rows);
    assert_false(launch(&b, s, a, 0, 0, false, -1, X(0), IDS(0, ids)));
    assert_int_equal(last_id(&b), DIAG_ID_sim_rows);
    assert_false(launch(&b, s, a, 0, 0, false, 4, X(3), IDS(4, ids)));
    assert_int_equal(last_id(&b), DIAG_ID_sim_input);
    assert_false(launch(&b, s, a, 0, 0, false, 4, rows_f32(a, 4, W + 1, NULL), IDS(4, ids)));
    assert_int_equal(last_id(&b), DIAG_ID_sim_input);
    assert_false(launch(&b, s, a, 0, 0, false, 4, IDS(4, ids), IDS(4, ids)));
    assert_int_equal(last_id(&b), DIAG_ID_sim_input);
    assert_false(launch(&b, s, a, 0, 0, false, 4, X(4), IDS(4, bad)));
    assert_int_equal(last_id(&b), DIAG_ID_sim_input);
    assert_false(launch(&b, s, a, 0, 0, false, 4, X(4), IDS(4, negative)));
    assert_false(launch(&b, s, a, 1, 0, false, 4, X(4), IDS(4, ids)));
    assert_int_equal(last_id(&b), DIAG_ID_sim_order);
    assert_false(launch(&b, s, a, 0, 1, false, 4, X(4), IDS(4, ids)));
    assert_int_equal(last_id(&b), DIAG_ID_sim_order);
    // a refused launch with reset leaves the position alone
    assert_false(launch(&b, s, a, 0, 0, true, 4, X(4), IDS(4, bad)));
    assert_int_equal(sim_pos(s, 0), 4);
    assert_true(launch(&b, s, a, 0, 0, false, 4, X(4), IDS(4, ids)));
    assert_false(launch(&b, s, a, 0, 0, false, 3, X(3), IDS(3, ids))); // 8 + 3 > max_tokens
    assert_int_equal(last_id(&b), DIAG_ID_sim_rows);
    assert_true(launch(&b, s, a, 0, 0, false, 2, X(2), IDS(2, ids)));
    assert_true(launch(&b, s, a, 0, 0, true, 3, X(3), IDS(3, ids)));
    assert_int_equal(sim_pos(s, 0), 3);
    sim_free(s);
    build_free(&b);
    arena_free(a);
}

static void test_all_findings_at_once(void **state) {
    arena *a = arena_new();
    build b = stream();
    sim *s = build_sim(&b, 1, false);
    int32_t bad[4] = {9, 9, 9, 9};
    size_t before = diag_count(b.diags);
    assert_false(launch(&b, s, a, 0, 0, true, 4, rows_f32(a, 2, W, NULL), rows_i32(a, 4, bad)));
    assert_int_equal(diag_count(b.diags) - before, 2);
    sim_free(s);
    build_free(&b);
    arena_free(a);
}

static void test_fixed_rows(void **state) {
    arena *a = arena_new();
    build b = build_new(ISA_WHOLE, 4, 4);
    b.p->phases[0].fixed_rows[0] = 4;
    build_out(&b, "y", build_in(&b, "x", ISA_F32, W));
    sim *s = build_sim(&b, 1, false);
    tensor none = {0};
    assert_false(launch(&b, s, a, 0, 0, true, 3, rows_f32(a, 3, W, NULL), none));
    assert_int_equal(last_id(&b), DIAG_ID_sim_rows);
    assert_true(launch(&b, s, a, 0, 0, true, 4, rows_f32(a, 4, W, NULL), none));
    assert_false(
        launch(&b, s, a, 0, 0, false, 4, rows_f32(a, 4, W, NULL), none)); // a whole program, twice
    assert_int_equal(last_id(&b), DIAG_ID_sim_order);
    sim_free(s);
    build_free(&b);
    arena_free(a);
}

// encode once (t1), then step (t0): cross attention reads what encode stored.
static void test_phases(void **state) {
    arena *a = arena_new();
    build b = build_new(ISA_STREAM, 4, 10);
    isa_program *p = b.p;
    p->n_phases = 2;
    p->phases[0] = (isa_phase){.name = "encode", .free_domains = 2, .max_rows = {0, 4}};
    p->phases[1] = (isa_phase){.name = "step", .free_domains = 1, .max_rows = {4}};
    isa_tile *t = &p->tiles[0];
    t->rings[t->n_rings++] = (isa_ring){.mode = ISA_RING_CROSS,
                                        .dom = 1,
                                        .n_kv = 1,
                                        .q_per_kv = 1,
                                        .d = 1,
                                        .dv = 1,
                                        .slots = 4,
                                        .scale = 1,
                                        .bias_table = ISA_NO_OFFSET,
                                        .sink = ISA_NO_OFFSET,
                                        .cell = ISA_NO_OFFSET,
                                        .scalings = ISA_NO_OFFSET};
    uint16_t px = build_port(&b, "memory", ISA_PORT_IN, ISA_F32, 2, 1),
             pq = build_port(&b, "q", ISA_PORT_IN, ISA_F32, 1, 0);
    uint16_t po = build_port(&b, "o", ISA_PORT_OUT, ISA_F32, 1, 0),
             kv = build_buf_in(&b, 0, ISA_F32, 2, 1, 0);
    uint16_t q = build_buf(&b, ISA_F32, 1), o = build_buf(&b, ISA_F32, 1);
    build_emit(&b, 0, 0, (isa_insn){.op = ISA_in, .dom = 1, .d = kv, .x = px});
    build_emit(&b, 0, 0, (isa_insn){.op = ISA_kvw, .dom = 1, .a = kv, .x = 0, .n = ISA_NONE});
    build_emit(&b, 0, 1, (isa_insn){.op = ISA_in, .d = q, .x = pq});
    build_emit(&b, 0, 1, (isa_insn){.op = ISA_query, .d = o, .a = q, .x = 0});
    build_emit(&b, 0, 1, (isa_insn){.op = ISA_out, .a = o, .x = po});
    sim *s = build_sim(&b, 1, false);
    float memory[8] = {0, 1, 0, 2, 0, 3, 0, 6};
    tensor m = rows_f32(a, 4, 2, memory), one = rows_f32(a, 1, 1, NULL), in[2] = {m, one}, out;
    int64_t enc[ISA_DOMAINS] = {0, 4}, dec[ISA_DOMAINS] = {1};
    assert_false(sim_step(s, 1, 0, true, dec, in, a, &out, b.diags)); // step needs encode
    assert_int_equal(last_id(&b), DIAG_ID_sim_order);
    assert_true(sim_step(s, 0, 0, true, enc, in, a, &out, b.diags));
    assert_false(sim_step(s, 0, 0, false, enc, in, a, &out,
                          b.diags)); // encode takes its sequence in one step
    for (int i = 0; i < 3; i++) {
        assert_true(sim_step(s, 1, 0, false, dec, in, a, &out, b.diags));
        assert_true(((float *)out.data)[0] == 3);
    }
    assert_int_equal(sim_pos(s, 0), 3);
    assert_false(sim_step(s, 1, 0, true, dec, in, a, &out,
                          b.diags)); // a reset takes the encoded memory away
    sim_free(s);
    build_free(&b);
    arena_free(a);
}

// What the host says of positions and keys is checked where it is said, or at the next launch.
static void test_positions_and_keys(void **state) {
    arena *a = arena_new();
    for (int whole = 0; whole < 2; whole++) {
        build b = build_new(whole ? ISA_WHOLE : ISA_STREAM, 4, 8);
        uint16_t x = build_in(&b, "x", ISA_F32, 4), o = build_buf(&b, ISA_F32, 2);
        isa_ring *r = &b.p->tiles[0].rings[b.p->tiles[0].n_rings++];
        float bias[64] = {0};
        *r = (isa_ring){.n_kv = 1,
                        .q_per_kv = 1,
                        .d = 2,
                        .dv = 2,
                        .slots = 16,
                        .scale = 1,
                        .bias = ISA_BIAS_FULL,
                        .bias_width = whole ? 4 : 8};
        r->sink = r->cell = r->scalings = ISA_NO_OFFSET;
        r->bias_table = build_data(&b, bias, sizeof bias);
        EMIT(&b, .op = ISA_attn, .d = o, .a = build_view(&b, 0, x, 0, 2), .b = x, .n = ISA_NONE);
        build_out(&b, "o", o);
        sim *s = build_sim(&b, 1, false);
        int64_t most = whole ? 4 : 8, n[ISA_DOMAINS] = {2};
        tensor k = rows_f32(a, most, 2, NULL), more = rows_f32(a, most + 1, 2, NULL), out;
        assert_false(sim_ring_load(s, 0, 0, 0, most + 1, &more, &more, b.diags));
        assert_int_equal(last_id(&b), DIAG_ID_sim_ring);
        assert_true(sim_ring_load(s, 0, 0, 0, most, &k, &k, b.diags));
        tensor in = rows_f32(a, 2, 4, NULL);
        sim_set_pos(s, 0, whole ? 1 : 7);
        assert_false(sim_step(s, 0, 0, false, n, &in, a, &out, b.diags));
        assert_int_equal(last_id(&b), DIAG_ID_sim_rows);
        sim_set_pos(s, 0, whole ? 0 : 6);
        assert_true(sim_step(s, 0, 0, false, n, &in, a, &out, b.diags));
        sim_free(s);
        build_free(&b);
    }
    arena_free(a);
}

static void test_programs_that_do_not_fit(void **state) {
    int8_t w[4] = {1, 2, 3, 9};
    float scale[2] = {1, 1};
    for (int kind = 0; kind < 3; kind++) {
        build b = build_new(ISA_STREAM, 4, 10);
        uint16_t x = build_in(&b, "x", ISA_F32, 2), q = build_buf(&b, ISA_Q8, 2),
                 y = build_buf(&b, ISA_F32, 2);
        uint16_t g = build_group(&b, 0, 2, 0, 2, 2, w, scale, NULL, NULL, NULL);
        EMIT(&b, .op = ISA_copy, .d = q, .a = x, .b = ISA_NONE);
        EMIT(&b, .op = ISA_mvm, .d = y, .a = q, .x = g, .b = ISA_NONE);
        build_out(&b, "y", y);
        if (kind == 0) b.chip.crossbar.weight_bits = 4; // 9 needs five bits
        if (kind == 1) { // codes around 0 would be of as many; these are not
            b.chip.crossbar.input_bits = 6;
            b.p->tiles[0].buffers[q].quant = ISA_QUANT_ASYM;
        }
        if (kind == 2) { // compiled for another chip
            machine other = b.chip;
            other.crossbar.rows = 64;
            b.p->chip = machine_text(b.p->arena, &other);
        }
        build_emit(&b, 0, 0, (isa_insn){.op = ISA_halt});
        b.p->cells = b.cells.items, b.p->cells_bytes = b.cells.count;
        b.p->tables = b.tables.items, b.p->tables_bytes = b.tables.count;
        assert_null(sim_new(b.p, &b.chip, NULL, b.diags));
        assert_int_equal(diag_get(b.diags, 0)->id, DIAG_ID_sim_chip);
        build_free(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_and_inputs),    cmocka_unit_test(test_all_findings_at_once),
        cmocka_unit_test(test_fixed_rows),         cmocka_unit_test(test_phases),
        cmocka_unit_test(test_positions_and_keys), cmocka_unit_test(test_programs_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
