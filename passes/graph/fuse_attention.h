// Between fuse_attention.c and fuse_attention_act.c: an attention on the way from its probabilities
// to the product of queries and keys.
#ifndef OHMIC_PASSES_GRAPH_FUSE_ATTENTION_H
#define OHMIC_PASSES_GRAPH_FUSE_ATTENTION_H

#include "passes/graph/fuse.h"

// Scores so far are  scale * x + masks, x the value in hand; probabilities softmax(scores), or
// min(max(alpha * scores + beta, 0), 1).
typedef struct {
    emitter *e;
    double scale, softcap;
    ir_val added;   // sum of additive masks, [.., T, S]; IR_NONE
    ir_val visible; // and of boolean masks; IR_NONE
    double hidden;  // value that stood where a boolean mask hides
    bool is_hard;
    double alpha, beta;
    bool is_alpha; // the next factor is alpha's: only beta has been met
    ir_val sink;   // [H]; IR_NONE
} peeled;

// Scores under the probabilities v; IR_NONE: v is none. The nodes passed are noted.
ir_val attention_softmax(peeled *p, ir_val v);
ir_val attention_hard_sigmoid(peeled *p, ir_val v);
// Of a hard sigmoid, `factor` and `shift` of x: where the next factor goes; x + c.
double *attention_factor(peeled *p);
bool attention_shift(peeled *p, double c);
// The number c in place of x gives probability 0.
bool attention_hides(const peeled *p, double c);
// A mask that shows, of any shape that broadcasts to the scores. False: it cannot be taken here.
bool attention_and_mask(peeled *p, ir_val visible, double hidden);
// What t.trilu keeps; false: it is no lower triangle.
bool attention_and_triangle(peeled *p, const ir_op *trilu);
// Reshapes that keep queries and keys as they are; operations that keep the shape.
bool attention_keeps_rows(const emitter *e, ir_val a, ir_val b);
bool attention_fits(const emitter *e, ir_val scores, ir_val v);

#endif
