// Where every command writes and reads: outputs that cannot be written or would replace an input,
// standard output that is full, closed or read by nobody, and inputs from standard input.
#define DIR OHMIC_BUILD_DIR "/streams"
#include "tests/cli/lines.h"

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

// Standard output: full, closed, a pipe that nobody reads.
static void output_streams(void **state) {
    static const char *const ends[] = {">/dev/full", ">&-", "| true"};
    EACH_COMMAND(c) {
        words w = line(c);
        for (size_t e = 0; e < ARRAY_LEN(ends); e++) {
            char script[4096];
            size_t at = (size_t)snprintf(script, sizeof script, "set -o pipefail; ");
            if (e == 2) at += (size_t)snprintf(script + at, sizeof script - at, "{ sleep 0.1; ");
            for (size_t i = 0; i < w.n; i++)
                at += (size_t)snprintf(script + at, sizeof script - at, "'%s' ", w.word[i]);
            snprintf(script + at, sizeof script - at, "%s%s", e == 2 ? "; } " : "", ends[e]);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_that_cannot_be),
        cmocka_unit_test(output_streams),
        cmocka_unit_test(input_streams),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
