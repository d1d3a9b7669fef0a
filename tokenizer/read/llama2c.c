// llama2.c's tokenizer.bin and its rules (karpathy/llama2.c, run.c: build_tokenizer, encode,
// decode).
//
//   i32 max_token_length, then per token: f32 score, i32 length, bytes. Little endian, no count:
//   the file's end ends the list.
//
// Encoding: a space in front, characters to tokens, unknown characters as bytes (token 3 + byte),
// then merges by highest score. Tokens 0, 1, 2 are unknown, BOS, EOS.
#include "support/file/bytes.h"
#include "tokenizer/anatomy.h"
#include <math.h>
#include <utf8proc.h>

enum { UNKNOWN = 0, BOS = 1, EOS = 2, FIRST_BYTE = 3, FIRST_TEXT = FIRST_BYTE + 256 };
enum { MAX_TOKEN_BYTES = 1 << 16 };

static bool bad(diag_sink *diags, const char *path, size_t offset, const char *what) {
    char where[48];
    snprintf(where, sizeof where, "offset %zu", offset);
    diag_emit(diags, DIAG_ID_tokenizer_format, DIAG_AT(path, where), "%s", what);
    return false;
}

bool tokenizer_read_llama2c(tokenizer *t, text f, const char *path, diag_sink *diags) {
    bytes_in in = bytes_in_of(f.p, f.n);
    uint32_t longest = bytes_get32(&in);
    if (!in.ok || longest == 0 || longest > MAX_TOKEN_BYTES)
        return bad(diags, path, 0, "neither a tokenizer.json nor a llama2.c tokenizer");
    while (in.at != in.end) {
        size_t at = f.n - (size_t)(in.end - in.at);
        uint32_t bits = bytes_get32(&in), length = bytes_get32(&in);
        float score;
        memcpy(&score, &bits, 4);
        if (!in.ok) return bad(diags, path, at, "the file ends inside a token");
        if (t->tokens.count == TOKENIZER_MAX_ID) return bad(diags, path, at, "too many tokens");
        if (!isfinite(score)) return bad(diags, path, at, "a score is not finite");
        const uint8_t *name = length > MAX_TOKEN_BYTES ? NULL : bytes_get(&in, length);
        at += 8;
        if (!name) return bad(diags, path, at, "a token is longer than the file");
        if (memchr(name, 0, length)) return bad(diags, path, at, "a token contains NUL");
        int32_t id = (int32_t)t->tokens.count;
        tokenizer_define(t, id, text_copy(t->memory, (text){(const char *)name, length}));
        vec_push(&t->scores, score);
    }
    if (t->tokens.count < FIRST_TEXT)
        return bad(diags, path, f.n, "the file ends before the 256 tokens of single bytes");
    t->model = MODEL_LLAMA2C;
    for (int32_t id = UNKNOWN; id <= EOS; id++) t->tokens.items[id].special = id != UNKNOWN;
    t->bos = BOS;
    vec_push(&t->ends, EOS); // its program stops at both
    vec_push(&t->ends, BOS);
    t->bos_is_set = t->ends_are_set = true;
    vec_push(&t->template, BOS);
    vec_push(&t->template, TEMPLATE_TEXT);
    vec_push(&t->decoders, (decoder_step){.kind = DECODER_raw});
    return true;
}

// Length of the UTF-8 character at p (n > 0 bytes follow); 1 for a byte that starts none.
static size_t character_bytes(const char *p, size_t n) {
    utf8proc_int32_t c;
    utf8proc_ssize_t k = utf8proc_iterate((const utf8proc_uint8_t *)p, (utf8proc_ssize_t)n, &c);
    return k > 0 ? (size_t)k : 1;
}

typedef struct {
    const tokenizer *t;
    VEC(char) joined;
} join_context;

static bool lookup(const void *ctx, int32_t left, int32_t right, double *key, int32_t *merged) {
    join_context *j = (join_context *)ctx; // scratch memory only
    text l = j->t->tokens.items[left].text, r = j->t->tokens.items[right].text;
    vec_reserve(&j->joined, l.n + r.n + 1);
    memcpy(j->joined.items, l.p, l.n);
    memcpy(j->joined.items + l.n, r.p, r.n);
    *merged = model_token(j->t, (text){j->joined.items, l.n + r.n});
    if (*merged < 0) return false;
    *key = -j->t->scores.items[*merged]; // best score first
    return true;
}

void llama2c_encode(const tokenizer *t, text in, word_tokens *out) {
    size_t from = out->count;
    int32_t space = tokenizer_token_id(t, " ");
    if (in.n && space >= 0) vec_push(out, (word_token){space, 0, 0});
    for (size_t at = 0; at < in.n;) {
        text one = {in.p + at, character_bytes(in.p + at, in.n - at)};
        int32_t id = model_token(t, one);
        if (id >= 0) vec_push(out, (word_token){id, at, at + one.n});
        for (size_t i = 0; id < 0 && i < one.n; i++)
            vec_push(out, (word_token){FIRST_BYTE + (uint8_t)one.p[i], at + i, at + i + 1});
        at += one.n;
    }
    join_context j = {.t = t};
    bpe_merge(out, from, lookup, &j);
    vec_free(&j.joined);
}
