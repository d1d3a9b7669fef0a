// What is the value of something computed from constants alone? Lazily, at most once each, and only
// for small tensors: shape arithmetic, axes, masks' bounds. Operations are evaluated by the
// interpreter's kernels.
#include "frontend/importer.h"
#include "ir/eval/interp.h"

#define MAX_CONST_ELEMENTS \
    (1u << 20) // of each tensor evaluated; all together: BUDGET_constants, when they are built

void onnx_const_note(onnx_importer *imp) {
    const ir_func *f = imp->f;
    size_t from = imp->consts.count;
    if (f->values.count <= from) return;
    onnx_spend(imp, BUDGET_operations, 1);
    vec_reserve(&imp->consts, f->values.count);
    for (size_t v = from; v < f->values.count; v++) {
        const ir_op *op = v ? ir_def(f, (ir_val)v) : NULL;
        bool constant = op != NULL;
        for (uint32_t i = 0; op && i < op->n_operands; i++)
            if (op->operand[i] != IR_NONE)
                constant = constant && imp->consts.items[op->operand[i]].from_constants;
        imp->consts.items[v] = (onnx_const_entry){.from_constants = constant};
        imp->consts.count = v + 1;
    }
}

static bool small(const ir_func *f, const ir_op *op) {
    for (uint32_t i = 0; i < op->n_results; i++) {
        const ir_type *t = ir_type_of(f, op->result[i]);
        size_t n;
        if (!tensor_checked_count(t->dim, t->rank, MAX_CONST_ELEMENTS, &n)) return false;
    }
    return true;
}

// Evaluates one operation whose operands are all known.
static bool evaluate(onnx_importer *imp, const ir_op *op) {
    ir_func *f = imp->f;
    const tensor *in[64];
    tensor out[4];
    if (op->n_operands > ARRAY_LEN(in) || op->n_results > ARRAY_LEN(out)) return false;
    for (uint32_t i = 0; i < op->n_operands; i++)
        in[i] = op->operand[i] == IR_NONE ? NULL : imp->consts.items[op->operand[i]].value;
    for (uint32_t i = 0; i < op->n_results; i++) {
        const ir_type *t = ir_type_of(f, op->result[i]);
        out[i] = tensor_new(imp->arena, t->type, t->rank, t->dim);
    }
    ir_eval_ctx ctx = {
        .module = imp->m, .func = f, .arena = imp->arena, .threads = 1, .diags = imp->scratch};
    if (!ir_eval_op(&ctx, op, in, out)) return false;
    for (uint32_t i = 0; i < op->n_results; i++) {
        onnx_const_entry *e = &imp->consts.items[op->result[i]];
        e->value = arena_copy(imp->arena, &out[i], sizeof out[i]);
        e->state = CONST_KNOWN;
    }
    return true;
}

static void settle(onnx_importer *imp, uint32_t at) {
    const ir_op *op = &imp->f->ops.items[at];
    bool ok = !imp->is_spent && small(imp->f, op);
    if (op->code == IR_t_const) { // of any size: nothing is computed
        onnx_const_entry *e = &imp->consts.items[op->result[0]];
        e->value = ir_const_of(imp->m, imp->f, op->result[0]);
        e->state = e->value ? CONST_KNOWN : CONST_FAILED;
        return;
    }
    for (uint32_t i = 0; ok && i < op->n_operands; i++)
        ok = op->operand[i] == IR_NONE || imp->consts.items[op->operand[i]].state == CONST_KNOWN;
    if (ok && evaluate(imp, op)) return;
    for (uint32_t i = 0; i < op->n_results; i++)
        imp->consts.items[op->result[i]].state = CONST_FAILED;
}

// Puts the operation that defines v on the list of those to look at, once.
static void visit(onnx_importer *imp, ir_val v) {
    uint32_t at = imp->f->values.items[v].op;
    if (at == UINT32_MAX || imp->visited.items[at]) return;
    imp->visited.items[at] = true;
    vec_push(&imp->visit, at);
}

static void visit_begin(onnx_importer *imp) {
    vec_reserve(&imp->visited, imp->f->ops.count);
    while (imp->visited.count < imp->f->ops.count) vec_push(&imp->visited, false);
}

static void visit_end(onnx_importer *imp) {
    for (size_t i = 0; i < imp->visit.count; i++) imp->visited.items[imp->visit.items[i]] = false;
    vec_clear(&imp->visit);
}

static int ascending(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

const tensor *onnx_const_value(onnx_importer *imp, ir_val v) {
    if (v == IR_NONE || v >= imp->consts.count || !imp->consts.items[v].from_constants) return NULL;
    if (imp->consts.items[v].state != CONST_UNKNOWN) return imp->consts.items[v].value;
    // Operations needed and not yet known; program order is an order of evaluation.
    visit_begin(imp);
    visit(imp, v);
    for (size_t next = 0; next < imp->visit.count; next++) {
        const ir_op *op = &imp->f->ops.items[imp->visit.items[next]];
        for (uint32_t i = 0; i < op->n_operands; i++) {
            ir_val o = op->operand[i];
            if (o != IR_NONE && imp->consts.items[o].state == CONST_UNKNOWN) visit(imp, o);
        }
    }
    qsort(imp->visit.items, imp->visit.count, sizeof *imp->visit.items, ascending);
    for (size_t i = 0; i < imp->visit.count; i++) settle(imp, imp->visit.items[i]);
    visit_end(imp);
    return imp->consts.items[v].value;
}

void onnx_const_demand(onnx_importer *imp, ir_val v) {
    if (!imp->binding->demanded || v == IR_NONE || v >= imp->f->values.count) return;
    bool *asked = base_calloc(imp->f->values.count, 1); // parameters
    visit_begin(imp);
    asked[v] = true;
    visit(imp, v);
    for (size_t next = 0; next < imp->visit.count; next++) {
        const ir_op *op = &imp->f->ops.items[imp->visit.items[next]];
        for (uint32_t i = 0; i < op->n_operands; i++) {
            if (op->operand[i] == IR_NONE) continue;
            asked[op->operand[i]] = true;
            visit(imp, op->operand[i]);
        }
    }
    visit_end(imp);
    for (size_t i = 0; i < imp->f->params.count; i++)
        if (asked[imp->f->params.items[i].value])
            map_add(imp->binding->demanded, imp->f->params.items[i].name, 0);
    free(asked);
}

// ---- what operator functions ask
// -----------------------------------------------------------------

const tensor *onnx_const(onnx_call *c, ir_val v) { return onnx_const_value(c->imp, v); }

const tensor *onnx_need(onnx_call *c, ir_val v, const char *what) {
    const tensor *t = v == IR_NONE ? NULL : onnx_const(c, v);
    if (t) return t;
    if (v == IR_NONE) {
        onnx_missing(c, "%s is not given", what);
    } else {
        onnx_const_demand(c->imp, v);
        onnx_missing(c, "%s must be known at compile time, but depends on an input", what);
    }
    return NULL;
}

const int64_t *onnx_need_ints(onnx_call *c, ir_val v, size_t *n, const char *what) {
    *n = 0;
    const tensor *t = onnx_need(c, v, what);
    if (!t) return NULL;
    *n = tensor_count(t);
    if (!onnx_take(c, BUDGET_constants, *n)) return NULL;
    int64_t *out = ARENA_ARRAY(c->imp->arena, int64_t, *n + 1);
    for (size_t i = 0; i < *n; i++) out[i] = elem_load_i64(t->type, t->data, i);
    return out;
}

bool onnx_need_int(onnx_call *c, ir_val v, int64_t *out, const char *what) {
    size_t n;
    const int64_t *p = onnx_need_ints(c, v, &n, what);
    if (!p) return false;
    if (n != 1) return onnx_missing(c, "%s has %zu elements, one is expected", what, n);
    *out = p[0];
    return true;
}

bool onnx_need_float(onnx_call *c, ir_val v, double *out, const char *what) {
    const tensor *t = onnx_need(c, v, what);
    if (!t) return false;
    if (tensor_count(t) != 1)
        return onnx_missing(c, "%s has %zu elements, one is expected", what, tensor_count(t));
    *out = elem_load_f64(t->type, t->data, 0);
    return true;
}

const int64_t *onnx_ints_of(onnx_call *c, const char *name, size_t i, size_t *n, bool *ok) {
    const char *why = c->why;
    const int64_t *v = onnx_attr_is(c, name, n);
    *ok = c->why == why;
    if (v || !*ok || onnx_in(c, i) == IR_NONE) return v;
    v = onnx_need_ints(c, onnx_in(c, i), n, name);
    *ok = v != NULL;
    return v;
}
