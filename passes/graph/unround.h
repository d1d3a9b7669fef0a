// What of a model's own rounding no row of a chip repeats (unround.c).
#ifndef OHMIC_PASSES_GRAPH_UNROUND_H
#define OHMIC_PASSES_GRAPH_UNROUND_H

#include "passes/rewrite/rewrite.h"

typedef enum {
    UNROUND_SCORES = 1,   // codes of attention scores, masks and probabilities
    UNROUND_LONG = 2,     // codes of more than 8 bits
    UNROUND_PRODUCTS = 4, // sums of products of codes
} unround_what;

typedef struct {
    const ir_module *m;
    const ir_func *f;
    bool *is_dropped;  // by value: a dequantisation, or codes, that stand for what was quantised
    bool *is_const;    // by value: depends on no input
    bool is_idle;      // the function has no codes
    bool keeps_bounds; // what is dropped cuts off what its codes do
    unsigned found;    // unround_what
} unround;

// Looks at a plain function of m; the lists lie in `a`.
unround unround_of(const ir_module *m, const ir_func *f, arena *a);
// Makes something else of an operation than a copy. False: it is copied.
bool unround_op(unround *u, rewrite *r, const ir_op *op);
// Says in m what was found in its functions.
void unround_note(ir_module *m, unsigned found);

#endif
