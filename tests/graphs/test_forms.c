// Graphs that once went wrong in silence, and further forms of each: the program gives the graph's
// numbers, or a diagnostic says what cannot be had.
#include "tests/graphs/forms.h"

// ---- one column beside several ---------------------------------------------------------------

static void columns_repeat(void **state) {
    for (int width = 1; width < 12; width += 2) {
        graph g = begin();
        node x = rows(&g, width),
             one = op1(&g, IR_t_sigmoid, op_matmul(&g, x, matrix(&g, width, 1)));
        same(&g, op2(&g, IR_t_mul, x, one));
        g = begin(); // from the left, of a sum
        x = rows(&g, width);
        one = op_reduce(&g, x, "sum", 4, true);
        same(&g, op2(&g, IR_t_sub, one, x));
        g = begin(); // a gate
        x = rows(&g, width);
        one = op_matmul(&g, x, matrix(&g, width, 1));
        same(&g, op2(&g, IR_t_mul, op2(&g, IR_t_mul, one, op1(&g, IR_t_sigmoid, one)), x));
        g = begin(); // no axis of its own
        x = rows(&g, width);
        one = op_reduce(&g, x, "max", 4, false);
        same(&g, op2(&g, IR_t_div, x,
                     op2(&g, IR_t_add, op1(&g, IR_t_exp, op_unsqueeze(&g, one, 2)),
                         graph_scalar(&g, 1))));
    }
}

// ---- a constant divided ----------------------------------------------------------------------

static void constants_divide(void **state) {
    const try_options o = {.seed = 1, .length = {1, 9}, .tolerance = 1e-37}; // to the bit
    for (int i = 0; i < 3; i++) {
        graph g = begin();
        node x = rows(&g, 8);
        node c = i == 0   ? graph_scalar(&g, 3)
                 : i == 1 ? graph_const(&g, ELEM_f32, SHAPE(number(8)), FILL_RANDOM, 1)
                          : graph_const(&g, ELEM_f32, SHAPE(number(1)), FILL_EQUAL, 1);
        expect(&g, op2(&g, IR_t_div, c, x), &o, TRY_SAME, NULL);
    }
}

// ---- weighted means --------------------------------------------------------------------------

static node weighted(graph *g, node x, node w, double guard) {
    node sum = op_reduce(g, op2(g, IR_t_mul, x, w), "sum", 2, false);
    node n = op_reduce(g, w, "sum", 2, false);
    return op2(g, IR_t_div, sum, guard > 0 ? op_clip(g, n, guard, INFINITY) : n);
}

static void weighted_means(void **state) {
    static const double guards[] = {0, 1e-9, 1e-3, 1, 3};
    for (size_t i = 0; i < ARRAY_LEN(guards); i++) {
        graph g = begin(); // weights of a mask
        node x = rows(&g, 4), m = mask(&g);
        same_hiding(&g, weighted(&g, x, op_unsqueeze(&g, op_cast(&g, m, ELEM_f32), 2), guards[i]),
                    7);
        g = begin(); // half as much
        x = rows(&g, 4), m = mask(&g);
        node w =
            op2(&g, IR_t_mul, op_unsqueeze(&g, op_cast(&g, m, ELEM_f32), 2), graph_scalar(&g, 0.5));
        same_hiding(&g, weighted(&g, x, w, guards[i]), 8);
        if (guards[i] < 1e-3) continue;
        g = begin(); // any numbers
        x = rows(&g, 4);
        same(&g, weighted(&g, x, op_matmul(&g, x, matrix(&g, 4, 1)), guards[i]));
    }
}

// ---- padding ---------------------------------------------------------------------------------

static node mean_of(graph *g, node x, node m) {
    return weighted(g, x, op_unsqueeze(g, op_cast(g, m, ELEM_f32), 2), 1e-9);
}

static void padding_runs_where_it_is_read(void **state) {
    for (int64_t pad = -3; pad <= 3; pad += 6) {
        graph g = begin(); // a mask that the mean takes, and the attention does not
        node x = rows(&g, 4), m = mask(&g);
        same_hiding(&g, mean_of(&g, attention(&g, x, NO_NODE, false), m), pad);
        g = begin(); // one attention of two
        x = rows(&g, 4), m = mask(&g);
        same_hiding(&g, attention(&g, attention(&g, x, m, false), NO_NODE, false), pad);
        g = begin(); // all take it, but the mean is of all rows
        x = rows(&g, 4), m = mask(&g);
        same_hiding(&g, op_reduce(&g, attention(&g, x, m, false), "mean", 2, false), pad);
        g = begin(); // the largest
        x = rows(&g, 4), m = mask(&g);
        same_hiding(&g, op_reduce(&g, attention(&g, x, m, false), "max", 2, false), pad);
        g = begin(); // the last row
        x = rows(&g, 4), m = mask(&g);
        same_hiding(
            &g, op_slice(&g, attention(&g, x, m, false), 1, (count){1, 0, -1}, number(1), 1), pad);
        g = begin(); // the first row, beside positions that are given
        x = rows(&g, 4), m = mask(&g);
        node at = graph_input(&g, "position_ids", ELEM_i64, SHAPE(number(1), tokens(1)), 48);
        x = op2(&g, IR_t_add, x, op_gather(&g, matrix(&g, 48, 4), at, 0));
        same_hiding(&g, op_gather(&g, attention(&g, x, m, false), graph_int(&g, 0), 1), pad);
        g = begin(); // a stream
        x = rows(&g, 4), m = mask(&g);
        node y = attention(&g, x, NO_NODE, true);
        same_hiding(&g, op2(&g, IR_t_mul, y, op_unsqueeze(&g, op_cast(&g, m, ELEM_f32), 2)), pad);
        g = begin(); // and where nothing reads it
        x = rows(&g, 4), m = mask(&g);
        same_hiding(&g, mean_of(&g, attention(&g, x, m, true), m), pad);
    }
}

static void rows_that_see_nothing_are_not_read(void **state) {
    graph g = begin();
    node x = rows(&g, 4), m = mask(&g);
    node y = attention(&g, attention(&g, x, m, true), NO_NODE, true);
    refused_hiding(&g, y, -3, "hides the beginning of sequence 0");
    g = begin();
    x = rows(&g, 4), m = mask(&g);
    y = attention(&g, attention(&g, x, m, true), NO_NODE, true);
    same_hiding(&g, y, 3);
    g = begin();
    x = rows(&g, 4), m = mask(&g);
    same_hiding(&g, op_gather(&g, attention(&g, x, m, false), graph_int(&g, 0), 1), 3);
    g = begin();
    x = rows(&g, 4), m = mask(&g);
    y = op_gather(&g, attention(&g, x, m, true), graph_int(&g, 0), 1);
    refused_hiding(&g, y, -3, "hides the beginning of sequence 0");
    g = begin();
    x = rows(&g, 4), m = mask(&g);
    y = attention(&g, attention(&g, x, m, false), NO_NODE, false);
    refused_hiding(&g, y, 9, "hides all of sequence 0");
}

// ---- statistics along another axis -----------------------------------------------------------

static void statistics_astray(void **state) {
    static const char *const fns[] = {"mean", "l2", "sumsq", "l1", "min"};
    for (size_t i = 0; i < ARRAY_LEN(fns); i++)
        for (unsigned axis = 2; axis < 4; axis++) {
            graph g = begin();
            node x =
                op_reshape(&g, rows(&g, 64), SHAPE(number(1), tokens(1), number(8), number(8)));
            node s = op_reduce(&g, x, fns[i], 1u << axis, false);
            node y = op2(&g, IR_t_sub, x, op_unsqueeze(&g, s, axis == 2 ? 3 : 2));
            same(&g, op_reshape(&g, y, SHAPE(number(1), tokens(1), number(64))));
        }
}

// ---- chips -----------------------------------------------------------------------------------

// Weights of so many bits are off by half a step at most, and by more than nothing.
static void weights_of_fewer_bits(void **state) {
    for (int bits = 1; bits <= 8; bits++) {
        char set[64];
        snprintf(set, sizeof set, "crossbar.weight_bits=%d", bits);
        const double top = (1 << (bits - 1)) - 1;
        for (int exact = 0; exact < 2; exact++) {
            const try_options o = {.seed = 1,
                                   .length = {9},
                                   .chip = "ohmic-1",
                                   .set = set,
                                   .tolerance = exact ? 1e-3 : 8 / (2 * top) + 0.1};
            graph g = begin();
            node y = op_matmul(&g, rows(&g, 8), matrix(&g, 8, 8));
            expect(&g, y, &o, bits < 2 ? TRY_REFUSED : exact ? TRY_DIFFERS : TRY_SAME, NULL);
        }
    }
}

// So are rows, and to the bit what the interpreter makes of them: the input's, and what comes of a
// product, which tiles may make together.
static void rows_of_fewer_bits(void **state) {
    for (int bits = 0; bits <= 8; bits++) {
        char set[64];
        snprintf(set, sizeof set, "crossbar.input_bits=%d", bits);
        const double top = bits ? (1 << (bits - 1)) - 1 : 0;
        for (int exact = 0; exact < 2; exact++) {
            const try_options o = {.seed = 1,
                                   .length = {9},
                                   .chip = "ohmic-1",
                                   .set = set,
                                   .tolerance = exact ? 1e-3 : 8 / (2 * top) + 0.1};
            graph g = begin();
            node y = op_matmul(&g, rows(&g, 8), matrix(&g, 8, 8));
            expect(&g, y, &o,
                   bits < 2 ? TRY_REFUSED
                   : exact  ? TRY_DIFFERS
                            : TRY_SAME,
                   bits < 2 ? "crossbar." : NULL);
        }
        const try_options codes = {
            .seed = 1, .length = {9, 3}, .chip = "ideal-int8", .codes = true, .set = set};
        graph g = begin();
        node y = op_matmul(&g, op1(&g, IR_t_relu, op_matmul(&g, rows(&g, 8), matrix(&g, 8, 8))),
                           matrix(&g, 8, 8));
        const bool few = bits < 3; // signs, and 0
        expect(&g, y, &codes,
               bits < 2 ? TRY_REFUSED
               : few    ? TRY_COARSE
                        : TRY_SAME,
               bits < 2 ? "crossbar."
               : few    ? "do not hold it"
                        : NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_repeat),
        cmocka_unit_test(constants_divide),
        cmocka_unit_test(weighted_means),
        cmocka_unit_test(padding_runs_where_it_is_read),
        cmocka_unit_test(rows_that_see_nothing_are_not_read),
        cmocka_unit_test(statistics_astray),
        cmocka_unit_test(weights_of_fewer_bits),
        cmocka_unit_test(rows_of_fewer_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
