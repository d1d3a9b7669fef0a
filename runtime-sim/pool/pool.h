// Products of int8 rows with int8 weights on computation arrays that hold no weights (Wang et al.,
// TPAMI 47(2), 2025): what the machine answers, to the last code of its converters.
//
//   digits    x = S b^(D-1-k) x_k, b = 2^(S+1) - 1, x_k in -(b-1)/2 ... (b-1)/2: S switches of 1,
//   2,
//             4, ... in the column + or - of the row's pair. D digits, the first weighs most.
//   chunks    weights i < `chunk` of a column drive the word lines together, |w| each; a negative
//             weight swaps the columns
//   sums      s+ = S |w| |x_k| over the weights of a chunk where w x_k > 0, s- where it is < 0
//   converter of s = s+ - s-: code = clamp(round_half_even(s / step), -2^(A-1), 2^(A-1) - 1);
//   apart:
//             of both, each to 0 ... 2^A - 1, and the codes are subtracted. A code stands for
//             code * step. A = 0: exact.
//   digital   acc = S over chunks of Horner: z <- b z + code * step, k ascending; i32, modulo 2^32
//
// Events: a conversion (apart: two) per row, chunk, digit and column; `clipped` when the rounded
// code lies outside, `rounded` when the step does not divide the sum.
#ifndef OHMIC_RUNTIME_SIM_POOL_POOL_H
#define OHMIC_RUNTIME_SIM_POOL_POOL_H

#include "isa/isa.h"
#include "runtime-sim/xbar/xbar.h"

typedef struct {
    int digits, digit_bits, adc_bits;
    bool apart;
    int64_t step;
    uint32_t chunk;
} pool_params;
pool_params pool_params_of(const isa_group *g);

typedef enum {
    POOL_AUTO,     // an integer product where nothing is lost, else the fastest that there is
    POOL_SWITCHES, // the equations above, switch by switch: the oracle
} pool_engine;
typedef struct {
    pool_engine engine;
    simd_path path;
    int threads; // 0: all cores
} pool_how;

// One matrix. codes [k][n], row-major, stay the caller's and must outlive it. Packed on first use:
// pool_run is not reentrant.
typedef struct pool pool;
pool *pool_new(const pool_params *p, const int8_t *codes, uint32_t k, uint32_t n);
void pool_free(pool *p); // NULL is allowed

// acc[m][n] = row m of x [m][k] times the matrix. Adds to *events.
void pool_run(pool *p, const pool_how *how, const int8_t *x, size_t x_stride, size_t rows,
              int32_t *acc, size_t acc_stride, xbar_events *events);

// The digits of x, first the one that weighs most.
void pool_digits(const pool_params *p, int x, int8_t *digit);

#endif
