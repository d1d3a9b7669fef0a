// llama2.c's tokenizer.bin and its rules (karpathy/llama2.c, run.c: build_tokenizer, encode,
// decode).
//
//   i32 max_token_length, then per token: f32 score, i32 length, bytes. Little endian, no count:
//   the file's end ends the list.
//
// Encoding: a space in front, characters to tokens, unknown characters as bytes (token 3 + byte),
// then merges by highest score. Tokens 0, 1, 2 are unknown, BOS, EOS.
#include "support/file/bytes.h"
#include "tokenizer/parts.h"
#include <math.h>

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
        tokenizer_define(t, id, arena_strn(t->memory, (const char *)name, length));
        vec_push(&t->scores, score);
    }
    if (t->tokens.count < FIRST_TEXT)
        return bad(diags, path, f.n, "the file ends before the 256 tokens of single bytes");
    t->is_llama2c = true;
    for (int32_t id = UNKNOWN; id <= EOS; id++) t->tokens.items[id].special = id != UNKNOWN;
    t->bos = BOS;
    t->eos = EOS;
    t->strip_start = 1;
    vec_push(&t->decode, (decode_step){.kind = DECODE_BYTE_FALLBACK});
    return true;
}

typedef struct {
    const tokenizer *t;
    VEC(char) joined;
} join_context;

static bool lookup(const void *ctx, int32_t left, int32_t right, double *key, int32_t *merged) {
    join_context *j = (join_context *)ctx; // scratch memory only
    const char *l = j->t->tokens.items[left].name, *r = j->t->tokens.items[right].name;
    size_t nl = strlen(l), nr = strlen(r);
    vec_reserve(&j->joined, nl + nr + 1);
    memcpy(j->joined.items, l, nl);
    memcpy(j->joined.items + nl, r, nr + 1);
    uint32_t id = map_get(j->t->vocabulary, j->joined.items);
    if (id == MAP_NONE) return false;
    *key = -(double)j->t->scores.items[id]; // best score first
    *merged = (int32_t)id;
    return true;
}

void tokenizer_encode_llama2c(const tokenizer *t, text in, tokenizer_ids *ids) {
    size_t from = ids->count;
    int32_t space = tokenizer_token_id(t, " ");
    if (in.n && space >= 0) vec_push(ids, space);
    for (size_t at = 0; at < in.n;) {
        char one[5] = "";
        size_t n = text_char_bytes(in.p + at, in.n - at);
        memcpy(one, in.p + at, n);
        int32_t id = *one ? tokenizer_token_id(t, one) : -1;
        if (id >= 0) {
            vec_push(ids, id);
        } else {
            for (size_t i = 0; i < n; i++) vec_push(ids, FIRST_BYTE + (uint8_t)one[i]);
        }
        at += n;
    }
    join_context j = {.t = t};
    bpe_merge(ids, from, lookup, &j);
    vec_free(&j.joined);
}
