// How are rows written into the new function? Operations, columns, broadcasts, and the ports.
#include "passes/tokens/find_tokens.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

elem tok_row_elem(elem e) {
    return e == ELEM_bool ? ELEM_bool : elem_is_float(e) ? ELEM_f32 : e == ELEM_q8 ? e : ELEM_i32;
}

ir_type tok_row_type(elem e, int domain, int64_t width) {
    return ir_type_make(e, 2, (int64_t[]){IR_DIM_DOMAIN(domain), width});
}

ir_val tok_emit(tok_ctx *c, uint32_t node, ir_opcode code, const ir_val *operands, size_t n,
                const ir_attrs *attrs) {
    ir_val v = ir_build(c->m, c->f, code, operands, n, attrs, tok_at(c, node)->op, c->diags);
    if (v == IR_NONE) tok_at(c, node)->state = TOK_BAD;
    return v;
}

ir_val tok_emit_typed(tok_ctx *c, uint32_t node, ir_opcode code, const ir_val *operands, size_t n,
                      const ir_attrs *attrs, ir_type type) {
    return ir_build_typed(c->m, c->f, code, operands, n, attrs, &type, tok_at(c, node)->op);
}

bool tok_set_value(tok_ctx *c, uint32_t node, ir_val v, const tok_layout *l) {
    tok_node *n = tok_at(c, node);
    if (v == IR_NONE) {
        n->state = TOK_BAD;
        return false;
    }
    if (!tok_layout_fits(c, node, l)) return false;
    elem e = tok_type(c, node, 0)->type;
    if (e == ELEM_f16 || e == ELEM_bf16) {
        if (!c->is_widened) tok_note(c, "values of type %s are computed in f32", elem_name(e));
        c->is_widened = true;
    }
    n->state = TOK_VALUE;
    n->val = v;
    n->layout = *l;
    int d = ir_type_domain(ir_type_of(c->f, v));
    if (d >= 0 && !c->witness[d]) c->witness[d] = v;
    return true;
}

ir_val tok_emit_columns(tok_ctx *c, uint32_t node, ir_val v, const int64_t *index, int64_t n) {
    const ir_type *t = ir_type_of(c->f, v);
    int64_t w = ir_type_width(t);
    bool run = true, once = n == w;
    bool *seen = ARENA_ARRAY(c->a, bool, w);
    for (int64_t i = 0; i < n; i++) {
        run &= index[i] == index[0] + i;
        once &= !seen[index[i]];
        seen[index[i]] = true;
    }
    if (run && n == w) return v;
    v = tok_emit_matrix(c, node, v);
    t = ir_type_of(c->f, v);
    ir_type type = tok_row_type(t->type, ir_type_domain(t), n);
    ir_attrs attrs = {0};
    if (run) {
        ir_attr_set_int(c->a, &attrs, IR_ATTR_from, index[0]);
        ir_attr_set_int(c->a, &attrs, IR_ATTR_until, index[0] + n);
        return tok_emit_typed(c, node, IR_row_cols, &v, 1, &attrs, type);
    }
    ir_attr_set_ints(c->a, &attrs, IR_ATTR_index, index, (size_t)n);
    return tok_emit_typed(c, node, once ? IR_row_permute : IR_row_repeat, &v, 1, &attrs, type);
}

ir_val tok_emit_matrix(tok_ctx *c, uint32_t node, ir_val v) {
    const ir_type *t = ir_type_of(c->f, v);
    if (t->rank == 2) return v;
    return tok_emit_typed(c, node, IR_t_reshape, &v, 1, NULL,
                          tok_row_type(t->type, ir_type_domain(t), 1));
}

ir_val tok_emit_like(tok_ctx *c, uint32_t node, ir_val v, int domain) {
    const ir_type *t = ir_type_of(c->f, v);
    if (ir_type_domain(t) == domain) return v;
    if (!c->witness[domain]) {
        tok_fail(c, node, DIAG_ID_tok_shape, "no input gives the rows of domain t%d", domain);
        return IR_NONE;
    }
    ir_val in[] = {v, c->witness[domain]};
    t = ir_type_of(c->f, in[0]);
    return tok_emit_typed(c, node, IR_rows_like, in, 2, NULL,
                          tok_row_type(t->type, domain, ir_type_width(t)));
}

ir_val tok_rows(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node);
    tok_layout full = n->layout;
    bool any = false;
    for (int i = 0; i < full.count; i++) {
        any |= full.atom[i].is_virtual;
        full.atom[i].is_virtual = false;
    }
    if (!any) return n->val;
    int64_t w = tok_width(&full);
    int64_t *index = ARENA_ARRAY(c->a, int64_t, w);
    ir_val v = n->val;
    if (!tok_columns(&n->layout, &full, index)) v = tok_emit_columns(c, node, v, index, w);
    int d = tok_layout_domain(&full);
    if (d == -2) {
        tok_fail(c, node, DIAG_ID_tok_out, "has two token axes: %s", tok_layout_text(c, &full));
        return IR_NONE;
    }
    if (d >= 0) v = tok_emit_like(c, node, v, d);
    n->val = v;
    tok_layout_tidy(&full);
    n->layout = full;
    return v;
}

// ---- groups of columns -----------------------------------------------------------------------

bool tok_split(tok_ctx *c, uint32_t node, const tok_layout *l, int axis, int64_t *groups,
               int64_t *width) {
    *groups = *width = 1;
    for (int i = 0; i < l->count; i++) {
        const tok_atom *a = &l->atom[i];
        if (a->kind == TOK_FEATURE) {
            *(a->axis < axis ? groups : width) *= a->size;
        } else if (a->axis >= axis) {
            return tok_fail(c, node, DIAG_ID_tok_mix,
                            "'%s' over axis %d of %s mixes %s: its rows depend on each other",
                            ir_ops[tok_at(c, node)->op->code].name, a->axis, tok_layout_text(c, l),
                            a->kind == TOK_ROWS ? "tokens" : "sequences of the batch");
        }
    }
    return true;
}

static ir_val call_on(tok_ctx *c, uint32_t node, ir_val x, tok_call *k) {
    k->operand[0] = x;
    return tok_emit(c, node, k->code, k->operand, k->n, &k->attrs);
}

ir_val tok_per_group(tok_ctx *c, uint32_t node, ir_val v, int64_t groups, int64_t width,
                     tok_call *k) {
    if (groups == 1) return call_on(c, node, tok_emit_matrix(c, node, v), k);
    ir_val *part = ARENA_ARRAY(c->a, ir_val, groups);
    int64_t *index = ARENA_ARRAY(c->a, int64_t, width);
    for (int64_t g = 0; g < groups; g++) {
        for (int64_t i = 0; i < width; i++) index[i] = g * width + i;
        part[g] = call_on(c, node, tok_emit_columns(c, node, v, index, width), k);
        if (part[g] == IR_NONE) return IR_NONE;
    }
    return tok_emit(c, node, IR_row_join, part, (size_t)groups, NULL);
}

// ---- ports -----------------------------------------------------------------------------------

uint32_t tok_param_node(const tok_ctx *c, int param) {
    for (uint32_t i = 1; i < c->nodes.count; i++)
        if (tok_at(c, i)->param == param) return i;
    return TOK_NONE;
}

static void set_shape(tok_ctx *c, ir_port *p, const tok_layout *l) {
    const char *dims[IR_MAX_RANK];
    for (int axis = 0; axis < l->rank; axis++) {
        int from, until;
        tok_layout_axis(l, axis, &from, &until);
        dims[axis] = "1";
        for (int i = from; i < until; i++) {
            const tok_atom *a = &l->atom[i];
            if (a->kind == TOK_BATCH) continue;
            const char *s = a->kind == TOK_ROWS ? arena_printf(c->a, "t%d", a->domain)
                                                : arena_printf(c->a, "%" PRId64, a->size);
            bool first = strcmp(dims[axis], "1") == 0;
            dims[axis] = first ? s : arena_printf(c->a, "%s*%s", dims[axis], s);
        }
    }
    ir_attr_set_strs(c->m->arena, &p->attrs, IR_ATTR_onnx_shape, dims, (size_t)l->rank);
}

ir_val tok_param(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node);
    ir_val *slot = &c->param[n->param];
    if (*slot) return *slot;
    const ir_func *of = c->probe[0].f;
    const ir_port *old = &of->params.items[n->param];
    int d = tok_layout_domain(&n->layout);
    const ir_type *t = ir_type_of(of, old->value);
    elem e = elem_is_float(t->type) && strcmp(tok_role(c, of, (size_t)n->param), "mask") ? ELEM_f32
                                                                                         : ELEM_i32;
    int64_t w = tok_width(&n->layout);
    ir_type type = tok_row_type(e, d >= 0 ? d : tok_domain_one(c), w);
    if (e == ELEM_i32 && w == 1) type.rank = 1;
    *slot = ir_param_add(c->m, c->f, old->name, type);
    ir_port *p = &c->f->params.items[c->f->params.count - 1];
    ir_attr_set_str(c->m->arena, &p->attrs, IR_ATTR_onnx_type, elem_name(t->type));
    ir_attr_set_str(c->m->arena, &p->attrs, IR_ATTR_role, tok_role(c, of, (size_t)n->param));
    set_shape(c, p, &n->layout);
    int dom = ir_type_domain(&type);
    if (!c->witness[dom]) c->witness[dom] = *slot;
    return *slot;
}

// ---- logits of the last row --------------------------------------------------------------------

// Row-local operations on one value and constants: picking a row before them is the same as after.
static bool is_row_local(const tok_ctx *c, const ir_op *op) {
    switch (op->code) {
    case IR_nn_linear:
    case IR_nn_norm:
    case IR_t_clip:
    case IR_t_cast:
    case IR_t_softmax:
    case IR_t_log_softmax: break;
#define FN1(name, code, summary) case IR_t_##name:
#define FN2(name, code, summary) case IR_t_##name:
#include "support/num/fn.def"
        break;
    default: return false;
    }
    if (ir_type_domain(ir_type_of(c->f, op->operand[0])) < 0) return false;
    for (uint32_t k = 1; k < op->n_operands; k++)
        if (op->operand[k] && ir_type_domain(ir_type_of(c->f, op->operand[k])) >= 0) return false;
    return true;
}

// The last row of v, picked as early as possible: a head of many columns then works on one row.
static ir_val last_row(tok_ctx *c, uint32_t node, ir_val v) {
    VEC(ir_val) chain = {0};
    for (const ir_op *op; (op = ir_def(c->f, v)) != NULL && is_row_local(c, op);) {
        vec_push(&chain, v);
        v = op->operand[0];
    }
    const ir_type *t = ir_type_of(c->f, v);
    int to = tok_domain_last(c, node, ir_type_domain(t));
    if (to < 0) {
        vec_free(&chain);
        return IR_NONE;
    }
    ir_attrs attrs = {0};
    ir_attr_set_str(c->a, &attrs, IR_ATTR_which, "last");
    v = tok_emit_typed(c, node, IR_rows_pick, &v, 1, &attrs,
                       tok_row_type(t->type, to, ir_type_width(t)));
    while (chain.count) {
        ir_val old = chain.items[--chain.count];
        ir_op op = *ir_def(c->f, old); // by value: emitting moves the list
        ir_type type = *ir_type_of(c->f, old);
        type.dim[0] = IR_DIM_DOMAIN(to);
        ir_val *in = arena_copy(c->a, op.operand, op.n_operands * sizeof *in);
        in[0] = v;
        v = ir_build_typed(c->m, c->f, op.code, in, op.n_operands, &op.attrs, &type, &op);
    }
    vec_free(&chain);
    return v;
}

// The results, and parameters in the order of the model's.
bool tok_finish_ports(tok_ctx *c) {
    const ir_func *of = c->probe[0].f;
    ir_port_list sorted = {0};
    for (size_t i = 0; i < of->params.count; i++) {
        const char *name = of->params.items[i].name;
        bool found = false;
        for (size_t k = 0; k < c->f->params.count; k++) {
            ir_port *p = &c->f->params.items[k];
            if (strcmp(p->name, name)) continue;
            found = true;
            if (elem_is_int(ir_type_of(c->f, p->value)->type)) {
                const ir_attrs *old = &of->params.items[i].attrs;
                bool is_mask = strcmp(tok_role(c, of, i), "mask") == 0;
                int64_t hi = ir_attr_int(old, IR_ATTR_range_hi, c->range_hi[i]);
                if (is_mask) hi = 2;
                if (hi > 0) {
                    ir_attr_set_int(c->m->arena, &p->attrs, IR_ATTR_range_lo,
                                    ir_attr_int(old, IR_ATTR_range_lo, 0));
                    ir_attr_set_int(c->m->arena, &p->attrs, IR_ATTR_range_hi, hi);
                }
            }
            vec_push(&sorted, *p);
        }
        if (!found && !tok_is_past(c, i)) tok_note(c, "input '%s' is not read", name);
    }
    vec_free(&c->f->params);
    c->f->params = sorted;

    bool ok = true;
    for (size_t i = 0; i < of->results.count; i++) {
        uint32_t id = c->result[i];
        tok_node *n = tok_at(c, id);
        const char *name = of->results.items[i].name;
        if (c->is_present[i]) continue;
        if (n->is_const) {
            ok = tok_fail(c, id, DIAG_ID_tok_out, "output '%s' depends on no input", name);
            continue;
        }
        ir_val v = IR_NONE;
        tok_layout l;
        if (n->state == TOK_VALUE) {
            v = tok_rows(c, id);
            l = n->layout;
        } else if (n->state == TOK_PROBS) {
            if (!c->o->keep_probabilities) {
                tok_note(c, "output '%s' gives attention probabilities and is dropped", name);
                continue;
            }
            if (!tok_probs_output(c, id, &v, &l)) v = IR_NONE;
        } else if (n->state == TOK_BAD) {
            tok_blame(c, id, id);
        } else {
            tok_fail(c, id, DIAG_ID_tok_out, "output '%s' is no value of rows", name);
        }
        if (v == IR_NONE) {
            ok = false;
            continue;
        }
        tok_layout shown = l;
        bool last = c->o->logits && strcmp(c->o->logits, "last") == 0 && n->state == TOK_VALUE &&
                    ir_type_domain(ir_type_of(c->f, v)) == 0;
        if (last) {
            v = last_row(c, id, v);
            if (v == IR_NONE) {
                ok = false;
                continue;
            }
            shown.count = 0;
            for (int k = 0; k < l.count; k++)
                if (l.atom[k].kind != TOK_ROWS) tok_layout_push(&shown, l.atom[k]);
            tok_note(c, "output '%s' gives the last row of a step", name);
        }
        ir_port *p = ir_result_add(c->m, c->f, name, v);
        ir_attr_set_str(c->m->arena, &p->attrs, IR_ATTR_onnx_type,
                        elem_name(tok_type(c, id, 0)->type));
        set_shape(c, p, &shown);
        c->out_layout[c->f->results.count - 1] = l;
        c->out_index[c->f->results.count - 1] = (int)i;
        c->out_last[c->f->results.count - 1] = last;
    }
    if (ok && !c->f->results.count) {
        diag_emit(c->diags, DIAG_ID_tok_out, DIAG_NOWHERE, "no output is left");
        ok = false;
    }
    return ok;
}
