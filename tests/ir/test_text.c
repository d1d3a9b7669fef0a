// The text form: canonical files read and print as the same bytes; every .oir of the tree survives
// print and parse; tensors travel by hash; damaged and hostile text gives diagnostics.
#define _GNU_SOURCE // nftw
#include "ir/text/text.h"
#include "ir/verify/verify.h"
#include "tests/random.h"
#include <float.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static ir_module *parse(const char *text) {
    diag_sink *diags = diag_sink_new();
    ir_module *m = ir_parse(text, strlen(text), "test.oir", NULL, NULL, NULL, diags);
    diag_print(diags, 0, stderr, false);
    assert_int_equal(diag_count(diags), 0);
    diag_sink_free(diags);
    assert_non_null(m);
    return m;
}

// What nobody wants to see printed.
static ir_module *parse_quietly(const char *text, size_t n, size_t *errors) {
    diag_sink *diags = diag_sink_new();
    ir_module *m = ir_parse(text, n, "/nowhere/test.oir", NULL, NULL, NULL, diags);
    assert_true((m != NULL) == (diag_errors(diags) == 0));
    if (errors) *errors = diag_errors(diags);
    diag_sink_free(diags);
    return m;
}

// ---- round trips

static int n_files;

static int round_trip(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    size_t n = strlen(path);
    if (type != FTW_F || n < 4 || strcmp(path + n - 4, ".oir") != 0) return 0;
    diag_sink *diags = diag_sink_new();
    ir_module *m = ir_parse_file(path, diags);
    diag_sink_free(diags);
    if (!m) return 0; // files that expect errors
    char *first = ir_print_string(m);
    file_map f;
    assert_true(file_map_open(&f, path, NULL));
    if (strstr(path, "/ir/good/")) {
        diags = diag_sink_new();
        if (f.bytes != strlen(first) || memcmp(f.data, first, f.bytes) != 0)
            fail_msg("%s is not canonical, it should be:\n%s", path, first);
        ir_verify(m, path, diags);
        diag_print(diags, 0, stderr, false);
        assert_int_equal(diag_count(diags), 0);
        diag_sink_free(diags);
        n_files++;
    }
    file_map_close(&f);
    ir_module_free(m);
    // Big tensors are beside the file.
    diags = diag_sink_new();
    m = ir_parse(first, strlen(first), path, NULL, NULL, NULL, diags);
    if (!m) fail_msg("%s does not read back", path);
    char *second = ir_print_string(m);
    assert_string_equal(first, second);
    ir_module_free(m);
    diag_sink_free(diags);
    free(first);
    free(second);
    return 0;
}

static void test_round_trips(void **state) {
    n_files = 0;
    assert_int_equal(nftw(OHMIC_SOURCE_DIR "/tests", round_trip, 8, FTW_PHYS), 0);
    assert_true(n_files >= 3);
}

static void test_print_shortest(void **state) {
    static const char text[] =
        "module {stage = \"graph\"}\n"
        "tensor @a : f64[4] = [0.1, 1e+22, 5e-324, 1.7976931348623157e+308]\n"
        "tensor @b : f32[4] = [0.1, 16777216, 1e-45, 3.4028235e+38]\n";
    ir_module *m = parse(text);
    const double *a = ir_symbol_find(m, "a")->data.data;
    const float *b = ir_symbol_find(m, "b")->data.data;
    assert_true(a[0] == 0.1 && a[3] == DBL_MAX && b[0] == 0.1f && b[3] == FLT_MAX);
    char *printed = ir_print_string(m);
    assert_string_equal(printed, text);
    free(printed);
    ir_module_free(m);
}

// Every bit pattern of the 16-bit floats reads back as itself, NaNs with a payload by hash.
static void test_all_f16(void **state) {
    for (int e = 0; e < 2; e++) {
        for (uint32_t bits = 0; bits < 65536; bits += 31) {
            ir_module *m = ir_module_new();
            tensor t = tensor_new(m->arena, e ? ELEM_bf16 : ELEM_f16, 0, NULL);
            *(uint16_t *)t.data = (uint16_t)bits;
            ir_symbol_add_tensor(m, "x", t);
            char *text = ir_print_string(m);
            if (strchr(text, '[') && strstr(text, "= [")) {
                ir_module *back = parse(text);
                assert_true(tensor_equal_bits(&t, &ir_symbol_find(back, "x")->data));
                ir_module_free(back);
            } else {
                assert_non_null(strstr(text, ir_symbol_hash(ir_symbol_find(m, "x"))));
            }
            free(text);
            ir_module_free(m);
        }
    }
}

static void test_renumbers(void **state) {
    ir_module *m = parse("func @f(%9 : f32[2]) -> (%200) {\n"
                         "  %200 = t.neg %9 : f32[2] // the file's own numbers are free\n"
                         "}");
    char *printed = ir_print_string(m);
    assert_string_equal(printed, "module {stage = \"graph\"}\n\nfunc @f(%1 : f32[2]) -> (%2) {\n"
                                 "  %2 = t.neg %1 : f32[2]\n}\n");
    arena *a = arena_new();
    const ir_func *f = ir_func_find(m, "f");
    assert_string_equal(ir_op_text(a, f, &f->ops.items[0]), "%2 = t.neg %1 : f32[2]");
    arena_free(a);
    free(printed);
    ir_module_free(m);
}

static void test_locations(void **state) {
    ir_module *m = parse("module {stage = \"graph\"}\nring @r {d = 1}\n"
                         "func @f(%x : f32[2]) {\n  %y = t.neg %x : f32[2]\n}\n");
    const ir_func *f = ir_func_find(m, "f");
    const ir_op *op = &f->ops.items[0];
    assert_int_equal(m->line, 1);
    assert_int_equal(ir_symbol_find(m, "r")->line, 2);
    assert_int_equal(f->line, 3);
    assert_int_equal(op->line, 4);
    assert_int_equal(op->col, 8);
    assert_int_equal(op->end_col, 13);
    ir_module_free(m);
}

// ---- tensors beside the text

static char folder[] = "/tmp/ohmic-text-XXXXXX";

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    return remove(path);
}

static int setup(void **state) { return mkdtemp(folder) ? 0 : -1; }
static int teardown(void **state) { return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS); }

static ir_module *with_tensor(float first) {
    ir_module *m = ir_module_new();
    tensor t = tensor_new(m->arena, ELEM_f32, 2, (int64_t[]){16, 16});
    for (int i = 0; i < 256; i++) ((float *)t.data)[i] = first + (float)i;
    ir_symbol_add_tensor(m, "w", t);
    return m;
}

static char *write_module(ir_module *m, const char *path, const char *dir) {
    diag_sink *diags = diag_sink_new();
    FILE *out = fopen(path, "wb");
    assert_true(ir_print(m, out, dir, diags));
    fclose(out);
    assert_int_equal(diag_count(diags), 0);
    diag_sink_free(diags);
    arena *a = arena_new();
    const char *hash = ir_symbol_hash(m->symbols.items[0]);
    char *data = file_join(a, dir, arena_printf(a, "%s.bin", hash));
    char *copy = strdup(data);
    arena_free(a);
    return copy;
}

static void test_tensor_files(void **state) {
    char path[64], dir[64];
    snprintf(path, sizeof path, "%s/a.oir", folder);
    snprintf(dir, sizeof dir, "%s/data", folder);
    ir_module *m = with_tensor(0.5f);
    char *data = write_module(m, path, dir);
    diag_sink *diags = diag_sink_new();
    file_map f;
    assert_true(file_map_open(&f, path, diags));
    ir_module *back = ir_parse((const char *)f.data, f.bytes, path, dir, NULL, NULL, diags);
    assert_non_null(back);
    assert_true(tensor_equal_bits(&m->symbols.items[0]->data, &back->symbols.items[0]->data));
    // A derived module keeps the mapped file alive.
    ir_module *derived = ir_module_derive(back);
    ir_module_free(back);
    assert_true(tensor_equal_bits(&m->symbols.items[0]->data, &derived->symbols.items[0]->data));
    ir_module_free(derived);
    // Not found beside the text, then damaged, then cut short.
    assert_null(ir_parse((const char *)f.data, f.bytes, path, NULL, NULL, NULL, diags));
    FILE *out = fopen(data, "r+b");
    fputc(1, out);
    fclose(out);
    assert_null(ir_parse((const char *)f.data, f.bytes, path, dir, NULL, NULL, diags));
    assert_int_equal(truncate(data, 100), 0);
    assert_null(ir_parse((const char *)f.data, f.bytes, path, dir, NULL, NULL, diags));
    assert_int_equal(diag_errors(diags), 3);
    for (size_t i = 0; i < 3; i++) assert_int_equal(diag_get(diags, i)->id, DIAG_ID_text_tensor);
    file_map_close(&f);
    free(data);
    diag_sink_free(diags);
    ir_module_free(m);
}

static bool find(void *ctx, const char *hash, tensor *out) {
    ir_symbol *s = ctx;
    if (strcmp(ir_symbol_hash(s), hash) != 0) return false;
    *out = s->data;
    return true;
}

static void test_lookup(void **state) {
    ir_module *m = with_tensor(2), *other = with_tensor(3);
    char *text = ir_print_string(m);
    diag_sink *diags = diag_sink_new();
    ir_module *back = ir_parse(text, strlen(text), "x", NULL, find, m->symbols.items[0], diags);
    assert_non_null(back);
    assert_ptr_equal(back->symbols.items[0]->data.data, m->symbols.items[0]->data.data);
    assert_null(ir_parse(text, strlen(text), "x", NULL, find, other->symbols.items[0], diags));
    ir_module_free(back);
    ir_module_free(other);
    ir_module_free(m);
    diag_sink_free(diags);
    free(text);
}

static void test_cannot_write(void **state) {
    ir_module *m = with_tensor(7);
    diag_sink *diags = diag_sink_new();
    FILE *out = fopen("/dev/null", "wb");
    assert_false(ir_print(m, out, "/dev/null/folder", diags));
    assert_true(diag_errors(diags) > 0);
    fclose(out);
    diag_sink_free(diags);
    ir_module_free(m);
}

// ---- hostile text

static void test_too_many_errors(void **state) {
    size_t n = 200000;
    char *text = base_alloc(2 * n + 1);
    for (size_t i = 0; i < n; i++) memcpy(text + 2 * i, "?\n", 2);
    diag_sink *diags = diag_sink_new();
    assert_null(ir_parse(text, 2 * n, "x", NULL, NULL, NULL, diags));
    assert_true(diag_errors(diags) < 300);
    assert_int_equal(diag_get(diags, diag_count(diags) - 1)->id, DIAG_ID_text_limit);
    diag_sink_free(diags);
    free(text);
}

static void test_too_large(void **state) {
    diag_sink *diags = diag_sink_new();
    assert_null(ir_parse("", (size_t)1 << 31, "x", NULL, NULL, NULL, diags));
    assert_int_equal(diag_get(diags, 0)->id, DIAG_ID_text_limit);
    diag_sink_free(diags);
}

// One unit repeated 100000 times in one place: linear time, no deep recursion.
static void repeat(const char *before, const char *unit, const char *after) {
    size_t n = 100000, u = strlen(unit), b = strlen(before);
    char *text = base_alloc(b + n * u + strlen(after) + 1);
    memcpy(text, before, b);
    for (size_t i = 0; i < n; i++) memcpy(text + b + i * u, unit, u);
    strcpy(text + b + n * u, after);
    ir_module_free(parse_quietly(text, strlen(text), NULL));
    free(text);
}

static void test_long_lines(void **state) {
    repeat("", "{", "");
    repeat("", "[", "");
    repeat("", "\"", "");
    repeat("", "\\", "");
    repeat("note \"", "x", "");
    repeat("note \"", "\\", "\"");
    repeat("tensor @t : f32[100000] = [0", ", 1", "]");
    repeat("tensor @t : f32[1", ", 1", "] = [1]");
    repeat("func @f(%x : f32[2]) {\n  %y = t.concat %x", ", %x", " {axis = 0} : f32[2]\n}");
    repeat("func @f(%x : f32[2]) {\n  %y", ", %y", " = t.neg %x : f32[2]\n}");
    repeat("func @f(%x : f32[2]) {\n  %y = t.neg %x : f32[2]", ", f32[2]", "\n}");
    repeat("func @f(", "%x : f32[2], ", ") {\n}");
    repeat("", "func @f(%x : f32[2]) {\n}\n", "");
    repeat("module {", "axis = 1, ", "}");
}

static void test_prefixes_and_mutations(void **state) {
    file_map f;
    random_stream r = random_test(1);
    assert_true(file_map_open(&f, OHMIC_SOURCE_DIR "/tests/ir/good/mapped.oir", NULL));
    char *text = base_alloc(f.bytes);
    for (size_t n = 0; n < f.bytes; n += 3)
        ir_module_free(parse_quietly((const char *)f.data, n, NULL));
    for (int i = 0; i < 3000; i++) {
        memcpy(text, f.data, f.bytes);
        for (int k = 0; k < 3; k++) text[random_below(&r, f.bytes)] = (char)random_u32(&r);
        ir_module *m = parse_quietly(text, f.bytes, NULL);
        if (m) ir_verify(m, "x", NULL);
        ir_module_free(m);
    }
    free(text);
    file_map_close(&f);
}

static void test_empty(void **state) {
    ir_module *m = parse("");
    assert_int_equal(m->funcs.count, 0);
    ir_module_free(m);
    m = parse("// nothing but a comment");
    ir_module_free(m);
    assert_null(ir_parse_file("/nowhere/x.oir", NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),     cmocka_unit_test(test_print_shortest),
        cmocka_unit_test(test_all_f16),         cmocka_unit_test(test_renumbers),
        cmocka_unit_test(test_locations),       cmocka_unit_test(test_tensor_files),
        cmocka_unit_test(test_lookup),          cmocka_unit_test(test_cannot_write),
        cmocka_unit_test(test_too_many_errors), cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_long_lines),      cmocka_unit_test(test_prefixes_and_mutations),
        cmocka_unit_test(test_empty),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
