// Products: sums of f64 products in ascending k, the same bits for every blocking, vector width and
// thread count, because every sum is one accumulator's and no sum is split.
//
// Everything that multiplies matrices comes here: operands are converted to double block by block,
// and a callback turns finished sums into results. Integer products up to 2^53 are exact that way.
//
// A quick product sums up to PRODUCT_QUICK terms in f32, and those sums in f64: for comparisons
// within a tolerance, never for values. Where the processor has no fused multiply-add it is the
// exact one. Executions that are compared may have quick products in common (store.h).
//
// Codes of 8 bits are exact every way: they are multiplied as integers where the processor can.
#ifndef OHMIC_IR_KERNEL_PRODUCT_H
#define OHMIC_IR_KERNEL_PRODUCT_H

#include "ir/kernel/store.h"
#include "support/base.h"

enum { PRODUCT_COLUMNS = 32, PRODUCT_QUICK = 256 }; // columns of a panel; terms of an f32 sum

typedef struct {
    size_t m, k, n;
    const void *ctx;
    // a[(i-m0)*k + j] = row i, column j of the left operand, rows [m0, m1).
    void (*rows)(const void *ctx, size_t m0, size_t m1, double *a);
    // w[(j-k0)*PRODUCT_COLUMNS + c-n0] = right operand (j, c); columns from n1 on are preset to 0.
    void (*panel)(const void *ctx, size_t k0, size_t k1, size_t n0, size_t n1, double *w);
    // Optional: columns [n0, n1) as floats in memory, element (k, c) at w[k*ld + c-n0], or
    // (transposed) w[(c-n0)*ld + k]; false: not so. Spares the conversion when there are few rows.
    bool (*direct)(const void *ctx, size_t n0, size_t n1, const float **w, size_t *ld,
                   bool *transposed);
    // sum[(i-m0)*PRODUCT_COLUMNS + c-n0] is finished; called from several threads.
    void (*finish)(const void *ctx, size_t m0, size_t m1, size_t n0, size_t n1, const double *sum);
    // Optional: the left operand as floats in memory, rows k apart.
    const float *left;
    bool narrow; // operands are floats in value, or codes: products of two are exact in double
    bool quick;  // only if narrow
    // Optional, for quick products: as `panel` but in floats; false: not so.
    bool (*pack)(const void *ctx, size_t k0, size_t k1, size_t n0, size_t n1, float *w);
    // Optional, of a quick product with a matrix of floats in memory: where sums are kept, and what
    // the matrix is known by.
    product_store *store;
    const void *matrix;
    bool transposed;
    // Both operands are codes: row i of the left one, and the right one as `panel`. NULL: not so.
    const int8_t *(*code_row)(const void *ctx, size_t i);
    void (*code_panel)(const void *ctx, size_t k0, size_t k1, size_t n0, size_t n1, int8_t *w);
} product;
void product_run(const product *p, int threads);

// A matrix of float in memory, [K][N] or (transposed) [N][K], for `panel` callbacks; may be
// unaligned.
void product_panel_f32(const void *data, size_t ld, bool transposed, size_t k0, size_t k1,
                       size_t n0, size_t n1, double *w);

// The same for `pack`.
void product_pack_f32(const void *data, size_t ld, bool transposed, size_t k0, size_t k1, size_t n0,
                      size_t n1, float *w);

typedef struct {
    const float *b; // row i at b + i*ld
    size_t ld;
    bool quick; // up to PRODUCT_QUICK terms in f32
} product_operand;
// y[c] = f32(sum over i ascending of x[i] * b[i*ld + c]), c in [0, n); i counts to len, or (`at`
// not NULL) is at[0], at[1], ..., at[len - 1].
void product_row(float *y, const float *x, const uint32_t *at, size_t len, const product_operand *b,
                 size_t n);

#endif
