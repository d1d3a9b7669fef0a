// Encoding with a tokenizer.json: the text is cut into pieces (added tokens, then what the
// pre-tokenizer leaves), and every piece of text goes through byte-pair merging on its own.
#include "tokenizer/parts.h"
#include <utf8proc.h>

// --- added tokens

static bool is_word_char(utf8proc_int32_t c) { // \w: letters, marks, decimal digits, connectors
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC: return true;
    default: return false;
    }
}

static utf8proc_int32_t char_at(text t, size_t at, size_t *n) {
    utf8proc_int32_t c;
    *n = (size_t)utf8proc_iterate((const utf8proc_uint8_t *)t.p + at, (utf8proc_ssize_t)(t.n - at),
                                  &c);
    return c;
}

static size_t char_before(text t, size_t at) { // at > 0: where the character before it starts
    do at--;
    while (at > 0 && ((uint8_t)t.p[at] & 0xc0) == 0x80);
    return at;
}

static bool stands_alone(text t, size_t begin, size_t end) {
    size_t n;
    if (begin > 0 && is_word_char(char_at(t, char_before(t, begin), &n))) return false;
    return end == t.n || !is_word_char(char_at(t, end, &n));
}

// The longest added token of this kind that starts here.
static const added_token *match_at(const tokenizer *t, bool normalized, text in, size_t at) {
    for (size_t i = 0; i < t->added.count; i++) { // longest first
        const added_token *k = &t->added.items[i];
        if (k->normalized == normalized && k->content.n && k->content.n <= in.n - at &&
            memcmp(in.p + at, k->content.p, k->content.n) == 0)
            return k;
    }
    return NULL;
}

static void first_bytes(const tokenizer *t, bool normalized, bool first[256]) {
    memset(first, 0, 256 * sizeof *first);
    for (size_t i = 0; i < t->added.count; i++) {
        const added_token *k = &t->added.items[i];
        if (k->normalized == normalized && k->content.n) first[(uint8_t)k->content.p[0]] = true;
    }
}

static void split_added(const tokenizer *t, bool normalized, pieces *p) {
    bool first[256];
    first_bytes(t, normalized, first);
    pieces out = {0};
    for (size_t i = 0; i < p->count; i++) {
        piece whole = p->items[i];
        text in = whole.text;
        size_t done = 0; // everything before is in `out`
        for (size_t at = 0; whole.added_id < 0 && at < in.n;) {
            const added_token *k =
                first[(uint8_t)in.p[at]] ? match_at(t, normalized, in, at) : NULL;
            if (!k) {
                at++;
                continue;
            }
            size_t begin = at, end = at + k->content.n, n;
            at = end;
            if (k->single_word && !stands_alone(in, begin, end)) continue;
            while (k->lstrip && begin > done &&
                   text_is_space(char_at(in, char_before(in, begin), &n)))
                begin = char_before(in, begin);
            while (k->rstrip && end < in.n && text_is_space(char_at(in, end, &n))) end += n;
            if (begin > done)
                vec_push(&out,
                         (piece){{in.p + done, begin - done}, whole.at_start && done == 0, -1});
            vec_push(&out, (piece){{in.p + begin, end - begin}, false, k->id});
            at = done = end;
        }
        if (whole.added_id >= 0) {
            vec_push(&out, whole);
        } else if (done < in.n) {
            vec_push(&out, (piece){{in.p + done, in.n - done}, whole.at_start && done == 0, -1});
        }
    }
    vec_free(p);
    *p = out;
}

// --- the model

static int32_t token_of(const tokenizer *t, const char *p, size_t n, arena *a) {
    if (memchr(p, 0, n)) return -1;
    char small[64];
    if (n >= sizeof small) return tokenizer_token_id(t, arena_strn(a, p, n));
    memcpy(small, p, n);
    small[n] = 0;
    return tokenizer_token_id(t, small);
}

// Pushes the tokens "<0xNN>" of a character's bytes; false (and none) when one is missing.
static bool push_bytes(const tokenizer *t, const char *p, size_t n, tokenizer_ids *ids) {
    size_t from = ids->count;
    for (size_t i = 0; i < n; i++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", (uint8_t)p[i]);
        int32_t id = tokenizer_token_id(t, name);
        if (id < 0) {
            ids->count = from;
            return false;
        }
        vec_push(ids, id);
    }
    return true;
}

static void encode_word(const tokenizer *t, text word, arena *a, tokenizer_ids *ids) {
    if (t->ignore_merges) {
        int32_t id = token_of(t, word.p, word.n, a);
        if (id >= 0) {
            vec_push(ids, id);
            return;
        }
    }
    size_t from = ids->count;
    bool unknown = false; // one unknown token is due; it waits for more to fuse with
    for (size_t at = 0, n; at < word.n; at += n) {
        n = text_char_bytes(word.p + at, word.n - at);
        int32_t id = token_of(t, word.p + at, n, a);
        if (id < 0 && t->byte_fallback && push_bytes(t, word.p + at, n, ids)) continue;
        if (id < 0 && t->unknown < 0) continue;
        if (unknown && (id >= 0 || !t->fuse_unknown)) vec_push(ids, t->unknown);
        unknown = id < 0;
        if (id >= 0) vec_push(ids, id);
    }
    if (unknown) vec_push(ids, t->unknown);
    bpe_merge(ids, from, merge_table_lookup, t->merges);
}

// --- all together

static bool is_utf8(text t, size_t *bad_at) {
    for (size_t at = 0; at < t.n;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t n =
            utf8proc_iterate((const utf8proc_uint8_t *)t.p + at, (utf8proc_ssize_t)(t.n - at), &c);
        if (n <= 0) {
            *bad_at = at;
            return false;
        }
        at += (size_t)n;
    }
    return true;
}

bool tokenizer_encode_pieces(const tokenizer *t, text in, tokenizer_ids *ids, diag_sink *diags) {
    size_t bad_at;
    if (!is_utf8(in, &bad_at)) {
        diag_emit(diags, DIAG_ID_tokenizer_text, DIAG_NOWHERE, "the text is not UTF-8 at byte %zu",
                  bad_at);
        return false;
    }
    if (in.n >= INT32_MAX / 4) {
        diag_emit(diags, DIAG_ID_tokenizer_text, DIAG_NOWHERE, "the text is too long: %zu bytes",
                  in.n);
        return false;
    }
    arena *a = arena_new();
    pieces p = {0};
    vec_push(&p, (piece){in, true, -1});
    split_added(t, false, &p);
    text_budget b = {budget_of("text", in.n), BUDGET_steps};
    bool ok = true;
    for (size_t i = 0; ok && i < p.count; i++) {
        if (p.items[i].added_id < 0)
            ok = text_normalize(t->normalize.items, t->normalize.count, &b, a, &p.items[i].text);
    }
    if (ok) split_added(t, true, &p);
    ok = ok && text_split(t->split.items, t->split.count, &b, a, &p);
    for (size_t i = 0; ok && i < p.count; i++) {
        if (p.items[i].added_id >= 0) {
            vec_push(ids, p.items[i].added_id);
        } else {
            encode_word(t, p.items[i].text, a, ids);
        }
    }
    char why[BUDGET_TEXT] = "a pattern takes too long on this text";
    if (!ok && !text_take(&b, 0)) budget_spent(&b.all, b.kind, why);
    if (!ok) diag_emit(diags, DIAG_ID_tokenizer_text, DIAG_NOWHERE, "the tokenizer: %s", why);
    vec_free(&p);
    arena_free(a);
    return ok;
}
