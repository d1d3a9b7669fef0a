// Score read-out: s_j = q . k_j leaves through a converter; what makes probabilities of it is
// digital. Per head h, on key/value head h / q_per_kv (docs/numerics.md, "attention"):
//   s_j = f32(S_d f64(q_d) f64(k_jd)) * scale;  s_j = c num_tanh(s_j / c);  s_j += bias_h(t, j)
//   bias: alibi slope_h * f32(j - t); toeplitz entry j - t + bias_zero, ends clamped; full [t][j]
//   p = softmax(s), a sink last; or hardsigmoid: min(max(alpha s + beta, 0), 1), NaN: 0
//   o_d = f32(S_j f64(p_j) f64(v_jd)), oldest first. Nothing visible: zeros.
// With levels or converters (docs/gain-cells.md, "score read-out") a stored element is the odd
// number u of its level and a token has the size `a` of its key and of its value: products and sums
// of numbers that f64 holds, then converters.
#include "runtime-sim/gain/attend.h"
#include "runtime-sim/gain/ring.h"
#include "runtime-sim/xbar/product.h"
#include "support/num/num.h"
#include <string.h>

// --- scratch of one (row, head)

typedef struct {
    int64_t *position; // [slots]
    double *wide;      // [slots]: sums of scores, then weights of the mix
    double *acc, *sum; // [dv] of a sub-tile, of all
    float *s;          // [slots]
    float *x;          // [d]
} scratch_of;

size_t sim_score_scratch(const isa_ring *d) {
    return 5 * (size_t)d->slots + 4 * (size_t)d->dv + d->d + 2;
}

static scratch_of scratch_parts(const isa_ring *d, float *scratch) {
    scratch_of p;
    p.position = (int64_t *)(((uintptr_t)scratch + 7) & ~(uintptr_t)7);
    p.wide = (double *)(p.position + d->slots);
    p.acc = p.wide + d->slots;
    p.sum = p.acc + d->dv;
    p.s = (float *)(p.sum + d->dv);
    p.x = p.s + d->slots;
    return p;
}

// --- levels and converters

// Levels of a stored element, less one; 1: real numbers.
static double top_of_stored(const isa_ring *d) { return d->kv_levels ? d->kv_levels - 1 : 1; }

// Largest |x|; NaNs do not count.
static float largest(const float *x, size_t n, size_t stride) {
    float a = 0;
    for (size_t i = 0; i < n; i++) {
        float m = __builtin_fabsf(x[i * stride]);
        a = m > a ? m : a;
    }
    return a;
}

// u of x in a token of size a.
static float stored(const isa_ring *d, float x, float a) {
    if (!d->kv_levels) return x;
    float top = (float)(d->kv_levels - 1), c = 0;
    if (a != 0) c = num_rint((x / a + 1) * (top * 0.5f));
    c = c > 0 ? c : 0; // NaN: 0
    return 2 * (c < top ? c : top) - top;
}

void sim_score_write(sim_ring *r, const isa_ring *d, size_t slot, const float *k, const float *v) {
    bool levels = sim_score_levels(d);
    for (size_t h = 0; h < d->n_kv; h++) {
        const float *kh = k + h * d->d, *vh = v + h * d->dv;
        float *to_k = r->k + h * d->d * d->slots + slot,
              *to_v = r->v + (h * d->slots + slot) * d->dv;
        if (!levels) {
            for (size_t i = 0; i < d->d; i++) to_k[i * d->slots] = kh[i];
            memcpy(to_v, vh, d->dv * sizeof *v);
            continue;
        }
        float a = d->kv_levels ? largest(kh, d->d, 1) : 1;
        r->k_size[h * d->slots + slot] = a;
        for (size_t i = 0; i < d->d; i++) to_k[i * d->slots] = stored(d, kh[i], a);
        a = d->kv_levels ? largest(vh, d->dv, 1) : 1;
        r->v_size[h * d->slots + slot] = a;
        for (size_t i = 0; i < d->dv; i++) to_v[i] = stored(d, vh[i], a);
    }
}

// What a converter of `bits` makes of r when the largest sum there can be is `full`.
typedef struct {
    double lsb, low, high;
} converter;
static converter converter_of(uint32_t bits, double full) {
    double codes = (double)(UINT32_C(1) << (bits - 1));
    return (converter){full / codes, -codes, codes - 1};
}
static double convert(const converter *c, double r) {
    double code = num_rint_f64(r / c->lsb);
    if (code < c->low) code = c->low;
    if (code > c->high) code = c->high;
    return c->lsb * code;
}

// --- scores

static float bias_at(const sim_attention *a, uint32_t h, int64_t t, int64_t j) {
    const isa_ring *d = a->d;
    int64_t w = d->bias_width;
    switch ((isa_rbias)d->bias) {
    case ISA_BIAS_ALIBI: return a->bias[h] * (float)(j - t);
    case ISA_BIAS_TOEPLITZ: {
        int64_t at = j - t + d->bias_zero;
        return a->bias[h * w + max_i64(0, min_i64(at, w - 1))];
    }
    case ISA_BIAS_FULL:
        CHECK(t < w && j < w, "score bias [%lld][%lld] of %lld", (long long)t, (long long)j,
              (long long)w);
        return a->bias[(h * w + t) * w + j];
    case ISA_BIAS_NONE: break;
    }
    return 0;
}

// s[i] of quantised keys: their sums through the converter, then back to numbers.
static void dot_levels(const sim_attention *a, uint32_t h, sim_visible v, const float *q, float *s,
                       scratch_of *w) {
    const isa_ring *d = a->d;
    size_t slots = d->slots, first = (size_t)(v.first % (int64_t)slots), n = (size_t)v.n;
    size_t head = h / d->q_per_kv, to_end = slots - first < n ? slots - first : n;
    const float *k = a->ring->k + head * d->d * slots, *size = a->ring->k_size + head * slots;
    float b = 1, top = 1;
    memcpy(w->x, q, d->d * sizeof *q);
    if (d->q_levels) {
        b = largest(q, d->d, 1);
        top = (float)((d->q_levels - 1) / 2);
        for (uint32_t i = 0; i < d->d; i++) w->x[i] = b == 0 ? 0 : num_rint(q[i] / b * top);
    }
    sim_sum_columns(a->path, w->wide, w->x, k + first, slots, d->d, to_end);
    sim_sum_columns(a->path, w->wide + to_end, w->x, k, slots, d->d, n - to_end);
    double levels = top_of_stored(d), query = (double)b / (double)top;
    if (d->adc_bits) {
        converter c = converter_of(d->adc_bits, (double)d->d * (double)top * levels);
        for (size_t i = 0; i < n; i++) w->wide[i] = convert(&c, w->wide[i]);
    }
    for (size_t i = 0; i < n; i++) {
        size_t slot = i < to_end ? first + i : i - to_end;
        s[i] = (float)(w->wide[i] * query * ((double)size[slot] / levels));
    }
}

// Of positions from .. from + n - 1 on, which the ring holds in two runs of slots.
static void dot_real(const sim_attention *a, uint32_t h, int64_t from, size_t n, const float *q,
                     float *s) {
    const isa_ring *d = a->d;
    size_t slots = d->slots, first = (size_t)(from % (int64_t)slots);
    const float *k = a->ring->k + (size_t)(h / d->q_per_kv) * d->d * slots;
    size_t to_end = slots - first < n ? slots - first : n;
    sim_dot_columns(a->path, s, q, k + first, slots, d->d, to_end);
    sim_dot_columns(a->path, s + to_end, q, k, slots, d->d, n - to_end);
}

// Scale, softcap, bias.
static void finish_scores(const sim_attention *a, uint32_t h, sim_visible v, float *s) {
    const isa_ring *d = a->d;
    size_t n = (size_t)v.n;
    for (size_t i = 0; i < n; i++) s[i] = s[i] * d->scale;
    if (d->softcap != 0) {
        for (size_t i = 0; i < n; i++) s[i] = s[i] / d->softcap;
        num_tanh_n(s, s, n);
        for (size_t i = 0; i < n; i++) s[i] = d->softcap * s[i];
    }
    if (d->bias != ISA_BIAS_NONE)
        for (size_t i = 0; i < n; i++) s[i] = s[i] + bias_at(a, h, v.t, v.first + (int64_t)i);
}

static void scores(const sim_attention *a, uint32_t h, sim_visible v, const float *q, float *s,
                   scratch_of *w) {
    if (v.n == 0) return; // a ring that was never written has no memory
    if (sim_score_levels(a->d))
        dot_levels(a, h, v, q, s, w);
    else
        dot_real(a, h, v.first, (size_t)v.n, q, s);
    finish_scores(a, h, v, s);
}

void sim_score_row(const sim_attention *a, uint32_t h, sim_visible v, const float *q, float *s,
                   float *scratch) {
    scratch_of w = scratch_parts(a->d, scratch);
    scores(a, h, v, q, s, &w);
}

// --- probabilities

// Drops the positions nobody sees, then scores become probabilities. Returns how many are left;
// position[i] is the i-th.
static size_t probabilities(const sim_attention *a, uint32_t h, sim_visible v, float *s,
                            int64_t *position) {
    const isa_ring *d = a->d;
    size_t n = 0;
    for (int64_t i = 0; i < v.n; i++) {
        if (v.gaps && !sim_seen(a, v.first + i)) continue;
        s[n] = s[i];
        position[n++] = v.first + i;
    }
    if (n == 0) return 0;
    if (d->act == ISA_ACT_HARDSIGMOID)
        for (size_t i = 0; i < n; i++) {
            float p = d->alpha * s[i] + d->beta;
            p = p > 0 ? p : 0; // NaN: 0
            s[i] = p < 1 ? p : 1;
        }
    else
        sim_softmax(s, s, n, a->sink ? &a->sink[h] : NULL);
    return n;
}

// --- the mix

// Runs of slots side by side, in order i0 .. i1: acc += weight times value.
static size_t run_of(const int64_t *position, size_t i, size_t end, int64_t slots) {
    size_t run = 1;
    int64_t slot = position[i] % slots;
    while (i + run < end && slot + (int64_t)run < slots &&
           position[i + run] == position[i] + (int64_t)run)
        run++;
    return run;
}

// A sub-tile's charge through its converter, onto the digital sum.
static void add_sub_tile(const isa_ring *d, const converter *c, double *acc, double *sum) {
    for (uint32_t i = 0; i < d->dv; i++) {
        sum[i] += d->adc_bits ? convert(c, acc[i]) : acc[i];
        acc[i] = 0;
    }
}

static void mix_levels(const sim_attention *a, uint32_t h, const float *p, const int64_t *position,
                       size_t n, float *o, scratch_of *w) {
    const isa_ring *d = a->d;
    size_t slots = d->slots, head = h / d->q_per_kv;
    double total = 0, *e = w->wide, levels = top_of_stored(d);
    double pulses = d->p_levels ? d->p_levels - 1 : 1;
    for (size_t i = 0; i < n; i++) {
        e[i] = (double)p[i] *
               (double)a->ring->v_size[head * slots + (size_t)(position[i] % (int64_t)slots)];
        total += e[i];
    }
    if (n == 0 || total == 0) {
        for (uint32_t i = 0; i < d->dv; i++) o[i] = 0;
        return;
    }
    for (size_t i = 0; i < n; i++)
        e[i] = d->p_levels ? num_rint_f64(e[i] / total * pulses) : e[i] / total;
    converter c = {0};
    if (d->adc_bits) c = converter_of(d->adc_bits, levels * pulses);
    size_t wrap = 0; // slots ascend from here, and from 0 on again
    while (wrap < n && position[wrap] / (int64_t)slots == position[0] / (int64_t)slots) wrap++;
    for (uint32_t i = 0; i < d->dv; i++) w->acc[i] = w->sum[i] = 0;
    const float *v = a->ring->v + head * slots * d->dv;
    int64_t tile = -1;
    for (size_t part = 0; part < 2; part++) {
        size_t end = part ? wrap : n;
        for (size_t i = part ? 0 : wrap; i < end;) {
            size_t slot = (size_t)(position[i] % (int64_t)slots),
                   run = run_of(position, i, end, (int64_t)slots);
            size_t left = d->sub_tile - slot % d->sub_tile;
            if (run > left) run = left;
            if (tile >= 0 && tile != (int64_t)(slot / d->sub_tile))
                add_sub_tile(d, &c, w->acc, w->sum);
            tile = (int64_t)(slot / d->sub_tile);
            sim_mix_weighted(a->path, w->acc, e + i, v + slot * d->dv, d->dv, run);
            i += run;
        }
    }
    add_sub_tile(d, &c, w->acc, w->sum);
    double f = d->p_levels ? total / pulses : total;
    for (uint32_t i = 0; i < d->dv; i++) o[i] = (float)(w->sum[i] * f / levels);
}

// acc += the i-th probabilities times values, i0 <= i < i1.
static void mix_real(const sim_attention *a, uint32_t h, const float *p, const int64_t *position,
                     size_t i0, size_t i1, double *acc) {
    const isa_ring *d = a->d;
    const float *v = i0 < i1 ? a->ring->v + (size_t)(h / d->q_per_kv) * d->slots * d->dv : NULL;
    for (size_t j = i0, run; j < i1; j += run) {
        size_t slot = (size_t)(position[j] % (int64_t)d->slots);
        run = run_of(position, j, i1, (int64_t)d->slots);
        sim_mix_rows(a->path, acc, p + j, v + slot * d->dv, d->dv, run);
    }
}

static void mix(const sim_attention *a, uint32_t h, const float *p, const int64_t *position,
                size_t n, float *o, scratch_of *w) {
    const isa_ring *d = a->d;
    if (sim_score_levels(d)) {
        mix_levels(a, h, p, position, n, o, w);
        return;
    }
    for (uint32_t i = 0; i < d->dv; i++) w->acc[i] = 0;
    mix_real(a, h, p, position, 0, n, w->acc);
    for (uint32_t i = 0; i < d->dv; i++) o[i] = (float)w->acc[i];
}

void sim_score_mix(const sim_attention *a, uint32_t h, sim_visible v, const float *p, float *o,
                   float *scratch) {
    scratch_of w = scratch_parts(a->d, scratch);
    size_t n = 0;
    for (int64_t j = v.first; j < v.first + v.n; j++) {
        if (v.gaps && !sim_seen(a, j)) continue;
        w.position[n] = j;
        w.s[n++] = p[j % (int64_t)a->d->slots];
    }
    mix(a, h, w.s, w.position, n, o, &w);
}

void sim_score_attend(const sim_attention *a, uint32_t h, sim_visible v, const float *q, float *o,
                      float *scratch) {
    scratch_of w = scratch_parts(a->d, scratch);
    scores(a, h, v, q, w.s, &w);
    size_t n = probabilities(a, h, v, w.s, w.position);
    mix(a, h, w.s, w.position, n, o, &w);
}

// --- four queries

bool sim_score_fours(const sim_attention *a) { return !a->unit && !sim_score_levels(a->d); }

// What all four see without gaps, as positions from .. from + n - 1; n 0: nothing.
static size_t seen_by_all(const sim_visible v[4], int64_t *from) {
    int64_t first = v[0].first, end = v[0].first + v[0].n;
    for (int r = 0; r < 4; r++) {
        if (v[r].gaps) return 0;
        first = max_i64(first, v[r].first), end = min_i64(end, v[r].first + v[r].n);
    }
    *from = first;
    return end > first ? (size_t)(end - first) : 0;
}

void sim_score_attend_four(const sim_attention *a, uint32_t h, const sim_visible v[4],
                           const float *const q[4], float *const o[4], float *scratch) {
    const isa_ring *d = a->d;
    int64_t from = 0;
    size_t slots = d->slots, all = seen_by_all(v, &from), size = sim_score_scratch(d);
    if (all == 0) {
        for (int r = 0; r < 4; r++) sim_score_attend(a, h, v[r], q[r], o[r], scratch);
        return;
    }
    scratch_of w[4];
    float *s[4], *rest[4];
    const float *p[4], *k = a->ring->k + (size_t)(h / d->q_per_kv) * d->d * slots,
                       *values = a->ring->v + (size_t)(h / d->q_per_kv) * slots * d->dv;
    double *acc[4];
    size_t before[4], first = (size_t)(from % (int64_t)slots);
    size_t to_end = slots - first < all ? slots - first : all;
    for (int r = 0; r < 4; r++) {
        w[r] = scratch_parts(d, scratch + (size_t)r * size);
        before[r] = (size_t)(from - v[r].first); // positions that this row sees ahead of them
        s[r] = w[r].s + before[r], rest[r] = s[r] + to_end, acc[r] = w[r].acc;
    }
    sim_dot_four(a->path, s, q, k + first, slots, d->d, to_end);
    sim_dot_four(a->path, rest, q, k, slots, d->d, all - to_end);
    for (int r = 0; r < 4; r++) {
        size_t after = before[r] + all, n = (size_t)v[r].n;
        dot_real(a, h, v[r].first, before[r], q[r], w[r].s);
        dot_real(a, h, from + (int64_t)all, n - after, q[r], w[r].s + after);
        finish_scores(a, h, v[r], w[r].s);
        probabilities(a, h, v[r], w[r].s, w[r].position);
        for (uint32_t i = 0; i < d->dv; i++) acc[r][i] = 0;
        mix_real(a, h, w[r].s, w[r].position, 0, before[r], acc[r]);
        p[r] = s[r];
    }
    sim_mix_four(a->path, acc, p, values + first * d->dv, d->dv, to_end);
    for (int r = 0; r < 4; r++) p[r] = rest[r];
    sim_mix_four(a->path, acc, p, values, d->dv, all - to_end);
    for (int r = 0; r < 4; r++) {
        mix_real(a, h, w[r].s, w[r].position, before[r] + all, (size_t)v[r].n, acc[r]);
        for (uint32_t i = 0; i < d->dv; i++) o[r][i] = (float)acc[r][i];
    }
}
