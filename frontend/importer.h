// State of one import: shared by import.c (graphs, scopes, calls) and const.c (constant values).
#ifndef OHMIC_FRONTEND_IMPORTER_H
#define OHMIC_FRONTEND_IMPORTER_H

#include "frontend/import.h"

// Names of one graph or function body. A subgraph sees its parents; a function body sees nothing
// outside.
struct onnx_scope {
    const onnx_scope *parent;
    const onnx_graph *graph; // for initialisers; NULL in functions
    map *values;             // name -> ir_val
    const onnx_opset_import *opsets;
    size_t n_opsets;
    const onnx_function
        *function;         // whose body this is; NULL: the main graph (parents are asked first)
    const onnx_node *call; // the node that called it: its attributes answer references
    const onnx_scope *call_scope;
    const char *prefix; // of labels: "" or the names of the calling nodes, each with '/'
    int depth;
};

typedef enum { CONST_UNKNOWN, CONST_KNOWN, CONST_FAILED } onnx_const_state;
typedef struct {
    bool from_constants; // no parameter behind it
    onnx_const_state state;
    const tensor *value;
} onnx_const_entry;

struct onnx_importer {
    const onnx_model *model;
    const onnx_binding *binding;
    ir_module *m;
    ir_func *f;
    diag_sink *diags;
    diag_sink *scratch;           // of ir_build: its message becomes the node's
    arena *arena;                 // of the import, released with it
    VEC(onnx_const_entry) consts; // by ir_val
    VEC(onnx_sequence) sequences;
    VEC(uint32_t) visit; // operations, while something is sought behind a value
    VEC(bool) visited;   // by operation
    map *functions;      // domain, name and overload -> index in the model
    budget budget;
    uint64_t widened; // by the greatest open size, as a factor
    bool is_spent;    // the import ends
    budget_kind spent;
    bool failed;
};

// n more of the budget; false, now and for ever after, when it is spent.
bool onnx_spend(onnx_importer *imp, budget_kind k, uint64_t n);
// Called after every built operation: extends `consts` to the new values.
void onnx_const_note(onnx_importer *imp);
// Value of v from constants, or NULL.
const tensor *onnx_const_value(onnx_importer *imp, ir_val v);
// Records in binding->demanded the parameters v depends on.
void onnx_const_demand(onnx_importer *imp, ir_val v);

#endif
