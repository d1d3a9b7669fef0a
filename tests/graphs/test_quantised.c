// Models that a quantiser has rounded (QDQ, QOperator), against what the import computes.
#include "tests/graphs/forms.h"

// x to codes of the type and back.
static node rounded(graph *g, node x, double scale, elem type, double zero) {
    const node s = graph_scalar(g, scale), z = graph_const(g, type, (shape){0}, FILL_EQUAL, zero);
    return op_dequantize(g, op_quantize(g, x, s, z), s, z);
}

// One head of 4 whose scores, mask and probabilities are codes on the way; `masked`: padding too.
static node attention_of_codes(graph *g, node x, bool masked, bool causal) {
    node part[3];
    for (int i = 0; i < 3; i++)
        part[i] = op_unsqueeze(
            g,
            op_matmul(g, x,
                      graph_const(g, ELEM_f32, SHAPE(number(4), number(4)), FILL_RANDOM, 0.1)),
            1);
    node s = rounded(g, op_matmul(g, part[0], op_swap(g, part[1], 2, 3)), 1e-3, ELEM_u8, 128);
    if (masked) { // (1 - m) * -3.4e38, of which a code is more than f32 holds
        node off = op2(g, IR_t_sub, graph_scalar(g, 1), op_cast(g, mask(g), ELEM_f32)),
             big = op_dequantize(g, graph_const(g, ELEM_i8, SHAPE(number(1)), FILL_EQUAL, -127),
                                 graph_scalar(g, 2.6793887e36),
                                 graph_const(g, ELEM_i8, (shape){0}, FILL_EQUAL, 0));
        node m = op2(g, IR_t_mul, op_unsqueeze(g, op_unsqueeze(g, off, 1), 1), big);
        s = op2(g, IR_t_add, s, rounded(g, m, 2.6793887e36, ELEM_i8, 0));
    }
    if (causal) {
        node key = op_unsqueeze(g, op_range(g, number(0), tokens(1)), 0),
             row = op_unsqueeze(g, op_range(g, number(0), tokens(1)), 1);
        s = op_select(g, op2(g, IR_t_le, key, row), s, graph_scalar(g, -1e4));
    }
    node p = rounded(g, op_softmax(g, s, 3), 1.0 / 255, ELEM_u8, 0);
    return op2(g, IR_t_add, x, op_squeeze(g, op_matmul(g, p, part[2]), 1));
}

static void attention_stays_real(void **state) {
    for (int i = 0; i < 4; i++) {
        graph g = begin();
        node y = attention_of_codes(&g, rows(&g, 4), i & 1, i & 2);
        if (i & 1)
            same_hiding(&g, y, 3);
        else
            same(&g, y);
    }
}

// A quantiser leaves an activation out where codes cut off the same: from 0 on, up to 1.
static void long_codes_cut_off(void **state) {
    static const struct {
        elem type;
        double scale, zero;
    } codes[] = {{ELEM_u16, 1e-5, 0}, {ELEM_i16, 1e-5, -32768}, {ELEM_i16, 3e-5, 0}};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        graph g = begin();
        node x = op_matmul(&g, rows(&g, 4), matrix(&g, 4, 4));
        x = rounded(&g, x, codes[i].scale, codes[i].type, codes[i].zero);
        same(&g, op_matmul(&g, x, matrix(&g, 4, 3)));
    }
}

// What is dropped is measured against the import: codes as coarse as values, scores beyond them.
static void lost_codes_are_warned_of(void **state) {
    const try_options o = {.seed = 1, .length = {9}};
    graph g = begin();
    expect(&g, rounded(&g, rows(&g, 4), 2, ELEM_u16, 32768), &o, TRY_COARSE,
           "its codes are coarse");
    g = begin();
    node x = rows(&g, 4), part[3];
    for (int i = 0; i < 3; i++) part[i] = op_unsqueeze(&g, op_matmul(&g, x, matrix(&g, 4, 4)), 1);
    const node s = op2(&g, IR_t_mul, op_matmul(&g, part[0], op_swap(&g, part[1], 2, 3)),
                       graph_scalar(&g, 10)),
               p = op_softmax(&g, rounded(&g, s, 1e-3, ELEM_i8, 0), 3);
    expect(&g, op_squeeze(&g, op_matmul(&g, p, part[2]), 1), &o, TRY_COARSE, "its codes saturate");
}

// Integer products, as QLinearMatMul is imported: scales multiplied, a column or one, with a bias.
static void integer_layers(void **state) {
    for (int i = 0; i < 4; i++) {
        graph g = begin();
        const node sx = graph_scalar(&g, 0.01),
                   zx = graph_const(&g, ELEM_u8, (shape){0}, FILL_EQUAL, 100),
                   zw = graph_const(&g, ELEM_i8, (shape){0}, FILL_EQUAL, i & 1 ? 3 : 0),
                   sw = graph_const(&g, ELEM_f32, i & 2 ? SHAPE(number(3)) : (shape){0},
                                    FILL_POSITIVE, 0.01),
                   w = graph_const(&g, ELEM_i8, SHAPE(number(4), number(3)), FILL_RANDOM, 100);
        node y = op_matmul_int(&g, op_quantize(&g, rows(&g, 4), sx, zx), w, zx, zw);
        if (i & 2)
            y = op2(&g, IR_t_add, y, graph_const(&g, ELEM_i32, SHAPE(number(3)), FILL_RANDOM, 500));
        same(&g, op2(&g, IR_t_mul, op_cast(&g, y, ELEM_f32), op2(&g, IR_t_mul, sx, sw)));
    }
}

// Codes of a matrix that is turned before it is read are made anew at every length.
static void turned_matrices(void **state) {
    for (int i = 0; i < 2; i++) {
        graph g = begin();
        node w = graph_const(&g, ELEM_i8, SHAPE(number(3), number(4)), FILL_RANDOM, 100),
             s = graph_scalar(&g, 0.01), z = graph_const(&g, ELEM_i8, (shape){0}, FILL_EQUAL, i);
        w = op_swap(&g, op_dequantize(&g, w, s, z), 0, 1);
        same(&g, op_matmul(&g, rows(&g, 4), w));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_stays_real),     cmocka_unit_test(long_codes_cut_off),
        cmocka_unit_test(lost_codes_are_warned_of), cmocka_unit_test(integer_layers),
        cmocka_unit_test(turned_matrices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
