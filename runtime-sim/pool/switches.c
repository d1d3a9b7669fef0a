// The oracle: pool.h's equations as they stand, one switch at a time. Nothing here is clever.
#include "runtime-sim/pool/parts.h"
#include "support/base.h"
#include "support/parallel.h"
#include <stdlib.h>

typedef struct {
    const pool *m;
    const int8_t *x;
    size_t x_stride, acc_stride;
    int32_t *acc;
    xbar_events *events;
} run;

// A code of lo ... hi for the sum s, times the step.
static int64_t convert(const pool_params *p, int64_t s, int64_t lo, int64_t hi, xbar_events *e) {
    e->conversions++;
    if (p->adc_bits == 0) return s;
    int64_t twice = 2 * p->step, q = (2 * s + p->step) / twice;
    if ((2 * s + p->step) % twice < 0) q--;             // floor(s / step + 1/2)
    if ((2 * s + p->step) % twice == 0 && (q & 1)) q--; // a tie went up to an odd code
    e->rounded += q * p->step != s;
    e->clipped += q < lo || q > hi;
    return (q < lo ? lo : q > hi ? hi : q) * p->step;
}

// What leaves the converter for one chunk, digit and column: currents of every switch that is on.
static int64_t step_of(const run *t, size_t row, uint32_t k0, uint32_t column, int k,
                       xbar_events *e) {
    const pool_params *p = &t->m->p;
    int64_t plus = 0, minus = 0;
    for (uint32_t i = k0; i < t->m->k && i < k0 + p->chunk; i++) {
        int8_t digit[POOL_MAX_DIGITS];
        pool_digits(p, t->x[row * t->x_stride + i], digit);
        int w = t->m->codes[(size_t)i * t->m->n + column];
        for (int s = 0; s < p->digit_bits; s++)
            if (abs(digit[k]) >> s & 1)
                *((w < 0) == (digit[k] < 0) ? &plus : &minus) += (int64_t)abs(w) << s;
    }
    const int64_t top = INT64_C(1) << p->adc_bits, half = top / 2;
    if (!p->apart) return convert(p, plus - minus, -half, half - 1, e);
    return convert(p, plus, 0, top - 1, e) - convert(p, minus, 0, top - 1, e);
}

static void rows_body(void *ctx, size_t begin, size_t end) {
    const run *t = ctx;
    const pool_params *p = &t->m->p;
    xbar_events e = {0};
    for (size_t r = begin; r < end; r++)
        for (uint32_t n = 0; n < t->m->n; n++) {
            uint32_t acc = 0;
            for (uint32_t k0 = 0; k0 < t->m->k; k0 += p->chunk) {
                uint32_t z = 0;
                for (int k = 0; k < p->digits; k++)
                    z = (z << (p->digit_bits + 1)) - z + (uint32_t)step_of(t, r, k0, n, k, &e);
                acc += z;
            }
            t->acc[r * t->acc_stride + n] = (int32_t)acc;
        }
    __atomic_fetch_add(&t->events->conversions, e.conversions, __ATOMIC_RELAXED);
    __atomic_fetch_add(&t->events->clipped, e.clipped, __ATOMIC_RELAXED);
    __atomic_fetch_add(&t->events->rounded, e.rounded, __ATOMIC_RELAXED);
}

void pool_run_switches(const pool *m, const int8_t *x, size_t x_stride, size_t rows, int32_t *acc,
                       size_t acc_stride, int threads, xbar_events *events) {
    run t = {m, x, x_stride, acc_stride, acc, events};
    parallel_for(threads, rows, 1, rows_body, &t);
}
