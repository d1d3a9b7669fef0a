// choose-readout: which read-out and device each attention gets, what is said about it, and what is
// refused; and what split-attention lets a chip's heads hold.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ir/ring.h"
#include "ir/text/text.h"
#include "ir/verify/verify.h"
#include "passes/pass.h"
#include "support/file/file.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CHARGE                                                                                  \
    "d = 4, dv = 4, n_kv = 2, q_per_kv = 1, mode = \"causal\", readout = \"charge\", "          \
    "saturate = \"both\", decay_form = \"power\", v_dd = 0.9, s_sat = 80, o_sat = 40, "         \
    "q_levels = 16, kv_levels = 8, out_levels = 32, sub_tile = 64, slots = 128, window = 128, " \
    "scalings = @s"
#define SCORE "d = 4, dv = 4, n_kv = 2, q_per_kv = 1, slots = 16, scale = 0.5"
#define LINEAR ", cell = [0, 19.3, 0, 0], decay = 0.00016"
#define LEROUX ", cell = [0.52136361391, 13.612260634, -2.620445619, 46.05483778], decay = 0.00016"

// Two attentions, one after the other, on rings of these attributes.
static ir_module *model(const char *first, const char *second) {
    arena *a = arena_new();
    const char *zeros = "";
    for (int i = 0; i < 16; i++) zeros = arena_printf(a, "%s%s%d", zeros, i ? ", " : "", i % 4 < 2);
    const char *text = arena_printf(
        a,
        "module {stage = \"graph\", after = \"find-tokens\", class = \"stream\", max_chunk = 4, "
        "max_tokens = 16}\n"
        "domain t0 {kind = \"free\", max = 16}\n"
        "tensor @s : f32[8,2] = [%s]\n"
        "tensor @two : f32[2] = [1, 2]\n"
        "ring @r0 {%s}\nring @r1 {%s}\n"
        "func @run(%%q \"q\" : f32[t0,8], %%k \"k\" : f32[t0,8], %%v \"v\" : f32[t0,8]) -> (%%2 "
        "\"y\") {\n"
        "  %%1 = nn.attn %%q, %%k, %%v {ring = @r0} : f32[t0,8] loc(\"/h.0/attn\")\n"
        "  %%2 = nn.attn %%1, %%k, %%v {ring = @r1} : f32[t0,8] loc(\"/h.1/attn\")\n"
        "}\n",
        zeros, first, second);
    diag_sink *diags = diag_sink_new();
    ir_module *m = ir_parse(text, strlen(text), "model", NULL, NULL, NULL, diags);
    bool ok = m && ir_verify(m, "model", diags);
    diag_print(diags, 0, stderr, false);
    diag_sink_free(diags);
    arena_free(a);
    assert_true(ok);
    return m;
}

typedef struct {
    arena *a;
    ir_module *before, *after;
    diag_sink *diags;
    pass_options o;
} run;

static run choose_with(const char *first, const char *second, const char *chip,
                       const char *const *sets, size_t n_sets, pass_options o) {
    run r = {.a = arena_new(), .before = model(first, second), .diags = diag_sink_new(), .o = o};
    r.o.machine = machine_load(r.a, chip, sets, n_sets, r.diags);
    assert_non_null(r.o.machine);
    const pass_checks checks = {.check_equivalence = true};
    pass_pipeline p = {0};
    assert_true(pass_pipeline_parse(&p, "choose-readout", r.diags));
    r.after = pass_run_pipeline(&p, r.before, &r.o, &checks, r.diags);
    vec_free(&p);
    return r;
}

static run choose(const char *first, const char *second, const char *chip) {
    return choose_with(first, second, chip, NULL, 0, pass_options_default());
}

static void done(run *r) {
    ir_module_free(r->after);
    ir_module_free(r->before);
    diag_sink_free(r->diags);
    arena_free(r->a);
}

static const ir_ring *ring(const run *r, const char *name) {
    if (!r->after) diag_print(r->diags, 0, stderr, false);
    assert_non_null(r->after);
    return ir_ring_find(r->after, name);
}

static bool noted(const run *r, const char *text) {
    for (size_t i = 0; i < r->after->notes.count; i++)
        if (strstr(r->after->notes.items[i], text)) return true;
    for (size_t i = 0; i < r->after->notes.count; i++)
        fprintf(stderr, "note: %s\n", r->after->notes.items[i]);
    fprintf(stderr, "expected: %s\n", text);
    return false;
}

static bool reported(const run *r, diag_id id, const char *text) {
    for (size_t i = 0; i < diag_count(r->diags); i++) {
        const diag *d = diag_get(r->diags, i);
        if (d->id == id && strstr(d->message, text)) return true;
    }
    diag_print(r->diags, 0, stderr, false);
    fprintf(stderr, "expected: %s\n", text);
    return false;
}

static void assert_near(double x, double y) { assert_true(x >= y - 1e-9 && x <= y + 1e-9); }

static void the_chip_a_model_was_made_for_changes_nothing(void **state) {
    run r = choose(CHARGE LEROUX, CHARGE LEROUX, "leroux2025-cmos");
    assert_int_equal(diag_count(r.diags), 0);
    assert_near(ir_attr_float(&r.after->attrs, IR_ATTR_token_period, 0), 800);
    assert_true((float)ring(&r, "r0")->decay == 1.6e-4f);
    assert_int_equal(r.after->notes.count, 1);
    assert_true(noted(&r, "token period 800 ns"));
    done(&r);
}

static void another_cell_is_the_chips_and_is_noted(void **state) {
    run r = choose(CHARGE LINEAR, CHARGE LINEAR, "leroux2025-cmos");
    const ir_reals cell = ring(&r, "r1")->cell;
    assert_int_equal(cell.count, 4);
    assert_near(cell.items[3], 46.05483778);
    assert_true(
        noted(&r, "attention of /h.0/attn (and 1 more): the model was made for cell [0, "
                  "19.3]; chip 'leroux2025-cmos' has cell [0.521364, 13.6123, -2.62045, 46.0548]"));
    assert_true(reported(&r, DIAG_ID_not_adapted, "--adapt FILE"));
    assert_int_equal(diag_errors(r.diags), 0);
    done(&r);
}

static void each_effect_can_be_switched_off(void **state) {
    static const char *const sets[] = {"gain.q_levels=0", "gain.retention=0", "gain.saturate=none",
                                       "gain.cell=0,19.3"};
    run r = choose_with(CHARGE LEROUX, CHARGE LEROUX, "leroux2025-cmos", sets, 4,
                        pass_options_default());
    const ir_ring *l = ring(&r, "r0");
    assert_int_equal(l->q_levels, 0);
    assert_near(l->decay, 0);
    assert_int_equal(l->saturate, IR_SAT_NONE);
    assert_true(noted(&r, "saturate both; chip"));
    assert_true(
        noted(&r, "made for a decay of 0.00016 a token; on chip 'leroux2025-cmos' it is 0"));
    done(&r);
}

static void a_program_unit_does_what_is_spelled_out(void **state) {
    run r = choose(CHARGE LINEAR, CHARGE LINEAR, "ideal");
    assert_int_equal(diag_count(r.diags), 0);
    assert_true(ir_ring_equal(ring(&r, "r0"), ir_ring_find(r.before, "r0")));
    assert_int_equal(r.after->notes.count, 0);
    done(&r);
}

static void a_chip_without_charges_refuses(void **state) {
    static const char *const none[] = {"gain.charge=none"};
    run r = choose_with(CHARGE LINEAR, SCORE, "leroux2025-cmos", none, 1, pass_options_default());
    assert_null(r.after);
    assert_true(reported(&r, DIAG_ID_readout, "compile for 'leroux2025'"));
    assert_int_equal(diag_errors(r.diags), 1);
    done(&r);
    pass_options o = pass_options_default();
    o.attention = "hard-sigmoid";
    r = choose_with(SCORE, SCORE, "leroux2025-cmos", none, 1, o);
    assert_null(r.after);
    assert_true(reported(&r, DIAG_ID_readout, "--attention hard-sigmoid needs charge read-out"));
    done(&r);
}

static void token_periods(void **state) {
    // no decay of its own: one attention after the other
    run r = choose(CHARGE ", cell = [0, 1], decay = 0", CHARGE ", cell = [0, 1], decay = 0",
                   "leroux2025-cmos");
    assert_near(ir_attr_float(&r.after->attrs, IR_ATTR_token_period, 0), 2 * (5 + 45 + 1));
    assert_true(noted(&r, "token period 102 ns (2 attentions one after the other)"));
    done(&r);
    static const char *const untimed[] = {"time.gain_score=0", "time.gain_mix=0",
                                          "time.gain_read=0", "time.gain_add=0",
                                          "time.gain_reset=0"};
    r = choose_with(CHARGE ", cell = [0, 1], decay = 0", CHARGE ", cell = [0, 1], decay = 0",
                    "leroux2025-cmos", untimed, 5, pass_options_default());
    assert_true(noted(&r, "stored values do not decay: chip 'leroux2025-cmos' states no time"));
    assert_false(ir_attr_has(&r.after->attrs, IR_ATTR_token_period));
    done(&r);
    // declared
    pass_options o = pass_options_default();
    o.token_period = 780;
    r = choose_with(CHARGE LEROUX, CHARGE LINEAR, "leroux2025-cmos", NULL, 0, o);
    assert_near(ring(&r, "r0")->decay, 780.0 / 5e6);
    assert_true(noted(&r, "token period 780 ns (as declared)"));
    assert_false(reported(&r, DIAG_ID_token_period_short, ""));
    assert_true(noted(&r, "was made for a decay of 0.00016 a token; "
                          "on chip 'leroux2025-cmos' it is 0.000156"));
    assert_true(reported(&r, DIAG_ID_not_adapted, "--adapt FILE"));
    done(&r);
    o.token_period = 100;
    r = choose_with(CHARGE LEROUX, CHARGE LINEAR, "leroux2025-cmos", NULL, 0, o);
    assert_true(reported(&r, DIAG_ID_token_period_short, "takes 102 ns a token"));
    done(&r);
    // too little and too much
    for (int i = 0; i < 3; i++) {
        o.token_period = (double[]){1e-300, 6e9, (double)INFINITY}[i];
        r = choose_with(CHARGE LEROUX, CHARGE LEROUX, "leroux2025-cmos", NULL, 0, o);
        assert_null(r.after);
        assert_true(reported(&r, DIAG_ID_token_period_range, "must be above 0 and at most 1000"));
        done(&r);
    }
    // nothing decays
    o.token_period = 800;
    r = choose_with(CHARGE LEROUX, CHARGE LEROUX, "ideal", NULL, 0, o);
    assert_true(reported(&r, DIAG_ID_token_period_unused, "as the model spells it out"));
    done(&r);
    r = choose_with(SCORE, SCORE, "leroux2025-cmos", NULL, 0, o);
    assert_true(reported(&r, DIAG_ID_token_period_unused, "is read out by charges"));
    done(&r);
    static const char *const stays[] = {"gain.retention=0"};
    r = choose_with(CHARGE LEROUX, CHARGE LEROUX, "leroux2025-cmos", stays, 1, o);
    assert_true(reported(&r, DIAG_ID_token_period_unused, "stored values stay"));
    done(&r);
    // two periods are one where it is declared
    r = choose_with(CHARGE LEROUX, CHARGE ", cell = [0, 1], decay = 0.0002", "leroux2025-cmos",
                    NULL, 0, o);
    assert_true(noted(&r, "was made for a decay of 0.0002 a token; on"));
    done(&r);
    // two periods
    r = choose(CHARGE LEROUX, CHARGE ", cell = [0, 1], decay = 0.0002", "leroux2025-cmos");
    assert_null(r.after);
    assert_true(reported(&r, DIAG_ID_token_period, "those of '/h.0/attn' 0.00016"));
    done(&r);
}

static void scores_get_the_chips_precision(void **state) {
    run r = choose(SCORE, SCORE, "ideal");
    assert_true(ir_ring_equal(ring(&r, "r0"), ir_ring_find(r.before, "r0")));
    done(&r);
    r = choose(SCORE, SCORE, "leroux2025-cmos");
    const ir_ring *l = ring(&r, "r1");
    assert_int_equal(l->kv_levels, 512);
    assert_int_equal(l->q_levels, 256);
    assert_int_equal(l->p_levels, 0);
    assert_int_equal(l->adc_bits, 12);
    assert_int_equal(l->sub_tile, 64);
    assert_true(noted(&r, "is read out as scores, keys and values of 512 levels, queries of 256, "
                          "converted to 12 bits"));
    assert_int_equal(diag_count(r.diags), 0);
    done(&r);
}

#define HARD SCORE ", act = \"hardsigmoid\", alpha = 0.1, beta = 0.5"

static void a_hard_sigmoid_of_scores(void **state) {
    run r = choose(HARD, SCORE, "ideal");
    assert_true(ir_ring_equal(ring(&r, "r0"), ir_ring_find(r.before, "r0")));
    done(&r);
    r = choose(HARD, HARD ", softcap = 30.0", "leroux2025-cmos");
    const ir_ring *l = ring(&r, "r0");
    assert_int_equal(l->readout, IR_READ_CHARGE);
    assert_true(l->act == IR_ACT_SOFTMAX && l->scale == 1 && l->alpha != l->alpha);
    const tensor *t = &ir_symbol_find(r.after, l->scalings)->data;
    const float want[8] = {1, 0, 1, 0.45f, 1, 0.45f, 1, 0};
    for (int i = 0; i < 16; i++) assert_true(((const float *)t->data)[i] == want[i / 2]);
    assert_true(
        noted(&r, "attention of /h.0/attn: a hard sigmoid of scores becomes charge pulses"));
    // what caps its scores stays with them
    assert_int_equal(ring(&r, "r1")->readout, IR_READ_SCORE);
    assert_int_equal(ring(&r, "r1")->act, IR_ACT_HARDSIGMOID);
    done(&r);
}

static void softmax_is_replaced_when_asked(void **state) {
    pass_options o = pass_options_default();
    o.attention = "hard-sigmoid";
    run r = choose_with(SCORE, SCORE ", mode = \"causal\"", "leroux2025-cmos", NULL, 0, o);
    assert_int_equal(ring(&r, "r1")->readout, IR_READ_CHARGE);
    assert_true(noted(&r, "attention of /h.0/attn (and 1 more): softmax of scores is replaced"));
    assert_true(
        reported(&r, DIAG_ID_not_adapted, "--adapt FILE (texts, or JSON lists of token ids)"));
    done(&r);
    // an ideal unit's pulse has a longest length as well
    r = choose_with(SCORE, SCORE, "ideal", NULL, 0, o);
    assert_int_equal(ring(&r, "r0")->saturate, IR_SAT_SCORES);
    assert_int_equal(ring(&r, "r0")->kv_levels, 0);
    done(&r);
    r = choose_with(SCORE ", softcap = 30.0", SCORE ", mode = \"all\"", "leroux2025-cmos", NULL, 0,
                    o);
    assert_null(r.after);
    assert_true(reported(&r, DIAG_ID_readout, "as it caps its scores"));
    assert_true(reported(&r, DIAG_ID_readout, "as it lets rows see what comes after them"));
    done(&r);
}

static void coarse_scores_are_no_fault_of_the_pass(void **state) {
    static const char *const sets[] = {"gain.score_cells=1", "gain.score_levels=2"};
    run r = choose_with(SCORE, SCORE, "leroux2025-cmos", sets, 2, pass_options_default());
    assert_non_null(r.after);
    assert_true(pass_check_equivalent(r.before, r.after, PASS_BOUNDED, &r.o, r.diags));
    assert_int_equal(diag_errors(r.diags), 0);
    done(&r);
}

// ---- split-attention -------------------------------------------------------------------------

static diag_sink *split(const char *attrs, const char *set) {
    arena *a = arena_new();
    diag_sink *diags = diag_sink_new();
    ir_module *m = model(attrs, attrs);
    pass_options o = pass_options_default();
    o.machine = machine_load(a, "leroux2025-cmos", &set, set != NULL, diags);
    ir_module *rings = pass_split_attention(m, &o, diags);
    assert_true((rings == NULL) == (diag_errors(diags) > 0));
    ir_module_free(rings);
    ir_module_free(m);
    arena_free(a);
    return diags;
}

static bool says(diag_sink *diags, diag_id id, const char *text) {
    bool found = false;
    for (size_t i = 0; i < diag_count(diags); i++)
        found |= diag_get(diags, i)->id == id && strstr(diag_get(diags, i)->message, text);
    if (!found) diag_print(diags, 0, stderr, false);
    diag_sink_free(diags);
    return found;
}

static void what_heads_hold(void **state) {
    diag_sink *fits = split(CHARGE LEROUX, NULL);
    assert_int_equal(diag_count(fits), 0);
    diag_sink_free(fits);
    assert_true(says(
        split(CHARGE LEROUX, "gain.slots=64"), DIAG_ID_ring_slots,
        "needs 128 slots, a ring of chip 'leroux2025-cmos' has 64: compile with --window 64 (which "
        "changes what tokens further back mean), or for a chip with longer rings"));
    assert_true(says(split(SCORE, "gain.slots=8"), DIAG_ID_ring_slots,
                     "compile with --window 8 (which changes what tokens further back mean), with "
                     "--max-tokens 8, or for"));
    assert_true(says(split(SCORE ", mode = \"all\"", "gain.slots=8"), DIAG_ID_ring_slots,
                     "has 8: compile with --max-tokens 8, or for"));
    assert_true(says(split(SCORE ", mode = \"cross\"", "gain.slots=8"), DIAG_ID_ring_slots,
                     "has 8: compile for fewer tokens of the encoder, or for"));
    diag_sink *once = split(CHARGE LEROUX, "gain.slots=64"); // for both attentions
    assert_int_equal(diag_count(once), 1);
    assert_non_null(strstr(diag_get(once, 0)->loc.where, " (and 1 more)"));
    diag_sink_free(once);
    assert_true(
        says(split(CHARGE LEROUX, "gain.head_width=2"), DIAG_ID_ring_width,
             "keys of 4 columns do not fit chip 'leroux2025-cmos', whose arrays have 2 and add "
             "up the currents of 1: compile for a chip with --set gain.k_arrays_summed=2"));
    fits = split(SCORE, "gain.head_width=2"); // added up digitally
    assert_int_equal(diag_count(fits), 0);
    diag_sink_free(fits);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_chip_a_model_was_made_for_changes_nothing),
        cmocka_unit_test(another_cell_is_the_chips_and_is_noted),
        cmocka_unit_test(each_effect_can_be_switched_off),
        cmocka_unit_test(a_program_unit_does_what_is_spelled_out),
        cmocka_unit_test(a_chip_without_charges_refuses),
        cmocka_unit_test(token_periods),
        cmocka_unit_test(scores_get_the_chips_precision),
        cmocka_unit_test(a_hard_sigmoid_of_scores),
        cmocka_unit_test(softmax_is_replaced_when_asked),
        cmocka_unit_test(coarse_scores_are_no_fault_of_the_pass),
        cmocka_unit_test(what_heads_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
