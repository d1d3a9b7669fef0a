// The wire walker on whole, cut and hostile bytes.
#include "frontend/wire.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka.h needs some of the above
#include <cmocka.h>

static int walk(const void *p, size_t n, wire_field *f) {
    wire_span s = {p, n};
    return wire_next(&s, f);
}

static void fields_of_every_type(void **state) {
    static const uint8_t b[] = {0x08, 0x96, 0x01,                          // 1: varint 150
                                0x12, 0x02, 'h',  'i',                     // 2: "hi"
                                0x1d, 0,    0,    0x80, 0x3f,              // 3: 1.0f
                                0x21, 1,    0,    0,    0,    0, 0, 0, 0}; // 4: 64 bits
    wire_span s = {b, sizeof b};
    wire_field f;
    assert_int_equal(wire_next(&s, &f), 1);
    assert_int_equal(f.value, 150);
    assert_int_equal(wire_next(&s, &f), 1);
    assert_int_equal(f.bytes.n, 2);
    assert_memory_equal(f.bytes.p, "hi", 2);
    assert_int_equal(wire_next(&s, &f), 1);
    assert_true(wire_float(f.value) == 1.0f);
    assert_int_equal(wire_next(&s, &f), 1);
    assert_int_equal(f.number, 4);
    assert_int_equal(f.value, 1);
    assert_int_equal(wire_next(&s, &f), 0);
}

static void damage_is_noticed(void **state) {
    wire_field f;
    assert_int_equal(walk("\x08", 1, &f), -1);       // no value
    assert_int_equal(walk("\x08\x80", 2, &f), -1);   // varint cut
    assert_int_equal(walk("\x12\x05hi", 4, &f), -1); // length beyond the end
    assert_int_equal(walk("\x1d\0\0", 3, &f), -1);   // 32 bits cut
    assert_int_equal(walk("\x21\0\0\0\0\0\0\0", 8, &f), -1);
    assert_int_equal(walk("\x00\x01", 2, &f), -1); // field 0
    assert_int_equal(walk("\x0b\x0c", 2, &f), -1); // group
    assert_int_equal(walk("\x0f\x00", 2, &f), -1); // wire type 7
    // a length of 2^64 - 1, and a varint of eleven bytes
    assert_int_equal(walk("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, &f), -1);
    assert_int_equal(walk("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12, &f), -1);
}

static void largest_varint(void **state) {
    static const uint8_t b[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    wire_span s = {b, sizeof b};
    uint64_t v;
    assert_true(wire_varint(&s, &v));
    assert_true(v == UINT64_MAX);
    assert_int_equal(s.n, 0);
}

static void depth_stops_at_its_limit(void **state) {
    uint8_t b[200];
    size_t n = 0; // messages nested 60 deep: 0a LEN 0a LEN ...
    for (int i = 60; i > 0; i--) {
        b[n++] = 0x0a;
        b[n++] = (uint8_t)(2 * (i - 1));
    }
    assert_int_equal(wire_depth((wire_span){b, n}, 16), 16);
    assert_true(wire_depth((wire_span){b, n}, 100) >= 60);
    assert_int_equal(wire_depth((wire_span){(const uint8_t *)"\x08\x01", 2}, 16), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_of_every_type),
        cmocka_unit_test(damage_is_noticed),
        cmocka_unit_test(largest_varint),
        cmocka_unit_test(depth_stops_at_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
