// What is counted from the program is what the simulator counts on a run: random programs with
// every instruction, on chips of every kind. Gates and masks are taken out of them: what the
// program alone knows is the worst case.
#include "cost/energy.h"
#include "isa/machine/pool.h"
#include "isa/verify/verify.h"
#include "tests/programs/compare.h"
#include "tests/programs/ideas_units.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { PROGRAMS = 1500, CHIPS = 7 };

static machine *chip_of(arena *a, unsigned kind) {
    static const char *const sets[CHIPS][8] = {
        {"tile.crossbars=0"},
        {"tile.crossbars=0", "crossbar.encoding=differential", "crossbar.adc_bits=9"},
        {"tile.crossbars=0", "crossbar.encoding=twos_complement", "crossbar.cell_bits=3",
         "crossbar.dac_bits=2"},
        {"tile.crossbars=0", "gain.head_width=4", "gain.score_cells=2", "gain.score_levels=4",
         "gain.score_q_levels=16", "gain.score_adc_bits=6", "gain.sub_tile=2"},
        {"tile.crossbars=0", "gain.skip_empty=on", "router.columns=1"},
        {"tile.crossbars=0", "passes.add=3", "passes.move=2", "passes.norm=5", "passes.softmax=7",
         "passes.quantise=2"},
        {"tile.crossbars=0", "pool.arrays=4", "pool.rows=4", "pool.columns=2", "pool.shared=2",
         "pool.adc_bits=4"}};
    size_t n = 0;
    while (n < 8 && sets[kind][n]) n++;
    const char *const *given = sets[kind];
    machine *m =
        machine_load(a, OHMIC_SOURCE_DIR "/chips/ideal-int8.yaml", (const char **)given, n, NULL);
    CHECK(m, "chip %u", kind);
    return m;
}

// Stored codes go to the pool where there is one; a program that multiplies real numbers with them
// is refused.
static void give_to_pool(isa_program *p, const machine *m) {
    for (uint32_t t = 0; machine_has_pool(m) && t < p->n_tiles; t++)
        for (uint32_t k = 0; k < p->tiles[t].n_groups; k++) {
            isa_group *g = &p->tiles[t].groups[k];
            if (g->kind != ISA_STORED || g->wtype != ISA_W_I8) continue;
            g->digits = (uint8_t)m->pool.digits;
            g->digit_bits = (uint8_t)m->pool.digit_bits;
            g->chunk = (uint32_t)machine_pool_chunk(m);
            g->adc_bits = (uint8_t)m->pool.adc_bits;
            g->adc_step = (uint32_t)machine_pool_step(m);
            g->apart = !m->pool.subtract;
        }
}

// And rings have the levels and the converter of a chip that has some.
static void open_gates(isa_program *p, const machine *chip) {
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        for (uint32_t k = 0; k < p->tiles[t].n_rings; k++) {
            isa_ring *r = &p->tiles[t].rings[k];
            if (r->kind != ISA_RING_GAIN || r->readout != ISA_READ_SCORE || r->sub_tile == 0)
                continue;
            r->kv_levels = (uint32_t)machine_score_levels(chip);
            r->q_levels = (uint32_t)chip->gain.score_q_levels;
            r->adc_bits = (uint32_t)chip->gain.score_adc_bits;
        }
        for (uint32_t ph = 0; ph < p->n_phases; ph++)
            for (uint32_t pc = 0; pc < p->tiles[t].phase[ph].count; pc++) {
                isa_insn *i = &p->tiles[t].phase[ph].code[pc];
                if (i->op == ISA_mvm) i->b = ISA_NONE;
                if (i->op == ISA_attn || i->op == ISA_kvw) i->n = ISA_NONE;
            }
    }
}

static void assert_same(const isa_program *p, const counter *c, const sim *s, uint64_t seed,
                        uint64_t *nonzero) {
    for (uint32_t ph = 0; ph < p->n_phases; ph++)
        for (uint32_t t = 0; t < p->n_tiles; t++)
            for (uint32_t pc = 0; pc < p->tiles[t].phase[ph].count; pc++) {
                isa_events want = counter_insn(c, ph, t, pc);
                sim_stats got = sim_insn_stats(s, ph, t, pc);
                const char *insn = isa_info_of(p->tiles[t].phase[ph].code[pc].op)->mnemonic;
                uint64_t *seen = nonzero, lanes = 0;
#define DIGITAL(name, summary) lanes += want.elements_##name;
#include "isa/machine/digital.def"
                const isa_insn *i = &p->tiles[t].phase[ph].code[pc];
                bool wants = isa_wants_lanes(&p->tiles[t], i),
                     is_ring = isa_info_of(i->op)->unit == ISA_UNIT_ring;
                if (lanes ? !wants : wants && !is_ring && counter_rows(c, ph, t, pc))
                    fail_msg("OHMIC_SEED=%llu: %s and lanes", (unsigned long long)seed, insn);
#define EVENT(name, unit, summary)                                                                 \
    if (want.name != got.name)                                                                     \
        fail_msg("OHMIC_SEED=%llu: phase %u tile %u pc %u %s: " #name " %llu, counted on the run " \
                 "%llu",                                                                           \
                 (unsigned long long)seed, ph, t, pc, insn, (unsigned long long)want.name,         \
                 (unsigned long long)got.name);                                                    \
    *seen++ += want.name;
#include "isa/count/events.def"
            }
}

// Steps of a seeded length; false: the simulator refused one of them.
static bool run(const isa_program *p, const machine *chip, sim *s, counter *c, uint64_t seed) {
    random_stream r = random_test(seed);
    arena *a = arena_new();
    const uint8_t *phases = isa_port_phases(p, a);
    bool ok = true;
    for (uint32_t ph = 0; ok && ph < p->n_phases; ph++)
        for (int k = 0; ok && k < (isa_phase_streams(p, ph) ? 4 : 1); k++) {
            isa_domain dom[ISA_DOMAINS];
            isa_domains(p, ph, dom);
            timing_launch l = {.phase = ph, .bank = p->banks - 1};
            bool reset = ph == 0 && k == 0;
            if (!reset) l.position = sim_pos(s, l.bank);
            for (unsigned d = 0; d < ISA_DOMAINS; d++)
                if (dom[d].free) l.rows[d] = random_in(&r, dom[d].least, dom[d].most);
            tensor *in = ARENA_ARRAY(a, tensor, p->n_ports + 1),
                   *out = ARENA_ARRAY(a, tensor, p->n_ports + 1);
            for (uint32_t i = 0, n = 0; i < p->n_ports; i++) {
                if (p->ports[i].direction != ISA_PORT_IN) continue;
                unsigned d = p->ports[i].dom;
                if (phases[i] >> ph & 1)
                    in[n] = compare_input(a, &r, &p->ports[i],
                                          isa_domain_rows(dom, d, l.rows[dom[d].root]));
                n++;
            }
            ok = sim_step(s, ph, l.bank, reset, l.rows, in, a, out, NULL);
            if (ok) counter_launch(c, &l);
        }
    arena_free(a);
    return ok;
}

static void counts_are_the_simulators(void **state) {
    arena *a = arena_new();
    machine *chips[CHIPS];
    for (unsigned k = 0; k < CHIPS; k++) chips[k] = chip_of(a, k);
    unsigned good = 0, refused = 0;
    uint64_t nonzero[ISA_EVENTS] = {0};
    for (uint64_t seed = random_seed(71); good < PROGRAMS && refused < 8 * PROGRAMS; seed++) {
        gen g = gen_program(seed);
        const machine *chip = chips[seed % CHIPS];
        open_gates(g.p, chip);
        give_to_pool(g.p, chip);
        if (isa_verify(g.p, chip, "generated", NULL)) {
            sim *s = sim_new(g.p, chip, &(sim_options){.threads = 1}, NULL);
            counter *c = counter_new(g.p, chip);
            if (run(g.p, chip, s, c, seed)) {
                good++;
                assert_same(g.p, c, s, seed, nonzero);
            } else {
                refused++;
            }
            counter_free(c);
            sim_free(s);
        } else {
            refused++;
        }
        gen_close(&g);
    }
    printf("%u programs, %u refused\n", good, refused);
    assert_int_equal(good, PROGRAMS);
    const uint64_t *seen = nonzero;
#define EVENT(name, unit, summary) \
    if (*seen++ == 0) fail_msg(#name " is never counted");
#include "isa/count/events.def"
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(counts_are_the_simulators)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
