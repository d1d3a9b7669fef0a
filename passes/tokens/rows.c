// Operations that stay within a row: elementwise functions, products with static matrices, norms,
// reductions and softmax over features. Reductions over the rows themselves give one row.
#include "passes/tokens/find_tokens.h"
#include <inttypes.h>
#include <string.h>

static bool is_const(const tok_ctx *c, uint32_t node, uint32_t k) {
    return tok_at(c, tok_at(c, node)->operand[k])->is_const;
}

// ---- elementwise -----------------------------------------------------------------------------

// Constants last, then by depth: every exporter's operand order gives the same program.
static void sort_operands(const tok_ctx *c, const tok_node *n, uint32_t *operand) {
    memcpy(operand, n->operand, n->n_operands * sizeof *operand);
    if (ir_kind_of(n->op->code) != IR_KIND_SWAP) return;
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
        if (!tok_is_rows(c, node, n->operand[k])) {
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
    tok_node *n = tok_at(c, node), *x = tok_at(c, n->operand[0]);
    if (!tok_is_rows(c, node, n->operand[0])) return false;
    elem from = ir_type_of(c->f, x->val)->type, to = tok_row_elem(tok_type(c, node, 0)->type);
    ir_val v = x->val;
    if (from != to) {
        ir_attrs attrs = {0};
        ir_attr_set_str(c->a, &attrs, IR_ATTR_to, elem_name(to));
        v = tok_emit(c, node, IR_t_cast, &v, 1, &attrs);
    }
    return tok_set_value(c, node, v, &tok_at(c, n->operand[0])->layout);
}

// ---- products --------------------------------------------------------------------------------

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
    if (!tok_split(c, node, &moved, l.rank - 1, &groups, &width)) return false;
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
    tok_call k = {.code = IR_nn_linear, .n = 2};
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
    ir_val v = tok_per_group(c, node, x, groups, width, &k);
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
    if (tok_at(c, n->operand[0])->state != TOK_CODES && !tok_is_rows(c, node, n->operand[0]))
        return false;
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
        if (!tok_is_rows(c, node, n->operand[0])) return false;
        tok_node *x = tok_at(c, n->operand[0]);
        return product(c, node, n->operand[0], n->operand[1], false, TOK_NONE, NULL,
                       x->layout.rank - 1);
    }
    if (is_const(c, node, 0)) {
        if (!tok_is_rows(c, node, n->operand[1])) return false;
        tok_node *x = tok_at(c, n->operand[1]);
        if (x->layout.rank < 2)
            return tok_fail(c, node, DIAG_ID_tok_mix, "a constant matrix times a vector");
        return product(c, node, n->operand[1], n->operand[0], true, TOK_NONE, NULL,
                       x->layout.rank - 2);
    }
    if (!tok_is_rows(c, node, n->operand[0]) || !tok_is_rows(c, node, n->operand[1])) return false;
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
    if (!tok_is_rows(c, node, n->operand[0])) return false;
    ir_val x = tok_rows(c, n->operand[0]);
    if (x == IR_NONE) return tok_at(c, node)->state = TOK_BAD, false;
    const tok_layout l = tok_at(c, n->operand[0])->layout;
    int axis = (int)ir_attr_int(&n->op->attrs, IR_ATTR_axis, l.rank - 1);
    int64_t groups, width;
    if (!tok_split(c, node, &l, axis, &groups, &width)) return false;
    tok_call k = {.code = IR_nn_norm, .n = 1};
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
    return tok_set_value(c, node, tok_per_group(c, node, x, groups, width, &k), &l);
}

// ---- what no row-local form has --------------------------------------------------------------

bool tok_rule_cumsum(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node);
    if (!tok_is_rows(c, node, n->operand[0])) return false;
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
    if (!tok_split(c, node, &l, l.rank, &groups, &width)) return false;
    if (groups != tok_width(&l) || axis != l.rank - 1)
        return tok_fail(c, node, DIAG_ID_tok_mix, "a running sum over a part of %s",
                        tok_layout_text(c, &l));
    tok_call k = {.code = n->op->code, .n = 1, .attrs = ir_attrs_copy(c->a, &n->op->attrs)};
    ir_attr_set_int(c->a, &k.attrs, IR_ATTR_axis, 1);
    ir_val x = tok_rows(c, n->operand[0]);
    return tok_set_value(c, node, tok_per_group(c, node, x, 1, groups, &k), &l);
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
