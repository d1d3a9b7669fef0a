// The functions of support/num/fn.def on arrays of float.
#ifndef OHMIC_IR_KERNEL_FN_F32_H
#define OHMIC_IR_KERNEL_FN_F32_H

#include "support/base.h"

// Functions of fn.def on arrays of float, by name; NULL when there is none. y overlaps no operand.
typedef void (*fn1_f32)(float *y, const float *x, size_t n);
typedef void (*fn2_f32)(float *y, const float *a, const float *b, size_t n);
extern const fn1_f32 fn1_table[]; // by code
extern const fn2_f32 fn2_table[];
fn1_f32 fn1_find(const char *name);
fn2_f32 fn2_find(const char *name);

#endif
