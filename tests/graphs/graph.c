// Nodes of random models, and the functions they are; see graph.h.
#include "tests/graphs/graph.h"
#include "ir/text/text.h"
#include <math.h>
#include <string.h>

bool same_shape(const shape *a, const shape *b) {
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (!same_count(a->dim[i], b->dim[i])) return false;
    return true;
}

void graph_free(graph *g) {
    vec_free(&g->nodes);
    arena_free(g->a);
}

void graph_sweep(graph *g) {
    int n = (int)g->nodes.count, *to = base_calloc((size_t)n + 1, sizeof *to), kept = 0;
    for (int i = 0; i < g->n_outputs; i++) to[g->output[i]] = 1;
    for (int i = n; i-- > 0;) {
        const graph_node *x = &g->nodes.items[i];
        for (int k = 0; to[i] && k < x->n; k++)
            if (x->in[k] >= 0) to[x->in[k]] = 1;
    }
    for (int i = 0; i < n; i++) {
        if (!to[i]) continue;
        graph_node x = g->nodes.items[i];
        for (int k = 0; k < x.n; k++)
            if (x.in[k] >= 0) x.in[k] = to[x.in[k]];
        to[i] = kept;
        g->nodes.items[kept++] = x;
    }
    g->nodes.count = (size_t)kept;
    for (int i = 0; i < g->n_outputs; i++) g->output[i] = to[g->output[i]];
    free(to);
}

// ---- making ----------------------------------------------------------------------------------

static node add(graph *g, graph_node x) {
    vec_push(&g->nodes, x);
    return (node)g->nodes.count - 1;
}

static node add_op(graph *g, ir_opcode code, elem type, shape s, const node *in, int n,
                   const ir_attrs *attrs) {
    graph_node x = {.kind = NODE_OP, .code = code, .n = n, .type = type, .is = s};
    for (int i = 0; i < n; i++) x.in[i] = in[i];
    if (attrs) x.attrs = *attrs;
    return add(g, x);
}

node graph_input(graph *g, const char *name, elem type, shape s, int64_t hi) {
    return add(g, (graph_node){.kind = NODE_INPUT, .type = type, .is = s, .name = name, .hi = hi});
}

node graph_const(graph *g, elem type, shape s, fill f, double value) {
    return add(g, (graph_node){.kind = NODE_CONST,
                               .type = type,
                               .is = s,
                               .fill = f,
                               .value = value,
                               .seed = random_u32(&g->r)});
}

node graph_scalar(graph *g, double value) {
    return graph_const(g, ELEM_f32, (shape){0}, FILL_EQUAL, value);
}

node graph_int(graph *g, int64_t value) {
    return graph_const(g, ELEM_i64, (shape){0}, FILL_EQUAL, (double)value);
}

node graph_count(graph *g, count c) {
    node v = graph_const(g, ELEM_i64, (shape){0}, FILL_COUNT, 0);
    g->nodes.items[v].starts = SHAPE(c);
    return v;
}

node graph_list(graph *g, const int64_t *list, int n) {
    if (n > MAX_LIST) return NO_NODE;
    node v = graph_const(g, ELEM_i64, SHAPE(number(n)), FILL_LIST, 0);
    memcpy(g->nodes.items[v].list, list, sizeof *list * (size_t)n);
    return v;
}

void graph_output(graph *g, const char *name, node v) {
    if (v < 0 || g->n_outputs == MAX_OUTPUTS) return;
    g->output_name[g->n_outputs] = name;
    g->output[g->n_outputs++] = v;
}

node op1(graph *g, ir_opcode code, node x) {
    if (x < 0) return NO_NODE;
    return add_op(g, code, type_of(g, x), *shape_of(g, x), &x, 1, NULL);
}

// numpy broadcasting; false: they do not fit.
static bool join(const shape *a, const shape *b, shape *out) {
    *out = (shape){.rank = a->rank > b->rank ? a->rank : b->rank};
    for (int i = 1; i <= out->rank; i++) {
        count x = i <= a->rank ? a->dim[a->rank - i] : number(1);
        count y = i <= b->rank ? b->dim[b->rank - i] : number(1);
        if (!same_count(x, y) && !is_one(x) && !is_one(y)) return false;
        out->dim[out->rank - i] = is_one(x) ? y : x;
    }
    return true;
}

node op2(graph *g, ir_opcode code, node a, node b) {
    shape s;
    if (a < 0 || b < 0 || type_of(g, a) != type_of(g, b)) return NO_NODE;
    if (!join(shape_of(g, a), shape_of(g, b), &s)) return NO_NODE;
    bool compares =
        code == IR_t_eq || code == IR_t_lt || code == IR_t_le || code == IR_t_gt || code == IR_t_ge;
    return add_op(g, code, compares ? ELEM_bool : type_of(g, a), s, (node[]){a, b}, 2, NULL);
}

node op_select(graph *g, node c, node a, node b) {
    shape s, t;
    if (c < 0 || a < 0 || b < 0 || type_of(g, a) != type_of(g, b) || type_of(g, c) != ELEM_bool)
        return NO_NODE;
    if (!join(shape_of(g, a), shape_of(g, b), &s) || !join(&s, shape_of(g, c), &t)) return NO_NODE;
    return add_op(g, IR_t_select, type_of(g, a), t, (node[]){c, a, b}, 3, NULL);
}

node op_cast(graph *g, node x, elem to) {
    ir_attrs attrs = {0};
    if (x < 0) return NO_NODE;
    if (type_of(g, x) == to) return x;
    ir_attr_set_str(g->a, &attrs, IR_ATTR_to, elem_name(to));
    return add_op(g, IR_t_cast, to, *shape_of(g, x), &x, 1, &attrs);
}

node op_clip(graph *g, node x, double lo, double hi) {
    ir_attrs attrs = {0};
    if (x < 0) return NO_NODE;
    if (isfinite(lo)) ir_attr_set_float(g->a, &attrs, IR_ATTR_lo, lo);
    if (isfinite(hi)) ir_attr_set_float(g->a, &attrs, IR_ATTR_hi, hi);
    return add_op(g, IR_t_clip, type_of(g, x), *shape_of(g, x), &x, 1, &attrs);
}

node op_quantize(graph *g, node x, node scale, node zero) {
    ir_attrs attrs = {0};
    if (x < 0) return NO_NODE;
    ir_attr_set_str(g->a, &attrs, IR_ATTR_to, elem_name(type_of(g, zero)));
    return add_op(g, IR_t_quantize, type_of(g, zero), *shape_of(g, x), (node[]){x, scale, zero}, 3,
                  &attrs);
}

node op_dequantize(graph *g, node x, node scale, node zero) {
    if (x < 0) return NO_NODE;
    return add_op(g, IR_t_dequantize, ELEM_f32, *shape_of(g, x), (node[]){x, scale, zero}, 3, NULL);
}

node op_matmul_int(graph *g, node a, node b, node zero_a, node zero_b) {
    const node as_numbers = op_matmul(g, a, b);
    if (as_numbers < 0) return NO_NODE;
    return add_op(g, IR_t_matmul_int, ELEM_i32, *shape_of(g, as_numbers),
                  (node[]){a, b, zero_a, zero_b}, 4, NULL);
}

// All sizes multiplied; false: no multiple of one count.
static bool product(const shape *s, count *out) {
    *out = number(1);
    for (int i = 0; i < s->rank; i++) {
        count a = *out, b = s->dim[i];
        if (!is_number(a) && !is_number(b)) return false;
        int64_t by = is_number(a) ? a.c : b.c;
        count of = is_number(a) ? b : a;
        *out = (count){(int)(of.t * by), (int)(of.p * by), (int)(of.c * by)};
    }
    return true;
}

node op_reshape(graph *g, node x, shape s) {
    count a, b;
    if (x < 0 || same_shape(shape_of(g, x), &s)) return x;
    if (!product(shape_of(g, x), &a) || !product(&s, &b) || !same_count(a, b)) return NO_NODE;
    return add_op(g, IR_t_reshape, type_of(g, x), s, &x, 1, NULL);
}

node op_unsqueeze(graph *g, node x, int axis) {
    if (x < 0 || shape_of(g, x)->rank == IR_MAX_RANK || axis > shape_of(g, x)->rank) return NO_NODE;
    shape s = *shape_of(g, x);
    memmove(s.dim + axis + 1, s.dim + axis, sizeof *s.dim * (size_t)(s.rank - axis));
    s.dim[axis] = number(1);
    s.rank++;
    return add_op(g, IR_t_reshape, type_of(g, x), s, &x, 1, NULL);
}

node op_squeeze(graph *g, node x, int axis) {
    if (x < 0 || axis >= shape_of(g, x)->rank || !is_one(shape_of(g, x)->dim[axis])) return NO_NODE;
    shape s = *shape_of(g, x);
    memmove(s.dim + axis, s.dim + axis + 1, sizeof *s.dim * (size_t)(s.rank - axis - 1));
    s.rank--;
    return add_op(g, IR_t_reshape, type_of(g, x), s, &x, 1, NULL);
}

node op_transpose(graph *g, node x, const int *perm) {
    if (x < 0) return NO_NODE;
    const shape from = *shape_of(g, x);
    shape s = {.rank = from.rank};
    int64_t p[IR_MAX_RANK];
    for (int i = 0; i < s.rank; i++) {
        s.dim[i] = from.dim[perm[i]];
        p[i] = perm[i];
    }
    ir_attrs attrs = {0};
    ir_attr_set_ints(g->a, &attrs, IR_ATTR_perm, p, (size_t)s.rank);
    return add_op(g, IR_t_transpose, type_of(g, x), s, &x, 1, &attrs);
}

node op_swap(graph *g, node x, int a, int b) {
    int perm[IR_MAX_RANK];
    for (int i = 0; i < IR_MAX_RANK; i++) perm[i] = i == a ? b : i == b ? a : i;
    return op_transpose(g, x, perm);
}

node op_broadcast(graph *g, node x, shape s) {
    shape t;
    if (x < 0 || !join(shape_of(g, x), &s, &t) || !same_shape(&s, &t)) return NO_NODE;
    return add_op(g, IR_t_broadcast, type_of(g, x), s, &x, 1, NULL);
}

node op_reduce(graph *g, node x, const char *fn, unsigned axes, bool keep) {
    if (x < 0) return NO_NODE;
    const shape from = *shape_of(g, x);
    shape s = {0};
    int64_t list[IR_MAX_RANK];
    size_t n = 0;
    for (int i = 0; i < from.rank; i++) {
        bool in = axes >> i & 1;
        if (in) list[n++] = i;
        if (!in || keep) s.dim[s.rank++] = in ? number(1) : from.dim[i];
    }
    if (!n) return NO_NODE;
    ir_attrs attrs = {0};
    ir_attr_set_str(g->a, &attrs, IR_ATTR_fn, fn);
    ir_attr_set_ints(g->a, &attrs, IR_ATTR_axes, list, n);
    ir_attr_set_int(g->a, &attrs, IR_ATTR_keepdims, keep);
    return add_op(g, IR_t_reduce, type_of(g, x), s, &x, 1, &attrs);
}

static node along(graph *g, ir_opcode code, node x, int axis, const ir_attrs *more, elem type,
                  shape s) {
    if (x < 0 || axis < 0 || axis >= shape_of(g, x)->rank) return NO_NODE;
    ir_attrs attrs = {0};
    if (more) attrs = *more;
    ir_attr_set_int(g->a, &attrs, IR_ATTR_axis, axis);
    return add_op(g, code, type, s, &x, 1, &attrs);
}

node op_softmax(graph *g, node x, int axis) {
    if (x < 0) return NO_NODE;
    return along(g, IR_t_softmax, x, axis, NULL, type_of(g, x), *shape_of(g, x));
}

node op_cumsum(graph *g, node x, int axis) {
    if (x < 0) return NO_NODE;
    ir_attrs attrs = {0};
    ir_attr_set_int(g->a, &attrs, IR_ATTR_exclusive, 0);
    ir_attr_set_int(g->a, &attrs, IR_ATTR_reverse, 0);
    return along(g, IR_t_cumsum, x, axis, &attrs, type_of(g, x), *shape_of(g, x));
}

node op_argmax(graph *g, node x, int axis) {
    if (x < 0 || axis < 0 || axis >= shape_of(g, x)->rank) return NO_NODE;
    ir_attrs attrs = {0};
    ir_attr_set_int(g->a, &attrs, IR_ATTR_keepdims, 0);
    ir_attr_set_int(g->a, &attrs, IR_ATTR_last, 0);
    shape s = *shape_of(g, x);
    memmove(s.dim + axis, s.dim + axis + 1, sizeof *s.dim * (size_t)(s.rank - axis - 1));
    s.rank--;
    return along(g, IR_t_argmax, x, axis, &attrs, ELEM_i64, s);
}

node op_topk(graph *g, node x, int k, int result) {
    if (x < 0 || !shape_of(g, x)->rank) return NO_NODE;
    ir_attrs attrs = {0};
    ir_attr_set_int(g->a, &attrs, IR_ATTR_k, k);
    ir_attr_set_int(g->a, &attrs, IR_ATTR_largest, 1);
    ir_attr_set_int(g->a, &attrs, IR_ATTR_sorted, 1);
    shape s = *shape_of(g, x);
    s.dim[s.rank - 1] = number(k);
    node y = along(g, IR_t_topk, x, s.rank - 1, &attrs, result ? ELEM_i64 : type_of(g, x), s);
    g->nodes.items[y].result = result;
    return y;
}

node op_matmul(graph *g, node a, node b) {
    if (a < 0 || b < 0) return NO_NODE;
    shape x = *shape_of(g, a), y = *shape_of(g, b), s;
    if (x.rank < 2 || y.rank < 2 || !same_count(x.dim[x.rank - 1], y.dim[y.rank - 2]))
        return NO_NODE;
    count m = x.dim[x.rank - 1 - 1], n = y.dim[y.rank - 1];
    x.rank -= 2, y.rank -= 2;
    if (!join(&x, &y, &s)) return NO_NODE;
    s.dim[s.rank++] = m;
    s.dim[s.rank++] = n;
    return add_op(g, IR_t_matmul, ELEM_f32, s, (node[]){a, b}, 2, NULL);
}

node op_linear(graph *g, node x, node w, node bias, bool transposed) {
    if (x < 0 || w < 0 || shape_of(g, w)->rank != 2) return NO_NODE;
    const shape *m = shape_of(g, w);
    if (!same_count(last_of(g, x), m->dim[transposed])) return NO_NODE;
    shape s = *shape_of(g, x);
    s.dim[s.rank - 1] = m->dim[!transposed];
    ir_attrs attrs = {0};
    if (transposed) ir_attr_set_int(g->a, &attrs, IR_ATTR_trans_w, 1);
    return add_op(g, IR_nn_linear, ELEM_f32, s, (node[]){x, w, bias}, bias < 0 ? 2 : 3, &attrs);
}

node op_concat(graph *g, const node *x, int n, int axis) {
    for (int i = 0; i < n; i++)
        if (x[i] < 0 || type_of(g, x[i]) != type_of(g, x[0]) || axis >= shape_of(g, x[i])->rank ||
            shape_of(g, x[i])->rank != shape_of(g, x[0])->rank)
            return NO_NODE;
    shape s = *shape_of(g, x[0]);
    s.dim[axis] = number(0);
    for (int i = 0; i < n; i++) {
        shape t = *shape_of(g, x[i]);
        count c = t.dim[axis];
        t.dim[axis] = s.dim[axis];
        if (!same_shape(&s, &t)) return NO_NODE;
        s.dim[axis] = (count){s.dim[axis].t + c.t, s.dim[axis].p + c.p, s.dim[axis].c + c.c};
    }
    ir_attrs attrs = {0};
    ir_attr_set_int(g->a, &attrs, IR_ATTR_axis, axis);
    return add_op(g, IR_t_concat, type_of(g, x[0]), s, x, n, &attrs);
}

node op_slice(graph *g, node x, int axis, count from, count n, int step) {
    if (x < 0 || axis < 0 || axis >= shape_of(g, x)->rank) return NO_NODE;
    shape s = *shape_of(g, x);
    count whole = s.dim[axis];
    if (is_number(whole) && is_number(from) && is_number(n) &&
        (n.c < 1 || from.c + (n.c - 1) * step >= whole.c))
        return NO_NODE;
    s.dim[axis] = n;
    int64_t steps[IR_MAX_RANK];
    for (int i = 0; i < s.rank; i++) steps[i] = i == axis ? step : 1;
    ir_attrs attrs = {0};
    ir_attr_set_ints(g->a, &attrs, IR_ATTR_steps, steps, (size_t)s.rank);
    node v = add_op(g, IR_t_slice, type_of(g, x), s, &x, 1, &attrs);
    shape starts = {.rank = s.rank};
    starts.dim[axis] = from;
    g->nodes.items[v].starts = starts;
    return v;
}

node op_gather(graph *g, node x, node index, int axis) {
    if (x < 0 || index < 0 || axis >= shape_of(g, x)->rank) return NO_NODE;
    const shape *d = shape_of(g, x), *i = shape_of(g, index);
    if (d->rank + i->rank - 1 > IR_MAX_RANK) return NO_NODE;
    shape s = {0};
    for (int k = 0; k < d->rank; k++) {
        if (k != axis)
            s.dim[s.rank++] = d->dim[k];
        else
            for (int j = 0; j < i->rank; j++) s.dim[s.rank++] = i->dim[j];
    }
    ir_attrs attrs = {0};
    ir_attr_set_int(g->a, &attrs, IR_ATTR_axis, axis);
    return add_op(g, IR_t_gather, type_of(g, x), s, (node[]){x, index}, 2, &attrs);
}

node op_range(graph *g, count from, count until) {
    node in[] = {graph_count(g, from), graph_count(g, until), graph_int(g, 1)};
    count n = {until.t - from.t, until.p - from.p, until.c - from.c};
    return add_op(g, IR_t_range, ELEM_i64, SHAPE(n), in, 3, NULL);
}

node op_trilu(graph *g, node x, int64_t k, bool upper) {
    if (x < 0 || shape_of(g, x)->rank < 2) return NO_NODE;
    ir_attrs attrs = {0};
    ir_attr_set_int(g->a, &attrs, IR_ATTR_k, k);
    ir_attr_set_int(g->a, &attrs, IR_ATTR_upper, upper);
    return add_op(g, IR_t_trilu, type_of(g, x), *shape_of(g, x), &x, 1, &attrs);
}

node op_conv(graph *g, node x, node w, node bias, int stride, int pad, int behind, count length) {
    if (x < 0 || w < 0 || shape_of(g, x)->rank != 3) return NO_NODE;
    ir_attrs attrs = {0};
    const int64_t strides[] = {stride}, pads[] = {pad, behind}, one[] = {1};
    const int groups = last_of(g, op_swap(g, x, 1, 2)).c / shape_of(g, w)->dim[1].c;
    ir_attr_set_ints(g->a, &attrs, IR_ATTR_strides, strides, 1);
    ir_attr_set_ints(g->a, &attrs, IR_ATTR_pads, pads, 2);
    ir_attr_set_ints(g->a, &attrs, IR_ATTR_dilations, one, 1);
    ir_attr_set_int(g->a, &attrs, IR_ATTR_groups, groups);
    const shape s = SHAPE(shape_of(g, x)->dim[0], shape_of(g, w)->dim[0], length);
    const node in[] = {x, w, bias};
    return add_op(g, IR_t_conv, ELEM_f32, s, in, bias < 0 ? 2 : 3, &attrs);
}

node op_onehot(graph *g, node ids, int depth) {
    if (ids < 0 || shape_of(g, ids)->rank == IR_MAX_RANK) return NO_NODE;
    shape s = *shape_of(g, ids);
    s.dim[s.rank++] = number(depth);
    ir_attrs attrs = {0};
    ir_attr_set_int(g->a, &attrs, IR_ATTR_axis, s.rank - 1);
    const node in[] = {ids, graph_const(g, ELEM_f32, SHAPE(number(2)), FILL_RAMP, 1)};
    return add_op(g, IR_t_onehot, ELEM_f32, s, in, 2, &attrs);
}

node op_gather_nd(graph *g, node x, node index, shape s) {
    ir_attrs attrs = {0};
    if (x < 0 || index < 0) return NO_NODE;
    ir_attr_set_int(g->a, &attrs, IR_ATTR_batch_dims, 0);
    return add_op(g, IR_t_gather_nd, type_of(g, x), s, (node[]){x, index}, 2, &attrs);
}

node op_norm(graph *g, node x, const char *mode, double eps, node gain, node shift) {
    if (x < 0) return NO_NODE;
    ir_attrs attrs = {0};
    ir_attr_set_str(g->a, &attrs, IR_ATTR_mode, mode);
    ir_attr_set_float(g->a, &attrs, IR_ATTR_eps, eps);
    return add_op(g, IR_nn_norm, ELEM_f32, *shape_of(g, x), (node[]){x, gain, shift},
                  shift >= 0  ? 3
                  : gain >= 0 ? 2
                              : 1,
                  &attrs);
}

// ---- as a function ---------------------------------------------------------------------------

static ir_type type_at(const graph_node *x, int64_t tokens, int64_t past) {
    ir_type t = {.type = x->type, .rank = x->is.rank};
    for (int i = 0; i < t.rank; i++) t.dim[i] = count_at(x->is.dim[i], tokens, past);
    return t;
}

static tensor fill_in(const graph_node *x, const ir_type *t, int64_t tokens, int64_t past,
                      double shake, arena *a) {
    tensor out = tensor_new(a, t->type, t->rank, t->dim);
    random_stream r = random_test(x->seed), draws = random_test(x->seed + 1);
    for (size_t i = 0, n = tensor_count(&out); i < n; i++) {
        double v = x->value;
        switch (x->fill) {
        case FILL_EQUAL: break;
        case FILL_RANDOM: v *= random_float(&r); break;
        case FILL_POSITIVE: v *= 0.5 + random_f64(&r); break;
        case FILL_BITS: v = (double)random_below(&r, 2); break;
        case FILL_COUNT: v = (double)count_at(x->starts.dim[0], tokens, past); break;
        case FILL_RAMP: v *= (double)i; break;
        case FILL_LIST: v = (double)x->list[i]; break;
        }
        if (x->fill == FILL_RANDOM || x->fill == FILL_POSITIVE)
            v *= 1 + shake * random_float(&draws);
        elem_store_f64(t->type, out.data, i, v);
    }
    return out;
}

// One symbol a constant, whatever the length; a count's has as many as there are functions.
static ir_val build_const(const graph_node *x, int number, const ir_type *t, int64_t tokens,
                          int64_t past, double shake, ir_module *m, ir_func *f) {
    const char *name = x->fill == FILL_COUNT ? arena_printf(m->arena, "c%d.%s", number, f->name)
                                             : arena_printf(m->arena, "c%d", number);
    const ir_symbol *s = ir_symbol_find(m, name);
    if (!s) s = ir_symbol_add_tensor(m, name, fill_in(x, t, tokens, past, shake, m->arena));
    ir_attrs attrs = {0};
    ir_attr_set_str(m->arena, &attrs, IR_ATTR_value, s->name);
    return ir_build_typed(m, f, IR_t_const, NULL, 0, &attrs, t, NULL);
}

static ir_val build_op(const graph_node *x, int number, const ir_val *in, const ir_type *t,
                       int64_t tokens, int64_t past, ir_module *m, ir_func *f, diag_sink *diags) {
    ir_attrs attrs = x->attrs;
    if (x->code == IR_t_slice) {
        int64_t starts[IR_MAX_RANK];
        for (int i = 0; i < t->rank; i++) starts[i] = count_at(x->starts.dim[i], tokens, past);
        attrs = ir_attrs_copy(m->arena, &x->attrs);
        ir_attr_set_ints(m->arena, &attrs, IR_ATTR_starts, starts, (size_t)t->rank);
    }
    bool typed = x->code == IR_t_reshape || x->code == IR_t_broadcast || x->code == IR_t_slice ||
                 x->code == IR_t_onehot || x->code == IR_t_range;
    ir_val v = typed ? ir_build_typed(m, f, x->code, in, (size_t)x->n, &attrs, t, NULL)
                     : ir_build(m, f, x->code, in, (size_t)x->n, &attrs, NULL, diags);
    if (v == IR_NONE) return v;
    v = ir_last_op(f)->result[x->result];
    CHECK(ir_type_equal(ir_type_of(f, v), t), "node %d: %s is %s, not %s", number,
          ir_ops[x->code].name, ir_type_text(m->arena, ir_type_of(f, v)),
          ir_type_text(m->arena, t));
    ir_op_add_loc(m->arena, ir_last_op(f),
                  arena_printf(m->arena, "/%d/%s", number, ir_ops[x->code].base));
    return v;
}

bool graph_build(const graph *g, int64_t tokens, int64_t past, double shake, ir_module *m,
                 const char *name, diag_sink *diags) {
    ir_func *f = ir_func_add(m, name);
    ir_val *v = base_calloc(g->nodes.count + 1, sizeof *v);
    bool ok = true;
    for (size_t i = 0; i < g->nodes.count; i++) {
        const graph_node *x = &g->nodes.items[i];
        ir_type t = type_at(x, tokens, past);
        if (x->kind == NODE_INPUT) v[i] = ir_param_add(m, f, x->name, t);
    }
    for (size_t i = 0; ok && i < g->nodes.count; i++) {
        const graph_node *x = &g->nodes.items[i];
        ir_type t = type_at(x, tokens, past);
        ir_val in[MAX_OPERANDS];
        for (int k = 0; k < x->n; k++) in[k] = x->in[k] < 0 ? IR_NONE : v[x->in[k]];
        if (x->kind == NODE_CONST)
            v[i] = build_const(x, (int)i, &t, tokens, past, shake, m, f);
        else if (x->kind == NODE_OP)
            v[i] = build_op(x, (int)i, in, &t, tokens, past, m, f, diags);
        ok = v[i] != IR_NONE;
    }
    for (int i = 0; ok && i < g->n_outputs; i++)
        ir_result_add(m, f, g->output_name[i], v[g->output[i]]);
    free(v);
    return ok;
}

char *graph_text(const graph *g) {
    ir_module *m = ir_module_new();
    diag_sink *d = diag_sink_new();
    char *s = graph_build(g, 3, 0, 0, m, "graph", d) ? ir_print_string(m) : strdup("(no graph)");
    diag_sink_free(d);
    ir_module_free(m);
    return s;
}
