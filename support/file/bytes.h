// Little-endian bytes, written to a growing buffer and read back with every bound checked.
#ifndef OHMIC_SUPPORT_FILE_BYTES_H
#define OHMIC_SUPPORT_FILE_BYTES_H

#include "support/vec.h"

typedef VEC(uint8_t) bytes_out; // vec_free

void bytes_put(bytes_out *b, const void *p, size_t n);
void bytes_put32(bytes_out *b, uint32_t v);
void bytes_put64(bytes_out *b, uint64_t v);
void bytes_put_f64(bytes_out *b, double v);
void bytes_set64(bytes_out *b, size_t at, uint64_t v); // over the eight bytes from `at` on
void bytes_put_words(bytes_out *b, const void *words, size_t n); // n words of 32 bits: f32, i32
void bytes_put_text(bytes_out *b, const char *s);                // length, then the bytes

typedef struct {
    const uint8_t *at, *end;
    bool ok; // false once something was asked for that is not there; then all numbers are 0
} bytes_in;

bytes_in bytes_in_of(const void *p, size_t n);
const uint8_t *bytes_get(bytes_in *b, uint64_t n); // NULL: not there
uint32_t bytes_get32(bytes_in *b);
uint64_t bytes_get64(bytes_in *b);
double bytes_get_f64(bytes_in *b);
bool bytes_get_words(bytes_in *b, void *words, size_t n); // false: not there, nothing written
// A text of bytes_put_text; its bytes are not NUL-terminated. NULL: not there.
const char *bytes_get_text(bytes_in *b, size_t *n);

#endif
