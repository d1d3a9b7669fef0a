// JSON through jansson, which bounds nesting and checks UTF-8. Its positions become diagnostics;
// where it runs out of memory, so do we.
#include "support/file/json.h"
#include "support/file/file.h"
#include "support/name.h"
#include "support/vec.h"
#include <math.h>

json_t *json_file_parse(const void *bytes, size_t n, const char *name, diag_sink *diags) {
    json_error_t error;
    json_t *root = json_loadb(n ? bytes : "", n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (root) return root;
    if (json_error_code(&error) == json_error_out_of_memory) base_no_memory(n);
    diag_loc loc = {.file = name, .line = error.line > 0 ? error.line : 0};
    // jansson counts characters read; the last one read is where it stopped.
    if (loc.line && error.column > 0) loc.col = error.column;
    diag_emit(diags, DIAG_ID_json_syntax, loc, "%s", error.text);
    return NULL;
}

json_t *json_file_read(const char *path, diag_sink *diags) {
    file_map f;
    if (!file_map_open(&f, path, diags)) return NULL;
    json_t *root = json_file_parse(f.data, f.bytes, f.name, diags);
    file_map_close(&f);
    return root;
}

// ---- making ----------------------------------------------------------------------------------

static json_t *made(json_t *j) {
    if (!j) base_no_memory(sizeof(void *));
    return j;
}

json_t *json_name_n(const char *s, size_t n) {
    VEC(char) text = {0};
    for (size_t at = 0, k; at < n; at += k ? k : 1) {
        uint32_t c;
        char spelled[5] = "\\\\";
        k = name_char(s + at, n - at, &c);
        if (k == 0) snprintf(spelled, sizeof spelled, "\\x%02x", (unsigned)(uint8_t)s[at]);
        const char *from = k == 0 || c == '\\' ? spelled : s + at;
        size_t length = from == spelled ? strlen(spelled) : k;
        for (size_t i = 0; i < length; i++) vec_push(&text, from[i]);
    }
    json_t *j = made(json_stringn(text.count ? text.items : "", text.count));
    vec_free(&text);
    return j;
}

json_t *json_name(const char *s) { return json_name_n(s, strlen(s)); }

json_t *json_figure(double v) {
    if (isfinite(v)) return made(json_real(v));
    return made(json_string(isnan(v) ? "nan" : v < 0 ? "-inf" : "inf"));
}

json_t *json_count(uint64_t n) {
    return made(json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n));
}

json_t *json_make(const char *format, ...) {
    json_error_t error;
    va_list ap;
    va_start(ap, format);
    json_t *j = json_vpack_ex(&error, 0, format, ap);
    va_end(ap);
    if (!j && json_error_code(&error) == json_error_out_of_memory) base_no_memory(sizeof(void *));
    CHECK(j, "'%s': %s", format, error.text);
    return j;
}

void json_add(json_t *list, json_t *value) {
    if (json_array_append_new(made(list), made(value)) != 0) base_no_memory(sizeof(void *));
}

void json_put(json_t *object, const char *key, json_t *value) {
    if (json_object_set_new(made(object), key, made(value)) != 0) base_no_memory(sizeof(void *));
}

static int write_text(const char *text, size_t n, void *out) {
    fwrite(text, 1, n, out);
    return 0; // a failed write stays with the stream
}

void json_print(json_t *j, int indent, FILE *out) {
    size_t flags = JSON_INDENT(indent) | JSON_REAL_PRECISION(9);
    if (json_dump_callback(made(j), write_text, out, flags) != 0) base_no_memory(sizeof(void *));
    fputc('\n', out);
    json_decref(j);
}
