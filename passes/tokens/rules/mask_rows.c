// What does row q of a mask say? All rows are looked at up to 4,096 x 4,096 scores, else the first
// two, the last and 64 seeded ones (worked-examples §1.3); and no more than these of a large mask
// of which the first and the last tell all.
#include "passes/large.h"
#include "passes/tokens/rules/mask.h"
#include "support/num/random.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double HIDDEN = -1e4; // an additive mask at or below hides
enum { SEEDED = 64 };              // rows

// ---- which rows ------------------------------------------------------------------------------

void tok_mask_list(tok_mask_view *v, int64_t row) {
    if (!v->listed || row < 0 || row >= v->rows) return;
    int64_t *list = ARENA_ARRAY(v->a, int64_t, v->n_listed + 1), n = 0;
    for (int64_t i = 0; i < v->n_listed && v->listed[i] < row; i++) list[n++] = v->listed[i];
    const int64_t before = n;
    if (before < v->n_listed && v->listed[before] == row) return;
    list[n++] = row;
    for (int64_t i = before; i < v->n_listed; i++) list[n++] = v->listed[i];
    v->listed = list;
    v->n_listed = n;
}

static void choose_rows(const tok_ctx *c, tok_mask_view *v) {
    v->n_listed = v->rows;
    v->is_shift = tok_mask_is_shift(v);
    const int64_t most = large_most(LARGE_WHOLE, 0) / max_i64(1, v->keys);
    if (v->rows <= most && !v->is_shift) return;
    random_stream draws = random_of(c->o->seed, RANDOM_ROWS, 0);
    int64_t first = 0;
    v->listed = arena_copy(v->a, &first, sizeof first);
    v->n_listed = 1;
    tok_mask_list(v, 1);
    tok_mask_list(v, v->rows - 1);
    for (int i = 0; i < SEEDED; i++)
        tok_mask_list(v, (int64_t)random_below(&draws, (uint64_t)v->rows));
}

// ---- opening ---------------------------------------------------------------------------------

// Tensors of the parameters that a mask may depend on.
static const tensor **make_params(tok_ctx *c, const tok_probe *p, const tok_mask_inputs *in,
                                  const uint8_t *m, arena *a) {
    size_t n = p->f->params.count;
    const tensor **params = ARENA_ARRAY(a, const tensor *, n + 1);
    for (size_t i = 0; i < n; i++) {
        const ir_type *t = ir_type_of(p->f, p->f->params.items[i].value);
        bool is_key = (int)i == in->key, is_pos = strcmp(tok_role(c, p->f, i), "positions") == 0;
        if (!is_key && !is_pos) continue;
        tensor *x = ARENA_NEW(a, tensor);
        *x = tensor_new(a, t->type, t->rank, t->dim);
        int64_t last = t->rank ? t->dim[t->rank - 1] : 1;
        size_t count = tensor_count(x);
        for (size_t k = 0; k < count; k++) {
            int64_t at = (int64_t)k % last;
            double e = !is_key               ? (double)(p->past + at)
                       : c->input[i].is_told ? tok_told_element(&c->input[i], t, k)
                       : m                   ? m[at] != in->turned
                                             : !in->turned;
            elem_store_f64(x->type, x->data, k, e);
        }
        params[i] = x;
    }
    return params;
}

// Sizes of a mask of that shape, and strides of the tensor of it, or of one row.
static bool set_shape(tok_ctx *c, uint32_t user, const ir_type *t, tok_mask_view *v) {
    const bool is_row = v->parts;
    int64_t dim[4] = {1, 1, 1, 1}, stride[4] = {0}, s = 1;
    tensor as = {.type = t->type, .rank = t->rank};
    memcpy(as.dim, t->dim, sizeof as.dim);
    const char *shape = tensor_shape_text(c->a, &as);
    for (int i = t->rank; i-- > 0;) {
        int at = i + 4 - t->rank;
        if (at < 0 || (at == 0 && t->dim[i] != 1 && !c->is_frozen))
            return tok_fail(c, user, DIAG_ID_tok_mask, "its mask %s has too many axes", shape);
        dim[at] = t->dim[i];
        stride[at] = t->dim[i] == 1 ? 0 : s;
        if (at != 2 || !is_row) s *= t->dim[i];
    }
    v->is_bool = t->type == ELEM_bool;
    v->heads = dim[1];
    v->head_stride = stride[1];
    v->row_stride = is_row ? 0 : stride[2];
    v->key_stride = stride[3];
    if ((dim[2] == 1 || dim[2] == v->rows) && (dim[3] == 1 || dim[3] == v->keys)) return true;
    return tok_fail(c, user, DIAG_ID_tok_mask,
                    "its mask %s does not cover %" PRId64 " x %" PRId64 " scores", shape, v->rows,
                    v->keys);
}

bool tok_mask_open(tok_ctx *c, uint32_t user, tok_probe *p, ir_val v, const tok_mask_inputs *in,
                   const uint8_t *m, int64_t rows, int64_t keys, tok_mask_view *view) {
    *view = (tok_mask_view){.rows = rows, .keys = keys, .a = arena_new(), .v = v, .at = -1};
    const tensor **params = make_params(c, p, in, m, view->a);
    const ir_type *type = ir_type_of(p->f, v);
    size_t before = diag_errors(c->found);
    tensor t;
    bool ok = true;
    if (p->is_large[v]) {
        view->parts = ARENA_NEW(view->a, tok_parts);
        *view->parts = (tok_parts){.c = c, .p = p, .params = params, .a = view->a};
    } else {
        ok = tok_eval(c, p, v, params, view->a, &t);
        if (ok) view->t = arena_copy(view->a, &t, sizeof t);
    }
    if (!ok && diag_errors(c->found) == before)
        tok_fail(c, user, DIAG_ID_tok_mask, "its mask cannot be evaluated");
    if (!ok || !set_shape(c, user, type, view)) return false;
    choose_rows(c, view);
    return true;
}

void tok_mask_close(tok_mask_view *v) {
    arena_free(v->row);
    arena_free(v->a);
    *v = (tok_mask_view){.at = -1};
}

// ---- rows ------------------------------------------------------------------------------------

tok_mask_line tok_mask_line_new(arena *a, int64_t keys) {
    return (tok_mask_line){ARENA_ARRAY(a, uint8_t, keys + 1), ARENA_ARRAY(a, float, keys + 1)};
}

static bool evaluate_row(tok_mask_view *v, int64_t q) {
    if (v->at == q) return true;
    const ir_type *t = ir_type_of(v->parts->p->f, v->v);
    tok_box box = {{0}, {0}};
    for (int i = 0; i < t->rank; i++) box.size[i] = t->dim[i];
    const int axis = t->rank - 2;
    if (axis >= 0 && t->dim[axis] != 1) {
        box.from[axis] = q;
        box.size[axis] = 1;
    }
    arena_free(v->row);
    v->row = arena_new();
    v->at = -1;
    tensor row;
    if (!tok_eval_part(v->parts, v->v, &box, v->row, &row)) return false;
    v->t = arena_copy(v->row, &row, sizeof row);
    v->at = q;
    return true;
}

bool tok_mask_row(tok_mask_view *v, int64_t h, int64_t q, uint8_t *visible, float *bias) {
    if (v->parts && !evaluate_row(v, q)) return false;
    size_t at = (size_t)((v->heads == 1 ? 0 : h * v->head_stride) + q * v->row_stride);
    for (int64_t k = 0; k < v->keys; k++, at += (size_t)v->key_stride) {
        if (v->is_bool) {
            visible[k] = ((const uint8_t *)v->t->data)[at] != 0;
            bias[k] = 0;
            continue;
        }
        double x = elem_load_f64(v->t->type, v->t->data, at);
        if (isnan(x)) return false;
        visible[k] = x > HIDDEN;
        bias[k] = visible[k] ? (float)x : 0;
    }
    return true;
}
