// Score read-out with levels; see levels.h. Every step as docs/gain-cells.md writes it.
#include "ir/kernel/levels.h"
#include "support/num/num.h"
#include <stdlib.h>

levels_unit levels_unit_of(const ir_ring *r) {
    return (levels_unit){.sub_tile = r->sub_tile,
                         .slots = r->slots,
                         .q_levels = r->q_levels,
                         .kv_levels = r->kv_levels,
                         .p_levels = r->p_levels,
                         .adc_bits = r->adc_bits};
}

static float largest(const float *x, size_t n) {
    float a = 0;
    for (size_t i = 0; i < n; i++) {
        float y = __builtin_fabsf(x[i]);
        if (y > a) a = y;
    }
    return a;
}

// n - 1 of the formulas.
static double span(const levels_unit *u) { return u->kv_levels ? (double)(u->kv_levels - 1) : 1; }

float levels_store(const levels_unit *u, const float *x, size_t n, double *stored) {
    if (!u->kv_levels) {
        for (size_t i = 0; i < n; i++) stored[i] = (double)x[i];
        return 1;
    }
    float a = largest(x, n), top = (float)(u->kv_levels - 1);
    for (size_t i = 0; i < n; i++) {
        float c = a == 0 ? 0 : num_rint((x[i] / a + 1) * (top * 0.5f));
        c = c > 0 ? c : 0; // NaN: 0
        if (c > top) c = top;
        stored[i] = 2 * (double)c - (double)top;
    }
    return a;
}

// Pulses of a query, as numbers up to *top; returns what they are relative to.
static float pulses(const levels_unit *u, const float *q, size_t d, double *x, double *top) {
    *top = u->q_levels ? (double)((u->q_levels - 1) / 2) : 1;
    float b = u->q_levels ? largest(q, d) : 1;
    for (size_t i = 0; i < d; i++) {
        if (!u->q_levels)
            x[i] = (double)q[i];
        else
            x[i] = b == 0 ? 0 : (double)num_rint(q[i] / b * (float)*top);
    }
    return b;
}

// A sum that lies in [-range, range] behind the converter.
static double converted(const levels_unit *u, double sum, double range) {
    if (!u->adc_bits) return sum;
    double half = (double)((int64_t)1 << (u->adc_bits - 1)), lsb = range / half;
    double code = num_rint_f64(sum / lsb);
    code = code > -half ? code : -half;
    if (code > half - 1) code = half - 1;
    return lsb * code;
}

void levels_scores(const levels_unit *u, const float *q, size_t d, const levels_memory *m,
                   float *s) {
    double *x = base_alloc((d + 1) * sizeof *x), top;
    double b = (double)pulses(u, q, d, x, &top);
    for (int64_t j = 0; j < m->n; j++) {
        const double *k = m->k + (size_t)j * d;
        double sum = 0;
        for (size_t c = 0; c < d; c++) sum += x[c] * k[c];
        sum = converted(u, sum, (double)d * top * span(u));
        s[j] = (float)(sum * (b / top) * ((double)m->k_a[j] / span(u)));
    }
    free(x);
}

void levels_mix(const levels_unit *u, const float *p, size_t dv, const levels_memory *m,
                float *out) {
    size_t n = (size_t)m->n, tiles = (size_t)ceil_div_i64(u->slots, u->sub_tile);
    double *e = base_calloc(n + 1, sizeof *e), total = 0;
    double *sum = base_calloc(tiles * dv + 1, sizeof *sum);
    int64_t *by_slot = base_alloc((size_t)u->slots * sizeof *by_slot); // token in a slot, -1: none
    for (int64_t s = 0; s < u->slots; s++) by_slot[s] = -1;
    for (size_t j = 0; j < n; j++) {
        if (m->valid && !m->valid[j]) continue;
        by_slot[(m->first + (int64_t)j) % u->slots] = (int64_t)j;
        e[j] = (double)p[j] * (double)m->v_a[j];
        total += e[j];
    }
    double top = u->p_levels ? (double)(u->p_levels - 1) : 1;
    for (size_t j = 0; j < n; j++) {
        e[j] = total == 0 ? 0 : e[j] / total;
        if (u->p_levels) e[j] = num_rint_f64(e[j] * top);
    }
    for (int64_t s = 0; s < u->slots; s++) {
        int64_t j = by_slot[s];
        if (j < 0) continue;
        double *to = sum + (size_t)(s / u->sub_tile) * dv;
        for (size_t c = 0; c < dv; c++) to[c] += e[j] * m->v[(size_t)j * dv + c];
    }
    double factor = u->p_levels ? total / top : total;
    for (size_t c = 0; c < dv; c++) {
        double y = 0;
        for (size_t i = 0; i < tiles; i++) y += converted(u, sum[i * dv + c], span(u) * top);
        out[c] = (float)(y * factor / span(u)); // 0 where total is
    }
    free(by_slot);
    free(sum);
    free(e);
}
