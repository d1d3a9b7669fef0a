// Digital units: each row alone, f32 in, f32 out, rounded on write (docs/numerics.md).
#include "runtime-sim/exec/fn.h"
#include "runtime-sim/exec/rows.h"
#include "runtime-sim/gain/ring.h"
#include "support/num/num.h"

typedef struct {
    const sim_ctx *c;
    sim_rows d, a, b;
    const isa_table *t;
    const float *constant; // a table's one row
    size_t floats_a;       // scratch: [d][a][b]
    double eps;
} job;

static float imm_f32(const sim_ctx *c) {
    float f;
    memcpy(&f, &c->insn->imm, sizeof f);
    return f;
}

static job job_of(const sim_ctx *c) {
    return (job){.c = c, .a = sim_source(c, c->insn->a), .d = sim_target(c, c->insn->d, c->rows)};
}

static const isa_table *table_of(const sim_ctx *c) {
    CHECK(c->insn->x < c->desc->n_tables, "table %u", c->insn->x);
    return &c->desc->tables[c->insn->x];
}

static float *constant_row(const sim_ctx *c, const isa_table *t) {
    float *row = base_alloc(t->width * sizeof *row + 1);
    const float *at = sim_table_row(c->s, t, 0, row);
    if (at != row) memcpy(row, at, t->width * sizeof *row);
    return row;
}

static void run(const sim_ctx *c, job *j, double work, void (*f)(void *, int64_t, float *)) {
    size_t widest = j->a.width > j->d.width ? j->a.width : j->d.width;
    sim_each_row(c, c->rows, work * (double)widest, 3 * widest + 64, f, j);
}

// Scratch of a row: its result, its operands.
static float *scratch_a(const job *j, float *scratch) {
    return scratch + (j->a.width > j->d.width ? j->a.width : j->d.width);
}
static float *scratch_b(const job *j, float *scratch) {
    return scratch + 2 * (size_t)(j->a.width > j->d.width ? j->a.width : j->d.width);
}

// --- elementwise

static void ew1_row(void *arg, int64_t r, float *scratch) {
    const job *j = arg;
    float *y = sim_row_begin(&j->d, r, scratch);
    sim_fn1(j->c->insn->n, y, sim_row_f32(&j->a, r, scratch_a(j, scratch)), j->d.width);
    sim_row_end(j->c, &j->d, r, y);
}

void sim_exec_ew1(sim_ctx *c) {
    job j = job_of(c);
    bool costly = isa_fn1_is_costly(c->insn->n);
    run(c, &j, costly ? 8 : 1, ew1_row);
}

// Integers stay integers where all three rows are.
static void ew2_i32(unsigned fn, int32_t *d, const int32_t *a, const int32_t *b, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint32_t x = (uint32_t)a[i], y = (uint32_t)b[i];
        switch (fn) {
        case ISA_FN2_add: d[i] = (int32_t)(x + y); break;
        case ISA_FN2_sub: d[i] = (int32_t)(x - y); break;
        case ISA_FN2_mul: d[i] = (int32_t)(x * y); break;
        case ISA_FN2_div: d[i] = b[i] == 0 ? 0 : (int32_t)((int64_t)a[i] / b[i]); break;
        case ISA_FN2_min: d[i] = a[i] < b[i] ? a[i] : b[i]; break;
        case ISA_FN2_max: d[i] = a[i] > b[i] ? a[i] : b[i]; break;
        default: CHECK(false, "function %u of integers", fn);
        }
    }
}

static void ew2_row(void *arg, int64_t r, float *scratch) {
    const job *j = arg;
    int64_t rb = j->b.rows == j->d.rows ? r : 0; // b of a one-row domain is broadcast
    if (j->d.type == ISA_I32 && j->a.type == ISA_I32 && j->b.type == ISA_I32) {
        ew2_i32(j->c->insn->n, sim_row_at(&j->d, r), sim_row_at(&j->a, r), sim_row_at(&j->b, rb),
                j->d.width);
        return;
    }
    const float *a = sim_row_f32(&j->a, r, scratch_a(j, scratch));
    const float *b = sim_row_f32(&j->b, rb, scratch_b(j, scratch));
    float *y = sim_row_begin(&j->d, r, scratch);
    sim_fn2(j->c->insn->n, y, a, b, j->d.width);
    sim_row_end(j->c, &j->d, r, y);
}

void sim_exec_ew2(sim_ctx *c) {
    job j = job_of(c);
    j.b = sim_source(c, c->insn->b);
    CHECK(j.b.rows == c->rows || j.b.rows == 1 || c->rows == 0, "%lld rows of b",
          (long long)j.b.rows);
    bool costly = isa_fn2_is_costly(c->insn->n);
    run(c, &j, costly ? 8 : 1, ew2_row);
}

static void ewt_row(void *arg, int64_t r, float *scratch) {
    const job *j = arg;
    float *y = sim_row_begin(&j->d, r, scratch);
    sim_fn2(j->c->insn->n, y, sim_row_f32(&j->a, r, scratch_a(j, scratch)), j->constant,
            j->d.width);
    sim_row_end(j->c, &j->d, r, y);
}

void sim_exec_ewt(sim_ctx *c) {
    job j = job_of(c);
    const isa_table *t = table_of(c);
    CHECK(t->width >= j.d.width, "a row of %u for %u columns", t->width, j.d.width);
    float *row = constant_row(c, t);
    j.constant = row;
    bool costly = isa_fn2_is_costly(c->insn->n);
    run(c, &j, costly ? 8 : 1, ewt_row);
    free(row);
}

// min(max(x, lo), hi); NaN stays
static void clip_row(void *arg, int64_t r, float *scratch) {
    const job *j = arg;
    const float *x = sim_row_f32(&j->a, r, scratch_a(j, scratch)), lo = j->constant[0],
                hi = j->constant[1];
    float *y = sim_row_begin(&j->d, r, scratch);
    for (uint32_t i = 0; i < j->d.width; i++) {
        float v = x[i] < lo ? lo : x[i];
        y[i] = v > hi ? hi : v;
    }
    sim_row_end(j->c, &j->d, r, y);
}

void sim_exec_clip(sim_ctx *c) {
    job j = job_of(c);
    const isa_table *t = table_of(c);
    CHECK(t->width >= 2, "clip takes lo and hi");
    float *row = constant_row(c, t);
    j.constant = row;
    run(c, &j, 1, clip_row);
    free(row);
}

// --- normalisation
//
// layer: y = (x - mean) * (1 / sqrt(var + eps)) * gamma + beta, mean = sum x / n, var = sum (x -
// mean)^2 / n rms:   y = x * (1 / sqrt(sum x^2 / n + eps)) * gamma + beta l2:    y = x /
// max(sqrt(sum x^2), eps) * gamma + beta in f64 from left to right, sums in index order, rounded
// once; gamma and beta where given.
static void norm_row(void *arg, int64_t r, float *scratch) {
    const job *j = arg;
    size_t n = j->d.width;
    const float *x = sim_row_f32(&j->a, r, scratch_a(j, scratch));
    const float *gamma = j->constant, *beta = gamma && j->t->width >= 2 * n ? gamma + n : NULL;
    float *y = sim_row_begin(&j->d, r, scratch);
    double mean = 0, factor, sum = 0;
    if (j->c->insn->mode == ISA_MODE_norm_layer) {
        for (size_t i = 0; i < n; i++) mean += (double)x[i];
        mean /= (double)n;
        for (size_t i = 0; i < n; i++) {
            double e = (double)x[i] - mean;
            sum += e * e;
        }
        factor = 1.0 / __builtin_sqrt(sum / (double)n + j->eps);
    } else {
        for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
        factor = j->c->insn->mode == ISA_MODE_norm_rms
                     ? 1.0 / __builtin_sqrt(sum / (double)n + j->eps)
                     : __builtin_sqrt(sum);
        if (j->c->insn->mode == ISA_MODE_norm_l2 && factor < j->eps) factor = j->eps;
    }
    for (size_t i = 0; i < n; i++) {
        double v = (double)x[i];
        if (j->c->insn->mode == ISA_MODE_norm_layer)
            v = (v - mean) * factor;
        else if (j->c->insn->mode == ISA_MODE_norm_rms)
            v = v * factor;
        else
            v = v / factor;
        if (gamma) v = v * (double)gamma[i];
        if (beta) v = v + (double)beta[i];
        y[i] = (float)v;
    }
    sim_row_end(j->c, &j->d, r, y);
}

void sim_exec_norm(sim_ctx *c) {
    job j = job_of(c);
    float *row = NULL;
    if (c->insn->x != ISA_NONE) {
        j.t = table_of(c);
        CHECK(j.t->width == j.d.width || j.t->width == 2 * j.d.width, "a row of %u for %u columns",
              j.t->width, j.d.width);
        j.constant = row = constant_row(c, j.t);
    }
    j.eps = (double)imm_f32(c);
    run(c, &j, 6, norm_row);
    free(row);
}

// --- softmax
//
// m = max x; e = num_exp(x - m) in f32; s = sum e in f64; y = f32(f64(e) / s), or
// log: y = f32((f64(x) - f64(m)) - num_log_f64(s)). All -inf: zeros. A sink joins m and, last, s.
static void softmax(float *y, const float *x, size_t n, const float *sink, bool log) {
    float m = sink ? *sink : -__builtin_inff();
    for (size_t i = 0; i < n; i++) m = x[i] > m ? x[i] : m;
    if (m == -__builtin_inff()) {
        for (size_t i = 0; i < n; i++) y[i] = x[i] != x[i] ? x[i] : 0.0f;
        return;
    }
    float few[256];
    double s = 0;
    for (size_t at = 0; at < n; at += ARRAY_LEN(few)) {
        size_t k = n - at < ARRAY_LEN(few) ? n - at : ARRAY_LEN(few);
        for (size_t i = 0; i < k; i++) few[i] = x[at + i] - m;
        num_exp_n(few, few, k);
        for (size_t i = 0; i < k; i++) s += (double)few[i];
        if (!log) memcpy(y + at, few, k * sizeof *y);
    }
    if (sink) s += (double)num_exp(*sink - m);
    double log_s = log ? num_log_f64(s) : 0;
    for (size_t i = 0; i < n; i++)
        y[i] = log ? (float)(((double)x[i] - (double)m) - log_s) : (float)((double)y[i] / s);
}

void sim_softmax(float *y, const float *x, size_t n, const float *sink) {
    softmax(y, x, n, sink, false);
}

static void softmax_row(void *arg, int64_t r, float *scratch) {
    const job *j = arg;
    size_t segments = j->c->insn->n, n = j->d.width / segments;
    const float *x = sim_row_f32(&j->a, r, scratch_a(j, scratch));
    float *y = sim_row_begin(&j->d, r, scratch);
    for (size_t i = 0; i < segments; i++)
        softmax(y + i * n, x + i * n, n, NULL, j->c->insn->mode == ISA_MODE_softmax_log);
    sim_row_end(j->c, &j->d, r, y);
}

void sim_exec_softmax(sim_ctx *c) {
    job j = job_of(c);
    CHECK(c->insn->n > 0 && j.d.width % c->insn->n == 0, "%u columns in %u segments", j.d.width,
          c->insn->n);
    run(c, &j, 10, softmax_row);
}

// --- rope
//
// Head by head over its first imm columns: half pairs (i, i + r/2), interleaved pairs (2i, 2i+1);
// y0 = f32(f64(x0) c - f64(x1) s), y1 = f32(f64(x1) c + f64(x0) s)
static void rope_row(void *arg, int64_t r, float *scratch) {
    const job *j = arg;
    const sim_ctx *c = j->c;
    size_t heads = c->insn->n, width = j->d.width / heads, half = c->insn->imm / 2;
    int64_t at = c->insn->b == ISA_NONE ? c->pos + r : sim_row_i32(&j->b, r);
    const float *cs = sim_table_row(c->s, j->t, at, scratch_b(j, scratch)), *sn = cs + half;
    const float *x = sim_row_f32(&j->a, r, scratch_a(j, scratch));
    float *y = sim_row_begin(&j->d, r, scratch);
    if (y != x) memmove(y, x, j->d.width * sizeof *y);
    for (size_t h = 0; h < heads; h++, y += width)
        for (size_t i = 0; i < half; i++) {
            float *p0 = c->insn->mode == ISA_MODE_rope_half ? y + i : y + 2 * i;
            float *p1 = c->insn->mode == ISA_MODE_rope_half ? y + i + half : y + 2 * i + 1;
            double x0 = (double)*p0, x1 = (double)*p1, co = (double)cs[i], si = (double)sn[i];
            *p0 = (float)(x0 * co - x1 * si);
            *p1 = (float)(x1 * co + x0 * si);
        }
    sim_row_end(c, &j->d, r, y - heads * width);
}

void sim_exec_rope(sim_ctx *c) {
    job j = job_of(c);
    j.t = table_of(c);
    if (c->insn->b != ISA_NONE) j.b = sim_source(c, c->insn->b);
    CHECK(c->insn->n > 0 && j.d.width % c->insn->n == 0 && c->insn->imm <= j.d.width / c->insn->n &&
              j.t->width >= c->insn->imm / 2 * 2,
          "%u heads of %u columns, %u of each rotated", c->insn->n, j.d.width, c->insn->imm);
    run(c, &j, 3, rope_row);
}
