// tensor.h: shapes, npy and npz, the error measure.
#include "support/file/file.h"
#include "support/num/tensor.h"
#include "support/vec.h"
#include <setjmp.h>
#include <stdarg.h>
// cmocka.h needs the two above
#include <cmocka.h>
#include <math.h>
#include <unistd.h>

static arena *a;
static char path[] = "/tmp/ohmic_npy_XXXXXX";

static int set_up(void **state) {
    a = arena_new();
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}
static int tear_down(void **state) {
    arena_free(a);
    return unlink(path);
}

static tensor counting(elem type, int rank, const int64_t *dim) {
    tensor t = tensor_new(a, type, rank, dim);
    for (size_t i = 0; i < tensor_count(&t); i++)
        elem_store_f64(type, t.data, i, (double)(i % 100));
    return t;
}

static void every_type_and_rank_round_trips(void **state) {
    const int64_t dim[TENSOR_MAX_RANK] = {2, 3, 1, 2, 1, 2, 1, 2};
    for (int e = 0; e < ELEM_COUNT; e++) {
        if (e == ELEM_q8) continue;
        for (int rank = 0; rank <= TENSOR_MAX_RANK; rank++) {
            tensor t = counting((elem)e, rank, dim), back;
            diag_sink *s = diag_sink_new();
            if (e == ELEM_bf16) {
                assert_false(npy_write(path, &t, s));
                assert_int_equal(diag_get(s, 0)->id, DIAG_ID_npy_format);
            } else {
                assert_true(npy_write(path, &t, s) && npy_read(a, path, &back, s));
                assert_true(tensor_equal_bits(&t, &back));
                assert_int_equal((uintptr_t)back.data % 64, 0);
            }
            diag_sink_free(s);
        }
    }
    tensor empty = tensor_new(a, ELEM_f32, 3, (int64_t[]){4, 0, 7}), back;
    assert_true(npy_write(path, &empty, NULL) && npy_read(a, path, &back, NULL));
    assert_true(tensor_equal_bits(&empty, &back));
}

// A version `major` file with this header dictionary and data.
static bool parse(int major, const char *dict, const void *data, size_t bytes, tensor *t,
                  diag_sink *s) {
    VEC(char) f = {0};
    const char *magic = "\x93NUMPY";
    for (int i = 0; i < 6; i++) vec_push(&f, magic[i]);
    size_t n = strlen(dict);
    vec_push(&f, (char)major);
    vec_push(&f, 0);
    for (int i = 0; i < (major == 1 ? 2 : 4); i++) vec_push(&f, (char)(n >> 8 * i));
    for (size_t i = 0; i < n; i++) vec_push(&f, dict[i]);
    for (size_t i = 0; i < bytes; i++) vec_push(&f, ((const char *)data)[i]);
    char *exact = base_alloc(f.count); // for the address sanitizer
    memcpy(exact, f.items, f.count);
    bool ok = npy_parse(a, exact, f.count, "x.npy", t, s);
    free(exact);
    vec_free(&f);
    return ok;
}

static void numpy_bytes_are_known(void **state) {
    // numpy.save of numpy.array([[1, 2]], dtype=numpy.int16), numpy 1.26
    tensor t = counting(ELEM_i16, 2, (int64_t[]){1, 2});
    assert_true(npy_write(path, &t, NULL));
    file_map f;
    assert_true(file_map_open(&f, path, NULL));
    static const char head[] =
        "\x93NUMPY\x01\x00\x76\x00{'descr': '<i2', 'fortran_order': False, 'shape': (1, 2), }";
    assert_int_equal(f.bytes, 128 + 4);
    assert_memory_equal(f.data, head, sizeof head - 1);
    assert_int_equal(f.data[127], '\n');
    assert_memory_equal(f.data + 128, "\0\0\1\0", 4);
    file_map_close(&f);
}

static void headers_in_other_styles(void **state) {
    tensor t;
    int16_t d[6] = {0, 1, 2, 3, 4, 5};
    assert_true(
        parse(1, "{\"shape\":(6,),\"fortran_order\":False,\"descr\":\"<i2\"}", d, 12, &t, NULL));
    assert_int_equal(t.dim[0], 6);
    assert_true(parse(2, "{'descr': '=i2', 'fortran_order': False, 'shape': (2L, 3L), }  \n", d, 12,
                      &t, NULL));
    assert_true(t.rank == 2 && t.dim[1] == 3);
    assert_true(parse(3, "{'descr': '|u1', 'fortran_order': True, 'shape': ()}", d, 1, &t, NULL));
    assert_int_equal(t.rank, 0);
    uint8_t truth[3] = {0, 1, 77};
    assert_true(
        parse(1, "{'descr': '|b1', 'fortran_order': False, 'shape': (3,)}", truth, 3, &t, NULL));
    assert_memory_equal(t.data, "\0\1\1", 3);
}

static void fortran_order_is_transposed(void **state) {
    // a[i][j][k] = 100 i + 10 j + k, stored with i fastest
    int16_t d[24];
    size_t at = 0;
    for (int k = 0; k < 4; k++)
        for (int j = 0; j < 3; j++)
            for (int i = 0; i < 2; i++) d[at++] = (int16_t)(100 * i + 10 * j + k);
    tensor t;
    assert_true(parse(1, "{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3, 4)}", d, sizeof d,
                      &t, NULL));
    const int16_t *p = t.data;
    for (int i = 0; i < 24; i++) assert_int_equal(p[i], 100 * (i / 12) + 10 * (i / 4 % 3) + i % 4);
}

static void damaged_files_are_reported(void **state) {
    static const char *const dicts[] = {
        "{'descr': '<i2', 'fortran_order': False, 'shape': (5,), }", // data too long
        "{'descr': '<i2', 'fortran_order': False, 'shape': (7,), }", // too short
        "{'descr': '<i2', 'fortran_order': False, 'shape': (9999999999, 9999999999), }", // overflow
        "{'descr': '<i2', 'fortran_order': False, 'shape': (0, 9999999999, 9999999999), }",
        "{'descr': '<i2', 'fortran_order': False, 'shape': (99999999999999999999, ), }",
        "{'descr': '<i2', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,6), }",
        "{'descr': '<i2', 'fortran_order': False, 'shape': (-6,), }",
        "{'descr': '<i2', 'fortran_order': False, 'shape': (6,",
        "{'descr': '<i2', 'fortran_order': Maybe, 'shape': (6,)}",
        "{'descr': '>i2', 'fortran_order': False, 'shape': (6,)}",
        "{'descr': '<c8', 'fortran_order': False, 'shape': (6,)}",
        "{'descr': '', 'fortran_order': False, 'shape': (6,)}",
        "{'descr': '<', 'fortran_order': False, 'shape': (6,)}",
        "{'descr': [('a', '<i2')], 'fortran_order': False, 'shape': (6,)}",
        "{'descr': '<i2', 'shape': (6,)}",
        "{'descr': '<i2', 'descr': '<i2', 'fortran_order': False, 'shape': (6,)}",
        "{'descr': '<i2', 'fortran_order': False, 'shape': (6,), 'more': 1}",
        "{'descr': '<i2', 'fortran_order': False, 'shape': (6,)} x",
        "{'descr': '<i2', 'fortran_order': False, 'shape': (L,)}",
        "'a string",
        "",
    };
    int16_t d[6] = {0};
    for (size_t i = 0; i < ARRAY_LEN(dicts); i++) {
        tensor t;
        diag_sink *s = diag_sink_new();
        if (parse(1, dicts[i], d, sizeof d, &t, s)) fail_msg("accepted: %s", dicts[i]);
        assert_int_equal(diag_errors(s), 1);
        assert_int_equal(diag_get(s, 0)->id, DIAG_ID_npy_format);
        diag_sink_free(s);
    }
}

static void every_truncation_is_reported(void **state) {
    tensor t = counting(ELEM_f32, 2, (int64_t[]){3, 5}), back;
    assert_true(npy_write(path, &t, NULL));
    file_map f;
    assert_true(file_map_open(&f, path, NULL));
    for (size_t n = 0; n < f.bytes; n++) {
        uint8_t *exact = base_alloc(n);
        memcpy(exact, f.data, n);
        diag_sink *s = diag_sink_new();
        assert_false(npy_parse(a, exact, n, "x.npy", &back, s));
        assert_int_equal(diag_errors(s), 1);
        diag_sink_free(s);
        free(exact);
    }
    file_map_close(&f);
}

static void archives_round_trip_with_fixed_bytes(void **state) {
    tensor_named items[] = {{"ids", counting(ELEM_i64, 1, (int64_t[]){17})},
                            {"past/k", counting(ELEM_f32, 4, (int64_t[]){1, 2, 3, 4})},
                            {"empty", tensor_new(a, ELEM_f16, 2, (int64_t[]){0, 3})}};
    tensor_set set = {items, 3}, back;
    assert_true(npz_write(path, &set, NULL));
    assert_true(npz_read(a, path, &back, NULL));
    assert_int_equal(back.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(back.items[i].name, items[i].name);
        assert_true(tensor_equal_bits(&back.items[i].value, &items[i].value));
    }
    file_map f;
    assert_true(file_map_open(&f, path, NULL));
    // The same set gives the same file, whatever the time and the time zone.
    setenv("TZ", "Pacific/Kiritimati", 1);
    char other[] = "/tmp/ohmic_npz_XXXXXX";
    close(mkstemp(other));
    assert_true(npz_write(other, &set, NULL));
    file_map g;
    assert_true(file_map_open(&g, other, NULL));
    assert_int_equal(f.bytes, g.bytes);
    assert_memory_equal(f.data, g.data, f.bytes);
    file_map_close(&g);
    unlink(other);
    // Any damage is reported or harmless, never a crash; truncation is always reported.
    for (size_t n = 0; n < f.bytes; n++) {
        uint8_t *exact = base_alloc(f.bytes);
        memcpy(exact, f.data, f.bytes);
        diag_sink *s = diag_sink_new();
        assert_false(npz_parse(a, exact, n, "x.npz", NULL, &back, s));
        assert_int_equal(diag_errors(s), 1);
        exact[n] ^= 0x55;
        npz_parse(a, exact, f.bytes, "x.npz", NULL, &back, s);
        diag_sink_free(s);
        free(exact);
    }
    file_map_close(&f);
    set.count = 0;
    assert_true(npz_write(path, &set, NULL) && npz_read(a, path, &back, NULL));
    assert_int_equal(back.count, 0);
}

static void shapes_and_counts(void **state) {
    tensor t = counting(ELEM_f32, 3, (int64_t[]){2, 3, 4});
    assert_int_equal(tensor_count(&t), 24);
    assert_int_equal(tensor_bytes(&t), 96);
    assert_string_equal(tensor_shape_text(a, &t), "f32[2,3,4]");
    tensor scalar = tensor_new(a, ELEM_i8, 0, NULL);
    assert_int_equal(tensor_count(&scalar), 1);
    assert_string_equal(tensor_shape_text(a, &scalar), "i8[]");
    tensor u = tensor_cast(a, &t, ELEM_u8), v = tensor_copy(a, &t);
    assert_true(u.type == ELEM_u8 && ((uint8_t *)u.data)[23] == 23 && tensor_same_shape(&t, &u));
    assert_true(tensor_equal_bits(&t, &v) && !tensor_equal_bits(&t, &u));
    size_t count;
    assert_true(tensor_checked_count((int64_t[]){3, 0}, 2, 10, &count) && count == 0);
    assert_false(tensor_checked_count((int64_t[]){3, 4}, 2, 11, &count));
    assert_false(tensor_checked_count((int64_t[]){-1}, 1, 11, &count));
    assert_false(tensor_checked_count(t.dim, TENSOR_MAX_RANK + 1, 100, &count));
}

static void errors_are_relative_above_one(void **state) {
    tensor x = tensor_new(a, ELEM_f32, 1, (int64_t[]){3}), y = tensor_copy(a, &x);
    float *p = x.data, *q = y.data;
    size_t at;
    assert_true(tensor_max_error(&x, &y, &at) == 0);
    p[1] = 103, q[1] = 99, p[2] = 0.5f;
    assert_true(tensor_max_error(&x, &y, &at) == 0.5 && at == 2);
    p[2] = 0;
    assert_true(tensor_max_error(&x, &y, &at) == 0.04 && at == 1);
    p[0] = q[0] = INFINITY, p[2] = q[2] = NAN;
    assert_true(tensor_max_error(&x, &y, NULL) == 0.04);
    q[0] = 1;
    assert_true(isinf(tensor_max_error(&x, &y, &at)) && at == 0);
    p[0] = 1, q[2] = 0;
    assert_true(isinf(tensor_max_error(&x, &y, &at)) && at == 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_and_rank_round_trips),
        cmocka_unit_test(numpy_bytes_are_known),
        cmocka_unit_test(headers_in_other_styles),
        cmocka_unit_test(fortran_order_is_transposed),
        cmocka_unit_test(damaged_files_are_reported),
        cmocka_unit_test(every_truncation_is_reported),
        cmocka_unit_test(archives_round_trip_with_fixed_bytes),
        cmocka_unit_test(shapes_and_counts),
        cmocka_unit_test(errors_are_relative_above_one),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
