// Quantised values. A static scale is arithmetic within a row. A dynamic scale over the whole
// tensor would mix tokens (DynamicQuantizeLinear in an exported decoder gives other numbers for
// other lengths): it becomes one scale a row, by name.
#include "passes/tokens/constant.h"
#include "passes/tokens/rules/rules.h"
#include <string.h>

bool tok_rule_dynquant(tok_ctx *c, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    if (!tok_is_rows(c, node, n->operand[0])) return false;
    bool is_row = strcmp(ir_attr_str(&n->op->attrs, IR_ATTR_gran, "tensor"), "row") == 0;
    if (!is_row) pass_use(c->o, PASS_OPTION_quant_scope);
    if (!is_row && c->o->quant_scope && strcmp(c->o->quant_scope, "tensor") == 0)
        return tok_fail(
            c, node, DIAG_ID_tok_scope,
            "one dynamic scale for the whole tensor mixes tokens, and no unit of the chip has "
            "such a scale; ask for one a row (--quant-scope row)");
    tok_plan_of(c, node)->kind = TOK_QUANT;
    return true;
}

// ---- static scales: a quantised table, or a model that rounds its activations (QDQ) -----------

// x op constant, on rows of f32.
static tok_ref with_scalar(tok_ctx *c, tok_recipe *r, ir_opcode code, tok_ref x, double v) {
    tensor t = tensor_new(c->a, ELEM_f32, 0, NULL);
    *(float *)t.data = (float)v;
    const tok_ref in[] = {x, tok_step_constant(c, r, tok_constant_new(c, "c", t))};
    return tok_step_of(c, r, code, in, 2, NULL);
}

// One scale and zero point for all columns. False: refused, with these words.
static bool read_scale(tok_ctx *c, uint32_t node, double *scale, double *zero, const char *words) {
    const tok_node *n = tok_at(c, node);
    bool has_zero = n->n_operands > 2 && n->operand[2] != TOK_NONE;
    *zero = 0;
    return (tok_const_scalar(c, n->operand[1], scale) &&
            (!has_zero || tok_const_scalar(c, n->operand[2], zero))) ||
           tok_fail(c, node, DIAG_ID_tok_scope, "%s", words);
}

static const tok_ref nothing = {.from = TOK_NOTHING};

tok_ref tok_step_dequantize(tok_ctx *c, tok_recipe *r, uint32_t node, tok_ref x) {
    double scale, zero;
    if (!read_scale(c, node, &scale, &zero, "a quantised value with a scale a column"))
        return nothing;
    tok_ref v = tok_step_cast(c, r, x, ELEM_f32);
    if (zero != 0) v = with_scalar(c, r, IR_t_sub, v, zero);
    return with_scalar(c, r, IR_t_mul, v, scale);
}

static bool dequantize_rows(tok_ctx *c, uint32_t node) {
    uint32_t x = tok_at(c, node)->operand[0];
    if (!tok_is_rows(c, node, x)) return false;
    tok_ref v = tok_step_dequantize(c, tok_recipe_of(c, node), node, tok_take(c, x));
    return v.from != TOK_NOTHING && tok_set_rows(c, node, v, &tok_plan_of(c, x)->layout);
}

tok_ref tok_step_quantize(tok_ctx *c, tok_recipe *r, uint32_t node, tok_ref x) {
    double scale, zero;
    if (!read_scale(c, node, &scale, &zero,
                    "a quantisation with a scale that is no constant number"))
        return nothing;
    elem e = tok_type(c, node, 0)->type;
    bool is_signed = e == ELEM_i8;
    if (!is_signed && e != ELEM_u8) {
        tok_fail(c, node, DIAG_ID_tok_scope, "a quantisation to %s", elem_name(e));
        return nothing;
    }
    tok_ref v = with_scalar(c, r, IR_t_div, x, scale);
    v = tok_step_of(c, r, IR_t_round, &v, 1, NULL);
    if (zero != 0) v = with_scalar(c, r, IR_t_add, v, zero);
    ir_attrs attrs = {0};
    ir_attr_set_float(c->a, &attrs, IR_ATTR_lo, is_signed ? -128 : 0);
    ir_attr_set_float(c->a, &attrs, IR_ATTR_hi, is_signed ? 127 : 255);
    return tok_step_of(c, r, IR_t_clip, &v, 1, &attrs);
}

bool tok_rule_quantize(tok_ctx *c, uint32_t node) {
    uint32_t x = tok_at(c, node)->operand[0];
    bool handled = false;
    if (tok_image_step(c, node)) return true;
    if (!tok_scores_codes(c, node, &handled) || handled) return handled;
    if (!tok_is_rows(c, node, x)) return false;
    tok_ref v = tok_step_quantize(c, tok_recipe_of(c, node), node, tok_take(c, x));
    return v.from != TOK_NOTHING && tok_set_rows(c, node, v, &tok_plan_of(c, x)->layout);
}

// ---- dynamic scales --------------------------------------------------------------------------

// codes, scale and zero point of the same dynamic quantisation: q8 rows.
bool tok_rule_dequantize(tok_ctx *c, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    bool handled = false;
    if (tok_image_step(c, node)) return true;
    if (!tok_scores_codes(c, node, &handled) || handled) return handled;
    if (tok_plan_of(c, n->operand[0])->kind != TOK_QUANT) return dequantize_rows(c, node);
    const tok_node *codes = tok_at(c, n->operand[0]);
    bool same = codes->result == 0;
    for (uint32_t k = 1; k < n->n_operands; k++) {
        const tok_node *s = tok_at(c, n->operand[k]);
        same = same && tok_plan_of(c, n->operand[k])->kind == TOK_QUANT && s->result == k &&
               s->operand[0] == codes->operand[0];
    }
    if (!same)
        return tok_fail(c, node, DIAG_ID_tok_scope,
                        "a quantised value with a scale or zero point from elsewhere");
    uint32_t x = codes->operand[0], known = c->codes_of[x];
    if (known) // quantised once
        return tok_set_kind(c, node, TOK_CODES, tok_take(c, known), &tok_plan_of(c, known)->layout);
    if (strcmp(ir_attr_str(&codes->op->attrs, IR_ATTR_gran, "tensor"), "row")) {
        tok_note(c, node, "dynamic quantisation: one scale a tensor became one a row (tok-scope)");
        tok_plan_of(c, node)->facts |= TOK_IS_RELAXED;
    }
    tok_recipe *r = tok_recipe_of(c, node);
    tok_ref v = tok_take_full(c, node, x);
    if (v.from == TOK_NOTHING) return false;
    v = tok_step_matrix(c, r, v);
    ir_attrs attrs = {0};
    ir_attr_set_str(c->a, &attrs, IR_ATTR_mode, "asym");
    v = tok_step_of(c, r, IR_nn_quant, &v, 1, &attrs);
    const tok_layout l = tok_layout_full(&tok_plan_of(c, x)->layout);
    if (!tok_set_kind(c, node, TOK_CODES, v, &l)) return false;
    c->codes_of[x] = node;
    return true;
}

bool tok_rule_matmul_int(tok_ctx *c, uint32_t node) {
    uint32_t x = tok_at(c, node)->operand[0];
    if (tok_plan_of(c, x)->kind == TOK_REFUSED) return tok_blame(c, node, x);
    return tok_fail(
        c, node, DIAG_ID_tok_scope,
        "an integer product outside of codes x weights x scales of one dynamic quantisation");
}
