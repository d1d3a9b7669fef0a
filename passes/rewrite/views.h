// Views: reshapes and transposes that only rearrange axes. One normal form for every chain of them.
#ifndef OHMIC_PASSES_REWRITE_VIEWS_H
#define OHMIC_PASSES_REWRITE_VIEWS_H

#include "passes/rewrite/emitter.h"

// A value as an arrangement of the factors ("atoms") of its source's axes. Axes of size 1 have no
// atoms. Sizes of 0 are treated as one large prime, so that empty caches split like full ones.
#define VIEW_ATOMS 32
typedef struct {
    ir_val source;
    int n_ops; // reshapes and transposes between source and the value
    int n;     // atoms
    int64_t size[VIEW_ATOMS];
    int order[VIEW_ATOMS]; // atoms as the source has them, row-major
    int now[VIEW_ATOMS];   // atoms as the value has them
} view;

// Describes v as a view of the earliest value it can be traced to.
view view_of(const emitter *e, ir_val v);
// The same, stopping at the value `source` (which v must be a view of): false when it is not.
bool view_of_source(const emitter *e, ir_val v, ir_val source, view *w);
// Cuts the atoms so that the axes of the given shape consist of whole atoms of w->now; count[i] of
// axis i (0 for size 1). False when that is impossible.
bool view_cut(view *w, int rank, const int64_t *dim, int *count);
// Emits the atoms in the order w->now with the given shape, in as few operations as possible.
ir_val view_emit(emitter *e, const view *w, int rank, const int64_t *dim);

// Simplification: a chain of views becomes its normal form.
ir_val view_simplify(emitter *e, ir_val v);

#endif
