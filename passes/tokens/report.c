// What is said about a node? Findings, claims, notes: each belongs to a node, and is said only if
// the node turns out to be needed.
#include "passes/tokens/plan.h"
#include <stdarg.h>
#include <string.h>

const char *tok_name(const tok_ctx *c, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    if (n->param >= 0)
        return arena_printf(c->a, "input '%s'", c->probe[0].f->params.items[n->param].name);
    if (n->op && n->op->n_locs) return arena_printf(c->a, "node '%s'", n->op->loc[0]);
    return n->op ? arena_printf(c->a, "'%s'", ir_ops[n->op->code].name) : "a constant";
}

diag_loc tok_loc(const tok_ctx *c, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    int line = n->op ? n->op->line : 0;
    return (diag_loc){.line = line, .where = tok_name(c, node)};
}

// ---- findings --------------------------------------------------------------------------------

void tok_own_findings(tok_ctx *c, uint32_t node) {
    while (c->found_at.count < diag_count(c->found)) vec_push(&c->found_at, node);
}

bool tok_fail(tok_ctx *c, uint32_t node, diag_id id, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    const char *s = arena_vprintf(c->a, fmt, ap);
    va_end(ap);
    if (!c->found) {
        diag_emit(c->diags, id, tok_loc(c, node), "%s", s);
        return false;
    }
    // A rule's first finding counts; a constant's, once for all that read it.
    bool again = c->now != TOK_NONE && (node == c->now ? diag_count(c->found) > c->found_before
                                                       : tok_plan_of(c, node)->kind == TOK_REFUSED);
    if (!again) diag_emit(c->found, id, tok_loc(c, node), "%s", s);
    tok_own_findings(c, c->now ? node : TOK_NONE);
    tok_plan_of(c, node)->kind = TOK_REFUSED;
    return false;
}

bool tok_report(tok_ctx *c) {
    bool clean = true;
    for (size_t i = 0; i < c->found_at.count; i++) {
        uint32_t node = c->found_at.items[i];
        if (node != TOK_NONE && !tok_is_needed(tok_plan_of(c, node))) continue;
        const diag *d = diag_get(c->found, i);
        diag_emit(c->diags, d->id, d->loc, "%s", d->message);
        clean &= d->severity < DIAG_ERROR;
    }
    diag_sink_free(c->found);
    c->found = NULL; // from here on findings are said at once
    return clean;
}

// ---- claims and notes ------------------------------------------------------------------------

void tok_proof(tok_ctx *c, uint32_t node, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    const char *s = arena_vprintf(c->a, fmt, ap);
    va_end(ap);
    vec_push(&c->proof, (tok_line){node, arena_printf(c->a, "%s: %s", tok_name(c, node), s)});
}

void tok_note(tok_ctx *c, uint32_t node, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vec_push(&c->notes, (tok_line){node, arena_vprintf(c->a, fmt, ap)});
    va_end(ap);
}

void tok_whole(tok_ctx *c, uint32_t node, const char *why) {
    vec_push(&c->whole, (tok_line){node, why});
}

bool tok_line_counts(const tok_ctx *c, const tok_line *l) {
    return l->node == TOK_NONE || tok_is_needed(tok_plan_of(c, l->node));
}
