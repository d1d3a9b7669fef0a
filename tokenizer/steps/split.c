// Pre-tokenizers: where a text is cut into pieces that the model sees one by one. Semantics are
// those of the Rust library `tokenizers`.
#include "tokenizer/anatomy.h"
#include "tokenizer/text/unicode.h"

// --- cutting

typedef struct {
    range at;
    bool match;
} span;
typedef VEC(span) spans;

// The whole text as matches and what lies between them.
static void spans_of(const ranges *found, size_t n, bool invert, spans *out) {
    size_t at = 0;
    for (size_t i = 0; i < found->count; i++) {
        range r = found->items[i];
        if (r.begin > at) vec_push(out, (span){{at, r.begin}, invert});
        vec_push(out, (span){r, !invert});
        at = r.end;
    }
    if (at < n) vec_push(out, (span){{at, n}, invert});
}

// Joins or drops spans as the behaviour says. Backwards for MERGED_WITH_NEXT: there the same rule
// as MERGED_WITH_PREVIOUS holds from the end.
static void join_spans(spans *s, split_behaviour behaviour) {
    size_t n = 0, count = s->count;
    bool backwards = behaviour == SPLIT_MERGED_WITH_NEXT, before = false;
    ranges joined = {0};
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

static void push(pieces *out, traced t, size_t begin, size_t end) {
    if (begin < end) vec_push(out, (piece){traced_slice(t, begin, end), t.from[begin].begin, -1});
}

static void cut(traced t, const ranges *found, bool invert, split_behaviour behaviour,
                pieces *out) {
    spans parts = {0};
    spans_of(found, t.n, invert, &parts);
    join_spans(&parts, behaviour);
    for (size_t i = 0; i < parts.count; i++)
        push(out, t, parts.items[i].at.begin, parts.items[i].at.end);
    vec_free(&parts);
}

// Every character that `is` something is a match of its own; ctx NULL: none needed.
static void cut_where(traced t, bool (*is)(int32_t), int32_t same, split_behaviour behaviour,
                      pieces *out) {
    ranges found = {0};
    for (size_t at = 0; at < t.n;) {
        size_t begin = at;
        int32_t c = unicode_next(t.p, t.n, &at);
        if (is ? is(c) : c == same) vec_push(&found, (range){begin, at});
    }
    cut(t, &found, false, behaviour, out);
    vec_free(&found);
}

enum { PIECE = 16 }; // bytes that a piece counts for besides its text

bool pre_tokenize(const pre_tokenizer_step *steps, size_t n_steps, text_budget *b, arena *a,
                  pieces *p) {
    static bool (*const run[])(const pre_tokenizer_step *, arena *, const piece *, pieces *) = {
#define PRE_TOKENIZER(type, name, reads, keys) pre_tokenizer_##name,
#include "tokenizer/steps.def"
    };
    bool ok = true;
    for (size_t i = 0; ok && i < n_steps; i++) {
        pieces next = {0};
        for (size_t k = 0; ok && k < p->count; k++) {
            if (p->items[k].added_id >= 0) {
                vec_push(&next, p->items[k]);
            } else {
                ok = text_take(b, p->items[k].text.n + PIECE) &&
                     run[steps[i].kind](&steps[i], a, &p->items[k], &next);
            }
        }
        vec_free(p);
        *p = next;
    }
    return ok;
}

// --- by kinds of characters

bool pre_tokenizer_bert(const pre_tokenizer_step *s, arena *a, const piece *in, pieces *out) {
    pieces words = {0};
    cut_where(in->text, unicode_is_space, 0, SPLIT_REMOVED, &words);
    for (size_t i = 0; i < words.count; i++)
        cut_where(words.items[i].text, unicode_is_punctuation, 0, SPLIT_ISOLATED, out);
    vec_free(&words);
    return true;
}

bool pre_tokenizer_delimiter(const pre_tokenizer_step *s, arena *a, const piece *in, pieces *out) {
    cut_where(in->text, NULL, s->c, SPLIT_REMOVED, out);
    return true;
}

bool pre_tokenizer_digits(const pre_tokenizer_step *s, arena *a, const piece *in, pieces *out) {
    cut_where(in->text, unicode_is_number, 0, s->each ? SPLIT_ISOLATED : SPLIT_CONTIGUOUS, out);
    return true;
}

bool pre_tokenizer_punctuation(const pre_tokenizer_step *s, arena *a, const piece *in,
                               pieces *out) {
    cut_where(in->text, unicode_is_punctuation, 0, s->behaviour, out);
    return true;
}

bool pre_tokenizer_whitespace_split(const pre_tokenizer_step *s, arena *a, const piece *in,
                                    pieces *out) {
    cut_where(in->text, unicode_is_space, 0, SPLIT_REMOVED, out);
    return true;
}

// Runs of word characters, and runs of what is neither that nor white space.
bool pre_tokenizer_whitespace(const pre_tokenizer_step *s, arena *a, const piece *in, pieces *out) {
    traced t = in->text;
    size_t begin = 0;
    int before = 0; // 0: white space, 1: word, 2: other
    for (size_t at = 0; at < t.n;) {
        size_t here = at;
        int32_t c = unicode_next(t.p, t.n, &at);
        int kind = unicode_is_space(c) ? 0 : unicode_is_word(c) ? 1 : 2;
        if (kind != before) {
            if (before) push(out, t, begin, here);
            begin = here;
        }
        before = kind;
    }
    if (before) push(out, t, begin, t.n);
    return true;
}

// A piece ends where the script changes. A space, and what is of any script, belongs to what stands
// before it; in front of the first script it belongs to nothing.
bool pre_tokenizer_scripts(const pre_tokenizer_step *s, arena *a, const piece *in, pieces *out) {
    traced t = in->text;
    size_t begin = t.n;
    int before = 0;
    for (size_t at = 0; at < t.n;) {
        size_t here = at;
        int script = unicode_script(unicode_next(t.p, t.n, &at));
        if (script == 0 || script == before) continue;
        push(out, t, begin, here);
        begin = here;
        before = script;
    }
    push(out, t, begin, t.n);
    return true;
}

bool pre_tokenizer_fixed_length(const pre_tokenizer_step *s, arena *a, const piece *in,
                                pieces *out) {
    traced t = in->text;
    size_t begin = 0;
    int64_t n = 0;
    for (size_t at = 0; at < t.n;) {
        unicode_next(t.p, t.n, &at);
        if (++n < s->length && at < t.n) continue;
        push(out, t, begin, at);
        begin = at;
        n = 0;
    }
    return true;
}

// --- by patterns

bool pre_tokenizer_split(const pre_tokenizer_step *s, arena *a, const piece *in, pieces *out) {
    ranges found = {0};
    bool ok = regex_find(s->re, in->text.p, in->text.n, &found);
    if (ok) cut(in->text, &found, s->invert, s->behaviour, out);
    vec_free(&found);
    return ok;
}

// The bytes of every part, as characters that stand for them.
bool pre_tokenizer_byte_level(const pre_tokenizer_step *s, arena *a, const piece *in, pieces *out) {
    static const normalizer_step space = {.content = {" ", 1}};
    traced t = in->text;
    size_t from = out->count;
    if (s->prefix && t.p[0] != ' ') normalizer_prepend(&space, NULL, a, &t);
    ranges found = {0};
    bool ok = !s->re || regex_find(s->re, t.p, t.n, &found);
    if (ok && s->re)
        cut(t, &found, false, SPLIT_ISOLATED, out);
    else if (ok)
        vec_push(out, (piece){t, in->begin, -1});
    for (size_t i = from; i < out->count; i++)
        normalizer_byte_level(NULL, NULL, a, &out->items[i].text);
    vec_free(&found);
    return ok;
}

bool pre_tokenizer_metaspace(const pre_tokenizer_step *s, arena *a, const piece *in, pieces *out) {
    edit e = edit_begin(a, in->text);
    while (!edit_is_done(&e)) {
        if (edit_peek(&e) == ' ') {
            edit_drop(&e);
            edit_insert(&e, s->c);
        } else {
            edit_keep(&e);
        }
    }
    traced t = edit_end(&e);
    char bytes[4];
    text c = {bytes, unicode_put(s->c, bytes)};
    bool wanted = s->prepend == PREPEND_ALWAYS || (s->prepend == PREPEND_FIRST && in->begin == 0);
    if (wanted && !text_starts_with((text){t.p, t.n}, c)) {
        const normalizer_step front = {.content = c};
        normalizer_prepend(&front, NULL, a, &t);
    }
    if (s->each)
        cut_where(t, NULL, s->c, SPLIT_MERGED_WITH_NEXT, out);
    else
        vec_push(out, (piece){t, in->begin, -1});
    return true;
}
