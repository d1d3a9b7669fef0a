// Adaptation: the targets are those of the published case, scalings meet their targets whatever the
// number of threads, and text that does not fit is named. The whole route, with perplexity, is
// tests/acceptance/test_gain.sh.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bind_onnx.h"
#include "ir/text/text.h"
#include "ir/verify/verify.h"
#include "passes/precision/adapt.h"
#include "support/file/json.h"
#include "tests/random.h"
#include "tests/shared.h"
#include <math.h>
#include <string.h>

#define CASE MODELS "/own/adaptation_case.json"

// ---- a small language model ------------------------------------------------------------------

#define DEVICE                                                                                   \
    "d = 4, dv = 4, n_kv = 1, q_per_kv = 2, mode = \"causal\", readout = \"charge\", "           \
    "saturate = \"both\", decay_form = \"power\", v_dd = 0.9, s_sat = 5, o_sat = 4, sub_tile = " \
    "4, slots = 8, window = 8, decay = 0.00016, q_levels = 16, kv_levels = 8, out_levels = 32, " \
    "cell = [0, 19.3], scalings = @s"
// leroux2025-cmos's own.
#define LEROUX LEROUX_LOSING("0.00016")
#define LEROUX_LOSING(decay)                                                                       \
    "d = 4, dv = 4, n_kv = 1, q_per_kv = 2, mode = \"causal\", readout = \"charge\", "             \
    "saturate = \"both\", decay_form = \"power\", v_dd = 0.9, s_sat = 80, o_sat = 40, sub_tile = " \
    "64, slots = 8, window = 8, decay = " decay                                                    \
    ", q_levels = 16, kv_levels = 8, out_levels = 32, "                                            \
    "cell = [0.52136361391, 13.612260634, -2.620445619, 46.05483778], scalings = @s"
#define SOFTMAX "d = 4, dv = 4, n_kv = 1, q_per_kv = 2, slots = 16, scale = 0.5"

#define FROZEN "16: " // before a ring: a module that takes 16 tokens at once

static const char *numbers(arena *a, int n, double size, uint64_t seed) {
    random_stream r = random_test(seed);
    const char *text = "";
    for (int i = 0; i < n; i++)
        text = arena_printf(a, "%s%s%.4f", text, i ? ", " : "", size * (2 * random_f64(&r) - 1));
    return text;
}

// 8 tokens, rows of 8, two query heads on one key/value head. v_scale 0: values do not vary.
static ir_module *model(const char *ring, double v_scale) {
    arena *a = arena_new();
    bool frozen = strncmp(ring, FROZEN, strlen(FROZEN)) == 0;
    if (frozen) ring += strlen(FROZEN);
    bool whole = frozen || strstr(ring, "mode = \"all\"");
    const char *text = arena_printf(
        a,
        "module {stage = \"graph\", after = \"find-tokens\", class = \"%s\", max_chunk = %d, "
        "max_tokens = 16}\n"
        "domain t0 {%skind = \"free\", max = 16}\n"
        "tensor @s : f32[8,2] = [1, 1, 0, 0, 1, 1, 0.45, 0.45, 1, 1, 0.45, 0.45, 1, 1, 0, 0]\n"
        "tensor @wte : f32[8,8] = [%s]\n"
        "tensor @wqk : f32[8,12] = [%s]\n"
        "tensor @wv : f32[8,4] = [%s]\n"
        "ring @r {%s}\n"
        "func @run(%%ids \"ids\" : i32[t0] {range_hi = 8, range_lo = 0, role = \"tokens\"}) -> "
        "(%%logits \"logits\") {\n"
        "  %%e = t.const {value = @wte} : f32[8,8]\n"
        "  %%x = nn.embed %%ids, %%e : f32[t0,8]\n"
        "  %%a = t.const {value = @wqk} : f32[8,12]\n"
        "  %%b = t.const {value = @wv} : f32[8,4]\n"
        "  %%qk = nn.linear %%x, %%a : f32[t0,12]\n"
        "  %%q = row.cols %%qk {from = 0, until = 8} : f32[t0,8]\n"
        "  %%k = row.cols %%qk {from = 8, until = 12} : f32[t0,4]\n"
        "  %%v = nn.linear %%x, %%b : f32[t0,4]\n"
        "  %%y = nn.attn %%q, %%k, %%v {ring = @r} : f32[t0,8] loc(\"/attn\")\n"
        "  %%z = t.add %%x, %%y : f32[t0,8]\n"
        "  %%logits = nn.linear %%z, %%e {trans_w = 1} : f32[t0,8]\n"
        "}\n",
        whole ? "whole" : "stream", whole ? 16 : 4, frozen ? "fixed = 16, " : "",
        numbers(a, 64, 1, 1), numbers(a, 96, 0.5, 2), numbers(a, 32, v_scale, 3), ring);
    diag_sink *diags = diag_sink_new();
    ir_module *m = ir_parse(text, strlen(text), "model", NULL, NULL, NULL, diags);
    bool ok = m && ir_verify(m, "model", diags);
    diag_print(diags, 0, stderr, false);
    diag_sink_free(diags);
    arena_free(a);
    assert_true(ok);
    return m;
}

static const char *write(const char *name, const char *text) {
    static char path[512];
    snprintf(path, sizeof path, "%s/adapt_%s.json", OHMIC_BUILD_DIR, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return path;
}

// 20 lists of 16 tokens.
static const char *some_text(void) {
    arena *a = arena_new();
    const char *text = "[";
    random_stream r = random_test(7);
    for (int i = 0; i < 320; i++) {
        text = arena_printf(a, "%s%s%d%s", text,
                            i % 16 ? ", "
                            : i    ? ", ["
                                   : "[",
                            (int)random_in(&r, 0, 7), i % 16 == 15 ? "]" : "");
    }
    const char *path = write("text", arena_printf(a, "%s]\n", text));
    arena_free(a);
    return path;
}

typedef struct {
    arena *a;
    ir_module *before, *after;
    diag_sink *diags;
} run;

static run choose(const char *ring, double v_scale, const char *chip, const pass_options *given) {
    run r = {.a = arena_new(), .before = model(ring, v_scale), .diags = diag_sink_new()};
    pass_options o = *given;
    o.machine = machine_load(r.a, chip, NULL, 0, r.diags);
    assert_non_null(o.machine);
    r.after = pass_choose_readout(r.before, &o, r.diags);
    return r;
}

static void done(run *r) {
    ir_module_free(r->after);
    ir_module_free(r->before);
    diag_sink_free(r->diags);
    arena_free(r->a);
}

static const char *noted(const run *r, const char *text) {
    if (!r->after) diag_print(r->diags, 0, stderr, false);
    assert_non_null(r->after);
    for (size_t i = 0; i < r->after->notes.count; i++)
        if (strstr(r->after->notes.items[i], text)) return r->after->notes.items[i];
    for (size_t i = 0; i < r->after->notes.count; i++)
        fprintf(stderr, "note: %s\n", r->after->notes.items[i]);
    fail_msg("expected: %s", text);
    return NULL;
}

static void assert_reported(run *r, diag_id id, const char *text) {
    bool found = false;
    for (size_t i = 0; i < diag_count(r->diags); i++)
        found |= diag_get(r->diags, i)->id == id && strstr(diag_get(r->diags, i)->message, text);
    if (!found) diag_print(r->diags, 0, stderr, false);
    if (!found) fail_msg("expected: %s", text);
    done(r);
}

static void threads_do_not_matter(void **state) {
    pass_options o = pass_options_default();
    o.adapt = some_text();
    char *texts[3];
    for (int i = 0; i < 3; i++) {
        o.threads = (int[]){1, 2, 40}[i]; // 40: more than lists
        run r = choose(DEVICE, 1, "leroux2025-cmos", &o);
        noted(&r, "scalings adapted on 320 tokens of adapt_text.json: ");
        noted(&r, "perplexity on adapt_text.json (320 tokens): ");
        texts[i] = ir_print_string(r.after);
        done(&r);
    }
    assert_string_equal(texts[0], texts[1]);
    assert_string_equal(texts[0], texts[2]);
    for (int i = 0; i < 3; i++) free(texts[i]);
}

// Adapted moments are measured again, as if they were targets, and compared with the targets.
static void scalings_meet_their_targets(void **state) {
    pass_options o = pass_options_default();
    o.adapt = some_text();
    for (int softmax = 0; softmax < 2; softmax++) {
        o.attention = softmax ? "hard-sigmoid" : "softmax";
        run r = choose(softmax ? SOFTMAX : DEVICE, 1, "leroux2025-cmos", &o);
        noted(&r, "scalings adapted on 320 tokens");
        corpus c;
        adapt_table want, have;
        const ir_func *f = r.before->funcs.items[0], *g = r.after->funcs.items[0];
        assert_true(corpus_read(r.a, o.adapt, NULL, &c, r.diags) &&
                    corpus_fit(&c, r.before, f, r.diags) &&
                    adapt_targets(r.a, r.before, r.after, f, &c, 1, &want, r.diags) &&
                    adapt_targets(r.a, r.after, r.after, g, &c, 1, &have, r.diags));
        assert_int_equal(want.n, 1);
        for (adapt_signal s = 0; s < ADAPT_SIGNALS; s++)
            for (int h = 0; h < 2; h++) {
                const adapt_moments *x = &have.items[0].of[s][h], *y = &want.items[0].of[s][h];
                assert_true(fabs(x->mean - y->mean) < 1e-4 && fabs(x->std - y->std) < 1e-4);
                if (softmax && s != ADAPT_O) assert_true(y->std == (s == ADAPT_Q ? 0.25 : 0.225));
            }
        // What does not match before adaptation cannot have been met by doing nothing.
        const float *a = ir_symbol_find(r.after, "r.adapted")->data.data;
        assert_true(fabsf(a[12] - 1) > 0.01f);
        done(&r);
    }
}

static void a_signal_that_does_not_vary(void **state) {
    pass_options o = pass_options_default();
    o.adapt = some_text();
    o.attention = "hard-sigmoid";
    run r = choose(SOFTMAX, 0, "leroux2025-cmos", &o);
    noted(&r, "that could not be");
    assert_reported(&r, DIAG_ID_adapted_in_part, "not vary on this text and could not be adapted");
}

static void what_there_is_to_do_is_said(void **state) {
    pass_options o = pass_options_default();
    run r = choose(DEVICE, 1, "leroux2025-cmos", &o);
    noted(&r, "--calibrate FILE (texts, or JSON lists of token ids) would measure");
    assert_reported(&r, DIAG_ID_not_adapted,
                    "run on another device than the model's: --adapt FILE");
    o.calibrate = some_text(); // measures, changes nothing
    r = choose(DEVICE, 1, "leroux2025-cmos", &o);
    noted(&r, "perplexity on adapt_text.json (320 tokens): ");
    assert_true(ir_symbol_find(r.after, "s") != NULL);
    done(&r);
    o.adapt = o.calibrate;
    r = choose(SOFTMAX, 1, "leroux2025-cmos", &o);
    assert_reported(&r, DIAG_ID_nothing_to_adapt, "--attention hard-sigmoid would make it so");
    r = choose(SOFTMAX ", mode = \"all\"", 1, "leroux2025-cmos", &o);
    assert_reported(&r, DIAG_ID_nothing_to_adapt,
                    "cannot be: that of /attn lets rows see what comes after them");
    r = choose(DEVICE, 1, "ideal", &o);
    assert_reported(&r, DIAG_ID_nothing_to_adapt, "on the device it was made for");
    o.adapt = "nonexist.json"; // read even so
    r = choose(DEVICE, 1, "ideal", &o);
    assert_null(r.after);
    assert_reported(&r, DIAG_ID_io, "");
    o.adapt = OHMIC_BUILD_DIR "/adapt.npz";
    float number = 1;
    tensor one = {.type = ELEM_f32, .data = &number};
    assert_true(npz_write(o.adapt, &(tensor_set){(tensor_named[]){{"x", one}}, 1}, NULL));
    r = choose(DEVICE, 1, "leroux2025-cmos", &o);
    assert_null(r.after);
    assert_reported(&r, DIAG_ID_calibration_text, "not arrays");
}

static void another_token_period_is_measured_and_adapted_to(void **state) {
    pass_options o = pass_options_default();
    o.adapt = some_text();
    o.token_period = 5e6;
    run r = choose(LEROUX, 1, "leroux2025-cmos", &o);
    noted(&r, "made for a decay of 0.00016 a token; on chip 'leroux2025-cmos' it is 1");
    noted(&r, "scalings adapted on 320 tokens");
    noted(&r, "perplexity on");
    done(&r);
}

static void query_heads_that_share_keys_take_turns(void **state) {
    pass_options o = pass_options_default();
    run r = choose(LEROUX_LOSING("0"), 1, "leroux2025-cmos", &o); // one sub-tile, two query heads
    noted(&r, "token period 100 ns (1 attention one after the other)");
    done(&r);
}

static void a_scaling_that_is_no_number(void **state) {
    run r = {.a = arena_new(), .before = model(DEVICE, 1), .diags = diag_sink_new()};
    ((float *)ir_symbol_find(r.before, "s")->data.data)[3] = NAN;
    assert_false(ir_verify(r.before, "model", r.diags));
    assert_reported(&r, DIAG_ID_ring_attribute, "element 3 of 'scalings' is");
}

static void a_shorter_window_is_measured(void **state) {
    pass_options o = pass_options_default();
    o.calibrate = some_text();
    run r = choose(SOFTMAX ", window = 2, full_window = 16", 1, "ideal", &o);
    double before, after;
    const char *note = noted(&r, "perplexity on adapt_text.json");
    assert_int_equal(
        sscanf(strstr(note, "): "), "): %lf as the model is meant, %lf", &before, &after), 2);
    assert_true(fabs(before - after) > 1e-3);
    assert_int_equal(ir_symbol_find(r.after, "r")->ring->full_window, 0);
    done(&r);
}

static void what_predicts_nothing_is_not_measured(void **state) {
    pass_options o = pass_options_default();
    o.calibrate = some_text();
    run r = choose(SOFTMAX ", mode = \"all\"", 1, "leroux2025-cmos", &o);
    noted(&r, "was not measured: its rows see what comes after them");
    done(&r);
    r = choose(FROZEN SOFTMAX, 1, "leroux2025-cmos", &o);
    noted(&r, "was not measured: it is frozen at 16 tokens");
    done(&r);
}

static void text_that_does_not_fit(void **state) {
    static const struct {
        const char *name, *text;
        diag_id id;
        const char *says;
    } cases[] = {
        {"empty", "[]", DIAG_ID_calibration_text, "holds no token"},
        {"empty_lists", "[[], []]", DIAG_ID_calibration_text, "holds no token"},
        {"short", "[[1, 2, 3], [4]]", DIAG_ID_calibration_text, "4 tokens are too few"},
        {"long", "[[1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4]]",
         DIAG_ID_calibration_text,
         "16 tokens (of the text's 18, as lists are cut to the 16 tokens this model takes"},
        {"outside", "[[1, 2], [3, 8]]", DIAG_ID_calibration_text,
         "entry 2 of list 2 is the id 8, outside the model's 0 ... 7"},
        {"negative", "[[-1]]", DIAG_ID_calibration_text, "entry 1 of list 1 is the id -1"},
        {"words", "[[\"a\"]]", DIAG_ID_calibration_text, "a list of lists of token ids"},
        {"flat", "[1, 2]", DIAG_ID_calibration_text, "a list of lists of token ids"},
        {"object", "{\"tokens\": [[1]]}", DIAG_ID_calibration_text, "\"calibration_tokens\""},
        {"cut", "[[1, 2", DIAG_ID_json_syntax, ""},
    };
    pass_options o = pass_options_default();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        o.adapt = write(cases[i].name, cases[i].text);
        run r = choose(DEVICE, 1, "leroux2025-cmos", &o);
        assert_null(r.after);
        assert_reported(&r, cases[i].id, cases[i].says);
    }
    o.adapt = OHMIC_BUILD_DIR "/no/such.json";
    run r = choose(DEVICE, 1, "leroux2025-cmos", &o);
    assert_null(r.after);
    assert_reported(&r, DIAG_ID_io, "");
}

// ---- the published case ----------------------------------------------------------------------

static double number(const json_t *root, size_t layer, const char *signal, const char *what,
                     size_t head) {
    const json_t *l = json_array_get(json_object_get(root, "targets"), layer);
    const json_t *list = json_object_get(json_object_get(l, signal), what);
    assert_true(json_is_array(list) && json_array_size(list) > head);
    return json_number_value(json_array_get(list, head));
}

static void targets_of_the_case(void **state) {
    if (!shared_present(CASE)) return;
    arena *a = arena_new();
    diag_sink *diags = diag_sink_new();
    onnx_model *onnx = onnx_open(MODELS "/own/tales_linear_fn.onnx", diags);
    assert_non_null(onnx);
    pass_options o = pass_options_default();
    o.machine = machine_load(a, "leroux2025-cmos", NULL, 0, diags);
    bind_source source = bind_onnx_source(a, onnx);
    bind_options options = {.o = &o};
    ir_module *m = bind_module(&source, &options, NULL, diags);
    pass_pipeline p = {0};
    pass_pipeline_until(&p, PASS_ID_fold_weights);
    ir_module *own = m ? pass_run_pipeline(&p, m, &o, NULL, diags) : NULL;
    vec_free(&p);
    ir_module *chosen = own ? pass_choose_readout(own, &o, diags) : NULL;
    corpus c;
    adapt_table t;
    bool ok = chosen && corpus_read(a, CASE, NULL, &c, diags) &&
              corpus_fit(&c, own, own->funcs.items[0], diags) &&
              adapt_targets(a, own, chosen, own->funcs.items[0], &c, 0, &t, diags);
    if (!ok) diag_print(diags, 0, stderr, false);
    assert_true(ok);
    json_t *root = json_file_read(CASE, diags);
    assert_int_equal(t.n, 4);
    double worst = 0;
    for (size_t i = 0; i < t.n; i++)
        for (adapt_signal s = 0; s < ADAPT_SIGNALS; s++)
            for (size_t h = 0; h < 2; h++) {
                const char *name = (const char *[]){"q", "k", "v", "o"}[s];
                worst =
                    fmax(worst, fabs(t.items[i].of[s][h].mean - number(root, i, name, "mean", h)));
                worst =
                    fmax(worst, fabs(t.items[i].of[s][h].std - number(root, i, name, "std", h)));
            }
    printf("largest difference from the published targets: %.1e\n", worst);
    assert_true(worst < 1e-4);
    json_decref(root);
    ir_module_free(chosen);
    ir_module_free(own);
    ir_module_free(m);
    onnx_close(onnx);
    diag_sink_free(diags);
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(scalings_meet_their_targets),
        cmocka_unit_test(a_signal_that_does_not_vary),
        cmocka_unit_test(what_there_is_to_do_is_said),
        cmocka_unit_test(another_token_period_is_measured_and_adapted_to),
        cmocka_unit_test(query_heads_that_share_keys_take_turns),
        cmocka_unit_test(a_scaling_that_is_no_number),
        cmocka_unit_test(a_shorter_window_is_measured),
        cmocka_unit_test(what_predicts_nothing_is_not_measured),
        cmocka_unit_test(text_that_does_not_fit),
        cmocka_unit_test(targets_of_the_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
