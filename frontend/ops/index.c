// Parts of tensors: concatenation, splitting, slices, gathers, scatters, padding, sequences.
#include "frontend/import.h"

bool onnx_import_concat(onnx_call *c) {
    int axis, rank = 0;
    if (c->n_in == 0) return onnx_missing(c, "it takes at least one input");
    for (size_t i = 0; i < c->n_in; i++) rank = onnx_rank(c, c->in[i]);
    if (!onnx_axis(c, onnx_attr_i(c, "axis", 1), rank, &axis)) return false;
    return onnx_set(c, 0, onnx_concat(c, c->in, c->n_in, axis));
}

// Sizes of the parts: given, or by num_outputs (the last one smaller), or equal over the outputs.
static bool split_sizes(onnx_call *c, int64_t size, size_t n, int64_t *part) {
    size_t given;
    bool ok;
    const int64_t *sizes = onnx_ints_of(c, "split", 1, &given, &ok);
    if (!ok) return false;
    if (sizes) {
        int64_t sum = 0;
        if (given != n) return onnx_missing(c, "%zu sizes for %zu outputs", given, n);
        for (size_t i = 0; i < n; i++) {
            if (sizes[i] < 0 || sizes[i] > size) return onnx_missing(c, "a size does not fit");
            if (!add_fits(sum, part[i] = sizes[i], &sum))
                return onnx_missing(c, "a size does not fit");
        }
        return sum == size || onnx_missing(c, "the sizes do not add up to %lld", (long long)size);
    }
    int64_t each = ceil_div_i64(size, (int64_t)n), left = size;
    for (size_t i = 0; i < n; i++, left -= each) part[i] = max_i64(0, min_i64(each, left));
    return c->opset >= 18 || size % (int64_t)n == 0 ||
           onnx_missing(c, "%lld cannot be split into %zu equal parts", (long long)size, n);
}

bool onnx_import_split(onnx_call *c) {
    ir_val x = onnx_in(c, 0);
    ir_type t = onnx_type(c, x);
    int axis;
    if (c->n_out == 0 || !onnx_axis(c, onnx_attr_i(c, "axis", 0), t.rank, &axis)) return false;
    int64_t *part = ONNX_LIST(c, int64_t, (int64_t)c->n_out), from = 0;
    if (!part || !split_sizes(c, t.dim[axis], c->n_out, part)) return false;
    for (size_t i = 0; i < c->n_out; from += part[i++])
        if (onnx_wants(c, i) && !onnx_set(c, i, onnx_slice1(c, x, axis, from, part[i])))
            return false;
    return true;
}

// ---- slices
// --------------------------------------------------------------------------------------

bool onnx_import_slice(onnx_call *c) {
    ir_val x = onnx_in(c, 0);
    ir_type t = onnx_type(c, x);
    size_t n, n_ends, n_axes, n_steps;
    bool ok, ok_axes, ok_steps;
    const int64_t *starts = onnx_ints_of(c, "starts", 1, &n, &ok);
    if (!starts) return ok ? onnx_missing(c, "starts are not given") : false;
    const int64_t *ends = onnx_ints_of(c, "ends", 2, &n_ends, &ok);
    if (!ends) return ok ? onnx_missing(c, "ends are not given") : false;
    const int64_t *axes = onnx_ints_of(c, "axes", 3, &n_axes, &ok_axes);
    const int64_t *steps = onnx_ints_of(c, "steps", 4, &n_steps, &ok_steps);
    if (!ok_axes || !ok_steps) return false;
    if (n_ends != n || (axes && n_axes != n) || (steps && n_steps != n) || n > IR_MAX_RANK)
        return onnx_missing(c, "starts, ends, axes and steps differ in length");
    int64_t from[IR_MAX_RANK] = {0}, step[IR_MAX_RANK];
    ir_type out = t;
    for (int i = 0; i < t.rank; i++) step[i] = 1;
    for (size_t i = 0; i < n; i++) {
        int a;
        if (!onnx_axis(c, axes ? axes[i] : (int64_t)i, t.rank, &a)) return false;
        int64_t size = t.dim[a], s = starts[i], e = ends[i], by = steps ? steps[i] : 1;
        if (by == 0) return onnx_missing(c, "step 0");
        if (by < -(INT64_C(1) << 32)) by = -(INT64_C(1) << 32);
        if (by > INT64_C(1) << 32) by = INT64_C(1) << 32;
        if (s < 0) s = s < -size ? -1 : s + size; // -1: before the first
        if (e < 0) e = e < -size ? -1 : e + size;
        s = by > 0 ? clamp_i64(s, 0, size) : clamp_i64(s, 0, max_i64(size - 1, 0));
        e = by > 0 ? clamp_i64(e, 0, size) : clamp_i64(e, -1, size - 1);
        int64_t span = by > 0 ? e - s : s - e;
        int64_t count = size == 0 || span < 0 ? 0 : ceil_div_i64(span, by > 0 ? by : -by);
        from[a] = count ? s : 0;
        step[a] = by;
        out.dim[a] = count;
    }
    if (ir_type_equal(&out, &t)) { // nothing cut; reversed axes still move
        bool same = true;
        for (int i = 0; i < t.rank; i++) same = same && (step[i] > 0 || t.dim[i] <= 1);
        if (same) return onnx_set(c, 0, x);
    }
    ir_attrs attrs = {0};
    ir_attr_set_ints(c->arena, &attrs, IR_ATTR_starts, from, (size_t)t.rank);
    ir_attr_set_ints(c->arena, &attrs, IR_ATTR_steps, step, (size_t)t.rank);
    return onnx_set(c, 0, onnx_op_typed(c, IR_t_slice, &x, 1, &attrs, &out));
}

// ---- gather, scatter
// -----------------------------------------------------------------------------

bool onnx_import_gather(onnx_call *c) {
    int axis;
    if (!onnx_axis(c, onnx_attr_i(c, "axis", 0), onnx_rank(c, onnx_in(c, 0)), &axis)) return false;
    return onnx_set(c, 0, onnx_gather(c, onnx_in(c, 0), onnx_in(c, 1), axis));
}

bool onnx_import_gather_elements(onnx_call *c) {
    int axis;
    if (!onnx_axis(c, onnx_attr_i(c, "axis", 0), onnx_rank(c, onnx_in(c, 0)), &axis)) return false;
    ir_attrs attrs = {0};
    ir_attr_set_int(c->arena, &attrs, IR_ATTR_axis, axis);
    return onnx_set(c, 0, onnx_op(c, IR_t_gather_elements, c->in, c->n_in, &attrs));
}

bool onnx_import_gather_nd(onnx_call *c) {
    ir_attrs attrs = {0};
    ir_attr_set_int(c->arena, &attrs, IR_ATTR_batch_dims, onnx_attr_i(c, "batch_dims", 0));
    return onnx_set(c, 0, onnx_op(c, IR_t_gather_nd, c->in, c->n_in, &attrs));
}

static bool set_reduction(onnx_call *c, ir_attrs *attrs) {
    const char *how = onnx_attr_s(c, "reduction", ir_word(IR_ENUM_combination, IR_COMBINE_NONE));
    int word;
    if (!ir_word_parse(IR_ENUM_combination, how, &word))
        return onnx_missing(c, "reduction '%s' is not supported", how);
    ir_attr_set_word(c->arena, attrs, IR_ATTR_reduction, IR_ENUM_combination, word);
    return true;
}

bool onnx_import_scatter_nd(onnx_call *c) {
    ir_attrs attrs = {0};
    return set_reduction(c, &attrs) &&
           onnx_set(c, 0, onnx_op(c, IR_t_scatter_nd, c->in, c->n_in, &attrs));
}

bool onnx_import_scatter_elements(onnx_call *c) {
    ir_attrs attrs = {0};
    int axis;
    if (!onnx_axis(c, onnx_attr_i(c, "axis", 0), onnx_rank(c, onnx_in(c, 0)), &axis)) return false;
    ir_attr_set_int(c->arena, &attrs, IR_ATTR_axis, axis);
    return set_reduction(c, &attrs) &&
           onnx_set(c, 0, onnx_op(c, IR_t_scatter_elements, c->in, c->n_in, &attrs));
}

// TensorScatter-24: update [B,...,S,...] written into the cache [B,...,M,...] along `axis`, from
// write_indices[b] on.
bool onnx_import_tensor_scatter(onnx_call *c) {
    ir_type cache = onnx_type(c, onnx_in(c, 0)), up = onnx_type(c, onnx_in(c, 1));
    const char *mode = onnx_attr_s(c, "mode", "linear");
    bool circular = !strcmp(mode, "circular");
    int axis;
    if (!circular && strcmp(mode, "linear"))
        return onnx_missing(c, "mode '%s' is not supported", mode);
    if (!onnx_axis(c, onnx_attr_i(c, "axis", -2), cache.rank, &axis)) return false;
    if (up.rank != cache.rank || axis == 0) return onnx_missing(c, "the shapes do not fit");
    // indices[b,...,s,...] = write_indices[b] + s (modulo M), as scatter_elements wants them
    int64_t row[IR_MAX_RANK], first[IR_MAX_RANK];
    for (int i = 0; i < up.rank; i++) {
        row[i] = i == axis ? up.dim[i] : 1;
        first[i] = i == 0 ? up.dim[0] : 1;
    }
    ir_val at = onnx_reshape(c, onnx_counting(c, 0, up.dim[axis], 1), up.rank, row);
    if (onnx_in(c, 2) != IR_NONE)
        at = onnx_op2(c, IR_t_add, at, onnx_reshape(c, onnx_in(c, 2), up.rank, first));
    if (circular) at = onnx_op2(c, IR_t_mod, at, onnx_scalar(c, ELEM_i64, (double)cache.dim[axis]));
    at = onnx_broadcast(c, at, up.rank, up.dim);
    if (at == IR_NONE) return false;
    ir_attrs attrs = {0};
    ir_attr_set_int(c->arena, &attrs, IR_ATTR_axis, axis);
    ir_attr_set_word(c->arena, &attrs, IR_ATTR_reduction, IR_ENUM_combination, IR_COMBINE_NONE);
    ir_val in[] = {onnx_in(c, 0), at, onnx_in(c, 1)};
    return onnx_set(c, 0, onnx_op(c, IR_t_scatter_elements, in, 3, &attrs));
}

bool onnx_import_nonzero(onnx_call *c) {
    const tensor *t = onnx_need(c, onnx_in(c, 0), "the tensor of NonZero");
    if (!t) return false;
    int64_t dim[2] = {t->rank, 0};
    for (size_t i = 0; i < tensor_count(t); i++) dim[1] += elem_load_f64(t->type, t->data, i) != 0;
    ir_type out = ir_type_make(ELEM_i64, 2, dim);
    return onnx_set(c, 0, onnx_op_typed(c, IR_t_nonzero, c->in, 1, NULL, &out));
}

bool onnx_import_compress(onnx_call *c) {
    const onnx_attr *a = onnx_attr_of(c, "axis", ONNX_ATTR_INT);
    const tensor *keep = onnx_need(c, onnx_in(c, 1), "the condition");
    if (!keep) return false;
    ir_val x = onnx_in(c, 0);
    ir_type t = onnx_type(c, x);
    int axis = 0;
    if (a && !onnx_axis(c, a->i, t.rank, &axis)) return false;
    if (!a) {
        t.dim[0] = ir_type_width(&t);
        x = onnx_reshape(c, x, 1, t.dim);
    }
    size_t n = 0;
    int64_t *index = ONNX_LIST(c, int64_t, (int64_t)tensor_count(keep));
    if (!index) return false;
    for (size_t i = 0; i < tensor_count(keep) && (int64_t)i < t.dim[axis]; i++)
        if (elem_load_i64(keep->type, keep->data, i)) index[n++] = (int64_t)i;
    return onnx_set(c, 0, onnx_gather(c, x, onnx_ints_const(c, index, n), axis));
}

bool onnx_import_onehot(onnx_call *c) {
    ir_val index = onnx_in(c, 0);
    ir_type t = onnx_type(c, index);
    int64_t depth;
    int axis;
    if (!onnx_need_int(c, onnx_in(c, 1), &depth, "the depth")) return false;
    if (!onnx_axis(c, onnx_attr_i(c, "axis", -1), t.rank + 1, &axis)) return false;
    if (t.rank + 1 > IR_MAX_RANK || depth < 1 || depth > INT32_MAX)
        return onnx_missing(c, "depth %lld is not supported", (long long)depth);
    ir_type out = {.type = onnx_type(c, onnx_in(c, 2)).type, .rank = t.rank + 1};
    for (int i = 0; i < out.rank; i++)
        out.dim[i] = i < axis ? t.dim[i] : i == axis ? depth : t.dim[i - 1];
    ir_attrs attrs = {0};
    ir_attr_set_int(c->arena, &attrs, IR_ATTR_axis, axis);
    ir_val in[] = {onnx_cast(c, index, ELEM_i64), onnx_in(c, 2)};
    return onnx_set(c, 0, onnx_op_typed(c, IR_t_onehot, in, 2, &attrs, &out));
}

bool onnx_import_topk(onnx_call *c) {
    ir_val x = onnx_in(c, 0);
    int64_t k = onnx_attr_i(c, "k", -1);
    int axis;
    if (k < 0 && !onnx_need_int(c, onnx_in(c, 1), &k, "k")) return false;
    if (!onnx_axis(c, onnx_attr_i(c, "axis", -1), onnx_rank(c, x), &axis)) return false;
    ir_attrs attrs = {0};
    ir_attr_set_int(c->arena, &attrs, IR_ATTR_axis, axis);
    ir_attr_set_int(c->arena, &attrs, IR_ATTR_k, k);
    ir_attr_set_int(c->arena, &attrs, IR_ATTR_largest, onnx_attr_i(c, "largest", 1) != 0);
    ir_attr_set_int(c->arena, &attrs, IR_ATTR_sorted, onnx_attr_i(c, "sorted", 1) != 0);
    ir_val v = onnx_op(c, IR_t_topk, &x, 1, &attrs);
    onnx_set(c, 1, onnx_result(c, v, 1));
    return onnx_set(c, 0, v);
}

// ---- padding, triangles
// --------------------------------------------------------------------------

bool onnx_import_pad(onnx_call *c) {
    ir_val x = onnx_in(c, 0);
    ir_type t = onnx_type(c, x);
    size_t n, n_axes = 0;
    bool ok;
    const int64_t *given = onnx_ints_of(c, c->opset < 2 ? "paddings" : "pads", 1, &n, &ok);
    if (!given) return ok ? onnx_missing(c, "pads are not given") : false;
    const int64_t *axes = NULL;
    if (onnx_in(c, 3) != IR_NONE) {
        axes = onnx_need_ints(c, onnx_in(c, 3), &n_axes, "axes");
        if (!axes) return false;
    }
    size_t count = axes ? n_axes : (size_t)t.rank;
    if (n != 2 * count) return onnx_missing(c, "%zu pads for %zu axes", n, count);
    int64_t pads[2 * IR_MAX_RANK] = {0};
    for (size_t i = 0; i < count; i++) {
        int a;
        if (!onnx_axis(c, axes ? axes[i] : (int64_t)i, t.rank, &a)) return false;
        if (given[i] > INT64_C(1) << 40 || given[i] < -(INT64_C(1) << 40) ||
            given[i + count] > INT64_C(1) << 40 || given[i + count] < -(INT64_C(1) << 40))
            return onnx_missing(c, "a pad is too big");
        pads[a] = given[i];
        pads[a + t.rank] = given[i + count];
    }
    double fill = onnx_attr_f(c, "value", 0);
    if (c->opset >= 11 && onnx_in(c, 2) != IR_NONE &&
        !onnx_need_float(c, onnx_in(c, 2), &fill, "the value"))
        return false;
    const char *mode = onnx_attr_s(c, "mode", "constant");
    ir_attrs attrs = {0};
    ir_attr_set_ints(c->arena, &attrs, IR_ATTR_pads, pads, 2 * (size_t)t.rank);
    ir_attr_set_str(c->arena, &attrs, IR_ATTR_mode, mode);
    if (fill != 0) ir_attr_set_float(c->arena, &attrs, IR_ATTR_fill, fill);
    return onnx_set(c, 0, onnx_op(c, IR_t_pad, &x, 1, &attrs));
}

bool onnx_import_center_crop_pad(onnx_call *c) {
    ir_val x = onnx_in(c, 0);
    ir_type t = onnx_type(c, x);
    size_t n, n_axes;
    const int64_t *size = onnx_need_ints(c, onnx_in(c, 1), &n, "the shape");
    const int64_t *axes = onnx_attr_is(c, "axes", &n_axes);
    int64_t pads[2 * IR_MAX_RANK] = {0};
    bool padded = false;
    if (!size) return false;
    if (n != (axes ? n_axes : (size_t)t.rank)) return onnx_missing(c, "its shape does not fit");
    for (size_t i = 0; i < n; i++) {
        int a;
        if (!onnx_axis(c, axes ? axes[i] : (int64_t)i, t.rank, &a)) return false;
        if (size[i] < 0 || size[i] > ONNX_MAX_LIST)
            return onnx_missing(c, "size %lld does not fit", (long long)size[i]);
        int64_t more = size[i] - t.dim[a];
        if (more < 0) x = onnx_slice1(c, x, a, -more / 2, size[i]);
        if (more <= 0) continue;
        pads[a] = more / 2;
        pads[a + t.rank] = more - more / 2;
        padded = true;
    }
    if (!padded || x == IR_NONE) return onnx_set(c, 0, x);
    ir_attrs attrs = {0};
    ir_attr_set_ints(c->arena, &attrs, IR_ATTR_pads, pads, 2 * (size_t)t.rank);
    ir_attr_set_word(c->arena, &attrs, IR_ATTR_mode, IR_ENUM_padding, IR_PAD_CONSTANT);
    return onnx_set(c, 0, onnx_op(c, IR_t_pad, &x, 1, &attrs));
}

bool onnx_import_trilu(onnx_call *c) {
    ir_val x = onnx_in(c, 0);
    int64_t k = 0;
    if (onnx_in(c, 1) != IR_NONE && !onnx_need_int(c, onnx_in(c, 1), &k, "k")) return false;
    ir_attrs attrs = {0};
    k = max_i64(-(INT64_C(1) << 41), min_i64(k, INT64_C(1) << 41)); // beyond every diagonal
    ir_attr_set_int(c->arena, &attrs, IR_ATTR_k, k);
    ir_attr_set_int(c->arena, &attrs, IR_ATTR_upper, onnx_attr_i(c, "upper", 1) != 0);
    return onnx_set(c, 0, onnx_op(c, IR_t_trilu, &x, 1, &attrs));
}
