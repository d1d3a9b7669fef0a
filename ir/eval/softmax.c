// Softmax and log-softmax along an axis of a tensor; of one line: kernel/row.c.
#include "ir/eval/eval.h"
#include "support/num/num.h"
#include "support/parallel.h"
#include <math.h>
#include <stdlib.h>

// kernel/row.c in double, for f64 tensors.
static void softmax_row_f64(double *y, const double *x, size_t n, bool log) {
    double m = -INFINITY, s = 0;
    for (size_t i = 0; i < n; i++) m = x[i] > m ? x[i] : m;
    for (size_t i = 0; i < n; i++) s += num_exp_f64(x[i] - m);
    double log_s = num_log_f64(s);
    for (size_t i = 0; i < n; i++)
        y[i] = log ? (x[i] - m) - log_s : m == -INFINITY ? 0 : num_exp_f64(x[i] - m) / s;
}

typedef struct {
    const tensor *in;
    tensor *out;
    eval_axis axis;
    bool log;
} softmax_job;

static void softmax_lines(void *ctx, size_t begin, size_t end) {
    const softmax_job *j = ctx;
    size_t n = j->axis.n, inner = j->axis.inner;
    bool wide = j->in->type == ELEM_f64;
    float *x = base_alloc(n * sizeof(double) + 1), *y = base_alloc(n * sizeof(double) + 1);
    for (size_t line = begin; line < end; line++) {
        size_t at = line / inner * n * inner + line % inner;
        if (wide) {
            double *xd = (double *)x, *yd = (double *)y;
            for (size_t k = 0; k < n; k++)
                xd[k] = elem_load_f64(ELEM_f64, j->in->data, at + k * inner);
            softmax_row_f64(yd, xd, n, j->log);
            for (size_t k = 0; k < n; k++)
                elem_store_f64(ELEM_f64, j->out->data, at + k * inner, yd[k]);
            continue;
        }
        const float *row = x;
        if (inner == 1)
            row = eval_load(j->in, at, n, ELEM_f32, x);
        else
            for (size_t k = 0; k < n; k++)
                x[k] = (float)elem_load_f64(j->in->type, j->in->data, at + k * inner);
        if (j->log)
            row_log_softmax(y, row, n);
        else
            row_softmax(y, row, n);
        if (inner == 1)
            eval_store(j->out, at, n, ELEM_f32, y);
        else
            for (size_t k = 0; k < n; k++)
                elem_store_f64(j->out->type, j->out->data, at + k * inner, (double)y[k]);
    }
    free(x);
    free(y);
}

static bool softmax(ir_eval_ctx *c, const ir_op *op, const tensor *in, tensor *out, bool log) {
    int axis;
    if (!eval_axis_attr(c, op, in->rank, in->rank - 1, &axis)) return false;
    if (!tensor_same_shape(in, out))
        return eval_fail(c, op, DIAG_ID_eval_operand, "operand and result differ in shape");
    softmax_job j = {in, out, eval_axis_of(in, axis), log};
    size_t lines = j.axis.outer * j.axis.inner, grain = 4096 / (j.axis.n + 1) + 1;
    parallel_for(c->threads, lines, grain, softmax_lines, &j);
    return true;
}
bool ir_eval_t_softmax(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    return softmax(c, op, in[0], out, false);
}
bool ir_eval_t_log_softmax(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    return softmax(c, op, in[0], out, true);
}
