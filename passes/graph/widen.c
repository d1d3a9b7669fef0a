// widen: what a model computes in half precision (f16, bf16) is computed in f32. Ports keep their
// types. The digital units' own number format is the chip's (machine.def, digital.format), not the
// model's. So is what a model rounds to codes that no row has (unround.c).
#include "passes/graph/unround.h"
#include "passes/pass.h"
#include "passes/rewrite/rewrite.h"
#include <string.h>

static bool is_half(elem e) { return e == ELEM_f16 || e == ELEM_bf16; }

static bool has_half(const ir_func *f) {
    for (size_t i = 1; i < f->values.count; i++) {
        if (is_half(f->values.items[i].type.type)) return true;
    }
    return false;
}

static ir_val cast(rewrite *r, ir_val v, elem to, const ir_op *from) {
    ir_type t = *ir_type_of(r->f, v);
    if (t.type == to) return v;
    t.type = to;
    ir_attrs attrs = {0};
    ir_attr_set_str(r->scratch, &attrs, IR_ATTR_to, elem_name(to));
    return rewrite_add(r, IR_t_cast, &v, 1, &attrs, &t, from);
}

static void widen_op(rewrite *r, const ir_op *op) {
    const ir_type *result = op->n_results ? ir_type_of(r->of, op->result[0]) : NULL;
    if (op->code == IR_t_const) {
        rewrite_copy(r, op);
        if (is_half(result->type))
            r->map[op->result[0]] = cast(r, rewrite_get(r, op->result[0]), ELEM_f32, op);
        return;
    }
    if (op->code == IR_t_cast && is_half(result->type)) {
        r->map[op->result[0]] = cast(r, rewrite_get(r, op->operand[0]), ELEM_f32, op);
        return;
    }
    ir_op *made = rewrite_copy(r, op);
    for (uint32_t i = 0; i < op->n_results; i++) {
        ir_type *t = &r->f->values.items[made->result[i]].type;
        if (is_half(t->type)) t->type = ELEM_f32;
    }
}

static bool widen_func(ir_module *m, const ir_module *old, const ir_func *f, unround *u,
                       diag_sink *diags) {
    rewrite r = rewrite_begin(old, f, m, diags);
    for (size_t i = 0; i < f->params.count; i++) {
        ir_val v = f->params.items[i].value;
        if (is_half(ir_type_of(f, v)->type)) r.map[v] = cast(&r, r.map[v], ELEM_f32, NULL);
    }
    for (size_t i = 0; i < f->ops.count; i++)
        if (!unround_op(u, &r, &f->ops.items[i])) widen_op(&r, &f->ops.items[i]);
    for (size_t i = 0; i < f->results.count; i++) {
        ir_val v = f->results.items[i].value;
        r.map[v] = cast(&r, r.map[v], ir_type_of(f, v)->type, NULL);
    }
    return rewrite_end(&r);
}

ir_module *pass_widen(const ir_module *old, const pass_options *o, diag_sink *diags) {
    ir_module *m = ir_module_derive(old);
    arena *a = arena_new();
    bool ok = true, any = false;
    unsigned found = 0;
    for (size_t i = 0; i < old->funcs.count; i++) {
        const ir_func *f = old->funcs.items[i];
        unround u = unround_of(old, f, a);
        u.keeps_bounds = o->keeps_bounds;
        const bool is_half_wide = has_half(f);
        any |= is_half_wide;
        if (is_half_wide || !u.is_idle)
            ok = widen_func(m, old, f, &u, diags) && ok;
        else
            ir_func_copy(m, f);
        found |= u.found;
    }
    arena_free(a);
    if (any) vec_push(&m->notes, arena_str(m->arena, "half-precision values are computed in f32"));
    unround_note(m, found);
    if (ok) return m;
    ir_module_free(m);
    return NULL;
}
