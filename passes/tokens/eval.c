// What is the value of this part of a probe function? Evaluates only the operations that it needs,
// with the interpreter's evaluators.
#include "ir/eval/interp.h"
#include "passes/tokens/find_tokens.h"
#include <inttypes.h>
#include <string.h>

bool tok_is_huge(tok_ctx *c, const tok_probe *p, ir_val v) {
    const ir_op *op = ir_def(p->f, v);
    const char *name = op ? ir_ops[op->code].name : "an input";
    diag_emit(tok_sink(c), DIAG_ID_tok_const,
              DIAG_AT(NULL, op && op->n_locs ? arena_printf(c->a, "node '%s'", op->loc[0]) : name),
              "for %" PRId64 " tokens '%s' makes %s, of which neither the whole nor a row can be "
              "evaluated; compile for fewer tokens (--max-tokens)",
              p->tokens, name, ir_type_text(c->a, ir_type_of(p->f, v)));
    return false;
}

static tensor shaped(arena *a, const ir_type *t) { return tensor_new(a, t->type, t->rank, t->dim); }

static int by_number(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

// What an input has: its parameter's tensor, or nothing if it is empty. False: reported.
static bool input_value(tok_ctx *c, tok_probe *p, ir_val v, const tensor *const *params,
                        arena *scratch) {
    const ir_func *f = p->f;
    size_t i = 0;
    while (f->params.items[i].value != v) i++;
    const bool known = params && params[i];
    p->now[v] = known ? *params[i] : shaped(scratch, ir_type_of(f, v));
    if (known || !ir_type_width(ir_type_of(f, v))) return true;
    diag_emit(tok_sink(c), DIAG_ID_tok_structure, DIAG_AT(NULL, f->params.items[i].name),
              "the value of input '%s' is asked for", f->params.items[i].name);
    return false;
}

// The operations that `v` needs and whose results are not known, in order; p->now has the values
// that are. Costs what it finds, however long the function is. False: reported.
static bool collect(tok_ctx *c, tok_probe *p, ir_val v, const tensor *const *params, arena *scratch,
                    tok_numbers *ops) {
    const ir_func *f = p->f;
    VEC(ir_val) open = {0};
    bool ok = true;
    p->round++;
    vec_push(&open, v);
    while (ok && open.count) {
        const ir_val at = open.items[--open.count];
        if (at == IR_NONE || p->seen[at] == p->round) continue;
        p->seen[at] = p->round;
        if (p->value[at]) {
            p->now[at] = *p->value[at];
            continue;
        }
        const ir_op *op = ir_def(f, at);
        if (!op) {
            ok = input_value(c, p, at, params, scratch);
            continue;
        }
        for (uint32_t k = 0; k < op->n_results; k++) p->seen[op->result[k]] = p->round;
        for (uint32_t k = 0; k < op->n_operands; k++) vec_push(&open, op->operand[k]);
        vec_push(ops, (uint32_t)(op - f->ops.items));
    }
    vec_free(&open);
    if (ops->count) qsort(ops->items, ops->count, sizeof *ops->items, by_number);
    return ok;
}

static bool run_op(tok_ctx *c, tok_probe *p, const ir_op *op, arena *a) {
    bool is_const = true;
    for (uint32_t k = 0; k < op->n_results; k++) is_const &= p->is_const[op->result[k]];
    if (is_const) a = c->a;
    tensor *values = p->now;
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
    if (p->is_huge[v]) return tok_is_huge(c, p, v);
    if (!p->now) {
        p->now = ARENA_ARRAY(c->a, tensor, f->values.count);
        p->seen = ARENA_ARRAY(c->a, uint32_t, f->values.count);
    }
    arena *scratch = arena_new();
    tok_numbers ops = {0};
    bool ok = collect(c, p, v, params, scratch, &ops);
    for (size_t i = 0; ok && i < ops.count; i++) ok = run_op(c, p, &f->ops.items[ops.items[i]], a);
    if (ok) *out = p->now[v];
    vec_free(&ops);
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
