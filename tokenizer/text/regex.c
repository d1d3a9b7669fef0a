// Oniguruma's expressions by pcre2; see regex.h.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "tokenizer/text/regex.h"
#include "tokenizer/text/unicode.h"
#include <pcre2.h>
#include <stdio.h>
#include <strings.h>

struct regex {
    pcre2_code *code;
};

// --- memory and limits

enum { MATCH_STEPS = 1000000 };

static void *allocate(size_t n, void *ctx) { return base_alloc(n); }
static void release(void *p, void *ctx) { free(p); }

// What pcre2 lacks memory for would be a pattern that does not compile or match.
static pcre2_general_context *memory_context(void) {
    pcre2_general_context *c = pcre2_general_context_create(allocate, release, NULL);
    return c ? c : (base_no_memory(0), NULL);
}

// --- from one syntax to the other

// Items of a class: word characters have marks and connectors; \h are hexadecimal digits.
static const char word_items[] = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}";
static const char hex_items[] = "0-9A-Fa-f";

typedef VEC(char) string;

typedef struct {
    const char *p, *end;
    string out;
    const char *wrong; // not NULL: what is not possible here
} translation;

static void append(string *s, const char *p) {
    for (; *p; p++) vec_push(s, *p);
}

static bool next_is(const translation *t, const char *what) {
    size_t n = strlen(what);
    return (size_t)(t->end - t->p) >= n && memcmp(t->p, what, n) == 0;
}

// The class escapes \w \W \h \H, and what they are in a class of their own.
static const char *class_items(char c) {
    return (c | 0x20) == 'w' ? word_items : (c | 0x20) == 'h' ? hex_items : NULL;
}

// A word boundary, by word characters as they are here.
static void put_boundary(string *out, bool negated) {
    const char *w = word_items;
    append(out, negated ? "(?:(?<=[" : "(?:(?<=[");
    append(out, w);
    append(out, negated ? "])(?=[" : "])(?![");
    append(out, w);
    append(out, "])|(?<![");
    append(out, w);
    append(out, negated ? "])(?![" : "])(?=[");
    append(out, w);
    append(out, "]))");
}

static void translate_property(translation *t, bool in_class);

// Behind a backslash; t->p is at the letter.
static void translate_escape(translation *t, bool in_class) {
    char c = *t->p;
    const char *items = class_items(c);
    if (c == 'u' && t->end - t->p >= 5) {
        append(&t->out, "\\x{");
        for (int i = 1; i < 5; i++) vec_push(&t->out, t->p[i]);
        append(&t->out, "}");
        t->p += 5;
        return;
    }
    if ((c == 'p' || c == 'P') && t->end - t->p >= 3 && t->p[1] == '{') {
        translate_property(t, in_class);
        return;
    }
    t->p++;
    if (items) {
        bool negated = c == 'W' || c == 'H';
        if (negated && in_class) t->wrong = "a negated escape in a class";
        if (!in_class) append(&t->out, negated ? "[^" : "[");
        append(&t->out, items);
        if (!in_class) append(&t->out, "]");
    } else if ((c == 'b' || c == 'B') && !in_class) {
        put_boundary(&t->out, c == 'B');
    } else if (strchr("KGXRNOyY", c)) {
        t->wrong = "one of \\K \\G \\X \\R \\N \\O \\y \\Y";
    } else {
        vec_push(&t->out, '\\');
        vec_push(&t->out, c);
    }
}

// Names of classes between colons, and of properties where pcre2 has none of that name.
static const char *named_items(const char *name, size_t n) {
    static const struct {
        const char *name, *items;
    } known[] = {
        {"alnum", "\\p{Alphabetic}\\p{Nd}"},
        {"alpha", "\\p{Alphabetic}"},
        {"ascii", "\\x00-\\x7f"},
        {"blank", "\\p{Zs}\\t"},
        {"cntrl", "\\p{Cc}"},
        {"digit", "\\p{Nd}"},
        {"lower", "\\p{Lowercase}"},
        {"punct", "\\p{P}\\p{S}"},
        {"space", "\\p{White_Space}"},
        {"upper", "\\p{Uppercase}"},
        {"word", word_items},
        {"xdigit", hex_items},
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strlen(known[i].name) == n && strncasecmp(known[i].name, name, n) == 0)
            return known[i].items;
    return NULL;
}

// [:name:] inside a class; t->p is at its '['.
static void translate_posix(translation *t) {
    const char *name = t->p + 2, *end = memchr(name, ':', (size_t)(t->end - name));
    const char *items = end ? named_items(name, (size_t)(end - name)) : NULL;
    if (!items || end + 1 >= t->end || end[1] != ']') {
        t->wrong = "this class of characters between colons";
        return;
    }
    append(&t->out, items);
    t->p = end + 2;
}

static bool compiles(const char *p, size_t n) {
    int error;
    PCRE2_SIZE offset;
    pcre2_general_context *memory = memory_context();
    pcre2_compile_context *ctx = pcre2_compile_context_create(memory);
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)p, n, PCRE2_UTF, &error, &offset, ctx);
    pcre2_code_free(code);
    pcre2_compile_context_free(ctx);
    pcre2_general_context_free(memory);
    return code != NULL;
}

// \p{Name}, \P{Name}, \p{^Name}; t->p is at the letter. The name of a script is that script alone:
// pcre2 takes characters that other scripts share in.
static void translate_property(translation *t, bool in_class) {
    bool negated = *t->p == 'P';
    const char *name = t->p + 2, *end = memchr(name, '}', (size_t)(t->end - name));
    if (!end) {
        t->wrong = "a property without '}'";
        return;
    }
    if (name < end && *name == '^') {
        negated = !negated;
        name++;
    }
    int n = (int)(end - name);
    char script[64];
    int length = snprintf(script, sizeof script, "\\%c{sc:%.*s}", negated ? 'P' : 'p', n, name);
    const char *items = named_items(name, (size_t)n);
    if (items && negated && in_class) {
        t->wrong = "a negated property in a class";
    } else if (items) {
        if (!in_class) append(&t->out, negated ? "[^" : "[");
        append(&t->out, items);
        if (!in_class) append(&t->out, "]");
    } else if (length < (int)sizeof script && n > 2 && compiles(script, (size_t)length)) {
        append(&t->out, script);
    } else {
        append(&t->out, negated ? "\\P{" : "\\p{");
        for (; name < end; name++) vec_push(&t->out, *name);
        vec_push(&t->out, '}');
    }
    t->p = end + 1;
}

// A class up to its ']'. One within another joins it: only what is not negated can.
static void translate_class(translation *t, bool within) {
    t->p++;
    bool negated = t->p < t->end && *t->p == '^';
    if (negated) t->p++;
    if (negated && within) t->wrong = "a negated class within a class";
    if (!within) append(&t->out, negated ? "[^" : "[");
    bool first = true;
    for (; !t->wrong && t->p < t->end && (first || *t->p != ']'); first = false) {
        if (*t->p == '\\' && t->p + 1 < t->end) {
            t->p++;
            translate_escape(t, true);
        } else if (next_is(t, "[:")) {
            translate_posix(t);
        } else if (*t->p == '[') {
            translate_class(t, true);
        } else if (next_is(t, "&&")) {
            t->wrong = "an intersection of classes";
        } else {
            if (*t->p == ']') vec_push(&t->out, '\\');
            vec_push(&t->out, *t->p++);
        }
    }
    if (t->p < t->end && *t->p == ']') {
        t->p++;
        if (!within) append(&t->out, "]");
    }
}

// "{,n}" is up to n times, and behind "{n,m}" a '+' repeats where pcre2 would hold on.
static void translate_braces(translation *t) {
    const char *q = t->p + 1;
    size_t digits = 0;
    bool comma = false;
    for (; q < t->end && ((*q >= '0' && *q <= '9') || (*q == ',' && !comma)); q++) {
        digits += *q != ',';
        comma |= *q == ',';
    }
    bool repeats = q < t->end && *q == '}' && digits > 0;
    append(&t->out, repeats && t->p[1] == ',' ? "{0" : "{");
    t->p++;
    if (!repeats) return;
    while (t->p <= q) vec_push(&t->out, *t->p++);
    if (t->p < t->end && *t->p == '+') t->wrong = "'+' behind '{n,m}'";
}

// Groups that pcre2 lacks, or takes for something else: (?m) and (?s) among them.
static bool is_strange_group(const translation *t) {
    if (next_is(t, "(*") || next_is(t, "(?~") || next_is(t, "(?R") || next_is(t, "(?{"))
        return true;
    if (!next_is(t, "(?")) return false;
    for (const char *q = t->p + 2; q < t->end && ((*q >= 'a' && *q <= 'z') || *q == '-'); q++)
        if (*q == 'm' || *q == 's') return true;
    return false;
}

static void translate(translation *t) {
    while (!t->wrong && t->p < t->end) {
        if (*t->p == '\\' && t->p + 1 < t->end) {
            t->p++;
            translate_escape(t, false);
        } else if (*t->p == '[') {
            translate_class(t, false);
        } else if (*t->p == '{') {
            translate_braces(t);
        } else if (*t->p == '(' && is_strange_group(t)) {
            t->wrong = "a group that begins so";
        } else {
            vec_push(&t->out, *t->p++);
        }
    }
}

// --- compiling and matching

regex *regex_new(text pattern, bool literal, char message[128]) {
    translation t = {.p = pattern.p, .end = pattern.p + pattern.n};
    if (!literal) translate(&t);
    if (t.wrong) {
        snprintf(message, 128, "%s is not supported", t.wrong);
        vec_free(&t.out);
        return NULL;
    }
    pcre2_general_context *memory = memory_context();
    pcre2_compile_context *ctx = pcre2_compile_context_create(memory);
    pcre2_set_newline(ctx, PCRE2_NEWLINE_LF);
    uint32_t options =
        PCRE2_UTF |
        (literal ? PCRE2_LITERAL : PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C);
    int error;
    PCRE2_SIZE offset;
    PCRE2_SPTR source = (PCRE2_SPTR)(literal ? pattern.p : t.out.items ? t.out.items : "");
    pcre2_code *code =
        pcre2_compile(source, literal ? pattern.n : t.out.count, options, &error, &offset, ctx);
    vec_free(&t.out);
    pcre2_compile_context_free(ctx);
    pcre2_general_context_free(memory);
    if (!code) {
        pcre2_get_error_message(error, (PCRE2_UCHAR *)message, 128);
        return NULL;
    }
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); // without it matching is slower, nothing else
    regex *re = base_alloc(sizeof *re);
    re->code = code;
    return re;
}

void regex_free(regex *re) {
    if (!re) return;
    pcre2_code_free(re->code);
    free(re);
}

bool regex_find(const regex *re, const char *p, size_t n, ranges *out) {
    pcre2_general_context *memory = memory_context();
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(re->code, memory);
    pcre2_match_context *limits = pcre2_match_context_create(memory);
    // of one match: backtracking that no tokenizer's pattern needs ends it
    pcre2_set_match_limit(limits, (uint32_t)min_i64(MATCH_STEPS + 100 * (int64_t)n, UINT32_MAX));
    bool ok = true, pass_over = false; // ... the next match, should it be empty
    for (size_t at = 0; at <= n;) {
        uint32_t options = PCRE2_NO_UTF_CHECK;
        PCRE2_SPTR subject = (PCRE2_SPTR)(n ? p : "");
        int rc = pcre2_match(re->code, subject, n, at, options, data, limits);
        if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
            rc = pcre2_match(re->code, subject, n, at, options | PCRE2_NO_JIT, data, limits);
        if (rc == PCRE2_ERROR_NOMATCH) break;
        ok = rc >= 0;
        if (!ok) break;
        const PCRE2_SIZE *v = pcre2_get_ovector_pointer(data);
        if (v[1] < v[0] || v[0] < at) break; // lookarounds can do such things
        at = v[1];
        bool empty = v[0] == v[1];
        if (empty && at == n)
            at = n + 1;
        else if (empty)
            unicode_next(p, n, &at);
        if (!empty || !pass_over) vec_push(out, (range){v[0], v[1]});
        pass_over = !empty;
    }
    pcre2_match_data_free(data);
    pcre2_match_context_free(limits);
    pcre2_general_context_free(memory);
    return ok;
}
