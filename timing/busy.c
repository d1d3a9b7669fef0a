#include "timing/busy.h"
#include "support/base.h"

void busy_grow(busy *b) {
    if (b->n < b->capacity) return;
    b->capacity = b->capacity ? 2 * b->capacity : 16;
    b->spans = base_realloc(b->spans, b->capacity * sizeof *b->spans);
}

void busy_drop(busy *b, timing_ps before) {
    uint32_t k = 0;
    while (k < b->n && b->spans[k].until < before) k++;
    if (k) memmove(b->spans, b->spans + k, (b->n - k) * sizeof *b->spans);
    b->n -= k;
}
