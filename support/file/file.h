// Files: mapped for reading, written beside and renamed, so that a killed or failed command leaves
// what was there before.
#ifndef OHMIC_SUPPORT_FILE_FILE_H
#define OHMIC_SUPPORT_FILE_FILE_H

#include "support/arena.h"
#include "support/diag.h"

// ---- reading (read.c) ------------------------------------------------------------------------

typedef struct {
    const uint8_t *data; // NULL when bytes == 0
    size_t bytes;
    bool mapped;      // else heap (standard input, pipes)
    const char *name; // as given; "<stdin>" for "-"
} file_map;

// Maps `path` read-only ("-": reads standard input to its end). Reports and returns false on
// failure. A mapped file that is cut short later ends the process (cli/signals.c says which).
bool file_map_open(file_map *f, const char *path, diag_sink *diags);
// A file that another file names: `rel`, from the folder of `of` (its path, or a folder with '/' at
// its end). It is a regular file in that folder or below, reached without symbolic links; "-" is a
// name like any other. The map's name is in `a`. absent (may be NULL): a file that is not there is
// no error, the map is empty and *absent set.
bool file_map_beside(file_map *f, arena *a, const char *of, const char *rel, bool *absent,
                     diag_sink *diags);
void file_map_close(file_map *f);

// ---- writing (write.c) -----------------------------------------------------------------------

// Atomic output: write to a temporary file in the same folder, then rename over `path`. What is no
// regular file (standard output as "-", devices, pipes, /dev/fd/N) is written directly, from front
// to back.
typedef struct file_out file_out;
file_out *file_out_open(const char *path, diag_sink *diags); // NULL on failure, reported
FILE *file_out_stream(file_out *o);
bool file_out_is_direct(const file_out *o);
int file_out_fd(const file_out *o); // to write in any order, where it is not direct
// The temporary, to be read before it is committed or abandoned; NULL: it is direct.
const char *file_out_temporary(const file_out *o);
// Flushes, checks for write errors, renames. False on failure (reported, temporary removed). Frees
// o.
bool file_out_commit(file_out *o, diag_sink *diags);
void file_out_abandon(file_out *o); // removes the temporary; NULL allowed. Frees o.

// A stream that writes to a descriptor and remembers why it could not. Closing it leaves the
// descriptor open.
typedef struct {
    int fd, error;       // errno of the first write that failed; 0: none
    char buffer[BUFSIZ]; // the stream's own
} file_sink;
FILE *file_sink_open(file_sink *s); // s outlives the stream

// A text in memory that is written as a stream. It stays where it is until it is closed.
typedef struct {
    FILE *stream;
    char *text;
    size_t bytes, capacity, lacks; // lacks: bytes there was no memory for
    char buffer[1024];             // the stream's own
} text_sink;
void text_sink_open(text_sink *s);
char *text_sink_close(text_sink *s); // s->bytes and a NUL; to free()

// Temporaries of file_out_open lie beside their target under this name and six characters more, and
// are open while they exist: so a signal handler finds them (cli/signals.c).
#define FILE_TEMPORARY ".ohmic-"

// ---- paths (path.c) --------------------------------------------------------------------------

bool file_ends_in(const char *path, const char *ending); // "a.npy" ends in ".npy"
bool file_exists(const char *path);
bool file_make_dir(const char *path, diag_sink *diags); // and parents; existing is fine
char *file_join(arena *a, const char *dir, const char *name);
// The names in a folder that do not begin with a dot, in order of bytes. NULL: it cannot be read,
// errno says why.
const char **file_list(arena *a, const char *dir, size_t *n);
const char *file_base(const char *path);  // last component
const char *file_title(const char *path); // the same, for people: of "-" "standard input"

// ---- hashes (path.c) -------------------------------------------------------------------------

// 64-bit content hash (XXH3) of bytes, and 128-bit as 32 hex digits.
uint64_t file_hash64(const void *p, size_t n);
void file_hash_hex(const void *p, size_t n, char out[33]);

#endif
