// The verifier: what holds inside of functions. Values are defined once and before their uses,
// names and types are sound, and every operation is legal for its stage, its operands and its
// declared results (ir_infer).
#include "ir/verify/common.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// ---- reporting

void verify_error(verifier *v, diag_loc loc, diag_id id, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    diag_vemit(v->diags, id, loc, fmt, ap);
    va_end(ap);
    v->ok = false;
}

diag_loc verify_at_op(const verifier *v, const ir_func *f, const ir_op *op) {
    diag_loc loc = {.file = v->name, .line = op->line, .col = op->col, .end_col = op->end_col};
    if (op->line > 0) return loc;
    loc.where = op->n_locs ? arena_printf(v->a, "@%s, node '%s'", f->name, op->loc[0])
                           : arena_printf(v->a, "@%s, operation %td", f->name, op - f->ops.items);
    return loc;
}

diag_loc verify_at_func(const verifier *v, const ir_func *f) {
    diag_loc loc = {.file = v->name, .line = f->line};
    if (f->line <= 0) loc.where = arena_printf(v->a, "@%s", f->name);
    return loc;
}

// ---- values

static const char *value_text(verifier *v, const ir_func *f, ir_val x) {
    if (x >= f->values.count) return arena_printf(v->a, "value %" PRIu32, x);
    const char *name = f->values.items[x].name;
    return name ? arena_printf(v->a, "'%%%s'", name) : arena_printf(v->a, "value %" PRIu32, x);
}

static bool verify_type(verifier *v, diag_loc loc, const ir_type *t) {
    bool ok = true;
    for (int i = 0; i < t->rank; i++) {
        if (!ir_dim_is_domain(t->dim[i])) continue;
        int64_t d = -1 - t->dim[i];
        if (i > 0 || d >= IR_MAX_DOMAINS || !v->m->domain[d].used) {
            verify_error(v, loc, DIAG_ID_domain, "the type '%s' has a domain that is not declared",
                         ir_type_text(v->a, t));
            ok = false;
        }
    }
    if (ir_type_width(t) <= IR_MAX_ELEMENTS) return ok;
    verify_error(v, loc, DIAG_ID_type_size, "the type '%s' is too large", ir_type_text(v->a, t));
    return false;
}

// Marks x as defined by `op` (UINT32_MAX: a parameter). False: reported.
static bool define(verifier *v, const ir_func *f, diag_loc loc, bool *defined, ir_val x,
                   uint32_t op) {
    if (x == IR_NONE || x >= f->values.count || defined[x] || f->values.items[x].op != op) {
        verify_error(v, loc, DIAG_ID_value_order, "%s is not defined here, or not only here",
                     value_text(v, f, x));
        return false;
    }
    defined[x] = true;
    return verify_type(v, loc, &f->values.items[x].type);
}

static void verify_names(verifier *v, const ir_func *f) {
    map *names = map_new();
    for (size_t i = 1; i < f->values.count; i++) {
        const ir_value *x = &f->values.items[i];
        if (!x->name || map_add(names, x->name, 0) == MAP_NONE) continue;
        bool by_op = x->op < f->ops.count;
        diag_loc loc = by_op ? verify_at_op(v, f, &f->ops.items[x->op]) : verify_at_func(v, f);
        verify_error(v, loc, DIAG_ID_value_name, "another value is called '%%%s'", x->name);
    }
    map_free(names);
}

// ---- operations

static void verify_stage(verifier *v, diag_loc loc, const ir_op *op) {
    const ir_op_info *info = &ir_ops[op->code];
    if (v->m->stage == IR_LOWERING) return;
    char stage = v->m->stage == IR_GRAPH ? 'G' : 'M';
    if (!strchr(info->stages, stage))
        verify_error(v, loc, DIAG_ID_op_stage, "'%s' does not belong to the %s stage", info->name,
                     stage == 'G' ? "graph" : "mapped");
}

static void verify_op(verifier *v, const ir_func *f, const ir_op *op, bool *defined) {
    diag_loc loc = verify_at_op(v, f, op);
    const uint32_t index = (uint32_t)(op - f->ops.items);
    if ((unsigned)op->code >= IR_OP_COUNT) {
        verify_error(v, loc, DIAG_ID_op_unknown, "there is no operation %d", (int)op->code);
        return;
    }
    bool sound = true;
    const ir_type **in = ARENA_ARRAY(v->a, const ir_type *, op->n_operands + 1);
    for (uint32_t i = 0; i < op->n_operands; i++) {
        ir_val x = op->operand[i];
        if (x == IR_NONE) continue;
        if (x >= f->values.count || !defined[x]) {
            verify_error(v, loc, DIAG_ID_value_order, "%s is used before it is defined",
                         value_text(v, f, x));
            sound = false;
            continue;
        }
        in[i] = &f->values.items[x].type;
    }
    const int results = ir_ops[op->code].results;
    if (op->n_results != (uint32_t)results) {
        verify_error(v, loc, DIAG_ID_op_result, "'%s' gives %d result%s, found %" PRIu32,
                     ir_ops[op->code].name, results, results == 1 ? "" : "s", op->n_results);
        sound = false;
    }
    for (uint32_t i = 0; i < op->n_results; i++)
        sound &= define(v, f, loc, defined, op->result[i], index);
    verify_stage(v, loc, op);
    if (!sound) return;
    ir_type *declared = ARENA_ARRAY(v->a, ir_type, results + 1);
    ir_type *out = ARENA_ARRAY(v->a, ir_type, results + 1);
    for (int i = 0; i < results; i++) declared[i] = f->values.items[op->result[i]].type;
    ir_infer_ctx c = {v->m, f, op, in, declared, out, v->diags, loc};
    if (!ir_infer(&c)) v->ok = false;
}

// Types that may be looked at: nothing else is checked where there are others.
static bool has_types(verifier *v, const ir_func *f) {
    for (size_t i = 1; i < f->values.count; i++) {
        const ir_type *t = &f->values.items[i].type;
        if ((unsigned)t->type < ELEM_COUNT && t->rank >= 0 && t->rank <= IR_MAX_RANK) continue;
        verify_error(v, verify_at_func(v, f), DIAG_ID_text_type, "value %zu has no type", i);
        return false;
    }
    return true;
}

static void verify_func(verifier *v, const ir_func *f) {
    if (!has_types(v, f)) return;
    bool *defined = ARENA_ARRAY(v->a, bool, f->values.count + 1);
    size_t before = diag_errors(v->diags);
    bool ok = v->ok;
    for (size_t i = 0; i < f->params.count; i++)
        define(v, f, verify_at_func(v, f), defined, f->params.items[i].value, UINT32_MAX);
    verify_names(v, f);
    verify_func_attrs(v, f);
    for (size_t i = 0; i < f->ops.count; i++) verify_op(v, f, &f->ops.items[i], defined);
    for (size_t i = 0; i < f->results.count; i++) {
        ir_val x = f->results.items[i].value;
        if (x != IR_NONE && (x >= f->values.count || !defined[x]))
            verify_error(v, verify_at_func(v, f), DIAG_ID_value_order,
                         "result %zu names a value that is not defined", i + 1);
    }
    bool sound = v->diags ? diag_errors(v->diags) == before : v->ok == ok;
    if (sound) verify_mapped(v, f);
}

bool ir_verify(const ir_module *m, const char *name, diag_sink *diags) {
    verifier v = {.m = m, .name = name, .diags = diags, .a = arena_new(), .ok = true};
    map *names = map_new();
    bool sound = verify_module(&v);
    for (size_t i = 0; sound && i < m->funcs.count; i++) {
        const ir_func *f = m->funcs.items[i];
        if (map_add(names, f->name, 0) != MAP_NONE)
            verify_error(&v, verify_at_func(&v, f), DIAG_ID_function,
                         "another function is called '@%s'", f->name);
        verify_func(&v, f);
    }
    map_free(names);
    if (v.ok) verify_channel_numbers(&v);
    if (v.ok) verify_rings(&v);
    arena_free(v.a);
    return v.ok;
}
