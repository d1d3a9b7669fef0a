// elem.h: exhaustive half-precision conversions, and every pair of types at its edges.
#include "support/num/elem.h"
#include <setjmp.h>
#include <stdarg.h>
// cmocka.h needs the two above
#include <cmocka.h>
#include <math.h>
#include <string.h>

static uint32_t bits(float f) {
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

// The value of binary16 bits by definition.
static double f16_value(uint16_t h) {
    int e = h >> 10 & 31, m = h & 1023;
    double v = e == 31 ? (m ? NAN : INFINITY) : e ? ldexp(1024 + m, e - 25) : ldexp(m, -24);
    return h >> 15 ? -v : v;
}

static void half_precision_both_ways(void **state) {
    for (uint32_t h = 0; h < 65536; h++) {
        double v = f16_value((uint16_t)h);
        float f = elem_f16_to_f32((uint16_t)h);
        if (isnan(v)) {
            assert_true(isnan(f) && isnan(elem_f16_to_f32(elem_f32_to_f16(f))));
            continue;
        }
        assert_true((double)f == v && !signbit(f) == !signbit(v));
        assert_int_equal(elem_f32_to_f16(f), h);
        if ((h & 0x7fff) >= 0x7c00) continue;
        // The tie with the next value goes to the even one, and its neighbours to their sides.
        double next = (h & 0x7fff) == 0x7bff ? copysign(65536, v) : f16_value((uint16_t)(h + 1));
        float tie = (float)((v + next) / 2); // exact
        assert_int_equal(elem_f32_to_f16(tie), h & 1 ? h + 1 : h);
        assert_int_equal(elem_f32_to_f16(nextafterf(tie, (float)v)), h);
        assert_int_equal(elem_f32_to_f16(nextafterf(tie, copysignf(INFINITY, f))), h + 1);
        // From double in one rounding: just off the tie, by less than a float can say.
        uint16_t out;
        elem_store_f64(ELEM_f16, &out, 0, nextafter((v + next) / 2, v));
        assert_int_equal(out, h);
        elem_store_f64(ELEM_f16, &out, 0, nextafter((v + next) / 2, copysign(INFINITY, v)));
        assert_int_equal(out, h + 1);
    }
    assert_int_equal(elem_f32_to_f16(INFINITY), 0x7c00);
    assert_int_equal(elem_f32_to_f16(-1e10f), 0xfc00);
    assert_int_equal(elem_f32_to_f16(1e-10f), 0);
    for (uint32_t h = 0; h < 65536; h++) {
        float f = elem_bf16_to_f32((uint16_t)h);
        if (isnan(f)) {
            assert_true(isnan(elem_bf16_to_f32(elem_f32_to_bf16(f))));
        } else {
            assert_int_equal(elem_f32_to_bf16(f), h);
        }
    }
    assert_int_equal(elem_f32_to_bf16(1 + 0x1p-8f), 0x3f80); // tie to even
    assert_int_equal(elem_f32_to_bf16(1 + 0x3p-8f), 0x3f82);
    assert_int_equal(elem_f32_to_bf16(3.4e38f), 0x7f80);
}

static const elem numbers[] = {ELEM_f32, ELEM_f64, ELEM_f16, ELEM_bf16, ELEM_i64,
                               ELEM_i32, ELEM_i16, ELEM_i8,  ELEM_u64,  ELEM_u32,
                               ELEM_u16, ELEM_u8,  ELEM_bool};

static void small_values_survive_every_conversion(void **state) {
    double in[600], out[600]; // more than one block
    uint8_t a[600 * 8 + 1], b[600 * 8 + 1];
    for (size_t i = 0; i < ARRAY_LEN(in); i++) in[i] = (double)(i % 128);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        for (size_t k = 0; k < ARRAY_LEN(numbers); k++) {
            elem from = numbers[i], to = numbers[k];
            elem_convert(from, a + 1, ELEM_f64, in, ARRAY_LEN(in)); // + 1: unaligned
            elem_convert(to, b + 1, from, a + 1, ARRAY_LEN(in));
            elem_convert(ELEM_f64, out, to, b + 1, ARRAY_LEN(in));
            bool boolean = from == ELEM_bool || to == ELEM_bool;
            for (size_t j = 0; j < ARRAY_LEN(in); j++) {
                assert_true(out[j] == (boolean ? in[j] != 0 : in[j]));
                assert_true(elem_load_f64(to, b + 1, j) == out[j]);
                assert_int_equal(elem_load_i64(to, b + 1, j), (int64_t)out[j]);
            }
        }
    }
}

static void out_of_range_saturates(void **state) {
    static const struct {
        double v;
        elem type;
        int64_t want;
    } cases[] = {
        {1e30, ELEM_i64, INT64_MAX},  {-1e30, ELEM_i64, INT64_MIN}, {1e30, ELEM_i32, INT32_MAX},
        {-1e30, ELEM_i16, INT16_MIN}, {127.9, ELEM_i8, 127},        {128, ELEM_i8, 127},
        {-128.9, ELEM_i8, -128},      {-0.9, ELEM_u8, 0},           {-5, ELEM_u8, 0},
        {300, ELEM_u8, 255},          {1e30, ELEM_u32, UINT32_MAX}, {NAN, ELEM_i32, 0},
        {INFINITY, ELEM_u16, 65535},  {-2.5, ELEM_i32, -2},         {NAN, ELEM_bool, 1},
        {0.1, ELEM_bool, 1},          {-1e30, ELEM_u64, 0},         {1e30, ELEM_u64, -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t x;
        elem_store_f64(cases[i].type, &x, 0, cases[i].v);
        assert_int_equal(elem_load_i64(cases[i].type, &x, 0), cases[i].want);
    }
    uint64_t big = UINT64_MAX;
    assert_true(elem_load_f64(ELEM_u64, &big, 0) == 0x1p64);
    int64_t x = 0x1ff; // integers keep their low bits
    uint8_t low;
    elem_convert(ELEM_u8, &low, ELEM_i64, &x, 1);
    assert_int_equal(low, 0xff);
}

static void wide_integers_round_once(void **state) {
    // 2^60 + 2^36 + 1: above the tie of float, but double rounds it onto the tie.
    int64_t x = ((int64_t)1 << 60) + ((int64_t)1 << 36) + 1, y = -x;
    float f;
    elem_convert(ELEM_f32, &f, ELEM_i64, &x, 1);
    assert_int_equal(bits(f), bits((float)x));
    assert_true(f > 0x1p60f);
    elem_convert(ELEM_f32, &f, ELEM_i64, &y, 1);
    assert_int_equal(bits(f), bits((float)y));
    elem_store_i64(ELEM_f32, &f, 0, x);
    assert_int_equal(bits(f), bits((float)x));
    uint64_t u = UINT64_MAX - 5;
    elem_convert(ELEM_f32, &f, ELEM_u64, &u, 1);
    assert_true(f == 0x1p64f);
    double d;
    elem_convert(ELEM_f64, &d, ELEM_i64, &x, 1);
    assert_true(d == (double)x);
    x = INT64_MIN;
    elem_convert(ELEM_f32, &f, ELEM_i64, &x, 1);
    assert_true(f == -0x1p63f);
}

static void names_and_kinds(void **state) {
    elem e;
    for (int i = 0; i < ELEM_COUNT; i++) {
        assert_true(elem_parse(elem_name((elem)i), &e) && e == (elem)i);
        assert_true(elem_bytes((elem)i) >= 1);
    }
    assert_false(elem_parse("f8", &e));
    assert_true(elem_from_onnx(1, &e) && e == ELEM_f32);
    assert_true(elem_from_onnx(16, &e) && e == ELEM_bf16);
    assert_false(elem_from_onnx(0, &e) || elem_from_onnx(8, &e) || elem_from_onnx(-1, &e));
    assert_true(elem_is_float(ELEM_bf16) && elem_is_int(ELEM_u8) && !elem_is_int(ELEM_bool));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_precision_both_ways),
        cmocka_unit_test(small_values_survive_every_conversion),
        cmocka_unit_test(out_of_range_saturates),
        cmocka_unit_test(wide_integers_round_once),
        cmocka_unit_test(names_and_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
