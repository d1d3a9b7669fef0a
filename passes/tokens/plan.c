// How are recipes written? Steps, columns, broadcasts, groups of columns, and the forms in which a
// node's rows can be taken.
#include "passes/tokens/plan.h"
#include "ir/infer/infer.h"
#include <string.h>

static const tok_ref nothing = {.from = TOK_NOTHING};

elem tok_row_elem(elem e) {
    return e == ELEM_bool ? ELEM_bool : elem_is_float(e) ? ELEM_f32 : e == ELEM_q8 ? e : ELEM_i32;
}

ir_type tok_row_type(elem e, int domain, int64_t width) {
    return ir_type_make(e, 2, (int64_t[]){IR_DIM_DOMAIN(domain), width});
}

// ---- steps -----------------------------------------------------------------------------------

static tok_ref add_step(tok_ctx *c, tok_recipe *r, tok_step s) {
    if (r->count == r->capacity) {
        r->capacity = r->capacity ? 2 * r->capacity : 4;
        tok_step *more = ARENA_ARRAY(c->a, tok_step, r->capacity);
        if (r->count) memcpy(more, r->step, r->count * sizeof *more);
        r->step = more;
    }
    r->step[r->count] = s;
    return (tok_ref){.from = TOK_OF_STEP, .id = r->count++, .type = s.type};
}

tok_ref tok_step_typed(tok_ctx *c, tok_recipe *r, ir_opcode code, const tok_ref *in, size_t n,
                       const ir_attrs *attrs, ir_type type) {
    tok_step s = {.code = code, .n = (uint32_t)n, .type = type};
    s.in = arena_copy(c->a, in, n * sizeof *in);
    if (attrs) s.attrs = ir_attrs_copy(c->a, attrs);
    return add_step(c, r, s);
}

tok_ref tok_step_of(tok_ctx *c, tok_recipe *r, ir_opcode code, const tok_ref *in, size_t n,
                    const ir_attrs *attrs) {
    if (in[0].from == TOK_NOTHING) return nothing; // recorded
    const ir_attrs none = {0};
    const ir_type **type = ARENA_ARRAY(c->a, const ir_type *, n + 1);
    ir_val *operand = ARENA_ARRAY(c->a, ir_val, n + 1);
    for (size_t i = 0; i < n; i++) {
        if (in[i].from == TOK_NOTHING) continue;
        type[i] = &in[i].type;
        operand[i] = 1; // some value
    }
    const ir_op op = {.code = code,
                      .n_operands = (uint32_t)n,
                      .operand = operand,
                      .attrs = attrs ? *attrs : none};
    ir_type out;
    CHECK(ir_ops[code].results == 1, "%s", ir_ops[code].name);
    ir_infer_ctx infer = {c->old, NULL, &op, type, NULL, &out, c->found, tok_loc(c, r->node)};
    if (ir_infer(&infer)) return tok_step_typed(c, r, code, in, n, attrs, out);
    tok_plan_of(c, r->node)->kind = TOK_REFUSED;
    return nothing;
}

tok_ref tok_step_constant(tok_ctx *c, tok_recipe *r, const tok_constant *k) {
    tok_step s = {.code = IR_t_const, .constant = k};
    s.type = ir_type_make(k->data.type, k->data.rank, k->data.dim);
    return add_step(c, r, s);
}

tok_ref tok_step_cast(tok_ctx *c, tok_recipe *r, tok_ref x, elem to) {
    if (x.from == TOK_NOTHING || x.type.type == to) return x;
    ir_attrs attrs = {0};
    ir_attr_set_str(c->a, &attrs, IR_ATTR_to, elem_name(to));
    return tok_step_of(c, r, IR_t_cast, &x, 1, &attrs);
}

tok_ref tok_step_matrix(tok_ctx *c, tok_recipe *r, tok_ref x) {
    if (x.type.rank == 2) return x;
    return tok_step_typed(c, r, IR_t_reshape, &x, 1, NULL,
                          tok_row_type(x.type.type, ir_type_domain(&x.type), 1));
}

tok_ref tok_step_columns(tok_ctx *c, tok_recipe *r, tok_ref x, const int64_t *index, int64_t n) {
    int64_t w = ir_type_width(&x.type);
    bool run = true, once = n == w;
    bool *seen = ARENA_ARRAY(c->a, bool, w);
    for (int64_t i = 0; i < n; i++) {
        run &= index[i] == index[0] + i;
        once &= !seen[index[i]];
        seen[index[i]] = true;
    }
    if (run && n == w) return x;
    x = tok_step_matrix(c, r, x);
    ir_type type = tok_row_type(x.type.type, ir_type_domain(&x.type), n);
    ir_attrs attrs = {0};
    if (run) {
        ir_attr_set_int(c->a, &attrs, IR_ATTR_from, index[0]);
        ir_attr_set_int(c->a, &attrs, IR_ATTR_until, index[0] + n);
        return tok_step_typed(c, r, IR_row_cols, &x, 1, &attrs, type);
    }
    ir_attr_set_ints(c->a, &attrs, IR_ATTR_index, index, (size_t)n);
    return tok_step_typed(c, r, once ? IR_row_permute : IR_row_repeat, &x, 1, &attrs, type);
}

static bool has_witness(tok_ctx *c, uint32_t node, int domain) {
    return c->witness[domain].from != TOK_NOTHING ||
           tok_fail(c, node, DIAG_ID_tok_shape, "no input gives the rows of domain t%d",
                    tok_domain_number(c, domain));
}

tok_ref tok_step_like(tok_ctx *c, tok_recipe *r, tok_ref x, int domain) {
    if (ir_type_domain(&x.type) == domain) return x;
    // Rows that this recipe made may be the first of their domain.
    tok_ref rows = c->witness[domain];
    for (uint32_t i = 0; i < r->count && rows.from == TOK_NOTHING; i++)
        if (ir_type_domain(&r->step[i].type) == domain)
            rows = (tok_ref){.from = TOK_OF_STEP, .id = i, .type = r->step[i].type};
    if (rows.from == TOK_NOTHING && !has_witness(c, r->node, domain)) return nothing;
    const tok_ref in[] = {x, rows};
    return tok_step_typed(c, r, IR_rows_like, in, 2, NULL,
                          tok_row_type(x.type.type, domain, ir_type_width(&x.type)));
}

static tok_ref call_on(tok_ctx *c, tok_recipe *r, tok_ref x, tok_call *k) {
    k->operand[0] = x;
    return tok_step_of(c, r, k->code, k->operand, k->n, &k->attrs);
}

tok_ref tok_step_groups(tok_ctx *c, tok_recipe *r, tok_ref x, int64_t groups, int64_t width,
                        tok_call *k) {
    if (groups == 1) return call_on(c, r, tok_step_matrix(c, r, x), k);
    tok_ref *part = ARENA_ARRAY(c->a, tok_ref, groups);
    int64_t *index = ARENA_ARRAY(c->a, int64_t, width);
    for (int64_t g = 0; g < groups; g++) {
        for (int64_t i = 0; i < width; i++) index[i] = g * width + i;
        part[g] = call_on(c, r, tok_step_columns(c, r, x, index, width), k);
        if (part[g].from == TOK_NOTHING) return nothing;
    }
    return tok_step_of(c, r, IR_row_join, part, (size_t)groups, NULL);
}

// ---- widths ----------------------------------------------------------------------------------

void tok_check_rows(const tok_ctx *c, uint32_t node, const ir_type *type, const tok_layout *l) {
    int64_t is = ir_type_width(type), wanted = tok_width(l);
    CHECK(is == wanted, "%s: rows of %lld columns, its layout %s says %lld", tok_name(c, node),
          (long long)is, tok_layout_text(c, l), (long long)wanted);
}

// ---- taking rows of a node -------------------------------------------------------------------

bool tok_blame(tok_ctx *c, uint32_t node, uint32_t operand) {
    tok_plan *p = tok_plan_of(c, node);
    uint32_t *all = ARENA_ARRAY(c->a, uint32_t, p->n_blamed + 1);
    for (uint32_t i = 0; i < p->n_blamed; i++) all[i] = p->blamed[i];
    all[p->n_blamed++] = operand;
    p->blamed = all;
    p->kind = TOK_REFUSED;
    return false;
}

bool tok_is_rows(tok_ctx *c, uint32_t node, uint32_t operand) {
    const char *op = ir_ops[tok_at(c, node)->op->code].name;
    switch (tok_plan_of(c, operand)->kind) {
    case TOK_VALUE: return true;
    case TOK_REFUSED: return tok_blame(c, node, operand);
    case TOK_IMAGE:
        return tok_fail(
            c, node, DIAG_ID_tok_role,
            "'%s' reads %s, which has no token axis: only a convolution turns an image into rows "
            "of patches; else say which axis counts tokens (--axis)",
            op, tok_name(c, operand));
    case TOK_SCORES:
    case TOK_PROBS:
        return tok_fail(c, node, DIAG_ID_tok_mix,
                        "'%s' on attention scores, outside of softmax(scale q k + mask) v", op);
    case TOK_CODES:
    case TOK_QUANT:
        return tok_fail(
            c, node, DIAG_ID_tok_scope,
            "'%s' reads a dynamically quantised value; only a product with a constant matrix may, "
            "since its scale becomes one a row",
            op);
    case TOK_CONSTANT:
    case TOK_EMPTY:
    case TOK_KINDS: break;
    }
    return tok_fail(c, node, DIAG_ID_tok_mix, "'%s' of a constant where rows of tokens are needed",
                    op);
}

void tok_evaluates(tok_ctx *c, uint32_t node, uint32_t operand) {
    tok_plan *p = tok_plan_of(c, node);
    if (operand == TOK_NONE || tok_at(c, operand)->is_const) return;
    for (uint32_t i = 0; i < p->n_evaluated; i++)
        if (p->evaluated[i] == operand) return;
    CHECK(p->n_evaluated < ARRAY_LEN(p->evaluated), "%s", tok_name(c, node));
    p->evaluated[p->n_evaluated++] = operand;
}

static tok_ref take(const tok_ctx *c, uint32_t id, tok_form form) {
    const ir_type *t = &tok_plan_of(c, id)->form[form].value.type;
    return (tok_ref){.from = TOK_OF_NODE, .form = form, .id = id, .type = *t};
}

tok_ref tok_take(const tok_ctx *c, uint32_t id) { return take(c, id, TOK_AS_IS); }

tok_ref tok_take_full(tok_ctx *c, uint32_t node, uint32_t id) {
    tok_plan *p = tok_plan_of(c, id);
    if (tok_layout_is_full(&p->layout)) return tok_take(c, id);
    tok_recipe *r = &p->form[TOK_FULL];
    if (r->value.from != TOK_NOTHING) return take(c, id, TOK_FULL);
    tok_layout full = p->layout; // in as many atoms, to be compared with
    for (int i = 0; i < full.count; i++) full.atom[i].is_virtual = false;
    int d = tok_layout_domain(&full);
    if (d == -2) {
        tok_fail(c, node, DIAG_ID_tok_out, "%s has two token axes: %s", tok_name(c, id),
                 tok_layout_text(c, &full));
        return nothing;
    }
    tok_ref x = tok_take(c, id);
    if (d >= 0 && ir_type_domain(&x.type) != d && !has_witness(c, node, d)) return nothing;
    *r = (tok_recipe){.node = id};
    int64_t w = tok_width(&full), *index = ARENA_ARRAY(c->a, int64_t, w);
    if (!tok_columns(&p->layout, &full, index)) x = tok_step_columns(c, r, x, index, w);
    r->value = d >= 0 ? tok_step_like(c, r, x, d) : x;
    tok_check_rows(c, id, &r->value.type, &full);
    return take(c, id, TOK_FULL);
}

bool tok_read_full(tok_ctx *c, uint32_t node, uint32_t operand, tok_ref *x, tok_layout *l) {
    if (!tok_is_rows(c, node, operand)) return false;
    *x = tok_take_full(c, node, operand);
    *l = tok_layout_full(&tok_plan_of(c, operand)->layout);
    return x->from != TOK_NOTHING;
}

// ---- the last row ----------------------------------------------------------------------------

// Row-local operations: picking a row before them is the same as after.
static bool is_row_local(ir_opcode code) {
    switch (code) {
    case IR_t_const:
    case IR_t_cast:
    case IR_t_reshape:
    case IR_t_softmax:
    case IR_t_log_softmax:
    case IR_nn_linear:
    case IR_nn_norm:
    case IR_row_cols:
    case IR_row_permute:
    case IR_row_repeat:
    case IR_row_join: return true;
    default: return ir_is_elementwise(code);
    }
}

// What is read is a constant, an earlier step, or all columns of the one node's rows. That node is
// *source, TOK_NONE so far.
static bool reads_one_node(const tok_ctx *c, const tok_ref *x, int domain, uint32_t *source) {
    if (x->from != TOK_OF_NODE) return x->from != TOK_OF_INPUT;
    bool all = x->form == TOK_FULL ||
               (x->form == TOK_AS_IS && tok_layout_is_full(&tok_plan_of(c, x->id)->layout));
    if (!all || x->type.rank != 2 || ir_type_domain(&x->type) != domain) return false;
    if (*source != TOK_NONE && *source != x->id) return false;
    *source = x->id;
    return true;
}

// The node of whose rows, one by one, the recipe is a function; TOK_NONE: there is none such.
static uint32_t row_local_source(const tok_ctx *c, const tok_recipe *r, int domain) {
    uint32_t source = TOK_NONE;
    bool ok = reads_one_node(c, &r->value, domain, &source);
    for (uint32_t i = 0; ok && i < r->count; i++) {
        ok = is_row_local(r->step[i].code);
        for (uint32_t k = 0; ok && k < r->step[i].n; k++)
            ok = reads_one_node(c, &r->step[i].in[k], domain, &source);
    }
    return ok ? source : TOK_NONE;
}

static ir_type of_domain(ir_type t, int domain) {
    if (ir_type_domain(&t) >= 0) t.dim[0] = IR_DIM_DOMAIN(domain);
    return t;
}

// The steps of `from` on the last row of what they read.
static void copy_for_last(tok_ctx *c, const tok_recipe *from, tok_ref last, int domain,
                          tok_recipe *r) {
    for (uint32_t i = 0; i < from->count; i++) {
        tok_step s = from->step[i];
        tok_ref *in = ARENA_ARRAY(c->a, tok_ref, s.n);
        for (uint32_t k = 0; k < s.n; k++) {
            in[k] = s.in[k].from == TOK_OF_NODE ? last : s.in[k];
            in[k].type = of_domain(in[k].type, domain);
        }
        s.in = in;
        s.type = of_domain(s.type, domain);
        add_step(c, r, s);
    }
    r->value = from->value.from == TOK_OF_NODE ? last : from->value;
    r->value.type = of_domain(r->value.type, domain);
}

tok_ref tok_take_last(tok_ctx *c, uint32_t node, uint32_t id) {
    tok_ref all = tok_take_full(c, node, id), last = nothing;
    if (all.from == TOK_NOTHING) return nothing;
    int domain = ir_type_domain(&all.type), to = tok_domain_last(c, node, domain);
    if (to < 0) return nothing;
    // The way back to the rows that are picked, then forwards again.
    VEC(uint32_t) chain = {0};
    vec_push(&chain, id);
    for (bool known = false; !known;) {
        uint32_t at = chain.items[chain.count - 1], before = TOK_NONE;
        const tok_plan *p = tok_plan_of(c, at);
        known = p->form[TOK_LAST].value.from != TOK_NOTHING;
        if (!known && tok_layout_is_full(&p->layout))
            before = row_local_source(c, &p->form[TOK_AS_IS], domain);
        if (before == TOK_NONE) break;
        vec_push(&chain, before);
    }
    for (size_t i = chain.count; i-- > 0; last = take(c, chain.items[i], TOK_LAST)) {
        uint32_t at = chain.items[i];
        tok_recipe *r = &tok_plan_of(c, at)->form[TOK_LAST];
        if (r->value.from != TOK_NOTHING) continue;
        *r = (tok_recipe){.node = last.from != TOK_NOTHING ? at : node}; // picked for `node`
        if (last.from != TOK_NOTHING) {
            copy_for_last(c, tok_recipe_of(c, at), last, to, r);
            continue;
        }
        tok_ref x = tok_take_full(c, node, at);
        if (x.from == TOK_NOTHING) break;
        ir_attrs attrs = {0};
        ir_attr_set_str(c->a, &attrs, IR_ATTR_which, "last");
        r->value = tok_step_typed(c, r, IR_rows_pick, &x, 1, &attrs,
                                  tok_row_type(x.type.type, to, ir_type_width(&x.type)));
    }
    vec_free(&chain);
    return last;
}

// ---- what a node is --------------------------------------------------------------------------

bool tok_set_kind(tok_ctx *c, uint32_t node, tok_kind kind, tok_ref value, const tok_layout *l) {
    tok_plan *p = tok_plan_of(c, node);
    if (value.from == TOK_NOTHING) {
        p->kind = TOK_REFUSED;
        return false;
    }
    if (!tok_layout_fits(c, node, l)) return false;
    tok_check_rows(c, node, &value.type, l);
    int of = tok_layout_domain(l), d = ir_type_domain(&value.type);
    CHECK(of < 0 || of == d, "%s: rows of t%d, its layout %s", tok_name(c, node), d,
          tok_layout_text(c, l));
    p->kind = kind;
    p->layout = *l;
    p->form[TOK_AS_IS].value = value;
    if (d >= 0 && c->witness[d].from == TOK_NOTHING) c->witness[d] = tok_take(c, node);
    return true;
}

bool tok_set_rows(tok_ctx *c, uint32_t node, tok_ref value, const tok_layout *l) {
    if (!tok_set_kind(c, node, TOK_VALUE, value, l)) return false;
    const tok_node *n = tok_at(c, node);
    const bool same = n->op && (ir_kind_of(n->op->code) == IR_KIND_VIEW ||
                                n->op->code == IR_t_cast || n->op->code == IR_t_slice);
    tok_plan *p = tok_plan_of(c, node);
    if (same && !p->most) p->most = tok_plan_of(c, n->operand[0])->most;
    elem e = tok_type(c, node, 0)->type;
    if (e != ELEM_f16 && e != ELEM_bf16) return true;
    tok_plan_of(c, node)->facts |= TOK_IS_WIDENED;
    tok_note(c, node, "values of type %s are computed in f32", elem_name(e));
    return true;
}
