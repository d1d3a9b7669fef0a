// A matrix in front of a pool of computation arrays: what of it loses nothing, and which engine
// answers. pool.h defines what is computed.
#include "runtime-sim/pool/pool.h"
#include "runtime-sim/pool/parts.h"
#include "support/base.h"
#include <stdlib.h>

pool_params pool_params_of(const isa_group *g) {
    return (pool_params){.digits = g->digits,
                         .digit_bits = g->digit_bits,
                         .adc_bits = g->adc_bits,
                         .apart = g->apart != 0,
                         .step = g->adc_step,
                         .chunk = g->chunk};
}

static int64_t pool_reach(const pool_params *p) {
    int64_t most = 0, base = (2 << p->digit_bits) - 1;
    for (int i = 0; i < p->digits && most < INT16_MAX; i++) most = most * base + base / 2;
    return min_i64(most, INT16_MAX);
}

void pool_digits(const pool_params *p, int x, int8_t *digit) {
    const int base = (2 << p->digit_bits) - 1, half = base / 2, reach = (int)pool_reach(p);
    x = x < -reach ? -reach : x > reach ? reach : x;
    for (int k = p->digits; k-- > 0;) {
        int d = x % base;
        if (d > half) d -= base;
        if (d < -half) d += base;
        digit[k] = (int8_t)d;
        x = (x - d) / base;
    }
}

// The largest sum of a chunk there can be, over all digits.
static int64_t largest_sum(const pool_params *p, const int8_t *codes, uint32_t k, uint32_t n) {
    int64_t most = 0;
    for (uint32_t k0 = 0; k0 < k; k0 += p->chunk)
        for (uint32_t j = 0; j < n; j++) {
            int64_t sum = 0;
            for (uint32_t i = k0; i < k && i < k0 + p->chunk; i++)
                sum += abs(codes[(size_t)i * n + j]);
            most = max_i64(most, sum);
        }
    return most * ((1 << p->digit_bits) - 1);
}

pool *pool_new(const pool_params *p, const int8_t *codes, uint32_t k, uint32_t n) {
    pool *m = base_calloc(1, sizeof *m);
    CHECK(p->digits >= 1 && p->digits <= POOL_MAX_DIGITS && p->chunk > 0, "digits or chunk");
    *m = (pool){.p = *p, .codes = codes, .k = k, .n = n};
    m->most = largest_sum(p, codes, k, n);
    int64_t top = p->apart ? (INT64_C(1) << p->adc_bits) - 1
                           : (INT64_C(1) << (p->adc_bits ? p->adc_bits - 1 : 0)) - 1;
    m->lossless = p->adc_bits == 0 || (p->step == 1 && m->most <= top);
    return m;
}

void pool_free(pool *m) {
    if (!m) return;
    xbar_free(m->exact);
    free(m->packed);
    for (int i = 0; i < 2; i++) free(m->quads[i]);
    free(m);
}

void pool_run(pool *m, const pool_how *how, const int8_t *x, size_t x_stride, size_t rows,
              int32_t *acc, size_t acc_stride, xbar_events *events) {
    if (how->engine == POOL_SWITCHES || (!m->lossless && m->most > POOL_SUMS)) {
        pool_run_switches(m, x, x_stride, rows, acc, acc_stride, how->threads, events);
    } else if (m->lossless) {
        const xbar_params exact = {.encoding = MACHINE_OFFSET, .adc_step = 1, .dac_bits = 8};
        xbar_how as = {XBAR_AUTO, how->path, how->threads};
        xbar_events none = {0};
        const int reach = (int)min_i64(128, pool_reach(&m->p));
        int8_t *within = NULL;
        if (reach < 128) { // codes that no digits hold
            within = base_alloc(rows * m->k + 1);
            for (size_t i = 0; i < rows * m->k; i++) {
                const int v = x[i / m->k * x_stride + i % m->k];
                within[i] = (int8_t)(v < -reach ? -reach : v > reach ? reach : v);
            }
            x = within, x_stride = m->k;
        }
        if (!m->exact) m->exact = xbar_new(&exact, m->codes, m->k, m->n, NULL, 0);
        xbar_run(m->exact, &as, x, x_stride, rows, acc, acc_stride, &none);
        events->conversions += (uint64_t)rows * m->n * ceil_div_u64(m->k, m->p.chunk) *
                               (unsigned)m->p.digits * (m->p.apart ? 2 : 1);
        free(within);
    } else {
        pool_run_packed(m, how, x, x_stride, rows, acc, acc_stride, events);
    }
}
