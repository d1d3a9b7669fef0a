// Running functions: the values of a step, when they are released, and what stays between steps
// (positions and rings). What an operation computes is in the other files of ir/eval.
#include "ir/eval/eval.h"
#include "ir/eval/ring.h"
#include "ir/kernel/q8.h"
#include "ir/mapped.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ELEMENTS ((uint64_t)1 << 40) // of one value

typedef struct {
    tensor t;
    void *owned; // NULL: t.data belongs to the caller or the module
} value;

struct ir_interp {
    const ir_module *module;
    const ir_func *func;
    int threads;
    diag_sink *diags;
    bool plain; // no token domains
    bool whole; // every step is a whole sequence
    bool quick; // products
    bool exact; // converters of pools
    struct product_store *store;
    int64_t pos[IR_MAX_DOMAINS];
    ir_ring_state *rings; // NULL in plain functions
    bool borrows_rings;   // of another phase
    ir_history *history;  // of each operation; NULL in plain functions and whole ones
    uint32_t *last_use;   // operation after which a value goes; UINT32_MAX: a result stays
    value *values;        // of the step in progress
    ir_observer observer;
    void *observer_ctx;
};

// ---- making ----------------------------------------------------------------------------------

static bool is_whole(const ir_module *m, const ir_func *f) {
    const ir_attrs *l = ir_attr_has(&f->attrs, IR_ATTR_class) ? &f->attrs : &m->attrs;
    return IR_WORD(l, class, program_class, CLASS_STREAM) == IR_CLASS_WHOLE;
}

static uint32_t *last_uses(const ir_func *f) {
    uint32_t *last = base_calloc(f->values.count + 1, sizeof *last);
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        // A result that nobody reads goes at once.
        for (uint32_t k = 0; k < op->n_results; k++) last[op->result[k]] = (uint32_t)i;
        for (uint32_t k = 0; k < op->n_operands; k++) last[op->operand[k]] = (uint32_t)i;
    }
    for (size_t i = 0; i < f->results.count; i++) last[f->results.items[i].value] = UINT32_MAX;
    return last;
}

static ir_interp *interp_new(const ir_module *m, const ir_func *f, int threads, diag_sink *diags,
                             ir_ring_state *rings) {
    ir_interp *t = base_alloc(sizeof *t);
    *t = (ir_interp){.module = m, .func = f, .threads = threads, .diags = diags, .plain = true};
    t->borrows_rings = rings != NULL;
    for (size_t v = 1; v < f->values.count; v++)
        if (ir_type_domain(&f->values.items[v].type) >= 0) t->plain = false;
    t->whole = is_whole(m, f);
    if (!t->plain) {
        t->rings = rings ? rings : ring_states_new(m, diags);
        if (!t->rings) {
            free(t);
            return NULL;
        }
    }
    if (!t->plain && !t->whole) t->history = base_calloc(f->ops.count + 1, sizeof *t->history);
    t->last_use = last_uses(f);
    t->values = base_calloc(f->values.count + 1, sizeof *t->values);
    return t;
}

ir_interp *ir_interp_new(const ir_module *m, const ir_func *f, int threads, diag_sink *diags) {
    return interp_new(m, f, threads, diags, NULL);
}

ir_interp *ir_interp_beside(ir_interp *first, const ir_func *f) {
    return interp_new(first->module, f, first->threads, first->diags, first->rings);
}

static void forget(ir_interp *t) {
    for (size_t i = 0; t->history && i < t->func->ops.count; i++) {
        free(t->history[i].data);
        t->history[i] = (ir_history){0};
    }
}

void ir_interp_free(ir_interp *t) {
    if (!t) return;
    forget(t);
    free(t->history);
    if (!t->borrows_rings) ring_states_free(t->rings);
    free(t->last_use);
    free(t->values);
    free(t);
}

void ir_interp_exact(ir_interp *t) { t->exact = true; }
void ir_interp_quick(ir_interp *t) { t->quick = true; }

void ir_interp_share(ir_interp *t, struct product_store *s) { t->store = s; }

void ir_interp_reset(ir_interp *t) {
    memset(t->pos, 0, sizeof t->pos);
    forget(t);
    for (ir_ring_state *r = t->rings; r && r->symbol; r++) ring_clear(r);
}

// A whole sequence begins: with empty rings, but for those that another phase has filled.
static void begin_whole(ir_interp *t) {
    memset(t->pos, 0, sizeof t->pos);
    forget(t);
    for (size_t i = 0; i < t->func->ops.count; i++) {
        const ir_op *op = &t->func->ops.items[i];
        const char *ring = ir_reads_ring(op) ? NULL : ir_attr_str(&op->attrs, IR_ATTR_ring, NULL);
        ir_ring_state *r = ring ? ring_find(t->rings, ring) : NULL;
        if (r) ring_clear(r);
    }
}

void ir_interp_observe(ir_interp *t, ir_observer f, void *ctx) {
    t->observer = f;
    t->observer_ctx = ctx;
}

int64_t ir_interp_pos(const ir_interp *t, int domain) {
    return domain < 0 || domain >= IR_MAX_DOMAINS ? 0 : t->pos[domain];
}

void ir_interp_set_pos(ir_interp *t, int domain, int64_t pos) {
    CHECK(domain >= 0 && domain < IR_MAX_DOMAINS && pos >= 0, "domain %d, position %lld", domain,
          (long long)pos);
    t->pos[domain] = pos;
}

static bool step_fail(const ir_interp *t, const char *what, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static bool step_fail(const ir_interp *t, const char *what, const char *fmt, ...) {
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    diag_emit(t->diags, DIAG_ID_eval_input, DIAG_NOWHERE, "function '@%s': %s %s", t->func->name,
              what ? what : "", text);
    return false;
}

// ---- domains ---------------------------------------------------------------------------------

// Rows and position of a derived domain, from its parent's.
static bool derive(const ir_interp *t, int i, ir_eval_ctx *c) {
    const ir_domain *d = &t->module->domain[i];
    int64_t n, at;
    if (d->kind == IR_DOMAIN_LAST) {
        c->rows[i] = c->rows[d->of] > 0;
        c->pos[i] = c->pos[d->of] + max_i64(0, c->rows[d->of] - 1);
        return true;
    }
    if (!ir_domain_lin(d, c->rows[d->of], &n) || __builtin_mul_overflow(c->pos[d->of], d->mul, &at))
        return step_fail(t, "domain", "t%d cannot be derived from t%d", i, d->of);
    c->rows[i] = max_i64(0, n);
    c->pos[i] = at / d->div;
    return true;
}

static bool set_domains(ir_interp *t, const int64_t *rows, ir_eval_ctx *c) {
    const ir_module *m = t->module;
    bool known[IR_MAX_DOMAINS] = {false};
    for (int i = 0; i < IR_MAX_DOMAINS; i++) {
        const ir_domain *d = &m->domain[i];
        if (ir_domain_is(m, i, IR_DOMAIN_ONE)) {
            c->rows[i] = 1;
            known[i] = true;
        } else if (ir_domain_is(m, i, IR_DOMAIN_FREE)) {
            bool later = i > 0 && rows[i] == 0; // a step behind an encoder's
            if (rows[i] < 0 || (d->max && rows[i] > d->max) ||
                (d->fixed && rows[i] != d->fixed && !later))
                return step_fail(t, "domain", "t%d cannot have %lld rows", i, (long long)rows[i]);
            c->rows[i] = rows[i];
            c->pos[i] = t->pos[i];
            known[i] = true;
        }
    }
    for (int round = 0; round < IR_MAX_DOMAINS; round++) {
        for (int i = 0; i < IR_MAX_DOMAINS; i++) {
            int of = known[i] ? -1 : ir_domain_parent(m, i);
            if (of < 0 || !known[of]) continue;
            if (!derive(t, i, c)) return false;
            known[i] = true;
        }
    }
    for (int i = 0; i < IR_MAX_DOMAINS; i++)
        if (m->domain[i].used && !known[i])
            return step_fail(t, "domain", "t%d is derived from no domain", i);
    memcpy(t->pos, c->pos, sizeof t->pos); // derived ones can be asked for too
    return true;
}

// ---- values ----------------------------------------------------------------------------------

// Type and shape in this step; false: too large, or of an unknown domain. Reported.
static bool shape_of(const ir_interp *t, const ir_eval_ctx *c, const ir_type *type, tensor *out) {
    *out = (tensor){.type = type->type, .rank = type->rank};
    for (int i = 0; i < type->rank; i++) {
        int64_t d = type->dim[i];
        if (ir_dim_is_domain(d)) {
            int domain = ir_dim_domain(d);
            if (domain >= IR_MAX_DOMAINS || !t->module->domain[domain].used)
                return step_fail(t, "a value", "has the undefined domain t%d", domain);
            d = c->rows[domain];
        }
        out->dim[i] = d;
    }
    size_t count;
    return tensor_checked_count(out->dim, out->rank, MAX_ELEMENTS, &count) ||
           step_fail(t, "a value", "is too large");
}

static void value_alloc(value *v, const tensor *shape) {
    v->t = *shape;
    v->owned = base_calloc(q8_storage_bytes(shape) + 1, 1);
    v->t.data = v->owned;
}

static void value_free(value *v) {
    free(v->owned);
    *v = (value){0};
}

// Binds the input to parameter i: its own data, or a converted copy.
static bool bind_input(ir_interp *t, const ir_eval_ctx *c, size_t i, const tensor *given) {
    const ir_port *p = &t->func->params.items[i];
    const ir_type *type = ir_type_of(t->func, p->value);
    const char *name = p->name ? p->name : "";
    value *v = &t->values[p->value];
    tensor shape;
    if (!shape_of(t, c, type, &shape)) return false;
    bool token = ir_type_domain(type) >= 0;
    bool fits = token ? given->rank > 0 && given->dim[0] == shape.dim[0] &&
                            tensor_count(given) == tensor_count(&shape)
                      : tensor_same_shape(given, &shape);
    arena *a = arena_new();
    if (!fits)
        step_fail(t, name, "is %s, expected %s", tensor_shape_text(a, given),
                  tensor_shape_text(a, &shape));
    else if (given->type == ELEM_q8 || shape.type == ELEM_q8)
        fits = step_fail(t, name, "cannot be a quantised row");
    arena_free(a);
    if (!fits) return false;
    bool trailers = token && shape.type == ELEM_i32 && shape.rank == 2;
    if (given->type != shape.type || trailers) {
        value_alloc(v, &shape);
        elem_convert(shape.type, v->t.data, given->type, given->data, tensor_count(given));
    } else {
        v->t = shape;
        v->t.data = given->data;
    }
    return true;
}

// The operation may leave its result where its first operand is.
static bool works_in_place(ir_opcode code) {
    return code == IR_t_reshape || code == IR_net_send || code == IR_net_recv ||
           code == IR_net_recv_add;
}

// Where nobody reads the first operand behind the operation, its storage becomes the result's, for
// those that allow it. False: the result needs storage of its own.
static bool take_storage(ir_interp *t, const ir_op *op, uint32_t index, const tensor *shape) {
    if (!works_in_place(op->code) || op->n_operands == 0) return false;
    const ir_val from = op->operand[0];
    if (!ir_def(t->func, from) || t->last_use[from] != index) return false;
    value *v = &t->values[from];
    for (uint32_t k = 1; k < op->n_operands; k++)
        if (op->operand[k] == from) return false;
    if (!v->owned || v->t.type != shape->type || tensor_bytes(&v->t) != tensor_bytes(shape) ||
        q8_storage_bytes(&v->t) != q8_storage_bytes(shape))
        return false;
    if (op->code == IR_t_reshape && q8_storage_bytes(shape) != tensor_bytes(shape))
        return false; // trailers stay behind
    t->values[op->result[0]] = (value){.t = *shape, .owned = v->owned};
    t->values[op->result[0]].t.data = v->owned;
    v->owned = NULL; // the operand is read there still
    return true;
}

static bool run_op(ir_interp *t, ir_eval_ctx *c, uint32_t index) {
    const ir_op *op = &t->func->ops.items[index];
    enum { SMALL = 16 };
    const tensor *small_in[SMALL], **in = small_in;
    tensor small_out[SMALL];
    CHECK(op->n_results <= SMALL, "%u results", (unsigned)op->n_results);
    if (op->n_operands > SMALL) in = base_alloc(op->n_operands * sizeof *in);
    for (uint32_t k = 0; k < op->n_operands; k++)
        in[k] = op->operand[k] == IR_NONE ? NULL : &t->values[op->operand[k]].t;
    bool ok = true;
    const tensor *constant = NULL;
    if (op->code == IR_t_const) { // not copied
        constant = eval_table(c, op, ir_attr_str(&op->attrs, IR_ATTR_value, NULL));
        ok = constant != NULL;
        if (ok) t->values[op->result[0]] = (value){.t = *constant};
    } else {
        for (uint32_t k = 0; ok && k < op->n_results; k++) {
            tensor shape;
            ok = shape_of(t, c, ir_type_of(t->func, op->result[k]), &shape);
            if (ok && !take_storage(t, op, index, &shape))
                value_alloc(&t->values[op->result[k]], &shape);
            small_out[k] = t->values[op->result[k]].t;
        }
        ok = ok && ir_eval_op(c, op, in, small_out);
    }
    if (in != small_in) free(in);
    for (uint32_t k = 0; ok && t->observer && k < op->n_results; k++)
        t->observer(t->observer_ctx, op, k, &t->values[op->result[k]].t);
    for (uint32_t k = 0; k < op->n_operands; k++) {
        const ir_val v = op->operand[k];
        if (v != IR_NONE && t->last_use[v] == index && ir_def(t->func, v))
            value_free(&t->values[v]);
    }
    for (uint32_t k = 0; k < op->n_results; k++)
        if (t->last_use[op->result[k]] == index) value_free(&t->values[op->result[k]]);
    return ok;
}

// ---- results ---------------------------------------------------------------------------------

// Shape of an output that io.out operations fill: rows of their domain, as wide as they reach.
static bool port_shape(const ir_interp *t, const ir_eval_ctx *c, const char *port, tensor *out) {
    bool found = false;
    int64_t width = 0;
    for (size_t i = 0; i < t->func->ops.count; i++) {
        const ir_op *op = &t->func->ops.items[i];
        if (op->code != IR_io_out || strcmp(ir_attr_str(&op->attrs, IR_ATTR_port, ""), port) != 0)
            continue;
        const ir_type *type = ir_type_of(t->func, op->operand[0]);
        if (!shape_of(t, c, type, out)) return false;
        width = max_i64(width, ir_attr_int(&op->attrs, IR_ATTR_col0, 0) + ir_type_width(type));
        found = true;
    }
    if (!found) return step_fail(t, port, "is written by no operation");
    out->rank = 2;
    out->dim[1] = width;
    if (out->type == ELEM_q8) out->type = ELEM_f32;
    return true;
}

// A result as a tensor that can leave: quantised rows are widened.
static tensor result_copy(arena *a, const tensor *t) {
    if (t->type != ELEM_q8) return tensor_copy(a, t);
    tensor r = tensor_new(a, ELEM_f32, t->rank, t->dim);
    for (size_t i = 0; i < q8_rows(t); i++) eval_row_load(t, i, (float *)r.data + i * q8_width(t));
    return r;
}

static bool make_outputs(ir_interp *t, const ir_eval_ctx *c, arena *a, tensor *outputs) {
    for (size_t i = 0; i < t->func->results.count; i++) {
        const ir_port *p = &t->func->results.items[i];
        tensor shape;
        if (p->value != IR_NONE) continue;
        if (!port_shape(t, c, p->name ? p->name : "", &shape)) return false;
        outputs[i] = tensor_new(a, shape.type, shape.rank, shape.dim);
    }
    return true;
}

bool ir_interp_step(ir_interp *t, const int64_t *rows, const tensor *inputs, arena *a,
                    tensor *outputs) {
    const ir_func *f = t->func;
    if (!t->plain && !rows) return step_fail(t, NULL, "needs the rows of its domains");
    if (t->whole && !t->plain) begin_whole(t);
    ir_eval_ctx c = {.module = t->module,
                     .func = f,
                     .arena = a,
                     .threads = t->threads,
                     .rings = t->rings,
                     .history = t->history,
                     .quick = t->quick,
                     .exact = t->exact,
                     .store = t->store,
                     .diags = t->diags,
                     .outputs = outputs};
    bool ok = (t->plain || set_domains(t, rows, &c)) && make_outputs(t, &c, a, outputs);
    tensor *bound = base_calloc(f->params.count + 1, sizeof *bound);
    for (size_t i = 0; ok && i < f->params.count; i++) {
        ok = bind_input(t, &c, i, &inputs[i]);
        if (ok) bound[i] = t->values[f->params.items[i].value].t;
    }
    c.inputs = bound;
    for (size_t i = 0; ok && i < f->ops.count; i++) ok = run_op(t, &c, (uint32_t)i);
    for (size_t i = 0; ok && i < f->results.count; i++) {
        ir_val v = f->results.items[i].value;
        if (v != IR_NONE) outputs[i] = result_copy(a, &t->values[v].t);
    }
    for (size_t v = 0; v < f->values.count; v++) value_free(&t->values[v]);
    free(bound);
    for (int i = 0; ok && !t->plain && i < IR_MAX_DOMAINS; i++)
        if (ir_domain_is(t->module, i, IR_DOMAIN_FREE)) t->pos[i] += c.rows[i];
    return ok;
}

// ---- rings -----------------------------------------------------------------------------------

static ir_ring_state *ring_named(ir_interp *t, const char *name) {
    ir_ring_state *r = ring_find(t->rings, name);
    if (!r) step_fail(t, name, "is no ring");
    return r;
}

bool ir_interp_ring_load(ir_interp *t, const char *ring, int64_t end, const tensor *k,
                         const tensor *v) {
    ir_ring_state *r = ring_named(t, ring);
    if (!r) return false;
    int64_t n = k->rank ? k->dim[0] : 0;
    if (n > end || tensor_count(k) != (size_t)(n * r->n_kv * r->d) || v->rank == 0 ||
        v->dim[0] != n || tensor_count(v) != (size_t)(n * r->n_kv * r->dv))
        return step_fail(t, ring, "cannot take these keys and values");
    eval_view kv = eval_view_as(k, ELEM_f32), vv = eval_view_as(v, ELEM_f32);
    ring_clear(r);
    ring_write(r, end - n, n, kv.data, vv.data, NULL);
    eval_view_free(&kv);
    eval_view_free(&vv);
    return true;
}

bool ir_interp_ring_read(ir_interp *t, const char *ring, arena *a, tensor *k, tensor *v) {
    ir_ring_state *r = ring_named(t, ring);
    if (!r) return false;
    int64_t n, from = ring_newest(r, &n);
    *k = tensor_new(a, ELEM_f32, 2, (int64_t[]){n, r->n_kv * r->d});
    *v = tensor_new(a, ELEM_f32, 2, (int64_t[]){n, r->n_kv * r->dv});
    float *to_k = k->data, *to_v = v->data;
    for (int64_t i = 0; i < n; i++)
        for (int64_t h = 0; h < r->n_kv; h++) {
            for (int64_t e = 0; e < r->d; e++)
                *to_k++ = r->k[(h * r->d + e) * r->capacity + from + i];
            for (int64_t e = 0; e < r->dv; e++)
                *to_v++ = r->v[(h * r->capacity + from + i) * r->dv + e];
        }
    return true;
}
