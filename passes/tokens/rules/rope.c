// Rotary positions: nn.rope becomes nn.rotate with tables by position, or by the ids of an input.
#include "passes/tokens/constant.h"
#include "passes/tokens/rules/attention.h"
#include "passes/tokens/rules/rules.h"
#include <string.h>

// A table by position id: the value computed at ids 0, 1, 2 ... of the maximum. Checked at the
// first probe with ids in another order.
static const tok_constant *position_table(tok_ctx *c, uint32_t node, uint32_t user, int64_t width,
                                          int *param) {
    if (tok_at(c, node)->deps != TOK_DEP_POSITIONS) {
        tok_fail(c, user, DIAG_ID_tok_positions,
                 "its rotary angles depend on more than positions (%s)", tok_name(c, node));
        return NULL;
    }
    arena *a = arena_new();
    tensor out[2];
    int64_t *id[2];
    bool ok = true;
    *param = -1;
    for (int pass = 0; ok && pass < 2; pass++) { // the maximum, then the first probe
        tok_probe *p = &c->probe[pass ? 0 : c->max];
        const tensor **params = ARENA_ARRAY(a, const tensor *, p->f->params.count + 1);
        for (size_t i = 0; i < p->f->params.count; i++) {
            if (strcmp(tok_role(c, p->f, i), "positions")) continue;
            const ir_type *t = ir_type_of(p->f, p->f->params.items[i].value);
            tensor *x = ARENA_NEW(a, tensor);
            *x = tensor_new(a, t->type, t->rank, t->dim);
            int64_t n = t->rank ? t->dim[t->rank - 1] : 1;
            id[pass] = ARENA_ARRAY(a, int64_t, n + 1);
            for (int64_t k = 0; k < n; k++) id[pass][k] = pass ? k * 7 % n : k;
            for (size_t k = 0; k < tensor_count(x); k++)
                elem_store_i64(x->type, x->data, k, id[pass][(int64_t)k % n]);
            params[i] = x;
            *param = (int)i;
        }
        ok = tok_eval(c, p, tok_at(c, node)->v[pass ? 0 : c->max], params, a, &out[pass]);
    }
    const tok_constant *found = NULL;
    int64_t rows = ok && *param >= 0 ? c->domain[0].rows[c->max] : 0;
    if (rows && (int64_t)tensor_count(&out[0]) == rows * width && out[0].type == ELEM_f32) {
        const float *table = out[0].data, *probe = out[1].data;
        for (int64_t r = 0; ok && r < c->domain[0].rows[0]; r++)
            ok = memcmp(probe + r * width, table + id[1][r] * width,
                        (size_t)width * sizeof(float)) == 0;
        if (ok) {
            tensor kept = tensor_new(c->a, ELEM_f32, 2, (int64_t[]){rows, width});
            memcpy(kept.data, table, (size_t)(rows * width) * sizeof(float));
            found = tok_constant_new(c, "rotary", kept);
        }
    }
    if (!found)
        tok_fail(c, user, DIAG_ID_tok_positions,
                 "its rotary angles are no table by position id (%s)", tok_name(c, node));
    else
        tok_proof(c, user, "rotary angles are a table by position id");
    arena_free(a);
    return found;
}

// cos or sin, [T, r/2].
static const tok_constant *angle_table(tok_ctx *c, uint32_t id, uint32_t user, int domain,
                                       int *param) {
    const ir_type *t = tok_type(c, id, 0);
    if (!tok_at(c, id)->is_const) return position_table(c, id, user, t->dim[1], param);
    tok_layout l = {.rank = 2}, own;
    tok_layout_push(&l, (tok_atom){TOK_ROWS, 0, domain, 0, 1, false});
    tok_layout_push(&l, (tok_atom){TOK_FEATURE, 1, 0, t->dim[1], 1, false});
    tok_layout_tidy(&l);
    bool is_row;
    if (!tok_const_layout(c, id, user, &l, &own)) return NULL;
    const tok_constant *k = tok_const_table(c, id, user, &own, &is_row);
    if (!k || !is_row) return k;
    const tensor *row = &k->data;
    int64_t rows = c->domain[domain].rows[c->max], w = (int64_t)tensor_count(row);
    tensor full = tensor_new(c->a, row->type, 2, (int64_t[]){rows, w});
    for (int64_t r = 0; r < rows; r++)
        memcpy((char *)full.data + (size_t)(r * w) * elem_bytes(row->type), row->data,
               tensor_bytes(row));
    return tok_constant_new(c, "angles", full);
}

bool tok_rule_rope(tok_ctx *c, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    tok_recipe *r = tok_recipe_of(c, node);
    int64_t heads, d;
    int domain, param[2] = {-1, -1};
    tok_evaluates(c, node, n->operand[1]);
    tok_evaluates(c, node, n->operand[2]);
    if (!tok_head_axes(c, node, n->operand[0], false, &heads, &d, &domain)) return false;
    const tok_constant *cosine = angle_table(c, n->operand[1], node, domain, &param[0]);
    if (!cosine) return false;
    const tok_constant *sine = angle_table(c, n->operand[2], node, domain, &param[1]);
    if (!sine) return false;
    if (param[0] != param[1])
        return tok_fail(c, node, DIAG_ID_tok_positions,
                        "its cosine and sine follow different positions");
    ir_attrs attrs = ir_attrs_copy(c->a, &n->op->attrs);
    ir_attr_set_int(c->a, &attrs, IR_ATTR_heads, heads);
    tok_ref in[4] = {tok_take_full(c, node, n->operand[0])};
    in[1] = tok_step_constant(c, r, cosine);
    in[2] = tok_step_constant(c, r, sine);
    size_t count = 3;
    if (param[0] >= 0) {
        tok_plan *p = tok_plan_of(c, node);
        p->index = c->param_node[param[0]];
        p->index_rows = c->domain[0].rows[c->max];
        if (!tok_is_rows(c, node, p->index)) return false;
        in[count++] = tok_take(c, p->index);
    }
    const tok_layout l = tok_layout_full(&tok_plan_of(c, n->operand[0])->layout);
    return tok_set_rows(c, node, tok_step_of(c, r, IR_nn_rotate, in, count, &attrs), &l);
}
