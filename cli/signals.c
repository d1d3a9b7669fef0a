// Signal handlers; see signals.h. They keep no state but one interrupt: temporaries are found among
// the open files, a mapped file by its address. Both are read from /proc with functions that a
// handler may call.
#define _GNU_SOURCE
#include "cli/signals.h"
#include "cli/args.h"
#include "support/file/file.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_FILES = 1024, PATH_BYTES = 4096 };

// "/proc/self/fd/123"
static void fd_path(int fd, char out[32]) {
    static const char folder[] = "/proc/self/fd/";
    char digits[12];
    size_t n = sizeof folder - 1, k = 0;
    memcpy(out, folder, n);
    do digits[k++] = (char)('0' + fd % 10);
    while ((fd /= 10) > 0);
    while (k > 0) out[n++] = digits[--k];
    out[n] = 0;
}

static bool is_temporary(const char *path) {
    static const char mark[] = FILE_TEMPORARY;
    const char *base = file_base(path);
    return strlen(base) == sizeof mark - 1 + 6 && memcmp(base, mark, sizeof mark - 1) == 0;
}

static void remove_temporaries(void) {
    char link[32], path[PATH_BYTES];
    for (int fd = STDERR_FILENO + 1; fd < MOST_FILES; fd++) {
        int flags = fcntl(fd, F_GETFL);
        if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) continue;
        fd_path(fd, link);
        ssize_t n = readlink(link, path, sizeof path - 1);
        if (n <= 0) continue;
        path[n] = 0;
        if (is_temporary(path)) unlink(path);
    }
}

static void on_end(int number) {
    remove_temporaries();
    signal(number, SIG_DFL);
    raise(number); // whoever waits sees the signal
}

// ---- an interrupt that is held ---------------------------------------------------------------

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number) {
    if (interrupted) on_end(number);
    interrupted = 1;
}

void signals_hold_interrupt(void) {
    struct sigaction act = {.sa_handler = on_interrupt}, old;
    interrupted = 0;
    sigemptyset(&act.sa_mask);
    if (sigaction(SIGINT, NULL, &old) == 0 && old.sa_handler == SIG_IGN) return; // nohup
    sigaction(SIGINT, &act, NULL);
}

bool signals_interrupted(void) { return interrupted; }

// ---- mapped files ----------------------------------------------------------------------------

static void say(const char *s, size_t n) {
    if (write(STDERR_FILENO, s, n) < 0) return; // nobody to tell
}

static uintptr_t read_hex(const char **p) {
    uintptr_t v = 0;
    for (;; ++*p) {
        char c = **p;
        if (c >= '0' && c <= '9')
            v = v << 4 | (uintptr_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            v = v << 4 | (uintptr_t)(c - 'a' + 10);
        else
            return v;
    }
}

// A line of /proc/self/maps, "55d0c000-55d0e000 r--p 00000000 08:01 123   /path": the path of the
// file when `at` lies within, else NULL.
static const char *file_at(const char *line, uintptr_t at) {
    uintptr_t from = read_hex(&line);
    if (*line++ != '-') return NULL;
    uintptr_t until = read_hex(&line);
    if (at < from || at >= until) return NULL;
    const char *path = strchr(line, '/');
    return path ? path : "?";
}

static void on_bus_error(int number, siginfo_t *info, void *context) {
    static const char behind[] = ": error: the file was cut short while it was read [io]\n";
    char line[PATH_BYTES + 128];
    size_t n = 0;
    int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    for (char c; maps >= 0 && read(maps, &c, 1) == 1;) {
        if (c != '\n') {
            if (n < sizeof line - 1) line[n++] = c;
            continue;
        }
        line[n] = 0;
        n = 0;
        const char *path = file_at(line, (uintptr_t)info->si_addr);
        if (!path) continue;
        for (const char *p = path; *p; p++) // the kernel writes line ends as \012
            say((unsigned char)*p < 0x20 || *p == 0x7f || *p & 0x80 ? "?" : p, 1);
        say(behind, sizeof behind - 1);
        remove_temporaries();
        _exit(EXIT_REJECTED);
    }
    on_end(number); // no mapped file: what it usually is
}

void signals_watch(void) {
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    struct sigaction act = {.sa_handler = on_end}, old;
    sigemptyset(&act.sa_mask);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        if (sigaction(ends[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN) continue; // nohup
        sigaction(ends[i], &act, NULL);
    }
    signal(SIGXFSZ, SIG_IGN); // a file that grows too large is a write error, which is reported
    struct sigaction bus = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
    sigemptyset(&bus.sa_mask);
    sigaction(SIGBUS, &bus, NULL);
    atexit(remove_temporaries);
}
