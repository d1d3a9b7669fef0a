// Seeded numbers: a sequence that a seed, a use and an index name, and what is made of its bits.
// Same seed, same numbers, on every machine.
//
// The bits are Philox blocks (support/num/philox.h): the seed is the key, word 3 of the counter the
// use, word 2 the index, words 1 and 0 count blocks. So sequences of one seed never overlap, and a
// place in a sequence is a number.
#ifndef OHMIC_SUPPORT_NUM_RANDOM_H
#define OHMIC_SUPPORT_NUM_RANDOM_H

#include "support/num/philox.h"

// What numbers are drawn for: no two uses of one seed share any. New ones go to the end.
typedef enum {
    RANDOM_TOKENS,      // which token comes next
    RANDOM_CALIBRATION, // inputs where no data is given
    RANDOM_EQUIVALENCE, // inputs and cuts of the check between passes
    RANDOM_EXECUTION,   // inputs, masks and cuts of find-tokens' check
    RANDOM_PADDING,     // masks that find-tokens tries
    RANDOM_ORDER,       // tiles, in another order of execution
    RANDOM_EVAL,        // inputs of an evaluation without data
    RANDOM_TEST,        // tests and benches
    RANDOM_LENGTH,      // a length below the probes at which a model is executed
    RANDOM_ROWS,        // rows of a large mask that find-tokens looks at
} random_use;

typedef struct {
    philox_key key;
    uint64_t high;      // half of the counter
    uint64_t drawn;     // words; sets with random_seek
    philox_block block; // the one that holds the last word drawn
} random_stream;

random_stream random_of(uint64_t seed, random_use use, uint32_t index);
void random_seek(random_stream *r, uint64_t drawn); // as if so many words had been drawn

uint32_t random_u32(random_stream *r); // the next word
uint64_t random_u64(random_stream *r); // two words, the lower first

// Uniform in [0, 1): the upper 24 of 32 bits times 2^-24, the upper 53 of 64 bits times 2^-53.
static inline float random_f32_of(uint32_t bits) { return (float)(bits >> 8) * 0x1p-24f; }
static inline double random_f64_of(uint64_t bits) { return (double)(bits >> 11) * 0x1p-53; }
float random_f32(random_stream *r);  // of one word
double random_f64(random_stream *r); // of two

// Uniform in 0 ... n-1, n > 0: the upper half of n times 64 bits. No number's share is off by more
// than 2^-64.
uint64_t random_below(random_stream *r, uint64_t n);

#endif
