// A graph, compiled and run; see try.h.
//
// On a chip of real numbers every number is the graph's. On one of integers the program is, to the
// bit, what the interpreter makes of the mapped module, which the compile's own check has compared
// with the graph as a whole, at the length it is calibrated at. Where that finds it too far away,
// or where it is here, at other lengths, further from the graph than zeros are, the graph is
// coarse.
#include "tests/graphs/try.h"
#include "backend/backend.h"
#include "host/host.h"
#include "ir/eval/interp.h"
#include "ir/verify/verify.h"
#include "isa/file/file.h"
#include "isa/verify/verify.h"
#include "passes/tokens/bind/bind.h"
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

const char *try_name(try_verdict v) {
    static const char *const names[] = {"same", "refused", "vague", "coarse", "caught", "differs"};
    return names[v];
}

// ---- compiling -------------------------------------------------------------------------------

// Lengths of an import, from the first axis that says them.
static bool import(void *ctx, const bind_shape *shapes, const tensor_named *values, size_t n_values,
                   ir_module *m, const char *name, bind_size *wanted, diag_sink *diags) {
    (void)wanted;
    (void)values;
    (void)n_values;
    const graph *g = ctx;
    int64_t tokens = -1, past = 0;
    size_t port = 0;
    for (size_t i = 0; i < g->nodes.count; i++) {
        const graph_node *x = &g->nodes.items[i];
        if (x->kind != NODE_INPUT) continue;
        const bind_shape *s = &shapes[port++];
        for (int k = 0; k < s->rank; k++) {
            count c = x->is.dim[k];
            if (c.t == 1 && !c.p && !c.c) tokens = s->dim[k];
            if (!c.t && c.p == 1 && !c.c) past = s->dim[k];
        }
    }
    CHECK(tokens >= 0, "no input counts tokens");
    return graph_build(g, tokens, past, 0, m, name, diags);
}

static bind_source source_of(const graph *g, arena *a) {
    bind_port *p = ARENA_ARRAY(a, bind_port, g->nodes.count + 1);
    size_t n = 0;
    for (size_t i = 0; i < g->nodes.count; i++) {
        const graph_node *x = &g->nodes.items[i];
        if (x->kind != NODE_INPUT) continue;
        bind_port *q = &p[n++];
        *q = (bind_port){.name = x->name, .type = x->type, .rank = x->is.rank};
        for (int k = 0; k < q->rank; k++) {
            count c = x->is.dim[k];
            q->dim[k] = is_number(c) ? (bind_dim){c.c, NULL}
                                     : (bind_dim){-1, c.t && c.p ? "total"
                                                      : c.t      ? "seq"
                                                                 : "past"};
        }
    }
    return (bind_source){.ctx = (void *)g, .inputs = p, .n_inputs = n, .import = import};
}

typedef struct {
    const graph *g;
    const try_options *o;
    uint64_t check; // seed of the compile's own check
    arena *a;
    diag_sink *diags;
    ir_module *module;
    isa_program *program;
    program_file file;
    engine *engine, *mapped; // the program; of integers, the mapped module
    try_result result;
} attempt;

// Something was reported: by a compiler that knows itself at fault, or not.
static bool give_up(attempt *t, try_verdict v) {
    const diag *first = NULL;
    for (size_t i = 0; i < diag_count(t->diags); i++)
        if (diag_get(t->diags, i)->severity == DIAG_INTERNAL) v = TRY_CAUGHT;
    t->result.verdict = v;
    for (size_t i = 0; i < diag_count(t->diags) && !first; i++)
        if (diag_get(t->diags, i)->severity >= DIAG_ERROR) first = diag_get(t->diags, i);
    t->result.why = first ? first->id : DIAG_ID_usage;
    const char *text = first ? diag_first_error(t->diags, 0, t->a) : "refused without a word";
    snprintf(t->result.text, sizeof t->result.text, "%s", text);
    return false;
}

static bool compile(attempt *t) {
    pass_options o = pass_options_default();
    const char *chip = t->o->chip ? t->o->chip : "ideal";
    o.machine = machine_load(t->a, chip, &t->o->set, t->o->set != NULL, t->diags);
    if (!o.machine) return give_up(t, TRY_REFUSED);
    o.threads = 1;
    o.seed = t->check;
    o.max_tokens = t->g->max_tokens;
    o.max_chunk = t->g->max_chunk;
    bind_source s = source_of(t->g, t->a);
    ir_module *reference = NULL;
    t->module = bind_module(&s, &(bind_options){.o = &o}, &reference, t->diags);
    if (!t->module) return give_up(t, TRY_REFUSED);
    pass_pipeline p = {0};
    pass_pipeline_until(&p, PASS_ID_allocate);
    o.reference = reference;
    ir_module *done = pass_run_pipeline(&p, t->module, &o, NULL, t->diags);
    vec_free(&p);
    ir_module_free(t->module);
    ir_module_free(reference);
    t->module = done;
    if (!done) return give_up(t, TRY_REFUSED);
    t->program = be_emit(done, o.machine, "test", t->diags);
    if (!t->program) return give_up(t, TRY_REFUSED);
    return isa_verify(t->program, o.machine, "program", t->diags) || give_up(t, TRY_CAUGHT);
}

static bool load(attempt *t) {
    const char *folder = getenv("TMPDIR");
    char *path = arena_printf(t->a, "%s/ohmic-graph-%d.ohm", folder ? folder : "/tmp", getpid());
    bool ok = isa_write(t->program, path, t->diags) && program_open(&t->file, path, t->a, t->diags);
    unlink(path); // what is mapped stays
    sim_options so = {.threads = 1};
    if (ok) t->engine = engine_of_program(&t->file, &so, t->diags);
    if (t->o->codes) t->mapped = engine_of_module(t->module, 1, t->diags);
    return (t->engine && (t->mapped || !t->o->codes)) || give_up(t, TRY_CAUGHT);
}

// ---- running ---------------------------------------------------------------------------------

// One run: so many tokens behind a past, of all of which some are hidden.
typedef struct {
    int64_t tokens, past, pad;
    const tensor_set *before; // outputs of the run that this one goes on from; NULL: none
} try_run;

// pad > 0: hidden behind; < 0: in front.
static bool is_hidden_at(const try_run *r, int64_t at) {
    return r->pad > 0 ? at >= r->tokens + r->past - r->pad : at < -r->pad;
}

static const tensor *named(const tensor_set *s, const char *name) {
    for (size_t i = 0; s && i < s->count; i++)
        if (strcmp(s->items[i].name, name) == 0) return &s->items[i].value;
    return NULL;
}

// The place among all tokens of element i of a value of the shape; -1: it has none.
static int64_t token_of(const shape *s, const tensor *v, size_t i, const try_run *r) {
    int64_t at = -1;
    for (int k = v->rank; k-- > 0;) {
        int64_t x = (int64_t)(i % (size_t)v->dim[k]);
        i /= (size_t)v->dim[k];
        if (s->dim[k].t && !s->dim[k].p)
            at = r->past + x / max_i64(1, s->dim[k].c) % r->tokens;
        else if (s->dim[k].p)
            at = x;
    }
    return at;
}

static tensor input_of(const attempt *t, node number, const try_run *r, double shake) {
    const graph_node *x = &t->g->nodes.items[number];
    tensor in = {.type = x->type, .rank = x->is.rank};
    for (int i = 0; i < in.rank; i++) in.dim[i] = count_at(x->is.dim[i], r->tokens, r->past);
    in = tensor_new(t->a, in.type, in.rank, in.dim);
    const uint32_t about = (uint32_t)(r->tokens + 64 * (int64_t)number);
    random_stream draws = random_of(t->o->seed, RANDOM_TEST, about),
                  moves = random_of(t->o->seed, RANDOM_TEST, 10000 + about);
    const bool is_mask = strstr(x->name, "mask") != NULL,
               is_turned = strstr(x->name, "key_padding") != NULL, // 1 for what is hidden
        counts = strstr(x->name, "position") != NULL,
               is_past = strncmp(x->name, "past_key_values", 15) == 0;
    const tensor *kept =
        is_past ? named(r->before, arena_printf(t->a, "present%s", x->name + 15)) : NULL;
    for (size_t i = 0, n = tensor_count(&in); i < n; i++) {
        const int64_t at = token_of(&x->is, &in, i, r);
        double v = is_mask                  ? is_hidden_at(r, at) == is_turned
                   : counts                 ? (double)max_i64(0, at + (r->pad < 0 ? r->pad : 0))
                   : kept                   ? elem_load_f64(kept->type, kept->data, i)
                   : elem_is_float(x->type) ? (double)random_float(&draws)
                                            : (double)random_below(&draws, (uint64_t)x->hi);
        if (is_past && is_hidden_at(r, at)) v = 100; // must not matter
        if (elem_is_float(x->type) && !is_mask) v *= 1 + shake * (double)random_float(&moves);
        elem_store_f64(x->type, in.data, i, v);
    }
    return in;
}

static tensor_set inputs_of(const attempt *t, const try_run *r, double shake) {
    tensor_set in = {ARENA_ARRAY(t->a, tensor_named, t->g->nodes.count + 1), 0};
    for (node i = 0; i < (node)t->g->nodes.count; i++)
        if (t->g->nodes.items[i].kind == NODE_INPUT)
            in.items[in.count++] =
                (tensor_named){t->g->nodes.items[i].name, input_of(t, i, r, shake)};
    return in;
}

// The graph itself on the interpreter; NULL: it cannot be evaluated.
static tensor *expected(attempt *t, const try_run *r, double shake) {
    const tensor_set inputs = inputs_of(t, r, shake);
    ir_module *m = ir_module_new();
    tensor *out = ARENA_ARRAY(t->a, tensor, MAX_OUTPUTS + 1),
           *in = ARENA_ARRAY(t->a, tensor, inputs.count + 1);
    for (size_t i = 0; i < inputs.count; i++) in[i] = inputs.items[i].value;
    bool ok = graph_build(t->g, r->tokens, r->past, shake, m, "graph", t->diags);
    ir_interp *i = ok ? ir_interp_new(m, m->funcs.items[0], 1, t->diags) : NULL;
    ok = i && ir_interp_step(i, NULL, in, t->a, out);
    ir_interp_free(i);
    ir_module_free(m);
    return ok ? out : NULL;
}

static bool differs(attempt *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool differs(attempt *t, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(t->result.text, sizeof t->result.text, fmt, ap);
    va_end(ap);
    t->result.verdict = TRY_DIFFERS;
    return false;
}

// Is the element one that counts? What is hidden does not.
static bool counts(const graph_node *x, const tensor *v, size_t i, const try_run *r) {
    const int64_t at = token_of(&x->is, v, i, r);
    return at < 0 || !is_hidden_at(r, at);
}

static bool compare_each(attempt *t, int output, const tensor *got, const tensor *want,
                         const tensor *near, const try_run *r) {
    const graph_node *x = &t->g->nodes.items[t->g->output[output]];
    const double tolerance = t->o->tolerance > 0 ? t->o->tolerance : 1e-3;
    for (size_t i = 0, n = tensor_count(want); i < n; i++) {
        double a = elem_load_f64(got->type, got->data, i),
               b = elem_load_f64(want->type, want->data, i),
               c = elem_load_f64(near->type, near->data, i);
        if (!counts(x, want, i, r) || a == b || (isnan(a) && isnan(b))) continue;
        double unsure = fabs(b - c) / (1 + fabs(b));
        if (!(unsure <= 1e-4) || fabs(b) > 1e30) {
            t->result.verdict = TRY_VAGUE;
            continue;
        }
        if (fabs(a - b) / (1 + fabs(b)) <= tolerance) continue;
        return differs(t,
                       "output '%s', element %zu of %s: %g, the graph gives %g (%lld tokens behind "
                       "%lld, %lld hidden)",
                       t->g->output_name[output], i, tensor_shape_text(t->a, want), a, b,
                       (long long)r->tokens, (long long)r->past, (long long)r->pad);
    }
    return true;
}

// Root mean square of a - b where it counts.
static double distance(const graph_node *x, const tensor *a, const tensor *b, const try_run *r) {
    double sum = 0;
    size_t n = tensor_count(a);
    for (size_t i = 0; i < n; i++) {
        if (!counts(x, a, i, r)) continue;
        const double d = elem_load_f64(a->type, a->data, i) - elem_load_f64(b->type, b->data, i);
        sum += d * d;
    }
    return sqrt(sum / (double)(n + !n));
}

static bool compare_whole(attempt *t, int output, const tensor *got, const tensor *want,
                          const try_run *r) {
    const graph_node *x = &t->g->nodes.items[t->g->output[output]];
    tensor zero = tensor_new(t->a, want->type, want->rank, want->dim);
    const double error = distance(x, got, want, r), size = distance(x, want, &zero, r);
    if (error >= size && t->result.verdict == TRY_SAME) t->result.verdict = TRY_COARSE;
    return true;
}

static bool compare(attempt *t, int output, const tensor *got, const tensor *want,
                    const tensor *near, const try_run *r) {
    if (!tensor_same_shape(got, want))
        return differs(t, "output '%s' is %s, the graph gives %s", t->g->output_name[output],
                       tensor_shape_text(t->a, got), tensor_shape_text(t->a, want));
    return t->o->codes ? compare_whole(t, output, got, want, r)
                       : compare_each(t, output, got, want, near, r);
}

// What numbers are moved by to see how much hangs on it: a digit that f32 has not.
static const double DIGIT = 1e-6;

static bool run(attempt *t, const try_run *r, tensor_set *got) {
    const tensor_set in = inputs_of(t, r, 0);
    tensor *want = expected(t, r, 0), *other = expected(t, r, DIGIT);
    if (!want || !other) {
        t->result.verdict = TRY_VAGUE;
        return true;
    }
    // What the program does not read it does not ask for.
    const engine_info *info = engine_describe(t->engine);
    tensor_set given = {ARENA_ARRAY(t->a, tensor_named, in.count + 1), 0};
    for (size_t i = 0; i < in.count; i++) {
        bool asked = strncmp(in.items[i].name, "past_key_values", 15) == 0;
        for (size_t k = 0; k < info->n_ports; k++)
            asked |= info->ports[k].input && strcmp(info->ports[k].name, in.items[i].name) == 0;
        if (asked) given.items[given.count++] = in.items[i];
    }
    tensor_set same;
    if (!host_run(t->engine, &given, NULL, t->a, got, t->diags)) return give_up(t, TRY_REFUSED);
    if (t->mapped && !host_run(t->mapped, &given, NULL, t->a, &same, t->diags))
        return give_up(t, TRY_CAUGHT);
    const sim_stats events = sim_totals(engine_sim(t->engine));
    for (size_t i = 0; t->mapped && events.adc_clipped == 0 && i < got->count; i++)
        if (!tensor_equal_bits(&got->items[i].value, &same.items[i].value))
            return differs(t, "output '%s' of the program is not that of the mapped module",
                           got->items[i].name);
    for (int i = 0; i < t->g->n_outputs; i++) {
        const tensor *out = named(got, t->g->output_name[i]);
        if (!out && t->o->all) return differs(t, "output '%s' was dropped", t->g->output_name[i]);
        if (out && !compare(t, i, out, &want[i], &other[i], r)) return false;
    }
    return true;
}

static bool run_all(attempt *t) {
    const try_options *o = t->o;
    tensor_set got[ARRAY_LEN(o->length)] = {0};
    int64_t total = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < ARRAY_LEN(o->length) && o->length[i]; i++) {
        try_run r = {.tokens = o->length[i], .past = o->past[i], .pad = o->padding[i]};
        if (r.past == TRY_FOLLOWS) {
            r.past = total;
            r.before = &got[i - 1];
        }
        ok = run(t, &r, &got[i]);
        total = r.past + r.tokens;
    }
    return ok;
}

// The graph's numbers hang on the last bits of its constants, at the check's length.
static bool is_vague(attempt *t) {
    const try_run r = {.tokens = 37};
    tensor *a = expected(t, &r, 0), *b = expected(t, &r, DIGIT);
    if (!a || !b) return true;
    for (int i = 0; i < t->g->n_outputs; i++)
        if (!(tensor_max_error(&a[i], &b[i], NULL) < 2e-5)) return true;
    return false;
}

static try_result try_once(const graph *g, const try_options *o, uint64_t check) {
    attempt t = {.g = g, .o = o, .check = check, .a = arena_new(), .diags = diag_sink_new()};
    if (compile(&t) && load(&t)) run_all(&t);
    if (t.result.verdict == TRY_CAUGHT && t.result.why == DIAG_ID_tok_differs && is_vague(&t))
        t.result.verdict = TRY_VAGUE;
    if (t.result.verdict == TRY_CAUGHT && t.result.why == DIAG_ID_pass_differs && o->codes)
        t.result.verdict = TRY_COARSE;
    // What a compile warns of shows in real numbers; integers are what the mapped module gives.
    const bool may_show =
        t.result.verdict == TRY_SAME || (t.result.verdict == TRY_DIFFERS && !o->codes);
    for (size_t i = 0; i < diag_count(t.diags) && may_show; i++)
        if (diag_get(t.diags, i)->id == DIAG_ID_pass_coarse) {
            t.result.verdict = TRY_COARSE;
            snprintf(t.result.text, sizeof t.result.text, "%s", diag_get(t.diags, i)->message);
        }
    engine_free(t.engine);
    engine_free(t.mapped);
    program_close(&t.file);
    isa_program_free(t.program);
    ir_module_free(t.module);
    diag_sink_free(t.diags);
    arena_free(t.a);
    return t.result;
}

// A difference that the compile's own check finds on some inputs and not on others is one of digits
// that cancel; a fault is there on all.
try_result graph_try(const graph *g, const try_options *o) {
    try_result first = try_once(g, o, 0);
    for (uint64_t check = 1; check < 4; check++) {
        if (first.verdict != TRY_CAUGHT || first.why != DIAG_ID_tok_differs) break;
        if (try_once(g, o, check).verdict != TRY_CAUGHT) first.verdict = TRY_VAGUE;
    }
    return first;
}
