// Changes of program files that leave sections and records in place.
#ifndef OHMIC_TESTS_FUZZ_OHM_MUTATE_H
#define OHMIC_TESTS_FUZZ_OHM_MUTATE_H

#include "support/num/random.h"

// A field of a descriptor, port or instruction, a number of the signature, a byte of the data: a
// few of them, mostly to values that stand elsewhere in the file. Hashes no longer fit. 0: the
// bytes are no program file; else n.
size_t ohm_mutate(random_stream *r, uint8_t *bytes, size_t n);

#endif
