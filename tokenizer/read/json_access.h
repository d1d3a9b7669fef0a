// Typed access to a tokenizer.json, where what is wrong or not known is reported by name. `where`
// is the path inside the file ("pre_tokenizer"). All give false after a report.
#ifndef OHMIC_TOKENIZER_READ_JSON_ACCESS_H
#define OHMIC_TOKENIZER_READ_JSON_ACCESS_H

#include "tokenizer/anatomy.h"
#include <jansson.h>

typedef struct {
    tokenizer *t; // what is filled in; texts live in its memory
    const char *path;
    diag_sink *diags;
    text_budget budget; // of the file
    bool fused;         // of decoders: one came before that makes everything one token
} hf_reader;

// Both give false.
bool hf_bad(hf_reader *r, const char *where, const char *fmt, ...)
    __attribute__((format(printf, 3, 4))); // tokenizer-format
bool hf_unsupported(hf_reader *r, const char *where, const char *fmt, ...)
    __attribute__((format(printf, 3, 4))); // tokenizer-unsupported: "... is not supported"
void hf_ignored(hf_reader *r, const char *where, const char *fmt, ...)
    __attribute__((format(printf, 3, 4))); // tokenizer-ignored, a warning

// `known`: keys, each followed by a space ("type pattern ").
bool hf_only_keys(hf_reader *r, const char *where, json_t *object, const char *known);
bool hf_is_absent(const json_t *v);     // missing or null
const char *hf_type_of(json_t *object); // "": it has none

// Missing and null leave *out as it is.
bool hf_bool(hf_reader *r, const char *where, json_t *object, const char *key, bool *out);
bool hf_text(hf_reader *r, const char *where, json_t *object, const char *key, text *out);
bool hf_character(hf_reader *r, const char *where, json_t *object, const char *key, int32_t *out);
bool hf_count(hf_reader *r, const char *where, json_t *object, const char *key, int64_t *out);
bool hf_id(hf_reader *r, const char *where, json_t *v, int32_t *out);
// The key "pattern": {"String": "x"} or {"Regex": "x"} or "x".
bool hf_pattern(hf_reader *r, const char *where, json_t *object, regex **out);
bool hf_compile(hf_reader *r, const char *where, text pattern, bool literal, regex **out);
// A "Sequence": every item of the list `key`, in order.
bool hf_each(hf_reader *r, const char *where, json_t *object, const char *key,
             bool (*read)(hf_reader *r, json_t *item));

// The JSON object of a file beside the tokenizer's (settings.c), the caller's to json_decref; *at
// gets its path. NULL: it is not there, or it is damaged, which is reported, and *ok false.
json_t *tokenizer_config_beside(tokenizer *t, const char *path, const char *name, const char **at,
                                diag_sink *diags, bool *ok);

// ---- parts of the file

bool hf_model(hf_reader *r, json_t *model); // json_model.c
// json_steps.c; each step is appended to its list of the tokenizer
bool hf_normalizer(hf_reader *r, json_t *o);
bool hf_pre_tokenizer(hf_reader *r, json_t *o);
bool hf_decoder(hf_reader *r, json_t *o);

#endif
