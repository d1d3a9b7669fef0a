// A program from a stranger: verified, and when it is small and its verifier vouches for it, run
// for two steps.
#ifndef OHMIC_TESTS_FUZZ_SIMULATE_H
#define OHMIC_TESTS_FUZZ_SIMULATE_H
#include "isa/machine/machine.h"
#include "runtime-sim/sim.h"
#include <string.h>

enum { FUZZ_MAX_SIZE = 1 << 18, FUZZ_MAX_ROWS = 16, FUZZ_STEPS = 2 };

static inline bool fuzz_add_size(uint64_t *total, uint64_t a, uint64_t b, uint64_t c) {
    uint64_t n;
    return mul_u64(a, b, &n) && mul_u64(n, c, &n) && add_u64(*total, n, total) &&
           *total < FUZZ_MAX_SIZE;
}

// Weights, ring slots, row elements and instructions together.
static inline bool fuzz_program_is_small(const isa_program *p) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < p->n_ports; i++)
        if (!fuzz_add_size(&total, p->ports[i].width, FUZZ_MAX_ROWS, 1)) return false;
    for (uint32_t i = 0; i < p->n_tiles; i++) {
        const isa_tile *t = &p->tiles[i];
        for (uint32_t k = 0; k < t->n_buffers; k++)
            if (!fuzz_add_size(&total, t->buffers[k].width, FUZZ_MAX_ROWS, 1)) return false;
        for (uint32_t k = 0; k < t->n_groups; k++)
            if (!fuzz_add_size(&total, t->groups[k].k, t->groups[k].n, 1)) return false;
        for (uint32_t k = 0; k < t->n_rings; k++) {
            const isa_ring *r = &t->rings[k];
            uint64_t width = (uint64_t)r->d + r->dv, heads;
            if (!mul_u64(r->n_kv, r->q_per_kv, &heads) ||
                !fuzz_add_size(&total, heads, width, r->slots))
                return false;
        }
        for (uint32_t k = 0; k < p->n_phases; k++)
            if (!fuzz_add_size(&total, t->phase[k].count, FUZZ_MAX_ROWS, 1)) return false;
    }
    return true;
}

static inline tensor fuzz_port_input(arena *a, const isa_port *p, int64_t rows) {
    bool integer = p->type == ISA_I32;
    int64_t dim[2] = {rows, p->width};
    tensor t = tensor_new(a, integer ? ELEM_i32 : ELEM_f32, 2, dim);
    for (size_t i = 0; i < tensor_count(&t); i++) {
        int64_t range = p->hi > p->lo ? (int64_t)p->hi - p->lo : 5;
        if (integer)
            elem_store_i64(ELEM_i32, t.data, i, p->lo + (int64_t)i % range);
        else
            ((float *)t.data)[i] = (float)(i % 7) - 3;
    }
    return t;
}

// 0: refused; 1: the verifier and the chip take it; 2: a step ran to its end.
static inline unsigned fuzz_simulate(const isa_program *p, const char *name, diag_sink *diags) {
    arena *a = arena_new();
    size_t before = diag_errors(diags);
    bool ran = false;
    const char *text = *p->chip ? p->chip : "name: fuzz\nsummary: \"\"\n";
    machine *chip = machine_parse(a, text, strlen(text), name, diags);
    sim *s = chip ? sim_new(p, chip, &(sim_options){.threads = 1}, diags) : NULL;
    CHECK(s || diag_errors(diags) > before, "refused without a word");
    tensor *inputs = ARENA_ARRAY(a, tensor, p->n_ports + 1),
           *outputs = ARENA_ARRAY(a, tensor, p->n_ports + 1);
    for (uint32_t step = 0; s && step < FUZZ_STEPS && fuzz_program_is_small(p); step++) {
        for (uint32_t phase = step && p->class == ISA_STREAM ? p->n_phases - 1 : 0;
             phase < p->n_phases; phase++) {
            const isa_phase *ph = &p->phases[phase];
            int64_t rows[ISA_DOMAINS] = {0};
            bool small = true;
            for (int d = 0; d < ISA_DOMAINS; d++) {
                if (!(ph->free_domains >> d & 1)) continue;
                rows[d] =
                    ph->fixed_rows[d] ? ph->fixed_rows[d] : min_i64(2 + step, ph->max_rows[d]);
                small = small && rows[d] <= FUZZ_MAX_ROWS;
            }
            uint32_t n = 0;
            for (uint32_t i = 0; i < p->n_ports; i++)
                if (p->ports[i].direction == ISA_PORT_IN)
                    inputs[n++] = fuzz_port_input(
                        a, &p->ports[i], rows[p->ports[i].dom % ISA_DOMAINS] % (FUZZ_MAX_ROWS + 1));
            bool reset = phase == 0 && (step == 0 || p->class == ISA_WHOLE);
            if (small) ran |= sim_step(s, phase, 0, reset, rows, inputs, a, outputs, diags);
        }
    }
    unsigned passed = s ? 1 + ran : 0;
    sim_free(s);
    arena_free(a);
    return passed;
}
#endif
