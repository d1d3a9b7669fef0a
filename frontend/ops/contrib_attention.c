// The attention operators of onnxruntime (com.microsoft): Attention, MultiHeadAttention,
// GroupQueryAttention. Sources: onnxruntime docs/ContribOperators.md; corners by the tests made
// with onnxruntime itself.
#include "frontend/import.h"
#include <math.h>

// 0 where the mask (any integer type) is not 0, `filter` elsewhere.
static ir_val filter_mask(onnx_call *c, ir_val mask, double filter) {
    ir_val on = onnx_cast(c, mask, ELEM_bool);
    ir_val seen = onnx_scalar(c, ELEM_f32, 0), hidden = onnx_scalar(c, ELEM_f32, filter);
    return onnx_select(c, on, seen, hidden);
}

// Key masks of the ORT operators as an added term broadcast to [B,H,T,S]:
// [B] valid lengths; [2B] ends, then starts; [3B+2] lengths first; [B,S]; [B,T,S].
static ir_val key_mask(onnx_call *c, ir_val mask, int64_t batch, int64_t keys, double filter) {
    ir_type t = onnx_type(c, mask);
    if (mask == IR_NONE) return IR_NONE;
    if (t.rank == 2)
        return filter_mask(c, onnx_reshape(c, mask, 4, (int64_t[]){t.dim[0], 1, 1, t.dim[1]}),
                           filter);
    if (t.rank == 3) return filter_mask(c, onnx_unsqueeze(c, mask, 1), filter);
    if (t.rank != 1 || (t.dim[0] != batch && t.dim[0] != 2 * batch && t.dim[0] != 3 * batch + 2)) {
        onnx_missing(c, "a mask of %d axes is not supported", t.rank);
        return IR_NONE;
    }
    int64_t column[] = {batch, 1, 1, 1};
    ir_val wide = onnx_cast(c, mask, ELEM_i64), at = onnx_numbers(c, 0, keys, 3);
    ir_val end = onnx_reshape(c, onnx_slice1(c, wide, 0, 0, batch), 4, column);
    ir_val on = onnx_op2(c, IR_t_lt, at, end);
    if (t.dim[0] == 2 * batch) {
        ir_val start = onnx_reshape(c, onnx_slice1(c, wide, 0, batch, batch), 4, column);
        on = onnx_op2(c, IR_t_and, on, onnx_op2(c, IR_t_ge, at, start));
    }
    return filter_mask(c, on, filter);
}

static ir_val sum(onnx_call *c, ir_val a, ir_val b) {
    return a == IR_NONE ? b : b == IR_NONE ? a : onnx_op2(c, IR_t_add, a, b);
}

// ---- Attention
// -----------------------------------------------------------------------------------

// (input, weights, bias?, mask_index?, past?, attention_bias?): one product for q, k and v.
bool onnx_import_ms_attention(onnx_call *c) {
    ir_val x = onnx_in(c, 0), weights = onnx_in(c, 1), past = onnx_in(c, 4);
    ir_type tx = onnx_type(c, x), tw = onnx_type(c, weights);
    int64_t heads = onnx_attr_i(c, "num_heads", 0), size[3];
    size_t n;
    const int64_t *sizes = onnx_attr_is(c, "qkv_hidden_sizes", &n);
    if (tx.rank != 3 || tw.rank != 2 || heads < 1) return onnx_missing(c, "its inputs do not fit");
    if (onnx_attr_i(c, "do_rotary", 0)) return onnx_missing(c, "do_rotary is not supported");
    for (int i = 0; i < 3; i++) size[i] = sizes && n == 3 ? sizes[i] : tw.dim[1] / 3;
    for (int i = 0; i < 3; i++)
        if (size[i] < 0 || size[i] > tw.dim[1]) return onnx_missing(c, "its sizes do not fit");
    if (size[0] + size[1] + size[2] != tw.dim[1]) return onnx_missing(c, "its sizes do not fit");
    ir_val qkv = sum(c, onnx_op2(c, IR_t_matmul, x, weights), onnx_in(c, 2)), part[3];
    for (int64_t i = 0, from = 0; i < 3; from += size[i++])
        part[i] = onnx_split_heads(c, onnx_slice1(c, qkv, 2, from, size[i]), heads);
    int64_t n_past = 0;
    if (past != IR_NONE) { // [2,B,H,P,d]
        ir_type tp = onnx_type(c, past);
        if (tp.rank != 5) return onnx_missing(c, "its past does not fit");
        n_past = tp.dim[3];
        for (int i = 0; i < 2; i++) {
            ir_val p = onnx_reshape(c, onnx_slice1(c, past, 0, i, 1), 4, tp.dim + 1);
            part[i + 1] = onnx_concat(c, (ir_val[]){p, part[i + 1]}, 2, 2);
        }
    }
    if (onnx_wants(c, 1))
        onnx_set(
            c, 1,
            onnx_concat(c, (ir_val[]){onnx_unsqueeze(c, part[1], 0), onnx_unsqueeze(c, part[2], 0)},
                        2, 0));
    if (c->why) return false;
    onnx_attention a = {.q = part[0], .k = part[1], .v = part[2], .offset = n_past, .want = -1};
    a.scale = onnx_attr_f(c, "scale", 0);
    a.causal = onnx_attr_i(c, "unidirectional", 0) != 0;
    ir_val mask = key_mask(c, onnx_in(c, 3), tx.dim[0], tx.dim[1] + n_past,
                           onnx_attr_f(c, "mask_filter_value", -10000.0f));
    a.mask = sum(c, mask, onnx_in(c, 5));
    return onnx_set(c, 0, onnx_merge_heads(c, onnx_attend(c, &a)));
}

// ---- MultiHeadAttention
// --------------------------------------------------------------------------

// [B,T,H,n,d] -> part i as [B,H,T,d]
static ir_val packed_part(onnx_call *c, ir_val x, int64_t i) {
    ir_type t = onnx_type(c, x);
    x = onnx_slice1(c, x, 3, i, 1);
    x = onnx_reshape(c, x, 4, (int64_t[]){t.dim[0], t.dim[1], t.dim[2], t.dim[4]});
    return onnx_transpose(c, x, (int64_t[]){0, 2, 1, 3});
}

// Columns [from, from + width) of the concatenated bias, added before the heads are split.
static ir_val biased(onnx_call *c, ir_val x, ir_val bias, int64_t from) {
    if (bias == IR_NONE) return x;
    return onnx_op2(c, IR_t_add, x, onnx_slice1(c, bias, 0, from, onnx_type(c, x).dim[2]));
}

bool onnx_import_ms_multi_head_attention(onnx_call *c) {
    ir_val q = onnx_in(c, 0), k = onnx_in(c, 1), v = onnx_in(c, 2), bias = onnx_in(c, 3);
    ir_val past_k = onnx_in(c, 6), past_v = onnx_in(c, 7);
    int64_t heads = onnx_attr_i(c, "num_heads", 0);
    ir_type tq = onnx_type(c, q), tk = onnx_type(c, k);
    if (tq.rank == 5) {
        if (bias != IR_NONE) return onnx_missing(c, "a bias on packed input is not supported");
        v = packed_part(c, q, 2);
        k = packed_part(c, q, 1);
        q = packed_part(c, q, 0);
    } else if (tq.rank != 3 || k == IR_NONE) {
        return onnx_missing(c, "its inputs do not fit");
    } else {
        q = onnx_split_heads(c, biased(c, q, bias, 0), heads);
        if (tk.rank == 5) {
            v = packed_part(c, k, 1);
            k = packed_part(c, k, 0);
        } else if (tk.rank == 3) {
            int64_t width = tq.dim[2];
            k = onnx_split_heads(c, biased(c, k, bias, width), heads);
            v = onnx_split_heads(c, biased(c, v, bias, 2 * width), heads);
        } // 4 axes: keys and values of a cross attention, split already
    }
    int64_t n_past = 0;
    if (past_k != IR_NONE && past_v != IR_NONE) {
        n_past = onnx_type(c, past_k).dim[2];
        k = onnx_concat(c, (ir_val[]){past_k, k}, 2, 2);
        v = onnx_concat(c, (ir_val[]){past_v, v}, 2, 2);
    }
    if (q == IR_NONE || k == IR_NONE || v == IR_NONE) return onnx_missing(c, "an input is missing");
    onnx_set(c, 1, k);
    onnx_set(c, 2, v);
    onnx_attention a = {.q = q, .k = k, .v = v, .offset = n_past, .want = -1};
    a.scale = onnx_attr_f(c, "scale", 0);
    a.causal = onnx_attr_i(c, "unidirectional", 0) != 0;
    ir_val mask = key_mask(c, onnx_in(c, 4), tq.dim[0], onnx_type(c, k).dim[2],
                           onnx_attr_f(c, "mask_filter_value", -10000.0f));
    a.mask = sum(c, mask, onnx_in(c, 5));
    return onnx_set(c, 0, onnx_merge_heads(c, onnx_attend(c, &a)));
}

// ---- GroupQueryAttention
// -------------------------------------------------------------------------

typedef struct {
    int64_t batch, rows, past; // past: length of the cache given
    int64_t *valid;            // [batch] entries of it that count; NULL: all
} cache;

// seqlens_k[b] + 1 keys in all. With batch 1 and a value that is only known at run time, the cache
// is taken to be full: what a compiled program keeps has no padding.
static bool read_cache(onnx_call *c, cache *s) {
    const tensor *t = onnx_const(c, onnx_in(c, 5));
    s->valid = NULL;
    if (s->past == 0) return true;
    if (!t && s->batch == 1) {
        onnx_note(c, "the cache is taken to hold exactly the tokens before");
        return true;
    }
    t = onnx_need(c, onnx_in(c, 5), "seqlens_k");
    if (!t) return false;
    if ((int64_t)tensor_count(t) != s->batch) return onnx_missing(c, "seqlens_k does not fit");
    s->valid = ONNX_LIST(c, int64_t, s->batch);
    if (!s->valid) return false;
    bool full = true;
    for (int64_t b = 0; b < s->batch; b++) {
        int64_t n = elem_load_i64(t->type, t->data, (size_t)b);
        n = n < 0 || n > INT32_MAX ? -1 : n + 1 - s->rows;
        if (n < 0 || n > s->past) return onnx_missing(c, "seqlens_k does not fit the cache");
        s->valid[b] = n;
        full = full && n == s->past;
    }
    if (full) s->valid = NULL;
    return true;
}

// past [B,Hk,P,d] and new [B,Hk,T,d]: the new rows stand behind the valid ones of each batch entry.
static ir_val append(onnx_call *c, const cache *s, ir_val past, ir_val fresh) {
    if (past == IR_NONE) return fresh;
    ir_val joined = onnx_concat(c, (ir_val[]){past, fresh}, 2, 2);
    if (!s->valid || joined == IR_NONE) return joined;
    int64_t all = s->past + s->rows, count;
    int64_t *index = ONNX_LIST(c, int64_t, mul_fits(s->batch, all, &count) ? count : INT64_MAX);
    if (!index) return IR_NONE;
    for (int64_t b = 0; b < s->batch; b++)
        for (int64_t j = 0; j < all; j++) { // behind the new rows: the old ones, which nobody sees
            int64_t v = s->valid[b];
            index[b * all + j] = j < v ? j : j < v + s->rows ? s->past + j - v : j - s->rows;
        }
    ir_type t = onnx_type(c, joined);
    ir_val at = onnx_ints_const(c, index, (size_t)(s->batch * all));
    at = onnx_reshape(c, at, 4, (int64_t[]){s->batch, 1, all, 1});
    at = onnx_broadcast(c, at, 4, t.dim);
    ir_attrs attrs = {0};
    ir_attr_set_int(c->arena, &attrs, IR_ATTR_axis, 2);
    return onnx_op(c, IR_t_gather_elements, (ir_val[]){joined, at}, 2, &attrs);
}

// Rows of a table at the positions of the new tokens: [1,T,w] or [B,T,w].
static ir_val table_rows(onnx_call *c, const cache *s, ir_val table) {
    ir_val position = onnx_in(c, 9);
    if (position == IR_NONE) {
        int64_t n = s->valid ? s->batch : 1;
        int64_t count,
            *at = ONNX_LIST(c, int64_t, mul_fits(n, s->rows, &count) ? count : INT64_MAX);
        if (!at) return IR_NONE;
        for (int64_t b = 0; b < n; b++)
            for (int64_t i = 0; i < s->rows; i++)
                at[b * s->rows + i] = i + (s->valid ? s->valid[b] : s->past);
        position = onnx_ints_const(c, at, (size_t)(n * s->rows));
        position = onnx_reshape(c, position, 2, (int64_t[]){n, s->rows});
    }
    return onnx_gather(c, table, position, 0);
}

// Visible keys when the batch entries differ: bool [B,1,T,S].
static ir_val ragged_mask(onnx_call *c, const cache *s, int64_t window) {
    ir_val n = onnx_ints_const(c, s->valid, (size_t)s->batch);
    n = onnx_reshape(c, n, 4, (int64_t[]){s->batch, 1, 1, 1});
    ir_val row = onnx_op2(c, IR_t_add, onnx_numbers(c, 0, s->rows, 2), n);
    ir_val key = onnx_numbers(c, 0, s->past + s->rows, 3);
    ir_val visible = onnx_op2(c, IR_t_le, key, row);
    if (window <= 0) return visible;
    ir_val edge = onnx_op2(c, IR_t_sub, row, onnx_scalar(c, ELEM_i64, (double)window));
    return onnx_op2(c, IR_t_and, visible, onnx_op2(c, IR_t_gt, key, edge));
}

static bool group_query_inputs(onnx_call *c, int64_t heads, int64_t kv_heads, ir_val *part) {
    for (size_t i = 0; i < 3; i++) part[i] = onnx_in(c, i);
    ir_type t = onnx_type(c, part[0]);
    if (t.rank != 3 || heads < 1 || kv_heads < 1 || heads > 1 << 20 || kv_heads > 1 << 20)
        return onnx_missing(c, "its inputs do not fit");
    if (part[1] == IR_NONE) { // packed: q, k and v side by side
        int64_t d = t.dim[2] / (heads + 2 * kv_heads);
        ir_val x = part[0];
        part[0] = onnx_slice1(c, x, 2, 0, heads * d);
        part[1] = onnx_slice1(c, x, 2, heads * d, kv_heads * d);
        part[2] = onnx_slice1(c, x, 2, (heads + kv_heads) * d, kv_heads * d);
    }
    for (int i = 0; i < 3; i++) part[i] = onnx_split_heads(c, part[i], i ? kv_heads : heads);
    return part[0] != IR_NONE && part[1] != IR_NONE && part[2] != IR_NONE;
}

bool onnx_import_ms_group_query_attention(onnx_call *c) {
    int64_t heads = onnx_attr_i(c, "num_heads", 0), kv_heads = onnx_attr_i(c, "kv_num_heads", 0);
    ir_val part[3], past_k = onnx_in(c, 3), past_v = onnx_in(c, 4);
    ir_type t = onnx_type(c, onnx_in(c, 0));
    if (!group_query_inputs(c, heads, kv_heads, part)) return false;
    cache s = {.batch = t.dim[0],
               .rows = t.dim[1],
               .past = past_k == IR_NONE ? 0 : onnx_type(c, past_k).dim[2]};
    if (!read_cache(c, &s)) return false;
    if (onnx_attr_i(c, "do_rotary", 0)) {
        ir_val cos = table_rows(c, &s, onnx_in(c, 7)), sin = table_rows(c, &s, onnx_in(c, 8));
        bool interleaved = onnx_attr_i(c, "rotary_interleaved", 0) != 0;
        for (int i = 0; i < 2; i++) part[i] = onnx_rope(c, part[i], cos, sin, interleaved);
    }
    ir_val k = append(c, &s, past_k, part[1]), v = append(c, &s, past_v, part[2]);
    if (k == IR_NONE || v == IR_NONE) return onnx_missing(c, "its tables do not fit");
    onnx_set(c, 1, k);
    onnx_set(c, 2, v);
    onnx_attention a = {.q = part[0], .k = k, .v = v, .offset = s.past, .want = -1};
    a.scale = onnx_attr_f(c, "scale", 0);
    a.softcap = onnx_attr_f(c, "softcap", 0);
    a.causal = !s.valid;
    a.window = max_i64(0, onnx_attr_i(c, "local_window_size", -1));
    a.mask = onnx_in(c, 10);
    if (s.valid) {
        ir_val m = ragged_mask(c, &s, a.window);
        if (a.mask != IR_NONE) m = onnx_op2(c, IR_t_add, a.mask, filter_mask(c, m, -INFINITY));
        a.mask = m;
        a.window = 0;
    }
    if (onnx_in(c, 11) != IR_NONE)
        a.sink = onnx_in(c, 11);
    else if (onnx_attr_i(c, "smooth_softmax", 0) > 0) {
        ir_type sink = ir_type_make(ELEM_f32, 1, &heads);
        a.sink = onnx_fill(c, &sink, 0);
    }
    return onnx_set(c, 0, onnx_merge_heads(c, onnx_attend(c, &a)));
}
