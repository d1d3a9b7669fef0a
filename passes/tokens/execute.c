// Runs a model and the program on rows that was made of it, on the same seeded inputs: as one step;
// a stream also as steps of one row and in seeded cuts, whose bits must be those of the one step.
#include "passes/tokens/execute.h"
#include "support/num/layout.h"
#include <inttypes.h>
#include <string.h>

#define MOST_STORED ((size_t)256 << 20) // bytes of products

// ---- where the elements of a plain value lie -------------------------------------------------

// Rows of the atom's whole domain.
static int64_t rows_of(const tok_run *r, const tok_atom *a) {
    return r->rows[tok_domain_number(r->c, a->domain)];
}

static int64_t *offsets(const tok_run *r, const tok_layout *l, const int64_t *stride, int kind,
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
tok_places tok_places_of(const tok_run *r, const tok_layout *l, int64_t width) {
    int64_t stride[TOK_MAX_ATOMS], s = 1;
    for (int i = l->count; i-- > 0;) {
        const tok_atom *a = &l->atom[i];
        stride[i] = s;
        s *= a->kind == TOK_ROWS && !a->size ? rows_of(r, a) : a->size;
    }
    tok_places p = {0};
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
    p.has_keys = true;
    return p;
}

// ---- inputs ----------------------------------------------------------------------------------

// Free domain that a parameter of the probes counts.
static int root_of_param(const tok_ctx *c, size_t i) {
    uint32_t id = c->param_node[i];
    int d = id == TOK_NONE ? -1 : tok_layout_domain(&tok_plan_of(c, id)->layout);
    return d < 0 ? 0 : tok_domain_root(c, d);
}

// Padding ids, where positions do not count them, stand behind all others.
static int64_t drawn_id(tok_run *r, int64_t pad, int64_t hi, size_t at, size_t n) {
    int64_t id = (int64_t)random_below(&r->draws, (uint64_t)hi);
    if (!pad) return id;
    if (at > n / 2 + n / 4) return pad - 1;
    return id == pad - 1 ? (id + 1) % hi : id;
}

static void make_inputs(tok_run *r) {
    tok_ctx *c = r->c;
    const ir_func *f = r->f;
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
        if (c->input[i].is_signed)
            hi = 2; // of no table
        else if (hi < 1)
            hi = min_i64(2, r->n); // which may say a row of those there are
        for (size_t k = 0; k < n; k++) {
            double v;
            if (c->input[i].is_told)
                v = tok_told_element(&c->input[i], t, k);
            else if (!strcmp(role, "positions"))
                v = (double)r->past + (double)(k % last);
            else if (elem_is_float(t->type) && strcmp(role, "mask") != 0)
                v = 2 * random_f64(&r->draws) - 1;
            else if (strcmp(role, "mask") != 0)
                v = (double)drawn_id(r, c->input[i].pad, hi, k % last, last);
            else
                v = c->input[i].is_turned != ((int64_t)(k % last) < r->past
                                                  ? (int64_t)(k % last) >= r->hidden
                                              : mask ? mask[(int64_t)(k % last) - r->past]
                                                     : 1);
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
            elem_store_f64(rows->type, rows->data, (size_t)(r * width + i),
                           elem_load_f64(image->type, image->data, (size_t)at));
        }
}

// Inputs of @run for one sequence.
static tensor *row_inputs(const tok_run *r, int64_t sequence) {
    tok_ctx *c = r->c;
    tensor *in = ARENA_ARRAY(r->a, tensor, c->f->params.count + 1);
    for (size_t i = 0; i < c->f->params.count; i++) {
        const ir_port *port = &c->f->params.items[i];
        size_t k = 0;
        while (strcmp(r->f->params.items[k].name, port->name)) k++;
        const ir_type *t = ir_type_of(c->f, port->value);
        int64_t w = t->rank == 2 ? t->dim[1] : 1;
        int64_t dim[2] = {r->rows[ir_type_domain(t)], w};
        in[i] = tensor_new(r->a, t->type, t->rank, dim);
        const char *layout = ir_attr_str(&port->attrs, IR_ATTR_layout, NULL);
        if (layout) {
            patch_rows(&r->plain[k], sequence, layout, &in[i]);
            continue;
        }
        tok_places p = tok_places_of(r, &tok_plan_of(c, c->param_node[k])->layout, w);
        int64_t shift =
            strcmp(tok_role(c, r->f, k), "mask") ? 0 : r->past; // a mask covers the past too
        if (r->plain[k].rank && r->plain[k].dim[r->plain[k].rank - 1] == p.rows) shift = 0;
        for (int64_t row = 0; row < p.rows; row++)
            for (int64_t col = 0; col < w; col++) {
                int64_t at =
                    p.row[row] + p.column[col] + p.sequence[sequence < p.batch ? sequence : 0];
                const double v =
                    elem_load_f64(r->plain[k].type, r->plain[k].data, (size_t)(at + shift));
                elem_store_f64(in[i].type, in[i].data, (size_t)(row * w + col),
                               c->input[k].is_turned ? 1 - v : v);
            }
    }
    return in;
}

// ---- running ---------------------------------------------------------------------------------

// What the executions of a big model have in common is computed once.
static void be_quick(const tok_run *r, ir_interp *t, store_mode mode) {
    ir_interp_quick(t);
    ir_interp_share(t, r->store);
    product_store_use(r->store, mode);
}

static bool run_plain(tok_run *r) {
    const ir_func *f = r->f;
    r->expected = ARENA_ARRAY(r->a, tensor, f->results.count + 1);
    ir_interp *t = ir_interp_new(r->m, f, r->c->o->threads, r->c->diags);
    if (t && r->quick) be_quick(r, t, STORE_KEEP);
    bool ok = t && ir_interp_step(t, NULL, r->plain, r->a, r->expected);
    ir_interp_free(t);
    return ok;
}

// Steps over rows [0, n) of the inputs; cut[i] rows a step, and all of the encoder's in the first.
// Results of all steps, one below the other (of the last step alone where a result has one row).
static bool run_steps(const tok_run *r, ir_interp *t, const tensor *in, const int64_t *cut,
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

// ---- cuts ------------------------------------------------------------------------------------

static bool same_bits(tok_run *r, const tensor *one, const tensor *cut, const char *how) {
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

// Steps of one row, and cuts of 1 to n/2 rows; where products are quick, a step of one row and the
// rest.
static bool check_cuts(tok_run *r, ir_interp *t, const tensor *in, const tensor *one) {
    int64_t *cut = ARENA_ARRAY(r->a, int64_t, r->n + 1);
    for (int random = 0; random < (r->n > 2 && !r->quick ? 2 : 1); random++) {
        size_t n = 0;
        for (int64_t at = 0; at < r->n; at += cut[n++]) {
            int64_t most = min_i64(r->n - at, max_i64(1, r->n / 2));
            cut[n] = random           ? 1 + (int64_t)random_below(&r->draws, (uint64_t)most)
                     : at && r->quick ? r->n - at
                                      : 1;
        }
        tensor *out = ARENA_ARRAY(r->a, tensor, r->c->f->results.count + 1);
        ir_interp_reset(t);
        if (r->quick) product_store_use(r->store, STORE_SAME);
        if (r->past && !tok_load_past(r, t)) return false;
        if (!run_steps(r, t, in, cut, n, out) ||
            !same_bits(r, one, out,
                       random     ? "in seeded cuts"
                       : r->quick ? "in a step of one row and the rest"
                                  : "in steps of one"))
            return false;
    }
    return true;
}

// ---- the whole -------------------------------------------------------------------------------

static void count_rows(tok_run *r) {
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

static int64_t sequences_of(const tok_run *r) {
    int64_t n = 1;
    for (size_t i = 0; i < r->f->params.count; i++) {
        uint32_t id = r->c->param_node[i];
        if (id == TOK_NONE || tok_is_past(r->c, i)) continue;
        const tok_layout *l = &tok_plan_of(r->c, id)->layout;
        for (int k = 0; k < l->count; k++)
            if (l->atom[k].kind == TOK_BATCH) n = l->atom[k].size;
        if (tok_plan_of(r->c, id)->kind == TOK_IMAGE) n = r->plain[i].dim[0];
    }
    return n;
}

static void keep(tok_run *r, const tensor *in) {
    pass_witness *w = r->kept;
    memcpy(w->rows, r->rows, sizeof w->rows);
    w->past = r->past;
    w->quick = r->quick;
    w->limit = 4 * r->limit;
    for (size_t i = 0; i < r->c->f->params.count; i++)
        vec_push(&w->inputs, ((tensor_named){arena_str(w->a, r->c->f->params.items[i].name),
                                             tensor_copy(w->a, &in[i])}));
}

bool tok_execute(tok_run *r) {
    tok_ctx *c = r->c;
    count_rows(r);
    make_inputs(r);
    r->store = r->quick ? product_store_new(MOST_STORED) : NULL;
    const bool stream = strcmp(ir_attr_str(&c->m->attrs, IR_ATTR_class, ""), "stream") == 0;
    ir_interp *t = run_plain(r) ? ir_interp_new(c->m, c->f, c->o->threads, c->diags) : NULL;
    bool ok = t != NULL;
    for (int64_t s = 0, n = sequences_of(r); ok && s < n; s++) {
        tensor *in = row_inputs(r, s), *out = ARENA_ARRAY(r->a, tensor, c->f->results.count + 1);
        if (s > 0) r->kept = NULL;
        if (r->kept) keep(r, in);
        ir_interp_reset(t);
        if (r->quick) be_quick(r, t, stream ? STORE_TAKE : STORE_LAST);
        ok = (!r->past || tok_load_past(r, t)) && run_steps(r, t, in, &r->n, 1, out);
        for (size_t k = 0; ok && k < c->f->results.count; k++) ok = tok_compare(r, k, s, &out[k]);
        if (ok && s == 0) ok = tok_compare_presents(r, t);
        if (ok && stream) ok = check_cuts(r, t, in, out);
    }
    ir_interp_free(t);
    product_store_free(r->store);
    return ok;
}
