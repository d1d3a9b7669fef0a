// A parsed model: plain structures over the mapped file. Made by model.c and tensor_proto.c, read
// by the importer. Everything lives in the model's arena; tensor data aliases a mapping where its
// bytes allow.
#ifndef OHMIC_FRONTEND_MODEL_H
#define OHMIC_FRONTEND_MODEL_H

#include "frontend/onnx.h"
#include "frontend/wire.h"
#include "support/budget.h"
#include "support/file/file.h"

// Nesting of graphs, attributes and functions that is still read.
#define ONNX_MAX_DEPTH 64

typedef struct {
    const char *name;
    tensor value; // data valid when problem == NULL
    const char
        *problem; // why it cannot be used ("element type STRING is not supported"); NULL: usable
} onnx_tensor;

typedef struct onnx_graph onnx_graph;

typedef enum { // AttributeProto.AttributeType
    ONNX_ATTR_UNDEFINED = 0,
    ONNX_ATTR_FLOAT = 1,
    ONNX_ATTR_INT = 2,
    ONNX_ATTR_STRING = 3,
    ONNX_ATTR_TENSOR = 4,
    ONNX_ATTR_GRAPH = 5,
    ONNX_ATTR_FLOATS = 6,
    ONNX_ATTR_INTS = 7,
    ONNX_ATTR_STRINGS = 8,
} onnx_attr_kind;

typedef struct {
    const char *name;
    const char *ref; // inside a function: name of the caller's attribute; NULL: none
    int kind;        // onnx_attr_kind, or a number that is refused where it is read
    float f;
    int64_t i;
    const char *s;
    const onnx_tensor *t;
    const onnx_graph *g;
    const float *floats;
    const int64_t *ints;
    const char *const *strings;
    size_t count; // of floats, ints or strings
} onnx_attr;

typedef struct {
    const char *name, *op, *domain, *overload; // never NULL; domain "" for "ai.onnx"
    const char **in, **out;                    // "" stands for absent
    size_t n_in, n_out;
    onnx_attr *attrs;
    size_t n_attrs;
} onnx_node;

struct onnx_graph {
    const char *name;
    onnx_node *nodes;
    size_t n_nodes;
    onnx_tensor *initializers;
    size_t n_initializers;
    map *initializer_index; // by name; NULL when there are none
    onnx_port *inputs, *outputs;
    size_t n_inputs, n_outputs;
    size_t n_sparse; // sparse initialisers, refused by the importer
    const char *sparse_name;
};

typedef struct {
    const char *domain;
    int64_t version;
} onnx_opset_import;

typedef struct {
    const char *domain, *name, *overload;
    const char **in, **out, **attr_names;
    size_t n_in, n_out, n_attr_names;
    onnx_attr *defaults; // attribute_proto
    size_t n_defaults;
    onnx_node *nodes;
    size_t n_nodes;
    onnx_opset_import *opsets;
    size_t n_opsets;
} onnx_function;

typedef VEC(file_map) onnx_file_list;
typedef VEC(map *) onnx_map_list;

// A file of a model that is made of several (join.c).
enum { ONNX_LINKED = -1 };
typedef struct {
    onnx_model *file;
    const char *prefix; // of the labels of its nodes; "": none
    int *
        input; // by input of the file: the model's input, or ONNX_LINKED: what the first file gives
} onnx_part;

struct onnx_model {
    arena *arena;
    file_map file;
    bool owns_file;
    onnx_file_list side_files; // external data, in order of first mention
    map *side_index;           // location -> side_files; MAP_NONE - 1: cannot be opened
    onnx_map_list maps;        // to free
    onnx_info info;
    onnx_graph graph;
    onnx_opset_import *opsets;
    size_t n_opsets;
    onnx_function *functions;
    size_t n_functions;
    onnx_port *inputs; // without initialisers
    size_t n_inputs;
    // Of a model made of several files, which then has no nodes of its own: they follow each other.
    onnx_part *parts;
    size_t n_parts;     // 0: it is a file
    const char *link;   // output of the first part that the others are linked to
    onnx_model *cached; // the decoder's form that takes caches, in a file of its own; NULL: none
};

// Reading state. After the first damage `failed` is set and everything returns early.
typedef struct {
    onnx_model *model;
    arena *arena;
    diag_sink *diags;
    const char *file;
    const uint8_t *base; // of the mapping, for offsets in messages
    budget budget;
    size_t early; // nodes that stood before what they read
    bool failed;
} onnx_reader;

// Reports damage once; returns false.
bool onnx_damaged(onnx_reader *r, const uint8_t *at, const char *what);
// n more of the budget of the file; false: damaged.
bool onnx_read_takes(onnx_reader *r, const uint8_t *at, budget_kind k, uint64_t n);
bool onnx_count_message(onnx_reader *r, const uint8_t *at);
const char *onnx_read_str(onnx_reader *r, wire_span s); // "" and failed when it holds a NUL

// TensorProto (tensor_proto.c). External data is looked up beside r->file.
bool onnx_read_tensor(onnx_reader *r, wire_span s, onnx_tensor *out);

// Puts the nodes of a graph or a function, all read, in an order in which each stands behind what
// it reads, if they are not (order.c). Returns how many stood before.
size_t onnx_order_nodes(arena *a, onnx_node **nodes, size_t n);

uint64_t onnx_file_bytes(const onnx_model *m); // with its side files
const char *onnx_type_name(int onnx_type);     // "FLOAT", "INT4", ...; "unknown type"
bool onnx_read_port(onnx_reader *r, wire_span s, onnx_port *out); // ValueInfoProto (value_info.c)

#endif
