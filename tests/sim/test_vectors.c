// Loops over rows: every path gives the bits of plain loops.
#include "runtime-sim/exec/vectors.h"
#include "runtime-sim/xbar/product.h"
#include "support/base.h"
#include "support/num/num.h"
#include "tests/random.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { N = 300 };

static float number(random_stream *r) {
    static const float odd[] = {0.0f, -0.0f, 0.5f, 1.5f, -2.5f, 1e30f, -1e30f, 1e-42f};
    int64_t kind = random_in(r, 0, 40);
    if (kind < (int64_t)ARRAY_LEN(odd)) return odd[kind];
    if (kind == 20) return NAN;
    if (kind == 21) return random_in(r, 0, 1) ? INFINITY : -INFINITY;
    if (kind < 30) return (float)random_in(r, -300, 300) * 0.5f; // ties
    return random_float(r) * 200;
}

static int32_t encode(int8_t *codes, const float *x, size_t n, float scale, float zero, float lo,
                      float hi) {
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        float q = num_rint(x[i] / scale) + zero;
        q = q < lo ? lo : q > hi ? hi : q;
        codes[i] = q == q ? (int8_t)q : 0;
        sum += codes[i];
    }
    return sum;
}

static void check_path(const sim_vectors *v, uint64_t seed) {
    random_stream r = random_test(seed);
    float x[N], y[N], want[N], got[N], bias[N];
    int32_t a[N], b[N], sum[N];
    int8_t codes[N], other[N];
    size_t n = (size_t)random_in(&r, 0, N);
    for (size_t i = 0; i < n; i++) {
        x[i] = number(&r), y[i] = number(&r), bias[i] = number(&r);
        a[i] = (int32_t)random_u32(&r), b[i] = (int32_t)random_u32(&r);
    }
    float scale = seed % 3 ? 1.0f : random_float(&r) + 1.5f;
    int zero = (int)random_in(&r, -128, 127) * (int)(seed % 2);
    float lo = zero ? -128 : -127;
    int32_t want_sum = encode(other, x, n, scale, (float)zero, lo, 127);
    assert_int_equal(v->encode(codes, x, n, scale, (float)zero, lo, 127), want_sum);
    assert_memory_equal(codes, other, n);
    assert_int_equal(v->sum_codes(codes, n), want_sum);
    float most = 0;
    for (size_t i = 0; i < n; i++) most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
    got[0] = v->absmax(x, n);
    assert_memory_equal(got, &most, sizeof most);
    v->add_i32((uint32_t *)sum, (uint32_t *)a, (uint32_t *)b, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal((uint32_t)sum[i], (uint32_t)a[i] + (uint32_t)b[i]);
    for (int with = 0; with < 2; with++) {
        v->scaled(got, a, n, 0.37, y, with ? bias : NULL);
        for (size_t i = 0; i < n; i++) {
            double p = (double)a[i] * (0.37 * (double)y[i]);
            want[i] = (float)(p + (with ? (double)bias[i] : 0.0));
            assert_true(memcmp(&got[i], &want[i], sizeof *want) == 0 ||
                        (got[i] != got[i] && want[i] != want[i]));
        }
    }
    v->add_f32(got, x, y, n);
    for (size_t i = 0; i < n; i++) {
        want[i] = x[i] + y[i];
        assert_true(memcmp(&got[i], &want[i], sizeof *want) == 0 ||
                    (got[i] != got[i] && want[i] != want[i]));
    }
}

static void test_every_path(void **state) {
    for (int path = SIMD_PORTABLE; path < SIMD_PATHS; path++)
        for (uint64_t seed = 1; simd_has((simd_path)path) && seed <= 400; seed++)
            check_path(sim_vectors_on((simd_path)path), seed);
}

// Sums of attention: one row or four, any width, by a plain loop in order.
static void check_sums(simd_path path, uint64_t seed) {
    enum { D = 20, WIDTH = 150 };
    random_stream r = random_test(seed);
    float x[4][D], k[D * WIDTH], s[4][WIDTH], *to[4] = {s[0], s[1], s[2], s[3]};
    const float *q[4] = {x[0], x[1], x[2], x[3]};
    double acc[4][WIDTH], one[WIDTH], *sum[4] = {acc[0], acc[1], acc[2], acc[3]};
    size_t d = (size_t)random_in(&r, 0, D), n = (size_t)random_in(&r, 0, WIDTH), stride = WIDTH;
    if (seed % 2) stride = n;
    for (size_t i = 0; i < 4 * D; i++) x[i / D][i % D] = random_float(&r);
    for (size_t i = 0; i < D * WIDTH; i++) k[i] = random_float(&r);
    for (size_t i = 0; i < (size_t)4 * WIDTH; i++)
        acc[i / WIDTH][i % WIDTH] = (double)random_float(&r);
    memcpy(one, acc[1], sizeof one);
    double want[4][WIDTH];
    memcpy(want, acc, sizeof want);
    sim_dot_four(path, to, q, k, stride, d, n);
    for (size_t row = 0; row < 4; row++)
        for (size_t j = 0; j < n; j++) {
            double dot = 0;
            for (size_t i = 0; i < d; i++) {
                dot += (double)x[row][i] * (double)k[i * stride + j];
                want[row][j] += (double)x[row][i] * (double)k[i * stride + j];
            }
            assert_true(s[row][j] == (float)dot);
        }
    if (stride == n) {
        sim_mix_four(path, sum, q, k, n, d);
        assert_memory_equal(acc, want, sizeof want);
    }
    sim_dot_columns(path, s[0], x[1], k, stride, d, n);
    assert_memory_equal(s[0], s[1], n * sizeof s[0][0]);
    if (stride != n) return;
    sim_mix_rows(path, one, x[1], k, n, d);
    assert_memory_equal(one, want[1], sizeof one);
}

static void test_sums_of_every_path(void **state) {
    for (int path = SIMD_PORTABLE; path < SIMD_PATHS; path++)
        for (uint64_t seed = 1; simd_has((simd_path)path) && seed <= 300; seed++)
            check_sums((simd_path)path, seed);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_path),
                                       cmocka_unit_test(test_sums_of_every_path)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
