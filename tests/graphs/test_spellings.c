// Forms that exporters write: each in several spellings, as the graph itself has it at every
// length.
#include "tests/graphs/forms.h"

// ---- tables looked up by position ------------------------------------------------------------

static node table(graph *g, int rows, int width) {
    return graph_const(g, ELEM_f32, SHAPE(number(rows), number(width)), FILL_RANDOM, 1);
}

// x beside rows from `first` on of a table of n rows, however long it is.
static void looked_up(int n, int first, int64_t max_tokens) {
    for (int spelling = 0; spelling < (n > 60 ? 3 : 2); spelling++) {
        graph g = begin();
        g.max_tokens = max_tokens;
        node x = rows(&g, 4), t = table(&g, n, 4), p;
        if (spelling == 0) { // counted from there
            p = op_gather(&g, t, op_range(&g, number(first), (count){1, 0, first}), 0);
        } else if (spelling == 1) { // counted, then moved
            node at = op2(&g, IR_t_add, op_range(&g, number(0), tokens(1)), graph_int(&g, first));
            p = op_gather(&g, t, op_unsqueeze(&g, at, 0), 0);
        } else { // a part of the buffer, which importers make no longer than that
            p = op_slice(&g, t, 0, number(first), tokens(1), 1);
        }
        const try_options o = {.seed = 1, .length = {1, 2, 9}};
        expect(&g, op2(&g, IR_t_add, x, p), &o, TRY_SAME, NULL);
    }
}

static void tables_by_position(void **state) {
    looked_up(66, 2, 0); // the last row is the longest sequence's
    looked_up(66, 2, 40);
    looked_up(16, 0, 0); // shorter than the usual probes
    looked_up(19, 3, 0);
    graph g = begin();
    g.max_tokens = 65; // one more than there are
    node x = rows(&g, 4),
         p = op_gather(&g, table(&g, 66, 4), op_range(&g, number(2), (count){1, 0, 2}), 0);
    const try_options o = {.seed = 1, .length = {9}};
    expect(&g, op2(&g, IR_t_add, x, p), &o, TRY_REFUSED, "65 tokens exceed the 64 rows");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_by_position),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
