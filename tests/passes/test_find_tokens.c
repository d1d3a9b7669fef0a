// find-tokens on hand-written probes: every construct it knows becomes the operations it should,
// and every finding it may report is reported, with its numbers.
#include "find_tokens_case.h"

// ---- rows ------------------------------------------------------------------------------------

static void test_decoder(void **state) {
    (void)state;
    outcome r = run(OPEN(IDS, Y) EMBED POSITIONS QKV CAUSAL ATTEND(", %m") CLOSE);
    assert_string_equal(operations(&r),
                        "nn.embed nn.posrow t.add nn.linear nn.linear nn.linear nn.attn");
    assert_string_equal(ir_attr_str(&r.m->attrs, IR_ATTR_class, ""), "stream");
    assert_int_equal(ir_attr_int(&r.m->attrs, IR_ATTR_max_tokens, 0), 64);
    const ir_ring *ring = ring_of(&r, 0)->ring;
    assert_int_equal(ring->mode, IR_RING_CAUSAL);
    assert_int_equal(ring->slots, 64);
    assert_int_equal(ring->window, 0);
    assert_int_equal(ring->n_kv, 2);
    const ir_func *f = r.m->funcs.items[0];
    assert_int_equal(ir_attr_int(&f->params.items[0].attrs, IR_ATTR_range_hi, 0), 16);
    size_t n;
    const char *const *shape = ir_attr_strs(&f->results.items[0].attrs, IR_ATTR_onnx_shape, &n);
    assert_int_equal(n, 3);
    assert_string_equal(shape[1], "t0");
    assert_true(has_text(&r.m->proof, "row q sees keys k <= q"));
    assert_true(has_text(&r.m->proof, "executed at 37 tokens: as the export"));
    close_outcome(&r);
}

// The order of operands does not show, nor that sizes collide: 16 rows of the table, 8 columns.
static void test_commuted(void **state) {
    (void)state;
    outcome a = run(OPEN(IDS, Y) EMBED POSITIONS QKV CAUSAL ATTEND(
        ", %m") "  %z = t.add %x, %y : f32[1,{T},8]\n" CLOSE);
    outcome b = run(OPEN(IDS, "%z \"out\"") EMBED POSITIONS QKV CAUSAL ATTEND(
        ", %m") "  %z = t.add %y, %x : f32[1,{T},8]\n" CLOSE);
    outcome c = run(OPEN(IDS, "%z \"out\"") EMBED
                    "  %qf = t.cast %qc {to = \"f32\"} : f32[{T},1]\n"
                    "  %angle = t.mul %g, %qf : f32[{T},8]\n  %pos = t.sin %angle : f32[{T},8]\n"
                    "  %x = t.add %pos, %x0 : f32[1,{T},8]\n" QKV CAUSAL ATTEND(
                        ", %m") "  %z = t.add %x, %y : f32[1,{T},8]\n" CLOSE);
    assert_string_equal(operations(&b), operations(&c));
    char *x = ir_print_string(b.m), *y = ir_print_string(c.m);
    // But for the nodes they come from.
    assert_int_equal(b.m->funcs.items[0]->ops.count, c.m->funcs.items[0]->ops.count);
    for (size_t i = 0; i < b.m->funcs.items[0]->ops.count; i++) {
        const ir_op *p = &b.m->funcs.items[0]->ops.items[i],
                    *q = &c.m->funcs.items[0]->ops.items[i];
        assert_int_equal(p->code, q->code);
        for (uint32_t k = 0; k < p->n_operands; k++) assert_int_equal(p->operand[k], q->operand[k]);
    }
    free(x);
    free(y);
    close_outcome(&a);
    close_outcome(&b);
    close_outcome(&c);
}

static void test_rows(void **state) {
    (void)state;
    // Flattened products: [1,T,8] -> [T,8] -> product -> [1,T,16].
    expect(OPEN(IDS, "%z \"out\"") EMBED "  %f = t.reshape %x0 : f32[{T},8]\n"
                                         "  %l = nn.linear %f, %h : f32[{T},16]\n"
                                         "  %z = t.reshape %l : f32[1,{T},16]\n" CLOSE,
           "stream", "nn.embed nn.linear");
    // A transpose that moves the token axis alone costs nothing; one that moves features is a
    // permutation.
    expect(OPEN(IDS, "%z \"out\"") EMBED
           "  %r = t.reshape %x0 : f32[1,{T},2,4]\n"
           "  %s = t.transpose %r {perm = [2, 1, 0, 3]} : f32[2,{T},1,4]\n"
           "  %z = t.neg %s : f32[2,{T},1,4]\n" CLOSE,
           "stream", "nn.embed t.neg");
    expect(OPEN(IDS, "%z \"out\"") EMBED
           "  %r = t.reshape %x0 : f32[1,{T},2,4]\n"
           "  %s = t.transpose %r {perm = [0, 1, 3, 2]} : f32[1,{T},4,2]\n"
           "  %z = t.reshape %s : f32[1,{T},8]\n" CLOSE,
           "stream", "nn.embed row.permute");
    // Columns.
    expect(OPEN(IDS, "%z \"out\"") EMBED
           "  %a = t.slice %x0 {starts = [0, 0, 4], steps = [1, 1, 1]} : f32[1,{T},4]\n"
           "  %c = t.slice %x0 {starts = [0, 0, 0], steps = [1, 1, 1]} : f32[1,{T},4]\n"
           "  %n2 = t.neg %a : f32[1,{T},4]\n"
           "  %z = t.concat %n2, %c {axis = 2} : f32[1,{T},8]\n" CLOSE,
           "stream", "nn.embed row.cols t.neg row.cols row.join");
    // A norm of every head, broadcast constants, a mean over features.
    expect(OPEN(IDS, "%z \"out\"") EMBED
           "  %r = t.reshape %x0 : f32[1,{T},2,4]\n"
           "  %z = nn.norm %r {eps = 1e-05, mode = \"rms\"} : f32[1,{T},2,4]\n" CLOSE,
           "stream", "nn.embed row.cols nn.norm row.cols nn.norm row.join");
    expect(OPEN(IDS, "%z \"out\"") EMBED
           "  %mean = t.reduce %x0 {axes = [2], fn = \"mean\", keepdims = 1} : f32[1,{T},1]\n"
           "  %z = t.sub %x0, %mean : f32[1,{T},8]\n" CLOSE,
           "stream", "nn.embed t.reduce t.sub");
    expect(OPEN(IDS, "%z \"out\"") EMBED "  %z = t.softmax %x0 {axis = 2} : f32[1,{T},8]\n" CLOSE,
           "stream", "nn.embed t.softmax");
    // A matrix on the left.
    expect(OPEN(IDS, "%z \"out\"") EMBED
           "  %r = t.transpose %x0 {perm = [0, 2, 1]} : f32[1,8,{T}]\n"
           "  %z = t.matmul %w, %r : f32[1,8,{T}]\n" CLOSE,
           "stream", "nn.embed nn.linear");
}

// Sizes of values collide with token counts: 37 and 41 features.
static void test_collisions(void **state) {
    (void)state;
    expect("tensor @wide : f32[37,8] = [" /* 37 rows of 8 */
           "1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,"
           "4,5,6,7,8,"
           "1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,"
           "4,5,6,7,8,"
           "1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,"
           "4,5,6,7,8,"
           "1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,"
           "4,5,6,7,8,"
           "1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,"
           "4,5,6,7,8,"
           "1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,"
           "4,5,6,7,8,"
           "1,2,3,4,5,6,7,8]\n" OPEN(IDS, "%z \"out\"") EMBED CONST(
               "wide", "f32[37,8]") "  %l = nn.linear %x0, %wide {trans_w = 1} : f32[1,{T},37]\n"
                                    "  %r = t.transpose %l {perm = [0, 2, 1]} : f32[1,37,{T}]\n"
                                    "  %z = t.softmax %r {axis = 1} : f32[1,37,{T}]\n" CLOSE,
           "stream", "nn.embed nn.linear t.softmax");
}

// ---- masks -----------------------------------------------------------------------------------

#define MASKED IDS ", %mask \"attention_mask\" : i64[1,{K}]"
#define MASK_ROW "  %m4 = t.reshape %mask : i64[1,1,1,{K}]\n"

static void test_masks(void **state) {
    (void)state;
    static const char *const forms[] = {
        // (1 - m) * -3e38
        "  %mf = t.cast %m4 {to = \"f32\"} : f32[1,1,1,{K}]\n  %im = t.sub %f1, %mf : "
        "f32[1,1,1,{K}]\n"
        "  %am = t.mul %im, %big : f32[1,1,1,{K}]\n",
        // where(m, 0, -3e38)
        "  %mb = t.cast %m4 {to = \"bool\"} : bool[1,1,1,{K}]\n"
        "  %am = t.select %mb, %f0, %big : f32[1,1,1,{K}]\n",
        // bool, expanded to every query
        "  %mb = t.cast %m4 {to = \"bool\"} : bool[1,1,1,{K}]\n"
        "  %am = t.broadcast %mb : bool[1,1,{T},{K}]\n",
        // both the query's and the key's: rows that are hidden themselves do not matter
        "  %mb = t.cast %m4 {to = \"bool\"} : bool[1,1,1,{K}]\n"
        "  %mq = t.reshape %mb : bool[1,1,{T},1]\n  %am = t.and %mb, %mq : bool[1,1,{T},{K}]\n"};
    arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        const char *text = arena_printf(a, "%s%s%s", OPEN(MASKED, Y) EMBED POSITIONS QKV MASK_ROW,
                                        forms[i], ATTEND(", %am") CLOSE);
        outcome r = run(text);
        assert_string_equal(operations(&r),
                            "nn.embed nn.posrow t.add nn.linear nn.linear nn.linear nn.attn");
        assert_string_equal(ir_attr_str(&r.m->attrs, IR_ATTR_class, ""), "whole");
        assert_int_equal(ring_of(&r, 0)->ring->mode, IR_RING_ALL);
        const ir_func *f = r.m->funcs.items[0];
        assert_int_equal(f->ops.items[f->ops.count - 1].n_operands, 4);
        assert_int_equal(f->params.count, 2);
        assert_string_equal(ir_attr_str(&f->params.items[1].attrs, IR_ATTR_role, ""), "mask");
        assert_int_equal(diag_errors(r.diags), 0);
        close_outcome(&r);
    }
    // Causal and padding together, as Where(Equal(C + m, 0), -3e38, C) has it.
    outcome r =
        run(OPEN(MASKED, Y) EMBED POSITIONS QKV CAUSAL MASK_ROW
            "  %c = t.select %m, %f0, %big : f32[{T},{K}]\n"
            "  %mf = t.cast %m4 {to = \"f32\"} : f32[1,1,1,{K}]\n"
            "  %cm = t.add %c, %mf : f32[1,1,{T},{K}]\n  %z = t.eq %cm, %f0 : bool[1,1,{T},{K}]\n"
            "  %am = t.select %z, %big, %c : f32[1,1,{T},{K}]\n" ATTEND(", %am") CLOSE);
    assert_string_equal(operations(&r),
                        "nn.embed nn.posrow t.add nn.linear nn.linear nn.linear nn.attn");
    assert_string_equal(ir_attr_str(&r.m->attrs, IR_ATTR_class, ""), "stream");
    close_outcome(&r);
    // A window of three.
    r = run(OPEN(IDS, Y) EMBED POSITIONS QKV CAUSAL
            "  %d = t.sub %qc, %three : i64[{T},1]\n"
            "  %near = t.gt %kr, %d : bool[{T},{K}]\n"
            "  %win = t.and %m, %near : bool[{T},{K}]\n" ATTEND(", %win") CLOSE);
    operations(&r);
    assert_int_equal(ring_of(&r, 0)->ring->window, 3);
    assert_int_equal(ring_of(&r, 0)->ring->slots, 3);
    assert_string_equal(ir_attr_str(&r.m->attrs, IR_ATTR_class, ""), "stream");
    close_outcome(&r);
    arena_free(a);
}

static void test_bias(void **state) {
    (void)state;
    // ALiBi: slope * k.
    outcome r = run(OPEN(IDS, Y) EMBED POSITIONS QKV CAUSAL CONST(
        "slopes", "f32[2,1,1]") "  %kf = t.cast %kr {to = \"f32\"} : f32[1,{K}]\n"
                                "  %sl = t.mul %slopes, %kf : f32[2,1,{K}]\n"
                                "  %am = t.select %m, %sl, %big : f32[2,{T},{K}]\n" ATTEND(", %am")
                                    CLOSE);
    operations(&r);
    assert_int_equal(ring_of(&r, 0)->ring->bias, IR_BIAS_ALIBI);
    close_outcome(&r);
    // A function of the distance.
    r = run(OPEN(IDS, Y) EMBED POSITIONS QKV CONST(
        "slopes", "f32[2,1,1]") "  %d = t.sub %kr, %qc : i64[{T},{K}]\n  %df = t.cast %d {to = "
                                "\"f32\"} : f32[{T},{K}]\n"
                                "  %ds = t.sin %df : f32[{T},{K}]\n  %am = t.mul %slopes, %ds : "
                                "f32[2,{T},{K}]\n" ATTEND(", %am") CLOSE);
    operations(&r);
    assert_int_equal(ring_of(&r, 0)->ring->bias, IR_BIAS_TOEPLITZ);
    assert_string_equal(ir_attr_str(&r.m->attrs, IR_ATTR_class, ""), "whole");
    close_outcome(&r);
}

// ---- rows that are added, picked, reduced ------------------------------------------------------

static void test_row_counts(void **state) {
    (void)state;
    expect(OPEN(IDS, "%z \"out\"")
               EMBED CONST("cls", "f32[1,1,8]") "  %z = t.concat %cls, %x0 {axis = 1} : "
                                                "f32[1,{T+1},8] loc(\"/cls\")\n" CLOSE,
           "whole", "nn.embed rows.prefix");
    expect(OPEN(IDS, "%z \"out\"") EMBED CONST(
               "cls", "f32[1,1,8]") "  %z = t.concat %x0, %cls {axis = 1} : f32[1,{T+1},8]\n" CLOSE,
           "whole", "nn.embed rows.suffix");
    expect(OPEN(IDS, "%z \"out\"") EMBED "  %i = t.const {value = @zero} : i64[]\n"
                                         "  %z = t.gather %x0, %i {axis = 1} : f32[1,8]\n" CLOSE,
           "whole", "nn.embed rows.pick");
    expect(OPEN(IDS, "%z \"out\"")
               EMBED AT("last", "i64[]") "  %z = t.gather %x0, %last {axis = 1} : f32[1,8]\n" CLOSE,
           "stream", "nn.embed rows.pick");
    expect(OPEN(IDS, "%z \"out\"") EMBED
           "  %z = t.slice %x0 {starts = [0, 1, 0], steps = [1, 1, 1]} : f32[1,{T-1},8]\n" CLOSE,
           "whole", "nn.embed rows.skip");
    expect(OPEN(IDS, "%z \"out\"") EMBED
           "  %z = t.reduce %x0 {axes = [1], fn = \"mean\", keepdims = 0} : f32[1,8]\n" CLOSE,
           "whole", "nn.embed rows.reduce");
    // A masked mean: sum of x * m over sum of m.
    expect(
        OPEN(MASKED, "%z \"out\"") EMBED
        "  %m3 = t.reshape %mask : i64[1,{T},1]\n  %me = t.broadcast %m3 : i64[1,{T},8]\n"
        "  %mf = t.cast %me {to = \"f32\"} : f32[1,{T},8]\n  %xm = t.mul %x0, %mf : f32[1,{T},8]\n"
        "  %s = t.reduce %xm {axes = [1], fn = \"sum\", keepdims = 0} : f32[1,8]\n"
        "  %c = t.reduce %mf {axes = [1], fn = \"sum\", keepdims = 0} : f32[1,8]\n"
        "  %cc = t.max %c, %tiny : f32[1,8]\n  %z = t.div %s, %cc : f32[1,8]\n" CLOSE,
        "whole", "nn.embed t.cast t.mul rows.reduce rows.reduce t.max t.div");
    // One row beside all rows.
    expect(OPEN(IDS, "%z \"out\"") EMBED
           "  %mean = t.reduce %x0 {axes = [1], fn = \"mean\", keepdims = 1} : f32[1,1,8]\n"
           "  %z = t.add %x0, %mean : f32[1,{T},8]\n" CLOSE,
           "whole", "nn.embed rows.reduce rows.like t.add");
}

// Only the last row of the outputs is asked for: picked before the head.
static void test_last_row(void **state) {
    (void)state;
    pass_options o = pass_options_default();
    o.logits = "last";
    outcome r = run_with(OPEN(IDS, "%z \"out\"") EMBED
                         "  %n8 = nn.norm %x0, %g {eps = 1e-05, mode = \"rms\"} : f32[1,{T},8]\n"
                         "  %z = nn.linear %n8, %h : f32[1,{T},16]\n" CLOSE,
                         probe_free, 4, o);
    assert_string_equal(operations(&r), "nn.embed rows.pick nn.norm nn.linear");
    assert_string_equal(ir_attr_str(&r.m->attrs, IR_ATTR_class, ""), "stream");
    size_t n;
    const char *const *shape =
        ir_attr_strs(&r.m->funcs.items[0]->results.items[0].attrs, IR_ATTR_onnx_shape, &n);
    assert_string_equal(shape[1], "1");
    close_outcome(&r);
}

// ---- rotary positions, position ids, past ------------------------------------------------------

#define ANGLES(of)                                                                      \
    "  %qf = t.cast %" of " {to = \"f32\"} : f32[{T},1]\n"                              \
    "  %half = t.slice %g {starts = [0], steps = [1]} : f32[2]\n"                       \
    "  %angle = t.mul %qf, %half : f32[{T},2]\n  %cosine = t.cos %angle : f32[{T},2]\n" \
    "  %sine = t.sin %angle : f32[{T},2]\n"
#define ROTATE                                                                                    \
    "  %ql = nn.linear %x0, %w : f32[1,{T},8]\n" HEADS(                                           \
        "qh", "ql", "2") "  %qr = nn.rope %qh, %cosine, %sine {mode = \"half\", rotary_dim = 4} " \
                         ": f32[1,2,{T},4] loc(\"/rope\")\n"

static void test_rotary(void **state) {
    (void)state;
    outcome r = run(OPEN(IDS, "%qr \"out\"") EMBED ANGLES("qc") ROTATE CLOSE);
    assert_string_equal(operations(&r), "nn.embed nn.linear nn.rotate");
    const ir_op *op = ir_last_op(r.m->funcs.items[0]);
    assert_int_equal(ir_type_of(r.m->funcs.items[0], op->operand[1])->dim[0], 64);
    assert_int_equal(ir_attr_int(&op->attrs, IR_ATTR_heads, 0), 2);
    close_outcome(&r);
    // Angles that follow position ids: the same table, looked up by id.
    r = run(OPEN(IDS ", %at \"position_ids\" : i64[1,{T}]", "%qr \"out\"") EMBED
            "  %ac = t.reshape %at : i64[{T},1]\n" ANGLES("ac") ROTATE CLOSE);
    assert_string_equal(operations(&r), "nn.embed nn.linear nn.rotate");
    op = ir_last_op(r.m->funcs.items[0]);
    assert_int_equal(op->n_operands, 4);
    assert_int_equal(ir_attr_int(&r.m->funcs.items[0]->params.items[1].attrs, IR_ATTR_range_hi, 0),
                     64);
    close_outcome(&r);
}

#define PAST                                                                               \
    IDS ", %pk \"past.0.key\" : f32[1,2,{P},4] {role = \"past\"}, %pv \"past.0.value\" : " \
        "f32[1,2,{P},4] {role = \"past\"}"
#define CACHED                                                                                \
    "  %kc = t.concat %pk, %kh {axis = 2} : f32[1,2,{K},4] loc(\"/kcat\")\n"                  \
    "  %vc = t.concat %pv, %vh {axis = 2} : f32[1,2,{K},4]\n"                                 \
    "  %o = nn.attention %qh, %kc, %vc, %m {scale = 0.5} : f32[1,2,{T},4] loc(\"/attend\")\n" \
    "  %ot = t.transpose %o {perm = [0, 2, 1, 3]} : f32[1,{T},2,4]\n  %y = t.reshape %ot : "  \
    "f32[1,{T},8]\n"
#define PRESENT Y ", %kc \"present.0.key\", %vc \"present.0.value\""

static outcome run_past(const char *text) {
    return run_with(text, probe_past, ARRAY_LEN(probe_past), pass_options_default());
}

static void test_past(void **state) {
    (void)state;
    outcome r = run_past(OPEN(PAST, PRESENT) EMBED POSITIONS QKV CAUSAL CACHED CLOSE);
    assert_string_equal(operations(&r),
                        "nn.embed nn.posrow t.add nn.linear nn.linear nn.linear nn.attn");
    const ir_ring *l = ring_of(&r, 0)->ring;
    assert_string_equal(l->past_key, "past.0.key");
    assert_string_equal(l->present_value, "present.0.value");
    assert_int_equal(l->kv_layout, IR_KV_BHTD);
    assert_int_equal(r.m->funcs.items[0]->params.count, 1);
    assert_int_equal(r.m->funcs.items[0]->results.count, 1);
    assert_true(has_text(&r.m->proof, "a step after 13 tokens is rows 13... of one big step"));
    assert_true(has_text(&r.m->proof, "with a past and without"));
    close_outcome(&r);
    // Something else is done with the cache; nothing else is wrong.
    r = run_past(OPEN(PAST, PRESENT) EMBED POSITIONS QKV CAUSAL
                 "  %kx = t.concat %pk, %kh {axis = 2} : f32[1,2,{K},4]\n"
                 "  %kc = t.neg %kx : f32[1,2,{K},4]\n"
                 "  %vc = t.concat %vh, %pv {axis = 2} : f32[1,2,{K},4]\n"
                 "  %o = nn.attention %qh, %kc, %vc, %m {scale = 0.5} : f32[1,2,{T},4]\n"
                 "  %ot = t.transpose %o {perm = [0, 2, 1, 3]} : f32[1,{T},2,4]\n"
                 "  %y = t.reshape %ot : f32[1,{T},8]\n" CLOSE);
    for (size_t i = 0; i < diag_count(r.diags); i++)
        assert_int_equal(diag_get(r.diags, i)->id, DIAG_ID_tok_past_use);
    expect_refusal(r, DIAG_ID_tok_past_use, "a past of 13 tokens");
    // Positions that start at 0 after a past too.
    expect_refusal(run_past(OPEN(PAST, PRESENT) EMBED
                            "  %q0 = t.range %zero, %n, %one : i64[{T}]\n"
                            "  %qz = t.reshape %q0 : i64[{T},1]\n"
                            "  %qf = t.cast %qz {to = \"f32\"} : f32[{T},1]\n"
                            "  %angle = t.mul %qf, %g : f32[{T},8]\n"
                            "  %pos = t.sin %angle : f32[{T},8]\n"
                            "  %x = t.add %x0, %pos : f32[1,{T},8]\n" QKV CAUSAL CACHED CLOSE),
                   DIAG_ID_tok_past_shift, "a constant with a past of 13 tokens");
    // A mask that counts new tokens only.
    expect_refusal(run_past(OPEN(PAST, PRESENT) EMBED POSITIONS QKV
                            "  %q0 = t.range %zero, %n, %one : i64[{T}]\n"
                            "  %qz = t.reshape %q0 : i64[{T},1]\n"
                            "  %m = t.le %kr, %qz : bool[{T},{K}]\n" CACHED CLOSE),
                   DIAG_ID_tok_past_shift, "after 13 tokens row 0");
}

// ---- probabilities, images, frozen models, quantisation ----------------------------------------

static void test_probabilities(void **state) {
    (void)state;
    static const char text[] = OPEN(IDS, Y ", %pr \"attention_0\"") EMBED POSITIONS QKV
        "  %kt = t.transpose %kh {perm = [0, 1, 3, 2]} : f32[1,2,4,{T}]\n"
        "  %s = t.matmul %qh, %kt : f32[1,2,{T},{T}] loc(\"/qk\")\n  %hf = t.const {value = @half} "
        ": f32[]\n"
        "  %sc = t.mul %s, %hf : f32[1,2,{T},{T}]\n  %pr = t.softmax %sc {axis = 3} : "
        "f32[1,2,{T},{T}] loc(\"/softmax\")\n"
        "  %o = t.matmul %pr, %vh : f32[1,2,{T},4]\n  %ot = t.transpose %o {perm = [0, 2, 1, 3]} : "
        "f32[1,{T},2,4]\n"
        "  %y = t.reshape %ot : f32[1,{T},8]\n" CLOSE;
    arena *a = arena_new();
    const char *all = arena_printf(a, "tensor @half : f32[] = [0.5]\n%s", text);
    pass_options o = pass_options_default();
    outcome r = run_with(all, probe_free, 4, o);
    assert_string_equal(operations(&r),
                        "nn.embed nn.posrow t.add nn.linear nn.linear nn.linear nn.attn");
    assert_true(
        has_text(&r.m->notes, "'attention_0' gives attention probabilities and is dropped"));
    close_outcome(&r);
    o.keep_probabilities = true;
    r = run_with(all, probe_free, 4, o);
    assert_string_equal(operations(&r),
                        "nn.embed nn.posrow t.add nn.linear nn.linear nn.linear nn.attn nn.scores");
    size_t n;
    const char *const *shape =
        ir_attr_strs(&r.m->funcs.items[0]->results.items[1].attrs, IR_ATTR_onnx_shape, &n);
    assert_string_equal(shape[2], "t0");
    assert_string_equal(shape[3], "t0");
    close_outcome(&r);
    arena_free(a);
}

static void test_frozen(void **state) {
    (void)state;
    // An image of 2 x 6 x 9: six patches of 3 x 3, batch 1.
    outcome r = run_with(
        "func @{F}(%im \"pixels\" : f32[1,2,6,9]) -> (%z \"out\") {past = 0, probe = \"{F}\"} "
        "{\n" CONST("patch", "f32[8,2,3,3]") CONST(
            "b", "f32[8]") "  %c = t.conv %im, %patch, %b {dilations = [1, 1], groups = 1, pads = "
                           "[0, 0, 0, 0], strides = [3, 3]} : f32[1,8,2,3] loc(\"/patches\")\n"
                           "  %f = t.reshape %c : f32[1,8,6]\n  %s = t.transpose %f {perm = [0, 2, "
                           "1]} : f32[1,6,8]\n"
                           "  %z = t.relu %s : f32[1,6,8]\n}\n",
        probe_frozen, 1, pass_options_default());
    assert_string_equal(operations(&r), "nn.linear t.relu");
    const ir_func *f = r.m->funcs.items[0];
    assert_string_equal(ir_attr_str(&f->params.items[0].attrs, IR_ATTR_layout, ""),
                        "im2row c=2 h=6 w=9 kh=3 kw=3 sh=3 sw=3");
    assert_int_equal(r.m->domain[0].fixed, 6);
    assert_string_equal(ir_attr_str(&r.m->attrs, IR_ATTR_class, ""), "whole");
    close_outcome(&r);
    // Two sequences of nine frozen in: one of them at a time.
    r = run_with(
        "func @{F}(%ids \"input_ids\" : i64[2,9] {onnx_shape = [\"batch\", \"tokens\"]}) -> (%z "
        "\"out\") {past = 0, probe = \"{F}\", tokens = 9} {\n" CONST("e", "f32[16,8]")
            CONST("w", "f32[8,8]") "  %x = t.gather %e, %ids {axis = 0} : f32[2,9,8]\n  %y = "
                                   "nn.linear %x, %w : f32[2,9,8]\n"
                                   "  %r = t.reshape %y : f32[18,8]\n  %n = t.neg %r : f32[18,8]\n "
                                   " %z = t.reshape %n : f32[2,9,8]\n}\n",
        probe_frozen, 1, pass_options_default());
    assert_string_equal(operations(&r), "nn.embed nn.linear t.neg");
    assert_true(has_text(&r.m->notes, "frozen at a batch of 2"));
    close_outcome(&r);
}

static void test_quantised(void **state) {
    (void)state;
    static const char text[] =
        "tensor @codes : i8[8,8] = "
        "[1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,"
        "1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8]\n" OPEN(IDS, "%z \"out\"")
            EMBED CONST("codes", "i8[8,8]") "  %c, %s, %zp = t.dynquant %x0 {gran = \"tensor\"} : "
                                            "u8[1,{T},8], f32[], u8[]\n"
                                            "  %d = t.dequantize %c, %s, %zp : f32[1,{T},8]\n"
                                            "  %z = nn.linear %d, %codes {wscale = [@g]} : "
                                            "f32[1,{T},8] loc(\"/int8\")\n" CLOSE;
    outcome r = run(text);
    assert_string_equal(operations(&r), "nn.embed nn.quant nn.linear");
    assert_true(has_text(&r.m->notes, "one scale a tensor became one a row"));
    close_outcome(&r);
    pass_options o = pass_options_default();
    o.quant_scope = "tensor";
    expect_refusal(run_with(text, probe_free, 4, o), DIAG_ID_tok_scope,
                   "one dynamic scale for the whole tensor");
}

// ---- what is refused ---------------------------------------------------------------------------

static void test_refusals(void **state) {
    (void)state;
    // tok-role: probes that do not say what they are.
    outcome r = run_with(OPEN(IDS, Y) "  %y = t.gather %e, %ids {axis = 0} : f32[1,{T},8]\n" CLOSE,
                         probe_free, 3, pass_options_default());
    expect_refusal(r, DIAG_ID_tok_role, "found 3 of them");
    r = run_with(
        "func @{F}(%im \"pixels\" : f32[1,2,6,9]) -> (%z \"out\") {past = 0, probe = \"{F}\"} {\n"
        "  %z = t.neg %im : f32[1,2,6,9]\n}\n",
        probe_frozen, 1, pass_options_default());
    expect_refusal(r, DIAG_ID_tok_role, "no token axis");
    // tok-shape: tokens share an axis with features.
    refuse(OPEN(IDS, "%z \"out\"") EMBED
           "  %r = t.transpose %x0 {perm = [0, 2, 1]} : f32[1,8,{T}]\n"
           "  %f = t.reshape %r : f32[1,4,{2*T}]\n  %s = t.reshape %f : f32[1,{T},8]\n"
           "  %z = t.neg %s : f32[1,{T},8]\n" CLOSE,
           DIAG_ID_tok_shape, "for 37 tokens");
    // tok-shape: the first five rows.
    refuse(OPEN(IDS, "%z \"out\"") EMBED "  %z = t.slice %x0 {starts = [0, 0, 0], steps = [1, 1, "
                                         "1]} : f32[1,5,8] loc(\"/five\")\n" CLOSE,
           DIAG_ID_tok_shape, "of 37 tokens");
    // tok-mix: softmax, a norm, a product over tokens.
    refuse(OPEN(IDS, "%z \"out\"") EMBED
           "  %z = t.softmax %x0 {axis = 1} : f32[1,{T},8] loc(\"/s\")\n" CLOSE,
           DIAG_ID_tok_mix, "mixes tokens");
    refuse(OPEN(IDS, "%z \"out\"") EMBED
           "  %z = nn.norm %x0 {axis = 1, eps = 1e-05, mode = \"layer\"} : f32[1,{T},8]\n" CLOSE,
           DIAG_ID_tok_mix, "mixes tokens");
    refuse(OPEN(IDS, "%z \"out\"") EMBED
           "  %r = t.transpose %x0 {perm = [0, 2, 1]} : f32[1,8,{T}]\n"
           "  %z = t.matmul %r, %x0 : f32[1,8,8]\n" CLOSE,
           DIAG_ID_tok_mix, "sums over tokens");
    // tok-const: divided by the count; from the end.
    refuse(OPEN(IDS, "%z \"out\"") EMBED AT(
               "fn", "f32[]") "  %z = t.div %x0, %fn : f32[1,{T},8] loc(\"/mean\")\n" CLOSE,
           DIAG_ID_tok_const, "37 for 37 tokens, 41 for 41");
    refuse(OPEN(IDS, "%z \"out\"") EMBED
           "  %c = t.sub %n, %qc : i64[{T},1]\n  %cf = t.cast %c {to = \"f32\"} : f32[{T},1]\n"
           "  %z = t.mul %x0, %cf : f32[1,{T},8]\n" CLOSE,
           DIAG_ID_tok_const, "from the end");
    // tok-mask: every second key; activations; a mask of all pairs.
    refuse(OPEN(IDS, Y) EMBED POSITIONS QKV
           "  %two = t.add %one, %one : i64[]\n"
           "  %even = t.mod %kr, %two : i64[1,{K}]\n"
           "  %m = t.eq %even, %zero : bool[1,{K}]\n" ATTEND(", %m") CLOSE,
           DIAG_ID_tok_mask, "for 64 tokens row 0 sees key 2");
    refuse(OPEN(IDS, Y) EMBED POSITIONS QKV
           "  %kt = t.transpose %x {perm = [0, 2, 1]} : f32[1,8,{T}]\n"
           "  %bias = t.matmul %x, %kt : f32[1,{T},{T}]\n" ATTEND(", %bias") CLOSE,
           DIAG_ID_tok_mask, "depends on input 'input_ids'");
    refuse(OPEN(IDS ", %am \"attention_mask\" : f32[1,1,{T},{T}] {role = \"mask\"}", Y)
               EMBED POSITIONS QKV ATTEND(", %am") CLOSE,
           DIAG_ID_tok_mask, "--mask causal");
    // ... which may be said.
    pass_options o = pass_options_default();
    o.mask = "all";
    r = run_with(OPEN(IDS ", %am \"attention_mask\" : f32[1,1,{T},{T}] {role = \"mask\"}", Y)
                     EMBED POSITIONS QKV ATTEND(", %am") CLOSE,
                 probe_free, 4, o);
    assert_true(has_text(r.m ? &r.m->notes : &(ir_text_list){0}, "taken to be all visible"));
    close_outcome(&r);
    // tok-out: two token axes, and nothing at all.
    refuse(OPEN(IDS, "%z \"out\"") EMBED POSITIONS QKV
           "  %kt = t.transpose %kh {perm = [0, 1, 3, 2]} : f32[1,2,4,{T}]\n"
           "  %z = t.matmul %qh, %kt : f32[1,2,{T},{T}]\n" CLOSE,
           DIAG_ID_tok_out, "output 'out'");
    refuse(OPEN(IDS, "%z \"out\"") "  %z = t.neg %g : f32[8]\n" CLOSE, DIAG_ID_tok_out,
           "no output is left that depends on an input");
    // tok-positions: angles from a running sum.
    refuse(OPEN(IDS ", %mask \"attention_mask\" : i64[1,{T}]", "%qr \"out\"") EMBED
           "  %cs = t.cumsum %mask {axis = 1, exclusive = 0, reverse = 0} : i64[1,{T}]\n"
           "  %ac = t.reshape %cs : i64[{T},1]\n" ANGLES("ac") ROTATE CLOSE,
           DIAG_ID_tok_positions, "more than positions");
    // tok-window: a ring shorter than what a row sees; a window where all is seen.
    o = pass_options_default();
    o.slots = 32;
    expect_refusal(
        run_with(OPEN(IDS, Y) EMBED POSITIONS QKV CAUSAL ATTEND(", %m") CLOSE, probe_free, 4, o),
        DIAG_ID_tok_window, "32 slots is shorter than the 64 tokens");
    o.slots = 0;
    o.window = 8;
    expect_refusal(run_with(OPEN(IDS, Y) EMBED POSITIONS QKV ATTEND("") CLOSE, probe_free, 4, o),
                   DIAG_ID_tok_window, "every row sees all tokens");
    // tok-recurrence, tok-ragged.
    refuse(OPEN(IDS, "%z \"out\"") EMBED "  %z = t.cumsum %x0 {axis = 1, exclusive = 0, reverse = "
                                         "0} : f32[1,{T},8] loc(\"/sum\")\n" CLOSE,
           DIAG_ID_tok_recurrence, "running sum over tokens");
    refuse(OPEN(IDS, "%z \"out\"") EMBED
           "  %z = t.gather %x0, %ids {axis = 1} : f32[1,1,{T},8]\n" CLOSE,
           DIAG_ID_tok_ragged, "depends on inputs");
}

// Findings of a run come together.
static void test_all_findings(void **state) {
    (void)state;
    outcome r =
        run(OPEN(IDS, "%y \"one\", %z \"two\"") EMBED
            "  %y = t.softmax %x0 {axis = 1} : f32[1,{T},8]\n"
            "  %z = t.cumsum %x0 {axis = 1, exclusive = 0, reverse = 0} : f32[1,{T},8]\n" CLOSE);
    assert_null(r.m);
    assert_int_equal(diag_errors(r.diags), 2);
    close_outcome(&r);
}

// A graph of which one probe spells an operation otherwise.
static outcome run_changed(const probe_size *sizes, int n_sizes, size_t probe) {
    arena *a = arena_new();
    outcome r = {.a = arena_new(), .diags = diag_sink_new(), .o = pass_options_default()};
    ir_module *m = probe_module(arena_printf(a, "%s%s", symbols(a),
                                             OPEN(IDS, "%z \"out\"") EMBED
                                             "  %z = t.neg %x0 : f32[1,{T},8] loc(\"/z\")\n" CLOSE),
                                sizes, n_sizes);
    for (size_t i = 0; i < m->funcs.items[probe]->ops.count; i++)
        if (m->funcs.items[probe]->ops.items[i].code == IR_t_neg)
            m->funcs.items[probe]->ops.items[i].code = IR_t_abs;
    r.m = pass_find_tokens(m, &r.o, r.diags);
    ir_module_free(m);
    arena_free(a);
    return r;
}

static void test_structure(void **state) {
    (void)state;
    static const probe_size one[] = {{"n1", 37, 0}, {"n2", 41, 0}, {"n3", 53, 0}, {"max", 1, 0}};
    expect_refusal(run_changed(probe_free, 4, 1), DIAG_ID_tok_structure,
                   "is t.neg for 37 tokens, t.abs for 41: the graph's structure depends");
    expect_refusal(run_changed(one, 4, 3), DIAG_ID_tok_structure,
                   "t.abs for 1: a graph of one token simplifies otherwise; compile with "
                   "--max-tokens 2 or more");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decoder),       cmocka_unit_test(test_commuted),
        cmocka_unit_test(test_rows),          cmocka_unit_test(test_collisions),
        cmocka_unit_test(test_masks),         cmocka_unit_test(test_bias),
        cmocka_unit_test(test_row_counts),    cmocka_unit_test(test_last_row),
        cmocka_unit_test(test_rotary),        cmocka_unit_test(test_past),
        cmocka_unit_test(test_probabilities), cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_quantised),     cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_all_findings),  cmocka_unit_test(test_structure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
