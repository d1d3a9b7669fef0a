// Evaluating operations on constants.
#ifndef OHMIC_PASSES_GRAPH_FOLD_H
#define OHMIC_PASSES_GRAPH_FOLD_H

#include "passes/rewrite/emitter.h"

// The constant that v's operation computes, when all its operands are constants and it may be
// folded; else v. Data is made in `a`, or is a part of the operand's (reshapes, leading slices).
ir_val fold_value(emitter *e, ir_val v, arena *a);

// The same without regard to size and quantisation.
ir_val fold_anyway(emitter *e, ir_val v, arena *a);

#endif
