// Element types and their conversion. Every conversion goes through one of two wide types: int64
// between integers, double otherwise. Both are exact for all narrower types; the one step that is
// not, 64-bit integers to double, keeps a sticky bit when a second rounding follows.
#include "support/num/elem.h"
#include <string.h>

static const struct {
    const char *name;
    size_t bytes;
    int onnx;
} rows[] = {
#define ELEM(name, bytes, npy, onnx) {#name, bytes, onnx},
#include "support/num/elem.def"
};

size_t elem_bytes(elem e) {
    CHECK((unsigned)e < ELEM_COUNT, "element type %d", (int)e);
    return rows[e].bytes;
}

const char *elem_name(elem e) {
    CHECK((unsigned)e < ELEM_COUNT, "element type %d", (int)e);
    return rows[e].name;
}

bool elem_parse(const char *s, elem *e) {
    for (size_t i = 0; i < ELEM_COUNT; i++) {
        if (strcmp(rows[i].name, s) == 0) {
            *e = (elem)i;
            return true;
        }
    }
    return false;
}

bool elem_from_onnx(int onnx_type, elem *e) {
    for (size_t i = 0; onnx_type > 0 && i < ELEM_COUNT; i++) {
        if (rows[i].onnx == onnx_type) {
            *e = (elem)i;
            return true;
        }
    }
    return false;
}

bool elem_is_float(elem e) {
    return e == ELEM_f32 || e == ELEM_f64 || e == ELEM_f16 || e == ELEM_bf16;
}

bool elem_is_int(elem e) {
    switch (e) {
    case ELEM_i64:
    case ELEM_i32:
    case ELEM_i16:
    case ELEM_i8:
    case ELEM_u64:
    case ELEM_u32:
    case ELEM_u16:
    case ELEM_u8: return true;
    default: return false;
    }
}

// --- binary16 and bfloat16

static uint32_t f32_bits(float f) {
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}
static float f32_from_bits(uint32_t u) {
    float f;
    memcpy(&f, &u, 4);
    return f;
}

float elem_f16_to_f32(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, rest = h & 0x7fff;
    if (rest >= 0x7c00) return f32_from_bits(sign | 0x7f800000 | (rest & 0x3ff) << 13);
    // Subnormals and normals alike: shift the fields into place, then scale by 2^112, exactly.
    float f = f32_from_bits(rest << 13) * 0x1p112f;
    return f32_from_bits(sign | f32_bits(f));
}

uint16_t elem_f32_to_f16(float f) {
    uint32_t u = f32_bits(f), sign = u >> 16 & 0x8000, rest = u & 0x7fffffff;
    if (rest > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (rest >> 13 & 0x3ff));
    if (rest >= 0x477ff000) return (uint16_t)(sign | 0x7c00); // 65520 and above round to infinity
    if (rest < 0x38800000) { // below 2^-14: the addition aligns and rounds to a multiple of 2^-24
        float shifted = f32_from_bits(rest) + 0.5f;
        return (uint16_t)(sign | (f32_bits(shifted) - f32_bits(0.5f)));
    }
    uint32_t odd = rest >> 13 & 1; // round half to even; the carry may run into the exponent
    return (uint16_t)(sign | (rest - 0x38000000 + 0xfff + odd) >> 13);
}

uint16_t elem_f32_to_bf16(float f) {
    uint32_t u = f32_bits(f);
    if ((u & 0x7fffffff) > 0x7f800000) return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

// Double to float by rounding to odd: a later rounding to fewer bits is then the only one.
static float narrow_to_odd(double v) {
    float f = (float)v;
    if (v != v || (double)f == v) return f;
    uint32_t u = f32_bits(f);
    double magnitude = v < 0 ? -v : v, rounded = f < 0 ? -(double)f : (double)f;
    if (rounded > magnitude) u--;
    return f32_from_bits(u | 1);
}

// --- blocks of up to BLOCK elements <-> wide types

enum { BLOCK = 256 };

// Floating to integer: towards zero, saturating; NaN is 0. `low` and `end` are exact doubles, the
// range is [low, end).
static int64_t f64_saturated(double v, double low, double end, int64_t min, int64_t max) {
    if (!(v == v)) return 0;
    return v < low ? min : v >= end ? max : (int64_t)v;
}
static uint64_t f64_saturated_u64(double v) {
    return !(v > 0) ? 0 : v >= 0x1p64 ? UINT64_MAX : (uint64_t)v;
}

// i64/u64 to double for a rounding that follows: beyond 2^53 the lost digits become a sticky bit.
static double u64_to_odd(uint64_t u) {
    if (u >> 53) u = (u & ~(uint64_t)0x7ff) | ((u & 0x7ff) ? 0x800 : 0);
    return (double)u;
}
static double i64_to_odd(int64_t i) {
    return i < 0 ? -u64_to_odd(-(uint64_t)i) : u64_to_odd((uint64_t)i);
}

#define EACH(type, stmt)                                        \
    for (size_t i = 0; i < n; i++) {                            \
        type x;                                                 \
        memcpy(&x, (const char *)src + i * sizeof x, sizeof x); \
        dst[i] = stmt;                                          \
    }                                                           \
    return

static void load_f64(elem e, double *dst, const void *src, size_t n, bool to_odd) {
    switch (e) {
    case ELEM_f32: EACH(float, x);
    case ELEM_f64: EACH(double, x);
    case ELEM_f16: EACH(uint16_t, elem_f16_to_f32(x));
    case ELEM_bf16: EACH(uint16_t, elem_bf16_to_f32(x));
    case ELEM_i64: EACH(int64_t, to_odd ? i64_to_odd(x) : (double)x);
    case ELEM_i32: EACH(int32_t, x);
    case ELEM_i16: EACH(int16_t, x);
    case ELEM_i8: EACH(int8_t, x);
    case ELEM_u64: EACH(uint64_t, to_odd ? u64_to_odd(x) : (double)x);
    case ELEM_u32: EACH(uint32_t, x);
    case ELEM_u16: EACH(uint16_t, x);
    case ELEM_u8: EACH(uint8_t, x);
    case ELEM_bool: EACH(uint8_t, x != 0);
    default: CHECK(false, "no arithmetic on elements of type %s", elem_name(e));
    }
}

static void load_i64(elem e, int64_t *dst, const void *src, size_t n) {
    switch (e) {
    case ELEM_i64: EACH(int64_t, x);
    case ELEM_i32: EACH(int32_t, x);
    case ELEM_i16: EACH(int16_t, x);
    case ELEM_i8: EACH(int8_t, x);
    case ELEM_u64: EACH(uint64_t, (int64_t)x);
    case ELEM_u32: EACH(uint32_t, x);
    case ELEM_u16: EACH(uint16_t, x);
    case ELEM_u8: EACH(uint8_t, x);
    case ELEM_bool: EACH(uint8_t, x != 0);
    default: break;
    }
    double wide[BLOCK];
    load_f64(e, wide, src, n, false);
    for (size_t i = 0; i < n; i++)
        dst[i] = f64_saturated(wide[i], -0x1p63, 0x1p63, INT64_MIN, INT64_MAX);
}
#undef EACH

#define EACH(type, stmt)                                  \
    for (size_t i = 0; i < n; i++) {                      \
        type x = stmt;                                    \
        memcpy((char *)dst + i * sizeof x, &x, sizeof x); \
    }                                                     \
    return
#define TO_INT(min, max) f64_saturated(src[i], (double)(min), (double)(max) + 1, min, max)

static void store_f64(elem e, void *dst, const double *src, size_t n) {
    switch (e) {
    case ELEM_f32: EACH(float, (float)src[i]);
    case ELEM_f64: EACH(double, src[i]);
    case ELEM_f16: EACH(uint16_t, elem_f32_to_f16(narrow_to_odd(src[i])));
    case ELEM_bf16: EACH(uint16_t, elem_f32_to_bf16(narrow_to_odd(src[i])));
    case ELEM_i64: EACH(int64_t, f64_saturated(src[i], -0x1p63, 0x1p63, INT64_MIN, INT64_MAX));
    case ELEM_i32: EACH(int32_t, (int32_t)TO_INT(INT32_MIN, INT32_MAX));
    case ELEM_i16: EACH(int16_t, (int16_t)TO_INT(INT16_MIN, INT16_MAX));
    case ELEM_i8: EACH(int8_t, (int8_t)TO_INT(INT8_MIN, INT8_MAX));
    case ELEM_u64: EACH(uint64_t, f64_saturated_u64(src[i]));
    case ELEM_u32: EACH(uint32_t, (uint32_t)TO_INT(0, UINT32_MAX));
    case ELEM_u16: EACH(uint16_t, (uint16_t)TO_INT(0, UINT16_MAX));
    case ELEM_u8: EACH(uint8_t, (uint8_t)TO_INT(0, UINT8_MAX));
    case ELEM_bool: EACH(uint8_t, src[i] != 0);
    default: CHECK(false, "no arithmetic on elements of type %s", elem_name(e));
    }
}

static void store_i64(elem e, void *dst, const int64_t *src, size_t n) {
    switch (e) {
    case ELEM_i64: EACH(int64_t, src[i]);
    case ELEM_i32: EACH(int32_t, (int32_t)src[i]);
    case ELEM_i16: EACH(int16_t, (int16_t)src[i]);
    case ELEM_i8: EACH(int8_t, (int8_t)src[i]);
    case ELEM_u64: EACH(uint64_t, (uint64_t)src[i]);
    case ELEM_u32: EACH(uint32_t, (uint32_t)src[i]);
    case ELEM_u16: EACH(uint16_t, (uint16_t)src[i]);
    case ELEM_u8: EACH(uint8_t, (uint8_t)src[i]);
    case ELEM_bool: EACH(uint8_t, src[i] != 0);
    default: break;
    }
    double wide[BLOCK];
    for (size_t i = 0; i < n; i++) wide[i] = e == ELEM_f64 ? (double)src[i] : i64_to_odd(src[i]);
    store_f64(e, dst, wide, n);
}
#undef EACH

double elem_load_f64(elem e, const void *data, size_t i) {
    double v;
    load_f64(e, &v, (const char *)data + i * elem_bytes(e), 1, false);
    return v;
}

int64_t elem_load_i64(elem e, const void *data, size_t i) {
    int64_t v;
    load_i64(e, &v, (const char *)data + i * elem_bytes(e), 1);
    return v;
}

void elem_store_f64(elem e, void *data, size_t i, double v) {
    store_f64(e, (char *)data + i * elem_bytes(e), &v, 1);
}

void elem_store_i64(elem e, void *data, size_t i, int64_t v) {
    store_i64(e, (char *)data + i * elem_bytes(e), &v, 1);
}

void elem_convert(elem to, void *dst, elem from, const void *src, size_t n) {
    size_t to_bytes = elem_bytes(to), from_bytes = elem_bytes(from);
    if (to == from) {
        if (n) memcpy(dst, src, n * to_bytes);
        return;
    }
    bool integral = !elem_is_float(to) && !elem_is_float(from);
    bool rounds_again = to != ELEM_f64;
    for (size_t at = 0; at < n; at += BLOCK) {
        size_t count = n - at < BLOCK ? n - at : BLOCK;
        const char *s = (const char *)src + at * from_bytes;
        char *d = (char *)dst + at * to_bytes;
        if (integral) {
            int64_t wide[BLOCK];
            load_i64(from, wide, s, count);
            store_i64(to, d, wide, count);
        } else {
            double wide[BLOCK];
            load_f64(from, wide, s, count, rounds_again);
            store_f64(to, d, wide, count);
        }
    }
}
