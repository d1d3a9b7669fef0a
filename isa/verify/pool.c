// Groups that a pool of computation arrays multiplies: digits, chunk and converter that can be, and
// that are the chip's. The step of a group may be its own: it is chosen for the sums that there
// are.
#include "isa/machine/pool.h"
#include "isa/verify/parts.h"

typedef struct {
    verifier *v;
    const isa_group *g;
    const char *place;
} reader;
#define BAD(id, ...) verify_bad(c->v, DIAG_ID_##id, c->place, __VA_ARGS__)

enum { MOST_DIGITS = 8, MOST_SWITCHES = 7, MOST_BITS = 16, MOST_STEP = 1 << 24 };

static void same(const reader *c, const char *name, uint32_t found, int64_t expected) {
    if (found != expected)
        BAD(sim_chip, "%s is %u, the chip's is %lld", name, found, (long long)expected);
}

static void check_numbers(const reader *c) {
    const isa_group *g = c->g;
    if (g->kind != ISA_STORED || g->wtype != ISA_W_I8)
        BAD(isa_descriptor, "digits of a group that is %s and %s: the pool multiplies stored codes",
            isa_name(ISA_ENUM_gkind, g->kind), isa_name(ISA_ENUM_wtype, g->wtype));
    if (g->n_blocks > 0) BAD(isa_descriptor, "blocks of a group that no crossbar holds");
    if (g->digits > MOST_DIGITS || g->digit_bits == 0 || g->digit_bits > MOST_SWITCHES)
        BAD(isa_descriptor, "%u digits of %u switches: expected up to %d, of 1 to %d", g->digits,
            g->digit_bits, MOST_DIGITS, MOST_SWITCHES);
    if (g->chunk == 0) BAD(isa_descriptor, "a chunk of 0 weights: expected at least 1");
    if (g->apart > 1) BAD(isa_descriptor, "apart is %u: expected 0 or 1", g->apart);
    if (g->adc_bits > MOST_BITS || g->adc_step > MOST_STEP)
        BAD(isa_descriptor, "a converter of %u bits with step %u: expected up to %d and %d",
            g->adc_bits, g->adc_step, MOST_BITS, MOST_STEP);
    else if ((g->adc_bits == 0) != (g->adc_step == 0))
        BAD(isa_descriptor, "a converter of %u bits with step %u: %s", g->adc_bits, g->adc_step,
            g->adc_bits ? "a code stands for 0" : "an exact one has no step");
}

void verify_pool(verifier *v, uint32_t tile) {
    const isa_tile *t = &v->p->tiles[tile];
    for (uint32_t i = 0; i < t->n_groups; i++) {
        const isa_group *g = &t->groups[i];
        const reader all = {v, g,
                            arena_printf(v->a, "tile %u, group %u '%.100s'", tile, i,
                                         isa_str(v->p, g->name))},
                     *c = &all;
        if (g->digits == 0) {
            if (g->digit_bits || g->apart || g->adc_bits || g->adc_step || g->chunk)
                BAD(isa_descriptor, "a converter or chunk of the pool, but no digits");
            continue;
        }
        check_numbers(c);
        const machine *m = v->chip;
        if (!m) continue;
        if (!machine_has_pool(m)) {
            BAD(sim_chip, "is multiplied by a pool, and the chip has none: a chip with --set "
                          "pool.arrays=1 would do");
            continue;
        }
        same(c, "digits", g->digits, m->pool.digits);
        same(c, "digit_bits", g->digit_bits, m->pool.digit_bits);
        same(c, "chunk", g->chunk, machine_pool_chunk(m));
        same(c, "apart", g->apart, !m->pool.subtract);
        same(c, "adc_bits", g->adc_bits, m->pool.adc_bits);
    }
}
