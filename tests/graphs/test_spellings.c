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

// ---- positions counted without padding -------------------------------------------------------

enum { IDS = 49, PAD = 49 }; // the harness draws no padding

static node embedded(graph *g, node *ids) {
    *ids = graph_input(g, "input_ids", ELEM_i64, SHAPE(number(1), tokens(1)), IDS);
    return op_gather(g, table(g, IDS + 1, 4), *ids, 0);
}

// Over ids that are no padding; spelling: the order of casts and products.
static node counted_ids(graph *g, node ids, int spelling) {
    node is = op1(g, IR_t_not, op2(g, IR_t_eq, ids, graph_int(g, PAD)));
    node one = op_cast(g, is, spelling == 1 ? ELEM_i64 : ELEM_i32);
    node sum = op_cumsum(g, one, 1);
    if (spelling == 2) sum = op2(g, IR_t_add, sum, op_cast(g, graph_int(g, 0), ELEM_i32));
    node at = op_cast(g, op2(g, IR_t_mul, sum, one), ELEM_i64);
    return op2(g, IR_t_add, at, graph_int(g, 1));
}

static void positions_of_ids(void **state) {
    for (int spelling = 0; spelling < 3; spelling++) {
        graph g = begin();
        node ids, x = embedded(&g, &ids);
        node p = op_gather(&g, table(&g, 66, 4), counted_ids(&g, ids, spelling), 0);
        same(&g, op2(&g, IR_t_add, x, p));
        g = begin(); // and a mask that hides padding behind
        x = embedded(&g, &ids);
        p = op_gather(&g, table(&g, 66, 4), counted_ids(&g, ids, spelling), 0);
        same_hiding(&g, attention(&g, op2(&g, IR_t_add, x, p), mask(&g), false), 3);
        g = begin(); // what is hidden in front is no padding here
        x = embedded(&g, &ids);
        p = op_gather(&g, table(&g, 66, 4), counted_ids(&g, ids, spelling), 0);
        refused_hiding(&g, attention(&g, op2(&g, IR_t_add, x, p), mask(&g), false), -3,
                       "so what is hidden in front must be that");
    }
}

// Over a mask; spelling: what its hidden tokens get.
static node counted_mask(graph *g, node m, int spelling) {
    node sum = op_cumsum(g, m, 1);
    if (spelling == 0) // OPT
        return op2(g, IR_t_add, op2(g, IR_t_mul, sum, m), graph_int(g, 1));
    node at = op2(g, IR_t_sub, sum, graph_int(g, 1));
    if (spelling == 1) return op2(g, IR_t_max, at, graph_int(g, 0));
    return op_select(g, op2(g, IR_t_eq, m, graph_int(g, 0)), graph_int(g, 1), at);
}

static void positions_of_a_mask(void **state) {
    for (int spelling = 0; spelling < 3; spelling++)
        for (int64_t pad = -3; pad <= 3; pad += 3)
            for (int causal = 0; causal < 2; causal++) {
                graph g = begin();
                node x = rows(&g, 4), m = mask(&g);
                node p = op_gather(&g, table(&g, 66, 4), counted_mask(&g, m, spelling), 0);
                same_hiding(&g, attention(&g, op2(&g, IR_t_add, x, p), m, causal), pad);
                g = begin(); // the mask is read for positions alone
                x = rows(&g, 4), m = mask(&g);
                p = op_gather(&g, table(&g, 66, 4), counted_mask(&g, m, spelling), 0);
                same_hiding(&g, op2(&g, IR_t_add, x, p), pad);
            }
    graph g = begin(); // padding is read all the same
    node x = rows(&g, 4), m = mask(&g);
    node p = op_gather(&g, table(&g, 66, 4), counted_mask(&g, m, 1), 0);
    refused_hiding(&g, attention(&g, op2(&g, IR_t_add, x, p), NO_NODE, false), 3,
                   "positions are counted over what it shows");
}

// ---- ALiBi counted over the mask -------------------------------------------------------------

// Slope times the number of the token among those that are shown; spelling: what hidden ones get.
static node counted_bias(graph *g, node m, int spelling) {
    node f = op_cast(g, m, ELEM_f32), sum = op_cumsum(g, f, 1);
    if (spelling == 0)
        sum = op2(g, IR_t_mul, op2(g, IR_t_sub, sum, graph_scalar(g, 1)), f); // BLOOM
    if (spelling == 1) sum = op2(g, IR_t_mul, sum, f);
    node b = op2(g, IR_t_mul, sum, graph_scalar(g, 0.25));
    return op_unsqueeze(g, op_unsqueeze(g, b, 1), 1);
}

static void biases_of_a_mask(void **state) {
    for (int spelling = 0; spelling < 3; spelling++)
        for (int64_t pad = -3; pad <= 3; pad += 3)
            for (int causal = 0; causal < 2; causal++) {
                graph g = begin();
                node x = rows(&g, 4), m = mask(&g);
                same_hiding(&g, attention_with(&g, x, m, counted_bias(&g, m, spelling), causal),
                            pad);
            }
    graph g = begin(); // a row that reads all: padding would run, which the bias counts
    node x = rows(&g, 4), m = mask(&g);
    x = attention_with(&g, x, m, counted_bias(&g, m, 0), false);
    refused_hiding(&g, attention(&g, x, NO_NODE, false), 3,
                   "positions are counted over what it shows");
}

// ---- masks of which only the ones are counted ------------------------------------------------

// What hides keys behind as many as the mask has ones; spelling: how they are compared.
static node counted_length(graph *g, node m, int spelling) {
    node n = op_reduce(g, m, "sum", 2, true), at = op_range(g, number(0), tokens(1)), shown;
    if (spelling == 0)
        shown = op2(g, IR_t_lt, at, n);
    else if (spelling == 1)
        shown = op2(g, IR_t_le, at, op2(g, IR_t_sub, n, graph_int(g, 1)));
    else
        shown = op2(g, IR_t_gt, op_cast(g, n, ELEM_f32), op_cast(g, at, ELEM_f32));
    node bias = op_select(g, shown, graph_scalar(g, 0), graph_scalar(g, -1e9));
    return op_unsqueeze(g, op_unsqueeze(g, bias, 1), 1);
}

static void lengths_of_a_mask(void **state) {
    for (int spelling = 0; spelling < 3; spelling++)
        for (int pooled = 0; pooled < 2; pooled++)
            for (int64_t pad = -3; pad <= 3; pad += 3) {
                graph g = begin();
                node x = rows(&g, 4);
                x = attention_with(&g, x, NO_NODE, counted_length(&g, mask(&g), spelling), false);
                if (pooled) x = op_gather(&g, x, graph_int(&g, 0), 1); // of the first token
                if (pad < 0)
                    refused_hiding(&g, x, pad, "the model only counts its ones");
                else
                    same_hiding(&g, x, pad);
            }
    graph g = begin(); // what is hidden behind is read all the same
    node x = rows(&g, 4);
    x = attention_with(&g, x, NO_NODE, counted_length(&g, mask(&g), 0), false);
    refused_hiding(&g, op_reduce(&g, x, "max", 2, false), 3,
                   "the export only counts what it shows");
}

// ---- a learned query -------------------------------------------------------------------------

// n learned queries of a head attend to all tokens; m: NO_NODE, no mask.
static node pooled(graph *g, node x, node m, int n, int heads) {
    node q = graph_const(g, ELEM_f32, SHAPE(number(1), number(heads), number(n), number(4)),
                         FILL_RANDOM, 2),
         part[2];
    for (int i = 0; i < 2; i++) {
        node p = op_matmul(g, x, matrix(g, 4, 4 * heads));
        p = op_reshape(g, p, SHAPE(number(1), tokens(1), number(heads), number(4)));
        part[i] = op_swap(g, p, 1, 2);
    }
    node s = op_matmul(g, q, op_swap(g, part[0], 2, 3));
    if (m >= 0) s = op2(g, IR_t_add, s, added_mask(g, m));
    node o = op_swap(g, op_matmul(g, op_softmax(g, s, 3), part[1]), 1, 2);
    return op_matmul(g, op_reshape(g, o, SHAPE(number(1), number(n), number(4 * heads))),
                     matrix(g, 4 * heads, 3));
}

static void learned_queries(void **state) {
    for (int heads = 1; heads < 3; heads++) {
        graph g = begin();
        same(&g, pooled(&g, rows(&g, 4), NO_NODE, 1, heads));
        for (int64_t pad = -3; pad <= 3; pad += 6) {
            g = begin();
            node x = rows(&g, 4), m = mask(&g);
            same_hiding(&g, pooled(&g, x, m, 1, heads), pad);
        }
    }
    graph g = begin();
    const try_options o = {.seed = 1, .length = {9}};
    expect(&g, pooled(&g, rows(&g, 4), NO_NODE, 2, 1), &o, TRY_REFUSED, "one is supported");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_by_position),  cmocka_unit_test(positions_of_ids),
        cmocka_unit_test(positions_of_a_mask), cmocka_unit_test(biases_of_a_mask),
        cmocka_unit_test(lengths_of_a_mask),   cmocka_unit_test(learned_queries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
