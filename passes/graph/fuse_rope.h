// Between fuse_rope.c and fuse_rope_tables.c.
#ifndef OHMIC_PASSES_GRAPH_FUSE_ROPE_H
#define OHMIC_PASSES_GRAPH_FUSE_ROPE_H

#include "passes/graph/fuse.h"

typedef enum { ROPE_NONE, ROPE_HALF, ROPE_INTERLEAVED } rope_mode;

// One column for each pair of v's last axis, [.., d/2]; IR_NONE when the columns of a pair may
// differ.
ir_val rope_half_columns(emitter *e, ir_val v, rope_mode mode);
// Axis of x that c's rows stand for: the only axis besides the last along which c is not 1, or the
// last but one when there is none; -1: several.
int rope_token_axis(const emitter *e, ir_val c, const ir_type *x);
ir_val rope_table(emitter *e, ir_val c); // [.., T, d/2] as [T, d/2]

#endif
