// Attention on rings (docs/numerics.md, "attention"; isa/desc.def, ring).
//
// A query at position t sees, oldest first,
//   causal       positions max(0, t - W + 1) .. t, W = window, at most the slots
//   all, cross   every position stored
// of those that were written under a mask other than 0. Per head h, on key/value head h / q_per_kv:
//   s_j = f32(S_d f64(q_d) f64(k_jd)) * scale;  s_j = c num_tanh(s_j / c);  s_j += bias_h(t, j)
//   bias: alibi slope_h * f32(j - t); toeplitz entry j - t + bias_zero, ends clamped; full [t][j]
//   p = softmax(s), or hardsigmoid: min(max(0.2 s + 0.5, 0), 1)
//   o_d = f32(S_j f64(p_j) f64(v_jd)), oldest first. Nothing visible: zeros.
//
// Row r of `attn` sees what rows <= r wrote. Its rows go one by one, unless none of them takes a
// slot that another still reads: then all write first, and attend side by side.
#include "runtime-sim/product.h"
#include "runtime-sim/ring.h"
#include "runtime-sim/rows.h"
#include "support/num.h"

// The slots a query sees, in the order of positions: a run up to the ring's end, then one from slot
// 0.
typedef struct {
    int64_t first, n; // positions first .. first + n - 1
    bool gaps;        // some of them were masked: `held` says which
} visible;

typedef struct {
    const sim_ctx *c;
    const isa_ring *d;
    sim_ring *ring;
    const float *bias;
    sim_rows q, kv, mask, o;
    xbar_path path;
} attention;

static attention attention_of(const sim_ctx *c) {
    CHECK(c->insn->x < c->desc->n_rings, "ring %u", c->insn->x);
    attention t = {.c = c,
                   .d = &c->desc->rings[c->insn->x],
                   .ring = sim_ring_of(c->s, c->tile, c->insn->x, c->bank),
                   .path = xbar_best_path()};
    if (t.d->bias != ISA_BIAS_NONE) {
        t.bias = (const float *)(const void *)sim_table(c->s, t.d->bias_table);
        CHECK(t.bias && (uintptr_t)t.bias % sizeof(float) == 0, "bias table of ring %u",
              c->insn->x);
    }
    return t;
}

static visible visible_at(const attention *a, int64_t t) {
    const isa_ring *d = a->d;
    const sim_ring *r = a->ring;
    int64_t last = d->mode == ISA_RING_CAUSAL ? min_i64(t, r->len - 1) : r->len - 1;
    int64_t window =
        d->mode == ISA_RING_CAUSAL && d->window && d->window < d->slots ? d->window : d->slots;
    int64_t first = (d->mode == ISA_RING_CAUSAL ? t : last) - window + 1;
    visible v = {.first = max_i64(0, first)};
    if (!r->held || last < v.first) return v;
    v.n = last - v.first + 1;
    for (int64_t j = v.first; j <= last && !v.gaps; j++) v.gaps = r->held[j % d->slots] != j;
    return v;
}

static bool seen(const attention *a, int64_t j) { return a->ring->held[j % a->d->slots] == j; }

static float bias_at(const attention *a, uint32_t h, int64_t t, int64_t j) {
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

// Scores of head h at position t: s[i] of position first + i.
static void scores(const attention *a, uint32_t h, int64_t t, const float *q, visible v, float *s) {
    const isa_ring *d = a->d;
    size_t slots = d->slots, first = (size_t)(v.first % (int64_t)slots), n = (size_t)v.n;
    if (n == 0) return; // a ring that was never written has no memory
    const float *k = a->ring->k + (size_t)(h / d->q_per_kv) * d->d * slots;
    size_t to_end = slots - first < n ? slots - first : n;
    sim_dot_columns(a->path, s, q + (size_t)h * d->d, k + first, slots, d->d, to_end);
    sim_dot_columns(a->path, s + to_end, q + (size_t)h * d->d, k, slots, d->d, n - to_end);
    for (size_t i = 0; i < n; i++) s[i] = s[i] * d->scale;
    if (d->softcap != 0) {
        for (size_t i = 0; i < n; i++) s[i] = s[i] / d->softcap;
        num_tanh_n(s, s, n);
        for (size_t i = 0; i < n; i++) s[i] = d->softcap * s[i];
    }
    if (d->bias != ISA_BIAS_NONE)
        for (size_t i = 0; i < n; i++) s[i] = s[i] + bias_at(a, h, t, v.first + (int64_t)i);
}

// Drops the positions nobody sees, then scores become probabilities. Returns how many are left;
// position[i] is the i-th.
static size_t probabilities(const attention *a, visible v, float *s, int64_t *position) {
    size_t n = 0;
    for (int64_t i = 0; i < v.n; i++) {
        if (v.gaps && !seen(a, v.first + i)) continue;
        s[n] = s[i];
        position[n++] = v.first + i;
    }
    if (n == 0) return 0;
    if (a->d->act == ISA_ACT_HARDSIGMOID)
        for (size_t i = 0; i < n; i++) {
            float p = 0.2f * s[i] + 0.5f;
            s[i] = p < 0 ? 0 : p > 1 ? 1 : p;
        }
    else
        sim_softmax(s, s, n, false);
    return n;
}

// o[dv] = f32(S_i f64(p_i) f64(v of position_i))
static void mix(const attention *a, uint32_t h, const float *p, const int64_t *position, size_t n,
                double *acc, float *o) {
    const isa_ring *d = a->d;
    const float *v = n ? a->ring->v + (size_t)(h / d->q_per_kv) * d->slots * d->dv : NULL;
    for (uint32_t i = 0; i < d->dv; i++) acc[i] = 0;
    for (size_t j = 0; j < n;) { // runs of slots side by side
        size_t slot = (size_t)(position[j] % (int64_t)d->slots), run = 1;
        while (j + run < n && slot + run < d->slots &&
               position[j + run] == position[j] + (int64_t)run)
            run++;
        sim_mix_rows(a->path, acc, p + j, v + slot * d->dv, d->dv, run);
        j += run;
    }
    for (uint32_t i = 0; i < d->dv; i++) o[i] = (float)acc[i];
}

// Scratch of one (row, head): scores [slots], positions [slots] and sums [dv] in 8 bytes each.
static size_t scratch_floats(const isa_ring *d) {
    return 3 * (size_t)d->slots + 2 * (size_t)d->dv + 8;
}
typedef struct {
    float *s;
    int64_t *position;
    double *acc;
} scratch_of;
static scratch_of scratch_parts(const isa_ring *d, float *scratch) {
    scratch_of p;
    uintptr_t at = ((uintptr_t)scratch + 7) & ~(uintptr_t)7;
    p.position = (int64_t *)at;
    p.acc = (double *)(p.position + d->slots);
    p.s = (float *)(p.acc + d->dv);
    return p;
}

static uint32_t heads_of(const isa_ring *d) { return d->n_kv * d->q_per_kv; }

// One head of one row.
static void attend_head(const attention *a, uint32_t h, int64_t t, visible v, const float *q,
                        float *o, float *scratch) {
    scratch_of p = scratch_parts(a->d, scratch);
    scores(a, h, t, q, v, p.s);
    size_t n = probabilities(a, v, p.s, p.position);
    mix(a, h, p.s, p.position, n, p.acc, o);
}

static void count_row(const attention *a, visible v) {
    sim_stats *s = a->c->stats;
    uint64_t heads = heads_of(a->d);
    s->attn_rows += heads;
    s->score_macs += heads * (uint64_t)v.n * a->d->d;
    s->mix_macs += heads * (uint64_t)v.n * a->d->dv;
    if (a->d->act == ISA_ACT_SOFTMAX) s->digital_functions += heads * (uint64_t)v.n;
}

static bool mask_of(const attention *a, int64_t r) {
    float x;
    return a->c->insn->n == ISA_NONE || *sim_row_f32(&a->mask, r, &x) != 0;
}

static void write_row(const attention *a, int64_t r, float *scratch) {
    const isa_ring *d = a->d;
    const float *kv = sim_row_f32(&a->kv, r, scratch);
    sim_ring_write(a->ring, d, a->c->pos + r, kv, kv + (size_t)d->n_kv * d->d, mask_of(a, r));
    a->c->stats->kv_writes += (uint64_t)d->n_kv * (d->d + d->dv);
}

static void check_widths(const attention *a, const sim_rows *q, const sim_rows *o,
                         const sim_rows *kv) {
    const isa_ring *d = a->d;
    CHECK(d->slots > 0 && (!q || q->width == heads_of(d) * d->d) &&
              (!o || o->width == heads_of(d) * d->dv) &&
              (!kv || kv->width == d->n_kv * (d->d + d->dv)),
          "tile %u pc %u: rows do not fit ring %u", a->c->tile, a->c->pc, a->c->insn->x);
}

void sim_exec_kvw(sim_ctx *c) {
    attention a = attention_of(c);
    a.kv = sim_source(c, c->insn->a);
    if (c->insn->n != ISA_NONE) a.mask = sim_source(c, c->insn->n);
    check_widths(&a, NULL, NULL, &a.kv);
    float *x = base_alloc((size_t)a.kv.width * sizeof *x + 1);
    for (int64_t r = 0; r < c->rows; r++) write_row(&a, r, x);
    free(x);
}

// --- query, score, mix: the ring stands still, rows may go side by side

static void query_row(void *arg, int64_t r, float *scratch) {
    const attention *a = arg;
    int64_t t = a->c->pos + r;
    float *rest = scratch + a->q.width + a->o.width;
    const float *q = sim_row_f32(&a->q, r, scratch);
    float *o = sim_row_begin(&a->o, r, scratch + a->q.width);
    visible v = visible_at(a, t);
    for (uint32_t h = 0; h < heads_of(a->d); h++)
        attend_head(a, h, t, v, q, o + (size_t)h * a->d->dv, rest);
    sim_row_end(a->c, &a->o, r, o);
}

static void query_rows(sim_ctx *c, attention *a) {
    int64_t work = 0;
    for (int64_t r = 0; r < c->rows; r++) {
        visible v = visible_at(a, c->pos + r);
        count_row(a, v);
        work = max_i64(work, v.n * heads_of(a->d) * (a->d->d + a->d->dv));
    }
    sim_each_row(c, c->rows, (double)work, scratch_floats(a->d) + a->q.width + a->o.width,
                 query_row, a);
}

void sim_exec_query(sim_ctx *c) {
    attention a = attention_of(c);
    a.q = sim_source(c, c->insn->a), a.o = sim_target(c, c->insn->d, c->rows);
    check_widths(&a, &a.q, &a.o, NULL);
    query_rows(c, &a);
}

// --- attn: heads of one row side by side, rows one after the other

typedef struct {
    const attention *a;
    const float *q;
    float *o;
    int64_t t;
    visible v;
} one_row;

static void head_body(void *arg, int64_t h, float *scratch) {
    const one_row *w = arg;
    attend_head(w->a, (uint32_t)h, w->t, w->v, w->q, w->o + (size_t)h * w->a->d->dv, scratch);
}

void sim_exec_attn(sim_ctx *c) {
    attention a = attention_of(c);
    a.q = sim_source(c, c->insn->a), a.kv = sim_source(c, c->insn->b);
    if (c->insn->n != ISA_NONE) a.mask = sim_source(c, c->insn->n);
    a.o = sim_target(c, c->insn->d, c->rows);
    check_widths(&a, &a.q, &a.o, &a.kv);
    float *x = base_alloc(((size_t)a.kv.width + a.q.width + a.o.width + 1) * sizeof *x);
    float *q = x + a.kv.width, *o = q + a.q.width;
    if (c->pos + c->rows <= a.d->slots && a.d->mode == ISA_RING_CAUSAL) {
        for (int64_t r = 0; r < c->rows; r++) write_row(&a, r, x);
        free(x);
        query_rows(c, &a);
        return;
    }
    for (int64_t r = 0; r < c->rows; r++) {
        write_row(&a, r, x);
        one_row w = {&a, sim_row_f32(&a.q, r, q), sim_row_begin(&a.o, r, o), c->pos + r,
                     visible_at(&a, c->pos + r)};
        count_row(&a, w.v);
        sim_each_row(c, heads_of(a.d), (double)w.v.n * (a.d->d + a.d->dv), scratch_floats(a.d),
                     head_body, &w);
        sim_row_end(c, &a.o, r, w.o);
    }
    free(x);
}

// --- score, mix

// d[r][h][slot]
static void score_row(void *arg, int64_t r, float *scratch) {
    const attention *a = arg;
    const isa_ring *d = a->d;
    int64_t t = a->c->pos + r;
    const float *q = sim_row_f32(&a->q, r, scratch);
    float *o = sim_row_begin(&a->o, r, scratch + a->q.width),
          *s = scratch + a->q.width + a->o.width;
    visible v = visible_at(a, t);
    for (uint32_t i = 0; i < a->o.width; i++) o[i] = -__builtin_inff();
    for (uint32_t h = 0; h < heads_of(d); h++) {
        scores(a, h, t, q, v, s);
        for (int64_t i = 0; i < v.n; i++)
            if (!v.gaps || seen(a, v.first + i))
                o[(size_t)h * d->slots + (size_t)((v.first + i) % d->slots)] = s[i];
    }
    sim_row_end(a->c, &a->o, r, o);
}

void sim_exec_score(sim_ctx *c) {
    attention a = attention_of(c);
    a.q = sim_source(c, c->insn->a), a.o = sim_target(c, c->insn->d, c->rows);
    check_widths(&a, &a.q, NULL, NULL);
    CHECK(a.o.width == heads_of(a.d) * a.d->slots, "scores of %u columns", a.o.width);
    for (int64_t r = 0; r < c->rows; r++)
        c->stats->score_macs += (uint64_t)visible_at(&a, c->pos + r).n * heads_of(a.d) * a.d->d;
    sim_each_row(c, c->rows, (double)a.o.width * a.d->d,
                 scratch_floats(a.d) + a.q.width + a.o.width, score_row, &a);
}

// o = S over stored positions, oldest first, of p[h][slot] times the value
static void mix_row(void *arg, int64_t r, float *scratch) {
    const attention *a = arg;
    const isa_ring *d = a->d;
    const float *p = sim_row_f32(&a->q, r, scratch);
    float *o = sim_row_begin(&a->o, r, scratch + a->q.width);
    scratch_of w = scratch_parts(d, scratch + a->q.width + a->o.width);
    int64_t len = a->ring->len;
    size_t n = 0;
    for (int64_t j = max_i64(0, len - d->slots); j < len; j++)
        if (seen(a, j)) w.position[n++] = j;
    for (uint32_t h = 0; h < heads_of(d); h++) {
        for (size_t i = 0; i < n; i++)
            w.s[i] = p[(size_t)h * d->slots + (size_t)(w.position[i] % d->slots)];
        mix(a, h, w.s, w.position, n, w.acc, o + (size_t)h * d->dv);
    }
    sim_row_end(a->c, &a->o, r, o);
}

void sim_exec_mix(sim_ctx *c) {
    attention a = attention_of(c);
    a.q = sim_source(c, c->insn->a), a.o = sim_target(c, c->insn->d, c->rows);
    check_widths(&a, NULL, &a.o, NULL);
    CHECK(a.q.width == heads_of(a.d) * a.d->slots, "probabilities of %u columns", a.q.width);
    int64_t stored = min_i64(a.ring->len, a.d->slots);
    c->stats->mix_macs += (uint64_t)(c->rows * stored) * heads_of(a.d) * a.d->dv;
    c->stats->attn_rows += (uint64_t)c->rows * heads_of(a.d);
    sim_each_row(c, c->rows, (double)stored * a.o.width,
                 scratch_floats(a.d) + a.q.width + a.o.width, mix_row, &a);
}
