// find-tokens: proves that the probe functions are one program on rows of tokens, and writes it
// (worked-examples §1.3; docs/find-tokens.md).
//
// Order: skeleton, past, layouts and rows node by node, outputs, caches, what is used, class,
// execution. Every finding of a run is reported; nothing is returned when there is one.
#include "passes/tokens/find_tokens.h"
#include <inttypes.h>
#include <string.h>

// ---- rules -----------------------------------------------------------------------------------

static const tok_rule rules[IR_OP_COUNT] = {
#define OP(unit, name, stages, n_min, n_max, results, attributes, class, kind, rows, home, rule, \
           lowering, emission, summary)                                                          \
    tok_rule_##rule,
#include "ir/ops.def"
};

bool tok_rule_none(tok_ctx *c, uint32_t node) {
    return tok_fail(c, node, DIAG_ID_tok_mix, "'%s' has no form on rows of tokens",
                    ir_ops[tok_at(c, node)->op->code].name);
}

// ---- inputs ----------------------------------------------------------------------------------

static bool asked_axis(const tok_ctx *c, const char *input, int axis, const char **role) {
    for (size_t i = 0; i < c->o->n_axes; i++) {
        const pass_axis_role *r = &c->o->axes[i];
        if (r->axis != axis || strcmp(r->input, input)) continue;
        *role = r->role;
        return true;
    }
    return false;
}

// The axis counts an encoder's tokens: words of onnx_shape and --axis say so.
static bool is_encoder_axis(const tok_ctx *c, const ir_port *port, int axis) {
    for (size_t k = 0; k < c->o->n_axes; k++) {
        const pass_axis_role *r = &c->o->axes[k];
        if (r->axis == axis && strcmp(r->input, port->name) == 0)
            return r->domain && strcmp(r->domain, "enc") == 0;
    }
    size_t n;
    const char *const *word = ir_attr_strs(&port->attrs, IR_ATTR_onnx_shape, &n);
    return (size_t)axis < n && strcmp(word[axis], "tokens:enc") == 0;
}

// What an input's axes are: from the sizes at the probes, from words of its onnx_shape (a frozen
// model: "batch", "tokens"), or as asked for.
static bool seed(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node);
    const ir_port *port = &c->probe[0].f->params.items[n->param];
    const ir_type *t = tok_type(c, node, 0);
    size_t n_words;
    const char *const *word = ir_attr_strs(&port->attrs, IR_ATTR_onnx_shape, &n_words);
    tok_layout l = {.rank = t->rank};
    for (int axis = 0; axis < t->rank; axis++) {
        bool varies = false;
        for (int i = 1; i < c->n_probes; i++)
            varies |= tok_type(c, node, i)->dim[axis] != t->dim[axis];
        const char *role = n_words == (size_t)t->rank ? word[axis] : "";
        asked_axis(c, port->name, axis, &role);
        tok_atom a = {TOK_FEATURE, axis, 0, t->dim[axis], 1, false};
        if (is_encoder_axis(c, port, axis)) {
            if (c->domain[1].rows[0] != t->dim[axis])
                return tok_fail(c, node, DIAG_ID_tok_role,
                                "axis %d counts %" PRId64
                                " tokens of the encoder, another input %" PRId64,
                                axis, t->dim[axis], c->domain[1].rows[0]);
            a = (tok_atom){TOK_ROWS, axis, 1, 0, 1, false};
        } else if (varies) {
            a = (tok_atom){TOK_ROWS, axis, 0, 0, 1, false};
            if (!tok_axis_rows(c, node, axis, &a.domain)) return false;
        } else if (c->is_frozen && (!strcmp(role, "tokens") || !strcmp(role, "t0"))) {
            if (c->domain[0].rows[0] && c->domain[0].rows[0] != t->dim[axis])
                return tok_fail(c, node, DIAG_ID_tok_role,
                                "axis %d counts %" PRId64 " tokens, another input %" PRId64, axis,
                                t->dim[axis], c->domain[0].rows[0]);
            tok_domain_frozen(c, t->dim[axis]);
            a = (tok_atom){TOK_ROWS, axis, 0, 0, 1, false};
        } else if (strcmp(role, "batch") == 0) {
            a.kind = TOK_BATCH;
            if (t->dim[axis] > 1)
                tok_note(c,
                         "the export is frozen at a batch of %" PRId64
                         "; the program runs one sequence",
                         t->dim[axis]);
        } else if (t->dim[axis] == 1) {
            continue;
        }
        tok_layout_push(&l, a);
    }
    tok_layout_tidy(&l);
    int domain = tok_layout_domain(&l);
    if (domain == -2)
        return tok_fail(c, node, DIAG_ID_tok_mask,
                        "has two token axes %s; say what it means (--mask causal or --mask all)",
                        tok_layout_text(c, &l));
    n->layout = l;
    if (domain < 0 && t->rank == 4 && elem_is_float(t->type)) {
        n->state = TOK_IMAGE;
        return true;
    }
    return tok_set_value(c, node, tok_param(c, node), &l);
}

void tok_domain_frozen(tok_ctx *c, int64_t rows) {
    c->m->domain[0] = (ir_domain){.used = true, .kind = IR_DOMAIN_FREE, .max = rows, .fixed = rows};
    c->domain[0].rows[0] = rows;
}

int64_t tok_encoder_rows(const tok_ctx *c, const tok_probe *p) {
    for (size_t i = 0; i < p->f->params.count; i++) {
        const ir_port *port = &p->f->params.items[i];
        const ir_type *t = ir_type_of(p->f, port->value);
        for (int axis = 0; axis < t->rank; axis++)
            if (is_encoder_axis(c, port, axis)) return t->dim[axis];
    }
    return 0;
}

static void begin_domain(tok_ctx *c, int d, int64_t max) {
    c->m->domain[d] = (ir_domain){.used = true, .kind = IR_DOMAIN_FREE, .max = max};
}

static bool begin(tok_ctx *c) {
    const ir_func *of = c->probe[0].f;
    c->f = ir_func_add(c->m, "run");
    c->param = ARENA_ARRAY(c->a, ir_val, of->params.count + 1);
    c->range_hi = ARENA_ARRAY(c->a, int64_t, of->params.count + 1);
    c->out_layout = ARENA_ARRAY(c->a, tok_layout, of->results.count + 1);
    c->out_last = ARENA_ARRAY(c->a, bool, of->results.count + 1);
    c->out_index = ARENA_ARRAY(c->a, int, of->results.count + 1);
    c->const_ops = map_new();
    c->one = -1;
    if (c->is_frozen) {
        c->m->domain[0].used = true; // filled when its rows are known
        int64_t rows = tok_encoder_rows(c, &c->probe[0]);
        c->has_encoder = rows > 0;
        c->domain[1].rows[0] = rows;
        if (!c->has_encoder) return true;
        begin_domain(c, 1, rows);
        c->m->domain[1].fixed = rows;
        return true;
    }
    begin_domain(c, 0, c->probe[c->max].tokens);
    for (int i = 0; i < c->n_probes; i++) {
        c->domain[0].rows[i] = c->probe[i].tokens;
        c->domain[1].rows[i] = tok_encoder_rows(c, &c->probe[i]);
    }
    c->domain[0].past_rows = c->past.tokens;
    c->has_encoder = c->domain[1].rows[0] > 0;
    if (!c->has_encoder) return true;
    begin_domain(c, 1, c->domain[1].rows[c->max]);
    if (c->domain[1].rows[0] == c->domain[1].rows[1]) c->m->domain[1].fixed = c->domain[1].rows[0];
    if (c->has_past) c->domain[1].past_rows = tok_encoder_rows(c, &c->past);
    return true;
}

// No elements at any probe (the rest behind a rotary part as wide as the head): nobody reads it.
static bool is_empty(const tok_ctx *c, uint32_t node) {
    for (int i = 0; i < c->n_probes; i++)
        if (ir_type_width(tok_type(c, node, i))) return false;
    return true;
}

// Every node in order. What depends on masks and positions alone may never be needed as rows (a
// mask is evaluated, not computed), so its findings wait until something asks.
static void run_rules(tok_ctx *c) {
    diag_sink *loud = c->diags, *quiet = diag_sink_new();
    for (uint32_t i = 1; i < c->nodes.count; i++) {
        tok_node *n = tok_at(c, i);
        if (n->is_const || n->state == TOK_BAD || is_empty(c, i)) continue;
        c->is_quiet = !(n->deps & TOK_DEP_DATA);
        c->diags = c->is_quiet ? quiet : loud;
        if (n->param >= 0) {
            seed(c, i);
            continue;
        }
        rules[n->op->code](c, i);
    }
    c->is_quiet = false;
    c->diags = loud;
    diag_sink_free(quiet);
}

// ---- what is used ----------------------------------------------------------------------------

static bool *live_values(tok_ctx *c) {
    const ir_func *f = c->f;
    bool *live = ARENA_ARRAY(c->a, bool, f->values.count);
    for (size_t i = 0; i < f->results.count; i++) live[f->results.items[i].value] = true;
    for (size_t i = f->ops.count; i-- > 0;) {
        const ir_op *op = &f->ops.items[i];
        bool any = false;
        for (uint32_t k = 0; k < op->n_results; k++) any |= live[op->result[k]];
        for (uint32_t k = 0; any && k < op->n_operands; k++) live[op->operand[k]] = true;
    }
    live[IR_NONE] = false;
    return live;
}

static bool counts(const tok_ctx *c, const bool *live, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    return (n->deps & TOK_DEP_DATA) || (n->state == TOK_VALUE && live[n->val]);
}

// Drops dead operations, unread parameters, rings and domains, and numbers the values afresh.
static void sweep(tok_ctx *c, const bool *live) {
    ir_func *f = c->f;
    size_t kept = 0;
    ir_val *to = ARENA_ARRAY(c->a, ir_val, f->values.count), next = 1;
    for (size_t i = 0, n = 0; i < f->params.count; i++) {
        ir_port p = f->params.items[i];
        if (!live[p.value]) continue;
        f->params.items[n++] = p;
        if (i + 1 == f->params.count || n) kept = n;
    }
    f->params.count = kept;
    ir_value *values = ARENA_ARRAY(c->a, ir_value, f->values.count);
    for (size_t i = 0; i < f->params.count; i++) {
        ir_port *p = &f->params.items[i];
        values[next] = f->values.items[p->value];
        to[p->value] = next;
        p->value = next++;
    }
    kept = 0;
    for (size_t i = 0; i < f->ops.count; i++) {
        ir_op op = f->ops.items[i];
        bool any = false;
        for (uint32_t k = 0; k < op.n_results; k++) any |= live[op.result[k]];
        if (!any) continue;
        for (uint32_t k = 0; k < op.n_operands; k++) op.operand[k] = to[op.operand[k]];
        for (uint32_t k = 0; k < op.n_results; k++) {
            values[next] = f->values.items[op.result[k]];
            values[next].op = (uint32_t)kept;
            to[op.result[k]] = next;
            op.result[k] = next++;
        }
        f->ops.items[kept++] = op;
    }
    f->ops.count = kept;
    for (size_t i = 0; i < f->results.count; i++)
        f->results.items[i].value = to[f->results.items[i].value];
    memcpy(f->values.items, values, next * sizeof *values);
    f->values.count = next;
}

static void sweep_domains(tok_ctx *c) {
    bool used[IR_MAX_DOMAINS] = {true};
    for (size_t i = 1; i < c->f->values.count; i++) {
        int d = ir_type_domain(&c->f->values.items[i].type);
        if (d >= 0) used[d] = true;
    }
    for (int d = IR_MAX_DOMAINS; d-- > 0;) {
        int of = ir_domain_parent(c->m, d);
        if (used[d] && of >= 0) used[of] = true;
    }
    for (int d = 0; d < IR_MAX_DOMAINS; d++)
        if (!used[d]) c->m->domain[d] = (ir_domain){0};
}

// Nodes that only the encoder's inputs decide: they are read whole, whatever the decoder does.
static bool *encoder_nodes(tok_ctx *c) {
    bool *is = ARENA_ARRAY(c->a, bool, c->nodes.count);
    for (uint32_t i = 1; i < c->nodes.count; i++) {
        const tok_node *n = tok_at(c, i);
        int d = n->param >= 0 ? tok_layout_domain(&n->layout) : -1;
        is[i] = n->param < 0 ? n->n_operands > 0 : d >= 0 && tok_domain_root(c, d) == 1;
        for (uint32_t k = 0; k < n->n_operands; k++)
            if (n->operand[k] != TOK_NONE && !tok_at(c, n->operand[k])->is_const)
                is[i] &= is[n->operand[k]];
    }
    return is;
}

static void set_class(tok_ctx *c, const bool *live) {
    const char *reason = NULL;
    const bool *encoder = encoder_nodes(c);
    for (size_t i = 0; i < c->whole.count && !reason; i++)
        if (counts(c, live, c->whole.items[i].node) && !encoder[c->whole.items[i].node])
            reason = arena_printf(c->a, "%s %s", tok_name(c, c->whole.items[i].node),
                                  c->whole.items[i].text);
    if (!reason && c->is_frozen) reason = "the export is frozen at one length";
    int64_t max = c->domain[0].rows[c->max], chunk = c->o->max_chunk;
    if (reason || chunk <= 0) chunk = reason ? max : min_i64(max, 64);
    const char *class = reason ? "whole" : "stream";
    arena *a = c->m->arena;
    ir_attr_set_str(a, &c->m->attrs, IR_ATTR_class, class);
    ir_attr_set_int(a, &c->m->attrs, IR_ATTR_max_tokens, max);
    ir_attr_set_int(a, &c->m->attrs, IR_ATTR_max_chunk, min_i64(chunk, max));
    if (reason) {
        tok_note(c, "the program takes whole sequences: %s", reason);
        diag_emit(c->diags, DIAG_ID_tok_whole, DIAG_NOWHERE,
                  "the program takes whole sequences: %s", reason);
    }
}

static void write_proof(tok_ctx *c, const bool *live) {
    arena *a = c->m->arena;
    const ir_func *f = c->probe[0].f;
    for (size_t i = 0; i < f->params.count; i++) {
        uint32_t id = tok_param_node(c, (int)i);
        if (id == TOK_NONE || tok_is_past(c, i)) continue;
        const tok_layout *l = &tok_at(c, id)->layout;
        if (!tok_layout_has_rows(l)) continue;
        int d = tok_layout_domain(l);
        const int64_t *rows = c->domain[d > 0 ? tok_domain_root(c, d) : 0].rows;
        const char *s =
            c->is_frozen
                ? arena_printf(a, "input '%s' is %s: frozen at %" PRId64 " tokens",
                               f->params.items[i].name, tok_layout_text(c, l), c->domain[0].rows[0])
                : arena_printf(a,
                               "input '%s' is %s: %" PRId64 ", %" PRId64 " and %" PRId64
                               " tokens at the probes",
                               f->params.items[i].name, tok_layout_text(c, l), rows[0], rows[1],
                               rows[2]);
        vec_push(&c->m->proof, s);
    }
    if (c->is_frozen)
        vec_push(&c->m->proof,
                 arena_printf(a, "%zu values keep their tokens apart, but in attention",
                              c->nodes.count - 1));
    else
        vec_push(&c->m->proof,
                 arena_printf(a,
                              "the same %zu values at %" PRId64 ", %" PRId64 ", %" PRId64
                              " and %" PRId64 " tokens",
                              c->nodes.count - 1, c->probe[0].tokens, c->probe[1].tokens,
                              c->probe[2].tokens, c->probe[3].tokens));
    map *seen = map_new();
    for (size_t i = 0; i < c->proof.count; i++) {
        const tok_line *l = &c->proof.items[i];
        if (!counts(c, live, l->node) || map_add(seen, l->text, 1) != MAP_NONE) continue;
        vec_push(&c->m->proof, arena_str(a, l->text));
    }
    map_free(seen);
}

// ---- the pass --------------------------------------------------------------------------------

static bool find(tok_ctx *c) {
    if (!tok_probes_find(c)) return false;
    bool ok = tok_skeleton_build(c);
    if (c->has_past) ok = tok_past_match(c) && ok;
    size_t errors = diag_errors(c->diags);
    begin(c);
    run_rules(c);
    if (!c->is_frozen || c->domain[0].rows[0] || diag_errors(c->diags) > errors) {
        ok = tok_past_finish(c) && ok;
        ok = tok_finish_ports(c) && ok;
    } else {
        diag_emit(
            c->diags, DIAG_ID_tok_role, DIAG_NOWHERE,
            "cannot tell which dimension counts tokens: no input has a free one; say which (--axis "
            "INPUT:AXIS=tokens)");
        ok = false;
    }
    if (!ok && diag_errors(c->diags) == errors) { // never without a word
        uint32_t bad = 1;
        while (bad + 1 < c->nodes.count && tok_at(c, bad)->state != TOK_BAD) bad++;
        tok_at(c, bad)->state = TOK_UNSEEN;
        tok_fail(c, bad, DIAG_ID_tok_mix, "has no form on rows of tokens");
    }
    if (!ok || diag_errors(c->diags) > errors) return false;
    const bool *live = live_values(c);
    set_class(c, live);
    write_proof(c, live);
    sweep(c, live);
    sweep_domains(c);
    ir_symbols_sweep(c->m);
    ir_attr_set_int(c->m->arena, &c->f->attrs, IR_ATTR_max_chunk,
                    ir_attr_int(&c->m->attrs, IR_ATTR_max_chunk, 1));
    return tok_check(c);
}

ir_module *pass_find_tokens(const ir_module *old, const pass_options *o, diag_sink *diags) {
    tok_ctx c = {.old = old, .o = o, .diags = diags, .a = arena_new()};
    c.m = ir_module_derive(old);
    bool ok = find(&c);
    map_free(c.const_ops);
    vec_free(&c.nodes);
    vec_free(&c.rings);
    vec_free(&c.caches);
    vec_free(&c.pairs);
    vec_free(&c.masks);
    vec_free(&c.made);
    vec_free(&c.known_masks);
    vec_free(&c.proof);
    vec_free(&c.whole);
    arena_free(c.a);
    if (ok) return c.m;
    ir_module_free(c.m);
    return NULL;
}
