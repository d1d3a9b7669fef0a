// Convolutions. Of an image, patches of it are rows (patches.c). Along the tokens, windows of rows
// go through a matrix: row r of the result is rows r*stride - pad ... side by side, with zeros
// outside. Of one place (1x1, 1), it is a product within a row.
#include "passes/tokens/constant.h"
#include "passes/tokens/rules/rules.h"
#include <inttypes.h>

// Spatial axes of a convolution: what a rank of 3, 4 ... has behind batch and channels.
typedef struct {
    int n;
    const int64_t *strides, *pads, *dilations; // NULL: 1, 0, 1
    int64_t groups;
    const tensor *w; // [M, C / groups, k ...]
} convolution;

static bool read_conv(tok_ctx *c, uint32_t node, convolution *v) {
    const tok_node *n = tok_at(c, node);
    size_t count;
    *v = (convolution){.n = tok_type(c, node, 0)->rank - 2,
                       .strides = ir_attr_ints(&n->op->attrs, IR_ATTR_strides, &count),
                       .pads = ir_attr_ints(&n->op->attrs, IR_ATTR_pads, &count),
                       .dilations = ir_attr_ints(&n->op->attrs, IR_ATTR_dilations, &count),
                       .groups = ir_attr_int(&n->op->attrs, IR_ATTR_groups, 1)};
    if (!tok_at(c, n->operand[1])->is_const)
        return tok_fail(c, node, DIAG_ID_tok_mix,
                        "the weights of a convolution depend on an input");
    if (n->n_operands > 2 && n->operand[2] != TOK_NONE && !tok_at(c, n->operand[2])->is_const)
        return tok_fail(c, node, DIAG_ID_tok_mix, "the bias of a convolution depends on an input");
    v->w = tok_const_at(c, n->operand[1], 0);
    return v->w && (tok_const_same(c, n->operand[1]) ||
                    tok_fail(c, node, DIAG_ID_tok_const,
                             "the weights of a convolution differ between token counts"));
}

static bool is_of_one_place(const convolution *v) {
    bool one = v->groups == 1;
    for (int i = 0; i < v->n; i++)
        one &= v->w->dim[2 + i] == 1 && (!v->strides || v->strides[i] == 1) &&
               (!v->pads || (v->pads[i] == 0 && v->pads[v->n + i] == 0));
    return one;
}

// The weights as a matrix [M, k * C] that takes windows: k rows of C columns. Channels of another
// group weigh 0.
static const tok_constant *window_matrix(tok_ctx *c, const convolution *v) {
    const tensor *w = v->w;
    const int64_t out = w->dim[0], of_group = w->dim[1], k = w->dim[2], in = of_group * v->groups;
    tensor t = tensor_new(c->a, ELEM_f32, 2, (int64_t[]){out, k * in});
    for (int64_t m = 0; m < out; m++) {
        const int64_t first = m / (out / v->groups) * of_group;
        for (int64_t i = 0; i < of_group; i++)
            for (int64_t j = 0; j < k; j++)
                elem_store_f64(
                    ELEM_f32, t.data, (size_t)(m * k * in + j * in + first + i),
                    elem_load_f64(w->type, w->data, (size_t)((m * of_group + i) * k + j)));
    }
    return tok_constant_new(c, "conv", t);
}

// A convolution of x [B, C, tokens].
static bool conv_rows(tok_ctx *c, uint32_t node, const convolution *v) {
    const tok_node *n = tok_at(c, node);
    tok_recipe *r = tok_recipe_of(c, node);
    tok_ref x;
    tok_layout l;
    if (!tok_read_full(c, node, n->operand[0], &x, &l)) return false;
    const int domain = tok_layout_domain(&l);
    int from, until;
    tok_layout_axis(&l, 2, &from, &until);
    bool fits = l.rank == 3 && domain >= 0 && until - from == 1 && l.atom[from].kind == TOK_ROWS &&
                !l.atom[from].size;
    tok_layout_axis(&l, 1, &from, &until);
    for (int i = from; i < until; i++) fits &= l.atom[i].kind == TOK_FEATURE;
    if (!fits)
        return tok_fail(c, node, DIAG_ID_tok_mix,
                        "a convolution of %s %s: only along the tokens of [batch, channels, "
                        "tokens], of one place, or of an image input of fixed size as patches",
                        tok_name(c, n->operand[0]), tok_layout_text(c, &l));
    const int64_t k = v->w->dim[2], stride = v->strides ? v->strides[0] : 1,
                  pad = v->pads ? v->pads[0] : 0, behind = v->pads ? v->pads[1] : 0;
    if (v->dilations && v->dilations[0] != 1)
        return tok_fail(c, node, DIAG_ID_tok_mix,
                        "a convolution of dilation %" PRId64 " along the tokens: only of 1",
                        v->dilations[0]);
    if (pad > k - 1)
        return tok_fail(c, node, DIAG_ID_tok_mix,
                        "a convolution of %" PRId64 " rows behind %" PRId64 " of padding", k, pad);
    if (pad + behind - k + stride < 0)
        return tok_fail(c, node, DIAG_ID_tok_mix,
                        "a convolution of %" PRId64 " rows, %" PRId64 " apart, with %" PRId64
                        " of padding, which leaves rows out at the ends: it must have %" PRId64
                        " of padding at least",
                        k, stride, pad + behind, k - stride);
    const int to = tok_domain_derive(c, node, domain, 1, pad + behind - k + stride, stride);
    if (to < 0) return false;
    ir_attrs attrs = {0};
    ir_attr_set_int(c->a, &attrs, IR_ATTR_k, k);
    ir_attr_set_int(c->a, &attrs, IR_ATTR_stride, stride);
    ir_attr_set_int(c->a, &attrs, IR_ATTR_pad, pad);
    x = tok_step_matrix(c, r, tok_step_cast(c, r, x, ELEM_f32));
    if (x.from == TOK_NOTHING) return false;
    tok_ref operand[3];
    size_t count = 2;
    operand[0] = tok_step_typed(c, r, IR_rows_window, &x, 1, &attrs,
                                tok_row_type(ELEM_f32, to, k * ir_type_width(&x.type)));
    operand[1] = tok_step_constant(c, r, window_matrix(c, v));
    if (n->n_operands > 2 && n->operand[2] != TOK_NONE) {
        const tok_constant *bias = tok_const_whole(c, n->operand[2], node, 1, v->w->dim);
        if (!bias) return false;
        operand[count++] = tok_step_constant(c, r, bias);
    }
    tok_whole(c, node, "looks at rows beside its own");
    if (v->groups > 1)
        tok_note(c, node,
                 "a convolution of %" PRId64
                 " groups takes one matrix, whose weights between groups are 0",
                 v->groups);
    ir_attrs linear = {0};
    ir_attr_set_int(c->a, &linear, IR_ATTR_trans_w, 1);
    tok_layout out = {.rank = 3};
    for (int i = 0; i < l.count; i++)
        if (l.atom[i].axis == 0) tok_layout_push(&out, l.atom[i]);
    tok_layout_push(&out, (tok_atom){TOK_FEATURE, 1, 0, v->w->dim[0], 1, false});
    tok_layout_push(&out, (tok_atom){TOK_ROWS, 2, to, 0, 1, false});
    tok_layout_tidy(&out);
    return tok_set_rows(c, node, tok_step_of(c, r, IR_nn_linear, operand, count, &linear), &out);
}

bool tok_rule_conv(tok_ctx *c, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    convolution v;
    if (tok_plan_of(c, n->operand[0])->kind == TOK_IMAGE) return tok_conv_patches(c, node);
    if (!tok_is_rows(c, node, n->operand[0]) || !read_conv(c, node, &v)) return false;
    if (is_of_one_place(&v)) return tok_conv_of_one_place(c, node, v.w->dim);
    return conv_rows(c, node, &v);
}
