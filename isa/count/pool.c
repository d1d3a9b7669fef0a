#include "isa/count/pool.h"

uint64_t isa_pool_steps(const isa_group *g) {
    return (uint64_t)g->n * ceil_div_u64(g->k1 - g->k0, g->chunk) * g->digits;
}

void isa_count_pool_row(isa_events *e, const isa_group *g, uint64_t rows) {
    uint64_t codes = rows * isa_pool_steps(g) * (g->apart ? 2 : 1);
    if (g->adc_bits > 0) e->adc_conversions += codes;
    e->shift_adds += codes;
}

static uint64_t weight_cells(const machine *m) {
    return (uint64_t)ceil_div_i64(8, m->dense.cell_bits);
}

// Multiples of n in [from, until).
static uint64_t multiples(uint64_t from, uint64_t until, uint64_t n) {
    return ceil_div_u64(until, n) - ceil_div_u64(from, n);
}

void isa_count_pool_arrays(isa_events *e, const machine *m, const isa_group *g, uint64_t r0,
                           uint64_t r1) {
    const uint64_t weights = (uint64_t)(g->k1 - g->k0) * g->n;
    const uint64_t arrays = multiples(r0, r1, (uint64_t)m->pool.columns);
    e->array_phases += arrays * isa_pool_steps(g);
    e->dac_rows += arrays * weights * g->digits * g->digit_bits;
    e->dense_cells += multiples(r0, r1, (uint64_t)machine_pool_beat(m)) * weights * weight_cells(m);
}

uint64_t isa_dense_cells(const machine *m, const isa_tile *t) {
    uint64_t weights = 0;
    for (uint32_t i = 0; i < t->n_groups; i++) {
        const isa_group *g = &t->groups[i];
        bool again = false; // the same codes serve another group
        for (uint32_t k = 0; k < i && g->digits > 0; k++)
            again |= t->groups[k].digits > 0 && t->groups[k].cells == g->cells;
        if (g->digits > 0 && !again) weights += (uint64_t)(g->k1 - g->k0) * g->n;
    }
    return weights * weight_cells(m);
}

uint64_t isa_dense_arrays(const machine *m, const isa_tile *t) {
    return ceil_div_u64(isa_dense_cells(m, t), (uint64_t)m->dense.cells);
}
