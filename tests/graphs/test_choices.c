// One-hot codes, softmax in pieces, arg-max, GatherND and outputs of constants, each in several
// spellings, against the graph itself.
#include "tests/graphs/forms.h"

enum { IDS = 7 };

static node ids_of(graph *g) {
    return graph_input(g, "input_ids", ELEM_i64, SHAPE(number(1), tokens(1)), IDS);
}

// ---- one-hot codes ---------------------------------------------------------------------------

static void one_hot_codes(void **state) {
    graph g = begin(); // a table
    same(&g, op_matmul(&g, op_onehot(&g, ids_of(&g), IDS), matrix(&g, IDS, 4)));
    g = begin(); // over tokens merged, as TensorFlow's
    node x = op_reshape(&g, ids_of(&g), SHAPE(tokens(1)));
    x = op_matmul(&g, op_onehot(&g, x, IDS), matrix(&g, IDS, 4));
    same(&g, op_reshape(&g, x, SHAPE(number(1), tokens(1), number(4))));
    g = begin(); // merged behind
    x = op_reshape(&g, op_onehot(&g, ids_of(&g), IDS), SHAPE(tokens(1), number(IDS)));
    same(&g, op_reshape(&g, op_matmul(&g, x, matrix(&g, IDS, 4)),
                        SHAPE(number(1), tokens(1), number(4))));
    g = begin(); // codes themselves
    same(&g, op2(&g, IR_t_mul, op_onehot(&g, op_cast(&g, ids_of(&g), ELEM_i32), IDS),
                 graph_scalar(&g, 3)));
    for (int product = 0; product < 2; product++) { // of a number that may lie behind the codes
        g = begin();
        x = op_onehot(&g, op_argmax(&g, rows(&g, 8), 2), 3);
        same(&g, product ? op_matmul(&g, x, matrix(&g, 3, 4)) : x);
    }
    const try_options o = {.seed = 1, .length = {9}};
    for (int spelling = 0; spelling < 3; spelling++) { // of which nothing says what it may be
        g = begin();
        x = spelling == 0   ? op_cast(&g, rows(&g, 1), ELEM_i64)
            : spelling == 1 ? op_cast(&g, op1(&g, IR_t_relu, rows(&g, 1)), ELEM_i64)
                            : op2(&g, IR_t_sub, op_argmax(&g, rows(&g, 8), 2), graph_int(&g, 1));
        if (spelling < 2) x = op_squeeze(&g, x, 2);
        expect(&g, op_matmul(&g, op_onehot(&g, x, 9), matrix(&g, 9, 4)), &o, TRY_REFUSED,
               "nothing says that it is 0 to 8");
    }
    g = begin(); // a table has no rows behind the last
    expect(&g, op_gather(&g, matrix(&g, 3, 4), op_argmax(&g, rows(&g, 8), 2), 0), &o, TRY_REFUSED,
           "looks up row 7 for certain inputs");
    g = begin(); // of a table with a bias
    x = op_matmul(&g, op_onehot(&g, ids_of(&g), IDS), matrix(&g, IDS, 4));
    same(&g, op2(&g, IR_t_add, x, graph_const(&g, ELEM_f32, SHAPE(number(4)), FILL_RANDOM, 1)));
}

// ---- softmax in pieces -----------------------------------------------------------------------

// p v, of scores s; spelling: how the probabilities are made.
static node mixed(graph *g, node s, node v, int spelling) {
    if (spelling == 3) s = op2(g, IR_t_max, s, graph_scalar(g, -65504)); // a floor, then as it is
    if (spelling == 4) s = op_clip(g, s, -3.4e38, INFINITY);
    if (spelling >= 3) return op_matmul(g, op_softmax(g, s, 3), v);
    node e =
        op1(g, IR_t_exp, spelling == 2 ? s : op2(g, IR_t_sub, s, op_reduce(g, s, "max", 8, true)));
    node sum = op_reduce(g, e, "sum", 8, true);
    if (spelling == 1) return op2(g, IR_t_div, op_matmul(g, e, v), sum); // divided last
    return op_matmul(g, op2(g, IR_t_div, e, sum), v);
}

static void softmax_in_pieces(void **state) {
    for (int spelling = 0; spelling < 5; spelling++)
        for (int masked = 0; masked < 2; masked++) {
            graph g = begin();
            node x = rows(&g, 4), part[3];
            for (int i = 0; i < 3; i++)
                part[i] = op_unsqueeze(&g, op_matmul(&g, x, matrix(&g, 4, 4)), 1);
            node s = op_matmul(&g, part[0], op_swap(&g, part[1], 2, 3));
            if (masked) s = op2(&g, IR_t_add, s, added_mask(&g, mask(&g)));
            node o = op_squeeze(&g, mixed(&g, s, part[2], spelling), 1);
            if (masked)
                same_hiding(&g, o, 3);
            else
                same(&g, o);
        }
    graph g = begin(); // over features
    node x = rows(&g, 6), e = op1(&g, IR_t_exp, x);
    same(&g, op2(&g, IR_t_div, e, op_reduce(&g, e, "sum", 4, true)));
}

// ---- arg-max ---------------------------------------------------------------------------------

static void indices_of_the_largest(void **state) {
    for (int width = 1; width < 40; width += 13) {
        graph g = begin();
        same(&g, op_argmax(&g, op_matmul(&g, rows(&g, 4), matrix(&g, 4, width)), 2));
        g = begin(); // as a number
        node at = op_argmax(&g, op_matmul(&g, rows(&g, 4), matrix(&g, 4, width)), 2);
        same(&g, op2(&g, IR_t_mul, op_cast(&g, at, ELEM_f32), graph_scalar(&g, 0.5)));
    }
    graph g = begin(); // of every head
    node x = op_reshape(&g, rows(&g, 12), SHAPE(number(1), tokens(1), number(3), number(4)));
    same(&g, op_argmax(&g, x, 3));
}

// Columns that are hidden are found once each, whatever hides them: 0, h, 2 h ... is added.
static void largest_few_of_hidden_columns(void **state) {
    static const double hides[] = {0, -1e9, -3.4e38, -1e300, 3.4e38};
    for (size_t i = 0; i < ARRAY_LEN(hides); i++)
        for (int result = 0; result < 2; result++)
            for (int as_input = 0; as_input < 2; as_input++) {
                graph g = begin();
                node x = as_input ? rows(&g, 5) : op_matmul(&g, rows(&g, 4), matrix(&g, 4, 5));
                node by = graph_const(&g, ELEM_f32, SHAPE(number(5)), FILL_RAMP, hides[i]);
                same(&g, op_topk(&g, op2(&g, IR_t_add, x, by), 4, result));
            }
}

// ---- a token's number, and the row of it -----------------------------------------------------

// The token of the largest id, of the last that is one; spelling: how its row is taken.
static node row_of(graph *g, node x, node at, int spelling) {
    if (spelling == 0) { // of one sequence
        x = op_gather(g, op_squeeze(g, x, 0), at, 0);
    } else if (spelling == 1) { // along the tokens
        x = op_squeeze(g, op_gather(g, x, at, 1), 1);
    } else { // x[arange(batch), i]
        node zero = graph_const(g, ELEM_i64, SHAPE(number(1), number(1)), FILL_EQUAL, 0),
             pair = op_concat(g, (node[]){zero, op_unsqueeze(g, at, 1)}, 2, 1);
        x = op_gather_nd(g, x, pair, SHAPE(number(1), number(4)));
    }
    return op_matmul(g, x, matrix(g, 4, 3));
}

static void rows_of_computed_numbers(void **state) {
    for (int spelling = 0; spelling < 3; spelling++) {
        graph g = begin(); // CLIP's
        node ids = ids_of(&g), x = op_gather(&g, matrix(&g, IDS, 4), ids, 0);
        same(&g, row_of(&g, attention(&g, x, NO_NODE, true), op_argmax(&g, ids, 1), spelling));
        g = begin(); // the first padding's neighbour, or the last of all: -1
        ids = ids_of(&g), x = op_gather(&g, matrix(&g, IDS, 4), ids, 0);
        node is = op2(&g, IR_t_sub, op_cast(&g, ids, ELEM_f32), graph_scalar(&g, 3));
        is = op2(&g, IR_t_min, op1(&g, IR_t_abs, is), graph_scalar(&g, 1));
        is = op_cast(&g, op2(&g, IR_t_sub, graph_scalar(&g, 1), is), ELEM_i32);
        node at = op_cast(&g, op_argmax(&g, is, 1), ELEM_f32);
        at = op_cast(&g, op2(&g, IR_t_sub, at, graph_scalar(&g, 1)), ELEM_i64);
        same(&g, row_of(&g, x, at, spelling));
        for (int64_t pad = 0; pad <= 3; pad += 3) { // the last that a mask shows
            g = begin();
            x = rows(&g, 4);
            node m = mask(&g);
            at = op2(&g, IR_t_sub, op_reduce(&g, m, "sum", 2, false), graph_int(&g, 1));
            same_hiding(&g, row_of(&g, attention(&g, x, m, true), at, spelling), pad);
        }
    }
    graph g = begin(); // beside rows of infinite numbers
    node table = graph_const(&g, ELEM_f32, SHAPE(number(IDS), number(4)), FILL_RAMP, 3e37),
         by = ids_of(&g), x = op_gather(&g, table, by, 0);
    same(&g, op_squeeze(&g, op_gather(&g, x, op_argmax(&g, by, 1), 1), 1));
    g = begin(); // of integers units compute nothing
    node ids = ids_of(&g);
    const try_options o = {.seed = 1, .length = {9}};
    expect(&g, op2(&g, IR_t_sub, ids, graph_int(&g, 3)), &o, TRY_REFUSED, "not with integers");
    g = begin(); // the number itself
    same(&g, op_argmax(&g, ids_of(&g), 1));
}

// Reductions over tokens are computed in f32: integers beyond it are refused, by the host where an
// input has them.
static void integers_beyond_f32(void **state) {
    const int64_t large = 1 << 24;
    const try_options o = {.seed = 1, .length = {9}};
    for (int spelling = 0; spelling < 3; spelling++)
        for (int fits = 0; fits < 2; fits++) {
            graph g = begin();
            const int64_t hi = spelling == 2 ? large / 48 : large;
            node n =
                graph_input(&g, "n", ELEM_i64, SHAPE(number(1), tokens(1)), fits ? hi : hi * 100);
            node y = spelling == 0   ? op_argmax(&g, n, 1)
                     : spelling == 1 ? op_reduce(&g, n, "max", 2, false)
                                     : op_reduce(&g, n, "sum", 2, false);
            expect(&g, y, &o, fits ? TRY_SAME : TRY_REFUSED, fits ? NULL : "outside [-");
        }
    graph g = begin(); // computed ones
    node n = op_cast(&g, op_reduce(&g, rows(&g, 4), "max", 4, false), ELEM_i64);
    expect(&g, op_reduce(&g, n, "sum", 2, false), &o, TRY_REFUSED, "may come to more than 2^24");
}

// ---- one row beside all ----------------------------------------------------------------------

static void one_row_beside_all(void **state) {
    static const ir_opcode codes[] = {IR_t_add, IR_t_sub, IR_t_mul, IR_t_max};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        for (int left = 0; left < 2; left++) {
            graph g = begin();
            node x = rows(&g, 4), mean = op_reduce(&g, x, "mean", 2, true);
            x = left ? op2(&g, codes[i], mean, x) : op2(&g, codes[i], x, mean);
            same(&g, op_matmul(&g, x, matrix(&g, 4, 3)));
            g = begin(); // one column of it
            x = rows(&g, 4);
            mean = op_reduce(&g, x, "max", 6, true);
            same(&g, left ? op2(&g, codes[i], mean, x) : op2(&g, codes[i], x, mean));
        }
    graph g = begin(); // a gate
    node x = rows(&g, 4), mean = op_reduce(&g, x, "mean", 2, true);
    same(&g, op2(&g, IR_t_mul, op2(&g, IR_t_mul, x, op1(&g, IR_t_sigmoid, x)), mean));
    g = begin(); // normalised over the tokens
    x = rows(&g, 4);
    node d = op2(&g, IR_t_sub, x, op_reduce(&g, x, "mean", 2, true)),
         v = op_reduce(&g, op2(&g, IR_t_mul, d, d), "mean", 2, true);
    v = op1(&g, IR_t_sqrt, op2(&g, IR_t_add, v, graph_scalar(&g, 1e-3)));
    const try_options o = {.seed = 1, .length = {2, 9}};
    expect(&g, op2(&g, IR_t_mul, d, op2(&g, IR_t_div, graph_scalar(&g, 1), v)), &o, TRY_SAME, NULL);
    g = begin(); // divided by a row: no unit does
    x = rows(&g, 4);
    mean = op_reduce(&g, x, "max", 2, true);
    expect(&g, op2(&g, IR_t_div, mean, x), &o, TRY_REFUSED, "one row is repeated only as");
}

// ---- GatherND by constants -------------------------------------------------------------------

static void gathers_of_places(void **state) {
    graph g = begin(); // one of the first axis
    node x = op_reshape(&g, rows(&g, 12), SHAPE(number(1), tokens(1), number(3), number(4)));
    x = op_swap(&g, x, 0, 2);
    node at = graph_const(&g, ELEM_i64, SHAPE(number(1), number(1)), FILL_EQUAL, -2);
    x = op_gather_nd(&g, x, at, SHAPE(number(1), tokens(1), number(1), number(4)));
    same(&g, op_squeeze(&g, x, 2));
    g = begin(); // several
    x = op_reshape(&g, rows(&g, 12), SHAPE(number(1), tokens(1), number(3), number(4)));
    x = op_swap(&g, x, 0, 2);
    at = op_reshape(&g, graph_list(&g, (int64_t[]){2, 0}, 2), SHAPE(number(2), number(1)));
    x = op_gather_nd(&g, x, at, SHAPE(number(2), tokens(1), number(1), number(4)));
    same(&g,
         op_reshape(&g, op_swap(&g, x, 0, 2), SHAPE(number(1), tokens(1), number(2), number(4))));
    g = begin(); // a place of two axes
    x = op_reshape(&g, rows(&g, 12), SHAPE(tokens(1), number(3), number(4)));
    x = op_swap(&g, x, 0, 1);
    x = op_swap(&g, x, 1, 2);
    at = op_reshape(&g, graph_list(&g, (int64_t[]){1, -1}, 2), SHAPE(number(1), number(2)));
    same(&g, op_gather_nd(&g, x, at, SHAPE(number(1), tokens(1))));
}

// ---- outputs of constants --------------------------------------------------------------------

static void constant_outputs(void **state) {
    const try_options o = {.seed = 1, .length = {1, 7, 9}},
                      all = {.seed = 1, .length = {1, 9}, .all = true};
    const shape two = SHAPE(number(2));
    for (int i = 0; i < 12; i++) {
        graph g = begin();
        const node x = rows(&g, 4), n = graph_count(&g, tokens(1));
        const node given[] = {
            matrix(&g, 5, 3),
            graph_scalar(&g, 2.5),
            graph_list(&g, (int64_t[]){INT32_MAX, (1 << 24) + 1, INT32_MIN}, 3),
            graph_const(&g, ELEM_f32, two, FILL_EQUAL, -INFINITY),
            op2(&g, IR_t_add, graph_int(&g, 3), graph_int(&g, 4)),
            graph_const(&g, ELEM_f64, SHAPE(number(1), number(2)), FILL_EQUAL, 0.5),
            // dropped, from here on
            graph_const(&g, ELEM_bool, two, FILL_EQUAL, 1),
            graph_const(&g, ELEM_u8, two, FILL_EQUAL, 250),
            graph_const(&g, ELEM_i64, two, FILL_EQUAL, 0x1p40),
            graph_const(&g, ELEM_f64, two, FILL_EQUAL, 1e300),
            op_cast(&g, op2(&g, IR_t_eq, n, graph_int(&g, 7)), ELEM_i64),
            op2(&g, IR_t_min, n, graph_int(&g, 5)),
        };
        assert_true(given[i] >= 0);
        graph_output(&g, "given", given[i]);
        expect(&g, op2(&g, IR_t_mul, x, graph_scalar(&g, 2)), i < 6 ? &all : &o, TRY_SAME, NULL);
    }
    graph g = begin(); // what counts tokens is no output
    node x = rows(&g, 4);
    graph_output(&g, "counted", op_range(&g, number(0), tokens(1)));
    expect(&g, op2(&g, IR_t_mul, x, graph_scalar(&g, 2)), &o, TRY_SAME, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_hot_codes),
        cmocka_unit_test(softmax_in_pieces),
        cmocka_unit_test(indices_of_the_largest),
        cmocka_unit_test(largest_few_of_hidden_columns),
        cmocka_unit_test(integers_beyond_f32),
        cmocka_unit_test(gathers_of_places),
        cmocka_unit_test(rows_of_computed_numbers),
        cmocka_unit_test(one_row_beside_all),
        cmocka_unit_test(constant_outputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
