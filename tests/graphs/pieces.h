// Random models, put together from pieces of transformers in odd shapes and spellings.
#ifndef OHMIC_TESTS_GRAPHS_PIECES_H
#define OHMIC_TESTS_GRAPHS_PIECES_H

#include "tests/graphs/graph.h"

// A graph of a few pieces; the same seed, the same graph.
graph graph_random(uint64_t seed);
// The same with nodes taken out one by one for as long as `fails` says so of what is left.
graph graph_reduced(const graph *g, bool (*fails)(void *ctx, const graph *g), void *ctx);

#endif
