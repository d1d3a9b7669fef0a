// Normalisation and pre-tokenization: texts in, texts out, nothing of vocabularies.
//
// Semantics are those of the Rust library `tokenizers`; regular expressions there are Oniguruma's
// in Ruby syntax, of which pcre2 with UTF, UCP and MULTILINE runs what tokenizers use.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "tokenizer/parts.h"
#include <pcre2.h>
#include <utf8proc.h>

// --- characters

size_t text_char_bytes(const char *p, size_t n) {
    utf8proc_int32_t c;
    utf8proc_ssize_t k = utf8proc_iterate((const utf8proc_uint8_t *)p, (utf8proc_ssize_t)n, &c);
    return k > 0 ? (size_t)k : 1;
}

// Printable bytes of Latin-1 stand for themselves, the others for 256, 257, ... in order (GPT-2).
static bool stands_for_itself(uint32_t b) {
    return (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || (b >= 0xae && b <= 0xff);
}

uint32_t text_byte_to_char(uint8_t byte) {
    if (stands_for_itself(byte)) return byte;
    uint32_t c = 256;
    for (uint32_t b = 0; b < byte; b++) c += !stands_for_itself(b);
    return c;
}

int text_char_to_byte(uint32_t c) {
    if (c < 256) return stands_for_itself(c) ? (int)c : -1;
    for (uint32_t b = 0, next = 256; b < 256; b++) {
        if (!stands_for_itself(b) && next++ == c) return (int)b;
    }
    return -1;
}

static text concat(arena *a, text x, text y) {
    char *p = arena_alloc(a, x.n + y.n + 1);
    if (x.n) memcpy(p, x.p, x.n);
    if (y.n) memcpy(p + x.n, y.p, y.n);
    return (text){p, x.n + y.n};
}

static bool starts_with(text t, text prefix) {
    return t.n >= prefix.n && memcmp(t.p, prefix.p, prefix.n) == 0;
}

// --- regular expressions

struct regex {
    pcre2_code *code;
};

// Where Oniguruma and pcre2 differ in what an escape means, pcre2 gets it spelled out: \w has marks
// and connectors, \h are hexadecimal digits, \uHHHH is a character. What pcre2 would silently read
// otherwise, classes within classes and their intersections, is refused.
static const char word_items[] = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}";
static const char hex_items[] = "0-9A-Fa-f";

typedef VEC(char) string;

static void append(string *s, const char *p, size_t n) {
    for (size_t i = 0; i < n; i++) vec_push(s, p[i]);
}

// One escape, `c` behind the backslash. False: not possible here.
static bool translate_escape(string *out, char c, bool in_class) {
    bool negated = c == 'W' || c == 'H';
    const char *items = (c | 0x20) == 'w' ? word_items : (c | 0x20) == 'h' ? hex_items : NULL;
    if (!items) {
        append(out, (char[]){'\\', c}, 2);
        return true;
    }
    if (negated && in_class) return false;
    if (!in_class) append(out, "[^", negated ? 2 : 1);
    append(out, items, strlen(items));
    if (!in_class) append(out, "]", 1);
    return true;
}

static bool translate(const char *p, size_t n, string *out, char message[128]) {
    const char *wrong = NULL;
    bool in_class = false;
    for (size_t i = 0; i < n && !wrong; i++) {
        bool more = i + 1 < n;
        if (p[i] == '\\' && more && p[i + 1] == 'u' && n - i >= 6) {
            append(out, "\\x{", 3);
            append(out, p + i + 2, 4);
            append(out, "}", 1);
            i += 5;
        } else if (p[i] == '\\' && more) {
            if (!translate_escape(out, p[++i], in_class)) wrong = "a negated escape in a class";
        } else if (in_class && p[i] == '[' && more && p[i + 1] != ':') {
            wrong = "a class within a class";
        } else if (in_class && p[i] == '[') { // [:name:]
            const char *end = memchr(p + i, ']', n - i);
            size_t length = end ? (size_t)(end - p) - i + 1 : n - i;
            append(out, p + i, length);
            i += length - 1;
        } else if (in_class && p[i] == '&' && more && p[i + 1] == '&') {
            wrong = "an intersection of classes";
        } else if (!in_class && p[i] == '[') {
            in_class = true;
            append(out, p + i, 1);
            if (more && p[i + 1] == '^') append(out, p + ++i, 1);
            if (i + 1 < n && p[i + 1] == ']') append(out, p + ++i, 1); // a literal one
        } else {
            if (p[i] == ']') in_class = false;
            append(out, p + i, 1);
        }
    }
    if (wrong) snprintf(message, 128, "%s is not supported", wrong);
    return !wrong;
}

enum { MATCH_STEPS = 1000000 };

static void *allocate(size_t n, void *ctx) { return base_alloc(n); }
static void release(void *p, void *ctx) { free(p); }

// What pcre2 lacks memory for would be a pattern that does not compile or match.
static pcre2_general_context *memory_context(void) {
    pcre2_general_context *c = pcre2_general_context_create(allocate, release, NULL);
    return c ? c : (base_no_memory(0), NULL);
}

regex *regex_new(const char *pattern, size_t n, bool literal, char message[128]) {
    string translated = {0};
    if (!literal && !translate(pattern, n, &translated, message)) {
        vec_free(&translated);
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
    PCRE2_SPTR source = (PCRE2_SPTR)(literal ? pattern : translated.items ? translated.items : "");
    pcre2_code *code =
        pcre2_compile(source, literal ? n : translated.count, options, &error, &offset, ctx);
    vec_free(&translated);
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

typedef struct {
    size_t begin, end;
} range;
typedef VEC(range) ranges;

// Every match that is not empty, in order. False: out of limits.
static bool find_all(const regex *re, text t, ranges *out) {
    pcre2_general_context *memory = memory_context();
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(re->code, memory);
    pcre2_match_context *limits = pcre2_match_context_create(memory);
    // of one match: backtracking that no tokenizer's pattern needs ends it
    pcre2_set_match_limit(limits, (uint32_t)min_i64(MATCH_STEPS + 100 * (int64_t)t.n, UINT32_MAX));
    bool ok = true;
    for (size_t at = 0; at < t.n;) {
        PCRE2_SPTR p = (PCRE2_SPTR)t.p;
        uint32_t options = PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY;
        int rc = pcre2_match(re->code, p, t.n, at, options, data, limits);
        if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
            rc = pcre2_match(re->code, p, t.n, at, options | PCRE2_NO_JIT, data, limits);
        if (rc == PCRE2_ERROR_NOMATCH) break;
        if (rc < 0) {
            ok = false;
            break;
        }
        const PCRE2_SIZE *v = pcre2_get_ovector_pointer(data);
        if (v[1] <= v[0] || v[0] < at) break; // \K in a lookaround can do such things
        vec_push(out, (range){v[0], v[1]});
        at = v[1];
    }
    pcre2_match_data_free(data);
    pcre2_match_context_free(limits);
    pcre2_general_context_free(memory);
    return ok;
}

bool text_replace(const regex *re, text content, text_budget *b, arena *a, text *t) {
    ranges found = {0};
    uint64_t made;
    bool ok = text_take(b, t->n) && find_all(re, *t, &found) &&
              mul_u64(found.count, content.n, &made) && text_take(b, made);
    if (ok && found.count) {
        size_t n = t->n + found.count * content.n, at = 0;
        for (size_t i = 0; i < found.count; i++) n -= found.items[i].end - found.items[i].begin;
        char *p = arena_alloc(a, n + 1), *end = p;
        for (size_t i = 0; i < found.count; i++) {
            size_t kept = found.items[i].begin - at;
            memcpy(end, t->p + at, kept);
            if (content.n) memcpy(end + kept, content.p, content.n);
            end += kept + content.n;
            at = found.items[i].end;
        }
        memcpy(end, t->p + at, t->n - at);
        *t = (text){p, n};
    }
    vec_free(&found);
    return ok;
}

// --- normalisation

static void unicode_form(utf8proc_option_t form, arena *a, text *t) {
    utf8proc_uint8_t *out = NULL;
    utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)t->p, (utf8proc_ssize_t)t->n, &out,
                                      form | UTF8PROC_STABLE);
    CHECK(n >= 0, "utf8proc_map: %s", utf8proc_errmsg(n)); // texts are UTF-8: only memory is left
    *t = (text){arena_strn(a, (const char *)out, (size_t)n), (size_t)n};
    free(out);
}

bool text_is_space(int32_t c) {
    return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

// Maps characters one by one: to lower case, or away when they are accents.
static void map_characters(norm_kind kind, arena *a, text *t) {
    char *out = arena_alloc(a, t->n * 2 + 4); // no character grows to more than twice its bytes
    size_t n = 0;
    for (size_t at = 0; at < t->n;) {
        utf8proc_int32_t c;
        at += (size_t)utf8proc_iterate((const utf8proc_uint8_t *)t->p + at,
                                       (utf8proc_ssize_t)(t->n - at), &c);
        if (kind == NORM_STRIP_ACCENTS) {
            if (utf8proc_category(c) == UTF8PROC_CATEGORY_MN) continue;
        } else if (c == 0x130) { // the one character whose lower case is two: i, dot above
            out[n++] = 'i';
            c = 0x307;
        } else {
            c = utf8proc_tolower(c);
        }
        n += (size_t)utf8proc_encode_char(c, (utf8proc_uint8_t *)out + n);
    }
    *t = (text){out, n};
}

static void strip_space(bool left, bool right, text *t) {
    size_t begin = t->n, end = 0; // of what is not space
    for (size_t at = 0; at < t->n;) {
        utf8proc_int32_t c;
        size_t next = at + (size_t)utf8proc_iterate((const utf8proc_uint8_t *)t->p + at,
                                                    (utf8proc_ssize_t)(t->n - at), &c);
        if (!text_is_space(c)) {
            if (begin == t->n) begin = at;
            end = next;
        }
        at = next;
    }
    if (!left) begin = 0;
    if (!right) end = t->n;
    *t = (text){t->p + begin, end > begin ? end - begin : 0};
}

bool text_normalize(const norm_step *steps, size_t n_steps, text_budget *b, arena *a, text *t) {
    for (size_t i = 0; i < n_steps && t->n; i++) {
        if (!text_take(b, t->n)) return false;
        const norm_step *s = &steps[i];
        switch (s->kind) {
        case NORM_NFC: unicode_form(UTF8PROC_COMPOSE, a, t); break;
        case NORM_NFD: unicode_form(UTF8PROC_DECOMPOSE, a, t); break;
        case NORM_NFKC: unicode_form(UTF8PROC_COMPOSE | UTF8PROC_COMPAT, a, t); break;
        case NORM_NFKD: unicode_form(UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT, a, t); break;
        case NORM_LOWERCASE:
        case NORM_STRIP_ACCENTS: map_characters(s->kind, a, t); break;
        case NORM_STRIP: strip_space(s->left, s->right, t); break;
        case NORM_PREPEND: *t = concat(a, s->content, *t); break;
        case NORM_REPLACE:
            if (!text_replace(s->re, s->content, b, a, t)) return false;
            break;
        }
    }
    return true;
}

// --- pre-tokenization

typedef struct {
    range at;
    bool match;
} span;
typedef VEC(span) spans;

// The whole text as matches and what lies between them.
static bool find_spans(const regex *re, bool invert, text t, spans *out) {
    ranges found = {0};
    bool ok = find_all(re, t, &found);
    size_t at = 0;
    for (size_t i = 0; i < found.count; i++) {
        range r = found.items[i];
        if (r.begin > at) vec_push(out, (span){{at, r.begin}, invert});
        vec_push(out, (span){r, !invert});
        at = r.end;
    }
    if (at < t.n) vec_push(out, (span){{at, t.n}, invert});
    vec_free(&found);
    return ok;
}

// Joins or drops spans as the behaviour says. Backwards for MERGED_WITH_NEXT: there the same rule
// as MERGED_WITH_PREVIOUS holds from the end.
static void join_spans(spans *s, split_behaviour behaviour) {
    size_t n = 0, count = s->count;
    bool backwards = behaviour == SPLIT_MERGED_WITH_NEXT, before = false;
    VEC(range) joined = {0};
    for (size_t i = 0; i < count; i++) {
        span x = s->items[backwards ? count - 1 - i : i];
        bool join = false, drop = false;
        switch (behaviour) {
        case SPLIT_REMOVED: drop = x.match; break;
        case SPLIT_ISOLATED: break;
        case SPLIT_MERGED_WITH_PREVIOUS:
        case SPLIT_MERGED_WITH_NEXT: join = x.match && !before; break;
        case SPLIT_CONTIGUOUS: join = x.match == before; break;
        }
        before = x.match;
        if (drop) continue;
        if (!join || n == 0) {
            vec_push(&joined, x.at);
            n++;
        } else if (backwards) {
            joined.items[n - 1].begin = x.at.begin;
        } else {
            joined.items[n - 1].end = x.at.end;
        }
    }
    vec_clear(s);
    for (size_t i = 0; i < n; i++)
        vec_push(s, (span){joined.items[backwards ? n - 1 - i : i], false});
    vec_free(&joined);
}

static text bytes_to_characters(arena *a, text t) {
    char *out = arena_alloc(a, t.n * 2 + 1); // every character has one or two bytes
    size_t n = 0;
    for (size_t i = 0; i < t.n; i++) {
        uint32_t c = text_byte_to_char((uint8_t)t.p[i]);
        n += (size_t)utf8proc_encode_char((utf8proc_int32_t)c, (utf8proc_uint8_t *)out + n);
    }
    return (text){out, n};
}

static const text one_space = {" ", 1};
enum { PIECE = 16 }; // bytes that a piece counts for besides its text

// One piece through one step; its parts are appended to `out`.
static bool split_piece(const pre_step *s, text_budget *b, arena *a, piece in, pieces *out,
                        regex *space) {
    text t = in.text;
    if (!text_take(b, t.n + PIECE)) return false;
    text prefix = s->kind == PRE_METASPACE ? s->content : one_space;
    if (s->kind == PRE_METASPACE && !text_replace(space, s->content, b, a, &t)) return false;
    bool wanted = s->prepend == PREPEND_ALWAYS || (s->prepend == PREPEND_FIRST && in.at_start);
    if (s->kind != PRE_SPLIT && wanted && !starts_with(t, prefix)) t = concat(a, prefix, t);

    spans parts = {0};
    bool ok = true;
    if (s->re) {
        ok = find_spans(s->re, s->invert, t, &parts);
        join_spans(&parts, s->behaviour);
    } else {
        vec_push(&parts, (span){{0, t.n}, false});
    }
    for (size_t i = 0; ok && i < parts.count; i++) {
        range r = parts.items[i].at;
        text part = {t.p + r.begin, r.end - r.begin};
        if (s->kind == PRE_BYTE_LEVEL) part = bytes_to_characters(a, part);
        if (part.n) vec_push(out, (piece){part, in.at_start && r.begin == 0, -1});
    }
    vec_free(&parts);
    return ok;
}

bool text_split(const pre_step *steps, size_t n_steps, text_budget *b, arena *a, pieces *p) {
    bool ok = true;
    regex *space = NULL;
    char message[128];
    for (size_t i = 0; ok && i < n_steps; i++) {
        pieces next = {0};
        if (steps[i].kind == PRE_METASPACE && !space) space = regex_new(" ", 1, true, message);
        for (size_t k = 0; ok && k < p->count; k++) {
            if (p->items[k].added_id >= 0) {
                vec_push(&next, p->items[k]);
            } else {
                ok = split_piece(&steps[i], b, a, p->items[k], &next, space);
            }
        }
        vec_free(p);
        *p = next;
    }
    regex_free(space);
    return ok;
}
