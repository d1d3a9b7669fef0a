// What is every node? Each gets its plan by the rule of its operation, operands before users.
// Nothing here touches the program: what a rule finds out is in the plan.
#include "passes/tokens/rules/rules.h"

typedef bool (*tok_rule)(tok_ctx *c, uint32_t node);
static const tok_rule rules[IR_OP_COUNT] = {
#define OP(unit, name, stages, n_min, n_max, results, attributes, class, kind, rows, home, rule, \
           lowering, emission, summary)                                                          \
    tok_rule_##rule,
#include "ir/ops.def"
};

static bool plan_node(tok_ctx *c, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    if (n->param >= 0) return tok_plan_input(c, node);
    tok_recipe_of(c, node)->node = node;
    return rules[n->op->code](c, node);
}

void tok_analyse(tok_ctx *c) {
    size_t n = c->nodes.count, n_params = c->probe[0].f->params.count;
    c->plan = ARENA_ARRAY(c->a, tok_plan, n);
    c->input = ARENA_ARRAY(c->a, tok_input, n_params + 1);
    c->witness = ARENA_ARRAY(c->a, tok_ref, TOK_MAX_DOMAINS);
    c->codes_of = ARENA_ARRAY(c->a, uint32_t, n);
    c->found = diag_sink_new();
    for (uint32_t i = 1; i < n; i++) {
        tok_plan *p = tok_plan_of(c, i);
        if (tok_at(c, i)->is_const) continue;
        if (tok_at(c, i)->is_odd) {
            p->kind = TOK_REFUSED;
        } else if (tok_is_empty(c, i)) {
            p->kind = TOK_EMPTY;
        } else {
            c->now = i;
            c->found_before = diag_count(c->found);
            if (!plan_node(c, i)) p->kind = TOK_REFUSED;
            tok_own_findings(c, i);
        }
    }
    c->now = TOK_NONE;
}
