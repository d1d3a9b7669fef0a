// Tensors of the host's tests, and where rows lie in outputs.
#ifndef OHMIC_TESTS_HOST_HOST_TENSORS_H
#define OHMIC_TESTS_HOST_HOST_TENSORS_H

#include "tests/host/host_models.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
// cmocka.h needs some of the above
#include <cmocka.h>

static arena *a;
static inline int set_up(void **state) { return (a = arena_new()) ? 0 : -1; }
static inline int tear_down(void **state) { return arena_free(a), 0; }

static inline tensor ints(int64_t rows, int64_t n, const int64_t *v) {
    tensor t = tensor_new(a, ELEM_i64, 2, (int64_t[]){rows, n});
    for (int64_t i = 0; i < rows * n; i++) elem_store_i64(ELEM_i64, t.data, (size_t)i, v[i]);
    return t;
}

static inline tensor ones(int64_t rows, int64_t n) {
    tensor t = tensor_new(a, ELEM_i64, 2, (int64_t[]){rows, n});
    for (int64_t i = 0; i < rows * n; i++) elem_store_i64(ELEM_i64, t.data, (size_t)i, 1);
    return t;
}

static inline tensor_set set_of(size_t n, const char *const *names, const tensor *values) {
    tensor_set s = {ARENA_ARRAY(a, tensor_named, n), n};
    for (size_t i = 0; i < n; i++) s.items[i] = (tensor_named){names[i], values[i]};
    return s;
}

static inline tensor_set ids_and_mask(tensor ids, tensor mask) {
    return set_of(2, (const char *[]){"input_ids", "attention_mask"}, (tensor[]){ids, mask});
}

static inline const tensor *output(const tensor_set *s, const char *name) {
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->items[i].name, name) == 0) return &s->items[i].value;
    fail_msg("no output %s", name);
    return NULL;
}

// Rows [from, until) of sequence b of a [B,T,4] output.
static inline const float *row(const tensor *t, int64_t b, int64_t r) {
    assert_int_equal(t->type, ELEM_f32);
    return (const float *)t->data + (b * t->dim[1] + r) * t->dim[2];
}

static inline void same_rows(const tensor *x, int64_t bx, int64_t rx, const tensor *y, int64_t by,
                             int64_t ry, int64_t n) {
    for (int64_t r = 0; r < n; r++)
        assert_memory_equal(row(x, bx, rx + r), row(y, by, ry + r),
                            (size_t)x->dim[2] * sizeof(float));
}

#endif
