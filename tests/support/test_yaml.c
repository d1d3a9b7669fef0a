// yaml.h: what is read, and that hostile files end in one diagnostic.
#include "support/file/yaml.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka.h needs some of the above
#include <cmocka.h>

static const yaml_node *parse(arena *a, const char *text, diag_sink *s) {
    return yaml_file_parse(a, text, strlen(text), "chip.yaml", s);
}

static void trees_keep_order_and_places(void **state) {
    arena *a = arena_new();
    const yaml_node *root = parse(a,
                                  "# a chip\n"
                                  "crossbar:\n"
                                  "  rows: 128\n"
                                  "  name: \"128\"\n"
                                  "  g_max: 1.5e-4\n"
                                  "  signed: true\n"
                                  "costs: [1, -2, 0x10]\n"
                                  "empty:\n",
                                  NULL);
    assert_non_null(root);
    assert_int_equal(root->kind, YAML_MAPPING);
    assert_int_equal(root->count, 3);
    assert_string_equal(root->keys[1]->text, "costs");
    const yaml_node *xbar = yaml_find(root, "crossbar"), *rows = yaml_find(xbar, "rows");
    int64_t i;
    double d;
    bool b;
    assert_true(yaml_to_i64(rows, &i) && i == 128);
    assert_int_equal(rows->loc.line, 3);
    assert_int_equal(rows->loc.col, 9);
    assert_int_equal(rows->loc.end_col, 12);
    assert_string_equal(rows->loc.file, "chip.yaml");
    assert_false(yaml_to_i64(yaml_find(xbar, "name"), &i)); // quoted: a string
    assert_string_equal(yaml_find(xbar, "name")->text, "128");
    assert_true(yaml_to_f64(yaml_find(xbar, "g_max"), &d) && d == 1.5e-4);
    assert_true(yaml_to_bool(yaml_find(xbar, "signed"), &b) && b);
    assert_false(yaml_to_bool(rows, &b) || yaml_to_i64(xbar, &i));
    const yaml_node *costs = yaml_find(root, "costs");
    assert_int_equal(costs->kind, YAML_SEQUENCE);
    assert_true(costs->count == 3 && yaml_to_i64(costs->items[1], &i) && i == -2);
    assert_true(yaml_to_i64(costs->items[2], &i) && i == 16);
    assert_string_equal(yaml_find(root, "empty")->text, "");
    assert_null(yaml_find(root, "nothing"));
    assert_null(yaml_find(costs, "nothing"));
    arena_free(a);
}

static void numbers_are_strict(void **state) {
    arena *a = arena_new();
    static const char *const no[] = {
        "12x", "0x", "1e999", "nan", "inf", ".", "--1", "1_000", "99999999999999999999x"};
    for (size_t k = 0; k < ARRAY_LEN(no); k++) {
        int64_t i;
        double d;
        const yaml_node *n = parse(a, no[k], NULL);
        assert_non_null(n);
        if (yaml_to_i64(n, &i) || yaml_to_f64(n, &d)) fail_msg("accepted '%s'", no[k]);
    }
    int64_t i;
    double d;
    assert_false(yaml_to_i64(parse(a, "9223372036854775808", NULL), &i));
    assert_true(yaml_to_i64(parse(a, "-9223372036854775808", NULL), &i) && i == INT64_MIN);
    assert_true(yaml_to_f64(parse(a, "-3", NULL), &d) && d == -3);
    arena_free(a);
}

static void assert_rejected(const char *text, size_t n, const char *message, int line) {
    arena *a = arena_new();
    diag_sink *s = diag_sink_new();
    assert_null(yaml_file_parse(a, text, n, "chip.yaml", s));
    assert_int_equal(diag_errors(s), 1);
    assert_int_equal(diag_get(s, 0)->id, DIAG_ID_yaml_syntax);
    if (message) assert_string_equal(diag_get(s, 0)->message, message);
    if (line) assert_int_equal(diag_get(s, 0)->loc.line, line);
    diag_sink_free(s);
    arena_free(a);
}

static void hostile_files_are_rejected(void **state) {
    static const struct {
        const char *text, *message;
        int line;
    } cases[] = {
        {"", "the file is empty", 1},
        {"# nothing\n", "the file is empty", 0},
        {"a: 1\nb: 2\na: 3\n", "key 'a' is repeated", 3},
        {"a: &x [1]\nb: *x\n", "anchors and aliases are not supported", 1},
        {"a: 1\nb: *x\n", "anchors and aliases are not supported", 2},
        {"a: !!binary x\n", "tags are not supported", 1},
        {"? [1, 2]\n: 3\n", "a key must be a scalar", 1},
        {"--- 1\n--- 2\n", "more than one document", 2},
        {"a: \"\\0\"\n", "a scalar contains NUL", 1},
        {"a: [1, 2\nb: 3\n", NULL, 0},
        {"a: 1\n\tb: 2\n", NULL, 0},
        {"a: \"open\n", NULL, 0},
        {"a: \xff\xfe\n", NULL, 0},
        {"%YAML 9.9\n---\na: 1\n", NULL, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_rejected(cases[i].text, strlen(cases[i].text), cases[i].message, cases[i].line);

    size_t n = YAML_MAX_BYTES + 1;
    char *big = malloc(n);
    memset(big, '[', n);
    assert_rejected(big, n, NULL, 0);
    assert_rejected(big, 5000, "nested too deeply", 1);
    memset(big, ' ', n);
    for (size_t i = 1; i < 2 * (size_t)YAML_MAX_NODES + 10; i += 2) memcpy(big + i, "x,", 2);
    big[0] = '[';
    assert_rejected(big, 2 * (size_t)YAML_MAX_NODES + 10, "too many values", 1);
    free(big);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_keep_order_and_places),
        cmocka_unit_test(numbers_are_strict),
        cmocka_unit_test(hostile_files_are_rejected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
