// How long a sequence do the tables of a model allow? What an operation on constants makes of R
// rows is n1 rows in the one function and n2 in the other. Where a table is looked up, the index is
// evaluated: one that reaches n - 1 + c for n tokens leaves R - c of them.
#include "ir/eval/interp.h"
#include "passes/tokens/bind/bind.h"
#include <string.h>

enum { FEW = 1 << 16 }; // elements of an index and of what it is computed from

// ---- where an index ends ---------------------------------------------------------------------

typedef struct {
    const ir_module *m;
    const ir_func *f;
    arena *a;
    tensor *value; // by value; data NULL: not known
    bool *tried;
} reach;

// An input of integers as it may be at run time: positions count up, ids and masks have one value.
static void param_value(reach *r, const ir_port *p, int64_t id) {
    const ir_type *t = ir_type_of(r->f, p->value);
    const char *role = ir_attr_str(&p->attrs, IR_ATTR_role, "");
    if (!elem_is_int(t->type) || ir_type_width(t) > FEW) return;
    tensor x = tensor_new(r->a, t->type, t->rank, t->dim);
    int64_t last = t->rank ? t->dim[t->rank - 1] : 1;
    for (size_t k = 0, n = tensor_count(&x); k < n; k++)
        elem_store_f64(x.type, x.data, k,
                       strcmp(role, "positions") == 0 ? (double)((int64_t)k % max_i64(last, 1))
                       : strcmp(role, "mask") == 0    ? 1
                                                      : (double)id);
    r->value[p->value] = x;
}

static bool is_few(const ir_type *t) {
    int64_t n = ir_type_width(t);
    return ir_type_domain(t) < 0 && n >= 0 && n <= FEW;
}

// Evaluates v, small integers all the way; false: it cannot be.
static bool evaluate(reach *r, ir_val v, int depth) {
    if (v == IR_NONE || r->value[v].data) return v != IR_NONE;
    const ir_op *op = ir_def(r->f, v);
    const tensor *in[8];
    if (r->tried[v] || depth > 200 || !op || op->n_results != 1 || op->n_operands > ARRAY_LEN(in) ||
        !is_few(ir_type_of(r->f, v)))
        return false;
    r->tried[v] = true;
    if (op->code == IR_t_const) {
        const tensor *t = ir_const_of(r->m, r->f, v);
        if (t) r->value[v] = *t;
        return t != NULL;
    }
    for (uint32_t k = 0; k < op->n_operands; k++) {
        if (op->operand[k] != IR_NONE && !evaluate(r, op->operand[k], depth + 1)) return false;
        in[k] = op->operand[k] == IR_NONE ? NULL : &r->value[op->operand[k]];
    }
    const ir_type *t = ir_type_of(r->f, v);
    tensor made = tensor_new(r->a, t->type, t->rank, t->dim);
    ir_eval_ctx c = {.module = r->m, .func = r->f, .arena = r->a, .threads = 1};
    if (!ir_eval_op(&c, op, in, &made)) return false;
    r->value[v] = made;
    return true;
}

// The largest number of an index; -1: it is not known.
static int64_t last_of(const ir_module *m, const ir_func *f, ir_val index) {
    int64_t most = -1;
    for (int64_t id = 5; id < 7; id++) { // one of them stands for a token
        arena *a = arena_new();
        reach r = {m, f, a, ARENA_ARRAY(a, tensor, f->values.count + 1),
                   ARENA_ARRAY(a, bool, f->values.count + 1)};
        for (size_t i = 0; i < f->params.count; i++) param_value(&r, &f->params.items[i], id);
        const bool known = evaluate(&r, index, 0) && elem_is_int(r.value[index].type);
        for (size_t k = 0, n = known ? tensor_count(&r.value[index]) : 0; k < n; k++)
            most = max_i64(most, elem_load_i64(r.value[index].type, r.value[index].data, k));
        arena_free(a);
    }
    return most;
}

// ---- tables ----------------------------------------------------------------------------------

static void lower(bind_limit *l, int64_t rows, const ir_op *op) {
    if (rows >= l->rows) return;
    *l = (bind_limit){rows, op->n_locs ? op->loc[0] : ir_ops[op->code].name};
}

static bool same_type(const ir_type *a, const ir_type *b) {
    return a->rank == b->rank && memcmp(a->dim, b->dim, (size_t)a->rank * sizeof a->dim[0]) == 0;
}

// The operand of a gather that is looked up; the index is the other.
static int table_of(const ir_op *op) { return op->code == IR_nn_embed; }

static bool is_gather(const ir_op *op) {
    return op->code == IR_t_gather || op->code == IR_nn_embed || op->code == IR_t_gather_elements ||
           op->code == IR_t_gather_nd;
}

static void gather_limit(bind_limit *l, const ir_module *m, const ir_func *f, const ir_func *g,
                         const ir_op *op, const ir_op *other, int64_t more) {
    const int table = table_of(op);
    const ir_type *in = ir_type_of(f, op->operand[table]);
    const int64_t axis = ir_attr_int(&op->attrs, IR_ATTR_axis, 0);
    if (axis < 0 || axis >= in->rank || !same_type(in, ir_type_of(g, other->operand[table])))
        return;
    const int64_t last = last_of(m, f, op->operand[!table]),
                  last2 = last < 0 ? -1 : last_of(m, g, other->operand[!table]);
    if (last < 0 || last2 - last != more) return;
    const ir_type *at = ir_type_of(f, op->operand[!table]);
    int64_t n = 0; // of tokens, as the index has them
    for (int k = 0; k < at->rank; k++) n = max_i64(n, at->dim[k]);
    lower(l, in->dim[axis] - max_i64(0, last - (n - 1)), op);
}

static void slice_limit(bind_limit *l, const ir_func *f, const ir_func *g, const ir_op *op,
                        const ir_op *other, int64_t n1, int64_t n2) {
    const ir_type *in = ir_type_of(f, op->operand[0]), *in2 = ir_type_of(g, other->operand[0]);
    const ir_type *out = ir_type_of(f, op->result[0]), *out2 = ir_type_of(g, other->result[0]);
    size_t n;
    const int64_t *from = ir_attr_ints(&op->attrs, IR_ATTR_starts, &n);
    for (int k = 0; k < in->rank && k < (int)n; k++)
        if (in->dim[k] == in2->dim[k] && in->dim[k] >= n2 && out->dim[k] == n1 &&
            out2->dim[k] == n2)
            lower(l, in->dim[k] - max_i64(0, from[k]), op);
}

bind_limit bind_table_limit(const ir_module *m, const ir_func *f, const ir_func *g, int64_t n1,
                            int64_t n2) {
    bind_limit l = {INT64_MAX, NULL};
    arena *a = arena_new();
    bool *moving = ARENA_ARRAY(a, bool, f->values.count + 1); // depends on an input
    for (size_t i = 0; i < f->params.count; i++) moving[f->params.items[i].value] = true;
    for (size_t i = 0; i < f->ops.count && i < g->ops.count; i++) {
        const ir_op *op = &f->ops.items[i], *other = &g->ops.items[i];
        for (uint32_t k = 0; k < op->n_operands; k++)
            for (uint32_t r = 0; r < op->n_results; r++)
                moving[op->result[r]] |= moving[op->operand[k]];
        if (other->code != op->code) continue;
        if (is_gather(op) && !moving[op->operand[table_of(op)]])
            gather_limit(&l, m, f, g, op, other, n2 - n1);
        else if (op->code == IR_t_slice && !moving[op->operand[0]])
            slice_limit(&l, f, g, op, other, n1, n2);
    }
    arena_free(a);
    return l;
}
