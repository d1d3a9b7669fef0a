// Making operations that exist once; see emitter.h.
#include "passes/rewrite/emitter.h"
#include "ir/eval/interp.h"
#include "passes/large.h"
#include "passes/pass.h"
#include "passes/rewrite/key.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define SMALL_CONSTANT 4096 // bytes: constants up to this size are merged by content
#define MAX_DEPTH 64        // of simplifications that make operations that are simplified
#define SPLAT_DEPTH 8       // of operations that are looked through for a number

// ---- keys ------------------------------------------------------------------------------------

static key_text op_key(ir_opcode code, const ir_val *in, size_t n, const ir_attrs *attrs,
                       const ir_type *types) {
    key_text t = {0};
    key_int(&t, (int64_t)code);
    key_int(&t, (int64_t)n);
    for (size_t i = 0; i < n; i++) key_int(&t, in[i]);
    if (attrs) key_attrs(&t, attrs);
    for (int i = 0; i < ir_ops[code].results; i++) key_type(&t, &types[i]);
    return t;
}

// ---- nodes -----------------------------------------------------------------------------------

void emit_note_nodes(emitter *e, const ir_op *op) {
    for (uint32_t i = 0; i < op->n_locs; i++) vec_push(&e->nodes, op->loc[i]);
}

void emit_take_nodes(emitter *e, ir_val v) {
    uint32_t at = e->r.f->values.items[v].op;
    if (at != UINT32_MAX && e->r.f->ops.items[at].code != IR_t_const) {
        for (size_t i = 0; i < e->nodes.count; i++)
            ir_op_add_loc(e->r.m->arena, &e->r.f->ops.items[at], e->nodes.items[i]);
    }
    vec_clear(&e->nodes);
}

// ---- making ----------------------------------------------------------------------------------

static ir_val simplified(emitter *e, ir_val v) {
    if (!e->simplify || e->depth >= MAX_DEPTH) return v;
    e->depth++;
    for (int rounds = 0; rounds < MAX_DEPTH; rounds++) {
        ir_val w = e->simplify(e, v);
        if (w == v || w == IR_NONE) break;
        CHECK(ir_type_equal(emit_type(e, w), emit_type(e, v)), "a rule changed a type at %s",
              e->at && e->at->n_locs ? e->at->loc[0] : "?");
        v = w;
    }
    e->depth--;
    return v;
}

ir_val emit_typed(emitter *e, ir_opcode code, const ir_val *in, size_t n, const ir_attrs *attrs,
                  const ir_type *types) {
    for (size_t i = 0; i < n; i++) {
        if (in[i] == IR_NONE && (int)i < ir_ops[code].n_min) return IR_NONE;
    }
    while ((int)n > ir_ops[code].n_min && in[n - 1] == IR_NONE) n--;
    key_text key = op_key(code, in, n, attrs, types);
    uint32_t known = map_get(e->seen, key_end(&key));
    if (known != MAP_NONE) {
        vec_free(&key);
        return known;
    }
    ir_val v = ir_build_typed(e->r.m, e->r.f, code, in, n, attrs, types, e->at);
    if (ir_ops[code].results == 1) v = simplified(e, v);
    map_set(e->seen, key_end(&key), v);
    vec_free(&key);
    return v;
}

ir_val emit_op(emitter *e, ir_opcode code, const ir_val *in, size_t n, const ir_attrs *attrs) {
    for (size_t i = 0; i < n; i++) {
        if (in[i] == IR_NONE && (int)i < ir_ops[code].n_min) return IR_NONE;
    }
    while ((int)n > ir_ops[code].n_min && in[n - 1] == IR_NONE) n--;
    // Inference wants a function to look at; building there and taking back costs nothing.
    size_t values = e->r.f->values.count, ops = e->r.f->ops.count;
    if (ir_build(e->r.m, e->r.f, code, in, n, attrs, NULL, NULL) == IR_NONE) return IR_NONE;
    ir_type types[8];
    CHECK(e->r.f->values.count - values <= ARRAY_LEN(types), "%s", ir_ops[code].name);
    for (size_t i = values; i < e->r.f->values.count; i++)
        types[i - values] = e->r.f->values.items[i].type;
    e->r.f->values.count = values;
    e->r.f->ops.count = ops;
    return emit_typed(e, code, in, n, attrs, types);
}

static ir_val const_of_symbol(emitter *e, const char *symbol, const tensor *data) {
    ir_attrs attrs = {0};
    ir_attr_set_str(e->r.scratch, &attrs, IR_ATTR_value, symbol);
    ir_type t = ir_type_make(data->type, data->rank, data->dim);
    return emit_typed(e, IR_t_const, NULL, 0, &attrs, &t);
}

// The symbol's own name is kept, so that a weight keeps the name the model gave it.
static ir_val merged_const(emitter *e, const char *symbol, const tensor *data) {
    if (tensor_bytes(data) > SMALL_CONSTANT) return const_of_symbol(e, symbol, data);
    key_text key = {0};
    key_tensor(&key, data);
    uint32_t known = map_get(e->constants, key_end(&key));
    if (known == MAP_NONE) {
        known = const_of_symbol(e, symbol, data);
        map_set(e->constants, key_end(&key), known);
    }
    vec_free(&key);
    return known;
}

ir_val emit_const(emitter *e, const char *hint, tensor data) {
    if (tensor_bytes(&data) <= SMALL_CONSTANT) {
        key_text key = {0};
        key_tensor(&key, &data);
        uint32_t known = map_get(e->constants, key_end(&key));
        vec_free(&key);
        if (known != MAP_NONE) return known;
    }
    const ir_symbol *s = ir_symbol_add_tensor(e->r.m, hint, data);
    return merged_const(e, s->name, &s->data);
}

ir_val emit_scalar(emitter *e, elem type, double v) {
    tensor t = tensor_new(e->r.m->arena, type, 0, NULL);
    elem_store_f64(type, t.data, 0, v);
    return emit_const(e, "scalar", t);
}

ir_val emit_reshape(emitter *e, ir_val v, int rank, const int64_t *dim) {
    if (v == IR_NONE) return IR_NONE;
    ir_type t = ir_type_make(emit_type(e, v)->type, rank, dim);
    if (ir_type_equal(&t, emit_type(e, v))) return v;
    if (ir_type_width(&t) != ir_type_width(emit_type(e, v))) return IR_NONE;
    return emit_typed(e, IR_t_reshape, &v, 1, NULL, &t);
}

ir_val emit_transpose(emitter *e, ir_val v, const int64_t *perm) {
    if (v == IR_NONE) return IR_NONE;
    int rank = emit_type(e, v)->rank;
    bool same = true;
    for (int i = 0; i < rank; i++) same &= perm[i] == i;
    if (same) return v;
    ir_attrs attrs = {0};
    ir_attr_set_ints(e->r.scratch, &attrs, IR_ATTR_perm, perm, (size_t)rank);
    return emit_op(e, IR_t_transpose, &v, 1, &attrs);
}

ir_val emit_broadcast(emitter *e, ir_val v, int rank, const int64_t *dim) {
    if (v == IR_NONE) return IR_NONE;
    ir_type t = ir_type_make(emit_type(e, v)->type, rank, dim);
    if (ir_type_equal(&t, emit_type(e, v))) return v;
    return emit_typed(e, IR_t_broadcast, &v, 1, NULL, &t);
}

ir_val emit_slice(emitter *e, ir_val v, int axis, int64_t from, int64_t until, int64_t step) {
    if (v == IR_NONE) return IR_NONE;
    ir_type t = *emit_type(e, v);
    if (from == 0 && until == t.dim[axis] && step == 1) return v;
    int64_t starts[IR_MAX_RANK] = {0}, steps[IR_MAX_RANK];
    for (int i = 0; i < t.rank; i++) steps[i] = 1;
    starts[axis] = from;
    steps[axis] = step;
    t.dim[axis] = ceil_div_i64(until - from, step);
    ir_attrs attrs = {0};
    ir_attr_set_ints(e->r.scratch, &attrs, IR_ATTR_starts, starts, (size_t)t.rank);
    ir_attr_set_ints(e->r.scratch, &attrs, IR_ATTR_steps, steps, (size_t)t.rank);
    return emit_typed(e, IR_t_slice, &v, 1, &attrs, &t);
}

// ---- looking ---------------------------------------------------------------------------------

const char *emit_symbol_of(const emitter *e, ir_val v) {
    ir_op op = emit_def(e, v);
    return op.code == IR_t_const ? ir_attr_str(&op.attrs, IR_ATTR_value, NULL) : NULL;
}

static map *count_constants(const ir_module *m) {
    map *count = map_new();
    for (size_t i = 0; i < m->funcs.count; i++) {
        const ir_func *f = m->funcs.items[i];
        map *here = map_new();
        for (size_t k = 0; k < f->ops.count; k++) {
            const ir_op *op = &f->ops.items[k];
            if (op->code != IR_t_const) continue;
            const char *symbol = ir_attr_str(&op->attrs, IR_ATTR_value, "");
            if (map_add(here, symbol, 0) != MAP_NONE) continue;
            uint32_t before = map_get(count, symbol);
            map_set(count, symbol, before == MAP_NONE ? 1 : before + 1);
        }
        map_free(here);
    }
    return count;
}

bool emit_is_shared(emitter *e, ir_val v) {
    const char *symbol = emit_symbol_of(e, v);
    if (!e->shared) e->shared = count_constants(e->r.old);
    return symbol && map_get(e->shared, symbol) == e->r.old->funcs.count;
}

bool emit_is_constant(emitter *e, ir_val v) {
    const ir_func *f = e->r.f;
    if (emit_const_of(e, v) || ir_type_width(emit_type(e, v)) <= large_most(LARGE_TOKENS, 0))
        return emit_const_of(e, v);
    for (size_t at = e->constant.count; at <= v; at++) { // operands stand before what reads them
        const ir_op *op = ir_def(f, (ir_val)at);
        bool is = at != IR_NONE && op;
        for (uint32_t k = 0; is && k < op->n_operands; k++)
            is = op->operand[k] == IR_NONE || e->constant.items[op->operand[k]];
        vec_push(&e->constant, is);
    }
    return e->constant.items[v];
}

// An operation on numbers gives that of all elements.
static bool splat_of(const emitter *e, ir_val v, int depth, double *value) {
    const ir_op *op = ir_def(e->r.f, v);
    const ir_type *type = emit_type(e, v);
    if (emit_const_of(e, v)) return emit_splat(e, v, value);
    if (!op || depth == 0 || ir_type_width(type) == 0) return false;
    if (op->code == IR_t_broadcast || op->code == IR_t_reshape)
        return splat_of(e, op->operand[0], depth - 1, value);
    if (!ir_is_elementwise(op->code) && op->code != IR_t_cast) return false;
    arena *a = arena_new();
    tensor in[3], out = tensor_new(a, type->type, 0, NULL);
    const tensor *operand[ARRAY_LEN(in)];
    bool ok = op->n_operands <= ARRAY_LEN(in);
    for (uint32_t k = 0; ok && k < op->n_operands; k++) {
        double x;
        ok = splat_of(e, op->operand[k], depth - 1, &x);
        if (!ok) break;
        in[k] = tensor_new(a, emit_type(e, op->operand[k])->type, 0, NULL);
        elem_store_f64(in[k].type, in[k].data, 0, x);
        operand[k] = &in[k];
    }
    diag_sink *quiet = diag_sink_new();
    ir_eval_ctx c = {.module = e->r.m, .func = e->r.f, .arena = a, .threads = 1, .diags = quiet};
    ok = ok && ir_eval_op(&c, op, operand, &out);
    if (ok) *value = elem_load_f64(out.type, out.data, 0);
    diag_sink_free(quiet);
    arena_free(a);
    return ok;
}

bool emit_splat(const emitter *e, ir_val v, double *value) {
    const tensor *t = emit_const_of(e, v);
    if (!t && v != IR_NONE && ir_type_width(emit_type(e, v)) > large_most(LARGE_TOKENS, 0))
        return splat_of(e, v, SPLAT_DEPTH, value);
    if (!t || t->type == ELEM_q8) return false;
    size_t n = tensor_count(t);
    if (n == 0) return false;
    double first = elem_load_f64(t->type, t->data, 0);
    size_t size = elem_bytes(t->type);
    const uint8_t *p = t->data;
    for (size_t i = 1; i < n; i++) {
        if (memcmp(p, p + i * size, size) != 0) return false;
    }
    *value = first;
    return true;
}

// ---- functions and modules -------------------------------------------------------------------

emitter emit_begin(const ir_module *old, const ir_func *of, ir_module *m, emit_simplify simplify,
                   void *ctx, diag_sink *diags) {
    return (emitter){.r = rewrite_begin(old, of, m, diags),
                     .seen = map_new(),
                     .constants = map_new(),
                     .simplify = simplify,
                     .ctx = ctx};
}

static void name_value(emitter *e, ir_val old, ir_val now) {
    const char *name = e->r.of->values.items[old].name;
    ir_value *v = &e->r.f->values.items[now];
    if (name && !v->name) v->name = arena_str(e->r.m->arena, name);
}

void emit_copy(emitter *e, const ir_op *op) {
    e->at = op;
    if (op->code == IR_t_const) {
        const char *symbol = ir_attr_str(&op->attrs, IR_ATTR_value, "");
        const ir_symbol *s = ir_symbol_find(e->r.m, symbol);
        CHECK(s && s->kind == IR_SYM_TENSOR, "constant '@%s'", symbol);
        e->r.map[op->result[0]] = merged_const(e, s->name, &s->data);
        return;
    }
    ir_val *in = ARENA_ARRAY(e->r.scratch, ir_val, op->n_operands + 1);
    ir_type *types = ARENA_ARRAY(e->r.scratch, ir_type, op->n_results + 1);
    for (uint32_t i = 0; i < op->n_operands; i++) in[i] = e->r.map[op->operand[i]];
    for (uint32_t i = 0; i < op->n_results; i++) types[i] = *ir_type_of(e->r.of, op->result[i]);
    ir_val v = emit_typed(e, op->code, in, op->n_operands, &op->attrs, types);
    if (op->n_results == 1) {
        e->r.map[op->result[0]] = v;
        name_value(e, op->result[0], v);
        return;
    }
    const ir_op made = emit_def(e, v);
    for (uint32_t i = 0; i < op->n_results; i++) e->r.map[op->result[i]] = made.result[i];
}

bool emit_end(emitter *e) {
    ir_module *m = e->r.m;
    ir_func *f = e->r.f;
    diag_sink *diags = e->r.diags;
    map_free(e->seen);
    map_free(e->constants);
    map_free(e->shared);
    vec_free(&e->constant);
    vec_free(&e->nodes);
    bool ok = rewrite_end(&e->r);
    // The swept copy takes the place of the function as it was built.
    CHECK(m->funcs.count && m->funcs.items[m->funcs.count - 1] == f, "'@%s' is not the last",
          f->name);
    m->funcs.count--;
    ok = pass_dce_func(m, m, f, diags) && ok;
    vec_free(&f->values);
    vec_free(&f->ops);
    vec_free(&f->params);
    vec_free(&f->results);
    return ok;
}

bool emit_is_plain(const ir_func *f) {
    for (size_t i = 1; i < f->values.count; i++) {
        if (ir_type_domain(&f->values.items[i].type) >= 0) return false;
    }
    return true;
}

ir_module *emit_functions(const ir_module *old, emit_each *each, void *ctx, diag_sink *diags) {
    ir_module *m = ir_module_derive(old);
    bool ok = true;
    for (size_t i = 0; i < old->funcs.count; i++) {
        if (emit_is_plain(old->funcs.items[i]))
            ok = each(ctx, old, i, m, diags) && ok;
        else
            ir_func_copy(m, old->funcs.items[i]);
    }
    ir_symbols_sweep(m);
    if (ok) return m;
    ir_module_free(m);
    return NULL;
}

typedef struct {
    emit_simplify simplify;
    void *ctx;
} simplifier;

static bool copy_simplified(void *ctx, const ir_module *old, size_t i, ir_module *m,
                            diag_sink *diags) {
    const simplifier *s = ctx;
    const ir_func *f = old->funcs.items[i];
    emitter e = emit_begin(old, f, m, s->simplify, s->ctx, diags);
    for (size_t k = 0; k < f->ops.count; k++) emit_copy(&e, &f->ops.items[k]);
    return emit_end(&e);
}

ir_module *emit_module(const ir_module *old, emit_simplify simplify, void *ctx, diag_sink *diags) {
    simplifier s = {simplify, ctx};
    return emit_functions(old, copy_simplified, &s, diags);
}
