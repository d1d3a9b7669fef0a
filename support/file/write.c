// Writing files; see file.h. Nothing is synchronised to disk; the rename protects against a killed
// or failed command, not against a power cut.
#define _GNU_SOURCE // mkostemp, fopencookie
#include "support/file/file.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ---- streams ---------------------------------------------------------------------------------

// All of it, or less when something went wrong: s->error says what.
static ssize_t sink_write(void *cookie, const char *p, size_t n) {
    file_sink *s = cookie;
    size_t done = 0;
    while (!s->error && done < n) {
        ssize_t k = write(s->fd, p + done, n - done);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0)
            s->error = k < 0 ? errno : ENOSPC;
        else
            done += (size_t)k;
    }
    errno = s->error;
    return (ssize_t)done;
}

// Streams that lack memory for a buffer drop what is written to them, without a word.
static FILE *open_stream(void *cookie, cookie_write_function_t *write_part, char *buffer,
                         size_t bytes) {
    FILE *f = fopencookie(cookie, "w", (cookie_io_functions_t){.write = write_part});
    if (!f) base_no_memory(sizeof *f);
    setvbuf(f, buffer, _IOFBF, bytes);
    return f;
}

FILE *file_sink_open(file_sink *s) {
    return open_stream(s, sink_write, s->buffer, sizeof s->buffer);
}

// Ends no process: exit() may be what calls it.
static ssize_t text_write(void *cookie, const char *p, size_t n) {
    text_sink *s = cookie;
    size_t needed = s->bytes + n + 1;
    if (needed > s->capacity && !s->lacks) {
        char *larger = realloc(s->text, 2 * needed);
        if (larger) {
            s->text = larger;
            s->capacity = 2 * needed;
        } else {
            s->lacks = needed;
        }
    }
    if (!s->lacks) {
        memcpy(s->text + s->bytes, p, n);
        s->bytes += n;
    }
    return (ssize_t)n;
}

void text_sink_open(text_sink *s) {
    s->text = NULL;
    s->bytes = s->capacity = s->lacks = 0;
    s->stream = open_stream(s, text_write, s->buffer, sizeof s->buffer);
}

char *text_sink_close(text_sink *s) {
    fclose(s->stream);
    if (s->lacks) base_no_memory(s->lacks);
    if (!s->text) s->text = base_alloc(1);
    s->text[s->bytes] = 0;
    return s->text;
}

// ---- files -----------------------------------------------------------------------------------

struct file_out {
    FILE *stream;
    file_sink sink;
    char *path;      // where it goes, links resolved
    char *temporary; // NULL: written directly
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
    size_t dir = (size_t)(file_base(o->path) - o->path);
    o->temporary = base_alloc(dir + sizeof FILE_TEMPORARY "XXXXXX");
    memcpy(o->temporary, o->path, dir);
    strcpy(o->temporary + dir, FILE_TEMPORARY "XXXXXX");
    int fd = mkostemp(o->temporary, O_CLOEXEC);
    if (fd < 0) {
        free(o->temporary);
        o->temporary = NULL;
        return -1;
    }
    mode_t mask = umask(0);
    umask(mask);
    fchmod(fd, old ? old->st_mode & 0777 : 0666 & ~mask);
    return fd;
}

// The descriptor that a path stands for, so that what its opener has written stays; -1: none.
static int descriptor_of(const char *path) {
    static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};
    if (strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0) return STDOUT_FILENO;
    if (strcmp(path, "/dev/stderr") == 0) return STDERR_FILENO;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        size_t n = strlen(folders[i]);
        if (strncmp(path, folders[i], n) != 0 || !path[n] || strlen(path + n) > 6) continue;
        if (path[n + strspn(path + n, "0123456789")] == 0) return atoi(path + n);
    }
    return -1;
}

static int open_target(file_out *o, const char *path) {
    int fd = descriptor_of(path);
    if (fd >= 0) {
        o->path = duplicate(strcmp(path, "-") == 0 ? "<stdout>" : path);
        fflush(stdout); // what is printed stays in order
        return fcntl(fd, F_DUPFD_CLOEXEC, 0);
    }
    char *resolved = realpath(path, NULL);
    if (!resolved && errno == ENOMEM) base_no_memory(PATH_MAX);
    o->path = duplicate(resolved ? resolved : path);
    free(resolved);
    struct stat st;
    bool exists = stat(path, &st) == 0;
    if (exists && S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        return -1;
    }
    if (exists && !S_ISREG(st.st_mode)) return open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
    return open_temporary(o, exists ? &st : NULL);
}

file_out *file_out_open(const char *path, diag_sink *diags) {
    file_out *o = base_calloc(1, sizeof *o);
    o->sink.fd = open_target(o, path);
    if (o->sink.fd < 0) {
        write_error(diags, path, errno);
        free_out(o);
        return NULL;
    }
    o->stream = file_sink_open(&o->sink);
    return o;
}

FILE *file_out_stream(file_out *o) { return o->stream; }
bool file_out_is_direct(const file_out *o) { return !o->temporary; }
int file_out_fd(const file_out *o) { return o->sink.fd; }
const char *file_out_temporary(const file_out *o) { return o->temporary; }

bool file_out_commit(file_out *o, diag_sink *diags) {
    bool flushed = fclose(o->stream) == 0;
    int error = o->sink.error, open_fd = o->temporary ? fcntl(o->sink.fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (!flushed && !error) error = EIO;
    if (close(o->sink.fd) != 0 && !error) error = errno; // network file systems write here
    if (!error && o->temporary && rename(o->temporary, o->path) != 0) error = errno;
    if (error && o->temporary) unlink(o->temporary);
    if (open_fd >= 0) close(open_fd); // until here a signal handler finds the temporary by it
    if (error) write_error(diags, o->path, error);
    free_out(o);
    return !error;
}

void file_out_abandon(file_out *o) {
    if (!o) return;
    o->sink.error = ECANCELED; // what is buffered goes nowhere
    fclose(o->stream);
    if (o->temporary) unlink(o->temporary);
    close(o->sink.fd);
    free_out(o);
}
