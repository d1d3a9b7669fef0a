// Reading Hugging Face's tokenizer.json into the parts of a tokenizer: the file, its model, added
// tokens and template; steps are read in json_steps.c.
//
// Every object is checked for keys that are not known: what this program does not understand is
// reported by name (tokenizer-unsupported), never skipped. Understood are
//
//   model           BPE, with byte_fallback, fuse_unk, ignore_merges; merges as "a b" or ["a", "b"]
//   post_processor  ByteLevel TemplateProcessing RobertaProcessing BertProcessing Sequence
//   added_tokens    all of it; truncation and padding are ignored with a warning
#include "support/file/json.h"
#include "tokenizer/json_access.h"

// --- the model

static bool read_vocabulary(hf_reader *r, json_t *model) {
    json_t *vocabulary = json_object_get(model, "vocab"), *v;
    if (!json_is_object(vocabulary)) return hf_bad(r, "model", "'vocab' is not an object");
    const char *name;
    json_object_foreach(vocabulary, name, v) {
        int32_t id;
        if (!hf_id(r, "model.vocab", v, &id)) return false;
        tokenizer_define(r->t, id, arena_str(r->t->memory, name));
    }
    return true;
}

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
    static const char where[] = "model.merges";
    json_t *merges = json_object_get(model, "merges");
    if (!json_is_array(merges)) return hf_bad(r, where, "not a list");
    r->t->merges = merge_table_new();
    VEC(char) joined = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < json_array_size(merges); i++) {
        text part[2];
        if (!merge_parts(json_array_get(merges, i), part)) {
            ok = hf_bad(r, where, "merge %zu is not two tokens", i);
            break;
        }
        uint32_t id[3];
        size_t n = part[0].n;
        vec_reserve(&joined, n + part[1].n + 1);
        memcpy(joined.items, part[0].p, n);
        joined.items[n] = 0;
        id[0] = map_get(r->t->vocabulary, joined.items);
        memcpy(joined.items + n, part[1].p, part[1].n);
        joined.items[n + part[1].n] = 0;
        id[1] = map_get(r->t->vocabulary, joined.items + n);
        id[2] = map_get(r->t->vocabulary, joined.items);
        if (id[0] == MAP_NONE || id[1] == MAP_NONE || id[2] == MAP_NONE) {
            ok = hf_bad(r, where, "merge %zu ('%.40s') has a part or a result that is no token", i,
                        joined.items);
        } else {
            merge_table_set(r->t->merges, (int32_t)id[0], (int32_t)id[1], (uint32_t)i,
                            (int32_t)id[2]);
        }
    }
    vec_free(&joined);
    return ok;
}

static bool is_empty_string(const json_t *v) {
    return hf_is_absent(v) || (json_is_string(v) && json_string_length(v) == 0);
}

static bool read_model(hf_reader *r, json_t *model) {
    static const char where[] = "model";
    tokenizer *t = r->t;
    if (!json_is_object(model)) return hf_bad(r, where, "missing");
    const char *type = hf_type_of(model);
    if (!*type && json_object_get(model, "merges")) type = "BPE"; // older files
    if (strcmp(type, "BPE") != 0) return hf_unsupported(r, where, "model '%s'", type);
    json_t *dropout = json_object_get(model, "dropout");
    if (!hf_only_keys(
            r, where, model,
            "type dropout unk_token continuing_subword_prefix end_of_word_suffix fuse_unk "
            "byte_fallback ignore_merges vocab merges "))
        return false;
    if (!hf_is_absent(dropout) && json_number_value(dropout) != 0)
        return hf_unsupported(r, where, "'dropout'");
    if (!is_empty_string(json_object_get(model, "continuing_subword_prefix")))
        return hf_unsupported(r, where, "'continuing_subword_prefix'");
    if (!is_empty_string(json_object_get(model, "end_of_word_suffix")))
        return hf_unsupported(r, where, "'end_of_word_suffix'");
    if (!read_vocabulary(r, model) || !read_merges(r, model) ||
        !hf_bool(r, where, model, "byte_fallback", &t->byte_fallback) ||
        !hf_bool(r, where, model, "fuse_unk", &t->fuse_unknown) ||
        !hf_bool(r, where, model, "ignore_merges", &t->ignore_merges))
        return false;
    json_t *unknown = json_object_get(model, "unk_token");
    if (hf_is_absent(unknown)) return true;
    if (!json_is_string(unknown)) return hf_bad(r, where, "'unk_token' is not a string");
    t->unknown = tokenizer_token_id(t, json_string_value(unknown));
    return t->unknown >= 0 || hf_bad(r, where, "'unk_token' is not in the vocabulary");
}

// --- added tokens

static int longer_first(const void *a, const void *b) {
    size_t x = ((const added_token *)a)->content.n, y = ((const added_token *)b)->content.n;
    return (x < y) - (x > y);
}

static bool read_added(hf_reader *r, json_t *list) {
    static const char where[] = "added_tokens";
    tokenizer *t = r->t;
    if (hf_is_absent(list)) return true;
    if (!json_is_array(list)) return hf_bad(r, where, "not a list");
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *o = json_array_get(list, i);
        added_token k = {0};
        bool special = false;
        if (!json_is_object(o)) return hf_bad(r, where, "entry %zu is not an object", i);
        if (!hf_only_keys(r, where, o,
                          "id content single_word lstrip rstrip normalized special ") ||
            !hf_id(r, where, json_object_get(o, "id"), &k.id) ||
            !hf_text(r, where, o, "content", &k.content) ||
            !hf_bool(r, where, o, "single_word", &k.single_word) ||
            !hf_bool(r, where, o, "lstrip", &k.lstrip) ||
            !hf_bool(r, where, o, "rstrip", &k.rstrip) ||
            !hf_bool(r, where, o, "normalized", &k.normalized) ||
            !hf_bool(r, where, o, "special", &special))
            return false;
        if (strlen(k.content.p) != k.content.n) return hf_bad(r, where, "a token contains NUL");
        int32_t known = tokenizer_token_id(t, k.content.p);
        if (known >= 0) k.id = known;
        tokenizer_define(t, k.id, k.content.p);
        t->tokens.items[k.id].special |= special;
        if (k.normalized && !text_normalize(t->normalize.items, t->normalize.count, &r->budget,
                                            t->memory, &k.content))
            return hf_bad(r, where, "the normalizer takes too long on token %d", k.id);
        if (k.normalized && k.content.n)
            t->tokens.items[k.id].text = arena_strn(t->memory, k.content.p, k.content.n);
        vec_push(&t->added, k);
    }
    if (t->added.count) qsort(t->added.items, t->added.count, sizeof *t->added.items, longer_first);
    return true;
}

// --- post-processors: what is put before and behind a text

static bool read_known_id(hf_reader *r, json_t *v, int32_t *out) {
    static const char where[] = "post_processor";
    if (!hf_id(r, where, v, out)) return false;
    return tokenizer_token(r->t, *out) || hf_bad(r, where, "no token has the id %d", *out);
}

// {"SpecialToken": {"id": "<s>", ...}} -> the ids that the list of special tokens gives it
static bool push_special(hf_reader *r, json_t *specials, json_t *item, tokenizer_ids *ids) {
    static const char where[] = "post_processor";
    json_t *name = json_object_get(item, "id");
    json_t *list = json_object_get(
        json_object_get(specials, json_is_string(name) ? json_string_value(name) : ""), "ids");
    if (!json_is_array(list))
        return hf_bad(r, where, "a special token of the template is not listed");
    for (size_t i = 0; i < json_array_size(list); i++) {
        int32_t id;
        if (!read_known_id(r, json_array_get(list, i), &id)) return false;
        if (!text_take(&r->budget, sizeof id)) return hf_bad(r, where, "the template is too long");
        vec_push(ids, id);
    }
    return true;
}

static bool read_template(hf_reader *r, json_t *o) {
    static const char where[] = "post_processor";
    json_t *single = json_object_get(o, "single"), *specials = json_object_get(o, "special_tokens");
    if (!hf_only_keys(r, where, o, "type single pair special_tokens ")) return false;
    if (!json_is_array(single)) return hf_bad(r, where, "'single' is not a list");
    tokenizer *t = r->t;
    bool seen_text = false;
    for (size_t i = 0; i < json_array_size(single); i++) {
        json_t *item = json_array_get(single, i), *special = json_object_get(item, "SpecialToken");
        if (special) {
            if (!push_special(r, specials, special, seen_text ? &t->behind : &t->before))
                return false;
        } else if (json_object_get(item, "Sequence") && !seen_text) {
            seen_text = true;
        } else {
            return hf_unsupported(r, where, "this template");
        }
    }
    t->has_template |= t->before.count + t->behind.count > 0;
    return true;
}

// "cls": ["<s>", 0]
static bool push_pair(hf_reader *r, json_t *o, const char *key, tokenizer_ids *ids) {
    json_t *pair = json_object_get(o, key);
    int32_t id;
    if (!json_is_array(pair) || json_array_size(pair) != 2)
        return hf_bad(r, "post_processor", "'%s' is not a pair", key);
    if (!read_known_id(r, json_array_get(pair, 1), &id)) return false;
    vec_push(ids, id);
    return true;
}

static bool read_post_processor(hf_reader *r, json_t *o) {
    static const char where[] = "post_processor";
    if (hf_is_absent(o)) return true;
    const char *type = hf_type_of(o);
    if (strcmp(type, "Sequence") == 0)
        return hf_each(r, where, o, "processors", read_post_processor);
    if (strcmp(type, "ByteLevel") == 0) // touches offsets only
        return hf_only_keys(r, where, o, "type add_prefix_space trim_offsets use_regex ");
    if (strcmp(type, "TemplateProcessing") == 0) return read_template(r, o);
    if (strcmp(type, "RobertaProcessing") == 0 || strcmp(type, "BertProcessing") == 0) {
        r->t->has_template = true;
        return hf_only_keys(r, where, o, "type sep cls trim_offsets add_prefix_space ") &&
               push_pair(r, o, "cls", &r->t->before) && push_pair(r, o, "sep", &r->t->behind);
    }
    return hf_unsupported(r, where, "post-processor '%s'", type);
}

// --- the file

// Without a tokenizer_config.json: the usual names, among special tokens.
static int32_t usual(const tokenizer *t, const char *const names[], size_t n) {
    for (size_t i = 0; i < n; i++) {
        int32_t id = tokenizer_token_id(t, names[i]);
        if (id >= 0 && t->tokens.items[id].special) return id;
    }
    return -1;
}

static void guess_ends(tokenizer *t) {
    static const char *const bos[] = {"<|begin_of_text|>", "<s>",          "<bos>", "[BOS]",
                                      "<|startoftext|>",   "<|endoftext|>"};
    static const char *const eos[] = {"<|end_of_text|>", "</s>",       "<eos>",
                                      "[EOS]",           "<|im_end|>", "<|endoftext|>"};
    t->bos = t->before.count ? t->before.items[0] : usual(t, bos, ARRAY_LEN(bos));
    t->eos = usual(t, eos, ARRAY_LEN(eos));
}

static bool read_root(hf_reader *r, json_t *root) {
    json_t *decoder = json_object_get(root, "decoder");
    static const char *const ignored[] = {"truncation", "padding"};
    for (size_t i = 0; i < ARRAY_LEN(ignored); i++) {
        if (!hf_is_absent(json_object_get(root, ignored[i])))
            diag_emit(r->diags, DIAG_ID_tokenizer_ignored, DIAG_FILE(r->path),
                      "'%s' is about batches of texts and ignored", ignored[i]);
    }
    r->t->space_between = hf_is_absent(decoder);
    return hf_only_keys(r, NULL, root,
                        "version truncation padding added_tokens normalizer pre_tokenizer "
                        "post_processor decoder model ") &&
           read_model(r, json_object_get(root, "model")) &&
           hf_normalizer(r, json_object_get(root, "normalizer")) &&
           read_added(r, json_object_get(root, "added_tokens")) &&
           hf_pre_tokenizer(r, json_object_get(root, "pre_tokenizer")) &&
           read_post_processor(r, json_object_get(root, "post_processor")) &&
           hf_decoder(r, decoder);
}

bool tokenizer_read_json(tokenizer *t, text file, const char *path, diag_sink *diags) {
    json_t *root = json_file_parse(file.p, file.n, path, diags);
    if (!root) return false;
    hf_reader r = {
        .t = t, .path = path, .diags = diags, .budget = {budget_of("file", file.n), BUDGET_steps}};
    bool ok = read_root(&r, root);
    json_decref(root);
    if (ok) guess_ends(t);
    return ok;
}
