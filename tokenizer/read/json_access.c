// Values of a tokenizer.json and complaints about them; see json_access.h.
#include "tokenizer/read/json_access.h"
#include "tokenizer/text/unicode.h"
#include <stdarg.h>
#include <stdio.h>

bool hf_bad(hf_reader *r, const char *where, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    diag_vemit(r->diags, DIAG_ID_tokenizer_format, DIAG_AT(r->path, where), fmt, ap);
    va_end(ap);
    return false;
}

bool hf_unsupported(hf_reader *r, const char *where, const char *fmt, ...) {
    char message[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    diag_emit(r->diags, DIAG_ID_tokenizer_unsupported, DIAG_AT(r->path, where),
              "%s is not supported", message);
    return false;
}

void hf_ignored(hf_reader *r, const char *where, const char *fmt, ...) {
    char message[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    diag_emit(r->diags, DIAG_ID_tokenizer_ignored, DIAG_AT(r->path, where), "%s", message);
}

bool hf_only_keys(hf_reader *r, const char *where, json_t *object, const char *known) {
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        size_t n = strlen(key);
        bool found = false;
        for (const char *k = known; !found && *k; k += strcspn(k, " ") + 1)
            found = strcspn(k, " ") == n && memcmp(k, key, n) == 0;
        if (!found) return hf_unsupported(r, where, "'%s'", key);
    }
    return true;
}

bool hf_is_absent(const json_t *v) { return !v || json_is_null(v); }

bool hf_bool(hf_reader *r, const char *where, json_t *object, const char *key, bool *out) {
    json_t *v = json_object_get(object, key);
    if (hf_is_absent(v)) return true;
    if (!json_is_boolean(v)) return hf_bad(r, where, "'%s' is not a boolean", key);
    *out = json_is_true(v);
    return true;
}

bool hf_text(hf_reader *r, const char *where, json_t *object, const char *key, text *out) {
    json_t *v = json_object_get(object, key);
    if (hf_is_absent(v)) return true;
    if (!json_is_string(v)) return hf_bad(r, where, "'%s' is not a string", key);
    size_t n = json_string_length(v);
    *out = (text){arena_strn(r->t->memory, json_string_value(v), n), n};
    return true;
}

const char *hf_type_of(json_t *object) {
    const char *type = json_string_value(json_object_get(object, "type"));
    return type ? type : "";
}

bool hf_character(hf_reader *r, const char *where, json_t *object, const char *key, int32_t *out) {
    text t = {0};
    size_t at = 0;
    if (!hf_text(r, where, object, key, &t)) return false;
    if (!t.p) return true;
    if (t.n) *out = unicode_next(t.p, t.n, &at);
    return (t.n && at == t.n) || hf_bad(r, where, "'%s' is not one character", key);
}

bool hf_count(hf_reader *r, const char *where, json_t *object, const char *key, int64_t *out) {
    json_t *v = json_object_get(object, key);
    if (hf_is_absent(v)) return true;
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return hf_bad(r, where, "'%s' is not a number of at least 0", key);
    *out = json_integer_value(v);
    return true;
}

bool hf_id(hf_reader *r, const char *where, json_t *v, int32_t *out) {
    if (!json_is_integer(v) || json_integer_value(v) < 0 ||
        json_integer_value(v) >= TOKENIZER_MAX_ID)
        return hf_bad(r, where, "a token id is not a number from 0 to %d", TOKENIZER_MAX_ID - 1);
    char why[BUDGET_TEXT];
    if (!budget_has(&r->budget.all, BUDGET_ids, (uint64_t)json_integer_value(v) + 1))
        return hf_bad(r, where, "token id %lld: %s", (long long)json_integer_value(v),
                      budget_spent(&r->budget.all, BUDGET_ids, why));
    *out = (int32_t)json_integer_value(v);
    return true;
}

bool hf_compile(hf_reader *r, const char *where, text pattern, bool literal, regex **out) {
    char message[128];
    *out = regex_new(pattern, literal, message);
    return *out || hf_bad(r, where, "the pattern '%.*s' does not compile: %s",
                          (int)(pattern.n < 60 ? pattern.n : 60), pattern.p, message);
}

bool hf_pattern(hf_reader *r, const char *where, json_t *object, regex **out) {
    json_t *v = json_object_get(object, "pattern"), *literal = v, *pattern = NULL;
    if (json_is_object(v)) {
        literal = json_object_get(v, "String");
        pattern = json_object_get(v, "Regex");
    }
    json_t *p = literal ? literal : pattern;
    if (!json_is_string(p)) return hf_bad(r, where, "'pattern' is neither a String nor a Regex");
    return hf_compile(r, where, (text){json_string_value(p), json_string_length(p)},
                      literal != NULL, out);
}

bool hf_each(hf_reader *r, const char *where, json_t *object, const char *key,
             bool (*read)(hf_reader *r, json_t *item)) {
    char known[64];
    snprintf(known, sizeof known, "type %s ", key);
    json_t *list = json_object_get(object, key);
    if (!hf_only_keys(r, where, object, known)) return false;
    if (!json_is_array(list)) return hf_bad(r, where, "'%s' is not a list", key);
    bool ok = true;
    for (size_t i = 0; ok && i < json_array_size(list); i++) ok = read(r, json_array_get(list, i));
    return ok;
}
