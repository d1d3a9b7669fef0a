// fold-constants: evaluates, by the interpreter's own functions, what depends on constants only.
//
// What stays: transposes of big weights (a copy that canonicalize saves), and dequantised matrices
// (pre-quantised models keep their codes). The choice never depends on sizes that a probe binds, so
// every probe function of a module folds alike: a weight is a constant that all of them have. One
// exception: a mask of very many tokens (large.h), which rules take for a constant all the same
// (emit_is_constant) and of which find-tokens evaluates rows.
#include "ir/eval/interp.h"
#include "passes/graph/fold.h"
#include "passes/large.h"
#include "passes/pass.h"
#include <string.h>

#define BIG_WEIGHT (1u << 20) // bytes

static bool has_type(const ir_func *f, const ir_type *t) {
    for (size_t i = 1; i < f->values.count; i++)
        if (ir_type_equal(&f->values.items[i].type, t)) return true;
    return false;
}

static bool has_softmax(const ir_func *f) {
    for (size_t i = 0; i < f->ops.count; i++)
        if (f->ops.items[i].code == IR_t_softmax || f->ops.items[i].code == IR_nn_attention)
            return true;
    return false;
}

// It grows with the square of the tokens. What another probe has too counts no tokens, however
// large.
// Attention without softmax (gain cells, hard sigmoids) is recognised by every entry of its
// constants.
static bool is_too_large(const emitter *e, const ir_op *op) {
    const ir_module *old = e->r.old, *m = e->r.m;
    const ir_type *t = emit_type(e, op->result[0]);
    const int64_t tokens = ir_attr_int(&e->r.of->attrs, IR_ATTR_tokens, 0);
    return e->r.of != old->funcs.items[0] &&
           large_is(e->r.f, op, 0, large_most(LARGE_TOKENS, tokens)) &&
           !has_type(old->funcs.items[0], t) && !has_type(m->funcs.items[0], t) &&
           has_softmax(e->r.of);
}

static bool may_fold(emitter *e, const ir_op *op) {
    if (op->n_operands == 0 || is_too_large(e, op)) return false;
    const tensor *first = emit_const_of(e, op->operand[0]);
    switch (op->code) {
    case IR_t_transpose:
        return !(first && tensor_bytes(first) > BIG_WEIGHT && emit_is_shared(e, op->operand[0]));
    case IR_t_dequantize: return !(first && first->rank >= 2);
    case IR_nn_quant: return false;
    default:
        return strcmp(ir_ops[op->code].unit, "t") == 0 || strcmp(ir_ops[op->code].unit, "nn") == 0;
    }
}

// Part of the operand's data that a view stands for; NULL: not one piece.
static void *piece_of(const ir_op *op, const tensor *x, const ir_type *t) {
    if (op->code == IR_t_reshape) return x->data;
    if (op->code != IR_t_slice) return NULL;
    size_t n;
    const int64_t *starts = ir_attr_ints(&op->attrs, IR_ATTR_starts, &n);
    const int64_t *steps = ir_attr_ints(&op->attrs, IR_ATTR_steps, &n);
    int64_t at = 0;
    bool cut = false; // an outer axis with more than one index was met: inner ones must be whole
    for (int i = 0; i < t->rank; i++) {
        bool whole = t->dim[i] == x->dim[i];
        if ((cut && !whole) || (t->dim[i] > 1 && steps[i] != 1)) return NULL;
        cut |= t->dim[i] > 1;
        at = at * x->dim[i] + starts[i];
    }
    return (uint8_t *)x->data + (size_t)at * elem_bytes(x->type);
}

static bool evaluate(emitter *e, const ir_op *op, arena *a, tensor *out) {
    const tensor **in = ARENA_ARRAY(e->r.scratch, const tensor *, op->n_operands + 1);
    for (uint32_t i = 0; i < op->n_operands; i++) in[i] = emit_const_of(e, op->operand[i]);
    for (uint32_t i = 0; i < op->n_results; i++) {
        const ir_type *t = emit_type(e, op->result[i]);
        out[i] = (tensor){.type = t->type, .rank = t->rank};
        memcpy(out[i].dim, t->dim, sizeof out[i].dim);
    }
    const ir_type type = *emit_type(e, op->result[0]);
    if (op->n_results == 1 && in[0] && tensor_count(in[0]) > 0 && tensor_count(&out[0]) > 0) {
        out[0].data = piece_of(op, in[0], &type);
        if (out[0].data) return true;
    }
    for (uint32_t i = 0; i < op->n_results; i++)
        out[i] = tensor_new(a, out[i].type, out[i].rank, out[i].dim);
    diag_sink *quiet = diag_sink_new(); // a failure here is one at run time, and reported there
    ir_eval_ctx c = {.module = e->r.m, .func = e->r.f, .arena = a, .diags = quiet};
    bool ok = ir_eval_op(&c, op, in, out) && diag_errors(quiet) == 0;
    diag_sink_free(quiet);
    return ok;
}

ir_val fold_value(emitter *e, ir_val v, arena *a) {
    const ir_op op = emit_def(e, v);
    return op.code != IR_OP_COUNT && may_fold(e, &op) ? fold_anyway(e, v, a) : v;
}

ir_val fold_anyway(emitter *e, ir_val v, arena *a) {
    const ir_op op = emit_def(e, v);
    if (op.n_operands == 0 || op.n_results != 1) return v;
    for (uint32_t i = 0; i < op.n_operands; i++) {
        if (op.operand[i] != IR_NONE && !emit_const_of(e, op.operand[i])) return v;
    }
    tensor out;
    return evaluate(e, &op, a, &out) ? emit_const(e, "folded", out) : v;
}

// ---- the pass --------------------------------------------------------------------------------

// Operations with several results (dynquant, topk) on constants.
static bool fold_several(emitter *e, const ir_op *old, arena *a) {
    if (old->n_results < 2) return false;
    for (uint32_t i = 0; i < old->n_operands; i++) {
        if (!emit_const_of(e, e->r.map[old->operand[i]])) return false;
    }
    emit_copy(e, old);
    const ir_op op = emit_def(e, e->r.map[old->result[0]]);
    tensor out[8];
    if (!evaluate(e, &op, a, out)) return true;
    for (uint32_t i = 0; i < op.n_results; i++)
        e->r.map[old->result[i]] = emit_const(e, "folded", out[i]);
    return true;
}

static ir_val simplify(emitter *e, ir_val v) { return fold_value(e, v, e->ctx); }

// A reshaped weight has the weight's bytes.
static bool is_alias(const ir_module *m, size_t n_symbols, const tensor *t) {
    if (tensor_bytes(t) <= BIG_WEIGHT) return false;
    for (size_t i = 0; i < n_symbols; i++) {
        const tensor *s = &m->symbols.items[i]->data;
        const uint8_t *from = s->data, *p = t->data;
        if (from && p >= from && p + tensor_bytes(t) <= from + tensor_bytes(s)) return true;
    }
    return false;
}

// Constants that stay move from the pass's memory into the module's; the rest goes with it.
static void keep_constants(ir_module *m, const ir_func *f, size_t first_symbol) {
    for (size_t i = 0; i < f->ops.count; i++) {
        if (f->ops.items[i].code != IR_t_const) continue;
        const char *name = ir_attr_str(&f->ops.items[i].attrs, IR_ATTR_value, "");
        uint32_t at = map_get(m->symbol_index, name);
        if (at == MAP_NONE || at < first_symbol) continue;
        ir_symbol *s = m->symbols.items[at];
        if (!is_alias(m, first_symbol, &s->data)) s->data = tensor_copy(m->arena, &s->data);
    }
}

static bool fold_func(void *ctx, const ir_module *old, size_t i, ir_module *m, diag_sink *diags) {
    const ir_func *f = old->funcs.items[i];
    arena *a = arena_new();
    size_t first_symbol = m->symbols.count;
    emitter e = emit_begin(old, f, m, simplify, a, diags);
    for (size_t k = 0; k < f->ops.count; k++)
        if (!fold_several(&e, &f->ops.items[k], a)) emit_copy(&e, &f->ops.items[k]);
    bool ok = emit_end(&e);
    keep_constants(m, m->funcs.items[m->funcs.count - 1], first_symbol);
    arena_free(a); // with the data of symbols that are swept
    return ok;
}

ir_module *pass_fold_constants(const ir_module *old, const pass_options *o, diag_sink *diags) {
    return emit_functions(old, fold_func, NULL, diags);
}
