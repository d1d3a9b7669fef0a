// find-tokens at a maximum at which a mask is too large to be evaluated whole: rows of it are, in
// every spelling; what is proved of all rows and what of some; what cannot be evaluated.
#include "find_tokens_case.h"

static const probe_size large[] = {{"n1", 37, 0}, {"n2", 41, 0}, {"n3", 43, 0}, {"max", 20000, 0}};
static const probe_size large_past[] = {
    {"n1", 37, 0}, {"n2", 41, 0}, {"n3", 43, 0}, {"past", 37, 13}, {"max", 20000, 0}};

#define NUMBERS                                                      \
    "tensor @wide : i64[] = [7000]\ntensor @odd : i64[] = [10007]\n" \
    "tensor @yes : bool[] = [1]\ntensor @no : bool[] = [0]\n"        \
    "tensor @far : i64[] = [-9]\ntensor @near : i64[] = [0]\n"       \
    "tensor @table : f32[10,2] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 9]\n"

static outcome at_large(const char *text) {
    return run_with(text, large, ARRAY_LEN(large), pass_options_default());
}

static outcome masked(const char *mask) {
    arena *a = arena_new();
    outcome r = at_large(arena_printf(a, "%s%s%s%s", NUMBERS, OPEN(IDS, Y) EMBED POSITIONS QKV,
                                      mask, ATTEND(", %am") CLOSE));
    arena_free(a);
    return r;
}

#define ALL_ROWS "checked at 20000 tokens, where it is a function of k - q"
#define SOME_ROWS " rows of 20000 tokens"

static void expect_ring(const char *mask, ir_ring_mode mode, int64_t window, const char *claim) {
    outcome r = masked(mask);
    operations(&r);
    assert_int_equal(ring_of(&r, 0)->ring->mode, mode);
    assert_int_equal(ring_of(&r, 0)->ring->window, window);
    if (!has_text(&r.m->proof, claim)) {
        for (size_t i = 0; i < r.m->proof.count; i++) print_error("%s\n", r.m->proof.items[i]);
        fail_msg("no claim '%s'", claim);
    }
    close_outcome(&r);
}

// ---- spellings -------------------------------------------------------------------------------

static void test_spellings(void **state) {
    (void)state;
    static const char *const causal[] = {
        "  %am = t.le %kr, %qc : bool[{T},{K}]\n",
        // a triangle of ones, and one of what it hides, cut off the other side
        CONST("yes", "bool[]") "  %all = t.broadcast %yes : bool[{T},{K}]\n"
                               "  %am = t.trilu %all {k = 0, upper = 0} : bool[{T},{K}]\n",
        "  %all = t.broadcast %big : f32[{T},{K}]\n"
        "  %am = t.trilu %all {k = 1, upper = 1} : f32[{T},{K}]\n",
        // keys first, then transposed; rank 4 by reshape; rows behind each other
        "  %kc = t.reshape %k : i64[{K},1]\n  %qr = t.reshape %q : i64[1,{T}]\n"
        "  %mt = t.le %kc, %qr : bool[{K},{T}]\n"
        "  %m2 = t.transpose %mt {perm = [1, 0]} : bool[{T},{K}]\n"
        "  %am = t.reshape %m2 : bool[1,1,{T},{K}]\n",
        // numbers: 0 and -3e38, as a difference of floats
        "  %qf2 = t.cast %qc {to = \"f32\"} : f32[{T},1]\n"
        "  %kf2 = t.cast %kr {to = \"f32\"} : f32[1,{K}]\n"
        "  %d = t.sub %kf2, %qf2 : f32[{T},{K}]\n  %late = t.gt %d, %f0 : bool[{T},{K}]\n"
        "  %am = t.select %late, %big, %f0 : f32[{T},{K}]\n",
        // both expanded before they are compared; a mask that shows all beside it
        CONST("yes", "bool[]") "  %qw = t.broadcast %qc : i64[{T},{K}]\n"
                               "  %kw = t.broadcast %kr : i64[{T},{K}]\n"
                               "  %m1 = t.ge %qw, %kw : bool[{T},{K}]\n"
                               "  %all = t.broadcast %yes : bool[{T},{K}]\n"
                               "  %am = t.and %m1, %all : bool[{T},{K}]\n",
        // one number gathered at every pair, as newer exporters do with padding
        CONST("yes", "bool[]") "  %row = t.broadcast %yes : bool[1,{K}]\n"
                               "  %k3 = t.reshape %k : i64[1,{K},1]\n"
                               "  %kk = t.broadcast %k3 : i64[{T},{K},1]\n"
                               "  %k0 = t.mul %kk, %zero : i64[{T},{K},1]\n"
                               "  %at = t.concat %k0, %kk {axis = 2} : i64[{T},{K},2]\n"
                               "  %pad = t.gather_nd %row, %at {batch_dims = 0} : bool[{T},{K}]\n"
                               "  %m1 = t.le %kr, %qc : bool[{T},{K}]\n"
                               "  %am = t.and %m1, %pad : bool[{T},{K}]\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(causal); i++)
        expect_ring(causal[i], IR_RING_CAUSAL, 0, ALL_ROWS);
    // A window longer than any probe, and than what is looked at whole.
    expect_ring(CONST("wide", "i64[]") "  %m1 = t.le %kr, %qc : bool[{T},{K}]\n"
                                       "  %d = t.sub %qc, %kr : i64[{T},{K}]\n"
                                       "  %m2 = t.lt %d, %wide : bool[{T},{K}]\n"
                                       "  %am = t.and %m1, %m2 : bool[{T},{K}]\n",
                IR_RING_CAUSAL, 7000, ALL_ROWS);
}

// What is evaluated in parts, and not followed by the proof: slices, joins, outer products.
static void test_parts(void **state) {
    (void)state;
    static const char *const causal[] = {
        // rows put together and cut out again
        "  %m1 = t.le %kr, %qc : bool[{T},{K}]\n  %none = t.not %m1 : bool[{T},{K}]\n"
        "  %both = t.concat %none, %m1 {axis = 1} : bool[{T},{2*K}]\n"
        "  %am = t.slice %both {starts = [0, {K}], steps = [1, 1]} : bool[{T},{K}]\n",
        // q * 1 - 1 * k as a product of matrices
        "  %qf2 = t.cast %qc {to = \"f32\"} : f32[{T},1]\n"
        "  %kf2 = t.cast %kr {to = \"f32\"} : f32[1,{K}]\n"
        "  %q0 = t.mul %qf2, %f0 : f32[{T},1]\n  %q1 = t.add %q0, %f1 : f32[{T},1]\n"
        "  %k0 = t.mul %kf2, %f0 : f32[1,{K}]\n  %k1 = t.add %k0, %f1 : f32[1,{K}]\n"
        "  %l = t.concat %qf2, %q1 {axis = 1} : f32[{T},2]\n  %nk = t.neg %kf2 : f32[1,{K}]\n"
        "  %r = t.concat %k1, %nk {axis = 0} : f32[2,{K}]\n"
        "  %d = t.matmul %l, %r : f32[{T},{K}]\n  %am = t.ge %d, %f0 : bool[{T},{K}]\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(causal); i++)
        expect_ring(causal[i], IR_RING_CAUSAL, 0, SOME_ROWS);
}

// ---- biases ----------------------------------------------------------------------------------

static void test_bias(void **state) {
    (void)state;
    outcome r = masked(CONST("slopes", "f32[2,1,1]") //
                       "  %kf = t.cast %kr {to = \"f32\"} : f32[1,{K}]\n"
                       "  %sl = t.mul %slopes, %kf : f32[2,1,{K}]\n" CAUSAL
                       "  %am = t.select %m, %sl, %big : f32[2,{T},{K}]\n");
    operations(&r);
    assert_int_equal(ring_of(&r, 0)->ring->bias, IR_BIAS_ALIBI);
    assert_true(has_text(&r.m->proof, SOME_ROWS));
    close_outcome(&r);
    // Buckets of the distance, by a table; heads last, as T5 has them.
    r = masked(CONST("table", "f32[10,2]") CONST("far", "i64[]") CONST(
        "near",
        "i64[]") "  %d = t.sub %kr, %qc : i64[{T},{K}]\n"
                 "  %d1 = t.max %d, %far : i64[{T},{K}]\n  %d2 = t.min %d1, %near : i64[{T},{K}]\n"
                 "  %bucket = t.neg %d2 : i64[{T},{K}]\n"
                 "  %rows = t.gather %table, %bucket {axis = 0} : f32[{T},{K},2]\n"
                 "  %b3 = t.transpose %rows {perm = [2, 0, 1]} : f32[2,{T},{K}]\n"
                 "  %am = t.reshape %b3 : f32[1,2,{T},{K}]\n");
    operations(&r);
    assert_int_equal(ring_of(&r, 0)->ring->bias, IR_BIAS_TOEPLITZ);
    assert_true(has_text(&r.m->proof, ALL_ROWS));
    assert_true(has_text(&r.m->proof, "depends on the distance alone, up to 19999"));
    close_outcome(&r);
}

// ---- a past ----------------------------------------------------------------------------------

static void test_past(void **state) {
    (void)state;
    pass_options o = pass_options_default();
    outcome r = run_with(
        OPEN(IDS ", %pk \"past.k\" : f32[1,2,{P},4] {role = \"past\"}, "
                 "%pv \"past.v\" : f32[1,2,{P},4] {role = \"past\"}",
             Y) EMBED POSITIONS QKV CAUSAL
        "  %ka = t.concat %pk, %kh {axis = 2} : f32[1,2,{K},4]\n"
        "  %va = t.concat %pv, %vh {axis = 2} : f32[1,2,{K},4]\n"
        "  %o = nn.attention %qh, %ka, %va, %m {scale = 0.5} : f32[1,2,{T},4] loc(\"/attend\")\n"
        "  %ot = t.transpose %o {perm = [0, 2, 1, 3]} : f32[1,{T},2,4]\n"
        "  %y = t.reshape %ot : f32[1,{T},8]\n" CLOSE,
        large_past, ARRAY_LEN(large_past), o);
    operations(&r);
    assert_int_equal(ring_of(&r, 0)->ring->slots, 20000);
    assert_true(has_text(&r.m->proof, ALL_ROWS));
    assert_true(has_text(&r.m->proof, "a step after 13 tokens is rows 13..."));
    close_outcome(&r);
}

// ---- refusals, and what is only looked at
// --------------------------------------------------------

static void test_differences(void **state) {
    (void)state;
    // Key 7000 is hidden, which every later row says.
    expect_refusal(
        masked(CONST("wide", "i64[]") CAUSAL
               "  %is = t.eq %kr, %wide : bool[1,{K}]\n  %not = t.not %is : bool[1,{K}]\n"
               "  %am = t.and %m, %not : bool[{T},{K}]\n"),
        DIAG_ID_tok_mask, "does not see key 7000, where a causal mask says otherwise");
    // All rows but the first half see the first key.
    expect_refusal(masked(CONST("wide", "i64[]") CAUSAL
                          "  %is = t.gt %qc, %wide : bool[{T},1]\n"
                          "  %one1 = t.eq %kr, %zero : bool[1,{K}]\n"
                          "  %cut = t.and %is, %one1 : bool[{T},{K}]\n"
                          "  %keep = t.not %cut : bool[{T},{K}]\n"
                          "  %am = t.and %m, %keep : bool[{T},{K}]\n"),
                   DIAG_ID_tok_mask, "does not see key");
    // One row in the middle differs. No row that is looked at tells; the claim says how many were.
    expect_ring(CONST("odd", "i64[]") CAUSAL "  %is = t.eq %qc, %odd : bool[{T},1]\n"
                                             "  %am = t.or %m, %is : bool[{T},{K}]\n",
                IR_RING_CAUSAL, 0, "checked at 67" SOME_ROWS);
    // A window that is off by one at one end only is no function of the distance.
    expect_refusal(masked(CONST("wide", "i64[]") CAUSAL
                          "  %d = t.sub %qc, %kr : i64[{T},{K}]\n"
                          "  %is = t.lt %qc, %wide : bool[{T},1]\n"
                          "  %w1 = t.add %wide, %one : i64[]\n"
                          "  %w2 = t.select %is, %w1, %wide : i64[{T},1]\n"
                          "  %w3 = t.sub %w2, %three : i64[{T},1]\n"
                          "  %last = t.eq %qc, %wide : bool[{T},1]\n"
                          "  %w4 = t.select %last, %w2, %w3 : i64[{T},1]\n"
                          "  %in = t.lt %d, %w4 : bool[{T},{K}]\n"
                          "  %am = t.and %m, %in : bool[{T},{K}]\n"),
                   DIAG_ID_tok_mask, "where a windowed causal mask says otherwise");
    // Neither whole nor by rows.
    expect_refusal(masked(CAUSAL "  %mf = t.cast %m {to = \"f32\"} : f32[{T},{K}]\n"
                                 "  %sum = t.cumsum %mf {axis = 0, exclusive = 0, reverse = 0} : "
                                 "f32[{T},{K}] loc(\"/sum\")\n"
                                 "  %am = t.gt %sum, %f0 : bool[{T},{K}]\n"),
                   DIAG_ID_tok_const, "neither the whole nor a row can be evaluated");
    // A row of a table for each pair.
    expect_refusal(at_large(OPEN(IDS, "%z \"out\"") EMBED
                            "  %d = t.sub %kr, %qc : i64[{T},{K}]\n"
                            "  %df = t.cast %d {to = \"f32\"} : f32[{T},{K}]\n"
                            "  %s = t.reduce %df {axes = [1], fn = \"sum\", keepdims = 1} : "
                            "f32[{T},1]\n"
                            "  %z = t.mul %x0, %s : f32[1,{T},8]\n" CLOSE),
                   DIAG_ID_tok_const, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spellings),   cmocka_unit_test(test_parts),
        cmocka_unit_test(test_bias),        cmocka_unit_test(test_past),
        cmocka_unit_test(test_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
