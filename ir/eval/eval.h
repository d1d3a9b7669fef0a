// What the evaluators (the files of ir/eval) share: diagnostics, conversion at a kernel's edge,
// index arithmetic, and the elementwise driver. Private to ir/.
//
// A kernel is written once, in a wide type (f32, f64 or i64); views and the driver convert.
#ifndef OHMIC_IR_EVAL_EVAL_H
#define OHMIC_IR_EVAL_EVAL_H

#include "ir/eval/interp.h"
#include "ir/kernel/fn_f32.h"
#include "ir/kernel/row.h"

// Reports at the operation (its ONNX node, else its name) and returns false.
bool eval_fail(const ir_eval_ctx *c, const ir_op *op, diag_id id, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

// A tensor's elements as an aligned array of `type`: the tensor's own data where that fits, else a
// converted copy.
typedef struct {
    const void *data;
    void *owned;
} eval_view;
eval_view eval_view_as(const tensor *t, elem type);
void eval_view_free(eval_view *v);
// count elements of t from element `at`, as `type`: a pointer into t, or into `buffer` after
// conversion.
const void *eval_load(const tensor *t, size_t at, size_t count, elem type, void *buffer);
// Elements of t from `at` on where they are aligned floats; NULL: they are not.
const float *eval_floats(const tensor *t, size_t at);
void eval_store(tensor *t, size_t at, size_t count, elem type, const void *data);

// The wide type that computes on elements of e: f32 for f32, f16, bf16; f64; i64 for the rest.
elem eval_wide(elem e);
static inline bool eval_is_unsigned(elem e) { return e == ELEM_u64; }

void eval_strides(int64_t stride[IR_MAX_RANK], const tensor *t); // in elements, row-major
// Elements before, at and after an axis.
typedef struct {
    size_t outer, n, inner;
} eval_axis;
eval_axis eval_axis_of(const tensor *t, int axis);
// Attribute `axis` checked against a rank; false: reported. `otherwise` when absent.
bool eval_axis_attr(const ir_eval_ctx *c, const ir_op *op, int rank, int otherwise, int *axis);
// The word that an attribute holds; `otherwise` when absent. False: reported.
bool eval_word(const ir_eval_ctx *c, const ir_op *op, ir_key key, ir_enum e, int otherwise,
               int *word);
// An attribute list of exactly n entries; NULL: reported.
const int64_t *eval_ints_attr(const ir_eval_ctx *c, const ir_op *op, ir_key key, size_t n);
// Data of the tensor symbol `name`; NULL: reported.
const tensor *eval_table(const ir_eval_ctx *c, const ir_op *op, const char *name);
// Domain of a value: of operand or result i of op; -1: plain.
int eval_domain_of_operand(const ir_eval_ctx *c, const ir_op *op, uint32_t i);
int eval_domain_of_result(const ir_eval_ctx *c, const ir_op *op, uint32_t i);
int64_t eval_pos(const ir_eval_ctx *c, int domain); // 0 for -1
// Operand i is a constant of the module.
bool eval_is_constant(const ir_eval_ctx *c, const ir_op *op, uint32_t i);

// ---- elementwise -----------------------------------------------------------------------------

enum { EVAL_BLOCK = 512 }; // elements a kernel sees at most

// dst and src are arrays of the kernel's types; dst overlaps none of them.
typedef void (*eval_ew_fn)(void *dst, const void *const *src, size_t n, const void *param);
typedef struct {
    eval_ew_fn fn;
    int n_in;
    elem in[3], out; // types the kernel computes with
    const void *param;
} eval_ew;
// Broadcasts the operands to out's shape (numpy) and applies the kernel blockwise, on all threads.
bool eval_ew_run(const ir_eval_ctx *c, const ir_op *op, const eval_ew *k, const tensor *const *in,
                 tensor *out);

// ---- rows of a token domain --------------------------------------------------------------------

static inline size_t eval_width(const tensor *t) { // elements of a row
    size_t w = 1;
    for (int i = 1; i < t->rank; i++) w *= (size_t)t->dim[i];
    return w;
}
// Row r as floats: a pointer into t, or into `buffer`; q8 rows are widened.
const float *eval_row_load(const tensor *t, size_t r, float *buffer);
// Stores a row of floats; into a q8 tensor as attributes quant, scale and zero of op say (default:
// sym).
void eval_row_store(const ir_op *op, tensor *t, size_t r, const float *x);
// Stores a row of floats as part of one whose largest |element| is that of row r of `most`.
void eval_row_store_within(tensor *t, size_t r, const float *x, int bits, const tensor *most);
// Operand i of op is a token-typed i32 matrix, so its rows have room for trailers (q8.h).
bool eval_has_raw_trailers(const ir_eval_ctx *c, const ir_op *op, uint32_t i);

// The last rows that an operation read in earlier steps (rows.window of a stream).
typedef struct ir_history {
    int64_t rows;
    char *data;
} ir_history;

#endif
