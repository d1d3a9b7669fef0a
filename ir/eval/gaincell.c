// nn.gaincell on plain tensors: heads of a whole sequence from its start.
#include "ir/eval/eval.h"
#include "ir/kernel/charge.h"
#include "support/parallel.h"
#include <stdlib.h>

typedef struct {
    charge_unit unit;
    int64_t heads, rows, d, window;
    const float *x[3];     // q, k, v [B,H,T,d]
    const float *scale[8]; // a_q b_q a_k b_k a_v b_v a_o b_o [H]
    float *out;
} gaincell_job;

static void heads_range(void *ctx, size_t begin, size_t end) {
    const gaincell_job *j = ctx;
    size_t d = (size_t)j->d, n = (size_t)j->rows * d;
    double *k = base_alloc((2 * n + d + 1) * sizeof *k), *v = k + n, *q = v + n;
    for (size_t bh = begin; bh < end; bh++) {
        size_t h = bh % (size_t)j->heads;
        for (size_t i = 0; i < n; i++) {
            k[i] = charge_store(&j->unit, j->scale[2][h], j->scale[3][h], j->x[1][bh * n + i]);
            v[i] = charge_store(&j->unit, j->scale[4][h], j->scale[5][h], j->x[2][bh * n + i]);
        }
        for (int64_t t = 0; t < j->rows; t++) {
            for (size_t c = 0; c < d; c++)
                q[c] = charge_pulse(&j->unit, j->scale[0][h], j->scale[1][h],
                                    j->x[0][bh * n + (size_t)t * d + c]);
            int64_t first = max_i64(0, t - j->window + 1);
            charge_query query = {q, d, d, j->scale[6][h], j->scale[7][h], t};
            charge_memory memory = {.k = k + (size_t)first * d,
                                    .v = v + (size_t)first * d,
                                    .first = first,
                                    .n = t - first + 1};
            charge_attend(&j->unit, &query, &memory, j->out + bh * n + (size_t)t * d, NULL, NULL);
        }
    }
    free(k);
}

bool ir_eval_nn_gaincell(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    const tensor *q = in[0];
    char why[IR_RING_TEXT];
    ir_ring device;
    gaincell_job j = {.heads = q->dim[1],
                      .rows = q->dim[2],
                      .d = q->dim[3],
                      .window = ir_attr_int(&op->attrs, IR_ATTR_window, 0)};
    if (j.window < 1) return eval_fail(c, op, DIAG_ID_eval_operand, "'window' must be positive");
    if (!ir_ring_of_operation(&op->attrs, IR_READ_CHARGE, &device, why))
        return eval_fail(c, op, DIAG_ID_eval_operand, "%s", why);
    device.slots = j.window;
    j.unit = charge_unit_of(&device);
    eval_view view[11];
    for (size_t i = 0; i < ARRAY_LEN(view); i++) {
        view[i] = eval_view_as(in[i], ELEM_f32);
        *(i < 3 ? &j.x[i] : &j.scale[i - 3]) = view[i].data;
    }
    size_t count = tensor_count(out);
    float *y = out->type == ELEM_f32 ? out->data : base_alloc(count * sizeof *y + 1);
    j.out = y;
    parallel_for(c->threads, (size_t)(q->dim[0] * j.heads), 1, heads_range, &j);
    if (y != out->data) {
        eval_store(out, 0, count, ELEM_f32, y);
        free(y);
    }
    for (size_t i = 0; i < ARRAY_LEN(view); i++) eval_view_free(&view[i]);
    return true;
}
