// The target under libFuzzer.
#include "tests/fuzz/target.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    target.run(data, size);
    return 0;
}

// libFuzzer's own change, or the target's where it has some.
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
    random_stream r = random_of(seed, RANDOM_TEST, 0);
    if (target.mutate && most >= FUZZ_MAX_INPUT && random_below(&r, 4)) {
        size_t n = target.mutate(&r, data, size);
        if (n) return n;
    }
    return LLVMFuzzerMutate(data, size, most);
}
