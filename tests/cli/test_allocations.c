// Commands whose n-th allocation fails, and all behind it or none: they end with a message about
// memory, or what they print and write is what they always do. No signal, no half of an output, no
// temporary file.
//   cli_test_allocations              some n of every command
//   cli_test_allocations --all        every n
//   cli_test_allocations WHICH N MODE one, its messages shown
#define _GNU_SOURCE // memfd_create
#include "cli/process.h"
#include "support/file/file.h"
#include "support/num/tensor.h"
#include "support/vec.h"
#include "tests/cli/command.h"
#include "tests/frontend/onnx_writer.h"
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>

#ifdef COMMAND_SANITIZED
int main(void) {
    printf("SKIP: the sanitizer has an allocator of its own\n");
    return 0;
}
#else

// ---- an allocator that fails

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

typedef enum { NONE, ONE, REST, N_MODES } fail_mode;
static const char *const mode_names[N_MODES] = {"none", "one", "rest"};

static fail_mode mode;
static uint64_t fail_at;         // the number of the first that fails, from 1
static volatile uint64_t *asked; // shared with the parent

static bool fails(void) {
    if (!asked) return false;
    uint64_t n = __atomic_add_fetch(asked, 1, __ATOMIC_RELAXED);
    if (mode == NONE || n < fail_at || (mode == ONE && n > fail_at)) return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t n) { return fails() ? NULL : __libc_malloc(n); }
void *calloc(size_t n, size_t size) { return fails() ? NULL : __libc_calloc(n, size); }
void *realloc(void *p, size_t n) { return fails() ? NULL : __libc_realloc(p, n); }
void *memalign(size_t, size_t);
void *memalign(size_t to, size_t n) { return fails() ? NULL : __libc_memalign(to, n); }
void *aligned_alloc(size_t to, size_t n) { return memalign(to, n); }
int posix_memalign(void **p, size_t to, size_t n) { return (*p = memalign(to, n)) ? 0 : ENOMEM; }

// ---- commands

// Standard input is "in.txt". What stands before another needs what it wrote: `keep` is then moved
// up there.
static const struct {
    const char *line, *keep;
} commands[] = {
    {"compile lm.onnx --chip ideal -q --threads 1 -o out/lm.ohm", "lm.ohm"},
    {"compile lm.onnx --chip ohmic-1 --set crossbar.rows=64 -q --threads 1 --static-scales "
     "--calibrate texts.json "
     "--dump-ir out/ir -o out/a.ohm",
     NULL},
    {"compile pair.oir --chip ideal -q --threads 1 --check-equivalence -o out/b.ohm", "b.ohm"},
    {"compile bad.onnx --chip ideal --threads 1 -o out/c.ohm", NULL},
    {"run lm.ohm -i ids.npz -o out/y.npz --stats --threads 1", "y.npz"},
    {"run lm.ohm -i ids=ids.npy --json --threads 1 --exact-cells", NULL},
    {"run lm.ohm -i ids=ids.npy -o logits=out/y.npy --trace /Relu=out/t.npy --threads 1", NULL},
    {"generate lm.ohm --prompt - --tokens 5 --threads 1 --save-state out/s.state", "s.state"},
    {"generate lm.ohm --load-state s.state --prompt-ids 3,4 --tokens 4 --top-k 3 --ids --threads 1",
     NULL},
    {"generate lm.ohm --interactive --tokens 2 --ids --threads 1", NULL},
    {"tokenize wordpiece.json --json -f in.txt", NULL},
    {"tokenize unigram.json --tokens fine", NULL},
    {"tokenize split_regex.json --offsets abc", NULL},
    {"tokenize tokenizer.json --decode 1,2,4", NULL},
    {"tokenize llama2c.bin --bos -", NULL},
    {"eval lm.onnx --perplexity texts.json --by-position --json --threads 1", NULL},
    {"eval lm.ohm --perplexity in.txt --threads 1", NULL},
    {"eval lm.onnx --layers lm.ohm --ids texts.json --threads 1", NULL},
    {"opt pair.oir -p fold-weights -o out/o.oir --threads 1", NULL},
    {"dis lm.ohm -o out/lm.s", "lm.s lm.s.data"},
    {"dis b.ohm", NULL},
    {"as lm.s -o out/again.ohm", NULL},
    {"nm lm.ohm", NULL},
    {"nm lm.ohm --json", NULL},
    {"verify lm.ohm --proof", NULL},
    {"verify bad.ohm", NULL},
    {"cost lm.ohm --prompt 2 --generate 2 --set time.issue=2", NULL},
    {"cost lm.ohm --json", NULL},
    {"chips", NULL},
    {"chips --json", NULL},
    {"chips ohmic-1 --set crossbar.rows=64", NULL},
    {"ops", NULL},
    {"ops --kind onnx --json", NULL},
    {"passes --json", NULL},
    {"onnx-test cases --threads 1", NULL},
    {"onnx-test cases --json --on ideal --threads 1", NULL},
    {"nothing", NULL},
};

// ---- their inputs

static void write_text(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0, "cannot write %s", path);
}

static void weight(bytes *graph, const char *name, int64_t rows, int64_t columns) {
    float w[256];
    for (int i = 0; i < rows * columns; i++) w[i] = (float)((i * 37) % 64) / 64 - 0.5f;
    put_msg(graph, 5,
            tensor_raw(name, 1, 2, (int64_t[]){rows, columns}, w,
                       (size_t)(rows * columns) * sizeof *w));
}

static void labelled(bytes *graph, const char *op, const char *in, const char *out) {
    bytes n = node(op, in, out);
    char label[32];
    snprintf(label, sizeof label, "/%s", op);
    put_str(&n, 3, label);
    put_msg(graph, 1, n);
}

// ids[1,n] -> Gather -> MatMul -> Relu -> MatMul -> logits[1,n,16]; `op` instead of Relu.
static void write_language_model(const char *path, const char *op) {
    bytes graph = {0};
    weight(&graph, "wte", 16, 8);
    weight(&graph, "w1", 8, 12);
    weight(&graph, "w2", 12, 16);
    put_msg(&graph, 11, port("ids", 7, 2, (int64_t[]){1, -1}));
    put_msg(&graph, 12, port("logits", 1, 3, (int64_t[]){1, -1, 16}));
    labelled(&graph, "Gather", "wte ids", "x");
    labelled(&graph, "MatMul", "x w1", "h");
    labelled(&graph, op, "h", "r");
    labelled(&graph, "MatMul", "r w2", "logits");
    write_model(path, model_of(graph, 17));
}

static void write_tensor_pb(const char *path, float first) {
    float v[4] = {first, 1, 2, 3};
    bytes t = tensor_raw("", 1, 2, (int64_t[]){1, 4}, v, sizeof v);
    write_file(path, &t);
    vec_free(&t);
}

static void copy_file(const char *from, const char *to) {
    arena *a = arena_new();
    file_map f;
    CHECK(file_map_open(&f, arena_printf(a, "%s%s", OHMIC_SOURCE_DIR, from), NULL), "no %s", from);
    bytes copy = {0};
    put_raw(&copy, f.data, f.bytes);
    write_file(to, &copy);
    vec_free(&copy);
    file_map_close(&f);
    arena_free(a);
}

// Commands run in the folder `here`.
static void make_inputs(const char *here) {
    CHECK(file_make_dir(here, NULL) && chdir(here) == 0 && file_make_dir("out", NULL),
          "no folder %s", here);
    write_language_model("lm.onnx", "Relu");
    write_language_model("bad.onnx", "Nothing");
    write_text("in.txt", "abc");
    write_text("bad.ohm", "no program");
    write_text("texts.json", "[[1, 2, 3, 4, 5], [7, 8, 9]]");
    write_text("tokenizer.json",
               "{\"version\": \"1.0\", \"added_tokens\": [{\"id\": 0, \"content\": \"<s>\", "
               "\"special\": true}], \"normalizer\": {\"type\": \"NFC\"}, \"pre_tokenizer\": "
               "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"[a-z]+| \"}, \"behavior\": "
               "\"Isolated\", \"invert\": false}, \"decoder\": {\"type\": \"Fuse\"}, "
               "\"post_processor\": null, \"model\": {\"type\": \"BPE\", \"unk_token\": \"<s>\", "
               "\"vocab\": {\"<s>\": 0, \"a\": 1, \"b\": 2, \"c\": 3, \"ab\": 4, \"d\": 5, \"e\": "
               "6, \"f\": 7, \"g\": 8, \"h\": 9, \"i\": 10, \"j\": 11, \"k\": 12, \"l\": 13, "
               "\"m\": 14, \"n\": 15}, \"merges\": [\"a b\"]}}");
    int64_t ids[4] = {1, 2, 3, 4};
    tensor t = {.type = ELEM_i64, .rank = 2, .dim = {1, 4}, .data = ids};
    tensor_named one = {.name = "ids", .value = t};
    CHECK(npy_write("ids.npy", &t, NULL) &&
              npz_write("ids.npz", &(tensor_set){.items = &one, .count = 1}, NULL),
          "no ids.npy");
    copy_file("/tests/golden/3d.oir", "pair.oir");
    copy_file("/tests/tokenizer/trained/wordpiece.json", "wordpiece.json");
    copy_file("/tests/tokenizer/trained/unigram.json", "unigram.json");
    copy_file("/tests/fuzz/corpus/tokenizer/split_regex.json", "split_regex.json");
    copy_file("/tests/fuzz/corpus/tokenizer/llama2c.bin", "llama2c.bin");
    CHECK(file_make_dir("cases/one/test_data_set_0", NULL), "no folder cases");
    bytes graph = {0};
    put_msg(&graph, 11, port("x", 1, 2, (int64_t[]){1, 4}));
    put_msg(&graph, 12, port("y", 1, 2, (int64_t[]){1, 4}));
    labelled(&graph, "Abs", "x", "y");
    write_model("cases/one/model.onnx", model_of(graph, 17));
    write_tensor_pb("cases/one/test_data_set_0/input_0.pb", -4);
    write_tensor_pb("cases/one/test_data_set_0/output_0.pb", 4);
}

// ---- a run

typedef struct {
    int code, signal;
    uint64_t allocations;
    bytes out, err;
    bytes files; // names and contents of all in out/, in order
} ending;

static void release(ending *e) {
    vec_free(&e->out);
    vec_free(&e->err);
    vec_free(&e->files);
}

static void put_all(bytes *b, int fd) {
    uint8_t part[4096];
    ssize_t n;
    lseek(fd, 0, SEEK_SET);
    while ((n = read(fd, part, sizeof part)) > 0) put_raw(b, part, (size_t)n);
}

// Names and contents of the files in the folder and below; `remove`: they go.
static void put_folder(bytes *b, const char *folder, bool remove_them) {
    arena *a = arena_new();
    size_t n;
    const char **names = file_list(a, folder, &n);
    for (size_t i = 0; i < n; i++) {
        const char *path = file_join(a, folder, names[i]);
        int fd = open(path, O_RDONLY | O_DIRECTORY);
        if (fd >= 0) {
            put_folder(b, path, remove_them);
        } else {
            fd = open(path, O_RDONLY);
            put_raw(b, path, strlen(path) + 1);
            put_all(b, fd);
            if (remove_them) unlink(path);
        }
        close(fd);
    }
    arena_free(a);
}

static bool no_temporaries(const char *folder) { // any more: they are removed
    DIR *d = opendir(folder);
    CHECK(d, "no folder %s", folder);
    bool none = true;
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (strncmp(e->d_name, FILE_TEMPORARY, sizeof FILE_TEMPORARY - 1) == 0) {
            none = false;
            unlinkat(dirfd(d), e->d_name, 0);
        }
    closedir(d);
    return none;
}

static void run(ending *e, const char *line, fail_mode m, uint64_t n) {
    static int out = -1, err;
    static volatile uint64_t *shared;
    if (out < 0) {
        out = memfd_create("out", 0), err = memfd_create("err", 0);
        shared =
            mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        CHECK(out >= 0 && err >= 0 && shared != MAP_FAILED, "no memory files");
    }
    *e = (ending){0};
    if (ftruncate(out, 0) != 0 || ftruncate(err, 0) != 0) abort();
    lseek(out, 0, SEEK_SET), lseek(err, 0, SEEK_SET);
    *shared = 0;
    char words[512], *argv[32] = {"ohmic"};
    int argc = 1;
    strcpy(words, line);
    for (char *w = strtok(words, " "); w; w = strtok(NULL, " ")) argv[argc++] = w;
    fflush(stdout); // or the child prints it, too
    pid_t child = fork();
    if (child == 0) {
        dup2(open("in.txt", O_RDONLY), 0), dup2(out, 1), dup2(err, 2);
        alarm(60);
        mode = m, fail_at = n, asked = shared;
        exit(process_run(argc, argv));
    }
    int status;
    waitpid(child, &status, 0);
    e->code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    e->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    e->allocations = *shared;
    put_all(&e->out, out);
    put_all(&e->err, err);
}

static bool same(const bytes *a, const bytes *b) {
    return a->count == b->count && (a->count == 0 || memcmp(a->items, b->items, a->count) == 0);
}

static bool says(const bytes *b, const char *what) {
    return b->count && memmem(b->items, b->count, what, strlen(what));
}

// What is wrong with the ending; NULL: nothing.
static const char *wrong(const ending *e, const ending *usual) {
    if (e->signal) return "a signal";
    if (!no_temporaries("out")) return "a temporary file";
    bool memory = says(&e->err, "memory");
    if (e->code == usual->code && same(&e->out, &usual->out) && same(&e->files, &usual->files))
        return NULL;
    if ((e->code == 1 || e->code == 70) && memory) return NULL;
    return e->code == usual->code ? "another output" : "another exit code";
}

static bool check(size_t which, fail_mode m, uint64_t n, const ending *usual, bool show) {
    ending e;
    run(&e, commands[which].line, m, n);
    put_folder(&e.files, "out", true);
    const char *what = wrong(&e, usual);
    if (what || show)
        printf("%zu: ohmic %s\nallocation %llu %s: %s (exit %d, signal %d)\n%.*s", which,
               commands[which].line, (unsigned long long)n, mode_names[m],
               what ? what : "as it should be", e.code, e.signal, (int)e.err.count,
               e.err.count ? (char *)e.err.items : "");
    release(&e);
    return !what;
}

// Moves what later commands need out of the way of put_folder's removal.
static void keep(const char *names) {
    char words[64], from[64];
    strcpy(words, names ? names : "");
    for (char *w = strtok(words, " "); w; w = strtok(NULL, " ")) {
        snprintf(from, sizeof from, "out/%s", w);
        CHECK(rename(from, w) == 0, "%s is not written", from);
    }
}

static void check_every_command_is_there(void) {
    static const char *const names[] = {
#undef COMMAND // command.h's
#define COMMAND(name, c_name, arguments, takes, summary) name " ",
#include "cli/commands.def"
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        size_t n = strlen(names[i]), k = 0;
        while (k < ARRAY_LEN(commands) && strncmp(commands[k].line, names[i], n) != 0) k++;
        CHECK(k < ARRAY_LEN(commands), "no line of `commands` begins with %s", names[i]);
    }
}

int main(int argc, char **argv) {
    check_every_command_is_there();
    bool all = argc == 2, ok = true;
    static const char *const folders[] = {OHMIC_BUILD_DIR "/allocations",
                                          OHMIC_BUILD_DIR "/allocations-all",
                                          OHMIC_BUILD_DIR "/allocations-one"};
    make_inputs(folders[argc > 2 ? 2 : argc - 1]);
    uint64_t runs = 0, total = 0;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        ending usual, again;
        run(&again, commands[i].line, NONE, 0);
        keep(commands[i].keep);
        release(&again);
        bytes rest = {0};
        put_folder(&rest, "out", true);
        vec_free(&rest);
        run(&usual, commands[i].line, NONE, 0);
        put_folder(&usual.files, "out", true);
        CHECK(!usual.signal, "ohmic %s: signal %d", commands[i].line, usual.signal);
        if (argc == 4 && (size_t)atoi(argv[1]) == i)
            return !check(i, strcmp(argv[3], "rest") == 0 ? REST : ONE, (uint64_t)atoll(argv[2]),
                          &usual, true);
        uint64_t n = usual.allocations;
        if (all || argc == 1)
            printf("%2zu exit %d, %6llu allocations: ohmic %s\n", i, usual.code,
                   (unsigned long long)n, commands[i].line);
        total += n;
        for (uint64_t k = 1; argc < 4 && k <= n; k += all || k < 60 ? 1 : 1 + n / 60)
            for (fail_mode m = ONE; m < N_MODES; m++, runs++) ok &= check(i, m, k, &usual, false);
        release(&usual);
    }
    printf("%llu runs of %zu commands with %llu allocations: %s\n", (unsigned long long)runs,
           ARRAY_LEN(commands), (unsigned long long)total, ok ? "all well" : "see above");
    return !ok;
}
#endif
