// Result types of row.* (columns of a row) and rows.* (rows of a domain).
#include "ir/infer/common.h"
#include <inttypes.h>
#include <stdlib.h>

// ---- columns: the last axis, which is no token axis

static bool columns(ir_infer_ctx *c, size_t i, int64_t *width) {
    const ir_type *t = c->in[i];
    *width = 0;
    if (t->rank < 1 || ir_dim_is_domain(t->dim[t->rank - 1]))
        return infer_operand_error(c, i, "has no columns");
    *width = t->dim[t->rank - 1];
    return true;
}

bool ir_infer_row_cols(ir_infer_ctx *c) {
    int64_t width, from, until;
    if (!columns(c, 0, &width) || !infer_int(c, IR_ATTR_from, 0, width, 0, &from) ||
        !infer_int(c, IR_ATTR_until, from, width, width, &until))
        return false;
    c->out[0] = *c->in[0];
    c->out[0].dim[c->out[0].rank - 1] = until - from;
    return true;
}

bool ir_infer_row_join(ir_infer_ctx *c) {
    int64_t total = 0;
    const ir_type *first = c->in[0];
    for (size_t i = 0; i < c->op->n_operands; i++) {
        const ir_type *t = c->in[i];
        int64_t width;
        if (!infer_same_elem(c, 0, i) || !columns(c, i, &width)) return false;
        bool fits = t->rank == first->rank;
        for (int k = 0; fits && k + 1 < t->rank; k++) fits = t->dim[k] == first->dim[k];
        if (!fits) return infer_operand_error(c, i, "must have the rows of operand 1");
        if (__builtin_add_overflow(total, width, &total))
            return infer_operand_error(c, i, "makes the result too wide");
    }
    c->out[0] = *first;
    c->out[0].dim[first->rank - 1] = total;
    return true;
}

static bool indexed(ir_infer_ctx *c, bool once) {
    int64_t width;
    size_t n;
    const int64_t *index = ir_attr_ints(&c->op->attrs, IR_ATTR_index, &n);
    if (!columns(c, 0, &width)) return false;
    bool *seen = base_calloc(n + 1, 1);
    bool ok = !once || (int64_t)n == width;
    for (size_t i = 0; ok && i < n; i++) {
        ok = index[i] >= 0 && index[i] < width && !(once && seen[index[i]]);
        if (ok && once) seen[index[i]] = true;
    }
    free(seen);
    if (!ok)
        return infer_error(c, DIAG_ID_op_attribute, "'index' %s %" PRId64 " columns",
                           once ? "is no permutation of" : "must name only", width);
    c->out[0] = *c->in[0];
    c->out[0].dim[c->out[0].rank - 1] = (int64_t)n;
    return true;
}

bool ir_infer_row_permute(ir_infer_ctx *c) { return indexed(c, true); }
bool ir_infer_row_repeat(ir_infer_ctx *c) { return indexed(c, false); }

// ---- rows

static bool bad_domain(ir_infer_ctx *c, const char *what) {
    return infer_error(c, DIAG_ID_domain, "the domain t%d of the result %s",
                       ir_type_domain(&c->out[0]), what);
}

static bool is_lin_of(const ir_infer_ctx *c, int domain, int from) {
    return ir_domain_is(c->module, domain, IR_DOMAIN_LIN) &&
           ir_domain_parent(c->module, domain) == from;
}

// Domain `from` has n rows more than `to`, as one is made of the other or both of a third.
static bool has_more(const ir_infer_ctx *c, int from, int to, int64_t n) {
    const ir_domain *f = &c->module->domain[from], *t = &c->module->domain[to];
    if (!ir_domain_is(c->module, from, IR_DOMAIN_LIN) || f->div != 1) return false;
    if (f->of == to) return f->mul == 1 && f->add == n;
    return is_lin_of(c, to, f->of) && t->div == 1 && t->mul == f->mul && t->add + n == f->add;
}

// The result's domain has (mul*n + add) / div rows where operand 0 has n; equal domains have n.
static bool derived(ir_infer_ctx *c, int64_t mul, int64_t add, int64_t div) {
    int from = ir_type_domain(c->in[0]), to = ir_type_domain(&c->out[0]);
    if (from == to)
        return (mul == div && add == 0) || bad_domain(c, "must be another than the operand's");
    const ir_domain *d = &c->module->domain[to];
    if (!is_lin_of(c, to, from) || d->mul != mul || d->add != add || d->div != div) {
        return infer_error(c, DIAG_ID_domain,
                           "the domain t%d of the result must have (%" PRId64 "*n + %" PRId64
                           ") / %" PRId64 " rows where t%d has n",
                           to, mul, add, div, from);
    }
    return true;
}

static bool one_row(ir_infer_ctx *c) {
    return ir_domain_has_one_row(c->module, ir_type_domain(&c->out[0])) ||
           bad_domain(c, "must have one row");
}

// Table rows put before or after the rows of x.
static bool extended(ir_infer_ctx *c) {
    int64_t width;
    if (!infer_rows(c, 0, &width) || !infer_same_elem(c, 0, 1) || !infer_rank(c, 1, 2, 2))
        return false;
    int64_t k = c->in[1]->dim[0];
    return infer_shape(c, 1, 2, (int64_t[]){k < 0 ? 0 : k, width}) &&
           infer_declared_rows(c, c->in[0]->type, width) && derived(c, 1, k, 1);
}

bool ir_infer_rows_prefix(ir_infer_ctx *c) { return extended(c); }
bool ir_infer_rows_suffix(ir_infer_ctx *c) { return extended(c); }

bool ir_infer_rows_pick(ir_infer_ctx *c) {
    int64_t width, row;
    if (!infer_rows(c, 0, &width) || !infer_word(c, IR_ATTR_which, IR_ENUM_pick) ||
        !infer_int(c, IR_ATTR_row, 0, INT64_MAX, 0, &row))
        return false;
    if (infer_is_word(c, IR_ATTR_which, IR_ENUM_pick, IR_PICK_INDEX) &&
        !ir_attr_has(&c->op->attrs, IR_ATTR_row))
        return infer_error(c, DIAG_ID_op_attribute, "picking by index needs 'row'");
    if (infer_is_word(c, IR_ATTR_which, IR_ENUM_pick, IR_PICK_BY) != infer_has(c, 1))
        return infer_error(c, DIAG_ID_op_operand_count,
                           "a second operand belongs to which = \"by\"");
    if (infer_has(c, 1)) {
        int64_t w;
        if (!infer_elem(c, 1, ELEM_i32) || !infer_rows(c, 1, &w)) return false;
        if (w != 1) return infer_operand_error(c, 1, "must be one number a row");
    }
    return infer_declared_rows(c, c->in[0]->type, width) && one_row(c);
}

bool ir_infer_rows_skip(ir_infer_ctx *c) {
    int64_t width, row;
    return infer_rows(c, 0, &width) && infer_int(c, IR_ATTR_row, 0, INT64_MAX, 0, &row) &&
           infer_declared_rows(c, c->in[0]->type, width) &&
           (has_more(c, ir_type_domain(c->in[0]), ir_type_domain(&c->out[0]), row) ||
            derived(c, 1, -row, 1));
}

bool ir_infer_rows_reduce(ir_infer_ctx *c) {
    int64_t width, w = 1;
    if (!infer_elem(c, 0, ELEM_f32) || !infer_rows(c, 0, &width) ||
        !infer_word(c, IR_ATTR_fn, IR_ENUM_row_reduction))
        return false;
    if (IR_WORD(&c->op->attrs, fn, row_reduction, RED_SUM) > IR_RED_MAX)
        return infer_error(c, DIAG_ID_op_attribute, "'fn' over rows must be sum, mean or max");
    if (infer_has(c, 1)) {
        if (!infer_elem(c, 1, ELEM_f32) || !infer_rows(c, 1, &w) || !infer_same_domain(c, 0, 1))
            return false;
        if (w != 1) return infer_operand_error(c, 1, "must be one weight a row");
    }
    return infer_declared_rows(c, ELEM_f32, width) && one_row(c);
}

// The windows' number is the business of the result's domain: rows outside are zeros.
bool ir_infer_rows_window(ir_infer_ctx *c) {
    int64_t width, k, stride, pad;
    if (!infer_rows(c, 0, &width) || !infer_int(c, IR_ATTR_k, 1, 1 << 20, 1, &k) ||
        !infer_int(c, IR_ATTR_stride, 1, 1 << 20, 1, &stride) ||
        !infer_int(c, IR_ATTR_pad, 0, k - 1, 0, &pad))
        return false;
    if (width > IR_MAX_ELEMENTS / k) return infer_operand_error(c, 0, "is too wide");
    if (!infer_declared_rows(c, c->in[0]->type, k * width)) return false;
    int from = ir_type_domain(c->in[0]), to = ir_type_domain(&c->out[0]);
    if (from == to) return stride == 1 || bad_domain(c, "must be another than the operand's");
    return is_lin_of(c, to, from) || bad_domain(c, "must be derived from the operand's");
}

bool ir_infer_rows_gather(ir_infer_ctx *c) {
    int64_t width;
    const ir_type *index = c->in[1];
    if (!infer_rows(c, 0, &width) || !infer_elem(c, 1, ELEM_i32) || !infer_rank(c, 1, 2, 2))
        return false;
    if (infer_is_token(index)) return infer_operand_error(c, 1, "must not have a token axis");
    int64_t n = index->dim[1];
    if (n > 0 && width > IR_MAX_ELEMENTS / n) return infer_operand_error(c, 0, "is too wide");
    if (!infer_declared_rows(c, c->in[0]->type, n * width)) return false;
    int64_t max = ir_domain_max(c->module, ir_type_domain(&c->out[0]));
    return max <= index->dim[0] || bad_domain(c, "may have more rows than the table");
}

bool ir_infer_rows_like(ir_infer_ctx *c) {
    int64_t width, other;
    if (!infer_rows(c, 0, &width) || !infer_rows(c, 1, &other)) return false;
    if (!ir_domain_has_one_row(c->module, ir_type_domain(c->in[0])))
        return infer_operand_error(c, 0, "must be of a one-row domain");
    c->out[0] = ir_type_make(c->in[0]->type, 2, (int64_t[]){c->in[1]->dim[0], width});
    return true;
}
