// Small ONNX files, written field by field, so that tests can also write what no tool would.
#ifndef OHMIC_TESTS_FRONTEND_ONNX_WRITER_H
#define OHMIC_TESTS_FRONTEND_ONNX_WRITER_H

#include "support/vec.h"
#include <stdio.h>

typedef VEC(uint8_t) bytes;

static inline void put_varint(bytes *b, uint64_t v) {
    for (; v >= 128; v >>= 7) vec_push(b, (uint8_t)(v | 128));
    vec_push(b, (uint8_t)v);
}
static inline void put_int(bytes *b, uint32_t field, int64_t v) {
    put_varint(b, (uint64_t)field << 3);
    put_varint(b, (uint64_t)v);
}
static inline void put_raw(bytes *b, const void *p, size_t n) {
    for (size_t i = 0; i < n; i++) vec_push(b, ((const uint8_t *)p)[i]);
}
static inline void put_bytes(bytes *b, uint32_t field, const void *p, size_t n) {
    put_varint(b, (uint64_t)field << 3 | 2);
    put_varint(b, n);
    put_raw(b, p, n);
}
static inline void put_str(bytes *b, uint32_t field, const char *s) {
    put_bytes(b, field, s, strlen(s));
}
static inline void put_float(bytes *b, uint32_t field, float f) {
    put_varint(b, (uint64_t)field << 3 | 5);
    put_raw(b, &f, 4);
}
// A nested message, which is released.
static inline void put_msg(bytes *b, uint32_t field, bytes m) {
    put_bytes(b, field, m.items, m.count);
    vec_free(&m);
}

// TensorProto up to its data.
static inline bytes tensor_head(const char *name, int type, int rank, const int64_t *dim) {
    bytes t = {0};
    for (int i = 0; i < rank; i++) put_int(&t, 1, dim[i]);
    put_int(&t, 2, type);
    put_str(&t, 8, name);
    return t;
}
static inline bytes tensor_raw(const char *name, int type, int rank, const int64_t *dim,
                               const void *p, size_t n) {
    bytes t = tensor_head(name, type, rank, dim);
    put_bytes(&t, 9, p, n);
    return t;
}

// ValueInfoProto of a tensor; dim < 0: named "n".
static inline bytes port(const char *name, int type, int rank, const int64_t *dim) {
    bytes v = {0}, tp = {0}, tt = {0}, shape = {0};
    for (int i = 0; i < rank; i++) {
        bytes d = {0};
        if (dim[i] >= 0)
            put_int(&d, 1, dim[i]);
        else
            put_str(&d, 2, "n");
        put_msg(&shape, 1, d);
    }
    put_int(&tt, 1, type);
    put_msg(&tt, 2, shape);
    put_msg(&tp, 1, tt);
    put_str(&v, 1, name);
    put_msg(&v, 2, tp);
    return v;
}

// NodeProto: names separated by spaces ("-" for an empty one).
static inline void put_names(bytes *b, uint32_t field, const char *names) {
    for (const char *p = names; *p;) {
        size_t n = strcspn(p, " ");
        if (n == 1 && *p == '-')
            put_bytes(b, field, "", 0);
        else
            put_bytes(b, field, p, n);
        p += n + (p[n] == ' ');
    }
}
static inline bytes node(const char *op, const char *in, const char *out) {
    bytes n = {0};
    put_names(&n, 1, in);
    put_names(&n, 2, out);
    put_str(&n, 4, op);
    return n;
}
static inline bytes attr_int(const char *name, int64_t v) {
    bytes a = {0};
    put_str(&a, 1, name);
    put_int(&a, 3, v);
    put_int(&a, 20, 2);
    return a;
}
static inline bytes attr_ints(const char *name, size_t n, const int64_t *v) {
    bytes a = {0};
    put_str(&a, 1, name);
    for (size_t i = 0; i < n; i++) put_int(&a, 8, v[i]);
    put_int(&a, 20, 7);
    return a;
}
static inline bytes attr_float(const char *name, float v) {
    bytes a = {0};
    put_str(&a, 1, name);
    put_float(&a, 2, v);
    put_int(&a, 20, 1);
    return a;
}
static inline bytes attr_floats(const char *name, size_t n, const float *v) {
    bytes a = {0};
    put_str(&a, 1, name);
    for (size_t i = 0; i < n; i++) put_float(&a, 7, v[i]);
    put_int(&a, 20, 6);
    return a;
}
static inline bytes attr_msg(const char *name, int kind, uint32_t field, bytes m) {
    bytes a = {0};
    put_str(&a, 1, name);
    put_msg(&a, field, m);
    put_int(&a, 20, kind);
    return a;
}
static inline bytes opset(const char *domain, int64_t version) {
    bytes o = {0};
    if (domain[0]) put_str(&o, 1, domain);
    put_int(&o, 2, version);
    return o;
}

// ModelProto around a GraphProto; more fields may be added before writing.
static inline bytes model_of(bytes graph, int64_t version) {
    bytes m = {0};
    put_int(&m, 1, 8);
    put_str(&m, 2, "test");
    put_msg(&m, 8, opset("", version));
    put_msg(&m, 7, graph);
    return m;
}
static inline void write_file(const char *path, const bytes *b) {
    FILE *f = fopen(path, "wb");
    if (!f || (b->count && fwrite(b->items, 1, b->count, f) != b->count) || fclose(f)) abort();
}
// Writes the model to PATH and releases it.
static inline const char *write_model(const char *path, bytes m) {
    write_file(path, &m);
    vec_free(&m);
    return path;
}

#endif
