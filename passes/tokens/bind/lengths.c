// At which lengths can a model compute something else? Exports compare their length with numbers:
// the comparisons that no input's values decide are followed, each as two numbers that grow with
// the length in a straight line.
#include "ir/eval/interp.h"
#include "passes/tokens/bind/bind.h"
#include <string.h>

enum { FEW = 64 }; // elements: sizes and what is computed of them

static bool is_few(const ir_func *f, ir_val v) {
    int64_t n = ir_type_width(ir_type_of(f, v));
    return v != IR_NONE && ir_type_domain(ir_type_of(f, v)) < 0 && n >= 0 && n <= FEW;
}

// Values of a function that follow from constants and have few elements; data NULL: others.
static tensor *few_values(const ir_module *m, const ir_func *f, arena *a) {
    tensor *value = ARENA_ARRAY(a, tensor, f->values.count + 1);
    ir_eval_ctx c = {.module = m, .func = f, .arena = a, .threads = 1};
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        const tensor *in[8], *constant = NULL;
        if (op->n_results != 1 || op->n_operands > ARRAY_LEN(in) || !is_few(f, op->result[0]))
            continue;
        tensor *out = &value[op->result[0]];
        if (op->code == IR_t_const) {
            constant = ir_const_of(m, f, op->result[0]);
            if (constant) *out = *constant;
            continue;
        }
        bool known = op->n_operands > 0;
        for (uint32_t k = 0; known && k < op->n_operands; k++) {
            in[k] = op->operand[k] == IR_NONE ? NULL : &value[op->operand[k]];
            known = !in[k] || in[k]->data;
        }
        if (!known) continue;
        const ir_type *t = ir_type_of(f, op->result[0]);
        tensor made = tensor_new(a, t->type, t->rank, t->dim);
        if (ir_eval_op(&c, op, in, &made)) *out = made;
    }
    return value;
}

// A comparison of two numbers.
typedef struct {
    ir_opcode code;
    const char *node;
    double left, right;
} comparison;
typedef VEC(comparison) comparisons;

static bool number(const tensor *t, double *x) {
    if (!t->data || tensor_count(t) != 1) return false;
    *x = elem_load_f64(t->type, t->data, 0);
    return true;
}

static comparisons compared(const ir_module *m, const ir_func *f, arena *a) {
    const tensor *value = few_values(m, f, a);
    comparisons list = {0};
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        comparison x = {.code = op->code, .node = op->n_locs ? op->loc[0] : ir_ops[op->code].name};
        const bool is = op->code == IR_t_lt || op->code == IR_t_le || op->code == IR_t_gt ||
                        op->code == IR_t_ge || op->code == IR_t_eq;
        if (is && number(&value[op->operand[0]], &x.left) &&
            number(&value[op->operand[1]], &x.right))
            vec_push(&list, x);
    }
    return list;
}

static bool holds(ir_opcode code, double left, double right) {
    switch (code) {
    case IR_t_lt: return left < right;
    case IR_t_le: return left <= right;
    case IR_t_gt: return left > right;
    case IR_t_ge: return left >= right;
    default: return left == right;
    }
}

static bool result_of(const comparison *x) { return holds(x->code, x->left, x->right); }

// The first of the same node in the other list; NULL: it is not made there.
static const comparison *same(const comparisons *l, const comparison *x) {
    for (size_t i = 0; i < l->count; i++)
        if (l->items[i].code == x->code && strcmp(l->items[i].node, x->node) == 0)
            return &l->items[i];
    return NULL;
}

const char *bind_turned(const ir_module *m, const ir_func *f, const ir_func *g) {
    arena *a = arena_new();
    comparisons x = compared(m, f, a), y = compared(m, g, a);
    const char *node = NULL;
    for (size_t i = 0; i < x.count && !node; i++) {
        const comparison *other = same(&y, &x.items[i]);
        if (other && result_of(other) != result_of(&x.items[i])) node = x.items[i].node;
    }
    vec_free(&x);
    vec_free(&y);
    arena_free(a);
    return node;
}

// Does the comparison come out otherwise at n tokens than at n0, with other numbers at n1?
static bool turns(const comparison *at0, int64_t n0, const comparison *at1, int64_t n1, int64_t n) {
    const double t = (double)(n - n0) / (double)(n1 - n0);
    return holds(at0->code, at0->left + t * (at1->left - at0->left),
                 at0->right + t * (at1->right - at0->right)) != result_of(at0);
}

static bool is_listed(const int64_t *list, size_t n, int64_t x) {
    for (size_t i = 0; i < n; i++)
        if (list[i] == x) return true;
    return false;
}

size_t bind_lengths(const ir_module *m, const ir_func *f, const ir_func *g, int64_t *length,
                    size_t n, size_t room) {
    const int64_t n0 = ir_attr_int(&f->attrs, IR_ATTR_tokens, 0),
                  n1 = ir_attr_int(&g->attrs, IR_ATTR_tokens, 0);
    if (n0 >= n1) return n;
    arena *a = arena_new();
    comparisons x = compared(m, f, a), y = compared(m, g, a);
    for (size_t i = 0; i < x.count && n < room; i++) {
        const comparison *at0 = &x.items[i], *at1 = same(&y, at0);
        if (!at1 || result_of(at0) != result_of(at1)) continue;
        if (at0->left == at1->left && at0->right == at1->right) continue;
        int64_t most = 0; // the longest that turns it
        bool seen = false;
        for (int64_t k = 1; k < n1 && !seen; k++) {
            if (!turns(at0, n0, at1, n1, k)) continue;
            most = k;
            seen = is_listed(length, n, k);
        }
        if (most && !seen) length[n++] = most;
    }
    vec_free(&x);
    vec_free(&y);
    arena_free(a);
    return n;
}
