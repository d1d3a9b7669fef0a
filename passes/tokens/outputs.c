// What becomes of the model's results? Rows, attention probabilities, keys and values that a ring
// has, or a finding.
#include "passes/tokens/constant.h"
#include "passes/tokens/rules/attention.h"
#include <inttypes.h>
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

// An output that is the same for every input: one row of a table. False: dropped.
static bool plan_constant(tok_ctx *c, uint32_t id, const char *name, tok_output *out) {
    const tensor *t = tok_const_at(c, id, 0);
    const int64_t count = t ? (int64_t)tensor_count(t) : 0;
    if (!t || count < 1 || count > MOST_CONSTANT || !tok_const_same(c, id)) {
        tok_note(c, TOK_NONE, "output '%s' %s, and is dropped", name,
                 count > MOST_CONSTANT
                     ? arena_printf(c->a, "is a constant of more than %d elements", MOST_CONSTANT)
                     : "depends on no input but by its sizes");
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
