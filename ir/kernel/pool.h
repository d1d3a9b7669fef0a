// Products of codes on a pool of computation arrays (docs/numerics.md, "pool"): digits of the row,
// a conversion for each chunk of weights, integers behind it.
#ifndef OHMIC_IR_KERNEL_POOL_H
#define OHMIC_IR_KERNEL_POOL_H

#include "ir/pool.h"

// sum[c] of a row of k codes with PRODUCT_COLUMNS columns, w: [k][PRODUCT_COLUMNS].
void pool_row(const pool_unit *u, const int8_t *x, const int8_t *w, size_t k, double *sum);

#endif
