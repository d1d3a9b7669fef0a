#include "cost/area.h"
#include "isa/count/arrays.h"
#include "isa/count/pool.h"
#include <stdlib.h>
#include <string.h>

// --- crossbars

static int by_number(const void *x, const void *y) {
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    return a < b ? -1 : a > b;
}

// Crossbars of a tile that hold a block; *rows, *columns: the most that one of them has filled.
static uint64_t crossbars_used(const isa_tile *t, uint64_t *rows, uint64_t *columns) {
    uint32_t *at = base_alloc(((size_t)t->n_blocks + 1) * sizeof *at);
    uint64_t n = 0;
    for (uint32_t k = 0; k < t->n_blocks; k++) {
        const isa_block *b = &t->blocks[k];
        at[k] = b->crossbar;
        if (*rows < (uint64_t)b->row0 + b->rows) *rows = (uint64_t)b->row0 + b->rows;
        if (*columns < (uint64_t)b->col0 + b->cols) *columns = (uint64_t)b->col0 + b->cols;
    }
    if (t->n_blocks) qsort(at, t->n_blocks, sizeof *at, by_number);
    for (uint32_t k = 0; k < t->n_blocks; k++) n += k == 0 || at[k] != at[k - 1];
    free(at);
    return n;
}

static void add_crossbars(const machine *m, uint64_t n, uint64_t rows, uint64_t columns,
                          uint64_t count[COMPONENTS]) {
    isa_crossbar_shape s = isa_crossbar_of(m);
    bool coded = m->crossbar.weight_bits > 0;
    uint64_t shared = (uint64_t)m->crossbar.columns_per_adc, slices = (uint64_t)s.slices;
    uint64_t converters = coded ? n * slices * ((columns + shared - 1) / shared) : 0;
    count[COMPONENT_array] += n * (uint64_t)s.arrays;
    count[COMPONENT_dac] += n * rows;
    count[COMPONENT_sample] += coded ? n * (uint64_t)s.arrays * columns : 0;
    count[COMPONENT_adc] += converters;
    count[COMPONENT_shift_add] += converters;
    count[COMPONENT_registers] += n;
}

// --- the pool

static void add_pool(const machine *m, uint64_t dense, uint64_t count[COMPONENTS]) {
    const uint64_t arrays = (uint64_t)m->pool.arrays;
    count[COMPONENT_array] += arrays;
    count[COMPONENT_dac] += arrays * (uint64_t)m->pool.rows;
    count[COMPONENT_sample] += arrays ? arrays * 2 * (uint64_t)m->pool.columns : 0;
    count[COMPONENT_adc] += m->pool.adc_bits ? arrays : 0;
    count[COMPONENT_shift_add] += arrays;
    count[COMPONENT_registers] += arrays;
    count[COMPONENT_dense] += dense;
}

static bool uses_pool(const isa_tile *t) {
    for (uint32_t k = 0; k < t->n_groups; k++)
        if (t->groups[k].digits > 0) return true;
    return false;
}

// --- rings

// Heads of `slots` tokens, in arrays of `k` and `v` cells a row; converters of both where there are
// some.
static void add_heads(const machine *m, uint64_t heads, uint64_t slots, uint64_t size, uint64_t k,
                      uint64_t v, bool converts, uint64_t count[COMPONENTS]) {
    uint64_t pairs = size ? heads * ((slots + size - 1) / size) : 0,
             shared = (uint64_t)m->gain.columns_per_adc;
    count[COMPONENT_gain_k] += pairs * size * k;
    count[COMPONENT_gain_v] += pairs * size * v;
    count[COMPONENT_gain_digital] += pairs;
    count[COMPONENT_gain_dac] += pairs;
    if (converts)
        count[COMPONENT_gain_adc] +=
            pairs * ((size + shared - 1) / shared + (v + shared - 1) / shared);
}

static uint64_t cells_beside(const machine *m, const isa_ring *r, uint32_t width) {
    uint64_t cells = (uint64_t)width * (uint64_t)isa_gain_cells_of(m, r);
    uint64_t have = (uint64_t)m->gain.head_width;
    return have ? (cells + have - 1) / have * have : cells;
}

static uint64_t rings_used(const isa_program *p, const isa_tile *t, const machine *m,
                           uint64_t count[COMPONENTS]) {
    uint64_t heads = 0;
    for (uint32_t k = 0; k < t->n_rings; k++) {
        const isa_ring *r = &t->rings[k];
        if (r->kind != ISA_RING_GAIN) continue;
        uint64_t n = (uint64_t)r->n_kv * p->banks;
        add_heads(m, n, r->slots, r->sub_tile, cells_beside(m, r, r->d), cells_beside(m, r, r->dv),
                  r->readout == ISA_READ_SCORE && r->adc_bits, count);
        heads += n;
    }
    return heads;
}

// --- memories

static uint64_t stored_in(const isa_program *p, const isa_tile *t) {
    uint64_t bytes = 0;
    for (uint32_t k = 0; k < t->n_tables; k++)
        bytes += (uint64_t)t->tables[k].rows *
                 isa_row_bytes((isa_btype)t->tables[k].type, t->tables[k].width);
    for (uint32_t k = 0; k < t->n_groups; k++) bytes += isa_stored_bytes(&t->groups[k]);
    for (uint32_t k = 0; k < t->n_rings; k++) {
        const isa_ring *r = &t->rings[k];
        if (r->kind == ISA_RING_STORED)
            bytes += (uint64_t)r->n_kv * r->slots * (r->d + r->dv) * sizeof(float) * p->banks;
    }
    return bytes;
}

static uint64_t buffers_in(const isa_tile *t, isa_space space) {
    uint64_t most = 0;
    for (uint32_t k = 0; k < t->n_buffers; k++) {
        const isa_buffer *b = &t->buffers[k];
        uint64_t end = b->base + (uint64_t)b->depth * b->stride;
        if (b->space == space && b->parent == k && end > most) most = end;
    }
    return most;
}

static bool uses(const isa_program *p, const isa_tile *t, isa_opcode op) {
    for (uint32_t ph = 0; ph < p->n_phases; ph++)
        for (uint32_t pc = 0; pc < t->phase[ph].count; pc++)
            if (t->phase[ph].code[pc].op == (unsigned)op) return true;
    return false;
}

// Instructions of the phase that has most of them.
static uint64_t want_lanes(const isa_program *p, const isa_tile *t) {
    uint64_t most = 0;
    for (uint32_t ph = 0; ph < p->n_phases; ph++) {
        uint64_t n = 0;
        for (uint32_t pc = 0; pc < t->phase[ph].count; pc++)
            n += isa_wants_lanes(t, &t->phase[ph].code[pc]);
        if (n > most) most = n;
    }
    return most;
}

// --- a tile

inventory inventory_empty(const machine *m) {
    inventory i = {0};
    add_crossbars(m, (uint64_t)m->tile.crossbars, (uint64_t)m->crossbar.rows,
                  (uint64_t)m->crossbar.columns, i.all);
    add_pool(m, machine_has_pool(m) ? (uint64_t)m->dense.arrays : 0, i.all);
    uint64_t width = (uint64_t)m->gain.head_width;
    add_heads(m, (uint64_t)m->tile.ring_heads, (uint64_t)m->gain.slots, (uint64_t)m->gain.sub_tile,
              width, width, m->gain.score_adc_bits > 0, i.all);
    i.all[COMPONENT_digital] = (uint64_t)m->digital.units;
    i.all[COMPONENT_scratchpad] = (uint64_t)m->tile.scratchpad;
    i.all[COMPONENT_memory] = (uint64_t)m->tile.memory;
    i.all[COMPONENT_port] = i.all[COMPONENT_router] = i.all[COMPONENT_receive] =
        i.all[COMPONENT_control] = 1;
    return i;
}

inventory inventory_of_tile(const isa_program *p, const machine *m, uint32_t at) {
    inventory i = inventory_empty(m);
    if (!p || at >= p->n_tiles) return i;
    const isa_tile *t = &p->tiles[at];
    uint64_t rows = 0, columns = 0, n = crossbars_used(t, &rows, &columns);
    if (m->crossbar.rows) rows = (uint64_t)m->crossbar.rows;
    if (m->crossbar.columns) columns = (uint64_t)m->crossbar.columns;
    add_crossbars(m, n, rows, columns, i.used);
    if (uses_pool(t)) add_pool(m, isa_dense_arrays(m, t), i.used);
    rings_used(p, t, m, i.used);
    uint64_t lanes = want_lanes(p, t), units = (uint64_t)m->digital.units;
    if (lanes) i.used[COMPONENT_digital] = units ? units : lanes;
    i.used[COMPONENT_scratchpad] = buffers_in(t, ISA_PAD);
    i.used[COMPONENT_memory] = buffers_in(t, ISA_MEM) + stored_in(p, t);
    i.used[COMPONENT_port] = i.used[COMPONENT_control] = 1;
    i.used[COMPONENT_receive] = uses(p, t, ISA_recv) || uses(p, t, ISA_recvadd);
    i.used[COMPONENT_router] = i.used[COMPONENT_receive] || uses(p, t, ISA_send);
    for (unsigned k = 0; k < COMPONENTS; k++)
        if (i.all[k] < i.used[k]) i.all[k] = i.used[k];
    return i;
}

inventory inventory_of(const isa_program *p, const machine *m) {
    inventory sum = {0};
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        inventory i = inventory_of_tile(p, m, t);
        for (unsigned k = 0; k < COMPONENTS; k++) {
            sum.used[k] += i.used[k];
            sum.all[k] += i.all[k];
        }
    }
    sum.used[COMPONENT_host] = sum.all[COMPONENT_host] = 1;
    return sum;
}

// --- room and power

static const param area_params[COMPONENTS] = {
#define COMPONENT(name, per, summary) PARAM_area_##name,
#include "isa/machine/components.def"
};
static const param power_params[COMPONENTS] = {
#define COMPONENT(name, per, summary) PARAM_power_##name,
#include "isa/machine/components.def"
};

// A millionth of the parameter's unit, rounded once.
static __int128 of(const machine *m, param p, uint64_t count) {
    return (__int128)(machine_number(m, p) * 1e6 + 0.5) * count;
}

area_nm2 area_of(const machine *m, component c, uint64_t count) {
    return of(m, area_params[c], count);
}

__int128 power_of(const machine *m, component c, uint64_t count) {
    return of(m, power_params[c], count);
}

area_nm2 area_of_all(const machine *m, const uint64_t count[COMPONENTS]) {
    area_nm2 sum = 0;
    for (unsigned k = 0; k < COMPONENTS; k++) sum += area_of(m, (component)k, count[k]);
    return sum;
}

__int128 power_of_all(const machine *m, const uint64_t count[COMPONENTS]) {
    __int128 sum = 0;
    for (unsigned k = 0; k < COMPONENTS; k++) sum += power_of(m, (component)k, count[k]);
    return sum;
}

static const param *params_of(const char *section) {
    return strcmp(section, "area") == 0 ? area_params : power_params;
}

const char **inventory_lacking(arena *a, const machine *m, const char *section,
                               const uint64_t count[COMPONENTS], size_t *n) {
    const char **list = ARENA_ARRAY(a, const char *, COMPONENTS);
    *n = 0;
    for (unsigned k = 0; k < COMPONENTS; k++)
        if (count[k] && machine_lacks(m, params_of(section)[k]))
            list[(*n)++] = param_name(a, params_of(section)[k]);
    return list;
}

double inventory_assumed(const machine *m, const char *section, const uint64_t count[COMPONENTS]) {
    __int128 all = 0, assumed = 0;
    for (unsigned k = 0; k < COMPONENTS; k++) {
        __int128 x = of(m, params_of(section)[k], count[k]);
        all += x;
        if (machine_class_of(m, params_of(section)[k]) <= MACHINE_ASSUMED) assumed += x;
    }
    return all ? (double)assumed / (double)all : 0;
}
