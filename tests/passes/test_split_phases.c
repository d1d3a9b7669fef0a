// split-phases: what goes to which side, what may not cross, and that the check of equivalence sees
// a wrong split. The whole of one split is golden/split-phases.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ir/text/text.h"
#include "ir/verify/verify.h"
#include "passes/pass.h"
#include <string.h>

#define HEAD                                                                                     \
    "module {after = \"split-attention\", class = \"stream\", max_chunk = 4, max_tokens = 16, "  \
    "stage = \"lowering\"}\n"                                                                    \
    "domain t0 {kind = \"free\", max = 16}\ndomain t1 {kind = \"free\", max = 12}\n"             \
    "domain t2 {kind = \"one\"}\n"                                                               \
    "tensor @w : f32[2] = [0.5, 2]\ntensor @table : f32[16,2] = [1,2,3,4,5,6,7,8,9,10,11,12,13," \
    "14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32]\n"
#define RING(name, mode)                                                                         \
    "ring @" name " {bias = \"none\", d = 2, dv = 2, mode = \"" mode "\", n_kv = 1, q_per_kv = " \
    "1, scale = 1, slots = 16, softcap = 0, window = 0}\n"
#define FUNC(results) \
    "func @run(%e \"src\" : f32[t1,2], %x \"tgt\" : f32[t0,2]) -> (" results ") {\n"

typedef struct {
    diag_sink *diags;
    ir_module *m, *split; // split NULL: refused
} outcome;

static outcome run(const char *text) {
    outcome r = {.diags = diag_sink_new()};
    r.m = ir_parse(text, strlen(text), "text", NULL, NULL, NULL, r.diags);
    if (!r.m || !ir_verify(r.m, "text", r.diags)) {
        diag_print(r.diags, 0, stderr, false);
        fail_msg("the text is no module");
    }
    pass_options o = pass_options_default();
    r.split = pass_split_phases(r.m, &o, r.diags);
    if (r.split && !ir_verify(r.split, "split", r.diags)) {
        diag_print(r.diags, 0, stderr, false);
        fail_msg("the result does not verify");
    }
    return r;
}

static void close_outcome(outcome *r) {
    ir_module_free(r->split);
    ir_module_free(r->m);
    diag_sink_free(r->diags);
}

// "name(params)->(results): operations", without constants.
static char *outline(arena *a, const ir_func *f) {
    char *s = arena_printf(a, "%s(", f->name);
    for (size_t i = 0; i < f->params.count; i++)
        s = arena_printf(a, "%s%s%s", s, i ? " " : "", f->params.items[i].name);
    s = arena_printf(a, "%s)->(", s);
    for (size_t i = 0; i < f->results.count; i++)
        s = arena_printf(a, "%s%s%s", s, i ? " " : "", f->results.items[i].name);
    s = arena_printf(a, "%s):", s);
    for (size_t i = 0; i < f->ops.count; i++)
        s = arena_printf(a, "%s %s", s, ir_ops[f->ops.items[i].code].name);
    return s;
}

static void expect(const outcome *r, size_t func, const char *want) {
    if (!r->split) {
        diag_print(r->diags, 0, stderr, false);
        fail_msg("refused");
    }
    arena *a = arena_new();
    assert_true(func < r->split->funcs.count);
    assert_string_equal(outline(a, r->split->funcs.items[func]), want);
    arena_free(a);
}

static void refuse(const char *text, const char *words) {
    outcome r = run(text);
    assert_null(r.split);
    assert_int_equal(diag_errors(r.diags), 1);
    assert_int_equal(diag_get(r.diags, 0)->id, DIAG_ID_phase_border);
    if (!strstr(diag_get(r.diags, 0)->message, words)) {
        diag_print(r.diags, 0, stderr, false);
        fail_msg("expected '%s'", words);
    }
    close_outcome(&r);
}

#define SPLIT                                                                                     \
    HEAD RING("c", "cross") RING("own", "causal")                                                 \
        FUNC("%y \"out\", %m \"memory\"") "  %w = t.const {value = @w} : f32[2]\n"                \
                                          "  %table = t.const {value = @table} : f32[16,2]\n"     \
                                          "  %m = t.mul %e, %w : f32[t1,2]\n"                     \
                                          "  gc.write %m, %m {ring = @c} loc(\"/cross\")\n"       \
                                          "  %p = nn.posrow %table : f32[t0,2]\n"                 \
                                          "  %q = t.add %x, %p : f32[t0,2]\n"                     \
                                          "  %a = gc.attn %q, %q, %q {ring = @own} : f32[t0,2]\n" \
                                          "  %z = gc.query %a {ring = @c} : f32[t0,2]\n"          \
                                          "  %y = t.mul %z, %w : f32[t0,2]\n}\n"

static void test_split(void **state) {
    (void)state;
    outcome r = run(SPLIT);
    expect(&r, 0, "encode(src)->(memory): t.const t.mul gc.write");
    expect(&r, 1, "step(tgt)->(out): t.const t.const nn.posrow t.add gc.attn gc.query t.mul");
    const ir_attrs *encode = &r.split->funcs.items[0]->attrs;
    assert_string_equal(ir_attr_str(encode, IR_ATTR_class, ""), "whole");
    assert_int_equal(ir_attr_int(encode, IR_ATTR_max_chunk, 0), 12);
    const ir_attrs *step = &r.split->funcs.items[1]->attrs;
    assert_string_equal(ir_attr_str(step, IR_ATTR_class, ""), "stream");
    assert_int_equal(ir_attr_int(step, IR_ATTR_max_chunk, 0), 4);
    close_outcome(&r);
    // Without an encoder nothing changes.
    r = run(HEAD "func @run(%x \"x\" : f32[t0,2]) -> (%y \"out\") {\n"
                 "  %y = t.neg %x : f32[t0,2]\n}\n");
    assert_int_equal(r.split->funcs.count, 1);
    expect(&r, 0, "run(x)->(out): t.neg");
    close_outcome(&r);
}

static void test_refusals(void **state) {
    (void)state;
    refuse(HEAD FUNC(
               "%y \"out\"") "  %mean = rows.reduce %e {fn = \"mean\"} : f32[t2,2] loc(\"/pool\")\n"
                             "  %l = rows.like %mean, %x : f32[t0,2] loc(\"/expand\")\n"
                             "  %y = t.add %x, %l : f32[t0,2] loc(\"/sum\")\n}\n",
           "'rows.like' of the decoder reads f32[t2,2] of the encoder (node '/pool')");
    refuse(HEAD FUNC("%y \"out\"") "  %e1 = rows.pick %e {row = 0, which = \"first\"} : f32[t2,2]\n"
                                   "  %l = rows.like %e1, %x : f32[t0,2]\n"
                                   "  %y = t.add %x, %l : f32[t0,2]\n}\n",
           "of the encoder (node 'rows.pick')");
    refuse(HEAD RING("r", "all")
               FUNC("%y \"out\"") "  gc.write %e, %e {ring = @r}\n"
                                  "  %y = gc.query %x {ring = @r} : f32[t0,2]\n}\n",
           "reads ring '@r' of the encoder, whose mode is not cross");
    // A cross ring that the decoder writes has no place in encode.
    outcome r = run(HEAD RING("r", "cross") FUNC(
        "%y \"out\", %m \"memory\"") "  %m = t.neg %e : f32[t1,2]\n  gc.write %x, %x {ring = @r}\n"
                                     "  %y = gc.query %x {ring = @r} : f32[t0,2]\n}\n");
    expect(&r, 1, "step(tgt)->(out): gc.write gc.query");
    close_outcome(&r);
}

// The check of equivalence runs encode, then steps: it sees what either computes.
static void test_equivalence(void **state) {
    (void)state;
    pass_options o = pass_options_default();
    outcome r = run(SPLIT);
    assert_true(pass_check_equivalent(r.m, r.split, PASS_EXACT, &o, r.diags));
    assert_true(pass_check_equivalent(r.split, r.split, PASS_EXACT, &o, r.diags));
    for (size_t side = 0; side < 2; side++) {
        ir_module *wrong = ir_module_derive(r.split);
        for (size_t i = 0; i < 2; i++) ir_func_copy(wrong, r.split->funcs.items[i]);
        ir_func *f = wrong->funcs.items[side];
        for (size_t i = 0; i < f->ops.count; i++)
            if (f->ops.items[i].code == IR_t_mul) f->ops.items[i].code = IR_t_sub;
        assert_false(pass_check_equivalent(r.m, wrong, PASS_EXACT, &o, r.diags));
        assert_false(pass_check_equivalent(r.split, wrong, PASS_EXACT, &o, r.diags));
        ir_module_free(wrong);
    }
    close_outcome(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_equivalence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
