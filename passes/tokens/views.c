// Operations that move elements: views cost nothing or permute columns; what is taken from or
// joined to the token axis becomes rows.*; a patch convolution of an image becomes a linear layer
// on patch rows.
#include "passes/tokens/find_tokens.h"
#include <inttypes.h>
#include <string.h>

static tok_node *rows_of(tok_ctx *c, uint32_t node, uint32_t k) {
    uint32_t x = tok_at(c, node)->operand[k];
    return tok_is_rows(c, node, x) ? tok_at(c, x) : NULL;
}

bool tok_rule_reshape(tok_ctx *c, uint32_t node) {
    tok_node *x = rows_of(c, node, 0);
    tok_layout l;
    return x && tok_layout_reshape(c, node, &x->layout, &l) && tok_set_value(c, node, x->val, &l);
}

bool tok_rule_transpose(tok_ctx *c, uint32_t node) {
    tok_node *x = rows_of(c, node, 0);
    if (!x) return false;
    size_t n;
    const int64_t *perm = ir_attr_ints(&tok_at(c, node)->op->attrs, IR_ATTR_perm, &n);
    int64_t w = tok_width(&x->layout), *index = ARENA_ARRAY(c->a, int64_t, w);
    tok_layout l;
    ir_val v = x->val;
    if (tok_layout_permute(&x->layout, perm, &l, index)) v = tok_emit_columns(c, node, v, index, w);
    return tok_set_value(c, node, v, &l);
}

bool tok_rule_broadcast(tok_ctx *c, uint32_t node) {
    tok_node *x = rows_of(c, node, 0);
    if (!x) return false;
    const ir_type *t = tok_type(c, node, 0);
    tok_layout l = {.rank = t->rank};
    int shift = t->rank - x->layout.rank;
    for (int axis = 0; axis < t->rank; axis++) {
        int from = 0, until = 0;
        if (axis >= shift) tok_layout_axis(&x->layout, axis - shift, &from, &until);
        for (int i = from; i < until; i++) {
            tok_atom a = x->layout.atom[i];
            a.axis = axis;
            tok_layout_push(&l, a);
        }
        if (from < until) continue;
        bool varies = false, is_one = true;
        for (int i = 0; i < c->n_probes; i++) {
            varies |= tok_type(c, node, i)->dim[axis] != t->dim[axis];
            is_one &= tok_type(c, node, i)->dim[axis] == 1;
        }
        tok_atom a = {TOK_FEATURE, axis, 0, t->dim[axis], 1, true};
        if (varies) {
            a = (tok_atom){TOK_ROWS, axis, 0, 0, 1, true};
            if (!tok_axis_rows(c, node, axis, &a.domain)) return false;
        }
        if (!is_one) tok_layout_push(&l, a);
    }
    return tok_set_value(c, node, x->val, &l);
}

// ---- taking indices along an axis ------------------------------------------------------------

typedef struct {
    const int64_t *at[TOK_MAX_PROBES];
    int64_t n[TOK_MAX_PROBES];
} indices;

static bool same_indices(const tok_ctx *c, const indices *x) {
    for (int i = 1; i < c->n_probes; i++)
        if (x->n[i] != x->n[0] || memcmp(x->at[i], x->at[0], (size_t)x->n[0] * sizeof *x->at[0]))
            return false;
    return true;
}

static bool take_features(tok_ctx *c, uint32_t node, tok_node *x, int axis, const indices *at) {
    tok_layout l = {.rank = x->layout.rank};
    int64_t outer = 1, inner = 1, size = 1;
    bool is_virtual = true;
    for (int i = 0; i < x->layout.count; i++) {
        const tok_atom *a = &x->layout.atom[i];
        if (a->axis == axis) is_virtual &= a->is_virtual;
    }
    if (!is_virtual && tok_rows(c, tok_at(c, node)->operand[0]) == IR_NONE) return false;
    bool done = false;
    for (int i = 0; i < x->layout.count; i++) {
        const tok_atom *a = &x->layout.atom[i];
        if (a->axis != axis) {
            if (a->kind == TOK_FEATURE && !a->is_virtual)
                *(a->axis < axis ? &outer : &inner) *= a->size;
            tok_layout_push(&l, *a);
            continue;
        }
        size *= a->size;
        if (!done) tok_layout_push(&l, (tok_atom){TOK_FEATURE, axis, 0, at->n[0], 1, is_virtual});
        done = true;
    }
    tok_layout_tidy(&l);
    tok_layout out;
    if (!tok_layout_reshape(c, node, &l, &out)) return false;
    if (is_virtual) return tok_set_value(c, node, x->val, &out);
    int64_t n = outer * at->n[0] * inner, *index = ARENA_ARRAY(c->a, int64_t, n), k = 0;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t j = 0; j < at->n[0]; j++)
            for (int64_t i = 0; i < inner; i++) index[k++] = (o * size + at->at[0][j]) * inner + i;
    return tok_set_value(c, node, tok_emit_columns(c, node, x->val, index, n), &out);
}

// rows.pick and rows.skip.
static bool take_rows(tok_ctx *c, uint32_t node, tok_node *x, int axis, const indices *at) {
    uint32_t from_id = tok_at(c, node)->operand[0];
    ir_val v = tok_rows(c, from_id);
    if (v == IR_NONE) return tok_at(c, node)->state = TOK_BAD, false;
    int d = tok_layout_domain(&x->layout);
    int from, until;
    tok_layout_axis(&x->layout, axis, &from, &until);
    if (until - from != 1 || x->layout.atom[from].size)
        return tok_fail(c, node, DIAG_ID_tok_shape,
                        "takes a part of axis %d of %s, which tokens share "
                        "with something else",
                        axis, tok_layout_text(c, &x->layout));
    bool single = true, same = true, last = true, rest = true;
    for (int i = 0; i < c->n_probes; i++) {
        int64_t rows = c->domain[d].rows[i], first = at->n[i] ? at->at[i][0] : -1;
        single &= at->n[i] == 1;
        same &= first == at->at[0][0];
        last &= first == rows - 1;
        rest &= at->n[i] == rows - first;
        for (int64_t k = 0; k < at->n[i]; k++) rest &= at->at[i][k] == first + k;
    }
    ir_attrs attrs = {0};
    tok_layout l = x->layout;
    const ir_type t = *ir_type_of(c->f, v);
    int64_t w = ir_type_width(&t), row = at->n[0] ? at->at[0][0] : 0;
    if (single && (same || last)) {
        bool is_last = last && !(same && c->n_probes > 1) && row != 0;
        const char *which = is_last ? "last" : row == 0 ? "first" : "index";
        ir_attr_set_str(c->a, &attrs, IR_ATTR_which, which);
        if (!is_last && row) ir_attr_set_int(c->a, &attrs, IR_ATTR_row, row);
        int to = is_last ? tok_domain_last(c, node, d) : tok_domain_one(c);
        if (to < 0) return false;
        v = tok_emit_typed(c, node, IR_rows_pick, &v, 1, &attrs, tok_row_type(t.type, to, w));
        memmove(&l.atom[from], &l.atom[until], (size_t)(l.count - until) * sizeof *l.atom);
        l.count--;
        if (is_last)
            tok_proof(c, node, "picks the last row at every probe");
        else
            tok_whole(c, node, "picks a row of the sequence by number");
    } else if (same && rest) {
        ir_attr_set_int(c->a, &attrs, IR_ATTR_row, row);
        int to = tok_domain_derive(c, node, d, 1, -row, 1);
        if (to < 0) return false;
        v = tok_emit_typed(c, node, IR_rows_skip, &v, 1, &attrs, tok_row_type(t.type, to, w));
        l.atom[from].domain = to;
        tok_whole(c, node, "drops rows at the start of the sequence");
    } else {
        return tok_fail(c, node, DIAG_ID_tok_shape,
                        "takes rows %" PRId64 "... (%" PRId64 ") of %" PRId64 " tokens, %" PRId64
                        "... (%" PRId64 ") of %" PRId64
                        ": neither one row, nor all from a fixed one on, nor the last",
                        row, at->n[0], c->probe[0].tokens,
                        at->n[c->n_probes > 1] ? at->at[c->n_probes > 1][0] : 0,
                        at->n[c->n_probes > 1], c->probe[c->n_probes > 1].tokens);
    }
    tok_layout out;
    return tok_layout_reshape(c, node, &l, &out) && tok_set_value(c, node, v, &out);
}

static bool take(tok_ctx *c, uint32_t node, tok_node *x, int axis, const indices *at) {
    int from, until;
    tok_layout_axis(&x->layout, axis, &from, &until);
    bool rows = false, batch = false, real = false;
    for (int i = from; i < until; i++) {
        rows |= x->layout.atom[i].kind == TOK_ROWS;
        batch |= x->layout.atom[i].kind == TOK_BATCH;
        real |= !x->layout.atom[i].is_virtual;
    }
    if (batch && real)
        return tok_fail(c, node, DIAG_ID_tok_mix, "takes one sequence out of the batch");
    if (rows) return take_rows(c, node, x, axis, at);
    if (!same_indices(c, at))
        return tok_fail(c, node, DIAG_ID_tok_shape,
                        "takes %" PRId64 " features from %" PRId64 " on for %" PRId64
                        " tokens, %" PRId64 " from %" PRId64 " on for %" PRId64,
                        at->n[0], at->n[0] ? at->at[0][0] : 0, c->probe[0].tokens,
                        at->n[c->n_probes > 1],
                        at->n[c->n_probes > 1] ? at->at[c->n_probes > 1][0] : 0,
                        c->probe[c->n_probes > 1].tokens);
    if (from == until && at->n[0] == 1) { // an axis of size 1
        tok_layout out;
        return tok_layout_reshape(c, node, &x->layout, &out) &&
               tok_set_value(c, node, x->val, &out);
    }
    return take_features(c, node, x, axis, at);
}

bool tok_rule_slice(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node), *x = rows_of(c, node, 0);
    if (!x) return false;
    const ir_type *t = tok_type(c, node, 0);
    int axis = -1;
    for (int k = 0; k < t->rank; k++) {
        bool whole = true;
        for (int i = 0; i < c->n_probes; i++) {
            const ir_op *op = ir_def(c->probe[i].f, n->v[i]);
            size_t unused;
            const int64_t *start = ir_attr_ints(&op->attrs, IR_ATTR_starts, &unused);
            const int64_t *step = ir_attr_ints(&op->attrs, IR_ATTR_steps, &unused);
            whole &= start[k] == 0 && step[k] == 1 &&
                     tok_type(c, node, i)->dim[k] == tok_type(c, n->operand[0], i)->dim[k];
        }
        if (whole) continue;
        if (axis >= 0)
            return tok_fail(c, node, DIAG_ID_tok_shape, "slices axes %d and %d at once", axis, k);
        axis = k;
    }
    if (axis < 0) return tok_set_value(c, node, x->val, &x->layout);
    indices at = {0};
    for (int i = 0; i < c->n_probes; i++) {
        const ir_op *op = ir_def(c->probe[i].f, n->v[i]);
        size_t unused;
        const int64_t *start = ir_attr_ints(&op->attrs, IR_ATTR_starts, &unused);
        const int64_t *step = ir_attr_ints(&op->attrs, IR_ATTR_steps, &unused);
        at.n[i] = tok_type(c, node, i)->dim[axis];
        int64_t *list = ARENA_ARRAY(c->a, int64_t, at.n[i] + 1);
        for (int64_t k = 0; k < at.n[i]; k++) list[k] = start[axis] + k * step[axis];
        at.at[i] = list;
    }
    return take(c, node, x, axis, &at);
}

// Columns of the last axis (row.cols, row.permute, row.repeat of plain values).
bool tok_rule_columns(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node), *x = rows_of(c, node, 0);
    if (!x) return false;
    int64_t from = ir_attr_int(&n->op->attrs, IR_ATTR_from, 0);
    int axis = tok_type(c, node, 0)->rank - 1;
    indices at = {0};
    for (int i = 0; i < c->n_probes; i++) {
        const ir_op *op = ir_def(c->probe[i].f, n->v[i]);
        size_t count;
        const int64_t *given = ir_attr_ints(&op->attrs, IR_ATTR_index, &count);
        at.n[i] = tok_type(c, node, i)->dim[axis];
        int64_t *list = ARENA_ARRAY(c->a, int64_t, at.n[i] + 1);
        for (int64_t k = 0; k < at.n[i]; k++) list[k] = given ? given[k] : from + k;
        at.at[i] = list;
    }
    return take(c, node, x, axis, &at);
}

// ---- gather ----------------------------------------------------------------------------------

static bool embed(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node);
    bool is_embed = n->op->code == IR_nn_embed; // ids, table; a gather has them the other way round
    uint32_t ids_id = n->operand[is_embed ? 0 : 1], table_id = n->operand[is_embed ? 1 : 0];
    tok_node *ids = rows_of(c, node, is_embed ? 0 : 1);
    if (!ids) return false;
    const tensor *t = tok_const_at(c, table_id, 0);
    if (!t || tok_rows(c, ids_id) == IR_NONE) return n->state = TOK_BAD, false;
    int64_t axis = is_embed ? 0 : ir_attr_int(&n->op->attrs, IR_ATTR_axis, 0);
    if (axis != 0 || t->rank < 1 || tok_width(&ids->layout) != 1)
        return tok_fail(c, node, DIAG_ID_tok_ragged,
                        "looks rows up along axis %" PRId64
                        " of a constant of rank %d, for %" PRId64
                        " indices a token; only tables of rows, one index a token",
                        axis, t->rank, tok_width(&ids->layout));
    int64_t rows = t->dim[0], dim[2] = {rows, rows ? (int64_t)tensor_count(t) / rows : 0};
    const char *s = tok_const_symbol(c, table_id, node, 2, dim);
    if (!s) return false;
    if (ids->param >= 0) {
        int64_t *hi = &c->range_hi[ids->param];
        if (!*hi || rows < *hi) *hi = rows;
    }
    ir_val in[] = {ids->val, tok_const_op(c, node, s)};
    ir_val v = tok_emit(c, node, IR_nn_embed, in, 2, NULL);
    tok_layout l = ids->layout, out;
    l.rank++;
    tok_layout_push(&l, (tok_atom){TOK_FEATURE, l.rank - 1, 0, dim[1], 1, false});
    tok_layout_tidy(&l);
    return v != IR_NONE && tok_layout_reshape(c, node, &l, &out) && tok_set_value(c, node, v, &out);
}

bool tok_rule_gather(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node);
    uint32_t data = n->operand[n->op->code == IR_nn_embed],
             at_id = n->operand[n->op->code != IR_nn_embed];
    if (tok_at(c, data)->is_const) return embed(c, node);
    if (!tok_at(c, at_id)->is_const || n->op->code == IR_nn_embed)
        return tok_fail(c, node, DIAG_ID_tok_ragged,
                        "takes rows of %s by an index that depends on inputs", tok_name(c, data));
    tok_node *x = rows_of(c, node, 0);
    if (!x) return false;
    int axis = (int)ir_attr_int(&n->op->attrs, IR_ATTR_axis, 0);
    indices at = {0};
    for (int i = 0; i < c->n_probes; i++) {
        const tensor *t = tok_const_at(c, at_id, i);
        if (!t) return n->state = TOK_BAD, false;
        at.n[i] = (int64_t)tensor_count(t);
        int64_t *list = ARENA_ARRAY(c->a, int64_t, at.n[i] + 1),
                size = tok_type(c, data, i)->dim[axis];
        for (int64_t k = 0; k < at.n[i]; k++) {
            list[k] = elem_load_i64(t->type, t->data, (size_t)k);
            if (list[k] < 0) list[k] += size;
            if (list[k] < 0 || list[k] >= size)
                return tok_fail(c, node, DIAG_ID_tok_shape,
                                "index %" PRId64 " of an axis of %" PRId64, list[k], size);
        }
        at.at[i] = list;
    }
    return take(c, node, x, axis, &at);
}

// ---- padding ---------------------------------------------------------------------------------

bool tok_rule_pad(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node), *x = rows_of(c, node, 0);
    if (!x) return false;
    size_t count;
    const int64_t *pads = ir_attr_ints(&n->op->attrs, IR_ATTR_pads, &count);
    bool none = true;
    for (size_t i = 0; i < count; i++) none &= pads[i] == 0;
    if (none) return tok_set_value(c, node, x->val, &x->layout);
    return tok_fail(c, node, DIAG_ID_tok_mix, "padding of %s", tok_layout_text(c, &x->layout));
}

// ---- patches of an image ---------------------------------------------------------------------

bool tok_rule_conv(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node), *x = tok_at(c, n->operand[0]);
    const ir_type *in = tok_type(c, n->operand[0], 0), *out = tok_type(c, node, 0);
    if (x->state == TOK_BAD) return n->state = TOK_BAD, false;
    if (x->state != TOK_IMAGE || in->rank != 4 || !c->is_frozen)
        return tok_fail(c, node, DIAG_ID_tok_mix,
                        "a convolution of %s: only one on an image input of fixed size, as patches",
                        tok_name(c, n->operand[0]));
    size_t count;
    const int64_t *pads = ir_attr_ints(&n->op->attrs, IR_ATTR_pads, &count);
    const int64_t *strides = ir_attr_ints(&n->op->attrs, IR_ATTR_strides, &count);
    const int64_t *dil = ir_attr_ints(&n->op->attrs, IR_ATTR_dilations, &count);
    bool plain = ir_attr_int(&n->op->attrs, IR_ATTR_groups, 1) == 1 && strides;
    for (int i = 0; i < 4; i++) plain &= !pads || pads[i] == 0;
    for (int i = 0; i < 2; i++) plain &= !dil || dil[i] == 1;
    if (!plain || !tok_at(c, n->operand[1])->is_const)
        return tok_fail(
            c, node, DIAG_ID_tok_mix,
            "a convolution with padding, groups or dilation on an image: only patches cut "
            "from it become rows");
    const tensor *w = tok_const_at(c, n->operand[1], 0);
    if (!w) return n->state = TOK_BAD, false;
    int64_t rows = out->dim[2] * out->dim[3], width = w->dim[1] * w->dim[2] * w->dim[3];
    int d = 0;
    if (c->domain[0].rows[0] && c->domain[0].rows[0] != rows)
        return tok_fail(c, node, DIAG_ID_tok_role,
                        "gives %" PRId64 " patches where inputs have %" PRId64 " tokens", rows,
                        c->domain[0].rows[0]);
    tok_domain_frozen(c, rows);
    ir_val *slot = &c->param[x->param];
    if (*slot != IR_NONE)
        return tok_fail(c, node, DIAG_ID_tok_role, "%s is cut into patches twice",
                        tok_name(c, n->operand[0]));
    const char *name = c->probe[0].f->params.items[x->param].name;
    *slot = ir_param_add(c->m, c->f, name, tok_row_type(ELEM_f32, d, width));
    ir_port *p = &c->f->params.items[c->f->params.count - 1];
    arena *a = c->m->arena;
    ir_attr_set_str(a, &p->attrs, IR_ATTR_onnx_type, elem_name(in->type));
    ir_attr_set_str(a, &p->attrs, IR_ATTR_role, "tokens");
    ir_attr_set_str(a, &p->attrs, IR_ATTR_layout,
                    arena_printf(c->a,
                                 "im2row c=%" PRId64 " h=%" PRId64 " w=%" PRId64 " kh=%" PRId64
                                 " kw=%" PRId64 " sh=%" PRId64 " sw=%" PRId64,
                                 in->dim[1], in->dim[2], in->dim[3], w->dim[2], w->dim[3],
                                 strides[0], strides[1]));
    const char *shape[4] = {"1"};
    for (int i = 1; i < 4; i++) shape[i] = arena_printf(c->a, "%" PRId64, in->dim[i]);
    ir_attr_set_strs(a, &p->attrs, IR_ATTR_onnx_shape, shape, 4);
    if (!c->witness[d]) c->witness[d] = *slot;

    int64_t dim[2] = {w->dim[0], width};
    const char *s = tok_const_symbol(c, n->operand[1], node, 2, dim);
    if (!s) return false;
    ir_val operand[3] = {*slot, tok_const_op(c, node, s)};
    size_t operands = 2;
    if (n->n_operands > 2 && n->operand[2] != TOK_NONE) {
        s = tok_const_symbol(c, n->operand[2], node, 1, dim);
        if (!s) return false;
        operand[operands++] = tok_const_op(c, node, s);
    }
    ir_attrs attrs = {0};
    ir_attr_set_int(c->a, &attrs, IR_ATTR_trans_w, 1);
    ir_val v = tok_emit(c, node, IR_nn_linear, operand, operands, &attrs);
    tok_layout l = {.rank = 4};
    if (in->dim[0] > 1) tok_layout_push(&l, (tok_atom){TOK_BATCH, 0, 0, in->dim[0], 1, false});
    tok_layout_push(&l, (tok_atom){TOK_FEATURE, 1, 0, dim[0], 1, false});
    tok_layout_push(&l, (tok_atom){TOK_ROWS, 2, d, out->dim[2], out->dim[3], false});
    tok_layout_push(&l, (tok_atom){TOK_ROWS, 3, d, out->dim[3], 1, false});
    tok_layout_tidy(&l);
    tok_proof(c, node, "rows are the %" PRId64 " patches of '%s'", rows, name);
    return v != IR_NONE && tok_set_value(c, node, v, &l);
}
