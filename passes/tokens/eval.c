// What is the value of this part of a probe function? Evaluates only the operations that it needs,
// with the interpreter's evaluators.
#include "ir/eval/interp.h"
#include "passes/tokens/find_tokens.h"
#include <string.h>

// Marks what `v` needs and is not known. False: an input has no value (reported).
static bool mark(tok_ctx *c, tok_probe *p, ir_val v, const tensor *const *params, bool *needed) {
    const ir_func *f = p->f;
    needed[v] = true;
    const ir_op *last = ir_def(f, v);
    for (size_t i = last ? (size_t)(last - f->ops.items) + 1 : 0; i-- > 0;) {
        const ir_op *op = &f->ops.items[i];
        bool any = false;
        for (uint32_t k = 0; k < op->n_results; k++) {
            ir_val r = op->result[k];
            any |= needed[r] && !(p->is_const[r] && p->value[r]);
        }
        for (uint32_t k = 0; any && k < op->n_operands; k++) needed[op->operand[k]] = true;
        if (!any) {
            for (uint32_t k = 0; k < op->n_results; k++)
                if (!p->value[op->result[k]]) needed[op->result[k]] = false;
        }
    }
    needed[IR_NONE] = false;
    for (size_t i = 0; i < f->params.count; i++) {
        const ir_port *port = &f->params.items[i];
        if (!needed[port->value] || (params && params[i])) continue;
        if (!ir_type_width(ir_type_of(f, port->value))) continue; // empty: no data needed
        diag_emit(tok_sink(c), DIAG_ID_tok_structure, DIAG_AT(NULL, port->name),
                  "the value of input '%s' is asked for", port->name);
        return false;
    }
    return true;
}

static tensor shaped(arena *a, const ir_type *t) { return tensor_new(a, t->type, t->rank, t->dim); }

static bool run_op(tok_ctx *c, tok_probe *p, const ir_op *op, tensor *values, arena *a,
                   bool is_const) {
    ir_eval_ctx e = {
        .module = c->old, .func = p->f, .arena = a, .threads = 1, .diags = tok_sink(c)};
    const tensor *in_few[8], **in = in_few;
    tensor out[8];
    if (op->n_operands > ARRAY_LEN(in_few)) in = ARENA_ARRAY(c->a, const tensor *, op->n_operands);
    for (uint32_t k = 0; k < op->n_operands; k++)
        in[k] = op->operand[k] == IR_NONE ? NULL : &values[op->operand[k]];
    CHECK(op->n_results <= ARRAY_LEN(out), "%s", ir_ops[op->code].name);
    if (op->code == IR_t_const) { // never copied
        const tensor *t = ir_const_of(c->old, p->f, op->result[0]);
        if (!t) return false;
        values[op->result[0]] = *t;
    } else {
        for (uint32_t k = 0; k < op->n_results; k++)
            out[k] = shaped(a, ir_type_of(p->f, op->result[k]));
        if (!ir_eval_op(&e, op, in, out)) return false;
        for (uint32_t k = 0; k < op->n_results; k++) values[op->result[k]] = out[k];
    }
    for (uint32_t k = 0; is_const && k < op->n_results; k++) {
        tensor *kept = ARENA_NEW(c->a, tensor);
        *kept = values[op->result[k]];
        p->value[op->result[k]] = kept;
    }
    return true;
}

bool tok_eval(tok_ctx *c, tok_probe *p, ir_val v, const tensor *const *params, arena *a,
              tensor *out) {
    const ir_func *f = p->f;
    if (p->is_const[v] && p->value[v]) {
        *out = *p->value[v];
        return true;
    }
    arena *scratch = arena_new();
    bool *needed = ARENA_ARRAY(scratch, bool, f->values.count);
    tensor *values = ARENA_ARRAY(scratch, tensor, f->values.count);
    bool ok = mark(c, p, v, params, needed);
    for (size_t i = 0; ok && i < f->params.count; i++) {
        ir_val at = f->params.items[i].value;
        if (!needed[at]) continue;
        values[at] = params && params[i] ? *params[i] : shaped(scratch, ir_type_of(f, at));
    }
    for (size_t i = 0; ok && i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        bool any = false, is_const = true;
        for (uint32_t k = 0; k < op->n_results; k++) {
            any |= needed[op->result[k]];
            is_const &= p->is_const[op->result[k]];
            if (needed[op->result[k]] && p->value[op->result[k]])
                values[op->result[k]] = *p->value[op->result[k]];
        }
        if (!any || (op->n_results && p->value[op->result[0]])) continue;
        ok = run_op(c, p, op, values, is_const ? c->a : a, is_const);
    }
    if (ok) *out = values[v];
    arena_free(scratch);
    return ok;
}

const tensor *tok_const_at(tok_ctx *c, uint32_t node, int i) {
    tok_probe *p = &c->probe[i];
    ir_val v = tok_at(c, node)->v[i];
    tensor t;
    if (!p->value[v] && !tok_eval(c, p, v, NULL, c->a, &t)) return NULL;
    if (!p->value[v]) { // an input without elements
        p->value[v] = ARENA_NEW(c->a, tensor);
        *p->value[v] = t;
    }
    return p->value[v];
}
