// Is it so? (worked-examples §1.3, step 9) A plain probe and the new program are executed on seeded
// inputs in every compile: as one step; a stream also as steps of one row and in seeded cuts, whose
// bits must be those of the one step; and after a past, where there is one.
#include "ir/eval/interp.h"
#include "ir/ring.h"
#include "passes/tokens/plan.h"
#include "support/num/layout.h"
#include "support/num/random.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

// Of |a-b| / (1+|b|): f32 rounding in another order; an export that rounds to f16 or bf16.
static const double TOLERANCE = 1e-4, WIDENED = 5e-2;

static double tolerance(const tok_ctx *c) {
    return c->facts & TOK_IS_WIDENED ? WIDENED : TOLERANCE;
}

// Not compared with the export: its scales are others.
static bool is_relaxed(const tok_ctx *c) { return c->facts & TOK_IS_RELAXED; }

typedef struct {
    tok_ctx *c;
    const tok_probe *p;
    arena *a;
    int64_t n, past;              // rows executed, and before them
    int64_t encoder;              // rows that an encoder reads; 0: there is none
    int64_t rows[IR_MAX_DOMAINS]; // of every domain, in one step of n
    tensor *plain;                // inputs of the probe
    tensor *expected;             // its results
    const uint8_t *mask[2];       // key mask of the rows of t0 and t1; NULL: ones
    random_stream draws;
    double worst;
} run;

// ---- where the elements of a plain value lie -------------------------------------------------

typedef struct {
    int64_t rows, columns, batch;
    int64_t *row, *column, *sequence; // offsets, to be added
} places;

// Rows of the atom's whole domain.
static int64_t rows_of(const run *r, const tok_atom *a) {
    return r->rows[tok_domain_number(r->c, a->domain)];
}

static int64_t *offsets(const run *r, const tok_layout *l, const int64_t *stride, int kind,
                        int skip, int64_t *count) {
    int64_t n = 1, size[TOK_MAX_ATOMS];
    for (int i = 0; i < l->count; i++) {
        const tok_atom *a = &l->atom[i];
        size[i] = a->kind == TOK_ROWS && !a->size ? rows_of(r, a) : a->size;
        if ((int)a->kind == kind && i != skip) n *= size[i];
    }
    int64_t *at = ARENA_ARRAY(r->a, int64_t, n + 1);
    for (int64_t k = 0; k < n; k++) {
        int64_t rest = k;
        for (int i = l->count; i-- > 0;) {
            if ((int)l->atom[i].kind != kind || i == skip) continue;
            at[k] += rest % size[i] * stride[i];
            rest /= size[i];
        }
    }
    *count = n;
    return at;
}

// Atom of the keys of attention probabilities: a second row axis, the last one; -1: none.
static int key_atom(const tok_layout *l) {
    int rows = 0;
    for (int i = 0; i < l->count; i++) rows += l->atom[i].kind == TOK_ROWS && !l->atom[i].size;
    return rows > 1 ? l->count - 1 : -1;
}

// width: columns of a row in the program (of probabilities: heads * slots).
static places places_of(const run *r, const tok_layout *l, int64_t width) {
    int64_t stride[TOK_MAX_ATOMS], s = 1;
    for (int i = l->count; i-- > 0;) {
        const tok_atom *a = &l->atom[i];
        stride[i] = s;
        s *= a->kind == TOK_ROWS && !a->size ? rows_of(r, a) : a->size;
    }
    places p;
    int key = key_atom(l);
    p.row = offsets(r, l, stride, TOK_ROWS, key, &p.rows);
    p.column = offsets(r, l, stride, TOK_FEATURE, -1, &p.columns);
    p.sequence = offsets(r, l, stride, TOK_BATCH, -1, &p.batch);
    if (key < 0) return p;
    int64_t heads = p.columns, slots = width / heads, n = rows_of(r, &l->atom[key]);
    int64_t *column = ARENA_ARRAY(r->a, int64_t, width + 1);
    for (int64_t i = 0; i < width; i++)
        column[i] = i % slots < n ? p.column[i / slots] + i % slots * stride[key] : -1;
    p.columns = width;
    p.column = column;
    return p;
}

// ---- inputs ----------------------------------------------------------------------------------

// Free domain that a parameter of the probes counts.
static int root_of_param(const tok_ctx *c, size_t i) {
    uint32_t id = c->param_node[i];
    int d = id == TOK_NONE ? -1 : tok_layout_domain(&tok_plan_of(c, id)->layout);
    return d < 0 ? 0 : tok_domain_root(c, d);
}

static void make_inputs(run *r) {
    tok_ctx *c = r->c;
    const ir_func *f = r->p->f;
    r->plain = ARENA_ARRAY(r->a, tensor, f->params.count + 1);
    for (size_t i = 0; i < f->params.count; i++) {
        const ir_type *t = ir_type_of(f, f->params.items[i].value);
        const char *role = tok_role(c, f, i);
        tensor *x = &r->plain[i];
        *x = tensor_new(r->a, t->type, t->rank, t->dim);
        size_t n = tensor_count(x), last = t->rank ? (size_t)t->dim[t->rank - 1] : 1;
        const uint8_t *mask = r->mask[root_of_param(c, i)];
        int64_t hi =
            ir_attr_int(&f->params.items[i].attrs, IR_ATTR_range_hi, c->input[i].index_rows);
        if (hi < 1) hi = 2;
        for (size_t k = 0; k < n; k++) {
            double v;
            if (!strcmp(role, "positions"))
                v = (double)r->past + (double)(k % last);
            else if (elem_is_float(t->type) && strcmp(role, "mask") != 0)
                v = 2 * random_f64(&r->draws) - 1;
            else if (strcmp(role, "mask") != 0)
                v = (double)random_below(&r->draws, (uint64_t)hi);
            else
                v = !mask || (int64_t)(k % last) < r->past ? 1
                                                           : mask[(int64_t)(k % last) - r->past];
            elem_store_f64(x->type, x->data, k, v);
        }
    }
}

static void patch_rows(const tensor *image, int64_t sequence, const char *layout, tensor *rows) {
    layout_image l;
    CHECK(layout_parse(layout, &l), "layout '%s'", layout);
    int64_t width = layout_width(&l), first = sequence * layout_elements(&l);
    for (int64_t r = 0; r < rows->dim[0]; r++)
        for (int64_t i = 0; i < width; i++) {
            int64_t at = first + layout_row_offset(&l, r) + layout_column_offset(&l, i);
            ((float *)rows->data)[r * width + i] =
                (float)elem_load_f64(image->type, image->data, (size_t)at);
        }
}

// Inputs of @run for one sequence.
static tensor *row_inputs(const run *r, int64_t sequence) {
    tok_ctx *c = r->c;
    tensor *in = ARENA_ARRAY(r->a, tensor, c->f->params.count + 1);
    for (size_t i = 0; i < c->f->params.count; i++) {
        const ir_port *port = &c->f->params.items[i];
        size_t k = 0;
        while (strcmp(r->p->f->params.items[k].name, port->name)) k++;
        const ir_type *t = ir_type_of(c->f, port->value);
        int64_t w = t->rank == 2 ? t->dim[1] : 1;
        int64_t dim[2] = {r->rows[ir_type_domain(t)], w};
        in[i] = tensor_new(r->a, t->type, t->rank, dim);
        const char *layout = ir_attr_str(&port->attrs, IR_ATTR_layout, NULL);
        if (layout) {
            patch_rows(&r->plain[k], sequence, layout, &in[i]);
            continue;
        }
        places p = places_of(r, &tok_plan_of(c, c->param_node[k])->layout, w);
        int64_t shift =
            strcmp(tok_role(c, r->p->f, k), "mask") ? 0 : r->past; // a mask covers the past too
        if (r->plain[k].rank && r->plain[k].dim[r->plain[k].rank - 1] == p.rows) shift = 0;
        for (int64_t row = 0; row < p.rows; row++)
            for (int64_t col = 0; col < w; col++) {
                int64_t at =
                    p.row[row] + p.column[col] + p.sequence[sequence < p.batch ? sequence : 0];
                elem_store_f64(
                    in[i].type, in[i].data, (size_t)(row * w + col),
                    elem_load_f64(r->plain[k].type, r->plain[k].data, (size_t)(at + shift)));
            }
    }
    return in;
}

// ---- running ---------------------------------------------------------------------------------

static bool run_plain(run *r) {
    const ir_func *f = r->p->f;
    r->expected = ARENA_ARRAY(r->a, tensor, f->results.count + 1);
    ir_interp *t = ir_interp_new(r->c->old, f, r->c->o->threads, r->c->diags);
    bool ok = t && ir_interp_step(t, NULL, r->plain, r->a, r->expected);
    ir_interp_free(t);
    return ok;
}

// Steps over rows [0, n) of the inputs; cut[i] rows a step, and all of the encoder's in the first.
// Results of all steps, one below the other (of the last step alone where a result has one row).
static bool run_steps(const run *r, ir_interp *t, const tensor *in, const int64_t *cut,
                      size_t n_cuts, tensor *out) {
    tok_ctx *c = r->c;
    const ir_func *f = c->f;
    tensor *part = ARENA_ARRAY(r->a, tensor, f->params.count + 1);
    tensor *got = ARENA_ARRAY(r->a, tensor, f->results.count + 1);
    int64_t at = 0;
    for (size_t i = 0; i < n_cuts; at += cut[i++]) {
        int64_t rows[IR_MAX_DOMAINS] = {cut[i], i ? 0 : r->encoder};
        for (size_t k = 0; k < f->params.count; k++) {
            int d = ir_type_domain(ir_type_of(f, f->params.items[k].value));
            part[k] = in[k];
            if (d > 0 && i && r->encoder && ir_domain_root(c->m, d) == 1) part[k].dim[0] = 0;
            if (d != 0) continue;
            size_t row = tensor_bytes(&in[k]) / (size_t)max_i64(1, in[k].dim[0]);
            part[k].dim[0] = cut[i];
            part[k].data = (char *)in[k].data + (size_t)at * row;
        }
        if (!ir_interp_step(t, rows, part, r->a, got)) return false;
        for (size_t k = 0; k < f->results.count; k++) {
            int d = ir_type_domain(ir_type_of(f, f->results.items[k].value));
            bool whole = d != 0;
            if (i && d > 0 && r->encoder && ir_domain_root(c->m, d) == 1) continue;
            if (i == 0) {
                out[k] = got[k];
                if (!whole) out[k].dim[0] = r->n;
                out[k] = tensor_new(r->a, out[k].type, out[k].rank, out[k].dim);
            }
            memcpy((char *)out[k].data +
                       (whole ? 0 : (size_t)at * tensor_bytes(&got[k]) / (size_t)cut[i]),
                   got[k].data, tensor_bytes(&got[k]));
        }
    }
    return true;
}

// ---- comparing -------------------------------------------------------------------------------

// Does the token see what it sees in the export? Not all do where a shorter window was asked for.
static bool sees_all(const run *r, int64_t position) {
    return !r->c->shortened || position < r->c->shortened;
}

static bool compare(run *r, size_t k, int64_t sequence, const tensor *got) {
    tok_ctx *c = r->c;
    const ir_func *f = c->f;
    int64_t w = got->rank > 1 ? got->dim[1] : 1;
    const tok_output *out = c->outputs.items[k];
    const tensor *want = &r->expected[out->index];
    int d = ir_type_domain(ir_type_of(f, f->results.items[k].value));
    places p = places_of(r, &out->layout, w);
    if (out->is_last) {
        p.row += p.rows - 1;
        p.rows = 1;
    }
    for (int64_t row = 0; row < p.rows; row++) {
        if (d == 0 && r->mask[0] && !r->mask[0][row]) continue;
        if (d == 1 && r->encoder && r->mask[1] && !r->mask[1][row]) continue;
        int64_t last = d > 0 && r->encoder && ir_domain_root(c->m, d) == 1 ? 0
                       : d != 0 || out->is_last                            ? r->n - 1
                                                                           : row;
        if (!sees_all(r, r->past + last)) continue;
        for (int64_t col = 0; col < w; col++) {
            if (p.column[col] < 0) continue; // a slot without a key
            int64_t at = p.row[row] + p.column[col] + p.sequence[sequence < p.batch ? sequence : 0];
            double a = elem_load_f64(got->type, got->data, (size_t)(row * w + col));
            double b = elem_load_f64(want->type, want->data, (size_t)at);
            double e = a == b || (isnan(a) && isnan(b)) ? 0 : fabs(a - b) / (1 + fabs(b));
            if (e <= tolerance(c)) {
                r->worst = e > r->worst ? e : r->worst;
                continue;
            }
            return tok_fail(c, out->recipe.node, DIAG_ID_tok_differs,
                            "output '%s' at row %" PRId64 ", column %" PRId64
                            " is %g, the export gives %g "
                            "(%" PRId64 " tokens after %" PRId64 "%s); please report this model",
                            f->results.items[k].name, row, col, a, b, r->n, r->past,
                            r->mask[0] || r->mask[1] ? ", some masked" : "");
        }
    }
    return true;
}

static bool same_bits(run *r, const tensor *one, const tensor *cut, const char *how) {
    tok_ctx *c = r->c;
    for (size_t k = 0; k < c->f->results.count; k++) {
        if (tensor_equal_bits(&one[k], &cut[k])) continue;
        return tok_fail(c, c->outputs.items[k]->recipe.node, DIAG_ID_tok_differs,
                        "output '%s' of %" PRId64
                        " rows in one step and %s differ; please report this model",
                        c->f->results.items[k].name, r->n, how);
    }
    return true;
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
static bool compare_presents(run *r, ir_interp *t) {
    tok_ctx *c = r->c;
    for (size_t i = 0; i < c->rings.count; i++) {
        const char *ring = c->rings.items[i]->symbol;
        const ir_ring *s = emitted_ring(c, i);
        if (!s) continue;
        const char *layout = ir_word(IR_ENUM_kv_layout, (int)s->kv_layout);
        for (int v = 0; v < 2; v++) {
            int at = port_named(&r->p->f->results, v ? s->present_value : s->present_key);
            if (at < 0) continue;
            tensor kv[2], *x = &kv[v];
            if (!ir_interp_ring_read(t, ring, r->a, &kv[0], &kv[1])) return false;
            int64_t heads = s->n_kv, d = v ? s->dv : s->d;
            int64_t total = r->past + r->n, first = total - x->dim[0];
            for (int64_t row = 0; row < x->dim[0] && sees_all(r, first + row); row++)
                for (int64_t h = 0; h < heads; h++)
                    for (int64_t k = 0; k < d; k++) {
                        double a = ((float *)x->data)[(row * heads + h) * d + k];
                        const tensor *want = &r->expected[at];
                        double b = elem_load_f64(want->type, want->data,
                                                 cache_at(want, layout, h, first + row, k));
                        if (fabs(a - b) <= tolerance(c) * (1 + fabs(b))) continue;
                        diag_emit(c->diags, DIAG_ID_tok_differs,
                                  DIAG_AT(NULL, r->p->f->results.items[at].name),
                                  "output '%s' at token %" PRId64 ", head %" PRId64
                                  " is %g in the ring, %g in the export; please report this model",
                                  r->p->f->results.items[at].name, first + row, h, a, b);
                        return false;
                    }
        }
    }
    return true;
}

// Preloads the rings from the past inputs of @past.
static bool load_past(run *r, ir_interp *t) {
    tok_ctx *c = r->c;
    for (size_t i = 0; i < c->rings.count; i++) {
        const char *ring = c->rings.items[i]->symbol;
        const ir_ring *s = emitted_ring(c, i);
        if (!s || s->mode != IR_RING_CAUSAL) continue;
        const char *layout = ir_word(IR_ENUM_kv_layout, (int)s->kv_layout);
        tensor kv[2];
        for (int v = 0; v < 2; v++) {
            int at = port_named(&r->p->f->params, v ? s->past_value : s->past_key);
            if (at < 0) return false;
            int64_t heads = s->n_kv, d = v ? s->dv : s->d;
            const tensor *x = &r->plain[at];
            kv[v] = tensor_new(r->a, ELEM_f32, 2, (int64_t[]){r->past, heads * d});
            for (int64_t row = 0; row < r->past; row++)
                for (int64_t h = 0; h < heads; h++)
                    for (int64_t k = 0; k < d; k++)
                        ((float *)kv[v].data)[(row * heads + h) * d + k] =
                            (float)elem_load_f64(x->type, x->data, cache_at(x, layout, h, row, k));
        }
        if (!ir_interp_ring_load(t, ring, r->past, &kv[0], &kv[1])) return false;
    }
    ir_interp_set_pos(t, 0, r->past);
    return true;
}

// ---- the whole -------------------------------------------------------------------------------

static void count_rows(run *r) {
    const ir_module *m = r->c->m;
    r->rows[0] = r->n;
    r->rows[1] = r->encoder;
    for (int round = 0; round < IR_MAX_DOMAINS; round++)
        for (int d = 1 + r->c->has_encoder; d < IR_MAX_DOMAINS; d++) {
            const ir_domain *x = &m->domain[d];
            if (!ir_domain_is(m, d, IR_DOMAIN_LIN) ||
                !ir_domain_lin(x, r->rows[x->of], &r->rows[d]))
                r->rows[d] = 1;
        }
}

// Steps of one row, and cuts of 1 to n/2 rows.
static bool check_cuts(run *r, ir_interp *t, const tensor *in, const tensor *one) {
    int64_t *cut = ARENA_ARRAY(r->a, int64_t, r->n + 1);
    for (int random = 0; random < (r->n > 2 ? 2 : 1); random++) {
        size_t n = 0;
        for (int64_t at = 0; at < r->n; at += cut[n++]) {
            int64_t most = min_i64(r->n - at, max_i64(1, r->n / 2));
            cut[n] = random ? 1 + (int64_t)random_below(&r->draws, (uint64_t)most) : 1;
        }
        tensor *out = ARENA_ARRAY(r->a, tensor, r->c->f->results.count + 1);
        ir_interp_reset(t);
        if (r->past && !load_past(r, t)) return false;
        if (!run_steps(r, t, in, cut, n, out) ||
            !same_bits(r, one, out, random ? "in seeded cuts" : "in steps of one"))
            return false;
    }
    return true;
}

// So many weights that every row counts: then rows are executed one by one, and only so.
static bool is_huge(const tok_ctx *c) {
    uint64_t n = 0;
    for (size_t i = 0; i < c->m->symbols.count; i++)
        if (c->m->symbols.items[i]->kind == IR_SYM_TENSOR)
            n += tensor_count(&c->m->symbols.items[i]->data);
    return n > (uint64_t)50 << 20;
}

static bool execute(run *r) {
    tok_ctx *c = r->c;
    count_rows(r);
    make_inputs(r);
    if (!is_relaxed(c) && !run_plain(r)) return false;
    int64_t sequences = 1;
    for (size_t i = 0; i < r->p->f->params.count; i++) {
        uint32_t id = c->param_node[i];
        if (id == TOK_NONE || tok_is_past(c, i)) continue;
        const tok_layout *l = &tok_plan_of(c, id)->layout;
        for (int k = 0; k < l->count; k++)
            if (l->atom[k].kind == TOK_BATCH) sequences = l->atom[k].size;
        if (tok_plan_of(c, id)->kind == TOK_IMAGE) sequences = r->plain[i].dim[0];
    }
    ir_interp *t = ir_interp_new(c->m, c->f, c->o->threads, c->diags);
    bool ok = t != NULL,
         stream = strcmp(ir_attr_str(&c->m->attrs, IR_ATTR_class, ""), "stream") == 0;
    bool huge = stream && is_huge(c);
    int64_t *ones = ARENA_ARRAY(r->a, int64_t, r->n);
    for (int64_t i = 0; i < r->n; i++) ones[i] = 1;
    for (int64_t s = 0; ok && s < sequences; s++) {
        tensor *in = row_inputs(r, s), *out = ARENA_ARRAY(r->a, tensor, c->f->results.count + 1);
        ir_interp_reset(t);
        ok = (!r->past || load_past(r, t)) &&
             run_steps(r, t, in, huge ? ones : &r->n, huge ? (size_t)r->n : 1, out);
        for (size_t k = 0; ok && !is_relaxed(c) && k < c->f->results.count; k++)
            ok = compare(r, k, s, &out[k]);
        if (ok && !is_relaxed(c) && s == 0) ok = compare_presents(r, t);
        if (ok && stream && !huge) ok = check_cuts(r, t, in, out);
    }
    ir_interp_free(t);
    return ok;
}

// A seeded key mask of n rows: mostly ones, first and last among them.
static const uint8_t *seeded_mask(run *r, int64_t n) {
    uint8_t *m = ARENA_ARRAY(r->a, uint8_t, n + 1);
    for (int64_t i = 0; i < n; i++)
        m[i] = r->c->facts & TOK_COUNTS_MASK ? i < n / 2 + 1
                                             : i == 0 || i == n - 1 || random_f64(&r->draws) < 0.7;
    return m;
}

static bool check(tok_ctx *c, const tok_probe *p, int64_t past, bool masked, double *worst) {
    run r = {.c = c,
             .p = p,
             .a = arena_new(),
             .n = p->tokens,
             .past = past,
             .draws = random_of(c->o->seed, RANDOM_EXECUTION, 0)};
    if (c->is_frozen) r.n = c->domain[0].rows[0];
    if (c->has_encoder) r.encoder = tok_encoder_rows(c, p);
    if (masked) r.mask[0] = seeded_mask(&r, r.n);
    if (masked && r.encoder) r.mask[1] = seeded_mask(&r, r.encoder);
    size_t errors = diag_errors(c->diags);
    bool ok = execute(&r);
    if (!ok && diag_errors(c->diags) == errors)
        diag_emit(c->diags, DIAG_ID_tok_differs, DIAG_NOWHERE,
                  "the check by execution could not be run");
    *worst = r.worst > *worst ? r.worst : *worst;
    arena_free(r.a);
    return ok;
}

bool tok_check(tok_ctx *c) {
    // A program compiled for fewer tokens than the probes have is executed at all it has.
    int64_t most = c->probe[c->max].tokens;
    const tok_probe *p = c->small.f                   ? &c->small
                         : c->probe[0].tokens <= most ? &c->probe[0]
                                                      : &c->probe[c->max];
    double worst = 0;
    bool masks = false, past = c->has_past && !c->small.f && c->past.tokens + c->past.past <= most;
    for (size_t i = 0; i < c->f->params.count; i++) masks |= ir_is_mask(&c->f->params.items[i]);
    if (!check(c, p, 0, masks && !c->small.f, &worst)) return false; // some keys hidden, or none
    if (past && !check(c, &c->past, c->past.past, false, &worst)) return false;
    bool stream = strcmp(ir_attr_str(&c->m->attrs, IR_ATTR_class, ""), "stream") == 0;
    const char *how = !stream      ? ""
                      : is_huge(c) ? ", in steps of one"
                      : c->small.f ? ", and in steps of one to the bit"
                                   : ", and in steps of one and seeded cuts to the bit";
    int64_t n = c->is_frozen ? c->domain[0].rows[0] : p->tokens;
    vec_push(&c->m->proof,
             is_relaxed(c)
                 ? arena_printf(c->m->arena,
                                "executed at %" PRId64 " tokens%s (scales were relaxed, so not "
                                "compared with the export)",
                                n, how)
                 : arena_printf(c->m->arena,
                                "executed at %" PRId64 " tokens: as the export within %.1e%s%s", n,
                                tolerance(c), past ? ", with a past and without" : "", how));
    return true;
}
