// Where every command writes and reads: outputs that cannot be written or would replace an input,
// standard output that is full, closed or read by nobody, and inputs from standard input.
#define _GNU_SOURCE // unshare
#define DIR OHMIC_BUILD_DIR "/streams"
#include "host/tensors.h"
#include "tests/cli/lines.h"
#include <sched.h>
#include <sys/mount.h>

static void outputs_that_cannot_be(void **state) {
    char value[600];
    EACH_COMMAND(c) {
        size_t i;
        const json_t *option;
        EACH_OPTION(c, i, option) {
            kind k = kind_of(option);
            bool is_file =
                k == KIND_OUTPUT || k == KIND_PLACE || k == KIND_TENSORS_OUT || k == KIND_TRACE;
            if (!is_file && k != KIND_FOLDER) continue;
            const char *before = k == KIND_TENSORS_OUT ? "y=" : k == KIND_TRACE ? "0:1=" : "";
            const struct {
                const char *path, *says;
                int code;
            } cases[] = {
                {DIR "/no/such/folder/x", "No such file or directory", 1},
                {DIR "/f.text/x", "Not a directory", 1},
                {"/proc/x", "cannot", 1},
                {DIR "/f.folder", "Is a directory", 1},
                {"/dev/full", "No space left on device", 1},
                {commands[c].line[0], "would overwrite what", 2},
            };
            for (size_t v = 0; v < ARRAY_LEN(cases); v++) {
                if (k == KIND_FOLDER && (v == 0 || v > 2)) continue;
                if (k == KIND_PLACE && v == 3) continue;
                snprintf(value, sizeof value, "%s%s", before, cases[v].path);
                words w = line(c);
                add(&w, spelled(0, option, value));
                fails_as_json(w, tables[c], cases[v].code, cases[v].says);
                struct stat st;
                assert_true(stat(commands[c].line[0], &st) == 0 && st.st_size > 0);
            }
        }
    }
}

// ---- full disks, folders that cannot be written ----------------------------------------------

#define SMALL DIR "/small"        // a file system with room for a page
#define READ_ONLY DIR "/readonly" // one that cannot be written
#define AS_NOBODY "setpriv --reuid=65534 --regid=65534 --clear-groups"

// Mounts of this process alone. False: the system lets nobody mount here.
static bool mount_both(void) {
    bool root = geteuid() == 0;
    if (unshare(CLONE_NEWNS | (root ? 0 : CLONE_NEWUSER)) != 0) return false;
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", SMALL, "tmpfs", 0, "size=4k") == 0 &&
           mount("none", READ_ONLY, "tmpfs", 0, "size=4k") == 0 &&
           close(creat(READ_ONLY "/old", 0666)) == 0 &&
           mount("none", READ_ONLY, "tmpfs", MS_REMOUNT | MS_RDONLY, "size=4k") == 0;
}

// What stood there stands there still, and nothing else.
static void stays(const char *folder, const char *text) {
    arena *a = arena_new();
    size_t n;
    const char **names = file_list(a, folder, &n);
    assert_true(names && n == 1 && strcmp(names[0], "old") == 0);
    char found[8192];
    size_t length = command_slurp(file_join(a, folder, "old"), found, sizeof found);
    assert_true(length == strlen(text) && strcmp(found, text) == 0);
    arena_free(a);
}

// Every option that names a file to write gets `folder`/old: the command fails, says why and names
// the file.
static void outputs_fail_in(const char *folder, const char *text, const char *says) {
    size_t tried = 0;
    EACH_COMMAND(c) {
        size_t i;
        const json_t *option;
        EACH_OPTION(c, i, option) {
            kind k = kind_of(option);
            if (k != KIND_OUTPUT && k != KIND_PLACE && k != KIND_TENSORS_OUT && k != KIND_TRACE)
                continue;
            char value[600];
            snprintf(value, sizeof value, "%s%s/old",
                     k == KIND_TENSORS_OUT ? "y="
                     : k == KIND_TRACE     ? "0:1="
                                           : "",
                     folder);
            words w = line(c);
            add(&w, spelled(0, option, value));
            fails_as_json(w, tables[c], 1, says);
            assert_non_null(strstr(o.err, folder));
            stays(folder, text);
            tried++;
        }
    }
    assert_true(tried >= 6);
}

static void disks(void **state) {
    assert_true(file_make_dir(SMALL, NULL) && file_make_dir(READ_ONLY, NULL));
    if (!mount_both()) {
        printf("NOT RUN: nobody may mount a small and a read-only file system here\n");
        skip();
    }
    static char page[4097];
    memset(page, 'x', sizeof page - 1);
    put(SMALL "/old", page, sizeof page - 1);
    outputs_fail_in(SMALL, page, "No space left on device");
    outputs_fail_in(READ_ONLY, "", "Read-only file system");
    words w = line(0);
    add(&w, "--dump-ir=" READ_ONLY "/dump");
    fails(&w, 1, "Read-only file system");
}

// Runs `before`, then a command that replaces DIR/closed/old; it fails, and what was there stays.
static void fails_behind(const char *before, const char *says) {
    char script[4096];
    snprintf(script, sizeof script,
             "cd " DIR
             "; rm -rf closed; mkdir closed; printf old > closed/old; chmod 666 closed/old; "
             "(%s '%s' opt '%s' -o " DIR "/closed/old) 2>&1 | cat >&2; code=${PIPESTATUS[0]}; "
             "[ \"$(cat closed/old)$(ls -A closed)\" = oldold ] || exit 99; exit $code",
             before, OHMIC, files[FILE_KIND_oir]);
    const char *const argv[] = {"/bin/bash", "-c", script, NULL};
    command_run(&o, argv, NULL);
    if (o.code != 1 || !strstr(o.err, says)) fail_msg("%s: exit %d\n%s", script, o.code, o.err);
}

// Without mounts: a file that may not grow, a folder that somebody else may write.
static void limits(void **state) {
    fails_behind("ulimit -f 0;", "File too large");
    if (geteuid() != 0) {
        fails_behind("chmod 555 closed;", "Permission denied");
        return;
    }
    const char *const argv[] = {"/bin/sh", "-c", AS_NOBODY " '" OHMIC "' chips ideal", NULL};
    command_run(&o, argv, NULL);
    if (o.code == 0)
        fails_behind("chmod 555 closed; " AS_NOBODY, "Permission denied");
    else
        printf("NOT RUN: nobody else can run the command where it lies: %s", o.err);
}

// Standard output: full, closed, a pipe that nobody reads.
static void output_streams(void **state) {
    static const char *const ends[] = {">/dev/full", ">&-", ">&9"};
    EACH_COMMAND(c) {
        words w = line(c);
        for (size_t e = 0; e < ARRAY_LEN(ends); e++) {
            char script[4096];
            size_t at = 0; // the pipe's reader has ended before the command begins
            if (e == 2) at = (size_t)snprintf(script, sizeof script, "exec 9> >(:); wait $!; ");
            for (size_t i = 0; i < w.n; i++)
                at += (size_t)snprintf(script + at, sizeof script - at, "'%s' ", w.word[i]);
            snprintf(script + at, sizeof script - at, "%s", ends[e]);
            const char *const argv[] = {"/bin/bash", "-c", script, NULL};
            command_run(&o, argv, NULL);
            bool noticed = e == 2 ? o.code == 1 || o.code == 128 + 13 : o.code == 1;
            const char *said = e == 0   ? "No space left on device"
                               : e == 1 ? "Bad file descriptor"
                                        : "";
            if (!noticed || !strstr(o.err, said))
                fail_msg("%s: exit %d\n%s", script, o.code, o.err);
        }
    }
}

// The file may come from standard input: a file there, or a pipe.
static void input_streams(void **state) {
    static char expected[sizeof o.out];
    EACH_COMMAND(c) {
        if (!json_array_size(json_object_get(tables[c], "takes"))) continue;
        if (takes(tables[c], FILE_KIND_folder)) continue;
        words w = line(c);
        bool named = strcmp(commands[c].name, "compile") == 0 || // it prints the model's name
                     strcmp(commands[c].name, "eval") == 0 ||    // and this seconds
                     commands[c].line == line_tokenize ||        // more files lie beside it
                     strcmp(commands[c].name, "verify") == 0;
        works(&w);
        memcpy(expected, o.out, o.n_out + 1);
        const char *file = w.word[2];
        w.word[2] = "-";
        for (int piped = 0; piped < 2; piped++) {
            char script[4096];
            // assembly has data beside it
            size_t at = (size_t)snprintf(
                script, sizeof script,
                piped ? "cd " DIR "; set -o pipefail; cat '%s' | " : "cd " DIR "; <'%s' ", file);
            for (size_t i = 0; i < w.n; i++)
                at += (size_t)snprintf(script + at, sizeof script - at, "'%s' ", w.word[i]);
            const char *const argv[] = {"/bin/bash", "-c", script, NULL};
            command_run(&o, argv, NULL);
            if (o.code || (!named && strcmp(expected, o.out) != 0))
                fail_msg("%s: exit %d\n%s\n%s", script, o.code, o.err, o.out);
        }
    }
}

// ---- every option that reads a file, from standard input -------------------------------------

// "@" is the file. Where nothing is named here, the options are those of another command.
static const struct {
    const char *command, *option, *file, *words[14];
} reads[] = {
    {"compile", "chip", DIR "/f.chip.yaml", {DIR "/f.onnx", "--chip=@", "-q", "-o", "-"}},
    {"compile",
     "calibrate",
     DIR "/f.json",
     {TALES "tales_gpt.onnx", "--calibrate=@", "--json", "-o", DIR "/out"}},
    {"compile",
     "adapt",
     DIR "/f.adapt",
     {TALES "tales_gpt.onnx", "--adapt=@", "--chip", "leroux2025", "--attention", "hard-sigmoid",
      "--json", "-o", DIR "/out"}},
    {"compile",
     "tokenizer",
     TALES "tokenizer.json",
     {TALES "tales_gpt.onnx", "--calibrate", DIR "/f.text", "--tokenizer=@", "--bos", "--json",
      "-o", DIR "/out"}},
    {"run", "input", DIR "/f.npy", {DIR "/f.ohm", "--input=x=@"}},
    {"run", "input", DIR "/f.npz", {DIR "/f.ohm", "--input=@"}},
    {"run", "input", DIR "/f.pb", {DIR "/f.ohm", "--input=@"}},
    {"generate",
     "tokenizer",
     TALES "tokenizer.json",
     {DIR "/text.ohm", "--tokenizer=@", "--prompt", "Once", "--bos", "-n", "2"}},
    {"generate",
     "load-state",
     DIR "/f.state",
     {DIR "/text.ohm", "--tokenizer", TALES "tokenizer.json", "--load-state=@", "-n", "2"}},
    {"generate",
     "source-tokenizer",
     DIR "/f.words",
     {DIR "/pair.ohm", "--source-tokenizer=@", "--source", "w", "--start-id", "0", "--ids"}},
    {"generate",
     "source-features",
     DIR "/f.features.npy",
     {DIR "/heard.ohm", "--source-features=@", "--start-id", "0", "--ids"}},
    {"tokenize", "file", DIR "/f.text", {TALES "tokenizer.json", "--file=@"}},
    {"eval", "perplexity", DIR "/f.json", {DIR "/text.ohm", "--perplexity=@"}},
    {"eval",
     "sources",
     DIR "/f.sources",
     {DIR "/pair.ohm", "--perplexity", DIR "/f.targets", "--sources=@"}},
    {"eval",
     "recall",
     DIR "/f.probes",
     {DIR "/text.ohm", "--recall=@", "--tokenizer", TALES "tokenizer.json"}},
    {"eval", "masked", DIR "/f.masked", {DIR "/text.ohm", "--masked=@"}},

    {"eval", "classify", DIR "/f.npy", {DIR "/f.ohm", "--classify=@", "--labels", DIR "/f.labels"}},
    {"eval", "labels", DIR "/f.labels", {DIR "/f.ohm", "--classify", DIR "/f.npy", "--labels=@"}},
    {"eval", "layers", DIR "/text.ohm", {TALES "tales_gpt.onnx", "--layers=@"}},
    {"eval",
     "ids",
     DIR "/f.json",
     {TALES "tales_gpt.onnx", "--layers", DIR "/text.ohm", "--ids=@"}},
    {"eval",
     "tokenizer",
     TALES "tokenizer.json",
     {DIR "/text.ohm", "--perplexity", DIR "/f.text", "--tokenizer=@", "--bos"}},
    {"cost", "activity", DIR "/f.activity", {DIR "/f.ohm", "--activity=@"}},
    {"onnx-test", "model", DIR "/f.onnx", {CASE, "--model=@"}},
    {"as", "chip", DIR "/f.chip.yaml", {DIR "/f.s", "--chip=@", "-o", "-"}},
};

// Digits of seconds differ, and what a file is called in figures.
static void plain(char *text) {
    char *seconds = strstr(text, " sequences, ");
    if (seconds) seconds[strlen(" sequences, ")] = 0;
}

static void read_once(size_t i, int how, char *expected) {
    char script[4096];
    size_t at = (size_t)snprintf(script, sizeof script, how == 2 ? "cat '%s' | " : "<'%s' ",
                                 how ? reads[i].file : "/dev/null");
    at += (size_t)snprintf(script + at, sizeof script - at, "'%s' %s", OHMIC, reads[i].command);
    for (const char *const *w = reads[i].words; *w; w++) {
        const char *file = strchr(*w, '@');
        size_t n = file ? (size_t)(file - *w) : strlen(*w);
        at += (size_t)snprintf(script + at, sizeof script - at, " '%.*s%s'", (int)n, *w,
                               !file ? ""
                               : how ? "-"
                                     : reads[i].file);
    }
    const char *const argv[] = {"/bin/bash", "-c", script, NULL};
    command_run(&o, argv, NULL);
    // These rows are no image: refused once both files are read.
    bool images =
        strcmp(reads[i].option, "labels") == 0 || strcmp(reads[i].option, "classify") == 0;
    bool refused = images && o.code == 1 && strstr(o.err, "[eval-data]");
    plain(o.out);
    if (o.code && !refused) fail_msg("%s: exit %d\n%s", script, o.code, o.err);
    if (how == 0)
        strcpy(expected, refused ? strstr(o.err, "the output") : o.out);
    else if (strcmp(reads[i].command, "compile") != 0 || strcmp(reads[i].option, "chip") == 0)
        assert_string_equal(expected, refused ? strstr(o.err, "the output") : o.out);
}

// An encoder that reads ids, and one that reads values.
static void make_pairs(void) {
    arena *a = arena_new();
    diag_sink *diags = diag_sink_new();
    tensor x = tensor_new(a, ELEM_f32, 3, (int64_t[]){1, 2, 4});
    const tensor_set set = {&(tensor_named){"x", x}, 1};
    assert_true(tensors_write(a, "x=" DIR "/f.features.npy", &set, diags));
    diag_sink_free(diags);
    arena_free(a);
    PUT(DIR "/f.sources", "[[1, 2, 3]]");
    PUT(DIR "/f.targets", "[[1, 2, 3]]");
    PUT(DIR "/f.words", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nw\n");
    assert_int_equal(system("sed -e 's/%src \"input_ids\"[^}]*}/%e \"heard\" : f32[t1,4] "
                            "{onnx_shape = [\"1\", \"t1\", \"4\"], onnx_type = \"f32\"}/' "
                            "-e '/%e = nn.embed/d' tests/golden/3d.oir >" DIR "/heard.oir"),
                     0);
    WORKS("compile", "tests/golden/3d.oir", "--chip", "ideal", "-q", "-o", DIR "/pair.ohm");
    WORKS("compile", DIR "/heard.oir", "--chip", "ideal", "-q", "-o", DIR "/heard.ohm");
}

static void options_from_standard_input(void **state) {
    static char expected[sizeof o.out];
    make_pairs();
    PUT(DIR "/f.probes", "{\"prompt\": \"Once there was\", \"answer\": \" a\", \"distance\": 1}\n");
    PUT(DIR "/f.masked", "{\"ids\": [[0, 47, 393, 69]], \"masked\": [[2]], \"mask_id\": 0}");
    PUT(DIR "/f.labels", "[1]");
    WORKS("run", files[FILE_KIND_ohm], "--input=x=" DIR "/f.npy", "--activity", DIR "/f.activity");
    FILE *adapt = fopen(DIR "/f.adapt", "w");
    assert_non_null(adapt);
    for (int i = 0; i < 140; i++) fprintf(adapt, "%s%d", i ? ", " : "[[", (i * 7 + 1) % 500);
    fprintf(adapt, "]]\n");
    assert_int_equal(fclose(adapt), 0);
    for (size_t i = 0; i < ARRAY_LEN(reads); i++)
        for (int how = 0; how < 3; how++) read_once(i, how, expected);
    EACH_COMMAND(c) {                                       // and there is no other
        if (strcmp(commands[c].name, "opt") == 0) continue; // compile's
        size_t i;
        const json_t *option;
        EACH_OPTION(c, i, option) {
            kind k = kind_of(option);
            bool known = k != KIND_INPUT && k != KIND_TENSORS_IN && k != KIND_CHIP;
            for (size_t r = 0; r < ARRAY_LEN(reads); r++)
                known |= strcmp(reads[r].command, commands[c].name) == 0 &&
                         strcmp(reads[r].option, field(option, "name")) == 0;
            if (!known)
                fail_msg("%s --%s is not read from standard input here", commands[c].name,
                         field(option, "name"));
        }
    }
    // What has no name is not written under one.
    words w = {0};
    add(&w, OHMIC), add(&w, "compile"), add(&w, "-");
    command_run(&o, w.word, files[FILE_KIND_onnx]);
    assert_int_equal(o.code, 2);
    assert_non_null(strstr(o.err, "say where the program goes (-o FILE)"));
}

// A terminal that knows no escape codes gets none, and no line that is drawn again.
static void dumb_terminal(void **state) {
    for (int dumb = 0; dumb < 2; dumb++) {
        char script[1024];
        snprintf(script, sizeof script,
                 "TERM=%s script -qec \"'%s' compile '%s' -q -o " DIR
                 "/out; '%s' compile nosuch\" /dev/null",
                 dumb ? "dumb" : "xterm", OHMIC, TALES "tales_gpt.onnx", OHMIC);
        const char *const argv[] = {"/bin/bash", "-c", script, NULL};
        command_run(&o, argv, NULL);
        assert_non_null(strstr(o.out, "cannot read"));
        bool escapes = memchr(o.out, '\033', o.n_out) != NULL;
        bool redraws = strstr(o.out, "compiling") != NULL;
        if (escapes == dumb || redraws == dumb) fail_msg("%s: %s", script, o.out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_that_cannot_be),
        cmocka_unit_test(limits),
        cmocka_unit_test(output_streams),
        cmocka_unit_test(input_streams),
        cmocka_unit_test(options_from_standard_input),
        cmocka_unit_test(dumb_terminal),
        cmocka_unit_test(disks), // the last: it changes what is mounted
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
