// Paths, folders, hashes of contents; see file.h.
#include "support/file/file.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

bool file_ends_in(const char *path, const char *ending) {
    size_t n = strlen(path), k = strlen(ending);
    return n >= k && strcmp(path + n - k, ending) == 0;
}

bool file_exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0;
}

bool file_make_dir(const char *path, diag_sink *diags) {
    char *part = strcpy(base_alloc(strlen(path) + 1), path);
    bool ok = true;
    for (char *p = part; ok && *p;) {
        p += strspn(p, "/");
        p += strcspn(p, "/");
        char end = *p;
        *p = 0;
        struct stat st;
        if (mkdir(part, 0777) != 0 && !(stat(part, &st) == 0 && S_ISDIR(st.st_mode))) {
            diag_emit(diags, DIAG_ID_io, DIAG_FILE(path), "cannot make the folder '%s': %s", part,
                      strerror(errno));
            ok = false;
        }
        *p = end;
    }
    free(part);
    return ok;
}

char *file_join(arena *a, const char *dir, const char *name) {
    size_t n = strlen(dir);
    if (n == 0) return arena_str(a, name);
    return arena_printf(a, dir[n - 1] == '/' ? "%s%s" : "%s/%s", dir, name);
}

const char *file_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

uint64_t file_hash64(const void *p, size_t n) { return XXH3_64bits(p, n); }

void file_hash_hex(const void *p, size_t n, char out[33]) {
    XXH128_canonical_t bytes; // big endian, so that the digits read the same everywhere
    XXH128_canonicalFromHash(&bytes, XXH3_128bits(p, n));
    for (size_t i = 0; i < sizeof bytes.digest; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes.digest[i]);
}
