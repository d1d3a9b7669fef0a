// One graph through bind, all passes, backend, verifier, program file and simulator, beside the
// graph itself on the interpreter: what the importer would have given, which no pass has touched.
#ifndef OHMIC_TESTS_GRAPHS_TRY_H
#define OHMIC_TESTS_GRAPHS_TRY_H

#include "tests/graphs/graph.h"

typedef enum {
    TRY_SAME,    // the program gives the graph's numbers
    TRY_REFUSED, // no program: a diagnostic says why
    TRY_VAGUE,   // the graph's own numbers hang on the last bits of its constants
    TRY_COARSE,  // the chip's integers are too few for the graph
    TRY_CAUGHT,  // a compiler's fault that the compile found: its own check, or a verifier
    TRY_DIFFERS, // a compiler's fault that nothing found
} try_verdict;

typedef struct {
    try_verdict verdict;
    diag_id why; // of TRY_REFUSED and TRY_CAUGHT
    char text[512];
} try_result;

enum { TRY_FOLLOWS = -1 };

typedef struct {
    const char *chip;  // its name; NULL: ideal
    bool codes;        // the chip computes with integers: see try.c
    const char *set;   // "crossbar.weight_bits=4"; NULL: as the chip is
    int64_t length[4]; // tokens of the runs; 0: no more
    int64_t past[4];   // tokens before each, of seeded keys and values; TRY_FOLLOWS: the last run's
    int64_t padding[4]; // of all these, hidden by attention_mask: > 0 behind, < 0 in front
    bool all;           // no output may be dropped
    uint64_t seed;      // of inputs
    double tolerance;   // of |a - b| / (1 + |b|); 0: 1e-3
} try_options;

try_result graph_try(const graph *g, const try_options *o);
const char *try_name(try_verdict v);

#endif
