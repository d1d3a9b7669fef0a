// One spelling of casts, broadcasts, slices, concatenations, gathers by constants and reductions.
#include "passes/graph/canonical.h"
#include <string.h>

// ---- operands --------------------------------------------------------------------------------

// An elementwise operation broadcasts by itself: an explicit broadcast of an operand goes where the
// result keeps its shape.
static ir_val drop_broadcast(emitter *e, ir_val v, const ir_op *op) {
    for (uint32_t i = 0; i < op->n_operands; i++) {
        const ir_op def = emit_def(e, op->operand[i]);
        if (def.code != IR_t_broadcast) continue;
        ir_val *in = arena_copy(e->r.scratch, op->operand, op->n_operands * sizeof *in);
        in[i] = def.operand[0];
        ir_val w = emit_op(e, op->code, in, op->n_operands, &op->attrs);
        if (w != IR_NONE && ir_type_equal(emit_type(e, w), emit_type(e, v))) return w;
    }
    return v;
}

// Constants second; else the value made earlier first.
static ir_val order_operands(emitter *e, ir_val v, const ir_op *op) {
    ir_val a = op->operand[0], b = op->operand[1];
    bool const_a = emit_is_constant(e, a), const_b = emit_is_constant(e, b);
    if (const_a == const_b ? a <= b : const_b) return v;
    return emit2(e, op->code, b, a);
}

// ---- casts -----------------------------------------------------------------------------------

// Every value of `from` is one of `to`.
static bool widens(elem from, elem to) {
    if (from == to) return true;
    if (to == ELEM_f64)
        return from == ELEM_f32 || from == ELEM_f16 || from == ELEM_bf16 ||
               (elem_is_int(from) && elem_bytes(from) <= 4);
    if (to == ELEM_f32)
        return from == ELEM_f16 || from == ELEM_bf16 ||
               (elem_is_int(from) && elem_bytes(from) <= 2);
    if (from == ELEM_bool) return elem_is_float(to) || elem_is_int(to);
    if (!elem_is_int(from) || !elem_is_int(to)) return false;
    bool signed_from = from == ELEM_i8 || from == ELEM_i16 || from == ELEM_i32 || from == ELEM_i64;
    bool signed_to = to == ELEM_i8 || to == ELEM_i16 || to == ELEM_i32 || to == ELEM_i64;
    if (signed_from == signed_to) return elem_bytes(to) >= elem_bytes(from);
    return !signed_from && elem_bytes(to) > elem_bytes(from);
}

static ir_val simplify_cast(emitter *e, ir_val v, const ir_op *op) {
    const elem to = emit_type(e, v)->type, from = emit_type(e, op->operand[0])->type;
    if (to == from) return op->operand[0];
    const ir_op below = emit_def(e, op->operand[0]);
    if (below.code != IR_t_cast) return v;
    elem first = emit_type(e, below.operand[0])->type;
    if (!widens(first, from)) return v; // the first cast loses something
    return first == to ? below.operand[0] : emit_op(e, IR_t_cast, below.operand, 1, &op->attrs);
}

// ---- slices ----------------------------------------------------------------------------------

typedef struct {
    const int64_t *starts, *steps;
    int rank;
    int axis; // the only axis that is cut; -1: none, -2: several
} slice;

static slice slice_of(const emitter *e, const ir_op *op) {
    size_t n;
    slice s = {.starts = ir_attr_ints(&op->attrs, IR_ATTR_starts, &n),
               .steps = ir_attr_ints(&op->attrs, IR_ATTR_steps, &n),
               .axis = -1};
    const ir_type *x = emit_type(e, op->operand[0]), *y = emit_type(e, op->result[0]);
    s.rank = x->rank;
    for (int i = 0; i < x->rank; i++) {
        bool whole = y->dim[i] == x->dim[i] && (s.steps[i] == 1 || x->dim[i] <= 1);
        if (!whole) s.axis = s.axis == -1 ? i : -2;
    }
    return s;
}

static ir_val slice_of_slice(emitter *e, const ir_type *t, const slice *s, const ir_op *below) {
    const slice b = slice_of(e, below);
    int64_t starts[IR_MAX_RANK], steps[IR_MAX_RANK];
    for (int i = 0; i < s->rank; i++) {
        starts[i] = b.starts[i] + s->starts[i] * b.steps[i];
        steps[i] = t->dim[i] <= 1 ? 1 : s->steps[i] * b.steps[i];
    }
    ir_attrs attrs = {0};
    ir_attr_set_ints(e->r.scratch, &attrs, IR_ATTR_starts, starts, (size_t)s->rank);
    ir_attr_set_ints(e->r.scratch, &attrs, IR_ATTR_steps, steps, (size_t)s->rank);
    return emit_typed(e, IR_t_slice, below->operand, 1, &attrs, t);
}

// A slice that lies within one operand of a concatenation.
static ir_val slice_of_concat(emitter *e, ir_val v, const slice *s, const ir_op *below) {
    int axis = (int)ir_attr_int(&below->attrs, IR_ATTR_axis, 0);
    if (s->axis != axis || s->steps[axis] != 1) return v;
    int64_t from = s->starts[axis], n = emit_type(e, v)->dim[axis], at = 0;
    for (uint32_t i = 0; i < below->n_operands; i++) {
        int64_t size = emit_type(e, below->operand[i])->dim[axis];
        if (from >= at && from + n <= at + size && size > 0)
            return emit_slice(e, below->operand[i], axis, from - at, from - at + n, 1);
        at += size;
    }
    return v;
}

// Parts of a fused product: a slice of an axis before the last commutes with transposes, and with
// reshapes that split the axis off as a leading factor. So splits reach the product's columns.
static ir_val slice_of_transpose(emitter *e, ir_val v, const slice *s, const ir_op *below) {
    size_t n;
    const int64_t *perm = ir_attr_ints(&below->attrs, IR_ATTR_perm, &n);
    int64_t count = emit_type(e, v)->dim[s->axis], from = s->starts[s->axis];
    ir_val x = emit_slice(e, below->operand[0], (int)perm[s->axis], from, from + count, 1);
    return emit_transpose(e, x, perm);
}

static ir_val slice_of_reshape(emitter *e, ir_val v, const slice *s, const ir_op *below) {
    const ir_type x = *emit_type(e, below->operand[0]), y = *emit_type(e, below->result[0]),
                  t = *emit_type(e, v);
    int64_t before = 1, seen = 1;
    for (int i = 0; i < s->axis; i++) before *= y.dim[i];
    int axis = 0;
    while (axis < x.rank && seen < before) seen *= x.dim[axis++];
    while (axis < x.rank && x.dim[axis] == 1) axis++;
    int64_t n = y.dim[s->axis];
    if (axis == x.rank || seen != before || n == 0 || x.dim[axis] % n) return v;
    int64_t inner = x.dim[axis] / n, from = s->starts[s->axis] * inner;
    ir_val part = emit_slice(e, below->operand[0], axis, from, from + t.dim[s->axis] * inner, 1);
    ir_val w = emit_reshape(e, part, t.rank, t.dim);
    return w == IR_NONE ? v : w;
}

// Columns of rows gathered from a constant table: rows of a narrower table.
static ir_val slice_of_gather(emitter *e, ir_val v, const slice *s, const ir_op *below) {
    const ir_type table = *emit_type(e, below->operand[0]);
    int axis = s->axis - (s->rank - table.rank);
    if (!emit_const_of(e, below->operand[0]) || ir_attr_int(&below->attrs, IR_ATTR_axis, 0) != 0 ||
        axis < 1)
        return v;
    int64_t from = s->starts[s->axis], n = emit_type(e, v)->dim[s->axis];
    ir_val part = emit_slice(e, below->operand[0], axis, from, from + n, 1);
    ir_val w = emit_op(e, IR_t_gather, (ir_val[]){part, below->operand[1]}, 2, &below->attrs);
    return w == IR_NONE ? v : w;
}

static ir_val simplify_slice(emitter *e, ir_val v, const ir_op *op) {
    const slice s = slice_of(e, op);
    const ir_op below = emit_def(e, op->operand[0]);
    const ir_type t = *emit_type(e, v);
    if (s.axis == -1) return op->operand[0];
    if (below.code == IR_t_slice) return slice_of_slice(e, &t, &s, &below);
    if (s.axis < 0 || s.steps[s.axis] != 1) return v;
    if (below.code == IR_t_concat) return slice_of_concat(e, v, &s, &below);
    if (below.code == IR_t_gather) return slice_of_gather(e, v, &s, &below);
    if (s.axis == t.rank - 1) return v; // halves of a head stay on the head: see rope
    if (below.code == IR_t_transpose) return slice_of_transpose(e, v, &s, &below);
    if (below.code == IR_t_reshape) return slice_of_reshape(e, v, &s, &below);
    return v;
}

// ---- concatenations --------------------------------------------------------------------------

// Operands that are neighbouring parts [a,b), [b,c) ... of one value: that value's part [a,..).
static ir_val rejoined(emitter *e, const ir_op *op, int axis) {
    ir_val whole = IR_NONE;
    int64_t first = 0, at = 0;
    for (uint32_t i = 0; i < op->n_operands; i++) {
        const ir_op part = emit_def(e, op->operand[i]);
        if (part.code != IR_t_slice) return IR_NONE;
        const slice s = slice_of(e, &part);
        if (s.axis != axis || s.steps[axis] != 1) return IR_NONE;
        if (i == 0) {
            whole = part.operand[0];
            first = at = s.starts[axis];
        }
        if (part.operand[0] != whole || s.starts[axis] != at) return IR_NONE;
        at += emit_type(e, op->operand[i])->dim[axis];
    }
    return emit_slice(e, whole, axis, first, at, 1);
}

static ir_val simplify_concat(emitter *e, ir_val v, const ir_op *op) {
    const int axis = (int)ir_attr_int(&op->attrs, IR_ATTR_axis, 0);
    const ir_type t = *emit_type(e, v);
    if (op->n_operands == 1) return op->operand[0];
    VEC(ir_val) kept = {0};
    bool all_same = true;
    for (uint32_t i = 0; i < op->n_operands; i++) {
        ir_val x = op->operand[i];
        all_same &= x == op->operand[0];
        const ir_op def = emit_def(e, x);
        // An empty constant adds nothing; an empty cache stays, so that all probes look alike.
        if (emit_const_of(e, x) && emit_type(e, x)->dim[axis] == 0) continue;
        if (def.code == IR_t_concat && ir_attr_int(&def.attrs, IR_ATTR_axis, 0) == axis) {
            for (uint32_t j = 0; j < def.n_operands; j++) vec_push(&kept, def.operand[j]);
        } else {
            vec_push(&kept, x);
        }
    }
    ir_val w = v, whole = rejoined(e, op, axis);
    bool same = kept.count == op->n_operands;
    for (size_t i = 0; same && i < kept.count; i++) same = kept.items[i] == op->operand[i];
    if (whole != IR_NONE) {
        w = whole;
    } else if (all_same && emit_type(e, op->operand[0])->dim[axis] == 1) {
        w = emit_broadcast(e, op->operand[0], t.rank, t.dim);
    } else if (!same && kept.count > 0) {
        w = emit_op(e, IR_t_concat, kept.items, kept.count, &op->attrs);
    }
    vec_free(&kept);
    return w == IR_NONE ? v : w;
}

// ---- gathers ---------------------------------------------------------------------------------

// A gather by constant indices first, first + step, ... is a slice.
static ir_val simplify_gather(emitter *e, ir_val v, const ir_op *op) {
    const tensor *index = emit_const_of(e, op->operand[1]);
    const ir_type x = *emit_type(e, op->operand[0]), t = *emit_type(e, v);
    const int axis = (int)ir_attr_int(&op->attrs, IR_ATTR_axis, 0);
    size_t n = index ? tensor_count(index) : 0;
    if (n == 0) return v;
    const int64_t size = x.dim[axis];
    int64_t first = elem_load_i64(index->type, index->data, 0), step = 1, at = first;
    if (n > 1 && !sub_fits(elem_load_i64(index->type, index->data, 1), first, &step)) return v;
    if (first < -size || first >= size || step < 1 || step > size) return v;
    for (size_t i = 1; i < n; i++) { // at stays within the axis, or the indices are none of it
        at += step;
        if (elem_load_i64(index->type, index->data, i) != at || at >= size) return v;
    }
    if (first < 0) first += size;
    if (first + ((int64_t)n - 1) * step >= size) return v;
    ir_val part =
        emit_slice(e, op->operand[0], axis, first, first + ((int64_t)n - 1) * step + 1, step);
    ir_val w = emit_reshape(e, part, t.rank, t.dim);
    return w == IR_NONE ? v : w;
}

// Codes gathered from a constant table that has one scale: rows of the table of numbers.
static ir_val simplify_dequantize(emitter *e, ir_val v, const ir_op *op) {
    const ir_op below = emit_def(e, op->operand[0]);
    if (below.code != IR_t_gather || !emit_const_of(e, below.operand[0])) return v;
    ir_val in[3] = {below.operand[0]};
    for (uint32_t k = 1; k < op->n_operands; k++) {
        in[k] = op->operand[k];
        const tensor *c = in[k] == IR_NONE ? NULL : emit_const_of(e, in[k]);
        if (in[k] != IR_NONE && (!c || tensor_count(c) != 1)) return v;
    }
    ir_val table = emit_op(e, IR_t_dequantize, in, op->n_operands, NULL);
    if (table == IR_NONE) return v;
    ir_val w = emit_op(e, IR_t_gather, (ir_val[]){table, below.operand[1]}, 2, &below.attrs);
    return w == IR_NONE ? v : w;
}

// GatherND over constant grids that only repeats a mask along other axes: element (.., i at axis a,
// ..) is data[i]. Newer exporters index padding masks so.
static ir_val repeated_by_gather_nd(emitter *e, ir_val v, const ir_op *op) {
    const tensor *index = emit_const_of(e, op->operand[1]);
    const ir_type x = *emit_type(e, op->operand[0]), t = *emit_type(e, v);
    if (!index || ir_attr_int(&op->attrs, IR_ATTR_batch_dims, 0) != 0 || index->rank < 1) return v;
    const int64_t depth = index->dim[index->rank - 1], n = ir_type_width(&x);
    if (depth != x.rank || n < 2 || tensor_count(index) == 0) return v;
    for (int axis = t.rank - 1; axis >= 0; axis--) {
        if (t.dim[axis] != n) continue;
        size_t inner = 1, count = tensor_count(index) / (size_t)depth, i = 0;
        for (int j = axis + 1; j < t.rank; j++) inner *= (size_t)t.dim[j];
        for (; i < count; i++) {
            int64_t at = 0;
            for (int j = 0; j < x.rank; j++) {
                int64_t k = elem_load_i64(index->type, index->data, i * (size_t)depth + (size_t)j);
                if (k < -x.dim[j] || k >= x.dim[j]) return v; // said when it runs
                at = at * x.dim[j] + (k < 0 ? k + x.dim[j] : k);
            }
            if (at != (int64_t)(i / inner) % n) break;
        }
        if (i < count) continue;
        int64_t dim[IR_MAX_RANK];
        for (int j = 0; j < t.rank; j++) dim[j] = j == axis ? n : 1;
        ir_val w = emit_reshape(e, op->operand[0], t.rank, dim);
        return emit_broadcast(e, w, t.rank, t.dim);
    }
    return v;
}

// GatherND of the one sequence's place, [[0, i]], is a row i: how newer exporters write
// x[arange(batch), i].
static ir_val row_by_gather_nd(emitter *e, ir_val v, const ir_op *op) {
    const ir_op pair = emit_def(e, op->operand[1]);
    const ir_type x = *emit_type(e, op->operand[0]), t = *emit_type(e, v);
    double first;
    if (pair.code != IR_t_concat || pair.n_operands != 2 || x.rank < 2 || x.dim[0] != 1 ||
        ir_type_width(emit_type(e, op->operand[1])) != 2 ||
        ir_type_width(emit_type(e, pair.operand[0])) != 1 ||
        !emit_splat(e, pair.operand[0], &first) || first != 0)
        return v;
    ir_attrs attrs = {0};
    ir_attr_set_int(e->r.scratch, &attrs, IR_ATTR_axis, 0);
    ir_val in[] = {emit_reshape(e, op->operand[0], x.rank - 1, x.dim + 1),
                   emit_reshape(e, pair.operand[1], 1, (int64_t[]){1})};
    ir_val w = emit_op(e, IR_t_gather, in, 2, &attrs);
    w = w == IR_NONE ? w : emit_reshape(e, w, t.rank, t.dim);
    return w == IR_NONE ? v : w;
}

// GatherND by constants along the first axis, or of one place along several, as Gather.
static ir_val simplify_gather_nd(emitter *e, ir_val v, const ir_op *op) {
    ir_val w = repeated_by_gather_nd(e, v, op);
    const tensor *index = emit_const_of(e, op->operand[1]);
    const ir_type t = *emit_type(e, v);
    if (w != v || ir_attr_int(&op->attrs, IR_ATTR_batch_dims, 0) != 0) return w;
    if (!index) return row_by_gather_nd(e, v, op);
    if (index->rank < 1) return v;
    const int64_t depth = index->dim[index->rank - 1];
    ir_attrs attrs = {0};
    ir_attr_set_int(e->r.scratch, &attrs, IR_ATTR_axis, 0);
    w = op->operand[0];
    if (depth == 1) {
        ir_val in[] = {w, emit_reshape(e, op->operand[1], index->rank - 1, index->dim)};
        w = emit_op(e, IR_t_gather, in, 2, &attrs);
        return w == IR_NONE ? v : w;
    }
    if ((int64_t)tensor_count(index) != depth) return v;
    for (int64_t i = 0; i < depth && w != IR_NONE; i++) {
        const int64_t at = elem_load_i64(index->type, index->data, (size_t)i);
        w = emit_op(e, IR_t_gather, (ir_val[]){w, emit_scalar(e, index->type, (double)at)}, 2,
                    &attrs);
    }
    w = emit_reshape(e, w, t.rank, t.dim);
    return w == IR_NONE ? v : w;
}

// GatherElements whose indices are the same along the last axis picks whole rows: [1,R,W] by
// [1,T,1].
static ir_val simplify_gather_elements(emitter *e, ir_val v, const ir_op *op) {
    const ir_op wide = emit_def(e, op->operand[1]);
    const ir_type x = *emit_type(e, op->operand[0]), t = *emit_type(e, v);
    if (wide.code != IR_t_broadcast || x.rank != 3 || x.dim[0] != 1 || t.dim[2] != x.dim[2] ||
        ir_attr_int(&op->attrs, IR_ATTR_axis, 0) != 1)
        return v;
    const ir_type index = *emit_type(e, wide.operand[0]);
    if (index.rank < 1 || index.dim[index.rank - 1] != 1 || ir_type_width(&index) != t.dim[1])
        return v;
    ir_attrs attrs = {0};
    ir_attr_set_int(e->r.scratch, &attrs, IR_ATTR_axis, 0);
    ir_val in[] = {emit_reshape(e, op->operand[0], 2, x.dim + 1),
                   emit_reshape(e, wide.operand[0], 2, (int64_t[]){1, t.dim[1]})};
    ir_val w = emit_op(e, IR_t_gather, in, 2, &attrs);
    return w == IR_NONE ? v : w;
}

// ---- reductions ------------------------------------------------------------------------------

// Reduced axes always stay; a reshape drops them.
static ir_val keep_reduced(emitter *e, ir_val v, const ir_op *op) {
    if (ir_attr_int(&op->attrs, IR_ATTR_keepdims, 1)) return v;
    ir_attrs attrs = ir_attrs_copy(e->r.scratch, &op->attrs);
    ir_attr_set_int(e->r.scratch, &attrs, IR_ATTR_keepdims, 1);
    const ir_type t = *emit_type(e, v);
    ir_val w = emit_reshape(e, emit_op(e, op->code, op->operand, 1, &attrs), t.rank, t.dim);
    return w == IR_NONE ? v : w;
}

// Along a last axis that a reshape keeps, softmax is what stands before the reshape: newer opsets
// spell the softmax of older ones on a matrix.
static ir_val softmax_of_reshape(emitter *e, ir_val v, const ir_op *op) {
    const ir_op below = emit_def(e, op->operand[0]);
    if (below.code != IR_t_reshape) return v;
    const ir_type to = *emit_type(e, v), from = *emit_type(e, below.operand[0]);
    if (!to.rank || !from.rank || to.dim[to.rank - 1] != from.dim[from.rank - 1] ||
        ir_attr_int(&op->attrs, IR_ATTR_axis, to.rank - 1) != to.rank - 1)
        return v;
    ir_attrs attrs = ir_attrs_copy(e->r.scratch, &op->attrs);
    ir_attr_set_int(e->r.scratch, &attrs, IR_ATTR_axis, from.rank - 1);
    return emit_reshape(e, emit_op(e, op->code, &below.operand[0], 1, &attrs), to.rank, to.dim);
}

ir_val canonical_shapes(emitter *e, ir_val v) {
    const ir_op op = emit_def(e, v);
    if (op.code == IR_OP_COUNT) return v;
    ir_val w = v;
    if (ir_is_elementwise(op.code) && op.n_operands > 1) w = drop_broadcast(e, v, &op);
    if (w == v && ir_kind_of(op.code) == IR_KIND_SWAP) w = order_operands(e, v, &op);
    if (w != v) return w == IR_NONE ? v : w;
    switch (op.code) {
    case IR_t_broadcast: {
        const ir_op below = emit_def(e, op.operand[0]);
        const ir_type t = *emit_type(e, v);
        if (ir_type_equal(&t, emit_type(e, op.operand[0]))) return op.operand[0];
        return below.code == IR_t_broadcast ? emit_broadcast(e, below.operand[0], t.rank, t.dim)
                                            : v;
    }
    case IR_t_cast: return simplify_cast(e, v, &op);
    case IR_t_slice: return simplify_slice(e, v, &op);
    case IR_t_concat: return simplify_concat(e, v, &op);
    case IR_t_gather: return simplify_gather(e, v, &op);
    case IR_t_dequantize: return simplify_dequantize(e, v, &op);
    case IR_t_gather_elements: return simplify_gather_elements(e, v, &op);
    case IR_t_gather_nd: return simplify_gather_nd(e, v, &op);
    case IR_t_reduce: return keep_reduced(e, v, &op);
    case IR_t_softmax: w = softmax_of_reshape(e, v, &op); return w == IR_NONE ? v : w;
    default: return v;
    }
}
