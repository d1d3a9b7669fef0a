#include "cost/standing.h"

// Power over a time, part by part.
typedef struct {
    __int128 power; // of the parts so far
    timing_ps time;
} parts;

static energy_aj next(parts *x, __int128 power) {
    energy_aj before = power_energy(x->power, x->time);
    x->power += power;
    return power_energy(x->power, x->time) - before;
}

// `part` of `all` <= 2^60 equal parts of an energy, rounded down.
static energy_aj share(energy_aj e, int64_t part, int64_t all) {
    return e / all * part + e % all * part / all;
}

typedef struct {
    __int128 busy, so_far; // of its instructions; of those that have their part
    energy_aj given;
} division;

static void give(standing *s, division *of, const timing_insn *i, uint32_t phase) {
    division *d = &of[i->tile];
    if (d->busy == 0) return;
    unsigned shift = 0; // no more digits than products hold
    while (d->busy >> shift > INT64_C(1) << 60) shift++;
    d->so_far += i->busy;
    energy_aj given =
        share(s->tile[i->tile], (int64_t)(d->so_far >> shift), (int64_t)(d->busy >> shift));
    s->insn[phase][i->tile][i->pc] = given - d->given;
    d->given = given;
}

static void divide(standing *s, const isa_program *p, const timing *run, arena *a) {
    division *of = ARENA_ARRAY(a, division, p->n_tiles + 1);
    for (uint32_t ph = 0; ph < p->n_phases; ph++) {
        s->insn[ph] = ARENA_ARRAY(a, energy_aj *, p->n_tiles + 1);
        for (uint32_t t = 0; t < p->n_tiles; t++)
            s->insn[ph][t] = ARENA_ARRAY(a, energy_aj, p->tiles[t].phase[ph].count + 1);
        for (size_t k = 0; k < timing_insns(run, ph); k++) {
            timing_insn i = timing_insn_at(run, ph, k);
            of[i.tile].busy += i.busy;
        }
    }
    for (uint32_t ph = 0; ph < p->n_phases; ph++)
        for (size_t k = 0; k < timing_insns(run, ph); k++) {
            timing_insn i = timing_insn_at(run, ph, k);
            give(s, of, &i, ph);
        }
    s->nobody = s->total;
    for (uint32_t t = 0; t < p->n_tiles; t++) s->nobody -= of[t].given;
}

standing *standing_of(const isa_program *p, const machine *chip, const timing *run, arena *a) {
    standing *s = ARENA_NEW(a, standing);
    parts of_tiles = {.time = timing_end(run)}, of_components = of_tiles;
    const uint64_t host[COMPONENTS] = {[COMPONENT_host] = 1};
    s->tile = ARENA_ARRAY(a, energy_aj, p->n_tiles + 1);
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        inventory i = inventory_of_tile(p, chip, t);
        s->tile[t] = next(&of_tiles, power_of_all(chip, i.all));
    }
    s->host = next(&of_tiles, power_of_all(chip, host));
    inventory all = inventory_of(p, chip);
    for (unsigned k = 0; k < COMPONENTS; k++)
        s->component[k] = next(&of_components, power_of(chip, (component)k, all.all[k]));
    CHECK(of_tiles.power == of_components.power, "tiles and components draw the same");
    s->total = power_energy(of_tiles.power, of_tiles.time);
    divide(s, p, run, a);
    return s;
}
