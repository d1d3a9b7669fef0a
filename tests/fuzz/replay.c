// Runs a fuzz target without libFuzzer: its corpus, truncations, and mutations that depend on
// nothing but a seed.
//
//   replay_NAME CORPUS_DIR N_MUTATIONS [SEED]
//   replay_NAME FILE           that one input
//
// An input that crashes, aborts, exits, leaks or takes more than its share of time or memory ends
// the run: what it was is printed, and its bytes are stored in replay_NAME.crash of the current
// folder. Mutation i follows from SEED and i.
#include "support/num/random.h"
#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif

enum {
    MAX_INPUT_BYTES = 1 << 20,
    MAX_MEMORY_MB = 1024,
    MAX_CPU_SECONDS = 20, // of one input; sanitizers take their share
    MAX_WALL_SECONDS = 200,
    EVERY_TRUNCATION = 512, // longer files are cut at so many places
    LEAK_CHECK_EVERY = 1000,
};

#ifdef WITH_ASAN
void __sanitizer_set_death_callback(void (*callback)(void));
int __lsan_do_recoverable_leak_check(void);
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "max_allocation_size_mb=1024:quarantine_size_mb=16:detect_stack_use_after_return=0";
}
#endif

typedef struct {
    const char *name;
    uint8_t *bytes;
    size_t n;
} sample;

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

static void watch(void) {
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

static void run(const uint8_t *bytes, size_t n) {
    uint8_t *exact = base_alloc(n); // so that the sanitizer sees its end
    if (n) memcpy(exact, bytes, n);
    now.bytes = exact;
    now.n = n;
    now.running = true;
    const struct itimerval limit = {.it_value.tv_sec = MAX_CPU_SECONDS};
    setitimer(ITIMER_PROF, &limit, NULL);
    alarm(MAX_WALL_SECONDS);
    double from = cpu_seconds();
    LLVMFuzzerTestOneInput(exact, n);
    double took = cpu_seconds() - from;
    now.running = false;
    if (took > slowest) {
        slowest = took;
        memcpy(slowest_what, now.what, sizeof now.what);
    }
    free(exact);
}

static void check_leaks(const char *since) {
#ifdef WITH_ASAN
    if (!__lsan_do_recoverable_leak_check()) return;
    fprintf(stderr, "%s: memory was lost in %s\n", now.program, since);
    _exit(1);
#endif
}

// ---- mutations -------------------------------------------------------------------------------

static size_t below(random_stream *r, size_t n) { return (size_t)random_below(r, n); } // 0 of 0

// Limits, their neighbours, and what products of them overflow.
static const int64_t numbers[] = {
    0,     1,        2,         7,          8,          63,         64,        127,
    128,   255,      256,       4095,       4096,       32767,      32768,     65535,
    65536, 16777216, INT32_MAX, 2147483648, 4294967295, 4294967296, -1,        -2,
    -128,  -32768,   INT32_MIN, 1ll << 40,  1ll << 52,  1ll << 62,  INT64_MAX, INT64_MIN};

typedef struct {
    uint8_t *bytes; // MAX_INPUT_BYTES
    size_t n;
} input;

static void replace(input *in, size_t at, size_t old, const void *with, size_t n) {
    if (in->n - old + n > MAX_INPUT_BYTES) return;
    memmove(in->bytes + at + n, in->bytes + at + old, in->n - at - old);
    if (n) memcpy(in->bytes + at, with, n);
    in->n = in->n - old + n;
}

// A chunk [*at, *at + result): mostly short, sometimes anything.
static size_t chunk(random_stream *r, size_t n, size_t *at) {
    *at = below(r, n);
    size_t most = n - *at;
    if (below(r, 4) && most > 32) most = 32;
    return n ? 1 + below(r, most) : 0;
}

static void mutate_number(random_stream *r, input *in) { // in binary
    static const size_t widths[] = {1, 2, 4, 8};
    size_t width = widths[below(r, 4)], at;
    if (in->n < width) return;
    at = below(r, in->n - width + 1);
    if (below(r, 2)) at -= at % width;
    int64_t v = numbers[below(r, ARRAY_LEN(numbers))];
    if (below(r, 3) == 0) { // a step from what is there
        v = 0;
        memcpy(&v, in->bytes + at, width);
        v = (int64_t)((uint64_t)v + below(r, 9) - 4);
    }
    memcpy(in->bytes + at, &v, width);
}

static void mutate_digits(random_stream *r, input *in) { // in text
    static const char *const odd[] = {"-1",     "1e400", "-0", "nan", "inf", "0x7fffffffffffffff",
                                      "1e-400", "0.1",   ""};
    size_t from = below(r, in->n), at = from;
    while (at < in->n && (in->bytes[at] < '0' || in->bytes[at] > '9')) at++;
    if (at == in->n) return;
    size_t end = at;
    while (end < in->n && in->bytes[end] >= '0' && in->bytes[end] <= '9') end++;
    char text[32];
    if (below(r, 4))
        snprintf(text, sizeof text, "%" PRId64, numbers[below(r, ARRAY_LEN(numbers))]);
    else
        snprintf(text, sizeof text, "%s", odd[below(r, ARRAY_LEN(odd))]);
    replace(in, at, end - at, text, strlen(text));
}

static void mutate_line(random_stream *r, input *in) { // drops, repeats or moves one
    size_t at = below(r, in->n), end;
    while (at > 0 && in->bytes[at - 1] != '\n') at--;
    uint8_t *newline = memchr(in->bytes + at, '\n', in->n - at);
    end = newline ? (size_t)(newline - in->bytes) + 1 : in->n;
    uint8_t line[256];
    size_t n = end - at;
    if (n > sizeof line) return;
    memcpy(line, in->bytes + at, n);
    size_t how = below(r, 3);
    if (how != 1) replace(in, at, n, NULL, 0);
    if (how == 0) return;
    size_t to = below(r, in->n + 1);
    while (to > 0 && in->bytes[to - 1] != '\n') to--;
    replace(in, to, 0, line, n);
}

static void mutate(random_stream *r, input *in, const sample *all, size_t n_all) {
    size_t at, n, to;
    if (in->n == 0) {
        uint8_t byte = (uint8_t)random_u32(r);
        replace(in, 0, 0, &byte, 1);
        return;
    }
    switch (below(r, 11)) {
    case 0:
    case 1: in->bytes[below(r, in->n)] ^= (uint8_t)(1u << below(r, 8)); break;
    case 2: in->bytes[below(r, in->n)] = (uint8_t)random_u32(r); break;
    case 3:
        n = chunk(r, in->n, &at);
        replace(in, at, n, NULL, 0);
        break;
    case 4: { // a chunk once more, elsewhere
        n = chunk(r, in->n, &at);
        uint8_t *copy = base_alloc(n);
        memcpy(copy, in->bytes + at, n);
        replace(in, below(r, in->n + 1), 0, copy, n);
        free(copy);
        break;
    }
    case 5: { // a chunk of another file: inserted, or the rest from there
        const sample *other = &all[below(r, n_all)];
        n = chunk(r, other->n, &at);
        if (!n) break;
        to = below(r, in->n + 1);
        if (below(r, 2))
            replace(in, to, 0, other->bytes + at, n);
        else
            replace(in, to, in->n - to, other->bytes + at, other->n - at);
        break;
    }
    case 6:
    case 7: mutate_number(r, in); break;
    case 8:
    case 9: mutate_digits(r, in); break;
    default: mutate_line(r, in); break;
    }
}

// ---- the corpus ------------------------------------------------------------------------------

static sample load(const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(2);
    }
    sample s = {strdup(path), base_alloc(MAX_INPUT_BYTES), 0};
    s.n = fread(s.bytes, 1, MAX_INPUT_BYTES, f);
    s.bytes = base_realloc(s.bytes, s.n);
    fclose(f);
    return s;
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}
static int is_sample(const struct dirent *d) { return d->d_name[0] != '.'; }

static size_t load_folder(const char *path, sample **out) {
    struct dirent **entries;
    int n = scandir(path, &entries, is_sample, by_name);
    if (n <= 0) {
        fprintf(stderr, "%s: no corpus there\n", path);
        exit(2);
    }
    *out = base_calloc((size_t)n, sizeof **out);
    for (int i = 0; i < n; i++) {
        char file[4096];
        snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        (*out)[i] = load(file);
        free(entries[i]);
    }
    free(entries);
    return (size_t)n;
}

static size_t run_truncations(const sample *s) {
    size_t count = s->n < EVERY_TRUNCATION ? s->n : EVERY_TRUNCATION;
    for (size_t i = 0; i < count; i++) {
        size_t n = s->n * i / count;
        snprintf(now.what, sizeof now.what, "the first %zu bytes of %s", n, s->name);
        run(s->bytes, n);
    }
    return count;
}

int main(int argc, char **argv) {
    now.program = argv[0];
    struct stat st;
    if (argc < 2 || stat(argv[1], &st) != 0) {
        fprintf(stderr, "usage: %s CORPUS_DIR N_MUTATIONS [SEED] | %s FILE\n", argv[0], argv[0]);
        return 2;
    }
    watch();
    if (!S_ISDIR(st.st_mode)) {
        sample s = load(argv[1]);
        snprintf(now.what, sizeof now.what, "%s", s.name);
        run(s.bytes, s.n);
        check_leaks(s.name);
        printf("%s: survived, %.2f s\n", s.name, slowest);
        return 0;
    }
    uint64_t n_mutations = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000;
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;

    sample *all;
    size_t n_all = load_folder(argv[1], &all), n_truncations = 0;
    for (size_t i = 0; i < n_all; i++) {
        snprintf(now.what, sizeof now.what, "%s", all[i].name);
        run(all[i].bytes, all[i].n);
        check_leaks(all[i].name);
    }
    for (size_t i = 0; i < n_all; i++) n_truncations += run_truncations(&all[i]);
    check_leaks("truncations");
    input in = {base_alloc(MAX_INPUT_BYTES), 0};
    for (uint64_t i = 0; i < n_mutations; i++) {
        random_stream r = random_of(seed, RANDOM_TEST, (uint32_t)i);
        const sample *s = &all[below(&r, n_all)];
        memcpy(in.bytes, s->bytes, in.n = s->n);
        for (size_t steps = 1 + below(&r, 4); steps > 0; steps--) mutate(&r, &in, all, n_all);
        snprintf(now.what, sizeof now.what, "mutation %" PRIu64 " of seed %" PRIu64 ", from %s", i,
                 seed, s->name);
        run(in.bytes, in.n);
        if (i % LEAK_CHECK_EVERY == LEAK_CHECK_EVERY - 1) check_leaks(now.what);
    }
    check_leaks("mutations");
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    const char *base = strrchr(argv[0], '/');
    printf("%s: %zu files, %zu truncations, %" PRIu64 " mutations of seed %" PRIu64
           "; at most %ld MB and %.2f s (%s)\n",
           base ? base + 1 : argv[0], n_all, n_truncations, n_mutations, seed,
           usage.ru_maxrss / 1024, slowest, slowest_what);
    for (size_t i = 0; i < n_all; i++) {
        free((char *)all[i].name);
        free(all[i].bytes);
    }
    free(all);
    free(in.bytes);
    return 0;
}
