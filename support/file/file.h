// Files: mapped for reading, written beside and renamed, so that a killed or failed command leaves
// what was there before.
#ifndef OHMIC_SUPPORT_FILE_FILE_H
#define OHMIC_SUPPORT_FILE_FILE_H

#include "support/arena.h"
#include "support/diag.h"

typedef struct {
    const uint8_t *data; // NULL when bytes == 0
    size_t bytes;
    bool mapped;      // else heap (standard input, pipes)
    const char *name; // as given; "<stdin>" for "-"
} file_map;

// Maps `path` read-only ("-": reads standard input to its end). Reports and returns false on
// failure.
bool file_map_open(file_map *f, const char *path, diag_sink *diags);
void file_map_close(file_map *f);

// Atomic output: write to a temporary file in the same folder, then rename over `path`.
// path "-" writes standard output directly.
typedef struct file_out file_out;
file_out *file_out_open(const char *path, diag_sink *diags); // NULL on failure, reported
FILE *file_out_stream(file_out *o);
// Flushes, checks for write errors, renames. False on failure (reported, temporary removed). Frees
// o.
bool file_out_commit(file_out *o, diag_sink *diags);
void file_out_abandon(file_out *o); // removes the temporary; NULL allowed. Frees o.

bool file_ends_in(const char *path, const char *ending); // "a.npy" ends in ".npy"
bool file_exists(const char *path);
bool file_make_dir(const char *path, diag_sink *diags); // and parents; existing is fine
// "dir/base" relative to the folder of `of`; NULL when `rel` is absolute or leaves it through "..".
char *file_beside(arena *a, const char *of, const char *rel);
char *file_join(arena *a, const char *dir, const char *name);
const char *file_base(const char *path); // last component

// 64-bit content hash (XXH3) of bytes, and 128-bit as 32 hex digits.
uint64_t file_hash64(const void *p, size_t n);
void file_hash_hex(const void *p, size_t n, char out[33]);

#endif
