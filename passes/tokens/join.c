// Joining: features side by side, constant rows before and after the tokens (CLS, registers).
#include "passes/tokens/find_tokens.h"
#include <inttypes.h>
#include <string.h>

static tok_layout without_axis(const tok_layout *l, int axis) {
    tok_layout out = {.rank = l->rank};
    for (int i = 0; i < l->count; i++)
        if (l->atom[i].axis != axis) tok_layout_push(&out, l->atom[i]);
    return out;
}

// Constant rows before and after the tokens.
static bool join_rows(tok_ctx *c, uint32_t node, const uint32_t *id, uint32_t n, int axis) {
    uint32_t at = n;
    for (uint32_t k = 0; k < n; k++) {
        if (tok_at(c, id[k])->is_const) continue;
        bool rows = false;
        const tok_layout *l = &tok_at(c, id[k])->layout;
        for (int i = 0; i < l->count; i++)
            rows |= l->atom[i].axis == axis && l->atom[i].kind == TOK_ROWS;
        if (!rows || at < n)
            return tok_fail(c, node, DIAG_ID_tok_mix, "joins %s and %s along the token axis",
                            tok_name(c, id[at < n ? at : 0]), tok_name(c, id[k]));
        at = k;
    }
    ir_val v = tok_rows(c, id[at]);
    tok_layout l = tok_at(c, id[at])->layout;
    for (uint32_t step = 0; step + 1 < n; step++) {
        // Prefixes from the tokens outwards, then suffixes.
        uint32_t k = step < at ? at - 1 - step : step + 1;
        tok_layout rest = without_axis(&l, axis), own;
        if (!tok_const_layout(c, id[k], node, &rest, &own)) return false;
        const char *s = tok_const_rows(c, id[k], node, own, axis, &rest);
        if (!s) return false;
        int d = tok_layout_domain(&l);
        int64_t rows = ir_symbol_find(c->m, s)->data.dim[0];
        int to = d < 0 ? -1 : tok_domain_derive(c, node, d, 1, rows, 1);
        if (to < 0) return tok_at(c, node)->state = TOK_BAD, false;
        ir_val in[] = {v, tok_const_op(c, node, s)};
        const ir_type *t = ir_type_of(c->f, v);
        v = tok_emit_typed(c, node, step < at ? IR_rows_prefix : IR_rows_suffix, in, 2, NULL,
                           tok_row_type(t->type, to, ir_type_width(t)));
        for (int i = 0; i < l.count; i++)
            if (l.atom[i].kind == TOK_ROWS) l.atom[i] = (tok_atom){TOK_ROWS, axis, to, 0, 1, false};
    }
    tok_whole(c, node, "adds rows to the sequence");
    return tok_set_value(c, node, v, &l);
}

// Side by side. Every operand has the rows and the outer features of the first.
static bool join_features(tok_ctx *c, uint32_t node, const uint32_t *id, uint32_t n, int axis) {
    tok_layout common = {0};
    bool first = true;
    for (uint32_t k = 0; k < n; k++) {
        if (tok_at(c, id[k])->is_const) continue;
        if (tok_rows(c, id[k]) == IR_NONE) return tok_at(c, node)->state = TOK_BAD, false;
        tok_layout l = without_axis(&tok_at(c, id[k])->layout, axis);
        if (first)
            common = l;
        else if (!tok_layout_join(c, node, &common, &l))
            return false;
        first = false;
    }
    int64_t outer = 1, inner = 1, *size = ARENA_ARRAY(c->a, int64_t, n), total = 0;
    for (int i = 0; i < common.count; i++)
        if (common.atom[i].kind == TOK_FEATURE)
            *(common.atom[i].axis < axis ? &outer : &inner) *= common.atom[i].size;
    int d = tok_layout_domain(&common);
    ir_val *part = ARENA_ARRAY(c->a, ir_val, n);
    for (uint32_t k = 0; k < n; k++) {
        size[k] = tok_type(c, id[k], 0)->dim[axis];
        tok_layout l = common;
        tok_layout_push(&l, (tok_atom){TOK_FEATURE, axis, 0, size[k], 1, false});
        // keep atoms ordered by axis
        for (int i = l.count - 1; i > 0 && l.atom[i - 1].axis > axis; i--) {
            tok_atom a = l.atom[i];
            l.atom[i] = l.atom[i - 1];
            l.atom[i - 1] = a;
        }
        int64_t w = outer * size[k] * inner, *index = ARENA_ARRAY(c->a, int64_t, w);
        if (tok_at(c, id[k])->is_const) {
            tok_layout own;
            if (!tok_const_layout(c, id[k], node, &l, &own)) return false;
            part[k] = tok_const_value(c, id[k], node, &own, &l);
            if (part[k] == IR_NONE) return false;
            const ir_type *t = ir_type_of(c->f, part[k]);
            int to = d >= 0 ? d : tok_domain_one(c);
            if (ir_type_domain(t) < 0)
                part[k] = tok_emit_typed(c, node, IR_t_broadcast, &part[k], 1, NULL,
                                         tok_row_type(t->type, to, w));
        } else {
            part[k] = tok_at(c, id[k])->val;
            if (!tok_columns(&tok_at(c, id[k])->layout, &l, index))
                part[k] = tok_emit_columns(c, node, part[k], index, w);
            if (d >= 0) part[k] = tok_emit_like(c, node, part[k], d);
            if (part[k] == IR_NONE) return false;
        }
        part[k] = tok_emit_matrix(c, node, part[k]);
        total += size[k];
    }
    ir_val v = tok_emit(c, node, IR_row_join, part, n, NULL);
    if (v == IR_NONE) return false;
    int64_t *index = ARENA_ARRAY(c->a, int64_t, outer * total * inner), at = 0;
    for (int64_t o = 0; o < outer; o++) {
        int64_t base = 0;
        for (uint32_t k = 0; k < n; k++) {
            for (int64_t i = 0; i < size[k] * inner; i++)
                index[at++] = base + o * size[k] * inner + i;
            base += outer * size[k] * inner;
        }
    }
    v = tok_emit_columns(c, node, v, index, at);
    tok_layout l = common, out;
    tok_layout_push(&l, (tok_atom){TOK_FEATURE, axis, 0, total, 1, false});
    for (int i = l.count - 1; i > 0 && l.atom[i - 1].axis > axis; i--) {
        tok_atom a = l.atom[i];
        l.atom[i] = l.atom[i - 1];
        l.atom[i - 1] = a;
    }
    return tok_layout_reshape(c, node, &l, &out) && tok_set_value(c, node, v, &out);
}

bool tok_rule_concat(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node);
    int axis = n->op->code == IR_row_join ? tok_type(c, node, 0)->rank - 1
                                          : (int)ir_attr_int(&n->op->attrs, IR_ATTR_axis, 0);
    uint32_t *id = ARENA_ARRAY(c->a, uint32_t, n->n_operands), count = 0;
    bool rows = false;
    for (uint32_t k = 0; k < n->n_operands; k++) {
        bool empty = true; // a cache without rows
        for (int i = 0; i < c->n_probes; i++)
            empty &= ir_type_width(tok_type(c, n->operand[k], i)) == 0;
        if (empty) continue;
        id[count++] = n->operand[k];
        if (tok_at(c, n->operand[k])->is_const) continue;
        if (!tok_is_rows(c, node, n->operand[k])) return false;
        const tok_node *x = tok_at(c, n->operand[k]);
        for (int i = 0; i < x->layout.count; i++) {
            const tok_atom *a = &x->layout.atom[i];
            if (a->axis != axis) continue;
            rows |= a->kind == TOK_ROWS;
            if (a->kind == TOK_BATCH) return tok_fail(c, node, DIAG_ID_tok_mix, "joins batches");
        }
    }
    if (count == 1) {
        tok_node *x = tok_at(c, id[0]);
        return tok_set_value(c, node, x->val, &x->layout);
    }
    return rows ? join_rows(c, node, id, count, axis) : join_features(c, node, id, count, axis);
}
