// Reading static matrices: see weights.h.
#include "ir/eval/weights.h"
#include "ir/kernel/product.h"
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = PRODUCT_COLUMNS };

static void block_alloc(weight_block *b, size_t n_sources) {
    size_t n = weights_n(b);
    b->n_sources = n_sources;
    b->source = base_calloc(n_sources + 1, sizeof *b->source);
    b->scale = base_alloc(n * sizeof *b->scale + 1);
    b->zero = base_calloc(n + 1, sizeof *b->zero);
    b->bias = base_calloc(n + 1, sizeof *b->bias);
    for (size_t i = 0; i < n; i++) b->scale[i] = 1;
}

void weights_free(weight_block *b) {
    free(b->source);
    free(b->scale);
    free(b->zero);
    free(b->bias);
    *b = (weight_block){0};
}

// Entry of a per-column table for column i of a source of n columns: n entries, or one for all.
static bool has_columns(const ir_eval_ctx *c, const ir_op *op, const char *name, const tensor *t,
                        int64_t n) {
    size_t count = tensor_count(t);
    return count == 1 || count == (size_t)n ||
           eval_fail(c, op, DIAG_ID_eval_operand, "'@%s' has %zu entries, expected %lld", name,
                     count, (long long)n);
}

typedef struct {
    const char *scale, *zero, *bias; // symbols; NULL: none
} column_tables;

static const tensor *column_table(const ir_eval_ctx *c, const ir_op *op, const char *name,
                                  int64_t n, bool *ok) {
    if (!name) return NULL;
    const tensor *t = eval_table(c, op, name);
    *ok = t && has_columns(c, op, name, t, n);
    return *ok ? t : NULL;
}

// Columns of source s that lie in the block: scales, zero points and bias.
static bool load_columns(const ir_eval_ctx *c, const ir_op *op, weight_block *b,
                         const weight_source *s, column_tables names) {
    bool ok = true;
    int64_t n = s->n1 - s->n0;
    const tensor *scale = column_table(c, op, names.scale, n, &ok);
    const tensor *zero = ok ? column_table(c, op, names.zero, n, &ok) : NULL;
    const tensor *bias = ok ? column_table(c, op, names.bias, n, &ok) : NULL;
    if (!ok) return false;
    if (s->w->type == ELEM_i8 && !scale)
        return eval_fail(c, op, DIAG_ID_eval_operand, "weights of type i8 have no scale");
    int64_t lo = max_i64(s->n0, b->n0), hi = min_i64(s->n1, b->n1);
    for (int64_t i = lo; i < hi; i++) {
        size_t from = (size_t)(i - s->n0), to = (size_t)(i - b->n0);
#define AT(t) (tensor_count(t) == 1 ? 0 : from)
        if (scale) b->scale[to] = (float)elem_load_f64(scale->type, scale->data, AT(scale));
        if (zero) b->zero[to] = (int32_t)elem_load_i64(zero->type, zero->data, AT(zero));
        if (bias) b->bias[to] = elem_load_f64(bias->type, bias->data, AT(bias));
#undef AT
    }
    return true;
}

// Adds a source behind the others; its rows must be the whole matrix's.
static bool add_source(const ir_eval_ctx *c, const ir_op *op, weight_block *b, size_t i,
                       const tensor *w, bool trans, int64_t rows) {
    if (w->rank != 2 || !(elem_is_float(w->type) || w->type == ELEM_i8))
        return eval_fail(c, op, DIAG_ID_eval_operand, "a weight is no matrix of float or i8");
    int64_t k = w->dim[trans ? 1 : 0], n = w->dim[trans ? 0 : 1];
    int64_t n0 = i ? b->source[i - 1].n1 : 0;
    if (k < b->k1 || (rows >= 0 && k != rows))
        return eval_fail(c, op, DIAG_ID_eval_operand, "a weight has %lld rows, too few or many",
                         (long long)k);
    b->source[i] = (weight_source){w, trans, n0, n0 + n};
    bool codes = w->type == ELEM_i8;
    if (i > 0 && codes != b->codes)
        return eval_fail(c, op, DIAG_ID_eval_operand, "float weights and codes in one group");
    b->codes = codes;
    return true;
}

static bool list_fits(const ir_eval_ctx *c, const ir_op *op, const char *what, size_t n,
                      size_t want) {
    return n == 0 || n == want ||
           eval_fail(c, op, DIAG_ID_eval_operand, "the group has %zu weights and %zu of '%s'", want,
                     n, what);
}

bool weights_of_group(const ir_eval_ctx *c, const ir_op *op, weight_block *b) {
    *b = (weight_block){0};
    const char *name = ir_attr_str(&op->attrs, IR_ATTR_group, "");
    const ir_symbol *g = ir_symbol_find(c->module, name);
    if (!g || g->kind != IR_SYM_GROUP)
        return eval_fail(c, op, DIAG_ID_eval_operand, "there is no group '@%s'", name);
    size_t n, n_trans, n_scale, n_zero, n_bias;
    const char *const *weights = ir_attr_strs(&g->attrs, IR_ATTR_weights, &n);
    const int64_t *trans = ir_attr_ints(&g->attrs, IR_ATTR_wtrans, &n_trans);
    const char *const *scale = ir_attr_strs(&g->attrs, IR_ATTR_wscale, &n_scale);
    const char *const *zero = ir_attr_strs(&g->attrs, IR_ATTR_wzero, &n_zero);
    const char *const *bias = ir_attr_strs(&g->attrs, IR_ATTR_wbias, &n_bias);
    if (n == 0) return eval_fail(c, op, DIAG_ID_eval_operand, "group '@%s' has no weights", name);
    if (!list_fits(c, op, "wtrans", n_trans, n) || !list_fits(c, op, "wscale", n_scale, n) ||
        !list_fits(c, op, "wzero", n_zero, n) || !list_fits(c, op, "wbias", n_bias, n))
        return false;
    b->k0 = ir_attr_int(&g->attrs, IR_ATTR_k0, 0);
    b->k1 = ir_attr_int(&g->attrs, IR_ATTR_k1, 0);
    b->n0 = ir_attr_int(&g->attrs, IR_ATTR_n0, 0);
    b->n1 = ir_attr_int(&g->attrs, IR_ATTR_n1, 0);
    if (b->k0 < 0 || b->k1 < b->k0 || b->n0 < 0 || b->n1 < b->n0 || b->n1 > INT32_MAX)
        return eval_fail(c, op, DIAG_ID_eval_operand, "group '@%s' has no block k0 k1 n0 n1", name);
    block_alloc(b, n);
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        const tensor *w = eval_table(c, op, weights[i]);
        ok = w && add_source(c, op, b, i, w, n_trans && trans[i], -1) &&
             load_columns(c, op, b, &b->source[i],
                          (column_tables){n_scale ? scale[i] : NULL, n_zero ? zero[i] : NULL,
                                          n_bias ? bias[i] : NULL});
    }
    if (ok && b->n1 > b->source[n - 1].n1)
        ok = eval_fail(c, op, DIAG_ID_eval_operand, "group '@%s' is wider than its weights", name);
    if (!ok) weights_free(b);
    return ok;
}

static const char *only_sym(const ir_op *op, ir_key key) {
    size_t n;
    const char *const *list = ir_attr_strs(&op->attrs, key, &n);
    return n ? list[0] : NULL;
}

bool weights_of_linear(const ir_eval_ctx *c, const ir_op *op, const tensor *const *in,
                       weight_block *b) {
    const tensor *w = in[1], *bias = op->n_operands > 2 ? in[2] : NULL;
    bool trans = ir_attr_int(&op->attrs, IR_ATTR_trans_w, 0) != 0;
    *b = (weight_block){0};
    if (w->rank != 2) return eval_fail(c, op, DIAG_ID_eval_operand, "the weight is no matrix");
    b->k1 = w->dim[trans ? 1 : 0];
    b->n1 = w->dim[trans ? 0 : 1];
    block_alloc(b, 1);
    bool ok = add_source(c, op, b, 0, w, trans, b->k1) &&
              load_columns(
                  c, op, b, &b->source[0],
                  (column_tables){only_sym(op, IR_ATTR_wscale), only_sym(op, IR_ATTR_wzero), NULL});
    if (ok && bias) {
        ok = has_columns(c, op, "bias", bias, b->n1);
        size_t last = tensor_count(bias) - 1;
        for (size_t i = 0; ok && i < weights_n(b); i++)
            b->bias[i] = elem_load_f64(bias->type, bias->data, i < last ? i : last);
    }
    if (!ok) weights_free(b);
    return ok;
}

// ---- reading ---------------------------------------------------------------------------------

// Columns [n0,n1) and rows [k0,k1) of one source (its own numbering), any element type.
static void source_panel(const weight_source *s, int64_t k0, int64_t k1, int64_t n0, int64_t n1,
                         double *w) {
    const tensor *t = s->w;
    size_t ld = (size_t)t->dim[1], bytes = elem_bytes(t->type);
    if (t->type == ELEM_f32) {
        product_panel_f32(t->data, ld, s->trans, (size_t)k0, (size_t)k1, (size_t)n0, (size_t)n1, w);
        return;
    }
    const int8_t *codes = t->data;
    bool is_i8 = t->type == ELEM_i8;
    for (int64_t k = k0; k < k1; k++) {
        double *row = w + (k - k0) * COLUMNS;
        for (int64_t n = n0; is_i8 && n < n1; n++)
            row[n - n0] = codes[s->trans ? (size_t)n * ld + (size_t)k : (size_t)k * ld + (size_t)n];
        if (is_i8) continue;
        if (!s->trans)
            elem_convert(ELEM_f64, row, t->type,
                         (const char *)t->data + ((size_t)k * ld + (size_t)n0) * bytes,
                         (size_t)(n1 - n0));
        for (int64_t n = n0; s->trans && n < n1; n++)
            row[n - n0] = elem_load_f64(t->type, t->data, (size_t)n * ld + (size_t)k);
    }
}

void weights_panel(const weight_block *b, bool as_codes, size_t k0, size_t k1, size_t n0, size_t n1,
                   double *w) {
    for (size_t i = 0; i < b->n_sources; i++) {
        const weight_source *s = &b->source[i];
        int64_t lo = max_i64(s->n0, b->n0 + (int64_t)n0), hi = min_i64(s->n1, b->n0 + (int64_t)n1);
        if (lo < hi)
            source_panel(s, b->k0 + (int64_t)k0, b->k0 + (int64_t)k1, lo - s->n0, hi - s->n0,
                         w + (lo - b->n0 - (int64_t)n0));
    }
    if (as_codes || !b->codes) return;
    for (size_t k = 0; k < k1 - k0; k++)
        for (size_t n = n0; n < n1; n++) {
            double *x = &w[k * COLUMNS + n - n0];
            *x = (double)(float)((double)b->scale[n] * (*x - (double)b->zero[n]));
        }
}

bool weights_direct(const weight_block *b, size_t n0, size_t n1, const float **w, size_t *ld,
                    bool *transposed) {
    int64_t lo = b->n0 + (int64_t)n0, hi = b->n0 + (int64_t)n1;
    for (size_t i = 0; i < b->n_sources; i++) {
        const weight_source *s = &b->source[i];
        if (lo < s->n0 || hi > s->n1) continue;
        if (s->w->type != ELEM_f32 || (uintptr_t)s->w->data % sizeof(float) != 0) return false;
        *ld = (size_t)s->w->dim[1];
        *transposed = s->trans;
        size_t k = (size_t)b->k0, n = (size_t)(lo - s->n0);
        *w = (const float *)s->w->data + (s->trans ? n * *ld + k : k * *ld + n);
        return true;
    }
    return false;
}

bool weights_are_plain(const weight_block *b) {
    const weight_source *s = &b->source[0];
    return b->n_sources == 1 && s->w->type == ELEM_f32 && b->k0 == 0 && b->n0 == 0 &&
           b->k1 == s->w->dim[s->trans] && b->n1 == s->w->dim[!s->trans];
}

// What of columns [n0, n1) of the block lies in source s.
typedef struct {
    size_t n, from, at; // how many; the first one's number in the source, and behind n0
    size_t width;       // of the source's rows in memory
} overlap;

static bool overlaps(const weight_block *b, const weight_source *s, size_t n0, size_t n1,
                     overlap *o) {
    const int64_t lo = max_i64(s->n0, b->n0 + (int64_t)n0),
                  hi = min_i64(s->n1, b->n0 + (int64_t)n1);
    if (lo >= hi) return false;
    *o = (overlap){.n = (size_t)(hi - lo),
                   .from = (size_t)(lo - s->n0),
                   .at = (size_t)(lo - b->n0) - n0,
                   .width = (size_t)s->w->dim[1]};
    return true;
}

void weights_codes(const weight_block *b, size_t k0, size_t k1, size_t n0, size_t n1, int8_t *w) {
    for (size_t i = 0; i < b->n_sources; i++) {
        const weight_source *s = &b->source[i];
        overlap o;
        if (!overlaps(b, s, n0, n1, &o)) continue;
        const int8_t *codes = s->w->data;
        for (size_t k = k0; k < k1; k++) {
            int8_t *row = w + (k - k0) * COLUMNS + o.at;
            const size_t r = (size_t)b->k0 + k;
            if (!s->trans && o.n == COLUMNS)
                memcpy(row, codes + r * o.width + o.from, COLUMNS); // of a size that is known
            else
                for (size_t c = 0; c < o.n; c++)
                    row[c] =
                        codes[s->trans ? (o.from + c) * o.width + r : r * o.width + o.from + c];
        }
    }
}

bool weights_pack(const weight_block *b, bool as_codes, size_t k0, size_t k1, size_t n0, size_t n1,
                  float *w) {
    if (b->codes && !as_codes) return false;
    for (size_t i = 0; i < b->n_sources; i++) {
        const weight_source *s = &b->source[i];
        overlap o;
        if (!overlaps(b, s, n0, n1, &o)) continue;
        if (s->w->type == ELEM_f32) {
            product_pack_f32(s->w->data, o.width, s->trans, (size_t)b->k0 + k0, (size_t)b->k0 + k1,
                             o.from, o.from + o.n, w + o.at);
            continue;
        }
        if (s->w->type != ELEM_i8) return false;
        const int8_t *codes = s->w->data;
        for (size_t k = k0; k < k1; k++) {
            float *row = w + (k - k0) * COLUMNS + o.at;
            const size_t r = (size_t)b->k0 + k;
            if (!s->trans)
                for (size_t c = 0; c < o.n; c++) row[c] = codes[r * o.width + o.from + c];
            else
                for (size_t c = 0; c < o.n; c++) row[c] = codes[(o.from + c) * o.width + r];
        }
    }
    return true;
}

void weights_column_sums(const weight_block *b, int64_t *sum) {
    enum { ROWS = 64 };
    double w[ROWS * COLUMNS];
    size_t k = weights_k(b), n = weights_n(b);
    for (size_t n0 = 0; n0 < n; n0 += COLUMNS) {
        size_t n1 = n0 + COLUMNS < n ? n0 + COLUMNS : n;
        for (size_t i = n0; i < n1; i++) sum[i] = 0;
        for (size_t k0 = 0; k0 < k; k0 += ROWS) {
            size_t k1 = k0 + ROWS < k ? k0 + ROWS : k;
            weights_panel(b, true, k0, k1, n0, n1, w);
            for (size_t j = 0; j < k1 - k0; j++)
                for (size_t i = n0; i < n1; i++) sum[i] += (int64_t)w[j * COLUMNS + i - n0];
        }
    }
}
