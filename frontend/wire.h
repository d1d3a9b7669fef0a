// The protobuf wire format, read in place: fields one after the other, nothing allocated.
// Source: protobuf.dev/programming-guides/encoding.
#ifndef OHMIC_FRONTEND_WIRE_H
#define OHMIC_FRONTEND_WIRE_H

#include "support/base.h"

typedef struct {
    const uint8_t *p;
    size_t n;
} wire_span;

typedef enum { WIRE_VARINT = 0, WIRE_I64 = 1, WIRE_LEN = 2, WIRE_I32 = 5 } wire_type;

typedef struct {
    uint32_t number;
    wire_type type;
    uint64_t value;  // VARINT, I64, I32 (bits)
    wire_span bytes; // LEN: contents; else the bytes of the value
} wire_field;

// Takes the next field off `s`: 1, 0 at the end, -1 when damaged (s then stands before the field).
int wire_next(wire_span *s, wire_field *f);
bool wire_varint(wire_span *s, uint64_t *v); // false when damaged
// Levels of length-delimited nesting if every LEN field listed as a message is followed: used
// before recursive parsers that have no limit of their own. Stops counting at `limit`.
int wire_depth(wire_span s, int limit);

static inline float wire_float(uint64_t bits) {
    uint32_t u = (uint32_t)bits;
    float f;
    __builtin_memcpy(&f, &u, 4);
    return f;
}

#endif
