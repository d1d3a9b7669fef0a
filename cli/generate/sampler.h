// The next token from logits: greedy, or drawn with temperature, top-k, top-p and min-p. Same seed,
// same tokens, on every machine.
#ifndef OHMIC_CLI_GENERATE_SAMPLER_H
#define OHMIC_CLI_GENERATE_SAMPLER_H

#include "support/num/random.h"

typedef struct {
    double temperature; // 0: greedy, ties to the lower id
    int64_t top_k;      // 0: all
    double top_p;       // 1: all
    double min_p;       // of the likeliest token's probability; 0: all
    // Logits of tokens that occurred among the last `penalty_window` (0: all) are divided by this,
    // negative ones multiplied; 1: they stay.
    double penalty;
    int64_t penalty_window;
    random_stream draws; // RANDOM_TOKENS
} sampler;

extern const sampler sampler_default; // greedy, nothing left out

// n logits; `before`: the tokens of the sequence so far.
int32_t sampler_next(sampler *s, const float *logits, int64_t n, const int32_t *before,
                     size_t n_before);

#endif
