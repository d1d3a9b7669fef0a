// Data movements between two values, read off by evaluating them on numbered elements. Any spelling
// of a permutation (slices, splits, negations, concatenations, reshapes, gathers by constants) is
// then the same array of numbers.
#ifndef OHMIC_PASSES_GRAPH_MOVEMENT_H
#define OHMIC_PASSES_GRAPH_MOVEMENT_H

#include "passes/rewrite/emitter.h"

#define MOVEMENT_MAX 24
#define MOVEMENT_STRIDE (1 << 22) // between the numbers of different leaves; all exact in f32

// The operations from `root` back to its leaves.
typedef struct {
    const emitter *e;
    ir_val root, leaf[2];
    int n_leaves;
    ir_val move[MOVEMENT_MAX]; // in program order, once collected
    int n_moves;
    bool is_whole; // not to be cut; else, once traced: it was not
} movement;

bool movement_is(const emitter *e,
                 const ir_op *op); // only moves (or negates) its first operand's elements
bool movement_is_leaf(const movement *w, ir_val v);
// Collects the operations between v and the leaves; false when others stand between.
bool movement_collect(movement *w, ir_val v);
// The root on numbered leaves: element i of leaf k is k * MOVEMENT_STRIDE + i + 1, negated where
// negated. Of large leaves only some indices of an axis are traced, where each operation treats all
// indices of it alike: the tokens, of which there may be many.
bool movement_trace(movement *w, arena *a, tensor *out);
// Several that are looked at together: all are cut, or none.
bool movement_trace_alike(movement *const *w, int n, arena *a, tensor *out);
// r in numbers of x's elements, also where both are moved from an earlier value (a slice of a slice
// is a slice of the first).
bool movement_between(const emitter *e, ir_val x, ir_val r, arena *a, movement *w, tensor *out);
void movement_note_nodes(emitter *e, const movement *w); // for the result of the rule in work

#endif
