// See watch.h.
#include "tests/fuzz/watch.h"
#include "tests/fuzz/target.h"
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif

enum {
    MAX_MEMORY_MB = 1024,
    MAX_CPU_SECONDS = 20, // of one input; sanitizers take their share
    MAX_WALL_SECONDS = 200,
};

#ifdef WITH_ASAN
void __sanitizer_set_death_callback(void (*callback)(void));
int __lsan_do_recoverable_leak_check(void);
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);
const char *__asan_default_options(void) {
    return "max_allocation_size_mb=1024:quarantine_size_mb=16:detect_stack_use_after_return=0";
}
// gcc's has a runtime of its own, which calls nobody at its end.
const char *__ubsan_default_options(void) { return "abort_on_error=1:print_stacktrace=1"; }
#endif

// What is running, for the report of a failure; a process has one.
static struct {
    const char *program;
    char what[512];
    const uint8_t *bytes;
    size_t n;
    volatile bool running;
} now;

// ---- failures --------------------------------------------------------------------------------

static void report(const char *why) {
    if (!now.running) return;
    now.running = false;
    char path[300];
    const char *base = strrchr(now.program, '/');
    snprintf(path, sizeof path, "%s.crash", base ? base + 1 : now.program);
    FILE *f = fopen(path, "wb");
    if (f) {
        fwrite(now.bytes, 1, now.n, f);
        fclose(f);
    }
    fprintf(stderr, "\n%s: %s with %s (%zu bytes, stored in %s)\n", now.program, why, now.what,
            now.n, path);
}

static void on_exit_call(void) { report("exit was called"); }

#ifdef WITH_ASAN
static void on_death(void) { report("sanitizer report"); }
#endif

static void on_signal(int number) {
    report(number == SIGPROF || number == SIGALRM ? "too much time" : strsignal(number));
    signal(number, SIG_DFL);
    raise(number == SIGPROF || number == SIGALRM ? SIGKILL : number);
}

void watch_begin(const char *program) {
    now.program = program;
    atexit(on_exit_call);
    signal(SIGABRT, on_signal);
    signal(SIGPROF, on_signal);
    signal(SIGALRM, on_signal);
#ifdef WITH_ASAN
    __sanitizer_set_death_callback(on_death);
#else
    signal(SIGSEGV, on_signal);
    signal(SIGBUS, on_signal);
    signal(SIGFPE, on_signal);
    const struct rlimit memory = {(rlim_t)MAX_MEMORY_MB << 20, (rlim_t)MAX_MEMORY_MB << 20};
    setrlimit(RLIMIT_AS, &memory);
#endif
}

// ---- one input -------------------------------------------------------------------------------

static double cpu_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double slowest;
static char slowest_what[sizeof now.what];

unsigned watch_run(const uint8_t *bytes, size_t n) {
    uint8_t *exact = base_alloc(n); // so that the sanitizer sees its end
    if (n) memcpy(exact, bytes, n);
    now.bytes = exact;
    now.n = n;
    now.running = true;
    const struct itimerval limit = {.it_value.tv_sec = MAX_CPU_SECONDS};
    setitimer(ITIMER_PROF, &limit, NULL);
    alarm(MAX_WALL_SECONDS);
    double from = cpu_seconds();
    unsigned passed = target.run(exact, n);
    double took = cpu_seconds() - from;
    now.running = false;
    if (took > slowest) {
        slowest = took;
        memcpy(slowest_what, now.what, sizeof now.what);
    }
    free(exact);
    return passed;
}

void watch_leaks(const char *since) {
#ifdef WITH_ASAN
    if (!__lsan_do_recoverable_leak_check()) return;
    fprintf(stderr, "%s: memory was lost in %s\n", now.program, since);
    _exit(1);
#endif
}

void watch_name(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(now.what, sizeof now.what, fmt, ap);
    va_end(ap);
}

double watch_slowest(const char **what) {
    *what = slowest_what;
    return slowest;
}
