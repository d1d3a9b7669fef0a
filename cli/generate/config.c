// generation_config.json of an encoder and its decoder: which token a text begins with, which ones
// are forced, and which never come.
//
//   decoder_start_token_id   the first token (else bos_token_id)
//   eos_token_id             one or a list: they end a text
//   forced_bos_token_id      the token behind the first
//   forced_decoder_ids       [[place, token], ...], places counted from the first token, 0
//   suppress_tokens          never; begin_suppress_tokens: not as the first that is generated
//   bad_words_ids            [[token], ...] never; of several tokens: noted, as beams are
#include "cli/generate/generate.h"
#include "support/file/file.h"
#include <inttypes.h>
#include <math.h>

enum { MOST_ID = INT32_MAX - 1 };

typedef struct {
    const char *path;
    const json_t *root;
    diag_sink *diags;
    int64_t vocabulary; // tokens that the model gives logits of
    arena *a;
} reader;

static bool bad(const reader *r, const char *key, const char *what) {
    diag_emit(r->diags, DIAG_ID_generation_config, DIAG_AT(r->path, key), "%s", what);
    return false;
}

static bool is_id(const json_t *v) {
    return json_is_integer(v) && json_integer_value(v) >= 0 && json_integer_value(v) <= MOST_ID;
}

static const json_t *value_of(const reader *r, const char *key) {
    const json_t *v = json_object_get(r->root, key);
    return json_is_null(v) ? NULL : v;
}

// What the decoder is to take must be a token of it.
static bool is_token(const reader *r, const char *key, const json_t *id) {
    return json_integer_value(id) < r->vocabulary ||
           bad(r, key,
               arena_printf(r->a,
                            "token id %" JSON_INTEGER_FORMAT " is outside the model's %" PRId64
                            " tokens",
                            json_integer_value(id), r->vocabulary));
}

// What is to end a text, or never to come: a list made for other tokens.
static void note_outside(const reader *r, const char *key, const tokenizer_ids *ids, size_t from) {
    for (size_t i = from; i < ids->count; i++) {
        if (ids->items[i] < r->vocabulary) continue;
        diag_note(r->diags, DIAG_AT(r->path, key),
                  "token id %d has no effect: it is outside the model's %" PRId64 " tokens",
                  ids->items[i], r->vocabulary);
        return;
    }
}

// *id stays where the file says nothing.
static bool read_id(const reader *r, const char *key, int32_t *id) {
    const json_t *v = value_of(r, key);
    if (json_is_array(v) && json_array_size(v) > 0) v = json_array_get(v, 0);
    if (v && !is_id(v)) return bad(r, key, "no token id");
    if (v && !is_token(r, key, v)) return false;
    if (v) *id = (int32_t)json_integer_value(v);
    return true;
}

// 5 or [5, 7]; -1 stands for none in some files.
static bool read_ids(const reader *r, const char *key, tokenizer_ids *out) {
    const json_t *v = value_of(r, key);
    const size_t from = out->count;
    for (size_t i = 0, n = json_is_array(v) ? json_array_size(v) : v != NULL; i < n; i++) {
        const json_t *x = json_is_array(v) ? json_array_get(v, i) : v;
        if (json_is_integer(x) && json_integer_value(x) == -1) continue;
        if (!is_id(x)) return bad(r, key, "neither a token id nor a list of them");
        vec_push(out, (int32_t)json_integer_value(x));
    }
    note_outside(r, key, out, from);
    return true;
}

static bool read_bad_words(const reader *r, generate_config *c) {
    const char *key = "bad_words_ids";
    const json_t *v = value_of(r, key);
    const size_t from = c->never.count;
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *word = json_array_get(v, i), *first = json_array_get(word, 0);
        if (json_array_size(word) > 1) {
            diag_note(r->diags, DIAG_AT(r->path, key),
                      "words of several tokens are not left out: word %zu has %zu", i,
                      json_array_size(word));
            continue;
        }
        if (!is_id(first)) return bad(r, key, "no list of lists of token ids");
        vec_push(&c->never, (int32_t)json_integer_value(first));
    }
    note_outside(r, key, &c->never, from);
    return !v || json_is_array(v) || bad(r, key, "no list of lists of token ids");
}

static bool read_forced(const reader *r, generate_config *c) {
    const char *key = "forced_decoder_ids";
    const json_t *v = value_of(r, key);
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *pair = json_array_get(v, i), *at = json_array_get(pair, 0),
                     *id = json_array_get(pair, 1);
        if (json_array_size(pair) != 2 || !is_id(at) || !(is_id(id) || json_is_null(id)))
            return bad(r, key, "no list of pairs: a place and a token id");
        if (json_is_null(id)) continue; // a language that the model is to find
        if (!is_token(r, key, id)) return false;
        vec_push(&c->forced, ((generate_forced){(int32_t)json_integer_value(at),
                                                (int32_t)json_integer_value(id)}));
    }
    int32_t first = -1;
    bool ok = read_id(r, "forced_bos_token_id", &first);
    if (first >= 0) vec_push(&c->forced, ((generate_forced){1, first}));
    return ok && (!v || json_is_array(v) || bad(r, key, "no list of pairs"));
}

// What the file asks for that is done otherwise.
static bool note_others(const reader *r) {
    static const char *const counts[] = {"num_beams", "no_repeat_ngram_size"};
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        const json_t *v = value_of(r, counts[i]);
        if (v && !json_is_integer(v)) return bad(r, counts[i], "no whole number");
    }
    const json_int_t beams = json_integer_value(value_of(r, "num_beams")),
                     ngrams = json_integer_value(value_of(r, "no_repeat_ngram_size"));
    if (beams > 1)
        diag_note(r->diags, DIAG_AT(r->path, "num_beams"),
                  "%" JSON_INTEGER_FORMAT " beams are asked for: one text is generated, token by "
                  "token",
                  beams);
    if (ngrams > 0)
        diag_note(r->diags, DIAG_AT(r->path, "no_repeat_ngram_size"),
                  "repeated runs of %" JSON_INTEGER_FORMAT " tokens are not left out", ngrams);
    return true;
}

static bool read_all(generation *g, const reader *r) {
    generate_config *c = &g->config;
    int32_t bos = -1;
    bool ok = read_id(r, "bos_token_id", &bos) && read_id(r, "decoder_start_token_id", &c->start) &&
              read_ids(r, "suppress_tokens", &c->never) &&
              read_ids(r, "begin_suppress_tokens", &c->not_first) && read_bad_words(r, c) &&
              read_forced(r, c) && read_ids(r, "eos_token_id", &g->ends);
    if (c->start < 0) c->start = bos;
    return ok && note_others(r);
}

bool generate_read_config(generation *g) {
    file_map f;
    bool absent = true;
    g->config.start = -1;
    const char *const beside[] = {args_string(g->given, "tokenizer", NULL), g->path};
    for (size_t i = 0; absent && i < ARRAY_LEN(beside); i++)
        if (beside[i] &&
            !file_map_beside(&f, g->a, beside[i], "generation_config.json", &absent, g->diags))
            return false;
    if (absent) return true;
    json_t *root = json_file_parse(f.data, f.bytes, f.name, g->diags);
    const int64_t tokens = engine_describe(g->engine)->ports[g->model.logits].width;
    reader r = {f.name, root, g->diags, tokens, g->a};
    bool ok =
        root && (json_is_object(root) || bad(&r, NULL, "not a JSON object")) && read_all(g, &r);
    json_decref(root);
    file_map_close(&f);
    return ok;
}

void generate_close_config(generation *g) {
    vec_free(&g->config.forced);
    vec_free(&g->config.never);
    vec_free(&g->config.not_first);
}

// ---- what comes next -------------------------------------------------------------------------

static void leave_out(const tokenizer_ids *ids, float *logits, int64_t n) {
    for (size_t i = 0; i < ids->count; i++)
        if (ids->items[i] < n) logits[ids->items[i]] = -INFINITY;
}

void generate_rule_out(const generation *g, float *logits, int64_t n) {
    leave_out(&g->config.never, logits, n);
    if (g->ids.count == g->n_given) leave_out(&g->config.not_first, logits, n);
}

int32_t generate_forced_at(const generation *g, size_t place, int64_t n) {
    for (size_t i = 0; i < g->config.forced.count; i++) {
        const generate_forced *f = &g->config.forced.items[i];
        if ((size_t)f->place == place && f->id < n) return f->id;
    }
    return -1;
}
