// Every file of tests/ir/bad says on its lines what is wrong with them ("// expect-error: id, id"),
// and parser and verifier must report just that. Rules that text cannot break are broken in memory.
#define _GNU_SOURCE // memmem
#include "ir/text/text.h"
#include "ir/verify/verify.h"
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define FOLDER OHMIC_SOURCE_DIR "/tests/ir/bad"

typedef VEC(char *) lines; // "12 text-syntax"

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add(lines *l, int line, const char *id, size_t n) {
    char *s = base_alloc(n + 16);
    snprintf(s, n + 16, "%5d %.*s", line, (int)n, id);
    vec_push(l, s);
}

static void lines_free(lines *l) {
    for (size_t i = 0; i < l->count; i++) free(l->items[i]);
    vec_free(l);
}

static diag_id id_of(const char *s, size_t n) {
    for (int i = 0; i < DIAG_ID_COUNT; i++) {
        const char *name = diag_id_name((diag_id)i);
        if (strlen(name) == n && memcmp(name, s, n) == 0) return (diag_id)i;
    }
    return DIAG_ID_COUNT;
}

// Expectations of a text; a comment that says "expect" in another way, or an id that does not
// exist, is an error of the test.
static bool read_expectations(const file_map *f, lines *out, bool *seen) {
    static const char mark[] = "// expect-error: ";
    const char *p = (const char *)f->data, *end = p + f->bytes;
    bool ok = true;
    for (int line = 1; p < end; line++) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        if (!nl) nl = end;
        const char *at = memmem(p, (size_t)(nl - p), "expect", 6);
        if (at && (at - p < 3 || (size_t)(nl - at) < sizeof mark - 4 ||
                   memcmp(at - 3, mark, sizeof mark - 1) != 0)) {
            print_error("%s:%d: a misspelt expectation\n", f->name, line);
            ok = false;
        } else if (at) {
            for (at += sizeof mark - 4; at < nl;) {
                size_t n = strcspn(at, ", \n");
                diag_id id = id_of(at, n);
                if (id == DIAG_ID_COUNT) {
                    print_error("%s:%d: no diagnostic '%.*s'\n", f->name, line, (int)n, at);
                    ok = false;
                } else {
                    add(out, line, at, n);
                    seen[id] = true;
                }
                at += n;
                while (at < nl && (*at == ',' || *at == ' ')) at++;
            }
        }
        p = nl + 1;
    }
    return ok;
}

static bool same(const char *name, lines *want, lines *found) {
    if (want->count) qsort(want->items, want->count, sizeof *want->items, by_text);
    if (found->count) qsort(found->items, found->count, sizeof *found->items, by_text);
    bool ok = true;
    size_t i = 0, j = 0;
    while (i < want->count || j < found->count) {
        int c = i == want->count    ? 1
                : j == found->count ? -1
                                    : strcmp(want->items[i], found->items[j]);
        if (c < 0) print_error("%s: missing %s\n", name, want->items[i]);
        if (c > 0) print_error("%s: unexpected %s\n", name, found->items[j]);
        ok &= c == 0;
        i += c <= 0;
        j += c >= 0;
    }
    return ok;
}

static bool check_file(const char *path, bool *seen) {
    file_map f;
    lines want = {0}, found = {0};
    if (!file_map_open(&f, path, NULL)) return false;
    bool ok = read_expectations(&f, &want, seen);
    file_map_close(&f);
    if (!want.count) {
        print_error("%s: expects nothing\n", path);
        ok = false;
    }
    diag_sink *diags = diag_sink_new();
    ir_module *m = ir_parse_file(path, diags);
    if (m) assert_false(ir_verify(m, path, diags));
    for (size_t i = 0; i < diag_count(diags); i++) {
        const diag *d = diag_get(diags, i);
        const char *id = diag_id_name(d->id);
        if (d->severity == DIAG_ERROR) add(&found, d->loc.line, id, strlen(id));
    }
    if (!same(path, &want, &found)) {
        diag_print(diags, 0, stderr, false);
        ok = false;
    }
    ir_module_free(m);
    diag_sink_free(diags);
    lines_free(&want);
    lines_free(&found);
    return ok;
}

// Diagnostics of ir/ that text cannot provoke; the tests below do.
static const diag_id in_memory[] = {DIAG_ID_value_order, DIAG_ID_value_name, DIAG_ID_function,
                                    DIAG_ID_text_limit};
// Of the interpreter, and of other folders.
static bool is_ours(diag_id id) {
    const char *name = diag_id_name(id);
    return id >= DIAG_ID_text_char && id <= DIAG_ID_channel && strncmp(name, "eval-", 5) != 0;
}

static void test_files(void **state) {
    static bool seen[DIAG_ID_COUNT];
    memset(seen, 0, sizeof seen);
    DIR *d = opendir(FOLDER);
    assert_non_null(d);
    int files = 0;
    bool ok = true;
    for (struct dirent *e; (e = readdir(d));) {
        size_t n = strlen(e->d_name);
        if (n < 4 || strcmp(e->d_name + n - 4, ".oir") != 0) continue;
        char path[512];
        snprintf(path, sizeof path, "%s/%s", FOLDER, e->d_name);
        ok &= check_file(path, seen);
        files++;
    }
    closedir(d);
    assert_true(files > 10);
    for (size_t i = 0; i < ARRAY_LEN(in_memory); i++) seen[in_memory[i]] = true;
    for (int i = 0; i < DIAG_ID_COUNT; i++) {
        if (!is_ours((diag_id)i) || seen[i]) continue;
        print_error("no file expects '%s'\n", diag_id_name((diag_id)i));
        ok = false;
    }
    assert_true(ok);
}

// ---- in memory

typedef struct {
    ir_module *m;
    ir_func *f;
    diag_sink *diags;
} fixture;

static fixture begin(void) {
    fixture x = {ir_module_new(), NULL, diag_sink_new()};
    x.f = ir_func_add(x.m, "f");
    ir_type t = ir_type_make(ELEM_f32, 1, (int64_t[]){2});
    ir_val a = ir_param_add(x.m, x.f, "a", t);
    ir_val b = ir_build(x.m, x.f, IR_t_neg, &a, 1, NULL, NULL, x.diags);
    ir_val c = ir_build(x.m, x.f, IR_t_abs, &b, 1, NULL, NULL, x.diags);
    ir_result_add(x.m, x.f, "c", c);
    assert_true(ir_verify(x.m, NULL, x.diags));
    assert_int_equal(diag_count(x.diags), 0);
    return x;
}

static void end_with(fixture *x, diag_id id) {
    assert_false(ir_verify(x->m, NULL, x->diags));
    assert_int_equal(diag_errors(x->diags), 1);
    assert_int_equal(diag_get(x->diags, 0)->id, id);
    assert_false(ir_verify(x->m, NULL, NULL));
    ir_module_free(x->m);
    diag_sink_free(x->diags);
}

static void test_use_before_definition(void **state) {
    fixture x = begin();
    ir_op *first = &x.f->ops.items[0];
    first->operand[0] = x.f->ops.items[1].result[0];
    end_with(&x, DIAG_ID_value_order);
}

static void test_value_out_of_range(void **state) {
    fixture x = begin();
    x.f->ops.items[1].operand[0] = 77;
    end_with(&x, DIAG_ID_value_order);
    x = begin();
    x.f->results.items[0].value = 77;
    end_with(&x, DIAG_ID_value_order);
}

static void test_defined_twice(void **state) {
    fixture x = begin();
    x.f->ops.items[1].result[0] = x.f->ops.items[0].result[0];
    x.f->results.items[0].value = 1;
    end_with(&x, DIAG_ID_value_order);
    x = begin();
    x.f->values.items[2].op = 1;
    assert_false(ir_verify(x.m, NULL, NULL));
    ir_module_free(x.m);
    diag_sink_free(x.diags);
}

static void test_same_names(void **state) {
    fixture x = begin();
    x.f->values.items[1].name = x.f->values.items[2].name = "same";
    end_with(&x, DIAG_ID_value_name);
}

static void test_same_functions(void **state) {
    fixture x = begin();
    ir_func_add(x.m, "g")->name = "f";
    end_with(&x, DIAG_ID_function);
}

static void test_unreadable_tensor(void **state) {
    fixture x = begin();
    tensor t = {.type = ELEM_f32, .rank = 1, .dim = {4}};
    ir_build_const(x.m, x.f, "t", t);
    end_with(&x, DIAG_ID_symbol);
}

static void test_strange_types(void **state) {
    fixture x = begin();
    x.f->values.items[1].type.type = (elem)99;
    assert_false(ir_verify(x.m, NULL, x.diags));
    ir_module_free(x.m);
    diag_sink_free(x.diags);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_use_before_definition),
        cmocka_unit_test(test_value_out_of_range),
        cmocka_unit_test(test_defined_twice),
        cmocka_unit_test(test_same_names),
        cmocka_unit_test(test_same_functions),
        cmocka_unit_test(test_unreadable_tensor),
        cmocka_unit_test(test_strange_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
