// Shape texts of ports: what they say of an ONNX tensor, and where its elements lie in rows.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/num/port_shape.h"

static void expect_dims(const char *text, int64_t rows, int64_t keys, int rank,
                        const int64_t *dim) {
    port_shape s;
    tensor t = {.type = ELEM_f32};
    assert_true(port_shape_parse(text, &s));
    port_shape_dims(&s, 3, rows, keys, &t);
    assert_int_equal(t.rank, rank);
    for (int i = 0; i < rank; i++) assert_int_equal(t.dim[i], dim[i]);
}

static void test_dims(void **state) {
    (void)state;
    expect_dims("[1,t0,8]", 5, 0, 3, (int64_t[]){3, 5, 8});
    expect_dims("[1*1,8]", 5, 0, 2, (int64_t[]){1, 8});     // the same for all sequences
    expect_dims("[t0,1,8]", 5, 0, 3, (int64_t[]){5, 1, 8}); // a leading 1 alone is the batch
    expect_dims("[1,4*t1]", 5, 0, 2, (int64_t[]){3, 20});
    expect_dims("[1,2,t0,t0]", 5, 7, 4, (int64_t[]){3, 2, 5, 7});
    expect_dims("[1,8]", 5, 0, 2, (int64_t[]){3, 8});
}

static void test_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",       "1,t0]",      "[1,t0",  "[1,tx,8]", "[1,0,8]",
                                      "[1,-2]", "[t0,t0,t0]", "[1,,8]", "[1,2*]"};
    port_shape s;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) assert_false(port_shape_parse(bad[i], &s));
}

// Every element of the tensor is that of one row and column, found by walking its axes.
static void test_map(void **state) {
    (void)state;
    arena *a = arena_new();
    port_shape s;
    assert_true(port_shape_parse("[1,2,t0,4]", &s));
    assert_int_equal(port_shape_features(&s), 8);
    port_map m = port_map_of(a, &s, 3, 0, 1, 0);
    assert_int_equal(m.batch_stride, 24);
    assert_int_equal(m.n_rows, 3);
    assert_int_equal(m.width, 8);
    for (int64_t h = 0; h < 2; h++)
        for (int64_t r = 0; r < 3; r++)
            for (int64_t c = 0; c < 4; c++)
                assert_int_equal(m.row[r] + m.column[h * 4 + c], (h * 3 + r) * 4 + c);
    arena_free(a);
}

// Rows of probabilities have a slot for more keys than there are: those lie nowhere.
static void test_keys(void **state) {
    (void)state;
    arena *a = arena_new();
    port_shape s;
    assert_true(port_shape_parse("[1,2,t0,t0]", &s));
    port_map m = port_map_of(a, &s, 3, 5, 8, 1);
    assert_int_equal(m.width, 16);
    for (int64_t h = 0; h < 2; h++)
        for (int64_t slot = 0; slot < 8; slot++)
            assert_int_equal(m.column[h * 8 + slot], slot + 1 < 5 ? h * 15 + slot + 1 : -1);
    arena_free(a);
}

static void test_caches(void **state) {
    (void)state;
    tensor t = {.rank = 4, .dim = {7, 2, 3, 5}};
    cache_axes x = cache_axes_of("tbhd");
    assert_int_equal(cache_at(&x, &t, 1, 2, 6, 4), ((6 * 2 + 1) * 3 + 2) * 5 + 4);
    x = cache_axes_of("");
    assert_int_equal(x.t, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dims), cmocka_unit_test(test_refused), cmocka_unit_test(test_map),
        cmocka_unit_test(test_keys), cmocka_unit_test(test_caches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
