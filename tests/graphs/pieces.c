// Pieces of random models; see pieces.h. Each takes rows [1, T, W], gives such rows again, and
// draws how it is spelled. What a piece cannot do with these rows it leaves (NO_NODE).
#include "tests/graphs/pieces.h"
#include "tests/graphs/parts.h"
#include <math.h>
#include <string.h>

// ---- constants -------------------------------------------------------------------------------

static fill a_fill(graph *g) {
    static const fill fills[] = {FILL_EQUAL, FILL_EQUAL, FILL_RANDOM, FILL_RANDOM, FILL_POSITIVE};
    return fills[below(g, ARRAY_LEN(fills))];
}

// A constant that broadcasts against rows of w columns, or widens rows of one.
static node a_constant(graph *g, int w) {
    fill f = a_fill(g);
    double v = f == FILL_EQUAL ? a_number(g) : 1;
    switch (below(g, 6)) {
    case 0: return graph_const(g, ELEM_f32, (shape){0}, f, v);
    case 1: return graph_const(g, ELEM_f32, SHAPE(number(1)), f, v);
    case 2: return graph_const(g, ELEM_f32, SHAPE(number(1), number(1), number(w)), f, v);
    case 3: return graph_const(g, ELEM_f32, SHAPE(number(1), number(w)), f, v);
    default: return graph_const(g, ELEM_f32, SHAPE(number(w)), f, v);
    }
}

static node weights(graph *g, int k, int n) {
    return graph_const(g, ELEM_f32, SHAPE(number(k), number(n)),
                       below(g, 8) ? FILL_RANDOM : FILL_EQUAL, 2.0 / sqrt((double)k));
}

// ---- products --------------------------------------------------------------------------------

node linear(graph *g, node x, int n) {
    int k = width_of(g, x);
    bool bias = coin(g);
    node y;
    if (below(g, 4) == 0) {
        bool trans = coin(g);
        node w = trans ? weights(g, n, k) : weights(g, k, n);
        node b = bias ? graph_const(g, ELEM_f32, SHAPE(number(n)), a_fill(g), 0.5) : NO_NODE;
        node flat = op_reshape(g, x, SHAPE(tokens(1), number(k)));
        return op_reshape(g, op_linear(g, flat, w, b, trans),
                          SHAPE(number(1), tokens(1), number(n)));
    }
    node w = weights(g, k, n);
    if (below(g, 4) == 0) w = op_swap(g, weights(g, n, k), 0, 1);
    y = op_matmul(g, x, w);
    return bias ? either(g, IR_t_add, y, graph_const(g, ELEM_f32, SHAPE(number(n)), a_fill(g), 0.5))
                : y;
}

static node piece_linear(graph *g, node x) { return linear(g, x, a_width(g)); }

// ---- elementwise -----------------------------------------------------------------------------

static node activation(graph *g, node x) {
    node one = graph_scalar(g, 1), half = graph_scalar(g, 0.5);
    switch (below(g, 8)) {
    case 0: return op1(g, IR_t_relu, x);
    case 1: return op1(g, IR_t_tanh, x);
    case 2: return either(g, IR_t_mul, x, op1(g, IR_t_sigmoid, x));
    case 3: {
        node r = coin(g) ? op2(g, IR_t_div, x, graph_scalar(g, 1.41421356237))
                         : either(g, IR_t_mul, x, graph_scalar(g, 0.70710678118));
        node e = either(g, IR_t_add, op1(g, IR_t_erf, r), one);
        return coin(g) ? either(g, IR_t_mul, either(g, IR_t_mul, x, half), e)
                       : either(g, IR_t_mul, either(g, IR_t_mul, x, e), half);
    }
    case 4:
        return op2(g, IR_t_div, x, either(g, IR_t_add, op1(g, IR_t_exp, op1(g, IR_t_neg, x)), one));
    case 5: return op_clip(g, x, -0.5, coin(g) ? INFINITY : 0.75);
    case 6:
        return op2(g, IR_t_div, graph_scalar(g, a_number(g)),
                   either(g, IR_t_add, op1(g, IR_t_exp, x), one));
    default:
        return op1(
            g, ONE_OF(g, IR_t_abs, IR_t_sigmoid, IR_t_sin, IR_t_neg, IR_t_softplus, IR_t_erf), x);
    }
}

// With a constant on either side.
static node piece_constant(graph *g, node x) {
    int w = width_of(g, x);
    node c = a_constant(g, w > 1 && below(g, 4) ? w : w == 1 ? a_width(g) : w);
    ir_opcode code =
        (ir_opcode)ONE_OF(g, IR_t_add, IR_t_sub, IR_t_mul, IR_t_mul, IR_t_min, IR_t_max, IR_t_div);
    if (code != IR_t_div) return as_rows(g, either(g, code, x, c));
    node positive = either(g, IR_t_add, op1(g, IR_t_abs, x), graph_scalar(g, 0.5));
    node divisor = graph_const(g, ELEM_f32, SHAPE(number(w)), FILL_POSITIVE, 2);
    return coin(g) ? as_rows(g, op2(g, IR_t_div, c, positive)) : op2(g, IR_t_div, x, divisor);
}

// One number a row.
static node column(graph *g, node x) {
    switch (below(g, 4)) {
    case 0: return op_reduce(g, x, ONE_OF(g, 0, 1) ? "mean" : "sum", 4, true);
    case 1: return op1(g, IR_t_sigmoid, linear(g, x, 1));
    default: return linear(g, x, 1);
    }
}

// With one number a row, or with other rows.
static node piece_rows(graph *g, node x) {
    node y = coin(g) ? column(g, x) : linear(g, x, coin(g) ? 1 : width_of(g, x));
    if (below(g, 3) == 0) x = activation(g, x);
    ir_opcode code = (ir_opcode)ONE_OF(g, IR_t_add, IR_t_sub, IR_t_mul, IR_t_mul, IR_t_max);
    if (below(g, 6) == 0) {
        code = IR_t_div;
        y = either(g, IR_t_add, op1(g, IR_t_abs, y), graph_scalar(g, 0.5));
        return coin(g) ? op2(g, code, x, y)
                       : op2(g, code, y,
                             either(g, IR_t_add, op1(g, IR_t_abs, x), graph_scalar(g, 0.5)));
    }
    return either(g, code, x, y);
}

static node piece_activation(graph *g, node x) { return activation(g, x); }

// ---- norms, spelled out ----------------------------------------------------------------------

static node squared(graph *g, node x) {
    return coin(g) ? op2(g, IR_t_mul, x, x) : op2(g, IR_t_pow, x, graph_scalar(g, 2));
}

static node over_root(graph *g, node x, node variance) {
    node root = op1(g, IR_t_sqrt, either(g, IR_t_add, variance, graph_scalar(g, 1e-3)));
    switch (below(g, 3)) {
    case 0: return op2(g, IR_t_div, x, root);
    case 1: return either(g, IR_t_mul, x, op2(g, IR_t_div, graph_scalar(g, 1), root));
    default: return either(g, IR_t_mul, x, op1(g, IR_t_recip, root));
    }
}

// The statistic along one of the last two axes, which its reader meets along the same, or, astray,
// along the other.
static node statistic(graph *g, node x, const char *fn, int axis, bool astray) {
    if (!astray && coin(g)) return op_reduce(g, x, fn, 1u << axis, true);
    const int last = shape_of(g, x)->rank - 1;
    const int at = !astray ? axis : axis == last ? last - 1 : last;
    return op_unsqueeze(g, op_reduce(g, x, fn, 1u << axis, false), at);
}

static node piece_norm(graph *g, node x) {
    const bool astray = below(g, 3) == 0; // of as many features either way
    if (astray) x = linear(g, x, ONE_OF(g, 4, 9, 16, 64));
    int w = width_of(g, x), a = 1;
    for (int i = 2; i * i <= w; i++)
        if (w % i == 0) a = i;
    const bool split = a > 1 && (astray || coin(g));
    node y = split ? op_reshape(g, x, SHAPE(number(1), tokens(1), number(w / a), number(a))) : x;
    int rank = shape_of(g, y)->rank,
        axis = rank - 1 - (split && (astray ? coin(g) : below(g, 3) == 0));
    const char *fn = below(g, 6) ? "mean" : "sum";
    node c = y;
    if (coin(g)) c = op2(g, IR_t_sub, y, statistic(g, y, "mean", axis, astray && coin(g)));
    if (c < 0) return NO_NODE;
    switch (below(g, 4)) {
    case 0:
        c = op2(g, IR_t_div, c,
                op_clip(g, statistic(g, c, "l2", axis, astray && coin(g)), 1e-3, INFINITY));
        break;
    case 1:
        c = over_root(g, coin(g) ? c : y, statistic(g, squared(g, c), fn, axis, astray && coin(g)));
        break;
    default: c = over_root(g, c, statistic(g, squared(g, c), fn, axis, astray && coin(g))); break;
    }
    if (c < 0) return NO_NODE;
    if (coin(g)) c = either(g, IR_t_mul, c, a_constant(g, last_of(g, c).c));
    if (coin(g)) c = either(g, IR_t_add, c, a_constant(g, last_of(g, c).c));
    return as_rows(g, c);
}

static node piece_norm_node(graph *g, node x) {
    static const char *const modes[] = {"layer", "rms", "l2"};
    int w = width_of(g, x);
    const char *mode = modes[below(g, 3)];
    node gain = coin(g) ? graph_const(g, ELEM_f32, SHAPE(number(w)), a_fill(g), 1) : NO_NODE;
    node shift =
        gain >= 0 && coin(g) ? graph_const(g, ELEM_f32, SHAPE(number(w)), a_fill(g), 0.5) : NO_NODE;
    return op_norm(g, x, mode, 1e-3, gain, shift);
}

// ---- columns ---------------------------------------------------------------------------------

static node piece_columns(graph *g, node x) {
    int w = width_of(g, x);
    switch (below(g, 6)) {
    case 0: { // a part of the columns, every second, backwards
        int step = ONE_OF(g, 1, 1, 2, -1), from = step < 0 ? w - 1 : below(g, w);
        int most = step < 0 ? w : (w - from + step - 1) / step;
        return op_slice(g, x, 2, number(from), number(1 + below(g, most)), step);
    }
    case 1: { // halves changed over, one with the other sign
        if (w % 2) return NO_NODE;
        node a = op_slice(g, x, 2, number(0), number(w / 2), 1),
             b = op_slice(g, x, 2, number(w / 2), number(w / 2), 1);
        node in[2] = {coin(g) ? op1(g, IR_t_neg, b) : b, a};
        return op_concat(g, in, 2, 2);
    }
    case 2: { // columns by number
        int64_t list[MAX_LIST];
        int n = 1 + below(g, 6);
        for (int i = 0; i < n; i++) list[i] = below(g, w);
        return op_gather(g, x, graph_list(g, list, n), 2);
    }
    case 3: { // 8 x 8 turned over
        int a = 1;
        for (int i = 2; i * i <= w; i++)
            if (w % i == 0) a = i;
        node y = op_reshape(g, x, SHAPE(number(1), tokens(1), number(w / a), number(a)));
        return as_rows(g, op_swap(g, y, 2, 3));
    }
    case 4: { // beside itself
        node in[2] = {x, activation(g, x)};
        return w <= 32 ? op_concat(g, in, 2, 2) : NO_NODE;
    }
    default: { // a sum of a split axis, kept and spread again
        int a = w % 2 ? 1 : 2;
        node y = op_reshape(g, x, SHAPE(number(1), tokens(1), number(w / a), number(a)));
        node m = op_reduce(g, y, coin(g) ? "sum" : "max", 1u << (2 + below(g, 2)), true);
        return as_rows(g, either(g, IR_t_mul, y, m));
    }
    }
}

// ---- over tokens -----------------------------------------------------------------------------

// The weighted mean of all rows, guarded in one way or another; it ends a graph. [1, W].
static node pooled(graph *g, node x) {
    node m = g->has_past ? NO_NODE : input_named(g, "mask"), w;
    int how = below(g, 6);
    if (how == 0) return op_reduce(g, x, coin(g) ? "mean" : coin(g) ? "max" : "sum", 2, false);
    if (how == 1) { // one row
        if (coin(g)) return op_gather(g, x, graph_int(g, 0), 1);
        return op_squeeze(
            g, op_slice(g, x, 1, coin(g) ? number(0) : (count){1, 0, -1}, number(1), 1), 1);
    }
    if (m >= 0 && how < 4)
        w = op_unsqueeze(g, op_cast(g, m, ELEM_f32), 2);
    else if (how == 4)
        w = op1(g, IR_t_sigmoid, linear(g, x, 1));
    else
        w = linear(g, x, 1);
    if (below(g, 4) == 0) w = either(g, IR_t_mul, w, graph_scalar(g, coin(g) ? 1e-3 : 0.5));
    if (coin(g)) w = op_broadcast(g, w, *shape_of(g, x));
    node sum = op_reduce(g, either(g, IR_t_mul, x, w), "sum", 2, false),
         n = op_reduce(g, w, "sum", 2, false);
    switch (below(g, 4)) {
    case 0: n = op_clip(g, n, coin(g) ? 1e-9 : 2, INFINITY); break;
    case 1: n = either(g, IR_t_max, n, graph_scalar(g, 1e-3)); break;
    case 2: n = either(g, IR_t_add, n, graph_scalar(g, 1e-6)); break;
    default: break;
    }
    return op2(g, IR_t_div, sum, n);
}

// ---- the whole -------------------------------------------------------------------------------

typedef node (*piece)(graph *g, node x);
static const struct {
    piece make;
    int weight;
} pieces[] = {
    {piece_linear, 4}, {piece_constant, 6},  {piece_rows, 5},    {piece_activation, 4},
    {piece_norm, 5},   {piece_norm_node, 2}, {piece_columns, 4}, {piece_attention, 4},
};

static piece a_piece(graph *g) {
    int sum = 0;
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) sum += pieces[i].weight;
    int at = below(g, sum);
    size_t i = 0;
    while (at >= pieces[i].weight) at -= pieces[i++].weight;
    return pieces[i].make;
}

static node begin(graph *g) {
    int w = a_width(g);
    if (coin(g)) return graph_input(g, "x", ELEM_f32, SHAPE(number(1), tokens(1), number(w)), 0);
    int n = ONE_OF(g, 1, 5, 11);
    node ids = graph_input(g, "input_ids", ELEM_i64, SHAPE(number(1), tokens(1)), n);
    node x =
        op_gather(g, graph_const(g, ELEM_f32, SHAPE(number(n), number(w)), FILL_RANDOM, 1), ids, 0);
    if (below(g, 4) == 0) { // segments
        node kinds = graph_input(g, "token_type_ids", ELEM_i64, SHAPE(number(1), tokens(1)), 2);
        node table = graph_const(g, ELEM_f32, SHAPE(number(2), number(w)), FILL_RANDOM, 1);
        x = either(g, IR_t_add, x, op_gather(g, table, kinds, 0));
    }
    if (coin(g)) return x;
    node table =
        graph_const(g, ELEM_f32, SHAPE(number((int)g->max_tokens), number(w)), FILL_RANDOM, 1);
    node row = input_named(g, "position") < 0 && coin(g)
                   ? op_slice(g, table, 0, before(g), tokens(1), 1)
                   : op_gather(g, table, positions(g), 0);
    return either(g, IR_t_add, x, row);
}

graph graph_random(uint64_t seed) {
    graph g = {.a = arena_new(), .r = random_test(seed), .max_tokens = 48, .max_chunk = 8};
    g.is_causal = coin(&g);
    g.has_past = g.is_causal && coin(&g);
    if (coin(&g)) g.max_tokens = 64; // a past beside the probes' tokens
    if (below(&g, 4) == 0)
        graph_input(&g, "position_ids", ELEM_i64, SHAPE(number(1), tokens(1)), g.max_tokens);
    if (coin(&g)) {
        graph_input(&g, "attention_mask", ELEM_i64, SHAPE(number(1), keys(&g)), 2);
        g.has_mask = true;
    }
    node x = begin(&g), previous = x, y;
    graph_output(&g, "y", x);
    for (int n = 1 + below(&g, 5); n-- > 0;) {
        y = a_piece(&g)(&g, x);
        if (y < 0 || width_of(&g, y) > 128) continue;
        if (below(&g, 4) == 0 && same_shape(shape_of(&g, y), shape_of(&g, previous)))
            y = either(&g, IR_t_add, y, previous);
        previous = x;
        x = y;
    }
    y = below(&g, 3) == 0 ? pooled(&g, x) : NO_NODE;
    g.output[0] = y >= 0 ? y : x;
    graph_sweep(&g);
    g.has_past = input_named(&g, "past") >= 0;
    g.has_mask = input_named(&g, "mask") >= 0;
    return g;
}

// ---- reduction -------------------------------------------------------------------------------

static graph copy_of(const graph *g) {
    graph c = *g;
    c.a = arena_new();
    c.nodes = (__typeof__(c.nodes)){0};
    for (size_t i = 0; i < g->nodes.count; i++) vec_push(&c.nodes, g->nodes.items[i]);
    return c;
}

// Every reader of `from` reads `to`.
static void replace(graph *g, node from, node to) {
    for (size_t i = 0; i < g->nodes.count; i++)
        for (int k = 0; k < g->nodes.items[i].n; k++)
            if (g->nodes.items[i].in[k] == from) g->nodes.items[i].in[k] = to;
    for (int i = 0; i < g->n_outputs; i++)
        if (g->output[i] == from) g->output[i] = to;
}

static bool counts_tokens(const graph *g) {
    for (size_t i = 0; i < g->nodes.count; i++) {
        const graph_node *x = &g->nodes.items[i];
        for (int k = 0; x->kind == NODE_INPUT && k < x->is.rank; k++)
            if (x->is.dim[k].t) return true;
    }
    return false;
}

// A smaller graph without node `at`, which an operand of its shape or a constant stands for.
static bool smaller(graph *c, node at, int how) {
    const graph_node x = c->nodes.items[at];
    if (x.kind != NODE_OP) return false;
    if (how < x.n) {
        if (x.in[how] < 0 || !same_shape(shape_of(c, x.in[how]), &x.is) ||
            type_of(c, x.in[how]) != x.type)
            return false;
        replace(c, at, x.in[how]);
    } else if (how == MAX_OPERANDS && c->n_outputs > 1) { // no such output
        int i = 1;
        while (i < c->n_outputs && c->output[i] != at) i++;
        if (i == c->n_outputs) return false;
        c->n_outputs--;
        for (; i < c->n_outputs; i++) {
            c->output[i] = c->output[i + 1];
            c->output_name[i] = c->output_name[i + 1];
        }
    } else if (how == MAX_OPERANDS) { // the graph ends here
        if (c->output[0] == at || x.type != ELEM_f32) return false;
        c->output[0] = at;
    } else {
        return false;
    }
    graph_sweep(c);
    return counts_tokens(c);
}

graph graph_reduced(const graph *g, bool (*fails)(void *ctx, const graph *g), void *ctx) {
    graph best = copy_of(g);
    for (bool again = true; again;) {
        again = false;
        for (node at = 0; at < (node)best.nodes.count; at++)
            for (int how = 0; how <= MAX_OPERANDS && at < (node)best.nodes.count; how++) {
                graph c = copy_of(&best);
                size_t n = c.nodes.count;
                if (!smaller(&c, at, how) || c.nodes.count >= n || !fails(ctx, &c)) {
                    graph_free(&c);
                    continue;
                }
                graph_free(&best);
                best = c;
                again = true;
            }
    }
    return best;
}
