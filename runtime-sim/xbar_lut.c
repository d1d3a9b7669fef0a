#include "runtime-sim/xbar_parts.h"
bool xbar_lut_fits(const xbar *m, xbar_path path) { return false; }
void xbar_run_lut(const xbar *m, const xbar_how *how, const int8_t *x, size_t x_stride, size_t rows,
                  int32_t *acc, size_t acc_stride, xbar_events *events) {}
