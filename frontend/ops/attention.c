// Attention and rotary embedding, lowered to the products, masks and softmax that other exporters
// write.
#include "frontend/import.h"
#include <math.h>

static double square_root(double x) { return sqrt(x); } // correctly rounded everywhere

ir_val onnx_split_heads(onnx_call *c, ir_val x, int64_t heads) {
    ir_type t = onnx_type(c, x);
    if (x == IR_NONE) return x;
    if (t.rank != 3 || heads < 1 || t.dim[2] % heads) {
        onnx_missing(c, "%lld heads do not divide %s", (long long)heads,
                     ir_type_text(c->arena, &t));
        return IR_NONE;
    }
    x = onnx_reshape(c, x, 4, (int64_t[]){t.dim[0], t.dim[1], heads, t.dim[2] / heads});
    return onnx_transpose(c, x, (int64_t[]){0, 2, 1, 3});
}

ir_val onnx_merge_heads(onnx_call *c, ir_val x) {
    ir_type t = onnx_type(c, x);
    if (x == IR_NONE) return x;
    x = onnx_transpose(c, x, (int64_t[]){0, 2, 1, 3});
    return onnx_reshape(c, x, 3, (int64_t[]){t.dim[0], t.dim[2], t.dim[1] * t.dim[3]});
}

// Each key/value head for q_per_kv query heads: Unsqueeze, Expand, Reshape.
static ir_val repeat_heads(onnx_call *c, ir_val x, int64_t times) {
    ir_type t = onnx_type(c, x);
    if (x == IR_NONE || times == 1) return x;
    x = onnx_reshape(c, x, 5, (int64_t[]){t.dim[0], t.dim[1], 1, t.dim[2], t.dim[3]});
    x = onnx_broadcast(c, x, 5, (int64_t[]){t.dim[0], t.dim[1], times, t.dim[2], t.dim[3]});
    return onnx_reshape(c, x, 4, (int64_t[]){t.dim[0], t.dim[1] * times, t.dim[2], t.dim[3]});
}

ir_val onnx_numbers(onnx_call *c, int64_t first, int64_t n, int axis) {
    ir_val v = onnx_counting(c, first, n, 1);
    return onnx_reshape(c, v, 4, (int64_t[]){1, 1, axis == 2 ? n : 1, axis == 3 ? n : 1});
}

// Visible keys of each row, bool [1,1,T,S]: j <= i + offset, and within the window.
static ir_val causal_mask(onnx_call *c, const onnx_attention *a, int64_t t, int64_t s) {
    ir_val key = onnx_numbers(c, 0, s, 3), row = onnx_numbers(c, a->offset, t, 2);
    ir_val visible = onnx_op2(c, IR_t_le, key, row);
    if (a->window <= 0) return visible;
    ir_val edge = onnx_numbers(c, a->offset - a->window, t, 2);
    return onnx_op2(c, IR_t_and, visible, onnx_op2(c, IR_t_gt, key, edge));
}

// bool -> 0 or -inf
static ir_val additive(onnx_call *c, ir_val mask, elem e) {
    if (onnx_type(c, mask).type != ELEM_bool) return onnx_cast(c, mask, e);
    ir_val seen = onnx_scalar(c, e, 0), hidden = onnx_scalar(c, e, -INFINITY);
    return onnx_select(c, mask, seen, hidden);
}

static ir_val softcap(onnx_call *c, ir_val s, double cap) {
    if (cap == 0) return s;
    return onnx_scale(c, onnx_op1(c, IR_t_tanh, onnx_scale(c, s, 1 / cap)), cap);
}

// The sink is one more score before the softmax, and dropped after it.
static ir_val softmax_with_sink(onnx_call *c, ir_val s, ir_val sink) {
    if (sink == IR_NONE) return onnx_softmax(c, s, 3);
    ir_type t = onnx_type(c, s), one = t, ts = onnx_type(c, sink);
    one.dim[3] = 1;
    sink = onnx_reshape(c, sink, 4, (int64_t[]){1, ir_type_width(&ts), 1, 1});
    sink = onnx_broadcast(c, onnx_cast(c, sink, t.type), 4, one.dim);
    s = onnx_softmax(c, onnx_concat(c, (ir_val[]){s, sink}, 2, 3), 3);
    return onnx_slice1(c, s, 3, 0, t.dim[3]);
}

ir_val onnx_attend(onnx_call *c, onnx_attention *a) {
    ir_type q = onnx_type(c, a->q), k = onnx_type(c, a->k), v = onnx_type(c, a->v);
    if (q.rank != 4 || k.rank != 4 || v.rank != 4 || k.dim[1] < 1 || q.dim[1] % k.dim[1]) {
        onnx_missing(c, "query, key and value do not fit together");
        return IR_NONE;
    }
    double scale = a->scale != 0 ? a->scale : 1 / square_root((double)q.dim[3]);
    double root = square_root(fabs(scale));
    int64_t times = q.dim[1] / k.dim[1];
    ir_val keys = repeat_heads(c, a->k, times), values = repeat_heads(c, a->v, times);
    ir_val queries = onnx_scale(c, a->q, scale < 0 ? -root : root);
    ir_val s = onnx_op2(c, IR_t_matmul, queries, onnx_scale(c, onnx_swap_last(c, keys), root));
    if (a->want == 0) a->scores = s;
    s = softcap(c, s, a->softcap);
    if (a->want == 1) a->scores = s;
    if (a->causal || a->window > 0) {
        ir_val m = causal_mask(c, a, q.dim[2], k.dim[2]);
        if (a->mask != IR_NONE && onnx_type(c, a->mask).type == ELEM_bool) {
            a->mask = onnx_op2(c, IR_t_and, a->mask, m);
        } else {
            m = additive(c, m, q.type);
            a->mask =
                a->mask == IR_NONE ? m : onnx_op2(c, IR_t_add, onnx_cast(c, a->mask, q.type), m);
        }
        if (a->mask == IR_NONE) return IR_NONE;
    }
    if (a->mask != IR_NONE) s = onnx_op2(c, IR_t_add, s, additive(c, a->mask, q.type));
    if (a->want == 2) a->scores = s;
    s = softmax_with_sink(c, s, a->sink);
    if (a->want == 3) a->scores = s;
    return onnx_op2(c, IR_t_matmul, s, values);
}

// ---- Attention (ai.onnx 23, 24)
// ------------------------------------------------------------------

// A mask that covers fewer keys than there are hides the rest.
static ir_val extend_mask(onnx_call *c, ir_val mask, int64_t keys) {
    ir_type t = onnx_type(c, mask);
    if (mask == IR_NONE || t.rank == 0 || t.dim[t.rank - 1] >= keys || t.dim[t.rank - 1] == 1)
        return mask;
    ir_type rest = t;
    rest.dim[t.rank - 1] = keys - t.dim[t.rank - 1];
    ir_val hidden = onnx_fill(c, &rest, t.type == ELEM_bool ? 0 : -INFINITY);
    return onnx_concat(c, (ir_val[]){mask, hidden}, 2, t.rank - 1);
}

// Keys of each batch entry below its count; causal: the last row stands at the last counted key.
static ir_val counted_keys(onnx_call *c, ir_val counts, const ir_type *q, int64_t keys,
                           bool causal) {
    ir_val n = onnx_cast(c, counts, ELEM_i64);
    n = onnx_reshape(c, n, 4, (int64_t[]){q->dim[0], 1, 1, 1});
    ir_val key = onnx_numbers(c, 0, keys, 3);
    ir_val visible = onnx_op2(c, IR_t_lt, key, n);
    if (!causal) return visible;
    ir_val last = onnx_op2(c, IR_t_add, onnx_numbers(c, -q->dim[2], q->dim[2], 2), n);
    return onnx_op2(c, IR_t_and, visible, onnx_op2(c, IR_t_le, key, last));
}

bool onnx_import_attention(onnx_call *c) {
    ir_val q = onnx_in(c, 0), k = onnx_in(c, 1), v = onnx_in(c, 2), mask = onnx_in(c, 3);
    ir_val past_k = onnx_in(c, 4), past_v = onnx_in(c, 5), counts = onnx_in(c, 6);
    bool flat = onnx_rank(c, q) == 3;
    if (q == IR_NONE || k == IR_NONE || v == IR_NONE)
        return onnx_missing(c, "it takes three inputs");
    if (flat) {
        q = onnx_split_heads(c, q, onnx_attr_i(c, "q_num_heads", 0));
        k = onnx_split_heads(c, k, onnx_attr_i(c, "kv_num_heads", 0));
        v = onnx_split_heads(c, v, onnx_attr_i(c, "kv_num_heads", 0));
    }
    int64_t past = 0;
    if (past_k != IR_NONE && past_v != IR_NONE) {
        past = onnx_type(c, past_k).dim[2];
        k = onnx_concat(c, (ir_val[]){past_k, k}, 2, 2);
        v = onnx_concat(c, (ir_val[]){past_v, v}, 2, 2);
    }
    if (q == IR_NONE || k == IR_NONE || v == IR_NONE) return false;
    ir_type tq = onnx_type(c, q), tk = onnx_type(c, k);
    onnx_attention a = {.q = q, .k = k, .v = v, .want = -1, .offset = past};
    a.mask = extend_mask(c, mask, tk.dim[2]);
    a.scale = onnx_attr_f(c, "scale", 0);
    a.softcap = onnx_attr_f(c, "softcap", 0);
    a.causal = onnx_attr_i(c, "is_causal", 0) != 0;
    if (onnx_wants(c, 3)) a.want = (int)onnx_attr_i(c, "qk_matmul_output_mode", 0);
    if (counts != IR_NONE) {
        ir_val visible = counted_keys(c, counts, &tq, tk.dim[2], a.causal);
        a.causal = false;
        if (a.mask == IR_NONE)
            a.mask = visible;
        else if (onnx_type(c, a.mask).type == ELEM_bool)
            a.mask = onnx_op2(c, IR_t_and, a.mask, visible);
        else
            a.mask = onnx_op2(c, IR_t_add, a.mask, additive(c, visible, tq.type));
    }
    ir_val y = onnx_attend(c, &a);
    if (onnx_wants(c, 1)) onnx_set(c, 1, k);
    if (onnx_wants(c, 2)) onnx_set(c, 2, v);
    if (onnx_wants(c, 3)) onnx_set(c, 3, a.scores);
    return onnx_set(c, 0, flat ? onnx_merge_heads(c, y) : y);
}

// ---- rotary embedding
// ----------------------------------------------------------------------------

// Pairs (i, i + r/2), or (2i, 2i+1) when interleaved, turned by cos and sin; the other columns
// stay.
static ir_val rope_parts(onnx_call *c, ir_val x, ir_val cos, ir_val sin, bool interleaved) {
    ir_type t = onnx_type(c, x), ct = onnx_type(c, cos);
    int64_t half = ct.dim[ct.rank - 1], r = 2 * half, d = t.dim[3];
    int64_t table[4] = {ct.rank == 3 ? ct.dim[0] : 1, 1, t.dim[2], half};
    cos = onnx_reshape(c, cos, 4, table);
    sin = onnx_reshape(c, sin, 4, table);
    ir_val turned = onnx_slice1(c, x, 3, 0, r), rest = onnx_slice1(c, x, 3, r, d - r), a, b;
    int64_t flat[4] = {t.dim[0], t.dim[1], t.dim[2], half};
    int64_t pairs[5] = {t.dim[0], t.dim[1], t.dim[2], half, 2};
    if (interleaved) {
        ir_val p = onnx_reshape(c, turned, 5, pairs);
        a = onnx_reshape(c, onnx_slice1(c, p, 4, 0, 1), 4, flat);
        b = onnx_reshape(c, onnx_slice1(c, p, 4, 1, 1), 4, flat);
    } else {
        a = onnx_slice1(c, turned, 3, 0, half);
        b = onnx_slice1(c, turned, 3, half, half);
    }
    ir_val a_cos = onnx_op2(c, IR_t_mul, a, cos), b_sin = onnx_op2(c, IR_t_mul, b, sin);
    ir_val y0 = onnx_op2(c, IR_t_sub, a_cos, b_sin);
    ir_val a_sin = onnx_op2(c, IR_t_mul, a, sin), b_cos = onnx_op2(c, IR_t_mul, b, cos);
    ir_val y1 = onnx_op2(c, IR_t_add, a_sin, b_cos);
    if (interleaved) {
        pairs[4] = 1;
        y0 = onnx_reshape(c, y0, 5, pairs);
        y1 = onnx_reshape(c, y1, 5, pairs);
        int64_t joined[4] = {t.dim[0], t.dim[1], t.dim[2], r};
        ir_val y = onnx_concat(c, (ir_val[]){y0, y1}, 2, 4);
        y0 = onnx_reshape(c, y, 4, joined);
        return d == r ? y0 : onnx_concat(c, (ir_val[]){y0, rest}, 2, 3);
    }
    return onnx_concat(c, (ir_val[]){y0, y1, rest}, d == r ? 2 : 3, 3);
}

ir_val onnx_rope(onnx_call *c, ir_val x, ir_val cos, ir_val sin, bool interleaved) {
    ir_type t = onnx_type(c, x), ct = onnx_type(c, cos), st = onnx_type(c, sin);
    if (x == IR_NONE || cos == IR_NONE || sin == IR_NONE) return IR_NONE;
    bool fits = t.rank == 4 && (ct.rank == 2 || ct.rank == 3) && ir_type_equal(&ct, &st) &&
                ct.dim[ct.rank - 2] == t.dim[2] && 2 * ct.dim[ct.rank - 1] <= t.dim[3] &&
                (ct.rank == 2 || ct.dim[0] == 1 || ct.dim[0] == t.dim[0]);
    if (!fits) {
        onnx_missing(c, "the tables do not fit the operand");
        return IR_NONE;
    }
    if (t.type != ELEM_f32 || ct.type != ELEM_f32 || (ct.rank == 3 && ct.dim[0] != 1))
        return rope_parts(c, x, cos, sin, interleaved);
    const int64_t *table = ct.dim + ct.rank - 2;
    ir_attrs attrs = {0};
    ir_attr_set_str(c->arena, &attrs, IR_ATTR_mode, interleaved ? "interleaved" : "half");
    ir_attr_set_int(c->arena, &attrs, IR_ATTR_rotary_dim, 2 * table[1]);
    ir_val in[] = {x, onnx_reshape(c, cos, 2, table), onnx_reshape(c, sin, 2, table)};
    return onnx_op(c, IR_nn_rope, in, 3, &attrs);
}

// arg 0: ai.onnx-23 (x, cos, sin, position_ids?); 1: com.microsoft (x, position_ids, cos, sin).
bool onnx_import_rotary_embedding(onnx_call *c) {
    ir_val x = onnx_in(c, 0), cos = onnx_in(c, c->arg ? 2 : 1), sin = onnx_in(c, c->arg ? 3 : 2);
    ir_val position = onnx_in(c, c->arg ? 1 : 3);
    if (cos == IR_NONE || sin == IR_NONE) return onnx_missing(c, "the tables are not given");
    int64_t heads = onnx_attr_i(c, "num_heads", 0), dim = onnx_attr_i(c, "rotary_embedding_dim", 0);
    ir_type t = onnx_type(c, x), table = onnx_type(c, cos);
    bool flat = t.rank == 3;
    if (table.rank < 1 || table.dim[table.rank - 1] < 1)
        return onnx_missing(c, "its tables do not fit");
    if (flat && heads == 0 && c->arg) // the tables tell the head width
        heads = t.dim[2] / (2 * table.dim[table.rank - 1]);
    if (flat) x = onnx_split_heads(c, x, heads);
    t = onnx_type(c, x);
    if (t.rank != 4) return onnx_missing(c, "[B,H,T,d] or [B,T,H*d] is expected");
    if (position != IR_NONE && onnx_rank(c, position) == 1) { // com.microsoft: an offset
        ir_val counted = onnx_counting(c, 0, t.dim[2], 1);
        position = onnx_op2(c, IR_t_add, counted, onnx_cast(c, position, ELEM_i64));
        position = onnx_reshape(c, position, 2, (int64_t[]){1, t.dim[2]});
    }
    if (position != IR_NONE) {
        cos = onnx_gather(c, cos, position, 0);
        sin = onnx_gather(c, sin, position, 0);
    }
    table = onnx_type(c, cos);
    if (dim > 0 && table.rank > 0 && dim / 2 < table.dim[table.rank - 1]) {
        cos = onnx_slice1(c, cos, table.rank - 1, 0, dim / 2);
        sin = onnx_slice1(c, sin, table.rank - 1, 0, dim / 2);
    }
    x = onnx_rope(c, x, cos, sin, onnx_attr_i(c, "interleaved", 0) != 0);
    return onnx_set(c, 0, flat ? onnx_merge_heads(c, x) : x);
}
