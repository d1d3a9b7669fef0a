// Appending parameters, results and operations to a function.
#include "ir/infer/infer.h"
#include "ir/ir.h"
#include <ctype.h>
#include <string.h>

static ir_val add_value(ir_func *f, ir_type type, const char *name, uint32_t op) {
    CHECK(f->values.count < UINT32_MAX, "too many values");
    vec_push(&f->values, (ir_value){type, name, op});
    return (ir_val)(f->values.count - 1);
}

static bool is_identifier(const char *s) {
    if (!isalpha((unsigned char)*s) && *s != '_') return false;
    while (isalnum((unsigned char)*s) || *s == '_' || *s == '.') s++;
    return *s == 0;
}

static bool is_taken(const ir_func *f, const char *name) {
    for (size_t i = 1; i < f->values.count; i++) {
        if (f->values.items[i].name && strcmp(f->values.items[i].name, name) == 0) return true;
    }
    return false;
}

ir_val ir_param_add(ir_module *m, ir_func *f, const char *name, ir_type type) {
    const char *copy = arena_str(m->arena, name);
    bool usable = is_identifier(name) && strcmp(name, "_") != 0 && !is_taken(f, name);
    ir_val v = add_value(f, type, usable ? copy : NULL, UINT32_MAX);
    vec_push(&f->params, (ir_port){.value = v, .name = copy});
    return v;
}

ir_port *ir_result_add(ir_module *m, ir_func *f, const char *name, ir_val v) {
    vec_push(&f->results, (ir_port){.value = v, .name = arena_str(m->arena, name)});
    return &f->results.items[f->results.count - 1];
}

ir_op *ir_last_op(ir_func *f) {
    CHECK(f->ops.count, "function '@%s' has no operation", f->name);
    return &f->ops.items[f->ops.count - 1];
}

ir_val ir_build_typed(ir_module *m, ir_func *f, ir_opcode code, const ir_val *operands, size_t n,
                      const ir_attrs *attrs, const ir_type *types, const ir_op *loc_from) {
    arena *a = m->arena;
    ir_op op = {.code = code, .n_operands = (uint32_t)n};
    op.n_results = (uint32_t)ir_ops[code].results;
    op.operand = arena_copy(a, operands, n * sizeof *operands);
    op.result = ARENA_ARRAY(a, ir_val, op.n_results);
    for (uint32_t i = 0; i < op.n_results; i++)
        op.result[i] = add_value(f, types[i], NULL, (uint32_t)f->ops.count);
    if (attrs) op.attrs = ir_attrs_copy(a, attrs);
    if (loc_from) {
        op.n_locs = loc_from->n_locs;
        op.loc = ARENA_ARRAY(a, const char *, op.n_locs);
        for (uint32_t i = 0; i < op.n_locs; i++) op.loc[i] = arena_str(a, loc_from->loc[i]);
        op.line = loc_from->line;
        op.col = loc_from->col;
        op.end_col = loc_from->end_col;
    }
    vec_push(&f->ops, op);
    return op.n_results ? op.result[0] : IR_NONE;
}

ir_val ir_build(ir_module *m, ir_func *f, ir_opcode code, const ir_val *operands, size_t n,
                const ir_attrs *attrs, const ir_op *loc_from, diag_sink *diags) {
    const ir_attrs none = {0};
    const ir_op op = {.code = code,
                      .n_operands = (uint32_t)n,
                      .operand = (ir_val *)operands,
                      .attrs = attrs ? *attrs : none};
    ir_type out[8];
    CHECK((size_t)ir_ops[code].results <= ARRAY_LEN(out), "%s", ir_ops[code].name);
    const ir_type **in = base_calloc(n + 1, sizeof *in);
    for (size_t i = 0; i < n; i++) {
        CHECK(operands[i] < f->values.count, "value %u of '@%s'", operands[i], f->name);
        in[i] = operands[i] == IR_NONE ? NULL : ir_type_of(f, operands[i]);
    }
    arena *scratch = arena_new();
    diag_loc loc = DIAG_NOWHERE;
    if (loc_from && loc_from->n_locs)
        loc.where = arena_printf(scratch, "node '%s'", loc_from->loc[0]);
    ir_infer_ctx c = {m, f, &op, in, NULL, out, diags, loc};
    bool ok = ir_infer(&c);
    arena_free(scratch);
    free(in);
    return ok ? ir_build_typed(m, f, code, operands, n, attrs, out, loc_from) : IR_NONE;
}

ir_val ir_build_const(ir_module *m, ir_func *f, const char *name_hint, tensor data) {
    const ir_symbol *s = ir_symbol_add_tensor(m, name_hint, data);
    ir_attrs attrs = {0};
    ir_attr_set_str(m->arena, &attrs, IR_ATTR_value, s->name);
    ir_type t = ir_type_make(data.type, data.rank, data.dim);
    return ir_build_typed(m, f, IR_t_const, NULL, 0, &attrs, &t, NULL);
}

void ir_op_add_loc(arena *a, ir_op *op, const char *node) {
    for (uint32_t i = 0; i < op->n_locs; i++) {
        if (strcmp(op->loc[i], node) == 0) return;
    }
    const char **loc = ARENA_ARRAY(a, const char *, op->n_locs + 1);
    for (uint32_t i = 0; i < op->n_locs; i++) loc[i] = op->loc[i];
    loc[op->n_locs++] = arena_str(a, node);
    op->loc = loc;
}

const tensor *ir_const_of(const ir_module *m, const ir_func *f, ir_val v) {
    const ir_op *op = ir_def(f, v);
    if (!op || op->code != IR_t_const) return NULL;
    const char *name = ir_attr_str(&op->attrs, IR_ATTR_value, "");
    const ir_symbol *s = ir_symbol_find(m, name);
    return s && s->kind == IR_SYM_TENSOR ? &s->data : NULL;
}
