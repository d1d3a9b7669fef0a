// Result types from operand types and attributes: one function a row of ops.def.
#ifndef OHMIC_IR_INFER_INFER_H
#define OHMIC_IR_INFER_INFER_H
#include "ir/ir.h"

typedef struct {
    const ir_module *module;
    const ir_func *func;
    const ir_op *op;          // operands and attributes set; results may not exist yet
    const ir_type *const *in; // operand types; NULL for an absent operand
    const ir_type *declared;  // the result types the builder or text gave, or NULL
    ir_type *out;             // [results] to fill
    diag_sink *diags;
    diag_loc loc;
} ir_infer_ctx;

// False when the operands do not fit: the reason is reported. Operations whose result type cannot
// follow from operands (t.reshape ...) check `declared` and copy it.
bool ir_infer(ir_infer_ctx *c);
#define OP(unit, name, ...) bool ir_infer_##unit##_##name(ir_infer_ctx *c);
#include "ir/ops.def"
#endif
