// Energy of the worked program on bench-1 (docs/timing.md), however it is cut; that shares add up
// to the attojoule; that every parameter costs exactly its share; that cost.def has a row for every
// event and every parameter.
#include "cost/meter.h"
#include "isa/verify/verify.h"
#include "tests/timing/worked.h"
#include "timing/answers.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const int64_t A_TOKEN = 659906560000; // aJ

typedef struct {
    arena *a;
    isa_program *p;
    machine *chip;
} worked;

static machine *chip_with(arena *a, const char *set) {
    const char *sets[] = {"tile.scratchpad=0", set};
    machine *m = machine_load(a, OHMIC_SOURCE_DIR "/chips/bench-1.yaml", sets, set ? 2 : 1, NULL);
    assert_non_null(m);
    return m;
}

static int set_up(void **state) {
    static worked w;
    diag_sink *diags = diag_sink_new();
    w = (worked){.a = arena_new(), .p = worked_program("worked_energy.data", diags)};
    w.chip = chip_with(w.a, NULL);
    bool ok = isa_verify(w.p, w.chip, "worked.s", diags);
    diag_print(diags, 0, stderr, false);
    diag_sink_free(diags);
    assert_true(ok);
    *state = &w;
    return 0;
}

static int tear_down(void **state) {
    worked *w = *state;
    isa_program_free(w->p);
    arena_free(w->a);
    return 0;
}

// Rows in steps of `chunk`.
static counter *count(const worked *w, const machine *chip, int64_t rows, int64_t chunk) {
    counter *c = counter_new(w->p, chip);
    for (int64_t at = 0; at < rows; at += chunk) {
        timing_launch l = {.rows = {min_i64(chunk, rows - at)}, .position = at};
        counter_launch(c, &l);
    }
    return c;
}

static energy_aj total(const counter *c, const machine *chip) {
    energy_prices prices = energy_prices_of(chip);
    isa_events e = counter_total(c);
    return energy_of(&prices, &e);
}

static void a_token_of_the_worked_program(void **state) {
    const worked *w = *state;
    static const int64_t rows[] = {1, 2, 4, 16, 64}, chunks[] = {1, 3, 16, 64};
    for (size_t k = 0; k < ARRAY_LEN(rows); k++)
        for (size_t j = 0; j < ARRAY_LEN(chunks); j++) {
            counter *c = count(w, w->chip, rows[k], chunks[j]);
            assert_true(total(c, w->chip) == (energy_aj)A_TOKEN * rows[k]);
            counter_free(c);
        }
}

// Every way of dividing gives the total, also where instructions have several nodes and energies do
// not divide evenly.
static void shares_add_up(void **state) {
    const worked *w = *state;
    const uint32_t names[] = {isa_program_string(w->p, "a"), isa_program_string(w->p, "a\nb\nc"),
                              isa_program_string(w->p, "c\nd\ne\nf\ng\nh\ni"), 0};
    for (uint32_t t = 0, n = 0; t < w->p->n_tiles; t++)
        for (uint32_t pc = 0; pc < w->p->tiles[t].phase[0].count; pc++, n++) {
            w->p->tiles[t].phase[0].lines[pc].node = names[n % ARRAY_LEN(names)];
            w->p->tiles[t].phase[0].lines[pc].ir_op = n % 5 ? n / 3 : UINT32_MAX;
        }
    machine *chip = chip_with(w->a, "energy.link=1.000001");
    counter *c = count(w, chip, 5, 2);
    energy_prices prices = energy_prices_of(chip);
    for (unsigned by = 0; by < ENERGY_BYS; by++) {
        size_t n;
        arena *a = arena_new();
        energy_share *list = energy_shares(w->p, c, &prices, NULL, (energy_by)by, a, &n);
        energy_aj sum = 0;
        for (size_t k = 0; k < n; k++) {
            sum += list[k].aj;
            assert_true(list[k].aj > 0 && (k == 0 || list[k].aj <= list[k - 1].aj));
        }
        if (sum != total(c, chip)) fail_msg("by %s", energy_by_names[by]);
        assert_true(n > 1);
        arena_free(a);
    }
    counter_free(c);
}

// What is drawn all the time too, however long the run and uneven the powers.
static void standing_adds_up(void **state) {
    const worked *w = *state;
    arena *a = arena_new();
    machine *chip = chip_with(a, "power.control=123.456789");
    assert_true(machine_set(a, chip, "power.host=7.000001", NULL));
    assert_true(machine_set(a, chip, "power.digital=0.000003", NULL));
    timing *t = timing_new(w->p, chip, 0, NULL);
    timing_launch l = {.rows = {7}};
    assert_true(timing_step(t, &l, NULL, NULL));
    counter *c = count(w, chip, 7, 7);
    energy_prices prices = energy_prices_of(chip);
    const standing *s = standing_of(w->p, chip, t, a);
    inventory all = inventory_of(w->p, chip);
    assert_true(s->total > 0 && s->host > 0 && s->nobody == s->host);
    assert_true(s->total == power_energy(power_of_all(chip, all.all), timing_end(t)));
    for (unsigned by = 0; by < ENERGY_BYS; by++) {
        size_t n;
        energy_share *list = energy_shares(w->p, c, &prices, s, (energy_by)by, a, &n);
        energy_aj sum = 0, on = 0;
        for (size_t k = 0; k < n; k++) {
            sum += list[k].aj, on += list[k].standing;
            assert_true(list[k].standing >= 0);
        }
        if (sum != total(c, chip) || on != s->total) fail_msg("by %s", energy_by_names[by]);
    }
    // a tile's, by the time that its instructions are busy
    timing_ps busy = 0;
    for (size_t k = 0; k < timing_insns(t, 0); k++)
        busy += timing_insn_at(t, 0, k).tile == 1 ? timing_insn_at(t, 0, k).busy : 0;
    for (size_t k = 0; k < timing_insns(t, 0); k++) {
        timing_insn i = timing_insn_at(t, 0, k);
        energy_aj want = i.tile == 1 ? s->tile[1] * i.busy / busy : 0;
        if (i.tile == 1 && s->insn[0][1][i.pc] - want > 1) fail_msg("pc %u", i.pc);
        if (i.tile == 1 && s->insn[0][1][i.pc] < want) fail_msg("pc %u", i.pc);
    }
    counter_free(c);
    timing_free(t);
    arena_free(a);
}

// Units without limit are as many as instructions can use; with a limit they are those.
static void units_without_limit(void **state) {
    const worked *w = *state;
    arena *a = arena_new();
    const isa_tile *t = &w->p->tiles[1];
    uint64_t n = 0;
    for (uint32_t pc = 0; pc < t->phase[0].count; pc++)
        n += isa_info_of(t->phase[0].code[pc].op)->unit == ISA_UNIT_digital;
    assert_true(n > 1);
    static const int64_t limits[] = {0, 1, 7};
    for (size_t k = 0; k < ARRAY_LEN(limits); k++) {
        machine *chip = chip_with(a, arena_printf(a, "digital.units=%lld", (long long)limits[k]));
        inventory i = inventory_of_tile(w->p, chip, 1);
        uint64_t want = limits[k] ? (uint64_t)limits[k] : n;
        assert_int_equal(i.used[COMPONENT_digital], want);
        assert_int_equal(i.all[COMPONENT_digital], want);
        assert_int_equal(inventory_empty(chip).all[COMPONENT_digital], limits[k]);
    }
    arena_free(a);
}

// What is left over goes to the first nodes, an attojoule each.
static void nodes_share_evenly(void **state) {
    const worked *w = *state;
    isa_tile *t = &w->p->tiles[0];
    for (uint32_t k = 0; k < w->p->n_tiles; k++)
        for (uint32_t pc = 0; pc < w->p->tiles[k].phase[0].count; pc++)
            w->p->tiles[k].phase[0].lines[pc].node = 0;
    uint32_t pc = 0;
    while (t->phase[0].code[pc].op != ISA_mvm) pc++;
    t->phase[0].lines[pc].node = isa_program_string(w->p, "x\ny\nz");
    machine *chip = chip_with(w->a, "energy.array=0.000001");
    const char *const only[] = {"energy.conversion", "energy.dac",        "energy.shift_add",
                                "energy.lane",       "energy.scratchpad", "energy.memory",
                                "energy.link"};
    for (size_t k = 0; k < ARRAY_LEN(only); k++)
        assert_true(machine_set(w->a, chip, arena_printf(w->a, "%s=0", only[k]), NULL));
    counter *c = count(w, chip, 1, 1);
    energy_prices prices = energy_prices_of(chip);
    isa_events e = counter_insn(c, 0, 0, pc);
    int64_t all = (int64_t)energy_of(&prices, &e);
    assert_int_equal(all, e.array_phases);
    assert_int_equal(all % 3, 0);
    prices.aj[ENERGY_TERM_dac_rows] = 1; // 8 x 128 x 3 blocks more
    prices.aj[ENERGY_TERM_adc_conversions] = 0;
    prices.aj[ENERGY_TERM_array_phases] = 0;
    prices.aj[ENERGY_TERM_scratchpad_bytes] = 1; // 128 + 16 and 4 x 384: 1680
    e = counter_insn(c, 0, 0, pc);
    all = (int64_t)energy_of(&prices, &e) + 0;
    size_t n;
    energy_share *list = energy_shares(w->p, c, &prices, NULL, ENERGY_BY_node, w->a, &n);
    for (size_t k = 0; k < n; k++)
        for (int j = 0; j < 3; j++)
            if (strcmp(list[k].name, (const char *[]){"x", "y", "z"}[j]) == 0)
                assert_int_equal((int64_t)list[k].aj, all / 3 + (j < all % 3));
    counter_free(c);
}

static void zero_takes_a_share(void **state) {
    const worked *w = *state;
    counter *c = count(w, w->chip, 7, 7);
    isa_events e = counter_total(c);
    energy_prices prices = energy_prices_of(w->chip);
    energy_aj before = energy_of(&prices, &e);
    for (unsigned k = 0; k < ENERGY_TERMS; k++) {
        param x = energy_terms[k].param;
        machine *chip = chip_with(w->a, arena_printf(w->a, "%s=0", param_name(w->a, x)));
        energy_aj of_it = 0;
        for (unsigned j = 0; j < ENERGY_TERMS; j++)
            if (energy_terms[j].param == x) of_it += energy_of_term(&prices, &e, j);
        assert_true(before - total(c, chip) == of_it);
        // and every one of them moves something where its event happens
        chip = chip_with(w->a, arena_printf(w->a, "%s=1234.5", param_name(w->a, x)));
        if (energy_count(&energy_terms[k], &e)) assert_true(total(c, chip) != before);
    }
    counter_free(c);
}

// A row of cost.def for each event and each parameter of the two sections, one for each event.
static void the_table_is_complete(void **state) {
    for (size_t i = 0; i < machine_params_count; i++) {
        const char *section = machine_params[i].section;
        bool wanted = strcmp(section, "energy") == 0 || strcmp(section, "extra_energy") == 0;
        unsigned n = 0;
        for (unsigned k = 0; k < ENERGY_TERMS; k++) n += energy_terms[k].param == i;
        if (wanted != (n > 0))
            fail_msg("%s.%s: %u rows of cost.def", section, machine_params[i].name, n);
    }
#define EVENT(name, unit, summary)                                                                \
    {                                                                                             \
        isa_events e = {.name = 1};                                                               \
        unsigned n = 0;                                                                           \
        for (unsigned k = 0; k < ENERGY_TERMS; k++) n += energy_count(&energy_terms[k], &e) != 0; \
        if (n != 1) fail_msg(#name ": %u rows of cost.def", n);                                   \
    }
#include "isa/count/events.def"
}

// What is metered row by row is what is counted; no window has more than all of it.
static void meter_sees_all(void **state) {
    const worked *w = *state;
    counter *c = counter_new(w->p, w->chip);
    energy_prices prices = energy_prices_of(w->chip), assumed = energy_prices_assumed(w->chip);
    meter *m = meter_new(w->p, c, &prices, &assumed);
    timing *t = timing_new(w->p, w->chip, 0, NULL);
    timing_listen(t, counter_launch, c);
    timing_observe(t, meter_note, m);
    arena *a = arena_new();
    timing_latency l;
    assert_true(timing_sequence(t, w->p, 16, 0, a, &l, NULL));
    timing_ps window;
    energy_aj guessed, peak = meter_peak(m, &window, &guessed), sum = 0;
    assert_true(total(c, w->chip) == (energy_aj)A_TOKEN * 16);
    assert_int_equal(window, 10000);
    assert_true(peak > 0 && peak < total(c, w->chip));
    assert_true(guessed > 0 && guessed < peak);
    timing_launch last = {.rows = {16}};
    counter_launch(c, &last);
    for (uint32_t k = 0; k < w->p->n_tiles; k++)
        for (uint32_t pc = 0; pc < w->p->tiles[k].phase[0].count; pc++)
            for (int64_t r = 0; r < 16; r++) sum += meter_row(m, 0, k, pc, r);
    assert_true(sum == (energy_aj)A_TOKEN * 16);
    arena_free(a);
    timing_free(t);
    meter_free(m);
    counter_free(c);
}

// A chip that states nothing: nothing is taken for 0 in silence.
static void nothing_stated(void **state) {
    const worked *w = *state;
    machine *chip = machine_load(w->a, OHMIC_SOURCE_DIR "/chips/ideal-int8.yaml", NULL, 0, NULL);
    assert_non_null(chip);
    counter *c = count(w, chip, 1, 1);
    isa_events e = counter_total(c);
    size_t n;
    const char **lacking = energy_lacking(w->a, chip, &e, &n);
    assert_true(total(c, chip) == 0 && n > 10);
    assert_string_equal(lacking[0], "energy.conversion");
    counter_free(c);
}

static void texts(void **state) {
    arena *a = arena_new();
    energy_aj e = (energy_aj)1000000000000000000 * 123 + 45;
    assert_string_equal(energy_exact(a, e), "123000000000000000045");
    assert_string_equal(energy_exact(a, 7), "7");
    assert_string_equal(energy_text(a, A_TOKEN), "659.9 nJ");
    assert_string_equal(energy_text(a, e), "123 J");
    assert_string_equal(energy_text(a, 999), "999 aJ");
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_token_of_the_worked_program),
                                       cmocka_unit_test(shares_add_up),
                                       cmocka_unit_test(standing_adds_up),
                                       cmocka_unit_test(units_without_limit),
                                       cmocka_unit_test(nodes_share_evenly),
                                       cmocka_unit_test(zero_takes_a_share),
                                       cmocka_unit_test(the_table_is_complete),
                                       cmocka_unit_test(meter_sees_all),
                                       cmocka_unit_test(nothing_stated),
                                       cmocka_unit_test(texts)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
