// dce: drops operations whose results nobody reads. Parameters stay: they are the interface.
// Constants move to their first reader, so that their order follows from what is computed alone.
#include "passes/pass.h"
#include "passes/rewrite/rewrite.h"

// Operations that do something besides giving a result.
static bool has_effect(const ir_op *op) {
    ir_op_kind k = ir_kind_of(op->code);
    return k == IR_KIND_STORES || k == IR_KIND_LEAVES || k == IR_KIND_LINK;
}

static void copy_const(rewrite *r, ir_val v) {
    const ir_op *op = ir_def(r->of, v);
    if (op && op->code == IR_t_const && rewrite_get(r, v) == IR_NONE) rewrite_copy(r, op);
}

bool pass_dce_func(ir_module *m, const ir_module *old, const ir_func *f, diag_sink *diags) {
    rewrite r = rewrite_begin(old, f, m, diags);
    bool *live = ARENA_ARRAY(r.scratch, bool, f->values.count);
    for (size_t i = 0; i < f->results.count; i++) live[f->results.items[i].value] = true;
    bool *keep = ARENA_ARRAY(r.scratch, bool, f->ops.count + 1);
    for (size_t i = f->ops.count; i-- > 0;) {
        const ir_op *op = &f->ops.items[i];
        keep[i] = has_effect(op);
        for (uint32_t j = 0; j < op->n_results; j++) keep[i] |= live[op->result[j]];
        for (uint32_t j = 0; keep[i] && j < op->n_operands; j++) live[op->operand[j]] = true;
    }
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        if (!keep[i] || op->code == IR_t_const) continue;
        for (uint32_t j = 0; j < op->n_operands; j++) copy_const(&r, op->operand[j]);
        rewrite_copy(&r, op);
    }
    for (size_t i = 0; i < f->results.count; i++) copy_const(&r, f->results.items[i].value);
    return rewrite_end(&r);
}

ir_module *pass_dce(const ir_module *old, const pass_options *o, diag_sink *diags) {
    ir_module *m = ir_module_derive(old);
    bool ok = true;
    for (size_t i = 0; i < old->funcs.count; i++)
        ok = pass_dce_func(m, old, old->funcs.items[i], diags) && ok;
    ir_symbols_sweep(m);
    if (ok) return m;
    ir_module_free(m);
    return NULL;
}
