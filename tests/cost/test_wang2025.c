// The headlines of Wang et al. 2025 from chips/wang2025.yaml, through the tables of every chip:
// events of the weight-stationary products of BERT-Base and BERT-Large at 128 tokens (shapes alone:
// what a program's `mvm` of these groups counts), their energy, time and area; beside them what
// follows from sizes and published figures alone. docs/wang2025.md quotes what this prints.
// Published figures are the paper's (arXiv 2410.15977) unless said otherwise.
#include "cost/chip.h"
#include "cost/energy.h"
#include "isa/count/pool.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { TOKENS = 128 };
static const double TOKENS_OPS =
    1.027e11; // of BERT-Large at 128 tokens, products of activations too

typedef struct {
    const char *name;
    uint32_t layers, width;
} bert;
static const bert BASE = {"BERT-Base", 12, 768}, LARGE = {"BERT-Large", 24, 1024};

static machine *chip(arena *a, const char *set, const char *more) {
    const char *sets[] = {set, more};
    machine *m =
        machine_load(a, OHMIC_SOURCE_DIR "/chips/wang2025.yaml", sets, !!set + !!more, NULL);
    assert_non_null(m);
    return m;
}

static isa_group matrix(const machine *m, uint32_t k, uint32_t n) {
    return (isa_group){.kind = ISA_STORED,
                       .wtype = ISA_W_I8,
                       .k = k,
                       .k1 = k,
                       .n = n,
                       .digits = (uint8_t)m->pool.digits,
                       .digit_bits = (uint8_t)m->pool.digit_bits,
                       .apart = !m->pool.subtract,
                       .adc_bits = (uint8_t)m->pool.adc_bits,
                       .adc_step = (uint32_t)machine_pool_step(m),
                       .chunk = (uint32_t)machine_pool_chunk(m)};
}

typedef struct {
    isa_events e;
    uint64_t weights, steps, reads, dense;
} products;

// Q, K, V, output; the two of the feed-forward network.
static products products_of(const machine *m, const bert *b) {
    products p = {0};
    const uint32_t shapes[6][2] = {{b->width, b->width},     {b->width, b->width},
                                   {b->width, b->width},     {b->width, b->width},
                                   {b->width, 4 * b->width}, {4 * b->width, b->width}};
    const uint64_t beats = ceil_div_u64(TOKENS, (uint64_t)machine_pool_beat(m));
    isa_group groups[6 * 24];
    uint32_t n = 0;
    for (uint32_t l = 0; l < b->layers; l++)
        for (int i = 0; i < 6; i++) {
            isa_group *g = &groups[n];
            *g = matrix(m, shapes[i][0], shapes[i][1]);
            g->cells = n++; // codes of its own
            isa_count_pool_row(&p.e, g, TOKENS);
            isa_count_pool_arrays(&p.e, m, g, 0, TOKENS);
            p.weights += (uint64_t)g->k * g->n;
            p.steps += beats * isa_pool_steps(g);
            p.reads += beats * (uint64_t)machine_dense_reads(m, g->k, g->n);
        }
    p.dense = isa_dense_arrays(m, &(isa_tile){.groups = groups, .n_groups = n});
    return p;
}

static double millijoules(const machine *m, const isa_events *e) {
    energy_prices prices = energy_prices_of(m);
    return energy_pj(energy_of(&prices, e)) / 1e9;
}

static void within(const char *what, double found, double published, double share) {
    printf("%-58s %12.6g   published %g\n", what, found, published);
    if (fabs(found - published) > share * published)
        fail_msg("%s is %g, not %g within %g %%", what, found, published, 100 * share);
}

static void weight_stationary_products(void **state) {
    arena *a = arena_new();
    const machine *m = chip(a, NULL, NULL);
    const products base = products_of(m, &BASE), large = products_of(m, &LARGE);
    assert_int_equal(large.weights, 301989888);
    assert_int_equal(large.weights * 4 % (UINT64_C(1) << 26), 0); // 18.00 dense crossbars
    assert_int_equal(large.dense, 18);
    assert_int_equal(large.steps, 28311552);
    assert_int_equal(large.reads, 2359296);
    within("BERT-Large: seconds of one array", (double)large.steps * m->time.pool / 1e9, 2.831,
           1e-3);
    within("BERT-Large: mJ, DAC calibrated", millijoules(m, &large.e), 20.44, 0.01);
    within("BERT-Base: mJ, the same", millijoules(m, &base.e), 5.8, 0.03);
    const machine *none = chip(a, "energy.dac=0", NULL);
    printf("BERT-Large without DACs, which nothing but the calibration states: %.2f mJ, BERT-Base "
           "%.2f mJ\n",
           millijoules(none, &large.e), millijoules(none, &base.e));
    assert_true(millijoules(none, &large.e) < 9);
    const double tpu = TOKENS_OPS * 192 / 275e12 * 1e3, a100 = TOKENS_OPS * 400 / 624e12 * 1e3;
    within("TPUv4: mJ, work x 192 W / 275 TOPS", tpu, 71.71, 0.01);
    within("A100: mJ, work x 400 W / 624 TOPS", a100, 65.84, 0.01);
    within("less than the A100, %", 100 * (1 - millijoules(m, &large.e) / 65.84), 69, 0.01);
    arena_free(a);
}

// Reads of dense crossbars as the paper takes them (4.9 TB/s), then at 10 and 100 ns.
static void area_delay(void **state) {
    arena *a = arena_new();
    static const int pools[] = {1000, 1536, 2000, 2200, 3000, 4096};
    printf("arrays   mm2     ms    mm2 s   reads of 10 ns   of 100 ns\n");
    for (size_t i = 0; i < ARRAY_LEN(pools); i++) {
        const machine *m = chip(a, arena_printf(a, "pool.arrays=%d", pools[i]), "dense.arrays=18");
        const products p = products_of(m, &LARGE);
        const double mm2 = chip_figures_of(m).chip_mm2;
        const double s = (double)p.steps * m->time.pool / 1e9 / pools[i];
        const double at10 = (double)p.reads / 18 * 10e-9, at100 = (double)p.reads / 18 * 100e-9;
        printf("%6d %6.2f %6.3f %8.4f %16.4f %11.4f\n", pools[i], mm2, s * 1e3, mm2 * s,
               mm2 * fmax(s, at10), mm2 * fmax(s, at100));
        if (pools[i] == 2200) within("mm2 s at 2,200 arrays", mm2 * s, 0.0300, 0.03);
        if (pools[i] == 2200) within("times less than the A100's 2.04", 2.04 / (mm2 * s), 68, 0.03);
    }
    arena_free(a);
}

static void sizes(void **state) {
    const double hbm = 6 * 819e9; // bytes/s: six stacks
    within("BERT-Base: us for its weights", 84934656 / hbm * 1e6, 17.28, 3e-4);
    within("BERT-Large: us for its weights", 301989888 / hbm * 1e6, 61.46, 3e-4);
    static const struct {
        const char *cell;
        double bits, f2, mm2, exact; // exact: of 174,604,259,328 parameters
    } cells[] = {{"RRAM of 4 bits", 4, 4, 274.4, 273.8},
                 {"DRAM", 1, 6, 1646.4, 1642.7},
                 {"SRAM", 1, 100, 27440, 27378}};
    for (size_t i = 0; i < ARRAY_LEN(cells); i++) {
        double byte = 8 / cells[i].bits * cells[i].f2 * 14 * 14 * 1e-12; // mm2 at 14 nm
        within(cells[i].cell, 175e9 * byte, cells[i].mm2, 1e-9);
        within("  GPT-3's parameters", 174604259328. * byte, cells[i].exact, 2e-4);
    }
    assert_int_equal((int)(175e9 / 63e6), 2777); // chips of 63 MB, truncated as published
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(weight_stationary_products),
                                       cmocka_unit_test(area_delay), cmocka_unit_test(sizes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
