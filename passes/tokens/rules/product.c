// Products: rows with static matrices stay within a row; rows with rows are attention scores.
#include "passes/tokens/constant.h"
#include "passes/tokens/rules/rules.h"
#include <inttypes.h>
#include <string.h>

// Columns moved so that `axis` is the last one, and the layout of that.
static tok_ref axis_last(tok_ctx *c, tok_recipe *r, tok_ref x, const tok_layout *l, int axis,
                         tok_layout *moved) {
    *moved = *l;
    if (axis == l->rank - 1) return x;
    int64_t perm[IR_MAX_RANK], n = 0, *index = ARENA_ARRAY(c->a, int64_t, tok_width(l));
    for (int i = 0; i < l->rank; i++)
        if (i != axis) perm[n++] = i;
    perm[n] = axis;
    bool moves = tok_layout_permute(l, perm, moved, index);
    return moves ? tok_step_columns(c, r, x, index, tok_width(l)) : x;
}

// And back.
static tok_ref axis_back(tok_ctx *c, tok_recipe *r, tok_ref x, const tok_layout *l, int axis,
                         tok_layout *back) {
    *back = *l;
    if (axis == l->rank - 1) return x;
    int64_t perm[IR_MAX_RANK], *index = ARENA_ARRAY(c->a, int64_t, tok_width(l));
    for (int i = 0; i < l->rank; i++) perm[i] = i < axis ? i : i == axis ? l->rank - 1 : i - 1;
    bool moves = tok_layout_permute(l, perm, back, index);
    return moves ? tok_step_columns(c, r, x, index, tok_width(l)) : x;
}

typedef struct {
    uint32_t x, w, bias; // bias TOK_NONE: none
    bool trans;          // w is [N,K], not [K,N]
    const ir_attrs *attrs;
    int axis;           // of x, contracted; the result has N features there
    const int64_t *dim; // of w as a matrix; NULL: its last two
} product;

static bool product_of(tok_ctx *c, uint32_t node, const product *p) {
    tok_recipe *r = tok_recipe_of(c, node);
    tok_ref x = tok_take_full(c, node, p->x);
    if (x.from == TOK_NOTHING) return false;
    const tok_layout l = tok_layout_full(&tok_plan_of(c, p->x)->layout);
    const int last = l.rank - 1;
    tok_layout moved, out;
    int64_t groups, width;
    x = axis_last(c, r, x, &l, p->axis, &moved);
    if (!tok_split(c, node, &moved, last, &groups, &width)) return false;
    const tensor *t = tok_const_at(c, p->w, 0);
    if (!t) return false;
    int64_t dim[2] = {1, 1};
    for (int i = 0; p->dim && i < 2; i++) dim[i] = p->dim[i];
    for (int i = 0; !p->dim && i < t->rank; i++) {
        if (i < t->rank - 2 && t->dim[i] != 1)
            return tok_fail(c, node, DIAG_ID_tok_mix, "a batch of %" PRId64 " constant matrices",
                            t->dim[i]);
        if (i >= t->rank - 2) dim[i - t->rank + 2] = t->dim[i];
    }
    int64_t n_out = dim[p->trans ? 0 : 1];
    tok_call k = {.code = IR_nn_linear, .n = 2};
    const tok_constant *w = tok_const_whole(c, p->w, node, 2, dim);
    if (!w) return false;
    k.operand[1] = tok_step_constant(c, r, w);
    if (p->bias != TOK_NONE) {
        const tok_constant *b = tok_const_whole(c, p->bias, node, 1, &n_out);
        if (!b) return false;
        k.operand[k.n++] = tok_step_constant(c, r, b);
    }
    if (p->attrs) k.attrs = ir_attrs_copy(c->a, p->attrs);
    if (p->trans) ir_attr_set_int(c->a, &k.attrs, IR_ATTR_trans_w, 1);
    tok_ref y = tok_step_groups(c, r, x, groups, width, &k);
    if (y.from == TOK_NOTHING) return false;
    tok_layout rest = tok_layout_without_axis(&moved, last);
    tok_layout with = tok_layout_with_features(&rest, last, n_out);
    tok_layout_tidy(&with);
    y = axis_back(c, r, y, &with, p->axis, &out);
    return tok_set_rows(c, node, y, &out);
}

bool tok_rule_linear(tok_ctx *c, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    const tok_plan *x = tok_plan_of(c, n->operand[0]);
    bool handled = false;
    if (n->n_operands == 2 && tok_at(c, n->operand[1])->is_const &&
        !ir_attr_int(&n->op->attrs, IR_ATTR_trans_w, 0) &&
        !ir_attr_has(&n->op->attrs, IR_ATTR_wscale) &&
        (!tok_one_hot_product(c, node, n->operand[0], n->operand[1], &handled) || handled))
        return handled;
    if (x->kind != TOK_CODES && !tok_is_rows(c, node, n->operand[0])) return false;
    if (!tok_at(c, n->operand[1])->is_const)
        return tok_fail(c, node, DIAG_ID_tok_mix,
                        "the weights of a linear layer depend on an input");
    product p = {.x = n->operand[0], .w = n->operand[1], .attrs = &n->op->attrs};
    p.trans = ir_attr_int(&n->op->attrs, IR_ATTR_trans_w, 0) != 0;
    p.bias = n->n_operands > 2 ? n->operand[2] : TOK_NONE;
    if (p.bias != TOK_NONE && !tok_at(c, p.bias)->is_const)
        return tok_fail(c, node, DIAG_ID_tok_mix, "the bias of a linear layer depends on an input");
    p.axis = x->layout.rank - 1;
    return product_of(c, node, &p);
}

bool tok_conv_of_one_place(tok_ctx *c, uint32_t node, const int64_t *dim) {
    const tok_node *n = tok_at(c, node);
    product p = {.x = n->operand[0], .w = n->operand[1], .trans = true, .axis = 1, .dim = dim};
    p.bias = n->n_operands > 2 ? n->operand[2] : TOK_NONE;
    return product_of(c, node, &p);
}

// Both operands are rows: contracted features, token axes left: scores.
static bool scores_of(tok_ctx *c, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    if (!tok_is_rows(c, node, n->operand[0]) || !tok_is_rows(c, node, n->operand[1])) return false;
    const tok_layout *a = &tok_plan_of(c, n->operand[0])->layout;
    const tok_layout *b = &tok_plan_of(c, n->operand[1])->layout;
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
    return tok_set_scores(c, node, TOK_SCORES,
                          (tok_score){n->operand[0], n->operand[1], 1, TOK_NONE, false}, a);
}

bool tok_rule_matmul(tok_ctx *c, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    uint32_t a = n->operand[0], b = n->operand[1];
    if (tok_plan_of(c, a)->kind == TOK_PROBS) return tok_scores_mix(c, node);
    if (!tok_at(c, a)->is_const && !tok_at(c, b)->is_const) return scores_of(c, node);
    bool left = tok_at(c, a)->is_const, handled = false; // a matrix times columns
    if (!left && (!tok_one_hot_product(c, node, a, b, &handled) || handled)) return handled;
    product p = {.x = left ? b : a, .w = left ? a : b, .trans = left};
    if (!tok_is_rows(c, node, p.x)) return false;
    int rank = tok_plan_of(c, p.x)->layout.rank;
    if (left && rank < 2)
        return tok_fail(c, node, DIAG_ID_tok_mix, "a constant matrix times a vector");
    p.axis = rank - (left ? 2 : 1);
    return product_of(c, node, &p);
}
