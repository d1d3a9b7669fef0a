// Sequences of known length: lists of values, without an operation in the IR.
#include "frontend/import.h"

#define MAX_SEQUENCE 65536

// ---- sequences of known length
// -------------------------------------------------------------------

bool onnx_import_split_to_sequence(onnx_call *c) {
    ir_val x = onnx_in(c, 0), sizes = onnx_in(c, 1);
    ir_type t = onnx_type(c, x);
    int axis;
    if (!onnx_axis(c, onnx_attr_i(c, "axis", 0), t.rank, &axis)) return false;
    bool keep = onnx_attr_i(c, "keepdims", 1) || sizes != IR_NONE;
    size_t n = (size_t)t.dim[axis], n_sizes = 1;
    int64_t one = 1;
    const int64_t *part = &one;
    bool each = sizes == IR_NONE || onnx_rank(c, sizes) == 0;
    if (sizes != IR_NONE) {
        part = onnx_need_ints(c, sizes, &n_sizes, "the split");
        if (!part) return false;
    }
    if (each && (n_sizes != 1 || part[0] < 1)) return onnx_missing(c, "the split does not fit");
    if (each)
        n = (size_t)ceil_div_i64(t.dim[axis], part[0]);
    else
        n = n_sizes;
    if (n > MAX_SEQUENCE) return onnx_missing(c, "a sequence of %zu tensors is too long", n);
    ir_val *items = ONNX_LIST(c, ir_val, (int64_t)n);
    if (!items) return false;
    int64_t from = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t size = each ? min_i64(part[0], t.dim[axis] - from) : part[i];
        if (size < 0 || size > t.dim[axis] - from) return onnx_missing(c, "the split does not fit");
        items[i] = onnx_slice1(c, x, axis, from, size);
        if (!keep) {
            int64_t dim[IR_MAX_RANK];
            for (int k = 0, j = 0; k < t.rank; k++)
                if (k != axis) dim[j++] = t.dim[k];
            items[i] = onnx_reshape(c, items[i], t.rank - 1, dim);
        }
        if (items[i] == IR_NONE) return false;
        from += size;
    }
    return onnx_set(c, 0, onnx_sequence_new(c, items, n));
}

bool onnx_import_sequence_construct(onnx_call *c) {
    return onnx_set(c, 0, onnx_sequence_new(c, c->in, c->n_in));
}

static const onnx_sequence *sequence_in(onnx_call *c, size_t i) {
    if (onnx_is_sequence(onnx_in(c, i))) return onnx_sequence_of(c, onnx_in(c, i));
    onnx_missing(c, "input %zu is no sequence made here", i);
    return NULL;
}

bool onnx_import_sequence_at(onnx_call *c) {
    const onnx_sequence *s = sequence_in(c, 0);
    int64_t at;
    if (!s || !onnx_need_int(c, onnx_in(c, 1), &at, "the position")) return false;
    if (at < 0) at += (int64_t)s->count;
    if (at < 0 || at >= (int64_t)s->count) return onnx_missing(c, "the position does not exist");
    return onnx_set(c, 0, s->items[at]);
}

bool onnx_import_sequence_empty(onnx_call *c) {
    return onnx_set(c, 0, onnx_sequence_new(c, NULL, 0));
}

// The position in input i, counted from `count` when negative; `last` when absent.
static bool position(onnx_call *c, size_t i, int64_t count, int64_t last, int64_t *at) {
    *at = last;
    if (onnx_in(c, i) == IR_NONE) return true;
    if (!onnx_need_int(c, onnx_in(c, i), at, "the position")) return false;
    if (*at < 0) *at += count;
    return (*at >= 0 && *at <= last) || onnx_missing(c, "the position does not exist");
}

bool onnx_import_sequence_insert(onnx_call *c) {
    const onnx_sequence *s = sequence_in(c, 0);
    int64_t at;
    if (!s || !position(c, 2, (int64_t)s->count, (int64_t)s->count, &at)) return false;
    ir_val *items = ONNX_LIST(c, ir_val, (int64_t)s->count + 1);
    if (!items) return false;
    for (size_t i = 0, j = 0; i <= s->count; i++)
        items[i] = (int64_t)i == at ? onnx_in(c, 1) : s->items[j++];
    return onnx_set(c, 0, onnx_sequence_new(c, items, s->count + 1));
}

bool onnx_import_sequence_erase(onnx_call *c) {
    const onnx_sequence *s = sequence_in(c, 0);
    int64_t at;
    if (!s) return false;
    if (s->count == 0) return onnx_missing(c, "an empty sequence");
    if (!position(c, 1, (int64_t)s->count, (int64_t)s->count - 1, &at)) return false;
    ir_val *items = ONNX_LIST(c, ir_val, (int64_t)s->count);
    if (!items) return false;
    for (size_t i = 0, j = 0; i < s->count; i++)
        if ((int64_t)i != at) items[j++] = s->items[i];
    return onnx_set(c, 0, onnx_sequence_new(c, items, s->count - 1));
}

bool onnx_import_sequence_length(onnx_call *c) {
    const onnx_sequence *s = sequence_in(c, 0);
    return s && onnx_set(c, 0, onnx_scalar(c, ELEM_i64, (double)s->count));
}

bool onnx_import_concat_from_sequence(onnx_call *c) {
    const onnx_sequence *s = sequence_in(c, 0);
    if (!s) return false;
    if (s->count == 0) return onnx_missing(c, "an empty sequence");
    bool fresh = onnx_attr_i(c, "new_axis", 0) != 0;
    int axis, rank = onnx_rank(c, s->items[0]) + fresh;
    if (!onnx_axis(c, onnx_attr_i(c, "axis", 0), rank, &axis)) return false;
    ir_val *items = ONNX_LIST(c, ir_val, (int64_t)s->count);
    if (!items) return false;
    for (size_t i = 0; i < s->count; i++)
        items[i] = fresh ? onnx_unsqueeze(c, s->items[i], axis) : s->items[i];
    return onnx_set(c, 0, onnx_concat(c, items, s->count, axis));
}
