// find-tokens: attention that is no softmax. Hard sigmoids, sinks and gain cells become rings that
// are read out as the model says.
#include "find_tokens_case.h"

#define BACK                                                          \
    "  %ot = t.transpose %o {perm = [0, 2, 1, 3]} : f32[1,{T},2,4]\n" \
    "  %y = t.reshape %ot : f32[1,{T},8]\n"

// A hard sigmoid and a sink go to the ring as they are; masks and caches as with softmax.
static void test_activations(void **state) {
    (void)state;
    outcome r = run(OPEN(IDS, Y) EMBED POSITIONS QKV CAUSAL
                    "  %o = nn.attention %qh, %kh, %vh, %m {act = \"hardsigmoid\", alpha = 0.25, "
                    "beta = 0.5, scale = 0.5} : f32[1,2,{T},4] loc(\"/attend\")\n" BACK CLOSE);
    assert_string_equal(operations(&r),
                        "nn.embed nn.posrow t.add nn.linear nn.linear nn.linear nn.attn");
    const ir_ring *ring = ring_of(&r, 0)->ring;
    assert_int_equal(ring->act, IR_ACT_HARDSIGMOID);
    assert_true(ring->alpha == 0.25);
    assert_true(ring->beta == 0.5);
    assert_true(ring->scale == 0.5);
    assert_int_equal(ring->mode, IR_RING_CAUSAL);
    assert_string_equal(ir_attr_str(&r.m->attrs, IR_ATTR_class, ""), "stream");
    assert_true(has_text(&r.m->proof, "hard sigmoid of scores, min(max(0.25 s + 0.5, 0), 1)"));
    close_outcome(&r);

    r = run("tensor @sink : f32[2] = [0.5, -1]\n" OPEN(IDS, Y) EMBED POSITIONS QKV CAUSAL CONST(
        "sink", "f32[2]") "  %o = nn.attention %qh, %kh, %vh, %m, %sink {scale = 0.5} : "
                          "f32[1,2,{T},4] loc(\"/attend\")\n" BACK CLOSE);
    assert_string_equal(operations(&r),
                        "nn.embed nn.posrow t.add nn.linear nn.linear nn.linear nn.attn");
    ring = ring_of(&r, 0)->ring;
    assert_int_equal(ring->act, IR_ACT_SOFTMAX);
    const ir_symbol *sink = ir_symbol_find(r.m, ring->sink);
    assert_non_null(sink);
    assert_int_equal(sink->data.rank, 1);
    assert_true(((float *)sink->data.data)[1] == -1);
    assert_true(has_text(&r.m->proof, "a sink of one score a head"));
    close_outcome(&r);
}

#define SCALINGS                                                                  \
    "tensor @aq : f32[2] = [0.5, 0.75]\ntensor @bq : f32[2] = [0.5, 0.25]\n"      \
    "tensor @ak : f32[2] = [0.25, 0.125]\ntensor @bk : f32[2] = [0.5, 0.375]\n"   \
    "tensor @av : f32[2] = [0.1875, 0.25]\ntensor @bv : f32[2] = [0.4375, 0.5]\n" \
    "tensor @ao : f32[2] = [2, 3]\ntensor @bo : f32[2] = [-0.5, 0.5]\n"
#define SCALED            \
    CONST("aq", "f32[2]") \
    CONST("bq", "f32[2]") \
    CONST("ak", "f32[2]") \
    CONST("bk", "f32[2]") \
    CONST("av", "f32[2]") CONST("bv", "f32[2]") CONST("ao", "f32[2]") CONST("bo", "f32[2]")
#define GAINCELL(aq)                                                                               \
    "  %o = nn.gaincell %qh, %kh, %vh, %" aq ", %bq, %ak, %bk, %av, %bv, %ao, %bo {cell = [0.5, "  \
    "13, -2.5, 46], decay = 0.001, decay_form = \"power\", kv_levels = 8, o_sat = 15, out_levels " \
    "= 32, q_levels = 16, s_sat = 20, saturate = \"both\", sub_tile = 8, v_dd = 0.9, window = "    \
    "24} : f32[1,2,{T},4] loc(\"/cells\")\n" BACK

static outcome run_cells(int64_t max_tokens, int64_t slots, int64_t window) {
    static const probe_size fewer[] = {{"n1", 5, 0}, {"n2", 7, 0}, {"n3", 11, 0}, {"max", 13, 0}};
    pass_options o = pass_options_default();
    o.slots = slots;
    o.window = window;
    return run_with(SCALINGS OPEN(IDS, Y) EMBED POSITIONS QKV SCALED GAINCELL("aq") CLOSE,
                    max_tokens == 13 ? fewer : probe_free, 4, o);
}

static void test_gain_cells(void **state) {
    (void)state;
    // Slots are part of the function: the model's window also where fewer tokens are compiled for.
    for (int64_t max = 13; max <= 64; max += 51) {
        outcome r = run_cells(max, 0, 0);
        assert_string_equal(operations(&r),
                            "nn.embed nn.posrow t.add nn.linear nn.linear nn.linear nn.attn");
        assert_string_equal(ir_attr_str(&r.m->attrs, IR_ATTR_class, ""), "stream");
        assert_int_equal(ir_attr_int(&r.m->attrs, IR_ATTR_max_tokens, 0), max);
        const ir_ring *ring = ring_of(&r, 0)->ring;
        assert_int_equal(ring->readout, IR_READ_CHARGE);
        assert_int_equal(ring->mode, IR_RING_CAUSAL);
        assert_int_equal(ring->slots, 24);
        assert_int_equal(ring->window, 24);
        assert_int_equal(ring->sub_tile, 8);
        assert_int_equal(ring->n_kv, 2);
        assert_int_equal(ring->q_per_kv, 1);
        assert_int_equal(ring->q_levels, 16);
        assert_int_equal(ring->kv_levels, 8);
        assert_int_equal(ring->out_levels, 32);
        assert_int_equal(ring->saturate, IR_SAT_BOTH);
        assert_int_equal(ring->decay_form, IR_DECAY_POWER);
        assert_true(ring->s_sat == 20);
        assert_true(ring->o_sat == 15);
        const ir_symbol *s = ir_symbol_find(r.m, ring->scalings);
        static const float want[] = {0.5f,    0.75f, 0.5f,    0.25f, 0.25f, 0.125f, 0.5f,  0.375f,
                                     0.1875f, 0.25f, 0.4375f, 0.5f,  2,     3,      -0.5f, 0.5f};
        assert_non_null(s);
        assert_int_equal(s->data.rank, 2);
        assert_int_equal(s->data.dim[0], 8);
        assert_memory_equal(s->data.data, want, sizeof want);
        assert_true(has_text(&r.m->proof, "attention in the charge domain by its definition: row q "
                                          "sees keys q-24 < k <= q, key k in slot k mod 24 of "
                                          "arrays of 8"));
        assert_true(has_text(&r.m->proof, "as the export within"));
        close_outcome(&r);
    }
}

static void test_gain_cell_windows(void **state) {
    (void)state;
    outcome r = run_cells(64, 0, 16);
    operations(&r);
    assert_int_equal(ring_of(&r, 0)->ring->slots, 16);
    assert_int_equal(ring_of(&r, 0)->ring->window, 16);
    assert_int_equal(ring_of(&r, 0)->ring->sub_tile, 8);
    assert_true(has_text(&r.m->notes, "window shortened to 16 tokens as asked for"));
    assert_int_equal(ring_of(&r, 0)->ring->full_window, 24);
    close_outcome(&r);
    // Fewer tokens than either window: shorter rings, and the model means the same.
    r = run_cells(13, 0, 16);
    operations(&r);
    assert_int_equal(ring_of(&r, 0)->ring->slots, 16);
    assert_int_equal(ring_of(&r, 0)->ring->window, 16);
    assert_int_equal(ring_of(&r, 0)->ring->full_window, 0);
    assert_true(has_text(&r.m->notes, "rings shortened from 24 to 16 slots as asked for: the model "
                                      "means the same, as no token of 13 is forgotten"));
    close_outcome(&r);
    r = run_cells(64, 0, 24);
    operations(&r);
    assert_int_equal(r.m->notes.count, 0);
    close_outcome(&r);
    r = run_cells(64, 0, 32);
    operations(&r);
    assert_int_equal(ring_of(&r, 0)->ring->slots, 24);
    assert_true(has_text(&r.m->notes, "a window of 32 as asked for changes nothing where rows see "
                                      "at most 24 tokens (the model's own window)"));
    close_outcome(&r);
    r = run_cells(64, 24, 0);
    operations(&r);
    close_outcome(&r);
    expect_refusal(run_cells(64, 32, 0), DIAG_ID_tok_window, "a ring of 32 slots was asked for");
    expect_refusal(run_cells(64, 24, 16), DIAG_ID_tok_window, "into slot p mod 16");
    refuse(
        SCALINGS OPEN(IDS, Y) EMBED POSITIONS QKV SCALED
        "  %sum = t.reduce %qh {axes = [0, 2, 3], fn = \"sum\", keepdims = 0} : f32[2]\n" GAINCELL(
            "sum") CLOSE,
        DIAG_ID_tok_const, "its scaling a_q is not a constant");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activations),
        cmocka_unit_test(test_gain_cells),
        cmocka_unit_test(test_gain_cell_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
