// Norms and running sums within a row, and what has no form on rows at all.
#include "passes/tokens/constant.h"
#include "passes/tokens/rules/rules.h"
#include <inttypes.h>

bool tok_rule_norm(tok_ctx *c, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    tok_recipe *r = tok_recipe_of(c, node);
    tok_ref x;
    tok_layout l;
    if (!tok_read_full(c, node, n->operand[0], &x, &l)) return false;
    int axis = (int)ir_attr_int(&n->op->attrs, IR_ATTR_axis, l.rank - 1);
    int64_t groups, width;
    if (!tok_split(c, node, &l, axis, &groups, &width)) return false;
    tok_call k = {.code = IR_nn_norm, .n = 1};
    for (uint32_t i = 1; i < n->n_operands; i++) {
        k.n = i + 1;
        if (n->operand[i] == TOK_NONE) continue;
        if (!tok_at(c, n->operand[i])->is_const)
            return tok_fail(c, node, DIAG_ID_tok_mix, "the gain of a norm depends on an input");
        const tensor *t = tok_const_at(c, n->operand[i], 0);
        if (!t) return false;
        bool one = tensor_count(t) == 1;
        if (!one && (int64_t)tensor_count(t) != width)
            return tok_fail(c, node, DIAG_ID_tok_const,
                            "a gain of %zu numbers on %" PRId64 " columns", tensor_count(t), width);
        const tok_constant *gain =
            tok_const_whole(c, n->operand[i], node, 1, one ? (int64_t[]){1} : &width);
        if (!gain) return false;
        k.operand[i] = tok_step_constant(c, r, gain);
    }
    k.attrs = ir_attrs_copy(c->a, &n->op->attrs);
    ir_attr_remove(&k.attrs, IR_ATTR_axis);
    return tok_set_rows(c, node, tok_step_groups(c, r, x, groups, width, &k), &l);
}

bool tok_rule_cumsum(tok_ctx *c, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    tok_ref x;
    tok_layout l;
    if (!tok_read_full(c, node, n->operand[0], &x, &l)) return false;
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
    return tok_set_rows(c, node, tok_step_groups(c, tok_recipe_of(c, node), x, 1, groups, &k), &l);
}

bool tok_rule_ragged(tok_ctx *c, uint32_t node) {
    return tok_fail(
        c, node, DIAG_ID_tok_ragged,
        "'%s' on values that depend on inputs: which rows it moves is known only when it runs",
        ir_ops[tok_at(c, node)->op->code].name);
}

bool tok_rule_none(tok_ctx *c, uint32_t node) {
    return tok_fail(c, node, DIAG_ID_tok_mix, "'%s' has no form on rows of tokens",
                    ir_ops[tok_at(c, node)->op->code].name);
}
