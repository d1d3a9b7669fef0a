// See store.h.
#include "ir/kernel/store.h"
#include "ir/kernel/product.h"
#include "support/vec.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    store_key key;
    float *x, *sum;
} stored;

struct product_store {
    store_mode mode;
    size_t left; // bytes
    VEC(stored) entries;
};

product_store *product_store_new(size_t most) {
    product_store *s = base_calloc(1, sizeof *s);
    s->left = most;
    return s;
}

void product_store_free(product_store *s) {
    if (!s) return;
    for (size_t i = 0; i < s->entries.count; i++) {
        free(s->entries.items[i].x);
        free(s->entries.items[i].sum);
    }
    vec_free(&s->entries);
    free(s);
}

void product_store_use(product_store *s, store_mode mode) { s->mode = mode; }

static bool row_is_near(const float *a, const float *b, size_t n) {
    float sum = 0;
    for (size_t i = 0; i < n; i++) sum += fabsf(b[i]);
    const float mean = sum / (float)n;
    int far = 0; // no branch: the loop is a vector
    for (size_t i = 0; i < n; i++)
        far |= !(fabsf(a[i] - b[i]) <= STORE_NEAR * (fabsf(b[i]) + mean));
    return !far;
}

static bool rows_are_near(const float *a, const float *b, const store_key *key) {
    for (size_t i = 0; i < key->m; i++)
        if (!row_is_near(a + i * key->k, b + i * key->k, key->k)) return false;
    return true;
}

// First row of the entry from which on they are the m rows x; SIZE_MAX: nowhere.
static size_t same_rows(const stored *e, const store_key *key, const float *x) {
    const size_t bytes = key->k * sizeof *x;
    for (size_t at = 0; at + key->m <= e->key.m; at++)
        if (memcmp(e->x + at * key->k, x, key->m * bytes) == 0) return at;
    return SIZE_MAX;
}

const float *product_store_find(product_store *s, const store_key *key, const float *x,
                                size_t *ld) {
    for (size_t i = 0; s->mode != STORE_KEEP && i < s->entries.count; i++) {
        const stored *e = &s->entries.items[i];
        if (e->key.matrix != key->matrix || e->key.transposed != key->transposed ||
            e->key.k != key->k || e->key.n != key->n)
            continue;
        *ld = e->key.m;
        if (s->mode == STORE_SAME) {
            const size_t at = same_rows(e, key, x);
            if (at != SIZE_MAX) return e->sum + at * PRODUCT_COLUMNS;
        } else if (e->key.m == key->m && rows_are_near(x, e->x, key)) {
            if (s->mode == STORE_TAKE) memcpy(e->x, x, key->m * key->k * sizeof *x);
            return e->sum;
        }
    }
    return NULL;
}

float *product_store_add(product_store *s, const store_key *key, const float *x) {
    const size_t rows = key->m * key->k * sizeof(float),
                 sums = key->m * align_u64(key->n, PRODUCT_COLUMNS) * sizeof(float);
    if (s->mode == STORE_SAME || s->mode == STORE_LAST || rows + sums > s->left) return NULL;
    s->left -= rows + sums;
    stored e = {*key, base_alloc(rows + 1), base_alloc(sums + 1)};
    memcpy(e.x, x, rows);
    vec_push(&s->entries, e);
    return e.sum;
}
