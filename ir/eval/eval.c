// Dispatch by opcode, and what every evaluator needs: diagnostics, views, strides.
#include "ir/eval/eval.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef bool (*eval_fn)(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out);
static const eval_fn evaluators[IR_OP_COUNT] = {
#define OP(unit, name, ...) ir_eval_##unit##_##name,
#include "ir/ops.def"
};

bool ir_eval_op(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    CHECK((unsigned)op->code < IR_OP_COUNT, "opcode %d", (int)op->code);
    return evaluators[op->code](c, op, in, out);
}

bool eval_fail(const ir_eval_ctx *c, const ir_op *op, diag_id id, const char *fmt, ...) {
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    diag_loc loc = {.line = op->line, .where = op->n_locs ? op->loc[0] : NULL};
    diag_emit(c->diags, id, loc, "'%s': %s", ir_ops[op->code].name, text);
    return false;
}

// ---- views -----------------------------------------------------------------------------------

static bool is_aligned(const void *p, elem e) { return (uintptr_t)p % elem_bytes(e) == 0; }

eval_view eval_view_as(const tensor *t, elem type) {
    if (t->type == type && is_aligned(t->data, type)) return (eval_view){.data = t->data};
    size_t n = tensor_count(t);
    void *p = base_alloc(n * elem_bytes(type) + 1);
    elem_convert(type, p, t->type, t->data, n);
    return (eval_view){.data = p, .owned = p};
}

void eval_view_free(eval_view *v) {
    free(v->owned);
    *v = (eval_view){0};
}

const void *eval_load(const tensor *t, size_t at, size_t count, elem type, void *buffer) {
    const char *p = (const char *)t->data + at * elem_bytes(t->type);
    if (t->type == type && is_aligned(p, type)) return p;
    elem_convert(type, buffer, t->type, p, count);
    return buffer;
}

const float *eval_floats(const tensor *t, size_t at) {
    const float *p = t->data;
    return t->type == ELEM_f32 && is_aligned(p, ELEM_f32) ? p + at : NULL;
}

void eval_store(tensor *t, size_t at, size_t count, elem type, const void *data) {
    char *p = (char *)t->data + at * elem_bytes(t->type);
    if (p != data) elem_convert(t->type, p, type, data, count);
}

elem eval_wide(elem e) {
    switch (e) {
    case ELEM_f32:
    case ELEM_f16:
    case ELEM_bf16: return ELEM_f32;
    case ELEM_f64: return ELEM_f64;
    default: return ELEM_i64;
    }
}

// ---- shapes ----------------------------------------------------------------------------------

void eval_strides(int64_t stride[IR_MAX_RANK], const tensor *t) {
    int64_t s = 1;
    for (int i = t->rank - 1; i >= 0; i--) {
        stride[i] = s;
        s *= t->dim[i];
    }
}

eval_axis eval_axis_of(const tensor *t, int axis) {
    eval_axis a = {1, (size_t)t->dim[axis], 1};
    for (int i = 0; i < axis; i++) a.outer *= (size_t)t->dim[i];
    for (int i = axis + 1; i < t->rank; i++) a.inner *= (size_t)t->dim[i];
    return a;
}

bool eval_axis_attr(const ir_eval_ctx *c, const ir_op *op, int rank, int otherwise, int *axis) {
    int64_t a = ir_attr_int(&op->attrs, IR_ATTR_axis, otherwise);
    if (a < 0 || a >= rank)
        return eval_fail(c, op, DIAG_ID_eval_operand, "axis %lld of a value of rank %d",
                         (long long)a, rank);
    *axis = (int)a;
    return true;
}

bool eval_word(const ir_eval_ctx *c, const ir_op *op, ir_key key, ir_enum e, int otherwise,
               int *word) {
    *word = ir_attr_word(&op->attrs, key, e, otherwise);
    return *word >= 0 ||
           eval_fail(c, op, DIAG_ID_eval_operand, "'%s' is \"%s\", must be one of: %s",
                     ir_key_name(key), ir_attr_str(&op->attrs, key, ""), ir_words(e));
}

const int64_t *eval_ints_attr(const ir_eval_ctx *c, const ir_op *op, ir_key key, size_t n) {
    size_t count;
    const int64_t *list = ir_attr_ints(&op->attrs, key, &count);
    if (count == n) {
        static const int64_t none[1] = {0};
        return list ? list : none;
    }
    eval_fail(c, op, DIAG_ID_eval_operand, "attribute '%s' has %zu entries, expected %zu",
              ir_key_name(key), count, n);
    return NULL;
}

const tensor *eval_table(const ir_eval_ctx *c, const ir_op *op, const char *name) {
    const ir_symbol *s = name ? ir_symbol_find(c->module, name) : NULL;
    if (s && s->kind == IR_SYM_TENSOR) return &s->data;
    eval_fail(c, op, DIAG_ID_eval_operand, "there is no tensor '@%s'", name ? name : "");
    return NULL;
}

int eval_domain_of_operand(const ir_eval_ctx *c, const ir_op *op, uint32_t i) {
    if (!c->func || i >= op->n_operands || op->operand[i] == IR_NONE) return -1;
    return ir_type_domain(ir_type_of(c->func, op->operand[i]));
}

int eval_domain_of_result(const ir_eval_ctx *c, const ir_op *op, uint32_t i) {
    if (!c->func || i >= op->n_results) return -1;
    return ir_type_domain(ir_type_of(c->func, op->result[i]));
}

bool eval_is_constant(const ir_eval_ctx *c, const ir_op *op, uint32_t i) {
    const ir_op *def = c->func ? ir_def(c->func, op->operand[i]) : NULL;
    return def && def->code == IR_t_const;
}

int64_t eval_pos(const ir_eval_ctx *c, int domain) {
    return domain < 0 || domain >= IR_MAX_DOMAINS ? 0 : c->pos[domain];
}
