// How numbers are spelled in text forms, and which name was meant.
#ifndef OHMIC_SUPPORT_SPELL_H
#define OHMIC_SUPPORT_SPELL_H
#include "support/base.h"

enum { SPELL_NUMBER_BYTES = 32 };
// Shortest decimal that reads back to the same number; not finite f32: its bits, "0x7fc00000".
void spell_f32(float v, char out[SPELL_NUMBER_BYTES]);
void spell_f64(double v, char out[SPELL_NUMBER_BYTES]); // finite

// The candidate nearest to word[0..n) (insertions, deletions, replacements, swaps), for "did you
// mean". Call spell_try for each candidate; best is NULL when none is near enough.
typedef struct {
    const char *word;
    size_t n;
    const char *best;
    unsigned distance;
} spell_nearest;
spell_nearest spell_start(const char *word, size_t n);
void spell_try(spell_nearest *s, const char *candidate);
#endif
