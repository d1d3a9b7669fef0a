// Chip files: what ships loads, canonical text reads back, and what is wrong is said with its line.
#include "isa/machine/machine.h"
#include "support/file/file.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int set_up(void **state) {
    setenv("OHMIC_CHIPS", OHMIC_SOURCE_DIR "/chips", 1);
    return 0;
}

static machine *load(arena *a, const char *chip, diag_sink *diags) {
    return machine_load(a, chip, NULL, 0, diags);
}

static machine *parse(arena *a, const char *text, diag_sink *diags) {
    return machine_parse(a, text, strlen(text), "x.yaml", diags);
}

static void shipped_chips(void **state) {
    arena *a = arena_new();
    diag_sink *diags = diag_sink_new();
    size_t n;
    const char **names = machine_list(a, &n);
    const char *text = "";
    for (size_t i = 0; i < n; i++) {
        machine *m = load(a, names[i], diags);
        diag_print(diags, 0, stderr, false);
        assert_non_null(m);
        assert_string_equal(m->name, names[i]);
        char *once = machine_text(a, m);
        machine *back = parse(a, once, diags);
        assert_non_null(back);
        assert_string_equal(machine_text(a, back), once);
        assert_null(machine_diff(a, back, m));
        text = arena_printf(a, "%s %s", text, names[i]);
    }
    assert_non_null(strstr(text, "bench-1 ideal ideal-int8"));
    assert_non_null(strstr(text, " ohmic-1"));
    assert_int_equal(diag_count(diags), 0);
    diag_sink_free(diags);
    arena_free(a);
}

static void values(void **state) {
    arena *a = arena_new();
    machine *m = load(a, "ideal-int8", NULL);
    assert_int_equal(m->crossbar.rows, 128);
    assert_int_equal(m->crossbar.adc_bits, 0);
    assert_int_equal(m->tile.crossbars, 8);
    assert_int_equal(machine_score_levels(load(a, "leroux2025-cmos", NULL)), 512);
    assert_int_equal(machine_score_levels(load(a, "ideal", NULL)), 0);
    machine *b = load(a, OHMIC_SOURCE_DIR "/chips/bench-1.yaml", NULL);
    assert_true(b->energy.conversion == 1.67);
    assert_int_equal(b->crossbar.encoding, MACHINE_OFFSET);
    arena_free(a);
}

static void sets(void **state) {
    arena *a = arena_new();
    diag_sink *diags = diag_sink_new();
    const char *good[] = {"crossbar.rows=256", "crossbar.encoding=offset", "energy.dac=0.25"};
    machine *m = machine_load(a, "ohmic-1", good, 3, diags);
    assert_non_null(m);
    assert_int_equal(m->crossbar.rows, 256);
    assert_int_equal(m->crossbar.encoding, MACHINE_OFFSET);
    assert_true(m->energy.dac == 0.25);
    assert_string_equal(machine_diff(a, m, load(a, "ohmic-1", NULL)),
                        "crossbar.rows: 256, expected 128\n"
                        "crossbar.encoding: offset, expected differential\n"
                        "energy.dac: 0.25, expected 0.39\n");
    static const struct {
        const char *set, *expected;
    } wrong[] = {
        {"crossbar.rows", "expected section.key=value"},
        {"rows=1", "expected section.key=value"},
        {"crossbar.row=1", "no parameter 'crossbar.row'; did you mean 'crossbar.rows'?"},
        {"crossbar.rows=many", "must be an integer"},
        {"crossbar.rows=-1", "must be an integer"},
        {"crossbar.cell_bits=0", "real numbers need both"},
        {"crossbar.dac_bits=", "must be an integer"},
        {"crossbar.encoding=of", "must be one of: offset"},
        {"crossbar.input_bits=1", "which holds no sign beside a number"},
        {"crossbar.input_bits=0", "real numbers need both to be 0"},
        {"crossbar.adc_range=most", "must be one of: fixed full calibrated"},
        {"crossbar.adc_rounding=up", "must be one of: nearest down"},
        {"gain.q_levels=1", "gain.q_levels is 1, but one level holds nothing: must be 0"},
        {"gain.kv_levels=1", "gain.kv_levels is 1, but one level holds nothing"},
        {"gain.out_levels=1", "gain.out_levels is 1, but one level holds nothing"},
        {"gain.score_q_levels=1", "gain.score_q_levels is 1, but one level holds nothing"},
        {"gain.score_p_levels=1", "gain.score_p_levels is 1, but one level holds nothing"},
        {"gain.score_q_levels=2", "a signed pulse has 0"},
        {"gain.score_adc_bits=8", "have no range to convert"},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        diag_sink *d = diag_sink_new();
        assert_null(machine_load(a, "ohmic-1", &wrong[i].set, 1, d));
        assert_int_equal(diag_errors(d), 1);
        if (!strstr(diag_get(d, 0)->message, wrong[i].expected))
            fail_msg("--set %s: %s", wrong[i].set, diag_get(d, 0)->message);
        diag_sink_free(d);
    }
    diag_sink_free(diags);
    arena_free(a);
}

// Parameters that are wrong together.
static void wrong_together(void **state) {
    static const struct {
        const char *set[4], *expected;
    } wrong[] = {
        {{"crossbar.adc_range=full", "crossbar.adc_bits=0"}, "full, but a converter without limit"},
        {{"crossbar.adc_range=calibrated", "crossbar.adc_bits=0"},
         "calibrated, but a converter without limit"},
        {{"crossbar.adc_bits=8", "crossbar.adc_range=full", "crossbar.adc_step=2"},
         "adc_step is 2, which adc_range full chooses"},
        {{"crossbar.adc_range=calibrated", "crossbar.adc_step=1"},
         "adc_step is set to 1, which adc_range calibrated chooses: must be left out"},
        {{"crossbar.adc_bits=8", "crossbar.adc_range=full", "crossbar.rows=0"},
         "columns without limit (rows 0) have no largest sum"},
        {{"crossbar.adc_bits=1", "crossbar.adc_range=full", "crossbar.encoding=differential"},
         "whose only codes are -1 and 0"},
        {{"crossbar.adc_bits=0", "crossbar.adc_step=4"}, "has step 1"},
        {{"crossbar.input_bits=3", "crossbar.dac_bits=4"}, "more than the 3 input_bits"},
        {{"crossbar.weight_bits=3", "crossbar.cell_bits=4"}, "more than the 3 weight_bits"},
    };
    arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        diag_sink *d = diag_sink_new();
        size_t n = 0;
        while (n < 4 && wrong[i].set[n]) n++;
        assert_null(machine_load(a, "ohmic-1", wrong[i].set, n, d));
        assert_int_equal(diag_errors(d), 1);
        if (!strstr(diag_get(d, 0)->message, wrong[i].expected))
            fail_msg("%s: %s", wrong[i].expected, diag_get(d, 0)->message);
        diag_sink_free(d);
    }
    arena_free(a);
}

// Steps by hand: the smallest at which the largest sum has a code.
static void full_ranges(void **state) {
    static const struct {
        int64_t rows, cell, dac, bits;
        machine_encoding encoding;
        int64_t step;
    } cases[] = {
        {128, 2, 1, 8, MACHINE_OFFSET, 2},          // 384 of 255
        {128, 2, 1, 9, MACHINE_OFFSET, 1},          // of 511
        {128, 2, 1, 7, MACHINE_DIFFERENTIAL, 7},    // of 63
        {100, 4, 2, 6, MACHINE_SIGN_MAGNITUDE, 72}, // 4500 of 63
        {1024, 1, 1, 14, MACHINE_TWOS_COMPLEMENT, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        machine m = {.crossbar = {.rows = cases[i].rows, .cell_bits = cases[i].cell}};
        m.crossbar.dac_bits = cases[i].dac, m.crossbar.adc_bits = cases[i].bits;
        m.crossbar.encoding = cases[i].encoding, m.crossbar.adc_step = 1;
        assert_int_equal(machine_adc_step(&m), 1);
        m.crossbar.adc_range = MACHINE_RANGE_FULL;
        assert_int_equal(machine_adc_step(&m), cases[i].step);
    }
}

// Each text has one thing wrong.
static void wrong_files(void **state) {
    static const struct {
        const char *text;
        diag_id id;
        int line;
        const char *expected;
    } wrong[] = {
        {"name: x\ncrossbar:\n  rows: 128\n", DIAG_ID_chip_value, 3, "must be {value"},
        {"name: x\ncrossbar:\n  rwos: {value: 1}\n", DIAG_ID_chip_key, 3, "'rwos' is not known"},
        {"name: x\ncrossbars:\n  rows: {value: 1}\n", DIAG_ID_chip_key, 2, "'crossbars'"},
        {"name: x\ncrossbar: 1\n", DIAG_ID_chip_value, 2, "must be a mapping"},
        {"name: x\ncrossbar:\n  rows: {value: 1, unit: word lines}\n", DIAG_ID_chip_source, 3,
         "crossbar.rows does not say"},
        {"name: x\ncrossbar:\n  rows: {value: 1, unit: word lines, source: ''}\n",
         DIAG_ID_chip_source, 3, "add source"},
        {"name: x\ncrossbar:\n  rows: {value: 1, unit: mm, source: s}\n", DIAG_ID_chip_key, 3,
         "the unit 'mm', expected 'word lines'"},
        {"name: x\ncrossbar:\n  rows: {value: 1, source: s}\n", DIAG_ID_chip_key, 3,
         "the unit '', expected"},
        {"name: x\ncrossbar:\n  rows: {value: 99999999, unit: word lines, source: s}\n",
         DIAG_ID_chip_value, 3, "from 0 to 65536"},
        {"name: x\ncrossbar:\n  rows: {value: 1.5, unit: word lines, source: s}\n",
         DIAG_ID_chip_value, 3, "must be an integer"},
        {"name: x\ncrossbar:\n  rows: {unit: word lines, source: s}\n", DIAG_ID_chip_value, 3,
         "has no value"},
        {"name: x\ncrossbar:\n  rows: {value: 1, unit: word lines, source: s, valeu: 2}\n",
         DIAG_ID_chip_key, 3, "'valeu'"},
        {"name: x\ncrossbar:\n  encoding: {value: offset, unit: bits, source: s}\n",
         DIAG_ID_chip_key, 3, "has no unit"},
        {"name: x\nenergy:\n  dac: {value: inf, unit: pJ, source: s}\n", DIAG_ID_chip_value, 3,
         "must be a number"},
        {"tile: {}\n", DIAG_ID_chip_value, 1, "no name"},
        {"name: [x]\n", DIAG_ID_chip_value, 1, "must be a text"},
        {"- name\n", DIAG_ID_chip_value, 1, "a mapping"},
        {"name: x\nname: y\n", DIAG_ID_yaml_syntax, 2, "repeated"},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        arena *a = arena_new();
        diag_sink *d = diag_sink_new();
        assert_null(parse(a, wrong[i].text, d));
        const diag *first = diag_get(d, 0);
        if (first->id != wrong[i].id || (wrong[i].line && first->loc.line != wrong[i].line) ||
            !strstr(first->message, wrong[i].expected))
            fail_msg("%s: %d: [%s] %s", wrong[i].text, first->loc.line, diag_id_name(first->id),
                     first->message);
        diag_sink_free(d);
        arena_free(a);
    }
}

// Descriptions that older programs carry with them are read.
static void retired(void **state) {
    arena *a = arena_new();
    diag_sink *d = diag_sink_new();
    assert_non_null(parse(a, "name: x\ntime:\n  gain_sum: {value: 4, unit: ns, source: s}\n", d));
    assert_int_equal(diag_count(d), 1);
    assert_int_equal(diag_get(d, 0)->id, DIAG_ID_chip_retired);
    assert_non_null(strstr(diag_get(d, 0)->message, "say time.gain_reset instead"));
    diag_sink_free(d);
    arena_free(a);
}

static void several_at_once(void **state) {
    arena *a = arena_new();
    diag_sink *d = diag_sink_new();
    assert_null(parse(a, "crossbar:\n  rwos: {value: 1}\n  columns: 3\ntlie: {}\n", d));
    assert_int_equal(diag_errors(d), 4); // and no name
    diag_sink_free(d);
    arena_free(a);
}

static void quoting(void **state) {
    arena *a = arena_new();
    machine *m = parse(a, "name: \"a \\\"b\\\" \\\\ \\n \\xe4\"\nsummary: 'x: # y'\n", NULL);
    assert_non_null(m);
    machine *back = parse(a, machine_text(a, m), NULL);
    assert_non_null(back);
    assert_string_equal(back->name, m->name);
    assert_string_equal(back->summary, m->summary);
    arena_free(a);
}

static void no_such_chip(void **state) {
    arena *a = arena_new();
    diag_sink *d = diag_sink_new();
    assert_null(load(a, "ohmic-2", d));
    assert_int_equal(diag_get(d, 0)->id, DIAG_ID_usage);
    assert_non_null(strstr(diag_get(d, 0)->message, "ideal-int8"));
    assert_non_null(strstr(diag_get(d, 0)->message, "did you mean 'ohmic-1'?"));
    assert_null(load(a, "/nowhere/x.yaml", d));
    diag_sink_free(d);
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped_chips),
        cmocka_unit_test(values),
        cmocka_unit_test(sets),
        cmocka_unit_test(wrong_together),
        cmocka_unit_test(full_ranges),
        cmocka_unit_test(wrong_files),
        cmocka_unit_test(several_at_once),
        cmocka_unit_test(retired),
        cmocka_unit_test(quoting),
        cmocka_unit_test(no_such_chip),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
