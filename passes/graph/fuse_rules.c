// The spellings of norms, activations and biases: one row each (match.h explains the patterns).
//
// Rows see canonical operands: constants second, x - c as x + (-c), Pow(x, 2) as x*x, reduced axes
// kept, and, after the first rows here, x / c as x * (1/c).
#include "passes/graph/fuse.h"
#include <string.h>

// ---- conditions ------------------------------------------------------------------------------

static bool is_f32(match *m) { return emit_type(m->e, m->root)->type == ELEM_f32; }

// First of the reduced axes, which must be the last ones, the same in every reduction matched; -1.
static int64_t reduced_axis(match *m, ir_val x) {
    int64_t axis = -1;
    int rank = emit_type(m->e, x)->rank;
    for (int i = 0; i < m->n_nodes; i++) {
        const ir_op op = emit_def(m->e, m->node[i]);
        if (op.code != IR_t_reduce) continue;
        size_t n;
        const int64_t *axes = ir_attr_ints(&op.attrs, IR_ATTR_axes, &n);
        for (size_t j = 0; j < n; j++) {
            if (axes[j] != rank - (int64_t)n + (int64_t)j) return -1;
        }
        if (n == 0 || (axis >= 0 && axis != axes[0])) return -1;
        axis = axes[0];
    }
    return axis;
}

static bool reduces_last_axes(match *m) {
    return is_f32(m) && reduced_axis(m, match_value(m, "x")) >= 0;
}

// True when constant v has one element for each index of the last `n_axes` axes of t, in order.
static bool is_over_last(match *m, ir_val v, const ir_type *t, int64_t axis) {
    const ir_type *c = emit_type(m->e, v);
    int64_t n = 1;
    for (int i = (int)axis; i < t->rank; i++) n *= t->dim[i];
    for (int i = 0; i < c->rank; i++) {
        int64_t want = c->rank - i <= t->rank - axis ? t->dim[t->rank - (c->rank - i)] : 1;
        if (c->dim[i] != want) return false;
    }
    return ir_type_width(c) == n && c->type == t->type;
}

static int64_t norm_axis(match *m, ir_val norm) {
    const ir_op op = emit_def(m->e, norm);
    return ir_attr_int(&op.attrs, IR_ATTR_axis, emit_type(m->e, norm)->rank - 1);
}

static bool takes_gamma(match *m) {
    ir_val n = match_value(m, "n");
    return is_over_last(m, match_value(m, "g"), emit_type(m->e, n), norm_axis(m, n));
}

static bool takes_beta(match *m) {
    ir_val n = match_value(m, "n");
    return is_over_last(m, match_value(m, "b"), emit_type(m->e, n), norm_axis(m, n));
}

static bool takes_bias(match *m) {
    const ir_type *t = emit_type(m->e, match_value(m, "y"));
    return is_over_last(m, match_value(m, "b"), t, t->rank - 1) &&
           ir_type_equal(t, emit_type(m->e, m->root));
}

static bool is_gate(match *m) {
    ir_val b = match_value(m, "b");
    return is_f32(m) && !emit_is_constant(m->e, b) &&
           ir_type_equal(emit_type(m->e, b), emit_type(m->e, match_value(m, "a")));
}

static bool clips_below_zero(match *m) {
    const ir_op op = emit_def(m->e, m->root);
    const ir_attr *lo = ir_attr_find(&op.attrs, IR_ATTR_lo);
    return lo && lo->f == 0 && !ir_attr_has(&op.attrs, IR_ATTR_hi) && is_f32(m);
}

// ---- builders --------------------------------------------------------------------------------

static ir_val build_reciprocal(match *m) {
    const tensor *c = match_const(m, "c");
    tensor t = tensor_new(m->e->r.m->arena, c->type, c->rank, c->dim);
    for (size_t i = 0, n = tensor_count(&t); i < n; i++)
        elem_store_f64(t.type, t.data, i, 1 / match_number(m, "c"));
    return emit2(m->e, IR_t_mul, match_value(m, "x"), emit_const(m->e, "folded", t));
}

static ir_val build_norm(match *m, ir_norm mode, double eps) {
    emitter *e = m->e;
    ir_val x = match_value(m, "x");
    int64_t axis = reduced_axis(m, x);
    ir_attrs attrs = {0};
    ir_attr_set_word(e->r.scratch, &attrs, IR_ATTR_mode, IR_ENUM_norm, (int)mode);
    ir_attr_set_float(e->r.scratch, &attrs, IR_ATTR_eps, eps);
    if (axis != emit_type(e, x)->rank - 1)
        ir_attr_set_int(e->r.scratch, &attrs, IR_ATTR_axis, axis);
    return emit_op(e, IR_nn_norm, &x, 1, &attrs);
}

static ir_val build_layer(match *m) { return build_norm(m, IR_NORM_LAYER, match_number(m, "eps")); }
static ir_val build_rms(match *m) { return build_norm(m, IR_NORM_RMS, match_number(m, "eps")); }
static ir_val build_l2(match *m) { return build_norm(m, IR_NORM_L2, 0); }
static ir_val build_l2_max(match *m) { return build_norm(m, IR_NORM_L2, match_number(m, "eps")); }

static ir_val build_l2_clip(match *m) {
    for (int i = 0; i < m->n_nodes; i++) {
        const ir_op op = emit_def(m->e, m->node[i]);
        if (op.code == IR_t_clip && !ir_attr_has(&op.attrs, IR_ATTR_hi))
            return build_norm(m, IR_NORM_L2, ir_attr_float(&op.attrs, IR_ATTR_lo, 0));
    }
    return IR_NONE;
}

// Constant v as the trailing shape of t from axis on.
static ir_val as_features(match *m, ir_val v, const ir_type *t, int64_t axis) {
    return emit_reshape(m->e, v, t->rank - (int)axis, t->dim + axis);
}

static ir_val build_gamma(match *m) {
    ir_val n = match_value(m, "n");
    const ir_op op = emit_def(m->e, n);
    const ir_type t = *emit_type(m->e, n);
    ir_val g = as_features(m, match_value(m, "g"), &t, norm_axis(m, n));
    return emit_op(m->e, IR_nn_norm, (ir_val[]){op.operand[0], g}, 2, &op.attrs);
}

static ir_val build_beta(match *m) {
    ir_val n = match_value(m, "n");
    const ir_op op = emit_def(m->e, n);
    const ir_type t = *emit_type(m->e, n);
    ir_val g = op.n_operands > 1 ? op.operand[1] : IR_NONE;
    ir_val b = as_features(m, match_value(m, "b"), &t, norm_axis(m, n));
    return emit_op(m->e, IR_nn_norm, (ir_val[]){op.operand[0], g, b}, 3, &op.attrs);
}

static ir_val build_bias(match *m) {
    ir_val y = match_value(m, "y");
    const ir_op op = emit_def(m->e, y);
    const ir_type t = *emit_type(m->e, y);
    ir_val b = as_features(m, match_value(m, "b"), &t, t.rank - 1);
    return emit_op(m->e, IR_nn_linear, (ir_val[]){op.operand[0], op.operand[1], b}, 3, &op.attrs);
}

// The one axis along which everything matched is reduced; -1: there is none.
static int64_t one_axis(match *m) {
    int64_t axis = -1;
    for (int i = 0; i < m->n_nodes; i++) {
        const ir_op op = emit_def(m->e, m->node[i]);
        if (op.code != IR_t_reduce) continue;
        size_t n;
        const int64_t *axes = ir_attr_ints(&op.attrs, IR_ATTR_axes, &n);
        if (n != 1 || (axis >= 0 && axis != axes[0])) return -1;
        axis = axes[0];
    }
    return axis;
}

static ir_val softmax_of(match *m, int64_t axis) {
    ir_attrs attrs = {0};
    ir_val x = match_value(m, "x");
    ir_attr_set_int(m->e->r.scratch, &attrs, IR_ATTR_axis, axis);
    return emit_op(m->e, IR_t_softmax, &x, 1, &attrs);
}

static ir_val build_softmax(match *m) {
    const int64_t axis = one_axis(m);
    return axis < 0 ? IR_NONE : softmax_of(m, axis);
}

// exp(x) v / sum: the sums are of the rows that the values are mixed by.
static ir_val build_softmax_mixed(match *m) {
    const int64_t axis = one_axis(m);
    const ir_type *x = emit_type(m->e, match_value(m, "x")),
                  *v = emit_type(m->e, match_value(m, "v"));
    if (axis < 0 || axis != x->rank - 1 || v->rank < 2) return IR_NONE;
    return emit2(m->e, IR_t_matmul, softmax_of(m, axis), match_value(m, "v"));
}

// ---- patterns --------------------------------------------------------------------------------

// x over the root of v
#define OVER_ROOT(x, v)                                                                            \
    "(| (div " x " (~ (sqrt " v "))) (mul " x " (~ (recip (sqrt " v ")))) (mul " x " (~ (rsqrt " v \
    "))) (mul " x " (~ (pow " v " -0.5))))"
#define MEAN_SQUARE(d) "(add (reduce:mean (mul " d " " d ")) #eps)"
#define CENTERED "d=(sub x (~ (reduce:mean x)))"
#define LENGTH "(| (reduce:l2 x) (sqrt (reduce:sum (mul x x))) (sqrt (reduce:sumsq x)))"

// 1 + erf(x / sqrt 2); 1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))
#define ERF_PART "(add (erf (mul x 0.70710678)) 1)"
#define CUBE                                                                                     \
    "(| (mul (pow x 3) 0.044715) (mul (mul x (mul x x)) 0.044715) (mul (mul x 0.044715) (mul x " \
    "x)) (mul x (mul (mul x x) 0.044715)) (mul x (mul x (mul x 0.044715))))"
// 1 + 0.044715 x^2
#define ONE_AND_SQUARE "(add (| (mul (mul x x) 0.044715) (mul x (mul x 0.044715))) 1)"
#define TANH_ARGUMENT                                                                             \
    "(| (mul (add x " CUBE ") 0.79788456) (mul (mul x 0.79788456) " ONE_AND_SQUARE                \
    ") (mul x (mul " ONE_AND_SQUARE " 0.79788456)) (mul (mul x " ONE_AND_SQUARE                   \
    ") 0.79788456) (mul x (add (mul (mul x x) 0.035677408) 0.79788456)) (add (mul x 0.79788456) " \
    "(mul (mul x (mul x x)) 0.035677408)))"
#define TANH_PART "(add (tanh " TANH_ARGUMENT ") 1)"
// x / 2 times p, in every grouping
#define HALF_OF(p) "(| (mul (mul x " p ") 0.5) (mul (mul x 0.5) " p ") (mul x (mul " p " 0.5)))"

// e over its sum
#define EXPONENTIALS "e=(exp (| (sub x (~ (reduce:max x))) x))"
#define OVER_SUM(e) "(| (div " e " (~ (reduce:sum e))) (mul " e " (~ (recip (reduce:sum e)))))"

const rule fuse_rules[] = {
    {"div-constant", "(div x #c)", NULL, is_f32, build_reciprocal},
    // softmax in pieces; divided when the values are mixed
    {"softmax", OVER_SUM(EXPONENTIALS), NULL, is_f32, build_softmax},
    {"softmax-mixed",
     "(| (div (matmul " EXPONENTIALS " v) (~ (reduce:sum e))) (mul (matmul " EXPONENTIALS
     " v) (~ (recip (reduce:sum e)))))",
     NULL, is_f32, build_softmax_mixed},
    // norms; the centred form first, since it contains the other
    {"layer-norm", OVER_ROOT(CENTERED, MEAN_SQUARE("d")), NULL, reduces_last_axes, build_layer},
    {"rms-norm", OVER_ROOT("x", MEAN_SQUARE("x")), NULL, reduces_last_axes, build_rms},
    {"l2-norm-max", "(div x (~ (max " LENGTH " #eps)))", NULL, reduces_last_axes, build_l2_max},
    {"l2-norm-clip", "(div x (~ (clip " LENGTH ")))", NULL, reduces_last_axes, build_l2_clip},
    {"l2-norm", "(div x (~ " LENGTH "))", NULL, reduces_last_axes, build_l2},
    {"norm-gamma", "(mul n=(nn.norm x) $g)", NULL, takes_gamma, build_gamma},
    {"norm-beta", "(add n=(nn.norm x) $b)", NULL, takes_beta, build_beta},
    {"norm-gamma-beta", "(add n=(nn.norm x $g) $b)", NULL, takes_beta, build_beta},
    // activations
    {"gelu", HALF_OF(ERF_PART), "(gelu x)", is_f32},
    {"gelu-tanh", HALF_OF(TANH_PART), "(gelu_tanh x)", is_f32},
    {"sigmoid", "(recip (add (exp (neg x)) 1))", "(sigmoid x)", is_f32},
    {"silu", "(mul x (sigmoid x))", "(silu x)", is_f32},
    {"silu-exp", "(div x (add (exp (neg x)) 1))", "(silu x)", is_f32},
    {"quick-gelu", "(mul x (sigmoid (mul x 1.702)))", "(quick_gelu x)", is_f32},
    {"softplus", "(log (add (exp x) 1))", "(softplus x)", is_f32},
    {"relu-max", "(max x 0)", "(relu x)", is_f32},
    {"relu-clip", "(clip x)", "(relu x)", clips_below_zero},
    {"silu-gate", "(mul (silu a) b)", "(silu_mul a b)", is_gate},
    {"gelu-gate", "(mul (gelu a) b)", "(gelu_mul a b)", is_gate},
    {"gelu-tanh-gate", "(mul (gelu_tanh a) b)", "(gelu_tanh_mul a b)", is_gate},
    // products
    {"bias", "(add y=(nn.linear x w) $b)", NULL, takes_bias, build_bias},
    {"dynamic-linear",
     "(| (mul (cast (matmul_int codes=(dynquant.0 x) $w zero=(dynquant.2 x) $zw)) (mul "
     "scale=(dynquant.1 x) $ws)) (mul (mul (cast (matmul_int codes=(dynquant.0 x) $w "
     "zero=(dynquant.2 x) $zw)) scale=(dynquant.1 x)) $ws))",
     NULL, is_f32, fuse_quantized_linear},
    {"dynamic-linear-signed",
     "(| (mul (cast (matmul_int codes=(dynquant.0 x) $w zero=(dynquant.2 x))) (mul "
     "scale=(dynquant.1 x) $ws)) (mul (mul (cast (matmul_int codes=(dynquant.0 x) $w "
     "zero=(dynquant.2 x))) scale=(dynquant.1 x)) $ws))",
     NULL, is_f32, fuse_quantized_linear},
    {"static-product", "(mul (cast p=(matmul_int a b ...)) $s)", NULL, is_f32, fuse_static_product},
    {"dequantized-weight", "(nn.linear x (dequantize $w $ws) ...)", NULL, is_f32,
     fuse_dequantized_linear},
    {"dequantized-weight-zero", "(nn.linear x (dequantize $w $ws $zw) ...)", NULL, is_f32,
     fuse_dequantized_linear},
    // rotary positions: x cos + rotate(x) sin
    {"rope", "(add (mul x c) (mul r s))", NULL, is_f32, fuse_rope_rotated},
};
const size_t fuse_n_rules = ARRAY_LEN(fuse_rules);
