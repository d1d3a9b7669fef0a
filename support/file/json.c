// JSON through jansson, which bounds nesting and checks UTF-8. Its positions become diagnostics.
#include "support/file/json.h"
#include "support/file/file.h"

json_t *json_file_parse(const void *bytes, size_t n, const char *name, diag_sink *diags) {
    json_error_t error;
    json_t *root = json_loadb(n ? bytes : "", n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (root) return root;
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
