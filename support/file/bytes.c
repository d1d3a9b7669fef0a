// Little-endian bytes; see bytes.h.
#include "support/file/bytes.h"

void bytes_put(bytes_out *b, const void *p, size_t n) {
    if (!n) return;
    vec_reserve(b, b->count + n);
    memcpy(b->items + b->count, p, n);
    b->count += n;
}

static void put(bytes_out *b, uint64_t v, unsigned n) {
    uint8_t byte[8];
    for (unsigned i = 0; i < n; i++) byte[i] = (uint8_t)(v >> 8 * i);
    bytes_put(b, byte, n);
}
void bytes_put32(bytes_out *b, uint32_t v) { put(b, v, 4); }
void bytes_put64(bytes_out *b, uint64_t v) { put(b, v, 8); }

void bytes_put_f64(bytes_out *b, double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    bytes_put64(b, bits);
}

void bytes_set64(bytes_out *b, size_t at, uint64_t v) {
    CHECK(at + 8 <= b->count, "bytes %zu to %zu of %zu", at, at + 8, b->count);
    for (unsigned i = 0; i < 8; i++) b->items[at + i] = (uint8_t)(v >> 8 * i);
}

void bytes_put_words(bytes_out *b, const void *words, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint32_t v;
        memcpy(&v, (const uint8_t *)words + 4 * i, 4);
        bytes_put32(b, v);
    }
}

void bytes_put_text(bytes_out *b, const char *s) {
    bytes_put32(b, (uint32_t)strlen(s));
    bytes_put(b, s, strlen(s));
}

bytes_in bytes_in_of(const void *p, size_t n) {
    return (bytes_in){p, n ? (const uint8_t *)p + n : p, true};
}

const uint8_t *bytes_get(bytes_in *b, uint64_t n) {
    const uint8_t *p = b->at;
    if (!b->ok || n > (uint64_t)(b->end - b->at)) {
        b->ok = false;
        return NULL;
    }
    b->at += n;
    return p;
}

static uint64_t get(bytes_in *b, unsigned n) {
    const uint8_t *p = bytes_get(b, n);
    uint64_t v = 0;
    for (unsigned i = 0; p && i < n; i++) v |= (uint64_t)p[i] << 8 * i;
    return v;
}
uint32_t bytes_get32(bytes_in *b) { return (uint32_t)get(b, 4); }
uint64_t bytes_get64(bytes_in *b) { return get(b, 8); }

double bytes_get_f64(bytes_in *b) {
    uint64_t bits = bytes_get64(b);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

bool bytes_get_words(bytes_in *b, void *words, size_t n) {
    if (!b->ok || n > (size_t)(b->end - b->at) / 4) return b->ok = false;
    for (size_t i = 0; i < n; i++) {
        uint32_t v = bytes_get32(b);
        memcpy((uint8_t *)words + 4 * i, &v, 4);
    }
    return true;
}

const char *bytes_get_text(bytes_in *b, size_t *n) {
    *n = bytes_get32(b);
    return (const char *)bytes_get(b, *n);
}
