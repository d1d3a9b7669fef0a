// Convolutions along the tokens, and rows that are put in front and taken away again, against the
// graph itself.
#include "tests/graphs/forms.h"

static node weights(graph *g, int out, int in, int k) {
    return graph_const(g, ELEM_f32, SHAPE(number(out), number(in), number(k)), FILL_RANDOM, 0.5);
}

static node bias_of(graph *g, int n) {
    return graph_const(g, ELEM_f32, SHAPE(number(n)), FILL_RANDOM, 1);
}

// x [1, tokens, C] through a convolution of k rows and back, which keeps the length.
static node convolved(graph *g, node x, int width, int groups, int k, int pad) {
    node y = op_conv(g, op_swap(g, x, 1, 2), weights(g, 6, width / groups, k), bias_of(g, 6), 1,
                     pad, k - 1 - pad, tokens(1));
    return op_swap(g, y, 1, 2);
}

static void windows_of_rows(void **state) {
    for (int k = 1; k <= 5; k++)
        for (int pad = 0; pad < k; pad++) {
            graph g = begin();
            same(&g, convolved(&g, rows(&g, 4), 4, 1, k, pad));
        }
    graph g = begin(); // given as channels and tokens
    node x = graph_input(&g, "x", ELEM_f32, SHAPE(number(1), number(4), tokens(1)), 0);
    same(&g, op_conv(&g, x, weights(&g, 6, 4, 3), NO_NODE, 1, 1, 1, tokens(1)));
    g = begin(); // one after the other, an activation between
    node y = op1(&g, IR_t_gelu, convolved(&g, rows(&g, 4), 4, 1, 3, 1));
    same(&g, op2(&g, IR_t_add, y, convolved(&g, y, 6, 1, 3, 2)));
}

static void groups_of_channels(void **state) {
    for (int groups = 2; groups <= 6; groups += groups == 3 ? 3 : 1) {
        graph g = begin();
        same(&g, convolved(&g, rows(&g, 6), 6, groups, 3, 1));
        g = begin();
        same(&g, convolved(&g, rows(&g, 6), 6, groups, 4, 2));
    }
}

// Longer by what is padded more than the rows of a window, then cut again.
static void longer_and_back(void **state) {
    graph g = begin();
    node y = op_conv(&g, op_swap(&g, rows(&g, 4), 1, 2), weights(&g, 6, 4, 3), NO_NODE, 1, 2, 2,
                     (count){1, 0, 2});
    y = op_slice(&g, op_swap(&g, y, 1, 2), 1, number(2), tokens(1), 1);
    same(&g, y);
    for (int front = 1; front < 4; front++) { // rows in front, as registers are
        g = begin();
        node first = graph_const(&g, ELEM_f32, SHAPE(number(1), number(front), number(4)),
                                 FILL_RANDOM, 1),
             all = op_concat(&g, (node[]){first, rows(&g, 4)}, 2, 1);
        all = attention(&g, all, NO_NODE, false);
        same(&g,
             op_reduce(&g, op_slice(&g, all, 1, number(front), tokens(1), 1), "mean", 2, false));
    }
    for (int back = 1; back < 3; back++) { // some of them stay
        g = begin();
        node first =
                 graph_const(&g, ELEM_f32, SHAPE(number(1), number(2), number(4)), FILL_RANDOM, 1),
             all = op_concat(&g, (node[]){first, rows(&g, 4)}, 2, 1);
        all = attention(&g, all, NO_NODE, false);
        same(&g, op_slice(&g, all, 1, number(back), (count){1, 0, 2 - back}, 1));
    }
}

static void hidden_rows_are_read(void **state) {
    graph g = begin();
    node x = rows(&g, 4), m = mask(&g);
    same_hiding(
        &g,
        attention(&g,
                  op2(&g, IR_t_add, x,
                      op_slice(&g, convolved(&g, x, 4, 1, 3, 1), 2, number(0), number(4), 1)),
                  m, false),
        3);
}

static void refused(void **state) {
    const try_options o = {.seed = 1, .length = {9}};
    graph g = begin(); // shorter at the ends
    node y = op_conv(&g, op_swap(&g, rows(&g, 4), 1, 2), weights(&g, 6, 4, 3), NO_NODE, 1, 0, 0,
                     (count){1, 0, -2});
    expect(&g, y, &o, TRY_REFUSED, "it must have 2 of padding at least");
    g = begin(); // more padding than a window has rows
    y = op_conv(&g, op_swap(&g, rows(&g, 4), 1, 2), weights(&g, 6, 4, 3), NO_NODE, 1, 3, 1,
                (count){1, 0, 2});
    expect(&g, y, &o, TRY_REFUSED, "a convolution of 3 rows behind 3 of padding");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_of_rows), cmocka_unit_test(groups_of_channels),
        cmocka_unit_test(longer_and_back), cmocka_unit_test(hidden_rows_are_read),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
