// Runs a fuzz target without libFuzzer: its corpus, truncations, and mutations or whole inputs that
// depend on nothing but a seed.
//
//   replay_NAME CORPUS_DIR... N_MUTATIONS [SEED]
//   replay_NAME --generate N [SEED [FIRST]]   inputs made by the target itself; one alone is stored
//   replay_NAME --seeds FOLDER CORPUS_DIR...  what the files stand for, each as a file of FOLDER
//   replay_NAME FILE                          that one input
//
// Of a corpus every file must pass all stages, but those called bad_*, which must be refused, and
// there is one at least that passes: a corpus that is refused would test nothing. Input i follows
// from SEED and i. What fails: watch.h.
#include "support/vec.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/watch.h"
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum {
    EVERY_TRUNCATION = 512, // longer files are cut at so many places
    LEAK_CHECK_EVERY = 1000,
};

typedef struct {
    char *name;
    fuzz_input in;
} sample;

static sample load(const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(2);
    }
    sample s = {strdup(path), {base_alloc(FUZZ_MAX_INPUT), 0}};
    s.in.n = fread(s.in.bytes, 1, FUZZ_MAX_INPUT, f);
    fclose(f);
    if (target.load) s.in.n = target.load(path, s.in.bytes, s.in.n);
    s.in.bytes = base_realloc(s.in.bytes, s.in.n);
    return s;
}

static void drop(sample *s) {
    free(s->name);
    free(s->in.bytes);
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}
static int is_sample(const struct dirent *d) { return d->d_name[0] != '.'; }

typedef VEC(sample) corpus;

static void load_folder(const char *path, corpus *out) {
    struct dirent **entries;
    int n = scandir(path, &entries, is_sample, by_name);
    if (n <= 0) {
        fprintf(stderr, "%s: no corpus there\n", path);
        exit(2);
    }
    for (int i = 0; i < n; i++) {
        char file[4096];
        snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        sample s = load(file);
        if (s.in.n || !target.load)
            vec_push(out, s);
        else
            drop(&s);
        free(entries[i]);
    }
    free(entries);
}

static size_t run_truncations(const sample *s) {
    size_t count = s->in.n < EVERY_TRUNCATION ? s->in.n : EVERY_TRUNCATION;
    for (size_t i = 0; i < count; i++) {
        size_t n = s->in.n * i / count;
        watch_name("the first %zu bytes of %s", n, s->name);
        watch_run(s->in.bytes, n);
    }
    return count;
}

static void print_use(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    const char *what;
    double slowest = watch_slowest(&what);
    printf("; at most %ld MB and %.2f s (%s)\n", usage.ru_maxrss / 1024, slowest, what);
}

// How many inputs have passed how many stages.
typedef struct {
    uint64_t inputs, passed[ARRAY_LEN(target.stages)];
} tally;

static void count(tally *t, unsigned passed) {
    t->inputs++;
    for (unsigned i = 0; i < passed; i++) t->passed[i]++;
}

static void print_tally(const tally *t) {
    for (unsigned i = 0; i < fuzz_stages(); i++)
        printf(", %" PRIu64 " %s (%.1f %%)", t->passed[i], target.stages[i],
               100.0 * (double)t->passed[i] / (double)(t->inputs + !t->inputs));
}

static const char *base_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int run_file(const char *path) {
    sample s = load(path);
    watch_name("%s", s.name);
    unsigned passed = watch_run(s.in.bytes, s.in.n);
    watch_leaks(s.name);
    printf("%s: %s", s.name, passed ? target.stages[passed - 1] : "refused");
    print_use();
    drop(&s);
    return 0;
}

static void store(const char *path, const uint8_t *bytes, size_t n) {
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, n, f) != n || fclose(f) != 0) perror(path);
}

static int run_generated(const char *program, uint64_t n, uint64_t seed, uint64_t first) {
    uint8_t *bytes = base_alloc(FUZZ_MAX_INPUT);
    tally all = {0};
    for (uint64_t i = first; i < first + n; i++) {
        random_stream r = random_of(seed, RANDOM_TEST, (uint32_t)i);
        size_t size = target.generate(&r, bytes);
        if (n == 1) store("generated", bytes, size);
        watch_name("input %" PRIu64 " of seed %" PRIu64, i, seed);
        count(&all, watch_run(bytes, size));
        if (i % LEAK_CHECK_EVERY == LEAK_CHECK_EVERY - 1) watch_leaks("the last inputs");
    }
    watch_leaks("the last inputs");
    printf("%s: %" PRIu64 " inputs generated from seed %" PRIu64, base_of(program), n, seed);
    print_tally(&all);
    print_use();
    free(bytes);
    return 0;
}

// Every file says by its name what it is. False: one does not.
static bool run_corpus(const sample *all, size_t n) {
    bool ok = true;
    size_t n_good = 0;
    for (size_t i = 0; i < n; i++) {
        bool bad = strncmp(base_of(all[i].name), "bad_", 4) == 0;
        watch_name("%s", all[i].name);
        bool accepted = watch_run(all[i].in.bytes, all[i].in.n) == fuzz_stages();
        watch_leaks(all[i].name);
        n_good += accepted;
        if (accepted != bad) continue;
        fprintf(stderr, "%s: %s\n", all[i].name,
                bad ? "is accepted, though it is called bad_"
                    : "is refused: a corpus must reach what it is to test");
        ok = false;
    }
    if (ok && n_good == 0) fprintf(stderr, "no file of the corpus is accepted\n");
    return ok && n_good;
}

static int store_seeds(const char *folder, const corpus *all) {
    for (size_t i = 0; i < all->count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%zu-%s", folder, i, base_of(all->items[i].name));
        store(path, all->items[i].in.bytes, all->items[i].in.n);
    }
    return 0;
}

static tally run_mutations(const sample *all, size_t n_all, uint64_t n, uint64_t seed) {
    fuzz_input in = {base_alloc(FUZZ_MAX_INPUT), 0};
    tally done = {0};
    for (uint64_t i = 0; i < n; i++) {
        random_stream r = random_of(seed, RANDOM_TEST, (uint32_t)i);
        const sample *s = &all[random_below(&r, n_all)];
        memcpy(in.bytes, s->in.bytes, in.n = s->in.n);
        size_t made = target.mutate && random_below(&r, 4) ? target.mutate(&r, in.bytes, in.n) : 0;
        if (made)
            in.n = made;
        else
            for (size_t steps = 1 + random_below(&r, 4); steps > 0; steps--)
                mutate(&r, &in, &all[random_below(&r, n_all)].in);
        watch_name("mutation %" PRIu64 " of seed %" PRIu64 ", from %s", i, seed, s->name);
        count(&done, watch_run(in.bytes, in.n));
        if (i % LEAK_CHECK_EVERY == LEAK_CHECK_EVERY - 1) watch_leaks("the last mutations");
    }
    watch_leaks("the last mutations");
    free(in.bytes);
    return done;
}

static int run_all(const char *program, const corpus *all, uint64_t n, uint64_t seed) {
    size_t n_truncations = 0;
    if (!run_corpus(all->items, all->count)) return 1;
    for (size_t i = 0; i < all->count; i++) n_truncations += run_truncations(&all->items[i]);
    watch_leaks("truncations");
    tally done = run_mutations(all->items, all->count, n, seed);
    printf("%s: %zu files, %zu truncations, %" PRIu64 " mutations of seed %" PRIu64,
           base_of(program), all->count, n_truncations, n, seed);
    print_tally(&done);
    print_use();
    return 0;
}

static uint64_t number(int argc, char **argv, int i, uint64_t otherwise) {
    return i < argc ? strtoull(argv[i], NULL, 10) : otherwise;
}

int main(int argc, char **argv) {
    struct stat st;
    bool generates = argc > 1 && strcmp(argv[1], "--generate") == 0 && target.generate;
    bool seeds = argc > 3 && strcmp(argv[1], "--seeds") == 0;
    if (!generates && !seeds && (argc < 2 || stat(argv[1], &st) != 0)) {
        fprintf(stderr,
                "usage: %s CORPUS_DIR... N_MUTATIONS [SEED] | %s--seeds FOLDER CORPUS_DIR... | "
                "FILE\n",
                argv[0], target.generate ? "--generate N [SEED [FIRST]] | " : "");
        return 2;
    }
    watch_begin(argv[0]);
    if (generates)
        return run_generated(argv[0], number(argc, argv, 2, 1000), number(argc, argv, 3, 1),
                             number(argc, argv, 4, 0));
    if (!seeds && !S_ISDIR(st.st_mode)) return run_file(argv[1]);
    corpus all = {0};
    int at = seeds ? 3 : 1;
    for (; at < argc && stat(argv[at], &st) == 0 && S_ISDIR(st.st_mode); at++)
        load_folder(argv[at], &all);
    int status =
        seeds ? store_seeds(argv[2], &all)
              : run_all(argv[0], &all, number(argc, argv, at, 1000), number(argc, argv, at + 1, 1));
    for (size_t i = 0; i < all.count; i++) drop(&all.items[i]);
    vec_free(&all);
    return status;
}
