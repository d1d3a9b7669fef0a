// Patches of an image: a convolution that cuts one into patches is a linear
// layer on rows of patches, which the port of the input cuts.
#include "passes/tokens/constant.h"
#include "passes/tokens/rules/rules.h"
#include <inttypes.h>

typedef struct {
    const ir_type *in, *out;
    const int64_t *strides;
    const tensor *w;
} patches;

// A convolution that only cuts and multiplies. False: refused.
static bool read_conv(tok_ctx *c, uint32_t node, patches *p) {
    const tok_node *n = tok_at(c, node);
    tok_kind kind = tok_plan_of(c, n->operand[0])->kind;
    p->in = tok_type(c, n->operand[0], 0);
    p->out = tok_type(c, node, 0);
    if (kind == TOK_REFUSED) return tok_blame(c, node, n->operand[0]);
    if (kind != TOK_IMAGE || p->in->rank != 4 || !c->is_frozen)
        return tok_fail(c, node, DIAG_ID_tok_mix,
                        "a convolution of %s: only one on an image input of fixed size, as patches",
                        tok_name(c, n->operand[0]));
    size_t count;
    const int64_t *pads = ir_attr_ints(&n->op->attrs, IR_ATTR_pads, &count);
    const int64_t *dil = ir_attr_ints(&n->op->attrs, IR_ATTR_dilations, &count);
    p->strides = ir_attr_ints(&n->op->attrs, IR_ATTR_strides, &count);
    bool plain = ir_attr_int(&n->op->attrs, IR_ATTR_groups, 1) == 1 && p->strides;
    for (int i = 0; i < 4; i++) plain &= !pads || pads[i] == 0;
    for (int i = 0; i < 2; i++) plain &= !dil || dil[i] == 1;
    if (!plain || !tok_at(c, n->operand[1])->is_const)
        return tok_fail(
            c, node, DIAG_ID_tok_mix,
            "a convolution with padding, groups or dilation on an image: only patches cut "
            "from it become rows");
    p->w = tok_const_at(c, n->operand[1], 0);
    return p->w != NULL;
}

// The image's input as rows of patches. False: refused.
static bool cut_input(tok_ctx *c, uint32_t node, const patches *p, int64_t rows, int64_t width,
                      tok_ref *x) {
    uint32_t image = tok_at(c, node)->operand[0], param = (uint32_t)tok_at(c, image)->param;
    tok_input *input = &c->input[param];
    int64_t known = c->domain[0].rows[0];
    if (known && known != rows)
        return tok_fail(c, node, DIAG_ID_tok_role,
                        "gives %" PRId64 " patches where inputs have %" PRId64 " tokens", rows,
                        known);
    if (input->rows.from != TOK_NOTHING)
        return tok_fail(c, node, DIAG_ID_tok_role, "%s is cut into patches twice",
                        tok_name(c, image));
    tok_domain_frozen(c, rows);
    input->layout = arena_printf(c->a,
                                 "im2row c=%" PRId64 " h=%" PRId64 " w=%" PRId64 " kh=%" PRId64
                                 " kw=%" PRId64 " sh=%" PRId64 " sw=%" PRId64,
                                 p->in->dim[1], p->in->dim[2], p->in->dim[3], p->w->dim[2],
                                 p->w->dim[3], p->strides[0], p->strides[1]);
    *x = (tok_ref){.from = TOK_OF_INPUT, .id = param, .type = tok_row_type(ELEM_f32, 0, width)};
    input->rows = *x;
    if (c->witness[0].from == TOK_NOTHING) c->witness[0] = *x;
    return true;
}

bool tok_rule_conv(tok_ctx *c, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    tok_recipe *r = tok_recipe_of(c, node);
    patches p = {0};
    if (!read_conv(c, node, &p)) return false;
    int64_t rows = p.out->dim[2] * p.out->dim[3];
    int64_t dim[2] = {p.w->dim[0], p.w->dim[1] * p.w->dim[2] * p.w->dim[3]};
    tok_ref operand[3] = {0};
    size_t operands = 2;
    if (!cut_input(c, node, &p, rows, dim[1], &operand[0])) return false;
    const tok_constant *w = tok_const_whole(c, n->operand[1], node, 2, dim);
    if (!w) return false;
    operand[1] = tok_step_constant(c, r, w);
    if (n->n_operands > 2 && n->operand[2] != TOK_NONE) {
        const tok_constant *bias = tok_const_whole(c, n->operand[2], node, 1, dim);
        if (!bias) return false;
        operand[operands++] = tok_step_constant(c, r, bias);
    }
    ir_attrs attrs = {0};
    ir_attr_set_int(c->a, &attrs, IR_ATTR_trans_w, 1);
    tok_layout l = {.rank = 4};
    if (p.in->dim[0] > 1) tok_layout_push(&l, (tok_atom){TOK_BATCH, 0, 0, p.in->dim[0], 1, false});
    tok_layout_push(&l, (tok_atom){TOK_FEATURE, 1, 0, dim[0], 1, false});
    tok_layout_push(&l, (tok_atom){TOK_ROWS, 2, 0, p.out->dim[2], p.out->dim[3], false});
    tok_layout_push(&l, (tok_atom){TOK_ROWS, 3, 0, p.out->dim[3], 1, false});
    tok_layout_tidy(&l);
    tok_proof(c, node, "rows are the %" PRId64 " patches of '%s'", rows,
              c->probe[0].f->params.items[tok_at(c, n->operand[0])->param].name);
    return tok_set_rows(c, node, tok_step_of(c, r, IR_nn_linear, operand, operands, &attrs), &l);
}
