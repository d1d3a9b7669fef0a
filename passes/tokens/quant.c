// Quantised values. A static scale is arithmetic within a row. A dynamic scale over the whole
// tensor would mix tokens (DynamicQuantizeLinear in an exported decoder gives other numbers for
// other lengths): it becomes one scale a row, by name.
#include "passes/tokens/find_tokens.h"
#include <string.h>

bool tok_rule_dynquant(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node);
    uint32_t x = n->operand[0];
    if (!tok_is_rows(c, node, x)) return false;
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

// ---- static scales: a quantised table, or a model that rounds its activations (QDQ) -----------

// x op constant, on rows of f32.
static ir_val with_scalar(tok_ctx *c, uint32_t node, ir_opcode code, ir_val x, double v) {
    float *f = arena_alloc(c->m->arena, sizeof *f);
    *f = (float)v;
    tensor t = {.type = ELEM_f32, .data = f};
    ir_val in[] = {x, tok_const_op(c, node, tok_make_tensor(c, "c", t))};
    return tok_emit(c, node, code, in, 2, NULL);
}

static ir_val cast_to(tok_ctx *c, uint32_t node, ir_val x, elem e) {
    ir_attrs attrs = {0};
    ir_attr_set_str(c->a, &attrs, IR_ATTR_to, elem_name(e));
    return ir_type_of(c->f, x)->type == e ? x : tok_emit(c, node, IR_t_cast, &x, 1, &attrs);
}

// (x - zero) * scale, row by row.
static bool dequantize_rows(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node), *x = tok_at(c, n->operand[0]);
    double scale, zero = 0;
    if (!tok_const_scalar(c, n->operand[1], &scale) ||
        (n->n_operands > 2 && n->operand[2] != TOK_NONE &&
         !tok_const_scalar(c, n->operand[2], &zero)))
        return tok_fail(c, node, DIAG_ID_tok_scope, "a quantised value with a scale a column");
    ir_val v = cast_to(c, node, x->val, ELEM_f32);
    if (zero != 0 && v != IR_NONE) v = with_scalar(c, node, IR_t_sub, v, zero);
    if (v != IR_NONE) v = with_scalar(c, node, IR_t_mul, v, scale);
    return tok_set_value(c, node, v, &x->layout);
}

// Codes of a static scale, kept as whole numbers in f32.
bool tok_rule_quantize(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node), *x = tok_at(c, n->operand[0]);
    double scale, zero = 0;
    if (!tok_is_rows(c, node, n->operand[0])) return false;
    if (!tok_const_scalar(c, n->operand[1], &scale) ||
        (n->n_operands > 2 && n->operand[2] != TOK_NONE &&
         !tok_const_scalar(c, n->operand[2], &zero)))
        return tok_fail(c, node, DIAG_ID_tok_scope,
                        "a quantisation with a scale that is no constant number");
    elem e = tok_type(c, node, 0)->type;
    bool is_signed = e == ELEM_i8;
    if (!is_signed && e != ELEM_u8)
        return tok_fail(c, node, DIAG_ID_tok_scope, "a quantisation to %s", elem_name(e));
    ir_val v = with_scalar(c, node, IR_t_div, x->val, scale);
    if (v != IR_NONE) v = tok_emit(c, node, IR_t_round, &v, 1, NULL);
    if (v != IR_NONE && zero != 0) v = with_scalar(c, node, IR_t_add, v, zero);
    ir_attrs attrs = {0};
    ir_attr_set_float(c->a, &attrs, IR_ATTR_lo, is_signed ? -128 : 0);
    ir_attr_set_float(c->a, &attrs, IR_ATTR_hi, is_signed ? 127 : 255);
    if (v != IR_NONE) v = tok_emit(c, node, IR_t_clip, &v, 1, &attrs);
    return tok_set_value(c, node, v, &x->layout);
}

// ---- dynamic scales --------------------------------------------------------------------------

// codes, scale and zero point of the same dynamic quantisation: q8 rows.
bool tok_rule_dequantize(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node);
    const tok_node *codes = tok_at(c, n->operand[0]);
    if (codes->state != TOK_QUANT)
        return tok_is_rows(c, node, n->operand[0]) && dequantize_rows(c, node);
    bool same = codes->result == 0;
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
