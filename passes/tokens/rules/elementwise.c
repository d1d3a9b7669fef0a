// Elementwise functions and casts: numpy broadcasting of rows, constants and one-row values.
#include "passes/tokens/constant.h"
#include "passes/tokens/rules/rules.h"
#include <math.h>
#include <string.h>

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

// What the operands' axes are together; own[k]: of a constant. False: refused.
static bool join_operands(tok_ctx *c, uint32_t node, const uint32_t *operand, tok_layout *l,
                          tok_layout *own) {
    const tok_node *n = tok_at(c, node);
    bool first = true, ok = true;
    for (uint32_t k = 0; k < n->n_operands; k++) {
        if (tok_at(c, n->operand[k])->is_const) continue;
        if (!tok_is_rows(c, node, n->operand[k])) {
            ok = false;
            continue;
        }
        const tok_layout *x = &tok_plan_of(c, n->operand[k])->layout;
        if (first)
            *l = *x;
        else
            ok = ok && tok_layout_join(c, node, l, x);
        first = false;
    }
    for (uint32_t k = 0; ok && k < n->n_operands; k++)
        if (tok_at(c, operand[k])->is_const)
            ok = tok_const_layout(c, operand[k], node, l, &own[k]) &&
                 tok_layout_join(c, node, l, &own[k]);
    if (!ok || tok_layout_domain(l) != -2) return ok;
    return tok_fail(c, node, DIAG_ID_tok_out, "has two token axes: %s", tok_layout_text(c, l));
}

// Rows of operand `id` spread to the columns and the domain of `l`; a single column may stay one
// (an operation repeats it), unless `all` must be there.
static tok_ref spread(tok_ctx *c, tok_recipe *r, uint32_t id, const tok_layout *l, bool all) {
    const tok_layout *own = &tok_plan_of(c, id)->layout;
    int64_t w = tok_width(l), *index = ARENA_ARRAY(c->a, int64_t, w);
    tok_ref x = tok_take(c, id);
    bool same = tok_columns(own, l, index);
    if (!same && (all || tok_width(own) != 1)) x = tok_step_columns(c, r, x, index, w);
    int d = tok_layout_domain(l);
    return d >= 0 ? tok_step_like(c, r, x, d) : x;
}

// No operand that is rows has all columns of the result, say where a column meets a constant row,
// or many columns of one number: then the first such operand must bring them.
static bool lacks_columns(const tok_ctx *c, const tok_node *n, const uint32_t *operand,
                          const tok_ref *in, int64_t w) {
    for (uint32_t k = 0; k < n->n_operands; k++) {
        bool is_const = tok_at(c, operand[k])->is_const;
        int64_t has =
            is_const ? ir_type_width(&in[k].type) : tok_width(&tok_plan_of(c, operand[k])->layout);
        bool rows = !is_const || ir_type_domain(&in[k].type) >= 0;
        if (rows && (has == w || (!is_const && has != 1))) return false;
    }
    return w > 1;
}

// Integers that are small for certain, beside numbers: real numbers hold the result exactly.
// *handled: it is such.
static bool small_integers(tok_ctx *c, uint32_t node, bool *handled) {
    enum { MOST = 1 << 24 };
    const tok_node *n = tok_at(c, node);
    const ir_opcode code = n->op->code;
    if (!elem_is_int(tok_type(c, node, 0)->type) || n->n_operands != 2 ||
        (code != IR_t_add && code != IR_t_sub && code != IR_t_mul && code != IR_t_min &&
         code != IR_t_max))
        return true;
    int64_t most[2];
    tok_recipe *r = tok_recipe_of(c, node);
    tok_ref in[2];
    tok_layout l = {.rank = -1};
    for (int k = 0; k < 2; k++) {
        double v;
        const tok_plan *p = tok_plan_of(c, n->operand[k]);
        if (tok_const_scalar(c, n->operand[k], &v) && fabs(v) < MOST &&
            tok_type(c, n->operand[k], 0)->rank <= 1) {
            most[k] = (int64_t)fabs(v) + 1;
        } else if (p->kind == TOK_VALUE && p->most && l.rank < 0) {
            most[k] = p->most;
            l = p->layout;
        } else {
            return true;
        }
    }
    const int64_t bound = code == IR_t_mul ? most[0] * most[1] : most[0] + most[1];
    if (l.rank < 0 || bound >= MOST) return true;
    *handled = true;
    for (int k = 0; k < 2; k++) {
        double v;
        if (!tok_const_scalar(c, n->operand[k], &v)) {
            in[k] = tok_step_cast(c, r, tok_take(c, n->operand[k]), ELEM_f32);
            continue;
        }
        tensor t = tensor_new(c->a, ELEM_f32, 0, NULL);
        *(float *)t.data = (float)v;
        in[k] = tok_step_constant(c, r, tok_constant_new(c, "c", t));
    }
    tok_plan_of(c, node)->most = bound;
    const tok_ref y = tok_step_of(c, r, code, in, 2, NULL);
    return tok_set_rows(c, node, tok_step_cast(c, r, y, ELEM_i32), &l);
}

bool tok_rule_elementwise(tok_ctx *c, uint32_t node) {
    bool handled = false;
    if (tok_image_step(c, node)) return true;
    if (!tok_scores_elementwise(c, node, &handled) || handled) return handled;
    if (!small_integers(c, node, &handled) || handled) return handled;
    const tok_node *n = tok_at(c, node);
    tok_recipe *r = tok_recipe_of(c, node);
    uint32_t operand[3];
    CHECK(n->n_operands <= ARRAY_LEN(operand), "%s", ir_ops[n->op->code].name);
    sort_operands(c, n, operand);
    tok_layout l = {.rank = 0}, own[3];
    if (!join_operands(c, node, operand, &l, own)) return false;
    tok_ref in[3] = {0};
    for (uint32_t k = 0; k < n->n_operands; k++) { // constants first: they may bring the rows
        if (!tok_at(c, operand[k])->is_const) continue;
        in[k] = tok_const_value(c, r, operand[k], &own[k], &l);
        if (in[k].from == TOK_NOTHING) return false;
    }
    bool all = lacks_columns(c, n, operand, in, tok_width(&l));
    for (uint32_t k = 0; k < n->n_operands; k++) {
        if (tok_at(c, operand[k])->is_const) continue;
        in[k] = spread(c, r, operand[k], &l, all);
        if (in[k].from == TOK_NOTHING) return false;
        all = false;
    }
    // Operands narrower than the result broadcast; a row of width 1 is [t] or [t,1] alike.
    return tok_set_rows(c, node, tok_step_of(c, r, n->op->code, in, n->n_operands, &n->op->attrs),
                        &l);
}

bool tok_rule_cast(tok_ctx *c, uint32_t node) {
    uint32_t x = tok_at(c, node)->operand[0];
    if (tok_image_step(c, node)) return true;
    if (!tok_is_rows(c, node, x)) return false;
    elem to = tok_row_elem(tok_type(c, node, 0)->type);
    return tok_set_rows(c, node, tok_step_cast(c, tok_recipe_of(c, node), tok_take(c, x), to),
                        &tok_plan_of(c, x)->layout);
}
