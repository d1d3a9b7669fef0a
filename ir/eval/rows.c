// row.*: columns of rows. rows.*: rows of domains. Values move, nothing is rounded, but for
// rows.reduce.
#include "ir/eval/eval.h"
#include "ir/kernel/q8.h"
#include "support/parallel.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- rows as floats --------------------------------------------------------------------------

const float *eval_row_load(const tensor *t, size_t r, float *buffer) {
    size_t width = eval_width(t);
    if (t->type != ELEM_q8) return eval_load(t, r * width, width, ELEM_f32, buffer);
    q8_dequantise(buffer, q8_codes(t, r), q8_trailer_of(t, r), width);
    return buffer;
}

void eval_row_store(const ir_op *op, tensor *t, size_t r, const float *x) {
    size_t width = eval_width(t);
    if (t->type != ELEM_q8) {
        eval_store(t, r * width, width, ELEM_f32, x);
        return;
    }
    const q8_form f = q8_form_of(IR_WORD(&op->attrs, quant, quantisation, QUANT_SYM), &op->attrs);
    q8_quantise(q8_codes(t, r), q8_trailer_of(t, r), x, width, &f);
}

void eval_row_store_within(tensor *t, size_t r, const float *x, int bits, const tensor *most) {
    float one;
    const float *a = eval_load(most, r, 1, ELEM_f32, &one);
    q8_quantise_within(q8_codes(t, r), q8_trailer_of(t, r), x, eval_width(t), bits, *a);
}

bool eval_has_raw_trailers(const ir_eval_ctx *c, const ir_op *op, uint32_t i) {
    if (eval_domain_of_operand(c, op, i) < 0) return false;
    const ir_type *t = ir_type_of(c->func, op->operand[i]);
    return t->type == ELEM_i32 && t->rank == 2;
}

// ---- columns: the last axis --------------------------------------------------------------------

static size_t last_dim(const tensor *t) { return t->rank ? (size_t)t->dim[t->rank - 1] : 1; }
static size_t n_rows(const tensor *t) {
    size_t w = last_dim(t);
    return w ? tensor_count(t) / w : 0;
}

static char *row_at(const tensor *t, size_t r) {
    if (t->type == ELEM_q8) return (char *)q8_codes(t, r);
    return (char *)t->data + r * last_dim(t) * elem_bytes(t->type);
}

static void sum_codes(const tensor *t, size_t r) {
    const int8_t *codes = q8_codes(t, r);
    int32_t sum = 0;
    for (size_t i = 0, n = q8_width(t); i < n; i++) sum += codes[i];
    q8_trailer_of(t, r)->sum = sum;
}

// A row's trailer, after its columns were moved: the sum is that of the new row's codes.
static void move_trailer(const ir_eval_ctx *c, const ir_op *op, tensor *out, const tensor *in,
                         size_t r) {
    if (out->type == ELEM_q8) {
        *q8_trailer_of(out, r) = *q8_trailer_of(in, r);
        sum_codes(out, r);
    } else if (eval_has_raw_trailers(c, op, 0)) {
        *q8_raw_trailer(out, r) = *q8_raw_trailer(in, r);
    }
}

bool ir_eval_row_cols(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    int64_t from = ir_attr_int(&op->attrs, IR_ATTR_from, 0), width = (int64_t)last_dim(in[0]);
    int64_t until = ir_attr_int(&op->attrs, IR_ATTR_until, width), n = until - from;
    if (from < 0 || n < 0 || until > width || (int64_t)last_dim(out) != n ||
        n_rows(out) != (n ? n_rows(in[0]) : 0))
        return eval_fail(c, op, DIAG_ID_eval_index, "columns %lld to %lld of %lld", (long long)from,
                         (long long)until, (long long)width);
    size_t bytes = elem_bytes(out->type);
    for (size_t r = 0; r < n_rows(out); r++) {
        memcpy(row_at(out, r), row_at(in[0], r) + (size_t)from * bytes, (size_t)n * bytes);
        move_trailer(c, op, out, in[0], r);
    }
    return true;
}

bool ir_eval_row_join(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    size_t bytes = elem_bytes(out->type), rows = n_rows(out), width = 0;
    for (uint32_t k = 0; k < op->n_operands; k++) {
        width += last_dim(in[k]);
        if (last_dim(in[k]) && n_rows(in[k]) != rows)
            return eval_fail(c, op, DIAG_ID_eval_operand, "operand %u has other rows",
                             (unsigned)k + 1);
    }
    if (width != last_dim(out))
        return eval_fail(c, op, DIAG_ID_eval_operand, "%zu columns for a result of %zu", width,
                         last_dim(out));
    for (size_t r = 0; r < rows; r++) {
        char *to = row_at(out, r);
        for (uint32_t k = 0; k < op->n_operands; k++) {
            size_t n = last_dim(in[k]) * bytes;
            if (n) memcpy(to, row_at(in[k], r), n);
            to += n;
            if (out->type != ELEM_q8) continue;
            const q8_trailer *a = q8_trailer_of(in[0], r), *b = q8_trailer_of(in[k], r);
            if (a->scale != b->scale || a->zero != b->zero)
                return eval_fail(c, op, DIAG_ID_eval_operand,
                                 "quantised rows of different scales cannot be joined");
        }
        move_trailer(c, op, out, in[0], r);
    }
    return true;
}

static bool columns_by_index(ir_eval_ctx *c, const ir_op *op, const tensor *x, tensor *out) {
    size_t n, bytes = elem_bytes(out->type);
    const int64_t *index = ir_attr_ints(&op->attrs, IR_ATTR_index, &n);
    if (n != last_dim(out) || (n && n_rows(out) != n_rows(x)))
        return eval_fail(c, op, DIAG_ID_eval_operand, "'index' does not give the result's width");
    for (size_t i = 0; i < n; i++)
        if (index[i] < 0 || (size_t)index[i] >= last_dim(x))
            return eval_fail(c, op, DIAG_ID_eval_index, "column %lld of %zu", (long long)index[i],
                             last_dim(x));
    for (size_t r = 0; r < n_rows(out); r++) {
        const char *from = row_at(x, r);
        char *to = row_at(out, r);
        for (size_t i = 0; i < n; i++)
            memcpy(to + i * bytes, from + (size_t)index[i] * bytes, bytes);
        move_trailer(c, op, out, x, r);
    }
    return true;
}
bool ir_eval_row_permute(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    return columns_by_index(c, op, in[0], out);
}
bool ir_eval_row_repeat(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    return columns_by_index(c, op, in[0], out);
}

// ---- rows ------------------------------------------------------------------------------------

static int64_t rows_of(const tensor *t) { return t->rank ? t->dim[0] : 0; }

// Bytes of a row, with the trailer of a quantised one.
static size_t row_bytes(const tensor *t) {
    size_t w = eval_width(t);
    return t->type == ELEM_q8 ? q8_row_bytes(w) : w * elem_bytes(t->type);
}

static bool same_rows(const ir_eval_ctx *c, const ir_op *op, const tensor *x, const tensor *out) {
    return (x->type == out->type && eval_width(x) == eval_width(out)) ||
           eval_fail(c, op, DIAG_ID_eval_operand, "operand and result have other rows");
}

// Rows [from, from+n) of x become rows at..., which must exist in both.
static bool copy_rows(const ir_eval_ctx *c, const ir_op *op, tensor *out, int64_t at,
                      const tensor *x, int64_t from, int64_t n) {
    if (!same_rows(c, op, x, out)) return false;
    if (n == 0) return true;
    if (from < 0 || from + n > rows_of(x) || at < 0 || at + n > rows_of(out))
        return eval_fail(c, op, DIAG_ID_eval_index, "row %lld of %lld", (long long)(from + n - 1),
                         (long long)rows_of(x));
    size_t bytes = row_bytes(x);
    if (bytes)
        memcpy((char *)out->data + (size_t)at * bytes, (const char *)x->data + (size_t)from * bytes,
               (size_t)n * bytes);
    return true;
}

static bool two_parts(ir_eval_ctx *c, const ir_op *op, const tensor *a, const tensor *b,
                      tensor *out) {
    if (rows_of(out) != rows_of(a) + rows_of(b))
        return eval_fail(c, op, DIAG_ID_eval_operand, "%lld and %lld rows for a result of %lld",
                         (long long)rows_of(a), (long long)rows_of(b), (long long)rows_of(out));
    return copy_rows(c, op, out, 0, a, 0, rows_of(a)) &&
           copy_rows(c, op, out, rows_of(a), b, 0, rows_of(b));
}
bool ir_eval_rows_prefix(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    return two_parts(c, op, in[1], in[0], out);
}
bool ir_eval_rows_suffix(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    return two_parts(c, op, in[0], in[1], out);
}

bool ir_eval_rows_pick(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    ir_pick which = IR_WORD(&op->attrs, which, pick, PICK_FIRST);
    int64_t row = 0;
    if (rows_of(out) == 0) return true;
    if (which == IR_PICK_LAST) row = rows_of(in[0]) - 1;
    if (which == IR_PICK_INDEX) row = ir_attr_int(&op->attrs, IR_ATTR_row, 0);
    if (which == IR_PICK_BY) {
        if (op->n_operands < 2 || tensor_count(in[1]) < 1)
            return eval_fail(c, op, DIAG_ID_eval_operand, "there is no row number");
        row = elem_load_i64(in[1]->type, in[1]->data, 0);
        if (row < 0) row += rows_of(in[0]);
    }
    return copy_rows(c, op, out, 0, in[0], row, 1);
}

bool ir_eval_rows_skip(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    int64_t row = ir_attr_int(&op->attrs, IR_ATTR_row, 0);
    if (rows_of(out) != max_i64(0, rows_of(in[0]) - row))
        return eval_fail(c, op, DIAG_ID_eval_operand, "%lld rows less %lld for a result of %lld",
                         (long long)rows_of(in[0]), (long long)row, (long long)rows_of(out));
    return copy_rows(c, op, out, 0, in[0], row, rows_of(out));
}

bool ir_eval_rows_like(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    for (int64_t r = 0; r < rows_of(out); r++)
        if (!copy_rows(c, op, out, r, in[0], 0, 1)) return false;
    return true;
}

bool ir_eval_rows_reduce(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    const tensor *x = in[0], *weights = op->n_operands > 1 ? in[1] : NULL;
    ir_row_reduction fn = IR_WORD(&op->attrs, fn, row_reduction, RED_SUM);
    size_t width = eval_width(x), rows = (size_t)rows_of(x);
    bool max = fn == IR_RED_MAX, mean = fn == IR_RED_MEAN;
    if (eval_width(out) != width || rows_of(out) > 1 || (weights && tensor_count(weights) != rows))
        return eval_fail(c, op, DIAG_ID_eval_operand, "rows, weights and result do not fit");
    if (rows_of(out) == 0) return true;
    double *acc = base_alloc(width * sizeof *acc + 1), total = 0;
    for (size_t i = 0; i < width; i++) acc[i] = 0;
    bool any = false; // rows take part in a maximum
    float *buffer = base_alloc(width * sizeof *buffer + 1);
    for (size_t r = 0; r < rows; r++) {
        double w = weights ? elem_load_f64(weights->type, weights->data, r) : 1;
        if (w == 0) continue; // whatever the row holds
        const float *row = eval_row_load(x, r, buffer);
        total += w;
        for (size_t i = 0; i < width; i++) {
            double v = (double)row[i];
            if (!max)
                acc[i] += w * v;
            else if (!any || v > acc[i] || v != v)
                acc[i] = v;
        }
        any = true;
    }
    double divisor = !mean ? 1 : total != 0 ? total : INFINITY; // the mean of no rows is 0
    for (size_t i = 0; i < width; i++) buffer[i] = (float)(acc[i] / divisor);
    eval_row_store(op, out, 0, buffer);
    free(buffer);
    free(acc);
    return true;
}

static bool widths_fit(const ir_eval_ctx *c, const ir_op *op, const tensor *x, const tensor *out,
                       int64_t n) {
    return (x->type != ELEM_q8 && x->type == out->type &&
            eval_width(out) == eval_width(x) * (size_t)n) ||
           eval_fail(c, op, DIAG_ID_eval_operand, "the result is not %lld rows side by side",
                     (long long)n);
}

// Row `from` of x, counted from the step's first, becomes part i of row r of out, which has n
// parts. Rows before the step come from history; others that do not exist are zeros.
static void copy_part(tensor *out, int64_t r, int64_t i, int64_t n, const tensor *x, int64_t from,
                      const ir_history *before) {
    size_t bytes = row_bytes(x);
    char *to = (char *)out->data + (size_t)(r * n + i) * bytes;
    if (from >= 0 && from < rows_of(x)) {
        memcpy(to, (const char *)x->data + (size_t)from * bytes, bytes);
    } else if (from < 0 && before && from + before->rows >= 0) {
        memcpy(to, before->data + (size_t)(from + before->rows) * bytes, bytes);
    }
}

// Keeps the last `keep` rows of history and x.
static void remember(ir_history *h, const tensor *x, int64_t keep) {
    size_t bytes = row_bytes(x);
    int64_t have = h->rows + rows_of(x);
    keep = min_i64(keep, have);
    int64_t old = max_i64(0, keep - rows_of(x)); // rows of history that stay
    char *data = base_alloc((size_t)keep * bytes + 1);
    if (old) memcpy(data, h->data + (size_t)(h->rows - old) * bytes, (size_t)old * bytes);
    if (keep > old)
        memcpy(data + (size_t)old * bytes,
               (const char *)x->data + (size_t)(rows_of(x) - (keep - old)) * bytes,
               (size_t)(keep - old) * bytes);
    free(h->data);
    *h = (ir_history){keep, data};
}

bool ir_eval_rows_window(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    int64_t stride = ir_attr_int(&op->attrs, IR_ATTR_stride, 1);
    int64_t pad = ir_attr_int(&op->attrs, IR_ATTR_pad, 0),
            k = ir_attr_int(&op->attrs, IR_ATTR_k, 1);
    if (stride < 1 || k < 1 || pad < 0)
        return eval_fail(c, op, DIAG_ID_eval_operand, "stride and k must be positive");
    if (!widths_fit(c, op, in[0], out, k)) return false;
    ir_history *h = c->history ? &c->history[op - c->func->ops.items] : NULL;
    for (int64_t r = 0; r < rows_of(out); r++)
        for (int64_t i = 0; i < k; i++) copy_part(out, r, i, k, in[0], r * stride - pad + i, h);
    if (h && pad > 0) remember(h, in[0], pad);
    return true;
}

bool ir_eval_rows_gather(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    const tensor *table = in[1];
    if (table->rank != 2 || table->dim[0] < rows_of(out))
        return eval_fail(c, op, DIAG_ID_eval_operand, "the table has fewer rows than the result");
    int64_t n = table->dim[1];
    if (!widths_fit(c, op, in[0], out, n)) return false;
    for (int64_t r = 0; r < rows_of(out); r++) {
        for (int64_t i = 0; i < n; i++) {
            int64_t row = elem_load_i64(table->type, table->data, (size_t)(r * n + i));
            if (row < -1 || row >= rows_of(in[0]))
                return eval_fail(c, op, DIAG_ID_eval_index, "row %lld of %lld", (long long)row,
                                 (long long)rows_of(in[0]));
            copy_part(out, r, i, n, in[0], row, NULL);
        }
    }
    return true;
}
