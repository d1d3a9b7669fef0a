// Making, copying and comparing tensors. Files of tensors are npy.c's.
#include "support/num/tensor.h"
#include <math.h>
#include <string.h>

size_t tensor_count(const tensor *t) {
    size_t n = 1;
    for (int i = 0; i < t->rank; i++) n *= (size_t)t->dim[i];
    return n;
}

size_t tensor_bytes(const tensor *t) { return tensor_count(t) * elem_bytes(t->type); }

bool tensor_checked_count(const int64_t *dim, int rank, uint64_t limit, size_t *count) {
    if (rank < 0 || rank > TENSOR_MAX_RANK) return false;
    // Zero dimensions are left out of the check's product, so that every partial product (a stride)
    // fits as well.
    uint64_t product = 1;
    bool empty = false;
    for (int i = 0; i < rank; i++) {
        if (dim[i] < 0) return false;
        if (dim[i] == 0) {
            empty = true;
            continue;
        }
        if (!mul_u64(product, (uint64_t)dim[i], &product) || product > limit) return false;
    }
    *count = empty ? 0 : (size_t)product;
    return true;
}

tensor tensor_new(arena *a, elem type, int rank, const int64_t *dim) {
    tensor t = {.type = type, .rank = rank};
    size_t count;
    CHECK(tensor_checked_count(dim, rank, SIZE_MAX / 16, &count), "shape of rank %d", rank);
    if (rank) memcpy(t.dim, dim, (size_t)rank * sizeof *dim);
    t.data = arena_alloc_aligned(a, count * elem_bytes(type), 64);
    return t;
}

tensor tensor_copy(arena *a, const tensor *t) { return tensor_cast(a, t, t->type); }

tensor tensor_cast(arena *a, const tensor *t, elem type) {
    tensor r = tensor_new(a, type, t->rank, t->dim);
    elem_convert(type, r.data, t->type, t->data, tensor_count(t));
    return r;
}

bool tensor_same_shape(const tensor *a, const tensor *b) {
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++) {
        if (a->dim[i] != b->dim[i]) return false;
    }
    return true;
}

bool tensor_equal_bits(const tensor *a, const tensor *b) {
    if (a->type != b->type || !tensor_same_shape(a, b)) return false;
    size_t n = tensor_bytes(a);
    return n == 0 || memcmp(a->data, b->data, n) == 0;
}

const char *tensor_shape_text(arena *a, const tensor *t) {
    char text[32 + 21 * TENSOR_MAX_RANK];
    int n = snprintf(text, sizeof text, "%s[", elem_name(t->type));
    for (int i = 0; i < t->rank; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s%lld", i ? "," : "",
                      (long long)t->dim[i]);
    snprintf(text + n, sizeof text - (size_t)n, "]");
    return arena_str(a, text);
}

double tensor_max_error(const tensor *a, const tensor *b, size_t *at) {
    CHECK(tensor_same_shape(a, b), "ranks %d and %d", a->rank, b->rank);
    double worst = 0;
    size_t worst_at = 0, n = tensor_count(a);
    for (size_t i = 0; i < n; i++) {
        double x = elem_load_f64(a->type, a->data, i), y = elem_load_f64(b->type, b->data, i);
        double e;
        if (x == y || (isnan(x) && isnan(y))) {
            e = 0;
        } else if (!isfinite(x) || !isfinite(y)) {
            e = INFINITY;
        } else {
            e = fabs(x - y) / (1 + fabs(y));
        }
        if (e > worst) {
            worst = e;
            worst_at = i;
        }
    }
    if (at) *at = worst_at;
    return worst;
}
