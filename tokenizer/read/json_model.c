// The model of a tokenizer.json: BPE, WordPiece, Unigram, WordLevel.
#include "tokenizer/read/json_access.h"

static const char where[] = "model";

// --- vocabularies

static bool read_vocabulary(hf_reader *r, json_t *model) {
    json_t *vocabulary = json_object_get(model, "vocab"), *v;
    if (!json_is_object(vocabulary)) return hf_bad(r, where, "'vocab' is not an object");
    const char *name;
    json_object_foreach(vocabulary, name, v) {
        int32_t id;
        if (!hf_id(r, "model.vocab", v, &id)) return false;
        size_t n = strlen(name);
        tokenizer_define(r->t, id, text_copy(r->t->memory, (text){name, n}));
    }
    return true;
}

// [["name", score], ...]: the place is the id.
static bool read_scores(hf_reader *r, json_t *model) {
    json_t *vocabulary = json_object_get(model, "vocab");
    tokenizer *t = r->t;
    if (!json_is_array(vocabulary)) return hf_bad(r, where, "'vocab' is not a list");
    t->least_score = 0;
    for (size_t i = 0; i < json_array_size(vocabulary); i++) {
        json_t *pair = json_array_get(vocabulary, i), *name = json_array_get(pair, 0),
               *score = json_array_get(pair, 1);
        if (json_array_size(pair) != 2 || !json_is_string(name) || !json_is_number(score))
            return hf_bad(r, "model.vocab", "entry %zu is not a name and a score", i);
        if (i >= TOKENIZER_MAX_ID) return hf_bad(r, "model.vocab", "too many tokens");
        text x = {json_string_value(name), json_string_length(name)};
        tokenizer_define(t, (int32_t)i, text_copy(t->memory, x));
        double value = json_number_value(score);
        vec_push(&t->scores, value);
        if (i == 0 || value < t->least_score) t->least_score = value;
    }
    return true;
}

// The id of "unk_token"; a name that is no token is an error where it is needed, not here.
static bool read_unknown(hf_reader *r, json_t *model, const char *otherwise) {
    text name = {otherwise, otherwise ? strlen(otherwise) : 0};
    if (!hf_text(r, where, model, "unk_token", &name)) return false;
    r->t->unknown_name = name.p;
    if (name.p) r->t->unknown = model_token(r->t, name);
    return true;
}

// --- BPE

// "a b" or ["a", "b"]: where both parts start and end.
static bool merge_parts(json_t *v, text part[2]) {
    if (json_is_array(v) && json_array_size(v) == 2) {
        for (size_t i = 0; i < 2; i++) {
            json_t *s = json_array_get(v, i);
            if (!json_is_string(s)) return false;
            part[i] = (text){json_string_value(s), json_string_length(s)};
        }
        return true;
    }
    const char *s = json_string_value(v), *space = s ? strchr(s, ' ') : NULL;
    if (!space || strchr(space + 1, ' ')) return false;
    part[0] = (text){s, (size_t)(space - s)};
    part[1] = (text){space + 1, strlen(space + 1)};
    return true;
}

static bool read_merges(hf_reader *r, json_t *model) {
    static const char place[] = "model.merges", version[] = "#version";
    json_t *merges = json_object_get(model, "merges");
    if (!json_is_array(merges)) return hf_bad(r, place, "not a list");
    tokenizer *t = r->t;
    t->merges = merge_table_new();
    VEC(char) joined = {0};
    bool ok = true;
    uint32_t rank = 0;
    for (size_t i = 0; ok && i < json_array_size(merges); i++) {
        json_t *merge = json_array_get(merges, i);
        const char *line = json_string_value(merge);
        if (line && strncmp(line, version, sizeof version - 1) == 0) continue;
        text part[2];
        if (!merge_parts(merge, part)) {
            ok = hf_bad(r, place, "merge %zu is not two tokens", i);
            break;
        }
        // The result has the prefix of symbols inside a word once.
        size_t cut = part[1].n < t->prefix.n ? part[1].n : t->prefix.n;
        vec_reserve(&joined, part[0].n + part[1].n + 1);
        memcpy(joined.items, part[0].p, part[0].n);
        memcpy(joined.items + part[0].n, part[1].p + cut, part[1].n - cut);
        int32_t left = model_token(t, part[0]), right = model_token(t, part[1]);
        int32_t both = model_token(t, (text){joined.items, part[0].n + part[1].n - cut});
        if (left < 0 || right < 0 || both < 0)
            ok = hf_bad(r, place, "merge %zu ('%.*s') has a part or a result that is no token", i,
                        (int)(part[0].n + part[1].n - cut < 40 ? part[0].n + part[1].n - cut : 40),
                        joined.items);
        else
            merge_table_set(t->merges, left, right, rank++, both);
    }
    vec_free(&joined);
    return ok;
}

static bool read_bpe(hf_reader *r, json_t *model) {
    tokenizer *t = r->t;
    json_t *dropout = json_object_get(model, "dropout");
    if (!hf_only_keys(
            r, where, model,
            "type dropout unk_token continuing_subword_prefix end_of_word_suffix fuse_unk "
            "byte_fallback ignore_merges vocab merges ") ||
        !hf_text(r, where, model, "continuing_subword_prefix", &t->prefix) ||
        !hf_text(r, where, model, "end_of_word_suffix", &t->suffix) || !read_vocabulary(r, model) ||
        !read_merges(r, model) || !hf_bool(r, where, model, "byte_fallback", &t->byte_fallback) ||
        !hf_bool(r, where, model, "fuse_unk", &t->fuse_unknown) ||
        !hf_bool(r, where, model, "ignore_merges", &t->ignore_merges))
        return false;
    if (!hf_is_absent(dropout) && json_number_value(dropout) != 0)
        hf_ignored(r, where, "'dropout' is for training and ignored: no merge is left out here");
    return read_unknown(r, model, NULL);
}

// --- the others

static bool read_wordpiece(hf_reader *r, json_t *model) {
    tokenizer *t = r->t;
    t->prefix = (text){"##", 2};
    t->longest_word = 100;
    if (!hf_only_keys(r, where, model,
                      "type unk_token continuing_subword_prefix max_input_chars_per_word vocab ") ||
        !hf_text(r, where, model, "continuing_subword_prefix", &t->prefix) ||
        !hf_count(r, where, model, "max_input_chars_per_word", &t->longest_word) ||
        !read_vocabulary(r, model) || !read_unknown(r, model, "[UNK]"))
        return false;
    model_index_words(t, t->prefix, t->longest_word);
    return true;
}

static bool read_unigram(hf_reader *r, json_t *model) {
    tokenizer *t = r->t;
    json_t *unknown = json_object_get(model, "unk_id");
    if (!hf_only_keys(r, where, model, "type unk_id vocab byte_fallback ") ||
        !read_scores(r, model) || !hf_bool(r, where, model, "byte_fallback", &t->byte_fallback))
        return false;
    if (!hf_is_absent(unknown)) {
        if (!hf_id(r, where, unknown, &t->unknown)) return false;
        t->unknown_name = tokenizer_token(t, t->unknown);
        if (!t->unknown_name) return hf_bad(r, where, "'unk_id' is outside the vocabulary");
    }
    t->names = model_names(t, (text){0});
    return true;
}

static bool read_wordlevel(hf_reader *r, json_t *model) {
    return hf_only_keys(r, where, model, "type unk_token vocab ") && read_vocabulary(r, model) &&
           read_unknown(r, model, "<unk>");
}

// Older files do not name their kind.
static const char *kind_of(json_t *model) {
    const char *type = hf_type_of(model);
    return *type                                                ? type
           : json_object_get(model, "merges")                   ? "BPE"
           : json_object_get(model, "max_input_chars_per_word") ? "WordPiece"
           : json_is_array(json_object_get(model, "vocab"))     ? "Unigram"
           : json_object_get(model, "unk_token")                ? "WordLevel"
                                                                : "";
}

bool hf_model(hf_reader *r, json_t *model) {
    static const struct {
        const char *type;
        model_kind kind;
        bool (*read)(hf_reader *, json_t *);
    } rows[] = {{"BPE", MODEL_BPE, read_bpe},
                {"WordPiece", MODEL_WORDPIECE, read_wordpiece},
                {"Unigram", MODEL_UNIGRAM, read_unigram},
                {"WordLevel", MODEL_WORDLEVEL, read_wordlevel}};
    if (!json_is_object(model)) return hf_bad(r, where, "missing");
    const char *type = kind_of(model);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcmp(type, rows[i].type) != 0) continue;
        r->t->model = rows[i].kind;
        return rows[i].read(r, model);
    }
    return hf_unsupported(r, where, "model '%s'", type);
}
