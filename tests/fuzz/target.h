// What a fuzz target is: one object `target` in every fuzz_NAME.c. replay.c runs it under any
// compiler, libfuzzer.c under clang's libFuzzer.
#ifndef OHMIC_TESTS_FUZZ_TARGET_H
#define OHMIC_TESTS_FUZZ_TARGET_H

#include "support/num/random.h"

enum { FUZZ_MAX_INPUT = 1 << 20 };

typedef struct {
    const char *stages[4]; // what becomes of an input that is not refused, in order
    // Any bytes: how many of the stages they pass. What must never happen aborts.
    unsigned (*run)(const uint8_t *data, size_t size);
    // The others may be NULL. They write at most FUZZ_MAX_INPUT bytes and give their number; 0:
    // none. An input made from nothing but random numbers.
    size_t (*generate)(random_stream *r, uint8_t *out);
    // A change that keeps what every input must have (checksums, lengths); else replay's own do.
    size_t (*mutate)(random_stream *r, uint8_t *bytes, size_t n);
    // The input that a corpus file of n bytes stands for; else its bytes.
    size_t (*load)(const char *path, uint8_t *bytes, size_t n);
} fuzz_target;

extern const fuzz_target target;

static inline unsigned fuzz_stages(void) {
    unsigned n = 0;
    while (n < ARRAY_LEN(target.stages) && target.stages[n]) n++;
    return n;
}

#endif
