// Attention of random models: causal, windowed, of all tokens, with rotated keys, biases by
// distance, padding and pasts, each in several spellings.
#include "tests/graphs/parts.h"
#include <math.h>
#include <string.h>

node input_named(const graph *g, const char *word) {
    for (size_t i = 0; i < g->nodes.count; i++)
        if (g->nodes.items[i].kind == NODE_INPUT && strstr(g->nodes.items[i].name, word))
            return (node)i;
    return NO_NODE;
}

node positions(graph *g) {
    node in = input_named(g, "position");
    return in >= 0 ? op_squeeze(g, in, 0) : op_range(g, before(g), keys(g));
}

static node floats(graph *g, node x, int axis) {
    return op_unsqueeze(g, op_cast(g, x, ELEM_f32), axis);
}

// ---- masks -----------------------------------------------------------------------------------

// What hides the future, and what is further back than a window (0: none), bool [T, K].
static node visible(graph *g, int window) {
    node m;
    if (!g->has_past && coin(g)) {
        node all = op_broadcast(g, graph_const(g, ELEM_bool, (shape){0}, FILL_EQUAL, 1),
                                SHAPE(tokens(1), tokens(1)));
        m = op_trilu(g, all, 0, false);
        if (!window) return m;
        node near = op_trilu(g, all, 1 - window, true);
        return either(g, IR_t_and, m, near);
    }
    node key = op_unsqueeze(g, op_range(g, number(0), keys(g)), 0),
         row = op_unsqueeze(g, op_range(g, before(g), keys(g)), 1);
    m = coin(g) ? op2(g, IR_t_le, key, row) : op2(g, IR_t_ge, row, key);
    if (!window) return m;
    node from = op2(g, IR_t_sub, row, graph_int(g, window));
    return either(g, IR_t_and, m, op2(g, IR_t_gt, key, from));
}

// The same as numbers added to scores.
static node causal_mask(graph *g, int window) {
    return op_select(g, visible(g, window), graph_scalar(g, 0),
                     graph_scalar(g, coin(g) ? -INFINITY : -1e9));
}

// The mask input as numbers added to scores; NO_NODE: the graph has none.
static node padding_mask(graph *g) {
    node m = input_named(g, "mask");
    if (m < 0) return NO_NODE;
    node hide = graph_scalar(g, coin(g) ? -1e9 : -3e38);
    m = op_unsqueeze(g, op_unsqueeze(g, m, 1), 1);
    if (coin(g)) {
        node off = op2(g, IR_t_sub, graph_scalar(g, 1), op_cast(g, m, ELEM_f32));
        return either(g, IR_t_mul, off, hide);
    }
    return op_select(g, op_cast(g, m, ELEM_bool), graph_scalar(g, 0), hide);
}

// A bias that falls with the distance: by the key alone, or by key and row. [h, 1 or T, K].
static node distance_bias(graph *g, int h) {
    node slope = graph_const(g, ELEM_f32, SHAPE(number(h), number(1), number(1)), FILL_POSITIVE,
                             ONE_OF(g, 1, 2) * 0.1);
    node key = op_cast(g, op_range(g, number(0), keys(g)), ELEM_f32);
    if (coin(g)) return either(g, IR_t_mul, slope, op_unsqueeze(g, op_unsqueeze(g, key, 0), 0));
    node row = floats(g, op_range(g, before(g), keys(g)), 1);
    node far = coin(g) ? op2(g, IR_t_sub, op_unsqueeze(g, key, 0), row)
                       : op1(g, IR_t_neg, op2(g, IR_t_sub, row, op_unsqueeze(g, key, 0)));
    return either(g, IR_t_mul, slope, op_unsqueeze(g, far, 0));
}

// ---- rotated queries and keys ----------------------------------------------------------------

typedef struct {
    int spelling, r; // of so many columns
    node cos, sin;   // [T, r/2] or [T, r]
} rotation;

static node of_positions(graph *g, node table) {
    return input_named(g, "position") < 0 && coin(g)
               ? op_slice(g, table, 0, before(g), tokens(1), 1)
               : op_gather(g, table, positions(g), 0);
}

static rotation a_rotation(graph *g, int d) {
    int r = d % 4 == 0 && below(g, 3) == 0 ? d / 2 : d;
    rotation o = {.spelling = below(g, 3), .r = r};
    if (coin(g)) { // by tables; halves that differ are no rotation, and yet a model
        int w = o.spelling == 0 && below(g, 4) == 0 ? r : r / 2;
        const shape s = SHAPE(number((int)g->max_tokens), number(w));
        o.cos = of_positions(g, graph_const(g, ELEM_f32, s, FILL_RANDOM, 1));
        o.sin = of_positions(g, graph_const(g, ELEM_f32, s, FILL_RANDOM, 1));
        return o;
    }
    node at = floats(g, positions(g), 1),
         by = graph_const(g, ELEM_f32, SHAPE(number(1), number(r / 2)), FILL_POSITIVE, 0.3);
    node angle = coin(g) ? op_matmul(g, at, by) : either(g, IR_t_mul, at, by);
    o.cos = op1(g, IR_t_cos, angle);
    o.sin = op1(g, IR_t_sin, angle);
    return o;
}

static node twice(graph *g, node x, int r) {
    return width_of(g, x) == r ? x : op_concat(g, (node[]){x, x}, 2, 1);
}

// x [1, H, T, d].
static node rotated(graph *g, const rotation *o, node x) {
    const shape s = *shape_of(g, x);
    const int d = last_of(g, x).c, r = o->r, half = r / 2;
    node rest = r < d ? op_slice(g, x, 3, number(r), number(d - r), 1) : NO_NODE, y;
    if (r < d) x = op_slice(g, x, 3, number(0), number(r), 1);
    node a = op_slice(g, x, 3, number(0), number(half), 1),
         b = op_slice(g, x, 3, number(half), number(half), 1);
    if (o->spelling == 0) {
        node turned = op_concat(g, (node[]){op1(g, IR_t_neg, b), a}, 2, 3);
        y = either(g, IR_t_add, either(g, IR_t_mul, x, twice(g, o->cos, r)),
                   either(g, IR_t_mul, turned, twice(g, o->sin, r)));
    } else {
        node c = o->cos, sn = o->sin;
        if (o->spelling == 2) { // neighbours
            shape pairs = s;
            pairs.dim[3] = number(half);
            pairs.dim[pairs.rank++] = number(2);
            node p = op_reshape(g, x, pairs);
            a = op_slice(g, p, 4, number(0), number(1), 1);
            b = op_slice(g, p, 4, number(1), number(1), 1);
            c = op_unsqueeze(g, c, 2), sn = op_unsqueeze(g, sn, 2);
        }
        node one = op2(g, IR_t_sub, either(g, IR_t_mul, a, c), either(g, IR_t_mul, b, sn)),
             two = either(g, IR_t_add, either(g, IR_t_mul, a, sn), either(g, IR_t_mul, b, c));
        y = op_concat(g, (node[]){one, two}, 2, o->spelling == 2 ? 4 : 3);
        if (o->spelling == 2) {
            shape flat = s;
            flat.dim[3] = number(r);
            y = op_reshape(g, y, flat);
        }
    }
    return rest >= 0 ? op_concat(g, (node[]){y, rest}, 2, 3) : y;
}

// ---- pasts -----------------------------------------------------------------------------------

// x [1, H, T, d] behind an input of such rows, or (turned) [1, T, H, d]; the whole is an output
// where `shown`.
static node behind_past(graph *g, node x, const char *what, bool turned, bool shown) {
    if (!g->has_past || x < 0) return x;
    const shape s = *shape_of(g, x);
    shape in = s;
    in.dim[turned ? 1 : 2] = before(g);
    if (turned) in.dim[2] = s.dim[1];
    node past = graph_input(g, arena_printf(g->a, "past_key_values.%d.%s", g->n_caches, what),
                            ELEM_f32, in, 0);
    node all = op_concat(g, (node[]){past, turned ? op_swap(g, x, 1, 2) : x}, 2, turned ? 1 : 2);
    if (shown) graph_output(g, arena_printf(g->a, "present.%d.%s", g->n_caches, what), all);
    return turned ? op_swap(g, all, 1, 2) : all;
}

// ---- the whole -------------------------------------------------------------------------------

static node split_heads(graph *g, node x, int h, int d) {
    node y = op_reshape(g, x, SHAPE(number(1), tokens(1), number(h), number(d)));
    return op_swap(g, y, 1, 2);
}

// Each key head for so many heads of queries.
static node repeated(graph *g, node x, int times) {
    if (times == 1 || x < 0) return x;
    shape s = *shape_of(g, x), wide, flat = s;
    node y = op_unsqueeze(g, x, 2);
    wide = *shape_of(g, y);
    wide.dim[2] = number(times);
    flat.dim[1] = number(s.dim[1].c * times);
    return op_reshape(g, op_broadcast(g, y, wide), flat);
}

node piece_attention(graph *g, node x) {
    enum { MAX_CACHES = 3 };
    if (g->n_caches == MAX_CACHES) return NO_NODE;
    const bool causal = g->is_causal;
    const int h = ONE_OF(g, 1, 1, 2, 4), hk = h > 1 && below(g, 3) == 0 ? h / 2 : h,
              d = ONE_OF(g, 1, 2, 3, 4, 8), dv = coin(g) ? d : ONE_OF(g, 1, 2, 8),
              window = causal && below(g, 6) == 0 ? ONE_OF(g, 1, 2, 5, 16) : 0;
    node q = split_heads(g, linear(g, x, h * d), h, d),
         k = split_heads(g, linear(g, x, hk * d), hk, d),
         v = split_heads(g, linear(g, x, hk * dv), hk, dv);
    if (below(g, 6) == 0) {
        q = op_norm(g, q, "rms", 1e-3, NO_NODE, NO_NODE);
        k = op_norm(g, k, "rms", 1e-3, NO_NODE, NO_NODE);
    }
    if (d % 2 == 0 && below(g, 3) == 0) {
        const rotation o = a_rotation(g, d);
        q = rotated(g, &o, q);
        k = rotated(g, &o, k);
    }
    const double scale = 1 / sqrt((double)d);
    const int how = below(g, 5);
    if (how == 0) q = either(g, IR_t_mul, q, graph_scalar(g, scale));
    if (g->has_past) { // what a window has dropped is no output
        const bool turned = coin(g), value = turned != (below(g, 32) == 0);
        k = behind_past(g, k, "key", turned, !window);
        v = behind_past(g, v, "value", value, !window);
        g->n_caches++;
    }
    k = repeated(g, k, h / hk);
    v = repeated(g, v, h / hk);
    node s = op_matmul(g, q, op_swap(g, k, 2, 3));
    if (how == 1) s = either(g, IR_t_mul, s, graph_scalar(g, scale));
    if (how == 2) s = op2(g, IR_t_div, s, graph_scalar(g, sqrt((double)d)));
    if (below(g, 5) == 0) s = either(g, IR_t_add, s, distance_bias(g, h));
    node padding = below(g, 4) ? padding_mask(g) : NO_NODE;
    if (causal) {
        node m = causal_mask(g, window);
        if (padding >= 0 && below(g, 4) == 0) { // one mask of both
            s = either(g, IR_t_add, s, either(g, IR_t_add, m, padding));
            padding = NO_NODE;
        } else {
            s = either(g, IR_t_add, s, m);
        }
    }
    if (padding >= 0) s = either(g, IR_t_add, s, padding);
    return as_rows(g, op_swap(g, op_matmul(g, op_softmax(g, s, 3), v), 1, 2));
}
