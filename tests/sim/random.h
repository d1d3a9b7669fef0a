// A small generator for test data: seeded, printed by the tests that fail.
#ifndef OHMIC_TESTS_SIM_RANDOM_H
#define OHMIC_TESTS_SIM_RANDOM_H
#include <stdint.h>

static inline uint64_t random_next(uint64_t *state) { // splitmix64
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}
static inline int64_t random_in(uint64_t *state, int64_t lo, int64_t hi) { // both included
    return lo + (int64_t)(random_next(state) % (uint64_t)(hi - lo + 1));
}
static inline float random_float(uint64_t *state) { // [-1, 1)
    return (float)((double)(random_next(state) >> 11) * 0x1p-52 - 1.0);
}
#endif
