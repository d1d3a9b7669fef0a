// Products of int8 rows with int8 weights on memristive crossbars: what the analog machine answers,
// to the last code of its converters. Parameters: isa/machine/machine.def, section crossbar.
//
// Physics, for one block (a sub-matrix on one crossbar, `rows` word lines), exactly:
//
//   inputs    x in [-2^(n-1), 2^(n-1)), n = input_bits, is streamed as two's complement bits. Phase
//             p < P-1 drives the unsigned digit of bits [p v, min((p+1) v, n-1)), v = dac_bits; the
//             last phase drives the sign bit alone and weighs -2^(n-1): no word line ever carries a
//             negative voltage. P = 1 + ceil((n-1) / v); v = 1: the n bits of x.
//   cells     unsigned digits of cell_bits c; b = weight_bits:
//             offset           u = w + 2^(b-1): ceil(b/c) slices; the constant is taken back
//                              digitally: - 2^(b-1) S x
//             twos_complement  bits 0..b-2 of w: ceil((b-1)/c) slices; the sign bit is a slice of
//             its
//                              own and weighs -2^(b-1)
//             differential     |w| on G+ where w > 0, on G- where w < 0: ceil(b/c) slices of pairs;
//                              bit lines are subtracted before the converter
//             sign_magnitude   the same digits, those of G+ and of G- slices of their own: 2
//                              ceil(b/c), converted apart; those of G- weigh -2^shift
//   sums      s = S over the block's word lines of digit(x) * digit(w), per slice, phase and column
//   converter code = clamp(round(s / adc_step), lo, hi), it stands for code * adc_step; round: half
//             to even, or down to the integer below (adc_rounding);
//             [lo, hi] = [0, 2^A - 1], differential: [-2^(A-1), 2^(A-1) - 1], A = adc_bits.
//             A = 0: exact, whatever the step.
//   digital   acc = S over blocks, slices, phases of code * adc_step * 2^shift * sign, in i32
//
// Parameters of 0 (real numbers): weight_bits 0 is 8, cell_bits 0 is one slice, input_bits 0 is one
// phase. Those machines have exact converters. adc_step: machine_adc_step.
//
// Events: one conversion per (row, block, slice, phase, column); `clipped` when the rounded code
// lies outside [lo, hi]; `rounded` when adc_step does not divide s. Counts do not depend on the
// engine.
#ifndef OHMIC_RUNTIME_SIM_XBAR_XBAR_H
#define OHMIC_RUNTIME_SIM_XBAR_XBAR_H

#include "isa/isa.h"
#include "isa/machine/machine.h"
#include "support/num/simd.h"

typedef struct {
    machine_encoding encoding;
    int cell_bits, weight_bits, dac_bits, input_bits, adc_bits;
    int64_t adc_step;
    machine_adc_rounding adc_rounding;
} xbar_params;
xbar_params xbar_params_of(const machine *m);
int xbar_phases(const xbar_params *p); // input phases of a row
int xbar_slices(const xbar_params *p); // arrays (pairs of them) that hold one block

// What computes it. All give the same sums and counts.
typedef enum {
    XBAR_AUTO,  // exact where proved, else the fastest that fits
    XBAR_CELLS, // the equations above, cell by cell: the oracle
    XBAR_ROWS,  // adds the word lines driven, 64 columns at a time; any parameters
    XBAR_LUT,   // four word lines a table look-up; 16 rows at a time (AVX2 and up, else ROWS)
} xbar_engine;
typedef struct {
    xbar_engine engine;
    simd_path path;
    int threads; // 0: all cores
} xbar_how;

typedef struct {
    uint64_t conversions, clipped, rounded;
} xbar_events;

// One matrix. codes [k][n], row-major, stay the caller's and must outlive it; blocks cover it
// (their k0 and n0 count from its corner); none: one block that holds all and whose converter is
// exact. What the proof finds and the packed forms are made here and on first use: xbar_run is not
// reentrant.
typedef struct xbar xbar;
xbar *xbar_new(const xbar_params *p, const int8_t *codes, uint32_t k, uint32_t n,
               const isa_block *blocks, uint32_t n_blocks);
void xbar_free(xbar *x); // NULL is allowed
// Per (block, slice, column) the column sum bounds every partial sum. Share of them that may clip
// or round, 0: the whole matrix is an integer product.
double xbar_risk(const xbar *x);
size_t xbar_bytes(const xbar *x); // memory held

// acc[m][n] = row m of x [m][k] times the matrix. Adds to *events.
void xbar_run(xbar *m, const xbar_how *how, const int8_t *x, size_t x_stride, size_t rows,
              int32_t *acc, size_t acc_stride, xbar_events *events);

#endif
