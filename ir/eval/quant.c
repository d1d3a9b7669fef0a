// Quantisation: ONNX's QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear, and nn.quant.
#include "ir/eval/eval.h"
#include "ir/kernel/q8.h"
#include "support/num/num.h"
#include "support/parallel.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Scale and zero point of each element of x: element e uses entry (e / inner) % count.
typedef struct {
    eval_view scale; // f32
    eval_view zero;  // i64; no data: none
    size_t count, inner;
} quant_params;

static bool quant_params_load(const ir_eval_ctx *c, const ir_op *op, const tensor *const *in,
                              quant_params *p) {
    const tensor *x = in[0], *scale = in[1], *zero = op->n_operands > 2 ? in[2] : NULL;
    *p = (quant_params){.count = tensor_count(scale), .inner = 1};
    if (zero && tensor_count(zero) != p->count)
        return eval_fail(c, op, DIAG_ID_eval_operand, "%zu scales and %zu zero points", p->count,
                         tensor_count(zero));
    if (p->count != 1) {
        int axis;
        if (!eval_axis_attr(c, op, x->rank, x->rank > 1 ? 1 : 0, &axis)) return false;
        eval_axis a = eval_axis_of(x, axis);
        p->inner = a.inner;
        if (a.n != p->count)
            return eval_fail(c, op, DIAG_ID_eval_operand, "%zu scales for axis %d of size %zu",
                             p->count, axis, a.n);
    }
    p->scale = eval_view_as(scale, ELEM_f32);
    if (zero) p->zero = eval_view_as(zero, ELEM_i64);
    return true;
}

static void quant_params_free(quant_params *p) {
    eval_view_free(&p->scale);
    eval_view_free(&p->zero);
}

static bool code_range(elem e, int64_t *lo, int64_t *hi) {
    switch (e) {
    case ELEM_i8: *lo = INT8_MIN, *hi = INT8_MAX; return true;
    case ELEM_u8: *lo = 0, *hi = UINT8_MAX; return true;
    case ELEM_i16: *lo = INT16_MIN, *hi = INT16_MAX; return true;
    case ELEM_u16: *lo = 0, *hi = UINT16_MAX; return true;
    case ELEM_i32: *lo = INT32_MIN, *hi = INT32_MAX; return true;
    default: return false;
    }
}

// NaN gives the zero point.
static int64_t code_of(float x, float scale, int64_t zero, int64_t lo, int64_t hi) {
    float q = num_rint(x / scale);
    if (q != q) q = 0;
    double code = (double)q + (double)zero;
    return code < (double)lo ? lo : code > (double)hi ? hi : (int64_t)code;
}

bool ir_eval_t_quantize(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    quant_params p;
    int64_t lo, hi;
    if (!code_range(out->type, &lo, &hi))
        return eval_fail(c, op, DIAG_ID_eval_operand, "codes of type %s", elem_name(out->type));
    if (tensor_count(out) != tensor_count(in[0]))
        return eval_fail(c, op, DIAG_ID_eval_operand, "operand and result differ in size");
    if (!quant_params_load(c, op, in, &p)) return false;
    eval_view x = eval_view_as(in[0], ELEM_f32);
    const float *v = x.data, *scale = p.scale.data;
    const int64_t *zero = p.zero.data;
    for (size_t i = 0, n = tensor_count(in[0]); i < n; i++) {
        size_t e = i / p.inner % p.count;
        elem_store_i64(out->type, out->data, i,
                       code_of(v[i], scale[e], zero ? zero[e] : 0, lo, hi));
    }
    eval_view_free(&x);
    quant_params_free(&p);
    return true;
}

bool ir_eval_t_dequantize(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    quant_params p;
    if (tensor_count(out) != tensor_count(in[0]))
        return eval_fail(c, op, DIAG_ID_eval_operand, "operand and result differ in size");
    if (!quant_params_load(c, op, in, &p)) return false;
    eval_view x = eval_view_as(in[0], ELEM_i64);
    const int64_t *v = x.data, *zero = p.zero.data;
    const float *scale = p.scale.data;
    for (size_t i = 0, n = tensor_count(in[0]); i < n; i++) {
        size_t e = i / p.inner % p.count;
        float y = (float)(v[i] - (zero ? zero[e] : 0)) * scale[e];
        elem_store_f64(out->type, out->data, i, (double)y);
    }
    eval_view_free(&x);
    quant_params_free(&p);
    return true;
}

bool ir_eval_t_dynquant(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    const tensor *x = in[0];
    bool by_row = IR_WORD(&op->attrs, gran, granularity, GRAN_TENSOR) == IR_GRAN_ROW;
    size_t n = tensor_count(x), width = n;
    if (by_row && x->rank > 0) width = (size_t)x->dim[x->rank - 1];
    size_t rows = width ? n / width : 0;
    if (!by_row) rows = 1;
    if (tensor_count(&out[0]) != n || tensor_count(&out[1]) != rows ||
        tensor_count(&out[2]) != rows || out[0].type != ELEM_u8)
        return eval_fail(c, op, DIAG_ID_eval_operand, "the results' shapes do not fit");
    eval_view v = eval_view_as(x, ELEM_f32);
    uint8_t *codes = out[0].data;
    for (size_t r = 0; r < rows; r++) {
        q8_trailer t;
        uint8_t *row = codes + r * width;
        static const q8_form bytes = {.mode = IR_QUANT_ASYM, .bits = 8};
        q8_quantise((int8_t *)row, &t, (const float *)v.data + r * width, width, &bytes);
        for (size_t i = 0; i < width; i++) row[i] = t.scale == 0 ? 0 : (uint8_t)(row[i] + 128);
        elem_store_f64(out[1].type, out[1].data, r, (double)t.scale);
        elem_store_i64(out[2].type, out[2].data, r, t.zero + 128);
    }
    eval_view_free(&v);
    return true;
}

typedef struct {
    const tensor *x, *most; // most: NULL, or the largest |element| of each row that x is part of
    tensor *out;
    q8_form form;
} quant_job;

static void quant_rows(void *ctx, size_t begin, size_t end) {
    const quant_job *j = ctx;
    size_t width = q8_width(j->out);
    float *buffer = base_alloc(width * sizeof *buffer + 1);
    for (size_t r = begin; r < end; r++) {
        const float *x = eval_load(j->x, r * width, width, ELEM_f32, buffer);
        if (j->most)
            eval_row_store_within(j->out, r, x, j->form.bits, j->most);
        else
            q8_quantise(q8_codes(j->out, r), q8_trailer_of(j->out, r), x, width, &j->form);
    }
    free(buffer);
}

bool ir_eval_nn_quant(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    quant_job j = {.x = in[0], .out = out, .most = op->n_operands > 1 ? in[1] : NULL};
    int mode;
    if (!eval_word(c, op, IR_ATTR_mode, IR_ENUM_quantisation, IR_QUANT_SYM, &mode)) return false;
    j.form = q8_form_of((ir_quantisation)mode, &op->attrs);
    if (out->type != ELEM_q8 || tensor_count(in[0]) != tensor_count(out))
        return eval_fail(c, op, DIAG_ID_eval_operand,
                         "the result is not q8 of the operand's shape");
    if (j.most && tensor_count(j.most) != q8_rows(out))
        return eval_fail(c, op, DIAG_ID_eval_operand, "the largest are not one number a row");
    parallel_for(c->threads, q8_rows(out), 16, quant_rows, &j);
    return true;
}
