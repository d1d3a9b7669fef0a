// Which nodes are needed, in which form? From the outputs backwards along recipes. What a needed
// node only evaluates (a mask, a table of angles) asks for nothing. A refused node asks for the
// operands that are to blame, so that all findings of a run come together.
#include "passes/tokens/plan.h"
#include <inttypes.h>

typedef struct {
    uint32_t node;
    tok_form form;
} want;
typedef VEC(want) wants;

static void ask(tok_ctx *c, uint32_t node, tok_form form, wants *todo) {
    tok_plan *p = tok_plan_of(c, node);
    if (p->is_needed[form]) return;
    p->is_needed[form] = true;
    vec_push(todo, (want){node, form});
}

static void ask_ref(tok_ctx *c, const tok_ref *x, wants *todo) {
    if (x->from == TOK_OF_NODE) ask(c, x->id, x->form, todo);
    if (x->from == TOK_OF_INPUT) c->input[x->id].is_needed = true;
}

static void ask_recipe(tok_ctx *c, const tok_recipe *r, wants *todo) {
    for (uint32_t i = 0; i < r->count; i++)
        for (uint32_t k = 0; k < r->step[i].n; k++) ask_ref(c, &r->step[i].in[k], todo);
    ask_ref(c, &r->value, todo);
}

static bool is_evaluated_by(const tok_plan *p, uint32_t operand) {
    for (uint32_t i = 0; i < p->n_evaluated; i++)
        if (p->evaluated[i] == operand) return true;
    return false;
}

// Operands of a refused node that may have findings of their own: those to blame, and others that
// it would have read as rows.
static void ask_refused(tok_ctx *c, uint32_t node, wants *todo) {
    const tok_node *n = tok_at(c, node);
    const tok_plan *p = tok_plan_of(c, node);
    for (uint32_t i = 0; i < p->n_blamed; i++) ask(c, p->blamed[i], TOK_AS_IS, todo);
    for (uint32_t k = 0; k < n->n_operands; k++) {
        uint32_t x = n->operand[k];
        if (x != TOK_NONE && (tok_at(c, x)->deps & TOK_DEP_DATA) && !is_evaluated_by(p, x))
            ask(c, x, TOK_AS_IS, todo);
    }
}

static void mark_evaluated(tok_ctx *c, uint32_t node) {
    VEC(uint32_t) todo = {0};
    vec_push(&todo, node);
    while (todo.count) {
        uint32_t at = todo.items[--todo.count];
        const tok_node *n = tok_at(c, at);
        if (n->is_const || tok_plan_of(c, at)->is_evaluated) continue;
        tok_plan_of(c, at)->is_evaluated = true;
        for (uint32_t k = 0; k < n->n_operands; k++)
            if (n->operand[k] != TOK_NONE) vec_push(&todo, n->operand[k]);
    }
    vec_free(&todo);
}

// What a needed node says about the whole.
static void take_facts(tok_ctx *c, const tok_plan *p) {
    c->facts |= p->facts;
    for (uint32_t i = 0; i < p->n_evaluated; i++) mark_evaluated(c, p->evaluated[i]);
    if (p->counted != TOK_NONE) {
        tok_input *input = &c->input[tok_at(c, p->counted)->param];
        input->is_needed = true; // the host must know what does not count
        input->pad = p->pad;
    }
    if (p->index == TOK_NONE) return;
    tok_input *input = &c->input[tok_at(c, p->index)->param];
    input->is_signed = p->index_is_signed && (!input->index_rows || input->is_signed);
    if (!input->index_rows || p->index_rows < input->index_rows) input->index_rows = p->index_rows;
}

// ---- domains ---------------------------------------------------------------------------------

static void need_domain(tok_ctx *c, const ir_type *t, uint32_t *user, uint32_t node) {
    for (int at = ir_type_domain(t); at >= 0; at = tok_domain_parent(c, at)) {
        if (c->domain[at].is_needed) return;
        c->domain[at].is_needed = true;
        user[at] = node;
    }
}

static void need_domains(tok_ctx *c, const tok_recipe *r, uint32_t *user, uint32_t node) {
    for (uint32_t i = 0; i < r->count; i++) need_domain(c, &r->step[i].type, user, node);
    need_domain(c, &r->value.type, user, node);
}

// Numbers for the program, in the order in which analysis came across the domains. t0 is always
// there, and t1 is an encoder's if it is anybody's.
static void number_domains(tok_ctx *c) {
    uint32_t user[TOK_MAX_DOMAINS] = {0}; // that needs it first
    c->domain[0].is_needed = true;
    for (uint32_t i = 1; i < c->nodes.count; i++)
        for (int form = 0; form < TOK_FORMS; form++)
            if (tok_plan_of(c, i)->is_needed[form])
                need_domains(c, &tok_plan_of(c, i)->form[form], user, i);
    for (size_t i = 0; i < c->outputs.count; i++) {
        const tok_recipe *r = &c->outputs.items[i]->recipe;
        need_domains(c, r, user, r->node);
    }
    int next = 0;
    for (int i = 0; i < c->n_domains; i++) {
        if (!c->domain[i].is_needed && i > c->has_encoder) continue;
        if (next == IR_MAX_DOMAINS) {
            tok_fail(c, user[i], DIAG_ID_tok_shape,
                     "needs a token domain more than the %d there are", IR_MAX_DOMAINS);
            return;
        }
        c->domain[i].number = next++;
    }
}

void tok_demand(tok_ctx *c) {
    wants todo = {0};
    for (size_t i = 0; i < c->outputs.count; i++) {
        const tok_recipe *r = &c->outputs.items[i]->recipe;
        if (r->value.from == TOK_NOTHING) ask(c, r->node, TOK_AS_IS, &todo);
        ask_recipe(c, r, &todo);
    }
    while (todo.count) {
        want w = todo.items[--todo.count];
        const tok_plan *p = tok_plan_of(c, w.node);
        if (p->kind == TOK_REFUSED)
            ask_refused(c, w.node, &todo);
        else
            take_facts(c, p);
        ask_recipe(c, &p->form[w.form], &todo);
    }
    vec_free(&todo);
    if (c->facts & TOK_IS_SHORTENED) c->shortened = c->o->window;
    number_domains(c);
}
