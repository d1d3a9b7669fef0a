// Rows that carry a trailer: how a q8 tensor and a raw i32 tensor lie in memory.
//
//   q8[T,W]   T rows of: W int8 codes, padding to a multiple of 4, trailer
//   i32[T,N]  T*N numbers as in any tensor, then T trailers. Every token-typed i32 value of rank 2
//             has that room; only raw rows (xbar.mvm raw, what adds and moves them) use it.
#ifndef OHMIC_IR_KERNEL_Q8_H
#define OHMIC_IR_KERNEL_Q8_H

#include "ir/ir.h"

typedef struct {
    float scale;
    int32_t zero; // of the stored codes
    int32_t sum;  // of the codes
} q8_trailer;

static inline size_t q8_rows(const tensor *t) { return t->rank ? (size_t)t->dim[0] : 1; }
static inline size_t q8_width(const tensor *t) {
    size_t w = 1;
    for (int i = 1; i < t->rank; i++) w *= (size_t)t->dim[i];
    return w;
}
static inline size_t q8_row_bytes(size_t width) { return align_u64(width, 4) + sizeof(q8_trailer); }
// Bytes behind tensor.data of a token-typed value.
static inline size_t q8_storage_bytes(const tensor *t) {
    if (t->type == ELEM_q8) return q8_rows(t) * q8_row_bytes(q8_width(t));
    size_t trailers = t->type == ELEM_i32 && t->rank == 2 ? q8_rows(t) * sizeof(q8_trailer) : 0;
    return tensor_bytes(t) + trailers;
}

static inline int8_t *q8_codes(const tensor *t, size_t row) {
    return (int8_t *)t->data + row * q8_row_bytes(q8_width(t));
}
static inline q8_trailer *q8_trailer_of(const tensor *t, size_t row) {
    return (q8_trailer *)(void *)(q8_codes(t, row) + align_u64(q8_width(t), 4));
}
static inline q8_trailer *q8_raw_trailer(const tensor *t, size_t row) {
    return (q8_trailer *)(void *)((char *)t->data + tensor_bytes(t)) + row;
}

// How a row becomes codes (docs/numerics.md). IR_QUANT_STATIC uses scale and zero; bits: of codes
// around 0 (others have 8).
typedef struct {
    ir_quantisation mode;
    float scale;
    int32_t zero;
    int bits;
} q8_form;

// What the attributes of nn.quant, or of an operation that gives codes, say.
static inline q8_form q8_form_of(ir_quantisation mode, const ir_attrs *l) {
    return (q8_form){mode, (float)ir_attr_float(l, IR_ATTR_scale, 1),
                     (int32_t)ir_attr_int(l, IR_ATTR_zero, 0),
                     (int)ir_attr_int(l, IR_ATTR_bits, 8)};
}
void q8_quantise(int8_t *codes, q8_trailer *t, const float *x, size_t n, const q8_form *f);
// As IR_QUANT_SYM, of a row whose largest |element| is `most`.
void q8_quantise_within(int8_t *codes, q8_trailer *t, const float *x, size_t n, int bits,
                        float most);
// x[i] = f32(f64(scale) * (code - zero))
void q8_dequantise(float *x, const int8_t *codes, const q8_trailer *t, size_t n);

#endif
