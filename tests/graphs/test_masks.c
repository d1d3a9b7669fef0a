// Masks of either polarity, and windows to both sides, against the graph itself.
#include "tests/graphs/forms.h"

// ---- 1 for what is hidden --------------------------------------------------------------------

static node turned_mask(graph *g, elem type) {
    return graph_input(g, "key_padding_mask", type, SHAPE(number(1), tokens(1)), 2);
}

// What it adds to scores; spelling: how it is made of the mask.
static node hiding(graph *g, int spelling) {
    node b;
    if (spelling == 0) { // torch's
        b = op_select(g, turned_mask(g, ELEM_bool), graph_scalar(g, -INFINITY), graph_scalar(g, 0));
    } else if (spelling == 1) {
        node f = op_cast(g, turned_mask(g, ELEM_i64), ELEM_f32);
        b = op2(g, IR_t_mul, f, graph_scalar(g, -1e9));
    } else {
        node shown =
            op2(g, IR_t_eq, turned_mask(g, ELEM_i32), op_cast(g, graph_int(g, 0), ELEM_i32));
        b = op_select(g, shown, graph_scalar(g, 0), graph_scalar(g, -65504));
    }
    return op_unsqueeze(g, op_unsqueeze(g, b, 1), 1);
}

static void masks_of_the_other_polarity(void **state) {
    for (int spelling = 0; spelling < 3; spelling++)
        for (int causal = 0; causal < 2; causal++)
            for (int64_t pad = -3; pad <= 3; pad += 3) {
                graph g = begin();
                node x = rows(&g, 4);
                same_hiding(&g, attention_with(&g, x, NO_NODE, hiding(&g, spelling), causal), pad);
            }
    graph g = begin(); // the first row is read, whether it is hidden or not
    node x = rows(&g, 4);
    x = attention_with(&g, x, NO_NODE, hiding(&g, 1), false);
    same_hiding(&g, op_gather(&g, x, graph_int(&g, 0), 1), -2);
    g = begin(); // hidden rows are read
    x = rows(&g, 4);
    x = attention_with(&g, x, NO_NODE, hiding(&g, 1), false);
    refused_hiding(&g, attention(&g, x, NO_NODE, false), 3, "has 1 for what it hides");
    g = begin(); // the mask is data, too
    x = rows(&g, 4);
    node m = turned_mask(&g, ELEM_i64), f = op_cast(&g, m, ELEM_f32),
         b = op_unsqueeze(&g, op_unsqueeze(&g, op2(&g, IR_t_mul, f, graph_scalar(&g, -1e9)), 1), 1);
    x = attention_with(&g, x, NO_NODE, b, false);
    refused_hiding(&g, op2(&g, IR_t_mul, x, op_unsqueeze(&g, f, 2)), 3, "is read otherwise");
}

// ---- windows to both sides -------------------------------------------------------------------

// Rows see `before` keys in front and `after` behind; spelling: how that is compared.
static node band(graph *g, int before, int after, int spelling) {
    node at = op_range(g, number(0), tokens(1)), q = op_unsqueeze(g, at, 1),
         k = op_unsqueeze(g, at, 0), seen;
    if (spelling == 0 && before == after) { // the distance
        node d =
            op1(g, IR_t_abs, op2(g, IR_t_sub, op_cast(g, q, ELEM_f32), op_cast(g, k, ELEM_f32)));
        seen = op2(g, IR_t_le, d, graph_scalar(g, before));
    } else if (spelling == 1) { // two bounds
        node low = op2(g, IR_t_ge, k, op2(g, IR_t_sub, q, graph_int(g, before))),
             high = op2(g, IR_t_le, k, op2(g, IR_t_add, q, graph_int(g, after)));
        seen = op2(g, IR_t_and, low, high);
    } else { // triangles
        node all = op_broadcast(g, graph_const(g, ELEM_bool, (shape){0}, FILL_EQUAL, 1),
                                SHAPE(tokens(1), tokens(1)));
        seen = op_trilu(g, op_trilu(g, all, after, false), -before, true);
    }
    return op_select(g, seen, graph_scalar(g, 0), graph_scalar(g, -1e9));
}

static void windows_to_both_sides(void **state) {
    for (int spelling = 0; spelling < 3; spelling++)
        for (int before = 1; before < 6; before += 2) {
            const int after = spelling ? before / 2 + 1 : before;
            graph g = begin();
            node x = rows(&g, 4);
            same(&g, attention_with(&g, x, NO_NODE, band(&g, before, after, spelling), false));
            for (int64_t pad = -3; pad <= 3; pad += 3) {
                g = begin();
                x = rows(&g, 4);
                node m = mask(&g);
                same_hiding(&g, attention_with(&g, x, m, band(&g, before, after, spelling), false),
                            pad);
            }
            g = begin(); // one in every second layer, as ModernBERT's
            x = rows(&g, 4);
            node m = mask(&g);
            x = attention_with(&g, x, m, NO_NODE, false);
            x = attention_with(&g, x, m, band(&g, before, after, spelling), false);
            same_hiding(&g, attention_with(&g, x, m, NO_NODE, false), 3);
        }
    graph g = begin(); // with a bias by distance
    node x = rows(&g, 4), at = op_range(&g, number(0), tokens(1)),
         d = op2(&g, IR_t_sub, op_cast(&g, op_unsqueeze(&g, at, 1), ELEM_f32),
                 op_cast(&g, op_unsqueeze(&g, at, 0), ELEM_f32));
    d = op2(&g, IR_t_mul, op1(&g, IR_t_abs, d), graph_scalar(&g, -0.25));
    same(&g, attention_with(&g, x, NO_NODE, op2(&g, IR_t_add, band(&g, 2, 3, 1), d), false));
    g = begin(); // rows that may see nothing are read
    x = rows(&g, 4);
    node m = mask(&g);
    x = attention_with(&g, x, m, band(&g, 1, 1, 0), false);
    refused_hiding(&g, op_reduce(&g, x, "max", 2, false), 3, "may show nothing");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_of_the_other_polarity),
        cmocka_unit_test(windows_to_both_sides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
