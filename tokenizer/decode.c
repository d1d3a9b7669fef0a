// Decoding as a chain of stages, one a step of the file: each gets tokens, as texts, and gives
// tokens. A stage holds back what it cannot decide yet. Behind Fuse and ByteLevel everything is one
// token, which comes in parts: stages there that are not indifferent to that wait for its end.
#include "tokenizer/anatomy.h"
#include "tokenizer/text/unicode.h"

typedef struct {
    VEC(char) held; // a token that waits, bytes without their end, a fused text
    bool has_held;
    size_t count; // tokens seen
    VEC(char) last;
    int64_t stripped;
} stage;

struct tokenizer_stream {
    const tokenizer *t;
    bool specials;
    stage *stages;      // one a step
    arena *a;           // of one call
    text_budget budget; // of one call
    bool too_much;      // it is spent: text was left out
    VEC(char) out;
};

static const char replacement[] = "\xef\xbf\xbd"; // U+FFFD

static void pass(tokenizer_stream *s, size_t k, text token);

static void hold(stage *g, text x) {
    vec_reserve(&g->held, g->held.count + x.n + 1);
    if (x.n) memcpy(g->held.items + g->held.count, x.p, x.n);
    g->held.count += x.n;
    g->has_held = true;
}

static text held_of(const stage *g) { return (text){g->held.items, g->held.count}; }

// Copied, for what is held may change while it is passed on.
static text take_held(tokenizer_stream *s, stage *g) {
    text x = text_copy(s->a, held_of(g));
    vec_clear(&g->held);
    g->has_held = false;
    return x;
}

// --- bytes to UTF-8

// How the n bytes at p start: length of a whole character (*good), of a sequence that can never
// become one, or 0 when more bytes may complete it.
static size_t utf8_step(const uint8_t *p, size_t n, bool *good) {
    uint8_t lead = p[0];
    size_t need = lead < 0x80   ? 1
                  : lead < 0xc2 ? 0
                  : lead < 0xe0 ? 2
                  : lead < 0xf0 ? 3
                  : lead < 0xf5 ? 4
                                : 0;
    *good = false;
    if (need == 0) return 1;
    for (size_t i = 1; i < need; i++) {
        if (i == n) return 0;
        uint8_t low = 0x80, high = 0xbf;
        if (i == 1 && lead == 0xe0) low = 0xa0;
        if (i == 1 && lead == 0xed) high = 0x9f;
        if (i == 1 && lead == 0xf0) low = 0x90;
        if (i == 1 && lead == 0xf4) high = 0x8f;
        if (p[i] < low || p[i] > high) return i;
    }
    *good = true;
    return need;
}

// Bytes become characters as far as they can; the rest stays held. At the end it is U+FFFD.
static void pass_bytes(tokenizer_stream *s, size_t k, text bytes, bool end) {
    stage *g = &s->stages[k];
    hold(g, bytes);
    text x = take_held(s, g);
    char *out = arena_alloc(s->a, 3 * x.n + 4);
    size_t n = 0, at = 0;
    while (at < x.n) {
        bool good;
        size_t step = utf8_step((const uint8_t *)x.p + at, x.n - at, &good);
        if (step == 0 && !end) break;
        if (step == 0) step = x.n - at;
        memcpy(out + n, good ? x.p + at : replacement, good ? step : 3);
        n += good ? step : 3;
        at += step;
    }
    if (at < x.n) hold(g, (text){x.p + at, x.n - at});
    pass(s, k + 1, (text){out, n});
}

static text from_byte_level(arena *a, text t) {
    char *out = arena_alloc(a, t.n + 1);
    size_t n = 0;
    for (size_t at = 0; at < t.n;) {
        int byte = unicode_to_byte(unicode_next(t.p, t.n, &at));
        if (byte < 0) return t; // an added token: not in byte-level spelling
        out[n++] = (char)byte;
    }
    return (text){out, n};
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

// "<0x41>" is 0x41; -1: no name of a byte.
static int byte_named(text t) {
    if (t.n != 6 || memcmp(t.p, "<0x", 3) != 0 || t.p[5] != '>') return -1;
    int high = hex_digit(t.p[3]), low = hex_digit(t.p[4]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

// A run of byte tokens: its text, or U+FFFD for each of them when it is not UTF-8.
static void pass_run(tokenizer_stream *s, size_t k) {
    stage *g = &s->stages[k];
    if (!g->has_held) return;
    text x = take_held(s, g);
    size_t bad_at;
    if (unicode_is_utf8(x.p, x.n, &bad_at)) {
        pass(s, k + 1, x);
        return;
    }
    for (size_t i = 0; i < x.n; i++) pass(s, k + 1, (text){replacement, 3});
}

// --- what a step makes of one token

static text cleaned(arena *a, text x) {
    static const struct {
        const char *what, *by;
    } rules[] = {{" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
                 {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
                 {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        x = text_replace(a, x, (text){rules[i].what, strlen(rules[i].what)},
                         (text){rules[i].by, strlen(rules[i].by)});
    return x;
}

static text replaced(const decoder_step *d, tokenizer_stream *s, text x) {
    ranges found = {0};
    size_t at = 0, n = x.n;
    uint64_t made;
    bool ok = regex_find(d->re, x.p, x.n, &found) && mul_u64(found.count, d->content.n, &made) &&
              text_take(&s->budget, made);
    s->too_much |= !ok;
    if (ok && found.count && x.n) {
        char *out = arena_alloc(s->a, x.n + found.count * d->content.n + 1);
        for (size_t i = n = 0; i <= found.count; i++) {
            size_t until = i < found.count ? found.items[i].begin : x.n;
            memcpy(out + n, x.p + at, until - at);
            n += until - at;
            if (i == found.count) break;
            if (d->content.n) memcpy(out + n, d->content.p, d->content.n);
            n += d->content.n;
            at = found.items[i].end;
        }
        x = (text){out, n};
    }
    vec_free(&found);
    return x;
}

static text stripped(const decoder_step *d, text x) {
    text c = d->content;
    for (int64_t i = 0; i < d->left && x.n && text_starts_with(x, c); i++)
        x = (text){x.p + c.n, x.n - c.n};
    for (int64_t i = 0; i < d->right && x.n >= c.n; i++) {
        if (memcmp(x.p + x.n - c.n, c.p, c.n) != 0) break;
        x.n -= c.n;
    }
    return x;
}

static text without_meta(const decoder_step *d, arena *a, text x, bool first) {
    char bytes[4];
    text c = {bytes, unicode_put(d->c, bytes)};
    bool away = first && d->prepend != PREPEND_NEVER;
    return text_replace(a, x, c, away ? (text){"", 0} : (text){" ", 1});
}

static text with_space(arena *a, text x) {
    char *p = arena_alloc(a, x.n + 2);
    p[0] = ' ';
    if (x.n) memcpy(p + 1, x.p, x.n);
    return (text){p, x.n + 1};
}

static text joined_word(const decoder_step *d, arena *a, text x, bool first) {
    if (!first && text_starts_with(x, d->content))
        x = (text){x.p + d->content.n, x.n - d->content.n};
    else if (!first)
        x = with_space(a, x);
    return d->cleanup ? cleaned(a, x) : x;
}

static text of_ctc(const decoder_step *d, arena *a, text x) {
    x = text_replace(a, x, d->content, (text){"", 0});
    return d->cleanup ? text_replace(a, cleaned(a, x), d->space, (text){" ", 1}) : x;
}

// --- a token through a stage

static void pass_ctc(tokenizer_stream *s, size_t k, const decoder_step *d, text x) {
    stage *g = &s->stages[k];
    bool same = g->count && g->last.count == x.n && (!x.n || !memcmp(g->last.items, x.p, x.n));
    if (same) return; // a repetition
    vec_reserve(&g->last, x.n + 1);
    if (x.n) memcpy(g->last.items, x.p, x.n);
    g->last.count = x.n;
    x = of_ctc(d, s->a, x);
    if (x.n) pass(s, k + 1, x);
}

// llama2.c's tokens are bytes. The first loses a space.
static void pass_raw(tokenizer_stream *s, size_t k, text x) {
    int byte = byte_named(x);
    char one = (char)byte;
    if (byte >= 0)
        x = (text){&one, 1};
    else if (s->stages[k].count == 0 && x.n && x.p[0] == ' ')
        x = (text){x.p + 1, x.n - 1};
    pass_bytes(s, k, x, false);
}

// Steps that look at one token, and at whether it is the first.
static text one_token(const decoder_step *d, tokenizer_stream *s, text x, bool first) {
    arena *a = s->a;
    switch (d->kind) {
    case DECODER_replace: return replaced(d, s, x);
    case DECODER_strip: return stripped(d, x);
    case DECODER_metaspace: return without_meta(d, a, x, first);
    case DECODER_wordpiece: return joined_word(d, a, x, first);
    case DECODER_ctc: return of_ctc(d, a, x);
    case DECODER_byte_level: return from_byte_level(a, x);
    case DECODER_spaces: return first ? x : with_space(a, x);
    default: return x;
    }
}

static void pass_discrete(tokenizer_stream *s, size_t k, const decoder_step *d, text x) {
    stage *g = &s->stages[k];
    int byte = d->kind == DECODER_byte_fallback ? byte_named(x) : -1;
    switch (d->kind) {
    case DECODER_bpe: // of the last token the suffix is nothing, of others a space
        if (g->has_held)
            pass(s, k + 1, text_replace(s->a, take_held(s, g), d->content, (text){" ", 1}));
        hold(g, x);
        break;
    case DECODER_byte_fallback:
        if (byte >= 0) {
            hold(g, (text){&(char){(char)byte}, 1});
            break;
        }
        pass_run(s, k);
        pass(s, k + 1, x);
        break;
    case DECODER_byte_level: pass_bytes(s, k, from_byte_level(s->a, x), false); break;
    case DECODER_ctc: pass_ctc(s, k, d, x); break;
    case DECODER_raw: pass_raw(s, k, x); break;
    default: pass(s, k + 1, one_token(d, s, x, g->count == 0));
    }
    g->count++;
}

// A part of the one token that everything is.
static void pass_fused(tokenizer_stream *s, size_t k, const decoder_step *d, text x) {
    stage *g = &s->stages[k];
    if (d->kind == DECODER_strip && d->right == 0) { // llama's: comes as it is made
        while (g->stripped < d->left && x.n && text_starts_with(x, d->content)) {
            x = (text){x.p + d->content.n, x.n - d->content.n};
            g->stripped++;
        }
        if (x.n) g->stripped = d->left;
        pass(s, k + 1, x);
    } else if (d->kind == DECODER_metaspace) {
        pass(s, k + 1, without_meta(d, s->a, x, true));
    } else if (d->kind == DECODER_fuse) {
        pass(s, k + 1, x);
    } else {
        hold(g, x);
    }
}

static void pass(tokenizer_stream *s, size_t k, text x) {
    if (!text_take(&s->budget, x.n)) {
        s->too_much = true;
        return;
    }
    if (k == s->t->decoders.count) {
        vec_reserve(&s->out, s->out.count + x.n + 1);
        if (x.n) memcpy(s->out.items + s->out.count, x.p, x.n);
        s->out.count += x.n;
        return;
    }
    const decoder_step *d = &s->t->decoders.items[k];
    if (d->fused)
        pass_fused(s, k, d, x);
    else
        pass_discrete(s, k, d, x);
}

static void end_stage(tokenizer_stream *s, size_t k) {
    const decoder_step *d = &s->t->decoders.items[k];
    stage *g = &s->stages[k];
    if (d->kind == DECODER_byte_level && d->fused && g->has_held)
        pass_bytes(s, k, from_byte_level(s->a, take_held(s, g)), true);
    else if (d->kind == DECODER_byte_level || d->kind == DECODER_raw)
        pass_bytes(s, k, (text){0}, true);
    else if (d->kind == DECODER_byte_fallback && d->fused && g->has_held &&
             byte_named(held_of(g)) >= 0)
        pass_bytes(s, k, (text){&(char){(char)byte_named(take_held(s, g))}, 1}, true);
    else if (d->kind == DECODER_byte_fallback && !d->fused)
        pass_run(s, k);
    else if (d->kind == DECODER_bpe && g->has_held)
        pass(s, k + 1, text_replace(s->a, take_held(s, g), d->content, (text){"", 0}));
    else if (g->has_held)
        pass(s, k + 1, one_token(d, s, take_held(s, g), true));
    g->count = 0;
    g->stripped = 0;
    vec_clear(&g->last);
}

// --- the stream

tokenizer_stream *tokenizer_stream_new(const tokenizer *t, bool specials) {
    tokenizer_stream *s = base_calloc(1, sizeof *s);
    s->t = t;
    s->specials = specials;
    s->stages = base_calloc(t->decoders.count + 1, sizeof *s->stages);
    return s;
}

void tokenizer_stream_free(tokenizer_stream *s) {
    if (!s) return;
    for (size_t i = 0; i < s->t->decoders.count; i++) {
        vec_free(&s->stages[i].held);
        vec_free(&s->stages[i].last);
    }
    free(s->stages);
    vec_free(&s->out);
    free(s);
}

static const char *given(tokenizer_stream *s, size_t *n) {
    *n = s->out.count;
    arena_free(s->a);
    s->a = NULL;
    vec_push(&s->out, 0);
    return s->out.items;
}

const char *tokenizer_stream_push(tokenizer_stream *s, int32_t id, size_t *n) {
    const tokenizer *t = s->t;
    vec_clear(&s->out);
    s->a = arena_new();
    bool known = tokenizer_token(t, id) != NULL;
    s->budget =
        (text_budget){budget_of("token", known ? t->tokens.items[id].text.n : 0), BUDGET_decoded};
    if (known && (s->specials || !t->tokens.items[id].special))
        pass(s, 0, t->tokens.items[id].text);
    else if (known && t->model == MODEL_LLAMA2C && id == t->bos)
        s->stages[0].count = 0; // a new text begins
    return given(s, n);
}

const char *tokenizer_stream_end(tokenizer_stream *s, size_t *n) {
    vec_clear(&s->out);
    s->a = arena_new();
    size_t held = 0;
    for (size_t k = 0; k < s->t->decoders.count; k++) held += s->stages[k].held.count;
    s->budget = (text_budget){budget_of("text", held), BUDGET_steps};
    for (size_t k = 0; k < s->t->decoders.count; k++) end_stage(s, k);
    return given(s, n);
}

const char *tokenizer_decode(const tokenizer *t, const int32_t *ids, size_t n, bool specials,
                             arena *a, size_t *bytes) {
    VEC(char) all = {0};
    tokenizer_stream *s = tokenizer_stream_new(t, specials);
    for (size_t i = 0; i <= n; i++) {
        size_t length;
        const char *p =
            i < n ? tokenizer_stream_push(s, ids[i], &length) : tokenizer_stream_end(s, &length);
        vec_reserve(&all, all.count + length + 1);
        memcpy(all.items + all.count, p, length);
        all.count += length;
    }
    if (bytes) *bytes = all.count;
    const char *result = arena_strn(a, all.items, all.count);
    vec_free(&all);
    tokenizer_stream_free(s);
    return result;
}

// --- opening

enum { HARMLESS = 16 }; // bytes made of one, which BUDGET_decoded always allows

// Steps that make more of every byte: is there a token of which they make too much?
bool tokenizer_check_decoding(const tokenizer *t, const char *path, diag_sink *diags) {
    uint64_t growth = 1;
    for (size_t i = 0; i < t->decoders.count; i++) {
        const decoder_step *d = &t->decoders.items[i];
        bool spreads = (d->kind == DECODER_bpe && d->content.n == 0) ||
                       (d->kind == DECODER_ctc && d->space.n == 0);
        uint64_t by = d->kind == DECODER_replace && d->content.n > 1 ? d->content.n : 1;
        if (!mul_u64(growth, spreads ? 2 : by, &growth)) growth = UINT64_MAX;
    }
    for (size_t id = 0; growth > HARMLESS && id < t->tokens.count; id++) {
        size_t n;
        tokenizer_stream *s = tokenizer_stream_new(t, true);
        tokenizer_stream_push(s, (int32_t)id, &n);
        tokenizer_stream_end(s, &n);
        bool ok = !s->too_much;
        tokenizer_stream_free(s);
        if (ok) continue;
        diag_emit(diags, DIAG_ID_tokenizer_format, DIAG_AT(path, "decoder"),
                  "its steps make too much of token %zu", id);
        return false;
    }
    return true;
}
