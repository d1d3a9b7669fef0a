// Is a step after p tokens the same as rows p... of one big step? (worked-examples §1.3, step 7)
//
// @past is matched against the skeleton in lock step. Where it joins a past input with new rows,
// the skeleton has the new rows alone: that is the cache, and the only place where they may differ.
// Every constant of @past must then be rows p... (new rows) or 0... (all keys) of the one at the
// maximum.
#include "ir/ring.h"
#include "passes/tokens/plan.h"
#include "passes/tokens/rules/mask.h"
#include <inttypes.h>
#include <string.h>

static bool is_view(ir_opcode code) {
    return ir_kind_of(code) == IR_KIND_VIEW || code == IR_t_broadcast;
}

// The parameter of @past that v is a view of; -1: none.
static int past_param_of(const tok_ctx *c, ir_val v) {
    const ir_func *f = c->past.f;
    for (const ir_op *op; (op = ir_def(f, v)) != NULL && is_view(op->code);) v = op->operand[0];
    if (ir_def(f, v)) return -1;
    for (size_t i = 0; i < f->params.count; i++)
        if (f->params.items[i].value == v && tok_is_past(c, i)) return (int)i;
    return -1;
}

// The same in @past: operands without elements join nothing.
static ir_val strip_empty_past(const tok_ctx *c, ir_val v) {
    for (const ir_op *op; (op = ir_def(c->past.f, v)) != NULL && op->code == IR_t_concat;) {
        ir_val only = IR_NONE;
        int count = 0;
        for (uint32_t k = 0; k < op->n_operands; k++) {
            if (!ir_type_width(ir_type_of(c->past.f, op->operand[k]))) continue;
            only = op->operand[k];
            count++;
        }
        if (count != 1) break;
        v = only;
    }
    return v;
}

// A join of a past input and new rows; the latter, or IR_NONE.
static ir_val joined_rows(const tok_ctx *c, ir_val v, int *param) {
    v = strip_empty_past(c, v);
    const ir_op *op = ir_def(c->past.f, v);
    if (!op || op->code != IR_t_concat || op->n_operands != 2) return IR_NONE;
    *param = past_param_of(c, op->operand[0]);
    return *param >= 0 ? op->operand[1] : IR_NONE;
}

// A join whose other operands are empty at the probes is the one that is not.
static uint32_t strip_empty(const tok_ctx *c, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    while (n->op && n->op->code == IR_t_concat && !n->is_const) {
        uint32_t only = TOK_NONE, count = 0;
        for (uint32_t k = 0; k < n->n_operands; k++) {
            if (tok_is_empty(c, n->operand[k])) continue;
            only = n->operand[k];
            count++;
        }
        if (count != 1) break;
        node = only;
        n = tok_at(c, node);
    }
    return node;
}

uint32_t tok_base_of(const tok_ctx *c, uint32_t node) {
    for (;;) {
        node = strip_empty(c, node);
        const tok_node *n = tok_at(c, node);
        if (n->is_const || !n->op || !is_view(n->op->code)) return node;
        node = n->operand[0];
    }
}

// A pair to compare, read as operand k of `user`.
typedef struct {
    uint32_t node;
    ir_val past;
    uint32_t user, k;
} use;

typedef VEC(use) uses;

static void add_cache(tok_ctx *c, int param, uint32_t node, const use *u) {
    for (size_t i = 0; i < c->caches.count; i++) {
        const tok_cache *x = &c->caches.items[i];
        if (x->param == param && x->node == node && x->user == u->user && x->k == u->k) return;
    }
    vec_push(&c->caches, (tok_cache){param, node, u->user, u->k});
}

static bool differs(tok_ctx *c, uint32_t node, ir_val v) {
    const ir_op *op = ir_def(c->past.f, v);
    const char *what = op ? ir_ops[op->code].name : "an input";
    tok_at(c, node)->is_odd = true;
    return tok_fail(c, node, DIAG_ID_tok_past_use,
                    "with a past of %" PRId64
                    " tokens this is %s%s%s%s: a past input may only be joined in "
                    "front of the new keys or values",
                    c->past.past, what, op && op->n_locs ? " '" : "",
                    op && op->n_locs ? op->loc[0] : "", op && op->n_locs ? "'" : "");
}

// Who reads a value is asked of caches alone, which are joins behind views: all else is compared
// once.
static void push_use(const tok_ctx *c, uses *todo, uint32_t node, ir_val v, use by) {
    const ir_op *op = ir_def(c->past.f, v);
    const bool may_cache =
        op && !c->past.is_const[v] && (is_view(op->code) || op->code == IR_t_concat);
    vec_push(todo, (use){node, v, may_cache ? by.user : TOK_NONE, may_cache ? by.k : 0});
}

// Compares one pair and appends those of its operands.
static bool match(tok_ctx *c, const use *u, uses *todo) {
    const ir_func *f = c->past.f;
    uint32_t node = u->node;
    ir_val v = u->past;
    int param;
    ir_val rows = joined_rows(c, v, &param);
    if (rows != IR_NONE) {
        node = strip_empty(c, node);
        add_cache(c, param, node, u);
        v = rows;
    }
    node = strip_empty(c, node);
    v = strip_empty_past(c, v);
    const tok_node *n = tok_at(c, node);
    if (n->is_const || c->past.is_const[v]) {
        if (!n->is_const || !c->past.is_const[v]) return differs(c, node, v);
        vec_push(&c->pairs, (tok_pair){node, v});
        return true;
    }
    const ir_op *op = ir_def(f, v);
    if (n->param >= 0) return f->params.items[n->param].value == v || differs(c, node, v);
    if (!op || op->code != n->op->code || op->n_operands != n->n_operands ||
        op->result[n->result] != v || !tok_same_attrs(c->old, op, n->op))
        return differs(c, node, v);
    for (uint32_t k = 0; k < op->n_operands; k++) {
        bool is_mask = op->code == IR_nn_attention && k == 3;
        if ((n->operand[k] == TOK_NONE) != (op->operand[k] == IR_NONE)) return differs(c, node, v);
        if (n->operand[k] == TOK_NONE) continue;
        if (is_mask)
            vec_push(&c->masks, (tok_pair){node, op->operand[k]});
        else
            push_use(c, todo, n->operand[k], op->operand[k],
                     is_view(op->code) ? *u : (use){.user = node, .k = k});
    }
    return true;
}

// The past input that result i gives with the new rows behind it; -1: none.
static int past_of_result(const tok_ctx *c, size_t i) {
    ir_val v = c->past.f->results.items[i].value;
    int param = -1;
    for (const ir_op *op; (op = ir_def(c->past.f, v)) != NULL && is_view(op->code);)
        v = op->operand[0];
    return joined_rows(c, v, &param) != IR_NONE ? param : -1;
}

bool tok_past_match(tok_ctx *c) {
    const ir_func *f = c->past.f;
    uses todo = {0};
    map *seen = map_new();
    bool ok = true;
    for (size_t i = 0; i < f->results.count; i++) {
        c->is_present[i] = past_of_result(c, i) >= 0;
        push_use(c, &todo, c->result[i], f->results.items[i].value, (use){.user = TOK_NONE});
    }
    while (todo.count) {
        use u = todo.items[--todo.count];
        char key[64];
        snprintf(key, sizeof key, "%u/%u/%u/%u", u.node, u.past, u.user, u.k);
        if (map_add(seen, key, 1) != MAP_NONE) continue;
        ok = match(c, &u, &todo) && ok;
    }
    map_free(seen);
    vec_free(&todo);
    return ok;
}

// ---- shift -----------------------------------------------------------------------------------

// A constant of @past is part of the one at the maximum, as far as that reaches: along an axis that
// counts new tokens from p on, along one that counts all from 0 on.
static bool check_shift(tok_ctx *c, uint32_t node, ir_val v) {
    tensor t;
    if (!tok_eval(c, &c->past, v, NULL, c->a, &t)) return false;
    const tensor *at_n1 = tok_const_at(c, node, 0);
    if (!at_n1) return false;
    const ir_type *big = tok_type(c, node, c->max);
    tok_box box = {{0}, {0}};
    bool fits = t.rank == big->rank && t.type == big->type;
    for (int i = 0; fits && i < t.rank; i++) {
        bool varies = at_n1->dim[i] != big->dim[i];
        if (!varies)
            fits = t.dim[i] == big->dim[i];
        else if (t.dim[i] == at_n1->dim[i])
            box.from[i] = c->past.past;
        else
            fits = t.dim[i] == at_n1->dim[i] + c->past.past;
        fits = fits && box.from[i] < big->dim[i];
        if (fits) box.size[i] = min_i64(t.dim[i], big->dim[i] - box.from[i]);
    }
    tensor same = t;
    tok_parts max = {.c = c, .p = &c->probe[c->max], .a = c->a};
    if (fits && !tok_eval_part(&max, tok_at(c, node)->v[c->max], &box, c->a, &same)) return false;
    size_t n = tensor_count(&same), bytes = elem_bytes(t.type);
    for (size_t k = 0; fits && k < n; k++) {
        size_t rest = k, at = 0, stride = 1; // in t, of which the maximum may have less
        for (int i = t.rank; i-- > 0;) {
            at += rest % (size_t)same.dim[i] * stride;
            rest /= (size_t)same.dim[i];
            stride *= (size_t)t.dim[i];
        }
        if (memcmp((char *)t.data + at * bytes, (char *)same.data + k * bytes, bytes) == 0)
            continue;
        uint32_t user = node;
        for (uint32_t i = node + 1; i < c->nodes.count && user == node; i++)
            for (uint32_t j = 0; j < tok_at(c, i)->n_operands; j++)
                if (tok_at(c, i)->operand[j] == node) user = i;
        return tok_fail(c, user, DIAG_ID_tok_past_shift,
                        "a constant with a past of %" PRId64
                        " tokens has %g where one step of all tokens has %g: "
                        "a step is not the same as rows of a bigger one",
                        c->past.past, elem_load_f64(t.type, t.data, at),
                        elem_load_f64(same.type, same.data, k));
    }
    return fits ||
           tok_fail(c, node, DIAG_ID_tok_past_shift,
                    "a constant has shape %s with a past of %" PRId64 " tokens, %s without",
                    tensor_shape_text(c->a, &t), c->past.past, tensor_shape_text(c->a, at_n1));
}

// ---- rings -----------------------------------------------------------------------------------

static const char *layout_of_cache(const tok_ctx *c, int param) {
    const ir_type *t = ir_type_of(c->past.f, c->past.f->params.items[param].value);
    static const char *const names[] = {"tbhd", "bthd", "bhtd", "bhdt"};
    for (int i = 0; t->rank == 4 && i < 4; i++)
        if (t->dim[i] == c->past.past) return names[i];
    return NULL;
}

static const char *layout_of_rows(const tok_layout *l) {
    static const char *const names[] = {"tbhd", "bthd", "bhtd", "bhdt"};
    for (int i = 0; l->rank == 4 && i < l->count; i++)
        if (l->atom[i].kind == TOK_ROWS) return names[l->atom[i].axis];
    return NULL;
}

static void set_layout(ir_ring *r, const char *layout) {
    int word;
    CHECK(ir_word_parse(IR_ENUM_kv_layout, layout, &word), "layout '%s'", layout);
    r->kv_layout = (ir_kv_layout)word;
}

// Keys and values of one attention are given and taken in one order of axes. False: reported.
static bool take_layout(tok_ctx *c, uint32_t node, ir_ring *r, const char *layout,
                        const char *name) {
    const char *other = r->past_key        ? r->past_key
                        : r->past_value    ? r->past_value
                        : r->present_key   ? r->present_key
                        : r->present_value ? r->present_value
                                           : NULL;
    const ir_kv_layout before = r->kv_layout;
    set_layout(r, layout);
    if (!other || r->kv_layout == before) return true;
    return tok_fail(
        c, node, DIAG_ID_tok_past_use,
        "'%s' has its axes as %s, '%s' of the same attention as %s (b: batch, h: heads, "
        "t: tokens, d: width): export both in one order",
        name, layout, other, ir_word(IR_ENUM_kv_layout, (int)before));
}

// The keys and values of a ring that are joined at `base`. Both, where a model computes them alike.
typedef enum { NEITHER = 0, KEYS = 1, VALUES = 2, BOTH = 3 } side;

static side side_of(const tok_ctx *c, const tok_ring *r, uint32_t base) {
    return (side)((tok_base_of(c, r->k) == base ? KEYS : 0) |
                  (tok_base_of(c, r->v) == base ? VALUES : 0));
}

// Of keys and values that are alike: which of them goes on behind this cache.
static side side_read(const tok_ctx *c, const tok_ring *r, const tok_cache *k) {
    if (k->user == TOK_NONE) return NEITHER;
    if (k->user != r->node) return tok_plan_of(c, k->user)->kind == TOK_SCORES ? KEYS : NEITHER;
    return k->k == 1 && tok_at(c, k->user)->n_operands > 2 ? KEYS : VALUES;
}

// False: reported.
static bool name_cache(tok_ctx *c, const tok_ring *r, const char **slot, const char *name,
                       side which) {
    if (!*slot || strcmp(*slot, name) == 0) {
        *slot = name;
        return true;
    }
    return tok_fail(c, r->node, DIAG_ID_tok_past_use,
                    "past inputs '%s' and '%s' are joined in front of the same %s: two attentions "
                    "compute them alike and keep them apart; give them weights of their own",
                    *slot, name, which == KEYS ? "keys" : "values");
}

// The output that gives back what a past input is joined with, where nothing else reads that;
// NULL.
static const char *given_back(const tok_ctx *c, int param) {
    const ir_func *f = c->past.f;
    const ir_val past = f->params.items[param].value;
    ir_val joined = IR_NONE;
    for (size_t i = 0; i < f->ops.count; i++)
        for (uint32_t k = 0; k < f->ops.items[i].n_operands; k++) {
            if (joined != IR_NONE && f->ops.items[i].operand[k] == joined) return NULL;
            if (f->ops.items[i].operand[k] == past) joined = f->ops.items[i].result[0];
        }
    for (size_t i = 0; i < f->results.count; i++)
        if (f->results.items[i].value == joined) return f->results.items[i].name;
    return NULL;
}

static void link_cache(tok_ctx *c, const tok_cache *k, bool may_lack) {
    const char *name = c->past.f->params.items[k->param].name;
    uint32_t base = tok_base_of(c, k->node);
    bool found = false;
    const char *layout = layout_of_cache(c, k->param);
    if (!layout) {
        if (may_lack) return;
        tok_fail(c, k->node, DIAG_ID_tok_past_use,
                 "past input '%s' is no cache of one tensor [batch, heads, tokens, width] a layer",
                 name);
        return;
    }
    for (size_t i = 0; i < c->rings.count; i++) {
        tok_ring *r = c->rings.items[i];
        side s = side_of(c, r, base);
        if (s == NEITHER) continue;
        found = true;
        if (s == BOTH) s = side_read(c, r, k);
        if (s == NEITHER) continue;
        if (!take_layout(c, k->node, &r->is, layout, name)) return;
        if (!name_cache(c, r, s == KEYS ? &r->is.past_key : &r->is.past_value, name, s)) return;
    }
    if (found || may_lack) return;
    const char *output = given_back(c, k->param);
    if (output)
        tok_fail(
            c, k->node, DIAG_ID_tok_past_use,
            "past input '%s' is joined with rows that no attention reads: leave out what gives "
            "them back (--drop-output %s)",
            name, output);
    else
        tok_fail(c, k->node, DIAG_ID_tok_past_use,
                 "past input '%s' is joined with something else than the keys or values of an "
                 "attention",
                 name);
}

// Result i of keys and values that are alike: those behind its own past, else whichever are not
// given yet.
static side side_given(const tok_ctx *c, const ir_ring *r, size_t i) {
    const int param = c->has_past ? past_of_result(c, i) : -1;
    if (param < 0) return r->present_key ? VALUES : KEYS;
    const char *past = c->past.f->params.items[param].name;
    return r->past_key && strcmp(r->past_key, past) == 0 ? KEYS : VALUES;
}

// Outputs that are a ring's keys or values.
static void link_presents(tok_ctx *c) {
    const ir_func *f = c->probe[0].f;
    for (size_t i = 0; i < f->results.count; i++) {
        const char *name = f->results.items[i].name;
        uint32_t base = tok_base_of(c, c->result[i]);
        if (!c->is_present[i] && !strstr(name, "present") && !strstr(name, "key_values")) continue;
        for (size_t k = 0; k < c->rings.count; k++) {
            tok_ring *r = c->rings.items[k];
            side s = side_of(c, r, base);
            ir_ring *is = &r->is;
            // An encoder's keys are its own rows: they do not go on with the decoder's.
            if (s == NEITHER || is->mode == IR_RING_CROSS) continue;
            if (s == BOTH) s = side_given(c, is, i);
            const tok_layout full = tok_layout_full(&tok_plan_of(c, c->result[i])->layout);
            const char *layout = layout_of_rows(&full);
            if (!layout) continue;
            if (!take_layout(c, c->result[i], is, layout, name)) continue;
            *(s == KEYS ? &is->present_key : &is->present_value) = name;
            const char *preload = ir_attr_str(&f->results.items[i].attrs, IR_ATTR_preload, NULL);
            if (preload) *(s == KEYS ? &is->past_key : &is->past_value) = preload;
            c->is_present[i] = true;
            break; // attentions that share keys and values have them alike
        }
    }
}

// A program takes and gives keys together with their values, each under a name of its own.
static void check_sides(tok_ctx *c, const tok_ring *r) {
    const ir_ring *is = &r->is;
    if (!is->past_key != !is->past_value) {
        tok_fail(c, r->node, DIAG_ID_tok_past_use,
                 "its %s go on behind past input '%s', its %s behind none",
                 is->past_key ? "keys" : "values", is->past_key ? is->past_key : is->past_value,
                 is->past_key ? "values" : "keys");
    } else if (is->past_key && strcmp(is->past_key, is->past_value) == 0) {
        tok_fail(c, r->node, DIAG_ID_tok_past_use,
                 "past input '%s' is both its keys and its values: export a past for each",
                 is->past_key);
    }
    if (!is->present_key != !is->present_value)
        tok_fail(c, r->node, DIAG_ID_tok_past_use,
                 "its %s are given as output '%s', its %s are not: export both or neither",
                 is->present_key ? "keys" : "values",
                 is->present_key ? is->present_key : is->present_value,
                 is->present_key ? "values" : "keys");
}

// An attention that was refused has no ring, so its caches are not missed.
static bool may_lack_rings(const tok_ctx *c) {
    bool lacks = diag_errors(c->diags) > 0;
    for (uint32_t i = 1; i < c->nodes.count; i++)
        lacks |= (tok_at(c, i)->deps & TOK_DEP_DATA) && tok_plan_of(c, i)->kind == TOK_REFUSED;
    return lacks;
}

static void check_past_inputs(tok_ctx *c) {
    const ir_func *f = c->past.f;
    const uint32_t *count = ir_count_uses(c->a, f);
    for (size_t i = 0; i < f->params.count; i++) {
        if (tok_is_past(c, i) && !count[f->params.items[i].value]) {
            tok_note(c, TOK_NONE, "input '%s' is not read", f->params.items[i].name);
            continue;
        }
        bool found =
            !tok_is_past(c, i) || ir_type_width(ir_type_of(f, f->params.items[i].value)) == 0;
        for (size_t k = 0; k < c->caches.count; k++) found |= c->caches.items[k].param == (int)i;
        if (found) continue;
        diag_emit(c->found, DIAG_ID_tok_past_use, DIAG_AT(NULL, f->params.items[i].name),
                  "past input '%s' is not joined in front of any keys or values",
                  f->params.items[i].name);
        tok_own_findings(c, TOK_NONE);
    }
}

static size_t n_caches(const tok_ctx *c) {
    size_t n = 0;
    for (size_t i = 0; i < c->caches.count; i++) {
        size_t k = 0;
        while (c->caches.items[k].param != c->caches.items[i].param ||
               c->caches.items[k].node != c->caches.items[i].node)
            k++;
        n += k == i;
    }
    return n;
}

// A step is rows of a bigger one: constants and masks; the caches of rings.
static void finish_past(tok_ctx *c) {
    for (size_t i = 0; i < c->pairs.count; i++)
        check_shift(c, c->pairs.items[i].node, c->pairs.items[i].past);
    for (size_t i = 0; i < c->masks.count; i++) {
        const tok_pair *p = &c->masks.items[i];
        for (size_t k = 0; k < c->rings.count; k++) {
            const tok_ring *r = c->rings.items[k];
            if (r->node == p->node)
                tok_mask_check_past(c, p->node, p->past, ir_ring_heads(&r->is), r->mask);
        }
    }
    tok_own_findings(c, TOK_NONE);
    bool may_lack = may_lack_rings(c);
    for (size_t i = 0; i < c->caches.count; i++) link_cache(c, &c->caches.items[i], may_lack);
    check_past_inputs(c);
    if (c->rings.count)
        tok_proof(c, c->rings.items[0]->node,
                  "a step after %" PRId64 " tokens is rows %" PRId64
                  "... of one big step: %zu caches, %zu constants and %zu masks compared",
                  c->past.past, c->past.past, n_caches(c), c->pairs.count, c->masks.count);
}

void tok_past_finish(tok_ctx *c) {
    if (c->has_past) finish_past(c);
    link_presents(c);
    for (size_t i = 0; i < c->rings.count; i++) check_sides(c, c->rings.items[i]);
}
