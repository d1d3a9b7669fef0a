// What becomes of the model's results? Rows, attention probabilities, keys and values that a ring
// has, or a finding.
#include "passes/tokens/rules/attention.h"
#include <string.h>

static bool wants_last(const tok_ctx *c) {
    return c->o->logits && strcmp(c->o->logits, "last") == 0;
}

// An output that is rows: every broadcast carried out, or the last row of a step.
static void plan_rows(tok_ctx *c, uint32_t id, const char *name, tok_output *out) {
    tok_ref v = tok_take_full(c, id, id);
    out->layout = tok_layout_full(&tok_plan_of(c, id)->layout);
    bool has_rows = v.from != TOK_NOTHING && ir_type_domain(&v.type) == 0;
    if (has_rows) pass_use(c->o, PASS_OPTION_logits);
    if (wants_last(c) && has_rows) {
        v = tok_take_last(c, id, id);
        out->is_last = true;
        tok_note(c, TOK_NONE, "output '%s' gives the last row of a step", name);
    }
    out->recipe.value = v;
}

static void note_unread_inputs(tok_ctx *c) {
    const ir_func *f = c->probe[0].f;
    for (size_t i = 0; i < f->params.count; i++)
        if (c->input[i].rows.from == TOK_NOTHING && !tok_is_past(c, i))
            tok_note(c, TOK_NONE, "input '%s' is not read", f->params.items[i].name);
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
        any = true;
        if (tok_at(c, id)->is_const) {
            tok_fail(c, id, DIAG_ID_tok_out, "output '%s' depends on no input", name);
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
    diag_emit(c->found, DIAG_ID_tok_out, DIAG_NOWHERE, "no output is left");
    tok_own_findings(c, TOK_NONE);
}
