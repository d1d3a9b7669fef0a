// num.h against libm in double: every float exponent with sampled mantissas, special values, and
// the array functions against the single ones bit for bit.
#include "support/num/num.h"
#include "support/vec.h"
#include "tests/random.h"
#include <setjmp.h>
#include <stdarg.h>
// cmocka.h needs the three above
#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdio.h>

static float float_of(uint32_t u) {
    float f;
    memcpy(&f, &u, 4);
    return f;
}
static uint32_t bits(float f) {
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

// Order-preserving integer of a finite or infinite float, for counting ulps.
static int64_t ordinal(float f) {
    uint32_t u = bits(f);
    return u >> 31 ? -(int64_t)(u & 0x7fffffff) : (int64_t)u;
}

// Every sign and exponent (0: subnormals, 255: infinity and NaN), 200 mantissas each with the ends.
#define KNOWN_BITS 0x8f59820a364f5036u
typedef VEC(float) floats;
static floats all_exponents(void) {
    floats v = {0};
    random_stream r = random_test(1);
    for (uint32_t e = 0; e < 512; e++) {
        for (int i = 0; i < 200; i++) {
            uint32_t m = i == 0 ? 0 : i == 1 ? 1 : i == 2 ? 0x7fffff : random_u32(&r) >> 9;
            vec_push(&v, float_of(e << 23 | m));
        }
    }
    return v;
}

static void assert_close(const char *name, float x, float got, double want) {
    float expected = (float)want;
    if (isnan(want)) {
        if (!isnan(got)) fail_msg("%s(%a) = %a, expected NaN", name, x, got);
        return;
    }
    int64_t ulps = isnan(got) ? INT64_MAX : llabs(ordinal(got) - ordinal(expected));
    if (ulps > 1 || signbit(got) != signbit(expected))
        fail_msg("%s(%a) = %a, expected %a", name, x, got, expected);
}

static void check_float(const char *name, float (*f)(float), double (*ref)(double)) {
    floats v = all_exponents();
    for (size_t i = 0; i < v.count; i++)
        assert_close(name, v.items[i], f(v.items[i]), ref(v.items[i]));
    vec_free(&v);
}

static void matches_libm_in_float(void **state) {
    check_float("exp", num_exp, exp);
    check_float("log", num_log, log);
    check_float("tanh", num_tanh, tanh);
    check_float("erf", num_erf, erf);
    check_float("sqrt", num_sqrt, sqrt);
    check_float("sin", num_sin, sin);
    check_float("cos", num_cos, cos);
}

// Relative error of the double kernels on [lo, hi], in units of 2^-53.
static double worst_error(double (*f)(double), double (*ref)(double), double lo, double hi) {
    double worst = 0;
    random_stream r = random_test(2);
    for (int i = 0; i < 200000; i++) {
        double x = lo + (hi - lo) * random_f64(&r);
        double want = ref(x), e = fabs(f(x) - want) / fabs(want) * 0x1p53;
        if (e > worst) worst = e;
    }
    return worst;
}

static void double_kernels_are_accurate(void **state) {
    struct {
        const char *name;
        double (*f)(double), (*ref)(double);
        double lo, hi;
    } cases[] = {
        {"exp", num_exp_f64, exp, -700, 700},    {"exp", num_exp_f64, exp, -1, 1},
        {"log", num_log_f64, log, 1e-3, 0.9},    {"log", num_log_f64, log, 0.9, 1.1},
        {"log", num_log_f64, log, 1.1, 1e300},   {"tanh", num_tanh_f64, tanh, -1, 1},
        {"tanh", num_tanh_f64, tanh, 1, 25},     {"erf", num_erf_f64, erf, -1, 1},
        {"erf", num_erf_f64, erf, 1, 7},         {"sin", num_sin_f64, sin, -4, 4},
        {"cos", num_cos_f64, cos, -4, 4},        {"sin", num_sin_f64, sin, 1e3, 1e6},
        {"cos", num_cos_f64, cos, 1e6, 1e9},     {"sin", num_sin_f64, sin, 1e15, 1e18},
        {"cos", num_cos_f64, cos, 1e290, 1e300},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        double e = worst_error(cases[i].f, cases[i].ref, cases[i].lo, cases[i].hi);
        if (e > 8)
            fail_msg("%s on [%g, %g]: %.1f units of 2^-53", cases[i].name, cases[i].lo, cases[i].hi,
                     e);
    }
}

static void reduction_survives_the_worst_angle(void **state) {
    // The double closest to a multiple of pi/2 (Kahan): 6381956970095103 * 2^797.
    double x = 0x1.6ac5b262ca1ffp+849;
    assert_true(fabs(num_cos_f64(x) / -4.6871659242546276111e-19 - 1) < 1e-15); // by mpmath
    assert_true(num_sin_f64(x) == 1);
}

static void pow_matches_libm(void **state) {
    static const float ys[] = {0,      -0.0f,  1,        2,          3,     -1,    0.5f,
                               -0.5f,  4,      -2,       1.5f,       0.25f, 7,     -7,
                               1e30f,  -1e30f, INFINITY, -INFINITY,  NAN,   1e-3f, -1e-3f,
                               10.25f, 127,    -126,     16777217.0f};
    floats v = all_exponents();
    for (size_t i = 0; i < v.count; i++) {
        for (size_t k = 0; k < ARRAY_LEN(ys); k++) {
            float x = v.items[i];
            assert_close("pow", x, num_pow(x, ys[k]), pow(x, ys[k]));
        }
    }
    vec_free(&v);
    static const float exact[] = {1.1f, 0.3f, 7e20f, 3e-20f, 65537};
    for (size_t i = 0; i < ARRAY_LEN(exact); i++) {
        float x = exact[i];
        assert_int_equal(bits(num_pow(x, 0.5f)), bits(sqrtf(x)));
        assert_int_equal(bits(num_pow(x, 2)), bits(x * x));
        assert_int_equal(bits(num_pow(x, -1)), bits(1 / x));
        assert_int_equal(bits(num_pow(x, 1)), bits(x));
        assert_int_equal(bits(num_pow(x, 0)), bits(1));
    }
}

static void special_values(void **state) {
    assert_true(num_exp(-INFINITY) == 0 && !signbit(num_exp(-INFINITY)));
    assert_true(isinf(num_exp(INFINITY)) && isinf(num_exp(89)) && isnan(num_exp(NAN)));
    assert_true(num_exp(0) == 1 && num_exp(-0.0f) == 1 && num_exp(-200) == 0);
    assert_true(num_exp(-100) > 0 && num_exp(-100) < FLT_MIN); // gradual
    assert_true(num_log(0) == -INFINITY && isnan(num_log(-1)) && num_log(1) == 0);
    assert_true(signbit(num_tanh(-0.0f)) && signbit(num_erf(-0.0f)) && signbit(num_sin(-0.0f)));
    assert_true(num_tanh(INFINITY) == 1 && num_erf(-INFINITY) == -1 && num_cos(0) == 1);
    assert_true(isnan(num_sin(INFINITY)) && isnan(num_cos(-INFINITY)) && isnan(num_tanh(NAN)));
    assert_int_equal(bits(num_sqrt(-1)), bits(num_pow(-1, 0.5f))); // one NaN on every machine
    assert_true(num_exp_f64(-745) > 0 && num_exp_f64(-746) == 0 && isinf(num_exp_f64(710)));
}

static void known_bits(void **state) {
    // Recorded on x86-64, gcc 12: any machine, compiler or flag must reproduce them.
    uint64_t sum = 0;
    floats v = all_exponents();
    float (*const f[])(float) = {num_exp, num_log, num_tanh, num_erf, num_sqrt, num_sin, num_cos};
    double (*const d[])(double) = {num_exp_f64, num_log_f64, num_tanh_f64,
                                   num_erf_f64, num_sin_f64, num_cos_f64};
    for (size_t i = 0; i < v.count; i++) {
        for (size_t k = 0; k < ARRAY_LEN(f); k++) {
            float y = f[k](v.items[i]);
            sum = sum * 0x100000001b3u + (isnan(y) ? 1 : bits(y));
        }
        for (size_t k = 0; k < ARRAY_LEN(d); k++) {
            double y = d[k](v.items[i]);
            uint64_t u = 1;
            if (!isnan(y)) memcpy(&u, &y, 8);
            sum = sum * 0x100000001b3u + u;
        }
    }
    vec_free(&v);
    if (sum != KNOWN_BITS) fail_msg("bits changed: checksum 0x%llx", (unsigned long long)sum);
}

static void arrays_equal_singles_on(simd_path path, const floats *v) {
    const num_arrays on = num_arrays_on(path);
    const struct {
        const char *name;
        float (*one)(float);
        void (*many)(float *, const float *, size_t);
    } cases[] = {{"exp", num_exp, on.exp}, {"tanh", num_tanh, on.tanh}, {"erf", num_erf, on.erf}};
    float *out = base_alloc(v->count * sizeof *out);
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        cases[k].many(out, v->items, v->count);
        for (size_t i = 0; i < v->count; i++) {
            float want = cases[k].one(v->items[i]);
            if (bits(out[i]) != bits(want))
                fail_msg("%s(%a): %s array %a, single %a", cases[k].name, v->items[i],
                         simd_name(path), out[i], want);
        }
        memcpy(out, v->items, v->count * sizeof *out); // in place, odd length and offset
        cases[k].many(out + 1, out + 1, 77);
        for (size_t i = 0; i < 100; i++) {
            float want = i >= 1 && i < 78 ? cases[k].one(v->items[i]) : v->items[i];
            assert_int_equal(bits(out[i]), bits(want));
        }
    }
    free(out);
}

static void arrays_equal_singles(void **state) {
    floats v = all_exponents();
    random_stream r = random_test(3);
    for (int i = 0; i < 20001; i++) vec_push(&v, (random_f32(&r) - 0.5f) * 40);
    for (int p = 0; p < SIMD_PATHS; p++)
        if (simd_has((simd_path)p)) arrays_equal_singles_on((simd_path)p, &v);
    vec_free(&v);
}

static void rint_is_half_to_even(void **state) {
    floats v = all_exponents();
    for (int i = -2000; i <= 2000; i++) vec_push(&v, (float)i * 0.25f);
    for (size_t i = 0; i < v.count; i++) {
        float x = v.items[i], got = num_rint(x), want = rintf(x);
        if (isnan(x)) {
            assert_true(isnan(got));
        } else if (bits(got) != bits(want)) {
            fail_msg("rint(%a) = %a, expected %a", x, got, want);
        }
        double edge = ldexp(1, (int)(i % 60)) + (double)x, got_f64 = num_rint_f64(edge);
        if (!isnan(edge) && (got_f64 != rint(edge) || signbit(got_f64) != signbit(edge)))
            fail_msg("rint(%a) = %a, expected %a", edge, got_f64, rint(edge));
    }
    vec_free(&v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_libm_in_float),
        cmocka_unit_test(double_kernels_are_accurate),
        cmocka_unit_test(reduction_survives_the_worst_angle),
        cmocka_unit_test(pow_matches_libm),
        cmocka_unit_test(special_values),
        cmocka_unit_test(known_bits),
        cmocka_unit_test(arrays_equal_singles),
        cmocka_unit_test(rint_is_half_to_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
