// Is a mask a function of k - q? Then its first and its last row tell all of it, and looking at
// some rows is no sample. Followed through what computes it: positions counted along either axis,
// compared or subtracted, are such a function; whatever is done to one element by element stays
// one.
#include "passes/tokens/rules/mask.h"
#include <string.h>

enum { MAX_DEPTH = 256 };

// What is said of axes as long as there are tokens; along others a value may vary as it likes (the
// heads).
typedef enum {
    UNKNOWN,
    SAME,   // along all of them
    COUNTS, // a number plus the index along axis[0]: whole numbers that f32 holds exactly
    SHIFT,  // a function of the difference of the indices along two, the same along others
} shape_kind;

typedef struct {
    bool is_known;
    shape_kind kind;
    int axis[2]; // of the value
} shape;

typedef struct {
    tok_parts *s;
    const ir_func *f;
    int64_t tokens;
    shape *known; // by value
    int depth;
} walk;

static shape shape_of(walk *w, ir_val v);

// ---- what is evaluated whole -----------------------------------------------------------------

static bool same_bits(const tensor *t, size_t i, size_t j) {
    const size_t n = elem_bytes(t->type);
    return memcmp((const char *)t->data + i * n, (const char *)t->data + j * n, n) == 0;
}

static bool is_wide(elem e) { // holds whole numbers up to 2^24, and their differences
    return e == ELEM_f32 || e == ELEM_f64 || e == ELEM_i32 || e == ELEM_i64;
}

// Element 0 plus the index along the one axis that counts tokens.
static bool counts(const tensor *t, int axis) {
    const double most = 1 << 24;
    size_t inner = 1;
    for (int i = axis + 1; i < t->rank; i++) inner *= (size_t)t->dim[i];
    const double first = elem_load_f64(t->type, t->data, 0);
    if (first != (double)(int64_t)first) return false;
    for (size_t i = 0, n = tensor_count(t); i < n; i++) {
        const double at = (double)(i / inner % (size_t)t->dim[axis]);
        const double x = elem_load_f64(t->type, t->data, i);
        if (x != first + at || x >= most || x <= -most) return false;
    }
    return true;
}

static shape of_tensor(const walk *w, const tensor *t) {
    int axis = -1, n_axes = 0;
    for (int i = 0; i < t->rank; i++)
        if (t->dim[i] == w->tokens) {
            axis = i;
            n_axes++;
        }
    if (n_axes == 0) return (shape){.kind = SAME};
    if (n_axes > 1 || t->type == ELEM_q8 || tensor_count(t) == 0) return (shape){.kind = UNKNOWN};
    size_t inner = 1;
    for (int i = axis + 1; i < t->rank; i++) inner *= (size_t)t->dim[i];
    bool same = true;
    for (size_t i = 0, n = tensor_count(t); i < n && same; i++)
        same = same_bits(t, i, i - i / inner % (size_t)t->dim[axis] * inner);
    if (same) return (shape){.kind = SAME};
    return (shape){.kind = is_wide(t->type) && counts(t, axis) ? COUNTS : UNKNOWN,
                   .axis = {axis, axis}};
}

static bool is_one_number(const tensor *t) {
    bool same = tensor_count(t) > 0 && t->type != ELEM_q8;
    for (size_t i = 1, n = tensor_count(t); i < n && same; i++) same = same_bits(t, 0, i);
    return same;
}

// ---- operations ------------------------------------------------------------------------------

static shape moved(shape s, int by) {
    s.axis[0] += by;
    s.axis[1] += by;
    return s;
}

static bool same_axes(const shape *a, const shape *b) {
    return (a->axis[0] == b->axis[0] && a->axis[1] == b->axis[1]) ||
           (a->axis[0] == b->axis[1] && a->axis[1] == b->axis[0]);
}

// Every element of the result is the same function of one element of each operand.
static shape of_elements(walk *w, const ir_op *op) {
    const int rank = ir_type_of(w->f, op->result[0])->rank;
    shape in[3], y = {.kind = SAME};
    int n_counts = 0, n_shifts = 0;
    if (op->n_operands > 3) return (shape){.kind = UNKNOWN};
    for (uint32_t k = 0; k < op->n_operands; k++) {
        in[k] = moved(shape_of(w, op->operand[k]), rank - ir_type_of(w->f, op->operand[k])->rank);
        if (in[k].kind == UNKNOWN) return in[k];
        if (in[k].kind == SAME) continue;
        n_counts += in[k].kind == COUNTS;
        n_shifts += in[k].kind == SHIFT;
        if (n_shifts > 1 && in[k].kind == SHIFT && !same_axes(&y, &in[k]))
            return (shape){.kind = UNKNOWN};
        y = in[k];
    }
    if (n_counts == 0) return y;
    const bool is_difference = op->code == IR_t_sub || op->code == IR_t_lt || op->code == IR_t_le ||
                               op->code == IR_t_gt || op->code == IR_t_ge || op->code == IR_t_eq;
    if (n_counts == 2 && n_shifts == 0 && is_difference && in[0].axis[0] != in[1].axis[0])
        return (shape){.kind = SHIFT, .axis = {in[0].axis[0], in[1].axis[0]}};
    // A cast that keeps the numbers.
    if (op->code == IR_t_cast && n_counts == 1 && is_wide(ir_type_of(w->f, op->result[0])->type))
        return y;
    return (shape){.kind = UNKNOWN};
}

// But for axes of size 1 both have the same.
static bool same_long_axes(const ir_type *x, const ir_type *y) {
    int i = 0, j = 0;
    for (;; i++, j++) {
        while (i < x->rank && x->dim[i] == 1) i++;
        while (j < y->rank && y->dim[j] == 1) j++;
        if (i == x->rank || j == y->rank) return i == x->rank && j == y->rank;
        if (x->dim[i] != y->dim[j]) return false;
    }
}

static shape of_view(walk *w, const ir_op *op) {
    const ir_type *x = ir_type_of(w->f, op->operand[0]), *t = ir_type_of(w->f, op->result[0]);
    shape s = shape_of(w, op->operand[0]);
    if (s.kind == SAME && op->code == IR_t_reshape && !same_long_axes(x, t))
        return (shape){.kind = UNKNOWN};
    if (s.kind == UNKNOWN || s.kind == SAME) return s;
    size_t n;
    const int64_t *perm = ir_attr_ints(&op->attrs, IR_ATTR_perm, &n);
    for (int k = 0; k < 2; k++) {
        int to = -1;
        if (op->code == IR_t_reshape) to = ir_type_same_axis(t, x, s.axis[k]);
        for (int i = 0; op->code == IR_t_transpose && i < t->rank; i++)
            if (perm[i] == s.axis[k]) to = i;
        if (to < 0) return (shape){.kind = UNKNOWN};
        s.axis[k] = to;
    }
    return s;
}

static shape of_op(walk *w, const ir_op *op) {
    const int rank = ir_type_of(w->f, op->result[0])->rank;
    shape s = {.kind = UNKNOWN}, x;
    switch (op->code) {
    case IR_t_reshape:
    case IR_t_transpose: return of_view(w, op);
    case IR_t_broadcast:
        return moved(shape_of(w, op->operand[0]), rank - ir_type_of(w->f, op->operand[0])->rank);
    case IR_t_trilu:
        x = shape_of(w, op->operand[0]);
        s = (shape){.kind = SHIFT, .axis = {rank - 2, rank - 1}};
        return x.kind == SAME || (x.kind == SHIFT && same_axes(&x, &s)) ? s
                                                                        : (shape){.kind = UNKNOWN};
    case IR_t_gather: // rows of a table by such a function: T5's buckets
        x = shape_of(w, op->operand[0]);
        if (x.kind != SAME) return s;
        x = shape_of(w, op->operand[1]);
        return x.kind == COUNTS ? s : moved(x, (int)ir_attr_int(&op->attrs, IR_ATTR_axis, 0));
    case IR_t_gather_nd: { // one number, wherever it is read
        const ir_val data = op->operand[0];
        const tensor *t = w->s->p->is_large[data] ? NULL : tok_eval_whole(w->s, data);
        return t && is_one_number(t) ? (shape){.kind = SAME} : s;
    }
    default: return ir_is_elementwise(op->code) || op->code == IR_t_cast ? of_elements(w, op) : s;
    }
}

static shape shape_of(walk *w, ir_val v) {
    if (w->known[v].is_known) return w->known[v];
    shape s = {.kind = UNKNOWN};
    const ir_op *op = ir_def(w->f, v);
    if (!w->s->p->is_large[v]) {
        const tensor *t = tok_eval_whole(w->s, v);
        if (t) s = of_tensor(w, t);
    } else if (op && op->n_results == 1 && w->depth < MAX_DEPTH) {
        w->depth++;
        s = of_op(w, op);
        w->depth--;
    }
    s.is_known = true;
    w->known[v] = s;
    return s;
}

bool tok_mask_is_shift(const tok_mask_view *v) {
    if (!v->parts || v->rows != v->keys) return false;
    arena *a = arena_new();
    walk w = {.s = v->parts, .f = v->parts->p->f, .tokens = v->rows};
    w.known = ARENA_ARRAY(a, shape, w.f->values.count);
    const shape s = shape_of(&w, v->v),
                rows = {.axis = {ir_type_of(w.f, v->v)->rank - 2, ir_type_of(w.f, v->v)->rank - 1}};
    arena_free(a);
    return s.kind == SAME || (s.kind == SHIFT && same_axes(&s, &rows));
}
