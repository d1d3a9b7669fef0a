// parallel_for on OpenMP. Chunks are handed out as threads become free; which thread runs a chunk
// is left open, what a chunk is depends on nothing but n, grain and the thread count.
#include "support/parallel.h"
#include <omp.h>

int parallel_cores(void) { return omp_get_num_procs(); }

void parallel_for(int threads, size_t n, size_t grain,
                  void (*body)(void *ctx, size_t begin, size_t end), void *ctx) {
    if (n == 0) return;
    if (grain == 0) grain = 1;
    if (threads <= 0) threads = parallel_cores();
    size_t grains = n / grain + (n % grain != 0);
    if ((size_t)threads > grains) threads = (int)grains;
    if (threads == 1) {
        body(ctx, 0, n);
        return;
    }
    size_t per_chunk = grains / ((size_t)threads * 4); // four a thread evens out unequal chunks
    if (per_chunk == 0) per_chunk = 1;
    size_t step = per_chunk * grain;
    int64_t chunks = (int64_t)(n / step + (n % step != 0));
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (int64_t i = 0; i < chunks; i++) {
        size_t begin = (size_t)i * step, end = n - begin < step ? n : begin + step;
        body(ctx, begin, end);
    }
}
