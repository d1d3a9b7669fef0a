// Quick products that several executions have in common: the model as imported, the program made of
// it, and the program in other steps multiply the same matrices by nearly the same rows. The sums
// of the first are those of the next wherever its rows differ by no more than rounding, element by
// element; everywhere else they are computed. So a difference that is larger than rounding goes on
// as it would, and one that is not is no more than another order of additions makes.
#ifndef OHMIC_IR_KERNEL_STORE_H
#define OHMIC_IR_KERNEL_STORE_H

#include "support/base.h"

// Rounding: |a - b| <= STORE_NEAR * (|b| + the mean |b| of the row).
#define STORE_NEAR 0x1p-20f

typedef enum {
    STORE_KEEP, // compute, and keep
    STORE_TAKE, // take from rows that are near, which from then on count as these; else as KEEP
    STORE_LAST, // take from rows that are near; else compute
    STORE_SAME, // take from rows that have the same bits, wherever they stand; else compute
} store_mode;

typedef struct product_store product_store;
// most: bytes kept at most; what goes beyond is computed.
product_store *product_store_new(size_t most);
void product_store_free(product_store *s); // NULL is allowed
void product_store_use(product_store *s, store_mode mode);

// Of a product of m rows by a matrix: which it is, and where its elements are.
typedef struct {
    const void *matrix; // [k][n] of float, or [n][k]
    bool transposed;
    size_t m, k, n;
} store_key;

// Sums of rows x [m][k] to be taken: panel p's row r, column c at [(p*ld + r)*PRODUCT_COLUMNS + c];
// NULL: there are none.
const float *product_store_find(product_store *s, const store_key *key, const float *x, size_t *ld);
// Room for the sums of these rows, laid out so with ld = m; NULL: they are not kept.
float *product_store_add(product_store *s, const store_key *key, const float *x);

#endif
