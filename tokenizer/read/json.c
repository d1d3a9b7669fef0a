// Reading Hugging Face's tokenizer.json into the parts of a tokenizer: the file, added tokens and
// template; the model is read in json_model.c, steps in json_steps.c.
//
// Every object is checked for keys that are not known: what this program does not understand is
// reported by name (tokenizer-unsupported), never skipped.
#include "support/file/json.h"
#include "tokenizer/read/json_access.h"

// --- added tokens

static bool read_added_token(hf_reader *r, json_t *o, added_token *k) {
    static const char where[] = "added_tokens";
    tokenizer *t = r->t;
    text name = {0};
    bool special = false;
    k->normalized = true;
    if (!hf_only_keys(r, where, o, "id content single_word lstrip rstrip normalized special ") ||
        !hf_id(r, where, json_object_get(o, "id"), &k->id) ||
        !hf_text(r, where, o, "content", &name) ||
        !hf_bool(r, where, o, "single_word", &k->single_word) ||
        !hf_bool(r, where, o, "lstrip", &k->lstrip) ||
        !hf_bool(r, where, o, "rstrip", &k->rstrip) || !hf_bool(r, where, o, "special", &special))
        return false;
    k->normalized = !special; // unless it says otherwise
    if (!hf_bool(r, where, o, "normalized", &k->normalized)) return false;
    if (!name.n) return hf_bad(r, where, "token %d has no 'content'", k->id);
    if (memchr(name.p, 0, name.n)) return hf_bad(r, where, "a token contains NUL");
    int32_t known = model_token(t, name);
    if (known >= 0 && known != k->id)
        hf_ignored(r, where, "'%.60s' is token %d of the model: its id %d is ignored", name.p,
                   known, k->id);
    if (known >= 0) k->id = known;
    tokenizer_define_added(t, k->id, name, special);
    k->content = name;
    if (!k->normalized) return true;
    traced x = traced_of(t->memory, name);
    if (!normalize(t->normalizers.items, t->normalizers.count, &r->budget, t->memory, &x))
        return hf_bad(r, where, "the normalizer takes too long on token %d", k->id);
    k->content = text_copy(t->memory, (text){x.p, x.n});
    t->tokens.items[k->id].text = k->content;
    return true;
}

static bool read_added(hf_reader *r, json_t *list) {
    static const char where[] = "added_tokens";
    tokenizer *t = r->t;
    if (hf_is_absent(list)) return true;
    if (!json_is_array(list)) return hf_bad(r, where, "not a list");
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *o = json_array_get(list, i);
        added_token k = {0};
        if (!json_is_object(o)) return hf_bad(r, where, "entry %zu is not an object", i);
        if (!read_added_token(r, o, &k)) return false;
        vec_push(&t->added, k);
    }
    tokenizer_index_added(t);
    return true;
}

// --- post-processors: what is put before and behind a text

static const char post_processor[] = "post_processor";

static bool read_known_id(hf_reader *r, json_t *v, int32_t *out) {
    if (!hf_id(r, post_processor, v, out)) return false;
    return tokenizer_token(r->t, *out) || hf_bad(r, post_processor, "no token has the id %d", *out);
}

// {"SpecialToken": {"id": "<s>", ...}} -> the ids that the list of special tokens gives it
static bool push_special(hf_reader *r, json_t *specials, json_t *item, tokenizer_ids *ids) {
    json_t *name = json_object_get(item, "id");
    json_t *list = json_object_get(
        json_object_get(specials, json_is_string(name) ? json_string_value(name) : ""), "ids");
    if (!json_is_array(list))
        return hf_bad(r, post_processor, "a special token of the template is not listed");
    for (size_t i = 0; i < json_array_size(list); i++) {
        int32_t id;
        if (!read_known_id(r, json_array_get(list, i), &id)) return false;
        if (!text_take(&r->budget, sizeof id))
            return hf_bad(r, post_processor, "the template is too long");
        vec_push(ids, id);
    }
    return true;
}

// Behind others that add nothing; one that does, behind another, would be a template of templates.
static bool set_template(hf_reader *r, const tokenizer_ids *ids) {
    tokenizer *t = r->t;
    if (t->template.count > 1)
        return hf_unsupported(r, post_processor, "a second post-processor that adds tokens");
    vec_clear(&t->template);
    for (size_t i = 0; i < ids->count; i++) vec_push(&t->template, ids->items[i]);
    return true;
}

static bool read_template(hf_reader *r, json_t *o) {
    json_t *single = json_object_get(o, "single"), *specials = json_object_get(o, "special_tokens");
    if (!hf_only_keys(r, post_processor, o, "type single pair special_tokens ")) return false;
    if (!json_is_array(single)) return hf_bad(r, post_processor, "'single' is not a list");
    tokenizer_ids ids = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < json_array_size(single); i++) {
        json_t *item = json_array_get(single, i), *special = json_object_get(item, "SpecialToken"),
               *sequence = json_object_get(item, "Sequence");
        const char *which = json_string_value(json_object_get(sequence, "id"));
        if (special)
            ok = push_special(r, specials, special, &ids);
        else if (which && strcmp(which, "A") == 0)
            vec_push(&ids, TEMPLATE_TEXT);
        else
            ok = hf_bad(r, post_processor,
                        "item %zu of 'single' is neither a SpecialToken nor the Sequence A", i);
    }
    ok = ok && set_template(r, &ids);
    vec_free(&ids);
    return ok;
}

// "cls": ["<s>", 0]
static bool read_pair(hf_reader *r, json_t *o, const char *key, int32_t *id) {
    json_t *pair = json_object_get(o, key);
    if (!json_is_array(pair) || json_array_size(pair) != 2)
        return hf_bad(r, post_processor, "'%s' is not a pair", key);
    return read_known_id(r, json_array_get(pair, 1), id);
}

// Spans end where the text of a token does; see trim of encode.c.
static bool read_trim(hf_reader *r, json_t *o, bool otherwise) {
    bool trim = otherwise, prefix = true;
    if (!hf_bool(r, post_processor, o, "trim_offsets", &trim) ||
        !hf_bool(r, post_processor, o, "add_prefix_space", &prefix))
        return false;
    r->t->trim |= trim;
    if (trim) r->t->trim_prefix = prefix;
    return true;
}

static bool read_post_processor(hf_reader *r, json_t *o) {
    if (hf_is_absent(o)) return true;
    const char *type = hf_type_of(o);
    if (strcmp(type, "Sequence") == 0)
        return hf_each(r, post_processor, o, "processors", read_post_processor);
    if (strcmp(type, "ByteLevel") == 0)
        return hf_only_keys(r, post_processor, o,
                            "type add_prefix_space trim_offsets use_regex ") &&
               read_trim(r, o, true);
    if (strcmp(type, "TemplateProcessing") == 0) return read_template(r, o);
    bool roberta = strcmp(type, "RobertaProcessing") == 0;
    if (roberta || strcmp(type, "BertProcessing") == 0) {
        int32_t ids[3] = {0, TEMPLATE_TEXT, 0};
        const tokenizer_ids all = {ids, ARRAY_LEN(ids), ARRAY_LEN(ids)};
        return hf_only_keys(r, post_processor, o,
                            roberta ? "type sep cls trim_offsets add_prefix_space "
                                    : "type sep cls ") &&
               read_pair(r, o, "cls", &ids[0]) && read_pair(r, o, "sep", &ids[2]) &&
               (!roberta || read_trim(r, o, true)) && set_template(r, &all);
    }
    return hf_unsupported(r, post_processor, "post-processor '%s'", type);
}

// --- the file

static bool read_root(hf_reader *r, json_t *root) {
    json_t *decoder = json_object_get(root, "decoder");
    static const char *const ignored[] = {"truncation", "padding"};
    for (size_t i = 0; i < ARRAY_LEN(ignored); i++) {
        if (!hf_is_absent(json_object_get(root, ignored[i])))
            hf_ignored(r, NULL, "'%s' is about batches of texts and ignored", ignored[i]);
    }
    vec_push(&r->t->template, TEMPLATE_TEXT);
    if (!hf_only_keys(r, NULL, root,
                      "version truncation padding added_tokens normalizer pre_tokenizer "
                      "post_processor decoder model ") ||
        !hf_model(r, json_object_get(root, "model")) ||
        !hf_normalizer(r, json_object_get(root, "normalizer")) ||
        !read_added(r, json_object_get(root, "added_tokens")) ||
        !hf_pre_tokenizer(r, json_object_get(root, "pre_tokenizer")) ||
        !read_post_processor(r, json_object_get(root, "post_processor")) || !hf_decoder(r, decoder))
        return false;
    if (hf_is_absent(decoder)) vec_push(&r->t->decoders, (decoder_step){.kind = DECODER_spaces});
    return true;
}

bool tokenizer_read_json(tokenizer *t, text file, const char *path, diag_sink *diags) {
    json_t *root = json_file_parse(file.p, file.n, path, diags);
    if (!root) return false;
    hf_reader r = {
        .t = t, .path = path, .diags = diags, .budget = {budget_of("file", file.n), BUDGET_steps}};
    bool ok = read_root(&r, root);
    json_decref(root);
    return ok;
}
