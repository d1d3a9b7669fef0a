// Every command, every option, every kind of file, from the command's own tables: a wrong value, a
// file of another kind, an output that cannot be written end with one diagnostic and the right exit
// code, and with --json the failure is JSON. A new option is in here by being in its table; a new
// command wants a line that works.
#include "support/file/file.h"
#include "support/file/json.h"
#include "support/file/kind.h"
#include "support/num/tensor.h"
#include "tests/cli/command.h"
#include "tests/frontend/onnx_writer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
// cmocka.h needs some of the above
#include <cmocka.h>

#define DIR OHMIC_BUILD_DIR "/options"
#define CASE DIR "/case"
#define TALES OHMIC_SOURCE_DIR "/examples/tales/"
#define F32 1
enum { MOST_WORDS = 24 };

// ---- lines that work -------------------------------------------------------------------------

// Words behind "ohmic NAME"; the first is the file, where the command takes one. All of them print
// something.
static const char *const line_compile[] = {DIR "/f.onnx", "-o", DIR "/out", NULL};
static const char *const line_run[] = {DIR "/f.ohm", "-i", "x=" DIR "/f.npy", NULL};
static const char *const line_generate[] = {DIR "/text.ohm",
                                            "--tokenizer",
                                            TALES "tokenizer.json",
                                            "--prompt-ids",
                                            "0,47",
                                            "-n",
                                            "1",
                                            NULL};
static const char *const line_tokenize[] = {TALES "tokenizer.json", "Once", NULL};
static const char *const line_eval[] = {DIR "/text.ohm", "--perplexity", DIR "/f.json", NULL};
static const char *const line_opt[] = {DIR "/f.oir", NULL};
static const char *const line_as[] = {DIR "/f.s", "-o", "-", NULL};
static const char *const line_dis[] = {DIR "/f.ohm", NULL};
static const char *const line_nm[] = {DIR "/f.ohm", NULL};
static const char *const line_verify[] = {DIR "/f.ohm", NULL};
static const char *const line_chips[] = {DIR "/f.chip.yaml", NULL};
static const char *const line_ops[] = {NULL};
static const char *const line_passes[] = {NULL};
static const char *const line_onnx_test[] = {CASE, NULL};

static const struct {
    const char *name;
    const char *const *line;
} commands[] = {
#undef COMMAND
#define COMMAND(name, c_name, arguments, takes, summary) {name, line_##c_name},
#include "cli/commands.def"
};

// A file of each kind.
static const char *const files[FILE_KINDS] = {
    [FILE_KIND_onnx] = DIR "/f.onnx",
    [FILE_KIND_oir] = DIR "/f.oir",
    [FILE_KIND_ohm] = DIR "/f.ohm",
    [FILE_KIND_s] = DIR "/f.s",
    [FILE_KIND_chip] = DIR "/f.chip.yaml",
    [FILE_KIND_state] = DIR "/f.state",
    [FILE_KIND_npy] = DIR "/f.npy",
    [FILE_KIND_npz] = DIR "/f.npz",
    [FILE_KIND_pb] = DIR "/f.pb",
    [FILE_KIND_json] = DIR "/f.json",
    [FILE_KIND_safetensors] = DIR "/f.safetensors",
    [FILE_KIND_gguf] = DIR "/f.gguf",
    [FILE_KIND_torch] = DIR "/f.torch",
    [FILE_KIND_hdf5] = DIR "/f.hdf5",
    [FILE_KIND_empty] = DIR "/f.empty",
    [FILE_KIND_folder] = DIR "/f.folder",
    [FILE_KIND_text] = DIR "/f.text",
    [FILE_KIND_bytes] = DIR "/f.bytes",
};

// ---- wrong values ----------------------------------------------------------------------------

typedef enum {
#define ARG_KIND(id, wanted) KIND_##id,
#include "cli/args/kinds.def"
    KINDS
} kind;
static const char *const kind_names[KINDS] = {
#define ARG_KIND(id, wanted) #id,
#include "cli/args/kinds.def"
};

// Refused before anything is done, exit code 2; and a value that is of the kind.
static const struct {
    const char *right, *wrong[5];
} values[] = {
    [KIND_FLAG] = {NULL, {"yes"}},
    [KIND_TEXT] = {"x", {NULL}},
    [KIND_PROMPT] = {"x", {NULL}},
    [KIND_NAME] = {"x", {""}},
    [KIND_PAIR] = {"a=1", {"nosuch", "=1", "nosuch=", ""}},
    [KIND_WORD] = {NULL, {"banana", ""}},
    [KIND_INT] = {"1", {"x", "1.5", "1e3", "99999999999999999999", " 1"}},
    [KIND_SIZE] = {"1", {"-1", "x", "1.5", "2147483648", ""}},
    [KIND_COUNT] = {"1", {"0", "-1", "1e3", "2147483648", ""}},
    [KIND_REAL] = {"1", {"-1", "x", "nan", "inf", ""}},
    [KIND_POSITIVE] = {"1", {"0", "-1", "x", "inf", ""}},
    [KIND_SHARE] = {"0.5", {"-0.1", "1.1", "x", "nan", ""}},
    [KIND_PART] = {"0.5", {"0", "1.1", "x", "nan", ""}},
    [KIND_NUMBERS] = {"1,2", {"1,,2", "1,", "x", "1;2", ""}},
    [KIND_SIZES] = {"1,2", {"1,,2", "1,", "-1", "1.5", ""}},
    [KIND_CHIP] = {"ideal", {"nosuch", ""}},
    [KIND_INPUT] = {DIR "/f.text", {""}},
    [KIND_TENSORS_IN] = {"a=" DIR "/f.npy", {"a=", ""}},
    [KIND_OUTPUT] = {DIR "/out", {""}},
    [KIND_TENSORS_OUT] = {"a=" DIR "/out", {"a=", ""}},
    [KIND_TRACE] = {"0:1", {"a=", ""}},
    [KIND_FOLDER] = {DIR "/folder", {""}},
};
_Static_assert(ARRAY_LEN(values) == KINDS, "a kind of value has no wrong values");

// ---- running ---------------------------------------------------------------------------------

static outcome o;

typedef struct {
    const char *word[MOST_WORDS + 1];
    size_t n;
} words;

static void add(words *w, const char *s) {
    assert_true(w->n < MOST_WORDS);
    w->word[w->n++] = s;
    w->word[w->n] = NULL;
}

static words line(size_t command) {
    words w = {0};
    add(&w, OHMIC);
    add(&w, commands[command].name);
    for (const char *const *s = commands[command].line; *s; s++) add(&w, *s);
    return w;
}

static const char *text_of(const words *w) {
    static char text[4096];
    size_t at = 0;
    for (size_t i = 1; i < w->n; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, " '%s'", w->word[i]);
    return text;
}

static size_t count(const char *text, const char *what) {
    size_t n = 0;
    for (; (text = strstr(text, what)) != NULL; text++) n++;
    return n;
}

// The command fails with that code and one diagnostic that says `text`; NULL: with any number.
static void fails(const words *w, int code, const char *text) {
    command_run(&o, w->word, NULL);
    size_t n = count(o.err, "error: ");
    if (o.signal || o.code != code || (text ? n != 1 || !strstr(o.err, text) : n == 0))
        fail_msg("ohmic%s: exit %d, signal %d; expected %d and one error: ...%s..., found:\n%s",
                 text_of(w), o.code, o.signal, code, text ? text : "", o.err);
    if ((o.code == 2) != (count(o.err, "[usage]") == 1))
        fail_msg("ohmic%s: exit %d and\n%s", text_of(w), o.code, o.err);
}

// The same as JSON, where the command has it.
static void fails_as_json(words w, const json_t *table, int code, const char *text) {
    size_t i;
    const json_t *option;
    bool has = false;
    json_array_foreach(json_object_get(table, "options"), i, option) has |=
        strcmp(json_string_value(json_object_get(option, "name")), "json") == 0;
    fails(&w, code, text);
    if (!has) return;
    w.n++; // in front: a value may be missing at the end
    for (size_t k = w.n; k-- > 3;) w.word[k] = w.word[k - 1];
    w.word[2] = "--json";
    w.word[w.n] = NULL;
    fails(&w, code, text);
    json_t *j = json_loads(o.out, 0, NULL);
    const json_t *found = json_object_get(j, "diagnostics");
    if (!j || json_integer_value(json_object_get(j, "exit_code")) != o.code ||
        !json_array_size(found))
        fail_msg("ohmic%s: prints\n%s", text_of(&w), o.out);
    json_decref(j);
}

// ---- tables ----------------------------------------------------------------------------------

static json_t *tables[ARRAY_LEN(commands)];

static const char *field(const json_t *option, const char *key) {
    return json_string_value(json_object_get(option, key));
}

static kind kind_of(const json_t *option) {
    for (int k = 0; k < KINDS; k++)
        if (strcmp(kind_names[k], field(option, "kind")) == 0) return (kind)k;
    fail_msg("no kind '%s'", field(option, "kind"));
    return KINDS;
}

static const json_t *option_of(const json_t *table, const char *name) {
    size_t i;
    const json_t *option;
    json_array_foreach(json_object_get(table, "options"), i, option) {
        if (strcmp(field(option, "name"), name) == 0) return option;
    }
    fail_msg("--%s is named by another option, and is none", name);
    return NULL;
}

static char storage[64][600];

// "--name=value"; value NULL: "--name".
static const char *spelled(size_t slot, const json_t *option, const char *value) {
    assert_true(slot < ARRAY_LEN(storage));
    int n = snprintf(storage[slot], sizeof storage[slot], "--%s%s%s", field(option, "name"),
                     value ? "=" : "", value ? value : "");
    assert_true(n > 0 && (size_t)n < sizeof storage[slot]);
    return storage[slot];
}

static const char *right(size_t slot, const json_t *option) {
    const kind k = kind_of(option);
    if (k != KIND_WORD) return spelled(slot, option, values[k].right);
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)strcspn(field(option, "value"), "|"),
             field(option, "value"));
    return spelled(slot, option, word);
}

static bool takes(const json_t *of, file_kind k) {
    size_t i;
    const json_t *word;
    json_array_foreach(json_object_get(of, "takes"), i, word) {
        if (strcmp(json_string_value(word), file_kind_name(k)) == 0) return true;
    }
    return false;
}

#define EACH_COMMAND(c) for (size_t c = 0; c < ARRAY_LEN(commands); c++)
#define EACH_OPTION(c, i, option) \
    json_array_foreach(json_object_get(tables[c], "options"), i, option)

// ---- what there is ---------------------------------------------------------------------------

static void put(const char *path, const void *p, size_t n) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}
#define PUT(path, text) put(path, text, sizeof text - 1)

static void put_message(const char *path, bytes b) {
    put(path, b.items, b.count);
    vec_free(&b);
}

static const float weights[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1}, input[6] = {1, 2, 3, 4, 5, 6};

// x[1,n,3] -> MatMul -> y
static bytes small_model(void) {
    bytes graph = {0}, m = {0};
    put_msg(&graph, 5, tensor_raw("w", F32, 2, (int64_t[]){3, 3}, weights, sizeof weights));
    put_msg(&graph, 11, port("x", F32, 3, (int64_t[]){1, -1, 3}));
    put_msg(&graph, 12, port("y", F32, 3, (int64_t[]){1, -1, 3}));
    bytes node = {0};
    put_str(&node, 1, "x");
    put_str(&node, 1, "w");
    put_str(&node, 2, "y");
    put_str(&node, 4, "MatMul");
    put_msg(&graph, 1, node);
    put_int(&m, 1, 8);
    put_msg(&m, 8, opset("", 17));
    put_msg(&m, 7, graph);
    return m;
}

static void works(const words *w) {
    command_run(&o, w->word, NULL);
    if (o.code || o.signal) fail_msg("ohmic%s: exit %d\n%s", text_of(w), o.code, o.err);
}
#define WORKS(...)                                                            \
    do {                                                                      \
        words w_ = {0};                                                       \
        const char *const list_[] = {OHMIC, __VA_ARGS__};                     \
        for (size_t i_ = 0; i_ < ARRAY_LEN(list_); i_++) add(&w_, list_[i_]); \
        works(&w_);                                                           \
    } while (0)

static int set_up(void **state) {
    assert_true(file_make_dir(CASE "/test_data_set_0", NULL) &&
                file_make_dir(DIR "/f.folder", NULL));
    put_message(files[FILE_KIND_onnx], small_model());
    put_message(CASE "/model.onnx", small_model());
    const int64_t dim[] = {1, 2, 3};
    const char *const pbs[] = {files[FILE_KIND_pb], CASE "/test_data_set_0/input_0.pb",
                               CASE "/test_data_set_0/output_0.pb"};
    for (size_t i = 0; i < ARRAY_LEN(pbs); i++)
        put_message(pbs[i], tensor_raw(i == 2 ? "y" : "x", F32, 3, dim, input, sizeof input));
    arena *a = arena_new();
    tensor t = tensor_new(a, ELEM_f32, 3, dim);
    memcpy(t.data, input, sizeof input);
    assert_true(npy_write(files[FILE_KIND_npy], &t, NULL));
    assert_true(
        npz_write(files[FILE_KIND_npz], &(tensor_set){(tensor_named[]){{"x", t}}, 1}, NULL));
    arena_free(a);
    WORKS("compile", files[FILE_KIND_onnx], "-q", "-o", files[FILE_KIND_ohm], "--dump-ir",
          DIR "/dump");
    WORKS("opt", DIR "/dump/00-input.oir", "-o", files[FILE_KIND_oir]);
    WORKS("dis", files[FILE_KIND_ohm], "-o", files[FILE_KIND_s]);
    WORKS("compile", TALES "tales_gpt.onnx", "--chip", "ideal", "-q", "-o", DIR "/text.ohm");
    WORKS("generate", DIR "/text.ohm", "--tokenizer", TALES "tokenizer.json", "--prompt-ids", "0",
          "-n", "1", "--save-state", files[FILE_KIND_state]);
    WORKS("chips", "ideal");
    put(files[FILE_KIND_chip], o.out, o.n_out);
    PUT(files[FILE_KIND_json], "[[0, 47, 393]]");
    PUT(files[FILE_KIND_safetensors], "\x10\0\0\0\0\0\0\0{\"w\":{}}        12345678");
    PUT(files[FILE_KIND_gguf], "GGUF\3\0\0\0\0\0\0\0");
    PUT(files[FILE_KIND_torch], "PK\3\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0\0\0"
                                "archive/data.pkl....");
    PUT(files[FILE_KIND_hdf5], "\x89HDF\r\n\x1a\n\0\0\0\0");
    PUT(files[FILE_KIND_empty], "");
    PUT(files[FILE_KIND_text], "Once there was.\n");
    PUT(files[FILE_KIND_bytes], "\xff\xfe\0\x01\x02");
    EACH_COMMAND(c) {
        words w = {0};
        add(&w, OHMIC), add(&w, "help"), add(&w, commands[c].name), add(&w, "--json");
        works(&w);
        tables[c] = json_loads(o.out, 0, NULL);
        assert_non_null(tables[c]);
    }
    return 0;
}

static int tear_down(void **state) {
    EACH_COMMAND(c) json_decref(tables[c]);
    return 0;
}

// ---- tests -----------------------------------------------------------------------------------

static void kinds_are_told_apart(void **state) {
    for (int k = 0; k < FILE_KINDS; k++)
        assert_string_equal(file_kind_name(file_kind_at(files[k])), file_kind_name((file_kind)k));
}

static void lines_that_work(void **state) {
    EACH_COMMAND(c) {
        words w = line(c);
        works(&w);
        bool prints = o.n_out > 0;
        assert_true(prints);
        size_t i;
        const json_t *option;
        EACH_OPTION(c, i, option) {
            if (strcmp(field(option, "name"), "json") != 0) continue;
            add(&w, "--json");
            works(&w);
            json_t *j = json_loads(o.out, 0, NULL);
            if (!j) fail_msg("ohmic%s prints\n%s", text_of(&w), o.out);
            json_decref(j);
        }
        words help = {0}, same = {0};
        add(&help, OHMIC), add(&help, "help"), add(&help, commands[c].name);
        add(&same, OHMIC), add(&same, commands[c].name), add(&same, "--help");
        works(&help);
        char *first = strcpy(base_alloc(o.n_out + 1), o.out);
        works(&same);
        assert_string_equal(first, o.out);
        free(first);
    }
}

static void wrong_values(void **state) {
    EACH_COMMAND(c) {
        size_t i;
        const json_t *option;
        EACH_OPTION(c, i, option) {
            kind k = kind_of(option);
            for (size_t v = 0; v < ARRAY_LEN(values[k].wrong) && values[k].wrong[v]; v++) {
                words w = line(c);
                add(&w, spelled(0, option, values[k].wrong[v]));
                fails_as_json(w, tables[c], 2, k == KIND_CHIP ? "" : field(option, "name"));
            }
            words w = line(c);
            snprintf(storage[0], sizeof storage[0], "--%s", field(option, "name"));
            if (k != KIND_FLAG) {
                add(&w, storage[0]);
                fails_as_json(w, tables[c], 2, "wants a value");
            }
            w = line(c);
            snprintf(storage[0], sizeof storage[0], "--%sx", field(option, "name"));
            add(&w, storage[0]);
            fails_as_json(w, tables[c], 2, "did you mean '--");
        }
        words w = line(c);
        for (int k = 0; k < 3; k++) add(&w, DIR "/f.folder");
        if (!strstr(field(tables[c], "arguments"), "..."))
            fails_as_json(w, tables[c], 2, "too many arguments");
    }
}

static bool is_in_line(size_t c, const char *option) {
    for (const char *const *s = commands[c].line; *s; s++)
        if (strncmp(*s, "--", 2) == 0 && strcmp(*s + 2, option) == 0) return true;
    return false;
}

static void what_belongs_together(void **state) {
    EACH_COMMAND(c) {
        size_t i, k;
        const json_t *option, *other;
        EACH_OPTION(c, i, option) {
            const json_t *with = json_object_get(option, "with");
            bool there = json_array_size(with) == 0;
            json_array_foreach(with, k, other) {
                option_of(tables[c], json_string_value(other));
                there |= is_in_line(c, json_string_value(other));
            }
            if (!there) {
                words w = line(c);
                add(&w, right(0, option));
                fails_as_json(w, tables[c], 2, "has no effect without --");
            }
            json_array_foreach(json_object_get(option, "without"), k, other) {
                const json_t *second = option_of(tables[c], json_string_value(other));
                words w = line(c);
                add(&w, right(0, option));
                add(&w, right(1, second));
                // What either needs beside it.
                size_t slot = 2;
                const json_t *both[] = {option, second};
                for (int b = 0; b < 2; b++) {
                    const json_t *needs = json_array_get(json_object_get(both[b], "with"), 0);
                    if (needs)
                        add(&w, right(slot++, option_of(tables[c], json_string_value(needs))));
                }
                fails(&w, 2, "exclude each other");
            }
        }
    }
}

// A file of each kind where a command or option does not take it.
static void other_kinds_of_file(void **state) {
    char value[600];
    EACH_COMMAND(c) {
        for (int k = 0; k < FILE_KINDS; k++) {
            if (!json_array_size(json_object_get(tables[c], "takes"))) break;
            if (takes(tables[c], (file_kind)k)) continue;
            words w = line(c);
            w.word[2] = files[k];
            bool told = k != FILE_KIND_text && k != FILE_KIND_bytes && k != FILE_KIND_json;
            fails_as_json(w, tables[c], 1, told ? file_kind_what((file_kind)k) : NULL);
            assert_true(!told || strstr(o.err, "[file-kind]"));
        }
        size_t i;
        const json_t *option;
        EACH_OPTION(c, i, option) {
            kind of = kind_of(option);
            if (of != KIND_INPUT && of != KIND_TENSORS_IN && of != KIND_CHIP) continue;
            assert_true(json_array_size(json_object_get(option, "takes")) > 0);
            for (int k = 0; k <= FILE_KINDS; k++) {
                bool missing = k == FILE_KINDS;
                if (!missing && takes(option, (file_kind)k)) continue;
                if (k == FILE_KIND_bytes || k == FILE_KIND_text || k == FILE_KIND_json) continue;
                snprintf(value, sizeof value, "%s%s", of == KIND_TENSORS_IN ? "x=" : "",
                         missing ? DIR "/no/such" : files[k]);
                const json_t *needs = json_array_get(json_object_get(option, "with"), 0);
                words w = line(c);
                if (commands[c].line == line_eval) w.n = 3, w.word[3] = NULL;
                if (commands[c].line == line_generate) w.n = 3, w.word[3] = NULL;
                if (commands[c].line == line_tokenize) w.n = 3, w.word[3] = NULL;
                if (commands[c].line == line_run) w.n = 3, w.word[3] = NULL;
                if (needs) {
                    const json_t *other = option_of(tables[c], json_string_value(needs));
                    const char *file = takes(other, FILE_KIND_ohm)    ? files[FILE_KIND_ohm]
                                       : takes(other, FILE_KIND_json) ? files[FILE_KIND_json]
                                                                      : files[FILE_KIND_npy];
                    add(&w, spelled(1, other, file));
                } else if (commands[c].line == line_generate) {
                    add(&w, "--prompt-ids=0"), add(&w, "--ids"), add(&w, "-n1");
                }
                if (of == KIND_CHIP && missing) snprintf(value, sizeof value, DIR "/no/such.yaml");
                add(&w, spelled(0, option, value));
                fails_as_json(w, tables[c], 1,
                              missing ? "No such file" : file_kind_what((file_kind)k));
            }
        }
    }
}

static void outputs_that_cannot_be(void **state) {
    char value[600];
    EACH_COMMAND(c) {
        size_t i;
        const json_t *option;
        EACH_OPTION(c, i, option) {
            kind k = kind_of(option);
            bool is_file = k == KIND_OUTPUT || k == KIND_TENSORS_OUT || k == KIND_TRACE;
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

static void names_that_do_not_exist(void **state) {
    words w = {0};
    add(&w, OHMIC), add(&w, "cmopile");
    fails(&w, 2, "no command 'cmopile'; did you mean 'compile'?");
    w = (words){0};
    add(&w, OHMIC), add(&w, "help"), add(&w, "nothing-like-it");
    fails(&w, 2, "no command 'nothing-like-it'");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_told_apart),
        cmocka_unit_test(lines_that_work),
        cmocka_unit_test(wrong_values),
        cmocka_unit_test(what_belongs_together),
        cmocka_unit_test(other_kinds_of_file),
        cmocka_unit_test(outputs_that_cannot_be),
        cmocka_unit_test(output_streams),
        cmocka_unit_test(input_streams),
        cmocka_unit_test(names_that_do_not_exist),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
