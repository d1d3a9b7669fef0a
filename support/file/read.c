// Reading files; see file.h.
#define _GNU_SOURCE // O_PATH
#include "support/file/file.h"
#include "support/vec.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

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

// ---- files that files name -----------------------------------------------------------------

// `rel` without "." and "x/.."; NULL when it leaves the folder, or names none of its files.
static char *normal(arena *a, const char *rel) {
    char *out = arena_alloc(a, strlen(rel) + 1);
    size_t n = 0;
    if (rel[0] == '/') return NULL;
    for (const char *p = rel; *p;) {
        size_t k = strcspn(p, "/");
        if (k == 2 && p[0] == '.' && p[1] == '.') {
            if (n == 0) return NULL;
            while (n > 0 && out[--n] != '/') {
            }
        } else if (k > 0 && !(k == 1 && p[0] == '.')) {
            if (n) out[n++] = '/';
            memcpy(out + n, p, k);
            n += k;
        }
        p += k;
        p += strspn(p, "/");
    }
    out[n] = 0;
    return n ? out : NULL;
}

static const char *kind_of(mode_t mode) {
    return S_ISLNK(mode)    ? "a symbolic link"
           : S_ISDIR(mode)  ? "a folder"
           : S_ISFIFO(mode) ? "a pipe"
           : S_ISSOCK(mode) ? "a socket"
                            : "a device";
}

// Opens the regular file `path` below the folder `at`, or -1 with errno; *found is what is there
// instead. Closes `at`.
static int open_below(int at, char *path, mode_t *found) {
    *found = S_IFREG;
    for (char *slash; at >= 0 && (slash = strchr(path, '/')) != NULL; path = slash + 1) {
        struct stat st;
        *slash = 0;
        if (fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
            *found = st.st_mode;
        int next = *found == S_IFREG
                       ? openat(at, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                       : -1;
        int error = errno;
        *slash = '/';
        close(at);
        at = next;
        errno = error;
    }
    if (at < 0) return -1;
    struct stat st;
    int fd = -1;
    if (fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        *found = st.st_mode;
        if (S_ISREG(st.st_mode)) // O_NONBLOCK: should it have become a pipe since
            fd = openat(at, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0 && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) {
            *found = st.st_mode;
            close(fd);
            fd = -1;
        }
    }
    int error = errno;
    close(at);
    errno = error;
    return fd;
}

bool file_map_beside(file_map *f, arena *a, const char *of, const char *rel, bool *absent,
                     diag_sink *diags) {
    const char *folder = arena_strn(a, of, (size_t)(file_base(of) - of));
    char *inside = normal(a, rel);
    *f = (file_map){.name = file_join(a, folder, inside ? inside : rel)};
    if (absent) *absent = false;
    if (!inside) {
        diag_emit(diags, DIAG_ID_io, DIAG_FILE(of), "'%s' lies outside of this file's folder", rel);
        return false;
    }
    mode_t found = S_IFREG;
    int at = open(*folder ? folder : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = at < 0 ? -1 : open_below(at, inside, &found);
    if (fd >= 0) {
        bool ok = read_fd(f, fd, diags);
        close(fd);
        return ok;
    }
    if (!S_ISREG(found)) {
        diag_emit(diags, DIAG_ID_io, DIAG_FILE(f->name),
                  "is %s%s, a file in the folder of '%s' is expected",
                  S_ISLNK(found) ? "reached through " : "", kind_of(found), file_base(of));
        return false;
    }
    if (errno == ENOENT && absent) {
        *absent = true;
        return true;
    }
    return read_error(diags, f->name, errno);
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
