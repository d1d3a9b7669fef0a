// t.matmul, t.matmul_int and t.conv on the blocked product.
#include "ir/eval/eval.h"
#include "ir/kernel/product.h"
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = PRODUCT_COLUMNS };

// ---- batched products of two tensors -----------------------------------------------------------

typedef struct {
    const tensor *a, *b;
    tensor *out;
    size_t k, n;
    size_t a_at, b_at, out_at; // first element of this batch's matrices
    const double *zero_a;      // per row of a, or NULL
    const double *zero_b;      // per column of b, or NULL
    bool wraps;                // integers: the sum is exact (up to 2^53), the result its low bits
} matmul_job;

static void matmul_rows(const void *ctx, size_t m0, size_t m1, double *a) {
    const matmul_job *j = ctx;
    elem_convert(ELEM_f64, a, j->a->type,
                 (const char *)j->a->data + (j->a_at + m0 * j->k) * elem_bytes(j->a->type),
                 (m1 - m0) * j->k);
    if (!j->zero_a) return;
    for (size_t i = m0; i < m1; i++)
        for (size_t k = 0; k < j->k; k++) a[(i - m0) * j->k + k] -= j->zero_a[i];
}

static void matmul_panel(const void *ctx, size_t k0, size_t k1, size_t n0, size_t n1, double *w) {
    const matmul_job *j = ctx;
    size_t bytes = elem_bytes(j->b->type);
    const char *b = (const char *)j->b->data + j->b_at * bytes;
    if (j->b->type == ELEM_f32) {
        product_panel_f32(b, j->n, false, k0, k1, n0, n1, w);
        return;
    }
    for (size_t k = k0; k < k1; k++) {
        double *row = w + (k - k0) * COLUMNS;
        elem_convert(ELEM_f64, row, j->b->type, b + (k * j->n + n0) * bytes, n1 - n0);
        for (size_t c = n0; j->zero_b && c < n1; c++) row[c - n0] -= j->zero_b[c];
    }
}

static bool matmul_pack(const void *ctx, size_t k0, size_t k1, size_t n0, size_t n1, float *w) {
    const matmul_job *j = ctx;
    product_pack_f32((const char *)j->b->data + j->b_at * sizeof(float), j->n, false, k0, k1, n0,
                     n1, w);
    return true;
}

static void matmul_finish(const void *ctx, size_t m0, size_t m1, size_t n0, size_t n1,
                          const double *sum) {
    const matmul_job *j = ctx;
    for (size_t i = m0; i < m1; i++) {
        const double *row = sum + (i - m0) * COLUMNS;
        size_t at = j->out_at + i * j->n + n0;
        if (j->out->type == ELEM_f32) {
            float *y = (float *)j->out->data + at;
            for (size_t c = 0; c < n1 - n0; c++) y[c] = (float)row[c];
        } else if (j->wraps) {
            int64_t exact[COLUMNS];
            for (size_t c = 0; c < n1 - n0; c++) exact[c] = (int64_t)row[c];
            eval_store(j->out, at, n1 - n0, ELEM_i64, exact);
        } else {
            eval_store(j->out, at, n1 - n0, ELEM_f64, row);
        }
    }
}

// Integers whose products do not fit a double: m rows in 64 bits that wrap.
static void wide_product(const matmul_job *j, size_t m) {
    int64_t *a = base_alloc((j->k + 1) * sizeof *a), *b = base_alloc((j->n + 1) * sizeof *b);
    uint64_t *sum = base_alloc((j->n + 1) * sizeof *sum);
    size_t bytes = elem_bytes(j->a->type);
    for (size_t i = 0; i < m; i++) {
        elem_convert(ELEM_i64, a, j->a->type,
                     (const char *)j->a->data + (j->a_at + i * j->k) * bytes, j->k);
        memset(sum, 0, j->n * sizeof *sum);
        for (size_t k = 0; k < j->k; k++) {
            elem_convert(ELEM_i64, b, j->b->type,
                         (const char *)j->b->data + (j->b_at + k * j->n) * bytes, j->n);
            for (size_t n = 0; n < j->n; n++) sum[n] += (uint64_t)a[k] * (uint64_t)b[n];
        }
        for (size_t n = 0; n < j->n; n++) b[n] = (int64_t)sum[n];
        eval_store(j->out, j->out_at + i * j->n, j->n, ELEM_i64, b);
    }
    free(a);
    free(b);
    free(sum);
}

// Runs the job over all batches; vectors on either side become matrices.
static bool matmul_batches(ir_eval_ctx *c, const ir_op *op, matmul_job *j) {
    int ra = j->a->rank, rb = j->b->rank;
    if (ra == 0 || rb == 0) return eval_fail(c, op, DIAG_ID_eval_operand, "an operand is a scalar");
    int64_t m = ra > 1 ? j->a->dim[ra - 2] : 1, k = j->a->dim[ra - 1];
    int64_t kb = rb > 1 ? j->b->dim[rb - 2] : j->b->dim[0], n = rb > 1 ? j->b->dim[rb - 1] : 1;
    int batch = ra > rb ? ra - 2 : rb - 2;
    if (batch < 0) batch = 0;
    int64_t dim[IR_MAX_RANK], stride_a[IR_MAX_RANK], stride_b[IR_MAX_RANK];
    int64_t sa = m * k, sb = kb * n;
    size_t batches = 1;
    bool fits = k == kb;
    for (int i = batch - 1; fits && i >= 0; i--) {
        int ia = i - (batch - (ra - 2)), ib = i - (batch - (rb - 2));
        int64_t da = ra > 2 && ia >= 0 ? j->a->dim[ia] : 1,
                db = rb > 2 && ib >= 0 ? j->b->dim[ib] : 1;
        fits = da == db || da == 1 || db == 1;
        dim[i] = da == 1 ? db : da;
        stride_a[i] = da == 1 ? 0 : sa;
        stride_b[i] = db == 1 ? 0 : sb;
        sa *= da;
        sb *= db;
        batches *= (size_t)dim[i];
    }
    if (!fits || batches * (size_t)(m * n) != tensor_count(j->out))
        return eval_fail(c, op, DIAG_ID_eval_operand,
                         "[..., %lld,%lld] times [..., %lld,%lld] gives no such result",
                         (long long)m, (long long)k, (long long)kb, (long long)n);
    j->k = (size_t)k;
    j->n = (size_t)n;
    // A right operand that all batches share makes one tall product of them.
    bool shared = j->zero_a == NULL;
    for (int i = 0; i < batch; i++) shared = shared && stride_b[i] == 0;
    const bool floats = j->a->type == ELEM_f32 && j->b->type == ELEM_f32;
    if (shared && batches * (size_t)(m * k) == tensor_count(j->a)) {
        m *= (int64_t)batches;
        batches = batches ? 1 : 0;
    }
    for (size_t b = 0; b < batches; b++) {
        size_t rest = b;
        j->a_at = j->b_at = 0;
        for (int i = batch - 1; i >= 0; i--) {
            j->a_at += rest % (size_t)dim[i] * (size_t)stride_a[i];
            j->b_at += rest % (size_t)dim[i] * (size_t)stride_b[i];
            rest /= (size_t)dim[i];
        }
        j->out_at = b * (size_t)(m * n);
        if (j->wraps && elem_bytes(j->a->type) > 2) {
            wide_product(j, (size_t)m);
            continue;
        }
        product p = {.m = (size_t)m,
                     .k = j->k,
                     .n = j->n,
                     .ctx = j,
                     .rows = matmul_rows,
                     .panel = matmul_panel,
                     .finish = matmul_finish,
                     .left = j->zero_a ? NULL : eval_floats(j->a, j->a_at),
                     .narrow = floats,
                     .quick = c->quick && floats,
                     .pack = matmul_pack,
                     .store = shared && eval_is_constant(c, op, 1) ? c->store : NULL,
                     .matrix = j->b->data};
        product_run(&p, c->threads);
    }
    return true;
}

bool ir_eval_t_matmul(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    matmul_job j = {.a = in[0], .b = in[1], .out = out, .wraps = eval_wide(out->type) == ELEM_i64};
    return matmul_batches(c, op, &j);
}

// Zero points of an operand as doubles, one for each of n rows or columns; NULL: reported.
static double *zero_points(const ir_eval_ctx *c, const ir_op *op, const tensor *zero, size_t n) {
    size_t count = tensor_count(zero);
    if (count != 1 && count != n) {
        eval_fail(c, op, DIAG_ID_eval_operand, "%zu zero points, expected 1 or %zu", count, n);
        return NULL;
    }
    double *z = base_alloc(n * sizeof *z + 1);
    for (size_t i = 0; i < n; i++) z[i] = elem_load_f64(zero->type, zero->data, count == 1 ? 0 : i);
    return z;
}

bool ir_eval_t_matmul_int(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    const tensor *a = in[0], *b = in[1];
    const tensor *zero_a = op->n_operands > 2 ? in[2] : NULL;
    const tensor *zero_b = op->n_operands > 3 ? in[3] : NULL;
    matmul_job j = {.a = a, .b = b, .out = out, .wraps = true};
    double *za = NULL, *zb = NULL;
    bool ok = true;
    if (zero_a) {
        za = zero_points(c, op, zero_a, a->rank > 1 ? (size_t)a->dim[a->rank - 2] : 1);
        ok = za != NULL;
    }
    if (ok && zero_b) {
        zb = zero_points(c, op, zero_b, b->rank > 1 ? (size_t)b->dim[b->rank - 1] : 1);
        ok = zb != NULL;
    }
    j.zero_a = za;
    j.zero_b = zb;
    ok = ok && matmul_batches(c, op, &j);
    free(za);
    free(zb);
    return ok;
}

// ---- convolution -------------------------------------------------------------------------------
// y[b][m][p] = bias[m] + sum over channel, then kernel position, of x * w: a product of the patches
// [positions][C/g * kernel] with the transposed filters, group by group.

enum { MAX_SPATIAL = 3 };

typedef struct {
    const tensor *x, *w, *bias;
    tensor *out;
    int spatial;
    int64_t size[MAX_SPATIAL], result[MAX_SPATIAL], kernel[MAX_SPATIAL];
    const int64_t *stride, *dilation, *pad;
    int64_t channels, filters; // of a group
    int64_t positions;         // of the result
    int64_t kernel_size;       // product of kernel[]
    size_t image, group, groups;
} conv_job;

static void conv_rows(const void *ctx, size_t m0, size_t m1, double *a) {
    const conv_job *j = ctx;
    int64_t pixels = 1;
    for (int s = 0; s < j->spatial; s++) pixels *= j->size[s];
    size_t first = (j->image * j->groups + j->group) * (size_t)(j->channels * pixels);
    for (size_t i = m0; i < m1; i++) {
        for (int64_t q = 0; q < j->kernel_size; q++) { // where kernel position q lies, or -1
            int64_t at = 0, plane = 1, p = (int64_t)i, rest = q;
            for (int s = j->spatial - 1; s >= 0; s--) {
                int64_t o = p % j->result[s], r = rest % j->kernel[s];
                int64_t y = o * j->stride[s] + r * j->dilation[s] - j->pad[s];
                p /= j->result[s];
                rest /= j->kernel[s];
                at = at < 0 || y < 0 || y >= j->size[s] ? -1 : at + y * plane;
                plane *= j->size[s];
            }
            for (int64_t ch = 0; ch < j->channels; ch++)
                a[ch * j->kernel_size + q] =
                    at < 0
                        ? 0
                        : elem_load_f64(j->x->type, j->x->data, first + (size_t)(ch * pixels + at));
        }
        a += j->channels * j->kernel_size;
    }
}

static void conv_panel(const void *ctx, size_t k0, size_t k1, size_t n0, size_t n1, double *w) {
    const conv_job *j = ctx;
    size_t k = (size_t)(j->channels * j->kernel_size);
    for (size_t f = n0; f < n1; f++) {
        size_t at = (j->group * (size_t)j->filters + f) * k;
        for (size_t i = k0; i < k1; i++)
            w[(i - k0) * COLUMNS + f - n0] = elem_load_f64(j->w->type, j->w->data, at + i);
    }
}

static void conv_finish(const void *ctx, size_t m0, size_t m1, size_t n0, size_t n1,
                        const double *sum) {
    const conv_job *j = ctx;
    for (size_t f = n0; f < n1; f++) {
        size_t filter = j->group * (size_t)j->filters + f;
        double bias = j->bias ? elem_load_f64(j->bias->type, j->bias->data, filter) : 0;
        size_t at = (j->image * j->groups * (size_t)j->filters + filter) * (size_t)j->positions;
        for (size_t i = m0; i < m1; i++)
            elem_store_f64(j->out->type, j->out->data, at + i,
                           sum[(i - m0) * COLUMNS + f - n0] + bias);
    }
}

bool ir_eval_t_conv(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    const tensor *x = in[0], *w = in[1];
    int spatial = x->rank - 2;
    if (spatial < 1 || spatial > MAX_SPATIAL || w->rank != x->rank || out->rank != x->rank)
        return eval_fail(c, op, DIAG_ID_eval_operand, "a convolution over %d spatial axes",
                         spatial);
    conv_job j = {.x = x, .w = w, .out = out, .spatial = spatial, .positions = 1, .kernel_size = 1};
    j.bias = op->n_operands > 2 ? in[2] : NULL;
    j.stride = eval_ints_attr(c, op, IR_ATTR_strides, (size_t)spatial);
    j.dilation = eval_ints_attr(c, op, IR_ATTR_dilations, (size_t)spatial);
    j.pad = eval_ints_attr(c, op, IR_ATTR_pads, 2 * (size_t)spatial);
    int64_t groups = ir_attr_int(&op->attrs, IR_ATTR_groups, 1);
    if (!j.stride || !j.dilation || !j.pad) return false;
    j.channels = w->dim[1];
    if (groups < 1 || w->dim[0] % groups != 0 || x->dim[1] != j.channels * groups ||
        out->dim[0] != x->dim[0] || out->dim[1] != w->dim[0] ||
        (j.bias && tensor_count(j.bias) != (size_t)w->dim[0]))
        return eval_fail(c, op, DIAG_ID_eval_operand, "channels, filters and groups do not fit");
    j.groups = (size_t)groups;
    j.filters = w->dim[0] / groups;
    for (int s = 0; s < spatial; s++) {
        j.size[s] = x->dim[2 + s];
        j.kernel[s] = w->dim[2 + s];
        j.result[s] = out->dim[2 + s];
        j.positions *= j.result[s];
        j.kernel_size *= j.kernel[s];
    }
    for (j.image = 0; j.image < (size_t)x->dim[0]; j.image++) {
        for (j.group = 0; j.group < j.groups; j.group++) {
            product p = {.m = (size_t)j.positions,
                         .k = (size_t)(j.channels * j.kernel_size),
                         .n = (size_t)j.filters,
                         .ctx = &j,
                         .rows = conv_rows,
                         .panel = conv_panel,
                         .finish = conv_finish,
                         .narrow = x->type == ELEM_f32 && w->type == ELEM_f32};
            product_run(&p, c->threads);
        }
    }
    return true;
}
