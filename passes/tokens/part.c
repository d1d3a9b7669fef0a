// What is the value of a few rows of something large? A mask of 131,072 tokens has 17 billion
// elements, of which find-tokens looks at some rows: each operation is evaluated on the part that
// the part of its result needs. What is small (sizes, positions, tables) is evaluated whole, and
// once; so is what cannot be evaluated in parts, if it is not huge.
#include "ir/eval/interp.h"
#include "passes/large.h"
#include "passes/tokens/find_tokens.h"
#include <inttypes.h>
#include <string.h>

enum { MAX_DEPTH = 512, MAX_PARTS = 4096 }; // operations below each other; parts of one evaluation

typedef struct {
    ir_val v;
    tok_box box;
    tensor is;
} known_part;

typedef struct {
    tok_parts *s;
    arena *a;
    VEC(known_part) known;
    int depth;
} walk;

static bool part(walk *w, ir_val v, const tok_box *b, tensor *out);

// ---- boxes -----------------------------------------------------------------------------------

static tok_box whole_box(const ir_type *t) {
    tok_box b = {{0}, {0}};
    for (int i = 0; i < t->rank; i++) b.size[i] = t->dim[i];
    return b;
}

static bool is_whole(const tok_box *b, const ir_type *t) {
    bool is = true;
    for (int i = 0; i < t->rank; i++) is &= b->size[i] == t->dim[i];
    return is;
}

static tensor boxed(arena *a, const ir_type *t, const tok_box *b) {
    return tensor_new(a, t->type, t->rank, b->size);
}

// Copies elements (start[i] + k*step[i]) of `from` to `to`, which has the shape of what is copied.
static void copy_steps(const tensor *from, const int64_t *start, const int64_t *step, tensor *to) {
    int64_t stride[IR_MAX_RANK], index[IR_MAX_RANK] = {0}, s = 1, at = 0;
    const int rank = to->rank, last = rank - 1;
    const size_t bytes = elem_bytes(to->type), count = tensor_count(to);
    for (int i = rank; i-- > 0;) {
        at += start[i] * s;
        stride[i] = step[i] * s;
        s *= from->dim[i];
    }
    const int64_t run = rank ? to->dim[last] : 1, apart = rank ? stride[last] : 1;
    const char *x = from->data;
    char *y = to->data;
    for (size_t k = 0; k < count; k += (size_t)run, y += (size_t)run * bytes) {
        if (apart == 1)
            memcpy(y, x + (size_t)at * bytes, (size_t)run * bytes);
        else
            for (int64_t j = 0; j < run; j++)
                memcpy(y + (size_t)j * bytes, x + (size_t)(at + j * apart) * bytes, bytes);
        for (int i = last - 1; i >= 0; i--) {
            at += stride[i];
            if (++index[i] < to->dim[i]) break;
            at -= index[i] * stride[i];
            index[i] = 0;
        }
    }
}

static const int64_t ones[IR_MAX_RANK] = {[0 ... IR_MAX_RANK - 1] = 1};

static tensor cut(arena *a, const tensor *whole, const tok_box *b) {
    tensor t = tensor_new(a, whole->type, whole->rank, b->size);
    copy_steps(whole, b->from, ones, &t);
    return t;
}

// The part of an operand that broadcasts to a part of the result.
static tok_box broadcast_box(const ir_type *x, const ir_type *y, const tok_box *b) {
    tok_box o = {{0}, {0}};
    for (int i = 0; i < x->rank; i++) {
        const int at = i + y->rank - x->rank;
        const bool repeats = x->dim[i] == 1 || at < 0;
        o.from[i] = repeats ? 0 : b->from[at];
        o.size[i] = repeats ? 1 : b->size[at];
    }
    return o;
}

// The smallest box of a value of type x that holds its elements [from, until) in row-major order.
static tok_box hull(const ir_type *x, int64_t from, int64_t until) {
    tok_box o = {{0}, {0}};
    int64_t inner = ir_type_width(x);
    bool open = true; // outer axes have one index
    for (int i = 0; i < x->rank; i++) {
        inner /= x->dim[i];
        const int64_t first = from / inner % x->dim[i], last = (until - 1) / inner % x->dim[i];
        o.from[i] = open ? first : 0;
        o.size[i] = open ? last - first + 1 : x->dim[i];
        open &= first == last;
    }
    return o;
}

// Row-major number, in the value, of the first or the last element of a box.
static int64_t number_of(const ir_type *t, const tok_box *b, bool is_last) {
    int64_t n = 0;
    for (int i = 0; i < t->rank; i++)
        n = n * t->dim[i] + b->from[i] + (is_last ? b->size[i] - 1 : 0);
    return n;
}

// ---- operations ------------------------------------------------------------------------------

static bool evaluate(const walk *w, const ir_op *op, const tensor *in, tensor *out) {
    const tok_ctx *c = w->s->c;
    const tensor **operand = ARENA_ARRAY(w->a, const tensor *, op->n_operands + 1);
    for (uint32_t k = 0; k < op->n_operands; k++)
        operand[k] = op->operand[k] == IR_NONE ? NULL : &in[k];
    ir_eval_ctx e = {
        .module = c->old, .func = w->s->p->f, .arena = w->a, .threads = 1, .diags = tok_sink(c)};
    return ir_eval_op(&e, op, operand, out);
}

// Every operand where the result broadcasts it to.
static bool part_elementwise(walk *w, const ir_op *op, const ir_type *t, const tok_box *b,
                             tensor *out) {
    tensor *in = ARENA_ARRAY(w->a, tensor, op->n_operands + 1);
    for (uint32_t k = 0; k < op->n_operands; k++) {
        const tok_box o = broadcast_box(ir_type_of(w->s->p->f, op->operand[k]), t, b);
        if (!part(w, op->operand[k], &o, &in[k])) return false;
    }
    *out = boxed(w->a, t, b);
    return evaluate(w, op, in, out);
}

static bool part_transpose(walk *w, const ir_op *op, const ir_type *t, const tok_box *b,
                           tensor *out) {
    size_t n;
    const int64_t *perm = ir_attr_ints(&op->attrs, IR_ATTR_perm, &n);
    tok_box o = {{0}, {0}};
    for (int i = 0; i < t->rank; i++) {
        o.from[perm[i]] = b->from[i];
        o.size[perm[i]] = b->size[i];
    }
    tensor in;
    if (!part(w, op->operand[0], &o, &in)) return false;
    *out = boxed(w->a, t, b);
    return evaluate(w, op, &in, out);
}

// Elements follow each other in a part of the operand, from its first on. Where that would be much
// more than is asked for (a row of every head), the result is put together from parts.
static bool part_reshape(walk *w, const ir_op *op, const ir_type *t, const tok_box *b,
                         tensor *out) {
    const ir_type *x = ir_type_of(w->s->p->f, op->operand[0]);
    const int64_t first = number_of(t, b, false), last = number_of(t, b, true);
    const tok_box o = hull(x, first, last + 1);
    const int64_t skipped = number_of(x, &o, false), span = number_of(x, &o, true) - skipped + 1;
    *out = boxed(w->a, t, b);
    const size_t bytes = elem_bytes(t->type), count = tensor_count(out);
    int axis = 0;
    while (axis < t->rank && b->size[axis] == 1) axis++;
    if (axis < t->rank && (size_t)span > 2 * count) {
        tok_box one = *b;
        one.size[axis] = 1;
        for (int64_t i = 0; i < b->size[axis]; i++, one.from[axis]++) {
            tensor piece;
            if (!part_reshape(w, op, t, &one, &piece)) return false;
            memcpy((char *)out->data + (size_t)i * tensor_bytes(&piece), piece.data,
                   tensor_bytes(&piece));
        }
        return true;
    }
    tensor in;
    if (!part(w, op->operand[0], &o, &in)) return false;
    int64_t index[IR_MAX_RANK] = {0};
    for (size_t k = 0; k < count; k++) {
        int64_t at = 0;
        for (int i = 0; i < t->rank; i++) at = at * t->dim[i] + b->from[i] + index[i];
        memcpy((char *)out->data + k * bytes, (char *)in.data + (size_t)(at - skipped) * bytes,
               bytes);
        for (int i = t->rank - 1; i >= 0 && ++index[i] == b->size[i]; i--) index[i] = 0;
    }
    return true;
}

static bool part_slice(walk *w, const ir_op *op, const ir_type *t, const tok_box *b, tensor *out) {
    size_t n;
    const int64_t *starts = ir_attr_ints(&op->attrs, IR_ATTR_starts, &n);
    const int64_t *steps = ir_attr_ints(&op->attrs, IR_ATTR_steps, &n);
    tok_box o = {{0}, {0}};
    int64_t start[IR_MAX_RANK] = {0};
    for (int i = 0; i < t->rank; i++) {
        const int64_t one = starts[i] + b->from[i] * steps[i],
                      other = one + (b->size[i] - 1) * steps[i];
        o.from[i] = min_i64(one, other);
        o.size[i] = max_i64(one, other) - o.from[i] + 1;
        start[i] = one - o.from[i];
    }
    tensor in;
    if (!part(w, op->operand[0], &o, &in)) return false;
    *out = boxed(w->a, t, b);
    copy_steps(&in, start, steps, out);
    return true;
}

static bool part_concat(walk *w, const ir_op *op, const ir_type *t, const tok_box *b, tensor *out) {
    const int64_t axis = ir_attr_int(&op->attrs, IR_ATTR_axis, 0);
    tensor *in = ARENA_ARRAY(w->a, tensor, op->n_operands + 1);
    int64_t at = 0;
    for (uint32_t k = 0; k < op->n_operands; k++) {
        const ir_type *x = ir_type_of(w->s->p->f, op->operand[k]);
        const int64_t n = x->rank == t->rank ? x->dim[axis] : 0;
        const int64_t from = max_i64(b->from[axis], at),
                      until = min_i64(b->from[axis] + b->size[axis], at + n);
        tok_box o = *b;
        o.from[axis] = from - at;
        o.size[axis] = max_i64(0, until - from);
        at += n;
        in[k] = boxed(w->a, t, &o);
        if (until > from && !part(w, op->operand[k], &o, &in[k])) return false;
    }
    *out = boxed(w->a, t, b);
    return evaluate(w, op, in, out);
}

// Indices are few where the part is; the data they name is taken between the least and the largest.
static bool part_gather(walk *w, const ir_op *op, const ir_type *t, const tok_box *b, tensor *out) {
    const ir_type *x = ir_type_of(w->s->p->f, op->operand[0]),
                  *index = ir_type_of(w->s->p->f, op->operand[1]);
    const int axis = (int)ir_attr_int(&op->attrs, IR_ATTR_axis, 0);
    tok_box data = {{0}, {0}}, at = {{0}, {0}};
    for (int i = 0; i < t->rank; i++) {
        const bool is_index = i >= axis && i < axis + index->rank;
        tok_box *o = is_index ? &at : &data;
        const int to = is_index ? i - axis : i < axis ? i : i - index->rank + 1;
        o->from[to] = b->from[i];
        o->size[to] = b->size[i];
    }
    tensor in[2], named;
    if (!part(w, op->operand[1], &at, &named)) return false;
    const size_t count = tensor_count(&named);
    in[1] = tensor_new(w->a, ELEM_i64, index->rank, at.size);
    int64_t *n = in[1].data, least = x->dim[axis], most = -1;
    for (size_t k = 0; k < count; k++) {
        n[k] = elem_load_i64(named.type, named.data, k);
        if (n[k] < 0) n[k] += x->dim[axis];
        if (n[k] < 0 || n[k] >= x->dim[axis]) return false;
        least = min_i64(least, n[k]);
        most = max_i64(most, n[k]);
    }
    for (size_t k = 0; k < count; k++) n[k] -= least;
    data.from[axis] = least;
    data.size[axis] = most - least + 1;
    if (!part(w, op->operand[0], &data, &in[0])) return false;
    *out = boxed(w->a, t, b);
    return evaluate(w, op, in, out);
}

static bool part_gather_nd(walk *w, const ir_op *op, const ir_type *t, const tok_box *b,
                           tensor *out) {
    const ir_type *x = ir_type_of(w->s->p->f, op->operand[0]),
                  *index = ir_type_of(w->s->p->f, op->operand[1]);
    const int depth = (int)index->dim[index->rank - 1];
    if (ir_attr_int(&op->attrs, IR_ATTR_batch_dims, 0) != 0 || depth != x->rank) return false;
    tok_box at = *b;
    at.from[index->rank - 1] = 0;
    at.size[index->rank - 1] = depth;
    const tok_box data = whole_box(x);
    tensor in[2];
    if (!part(w, op->operand[0], &data, &in[0]) || !part(w, op->operand[1], &at, &in[1]))
        return false;
    *out = boxed(w->a, t, b);
    return evaluate(w, op, in, out);
}

static bool part_trilu(walk *w, const ir_op *op, const ir_type *t, const tok_box *b, tensor *out) {
    const int64_t k = ir_attr_int(&op->attrs, IR_ATTR_k, 0);
    const bool upper = ir_attr_int(&op->attrs, IR_ATTR_upper, 1) != 0;
    tensor in;
    if (!part(w, op->operand[0], b, &in)) return false;
    *out = boxed(w->a, t, b);
    const int r = t->rank - 2;
    const size_t bytes = elem_bytes(t->type), n = tensor_count(out);
    const int64_t columns = b->size[r + 1];
    for (size_t at = 0; at < n; at += (size_t)columns) {
        const int64_t row = b->from[r] + (int64_t)(at / (size_t)columns) % b->size[r];
        // The first column right of the kept or the cut triangle, in the part.
        const int64_t edge =
            max_i64(0, min_i64(columns, row + k + (upper ? 0 : 1) - b->from[r + 1]));
        const int64_t from = upper ? edge : 0, until = upper ? columns : edge;
        memcpy((char *)out->data + (at + (size_t)from) * bytes,
               (char *)in.data + (at + (size_t)from) * bytes, (size_t)(until - from) * bytes);
    }
    return true;
}

static bool part_matmul(walk *w, const ir_op *op, const ir_type *t, const tok_box *b, tensor *out) {
    tensor in[2];
    for (int k = 0; k < 2; k++) {
        const ir_type *x = ir_type_of(w->s->p->f, op->operand[k]);
        if (x->rank < 2) return false;
        tok_box o = broadcast_box(x, t, b);
        const int summed = x->rank - (k ? 2 : 1), kept = x->rank - (k ? 1 : 2);
        o.from[summed] = 0;
        o.size[summed] = x->dim[summed];
        o.from[kept] = b->from[t->rank - (k ? 1 : 2)];
        o.size[kept] = b->size[t->rank - (k ? 1 : 2)];
        if (!part(w, op->operand[k], &o, &in[k])) return false;
    }
    *out = boxed(w->a, t, b);
    return evaluate(w, op, in, out);
}

// ---- the walk --------------------------------------------------------------------------------

// False: it cannot be evaluated in parts, or something is reported.
static bool part_of_op(walk *w, const ir_op *op, const ir_type *t, const tok_box *b, tensor *out) {
    switch (op->code) {
    case IR_t_transpose: return part_transpose(w, op, t, b, out);
    case IR_t_reshape: return part_reshape(w, op, t, b, out);
    case IR_t_slice: return part_slice(w, op, t, b, out);
    case IR_t_concat: return part_concat(w, op, t, b, out);
    case IR_t_gather: return part_gather(w, op, t, b, out);
    case IR_t_gather_nd: return part_gather_nd(w, op, t, b, out);
    case IR_t_trilu: return part_trilu(w, op, t, b, out);
    case IR_t_matmul: return part_matmul(w, op, t, b, out);
    case IR_t_cast:
    case IR_t_broadcast: return part_elementwise(w, op, t, b, out);
    default: return ir_is_elementwise(op->code) && part_elementwise(w, op, t, b, out);
    }
}

const tensor *tok_eval_whole(tok_parts *s, ir_val v) {
    if (!s->whole) s->whole = ARENA_ARRAY(s->a, const tensor *, s->p->f->values.count);
    if (!s->whole[v]) {
        tensor t;
        if (!tok_eval(s->c, s->p, v, s->params, s->a, &t)) return NULL;
        s->whole[v] = arena_copy(s->a, &t, sizeof t);
    }
    return s->whole[v];
}

static bool part_of_whole(walk *w, ir_val v, const tok_box *b, tensor *out) {
    const tensor *x = tok_eval_whole(w->s, v);
    if (x) *out = is_whole(b, ir_type_of(w->s->p->f, v)) ? *x : cut(w->a, x, b);
    return x;
}

static bool part(walk *w, ir_val v, const tok_box *b, tensor *out) {
    const tok_probe *p = w->s->p;
    if (!p->is_large[v]) return part_of_whole(w, v, b, out);
    for (size_t i = 0; i < w->known.count; i++) {
        if (w->known.items[i].v != v || memcmp(&w->known.items[i].box, b, sizeof *b)) continue;
        *out = w->known.items[i].is;
        return true;
    }
    const ir_type *t = ir_type_of(p->f, v);
    const ir_op *op = ir_def(p->f, v);
    const size_t before = diag_errors(tok_sink(w->s->c));
    int64_t n = 1;
    for (int i = 0; i < t->rank; i++) n *= b->size[i];
    bool ok = false;
    if (op && op->n_results == 1 && n <= large_most(LARGE_WHOLE, p->tokens) &&
        w->depth < MAX_DEPTH && w->known.count < MAX_PARTS) {
        w->depth++;
        ok = n == 0 ? (*out = boxed(w->a, t, b), true) : part_of_op(w, op, t, b, out);
        w->depth--;
    }
    if (!ok && diag_errors(tok_sink(w->s->c)) == before)
        ok = p->is_huge[v] ? tok_is_huge(w->s->c, p, v) : part_of_whole(w, v, b, out);
    if (ok) vec_push(&w->known, (known_part){v, *b, *out});
    return ok;
}

bool tok_eval_part(tok_parts *s, ir_val v, const tok_box *b, arena *a, tensor *out) {
    walk w = {.s = s, .a = a};
    tok_box box = {{0}, {0}}; // compared as a whole: nothing beside the value's axes
    const int rank = ir_type_of(s->p->f, v)->rank;
    memcpy(box.from, b->from, (size_t)rank * sizeof *box.from);
    memcpy(box.size, b->size, (size_t)rank * sizeof *box.size);
    const bool ok = part(&w, v, &box, out);
    vec_free(&w.known);
    return ok;
}
