// Result types of t.* operations that combine elements: products, quantisation, reductions,
// searches along an axis.
#include "ir/infer/common.h"
#include <inttypes.h>

// ---- products

// numpy matmul of operands 0 and 1: axes of size 1 are added to vectors and removed again.
static bool matmul_shape(ir_infer_ctx *c, ir_type *out) {
    const ir_type *a = c->in[0], *b = c->in[1];
    if (!infer_rank(c, 0, 1, IR_MAX_RANK) || !infer_rank(c, 1, 1, IR_MAX_RANK)) return false;
    if (infer_is_token(b)) return infer_operand_error(c, 1, "must not have a token axis");
    if (infer_is_token(a) && (a->rank != 2 || b->rank != 2))
        return infer_operand_error(c, 0, "has a token axis: both operands must have rank 2");
    int64_t ka = a->dim[a->rank - 1], kb = b->dim[b->rank > 1 ? b->rank - 2 : 0];
    if (ka != kb)
        return infer_operand_error(c, 1, "must have size %" PRId64 " on the contracted axis", ka);
    int lead_a = a->rank > 2 ? a->rank - 2 : 0, lead_b = b->rank > 2 ? b->rank - 2 : 0;
    int lead = lead_a > lead_b ? lead_a : lead_b;
    out->rank = 0;
    for (int i = 0; i < lead; i++) {
        int64_t x = i < lead - lead_a ? 1 : a->dim[i - (lead - lead_a)];
        int64_t y = i < lead - lead_b ? 1 : b->dim[i - (lead - lead_b)];
        if (x != y && x != 1 && y != 1)
            return infer_operand_error(c, 1, "does not broadcast against operand 1");
        out->dim[out->rank++] = x == 1 ? y : x;
    }
    if (a->rank > 1) out->dim[out->rank++] = a->dim[a->rank - 2];
    if (b->rank > 1) out->dim[out->rank++] = b->dim[b->rank - 1];
    return true;
}

bool ir_infer_t_matmul(ir_infer_ctx *c) {
    c->out[0].type = c->in[0]->type;
    return infer_number(c, 0) && infer_same_elem(c, 0, 1) && matmul_shape(c, &c->out[0]);
}

// A zero point of operand `of`: scalar, or one for each index of `axis` (counted from the end) with
// size 1 elsewhere; for the columns of b also a plain vector.
static bool zero_point(ir_infer_ctx *c, size_t i, size_t of, int axis) {
    if (!infer_has(c, i)) return true;
    const ir_type *z = c->in[i], *x = c->in[of];
    if (!infer_same_elem(c, of, i)) return false;
    if (!infer_is_token(z) && ir_type_width(z) == 1) return true;
    if (z->rank == 1 && x->rank >= axis && z->dim[0] == x->dim[x->rank - axis]) return true;
    bool fits = z->rank == x->rank && x->rank >= axis;
    for (int k = 0; fits && k < x->rank; k++)
        fits = z->dim[k] == x->dim[k] || (z->dim[k] == 1 && k != x->rank - axis);
    return fits || infer_operand_error(c, i, "is no zero point of operand %zu", of + 1);
}

bool ir_infer_t_matmul_int(ir_infer_ctx *c) {
    for (size_t i = 0; i < 2; i++) {
        elem e = c->in[i]->type;
        if (e != ELEM_i8 && e != ELEM_u8)
            return infer_operand_error(c, i, "must be of type i8 or u8");
    }
    c->out[0].type = ELEM_i32;
    return matmul_shape(c, &c->out[0]) && zero_point(c, 2, 0, 2) && zero_point(c, 3, 1, 1);
}

bool ir_infer_t_conv(ir_infer_ctx *c) {
    const ir_type *x = c->in[0], *w = c->in[1];
    if (!infer_plain(c) || !infer_float(c, 0) || !infer_same_elem(c, 0, 1) ||
        !infer_rank(c, 0, 3, IR_MAX_RANK) || !infer_rank(c, 1, x->rank, x->rank))
        return false;
    size_t spatial = (size_t)x->rank - 2;
    const int64_t *strides, *pads, *dilations;
    int64_t groups, m = w->dim[0];
    if (!infer_ints(c, IR_ATTR_strides, spatial, &strides) ||
        !infer_ints(c, IR_ATTR_pads, 2 * spatial, &pads) ||
        !infer_ints(c, IR_ATTR_dilations, spatial, &dilations) ||
        !infer_int(c, IR_ATTR_groups, 1, INT64_MAX, 1, &groups))
        return false;
    if (x->dim[1] % groups != 0 || m % groups != 0 || w->dim[1] != x->dim[1] / groups)
        return infer_operand_error(c, 1, "does not fit %" PRId64 " channels in %" PRId64 " groups",
                                   x->dim[1], groups);
    if (infer_has(c, 2) && (!infer_same_elem(c, 0, 2) || !infer_shape(c, 2, 1, (int64_t[]){m})))
        return false;
    c->out[0] = *x;
    c->out[0].dim[1] = m;
    for (size_t i = 0; i < spatial; i++) {
        const int64_t limit = (int64_t)1 << 40;
        int64_t k = w->dim[2 + i], in = x->dim[2 + i];
        if (k < 1 || k > limit || in > limit || strides[i] < 1 || dilations[i] < 1 ||
            dilations[i] > limit / k || pads[i] < 0 || pads[i] > limit || pads[spatial + i] < 0 ||
            pads[spatial + i] > limit)
            return infer_error(c, DIAG_ID_op_attribute,
                               "strides, dilations or pads of spatial axis %zu are out of range",
                               i);
        int64_t room = in + pads[i] + pads[spatial + i] - (k - 1) * dilations[i] - 1;
        if (room < 0)
            return infer_operand_error(c, 1, "is larger than the padded input on spatial axis %zu",
                                       i);
        c->out[0].dim[2 + i] = room / strides[i] + 1;
    }
    return true;
}

// ---- quantisation

// A scale of operand 0: one number, one for each index of `axis`, or of x's rank with sizes 1 or
// equal. A zero point, if any, has the scale's shape.
static bool scale_shape(ir_infer_ctx *c) {
    const ir_type *x = c->in[0], *s = c->in[1];
    bool fits = !infer_is_token(s) && ir_type_width(s) == 1;
    if (!fits && ir_attr_has(&c->op->attrs, IR_ATTR_axis)) {
        int axis;
        if (!infer_axis(c, x, &axis)) return false;
        fits = s->rank == 1 && s->dim[0] == x->dim[axis];
    } else if (!fits) {
        fits = s->rank == x->rank && infer_broadcasts_to(s, x);
    }
    if (!fits) return infer_operand_error(c, 1, "is no scale of operand 1");
    if (!infer_has(c, 2)) return true;
    const ir_type *z = c->in[2];
    bool same = z->rank == s->rank;
    for (int i = 0; same && i < s->rank; i++) same = z->dim[i] == s->dim[i];
    return same || infer_operand_error(c, 2, "must have the shape of operand 2");
}

bool ir_infer_t_quantize(ir_infer_ctx *c) {
    const char *to = ir_attr_str(&c->op->attrs, IR_ATTR_to, "");
    c->out[0] = *c->in[0];
    if (!elem_parse(to, &c->out[0].type) || !elem_is_int(c->out[0].type) ||
        c->out[0].type == ELEM_q8)
        return infer_error(c, DIAG_ID_op_attribute, "'to' is \"%s\", must be an integer type", to);
    return infer_float(c, 0) && infer_float(c, 1) && scale_shape(c) &&
           (!infer_has(c, 2) || infer_elem(c, 2, c->out[0].type));
}

bool ir_infer_t_dequantize(ir_infer_ctx *c) {
    c->out[0] = *c->in[0];
    c->out[0].type = c->in[1]->type;
    return infer_integer(c, 0) && infer_float(c, 1) && scale_shape(c) &&
           (!infer_has(c, 2) || infer_same_elem(c, 0, 2));
}

bool ir_infer_t_dynquant(ir_infer_ctx *c) {
    const ir_type *x = c->in[0];
    if (!infer_elem(c, 0, ELEM_f32) || !infer_word(c, IR_ATTR_gran, IR_ENUM_granularity))
        return false;
    bool by_row = infer_is_word(c, IR_ATTR_gran, IR_ENUM_granularity, IR_GRAN_ROW);
    if (by_row && !infer_rank(c, 0, 1, IR_MAX_RANK)) return false;
    if (!by_row && infer_is_token(x))
        return infer_operand_error(c, 0, "has a token axis: 'gran' must be \"row\"");
    if (by_row && infer_is_token(x) && x->rank < 2)
        return infer_operand_error(c, 0, "must have an axis after the token axis");
    c->out[0] = c->out[1] = c->out[2] = *x;
    c->out[0].type = ELEM_u8;
    if (by_row)
        c->out[1].dim[x->rank - 1] = c->out[2].dim[x->rank - 1] = 1;
    else
        c->out[1].rank = c->out[2].rank = 0;
    c->out[2].type = ELEM_u8;
    return true;
}

// ---- along an axis

bool ir_infer_t_cumsum(ir_infer_ctx *c) {
    int axis;
    bool exclusive, reverse;
    c->out[0] = *c->in[0];
    return infer_number(c, 0) && infer_axis(c, c->in[0], &axis) &&
           infer_flag(c, IR_ATTR_exclusive, &exclusive) && infer_flag(c, IR_ATTR_reverse, &reverse);
}

bool ir_infer_t_topk(ir_infer_ctx *c) {
    int axis;
    int64_t k;
    bool largest, sorted;
    const ir_type *x = c->in[0];
    if (!infer_number(c, 0) || !infer_axis(c, x, &axis) ||
        !infer_int(c, IR_ATTR_k, 0, x->dim[axis], 0, &k) ||
        !infer_flag(c, IR_ATTR_largest, &largest) || !infer_flag(c, IR_ATTR_sorted, &sorted))
        return false;
    c->out[0] = c->out[1] = *x;
    c->out[0].dim[axis] = c->out[1].dim[axis] = k;
    c->out[1].type = ELEM_i64;
    return true;
}

static void drop_axis(ir_type *t, int axis, bool keep) {
    if (keep) {
        t->dim[axis] = 1;
        return;
    }
    for (int i = axis; i + 1 < t->rank; i++) t->dim[i] = t->dim[i + 1];
    t->rank--;
}

static bool arg_search(ir_infer_ctx *c) {
    int axis;
    bool keep, last;
    if (!infer_number(c, 0) || !infer_axis(c, c->in[0], &axis) ||
        !infer_flag(c, IR_ATTR_keepdims, &keep) || !infer_flag(c, IR_ATTR_last, &last))
        return false;
    if (c->in[0]->dim[axis] == 0)
        return infer_operand_error(c, 0, "has no element along axis %d", axis);
    c->out[0] = *c->in[0];
    c->out[0].type = infer_is_token(c->in[0]) ? ELEM_i32 : ELEM_i64; // rows have no wider integers
    drop_axis(&c->out[0], axis, keep);
    return true;
}

bool ir_infer_t_argmax(ir_infer_ctx *c) { return arg_search(c); }
bool ir_infer_t_argmin(ir_infer_ctx *c) { return arg_search(c); }

bool ir_infer_t_reduce(ir_infer_ctx *c) {
    bool keep;
    size_t n;
    const ir_type *x = c->in[0];
    const int64_t *axes = ir_attr_ints(&c->op->attrs, IR_ATTR_axes, &n);
    if (!infer_number(c, 0) || !infer_flag(c, IR_ATTR_keepdims, &keep) ||
        !infer_word(c, IR_ATTR_fn, IR_ENUM_reduction))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (axes[i] < 0 || axes[i] >= x->rank || (i > 0 && axes[i] <= axes[i - 1]))
            return infer_error(c, DIAG_ID_op_attribute,
                               "'axes' must be ascending axes of a tensor of rank %d", x->rank);
        if (axes[i] == 0 && infer_is_token(x))
            return infer_error(c, DIAG_ID_op_attribute, "axis 0 is a token axis");
    }
    c->out[0] = *x;
    for (size_t i = n; i-- > 0;) drop_axis(&c->out[0], (int)axes[i], keep);
    return true;
}

static bool normalise(ir_infer_ctx *c) {
    int axis;
    c->out[0] = *c->in[0];
    return infer_float(c, 0) && infer_axis(c, c->in[0], &axis);
}

bool ir_infer_t_softmax(ir_infer_ctx *c) { return normalise(c); }
bool ir_infer_t_log_softmax(ir_infer_ctx *c) { return normalise(c); }
