// The normal form of chains of reshapes and transposes; see views.h.
//
// Exporters move heads with different chains: [1,T,H*d] -> [1,T,H,d] -> [1,H,T,d] -> [H,T,d] ->
// ...; any of them is a permutation of factors of the source's axes. The form emitted is reshape,
// transpose, reshape, the reshapes left out where they change nothing.
#include "passes/rewrite/views.h"
#include <string.h>

#define EMPTY_SIZE 2147483647 // stands for 0; a prime that no axis of a tensor has

static int64_t stand_in(int64_t dim) { return dim == 0 ? EMPTY_SIZE : dim; }

// ---- atoms -----------------------------------------------------------------------------------

static bool push_axis(view *w, int64_t dim) {
    if (dim == 1) return true;
    if (w->n == VIEW_ATOMS) return false;
    w->size[w->n] = stand_in(dim);
    w->order[w->n] = w->now[w->n] = w->n;
    w->n++;
    return true;
}

static view start(const emitter *e, ir_val source) {
    view w = {.source = source};
    const ir_type *t = emit_type(e, source);
    for (int i = 0; i < t->rank; i++) push_axis(&w, t->dim[i]); // rank <= 8 < VIEW_ATOMS
    return w;
}

static void insert_after(int *list, int n, int atom, int made) {
    int at = 0;
    while (list[at] != atom) at++;
    memmove(list + at + 2, list + at + 1, sizeof *list * (size_t)(n - at - 1));
    list[at + 1] = made;
}

// Splits an atom into `major` times the rest.
static bool split(view *w, int atom, int64_t major) {
    if (w->n == VIEW_ATOMS) return false;
    insert_after(w->order, w->n, atom, w->n);
    insert_after(w->now, w->n, atom, w->n);
    w->size[w->n] = w->size[atom] / major;
    w->size[atom] = major;
    w->n++;
    return true;
}

bool view_cut(view *w, int rank, const int64_t *dim, int *count) {
    int at = 0;
    for (int i = 0; i < rank; i++) {
        count[i] = 0;
        for (int64_t left = stand_in(dim[i]); left > 1; at++, count[i]++) {
            if (at == w->n) return false;
            int64_t size = w->size[w->now[at]];
            if (left % size == 0) {
                left /= size;
            } else if (size % left == 0) {
                if (!split(w, w->now[at], left)) return false;
                left = 1;
            } else {
                return false;
            }
        }
    }
    return at == w->n;
}

static bool apply_transpose(view *w, const ir_type *from, const int64_t *perm, const int *count) {
    int first[IR_MAX_RANK], now[VIEW_ATOMS], n = 0;
    for (int i = 0, at = 0; i < from->rank; at += count[i++]) first[i] = at;
    for (int i = 0; i < from->rank; i++)
        for (int j = 0; j < count[perm[i]]; j++) now[n++] = w->now[first[perm[i]] + j];
    memcpy(w->now, now, sizeof *now * (size_t)n);
    return n == w->n;
}

// ---- tracing ---------------------------------------------------------------------------------

static bool is_view(const ir_op *op) { return op && ir_kind_of(op->code) == IR_KIND_VIEW; }

// The chain of view operations from v back, v's own first; at most `most`.
static int chain_of(const emitter *e, ir_val v, ir_val *chain, int most) {
    int n = 0;
    for (const ir_op *op = ir_def(e->r.f, v); is_view(op) && n < most; op = ir_def(e->r.f, v)) {
        chain[n++] = v;
        v = op->operand[0];
    }
    return n;
}

// Follows chain[n-1] ... chain[0] from their source.
static bool follow(const emitter *e, const ir_val *chain, int n, view *w) {
    const ir_op *first = ir_def(e->r.f, chain[n - 1]);
    *w = start(e, first->operand[0]);
    w->n_ops = n;
    for (int i = n; i-- > 0;) {
        const ir_op *op = ir_def(e->r.f, chain[i]);
        const ir_type *t =
            op->code == IR_t_reshape ? emit_type(e, chain[i]) : emit_type(e, op->operand[0]);
        int count[IR_MAX_RANK];
        if (!view_cut(w, t->rank, t->dim, count)) return false;
        size_t rank;
        if (op->code == IR_t_transpose &&
            !apply_transpose(w, t, ir_attr_ints(&op->attrs, IR_ATTR_perm, &rank), count))
            return false;
    }
    return true;
}

#define MAX_CHAIN 16

view view_of(const emitter *e, ir_val v) {
    ir_val chain[MAX_CHAIN];
    view w;
    for (int n = chain_of(e, v, chain, MAX_CHAIN); n > 0; n--) {
        if (follow(e, chain, n, &w)) return w;
    }
    return start(e, v);
}

bool view_of_source(const emitter *e, ir_val v, ir_val source, view *w) {
    ir_val chain[MAX_CHAIN];
    if (v == source) {
        *w = start(e, v);
        return true;
    }
    int n = chain_of(e, v, chain, MAX_CHAIN);
    for (int i = 0; i < n; i++) {
        if (ir_def(e->r.f, chain[i])->operand[0] == source) return follow(e, chain, i + 1, w);
    }
    return false;
}

// ---- the normal form -------------------------------------------------------------------------

// Groups of atoms that stay together, numbered as the source has them.
typedef struct {
    int n;
    int64_t size[VIEW_ATOMS];
    int order[VIEW_ATOMS]; // groups as the value has them
} groups;

static groups group(const view *w, bool merge) {
    groups g = {0};
    int place[VIEW_ATOMS], of[VIEW_ATOMS];
    for (int i = 0; i < w->n; i++) place[w->now[i]] = i;
    for (int i = 0; i < w->n; i++) {
        int a = w->order[i];
        bool follows = merge && i > 0 && place[a] == place[w->order[i - 1]] + 1;
        if (follows) {
            int64_t *size = &g.size[g.n - 1]; // what holds an empty axis is empty
            *size =
                *size == EMPTY_SIZE || w->size[a] == EMPTY_SIZE ? EMPTY_SIZE : *size * w->size[a];
        } else {
            g.size[g.n++] = w->size[a];
        }
        of[a] = g.n - 1;
    }
    int n = 0;
    for (int i = 0; i < w->n; i++) {
        int a = of[w->now[i]];
        if (i == 0 || g.order[n - 1] != a) g.order[n++] = a;
    }
    return g;
}

// A shape whose axes other than 1 are exactly the groups in the given order.
static bool is_unit(const groups *g, const int *order, int rank, const int64_t *dim) {
    int n = 0;
    for (int i = 0; i < rank; i++) {
        if (dim[i] == 1) continue;
        if (n == g->n || stand_in(dim[i]) != g->size[order ? order[n] : n]) return false;
        n++;
    }
    return n == g->n;
}

typedef struct {
    int rank; // of the transpose
    int64_t before[IR_MAX_RANK], after[IR_MAX_RANK], perm[IR_MAX_RANK];
    int n_ops;
} plan;

static int64_t real_size(int64_t size) { return size == EMPTY_SIZE ? 0 : size; }

// Axes of `like` keep the places of its ones; the others are the groups in source order (before)
// and in value order (after).
static bool place(plan *p, const groups *g, int rank, const int64_t *like) {
    int at[IR_MAX_RANK], n = 0, axis_of[VIEW_ATOMS];
    for (int i = 0; i < rank; i++) {
        if (like[i] == 1) {
            p->before[i] = p->after[i] = 1;
            p->perm[i] = i;
        } else {
            at[n++] = i;
        }
    }
    if (n != g->n) return false;
    p->rank = rank;
    for (int i = 0; i < n; i++) {
        axis_of[i] = at[i];
        p->before[at[i]] = real_size(g->size[i]);
    }
    for (int i = 0; i < n; i++) {
        p->after[at[i]] = real_size(g->size[g->order[i]]);
        p->perm[at[i]] = axis_of[g->order[i]];
    }
    return true;
}

static bool same_shape(int rank, const int64_t *a, const ir_type *b) {
    if (rank != b->rank) return false;
    for (int i = 0; i < rank; i++) {
        if (a[i] != b->dim[i]) return false;
    }
    return true;
}

// Source and result have the same axes in another order, ones included.
static bool pure_transpose(plan *p, const groups *g, const ir_type *from, const ir_type *to) {
    if (from->rank != to->rank || !is_unit(g, NULL, from->rank, from->dim) ||
        !is_unit(g, g->order, to->rank, to->dim))
        return false;
    int axis_of[VIEW_ATOMS], ones[IR_MAX_RANK], n = 0, n_ones = 0;
    for (int i = 0; i < from->rank; i++) {
        if (from->dim[i] == 1) {
            ones[n_ones++] = i;
        } else {
            axis_of[n++] = i;
        }
    }
    n = n_ones = 0;
    for (int i = 0; i < to->rank; i++)
        p->perm[i] = to->dim[i] == 1 ? ones[n_ones++] : axis_of[g->order[n++]];
    p->rank = from->rank;
    memcpy(p->before, from->dim, sizeof p->before);
    memcpy(p->after, to->dim, sizeof p->after);
    return true;
}

static plan make_plan(const groups *g, const ir_type *from, const ir_type *to) {
    plan p = {.n_ops = 1};
    bool identity = true;
    for (int i = 0; i < g->n; i++) identity &= g->order[i] == i;
    if (identity) {
        p.n_ops = !same_shape(from->rank, from->dim, to);
        return p;
    }
    if (pure_transpose(&p, g, from, to)) return p;
    bool placed = is_unit(g, g->order, to->rank, to->dim)   ? place(&p, g, to->rank, to->dim)
                  : is_unit(g, NULL, from->rank, from->dim) ? place(&p, g, from->rank, from->dim)
                                                            : false;
    if (!placed) {
        int64_t axes[IR_MAX_RANK] = {1};
        bool batch = from->rank > 0 && from->dim[0] == 1 && g->n < IR_MAX_RANK;
        if (g->n > IR_MAX_RANK) {
            p.n_ops = IR_MAX_RANK; // not expressible
            return p;
        }
        for (int i = 0; i < g->n; i++) axes[batch + i] = 2;
        place(&p, g, g->n + batch, axes);
    }
    p.n_ops = 1 + !same_shape(p.rank, p.before, from) + !same_shape(p.rank, p.after, to);
    return p;
}

static ir_val run_plan(emitter *e, const plan *p, ir_val v, const ir_type *to) {
    if (p->rank > 0) {
        v = emit_reshape(e, v, p->rank, p->before);
        v = emit_transpose(e, v, p->perm);
    }
    return emit_reshape(e, v, to->rank, to->dim);
}

ir_val view_emit(emitter *e, const view *w, int rank, const int64_t *dim) {
    const ir_type from = *emit_type(e, w->source);
    const ir_type to = ir_type_make(from.type, rank, dim);
    const groups whole = group(w, true), single = group(w, false);
    const plan merged = make_plan(&whole, &from, &to), plain = make_plan(&single, &from, &to);
    const plan *p = plain.n_ops <= merged.n_ops ? &plain : &merged;
    if (p->n_ops >= IR_MAX_RANK) return IR_NONE;
    emit_simplify simplify = e->simplify; // what comes is the normal form
    e->simplify = NULL;
    ir_val v = run_plan(e, p, w->source, &to);
    e->simplify = simplify;
    return v;
}

ir_val view_simplify(emitter *e, ir_val v) {
    const ir_op op = emit_def(e, v);
    if (!is_view(&op)) return v;
    const ir_op below = emit_def(e, op.operand[0]);
    const ir_type t = *emit_type(e, v);
    if (op.code == IR_t_reshape && ir_type_equal(&t, emit_type(e, op.operand[0])))
        return op.operand[0];
    if (op.code == IR_t_reshape && below.code == IR_t_reshape) {
        ir_val w = emit_reshape(e, below.operand[0], t.rank, t.dim);
        if (w != IR_NONE) return w;
    }
    const view w = view_of(e, v);
    if (w.n_ops < 1) return v;
    ir_val u = view_emit(e, &w, t.rank, t.dim);
    if (u == IR_NONE || u == v) return v;
    // A single operation stays as it is unless it turns out to do nothing.
    return w.n_ops >= 2 || u == w.source ? u : v;
}
