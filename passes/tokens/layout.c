// What is every axis made of? The algebra of layouts: cut, merge, permute, broadcast
// (worked-examples §1.3, steps 4 and 5). Sizes are compared at every probe, so an axis that happens
// to have a token count's size at one of them is not taken for tokens.
#include "passes/tokens/plan.h"
#include <inttypes.h>
#include <string.h>

static bool is_whole(const tok_atom *a) { return a->kind == TOK_ROWS && a->size == 0; }

int64_t tok_atom_rows(const tok_ctx *c, const tok_atom *a, int probe) {
    return is_whole(a) ? c->domain[a->domain].rows[probe] : a->size;
}

void tok_layout_push(tok_layout *l, tok_atom a) {
    // Too many factors: what is left out makes the sizes disagree, which is reported.
    if (l->count < TOK_MAX_ATOMS) l->atom[l->count++] = a;
}

void tok_layout_axis(const tok_layout *l, int axis, int *from, int *until) {
    *from = 0;
    while (*from < l->count && l->atom[*from].axis < axis) ++*from;
    *until = *from;
    while (*until < l->count && l->atom[*until].axis == axis) ++*until;
}

static bool can_merge(const tok_atom *a, const tok_atom *b) {
    if (a->axis != b->axis || a->kind != b->kind || a->is_virtual != b->is_virtual) return false;
    if (a->kind != TOK_ROWS) return true;
    return a->domain == b->domain && a->size && b->size && a->stride == b->stride * b->size;
}

void tok_layout_tidy(tok_layout *l) {
    int n = 0;
    for (int i = 0; i < l->count; i++) {
        tok_atom *last = n ? &l->atom[n - 1] : NULL;
        if (l->atom[i].kind != TOK_ROWS && l->atom[i].size == 1) continue;
        if (last && can_merge(last, &l->atom[i])) {
            last->size *= l->atom[i].size;
            last->stride = l->atom[i].stride;
        } else {
            l->atom[n++] = l->atom[i];
        }
    }
    l->count = n;
}

int64_t tok_width(const tok_layout *l) {
    int64_t w = 1;
    for (int i = 0; i < l->count; i++)
        if (l->atom[i].kind == TOK_FEATURE && !l->atom[i].is_virtual) w *= l->atom[i].size;
    return w;
}

int tok_layout_domain(const tok_layout *l) {
    int domain = -1;
    int64_t stride = 0;
    for (int i = 0; i < l->count; i++) {
        const tok_atom *a = &l->atom[i];
        if (a->kind != TOK_ROWS || a->is_virtual) continue;
        if (domain >= 0 && (is_whole(a) || a->domain != domain || stride != a->stride * a->size))
            return -2;
        domain = a->domain;
        stride = a->stride;
    }
    return domain >= 0 && stride != 1 ? -2 : domain;
}

bool tok_layout_has_rows(const tok_layout *l) {
    for (int i = 0; i < l->count; i++)
        if (l->atom[i].kind == TOK_ROWS) return true;
    return false;
}

bool tok_layout_is_full(const tok_layout *l) {
    for (int i = 0; i < l->count; i++)
        if (l->atom[i].is_virtual) return false;
    return true;
}

tok_layout tok_layout_full(const tok_layout *l) {
    if (tok_layout_is_full(l)) return *l;
    tok_layout out = *l;
    for (int i = 0; i < out.count; i++) out.atom[i].is_virtual = false;
    tok_layout_tidy(&out);
    return out;
}

tok_layout tok_layout_without_rows(const tok_layout *l) {
    tok_layout out = {.rank = l->rank};
    for (int i = 0; i < l->count; i++)
        if (l->atom[i].kind != TOK_ROWS) tok_layout_push(&out, l->atom[i]);
    return out;
}

tok_layout tok_layout_without_axis(const tok_layout *l, int axis) {
    tok_layout out = {.rank = l->rank};
    for (int i = 0; i < l->count; i++)
        if (l->atom[i].axis != axis) tok_layout_push(&out, l->atom[i]);
    return out;
}

tok_layout tok_layout_with_features(const tok_layout *l, int axis, int64_t n) {
    tok_layout out = {.rank = l->rank};
    int at = 0;
    while (at < l->count && l->atom[at].axis <= axis) tok_layout_push(&out, l->atom[at++]);
    tok_layout_push(&out, (tok_atom){TOK_FEATURE, axis, 0, n, 1, false});
    while (at < l->count) tok_layout_push(&out, l->atom[at++]);
    return out;
}

const char *tok_layout_text(const tok_ctx *c, const tok_layout *l) {
    const char *s = "[";
    for (int axis = 0; axis < l->rank; axis++) {
        int from, until;
        tok_layout_axis(l, axis, &from, &until);
        s = arena_printf(c->a, "%s%s", s, axis ? ", " : "");
        if (from == until) s = arena_printf(c->a, "%s1", s);
        for (int i = from; i < until; i++) {
            const tok_atom *a = &l->atom[i];
            s = is_whole(a) ? arena_printf(c->a, "%s%st%d", s, i > from ? "*" : "",
                                           tok_domain_number(c, a->domain))
                            : arena_printf(c->a, "%s%s%" PRId64 "%s", s, i > from ? "*" : "",
                                           a->size, a->kind == TOK_ROWS ? "t" : "");
        }
    }
    return arena_printf(c->a, "%s]", s);
}

// ---- sizes -----------------------------------------------------------------------------------

typedef struct {
    int64_t n[TOK_MAX_PROBES];
} sizes;

static sizes sizes_of_atom(const tok_ctx *c, const tok_atom *a) {
    sizes s = {{0}};
    for (int i = 0; i < c->n_probes; i++) s.n[i] = tok_atom_rows(c, a, i);
    return s;
}

static sizes sizes_of_axis(const tok_ctx *c, uint32_t node, int axis) {
    sizes s = {{0}};
    for (int i = 0; i < c->n_probes; i++) s.n[i] = tok_type(c, node, i)->dim[axis];
    return s;
}

static bool all_equal_to(const tok_ctx *c, const sizes *s, int64_t v) {
    for (int i = 0; i < c->n_probes; i++)
        if (s->n[i] != v) return false;
    return true;
}

static bool same_sizes(const tok_ctx *c, const sizes *a, const sizes *b) {
    return memcmp(a->n, b->n, (size_t)c->n_probes * sizeof *a->n) == 0;
}

// a / b at every probe; false when it does not divide.
static bool divide(const tok_ctx *c, const sizes *a, const sizes *b, sizes *q) {
    for (int i = 0; i < c->n_probes; i++) {
        if (b->n[i] == 0 || a->n[i] % b->n[i]) return false;
        q->n[i] = a->n[i] / b->n[i];
    }
    return true;
}

const char *tok_sizes_text(const tok_ctx *c, const int64_t *n) {
    if (c->n_probes == 1) return arena_printf(c->a, "%" PRId64, n[0]);
    return arena_printf(c->a, "%" PRId64 " for %" PRId64 " tokens, %" PRId64 " for %" PRId64, n[0],
                        c->probe[0].tokens, n[1], c->probe[1].tokens);
}

bool tok_layout_fits(tok_ctx *c, uint32_t node, const tok_layout *l) {
    if (tok_type(c, node, 0)->rank != l->rank)
        return tok_fail(c, node, DIAG_ID_tok_shape, "rank %d where axes say %s",
                        tok_type(c, node, 0)->rank, tok_layout_text(c, l));
    for (int axis = 0; axis < l->rank; axis++) {
        int from, until;
        tok_layout_axis(l, axis, &from, &until);
        sizes want = {{1, 1, 1, 1}}, is = sizes_of_axis(c, node, axis);
        for (int i = from; i < until; i++) {
            sizes s = sizes_of_atom(c, &l->atom[i]);
            for (int k = 0; k < c->n_probes; k++) want.n[k] *= s.n[k];
        }
        if (!same_sizes(c, &want, &is))
            return tok_fail(c, node, DIAG_ID_tok_shape,
                            "axis %d has size %s, expected %s from what it is made of (%s)", axis,
                            tok_sizes_text(c, is.n), tok_sizes_text(c, want.n),
                            tok_layout_text(c, l));
    }
    return true;
}

// ---- cutting and merging ---------------------------------------------------------------------

// Cuts the first `outer` elements' worth off an atom: *a keeps the inner part, *cut gets the outer
// one.
static bool cut_atom(const tok_ctx *c, tok_atom *a, int64_t outer, tok_atom *cut) {
    *cut = *a;
    if (a->kind == TOK_ROWS && is_whole(a)) {
        if (!c->is_frozen) return false; // a free count has no factors
        a->size = c->domain[a->domain].rows[0];
        a->stride = 1;
    }
    if (a->size % outer) return false;
    cut->size = outer;
    a->size /= outer;
    if (a->kind == TOK_ROWS) cut->stride = a->stride * a->size;
    return true;
}

bool tok_layout_reshape(tok_ctx *c, uint32_t node, const tok_layout *in, tok_layout *out) {
    const ir_type *t = tok_type(c, node, 0);
    *out = (tok_layout){.rank = t->rank};
    tok_layout rest = *in;
    int next = 0;
    bool ok = true;
    for (int axis = 0; ok && axis < t->rank; axis++) {
        sizes want = sizes_of_axis(c, node, axis), q = want;
        while (ok && !all_equal_to(c, &q, 1)) {
            if (next == rest.count) {
                ok = false;
                break;
            }
            tok_atom *a = &rest.atom[next];
            sizes s = sizes_of_atom(c, a), r;
            a->axis = axis;
            if (divide(c, &q, &s, &r)) { // the whole atom
                tok_layout_push(out, *a);
                next++;
                q = r;
            } else if (divide(c, &s, &q, &r) && all_equal_to(c, &q, q.n[0])) { // its outer part
                tok_atom cut;
                ok = out->count < TOK_MAX_ATOMS && cut_atom(c, a, q.n[0], &cut);
                if (ok) tok_layout_push(out, cut);
                for (int i = 0; i < c->n_probes; i++) q.n[i] = 1;
            } else {
                ok = false;
            }
            if (out->count == TOK_MAX_ATOMS) ok = false;
        }
        if (!ok)
            return tok_fail(
                c, node, DIAG_ID_tok_shape,
                "axis %d of the reshape has size %s, which does not cut %s: a token axis "
                "must stay whole",
                axis, tok_sizes_text(c, want.n), tok_layout_text(c, in));
    }
    if (next != rest.count)
        return tok_fail(c, node, DIAG_ID_tok_shape, "the reshape of %s leaves elements over",
                        tok_layout_text(c, in));
    // A cut domain that is whole again counts as whole.
    tok_layout_tidy(out);
    for (int i = 0; i < out->count; i++) {
        tok_atom *a = &out->atom[i];
        if (a->kind == TOK_ROWS && a->size && a->stride == 1 &&
            a->size == c->domain[a->domain].rows[0] && c->is_frozen)
            a->size = 0;
    }
    return true;
}

bool tok_layout_permute(const tok_layout *in, const int64_t *perm, tok_layout *out,
                        int64_t *index) {
    *out = (tok_layout){.rank = in->rank};
    int from_atom[TOK_MAX_ATOMS];
    for (int axis = 0; axis < in->rank; axis++) {
        int from, until;
        tok_layout_axis(in, (int)perm[axis], &from, &until);
        for (int i = from; i < until; i++) {
            from_atom[out->count] = i;
            out->atom[out->count] = in->atom[i];
            out->atom[out->count++].axis = axis;
        }
    }
    // Stride of every feature atom within the old row.
    int64_t stride[TOK_MAX_ATOMS], w = 1;
    for (int i = in->count; i-- > 0;) {
        stride[i] = w;
        if (in->atom[i].kind == TOK_FEATURE && !in->atom[i].is_virtual) w *= in->atom[i].size;
    }
    bool moved = false;
    for (int64_t col = 0; col < w; col++) {
        int64_t rest = col, old = 0;
        for (int i = out->count; i-- > 0;) {
            const tok_atom *a = &out->atom[i];
            if (a->kind != TOK_FEATURE || a->is_virtual) continue;
            old += rest % a->size * stride[from_atom[i]];
            rest /= a->size;
        }
        index[col] = old;
        moved |= old != col;
    }
    return moved;
}

// ---- broadcasting ----------------------------------------------------------------------------

// Joins the atoms of one axis; both lists are cut at common places. False: they do not fit.
static bool join_axis(tok_ctx *c, tok_atom *a, int na, tok_atom *b, int nb, int axis,
                      tok_layout *out) {
    if (na == 0 || nb == 0) {
        for (int i = 0; i < na + nb; i++) {
            tok_atom x = na ? a[i] : b[i];
            x.axis = axis;
            tok_layout_push(out, x);
        }
        return true;
    }
    bool a_virtual = true, b_virtual = true; // a broadcast fits whatever has its size
    for (int i = 0; i < na; i++) a_virtual &= a[i].is_virtual;
    for (int i = 0; i < nb; i++) b_virtual &= b[i].is_virtual;
    if (a_virtual != b_virtual)
        return join_axis(c, a_virtual ? b : a, a_virtual ? nb : na, a, 0, axis, out);
    int i = 0, j = 0;
    while (i < na && j < nb) {
        if (out->count == TOK_MAX_ATOMS) return false;
        tok_atom x = a[i], y = b[j];
        if (x.kind != y.kind || x.domain != y.domain) return false;
        bool is_virtual = x.is_virtual && y.is_virtual;
        if (x.size == y.size && x.stride == y.stride) {
            x.axis = axis;
            x.is_virtual = is_virtual;
            tok_layout_push(out, x);
            i++;
            j++;
            continue;
        }
        if (is_whole(&x) || is_whole(&y)) return false;
        // The inner parts meet: cut the outer factor that both share.
        int64_t outer = min_i64(x.size, y.size);
        if (max_i64(x.size, y.size) % outer || x.kind == TOK_ROWS) return false;
        tok_atom cut;
        tok_atom *longer = x.size > y.size ? &a[i] : &b[j];
        if (!cut_atom(c, longer, outer, &cut)) return false;
        cut.axis = axis;
        cut.is_virtual = is_virtual;
        tok_layout_push(out, cut);
        if (x.size > y.size)
            j++;
        else
            i++;
    }
    return i == na && j == nb;
}

bool tok_layout_join(tok_ctx *c, uint32_t node, tok_layout *to, const tok_layout *from) {
    tok_layout a = *to, b = *from, out = {.rank = a.rank > b.rank ? a.rank : b.rank};
    for (int i = 0; i < a.count; i++) a.atom[i].axis += out.rank - a.rank;
    for (int i = 0; i < b.count; i++) b.atom[i].axis += out.rank - b.rank;
    tok_layout_tidy(&a);
    tok_layout_tidy(&b);
    for (int axis = 0; axis < out.rank; axis++) {
        int a0, a1, b0, b1;
        tok_layout_axis(&a, axis, &a0, &a1);
        tok_layout_axis(&b, axis, &b0, &b1);
        if (!join_axis(c, &a.atom[a0], a1 - a0, &b.atom[b0], b1 - b0, axis, &out))
            return tok_fail(c, node, DIAG_ID_tok_mix,
                            "%s meets %s: along axis %d rows of tokens would meet something else",
                            tok_layout_text(c, to), tok_layout_text(c, from), axis);
    }
    tok_layout_tidy(&out);
    *to = out;
    return true;
}

// Size of the part of `from`'s axes that is materialised, and where a column of `to` lies in it.
bool tok_columns(const tok_layout *from, const tok_layout *to, int64_t *index) {
    // Positions along each axis, as element numbers within the axis' features.
    int64_t w = tok_width(to);
    bool same = w == tok_width(from);
    for (int64_t col = 0; col < w; col++) {
        int64_t at[IR_MAX_RANK] = {0}, scale[IR_MAX_RANK], rest = col;
        for (int i = 0; i < IR_MAX_RANK; i++) scale[i] = 1;
        for (int i = to->count; i-- > 0;) {
            const tok_atom *a = &to->atom[i];
            if (a->kind != TOK_FEATURE) continue;
            int64_t k = 0;
            if (!a->is_virtual) {
                k = rest % a->size;
                rest /= a->size;
            }
            at[a->axis] += k * scale[a->axis];
            scale[a->axis] *= a->size;
        }
        int64_t old = 0, stride = 1;
        int64_t left[IR_MAX_RANK];
        memcpy(left, at, sizeof left);
        for (int i = from->count; i-- > 0;) {
            const tok_atom *a = &from->atom[i];
            if (a->kind != TOK_FEATURE) continue;
            int axis = a->axis + to->rank - from->rank;
            int64_t k = left[axis] % a->size;
            left[axis] /= a->size;
            if (a->is_virtual) continue;
            old += k * stride;
            stride *= a->size;
        }
        index[col] = old;
        same &= old == col;
    }
    return same;
}

// ---- groups of columns -----------------------------------------------------------------------

bool tok_split(tok_ctx *c, uint32_t node, const tok_layout *l, int axis, int64_t *groups,
               int64_t *width) {
    *groups = *width = 1;
    for (int i = 0; i < l->count; i++) {
        const tok_atom *a = &l->atom[i];
        if (a->kind == TOK_FEATURE) {
            *(a->axis < axis ? groups : width) *= a->size;
        } else if (a->axis >= axis) {
            return tok_fail(c, node, DIAG_ID_tok_mix,
                            "'%s' over axis %d of %s mixes %s: its rows depend on each other",
                            ir_ops[tok_at(c, node)->op->code].name, a->axis, tok_layout_text(c, l),
                            a->kind == TOK_ROWS ? "tokens" : "sequences of the batch");
        }
    }
    return true;
}
