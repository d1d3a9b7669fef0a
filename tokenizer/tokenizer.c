// The tokenizer as its users see it: opening, encoding, streaming decode.
#include "tokenizer/tokenizer.h"
#include "support/file/file.h"
#include "support/file/json.h"
#include "support/file/quote.h"
#include "tokenizer/parts.h"
#include <utf8proc.h>

// --- opening

void tokenizer_define(tokenizer *t, int32_t id, const char *name) {
    CHECK(id >= 0 && id < TOKENIZER_MAX_ID, "token id %d", id);
    while (t->tokens.count <= (size_t)id) vec_push(&t->tokens, (token){0});
    token *k = &t->tokens.items[id];
    if (!k->name) k->name = k->text = name;
    map_add(t->vocabulary, name, (uint32_t)id);
}

// "bos_token": "<s>" or {"content": "<s>", ...} or null (there is none).
static void read_config_token(const tokenizer *t, const json_t *config, const char *key,
                              int32_t *id) {
    json_t *v = json_object_get(config, key);
    if (!v) return;
    if (json_is_object(v)) v = json_object_get(v, "content");
    *id = json_is_string(v) ? tokenizer_token_id(t, json_string_value(v)) : -1;
}

static bool read_config_beside(tokenizer *t, const char *path, diag_sink *diags) {
    file_map f;
    bool absent;
    if (!file_map_beside(&f, t->memory, path, "tokenizer_config.json", &absent, diags))
        return false;
    if (absent) return true;
    json_t *config = json_file_parse(f.data, f.bytes, f.name, diags);
    file_map_close(&f);
    if (!config) return false;
    read_config_token(t, config, "bos_token", &t->bos);
    read_config_token(t, config, "eos_token", &t->eos);
    json_decref(config);
    return true;
}

void tokenizer_free(tokenizer *t) {
    if (!t) return;
    for (size_t i = 0; i < t->normalize.count; i++) regex_free(t->normalize.items[i].re);
    for (size_t i = 0; i < t->split.count; i++) regex_free(t->split.items[i].re);
    for (size_t i = 0; i < t->decode.count; i++) regex_free(t->decode.items[i].re);
    vec_free(&t->tokens);
    vec_free(&t->scores);
    vec_free(&t->added);
    vec_free(&t->normalize);
    vec_free(&t->split);
    vec_free(&t->decode);
    vec_free(&t->before);
    vec_free(&t->behind);
    merge_table_free(t->merges);
    map_free(t->vocabulary);
    arena_free(t->memory);
    free(t);
}

int32_t tokenizer_bos(const tokenizer *t) { return t->bos; }
int32_t tokenizer_eos(const tokenizer *t) { return t->eos; }
int32_t tokenizer_size(const tokenizer *t) { return (int32_t)t->tokens.count; }

int32_t tokenizer_token_id(const tokenizer *t, const char *name) {
    uint32_t id = map_get(t->vocabulary, name);
    return id == MAP_NONE ? -1 : (int32_t)id;
}

const char *tokenizer_token(const tokenizer *t, int32_t id) {
    return id >= 0 && (size_t)id < t->tokens.count ? t->tokens.items[id].name : NULL;
}

bool tokenizer_is_special(const tokenizer *t, int32_t id) {
    return tokenizer_token(t, id) && t->tokens.items[id].special;
}

// --- encoding

bool tokenizer_encode(const tokenizer *t, const char *in, size_t n, bool add_bos,
                      tokenizer_ids *ids, diag_sink *diags) {
    size_t from = ids->count;
    if (add_bos && t->has_template) {
        for (size_t i = 0; i < t->before.count; i++) vec_push(ids, t->before.items[i]);
    } else if (add_bos && t->bos >= 0) {
        vec_push(ids, t->bos);
    }
    if (t->is_llama2c) {
        tokenizer_encode_llama2c(t, (text){in, n}, ids);
    } else if (!tokenizer_encode_pieces(t, (text){in, n}, ids, diags)) {
        ids->count = from;
        return false;
    }
    for (size_t i = 0; add_bos && i < t->behind.count; i++) vec_push(ids, t->behind.items[i]);
    return true;
}

// --- decoding

static text from_byte_level(arena *a, text t) {
    char *out = arena_alloc(a, t.n + 1);
    size_t n = 0;
    for (size_t at = 0; at < t.n;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t step =
            utf8proc_iterate((const utf8proc_uint8_t *)t.p + at, (utf8proc_ssize_t)(t.n - at), &c);
        int byte = step <= 0 ? -1 : text_char_to_byte((uint32_t)c);
        if (byte < 0) return t; // an added token: not in byte-level spelling
        out[n++] = (char)byte;
        at += (size_t)step;
    }
    return (text){out, n};
}

static text from_byte_name(arena *a, text t) {
    if (t.n != 6 || memcmp(t.p, "<0x", 3) != 0 || t.p[5] != '>') return t;
    int high = quote_hex_digit(t.p[3]), low = quote_hex_digit(t.p[4]);
    if (high < 0 || low < 0) return t;
    char byte = (char)(high << 4 | low);
    return (text){arena_strn(a, &byte, 1), 1};
}

static text replace_all(arena *a, text t, text what, const char *by) {
    char *out = arena_alloc(a, t.n + 1); // `by` is never longer than `what`
    size_t n = 0, n_by = strlen(by);
    for (size_t at = 0; at < t.n;) {
        if (what.n && t.n - at >= what.n && memcmp(t.p + at, what.p, what.n) == 0) {
            memcpy(out + n, by, n_by);
            n += n_by;
            at += what.n;
        } else {
            out[n++] = t.p[at++];
        }
    }
    return (text){out, n};
}

static text strip_content(const decode_step *s, text t) {
    text c = s->content;
    for (int i = 0; i < s->left && c.n && t.n >= c.n && memcmp(t.p, c.p, c.n) == 0; i++)
        t = (text){t.p + c.n, t.n - c.n};
    for (int i = 0; i < s->right && c.n && t.n >= c.n && !memcmp(t.p + t.n - c.n, c.p, c.n); i++)
        t.n -= c.n;
    return t;
}

// The bytes that a token stands for; false when the steps make too much of it, which opening has
// seen (check_decoding).
static bool token_bytes(const tokenizer *t, int32_t id, bool first, arena *a, text *out) {
    const char *start = t->tokens.items[id].text;
    text x = {start, strlen(start)};
    text_budget b = {budget_of("token", x.n), BUDGET_decoded};
    bool ok = true;
    for (size_t i = 0; i < t->decode.count; i++) {
        const decode_step *s = &t->decode.items[i];
        switch (s->kind) {
        case DECODE_BYTE_LEVEL: x = from_byte_level(a, x); break;
        case DECODE_BYTE_FALLBACK: x = from_byte_name(a, x); break;
        case DECODE_REPLACE: ok = text_replace(s->re, s->content, &b, a, &x) && ok; break;
        case DECODE_METASPACE:
            x = replace_all(a, x, s->content, first && s->prepend != PREPEND_NEVER ? "" : " ");
            break;
        case DECODE_STRIP: x = strip_content(s, x); break;
        }
    }
    *out = x;
    return ok;
}

// ---- opening

enum { HARMLESS = 16 }; // bytes made of one, which BUDGET_decoded always allows

// Steps that make more of every byte: is there a token of which they make too much?
static bool check_decoding(const tokenizer *t, const char *path, diag_sink *diags) {
    uint64_t growth = 1;
    for (size_t i = 0; i < t->decode.count; i++) {
        const decode_step *s = &t->decode.items[i];
        if (s->kind == DECODE_REPLACE && s->content.n > 1 &&
            !mul_u64(growth, s->content.n, &growth))
            growth = UINT64_MAX;
    }
    for (size_t id = 0; growth > HARMLESS && id < t->tokens.count; id++) {
        if (!t->tokens.items[id].name) continue;
        arena *a = arena_new();
        text x;
        bool ok = token_bytes(t, (int32_t)id, false, a, &x);
        arena_free(a);
        if (ok) continue;
        diag_emit(diags, DIAG_ID_tokenizer_format, DIAG_AT(path, "decoder"),
                  "its steps make too much of token %zu", id);
        return false;
    }
    return true;
}

tokenizer *tokenizer_open(const char *path, diag_sink *diags) {
    file_map f;
    if (!file_map_open(&f, path, diags)) return NULL;
    tokenizer *t = base_calloc(1, sizeof *t);
    t->memory = arena_new();
    t->vocabulary = map_new();
    t->bos = t->eos = t->unknown = -1;
    size_t at = 0;
    text file = {(const char *)f.data, f.bytes};
    while (at < file.n && strchr(" \t\r\n", file.p[at]) && file.p[at]) at++;
    bool ok;
    if (at < file.n && file.p[at] == '{') {
        ok = tokenizer_read_json(t, file, f.name, diags) &&
             (strcmp(path, "-") == 0 || read_config_beside(t, path, diags));
    } else {
        ok = tokenizer_read_llama2c(t, file, f.name, diags);
    }
    ok = ok && check_decoding(t, f.name, diags);
    file_map_close(&f);
    if (ok) return t;
    tokenizer_free(t);
    return NULL;
}

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

static const char replacement[] = "\xef\xbf\xbd"; // U+FFFD

const char *tokenizer_decode_piece(const tokenizer *t, tokenizer_stream *s, int32_t id, arena *a) {
    if (!tokenizer_token(t, id)) return "";
    if (t->tokens.items[id].special) {
        if (t->is_llama2c && id == t->bos) s->started = false; // a new text begins
        return "";
    }
    bool first = !s->started;
    s->started = true;
    if (first) s->to_strip = t->strip_start;
    text x;
    token_bytes(t, id, first, a, &x);
    while (s->to_strip && x.n) {
        if (x.p[0] == ' ') {
            x = (text){x.p + 1, x.n - 1};
            s->to_strip--;
        } else {
            s->to_strip = 0;
        }
    }
    size_t n = (size_t)s->n_pending + x.n, length = 0;
    uint8_t *in = arena_alloc(a, n + 1);
    memcpy(in, s->pending, (size_t)s->n_pending);
    if (x.n) memcpy(in + s->n_pending, x.p, x.n);
    char *out = arena_alloc(a, 3 * n + 2);
    if (t->space_between && !first) out[length++] = ' ';
    size_t at = 0;
    for (size_t step; at < n; at += step) {
        bool good;
        step = utf8_step(in + at, n - at, &good);
        if (step == 0) break;
        if (in[at] == 0) good = false; // a C string cannot hold it
        memcpy(out + length, good ? (const char *)in + at : replacement, good ? step : 3);
        length += good ? step : 3;
    }
    s->n_pending = (int)(n - at); // at most 3
    memcpy(s->pending, in + at, n - at);
    return out;
}

const char *tokenizer_decode_end(tokenizer_stream *s, arena *a) {
    bool left = s->n_pending > 0;
    *s = (tokenizer_stream){0};
    return left ? arena_str(a, replacement) : "";
}

const char *tokenizer_decode(const tokenizer *t, const int32_t *ids, size_t n, arena *a) {
    VEC(char) all = {0};
    tokenizer_stream s = {0};
    for (size_t i = 0; i <= n; i++) {
        const char *p =
            i < n ? tokenizer_decode_piece(t, &s, ids[i], a) : tokenizer_decode_end(&s, a);
        size_t bytes = strlen(p);
        vec_reserve(&all, all.count + bytes + 1);
        memcpy(all.items + all.count, p, bytes);
        all.count += bytes;
    }
    const char *result = arena_strn(a, all.items, all.count);
    vec_free(&all);
    return result;
}
