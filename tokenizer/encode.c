// Encoding: added tokens, normalizers, pre-tokenizers, the model on every piece, the template.
#include "tokenizer/anatomy.h"
#include "tokenizer/text/unicode.h"
#include <stdio.h>

// --- what models share

int32_t model_token(const tokenizer *t, text name) {
    char small[64], *copy = small;
    if (name.n == 0 || memchr(name.p, 0, name.n)) return -1;
    if (name.n >= sizeof small) copy = base_alloc(name.n + 1);
    memcpy(copy, name.p, name.n);
    copy[name.n] = 0;
    uint32_t id = map_get(t->vocabulary, copy);
    if (copy != small) free(copy);
    return id == MAP_NONE ? -1 : (int32_t)id;
}

bool model_push_bytes(const tokenizer *t, text bytes, size_t begin, bool whole, word_tokens *out) {
    size_t from = out->count;
    for (size_t i = 0; i < bytes.n; i++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", (uint8_t)bytes.p[i]);
        uint32_t id = map_get(t->vocabulary, name);
        if (id == MAP_NONE) {
            out->count = from;
            return false;
        }
        word_token x = {(int32_t)id, begin + i, begin + i + 1};
        if (whole) x = (word_token){(int32_t)id, begin, begin + bytes.n};
        vec_push(out, x);
    }
    return true;
}

static void encode_word(const tokenizer *t, text word, word_tokens *out) {
    switch (t->model) {
    case MODEL_BPE: bpe_encode(t, word, out); break;
    case MODEL_WORDPIECE: wordpiece_encode(t, word, out); break;
    case MODEL_UNIGRAM: unigram_encode(t, word, out); break;
    case MODEL_WORDLEVEL: wordlevel_encode(t, word, out); break;
    case MODEL_LLAMA2C: CHECK(false, "llama2.c's texts are not cut into words");
    }
}

// --- one text

typedef struct {
    const tokenizer *t;
    tokenizer_ids *ids;
    tokenizer_spans *spans; // NULL: not asked for
    size_t first;           // index of the text's first id
    diag_sink *diags;
} sink;

static void push(const sink *s, int32_t id, size_t begin, size_t end) {
    vec_push(s->ids, id);
    if (s->spans) vec_push(s->spans, (tokenizer_span){begin, end});
}

// Bytes of white space at the beginning of p, in byte-level spelling too, and how many characters.
static size_t leading_space(text p, size_t *characters) {
    size_t bytes = 0;
    *characters = 0;
    for (size_t at = 0, from = 0; at < p.n; from = at, ++*characters) {
        int32_t c = unicode_next(p.p, p.n, &at);
        if (c != unicode_of_byte(' ') && !unicode_is_space(c)) break;
        bytes += c == unicode_of_byte(' ') ? 1 : at - from;
    }
    return bytes;
}

static size_t trailing_space(text p) {
    size_t bytes = 0;
    for (size_t end = p.n; end > 0;) {
        size_t begin = unicode_before(p.p, end), at = begin;
        int32_t c = unicode_next(p.p, p.n, &at);
        if (c != unicode_of_byte(' ') && !unicode_is_space(c)) break;
        bytes += c == unicode_of_byte(' ') ? 1 : end - begin;
        end = begin;
    }
    return bytes;
}

// White space at the ends of a token is not part of its span, but for the one space that was put in
// front of a text.
static void trim(const sink *s, text spelling, size_t *begin, size_t *end) {
    size_t characters, leading = leading_space(spelling, &characters);
    size_t trailing = trailing_space(spelling);
    bool first = s->ids->count == s->first || *begin == 0;
    if (first && s->t->trim_prefix && characters == 1) leading = 0;
    *begin = *begin + leading < *end ? *begin + leading : *end;
    if (trailing && *end >= trailing) *end = *end - trailing > *begin ? *end - trailing : *begin;
}

static bool push_word(const sink *s, traced p, word_tokens *word) {
    const tokenizer *t = s->t;
    vec_clear(word);
    encode_word(t, (text){p.p, p.n}, word);
    for (size_t i = 0; i < word->count; i++) {
        word_token x = word->items[i];
        if (x.begin > p.n) x.begin = p.n;
        if (x.end > p.n) x.end = p.n;
        size_t begin = x.begin < p.n ? p.from[x.begin].begin : 0;
        size_t end = x.end > x.begin ? p.from[x.end - 1].end : begin;
        if (x.id < 0) {
            diag_emit(s->diags, DIAG_ID_tokenizer_text, DIAG_NOWHERE,
                      "no token stands for '%.*s' at byte %zu, and the file's unknown token%s%s%s "
                      "is no token of its model either",
                      (int)(x.end - x.begin < 40 ? x.end - x.begin : 40), p.p + x.begin, begin,
                      t->unknown_name ? " '" : "", t->unknown_name ? t->unknown_name : "",
                      t->unknown_name ? "'" : "");
            return false;
        }
        text spelling = t->tokens.items[x.id].text;
        if (t->model == MODEL_UNIGRAM) spelling = (text){p.p + x.begin, x.end - x.begin};
        if (t->trim) trim(s, spelling, &begin, &end);
        push(s, x.id, begin, end);
    }
    return true;
}

// llama2.c knows no steps, and takes bytes that are no UTF-8.
static bool encode_raw(const sink *s, text in) {
    word_tokens tokens = {0};
    llama2c_encode(s->t, in, &tokens);
    for (size_t i = 0; i < tokens.count; i++)
        push(s, tokens.items[i].id, tokens.items[i].begin, tokens.items[i].end);
    vec_free(&tokens);
    return true;
}

static bool encode_text(const sink *s, text in) {
    const tokenizer *t = s->t;
    arena *a = arena_new();
    pieces p = {0};
    word_tokens word = {0};
    traced whole = traced_of(a, in);
    vec_push(&p, (piece){whole, 0, -1});
    split_added(&t->added, t->added_plain, &p);
    text_budget b = {budget_of("text", in.n), BUDGET_steps};
    bool ok = true;
    for (size_t i = 0; ok && i < p.count; i++) {
        if (p.items[i].added_id < 0)
            ok = normalize(t->normalizers.items, t->normalizers.count, &b, a, &p.items[i].text);
    }
    if (ok) split_added(&t->added, t->added_normalized, &p);
    ok = ok && pre_tokenize(t->pre_tokenizers.items, t->pre_tokenizers.count, &b, a, &p);
    char why[BUDGET_TEXT] = "a pattern takes too long on this text";
    if (!ok && !text_take(&b, 0)) budget_spent(&b.all, b.kind, why);
    if (!ok) diag_emit(s->diags, DIAG_ID_tokenizer_text, DIAG_NOWHERE, "the tokenizer: %s", why);
    for (size_t i = 0; ok && i < p.count; i++) {
        traced x = p.items[i].text;
        if (p.items[i].added_id < 0) {
            ok = push_word(s, x, &word);
            continue;
        }
        size_t begin = x.from[0].begin, end = x.from[x.n - 1].end;
        if (t->trim) trim(s, (text){x.p, x.n}, &begin, &end);
        push(s, p.items[i].added_id, begin, end);
    }
    vec_free(&word);
    vec_free(&p);
    arena_free(a);
    return ok;
}

// --- with what is put around it

// The template as it is asked for: ids and TEMPLATE_TEXT.
static void frame_of(const tokenizer *t, tokenizer_around around, tokenizer_ids *out) {
    for (size_t i = 0; i < t->template.count; i++) {
        int32_t id = t->template.items[i];
        if (id == TEMPLATE_TEXT || around != TOKENIZER_BARE) vec_push(out, id);
    }
    int32_t bos = t->bos >= 0 ? t->bos : tokenizer_likely_bos(t);
    bool has = bos >= 0 && out->count && out->items[0] == bos;
    if (around == TOKENIZER_NO_BOS && has) {
        out->count--;
        memmove(out->items, out->items + 1, out->count * sizeof *out->items);
    } else if (around == TOKENIZER_BOS && !has && bos >= 0) {
        vec_push(out, 0);
        memmove(out->items + 1, out->items, (out->count - 1) * sizeof *out->items);
        out->items[0] = bos;
    }
}

bool tokenizer_encode(const tokenizer *t, const char *p, size_t n, tokenizer_around around,
                      tokenizer_ids *ids, tokenizer_spans *spans, diag_sink *diags) {
    sink s = {t, ids, spans, 0, diags};
    size_t bad_at, from = ids->count, from_span = spans ? spans->count : 0;
    if (t->model != MODEL_LLAMA2C && !unicode_is_utf8(p, n, &bad_at)) {
        diag_emit(diags, DIAG_ID_tokenizer_text, DIAG_NOWHERE, "the text is not UTF-8 at byte %zu",
                  bad_at);
        return false;
    }
    if (n >= INT32_MAX / 4) {
        diag_emit(diags, DIAG_ID_tokenizer_text, DIAG_NOWHERE, "the text is too long: %zu bytes",
                  n);
        return false;
    }
    tokenizer_ids frame = {0};
    frame_of(t, around, &frame);
    bool ok = true;
    for (size_t i = 0; ok && i < frame.count; i++) {
        s.first = ids->count;
        if (frame.items[i] == TEMPLATE_TEXT)
            ok = t->model == MODEL_LLAMA2C ? encode_raw(&s, (text){p, n})
                                           : encode_text(&s, (text){p, n});
        else
            push(&s, frame.items[i], 0, 0);
    }
    if (!ok) {
        ids->count = from;
        if (spans) spans->count = from_span;
    }
    vec_free(&frame);
    return ok;
}
