// Products of codes of 8 bits: sums are integers, so every order of additions gives the same ones.
// A panel is PRODUCT_COLUMNS columns of the right operand, four rows side by side.
#ifndef OHMIC_IR_KERNEL_CODES_H
#define OHMIC_IR_KERNEL_CODES_H

#include "support/base.h"

enum { CODES_ROWS = 512 }; // of a panel at most: 16 KiB

// This processor has the instructions; else the functions below must not be called.
bool codes_can_multiply(void);
// Bytes of a row of k codes as codes_add takes it: zeros follow them.
static inline size_t codes_row_bytes(size_t k) { return align_u64(k, 4); }
// w: [rows][PRODUCT_COLUMNS]; packed: as many bytes, rows rounded up to a multiple of 4.
void codes_pack(uint8_t *packed, const int8_t *w, size_t rows);
// sum[r*PRODUCT_COLUMNS + c] += x[r] * (column c + 128), for m rows of x that are ld bytes apart:
// 128 times the sum of a row is too much.
void codes_add(double *sum, const int8_t *x, size_t ld, size_t m, const uint8_t *packed,
               size_t rows);

#endif
