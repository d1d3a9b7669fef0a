// Questions about the mapped stage that passes and backend both ask.
#ifndef OHMIC_IR_MAPPED_H
#define OHMIC_IR_MAPPED_H
#include "ir/ir.h"

// A view of columns: a place in its operands' buffers.
static inline bool ir_is_columns(const ir_op *op) {
    return ir_kind_of(op->code) == IR_KIND_COLUMNS;
}
static inline bool ir_stores(const ir_op *op) { return ir_kind_of(op->code) == IR_KIND_STORES; }
static inline bool ir_reads_ring(const ir_op *op) { return ir_kind_of(op->code) == IR_KIND_READS; }
// Of an operation that stores: which operand the keys are. The values are the next one.
static inline uint32_t ir_keys_at(const ir_op *op) { return op->n_results; }

// True when an i32 value is a raw sum of a product, which carries a trailer (docs/numerics.md), not
// a row of numbers.
bool ir_is_raw(const ir_func *f, ir_val v);

// One matrix of a group: entry i of its lists. Tensors are NULL where absent.
typedef struct {
    const tensor *weights, *scale, *zero, *bias;
    bool trans;   // stored [N,K]
    int64_t k, n; // of the matrix
} ir_source;
// Sources of a group symbol, in `a`.
ir_source *ir_group_sources(arena *a, const ir_module *m, const ir_symbol *group, size_t *n);

#endif
