// Loops over rows, on the vectors of this processor: the same bits with each.
#ifndef OHMIC_RUNTIME_SIM_EXEC_VECTORS_H
#define OHMIC_RUNTIME_SIM_EXEC_VECTORS_H
#include "support/num/simd.h"

typedef struct {
    // round_half_even(f32(x / scale)) + zero, clamped to [lo, hi]; NaN: 0. The sum of the codes.
    int32_t (*encode)(int8_t *codes, const float *x, size_t n, float scale, float zero, float lo,
                      float hi);
    float (*absmax)(const float *x, size_t n); // largest |x|; what is no number does not count
    int32_t (*sum_codes)(const int8_t *codes, size_t n);
    void (*add_i32)(uint32_t *d, const uint32_t *a, const uint32_t *b, size_t n); // d may be a
    void (*add_f32)(float *d, const float *a, const float *b, size_t n);          // d may be a
    // y = f32(f64(acc) (x f64(scale)) + f64(bias)); bias NULL: + 0
    void (*scaled)(float *y, const int32_t *acc, size_t n, double x, const float *scale,
                   const float *bias);
} sim_vectors;

const sim_vectors *sim_vectors_on(simd_path path); // one that this processor has

#endif
