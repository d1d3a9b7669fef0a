// Do two modules compute the same? Both are interpreted on the same seeded inputs: plain functions
// once, token-typed ones as a sequence cut at random.
#include "ir/interp.h"
#include "passes/pass.h"
#include <math.h>
#include <string.h>

// Largest error |a-b| / (1+|b|) that a class may show. ROUND: other orders and placements of f32
// roundings, through a few layers. BOUNDED: 8-bit rows and weights on random data.
#define ROUND_LIMIT 2e-4
#define BOUNDED_LIMIT 0.5

#define CHECK_ROWS 24 // of a sequence, when the model takes as many

static uint64_t next_random(uint64_t *state) { // splitmix64
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

// Rows of the smallest table that values derived from v index; 0: none. Follows views and casts.
static int64_t table_rows(const ir_module *m, const ir_func *f, ir_val v) {
    bool *from = base_calloc(f->values.count, sizeof *from);
    int64_t rows = 0;
    from[v] = true;
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        if ((op->code == IR_t_gather || op->code == IR_nn_embed) && op->n_operands > 1) {
            bool embed = op->code == IR_nn_embed;
            ir_val data = op->operand[embed ? 1 : 0], ids = op->operand[embed ? 0 : 1];
            if (!from[ids]) continue;
            int64_t axis = embed ? 0 : ir_attr_int(&op->attrs, IR_ATTR_axis, 0);
            int64_t n = ir_type_of(f, data)->dim[axis];
            if (rows == 0 || n < rows) rows = n;
            continue;
        }
        bool follows = op->code == IR_t_cast || op->code == IR_t_reshape ||
                       op->code == IR_t_transpose || op->code == IR_t_broadcast ||
                       op->code == IR_t_slice;
        if (follows && from[op->operand[0]]) from[op->result[0]] = true;
    }
    free(from);
    return rows;
}

// Inputs of one step: floats uniform in [-1.7, 1.7] (deviation 1); ids uniform in their range;
// masks 1; positions pos, pos+1, ...; rows[d]: rows of domain d.
static void seed_inputs(const ir_module *m, const ir_func *f, uint64_t *state, const int64_t *rows,
                        int64_t pos, arena *a, tensor *inputs) {
    for (size_t i = 0; i < f->params.count; i++) {
        const ir_port *p = &f->params.items[i];
        ir_type t = *ir_type_of(f, p->value);
        if (ir_type_domain(&t) >= 0) t.dim[0] = rows[ir_type_domain(&t)];
        const char *role = ir_attr_str(&p->attrs, IR_ATTR_role, "");
        int64_t lo = ir_attr_int(&p->attrs, IR_ATTR_range_lo, 0);
        int64_t hi = ir_attr_int(&p->attrs, IR_ATTR_range_hi, 0);
        if (hi <= lo) hi = table_rows(m, f, p->value);
        if (strcmp(role, "mask") == 0) lo = 1;
        inputs[i] = tensor_new(a, t.type, t.rank, t.dim);
        for (size_t e = 0, n = tensor_count(&inputs[i]); e < n; e++) {
            double u = (double)(next_random(state) >> 11) * 0x1p-53;
            double v = elem_is_float(t.type) ? (u * 2 - 1) * 1.7
                       : hi > lo             ? floor((double)lo + u * (double)(hi - lo))
                                             : 1;
            if (strcmp(role, "positions") == 0) v = (double)(pos + (int64_t)e);
            elem_store_f64(t.type, inputs[i].data, e, v);
        }
    }
}

// ---- comparing -------------------------------------------------------------------------------

typedef struct {
    const char *func;
    pass_class class;
    diag_sink *diags;
} comparison;

static bool differs(const comparison *c, const char *result, const char *what) {
    diag_emit(c->diags, DIAG_ID_pass_differs, DIAG_NOWHERE, "result '%s' of '@%s' %s", result,
              c->func, what);
    return false;
}

static double element_error(double a, double b) {
    if ((isnan(a) && isnan(b)) || a == b) return 0;
    double e = fabs(a - b) / (1 + fabs(b));
    return isnan(e) ? INFINITY : e;
}

static bool compare(const comparison *c, const char *name, const tensor *before,
                    const tensor *after) {
    arena *a = arena_new();
    bool ok = true;
    if (!tensor_same_shape(before, after) || before->type != after->type) {
        ok = differs(c, name,
                     arena_printf(a, "is %s, was %s", tensor_shape_text(a, after),
                                  tensor_shape_text(a, before)));
    } else if (c->class == PASS_EXACT && !tensor_equal_bits(before, after)) {
        size_t at = 0, n = tensor_count(before);
        while (at < n && element_error(elem_load_f64(after->type, after->data, at),
                                       elem_load_f64(before->type, before->data, at)) == 0)
            at++;
        if (at < n) // else zeros or NaNs of another kind: equal for every reader
            ok = differs(c, name,
                         arena_printf(a,
                                      "is %.9g at element %zu, was %.9g, and must be the same bits",
                                      elem_load_f64(after->type, after->data, at), at,
                                      elem_load_f64(before->type, before->data, at)));
    } else if (c->class != PASS_EXACT) {
        double worst = 0, limit = c->class == PASS_ROUND ? ROUND_LIMIT : BOUNDED_LIMIT;
        size_t at = 0;
        for (size_t i = 0, n = tensor_count(before); i < n; i++) {
            double e = element_error(elem_load_f64(after->type, after->data, i),
                                     elem_load_f64(before->type, before->data, i));
            if (e > worst) worst = e, at = i;
        }
        if (worst > limit)
            ok = differs(c, name,
                         arena_printf(a,
                                      "is %.9g at element %zu, was %.9g: error %.3g, allowed %.3g",
                                      elem_load_f64(after->type, after->data, at), at,
                                      elem_load_f64(before->type, before->data, at), worst, limit));
    }
    arena_free(a);
    return ok;
}

// Results are paired by name: a pass may drop some (their loss is noted), never add.
static bool compare_all(const comparison *c, const ir_func *before, const ir_func *after,
                        const tensor *old, const tensor *now) {
    bool ok = true;
    for (size_t i = 0; i < after->results.count; i++) {
        const char *name = after->results.items[i].name;
        size_t j = 0;
        while (j < before->results.count && strcmp(before->results.items[j].name, name) != 0) j++;
        ok = (j < before->results.count ? compare(c, name, &old[j], &now[i])
                                        : differs(c, name, "is new")) &&
             ok;
    }
    return ok;
}

// ---- running ---------------------------------------------------------------------------------

typedef struct {
    ir_interp *before, *after;
    const ir_module *m; // before
    const ir_func *f, *g;
} pair;

// One step of both. rows is NULL for plain functions.
static bool step(const pair *p, const comparison *c, const int64_t *rows, int64_t pos,
                 uint64_t *state) {
    arena *a = arena_new();
    tensor *in = ARENA_ARRAY(a, tensor, p->f->params.count + 1);
    tensor *in_after = ARENA_ARRAY(a, tensor, p->g->params.count + 1);
    tensor *old = ARENA_ARRAY(a, tensor, p->f->results.count + 1);
    tensor *now = ARENA_ARRAY(a, tensor, p->g->results.count + 1);
    seed_inputs(p->m, p->f, state, rows, pos, a, in);
    bool ok = true;
    for (size_t i = 0; i < p->g->params.count; i++) {
        size_t j = 0;
        while (j < p->f->params.count &&
               strcmp(p->f->params.items[j].name, p->g->params.items[i].name) != 0)
            j++;
        if (j == p->f->params.count) {
            ok = differs(c, p->g->params.items[i].name, "depends on a parameter that is new");
        } else {
            in_after[i] = in[j];
        }
    }
    ok = ok && ir_interp_step(p->before, rows, in, a, old) &&
         ir_interp_step(p->after, rows, in_after, a, now) && compare_all(c, p->f, p->g, old, now);
    arena_free(a);
    return ok;
}

static bool check_func(const ir_module *before, const ir_func *f, const ir_module *after,
                       const ir_func *g, bool tokens, const comparison *c, const pass_options *o,
                       diag_sink *diags) {
    pair p = {ir_interp_new(before, f, o->threads, diags),
              ir_interp_new(after, g, o->threads, diags), before, f, g};
    uint64_t state = o->seed ^ 0x6f686d6963ull;
    bool ok = p.before && p.after;
    if (ok && !tokens) {
        ok = step(&p, c, NULL, 0, &state);
    } else if (ok) {
        int64_t total = CHECK_ROWS;
        for (int d = 0; d < IR_MAX_DOMAINS; d++) {
            if (!before->domain[d].used) continue;
            total = min_i64(total, ir_attr_int(&before->domain[d].attrs, IR_ATTR_max, total));
            total = ir_attr_int(&before->domain[d].attrs, IR_ATTR_fixed, total);
        }
        bool whole = strcmp(ir_attr_str(&before->attrs, IR_ATTR_class, "stream"), "whole") == 0;
        int64_t chunk = ir_attr_int(&before->attrs, IR_ATTR_max_chunk, total);
        for (int64_t pos = 0; ok && pos < total;) {
            int64_t n =
                whole ? total
                      : 1 + (int64_t)(next_random(&state) % (uint64_t)min_i64(chunk, total - pos));
            int64_t rows[IR_MAX_DOMAINS];
            for (int d = 0; d < IR_MAX_DOMAINS; d++) rows[d] = n;
            ok = step(&p, c, rows, pos, &state);
            pos += n;
        }
    }
    ir_interp_free(p.before);
    ir_interp_free(p.after);
    return ok;
}

static bool has_domains(const ir_func *f) {
    for (size_t i = 1; i < f->values.count; i++) {
        if (ir_type_domain(&f->values.items[i].type) >= 0) return true;
    }
    return false;
}

bool pass_check_equivalent(const ir_module *before, const ir_module *after, pass_class class,
                           const pass_options *o, diag_sink *diags) {
    bool ok = true;
    for (size_t i = 0; i < before->funcs.count; i++) {
        const ir_func *f = before->funcs.items[i];
        const ir_func *g = ir_func_find(after, f->name);
        if (!g || has_domains(f) != has_domains(g)) continue;
        comparison c = {f->name, class, diags};
        ok = check_func(before, f, after, g, has_domains(f), &c, o, diags) && ok;
    }
    return ok;
}
