// Seeded numbers for tests and benches: support/num/random.h, and what tests ask for besides.
#ifndef OHMIC_TESTS_RANDOM_H
#define OHMIC_TESTS_RANDOM_H

#include "support/num/random.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static inline random_stream random_test(uint64_t seed) { return random_of(seed, RANDOM_TEST, 0); }

// A seed of the environment (OHMIC_SEED) to repeat a failure, else the default; printed.
static inline uint64_t random_seed(uint64_t otherwise) {
    const char *s = getenv("OHMIC_SEED");
    uint64_t seed = s ? strtoull(s, NULL, 0) : otherwise;
    printf("OHMIC_SEED=%" PRIu64 "\n", seed);
    return seed;
}

static inline int64_t random_in(random_stream *r, int64_t lo, int64_t hi) { // both included
    return lo + (int64_t)random_below(r, (uint64_t)(hi - lo) + 1);
}
static inline float random_float(random_stream *r) { return 2 * random_f32(r) - 1; } // [-1, 1)

#endif
