// Where does a function spell out attention on gain cells? (docs/gain-cells.md; the function body
// of ohmic.GainCellAttention is one spelling)
//
// From the result back: a_o r + b_o; the sum over sub-tiles; round(z/step)*step; a clip; a series
// in the powers of stored values, each power the product of [pulses x constants] with it; pulses: a
// clip of scores, masks before or after; scores: a series again, over queries and keys; and each of
// q, k, v through round(x/step)*step of a clip of a x + b. Scales, shifts, quantisers, masks and
// clips may be absent. Axes of size 1 come and go; constants stand on either side.
#include "passes/graph/fuse_gaincell.h"
#include "passes/graph/clamp.h"
#include <math.h>

enum { MAX_DEPTH = 64 };

typedef struct {
    const ir_module *m;
    const ir_func *f;
    VEC(uint32_t) ops; // matched so far
    gaincell_site s;
    ir_val pulses, query; // the same in every term; IR_NONE: not met yet
    ir_val stored[2];     // deviations of keys, of values
} finder;

// ---- looking ---------------------------------------------------------------------------------

static const ir_op *def(const finder *x, ir_val v, ir_opcode code) {
    const ir_op *op = ir_def(x->f, v);
    return op && op->code == code ? op : NULL;
}

static const ir_type *type(const finder *x, ir_val v) { return ir_type_of(x->f, v); }
static const tensor *constant(const finder *x, ir_val v) { return ir_const_of(x->m, x->f, v); }
static void matched(finder *x, const ir_op *op) {
    vec_push(&x->ops, (uint32_t)(op - x->f->ops.items));
}

static bool splat(const tensor *t, double *v) {
    size_t n = t && t->type != ELEM_q8 ? tensor_count(t) : 0, size = n ? elem_bytes(t->type) : 0;
    for (size_t i = 1; i < n; i++)
        if (memcmp((const char *)t->data + i * size, t->data, size)) return false;
    if (n) *v = elem_load_f64(t->type, t->data, 0);
    return n > 0;
}

static bool near(double a, double b) { return fabs(a - b) <= 1e-6 * fabs(b); }

// The operands of a commutative operation as (value, constant).
static bool with_constant(const finder *x, const ir_op *op, ir_val *v, const tensor **c) {
    for (int i = 1; op && i >= 0; i--) {
        *c = constant(x, op->operand[i]);
        *v = op->operand[1 - i];
        if (*c) return true;
    }
    return false;
}

// v = *rest * *factor, one number.
static const ir_op *scaled(const finder *x, ir_val v, ir_val *rest, double *factor) {
    const tensor *c;
    const ir_op *op = def(x, v, IR_t_mul);
    if (with_constant(x, op, rest, &c) && splat(c, factor)) return op;
    op = def(x, v, IR_t_div);
    if (!op || !splat(constant(x, op->operand[1]), factor)) return NULL;
    *rest = op->operand[0];
    *factor = 1 / *factor;
    return op;
}

// v = min(max(x, lo), *hi), the operations matched. *hi may be infinite; false: no such clip.
static bool clipped(finder *x, ir_val v, double lo, double *hi, ir_val *rest) {
    clamp c = clamp_of(x->m, x->f, v);
    if (!c.n || c.lo != lo) return false;
    for (int i = 0; i < c.n; i++) vec_push(&x->ops, c.op[i]);
    *hi = c.hi;
    *rest = c.x;
    return true;
}

// ---- views -----------------------------------------------------------------------------------

// A value as rearranged axes of a base of rank 4; -1: an axis of size 1.
typedef struct {
    ir_val base;
    int power; // of the base, element by element
    int rank, axis[IR_MAX_RANK];
} form;

static bool same_axes(const form *a, const form *b) {
    if (a->base != b->base || a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->axis[i] != b->axis[i]) return false;
    return true;
}

static bool reshaped(const finder *x, ir_val from, ir_val to, form *w) {
    const ir_type *t = type(x, to), *s = type(x, from);
    form old = *w;
    int at = 0;
    w->rank = t->rank;
    for (int i = 0; i < t->rank; i++) {
        w->axis[i] = -1;
        if (t->dim[i] == 1) continue;
        while (at < old.rank && s->dim[at] == 1) at++;
        if (at == old.rank || s->dim[at] != t->dim[i]) return false;
        w->axis[i] = old.axis[at++];
    }
    return true;
}

// v through views; with `powers` through products with itself too.
static bool form_of(finder *x, ir_val v, bool powers, int depth, form *w) {
    const ir_op *op = ir_def(x->f, v);
    const ir_type *t = type(x, v);
    form other;
    double p;
    size_t n;
    if (depth > MAX_DEPTH) return false;
    switch (op ? op->code : IR_OP_COUNT) {
    case IR_t_reshape:
        if (!form_of(x, op->operand[0], powers, depth + 1, w) || !reshaped(x, op->operand[0], v, w))
            break;
        matched(x, op);
        return true;
    case IR_t_transpose: {
        if (!form_of(x, op->operand[0], powers, depth + 1, w)) break;
        form old = *w;
        const int64_t *perm = ir_attr_ints(&op->attrs, IR_ATTR_perm, &n);
        for (int i = 0; i < w->rank; i++) w->axis[i] = old.axis[perm[i]];
        matched(x, op);
        return true;
    }
    case IR_t_mul:
        if (!powers || constant(x, op->operand[0]) || constant(x, op->operand[1])) break;
        if (!form_of(x, op->operand[0], true, depth + 1, w) ||
            !form_of(x, op->operand[1], true, depth + 1, &other) || !same_axes(w, &other))
            break;
        w->power += other.power;
        matched(x, op);
        return w->power < IR_RING_TERMS;
    case IR_t_pow:
        if (!powers || !splat(constant(x, op->operand[1]), &p) || p < 1 || p != floor(p) ||
            p >= IR_RING_TERMS || !form_of(x, op->operand[0], true, depth + 1, w))
            break;
        w->power *= (int)p;
        matched(x, op);
        return w->power < IR_RING_TERMS;
    default: break;
    }
    if (t->rank != 4) return false;
    *w = (form){.base = v, .power = 1, .rank = 4};
    for (int i = 0; i < 4; i++) w->axis[i] = t->dim[i] == 1 ? -1 : i;
    return true;
}

// Axis `i`, counted from the right, is `axis` of the base, or of size 1 like that. `tile`: an axis
// from the right that is passed over.
static bool is_axis(const finder *x, const form *w, int i, int axis) {
    int at = i < w->rank ? w->axis[w->rank - 1 - i] : -1;
    return at == axis || (at < 0 && type(x, w->base)->dim[axis] == 1);
}

// Matrices [.., row_axis, column_axis] for each [B, H], an axis of size 1 at `tile` (from the
// right; -1: none).
static bool is_arranged(const finder *x, const form *w, int tile, int row_axis, int column_axis) {
    int want[IR_MAX_RANK + 1], n = 0;
    want[n++] = column_axis;
    want[n++] = row_axis;
    if (n == tile) want[n++] = -1;
    want[n++] = 1;
    if (n == tile) want[n++] = -1;
    want[n++] = 0;
    if (n == tile) want[n++] = -1;
    for (int i = 0; i < n || i < w->rank; i++) {
        int at = i < w->rank ? w->axis[w->rank - 1 - i] : -1;
        if (i < n && want[i] >= 0 ? !is_axis(x, w, i, want[i]) : at >= 0) return false;
    }
    return true;
}

static ir_val skip_units(finder *x, ir_val v) {
    for (const ir_op *op; (op = def(x, v, IR_t_reshape)) != NULL;) {
        const ir_type *s = type(x, op->operand[0]);
        form w = {.rank = s->rank};
        for (int i = 0; i < s->rank; i++) w.axis[i] = i;
        if (!reshaped(x, op->operand[0], v, &w)) break;
        matched(x, op);
        v = op->operand[0];
    }
    return v;
}

// ---- q, k, v ---------------------------------------------------------------------------------

// One number for each head, or one for all, beside a value [B,H,T,d].
static bool is_per_head(const tensor *c, const ir_type *t) {
    if (!elem_is_float(c->type) || c->rank > 4 || t->rank != 4) return false;
    for (int i = 0; i < c->rank; i++) {
        int axis = 4 - c->rank + i;
        if (c->dim[i] != 1 && !(axis == 1 && c->dim[i] == t->dim[1])) return false;
    }
    return true;
}

// v = a*x + b for each head, either absent.
static ir_val affine(finder *x, ir_val v, const tensor **a, const tensor **b) {
    const ir_opcode codes[] = {IR_t_add, IR_t_mul};
    const tensor **to[] = {b, a};
    for (int i = 0; i < 2; i++) {
        ir_val rest;
        const tensor *c;
        const ir_op *op = def(x, v, codes[i]);
        if (!with_constant(x, op, &rest, &c) || !is_per_head(c, type(x, v)) ||
            !ir_type_equal(type(x, rest), type(x, v)))
            continue;
        *to[i] = c;
        matched(x, op);
        v = rest;
    }
    return v;
}

// v = round(y / step) * step; the levels over `range`, and y. 0 levels and v itself: no quantiser.
static ir_val quantiser(finder *x, ir_val v, double *step) {
    double inner;
    ir_val r, y;
    const ir_op *outer = scaled(x, v, &r, step), *round = outer ? def(x, r, IR_t_round) : NULL;
    const ir_op *in = round ? scaled(x, round->operand[0], &y, &inner) : NULL;
    *step = in && near(inner * *step, 1) ? *step : 0;
    if (*step == 0) return v;
    matched(x, outer);
    matched(x, round);
    matched(x, in);
    return y;
}

static bool levels_of(double step, double range, int64_t *levels) {
    *levels = 0;
    if (step == 0) return true;
    double n = rint(range / step);
    if (!(step > 0) || !f64_to_i64(n, 1, 65535, levels)) return false;
    ++*levels;
    return near(n * step, range);
}

// v = level(a*x + b, 0, hi, levels) of docs/gain-cells.md.
static bool level(finder *x, ir_val v, int which, double *hi, int64_t *levels) {
    double step;
    ir_val rest;
    if (!clipped(x, quantiser(x, v, &step), 0, hi, &rest) || !isfinite(*hi) ||
        !levels_of(step, *hi, levels))
        return false;
    x->s.operand[which] = affine(x, rest, &x->s.scaling[2 * which], &x->s.scaling[2 * which + 1]);
    return true;
}

// Keys or values: what is stored less half of v_dd.
static bool deviation(finder *x, ir_val v, int which) {
    ir_val rest;
    const tensor *c;
    double middle, v_dd;
    int64_t levels;
    const ir_op *op = def(x, v, IR_t_add);
    bool is_sum = with_constant(x, op, &rest, &c) && splat(c, &middle);
    if (is_sum) middle = -middle;
    if (!is_sum && (op = def(x, v, IR_t_sub)) != NULL) {
        rest = op->operand[0];
        is_sum = splat(constant(x, op->operand[1]), &middle);
    }
    if (!is_sum || !level(x, rest, which, &v_dd, &levels) || !near(2 * middle, v_dd)) return false;
    matched(x, op);
    if (which == 2) return v_dd == x->s.v_dd && levels == x->s.kv_levels;
    x->s.v_dd = v_dd;
    x->s.kv_levels = levels;
    return true;
}

// ---- series ----------------------------------------------------------------------------------

static bool factor(gaincell_term *t, const tensor *c) {
    double v;
    if (splat(c, &v)) {
        t->scale *= v;
        return true;
    }
    if (t->n == GAINCELL_FACTORS) return false;
    t->table[t->n++].t = c;
    return true;
}

// Every axis of the table is that of keys, of rows or of sub-tiles.
static bool table_fits(const gaincell_site *s, gaincell_table *t, int tile_axis) {
    int64_t step = 1;
    for (int k = 0; k < t->t->rank; k++) {
        int64_t size = t->t->dim[t->t->rank - 1 - k];
        if (size == 1) continue;
        if (k == 0)
            t->key_step = step;
        else if (k == 1)
            t->row_step = step;
        else if (k == tile_axis)
            t->tile_step = step;
        else
            return false;
        if (size != (k < 2 ? s->rows : s->tiles)) return false;
        step *= size;
    }
    return true;
}

static bool tables_fit(const gaincell_site *s, gaincell_term *t, int tile_axis) {
    for (int i = 0; i < t->n; i++)
        if (!table_fits(s, &t->table[i], tile_axis)) return false;
    return true;
}

static bool add_term(gaincell_series *to, const gaincell_term *t) {
    for (int i = 0; i < to->n; i++)
        if (to->term[i].exponent == t->exponent) return false;
    if (to->n == IR_RING_TERMS) return false;
    to->term[to->n++] = *t;
    return true;
}

// v = pulses x constants: the factors join the term's.
static bool pulses(finder *x, ir_val v, gaincell_term *t) {
    for (int depth = 0; depth < MAX_DEPTH; depth++) {
        ir_val rest;
        const tensor *c;
        double zero;
        const ir_op *op = def(x, v, IR_t_mul);
        if (with_constant(x, op, &rest, &c)) {
            if (!factor(t, c)) return false;
        } else if ((op = def(x, v, IR_t_select)) != NULL && (c = constant(x, op->operand[0])) &&
                   splat(constant(x, op->operand[2]), &zero) && zero == 0) {
            if (!factor(t, c)) return false;
            rest = op->operand[1];
        } else {
            break;
        }
        matched(x, op);
        v = rest;
    }
    form w;
    if (!form_of(x, v, false, 0, &w) || !is_arranged(x, &w, x->s.tile_axis, 2, 3)) return false;
    if (x->pulses == IR_NONE) x->pulses = w.base;
    return x->pulses == w.base;
}

// v = stored values (which = 2) or keys to some power, arranged for a product.
static bool stored(finder *x, ir_val v, int which, int *power) {
    form w;
    if (!form_of(x, v, true, 0, &w)) return false;
    bool fits =
        which == 2 ? is_arranged(x, &w, x->s.tile_axis, 2, 3) : is_arranged(x, &w, -1, 3, 2);
    ir_val *known = &x->stored[which - 1];
    if (*known == IR_NONE) *known = w.base;
    *power = w.power;
    return fits && *known == w.base;
}

static bool query(finder *x, ir_val v) {
    form w;
    if (!form_of(x, v, false, 0, &w) || !is_arranged(x, &w, -1, 2, 3)) return false;
    if (x->query == IR_NONE) x->query = w.base;
    return x->query == w.base;
}

// A product, or a sum over the last axis: the power 0 of what it would be multiplied with.
static bool leaf(finder *x, const ir_op *op, int which, gaincell_term t) {
    size_t n;
    if (op->code == IR_t_reduce) {
        const int64_t *axes = ir_attr_ints(&op->attrs, IR_ATTR_axes, &n);
        if (IR_WORD(&op->attrs, fn, reduction, REDUCE_SUM) != IR_REDUCE_SUM || n != 1 ||
            axes[0] != type(x, op->operand[0])->rank - 1 ||
            !ir_attr_int(&op->attrs, IR_ATTR_keepdims, 1))
            return false;
        t.exponent = 0;
    } else if (op->code != IR_t_matmul || !stored(x, op->operand[1], which, &t.exponent)) {
        return false;
    }
    matched(x, op);
    // Outside of the product over keys a factor cannot depend on the key.
    if (which == 2 && (t.n || !pulses(x, op->operand[0], &t))) return false;
    if (which == 1 && !query(x, op->operand[0])) return false;
    gaincell_series *to = which == 2 ? &x->s.values : &x->s.scores;
    return tables_fit(&x->s, &t, which == 2 ? x->s.tile_axis : -1) && add_term(to, &t);
}

static bool series(finder *x, ir_val v, int which, gaincell_term t, int depth) {
    const ir_op *op = ir_def(x->f, v);
    ir_val rest;
    const tensor *c;
    double f;
    if (!op || depth > MAX_DEPTH) return false;
    switch (op->code) {
    case IR_t_add:
    case IR_t_sub: {
        gaincell_term other = t;
        if (op->code == IR_t_sub) other.scale = -other.scale;
        matched(x, op);
        return series(x, op->operand[0], which, t, depth + 1) &&
               series(x, op->operand[1], which, other, depth + 1);
    }
    case IR_t_neg:
        t.scale = -t.scale;
        matched(x, op);
        return series(x, op->operand[0], which, t, depth + 1);
    case IR_t_mul:
        matched(x, op);
        return with_constant(x, op, &rest, &c) && factor(&t, c) &&
               series(x, rest, which, t, depth + 1);
    case IR_t_div:
        matched(x, op);
        if (!scaled(x, v, &rest, &f)) return false;
        t.scale *= f;
        return series(x, rest, which, t, depth + 1);
    default: return leaf(x, op, which, t);
    }
}

// ---- scores ----------------------------------------------------------------------------------

static bool is_zero_or_one(const tensor *t) {
    for (size_t i = 0, n = tensor_count(t); i < n; i++) {
        double v = elem_load_f64(t->type, t->data, i);
        if (v != 0 && v != 1) return false;
    }
    return t->type != ELEM_q8;
}

static bool add_mask(finder *x, const tensor *c, bool shows_zero) {
    gaincell_table t = {.t = c};
    if (x->s.n_masks == GAINCELL_FACTORS || !table_fits(&x->s, &t, -1)) return false;
    x->s.shows_zero[x->s.n_masks] = shows_zero;
    x->s.mask[x->s.n_masks++] = t;
    return true;
}

// v = mask ? scores : hidden, or the other way round; hidden gives pulses of 0. before: the clip.
static bool masked(finder *x, const ir_op *op, bool before, ir_val *rest) {
    const tensor *c = constant(x, op->operand[0]);
    double hidden;
    for (int i = 2; c && i >= 1; i--) {
        if (!splat(constant(x, op->operand[i]), &hidden)) continue;
        *rest = op->operand[3 - i];
        return (hidden == 0 || (before && hidden < 0)) && add_mask(x, c, i == 1);
    }
    return false;
}

// From the pulses to the series of scores: one clip, and before it a scale; masks on either side.
static bool activation(finder *x) {
    ir_val v = x->pulses, rest;
    bool is_clipped = false;
    double f, hi = 0;
    const tensor *c;
    x->s.s_sat = 1;
    for (int depth = 0; depth < MAX_DEPTH; depth++) {
        const ir_op *op = ir_def(x->f, v);
        if (!op) return false;
        if (clipped(x, v, 0, &hi, &rest)) {
            if (is_clipped || (hi != 1 && isfinite(hi))) return false;
            is_clipped = true;
            x->s.saturate_scores = hi == 1;
        } else if (op->code == IR_t_select) {
            if (!masked(x, op, is_clipped, &rest)) return false;
        } else if (is_clipped && scaled(x, v, &rest, &f)) {
            x->s.s_sat /= f;
        } else if (op->code == IR_t_mul && with_constant(x, op, &rest, &c) && is_zero_or_one(c)) {
            if (!add_mask(x, c, false)) return false;
        } else {
            break;
        }
        matched(x, op);
        v = rest;
    }
    return is_clipped && series(x, v, 1, (gaincell_term){.scale = 1}, 0);
}

// ---- the whole -------------------------------------------------------------------------------

// The sum over sub-tiles, if there is one: its axis counts them.
static ir_val tiles(finder *x, ir_val v) {
    size_t n;
    const ir_op *op;
    x->s.tiles = 1;
    x->s.tile_axis = -1;
    v = skip_units(x, v);
    if (!(op = def(x, v, IR_t_reduce))) return v;
    const int64_t *axes = ir_attr_ints(&op->attrs, IR_ATTR_axes, &n);
    const ir_type *t = type(x, op->operand[0]);
    if (IR_WORD(&op->attrs, fn, reduction, REDUCE_SUM) != IR_REDUCE_SUM || n != 1 ||
        axes[0] > t->rank - 3)
        return IR_NONE;
    x->s.tiles = t->dim[axes[0]];
    x->s.tile_axis = t->rank - 1 - (int)axes[0];
    matched(x, op);
    return op->operand[0];
}

static bool site(finder *x, ir_val root) {
    const ir_type *t = type(x, root);
    if (t->rank != 4 || t->type != ELEM_f32) return false;
    x->s.root = root;
    x->s.heads = t->dim[1];
    x->s.rows = t->dim[2];
    x->s.d = t->dim[3];
    ir_val v = tiles(x, affine(x, root, &x->s.scaling[6], &x->s.scaling[7])), rest;
    if (v == IR_NONE) return false;
    double step, hi, f;
    v = quantiser(x, v, &step);
    const ir_op *op;
    if (clipped(x, v, -1, &hi, &rest)) {
        if (hi != 1) return false;
        x->s.saturate_outputs = true;
        v = rest;
    }
    if (!levels_of(step, 2, &x->s.out_levels)) return false;
    x->s.o_sat = 1;
    while ((op = scaled(x, v, &rest, &f)) != NULL) {
        x->s.o_sat /= f;
        matched(x, op);
        v = rest;
    }
    if (!series(x, v, 2, (gaincell_term){.scale = 1}, 0) || !activation(x)) return false;
    double one;
    if (x->query == IR_NONE || x->stored[0] == IR_NONE || x->stored[1] == IR_NONE ||
        !level(x, x->query, 0, &one, &x->s.q_levels) || one != 1 ||
        !deviation(x, x->stored[0], 1) || !deviation(x, x->stored[1], 2))
        return false;
    for (int i = 0; i < 3; i++)
        if (!ir_type_equal(type(x, x->s.operand[i]), t)) return false;
    return true;
}

gaincell_sites gaincell_find(const ir_module *m, const ir_func *f, arena *a) {
    gaincell_sites out = {0};
    bool *claimed = ARENA_ARRAY(a, bool, f->ops.count + 1);
    VEC(gaincell_site) found = {0};
    for (size_t i = f->ops.count; i-- > 0;) { // outermost first
        const ir_op *op = &f->ops.items[i];
        bool may = op->code == IR_t_add || op->code == IR_t_mul || op->code == IR_t_reshape ||
                   op->code == IR_t_reduce || op->code == IR_t_clip || op->code == IR_t_min ||
                   op->code == IR_t_max;
        if (!may || claimed[i]) continue;
        finder x = {.m = m, .f = f};
        if (site(&x, op->result[0])) {
            for (size_t k = 0; k < x.ops.count; k++) claimed[x.ops.items[k]] = true;
            x.s.ops = arena_copy(a, x.ops.items, x.ops.count * sizeof *x.s.ops);
            x.s.n_ops = x.ops.count;
            vec_push(&found, x.s);
        }
        vec_free(&x.ops);
    }
    out.n = found.count;
    out.items = ARENA_ARRAY(a, gaincell_site, found.count + 1);
    for (size_t i = 0; i < found.count; i++) out.items[i] = found.items[found.count - 1 - i];
    vec_free(&found);
    return out;
}

const gaincell_site *gaincell_at(const gaincell_sites *s, const ir_op *op) {
    for (size_t i = 0; i < s->n; i++)
        if (op->n_results == 1 && op->result[0] == s->items[i].root) return &s->items[i];
    return NULL;
}
