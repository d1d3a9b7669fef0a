// Regular expressions of tokenizer files. There they are Oniguruma's; pcre2 runs them, with what
// the two read differently spelled out, and refuses what it would silently read otherwise.
// Characters of Unicode 15 and later are unassigned here.
#ifndef OHMIC_TOKENIZER_TEXT_REGEX_H
#define OHMIC_TOKENIZER_TEXT_REGEX_H

#include "support/vec.h"
#include "tokenizer/text/edit.h"

typedef struct regex regex;

// NULL: *message gets what is wrong. `literal`: the pattern stands for itself.
regex *regex_new(text pattern, bool literal, char message[128]);
void regex_free(regex *re); // NULL is allowed

typedef struct {
    size_t begin, end;
} range;
typedef VEC(range) ranges;

// Every match from left to right, empty ones too, as Oniguruma's iterator in `tokenizers` counts
// them: one that is empty behind one that is not is passed over. False: out of its limits.
bool regex_find(const regex *re, const char *p, size_t n, ranges *out);

#endif
