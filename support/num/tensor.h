// A dense row-major array of known type and shape: what npy, npz and ONNX .pb files hold, what the
// interpreter computes with, and what goes in and out of a program.
#ifndef OHMIC_SUPPORT_NUM_TENSOR_H
#define OHMIC_SUPPORT_NUM_TENSOR_H

#include "support/arena.h"
#include "support/diag.h"
#include "support/num/elem.h"

#define TENSOR_MAX_RANK 8

typedef struct {
    elem type;
    int rank;
    int64_t dim[TENSOR_MAX_RANK]; // all >= 0
    void *data; // element 0; owner is whoever made it; may be unaligned when aliased
} tensor;

size_t tensor_count(const tensor *t); // elements; 1 for rank 0
size_t tensor_bytes(const tensor *t);
// Product of dims with overflow check against `limit` elements; false when it does not fit.
bool tensor_checked_count(const int64_t *dim, int rank, uint64_t limit, size_t *count);
tensor tensor_new(arena *a, elem type, int rank, const int64_t *dim); // zeroed, 64-byte aligned
tensor tensor_copy(arena *a, const tensor *t);
tensor tensor_cast(arena *a, const tensor *t, elem type);
bool tensor_same_shape(const tensor *a, const tensor *b);
bool tensor_equal_bits(const tensor *a, const tensor *b); // type, shape and bytes
const char *tensor_shape_text(arena *a, const tensor *t); // "f32[2,3]"

// A named set of tensors (npz members, ports). Order is file order.
typedef struct {
    const char *name;
    tensor value;
} tensor_named;
typedef struct {
    tensor_named *items;
    size_t count;
} tensor_set;

// npy 1.0-3.0, little endian, C order (Fortran order is transposed on reading). `path` may be "-".
// bf16 and q8 have no npy type: writing them is an error. Tensors read are copies, 64-byte aligned.
bool npy_read(arena *a, const char *path, tensor *out, diag_sink *diags);
bool npy_parse(arena *a, const void *bytes, size_t n, const char *name, tensor *out,
               diag_sink *diags);
bool npy_write(const char *path, const tensor *t, diag_sink *diags);
// npz: stored or deflated zip (libzip); members without ".npy" in their name here.
bool npz_read(arena *a, const char *path, tensor_set *out, diag_sink *diags);
bool npz_parse(arena *a, const void *bytes, size_t n, const char *name, const char *only,
               tensor_set *out, diag_sink *diags); // only: the one member wanted; NULL: all
bool npz_write(const char *path, const tensor_set *set, diag_sink *diags);

// max over elements of |a-b| / (1+|b|) (the project's error measure); *at gets its index.
// NaN or infinity in `a` where `b` is finite gives infinity. Shapes must agree (CHECK).
double tensor_max_error(const tensor *a, const tensor *b, size_t *at);

#endif
