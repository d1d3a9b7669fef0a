// Model files: typed tensor fields, external data, damage and hostile nesting.
#include "frontend/onnx.h"
#include "onnx_writer.h"
#include "support/file/file.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
// cmocka.h needs some of the above
#include <cmocka.h>

#define DIR OHMIC_BUILD_DIR "/onnx_file"
#define MODEL DIR "/m.onnx"

static int make_dir(void **state) { return file_make_dir(DIR, NULL) ? 0 : -1; }

// A graph that holds one initialiser and hands it out.
static bytes graph_with(bytes t, const char *name) {
    bytes g = {0};
    put_str(&g, 2, "g");
    put_msg(&g, 5, t);
    put_msg(&g, 1, node("Identity", name, "y"));
    put_msg(&g, 12, port("y", 1, 0, NULL));
    return g;
}
static bool initializer(bytes t, tensor *out, onnx_model **m) {
    diag_sink *d = diag_sink_new();
    *m = onnx_open(write_model(MODEL, model_of(graph_with(t, "t"), 17)), d);
    bool ok = *m && onnx_initializer(*m, "t", out);
    diag_sink_free(d);
    return ok;
}

static void raw_data_stays_in_the_file(void **state) {
    float v[] = {1.5f, -2, 3, 0.25f};
    tensor t;
    onnx_model *m;
    assert_true(initializer(tensor_raw("t", 1, 2, (int64_t[]){2, 2}, v, sizeof v), &t, &m));
    assert_int_equal(t.rank, 2);
    assert_int_equal(t.type, ELEM_f32);
    for (size_t i = 0; i < 4; i++) assert_true(elem_load_f64(t.type, t.data, i) == v[i]);
    assert_string_equal(onnx_describe(m)->producer, "test");
    assert_int_equal(onnx_opset(m, "ai.onnx"), 17);
    assert_int_equal(onnx_describe(m)->weight_bytes, 16);
    onnx_close(m);
}

// Typed fields: the same two numbers in every field and encoding that can hold them.
static void typed(int type, uint32_t field, bool packed, double a, double b) {
    bytes t = tensor_head("t", type, 1, (int64_t[]){2}), p = {0};
    double v[] = {a, b};
    for (int i = 0; i < 2; i++) {
        if (field == 4) {
            float f = (float)v[i];
            if (packed)
                put_raw(&p, &f, 4);
            else
                put_float(&t, 4, f);
        } else if (field == 10) {
            if (!packed) put_varint(&t, 10 << 3 | 1);
            put_raw(packed ? &p : &t, &v[i], 8);
        } else {
            uint64_t x = (uint64_t)(int64_t)v[i];
            if (type == 10) x = elem_f32_to_f16((float)v[i]);
            if (type == 16) x = elem_f32_to_bf16((float)v[i]);
            if (packed)
                put_varint(&p, x);
            else
                put_int(&t, field, (int64_t)x);
        }
    }
    if (packed) put_msg(&t, field, p);
    tensor out;
    onnx_model *m;
    assert_true(initializer(t, &out, &m));
    assert_int_equal(tensor_count(&out), 2);
    assert_true(elem_load_f64(out.type, out.data, 0) == a);
    assert_true(elem_load_f64(out.type, out.data, 1) == b);
    onnx_close(m);
}

static void every_typed_field(void **state) {
    static const struct {
        int type;
        uint32_t field;
        double a, b;
    } rows[] = {{1, 4, 1.5, -3},  {11, 10, 1e100, -3}, {7, 7, 1e15, -9}, {6, 5, -70000, 5},
                {5, 5, -300, 7},  {3, 5, -128, 127},   {2, 5, 0, 255},   {4, 5, 1, 65535},
                {9, 5, 0, 1},     {10, 5, 1.5, -0.25}, {16, 5, 2.5, -8}, {12, 11, 0, 4e9},
                {13, 11, 7, 1e18}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (int packed = 0; packed < 2; packed++)
            typed(rows[i].type, rows[i].field, packed, rows[i].a, rows[i].b);
}

static void four_bit_integers_are_widened(void **state) {
    static const uint8_t v[] = {0x1f, 0x08}; // low nibble first; odd tail
    tensor t;
    onnx_model *m;
    assert_true(initializer(tensor_raw("t", 22, 1, (int64_t[]){3}, v, 2), &t, &m));
    assert_int_equal(t.type, ELEM_i8);
    assert_int_equal(((int8_t *)t.data)[0], -1);
    assert_int_equal(((int8_t *)t.data)[1], 1);
    assert_int_equal(((int8_t *)t.data)[2], -8);
    onnx_close(m);
    assert_true(initializer(tensor_raw("t", 21, 1, (int64_t[]){3}, v, 2), &t, &m));
    assert_int_equal(((uint8_t *)t.data)[0], 15);
    onnx_close(m);
}

static void booleans_are_normalised(void **state) {
    tensor t;
    onnx_model *m;
    assert_true(initializer(tensor_raw("t", 9, 1, (int64_t[]){3}, "\x00\x07\x01", 3), &t, &m));
    assert_memory_equal(t.data, "\x00\x01\x01", 3);
    onnx_close(m);
}

static void empty_tensors_are_legal(void **state) {
    tensor t;
    onnx_model *m;
    assert_true(initializer(tensor_head("t", 1, 2, (int64_t[]){0, 4}), &t, &m));
    assert_int_equal(tensor_count(&t), 0);
    onnx_close(m);
}

// Importing uses the initialiser: its problem is reported, the model itself opens.
static void refused(bytes t, const char *expected) {
    diag_sink *d = diag_sink_new();
    onnx_model *m = onnx_open(write_model(MODEL, model_of(graph_with(t, "t"), 17)), d);
    assert_non_null(m);
    ir_module *mod = ir_module_new();
    assert_false(onnx_import(m, NULL, mod, "f", d));
    bool found = false;
    for (size_t i = 0; i < diag_count(d); i++)
        found = found || strstr(diag_get(d, i)->message, expected);
    if (!found) diag_print(d, 0, stderr, false);
    assert_true(found);
    ir_module_free(mod);
    onnx_close(m);
    diag_sink_free(d);
}

static void unusable_tensors_are_named(void **state) {
    float v[4] = {0};
    refused(tensor_raw("t", 8, 1, (int64_t[]){1}, v, 4), "STRING");
    refused(tensor_raw("t", 17, 1, (int64_t[]){1}, v, 1), "FLOAT8E4M3FN");
    refused(tensor_raw("t", 99, 1, (int64_t[]){1}, v, 1), "unknown type");
    refused(tensor_raw("t", 1, 1, (int64_t[]){5}, v, 16), "asks for 20");
    refused(tensor_raw("t", 1, 9, (int64_t[]){1, 1, 1, 1, 1, 1, 1, 1, 1}, v, 4), "axes");
    refused(tensor_raw("t", 1, 2, (int64_t[]){INT64_MAX, INT64_MAX}, v, 16), "too large");
    refused(tensor_head("t", 1, 1, (int64_t[]){4}), "no data");
    bytes t = tensor_head("t", 1, 1, (int64_t[]){2});
    put_int(&t, 7, 1); // int64_data cannot carry floats
    put_int(&t, 7, 2);
    refused(t, "cannot hold FLOAT");
}

// ---- external data
// -------------------------------------------------------------------------------

static void put_entry(bytes *t, const char *key, const char *value) {
    bytes e = {0};
    put_str(&e, 1, key);
    put_str(&e, 2, value);
    put_msg(t, 13, e);
}
static bytes external(const char *location, const char *offset, const char *length) {
    bytes t = tensor_head("t", 1, 1, (int64_t[]){2});
    put_entry(&t, "location", location);
    if (offset) put_entry(&t, "offset", offset);
    if (length) put_entry(&t, "length", length);
    put_int(&t, 14, 1);
    return t;
}

static void external_data(void **state) {
    float v[] = {0, 1.5f, 2.5f};
    bytes data = {0};
    put_raw(&data, v, sizeof v);
    write_file(DIR "/m.data", &data);
    vec_free(&data);
    tensor t;
    onnx_model *m;
    assert_true(initializer(external("m.data", "4", "8"), &t, &m));
    assert_true(elem_load_f64(ELEM_f32, t.data, 1) == 2.5);
    onnx_close(m);
    assert_true(initializer(external("m.data", "4", NULL), &t, &m));
    onnx_close(m);
    refused(external("m.data", "8", "8"), "from byte 8 on ends behind its file of 12 bytes");
    refused(external("m.data", "0", "4"), "4 bytes long");
    refused(external("m.data", "18446744073709551615", "8"), "ends behind its file");
    refused(external("m.data", "18446744073709551616", "8"), "no number");
    refused(external("m.data", "-4", "8"), "no number");
    refused(external("missing.data", "0", "8"), "cannot be opened");
}

static void external_data_stays_in_the_folder(void **state) {
    refused(external("../m.data", NULL, NULL), "outside");
    refused(external("a/../../m.data", NULL, NULL), "outside");
    refused(external("/etc/passwd", NULL, NULL), "outside");
    unlink(DIR "/link"), unlink(DIR "/pipe"), unlink(DIR "/-");
    assert_int_equal(symlink("m.data", DIR "/link"), 0);
    assert_int_equal(mkfifo(DIR "/pipe", 0666), 0);
    refused(external("link", NULL, NULL), "reached through a symbolic link");
    refused(external("pipe", NULL, NULL), "is a pipe");
    refused(external("-", NULL, NULL), "No such file"); // a name, not standard input
}

// ---- damage
// --------------------------------------------------------------------------------------

static bool opens(bytes m) {
    diag_sink *d = diag_sink_new();
    onnx_model *o = onnx_open(write_model(MODEL, m), d);
    bool ok = o != NULL;
    assert_true(ok || diag_errors(d) > 0);
    onnx_close(o);
    diag_sink_free(d);
    return ok;
}

static bytes sample(void) {
    float v[] = {1, 2};
    bytes g = graph_with(tensor_raw("t", 1, 1, (int64_t[]){2}, v, 8), "t"), n;
    n = node("Conv", "y t", "z");
    put_msg(&n, 5, attr_ints("pads", 2, (int64_t[]){1, 1}));
    put_msg(&g, 1, n);
    put_msg(&g, 11, port("x", 1, 2, (int64_t[]){1, -1}));
    return model_of(g, 17);
}

static void every_cut_and_every_flipped_byte(void **state) {
    bytes whole = sample();
    for (size_t n = 0; n < whole.count; n++) { // must not crash; may open when the cut hits a seam
        bytes b = {0};
        put_raw(&b, whole.items, n);
        opens(b);
    }
    for (size_t i = 0; i < whole.count; i++)
        for (int bit = 0; bit < 8; bit += 3) {
            bytes b = {0};
            put_raw(&b, whole.items, whole.count);
            b.items[i] ^= (uint8_t)(1 << bit);
            opens(b);
        }
    vec_free(&whole);
}

static void not_a_model(void **state) {
    diag_sink *d = diag_sink_new();
    assert_null(onnx_open_bytes("this is no model", 16, "m.onnx", d));
    assert_int_equal(diag_get(d, 0)->id, DIAG_ID_onnx_format);
    diag_sink_free(d);
    bytes b = {0};
    assert_false(opens(b));
    bytes text = {0};
    put_raw(&text, "this is no model", 16);
    assert_false(opens(text));
}

// If in If in If ...: 3000 graphs in 30 KB overflow the stack of a parser without a limit.
static void nested_graphs(void **state) {
    bytes g = {0};
    for (int i = 0; i < 3000; i++) {
        bytes n = node("If", "c", "y"), outer = {0};
        put_msg(&n, 5, attr_msg("then_branch", 5, 6, g));
        put_msg(&outer, 1, n);
        g = outer;
    }
    assert_false(opens(model_of(g, 17)));
}

static void nested_types(void **state) {
    bytes type = {0};
    for (int i = 0; i < 3000; i++) { // sequence of sequence of ...
        bytes seq = {0}, outer = {0};
        put_msg(&seq, 1, type);
        put_msg(&outer, 4, seq);
        type = outer;
    }
    bytes v = {0}, g = {0};
    put_str(&v, 1, "x");
    put_msg(&v, 2, type);
    put_msg(&g, 11, v);
    assert_false(opens(model_of(g, 17)));
}

static void many_empty_messages(void **state) {
    bytes g = {0};
    for (int i = 0; i < 3000000; i++) put_bytes(&g, 1, "", 0);
    assert_false(opens(model_of(g, 17)));
}

static void tensor_files(void **state) {
    arena *a = arena_new();
    diag_sink *d = diag_sink_new();
    tensor t;
    const char *name;
    bytes b = tensor_head("x", 7, 1, (int64_t[]){2});
    put_int(&b, 7, 5);
    put_int(&b, 7, -6);
    assert_true(onnx_read_tensor_pb(a, write_model(DIR "/t.pb", b), &name, &t, d));
    assert_string_equal(name, "x");
    assert_int_equal(elem_load_i64(t.type, t.data, 1), -6);
    bytes seq = {0}; // SequenceProto {name, elem_type: tensor, tensor_values}
    put_str(&seq, 1, "s");
    put_int(&seq, 2, 1);
    put_msg(&seq, 3, tensor_head("x", 7, 1, (int64_t[]){0}));
    assert_false(onnx_read_tensor_pb(a, write_model(DIR "/s.pb", seq), &name, &t, d));
    assert_int_equal(diag_get(d, 0)->id, DIAG_ID_onnx_tensor);
    assert_non_null(strstr(diag_get(d, 0)->message, "sequences"));
    diag_sink_free(d);
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_data_stays_in_the_file),
        cmocka_unit_test(every_typed_field),
        cmocka_unit_test(four_bit_integers_are_widened),
        cmocka_unit_test(booleans_are_normalised),
        cmocka_unit_test(empty_tensors_are_legal),
        cmocka_unit_test(unusable_tensors_are_named),
        cmocka_unit_test(external_data),
        cmocka_unit_test(external_data_stays_in_the_folder),
        cmocka_unit_test(every_cut_and_every_flipped_byte),
        cmocka_unit_test(not_a_model),
        cmocka_unit_test(nested_graphs),
        cmocka_unit_test(nested_types),
        cmocka_unit_test(many_empty_messages),
        cmocka_unit_test(tensor_files),
    };
    return cmocka_run_group_tests(tests, make_dir, NULL);
}
