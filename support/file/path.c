// Paths, folders, hashes of contents; see file.h.
#include "support/file/file.h"
#include "support/vec.h"
#include <dirent.h>
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
        int why = mkdir(part, 0777) == 0 ? 0 : errno;
        if (why && !(stat(part, &st) == 0 && S_ISDIR(st.st_mode))) {
            diag_emit(diags, DIAG_ID_io, DIAG_FILE(path), "cannot make the folder '%s': %s", part,
                      strerror(why == EEXIST ? ENOTDIR : why));
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

static int by_name(const void *x, const void *y) {
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

const char **file_list(arena *a, const char *dir, size_t *n) {
    *n = 0;
    DIR *d = opendir(dir);
    if (!d && errno == ENOMEM) base_no_memory(0);
    if (!d) return NULL;
    VEC(const char *) names = {0};
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.') vec_push(&names, arena_str(a, e->d_name));
    closedir(d);
    if (names.count) qsort(names.items, names.count, sizeof *names.items, by_name);
    const char **list = arena_alloc(a, (names.count + 1) * sizeof *list);
    if (names.count) memcpy(list, names.items, names.count * sizeof *list);
    *n = names.count;
    vec_free(&names);
    return list;
}

const char *file_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *file_title(const char *path) {
    return strcmp(path, "-") == 0 ? "standard input" : file_base(path);
}

uint64_t file_hash64(const void *p, size_t n) { return XXH3_64bits(p, n); }

void file_hash_hex(const void *p, size_t n, char out[33]) {
    XXH128_canonical_t bytes; // big endian, so that the digits read the same everywhere
    XXH128_canonicalFromHash(&bytes, XXH3_128bits(p, n));
    for (size_t i = 0; i < sizeof bytes.digest; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes.digest[i]);
}
