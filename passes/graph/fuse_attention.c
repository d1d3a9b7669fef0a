// Attention: probabilities times values, with whatever exporters put between queries and softmax.
//
// From the product back: softmax or a hard sigmoid (fuse_attention_act.c), then scores from which
// masks, scales and soft caps are peeled by a table of patterns until the product of queries and
// keys is reached. Scales on queries or keys join the attribute `scale`; repeated key/value heads
// are dropped where the views between the repetition and the product prove it consecutive (query
// head h reads kv head h / g); additive masks are summed into operand 4, boolean ones anded. What
// hides (causality, windows, padding) is decided by find-tokens.
#include "passes/graph/fuse_attention.h"
#include "passes/rewrite/views.h"
#include <math.h>
#include <string.h>

// ---- masks -----------------------------------------------------------------------------------

// A mask that broadcasts to scores [.., T, S], as one of rank 4.
static ir_val mask_of_rank4(emitter *e, ir_val mask) {
    const ir_type t = *emit_type(e, mask);
    if (t.rank == 4) return mask;
    int64_t dim[4] = {1, 1, 1, 1};
    for (int i = 0; i < t.rank; i++) {
        if (t.rank > 4 && i < t.rank - 4) {
            if (t.dim[i] != 1) return IR_NONE;
            continue;
        }
        dim[4 - t.rank + i] = t.dim[i];
    }
    return emit_reshape(e, mask, 4, dim);
}

static bool add_mask(peeled *p, ir_val mask, double factor) {
    emitter *e = p->e;
    if (p->softcap != 0) return false; // inside the cap: no operand for it
    // What hides must do so in a hard sigmoid too, whatever the score.
    if (p->is_hard && p->alpha * 1e4 < 10 * (1 + fabs(p->beta))) return false;
    if (factor != 1)
        mask = emit2(e, IR_t_mul, mask, emit_scalar(e, emit_type(e, mask)->type, factor));
    mask = mask_of_rank4(e, mask);
    if (mask == IR_NONE) return false;
    p->added = p->added == IR_NONE ? mask : emit2(e, IR_t_add, p->added, mask);
    return p->added != IR_NONE;
}

bool attention_and_mask(peeled *p, ir_val visible, double hidden) {
    emitter *e = p->e;
    if (p->softcap != 0) return false;
    visible = mask_of_rank4(e, visible);
    if (visible == IR_NONE) return false;
    p->hidden = hidden;
    p->visible = p->visible == IR_NONE ? visible : emit2(e, IR_t_and, p->visible, visible);
    return p->visible != IR_NONE;
}

static ir_val whole_mask(peeled *p) {
    emitter *e = p->e;
    if (p->visible == IR_NONE) return p->added;
    if (p->added == IR_NONE) return p->visible;
    return emit3(e, IR_t_select, p->visible, p->added, emit_scalar(e, ELEM_f32, p->hidden));
}

// ---- scores ----------------------------------------------------------------------------------

// True when v leads to a product of two computed matrices through what can be peeled.
static bool leads_to_product(const emitter *e, ir_val v, int depth) {
    const ir_op *op = ir_def(e->r.f, v);
    if (!op || depth > 12) return false;
    switch (op->code) {
    case IR_t_matmul: return true;
    case IR_t_add:
    case IR_t_mul:
        return leads_to_product(e, op->operand[0], depth + 1) ||
               leads_to_product(e, op->operand[1], depth + 1);
    case IR_t_sub:
    case IR_t_max:
    case IR_t_clip:
    case IR_t_tanh:
    case IR_t_trilu:
    case IR_t_reshape: return leads_to_product(e, op->operand[0], depth + 1);
    case IR_t_select:
        return leads_to_product(e, op->operand[1], depth + 1) ||
               leads_to_product(e, op->operand[2], depth + 1);
    default: return false;
    }
}

bool attention_keeps_rows(const emitter *e, ir_val a, ir_val b) {
    const ir_type *s = emit_type(e, a), *t = emit_type(e, b);
    return s->rank >= 2 && t->rank >= 2 && s->dim[s->rank - 1] == t->dim[t->rank - 1] &&
           s->dim[s->rank - 2] == t->dim[t->rank - 2];
}

// A mask grown by broadcasting the scores would change their shape: not a mask.
bool attention_fits(const emitter *e, ir_val scores, ir_val v) {
    return ir_type_equal(emit_type(e, scores), emit_type(e, v));
}

// One step from s towards the product; IR_NONE when s is nothing that can be peeled.
static ir_val peel(peeled *p, ir_val s) {
    emitter *e = p->e;
    const ir_op op = emit_def(e, s);
    double c;
    emit_note_nodes(e, &op);
    if (op.code != IR_t_mul && op.code != IR_t_reshape) p->is_alpha = false;
    switch (op.code) {
    case IR_t_mul:
        for (int i = 0; i < 2; i++) {
            if (!emit_splat(e, op.operand[1 - i], &c) || !attention_fits(e, op.operand[i], s))
                continue;
            *attention_factor(p) *= c;
            return op.operand[i];
        }
        return IR_NONE;
    case IR_t_add:
        if (p->is_hard && emit_splat(e, op.operand[1], &c) && attention_fits(e, op.operand[0], s))
            return attention_shift(p, c) ? op.operand[0] : IR_NONE;
        for (int i = 0; i < 2; i++) {
            ir_val rest = op.operand[i];
            if (!leads_to_product(e, rest, 0) || !attention_fits(e, rest, s)) continue;
            return add_mask(p, op.operand[1 - i], p->scale) ? rest : IR_NONE;
        }
        return IR_NONE;
    case IR_t_sub: // scores - (1 - m) * big
        if (!leads_to_product(e, op.operand[0], 0) || !attention_fits(e, op.operand[0], s))
            return IR_NONE;
        return add_mask(p, op.operand[1], -p->scale) ? op.operand[0] : IR_NONE;
    case IR_t_select:
        for (int i = 1; i <= 2; i++) {
            ir_val rest = op.operand[i], mask = op.operand[0];
            if (!emit_splat(e, op.operand[3 - i], &c) || !attention_hides(p, c) ||
                !attention_fits(e, rest, s))
                continue;
            if (i == 2) mask = emit1(e, IR_t_not, mask);
            return attention_and_mask(p, mask, p->is_hard ? -INFINITY : c * p->scale) ? rest
                                                                                      : IR_NONE;
        }
        return IR_NONE;
    case IR_t_max: // a floor under what is hidden
        if (p->is_hard || p->softcap != 0 || !emit_splat(e, op.operand[1], &c) ||
            !attention_hides(p, c) || !attention_fits(e, op.operand[0], s))
            return IR_NONE;
        return op.operand[0];
    case IR_t_clip:
        if (p->is_hard || p->softcap != 0 || ir_attr_has(&op.attrs, IR_ATTR_hi) ||
            !attention_hides(p, ir_attr_float(&op.attrs, IR_ATTR_lo, 0)))
            return IR_NONE;
        return op.operand[0];
    case IR_t_tanh: // c * tanh(s / c): the factor outside is the cap
        if (p->softcap != 0 || p->scale <= 0) return IR_NONE;
        p->softcap = p->scale;
        return op.operand[0];
    case IR_t_trilu: // zeros above the diagonal
        if (!attention_hides(p, 0)) return IR_NONE;
        return attention_and_triangle(p, &op) ? op.operand[0] : IR_NONE;
    case IR_t_reshape: return attention_keeps_rows(e, s, op.operand[0]) ? op.operand[0] : IR_NONE;
    default: return IR_NONE;
    }
}

// ---- operands --------------------------------------------------------------------------------

// v without factors that are constants, found under views and broadcasts: *scale takes them.
static ir_val strip_scale(emitter *e, ir_val v, double *scale, int depth) {
    const ir_op op = emit_def(e, v);
    const ir_type t = *emit_type(e, v);
    double c;
    if (depth > 12) return v;
    switch (op.code) {
    case IR_t_mul:
        if (!emit_splat(e, op.operand[1], &c) || !attention_fits(e, op.operand[0], v)) return v;
        *scale *= c;
        emit_note_nodes(e, &op);
        return strip_scale(e, op.operand[0], scale, depth + 1);
    case IR_t_reshape:
        return emit_reshape(e, strip_scale(e, op.operand[0], scale, depth + 1), t.rank, t.dim);
    case IR_t_broadcast:
        return emit_broadcast(e, strip_scale(e, op.operand[0], scale, depth + 1), t.rank, t.dim);
    case IR_t_transpose: {
        size_t n;
        const int64_t *perm = ir_attr_ints(&op.attrs, IR_ATTR_perm, &n);
        return emit_transpose(e, strip_scale(e, op.operand[0], scale, depth + 1), perm);
    }
    default: return v;
    }
}

// [.., rows, columns] as [B, H, rows, columns], B = 1 unless there are four axes.
static ir_val as_heads(emitter *e, ir_val v) {
    if (v == IR_NONE) return v;
    const ir_type t = *emit_type(e, v);
    if (t.rank == 4) return v;
    if (t.rank < 2) return IR_NONE;
    int64_t dim[4] = {1, 1, t.dim[t.rank - 2], t.dim[t.rank - 1]};
    for (int i = 0; i < t.rank - 2; i++) dim[1] *= t.dim[i];
    return emit_reshape(e, v, 4, dim);
}

static ir_val swap_last(emitter *e, ir_val v) {
    if (v == IR_NONE) return v;
    int64_t perm[IR_MAX_RANK];
    int rank = emit_type(e, v)->rank;
    for (int i = 0; i < rank; i++) perm[i] = i;
    perm[rank - 1] = rank - 2;
    perm[rank - 2] = rank - 1;
    return emit_transpose(e, v, perm);
}

// Drops an atom; the others keep their numbers.
static void remove_atom(view *w, int atom) {
    int n = 0, m = 0;
    for (int i = 0; i < w->n; i++) {
        if (w->order[i] != atom) w->order[n++] = w->order[i];
        if (w->now[i] != atom) w->now[m++] = w->now[i];
    }
    w->n = n;
}

// v [B, H, S, d] whose heads repeat those of an earlier value [B, H/g, S, d], each g times in a
// row: that value; else v.
static ir_val unrepeated(emitter *e, ir_val v) {
    const ir_type t = *emit_type(e, v);
    view w = view_of(e, v);
    const ir_op op = emit_def(e, w.source);
    if (op.code != IR_t_broadcast) return v;
    const ir_type from = *emit_type(e, op.operand[0]), to = *emit_type(e, w.source);
    if (from.rank != to.rank) return v;
    int atom = -1, next = 0;
    int64_t times = 1;
    for (int i = 0; i < to.rank; i++) {
        if (to.dim[i] == 1) continue;
        if (from.dim[i] != to.dim[i]) {
            if (atom >= 0) return v; // two axes grow
            atom = next;
            times = to.dim[i];
        }
        next++;
    }
    int count[4];
    if (atom < 0 || !view_cut(&w, 4, t.dim, count) || w.size[atom] != times || count[1] < 1)
        return v;
    if (w.now[count[0] + count[1] - 1] != atom) return v; // not the fastest index within heads
    remove_atom(&w, atom);
    w.source = op.operand[0];
    ir_val u = view_emit(e, &w, 4, (int64_t[]){t.dim[0], t.dim[1] / times, t.dim[2], t.dim[3]});
    if (u == IR_NONE) return v;
    emit_note_nodes(e, &op);
    return view_simplify(e, u); // what was repeated may be a view itself
}

// 1/sqrt(d) to the last bit, whichever way a model computes it.
static double settled_scale(double scale, int64_t d) {
    double usual = 1 / sqrt((double)d);
    return fabs(scale - usual) < 1e-5 * usual ? (double)(float)usual
           : fabs(scale - 1) < 1e-6           ? 1
                                              : (double)(float)scale;
}

// ---- the whole -------------------------------------------------------------------------------

// v = the product of probabilities and values, whose scores are s so far.
static ir_val make(peeled *p, ir_val v, ir_val s, ir_val values) {
    emitter *e = p->e;
    const ir_op root = emit_def(e, v);
    const ir_type t = *emit_type(e, v);
    ir_op op = emit_def(e, s);
    for (int steps = 0; op.code != IR_t_matmul; steps++) {
        s = steps < 16 ? peel(p, s) : IR_NONE;
        if (s == IR_NONE) return v;
        op = emit_def(e, s);
    }
    emit_note_nodes(e, &op);
    ir_val q = as_heads(e, strip_scale(e, op.operand[0], &p->scale, 0));
    ir_val k = swap_last(e, as_heads(e, strip_scale(e, op.operand[1], &p->scale, 0)));
    ir_val x = as_heads(e, values);
    if (q == IR_NONE || k == IR_NONE || x == IR_NONE) return v;
    ir_val fewer_k = unrepeated(e, k), fewer_x = unrepeated(e, x);
    if (emit_type(e, fewer_k)->dim[1] == emit_type(e, fewer_x)->dim[1]) {
        k = fewer_k;
        x = fewer_x;
    }
    ir_attrs attrs = {0};
    arena *a = e->r.scratch;
    ir_attr_set_float(a, &attrs, IR_ATTR_scale, settled_scale(p->scale, emit_type(e, q)->dim[3]));
    if (p->softcap != 0) ir_attr_set_float(a, &attrs, IR_ATTR_softcap, p->softcap);
    if (p->is_hard) {
        ir_attr_set_word(a, &attrs, IR_ATTR_act, IR_ENUM_activation, IR_ACT_HARDSIGMOID);
        ir_attr_set_float(a, &attrs, IR_ATTR_alpha, (double)(float)p->alpha);
        ir_attr_set_float(a, &attrs, IR_ATTR_beta, (double)(float)p->beta);
    }
    ir_val y = emit_op(e, IR_nn_attention, (ir_val[]){q, k, x, whole_mask(p), p->sink}, 5, &attrs);
    if (y == IR_NONE) return v;
    emit_note_nodes(e, &root);
    emit_take_nodes(e, y);
    y = emit_reshape(e, y, t.rank, t.dim);
    return y == IR_NONE ? v : y;
}

ir_val fuse_attention(emitter *e, ir_val v) {
    const ir_op op = emit_def(e, v);
    if (op.code != IR_t_matmul || emit_type(e, v)->type != ELEM_f32) return v;
    ir_val y = v;
    for (int hard = 0; hard < 2 && y == v; hard++) {
        peeled p = {.e = e, .scale = 1, .alpha = 1};
        vec_clear(&e->nodes);
        ir_val s =
            hard ? attention_hard_sigmoid(&p, op.operand[0]) : attention_softmax(&p, op.operand[0]);
        if (s != IR_NONE) y = make(&p, v, s, op.operand[1]);
    }
    vec_clear(&e->nodes);
    return y;
}
