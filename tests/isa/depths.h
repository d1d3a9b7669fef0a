// The smallest depths that the lag rule allows a verified program, over all phases.
#ifndef OHMIC_TESTS_ISA_DEPTHS_H
#define OHMIC_TESTS_ISA_DEPTHS_H
#include "isa/depend/lag.h"

typedef struct {
    uint32_t **buffers; // [tile][buffer]
    uint32_t *channels;
} depths;

static inline depths depths_of(const isa_program *p, uint32_t active_set, arena *a) {
    depths least = {ARENA_ARRAY(a, uint32_t *, p->n_tiles + 1),
                    ARENA_ARRAY(a, uint32_t, p->n_channels + 1)};
    for (uint32_t c = 0; c < p->n_channels; c++) least.channels[c] = 1;
    uint64_t total = 0;
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        least.buffers[t] = ARENA_ARRAY(a, uint32_t, p->tiles[t].n_buffers + 1);
        for (uint32_t b = 0; b < p->tiles[t].n_buffers; b++) least.buffers[t][b] = 1;
        for (uint32_t ph = 0; ph < p->n_phases; ph++) total += p->tiles[t].phase[ph].count;
    }
    isa_step *order = ARENA_ARRAY(a, isa_step, total + 1);
    for (uint32_t ph = 0; ph < p->n_phases; ph++) {
        uint32_t n;
        CHECK(isa_order(p, ph, 0, order, &n, NULL), "phase %u has no order", ph);
        isa_depend *d = isa_depend_new(p, ph, order, n);
        isa_lags lags = isa_lags_new(d, active_set, a);
        for (uint32_t t = 0; t < p->n_tiles; t++)
            for (uint32_t b = 0; b < p->tiles[t].n_buffers; b++)
                least.buffers[t][b] =
                    (uint32_t)max_i64(least.buffers[t][b], lags.buffers[t][b].need);
        for (uint32_t c = 0; c < p->n_channels; c++)
            least.channels[c] = (uint32_t)max_i64(least.channels[c], lags.channels[c].need);
        isa_depend_free(d);
    }
    return least;
}
#endif
