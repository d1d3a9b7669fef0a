// Little-endian bytes: what is written is read back; what is not there is never read.
#include "support/file/bytes.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_round_trip(void **state) {
    const float words[3] = {1.0f, -0.0f, 3e38f};
    bytes_out b = {0};
    bytes_put32(&b, 0x01020304);
    bytes_put64(&b, 0x1122334455667788);
    bytes_put_words(&b, words, 3);
    bytes_put_text(&b, "text");
    bytes_put_f64(&b, -0.1);
    bytes_put(&b, NULL, 0);
    bytes_put64(&b, 5);
    bytes_set64(&b, b.count - 8, 0x8877665544332211);
    const uint8_t head[] = {4,    3,    2,    1,    0x88, 0x77, 0x66, 0x55,
                            0x44, 0x33, 0x22, 0x11, 0,    0,    0x80, 0x3f};
    assert_int_equal(b.count, 4 + 8 + 12 + 4 + 4 + 8 + 8);
    assert_memory_equal(b.items, head, sizeof head);
    bytes_in in = bytes_in_of(b.items, b.count);
    float back[3];
    size_t n;
    assert_int_equal(bytes_get32(&in), 0x01020304);
    assert_int_equal(bytes_get64(&in), 0x1122334455667788);
    assert_true(bytes_get_words(&in, back, 3));
    assert_memory_equal(back, words, sizeof words);
    assert_memory_equal(bytes_get_text(&in, &n), "text", 4);
    assert_int_equal(n, 4);
    assert_true(bytes_get_f64(&in) == -0.1);
    assert_true(bytes_get64(&in) == 0x8877665544332211);
    assert_true(in.ok && in.at == in.end);
    vec_free(&b);
}

// Every cut: the first number that is not complete is 0, and so is all behind it.
static void test_short(void **state) {
    const uint8_t data[12] = {1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0};
    for (size_t n = 0; n < sizeof data; n++) {
        bytes_in in = bytes_in_of(data, n);
        assert_int_equal(bytes_get32(&in), n >= 4);
        assert_int_equal(bytes_get64(&in), 0);
        assert_false(in.ok);
        assert_null(bytes_get(&in, 0));
        assert_int_equal(bytes_get32(&in), 0);
    }
    bytes_in in = bytes_in_of(data, sizeof data);
    uint32_t words[4] = {7, 7, 7, 7};
    size_t length;
    assert_false(bytes_get_words(&in, words, SIZE_MAX / 2));
    assert_int_equal(words[0], 7);
    in = bytes_in_of("\xff\xff\xff\xff"
                     "abc",
                     7);
    assert_null(bytes_get_text(&in, &length));
    in = bytes_in_of(NULL, 0);
    assert_int_equal(bytes_get64(&in), 0);
    assert_false(in.ok);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
