// JSON files through jansson, with syntax errors as diagnostics.
#ifndef OHMIC_SUPPORT_FILE_JSON_H
#define OHMIC_SUPPORT_FILE_JSON_H

#include "support/diag.h"
#include <jansson.h>

// The root value, the caller's to json_decref; NULL after a reported failure (DIAG_ID_io,
// DIAG_ID_json_syntax). Repeated keys of one object are an error. `path` may be "-".
json_t *json_file_read(const char *path, diag_sink *diags);
json_t *json_file_parse(const void *bytes, size_t n, const char *name, diag_sink *diags);

#endif
