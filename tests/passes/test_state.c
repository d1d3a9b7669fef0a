// What a module is: by the pass that made it, and what a text that says otherwise shows.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ir/text/text.h"
#include "ir/verify/verify.h"
#include "passes/pass.h"
#include <stdio.h>
#include <string.h>

static ir_module *parse(const char *text) {
    diag_sink *diags = diag_sink_new();
    ir_module *m = ir_parse(text, strlen(text), "test.oir", NULL, NULL, NULL, diags);
    if (!m || !ir_verify(m, "test.oir", diags)) {
        diag_print(diags, 0, stderr, false);
        fprintf(stderr, "%s\n", text);
        fail();
    }
    diag_sink_free(diags);
    return m;
}

// Passes from the state they leave to the one they need: every pass takes what the one before left.
static void test_table(void **state) {
    ir_module *m = ir_module_new();
    assert_int_equal(pass_state_of(m), PASS_STATE_plain);
    assert_int_equal(pass_last(m), -1);
    for (int i = 0; i < PASS_COUNT; i++) {
        assert_true(pass_may_run(&pass_table[i], pass_state_of(m)));
        pass_made(m, &pass_table[i]);
        assert_int_equal(pass_last(m), i);
        if (pass_table[i].gives != PASS_GIVES_same)
            assert_int_equal((int)pass_state_of(m), (int)pass_table[i].gives);
    }
    assert_int_equal(pass_state_of(m), PASS_STATE_allocated);
    // dce and quantize change nothing of it; place begins again
    pass_made(m, &pass_table[PASS_ID_dce]);
    pass_made(m, &pass_table[PASS_ID_quantize]);
    assert_int_equal(pass_last(m), PASS_ID_allocate);
    assert_false(pass_may_run(&pass_table[PASS_ID_fuse], pass_state_of(m)));
    assert_false(pass_may_run(&pass_table[PASS_ID_tile_weights], pass_state_of(m)));
    assert_true(pass_may_run(&pass_table[PASS_ID_place], pass_state_of(m)));
    pass_made(m, &pass_table[PASS_ID_place]);
    assert_int_equal(pass_state_of(m), PASS_STATE_placed);
    // a pass that is run before its turn
    ir_module *early = ir_module_new();
    pass_made(early, &pass_table[PASS_ID_fold_weights]);
    assert_int_equal(pass_state_of(early), PASS_STATE_plain);
    assert_int_equal(pass_last(early), -1);
    ir_module_free(early);
    ir_module_free(m);
}

#define ROWS                                               \
    "class = \"stream\", max_chunk = 4, max_tokens = 4}\n" \
    "domain t0 {kind = \"free\", max = 4}\n"
#define FUNC "func @run(%x \"x\" : f32[t0,4]) -> (%y \"y\") {\n"

// A pass that gives another state unlocks what asks for it; `after` never goes back by one that
// gives none.
static void test_pipeline(void **state) {
    diag_sink *diags = diag_sink_new();
    ir_module *m = parse("module {stage = \"graph\", after = \"quantize\", " ROWS FUNC
                         "  %y = t.relu %x : f32[t0,4]\n}\n");
    pass_options o = pass_options_default();
    o.machine = machine_load(m->arena, "ideal", NULL, 0, diags);
    const struct {
        const char *passes, *after;
        pass_state is;
    } cases[] = {
        {"dce", "quantize", PASS_STATE_tokens},
        {"tile-weights", "tile-weights", PASS_STATE_blocks},
        {"tile-weights,dce,split-attention,quantize,dce", "split-attention", PASS_STATE_rings},
    };
    for (size_t i = 0; i < 3; i++) {
        pass_pipeline p = {0};
        assert_true(pass_pipeline_parse(&p, cases[i].passes, diags));
        ir_module *out = pass_run_pipeline(&p, m, &o, NULL, diags);
        assert_non_null(out);
        assert_string_equal(ir_attr_str(&out->attrs, IR_ATTR_after, ""), cases[i].after);
        assert_int_equal(pass_state_of(out), cases[i].is);
        ir_module_free(out);
        vec_free(&p);
    }
    ir_module_free(m);
    diag_sink_free(diags);
}

// ---- texts that say what they are not ----------------------------------------------------------

#define MAPPED(after)                                                        \
    "module {stage = \"mapped\", after = \"" after "\", " ROWS               \
    "ring @r {bias = \"none\", d = 2, dv = 2, mode = \"causal\", n_kv = 1, " \
    "q_per_kv = 1, scale = 0.5, slots = 4, softcap = 0, window = 0}\n"       \
    "func @run(%x \"x\" : f32[t0,4]) -> (_ \"y\") {\n"
#define IN(place) "  %a = io.in {" place ", port = \"x\", tile = 0} : f32[t0,4]\n"
#define AT "at = 0, depth = 4, space = \"pad\""
#define OUT "  io.out %2 {col0 = 0, port = \"y\", tile = 0}\n}\n"

static void test_lies(void **state) {
    static const struct {
        const char *text, *says; // NULL: it is what it says
    } cases[] = {
        {"module {stage = \"graph\", after = \"fuse-all\"}\n", "pass 'fuse-all' made it"},
        // stages
        {"module {stage = \"lowering\"}\n",
         "stage = \"lowering\": the module is not 'plain', as one without"},
        {"module {stage = \"graph\", after = \"dce\"}\n", NULL},
        {"module {stage = \"graph\", after = \"allocate\"}\n",
         "is not 'allocated', as one after = \"allocate\""},
        {"module {stage = \"mapped\", after = \"route-digital\"}\n", "is not 'mapped'"},
        // rows
        {"module {stage = \"graph\", after = \"fuse\", " ROWS FUNC
         "  %y = t.relu %x : f32[t0,4]\n}\n",
         "'@run' has rows of a token domain: the module is not 'plain'"},
        {"module {stage = \"graph\", after = \"quantize\"}\nfunc @run(%x \"x\" : f32[2]) -> (%y "
         "\"y\") {\n"
         "  %y = t.relu %x : f32[2]\n}\n",
         "'@run' has no rows of a token domain: the module is not 'tokens'"},
        // blocks, rings
        {"module {stage = \"lowering\", after = \"tile-weights\", " ROWS
         "tensor @w : f32[4,4] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7]\n" FUNC
         "  %w = t.const {value = @w} : f32[4,4]\n  %y = nn.linear %x, %w : f32[t0,4]\n}\n",
         "'nn.linear' has constant weights and is no block: the module is not 'blocks'"},
        {"module {stage = \"lowering\", after = \"split-phases\", " ROWS
         "ring @r {bias = \"none\", d = 2, dv = 2, mode = \"causal\", n_kv = 2, q_per_kv = 1, "
         "scale = 0.5, slots = 4, "
         "softcap = 0, window = 0}\n" FUNC "  %y = nn.attn %x, %x, %x {ring = @r} : f32[t0,4]\n}\n",
         "'nn.attn' is no write or read of a ring: the module is not 'rings'"},
        // units
        {"module {stage = \"lowering\", after = \"route-digital\", " ROWS FUNC
         "  %y = t.relu %x : f32[t0,4]\n}\n",
         "'t.relu' is no operation of a unit: the module is not 'mapped'"},
        {"module {stage = \"lowering\", after = \"route-digital\", " ROWS FUNC
         "  %1 = io.in {port = \"x\"} : f32[t0,4]\n  %y = dig.ew1 %1 {fn = \"relu\"} : "
         "f32[t0,4]\n}\n",
         "output \"y\" is a value: the module is not 'mapped'"},
        {"module {stage = \"lowering\", after = \"route-digital\", " ROWS
         "func @run(%x \"x\" : f32[t0,4]) -> (_ \"y\") {\n  io.out %x {col0 = 0, port = "
         "\"y\"}\n}\n",
         "'io.out' reads an input that is not taken in: the module is not 'mapped'"},
        {"module {stage = \"lowering\", after = \"split-phases\", " ROWS
         "func @run(%x \"x\" : f32[t0,4]) -> (_ \"y\") {\n  %1 = io.in {port = \"x\"} : "
         "f32[t0,4]\n  io.out %1 {col0 = 0, port = \"y\"}\n}\n",
         "output \"y\" is written by operations: the module is not 'phases'"},
        // tiles
        {MAPPED("place") IN(AT) "  %2 = dig.ew1 %a {fn = \"relu\", tile = 1} : f32[t0,4]\n"
                                "  io.out %2 {col0 = 0, port = \"y\", tile = 1}\n}\n",
         NULL},
        {MAPPED("schedule") IN(AT) "  %2 = dig.ew1 %a {fn = \"relu\", tile = 1} : f32[t0,4]\n"
                                   "  io.out %2 {col0 = 0, port = \"y\", tile = 1}\n}\n",
         "'dig.ew1' reads what another tile made without receiving it: the module is not "
         "'scheduled'"},
        {MAPPED("schedule") IN(AT) "  %s = net.send %a {tile = 0} : f32[t0,4]\n"
                                   "  %2 = net.recv %s {tile = 1} : f32[t0,4]\n"
                                   "  io.out %2 {col0 = 0, port = \"y\", tile = 1}\n}\n",
         "'net.send' has no channel: the module is not 'scheduled'"},
        // places
        {MAPPED("allocate") IN(AT) "  %2 = dig.ew1 %a {" AT
                                   ", fn = \"relu\", tile = 0} : f32[t0,4]\n" OUT,
         NULL},
        {MAPPED("allocate") IN(AT) "  %2 = dig.ew1 %a {fn = \"relu\", tile = 0} : f32[t0,4]\n" OUT,
         "'dig.ew1' gives a row that has no place: the module is not 'allocated'"},
        {MAPPED("allocate") IN("at = 0, depth = 4") "  %2 = dig.ew1 %a {" AT
                                                    ", fn = \"relu\", tile = 0} : f32[t0,4]\n" OUT,
         "'io.in' gives a row that has no place"},
        {MAPPED("allocate") IN(AT) "  %2 = dig.ew1 %a {col0 = 0, fn = \"relu\", parent = \"q\", "
                                   "tile = 0} : f32[t0,4]\n" OUT,
         "'dig.ew1' gives a row that has no place"},
        {MAPPED("allocate") IN(AT) "  %2 = dig.ew1 %a {col0 = 0, fn = \"relu\", parent = \"a\", "
                                   "tile = 0} : f32[t0,4]\n" OUT,
         NULL},
        {MAPPED("allocate") IN(AT) "  %s = net.send %a {channel = 0, tile = 0} : f32[t0,4]\n"
                                   "  %2 = net.recv %s {" AT
                                   ", channel = 0, tile = 1} : f32[t0,4]\n"
                                   "  io.out %2 {col0 = 0, port = \"y\", tile = 1}\n}\n",
         "'net.send' has no depth"},
        {MAPPED("allocate")
             IN(AT) "  %k = row.cols %a {from = 0, tile = 0, until = 2} : f32[t0,2]\n"
                    "  %v = row.cols %a {from = 2, tile = 0, until = 4} : f32[t0,2]\n"
                    "  gc.write %v, %k {ring = @r, tile = 0}\n"
                    "  io.out %a {col0 = 0, port = \"y\", tile = 0}\n}\n",
         "'gc.write' stores keys and values that do not lie side by side"},
        {MAPPED("allocate")
             IN(AT) "  %k = row.cols %a {from = 0, tile = 0, until = 2} : f32[t0,2]\n"
                    "  %v = row.cols %a {from = 2, tile = 0, until = 4} : f32[t0,2]\n"
                    "  gc.write %k, %v {ring = @r, tile = 0}\n"
                    "  io.out %a {col0 = 0, port = \"y\", tile = 0}\n}\n",
         NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        diag_sink *diags = diag_sink_new();
        ir_module *m = parse(cases[i].text);
        bool ok = pass_check_state(m, "test.oir", diags);
        const char *found = diag_count(diags) ? diag_get(diags, 0)->message : "nothing";
        if (ok != !cases[i].says || (cases[i].says && !strstr(found, cases[i].says)))
            fail_msg("case %zu: expected \"%s\", found \"%s\"", i,
                     cases[i].says ? cases[i].says : "nothing", found);
        if (cases[i].says) assert_int_equal(diag_get(diags, 0)->id, DIAG_ID_pass_state);
        ir_module_free(m);
        diag_sink_free(diags);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_pipeline),
        cmocka_unit_test(test_lies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
