// Rotary positions. A rotation is recognised by what it does, not by how it is spelled: slices,
// splits, negations, concatenations, pair reshapes and gathers between x and its rotated copy are
// evaluated on numbered elements, and the permutation they perform is read off.
//
//   whole form   y = x*c + r(x)*s       c, s [.., d], r a signed permutation of the last axis
//   pair form    y0 = a*c - b*s, y1 = a*s + b*c, joined;  a, b the two halves of x, c, s [.., d/2]
//
// half: pairs (i, i + d/2); interleaved: pairs (2i, 2i+1). Tables come out as [T, d/2]: constants,
// or what the graph computes from position inputs.
#include "passes/graph/fuse_rope.h"
#include "passes/graph/movement.h"

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
    cos = rope_table(e, cos);
    sin = rope_table(e, sin);
    if (cos == IR_NONE || sin == IR_NONE) return IR_NONE;
    ir_attrs attrs = {0};
    ir_attr_set_word(e->r.scratch, &attrs, IR_ATTR_mode, IR_ENUM_rotary,
                     mode == ROPE_HALF ? IR_ROTARY_HALF : IR_ROTARY_INTERLEAVED);
    ir_attr_set_int(e->r.scratch, &attrs, IR_ATTR_rotary_dim, 2 * emit_type(e, cos)->dim[1]);
    ir_val y = emit_op(e, IR_nn_rope, (ir_val[]){x, cos, sin}, 3, &attrs);
    return axis == 1 ? emit_transpose(e, y, swap) : y;
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
            movement_between(e, xx, rr, a, &w, &moved) ? mode_of_rotated(&moved) : ROPE_NONE;
        arena_free(a);
        if (mode == ROPE_NONE) continue;
        int axis = rope_token_axis(e, cc, &t);
        ir_val y = IR_NONE;
        if (axis >= 0 && axis == rope_token_axis(e, ss, &t)) {
            // one after the other: compilers differ in which argument they make first
            ir_val sine = rope_half_columns(e, ss, mode), cosine = rope_half_columns(e, cc, mode);
            y = make_rope(e, xx, axis, cosine, sine, mode);
        }
        if (y == IR_NONE) continue;
        movement_note_nodes(e, &w);
        return y;
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
            if (movement_collect(&w, b)) return u;
        }
        if (!op || !movement_is(e, op) || op->code == IR_t_concat) return IR_NONE;
        u = op->operand[0];
    }
    return IR_NONE;
}

// The two sums that the operand chain of v joins: leaves of a movement.
static bool find_leaves(const emitter *e, ir_val v, movement *w, int depth) {
    const ir_op *op = ir_def(e->r.f, v);
    if (!op || depth > 6) return false;
    if (op->code == IR_t_sub || op->code == IR_t_add) {
        if (movement_is_leaf(w, v)) return true;
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
    tensor traced[3];
    movement ma = {.e = e, .root = f->a, .leaf = {x}, .n_leaves = 1};
    movement mb = {.e = e, .root = f->b, .leaf = {x}, .n_leaves = 1};
    if (!movement_trace_alike((movement *[]){join, &ma, &mb}, 3, scratch, traced)) return ROPE_NONE;
    const tensor y = traced[0], a = traced[1], b = traced[2];
    const ir_type *t = emit_type(e, x);
    int64_t width = t->dim[t->rank - 1], h = d / 2;
    int64_t rows = ir_type_width(t) / (width ? width : 1);
    if (!join->is_whole) rows = (int64_t)tensor_count(&y) / max_i64(1, d);
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
            float one = (float)(r * h + i + 1), two = (float)(MOVEMENT_STRIDE + r * h + i + 1);
            half &=
                from_a == i && from_b == i + h && py[r * d + i] == one && py[r * d + i + h] == two;
            interleaved &= from_a == 2 * i && from_b == 2 * i + 1 && py[r * d + 2 * i] == one &&
                           py[r * d + 2 * i + 1] == two;
            if (!half && !interleaved) return ROPE_NONE;
        }
    return half ? ROPE_HALF : interleaved ? ROPE_INTERLEAVED : ROPE_NONE;
}

// Tables have a column for each pair, as the products a*c and b*s have. One column that they all
// share is no table of rows.
static bool has_pairs(const emitter *e, ir_val c, int64_t pairs) {
    const ir_type *t = emit_type(e, c);
    return t->rank > 0 && t->dim[t->rank - 1] == pairs;
}

// The products have the axes of x.
static bool keeps_axes(const ir_type *x, const ir_type *products) {
    for (int i = 0; i + 1 < x->rank; i++)
        if (x->rank != products->rank || x->dim[i] != products->dim[i]) return false;
    return true;
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
        int axis = rope_token_axis(e, f.c, &ta);
        if (axis < 0 || axis != rope_token_axis(e, f.s, &ta) || !keeps_axes(&t, &ta) ||
            !has_pairs(e, f.c, t.dim[t.rank - 1] / 2) || !has_pairs(e, f.s, t.dim[t.rank - 1] / 2))
            return v;
        x = emit_slice(e, x, t.rank - 1, 0, t.dim[t.rank - 1], 1);
        ir_val y = make_rope(e, x, axis, f.c, f.s, mode);
        if (y == IR_NONE) return v;
        emit_note_nodes(e, &op);
        movement_note_nodes(e, &join);
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
