// Do two modules compute the same? Both are interpreted on the same seeded inputs: plain functions
// once, token-typed ones as a sequence cut at random.
#include "ir/eval/interp.h"
#include "ir/ring.h"
#include "passes/pass.h"
#include "passes/witness.h"
#include "support/num/random.h"
#include "support/vec.h"
#include <math.h>
#include <string.h>

// ROUND: largest |a-b| / (1+|b|) of other orders and placements of f32 roundings, through a few
// layers. BOUNDED: PASS_BOUNDED_LIMIT, of 8-bit rows and weights on random data; a single code that
// tips over is no error of the pass.
#define ROUND_LIMIT 2e-4

#define CHECK_ROWS 24 // of a sequence, when the model takes as many

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
static void seed_inputs(const ir_module *m, const ir_func *f, random_stream *draws,
                        const int64_t *rows, int64_t pos, arena *a, tensor *inputs) {
    for (size_t i = 0; i < f->params.count; i++) {
        const ir_port *p = &f->params.items[i];
        ir_type t = *ir_type_of(f, p->value);
        if (ir_type_domain(&t) >= 0) t.dim[0] = rows[ir_type_domain(&t)];
        int64_t lo = ir_attr_int(&p->attrs, IR_ATTR_range_lo, 0);
        int64_t hi = ir_attr_int(&p->attrs, IR_ATTR_range_hi, 0);
        if (hi <= lo) hi = table_rows(m, f, p->value);
        if (ir_is_mask(p)) lo = 1;
        inputs[i] = tensor_new(a, t.type, t.rank, t.dim);
        for (size_t e = 0, n = tensor_count(&inputs[i]); e < n; e++) {
            double v = 1;
            if (elem_is_float(t.type))
                v = (2 * random_f64(draws) - 1) * 1.7;
            else if (ir_has_role(p, IR_ROLE_POSITIONS))
                v = (double)(pos + (int64_t)e);
            else if (hi > lo)
                v = (double)(lo + (int64_t)random_below(draws, (uint64_t)(hi - lo)));
            elem_store_f64(t.type, inputs[i].data, e, v);
        }
    }
}

// ---- comparing -------------------------------------------------------------------------------

typedef struct {
    const char *func;
    pass_class class;
    bool coarse; // integers of less than 8 bits, whose distance the witness tells: not compared
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

// Root mean square of after - before, in units of before's standard deviation (of 1 where all of it
// is one number).
static double relative_deviation(const tensor *before, const tensor *after) {
    size_t n = tensor_count(before);
    double sum = 0, squares = 0, errors = 0;
    for (size_t i = 0; i < n; i++) sum += elem_load_f64(before->type, before->data, i);
    for (size_t i = 0; i < n; i++) {
        double b = elem_load_f64(before->type, before->data, i),
               a = elem_load_f64(after->type, after->data, i);
        if (a != b && !(isnan(a) && isnan(b))) errors += (a - b) * (a - b);
        squares += (b - sum / (double)n) * (b - sum / (double)n);
    }
    return errors == 0 ? 0 : sqrt(errors / (squares > 0 ? squares : (double)n));
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
    } else if (c->class == PASS_BOUNDED) {
        double e = relative_deviation(before, after);
        if (!c->coarse && !(e <= PASS_BOUNDED_LIMIT))
            ok = differs(c, name,
                         arena_printf(a,
                                      "differs by %.3g of its own deviation (root mean square), "
                                      "allowed %.3g",
                                      e, PASS_BOUNDED_LIMIT));
    } else if (c->class == PASS_ROUND) {
        double worst = 0, limit = ROUND_LIMIT;
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

// ---- running ---------------------------------------------------------------------------------

enum { MOST_PHASES = 2 };

// Functions that run in turn: one, or the phases `encode` and `step` of one program.
typedef struct {
    const ir_module *m;
    const ir_func *f[MOST_PHASES];
    ir_interp *t[MOST_PHASES];
    size_t n;
} player;

static bool player_open(player *p, const ir_module *m, const ir_func *const *f, size_t n,
                        int threads, diag_sink *diags) {
    *p = (player){.m = m, .n = n};
    for (size_t i = 0; i < n; i++) p->f[i] = f[i];
    // the last one owns the rings: it stays when the others go
    p->t[n - 1] = ir_interp_new(m, f[n - 1], threads, diags);
    for (size_t i = 0; i + 1 < n && p->t[n - 1]; i++) p->t[i] = ir_interp_beside(p->t[n - 1], f[i]);
    for (size_t i = 0; i < n && p->t[n - 1]; i++) ir_interp_exact(p->t[i]);
    return p->t[n - 1] != NULL;
}

static void player_close(player *p) {
    for (size_t i = 0; i < p->n; i++) ir_interp_free(p->t[i]);
}

typedef struct {
    const char *name;
    tensor value;
} named;

typedef VEC(named) named_list;

static const named *find(const named_list *l, const char *name) {
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->items[i].name, name) == 0) return &l->items[i];
    return NULL;
}

// One step. begins: the first of a sequence, which an `encode` precedes. Inputs by name; those that
// are not there yet are seeded (draws) or, without draws, missed.
static bool player_step(player *p, const comparison *c, bool begins, const int64_t *rows,
                        int64_t pos, random_stream *draws, arena *a, named_list *in,
                        named_list *out) {
    for (size_t i = begins ? 0 : p->n - 1; i < p->n; i++) {
        const ir_func *f = p->f[i];
        tensor *inputs = ARENA_ARRAY(a, tensor, f->params.count + 1);
        tensor *results = ARENA_ARRAY(a, tensor, f->results.count + 1);
        int64_t own[IR_MAX_DOMAINS] = {0};
        for (int d = 0; rows && d < IR_MAX_DOMAINS; d++)
            own[d] = p->n > 1 && (d > 0) != (i == 0) ? 0 : rows[d]; // t0 steps, the others precede
        if (draws) seed_inputs(p->m, f, draws, own, pos, a, inputs);
        for (size_t k = 0; k < f->params.count; k++) {
            const char *name = f->params.items[k].name;
            const named *have = find(in, name);
            if (have)
                inputs[k] = have->value;
            else if (!draws)
                return differs(c, name, "depends on a parameter that is new");
            else
                vec_push(in, ((named){name, inputs[k]}));
        }
        if (!ir_interp_step(p->t[i], rows ? own : NULL, inputs, a, results)) return false;
        for (size_t k = 0; k < f->results.count; k++)
            vec_push(out, ((named){f->results.items[k].name, results[k]}));
    }
    return true;
}

// One step of both. Results are paired by name: a pass may drop some (their loss is noted), never
// add.
static bool step(player *before, player *after, const comparison *c, bool begins,
                 const int64_t *rows, int64_t pos, random_stream *draws) {
    arena *a = arena_new();
    named_list in = {0}, old = {0}, now = {0};
    bool ok = player_step(before, c, begins, rows, pos, draws, a, &in, &old) &&
              player_step(after, c, begins, rows, pos, NULL, a, &in, &now);
    for (size_t i = 0; ok && i < now.count; i++) {
        const named *was = find(&old, now.items[i].name);
        ok = was ? compare(c, was->name, &was->value, &now.items[i].value)
                 : differs(c, now.items[i].name, "is new");
    }
    vec_free(&in);
    vec_free(&old);
    vec_free(&now);
    arena_free(a);
    return ok;
}

// A sequence in random cuts; what another free domain than t0 counts comes with its first step.
static bool sequence(player *before, player *after, const comparison *c, random_stream *draws) {
    const ir_module *m = before->m;
    int64_t total = CHECK_ROWS, most[IR_MAX_DOMAINS];
    for (int d = 0; d < IR_MAX_DOMAINS; d++) {
        const ir_domain *x = &m->domain[d];
        most[d] = x->fixed ? x->fixed : min_i64(CHECK_ROWS, x->max ? x->max : CHECK_ROWS);
        if (x->used && d == 0) total = most[d];
    }
    bool whole = IR_WORD(&m->attrs, class, program_class, CLASS_STREAM) == IR_CLASS_WHOLE;
    int64_t chunk = ir_attr_int(&m->attrs, IR_ATTR_max_chunk, total);
    bool ok = true;
    for (int64_t pos = 0; ok && pos < total;) {
        int64_t n =
            whole ? total : 1 + (int64_t)random_below(draws, (uint64_t)min_i64(chunk, total - pos));
        int64_t rows[IR_MAX_DOMAINS];
        for (int d = 0; d < IR_MAX_DOMAINS; d++) {
            bool free_one = d > 0 && ir_domain_is(m, d, IR_DOMAIN_FREE);
            rows[d] = !free_one ? n : pos ? 0 : most[d];
        }
        ok = step(before, after, c, pos == 0, rows, pos, draws);
        pos += n;
    }
    return ok;
}

static bool check_funcs(const ir_module *before, const ir_func *const *f, size_t n_f,
                        const ir_module *after, const ir_func *const *g, size_t n_g, bool tokens,
                        const comparison *c, const pass_options *o, diag_sink *diags) {
    player p, q = {0};
    random_stream draws = random_of(o->seed, RANDOM_EQUIVALENCE, 0);
    bool ok = player_open(&p, before, f, n_f, o->threads, diags) &&
              player_open(&q, after, g, n_g, o->threads, diags);
    if (ok && !tokens) ok = step(&p, &q, c, true, NULL, 0, &draws);
    if (ok && tokens) ok = sequence(&p, &q, c, &draws);
    player_close(&p);
    player_close(&q);
    return ok;
}

static bool has_domains(const ir_func *f) {
    for (size_t i = 1; i < f->values.count; i++) {
        if (ir_type_domain(&f->values.items[i].type) >= 0) return true;
    }
    return false;
}

// The phases of a module that has an encoder and a decoder apart; 0: it has not.
static size_t phases_of(const ir_module *m, const ir_func **f) {
    f[0] = ir_func_find(m, "encode");
    f[1] = ir_func_find(m, "step");
    return f[0] && f[1] ? 2 : 0;
}

// A ring that was moved to another device, or to charges, or whose scores became quantised,
// computes something else, and is meant to: choose-readout, the only pass that changes rings, notes
// it and measures what it does.
bool pass_changes_device(const ir_module *before, const ir_module *after) {
    for (size_t i = 0; i < after->symbols.count; i++) {
        const ir_symbol *s = after->symbols.items[i], *old = ir_symbol_find(before, s->name);
        if (s->ring && old && old->ring &&
            (ir_ring_is_charge(s->ring) || ir_ring_is_coarse(s->ring)) &&
            !ir_ring_equal(old->ring, s->ring))
            return true;
    }
    return false;
}

bool pass_check_equivalent(const ir_module *before, const ir_module *after, pass_class class,
                           const pass_options *o, diag_sink *diags) {
    if (pass_changes_device(before, after)) return true;
    const ir_func *f[MOST_PHASES], *g[MOST_PHASES];
    size_t n_f = phases_of(before, f), n_g = phases_of(after, g);
    if (n_g && before->funcs.count == n_f + !n_f) { // the same program, perhaps just split
        if (!n_f) f[n_f++] = before->funcs.items[0];
        comparison c = {f[0]->name, class, pass_is_coarse(o->machine), diags};
        return check_funcs(before, f, n_f, after, g, n_g, true, &c, o, diags);
    }
    bool ok = true;
    for (size_t i = 0; i < before->funcs.count; i++) {
        f[0] = before->funcs.items[i];
        g[0] = ir_func_find(after, f[0]->name);
        if (!g[0] || has_domains(f[0]) != has_domains(g[0])) continue;
        comparison c = {f[0]->name, class, pass_is_coarse(o->machine), diags};
        ok = check_funcs(before, f, 1, after, g, 1, has_domains(f[0]), &c, o, diags) && ok;
    }
    return ok;
}
