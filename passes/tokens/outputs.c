// What becomes of the model's results? Rows, attention probabilities, keys and values that a ring
// has, or a finding.
#include "passes/tokens/constant.h"
#include "passes/tokens/rules/attention.h"
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

static bool wants_last(const tok_ctx *c) {
    return c->o->logits && strcmp(c->o->logits, "last") == 0;
}

// An output that is rows: every broadcast carried out, or the last row of a step.
static void plan_rows(tok_ctx *c, uint32_t id, const char *name, tok_output *out) {
    tok_ref v = tok_take_full(c, id, id);
    out->layout = tok_layout_full(&tok_plan_of(c, id)->layout);
    int pieces = 0;
    for (int i = 0; i < out->layout.count; i++)
        pieces += out->layout.atom[i].kind == TOK_ROWS && out->layout.atom[i].size > 0;
    if (pieces > 1) {
        tok_fail(c, id, DIAG_ID_tok_out,
                 "output '%s' gives its rows as a grid, %s, which has no form outside: reshape it "
                 "to one axis of rows",
                 name, tok_layout_text(c, &out->layout));
        return;
    }
    bool has_rows = v.from != TOK_NOTHING && ir_type_domain(&v.type) == 0;
    if (has_rows) pass_use(c->o, PASS_OPTION_logits);
    if (wants_last(c) && has_rows) {
        v = tok_take_last(c, id, id);
        out->is_last = true;
        tok_note(c, TOK_NONE, "output '%s' gives the last row of a step", name);
    }
    out->recipe.value = v;
}

enum { MOST_CONSTANT = 1 << 16 }; // elements of an output that depends on no input

// The operations that make a result, from the last back: those that `needed`, of all values, marks.
static const ir_op *maker_before(const ir_func *f, size_t *at, bool *needed) {
    while ((*at)-- > 0) {
        const ir_op *op = &f->ops.items[*at];
        bool makes = false;
        for (uint32_t k = 0; k < op->n_results; k++) makes |= needed[op->result[k]];
        if (!makes) continue;
        for (uint32_t k = 0; k < op->n_operands; k++) needed[op->operand[k]] = true;
        return op;
    }
    return NULL;
}

static bool same_makers(const tok_ctx *c, const ir_func *f, ir_val v, const ir_func *g, ir_val w) {
    bool *of_f = ARENA_ARRAY(c->a, bool, f->values.count),
         *of_g = ARENA_ARRAY(c->a, bool, g->values.count);
    of_f[v] = of_g[w] = true;
    for (size_t i = f->ops.count, k = g->ops.count;;) {
        const ir_op *a = maker_before(f, &i, of_f), *b = maker_before(g, &k, of_g);
        if (!a || !b) return !a && !b;
        if (a->code != b->code || a->n_results != b->n_results ||
            !ir_attrs_equal(&a->attrs, &b->attrs))
            return false;
        for (uint32_t n = 0; n < a->n_results; n++)
            if (!ir_type_equal(ir_type_of(f, a->result[n]), ir_type_of(g, b->result[n])))
                return false;
    }
}

static ir_val result_named(const ir_func *f, const char *name) {
    for (size_t i = 0; f && i < f->results.count; i++)
        if (!strcmp(f->results.items[i].name, name)) return f->results.items[i].value;
    return IR_NONE;
}

// Equal at the probes, and made of the same constants at all lengths, as imported: sizes of inputs
// have no part in it.
static bool is_fixed(tok_ctx *c, uint32_t id, const char *name) {
    const ir_module *m = c->o->reference ? c->o->reference : c->old;
    const ir_func *f = ir_func_find(m, c->probe[0].name);
    const ir_val v = result_named(f, name);
    if (v == IR_NONE || !tok_const_same(c, id)) return false;
    for (size_t i = 0; i < m->funcs.count; i++) {
        const ir_func *g = m->funcs.items[i];
        const ir_val w = result_named(g, name);
        if (w != IR_NONE && !same_makers(c, f, v, g, w)) return false;
    }
    return true;
}

// Rows of f32 or i32 hold every element as it is.
static bool is_exact(const tensor *t) {
    if (t->type != ELEM_i32 && t->type != ELEM_i64 && !elem_is_float(t->type)) return false;
    for (size_t i = 0, n = tensor_count(t); i < n; i++) {
        if (elem_is_float(t->type)) {
            const double v = elem_load_f64(t->type, t->data, i);
            if (isfinite(v) && (fabs(v) > FLT_MAX || (double)(float)v != v)) return false;
        } else {
            const int64_t v = elem_load_i64(t->type, t->data, i);
            if (v < INT32_MIN || v > INT32_MAX) return false;
        }
    }
    return true;
}

// An output that is the same for every input: one row of a table. False: dropped.
static bool plan_constant(tok_ctx *c, uint32_t id, const char *name, tok_output *out) {
    const tensor *t = tok_const_at(c, id, 0);
    const int64_t count = t ? (int64_t)tensor_count(t) : 0;
    const char *why =
        count > MOST_CONSTANT
            ? arena_printf(c->a, "is a constant of more than %d elements", MOST_CONSTANT)
        : count < 1 || !is_fixed(c, id, name) ? "depends on no input but by its sizes"
        : !is_exact(t)
            ? arena_printf(c->a, "is a constant of type %s that no rows of f32 or i32 hold",
                           elem_name(t->type))
            : NULL;
    if (why) {
        tok_note(c, TOK_NONE, "output '%s' %s, and is dropped", name, why);
        return false;
    }
    tok_layout l = {.rank = t->rank};
    for (int i = 0; i < t->rank; i++)
        tok_layout_push(&l, (tok_atom){TOK_FEATURE, i, 0, t->dim[i], 1, false});
    tok_layout_tidy(&l);
    const tok_constant *k = tok_const_whole(c, id, id, 2, (int64_t[]){1, count});
    if (!k) return false;
    const tok_ref table = tok_step_constant(c, &out->recipe, k);
    out->recipe.value = tok_step_typed(c, &out->recipe, IR_nn_posrow, &table, 1, NULL,
                                       tok_row_type(k->data.type, tok_domain_one(c), count));
    out->layout = l;
    return true;
}

// The model as imported reads the input, though nothing of it is left: so an attention that takes
// the length of its cache from the ones of a mask.
static bool counts_ones(const tok_ctx *c, size_t param) {
    const ir_module *m = c->o->reference;
    const ir_func *f = m ? ir_func_find(m, c->probe[0].name) : NULL;
    if (!f || strcmp(tok_role(c, c->probe[0].f, param), "mask")) return false;
    const uint32_t *uses = ir_count_uses(c->a, f);
    for (size_t i = 0; i < f->params.count; i++)
        if (!strcmp(f->params.items[i].name, c->probe[0].f->params.items[param].name))
            return uses[f->params.items[i].value] > 0;
    return false;
}

static void note_unread_inputs(tok_ctx *c) {
    const ir_func *f = c->probe[0].f;
    for (size_t i = 0; i < f->params.count; i++)
        if (c->input[i].rows.from == TOK_NOTHING && !tok_is_past(c, i))
            tok_note(c, TOK_NONE, "input '%s' is not read%s", f->params.items[i].name,
                     counts_ones(c, i) ? ": the model counts its ones" : ""); // host/inputs.c
}

void tok_plan_outputs(tok_ctx *c) {
    const ir_func *f = c->probe[0].f;
    note_unread_inputs(c);
    size_t refused = diag_errors(c->found);
    bool any = false;
    for (size_t i = 0; i < f->results.count; i++) {
        uint32_t id = c->result[i];
        const tok_plan *p = tok_plan_of(c, id);
        const char *name = f->results.items[i].name;
        if (c->is_present[i]) continue;
        if (p->kind == TOK_PROBS && !c->o->keep_probabilities) {
            tok_note(c, TOK_NONE, "output '%s' gives attention probabilities and is dropped", name);
            continue;
        }
        tok_output *out = ARENA_NEW(c->a, tok_output);
        out->index = i;
        out->recipe.node = id;
        if (tok_at(c, id)->is_const && !plan_constant(c, id, name, out)) continue;
        any |= !tok_at(c, id)->is_const;
        if (tok_at(c, id)->is_const) {
            // planned
        } else if (p->kind == TOK_VALUE) {
            plan_rows(c, id, name, out);
        } else if (p->kind == TOK_PROBS) {
            tok_probs_output(c, id, &out->recipe, &out->layout);
        } else if (p->kind == TOK_IMAGE) {
            tok_is_rows(c, id, id);
        } else if (p->kind != TOK_REFUSED) {
            tok_fail(c, id, DIAG_ID_tok_out, "output '%s' is no value of rows", name);
        }
        vec_push(&c->outputs, out);
    }
    if (any || diag_errors(c->found) > refused) return;
    diag_emit(c->found, DIAG_ID_tok_out, DIAG_NOWHERE,
              "no output is left that depends on an input");
    tok_own_findings(c, TOK_NONE);
}
