// Programs that the verifier accepts run, to the end, and give the numbers that the plain
// interpreter gives: generated ones, and those with an instruction, a port and a buffer changed
// together. Build with OHMIC_SANITIZE to see what they touch.
#include "isa/text/text.h"
#include "isa/verify/verify.h"
#include "tests/programs/compare.h"
#include "tests/programs/ideas_units.h"
#include "tests/programs/mutate.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { CHIPS = 6 };

static machine *chip_of(arena *a, unsigned kind) {
    static const char *const sets[CHIPS][8] = {
        {"tile.crossbars=0"},
        {"tile.crossbars=0", "crossbar.adc_bits=6"},
        {"tile.crossbars=0", "crossbar.encoding=differential", "crossbar.adc_bits=5",
         "crossbar.adc_step=3"},
        {"tile.crossbars=0", "crossbar.encoding=twos_complement", "crossbar.adc_bits=7",
         "crossbar.cell_bits=3", "crossbar.dac_bits=2"},
        {"tile.crossbars=0", "digital.format=bf16"},
        {"tile.crossbars=0", "digital.format=f16", "tile.active_set=3"}};
    size_t n = 0;
    while (n < 8 && sets[kind][n]) n++;
    diag_sink *diags = diag_sink_new();
    const char *const *given = sets[kind];
    machine *m =
        machine_load(a, OHMIC_SOURCE_DIR "/chips/ideal-int8.yaml", (const char **)given, n, diags);
    if (!m) diag_print(diags, 0, stderr, false);
    diag_sink_free(diags);
    CHECK(m, "chip %u", kind);
    return m;
}

static unsigned wanted(const char *name, unsigned otherwise) {
    const char *s = getenv(name);
    return s ? (unsigned)atoi(s) : otherwise;
}

typedef struct {
    unsigned ran[256][16];
} coverage;

static void count_instructions(coverage *c, const isa_program *p) {
    for (uint32_t t = 0; t < p->n_tiles; t++)
        for (uint32_t ph = 0; ph < p->n_phases; ph++)
            for (uint32_t pc = 0; pc < p->tiles[t].phase[ph].count; pc++)
                c->ran[p->tiles[t].phase[ph].code[pc].op][p->tiles[t].phase[ph].code[pc].mode]++;
}

// Every mode of every instruction has run.
static void assert_covered(const coverage *c, unsigned programs) {
    for (size_t k = 0; k < isa_infos_count; k++)
        for (unsigned mode = 0; mode < (isa_infos[k].modes.count ? isa_infos[k].modes.count : 1);
             mode++)
            if (c->ran[isa_infos[k].opcode][mode] < programs / 100)
                fail_msg("%s, mode %u, stands in %u of %u programs", isa_infos[k].mnemonic, mode,
                         c->ran[isa_infos[k].opcode][mode], programs);
}

static void generated(void **state) {
    coverage seen = {{{0}}};
    unsigned want = wanted("OHMIC_PROGRAMS", 2000), good = 0, refused = 0;
    uint64_t first = random_seed(41);
    arena *a = arena_new();
    const machine *chips[CHIPS];
    for (unsigned k = 0; k < CHIPS; k++) chips[k] = chip_of(a, k);
    compare_tally n = {0};
    for (uint64_t seed = first; good < want && refused < 4 * want + 100; seed++) {
        gen g = gen_program(seed);
        const machine *chip = chips[seed % CHIPS];
        diag_sink *diags = diag_sink_new();
        if (isa_verify(g.p, chip, "generated", diags)) {
            good++;
            count_instructions(&seen, g.p);
            if (getenv("OHMIC_SHOW")) isa_disassemble(g.p, stdout, ISA_DATA_WITHIN, NULL, diags);
            if (!compare_program(g.p, chip, seed, &n))
                fail_msg("other values: OHMIC_SEED=%llu", (unsigned long long)seed);
        } else {
            refused++;
            if (getenv("OHMIC_SHOW")) diag_print(diags, 0, stdout, false);
        }
        diag_sink_free(diags);
        gen_close(&g);
    }
    printf("%u programs, %u launches, %u compared, %u refused; %u programs were not verified\n",
           good, n.steps, n.compared, n.refused, refused);
    assert_int_equal(good, want);
    if (want >= 500) assert_covered(&seen, good);
    arena_free(a);
}

// Damage on top of damage, as long as the verifier accepts it.
static void mutated(void **state) {
    unsigned want = wanted("OHMIC_MUTATED", 2000), good = 0, refused = 0;
    uint64_t first = random_seed(43);
    arena *a = arena_new();
    const machine *chips[CHIPS];
    for (unsigned k = 0; k < CHIPS; k++) chips[k] = chip_of(a, k);
    compare_tally n = {0};
    for (uint64_t seed = first; good < want && refused < 40 * want + 100; seed++) {
        gen g = gen_program(seed);
        const machine *chip = chips[seed % CHIPS];
        for (int k = 0; k < 20 && good < want; k++) {
            mutate(&g);
            if (!isa_verify(g.p, chip, "mutated", NULL)) {
                refused++;
                if (k % 4 == 3) break;
                continue;
            }
            good++;
            if (!compare_program(g.p, chip, seed, &n))
                fail_msg("other values: OHMIC_SEED=%llu, change %d", (unsigned long long)seed, k);
        }
        gen_close(&g);
    }
    printf("%u programs, %u launches, %u compared, %u refused; %u programs were not verified\n",
           good, n.steps, n.compared, n.refused, refused);
    assert_int_equal(good, want);
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(generated), cmocka_unit_test(mutated)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
