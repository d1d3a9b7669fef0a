// How is a protobuf message taken apart? See wire.h.
#include "frontend/wire.h"

bool wire_varint(wire_span *s, uint64_t *v) {
    uint64_t x = 0;
    for (size_t i = 0; i < s->n && i < 10; i++) {
        uint8_t b = s->p[i];
        if (i == 9 && b > 1) return false; // beyond 64 bits
        x |= (uint64_t)(b & 127) << (7 * i);
        if (b < 128) {
            s->p += i + 1;
            s->n -= i + 1;
            *v = x;
            return true;
        }
    }
    return false;
}

int wire_next(wire_span *s, wire_field *f) {
    if (s->n == 0) return 0;
    wire_span r = *s;
    uint64_t tag, length;
    if (!wire_varint(&r, &tag) || tag >> 3 == 0 || tag >> 3 > 536870911) return -1;
    f->number = (uint32_t)(tag >> 3);
    f->type = (wire_type)(tag & 7);
    f->value = 0;
    f->bytes = r;
    switch (f->type) {
    case WIRE_VARINT:
        if (!wire_varint(&r, &f->value)) return -1;
        f->bytes.n -= r.n;
        break;
    case WIRE_I64:
    case WIRE_I32:
        length = f->type == WIRE_I64 ? 8 : 4;
        if (r.n < length) return -1;
        for (size_t i = 0; i < length; i++) f->value |= (uint64_t)r.p[i] << (8 * i);
        f->bytes.n = length;
        r.p += length;
        r.n -= length;
        break;
    case WIRE_LEN:
        if (!wire_varint(&r, &length) || length > r.n) return -1;
        f->bytes = (wire_span){r.p, (size_t)length};
        r.p += length;
        r.n -= length;
        break;
    default: return -1; // groups are not used by ONNX; 6 and 7 do not exist
    }
    *s = r;
    return 1;
}

int wire_depth(wire_span s, int limit) {
    if (limit <= 0) return 0;
    int deepest = 0;
    wire_field f;
    int r;
    while ((r = wire_next(&s, &f)) > 0) {
        if (f.type != WIRE_LEN || f.bytes.n == 0) continue;
        int d = wire_depth(f.bytes, limit - 1);
        if (d > deepest) deepest = d;
        if (deepest >= limit - 1) break;
    }
    return r < 0 ? 0 : 1 + deepest; // what does not parse is no message
}
