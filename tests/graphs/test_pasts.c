// Attention that goes on behind a past: what once went wrong, and further forms of each.
#include "tests/graphs/graph.h"
#include "tests/graphs/try.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
// cmocka.h needs some of the above
#include <cmocka.h>

static graph begin(int64_t max_tokens) {
    return (graph){.a = arena_new(),
                   .r = random_test(7),
                   .max_tokens = max_tokens,
                   .max_chunk = 8,
                   .has_past = true};
}

static node matrix(graph *g, int k, int n) {
    return graph_const(g, ELEM_f32, SHAPE(number(k), number(n)), FILL_RANDOM, 1);
}

static node rows(graph *g, int width) {
    return graph_input(g, "x", ELEM_f32, SHAPE(number(1), tokens(1), number(width)), 0);
}

static const count PAST = {0, 1, 0}, ALL = {1, 1, 0};

static node mask(graph *g) {
    return graph_input(g, "attention_mask", ELEM_i64, SHAPE(number(1), ALL), 2);
}

// x [1, 1, T, 4] behind an input of such rows, as output too; turned: [1, T, 1, 4].
static node behind(graph *g, node x, const char *past, const char *present, bool turned) {
    const shape in = turned ? SHAPE(number(1), PAST, number(1), number(4))
                            : SHAPE(number(1), number(1), PAST, number(4));
    node p = graph_input(g, past, ELEM_f32, in, 0),
         all = op_concat(g, (node[]){p, turned ? op_swap(g, x, 1, 2) : x}, 2, turned ? 1 : 2);
    if (present) graph_output(g, present, all);
    return turned ? op_swap(g, all, 1, 2) : all;
}

typedef struct {
    bool bidirectional;
    bool key_turned, value_turned, presents;
    int window;
    bool rotated; // by counted positions
    node mask;    // NO_NODE: none
} form;

// x + f(x): halves of 2 turned by angles that the positions give.
static node rotated(graph *g, node x) {
    node at = op_unsqueeze(g, op_cast(g, op_range(g, PAST, ALL), ELEM_f32), 1),
         by = graph_const(g, ELEM_f32, SHAPE(number(1), number(2)), FILL_POSITIVE, 0.3),
         angle = op2(g, IR_t_mul, at, by), c = op1(g, IR_t_cos, angle), s = op1(g, IR_t_sin, angle),
         a = op_slice(g, x, 3, number(0), number(2), 1),
         b = op_slice(g, x, 3, number(2), number(2), 1);
    return op_concat(g,
                     (node[]){op2(g, IR_t_sub, op2(g, IR_t_mul, a, c), op2(g, IR_t_mul, b, s)),
                              op2(g, IR_t_add, op2(g, IR_t_mul, a, s), op2(g, IR_t_mul, b, c))},
                     2, 3);
}

static node attention(graph *g, node x, form f) {
    node part[3];
    for (int i = 0; i < 3; i++) part[i] = op_unsqueeze(g, op_matmul(g, x, matrix(g, 4, 4)), 1);
    for (int i = 0; f.rotated && i < 2; i++) part[i] = rotated(g, part[i]);
    part[1] = behind(g, part[1], "past_key_values.0.key", f.presents ? "present.0.key" : NULL,
                     f.key_turned);
    part[2] = behind(g, part[2], "past_key_values.0.value", f.presents ? "present.0.value" : NULL,
                     f.value_turned);
    node s = op_matmul(g, part[0], op_swap(g, part[1], 2, 3));
    if (!f.bidirectional) {
        node key = op_unsqueeze(g, op_range(g, number(0), ALL), 0),
             row = op_unsqueeze(g, op_range(g, PAST, ALL), 1), m = op2(g, IR_t_le, key, row);
        if (f.window)
            m = op2(g, IR_t_and, m,
                    op2(g, IR_t_gt, key, op2(g, IR_t_sub, row, graph_int(g, f.window))));
        s = op2(g, IR_t_add, s, op_select(g, m, graph_scalar(g, 0), graph_scalar(g, -1e9)));
    }
    if (f.mask >= 0) {
        node off = op2(g, IR_t_sub, graph_scalar(g, 1), op_cast(g, f.mask, ELEM_f32));
        s = op2(
            g, IR_t_add, s,
            op2(g, IR_t_mul, op_unsqueeze(g, op_unsqueeze(g, off, 1), 1), graph_scalar(g, -1e9)));
    }
    return op2(g, IR_t_add, x, op_squeeze(g, op_matmul(g, op_softmax(g, s, 3), part[2]), 1));
}

static void expect(graph *g, node y, const try_options *o, try_verdict v, const char *says) {
    graph_output(g, "y", y);
    graph_sweep(g);
    try_result t = graph_try(g, o);
    if (t.verdict != v || (says && !strstr(t.text, says))) {
        char *text = graph_text(g);
        print_message("%s%s: %s\n", text, try_name(t.verdict), t.text);
        free(text);
    }
    assert_int_equal(t.verdict, v);
    if (says) assert_non_null(strstr(t.text, says));
    graph_free(g);
}

// A beginning, what follows on it, and a past of other numbers, of which `hidden` in front.
static try_options steps(int64_t hidden) {
    return (try_options){.seed = 1,
                         .length = {6, 3, 2, 9},
                         .past = {0, TRY_FOLLOWS, TRY_FOLLOWS, 11},
                         .padding = {0, 0, 0, -hidden}};
}

static void steps_go_on(void **state) {
    for (int i = 0; i < 16; i++) {
        graph g = begin(i & 1 ? 24 : 64); // fewer than the probes have, or more
        const bool turned = i & 2;
        node x = rows(&g, 4);
        const form f = {.key_turned = turned,
                        .value_turned = turned,
                        .presents = !(i & 4),
                        .window = i & 4 ? 5 : 0,
                        .rotated = i & 8,
                        .mask = NO_NODE};
        const try_options o = steps(0);
        expect(&g, attention(&g, x, f), &o, TRY_SAME, NULL);
    }
}

static void hidden_pasts(void **state) {
    for (int i = 0; i < 8; i++) {
        graph g = begin(64);
        node x = rows(&g, 4);
        const form f = {
            .presents = !(i & 1), .window = i & 1 ? 9 : 0, .rotated = i & 2, .mask = mask(&g)};
        const try_options o = steps(i & 4 ? 4 : 10);
        expect(&g, attention(&g, x, f), &o, TRY_SAME, NULL);
    }
}

static void whole_sequences_have_no_past(void **state) {
    for (int i = 0; i < 3; i++) {
        graph g = begin(64);
        node x = rows(&g, 4),
             y = attention(&g, x, (form){.bidirectional = i == 0, .mask = NO_NODE});
        if (i == 1) y = op_reduce(&g, y, "mean", 2, false);
        if (i == 2) y = op_gather(&g, y, graph_int(&g, 0), 1);
        const try_options o = {.seed = 1, .length = {6, 3}, .past = {0, 4}};
        expect(&g, y, &o, TRY_REFUSED, "a past of 4 tokens cannot be gone on with");
        g = begin(64); // and without one it runs
        x = rows(&g, 4), y = attention(&g, x, (form){.bidirectional = i == 0, .mask = NO_NODE});
        if (i == 1) y = op_reduce(&g, y, "mean", 2, false);
        if (i == 2) y = op_gather(&g, y, graph_int(&g, 0), 1);
        const try_options none = {.seed = 1, .length = {6, 3}};
        expect(&g, y, &none, TRY_SAME, NULL);
    }
}

static void caches_have_one_order(void **state) {
    for (int i = 0; i < 4; i++) {
        graph g = begin(64);
        node x = rows(&g, 4);
        const form f = {
            .key_turned = i & 1, .value_turned = !(i & 1), .presents = i & 2, .mask = NO_NODE};
        const try_options o = steps(0);
        expect(&g, attention(&g, x, f), &o, TRY_REFUSED, "export both in one order");
    }
}

// x + softmax(q k) v of one matrix for all three; `past` NULL: of keys and values of their own.
static node alike(graph *g, node x, const char *past, const char *present_key,
                  const char *present_value) {
    node y = op_unsqueeze(g, op_matmul(g, x, matrix(g, 4, 4)), 1), part[2];
    for (int i = 0; i < 2; i++) {
        const char *name = past ? past : i ? "past_key_values.0.value" : "past_key_values.0.key";
        part[i] = past && i ? part[0] : behind(g, y, name, i ? present_value : present_key, false);
    }
    node key = op_unsqueeze(g, op_range(g, number(0), ALL), 0),
         row = op_unsqueeze(g, op_range(g, PAST, ALL), 1);
    node s = op_select(g, op2(g, IR_t_le, key, row), op_matmul(g, y, op_swap(g, part[0], 2, 3)),
                       graph_scalar(g, -1e9));
    return op2(g, IR_t_add, x, op_squeeze(g, op_matmul(g, op_softmax(g, s, 3), part[1]), 1));
}

// Keys and values that are computed alike go on behind a past each.
static void keys_are_values(void **state) {
    static const char *const key = "present.0.key", *const value = "present.0.value";
    const try_options o = steps(0);
    for (int i = 0; i < 2; i++) {
        graph g = begin(64);
        node x = rows(&g, 4);
        expect(&g, alike(&g, x, NULL, i ? key : NULL, i ? value : NULL), &o, TRY_SAME, NULL);
    }
    graph g = begin(64);
    node x = rows(&g, 4);
    expect(&g, alike(&g, x, "past", NULL, NULL), &o, TRY_REFUSED, "both its keys and its values");
    for (int i = 0; i < 2; i++) {
        g = begin(64), x = rows(&g, 4);
        expect(&g, alike(&g, x, NULL, i ? NULL : key, i ? value : NULL), &o, TRY_REFUSED,
               "export both or neither");
    }
}

// Two attentions of the same weights are one computation, and their pasts two.
static void attentions_are_alike(void **state) {
    const try_options o = steps(0);
    graph g = begin(64);
    node x = rows(&g, 4), w[3], y = x;
    for (int i = 0; i < 3; i++) w[i] = matrix(&g, 4, 4);
    node key = op_unsqueeze(&g, op_range(&g, number(0), ALL), 0),
         row = op_unsqueeze(&g, op_range(&g, PAST, ALL), 1), m = op2(&g, IR_t_le, key, row);
    static const char *const past[2][2] = {{"past_key_values.0.key", "past_key_values.0.value"},
                                           {"past_key_values.1.key", "past_key_values.1.value"}};
    for (int i = 0; i < 2; i++) {
        node part[3];
        for (int k = 0; k < 3; k++) part[k] = op_unsqueeze(&g, op_matmul(&g, x, w[k]), 1);
        for (int k = 0; k < 2; k++) part[k + 1] = behind(&g, part[k + 1], past[i][k], NULL, false);
        node s = op_select(&g, m, op_matmul(&g, part[0], op_swap(&g, part[1], 2, 3)),
                           graph_scalar(&g, -1e9));
        node z = op_squeeze(&g, op_matmul(&g, op_softmax(&g, s, 3), part[2]), 1);
        y = op2(&g, IR_t_add, y, i ? op2(&g, IR_t_mul, z, graph_scalar(&g, 2)) : z);
    }
    expect(&g, y, &o, TRY_REFUSED, "two attentions compute them alike");
}

// Attentions that read the same keys and values go on behind the same past.
static void caches_are_shared(void **state) {
    const try_options o = steps(0);
    for (int i = 0; i < 2; i++) {
        graph g = begin(64);
        node x = rows(&g, 4), y = x, part[2];
        for (int k = 0; k < 2; k++)
            part[k] = behind(&g, op_unsqueeze(&g, op_matmul(&g, x, matrix(&g, 4, 4)), 1),
                             k ? "past_key_values.0.value" : "past_key_values.0.key",
                             !i  ? NULL
                             : k ? "present.0.value"
                                 : "present.0.key",
                             false);
        node key = op_unsqueeze(&g, op_range(&g, number(0), ALL), 0),
             row = op_unsqueeze(&g, op_range(&g, PAST, ALL), 1), m = op2(&g, IR_t_le, key, row);
        for (int k = 0; k < 2; k++) {
            node q = op_unsqueeze(&g, op_matmul(&g, y, matrix(&g, 4, 4)), 1);
            node s = op_select(&g, m, op_matmul(&g, q, op_swap(&g, part[0], 2, 3)),
                               graph_scalar(&g, -1e9));
            y = op2(&g, IR_t_add, y,
                    op_squeeze(&g, op_matmul(&g, op_softmax(&g, s, 3), part[1]), 1));
        }
        expect(&g, y, &o, TRY_SAME, NULL);
    }
}

// Rows whose window shows nothing but padding have no meaning; where one is read, the model is
// refused.
static void windows_of_padding(void **state) {
    for (int i = 0; i < 3; i++) {
        graph g = begin(64);
        g.has_past = false;
        node x = rows(&g, 4),
             m = graph_input(&g, "attention_mask", ELEM_i64, SHAPE(number(1), tokens(1)), 2);
        node part[3];
        for (int k = 0; k < 3; k++) part[k] = op_matmul(&g, x, matrix(&g, 4, 4));
        node key = op_unsqueeze(&g, op_range(&g, number(0), tokens(1)), 0),
             row = op_unsqueeze(&g, op_range(&g, number(0), tokens(1)), 1);
        node near = op2(&g, IR_t_and, op2(&g, IR_t_le, key, row),
                        op2(&g, IR_t_gt, key, op2(&g, IR_t_sub, row, graph_int(&g, 2))));
        node shown = op2(&g, IR_t_and, near, op_unsqueeze(&g, op_cast(&g, m, ELEM_bool), 1));
        node s = op2(&g, IR_t_add, op_matmul(&g, part[0], op_swap(&g, part[1], 1, 2)),
                     op_select(&g, shown, graph_scalar(&g, 0), graph_scalar(&g, -1e9)));
        node y = op_matmul(&g, op_softmax(&g, s, 2), part[2]);
        const try_options o = {.seed = 1, .length = {9, 9}, .padding = {0, 4}};
        if (i == 0) expect(&g, y, &o, TRY_SAME, NULL);
        if (i == 1)
            expect(&g, op_reduce(&g, y, "sum", 2, false), &o, TRY_REFUSED,
                   "in rows whose window of 2 may show nothing");
        if (i == 2) { // weighed with the mask, they are not read
            node w = op_unsqueeze(&g, op_cast(&g, m, ELEM_f32), 2);
            expect(&g, op_reduce(&g, op2(&g, IR_t_mul, y, w), "sum", 2, false), &o, TRY_SAME, NULL);
        }
    }
}

// Positions that are an input, as numbers of several columns.
static void positions_are_columns(void **state) {
    for (int i = 0; i < 3; i++) {
        graph g = begin(64);
        g.has_past = false;
        node ids = graph_input(&g, "position_ids", ELEM_i64, SHAPE(number(1), tokens(1)), 64);
        node at = op_unsqueeze(&g, op_cast(&g, ids, ELEM_f32), 2);
        node by = graph_const(&g, ELEM_f32, SHAPE(number(1), number(3)), FILL_RANDOM, 0.1);
        node y = i == 0   ? op2(&g, IR_t_mul, at, by)
                 : i == 1 ? op_concat(&g, (node[]){at, op1(&g, IR_t_neg, at)}, 2, 2)
                          : op2(&g, IR_t_sub, op2(&g, IR_t_mul, by, at), at);
        const try_options o = {.seed = 1, .length = {1, 9}};
        expect(&g, y, &o, TRY_SAME, NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_go_on),
        cmocka_unit_test(hidden_pasts),
        cmocka_unit_test(whole_sequences_have_no_past),
        cmocka_unit_test(caches_have_one_order),
        cmocka_unit_test(keys_are_values),
        cmocka_unit_test(attentions_are_alike),
        cmocka_unit_test(caches_are_shared),
        cmocka_unit_test(windows_of_padding),
        cmocka_unit_test(positions_are_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
