// Windows over images: pooling as shifted slices combined, resizing as one constant matrix an axis.
#include "frontend/import.h"
#include <math.h>

#define MAX_WINDOW 4096

// ---- pooling
// -------------------------------------------------------------------------------------

typedef struct {
    int spatial;
    int64_t k[IR_MAX_RANK], stride[IR_MAX_RANK], dilation[IR_MAX_RANK], out[IR_MAX_RANK];
    int64_t before[IR_MAX_RANK], after[IR_MAX_RANK]; // padding asked for
} pool;

static bool read_pool(onnx_call *c, const ir_type *x, pool *p) {
    size_t n, ns, nd, np;
    const int64_t *k = onnx_attr_is(c, "kernel_shape", &n), *s = onnx_attr_is(c, "strides", &ns);
    const int64_t *d = onnx_attr_is(c, "dilations", &nd), *pads = onnx_attr_is(c, "pads", &np);
    const char *how = onnx_attr_s(c, "auto_pad", "NOTSET");
    bool same = !strncmp(how, "SAME", 4), ceil_mode = onnx_attr_i(c, "ceil_mode", 0) != 0;
    p->spatial = x->rank - 2;
    if (p->spatial < 1 || !k || (int)n != p->spatial || (s && ns != n) || (d && nd != n) ||
        (pads && np != 2 * n))
        return onnx_missing(c, "its sizes do not fit");
    for (size_t i = 0; i < n; i++) {
        int64_t in = x->dim[i + 2];
        p->k[i] = k[i];
        p->stride[i] = s ? s[i] : 1;
        p->dilation[i] = d ? d[i] : 1;
        p->before[i] = pads && !same ? pads[i] : 0;
        p->after[i] = pads && !same ? pads[i + n] : 0;
        if (k[i] < 1 || k[i] > MAX_WINDOW || p->stride[i] < 1 || p->dilation[i] < 1 ||
            p->stride[i] > 1 << 20 || p->dilation[i] > 1 << 20 || p->before[i] > 1 << 30 ||
            p->after[i] > 1 << 30 || p->before[i] < 0 || p->after[i] < 0)
            return onnx_missing(c, "its sizes do not fit");
        int64_t reach = (k[i] - 1) * p->dilation[i] + 1;
        if (same) {
            p->out[i] = ceil_div_i64(in, p->stride[i]);
            int64_t total = max_i64(0, (p->out[i] - 1) * p->stride[i] + reach - in);
            p->before[i] = !strcmp(how, "SAME_LOWER") ? total - total / 2 : total / 2;
            p->after[i] = total - p->before[i];
            continue;
        }
        int64_t room = in + p->before[i] + p->after[i] - reach;
        if (room < 0) return onnx_missing(c, "the window is larger than the image");
        p->out[i] = (ceil_mode ? ceil_div_i64(room, p->stride[i]) : room / p->stride[i]) + 1;
        if (ceil_mode && (p->out[i] - 1) * p->stride[i] >= in + p->before[i]) p->out[i]--;
    }
    return true;
}

// The shifts of x under the window along one axis, combined by `code`; then the next axis.
static ir_val combine(onnx_call *c, ir_val x, const pool *p, double fill, ir_opcode code) {
    ir_type t = onnx_type(c, x);
    int64_t pads[2 * IR_MAX_RANK] = {0};
    bool padded = false;
    for (int i = 0; i < p->spatial; i++) {
        int64_t need = (p->out[i] - 1) * p->stride[i] + (p->k[i] - 1) * p->dilation[i] + 1;
        pads[i + 2] = p->before[i];
        pads[i + 2 + t.rank] = max_i64(0, need - t.dim[i + 2] - p->before[i]);
        padded = padded || pads[i + 2] || pads[i + 2 + t.rank];
    }
    if (padded) {
        ir_attrs attrs = {0};
        ir_attr_set_ints(c->arena, &attrs, IR_ATTR_pads, pads, 2 * (size_t)t.rank);
        ir_attr_set_word(c->arena, &attrs, IR_ATTR_mode, IR_ENUM_padding, IR_PAD_CONSTANT);
        ir_attr_set_float(c->arena, &attrs, IR_ATTR_fill, fill);
        x = onnx_op(c, IR_t_pad, &x, 1, &attrs);
    }
    for (int i = 0; i < p->spatial && x != IR_NONE; i++) {
        int64_t starts[IR_MAX_RANK] = {0}, steps[IR_MAX_RANK];
        for (int k = 0; k < t.rank; k++) steps[k] = k == i + 2 ? p->stride[i] : 1;
        t = onnx_type(c, x);
        t.dim[i + 2] = p->out[i];
        ir_val y = IR_NONE;
        for (int64_t k = 0; k < p->k[i]; k++) {
            starts[i + 2] = k * p->dilation[i];
            ir_attrs attrs = {0};
            ir_attr_set_ints(c->arena, &attrs, IR_ATTR_starts, starts, (size_t)t.rank);
            ir_attr_set_ints(c->arena, &attrs, IR_ATTR_steps, steps, (size_t)t.rank);
            ir_val part = onnx_op_typed(c, IR_t_slice, &x, 1, &attrs, &t);
            y = k ? onnx_op2(c, code, y, part) : part;
        }
        x = y;
    }
    return x;
}

bool onnx_import_max_pool(onnx_call *c) {
    ir_type t = onnx_type(c, onnx_in(c, 0));
    pool p;
    if (onnx_wants(c, 1)) return onnx_missing(c, "its output of indices is not supported");
    if (!read_pool(c, &t, &p)) return false;
    double lowest = elem_is_float(t.type) ? -INFINITY : t.type == ELEM_i8 ? -128 : 0;
    return onnx_set(c, 0, combine(c, onnx_in(c, 0), &p, lowest, IR_t_max));
}

// Sum / number of elements counted, which differs at the borders.
bool onnx_import_average_pool(onnx_call *c) {
    ir_type t = onnx_type(c, onnx_in(c, 0));
    pool p;
    bool padding = onnx_attr_i(c, "count_include_pad", 0) != 0;
    if (!read_pool(c, &t, &p)) return false;
    int64_t dim[IR_MAX_RANK] = {1, 1};
    for (int i = 0; i < p.spatial; i++) dim[i + 2] = p.out[i];
    size_t n;
    if (!tensor_checked_count(dim, t.rank, 1 << 24, &n)) return onnx_missing(c, "it is too large");
    int64_t steps = 0;
    for (int i = 0; i < p.spatial; i++) steps += p.k[i];
    tensor counts;
    if (!onnx_make(c, ELEM_f32, t.rank, dim, &counts) ||
        !onnx_take(c, BUDGET_products, n * (uint64_t)steps))
        return false;
    for (size_t at = 0; at < n; at++) {
        int64_t product = 1;
        size_t rest = at;
        for (int i = p.spatial; i-- > 0; rest /= (size_t)p.out[i]) {
            int64_t from = (int64_t)(rest % (size_t)p.out[i]) * p.stride[i] - p.before[i];
            int64_t lo = padding ? -p.before[i] : 0;
            int64_t hi = t.dim[i + 2] + (padding ? p.after[i] : 0), count = 0;
            for (int64_t k = 0; k < p.k[i]; k++, from += p.dilation[i])
                count += from >= lo && from < hi;
            product *= count;
        }
        ((float *)counts.data)[at] = (float)product;
    }
    ir_val sum = combine(c, onnx_in(c, 0), &p, 0, IR_t_add);
    ir_val by = onnx_cast(c, onnx_tensor_const(c, NULL, counts), t.type);
    return onnx_set(c, 0, onnx_op2(c, IR_t_div, sum, by));
}

// ---- Resize
// --------------------------------------------------------------------------------------

typedef struct {
    const char *transform, *nearest;
    int mode; // 0 nearest, 1 linear, 2 cubic
    bool antialias, exclude_outside;
    double a; // of the cubic
    double scale, roi[2];
    int64_t in, out;
} resize;

// Where output element x lies in the input (ONNX Resize, coordinate_transformation_mode).
static bool source(onnx_call *c, const resize *r, int64_t x, double *at) {
    const char *how = r->transform;
    double wanted = r->scale * (double)r->in; // before rounding down
    if (!strcmp(how, "half_pixel"))
        *at = ((double)x + 0.5) / r->scale - 0.5;
    else if (!strcmp(how, "asymmetric"))
        *at = (double)x / r->scale;
    else if (!strcmp(how, "tf_half_pixel_for_nn")) // version 11
        *at = ((double)x + 0.5) / r->scale;
    else if (!strcmp(how, "pytorch_half_pixel"))
        *at = r->out == 1 ? -0.5 : ((double)x + 0.5) / r->scale - 0.5;
    else if (!strcmp(how, "align_corners"))
        *at = r->out == 1 ? 0 : (double)x * (double)(r->in - 1) / (wanted - 1);
    else if (!strcmp(how, "half_pixel_symmetric"))
        *at =
            (double)r->in / 2 * (1 - (double)r->out / wanted) + ((double)x + 0.5) / r->scale - 0.5;
    else if (!strcmp(how, "tf_crop_and_resize"))
        *at = r->out > 1
                  ? (r->roi[0] + (double)x * (r->roi[1] - r->roi[0]) / (double)(r->out - 1)) *
                        (double)(r->in - 1)
                  : (r->roi[0] + r->roi[1]) / 2 * (double)(r->in - 1);
    else
        return onnx_missing(c, "transformation '%s' is not supported", how);
    return fabs(*at) < 1e12 || onnx_missing(c, "its coordinates are no numbers of the image");
}

static bool nearest(onnx_call *c, const resize *r, double at, int64_t *index) {
    double v;
    if (!strcmp(r->nearest, "round_prefer_floor"))
        v = ceil(at - 0.5);
    else if (!strcmp(r->nearest, "round_prefer_ceil"))
        v = floor(at + 0.5);
    else if (!strcmp(r->nearest, "floor"))
        v = floor(at);
    else if (!strcmp(r->nearest, "ceil"))
        v = ceil(at);
    else
        return onnx_missing(c, "nearest mode '%s' is not supported", r->nearest);
    *index = v >= (double)(r->in - 1) ? r->in - 1 : v > 0 ? (int64_t)v : 0; // NaN: 0
    return true;
}

static double tap(const resize *r, double x) { // weight at distance x
    x = fabs(x);
    if (r->mode == 1) return x < 1 ? 1 - x : 0;
    if (x <= 1) return ((r->a + 2) * x - (r->a + 3)) * x * x + 1;
    return x < 2 ? ((r->a * x - 5 * r->a) * x + 8 * r->a) * x - 4 * r->a : 0;
}

// Row of the interpolation matrix: taps around `at`; what falls outside counts at the border.
static void weights(const resize *r, double at, float *row) {
    double scale = r->antialias && r->scale < 1 ? r->scale : 1, sum = 0, base = ceil(at) - 1;
    int64_t reach = (int64_t)-floor(-r->mode / scale), first = (int64_t)base - reach + 1;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = first; i < first + 2 * reach; i++) {
            double w = tap(r, ((double)i - at) * scale);
            if (r->exclude_outside && (i < 0 || i >= r->in)) continue;
            if (pass == 0)
                sum += w;
            else
                row[max_i64(0, min_i64(i, r->in - 1))] += (float)(w / sum);
        }
}

// x interpolated along `axis`; *inside: bool [out], which elements lie in the image.
static ir_val resize_axis(onnx_call *c, ir_val x, int axis, const resize *r, ir_val *inside) {
    ir_type t = onnx_type(c, x);
    if (x == IR_NONE || r->in < 1 || r->out < 1 || r->in > ONNX_MAX_LIST ||
        r->out > ONNX_MAX_LIST || r->in * r->out > 1 << 26) {
        onnx_missing(c, "its sizes are not supported");
        return IR_NONE;
    }
    int64_t *index = ONNX_LIST(c, int64_t, r->out);
    tensor w = {0}, in;
    if (!index || (r->mode && !onnx_make(c, ELEM_f32, 2, (int64_t[]){r->out, r->in}, &w)) ||
        !onnx_make(c, ELEM_bool, 1, &r->out, &in))
        return IR_NONE;
    for (int64_t i = 0; i < r->out; i++) {
        double at = 0;
        if (!source(c, r, i, &at)) return IR_NONE;
        ((uint8_t *)in.data)[i] = at >= 0 && at <= (double)(r->in - 1);
        if (r->mode)
            weights(r, at, (float *)w.data + i * r->in);
        else if (!nearest(c, r, at, &index[i]))
            return IR_NONE;
    }
    *inside = onnx_tensor_const(c, NULL, in);
    if (!r->mode) return onnx_gather(c, x, onnx_ints_const(c, index, (size_t)r->out), axis);
    int64_t perm[IR_MAX_RANK];
    for (int i = 0; i < t.rank; i++) perm[i] = i;
    perm[axis] = t.rank - 1;
    perm[t.rank - 1] = axis;
    ir_val m = onnx_cast(c, onnx_swap_last(c, onnx_tensor_const(c, NULL, w)), t.type);
    return onnx_transpose(c, onnx_op2(c, IR_t_matmul, onnx_transpose(c, x, perm), m), perm);
}

// Sizes and scales of the axes named; others keep 1.
static bool resize_sizes(onnx_call *c, const ir_type *t, const int64_t *axes, size_t n_axes,
                         double *scale, int64_t *size) {
    size_t at = c->opset < 11 ? 1 : 2, n;
    const char *policy = onnx_attr_s(c, "keep_aspect_ratio_policy", "stretch");
    const tensor *given = onnx_in(c, at) == IR_NONE ? NULL : onnx_need(c, onnx_in(c, at), "scales");
    if (c->why) return false;
    if (given && tensor_count(given)) {
        if (tensor_count(given) != n_axes) return onnx_missing(c, "its scales do not fit");
        for (size_t i = 0; i < n_axes; i++) {
            scale[axes[i]] = elem_load_f64(given->type, given->data, i);
            double wide = floor(scale[axes[i]] * (double)t->dim[axes[i]]);
            if (!(wide >= 0 && wide <= (double)ONNX_MAX_LIST))
                return onnx_missing(c, "its scales are not supported");
            size[axes[i]] = (int64_t)wide;
        }
        return true;
    }
    const int64_t *s = onnx_need_ints(c, onnx_in(c, 3), &n, "sizes");
    if (!s) return false;
    if (n != n_axes) return onnx_missing(c, "its sizes do not fit");
    double best = 0;
    for (size_t i = 0; i < n; i++) {
        if (t->dim[axes[i]] < 1 || s[i] < 1 || s[i] > ONNX_MAX_LIST)
            return onnx_missing(c, "its sizes are not supported");
        double f = (double)s[i] / (double)t->dim[axes[i]];
        if (i == 0 || (!strcmp(policy, "not_larger") ? f < best : f > best)) best = f;
    }
    for (size_t i = 0; i < n; i++) {
        size[axes[i]] = s[i];
        scale[axes[i]] = (double)s[i] / (double)t->dim[axes[i]];
        if (strcmp(policy, "stretch")) {
            scale[axes[i]] = best;
            if (!f64_to_i64(floor(best * (double)t->dim[axes[i]] + 0.5), 1, ONNX_MAX_LIST,
                            &size[axes[i]]))
                return onnx_missing(c, "its sizes are not supported");
        }
    }
    return true;
}

bool onnx_import_resize(onnx_call *c) {
    ir_val x = onnx_in(c, 0), inside[IR_MAX_RANK] = {IR_NONE};
    ir_type t = onnx_type(c, x);
    const char *mode = onnx_attr_s(c, "mode", "nearest");
    resize r = {.mode = !strcmp(mode, "cubic") ? 2 : !strcmp(mode, "linear") ? 1 : 0};
    if (r.mode == 0 && strcmp(mode, "nearest"))
        return onnx_missing(c, "mode '%s' is not supported", mode);
    r.transform = c->opset < 11 ? "asymmetric"
                                : onnx_attr_s(c, "coordinate_transformation_mode", "half_pixel");
    r.nearest = c->opset < 11 ? "floor" : onnx_attr_s(c, "nearest_mode", "round_prefer_floor");
    r.antialias = onnx_attr_i(c, "antialias", 0) != 0;
    r.exclude_outside = onnx_attr_i(c, "exclude_outside", 0) != 0;
    r.a = onnx_attr_f(c, "cubic_coeff_a", -0.75f);
    int64_t axes[IR_MAX_RANK], size[IR_MAX_RANK];
    double scale[IR_MAX_RANK];
    size_t n;
    const int64_t *given = onnx_attr_is(c, "axes", &n);
    if (!given) n = (size_t)t.rank;
    for (size_t i = 0; i < n && i < IR_MAX_RANK; i++) {
        int a = (int)i;
        if (given && !onnx_axis(c, given[i], t.rank, &a)) return false;
        axes[i] = a;
    }
    if (n > (size_t)t.rank || !resize_sizes(c, &t, axes, n, scale, size)) return false;
    bool crop = !strcmp(r.transform, "tf_crop_and_resize");
    const tensor *roi = crop ? onnx_need(c, onnx_in(c, 1), "the region") : NULL;
    if (crop && (!roi || tensor_count(roi) != 2 * n))
        return onnx_missing(c, "its region does not fit");
    for (size_t i = 0; i < n; i++) {
        int a = (int)axes[i];
        r.in = t.dim[a];
        r.out = size[a];
        r.scale = scale[a];
        if (crop) {
            r.roi[0] = elem_load_f64(roi->type, roi->data, i);
            r.roi[1] = elem_load_f64(roi->type, roi->data, i + n);
        }
        if (r.in == r.out && r.scale == 1 && !crop) continue;
        x = resize_axis(c, x, a, &r, &inside[a]);
    }
    for (int a = 0; crop && a < t.rank; a++) { // outside the image: a constant
        int64_t dim[IR_MAX_RANK];
        if (inside[a] == IR_NONE) continue;
        for (int i = 0; i < t.rank; i++) dim[i] = i == a ? size[a] : 1;
        ir_val other = onnx_scalar(c, t.type, onnx_attr_f(c, "extrapolation_value", 0));
        x = onnx_select(c, onnx_reshape(c, inside[a], t.rank, dim), x, other);
    }
    return onnx_set(c, 0, x);
}
