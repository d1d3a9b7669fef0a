// find-tokens on an encoder and a decoder: two token domains, and the rings between them.
#include "find_tokens_case.h"

// clang-format off
#define ENC "{onnx_shape = [\"batch\", \"tokens:enc\"]}"
#define SRC "%src \"input_ids\" : i64[1,{E}] " ENC
#define TGT "%ids \"decoder_input_ids\" : i64[1,{T}]"
#define SRC_MASK "%mask \"attention_mask\" : i64[1,{E}] " ENC
#define MEMORY "  %mem = t.gather %e, %src {axis = 0} : f32[1,{E},8] loc(\"/encoder\")\n"
#define ENC_HEADS(to, from)                                            \
    "  %" to "1 = t.reshape %" from " : f32[1,{E},2,4]\n"              \
    "  %" to " = t.transpose %" to "1 {perm = [0, 2, 1, 3]} : f32[1,2,{E},4]\n"
#define CROSS_QKV                                                      \
    "  %ql = nn.linear %x0, %w, %b : f32[1,{T},8] loc(\"/q\")\n"      \
    "  %kl = nn.linear %mem, %u : f32[1,{E},8] loc(\"/k\")\n"         \
    "  %vl = nn.linear %mem, %w : f32[1,{E},8] loc(\"/v\")\n"         \
    HEADS("qh", "ql", "2") ENC_HEADS("kh", "kl") ENC_HEADS("vh", "vl")
#define CROSS_GRID                                                     \
    AT("enc", "i64[]")                                                 \
    "  %ke = t.range %zero, %enc, %one : i64[{E}]\n"                   \
    "  %kx = t.reshape %ke : i64[1,{E}]\n"                             \
    "  %cm = t.le %kx, %qc : bool[{T},{E}]\n"
// clang-format on

static outcome run_pair(const char *text, pass_options o) {
    return run_with(text, probe_pair, ARRAY_LEN(probe_pair), o);
}

static void test_cross(void **state) {
    (void)state;
    pass_options o = pass_options_default();
    o.window = 8; // of what streams: an encoder is read whole
    o.slots = 8;
    outcome r = run_pair(OPEN(SRC ", " TGT, Y) EMBED MEMORY CROSS_QKV ATTEND("") CLOSE, o);
    assert_string_equal(operations(&r), "nn.embed nn.linear nn.embed nn.linear nn.linear nn.attn");
    assert_string_equal(ir_attr_str(&r.m->attrs, IR_ATTR_class, ""), "stream");
    assert_int_equal(ir_attr_int(&r.m->attrs, IR_ATTR_max_tokens, 0), 64);
    assert_int_equal(r.m->domain[1].max, 80);
    const ir_ring *ring = ring_of(&r, 0)->ring;
    assert_int_equal(ring->mode, IR_RING_CROSS);
    assert_int_equal(ring->slots, 80);
    const ir_func *f = r.m->funcs.items[0];
    assert_int_equal(ir_type_domain(ir_type_of(f, f->params.items[0].value)), 1);
    assert_int_equal(ir_type_domain(ir_type_of(f, f->params.items[1].value)), 0);
    assert_true(has_text(&r.m->proof, "every row of the decoder sees every key of the encoder"));
    assert_true(has_text(&r.m->proof, "input 'input_ids' is [1, t1]: 47, 53 and 61 tokens"));
    assert_true(has_text(&r.m->proof, "in steps of one and seeded cuts to the bit"));
    close_outcome(&r);

    // Which tokens are the encoder's may be said; padding hides keys of both attentions.
    const pass_axis_role axes[] = {{"input_ids", 1, "tokens", "enc"},
                                   {"attention_mask", 1, "tokens", "enc"}};
    o = pass_options_default();
    o.axes = axes;
    o.n_axes = 2;
    r = run_pair(
        OPEN("%src \"input_ids\" : i64[1,{E}], %mask \"attention_mask\" : i64[1,{E}], " TGT, Y)
            EMBED MEMORY CROSS_QKV
        "  %m4 = t.reshape %mask : i64[1,1,1,{E}]\n"
        "  %mb = t.cast %m4 {to = \"bool\"} : bool[1,1,1,{E}]\n" ATTEND(", %mb") CLOSE,
        o);
    assert_string_equal(operations(&r), "nn.embed nn.linear nn.embed nn.linear nn.linear nn.attn");
    assert_true(has_text(&r.m->proof, "a key is visible where the rest of the mask shows it and "
                                      "'attention_mask' is not 0"));
    f = r.m->funcs.items[0];
    assert_int_equal(f->ops.items[f->ops.count - 1].n_operands, 4);
    close_outcome(&r);

    // An encoder that is an output as well, and sees all of itself, leaves the decoder a stream.
    r = run_pair(
        OPEN(SRC ", " TGT, Y ", %em \"memory\"") EMBED MEMORY
        "  %ml = nn.linear %mem, %w : f32[1,{E},8]\n" ENC_HEADS(
            "mh", "ml") "  %eo = nn.attention %mh, %mh, %mh {scale = 0.5} : f32[1,2,{E},4]\n"
                        "  %et = t.transpose %eo {perm = [0, 2, 1, 3]} : f32[1,{E},2,4]\n"
                        "  %em = t.reshape %et : f32[1,{E},8]\n"
                        "  %ql = nn.linear %x0, %w, %b : f32[1,{T},8]\n"
                        "  %kl = nn.linear %em, %u : f32[1,{E},8]\n" HEADS("qh", "ql", "2")
                            ENC_HEADS("kh", "kl") ENC_HEADS("vh", "em") ATTEND("") CLOSE,
        pass_options_default());
    assert_string_equal(operations(&r),
                        "nn.embed nn.linear nn.embed nn.linear nn.attn nn.linear nn.attn");
    assert_string_equal(ir_attr_str(&r.m->attrs, IR_ATTR_class, ""), "stream");
    assert_int_equal(ring_of(&r, 0)->ring->mode, IR_RING_ALL);
    close_outcome(&r);
}

static void test_cross_refusals(void **state) {
    (void)state;
    pass_options o = pass_options_default();
    // The encoder attends to the decoder.
    expect_refusal(
        run_pair(
            OPEN(SRC ", " TGT, "%o \"out\"") EMBED MEMORY CROSS_QKV
            "  %o = nn.attention %kh, %qh, %qh {scale = 0.5} : f32[1,2,{E},4] loc(\"/a\")\n" CLOSE,
            o),
        DIAG_ID_tok_mix, "queries of domain t1 attend to keys of t0 and values of t0");
    expect_refusal(
        run_pair(OPEN(SRC ", " TGT, Y) EMBED MEMORY CROSS_QKV CROSS_GRID ATTEND(", %cm") CLOSE, o),
        DIAG_ID_tok_mask, "cross attention with a causal mask");
    expect_refusal(run_pair(OPEN(SRC ", " TGT, Y) EMBED MEMORY CROSS_QKV CROSS_GRID
                            "  %cf = t.cast %cm {to = \"f32\"} : f32[{T},{E}]\n" ATTEND(", %cf")
                                CLOSE,
                            o),
                   DIAG_ID_tok_mask, "cross attention with a bias");
    // A mask of queries: which rows see anything depends on the decoder's tokens.
    expect_refusal(
        run_pair(OPEN(SRC ", " TGT ", %mask \"decoder_mask\" : i64[1,{T}] {role = \"mask\"}", Y)
                     EMBED MEMORY CROSS_QKV
                 "  %m4 = t.reshape %mask : i64[1,1,{T},1]\n"
                 "  %mb = t.cast %m4 {to = \"bool\"} : bool[1,1,{T},1]\n"
                 "  %mx = t.broadcast %mb : bool[1,1,{T},{E}]\n" ATTEND(", %mx") CLOSE,
                 o),
        DIAG_ID_tok_mask, "not a mask of keys");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cross),
        cmocka_unit_test(test_cross_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
