// Matching the moments of attention's signals; see adapt.h.
#include "passes/precision/adapt.h"
#include "ir/ring.h"
#include "support/num/num.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ITERATIONS = 80, SLOWING = 50 }; // the rate falls from 1 to 0.1 over the first SLOWING
#define TOLERANCE 1e-4
#define DEAD 1e-9 // a deviation that is none

// ---- moments ---------------------------------------------------------------------------------

typedef struct {
    double n, sum, square;
} partial;

typedef struct {
    const ir_op *op;
    const ir_symbol *ring;
    int64_t heads, n_kv;
    size_t at; // of its first partial: ADAPT_SIGNALS x heads of them
} watched;

typedef struct {
    watched *items;
    size_t n, partials; // of one list
    partial *sums;      // [list][partials]: a list is added up on one thread, in order
} watch_list;

static int64_t heads_of(const watched *w, adapt_signal s) {
    return s == ADAPT_K || s == ADAPT_V ? w->n_kv : w->heads;
}

static ir_val value_of(const watched *w, adapt_signal s) {
    return s == ADAPT_O ? w->op->result[0] : w->op->operand[s];
}

static void add_up(partial *to, const tensor *t, int64_t heads) {
    size_t rows = t->rank ? (size_t)t->dim[0] : 0, count = tensor_count(t);
    size_t width = rows ? count / rows / (size_t)heads : 0;
    const float *x = t->data;
    for (size_t r = 0; r < rows; r++) {
        for (int64_t h = 0; h < heads; h++) {
            double sum = 0, square = 0;
            for (size_t c = 0; c < width; c++, x++) {
                sum += (double)*x;
                square += (double)*x * (double)*x;
            }
            to[h].n += (double)width;
            to[h].sum += sum;
            to[h].square += square;
        }
    }
}

static void observe(void *ctx, size_t list, ir_val v, const tensor *t) {
    const watch_list *l = ctx;
    if (t->type != ELEM_f32) return;
    for (size_t i = 0; i < l->n; i++) {
        const watched *w = &l->items[i];
        for (adapt_signal s = 0; s < ADAPT_SIGNALS; s++)
            if (value_of(w, s) == v)
                add_up(l->sums + list * l->partials + w->at + (size_t)(s * w->heads), t,
                       heads_of(w, s));
    }
}

// The attentions of f, each ring once.
static watch_list watch(arena *a, const ir_module *m, const ir_func *f) {
    watch_list l = {.items = ARENA_ARRAY(a, watched, f->ops.count + 1)};
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        if (op->code != IR_nn_attn) continue;
        const ir_symbol *ring = ir_symbol_find(m, ir_attr_str(&op->attrs, IR_ATTR_ring, ""));
        bool known = !ring;
        for (size_t k = 0; k < l.n; k++) known |= l.items[k].ring == ring;
        if (known) continue;
        int64_t heads = ir_ring_heads(ring->ring);
        l.items[l.n++] = (watched){op, ring, heads, ring->ring->n_kv, l.partials};
        l.partials += ADAPT_SIGNALS * (size_t)heads;
    }
    return l;
}

static adapt_moments moments_of(const partial *p) {
    double mean = p->n > 0 ? p->sum / p->n : 0;
    double square = p->n > 1 ? (p->square - p->sum * mean) / (p->n - 1) : 0;
    return (adapt_moments){mean, square > 0 ? sqrt(square) : 0};
}

// Moments of q, k and v as they come, before scaling, and of the output.
static bool measure(arena *a, const ir_module *m, const ir_func *f, const corpus *c, int threads,
                    adapt_table *out, diag_sink *diags) {
    watch_list l = watch(a, m, f);
    l.sums = base_calloc(l.partials * c->n_lists + 1, sizeof *l.sums);
    const corpus_watch w = {.value = observe, .ctx = &l};
    bool ok = corpus_run(m, f, c, threads, &w, diags);
    *out = (adapt_table){ARENA_ARRAY(a, adapt_attention, l.n + 1), l.n};
    for (size_t i = 0; ok && i < l.n; i++) {
        const watched *x = &l.items[i];
        out->items[i] = (adapt_attention){.ring = x->ring->name, .heads = x->heads};
        for (adapt_signal s = 0; s < ADAPT_SIGNALS; s++) {
            adapt_moments *to = ARENA_ARRAY(a, adapt_moments, x->heads);
            int64_t shared = x->heads / heads_of(x, s);
            for (int64_t h = 0; h < x->heads; h++) {
                partial sum = {0};
                for (size_t k = 0; k < c->n_lists; k++) {
                    const partial *p =
                        &l.sums[k * l.partials + x->at + (size_t)(s * x->heads + h / shared)];
                    sum.n += p->n;
                    sum.sum += p->sum;
                    sum.square += p->square;
                }
                to[h] = moments_of(&sum);
            }
            out->items[i].of[s] = to;
        }
    }
    free(l.sums);
    return ok;
}

// ---- scalings --------------------------------------------------------------------------------

// f32[8, heads] of the ring in m; NULL: it has none.
static const tensor *scalings_of(const ir_module *m, const char *ring) {
    const ir_ring *r = ir_ring_find(m, ring);
    const ir_symbol *t = r && r->scalings ? ir_symbol_find(m, r->scalings) : NULL;
    return t ? &t->data : NULL;
}

static float *factor(const tensor *scalings, adapt_signal s, int64_t h) {
    return (float *)scalings->data + 2 * s * scalings->dim[1] + h;
}
static float *offset(const tensor *scalings, adapt_signal s, int64_t h) {
    return factor(scalings, s, h) + scalings->dim[1];
}

// The signal as the unit gets it; its output is scaled already.
static adapt_moments scaled(adapt_moments x, const tensor *scalings, adapt_signal s, int64_t h) {
    if (s == ADAPT_O) return x;
    double a = (double)*factor(scalings, s, h), b = (double)*offset(scalings, s, h);
    return (adapt_moments){a * x.mean + b, fabs(a) * x.std};
}

// A signal that no scaling was made for fills the range of its pulse or voltage, [0, most], with
// two deviations on either side of the mean.
static adapt_moments filling(const ir_ring *ring, adapt_signal s) {
    double most = s == ADAPT_Q ? 1 : ring->v_dd;
    return (adapt_moments){most / 2, most / 4};
}

bool adapt_targets(arena *a, const ir_module *own, const ir_module *m, const ir_func *f,
                   const corpus *c, int threads, adapt_table *targets, diag_sink *diags) {
    if (!measure(a, own, f, c, threads, targets, diags)) return false;
    for (size_t i = 0; i < targets->n; i++) {
        adapt_attention *t = &targets->items[i];
        const tensor *scalings = scalings_of(own, t->ring);
        const ir_ring *ring = ir_ring_find(m, t->ring);
        for (adapt_signal s = 0; s < ADAPT_SIGNALS; s++)
            for (int64_t h = 0; h < t->heads; h++)
                t->of[s][h] = scalings       ? scaled(t->of[s][h], scalings, s, h)
                              : s == ADAPT_O ? t->of[s][h]
                                             : filling(ring, s);
    }
    return true;
}

// ---- fitting ---------------------------------------------------------------------------------

// Scalings of its own for every charge ring: what `old` shares stays as it is.
static void own_scalings(ir_module *m) {
    size_t n = m->symbols.count;
    for (size_t i = 0; i < n; i++) {
        ir_symbol *ring = m->symbols.items[i];
        const tensor *t = ring->ring ? scalings_of(m, ring->name) : NULL;
        if (!t) continue;
        arena *a = arena_new();
        const char *name = arena_printf(a, "%s.adapted", ring->name);
        const ir_symbol *made = ir_symbol_add_tensor(m, name, tensor_copy(m->arena, t));
        ring->ring->scalings = made->name;
        arena_free(a);
    }
}

static void look(const adapt_attention *t, const adapt_attention *now, const tensor *scalings,
                 double rate, adapt_result *result) {
    for (adapt_signal s = 0; s < ADAPT_SIGNALS; s++) {
        for (int64_t h = 0; h < t->heads; h++) {
            adapt_moments x = scaled(now->of[s][h], scalings, s, h), want = t->of[s][h];
            float *a = factor(scalings, s, h), *b = offset(scalings, s, h);
            if (!isfinite(x.mean) || !isfinite(x.std) || !isfinite(want.mean)) {
                result->dead++;
                continue;
            }
            double error = fabs(want.mean - x.mean);
            if (x.std > DEAD) {
                error = fmax(error, fabs(want.std - x.std));
                *a = (float)((double)*a + rate * (double)*a * (want.std / x.std - 1));
            } else if (want.std > DEAD) {
                result->dead++;
            }
            *b = (float)((double)*b + rate * (want.mean - x.mean));
            result->error = fmax(result->error, error);
        }
    }
}

bool adapt_fit(ir_module *m, const ir_func *f, const corpus *c, const adapt_table *targets,
               int threads, adapt_result *result, diag_sink *diags) {
    own_scalings(m);
    *result = (adapt_result){0};
    bool ok = true;
    for (int i = 0; ok && i < ITERATIONS; i++) {
        arena *a = arena_new();
        adapt_table now;
        ok = measure(a, m, f, c, threads, &now, diags);
        CHECK(!ok || now.n == targets->n, "%zu attentions, targets of %zu", now.n, targets->n);
        *result = (adapt_result){.iterations = i + 1};
        double rate = fmax(0.1, 1 - 0.9 * i / SLOWING);
        for (size_t k = 0; ok && k < now.n; k++) {
            const tensor *scalings = scalings_of(m, now.items[k].ring);
            if (scalings) look(&targets->items[k], &now.items[k], scalings, rate, result);
        }
        arena_free(a);
        result->met = result->error < TOLERANCE;
        if (result->met) break;
    }
    return ok;
}
