// Texts in double quotes; see quote.h.
#include "support/file/quote.h"
#include "support/name.h"

// A character that has to be escaped: byte by byte, or as what it is.
static void escape(FILE *out, const char *s, size_t n, uint32_t c, bool yaml) {
    if (s[0] == '"' || s[0] == '\\')
        fprintf(out, "\\%c", s[0]);
    else if (s[0] == '\n' || s[0] == '\t')
        fputs(s[0] == '\n' ? "\\n" : "\\t", out);
    else if (yaml && n)
        fprintf(out, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)c);
    else
        for (size_t i = 0; i < (n ? n : 1); i++) fprintf(out, "\\x%02x", (unsigned char)s[i]);
}

static void print(FILE *out, const char *s, size_t n, bool yaml) {
    fputc('"', out);
    for (size_t at = 0, k; at < n; at += k ? k : 1) {
        uint32_t c = 0;
        k = name_char(s + at, n - at, &c); // 0: no UTF-8
        if (k && name_is_plain(c) && c != '"' && c != '\\')
            fwrite(s + at, 1, k, out);
        else
            escape(out, s + at, k, c, yaml);
    }
    fputc('"', out);
}

void quote_print(FILE *out, const char *s, size_t n) { print(out, s, n, false); }
void quote_print_yaml(FILE *out, const char *s, size_t n) { print(out, s, n, true); }

int quote_hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

int quote_escape(const char **at, const char *end) {
    if (*at == end) return -1;
    char c = *(*at)++;
    if (c == 'n') return '\n';
    if (c == 't') return '\t';
    if (c == '"' || c == '\\') return c;
    if (c != 'x' || end - *at < 2) return -1;
    int high = quote_hex_digit((*at)[0]), low = quote_hex_digit((*at)[1]);
    if (high < 0 || low < 0 || high + low == 0) return -1;
    *at += 2;
    return high * 16 + low;
}
