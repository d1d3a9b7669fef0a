// What a chip could do at best, and what is odd about one: ISAAC's published totals from its
// components, the figures of bench-1 by hand, every finding of `chips --check`; that every number
// of a shipped chip says how sure it is.
#include "cost/chip.h"
#include "cost/guesses.h"
#include "isa/machine/pool.h"
#include "support/file/file.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static machine *load(arena *a, const char *path, const char *set) {
    machine *m = machine_load(a, path, &set, set ? 1 : 0, NULL);
    if (!m) fail_msg("%s with %s", path, set ? set : "nothing");
    return m;
}
#define CHIP(name) OHMIC_SOURCE_DIR "/chips/" name ".yaml"

static bool near(double x, double want, double most) {
    return x - want <= most && want - x <= most;
}

static void isaac(void **state) {
    arena *a = arena_new();
    chip_figures f = chip_figures_of(load(a, OHMIC_SOURCE_DIR "/tests/cost/isaac.yaml", NULL));
    assert_true(near(f.chip_mm2, 85.4, 0.1) && near(f.chip_static_w, 65.8, 0.1));
    assert_true(near(f.tile_mm2, 0.372, 0.001) && near(f.tile_static_w, 0.330, 0.001));
    assert_true(near(f.conversions_per_mac, 0.25, 1e-9)); // the law, for 8-bit weights and inputs
    assert_true(near(f.crossbar_tops, 4 * 41.3, 0.2));    // 16 bits take four times as long
    arena_free(a);
}

static void by_hand(void **state) {
    arena *a = arena_new();
    chip_figures f = chip_figures_of(load(a, CHIP("bench-1"), NULL));
    assert_true(f.row_ns == 128 && near(f.row_pj, 4096 * 1.72 + 1024 * 0.39 + 32 * 30, 1e-6));
    assert_true(f.head_ns == 65 && near(f.head_pj, 6150, 1e-6));
    assert_true(near(f.crossbar_tops, 64.0 * 8 * 16384 * 2 / 128 / 1000, 1e-9) && f.gain_tops == 0);
    f = chip_figures_of(load(a, CHIP("bench-1"), "tile.ring_heads=2"));
    assert_true(near(f.gain_tops, 64.0 * 2 * 131072 * 2 / 65 / 1000, 1e-9));
    f = chip_figures_of(load(a, CHIP("ideal"), NULL));
    assert_true(f.row_ns == 0 && f.crossbar_tops == 0 && f.chip_mm2 == 0 && f.tops_per_watt == 0);
    arena_free(a);
}

static void expect_unlimited(const char *path, const char *set, const char *want) {
    arena *a = arena_new();
    size_t n;
    const char **list = chip_unlimited(a, load(a, path, set), &n), *found = "";
    for (size_t k = 0; k < n; k++) found = arena_printf(a, "%s%s ", found, list[k]);
    assert_string_equal(found, want);
    arena_free(a);
}

// The dense crossbars that a program fills are in no figure of a chip that sets no number of them.
static void without_limit(void **state) {
    arena *a = arena_new();
    const machine *m = load(a, CHIP("wang2025"), NULL);
    const chip_figures f = chip_figures_of(m),
                       g = chip_figures_of(load(a, CHIP("wang2025"), "dense.arrays=1"));
    assert_true(f.row_pj == 0); // there is no crossbar that a row goes through
    assert_true(near(g.chip_mm2 - f.chip_mm2, m->area.dense / 1e6, 1e-9));
    arena_free(a);
    expect_unlimited(CHIP("wang2025"), NULL, "dense ");
    expect_unlimited(CHIP("wang2025"), "dense.arrays=1", "");
    expect_unlimited(CHIP("bench-1"), NULL, "gain_k gain_v gain_digital memory ");
    expect_unlimited(CHIP("ohmic-1"), NULL, "memory ");
    expect_unlimited(CHIP("ideal"), NULL, "");
}

static void every_area_and_power_counts(void **state) {
    arena *a = arena_new();
    const char *all = "tile.memory=1000000";
    machine *m = load(a, CHIP("ohmic-1"), all);
    assert_true(machine_set(a, m, "gain.score_cells=1", NULL));
    assert_true(machine_set(a, m, "gain.score_q_levels=16", NULL));
    assert_true(machine_set(a, m, "gain.score_adc_bits=8", NULL));
    assert_true(machine_set(a, m, "pool.arrays=2", NULL));
    assert_true(machine_set(a, m, "dense.arrays=3", NULL));
    chip_figures before = chip_figures_of(m);
    for (size_t k = 0; k < machine_params_count; k++) {
        bool area = strcmp(machine_params[k].section, "area") == 0;
        if (!area && strcmp(machine_params[k].section, "power") != 0) continue;
        machine changed = *m;
        const char *name = param_name(a, (param)k);
        assert_true(machine_set(a, &changed, arena_printf(a, "%s=4e6", name), NULL));
        chip_figures f = chip_figures_of(&changed);
        if (area ? f.chip_mm2 == before.chip_mm2 : f.chip_static_w == before.chip_static_w)
            fail_msg("%s moves nothing", name);
    }
    arena_free(a);
}

static void findings(void **state) {
    static const struct {
        const char *chip, *set, *says;
        bool impossible;
    } cases[] = {
        {CHIP("ideal"), NULL, "section energy states 0 of", false},
        {CHIP("bench-1"), NULL, "all 19 figures of section power are assumed", false},
        {CHIP("ohmic-1"), "crossbar.columns_per_adc=24", "does not divide 128 columns", false},
        {CHIP("ohmic-1"), "time.settle=100", "converters wait for the arrays", false},
        {CHIP("ohmic-1"), "crossbar.adc_bits=16", "most codes are never used", false},
        {CHIP("ohmic-1"), "tile.port=1", "inputs and sums of one crossbar take", false},
        {CHIP("ohmic-1"), "energy.conversion=2000", "published converters take 0.2 to 40", false},
        {CHIP("ohmic-1"), "area.array=1", "less than 4 F2", false},
        {CHIP("ohmic-1"), "area.array=0.001", "less than a square nanometre", true},
        {CHIP("leroux2025-cmos"), "area.gain_k=1", "OSFET cells of 1 um2", false},
        {CHIP("leroux2025-cmos"), "gain.retention=1000", "longer than gain.retention", false},
        {OHMIC_SOURCE_DIR "/tests/cost/isaac.yaml", "energy.array=1e-6", "less than kT ln 2", true},
    };
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        arena *a = arena_new();
        diag_sink *diags = diag_sink_new();
        machine *m = load(a, cases[k].chip, cases[k].set);
        assert_int_equal(chip_inspect(m, "it", diags), !cases[k].impossible);
        bool said = false;
        for (size_t i = 0; i < diag_count(diags); i++) {
            const diag *d = diag_get(diags, i);
            said = said ||
                   (strstr(d->message, cases[k].says) &&
                    d->id == (cases[k].impossible ? DIAG_ID_chip_impossible : DIAG_ID_chip_odd));
        }
        if (!said) {
            diag_print(diags, 0, stderr, false);
            fail_msg("%s with %s: nobody says '%s'", cases[k].chip, cases[k].set, cases[k].says);
        }
        diag_sink_free(diags);
        arena_free(a);
    }
    // as fast as nothing
    arena *a = arena_new();
    diag_sink *diags = diag_sink_new();
    machine *m = load(a, CHIP("bench-1"), "tile.crossbars=100000");
    assert_true(machine_set(a, m, "energy.conversion=0", NULL));
    assert_true(machine_set(a, m, "energy.dac=0", NULL));
    assert_true(machine_set(a, m, "energy.shift_add=0", NULL));
    assert_true(machine_set(a, m, "energy.array=0.002", NULL));
    chip_inspect(m, "it", diags);
    bool said = false;
    for (size_t i = 0; i < diag_count(diags); i++)
        said = said || strstr(diag_get(diags, i)->message, "TOPS/W");
    assert_true(said);
    diag_sink_free(diags);
    arena_free(a);
}

// A class in the file itself, on every line that has a value.
static void every_number_has_a_class(void **state) {
    static const char *const names[] = {"ideal",      "ideal-int8",      "bench-1", "ohmic-1",
                                        "leroux2025", "leroux2025-cmos", "wang2025"};
    for (size_t k = 0; k < ARRAY_LEN(names); k++) {
        arena *a = arena_new();
        file_map f;
        assert_true(
            file_map_open(&f, arena_printf(a, OHMIC_SOURCE_DIR "/chips/%s.yaml", names[k]), NULL));
        char *text = arena_strn(a, (const char *)f.data, f.bytes);
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
            if (strstr(line, "{value: ") && !strstr(line, ", class: "))
                fail_msg("%s: %s", names[k], line);
        file_map_close(&f);
        arena_free(a);
    }
}

// The chips that have times leave no parameter to a default, which nobody vouches for.
static void complete_chips_say_all(void **state) {
    static const char *const names[] = {"bench-1", "ohmic-1", "leroux2025", "leroux2025-cmos"};
    for (size_t k = 0; k < ARRAY_LEN(names); k++) {
        arena *a = arena_new();
        machine *m = load(a, arena_printf(a, OHMIC_SOURCE_DIR "/chips/%s.yaml", names[k]), NULL);
        for (size_t i = 0; i < machine_params_count; i++)
            if (machine_class_of(m, i) == MACHINE_UNSTATED &&
                !machine_is_of_pool(&machine_params[i]))
                fail_msg("chips/%s.yaml does not state %s", names[k], param_name(a, (param)i));
        arena_free(a);
    }
}

// What is left out was assumed, and takes no time any more; what somebody stated stays.
static void guesses(void **state) {
    arena *a = arena_new();
    const machine *m = load(a, CHIP("ohmic-1"), NULL);
    const machine sure = guesses_left_out(m);
    for (size_t i = 0; i < machine_params_count; i++) {
        const machine_param *p = &machine_params[i];
        bool time = strcmp(p->section, "time") == 0 || strcmp(p->section, "extra") == 0 ||
                    strcmp(p->section, "passes") == 0;
        bool assumed = machine_class_of(m, i) <= MACHINE_ASSUMED;
        double now = machine_number(&sure, i);
        if (time && now != (assumed ? 0 : machine_number(m, i)))
            fail_msg("%s", param_name(a, (param)i));
        if (!assumed && now != machine_number(m, i)) fail_msg("%s", param_name(a, (param)i));
    }
    assert_true(m->time.gain_score == 15 && sure.time.gain_score == 15);
    assert_true(m->router.width == 16 && sure.router.width == 0 && sure.tile.port == 0);
    assert_true(sure.crossbar.columns_per_adc == 1 && sure.digital.units == 0);
    assert_true(sure.crossbar.rows == 128 && sure.energy.lane == m->energy.lane);
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(isaac),
                                       cmocka_unit_test(by_hand),
                                       cmocka_unit_test(without_limit),
                                       cmocka_unit_test(every_area_and_power_counts),
                                       cmocka_unit_test(findings),
                                       cmocka_unit_test(every_number_has_a_class),
                                       cmocka_unit_test(complete_chips_say_all),
                                       cmocka_unit_test(guesses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
