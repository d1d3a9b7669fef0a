// Dynamic quantisation: a scale over the whole tensor would mix tokens (DynamicQuantizeLinear in an
// exported decoder gives other numbers for other lengths). It becomes one scale a row, by name.
#include "passes/find_tokens.h"
#include <string.h>

bool tok_rule_dynquant(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node);
    uint32_t x = n->operand[0];
    if (tok_at(c, x)->state != TOK_VALUE) return tok_blame(c, node, x);
    bool is_row = strcmp(ir_attr_str(&n->op->attrs, IR_ATTR_gran, "tensor"), "row") == 0;
    if (!is_row && c->o->quant_scope && strcmp(c->o->quant_scope, "tensor") == 0)
        return tok_fail(
            c, node, DIAG_ID_tok_scope,
            "one dynamic scale for the whole tensor mixes tokens, and no unit of the chip has "
            "such a scale; ask for one a row (--quant-scope row)");
    if (!is_row && !c->is_relaxed)
        tok_note(c, "dynamic quantisation: one scale a tensor became one a row (tok-scope)");
    c->is_relaxed |= !is_row;
    n->state = TOK_QUANT;
    return true;
}

// codes, scale and zero point of the same dynamic quantisation: q8 rows.
bool tok_rule_dequantize(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node);
    const tok_node *codes = tok_at(c, n->operand[0]);
    if (codes->state == TOK_BAD || codes->is_const) return tok_blame(c, node, n->operand[0]);
    bool same = codes->state == TOK_QUANT && codes->result == 0;
    for (uint32_t k = 1; k < n->n_operands; k++) {
        const tok_node *s = tok_at(c, n->operand[k]);
        same =
            same && s->state == TOK_QUANT && s->result == k && s->operand[0] == codes->operand[0];
    }
    if (!same)
        return tok_fail(c, node, DIAG_ID_tok_scope,
                        "a quantised value with a scale or zero point from elsewhere");
    uint32_t x = codes->operand[0];
    for (uint32_t i = 1; i < node; i++) { // quantised once
        const tok_node *o = tok_at(c, i);
        if (o->state != TOK_CODES || tok_at(c, o->operand[0])->operand[0] != x) continue;
        n->state = TOK_CODES;
        n->val = o->val;
        n->layout = o->layout;
        return true;
    }
    ir_val v = tok_rows(c, x);
    if (v == IR_NONE) return tok_blame(c, node, x);
    v = tok_emit_matrix(c, node, v);
    ir_attrs attrs = {0};
    ir_attr_set_str(c->a, &attrs, IR_ATTR_mode, "asym");
    n->val = tok_emit(c, node, IR_nn_quant, &v, 1, &attrs);
    if (n->val == IR_NONE) return false;
    n->state = TOK_CODES;
    n->layout = tok_at(c, x)->layout;
    return true;
}

bool tok_rule_matmul_int(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node);
    if (tok_at(c, n->operand[0])->state == TOK_BAD) return tok_blame(c, node, n->operand[0]);
    return tok_fail(
        c, node, DIAG_ID_tok_scope,
        "an integer product outside of codes x weights x scales of one dynamic quantisation");
}
