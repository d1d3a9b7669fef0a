// utf8proc's answers, corrected by the ranges of unicode.def; see unicode.h.
#include "tokenizer/text/unicode.h"
#include <utf8proc.h>

// --- tables

typedef struct {
    int32_t first, last;
} range;

typedef enum {
    TABLE_control_not,
    TABLE_mark_not,
    TABLE_mark,
    TABLE_accent_not,
    TABLE_accent,
    TABLE_punctuation_not,
    TABLE_punctuation,
    TABLE_number,
    TABLE_word,
    TABLE_whole,
    TABLE_COUNT
} table;

// All tables behind each other, as they stand in the file, and in the order of the enumeration.
static const range ranges[] = {
#define R(table, first, last) {first, last},
#include "tokenizer/text/unicode.def"
};
static const uint8_t table_of[] = {
#define R(table, first, last) TABLE_##table,
#include "tokenizer/text/unicode.def"
};

static bool in_table(table t, int32_t c) {
    size_t lo = 0, hi = ARRAY_LEN(ranges);
    while (lo < hi) { // the first range of t, or of a later table, that does not end before c
        size_t mid = (lo + hi) / 2;
        if (table_of[mid] < t || (table_of[mid] == t && ranges[mid].last < c))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < ARRAY_LEN(ranges) && table_of[lo] == t && ranges[lo].first <= c;
}

// --- UTF-8

int32_t unicode_next(const char *p, size_t n, size_t *at) {
    int32_t c = (uint8_t)p[*at];
    if (c < 0x80) {
        ++*at;
        return c;
    }
    utf8proc_ssize_t step = utf8proc_iterate((const utf8proc_uint8_t *)p + *at,
                                             (utf8proc_ssize_t)(n - *at), (utf8proc_int32_t *)&c);
    CHECK(step > 0, "a text is not UTF-8 at byte %zu", *at);
    *at += (size_t)step;
    return c;
}

size_t unicode_before(const char *p, size_t at) {
    do at--;
    while (at > 0 && ((uint8_t)p[at] & 0xc0) == 0x80);
    return at;
}

size_t unicode_put(int32_t c, char out[4]) {
    return (size_t)utf8proc_encode_char(c, (utf8proc_uint8_t *)out);
}

bool unicode_is_utf8(const char *p, size_t n, size_t *bad_at) {
    for (size_t at = 0; at < n;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t step =
            utf8proc_iterate((const utf8proc_uint8_t *)p + at, (utf8proc_ssize_t)(n - at), &c);
        if (step <= 0) {
            *bad_at = at;
            return false;
        }
        at += (size_t)step;
    }
    return true;
}

bool unicode_is_ascii(const char *p, size_t n) {
    uint8_t all = 0;
    for (size_t i = 0; i < n; i++) all |= (uint8_t)p[i];
    return all < 0x80;
}

// --- kinds

bool unicode_is_space(int32_t c) {
    return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

bool unicode_is_control(int32_t c) {
    if (c == '\t' || c == '\n' || c == '\r') return false;
    if (c == 0 || c == 0xfffd) return true;
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CO: return !in_table(TABLE_control_not, c);
    default: return false;
    }
}

bool unicode_is_mark(int32_t c) {
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME: return !in_table(TABLE_mark_not, c);
    default: return in_table(TABLE_mark, c);
    }
}

bool unicode_is_accent(int32_t c) {
    if (utf8proc_category(c) == UTF8PROC_CATEGORY_MN) return !in_table(TABLE_accent_not, c);
    return in_table(TABLE_accent, c);
}

bool unicode_is_punctuation(int32_t c) {
    if (c < 0x80)
        return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
               (c >= '{' && c <= '~');
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO: return !in_table(TABLE_punctuation_not, c);
    default: return in_table(TABLE_punctuation, c);
    }
}

bool unicode_is_number(int32_t c) {
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return true;
    default: return c >= 0x80 && in_table(TABLE_number, c);
    }
}

bool unicode_is_word(int32_t c) {
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC: return true;
    default: return c >= 0x80 && in_table(TABLE_word, c);
    }
}

bool unicode_is_chinese(int32_t c) {
    return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) ||
           (c >= 0x20000 && c <= 0x2a6df) || (c >= 0x2a700 && c <= 0x2b73f) ||
           (c >= 0x2b740 && c <= 0x2b81f) || (c >= 0x2b920 && c <= 0x2ceaf) ||
           (c >= 0xf900 && c <= 0xfaff) || (c >= 0x2f800 && c <= 0x2fa1f);
}

// --- other forms

int unicode_lower(int32_t c, int32_t out[2]) {
    // Pairs of Unicode 16 and 17: every upper-case letter, or each second one, at a fixed distance.
    static const struct {
        int32_t first, last, step, distance;
    } later[] = {
        {0x1c89, 0x1c89, 1, 1},      {0xa7cb, 0xa7cb, 1, 0x264 - 0xa7cb},
        {0xa7cc, 0xa7ce, 2, 1},      {0xa7d2, 0xa7d4, 2, 1},
        {0xa7da, 0xa7da, 1, 1},      {0xa7dc, 0xa7dc, 1, 0x19b - 0xa7dc},
        {0x10d50, 0x10d65, 1, 0x20}, {0x16ea0, 0x16eb8, 1, 0x1b},
    };
    if (c == 0x130) { // the one character whose lower case is two: i, dot above
        out[0] = 'i';
        out[1] = 0x307;
        return 2;
    }
    out[0] = utf8proc_tolower(c);
    for (size_t i = 0; c >= later[0].first && i < ARRAY_LEN(later); i++) {
        if (c >= later[i].first && c <= later[i].last && (c - later[i].first) % later[i].step == 0)
            out[0] = c + later[i].distance;
    }
    return 1;
}

int unicode_decompose(int32_t c, bool compatible, int32_t out[UNICODE_LONGEST]) {
    if (c >= 0x80 && !in_table(TABLE_whole, c)) {
        int last = 0;
        utf8proc_option_t form = UTF8PROC_DECOMPOSE | UTF8PROC_STABLE;
        if (compatible) form |= UTF8PROC_COMPAT;
        utf8proc_ssize_t n = utf8proc_decompose_char(c, out, UNICODE_LONGEST, form, &last);
        if (n > 0 && n <= UNICODE_LONGEST) return (int)n;
    }
    out[0] = c;
    return 1;
}

int unicode_combining_class(int32_t c) {
    int class = c < 0x300 ? 0 : utf8proc_get_property(c)->combining_class;
    return class && in_table(TABLE_mark_not, c) ? 0 : class;
}

int32_t unicode_compose(int32_t a, int32_t b) {
    if (b < 0x300) return -1;
    utf8proc_int32_t pair[3] = {a, b, 0}; // utf8proc wants room for a NUL
    utf8proc_ssize_t n = utf8proc_normalize_utf32(pair, 2, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    return n == 1 && !in_table(TABLE_whole, pair[0]) ? pair[0] : -1;
}

int unicode_script(int32_t c) {
    static const struct {
        int32_t first, last;
        int script;
    } rows[] = {
#define S(first, last, script) {first, last, script},
#include "tokenizer/text/scripts.def"
    };
    size_t lo = 0, hi = ARRAY_LEN(rows);
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (rows[mid].last < c)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < ARRAY_LEN(rows) && rows[lo].first <= c ? rows[lo].script : 0;
}

// --- bytes as characters
// Not for themselves stand 0 ... 0x20, 0x7f ... 0xa0 and 0xad.

int32_t unicode_of_byte(uint8_t b) {
    return b <= 0x20 ? 256 + b : b >= 0x7f && b <= 0xa0 ? 289 + (b - 0x7f) : b == 0xad ? 323 : b;
}

int unicode_to_byte(int32_t c) {
    if (c < 0 || c > 323) return -1;
    if (c >= 256) return c <= 288 ? c - 256 : c < 323 ? c - 289 + 0x7f : 0xad;
    return unicode_of_byte((uint8_t)c) == c ? c : -1;
}
