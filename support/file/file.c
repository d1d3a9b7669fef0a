// Files: see file.h. Nothing is synchronised to disk; the rename protects against a killed or
// failed command, not against a power cut.
#define _GNU_SOURCE // mkostemp
#include "support/file/file.h"
#include "support/vec.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

// --- reading

static bool read_error(diag_sink *diags, const char *name, int error) {
    diag_emit(diags, DIAG_ID_io, DIAG_FILE(name), "cannot read: %s", strerror(error));
    return false;
}

// Reads what cannot be mapped: pipes, terminals, /proc.
static bool read_all(file_map *f, int fd, diag_sink *diags) {
    VEC(uint8_t) buffer = {0};
    for (;;) {
        vec_reserve(&buffer, buffer.count + (64 << 10));
        ssize_t n = read(fd, buffer.items + buffer.count, buffer.capacity - buffer.count);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            int error = errno;
            vec_free(&buffer);
            return read_error(diags, f->name, error);
        }
        if (n == 0) break;
        buffer.count += (size_t)n;
    }
    if (buffer.count == 0) vec_free(&buffer);
    f->data = buffer.items;
    f->bytes = buffer.count;
    return true;
}

static bool read_fd(file_map *f, int fd, diag_sink *diags) {
    struct stat st;
    if (fstat(fd, &st) != 0) return read_error(diags, f->name, errno);
    if (S_ISDIR(st.st_mode)) return read_error(diags, f->name, EISDIR);
    if (S_ISREG(st.st_mode) && st.st_size > 0 && lseek(fd, 0, SEEK_CUR) == 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p != MAP_FAILED) {
            f->data = p;
            f->bytes = (size_t)st.st_size;
            f->mapped = true;
            return true;
        }
    }
    return read_all(f, fd, diags);
}

bool file_map_open(file_map *f, const char *path, diag_sink *diags) {
    *f = (file_map){.name = path};
    if (strcmp(path, "-") == 0) {
        f->name = "<stdin>";
        return read_fd(f, STDIN_FILENO, diags);
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return read_error(diags, path, errno);
    bool ok = read_fd(f, fd, diags);
    close(fd);
    return ok;
}

void file_map_close(file_map *f) {
    if (f->mapped) {
        munmap((void *)f->data, f->bytes);
    } else {
        free((void *)f->data);
    }
    f->data = NULL;
    f->bytes = 0;
    f->mapped = false;
}

// --- writing

struct file_out {
    FILE *stream;
    char *path;      // where it goes, links resolved
    char *temporary; // NULL: written directly (standard output, devices, pipes)
};

static bool write_error(diag_sink *diags, const char *path, int error) {
    diag_emit(diags, DIAG_ID_io, DIAG_FILE(path), "cannot write: %s", strerror(error));
    return false;
}

static void free_out(file_out *o) {
    free(o->path);
    free(o->temporary);
    free(o);
}

static char *duplicate(const char *s) { return strcpy(base_alloc(strlen(s) + 1), s); }

// Opens a fresh file beside o->path with the mode a plain creation would give, or that of the file
// it will replace.
static int open_temporary(file_out *o, const struct stat *old) {
    o->temporary = base_alloc(strlen(o->path) + sizeof ".XXXXXX");
    strcat(strcpy(o->temporary, o->path), ".XXXXXX");
    int fd = mkostemp(o->temporary, O_CLOEXEC);
    if (fd < 0) return -1;
    mode_t mask = umask(0);
    umask(mask);
    fchmod(fd, old ? old->st_mode & 0777 : 0666 & ~mask);
    return fd;
}

file_out *file_out_open(const char *path, diag_sink *diags) {
    file_out *o = base_calloc(1, sizeof *o);
    if (strcmp(path, "-") == 0) {
        o->path = duplicate("<stdout>");
        o->stream = stdout;
        return o;
    }
    char *resolved = realpath(path, NULL);
    o->path = duplicate(resolved ? resolved : path);
    free(resolved);
    struct stat st;
    bool exists = stat(path, &st) == 0;
    int fd;
    if (exists && S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        fd = -1;
    } else if (exists && !S_ISREG(st.st_mode)) {
        fd = open(path, O_WRONLY | O_CLOEXEC);
    } else {
        fd = open_temporary(o, exists ? &st : NULL);
    }
    if (fd < 0) {
        write_error(diags, path, errno);
        free_out(o);
        return NULL;
    }
    o->stream = fdopen(fd, "wb");
    CHECK(o->stream, "fdopen: %s", strerror(errno));
    return o;
}

FILE *file_out_stream(file_out *o) { return o->stream; }

bool file_out_commit(file_out *o, diag_sink *diags) {
    errno = 0;
    bool failed = fflush(o->stream) != 0 || ferror(o->stream);
    int error = errno;
    if (o->stream != stdout && fclose(o->stream) != 0 && !failed) {
        failed = true;
        error = errno;
    }
    if (!failed && o->temporary && rename(o->temporary, o->path) != 0) {
        failed = true;
        error = errno;
    }
    if (failed) {
        write_error(diags, o->path, error ? error : EIO);
        if (o->temporary) unlink(o->temporary);
    }
    free_out(o);
    return !failed;
}

void file_out_abandon(file_out *o) {
    if (!o) return;
    if (o->stream != stdout) fclose(o->stream);
    if (o->temporary) unlink(o->temporary);
    free_out(o);
}

// --- paths

bool file_ends_in(const char *path, const char *ending) {
    size_t n = strlen(path), k = strlen(ending);
    return n >= k && strcmp(path + n - k, ending) == 0;
}

bool file_exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0;
}

bool file_make_dir(const char *path, diag_sink *diags) {
    char *part = duplicate(path);
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

char *file_beside(arena *a, const char *of, const char *rel) {
    if (rel[0] == '/' || rel[0] == 0) return NULL;
    int depth = 0;
    for (const char *p = rel; *p;) {
        size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.') {
            if (--depth < 0) return NULL;
        } else if (n > 0 && !(n == 1 && p[0] == '.')) {
            depth++;
        }
        p += n;
        p += strspn(p, "/");
    }
    size_t dir = (size_t)(file_base(of) - of);
    return file_join(a, arena_strn(a, of, dir), rel);
}

const char *file_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

// --- hashes

uint64_t file_hash64(const void *p, size_t n) { return XXH3_64bits(p, n); }

void file_hash_hex(const void *p, size_t n, char out[33]) {
    XXH128_canonical_t bytes; // big endian, so that the digits read the same everywhere
    XXH128_canonicalFromHash(&bytes, XXH3_128bits(p, n));
    for (size_t i = 0; i < sizeof bytes.digest; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes.digest[i]);
}
