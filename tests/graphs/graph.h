// A random model, as data: nodes whose sizes are written in tokens, so that one graph is a function
// of the IR at every length. What a model looks like behind the importer.
//
// Nodes are made by the functions below, which refuse what does not fit (NO_NODE), so pieces of
// models can be tried at random; a piece goes on with what it had.
#ifndef OHMIC_TESTS_GRAPHS_GRAPH_H
#define OHMIC_TESTS_GRAPHS_GRAPH_H

#include "ir/ir.h"
#include "tests/random.h"

// t tokens + p tokens of the past + c.
typedef struct {
    int t, p, c;
} count;

typedef struct {
    int rank;
    count dim[IR_MAX_RANK];
} shape;

typedef enum { NODE_OP, NODE_INPUT, NODE_CONST } node_kind;

// Elements of a constant.
typedef enum {
    FILL_EQUAL,    // value
    FILL_RANDOM,   // value * [-1, 1)
    FILL_POSITIVE, // value * [0.5, 1.5)
    FILL_BITS,     // 0 and 1
    FILL_COUNT,    // the one number that `starts` says, i64
    FILL_RAMP,     // value * (0, 1, 2 ...)
    FILL_LIST,     // those of `list`, i64
} fill;

enum { MAX_OPERANDS = 8, MAX_LIST = 16, MAX_OUTPUTS = 8 };

typedef int node; // number of a node
#define NO_NODE (-1)

typedef struct {
    node_kind kind;
    ir_opcode code; // of an operation
    int n, in[MAX_OPERANDS];
    elem type;
    shape is;
    ir_attrs attrs; // but for starts
    shape starts;   // of a slice; FILL_COUNT
    fill fill;
    double value;
    uint32_t seed;
    int64_t list[MAX_LIST];
    int result;       // of an operation: which of its results
    const char *name; // of an input
    int64_t hi;       // of an input of integers: one past the largest
} graph_node;

typedef struct {
    arena *a;
    random_stream r; // what is drawn
    VEC(graph_node) nodes;
    int n_outputs;
    node output[MAX_OUTPUTS];
    const char *output_name[MAX_OUTPUTS];
    bool has_mask;  // attention_mask is an input
    bool is_causal; // attention hides the future
    bool has_past;  // each attention goes on behind keys and values that are inputs
    int n_caches;   // such attentions
    int64_t max_tokens, max_chunk;
} graph;

void graph_free(graph *g);
// Without what no output needs. Numbers of nodes change.
void graph_sweep(graph *g);
// Appends function `name` at a length; shake: its numbers changed by so much of themselves at most.
// False: reported.
bool graph_build(const graph *g, int64_t tokens, int64_t past, double shake, ir_module *m,
                 const char *name, diag_sink *diags);
char *graph_text(const graph *g); // as IR at three tokens; malloc'd

// ---- sizes -----------------------------------------------------------------------------------

static inline count number(int c) { return (count){0, 0, c}; }
static inline count tokens(int times) { return (count){times, 0, 0}; }
static inline bool same_count(count a, count b) { return a.t == b.t && a.p == b.p && a.c == b.c; }
static inline bool is_number(count a) { return !a.t && !a.p; }
static inline bool is_one(count a) { return is_number(a) && a.c == 1; }
static inline int64_t count_at(count a, int64_t tokens, int64_t past) {
    return a.t * tokens + a.p * past + a.c;
}
#define SHAPE(...) ((shape){sizeof((count[]){__VA_ARGS__}) / sizeof(count), {__VA_ARGS__}})
static inline const shape *shape_of(const graph *g, node v) { return &g->nodes.items[v].is; }
static inline elem type_of(const graph *g, node v) { return g->nodes.items[v].type; }
static inline count last_of(const graph *g, node v) {
    const shape *s = shape_of(g, v);
    return s->rank ? s->dim[s->rank - 1] : number(1);
}
bool same_shape(const shape *a, const shape *b);

// ---- nodes -----------------------------------------------------------------------------------

node graph_input(graph *g, const char *name, elem type, shape s, int64_t hi);
node graph_const(graph *g, elem type, shape s, fill f, double value);
node graph_scalar(graph *g, double value); // f32[]
node graph_int(graph *g, int64_t value);   // i64[]
node graph_count(graph *g, count c);       // i64[]
node graph_list(graph *g, const int64_t *list, int n);
void graph_output(graph *g, const char *name, node v);

node op1(graph *g, ir_opcode code, node x);
node op2(graph *g, ir_opcode code, node a, node b); // elementwise, broadcasting
node op_select(graph *g, node c, node a, node b);
node op_cast(graph *g, node x, elem to);
node op_clip(graph *g, node x, double lo, double hi);      // infinite: not bounded
node op_quantize(graph *g, node x, node scale, node zero); // to the type of zero
node op_dequantize(graph *g, node x, node scale, node zero);
node op_matmul_int(graph *g, node a, node b, node zero_a, node zero_b);
node op_reshape(graph *g, node x, shape s);
node op_unsqueeze(graph *g, node x, int axis);
node op_squeeze(graph *g, node x, int axis);
node op_transpose(graph *g, node x, const int *perm);
node op_swap(graph *g, node x, int a, int b); // two axes
node op_broadcast(graph *g, node x, shape s);
node op_reduce(graph *g, node x, const char *fn, unsigned axes, bool keep);
node op_softmax(graph *g, node x, int axis);
node op_matmul(graph *g, node a, node b);
node op_linear(graph *g, node x, node w, node bias, bool transposed); // Gemm
node op_concat(graph *g, const node *x, int n, int axis);
node op_slice(graph *g, node x, int axis, count from, count n, int step);
node op_gather(graph *g, node x, node index, int axis);
node op_range(graph *g, count from, count until); // i64
node op_trilu(graph *g, node x, int64_t k, bool upper);
node op_cumsum(graph *g, node x, int axis);
node op_argmax(graph *g, node x, int axis);
node op_topk(graph *g, node x, int k,
             int result); // largest of the last axis; 0: values, 1: indices
// x [B, C, tokens], w [M, C, k], bias [M] or NO_NODE; `length` as the result counts tokens.
node op_conv(graph *g, node x, node w, node bias, int stride, int pad, int behind, count length);
node op_onehot(graph *g, node ids, int depth); // 0 and 1, along a new last axis
node op_gather_nd(graph *g, node x, node index, shape s);
node op_norm(graph *g, node x, const char *mode, double eps, node gain, node shift);

#endif
