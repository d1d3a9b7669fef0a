// Attention on rings (docs/numerics.md, "attention"; isa/desc.def, ring): who sees what, and in
// which order rows are written and answered. What an answer is: readout_score.c, gain.c.
//
// A query at position t sees, oldest first,
//   causal       positions max(0, t - W + 1) .. t, W = window, at most the slots
//   all, cross   every position stored
// of those that were written under a mask other than 0.
//
// Row r of `attn` sees what rows <= r wrote. Its rows go one by one, unless none of them takes a
// slot that another still reads: then all write first, and attend side by side.
#include "runtime-sim/gain/ring.h"
#include "isa/count/arrays.h"
#include "runtime-sim/exec/rows.h"
#include "runtime-sim/gain/attend.h"
#include <stdlib.h>

typedef struct {
    const sim_ctx *c;
    const isa_ring *d;
    sim_attention at;
    sim_rows q, kv, mask, o;
} attention;

static const float *ring_table(const sim_ctx *c, uint64_t offset) {
    const float *t = (const float *)(const void *)sim_table(c->s, offset);
    CHECK((uintptr_t)t % sizeof(float) == 0, "table of ring %u", c->insn->x);
    return t;
}

static attention attention_of(const sim_ctx *c) {
    CHECK(c->insn->x < c->desc->n_rings, "ring %u", c->insn->x);
    const isa_ring *d = &c->desc->rings[c->insn->x];
    attention t = {.c = c,
                   .d = d,
                   .at = {.d = d,
                          .ring = sim_ring_of(c->s, c->tile, c->insn->x, c->bank),
                          .unit = sim_unit_of(c->s, c->tile, c->insn->x),
                          .sink = ring_table(c, d->sink),
                          .stats = c->stats,
                          .path = simd_best()}};
    if (t.at.unit) t.at.scalings = ring_table(c, d->scalings);
    if (d->bias != ISA_BIAS_NONE) {
        t.at.bias = ring_table(c, d->bias_table);
        CHECK(t.at.bias, "bias table of ring %u", c->insn->x);
    }
    return t;
}

static sim_visible visible_at(const attention *a, int64_t t) {
    const isa_ring *d = a->d;
    const sim_ring *r = a->at.ring;
    int64_t last = d->mode == ISA_RING_CAUSAL ? min_i64(t, r->len - 1) : r->len - 1;
    int64_t window =
        d->mode == ISA_RING_CAUSAL && d->window && d->window < d->slots ? d->window : d->slots;
    int64_t first = (d->mode == ISA_RING_CAUSAL ? t : last) - window + 1;
    sim_visible v = {.t = t, .first = max_i64(0, first)};
    if (!r->held || last < v.first) return v;
    v.n = last - v.first + 1;
    for (int64_t j = v.first; j <= last && !v.gaps; j++) v.gaps = !sim_seen(&a->at, j);
    return v;
}

// Operations of one head, as sim_each_row counts them: codes go many at a time.
static int64_t head_work(const attention *a, sim_visible v) {
    int64_t work = v.n * ((int64_t)a->d->d + a->d->dv);
    return a->at.unit && a->d->kv_levels ? work / 8 : work;
}

static size_t head_scratch(const attention *a) {
    return a->at.unit ? sim_charge_scratch(&a->at) : sim_score_scratch(a->d);
}

// One head of one row.
static void attend_head(const attention *a, uint32_t h, sim_visible v, const float *q, float *o,
                        float *scratch) {
    q += (size_t)h * a->d->d;
    if (a->at.unit)
        sim_charge_attend(&a->at, h, v, q, o, scratch);
    else
        sim_score_attend(&a->at, h, v, q, o, scratch);
}

// Sub-tiles that hold a token of v, and whether the ring's last is among them.
static int64_t sub_tiles_used(const attention *a, sim_visible v, bool *last) {
    int64_t size = a->d->sub_tile, slots = a->d->slots, used = 0, before = -1;
    int64_t all = ceil_div_i64(slots, size);
    int64_t whole = v.n == slots && !v.gaps ? all : 0;
    *last = whole > 0;
    if (whole) return whole;
    int64_t start = v.first % slots, to_end = min_i64(slots - start, v.n);
    for (int part = 0; part < 2; part++) { // the run from slot 0, then the one up to the end
        int64_t slot = part ? start : 0, end = part ? start + to_end : v.n - to_end;
        int64_t position = part ? v.first : v.first + to_end;
        while (slot < end) {
            int64_t tile = slot / size, next = min_i64(end, (tile + 1) * size);
            bool some = !v.gaps;
            for (int64_t i = slot; !some && i < next; i++)
                some = a->at.ring->held[i] == position + i - slot;
            if (some && tile != before) used++, before = tile;
            if (some && tile == all - 1) *last = true;
            position += next - slot;
            slot = next;
        }
    }
    return used;
}

static uint64_t tokens_seen(const attention *a, sim_visible v) {
    uint64_t n = (uint64_t)v.n;
    for (int64_t i = 0; v.gaps && i < v.n; i++) n -= !sim_seen(&a->at, v.first + i);
    return n;
}

// Keys and values in dense memory: every column of every token seen is read once for all heads
// that share it, and goes through lanes for each of them.
static void count_stored(const attention *a, sim_visible v, bool scores, bool mixes) {
    const isa_ring *d = a->d;
    uint64_t columns = (scores ? d->d : 0) + (mixes ? d->dv : 0), seen = (uint64_t)v.n * d->n_kv;
    isa_events e = {.memory_reads = seen * columns * sizeof(float)};
    isa_count_digital(&e, a->c->s->chip, ISA_DIGITAL_add, seen * d->q_per_kv * columns);
    sim_count(a->c->stats, &e);
}

// What the unit drives and converts when every head forms scores, mixes, or both.
static void count_unit(const attention *a, sim_visible v, bool scores, bool mixes) {
    const isa_ring *d = a->d;
    sim_stats *s = a->c->stats;
    if (d->kind == ISA_RING_STORED) count_stored(a, v, scores, mixes);
    if (d->kind != ISA_RING_GAIN || d->sub_tile == 0) return;
    bool last;
    int64_t used = sub_tiles_used(a, v, &last);
    isa_gain_arrays n = isa_gain_arrays_of(a->c->s->chip, d, used, last);
    uint64_t heads = sim_heads(d);
    if (scores) s->gain_k_arrays += heads * (uint64_t)n.k_arrays;
    if (mixes) s->gain_v_arrays += heads * (uint64_t)n.v_arrays;
    if (mixes) s->gain_sub_tiles += heads * (uint64_t)n.sub_tiles;
    s->gain_idle_cells += heads * (uint64_t)((scores ? n.k_idle : 0) + (mixes ? n.v_idle : 0));
    if (d->readout == ISA_READ_CHARGE)
        s->gain_outputs += heads * (uint64_t)n.sub_tiles * d->dv;
    else if (d->adc_bits)
        s->gain_conversions += heads * ((scores ? tokens_seen(a, v) : 0) +
                                        (mixes ? (uint64_t)n.sub_tiles * d->dv : 0));
}

// Masks hide some of what row v.t would see.
static void record_row(const attention *a, sim_visible v) {
    const sim_recorder *r = a->c->s->recorder;
    if (!r || !v.gaps) return;
    bool last;
    int64_t used = a->d->sub_tile ? sub_tiles_used(a, v, &last) : 0;
    r->seen(r->ctx, a->c->tile, a->c->pc, v.t - a->c->pos, (int64_t)tokens_seen(a, v), used);
}

static void count_row(const attention *a, sim_visible v) {
    sim_stats *s = a->c->stats;
    record_row(a, v);
    uint64_t heads = sim_heads(a->d);
    s->attn_rows += heads;
    s->score_macs += heads * (uint64_t)v.n * a->d->d;
    s->mix_macs += heads * (uint64_t)v.n * a->d->dv;
    if (a->d->readout == ISA_READ_SCORE || a->d->kind == ISA_RING_STORED) {
        isa_events e = {0};
        isa_count_digital(&e, a->c->s->chip, isa_digital_of_scores(a->d), heads * (uint64_t)v.n);
        sim_count(s, &e);
    }
    count_unit(a, v, true, true);
}

static bool mask_of(const attention *a, int64_t r) {
    float x;
    return a->c->insn->n == ISA_NONE || *sim_row_f32(&a->mask, r, &x) != 0;
}

static void write_row(const attention *a, int64_t r, float *scratch) {
    const isa_ring *d = a->d;
    const float *kv = sim_row_f32(&a->kv, r, scratch);
    sim_ring_write(a->c->s, a->c->tile, a->c->insn->x, a->c->bank, a->c->pos + r, kv,
                   kv + (size_t)d->n_kv * d->d, mask_of(a, r));
    uint64_t elements = (uint64_t)d->n_kv * (d->d + d->dv);
    a->c->stats->kv_writes += elements;
    if (d->kind == ISA_RING_STORED)
        a->c->stats->memory_writes += elements * sizeof(float);
    else
        a->c->stats->gain_writes += elements * (uint64_t)isa_gain_cells_of(a->c->s->chip, d);
}

static void check_widths(const attention *a, const sim_rows *q, const sim_rows *o,
                         const sim_rows *kv) {
    const isa_ring *d = a->d;
    CHECK(d->slots > 0 && (!q || q->width == sim_heads(d) * d->d) &&
              (!o || o->width == sim_heads(d) * d->dv) &&
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
    sim_visible v = visible_at(a, t);
    for (uint32_t h = 0; h < sim_heads(a->d); h++)
        attend_head(a, h, v, q, o + (size_t)h * a->d->dv, rest);
    sim_row_end(a->c, &a->o, r, o);
}

// Rows 4 i ... 4 i + 3, as far as there are.
static void query_four(void *arg, int64_t i, float *scratch) {
    const attention *a = arg;
    int64_t r0 = 4 * i, n = min_i64(4, a->c->rows - r0);
    size_t width = a->q.width + (size_t)a->o.width;
    float *rest = scratch + 4 * width, *o[4];
    const float *q[4];
    sim_visible v[4];
    for (int64_t r = 0; n < 4 && r < n; r++) query_row(arg, r0 + r, scratch);
    if (n < 4) return;
    for (int64_t r = 0; r < 4; r++) {
        q[r] = sim_row_f32(&a->q, r0 + r, scratch + (size_t)r * width);
        o[r] = sim_row_begin(&a->o, r0 + r, scratch + (size_t)r * width + a->q.width);
        v[r] = visible_at(a, a->c->pos + r0 + r);
    }
    for (uint32_t h = 0; h < sim_heads(a->d); h++) {
        const float *of_head[4];
        float *to_head[4];
        for (int r = 0; r < 4; r++)
            of_head[r] = q[r] + (size_t)h * a->d->d, to_head[r] = o[r] + (size_t)h * a->d->dv;
        sim_score_attend_four(&a->at, h, v, of_head, to_head, rest);
    }
    for (int64_t r = 0; r < 4; r++) sim_row_end(a->c, &a->o, r0 + r, o[r]);
}

static void query_rows(sim_ctx *c, attention *a) {
    int64_t work = 0;
    for (int64_t r = 0; r < c->rows; r++) {
        sim_visible v = visible_at(a, c->pos + r);
        count_row(a, v);
        work = max_i64(work, head_work(a, v) * sim_heads(a->d));
    }
    size_t floats = head_scratch(a) + a->q.width + a->o.width;
    if (sim_score_fours(&a->at))
        sim_each_row(c, ceil_div_i64(c->rows, 4), 4 * (double)work, 4 * floats, query_four, a);
    else
        sim_each_row(c, c->rows, (double)work, floats, query_row, a);
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
    sim_visible v;
} one_row;

static void head_body(void *arg, int64_t h, float *scratch) {
    const one_row *w = arg;
    attend_head(w->a, (uint32_t)h, w->v, w->q, w->o + (size_t)h * w->a->d->dv, scratch);
}

void sim_exec_attn(sim_ctx *c) {
    attention a = attention_of(c);
    a.q = sim_source(c, c->insn->a), a.kv = sim_source(c, c->insn->b);
    if (c->insn->n != ISA_NONE) a.mask = sim_source(c, c->insn->n);
    a.o = sim_target(c, c->insn->d, c->rows);
    check_widths(&a, &a.q, &a.o, &a.kv);
    float *x = base_alloc(((size_t)a.kv.width + a.q.width + a.o.width + 1) * sizeof *x);
    float *q = x + a.kv.width, *o = q + a.q.width;
    int64_t window = a.d->window && a.d->window < a.d->slots ? a.d->window : a.d->slots;
    bool apart = c->pos + c->rows <= a.d->slots || window + c->rows - 1 <= a.d->slots;
    if (apart && a.d->mode == ISA_RING_CAUSAL) {
        for (int64_t r = 0; r < c->rows; r++) write_row(&a, r, x);
        free(x);
        query_rows(c, &a);
        return;
    }
    for (int64_t r = 0; r < c->rows; r++) {
        write_row(&a, r, x);
        one_row w = {&a, sim_row_f32(&a.q, r, q), sim_row_begin(&a.o, r, o),
                     visible_at(&a, c->pos + r)};
        count_row(&a, w.v);
        sim_each_row(c, sim_heads(a.d), (double)head_work(&a, w.v), head_scratch(&a), head_body,
                     &w);
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
    sim_visible v = visible_at(a, t);
    for (uint32_t i = 0; i < a->o.width; i++) o[i] = -__builtin_inff();
    for (uint32_t h = 0; h < sim_heads(d); h++) {
        sim_score_row(&a->at, h, v, q + (size_t)h * d->d, s, s + d->slots);
        for (int64_t i = 0; i < v.n; i++)
            if (!v.gaps || sim_seen(&a->at, v.first + i))
                o[(size_t)h * d->slots + (size_t)((v.first + i) % d->slots)] = s[i];
    }
    sim_row_end(a->c, &a->o, r, o);
}

void sim_exec_score(sim_ctx *c) {
    attention a = attention_of(c);
    a.q = sim_source(c, c->insn->a), a.o = sim_target(c, c->insn->d, c->rows);
    check_widths(&a, &a.q, NULL, NULL);
    CHECK(a.o.width == sim_heads(a.d) * a.d->slots, "scores of %u columns", a.o.width);
    for (int64_t r = 0; r < c->rows; r++) {
        sim_visible v = visible_at(&a, c->pos + r);
        c->stats->score_macs += (uint64_t)v.n * sim_heads(a.d) * a.d->d;
        count_unit(&a, v, true, false);
        record_row(&a, v);
    }
    sim_each_row(c, c->rows, (double)a.o.width * a.d->d,
                 head_scratch(&a) + a.q.width + a.o.width + a.d->slots, score_row, &a);
}

// o = S over the positions that the row sees, oldest first, of p[h][slot] times the value
static void mix_row(void *arg, int64_t r, float *scratch) {
    const attention *a = arg;
    const isa_ring *d = a->d;
    sim_visible v = visible_at(a, a->c->pos + r);
    const float *p = sim_row_f32(&a->q, r, scratch);
    float *o = sim_row_begin(&a->o, r, scratch + a->q.width);
    for (uint32_t h = 0; h < sim_heads(d); h++)
        sim_score_mix(&a->at, h, v, p + (size_t)h * d->slots, o + (size_t)h * d->dv,
                      scratch + a->q.width + a->o.width);
    sim_row_end(a->c, &a->o, r, o);
}

void sim_exec_mix(sim_ctx *c) {
    attention a = attention_of(c);
    a.q = sim_source(c, c->insn->a), a.o = sim_target(c, c->insn->d, c->rows);
    check_widths(&a, NULL, &a.o, NULL);
    CHECK(a.q.width == sim_heads(a.d) * a.d->slots, "probabilities of %u columns", a.q.width);
    c->stats->attn_rows += (uint64_t)c->rows * sim_heads(a.d);
    for (int64_t r = 0; r < c->rows; r++) {
        sim_visible v = visible_at(&a, c->pos + r);
        c->stats->mix_macs += (uint64_t)v.n * sim_heads(a.d) * a.d->dv;
        count_unit(&a, v, false, true);
        record_row(&a, v);
    }
    sim_each_row(c, c->rows, (double)a.d->slots * a.o.width,
                 head_scratch(&a) + a.q.width + a.o.width, mix_row, &a);
}
