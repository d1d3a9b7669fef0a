// How does a graph become a function? Nodes in file order, names in scopes, local functions
// inlined, constant branches taken. Every node that cannot be imported is reported before the
// import fails.
#include "frontend/importer.h"

#define MAX_CALL_DEPTH 64
#define OWN_DOMAIN \
    "ohmic" // our operators win over the function bodies that files carry for other readers

// ---- the operator table
// --------------------------------------------------------------------------

typedef struct {
    onnx_op_row row;
    onnx_op_function function;
    int arg;
} op_entry;

static const op_entry op_table[] = {
#define ONNX_OP(domain, type, since, function, arg) \
    {{domain, type, since}, onnx_import_##function, arg},
#include "frontend/onnx_ops.def"
};

size_t onnx_op_rows(void) { return ARRAY_LEN(op_table); }
const onnx_op_row *onnx_op_row_at(size_t i) { return &op_table[i].row; }

// The row of the greatest version <= opset; NULL when there is none. *known: some version exists.
static const op_entry *find_op(const char *domain, const char *type, int64_t opset, bool *known) {
    const op_entry *best = NULL;
    *known = false;
    for (size_t i = 0; i < ARRAY_LEN(op_table); i++) {
        const op_entry *e = &op_table[i];
        if (e->row.type[0] != type[0] || strcmp(e->row.type, type) || strcmp(e->row.domain, domain))
            continue;
        *known = true;
        if (e->row.since <= opset && (!best || e->row.since > best->row.since)) best = e;
    }
    return best;
}

// ---- scopes
// --------------------------------------------------------------------------------------

static ir_val initializer_value(onnx_importer *imp, const onnx_scope *s, const char *name);

// MAP_NONE when the name is not defined.
static ir_val lookup(onnx_importer *imp, const onnx_scope *s, const char *name) {
    for (; s; s = s->parent) {
        ir_val v = map_get(s->values, name);
        if (v != MAP_NONE) return v;
        if (s->graph && s->graph->initializer_index &&
            map_get(s->graph->initializer_index, name) != MAP_NONE) {
            v = initializer_value(imp, s, name);
            map_set(s->values, name, v);
            return v;
        }
        if (s->graph && s->graph->sparse_name[0] && !strcmp(s->graph->sparse_name, name)) {
            diag_emit(imp->diags, DIAG_ID_onnx_tensor, DIAG_FILE(imp->model->info.path),
                      "initializer '%s' is sparse, which is not supported", name);
            imp->failed = true;
            map_set(s->values, name, ONNX_POISON);
            return ONNX_POISON;
        }
    }
    return MAP_NONE;
}

static bool same_tensor(const tensor *a, const tensor *b) {
    if (a->type != b->type || !tensor_same_shape(a, b)) return false;
    return a->data == b->data || tensor_equal_bits(a, b);
}

static uint64_t content_hash(const tensor *t) {
    uint64_t h = file_hash64(t->data, tensor_bytes(t)) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ file_hash64(t->dim, (size_t)t->rank * sizeof t->dim[0]);
}

// One symbol a tensor: names in use with other contents get a suffix, which later imports find
// again. Where many tensors share a name, the suffix is their hash.
static ir_val symbol_const(onnx_importer *imp, const char *name, tensor t) {
    enum { COUNTED = 16 };
    const ir_symbol *s = ir_symbol_find(imp->m, name);
    for (int i = 1; s; i++) {
        if (s->kind == IR_SYM_TENSOR && same_tensor(&s->data, &t)) break;
        const char *next = i < COUNTED ? arena_printf(imp->arena, "%s.%d", name, i)
                                       : arena_printf(imp->arena, "%s.%016llx", name,
                                                      (unsigned long long)content_hash(&t));
        s = ir_symbol_find(imp->m, next);
        if (!s && i >= COUNTED) name = next;
    }
    if (!s) s = ir_symbol_add_tensor(imp->m, name, t);
    ir_attrs attrs = {0};
    ir_attr_set_str(imp->m->arena, &attrs, IR_ATTR_value, s->name);
    ir_val v = ir_build(imp->m, imp->f, IR_t_const, NULL, 0, &attrs, NULL, imp->diags);
    onnx_const_note(imp);
    return v;
}

// A name that follows from the contents: equal constants of our own making share one symbol.
static const char *content_name(const onnx_call *c, const tensor *t) {
    return arena_printf(c->imp->arena, "%s.%016llx", elem_name(t->type),
                        (unsigned long long)content_hash(t));
}

ir_val onnx_tensor_const(onnx_call *c, const char *hint, tensor t) {
    ir_val v = symbol_const(c->imp, hint && hint[0] ? hint : content_name(c, &t), t);
    if (v != IR_NONE) ir_op_add_loc(c->arena, ir_last_op(c->f), c->label);
    return v;
}

static ir_val initializer_value(onnx_importer *imp, const onnx_scope *s, const char *name) {
    const onnx_tensor *t = &s->graph->initializers[map_get(s->graph->initializer_index, name)];
    if (!t->problem) return symbol_const(imp, name, t->value);
    diag_emit(imp->diags, DIAG_ID_onnx_tensor, DIAG_FILE(imp->model->info.path),
              "initializer '%s' cannot be used: %s", name, t->problem);
    imp->failed = true;
    return ONNX_POISON;
}

// ---- nodes
// ---------------------------------------------------------------------------------------

static int64_t opset_of(const onnx_importer *imp, const onnx_scope *s, const char *domain) {
    const onnx_scope *at = s;
    while (at && !at->function) at = at->parent;
    if (at) // a function has imports of its own
        for (size_t i = 0; i < at->function->n_opsets; i++)
            if (!strcmp(at->function->opsets[i].domain, domain))
                return at->function->opsets[i].version;
    int64_t v = onnx_opset(imp->model, domain);
    return v ? v : 1;
}

static const char *label_of(onnx_importer *imp, const onnx_scope *s, const onnx_node *n) {
    const char *first = "";
    for (size_t i = 0; i < n->n_out && !first[0]; i++) first = n->out[i];
    const char *name = n->name[0] ? n->name : arena_printf(imp->m->arena, "%s_%s", n->op, first);
    const char *between = name[0] == '/' ? "" : "/";
    return s->prefix[0] ? arena_printf(imp->m->arena, "%s%s%s", s->prefix, between, name) : name;
}

static void report(onnx_importer *imp, const onnx_node *n, const char *label, int64_t opset,
                   const char *why) {
    imp->failed = true;
    const char *where = arena_printf(imp->arena, "node '%s'", label);
    diag_emit(imp->diags, DIAG_ID_onnx_unsupported, DIAG_AT(imp->model->info.path, where),
              "operator %s (%s %lld): %s", n->op, n->domain[0] ? n->domain : "ai.onnx",
              (long long)opset, why);
}

static void report_graph(onnx_importer *imp, const char *label, const char *what,
                         const char *name) {
    imp->failed = true;
    const char *where = arena_printf(imp->arena, "node '%s'", label);
    diag_emit(imp->diags, DIAG_ID_onnx_graph, DIAG_AT(imp->model->info.path, where), "%s '%s'",
              what, name);
}

static void define(onnx_importer *imp, const onnx_scope *s, const char *label, const char *name,
                   ir_val v) {
    if (!name[0]) return;
    if (map_get(s->values, name) != MAP_NONE)
        report_graph(imp, label, "a second definition of value", name);
    else
        map_add(s->values, name, v);
}

static const char *function_key(onnx_importer *imp, const char *domain, const char *name,
                                const char *overload) {
    return arena_printf(imp->arena, "%zu %zu %s%s%s", strlen(domain), strlen(name), domain, name,
                        overload);
}

// The first of that name.
static const onnx_function *find_function(onnx_importer *imp, const onnx_node *n) {
    const onnx_model *m = imp->model;
    if (!m->n_functions) return NULL;
    if (!imp->functions) {
        imp->functions = map_new();
        for (size_t i = 0; i < m->n_functions; i++) {
            const onnx_function *f = &m->functions[i];
            map_add(imp->functions, function_key(imp, f->domain, f->name, f->overload),
                    (uint32_t)i);
        }
    }
    uint32_t i = map_get(imp->functions, function_key(imp, n->domain, n->op, n->overload));
    return i == MAP_NONE ? NULL : &m->functions[i];
}

static void import_nodes(onnx_importer *imp, const onnx_scope *s, const onnx_node *nodes, size_t n);

static void poison_outputs(onnx_importer *imp, const onnx_scope *s, const onnx_node *n,
                           const char *label) {
    for (size_t i = 0; i < n->n_out; i++) define(imp, s, label, n->out[i], ONNX_POISON);
}

static void import_call(onnx_importer *imp, const onnx_scope *s, const onnx_node *n,
                        const onnx_function *fn, const char *label, const ir_val *in) {
    if (s->depth >= MAX_CALL_DEPTH) {
        report(imp, n, label, opset_of(imp, s, n->domain), "functions call each other too deeply");
        poison_outputs(imp, s, n, label);
        return;
    }
    if (n->n_in > fn->n_in || n->n_out > fn->n_out) {
        report(imp, n, label, opset_of(imp, s, n->domain),
               "the call has more inputs or outputs than the function");
        poison_outputs(imp, s, n, label);
        return;
    }
    onnx_scope inner = {.values = map_new(),
                        .function = fn,
                        .call = n,
                        .call_scope = s,
                        .prefix = label,
                        .depth = s->depth + 1};
    for (size_t i = 0; i < fn->n_in; i++)
        if (fn->in[i][0]) map_set(inner.values, fn->in[i], i < n->n_in ? in[i] : IR_NONE);
    import_nodes(imp, &inner, fn->nodes, fn->n_nodes);
    for (size_t i = 0; i < n->n_out; i++) {
        ir_val v = lookup(imp, &inner, fn->out[i]);
        if (v == MAP_NONE && imp->is_spent) v = ONNX_POISON;
        if (v == MAP_NONE && n->out[i][0]) {
            report_graph(imp, label, "the function does not define its output", fn->out[i]);
            v = ONNX_POISON;
        }
        define(imp, s, label, n->out[i], v);
    }
    map_free(inner.values);
}

static void import_op(onnx_importer *imp, const onnx_scope *s, const onnx_node *n,
                      const op_entry *op, int64_t opset, const char *label, const ir_val *in) {
    onnx_call c = {.imp = imp,
                   .m = imp->m,
                   .f = imp->f,
                   .arena = imp->m->arena,
                   .node = n,
                   .scope = s,
                   .label = label,
                   .opset = opset,
                   .since = op->row.since,
                   .arg = op->arg,
                   .in = in,
                   .n_in = n->n_in,
                   .n_out = n->n_out,
                   .out = ARENA_ARRAY(imp->arena, ir_val, n->n_out + 1)};
    bool ok = onnx_take(&c, BUDGET_operations, n->n_in + n->n_out) && op->function(&c) && !c.why;
    for (size_t i = 0; ok && i < n->n_out; i++)
        if (n->out[i][0] && c.out[i] == IR_NONE)
            ok = onnx_missing(&c, "output %zu ('%s') is not supported", i, n->out[i]);
    if (!ok) {
        report(imp, n, label, opset, c.why ? c.why : "it cannot be imported");
        poison_outputs(imp, s, n, label);
        return;
    }
    for (size_t i = 0; i < n->n_out; i++) define(imp, s, label, n->out[i], c.out[i]);
}

// The budget ended where no operator function looks: said at the node at hand, once.
static void report_spent(onnx_importer *imp, const onnx_scope *s, const onnx_node *n) {
    char text[BUDGET_TEXT];
    report(imp, n, label_of(imp, s, n), opset_of(imp, s, n->domain),
           budget_spent(&imp->budget, imp->spent, text));
}

static void import_node(onnx_importer *imp, const onnx_scope *s, const onnx_node *n) {
    if (n->n_out == 0) return; // nothing can depend on it
    if (!onnx_spend(imp, BUDGET_operations, 1)) {
        report_spent(imp, s, n);
        return;
    }
    const char *label = label_of(imp, s, n);
    if (!onnx_spend(imp, BUDGET_text, strlen(label))) {
        report_spent(imp, s, n);
        return;
    }
    int64_t opset = opset_of(imp, s, n->domain);
    ir_val *in = ARENA_ARRAY(imp->arena, ir_val, n->n_in + 1);
    bool poisoned = false, known;
    for (size_t i = 0; i < n->n_in; i++) {
        in[i] = n->in[i][0] ? lookup(imp, s, n->in[i]) : IR_NONE;
        if (in[i] == MAP_NONE) {
            report_graph(imp, label, "undefined input", n->in[i]);
            in[i] = ONNX_POISON;
        }
        poisoned = poisoned || in[i] == ONNX_POISON;
    }
    const onnx_function *fn = find_function(imp, n);
    const op_entry *op = find_op(n->domain, n->op, opset, &known);
    if (op && !strcmp(n->domain, OWN_DOMAIN)) fn = NULL;
    if (!fn && !op)
        report(imp, n, label, opset,
               known ? "this old version is not supported" : "the operator is not supported");
    if (poisoned || (!fn && !op))
        poison_outputs(imp, s, n, label);
    else if (fn)
        import_call(imp, s, n, fn, label, in);
    else
        import_op(imp, s, n, op, opset, label, in);
}

static void import_nodes(onnx_importer *imp, const onnx_scope *s, const onnx_node *nodes,
                         size_t n) {
    for (size_t i = 0; i < n && !imp->is_spent; i++) import_node(imp, s, &nodes[i]);
}

bool onnx_import_graph(onnx_call *c, const onnx_graph *g, const ir_val *in, size_t n_in,
                       ir_val *out, size_t n) {
    onnx_importer *imp = c->imp;
    if (g->n_outputs < n) return onnx_missing(c, "the subgraph has too few outputs");
    if (g->n_inputs < n_in) return onnx_missing(c, "the subgraph has too few inputs");
    if (c->scope->depth >= MAX_CALL_DEPTH) return onnx_missing(c, "subgraphs nest too deep");
    if (!onnx_take(c, BUDGET_operations, 1 + n_in + n)) return false;
    onnx_scope inner = {.parent = c->scope,
                        .graph = g,
                        .values = map_new(),
                        .prefix = c->scope->prefix,
                        .depth = c->scope->depth + 1};
    for (size_t i = 0; i < n_in; i++) map_set(inner.values, g->inputs[i].name, in[i]);
    import_nodes(imp, &inner, g->nodes, g->n_nodes);
    for (size_t i = 0; i < n; i++) {
        out[i] = lookup(imp, &inner, g->outputs[i].name);
        if (out[i] == MAP_NONE && imp->is_spent) out[i] = ONNX_POISON;
        if (out[i] == MAP_NONE) {
            report_graph(imp, c->label, "the subgraph does not define its output",
                         g->outputs[i].name);
            out[i] = ONNX_POISON;
        }
    }
    map_free(inner.values);
    return true;
}

// ---- inputs, outputs
// -----------------------------------------------------------------------------

// A size that the model leaves open is the caller's choice: what grows with it, and with its
// square, is not the file's asking. Up to this many are within every budget.
#define OPEN_SIZE 64

static void widen_budget(onnx_importer *imp, int64_t size) {
    uint64_t times = (uint64_t)ceil_div_i64(min_i64(size, 1 << 24), OPEN_SIZE),
             factor = times * times;
    if (factor <= imp->widened) return;
    static const budget_kind kinds[] = {BUDGET_constants, BUDGET_elements, BUDGET_products};
    budget fresh = budget_of("file", imp->budget.bytes);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        imp->budget.limit[kinds[i]] = fresh.limit[kinds[i]];
        budget_widen(&imp->budget, kinds[i], factor);
    }
    imp->widened = factor;
}

static bool bind_dim(onnx_importer *imp, const onnx_port *p, const onnx_shape_binding *shape,
                     int axis, int64_t *out) {
    const onnx_binding *b = imp->binding;
    const onnx_dim *d = &p->dim[axis];
    if (shape)
        *out = shape->dim[axis];
    else
        *out = d->value;
    for (size_t i = 0; *out < 0 && d->param && i < b->n_dims; i++)
        if (!strcmp(b->dims[i].name, d->param)) *out = b->dims[i].size;
    const char *where = arena_printf(imp->arena, "input '%s'", p->name);
    diag_loc loc = DIAG_AT(imp->model->info.path, where);
    if (*out < 0) {
        diag_emit(imp->diags, DIAG_ID_onnx_binding, loc, "the size of axis %d (%s) is not given",
                  axis, d->param ? d->param : "unnamed");
        return false;
    }
    if (d->value >= 0 && d->value != *out) {
        diag_emit(imp->diags, DIAG_ID_onnx_binding, loc,
                  "axis %d is bound to %lld, but the model fixes it at %lld", axis, (long long)*out,
                  (long long)d->value);
        return false;
    }
    if (d->value < 0) widen_budget(imp, *out);
    return true;
}

static bool port_type(onnx_importer *imp, const onnx_port *p, ir_type *out) {
    const onnx_binding *b = imp->binding;
    const char *where = arena_printf(imp->arena, "input '%s'", p->name);
    diag_loc loc = DIAG_AT(imp->model->info.path, where);
    const onnx_shape_binding *shape = NULL;
    for (size_t i = 0; i < b->n_shapes; i++)
        if (!strcmp(b->shapes[i].input, p->name)) shape = &b->shapes[i];
    if (strcmp(p->kind, "tensor") || !p->has_type) {
        diag_emit(imp->diags, DIAG_ID_onnx_binding, loc, "a %s of %s is not supported", p->kind,
                  onnx_type_name(p->onnx_type));
        return false;
    }
    if (p->rank < 0 && !shape) {
        diag_emit(imp->diags, DIAG_ID_onnx_binding, loc, "the model gives no shape: bind one");
        return false;
    }
    int rank = shape ? shape->rank : p->rank;
    if ((p->rank >= 0 && rank != p->rank) || rank > IR_MAX_RANK) {
        diag_emit(imp->diags, DIAG_ID_onnx_binding, loc, "%d axes are bound, the model has %d",
                  rank, p->rank);
        return false;
    }
    out->type = p->type;
    out->rank = rank;
    for (int i = 0; i < rank; i++) {
        if (p->rank < 0)
            widen_budget(imp, out->dim[i] = shape->dim[i]);
        else if (!bind_dim(imp, p, shape, i, &out->dim[i]))
            return false;
    }
    if (!onnx_size_ok(out)) {
        diag_emit(imp->diags, DIAG_ID_onnx_binding, loc, "it is too large");
        return false;
    }
    char text[BUDGET_TEXT];
    if (onnx_spend(imp, BUDGET_elements, onnx_size(out))) return true;
    diag_emit(imp->diags, DIAG_ID_onnx_binding, loc, "%s",
              budget_spent(&imp->budget, imp->spent, text));
    return false;
}

static ir_val add_input(onnx_importer *imp, const onnx_port *p) {
    const onnx_binding *b = imp->binding;
    for (size_t i = 0; i < b->n_values; i++)
        if (!strcmp(b->values[i].name, p->name)) {
            tensor t = tensor_copy(imp->m->arena, &b->values[i].value);
            return symbol_const(imp, p->name, t);
        }
    ir_type t = {0};
    if (!port_type(imp, p, &t)) {
        imp->failed = true;
        return ONNX_POISON;
    }
    ir_val v = ir_param_add(imp->m, imp->f, arena_str(imp->m->arena, p->name), t);
    ir_attr_set_str(imp->m->arena, &imp->f->params.items[imp->f->params.count - 1].attrs,
                    IR_ATTR_onnx_type, elem_name(t.type));
    onnx_const_note(imp);
    return v;
}

// What an output of a file is; poison where it is none, reported.
static ir_val output_value(onnx_importer *imp, const onnx_scope *s, const char *name) {
    ir_val v = lookup(imp, s, name);
    if (v == MAP_NONE && imp->is_spent) return ONNX_POISON;
    const char *where = arena_printf(imp->arena, "output '%s'", name);
    diag_loc loc = DIAG_AT(imp->model->info.path, where);
    if (v == MAP_NONE || v == IR_NONE) {
        diag_emit(imp->diags, DIAG_ID_onnx_graph, loc, "no node defines it");
    } else if (v != ONNX_POISON && onnx_is_sequence(v)) {
        diag_emit(imp->diags, DIAG_ID_onnx_unsupported, loc, "sequences are not supported");
    } else {
        return v;
    }
    imp->failed = true;
    return ONNX_POISON;
}

static void add_output(onnx_importer *imp, const onnx_scope *s, const onnx_port *p) {
    ir_val v = output_value(imp, s, p->name);
    if (v != ONNX_POISON) ir_result_add(imp->m, imp->f, arena_str(imp->m->arena, p->name), v);
}

// Inputs, and outputs, have names of their own, and are not too many.
static bool check_names(onnx_importer *imp, const char *what, const onnx_port *ports, size_t n) {
    char text[BUDGET_TEXT];
    imp->budget.used[BUDGET_ports] = 0;
    if (!budget_take(&imp->budget, BUDGET_ports, n)) {
        diag_emit(imp->diags, DIAG_ID_onnx_graph, DIAG_FILE(imp->model->info.path), "%zu %s: %s", n,
                  what, budget_spent(&imp->budget, BUDGET_ports, text));
        return imp->failed = true, false;
    }
    map *seen = map_new();
    for (size_t i = 0; i < n; i++) {
        if (map_add(seen, ports[i].name, 0) == MAP_NONE) continue;
        diag_emit(imp->diags, DIAG_ID_onnx_graph, DIAG_FILE(imp->model->info.path),
                  "two %s are called '%s'", what, ports[i].name);
        imp->failed = true;
    }
    map_free(seen);
    return true;
}

static void check_bindings(onnx_importer *imp) {
    const onnx_binding *b = imp->binding;
    for (size_t i = 0; i < b->n_shapes + b->n_values; i++) {
        const char *name = i < b->n_shapes ? b->shapes[i].input : b->values[i - b->n_shapes].name;
        if (onnx_input_named(imp->model, name)) continue;
        diag_emit(imp->diags, DIAG_ID_onnx_binding, DIAG_FILE(imp->model->info.path),
                  "the model has no input '%s'", name);
        imp->failed = true;
    }
}

// ---- files
// ---------------------------------------------------------------------------------------

// The nodes of one file. in: the model's inputs; *link: what the first file gives the others.
static void import_part(onnx_importer *imp, const onnx_model *whole, const onnx_part *part,
                        const ir_val *in, ir_val *link, bool is_last) {
    const onnx_model *file = part->file;
    onnx_scope top = {.graph = &file->graph, .values = map_new(), .prefix = part->prefix};
    imp->model = file;
    for (size_t i = 0; i < file->n_inputs; i++) {
        int from = part->input ? part->input[i] : (int)i;
        map_set(top.values, file->inputs[i].name, from == ONNX_LINKED ? *link : in[from]);
    }
    import_nodes(imp, &top, file->graph.nodes, file->graph.n_nodes);
    for (size_t i = 0; is_last && i < file->graph.n_outputs; i++)
        add_output(imp, &top, &file->graph.outputs[i]);
    if (!is_last) *link = output_value(imp, &top, whole->link);
    map_free(top.values);
    map_free(imp->functions);
    imp->functions = NULL;
    imp->model = whole;
}

bool onnx_import(const onnx_model *model, const onnx_binding *binding, ir_module *m,
                 const char *func_name, diag_sink *diags) {
    static const onnx_binding none = {0};
    onnx_importer imp = {.model = model,
                         .binding = binding ? binding : &none,
                         .m = m,
                         .f = ir_func_add(m, func_name),
                         .diags = diags,
                         .scratch = diag_sink_new(),
                         .arena = arena_new()};
    imp.budget = budget_of("file", onnx_file_bytes(model));
    if (check_names(&imp, "inputs", model->inputs, model->n_inputs) &&
        check_names(&imp, "outputs", model->graph.outputs, model->graph.n_outputs)) {
        check_bindings(&imp);
        ir_val *in = ARENA_ARRAY(imp.arena, ir_val, model->n_inputs + 1), link = IR_NONE;
        for (size_t i = 0; i < model->n_inputs; i++) in[i] = add_input(&imp, &model->inputs[i]);
        const onnx_part alone = {(onnx_model *)model, "", NULL};
        const onnx_part *parts = model->n_parts ? model->parts : &alone;
        const size_t n = model->n_parts ? model->n_parts : 1;
        for (size_t i = 0; i < n; i++) import_part(&imp, model, &parts[i], in, &link, i + 1 == n);
    }
    vec_free(&imp.consts);
    vec_free(&imp.sequences);
    vec_free(&imp.visit);
    vec_free(&imp.visited);
    diag_sink_free(imp.scratch);
    arena_free(imp.arena);
    return !imp.failed;
}
