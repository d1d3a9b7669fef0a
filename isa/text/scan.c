#include "isa/text/scan.h"
#include "isa/text/format.h"
#include "support/file/quote.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

scan scan_start(const char *text, size_t bytes, const char *name, arena *a, diag_sink *diags) {
    return (scan){.name = name, .next = text, .end = text + bytes, .a = a, .diags = diags};
}

// --- reports

static diag_loc here(const scan *s) {
    return (diag_loc){
        .file = s->name, .line = s->number, .col = s->token.col, .end_col = s->token.end_col};
}

void scan_fail(scan *s, diag_id id, const char *fmt, ...) {
    if (s->failed) return;
    va_list ap;
    va_start(ap, fmt);
    diag_vemit(s->diags, id, here(s), fmt, ap);
    va_end(ap);
    s->failed = true;
    s->at = s->line_end;
    s->token.kind = SCAN_END;
}

void scan_note(scan *s, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(s->a, fmt, ap);
    va_end(ap);
    diag_note(s->diags, here(s), "%s", text);
}

// --- lines

static bool take_line(scan *s) {
    if (s->next >= s->end) return false;
    const char *nl = memchr(s->next, '\n', (size_t)(s->end - s->next));
    s->line = s->at = s->next;
    s->line_end = nl ? nl : s->end;
    s->next = nl ? nl + 1 : s->end;
    s->number++;
    s->failed = false;
    return true;
}

bool scan_line(scan *s) {
    if (!take_line(s)) return false;
    scan_next(s);
    return true;
}

bool scan_raw_line(scan *s) {
    if (s->next >= s->end || (*s->next != '|' && *s->next != '\\')) return false;
    return take_line(s);
}

// --- tokens

static void take_string(scan *s) {
    char *out = arena_alloc(s->a, (size_t)(s->line_end - s->at) + 1);
    size_t n = 0;
    for (s->at++; s->at < s->line_end && *s->at != '"';) {
        int c = (unsigned char)*s->at++;
        if (c == 0 || (c == '\\' && (c = quote_escape(&s->at, s->line_end)) < 0)) {
            s->token.end_col = (int)(s->at - s->line) + 1;
            scan_fail(s, DIAG_ID_asm_syntax,
                      "a string has \\\", \\\\, \\n, \\t and \\x01 to \\xff only");
            return;
        }
        out[n++] = (char)c;
    }
    if (s->at == s->line_end) {
        scan_fail(s, DIAG_ID_asm_syntax, "the string does not end on its line");
        return;
    }
    s->at++;
    s->token.kind = SCAN_STRING;
    s->token.text = out;
    s->token.n = n;
}

void scan_next(scan *s) {
    while (s->at < s->line_end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\r')) s->at++;
    s->token = (scan_token){.kind = SCAN_END, .text = s->at, .col = (int)(s->at - s->line) + 1};
    s->token.end_col = s->token.col + 1;
    if (s->at == s->line_end || *s->at == ';') {
        s->at = s->line_end;
        return;
    }
    switch (*s->at) {
    case ',': s->token.kind = SCAN_COMMA; break;
    case '=': s->token.kind = SCAN_EQUALS; break;
    case '@': s->token.kind = SCAN_AT; break;
    case '"':
        take_string(s);
        s->token.end_col = (int)(s->at - s->line) + 1;
        return;
    default:
        while (s->at < s->line_end && text_is_word_char(*s->at)) s->at++;
        s->token.n = (size_t)(s->at - s->token.text);
        if (s->token.n == 0) {
            scan_fail(s, DIAG_ID_asm_syntax, "unexpected character");
            return;
        }
        s->token.kind = SCAN_WORD;
        s->token.end_col = (int)(s->at - s->line) + 1;
        return;
    }
    s->token.n = 1;
    s->at++;
}

bool scan_is(const scan *s, const char *word) {
    return s->token.kind == SCAN_WORD && strlen(word) == s->token.n &&
           memcmp(word, s->token.text, s->token.n) == 0;
}

bool scan_expect(scan *s, scan_kind kind, const char *what) {
    if (s->token.kind == kind) {
        scan_next(s);
        return !s->failed;
    }
    if (s->token.kind == SCAN_END)
        scan_fail(s, DIAG_ID_asm_syntax, "expected %s, found the end of the line", what);
    else
        scan_fail(s, DIAG_ID_asm_syntax, "expected %s, found '%.*s'", what,
                  (int)(s->token.n < 60 ? s->token.n : 60), s->token.text);
    return false;
}

// --- numbers

bool scan_u64(const char *text, size_t n, uint64_t *out) {
    uint64_t v = 0, base = 10;
    if (n > 2 && text[0] == '0' && text[1] == 'x') {
        base = 16;
        text += 2;
        n -= 2;
    }
    if (n == 0) return false;
    for (size_t i = 0; i < n; i++) {
        int digit = quote_hex_digit(text[i]);
        if (digit < 0 || (uint64_t)digit >= base) return false;
        if (!mul_u64(v, base, &v) || !add_u64(v, (uint64_t)digit, &v)) return false;
    }
    *out = v;
    return true;
}

bool scan_i64(const char *text, size_t n, int64_t *out) {
    bool negative = n > 0 && text[0] == '-';
    uint64_t v;
    if (!scan_u64(text + negative, n - negative, &v)) return false;
    if (v > (uint64_t)INT64_MAX + negative) return false;
    *out = negative ? (int64_t)-v : (int64_t)v;
    return true;
}

// Decimal numbers only: strtod would take "inf", "nan" and hexadecimal fractions.
static bool scan_decimal(const char *text, size_t n, double *out, float *out_f32) {
    char copy[64], *end;
    if (n == 0 || n >= sizeof copy) return false;
    memcpy(copy, text, n);
    copy[n] = 0;
    if (strspn(copy, "+-.0123456789eE") != n) return false;
    *out = strtod(copy, &end);
    *out_f32 = strtof(copy, NULL);
    return *end == 0;
}

bool scan_f32(const char *text, size_t n, float *out) {
    uint64_t bits;
    if (n == 10 && text[0] == '0' && text[1] == 'x' && scan_u64(text, n, &bits)) {
        uint32_t word = (uint32_t)bits;
        memcpy(out, &word, sizeof word);
        return true;
    }
    double wide;
    return scan_decimal(text, n, &wide, out) && isfinite(*out);
}

bool scan_f64(const char *text, size_t n, double *out) {
    float narrow;
    return scan_decimal(text, n, out, &narrow) && isfinite(*out);
}
