// A verified program on the simulator and on the plain interpreter: seeded rows, cut in seeded
// ways.
#ifndef OHMIC_TESTS_PROGRAMS_COMPARE_H
#define OHMIC_TESTS_PROGRAMS_COMPARE_H
#include "isa/depend/domain.h"
#include "runtime-sim/sim.h"
#include "tests/programs/plain_run.h"
#include "tests/random.h"

static inline tensor compare_input(arena *a, random_stream *r, const isa_port *port, int64_t rows) {
    bool integer = port->type == ISA_I32;
    tensor t = tensor_new(a, integer ? ELEM_i32 : ELEM_f32, 2, (int64_t[]){rows, port->width});
    for (int64_t k = 0; k < rows * port->width; k++) {
        if (integer)
            ((int32_t *)t.data)[k] =
                (int32_t)(port->lo < port->hi ? random_in(r, max_i64(port->lo, INT32_MIN),
                                                          min_i64(port->hi - 1, INT32_MAX))
                                              : random_in(r, -300, 300));
        else
            ((float *)t.data)[k] = (float)random_in(r, -64, 64) / 16;
    }
    return t;
}

// Numbers of an output; one that the phase does not make has none.
static inline size_t compare_count(const tensor *t) { return t->data ? tensor_count(t) : 0; }

static inline bool compare_same(const tensor *a, const tensor *b) {
    size_t n = compare_count(a);
    if (n != compare_count(b) || (n > 0 && a->type != b->type)) return false;
    for (size_t k = 0; k < n; k++) {
        const float *x = (const float *)a->data + k, *y = (const float *)b->data + k;
        bool numbers = a->type == ELEM_f32;
        if (memcmp(x, y, 4) != 0 && !(numbers && isnan(*x) && isnan(*y))) return false;
    }
    return true;
}

// The first number that differs.
static inline void compare_show(const isa_program *p, uint32_t phase, uint32_t port,
                                const tensor *want, const tensor *got) {
    size_t n = compare_count(want) < compare_count(got) ? compare_count(want) : compare_count(got),
           k = 0;
    while (k < n && memcmp((char *)want->data + 4 * k, (char *)got->data + 4 * k, 4) == 0) k++;
    bool integer = want->type == ELEM_i32;
    printf("phase %s, port %u: %zu numbers, %zu expected", p->phases[phase].name, port,
           compare_count(got), compare_count(want));
    if (k < n)
        printf("; number %zu is %.9g, expected %.9g", k,
               elem_load_f64(integer ? ELEM_i32 : ELEM_f32, got->data, k),
               elem_load_f64(integer ? ELEM_i32 : ELEM_f32, want->data, k));
    printf("\n");
}

typedef struct {
    unsigned steps, refused, compared;
} compare_tally;

// One launch on both; false: they differ.
static inline bool compare_step(sim *s, plain *m, const isa_program *p, random_stream *r,
                                uint32_t phase, bool reset, compare_tally *n) {
    arena *a = arena_new();
    isa_domain dom[ISA_DOMAINS];
    isa_domains(p, phase, dom);
    int64_t rows[ISA_DOMAINS] = {0};
    for (unsigned d = 0; d < ISA_DOMAINS; d++)
        if (dom[d].free) rows[d] = random_in(r, dom[d].least > 1 ? dom[d].least : 0, dom[d].most);
    uint32_t inputs = 0;
    tensor *in = ARENA_ARRAY(a, tensor, p->n_ports + 1),
           *got = ARENA_ARRAY(a, tensor, p->n_ports + 1),
           *want = ARENA_ARRAY(a, tensor, p->n_ports + 1);
    const uint8_t *phases = isa_port_phases(p, a);
    for (uint32_t k = 0; k < p->n_ports; k++) {
        if (p->ports[k].direction != ISA_PORT_IN) continue;
        unsigned d = p->ports[k].dom;
        if (phases[k] >> phase & 1)
            in[inputs] =
                compare_input(a, r, &p->ports[k], isa_domain_rows(dom, d, rows[dom[d].root]));
        inputs++;
    }
    bool same = true;
    n->steps++;
    if (!sim_step(s, phase, p->banks - 1, reset, rows, in, a, got, NULL)) {
        n->refused++;
    } else if (m) {
        plain_step(m, phase, reset, rows, in, a, want);
        for (uint32_t k = 0, i = 0; i < p->n_ports; i++) {
            if (p->ports[i].direction != ISA_PORT_OUT) continue;
            if (!compare_same(&want[k], &got[k])) compare_show(p, phase, i, &want[k], &got[k]);
            same = same && compare_same(&want[k], &got[k]);
            k++;
        }
        n->compared++;
    }
    arena_free(a);
    return same;
}

// False: some launch gave other numbers. Values are compared where the plain interpreter knows
// them.
static inline bool compare_program(const isa_program *p, const machine *chip, uint64_t seed,
                                   compare_tally *n) {
    random_stream r = random_test(seed);
    arena *a = arena_new();
    sim *s = sim_new(p, chip, &(sim_options){.threads = 1, .order_seed = seed % 3}, NULL);
    CHECK(s, "a verified program is refused by the simulator");
    plain *m = plain_knows(p) ? plain_open(p, chip, a) : NULL;
    bool same = true;
    for (int sequence = 0; sequence < 2; sequence++)
        for (uint32_t ph = 0; ph < p->n_phases; ph++) {
            int steps = isa_phase_streams(p, ph) ? 3 : 1;
            for (int k = 0; k < steps; k++)
                same = compare_step(s, m, p, &r, ph, ph == 0 && k == 0, n) && same;
        }
    sim_free(s);
    arena_free(a);
    return same;
}
#endif
