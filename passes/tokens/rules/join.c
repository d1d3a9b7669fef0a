// Joining: features side by side, constant rows before and after the tokens (CLS, registers).
#include "passes/tokens/constant.h"
#include "passes/tokens/rules/rules.h"

// Constant rows before and after the tokens.
static bool join_rows(tok_ctx *c, uint32_t node, const uint32_t *id, uint32_t n, int axis) {
    tok_recipe *r = tok_recipe_of(c, node);
    uint32_t at = n;
    for (uint32_t k = 0; k < n; k++) {
        if (tok_at(c, id[k])->is_const) continue;
        bool rows = false;
        const tok_layout *l = &tok_plan_of(c, id[k])->layout;
        for (int i = 0; i < l->count; i++)
            rows |= l->atom[i].axis == axis && l->atom[i].kind == TOK_ROWS;
        if (!rows || at < n)
            return tok_fail(c, node, DIAG_ID_tok_mix, "joins %s and %s along the token axis",
                            tok_name(c, id[at < n ? at : 0]), tok_name(c, id[k]));
        at = k;
    }
    tok_ref v = tok_take_full(c, node, id[at]);
    if (v.from == TOK_NOTHING) return false;
    tok_layout l = tok_layout_full(&tok_plan_of(c, id[at])->layout);
    for (uint32_t step = 0; step + 1 < n; step++) {
        // Prefixes from the tokens outwards, then suffixes.
        uint32_t k = step < at ? at - 1 - step : step + 1;
        tok_layout rest = tok_layout_without_axis(&l, axis), own;
        if (!tok_const_layout(c, id[k], node, &rest, &own)) return false;
        const tok_constant *rows = tok_const_rows(c, id[k], node, own, axis, &rest);
        if (!rows) return false;
        int d = tok_layout_domain(&l);
        int to = d < 0 ? -1 : tok_domain_derive(c, node, d, 1, rows->data.dim[0], 1);
        if (to < 0) return false;
        const tok_ref in[] = {v, tok_step_constant(c, r, rows)};
        v = tok_step_typed(c, r, step < at ? IR_rows_prefix : IR_rows_suffix, in, 2, NULL,
                           tok_row_type(v.type.type, to, ir_type_width(&v.type)));
        for (int i = 0; i < l.count; i++)
            if (l.atom[i].kind == TOK_ROWS) l.atom[i] = (tok_atom){TOK_ROWS, axis, to, 0, 1, false};
    }
    tok_whole(c, node, "adds rows to the sequence");
    return tok_set_rows(c, node, v, &l);
}

// What operands have besides the axis along which they are joined. False: refused.
static bool common_layout(tok_ctx *c, uint32_t node, const uint32_t *id, uint32_t n, int axis,
                          tok_layout *common) {
    bool first = true;
    *common = (tok_layout){0};
    for (uint32_t k = 0; k < n; k++) {
        if (tok_at(c, id[k])->is_const) continue;
        if (tok_take_full(c, node, id[k]).from == TOK_NOTHING) return false;
        tok_layout full = tok_layout_full(&tok_plan_of(c, id[k])->layout);
        tok_layout l = tok_layout_without_axis(&full, axis);
        if (first)
            *common = l;
        else if (!tok_layout_join(c, node, common, &l))
            return false;
        first = false;
    }
    return true;
}

// One operand with all columns of layout `l`, as rows of domain d (-1: one row).
static tok_ref part_of(tok_ctx *c, tok_recipe *r, uint32_t id, const tok_layout *l, int d) {
    const tok_ref nothing = {.from = TOK_NOTHING};
    int64_t w = tok_width(l), *index = ARENA_ARRAY(c->a, int64_t, w);
    tok_ref x;
    if (tok_at(c, id)->is_const) {
        tok_layout own;
        if (!tok_const_layout(c, id, r->node, l, &own)) return nothing;
        x = tok_const_value(c, r, id, &own, l);
        if (x.from == TOK_NOTHING) return nothing;
        if (ir_type_domain(&x.type) < 0)
            x = tok_step_typed(c, r, IR_t_broadcast, &x, 1, NULL,
                               tok_row_type(x.type.type, d >= 0 ? d : tok_domain_one(c), w));
    } else {
        tok_layout full = tok_layout_full(&tok_plan_of(c, id)->layout);
        x = tok_take_full(c, r->node, id);
        if (x.from == TOK_NOTHING) return nothing;
        if (!tok_columns(&full, l, index)) x = tok_step_columns(c, r, x, index, w);
        if (d >= 0) x = tok_step_like(c, r, x, d);
        if (x.from == TOK_NOTHING) return nothing;
    }
    return tok_step_matrix(c, r, x);
}

// Side by side. Every operand has the rows and the outer features of the first.
static bool join_features(tok_ctx *c, uint32_t node, const uint32_t *id, uint32_t n, int axis) {
    tok_recipe *r = tok_recipe_of(c, node);
    tok_layout common, out;
    if (!common_layout(c, node, id, n, axis, &common)) return false;
    int64_t outer = 1, inner = 1, *size = ARENA_ARRAY(c->a, int64_t, n), total = 0;
    for (int i = 0; i < common.count; i++)
        if (common.atom[i].kind == TOK_FEATURE)
            *(common.atom[i].axis < axis ? &outer : &inner) *= common.atom[i].size;
    int d = tok_layout_domain(&common);
    tok_ref *part = ARENA_ARRAY(c->a, tok_ref, n);
    for (uint32_t k = 0; k < n; k++) {
        size[k] = tok_type(c, id[k], 0)->dim[axis];
        total += size[k];
        tok_layout l = tok_layout_with_features(&common, axis, size[k]);
        part[k] = part_of(c, r, id[k], &l, d);
        if (part[k].from == TOK_NOTHING) return false;
    }
    tok_ref v = tok_step_of(c, r, IR_row_join, part, n, NULL);
    if (v.from == TOK_NOTHING) return false;
    // From one operand after the other to the outer features' order.
    int64_t *index = ARENA_ARRAY(c->a, int64_t, outer * total * inner), at = 0;
    for (int64_t o = 0; o < outer; o++) {
        int64_t base = 0;
        for (uint32_t k = 0; k < n; k++) {
            for (int64_t i = 0; i < size[k] * inner; i++)
                index[at++] = base + o * size[k] * inner + i;
            base += outer * size[k] * inner;
        }
    }
    v = tok_step_columns(c, r, v, index, at);
    tok_layout l = tok_layout_with_features(&common, axis, total);
    return tok_layout_reshape(c, node, &l, &out) && tok_set_rows(c, node, v, &out);
}

bool tok_rule_concat(tok_ctx *c, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    int axis = n->op->code == IR_row_join ? tok_type(c, node, 0)->rank - 1
                                          : (int)ir_attr_int(&n->op->attrs, IR_ATTR_axis, 0);
    uint32_t *id = ARENA_ARRAY(c->a, uint32_t, n->n_operands), count = 0;
    bool rows = false;
    for (uint32_t k = 0; k < n->n_operands; k++) {
        if (tok_is_empty(c, n->operand[k])) continue; // a cache without rows
        id[count++] = n->operand[k];
        if (tok_at(c, n->operand[k])->is_const) continue;
        if (!tok_is_rows(c, node, n->operand[k])) return false;
        const tok_layout *l = &tok_plan_of(c, n->operand[k])->layout;
        for (int i = 0; i < l->count; i++) {
            if (l->atom[i].axis != axis) continue;
            rows |= l->atom[i].kind == TOK_ROWS;
            if (l->atom[i].kind == TOK_BATCH)
                return tok_fail(c, node, DIAG_ID_tok_mix, "joins batches");
        }
    }
    if (count == 1)
        return tok_set_rows(c, node, tok_take(c, id[0]), &tok_plan_of(c, id[0])->layout);
    return rows ? join_rows(c, node, id, count, axis) : join_features(c, node, id, count, axis);
}
