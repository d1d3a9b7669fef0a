// Reductions: softmax, sums and arg-max over features stay within a row; sums over the tokens give
// one row.
#include "passes/tokens/rules/rules.h"
#include <string.h>

// The same layout with the features of some axes last, and the rows to match.
static tok_ref features_last(tok_ctx *c, tok_recipe *r, tok_ref x, const tok_layout *l,
                             unsigned axes, int64_t *groups, int64_t *width) {
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
    return tok_step_columns(c, r, x, index, w);
}

bool tok_rule_softmax(tok_ctx *c, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    if (tok_plan_of(c, n->operand[0])->kind == TOK_SCORES) return tok_scores_softmax(c, node);
    tok_ref x;
    tok_layout l;
    if (!tok_read_full(c, node, n->operand[0], &x, &l)) return false;
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
    tok_recipe *r = tok_recipe_of(c, node);
    return tok_set_rows(c, node, tok_step_groups(c, r, x, groups, width, &k), &l);
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

static tok_ref reduce_columns(tok_ctx *c, tok_recipe *r, tok_ref x, const tok_layout *l,
                              unsigned axes, ir_opcode code, const ir_attrs *attrs) {
    int64_t groups, width;
    x = features_last(c, r, x, l, axes, &groups, &width);
    if (width == 1 && code == IR_t_reduce) {
        const char *fn = ir_attr_str(attrs, IR_ATTR_fn, "");
        if (!strcmp(fn, "sum") || !strcmp(fn, "mean") || !strcmp(fn, "max") || !strcmp(fn, "min") ||
            !strcmp(fn, "prod"))
            return x;
    }
    tok_call k = {.code = code, .n = 1, .attrs = ir_attrs_copy(c->a, attrs)};
    ir_attr_set_int(c->a, &k.attrs, IR_ATTR_keepdims, 1);
    if (code != IR_t_reduce) {
        ir_attr_set_int(c->a, &k.attrs, IR_ATTR_axis, 1);
        return tok_step_groups(c, r, x, groups, width, &k);
    }
    // Units sum squares; the root is theirs too, rounded on its own.
    bool root = !strcmp(ir_attr_str(attrs, IR_ATTR_fn, ""), "l2");
    if (root) ir_attr_set_str(c->a, &k.attrs, IR_ATTR_fn, "sumsq");
    ir_attr_set_ints(c->a, &k.attrs, IR_ATTR_axes, (int64_t[]){1}, 1);
    x = tok_step_groups(c, r, x, groups, width, &k);
    return root && x.from != TOK_NOTHING ? tok_step_of(c, r, IR_t_sqrt, &x, 1, NULL) : x;
}

static tok_ref reduce_rows(tok_ctx *c, tok_recipe *r, tok_ref x, const char *fn) {
    elem e = x.type.type;
    x = tok_step_cast(c, r, x, ELEM_f32); // counts of a mask: exact in f32
    if (x.from == TOK_NOTHING) return x;
    ir_attrs attrs = {0};
    ir_attr_set_str(c->a, &attrs, IR_ATTR_fn, fn);
    x = tok_step_typed(c, r, IR_rows_reduce, &x, 1, &attrs,
                       tok_row_type(ELEM_f32, tok_domain_one(c), ir_type_width(&x.type)));
    return tok_step_cast(c, r, x, e);
}

// The largest of the integers, or the farthest below 0, where that is certain; 0: it is not.
static int64_t largest_of(const tok_ctx *c, uint32_t x) {
    for (;;) {
        const tok_node *n = tok_at(c, x);
        const elem e = tok_type(c, x, 0)->type;
        if (tok_plan_of(c, x)->most) return tok_plan_of(c, x)->most;
        if (e == ELEM_bool) return 1;
        if (e == ELEM_u8 || e == ELEM_i8) return UINT8_MAX;
        if (!n->op || n->is_const || !n->n_operands ||
            (ir_kind_of(n->op->code) != IR_KIND_VIEW && n->op->code != IR_t_cast))
            return 0;
        x = n->operand[0];
    }
}

bool tok_exact_integers(tok_ctx *c, uint32_t node, uint32_t x, int64_t times) {
    const int64_t bound = (1 << 24) / times, most = largest_of(c, x);
    if (most && most <= bound) return true;
    const uint32_t input = most ? TOK_NONE : tok_indices_from(c, x);
    if (input != TOK_NONE && bound > 1) {
        tok_plan *p = tok_plan_of(c, node);
        p->index = input;
        p->index_rows = bound;
        p->index_is_signed = true;
        return true;
    }
    while (tok_at(c, x)->op && tok_at(c, x)->op->code == IR_t_cast) x = tok_at(c, x)->operand[0];
    if (times == 1 && elem_is_float(tok_type(c, x, 0)->type)) return true; // as it came
    return tok_fail(c, node, DIAG_ID_tok_mix,
                    "'%s' over tokens of integers of %s, which may come to more than 2^24: units "
                    "compute in f32, which holds no more of them exactly; cast them to float32 in "
                    "the model where they stay below",
                    ir_ops[tok_at(c, node)->op->code].name, tok_name(c, x));
}

bool tok_rule_reduce(tok_ctx *c, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    tok_recipe *r = tok_recipe_of(c, node);
    if (!tok_is_rows(c, node, n->operand[0])) return false;
    size_t count;
    const int64_t *list = ir_attr_ints(&n->op->attrs, IR_ATTR_axes, &count);
    unsigned axes = 0;
    for (size_t i = 0; i < count; i++) axes |= 1u << list[i];
    // Broadcasts along other axes may wait.
    const tok_layout *own = &tok_plan_of(c, n->operand[0])->layout;
    bool wait = true;
    for (int i = 0; i < own->count; i++)
        wait &= !own->atom[i].is_virtual || !(axes >> own->atom[i].axis & 1);
    tok_ref x = wait ? tok_take(c, n->operand[0]) : tok_take_full(c, node, n->operand[0]);
    if (x.from == TOK_NOTHING) return false;
    const tok_layout l = wait ? *own : tok_layout_full(own);
    bool rows = false;
    for (int i = 0; i < l.count; i++) {
        if (!(axes >> l.atom[i].axis & 1)) continue;
        rows |= l.atom[i].kind == TOK_ROWS;
        if (l.atom[i].kind == TOK_BATCH)
            return tok_fail(c, node, DIAG_ID_tok_mix, "sums over the sequences of the batch");
    }
    const char *fn = ir_attr_str(&n->op->attrs, IR_ATTR_fn, "");
    tok_ref v = reduce_columns(c, r, x, &l, axes, IR_t_reduce, &n->op->attrs);
    if (v.from == TOK_NOTHING) return false;
    if (rows) {
        if (strcmp(fn, "sum") && strcmp(fn, "mean") && strcmp(fn, "max"))
            return tok_fail(c, node, DIAG_ID_tok_mix,
                            "'%s' over tokens: only sum, mean and max may", fn);
        if (tok_layout_domain(&l) < 0)
            return tok_fail(c, node, DIAG_ID_tok_mix, "a reduction over a part of %s",
                            tok_layout_text(c, &l));
        if (elem_is_int(v.type.type) &&
            !tok_exact_integers(c, node, n->operand[0],
                                strcmp(fn, "max")
                                    ? tok_width(&l) * c->domain[tok_layout_domain(&l)].rows[c->max]
                                    : 1))
            return false;
        tok_whole(c, node, "reduces over the tokens");
        const int64_t most = tok_plan_of(c, n->operand[0])->most;
        if (tok_width(&l) == 1)
            tok_plan_of(c, node)->most =
                strcmp(fn, "sum") ? most : most * c->domain[tok_layout_domain(&l)].rows[c->max];
        v = reduce_rows(c, r, v, fn);
        for (int i = 0; i < l.count; i++)
            if (l.atom[i].kind == TOK_ROWS) axes |= 1u << l.atom[i].axis;
    }
    tok_layout out = without_axes(&l, axes, ir_attr_int(&n->op->attrs, IR_ATTR_keepdims, 1) != 0);
    return tok_set_rows(c, node, v, &out);
}

bool tok_rule_argmax(tok_ctx *c, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    tok_recipe *r = tok_recipe_of(c, node);
    tok_ref x;
    tok_layout l;
    if (!tok_read_full(c, node, n->operand[0], &x, &l)) return false;
    unsigned axes = 1u << ir_attr_int(&n->op->attrs, IR_ATTR_axis, 0);
    const bool keeps = ir_attr_int(&n->op->attrs, IR_ATTR_keepdims, 1) != 0;
    const tok_layout out = without_axes(&l, axes, keeps);
    for (int i = 0; i < l.count; i++) {
        if (!(axes >> l.atom[i].axis & 1) || l.atom[i].kind == TOK_FEATURE) continue;
        if (l.atom[i].kind == TOK_ROWS) return tok_token_of_largest(c, node, x, &l, &out);
        return tok_fail(c, node, DIAG_ID_tok_mix, "'%s' over the sequences of the batch",
                        ir_ops[n->op->code].name);
    }
    tok_ref v = reduce_columns(c, r, x, &l, axes, n->op->code, &n->op->attrs);
    if (v.from == TOK_NOTHING) return false;
    tok_plan_of(c, node)->most = tok_width(&l);
    return tok_set_rows(c, node, v, &out);
}
