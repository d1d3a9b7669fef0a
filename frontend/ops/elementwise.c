// Elementwise operators: arithmetic, comparisons, logic, activations, casts.
#include "frontend/import.h"

// ---- one and two operands
// ------------------------------------------------------------------------

bool onnx_import_unary(onnx_call *c) {
    return onnx_set(c, 0, onnx_op1(c, (ir_opcode)c->arg, onnx_in(c, 0)));
}

// Before version 7 the second operand was broadcast on request, aligned at `axis`.
static ir_val legacy_operand(onnx_call *c, ir_val a, ir_val b) {
    const onnx_attr *at = onnx_attr_of(c, "axis", ONNX_ATTR_INT);
    if (c->opset >= 7 || !onnx_attr_i(c, "broadcast", 0) || !at) return b;
    ir_type ta = onnx_type(c, a), tb = onnx_type(c, b);
    int axis;
    if (!onnx_axis(c, at->i, ta.rank, &axis)) return IR_NONE;
    int64_t dim[IR_MAX_RANK];
    int rank = ta.rank - axis;
    if (rank < tb.rank) return b;
    for (int i = 0; i < rank; i++) dim[i] = i < tb.rank ? tb.dim[i] : 1;
    return onnx_reshape(c, b, rank, dim);
}

bool onnx_import_binary(onnx_call *c) {
    ir_val a = onnx_in(c, 0), b = onnx_in(c, 1);
    if (a == IR_NONE || b == IR_NONE) return onnx_missing(c, "it takes two inputs");
    return onnx_set(c, 0, onnx_op2(c, (ir_opcode)c->arg, a, legacy_operand(c, a, b)));
}

bool onnx_import_pow(onnx_call *c) {
    ir_val a = onnx_in(c, 0), b = onnx_in(c, 1);
    if (a == IR_NONE || b == IR_NONE) return onnx_missing(c, "it takes two inputs");
    elem base = onnx_type(c, a).type, exponent = onnx_type(c, b).type;
    if (elem_is_int(base) && elem_is_float(exponent)) { // result in the base's type
        ir_val r = onnx_op2(c, IR_t_pow, onnx_cast(c, a, exponent), b);
        return onnx_set(c, 0, onnx_cast(c, r, base));
    }
    return onnx_set(c, 0, onnx_op2(c, IR_t_pow, a, onnx_cast(c, legacy_operand(c, a, b), base)));
}

bool onnx_import_mod(onnx_call *c) {
    ir_val in[] = {onnx_in(c, 0), onnx_in(c, 1)};
    if (in[0] == IR_NONE || in[1] == IR_NONE) return onnx_missing(c, "it takes two inputs");
    ir_attrs attrs = {0};
    ir_attr_set_int(c->arena, &attrs, IR_ATTR_fmod, onnx_attr_i(c, "fmod", 0) != 0);
    return onnx_set(c, 0, onnx_op(c, IR_t_mod, in, 2, &attrs));
}

// x << n = x * 2^n, x >> n = x / 2^n on unsigned numbers; n constant.
bool onnx_import_bit_shift(onnx_call *c) {
    bool left = !strcmp(onnx_attr_s(c, "direction", ""), "LEFT");
    const tensor *n = onnx_need(c, onnx_in(c, 1), "the shift");
    if (!n) return false;
    ir_type t = onnx_type(c, onnx_in(c, 0));
    tensor factor;
    if (!onnx_make(c, t.type, n->rank, n->dim, &factor)) return false;
    for (size_t i = 0; i < tensor_count(n); i++) {
        int64_t by = elem_load_i64(n->type, n->data, i);
        if (by < 0 || by >= (int64_t)(8 * elem_bytes(t.type)) || by > 62)
            return onnx_missing(c, "a shift by %lld is not supported", (long long)by);
        elem_store_i64(t.type, factor.data, i, INT64_C(1) << by);
    }
    return onnx_set(
        c, 0,
        onnx_op2(c, left ? IR_t_mul : IR_t_div, onnx_in(c, 0), onnx_tensor_const(c, NULL, factor)));
}

bool onnx_import_isinf(onnx_call *c) {
    bool pos = onnx_attr_i(c, "detect_positive", 1), neg = onnx_attr_i(c, "detect_negative", 1);
    ir_val x = onnx_in(c, 0);
    ir_attrs attrs = {0};
    ir_attr_set_str(c->arena, &attrs, IR_ATTR_mode, pos && neg ? "both" : pos ? "pos" : "neg");
    ir_val r = onnx_op(c, IR_t_isinf, &x, 1, &attrs);
    if (!pos && !neg) r = onnx_op2(c, IR_t_xor, r, r);
    return onnx_set(c, 0, r);
}

bool onnx_import_variadic(onnx_call *c) { // Min, Max, Sum
    if (c->n_in == 0) return onnx_missing(c, "it takes at least one input");
    ir_val r = c->in[0];
    for (size_t i = 1; i < c->n_in; i++) r = onnx_op2(c, (ir_opcode)c->arg, r, c->in[i]);
    return onnx_set(c, 0, r);
}

bool onnx_import_mean(onnx_call *c) {
    ir_val r = onnx_in(c, 0);
    for (size_t i = 1; i < c->n_in; i++) r = onnx_op2(c, IR_t_add, r, c->in[i]);
    if (c->n_in > 1)
        r = onnx_op2(c, IR_t_div, r, onnx_scalar(c, onnx_type(c, r).type, (double)c->n_in));
    return onnx_set(c, 0, r);
}

bool onnx_import_where(onnx_call *c) {
    return onnx_set(c, 0, onnx_select(c, onnx_in(c, 0), onnx_in(c, 1), onnx_in(c, 2)));
}

// ---- casts
// ---------------------------------------------------------------------------------------

static bool cast_to(onnx_call *c, elem to) {
    return onnx_set(c, 0, onnx_cast(c, onnx_in(c, 0), to));
}

bool onnx_import_cast(onnx_call *c) {
    static const struct {
        const char *name;
        elem type;
    } names[] = {{"FLOAT", ELEM_f32},  {"DOUBLE", ELEM_f64}, {"FLOAT16", ELEM_f16},
                 {"INT64", ELEM_i64},  {"INT32", ELEM_i32},  {"INT16", ELEM_i16},
                 {"INT8", ELEM_i8},    {"UINT64", ELEM_u64}, {"UINT32", ELEM_u32},
                 {"UINT16", ELEM_u16}, {"UINT8", ELEM_u8},   {"BOOL", ELEM_bool}};
    const onnx_attr *to = onnx_attribute(c, "to");
    elem e;
    if (to && to->kind == ONNX_ATTR_STRING) { // version 1
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
            if (!strcmp(to->s, names[i].name)) return cast_to(c, names[i].type);
        return onnx_missing(c, "a cast to '%s' is not supported", to->s);
    }
    if (!to || to->kind != ONNX_ATTR_INT) return onnx_missing(c, "attribute 'to' is not given");
    return onnx_elem(c, to->i, &e) && cast_to(c, e);
}

bool onnx_import_cast_like(onnx_call *c) {
    ir_val like = onnx_in(c, 1);
    if (like == IR_NONE) return onnx_missing(c, "input 1 is not given");
    return cast_to(c, onnx_type(c, like).type);
}

// ---- clipping
// ------------------------------------------------------------------------------------

static ir_val clip(onnx_call *c, ir_val x, const double *lo, const double *hi) {
    ir_attrs attrs = {0};
    if (lo) ir_attr_set_float(c->arena, &attrs, IR_ATTR_lo, *lo);
    if (hi) ir_attr_set_float(c->arena, &attrs, IR_ATTR_hi, *hi);
    return x == IR_NONE || (!lo && !hi) ? x : onnx_op(c, IR_t_clip, &x, 1, &attrs);
}

bool onnx_import_clip_1(onnx_call *c) { // bounds in attributes
    const onnx_attr *min = onnx_attr_of(c, "min", ONNX_ATTR_FLOAT);
    const onnx_attr *max = onnx_attr_of(c, "max", ONNX_ATTR_FLOAT);
    double lo = min ? min->f : 0, hi = max ? max->f : 0;
    return onnx_set(c, 0, clip(c, onnx_in(c, 0), min ? &lo : NULL, max ? &hi : NULL));
}

bool onnx_import_clip_11(onnx_call *c) { // bounds in inputs
    ir_val x = onnx_in(c, 0), min = onnx_in(c, 1), max = onnx_in(c, 2);
    const tensor *lo = onnx_const(c, min), *hi = onnx_const(c, max);
    if (onnx_type(c, x).type == ELEM_f32 && (min == IR_NONE || (lo && tensor_count(lo) == 1)) &&
        (max == IR_NONE || (hi && tensor_count(hi) == 1))) {
        double l = lo ? elem_load_f64(lo->type, lo->data, 0) : 0;
        double h = hi ? elem_load_f64(hi->type, hi->data, 0) : 0;
        return onnx_set(c, 0, clip(c, x, lo ? &l : NULL, hi ? &h : NULL));
    }
    if (min != IR_NONE) x = onnx_op2(c, IR_t_max, x, min);
    if (max != IR_NONE) x = onnx_op2(c, IR_t_min, x, max);
    return onnx_set(c, 0, x);
}

// ---- activations
// ---------------------------------------------------------------------------------

bool onnx_import_gelu(onnx_call *c) {
    const char *how = onnx_attr_s(c, "approximate", "none");
    bool tanh_form = !strcmp(how, "tanh");
    if (!tanh_form && strcmp(how, "none"))
        return onnx_missing(c, "approximate '%s' is not supported", how);
    return onnx_set(c, 0, onnx_op1(c, tanh_form ? IR_t_gelu_tanh : IR_t_gelu, onnx_in(c, 0)));
}

bool onnx_import_swish(onnx_call *c) { // x * sigmoid(alpha * x)
    ir_val x = onnx_in(c, 0);
    float alpha = onnx_attr_f(c, "alpha", 1.0f);
    if (alpha == 1.0f) return onnx_set(c, 0, onnx_op1(c, IR_t_silu, x));
    ir_val gate = onnx_op1(c, IR_t_sigmoid, onnx_scale(c, x, alpha));
    return onnx_set(c, 0, onnx_op2(c, IR_t_mul, x, gate));
}

static ir_val hard_sigmoid(onnx_call *c, ir_val x, double alpha, double beta) {
    double lo = 0, hi = 1;
    return clip(c, onnx_add_scalar(c, onnx_scale(c, x, alpha), beta), &lo, &hi);
}
bool onnx_import_hard_sigmoid(onnx_call *c) {
    return onnx_set(c, 0,
                    hard_sigmoid(c, onnx_in(c, 0), onnx_attr_f(c, "alpha", 0.2f),
                                 onnx_attr_f(c, "beta", 0.5f)));
}
bool onnx_import_hard_swish(onnx_call *c) {
    ir_val x = onnx_in(c, 0);
    return onnx_set(c, 0, onnx_op2(c, IR_t_mul, x, hard_sigmoid(c, x, 1.0 / 6, 0.5)));
}

// x where x >= 0, f(x) elsewhere.
static ir_val below_zero(onnx_call *c, ir_val x, ir_val otherwise) {
    ir_val negative = onnx_op2(c, IR_t_lt, x, onnx_scalar(c, onnx_type(c, x).type, 0));
    return onnx_select(c, negative, otherwise, x);
}
bool onnx_import_leaky_relu(onnx_call *c) {
    ir_val x = onnx_in(c, 0);
    return onnx_set(c, 0, below_zero(c, x, onnx_scale(c, x, onnx_attr_f(c, "alpha", 0.01f))));
}
bool onnx_import_prelu(onnx_call *c) {
    ir_val x = onnx_in(c, 0), slope = onnx_in(c, 1);
    ir_type t = onnx_type(c, slope), tx = onnx_type(c, x);
    if (c->opset < 7 && t.rank == 1 && t.dim[0] != 1 && tx.rank > 2) { // one a channel
        int64_t dim[IR_MAX_RANK] = {t.dim[0], 1, 1, 1, 1, 1, 1, 1};
        slope = onnx_reshape(c, slope, tx.rank - 1, dim);
    }
    return onnx_set(c, 0, below_zero(c, x, onnx_op2(c, IR_t_mul, x, slope)));
}
static ir_val elu(onnx_call *c, ir_val x, double alpha) { // alpha * (exp(x) - 1) below zero
    ir_val e = onnx_add_scalar(c, onnx_op1(c, IR_t_exp, x), -1);
    return below_zero(c, x, onnx_scale(c, e, alpha));
}
bool onnx_import_elu(onnx_call *c) {
    return onnx_set(c, 0, elu(c, onnx_in(c, 0), onnx_attr_f(c, "alpha", 1.0f)));
}
bool onnx_import_selu(onnx_call *c) {
    ir_val e = elu(c, onnx_in(c, 0), onnx_attr_f(c, "alpha", 1.67326319217681884765625f));
    return onnx_set(c, 0, onnx_scale(c, e, onnx_attr_f(c, "gamma", 1.05070102214813232421875f)));
}
bool onnx_import_celu(onnx_call *c) { // max(0,x) + min(0, alpha*(exp(x/alpha)-1))
    double alpha = onnx_attr_f(c, "alpha", 1.0f);
    ir_val x = onnx_in(c, 0);
    ir_val e = onnx_add_scalar(c, onnx_op1(c, IR_t_exp, onnx_scale(c, x, 1 / alpha)), -1);
    return onnx_set(c, 0, below_zero(c, x, onnx_scale(c, e, alpha)));
}
bool onnx_import_thresholded_relu(onnx_call *c) {
    ir_val x = onnx_in(c, 0);
    elem e = onnx_type(c, x).type;
    ir_val above = onnx_op2(c, IR_t_gt, x, onnx_scalar(c, e, onnx_attr_f(c, "alpha", 1.0f)));
    return onnx_set(c, 0, onnx_select(c, above, x, onnx_scalar(c, e, 0)));
}
bool onnx_import_mish(onnx_call *c) { // x * tanh(softplus(x))
    ir_val x = onnx_in(c, 0);
    ir_val t = onnx_op1(c, IR_t_tanh, onnx_op1(c, IR_t_softplus, x));
    return onnx_set(c, 0, onnx_op2(c, IR_t_mul, x, t));
}
bool onnx_import_softsign(onnx_call *c) { // x / (1 + |x|)
    ir_val x = onnx_in(c, 0);
    ir_val d = onnx_add_scalar(c, onnx_op1(c, IR_t_abs, x), 1);
    return onnx_set(c, 0, onnx_op2(c, IR_t_div, x, d));
}
bool onnx_import_shrink(onnx_call *c) {
    double bias = onnx_attr_f(c, "bias", 0.0f), lambd = onnx_attr_f(c, "lambd", 0.5f);
    ir_val x = onnx_in(c, 0);
    elem e = onnx_type(c, x).type;
    ir_val low = onnx_op2(c, IR_t_lt, x, onnx_scalar(c, e, -lambd));
    ir_val high = onnx_op2(c, IR_t_gt, x, onnx_scalar(c, e, lambd));
    ir_val less = onnx_add_scalar(c, x, -bias), zero = onnx_scalar(c, e, 0);
    ir_val inner = onnx_select(c, high, less, zero);
    return onnx_set(c, 0, onnx_select(c, low, onnx_add_scalar(c, x, bias), inner));
}
// arg 1: sinh = (exp(x) - exp(-x)) / 2; 0: cosh; 2: tan = sin / cos
bool onnx_import_hyperbolic(onnx_call *c) {
    ir_val x = onnx_in(c, 0);
    if (c->arg == 2) {
        ir_val sin = onnx_op1(c, IR_t_sin, x), cos = onnx_op1(c, IR_t_cos, x);
        return onnx_set(c, 0, onnx_op2(c, IR_t_div, sin, cos));
    }
    ir_val p = onnx_op1(c, IR_t_exp, x);
    ir_val n = onnx_op1(c, IR_t_exp, onnx_op1(c, IR_t_neg, x));
    return onnx_set(c, 0, onnx_scale(c, onnx_op2(c, c->arg ? IR_t_sub : IR_t_add, p, n), 0.5));
}

// ---- vanishing
// -----------------------------------------------------------------------------------

bool onnx_import_identity(onnx_call *c) { return onnx_set(c, 0, onnx_in(c, 0)); }

bool onnx_import_dropout(onnx_call *c) {
    ir_val x = onnx_in(c, 0), training = onnx_in(c, 2);
    double ratio = onnx_attr_f(c, "ratio", 0.5f);
    if (training != IR_NONE) {
        int64_t on;
        if (!onnx_need_int(c, training, &on, "training_mode")) return false;
        if (on && onnx_in(c, 1) != IR_NONE && !onnx_need_float(c, onnx_in(c, 1), &ratio, "ratio"))
            return false;
        if (on && ratio != 0) return onnx_missing(c, "training is not supported");
    }
    if (onnx_wants(c, 1)) {
        ir_type t = onnx_type(c, x);
        t.type = ELEM_bool;
        onnx_set(c, 1, onnx_fill(c, &t, 1));
    }
    return onnx_set(c, 0, x);
}
