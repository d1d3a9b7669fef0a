// Reductions: softmax, sums and arg-max over features stay within a row; sums over the tokens give
// one row.
#include "passes/tokens/find_tokens.h"
#include <inttypes.h>
#include <string.h>

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
    if (!tok_is_rows(c, node, n->operand[0])) return false;
    ir_val x = tok_rows(c, n->operand[0]);
    if (x == IR_NONE) return tok_at(c, node)->state = TOK_BAD, false;
    const tok_layout l = tok_at(c, n->operand[0])->layout;
    int axis = (int)ir_attr_int(&n->op->attrs, IR_ATTR_axis, l.rank - 1);
    tok_layout from_axis = {.rank = l.rank};
    for (int i = 0; i < l.count; i++)
        if (l.atom[i].axis == axis) tok_layout_push(&from_axis, l.atom[i]);
    int64_t groups, width;
    if (!tok_split(c, node, &from_axis, 0, &groups, &width)) return false;
    for (int i = 0; i < l.count; i++)
        if (l.atom[i].kind == TOK_FEATURE && l.atom[i].axis > axis)
            return tok_fail(c, node, DIAG_ID_tok_mix,
                            "softmax over axis %d of %s, not over the last one", axis,
                            tok_layout_text(c, &l));
    if (!tok_split(c, node, &l, l.rank, &groups, &width)) return false;
    width = tok_width(&from_axis);
    groups /= width;
    tok_call k = {.code = n->op->code, .n = 1};
    ir_attr_set_int(c->a, &k.attrs, IR_ATTR_axis, 1);
    return tok_set_value(c, node, tok_per_group(c, node, x, groups, width, &k), &l);
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
    tok_call k = {.code = code, .n = 1, .attrs = ir_attrs_copy(c->a, attrs)};
    ir_attr_set_int(c->a, &k.attrs, IR_ATTR_keepdims, 1);
    if (code == IR_t_reduce)
        ir_attr_set_ints(c->a, &k.attrs, IR_ATTR_axes, (int64_t[]){1}, 1);
    else
        ir_attr_set_int(c->a, &k.attrs, IR_ATTR_axis, 1);
    return tok_per_group(c, node, x, groups, width, &k);
}

static ir_val reduce_rows(tok_ctx *c, uint32_t node, ir_val x, const char *fn) {
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
    if (!tok_is_rows(c, node, n->operand[0])) return false;
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
    if (!tok_is_rows(c, node, n->operand[0])) return false;
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
