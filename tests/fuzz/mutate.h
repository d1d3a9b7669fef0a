// Changes of any bytes: bits, chunks, numbers in binary and in text, lines.
#ifndef OHMIC_TESTS_FUZZ_MUTATE_H
#define OHMIC_TESTS_FUZZ_MUTATE_H

#include "tests/fuzz/target.h"

typedef struct {
    uint8_t *bytes; // room for FUZZ_MAX_INPUT
    size_t n;
} fuzz_input;

void mutate(random_stream *r, fuzz_input *in,
            const fuzz_input *other); // parts of `other` may go in

#endif
