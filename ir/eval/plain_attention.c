// nn.attention on plain tensors: what fuse recognises in a probe function, before rings exist.
#include "ir/eval/eval.h"
#include "ir/kernel/attend.h"
#include "ir/ring.h"
#include "support/parallel.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    int64_t batch, heads, kv_heads, rows, keys, d, dv;
    bool causal;
    int64_t window;          // 0: all
    attend_head head;        // as all heads have it
    const float *sink;       // [H], or NULL
    const float *q, *kt, *v; // q [B,H,T,d]; kt [B,Hk,d,S]; v [B,Hk,S,dv]
    const float *bias;       // float mask, or NULL
    const uint8_t *valid;    // bool mask, or NULL
    int64_t mask_stride[4];  // of either, 0 where it broadcasts
    float *out;              // [B,H,T,dv]
} attention_job;

static void attention_rows(void *ctx, size_t begin, size_t end) {
    const attention_job *j = ctx;
    float *s = base_alloc(2 * (size_t)(j->keys + 1) * sizeof *s), *bias = s + j->keys + 1;
    uint8_t *valid = base_alloc((size_t)j->keys + 1);
    for (size_t i = begin; i < end; i++) {
        int64_t t = (int64_t)i % j->rows, bh = (int64_t)i / j->rows;
        int64_t h = bh % j->heads, b = bh / j->heads;
        int64_t kv = b * j->kv_heads + h / (j->heads / j->kv_heads);
        // Row t stands at key index S - T + t.
        int64_t self = j->keys - j->rows + t, lo = 0, hi = j->causal ? self + 1 : j->keys;
        if (j->window > 0) lo = max_i64(0, self - j->window + 1);
        hi = max_i64(lo, min_i64(hi, j->keys));
        attend_head head = j->head;
        head.kt = j->kt + kv * j->d * j->keys;
        head.v = j->v + kv * j->keys * j->dv;
        head.sink = j->sink ? j->sink + h : NULL;
        int64_t mask = b * j->mask_stride[0] + h * j->mask_stride[1] + t * j->mask_stride[2];
        for (int64_t k = lo; k < hi; k++) {
            if (j->bias) bias[k - lo] = j->bias[mask + k * j->mask_stride[3]];
            if (j->valid) valid[k - lo] = j->valid[mask + k * j->mask_stride[3]];
        }
        const uint8_t *visible = j->valid ? valid : NULL;
        size_t n = (size_t)(hi - lo), from = (size_t)lo;
        attend_scores(s, j->q + (int64_t)i * j->d, &head, from, n, j->bias ? bias : NULL);
        attend_activate(s, &head, n, visible);
        attend_mix(j->out + (int64_t)i * j->dv, s, &head, from, n, visible);
    }
    free(valid);
    free(s);
}

static bool mask_strides(attention_job *j, const tensor *mask) {
    const int64_t dim[4] = {j->batch, j->heads, j->rows, j->keys};
    int64_t s = 1;
    if (mask->rank > 4) return false;
    for (int i = 0; i < mask->rank; i++) {
        int64_t d = mask->dim[mask->rank - 1 - i];
        if (d != 1 && d != dim[3 - i]) return false;
        j->mask_stride[3 - i] = d == 1 ? 0 : s;
        s *= d;
    }
    return true;
}

bool ir_eval_nn_attention(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    const tensor *q = in[0], *k = in[1], *v = in[2], *mask = op->n_operands > 3 ? in[3] : NULL;
    const tensor *sink = op->n_operands > 4 ? in[4] : NULL;
    char text[IR_RING_TEXT];
    ir_ring how;
    if (!ir_ring_read(&op->attrs, &how, text))
        return eval_fail(c, op, DIAG_ID_eval_operand, "%s", text);
    if (q->rank != 4 || k->rank != 4 || v->rank != 4)
        return eval_fail(c, op, DIAG_ID_eval_operand, "q, k and v must have rank 4");
    attention_job j = {.batch = q->dim[0],
                       .heads = q->dim[1],
                       .kv_heads = k->dim[1],
                       .rows = q->dim[2],
                       .keys = k->dim[2],
                       .d = q->dim[3],
                       .dv = v->dim[3],
                       .causal = ir_attr_int(&op->attrs, IR_ATTR_causal, 0) != 0,
                       .window = how.window};
    j.head = (attend_head){
        .ld_k = (size_t)j.keys,
        .d = (size_t)j.d,
        .dv = (size_t)j.dv,
        .scale = (float)how.scale,
        .softcap = (float)how.softcap,
        .hard = ir_ring_is_hard(&how),
        .quick = c->quick,
        .alpha = (float)how.alpha,
        .beta = (float)how.beta,
    };
    int64_t groups = j.batch * j.kv_heads;
    if (j.kv_heads < 1 || j.heads % j.kv_heads != 0 || k->dim[0] != j.batch || k->dim[3] != j.d ||
        tensor_count(v) != (size_t)(groups * j.keys * j.dv) ||
        tensor_count(out) != (size_t)(j.batch * j.heads * j.rows * j.dv))
        return eval_fail(c, op, DIAG_ID_eval_operand, "q, k and v do not fit each other");
    if (sink && tensor_count(sink) != (size_t)j.heads)
        return eval_fail(c, op, DIAG_ID_eval_operand, "the sink must have one score a head");
    if (mask && !mask_strides(&j, mask))
        return eval_fail(c, op, DIAG_ID_eval_operand, "the mask does not broadcast to the scores");
    eval_view qv = eval_view_as(q, ELEM_f32), kv = eval_view_as(k, ELEM_f32),
              vv = eval_view_as(v, ELEM_f32), mv = {0}, sv = {0};
    if (sink) sv = eval_view_as(sink, ELEM_f32);
    j.sink = sv.data;
    if (mask) mv = eval_view_as(mask, mask->type == ELEM_bool ? ELEM_bool : ELEM_f32);
    if (mask && mask->type == ELEM_bool)
        j.valid = mv.data;
    else
        j.bias = mv.data;
    float *kt = base_alloc(tensor_count(k) * sizeof *kt + 1);
    for (int64_t g = 0; g < groups; g++)
        for (int64_t s = 0; s < j.keys; s++)
            for (int64_t i = 0; i < j.d; i++)
                kt[(g * j.d + i) * j.keys + s] =
                    ((const float *)kv.data)[(g * j.keys + s) * j.d + i];
    float *y = out->type == ELEM_f32 ? out->data : base_calloc(tensor_count(out) + 1, sizeof *y);
    j.q = qv.data;
    j.kt = kt;
    j.v = vv.data;
    j.out = y;
    size_t work = (size_t)((j.d + j.dv) * j.keys) + 1;
    parallel_for(c->threads, (size_t)(j.batch * j.heads * j.rows), 1 + 400000 / work,
                 attention_rows, &j);
    if (y != out->data) {
        eval_store(out, 0, tensor_count(out), ELEM_f32, y);
        free(y);
    }
    free(kt);
    eval_view_free(&qv);
    eval_view_free(&kv);
    eval_view_free(&vv);
    eval_view_free(&mv);
    eval_view_free(&sv);
    return true;
}
