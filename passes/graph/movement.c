// Data movements between two values; see movement.h.
#include "passes/graph/movement.h"
#include "ir/eval/interp.h"

static bool is_sign(const emitter *e, ir_val v) {
    const tensor *t = emit_const_of(e, v);
    if (!t || tensor_count(t) == 0 || tensor_count(t) > 4096) return false;
    for (size_t i = 0, n = tensor_count(t); i < n; i++) {
        double x = elem_load_f64(t->type, t->data, i);
        if (x != 1 && x != -1) return false;
    }
    return true;
}

bool movement_is(const emitter *e, const ir_op *op) {
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

bool movement_is_leaf(const movement *w, ir_val v) {
    for (int i = 0; i < w->n_leaves; i++)
        if (w->leaf[i] == v) return true;
    return false;
}

bool movement_collect(movement *w, ir_val v) {
    if (movement_is_leaf(w, v)) return true;
    for (int i = 0; i < w->n_moves; i++)
        if (w->move[i] == v) return true;
    const ir_op *op = ir_def(w->e->r.f, v);
    if (!op || !movement_is(w->e, op)) return false;
    bool data_only = op->code == IR_t_gather || op->code == IR_t_mul;
    for (uint32_t i = 0; i < (data_only ? 1 : op->n_operands); i++)
        if (!movement_collect(w, op->operand[i])) return false;
    if (w->n_moves == MOVEMENT_MAX) return false;
    w->move[w->n_moves++] = v;
    return true;
}

// ---- tracing ---------------------------------------------------------------------------------

enum { LARGE_LEAF = 1 << 18, TRACED = 32 }; // elements that are traced whole; indices of a cut axis

// The axis of op's result that has the indices of its operand's `axis`, each treated as any other;
// -1: none.
static int kept_axis(const emitter *e, const ir_op *op, const ir_type *x, int axis) {
    const ir_type *t = emit_type(e, op->result[0]);
    size_t n;
    switch (op->code) {
    case IR_t_neg: return axis;
    case IR_t_mul: { // a sign of its own for each index would be one axis of the constant
        const ir_type *c = emit_type(e, op->operand[1]);
        const int at = axis + c->rank - x->rank;
        return c->rank <= x->rank && (at < 0 || c->dim[at] == 1) ? axis : -1;
    }
    case IR_t_slice:
        return t->dim[axis] == x->dim[axis] &&
                       ir_attr_ints(&op->attrs, IR_ATTR_steps, &n)[axis] == 1
                   ? axis
                   : -1;
    case IR_t_concat: return ir_attr_int(&op->attrs, IR_ATTR_axis, 0) == axis ? -1 : axis;
    case IR_t_gather: {
        const int by = (int)ir_attr_int(&op->attrs, IR_ATTR_axis, 0);
        return axis == by ? -1 : axis < by ? axis : axis + t->rank - x->rank;
    }
    case IR_t_transpose: {
        const int64_t *perm = ir_attr_ints(&op->attrs, IR_ATTR_perm, &n);
        for (int i = 0; i < t->rank; i++)
            if (perm[i] == axis) return i;
        return -1;
    }
    default: return ir_type_same_axis(t, x, axis); // t.reshape
    }
}

// The axis of every moved value that holds the leaves' longest one but the last; false: some
// operation treats its indices differently.
static bool follow_axis(const movement *w, int *axis) {
    const emitter *e = w->e;
    const ir_type *t = emit_type(e, w->leaf[0]);
    int longest = 0;
    for (int i = 1; i + 1 < t->rank; i++)
        if (t->dim[i] > t->dim[longest]) longest = i;
    if (t->rank < 2 || t->dim[longest] <= TRACED) return false;
    for (int i = 0; i < w->n_leaves; i++) {
        if (!ir_type_equal(emit_type(e, w->leaf[i]), t)) return false;
        axis[w->leaf[i]] = longest;
    }
    for (int i = 0; i < w->n_moves; i++) {
        const ir_op *op = ir_def(e->r.f, w->move[i]);
        const bool moves_all = op->code == IR_t_concat;
        int *to = &axis[op->result[0]];
        for (uint32_t k = 0; k < (moves_all ? op->n_operands : 1); k++) {
            const ir_val x = op->operand[k];
            const int at = kept_axis(e, op, emit_type(e, x), axis[x]);
            if (at < 0 || (k > 0 && at != *to)) return false;
            *to = at;
        }
    }
    return true;
}

static tensor numbered(arena *a, const ir_type *t, int leaf) {
    tensor x = tensor_new(a, ELEM_f32, t->rank, t->dim);
    for (size_t i = 0, n = tensor_count(&x); i < n; i++)
        ((float *)x.data)[i] = (float)((int64_t)leaf * MOVEMENT_STRIDE + (int64_t)i + 1);
    return x;
}

bool movement_trace(movement *w, arena *a, tensor *out) {
    w->n_moves = 0;
    if (!movement_collect(w, w->root)) return false;
    const ir_func *f = w->e->r.f;
    const tensor **known = ARENA_ARRAY(a, const tensor *, f->values.count);
    int *axis = ARENA_ARRAY(a, int, f->values.count);
    const bool is_cut = !w->is_whole && ir_type_width(emit_type(w->e, w->leaf[0])) > LARGE_LEAF &&
                        follow_axis(w, axis);
    w->is_whole = !is_cut;
    for (int i = 0; i < w->n_leaves; i++) {
        ir_type t = *emit_type(w->e, w->leaf[i]);
        if (is_cut) t.dim[axis[w->leaf[i]]] = TRACED;
        if (ir_type_width(&t) >= MOVEMENT_STRIDE) return false;
        tensor *x = ARENA_NEW(a, tensor);
        *x = numbered(a, &t, i);
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
        ir_type t = *emit_type(w->e, w->move[i]);
        if (is_cut) t.dim[axis[w->move[i]]] = TRACED;
        tensor *y = ARENA_NEW(a, tensor);
        *y = tensor_new(a, t.type, t.rank, t.dim);
        if (!ir_eval_op(&c, op, in, y)) return false;
        known[w->move[i]] = y;
    }
    *out = *known[w->root];
    return out->type == ELEM_f32;
}

bool movement_trace_alike(movement *const *w, int n, arena *a, tensor *out) {
    for (;;) {
        bool alike = true;
        for (int i = 0; i < n; i++) {
            if (!movement_trace(w[i], a, &out[i])) return false;
            alike &= w[i]->is_whole == w[0]->is_whole;
        }
        if (alike) return true;
        for (int i = 0; i < n; i++) w[i]->is_whole = true;
    }
}

bool movement_between(const emitter *e, ir_val x, ir_val r, arena *a, movement *w, tensor *out) {
    *w = (movement){.e = e, .root = r, .leaf = {x}, .n_leaves = 1};
    if (movement_trace(w, a, out)) return true;
    const ir_op *op = ir_def(e->r.f, x);
    if (!op || op->code != IR_t_slice) return false;
    *w = (movement){.e = e, .root = r, .leaf = {op->operand[0]}, .n_leaves = 1};
    movement wx = {.e = e, .root = x, .leaf = {op->operand[0]}, .n_leaves = 1};
    tensor traced[2];
    if (!movement_trace_alike((movement *[]){&wx, w}, 2, a, traced)) return false;
    const tensor at = traced[0];
    *out = traced[1];
    const int64_t n = min_i64(ir_type_width(emit_type(e, op->operand[0])), MOVEMENT_STRIDE);
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

void movement_note_nodes(emitter *e, const movement *w) {
    for (int i = 0; i < w->n_moves; i++) {
        const ir_op op = emit_def(e, w->move[i]);
        emit_note_nodes(e, &op);
    }
}
