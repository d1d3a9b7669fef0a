// What kind of program is it, and what was proved? Class and sizes, notes, and the proof record.
#include "passes/tokens/plan.h"
#include <inttypes.h>
#include <string.h>

// Nodes that only the encoder's inputs decide: they are read whole, whatever the decoder does.
static bool *encoder_nodes(tok_ctx *c) {
    bool *is = ARENA_ARRAY(c->a, bool, c->nodes.count);
    for (uint32_t i = 1; i < c->nodes.count; i++) {
        const tok_node *n = tok_at(c, i);
        int d = n->param >= 0 ? tok_layout_domain(&tok_plan_of(c, i)->layout) : -1;
        is[i] = n->param < 0 ? n->n_operands > 0 : d >= 0 && tok_domain_root(c, d) == 1;
        for (uint32_t k = 0; k < n->n_operands; k++)
            if (n->operand[k] != TOK_NONE && !tok_at(c, n->operand[k])->is_const)
                is[i] &= is[n->operand[k]];
    }
    return is;
}

// Why the program cannot take a sequence in steps; NULL: it can.
static const char *whole_because(tok_ctx *c) {
    const bool *encoder = encoder_nodes(c);
    for (size_t i = 0; i < c->whole.count; i++) {
        const tok_line *l = &c->whole.items[i];
        if (tok_line_counts(c, l) && !encoder[l->node])
            return arena_printf(c->a, "%s %s", tok_name(c, l->node), l->text);
    }
    return c->is_frozen ? "the export is frozen at one length" : NULL;
}

static void write_notes(tok_ctx *c) {
    map *seen = map_new();
    for (size_t i = 0; i < c->m->notes.count; i++) map_set(seen, c->m->notes.items[i], 1);
    for (size_t i = 0; i < c->notes.count; i++) {
        const tok_line *l = &c->notes.items[i];
        if (!tok_line_counts(c, l) || map_add(seen, l->text, 1) != MAP_NONE) continue;
        vec_push(&c->m->notes, arena_str(c->m->arena, l->text));
    }
    map_free(seen);
}

void tok_write_class(tok_ctx *c) {
    const char *reason = whole_because(c);
    int64_t max = c->domain[0].rows[c->max], chunk = c->o->max_chunk;
    if (!reason) pass_use(c->o, PASS_OPTION_max_chunk);
    if (reason || chunk <= 0) chunk = reason ? max : min_i64(max, 64);
    chunk = min_i64(chunk, max);
    arena *a = c->m->arena;
    ir_attr_set_str(a, &c->m->attrs, IR_ATTR_class, reason ? "whole" : "stream");
    ir_attr_set_int(a, &c->m->attrs, IR_ATTR_max_tokens, max);
    ir_attr_set_int(a, &c->m->attrs, IR_ATTR_max_chunk, chunk);
    ir_attr_set_int(a, &c->f->attrs, IR_ATTR_max_chunk, chunk);
    if (reason)
        tok_note(c, TOK_NONE, "the program takes whole sequences: %s%s", reason,
                 c->has_past ? ", so that pasts must be empty" : "");
    write_notes(c);
}

// What the inputs' axes are.
static void prove_inputs(tok_ctx *c) {
    arena *a = c->m->arena;
    const ir_func *f = c->probe[0].f;
    for (size_t i = 0; i < f->params.count; i++) {
        uint32_t id = c->param_node[i];
        if (id == TOK_NONE || tok_is_past(c, i)) continue;
        const tok_layout *l = &tok_plan_of(c, id)->layout;
        if (!tok_layout_has_rows(l)) continue;
        int d = tok_layout_domain(l);
        const int64_t *rows = c->domain[d > 0 ? tok_domain_root(c, d) : 0].rows;
        const char *name = f->params.items[i].name, *text = tok_layout_text(c, l);
        vec_push(&c->m->proof,
                 c->is_frozen ? arena_printf(a, "input '%s' is %s: frozen at %" PRId64 " tokens",
                                             name, text, c->domain[0].rows[0])
                              : arena_printf(a,
                                             "input '%s' is %s: %" PRId64 ", %" PRId64
                                             " and %" PRId64 " tokens at the probes",
                                             name, text, rows[0], rows[1], rows[2]));
    }
}

void tok_write_proof(tok_ctx *c) {
    arena *a = c->m->arena;
    prove_inputs(c);
    size_t n = c->nodes.count - 1;
    vec_push(&c->m->proof,
             c->is_frozen
                 ? arena_printf(a, "%zu values keep their tokens apart, but in attention", n)
                 : arena_printf(a,
                                "the same %zu values at %" PRId64 ", %" PRId64 ", %" PRId64
                                " and %" PRId64 " tokens",
                                n, c->probe[0].tokens, c->probe[1].tokens, c->probe[2].tokens,
                                c->probe[3].tokens));
    map *seen = map_new();
    for (size_t i = 0; i < c->proof.count; i++) {
        const tok_line *l = &c->proof.items[i];
        if (!tok_line_counts(c, l) || map_add(seen, l->text, 1) != MAP_NONE) continue;
        vec_push(&c->m->proof, arena_str(a, l->text));
    }
    map_free(seen);
}
