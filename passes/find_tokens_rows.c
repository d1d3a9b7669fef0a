// Operations that stay within a row: elementwise functions, products with static matrices, norms,
// reductions and softmax over features. Reductions over the rows themselves give one row.
#include "passes/find_tokens.h"
#include <inttypes.h>
#include <string.h>

// Operand k is rows. False: reported there, or here.
static bool is_rows(tok_ctx *c, uint32_t node, uint32_t k) {
    uint32_t id = tok_at(c, node)->operand[k];
    tok_node *x = tok_at(c, id);
    switch (x->state) {
    case TOK_VALUE: return true;
    case TOK_IMAGE:
        return tok_fail(
            c, node, DIAG_ID_tok_role,
            "reads %s, which has no token axis: only a convolution whose kernel equals its "
            "stride turns an image into rows; else say which axis counts tokens (--axis)",
            tok_name(c, id));
    case TOK_SCORES:
    case TOK_PROBS:
        return tok_fail(c, node, DIAG_ID_tok_mix,
                        "'%s' on attention scores %s, outside of softmax(scale q k + mask) v",
                        ir_ops[tok_at(c, node)->op->code].name, tok_layout_text(c, &x->layout));
    case TOK_CODES:
    case TOK_QUANT:
        return tok_fail(
            c, node, DIAG_ID_tok_scope,
            "'%s' reads a dynamically quantised value; only a product with a constant matrix "
            "may, since its scale becomes one a row",
            ir_ops[tok_at(c, node)->op->code].name);
    default: return tok_blame(c, node, id);
    }
}

static bool is_const(const tok_ctx *c, uint32_t node, uint32_t k) {
    return tok_at(c, tok_at(c, node)->operand[k])->is_const;
}

// ---- elementwise -----------------------------------------------------------------------------

static bool is_commutative(ir_opcode code) {
    switch (code) {
    case IR_t_add:
    case IR_t_mul:
    case IR_t_min:
    case IR_t_max:
    case IR_t_eq:
    case IR_t_and:
    case IR_t_or:
    case IR_t_xor: return true;
    default: return false;
    }
}

// Constants last, then by depth: every exporter's operand order gives the same program.
static void sort_operands(const tok_ctx *c, const tok_node *n, uint32_t *operand) {
    memcpy(operand, n->operand, n->n_operands * sizeof *operand);
    if (!is_commutative(n->op->code)) return;
    const tok_node *a = tok_at(c, operand[0]), *b = tok_at(c, operand[1]);
    if (b->is_const || (!a->is_const && a->depth <= b->depth)) return;
    uint32_t first = operand[0];
    operand[0] = operand[1];
    operand[1] = first;
}

// Rows of operand `id` spread to the columns and the domain of `l`.
static ir_val spread(tok_ctx *c, uint32_t node, uint32_t id, const tok_layout *l) {
    tok_node *x = tok_at(c, id);
    int64_t w = tok_width(l), *index = ARENA_ARRAY(c->a, int64_t, w);
    ir_val v = x->val;
    bool same = tok_columns(&x->layout, l, index);
    if (!same && tok_width(&x->layout) != 1) v = tok_emit_columns(c, node, v, index, w);
    int d = tok_layout_domain(l);
    return d >= 0 ? tok_emit_like(c, node, v, d) : v;
}

bool tok_rule_elementwise(tok_ctx *c, uint32_t node) {
    bool handled = false;
    if (!tok_scores_elementwise(c, node, &handled) || handled) return handled;
    tok_node *n = tok_at(c, node);
    uint32_t operand[3];
    CHECK(n->n_operands <= 3, "%s", ir_ops[n->op->code].name);
    sort_operands(c, n, operand);
    tok_layout l = {.rank = 0};
    bool first = true, ok = true;
    for (uint32_t k = 0; k < n->n_operands; k++) {
        if (is_const(c, node, k)) continue;
        if (!is_rows(c, node, k)) {
            ok = false;
            continue;
        }
        const tok_layout *x = &tok_at(c, n->operand[k])->layout;
        if (first)
            l = *x;
        else
            ok = ok && tok_layout_join(c, node, &l, x);
        first = false;
    }
    if (!ok) return false;
    tok_layout own[3];
    for (uint32_t k = 0; k < n->n_operands; k++) {
        if (!tok_at(c, operand[k])->is_const) continue;
        if (!tok_const_layout(c, operand[k], node, &l, &own[k]) ||
            !tok_layout_join(c, node, &l, &own[k]))
            return false;
    }
    if (tok_layout_domain(&l) == -2)
        return tok_fail(c, node, DIAG_ID_tok_out, "has two token axes: %s", tok_layout_text(c, &l));
    ir_val in[3] = {0};
    for (int pass = 0; pass < 2; pass++) { // constants first: they may bring the rows
        for (uint32_t k = 0; k < n->n_operands; k++) {
            bool k_const = tok_at(c, operand[k])->is_const;
            if (k_const == (pass == 1)) continue;
            in[k] = k_const ? tok_const_value(c, operand[k], node, &own[k], &l)
                            : spread(c, node, operand[k], &l);
            if (in[k] == IR_NONE) {
                n->state = TOK_BAD;
                return false;
            }
        }
    }
    // Operands narrower than the result broadcast; a row of width 1 is [t] or [t,1] alike.
    ir_val v = tok_emit(c, node, n->op->code, in, n->n_operands, &n->op->attrs);
    return v != IR_NONE && tok_set_value(c, node, v, &l);
}

bool tok_rule_cast(tok_ctx *c, uint32_t node) {
    if (!is_rows(c, node, 0)) return false;
    tok_node *n = tok_at(c, node), *x = tok_at(c, n->operand[0]);
    elem from = ir_type_of(c->f, x->val)->type, to = tok_row_elem(tok_type(c, node, 0)->type);
    if (elem_is_float(tok_type(c, node, 0)->type) && tok_type(c, node, 0)->type != ELEM_f32)
        tok_note(c, "values of type %s are computed in f32", elem_name(tok_type(c, node, 0)->type));
    ir_val v = x->val;
    if (from != to) {
        ir_attrs attrs = {0};
        ir_attr_set_str(c->a, &attrs, IR_ATTR_to, elem_name(to));
        v = tok_emit(c, node, IR_t_cast, &v, 1, &attrs);
    }
    return tok_set_value(c, node, v, &tok_at(c, n->operand[0])->layout);
}

// ---- groups of columns -----------------------------------------------------------------------

// Splits a layout at `axis`: features before it are groups, features from it on are what an
// operation works on. False: reported (rows or batch among the latter).
static bool split_at(tok_ctx *c, uint32_t node, const tok_layout *l, int axis, int64_t *groups,
                     int64_t *width) {
    *groups = *width = 1;
    for (int i = 0; i < l->count; i++) {
        const tok_atom *a = &l->atom[i];
        if (a->kind == TOK_FEATURE) {
            *(a->axis < axis ? groups : width) *= a->size;
        } else if (a->axis >= axis) {
            return tok_fail(c, node, DIAG_ID_tok_mix,
                            "'%s' over axis %d of %s mixes %s: its rows depend on each other",
                            ir_ops[tok_at(c, node)->op->code].name, a->axis, tok_layout_text(c, l),
                            a->kind == TOK_ROWS ? "tokens" : "sequences of the batch");
        }
    }
    return true;
}

typedef ir_val (*segment_fn)(tok_ctx *c, uint32_t node, ir_val x, void *arg);

// f on every group of columns; the results side by side.
static ir_val per_group(tok_ctx *c, uint32_t node, ir_val v, int64_t groups, int64_t width,
                        segment_fn f, void *arg) {
    if (groups == 1) return f(c, node, tok_emit_matrix(c, node, v), arg);
    ir_val *part = ARENA_ARRAY(c->a, ir_val, groups);
    int64_t *index = ARENA_ARRAY(c->a, int64_t, width);
    for (int64_t g = 0; g < groups; g++) {
        for (int64_t i = 0; i < width; i++) index[i] = g * width + i;
        part[g] = f(c, node, tok_emit_columns(c, node, v, index, width), arg);
        if (part[g] == IR_NONE) return IR_NONE;
    }
    return tok_emit(c, node, IR_row_join, part, (size_t)groups, NULL);
}

// ---- products --------------------------------------------------------------------------------

typedef struct {
    ir_opcode code;
    ir_val operand[3];
    size_t n;
    ir_attrs attrs;
} call;

static ir_val apply(tok_ctx *c, uint32_t node, ir_val x, void *arg) {
    call *k = arg;
    k->operand[0] = x;
    return tok_emit(c, node, k->code, k->operand, k->n, &k->attrs);
}

// x (rows) times a constant [K,N] (or [N,K]), plus a bias (TOK_NONE: none). axis: of x, contracted;
// the result has N features there.
static bool product(tok_ctx *c, uint32_t node, uint32_t x_id, uint32_t w_id, bool trans,
                    uint32_t bias_id, const ir_attrs *attrs, int axis) {
    ir_val x = tok_rows(c, x_id);
    if (x == IR_NONE) return tok_at(c, node)->state = TOK_BAD, false;
    tok_layout l = tok_at(c, x_id)->layout;
    int64_t groups, width;
    // Features after the contracted axis (W x for columns x): they become groups.
    tok_layout moved = l;
    if (axis != l.rank - 1) {
        int64_t perm[IR_MAX_RANK], n = 0;
        for (int i = 0; i < l.rank; i++)
            if (i != axis) perm[n++] = i;
        perm[n] = axis;
        int64_t *index = ARENA_ARRAY(c->a, int64_t, tok_width(&l));
        if (tok_layout_permute(&l, perm, &moved, index))
            x = tok_emit_columns(c, node, x, index, tok_width(&l));
    }
    if (!split_at(c, node, &moved, l.rank - 1, &groups, &width)) return false;
    const tensor *t = tok_const_at(c, w_id, 0);
    if (!t) return tok_at(c, node)->state = TOK_BAD, false;
    int64_t dim[2] = {1, 1};
    for (int i = 0; i < t->rank; i++) {
        if (i < t->rank - 2 && t->dim[i] != 1)
            return tok_fail(c, node, DIAG_ID_tok_mix, "a batch of %" PRId64 " constant matrices",
                            t->dim[i]);
        if (i >= t->rank - 2) dim[i - t->rank + 2] = t->dim[i];
    }
    int64_t n_out = dim[trans ? 0 : 1];
    call k = {.code = IR_nn_linear, .n = 2};
    const char *w = tok_const_symbol(c, w_id, node, 2, dim);
    if (!w) return false;
    k.operand[1] = tok_const_op(c, node, w);
    if (bias_id != TOK_NONE) {
        const char *b = tok_const_symbol(c, bias_id, node, 1, &n_out);
        if (!b) return false;
        k.operand[k.n++] = tok_const_op(c, node, b);
    }
    if (attrs) k.attrs = ir_attrs_copy(c->a, attrs);
    if (trans) ir_attr_set_int(c->a, &k.attrs, IR_ATTR_trans_w, 1);
    ir_val v = per_group(c, node, x, groups, width, apply, &k);
    if (v == IR_NONE) return false;
    // Features of the result stand where the contracted ones stood.
    tok_layout with = {.rank = moved.rank}, out = {.rank = l.rank};
    for (int i = 0; i < moved.count; i++)
        if (moved.atom[i].axis != l.rank - 1) tok_layout_push(&with, moved.atom[i]);
    tok_layout_push(&with, (tok_atom){TOK_FEATURE, l.rank - 1, 0, n_out, 1, false});
    tok_layout_tidy(&with);
    out = with;
    if (axis != l.rank - 1) {
        int64_t perm[IR_MAX_RANK];
        for (int i = 0; i < l.rank; i++) perm[i] = i < axis ? i : i == axis ? l.rank - 1 : i - 1;
        int64_t *index = ARENA_ARRAY(c->a, int64_t, tok_width(&with));
        if (tok_layout_permute(&with, perm, &out, index))
            v = tok_emit_columns(c, node, v, index, tok_width(&with));
    }
    return tok_set_value(c, node, v, &out);
}

bool tok_rule_linear(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node);
    if (tok_at(c, n->operand[0])->state != TOK_CODES && !is_rows(c, node, 0)) return false;
    if (!is_const(c, node, 1))
        return tok_fail(c, node, DIAG_ID_tok_mix,
                        "the weights of a linear layer depend on an input");
    bool trans = ir_attr_int(&n->op->attrs, IR_ATTR_trans_w, 0) != 0;
    uint32_t bias = n->n_operands > 2 ? n->operand[2] : TOK_NONE;
    if (bias != TOK_NONE && !tok_at(c, bias)->is_const)
        return tok_fail(c, node, DIAG_ID_tok_mix, "the bias of a linear layer depends on an input");
    int rank = tok_at(c, n->operand[0])->layout.rank;
    return product(c, node, n->operand[0], n->operand[1], trans, bias, &n->op->attrs, rank - 1);
}

// Both operands are rows: contracted features, token axes left: scores.
bool tok_rule_matmul(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node);
    if (tok_at(c, n->operand[0])->state == TOK_PROBS) return tok_scores_mix(c, node);
    if (!is_const(c, node, 0) && is_const(c, node, 1)) {
        if (!is_rows(c, node, 0)) return false;
        tok_node *x = tok_at(c, n->operand[0]);
        return product(c, node, n->operand[0], n->operand[1], false, TOK_NONE, NULL,
                       x->layout.rank - 1);
    }
    if (is_const(c, node, 0)) {
        if (!is_rows(c, node, 1)) return false;
        tok_node *x = tok_at(c, n->operand[1]);
        if (x->layout.rank < 2)
            return tok_fail(c, node, DIAG_ID_tok_mix, "a constant matrix times a vector");
        return product(c, node, n->operand[1], n->operand[0], true, TOK_NONE, NULL,
                       x->layout.rank - 2);
    }
    if (!is_rows(c, node, 0) || !is_rows(c, node, 1)) return false;
    const tok_layout *a = &tok_at(c, n->operand[0])->layout, *b = &tok_at(c, n->operand[1])->layout;
    int from, until;
    tok_layout_axis(a, a->rank - 1, &from, &until);
    bool features = b->rank >= 2;
    for (int i = from; i < until; i++) features &= a->atom[i].kind == TOK_FEATURE;
    tok_layout_axis(b, b->rank - 1, &from, &until);
    bool keys = until - from == 1 && b->atom[from].kind == TOK_ROWS;
    if (!features || !keys || a->rank != b->rank || tok_type(c, node, 0)->rank != a->rank)
        return tok_fail(c, node, DIAG_ID_tok_mix,
                        "the product of %s and %s %s: only attention may mix tokens",
                        tok_layout_text(c, a), tok_layout_text(c, b),
                        features ? "multiplies rows of one token" : "sums over tokens");
    n->state = TOK_SCORES;
    n->score = ARENA_NEW(c->a, tok_score);
    *n->score = (tok_score){n->operand[0], n->operand[1], 1.0, TOK_NONE};
    n->layout = *a;
    return true;
}

// ---- norms, softmax, reductions --------------------------------------------------------------

bool tok_rule_norm(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node);
    if (!is_rows(c, node, 0)) return false;
    ir_val x = tok_rows(c, n->operand[0]);
    if (x == IR_NONE) return tok_at(c, node)->state = TOK_BAD, false;
    const tok_layout l = tok_at(c, n->operand[0])->layout;
    int axis = (int)ir_attr_int(&n->op->attrs, IR_ATTR_axis, l.rank - 1);
    int64_t groups, width;
    if (!split_at(c, node, &l, axis, &groups, &width)) return false;
    call k = {.code = IR_nn_norm, .n = 1};
    for (uint32_t i = 1; i < n->n_operands; i++) {
        k.n = i + 1;
        if (n->operand[i] == TOK_NONE) continue;
        if (!is_const(c, node, i))
            return tok_fail(c, node, DIAG_ID_tok_mix, "the gain of a norm depends on an input");
        const tensor *t = tok_const_at(c, n->operand[i], 0);
        if (!t) return tok_at(c, node)->state = TOK_BAD, false;
        bool one = tensor_count(t) == 1;
        if (!one && (int64_t)tensor_count(t) != width)
            return tok_fail(c, node, DIAG_ID_tok_const,
                            "a gain of %zu numbers on %" PRId64 " columns", tensor_count(t), width);
        const char *s = tok_const_symbol(c, n->operand[i], node, 1, one ? (int64_t[]){1} : &width);
        if (!s) return false;
        k.operand[i] = tok_const_op(c, node, s);
    }
    k.attrs = ir_attrs_copy(c->a, &n->op->attrs);
    ir_attr_remove(&k.attrs, IR_ATTR_axis);
    return tok_set_value(c, node, per_group(c, node, x, groups, width, apply, &k), &l);
}

// The same layout with the features of some axes last, and the rows to match.
static ir_val features_last(tok_ctx *c, uint32_t node, ir_val x, const tok_layout *l, unsigned axes,
                            int64_t *groups, int64_t *width) {
    tok_layout sorted = {.rank = l->rank};
    int64_t stride[TOK_MAX_ATOMS], s = 1, atom_stride[TOK_MAX_ATOMS];
    for (int i = l->count; i-- > 0;) {
        stride[i] = s;
        if (l->atom[i].kind == TOK_FEATURE && !l->atom[i].is_virtual) s *= l->atom[i].size;
    }
    *groups = *width = 1;
    for (int last = 0; last < 2; last++)
        for (int i = 0; i < l->count; i++) {
            bool in = axes >> l->atom[i].axis & 1;
            if (l->atom[i].kind != TOK_FEATURE || l->atom[i].is_virtual || in != (last == 1))
                continue;
            atom_stride[sorted.count] = stride[i];
            tok_layout_push(&sorted, l->atom[i]);
            *(last ? width : groups) *= l->atom[i].size;
        }
    int64_t w = *groups * *width, *index = ARENA_ARRAY(c->a, int64_t, w);
    for (int64_t col = 0; col < w; col++) {
        int64_t rest = col;
        for (int i = sorted.count; i-- > 0;) {
            index[col] += rest % sorted.atom[i].size * atom_stride[i];
            rest /= sorted.atom[i].size;
        }
    }
    return tok_emit_columns(c, node, x, index, w);
}

bool tok_rule_softmax(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node);
    if (tok_at(c, n->operand[0])->state == TOK_SCORES) return tok_scores_softmax(c, node);
    if (!is_rows(c, node, 0)) return false;
    ir_val x = tok_rows(c, n->operand[0]);
    if (x == IR_NONE) return tok_at(c, node)->state = TOK_BAD, false;
    const tok_layout l = tok_at(c, n->operand[0])->layout;
    int axis = (int)ir_attr_int(&n->op->attrs, IR_ATTR_axis, l.rank - 1);
    tok_layout from_axis = {.rank = l.rank};
    for (int i = 0; i < l.count; i++)
        if (l.atom[i].axis == axis) tok_layout_push(&from_axis, l.atom[i]);
    int64_t groups, width;
    if (!split_at(c, node, &from_axis, 0, &groups, &width)) return false;
    for (int i = 0; i < l.count; i++)
        if (l.atom[i].kind == TOK_FEATURE && l.atom[i].axis > axis)
            return tok_fail(c, node, DIAG_ID_tok_mix,
                            "softmax over axis %d of %s, not over the last one", axis,
                            tok_layout_text(c, &l));
    if (!split_at(c, node, &l, l.rank, &groups, &width)) return false;
    width = tok_width(&from_axis);
    groups /= width;
    call k = {.code = n->op->code, .n = 1};
    ir_attr_set_int(c->a, &k.attrs, IR_ATTR_axis, 1);
    return tok_set_value(c, node, per_group(c, node, x, groups, width, apply, &k), &l);
}

// The layout without some axes.
static tok_layout without_axes(const tok_layout *l, unsigned axes, bool keepdims) {
    tok_layout out = {.rank = l->rank};
    for (int i = 0; i < l->count; i++)
        if (!(axes >> l->atom[i].axis & 1)) tok_layout_push(&out, l->atom[i]);
    if (keepdims) return out;
    for (int i = 0; i < out.count; i++) {
        int drop = 0;
        for (int k = 0; k < out.atom[i].axis; k++) drop += axes >> k & 1;
        out.atom[i].axis -= drop;
    }
    for (int k = 0; k < l->rank; k++) out.rank -= axes >> k & 1;
    return out;
}

static ir_val reduce_columns(tok_ctx *c, uint32_t node, ir_val x, const tok_layout *l,
                             unsigned axes, ir_opcode code, const ir_attrs *attrs) {
    int64_t groups, width;
    x = features_last(c, node, x, l, axes, &groups, &width);
    if (width == 1 && code == IR_t_reduce) {
        const char *fn = ir_attr_str(attrs, IR_ATTR_fn, "");
        if (!strcmp(fn, "sum") || !strcmp(fn, "mean") || !strcmp(fn, "max") || !strcmp(fn, "min") ||
            !strcmp(fn, "prod"))
            return x;
    }
    call k = {.code = code, .n = 1, .attrs = ir_attrs_copy(c->a, attrs)};
    ir_attr_set_int(c->a, &k.attrs, IR_ATTR_keepdims, 1);
    if (code == IR_t_reduce)
        ir_attr_set_ints(c->a, &k.attrs, IR_ATTR_axes, (int64_t[]){1}, 1);
    else
        ir_attr_set_int(c->a, &k.attrs, IR_ATTR_axis, 1);
    return per_group(c, node, x, groups, width, apply, &k);
}

static ir_val reduce_rows(tok_ctx *c, uint32_t node, ir_val x, const char *fn) {
    x = tok_emit_matrix(c, node, x);
    elem e = ir_type_of(c->f, x)->type;
    ir_attrs attrs = {0};
    if (e != ELEM_f32) { // counts of a mask: exact in f32
        ir_attr_set_str(c->a, &attrs, IR_ATTR_to, "f32");
        x = tok_emit(c, node, IR_t_cast, &x, 1, &attrs);
        attrs = (ir_attrs){0};
    }
    ir_attr_set_str(c->a, &attrs, IR_ATTR_fn, fn);
    int64_t w = ir_type_width(ir_type_of(c->f, x));
    x = tok_emit_typed(c, node, IR_rows_reduce, &x, 1, &attrs,
                       tok_row_type(ELEM_f32, tok_domain_one(c), w));
    if (e == ELEM_f32) return x;
    attrs = (ir_attrs){0};
    ir_attr_set_str(c->a, &attrs, IR_ATTR_to, elem_name(e));
    return tok_emit(c, node, IR_t_cast, &x, 1, &attrs);
}

bool tok_rule_reduce(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node);
    if (!is_rows(c, node, 0)) return false;
    size_t count;
    const int64_t *list = ir_attr_ints(&n->op->attrs, IR_ATTR_axes, &count);
    unsigned axes = 0;
    for (size_t i = 0; i < count; i++) axes |= 1u << list[i];
    // Broadcasts along other axes may wait.
    const tok_layout *before = &tok_at(c, n->operand[0])->layout;
    bool wait = true;
    for (int i = 0; i < before->count; i++)
        wait &= !before->atom[i].is_virtual || !(axes >> before->atom[i].axis & 1);
    ir_val x = wait ? tok_at(c, n->operand[0])->val : tok_rows(c, n->operand[0]);
    if (x == IR_NONE) return tok_at(c, node)->state = TOK_BAD, false;
    const tok_layout l = tok_at(c, n->operand[0])->layout;
    bool rows = false;
    for (int i = 0; i < l.count; i++) {
        if (!(axes >> l.atom[i].axis & 1)) continue;
        rows |= l.atom[i].kind == TOK_ROWS;
        if (l.atom[i].kind == TOK_BATCH)
            return tok_fail(c, node, DIAG_ID_tok_mix, "sums over the sequences of the batch");
    }
    const char *fn = ir_attr_str(&n->op->attrs, IR_ATTR_fn, "");
    ir_val v = reduce_columns(c, node, x, &l, axes, IR_t_reduce, &n->op->attrs);
    if (v != IR_NONE && rows) {
        if (strcmp(fn, "sum") && strcmp(fn, "mean") && strcmp(fn, "max"))
            return tok_fail(c, node, DIAG_ID_tok_mix,
                            "'%s' over tokens: only sum, mean and max may", fn);
        if (tok_layout_domain(&l) < 0)
            return tok_fail(c, node, DIAG_ID_tok_mix, "a reduction over a part of %s",
                            tok_layout_text(c, &l));
        tok_whole(c, node, "reduces over the tokens");
        v = reduce_rows(c, node, v, fn);
        for (int i = 0; i < l.count; i++)
            if (l.atom[i].kind == TOK_ROWS) axes |= 1u << l.atom[i].axis;
    }
    tok_layout out = without_axes(&l, axes, ir_attr_int(&n->op->attrs, IR_ATTR_keepdims, 1) != 0);
    return tok_set_value(c, node, v, &out);
}

bool tok_rule_argmax(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node);
    if (!is_rows(c, node, 0)) return false;
    ir_val x = tok_rows(c, n->operand[0]);
    if (x == IR_NONE) return tok_at(c, node)->state = TOK_BAD, false;
    const tok_layout l = tok_at(c, n->operand[0])->layout;
    unsigned axes = 1u << ir_attr_int(&n->op->attrs, IR_ATTR_axis, 0);
    for (int i = 0; i < l.count; i++)
        if ((axes >> l.atom[i].axis & 1) && l.atom[i].kind != TOK_FEATURE)
            return tok_fail(c, node, DIAG_ID_tok_mix, "'%s' over tokens", ir_ops[n->op->code].name);
    ir_val v = reduce_columns(c, node, x, &l, axes, n->op->code, &n->op->attrs);
    if (v == IR_NONE) return false;
    ir_attrs attrs = {0};
    ir_attr_set_str(c->a, &attrs, IR_ATTR_to, "i32");
    v = tok_emit(c, node, IR_t_cast, &v, 1, &attrs);
    tok_layout out = without_axes(&l, axes, ir_attr_int(&n->op->attrs, IR_ATTR_keepdims, 1) != 0);
    return v != IR_NONE && tok_set_value(c, node, v, &out);
}

// ---- what no row-local form has --------------------------------------------------------------

bool tok_rule_cumsum(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node);
    if (!is_rows(c, node, 0)) return false;
    const tok_layout l = tok_at(c, n->operand[0])->layout;
    int axis = (int)ir_attr_int(&n->op->attrs, IR_ATTR_axis, 0);
    for (int i = 0; i < l.count; i++)
        if (l.atom[i].axis == axis && l.atom[i].kind == TOK_ROWS)
            return tok_fail(
                c, node, DIAG_ID_tok_recurrence,
                "a running sum over tokens of %s; positions counted from a mask need the "
                "mask bound to ones (--bind), or position ids as an input",
                tok_name(c, n->operand[0]));
    int64_t groups, width;
    if (!split_at(c, node, &l, l.rank, &groups, &width)) return false;
    if (groups != tok_width(&l) || axis != l.rank - 1)
        return tok_fail(c, node, DIAG_ID_tok_mix, "a running sum over a part of %s",
                        tok_layout_text(c, &l));
    call k = {.code = n->op->code, .n = 1, .attrs = ir_attrs_copy(c->a, &n->op->attrs)};
    ir_attr_set_int(c->a, &k.attrs, IR_ATTR_axis, 1);
    ir_val x = tok_rows(c, n->operand[0]);
    return tok_set_value(c, node, per_group(c, node, x, 1, groups, apply, &k), &l);
}

bool tok_rule_topk(tok_ctx *c, uint32_t node) {
    return tok_fail(c, node, DIAG_ID_tok_mix, "'t.topk' on rows has no row-local form here");
}

bool tok_rule_recurrence(tok_ctx *c, uint32_t node) {
    return tok_fail(
        c, node, DIAG_ID_tok_ragged,
        "'%s' on values that depend on inputs: which rows it moves is known only when it "
        "runs",
        ir_ops[tok_at(c, node)->op->code].name);
}
