// What lies beside a tokenizer and says how texts begin and end: tokenizer_config.json and
// generation_config.json. Nothing is guessed; what nobody says can be asked for.
//
//   tokenizer_config.json    bos_token, eos_token (a name, {"content": name} or null);
//                            add_bos_token, add_eos_token (what a text gets, whatever the template)
//   generation_config.json   bos_token_id; eos_token_id, one or a list: they end a text, and the
//                            eos_token of tokenizer_config.json does where this file names none
#include "support/file/file.h"
#include "support/file/json.h"
#include "tokenizer/read/json_access.h"

typedef struct {
    tokenizer *t;
    const char *path; // of the file that is read
    diag_sink *diags;
} reader;

static bool bad(const reader *r, const char *key, const char *what) {
    diag_emit(r->diags, DIAG_ID_tokenizer_format, DIAG_AT(r->path, key), "%s", what);
    return false;
}

// "bos_token": "<s>" or {"content": "<s>", ...} or null (there is none, *id is -1). *set: the file
// says something.
static bool read_token(const reader *r, const json_t *config, const char *key, int32_t *id,
                       bool *set) {
    const json_t *v = json_object_get(config, key);
    if (!v) return true;
    *set = true;
    *id = -1;
    if (json_is_null(v)) return true;
    if (json_is_object(v)) v = json_object_get(v, "content");
    if (!json_is_string(v)) return bad(r, key, "neither the name of a token nor null");
    *id = tokenizer_token_id(r->t, json_string_value(v));
    if (*id < 0)
        diag_emit(r->diags, DIAG_ID_tokenizer_ignored, DIAG_AT(r->path, key),
                  "'%s' is no token of the tokenizer and is ignored", json_string_value(v));
    return true;
}

// 5 or [5, 7]
static bool read_ids(const reader *r, const json_t *config, const char *key, tokenizer_ids *out) {
    const json_t *v = json_object_get(config, key);
    if (!v || json_is_null(v)) return true;
    for (size_t i = 0; i < (json_is_array(v) ? json_array_size(v) : 1); i++) {
        const json_t *x = json_is_array(v) ? json_array_get(v, i) : v;
        json_int_t id = json_integer_value(x);
        if (!json_is_integer(x) || id < 0 || id >= TOKENIZER_MAX_ID)
            return bad(r, key, "neither a token id nor a list of them");
        vec_push(out, (int32_t)id);
    }
    return true;
}

// Token `id` at the beginning (front) or the end of the template, as `add` says.
static void set_end(tokenizer *t, bool front, bool add, int32_t id) {
    size_t n = t->template.count, at = front ? 0 : n - 1;
    bool has = n && t->template.items[at] == id;
    if (id < 0 || has == add) return;
    if (!add) {
        t->template.count--;
        if (front)
            memmove(t->template.items, t->template.items + 1,
                    t->template.count * sizeof *t->template.items);
        return;
    }
    vec_push(&t->template, id);
    if (!front) return;
    memmove(t->template.items + 1, t->template.items, n * sizeof *t->template.items);
    t->template.items[0] = id;
}

static bool read_add(const reader *r, const json_t *config, const char *key, bool front,
                     int32_t id) {
    const json_t *v = json_object_get(config, key);
    if (!v || json_is_null(v)) return true;
    if (!json_is_boolean(v)) return bad(r, key, "not a boolean");
    if (json_is_true(v) && id < 0)
        return bad(r, key,
                   front ? "true, but no 'bos_token' is named"
                         : "true, but no 'eos_token' is named");
    set_end(r->t, front, json_is_true(v), id);
    return true;
}

static bool read_tokenizer_config(const reader *r, const json_t *config, int32_t *eos,
                                  bool *eos_set) {
    bool named = false;
    return read_token(r, config, "bos_token", &r->t->bos, &named) &&
           read_token(r, config, "eos_token", eos, eos_set) &&
           read_add(r, config, "add_bos_token", true, r->t->bos) &&
           read_add(r, config, "add_eos_token", false, *eos);
}

static bool read_generation_config(const reader *r, const json_t *config) {
    tokenizer_ids bos = {0};
    bool ok = read_ids(r, config, "bos_token_id", &bos) &&
              read_ids(r, config, "eos_token_id", &r->t->ends);
    if (ok && r->t->bos < 0 && bos.count) r->t->bos = bos.items[0];
    vec_free(&bos);
    return ok;
}

json_t *tokenizer_config_beside(tokenizer *t, const char *path, const char *name, const char **at,
                                diag_sink *diags, bool *ok) {
    file_map f;
    bool absent;
    *ok = file_map_beside(&f, t->memory, path, name, &absent, diags);
    if (!*ok || absent) return NULL;
    *at = f.name;
    json_t *config = json_file_parse(f.data, f.bytes, f.name, diags);
    file_map_close(&f);
    *ok = config != NULL;
    if (!config || json_is_object(config)) return config;
    *ok = bad(&(reader){t, *at, diags}, NULL, "not a JSON object");
    json_decref(config);
    return NULL;
}

bool tokenizer_read_settings(tokenizer *t, const char *path, diag_sink *diags) {
    bool ok = true, eos_set = false;
    int32_t eos = -1;
    reader r = {t, NULL, diags};
    if (t->template.count && t->template.items[0] != TEMPLATE_TEXT) {
        t->bos = t->template.items[0];
        t->bos_is_set = true;
    }
    json_t *config = tokenizer_config_beside(t, path, "tokenizer_config.json", &r.path, diags, &ok);
    ok = ok && (!config || read_tokenizer_config(&r, config, &eos, &eos_set));
    t->bos_is_set |= config != NULL;
    json_decref(config);
    if (!ok) return false;
    config = tokenizer_config_beside(t, path, "generation_config.json", &r.path, diags, &ok);
    ok = ok && (!config || read_generation_config(&r, config));
    json_decref(config);
    if (t->ends.count == 0 && eos >= 0) vec_push(&t->ends, eos);
    t->ends_are_set = t->ends.count > 0 || eos_set;
    return ok;
}

// --- what nobody says

static int32_t usual(const tokenizer *t, const char *const names[], size_t n) {
    for (size_t i = 0; i < n; i++) {
        int32_t id = tokenizer_token_id(t, names[i]);
        if (tokenizer_is_special(t, id)) return id;
    }
    return -1;
}

int32_t tokenizer_likely_bos(const tokenizer *t) {
    static const char *const names[] = {"<|begin_of_text|>", "<s>",          "<bos>", "[BOS]",
                                        "<|startoftext|>",   "<|endoftext|>"};
    return t->bos_is_set ? -1 : t->bos >= 0 ? t->bos : usual(t, names, ARRAY_LEN(names));
}

int32_t tokenizer_likely_end(const tokenizer *t) {
    static const char *const names[] = {"<|end_of_text|>", "</s>",       "<eos>",
                                        "[EOS]",           "<|im_end|>", "<|endoftext|>"};
    return t->ends_are_set ? -1 : usual(t, names, ARRAY_LEN(names));
}
