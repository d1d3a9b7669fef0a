// ONNX files: opened without copying weights, imported into the IR at given sizes.
//
// onnx_open maps the file, walks it and checks it; tensors alias the mapping, so a model must
// outlive every module that was imported from it. onnx_import binds every size: shapes become
// constants.
#ifndef OHMIC_FRONTEND_ONNX_H
#define OHMIC_FRONTEND_ONNX_H

#include "ir/ir.h"

typedef struct onnx_model onnx_model;

// NULL on failure, reported. Tensors kept beside the model ("external data") are mapped as well.
onnx_model *onnx_open(const char *path, diag_sink *diags);
// The same from bytes that outlive the model; `name` stands in messages, external data lies beside
// it.
onnx_model *onnx_open_bytes(const void *bytes, size_t n, const char *name, diag_sink *diags);
void onnx_close(onnx_model *m); // NULL is allowed

// An encoder and a decoder as one model: what the encoder gives (last_hidden_state) is what the
// decoder's input for it takes (encoder_hidden_states), and both read one mask. Inputs are the
// encoder's, then the decoder's others, of which those that the encoder has too, and input_ids, are
// called decoder_...; outputs are the decoder's. cached (NULL: none): the same decoder in a form
// that goes on behind caches. Closes all with itself, and at a failure: NULL, reported.
onnx_model *onnx_join(onnx_model *encoder, onnx_model *decoder, onnx_model *cached,
                      diag_sink *diags);
const onnx_model *onnx_cached(const onnx_model *m); // the third; NULL: none

// ---- what a model says about itself
// --------------------------------------------------------------

typedef struct {
    int64_t value;     // -1: not a number
    const char *param; // NULL: no name. Only plain names on inputs can be bound
} onnx_dim;

typedef struct {
    const char *name;
    const char *kind; // "tensor", "sequence", "optional", "map", "sparse tensor", "unknown"
    int onnx_type;    // TensorProto.DataType; 0: not given
    bool has_type;    // onnx_type is one of elem.def: `type`
    elem type;
    int rank; // -1: not declared
    const onnx_dim *dim;
} onnx_port;

typedef struct {
    const char *path, *producer, *producer_version;
    int64_t ir_version, opset; // opset of the default domain
    size_t n_nodes, n_initializers, n_functions;
    uint64_t weight_bytes;
} onnx_info;

const onnx_info *onnx_describe(const onnx_model *m);
size_t onnx_n_inputs(const onnx_model *m); // graph inputs that are not initialisers
size_t onnx_n_outputs(const onnx_model *m);
const onnx_port *onnx_input(const onnx_model *m, size_t i);
const onnx_port *onnx_output(const onnx_model *m, size_t i);
const onnx_port *onnx_input_named(const onnx_model *m, const char *name); // NULL when absent
// The initialiser `name`, its data in the mapped file; false when there is none (or without usable
// data).
bool onnx_initializer(const onnx_model *m, const char *name, tensor *out);
// Version imported for a domain ("" or "ai.onnx": the default one); 0 when not imported.
int64_t onnx_opset(const onnx_model *m, const char *domain);

// ---- importing
// -----------------------------------------------------------------------------------

typedef struct {
    const char *name;
    int64_t size;
} onnx_dim_binding;

typedef struct {
    const char *input;
    int rank;
    int64_t dim[TENSOR_MAX_RANK];
} onnx_shape_binding;

typedef struct {
    const char *input;
    int axis;
    int64_t size;
} onnx_axis_size;

typedef struct {
    const onnx_dim_binding *dims; // sizes by dim_param
    size_t n_dims;
    const onnx_shape_binding *shapes; // whole shapes of single inputs; they win over dims
    size_t n_shapes;
    const tensor_named *values; // inputs of known value: constants, not parameters of the function
    size_t n_values;
    // NULL, or gets the names of inputs whose values the import needed and did not have.
    map *demanded;
    // NULL, or gets the first size of an input's axis that an operator fixes otherwise (input NULL:
    // none).
    onnx_axis_size *wanted;
} onnx_binding;

// Appends one plain-typed function: parameters are the graph's inputs (without initialisers and
// bound values), results its outputs. Weights become tensor symbols, shared by name between imports
// into one module. All unsupported nodes are reported before failing; a failed import leaves `m`
// unusable.
bool onnx_import(const onnx_model *model, const onnx_binding *binding, ir_module *m,
                 const char *func_name, diag_sink *diags);

// ---- tensors in files of their own
// ---------------------------------------------------------------

// A serialized TensorProto (.pb of test data sets). Strings are copied into `a`; the data too.
// Sequences and optionals are refused by name.
bool onnx_read_tensor_pb(arena *a, const char *path, const char **name, tensor *out,
                         diag_sink *diags);

// ---- the operators
// -------------------------------------------------------------------------------

typedef struct {
    const char *domain, *type; // "" is the default domain
    int since;
} onnx_op_row;
size_t onnx_op_rows(void);
const onnx_op_row *onnx_op_row_at(size_t i);

#endif
