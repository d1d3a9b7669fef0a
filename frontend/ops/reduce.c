// Reductions, running sums, softmax and normalisations.
#include "frontend/import.h"

// ---- reductions
// ----------------------------------------------------------------------------------

// Of each element alone: what is left where no axis is reduced.
static ir_val reduce_none(onnx_call *c, const char *fn, ir_val x) {
    if (!strcmp(fn, "sumsq")) return onnx_op2(c, IR_t_mul, x, x);
    if (!strcmp(fn, "l1") || !strcmp(fn, "l2")) return onnx_op1(c, IR_t_abs, x);
    return !strcmp(fn, "logsum") ? onnx_op1(c, IR_t_log, x) : x;
}

static bool reduce(onnx_call *c, const char *fn) {
    ir_val x = onnx_in(c, 0);
    int rank = onnx_rank(c, x);
    size_t n;
    bool ok;
    const int64_t *given = onnx_ints_of(c, "axes", 1, &n, &ok);
    if (!ok) return false;
    int64_t axes[IR_MAX_RANK];
    if (!given || n == 0) {
        if (onnx_attr_i(c, "noop_with_empty_axes", 0)) return onnx_set(c, 0, reduce_none(c, fn, x));
        n = (size_t)rank;
        for (int i = 0; i < rank; i++) axes[i] = i;
    } else if (n > IR_MAX_RANK || !onnx_axes(c, given, n, rank, axes)) {
        return onnx_missing(c, "its axes do not fit");
    }
    if (rank == 0) return onnx_set(c, 0, reduce_none(c, fn, x));
    bool keep = onnx_attr_i(c, "keepdims", 1) != 0;
    if (onnx_type(c, x).type == ELEM_bool) { // Reduce{Max,Min}-20
        x = onnx_reduce(c, onnx_cast(c, x, ELEM_u8), fn, axes, n, keep);
        return onnx_set(c, 0, onnx_cast(c, x, ELEM_bool));
    }
    return onnx_set(c, 0, onnx_reduce(c, x, fn, axes, n, keep));
}

bool onnx_import_reduce_sum(onnx_call *c) { return reduce(c, "sum"); }
bool onnx_import_reduce_mean(onnx_call *c) { return reduce(c, "mean"); }
bool onnx_import_reduce_max(onnx_call *c) { return reduce(c, "max"); }
bool onnx_import_reduce_min(onnx_call *c) { return reduce(c, "min"); }
bool onnx_import_reduce_prod(onnx_call *c) { return reduce(c, "prod"); }
bool onnx_import_reduce_l1(onnx_call *c) { return reduce(c, "l1"); }
bool onnx_import_reduce_l2(onnx_call *c) { return reduce(c, "l2"); }
bool onnx_import_reduce_sumsq(onnx_call *c) { return reduce(c, "sumsq"); }
bool onnx_import_reduce_logsum(onnx_call *c) { return reduce(c, "logsum"); }
bool onnx_import_reduce_logsumexp(onnx_call *c) { return reduce(c, "logsumexp"); }

bool onnx_import_arg_extreme(onnx_call *c) { // ArgMax, ArgMin
    ir_val x = onnx_in(c, 0);
    int axis;
    if (!onnx_axis(c, onnx_attr_i(c, "axis", 0), onnx_rank(c, x), &axis)) return false;
    ir_attrs attrs = {0};
    ir_attr_set_int(c->arena, &attrs, IR_ATTR_axis, axis);
    ir_attr_set_int(c->arena, &attrs, IR_ATTR_keepdims, onnx_attr_i(c, "keepdims", 1) != 0);
    ir_attr_set_int(c->arena, &attrs, IR_ATTR_last, onnx_attr_i(c, "select_last_index", 0) != 0);
    return onnx_set(c, 0, onnx_op(c, (ir_opcode)c->arg, &x, 1, &attrs));
}

bool onnx_import_cumsum(onnx_call *c) {
    ir_val x = onnx_in(c, 0);
    int64_t given;
    int axis;
    if (!onnx_need_int(c, onnx_in(c, 1), &given, "the axis") ||
        !onnx_axis(c, given, onnx_rank(c, x), &axis))
        return false;
    ir_attrs attrs = {0};
    ir_attr_set_int(c->arena, &attrs, IR_ATTR_axis, axis);
    ir_attr_set_int(c->arena, &attrs, IR_ATTR_exclusive, onnx_attr_i(c, "exclusive", 0) != 0);
    ir_attr_set_int(c->arena, &attrs, IR_ATTR_reverse, onnx_attr_i(c, "reverse", 0) != 0);
    return onnx_set(c, 0, onnx_op(c, IR_t_cumsum, &x, 1, &attrs));
}

// ---- softmax
// -------------------------------------------------------------------------------------

static ir_val softmax_like(onnx_call *c, ir_opcode code, ir_val x, int axis) {
    ir_attrs attrs = {0};
    if (x == IR_NONE) return IR_NONE;
    if (code == IR_t_argmax) { // Hardmax: one-hot of the first largest
        ir_type t = onnx_type(c, x);
        ir_attr_set_int(c->arena, &attrs, IR_ATTR_axis, axis);
        ir_attr_set_int(c->arena, &attrs, IR_ATTR_keepdims, 0);
        ir_attr_set_int(c->arena, &attrs, IR_ATTR_last, 0);
        ir_val index = onnx_op(c, code, &x, 1, &attrs);
        tensor off_on;
        if (!onnx_make(c, t.type, 1, (int64_t[]){2}, &off_on)) return IR_NONE;
        elem_store_f64(t.type, off_on.data, 1, 1);
        ir_val in[] = {index, onnx_tensor_const(c, NULL, off_on)};
        attrs = (ir_attrs){0};
        ir_attr_set_int(c->arena, &attrs, IR_ATTR_axis, axis);
        return index == IR_NONE ? index : onnx_op_typed(c, IR_t_onehot, in, 2, &attrs, &t);
    }
    ir_attr_set_int(c->arena, &attrs, IR_ATTR_axis, axis);
    return onnx_op(c, code, &x, 1, &attrs);
}

// Before version 13 everything from `axis` on is one axis.
bool onnx_import_softmax_1(onnx_call *c) {
    ir_val x = onnx_in(c, 0);
    ir_type t = onnx_type(c, x);
    int64_t axis = onnx_attr_i(c, "axis", 1), flat[2] = {1, 1};
    if (axis < 0) axis += t.rank;
    if (axis < 0 || axis > t.rank) return onnx_missing(c, "axis is outside the tensor");
    if (axis == t.rank - 1) return onnx_set(c, 0, softmax_like(c, (ir_opcode)c->arg, x, (int)axis));
    for (int i = 0; i < t.rank; i++) flat[i >= axis] *= t.dim[i];
    x = softmax_like(c, (ir_opcode)c->arg, onnx_reshape(c, x, 2, flat), 1);
    return onnx_set(c, 0, onnx_reshape(c, x, t.rank, t.dim));
}

bool onnx_import_softmax_13(onnx_call *c) {
    int axis;
    if (!onnx_axis(c, onnx_attr_i(c, "axis", -1), onnx_rank(c, onnx_in(c, 0)), &axis)) return false;
    return onnx_set(c, 0, softmax_like(c, (ir_opcode)c->arg, onnx_in(c, 0), axis));
}

// ---- normalisations
// ------------------------------------------------------------------------------

// gamma or beta brought to the shape of the normalised axes, as nn.norm takes it; else IR_NONE.
static ir_val norm_operand(onnx_call *c, ir_val v, const ir_type *x, int axis) {
    ir_type t = onnx_type(c, v);
    int rank = x->rank - axis;
    int64_t n = 1;
    for (int i = axis; i < x->rank; i++) n *= x->dim[i];
    while (t.rank > rank && t.dim[0] == 1) { // leading ones
        memmove(t.dim, t.dim + 1, sizeof t.dim[0] * (size_t)--t.rank);
        v = onnx_reshape(c, v, t.rank, t.dim);
    }
    if (t.rank > rank) return IR_NONE;
    return ir_type_width(&t) == n && t.rank == rank ? v : onnx_broadcast(c, v, rank, x->dim + axis);
}

// Mean and 1/sqrt(var + eps) of LayerNormalization, when a graph asks for them.
static void layer_statistics(onnx_call *c, ir_val x, int axis, double eps) {
    int64_t axes[IR_MAX_RANK];
    int rank = onnx_rank(c, x);
    for (int i = axis; i < rank; i++) axes[i - axis] = i;
    size_t n = (size_t)(rank - axis);
    ir_val wide = onnx_cast(c, x, ELEM_f32);
    ir_val mean = onnx_reduce(c, wide, "mean", axes, n, true);
    ir_val d = onnx_op2(c, IR_t_sub, wide, mean);
    ir_val var = onnx_reduce(c, onnx_op2(c, IR_t_mul, d, d), "mean", axes, n, true);
    onnx_set(c, 1, mean);
    onnx_set(c, 2, onnx_op1(c, IR_t_rsqrt, onnx_add_scalar(c, var, eps)));
}

bool onnx_import_layer_norm(onnx_call *c) {
    ir_val x = onnx_in(c, 0), gamma = onnx_in(c, 1), beta = onnx_in(c, 2);
    ir_type t = onnx_type(c, x);
    double eps = onnx_attr_f(c, "epsilon", 1e-5f);
    int axis;
    if (!onnx_axis(c, onnx_attr_i(c, "axis", -1), t.rank, &axis)) return false;
    if (onnx_wants(c, 1) || onnx_wants(c, 2)) layer_statistics(c, x, axis, eps);
    ir_val g = gamma == IR_NONE ? IR_NONE : norm_operand(c, gamma, &t, axis);
    ir_val b = beta == IR_NONE ? IR_NONE : norm_operand(c, beta, &t, axis);
    if ((gamma != IR_NONE && g == IR_NONE) || (beta != IR_NONE && b == IR_NONE))
        return onnx_missing(c, "scale or bias do not fit the normalised axes");
    return onnx_set(c, 0, onnx_norm(c, x, g, b, "layer", eps, axis));
}

bool onnx_import_rms_norm(onnx_call *c) { // RMSNormalization, SimplifiedLayerNormalization
    ir_val x = onnx_in(c, 0), gamma = onnx_in(c, 1);
    ir_type t = onnx_type(c, x);
    double eps = onnx_attr_f(c, "epsilon", 1e-5f);
    int axis;
    if (!onnx_axis(c, onnx_attr_i(c, "axis", -1), t.rank, &axis)) return false;
    if (onnx_wants(c, 1)) return onnx_missing(c, "its second output is not supported");
    ir_val g = gamma == IR_NONE ? IR_NONE : norm_operand(c, gamma, &t, axis);
    if (gamma == IR_NONE || g != IR_NONE)
        return onnx_set(c, 0, onnx_norm(c, x, g, IR_NONE, "rms", eps, axis));
    if (c->why) return false;
    return onnx_set(
        c, 0, // a scale that varies over the other axes
        onnx_op2(c, IR_t_mul, onnx_norm(c, x, IR_NONE, IR_NONE, "rms", eps, axis), gamma));
}

bool onnx_import_lp_norm(onnx_call *c) { // x / (p-norm), zero stays zero
    ir_val x = onnx_in(c, 0);
    int64_t p = onnx_attr_i(c, "p", 2), axes[1];
    int axis, rank = onnx_rank(c, x);
    if (!onnx_axis(c, onnx_attr_i(c, "axis", -1), rank, &axis)) return false;
    if (p != 1 && p != 2) return onnx_missing(c, "p = %lld is not supported", (long long)p);
    if (p == 2 && axis == rank - 1)
        return onnx_set(c, 0, onnx_norm(c, x, IR_NONE, IR_NONE, "l2", 1e-30, axis));
    axes[0] = axis;
    ir_val n = onnx_reduce(c, x, p == 1 ? "l1" : "l2", axes, 1, true);
    n = onnx_op2(c, IR_t_max, n, onnx_scalar(c, onnx_type(c, x).type, 1e-30));
    return onnx_set(c, 0, onnx_op2(c, IR_t_div, x, n));
}

// [C] as [C,1,...,1] against x [N,C,...].
static ir_val per_channel(onnx_call *c, ir_val v, int x_rank) {
    int64_t dim[IR_MAX_RANK];
    ir_type t = onnx_type(c, v);
    if (v == IR_NONE || t.rank != 1) return v;
    for (int i = 0; i < x_rank - 1; i++) dim[i] = i ? 1 : t.dim[0];
    return onnx_reshape(c, v, x_rank > 1 ? x_rank - 1 : 1, dim);
}

// A running statistic: a share m of the old one, the rest of the new one.
static ir_val moved(onnx_call *c, ir_val from, ir_val to, double m) {
    ir_val old = onnx_scale(c, from, m), new = onnx_scale(c, to, 1 - m);
    return onnx_op2(c, IR_t_add, old, new);
}

// y = x * a + b with a = scale / sqrt(var + eps), b = bias - mean * a
bool onnx_import_batch_norm(onnx_call *c) {
    ir_val x = onnx_in(c, 0), scale = onnx_in(c, 1), bias = onnx_in(c, 2);
    ir_val mean = onnx_in(c, 3), var = onnx_in(c, 4);
    int rank = onnx_rank(c, x);
    bool training = c->opset >= 14 && onnx_attr_i(c, "training_mode", 0);
    if (c->opset < 7 && !onnx_attr_i(c, "is_test", 0)) training = true;
    double eps = onnx_attr_f(c, "epsilon", 1e-5f);
    if (c->opset < 9 && !onnx_attr_i(c, "spatial", 1))
        return onnx_missing(c, "spatial = 0 is not supported");
    if (training) {
        int64_t axes[IR_MAX_RANK];
        int n = 0;
        double m = onnx_attr_f(c, "momentum", 0.9f);
        for (int i = 0; i < rank; i++)
            if (i != 1) axes[n++] = i;
        ir_val mu = onnx_reduce(c, x, "mean", axes, (size_t)n, false);
        ir_val d = onnx_op2(c, IR_t_sub, x, per_channel(c, mu, rank));
        ir_val v = onnx_reduce(c, onnx_op2(c, IR_t_mul, d, d), "mean", axes, (size_t)n, false);
        if (onnx_wants(c, 1)) onnx_set(c, 1, moved(c, mean, mu, m));
        if (onnx_wants(c, 2)) onnx_set(c, 2, moved(c, var, v, m));
        mean = mu;
        var = v;
    }
    elem e = onnx_type(c, x).type;
    ir_val a = onnx_op1(c, IR_t_rsqrt, onnx_add_scalar(c, onnx_cast(c, var, e), eps));
    a = onnx_op2(c, IR_t_mul, onnx_cast(c, scale, e), a);
    ir_val taken = onnx_op2(c, IR_t_mul, onnx_cast(c, mean, e), a);
    ir_val b = onnx_op2(c, IR_t_sub, onnx_cast(c, bias, e), taken);
    x = onnx_op2(c, IR_t_mul, x, per_channel(c, a, rank));
    return onnx_set(c, 0, onnx_op2(c, IR_t_add, x, per_channel(c, b, rank)));
}

// Groups of channels are normalised together: [N, G, rest], layer norm over rest, scale and bias.
static bool grouped_norm(onnx_call *c, int64_t groups, bool per_group) {
    ir_val x = onnx_in(c, 0), scale = onnx_in(c, 1), bias = onnx_in(c, 2);
    ir_type t = onnx_type(c, x);
    if (t.rank < 2 || groups < 1 || t.dim[1] % groups)
        return onnx_missing(c, "%lld groups do not fit", (long long)groups);
    int64_t rest = 1;
    for (int i = 1; i < t.rank; i++) rest *= t.dim[i];
    ir_val y = onnx_reshape(c, x, 3, (int64_t[]){t.dim[0], groups, rest / groups});
    y = onnx_norm(c, y, IR_NONE, IR_NONE, "layer", onnx_attr_f(c, "epsilon", 1e-5f), 2);
    if (per_group) { // GroupNormalization-18: scale [G]
        y = onnx_op2(c, IR_t_mul, y, per_channel(c, scale, 3));
        y = onnx_op2(c, IR_t_add, y, per_channel(c, bias, 3));
        return onnx_set(c, 0, onnx_reshape(c, y, t.rank, t.dim));
    }
    y = onnx_reshape(c, y, t.rank, t.dim);
    y = onnx_op2(c, IR_t_mul, y, per_channel(c, scale, t.rank));
    return onnx_set(c, 0, onnx_op2(c, IR_t_add, y, per_channel(c, bias, t.rank)));
}

bool onnx_import_instance_norm(onnx_call *c) {
    ir_type t = onnx_type(c, onnx_in(c, 0));
    return grouped_norm(c, t.rank > 1 ? t.dim[1] : 1, false);
}
bool onnx_import_group_norm(onnx_call *c) {
    return grouped_norm(c, onnx_attr_i(c, "num_groups", 0), c->since < 21);
}

bool onnx_import_mean_variance_norm(onnx_call *c) {
    static const int64_t usual[] = {0, 2, 3};
    ir_val x = onnx_in(c, 0);
    size_t n;
    const int64_t *given = onnx_attr_is(c, "axes", &n);
    int64_t axes[IR_MAX_RANK];
    if (!given) {
        given = usual;
        n = 3;
    }
    if (n > IR_MAX_RANK || !onnx_axes(c, given, n, onnx_rank(c, x), axes))
        return onnx_missing(c, "its axes do not fit");
    ir_val d = onnx_op2(c, IR_t_sub, x, onnx_reduce(c, x, "mean", axes, n, true));
    ir_val var = onnx_reduce(c, onnx_op2(c, IR_t_mul, d, d), "mean", axes, n, true);
    ir_val dev = onnx_add_scalar(c, onnx_op1(c, IR_t_sqrt, var), 1e-9);
    return onnx_set(c, 0, onnx_op2(c, IR_t_div, d, dev));
}

bool onnx_import_global_pool(onnx_call *c) { // arg 1: maximum
    int64_t axes[IR_MAX_RANK];
    int rank = onnx_rank(c, onnx_in(c, 0));
    if (rank < 3) return onnx_missing(c, "[N,C,...] is expected");
    for (int i = 2; i < rank; i++) axes[i - 2] = i;
    return onnx_set(
        c, 0,
        onnx_reduce(c, onnx_in(c, 0), c->arg ? "max" : "mean", axes, (size_t)(rank - 2), true));
}
