// The parts of canonicalize; fuse applies them to what it makes.
#ifndef OHMIC_PASSES_GRAPH_CANONICAL_H
#define OHMIC_PASSES_GRAPH_CANONICAL_H

#include "passes/rewrite/match.h"

typedef struct {
    rule_set *identities;
} canonical;

canonical canonical_new(void);
void canonical_free(canonical *c);
// Everything below and the table of identities, once: v, or what replaces it.
ir_val canonical_simplify(emitter *e, const canonical *c, ir_val v);

// Casts, broadcasts, slices, concatenations, gathers by constants, reductions (canonical_shapes.c).
ir_val canonical_shapes(emitter *e, ir_val v);
// Products with constant matrices become nn.linear (canonical_products.c).
ir_val canonical_products(emitter *e, ir_val v);

#endif
