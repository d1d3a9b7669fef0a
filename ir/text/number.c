// Numbers, strings and names of the text form, both ways.
#include "ir/text/parser.h"
#include "support/file/quote.h"
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- numbers

static bool is_integer(const char *s) {
    if (*s == '-') s++;
    if (!isdigit((unsigned char)*s)) return false;
    while (isdigit((unsigned char)*s)) s++;
    return *s == 0;
}

const char *text_read_int(const char *text, int64_t *v) {
    if (!is_integer(text)) return "is no integer";
    errno = 0;
    long long r = strtoll(text, NULL, 10);
    if (errno == ERANGE) return "does not fit 64 bits";
    *v = r;
    return NULL;
}

const char *text_read_double(const char *text, double *v) {
    char *end;
    double r = strtod(text, &end);
    if (end == text || *end) return "is no number";
    if (isinf(r) && !strstr(text, "inf")) return "is too large";
    *v = r;
    return NULL;
}

static const char *read_integer_elem(elem e, const char *text, void *data, size_t i) {
    if (!is_integer(text)) return "is no integer";
    errno = 0;
    int64_t v;
    if (e == ELEM_u64) {
        v = (int64_t)strtoull(text, NULL, 10);
        if (errno == ERANGE || (text[0] == '-' && v != 0)) return "does not fit its type";
        elem_store_i64(e, data, i, v);
        return NULL;
    }
    v = strtoll(text, NULL, 10);
    if (errno == ERANGE) return "does not fit its type";
    if (e == ELEM_bool && v != 0 && v != 1) return "does not fit its type";
    elem_store_i64(e, data, i, v);
    return elem_load_i64(e, data, i) == v ? NULL : "does not fit its type";
}

const char *text_read_elem(elem e, const char *text, void *data, size_t i) {
    if (!elem_is_float(e)) return read_integer_elem(e, text, data, i);
    double v;
    const char *why = text_read_double(text, &v);
    if (why) return why;
    elem_store_f64(e, data, i, v);
    bool fits = isfinite(v) == isfinite(elem_load_f64(e, data, i));
    return fits ? NULL : "does not fit its type";
}

// "nan" has no sign in text.
static bool print_special(double v, char out[TEXT_ELEM_MAX]) {
    if (isfinite(v)) return false;
    strcpy(out, isnan(v) ? "nan" : v > 0 ? "inf" : "-inf");
    return true;
}

// Shortest text of v that `e` reads back as the same bits; fewest digits where two are as short.
static void print_shortest(elem e, double v, char out[TEXT_ELEM_MAX]) {
    char text[TEXT_ELEM_MAX];
    uint64_t want = 0, found = 0;
    elem_store_f64(e, &want, 0, v);
    out[0] = 0;
    for (int digits = 1; digits <= 17; digits++) {
        int n = snprintf(text, sizeof text, "%.*g", digits, v);
        elem_store_f64(e, &found, 0, strtod(text, NULL));
        if (found != want || (out[0] && (size_t)n >= strlen(out))) continue;
        memcpy(out, text, (size_t)n + 1);
        if (!strchr(out, 'e')) return; // more digits are longer
    }
}

void text_print_double(double v, char out[TEXT_ELEM_MAX]) {
    if (!print_special(v, out)) print_shortest(ELEM_f64, v, out);
}

void text_print_elem(elem e, const void *data, size_t i, char out[TEXT_ELEM_MAX]) {
    if (e == ELEM_u64) {
        snprintf(out, TEXT_ELEM_MAX, "%" PRIu64, (uint64_t)elem_load_i64(e, data, i));
    } else if (!elem_is_float(e)) {
        snprintf(out, TEXT_ELEM_MAX, "%" PRId64, elem_load_i64(e, data, i));
    } else {
        double v = elem_load_f64(e, data, i);
        if (!print_special(v, out)) print_shortest(e, v, out);
    }
}

// ---- strings

void text_print_string(FILE *out, const char *s) { quote_print(out, s, strlen(s)); }

char *text_read_string(arena *a, const char *s, size_t n) {
    char *out = arena_alloc(a, n + 1), *o = out;
    for (const char *at = s, *end = s + n; at < end;) {
        int c = (unsigned char)*at++;
        if (c == '\\') c = quote_escape(&at, end);
        if (c <= 0) return NULL;
        *o++ = (char)c;
    }
    return out;
}

bool text_is_identifier(const char *s) {
    if (!isalpha((unsigned char)*s) && *s != '_') return false;
    if (strcmp(s, "_") == 0) return false;
    while (isalnum((unsigned char)*s) || *s == '_' || *s == '.') s++;
    return *s == 0;
}
