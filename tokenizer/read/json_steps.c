// Steps of a tokenizer.json: the settings of its normalizers, pre-tokenizers and decoders. What
// there is: steps.def, and a Sequence of any of them; none is fine.
#include "tokenizer/read/json_access.h"

static const char normalizer[] = "normalizer", pre_tokenizer[] = "pre_tokenizer",
                  decoder[] = "decoder";

static bool only_known(hf_reader *r, const char *where, json_t *o, const char *keys) {
    return hf_only_keys(r, where, o, arena_printf(r->t->memory, "type %s", keys));
}

// --- normalizers

static bool norm_none(hf_reader *r, json_t *o, normalizer_step *s) { return true; }

static bool norm_bert(hf_reader *r, json_t *o, normalizer_step *s) {
    s->clean = s->chinese = s->lowercase = true;
    if (!hf_bool(r, normalizer, o, "clean_text", &s->clean) ||
        !hf_bool(r, normalizer, o, "handle_chinese_chars", &s->chinese) ||
        !hf_bool(r, normalizer, o, "lowercase", &s->lowercase))
        return false;
    s->accents = s->lowercase; // unless it says otherwise
    return hf_bool(r, normalizer, o, "strip_accents", &s->accents);
}

static int base64_digit(char c) {
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

// False: not base64.
static bool base64_decode(arena *a, text in, text *out) {
    char *p = arena_alloc(a, in.n / 4 * 3 + 4);
    uint32_t bits = 0;
    size_t n = 0, digits = 0;
    while (in.n && in.p[in.n - 1] == '=') in.n--;
    for (; digits < in.n; digits++) {
        int d = base64_digit(in.p[digits]);
        if (d < 0) return false;
        bits = bits << 6 | (uint32_t)d;
        if (digits % 4) p[n++] = (char)(bits >> (6 - 2 * (digits % 4)));
    }
    *out = (text){p, n};
    return digits % 4 != 1;
}

static bool norm_precompiled(hf_reader *r, json_t *o, normalizer_step *s) {
    text coded = {0}, data;
    if (!hf_text(r, normalizer, o, "precompiled_charsmap", &coded)) return false;
    if (coded.n == 0) return true; // no rules
    if (base64_decode(r->t->memory, coded, &data)) s->map = charsmap_new(r->t->memory, data);
    return s->map ||
           hf_bad(r, normalizer, "'precompiled_charsmap' is not what SentencePiece makes");
}

static bool norm_prepend(hf_reader *r, json_t *o, normalizer_step *s) {
    return hf_text(r, normalizer, o, "prepend", &s->content) &&
           (s->content.p || hf_bad(r, normalizer, "'prepend' is missing"));
}

static bool norm_replace(hf_reader *r, json_t *o, normalizer_step *s) {
    return hf_text(r, normalizer, o, "content", &s->content) &&
           (s->content.p || hf_bad(r, normalizer, "'content' is missing")) &&
           hf_pattern(r, normalizer, o, &s->re);
}

static bool norm_strip(hf_reader *r, json_t *o, normalizer_step *s) {
    s->left = s->right = true;
    return hf_bool(r, normalizer, o, "strip_left", &s->left) &&
           hf_bool(r, normalizer, o, "strip_right", &s->right);
}

bool hf_normalizer(hf_reader *r, json_t *o) {
    static const struct {
        const char *type, *keys;
        bool (*read)(hf_reader *, json_t *, normalizer_step *);
    } rows[] = {
#define NORMALIZER(type, name, reads, keys) {type, keys, norm_##reads},
#include "tokenizer/steps.def"
    };
    if (hf_is_absent(o)) return true;
    const char *type = hf_type_of(o);
    if (strcmp(type, "Sequence") == 0)
        return hf_each(r, normalizer, o, "normalizers", hf_normalizer);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcmp(type, rows[i].type) != 0) continue;
        normalizer_step s = {.kind = (normalizer_kind)i};
        if (!only_known(r, normalizer, o, rows[i].keys) || !rows[i].read(r, o, &s)) return false;
        vec_push(&r->t->normalizers, s);
        return true;
    }
    return hf_unsupported(r, normalizer, "normalizer '%s'", type);
}

// --- pre-tokenizers

static bool pre_none(hf_reader *r, json_t *o, pre_tokenizer_step *s) { return true; }

static bool pre_byte_level(hf_reader *r, json_t *o, pre_tokenizer_step *s) {
    static const char gpt2[] = // of GPT-2's encoder, as tokenizers' ByteLevel has it
        "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
    bool use_regex = true;
    s->prefix = true;
    return hf_bool(r, pre_tokenizer, o, "add_prefix_space", &s->prefix) &&
           hf_bool(r, pre_tokenizer, o, "use_regex", &use_regex) &&
           (!use_regex ||
            hf_compile(r, pre_tokenizer, (text){gpt2, sizeof gpt2 - 1}, false, &s->re));
}

static bool pre_delimiter(hf_reader *r, json_t *o, pre_tokenizer_step *s) {
    s->c = -1;
    return hf_character(r, pre_tokenizer, o, "delimiter", &s->c) &&
           (s->c >= 0 || hf_bad(r, pre_tokenizer, "'delimiter' is missing"));
}

static bool pre_digits(hf_reader *r, json_t *o, pre_tokenizer_step *s) {
    return hf_bool(r, pre_tokenizer, o, "individual_digits", &s->each);
}

static bool pre_fixed_length(hf_reader *r, json_t *o, pre_tokenizer_step *s) {
    s->length = 5;
    return hf_count(r, pre_tokenizer, o, "length", &s->length) &&
           (s->length > 0 || hf_bad(r, pre_tokenizer, "'length' is 0"));
}

// Metaspace, as pre-tokenizer or decoder: what stands for a space and where one is put in front.
static bool read_metaspace(hf_reader *r, const char *where, json_t *o, int32_t *c,
                           prepend_scheme *prepend, bool *split) {
    static const char *const schemes[] = {
        [PREPEND_NEVER] = "never", [PREPEND_FIRST] = "first", [PREPEND_ALWAYS] = "always"};
    const char *scheme = json_string_value(json_object_get(o, "prepend_scheme"));
    bool prefix = true; // older files have add_prefix_space
    *split = true;
    *c = -1;
    if (!hf_character(r, where, o, "replacement", c) ||
        !hf_bool(r, where, o, "add_prefix_space", &prefix) || !hf_bool(r, where, o, "split", split))
        return false;
    if (*c < 0) return hf_bad(r, where, "'replacement' is missing");
    if (!scheme) scheme = prefix ? "always" : "never";
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (strcmp(scheme, schemes[i]) != 0) continue;
        *prepend = (prepend_scheme)i;
        return true;
    }
    return hf_bad(r, where, "'prepend_scheme' is '%s', not one of always, first and never", scheme);
}

static bool pre_metaspace(hf_reader *r, json_t *o, pre_tokenizer_step *s) {
    return read_metaspace(r, pre_tokenizer, o, &s->c, &s->prepend, &s->each);
}

static bool read_behaviour(hf_reader *r, json_t *o, split_behaviour *out) {
    static const char *const names[] = {"Removed", "Isolated", "MergedWithPrevious",
                                        "MergedWithNext", "Contiguous"};
    if (hf_is_absent(json_object_get(o, "behavior"))) return true; // as preset
    const char *name = json_string_value(json_object_get(o, "behavior"));
    for (size_t i = 0; name && i < ARRAY_LEN(names); i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *out = (split_behaviour)i;
        return true;
    }
    return hf_bad(r, pre_tokenizer, "'behavior' is not one of the five known");
}

static bool pre_punctuation(hf_reader *r, json_t *o, pre_tokenizer_step *s) {
    s->behaviour = SPLIT_ISOLATED;
    return read_behaviour(r, o, &s->behaviour);
}

static bool pre_split(hf_reader *r, json_t *o, pre_tokenizer_step *s) {
    return read_behaviour(r, o, &s->behaviour) &&
           hf_bool(r, pre_tokenizer, o, "invert", &s->invert) &&
           hf_pattern(r, pre_tokenizer, o, &s->re);
}

bool hf_pre_tokenizer(hf_reader *r, json_t *o) {
    static const struct {
        const char *type, *keys;
        bool (*read)(hf_reader *, json_t *, pre_tokenizer_step *);
    } rows[] = {
#define PRE_TOKENIZER(type, name, reads, keys) {type, keys, pre_##reads},
#include "tokenizer/steps.def"
    };
    if (hf_is_absent(o)) return true;
    const char *type = hf_type_of(o);
    if (strcmp(type, "Sequence") == 0)
        return hf_each(r, pre_tokenizer, o, "pretokenizers", hf_pre_tokenizer);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcmp(type, rows[i].type) != 0) continue;
        pre_tokenizer_step s = {.kind = (pre_tokenizer_kind)i};
        if (!only_known(r, pre_tokenizer, o, rows[i].keys) || !rows[i].read(r, o, &s)) return false;
        vec_push(&r->t->pre_tokenizers, s);
        return true;
    }
    return hf_unsupported(r, pre_tokenizer, "pre-tokenizer '%s'", type);
}

// --- decoders

static bool dec_none(hf_reader *r, json_t *o, decoder_step *s) { return true; }
static bool dec_byte_level(hf_reader *r, json_t *o, decoder_step *s) { return true; }

static bool dec_bpe(hf_reader *r, json_t *o, decoder_step *s) {
    s->content = (text){"</w>", 4};
    return hf_text(r, decoder, o, "suffix", &s->content);
}

static bool dec_ctc(hf_reader *r, json_t *o, decoder_step *s) {
    s->content = (text){"<pad>", 5};
    s->space = (text){"|", 1};
    s->cleanup = true;
    return hf_text(r, decoder, o, "pad_token", &s->content) &&
           hf_text(r, decoder, o, "word_delimiter_token", &s->space) &&
           hf_bool(r, decoder, o, "cleanup", &s->cleanup);
}

static bool dec_metaspace(hf_reader *r, json_t *o, decoder_step *s) {
    bool split;
    return read_metaspace(r, decoder, o, &s->c, &s->prepend, &split);
}

static bool dec_replace(hf_reader *r, json_t *o, decoder_step *s) {
    return hf_text(r, decoder, o, "content", &s->content) &&
           (s->content.p || hf_bad(r, decoder, "'content' is missing")) &&
           hf_pattern(r, decoder, o, &s->re);
}

static bool dec_strip(hf_reader *r, json_t *o, decoder_step *s) {
    int32_t c = ' ';
    return hf_character(r, decoder, o, "content", &c) &&
           hf_text(r, decoder, o, "content", &s->content) &&
           (s->content.p || hf_bad(r, decoder, "'content' is missing")) &&
           hf_count(r, decoder, o, "start", &s->left) && hf_count(r, decoder, o, "stop", &s->right);
}

static bool dec_wordpiece(hf_reader *r, json_t *o, decoder_step *s) {
    s->content = (text){"##", 2};
    s->cleanup = true;
    return hf_text(r, decoder, o, "prefix", &s->content) &&
           hf_bool(r, decoder, o, "cleanup", &s->cleanup);
}

bool hf_decoder(hf_reader *r, json_t *o) {
    static const struct {
        const char *type, *keys;
        bool (*read)(hf_reader *, json_t *, decoder_step *);
    } rows[] = {
#define DECODER(type, name, reads, keys) {type, keys, dec_##reads},
#include "tokenizer/steps.def"
    };
    if (hf_is_absent(o)) return true;
    const char *type = hf_type_of(o);
    if (strcmp(type, "Sequence") == 0) return hf_each(r, decoder, o, "decoders", hf_decoder);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcmp(type, rows[i].type) != 0) continue;
        decoder_step s = {.kind = (decoder_kind)i, .fused = r->fused};
        if (!only_known(r, decoder, o, rows[i].keys) || !rows[i].read(r, o, &s)) return false;
        r->fused |= s.kind == DECODER_fuse || s.kind == DECODER_byte_level;
        vec_push(&r->t->decoders, s);
        return true;
    }
    return hf_unsupported(r, decoder, "decoder '%s'", type);
}
