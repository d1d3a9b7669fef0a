// Attention in the charge domain; see charge.h. Every step as docs/gain-cells.md writes it.
#include "ir/kernel/charge.h"
#include "support/num/num.h"
#include <stdlib.h>
#include <string.h>

// ---- the device ------------------------------------------------------------------------------

charge_unit charge_unit_of(const ir_ring *r) {
    bool both = r->saturate == IR_SAT_BOTH;
    charge_unit u = {
        .sub_tile = r->sub_tile,
        .slots = r->slots,
        .q_levels = r->q_levels,
        .kv_levels = r->kv_levels,
        .out_levels = r->out_levels,
        .v_dd = (float)r->v_dd,
        .s_sat = (float)r->s_sat,
        .o_sat = (float)r->o_sat,
        .saturate_scores = both || r->saturate == IR_SAT_SCORES,
        .saturate_outputs = both || r->saturate == IR_SAT_OUTPUTS,
        .decay = (double)(float)r->decay,
        .product = r->decay_form == IR_DECAY_PRODUCT,
        .terms = (int)r->cell.count,
    };
    for (size_t i = 0; i < r->cell.count; i++) u.cell[i] = (double)(float)r->cell.items[i];
    return u;
}

// ---- levels ----------------------------------------------------------------------------------

// Code (n > 0), or the value itself.
static double level(float x, float hi, int64_t n) {
    float y = x > 0 ? x : 0; // NaN: 0
    if (y > hi) y = hi;
    return n ? (double)num_rint(y / (hi / (float)(n - 1))) : (double)y;
}

double charge_store(const charge_unit *u, float a, float b, float x) {
    double y = level(a * x + b, u->v_dd, u->kv_levels);
    return u->kv_levels ? 2 * y - (double)(u->kv_levels - 1) : y - (double)u->v_dd / 2;
}

double charge_pulse(const charge_unit *u, float a, float b, float x) {
    return level(a * x + b, 1, u->q_levels);
}

// ---- charges ---------------------------------------------------------------------------------

// g_i of a token of this age.
static void coefficients(const charge_unit *u, int64_t age, double *g) {
    double w = u->kv_levels ? (double)u->v_dd / (2 * (double)(u->kv_levels - 1)) : 1;
    if (age < 0) age = 0; // written whole, before the first query: nothing is younger than new
    double decay = u->decay != 0 ? num_exp_f64(-(u->decay * (double)age)) : 1;
    double w_i = 1, d_i = 1;
    for (int i = 0; i < u->terms; i++) {
        g[i] = u->cell[i] * w_i * (u->product ? decay : d_i);
        w_i *= w;
        d_i *= decay;
    }
}

static double score(const charge_unit *u, const charge_query *q, const double *k, const double *g) {
    double moment[IR_RING_TERMS] = {0}, s = 0;
    for (size_t c = 0; c < q->d; c++) {
        double power = 1;
        for (int i = 0; i < u->terms; i++) {
            moment[i] += q->q[c] * power;
            power *= k[c];
        }
    }
    for (int i = 0; i < u->terms; i++) s += g[i] * moment[i];
    return u->q_levels ? s / (double)(u->q_levels - 1) : s;
}

// to[c] += phi * C(v[c]). power and sum: scratch of dv numbers.
static void pulse_row(const charge_unit *u, double phi, const double *g, const double *v, size_t dv,
                      double *power, double *sum, double *to) {
    for (size_t c = 0; c < dv; c++) {
        power[c] = 1;
        sum[c] = g[0];
    }
    for (int i = 1; i < u->terms; i++) {
        for (size_t c = 0; c < dv; c++) {
            power[c] *= v[c];
            sum[c] += g[i] * power[c];
        }
    }
    for (size_t c = 0; c < dv; c++) to[c] += phi * sum[c];
}

void charge_attend(const charge_unit *u, const charge_query *q, const charge_memory *m, float *out,
                   double *scores, double *codes) {
    size_t n = (size_t)m->n, dv = q->dv;
    size_t tiles = (size_t)ceil_div_i64(u->slots, u->sub_tile);
    double *g = base_alloc((n * IR_RING_TERMS + 1) * sizeof *g);
    double *phi = base_calloc(n + 1, sizeof *phi);
    double *charge = base_calloc((tiles + 2) * dv + 1, sizeof *charge);
    int64_t *by_slot = base_alloc((size_t)u->slots * sizeof *by_slot); // token in a slot, -1: none
    for (int64_t s = 0; s < u->slots; s++) by_slot[s] = -1;
    for (size_t j = 0; j < n; j++) {
        int64_t position = m->first + (int64_t)j;
        if (scores) scores[j] = 0;
        if (m->valid && !m->valid[j]) continue;
        by_slot[position % u->slots] = (int64_t)j;
        double *g_j = g + j * IR_RING_TERMS;
        coefficients(u, q->t - position, g_j);
        double s = score(u, q, m->k + j * q->d, g_j);
        if (scores) scores[j] = s;
        double p = s / (double)u->s_sat;
        phi[j] = p > 0 ? (u->saturate_scores && p > 1 ? 1 : p) : 0;
    }
    double *power = charge + tiles * dv, *sum = power + dv;
    for (int64_t s = 0; s < u->slots; s++) {
        int64_t j = by_slot[s];
        if (j < 0 || phi[j] == 0) continue;
        pulse_row(u, phi[j], g + j * IR_RING_TERMS, m->v + (size_t)j * dv, dv, power, sum,
                  charge + (size_t)(s / u->sub_tile) * dv);
    }
    float step = u->out_levels ? 2.0f / (float)(u->out_levels - 1) : 1;
    for (size_t c = 0; c < dv; c++) {
        double total = 0;
        for (size_t i = 0; i < tiles; i++) {
            double z = charge[i * dv + c] / (double)u->o_sat;
            if (u->saturate_outputs) z = z > 1 ? 1 : z < -1 ? -1 : z;
            if (u->out_levels) z = (double)num_rint((float)z / step);
            if (codes) codes[i * dv + c] = z;
            total += z;
        }
        float r = u->out_levels ? (float)((double)step * total) : (float)total;
        out[c] = q->a_o * r + q->b_o;
    }
    free(by_slot);
    free(charge);
    free(phi);
    free(g);
}
