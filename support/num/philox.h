// Random bits as a function of a counter: Philox4x32-10 of J. K. Salmon, M. A. Moraes, R. O. Dror
// and D. E. Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC'11. Every number has a key and
// a place of its own, so it does not depend on what else was drawn, when, or on which thread. This
// is the only generator of the project; sequences and numbers made of the bits are in
// support/num/random.h.
#ifndef OHMIC_SUPPORT_NUM_PHILOX_H
#define OHMIC_SUPPORT_NUM_PHILOX_H

#include "support/num/simd.h"

typedef struct {
    uint32_t word[2];
} philox_key;

typedef struct {
    uint32_t word[4];
} philox_block; // a counter, or the 128 bits that stand at one

static inline philox_key philox_key_of(uint64_t seed) {
    return (philox_key){{(uint32_t)seed, (uint32_t)(seed >> 32)}};
}
// Words 0 and 1 are the low half of the counter, 2 and 3 the high one.
static inline philox_block philox_counter(uint64_t low, uint64_t high) {
    return (philox_block){
        {(uint32_t)low, (uint32_t)(low >> 32), (uint32_t)high, (uint32_t)(high >> 32)}};
}

philox_block philox(philox_key key, philox_block counter);

// bits[4 i + j] = word j of the block at counter + i, counters being numbers of 128 bits; n words.
void philox_fill(philox_key key, philox_block counter, uint32_t *bits, size_t n);
// The same by the instructions of `path`, which this processor must have.
void philox_fill_by(simd_path path, philox_key key, philox_block counter, uint32_t *bits, size_t n);

#endif
