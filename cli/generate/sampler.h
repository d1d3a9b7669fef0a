// The next token from logits: greedy, or drawn with temperature, top-k and top-p. Same seed, same
// tokens, on every machine.
#ifndef OHMIC_CLI_GENERATE_SAMPLER_H
#define OHMIC_CLI_GENERATE_SAMPLER_H

#include "support/num/random.h"

typedef struct {
    double temperature;  // 0: greedy, ties to the lower id
    int64_t top_k;       // 0: all
    double top_p;        // 1: all
    random_stream draws; // RANDOM_TOKENS
} sampler;

int32_t sampler_next(sampler *s, const float *logits, int64_t n);

#endif
