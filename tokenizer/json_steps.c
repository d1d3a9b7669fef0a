// Steps of a tokenizer.json: what its normalizers, pre-tokenizers and decoders do to a text.
//
//   normalizer      NFC NFD NFKC NFKD Lowercase StripAccents Strip Prepend Replace
//   pre_tokenizer   ByteLevel Split Digits Punctuation Whitespace WhitespaceSplit Metaspace
//   decoder         ByteLevel ByteFallback Replace Metaspace Strip Fuse
//
// and a Sequence of any of them; none is fine.
#include "tokenizer/json_access.h"

// --- normalizers

bool hf_normalizer(hf_reader *r, json_t *o) {
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
    if (hf_is_absent(o)) return true;
    const char *type = hf_type_of(o);
    norm_step s = {0};
    bool ok = true;
    if (strcmp(type, "Sequence") == 0) return hf_each(r, where, o, "normalizers", hf_normalizer);
    for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
        if (strcmp(type, plain[i].name) != 0) continue;
        s.kind = plain[i].kind;
        vec_push(&r->t->normalize, s);
        return hf_only_keys(r, where, o, "type ");
    }
    if (strcmp(type, "Prepend") == 0) {
        s.kind = NORM_PREPEND;
        ok = hf_only_keys(r, where, o, "type prepend ") &&
             hf_text(r, where, o, "prepend", &s.content);
    } else if (strcmp(type, "Replace") == 0) {
        s.kind = NORM_REPLACE;
        ok = hf_only_keys(r, where, o, "type pattern content ") &&
             hf_text(r, where, o, "content", &s.content) && hf_pattern(r, where, o, &s.re);
    } else if (strcmp(type, "Strip") == 0) {
        s.kind = NORM_STRIP;
        s.left = s.right = true;
        ok = hf_only_keys(r, where, o, "type strip_left strip_right ") &&
             hf_bool(r, where, o, "strip_left", &s.left) &&
             hf_bool(r, where, o, "strip_right", &s.right);
    } else {
        return hf_unsupported(r, where, "normalizer '%s'", type);
    }
    if (ok) vec_push(&r->t->normalize, s);
    return ok;
}

// --- pre-tokenizers

static const char gpt2_pattern[] = // of GPT-2's encoder, as tokenizers' ByteLevel has it
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

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
    return hf_bad(r, "pre_tokenizer", "'behavior' is not one of the five known");
}

// Metaspace, as pre-tokenizer or decoder: what stands for a space and where one is put in front.
static bool read_metaspace(hf_reader *r, const char *where, json_t *o, text *content,
                           prepend_scheme *prepend, bool *split) {
    const char *scheme = json_string_value(json_object_get(o, "prepend_scheme"));
    bool prefix = true; // older files have add_prefix_space
    *split = true;
    if (!hf_only_keys(r, where, o,
                      "type replacement add_prefix_space prepend_scheme split str_rep ") ||
        !hf_text(r, where, o, "replacement", content) ||
        !hf_bool(r, where, o, "add_prefix_space", &prefix) || !hf_bool(r, where, o, "split", split))
        return false;
    if (content->n == 0) return hf_bad(r, where, "'replacement' is empty");
    if (!scheme) scheme = prefix ? "always" : "never";
    if (strcmp(scheme, "always") == 0)
        *prepend = PREPEND_ALWAYS;
    else if (strcmp(scheme, "first") == 0)
        *prepend = PREPEND_FIRST;
    else if (strcmp(scheme, "never") == 0)
        *prepend = PREPEND_NEVER;
    else
        return hf_bad(r, where, "'prepend_scheme' is '%s'", scheme);
    return true;
}

bool hf_pre_tokenizer(hf_reader *r, json_t *o) {
    static const char where[] = "pre_tokenizer";
    // Those that are a regular expression and nothing else.
    static const struct {
        const char *name, *pattern;
        split_behaviour behaviour;
    } plain[] = {
        {"Whitespace", "\\w+|[^\\w\\s]+", SPLIT_REMOVED}, // inverted: what matches stays
        {"WhitespaceSplit", "\\s", SPLIT_REMOVED},
    };
    if (hf_is_absent(o)) return true;
    const char *type = hf_type_of(o);
    pre_step s = {0};
    bool ok = true;
    if (strcmp(type, "Sequence") == 0)
        return hf_each(r, where, o, "pretokenizers", hf_pre_tokenizer);
    for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
        if (strcmp(type, plain[i].name) != 0) continue;
        s.behaviour = plain[i].behaviour;
        s.invert = i == 0;
        const char *pattern = plain[i].pattern;
        if (!hf_only_keys(r, where, o, "type ") ||
            !hf_compile(r, where, pattern, strlen(pattern), false, &s.re))
            return false;
        vec_push(&r->t->split, s);
        return true;
    }
    if (strcmp(type, "ByteLevel") == 0) {
        bool prefix = true, use_regex = true;
        s.kind = PRE_BYTE_LEVEL;
        s.behaviour = SPLIT_ISOLATED;
        ok = hf_only_keys(r, where, o, "type add_prefix_space trim_offsets use_regex ") &&
             hf_bool(r, where, o, "add_prefix_space", &prefix) &&
             hf_bool(r, where, o, "use_regex", &use_regex);
        s.prepend = prefix ? PREPEND_ALWAYS : PREPEND_NEVER;
        if (ok && use_regex)
            ok = hf_compile(r, where, gpt2_pattern, sizeof gpt2_pattern - 1, false, &s.re);
    } else if (strcmp(type, "Split") == 0) {
        ok = hf_only_keys(r, where, o, "type pattern behavior invert ") &&
             read_behaviour(r, o, &s.behaviour) && hf_bool(r, where, o, "invert", &s.invert) &&
             hf_pattern(r, where, o, &s.re);
    } else if (strcmp(type, "Digits") == 0) {
        bool each = false;
        ok = hf_only_keys(r, where, o, "type individual_digits ") &&
             hf_bool(r, where, o, "individual_digits", &each) &&
             hf_compile(r, where, "\\p{N}", 5, false, &s.re);
        s.behaviour = each ? SPLIT_ISOLATED : SPLIT_CONTIGUOUS;
    } else if (strcmp(type, "Punctuation") == 0) {
        s.behaviour = SPLIT_ISOLATED;
        static const char pattern[] = "[\\p{P}!-/:-@\\[-`{-~]";
        ok = hf_only_keys(r, where, o, "type behavior ") && read_behaviour(r, o, &s.behaviour) &&
             hf_compile(r, where, pattern, sizeof pattern - 1, false, &s.re);
    } else if (strcmp(type, "Metaspace") == 0) {
        bool split;
        s.kind = PRE_METASPACE;
        s.behaviour = SPLIT_MERGED_WITH_NEXT;
        ok = read_metaspace(r, where, o, &s.content, &s.prepend, &split);
        if (ok && split) ok = hf_compile(r, where, s.content.p, s.content.n, true, &s.re);
    } else {
        return hf_unsupported(r, where, "pre-tokenizer '%s'", type);
    }
    if (ok) vec_push(&r->t->split, s);
    return ok;
}

// --- decoders

bool hf_decoder(hf_reader *r, json_t *o) {
    static const char where[] = "decoder";
    if (hf_is_absent(o)) return true;
    const char *type = hf_type_of(o);
    decode_step s = {0};
    bool ok = true;
    if (strcmp(type, "Sequence") == 0) return hf_each(r, where, o, "decoders", hf_decoder);
    if (strcmp(type, "Fuse") == 0) {
        r->fused = true;
        return hf_only_keys(r, where, o, "type ");
    }
    if (strcmp(type, "Strip") == 0) {
        s.kind = DECODE_STRIP;
        if (!hf_only_keys(r, where, o, "type content start stop ") ||
            !hf_text(r, where, o, "content", &s.content) ||
            !hf_count(r, where, o, "start", &s.left) || !hf_count(r, where, o, "stop", &s.right))
            return false;
        if (r->fused) {
            if (s.right || s.content.n != 1 || s.content.p[0] != ' ')
                return hf_unsupported(r, where, "'Strip' of a fused text at its end or of '%s'",
                                      s.content.p);
            r->t->strip_start += s.left;
            return true;
        }
    } else if (r->fused) {
        return hf_unsupported(r, where, "'%s' behind 'Fuse'", type);
    } else if (strcmp(type, "ByteLevel") == 0) {
        s.kind = DECODE_BYTE_LEVEL;
        ok = hf_only_keys(r, where, o, "type add_prefix_space trim_offsets use_regex ");
    } else if (strcmp(type, "ByteFallback") == 0) {
        s.kind = DECODE_BYTE_FALLBACK;
        ok = hf_only_keys(r, where, o, "type ");
    } else if (strcmp(type, "Replace") == 0) {
        s.kind = DECODE_REPLACE;
        ok = hf_only_keys(r, where, o, "type pattern content ") &&
             hf_text(r, where, o, "content", &s.content) && hf_pattern(r, where, o, &s.re);
    } else if (strcmp(type, "Metaspace") == 0) {
        bool split;
        s.kind = DECODE_METASPACE;
        ok = read_metaspace(r, where, o, &s.content, &s.prepend, &split);
    } else {
        return hf_unsupported(r, where, "decoder '%s'", type);
    }
    if (ok) vec_push(&r->t->decode, s);
    return ok;
}
