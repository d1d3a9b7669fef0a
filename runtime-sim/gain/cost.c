// See cost.h.
#include "runtime-sim/gain/cost.h"

// Cells that hold one element: digits side by side, of which charge read-out has one.
static int64_t cells_of(const machine *m, const isa_ring *r) {
    return r->readout == ISA_READ_SCORE ? max_i64(1, m->gain.score_cells) : 1;
}

static int64_t arrays_beside(const machine *m, int64_t width) {
    return m->gain.head_width ? ceil_div_i64(width, m->gain.head_width) : 1;
}

static int64_t sub_tiles_of(const isa_ring *r) {
    return r->sub_tile ? ceil_div_i64(r->slots, r->sub_tile) : 0;
}

sim_gain_arrays sim_gain_arrays_of(const machine *m, const isa_ring *r, int64_t sub_tiles_used,
                                   bool last_used) {
    int64_t all = sub_tiles_of(r), d = r->d * cells_of(m, r), dv = r->dv * cells_of(m, r);
    int64_t k = arrays_beside(m, d), v = arrays_beside(m, dv);
    int64_t width = m->gain.head_width;
    sim_gain_arrays a = {.sub_tiles = m->gain.skip_empty ? min_i64(sub_tiles_used, all) : all};
    bool last = a.sub_tiles == all || last_used;
    int64_t rows = a.sub_tiles * r->sub_tile, slots = rows;
    if (a.sub_tiles && last) slots -= all * r->sub_tile - r->slots;
    a.k_arrays = k * a.sub_tiles, a.v_arrays = v * a.sub_tiles;
    a.k_idle = rows * (width ? k * width : d) - slots * d;
    a.v_idle = rows * (width ? v * width : dv) - slots * dv;
    return a;
}

sim_gain_cost_of_row sim_gain_cost(const machine *m, const isa_ring *r, int64_t sub_tiles_used) {
    sim_gain_arrays a = sim_gain_arrays_of(m, r, sub_tiles_used, true);
    double heads = (double)r->n_kv * r->q_per_kv, sub_tiles = (double)a.sub_tiles;
    sim_gain_cost_of_row c = {
        .time_ns = machine_gain_query_ns(m, a.sub_tiles) * r->q_per_kv,
        .k_pj = heads * (double)a.k_arrays * m->energy.gain_k,
        .v_pj = heads * (double)a.v_arrays * m->energy.gain_v,
        .digital_pj = heads * sub_tiles * m->energy.gain_digital,
        .write_pj = (double)r->n_kv * ((double)r->d + r->dv) * (double)cells_of(m, r) *
                    m->energy.gain_write,
    };
    if (r->readout == ISA_READ_SCORE) // a score of every slot, a mixed value of every column
        c.conversion_pj = heads * sub_tiles * ((double)r->sub_tile + r->dv) * m->energy.conversion;
    c.total_pj = c.k_pj + c.v_pj + c.digital_pj + c.write_pj + c.conversion_pj;
    return c;
}
