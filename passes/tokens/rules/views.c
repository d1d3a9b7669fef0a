// Views: elements that keep their order cost nothing; where features change places, columns are
// permuted; a broadcast waits until something needs its columns.
#include "passes/tokens/rules/rules.h"

bool tok_rule_reshape(tok_ctx *c, uint32_t node) {
    uint32_t x = tok_at(c, node)->operand[0];
    tok_layout l;
    return tok_is_rows(c, node, x) && tok_layout_reshape(c, node, &tok_plan_of(c, x)->layout, &l) &&
           tok_set_rows(c, node, tok_take(c, x), &l);
}

bool tok_rule_transpose(tok_ctx *c, uint32_t node) {
    uint32_t x = tok_at(c, node)->operand[0];
    if (!tok_is_rows(c, node, x)) return false;
    size_t n;
    const int64_t *perm = ir_attr_ints(&tok_at(c, node)->op->attrs, IR_ATTR_perm, &n);
    const tok_layout *own = &tok_plan_of(c, x)->layout;
    int64_t w = tok_width(own), *index = ARENA_ARRAY(c->a, int64_t, w);
    tok_layout l;
    tok_ref v = tok_take(c, x);
    if (tok_layout_permute(own, perm, &l, index))
        v = tok_step_columns(c, tok_recipe_of(c, node), v, index, w);
    return tok_set_rows(c, node, v, &l);
}

bool tok_rule_broadcast(tok_ctx *c, uint32_t node) {
    uint32_t x = tok_at(c, node)->operand[0];
    if (!tok_is_rows(c, node, x)) return false;
    const tok_layout *own = &tok_plan_of(c, x)->layout;
    const ir_type *t = tok_type(c, node, 0);
    tok_layout l = {.rank = t->rank};
    int shift = t->rank - own->rank;
    for (int axis = 0; axis < t->rank; axis++) {
        int from = 0, until = 0;
        if (axis >= shift) tok_layout_axis(own, axis - shift, &from, &until);
        for (int i = from; i < until; i++) {
            tok_atom a = own->atom[i];
            a.axis = axis;
            tok_layout_push(&l, a);
        }
        if (from < until) continue;
        bool varies = false, is_one = true;
        for (int i = 0; i < c->n_probes; i++) {
            varies |= tok_type(c, node, i)->dim[axis] != t->dim[axis];
            is_one &= tok_type(c, node, i)->dim[axis] == 1;
        }
        tok_atom a = {TOK_FEATURE, axis, 0, t->dim[axis], 1, true};
        if (varies) {
            a = (tok_atom){TOK_ROWS, axis, 0, 0, 1, true};
            if (!tok_axis_rows(c, node, axis, &a.domain)) return false;
        }
        if (!is_one) tok_layout_push(&l, a);
    }
    return tok_set_rows(c, node, tok_take(c, x), &l);
}

bool tok_rule_pad(tok_ctx *c, uint32_t node) {
    uint32_t x = tok_at(c, node)->operand[0];
    if (!tok_is_rows(c, node, x)) return false;
    const tok_layout *l = &tok_plan_of(c, x)->layout;
    size_t count;
    const int64_t *pads = ir_attr_ints(&tok_at(c, node)->op->attrs, IR_ATTR_pads, &count);
    bool none = true;
    for (size_t i = 0; i < count; i++) none &= pads[i] == 0;
    if (none) return tok_set_rows(c, node, tok_take(c, x), l);
    return tok_fail(c, node, DIAG_ID_tok_mix, "padding of %s", tok_layout_text(c, l));
}
