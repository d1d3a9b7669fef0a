// Joins whose parts can be written into one buffer.
#ifndef OHMIC_PASSES_MAP_JOINS_H
#define OHMIC_PASSES_MAP_JOINS_H
#include "ir/ir.h"

// Copies the mapped function f of `old` into m so that every operand of a join can be written where
// the join lies: what is a view, part of another join or an input is copied first, unless the
// operands lie side by side as they are. Keys and values that a ring takes become columns of a
// join. NULL: reported.
ir_func *joins_make(const ir_module *old, const ir_func *f, ir_module *m, diag_sink *diags);

#endif
