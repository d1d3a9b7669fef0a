// What pieces of random models are drawn with; for the files beside this one.
#ifndef OHMIC_TESTS_GRAPHS_PARTS_H
#define OHMIC_TESTS_GRAPHS_PARTS_H

#include "tests/graphs/graph.h"

static inline bool coin(graph *g) { return random_below(&g->r, 2) == 0; }
static inline int below(graph *g, int n) { return (int)random_below(&g->r, (uint64_t)n); }
#define ONE_OF(g, ...) \
    (((const int[]){   \
        __VA_ARGS__})[below(g, (int)(sizeof((const int[]){__VA_ARGS__}) / sizeof(int)))])

static inline int width_of(const graph *g, node x) { return last_of(g, x).c; }
static inline int a_width(graph *g) { return ONE_OF(g, 1, 2, 3, 4, 6, 8, 8, 9, 16, 64); }
static inline double a_number(graph *g) {
    return ONE_OF(g, 1, 1, 2, 3, -1, 5) * (coin(g) ? 1 : 0.25);
}

// Operands in either order.
static inline node either(graph *g, ir_opcode code, node a, node b) {
    return coin(g) ? op2(g, code, a, b) : op2(g, code, b, a);
}

// Tokens before the first row, and all that a row may see.
static inline count before(const graph *g) { return (count){0, g->has_past, 0}; }
static inline count keys(const graph *g) { return (count){1, g->has_past, 0}; }

// Rows [1, T, W] of what has as many elements.
static inline node as_rows(graph *g, node x) {
    if (x < 0) return x;
    const shape *s = shape_of(g, x);
    int w = 1, t = 0;
    for (int i = 0; i < s->rank; i++) {
        if (s->dim[i].t) {
            if (t++ || s->dim[i].t != 1 || s->dim[i].c || s->dim[i].p) return NO_NODE;
        } else {
            w *= s->dim[i].c;
        }
    }
    return t ? op_reshape(g, x, SHAPE(number(1), tokens(1), number(w))) : NO_NODE;
}

// The input whose name has the word; NO_NODE: there is none.
node input_named(const graph *g, const char *word);
// Positions of the rows, i64[T]: counted, or, where they are an input, that.
node positions(graph *g);
node linear(graph *g, node x, int n);
node piece_attention(graph *g, node x);

#endif
