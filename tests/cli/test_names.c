// Names that would move a cursor, start a line of their own or turn the reading direction, in every
// place a model has names: nothing of them reaches a terminal, whatever is asked of the command;
// and JSON gives them back byte for byte.
#include "support/file/file.h"
#include "support/file/json.h"
#include "support/name.h"
#include "support/num/tensor.h"
#include "tests/cli/command.h"
#include "tests/frontend/onnx_writer.h"
#include <setjmp.h>
#include <stdarg.h>
// cmocka.h needs some of the above
#include <cmocka.h>

#define DIR OHMIC_BUILD_DIR "/names"
#define MODEL DIR "/m.onnx"
#define PROGRAM DIR "/m.ohm"
#define F32 1

static int make_dir(void **state) { return file_make_dir(DIR, NULL) ? 0 : -1; }

static outcome o;
static const char *const hostile[] = {
    "\x1b[31m\x1b]0;pwn\x07",                  // escape sequences
    "a\nnote: all is well\r\n",                // lines
    "b\xe2\x80\xae\xe2\x81\xa6\xc2\x9b m",     // bidi marks, a control of Latin-1
    "\xff\xfe\x80\xc3",                        // no UTF-8
    "back\\slash \\x41 \xc3\xa9 \xe4\xb8\xad", // letters, and what looks like an escape
};

static void all_shown(const char *s, size_t n, const char *what) {
    for (size_t at = 0; at < n;) {
        uint32_t c;
        size_t k = name_char(s + at, n - at, &c);
        if (k == 0 || !(name_is_plain(c) || c == '\n' || c == '\t'))
            fail_msg("%s: byte %zu, 0x%02x, of\n%.*s", what, at, (unsigned char)s[at], (int)n, s);
        at += k;
    }
}

// A line that a name made up, and no message of ours.
static void shown(int code) {
    assert_int_equal(o.signal, 0);
    if (o.code != code) fail_msg("exit %d, not %d:\n%s", o.code, code, o.err);
    all_shown(o.out, o.n_out, "output");
    all_shown(o.err, o.n_err, "errors");
    assert_null(strstr(o.out, "\nnote: all is well"));
    assert_null(strstr(o.err, "\nnote: all is well"));
}

static const char *named(const char *prefix, const char *name, char out[64]) {
    snprintf(out, 64, "%s%s", prefix, name);
    return out;
}

static bytes plain_node(const char *op, const char *label, const char *in1, const char *in2,
                        const char *in3, const char *out) {
    bytes n = {0};
    const char *const in[] = {in1, in2, in3};
    for (int i = 0; i < 3 && in[i]; i++) put_str(&n, 1, in[i]);
    put_str(&n, 2, out);
    put_str(&n, 3, label);
    put_str(&n, 4, op);
    return n;
}

// x[1,n,8] -> MatMul -> Relu -> LayerNormalization -> y; `op` instead of Relu.
static const char *model(const char *name, const char *op) {
    char x[64], w[64], g[64], a[64], b[64], y[64], label[64];
    float ones[64];
    for (int i = 0; i < 64; i++) ones[i] = (float)(i % 7) / 4 - 0.5f;
    bytes graph = {0};
    put_msg(&graph, 5,
            tensor_raw(named("w", name, w), F32, 2, (int64_t[]){8, 8}, ones, sizeof ones));
    put_msg(&graph, 5, tensor_raw(named("g", name, g), F32, 1, (int64_t[]){8}, ones, 32));
    put_msg(&graph, 11, port(named("x", name, x), F32, 3, (int64_t[]){1, -1, 8}));
    put_msg(&graph, 12, port(named("y", name, y), F32, 3, (int64_t[]){1, -1, 8}));
    put_msg(&graph, 1,
            plain_node("MatMul", named("mm", name, label), x, w, NULL, named("a", name, a)));
    put_msg(&graph, 1,
            plain_node(op, named("rl", name, label), a, NULL, NULL, named("b", name, b)));
    put_msg(&graph, 1, plain_node("LayerNormalization", named("ln", name, label), b, g, NULL, y));
    bytes m = {0};
    put_int(&m, 1, 8);
    put_str(&m, 2, name); // the producer
    put_msg(&m, 8, opset("", 17));
    put_msg(&m, 7, graph);
    return write_model(MODEL, m);
}

static void nothing_reaches_a_terminal(void **state) {
    char x[128], file[128];
    for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
        model(hostile[i], "Relu");
        COMMAND(&o, "compile", MODEL, "--chip", "ohmic-1", "-o", PROGRAM, "--dump-ir", DIR "/dump");
        shown(0);
        COMMAND(&o, "nm", PROGRAM);
        shown(0);
        assert_non_null(strstr(o.out, "ring") ? o.out : strstr(o.out, "group"));
        COMMAND(&o, "dis", PROGRAM);
        shown(0);
        COMMAND(&o, "verify", PROGRAM, "--proof");
        shown(0);
        COMMAND(&o, "run", PROGRAM); // no input
        shown(1);
        arena *a = arena_new();
        int64_t dim[] = {1, 3, 8};
        tensor t = tensor_new(a, ELEM_f32, 3, dim);
        assert_true(npy_write(DIR "/x.npy", &t, NULL));
        snprintf(x, sizeof x, "x%s=%s", hostile[i], DIR "/x.npy");
        COMMAND(&o, "run", PROGRAM, "-i", x);
        shown(0);
        COMMAND(&o, "run", PROGRAM, "-i", x, "--trace", "0:1");
        shown(0);
        COMMAND(&o, "eval", MODEL, "--layers", PROGRAM);
        shown(o.code);
        // the same text assembles to the same bytes
        snprintf(file, sizeof file, "%s/%zu.s", DIR, i);
        COMMAND(&o, "dis", PROGRAM, "-o", file);
        shown(0);
        COMMAND(&o, "as", file, "-o", DIR "/again.ohm");
        shown(0);
        file_map f, g;
        assert_true(file_map_open(&f, PROGRAM, NULL) && file_map_open(&g, DIR "/again.ohm", NULL));
        assert_true(f.bytes == g.bytes && memcmp(f.data, g.data, f.bytes) == 0);
        file_map_close(&f), file_map_close(&g);
        model(hostile[i], "Unheard");
        COMMAND(&o, "compile", MODEL, "-q", "-o", PROGRAM);
        shown(1);
        COMMAND(&o, "compile", named("no", hostile[i], file));
        shown(1);
        COMMAND(&o, named("no", hostile[i], file));
        shown(2);
        arena_free(a);
    }
}

// What json_name does, undone.
static void unspell(const char *s, char *out) {
    for (; *s; s++) {
        if (s[0] == '\\' && s[1] == 'x') {
            unsigned byte;
            assert_int_equal(sscanf(s + 2, "%2x", &byte), 1);
            *out++ = (char)byte;
            s += 3;
        } else {
            s += s[0] == '\\';
            *out++ = *s;
        }
    }
    *out = 0;
}

static bool is_named(const char *json, const char *prefix, const char *name) {
    char want[64], have[256];
    if (!json || strlen(json) >= sizeof have) return false;
    unspell(json, have);
    return strcmp(have, named(prefix, name, want)) == 0;
}

static json_t *printed(void) {
    assert_int_equal(o.code, 0);
    json_t *j = json_loads(o.out, 0, NULL);
    assert_non_null(j);
    return j;
}

static void json_loses_nothing(void **state) {
    arena *a = arena_new();
    char x[128];
    for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
        model(hostile[i], "Relu");
        COMMAND(&o, "compile", MODEL, "--chip", "ideal", "--json", "-o", PROGRAM);
        json_t *j = printed(),
               *groups = json_object_get(json_array_get(json_object_get(j, "tiles"), 0), "groups");
        assert_int_equal(json_array_size(groups), 1);
        assert_true(is_named(json_string_value(json_array_get(groups, 0)), "w", hostile[i]) ||
                    is_named(json_string_value(json_array_get(groups, 0)), "g.w", hostile[i]));
        json_decref(j);
        COMMAND(&o, "nm", PROGRAM, "--json");
        j = printed();
        size_t k, found = 0;
        json_t *item;
        json_array_foreach(j, k, item) found +=
            is_named(json_string_value(json_object_get(item, "name")), "ln", hostile[i]);
        if (!strchr(hostile[i], '\n')) assert_int_equal(found, 1); // there nodes are lines
        json_decref(j);
        int64_t dim[] = {1, 3, 8};
        tensor t = tensor_new(a, ELEM_f32, 3, dim);
        assert_true(npy_write(DIR "/x.npy", &t, NULL));
        snprintf(x, sizeof x, "x%s=%s", hostile[i], DIR "/x.npy");
        COMMAND(&o, "run", PROGRAM, "-i", x, "--json");
        j = printed();
        item = json_object_get(j, "outputs");
        assert_int_equal(json_array_size(item), 1);
        assert_true(is_named(json_string_value(json_object_get(json_array_get(item, 0), "name")),
                             "y", hostile[i]));
        json_decref(j);
    }
    arena_free(a);
}

// Numbers that JSON lacks are texts, and sums beyond all numbers no infinity.
static void json_numbers(void **state) {
    const double v[] = {1.5, __builtin_nan(""), __builtin_inf(), -__builtin_inf()};
    const char *const text[] = {NULL, "nan", "inf", "-inf"};
    for (size_t i = 0; i < 4; i++) {
        json_t *j = json_figure(v[i]);
        assert_true(text[i] ? strcmp(json_string_value(j), text[i]) == 0
                            : json_real_value(j) == 1.5);
        json_decref(j);
    }
}

static void spelling(void **state) {
    static const struct {
        const char *name, *shown;
        int width;
    } cases[] = {
        {"plain \xc3\xa9\xe4\xb8\xad", "plain \xc3\xa9\xe4\xb8\xad", 8},
        {"tab\there", "tab here", 8},
        {"\x1b[1m", "\\x1b[1m", 7},
        {"a\nb\r", "a\\nb\\x0d", 8},
        {"\xc2\x85\xe2\x80\xae", "\\u{0085}\\u{202e}", 16},
        {"\xff\xc3\xed\xa0\x80", "\\xff\\xc3\\xed\\xa0\\x80", 20},
        {"\xf0\x9f\x98\x80\xf3\xa0\x80\x81", "\xf0\x9f\x98\x80\\u{e0001}", 10},
        {"\xc0\xaf\xf5\x80\x80\x80", "\\xc0\\xaf\\xf5\\x80\\x80\\x80", 24},
    };
    arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_string_equal(name_text(a, cases[i].name), cases[i].shown);
        assert_int_equal(name_width(cases[i].name, strlen(cases[i].name)), cases[i].width);
    }
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spelling),
        cmocka_unit_test(nothing_reaches_a_terminal),
        cmocka_unit_test(json_loses_nothing),
        cmocka_unit_test(json_numbers),
    };
    return cmocka_run_group_tests(tests, make_dir, NULL);
}
