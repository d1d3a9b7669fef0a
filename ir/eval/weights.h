// A static matrix as its operations see it: a block [k0,k1) x [n0,n1) of sources that stand side by
// side over columns (a group), or the one weight of nn.linear.
#ifndef OHMIC_IR_EVAL_WEIGHTS_H
#define OHMIC_IR_EVAL_WEIGHTS_H

#include "ir/eval/eval.h"

typedef struct {
    const tensor *w;
    bool trans;     // stored [N,K]
    int64_t n0, n1; // its columns in the whole matrix
} weight_source;

typedef struct {
    int64_t k0, k1, n0, n1;
    weight_source *source;
    size_t n_sources;
    bool codes;    // int8 codes with scales
    float *scale;  // per column of the block; 1 without codes
    int32_t *zero; // per column of the block
    double *bias;  // per column of the block; 0 for none
} weight_block;

// Reads attribute `group`, or nn.linear's operand 1 and attributes; false: reported.
bool weights_of_group(const ir_eval_ctx *c, const ir_op *op, weight_block *b);
bool weights_of_linear(const ir_eval_ctx *c, const ir_op *op, const tensor *const *in,
                       weight_block *b);
void weights_free(weight_block *b);

static inline size_t weights_k(const weight_block *b) { return (size_t)(b->k1 - b->k0); }
static inline size_t weights_n(const weight_block *b) { return (size_t)(b->n1 - b->n0); }

// For product.panel, rows and columns counted from the block's corner: the codes themselves, or the
// real numbers f32(f64(scale) * (code - zero)).
void weights_panel(const weight_block *b, bool as_codes, size_t k0, size_t k1, size_t n0, size_t n1,
                   double *w);
// For product.direct: false when the columns are not floats of one source, aligned.
bool weights_direct(const weight_block *b, size_t n0, size_t n1, const float **w, size_t *ld,
                    bool *transposed);
// The block is a whole matrix of float in memory.
bool weights_are_plain(const weight_block *b);
// For product.code_panel, of codes.
void weights_codes(const weight_block *b, size_t k0, size_t k1, size_t n0, size_t n1, int8_t *w);
// For product.pack: false when the columns are not aligned floats of one source, nor codes asked
// for.
bool weights_pack(const weight_block *b, bool as_codes, size_t k0, size_t k1, size_t n0, size_t n1,
                  float *w);
// sum[n] = sum over the block's rows of the codes of column n.
void weights_column_sums(const weight_block *b, int64_t *sum);

#endif
