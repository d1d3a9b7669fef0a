// The pass runner: parsing lists, order, and broken passes that its checks must catch.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ir/text/text.h"
#include "passes/pass.h"
#include "support/file/file.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const plain = "module {stage = \"graph\"}\n"
                                 "tensor @two : f32[] = [2]\n\n"
                                 "func @n1(%x \"x\" : f32[2,3]) -> (%2 \"y\") {\n"
                                 "  %1 = t.const {value = @two} : f32[]\n"
                                 "  %2 = t.mul %x, %1 : f32[2,3] loc(\"/Mul\")\n"
                                 "}\n";

static ir_module *parse(const char *text) {
    diag_sink *diags = diag_sink_new();
    ir_module *m = ir_parse(text, strlen(text), "test.oir", NULL, NULL, NULL, diags);
    diag_print(diags, 0, stderr, false);
    assert_non_null(m);
    diag_sink_free(diags);
    return m;
}

static bool has(const diag_sink *diags, diag_id id, const char *part) {
    for (size_t i = 0; i < diag_count(diags); i++) {
        const diag *d = diag_get(diags, i);
        if (d->id == id && strstr(d->message, part)) return true;
    }
    return false;
}

static void test_parse(void **state) {
    diag_sink *diags = diag_sink_new();
    pass_pipeline p = {0};
    assert_true(pass_pipeline_parse(&p, "fold-constants,dce", diags));
    assert_int_equal(p.count, 2);
    assert_string_equal(p.items[1].info.name, "dce");
    assert_false(pass_pipeline_parse(&p, "fuse,fuss", diags));
    assert_true(has(diags, DIAG_ID_usage, "'fuss'"));
    assert_int_equal(p.count, 2); // nothing appended
    assert_false(pass_pipeline_parse(&p, "", diags));
    vec_free(&p);
    pass_pipeline_until(&p, PASS_ID_fuse);
    assert_int_equal(p.count, PASS_ID_fuse + 1);
    assert_string_equal(p.items[0].info.name, "widen");
    vec_free(&p);
    diag_sink_free(diags);
}

static void test_order(void **state) {
    diag_sink *diags = diag_sink_new();
    ir_module *m = parse(plain);
    pass_options o = pass_options_default();
    pass_pipeline p = {0};
    pass_step needs_tokens = pass_step_of(PASS_ID_dce);
    needs_tokens.info.needs = PASS_NEEDS_tokens;
    vec_push(&p, needs_tokens);
    assert_null(pass_run_pipeline(&p, m, &o, NULL, diags));
    assert_true(has(diags, DIAG_ID_pass_order, "needs a module that is 'tokens'"));
    vec_free(&p);
    ir_module_free(m);
    diag_sink_free(diags);
}

// ---- broken passes -----------------------------------------------------------------------------

static ir_module *copy(const ir_module *old) {
    ir_module *m = ir_module_derive(old);
    for (size_t i = 0; i < old->funcs.count; i++) ir_func_copy(m, old->funcs.items[i]);
    return m;
}

// Multiplication becomes addition: types fit, numbers do not.
static ir_module *pass_wrong_numbers(const ir_module *old, const pass_options *o, diag_sink *d) {
    ir_module *m = copy(old);
    for (size_t i = 0; i < m->funcs.items[0]->ops.count; i++) {
        ir_op *op = &m->funcs.items[0]->ops.items[i];
        if (op->code == IR_t_mul) op->code = IR_t_add;
    }
    return m;
}

// A result type that does not follow from the operands.
static ir_module *pass_wrong_types(const ir_module *old, const pass_options *o, diag_sink *d) {
    ir_module *m = copy(old);
    ir_func *f = m->funcs.items[0];
    f->values.items[f->results.items[0].value].type.dim[0] = 7;
    return m;
}

// Off by one unit in the last place: only an EXACT pass may not.
static ir_module *pass_rounded(const ir_module *old, const pass_options *o, diag_sink *d) {
    ir_module *m = copy(old);
    ir_symbol *s = ir_symbol_find(m, "two");
    s->data = tensor_copy(m->arena, &s->data);
    *(float *)s->data.data = 2.0000002f;
    return m;
}

static bool caught(pass_function run, pass_class class, const pass_checks *checks, diag_id id) {
    diag_sink *diags = diag_sink_new();
    ir_module *m = parse(plain);
    pass_options o = pass_options_default();
    pass_pipeline p = {0};
    pass_step broken = {{"broken", PASS_NEEDS_any, PASS_GIVES_same, class, ""}, run};
    vec_push(&p, broken);
    ir_module *out = pass_run_pipeline(&p, m, &o, checks, diags);
    bool found = !out;
    if (found) {
        assert_int_equal(diag_get(diags, 0)->id, id);
        assert_true(strstr(diag_get(diags, diag_count(diags) - 1)->message, "pass 'broken'"));
        assert_true(diag_internals(diags) > 0);
        if (id == DIAG_ID_op_result)
            assert_true(has(diags, DIAG_ID_pass_invalid, "pass 'broken' made a module"));
    }
    ir_module_free(out);
    vec_free(&p);
    ir_module_free(m);
    diag_sink_free(diags);
    return found;
}

static void test_broken_passes(void **state) {
    const pass_checks none = {0}, equivalence = {.check_equivalence = true};
    assert_false(caught(pass_wrong_numbers, PASS_EXACT, &none, 0));
    assert_true(caught(pass_wrong_numbers, PASS_EXACT, &equivalence, DIAG_ID_pass_differs));
    assert_true(caught(pass_wrong_numbers, PASS_ROUND, &equivalence, DIAG_ID_pass_differs));
    assert_true(caught(pass_wrong_types, PASS_EXACT, &none, DIAG_ID_op_result));
    assert_true(caught(pass_rounded, PASS_EXACT, &equivalence, DIAG_ID_pass_differs));
    assert_false(caught(pass_rounded, PASS_ROUND, &equivalence, 0));
}

// ---- what the runner leaves behind -------------------------------------------------------------

static void count_calls(void *ctx, size_t index, size_t count, const char *name) {
    size_t *calls = ctx;
    assert_int_equal(index, *calls);
    assert_true((name == NULL) == (index == count));
    ++*calls;
}

static void test_dump_and_progress(void **state) {
    char dir[] = "/tmp/ohmic-dump-XXXXXX";
    assert_non_null(mkdtemp(dir));
    diag_sink *diags = diag_sink_new();
    ir_module *m = parse(plain);
    pass_options o = pass_options_default();
    pass_pipeline p = {0};
    assert_true(pass_pipeline_parse(&p, "canonicalize,dce", diags));
    size_t calls = 0;
    const pass_checks checks = {.dump_dir = dir, .progress = count_calls, .progress_ctx = &calls};
    ir_module *out = pass_run_pipeline(&p, m, &o, &checks, diags);
    assert_non_null(out);
    assert_int_equal(calls, 3);
    static const char *const names[] = {"00-input.oir", "01-canonicalize.oir", "02-dce.oir"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        ir_module *back = ir_parse_file(path, diags);
        assert_non_null(back);
        ir_module_free(back);
        unlink(path);
    }
    rmdir(dir);
    ir_module_free(out);
    vec_free(&p);
    ir_module_free(m);
    diag_sink_free(diags);
}

// The old module may go before the new one.
static void test_old_module_freed_first(void **state) {
    diag_sink *diags = diag_sink_new();
    ir_module *m = parse(plain);
    pass_options o = pass_options_default();
    ir_module *a = pass_run(PASS_ID_canonicalize, m, &o, diags);
    ir_module_free(m);
    ir_module *b = pass_run(PASS_ID_fuse, a, &o, diags);
    ir_module_free(a);
    char *s = ir_print_string(b);
    assert_non_null(strstr(s, "t.mul"));
    free(s);
    ir_module_free(b);
    diag_sink_free(diags);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_broken_passes),
        cmocka_unit_test(test_dump_and_progress),
        cmocka_unit_test(test_old_module_freed_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
