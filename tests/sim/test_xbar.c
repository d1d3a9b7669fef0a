// Crossbar engines: the naive loop over cells is the oracle; every engine on every path gives its
// sums and its counts, and exact converters give the plain integer product.
#include "runtime-sim/xbar/parts.h"
#include "support/base.h"
#include "tests/random.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    xbar_params p;
    uint32_t m, k, n, n_blocks;
    size_t x_stride, acc_stride;
    int8_t *w, *x;
    isa_block *blocks;
} problem;

// Blocks of at most `rows` x `cols`, the matrix cut as tile-weights cuts it.
static void cut(problem *q, uint32_t rows, uint32_t cols) {
    q->n_blocks = 0;
    q->blocks = base_calloc((q->k / rows + 1) * (q->n / cols + 1), sizeof *q->blocks);
    for (uint32_t k = 0; k < q->k; k += rows)
        for (uint32_t n = 0; n < q->n; n += cols)
            q->blocks[q->n_blocks++] = (isa_block){.k0 = k,
                                                   .n0 = n,
                                                   .rows = q->k - k < rows ? q->k - k : rows,
                                                   .cols = q->n - n < cols ? q->n - n : cols};
}

static problem make(random_stream *r, xbar_params p, uint32_t m, uint32_t k, uint32_t n,
                    uint32_t rows, uint32_t cols) {
    problem q = {.p = p, .m = m, .k = k, .n = n, .x_stride = k + (uint32_t)random_in(r, 0, 3)};
    q.acc_stride = n + (uint32_t)random_in(r, 0, 3);
    q.w = base_alloc((size_t)k * n + 1);
    q.x = base_alloc((size_t)m * q.x_stride + 1);
    int64_t top = INT64_C(1) << ((p.weight_bits ? p.weight_bits : 8) - 1);
    int64_t spread = random_in(r, 1, top),
            centre = random_in(r, 0, 3) == 0 ? random_in(r, -top, top - 1) : 0;
    for (size_t i = 0; i < (size_t)k * n; i++) {
        int64_t v = centre + random_in(r, -spread, spread);
        q.w[i] = (int8_t)(v < -top ? -top : v > top - 1 ? top - 1 : v);
    }
    const int64_t driven = INT64_C(1) << ((p.input_bits ? p.input_bits : 8) - 1);
    bool sparse = random_in(r, 0, 2) == 0, extreme = random_in(r, 0, 3) == 0;
    for (size_t i = 0; i < (size_t)m * q.x_stride; i++) {
        q.x[i] = (int8_t)random_in(r, -driven, driven - 1);
        if (sparse && random_in(r, 0, 3)) q.x[i] = 0;
        if (extreme) q.x[i] = (int8_t)(random_in(r, 0, 1) ? driven - 1 : -driven);
    }
    cut(&q, rows, cols);
    return q;
}

static void drop(problem *q) {
    free(q->w);
    free(q->x);
    free(q->blocks);
}

static int32_t *answer(const problem *q, xbar *a, xbar_how how, xbar_events *e) {
    int32_t *acc = base_alloc(q->m * q->acc_stride * sizeof *acc + 4);
    memset(acc, 0x5a, q->m * q->acc_stride * sizeof *acc);
    *e = (xbar_events){0};
    xbar_run(a, &how, q->x, q->x_stride, q->m, acc, q->acc_stride, e);
    return acc;
}

static void compare(const problem *q, const int32_t *want, const xbar_events *we,
                    const int32_t *got, const xbar_events *ge, const char *what, uint64_t seed) {
    for (uint32_t m = 0; m < q->m; m++)
        for (uint32_t n = 0; n < q->n; n++)
            if (want[m * q->acc_stride + n] != got[m * q->acc_stride + n])
                fail_msg("%s, seed %llu: [%u][%u] is %d, expected %d (M %u K %u N %u enc %d c %d b "
                         "%d v %d A %d step %lld)",
                         what, (unsigned long long)seed, m, n, got[m * q->acc_stride + n],
                         want[m * q->acc_stride + n], q->m, q->k, q->n, q->p.encoding,
                         q->p.cell_bits, q->p.weight_bits, q->p.dac_bits, q->p.adc_bits,
                         (long long)q->p.adc_step);
    if (we->conversions != ge->conversions || we->clipped != ge->clipped ||
        we->rounded != ge->rounded)
        fail_msg("%s, seed %llu: events %llu %llu %llu, expected %llu %llu %llu (enc %d c %d b %d "
                 "v %d A %d step %lld)",
                 what, (unsigned long long)seed, (unsigned long long)ge->conversions,
                 (unsigned long long)ge->clipped, (unsigned long long)ge->rounded,
                 (unsigned long long)we->conversions, (unsigned long long)we->clipped,
                 (unsigned long long)we->rounded, q->p.encoding, q->p.cell_bits, q->p.weight_bits,
                 q->p.dac_bits, q->p.adc_bits, (long long)q->p.adc_step);
}

static void every_engine(const problem *q, uint64_t seed) {
    xbar_events want_e, got_e;
    xbar *a = xbar_new(&q->p, q->w, q->k, q->n, q->blocks, q->n_blocks);
    int32_t *want = answer(q, a, (xbar_how){XBAR_CELLS, SIMD_PORTABLE, 1}, &want_e);
    for (int path = SIMD_PORTABLE; path < SIMD_PATHS; path++) {
        if (!simd_has((simd_path)path)) continue;
        for (int engine = XBAR_AUTO; engine <= XBAR_LUT; engine++) {
            if (engine == XBAR_CELLS) continue;
            char what[64];
            snprintf(what, sizeof what, "engine %d path %s", engine, simd_name((simd_path)path));
            int threads = seed % 5 == 0 ? 3 : 1;
            int32_t *got =
                answer(q, a, (xbar_how){(xbar_engine)engine, (simd_path)path, threads}, &got_e);
            compare(q, want, &want_e, got, &got_e, what, seed);
            free(got);
        }
    }
    free(want);
    xbar_free(a);
}

static xbar_params params(random_stream *r) {
    xbar_params p = {.encoding = (machine_encoding)random_in(r, 0, ISA_COUNT_encoding - 1),
                     .input_bits = 8,
                     .weight_bits = 8};
    if (random_in(r, 0, 4) == 0) p.weight_bits = (int)random_in(r, 2, 8);
    if (random_in(r, 0, 4) == 0) p.input_bits = (int)random_in(r, 2, 8);
    static const int cells[] = {1, 2, 2, 2, 4, 3, 8, 5, 6, 7, 0};
    static const int dacs[] = {1, 1, 1, 2, 4, 3, 5, 8};
    p.cell_bits = cells[random_in(r, 0, (int64_t)ARRAY_LEN(cells) - 1)];
    p.dac_bits = dacs[random_in(r, 0, (int64_t)ARRAY_LEN(dacs) - 1)];
    p.adc_bits = (int)random_in(r, 1, 12);
    if (random_in(r, 0, 2) == 0) p.adc_bits = 8;
    static const int64_t steps[] = {1, 1, 1, 2, 4, 8, 3, 7, 16, 100};
    p.adc_step = steps[random_in(r, 0, (int64_t)ARRAY_LEN(steps) - 1)];
    p.adc_rounding = (machine_adc_rounding)random_in(r, 0, 1);
    return p;
}

static void test_engines_equal_cells(void **state) {
    for (uint64_t seed = 1; seed <= 250; seed++) {
        random_stream r = random_test(seed);
        xbar_params p = params(&r);
        uint32_t m = (uint32_t)random_in(&r, 1, 40), k = (uint32_t)random_in(&r, 1, 90),
                 n = (uint32_t)random_in(&r, 1, 90);
        problem q =
            make(&r, p, m, k, n, (uint32_t)random_in(&r, 1, 64), (uint32_t)random_in(&r, 1, 80));
        every_engine(&q, seed);
        drop(&q);
    }
}

// Tall blocks, where bytes and 16-bit sums come to their ends.
static void test_tall_blocks(void **state) {
    for (uint64_t seed = 1; seed <= 24; seed++) {
        random_stream r = random_test(seed * 1000);
        xbar_params p = params(&r);
        problem q = make(&r, p, (uint32_t)random_in(&r, 15, 18), (uint32_t)random_in(&r, 250, 700),
                         20, (uint32_t)random_in(&r, 200, 700), 64);
        every_engine(&q, seed * 1000);
        drop(&q);
    }
}

// Groups of 16 and of 64 rows, whole and begun; more than are worked on together.
static void test_many_rows(void **state) {
    for (uint64_t seed = 1; seed <= 12; seed++) {
        random_stream r = random_test(seed * 77);
        xbar_params p = {(machine_encoding)(seed % 3), 2, 8, 1, 8, (int)random_in(&r, 4, 9), 1};
        if (seed % 4 == 0) p.adc_step = 2;
        problem q = make(&r, p, (uint32_t)random_in(&r, 49, 200), (uint32_t)random_in(&r, 20, 70),
                         (uint32_t)random_in(&r, 10, 40), (uint32_t)random_in(&r, 10, 70), 20);
        every_engine(&q, seed);
        drop(&q);
    }
}

// More word lines than 16 bits count, where the largest sums still fit.
static void test_tallest_blocks(void **state) {
    for (uint64_t seed = 1; seed <= 3; seed++) {
        random_stream r = random_test(seed);
        xbar_params p = {.encoding = (machine_encoding)(seed % 3),
                         .input_bits = 8,
                         .weight_bits = 8,
                         .cell_bits = 2,
                         .dac_bits = 1,
                         .adc_bits = 8,
                         .adc_step = seed == 2 ? 4 : 1};
        uint32_t k = 65536 + 16 * (uint32_t)random_in(&r, 1, 300);
        problem q = make(&r, p, 2, k, 3, k, 64);
        for (uint32_t i = 0; i < k; i++) // few are driven, most of them behind the others
            for (uint32_t m = 0; m < q.m; m++)
                if (i % 1024 && i < 65536) q.x[m * q.x_stride + i] = 0;
        every_engine(&q, seed);
        drop(&q);
    }
}

// The converter's ends and ties, by hand: one word line, one column.
static void test_converter(void **state) {
    xbar_params p = {MACHINE_OFFSET, 8, 8, 1, 8, 2, 4};
    // w + 128 = 6 -> 1.5 steps -> 2 -> 8; 10 -> 2.5 -> 2 -> 8; 14 -> 3.5 -> 4, clipped to 3 -> 12;
    // 13 -> 3.25 -> 3 -> 12
    int8_t w[4] = {6 - 128, 10 - 128, 14 - 128, 13 - 128}, x = 1;
    isa_block block = {.rows = 1, .cols = 4};
    for (int path = SIMD_PORTABLE; path < SIMD_PATHS; path++) {
        if (!simd_has((simd_path)path)) continue;
        for (int engine = XBAR_AUTO; engine <= XBAR_LUT; engine++) {
            xbar *a = xbar_new(&p, w, 1, 4, &block, 1);
            int32_t acc[4];
            xbar_events e = {0};
            xbar_how how = {(xbar_engine)engine, (simd_path)path, 1};
            xbar_run(a, &how, &x, 1, 1, acc, 4, &e);
            assert_int_equal(acc[0], 8 - 128);
            assert_int_equal(acc[1], 8 - 128);
            assert_int_equal(acc[2], 12 - 128);
            assert_int_equal(acc[3], 12 - 128);
            assert_int_equal(e.conversions, 4 * 8);
            assert_int_equal(e.clipped, 1);
            assert_int_equal(e.rounded, 4);
            xbar_free(a);
        }
    }
}

// 8 bits by halves of the word lines: one half alone at or above 255, the other at 0, and all in
// between.
static void test_one_half_saturates(void **state) {
    enum { K = 16, M = 32, N = 5 };
    xbar_params p = {MACHINE_OFFSET, 6, 8, 1, 8, 8, 1};
    random_stream r = random_test(99);
    problem q = make(&r, p, M, K, N, K, N);
    for (int i = 0; i < K * N; i++)
        q.w[i] = (int8_t)(-128 + (i < 8 * N ? 51 : 63 - i % N)); // digits 51: 5 rows make 255
    for (uint32_t m = 0; m < M; m++)
        for (uint32_t k = 0; k < K;
             k++) // rows driven: 4 to 8 of the first half, then of the second
            q.x[m * q.x_stride + k] = (int8_t)(m < 16 ? k < 4 + m % 5 : k >= 12 - m % 5);
    every_engine(&q, 99);
    drop(&q);
}

static void check_plain(const problem *q, xbar_how how) {
    xbar *a = xbar_new(&q->p, q->w, q->k, q->n, q->blocks, q->n_blocks);
    assert_true(xbar_risk(a) == 0);
    xbar_events e;
    int32_t *acc = answer(q, a, how, &e);
    for (uint32_t m = 0; m < q->m; m++)
        for (uint32_t n = 0; n < q->n; n++) {
            int64_t s = 0;
            for (uint32_t k = 0; k < q->k; k++)
                s += q->x[m * q->x_stride + k] * q->w[(size_t)k * q->n + n];
            assert_int_equal(acc[m * q->acc_stride + n], s);
        }
    assert_int_equal(e.clipped, 0);
    assert_int_equal(e.rounded, 0);
    free(acc);
    xbar_free(a);
}

// A converter that cannot clip, for every encoding and slicing: the integer product, by cells too.
static void test_lossless_is_the_integer_product(void **state) {
    for (uint64_t seed = 1; seed <= 60; seed++) {
        random_stream r = random_test(seed);
        xbar_params p = params(&r);
        p.adc_bits = seed % 2 ? 0 : 24, p.adc_step = seed % 2 ? p.adc_step : 1;
        problem q = make(&r, p, (uint32_t)random_in(&r, 1, 20), (uint32_t)random_in(&r, 1, 300),
                         (uint32_t)random_in(&r, 1, 140), (uint32_t)random_in(&r, 1, 128),
                         (uint32_t)random_in(&r, 1, 128));
        for (int path = SIMD_PORTABLE; path < SIMD_PATHS; path++)
            if (simd_has((simd_path)path))
                check_plain(&q, (xbar_how){XBAR_AUTO, (simd_path)path, 2});
        if (seed <= 10) check_plain(&q, (xbar_how){XBAR_CELLS, SIMD_PORTABLE, 1});
        drop(&q);
    }
}

// Most columns cannot clip, some can: both engines share one answer.
static void test_mixed_risk(void **state) {
    for (uint64_t seed = 1; seed <= 20; seed++) {
        random_stream r = random_test(seed);
        xbar_params p = {(machine_encoding)(seed % 3), 2, 8, 1, 8, seed % 3 == 2 ? 9 : 8, 1};
        problem q = make(&r, p, 33, 260, 200, 128, 128);
        for (size_t i = 0; i < (size_t)q.k * q.n; i++) q.w[i] = (int8_t)random_in(&r, -90, 90);
        for (uint32_t k = 0; k < q.k; k++)
            q.w[(size_t)k * q.n + 17] = q.w[(size_t)k * q.n + 150] = 127;
        xbar *a = xbar_new(&p, q.w, q.k, q.n, q.blocks, q.n_blocks);
        assert_true(xbar_risk(a) > 0 && xbar_risk(a) < 0.9);
        xbar_free(a);
        every_engine(&q, seed);
        drop(&q);
    }
}

// A few columns can clip, above or below, and few of the rows make them: whole codes are multiplied
// and those columns corrected. Column blocks of the same word lines, blocks of a word and a half.
static void test_few_columns(void **state) {
    uint64_t clipped = 0;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        random_stream r = random_test(seed);
        xbar_params p = {(machine_encoding)(seed % 3), 2, 8, 1, 8, 8, 1};
        if (p.encoding != MACHINE_DIFFERENTIAL) p.adc_bits = 9;
        uint32_t tall = p.encoding == MACHINE_DIFFERENTIAL ? 100 : 180;
        problem q = make(&r, p, (uint32_t)random_in(&r, 1, 20), 2 * tall + 7, 230, tall, 90);
        int light = p.encoding == MACHINE_DIFFERENTIAL ? 20 : 127;
        for (size_t i = 0; i < (size_t)q.k * q.n; i++)
            q.w[i] = (int8_t)random_in(&r, -light, light);
        for (uint32_t k = 0; k < q.k; k++) {
            int8_t full = (int8_t)(seed % 2 ? -1 : 127);
            q.w[(size_t)k * q.n + 17] = q.w[(size_t)k * q.n + 150] = full;
            q.w[(size_t)k * q.n + 151] = (int8_t)(seed % 2 ? 127 : -127);
        }
        for (size_t i = 0; i < (size_t)q.m * q.x_stride; i++) {
            q.x[i] = (int8_t)random_in(&r, -128, 127);
            if (i / q.x_stride % 3 == 0) q.x[i] |= (int8_t)random_in(&r, 0, 127);
            if (i / q.x_stride % 3 == 1 && random_in(&r, 0, 7)) q.x[i] = -1;
        }
        xbar *a = xbar_new(&p, q.w, q.k, q.n, q.blocks, q.n_blocks);
        assert_true(a->few.count > 0);
        xbar_events e;
        free(answer(&q, a, (xbar_how){XBAR_AUTO, simd_best(), 1}, &e));
        clipped += e.clipped;
        xbar_free(a);
        every_engine(&q, seed);
        drop(&q);
    }
    assert_true(clipped > 1000);
}

static void test_phases_and_slices(void **state) {
    xbar_params p = {MACHINE_OFFSET, 2, 8, 1, 8, 8, 1};
    assert_int_equal(xbar_phases(&p), 8);
    assert_int_equal(xbar_slices(&p), 4);
    p.dac_bits = 2;
    assert_int_equal(xbar_phases(&p), 5);
    p.encoding = MACHINE_TWOS_COMPLEMENT, p.cell_bits = 1;
    assert_int_equal(xbar_slices(&p), 8);
    p.cell_bits = 0, p.input_bits = 0;
    assert_int_equal(xbar_phases(&p), 1);
    assert_int_equal(xbar_slices(&p), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_converter),
        cmocka_unit_test(test_phases_and_slices),
        cmocka_unit_test(test_one_half_saturates),
        cmocka_unit_test(test_engines_equal_cells),
        cmocka_unit_test(test_tall_blocks),
        cmocka_unit_test(test_many_rows),
        cmocka_unit_test(test_tallest_blocks),
        cmocka_unit_test(test_lossless_is_the_integer_product),
        cmocka_unit_test(test_mixed_risk),
        cmocka_unit_test(test_few_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
