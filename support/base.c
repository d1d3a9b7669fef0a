// What happens when an invariant is broken (exit status 70) or memory runs out (the environment:
// 1): one line on stderr.
#include "support/base.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_ENVIRONMENT = 1, EXIT_INTERNAL = 70 }; // EX_SOFTWARE of sysexits.h

_Noreturn void base_check_failed(const char *file, int line, const char *cond, const char *fmt,
                                 ...) {
    char what[1024]; // printed at once: other threads may print as well
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    fflush(stdout);
    fprintf(stderr, "%s:%d: internal error: CHECK(%s) failed: %s\n", file, line, cond, what);
    exit(EXIT_INTERNAL); // not _exit: fuzzers notice exit()
}

_Noreturn void base_no_memory(size_t bytes) {
    fprintf(stderr, "ohmic: out of memory: %zu bytes asked for: %s\n", bytes, strerror(ENOMEM));
    exit(EXIT_ENVIRONMENT);
}

void *base_alloc(size_t bytes) {
    void *p = malloc(bytes ? bytes : 1);
    if (!p) base_no_memory(bytes);
    return p;
}

void *base_calloc(size_t count, size_t size) {
    void *p = calloc(count ? count : 1, size ? size : 1);
    uint64_t bytes = SIZE_MAX;
    if (!p) {
        mul_u64(count, size, &bytes);
        base_no_memory(bytes);
    }
    return p;
}

void *base_realloc(void *p, size_t bytes) {
    p = realloc(p, bytes ? bytes : 1);
    if (!p) base_no_memory(bytes);
    return p;
}
