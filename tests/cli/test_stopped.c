// A command that is stopped leaves what was there, one whose file is cut short says which, and
// outputs may be devices and pipes.
#define _GNU_SOURCE
#include "cli/signals.h"
#include "support/file/file.h"
#include "support/num/tensor.h"
#include "tests/cli/command.h"
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
// cmocka.h needs some of the above
#include <cmocka.h>

#define FOLDER OHMIC_BUILD_DIR "/stopped"
#define OUT FOLDER "/out"
#define MODEL OHMIC_SOURCE_DIR "/examples/tales/tales_gpt.onnx"
#define TEXT OHMIC_SOURCE_DIR "/examples/tales/calibration_tokens.json"
#define PROGRAM FOLDER "/p.ohm"

static outcome o;

static int make_program(void **state) {
    if (!file_make_dir(FOLDER, NULL)) return -1;
    COMMAND(&o, "compile", MODEL, "--chip", "ideal", "--max-tokens", "32", "-q", "-o", PROGRAM);
    return o.code;
}

static void write_text(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    fputs(text, f);
    fclose(f);
}

static bool holds(const char *path, const char *text) {
    file_map f;
    if (!file_map_open(&f, path, NULL)) return false;
    bool same = f.bytes == strlen(text) && memcmp(f.data, text, f.bytes) == 0;
    file_map_close(&f);
    return same;
}

static int n_temporaries(void) {
    int n = 0;
    DIR *d = opendir(FOLDER);
    for (struct dirent *e; (e = readdir(d));)
        n += strncmp(e->d_name, FILE_TEMPORARY, strlen(FILE_TEMPORARY)) == 0;
    closedir(d);
    return n;
}

// ---- signals

// A child that ends in the middle of an output; its status.
static int child_that(void (*ends)(int), int number, bool ignored) {
    pid_t child = fork();
    if (child == 0) {
        freopen("/dev/null", "w", stderr);
        if (ignored) signal(number, SIG_IGN);
        signals_watch();
        file_out *a = file_out_open(OUT, NULL), *b = file_out_open(FOLDER "/other", NULL);
        fputs("half of it", file_out_stream(a));
        fflush(file_out_stream(a));
        if (!b || n_temporaries() != 2) _exit(3);
        ends(number);
        file_out_abandon(b);
        _exit(file_out_commit(a, NULL) ? 0 : 4);
    }
    int status;
    waitpid(child, &status, 0);
    return status;
}

static void by_signal(int number) { raise(number); }
static void by_check(int number) { CHECK(number == 0, "planted"); }
static void by_kill_from_outside(int number) {
    kill(getppid(), 0);
    kill(getpid(), number);
    for (;;) pause();
}

static void signals_remove_temporaries(void **state) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        write_text(OUT, "old");
        int status = child_that(i % 2 ? by_signal : by_kill_from_outside, numbers[i], false);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == numbers[i]);
        assert_int_equal(n_temporaries(), 0);
        assert_true(holds(OUT, "old"));
    }
    int status = child_that(by_check, 1, false);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 70);
    assert_int_equal(n_temporaries(), 0);
    assert_true(holds(OUT, "old"));
    status = child_that(by_signal, SIGHUP, true); // nohup
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(n_temporaries(), 0);
    assert_true(holds(OUT, "half of it"));
}

// calibrated: the program is run before it is written.
static pid_t compile_to(const char *out, bool calibrated) {
    pid_t child = fork();
    if (child == 0) {
        int nowhere = open("/dev/null", O_RDWR);
        dup2(nowhere, 1), dup2(nowhere, 2);
        execl(OHMIC, OHMIC, "compile", MODEL, "--chip", "ideal-int8", "-q", "-o", out,
              calibrated ? "--set=crossbar.adc_range=calibrated" : NULL,
              "--set=crossbar.adc_bits=6", "--set=crossbar.rows=64", "--calibrate", TEXT, NULL);
        _exit(127);
    }
    return child;
}

static bool same_files(const char *a, const char *b) {
    file_map x, y;
    assert_true(file_map_open(&x, a, NULL) && file_map_open(&y, b, NULL));
    bool same = x.bytes == y.bytes && !memcmp(x.data, y.data, x.bytes);
    file_map_close(&x);
    file_map_close(&y);
    return same;
}

// The command itself, at any time: a compile is ended again and again. The output is what it was,
// or, when the signal came after the rename, the whole program.
static void end_compiles(bool calibrated) {
    static const char whole[] = FOLDER "/whole.ohm";
    int status;
    waitpid(compile_to(whole, calibrated), &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    for (int i = 0; i < 40; i++) {
        write_text(OUT, "old");
        pid_t child = compile_to(OUT, calibrated);
        usleep((useconds_t)(1000 + 7000 * i % 150000));
        kill(child, i % 2 ? SIGTERM : SIGINT);
        waitpid(child, &status, 0);
        assert_int_equal(n_temporaries(), 0);
        assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == (i % 2 ? SIGTERM : SIGINT)
                                        : WEXITSTATUS(status) == 0);
        assert_true((WIFSIGNALED(status) && holds(OUT, "old")) || same_files(OUT, whole));
    }
    unlink(whole);
}

static void an_ended_compile_leaves_nothing(void **state) {
    end_compiles(false);
    end_compiles(true);
}

// ---- mapped files

static void a_file_cut_short_is_named(void **state) {
    arena *a = arena_new();
    file_map f;
    assert_true(file_map_open(&f, PROGRAM, NULL));
    FILE *copy = fopen(FOLDER "/cut.ohm", "w");
    fwrite(f.data, 1, f.bytes, copy);
    fclose(copy);
    file_map_close(&f);
    int in[2], err[2];
    assert_true(pipe(in) == 0 && pipe(err) == 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(in[0], 0), dup2(err[1], 2), dup2(open("/dev/null", O_WRONLY), 1);
        close(in[1]), close(err[0]);
        execl(OHMIC, OHMIC, "generate", FOLDER "/cut.ohm", "--tokenizer",
              OHMIC_SOURCE_DIR "/examples/tales/tokenizer.json", "--prompt", "-", NULL);
        _exit(127);
    }
    close(in[0]), close(err[1]);
    char maps[64], *where;
    snprintf(maps, sizeof maps, "/proc/%d/maps", (int)child);
    do { // until the program is mapped and the prompt is waited for
        usleep(100000);
        file_map m;
        assert_true(file_map_open(&m, maps, NULL));
        where = memmem(m.data, m.bytes, "/cut.ohm", 8);
        file_map_close(&m);
    } while (!where);
    usleep(300000);
    assert_int_equal(truncate(FOLDER "/cut.ohm", 0), 0);
    assert_int_equal(write(in[1], "Once", 4), 4);
    close(in[1]);
    char said[4096] = "";
    size_t n = 0;
    for (ssize_t k; (k = read(err[0], said + n, sizeof said - 1 - n)) > 0;) n += (size_t)k;
    said[n] = 0;
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_non_null(strstr(said, "cut.ohm: error: the file was cut short while it was read"));
    close(err[0]);
    arena_free(a);
}

// ---- outputs

typedef struct {
    const char *name;
    const char *argv[10]; // "@": the output
} writer;
static const writer writers[] = {
    {"compile", {OHMIC, "compile", MODEL, "--chip", "ideal", "-q", "-o", "@"}},
    {"as", {OHMIC, "as", FOLDER "/p.s", "-o", "@"}},
    {"dis", {OHMIC, "dis", PROGRAM, "-o", "@"}},
    {"opt", {OHMIC, "opt", OHMIC_SOURCE_DIR "/tests/golden/3d.oir", "-p", "dce", "-o", "@"}},
    {"npz", {OHMIC, "run", PROGRAM, "-i", "input_ids=" FOLDER "/x.npy", "-o", "@"}},
    {"npy", {OHMIC, "run", PROGRAM, "-i", "input_ids=" FOLDER "/x.npy", "-o", "@npy"}},
};

static void write_to(const writer *w, const char *path) {
    const char *argv[11] = {0};
    char pair[300];
    for (int i = 0; w->argv[i]; i++) {
        argv[i] = w->argv[i];
        if (strcmp(argv[i], "@npy") == 0) {
            snprintf(pair, sizeof pair, "logits=%s", path);
            argv[i] = pair;
        } else if (strcmp(argv[i], "@") == 0) {
            argv[i] = path;
        }
    }
    command_run(&o, argv, NULL);
}

static void outputs_of_every_kind(void **state) {
    arena *a = arena_new();
    tensor ids = tensor_new(a, ELEM_i64, 2, (int64_t[]){1, 3});
    assert_true(npy_write(FOLDER "/x.npy", &ids, NULL));
    COMMAND(&o, "dis", PROGRAM, "-o", FOLDER "/p.s");
    assert_int_equal(o.code, 0);
    for (size_t i = 0; i < ARRAY_LEN(writers); i++) {
        const writer *w = &writers[i];
        char *plain = arena_printf(a, FOLDER "/plain.%s", w->name), *fifo = FOLDER "/fifo",
             *copy = FOLDER "/copy";
        write_to(w, plain);
        if (o.code) fail_msg("%s: %s", w->name, o.err);
        write_to(w, "/dev/null");
        if (o.code) fail_msg("%s to /dev/null: %s", w->name, o.err);
        struct stat st;
        assert_true(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode)); // and it is still there
        // a pipe gives the same bytes (dis leaves out its data there)
        unlink(fifo);
        assert_int_equal(mkfifo(fifo, 0666), 0);
        pid_t reader = fork();
        if (reader == 0) {
            dup2(open(fifo, O_RDONLY), 0), dup2(open(copy, O_WRONLY | O_CREAT | O_TRUNC, 0666), 1);
            execlp("cat", "cat", NULL);
            _exit(127);
        }
        write_to(w, fifo);
        if (o.code) fail_msg("%s to a pipe: %s", w->name, o.err);
        waitpid(reader, NULL, 0);
        file_map f, g;
        assert_true(file_map_open(&f, plain, NULL) && file_map_open(&g, copy, NULL));
        if (strcmp(w->name, "dis") != 0)
            assert_true(f.bytes == g.bytes && memcmp(f.data, g.data, f.bytes) == 0);
        assert_true(g.bytes > 0);
        file_map_close(&f), file_map_close(&g);
        // what fails says where and why
        if (file_exists("/dev/full")) {
            write_to(w, "/dev/full");
            assert_int_equal(o.code, 1);
            if (!strstr(o.err, "/dev/full: error: cannot write: No space left on device [io]"))
                fail_msg("%s: %s", w->name, o.err);
        }
        write_to(w, FOLDER "/no/such/folder");
        assert_int_equal(o.code, 1);
        assert_non_null(strstr(o.err, "cannot write: No such file or directory"));
        assert_int_equal(n_temporaries(), 0);
    }
    arena_free(a);
}

static void standard_output_fails(void **state) {
    if (!file_exists("/dev/full")) return;
    static const char *const commands[] = {"--help",         "--version",    "ops",
                                           "nm " PROGRAM,    "dis " PROGRAM, "ops --json",
                                           "verify " PROGRAM};
    arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        const char *argv[] = {"/bin/sh", "-c",
                              arena_printf(a, "exec " OHMIC " %s >/dev/full", commands[i]), NULL};
        command_run(&o, argv, NULL);
        assert_int_equal(o.code, 1);
        assert_non_null(strstr(o.err, "<stdout>: error: cannot write: No space left on device"));
    }
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signals_remove_temporaries),
        cmocka_unit_test(an_ended_compile_leaves_nothing),
        cmocka_unit_test(a_file_cut_short_is_named),
        cmocka_unit_test(outputs_of_every_kind),
        cmocka_unit_test(standard_output_fails),
    };
    return cmocka_run_group_tests(tests, make_program, NULL);
}
