// The parts of fuse.
#ifndef OHMIC_PASSES_GRAPH_FUSE_H
#define OHMIC_PASSES_GRAPH_FUSE_H

#include "passes/rewrite/match.h"

// Conditions and builders of fuse_rules.c's table that need more than a pattern.
// rope (fuse_rope.c): captures x, c, r, s of x*c + r*s; `pairs` and `partial` look at the root.
ir_val fuse_rope_rotated(match *m);
ir_val fuse_rope_pairs(emitter *e, ir_val v);
ir_val fuse_rope_partial(emitter *e, ir_val v);
// attention (fuse_attention.c): a product of probabilities and values.
ir_val fuse_attention(emitter *e, ir_val v);
// products with quantised matrices (fuse_quantized.c)
ir_val
fuse_quantized_linear(match *m); // captures codes, scale, zero of x; w, ws, zw? of the matrix
ir_val fuse_dequantized_linear(match *m); // captures x, w, ws, zw?
ir_val fuse_static_product(match *m);     // captures p, the product of codes, and s
ir_val fuse_dequantized_rest(emitter *e, ir_val v);

extern const rule fuse_rules[];
extern const size_t fuse_n_rules;

#endif
