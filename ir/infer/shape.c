// Result types of t.* operations that move elements: reshapes, slices, gathers, scatters, and those
// that make tensors.
#include "ir/infer/common.h"
#include <inttypes.h>
#include <math.h>

// The type that the builder or the text gave; NULL reported.
static const ir_type *declared(ir_infer_ctx *c, elem e) {
    if (!c->declared) {
        infer_error(c, DIAG_ID_op_result, "needs a declared result type");
        return NULL;
    }
    const ir_type *t = &c->declared[0];
    if (t->type != e) {
        infer_error(c, DIAG_ID_op_result, "gives elements of type %s, declared is %s", elem_name(e),
                    elem_name(t->type));
        return NULL;
    }
    c->out[0] = *t;
    return t;
}

static bool bad_result(ir_infer_ctx *c, const char *why) {
    arena *a = arena_new();
    infer_error(c, DIAG_ID_op_result, "declared is '%s', %s", ir_type_text(a, &c->out[0]), why);
    arena_free(a);
    return false;
}

// ---- making

bool ir_infer_t_const(ir_infer_ctx *c) {
    const ir_symbol *s = infer_symbol_attr(c, IR_ATTR_value, IR_SYM_TENSOR);
    if (!s) return false;
    c->out[0] = ir_type_make(s->data.type, s->data.rank, s->data.dim);
    return true;
}

// Element count of a range, as ONNX: max(ceil((limit - start) / delta), 0). False: delta is 0 or
// the count is no sensible number.
static bool range_count(const tensor *v[3], int64_t *count) {
    elem e = v[0]->type;
    if (!elem_is_float(e)) {
        int64_t start = elem_load_i64(e, v[0]->data, 0), limit = elem_load_i64(e, v[1]->data, 0);
        int64_t delta = elem_load_i64(e, v[2]->data, 0), span;
        if (delta == 0 || __builtin_sub_overflow(limit, start, &span)) return false;
        if ((span < 0) != (delta < 0) || span == 0) {
            *count = 0;
            return true;
        }
        if (delta == -1 && span == INT64_MIN) return false;
        *count = span / delta + (span % delta != 0);
        return true;
    }
    double start = elem_load_f64(e, v[0]->data, 0), limit = elem_load_f64(e, v[1]->data, 0);
    double n = ceil((limit - start) / elem_load_f64(e, v[2]->data, 0));
    if (!(n < (double)IR_MAX_ELEMENTS)) return false; // NaN too
    *count = n > 0 ? (int64_t)n : 0;
    return true;
}

bool ir_infer_t_range(ir_infer_ctx *c) {
    const tensor *v[3];
    bool constant = true;
    if (!infer_plain(c) || !infer_number(c, 0)) return false;
    for (size_t i = 0; i < 3; i++) {
        if (!infer_same_elem(c, 0, i)) return false;
        if (ir_type_width(c->in[i]) != 1) return infer_operand_error(c, i, "must be a scalar");
        v[i] = ir_const_of(c->module, c->func, c->op->operand[i]);
        constant &= v[i] != NULL && v[i]->type == c->in[i]->type && tensor_count(v[i]) == 1;
    }
    if (constant) {
        int64_t n;
        if (!range_count(v, &n)) return infer_error(c, DIAG_ID_op_operand, "the range has no end");
        c->out[0] = ir_type_make(c->in[0]->type, 1, &n);
        return true;
    }
    if (!declared(c, c->in[0]->type)) return false;
    return (c->out[0].rank == 1 && c->out[0].dim[0] >= 0) || bad_result(c, "must be a vector");
}

bool ir_infer_t_nonzero(ir_infer_ctx *c) {
    if (!infer_plain(c)) return false;
    const tensor *v = ir_const_of(c->module, c->func, c->op->operand[0]);
    int64_t rank = c->in[0]->rank, n = 0;
    if (v) {
        size_t count = tensor_count(v);
        for (size_t i = 0; i < count; i++) n += elem_load_f64(v->type, v->data, i) != 0;
        c->out[0] = ir_type_make(ELEM_i64, 2, (int64_t[]){rank, n});
        return true;
    }
    if (!declared(c, ELEM_i64)) return false;
    const ir_type *t = &c->out[0];
    bool fits =
        t->rank == 2 && t->dim[0] == rank && t->dim[1] >= 0 && t->dim[1] <= ir_type_width(c->in[0]);
    return fits || bad_result(c, "must be one row an axis, one column an element found");
}

bool ir_infer_t_onehot(ir_infer_ctx *c) {
    const ir_type *x = c->in[0];
    int64_t axis;
    if (!infer_number(c, 0) || !infer_shape(c, 1, 1, (int64_t[]){2}) ||
        !infer_rank(c, 0, 0, IR_MAX_RANK - 1) ||
        !infer_int(c, IR_ATTR_axis, infer_is_token(x), x->rank, 0, &axis) ||
        !declared(c, c->in[1]->type))
        return false;
    bool fits = c->out[0].rank == x->rank + 1;
    for (int i = 0; fits && i < x->rank; i++) fits = c->out[0].dim[i + (i >= axis)] == x->dim[i];
    return (fits && c->out[0].dim[axis] >= 0) ||
           bad_result(c, "must be the indices' shape with one axis more");
}

// ---- rearranging

bool ir_infer_t_reshape(ir_infer_ctx *c) {
    if (!declared(c, c->in[0]->type)) return false;
    if (ir_type_domain(&c->out[0]) != ir_type_domain(c->in[0]))
        return bad_result(c, "must keep the token axis");
    return ir_type_width(&c->out[0]) == ir_type_width(c->in[0]) ||
           bad_result(c, "must have as many elements as the operand");
}

bool ir_infer_t_broadcast(ir_infer_ctx *c) {
    if (!declared(c, c->in[0]->type)) return false;
    return infer_broadcasts_to(c->in[0], &c->out[0]) ||
           bad_result(c, "which the operand does not broadcast to");
}

bool ir_infer_t_transpose(ir_infer_ctx *c) {
    const ir_type *x = c->in[0];
    const int64_t *perm;
    if (!infer_ints(c, IR_ATTR_perm, (size_t)x->rank, &perm)) return false;
    unsigned seen = 0;
    c->out[0] = *x;
    for (int i = 0; i < x->rank; i++) {
        if (perm[i] < 0 || perm[i] >= x->rank || (seen & 1u << perm[i]))
            return infer_error(c, DIAG_ID_op_attribute, "'perm' is no permutation of %d axes",
                               x->rank);
        seen |= 1u << perm[i];
        c->out[0].dim[i] = x->dim[perm[i]];
    }
    return true;
}

bool ir_infer_t_concat(ir_infer_ctx *c) {
    // Exporters join with empty vectors whatever the rank: those carry nothing.
    const ir_type *model = NULL;
    for (size_t i = 0; i < c->op->n_operands && !model; i++) {
        const ir_type *t = c->in[i];
        if (t->rank != 1 || t->dim[0] != 0) model = t;
    }
    if (!model) model = c->in[0];
    int axis;
    if (!infer_axis(c, model, &axis)) return false;
    c->out[0] = *model;
    int64_t total = 0;
    for (size_t i = 0; i < c->op->n_operands; i++) {
        const ir_type *t = c->in[i];
        if (!infer_same_elem(c, 0, i)) return false;
        if (t->rank == 1 && t->dim[0] == 0) continue;
        bool fits = t->rank == model->rank;
        for (int k = 0; fits && k < t->rank; k++) fits = k == axis || t->dim[k] == model->dim[k];
        if (!fits) return infer_operand_error(c, i, "differs outside axis %d", axis);
        if (__builtin_add_overflow(total, t->dim[axis], &total))
            return infer_operand_error(c, i, "makes the result too large");
    }
    c->out[0].dim[axis] = total;
    return true;
}

bool ir_infer_t_slice(ir_infer_ctx *c) {
    const ir_type *x = c->in[0];
    const int64_t *starts, *steps;
    if (!infer_ints(c, IR_ATTR_starts, (size_t)x->rank, &starts) ||
        !infer_ints(c, IR_ATTR_steps, (size_t)x->rank, &steps) || !declared(c, x->type))
        return false;
    const ir_type *t = &c->out[0];
    if (t->rank != x->rank) return bad_result(c, "must have the operand's rank");
    for (int i = 0; i < x->rank; i++) {
        if (ir_dim_is_domain(x->dim[i]) || ir_dim_is_domain(t->dim[i])) {
            if (t->dim[i] != x->dim[i] || starts[i] != 0 || steps[i] != 1)
                return infer_error(c, DIAG_ID_op_attribute, "the token axis is taken whole");
            continue;
        }
        if (t->dim[i] == 0) continue;
        int64_t last;
        bool fits = steps[i] != 0 && !__builtin_mul_overflow(t->dim[i] - 1, steps[i], &last) &&
                    !__builtin_add_overflow(last, starts[i], &last) && starts[i] >= 0 &&
                    starts[i] < x->dim[i] && last >= 0 && last < x->dim[i];
        if (!fits) return infer_error(c, DIAG_ID_op_attribute, "leaves the operand on axis %d", i);
    }
    return true;
}

bool ir_infer_t_pad(ir_infer_ctx *c) {
    const ir_type *x = c->in[0];
    const int64_t *pads;
    size_t rank = (size_t)x->rank;
    if (!infer_ints(c, IR_ATTR_pads, 2 * rank, &pads) ||
        !infer_word(c, IR_ATTR_mode, IR_ENUM_padding))
        return false;
    bool reflect = infer_is_word(c, IR_ATTR_mode, IR_ENUM_padding, IR_PAD_REFLECT);
    bool constant = infer_is_word(c, IR_ATTR_mode, IR_ENUM_padding, IR_PAD_CONSTANT);
    c->out[0] = *x;
    for (size_t i = 0; i < rank; i++) {
        int64_t before = pads[i], after = pads[rank + i], d = x->dim[i];
        if (before == 0 && after == 0) continue;
        if (ir_dim_is_domain(d))
            return infer_error(c, DIAG_ID_op_attribute, "axis 0 is a token axis");
        bool fits = !__builtin_add_overflow(d, before, &d) &&
                    !__builtin_add_overflow(d, after, &d) && d >= 0;
        // What is cut off (negative pads) must be there; what is copied must be there as well.
        fits = fits && -x->dim[i] <= before && -x->dim[i] <= after;
        if (reflect)
            fits = fits && before < x->dim[i] && after < x->dim[i];
        else if (!constant)
            fits = fits && x->dim[i] > 0;
        if (!fits)
            return infer_error(c, DIAG_ID_op_attribute,
                               "cannot pad axis %zu by %" PRId64 " and %" PRId64, i, before, after);
        c->out[0].dim[i] = d;
    }
    return true;
}

bool ir_infer_t_trilu(ir_infer_ctx *c) {
    bool upper;
    c->out[0] = *c->in[0];
    return infer_plain(c) && infer_rank(c, 0, 2, IR_MAX_RANK) &&
           infer_flag(c, IR_ATTR_upper, &upper);
}

// ---- by index

static bool push(ir_infer_ctx *c, int64_t dim) {
    if (c->out[0].rank == IR_MAX_RANK)
        return infer_error(c, DIAG_ID_op_result, "would give more than %d axes", IR_MAX_RANK);
    c->out[0].dim[c->out[0].rank++] = dim;
    return true;
}

// Axes [from, until) of t.
static bool push_axes(ir_infer_ctx *c, const ir_type *t, int from, int until) {
    for (int i = from; i < until; i++) {
        if (!push(c, t->dim[i])) return false;
    }
    return true;
}

bool ir_infer_t_gather(ir_infer_ctx *c) {
    const ir_type *x = c->in[0], *index = c->in[1];
    int axis;
    c->out[0] = (ir_type){.type = x->type};
    return infer_index(c, 1) && infer_axis(c, x, &axis) && push_axes(c, x, 0, axis) &&
           push_axes(c, index, 0, index->rank) && push_axes(c, x, axis + 1, x->rank);
}

bool ir_infer_t_gather_elements(ir_infer_ctx *c) {
    const ir_type *x = c->in[0], *index = c->in[1];
    int axis;
    if (!infer_index(c, 1) || !infer_rank(c, 1, x->rank, x->rank) || !infer_axis(c, x, &axis))
        return false;
    for (int i = 0; i < x->rank; i++) {
        bool token = ir_dim_is_domain(x->dim[i]) || ir_dim_is_domain(index->dim[i]);
        bool fits = token ? x->dim[i] == index->dim[i] : index->dim[i] <= x->dim[i];
        if (i != axis && !fits) return infer_operand_error(c, 1, "leaves operand 1 on axis %d", i);
    }
    c->out[0] = *index;
    c->out[0].type = x->type;
    return true;
}

// Depth of index tuples: the last axis of operand 1. At most `axes`.
static bool tuple_depth(ir_infer_ctx *c, int axes, int *depth) {
    const ir_type *index = c->in[1];
    if (!infer_plain(c) || !infer_index(c, 1) || !infer_rank(c, 1, 1, IR_MAX_RANK)) return false;
    int64_t k = index->dim[index->rank - 1];
    if (k > axes) return infer_operand_error(c, 1, "has tuples of more than %d indices", axes);
    *depth = (int)k;
    return true;
}

bool ir_infer_t_gather_nd(ir_infer_ctx *c) {
    const ir_type *x = c->in[0], *index = c->in[1];
    int64_t batch;
    int depth;
    if (!infer_rank(c, 0, 1, IR_MAX_RANK) ||
        !infer_int(c, IR_ATTR_batch_dims, 0, x->rank - 1, 0, &batch) ||
        !tuple_depth(c, x->rank - (int)batch, &depth))
        return false;
    for (int i = 0; i < batch; i++) {
        if (i >= index->rank - 1 || index->dim[i] != x->dim[i])
            return infer_operand_error(c, 1, "does not share %" PRId64 " batch axes with operand 1",
                                       batch);
    }
    c->out[0] = (ir_type){.type = x->type};
    return push_axes(c, index, 0, index->rank - 1) && push_axes(c, x, (int)batch + depth, x->rank);
}

bool ir_infer_t_scatter_nd(ir_infer_ctx *c) {
    const ir_type *x = c->in[0], *index = c->in[1];
    int depth;
    if (!infer_word(c, IR_ATTR_reduction, IR_ENUM_combination) || !infer_same_elem(c, 0, 2) ||
        !tuple_depth(c, x->rank, &depth))
        return false;
    c->out[0] = (ir_type){.type = x->type};
    if (!push_axes(c, index, 0, index->rank - 1) || !push_axes(c, x, depth, x->rank)) return false;
    if (!infer_shape(c, 2, c->out[0].rank, c->out[0].dim)) return false;
    c->out[0] = *x;
    return true;
}

bool ir_infer_t_scatter_elements(ir_infer_ctx *c) {
    const ir_type *x = c->in[0], *index = c->in[1];
    int axis;
    if (!infer_plain(c) || !infer_word(c, IR_ATTR_reduction, IR_ENUM_combination) ||
        !infer_index(c, 1) || !infer_same_elem(c, 0, 2) || !infer_rank(c, 1, x->rank, x->rank) ||
        !infer_axis(c, x, &axis) || !infer_shape(c, 2, index->rank, index->dim))
        return false;
    for (int i = 0; i < x->rank; i++) {
        if (i != axis && index->dim[i] > x->dim[i])
            return infer_operand_error(c, 1, "leaves operand 1 on axis %d", i);
    }
    c->out[0] = *x;
    return true;
}
