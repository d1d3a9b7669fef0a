// find-tokens: proves that the probe functions are one program on rows of tokens, and writes it
// (worked-examples §1.3; docs/find-tokens.md).
//
//   skeleton   which values of the probes correspond
//   analyse    a plan for every node: what its axes are, how it becomes rows, or what is wrong
//   demand     which nodes the results need, and in which form
//   report     what is wrong with those; all findings of a run together
//   emit       the program: needed nodes in order
//   check      the program and the model are executed, and compared
//
// There is no new module before emit.
#include "passes/tokens/find_tokens.h"
#include "passes/tokens/plan.h"

static bool refuse(tok_ctx *c, diag_id id, const char *text) {
    diag_emit(c->diags, id, DIAG_NOWHERE, "%s", text);
    return false;
}

static void analyse(tok_ctx *c) {
    tok_domains_begin(c);
    tok_analyse(c);
    tok_past_finish(c);
    tok_plan_outputs(c);
    tok_demand(c);
    if (c->o->trace) tok_print(c, c->o->trace);
}

static bool find(tok_ctx *c) {
    if (!tok_probes_find(c)) return false;
    bool ok = tok_skeleton_build(c);
    if (c->has_past) ok = tok_past_match(c) && ok;
    analyse(c);
    ok = tok_report(c) && ok;
    if (!ok) return false;
    if (c->is_frozen && !c->domain[0].rows[0])
        return refuse(c, DIAG_ID_tok_role,
                      "cannot tell which dimension counts tokens: no input has a free one; say "
                      "which (--axis INPUT:AXIS=tokens)");
    if (ir_attr_int(&c->old->attrs, IR_ATTR_relaxed, 0)) c->facts |= TOK_IS_RELAXED;
    c->m = ir_module_derive(c->old);
    tok_emit(c);
    tok_write_class(c);
    tok_write_proof(c);
    if (!tok_padding(c)) return false;
    const double began = pass_check_began(c->o);
    const bool same = tok_check(c);
    pass_check_ended(c->o, began);
    return same;
}

ir_module *pass_find_tokens(const ir_module *old, const pass_options *o, diag_sink *diags) {
    tok_ctx c = {.old = old, .o = o, .diags = diags, .a = arena_new()};
    size_t errors = diag_errors(diags);
    bool ok = find(&c);
    if (!ok && diag_errors(diags) == errors) // never without a word
        refuse(&c, DIAG_ID_tok_mix, "the model has no form on rows of tokens");
    vec_free(&c.nodes);
    vec_free(&c.caches);
    vec_free(&c.pairs);
    vec_free(&c.masks);
    vec_free(&c.rings);
    vec_free(&c.known_masks);
    vec_free(&c.outputs);
    vec_free(&c.found_at);
    vec_free(&c.proof);
    vec_free(&c.notes);
    vec_free(&c.whole);
    arena_free(c.a);
    if (ok) return c.m;
    ir_module_free(c.m);
    return NULL;
}
