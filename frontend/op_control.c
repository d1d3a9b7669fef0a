// Control flow that is settled at compile time: If with a constant condition.
#include "frontend/import.h"

bool onnx_import_if(onnx_call *c) {
    const tensor *cond = onnx_need(c, onnx_in(c, 0), "the condition");
    if (!cond) return false;
    if (tensor_count(cond) != 1) return onnx_missing(c, "the condition is no scalar");
    bool yes = elem_load_i64(cond->type, cond->data, 0) != 0;
    const onnx_attr *a = onnx_attribute(c, yes ? "then_branch" : "else_branch");
    if (!a || !a->g) return onnx_missing(c, "it lacks a branch");
    return onnx_import_graph(c, a->g, c->out, c->n_out);
}
