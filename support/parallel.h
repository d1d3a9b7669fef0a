// Parallel loops over independent indices. Results must not depend on the number of threads:
// bodies write disjoint memory and no body reads what another writes.
#ifndef OHMIC_SUPPORT_PARALLEL_H
#define OHMIC_SUPPORT_PARALLEL_H
#include "support/base.h"

// Calls body(ctx, begin, end) over a partition of [0, n) on at most `threads` threads (
// 0: all cores). Chunks are multiples of `grain` except the last.
void parallel_for(int threads, size_t n, size_t grain,
                  void (*body)(void *ctx, size_t begin, size_t end), void *ctx);
int parallel_cores(void);
#endif
