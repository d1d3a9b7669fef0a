// What computed numbers choose: the largest few columns of a row, the token that has the largest
// number, and a row by such a number (CLIP's pooling, that of a sequence's last token).
//
// A place is compared in whole numbers: 1 - min(|a - b|, 1) is 1 where they are equal, else 0. So a
// row is chosen by weights of 0 and 1, exactly.
#include "passes/tokens/constant.h"
#include "passes/tokens/rules/rules.h"
#include <float.h>
#include <inttypes.h>
#include <math.h>

enum { MOST_LARGEST = 64 };

static tok_ref with_tensor(tok_ctx *c, tok_recipe *r, ir_opcode code, tok_ref x, tensor t) {
    const tok_ref in[] = {x, tok_step_constant(c, r, tok_constant_new(c, "c", t))};
    return tok_step_of(c, r, code, in, 2, NULL);
}

static tok_ref with_number(tok_ctx *c, tok_recipe *r, ir_opcode code, tok_ref x, float v) {
    tensor t = tensor_new(c->a, ELEM_f32, 0, NULL);
    *(float *)t.data = v;
    return with_tensor(c, r, code, x, t);
}

static tok_ref two(tok_ctx *c, tok_recipe *r, ir_opcode code, tok_ref a, tok_ref b) {
    return tok_step_of(c, r, code, (tok_ref[]){a, b}, 2, NULL);
}

// 1 where a whole number is 0, else 0.
static tok_ref is_zero(tok_ctx *c, tok_recipe *r, tok_ref x) {
    x = tok_step_of(c, r, IR_t_abs, &x, 1, NULL);
    x = with_number(c, r, IR_t_sub, with_number(c, r, IR_t_min, x, 1), 1);
    return tok_step_of(c, r, IR_t_neg, &x, 1, NULL);
}

static tensor ramp(tok_ctx *c, int rank, const int64_t *dim) {
    tensor t = tensor_new(c->a, ELEM_f32, rank, dim);
    for (int64_t i = 0, n = (int64_t)tensor_count(&t); i < n; i++) ((float *)t.data)[i] = (float)i;
    return t;
}

// ---- the largest columns ---------------------------------------------------------------------

// `own` at column i, its opposite elsewhere: infinities.
static tok_ref infinite_at(tok_ctx *c, tok_recipe *r, tok_ref i, int64_t width, float own) {
    i = with_tensor(c, r, IR_t_sub, tok_step_cast(c, r, i, ELEM_f32), ramp(c, 1, &width));
    i = with_number(c, r, IR_t_sub, tok_step_of(c, r, IR_t_abs, &i, 1, NULL), 0.5F);
    return with_number(c, r, IR_t_mul, i, -own);
}

bool tok_rule_topk(tok_ctx *c, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    tok_recipe *r = tok_recipe_of(c, node);
    tok_ref x;
    tok_layout l;
    if (!tok_read_full(c, node, n->operand[0], &x, &l)) return false;
    const int axis = (int)ir_attr_int(&n->op->attrs, IR_ATTR_axis, l.rank - 1);
    const int64_t k = ir_attr_int(&n->op->attrs, IR_ATTR_k, 1), w = tok_width(&l);
    const bool largest = ir_attr_int(&n->op->attrs, IR_ATTR_largest, 1) != 0;
    int64_t groups, width;
    if (!tok_split(c, node, &l, axis, &groups, &width)) return false;
    if (groups != 1 || axis != l.rank - 1 || k < 1 || k > MOST_LARGEST ||
        !elem_is_float(x.type.type))
        return tok_fail(c, node, DIAG_ID_tok_mix,
                        "the %" PRId64 " largest of %s: only up to %d real numbers, of all columns "
                        "of a row",
                        k, tok_layout_text(c, &l), MOST_LARGEST);
    x = tok_step_matrix(c, r, x);
    if (!largest) x = tok_step_of(c, r, IR_t_neg, &x, 1, NULL);
    ir_attrs max = {0}, arg = {0};
    ir_attr_set_str(c->a, &max, IR_ATTR_fn, "max");
    ir_attr_set_ints(c->a, &max, IR_ATTR_axes, (int64_t[]){1}, 1);
    ir_attr_set_int(c->a, &max, IR_ATTR_keepdims, 1);
    ir_attr_set_int(c->a, &arg, IR_ATTR_axis, 1);
    ir_attr_set_int(c->a, &arg, IR_ATTR_keepdims, 1);
    ir_attr_set_int(c->a, &arg, IR_ATTR_last, 0);
    tok_ref *part = ARENA_ARRAY(c->a, tok_ref, k);
    // Searched among finite numbers: -inf stands for what has been found.
    tok_ref left = with_number(c, r, IR_t_max, with_number(c, r, IR_t_min, x, FLT_MAX), -FLT_MAX);
    for (int64_t i = 0; i < k && left.from != TOK_NOTHING; i++) {
        const tok_ref at = tok_step_of(c, r, IR_t_argmax, &left, 1, &arg);
        part[i] = at;
        if (!n->result) {
            part[i] = two(c, r, IR_t_min, x, infinite_at(c, r, at, w, INFINITY));
            part[i] = tok_step_of(c, r, IR_t_reduce, &part[i], 1, &max);
        }
        if (i + 1 < k) left = two(c, r, IR_t_min, left, infinite_at(c, r, at, w, -INFINITY));
    }
    if (left.from == TOK_NOTHING) return false;
    tok_ref v = k > 1 ? tok_step_of(c, r, IR_row_join, part, (size_t)k, NULL) : part[0];
    if (!largest && !n->result) v = tok_step_of(c, r, IR_t_neg, &v, 1, NULL);
    const tok_layout rest = tok_layout_without_axis(&l, axis);
    tok_layout out = tok_layout_with_features(&rest, axis, k);
    tok_layout_tidy(&out);
    return tok_set_rows(c, node, v, &out);
}

// ---- rows ------------------------------------------------------------------------------------

static tok_ref reduced(tok_ctx *c, tok_recipe *r, const tok_ref *in, size_t n, const char *fn) {
    ir_attrs attrs = {0};
    ir_attr_set_str(c->a, &attrs, IR_ATTR_fn, fn);
    return tok_step_typed(c, r, IR_rows_reduce, in, n, &attrs,
                          tok_row_type(ELEM_f32, tok_domain_one(c), ir_type_width(&in[0].type)));
}

// The numbers of the rows, from 0.
static tok_ref places(tok_ctx *c, tok_recipe *r, int domain) {
    const tok_ref table = tok_step_constant(
        c, r,
        tok_constant_new(c, "places", ramp(c, 2, (int64_t[]){c->domain[domain].rows[c->max], 1})));
    return tok_step_typed(c, r, IR_nn_posrow, &table, 1, NULL, tok_row_type(ELEM_f32, domain, 1));
}

bool tok_token_of_largest(tok_ctx *c, uint32_t node, tok_ref x, const tok_layout *l,
                          const tok_layout *out) {
    const tok_node *n = tok_at(c, node);
    tok_recipe *r = tok_recipe_of(c, node);
    const int domain = tok_layout_domain(l);
    if (domain < 0 || tok_width(l) != 1 || !elem_is_int(x.type.type))
        return tok_fail(c, node, DIAG_ID_tok_mix,
                        "'%s' over tokens of %s: only of one integer a token",
                        ir_ops[n->op->code].name, tok_layout_text(c, l));
    if (!tok_exact_integers(c, node, n->operand[0], 1)) return false;
    const float most = (float)c->domain[domain].rows[c->max];
    const bool last = ir_attr_int(&n->op->attrs, IR_ATTR_last, 0) != 0;
    x = tok_step_matrix(c, r, tok_step_cast(c, r, x, ELEM_f32));
    if (n->op->code == IR_t_argmin) x = tok_step_of(c, r, IR_t_neg, &x, 1, NULL);
    if (x.from == TOK_NOTHING) return false;
    tok_ref is = tok_step_like(c, r, reduced(c, r, &x, 1, "max"), domain);
    is = is_zero(c, r, two(c, r, IR_t_sub, x, is));
    // its number, or how many follow: never 0 where it is the one
    tok_ref at = with_number(c, r, IR_t_add, places(c, r, domain), last ? 1 : -most);
    if (!last) at = tok_step_of(c, r, IR_t_neg, &at, 1, NULL);
    at = two(c, r, IR_t_mul, is, at);
    if (at.from == TOK_NOTHING) return false;
    at = reduced(c, r, &at, 1, "max");
    at = with_number(c, r, IR_t_sub, at, last ? 1 : most);
    if (!last) at = tok_step_of(c, r, IR_t_neg, &at, 1, NULL);
    tok_whole(c, node, "looks for a token");
    tok_plan_of(c, node)->most = (int64_t)most;
    return tok_set_rows(c, node, tok_step_cast(c, r, at, ELEM_i32), out);
}

bool tok_row_by_number(tok_ctx *c, uint32_t node, uint32_t data, uint32_t index, int axis,
                       bool *handled) {
    tok_recipe *r = tok_recipe_of(c, node);
    const tok_plan *at = tok_plan_of(c, index), *x = tok_plan_of(c, data);
    int from, until;
    if (at->kind != TOK_VALUE || x->kind != TOK_VALUE || tok_layout_has_rows(&at->layout) ||
        tok_width(&at->layout) != 1)
        return true;
    const tok_layout full = tok_layout_full(&x->layout);
    const int domain = tok_layout_domain(&full);
    tok_layout_axis(&full, axis, &from, &until);
    if (until - from != 1 || full.atom[from].kind != TOK_ROWS || full.atom[from].size ||
        domain < 0 || !elem_is_float(tok_type(c, data, 0)->type))
        return true;
    *handled = true;
    tok_ref rows = tok_step_matrix(c, r, tok_take_full(c, node, data)),
            place = places(c, r, domain);
    tok_ref i = tok_step_matrix(c, r, tok_step_cast(c, r, tok_take(c, index), ELEM_f32));
    if (rows.from == TOK_NOTHING || i.from == TOK_NOTHING) return false;
    // numbers below 0 count from the end
    tok_ref below = tok_step_of(c, r, IR_t_neg, &i, 1, NULL);
    below = tok_step_of(c, r, IR_t_relu, &below, 1, NULL);
    below = with_number(c, r, IR_t_min, below, 1);
    const tok_ref count = with_number(c, r, IR_t_add, reduced(c, r, &place, 1, "max"), 1);
    i = two(c, r, IR_t_add, i, two(c, r, IR_t_mul, below, count));
    i = tok_step_like(c, r, i, domain);
    if (i.from == TOK_NOTHING) return false;
    const tok_ref in[] = {rows, is_zero(c, r, two(c, r, IR_t_sub, place, i))};
    const tok_layout rest = tok_layout_without_axis(&full, axis);
    tok_layout out;
    tok_whole(c, node, "picks a row by a number that is computed");
    if (!at->most)
        tok_note(c, node, "%s picks a row by a number: one that no row has gives zeros",
                 tok_name(c, node));
    return tok_layout_reshape(c, node, &rest, &out) &&
           tok_set_rows(c, node, reduced(c, r, in, 2, "sum"), &out);
}
