// What kind of file is this? By its first bytes, never by its name.
#ifndef OHMIC_SUPPORT_FILE_KIND_H
#define OHMIC_SUPPORT_FILE_KIND_H

#include "support/base.h"

typedef enum {
#define FILE_KIND(name, what, cure) FILE_KIND_##name,
#include "support/file/kind.def"
    FILE_KINDS
} file_kind;

enum { FILE_KIND_BYTES = 4096 }; // that are looked at

file_kind file_kind_of(const void *p, size_t n, uint64_t file_bytes); // the first n of a file
// Of a file; "-": what standard input stands at, which stays there. FILE_KIND_bytes: it cannot be
// read, or can be read only once.
file_kind file_kind_at(const char *path);

const char *file_kind_name(file_kind k); // "onnx"
const char *file_kind_what(file_kind k); // "an ONNX model"
const char *file_kind_cure(file_kind k); // "`ohmic compile` makes a program of it", or ""
bool file_kind_parse(const char *name, size_t n, file_kind *k);

#endif
