// BERT's vocab.txt: a token a line, the line's number its id; the rest is as BERT has it
// (BertNormalizer, BertPreTokenizer, WordPiece with "##", [CLS] text [SEP]). Of
// tokenizer_config.json beside it do_lower_case, strip_accents and tokenize_chinese_chars count;
// where it does not say, text becomes lower case if no token has a capital.
#include "tokenizer/read/json_access.h"
#include "tokenizer/text/unicode.h"

static const char *const specials[] = {"[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"};
enum { UNK, CLS, SEP };

// The next line without white space at its end; false: none.
static bool next_line(text file, size_t *at, text *line) {
    if (*at >= file.n) return false;
    const char *p = file.p + *at, *end = memchr(p, '\n', file.n - *at);
    *line = (text){p, end ? (size_t)(end - p) : file.n - *at};
    *at += line->n + 1;
    while (line->n && strchr(" \t\r\v\f", line->p[line->n - 1])) line->n--;
    return true;
}

static bool is(text line, const char *name) {
    return line.n == strlen(name) && memcmp(line.p, name, line.n) == 0;
}

bool tokenizer_is_word_list(text file) {
    size_t bad_at;
    if (file.n == 0 || memchr(file.p, 0, file.n)) return false;
    text line;
    for (size_t at = 0; next_line(file, &at, &line);)
        if (is(line, specials[UNK])) return unicode_is_utf8(file.p, file.n, &bad_at);
    return false;
}

static bool has_capital(text line) {
    for (size_t at = 0; at < line.n;) {
        int32_t c = unicode_next(line.p, line.n, &at), lower[2];
        if (unicode_lower(c, lower) > 1 || lower[0] != c) return true;
    }
    return false;
}

static bool is_special(text line) {
    for (size_t i = 0; i < ARRAY_LEN(specials); i++)
        if (is(line, specials[i])) return true;
    return line.n > 2 && line.p[0] == '[' && line.p[line.n - 1] == ']'; // [unused1]
}

static bool read_words(hf_reader *r, text file, bool *lowercase) {
    tokenizer *t = r->t;
    text line;
    *lowercase = true;
    for (size_t at = 0, id = 0; next_line(file, &at, &line); id++) {
        if (id >= TOKENIZER_MAX_ID) return hf_bad(r, NULL, "too many tokens");
        *lowercase = *lowercase && (is_special(line) || !has_capital(line));
        tokenizer_define(t, (int32_t)id, text_copy(t->memory, line));
    }
    return true;
}

static bool read_config(hf_reader *r, const char *path, normalizer_step *s) {
    bool ok = true;
    hf_reader at = {.t = r->t, .diags = r->diags};
    if (strcmp(path, "-") == 0) return true;
    json_t *config =
        tokenizer_config_beside(r->t, path, "tokenizer_config.json", &at.path, r->diags, &ok);
    if (!config) return ok;
    ok = hf_bool(&at, NULL, config, "do_lower_case", &s->lowercase);
    s->accents = s->lowercase;
    ok = ok && hf_bool(&at, NULL, config, "strip_accents", &s->accents) &&
         hf_bool(&at, NULL, config, "tokenize_chinese_chars", &s->chinese);
    json_decref(config);
    return ok;
}

bool tokenizer_read_word_list(tokenizer *t, text file, const char *path, diag_sink *diags) {
    hf_reader r = {.t = t, .path = path, .diags = diags};
    normalizer_step s = {.kind = NORMALIZER_bert, .clean = true, .chinese = true};
    if (!read_words(&r, file, &s.lowercase)) return false;
    s.accents = s.lowercase;
    if (!read_config(&r, path, &s)) return false;
    vec_push(&t->normalizers, s);
    vec_push(&t->pre_tokenizers, (pre_tokenizer_step){.kind = PRE_TOKENIZER_bert});
    vec_push(&t->decoders,
             (decoder_step){.kind = DECODER_wordpiece, .content = {"##", 2}, .cleanup = true});
    for (size_t i = 0; i < ARRAY_LEN(specials); i++) {
        text name = {specials[i], strlen(specials[i])};
        int32_t id = model_token(t, name);
        if (id < 0) continue;
        tokenizer_define_added(t, id, name, true);
        vec_push(&t->added, (added_token){.content = name, .id = id});
    }
    tokenizer_index_added(t);
    int32_t around[] = {model_token(t, (text){specials[CLS], strlen(specials[CLS])}), TEMPLATE_TEXT,
                        model_token(t, (text){specials[SEP], strlen(specials[SEP])})};
    for (size_t i = 0; i < ARRAY_LEN(around); i++)
        if (around[i] >= 0 || i == 1) vec_push(&t->template, around[i]);
    t->model = MODEL_WORDPIECE;
    t->unknown = model_token(t, (text){specials[UNK], strlen(specials[UNK])});
    t->unknown_name = specials[UNK];
    model_index_words(t, (text){"##", 2}, 100);
    return true;
}
