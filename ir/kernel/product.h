// Products: sums of f64 products in ascending k, the same bits for every blocking, vector width and
// thread count, because every sum is one accumulator's and no sum is split.
//
// Everything that multiplies matrices comes here: operands are converted to double block by block,
// and a callback turns finished sums into results. Integer products up to 2^53 are exact that way.
//
// A quick product sums up to PRODUCT_QUICK terms in f32, and those sums in f64: for comparisons
// within a tolerance, never for values. Codes of 8 bits stay exact. Where the processor has no
// fused multiply-add it is the exact one.
#ifndef OHMIC_IR_KERNEL_PRODUCT_H
#define OHMIC_IR_KERNEL_PRODUCT_H

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
    bool quick; // operands are floats in value, or codes
    // Optional, for quick products: as `panel` but in floats; false: not so.
    bool (*pack)(const void *ctx, size_t k0, size_t k1, size_t n0, size_t n1, float *w);
} product;
void product_run(const product *p, int threads);

// A matrix of float in memory, [K][N] or (transposed) [N][K], for `panel` callbacks; may be
// unaligned.
void product_panel_f32(const void *data, size_t ld, bool transposed, size_t k0, size_t k1,
                       size_t n0, size_t n1, double *w);

// The same for `pack`.
void product_pack_f32(const void *data, size_t ld, bool transposed, size_t k0, size_t k1, size_t n0,
                      size_t n1, float *w);

// y[c] = f32(sum over i ascending of x[i] * b[i*ld + c]), c in [0, n).
void product_row(float *y, const float *x, size_t len, const float *b, size_t ld, size_t n);

#endif
