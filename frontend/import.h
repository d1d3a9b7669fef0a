// The importer inside: what an operator function (onnx_import_NAME, named in onnx_ops.def) may use.
//
// An operator function gets one call, builds IR operations and sets c->out[]. Helpers return
// IR_NONE on failure and pass IR_NONE operands through, so a chain of them needs one check at its
// end; the first reason given (by onnx_missing or a helper) is the one that is reported. Sizes are
// always known; a value that must be known too is asked for with onnx_const and the functions built
// on it.
#ifndef OHMIC_FRONTEND_IMPORT_H
#define OHMIC_FRONTEND_IMPORT_H

#include "frontend/model.h"
#include "support/budget.h"

typedef struct onnx_importer onnx_importer;
typedef struct onnx_scope onnx_scope;

// A value is an ir_val; or, with this bit set, the index of a sequence; or poison, the result of a
// node that failed (its users are skipped in silence).
#define ONNX_SEQUENCE_BIT UINT32_C(0x80000000)
#define ONNX_POISON (UINT32_MAX - 1)
static inline bool onnx_is_sequence(ir_val v) {
    return (v & ONNX_SEQUENCE_BIT) && v != ONNX_POISON;
}

typedef struct {
    const ir_val *items;
    size_t count;
} onnx_sequence;

typedef struct {
    onnx_importer *imp;
    ir_module *m;
    ir_func *f;
    arena *arena; // of the module
    const onnx_node *node;
    const onnx_scope *scope;
    const char *label; // loc of what is built
    int64_t opset;     // imported version of the node's domain
    int since;         // version of the operator
    int arg;           // the row's last column
    const ir_val *in;  // [n_in] IR_NONE: absent
    size_t n_in, n_out;
    ir_val *out;     // [n_out]; those asked for by name must be set
    const char *why; // first failure
} onnx_call;

typedef bool (*onnx_op_function)(onnx_call *c);
#define ONNX_OP(domain, type, since, function, arg) bool onnx_import_##function(onnx_call *c);
#include "frontend/onnx_ops.def"

// ---- failing
// -------------------------------------------------------------------------------------

// Says what is missing ("mode 'cubic' is not supported"); returns false.
bool onnx_missing(onnx_call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
// An operator takes v with this size of an axis, the model leaves it open: for the caller of the
// import, where v is an input of another size.
void onnx_wants_size(onnx_call *c, ir_val v, int axis, int64_t size);
// A sentence for the summary (module->notes), once for each node.
void onnx_note(onnx_call *c, const char *sentence);
// Sizes multiply without overflow: at most 2^40 elements, counting empty axes as 1.
bool onnx_size_ok(const ir_type *t);
uint64_t onnx_size(const ir_type *t); // that product: what a budget is charged for it
// n more of the file's budget; false: reported, and the import ends with this node. Whatever the
// importer makes or walks by a number from the file is taken first.
bool onnx_take(onnx_call *c, budget_kind k, uint64_t n);
// Lists made at compile time have at most so many numbers.
#define ONNX_MAX_LIST (INT64_C(1) << 24)
// Memory of the module for n elements of `bytes`, zeroed; NULL: n is negative, too large or beyond
// the budget, reported.
void *onnx_list(onnx_call *c, int64_t n, size_t bytes);
#define ONNX_LIST(c, type, n) ((type *)onnx_list((c), (n), sizeof(type)))
bool onnx_elem(onnx_call *c, int64_t onnx_type, elem *e); // TensorProto.DataType; false: reported
// A tensor made at compile time; false: too large or beyond the budget, reported.
bool onnx_make(onnx_call *c, elem e, int rank, const int64_t *dim, tensor *out);

// ---- inputs and attributes
// -----------------------------------------------------------------------

static inline ir_val onnx_in(const onnx_call *c, size_t i) {
    return i < c->n_in ? c->in[i] : IR_NONE;
}
static inline bool onnx_wants(const onnx_call *c, size_t i) {
    return i < c->n_out && c->node->out[i][0];
}
bool onnx_set(onnx_call *c, size_t i, ir_val v); // output i, if it exists; false when v is IR_NONE
ir_type onnx_type(const onnx_call *c, ir_val v); // by value: building moves the table
int onnx_rank(const onnx_call *c, ir_val v);

// Attributes (attribute.c), references in functions resolved. NULL or `otherwise` when absent; a
// reference that leads nowhere, and a value of another kind, are reported.
const onnx_attr *onnx_attribute(onnx_call *c, const char *name); // of any kind
const onnx_attr *onnx_attr_of(onnx_call *c, const char *name, onnx_attr_kind kind);
int64_t onnx_attr_i(onnx_call *c, const char *name, int64_t otherwise);
float onnx_attr_f(onnx_call *c, const char *name, float otherwise);
const char *onnx_attr_s(onnx_call *c, const char *name, const char *otherwise);
const int64_t *onnx_attr_is(onnx_call *c, const char *name, size_t *n); // NULL when absent
const onnx_graph *onnx_attr_g(onnx_call *c, const char *name);          // absent: reported
const char *onnx_kind_name(int kind);                                   // "FLOATS"

// The value of v if it follows from constants alone (small enough), else NULL. Memoised.
const tensor *onnx_const(onnx_call *c, ir_val v);
// As onnx_const, but asks for it: NULL is a failure, named by `what`, and the inputs that v depends
// on are recorded as demanded.
const tensor *onnx_need(onnx_call *c, ir_val v, const char *what);
// Elements as integers (arena of the module); NULL: failure reported.
const int64_t *onnx_need_ints(onnx_call *c, ir_val v, size_t *n, const char *what);
bool onnx_need_int(onnx_call *c, ir_val v, int64_t *out, const char *what); // one element
bool onnx_need_float(onnx_call *c, ir_val v, double *out, const char *what);
// The list in attribute `name`, or, when absent, in input i: NULL with *ok when neither is there.
const int64_t *onnx_ints_of(onnx_call *c, const char *name, size_t i, size_t *n, bool *ok);
// Axis in [-rank, rank) made non-negative; false: reported.
bool onnx_axis(onnx_call *c, int64_t axis, int rank, int *out);
// Axes made non-negative and ascending in out[]; false on a repeated or bad one.
bool onnx_axes(onnx_call *c, const int64_t *axes, size_t n, int rank, int64_t *out);

const onnx_sequence *onnx_sequence_of(const onnx_call *c, ir_val v); // v must be one
ir_val onnx_sequence_new(onnx_call *c, const ir_val *items, size_t n);

// ---- building (call.c)
// ---------------------------------------------------------------------------

ir_val onnx_op(onnx_call *c, ir_opcode code, const ir_val *in, size_t n, const ir_attrs *attrs);
ir_val onnx_op_typed(onnx_call *c, ir_opcode code, const ir_val *in, size_t n,
                     const ir_attrs *attrs, const ir_type *types);
ir_val onnx_op1(onnx_call *c, ir_opcode code, ir_val a);
ir_val onnx_op2(onnx_call *c, ir_opcode code, ir_val a, ir_val b);
ir_val onnx_result(const onnx_call *c, ir_val first,
                   int i); // i-th result of the op that gave `first`

ir_val onnx_tensor_const(onnx_call *c, const char *hint, tensor t); // hint NULL: named by contents
ir_val onnx_ints_const(onnx_call *c, const int64_t *v, size_t n);   // i64 [n]
ir_val onnx_counting(onnx_call *c, int64_t first, int64_t n,
                     int64_t step);                            // first, first + step ...
ir_val onnx_scalar(onnx_call *c, elem e, double v);            // rank 0
ir_val onnx_fill(onnx_call *c, const ir_type *type, double v); // scalar broadcast

ir_val onnx_cast(onnx_call *c, ir_val v, elem to); // v itself when of that type
ir_val onnx_reshape(onnx_call *c, ir_val v, int rank, const int64_t *dim);
ir_val onnx_transpose(onnx_call *c, ir_val v, const int64_t *perm);
ir_val onnx_swap_last(onnx_call *c, ir_val v); // last two axes exchanged
ir_val onnx_broadcast(onnx_call *c, ir_val v, int rank, const int64_t *dim);
ir_val onnx_slice1(onnx_call *c, ir_val v, int axis, int64_t from, int64_t count);
ir_val onnx_concat(onnx_call *c, const ir_val *v, size_t n, int axis);
ir_val onnx_unsqueeze(onnx_call *c, ir_val v, int axis); // one new axis of size 1
ir_val onnx_gather(onnx_call *c, ir_val data, ir_val index, int axis);
ir_val onnx_reduce(onnx_call *c, ir_val v, const char *fn, const int64_t *axes, size_t n,
                   bool keepdims);
ir_val onnx_softmax(onnx_call *c, ir_val v, int axis);
ir_val onnx_norm(onnx_call *c, ir_val v, ir_val gamma, ir_val beta, const char *mode, double eps,
                 int axis);
ir_val onnx_scale(onnx_call *c, ir_val v, double factor); // v when factor is 1
ir_val onnx_add_scalar(onnx_call *c, ir_val v, double term);
ir_val onnx_select(onnx_call *c, ir_val cond, ir_val a, ir_val b);

// ---- attention (ops/attention.c)
// ------------------------------------------------------------------

// Scaled dot products as exporters write them: sqrt(scale) on both sides, masks added, softmax,
// product.
typedef struct {
    ir_val q, k, v; // [B,H,T,d], [B,Hk,S,d], [B,Hk,S,dv]; Hk divides H
    ir_val mask;    // bool (visible) or float (added), broadcast to [B,H,T,S]; IR_NONE: none
    double scale;   // 0: 1/sqrt(d)
    double softcap; // 0: none
    bool causal;    // key j is visible to row i when j <= i + offset
    int64_t offset;
    ir_val sink;    // [H]: a score beside the keys that takes probability, no value; IR_NONE: none
    int64_t window; // and j > i + offset - window; 0: all
    int want; // -1, or the stage whose scores are kept: 0 products, 1 capped, 2 masked, 3 softmax
    ir_val scores; // of that stage
} onnx_attention;
ir_val onnx_attend(onnx_call *c, onnx_attention *a);            // [B,H,T,dv]
ir_val onnx_split_heads(onnx_call *c, ir_val x, int64_t heads); // [B,T,H*d] -> [B,H,T,d]
ir_val onnx_merge_heads(onnx_call *c, ir_val x);                // [B,H,T,d] -> [B,T,H*d]
// first, first + 1 ... as an axis of a [B,1,T,S] mask: axis 2 rows, axis 3 keys.
ir_val onnx_numbers(onnx_call *c, int64_t first, int64_t n, int axis);
// x [B,H,T,d] rotated; cos, sin [T,r/2], [1,T,r/2] or [B,T,r/2].
ir_val onnx_rope(onnx_call *c, ir_val x, ir_val cos, ir_val sin, bool interleaved);

// ---- quantisation (ops/quant.c)
// -------------------------------------------------------------------

ir_val onnx_dequantize(onnx_call *c, ir_val x, ir_val scale, ir_val zero,
                       int axis);                                        // -1: per tensor
ir_val onnx_quantize(onnx_call *c, ir_val x, ir_val scale, ir_val zero); // to zero's type

// ---- the importer's parts
// ------------------------------------------------------------------------

// Imports a subgraph inside the node's scope: its inputs are bound to in[n_in], outputs in out[n].
bool onnx_import_graph(onnx_call *c, const onnx_graph *g, const ir_val *in, size_t n_in,
                       ir_val *out, size_t n);

#endif
