// What of a probe function is large? What every pair of tokens has: a mask of 131,072 tokens has 17
// billion elements. It stays as it is computed (fold-constants), and find-tokens evaluates rows of
// it.
#ifndef OHMIC_PASSES_LARGE_H
#define OHMIC_PASSES_LARGE_H

#include "ir/ir.h"

// Tokens up to which a mask is a constant as others are; up to which it may be evaluated whole.
enum { LARGE_TOKENS = 1024, LARGE_WHOLE = 4096 };

// Elements that a value may have where there are so many tokens: those of a mask of `square`
// tokens; of more tokens `square` each, as a table may.
static inline int64_t large_most(int64_t square, int64_t tokens) {
    return square * (tokens > square ? tokens : square);
}

// Result r of the operation has more than that. What has no more elements than its operands
// together (a weight cast or transposed) never has: it is as large as the model.
bool large_is(const ir_func *f, const ir_op *op, uint32_t r, int64_t most);

#endif
