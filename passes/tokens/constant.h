// What constants become where they meet rows.
#ifndef OHMIC_PASSES_TOKENS_CONSTANT_H
#define OHMIC_PASSES_TOKENS_CONSTANT_H

#include "passes/tokens/plan.h"

// Refusals are at `user`, the node that reads the constant.

// A new tensor of the program, should it be needed; equal ones are made once.
const tok_constant *tok_constant_new(tok_ctx *c, const char *hint, tensor data);
// The constant as it is, the same at every probe; NULL: refused. dim, when rank >= 0: the shape it
// should have (same number of elements).
const tok_constant *tok_const_whole(tok_ctx *c, uint32_t node, uint32_t user, int rank,
                                    const int64_t *dim);
// A table [max rows, width] whose first rows are the constant at each probe; own: its layout. A
// constant that all rows share gives a row [W] and *is_row. NULL: refused.
const tok_constant *tok_const_table(tok_ctx *c, uint32_t node, uint32_t user, const tok_layout *own,
                                    bool *is_row);
// The rows [k, width of l] of a constant whose axis `axis` counts the rows; the same at every
// probe. NULL: refused.
const tok_constant *tok_const_rows(tok_ctx *c, uint32_t node, uint32_t user, tok_layout own,
                                   int axis, const tok_layout *l);
// What the axes of a constant are made of where it meets a value of layout `l` (numpy
// broadcasting). False: refused.
bool tok_const_layout(tok_ctx *c, uint32_t node, uint32_t user, const tok_layout *l,
                      tok_layout *out);
// A constant of layout `own` beside a value of layout `l` (which it was joined into): a number, a
// row [W], or rows that follow the position. TOK_NOTHING: refused at the recipe's node.
tok_ref tok_const_value(tok_ctx *c, tok_recipe *r, uint32_t node, const tok_layout *own,
                        const tok_layout *l);
// True when the node is a constant of one number, the same at every probe.
bool tok_const_scalar(tok_ctx *c, uint32_t node, double *v);
bool tok_const_same(tok_ctx *c, uint32_t node); // the same bits at every probe

#endif
