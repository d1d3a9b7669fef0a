// Texts in double quotes; see quote.h.
#include "support/file/quote.h"

void quote_print(FILE *out, const char *s, size_t n) {
    fputc('"', out);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c == '\n')
            fputs("\\n", out);
        else if (c == '\t')
            fputs("\\t", out);
        else if (c < 0x20 || c == 0x7f)
            fprintf(out, "\\x%02x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

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
