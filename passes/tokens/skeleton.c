// Which values of the probe functions correspond? (worked-examples §1.3, step 3)
//
// From the results backwards, in lock step: values correspond when the same operation makes them
// from corresponding operands. What depends on no input may be computed in any way and is compared
// by value later. So neither names nor the order of operations matter, and equal subexpressions
// that were merged at one size only do no harm: a node is a tuple of values.
#include "passes/large.h"
#include "passes/tokens/find_tokens.h"
#include <inttypes.h>
#include <string.h>

const ir_type *tok_type(const tok_ctx *c, uint32_t node, int probe) {
    return ir_type_of(c->probe[probe].f, tok_at(c, node)->v[probe]);
}

// For instance the rest behind a rotary part as wide as the head.
bool tok_is_empty(const tok_ctx *c, uint32_t node) {
    for (int i = 0; i < c->n_probes; i++)
        if (ir_type_width(tok_type(c, node, i))) return false;
    return true;
}

// ---- probes ----------------------------------------------------------------------------------

const char *tok_role(const tok_ctx *c, const ir_func *f, size_t i) {
    const ir_port *p = &f->params.items[i];
    for (size_t k = 0; k < c->o->n_roles; k++) {
        if (strcmp(c->o->roles[k].input, p->name)) continue;
        const char *role = c->o->roles[k].role;
        return strcmp(role, "ids") == 0 ? "tokens" : role;
    }
    const char *role = ir_attr_str(&p->attrs, IR_ATTR_role, NULL);
    if (role) return role;
    bool is_float = elem_is_float(ir_type_of(f, p->value)->type);
    if (!is_float && strstr(p->name, "mask")) return "mask";
    if (!is_float && strstr(p->name, "position")) return "positions";
    if (strstr(p->name, "past")) return "past";
    return "tokens";
}

bool tok_is_past(const tok_ctx *c, size_t param) {
    return strcmp(tok_role(c, c->probe[0].f, param), "past") == 0;
}

static unsigned dep_of_role(const char *role) {
    if (strcmp(role, "mask") == 0) return TOK_DEP_MASK;
    if (strcmp(role, "positions") == 0) return TOK_DEP_POSITIONS;
    if (strcmp(role, "past") == 0) return TOK_DEP_PAST;
    return TOK_DEP_DATA;
}

// What every value depends on, and whether it is a constant. An input without elements (an empty
// cache) carries nothing.
static void probe_scan(tok_ctx *c, tok_probe *p) {
    const ir_func *f = p->f;
    size_t n = f->values.count;
    p->deps = ARENA_ARRAY(c->a, unsigned, n);
    p->is_const = ARENA_ARRAY(c->a, bool, n);
    p->is_large = ARENA_ARRAY(c->a, bool, n);
    p->is_huge = ARENA_ARRAY(c->a, bool, n);
    const int64_t large = large_most(LARGE_TOKENS, p->tokens),
                  huge = large_most(LARGE_WHOLE, p->tokens);
    p->value = ARENA_ARRAY(c->a, tensor *, n);
    for (size_t i = 0; i < f->params.count; i++) {
        const ir_port *port = &f->params.items[i];
        p->deps[port->value] =
            ir_type_width(ir_type_of(f, port->value)) ? dep_of_role(tok_role(c, f, i)) : 0;
    }
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        unsigned d = 0;
        bool of_large = false, of_huge = false;
        for (uint32_t k = 0; k < op->n_operands; k++) {
            d |= p->deps[op->operand[k]];
            of_large |= p->is_large[op->operand[k]];
            of_huge |= p->is_huge[op->operand[k]];
        }
        for (uint32_t k = 0; k < op->n_results; k++) {
            p->deps[op->result[k]] = d;
            p->is_const[op->result[k]] = d == 0;
            p->is_large[op->result[k]] = of_large || large_is(f, op, k, large);
            p->is_huge[op->result[k]] = of_huge || large_is(f, op, k, huge);
        }
    }
}

static bool probe_read(tok_ctx *c, const ir_func *f, tok_probe *p) {
    p->f = f;
    p->name = ir_attr_str(&f->attrs, IR_ATTR_probe, f->name);
    p->tokens = ir_attr_int(&f->attrs, IR_ATTR_tokens, -1);
    p->past = ir_attr_int(&f->attrs, IR_ATTR_past, 0);
    for (size_t i = 1; i < f->values.count; i++)
        if (ir_type_domain(&f->values.items[i].type) >= 0) {
            diag_emit(c->diags, DIAG_ID_tok_structure, DIAG_AT(NULL, f->name),
                      "probe function '@%s' has token types already", f->name);
            return false;
        }
    if (p->tokens < 1 && strcmp(p->name, "max")) {
        diag_emit(c->diags, DIAG_ID_tok_role, DIAG_AT(NULL, f->name),
                  "probe function '@%s' does not say how many tokens it is bound to "
                  "(attribute 'tokens')",
                  f->name);
        return false;
    }
    probe_scan(c, p);
    return true;
}

static const ir_func *probe_named(const tok_ctx *c, const char *name) {
    for (size_t i = 0; i < c->old->funcs.count; i++) {
        const ir_func *f = c->old->funcs.items[i];
        const char *probe = ir_attr_str(&f->attrs, IR_ATTR_probe, f->name);
        if (strcmp(probe, name) == 0) return f;
    }
    return NULL;
}

static bool same_ports(tok_ctx *c, const tok_probe *a, const tok_probe *b) {
    bool same =
        a->f->params.count == b->f->params.count && a->f->results.count == b->f->results.count;
    for (size_t i = 0; same && i < a->f->params.count; i++)
        same = strcmp(a->f->params.items[i].name, b->f->params.items[i].name) == 0;
    for (size_t i = 0; same && i < a->f->results.count; i++)
        same = strcmp(a->f->results.items[i].name, b->f->results.items[i].name) == 0;
    if (!same)
        diag_emit(c->diags, DIAG_ID_tok_structure, DIAG_NOWHERE,
                  "probes '@%s' and '@%s' have different inputs or outputs", a->f->name,
                  b->f->name);
    return same;
}

bool tok_probes_find(tok_ctx *c) {
    static const char *const names[] = {"n1", "n2", "n3", "max"};
    bool ok = true;
    for (int i = 0; i < 4; i++) {
        const ir_func *f = probe_named(c, names[i]);
        if (f) ok = probe_read(c, f, &c->probe[c->n_probes++]) && ok;
    }
    const ir_func *past = probe_named(c, "past");
    if (past) ok = probe_read(c, past, &c->past) && ok;
    c->has_past = past != NULL;
    c->is_frozen = c->n_probes == 1 && strcmp(c->probe[0].name, "max") == 0;
    c->max = c->n_probes - 1;
    if (!c->is_frozen && c->n_probes != 4) {
        diag_emit(c->diags, DIAG_ID_tok_role, DIAG_NOWHERE,
                  "a module to find tokens in has functions '@n1', '@n2', '@n3' and '@max', or "
                  "'@max' alone when the token count is frozen; found %d of them",
                  c->n_probes);
        return false;
    }
    for (int i = 1; ok && i < c->n_probes; i++) ok = same_ports(c, &c->probe[0], &c->probe[i]);
    if (ok && past) ok = same_ports(c, &c->probe[0], &c->past);
    return ok;
}

// ---- the skeleton ----------------------------------------------------------------------------

typedef struct {
    ir_val v[TOK_MAX_PROBES];
    uint32_t *operand;
    uint32_t next;
} frame;
typedef VEC(frame) frames;

static size_t slot_of(const tok_ctx *c, const ir_val *v) {
    uint64_t h = 1469598103934665603u;
    for (int i = 0; i < c->n_probes; i++) h = (h ^ v[i]) * 1099511628211u;
    size_t at = (size_t)(h ^ h >> 29) & (c->index_size - 1);
    while (c->index[at] && memcmp(tok_at(c, c->index[at])->v, v, (size_t)c->n_probes * sizeof *v))
        at = (at + 1) & (c->index_size - 1);
    return at;
}

static uint32_t add_node(tok_ctx *c, tok_node n) {
    uint32_t id = (uint32_t)c->nodes.count;
    vec_push(&c->nodes, n);
    if (c->nodes.count * 2 > c->index_size) {
        c->index_size *= 2;
        c->index = ARENA_ARRAY(c->a, uint32_t, c->index_size);
        for (uint32_t i = 1; i < id; i++) c->index[slot_of(c, tok_at(c, i)->v)] = i;
    }
    c->index[slot_of(c, n.v)] = id;
    return id;
}

static int param_of(const ir_func *f, ir_val v) {
    for (size_t i = 0; i < f->params.count; i++)
        if (f->params.items[i].value == v) return (int)i;
    return -1;
}

static uint32_t result_of(const ir_op *op, ir_val v) {
    uint32_t r = 0;
    while (op->result[r] != v) r++;
    return r;
}

static bool same_symbol(const ir_module *m, const char *a, const char *b) {
    const ir_symbol *x = ir_symbol_find(m, a), *y = ir_symbol_find(m, b);
    return x && y && x->kind == IR_SYM_TENSOR && y->kind == IR_SYM_TENSOR &&
           tensor_equal_bits(&x->data, &y->data);
}

bool tok_same_attrs(const ir_module *m, const ir_op *a, const ir_op *b) {
    if (a->attrs.count != b->attrs.count) return false;
    for (uint32_t i = 0; i < a->attrs.count; i++) {
        const ir_attr *x = &a->attrs.items[i], *y = &b->attrs.items[i];
        if (x->key != y->key) return false;
        if (x->key == IR_ATTR_starts && x->count == y->count) continue; // may count from the end
        ir_attrs one = {(ir_attr *)x, 1, 1}, other = {(ir_attr *)y, 1, 1};
        if (ir_attrs_equal(&one, &other)) continue;
        if (x->kind != y->kind || (x->kind == IR_SYMS && x->count != y->count)) return false;
        bool same = x->kind == IR_SYMS || (x->kind == IR_SYM && same_symbol(m, x->s, y->s));
        for (uint32_t k = 0; x->kind == IR_SYMS && k < x->count; k++)
            same &= strcmp(x->ss[k], y->ss[k]) == 0 || same_symbol(m, x->ss[k], y->ss[k]);
        if (!same) return false;
    }
    return true;
}

// The way one probe makes a value, in words.
static const char *made_by(tok_ctx *c, const tok_probe *p, ir_val v) {
    const ir_op *op = ir_def(p->f, v);
    if (p->is_const[v]) return "a constant";
    return op ? ir_ops[op->code].name : arena_printf(c->a, "an input");
}

// A node that says why its probes differ.
static uint32_t differ(tok_ctx *c, const frame *t, int i) {
    const ir_op *op = ir_def(c->probe[0].f, t->v[0]);
    tok_node n = {.op = op, .param = -1, .deps = TOK_DEP_DATA, .is_odd = true};
    memcpy(n.v, t->v, sizeof n.v);
    uint32_t id = add_node(c, n);
    const char *first = made_by(c, &c->probe[0], t->v[0]),
               *other = made_by(c, &c->probe[i], t->v[i]);
    const char *fits = "the graph's structure depends on the token count; export it without "
                       "control flow over the length, or at one length";
    if (c->probe[i].tokens == 1)
        fits = "a graph of one token simplifies otherwise; compile with --max-tokens 2 or more";
    diag_emit(c->diags, DIAG_ID_tok_structure, tok_loc(c, id),
              "is %s for %" PRId64 " tokens, %s%s for %" PRId64 ": %s", first, c->probe[0].tokens,
              other, strcmp(first, other) ? "" : " with other attributes or operands",
              c->probe[i].tokens, fits);
    return id;
}

// The node of a complete frame: all operands are there.
static uint32_t finish(tok_ctx *c, const frame *t) {
    const ir_op *op = ir_def(c->probe[0].f, t->v[0]);
    tok_node n = {.op = op, .param = -1, .operand = t->operand};
    memcpy(n.v, t->v, sizeof n.v);
    n.is_const = c->probe[0].is_const[t->v[0]];
    n.deps = c->probe[0].deps[t->v[0]];
    for (uint32_t k = 0; op && !n.is_const && k < op->n_operands; k++) {
        int d = tok_at(c, t->operand[k])->depth + 1;
        if (d > n.depth) n.depth = d;
    }
    if (!op) {
        n.param = param_of(c->probe[0].f, t->v[0]);
        c->param_node[n.param] = (uint32_t)c->nodes.count;
    } else {
        n.result = result_of(op, t->v[0]);
        n.n_operands = n.is_const ? 0 : op->n_operands;
    }
    return add_node(c, n);
}

// The first probe whose value is made in another way than the first one's; 0: none.
static int first_difference(const tok_ctx *c, const frame *t) {
    const ir_op *op = ir_def(c->probe[0].f, t->v[0]);
    for (int i = 1; i < c->n_probes; i++) {
        const tok_probe *p = &c->probe[i];
        if (!t->v[i] != !t->v[0]) return i;
        if (p->is_const[t->v[i]] != c->probe[0].is_const[t->v[0]]) return i;
        if (p->is_const[t->v[i]]) continue;
        const ir_op *other = ir_def(p->f, t->v[i]);
        if (!op || !other) {
            if (op || other || param_of(p->f, t->v[i]) != param_of(c->probe[0].f, t->v[0]))
                return i;
            continue;
        }
        if (op->code != other->code || op->n_operands != other->n_operands ||
            result_of(op, t->v[0]) != result_of(other, t->v[i]) ||
            !tok_same_attrs(c->old, op, other))
            return i;
    }
    return 0;
}

static uint32_t visit(tok_ctx *c, const ir_val *roots) {
    frames stack = {0};
    frame top = {0};
    memcpy(top.v, roots, sizeof top.v);
    if (c->index[slot_of(c, top.v)]) return c->index[slot_of(c, top.v)];
    vec_push(&stack, top);
    uint32_t id = 0;
    while (stack.count) {
        frame *t = &stack.items[stack.count - 1];
        int other = t->next == 0 && !t->operand ? first_difference(c, t) : 0;
        const ir_op *op = ir_def(c->probe[0].f, t->v[0]);
        uint32_t n = other || c->probe[0].is_const[t->v[0]] || !op ? 0 : op->n_operands;
        if (n && !t->operand) t->operand = ARENA_ARRAY(c->a, uint32_t, n);
        bool waits = false;
        while (!waits && t->next < n) {
            frame child = {0};
            for (int i = 0; i < c->n_probes; i++)
                child.v[i] = ir_def(c->probe[i].f, t->v[i])->operand[t->next];
            bool absent = true;
            for (int i = 0; i < c->n_probes; i++) absent &= child.v[i] == IR_NONE;
            uint32_t found = absent ? TOK_NONE : c->index[slot_of(c, child.v)];
            if (absent || found) {
                t->operand[t->next++] = found;
            } else {
                vec_push(&stack, child);
                waits = true;
            }
        }
        if (waits) continue;
        id = other ? differ(c, t, other) : finish(c, t);
        stack.count--;
    }
    vec_free(&stack);
    return id;
}

bool tok_skeleton_build(tok_ctx *c) {
    c->index_size = 1024;
    c->index = ARENA_ARRAY(c->a, uint32_t, c->index_size);
    vec_push(&c->nodes, (tok_node){.param = -1});
    const ir_func *f = c->probe[0].f;
    c->result = ARENA_ARRAY(c->a, uint32_t, f->results.count);
    c->is_present = ARENA_ARRAY(c->a, bool, f->results.count);
    c->param_node = ARENA_ARRAY(c->a, uint32_t, f->params.count + 1);
    size_t errors = diag_errors(c->diags);
    for (size_t i = 0; i < f->results.count; i++) {
        ir_val v[TOK_MAX_PROBES] = {0};
        for (int k = 0; k < c->n_probes; k++) v[k] = c->probe[k].f->results.items[i].value;
        c->result[i] = visit(c, v);
    }
    return diag_errors(c->diags) == errors;
}
