// Rebuilding a function operation by operation: what every old -> new pass does between its own
// cases.
#ifndef OHMIC_PASSES_REWRITE_REWRITE_H
#define OHMIC_PASSES_REWRITE_REWRITE_H

#include "ir/ir.h"

typedef struct {
    const ir_module *old;
    const ir_func *of;
    ir_module *m; // derived from old
    ir_func *f;   // the new function
    ir_val *map;  // old value -> new value
    arena *scratch;
    diag_sink *diags;
    bool failed; // an ir_build failed (reported)
} rewrite;

// Starts a function in `m` with of's name, attributes, parameters (values mapped).
rewrite rewrite_begin(const ir_module *old, const ir_func *of, ir_module *m, diag_sink *diags);
// Copies an operation with mapped operands, same attributes, types and value names; maps its
// results.
ir_op *rewrite_copy(rewrite *r, const ir_op *op);
// Appends an operation whose type is given; takes loc over from `from`. Returns its result.
ir_val rewrite_add(rewrite *r, ir_opcode code, const ir_val *operands, size_t n,
                   const ir_attrs *attrs, const ir_type *type, const ir_op *from);
// Copies the function's results (mapped) and releases the scratch memory. False when anything
// failed.
bool rewrite_end(rewrite *r);

static inline ir_val rewrite_get(const rewrite *r, ir_val old) { return r->map[old]; }

#endif
