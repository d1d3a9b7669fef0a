// Attention that fuse left in pieces, because its probabilities are an output too: scores, their
// softmax, and the product with the values are put together to an attention.
#include "passes/tokens/constant.h"
#include "passes/tokens/rules/attention.h"
#include "passes/tokens/rules/rules.h"

bool tok_set_scores(tok_ctx *c, uint32_t node, tok_kind kind, tok_score s, const tok_layout *l) {
    tok_plan *p = tok_plan_of(c, node);
    p->kind = kind;
    p->score = arena_copy(c->a, &s, sizeof s);
    p->layout = *l;
    return true;
}

// A mask: depends on no activations.
static bool is_mask(const tok_ctx *c, uint32_t id) {
    return tok_at(c, id)->is_const || !(tok_at(c, id)->deps & TOK_DEP_DATA);
}

bool tok_scores_elementwise(tok_ctx *c, uint32_t node, bool *handled) {
    const tok_node *n = tok_at(c, node);
    uint32_t at = UINT32_MAX;
    *handled = false;
    for (uint32_t k = 0; k < n->n_operands; k++)
        if (n->operand[k] != TOK_NONE && tok_plan_of(c, n->operand[k])->kind == TOK_SCORES) at = k;
    if (at == UINT32_MAX) return true;
    *handled = true;
    const tok_plan *x = tok_plan_of(c, n->operand[at]);
    tok_score s = *x->score;
    uint32_t other = n->n_operands == 2 ? n->operand[1 - at] : TOK_NONE;
    double v;
    bool ok = false;
    switch (n->op->code) {
    case IR_t_mul:
    case IR_t_div:
        ok = s.mask == TOK_NONE && tok_const_scalar(c, other, &v) &&
             (n->op->code == IR_t_mul || at == 0);
        if (ok) s.scale = n->op->code == IR_t_mul ? s.scale * v : s.scale / v;
        break;
    case IR_t_add:
        ok = s.mask == TOK_NONE && other != TOK_NONE && is_mask(c, other);
        s.mask = other;
        break;
    case IR_t_select: // visible ? scores : a large negative number
        ok = s.mask == TOK_NONE && at == 1 && is_mask(c, n->operand[0]) &&
             tok_const_scalar(c, n->operand[2], &v) && v <= -1e4;
        s.mask = n->operand[0];
        break;
    default: break;
    }
    if (ok) return tok_set_scores(c, node, TOK_SCORES, s, &x->layout);
    return tok_fail(c, node, DIAG_ID_tok_mix,
                    "'%s' on attention scores: only scale, one mask, softmax",
                    ir_ops[n->op->code].name);
}

bool tok_scores_codes(tok_ctx *c, uint32_t node, bool *handled) {
    const tok_node *n = tok_at(c, node), *codes = tok_at(c, n->operand[0]);
    tok_plan *x = tok_plan_of(c, n->operand[0]);
    *handled = x->kind == TOK_SCORES || x->kind == TOK_PROBS;
    if (!*handled) return true;
    bool back = n->op->code == IR_t_dequantize, same = codes->op->code == IR_t_quantize;
    for (uint32_t k = 1; back && same && k < n->n_operands; k++) { // of the same scale
        double a = 0, b = 0;
        same = k < codes->n_operands && tok_const_scalar(c, n->operand[k], &a) &&
               tok_const_scalar(c, codes->operand[k], &b) && a == b;
    }
    if (back && !same)
        return tok_fail(c, node, DIAG_ID_tok_scope,
                        "attention scores are codes of another scale than they are read with");
    tok_score s = *x->score;
    s.is_rounded = true;
    return tok_set_scores(c, node, x->kind, s, &x->layout);
}

bool tok_scores_softmax(tok_ctx *c, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    const tok_plan *x = tok_plan_of(c, n->operand[0]);
    int rank = tok_type(c, node, 0)->rank;
    if (n->op->code != IR_t_softmax ||
        ir_attr_int(&n->op->attrs, IR_ATTR_axis, rank - 1) != rank - 1)
        return tok_fail(c, node, DIAG_ID_tok_mix,
                        "attention scores normalised over another axis than keys");
    return tok_set_scores(c, node, TOK_PROBS, *x->score, &x->layout);
}

bool tok_scores_mix(tok_ctx *c, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    const tok_score *p = tok_plan_of(c, n->operand[0])->score;
    tok_attention s = {.scale = p->scale};
    if (!tok_attention_sizes(c, node, p->q, p->k, true, n->operand[1], &s)) return false;
    if (p->is_rounded) {
        tok_note(c, node,
                 "attention scores and probabilities stay real numbers, which the model rounds to "
                 "codes");
        tok_plan_of(c, node)->facts |= TOK_IS_RELAXED;
    }
    tok_mask m;
    tok_mask_query of = {.mask = p->mask, .heads = s.heads, .queries = s.domain, .keys = s.keys};
    return tok_mask_find(c, node, &of, &m) &&
           tok_attend(c, node, p->q, p->k, n->operand[1], &s, &m);
}

// The ring whose attention mixes with these probabilities; NULL: none.
static tok_ring *ring_of(const tok_ctx *c, const tok_score *p) {
    tok_ring *found = NULL;
    for (size_t i = 0; i < c->rings.count; i++) {
        tok_ring *r = c->rings.items[i];
        if (tok_base_of(c, r->k) == tok_base_of(c, p->k) &&
            tok_base_of(c, r->q) == tok_base_of(c, p->q) &&
            tok_near((float)r->is.scale, (float)p->scale))
            found = r;
    }
    return found;
}

bool tok_probs_output(tok_ctx *c, uint32_t node, tok_recipe *recipe, tok_layout *l) {
    const tok_plan *plan = tok_plan_of(c, node);
    const tok_score *p = plan->score;
    tok_ring *r = ring_of(c, p);
    if (!r)
        return tok_fail(c, node, DIAG_ID_tok_out,
                        "probabilities of an attention that no values are mixed with");
    tok_attention s = {.scale = p->scale};
    if (!tok_attention_sizes(c, node, p->q, p->k, true, r->v, &s)) return false;
    tok_mask_query of = {.mask = p->mask, .heads = s.heads, .queries = s.domain, .keys = s.keys};
    tok_mask m;
    if (!tok_mask_find(c, node, &of, &m)) return false;
    if (m.mode != r->mask->mode || m.window != r->mask->window || m.is_band != r->mask->is_band ||
        m.before != r->mask->before || m.after != r->mask->after || m.key != r->mask->key)
        return tok_fail(c, node, DIAG_ID_tok_out,
                        "probabilities under another mask than the attention's");
    recipe->value = tok_step_ring(c, recipe, IR_nn_scores, r, m.key, s.heads * r->is.slots);
    *l = tok_layout_without_axis(&plan->layout, plan->layout.rank - 1);
    // Both the query's and the key's axis count tokens.
    tok_layout_push(l, (tok_atom){TOK_ROWS, plan->layout.rank - 1, s.keys, 0, 1, false});
    return true;
}
