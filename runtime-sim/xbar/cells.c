// The oracle: xbar.h's equations as they stand, one cell at a time. Nothing here is clever.
#include "runtime-sim/xbar/parts.h"
#include "support/parallel.h"
#include <string.h>

typedef struct {
    const xbar *m;
    const int8_t *x;
    size_t x_stride, acc_stride;
    int32_t *acc;
    xbar_events *events;
} run;

static void rows_body(void *ctx, size_t begin, size_t end) {
    const run *t = ctx;
    const xbar *m = t->m;
    const xbar_plan *p = &m->plan;
    xbar_events e = {0};
    for (size_t r = begin; r < end; r++) {
        const int8_t *x = t->x + r * t->x_stride;
        int32_t *acc = t->acc + r * t->acc_stride;
        memset(acc, 0, m->n * sizeof *acc);
        for (uint32_t b = 0; b < m->n_blocks; b++) {
            const isa_block *k = &m->blocks[b];
            for (uint32_t n = k->n0; n < k->n0 + k->cols; n++) {
                int64_t total = 0, inputs = 0;
                for (uint32_t i = k->k0; i < k->k0 + k->rows; i++) inputs += x[i];
                for (int s = 0; s < p->n_slices; s++)
                    for (int f = 0; f < p->n_phases; f++) {
                        int64_t sum = 0;
                        for (uint32_t i = k->k0; i < k->k0 + k->rows; i++)
                            sum += xbar_input_digit(&p->phase[f], x[i]) *
                                   xbar_weight_digit(p, s, m->codes[(size_t)i * m->n + n]);
                        int shift = p->slice[s].shift + p->phase[f].shift;
                        int sign = p->slice[s].sign * p->phase[f].sign;
                        total += sign * (xbar_convert(p, sum, &e) * (INT64_C(1) << shift));
                    }
                acc[n] =
                    (int32_t)(uint32_t)((uint64_t)acc[n] + (uint64_t)(total - p->offset * inputs));
            }
        }
    }
    __atomic_fetch_add(&t->events->clipped, e.clipped, __ATOMIC_RELAXED);
    __atomic_fetch_add(&t->events->rounded, e.rounded, __ATOMIC_RELAXED);
}

void xbar_run_cells(const xbar *m, const int8_t *x, size_t x_stride, size_t rows, int32_t *acc,
                    size_t acc_stride, int threads, xbar_events *events) {
    run t = {m, x, x_stride, acc_stride, acc, events};
    parallel_for(threads, rows, 1, rows_body, &t);
}
