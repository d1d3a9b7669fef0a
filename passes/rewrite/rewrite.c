// Rebuilding functions; see rewrite.h.
#include "passes/rewrite/rewrite.h"

rewrite rewrite_begin(const ir_module *old, const ir_func *of, ir_module *m, diag_sink *diags) {
    rewrite r = {.old = old, .of = of, .m = m, .diags = diags, .scratch = arena_new()};
    r.f = ir_func_add(m, of->name);
    r.f->attrs = ir_attrs_copy(m->arena, &of->attrs);
    r.map = ARENA_ARRAY(r.scratch, ir_val, of->values.count + 1);
    for (size_t i = 0; i < of->params.count; i++) {
        const ir_port *p = &of->params.items[i];
        ir_val v = ir_param_add(m, r.f, p->name, *ir_type_of(of, p->value));
        const char *name = of->values.items[p->value].name;
        if (name) r.f->values.items[v].name = arena_str(m->arena, name);
        r.f->params.items[i].attrs = ir_attrs_copy(m->arena, &p->attrs);
        r.map[p->value] = v;
    }
    return r;
}

ir_op *rewrite_copy(rewrite *r, const ir_op *op) {
    ir_val *in = ARENA_ARRAY(r->scratch, ir_val, op->n_operands + 1);
    ir_type *types = ARENA_ARRAY(r->scratch, ir_type, op->n_results + 1);
    for (uint32_t i = 0; i < op->n_operands; i++) in[i] = r->map[op->operand[i]];
    for (uint32_t i = 0; i < op->n_results; i++) types[i] = *ir_type_of(r->of, op->result[i]);
    ir_build_typed(r->m, r->f, op->code, in, op->n_operands, &op->attrs, types, op);
    ir_op *made = ir_last_op(r->f);
    for (uint32_t i = 0; i < op->n_results; i++) {
        r->map[op->result[i]] = made->result[i];
        const char *name = r->of->values.items[op->result[i]].name;
        if (name) r->f->values.items[made->result[i]].name = arena_str(r->m->arena, name);
    }
    return made;
}

ir_val rewrite_add(rewrite *r, ir_opcode code, const ir_val *operands, size_t n,
                   const ir_attrs *attrs, const ir_type *type, const ir_op *from) {
    return ir_build_typed(r->m, r->f, code, operands, n, attrs, type, from);
}

bool rewrite_end(rewrite *r) {
    for (size_t i = 0; i < r->of->results.count; i++) {
        const ir_port *p = &r->of->results.items[i];
        ir_port *q = ir_result_add(r->m, r->f, p->name, r->map[p->value]);
        q->attrs = ir_attrs_copy(r->m->arena, &p->attrs);
    }
    arena_free(r->scratch);
    r->scratch = NULL;
    return !r->failed;
}
