// Normalisation, rotary embedding, embedding and position tables, on plain tensors and on rows.
#include "ir/eval/eval.h"
#include "support/parallel.h"
#include <stdlib.h>
#include <string.h>

// ---- normalisation ---------------------------------------------------------------------------

typedef struct {
    const tensor *x;
    tensor *out;
    size_t width;
    ir_norm mode;
    double eps;
    const float *gamma, *beta; // width entries
} norm_job;

static void norm_rows(void *ctx, size_t begin, size_t end) {
    const norm_job *j = ctx;
    float *buffer = base_alloc(2 * j->width * sizeof *buffer + 1), *y = buffer + j->width;
    for (size_t r = begin; r < end; r++) {
        const float *x = eval_load(j->x, r * j->width, j->width, ELEM_f32, buffer);
        row_norm(y, x, j->width, j->mode, j->eps, j->gamma, j->beta);
        eval_store(j->out, r * j->width, j->width, ELEM_f32, y);
    }
    free(buffer);
}

// gamma or beta broadcast to the normalised axes [axis, rank) of x, as f32; false: reported.
static bool norm_weight(const ir_eval_ctx *c, const ir_op *op, const tensor *t, const tensor *x,
                        int axis, float **out) {
    *out = NULL;
    if (!t) return true;
    tensor row = {.type = ELEM_f32, .rank = x->rank - axis};
    memcpy(row.dim, x->dim + axis, (size_t)row.rank * sizeof *row.dim);
    row.data = *out = base_alloc(tensor_count(&row) * sizeof(float) + 1);
    tensor source = *t; // leading axes of size 1 go
    while (source.rank > row.rank && source.dim[0] == 1) {
        source.rank--;
        memmove(source.dim, source.dim + 1, (size_t)source.rank * sizeof *source.dim);
    }
    eval_view v = eval_view_as(&source, ELEM_f32);
    source.type = ELEM_f32;
    source.data = (void *)v.data;
    const tensor *in[1] = {&source};
    bool ok = ir_eval_t_broadcast((ir_eval_ctx *)c, op, in, &row);
    eval_view_free(&v);
    return ok;
}

bool ir_eval_nn_norm(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    const tensor *x = in[0];
    int axis, mode;
    norm_job j = {.x = x, .out = out, .width = 1};
    if (!eval_word(c, op, IR_ATTR_mode, IR_ENUM_norm, -1, &mode) ||
        !eval_axis_attr(c, op, x->rank, x->rank - 1, &axis))
        return false;
    j.mode = (ir_norm)mode;
    j.eps = (double)(float)ir_attr_float(&op->attrs, IR_ATTR_eps, 1e-5); // an f32, as in ONNX
    for (int i = axis; i < x->rank; i++) j.width *= (size_t)x->dim[i];
    float *gamma = NULL, *beta = NULL;
    bool ok = norm_weight(c, op, op->n_operands > 1 ? in[1] : NULL, x, axis, &gamma) &&
              norm_weight(c, op, op->n_operands > 2 ? in[2] : NULL, x, axis, &beta);
    if (ok && !tensor_same_shape(x, out))
        ok = eval_fail(c, op, DIAG_ID_eval_operand, "operand and result differ in shape");
    j.gamma = gamma;
    j.beta = beta;
    if (ok && j.width)
        parallel_for(c->threads, tensor_count(x) / j.width, 1 + 16384 / j.width, norm_rows, &j);
    free(gamma);
    free(beta);
    return ok;
}

// ---- rotary embedding --------------------------------------------------------------------------

static bool is_interleaved(const ir_op *op) {
    return IR_WORD(&op->attrs, mode, rotary, ROTARY_HALF) == IR_ROTARY_INTERLEAVED;
}

bool ir_eval_nn_rope(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    const tensor *x = in[0];
    int64_t d = x->rank == 4 ? x->dim[3] : 0, r = ir_attr_int(&op->attrs, IR_ATTR_rotary_dim, d);
    if (x->rank != 4 || r < 0 || r > d || r % 2 != 0 || !tensor_same_shape(x, out) ||
        tensor_count(in[1]) != (size_t)(x->dim[2] * (r / 2)) ||
        tensor_count(in[2]) != (size_t)(x->dim[2] * (r / 2)))
        return eval_fail(c, op, DIAG_ID_eval_operand, "x, cos and sin do not fit");
    eval_view cosine = eval_view_as(in[1], ELEM_f32), sine = eval_view_as(in[2], ELEM_f32);
    float *head = base_alloc((size_t)d * sizeof *head + 1);
    size_t rows = d ? tensor_count(x) / (size_t)d : 0;
    for (size_t i = 0; i < rows; i++) {
        size_t t = i % (size_t)x->dim[2] * (size_t)(r / 2);
        elem_convert(ELEM_f32, head, x->type,
                     (const char *)x->data + i * (size_t)d * elem_bytes(x->type), (size_t)d);
        row_rope(head, r, is_interleaved(op), (const float *)cosine.data + t,
                 (const float *)sine.data + t);
        eval_store(out, i * (size_t)d, (size_t)d, ELEM_f32, head);
    }
    free(head);
    eval_view_free(&cosine);
    eval_view_free(&sine);
    return true;
}

bool ir_eval_nn_rotate(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    const tensor *x = in[0], *positions = op->n_operands > 3 ? in[3] : NULL;
    int64_t heads = ir_attr_int(&op->attrs, IR_ATTR_heads, 1), rows = x->rank ? x->dim[0] : 0;
    int64_t width = rows ? (int64_t)tensor_count(x) / rows : 0;
    int64_t d = heads > 0 ? width / heads : 0, r = ir_attr_int(&op->attrs, IR_ATTR_rotary_dim, d);
    if (heads < 1 || width % heads != 0 || r < 0 || (rows && r > d) || r % 2 != 0 ||
        in[1]->rank != 2 || !tensor_same_shape(in[1], in[2]) || in[1]->dim[1] != r / 2 ||
        x->type != ELEM_f32 || out->type != ELEM_f32 || !tensor_same_shape(x, out) ||
        (positions && tensor_count(positions) != (size_t)rows))
        return eval_fail(c, op, DIAG_ID_eval_operand, "x, cos and sin do not fit");
    eval_view cosine = eval_view_as(in[1], ELEM_f32), sine = eval_view_as(in[2], ELEM_f32);
    bool ok = true;
    if (tensor_bytes(out)) memcpy(out->data, x->data, tensor_bytes(out));
    for (int64_t i = 0; ok && i < rows; i++) {
        int64_t t = positions ? elem_load_i64(positions->type, positions->data, (size_t)i)
                              : eval_pos(c, eval_domain_of_operand(c, op, 0)) + i;
        if (t < 0 || t >= in[1]->dim[0]) {
            ok = eval_fail(c, op, DIAG_ID_eval_index, "position %lld of a table of %lld rows",
                           (long long)t, (long long)in[1]->dim[0]);
            break;
        }
        for (int64_t h = 0; h < heads; h++)
            row_rope((float *)out->data + i * width + h * d, r, is_interleaved(op),
                     (const float *)cosine.data + t * (r / 2),
                     (const float *)sine.data + t * (r / 2));
    }
    eval_view_free(&cosine);
    eval_view_free(&sine);
    return ok;
}

// ---- tables ----------------------------------------------------------------------------------

bool ir_eval_nn_embed(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    const tensor *ids = in[0], *table = in[1];
    size_t n = tensor_count(ids);
    if (table->rank != 2 || tensor_count(out) != n * (size_t)table->dim[1])
        return eval_fail(c, op, DIAG_ID_eval_operand, "ids and table do not fit");
    size_t width = (size_t)table->dim[1], bytes = elem_bytes(table->type);
    for (size_t i = 0; i < n; i++) {
        int64_t id = elem_load_i64(ids->type, ids->data, i);
        if (id < 0 || id >= table->dim[0])
            return eval_fail(c, op, DIAG_ID_eval_index, "id %lld of a table of %lld rows",
                             (long long)id, (long long)table->dim[0]);
        elem_convert(out->type, (char *)out->data + i * width * elem_bytes(out->type), table->type,
                     (const char *)table->data + (size_t)id * width * bytes, width);
    }
    return true;
}

bool ir_eval_nn_posrow(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    const tensor *table = in[0];
    int64_t rows = out->rank ? out->dim[0] : 0, pos = eval_pos(c, eval_domain_of_result(c, op, 0));
    if (table->rank != 2 || tensor_count(out) != (size_t)(rows * table->dim[1]))
        return eval_fail(c, op, DIAG_ID_eval_operand, "table and result do not fit");
    if (pos + rows > table->dim[0])
        return eval_fail(c, op, DIAG_ID_eval_index, "position %lld of a table of %lld rows",
                         (long long)(pos + rows - 1), (long long)table->dim[0]);
    size_t width = (size_t)table->dim[1];
    elem_convert(out->type, out->data, table->type,
                 (const char *)table->data + (size_t)pos * width * elem_bytes(table->type),
                 (size_t)rows * width);
    return true;
}
