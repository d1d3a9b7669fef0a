// The elementwise functions of support/num/fn.def on rows of f32.
#ifndef OHMIC_RUNTIME_SIM_EXEC_FN_H
#define OHMIC_RUNTIME_SIM_EXEC_FN_H
#include "support/base.h"

// d[i] = fn(a[i]); d may be a. `code` as in fn.def; CHECKs that it exists.
void sim_fn1(unsigned code, float *d, const float *a, size_t n);
// d[i] = fn(a[i], b[i]).
void sim_fn2(unsigned code, float *d, const float *a, const float *b, size_t n);
// Whether the function is looked up or iterated (exp, tanh, erf and the like) rather than one step.
#endif
