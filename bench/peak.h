// What this processor can do at most, measured: the yardstick of xbar_bench.
#ifndef OHMIC_BENCH_PEAK_H
#define OHMIC_BENCH_PEAK_H
#include "runtime-sim/xbar/xbar.h"

double bench_now(void); // CPU seconds of this thread
// 10^9 products (int8 x int8 into i32) a second, operands in registers, with the path's
// instructions.
double bench_peak_macs(simd_path path);
// 10^9 (input bit x weight slice) products a second of table look-ups: byte shuffles paired with
// saturating additions, operands in registers. 0: the path has none.
double bench_peak_lookups(simd_path path);
#endif
