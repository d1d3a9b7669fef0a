// Values of options: is the text what the option's kind wants?
#include "cli/args/internal.h"
#include "support/spell.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const wanted[ARG_KINDS] = {
#define ARG_KIND(id, wanted) wanted,
#include "cli/args/kinds.def"
};

static const char blank[] = " \t\n";

// Digits with a sign or none: strtoll takes white space as well.
static bool parse_int(const char *s, char **end, int64_t lo, int64_t hi) {
    *end = (char *)s;
    if (strchr(blank, *s)) return false;
    errno = 0;
    long long v = strtoll(s, end, 10);
    return *end != s && errno == 0 && v >= lo && v <= hi;
}

static bool parse_real(const char *s, char **end, double lo, double hi) {
    *end = (char *)s;
    if (strchr(blank, *s)) return false;
    double v = strtod(s, end);
    return *end != s && isfinite(v) && v >= lo && v <= hi;
}

static bool is_int(const char *s, int64_t lo, int64_t hi) {
    char *end;
    return parse_int(s, &end, lo, hi) && !*end;
}

static bool is_real(const char *s, double lo, double hi) {
    char *end;
    return parse_real(s, &end, lo, hi) && !*end;
}

// With a comma between two, or white space.
static bool is_list(const char *s, bool whole) {
    for (;;) {
        char *end;
        s += strspn(s, blank);
        if (!(whole ? parse_int(s, &end, 0, INT32_MAX) : parse_real(s, &end, -HUGE_VAL, HUGE_VAL)))
            return false;
        s = end + strspn(end, blank);
        if (!*s) return true;
        if (*s != ',' && s == end) return false;
        s += *s == ',';
    }
}

bool args_has_word(const char *list, const char *text) {
    size_t n;
    ARGS_EACH_WORD(list, word, n)
    if (strlen(text) == n && memcmp(word, text, n) == 0) return true;
    return false;
}

static bool fits(const arg_option *o, const char *s) {
    const char *eq = strchr(s, '=');
    switch (o->kind) {
    case ARG_WORD: return args_has_word(o->value, s);
    case ARG_INT: return is_int(s, INT64_MIN, INT64_MAX);
    case ARG_SIZE: return is_int(s, 0, INT32_MAX);
    case ARG_COUNT: return is_int(s, 1, INT32_MAX);
    case ARG_REAL: return is_real(s, 0, HUGE_VAL);
    case ARG_POSITIVE: return is_real(s, 0, HUGE_VAL) && strtod(s, NULL) > 0;
    case ARG_SHARE: return is_real(s, 0, 1);
    case ARG_PART: return is_real(s, 0, 1) && strtod(s, NULL) > 0;
    case ARG_NUMBERS: return is_list(s, false);
    case ARG_SIZES: return is_list(s, true);
    case ARG_PAIR: return eq && eq > s && eq[1];
    case ARG_TENSORS_IN:
    case ARG_TENSORS_OUT:
    case ARG_TRACE: return *s && (!eq || eq[1]);
    case ARG_NAME:
    case ARG_CHIP:
    case ARG_INPUT:
    case ARG_OUTPUT:
    case ARG_PLACE:
    case ARG_FOLDER: return *s;
    case ARG_FLAG:
    case ARG_TEXT:
    case ARG_PROMPT:
    case ARG_KINDS: break;
    }
    return true;
}

const char *args_words(arena *a, const char *list, const char *lead, const char *last) {
    const char *text = "";
    size_t n;
    ARGS_EACH_WORD(list, word, n) {
        const char *between = !*text ? "" : word[n] ? ", " : last;
        text = arena_printf(a, "%s%s%s%.*s", text, between, lead, (int)n, word);
    }
    return text;
}

bool args_check_value(const args *a, const arg_option *o, const char *text, diag_sink *diags) {
    if (fits(o, text)) return true;
    arena *own = arena_new();
    const char *want =
        o->kind == ARG_WORD ? args_words(own, o->value, "", " or ") : wanted[o->kind];
    const char *near = "";
    if (o->kind == ARG_WORD) {
        size_t n;
        spell_nearest best = spell_start(text, strlen(text));
        ARGS_EACH_WORD(o->value, word, n) spell_try(&best, arena_strn(own, word, n));
        if (best.best) near = arena_printf(own, "; did you mean '%s'?", best.best);
    }
    diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE, "--%s wants %s, found '%s'%s", o->name, want,
              text, near);
    arena_free(own);
    return false;
}
