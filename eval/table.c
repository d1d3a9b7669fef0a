// A score split into shares: by ranges of a number, or by name. See eval.h.
#include "eval/parts.h"
#include <inttypes.h>
#include <string.h>

// The first range holds 1 to 15, range i the numbers with 4 + i binary digits.
enum { FIRST_BITS = 4, RANGES = 64 - FIRST_BITS };

eval_table eval_table_ranges(arena *a, const char *by) {
    eval_table t = {.by = by, .items = ARENA_ARRAY(a, eval_share, RANGES), .count = RANGES};
    for (int i = 0; i < RANGES; i++) {
        uint64_t from = i ? UINT64_C(1) << (FIRST_BITS + i - 1) : 1;
        uint64_t to = (UINT64_C(1) << (FIRST_BITS + i)) - 1;
        t.items[i].label = arena_printf(a, "%" PRIu64 "-%" PRIu64, from, to);
    }
    return t;
}

eval_share *eval_table_range(eval_table *t, int64_t n) {
    CHECK(n > 0 && t->count == RANGES, "number %" PRId64 " of a table of ranges", n);
    int bits = 64 - __builtin_clzll((uint64_t)n);
    return &t->items[bits <= FIRST_BITS ? 0 : bits - FIRST_BITS];
}

eval_share *eval_table_label(eval_table *t, arena *a, const char *label) {
    size_t at = 0;
    while (at < t->count && strcmp(t->items[at].label, label) < 0) at++;
    if (at < t->count && strcmp(t->items[at].label, label) == 0) return &t->items[at];
    if (t->count == t->capacity) {
        size_t capacity = t->capacity ? 2 * t->capacity : 16;
        eval_share *grown = ARENA_ARRAY(a, eval_share, capacity);
        if (t->count) memcpy(grown, t->items, t->count * sizeof *grown);
        t->items = grown;
        t->capacity = capacity;
    }
    memmove(t->items + at + 1, t->items + at, (t->count++ - at) * sizeof *t->items);
    t->items[at] = (eval_share){.label = arena_printf(a, "%s", label)};
    return &t->items[at];
}

void eval_share_add(eval_share *s, double nll, bool right) {
    s->nll += nll;
    s->right += right;
    s->count++;
}
