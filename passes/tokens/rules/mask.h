// What a row may see, and what is added to its scores.
#ifndef OHMIC_PASSES_TOKENS_RULES_MASK_H
#define OHMIC_PASSES_TOKENS_RULES_MASK_H

#include "passes/tokens/plan.h"

typedef struct tok_mask {
    ir_ring_mode mode; // all or causal
    int64_t window;    // 0: none
    ir_ring_bias bias;
    const tok_constant *table; // of the bias; NULL: none
    uint32_t key;              // node of the key mask, TOK_NONE
    bool is_counted;           // the key mask must be ones, then zeros
    bool hides_rows;           // and is the queries' too: rows of 0 see nothing
} tok_mask;

// What the mask operand of an attention (TOK_NONE: none) means: queries and keys are domains,
// is_causal and window the operation's own attributes.
typedef struct {
    uint32_t mask;
    int64_t heads;
    int queries, keys;
    bool is_causal;
    int64_t window;
} tok_mask_query;

typedef struct tok_known_mask {
    tok_mask_query of;
    tok_mask found;
} tok_known_mask;

// False: refused at `user`.
bool tok_mask_find(tok_ctx *c, uint32_t user, const tok_mask_query *q, tok_mask *out);
// The mask of @past is rows past... of the same.
bool tok_mask_check_past(tok_ctx *c, uint32_t user, ir_val past_mask, int64_t heads,
                         const tok_mask *k);

// The parameters that a value of a probe depends on.
void tok_params_of(const tok_ctx *c, const tok_probe *p, ir_val v, bool *reached);

// ---- for mask.c and bias.c -------------------------------------------------------------------

// A mask's value as [heads][rows][keys]; one row of it: what is visible, and the bias of that.
typedef struct {
    const tensor *t;
    int64_t heads, rows, keys; // of t; heads 1: shared
    int64_t head_stride, row_stride, key_stride;
} tok_mask_view;
typedef struct {
    uint8_t *visible;
    float *bias;
} tok_mask_line;
bool tok_mask_row(const tok_mask_view *v, int64_t h, int64_t q, uint8_t *visible,
                  float *bias); // false: NaN
bool tok_mask_sees(const tok_mask *k, int64_t q, int64_t key);
bool tok_near(float a, float b);
// Finds k's bias and makes its table. False: refused.
bool tok_mask_bias(tok_ctx *c, uint32_t user, const tok_mask_view *v, int64_t heads, tok_mask *k,
                   tok_mask_line *l);
// The bias of a probe is what the mask's table says; past: position of row 0.
bool tok_bias_agrees(const tok_mask_view *v, int64_t heads, const tok_mask *k, int64_t past,
                     tok_mask_line *l, int64_t *row, int64_t *key);

#endif
