// The progress line: "what  37 %", redrawn in place on stderr.
#include "support/progress.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct progress {
    char what[64];
    uint64_t total, next_draw_ns;
    int drawn; // columns on the screen
};

static const uint64_t interval_ns = 50000000; // 20 a second

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

progress *progress_new(const char *what, uint64_t total) {
    const char *term = getenv("TERM");
    if (!isatty(STDERR_FILENO) || (term && strcmp(term, "dumb") == 0)) return NULL;
    progress *p = base_calloc(1, sizeof *p);
    snprintf(p->what, sizeof p->what, "%s", what);
    p->total = total;
    p->next_draw_ns = now_ns() + interval_ns; // short work draws nothing
    return p;
}

void progress_set(progress *p, uint64_t done) {
    if (!p) return;
    uint64_t now = now_ns();
    if (now < p->next_draw_ns) return;
    p->next_draw_ns = now + interval_ns;
    char line[128];
    if (p->total) {
        double part = done >= p->total ? 1 : (double)done / (double)p->total;
        snprintf(line, sizeof line, "%s  %3.0f %%", p->what, 100 * part);
    } else {
        snprintf(line, sizeof line, "%s  %llu", p->what, (unsigned long long)done);
    }
    p->drawn = fprintf(stderr, "\r%-*s", p->drawn > 1 ? p->drawn - 1 : 0, line);
    fflush(stderr);
}

void progress_free(progress *p) {
    if (!p) return;
    if (p->drawn > 1) fprintf(stderr, "\r%*s\r", p->drawn - 1, "");
    free(p);
}
