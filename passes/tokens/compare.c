// Does the program give the numbers that the model gave, in as many columns?
#include "ir/ring.h"
#include "passes/tokens/execute.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

// ---- comparing -------------------------------------------------------------------------------

// Does the token see what it sees in the export? Not all do where a shorter window was asked for.
static bool sees_all(const tok_run *r, int64_t position) {
    return !r->c->shortened || position < r->c->shortened;
}

// Rows or columns that the model has and the program has not, or the other way round.
static bool same_size(tok_run *r, size_t k, const tok_places *p, const tensor *got) {
    const tok_output *out = r->c->outputs.items[k];
    const tensor *want = &r->expected[out->index];
    const int64_t w = got->rank > 1 ? got->dim[1] : 1, rows = got->rank ? got->dim[0] : 1;
    const bool all = p->has_keys || p->rows * p->columns * p->batch == (int64_t)tensor_count(want);
    if (all && p->columns == w && rows == (out->is_last ? 1 : p->rows)) return true;
    return tok_fail(r->c, out->recipe.node, DIAG_ID_tok_differs,
                    "output '%s' has %" PRId64 " rows of %" PRId64
                    " columns, the export gives %zu elements; please report this model",
                    r->c->f->results.items[k].name, rows, w, tensor_count(want));
}

// How far the rows of an output are from the export's, as a whole.
typedef struct {
    double errors, sum, squares, n;
} deviation;

static void add(deviation *d, double a, double b) {
    if (a != b && !(isnan(a) && isnan(b))) d->errors += (a - b) * (a - b);
    d->sum += b;
    d->squares += b * b;
    d->n++;
}

static double relative(const deviation *d) {
    const double own = d->squares - d->sum * d->sum / d->n;
    return d->errors == 0 ? 0 : sqrt(d->errors / (own > 0 ? own : d->n));
}

// Is row `row` of an output of domain d compared? Not where it is hidden, or shortened.
static bool counts(const tok_run *r, const tok_output *out, int d, int64_t row) {
    const bool of_encoder = d > 0 && r->encoder && ir_domain_root(r->c->m, d) == 1;
    if (d == 0 && r->mask[0] && !r->mask[0][row]) return false;
    if (d == 1 && r->encoder && r->mask[1] && !r->mask[1][row]) return false;
    return sees_all(r, r->past + (of_encoder ? 0 : d != 0 || out->is_last ? r->n - 1 : row));
}

bool tok_compare(tok_run *r, size_t k, int64_t sequence, const tensor *got) {
    tok_ctx *c = r->c;
    const char *name = c->f->results.items[k].name;
    const tok_output *out = c->outputs.items[k];
    const tensor *want = &r->expected[out->index];
    const int d = ir_type_domain(ir_type_of(c->f, c->f->results.items[k].value));
    const int64_t w = got->rank > 1 ? got->dim[1] : 1;
    tok_places p = tok_places_of(r, &out->layout, w);
    if (!same_size(r, k, &p, got)) return false;
    if (out->is_last) {
        p.row += p.rows - 1;
        p.rows = 1;
    }
    tensor rows = {0};
    uint8_t *is_counted = NULL;
    if (r->kept) {
        rows = tensor_new(r->kept->a, ELEM_f32, 2, (int64_t[]){p.rows, w});
        is_counted = ARENA_ARRAY(r->kept->a, uint8_t, p.rows * w + 1);
        vec_push(&r->kept->outputs,
                 ((pass_expected){arena_str(r->kept->a, name), rows, is_counted}));
    }
    deviation all = {0};
    for (int64_t row = 0; row < p.rows; row++) {
        if (!counts(r, out, d, row)) continue;
        for (int64_t col = 0; col < w; col++) {
            if (p.column[col] < 0) continue; // a slot without a key
            int64_t at = p.row[row] + p.column[col] + p.sequence[sequence < p.batch ? sequence : 0];
            double a = elem_load_f64(got->type, got->data, (size_t)(row * w + col));
            double b = elem_load_f64(want->type, want->data, (size_t)at);
            if (r->kept) {
                ((float *)rows.data)[row * w + col] = (float)b;
                is_counted[row * w + col] = 1;
            }
            add(&all, a, b);
            double e = a == b || (isnan(a) && isnan(b)) ? 0 : fabs(a - b) / (1 + fabs(b));
            if (e <= r->limit || r->limit == 0) continue;
            return tok_fail(c, out->recipe.node, DIAG_ID_tok_differs,
                            "output '%s' at row %" PRId64 ", column %" PRId64
                            " is %g, the export gives %g "
                            "(%" PRId64 " tokens after %" PRId64 "%s); please report this model",
                            name, row, col, a, b, r->n, r->past,
                            r->mask[0] || r->mask[1] ? ", some masked" : "");
        }
    }
    if (r->limit > 0 || elem_is_int(got->type) || relative(&all) <= r->whole) return true;
    return tok_fail(c, out->recipe.node, DIAG_ID_tok_differs,
                    "output '%s' differs from the export's by %.3g of its own deviation (root mean "
                    "square), allowed are %.3g; please report this model",
                    name, relative(&all), r->whole);
}

// Element (head, token, i) of a cache with the given axes.
static size_t cache_at(const tensor *t, const char *layout, int64_t h, int64_t row, int64_t i) {
    size_t at = 0;
    for (int k = 0; k < 4; k++) {
        int64_t index = layout[k] == 'h' ? h : layout[k] == 't' ? row : layout[k] == 'd' ? i : 0;
        at = at * (size_t)t->dim[k] + (size_t)index;
    }
    return at;
}

static int port_named(const ir_port_list *l, const char *name) {
    for (size_t i = 0; name && i < l->count; i++)
        if (strcmp(l->items[i].name, name) == 0) return (int)i;
    return -1;
}

// NULL: nobody needed its attention.
static const ir_ring *emitted_ring(const tok_ctx *c, size_t i) {
    const char *name = c->rings.items[i]->symbol;
    return name ? ir_ring_find(c->m, name) : NULL;
}

// Rings hold what present.* outputs give.
bool tok_compare_presents(tok_run *r, ir_interp *t) {
    tok_ctx *c = r->c;
    if (r->limit == 0) return true;
    for (size_t i = 0; i < c->rings.count; i++) {
        const char *ring = c->rings.items[i]->symbol;
        const ir_ring *s = emitted_ring(c, i);
        if (!s) continue;
        const char *layout = ir_word(IR_ENUM_kv_layout, (int)s->kv_layout);
        for (int v = 0; v < 2; v++) {
            int at = port_named(&r->f->results, v ? s->present_value : s->present_key);
            if (at < 0) continue;
            tensor kv[2], *x = &kv[v];
            if (!ir_interp_ring_read(t, ring, r->a, &kv[0], &kv[1])) return false;
            int64_t heads = s->n_kv, d = v ? s->dv : s->d;
            int64_t total = r->past + r->n, first = total - x->dim[0];
            for (int64_t row = 0; row < x->dim[0] && sees_all(r, first + row); row++) {
                const int64_t fresh = first + row - r->past;
                if (r->mask[0] && fresh >= 0 && !r->mask[0][fresh]) continue; // no one reads it
                for (int64_t h = 0; h < heads; h++)
                    for (int64_t k = 0; k < d; k++) {
                        double a = ((float *)x->data)[(row * heads + h) * d + k];
                        const tensor *want = &r->expected[at];
                        double b = elem_load_f64(want->type, want->data,
                                                 cache_at(want, layout, h, first + row, k));
                        if (fabs(a - b) <= r->limit * (1 + fabs(b))) continue;
                        diag_emit(c->diags, DIAG_ID_tok_differs,
                                  DIAG_AT(NULL, r->f->results.items[at].name),
                                  "output '%s' at token %" PRId64 ", head %" PRId64
                                  " is %g in the ring, %g in the export; please report this model",
                                  r->f->results.items[at].name, first + row, h, a, b);
                        return false;
                    }
            }
        }
    }
    return true;
}

// Preloads the rings from the past inputs of @past, but for what is hidden of them.
bool tok_load_past(tok_run *r, ir_interp *t) {
    tok_ctx *c = r->c;
    for (size_t i = 0; i < c->rings.count; i++) {
        const char *ring = c->rings.items[i]->symbol;
        const ir_ring *s = emitted_ring(c, i);
        if (!s || s->mode != IR_RING_CAUSAL) continue;
        const char *layout = ir_word(IR_ENUM_kv_layout, (int)s->kv_layout);
        tensor kv[2];
        for (int v = 0; v < 2; v++) {
            int at = port_named(&r->f->params, v ? s->past_value : s->past_key);
            if (at < 0) return false;
            int64_t heads = s->n_kv, d = v ? s->dv : s->d;
            const tensor *x = &r->plain[at];
            const int64_t rows = r->past - r->hidden;
            kv[v] = tensor_new(r->a, ELEM_f32, 2, (int64_t[]){rows, heads * d});
            for (int64_t row = 0; row < rows; row++)
                for (int64_t h = 0; h < heads; h++)
                    for (int64_t k = 0; k < d; k++)
                        ((float *)kv[v].data)[(row * heads + h) * d + k] = (float)elem_load_f64(
                            x->type, x->data, cache_at(x, layout, h, r->hidden + row, k));
        }
        if (r->kept)
            vec_push(&r->kept->preloads, ((pass_preload){arena_str(r->kept->a, s->past_key),
                                                         tensor_copy(r->kept->a, &kv[0]),
                                                         tensor_copy(r->kept->a, &kv[1])}));
        if (!ir_interp_ring_load(t, ring, r->past, &kv[0], &kv[1])) return false;
    }
    ir_interp_set_pos(t, 0, r->past);
    return true;
}
