// Numbers and names as texts; see spell.h.
#include "support/spell.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// "1e-05" as "1e-5".
static void shorten_exponent(char *s) {
    char *e = strchr(s, 'e');
    if (!e) return;
    char *digits = e + 2; // printf writes a sign
    size_t zeros = strspn(digits, "0");
    memmove(digits, digits + zeros, strlen(digits + zeros) + 1);
    if (e[1] == '+') memmove(e + 1, digits, strlen(digits) + 1);
}

// 80, not 8e1. False: v is no such number.
static bool spell_whole(double v, char out[SPELL_NUMBER_BYTES]) {
    bool whole = fabs(v) < 1e7 && v == trunc(v);
    if (whole) snprintf(out, SPELL_NUMBER_BYTES, "%.0f", v);
    return whole;
}

void spell_f64(double v, char out[SPELL_NUMBER_BYTES]) {
    if (spell_whole(v, out)) return;
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(out, SPELL_NUMBER_BYTES, "%.*g", digits, v);
        if (strtod(out, NULL) == v) break;
    }
    shorten_exponent(out);
}

void spell_f32(float v, char out[SPELL_NUMBER_BYTES]) {
    if (!isfinite(v)) {
        uint32_t bits;
        memcpy(&bits, &v, sizeof bits);
        snprintf(out, SPELL_NUMBER_BYTES, "0x%08x", bits);
        return;
    }
    if (spell_whole((double)v, out)) return;
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(out, SPELL_NUMBER_BYTES, "%.*g", digits, (double)v);
        if (strtof(out, NULL) == v) break;
    }
    shorten_exponent(out);
}

enum { MAX_WORD = 31 };

static unsigned smallest(unsigned a, unsigned b, unsigned c) {
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

// Optimal string alignment distance.
static unsigned distance(const char *a, size_t n, const char *b, size_t m) {
    unsigned d[MAX_WORD + 1][MAX_WORD + 1];
    for (unsigned i = 0; i <= n; i++) d[i][0] = i;
    for (unsigned j = 0; j <= m; j++) d[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        for (size_t j = 1; j <= m; j++) {
            unsigned replaced = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            d[i][j] = smallest(d[i - 1][j] + 1, d[i][j - 1] + 1, replaced);
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && d[i - 2][j - 2] + 1 < d[i][j]) d[i][j] = d[i - 2][j - 2] + 1;
        }
    }
    return d[n][m];
}

spell_nearest spell_start(const char *word, size_t n) {
    return (spell_nearest){word, n, NULL, (unsigned)(n + 2) / 3 + 1}; // a third may be wrong
}

void spell_try(spell_nearest *s, const char *candidate) {
    const char *word = s->word, *other = candidate;
    size_t n = s->n, m = strlen(candidate);
    // What both begin and end with costs nothing.
    while (n && m && *word == *other) word++, other++, n--, m--;
    while (n && m && word[n - 1] == other[m - 1]) n--, m--;
    if (n > MAX_WORD || m > MAX_WORD) return;
    unsigned d = distance(word, n, other, m);
    if (d >= s->distance) return;
    s->distance = d;
    s->best = candidate;
}
