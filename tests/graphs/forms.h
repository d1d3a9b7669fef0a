// What tests of single graphs share: their inputs, and what is expected of a program.
#ifndef OHMIC_TESTS_GRAPHS_FORMS_H
#define OHMIC_TESTS_GRAPHS_FORMS_H

#include "tests/graphs/try.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
// cmocka.h needs some of the above
#include <cmocka.h>

static graph begin(void) {
    return (graph){.a = arena_new(), .r = random_test(7), .max_tokens = 48, .max_chunk = 8};
}

static inline node rows(graph *g, int width) {
    return graph_input(g, "x", ELEM_f32, SHAPE(number(1), tokens(1), number(width)), 0);
}

static inline node mask(graph *g) {
    return graph_input(g, "attention_mask", ELEM_i64, SHAPE(number(1), tokens(1)), 2);
}

static inline node matrix(graph *g, int k, int n) {
    return graph_const(g, ELEM_f32, SHAPE(number(k), number(n)), FILL_RANDOM, 1);
}

static inline void show(const graph *g, const try_result *t) {
    char *text = graph_text(g);
    print_message("%s: %s\n", try_name(t->verdict), t->text); // cmocka cuts what is long
    print_message("%s\n", text);
    free(text);
}

static inline void expect(graph *g, node y, const try_options *o, try_verdict v, const char *says) {
    graph_output(g, "y", y);
    graph_sweep(g);
    try_result t = graph_try(g, o);
    if (t.verdict != v || (says && !strstr(t.text, says))) show(g, &t);
    assert_int_equal(t.verdict, v);
    if (says) assert_non_null(strstr(t.text, says));
    graph_free(g);
}

static inline void same(graph *g, node y) {
    const try_options o = {.seed = 1, .length = {1, 2, 9}};
    expect(g, y, &o, TRY_SAME, NULL);
}

// At 9 tokens, of which some are hidden behind (> 0) or in front (< 0).
static inline void same_hiding(graph *g, node y, int64_t pad) {
    const try_options o = {.seed = 1, .length = {9, 9}, .padding = {0, pad}};
    expect(g, y, &o, TRY_SAME, NULL);
}

static inline void refused_hiding(graph *g, node y, int64_t pad, const char *says) {
    const try_options o = {.seed = 1, .length = {9, 9}, .padding = {0, pad}};
    expect(g, y, &o, TRY_REFUSED, says);
}

static inline node added_mask(graph *g, node m) {
    node off = op2(g, IR_t_sub, graph_scalar(g, 1), op_cast(g, m, ELEM_f32));
    return op2(g, IR_t_mul, op_unsqueeze(g, op_unsqueeze(g, off, 1), 1), graph_scalar(g, -1e9));
}

// One head of 4; m and bias: NO_NODE, none.
static inline node attention_with(graph *g, node x, node m, node bias, bool causal) {
    node part[3];
    for (int i = 0; i < 3; i++) part[i] = op_unsqueeze(g, op_matmul(g, x, matrix(g, 4, 4)), 1);
    node s = op_matmul(g, part[0], op_swap(g, part[1], 2, 3));
    if (bias >= 0) s = op2(g, IR_t_add, s, bias);
    if (m >= 0) s = op2(g, IR_t_add, s, added_mask(g, m));
    if (causal) {
        node all = op_broadcast(g, graph_const(g, ELEM_bool, (shape){0}, FILL_EQUAL, 1),
                                SHAPE(tokens(1), tokens(1)));
        s = op2(
            g, IR_t_add, s,
            op_select(g, op_trilu(g, all, 0, false), graph_scalar(g, 0), graph_scalar(g, -1e9)));
    }
    node o = op_matmul(g, op_softmax(g, s, 3), part[2]);
    return op2(g, IR_t_add, x, op_squeeze(g, o, 1));
}

static inline node attention(graph *g, node x, node m, bool causal) {
    return attention_with(g, x, m, NO_NODE, causal);
}

#endif
