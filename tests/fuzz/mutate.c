// See mutate.h.
#include "tests/fuzz/mutate.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t below(random_stream *r, size_t n) { return (size_t)random_below(r, n); } // 0 of 0

// Limits, their neighbours, and what products of them overflow.
static const int64_t numbers[] = {
    0,     1,        2,         7,          8,          63,         64,        127,
    128,   255,      256,       4095,       4096,       32767,      32768,     65535,
    65536, 16777216, INT32_MAX, 2147483648, 4294967295, 4294967296, -1,        -2,
    -128,  -32768,   INT32_MIN, 1ll << 40,  1ll << 52,  1ll << 62,  INT64_MAX, INT64_MIN};

static void replace(fuzz_input *in, size_t at, size_t old, const void *with, size_t n) {
    if (in->n - old + n > FUZZ_MAX_INPUT) return;
    memmove(in->bytes + at + n, in->bytes + at + old, in->n - at - old);
    if (n) memcpy(in->bytes + at, with, n);
    in->n = in->n - old + n;
}

// A chunk [*at, *at + result): mostly short, sometimes anything.
static size_t chunk(random_stream *r, size_t n, size_t *at) {
    *at = below(r, n);
    size_t most = n - *at;
    if (below(r, 4) && most > 32) most = 32;
    return n ? 1 + below(r, most) : 0;
}

static void mutate_number(random_stream *r, fuzz_input *in) { // in binary
    static const size_t widths[] = {1, 2, 4, 8};
    size_t width = widths[below(r, 4)], at;
    if (in->n < width) return;
    at = below(r, in->n - width + 1);
    if (below(r, 2)) at -= at % width;
    int64_t v = numbers[below(r, ARRAY_LEN(numbers))];
    if (below(r, 3) == 0) { // a step from what is there
        v = 0;
        memcpy(&v, in->bytes + at, width);
        v = (int64_t)((uint64_t)v + below(r, 9) - 4);
    }
    memcpy(in->bytes + at, &v, width);
}

static void mutate_digits(random_stream *r, fuzz_input *in) { // in text
    static const char *const odd[] = {"-1",     "1e400", "-0", "nan", "inf", "0x7fffffffffffffff",
                                      "1e-400", "0.1",   ""};
    size_t from = below(r, in->n), at = from;
    while (at < in->n && (in->bytes[at] < '0' || in->bytes[at] > '9')) at++;
    if (at == in->n) return;
    size_t end = at;
    while (end < in->n && in->bytes[end] >= '0' && in->bytes[end] <= '9') end++;
    char text[32];
    if (below(r, 4))
        snprintf(text, sizeof text, "%" PRId64, numbers[below(r, ARRAY_LEN(numbers))]);
    else
        snprintf(text, sizeof text, "%s", odd[below(r, ARRAY_LEN(odd))]);
    replace(in, at, end - at, text, strlen(text));
}

static void mutate_line(random_stream *r, fuzz_input *in) { // drops, repeats or moves one
    size_t at = below(r, in->n), end;
    while (at > 0 && in->bytes[at - 1] != '\n') at--;
    uint8_t *newline = memchr(in->bytes + at, '\n', in->n - at);
    end = newline ? (size_t)(newline - in->bytes) + 1 : in->n;
    uint8_t line[256];
    size_t n = end - at;
    if (n > sizeof line) return;
    memcpy(line, in->bytes + at, n);
    size_t how = below(r, 3);
    if (how != 1) replace(in, at, n, NULL, 0);
    if (how == 0) return;
    size_t to = below(r, in->n + 1);
    while (to > 0 && in->bytes[to - 1] != '\n') to--;
    replace(in, to, 0, line, n);
}

void mutate(random_stream *r, fuzz_input *in, const fuzz_input *other) {
    size_t at, n, to;
    if (in->n == 0) {
        uint8_t byte = (uint8_t)random_u32(r);
        replace(in, 0, 0, &byte, 1);
        return;
    }
    switch (below(r, 11)) {
    case 0:
    case 1: in->bytes[below(r, in->n)] ^= (uint8_t)(1u << below(r, 8)); break;
    case 2: in->bytes[below(r, in->n)] = (uint8_t)random_u32(r); break;
    case 3:
        n = chunk(r, in->n, &at);
        replace(in, at, n, NULL, 0);
        break;
    case 4: { // a chunk once more, elsewhere
        n = chunk(r, in->n, &at);
        uint8_t *copy = base_alloc(n);
        memcpy(copy, in->bytes + at, n);
        replace(in, below(r, in->n + 1), 0, copy, n);
        free(copy);
        break;
    }
    case 5: // a chunk of another file: inserted, or the rest from there
        n = chunk(r, other->n, &at);
        if (!n) break;
        to = below(r, in->n + 1);
        if (below(r, 2))
            replace(in, to, 0, other->bytes + at, n);
        else
            replace(in, to, in->n - to, other->bytes + at, other->n - at);
        break;
    case 6:
    case 7: mutate_number(r, in); break;
    case 8:
    case 9: mutate_digits(r, in); break;
    default: mutate_line(r, in); break;
    }
}
