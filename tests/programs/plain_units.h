// The plain interpreter, continued: crossbars and rings.
#ifndef OHMIC_TESTS_PROGRAMS_PLAIN_UNITS_H
#define OHMIC_TESTS_PROGRAMS_PLAIN_UNITS_H
#include "tests/programs/plain.h"

// --- crossbars: runtime-sim/xbar/xbar.h has the physics

typedef struct {
    int shift, bits;
    bool negative;
} plain_digit;

static inline uint32_t plain_converted(const machine *m, int64_t s) {
    int bits = (int)m->crossbar.adc_bits;
    int64_t step = bits ? machine_adc_step(m) : 1,
            code = s >= 0 ? s / step : -((-s + step - 1) / step);
    int64_t rest = s - code * step, lo = 0, hi = (INT64_C(1) << bits) - 1;
    if (m->crossbar.adc_rounding == MACHINE_NEAREST &&
        (2 * rest > step || (2 * rest == step && code % 2 != 0)))
        code++;
    if (bits && m->crossbar.encoding == MACHINE_DIFFERENTIAL)
        lo = -(INT64_C(1) << (bits - 1)), hi = -lo - 1;
    if (bits) code = code < lo ? lo : code > hi ? hi : code;
    return (uint32_t)(code * step);
}

static inline int plain_weight_digit(const machine *m, plain_digit s, int w, int top) {
    int mask = (1 << s.bits) - 1;
    if (m->crossbar.encoding == MACHINE_OFFSET) return (w + top) >> s.shift & mask;
    if (m->crossbar.encoding == MACHINE_TWOS_COMPLEMENT) return w >> s.shift & mask;
    if (m->crossbar.encoding == MACHINE_SIGN_MAGNITUDE)
        return (w < 0) == s.negative ? (w < 0 ? -w : w) >> s.shift & mask : 0;
    return w < 0 ? -(-w >> s.shift & mask) : w >> s.shift & mask;
}

static inline unsigned plain_digits(plain_digit *to, int bits, int each) {
    unsigned n = 0;
    for (int at = 0; at < bits; at += each)
        to[n++] = (plain_digit){at, bits - at < each ? bits - at : each, false};
    return n;
}

// Column n of a block times x[rows].
static inline uint32_t plain_block(const machine *m, const int8_t *w, uint32_t stride,
                                   const int8_t *x, uint32_t rows) {
    int bits = m->crossbar.weight_bits ? (int)m->crossbar.weight_bits : 8, top = 1 << (bits - 1);
    int cell = m->crossbar.cell_bits ? (int)m->crossbar.cell_bits : bits;
    bool twos = m->crossbar.encoding == MACHINE_TWOS_COMPLEMENT;
    plain_digit slice[16], phase[10];
    unsigned slices = plain_digits(slice, twos ? bits - 1 : bits, cell);
    const int input = m->crossbar.input_bits ? (int)m->crossbar.input_bits : 8;
    unsigned phases =
        plain_digits(phase, input - 1, m->crossbar.input_bits ? (int)m->crossbar.dac_bits : 7);
    if (twos) slice[slices++] = (plain_digit){bits - 1, 1, true};
    for (unsigned i = 0, n = slices; m->crossbar.encoding == MACHINE_SIGN_MAGNITUDE && i < n; i++)
        slice[slices++] = (plain_digit){slice[i].shift, slice[i].bits, true};
    phase[phases++] = (plain_digit){input - 1, 1, true};
    uint32_t sum = 0;
    for (unsigned s = 0; s < slices; s++)
        for (unsigned f = 0; f < phases; f++) {
            int64_t column = 0;
            for (uint32_t k = 0; k < rows; k++)
                column += ((uint8_t)x[k] >> phase[f].shift & ((1 << phase[f].bits) - 1)) *
                          plain_weight_digit(m, slice[s], w[k * stride], top);
            uint32_t part = plain_converted(m, column) << (slice[s].shift + phase[f].shift);
            sum += slice[s].negative != phase[f].negative ? -part : part;
        }
    for (uint32_t k = 0; m->crossbar.encoding == MACHINE_OFFSET && k < rows; k++)
        sum -= (uint32_t)(x[k] * top);
    return sum;
}

static inline int32_t plain_column(const plain_at *c, const isa_group *g, uint32_t n,
                                   const int8_t *x) {
    const int8_t *w = (const int8_t *)c->m->p->cells + g->cells;
    uint32_t sum = 0;
    for (uint32_t k = 0; g->n_blocks == 0 && k < g->k1 - g->k0; k++)
        sum += (uint32_t)(x[k] * w[(size_t)k * g->n + n]);
    for (uint32_t b = g->first_block; b < g->first_block + g->n_blocks; b++) {
        const isa_block *d = &c->t->blocks[b];
        if (n < d->n0 || n >= d->n0 + d->cols) continue;
        sum += plain_block(c->m->chip, w + (size_t)d->k0 * g->n + n, g->n, x + d->k0, d->rows);
    }
    return (int32_t)sum;
}

// What raw sums stand for.
static inline float plain_finished(const plain_at *c, const isa_group *g, uint32_t n, int32_t acc,
                                   plain_trailer x) {
    int64_t zw = g->zero == ISA_NO_OFFSET ? 0 : plain_i32(c->m, g->zero, n), i = acc;
    if (x.zero) i -= (int64_t)x.zero * plain_i32(c->m, g->colsum, n);
    i += (int64_t)g->k * x.zero * zw - zw * x.sum;
    double y = (double)i * ((double)x.scale * (double)plain_f32(c->m, g->scale, n));
    return (float)(y + (g->bias == ISA_NO_OFFSET ? 0 : (double)plain_f32(c->m, g->bias, n)));
}

static inline float plain_weight(const plain_at *c, const isa_group *g, uint32_t k, uint32_t n) {
    const uint8_t *cells = c->m->p->cells + g->cells;
    float w;
    if (g->wtype == ISA_W_F32) {
        memcpy(&w, cells + 4 * ((size_t)k * g->n + n), 4);
        return w;
    }
    int32_t zero = g->zero == ISA_NO_OFFSET ? 0 : plain_i32(c->m, g->zero, n);
    return (float)((double)plain_f32(c->m, g->scale, n) *
                   (double)((int8_t)cells[(size_t)k * g->n + n] - zero));
}

static inline void plain_mvm_row(const plain_at *c, const plain_view *d, const plain_view *a,
                                 int64_t r) {
    const isa_group *g = &c->t->groups[c->i->x];
    bool integer = g->wtype == ISA_W_I8 && a->type == ISA_Q8;
    int8_t *codes = ARENA_ARRAY(c->m->step, int8_t, a->width + 1);
    float *y = ARENA_ARRAY(c->m->step, float, d->width + 1), *x = plain_numbers(c, a, r);
    plain_trailer t = a->rows->trailer[r];
    t.sum = 0;
    for (uint32_t k = 0; integer && k < a->width; k++)
        t.sum += codes[k] = (int8_t)plain_cell_at(a, r, k)->i;
    for (uint32_t n = 0; n < g->n; n++) {
        int32_t acc = integer ? plain_column(c, g, n, codes) : 0;
        if (d->type == ISA_RAW) {
            plain_cell_at(d, r, n)->i = acc;
        } else if (integer) {
            y[n] = plain_finished(c, g, n, acc, t);
        } else {
            double s = 0;
            for (uint32_t k = 0; k < g->k; k++)
                s += (double)x[k] * (double)plain_weight(c, g, k, n);
            y[n] =
                (float)(s + (g->bias == ISA_NO_OFFSET ? 0 : (double)plain_f32(c->m, g->bias, n)));
        }
    }
    if (d->type == ISA_RAW)
        d->rows->trailer[r] = t;
    else
        plain_put(c, d, r, y);
}

static inline void plain_mvm(const plain_at *c) {
    plain_view a = plain_read(c, c->i->a), d = plain_write(c);
    for (int64_t r = 0; r < c->rows; r++) {
        bool active = true;
        if (c->i->b != ISA_NONE) {
            plain_view gate = plain_read(c, c->i->b);
            active = plain_number(&gate, r, 0) != 0;
        }
        if (active) {
            plain_mvm_row(c, &d, &a, r);
            continue;
        }
        for (uint32_t n = 0; n < d.width; n++) *plain_cell_at(&d, r, n) = (plain_cell){0, 0};
        if (d.type == ISA_RAW)
            d.rows->trailer[r] =
                (plain_trailer){a.type == ISA_Q8 ? a.rows->trailer[r].scale : 0, 0, 0};
    }
}

// --- rings

static inline void plain_ring_reset(plain_ring *r, const isa_ring *d) {
    r->len = 0;
    for (uint32_t k = 0; k < d->slots; k++) r->held[k] = -1;
}

static inline void plain_store(const plain_at *c, const plain_view *kv, int64_t r, uint16_t mask) {
    const isa_ring *d = &c->t->rings[c->i->x];
    plain_ring *ring = &c->tile->rings[c->i->x];
    int64_t j = c->at + r;
    uint32_t slot = (uint32_t)(j % d->slots), nk = d->n_kv * d->d, nv = d->n_kv * d->dv;
    for (uint32_t k = 0; k < nk; k++) ring->k[slot * nk + k] = plain_number(kv, r, k);
    for (uint32_t k = 0; k < nv; k++) ring->v[slot * nv + k] = plain_number(kv, r, nk + k);
    bool valid = true;
    if (mask != ISA_NONE) {
        plain_view m = plain_read(c, mask);
        valid = plain_number(&m, r, 0) != 0;
    }
    ring->held[slot] = valid ? j : -1;
    if (j >= ring->len) ring->len = j + 1;
}

static inline float plain_bias(const plain_at *c, const isa_ring *d, uint32_t h, int64_t t,
                               int64_t j) {
    uint64_t w = d->bias_width;
    int64_t at = j - t + d->bias_zero;
    switch ((isa_rbias)d->bias) {
    case ISA_BIAS_NONE: return 0;
    case ISA_BIAS_ALIBI: return plain_f32(c->m, d->bias_table, h) * (float)(j - t);
    case ISA_BIAS_TOEPLITZ:
        at = at < 0 ? 0 : at >= (int64_t)w ? (int64_t)w - 1 : at;
        return plain_f32(c->m, d->bias_table, h * w + (uint64_t)at);
    case ISA_BIAS_FULL:
        return plain_f32(c->m, d->bias_table, (h * w + (uint64_t)t) * w + (uint64_t)j);
    }
    return 0;
}

static inline float plain_score(const plain_at *c, const plain_view *q, int64_t r, uint32_t h,
                                int64_t j) {
    const isa_ring *d = &c->t->rings[c->i->x];
    const float *k =
        c->tile->rings[c->i->x].k + ((size_t)(j % d->slots) * d->n_kv + h / d->q_per_kv) * d->d;
    double dot = 0;
    for (uint32_t i = 0; i < d->d; i++)
        dot += (double)plain_number(q, r, h * d->d + i) * (double)k[i];
    float s = (float)dot * d->scale;
    if (d->softcap != 0) s = d->softcap * num_tanh(s / d->softcap);
    return d->bias == ISA_BIAS_NONE ? s : s + plain_bias(c, d, h, c->at + r, j);
}

// Positions that a row at t sees, oldest first; returns their number.
static inline uint32_t plain_seen(const plain_at *c, int64_t t, int64_t *seen) {
    const isa_ring *d = &c->t->rings[c->i->x];
    const plain_ring *ring = &c->tile->rings[c->i->x];
    bool causal = d->mode == ISA_RING_CAUSAL;
    int64_t window = causal && d->window && d->window < d->slots ? d->window : d->slots;
    int64_t last = ring->len - 1;
    if (causal && t < last) last = t;
    uint32_t n = 0;
    for (int64_t j = max_i64(0, (causal ? t : last) - window + 1); j <= last; j++)
        if (ring->held[j % d->slots] == j) seen[n++] = j;
    return n;
}

static inline void plain_attend(const plain_at *c, const plain_view *d, const plain_view *q,
                                int64_t r) {
    const isa_ring *x = &c->t->rings[c->i->x];
    const plain_ring *ring = &c->tile->rings[c->i->x];
    uint32_t heads = x->n_kv * x->q_per_kv;
    int64_t *seen = ARENA_ARRAY(c->m->step, int64_t, x->slots + 1);
    float *y = ARENA_ARRAY(c->m->step, float, d->width + 1),
          *p = ARENA_ARRAY(c->m->step, float, x->slots + 1);
    uint32_t n = plain_seen(c, c->at + r, seen);
    for (uint32_t k = 0; c->i->op == ISA_score && k < d->width; k++) y[k] = -INFINITY;
    for (uint32_t h = 0; h < heads; h++) {
        for (uint32_t k = 0; k < n; k++)
            p[k] = c->i->op == ISA_mix
                       ? plain_number(q, r, h * x->slots + (uint32_t)(seen[k] % x->slots))
                       : plain_score(c, q, r, h, seen[k]);
        if (c->i->op == ISA_score) {
            for (uint32_t k = 0; k < n; k++)
                y[h * x->slots + (uint32_t)(seen[k] % x->slots)] = p[k];
            continue;
        }
        if (c->i->op != ISA_mix && x->act == ISA_ACT_HARDSIGMOID) {
            for (uint32_t k = 0; k < n; k++) {
                float e = x->alpha * p[k] + x->beta;
                p[k] = isnan(e) || e < 0 ? 0 : e > 1 ? 1 : e;
            }
        } else if (c->i->op != ISA_mix && n > 0) {
            float sink = x->sink == ISA_NO_OFFSET ? 0 : plain_f32(c->m, x->sink, h);
            plain_softmax(p, p, n, x->sink == ISA_NO_OFFSET ? NULL : &sink, false);
        }
        for (uint32_t i = 0; i < x->dv; i++) {
            double o = 0;
            for (uint32_t k = 0; k < n; k++)
                o +=
                    (double)p[k] *
                    (double)ring
                        ->v[((size_t)(seen[k] % x->slots) * x->n_kv + h / x->q_per_kv) * x->dv + i];
            y[h * x->dv + i] = (float)o;
        }
    }
    plain_put(c, d, r, y);
}

static inline void plain_on_ring(const plain_at *c) {
    bool writes = isa_writes_ring(c->i), answers = c->i->op != ISA_kvw;
    plain_view a = plain_read(c, c->i->a), kv = a, d = a;
    if (c->i->op == ISA_attn) kv = plain_read(c, c->i->b);
    if (answers) d = plain_write(c);
    for (int64_t r = 0; r < c->rows; r++) {
        if (writes) plain_store(c, &kv, r, c->i->n);
        if (answers) plain_attend(c, &d, &a, r);
    }
}
#endif
