// The rules: what an operation on plain values is on rows. A rule reads the plans of its operands,
// writes the node's recipe (tok_step_*), and ends with tok_set_rows; or with tok_fail, and what is
// wrong. It touches nothing else (but that attention adds its ring, and patches say how a port cuts
// them).
#ifndef OHMIC_PASSES_TOKENS_RULES_RULES_H
#define OHMIC_PASSES_TOKENS_RULES_RULES_H

#include "passes/tokens/plan.h"

// By the column of ops.def. False: refused (tok_fail), or an operand was (tok_blame).
#define OP(unit, name, stages, n_min, n_max, results, attributes, class, kind, rows, home, rule, \
           lowering, emission, summary)                                                          \
    bool tok_rule_##rule(tok_ctx *c, uint32_t node);
#include "ir/ops.def"

// ---- conv.c: convolutions, of which these are two ----------------------------------------------

bool tok_conv_patches(tok_ctx *c, uint32_t node); // patches.c: of an image
// product.c: channels of one place, with weights of that shape [M, C, 1 ...]
bool tok_conv_of_one_place(tok_ctx *c, uint32_t node, const int64_t *dim);

// ---- patches.c, quant.c: what happens to an image before it is cut ----------------------------

// An operation on the elements of an image by themselves, which is done to its patches: true, and
// the node is an image too.
bool tok_image_step(tok_ctx *c, uint32_t node);
// Codes of a static scale, kept as whole numbers in f32; (x - zero) * scale. The node says the
// scale; TOK_NOTHING: refused at it.
tok_ref tok_step_quantize(tok_ctx *c, tok_recipe *r, uint32_t node, tok_ref x);
tok_ref tok_step_dequantize(tok_ctx *c, tok_recipe *r, uint32_t node, tok_ref x);

// ---- take.c: tables -----------------------------------------------------------------------------

// x times w is rows of w where x is one-hot codes, through reshapes that merge or split rows:
// *handled. Numbers outside the codes give rows of 0: hosts refuse them of an input.
bool tok_one_hot_product(tok_ctx *c, uint32_t node, uint32_t x, uint32_t w, bool *handled);

// The input whose numbers these are, of whatever integer type; TOK_NONE: they are computed.
uint32_t tok_indices_from(const tok_ctx *c, uint32_t ids);

// ---- reduce.c ----------------------------------------------------------------------------------

// f32 holds `times` times an integer of x for certain: of an input hosts refuse larger ones. False:
// refused at the node.
bool tok_exact_integers(tok_ctx *c, uint32_t node, uint32_t x, int64_t times);

// ---- chosen.c: what computed numbers choose ----------------------------------------------------

// The number of the token that has the largest (smallest) of x, whose layout is l; the node's is
// `out`. False: refused.
bool tok_token_of_largest(tok_ctx *c, uint32_t node, tok_ref x, const tok_layout *l,
                          const tok_layout *out);
// The node is the row of data that one computed number tells: *handled.
bool tok_row_by_number(tok_ctx *c, uint32_t node, uint32_t data, uint32_t index, int axis,
                       bool *handled);

// ---- positions.c: a table looked up by counted positions --------------------------------------

// Is the index counted over the tokens of an input, padding left out? Then *handled, and the node's
// rows are those of the table by position.
bool tok_embed_counted(tok_ctx *c, uint32_t node, uint32_t index, uint32_t table, bool *handled);

// ---- scores.c: an attention in pieces ---------------------------------------------------------

bool tok_set_scores(tok_ctx *c, uint32_t node, tok_kind kind, tok_score s, const tok_layout *l);
// An elementwise operation on scores; *handled: it is one.
bool tok_scores_elementwise(tok_ctx *c, uint32_t node, bool *handled);
// Scores or probabilities rounded to codes, and back: the attention is computed without. *handled:
// the node is one of the two.
bool tok_scores_codes(tok_ctx *c, uint32_t node, bool *handled);
bool tok_scores_softmax(tok_ctx *c, uint32_t node);
bool tok_scores_mix(tok_ctx *c, uint32_t node);

#endif
