// Result types of nn.* operations, on plain tensors and on rows of token domains.
#include "ir/infer/common.h"
#include <inttypes.h>

// A float value, or a quantised row.
static bool activation(ir_infer_ctx *c, size_t i) {
    return c->in[i]->type == ELEM_q8 || infer_float(c, i);
}

// A list of at most one tensor: a number for each of n columns, or one for all.
static bool columns_attr(ir_infer_ctx *c, ir_key k, int64_t n) {
    size_t count;
    const char *const *names = ir_attr_strs(&c->op->attrs, k, &count);
    if (count == 0) return true;
    if (count > 1 || !names[0])
        return infer_error(c, DIAG_ID_op_attribute, "'%s' takes one tensor", ir_key_name(k));
    const ir_symbol *s = infer_symbol(c, names[0], IR_SYM_TENSOR);
    if (!s) return false;
    int64_t found = (int64_t)tensor_count(&s->data);
    return found == 1 || found == n ||
           infer_error(c, DIAG_ID_op_attribute,
                       "'@%s' has %" PRId64 " elements, must have %" PRId64, names[0], found, n);
}

bool ir_infer_nn_linear(ir_infer_ctx *c) {
    const ir_type *x = c->in[0], *w = c->in[1];
    bool trans;
    if (!activation(c, 0) || !infer_rank(c, 0, 1, IR_MAX_RANK) || !infer_rank(c, 1, 2, 2) ||
        !infer_flag(c, IR_ATTR_trans_w, &trans))
        return false;
    if (infer_is_token(w)) return infer_operand_error(c, 1, "must not have a token axis");
    if (!elem_is_float(w->type) && w->type != ELEM_i8)
        return infer_operand_error(c, 1, "must be of a float type or i8");
    int64_t k = w->dim[trans ? 1 : 0], n = w->dim[trans ? 0 : 1];
    if (x->dim[x->rank - 1] != k)
        return infer_operand_error(c, 0, "must have rows of width %" PRId64 " for operand 2", k);
    if (w->type == ELEM_i8 && !ir_attr_has(&c->op->attrs, IR_ATTR_wscale))
        return infer_error(c, DIAG_ID_op_attribute, "weights of type i8 need 'wscale'");
    if (!columns_attr(c, IR_ATTR_wscale, n) || !columns_attr(c, IR_ATTR_wzero, n)) return false;
    if (infer_has(c, 2) && (!infer_float(c, 2) || !infer_shape(c, 2, 1, &n))) return false;
    c->out[0] = *x;
    if (x->type == ELEM_q8) c->out[0].type = ELEM_f32;
    c->out[0].dim[x->rank - 1] = n;
    return true;
}

bool ir_infer_nn_norm(ir_infer_ctx *c) {
    const ir_type *x = c->in[0];
    int64_t axis;
    if (!infer_float(c, 0) || !infer_rank(c, 0, 1, IR_MAX_RANK) ||
        !infer_word(c, IR_ATTR_mode, IR_ENUM_norm) ||
        !infer_int(c, IR_ATTR_axis, infer_is_token(x), x->rank - 1, x->rank - 1, &axis))
        return false;
    if (axis == 0 && infer_is_token(x))
        return infer_operand_error(c, 0, "must have an axis after the token axis");
    ir_type features = ir_type_make(x->type, x->rank - (int)axis, x->dim + axis);
    for (size_t i = 1; i < c->op->n_operands; i++) {
        if (!infer_has(c, i)) continue;
        if (!infer_float(c, i)) return false;
        if (!infer_broadcasts_to(c->in[i], &features))
            return infer_operand_error(c, i, "does not broadcast to the normalised axes");
    }
    c->out[0] = *x;
    return true;
}

// Columns of a head that rotate: even, at most d.
static bool rotary(ir_infer_ctx *c, int64_t d, int64_t *half) {
    int64_t r;
    if (!infer_word(c, IR_ATTR_mode, IR_ENUM_rotary) ||
        !infer_int(c, IR_ATTR_rotary_dim, 0, d, d, &r))
        return false;
    *half = r / 2;
    return r % 2 == 0 || infer_error(c, DIAG_ID_op_attribute, "'rotary_dim' must be even");
}

bool ir_infer_nn_rope(ir_infer_ctx *c) {
    const ir_type *x = c->in[0];
    int64_t half;
    if (!infer_plain(c) || !infer_float(c, 0) || !infer_rank(c, 0, 4, 4) ||
        !rotary(c, x->dim[3], &half))
        return false;
    for (size_t i = 1; i < 3; i++) {
        if (!infer_same_elem(c, 0, i) || !infer_shape(c, i, 2, (int64_t[]){x->dim[2], half}))
            return false;
    }
    c->out[0] = *x;
    return true;
}

bool ir_infer_nn_attention(ir_infer_ctx *c) {
    const ir_type *q = c->in[0], *k = c->in[1], *v = c->in[2];
    bool causal;
    int64_t window;
    if (!infer_plain(c) || !infer_flag(c, IR_ATTR_causal, &causal) ||
        !infer_int(c, IR_ATTR_window, 0, INT64_MAX, 0, &window) || !infer_readout(c, IR_READ_SCORE))
        return false;
    for (size_t i = 0; i < 3; i++) {
        if (!infer_float(c, i) || !infer_same_elem(c, 0, i) || !infer_rank(c, i, 4, 4))
            return false;
    }
    if (k->dim[1] < 1 || q->dim[1] % k->dim[1] != 0)
        return infer_operand_error(c, 1, "must have a number of heads that divides %" PRId64,
                                   q->dim[1]);
    if (!infer_shape(c, 1, 4, (int64_t[]){q->dim[0], k->dim[1], k->dim[2], q->dim[3]}) ||
        !infer_shape(c, 2, 4, (int64_t[]){q->dim[0], k->dim[1], k->dim[2], v->dim[3]}))
        return false;
    if (infer_has(c, 3)) {
        ir_type scores = *q;
        scores.dim[3] = k->dim[2];
        if (c->in[3]->type != ELEM_bool && !infer_float(c, 3)) return false;
        if (!infer_broadcasts_to(c->in[3], &scores))
            return infer_operand_error(c, 3, "does not broadcast to the scores");
    }
    if (infer_has(c, 4)) {
        if (!infer_float(c, 4) || !infer_shape(c, 4, 1, &q->dim[1])) return false;
        if (infer_is_word(c, IR_ATTR_act, IR_ENUM_activation, IR_ACT_HARDSIGMOID))
            return infer_operand_error(c, 4, "is a sink and takes part in softmax only");
    }
    c->out[0] = *q;
    c->out[0].dim[3] = v->dim[3];
    return true;
}

bool ir_infer_nn_gaincell(ir_infer_ctx *c) {
    const ir_type *q = c->in[0];
    int64_t window;
    if (!infer_plain(c) || !infer_int(c, IR_ATTR_window, 1, INT32_MAX, 1, &window) ||
        !infer_readout(c, IR_READ_CHARGE) || !infer_rank(c, 0, 4, 4))
        return false;
    for (size_t i = 0; i < 11; i++) {
        if (!infer_float(c, i) || !infer_same_elem(c, 0, i)) return false;
        if (i < 3 ? !infer_shape(c, i, 4, q->dim) : !infer_shape(c, i, 1, &q->dim[1])) return false;
    }
    c->out[0] = *q;
    return true;
}

// Operand i is a plain table [R, W].
static bool table(ir_infer_ctx *c, size_t i) {
    if (infer_is_token(c->in[i])) return infer_operand_error(c, i, "must not have a token axis");
    return infer_rank(c, i, 2, 2);
}

bool ir_infer_nn_embed(ir_infer_ctx *c) {
    const ir_type *ids = c->in[0];
    if (!infer_index(c, 0) || !table(c, 1) || !infer_rank(c, 0, 0, IR_MAX_RANK - 1)) return false;
    c->out[0] = *ids;
    c->out[0].type = c->in[1]->type;
    if (infer_is_token(ids)) { // [T] or [T,1]
        int64_t width;
        if (!infer_rows(c, 0, &width)) return false;
        if (width != 1) return infer_operand_error(c, 0, "must be one index a row");
        c->out[0].rank = 1;
    }
    c->out[0].dim[c->out[0].rank++] = c->in[1]->dim[1];
    return true;
}

bool ir_infer_nn_posrow(ir_infer_ctx *c) {
    return table(c, 0) && infer_declared_rows(c, c->in[0]->type, c->in[0]->dim[1]) &&
           infer_positions(c, ir_type_domain(&c->out[0]), c->in[0]->dim[0]);
}

// One i32 a row, in the domain of operand `of`.
static bool row_numbers(ir_infer_ctx *c, size_t i, size_t of) {
    int64_t width;
    if (!infer_has(c, i)) return true;
    if (!infer_elem(c, i, ELEM_i32) || !infer_rows(c, i, &width)) return false;
    if (width != 1) return infer_operand_error(c, i, "must be one number a row");
    return infer_same_domain(c, of, i);
}

bool ir_infer_nn_rotate(ir_infer_ctx *c) {
    int64_t width, heads, half;
    if (!infer_elem(c, 0, ELEM_f32) || !infer_rows(c, 0, &width) ||
        !infer_int(c, IR_ATTR_heads, 1, INT64_MAX, 1, &heads))
        return false;
    if (width % heads != 0)
        return infer_operand_error(c, 0, "does not divide into %" PRId64 " heads", heads);
    if (!rotary(c, width / heads, &half)) return false;
    for (size_t i = 1; i < 3; i++) {
        if (!infer_elem(c, i, ELEM_f32) || !table(c, i)) return false;
        if (c->in[i]->dim[1] != half)
            return infer_operand_error(c, i, "must be %" PRId64 " columns wide", half);
    }
    c->out[0] = *c->in[0];
    if (infer_has(c, 3)) return row_numbers(c, 3, 0);
    return infer_positions(c, ir_type_domain(c->in[0]), c->in[1]->dim[0]);
}

static bool rows_of_width(ir_infer_ctx *c, size_t i, int64_t want) {
    int64_t width;
    if (!infer_elem(c, i, ELEM_f32) || !infer_rows(c, i, &width)) return false;
    return width == want || infer_operand_error(c, i, "must have rows of width %" PRId64, want);
}

// q, k, v, mask? of a ring; out_head columns a query head.
static bool attend(ir_infer_ctx *c, const ir_ring *r, int64_t out_head) {
    int64_t heads = ir_ring_heads(r);
    if (!rows_of_width(c, 0, heads * r->d) || !rows_of_width(c, 1, r->n_kv * r->d) ||
        !rows_of_width(c, 2, r->n_kv * r->dv) || !infer_same_domain(c, 1, 2) ||
        (r->mode != IR_RING_CROSS && !infer_same_domain(c, 0, 1)) || !row_numbers(c, 3, 1))
        return false;
    c->out[0] = ir_type_make(ELEM_f32, 2, (int64_t[]){c->in[0]->dim[0], heads * out_head});
    return true;
}

bool ir_infer_nn_attn(ir_infer_ctx *c) {
    const ir_ring *r = infer_ring(c);
    return r && attend(c, r, r->dv);
}

bool ir_infer_nn_scores(ir_infer_ctx *c) {
    const ir_ring *r = infer_score_ring(c);
    return r && attend(c, r, r->slots);
}

bool ir_infer_nn_quant(ir_infer_ctx *c) {
    if (!infer_elem(c, 0, ELEM_f32) || !infer_word(c, IR_ATTR_mode, IR_ENUM_quantisation))
        return false;
    if (!infer_is_token(c->in[0]) || c->in[0]->rank != 2)
        return infer_operand_error(c, 0, "must be rows of a token domain");
    if (infer_is_word(c, IR_ATTR_mode, IR_ENUM_quantisation, IR_QUANT_STATIC) &&
        !ir_attr_has(&c->op->attrs, IR_ATTR_scale))
        return infer_error(c, DIAG_ID_op_attribute, "mode \"static\" needs 'scale'");
    int64_t bits;
    if (!infer_most(c, IR_ATTR_mode) || !infer_int(c, IR_ATTR_bits, 2, 8, 8, &bits)) return false;
    c->out[0] = *c->in[0];
    c->out[0].type = ELEM_q8;
    return true;
}
