// Does the form of a model that takes caches go on as the one without them does? It is executed: a
// token behind the caches that the form without gave, and the last of all tokens in that form.
#include "ir/eval/interp.h"
#include "passes/tokens/bind/bind.h"
#include "support/file/file.h"
#include "support/num/random.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { PAST = 5, ENCODER = 7, FIRST_ID = 3, IDS = 4 };
static const double TOLERANCE = 1e-4, HALVES = 5e-2; // of |a-b| / (1+|b|)

typedef struct {
    arena *a;
    ir_module *m;
    const ir_func *f;
    bind_form form;
    bind_counts n;
    tensor *in, *out;
} form_run;

// ---- inputs ----------------------------------------------------------------------------------

// Two files call one input by two names.
static const char *plain_name(const char *name) {
    static const char side[] = "decoder_";
    return strncmp(name, side, sizeof side - 1) == 0 ? name + sizeof side - 1 : name;
}

static size_t input_of(const form_run *r, size_t param) {
    size_t i = 0;
    while (strcmp(r->form.s->inputs[i].name, r->f->params.items[param].name) != 0) i++;
    return i;
}

static bool counts(const bind_role *role, int rank, const char *what) {
    for (int k = 0; k < rank; k++)
        if (strcmp(role->axis[k], what) == 0) return true;
    return false;
}

// Drawn from the input's name, token by token: rows behind a past are those of all tokens.
static tensor seeded(const form_run *r, size_t param, uint64_t seed) {
    const size_t i = input_of(r, param);
    const bind_role *role = &r->form.role[i];
    const ir_type *t = ir_type_of(r->f, r->f->params.items[param].value);
    const char *name = plain_name(r->f->params.items[param].name);
    tensor x = tensor_new(r->a, t->type, t->rank, t->dim);
    const size_t n = tensor_count(&x);
    const int64_t rows = counts(role, t->rank, "tokens") ? r->n.tokens : 0;
    const size_t skip = rows ? n / (size_t)rows * (size_t)r->n.past : 0;
    random_stream draws =
        random_of(seed, RANDOM_EXECUTION, (uint32_t)file_hash64(name, strlen(name)));
    for (size_t k = 0; k < skip + n; k++) {
        double v = random_f64(&draws);
        if (strcmp(role->role, "mask") == 0)
            v = 1;
        else if (strcmp(role->role, "positions") == 0)
            v = (double)k;
        else
            v = elem_is_float(t->type) ? 2 * v - 1 : FIRST_ID + floor(v * IDS);
        if (k >= skip) elem_store_f64(x.type, x.data, k - skip, v);
    }
    return x;
}

// The cache that `from` gave for an input; NULL: none of its shape.
static const tensor *cache_of(const form_run *from, const char *input, const ir_type *t) {
    const char *taken = bind_cache_taken(input);
    for (size_t i = 0; taken && i < from->f->results.count; i++) {
        const char *given = bind_cache_given(from->f->results.items[i].name);
        const tensor *x = &from->out[i];
        bool same = given && strcmp(taken, given) == 0 && x->rank == t->rank && x->type == t->type;
        for (int k = 0; same && k < x->rank; k++) same = x->dim[k] == t->dim[k];
        if (same) return x;
    }
    return NULL;
}

// ---- running ---------------------------------------------------------------------------------

static bool import(form_run *r, const char *name, diag_sink *diags) {
    bind_size unused;
    if (!bind_import(r->a, r->form.s, r->form.role, r->n, r->m, name, &unused, diags)) return false;
    r->f = ir_func_find(r->m, name);
    r->in = ARENA_ARRAY(r->a, tensor, r->f->params.count + 1);
    r->out = ARENA_ARRAY(r->a, tensor, r->f->results.count + 1);
    return true;
}

// from: what gave the caches; NULL: there are none. Why it cannot be run; NULL: it was.
static const char *run(form_run *r, const form_run *from, uint64_t seed, diag_sink *diags) {
    for (size_t i = 0; i < r->f->params.count; i++) {
        const ir_port *p = &r->f->params.items[i];
        const ir_type *t = ir_type_of(r->f, p->value);
        const bool is_past = strcmp(r->form.role[input_of(r, i)].role, "past") == 0;
        const tensor *cache = is_past && from ? cache_of(from, p->name, t) : NULL;
        if (is_past && from && !cache)
            return arena_printf(r->a, "no output gives what input '%s' takes", p->name);
        r->in[i] = cache ? *cache : seeded(r, i, seed);
    }
    ir_interp *t = ir_interp_new(r->m, r->f, 0, diags);
    const bool ok = t && ir_interp_step(t, NULL, r->in, r->a, r->out);
    ir_interp_free(t);
    return ok ? NULL : "it cannot be executed";
}

static bool has_halves(const ir_func *f) {
    for (size_t i = 1; i < f->values.count; i++) {
        const elem e = f->values.items[i].type.type;
        if (e == ELEM_f16 || e == ELEM_bf16) return true;
    }
    return false;
}

// How to have the form without caches alone.
static const char *cure(const form_run *step, const form_run *all) {
    const bind_source *s = all->form.s;
    if (step->form.s != s) return "without the third file";
    size_t i = 0;
    while (i + 1 < s->n_inputs && !all->form.role[i].is_branch) i++;
    return arena_printf(step->a, "--bind %s=0", s->inputs[i].name);
}

typedef struct {
    size_t compared, results; // that are no caches
    const char *other;        // one that is not compared, which the form without lacks
} comparison;

// Results that are no caches, against the last row of all tokens. False: reported.
static bool compare(const form_run *step, const form_run *all, double limit, comparison *c,
                    diag_sink *diags) {
    for (size_t i = 0; i < step->f->results.count; i++) {
        const char *name = step->f->results.items[i].name;
        const tensor *x = &step->out[i], *y = NULL;
        if (bind_cache_given(name)) continue;
        for (size_t k = 0; k < all->f->results.count; k++)
            if (strcmp(all->f->results.items[k].name, name) == 0) y = &all->out[k];
        const size_t n = tensor_count(x);
        c->results++;
        if (!y || tensor_count(y) < n) {
            c->other = name;
            continue;
        }
        c->compared++;
        for (size_t k = 0, first = tensor_count(y) - n; k < n; k++) {
            const double a = elem_load_f64(x->type, x->data, k),
                         b = elem_load_f64(y->type, y->data, first + k);
            if (a == b || fabs(a - b) <= limit * (1 + fabs(b))) continue;
            diag_emit(diags, DIAG_ID_tok_forms, DIAG_AT(NULL, name),
                      "behind caches of %d tokens the decoder gives %g at element %zu, as the last "
                      "of %d tokens %g: its two forms are not one model (compile the one without "
                      "caches alone: %s)",
                      PAST, a, k, PAST + 1, b, cure(step, all));
            return false;
        }
    }
    return true;
}

bool bind_check_cached(bind_form plain, bind_form cached, ir_module *m, uint64_t seed,
                       diag_sink *diags) {
    arena *a = arena_new();
    ir_module *own = ir_module_new();
    diag_sink *quiet = diag_sink_new();
    form_run all = {a, own, NULL, plain, {PAST + 1, ENCODER, 0}, NULL, NULL},
             before = {a, own, NULL, plain, {PAST, ENCODER, 0}, NULL, NULL},
             step = {a, own, NULL, cached, {1, ENCODER, PAST}, NULL, NULL};
    const char *why = NULL;
    bool same = true;
    comparison c = {0};
    if (!import(&all, "all", quiet) || !import(&before, "before", quiet) ||
        !import(&step, "step", quiet))
        why = diag_first_error(quiet, 0, a);
    if (!why) why = run(&all, NULL, seed, quiet);
    if (!why) why = run(&before, NULL, seed, quiet);
    if (!why) why = run(&step, &before, seed, quiet);
    const double limit = !why && has_halves(all.f) ? HALVES : TOLERANCE;
    if (!why) same = compare(&step, &all, limit, &c, diags);
    if (!why && !c.compared)
        why = c.other ? arena_printf(a, "its output '%s' is none of the form without", c.other)
                      : "its outputs are caches alone";
    if (why)
        vec_push(&m->notes,
                 arena_printf(m->arena, "the form that takes caches is not compared: %s", why));
    else if (same)
        vec_push(&m->proof, arena_printf(m->arena,
                                         "the form that takes caches, executed at token %d behind "
                                         "%d: as the last of %d without, within %.1e, in %zu of "
                                         "%zu outputs",
                                         PAST, PAST, PAST + 1, limit, c.compared, c.results));
    diag_sink_free(quiet);
    ir_module_free(own);
    arena_free(a);
    return same;
}
