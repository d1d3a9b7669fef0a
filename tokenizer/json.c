// Reading Hugging Face's tokenizer.json into the parts of a tokenizer.
//
// Every object is checked for keys that are not known: what this program does not understand is
// reported by name (tokenizer-unsupported), never skipped. Understood are
//
//   model           BPE, with byte_fallback, fuse_unk, ignore_merges; merges as "a b" or ["a", "b"]
//   normalizer      NFC NFD NFKC NFKD Lowercase StripAccents Strip Prepend Replace Sequence
//   pre_tokenizer   ByteLevel Split Digits Punctuation Whitespace WhitespaceSplit Metaspace
//   Sequence decoder         ByteLevel ByteFallback Replace Metaspace Strip Fuse Sequence, or none
//   post_processor  ByteLevel TemplateProcessing RobertaProcessing BertProcessing Sequence
//   added_tokens    all of it; truncation and padding are ignored with a warning
#include "support/file/json.h"
#include "support/file/file.h"
#include "tokenizer/parts.h"

typedef struct {
    tokenizer *t;
    const char *path;
    diag_sink *diags;
} reader;

// --- reporting and typed access; `where` is the path inside the file ("pre_tokenizer")

__attribute__((format(printf, 3, 4))) static bool bad(reader *r, const char *where, const char *fmt,
                                                      ...) {
    char message[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    diag_emit(r->diags, DIAG_ID_tokenizer_format, DIAG_AT(r->path, where), "%s", message);
    return false;
}

__attribute__((format(printf, 3, 4))) static bool unsupported(reader *r, const char *where,
                                                              const char *fmt, ...) {
    char message[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    diag_emit(r->diags, DIAG_ID_tokenizer_unsupported, DIAG_AT(r->path, where),
              "%s is not supported", message);
    return false;
}

// `known`: keys, each followed by a space ("type pattern ").
static bool only_keys(reader *r, const char *where, json_t *object, const char *known) {
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        size_t n = strlen(key);
        bool found = false;
        for (const char *k = known; !found && *k; k += strcspn(k, " ") + 1)
            found = strcspn(k, " ") == n && memcmp(k, key, n) == 0;
        if (!found) return unsupported(r, where, "'%s'", key);
    }
    return true;
}

static bool is_absent(const json_t *v) { return !v || json_is_null(v); }

// Missing and null leave *out as it is.
static bool read_bool(reader *r, const char *where, json_t *object, const char *key, bool *out) {
    json_t *v = json_object_get(object, key);
    if (is_absent(v)) return true;
    if (!json_is_boolean(v)) return bad(r, where, "'%s' is not a boolean", key);
    *out = json_is_true(v);
    return true;
}

static bool read_text(reader *r, const char *where, json_t *object, const char *key, text *out) {
    json_t *v = json_object_get(object, key);
    if (!json_is_string(v)) return bad(r, where, "'%s' is not a string", key);
    size_t n = json_string_length(v);
    *out = (text){arena_strn(r->t->memory, json_string_value(v), n), n};
    return true;
}

static const char *type_of(json_t *object) {
    const char *type = json_string_value(json_object_get(object, "type"));
    return type ? type : "";
}

static bool read_count(reader *r, const char *where, json_t *object, const char *key, int *out) {
    json_t *v = json_object_get(object, key);
    if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > 1000)
        return bad(r, where, "'%s' is not a small number", key);
    *out = (int)json_integer_value(v);
    return true;
}

static bool read_id(reader *r, const char *where, json_t *v, int32_t *out) {
    if (!json_is_integer(v) || json_integer_value(v) < 0 ||
        json_integer_value(v) >= TOKENIZER_MAX_ID)
        return bad(r, where, "a token id is not a number from 0 to %d", TOKENIZER_MAX_ID - 1);
    *out = (int32_t)json_integer_value(v);
    return true;
}

static bool compile(reader *r, const char *where, const char *pattern, size_t n, bool literal,
                    regex **out) {
    char message[128];
    *out = regex_new(pattern, n, literal, message);
    return *out || bad(r, where, "the pattern '%.60s' does not compile: %s", pattern, message);
}

// {"String": "x"} or {"Regex": "x"} or "x"
static bool read_pattern(reader *r, const char *where, json_t *object, regex **out) {
    json_t *v = json_object_get(object, "pattern"), *literal = v, *pattern = NULL;
    if (json_is_object(v)) {
        literal = json_object_get(v, "String");
        pattern = json_object_get(v, "Regex");
    }
    json_t *p = literal ? literal : pattern;
    if (!json_is_string(p)) return bad(r, where, "'pattern' is neither a String nor a Regex");
    return compile(r, where, json_string_value(p), json_string_length(p), literal != NULL, out);
}

// --- normalizers

static bool read_normalizer(reader *r, json_t *o) {
    static const char where[] = "normalizer";
    static const struct {
        const char *name;
        norm_kind kind;
    } plain[] = {
        {"NFC", NORM_NFC},
        {"NFD", NORM_NFD},
        {"NFKC", NORM_NFKC},
        {"NFKD", NORM_NFKD},
        {"Lowercase", NORM_LOWERCASE},
        {"StripAccents", NORM_STRIP_ACCENTS},
    };
    if (is_absent(o)) return true;
    const char *type = type_of(o);
    norm_step s = {0};
    bool ok = true;
    if (strcmp(type, "Sequence") == 0) {
        json_t *list = json_object_get(o, "normalizers");
        ok = only_keys(r, where, o, "type normalizers ");
        if (!json_is_array(list)) return bad(r, where, "'normalizers' is not a list");
        for (size_t i = 0; ok && i < json_array_size(list); i++)
            ok = read_normalizer(r, json_array_get(list, i));
        return ok;
    }
    for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
        if (strcmp(type, plain[i].name) != 0) continue;
        s.kind = plain[i].kind;
        vec_push(&r->t->normalize, s);
        return only_keys(r, where, o, "type ");
    }
    if (strcmp(type, "Prepend") == 0) {
        s.kind = NORM_PREPEND;
        ok = only_keys(r, where, o, "type prepend ") &&
             read_text(r, where, o, "prepend", &s.content);
    } else if (strcmp(type, "Replace") == 0) {
        s.kind = NORM_REPLACE;
        ok = only_keys(r, where, o, "type pattern content ") &&
             read_text(r, where, o, "content", &s.content) && read_pattern(r, where, o, &s.re);
    } else if (strcmp(type, "Strip") == 0) {
        s.kind = NORM_STRIP;
        s.left = s.right = true;
        ok = only_keys(r, where, o, "type strip_left strip_right ") &&
             read_bool(r, where, o, "strip_left", &s.left) &&
             read_bool(r, where, o, "strip_right", &s.right);
    } else {
        return unsupported(r, where, "normalizer '%s'", type);
    }
    if (ok) vec_push(&r->t->normalize, s);
    return ok;
}

// --- pre-tokenizers

static const char gpt2_pattern[] = // of GPT-2's encoder, as tokenizers' ByteLevel has it
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

static bool read_behaviour(reader *r, json_t *o, split_behaviour *out) {
    static const char *const names[] = {"Removed", "Isolated", "MergedWithPrevious",
                                        "MergedWithNext", "Contiguous"};
    if (is_absent(json_object_get(o, "behavior"))) return true; // as preset
    const char *name = json_string_value(json_object_get(o, "behavior"));
    for (size_t i = 0; name && i < ARRAY_LEN(names); i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *out = (split_behaviour)i;
        return true;
    }
    return bad(r, "pre_tokenizer", "'behavior' is not one of the five known");
}

// Metaspace, as pre-tokenizer or decoder: what stands for a space and where one is put in front.
static bool read_metaspace(reader *r, const char *where, json_t *o, text *content,
                           prepend_scheme *prepend, bool *split) {
    const char *scheme = json_string_value(json_object_get(o, "prepend_scheme"));
    bool prefix = true; // older files have add_prefix_space
    *split = true;
    if (!only_keys(r, where, o,
                   "type replacement add_prefix_space prepend_scheme split str_rep ") ||
        !read_text(r, where, o, "replacement", content) ||
        !read_bool(r, where, o, "add_prefix_space", &prefix) ||
        !read_bool(r, where, o, "split", split))
        return false;
    if (content->n == 0) return bad(r, where, "'replacement' is empty");
    if (!scheme) scheme = prefix ? "always" : "never";
    if (strcmp(scheme, "always") == 0)
        *prepend = PREPEND_ALWAYS;
    else if (strcmp(scheme, "first") == 0)
        *prepend = PREPEND_FIRST;
    else if (strcmp(scheme, "never") == 0)
        *prepend = PREPEND_NEVER;
    else
        return bad(r, where, "'prepend_scheme' is '%s'", scheme);
    return true;
}

static bool read_pre_tokenizer(reader *r, json_t *o) {
    static const char where[] = "pre_tokenizer";
    // Those that are a regular expression and nothing else.
    static const struct {
        const char *name, *pattern;
        split_behaviour behaviour;
    } plain[] = {
        {"Whitespace", "\\w+|[^\\w\\s]+", SPLIT_REMOVED}, // inverted: what matches stays
        {"WhitespaceSplit", "\\s", SPLIT_REMOVED},
    };
    if (is_absent(o)) return true;
    const char *type = type_of(o);
    pre_step s = {0};
    bool ok = true;
    if (strcmp(type, "Sequence") == 0) {
        json_t *list = json_object_get(o, "pretokenizers");
        ok = only_keys(r, where, o, "type pretokenizers ");
        if (!json_is_array(list)) return bad(r, where, "'pretokenizers' is not a list");
        for (size_t i = 0; ok && i < json_array_size(list); i++)
            ok = read_pre_tokenizer(r, json_array_get(list, i));
        return ok;
    }
    for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
        if (strcmp(type, plain[i].name) != 0) continue;
        s.behaviour = plain[i].behaviour;
        s.invert = i == 0;
        const char *pattern = plain[i].pattern;
        if (!only_keys(r, where, o, "type ") ||
            !compile(r, where, pattern, strlen(pattern), false, &s.re))
            return false;
        vec_push(&r->t->split, s);
        return true;
    }
    if (strcmp(type, "ByteLevel") == 0) {
        bool prefix = true, use_regex = true;
        s.kind = PRE_BYTE_LEVEL;
        s.behaviour = SPLIT_ISOLATED;
        ok = only_keys(r, where, o, "type add_prefix_space trim_offsets use_regex ") &&
             read_bool(r, where, o, "add_prefix_space", &prefix) &&
             read_bool(r, where, o, "use_regex", &use_regex);
        s.prepend = prefix ? PREPEND_ALWAYS : PREPEND_NEVER;
        if (ok && use_regex)
            ok = compile(r, where, gpt2_pattern, sizeof gpt2_pattern - 1, false, &s.re);
    } else if (strcmp(type, "Split") == 0) {
        ok = only_keys(r, where, o, "type pattern behavior invert ") &&
             read_behaviour(r, o, &s.behaviour) && read_bool(r, where, o, "invert", &s.invert) &&
             read_pattern(r, where, o, &s.re);
    } else if (strcmp(type, "Digits") == 0) {
        bool each = false;
        ok = only_keys(r, where, o, "type individual_digits ") &&
             read_bool(r, where, o, "individual_digits", &each) &&
             compile(r, where, "\\p{N}", 5, false, &s.re);
        s.behaviour = each ? SPLIT_ISOLATED : SPLIT_CONTIGUOUS;
    } else if (strcmp(type, "Punctuation") == 0) {
        s.behaviour = SPLIT_ISOLATED;
        static const char pattern[] = "[\\p{P}!-/:-@\\[-`{-~]";
        ok = only_keys(r, where, o, "type behavior ") && read_behaviour(r, o, &s.behaviour) &&
             compile(r, where, pattern, sizeof pattern - 1, false, &s.re);
    } else if (strcmp(type, "Metaspace") == 0) {
        bool split;
        s.kind = PRE_METASPACE;
        s.behaviour = SPLIT_MERGED_WITH_NEXT;
        ok = read_metaspace(r, where, o, &s.content, &s.prepend, &split);
        if (ok && split) ok = compile(r, where, s.content.p, s.content.n, true, &s.re);
    } else {
        return unsupported(r, where, "pre-tokenizer '%s'", type);
    }
    if (ok) vec_push(&r->t->split, s);
    return ok;
}

// --- decoders

// `fused`: a Fuse came before, so that what follows sees the whole text as one token.
static bool read_decoder(reader *r, json_t *o, bool *fused) {
    static const char where[] = "decoder";
    const char *type = type_of(o);
    decode_step s = {0};
    bool ok = true;
    if (strcmp(type, "Sequence") == 0) {
        json_t *list = json_object_get(o, "decoders");
        ok = only_keys(r, where, o, "type decoders ");
        if (!json_is_array(list)) return bad(r, where, "'decoders' is not a list");
        for (size_t i = 0; ok && i < json_array_size(list); i++)
            ok = read_decoder(r, json_array_get(list, i), fused);
        return ok;
    }
    if (strcmp(type, "Fuse") == 0) {
        *fused = true;
        return only_keys(r, where, o, "type ");
    }
    if (strcmp(type, "Strip") == 0) {
        s.kind = DECODE_STRIP;
        if (!only_keys(r, where, o, "type content start stop ") ||
            !read_text(r, where, o, "content", &s.content) ||
            !read_count(r, where, o, "start", &s.left) ||
            !read_count(r, where, o, "stop", &s.right))
            return false;
        if (*fused) {
            if (s.right || s.content.n != 1 || s.content.p[0] != ' ')
                return unsupported(r, where, "'Strip' of a fused text at its end or of '%s'",
                                   s.content.p);
            r->t->strip_start += s.left;
            return true;
        }
    } else if (*fused) {
        return unsupported(r, where, "'%s' behind 'Fuse'", type);
    } else if (strcmp(type, "ByteLevel") == 0) {
        s.kind = DECODE_BYTE_LEVEL;
        ok = only_keys(r, where, o, "type add_prefix_space trim_offsets use_regex ");
    } else if (strcmp(type, "ByteFallback") == 0) {
        s.kind = DECODE_BYTE_FALLBACK;
        ok = only_keys(r, where, o, "type ");
    } else if (strcmp(type, "Replace") == 0) {
        s.kind = DECODE_REPLACE;
        ok = only_keys(r, where, o, "type pattern content ") &&
             read_text(r, where, o, "content", &s.content) && read_pattern(r, where, o, &s.re);
    } else if (strcmp(type, "Metaspace") == 0) {
        bool split;
        s.kind = DECODE_METASPACE;
        ok = read_metaspace(r, where, o, &s.content, &s.prepend, &split);
    } else {
        return unsupported(r, where, "decoder '%s'", type);
    }
    if (ok) vec_push(&r->t->decode, s);
    return ok;
}

// --- the model

static bool read_vocabulary(reader *r, json_t *model) {
    json_t *vocabulary = json_object_get(model, "vocab"), *v;
    if (!json_is_object(vocabulary)) return bad(r, "model", "'vocab' is not an object");
    const char *name;
    json_object_foreach(vocabulary, name, v) {
        int32_t id;
        if (!read_id(r, "model.vocab", v, &id)) return false;
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

static bool read_merges(reader *r, json_t *model) {
    static const char where[] = "model.merges";
    json_t *merges = json_object_get(model, "merges");
    if (!json_is_array(merges)) return bad(r, where, "not a list");
    r->t->merges = merge_table_new();
    VEC(char) joined = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < json_array_size(merges); i++) {
        text part[2];
        if (!merge_parts(json_array_get(merges, i), part)) {
            ok = bad(r, where, "merge %zu is not two tokens", i);
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
            ok = bad(r, where, "merge %zu ('%.40s') has a part or a result that is no token", i,
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
    return is_absent(v) || (json_is_string(v) && json_string_length(v) == 0);
}

static bool read_model(reader *r, json_t *model) {
    static const char where[] = "model";
    tokenizer *t = r->t;
    if (!json_is_object(model)) return bad(r, where, "missing");
    const char *type = type_of(model);
    if (!*type && json_object_get(model, "merges")) type = "BPE"; // older files
    if (strcmp(type, "BPE") != 0) return unsupported(r, where, "model '%s'", type);
    json_t *dropout = json_object_get(model, "dropout");
    if (!only_keys(r, where, model,
                   "type dropout unk_token continuing_subword_prefix end_of_word_suffix fuse_unk "
                   "byte_fallback ignore_merges vocab merges "))
        return false;
    if (!is_absent(dropout) && json_number_value(dropout) != 0)
        return unsupported(r, where, "'dropout'");
    if (!is_empty_string(json_object_get(model, "continuing_subword_prefix")))
        return unsupported(r, where, "'continuing_subword_prefix'");
    if (!is_empty_string(json_object_get(model, "end_of_word_suffix")))
        return unsupported(r, where, "'end_of_word_suffix'");
    if (!read_vocabulary(r, model) || !read_merges(r, model) ||
        !read_bool(r, where, model, "byte_fallback", &t->byte_fallback) ||
        !read_bool(r, where, model, "fuse_unk", &t->fuse_unknown) ||
        !read_bool(r, where, model, "ignore_merges", &t->ignore_merges))
        return false;
    json_t *unknown = json_object_get(model, "unk_token");
    if (is_absent(unknown)) return true;
    if (!json_is_string(unknown)) return bad(r, where, "'unk_token' is not a string");
    t->unknown = tokenizer_token_id(t, json_string_value(unknown));
    return t->unknown >= 0 || bad(r, where, "'unk_token' is not in the vocabulary");
}

// --- added tokens

static int longer_first(const void *a, const void *b) {
    size_t x = ((const added_token *)a)->content.n, y = ((const added_token *)b)->content.n;
    return (x < y) - (x > y);
}

static bool read_added(reader *r, json_t *list) {
    static const char where[] = "added_tokens";
    tokenizer *t = r->t;
    if (is_absent(list)) return true;
    if (!json_is_array(list)) return bad(r, where, "not a list");
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *o = json_array_get(list, i);
        added_token k = {0};
        bool special = false;
        if (!json_is_object(o)) return bad(r, where, "entry %zu is not an object", i);
        if (!only_keys(r, where, o, "id content single_word lstrip rstrip normalized special ") ||
            !read_id(r, where, json_object_get(o, "id"), &k.id) ||
            !read_text(r, where, o, "content", &k.content) ||
            !read_bool(r, where, o, "single_word", &k.single_word) ||
            !read_bool(r, where, o, "lstrip", &k.lstrip) ||
            !read_bool(r, where, o, "rstrip", &k.rstrip) ||
            !read_bool(r, where, o, "normalized", &k.normalized) ||
            !read_bool(r, where, o, "special", &special))
            return false;
        if (strlen(k.content.p) != k.content.n) return bad(r, where, "a token contains NUL");
        int32_t known = tokenizer_token_id(t, k.content.p);
        if (known >= 0) k.id = known;
        tokenizer_define(t, k.id, k.content.p);
        t->tokens.items[k.id].special |= special;
        if (k.normalized &&
            !text_normalize(t->normalize.items, t->normalize.count, t->memory, &k.content))
            return bad(r, where, "the normalizer takes too long on token %d", k.id);
        if (k.normalized && k.content.n)
            t->tokens.items[k.id].text = arena_strn(t->memory, k.content.p, k.content.n);
        vec_push(&t->added, k);
    }
    if (t->added.count) qsort(t->added.items, t->added.count, sizeof *t->added.items, longer_first);
    return true;
}

// --- post-processors: what is put before and behind a text

static bool read_known_id(reader *r, json_t *v, int32_t *out) {
    static const char where[] = "post_processor";
    if (!read_id(r, where, v, out)) return false;
    return tokenizer_token(r->t, *out) || bad(r, where, "no token has the id %d", *out);
}

// {"SpecialToken": {"id": "<s>", ...}} -> the ids that the list of special tokens gives it
static bool push_special(reader *r, json_t *specials, json_t *item, tokenizer_ids *ids) {
    static const char where[] = "post_processor";
    json_t *name = json_object_get(item, "id");
    json_t *list = json_object_get(
        json_object_get(specials, json_is_string(name) ? json_string_value(name) : ""), "ids");
    if (!json_is_array(list)) return bad(r, where, "a special token of the template is not listed");
    for (size_t i = 0; i < json_array_size(list); i++) {
        int32_t id;
        if (!read_known_id(r, json_array_get(list, i), &id)) return false;
        vec_push(ids, id);
    }
    return true;
}

static bool read_template(reader *r, json_t *o) {
    static const char where[] = "post_processor";
    json_t *single = json_object_get(o, "single"), *specials = json_object_get(o, "special_tokens");
    if (!only_keys(r, where, o, "type single pair special_tokens ")) return false;
    if (!json_is_array(single)) return bad(r, where, "'single' is not a list");
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
            return unsupported(r, where, "this template");
        }
    }
    t->has_template |= t->before.count + t->behind.count > 0;
    return true;
}

// "cls": ["<s>", 0]
static bool push_pair(reader *r, json_t *o, const char *key, tokenizer_ids *ids) {
    json_t *pair = json_object_get(o, key);
    int32_t id;
    if (!json_is_array(pair) || json_array_size(pair) != 2)
        return bad(r, "post_processor", "'%s' is not a pair", key);
    if (!read_known_id(r, json_array_get(pair, 1), &id)) return false;
    vec_push(ids, id);
    return true;
}

static bool read_post_processor(reader *r, json_t *o) {
    static const char where[] = "post_processor";
    if (is_absent(o)) return true;
    const char *type = type_of(o);
    if (strcmp(type, "Sequence") == 0) {
        json_t *list = json_object_get(o, "processors");
        bool ok = only_keys(r, where, o, "type processors ");
        if (!json_is_array(list)) return bad(r, where, "'processors' is not a list");
        for (size_t i = 0; ok && i < json_array_size(list); i++)
            ok = read_post_processor(r, json_array_get(list, i));
        return ok;
    }
    if (strcmp(type, "ByteLevel") == 0) // touches offsets only
        return only_keys(r, where, o, "type add_prefix_space trim_offsets use_regex ");
    if (strcmp(type, "TemplateProcessing") == 0) return read_template(r, o);
    if (strcmp(type, "RobertaProcessing") == 0 || strcmp(type, "BertProcessing") == 0) {
        r->t->has_template = true;
        return only_keys(r, where, o, "type sep cls trim_offsets add_prefix_space ") &&
               push_pair(r, o, "cls", &r->t->before) && push_pair(r, o, "sep", &r->t->behind);
    }
    return unsupported(r, where, "post-processor '%s'", type);
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

static bool read_root(reader *r, json_t *root) {
    json_t *decoder = json_object_get(root, "decoder");
    bool fused = false;
    static const char *const ignored[] = {"truncation", "padding"};
    for (size_t i = 0; i < ARRAY_LEN(ignored); i++) {
        if (!is_absent(json_object_get(root, ignored[i])))
            diag_emit(r->diags, DIAG_ID_tokenizer_ignored, DIAG_FILE(r->path),
                      "'%s' is about batches of texts and ignored", ignored[i]);
    }
    r->t->space_between = is_absent(decoder);
    return only_keys(r, NULL, root,
                     "version truncation padding added_tokens normalizer pre_tokenizer "
                     "post_processor decoder model ") &&
           read_model(r, json_object_get(root, "model")) &&
           read_normalizer(r, json_object_get(root, "normalizer")) &&
           read_added(r, json_object_get(root, "added_tokens")) &&
           read_pre_tokenizer(r, json_object_get(root, "pre_tokenizer")) &&
           read_post_processor(r, json_object_get(root, "post_processor")) &&
           (is_absent(decoder) || read_decoder(r, decoder, &fused));
}

bool tokenizer_read_json(tokenizer *t, text file, const char *path, diag_sink *diags) {
    json_t *root = json_file_parse(file.p, file.n, path, diags);
    if (!root) return false;
    reader r = {t, path, diags};
    bool ok = read_root(&r, root);
    json_decref(root);
    if (ok) guess_ends(t);
    return ok;
}
