// The tokenizer as its users see it: opening files of every kind, and its tokens.
#include "tokenizer/tokenizer.h"
#include "support/file/file.h"
#include "tokenizer/anatomy.h"

static token *token_at(tokenizer *t, int32_t id) {
    CHECK(id >= 0 && id < TOKENIZER_MAX_ID, "token id %d", id);
    while (t->tokens.count <= (size_t)id) vec_push(&t->tokens, (token){0});
    return &t->tokens.items[id];
}

void tokenizer_define(tokenizer *t, int32_t id, text name) {
    token *k = token_at(t, id);
    if (!k->name) *k = (token){.name = name.p, .text = name};
    if (name.n && !memchr(name.p, 0, name.n)) map_set(t->vocabulary, name.p, (uint32_t)id);
}

void tokenizer_define_added(tokenizer *t, int32_t id, text name, bool special) {
    token *k = token_at(t, id);
    *k = (token){.name = name.p, .text = name, .special = k->special || special};
    map_set(t->added_names, name.p, (uint32_t)id);
}

static bool read_file(tokenizer *t, const char *path, const file_map *f, diag_sink *diags) {
    size_t at = 0;
    text file = {(const char *)f->data, f->bytes};
    while (at < file.n && strchr(" \t\r\n", file.p[at]) && file.p[at]) at++;
    bool is_json = at < file.n && file.p[at] == '{';
    if (!is_json && !tokenizer_is_word_list(file))
        return tokenizer_read_llama2c(t, file, f->name, diags);
    bool ok = is_json ? tokenizer_read_json(t, file, f->name, diags)
                      : tokenizer_read_word_list(t, file, f->name, diags);
    return ok && (strcmp(path, "-") == 0 || tokenizer_read_settings(t, path, diags));
}

tokenizer *tokenizer_open(const char *path, diag_sink *diags) {
    file_map f;
    if (!file_map_open(&f, path, diags)) return NULL;
    tokenizer *t = base_calloc(1, sizeof *t);
    t->memory = arena_new();
    t->vocabulary = map_new();
    t->added_names = map_new();
    t->bos = t->unknown = -1;
    bool ok = read_file(t, path, &f, diags) && tokenizer_check_decoding(t, f.name, diags);
    file_map_close(&f);
    if (ok) return t;
    tokenizer_free(t);
    return NULL;
}

void tokenizer_free(tokenizer *t) {
    if (!t) return;
    for (size_t i = 0; i < t->normalizers.count; i++) regex_free(t->normalizers.items[i].re);
    for (size_t i = 0; i < t->pre_tokenizers.count; i++) regex_free(t->pre_tokenizers.items[i].re);
    for (size_t i = 0; i < t->decoders.count; i++) regex_free(t->decoders.items[i].re);
    vec_free(&t->tokens);
    vec_free(&t->scores);
    vec_free(&t->added);
    vec_free(&t->normalizers);
    vec_free(&t->pre_tokenizers);
    vec_free(&t->decoders);
    vec_free(&t->template);
    vec_free(&t->ends);
    trie_free(t->added_plain);
    trie_free(t->added_normalized);
    trie_free(t->names);
    trie_free(t->inner);
    merge_table_free(t->merges);
    map_free(t->vocabulary);
    map_free(t->added_names);
    arena_free(t->memory);
    free(t);
}

// --- tokens

int32_t tokenizer_size(const tokenizer *t) { return (int32_t)t->tokens.count; }

int32_t tokenizer_token_id(const tokenizer *t, const char *name) {
    uint32_t id = map_get(t->added_names, name);
    if (id == MAP_NONE) id = map_get(t->vocabulary, name);
    return id == MAP_NONE ? -1 : (int32_t)id;
}

const char *tokenizer_token(const tokenizer *t, int32_t id) {
    return id >= 0 && (size_t)id < t->tokens.count ? t->tokens.items[id].name : NULL;
}

bool tokenizer_is_special(const tokenizer *t, int32_t id) {
    return tokenizer_token(t, id) && t->tokens.items[id].special;
}

int32_t tokenizer_bos(const tokenizer *t) { return t->bos; }

bool tokenizer_is_end(const tokenizer *t, int32_t id) {
    for (size_t i = 0; i < t->ends.count; i++)
        if (t->ends.items[i] == id) return true;
    return false;
}

bool tokenizer_begins(const tokenizer *t) {
    return t->bos >= 0 && t->template.count && t->template.items[0] == t->bos;
}
