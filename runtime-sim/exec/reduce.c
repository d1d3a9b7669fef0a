// Reductions: of a row's segments, of a domain's rows, and the largest of a row.
// Sums in f64 in index order, rounded once (docs/numerics.md).
#include "runtime-sim/exec/rows.h"
#include "runtime-sim/exec/vectors.h"

typedef struct {
    const sim_ctx *c;
    sim_rows d, a;
} job;

static float reduced(isa_red how, const float *x, size_t n) {
    double sum = 0;
    float best = n ? x[0] : 0;
    size_t at = 0;
    switch (how) {
    case ISA_RED_sum:
    case ISA_RED_mean:
        for (size_t i = 0; i < n; i++) sum += (double)x[i];
        return (float)(how == ISA_RED_mean && n ? sum / (double)n : sum);
    case ISA_RED_sumsq:
        for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
        return (float)sum;
    case ISA_RED_max:
        for (size_t i = 1; i < n; i++) best = x[i] > best || x[i] != x[i] ? x[i] : best;
        return best;
    case ISA_RED_absmax: return sim_vectors_on(simd_best())->absmax(x, n);
    case ISA_RED_argmax:
        for (size_t i = 1; i < n; i++)
            if (x[i] > x[at]) at = i;
        return (float)at;
    }
    CHECK(false, "reduction %d", (int)how);
}

static void red_row(void *arg, int64_t r, float *scratch) {
    const job *j = arg;
    size_t segments = j->d.width, n = j->a.width / segments;
    const float *x = sim_row_f32(&j->a, r, scratch);
    if (j->d.type == ISA_I32) { // an index need not fit f32
        for (size_t i = 0; i < segments; i++)
            ((int32_t *)sim_row_at(&j->d, r))[i] =
                (int32_t)reduced((isa_red)j->c->insn->n, x + i * n, n);
        return;
    }
    float *y = scratch + j->a.width;
    for (size_t i = 0; i < segments; i++) y[i] = reduced((isa_red)j->c->insn->n, x + i * n, n);
    sim_row_end(j->c, &j->d, r, y);
}

void sim_exec_red(sim_ctx *c) {
    job j = {.c = c, .a = sim_source(c, c->insn->a), .d = sim_target(c, c->insn->d, c->rows)};
    CHECK(j.d.width > 0 && j.a.width % j.d.width == 0, "%u columns in %u segments", j.a.width,
          j.d.width);
    sim_each_row(c, c->rows, j.a.width, (size_t)j.a.width + j.d.width, red_row, &j);
}

// sum: S w x; mean: S w x / S w; max. Of the rows whose weight is not 0: what others hold, infinite
// or not, is not looked at. Without weights w = 1. No rows: 0.
void sim_exec_rred(sim_ctx *c) {
    job j = {.c = c, .a = sim_source(c, c->insn->a), .d = sim_target(c, c->insn->d, c->rows)};
    if (c->rows == 0) return;
    isa_red how = (isa_red)c->insn->n;
    size_t n = j.d.width;
    sim_rows b = {0};
    bool weighted = c->insn->b != ISA_NONE;
    if (weighted) b = sim_source(c, c->insn->b);
    double *acc = base_calloc(n, sizeof *acc), total = 0;
    float *x = base_alloc((2 * n + 1) * sizeof *x), *y = x + n, one;
    bool any = false;
    for (int64_t r = 0; r < j.a.rows; r++) {
        double w = weighted ? (double)*sim_row_f32(&b, r, &one) : 1.0;
        if (w == 0) continue;
        const float *row = sim_row_f32(&j.a, r, x);
        total += w;
        if (how == ISA_RED_max) {
            for (size_t i = 0; i < n; i++)
                acc[i] =
                    !any || (double)row[i] > acc[i] || row[i] != row[i] ? (double)row[i] : acc[i];
            any = true;
        } else if (weighted) {
            for (size_t i = 0; i < n; i++) acc[i] += w * (double)row[i];
        } else {
            for (size_t i = 0; i < n; i++)
                acc[i] += how == ISA_RED_sumsq ? (double)row[i] * (double)row[i] : (double)row[i];
        }
    }
    for (size_t i = 0; i < n; i++)
        y[i] = (float)(how == ISA_RED_mean ? (total != 0 ? acc[i] / total : 0.0) : acc[i]);
    sim_row_end(c, &j.d, 0, y);
    free(acc);
    free(x);
}

// --- topk: the n largest with their indices + imm, ties to the lower index, NaN last

typedef struct {
    sim_pair *best;
    size_t count, k;
} heap; // a sorted list: k is small

static bool before(sim_pair p, sim_pair q) {
    if (p.value != p.value || q.value != q.value) {
        if ((p.value != p.value) != (q.value != q.value)) return q.value != q.value;
        return p.index < q.index;
    }
    return p.value > q.value || (p.value == q.value && p.index < q.index);
}

static void offer(heap *h, sim_pair p) {
    if (h->count == h->k && (h->k == 0 || !before(p, h->best[h->k - 1]))) return;
    size_t i = h->count < h->k ? h->count++ : h->k - 1;
    for (; i > 0 && before(p, h->best[i - 1]); i--) h->best[i] = h->best[i - 1];
    h->best[i] = p;
}

static void topk_row(void *arg, int64_t r, float *scratch) {
    const job *j = arg;
    heap h = {sim_row_at(&j->d, r), 0, j->c->insn->n};
    int32_t base = (int32_t)j->c->insn->imm;
    if (j->a.type == ISA_PAIR) { // lists of other tiles, side by side
        const sim_pair *p = sim_row_at(&j->a, r);
        for (uint32_t i = 0; i < j->a.width; i++)
            offer(&h, (sim_pair){p[i].value, p[i].index + base});
        return;
    }
    const float *x = sim_row_f32(&j->a, r, scratch);
    for (uint32_t i = 0; i < j->a.width; i++) offer(&h, (sim_pair){x[i], (int32_t)i + base});
}

void sim_exec_topk(sim_ctx *c) {
    job j = {.c = c, .a = sim_source(c, c->insn->a), .d = sim_target(c, c->insn->d, c->rows)};
    CHECK(j.d.type == ISA_PAIR && c->insn->n == j.d.width && c->insn->n <= j.a.width,
          "topk %u of %u", c->insn->n, j.a.width);
    sim_each_row(c, c->rows, 2.0 * j.a.width, j.a.width, topk_row, &j);
}
