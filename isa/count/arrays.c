#include "isa/count/arrays.h"

isa_crossbar_shape isa_crossbar_of(const machine *m) {
    int64_t weight = m->crossbar.weight_bits, cell = min_i64(m->crossbar.cell_bits, weight);
    isa_crossbar_shape s = {1, 1, 1};
    if (m->crossbar.input_bits)
        s.phases = ceil_div_i64(m->crossbar.input_bits - 1, m->crossbar.dac_bits) + 1;
    if (weight && cell)
        s.slices = m->crossbar.encoding == MACHINE_TWOS_COMPLEMENT
                       ? ceil_div_i64(weight - 1, cell) + 1
                       : ceil_div_i64(weight, cell);
    if (weight && m->crossbar.encoding == MACHINE_SIGN_MAGNITUDE) s.slices *= 2;
    s.arrays = s.slices * (weight && m->crossbar.encoding == MACHINE_DIFFERENTIAL ? 2 : 1);
    return s;
}

// Digits side by side, of which charge read-out has one.
int64_t isa_gain_cells_of(const machine *m, const isa_ring *r) {
    return r->readout == ISA_READ_SCORE ? max_i64(1, m->gain.score_cells) : 1;
}

static int64_t arrays_beside(const machine *m, int64_t width) {
    return m->gain.head_width ? ceil_div_i64(width, m->gain.head_width) : 1;
}

isa_gain_arrays isa_gain_arrays_of(const machine *m, const isa_ring *r, int64_t sub_tiles_used,
                                   bool last_used) {
    int64_t all = r->sub_tile ? ceil_div_i64(r->slots, r->sub_tile) : 0;
    int64_t d = r->d * isa_gain_cells_of(m, r), dv = r->dv * isa_gain_cells_of(m, r);
    int64_t k = arrays_beside(m, d), v = arrays_beside(m, dv);
    int64_t width = m->gain.head_width;
    isa_gain_arrays a = {.sub_tiles = m->gain.skip_empty ? min_i64(sub_tiles_used, all) : all};
    bool last = a.sub_tiles == all || last_used;
    int64_t rows = a.sub_tiles * r->sub_tile, slots = rows;
    if (a.sub_tiles && last) slots -= all * r->sub_tile - r->slots;
    a.k_arrays = k * a.sub_tiles, a.v_arrays = v * a.sub_tiles;
    a.k_idle = rows * (width ? k * width : d) - slots * d;
    a.v_idle = rows * (width ? v * width : dv) - slots * dv;
    return a;
}
