// In which order can nodes be imported? ONNX asks for one in which every node stands behind what
// it reads; some writers give another.
#include "frontend/model.h"
#include "support/map.h"

typedef VEC(uint32_t) numbers;

// The nodes of the list that node n reads, subgraphs of its attributes included.
static void add_reads(const map *producer, const onnx_node *n, numbers *out) {
    for (size_t i = 0; i < n->n_in; i++) {
        const uint32_t from = n->in[i][0] ? map_get(producer, n->in[i]) : MAP_NONE;
        if (from != MAP_NONE) vec_push(out, from);
    }
    for (size_t i = 0; i < n->n_attrs; i++) {
        const onnx_graph *g = n->attrs[i].g;
        if (!g) continue;
        for (size_t k = 0; k < g->n_nodes; k++) add_reads(producer, &g->nodes[k], out);
        for (size_t k = 0; k < g->n_outputs; k++) {
            const uint32_t from = map_get(producer, g->outputs[k].name);
            if (from != MAP_NONE) vec_push(out, from);
        }
    }
}

// Nodes that stand before one that they read.
static size_t count_early(const map *producer, const onnx_node *nodes, size_t n) {
    numbers reads = {0};
    size_t early = 0;
    for (size_t i = 0; i < n; i++) {
        bool is_early = false;
        reads.count = 0;
        add_reads(producer, &nodes[i], &reads);
        for (size_t k = 0; k < reads.count; k++) is_early |= reads.items[k] > i;
        early += is_early;
    }
    vec_free(&reads);
    return early;
}

// Each node behind what it reads, else as they stand. Nodes that read each other in a circle stay
// somewhere: the importer finds a value that is not there yet.
static onnx_node *in_order(arena *a, const map *producer, const onnx_node *nodes, size_t n) {
    enum { NEW, OPEN, PLACED };
    onnx_node *out = ARENA_ARRAY(a, onnx_node, n);
    uint8_t *state = base_calloc(n, 1);
    numbers todo = {0}, reads = {0};
    size_t placed = 0;
    for (uint32_t first = 0; first < n; first++) {
        vec_push(&todo, first);
        while (todo.count) {
            const uint32_t at = todo.items[todo.count - 1];
            if (state[at] != NEW) {
                todo.count--;
                if (state[at] == OPEN) out[placed++] = nodes[at];
                state[at] = PLACED;
                continue;
            }
            state[at] = OPEN;
            reads.count = 0;
            add_reads(producer, &nodes[at], &reads);
            for (size_t k = reads.count; k-- > 0;)
                if (state[reads.items[k]] == NEW) vec_push(&todo, reads.items[k]);
        }
    }
    CHECK(placed == n, "%zu of %zu nodes are placed", placed, n);
    vec_free(&todo);
    vec_free(&reads);
    free(state);
    return out;
}

size_t onnx_order_nodes(arena *a, onnx_node **nodes, size_t n) {
    map *producer = map_new();
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < (*nodes)[i].n_out; k++)
            if ((*nodes)[i].out[k][0]) map_add(producer, (*nodes)[i].out[k], (uint32_t)i);
    const size_t early = count_early(producer, *nodes, n);
    if (early) *nodes = in_order(a, producer, *nodes, n);
    map_free(producer);
    return early;
}
