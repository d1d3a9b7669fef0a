// Element types (elem.def): sizes, names, conversion of single elements and arrays.
#ifndef OHMIC_SUPPORT_NUM_ELEM_H
#define OHMIC_SUPPORT_NUM_ELEM_H

#include "support/base.h"

typedef enum {
#define ELEM(name, bytes, npy, onnx) ELEM_##name,
#include "support/num/elem.def"
    ELEM_COUNT
} elem;

size_t elem_bytes(elem e);
const char *elem_name(elem e);           // "f32"
bool elem_parse(const char *s, elem *e); // false: no such type
bool elem_from_onnx(int onnx_type, elem *e);
bool elem_is_float(elem e); // f32 f64 f16 bf16
bool elem_is_int(elem e);   // signed or unsigned integers, not bool

// Element i of an array of type e, unaligned data allowed. i64 beyond 2^53 loses digits as f64.
double elem_load_f64(elem e, const void *data, size_t i);
int64_t elem_load_i64(elem e, const void *data, size_t i); // floats truncate towards zero
void elem_store_f64(elem e, void *data, size_t i,
                    double v); // to nearest; ints truncate; bool: v != 0
void elem_store_i64(elem e, void *data, size_t i, int64_t v);

// Converts n elements; from and to may be the same type (copy). dst and src must not overlap.
// float -> int truncates towards zero (saturating); -> bool is != 0; f64/f32 -> f16/bf16 to nearest
// even.
void elem_convert(elem to, void *dst, elem from, const void *src, size_t n);

// binary16 and bfloat16, round to nearest even.
float elem_f16_to_f32(uint16_t h);
uint16_t elem_f32_to_f16(float f);
static inline float elem_bf16_to_f32(uint16_t h) {
    uint32_t u = (uint32_t)h << 16;
    float f;
    __builtin_memcpy(&f, &u, 4);
    return f;
}
uint16_t elem_f32_to_bf16(float f);

#endif
