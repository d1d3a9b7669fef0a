// Patterns: compiling, matching, building results; see match.h.
#include "passes/rewrite/match.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

// Two spellings of one constant may differ by a rounding to half precision.
#define NUMBER_TOLERANCE 3e-4

typedef enum {
    PAT_VALUE,
    PAT_SPLAT,
    PAT_CONST,
    PAT_NUMBER,
    PAT_OP,
    PAT_ANY_OF,
    PAT_THROUGH
} pat_kind;

typedef struct pat {
    pat_kind kind;
    int slot; // capture; -1: none
    double number;
    ir_opcode code;
    const char *word; // fn or mode; NULL: any
    int result;       // which result of the operation
    bool open;        // "..."
    struct pat **kid;
    int n;
} pat;

typedef struct {
    const rule *rule;
    pat *pattern, *result;
    const char *names[MATCH_SLOTS];
    int n_names;
} compiled;

struct rule_set {
    arena *arena;
    compiled *items;
    size_t count;
};

// ---- compiling -------------------------------------------------------------------------------

typedef struct {
    const char *at;
    arena *a;
    compiled *c;
} parser;

static void skip(parser *p) {
    while (isspace((unsigned char)*p->at)) p->at++;
}

#define EXPECT(cond, p) CHECK(cond, "rule '%s' at \"%s\"", (p)->c->rule->name, (p)->at)

static const char *word(parser *p) {
    size_t n = 0;
    while (isalnum((unsigned char)p->at[n]) || p->at[n] == '_') n++;
    EXPECT(n > 0, p);
    const char *w = arena_strn(p->a, p->at, n);
    p->at += n;
    return w;
}

static int slot_of(parser *p, const char *name) {
    for (int i = 0; i < p->c->n_names; i++)
        if (strcmp(p->c->names[i], name) == 0) return i;
    EXPECT(p->c->n_names < MATCH_SLOTS, p);
    p->c->names[p->c->n_names] = name;
    return p->c->n_names++;
}

static pat *parse(parser *p);

static void parse_kids(parser *p, pat *t) {
    pat *kids[16];
    for (skip(p); *p->at != ')'; skip(p)) {
        if (strncmp(p->at, "...", 3) == 0) {
            t->open = true;
            p->at += 3;
            continue;
        }
        EXPECT(t->n < (int)ARRAY_LEN(kids) && *p->at, p);
        kids[t->n++] = parse(p);
    }
    p->at++;
    t->kid = arena_copy(p->a, kids, sizeof *kids * (size_t)t->n);
}

static void parse_op(parser *p, pat *t) {
    t->kind = PAT_OP;
    const char *name = word(p);
    if (*p->at == '.' && isalpha((unsigned char)p->at[1])) {
        p->at++;
        name = arena_printf(p->a, "%s.%s", name, word(p));
    } else {
        name = arena_printf(p->a, "t.%s", name);
    }
    EXPECT(ir_opcode_parse(name, &t->code), p);
    if (*p->at == '.') {
        p->at++;
        t->result = atoi(word(p));
    }
    if (*p->at == ':') {
        p->at++;
        t->word = word(p);
    }
    parse_kids(p, t);
}

static pat *parse(parser *p) {
    pat *t = ARENA_NEW(p->a, pat);
    t->slot = -1;
    skip(p);
    if (*p->at == '(') {
        p->at++;
        skip(p);
        if (*p->at == '|' || *p->at == '~') {
            t->kind = *p->at++ == '|' ? PAT_ANY_OF : PAT_THROUGH;
            parse_kids(p, t);
            EXPECT(t->kind == PAT_ANY_OF || t->n == 1, p);
        } else {
            parse_op(p, t);
        }
        return t;
    }
    if (isdigit((unsigned char)*p->at) || *p->at == '-') {
        char *end;
        t->kind = PAT_NUMBER;
        t->number = strtod(p->at, &end);
        p->at = end;
        return t;
    }
    t->kind = *p->at == '#' ? PAT_SPLAT : *p->at == '$' ? PAT_CONST : PAT_VALUE;
    if (t->kind != PAT_VALUE) p->at++;
    int slot = slot_of(p, word(p));
    if (*p->at == '=' && t->kind == PAT_VALUE) {
        p->at++;
        t = parse(p);
        EXPECT(t->slot < 0, p);
    }
    t->slot = slot;
    return t;
}

rule_set *rules_new(const rule *rules, size_t n) {
    arena *a = arena_new();
    rule_set *s = ARENA_NEW(a, rule_set);
    s->arena = a;
    s->count = n;
    s->items = ARENA_ARRAY(a, compiled, n);
    for (size_t i = 0; i < n; i++) {
        compiled *c = &s->items[i];
        c->rule = &rules[i];
        parser p = {rules[i].pattern, a, c};
        c->pattern = parse(&p);
        skip(&p);
        EXPECT(*p.at == 0, &p);
        if (!rules[i].result) continue;
        p.at = rules[i].result;
        c->result = parse(&p);
    }
    return s;
}

void rules_free(rule_set *s) {
    if (s) arena_free(s->arena);
}

// ---- matching --------------------------------------------------------------------------------

// What is left to match, as a list: backtracking is returning. user: the value of the operation
// that reads v, for patterns through views.
typedef struct goal {
    const pat *p;
    ir_val v, user;
    const struct goal *next;
} goal;

static bool solve(match *m, const goal *g);

static bool has_word(const ir_op *op, const char *w) {
    return !w || strcmp(ir_attr_str(&op->attrs, IR_ATTR_fn, ""), w) == 0 ||
           strcmp(ir_attr_str(&op->attrs, IR_ATTR_mode, ""), w) == 0;
}

static bool solve_op(match *m, const pat *p, ir_val v, const goal *rest) {
    const ir_op *op = ir_def(m->e->r.f, v);
    if (!op || op->code != p->code || !has_word(op, p->word)) return false;
    if ((int)op->n_operands < p->n || (!p->open && (int)op->n_operands != p->n)) return false;
    if (p->result >= (int)op->n_results || op->result[p->result] != v) return false;
    if (m->n_nodes == (int)ARRAY_LEN(m->node)) return false;
    m->node[m->n_nodes++] = v;
    goal goals[16];
    bool swap = ir_kind_of(p->code) == IR_KIND_SWAP && p->n == 2;
    for (int order = 0; order < (swap ? 2 : 1); order++) {
        const goal *g = rest;
        for (int i = p->n; i-- > 0;) {
            goals[i] = (goal){p->kid[i], op->operand[order ? 1 - i : i], v, g};
            g = &goals[i];
        }
        if (solve(m, g)) return true;
    }
    m->n_nodes--;
    return false;
}

// The same axes but for leading ones: elements meet those of any other operand at the same places.
static bool is_aligned(const ir_type *a, const ir_type *b) {
    const int n = a->rank > b->rank ? a->rank : b->rank;
    for (int i = 1; i <= n; i++)
        if ((i <= a->rank ? a->dim[a->rank - i] : 1) != (i <= b->rank ? b->dim[b->rank - i] : 1))
            return false;
    return true;
}

// The operation that reads op's result would read the same numbers in op's operand, up to a
// rounding: a cast, a broadcast that the reader does by itself, a reshape that only adds or drops
// leading axes. One that moves an axis to another place is none: [T, 8, 1] as [T, 1, 8] meets other
// elements.
static bool is_see_through(const emitter *e, const ir_op *op, ir_val user) {
    if (op->n_operands != 1) return false;
    const ir_type *from = emit_type(e, op->operand[0]), *to = emit_type(e, op->result[0]);
    switch (op->code) {
    case IR_t_reshape: return is_aligned(from, to);
    case IR_t_broadcast: return user != IR_NONE && ir_is_elementwise(ir_def(e->r.f, user)->code);
    case IR_t_cast: return elem_is_float(from->type) && elem_is_float(to->type);
    default: return false;
    }
}

// Halves and integers are meant exactly.
static bool is_close(double a, double b) {
    return b * 2 == floor(b * 2) ? a == b : fabs(a - b) <= NUMBER_TOLERANCE * fabs(b);
}

static bool solve(match *m, const goal *g) {
    if (!g) return !m->rule->where || m->rule->where(m);
    const pat *p = g->p;
    ir_val v = g->v, before = IR_NONE;
    bool bound = false;
    if (p->slot >= 0) {
        before = m->value[p->slot];
        if (before != IR_NONE && before != v) return false;
        m->value[p->slot] = v;
        bound = true;
    }
    bool ok = false;
    double x;
    switch (p->kind) {
    case PAT_VALUE: ok = v != IR_NONE && solve(m, g->next); break;
    case PAT_CONST: ok = emit_const_of(m->e, v) && solve(m, g->next); break;
    case PAT_SPLAT:
        if (!emit_splat(m->e, v, &x)) break;
        m->number[p->slot] = x;
        ok = solve(m, g->next);
        break;
    case PAT_NUMBER:
        ok = emit_splat(m->e, v, &x) && is_close(x, p->number) && solve(m, g->next);
        break;
    case PAT_OP: ok = solve_op(m, p, v, g->next); break;
    case PAT_ANY_OF:
        for (int i = 0; i < p->n && !ok; i++) {
            const goal one = {p->kid[i], v, g->user, g->next};
            ok = solve(m, &one);
        }
        break;
    case PAT_THROUGH: {
        const goal here = {p->kid[0], v, g->user, g->next};
        ok = solve(m, &here);
        const ir_op *op = ir_def(m->e->r.f, v);
        if (!ok && op && is_see_through(m->e, op, g->user)) {
            const goal below = {p, op->operand[0], g->user, g->next};
            ok = solve(m, &below);
        }
        break;
    }
    }
    if (!ok && bound) m->value[p->slot] = before;
    return ok;
}

// ---- results ---------------------------------------------------------------------------------

static ir_val instantiate(match *m, const pat *p) {
    switch (p->kind) {
    case PAT_NUMBER: return emit_scalar(m->e, emit_type(m->e, m->root)->type, p->number);
    case PAT_OP: {
        ir_val in[16];
        for (int i = 0; i < p->n; i++) in[i] = instantiate(m, p->kid[i]);
        return emit_op(m->e, p->code, in, (size_t)p->n, NULL);
    }
    case PAT_VALUE:
    case PAT_SPLAT:
    case PAT_CONST: return m->value[p->slot];
    default: CHECK(false, "result of rule '%s'", m->rule->name);
    }
    return IR_NONE;
}

static ir_val fitted(match *m, ir_val v) {
    if (v == IR_NONE) return v;
    const ir_type want = *emit_type(m->e, m->root);
    if (ir_type_equal(emit_type(m->e, v), &want)) return v;
    if (emit_type(m->e, v)->type != want.type) return IR_NONE;
    return emit_reshape(m->e, v, want.rank, want.dim);
}

ir_val rules_apply(const rule_set *s, emitter *e, ir_val v) {
    for (size_t i = 0; i < s->count; i++) {
        const compiled *c = &s->items[i];
        match m = {.e = e, .root = v, .rule = c->rule, .n_names = c->n_names};
        memcpy(m.names, c->names, sizeof m.names);
        const goal g = {c->pattern, v, IR_NONE, NULL};
        if (!solve(&m, &g)) continue;
        ir_val w = fitted(&m, c->rule->build ? c->rule->build(&m) : instantiate(&m, c->result));
        if (w == IR_NONE || w == v) continue;
        for (int j = 0; j < m.n_nodes; j++) {
            const ir_op op = emit_def(e, m.node[j]);
            emit_note_nodes(e, &op);
        }
        emit_take_nodes(e, w);
        return w;
    }
    return v;
}

static int slot_named(const match *m, const char *name) {
    for (int i = 0; i < m->n_names; i++)
        if (strcmp(m->names[i], name) == 0) return i;
    CHECK(false, "rule '%s' captures no '%s'", m->rule->name, name);
    return 0;
}

ir_val match_value(const match *m, const char *name) { return m->value[slot_named(m, name)]; }
double match_number(const match *m, const char *name) { return m->number[slot_named(m, name)]; }
const tensor *match_const(const match *m, const char *name) {
    return emit_const_of(m->e, match_value(m, name));
}
