// Products with static matrices: nn.linear, xbar.mvm, xbar.fin (docs/numerics.md, "integer
// product", "raw rows", "q8 row on float weights", "i8 weights, float row").
#include "ir/eval/eval.h"
#include "ir/eval/weights.h"
#include "ir/kernel/pool.h"
#include "ir/kernel/product.h"
#include "ir/kernel/q8.h"
#include "support/parallel.h"
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = PRODUCT_COLUMNS };

typedef struct {
    const weight_block *w;
    const tensor *x; // [..., K]
    tensor *out;
    size_t k, n;
    bool integer;              // codes times codes
    bool raw;                  // sums leave as i32
    const float *gate;         // per row, or NULL
    const int64_t *column_sum; // where a row has a zero point; else NULL
} linear_job;

// Row i of x as codes (integer product) or as real numbers.
static void linear_rows(const void *ctx, size_t m0, size_t m1, double *a) {
    const linear_job *j = ctx;
    if (j->x->type != ELEM_q8) {
        size_t bytes = elem_bytes(j->x->type);
        elem_convert(ELEM_f64, a, j->x->type, (const char *)j->x->data + m0 * j->k * bytes,
                     (m1 - m0) * j->k);
        return;
    }
    for (size_t i = m0; i < m1; i++, a += j->k) {
        const int8_t *codes = q8_codes(j->x, i);
        const q8_trailer *t = q8_trailer_of(j->x, i);
        for (size_t k = 0; k < j->k; k++)
            a[k] = j->integer ? (double)codes[k]
                              : (double)(float)((double)t->scale * (double)(codes[k] - t->zero));
    }
}

static void linear_panel(const void *ctx, size_t k0, size_t k1, size_t n0, size_t n1, double *w) {
    const linear_job *j = ctx;
    weights_panel(j->w, j->integer, k0, k1, n0, n1, w);
}

static bool linear_direct(const void *ctx, size_t n0, size_t n1, const float **w, size_t *ld,
                          bool *transposed) {
    return weights_direct(((const linear_job *)ctx)->w, n0, n1, w, ld, transposed);
}

static bool linear_pack(const void *ctx, size_t k0, size_t k1, size_t n0, size_t n1, float *w) {
    const linear_job *j = ctx;
    return weights_pack(j->w, j->integer, k0, k1, n0, n1, w);
}

static const int8_t *linear_code_row(const void *ctx, size_t i) {
    return q8_codes(((const linear_job *)ctx)->x, i);
}

static void linear_code_panel(const void *ctx, size_t k0, size_t k1, size_t n0, size_t n1,
                              int8_t *w) {
    weights_codes(((const linear_job *)ctx)->w, k0, k1, n0, n1, w);
}

// i = acc - zx*colsum - zw*rowsum + K*zx*zw; y = f32(f64(i) * (f64(sx)*f64(sw)) + f64(bias))
static float scaled(const linear_job *j, int64_t acc, const q8_trailer *t, size_t n) {
    int64_t zx = t->zero, zw = j->w->zero[n];
    int64_t i = acc - zw * t->sum + (int64_t)j->k * zx * zw;
    if (zx != 0) i -= zx * j->column_sum[n];
    double factor = (double)t->scale * (double)j->w->scale[n];
    return (float)((double)i * factor + j->w->bias[n]);
}

// The same of sums [n0, n1) of a row; without zero points there is less to do.
static void scaled_row(const linear_job *j, const double *acc, const q8_trailer *t, size_t n0,
                       size_t n1, float *y) {
    bool zeros = t->zero != 0;
    for (size_t n = n0; n < n1; n++) zeros |= j->w->zero[n] != 0;
    for (size_t n = n0; zeros && n < n1; n++) y[n - n0] = scaled(j, (int64_t)acc[n - n0], t, n);
    for (size_t n = n0; !zeros && n < n1; n++)
        y[n - n0] =
            (float)(acc[n - n0] * ((double)t->scale * (double)j->w->scale[n]) + j->w->bias[n]);
}

static void linear_finish(const void *ctx, size_t m0, size_t m1, size_t n0, size_t n1,
                          const double *sum) {
    const linear_job *j = ctx;
    for (size_t i = m0; i < m1; i++) {
        const double *row = sum + (i - m0) * COLUMNS;
        size_t at = i * j->n + n0;
        if (j->gate && j->gate[i] == 0) continue; // zeros
        if (j->raw) {
            int32_t *y = (int32_t *)j->out->data + i * j->n + n0;
            const bool fits = j->k < (size_t)1 << 16; // 32 bits: one conversion
            for (size_t n = 0; fits && n < n1 - n0; n++) y[n] = (int32_t)row[n];
            for (size_t n = 0; !fits && n < n1 - n0; n++) y[n] = (int32_t)(int64_t)row[n];
        } else if (j->out->type == ELEM_f64) {
            double y[COLUMNS];
            for (size_t n = n0; n < n1; n++) y[n - n0] = row[n - n0] + j->w->bias[n];
            eval_store(j->out, at, n1 - n0, ELEM_f64, y);
        } else {
            float buffer[COLUMNS],
                *y = j->out->type == ELEM_f32 ? (float *)j->out->data + at : buffer;
            if (j->integer)
                scaled_row(j, row, q8_trailer_of(j->x, i), n0, n1, y);
            else
                for (size_t n = n0; n < n1; n++) y[n - n0] = (float)(row[n - n0] + j->w->bias[n]);
            if (y == buffer) eval_store(j->out, at, n1 - n0, ELEM_f32, y);
        }
    }
}

static bool linear_run(ir_eval_ctx *c, const ir_op *op, linear_job *j) {
    j->k = weights_k(j->w);
    j->n = weights_n(j->w);
    j->integer = j->x->type == ELEM_q8 && j->w->codes;
    size_t m = j->n ? tensor_count(j->out) / j->n : 0;
    if (tensor_count(j->x) != m * j->k || m * j->n != tensor_count(j->out))
        return eval_fail(c, op, DIAG_ID_eval_operand,
                         "rows of width %zu do not fit a matrix of %zu by %zu",
                         j->x->rank ? (size_t)j->x->dim[j->x->rank - 1] : 1, j->k, j->n);
    int64_t *column_sum = NULL;
    for (size_t i = 0; j->integer && !j->raw && !column_sum && i < m; i++) {
        if (q8_trailer_of(j->x, i)->zero == 0) continue;
        column_sum = base_alloc(j->n * sizeof *column_sum + 1);
        weights_column_sums(j->w, column_sum);
    }
    j->column_sum = column_sum;
    const weight_source *only = &j->w->source[0];
    bool narrow = j->x->type == ELEM_q8 || eval_wide(j->x->type) == ELEM_f32;
    for (size_t i = 0; i < j->w->n_sources; i++) narrow &= j->w->source[i].w->type != ELEM_f64;
    product p = {.m = m,
                 .k = j->k,
                 .n = j->n,
                 .ctx = j,
                 .rows = linear_rows,
                 .panel = linear_panel,
                 .direct = linear_direct,
                 .finish = linear_finish,
                 .left = eval_floats(j->x, 0),
                 .narrow = narrow,
                 .quick = c->quick && narrow,
                 .pack = linear_pack};
    if (j->integer) {
        p.code_row = linear_code_row;
        p.code_panel = linear_code_panel;
    } else if (op->code == IR_nn_linear && eval_is_constant(c, op, 1) && weights_are_plain(j->w)) {
        p.store = c->store;
        p.matrix = only->w->data;
        p.transposed = only->trans;
    }
    product_run(&p, c->threads);
    free(column_sum);
    return true;
}

bool ir_eval_nn_linear(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    weight_block w;
    if (!weights_of_linear(c, op, in, &w)) return false;
    linear_job j = {.w = &w, .x = in[0], .out = out};
    bool ok = linear_run(c, op, &j);
    weights_free(&w);
    return ok;
}

// Sums of a pool's converters, a panel of columns after the other.
typedef struct {
    const linear_job *j;
    const pool_unit *u;
    size_t rows;
} pool_job;

static void pool_panels(void *ctx, size_t begin, size_t end) {
    const pool_job *p = ctx;
    const linear_job *j = p->j;
    int8_t *w = base_alloc(j->k * COLUMNS + 1);
    for (size_t t = begin; t < end; t++) {
        const size_t n0 = t * COLUMNS, n1 = n0 + COLUMNS < j->n ? n0 + COLUMNS : j->n;
        memset(w, 0, j->k * COLUMNS);
        weights_codes(j->w, 0, j->k, n0, n1, w);
        for (size_t i = 0; i < p->rows; i++) {
            double sum[COLUMNS];
            pool_row(p->u, q8_codes(j->x, i), w, j->k, sum);
            linear_finish(j, i, i + 1, n0, n1, sum);
        }
    }
    free(w);
}

static bool pool_run(ir_eval_ctx *c, const ir_op *op, linear_job *j, const pool_unit *u) {
    j->k = weights_k(j->w);
    j->n = weights_n(j->w);
    j->integer = true;
    const size_t m = q8_rows(j->x);
    if (j->x->type != ELEM_q8 || !j->w->codes || tensor_count(j->x) != m * j->k ||
        tensor_count(j->out) != m * j->n)
        return eval_fail(c, op, DIAG_ID_eval_operand,
                         "a pool multiplies q8 rows of %zu columns with i8 weights", j->k);
    const char *fault = pool_unit_fault(u);
    if (fault) return eval_fail(c, op, DIAG_ID_eval_operand, "%s", fault);
    int64_t *column_sum = base_alloc(j->n * sizeof *column_sum + 1);
    weights_column_sums(j->w, column_sum);
    j->column_sum = column_sum;
    pool_job p = {j, u, m};
    parallel_for(c->threads, ceil_div_u64(j->n, COLUMNS), 1, pool_panels, &p);
    free(column_sum);
    return true;
}

bool ir_eval_xbar_mvm(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    weight_block w;
    const tensor *gate = op->n_operands > 1 ? in[1] : NULL;
    bool raw = ir_attr_int(&op->attrs, IR_ATTR_raw, 0) != 0;
    if (!weights_of_group(c, op, &w)) return false;
    eval_view g = {0};
    bool ok = true;
    if (raw && (in[0]->type != ELEM_q8 || !w.codes || out->type != ELEM_i32))
        ok = eval_fail(c, op, DIAG_ID_eval_operand, "raw sums need a q8 row and i8 weights");
    if (ok && gate && tensor_count(gate) != q8_rows(out))
        ok = eval_fail(c, op, DIAG_ID_eval_operand, "the gate is not one number a row");
    if (ok) {
        if (gate) g = eval_view_as(gate, ELEM_f32);
        linear_job j = {.w = &w, .x = in[0], .out = out, .raw = raw, .gate = g.data};
        pool_unit u;
        const char *name = ir_attr_str(&op->attrs, IR_ATTR_group, "");
        ok = pool_unit_of(ir_symbol_find(c->module, name), &u) && !c->exact
                 ? pool_run(c, op, &j, &u)
                 : linear_run(c, op, &j);
    }
    for (size_t i = 0; ok && raw && i < q8_rows(out); i++) {
        const q8_trailer *t = q8_trailer_of(in[0], i);
        bool open = !g.data || ((const float *)g.data)[i] != 0;
        *q8_raw_trailer(out, i) = open ? *t : (q8_trailer){.scale = t->scale};
    }
    eval_view_free(&g);
    weights_free(&w);
    return ok;
}

bool ir_eval_xbar_fin(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    weight_block w;
    const tensor *x = in[0];
    if (!weights_of_group(c, op, &w)) return false;
    // The sum is that of all blocks below one another: zero points concern all rows of the matrix.
    w.k0 = 0;
    w.k1 = w.source[0].w->dim[w.source[0].trans ? 1 : 0];
    linear_job j = {.w = &w, .k = weights_k(&w), .n = weights_n(&w)};
    bool ok =
        x->type == ELEM_i32 && tensor_count(x) == q8_rows(x) * j.n && tensor_same_shape(x, out);
    if (!ok) eval_fail(c, op, DIAG_ID_eval_operand, "the operand is no raw row of the group");
    int64_t *column_sum = base_alloc(j.n * sizeof *column_sum + 1);
    bool has_sums = false;
    j.column_sum = column_sum;
    float *y = base_alloc(j.n * sizeof *y + 1);
    double *sum = base_alloc(j.n * sizeof *sum + 1);
    for (size_t i = 0; ok && i < q8_rows(x); i++) {
        const q8_trailer *t = q8_raw_trailer(x, i);
        const int32_t *acc = (const int32_t *)x->data + i * j.n;
        if (t->zero != 0 && !has_sums) {
            weights_column_sums(&w, column_sum);
            has_sums = true;
        }
        for (size_t n = 0; n < j.n; n++) sum[n] = (double)acc[n];
        scaled_row(&j, sum, t, 0, j.n, y);
        eval_store(out, i * j.n, j.n, ELEM_f32, y);
    }
    free(sum);
    free(y);
    free(column_sum);
    weights_free(&w);
    return ok;
}
