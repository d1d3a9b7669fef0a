// Making operations that exist once: a rewrite (rewrite.h) whose new operations are merged with
// equal ones and offered to a simplifier before anyone sees them. What fold-constants, canonicalize
// and fuse are built on.
//
// Operations are only appended, and a rule only looks backwards, so every value a rule may name is
// defined. What a rule leaves unused is dead, and dce removes it at the end of the pass.
#ifndef OHMIC_PASSES_REWRITE_EMITTER_H
#define OHMIC_PASSES_REWRITE_EMITTER_H

#include "passes/rewrite/rewrite.h"

typedef VEC(const char *) emit_names;

typedef struct emitter emitter;
// Replaces the value just made, or returns it. Called again on what it returns, until that stays.
typedef ir_val (*emit_simplify)(emitter *e, ir_val v);

struct emitter {
    rewrite r;
    map *seen;              // text of an operation -> its first result
    map *constants;         // text of a small constant -> value
    emit_simplify simplify; // NULL: none
    const ir_op *at;        // operation of the old function in work: gives loc
    emit_names nodes;       // ONNX nodes of operations a rule has matched, for its result
    void *ctx;              // of the simplifier
    map *shared;            // constants of the old module -> functions that have them; or NULL
    VEC(bool) constant;     // by value: depends on no parameter; as many as were asked for
    int depth;
};

emitter emit_begin(const ir_module *old, const ir_func *of, ir_module *m, emit_simplify simplify,
                   void *ctx, diag_sink *diags);
// Adds the results, sweeps dead operations (the function in r.m is replaced by the swept one).
bool emit_end(emitter *e);
// Passes one operation of the old function through: constants and operations are merged and
// simplified.
void emit_copy(emitter *e, const ir_op *op);

// A new module: token-typed functions are copied, plain ones made by `each` (function i of the old
// module, into m; false: it failed, the others go on), and symbols that nobody needs any more
// swept. NULL: one failed.
typedef bool emit_each(void *ctx, const ir_module *old, size_t i, ir_module *m, diag_sink *diags);
ir_module *emit_functions(const ir_module *old, emit_each *each, void *ctx, diag_sink *diags);
// The same, every plain function rebuilt with `simplify`.
ir_module *emit_module(const ir_module *old, emit_simplify simplify, void *ctx, diag_sink *diags);

bool emit_is_plain(const ir_func *f); // no value is token-typed

// ---- making ----------------------------------------------------------------------------------
// IR_NONE when the operands do not fit (not reported: the rule does not apply).

ir_val emit_op(emitter *e, ir_opcode code, const ir_val *in, size_t n, const ir_attrs *attrs);
ir_val emit_typed(emitter *e, ir_opcode code, const ir_val *in, size_t n, const ir_attrs *attrs,
                  const ir_type *types);
ir_val emit_const(emitter *e, const char *hint, tensor data); // merged with an equal small constant
ir_val emit_scalar(emitter *e, elem type, double v);          // rank 0
ir_val emit_reshape(emitter *e, ir_val v, int rank, const int64_t *dim);
ir_val emit_transpose(emitter *e, ir_val v, const int64_t *perm);
ir_val emit_broadcast(emitter *e, ir_val v, int rank, const int64_t *dim);
// Indices [from, until) of an axis, with a step.
ir_val emit_slice(emitter *e, ir_val v, int axis, int64_t from, int64_t until, int64_t step);
static inline ir_val emit1(emitter *e, ir_opcode code, ir_val a) {
    return emit_op(e, code, &a, 1, NULL);
}
static inline ir_val emit2(emitter *e, ir_opcode code, ir_val a, ir_val b) {
    return emit_op(e, code, (ir_val[]){a, b}, 2, NULL);
}
static inline ir_val emit3(emitter *e, ir_opcode code, ir_val a, ir_val b, ir_val c) {
    return emit_op(e, code, (ir_val[]){a, b, c}, 3, NULL);
}

// ---- looking ---------------------------------------------------------------------------------

static inline const ir_type *emit_type(const emitter *e, ir_val v) { return ir_type_of(e->r.f, v); }
// The defining operation by value: making operations moves the function's list.
static inline ir_op emit_def(const emitter *e, ir_val v) {
    const ir_op none = {.code = IR_OP_COUNT};
    const ir_op *op = v == IR_NONE ? NULL : ir_def(e->r.f, v);
    return op ? *op : none;
}
static inline const tensor *emit_const_of(const emitter *e, ir_val v) {
    return ir_const_of(e->r.m, e->r.f, v);
}
// v depends on no parameter: a constant, or one too large to be folded (fold_constants.c).
bool emit_is_constant(emitter *e, ir_val v);
// Name of the symbol behind a constant; NULL when v is none.
const char *emit_symbol_of(const emitter *e, ir_val v);
// The constant v is one of every function of the old module.
bool emit_is_shared(emitter *e, ir_val v);
// True when v is a constant all of whose elements are equal (at least one): *value gets it. Of one
// too large to be folded: where that shows in what it is computed from.
bool emit_splat(const emitter *e, ir_val v, double *value);
// The operation's ONNX nodes belong to what the rule in work makes.
void emit_note_nodes(emitter *e, const ir_op *op);
void emit_take_nodes(emitter *e,
                     ir_val v); // gives the noted nodes to v's operation and forgets them

#endif
