// Shapes: what reports them, makes constants of them, and moves elements without arithmetic.
#include "frontend/import.h"
#include <math.h>

#define MAX_RANGE INT64_C(1000000000)

// ---- constants
// -----------------------------------------------------------------------------------

bool onnx_import_constant(onnx_call *c) {
    static const char *const names[] = {"value", "value_float", "value_floats", "value_int",
                                        "value_ints"};
    const onnx_attr *a = NULL;
    for (size_t i = 0; i < ARRAY_LEN(names) && !a; i++) a = onnx_attribute(c, names[i]);
    if (!a) return onnx_missing(c, "only tensors, floats and integers are supported");
    tensor t;
    int64_t n = (int64_t)a->count;
    switch (a->kind) {
    case ONNX_ATTR_TENSOR:
        if (a->t->problem) return onnx_missing(c, "its value cannot be used: %s", a->t->problem);
        t = a->t->value;
        break;
    case ONNX_ATTR_FLOAT:
        if (!onnx_make(c, ELEM_f32, 0, NULL, &t)) return false;
        memcpy(t.data, &a->f, sizeof a->f);
        break;
    case ONNX_ATTR_INT:
        if (!onnx_make(c, ELEM_i64, 0, NULL, &t)) return false;
        memcpy(t.data, &a->i, sizeof a->i);
        break;
    case ONNX_ATTR_FLOATS:
        if (!onnx_make(c, ELEM_f32, 1, &n, &t)) return false;
        if (n) memcpy(t.data, a->floats, (size_t)n * sizeof *a->floats);
        break;
    case ONNX_ATTR_INTS:
        if (!onnx_make(c, ELEM_i64, 1, &n, &t)) return false;
        if (n) memcpy(t.data, a->ints, (size_t)n * sizeof *a->ints);
        break;
    default: return onnx_missing(c, "attribute '%s' is of an unsupported kind", a->name);
    }
    return onnx_set(c, 0, onnx_tensor_const(c, c->node->out[0], t));
}

static bool need_dims(onnx_call *c, ir_val v, const char *what, const int64_t **dim, int *rank) {
    size_t n;
    *rank = 0;
    *dim = onnx_need_ints(c, v, &n, what);
    if (!*dim) return false;
    if (n > IR_MAX_RANK) return onnx_missing(c, "%zu axes are more than %d", n, IR_MAX_RANK);
    *rank = (int)n;
    return true;
}

bool onnx_import_constant_of_shape(onnx_call *c) {
    const onnx_attr *value = onnx_attr_of(c, "value", ONNX_ATTR_TENSOR);
    const int64_t *dim;
    int rank;
    if (!need_dims(c, onnx_in(c, 0), "the shape", &dim, &rank)) return false;
    for (int i = 0; i < rank; i++)
        if (dim[i] < 0) return onnx_missing(c, "axis %d has size %lld", i, (long long)dim[i]);
    ir_val v;
    if (value) {
        tensor t = value->t->value;
        if (value->t->problem || tensor_count(&t) != 1)
            return onnx_missing(c, "its value must be one element");
        t.rank = 0;
        v = onnx_tensor_const(c, NULL, t);
    } else {
        v = onnx_scalar(c, ELEM_f32, 0);
    }
    return onnx_set(c, 0, onnx_broadcast(c, v, rank, dim));
}

bool onnx_import_shape(onnx_call *c) {
    ir_type t = onnx_type(c, onnx_in(c, 0));
    int64_t from = onnx_attr_i(c, "start", 0), to = onnx_attr_i(c, "end", t.rank);
    from = max_i64(0, min_i64(from < 0 ? from + t.rank : from, t.rank));
    to = max_i64(from, min_i64(to < 0 ? to + t.rank : to, t.rank));
    return onnx_set(c, 0, onnx_ints_const(c, t.dim + from, (size_t)(to - from)));
}

bool onnx_import_size(onnx_call *c) {
    ir_type t = onnx_type(c, onnx_in(c, 0));
    tensor s;
    if (!onnx_make(c, ELEM_i64, 0, NULL, &s)) return false;
    *(int64_t *)s.data = ir_type_width(&t);
    return onnx_set(c, 0, onnx_tensor_const(c, NULL, s));
}

// max(ceil((limit - start) / delta), 0)
static bool range_count(onnx_call *c, const tensor *const t[3], int64_t *n) {
    if (elem_is_float(t[0]->type)) {
        double a[3];
        for (int i = 0; i < 3; i++) a[i] = elem_load_f64(t[i]->type, t[i]->data, 0);
        double count = ceil((a[1] - a[0]) / a[2]);
        if (a[2] == 0) return onnx_missing(c, "delta is 0");
        if (count <= 0) count = 0;
        return f64_to_i64(count, 0, MAX_RANGE, n) ||
               onnx_missing(c, "a range of %g elements is too big", count);
    }
    int64_t a[3], span;
    for (int i = 0; i < 3; i++) a[i] = elem_load_i64(t[i]->type, t[i]->data, 0);
    if (a[2] == 0) return onnx_missing(c, "delta is 0");
    if (!sub_fits(a[1], a[0], &span) || span == INT64_MIN)
        return onnx_missing(c, "its bounds are too far apart");
    *n = (span < 0) != (a[2] < 0) ? 0 : span / a[2] + (span % a[2] != 0);
    return *n <= MAX_RANGE || onnx_missing(c, "a range of %lld elements is too big", (long long)*n);
}

bool onnx_import_range(onnx_call *c) {
    const tensor *t[3];
    static const char *const names[] = {"start", "limit", "delta"};
    ir_val in[3];
    for (int i = 0; i < 3; i++) {
        in[i] = onnx_in(c, (size_t)i);
        t[i] = onnx_need(c, in[i], names[i]);
        if (!t[i]) return false;
        if (tensor_count(t[i]) != 1) return onnx_missing(c, "%s is no scalar", names[i]);
        in[i] = onnx_reshape(c, in[i], 0, NULL);
    }
    int64_t n;
    if (!range_count(c, t, &n)) return false;
    ir_type out = ir_type_make(t[0]->type, 1, &n);
    return onnx_set(c, 0, onnx_op_typed(c, IR_t_range, in, 3, NULL, &out));
}

bool onnx_import_eye_like(onnx_call *c) {
    ir_type t = onnx_type(c, onnx_in(c, 0));
    int64_t k = onnx_attr_i(c, "k", 0), dtype = onnx_attr_i(c, "dtype", 0);
    if (t.rank != 2) return onnx_missing(c, "a matrix is expected");
    k = clamp_i64(k, -(INT64_C(1) << 41), INT64_C(1) << 41);
    tensor e;
    if ((dtype && !onnx_elem(c, dtype, &t.type)) || !onnx_make(c, t.type, 2, t.dim, &e))
        return false;
    for (int64_t i = 0; i < t.dim[0]; i++)
        if (i + k >= 0 && i + k < t.dim[1])
            elem_store_i64(t.type, e.data, (size_t)(i * t.dim[1] + i + k), 1);
    return onnx_set(c, 0, onnx_tensor_const(c, NULL, e));
}

// ---- the same elements in another shape
// ----------------------------------------------------------

bool onnx_import_reshape(onnx_call *c) {
    ir_val x = onnx_in(c, 0);
    ir_type t = onnx_type(c, x);
    size_t n;
    bool ok, zero_is_zero = onnx_attr_i(c, "allowzero", 0) != 0;
    const int64_t *want = onnx_ints_of(c, "shape", 1, &n, &ok);
    if (!want) return ok ? onnx_missing(c, "the shape is not given") : false;
    if (n > IR_MAX_RANK) return onnx_missing(c, "%zu axes are more than %d", n, IR_MAX_RANK);
    int64_t dim[IR_MAX_RANK], known = 1, total = ir_type_width(&t);
    int free_axis = -1;
    for (int i = 0; i < (int)n; i++) {
        dim[i] = want[i];
        if (dim[i] == 0 && !zero_is_zero) {
            if (i >= t.rank) return onnx_missing(c, "size 0 copies an axis that is not there");
            dim[i] = t.dim[i];
        }
        if (dim[i] == -1) {
            if (free_axis >= 0) return onnx_missing(c, "two sizes are -1");
            free_axis = i;
        } else if (dim[i] < 0 || (known && dim[i] > (INT64_C(1) << 40) / known)) {
            return onnx_missing(c, "size %lld does not fit", (long long)dim[i]);
        } else {
            known *= dim[i];
        }
    }
    if (free_axis >= 0) {
        if (known == 0 || total % known)
            return onnx_missing(c, "%lld elements cannot be divided by %lld", (long long)total,
                                (long long)known);
        dim[free_axis] = total / known;
    }
    return onnx_set(c, 0, onnx_reshape(c, x, (int)n, dim));
}

bool onnx_import_flatten(onnx_call *c) {
    ir_type t = onnx_type(c, onnx_in(c, 0));
    int64_t axis = onnx_attr_i(c, "axis", 1), dim[2] = {1, 1};
    if (axis < 0) axis += t.rank;
    if (axis < 0 || axis > t.rank) return onnx_missing(c, "axis is outside the tensor");
    for (int i = 0; i < t.rank; i++) dim[i >= axis] *= t.dim[i];
    return onnx_set(c, 0, onnx_reshape(c, onnx_in(c, 0), 2, dim));
}

bool onnx_import_unsqueeze(onnx_call *c) {
    ir_val x = onnx_in(c, 0);
    ir_type t = onnx_type(c, x);
    size_t n;
    bool ok;
    const int64_t *axes = onnx_ints_of(c, "axes", 1, &n, &ok);
    if (!axes) return ok ? onnx_missing(c, "axes are not given") : false;
    int rank = t.rank + (int)n;
    if (n > IR_MAX_RANK || rank > IR_MAX_RANK)
        return onnx_missing(c, "its result has more than %d axes", IR_MAX_RANK);
    int64_t at[IR_MAX_RANK], dim[IR_MAX_RANK];
    if (!onnx_axes(c, axes, n, rank, at)) return false;
    for (int i = 0, j = 0, k = 0; i < rank; i++) {
        bool fresh = k < (int)n && at[k] == i;
        dim[i] = fresh ? 1 : t.dim[j];
        j += !fresh;
        k += fresh;
    }
    return onnx_set(c, 0, onnx_reshape(c, x, rank, dim));
}

bool onnx_import_squeeze(onnx_call *c) {
    ir_val x = onnx_in(c, 0);
    ir_type t = onnx_type(c, x);
    size_t n;
    bool ok, gone[IR_MAX_RANK] = {false};
    const int64_t *axes = onnx_ints_of(c, "axes", 1, &n, &ok);
    if (!ok) return false;
    if (axes) {
        int64_t at[IR_MAX_RANK];
        if (n > IR_MAX_RANK || !onnx_axes(c, axes, n, t.rank, at))
            return onnx_missing(c, "its axes do not fit");
        for (size_t i = 0; i < n; i++) gone[at[i]] = true;
    } else {
        for (int i = 0; i < t.rank; i++) gone[i] = t.dim[i] == 1;
    }
    int64_t dim[IR_MAX_RANK];
    int rank = 0;
    for (int i = 0; i < t.rank; i++) {
        if (gone[i] && t.dim[i] != 1)
            return onnx_missing(c, "axis %d has size %lld, not 1", i, (long long)t.dim[i]);
        if (!gone[i]) dim[rank++] = t.dim[i];
    }
    return onnx_set(c, 0, onnx_reshape(c, x, rank, dim));
}

// ---- moving and repeating
// ------------------------------------------------------------------------

bool onnx_import_transpose(onnx_call *c) {
    int rank = onnx_rank(c, onnx_in(c, 0));
    size_t n;
    const int64_t *perm = onnx_attr_is(c, "perm", &n);
    int64_t all[IR_MAX_RANK], sorted[IR_MAX_RANK];
    if (perm && (int)n != rank) return onnx_missing(c, "perm has %zu axes of %d", n, rank);
    for (int i = 0; i < rank; i++) all[i] = perm ? perm[i] : rank - 1 - i;
    if (!onnx_axes(c, all, (size_t)rank, rank, sorted)) return false;
    for (int i = 0; i < rank; i++) all[i] += all[i] < 0 ? rank : 0;
    return onnx_set(c, 0, onnx_transpose(c, onnx_in(c, 0), all));
}

bool onnx_import_expand(onnx_call *c) {
    ir_val x = onnx_in(c, 0);
    ir_type t = onnx_type(c, x);
    const int64_t *want;
    int n;
    if (!need_dims(c, onnx_in(c, 1), "the shape", &want, &n)) return false;
    int rank = n > t.rank ? n : t.rank;
    int64_t dim[IR_MAX_RANK];
    for (int i = 0; i < rank; i++) { // from the last axis
        int64_t a = i < t.rank ? t.dim[t.rank - 1 - i] : 1, b = i < n ? want[n - 1 - i] : 1;
        if (b < 0) return onnx_missing(c, "size %lld is negative", (long long)b);
        dim[rank - 1 - i] = a == 1 ? b : a;
        if (a != 1 && b != 1 && a != b)
            return onnx_missing(c, "size %lld cannot become %lld", (long long)a, (long long)b);
    }
    return onnx_set(c, 0, onnx_broadcast(c, x, rank, dim));
}

// [a,b] repeated [r,s]: [1,a,1,b] broadcast to [r,a,s,b], axis by axis where r > 1.
bool onnx_import_tile(onnx_call *c) {
    ir_val x = onnx_in(c, 0);
    size_t n;
    int64_t repeats[IR_MAX_RANK];
    ir_type t = onnx_type(c, x);
    if (c->since < 6) { // tiles, axis
        int64_t tiles, axis;
        if (!onnx_need_int(c, onnx_in(c, 1), &tiles, "tiles") ||
            !onnx_need_int(c, onnx_in(c, 2), &axis, "axis"))
            return false;
        if (axis < 0 || axis >= t.rank) return onnx_missing(c, "axis is outside the tensor");
        for (int i = 0; i < t.rank; i++) repeats[i] = i == axis ? tiles : 1;
    } else {
        const int64_t *r = onnx_need_ints(c, onnx_in(c, 1), &n, "the repeats");
        if (!r) return false;
        if ((int)n != t.rank) return onnx_missing(c, "%zu repeats for %d axes", n, t.rank);
        memcpy(repeats, r, n * sizeof *r);
    }
    for (int a = 0; a < t.rank; a++) {
        if (repeats[a] == 1) continue;
        if (repeats[a] < 0) return onnx_missing(c, "a negative repeat");
        if (t.rank == IR_MAX_RANK) return onnx_missing(c, "its tensor has too many axes");
        t = onnx_type(c, x);
        if (t.dim[a] == 1) {
            t.dim[a] = repeats[a];
            x = onnx_broadcast(c, x, t.rank, t.dim);
            continue;
        }
        int64_t wide[IR_MAX_RANK + 1];
        for (int i = 0; i <= t.rank; i++)
            wide[i] = i < a ? t.dim[i] : i == a ? repeats[a] : t.dim[i - 1];
        x = onnx_broadcast(c, onnx_unsqueeze(c, x, a), t.rank + 1, wide);
        if (x == IR_NONE) return false; // the product below fits then
        t.dim[a] *= repeats[a];
        x = onnx_reshape(c, x, t.rank, t.dim);
    }
    return onnx_set(c, 0, x);
}

bool onnx_import_depth_to_space(onnx_call *c) { // arg 1: space to depth
    ir_type t = onnx_type(c, onnx_in(c, 0));
    int64_t b = onnx_attr_i(c, "blocksize", 0);
    bool crd = !strcmp(onnx_attr_s(c, "mode", "DCR"), "CRD");
    if (t.rank != 4 || b < 1 || b > 1 << 10 || ir_type_width(&t) == 0)
        return onnx_missing(c, "[N,C,H,W] and a blocksize are expected");
    int64_t n = t.dim[0], ch = t.dim[1], h = t.dim[2], w = t.dim[3];
    ir_val x = onnx_in(c, 0);
    if (c->arg) {
        if (h % b || w % b) return onnx_missing(c, "the blocksize does not divide the image");
        x = onnx_reshape(c, x, 6, (int64_t[]){n, ch, h / b, b, w / b, b});
        x = onnx_transpose(c, x, (int64_t[]){0, 3, 5, 1, 2, 4});
        return onnx_set(c, 0, onnx_reshape(c, x, 4, (int64_t[]){n, ch * b * b, h / b, w / b}));
    }
    if (ch % (b * b)) return onnx_missing(c, "the blocksize does not divide the channels");
    int64_t d = ch / (b * b);
    if (crd) {
        x = onnx_reshape(c, x, 6, (int64_t[]){n, d, b, b, h, w});
        x = onnx_transpose(c, x, (int64_t[]){0, 1, 4, 2, 5, 3});
    } else {
        x = onnx_reshape(c, x, 6, (int64_t[]){n, b, b, d, h, w});
        x = onnx_transpose(c, x, (int64_t[]){0, 3, 4, 1, 5, 2});
    }
    return onnx_set(c, 0, onnx_reshape(c, x, 4, (int64_t[]){n, d, h * b, w * b}));
}
