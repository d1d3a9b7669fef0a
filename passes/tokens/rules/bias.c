// What is added to the scores besides a mask? Nothing, a slope times the key's position (ALiBi), a
// function of the distance (Toeplitz: T5's buckets), or for a frozen length a table. All at the
// maximum: a bucket's clamp shows only there.
#include "passes/tokens/constant.h"
#include "passes/tokens/rules/mask.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float HIDES = -1e9f;

bool tok_near(float a, float b) { return fabsf(a - b) <= 1e-5f * (1 + fabsf(b)); }

static bool has_bias(tok_mask_view *v, tok_mask_line *l) {
    for (int64_t i = 0; i < v->n_listed; i++)
        for (int64_t h = 0; h < v->heads; h++) {
            tok_mask_row(v, h, tok_mask_listed(v, i), l->visible, l->bias);
            for (int64_t j = 0; j < v->keys; j++)
                if (l->visible[j] && l->bias[j] != 0) return true;
        }
    return false;
}

// bias = slope(h) * k + something of the row alone.
static bool is_alibi(tok_mask_view *v, int64_t heads, const tok_mask *k, tok_mask_line *l,
                     float *slope) {
    bool known = false;
    for (int64_t i = v->n_listed; i-- > 0;) {
        const int64_t q = tok_mask_listed(v, i);
        int64_t first = -1, n = 0;
        for (int64_t j = 0; j < v->keys; j++) {
            if (!tok_mask_sees(k, q, j)) continue;
            if (first < 0) first = j;
            n = j - first + 1;
        }
        for (int64_t h = 0; h < heads; h++) {
            tok_mask_row(v, h, q, l->visible, l->bias);
            if (n > 1 && !known) // the longest row gives the slope best
                slope[h] = (l->bias[first + n - 1] - l->bias[first]) / (float)(n - 1);
            for (int64_t j = first; first >= 0 && j < first + n; j++)
                if (!tok_near(l->bias[first] + slope[h] * (float)(j - first), l->bias[j]))
                    return false;
        }
        known |= n > 1;
    }
    return true;
}

// bias = t(h, k - q). The table has the entry of k = q at `zero`. The first and the last row have
// every distance.
static bool is_toeplitz(tok_mask_view *v, int64_t heads, const tok_mask *k, tok_mask_line *l,
                        float *table, int64_t width, int64_t zero) {
    uint8_t *known = base_calloc((size_t)(heads * width), 1);
    bool ok = true;
    for (int64_t i = 0; ok && i < v->n_listed; i++)
        for (int64_t h = 0; ok && h < heads; h++) {
            const int64_t q = tok_mask_listed(v, i);
            tok_mask_row(v, h, q, l->visible, l->bias);
            for (int64_t j = 0; ok && j < v->keys; j++) {
                int64_t at = h * width + zero + j - q;
                if (!tok_mask_sees(k, q, j)) continue;
                if (!known[at]) table[at] = l->bias[j];
                known[at] = 1;
                ok = table[at] == l->bias[j];
            }
        }
    free(known);
    return ok;
}

bool tok_mask_bias(tok_ctx *c, uint32_t user, tok_mask_view *v, int64_t heads, tok_mask *k,
                   tok_mask_line *l) {
    if (!k->is_band && (v->is_bool || !has_bias(v, l))) return true;
    if (v->heads != 1 && v->heads != heads)
        return tok_fail(c, user, DIAG_ID_tok_mask, "its bias has %" PRId64 " heads of %" PRId64,
                        v->heads, heads);
    tensor slopes = tensor_new(c->a, ELEM_f32, 1, &heads);
    if (!k->is_band && is_alibi(v, heads, k, l, slopes.data)) {
        k->bias = IR_BIAS_ALIBI;
        k->table = tok_constant_new(c, "alibi", slopes);
        tok_proof(c, user, "its bias is linear in the key, one slope a head");
        return true;
    }
    int64_t width = k->mode == IR_RING_CAUSAL ? v->keys : 2 * v->keys - 1, zero = v->keys - 1;
    tensor t = tensor_new(c->a, ELEM_f32, 2, (int64_t[]){heads, width});
    if (k->is_band) { // what it hides is hidden by its bias
        float *x = t.data;
        for (int64_t i = 0; i < heads * width; i++) x[i] = HIDES;
    }
    if (is_toeplitz(v, heads, k, l, t.data, width, zero)) {
        k->bias = IR_BIAS_TOEPLITZ;
        k->table = tok_constant_new(c, "relative", t);
        tok_proof(c, user, "its bias depends on the distance alone, up to %" PRId64, v->keys - 1);
        return true;
    }
    if (!c->is_frozen || k->is_band)
        return tok_fail(
            c, user, DIAG_ID_tok_mask,
            "its bias is neither linear in the key nor a function of the distance; a general "
            "one needs an export at one length");
    t = tensor_new(c->a, ELEM_f32, 3, (int64_t[]){heads, v->rows, v->keys});
    for (int64_t h = 0; h < heads; h++)
        for (int64_t q = 0; q < v->rows; q++) {
            tok_mask_row(v, h, q, l->visible, l->bias);
            memcpy((float *)t.data + (h * v->rows + q) * v->keys, l->bias,
                   (size_t)v->keys * sizeof(float));
        }
    k->bias = IR_BIAS_FULL;
    k->table = tok_constant_new(c, "bias", t);
    return true;
}

// The table reaches from row q to the key: a probe may be longer than the maximum.
static bool reaches(const tok_mask *k, const tensor *t, int64_t q, int64_t key) {
    if (!k->table || k->bias == IR_BIAS_ALIBI) return true;
    if (k->bias == IR_BIAS_FULL) return q < t->dim[1] && key < t->dim[2];
    int64_t width = t->dim[1], zero = k->mode == IR_RING_CAUSAL ? width - 1 : (width - 1) / 2;
    return zero + key - q >= 0 && zero + key - q < width;
}

// What the table says, but for a constant of the row.
static float predicted(const tok_mask *k, const tensor *t, int64_t h, int64_t q, int64_t key) {
    if (!k->table) return 0;
    const float *x = t->data;
    if (k->bias == IR_BIAS_ALIBI) return x[h] * (float)key;
    if (k->bias == IR_BIAS_FULL) return x[(h * t->dim[1] + q) * t->dim[2] + key];
    int64_t width = t->dim[1], zero = k->mode == IR_RING_CAUSAL ? width - 1 : (width - 1) / 2;
    return x[h * width + zero + key - q];
}

bool tok_bias_agrees(tok_mask_view *v, int64_t heads, const tok_mask *k, int64_t past,
                     tok_mask_line *l, int64_t *row, int64_t *key) {
    const tensor *t = k->table ? &k->table->data : NULL;
    const bool may_shift = k->bias == IR_BIAS_ALIBI;
    for (int64_t i = 0; i < v->n_listed; i++)
        for (int64_t h = 0; h < (t ? heads : v->heads); h++) {
            const int64_t q = tok_mask_listed(v, i);
            tok_mask_row(v, h, q, l->visible, l->bias);
            float shift = 0;
            bool known = !may_shift;
            for (int64_t j = 0; j < v->keys; j++) {
                if (!l->visible[j] || !tok_mask_sees(k, past + q, j)) continue;
                if (!reaches(k, t, past + q, j)) continue;
                float want = predicted(k, t, h, past + q, j);
                if (!known) shift = l->bias[j] - want;
                known = true;
                *row = q;
                *key = j;
                if (!tok_near(l->bias[j] - shift, want)) return false;
            }
        }
    return true;
}
