// The digital unit, dig.*: each instruction reads rows as floats (quantised rows are widened),
// computes in f32 or f64 as docs/numerics.md says, and stores f32 rows or quantises them.
#include "ir/eval/eval.h"
#include "ir/kernel/q8.h"
#include "support/parallel.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct dig_job {
    const ir_op *op;
    const tensor *a, *b; // b: NULL, or rows of a's domain or of one row
    const tensor *most;  // dig.copy: the largest |element| of each row that a is part of
    tensor *out;
    // Computes row r: x and x2 are the operands' rows, y overlaps neither.
    void (*row)(const struct dig_job *j, size_t r, const float *x, const float *x2, float *y);
    size_t width, result; // columns of a and of the result
    // parameters of the functions below
    fn1_f32 fn1;
    fn2_f32 fn2;
    const float *table, *table2; // rows, NULL for none
    size_t segments;
    float lo, hi;
    ir_norm norm;
    double eps;
    bool flag; // softmax: log; rope: interleaved
    int64_t heads, rotary, pos, table_rows;
    const int64_t *positions;
    int reduction;
    int64_t k, base;
} dig_job;

static void dig_rows(void *ctx, size_t begin, size_t end) {
    const dig_job *j = ctx;
    size_t second = j->b ? eval_width(j->b) : 0;
    float *buffer = base_alloc((j->width + second + j->result) * sizeof *buffer + 1);
    float *buffer2 = buffer + j->width, *y = buffer2 + second;
    for (size_t r = begin; r < end; r++) {
        const float *x = eval_row_load(j->a, r, buffer), *x2 = NULL;
        if (j->most) {
            eval_row_store_within(j->out, r, x, (int)ir_attr_int(&j->op->attrs, IR_ATTR_bits, 8),
                                  j->most);
            continue;
        }
        if (j->b) x2 = eval_row_load(j->b, j->b->dim[0] == 1 ? 0 : r, buffer2);
        j->row(j, r, x, x2, y);
        eval_row_store(j->op, j->out, r, y);
    }
    free(buffer);
}

static bool dig_run(ir_eval_ctx *c, dig_job *j, size_t result) {
    size_t rows = q8_rows(j->a);
    j->width = eval_width(j->a);
    j->result = result;
    if (rows != q8_rows(j->out) || eval_width(j->out) != result)
        return eval_fail(c, j->op, DIAG_ID_eval_operand, "the result's rows do not fit");
    parallel_for(c->threads, rows, 1 + 16384 / (j->width + 1), dig_rows, j);
    return true;
}

// A constant row of n floats as a view; false: reported.
static bool constant_row(ir_eval_ctx *c, const ir_op *op, const char *name, size_t n,
                         eval_view *v) {
    const tensor *t = eval_table(c, op, name);
    if (!t) return false;
    if (tensor_count(t) != n)
        return eval_fail(c, op, DIAG_ID_eval_operand, "'@%s' is no row of width %zu", name, n);
    *v = eval_view_as(t, ELEM_f32);
    return true;
}

// ---- elementwise -----------------------------------------------------------------------------

static void row_fn1(const dig_job *j, size_t r, const float *x, const float *x2, float *y) {
    j->fn1(y, x, j->width);
}
bool ir_eval_dig_ew1(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    const char *fn = ir_attr_str(&op->attrs, IR_ATTR_fn, "");
    dig_job j = {.op = op, .a = in[0], .out = out, .row = row_fn1, .fn1 = fn1_find(fn)};
    if (!j.fn1) return eval_fail(c, op, DIAG_ID_eval_operand, "function '%s' is unknown", fn);
    return dig_run(c, &j, eval_width(in[0]));
}

static void row_fn2(const dig_job *j, size_t r, const float *x, const float *x2, float *y) {
    j->fn2(y, x, j->table ? j->table : x2, j->width);
}
bool ir_eval_dig_ew2(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    const char *fn = ir_attr_str(&op->attrs, IR_ATTR_fn, "");
    dig_job j = {.op = op, .a = in[0], .b = in[1], .out = out, .row = row_fn2, .fn2 = fn2_find(fn)};
    if (!j.fn2) return eval_fail(c, op, DIAG_ID_eval_operand, "function '%s' is unknown", fn);
    if (eval_width(in[0]) != eval_width(in[1]) ||
        (in[1]->dim[0] != 1 && in[1]->dim[0] != in[0]->dim[0]))
        return eval_fail(c, op, DIAG_ID_eval_operand, "the operands' rows do not fit");
    return dig_run(c, &j, eval_width(in[0]));
}

bool ir_eval_dig_ewt(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    const char *fn = ir_attr_str(&op->attrs, IR_ATTR_fn, "");
    dig_job j = {.op = op, .a = in[0], .out = out, .row = row_fn2, .fn2 = fn2_find(fn)};
    if (!j.fn2) return eval_fail(c, op, DIAG_ID_eval_operand, "function '%s' is unknown", fn);
    eval_view table;
    const char *name = ir_attr_str(&op->attrs, IR_ATTR_table, NULL);
    if (!constant_row(c, op, name, eval_width(in[0]), &table)) return false;
    j.table = table.data;
    bool ok = dig_run(c, &j, eval_width(in[0]));
    eval_view_free(&table);
    return ok;
}

static void row_clip(const dig_job *j, size_t r, const float *x, const float *x2, float *y) {
    for (size_t i = 0; i < j->width; i++) {
        float v = x[i] < j->lo ? j->lo : x[i]; // NaN stays
        y[i] = v > j->hi ? j->hi : v;
    }
}
bool ir_eval_dig_clip(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    dig_job j = {.op = op, .a = in[0], .out = out, .row = row_clip};
    j.lo = (float)ir_attr_float(&op->attrs, IR_ATTR_lo, -INFINITY);
    j.hi = (float)ir_attr_float(&op->attrs, IR_ATTR_hi, INFINITY);
    return dig_run(c, &j, eval_width(in[0]));
}

static void row_copy(const dig_job *j, size_t r, const float *x, const float *x2, float *y) {
    memcpy(y, x, j->width * sizeof *y);
}
bool ir_eval_dig_copy(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    if (in[0]->type != ELEM_q8 && out->type != ELEM_q8 &&
        tensor_count(in[0]) == tensor_count(out)) {
        elem_convert(out->type, out->data, in[0]->type, in[0]->data, tensor_count(out));
        return true;
    }
    if (in[0]->type == ELEM_q8 && out->type == ELEM_q8 && !ir_attr_has(&op->attrs, IR_ATTR_quant) &&
        tensor_same_shape(in[0], out)) { // nothing to convert
        memcpy(out->data, in[0]->data, q8_storage_bytes(out));
        return true;
    }
    dig_job j = {.op = op, .a = in[0], .out = out, .row = row_copy};
    if (op->n_operands > 1) j.most = in[1];
    if (j.most && (out->type != ELEM_q8 || tensor_count(j.most) != q8_rows(out)))
        return eval_fail(c, op, DIAG_ID_eval_operand, "the largest are not one number a row");
    return dig_run(c, &j, eval_width(in[0]));
}

// ---- rows ------------------------------------------------------------------------------------

static void norm_row(const dig_job *j, size_t r, const float *x, const float *x2, float *y) {
    row_norm(y, x, j->width, j->norm, j->eps, j->table, j->table2);
}
bool ir_eval_dig_norm(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    dig_job j = {.op = op, .a = in[0], .out = out, .row = norm_row};
    size_t n, width = eval_width(in[0]);
    const char *const *names = ir_attr_strs(&op->attrs, IR_ATTR_weights, &n);
    eval_view weights[2] = {{0}, {0}};
    int mode;
    bool ok = eval_word(c, op, IR_ATTR_mode, IR_ENUM_norm, -1, &mode);
    for (size_t i = 0; ok && i < n && i < 2; i++)
        ok = !names[i] || constant_row(c, op, names[i], width, &weights[i]);
    j.eps = (double)(float)ir_attr_float(&op->attrs, IR_ATTR_eps, 1e-5);
    j.table = weights[0].data;
    j.table2 = weights[1].data;
    j.norm = (ir_norm)mode;
    ok = ok && dig_run(c, &j, width);
    eval_view_free(&weights[0]);
    eval_view_free(&weights[1]);
    return ok;
}

static bool segments_of(const ir_eval_ctx *c, dig_job *j) {
    int64_t n = ir_attr_int(&j->op->attrs, IR_ATTR_segments, 1);
    if (n < 1 || eval_width(j->a) % (size_t)n != 0)
        return eval_fail(c, j->op, DIAG_ID_eval_operand, "%lld segments of a row of %zu",
                         (long long)n, eval_width(j->a));
    j->segments = (size_t)n;
    return true;
}

static void softmax_row(const dig_job *j, size_t r, const float *x, const float *x2, float *y) {
    size_t n = j->width / j->segments;
    for (size_t s = 0; s < j->segments; s++)
        (j->flag ? row_log_softmax : row_softmax)(y + s * n, x + s * n, n);
}
bool ir_eval_dig_softmax(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    dig_job j = {.op = op, .a = in[0], .out = out, .row = softmax_row};
    j.flag = strcmp(ir_attr_str(&op->attrs, IR_ATTR_mode, ""), "log") == 0;
    return segments_of(c, &j) && dig_run(c, &j, eval_width(in[0]));
}

static void row_reduce(const dig_job *j, size_t r, const float *x, const float *x2, float *y) {
    size_t n = j->width / j->segments;
    for (size_t s = 0; s < j->segments; s++, x += n) {
        double sum = 0;
        float most = j->reduction == IR_RED_ABSMAX ? 0 : -INFINITY;
        size_t best = 0;
        for (size_t i = 0; i < n; i++) {
            float v = j->reduction == IR_RED_ABSMAX ? fabsf(x[i]) : x[i];
            sum += j->reduction == IR_RED_SUMSQ ? (double)v * (double)v : (double)v;
            if (v > most || (v != v && j->reduction != IR_RED_ABSMAX)) most = v;
            if (x[i] > x[best]) best = i;
        }
        switch (j->reduction) {
        case IR_RED_MEAN: y[s] = (float)(sum / (double)n); break;
        case IR_RED_MAX:
        case IR_RED_ABSMAX: y[s] = most; break;
        case IR_RED_ARGMAX: y[s] = (float)best; break;
        default: y[s] = (float)sum;
        }
    }
}
bool ir_eval_dig_red(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    dig_job j = {.op = op, .a = in[0], .out = out, .row = row_reduce};
    return eval_word(c, op, IR_ATTR_fn, IR_ENUM_row_reduction, -1, &j.reduction) &&
           segments_of(c, &j) && dig_run(c, &j, j.segments);
}

static void rope_row(const dig_job *j, size_t r, const float *x, const float *x2, float *y) {
    int64_t t = j->positions ? j->positions[r] : j->pos + (int64_t)r;
    const float *table = j->table + t * j->rotary;
    int64_t d = (int64_t)j->width / j->heads;
    memcpy(y, x, j->width * sizeof *y);
    for (int64_t h = 0; h < j->heads; h++)
        row_rope(y + h * d, j->rotary, j->flag, table, table + j->rotary / 2);
}
bool ir_eval_dig_rope(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    dig_job j = {.op = op, .a = in[0], .out = out, .row = rope_row};
    const tensor *table = eval_table(c, op, ir_attr_str(&op->attrs, IR_ATTR_table, NULL));
    const tensor *positions = op->n_operands > 1 ? in[1] : NULL;
    if (!table) return false;
    int64_t rows = (int64_t)q8_rows(in[0]), width = (int64_t)eval_width(in[0]);
    j.heads = ir_attr_int(&op->attrs, IR_ATTR_heads, 1);
    j.flag = IR_WORD(&op->attrs, mode, rotary, ROTARY_HALF) == IR_ROTARY_INTERLEAVED;
    j.rotary = table->rank == 2 ? table->dim[1] : -1;
    j.pos = eval_pos(c, eval_domain_of_operand(c, op, 0));
    if (j.heads < 1 || width % j.heads != 0 || j.rotary < 0 || j.rotary % 2 != 0 ||
        j.rotary > width / j.heads ||
        ir_attr_int(&op->attrs, IR_ATTR_rotary_dim, j.rotary) != j.rotary ||
        (positions && tensor_count(positions) != (size_t)rows))
        return eval_fail(c, op, DIAG_ID_eval_operand, "heads, table and positions do not fit");
    eval_view p = {0}, t = eval_view_as(table, ELEM_f32);
    if (positions) p = eval_view_as(positions, ELEM_i64);
    j.positions = p.data;
    j.table = t.data;
    bool ok = true;
    for (int64_t r = 0; ok && r < rows; r++) {
        int64_t at = j.positions ? j.positions[r] : j.pos + r;
        if (at < 0 || at >= table->dim[0])
            ok = eval_fail(c, op, DIAG_ID_eval_index, "position %lld of a table of %lld rows",
                           (long long)at, (long long)table->dim[0]);
    }
    ok = ok && dig_run(c, &j, (size_t)width);
    eval_view_free(&p);
    eval_view_free(&t);
    return ok;
}

// Pairs (value, index + imm), largest first; ties to the lower index, NaN last.
static void row_topk(const dig_job *j, size_t r, const float *x, const float *x2, float *y) {
    size_t n = 0;
    for (size_t i = 0; i < j->width; i++) {
        float v = x[i];
        size_t at = n;
        while (at > 0 && (v > y[2 * at - 2] || (v == v && y[2 * at - 2] != y[2 * at - 2]))) at--;
        if (at == (size_t)j->k) continue;
        size_t moved = (n < (size_t)j->k ? n++ : n - 1) - at;
        memmove(y + 2 * at + 2, y + 2 * at, 2 * moved * sizeof *y);
        y[2 * at] = v;
        y[2 * at + 1] = (float)(j->base + (int64_t)i);
    }
}
bool ir_eval_dig_topk(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    dig_job j = {.op = op, .a = in[0], .out = out, .row = row_topk};
    j.k = ir_attr_int(&op->attrs, IR_ATTR_k, 1);
    j.base = (int64_t)ir_attr_float(&op->attrs, IR_ATTR_imm, 0);
    if (j.k < 1 || (size_t)j.k > eval_width(in[0]))
        return eval_fail(c, op, DIAG_ID_eval_operand, "k = %lld of a row of %zu", (long long)j.k,
                         eval_width(in[0]));
    return dig_run(c, &j, 2 * (size_t)j.k);
}
