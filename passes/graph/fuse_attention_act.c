// What makes probabilities of scores? Softmax; softmax beside a sink (a column joined to the scores
// and sliced off after it); or a hard sigmoid: a clip to [0, 1] of alpha s + beta.
//
// A hard sigmoid forgets nothing about a hidden key by itself, so its masks count only where they
// make the probability exactly 0: scores replaced by what the clip turns into 0, or probabilities
// replaced by, or multiplied with, 0.
#include "passes/graph/clamp.h"
#include "passes/graph/fuse_attention.h"
#include <math.h>
#include <string.h>

// A value this low in a mask hides: exp(-1e4 - max) is 0 in f32.
#define HIDES (-9.9e3)

// ---- scores in front of the activation -------------------------------------------------------

double *attention_factor(peeled *p) {
    double *to = p->is_alpha ? &p->alpha : &p->scale;
    p->is_alpha = false;
    return to;
}

bool attention_shift(peeled *p, double c) {
    if (p->softcap != 0) return false;
    if (p->beta == 0 && p->scale == 1 && p->alpha == 1) p->is_alpha = true;
    p->beta += p->alpha * p->scale * c;
    return true;
}

bool attention_hides(const peeled *p, double c) {
    // Under a hard sigmoid too, where a mask is added to it afterwards.
    if (!p->is_hard || p->added != IR_NONE) return c * p->scale <= HIDES;
    double x = p->alpha * p->scale * c;
    return p->beta == 0 ? x <= 0 : x + p->beta < -1e-3; // away from what rounding makes of 0
}

// ---- masks of 0 and 1 ------------------------------------------------------------------------

// v as a boolean where it is 0 and 1 for certain; IR_NONE.
static ir_val as_bool(emitter *e, ir_val v) {
    const ir_op op = emit_def(e, v);
    if (op.code == IR_t_cast && emit_type(e, op.operand[0])->type == ELEM_bool)
        return op.operand[0];
    const tensor *t = emit_const_of(e, v);
    if (!t || t->type == ELEM_q8) return IR_NONE;
    tensor b = tensor_new(e->r.m->arena, ELEM_bool, t->rank, t->dim);
    for (size_t i = 0, n = tensor_count(t); i < n; i++) {
        double x = elem_load_f64(t->type, t->data, i);
        if (x != 0 && x != 1) return IR_NONE;
        ((uint8_t *)b.data)[i] = x != 0;
    }
    return emit_const(e, "mask", b);
}

bool attention_and_triangle(peeled *p, const ir_op *trilu) {
    emitter *e = p->e;
    const ir_type *t = emit_type(e, trilu->result[0]);
    int64_t k = ir_attr_int(&trilu->attrs, IR_ATTR_k, 0);
    if (ir_attr_int(&trilu->attrs, IR_ATTR_upper, 1)) return false;
    tensor b = tensor_new(e->r.m->arena, ELEM_bool, 2, t->dim + t->rank - 2);
    for (int64_t q = 0; q < b.dim[0]; q++)
        for (int64_t j = 0; j < b.dim[1]; j++) ((uint8_t *)b.data)[q * b.dim[1] + j] = j <= q + k;
    return attention_and_mask(p, emit_const(e, "mask", b), -INFINITY);
}

// One mask on the probabilities v; IR_NONE: there is none.
static ir_val unmasked(peeled *p, ir_val v) {
    emitter *e = p->e;
    const ir_op op = emit_def(e, v);
    double c;
    ir_val rest = IR_NONE, mask = IR_NONE;
    switch (op.code) {
    case IR_t_mul:
        for (int i = 0; i < 2 && mask == IR_NONE; i++) {
            if (!attention_fits(e, op.operand[i], v)) continue;
            rest = op.operand[i];
            mask = as_bool(e, op.operand[1 - i]);
        }
        break;
    case IR_t_select:
        for (int i = 1; i <= 2 && mask == IR_NONE; i++) {
            if (!emit_splat(e, op.operand[3 - i], &c) || c != 0) continue;
            rest = op.operand[i];
            mask = i == 1 ? op.operand[0] : emit1(e, IR_t_not, op.operand[0]);
        }
        break;
    case IR_t_trilu:
        if (!attention_and_triangle(p, &op)) return IR_NONE;
        emit_note_nodes(e, &op);
        return op.operand[0];
    default: break;
    }
    if (mask == IR_NONE || !attention_fits(e, rest, v) || !attention_and_mask(p, mask, -INFINITY))
        return IR_NONE;
    emit_note_nodes(e, &op);
    return rest;
}

// ---- activations -----------------------------------------------------------------------------

ir_val attention_hard_sigmoid(peeled *p, ir_val v) {
    emitter *e = p->e;
    double factor = 1, c;
    p->is_hard = true;
    for (int depth = 0; depth < 16; depth++) {
        const ir_op op = emit_def(e, v);
        if (op.code == IR_t_mul && emit_splat(e, op.operand[1], &c) &&
            attention_fits(e, op.operand[0], v)) { // relu6(x + 3) / 6
            emit_note_nodes(e, &op);
            factor *= c;
            v = op.operand[0];
            continue;
        }
        if (op.code == IR_t_reshape && attention_keeps_rows(e, v, op.operand[0])) {
            v = op.operand[0];
            continue;
        }
        clamp k = clamp_of(e->r.m, e->r.f, v);
        if (k.n) {
            if (k.lo != 0 || !(factor > 0) || fabs(k.hi * factor - 1) > 1e-6) return IR_NONE;
            for (int i = 0; i < k.n; i++) emit_note_nodes(e, &e->r.f->ops.items[k.op[i]]);
            p->alpha = factor;
            return k.x;
        }
        v = unmasked(p, v);
        if (v == IR_NONE) return v;
    }
    return IR_NONE;
}

// x of x - max(x), which softmax undoes; else v.
static ir_val not_lowered(emitter *e, ir_val v) {
    const ir_op op = emit_def(e, v), max = op.code == IR_t_sub ? emit_def(e, op.operand[1]) : op;
    size_t n;
    const int64_t *axes = ir_attr_ints(&max.attrs, IR_ATTR_axes, &n);
    if (op.code != IR_t_sub || max.code != IR_t_reduce || max.operand[0] != op.operand[0] ||
        IR_WORD(&max.attrs, fn, reduction, REDUCE_SUM) != IR_REDUCE_MAX || n != 1 ||
        axes[0] != emit_type(e, v)->rank - 1)
        return v;
    emit_note_nodes(e, &op);
    emit_note_nodes(e, &max);
    return op.operand[0];
}

// A score of every row [.., H, T, 1] that is the same for all rows, as [H]; IR_NONE.
static ir_val one_per_head(emitter *e, ir_val v) {
    const ir_op op = emit_def(e, v);
    if (op.code == IR_t_broadcast) v = op.operand[0];
    const ir_type t = *emit_type(e, v);
    const tensor *c = emit_const_of(e, v);
    if (t.rank < 3 || t.type != ELEM_f32) return IR_NONE;
    int64_t heads = t.dim[t.rank - 3], rows = t.dim[t.rank - 2];
    if (!c) return ir_type_width(&t) == heads ? emit_reshape(e, v, 1, &heads) : IR_NONE;
    tensor one = tensor_new(e->r.m->arena, ELEM_f32, 1, &heads);
    const float *from = c->data;
    for (int64_t h = 0; h < heads; h++) ((float *)one.data)[h] = from[h * rows];
    for (int64_t i = 0, n = (int64_t)tensor_count(c); i < n; i++)
        if (from[i] != ((float *)one.data)[i / rows % heads]) return IR_NONE;
    return emit_const(e, "sink", one);
}

// All but the last column of v; the operand, or IR_NONE.
static ir_val without_last(const emitter *e, ir_val v) {
    const ir_op op = emit_def(e, v);
    if (op.code != IR_t_slice) return IR_NONE;
    const ir_type *t = emit_type(e, v), *from = emit_type(e, op.operand[0]);
    size_t n;
    const int64_t *starts = ir_attr_ints(&op.attrs, IR_ATTR_starts, &n);
    for (int i = 0; i < t->rank; i++)
        if (starts[i] != 0 || from->dim[i] != t->dim[i] + (i == t->rank - 1)) return IR_NONE;
    return op.operand[0];
}

// Scores beside a column for the sink; *sink as [H]. IR_NONE: something else is joined.
static ir_val beside_sink(emitter *e, ir_val v, ir_val *sink) {
    const ir_op op = emit_def(e, v);
    int last = emit_type(e, v)->rank - 1;
    if (op.code != IR_t_concat || op.n_operands != 2 ||
        ir_attr_int(&op.attrs, IR_ATTR_axis, 0) != last ||
        emit_type(e, op.operand[1])->dim[last] != 1)
        return IR_NONE;
    *sink = one_per_head(e, op.operand[1]);
    emit_note_nodes(e, &op);
    return *sink == IR_NONE ? IR_NONE : op.operand[0];
}

ir_val attention_softmax(peeled *p, ir_val v) {
    emitter *e = p->e;
    ir_op op = emit_def(e, v);
    if (op.code == IR_t_reshape && attention_keeps_rows(e, v, op.operand[0])) {
        v = op.operand[0];
        op = emit_def(e, v);
    }
    ir_val with_sink = without_last(e, v);
    if (with_sink != IR_NONE) {
        emit_note_nodes(e, &op);
        v = with_sink;
        op = emit_def(e, v);
    }
    if (op.code != IR_t_softmax ||
        ir_attr_int(&op.attrs, IR_ATTR_axis, 0) != emit_type(e, v)->rank - 1)
        return IR_NONE;
    emit_note_nodes(e, &op);
    ir_val s = not_lowered(e, op.operand[0]);
    return with_sink == IR_NONE ? s : beside_sink(e, s, &p->sink);
}
