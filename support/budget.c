// Limits that grow with the file; see budget.h.
#include "support/budget.h"
#include <inttypes.h>
#include <stdio.h>

static const struct {
    uint64_t base, per_kib, most;
    const char *unit;
} rows[BUDGET_COUNT] = {
#define BUDGET(name, base, per_kib, most, unit, what) {base, per_kib, most, unit},
#include "support/budget.def"
};

budget budget_of(const char *what, uint64_t bytes) {
    budget b = {.bytes = bytes, .what = what};
    for (int k = 0; k < BUDGET_COUNT; k++) {
        uint64_t more, limit;
        bool fits = mul_u64(bytes, rows[k].per_kib, &more) &&
                    add_u64(more / 1024, rows[k].base, &limit) && limit < rows[k].most;
        b.limit[k] = fits ? limit : rows[k].most;
    }
    return b;
}

budget budget_more(const budget *b, uint64_t more_bytes) {
    uint64_t bytes = b->bytes;
    budget more = budget_of(b->what, add_u64(bytes, more_bytes, &bytes) ? bytes : UINT64_MAX);
    for (int k = 0; k < BUDGET_COUNT; k++) more.used[k] = b->used[k];
    return more;
}

void budget_widen(budget *b, budget_kind k, uint64_t factor) {
    if (!mul_u64(b->limit[k], factor, &b->limit[k])) b->limit[k] = UINT64_MAX;
}

bool budget_take(budget *b, budget_kind k, uint64_t n) {
    if (!add_u64(b->used[k], n, &b->used[k])) b->used[k] = UINT64_MAX;
    return b->used[k] <= b->limit[k];
}

const char *budget_spent(const budget *b, budget_kind k, char text[BUDGET_TEXT]) {
    snprintf(text, BUDGET_TEXT,
             "it asks for more than %" PRIu64 " %s, the limit of a %s of %" PRIu64 " bytes",
             b->limit[k], rows[k].unit, b->what, b->bytes);
    return text;
}
