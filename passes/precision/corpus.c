// Reading token lists and running functions over them; see corpus.h.
#include "passes/precision/corpus.h"
#include "support/file/json.h"
#include "support/num/num.h"
#include "support/parallel.h"
#include <stdlib.h>
#include <string.h>

// ---- reading ---------------------------------------------------------------------------------

static bool bad(const char *path, diag_sink *diags, const char *what) {
    diag_emit(diags, DIAG_ID_calibration_text, DIAG_FILE(path), "%s", what);
    return false;
}

static bool read_list(const json_t *from, arena *a, corpus_list *out) {
    if (!json_is_array(from)) return false;
    int64_t *ids = ARENA_ARRAY(a, int64_t, json_array_size(from) + 1);
    out->ids = ids;
    for (out->n = 0; out->n < json_array_size(from); out->n++) {
        const json_t *id = json_array_get(from, out->n);
        if (!json_is_integer(id)) return false;
        ids[out->n] = json_integer_value(id);
    }
    return true;
}

bool corpus_read(arena *a, const char *path, const json_t *json, corpus *out, diag_sink *diags) {
    *out = (corpus){.path = arena_str(a, path)};
    json_t *own = json ? NULL : json_file_read(path, diags);
    const json_t *root = json ? json : own;
    if (!root) return false;
    const json_t *lists = json_is_object(root) ? json_object_get(root, "calibration_tokens") : root;
    bool ok = json_is_array(lists);
    size_t n = ok ? json_array_size(lists) : 0;
    out->lists = ARENA_ARRAY(a, corpus_list, n + 1);
    for (; ok && out->n_lists < n; out->n_lists++) {
        corpus_list *l = &out->lists[out->n_lists];
        ok = read_list(json_array_get(lists, out->n_lists), a, l);
        out->n_tokens += l->n;
    }
    json_decref(own);
    if (!ok)
        return bad(path, diags,
                   "calibration text must be a list of lists of token ids, or an object with one "
                   "under \"calibration_tokens\"");
    return out->n_tokens > 0 || bad(path, diags, "the calibration text holds no token");
}

corpus corpus_head(arena *a, const corpus *c, size_t tokens) {
    corpus out = {.path = c->path, .lists = ARENA_ARRAY(a, corpus_list, c->n_lists + 1)};
    for (size_t i = 0; i < c->n_lists && out.n_tokens < tokens; i++) {
        size_t room = tokens - out.n_tokens, n = c->lists[i].n < room ? c->lists[i].n : room;
        out.lists[out.n_lists++] = (corpus_list){c->lists[i].ids, n};
        out.n_tokens += n;
    }
    return out;
}

// ---- what a function takes -------------------------------------------------------------------

// Numbers from 0 on that a port takes: of a vocabulary, where it is one; 0: of none.
static int64_t vocabulary_of(const ir_port *p) {
    const int64_t lo = ir_attr_int(&p->attrs, IR_ATTR_range_lo, 0);
    return lo < 0 ? 0 : ir_attr_int(&p->attrs, IR_ATTR_range_hi, 0);
}

const ir_port *corpus_port(const ir_func *f, int domain) {
    const ir_port *best = NULL;
    for (size_t i = 0; i < f->params.count; i++) {
        const ir_port *p = &f->params.items[i];
        if (!ir_has_role(p, IR_ROLE_TOKENS) || ir_type_domain(ir_type_of(f, p->value)) != domain)
            continue;
        if (!best || vocabulary_of(p) > vocabulary_of(best)) best = p;
    }
    return best;
}

static bool is_encoder(const ir_module *m, int domain) {
    return domain > 0 && ir_domain_is(m, domain, IR_DOMAIN_FREE);
}

void corpus_rows(const ir_module *m, int64_t n, int64_t encoder, bool first, int64_t *rows) {
    for (int d = 0; d < IR_MAX_DOMAINS; d++) {
        rows[d] = !is_encoder(m, d) ? n : first ? min_i64(encoder, m->domain[d].max) : 0;
    }
}

void corpus_inputs(const ir_func *f, const int64_t *ids, const int64_t *rows, int64_t pos, arena *a,
                   tensor *inputs) {
    for (size_t i = 0; i < f->params.count; i++) {
        const ir_port *p = &f->params.items[i];
        ir_type t = *ir_type_of(f, p->value);
        const ir_port *vocabulary = corpus_port(f, ir_type_domain(&t));
        int64_t n = rows[max_i64(0, ir_type_domain(&t))];
        if (ir_type_domain(&t) >= 0) t.dim[0] = n;
        tensor x = tensor_new(a, t.type, t.rank, t.dim);
        for (int64_t r = 0; r < n && t.rank > 0; r++) {
            int64_t v = p == vocabulary                     ? ids[r]
                        : ir_is_mask(p)                     ? 1
                        : ir_has_role(p, IR_ROLE_POSITIONS) ? pos + r
                                                            : 0;
            elem_store_i64(t.type, x.data, (size_t)r, v);
        }
        inputs[i] = x;
    }
}

static bool is_stream(const ir_module *m) {
    return IR_WORD(&m->attrs, class, program_class, CLASS_STREAM) == IR_CLASS_STREAM;
}

static int64_t chunk_of(const ir_module *m) {
    return ir_attr_int(&m->attrs, IR_ATTR_max_chunk, 64);
}

int64_t corpus_longest(const ir_module *m) {
    return is_stream(m) ? ir_attr_int(&m->attrs, IR_ATTR_max_tokens, INT64_MAX) : chunk_of(m);
}

bool corpus_fit(corpus *c, const ir_module *m, const ir_func *f, diag_sink *diags) {
    const ir_port *port = corpus_port(f, 0);
    if (!port) return bad(c->path, diags, "the model reads no tokens, so it cannot read this text");
    int64_t lo = ir_attr_int(&port->attrs, IR_ATTR_range_lo, 0),
            hi = ir_attr_int(&port->attrs, IR_ATTR_range_hi, INT64_MAX);
    int64_t fixed = m->domain[0].fixed;
    int64_t most = corpus_longest(m);
    size_t kept = 0;
    c->n_tokens = 0;
    for (size_t i = 0; i < c->n_lists; i++) {
        corpus_list l = c->lists[i];
        for (size_t k = 0; k < l.n; k++) {
            if (l.ids[k] >= lo && l.ids[k] < hi) continue;
            diag_emit(diags, DIAG_ID_calibration_text, DIAG_FILE(c->path),
                      "entry %zu of list %zu is the id %lld, outside the model's %lld ... %lld: "
                      "the text was made by another tokenizer",
                      k + 1, i + 1, (long long)l.ids[k], (long long)lo, (long long)hi - 1);
            return false;
        }
        if ((int64_t)l.n > most) l.n = (size_t)most;
        if (l.n == 0 || (fixed && (int64_t)l.n != fixed)) continue;
        c->lists[kept++] = l;
        c->n_tokens += l.n;
    }
    c->n_lists = kept;
    if (kept) return true;
    diag_emit(diags, DIAG_ID_calibration_text, DIAG_FILE(c->path),
              "no list of the calibration text has the %lld tokens this model is frozen at",
              (long long)fixed);
    return false;
}

double corpus_macs(const ir_func *f) {
    double sum = 1;
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        if (op->code != IR_nn_linear) continue;
        const ir_type *w = ir_type_of(f, op->operand[1]);
        sum += (double)w->dim[0] * (double)w->dim[1];
    }
    return sum;
}

// ---- running ---------------------------------------------------------------------------------

typedef struct {
    const ir_module *m;
    const ir_func *f;
    const corpus *c;
    const corpus_watch *w;
    int inner;    // threads of one interpreter
    bool *failed; // of each list
} runner;

typedef struct {
    const corpus_watch *w;
    size_t list;
} listener;

static void observe(void *ctx, const ir_op *op, uint32_t result, const tensor *value) {
    const listener *l = ctx;
    l->w->value(l->w->ctx, l->list, op->result[result], value);
}

static bool run_list(const runner *r, size_t i, diag_sink *diags) {
    const corpus_list *l = &r->c->lists[i];
    ir_interp *t = ir_interp_new(r->m, r->f, r->inner, diags);
    if (!t) return false;
    listener hears = {r->w, i};
    if (r->w->value) ir_interp_observe(t, observe, &hears);
    bool ok = true;
    int64_t n = (int64_t)l->n, chunk = is_stream(r->m) ? chunk_of(r->m) : n;
    for (int64_t pos = 0; ok && pos < n; pos += chunk) {
        int64_t rows[IR_MAX_DOMAINS], k = min_i64(chunk, n - pos);
        corpus_rows(r->m, k, k, pos == 0, rows);
        arena *a = arena_new();
        tensor *inputs = ARENA_ARRAY(a, tensor, r->f->params.count + 1);
        tensor *outputs = ARENA_ARRAY(a, tensor, r->f->results.count + 1);
        corpus_inputs(r->f, l->ids + pos, rows, pos, a, inputs);
        if (r->w->value)
            for (size_t p = 0; p < r->f->params.count; p++)
                r->w->value(r->w->ctx, i, r->f->params.items[p].value, &inputs[p]);
        ok = ir_interp_step(t, rows, inputs, a, outputs);
        if (ok && r->w->step) r->w->step(r->w->ctx, i, pos, k, outputs);
        arena_free(a);
    }
    ir_interp_free(t);
    return ok;
}

static void run_lists(void *ctx, size_t begin, size_t end) {
    const runner *r = ctx;
    diag_sink *own = diag_sink_new(); // a sink is not shared between threads
    for (size_t i = begin; i < end; i++) r->failed[i] = !run_list(r, i, own);
    diag_sink_free(own);
}

bool corpus_run(const ir_module *m, const ir_func *f, const corpus *c, int threads,
                const corpus_watch *w, diag_sink *diags) {
    int cores = threads ? threads : parallel_cores();
    bool side = c->n_lists >= (size_t)cores; // else one after the other, each on all threads
    runner r = {m, f, c, w, side ? 1 : threads, base_calloc(c->n_lists + 1, sizeof(bool))};
    parallel_for(side ? threads : 1, c->n_lists, 1, run_lists, &r);
    size_t i = 0;
    while (i < c->n_lists && !r.failed[i]) i++;
    bool ok = i == c->n_lists;
    if (!ok) { // once more, to hear why
        const corpus_watch deaf = {0};
        r.w = &deaf;
        CHECK(!run_list(&r, i, diags), "list %zu fails only at times", i);
    }
    free(r.failed);
    return ok;
}

// ---- perplexity ------------------------------------------------------------------------------

typedef struct {
    const corpus *c;
    size_t result;
    double *nll; // of each list
} scorer;

static double nll_of(const float *logits, size_t n, int64_t target) {
    float most = logits[0];
    for (size_t i = 1; i < n; i++) most = logits[i] > most ? logits[i] : most;
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += num_exp_f64((double)logits[i] - (double)most);
    return num_log_f64(sum) + (double)most - (double)logits[target];
}

static void score(void *ctx, size_t list, int64_t pos, int64_t n, const tensor *outputs) {
    const scorer *s = ctx;
    const corpus_list *l = &s->c->lists[list];
    const tensor *t = &outputs[s->result];
    size_t columns = tensor_count(t) / (size_t)n;
    for (int64_t r = 0; r < n && (size_t)(pos + r + 1) < l->n; r++)
        s->nll[list] +=
            nll_of((const float *)t->data + (size_t)r * columns, columns, l->ids[pos + r + 1]);
}

// Index of the result that gives every token's logits; f->results.count: none does.
static size_t logits_of(const ir_module *m, const ir_func *f, int64_t vocabulary) {
    size_t i = 0;
    for (; i < f->results.count; i++) {
        const ir_val v = f->results.items[i].value;
        if (v == IR_NONE) continue;
        const ir_type *t = ir_type_of(f, v);
        int domain = ir_type_domain(t);
        if (domain >= 0 && t->type == ELEM_f32 && ir_type_width(t) == vocabulary &&
            ir_domain_is(m, domain, IR_DOMAIN_FREE))
            break;
    }
    return i;
}

// Why rows of a module without steps predict nothing, or are not taken to.
static const char *why_whole(const ir_module *m) {
    int64_t fixed = m->domain[0].fixed;
    bool ahead = false, rings = false;
    for (size_t i = 0; i < m->symbols.count; i++) {
        const ir_symbol *s = m->symbols.items[i];
        if (!s->ring) continue;
        rings = true;
        ahead |= s->ring->mode != IR_RING_CAUSAL;
    }
    if (ahead || !rings) return "its rows see what comes after them";
    if (!fixed) return "it takes its tokens all at once";
    return arena_printf(m->arena, "it is frozen at %lld tokens", (long long)fixed);
}

bool corpus_perplexity(const ir_module *m, const ir_func *f, const corpus *c, int threads,
                       double *perplexity, const char **why, diag_sink *diags) {
    const ir_port *port = corpus_port(f, 0);
    int64_t vocabulary = port ? vocabulary_of(port) : 0;
    scorer s = {.c = c, .result = logits_of(m, f, vocabulary)};
    size_t targets = 0;
    for (size_t i = 0; i < c->n_lists; i++) targets += c->lists[i].n - (c->lists[i].n > 0);
    bool encoder = false;
    for (int d = 0; d < IR_MAX_DOMAINS; d++) encoder |= is_encoder(m, d);
    *why = !port           ? "it reads no tokens"
           : encoder       ? "the text says nothing to its encoder"
           : !is_stream(m) ? why_whole(m)
           : targets == 0  ? "no list has two tokens"
           : s.result == f->results.count
               ? "no output gives the logits of every token (--logits all)"
               : NULL;
    if (*why) return true;
    s.nll = base_calloc(c->n_lists + 1, sizeof *s.nll);
    const corpus_watch w = {.step = score, .ctx = &s};
    bool ok = corpus_run(m, f, c, threads, &w, diags);
    double sum = 0;
    for (size_t i = 0; i < c->n_lists; i++) sum += s.nll[i];
    *perplexity = num_exp_f64(sum / (double)targets);
    free(s.nll);
    return ok;
}
