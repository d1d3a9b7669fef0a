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
    bool is_counted;           // the key mask must be one run of ones
    bool is_length;            // which begins with the first key
    bool is_turned;            // the key mask's input has 1 for what is hidden
    int64_t before, after;     // of a band: keys that are seen beside a row's own; is_band
    bool is_band;
    bool hides_rows;   // and is the queries' too: rows of 0 see nothing
    int64_t looked_at; // rows of the maximum's that were; 0: all
    bool is_shift;     // and tell all others: it is a function of k - q
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

// ---- for mask.c, bias.c and mask_rows.c --------------------------------------------------------

// The inputs that a mask depends on.
typedef struct {
    int key;        // parameter of the key mask, -1
    bool positions; // depends on position ids
    bool cross;     // keys are other tokens than queries
    bool turned;    // elements of the key mask are 1 for what is hidden
} tok_mask_inputs;

// A mask's value as [heads][rows][keys]: whole, or of which rows are evaluated as they are asked
// for. What is found out about it is found out about its listed rows.
typedef struct {
    const tensor *t;                             // all rows, or that of row `at`
    int64_t heads, rows, keys;                   // heads 1: shared
    bool is_bool;                                // visible or not, and nothing added
    int64_t head_stride, row_stride, key_stride; // of t
    int64_t n_listed;
    const int64_t *listed; // ascending; NULL: all
    bool is_shift;         // what every row says follows from the first and the last one
    arena *a;              // of the view
    // one row at a time; NULL: whole
    tok_parts *parts;
    ir_val v;
    int64_t at;
    arena *row;
} tok_mask_view;
// One row of it: what is visible, and the bias of that.
typedef struct {
    uint8_t *visible;
    float *bias;
} tok_mask_line;

// Evaluates mask value v with the key mask m (NULL: ones) at a probe. False: refused at `user`.
// Closed in any case.
bool tok_mask_open(tok_ctx *c, uint32_t user, tok_probe *p, ir_val v, const tok_mask_inputs *in,
                   const uint8_t *m, int64_t rows, int64_t keys, tok_mask_view *view);
void tok_mask_close(tok_mask_view *v);
static inline int64_t tok_mask_listed(const tok_mask_view *v, int64_t i) {
    return v->listed ? v->listed[i] : i;
}
void tok_mask_list(tok_mask_view *v, int64_t row); // looks at that row, too
// A large mask that is a function of k - q (mask_shift.c).
bool tok_mask_is_shift(const tok_mask_view *v);
tok_mask_line tok_mask_line_new(arena *a, int64_t keys);
// False: not a number, or it cannot be evaluated, which is reported.
bool tok_mask_row(tok_mask_view *v, int64_t h, int64_t q, uint8_t *visible, float *bias);
bool tok_mask_sees(const tok_mask *k, int64_t q, int64_t key);
bool tok_near(float a, float b);
// Finds k's bias and makes its table. False: refused.
bool tok_mask_bias(tok_ctx *c, uint32_t user, tok_mask_view *v, int64_t heads, tok_mask *k,
                   tok_mask_line *l);
// The bias of a probe is what the mask's table says; past: position of row 0.
bool tok_bias_agrees(tok_mask_view *v, int64_t heads, const tok_mask *k, int64_t past,
                     tok_mask_line *l, int64_t *row, int64_t *key);

#endif
