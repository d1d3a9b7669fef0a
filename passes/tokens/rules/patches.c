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
    p->in = tok_type(c, n->operand[0], 0);
    p->out = tok_type(c, node, 0);
    if (p->in->rank != 4 || !c->is_frozen)
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

// ---- before the cut --------------------------------------------------------------------------

// The operand that is an image, all others constants; TOK_NONE: others too, or none.
static uint32_t image_operand(const tok_ctx *c, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    uint32_t image = TOK_NONE;
    for (uint32_t k = 0; k < n->n_operands; k++) {
        if (n->operand[k] == TOK_NONE || tok_at(c, n->operand[k])->is_const) continue;
        if (image != TOK_NONE || tok_plan_of(c, n->operand[k])->kind != TOK_IMAGE) return TOK_NONE;
        image = n->operand[k];
    }
    return image;
}

bool tok_image_step(tok_ctx *c, uint32_t node) {
    uint32_t image = image_operand(c, node);
    if (image == TOK_NONE) return false;
    tok_plan *p = tok_plan_of(c, node);
    p->kind = TOK_IMAGE;
    p->layout = tok_plan_of(c, image)->layout;
    return true;
}

static uint32_t input_of_image(const tok_ctx *c, uint32_t image) {
    while (tok_at(c, image)->param < 0) image = image_operand(c, image);
    return image;
}

// A constant beside an image as a row of a patch's columns, or a number. TOK_NOTHING: refused.
static tok_ref beside_patch(tok_ctx *c, tok_recipe *r, const patches *p, uint32_t node) {
    const tok_ref nothing = {.from = TOK_NOTHING};
    const tensor *t = tok_const_at(c, node, 0);
    if (!t) return nothing;
    const elem e = elem_is_float(t->type) ? ELEM_f32 : ELEM_i32;
    const int64_t area = p->w->dim[2] * p->w->dim[3], channels = p->in->dim[1];
    int64_t width = channels * area, each = 1; // elements a channel
    bool fits = t->rank <= 4;
    for (int i = 0; fits && i < t->rank; i++) { // axes from the last: width, height, channels
        const int64_t d = t->dim[t->rank - 1 - i];
        fits = d == 1 || (i == 2 && d == channels);
        if (i == 2) each = d;
    }
    if (!fits) {
        tok_fail(c, r->node, DIAG_ID_tok_mix,
                 "an image beside a constant %s, which is other at other places of it: one number "
                 "a channel at most",
                 tensor_shape_text(c->a, t));
        return nothing;
    }
    tensor row = tensor_new(c->a, e, each > 1, &width);
    for (int64_t i = 0; i < (each > 1 ? width : 1); i++)
        elem_store_f64(e, row.data, (size_t)i, elem_load_f64(t->type, t->data, (size_t)(i / area)));
    return tok_step_constant(c, r, tok_constant_new(c, "c", row));
}

// What the model does to the image before it is cut, on rows of patches x of its input.
static tok_ref on_patches(tok_ctx *c, tok_recipe *r, const patches *p, uint32_t image, tok_ref x) {
    const tok_node *n = tok_at(c, image);
    if (n->param >= 0) return x;
    const uint32_t before = image_operand(c, image);
    x = on_patches(c, r, p, before, x);
    if (x.from == TOK_NOTHING) return x;
    if (n->op->code == IR_t_cast)
        return tok_step_cast(c, r, x, tok_row_elem(tok_type(c, image, 0)->type));
    if (n->op->code == IR_t_quantize) return tok_step_quantize(c, r, image, x);
    if (n->op->code == IR_t_dequantize) return tok_step_dequantize(c, r, image, x);
    tok_ref in[3];
    CHECK(n->n_operands <= ARRAY_LEN(in), "%s", ir_ops[n->op->code].name);
    for (uint32_t k = 0; k < n->n_operands; k++) {
        in[k] = n->operand[k] == before ? x : beside_patch(c, r, p, n->operand[k]);
        if (in[k].from == TOK_NOTHING) return in[k];
    }
    return tok_step_of(c, r, n->op->code, in, n->n_operands, &n->op->attrs);
}

// ---- the cut ---------------------------------------------------------------------------------

// The image's input as rows of patches. False: refused.
static bool cut_input(tok_ctx *c, uint32_t node, const patches *p, int64_t rows, int64_t width,
                      tok_ref *x) {
    uint32_t image = tok_at(c, node)->operand[0], at = input_of_image(c, image),
             param = (uint32_t)tok_at(c, at)->param;
    const elem e = tok_row_elem(tok_type(c, at, 0)->type);
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
    *x = (tok_ref){.from = TOK_OF_INPUT, .id = param, .type = tok_row_type(e, 0, width)};
    input->rows = *x;
    if (e == ELEM_i32) input->index_rows = 256;
    if (c->witness[0].from == TOK_NOTHING) c->witness[0] = *x;
    *x = tok_step_cast(c, tok_recipe_of(c, node),
                       on_patches(c, tok_recipe_of(c, node), p, image, *x), ELEM_f32);
    return x->from != TOK_NOTHING;
}

bool tok_conv_patches(tok_ctx *c, uint32_t node) {
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
              c->probe[0].f->params.items[tok_at(c, input_of_image(c, n->operand[0]))->param].name);
    return tok_set_rows(c, node, tok_step_of(c, r, IR_nn_linear, operand, operands, &attrs), &l);
}
