// What of a name may reach a terminal; see name.h.
#include "support/name.h"
#include <string.h>

size_t name_char(const char *p, size_t n, uint32_t *c) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const uint8_t *b = (const uint8_t *)p;
    size_t k = b[0] < 0x80   ? 1
               : b[0] < 0xc0 ? 0
               : b[0] < 0xe0 ? 2
               : b[0] < 0xf0 ? 3
               : b[0] < 0xf8 ? 4
                             : 0;
    if (k == 0 || k > n) return 0;
    uint32_t v = k == 1 ? b[0] : b[0] & (0x7fu >> k);
    for (size_t i = 1; i < k; i++) {
        if ((b[i] & 0xc0) != 0x80) return 0;
        v = v << 6 | (b[i] & 0x3f);
    }
    if (v < least[k] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000)) return 0;
    *c = v;
    return k;
}

// Not controls, ends of lines, marks of direction, and what takes no room.
bool name_is_plain(uint32_t c) {
    static const struct {
        uint32_t first, last;
    } hidden[] = {
        {0, 0x1f},        {0x7f, 0x9f},     {0xad, 0xad},       {0x61c, 0x61c},
        {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f},
        {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0x1d173, 0x1d17a}, {0xe0000, 0xe007f},
    };
    if (c >= 0x20 && c < 0x7f) return true;
    for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
        if (c >= hidden[i].first && c <= hidden[i].last) return false;
    return true;
}

enum { LONGEST = sizeof "\\u{10ffff}" };

// The first character or byte of s as it is printed, into `out`; its length in s.
static size_t spell(const char *s, size_t n, char out[LONGEST]) {
    uint32_t c;
    size_t k = name_char(s, n, &c);
    if (k == 0) {
        snprintf(out, LONGEST, "\\x%02x", (unsigned)(uint8_t)s[0]);
        return 1;
    }
    if (name_is_plain(c)) {
        memcpy(out, s, k);
        out[k] = 0;
    } else if (c == '\n' || c == '\t') {
        strcpy(out, c == '\n' ? "\\n" : " ");
    } else {
        snprintf(out, LONGEST, c < 0x80 ? "\\x%02x" : "\\u{%04x}", (unsigned)c);
    }
    return k;
}

void name_print(FILE *out, const char *s, size_t n) {
    char text[LONGEST];
    for (size_t at = 0; at < n;) {
        at += spell(s + at, n - at, text);
        fputs(text, out);
    }
}

const char *name_text(arena *a, const char *s) {
    char text[LONGEST];
    size_t n = strlen(s), length = 0;
    for (size_t at = 0; at < n; length += strlen(text)) at += spell(s + at, n - at, text);
    if (length == n && !strchr(s, '\t')) return s; // what else is spelled otherwise grows
    char *out = arena_alloc(a, length + 1), *end = out;
    for (size_t at = 0; at < n; end += strlen(end)) {
        at += spell(s + at, n - at, text);
        strcpy(end, text);
    }
    return out;
}

const char *name_csv(arena *a, const char *s) {
    s = name_text(a, s);
    size_t n = strlen(s);
    if (n && s[0] != ' ' && s[n - 1] != ' ' && !strpbrk(s, ",\"")) return s;
    char *out = arena_alloc(a, 2 * n + 3), *end = out;
    *end++ = '"';
    for (; *s; s++) {
        if (*s == '"') *end++ = '"';
        *end++ = *s;
    }
    *end++ = '"';
    *end = 0;
    return out;
}

int name_width(const char *s, size_t n) {
    char text[LONGEST];
    int width = 0;
    for (size_t at = 0; at < n;) {
        size_t k = spell(s + at, n - at, text);
        width += text[0] == '\\' && text[1] ? (int)strlen(text) : 1;
        at += k;
    }
    return width;
}
