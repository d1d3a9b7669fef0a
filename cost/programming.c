#include "cost/programming.h"
#include "isa/count/arrays.h"
#include "isa/count/pool.h"
#include <stdlib.h>

typedef struct {
    uint32_t crossbar;
    uint64_t cells; // weights
} filled;

static int by_crossbar(const void *x, const void *y) {
    const filled *a = x, *b = y;
    return a->crossbar < b->crossbar ? -1 : a->crossbar > b->crossbar;
}

// Dense crossbars are filled one after the other: all but the last are full.
static void add_dense(const isa_tile *t, const machine *m, uint64_t *cells, uint64_t *sum,
                      uint64_t *longest) {
    uint64_t n = isa_dense_cells(m, t), array = (uint64_t)m->dense.cells,
             beside = (uint64_t)m->programming.cells;
    if (n == 0) return;
    uint64_t fullest = n < array ? n : array;
    *cells += n;
    *sum += n / array * ceil_div_u64(array, beside) + ceil_div_u64(n % array, beside);
    uint64_t steps = ceil_div_u64(fullest, beside);
    if (steps > *longest) *longest = steps;
}

// Cells of a tile, and steps: of `cells` side by side, in so many arrays at once.
static uint64_t steps_of(const isa_tile *t, const machine *m, int64_t arrays, uint64_t *cells) {
    filled *list = base_alloc(((size_t)t->n_blocks + 1) * sizeof *list);
    uint64_t sum = 0, longest = 0, beside = (uint64_t)m->programming.cells;
    for (uint32_t k = 0; k < t->n_blocks; k++)
        list[k] = (filled){t->blocks[k].crossbar, (uint64_t)t->blocks[k].rows * t->blocks[k].cols};
    if (t->n_blocks) qsort(list, t->n_blocks, sizeof *list, by_crossbar);
    for (uint32_t k = 0; k < t->n_blocks;) {
        uint64_t n = 0;
        for (uint32_t of = list[k].crossbar; k < t->n_blocks && list[k].crossbar == of; k++)
            n += list[k].cells;
        *cells += n * (uint64_t)arrays;
        uint64_t steps = (n + beside - 1) / beside;
        sum += steps * (uint64_t)arrays;
        if (steps > longest) longest = steps;
    }
    free(list);
    add_dense(t, m, cells, &sum, &longest);
    uint64_t at_once = (uint64_t)m->programming.arrays;
    uint64_t shared = at_once ? (sum + at_once - 1) / at_once : 0;
    return shared > longest ? shared : longest;
}

static bool guessed(const machine *m, param p) { return machine_class_of(m, p) <= MACHINE_ASSUMED; }

programming programming_of(const isa_program *p, const machine *m) {
    programming x = {0};
    uint64_t most = 0;
    int64_t arrays = isa_crossbar_of(m).arrays;
    for (uint32_t k = 0; k < p->n_tiles; k++) {
        const isa_tile *t = &p->tiles[k];
        uint64_t steps = steps_of(t, m, arrays, &x.cells);
        if (steps > most) most = steps;
        for (uint32_t g = 0; g < t->n_groups; g++) x.bytes += isa_stored_bytes(&t->groups[g]);
        for (uint32_t n = 0; n < t->n_tables; n++)
            x.bytes += (uint64_t)t->tables[n].rows *
                       isa_row_bytes((isa_btype)t->tables[n].type, t->tables[n].width);
    }
    x.pulses = (double)x.cells * m->programming.pulses;
    x.time_ns = (double)most * m->programming.pulses * m->programming.time;
    energy_aj cells = (energy_aj)(x.pulses * m->programming.energy * 1e6 + 0.5);
    energy_aj bytes = (energy_aj)x.bytes * (energy_aj)(m->energy.memory_write * 1e6 + 0.5);
    x.aj = cells + bytes;
    x.pulses_assumed = guessed(m, PARAM_programming_pulses);
    x.time_assumed = x.pulses_assumed || guessed(m, PARAM_programming_time) ||
                     guessed(m, PARAM_programming_cells) || guessed(m, PARAM_programming_arrays);
    if (x.pulses_assumed || guessed(m, PARAM_programming_energy)) x.assumed += cells;
    if (guessed(m, PARAM_energy_memory_write)) x.assumed += bytes;
    return x;
}

bool programming_states_time(const machine *m, const programming *x) {
    return x->cells == 0 || !(machine_lacks(m, PARAM_programming_pulses) ||
                              machine_lacks(m, PARAM_programming_time));
}

const char **programming_lacking(arena *a, const machine *m, const programming *x, size_t *n) {
    static const param of_cells[] = {PARAM_programming_pulses, PARAM_programming_time,
                                     PARAM_programming_energy};
    const char **list = ARENA_ARRAY(a, const char *, 4);
    *n = 0;
    for (size_t k = 0; k < ARRAY_LEN(of_cells); k++)
        if (x->cells && machine_lacks(m, of_cells[k])) list[(*n)++] = param_name(a, of_cells[k]);
    if (x->bytes && machine_lacks(m, PARAM_energy_memory_write))
        list[(*n)++] = param_name(a, PARAM_energy_memory_write);
    return list;
}
