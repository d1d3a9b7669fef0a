// How a ring is read out: what the read-out can do, and whether it is the chip's
// (docs/gain-cells.md).
#include "isa/verify/parts.h"
#include <math.h>
#include <string.h>

typedef struct {
    verifier *v;
    const isa_ring *r;
    const char *where;
} reader;

#define BAD(id, ...) verify_bad(c->v, DIAG_ID_##id, c->where, __VA_ARGS__)

// --- what the charge domain can do

static void check_charge(const reader *c) {
    const isa_ring *r = c->r;
    if (r->kind == ISA_RING_STORED)
        BAD(isa_readout, "charge read-out of a ring in dense memory: only gain cells hold charges");
    const char *part = r->bias != ISA_BIAS_NONE   ? "a score bias"
                       : r->softcap != 0          ? "a softcap"
                       : r->sink != ISA_NO_OFFSET ? "a sink"
                                                  : NULL;
    if (part)
        BAD(isa_readout,
            "%s with charge read-out, where scores never become numbers: expected "
            "score read-out",
            part);
    if (!isfinite(r->v_dd) || !isfinite(r->s_sat) || !isfinite(r->o_sat) || !isfinite(r->decay))
        BAD(isa_descriptor, "v_dd %g, s_sat %g, o_sat %g, decay %g: expected finite numbers",
            (double)r->v_dd, (double)r->s_sat, (double)r->o_sat, (double)r->decay);
}

// Cell coefficients; NULL: their table cannot be made.
static const float *cell_of(const reader *c) {
    const uint8_t *at = verify_table_bytes(c->v, c->r->cell, 4 * (uint64_t)c->r->cell_terms);
    float *cell = ARENA_ARRAY(c->v->a, float, c->r->cell_terms);
    if (!at) return NULL;
    memcpy(cell, at, 4 * (size_t)c->r->cell_terms);
    for (uint32_t i = 0; i < c->r->cell_terms; i++)
        if (!isfinite(cell[i])) {
            BAD(isa_descriptor, "coefficient %u of the cell is %g: expected a finite number", i,
                (double)cell[i]);
            return NULL;
        }
    return cell;
}

// --- whether the device is the chip's

static void same_level(const reader *c, const char *name, uint32_t found, int64_t expected) {
    if ((int64_t)found != expected)
        BAD(isa_readout, "%s is %u, the chip's is %lld", name, found, (long long)expected);
}
static void same_number(const reader *c, const char *name, float found, double expected) {
    if (found != (float)expected)
        BAD(isa_readout, "%s is %g, the chip's is %g", name, (double)found, expected);
}
static void same_word(const reader *c, const char *name, isa_enum_kind kind, unsigned found,
                      int expected) {
    if ((int)found != expected)
        BAD(isa_readout, "%s is %s, the chip's is %s", name, isa_name(kind, found),
            isa_name(kind, (unsigned)expected));
}

static void check_decay(const reader *c) {
    double period = c->v->p->token_period_ns, retention = c->v->chip->gain.retention;
    double expected = retention > 0 ? period / retention : 0;
    if (fabs((double)c->r->decay - expected) > 1e-6 * expected)
        BAD(isa_readout,
            "decay is %g a token, expected %g: a token every %g ns, cells that keep their charge "
            "for %g ns",
            (double)c->r->decay, expected, period, retention);
}

static void check_device(const reader *c, const float *cell) {
    const machine *m = c->v->chip;
    const isa_ring *r = c->r;
    same_level(c, "q_levels", r->q_levels, m->gain.q_levels);
    same_level(c, "kv_levels", r->kv_levels, m->gain.kv_levels);
    same_level(c, "out_levels", r->out_levels, m->gain.out_levels);
    same_level(c, "sub_tile", r->sub_tile, m->gain.sub_tile);
    same_number(c, "v_dd", r->v_dd, m->gain.v_dd);
    same_number(c, "s_sat", r->s_sat, m->gain.s_sat);
    same_number(c, "o_sat", r->o_sat, m->gain.o_sat);
    same_word(c, "saturate", ISA_ENUM_rsat, r->saturate, m->gain.saturate);
    if (r->decay != 0)
        same_word(c, "decay_form", ISA_ENUM_rdecay, r->decay_form, m->gain.decay_form);
    check_decay(c);
    same_level(c, "cell_terms", r->cell_terms, m->gain.cell.n);
    for (int64_t i = 0; cell && i < r->cell_terms && i < m->gain.cell.n; i++)
        same_number(c, arena_printf(c->v->a, "coefficient %lld of the cell", (long long)i), cell[i],
                    m->gain.cell.v[i]);
}

static void check_charge_on_chip(const reader *c, const float *cell) {
    const machine *m = c->v->chip;
    int64_t widest = m->gain.head_width * m->gain.k_arrays_summed;
    if (m->gain.charge == MACHINE_CHARGE_NONE) {
        BAD(isa_readout, "charge read-out on a chip without it (gain.charge is none): expected "
                         "score read-out");
        return;
    }
    if (widest && c->r->d > widest)
        BAD(isa_capacity,
            "keys of %u columns: %lld K arrays of %lld can be summed before the pulse; up to %lld "
            "columns fit, or any with score read-out",
            c->r->d, (long long)m->gain.k_arrays_summed, (long long)m->gain.head_width,
            (long long)widest);
    if (m->gain.charge == MACHINE_CHARGE_CHIP) check_device(c, cell);
}

// --- score read-out

static void check_score(const reader *c) {
    const isa_ring *r = c->r;
    const machine *m = c->v->chip;
    bool levels = r->kv_levels || r->q_levels || r->p_levels || r->adc_bits;
    if (levels && r->sub_tile == 0)
        BAD(isa_descriptor, "levels or a converter, but no sub_tile: the slots whose sum is "
                            "converted");
    if (r->q_levels == 2) BAD(isa_descriptor, "q_levels is 2: a signed pulse takes at least 3");
    if (levels && r->kind == ISA_RING_STORED)
        BAD(isa_readout,
            "a ring in dense memory holds numbers: expected no levels and no converter");
    if (!m || r->kind == ISA_RING_STORED) return;
    same_level(c, "kv_levels", r->kv_levels, machine_score_levels(m));
    same_level(c, "q_levels", r->q_levels, m->gain.score_q_levels);
    same_level(c, "p_levels", r->p_levels, m->gain.score_p_levels);
    same_level(c, "adc_bits", r->adc_bits, m->gain.score_adc_bits);
    if (levels) same_level(c, "sub_tile", r->sub_tile, m->gain.sub_tile);
}

void verify_readout(verifier *v, uint32_t tile) {
    const isa_tile *t = &v->p->tiles[tile];
    for (uint32_t i = 0; i < t->n_rings; i++) {
        const isa_ring *r = &t->rings[i];
        reader c = {
            v, r, arena_printf(v->a, "tile %u, ring %u '%.100s'", tile, i, isa_str(v->p, r->name))};
        if (r->readout == ISA_READ_SCORE) {
            check_score(&c);
            continue;
        }
        check_charge(&c);
        const float *cell = cell_of(&c);
        if (v->chip && r->kind == ISA_RING_GAIN) check_charge_on_chip(&c, cell);
    }
}
