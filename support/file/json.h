// JSON files through jansson: read with syntax errors as diagnostics, written without losing
// anything.
#ifndef OHMIC_SUPPORT_FILE_JSON_H
#define OHMIC_SUPPORT_FILE_JSON_H

#include "support/diag.h"
#include <jansson.h>

// The root value, the caller's to json_decref; NULL after a reported failure (DIAG_ID_io,
// DIAG_ID_json_syntax). Repeated keys of one object are an error. `path` may be "-".
json_t *json_file_read(const char *path, diag_sink *diags);
json_t *json_file_parse(const void *bytes, size_t n, const char *name, diag_sink *diags);

// ---- making (none of them returns NULL) ------------------------------------------------------

// A name or path from outside, of any bytes. Bytes that are no UTF-8 become \xHH, and so that this
// can be undone a backslash becomes two: read back, \\ is a backslash and \xHH a byte.
json_t *json_name(const char *s);
json_t *json_name_n(const char *s, size_t n);
json_t *json_figure(double v); // a number; "nan", "inf" and "-inf", which JSON lacks, as texts
json_t *json_count(uint64_t n);
// json_pack, whose texts ("s") are our own words: names go in as "o", json_name.
json_t *json_make(const char *format, ...);
void json_add(json_t *list, json_t *value);                    // takes the value over
void json_put(json_t *object, const char *key, json_t *value); // the same
// Written to `out` with a line end, and released. Write errors are the stream's.
void json_print(json_t *j, int indent, FILE *out);

#endif
