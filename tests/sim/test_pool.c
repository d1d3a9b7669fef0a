// Products on a pool of computation arrays. The naive evaluation below is written from the paper's
// equations alone (Wang et al. 2025: a digit's switches in a + or - column, a sum, a code, Horner);
// engines of every instruction set, and the switch-by-switch one, have to give its integers.
#include "isa/machine/pool.h"
#include "runtime-sim/pool/pool.h"
#include "support/base.h"
#include "tests/random.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int64_t base_of(const pool_params *p) { return ((int64_t)1 << (p->digit_bits + 1)) - 1; }

static int64_t reach(const pool_params *p) {
    int64_t most = 0;
    for (int i = 0; i < p->digits; i++) most = most * base_of(p) + (base_of(p) - 1) / 2;
    return most;
}

// --- the naive evaluation

// Digit k of x: what is left of x when all above are taken off, in units of b^(D-1-k), to the
// nearest. The base is odd, so there is no tie.
static int digit_of(const pool_params *p, int x, int k) {
    const int far = (int)min_i64(1000, reach(p));
    double left = x < -far ? -far : x > far ? far : x, digit = 0;
    for (int i = 0; i <= k; i++) {
        double unit = pow((double)base_of(p), p->digits - 1 - i);
        digit = floor(left / unit + 0.5);
        left -= digit * unit;
    }
    return (int)digit;
}

// s / step to the nearest code, ties to even: by looking at both neighbours.
static int64_t code_of(const pool_params *p, int64_t s, int64_t lo, int64_t hi, xbar_events *e) {
    if (p->adc_bits == 0) return s;
    int64_t below = (int64_t)floor((double)s / (double)p->step), up = below + 1;
    int64_t far_down = s - below * p->step, far_up = up * p->step - s;
    int64_t code = far_down < far_up ? below : far_up < far_down ? up : below % 2 == 0 ? below : up;
    if (far_down != 0) e->rounded++;
    if (code < lo || code > hi) e->clipped++;
    return (code < lo ? lo : code > hi ? hi : code) * p->step;
}

// digit [D][k]: of a row.
static int32_t naive(const pool_params *p, const int8_t *w, uint32_t k, uint32_t n,
                     const int *digit, uint32_t column, xbar_events *e) {
    int64_t y = 0, codes = (int64_t)1 << p->adc_bits;
    for (uint32_t first = 0; first < k; first += p->chunk) {
        int64_t acc = 0;
        for (uint32_t d = 0; d < (uint32_t)p->digits; d++) {
            int64_t plus = 0, minus = 0;
            for (uint32_t i = first; i < first + p->chunk && i < k; i++) {
                int64_t product = (int64_t)w[i * n + column] * digit[d * k + i];
                if (product > 0) plus += product;
                if (product < 0) minus -= product;
            }
            e->conversions += p->apart ? 2 : 1;
            int64_t c = p->apart
                            ? code_of(p, plus, 0, codes - 1, e) - code_of(p, minus, 0, codes - 1, e)
                            : code_of(p, plus - minus, -codes / 2, codes / 2 - 1, e);
            acc = base_of(p) * acc + c;
        }
        y += acc;
    }
    return (int32_t)y;
}

// --- cases

typedef struct {
    pool_params p;
    uint32_t m, k, n;
    size_t x_stride, acc_stride;
    int8_t *w, *x;
    int32_t *expected;
    xbar_events events;
} problem;

static problem make(random_stream *r) {
    problem q = {.m = (uint32_t)random_in(r, 1, 4),
                 .k = (uint32_t)random_in(r, 1, 90),
                 .n = (uint32_t)random_in(r, 1, 6)};
    if (random_in(r, 0, 19) == 0) q.n = (uint32_t)random_in(r, 60, 140);
    pool_params *p = &q.p;
    p->digit_bits = (int)random_in(r, 1, 7);
    p->digits = (int)random_in(r, 1, 6);
    p->chunk = (uint32_t)(random_in(r, 0, 1) ? 128 / p->digit_bits : random_in(r, 1, 40));
    p->apart = random_in(r, 0, 1);
    p->adc_bits = (int)random_in(r, 0, 3) ? (int)random_in(r, 1, 12) : 0;
    p->step = p->adc_bits ? random_in(r, 1, random_in(r, 0, 1) ? 3 : 300) : 0;
    if (p->adc_bits && random_in(r, 0, 5) == 0) p->adc_bits = 16, p->step = 1; // loses nothing
    q.x_stride = q.k + (size_t)random_in(r, 0, 3);
    q.acc_stride = q.n + (size_t)random_in(r, 0, 3);
    q.w = base_alloc((size_t)q.k * q.n);
    q.x = base_calloc(q.m * q.x_stride, 1);
    q.expected = base_alloc((size_t)q.m * q.n * sizeof *q.expected);
    const int64_t spread = random_in(r, 1, 128);
    const int64_t most = min_i64(128, reach(p) + random_in(r, 0, 1)); // also what no digits hold
    for (size_t i = 0; i < (size_t)q.k * q.n; i++)
        q.w[i] = (int8_t)max_i64(-128, min_i64(127, random_in(r, -spread, spread)));
    for (size_t i = 0; i < q.m * q.x_stride; i++)
        q.x[i] = (int8_t)max_i64(-most, min_i64(min_i64(127, most), random_in(r, -most, most)));
    int *digit = base_alloc((size_t)p->digits * q.k * sizeof *digit);
    for (uint32_t i = 0; i < q.m; i++) {
        for (uint32_t d = 0; d < (uint32_t)p->digits; d++)
            for (uint32_t k = 0; k < q.k; k++)
                digit[d * q.k + k] = digit_of(p, q.x[i * q.x_stride + k], (int)d);
        for (uint32_t j = 0; j < q.n; j++)
            q.expected[i * q.n + j] = naive(p, q.w, q.k, q.n, digit, j, &q.events);
    }
    free(digit);
    return q;
}

static void drop(problem *q) {
    free(q->w);
    free(q->x);
    free(q->expected);
}

static void check(const problem *q, pool *m, pool_how how) {
    enum { UNTOUCHED = 0x5a5a5a5a };
    int32_t *acc = base_alloc(q->m * q->acc_stride * sizeof *acc);
    for (size_t i = 0; i < q->m * q->acc_stride; i++) acc[i] = UNTOUCHED;
    xbar_events e = {0};
    pool_run(m, &how, q->x, q->x_stride, q->m, acc, q->acc_stride, &e);
    for (uint32_t i = 0; i < q->m; i++) {
        for (uint32_t j = 0; j < q->n; j++)
            if (acc[i * q->acc_stride + j] != q->expected[i * q->n + j])
                fail_msg("S %d, %d digits, chunk %u, %d bits, step %lld, %s, %s: [%u][%u] is %d, "
                         "expected %d",
                         q->p.digit_bits, q->p.digits, q->p.chunk, q->p.adc_bits,
                         (long long)q->p.step, q->p.apart ? "apart" : "subtracted",
                         how.engine == POOL_SWITCHES ? "switches" : simd_name(how.path), i, j,
                         acc[i * q->acc_stride + j], q->expected[i * q->n + j]);
        for (size_t j = q->n; j < q->acc_stride; j++)
            assert_int_equal(acc[i * q->acc_stride + j], UNTOUCHED);
    }
    assert_int_equal(e.conversions, q->events.conversions);
    assert_int_equal(e.clipped, q->events.clipped);
    assert_int_equal(e.rounded, q->events.rounded);
    free(acc);
}

static void test_engines(void **state) {
    (void)state;
    enum { CASES = 21000 };
    random_stream r = random_test(random_seed(20251130));
    int lossy = 0, apart = 0, clipped = 0;
    for (int c = 0; c < CASES; c++) {
        problem q = make(&r);
        pool *m = pool_new(&q.p, q.w, q.k, q.n);
        check(&q, m, (pool_how){POOL_SWITCHES, SIMD_PORTABLE, 1});
        for (int path = 0; path < SIMD_PATHS; path++)
            if (simd_has((simd_path)path))
                check(&q, m, (pool_how){POOL_AUTO, (simd_path)path, 1 + c % 2});
        lossy += q.events.rounded > 0;
        clipped += q.events.clipped > 0;
        apart += q.p.apart;
        pool_free(m);
        drop(&q);
    }
    print_message("%d cases: %d rounded, %d clipped, %d converted apart\n", CASES, lossy, clipped,
                  apart);
    assert_true(lossy > CASES / 4 && clipped > CASES / 8 && apart > CASES / 4);
}

// Many rows and columns on several threads: the same sums as on one.
static void test_threads(void **state) {
    (void)state;
    random_stream r = random_test(7);
    enum { M = 70, K = 300, N = 200 };
    static int8_t w[K * N], x[M * K];
    static int32_t one[M * N], many[M * N];
    for (size_t i = 0; i < sizeof w; i++) w[i] = (int8_t)random_in(&r, -127, 127);
    for (size_t i = 0; i < sizeof x; i++) x[i] = (int8_t)random_in(&r, -127, 127);
    for (int apart = 0; apart < 2; apart++) {
        const pool_params p = {
            .digits = 3, .digit_bits = 2, .adc_bits = 8, .apart = apart, .step = 48, .chunk = 64};
        pool *m = pool_new(&p, w, K, N);
        xbar_events e1 = {0}, e8 = {0};
        pool_run(m, &(pool_how){POOL_AUTO, simd_best(), 1}, x, K, M, one, N, &e1);
        pool_run(m, &(pool_how){POOL_AUTO, simd_best(), 8}, x, K, M, many, N, &e8);
        assert_memory_equal(one, many, sizeof one);
        assert_memory_equal(&e1, &e8, sizeof e1);
        pool_free(m);
    }
}

// --- the paper's figures

static void test_digits(void **state) {
    (void)state;
    const pool_params seven = {.digits = 3, .digit_bits = 2};
    int8_t d[8];
    pool_digits(&seven, 78, d); // 78 = 2 * 49 - 3 * 7 + 1
    assert_int_equal(d[0], 2);
    assert_int_equal(d[1], -3);
    assert_int_equal(d[2], 1);
    for (int x = -128; x <= 127; x++) { // every code, and back
        pool_digits(&seven, x, d);
        assert_int_equal(49 * d[0] + 7 * d[1] + d[2], x);
    }
    // Digits that hold codes of 8 bits, and how far they reach.
    static const int digits[] = {6, 3, 3, 2, 2, 2, 1},
                     far[] = {364, 171, 1687, 480, 1984, 8064, 127};
    for (int s = 1; s <= 7; s++) {
        machine m = {.pool = {.arrays = 1, .rows = 128, .digit_bits = s, .digits = 1}};
        while (machine_pool_largest(&m) < 127) m.pool.digits++;
        assert_int_equal(m.pool.digits, digits[s - 1]);
        assert_int_equal(machine_pool_largest(&m), far[s - 1]);
        assert_int_equal(machine_pool_chunk(&m), 128 / s);
    }
}

// The full range of 8 bits, as docs/wang2025.md has it.
static void test_range(void **state) {
    (void)state;
    machine m = {.pool = {.arrays = 1,
                          .rows = 128,
                          .digit_bits = 2,
                          .digits = 3,
                          .adc_bits = 8,
                          .subtract = MACHINE_ON}};
    assert_int_equal(machine_pool_step(&m), 191);
    m.pool.subtract = MACHINE_OFF;
    assert_int_equal(machine_pool_step(&m), 96);
    m.pool.adc_step = 24;
    assert_int_equal(machine_pool_step(&m), 24);
    m.pool.adc_bits = 0, m.pool.adc_step = 0;
    assert_int_equal(machine_pool_step(&m), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engines),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_digits),
        cmocka_unit_test(test_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
