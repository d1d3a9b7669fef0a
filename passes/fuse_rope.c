// Rotary positions. A rotation is recognised by what it does, not by how it is spelled: slices,
// splits, negations, concatenations, pair reshapes and gathers between x and its rotated copy are
// evaluated on numbered elements, and the permutation they perform is read off.
//
//   whole form   y = x*c + r(x)*s       c, s [.., d], r a signed permutation of the last axis
//   pair form    y0 = a*c - b*s, y1 = a*s + b*c, joined;  a, b the two halves of x, c, s [.., d/2]
//
// half: pairs (i, i + d/2); interleaved: pairs (2i, 2i+1). Tables come out as [T, d/2]: constants,
// or what the graph computes from position inputs.
#include "ir/interp.h"
#include "passes/fuse.h"
#include <string.h>

typedef enum { ROPE_NONE, ROPE_HALF, ROPE_INTERLEAVED } rope_mode;

// ---- movements -------------------------------------------------------------------------------

#define MAX_MOVES 24
#define LEAF_STRIDE (1 << 22) // element numbers of different leaves; all exact in f32

// Operations from `root` back to its leaves, results before users reversed.
typedef struct {
    const emitter *e;
    ir_val root, leaf[2];
    int n_leaves;
    ir_val move[MAX_MOVES]; // in program order once collected
    int n_moves;
} movement;

static bool is_sign(const emitter *e, ir_val v) {
    const tensor *t = emit_const_of(e, v);
    if (!t || tensor_count(t) == 0 || tensor_count(t) > 4096) return false;
    for (size_t i = 0, n = tensor_count(t); i < n; i++) {
        double x = elem_load_f64(t->type, t->data, i);
        if (x != 1 && x != -1) return false;
    }
    return true;
}

static bool moves(const emitter *e, const ir_op *op) {
    switch (op->code) {
    case IR_t_neg:
    case IR_t_slice:
    case IR_t_concat:
    case IR_t_reshape:
    case IR_t_transpose: return true;
    case IR_t_gather: return emit_const_of(e, op->operand[1]) != NULL;
    case IR_t_mul: return is_sign(e, op->operand[1]);
    default: return false;
    }
}

static bool is_leaf(const movement *w, ir_val v) {
    for (int i = 0; i < w->n_leaves; i++)
        if (w->leaf[i] == v) return true;
    return false;
}

static bool collect(movement *w, ir_val v) {
    if (is_leaf(w, v)) return true;
    for (int i = 0; i < w->n_moves; i++)
        if (w->move[i] == v) return true;
    const ir_op *op = ir_def(w->e->r.f, v);
    if (!op || !moves(w->e, op)) return false;
    bool data_only = op->code == IR_t_gather || op->code == IR_t_mul;
    for (uint32_t i = 0; i < (data_only ? 1 : op->n_operands); i++)
        if (!collect(w, op->operand[i])) return false;
    if (w->n_moves == MAX_MOVES) return false;
    w->move[w->n_moves++] = v;
    return true;
}

static tensor numbered(arena *a, const ir_type *t, int leaf) {
    tensor x = tensor_new(a, ELEM_f32, t->rank, t->dim);
    for (size_t i = 0, n = tensor_count(&x); i < n; i++)
        ((float *)x.data)[i] = (float)((int64_t)leaf * LEAF_STRIDE + (int64_t)i + 1);
    return x;
}

// Evaluates the root on numbered leaves. False when it is no movement of them.
static bool trace(movement *w, arena *a, tensor *out) {
    w->n_moves = 0;
    if (!collect(w, w->root)) return false;
    const ir_func *f = w->e->r.f;
    const tensor **known = ARENA_ARRAY(a, const tensor *, f->values.count);
    for (int i = 0; i < w->n_leaves; i++) {
        if (ir_type_width(emit_type(w->e, w->leaf[i])) >= LEAF_STRIDE) return false;
        tensor *x = ARENA_NEW(a, tensor);
        *x = numbered(a, emit_type(w->e, w->leaf[i]), i);
        known[w->leaf[i]] = x;
    }
    ir_eval_ctx c = {.module = w->e->r.m, .func = f, .arena = a, .threads = 1};
    for (int i = 0; i < w->n_moves; i++) {
        const ir_op *op = ir_def(f, w->move[i]);
        const tensor *in[64];
        if (op->n_operands > ARRAY_LEN(in)) return false;
        for (uint32_t j = 0; j < op->n_operands; j++) {
            const tensor *t = emit_const_of(w->e, op->operand[j]);
            in[j] = t ? t : known[op->operand[j]];
        }
        const ir_type *t = emit_type(w->e, w->move[i]);
        tensor *y = ARENA_NEW(a, tensor);
        *y = tensor_new(a, t->type, t->rank, t->dim);
        if (!ir_eval_op(&c, op, in, y)) return false;
        known[w->move[i]] = y;
    }
    *out = *known[w->root];
    return out->type == ELEM_f32;
}

// The movement from x to r, as trace() gives it, where both may be moved from an earlier value (a
// slice of a slice is a slice of the first).
static bool trace_between(const emitter *e, ir_val x, ir_val r, arena *a, movement *w,
                          tensor *out) {
    *w = (movement){.e = e, .root = r, .leaf = {x}, .n_leaves = 1};
    if (trace(w, a, out)) return true;
    const ir_op *op = ir_def(e->r.f, x);
    if (!op || op->code != IR_t_slice) return false;
    w->leaf[0] = op->operand[0];
    movement wx = {.e = e, .root = x, .leaf = {op->operand[0]}, .n_leaves = 1};
    tensor at;
    if (!trace(&wx, a, &at) || !trace(w, a, out)) return false;
    size_t n = (size_t)ir_type_width(emit_type(e, op->operand[0]));
    float *place = ARENA_ARRAY(a, float, n + 1), *p = out->data;
    for (size_t i = 0; i < tensor_count(&at); i++)
        place[(size_t)((const float *)at.data)[i]] = (float)(i + 1);
    for (size_t i = 0; i < tensor_count(out); i++) {
        float to = place[(size_t)(p[i] < 0 ? -p[i] : p[i])];
        if (to == 0) return false;
        p[i] = p[i] < 0 ? -to : to;
    }
    return true;
}

// ---- which rotation --------------------------------------------------------------------------

// Column i of r reads column *index (sign *sign) of x in every row, or false.
static bool reads_column(const tensor *r, int64_t width, int64_t i, int64_t *index, int *sign) {
    const float *p = r->data;
    int64_t rows = (int64_t)tensor_count(r) / width;
    for (int64_t row = 0; row < rows; row++) {
        float x = p[row * width + i];
        int64_t at = (int64_t)(x < 0 ? -x : x) - 1 - row * width;
        if (at < 0 || at >= width) return false;
        if (row && (at != *index || (x < 0) != (*sign < 0))) return false;
        *index = at;
        *sign = x < 0 ? -1 : 1;
    }
    return rows > 0;
}

// r(x): half [-x1, x0]; interleaved [-x1, x0, -x3, x2, ...]
static rope_mode mode_of_rotated(const tensor *r) {
    int64_t d = r->dim[r->rank - 1];
    if (d < 2 || d % 2) return ROPE_NONE;
    bool half = true, interleaved = true;
    for (int64_t i = 0; i < d; i++) {
        int64_t index;
        int sign;
        if (!reads_column(r, d, i, &index, &sign)) return ROPE_NONE;
        bool low = i < d / 2;
        half &= index == (low ? i + d / 2 : i - d / 2) && sign == (low ? -1 : 1);
        interleaved &= index == (i ^ 1) && sign == (i % 2 ? 1 : -1);
    }
    return half ? ROPE_HALF : interleaved ? ROPE_INTERLEAVED : ROPE_NONE;
}

// ---- tables ----------------------------------------------------------------------------------

static bool is_elementwise1(ir_opcode code) {
    switch (code) {
#define FN1(name, code, summary) case IR_t_##name:
#include "support/fn.def"
    case IR_t_cast: return true;
    default: return false;
    }
}

static bool columns_pair_up(const tensor *t, rope_mode mode) {
    int64_t d = t->dim[t->rank - 1];
    size_t size = elem_bytes(t->type), rows = tensor_count(t) / (size_t)d;
    const uint8_t *p = t->data;
    for (size_t r = 0; r < rows; r++, p += (size_t)d * size)
        for (int64_t i = 0; i < d / 2; i++) {
            int64_t a = mode == ROPE_HALF ? i : 2 * i,
                    b = mode == ROPE_HALF ? i + d / 2 : 2 * i + 1;
            if (memcmp(p + (size_t)a * size, p + (size_t)b * size, size) != 0) return false;
        }
    return true;
}

// [.., n, 1] broadcast to [.., n, 2] and flattened: each element twice. IR_NONE when v is not that.
static ir_val under_repeat(emitter *e, const ir_op *op, const ir_type *t) {
    const ir_op wide = emit_def(e, op->operand[0]);
    if (op->code != IR_t_reshape || (wide.code != IR_t_broadcast && wide.code != IR_t_concat))
        return IR_NONE;
    const ir_type from = *emit_type(e, wide.operand[0]), to = *emit_type(e, op->operand[0]);
    bool twice = from.rank >= 1 && from.rank == to.rank && to.dim[to.rank - 1] == 2 &&
                 from.dim[from.rank - 1] == 1;
    if (wide.code == IR_t_concat)
        twice &= wide.n_operands == 2 && wide.operand[0] == wide.operand[1];
    if (!twice) return IR_NONE;
    ir_type half = *t;
    half.dim[half.rank - 1] /= 2;
    ir_val x = wide.operand[0];
    if (ir_type_width(&half) * 2 != ir_type_width(&to)) return IR_NONE;
    if (ir_type_width(&from) != ir_type_width(&half)) { // other axes grow too
        int64_t dim[IR_MAX_RANK];
        memcpy(dim, to.dim, sizeof dim);
        dim[to.rank - 1] = 1;
        x = emit_broadcast(e, x, to.rank, dim);
    }
    return emit_reshape(e, x, half.rank, half.dim);
}

// The axis of `from` that holds what axis `axis` of its reshape `to` holds; -1: none.
static int same_axis(const ir_type *from, const ir_type *to, int axis) {
    int64_t inner = 1, seen = 1;
    for (int i = axis + 1; i < to->rank; i++) inner *= to->dim[i];
    for (int i = from->rank; i-- > 0;) {
        if (seen == inner && from->dim[i] == to->dim[axis]) return i;
        seen *= from->dim[i];
    }
    return -1;
}

// The entries of v along `axis` that belong to different pairs, half as many, provided that both
// entries of each pair are equal; IR_NONE when that does not show.
static ir_val half_of(emitter *e, ir_val v, int axis, rope_mode mode) {
    const ir_type t = *emit_type(e, v);
    if (axis < 0 || axis >= t.rank || t.dim[axis] % 2) return IR_NONE;
    const ir_op op = emit_def(e, v);
    const tensor *c = emit_const_of(e, v);
    ir_type half = t;
    half.dim[axis] /= 2;
    if (c) {
        if (axis != t.rank - 1 || !columns_pair_up(c, mode)) return IR_NONE;
        return mode == ROPE_HALF ? emit_slice(e, v, axis, 0, t.dim[axis] / 2, 1)
                                 : emit_slice(e, v, axis, 0, t.dim[axis], 2);
    }
    double x;
    if (is_elementwise1(op.code)) {
        ir_val h = half_of(e, op.operand[0], axis, mode);
        return h == IR_NONE ? h : emit_op(e, op.code, &h, 1, &op.attrs);
    }
    if (mode == ROPE_INTERLEAVED && op.code == IR_t_reshape && axis == t.rank - 1) {
        ir_val h = under_repeat(e, &op, &t);
        if (h != IR_NONE) return h;
    }
    switch (op.code) {
    case IR_t_concat:
        if (mode != ROPE_HALF || op.n_operands != 2 || op.operand[0] != op.operand[1] ||
            ir_attr_int(&op.attrs, IR_ATTR_axis, 0) != axis)
            return IR_NONE;
        return op.operand[0];
    case IR_t_add:
    case IR_t_mul: {
        if (!emit_splat(e, op.operand[1], &x)) return IR_NONE;
        ir_val h = half_of(e, op.operand[0], axis, mode);
        return h == IR_NONE ? h : emit2(e, op.code, h, op.operand[1]);
    }
    case IR_t_reshape: {
        int below = same_axis(emit_type(e, op.operand[0]), &t, axis);
        return emit_reshape(e, half_of(e, op.operand[0], below, mode), half.rank, half.dim);
    }
    case IR_t_broadcast: {
        const ir_type from = *emit_type(e, op.operand[0]);
        int below = axis - (t.rank - from.rank);
        if (below < 0 || from.dim[below] != t.dim[axis]) return IR_NONE;
        return emit_broadcast(e, half_of(e, op.operand[0], below, mode), half.rank, half.dim);
    }
    case IR_t_transpose: {
        size_t n;
        const int64_t *perm = ir_attr_ints(&op.attrs, IR_ATTR_perm, &n);
        return emit_transpose(e, half_of(e, op.operand[0], (int)perm[axis], mode), perm);
    }
    case IR_t_gather: { // rows of a table by position
        const ir_type table = *emit_type(e, op.operand[0]);
        if (ir_attr_int(&op.attrs, IR_ATTR_axis, 0) != 0 || table.rank != 2 || axis != t.rank - 1)
            return IR_NONE;
        ir_val h = half_of(e, op.operand[0], 1, mode);
        return emit_op(e, IR_t_gather, (ir_val[]){h, op.operand[1]}, 2, &op.attrs);
    }
    case IR_t_matmul:
    case IR_nn_linear: { // positions times frequencies that stand twice
        if (op.n_operands != 2 || ir_attr_int(&op.attrs, IR_ATTR_trans_w, 0) || axis != t.rank - 1)
            return IR_NONE;
        ir_val h = half_of(e, op.operand[1], emit_type(e, op.operand[1])->rank - 1, mode);
        return h == IR_NONE ? h : emit_op(e, op.code, (ir_val[]){op.operand[0], h}, 2, &op.attrs);
    }
    default: return IR_NONE;
    }
}

static ir_val half_columns(emitter *e, ir_val v, rope_mode mode) {
    return half_of(e, v, emit_type(e, v)->rank - 1, mode);
}

// Axis of x that c's rows stand for: the only axis besides the last along which c is not 1. 2 (of
// four) when there is none; -1: several.
static int token_axis(const emitter *e, ir_val c, const ir_type *x) {
    const ir_type *t = emit_type(e, c);
    int axis = -1;
    for (int i = 0; i + 1 < t->rank; i++) {
        if (t->dim[i] == 1) continue;
        if (axis >= 0) return -1;
        axis = i + x->rank - t->rank;
    }
    return axis >= 0 ? axis : x->rank - 2;
}

static ir_val as_table(emitter *e, ir_val c) {
    if (c == IR_NONE) return c;
    const ir_type t = *emit_type(e, c);
    int64_t half = t.dim[t.rank - 1];
    if (half == 0) return IR_NONE;
    return emit_reshape(e, c, 2, (int64_t[]){ir_type_width(&t) / half, half});
}

// ---- making ----------------------------------------------------------------------------------

// rope of x whose tokens lie on `axis`, with tables [.., T, r/2]; in x's own arrangement.
static ir_val make_rope(emitter *e, ir_val x, int axis, ir_val cos, ir_val sin, rope_mode mode) {
    const ir_type t = *emit_type(e, x);
    static const int64_t swap[] = {0, 2, 1, 3};
    if (t.rank == 3 && axis == 1) {
        ir_val y = emit_reshape(e, x, 4, (int64_t[]){1, t.dim[0], t.dim[1], t.dim[2]});
        return emit_reshape(e, make_rope(e, y, 2, cos, sin, mode), 3, t.dim);
    }
    if (t.rank != 4 || (axis != 1 && axis != 2)) return IR_NONE;
    if (axis == 1) x = emit_transpose(e, x, swap);
    cos = as_table(e, cos);
    sin = as_table(e, sin);
    if (cos == IR_NONE || sin == IR_NONE) return IR_NONE;
    ir_attrs attrs = {0};
    ir_attr_set_str(e->r.scratch, &attrs, IR_ATTR_mode, mode == ROPE_HALF ? "half" : "interleaved");
    ir_attr_set_int(e->r.scratch, &attrs, IR_ATTR_rotary_dim, 2 * emit_type(e, cos)->dim[1]);
    ir_val y = emit_op(e, IR_nn_rope, (ir_val[]){x, cos, sin}, 3, &attrs);
    return axis == 1 ? emit_transpose(e, y, swap) : y;
}

static bool note_moves(emitter *e, const movement *w) {
    for (int i = 0; i < w->n_moves; i++) {
        const ir_op op = emit_def(e, w->move[i]);
        emit_note_nodes(e, &op);
    }
    return true;
}

ir_val fuse_rope_rotated(match *m) {
    emitter *e = m->e;
    ir_val x = match_value(m, "x"), r = match_value(m, "r"), c = match_value(m, "c"),
           s = match_value(m, "s");
    // Which of four is which: r is the one that moves another.
    for (int order = 0; order < 8; order++) {
        ir_val xx = order & 1 ? c : x, cc = order & 1 ? x : c;
        ir_val rr = order & 2 ? s : r, ss = order & 2 ? r : s;
        if (order & 4) {
            ir_val u = xx, w = cc;
            xx = rr, cc = ss, rr = u, ss = w;
        }
        const ir_type t = *emit_type(e, xx);
        if (xx == rr || !ir_type_equal(&t, emit_type(e, rr)) ||
            !ir_type_equal(&t, emit_type(e, m->root)) || t.rank < 3)
            continue;
        arena *a = arena_new();
        movement w;
        tensor moved;
        rope_mode mode =
            trace_between(e, xx, rr, a, &w, &moved) ? mode_of_rotated(&moved) : ROPE_NONE;
        arena_free(a);
        if (mode == ROPE_NONE) continue;
        int axis = token_axis(e, cc, &t);
        ir_val y = IR_NONE;
        if (axis >= 0 && axis == token_axis(e, ss, &t))
            y = make_rope(e, xx, axis, half_columns(e, cc, mode), half_columns(e, ss, mode), mode);
        if (y != IR_NONE && note_moves(e, &w)) return y;
    }
    return IR_NONE;
}

// ---- pair form -------------------------------------------------------------------------------

typedef struct {
    ir_val a, b, c, s; // a*c - b*s, a*s + b*c
} pair_form;

// Products p*q and u*v of the two results, matched to a, b, c, s.
static bool match_pairs(const emitter *e, const ir_op *sub, const ir_op *add, pair_form *f) {
    const ir_op m[4] = {emit_def(e, sub->operand[0]), emit_def(e, sub->operand[1]),
                        emit_def(e, add->operand[0]), emit_def(e, add->operand[1])};
    for (int i = 0; i < 4; i++)
        if (m[i].code != IR_t_mul) return false;
    for (int i = 0; i < 4; i++) {
        f->a = m[0].operand[i & 1], f->c = m[0].operand[!(i & 1)];
        f->b = m[1].operand[i >> 1], f->s = m[1].operand[!(i >> 1)];
        for (int j = 0; j < 2; j++) {
            const ir_op *as = &m[2 + j], *bc = &m[3 - j];
            bool is_as = (as->operand[0] == f->a && as->operand[1] == f->s) ||
                         (as->operand[0] == f->s && as->operand[1] == f->a);
            bool is_bc = (bc->operand[0] == f->b && bc->operand[1] == f->c) ||
                         (bc->operand[0] == f->c && bc->operand[1] == f->b);
            if (is_as && is_bc) return true;
        }
    }
    return false;
}

static bool is_row_source(const ir_type *x, const ir_type *t) {
    if (x->rank != t->rank || x->type != t->type) return false;
    for (int i = 0; i + 1 < t->rank; i++)
        if (x->dim[i] != t->dim[i]) return false;
    return x->dim[t->rank - 1] >= t->dim[t->rank - 1];
}

// The nearest value of type t, or wider rows, from which both a and b are moved.
static ir_val common_source(const emitter *e, ir_val a, ir_val b, const ir_type *t) {
    for (ir_val u = a; u != IR_NONE;) {
        const ir_op *op = ir_def(e->r.f, u);
        if (is_row_source(emit_type(e, u), t)) {
            movement w = {.e = e, .root = b, .leaf = {u}, .n_leaves = 1};
            if (collect(&w, b)) return u;
        }
        if (!op || !moves(e, op) || op->code == IR_t_concat) return IR_NONE;
        u = op->operand[0];
    }
    return IR_NONE;
}

// The two sums that the operand chain of v joins: leaves of a movement.
static bool find_leaves(const emitter *e, ir_val v, movement *w, int depth) {
    const ir_op *op = ir_def(e->r.f, v);
    if (!op || depth > 6) return false;
    if (op->code == IR_t_sub || op->code == IR_t_add) {
        if (is_leaf(w, v)) return true;
        if (w->n_leaves == 2) return false;
        w->leaf[w->n_leaves++] = v;
        return true;
    }
    if (op->code != IR_t_concat && op->code != IR_t_reshape) return false;
    for (uint32_t i = 0; i < op->n_operands; i++)
        if (!find_leaves(e, op->operand[i], w, depth + 1)) return false;
    return true;
}

// Column i of the joined rows is which leaf's column; columns of x that a and b read.
static rope_mode mode_of_pairs(const emitter *e, movement *join, const pair_form *f, ir_val x,
                               int64_t d, arena *scratch) {
    tensor y, a, b;
    movement ma = {.e = e, .root = f->a, .leaf = {x}, .n_leaves = 1};
    movement mb = {.e = e, .root = f->b, .leaf = {x}, .n_leaves = 1};
    if (!trace(join, scratch, &y) || !trace(&ma, scratch, &a) || !trace(&mb, scratch, &b))
        return ROPE_NONE;
    const ir_type *t = emit_type(e, x);
    int64_t width = t->dim[t->rank - 1], h = d / 2, rows = ir_type_width(t) / (width ? width : 1);
    if (d < 2 || d % 2 || (int64_t)tensor_count(&a) * 2 != rows * d ||
        tensor_count(&b) != tensor_count(&a) || tensor_count(&y) != (size_t)(rows * d))
        return ROPE_NONE;
    bool half = true, interleaved = true;
    const float *py = y.data, *pa = a.data, *pb = b.data;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < h; i++) {
            // leaf elements r*h + i: where they come from, and where they go
            int64_t from_a = (int64_t)pa[r * h + i] - 1 - r * width,
                    from_b = (int64_t)pb[r * h + i] - 1 - r * width;
            float one = (float)(r * h + i + 1), two = (float)(LEAF_STRIDE + r * h + i + 1);
            half &=
                from_a == i && from_b == i + h && py[r * d + i] == one && py[r * d + i + h] == two;
            interleaved &= from_a == 2 * i && from_b == 2 * i + 1 && py[r * d + 2 * i] == one &&
                           py[r * d + 2 * i + 1] == two;
            if (!half && !interleaved) return ROPE_NONE;
        }
    return half ? ROPE_HALF : interleaved ? ROPE_INTERLEAVED : ROPE_NONE;
}

// [.., n, 1] as [.., n]
static ir_val without_last(emitter *e, ir_val v) {
    const ir_type t = *emit_type(e, v);
    if (t.rank < 2 || t.dim[t.rank - 1] != 1) return IR_NONE;
    return emit_reshape(e, v, t.rank - 1, t.dim);
}

ir_val fuse_rope_pairs(emitter *e, ir_val v) {
    const ir_op op = emit_def(e, v);
    const ir_type t = *emit_type(e, v);
    if ((op.code != IR_t_concat && op.code != IR_t_reshape) || t.type != ELEM_f32 || t.rank < 3)
        return v;
    movement join = {.e = e, .root = v};
    if (!find_leaves(e, v, &join, 0) || join.n_leaves != 2) return v;
    // The first leaf is the difference, whichever way they were found.
    ir_op first = emit_def(e, join.leaf[0]), second = emit_def(e, join.leaf[1]);
    if (first.code == IR_t_add) {
        ir_val u = join.leaf[0];
        join.leaf[0] = join.leaf[1], join.leaf[1] = u;
        ir_op w = first;
        first = second, second = w;
    }
    pair_form f;
    if (first.code != IR_t_sub || second.code != IR_t_add || !match_pairs(e, &first, &second, &f))
        return v;
    // Either factor of the products may be the data.
    for (int order = 0; order < 2; order++) {
        if (order) {
            ir_val a = f.a, b = f.b;
            f.a = f.c, f.c = a;
            f.b = f.s, f.s = b;
        }
        ir_val x = common_source(e, f.a, f.b, &t);
        if (x == IR_NONE) continue;
        arena *scratch = arena_new();
        rope_mode mode = mode_of_pairs(e, &join, &f, x, t.dim[t.rank - 1], scratch);
        arena_free(scratch);
        if (mode == ROPE_NONE) continue;
        // Tables line up with the products, whose axes are those of x, and maybe 1 (left of the
        // pair).
        ir_type ta = *emit_type(e, f.a);
        if (ta.rank == t.rank + 1 && ta.dim[ta.rank - 1] == 1) {
            ta.rank--;
            f.c = without_last(e, f.c);
            f.s = without_last(e, f.s);
            if (f.c == IR_NONE || f.s == IR_NONE) return v;
        }
        int axis = token_axis(e, f.c, &ta);
        if (axis < 0 || axis != token_axis(e, f.s, &ta)) return v;
        x = emit_slice(e, x, t.rank - 1, 0, t.dim[t.rank - 1], 1);
        ir_val y = make_rope(e, x, axis, f.c, f.s, mode);
        if (y == IR_NONE) return v;
        emit_note_nodes(e, &op);
        note_moves(e, &join);
        emit_note_nodes(e, &first);
        emit_note_nodes(e, &second);
        emit_take_nodes(e, y);
        return y;
    }
    return v;
}

// ---- partial rotation ------------------------------------------------------------------------

// concat(rope(x[0:r]), x[r:]) = rope of the first r columns of x.
ir_val fuse_rope_partial(emitter *e, ir_val v) {
    const ir_op op = emit_def(e, v);
    const ir_type t = *emit_type(e, v);
    if (op.code != IR_t_concat || op.n_operands != 2 || t.rank != 4 ||
        ir_attr_int(&op.attrs, IR_ATTR_axis, 0) != 3)
        return v;
    static const int64_t swap[] = {0, 2, 1, 3};
    ir_op rope = emit_def(e, op.operand[0]);
    bool swapped = rope.code == IR_t_transpose;
    if (swapped) rope = emit_def(e, rope.operand[0]);
    if (rope.code != IR_nn_rope) return v;
    ir_op low = emit_def(e, rope.operand[0]);
    if (swapped && low.code == IR_t_transpose) low = emit_def(e, low.operand[0]);
    const ir_op high = emit_def(e, op.operand[1]);
    if (low.code != IR_t_slice || high.code != IR_t_slice || low.operand[0] != high.operand[0] ||
        !ir_type_equal(emit_type(e, low.operand[0]), &t))
        return v;
    ir_val x = low.operand[0];
    int64_t r = emit_type(e, op.operand[0])->dim[3];
    if (emit_slice(e, x, 3, 0, r, 1) != low.result[0] ||
        emit_slice(e, x, 3, r, t.dim[3], 1) != high.result[0])
        return v;
    ir_val in[] = {swapped ? emit_transpose(e, x, swap) : x, rope.operand[1], rope.operand[2]};
    ir_val y = emit_op(e, IR_nn_rope, in, 3, &rope.attrs);
    if (y == IR_NONE) return v;
    emit_note_nodes(e, &rope);
    emit_note_nodes(e, &op);
    emit_take_nodes(e, y);
    return swapped ? emit_transpose(e, y, swap) : y;
}
