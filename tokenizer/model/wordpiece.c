// WordPiece (BERT): from the left, the longest name each time; a word that does not come out even,
// or is too long, is unknown as a whole. WordLevel: the word is a name or unknown.
#include "tokenizer/anatomy.h"

// Names by their beginning; with `prefix` those that begin with it, without it.
trie *model_names(const tokenizer *t, text prefix) {
    size_t count = map_count(t->vocabulary), n = 0;
    trie_entry *entries = base_alloc((count + 1) * sizeof *entries);
    for (size_t i = 0; i < count; i++) {
        const char *key = map_key(t->vocabulary, i);
        text name = {key, strlen(key)};
        if (name.n <= prefix.n || !text_starts_with(name, prefix)) continue;
        entries[n++] = (trie_entry){{name.p + prefix.n, name.n - prefix.n},
                                    (int32_t)map_get(t->vocabulary, key)};
    }
    trie *out = trie_new(entries, n);
    free(entries);
    return out;
}

void model_index_words(tokenizer *t, text prefix, int64_t longest) {
    t->prefix = prefix;
    t->longest_word = longest;
    t->names = model_names(t, (text){0});
    t->inner = model_names(t, prefix);
}

static size_t count_characters(text t) {
    size_t n = 0;
    for (size_t i = 0; i < t.n; i++) n += ((uint8_t)t.p[i] & 0xc0) != 0x80;
    return n;
}

void wordpiece_encode(const tokenizer *t, text word, word_tokens *out) {
    size_t from = out->count, at = 0;
    bool good = (int64_t)count_characters(word) <= t->longest_word;
    while (good && at < word.n) {
        size_t n = 0;
        int32_t id = trie_longest(at ? t->inner : t->names, word.p + at, word.n - at, &n);
        good = id >= 0;
        if (good) vec_push(out, (word_token){id, at, at + n});
        at += n;
    }
    if (good) return;
    out->count = from;
    vec_push(out, (word_token){t->unknown, 0, word.n});
}

void wordlevel_encode(const tokenizer *t, text word, word_tokens *out) {
    int32_t id = model_token(t, word);
    vec_push(out, (word_token){id >= 0 ? id : t->unknown, 0, word.n});
}
