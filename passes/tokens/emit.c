// The program: needed nodes in order, each form of their rows once, by its recipe; inputs and
// outputs. Decides nothing: what a value is was planned, and is checked where it is made.
#include "passes/tokens/plan.h"
#include <inttypes.h>
#include <string.h>

typedef struct {
    const char *symbol;
    tensor data;
} made_tensor;

typedef struct {
    tok_ctx *c;
    ir_val (*rows)[TOK_FORMS]; // by node
    ir_val *input;             // by parameter
    map *constants;            // symbol -> value of its t.const
    map *by_hash;              // of a tensor's data -> index in `made`
    VEC(made_tensor) made;
    size_t n_rings;
} emitter;

// With the domain's number in the program.
static ir_type program_type(const tok_ctx *c, ir_type t) {
    int d = ir_type_domain(&t);
    if (d < 0) return t;
    CHECK(c->domain[d].number >= 0, "domain t%d", d);
    t.dim[0] = IR_DIM_DOMAIN(c->domain[d].number);
    return t;
}

// ---- symbols ---------------------------------------------------------------------------------

// Symbol of a constant; equal new tensors are one.
static const char *constant_symbol(emitter *e, const tok_constant *k) {
    if (k->symbol) return k->symbol;
    tok_ctx *c = e->c;
    uint64_t hash = file_hash64(k->data.data, tensor_bytes(&k->data));
    for (int n = 0;; n++) { // tensors of the same hash under keys of their own
        const char *key = arena_printf(c->a, "%016" PRIx64 ".%d", hash, n);
        uint32_t at = map_add(e->by_hash, key, (uint32_t)e->made.count);
        if (at == MAP_NONE) break;
        if (tensor_equal_bits(&e->made.items[at].data, &k->data)) return e->made.items[at].symbol;
    }
    tensor data = k->is_old ? k->data : tensor_copy(c->m->arena, &k->data);
    const char *symbol = ir_symbol_add_tensor(c->m, k->hint, data)->name;
    vec_push(&e->made, (made_tensor){symbol, data});
    return symbol;
}

static ir_val constant_value(emitter *e, const tok_constant *k) {
    tok_ctx *c = e->c;
    const char *symbol = constant_symbol(e, k);
    uint32_t known = map_get(e->constants, symbol);
    if (known != MAP_NONE) return known;
    ir_attrs attrs = {0};
    ir_attr_set_str(c->a, &attrs, IR_ATTR_value, symbol);
    ir_type type = ir_type_make(k->data.type, k->data.rank, k->data.dim);
    ir_val v = ir_build_typed(c->m, c->f, IR_t_const, NULL, 0, &attrs, &type, NULL);
    map_set(e->constants, symbol, v);
    return v;
}

static const char *ring_symbol(emitter *e, tok_ring *r) {
    if (r->symbol) return r->symbol;
    tok_ctx *c = e->c;
    ir_ring is = r->is;
    if (r->sink) is.sink = constant_symbol(e, r->sink);
    if (r->table) is.table = constant_symbol(e, r->table);
    if (r->scalings) is.scalings = constant_symbol(e, r->scalings);
    ir_symbol *s = ir_symbol_add(c->m, IR_SYM_RING, arena_printf(c->a, "ring.%zu", e->n_rings++));
    *s->ring = is; // its names and numbers lie in the old module, which the new one keeps alive
    return r->symbol = s->name;
}

// ---- recipes ---------------------------------------------------------------------------------

static ir_val rows_of(emitter *e, uint32_t node, tok_form form);

static ir_val operand(emitter *e, const ir_val *made, const tok_ref *x) {
    switch (x->from) {
    case TOK_OF_NODE: return rows_of(e, x->id, x->form);
    case TOK_OF_INPUT: return e->input[x->id];
    case TOK_OF_STEP: return made[x->id];
    case TOK_NOTHING: break;
    }
    return IR_NONE;
}

static ir_val carry_out(emitter *e, const tok_recipe *r) {
    tok_ctx *c = e->c;
    ir_val *made = ARENA_ARRAY(c->a, ir_val, r->count + 1);
    for (uint32_t i = 0; i < r->count; i++) {
        const tok_step *s = &r->step[i];
        if (s->constant) {
            made[i] = constant_value(e, s->constant);
            continue;
        }
        ir_val *in = ARENA_ARRAY(c->a, ir_val, s->n + 1);
        for (uint32_t k = 0; k < s->n; k++) in[k] = operand(e, made, &s->in[k]);
        ir_attrs attrs = ir_attrs_copy(c->a, &s->attrs);
        if (s->ring) ir_attr_set_str(c->a, &attrs, IR_ATTR_ring, ring_symbol(e, s->ring));
        ir_type type = program_type(c, s->type);
        made[i] =
            ir_build_typed(c->m, c->f, s->code, in, s->n, &attrs, &type, tok_at(c, r->node)->op);
    }
    return operand(e, made, &r->value);
}

// The rows of a node in one form, made when they are first asked for.
static ir_val rows_of(emitter *e, uint32_t node, tok_form form) {
    ir_val *known = &e->rows[node][form];
    if (*known) return *known;
    tok_ctx *c = e->c;
    const tok_plan *p = tok_plan_of(c, node);
    CHECK(p->is_needed[form] && p->form[form].value.from != TOK_NOTHING, "%s", tok_name(c, node));
    ir_val v = carry_out(e, &p->form[form]);
    const tok_layout full = tok_layout_full(&p->layout);
    tok_check_rows(c, node, ir_type_of(c->f, v), form == TOK_AS_IS ? &p->layout : &full);
    return *known = v;
}

// ---- ports -----------------------------------------------------------------------------------

// batch: a first axis of one is that of the sequences.
static void set_shape(tok_ctx *c, ir_port *p, const tok_layout *l, bool batch) {
    const char *dims[IR_MAX_RANK];
    for (int axis = 0; axis < l->rank; axis++) {
        int from, until;
        tok_layout_axis(l, axis, &from, &until);
        dims[axis] = "1";
        for (int i = from; i < until; i++) {
            const tok_atom *a = &l->atom[i];
            if (a->kind == TOK_BATCH) continue;
            const char *s = a->kind == TOK_ROWS
                                ? arena_printf(c->a, "t%d", tok_domain_number(c, a->domain))
                                : arena_printf(c->a, "%" PRId64, a->size);
            bool first = strcmp(dims[axis], "1") == 0;
            dims[axis] = first ? s : arena_printf(c->a, "%s*%s", dims[axis], s);
        }
        if (axis == 0 && !batch && !strcmp(dims[0], "1")) dims[0] = "1*1";
    }
    ir_attr_set_strs(c->m->arena, &p->attrs, IR_ATTR_onnx_shape, dims, (size_t)l->rank);
}

// Numbers that an integer input may have: as the model says, rows of the tables they index, or
// those of which what is computed is exact.
static void set_range(tok_ctx *c, ir_port *p, const ir_port *old, size_t param) {
    bool is_mask = strcmp(tok_role(c, c->probe[0].f, param), "mask") == 0;
    int64_t hi = ir_attr_int(&old->attrs, IR_ATTR_range_hi, c->input[param].index_rows);
    if (is_mask) hi = 2;
    if (hi <= 0) return;
    const int64_t lo = c->input[param].is_signed && !is_mask ? 1 - hi : 0;
    ir_attr_set_int(c->m->arena, &p->attrs, IR_ATTR_range_lo,
                    ir_attr_int(&old->attrs, IR_ATTR_range_lo, lo));
    ir_attr_set_int(c->m->arena, &p->attrs, IR_ATTR_range_hi, hi);
}

static void emit_input(emitter *e, size_t param) {
    tok_ctx *c = e->c;
    const ir_func *of = c->probe[0].f;
    const ir_port *old = &of->params.items[param];
    const tok_input *input = &c->input[param];
    tok_layout l = tok_plan_of(c, c->param_node[param])->layout;
    if (input->layout) l = tok_layout_without_axis(&l, 0); // of one sequence
    e->input[param] = ir_param_add(c->m, c->f, old->name, program_type(c, input->rows.type));
    ir_port *p = &c->f->params.items[c->f->params.count - 1];
    arena *a = c->m->arena;
    ir_attr_set_str(a, &p->attrs, IR_ATTR_onnx_type, elem_name(ir_type_of(of, old->value)->type));
    ir_attr_set_str(a, &p->attrs, IR_ATTR_role, tok_role(c, of, param));
    if (input->layout) ir_attr_set_str(a, &p->attrs, IR_ATTR_layout, input->layout);
    set_shape(c, p, &l, true);
    if (elem_is_int(input->rows.type.type)) set_range(c, p, old, param);
    if (input->pad) ir_attr_set_int(a, &p->attrs, IR_ATTR_uncounted, input->pad);
}

static void emit_output(emitter *e, const tok_output *out) {
    tok_ctx *c = e->c;
    ir_val v = carry_out(e, &out->recipe);
    ir_port *p = ir_result_add(c->m, c->f, c->probe[0].f->results.items[out->index].name, v);
    ir_attr_set_str(c->m->arena, &p->attrs, IR_ATTR_onnx_type,
                    elem_name(tok_type(c, out->recipe.node, 0)->type));
    const tok_layout last = tok_layout_without_rows(&out->layout);
    set_shape(c, p, out->is_last ? &last : &out->layout, !tok_at(c, out->recipe.node)->is_const);
}

// ---- the whole -------------------------------------------------------------------------------

static void emit_domains(tok_ctx *c) {
    for (int d = 0; d < c->n_domains; d++) {
        if (!c->domain[d].is_needed) continue;
        ir_domain is = c->domain[d].is;
        int parent = tok_domain_parent(c, d);
        if (parent >= 0) is.of = c->domain[parent].number;
        is.used = true;
        c->m->domain[c->domain[d].number] = is;
    }
}

void tok_emit(tok_ctx *c) {
    size_t n_params = c->probe[0].f->params.count;
    emitter e = {.c = c, .constants = map_new(), .by_hash = map_new()};
    e.rows = arena_alloc(c->a, c->nodes.count * sizeof *e.rows);
    e.input = ARENA_ARRAY(c->a, ir_val, n_params + 1);
    c->f = ir_func_add(c->m, "run");
    emit_domains(c);
    for (size_t i = 0; i < n_params; i++)
        if (c->input[i].is_needed) emit_input(&e, i);
    static const tok_form forms[] = {TOK_AS_IS, TOK_LAST}; // FULL: where it is read
    for (size_t form = 0; form < ARRAY_LEN(forms); form++)
        for (uint32_t i = 1; i < c->nodes.count; i++)
            if (tok_plan_of(c, i)->is_needed[forms[form]]) rows_of(&e, i, forms[form]);
    for (size_t i = 0; i < c->outputs.count; i++) emit_output(&e, c->outputs.items[i]);
    ir_symbols_sweep(c->m); // the model's own that the program does not name
    map_free(e.constants);
    map_free(e.by_hash);
    vec_free(&e.made);
}
