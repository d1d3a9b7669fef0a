// What do constants become? The same for every row: a scalar or one row. Otherwise a table whose
// first n rows are the constant at n tokens (worked-examples §1.3, step 5), taken at the maximum
// and read at the row's position. Anything else counts tokens in a way that a step cannot follow.
#include "passes/tokens/constant.h"
#include <inttypes.h>
#include <string.h>

// ---- as they are -----------------------------------------------------------------------------

const tok_constant *tok_constant_new(tok_ctx *c, const char *hint, tensor data) {
    tok_constant *k = ARENA_NEW(c->a, tok_constant);
    *k = (tok_constant){.hint = hint, .data = data};
    return k;
}

// Name of the symbol that a t.const of the first probe holds; NULL: computed.
static const char *symbol_of(const tok_ctx *c, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    const ir_op *op = ir_def(c->probe[0].f, n->v[0]);
    return op && op->code == IR_t_const ? ir_attr_str(&op->attrs, IR_ATTR_value, NULL) : NULL;
}

bool tok_const_same(tok_ctx *c, uint32_t node) {
    const tensor *t = tok_const_at(c, node, 0);
    for (int i = 1; t && i < c->n_probes; i++) {
        const tensor *u = tok_const_at(c, node, i);
        if (!u || !tensor_same_shape(t, u) || t->type != u->type) return false;
        if (u->data != t->data && memcmp(u->data, t->data, tensor_bytes(t))) return false;
    }
    return t != NULL;
}

bool tok_const_scalar(tok_ctx *c, uint32_t node, double *v) {
    if (!tok_at(c, node)->is_const) return false;
    const tensor *t = tok_const_at(c, node, 0);
    if (!t || tensor_count(t) != 1 || !tok_const_same(c, node)) return false;
    *v = elem_load_f64(t->type, t->data, 0);
    return true;
}

// Codes keep their type, which a product reads.
static elem const_elem(elem e) { return e == ELEM_i8 || e == ELEM_u8 ? e : tok_row_elem(e); }

const tok_constant *tok_const_whole(tok_ctx *c, uint32_t node, uint32_t user, int rank,
                                    const int64_t *dim) {
    const tensor *t = tok_const_at(c, node, 0);
    if (!t) return NULL;
    if (!tok_const_same(c, node)) {
        tok_fail(c, user, DIAG_ID_tok_const,
                 "a constant operand differs between %" PRId64 " and %" PRId64
                 " tokens; only tables by position may",
                 c->probe[0].tokens, c->probe[c->n_probes > 1].tokens);
        return NULL;
    }
    const char *symbol = symbol_of(c, node);
    elem e = const_elem(t->type);
    tok_constant k = {.symbol = symbol, .data = *t, .is_old = symbol && e == t->type};
    if (e != t->type) k.data = tensor_cast(c->a, t, e);
    for (int i = 0; i < rank; i++) k.data.dim[i] = dim[i];
    if (rank >= 0) k.data.rank = rank;
    if (!k.is_old || !tensor_same_shape(&k.data, t)) {
        k.hint = symbol ? symbol : "c";
        k.symbol = NULL;
    }
    return arena_copy(c->a, &k, sizeof k);
}

// ---- layout ----------------------------------------------------------------------------------

bool tok_const_layout(tok_ctx *c, uint32_t node, uint32_t user, const tok_layout *l,
                      tok_layout *out) {
    const ir_type *t = tok_type(c, node, 0);
    *out = (tok_layout){.rank = t->rank};
    for (int axis = 0; axis < t->rank; axis++) {
        bool is_one = true, varies = false;
        for (int i = 0; i < c->n_probes; i++) {
            is_one &= tok_type(c, node, i)->dim[axis] == 1;
            varies |= tok_type(c, node, i)->dim[axis] != t->dim[axis];
        }
        if (is_one) continue;
        int from = 0, until = 0, at = axis + l->rank - t->rank;
        if (at >= 0) tok_layout_axis(l, at, &from, &until);
        for (int i = from; i < until; i++) {
            tok_atom a = l->atom[i];
            a.axis = axis;
            a.is_virtual = false;
            tok_layout_push(out, a);
        }
        if (from < until) continue;
        tok_atom a = {.kind = TOK_FEATURE, .axis = axis, .size = t->dim[axis], .stride = 1};
        if (varies) {
            a = (tok_atom){.kind = TOK_ROWS, .axis = axis, .stride = 1};
            if (!tok_axis_rows(c, node, axis, &a.domain)) return tok_blame(c, user, node);
        }
        tok_layout_push(out, a);
    }
    tok_layout_tidy(out);
    return tok_layout_fits(c, node, out) || tok_blame(c, user, node);
}

// Where element (row, column) of a constant lies.
typedef struct {
    int64_t width, rows;
    int64_t *column; // offset of each column
    int64_t row[TOK_MAX_ATOMS],
        row_size[TOK_MAX_ATOMS]; // offset and count of the row's pieces, outer first
    int n_row;
    int batch; // atoms of the batch
    int64_t batch_stride[TOK_MAX_ATOMS], batch_size[TOK_MAX_ATOMS];
} place;

static place place_of(tok_ctx *c, const tok_layout *own, int probe) {
    place p = {.width = tok_width(own), .rows = 1};
    int64_t stride[TOK_MAX_ATOMS], s = 1;
    for (int i = own->count; i-- > 0;) {
        stride[i] = s;
        s *= tok_atom_rows(c, &own->atom[i], probe);
    }
    for (int i = 0; i < own->count; i++) {
        int64_t n = tok_atom_rows(c, &own->atom[i], probe);
        if (own->atom[i].kind == TOK_ROWS) {
            p.row[p.n_row] = stride[i];
            p.row_size[p.n_row++] = n;
            p.rows *= n;
        } else if (own->atom[i].kind == TOK_BATCH) {
            p.batch_stride[p.batch] = stride[i];
            p.batch_size[p.batch++] = n;
        }
    }
    p.column = ARENA_ARRAY(c->a, int64_t, p.width);
    for (int64_t col = 0; col < p.width; col++) {
        int64_t rest = col;
        for (int i = own->count; i-- > 0;) {
            const tok_atom *a = &own->atom[i];
            if (a->kind != TOK_FEATURE) continue;
            p.column[col] += rest % a->size * stride[i];
            rest /= a->size;
        }
    }
    return p;
}

static int64_t row_offset(const place *p, int64_t r) {
    int64_t at = 0;
    for (int i = p->n_row; i-- > 0;) {
        at += r % p->row_size[i] * p->row[i];
        r /= p->row_size[i];
    }
    return at;
}

static bool same_row(const tensor *a, const place *pa, int64_t ra, const tensor *b, const place *pb,
                     int64_t rb, int64_t *col) {
    size_t n = elem_bytes(a->type);
    const char *x = (const char *)a->data + (size_t)row_offset(pa, ra) * n;
    const char *y = (const char *)b->data + (size_t)row_offset(pb, rb) * n;
    for (int64_t i = 0; i < pa->width; i++) {
        if (memcmp(x + (size_t)pa->column[i] * n, y + (size_t)pb->column[i] * n, n)) {
            *col = i;
            return false;
        }
    }
    return true;
}

static void copy_row(tensor *to, int64_t row, const tensor *from, const place *p, int64_t r) {
    size_t n = elem_bytes(from->type);
    const char *x = (const char *)from->data + (size_t)row_offset(p, r) * n;
    char *y = (char *)to->data + (size_t)(row * p->width) * n;
    for (int64_t i = 0; i < p->width; i++)
        memcpy(y + (size_t)i * n, x + (size_t)p->column[i] * n, n);
}

// Rows of a constant do not depend on the batch (a frozen batch axis).
static bool batch_is_uniform(const tensor *t, const place *p) {
    size_t n = elem_bytes(t->type);
    for (int b = 0; b < p->batch; b++)
        for (int64_t k = 1; k < p->batch_size[b]; k++)
            for (int64_t r = 0; r < p->rows; r++)
                for (int64_t i = 0; i < p->width; i++) {
                    int64_t at = row_offset(p, r) + p->column[i];
                    const char *x = (const char *)t->data + (size_t)at * n;
                    if (memcmp(x, x + (size_t)(k * p->batch_stride[b]) * n, n)) return false;
                }
    return true;
}

static bool not_a_prefix(tok_ctx *c, uint32_t user, int i, const tensor *const *t, const place *p,
                         int64_t row, int64_t col) {
    int64_t unused;
    bool from_end = p[i].rows >= 1;
    for (int64_t r = 0; from_end && r < p[i].rows; r++)
        from_end =
            same_row(t[i], &p[i], r, t[i + 1], &p[i + 1], p[i + 1].rows - p[i].rows + r, &unused);
    if (from_end)
        return tok_fail(
            c, user, DIAG_ID_tok_const,
            "a constant counts tokens from the end (row %" PRId64 " for %" PRId64
            " tokens is row %" PRId64 " for %" PRId64 "): a step cannot know how many follow",
            (int64_t)0, c->probe[i].tokens, p[i + 1].rows - p[i].rows, c->probe[i + 1].tokens);
    double x =
        elem_load_f64(t[i]->type, t[i]->data, (size_t)(row_offset(&p[i], row) + p[i].column[col]));
    double y = elem_load_f64(t[i + 1]->type, t[i + 1]->data,
                             (size_t)(row_offset(&p[i + 1], row) + p[i + 1].column[col]));
    return tok_fail(
        c, user, DIAG_ID_tok_const,
        "a constant at row %" PRId64 ", column %" PRId64 " is %g for %" PRId64
        " tokens, %g for %" PRId64
        ": it depends on the token count; bind what it comes from (--bind), or export at "
        "one length",
        row, col, x, c->probe[i].tokens, y, c->probe[i + 1].tokens);
}

const tok_constant *tok_const_table(tok_ctx *c, uint32_t node, uint32_t user, const tok_layout *own,
                                    bool *is_row) {
    const tensor *t[TOK_MAX_PROBES];
    place p[TOK_MAX_PROBES];
    int64_t col = 0;
    bool uniform = true;
    for (int i = 0; i < c->n_probes; i++) {
        t[i] = tok_const_at(c, node, i);
        if (!t[i]) return NULL;
        p[i] = place_of(c, own, i);
        if (p[i].batch && !batch_is_uniform(t[i], &p[i])) {
            tok_fail(c, user, DIAG_ID_tok_const,
                     "a constant differs between the sequences of a frozen batch");
            return NULL;
        }
        uniform &= p[i].rows > 0 && same_row(t[0], &p[0], 0, t[i], &p[i], 0, &col);
        for (int64_t r = 1; uniform && r < p[i].rows; r++)
            uniform = same_row(t[i], &p[i], 0, t[i], &p[i], r, &col);
    }
    *is_row = uniform;
    for (int i = 0; !uniform && i + 1 < c->n_probes; i++)
        for (int64_t r = 0; r < p[i].rows && r < p[i + 1].rows; r++)
            if (!same_row(t[i], &p[i], r, t[i + 1], &p[i + 1], r, &col)) {
                not_a_prefix(c, user, i, t, p, r, col);
                return NULL;
            }
    int m = c->max;
    int64_t dim[2] = {p[m].rows, p[m].width};
    tensor made = tensor_new(c->a, t[m]->type, 2, dim);
    if (uniform) {
        made = tensor_new(c->a, t[m]->type, 1, &dim[1]);
        copy_row(&made, 0, t[m], &p[m], 0);
    } else {
        for (int64_t r = 0; r < p[m].rows; r++) copy_row(&made, r, t[m], &p[m], r);
        tok_proof(c, user,
                  "a constant is a table by position: its rows at %" PRId64
                  " tokens are the first at any more, up to %" PRId64,
                  c->probe[0].tokens, p[m].rows);
    }
    if (made.type != tok_row_elem(made.type))
        made = tensor_cast(c->a, &made, tok_row_elem(made.type));
    return tok_constant_new(c, uniform ? "row" : "positions", made);
}

const tok_constant *tok_const_rows(tok_ctx *c, uint32_t node, uint32_t user, tok_layout own,
                                   int axis, const tok_layout *l) {
    if (!tok_const_same(c, node)) {
        tok_fail(c, user, DIAG_ID_tok_const,
                 "the rows joined to the tokens differ between token counts");
        return NULL;
    }
    for (int i = 0; i < own.count; i++)
        if (own.atom[i].axis == axis) own.atom[i].kind = TOK_ROWS;
    const tensor *t = tok_const_at(c, node, 0);
    place p = place_of(c, &own, 0);
    if (p.batch && !batch_is_uniform(t, &p)) {
        tok_fail(c, user, DIAG_ID_tok_const,
                 "a constant differs between the sequences of a frozen batch");
        return NULL;
    }
    int64_t w = tok_width(l), *index = ARENA_ARRAY(c->a, int64_t, w);
    tok_columns(&own, l, index);
    tensor narrow = tensor_new(c->a, t->type, 2, (int64_t[]){p.rows, p.width});
    tensor wide = tensor_new(c->a, t->type, 2, (int64_t[]){p.rows, w});
    size_t n = elem_bytes(t->type);
    for (int64_t r = 0; r < p.rows; r++) {
        copy_row(&narrow, r, t, &p, r);
        for (int64_t i = 0; i < w; i++)
            memcpy((char *)wide.data + (size_t)(r * w + i) * n,
                   (char *)narrow.data + (size_t)(r * p.width + index[i]) * n, n);
    }
    const char *hint = symbol_of(c, node);
    return tok_constant_new(c, hint ? hint : "rows",
                            tensor_cast(c->a, &wide, tok_row_elem(t->type)));
}

// One number for every element, so that no row of it is needed.
static bool is_uniform(const tensor *t) {
    size_t n = elem_bytes(t->type), count = tensor_count(t);
    for (size_t i = 1; i < count; i++)
        if (memcmp((const char *)t->data + i * n, t->data, n)) return false;
    return count > 0;
}

// The same columns for every row, of layout `own` inside `l`.
static const tok_constant *row_inside(tok_ctx *c, const tok_constant *row, const int64_t *index,
                                      int64_t w) {
    const tensor *t = &row->data;
    size_t n = elem_bytes(t->type);
    tensor wide = tensor_new(c->a, t->type, 1, &w);
    for (int64_t i = 0; i < w; i++)
        memcpy((char *)wide.data + (size_t)i * n, (const char *)t->data + (size_t)index[i] * n, n);
    return tok_constant_new(c, row->symbol ? row->symbol : row->hint, wide);
}

tok_ref tok_const_value(tok_ctx *c, tok_recipe *r, uint32_t node, const tok_layout *own,
                        const tok_layout *l) {
    const tok_ref nothing = {.from = TOK_NOTHING};
    double scalar;
    if (tok_const_scalar(c, node, &scalar)) {
        const tok_constant *k = tok_const_whole(c, node, r->node, 0, NULL);
        return k ? tok_step_constant(c, r, k) : nothing;
    }
    int64_t w = tok_width(l), own_w = tok_width(own);
    bool has_rows = tok_layout_has_rows(own), has_batch = false;
    for (int i = 0; i < own->count; i++) has_batch |= own->atom[i].kind == TOK_BATCH;
    int64_t *index = ARENA_ARRAY(c->a, int64_t, w);
    bool same = tok_columns(own, l, index), is_row = true;
    const tok_constant *k;
    if (!has_rows && !has_batch && same && own_w == w) // a weight as it is
        k = tok_const_whole(c, node, r->node, 1, &w);
    else
        k = tok_const_table(c, node, r->node, own, &is_row);
    if (!k) return nothing;
    if (is_row) {
        if (tensor_count(&k->data) <= 1 << 16 && is_uniform(&k->data)) {
            tensor one = k->data;
            one.rank = 0;
            k = tok_constant_new(c, "c", one);
        } else if (!same && own_w != 1) {
            k = row_inside(c, k, index, w);
        }
        return tok_step_constant(c, r, k);
    }
    int d = tok_layout_domain(own);
    if (d < 0) {
        tok_fail(c, r->node, DIAG_ID_tok_const, "a constant has two token axes: %s",
                 tok_layout_text(c, own));
        return nothing;
    }
    tok_ref table = tok_step_constant(c, r, k);
    tok_ref v =
        tok_step_typed(c, r, IR_nn_posrow, &table, 1, NULL, tok_row_type(k->data.type, d, own_w));
    return same || own_w == 1 ? v : tok_step_columns(c, r, v, index, w);
}
