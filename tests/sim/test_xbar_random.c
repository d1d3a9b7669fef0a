// Random crossbars: every engine on every path against the sums and counts that docs/numerics.md
// and the head of xbar.h define, written down here anew: no plan, no table of digits and no
// converter of the simulator's. `sim_test_xbar_random N FROM` runs N of them from number FROM on.
#include "runtime-sim/xbar/xbar.h"
#include "support/base.h"
#include "tests/random.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// ---- the oracle: columns of one block, in terms of bits --------------------------------------

typedef struct {
    const xbar_params *p;
    int64_t clipped, rounded, conversions;
} reading;

// A sum of charges as the converter gives it back, in cell units.
static int64_t read_out(reading *a, int64_t sum) {
    const xbar_params *p = a->p;
    a->conversions++;
    if (p->adc_bits == 0) return sum;
    const int64_t over = sum % p->adc_step; // the multiple of the step at or below the sum:
    const int64_t below = sum - (over < 0 ? over + p->adc_step : over);
    const int64_t above = below == sum ? sum : below + p->adc_step;
    a->rounded += below != sum;
    int64_t value = below;
    if (p->adc_rounding == MACHINE_NEAREST) {
        const bool tie = sum - below == above - sum;
        if (tie ? below / p->adc_step % 2 != 0 : above - sum < sum - below) value = above;
    }
    int64_t most = 1, least = 0;
    for (int i = 0; i < p->adc_bits; i++) most *= 2;
    if (p->encoding == MACHINE_DIFFERENTIAL) most /= 2, least = -most;
    most = (most - 1) * p->adc_step, least *= p->adc_step;
    a->clipped += value < least || value > most;
    return value < least ? least : value > most ? most : value;
}

// The number that bits [from, from + n) of v make.
static int64_t field(int64_t v, int from, int n) {
    int64_t f = 0;
    for (int i = n; i-- > 0;) f = 2 * f + ((v >> (from + i)) & 1);
    return f;
}

// A row x[rows] driven in all phases into bits [from, from + n) of the numbers on cells; weights as
// `w` on pairs of cells may be negative. Gives the digital sum over the phases.
static int64_t drive(reading *a, const int8_t *x, const int64_t *w, size_t rows, int from, int n) {
    const int bits = a->p->input_bits;
    int64_t total = 0;
    for (int at = 0; at < bits;) {
        const bool sign = at == bits - 1;
        int width = sign ? 1 : a->p->dac_bits;
        if (!sign && at + width > bits - 1) width = bits - 1 - at;
        int64_t charge = 0;
        for (size_t k = 0; k < rows; k++) {
            const int64_t cell = w[k] < 0 ? -field(-w[k], from, n) : field(w[k], from, n);
            charge += field(x[k], at, width) * cell;
        }
        const int64_t value = read_out(a, charge) * (INT64_C(1) << (at + from));
        total += sign ? -value : value;
        at += width;
    }
    return total;
}

static int64_t column_of(reading *a, const int8_t *x, const int8_t *w, size_t stride, size_t rows) {
    const xbar_params *p = a->p;
    const int b = p->weight_bits,
              unsigned_bits = p->encoding == MACHINE_TWOS_COMPLEMENT ? b - 1 : b;
    const int64_t top = INT64_C(1) << (b - 1);
    int64_t up[256], down[256], total = 0; // what stands on the cells
    for (size_t k = 0; k < rows; k++) {
        const int64_t v = w[k * stride];
        up[k] = v, down[k] = 0;
        switch (p->encoding) {
        case MACHINE_OFFSET: up[k] = v + top; break;
        case MACHINE_TWOS_COMPLEMENT: // |v| bits of a negative number: those of v + 2^b
            up[k] = v < 0 ? v + 2 * top : v;
            break;
        case MACHINE_DIFFERENTIAL: break;
        case MACHINE_SIGN_MAGNITUDE: up[k] = v > 0 ? v : 0, down[k] = v < 0 ? -v : 0; break;
        }
        if (p->encoding == MACHINE_OFFSET) total -= top * x[k];
    }
    for (int from = 0; from < unsigned_bits; from += p->cell_bits) {
        const int n = from + p->cell_bits <= unsigned_bits ? p->cell_bits : unsigned_bits - from;
        total += drive(a, x, up, rows, from, n);
        if (p->encoding == MACHINE_SIGN_MAGNITUDE) total -= drive(a, x, down, rows, from, n);
    }
    if (p->encoding == MACHINE_TWOS_COMPLEMENT) total -= drive(a, x, up, rows, b - 1, 1);
    return total;
}

// ---- problems --------------------------------------------------------------------------------

enum { MOST_ROWS = 17, MOST_K = 64, MOST_N = 20, MOST_BLOCKS = 64 };

typedef struct {
    xbar_params p;
    uint32_t m, k, n, n_blocks;
    int8_t x[MOST_ROWS * MOST_K], w[MOST_K * MOST_N];
    isa_block blocks[MOST_BLOCKS];
} problem;

static int one_of(random_stream *r, const int *of, size_t n) {
    return of[random_in(r, 0, (int64_t)n - 1)];
}
#define ONE_OF(r, ...) \
    one_of(r, (const int[]){__VA_ARGS__}, sizeof((const int[]){__VA_ARGS__}) / sizeof(int))

static problem make(uint64_t number) {
    random_stream r = random_test(number);
    problem q = {.m = (uint32_t)ONE_OF(&r, 1, 2, 3, 5, 8, 16, 17),
                 .k = (uint32_t)random_in(&r, 1, MOST_K),
                 .n = (uint32_t)random_in(&r, 1, MOST_N)};
    q.p = (xbar_params){.encoding = (machine_encoding)(number % ISA_COUNT_encoding),
                        .weight_bits = ONE_OF(&r, 8, 8, 8, 2, 3, 4, 5, 6, 7),
                        .input_bits = ONE_OF(&r, 8, 8, 8, 2, 3, 4, 5, 6, 7),
                        .adc_bits = ONE_OF(&r, 0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 9, 10, 12, 14),
                        .adc_step = 1,
                        .adc_rounding = (machine_adc_rounding)random_in(&r, 0, 1)};
    q.p.cell_bits = (int)min_i64(ONE_OF(&r, 1, 1, 2, 2, 2, 3, 4, 5, 6, 7, 8), q.p.weight_bits);
    q.p.dac_bits = (int)min_i64(ONE_OF(&r, 1, 1, 1, 2, 2, 4, 3, 5, 8), q.p.input_bits);
    if (q.p.adc_bits) q.p.adc_step = ONE_OF(&r, 1, 1, 1, 2, 4, 8, 16, 3, 7, 100);
    const int64_t top = INT64_C(1) << (q.p.weight_bits - 1),
                  driven = INT64_C(1) << (q.p.input_bits - 1), spread = random_in(&r, 1, top);
    const int kind = (int)random_in(&r, 0, 3);
    for (uint32_t i = 0; i < q.k * q.n; i++) {
        const int64_t v = random_in(&r, -spread, spread);
        q.w[i] = (int8_t)(kind == 0 ? (v < 0 ? -top : top - 1) : v < top ? v : top - 1);
    }
    for (uint32_t i = 0; i < q.m * q.k; i++) {
        const int64_t v = random_in(&r, -driven, driven - 1);
        q.x[i] = (int8_t)(kind == 1 && random_in(&r, 0, 3) ? 0
                          : kind == 2                      ? (v < 0 ? -1 : driven - 1)
                                                           : v);
    }
    // no power of two needed, nor that blocks are alike
    const uint32_t rows = (uint32_t)random_in(&r, q.k / 8 + 1, q.k),
                   cols = (uint32_t)random_in(&r, q.n / 8 + 1, q.n);
    for (uint32_t k = 0; k < q.k; k += rows)
        for (uint32_t n = 0; n < q.n; n += cols)
            q.blocks[q.n_blocks++] = (isa_block){.k0 = k,
                                                 .n0 = n,
                                                 .rows = q.k - k < rows ? q.k - k : rows,
                                                 .cols = q.n - n < cols ? q.n - n : cols};
    return q;
}

static void expected(const problem *q, int32_t *acc, reading *a) {
    *a = (reading){.p = &q->p};
    memset(acc, 0, (size_t)q->m * q->n * sizeof *acc);
    for (uint32_t i = 0; i < q->n_blocks; i++) {
        const isa_block *b = &q->blocks[i];
        for (uint32_t m = 0; m < q->m; m++)
            for (uint32_t n = b->n0; n < b->n0 + b->cols; n++)
                acc[m * q->n + n] +=
                    (int32_t)column_of(a, q->x + (size_t)m * q->k + b->k0,
                                       q->w + (size_t)b->k0 * q->n + n, q->n, b->rows);
    }
}

// Words of the problem, and which engine is wrong. True: none.
static bool agree(uint64_t number) {
    static const char *const engines[] = {"auto", "cells", "rows", "lut"};
    const problem q = make(number);
    int32_t want[MOST_ROWS * MOST_N], got[MOST_ROWS * MOST_N];
    reading a;
    expected(&q, want, &a);
    xbar *x = xbar_new(&q.p, q.w, q.k, q.n, q.blocks, q.n_blocks);
    bool ok = true;
    for (int path = SIMD_PORTABLE; path < SIMD_PATHS; path++)
        for (int engine = XBAR_AUTO; engine <= XBAR_LUT && simd_has((simd_path)path); engine++) {
            xbar_events e = {0};
            const xbar_how how = {(xbar_engine)engine, (simd_path)path, 1};
            xbar_run(x, &how, q.x, q.k, q.m, got, q.n, &e);
            if (memcmp(got, want, (size_t)q.m * q.n * sizeof *got) == 0 &&
                (int64_t)e.clipped == a.clipped && (int64_t)e.rounded == a.rounded &&
                (int64_t)e.conversions == a.conversions)
                continue;
            ok = false;
            print_message("%llu: engine %s, %s: %u x %u x %u, %u blocks, encoding %s, weights %d, "
                          "cells %d, rows %d, dac %d, adc %d step %lld %s; clipped %llu (%lld), "
                          "rounded %llu (%lld)\n",
                          (unsigned long long)number, engines[engine], simd_name((simd_path)path),
                          q.m, q.k, q.n, q.n_blocks,
                          isa_name(ISA_ENUM_encoding, (unsigned)q.p.encoding), q.p.weight_bits,
                          q.p.cell_bits, q.p.input_bits, q.p.dac_bits, q.p.adc_bits,
                          (long long)q.p.adc_step,
                          isa_name(ISA_ENUM_adc_rounding, (unsigned)q.p.adc_rounding),
                          (unsigned long long)e.clipped, (long long)a.clipped,
                          (unsigned long long)e.rounded, (long long)a.rounded);
        }
    xbar_free(x);
    return ok;
}

static void test_random(void **state) {
    for (uint64_t number = 0; number < 5000; number++) assert_true(agree(number));
}

// ---- what others publish ---------------------------------------------------------------------

static void lossless(const xbar_params *p, const int8_t *w, const int8_t *x, uint32_t k, uint32_t n,
                     int32_t *out, xbar_events *e) {
    const isa_block b = {.rows = k, .cols = n};
    xbar *a = xbar_new(p, w, k, n, &b, 1);
    *e = (xbar_events){0};
    xbar_run(a, &(xbar_how){XBAR_CELLS, SIMD_PORTABLE, 1}, x, k, 1, out, n, e);
    xbar_free(a);
}

// Integer products of rpelke/analog-cim-sim's tests (facts/peer_vectors.json, int_mvm_exact):
// 3 x 2 matrices, slices of 1, 3 and 4 bits there, all encodings and cells here.
static void test_peer_products(void **state) {
    static const struct {
        int8_t w[2][3], x[2]; // [k][n]
        int32_t acc[3], out[3];
    } cases[] = {
        {{{100, 1, 12}, {-32, 0, 1}}, {-120, 55}, {1, 1, -1}, {-13759, -119, -1386}},
        {{{100, 1, -12}, {-32, 0, 1}}, {120, 55}, {1, 1, -1}, {10241, 121, -1386}},
        {{{1, -1, 1}, {1, -1, -1}}, {1, 1}, {0, 0, 0}, {2, -2, 0}},
    };
    for (int encoding = 0; encoding < ISA_COUNT_encoding; encoding++)
        for (int cell = 1; cell <= 8; cell++)
            for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const xbar_params p = {
                    (machine_encoding)encoding, cell, 8, 1, 8, 20, 1, MACHINE_NEAREST};
                int32_t out[3];
                xbar_events e;
                lossless(&p, cases[i].w[0], cases[i].x, 2, 3, out, &e);
                for (int n = 0; n < 3; n++)
                    assert_int_equal(cases[i].acc[n] + out[n], cases[i].out[n]);
                assert_int_equal(e.clipped, 0);
            }
}

// Its bound on what converters of 2 to 8 bits over the full range may be off (adc_quant_bound):
// half a step. One cell a weight; -1 drives every phase alike, so that the errors of all but one
// cancel.
static void test_peer_bound(void **state) {
    static const int8_t w[5][3] = {
        {-128, 127, -12}, {-128, 127, 88}, {-128, 127, 65}, {-128, 127, 0}, {-128, 127, -99}};
    static const int8_t x[5] = {-1, -1, -1, -1, -1};
    machine m = {.crossbar = {.rows = 5, .weight_bits = 8, .cell_bits = 8, .input_bits = 8}};
    m.crossbar.dac_bits = 1, m.crossbar.adc_step = 1;
    m.crossbar.encoding = MACHINE_DIFFERENTIAL, m.crossbar.adc_range = MACHINE_RANGE_FULL;
    for (int bits = 2; bits <= 8; bits++) {
        m.crossbar.adc_bits = bits;
        const xbar_params p = xbar_params_of(&m);
        int32_t out[3];
        xbar_events e;
        lossless(&p, w[0], x, 5, 3, out, &e);
        // the full range, 5 * 255 either way, in steps of whole cells
        assert_int_equal(p.adc_step, (5 * 255 + (1 << (bits - 1)) - 2) / ((1 << (bits - 1)) - 1));
        assert_int_equal(e.clipped, 0);
        for (int n = 0; n < 3; n++) {
            int exact = 0;
            for (int k = 0; k < 5; k++) exact -= w[k][n];
            assert_true(2 * labs((long)out[n] - exact) <= p.adc_step);
        }
    }
}

// Conversions of a product, on ISAAC's arrays and on RAELLA's with signed cells (facts/hardware.md
// 3.1 and 3.5): a quarter of one a product of 8 bits, a sixteenth on 512 rows.
static void test_conversions(void **state) {
    static const struct {
        xbar_params p;
        uint32_t rows, macs_a_conversion;
    } cases[] = {
        {{MACHINE_OFFSET, 2, 8, 1, 8, 8, 1, MACHINE_NEAREST}, 128, 4},
        {{MACHINE_DIFFERENTIAL, 2, 8, 1, 8, 7, 1, MACHINE_NEAREST}, 512, 16},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const uint32_t k = 2 * cases[i].rows, n = 96;
        int8_t *w = base_calloc((size_t)k * n, 1), *x = base_calloc(k, 1);
        const isa_block blocks[2] = {{.rows = k / 2, .cols = n},
                                     {.k0 = k / 2, .rows = k / 2, .cols = n}};
        xbar *a = xbar_new(&cases[i].p, w, k, n, blocks, 2);
        xbar_events e = {0};
        int32_t acc[96];
        xbar_run(a, &(xbar_how){XBAR_AUTO, SIMD_PORTABLE, 1}, x, k, 1, acc, n, &e);
        assert_int_equal(e.conversions * cases[i].macs_a_conversion, (uint64_t)k * n);
        xbar_free(a);
        free(w);
        free(x);
    }
}

int main(int argc, char **argv) {
    if (argc > 1) {
        const uint64_t n = strtoull(argv[1], NULL, 10),
                       from = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
        uint64_t wrong = 0;
        for (uint64_t i = from; i < from + n; i++) wrong += !agree(i);
        printf("%llu crossbars, %llu differ\n", (unsigned long long)n, (unsigned long long)wrong);
        return wrong != 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_peer_products),
        cmocka_unit_test(test_peer_bound),
        cmocka_unit_test(test_conversions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
