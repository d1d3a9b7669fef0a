// One budget a file: what a file from a stranger may ask for (budget.def), counted where it is
// asked.
#ifndef OHMIC_SUPPORT_BUDGET_H
#define OHMIC_SUPPORT_BUDGET_H

#include "support/base.h"

typedef enum {
#define BUDGET(name, base, per_kib, most, unit, what) BUDGET_##name,
#include "support/budget.def"
    BUDGET_COUNT
} budget_kind;

typedef struct {
    uint64_t bytes, limit[BUDGET_COUNT], used[BUDGET_COUNT];
    const char *what; // "file", "text"
} budget;

budget budget_of(const char *what, uint64_t bytes);
// The budget of a file to which `more_bytes` belong that lie beside it.
budget budget_more(const budget *b, uint64_t more_bytes);
// Multiplies a limit, where a size is the caller's choice and not the file's.
void budget_widen(budget *b, budget_kind k, uint64_t factor);
// n more; false when that is beyond the limit, and for ever after.
bool budget_take(budget *b, budget_kind k, uint64_t n);
static inline bool budget_has(const budget *b, budget_kind k,
                              uint64_t n) { // n are within the limit
    return n <= b->limit[k];
}
// "it asks for more than 32768 operations, the limit of a file of 1302 bytes"
enum { BUDGET_TEXT = 160 };
const char *budget_spent(const budget *b, budget_kind k, char text[BUDGET_TEXT]);

#endif
