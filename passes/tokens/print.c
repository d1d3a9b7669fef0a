// What analysis found out, as text: every node's kind and layout, what it is needed as, and the
// recipe of its rows. Written beside the dump of the pass, also when the model is refused.
//
//   %12 nn.linear "/h.0/q": rows [1, t0, 128], needed
//     $0 = t.const @h.0.q.w : f32[128,128]
//     $1 = nn.linear %10, $0 : f32[t0,128]
//
// %N is a node, $N a step of the recipe; the last one is the node's rows, unless a line `= %N` says
// that they are another node's. After a line `%N.full` or `%N.last` stands how these forms are
// made, if anybody reads them. Domains have the program's numbers where it has them.
#include "ir/ring.h"
#include "ir/text/text.h"
#include "passes/tokens/plan.h"
#include <inttypes.h>

static const char *const form_marks[TOK_FORMS] = {"", ".full", ".last"};

static const char *type_text(const tok_ctx *c, ir_type t) {
    int d = ir_type_domain(&t);
    if (d >= 0) t.dim[0] = IR_DIM_DOMAIN(tok_domain_number(c, d));
    return ir_type_text(c->a, &t);
}

static void print_ref(const tok_ctx *c, const tok_ref *x, FILE *out) {
    switch (x->from) {
    case TOK_OF_NODE: fprintf(out, "%%%u%s", x->id, form_marks[x->form]); break;
    case TOK_OF_INPUT: fprintf(out, "'%s'", c->probe[0].f->params.items[x->id].name); break;
    case TOK_OF_STEP: fprintf(out, "$%u", x->id); break;
    case TOK_NOTHING: fputc('_', out); break;
    }
}

static void print_step(const tok_ctx *c, const tok_step *s, FILE *out) {
    fprintf(out, "%s", ir_ops[s->code].name);
    if (s->constant && s->constant->symbol) fprintf(out, " @%s", s->constant->symbol);
    if (s->constant && !s->constant->symbol) fprintf(out, " new '%s'", s->constant->hint);
    for (uint32_t k = 0; k < s->n; k++) {
        fputs(k ? ", " : " ", out);
        print_ref(c, &s->in[k], out);
    }
    const ir_attrs attrs = s->ring ? ir_ring_attrs(c->a, &s->ring->is) : s->attrs;
    if (attrs.count) fprintf(out, " %s", ir_attrs_text(c->a, &attrs));
    fprintf(out, " : %s\n", type_text(c, s->type));
}

static void print_recipe(const tok_ctx *c, const tok_recipe *r, FILE *out) {
    for (uint32_t i = 0; i < r->count; i++) {
        fprintf(out, "  $%u = ", i);
        print_step(c, &r->step[i], out);
    }
    bool last = r->value.from == TOK_OF_STEP && r->value.id + 1 == r->count;
    if (last || r->value.from == TOK_NOTHING) return;
    fputs("  = ", out);
    print_ref(c, &r->value, out);
    fprintf(out, " : %s\n", type_text(c, r->value.type));
}

static void print_findings(const tok_ctx *c, uint32_t node, FILE *out) {
    for (size_t i = 0; i < c->found_at.count; i++) {
        const diag *d = diag_get(c->found, i);
        if (c->found_at.items[i] == node)
            fprintf(out, "  ! %s [%s]\n", d->message, diag_id_name(d->id));
    }
    const tok_plan *p = tok_plan_of(c, node);
    for (uint32_t i = 0; i < p->n_blamed; i++) fprintf(out, "  ! because of %%%u\n", p->blamed[i]);
}

static void print_node(const tok_ctx *c, uint32_t node, FILE *out) {
    static const char *const words[TOK_KINDS] = {
#define KIND(name, word, summary) word,
#include "passes/tokens/kinds.def"
    };
    const tok_node *n = tok_at(c, node);
    const tok_plan *p = tok_plan_of(c, node);
    const char *op = n->op ? ir_ops[n->op->code].name : "input";
    fprintf(out, "%%%u %s", node, op);
    if (n->param >= 0) fprintf(out, " '%s'", c->probe[0].f->params.items[n->param].name);
    if (n->op && n->op->n_locs) fprintf(out, " \"%s\"", n->op->loc[0]);
    fprintf(out, ": %s", words[p->kind]);
    if (p->layout.rank) fprintf(out, " %s", tok_layout_text(c, &p->layout));
    fprintf(out, "%s%s\n", tok_is_needed(p) ? ", needed" : "",
            p->is_evaluated ? ", evaluated" : "");
    if (p->kind == TOK_REFUSED) {
        print_findings(c, node, out);
        return;
    }
    for (int form = 0; form < TOK_FORMS; form++) {
        const tok_recipe *r = &p->form[form];
        if (r->value.from == TOK_NOTHING) continue;
        if (form != TOK_AS_IS) fprintf(out, "  %%%u%s\n", node, form_marks[form]);
        print_recipe(c, r, out);
    }
}

void tok_print(const tok_ctx *c, FILE *out) {
    for (uint32_t i = 1; i < c->nodes.count; i++) print_node(c, i, out);
    for (size_t i = 0; i < c->outputs.count; i++) {
        const tok_output *o = c->outputs.items[i];
        bool refused = o->recipe.value.from == TOK_NOTHING;
        fprintf(out, "output '%s': %s\n", c->probe[0].f->results.items[o->index].name,
                refused ? "refused" : tok_layout_text(c, &o->layout));
        print_recipe(c, &o->recipe, out);
    }
}
