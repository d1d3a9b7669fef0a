// Questions about the mapped stage; see mapped.h.
#include "ir/mapped.h"

bool ir_is_raw(const ir_func *f, ir_val v) {
    const ir_op *op = ir_def(f, v);
    if (!op || ir_type_of(f, v)->type != ELEM_i32) return false;
    while (op && (ir_kind_of(op->code) == IR_KIND_COLUMNS || ir_kind_of(op->code) == IR_KIND_LINK))
        op = ir_def(f, op->operand[0]);
    return op && op->code == IR_xbar_mvm;
}

static const tensor *entry(const ir_module *m, const ir_symbol *g, ir_key key, size_t i) {
    size_t n;
    const char *const *names = ir_attr_strs(&g->attrs, key, &n);
    const ir_symbol *s = i < n && names[i] ? ir_symbol_find(m, names[i]) : NULL;
    return s && s->kind == IR_SYM_TENSOR ? &s->data : NULL;
}

ir_source *ir_group_sources(arena *a, const ir_module *m, const ir_symbol *group, size_t *n) {
    size_t trans_count;
    ir_attr_strs(&group->attrs, IR_ATTR_weights, n);
    const int64_t *trans = ir_attr_ints(&group->attrs, IR_ATTR_wtrans, &trans_count);
    ir_source *list = ARENA_ARRAY(a, ir_source, *n + 1);
    for (size_t i = 0; i < *n; i++) {
        ir_source *s = &list[i];
        s->weights = entry(m, group, IR_ATTR_weights, i);
        s->scale = entry(m, group, IR_ATTR_wscale, i);
        s->zero = entry(m, group, IR_ATTR_wzero, i);
        s->bias = entry(m, group, IR_ATTR_wbias, i);
        s->trans = i < trans_count && trans[i];
        CHECK(s->weights && s->weights->rank == 2, "group @%s has no matrix", group->name);
        s->k = s->weights->dim[s->trans ? 1 : 0];
        s->n = s->weights->dim[s->trans ? 0 : 1];
    }
    return list;
}
