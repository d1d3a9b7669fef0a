// Products of float rows with float weights (chip `ideal`), to the bit of docs/numerics.md.
#ifndef OHMIC_RUNTIME_SIM_XBAR_PRODUCT_H
#define OHMIC_RUNTIME_SIM_XBAR_PRODUCT_H
#include "runtime-sim/xbar/xbar.h"

// y[m][n] = f32(S_k f64(x[m][k]) * f64(w[k][n]) + f64(bias[n])): k ascending from 0, each addition
// rounded in f64, bias (NULL: none) last, rounded once. Same bits on every path and thread count.
void sim_product(simd_path path, int threads, size_t rows, size_t k, size_t n, const float *x,
                 size_t x_stride, const float *w, const float *bias, float *y, size_t y_stride);

// Attention. s[j] = f32(S_i f64(q[i]) * f64(k[i][j])), i ascending; k [d][stride].
void sim_dot_columns(simd_path path, float *s, const float *q, const float *k, size_t stride,
                     size_t d, size_t n);
// acc[i] += f64(p[j]) * f64(v[j][i]) for j ascending; v [n][dv].
void sim_mix_rows(simd_path path, double *acc, const float *p, const float *v, size_t dv, size_t n);
// Both for four rows at once, which read k and v once.
void sim_dot_four(simd_path path, float *const s[4], const float *const q[4], const float *k,
                  size_t stride, size_t d, size_t n);
void sim_mix_four(simd_path path, double *const acc[4], const float *const p[4], const float *v,
                  size_t dv, size_t n);
// The same before it is rounded to f32; and with weights in f64, whose products round.
void sim_sum_columns(simd_path path, double *s, const float *q, const float *k, size_t stride,
                     size_t d, size_t n);
void sim_mix_weighted(simd_path path, double *acc, const double *p, const float *v, size_t dv,
                      size_t n);
#endif
