// Lines of every command that work, files of every kind, and the commands' own tables: what tests
// take apart that are about all commands. A new command wants a line here.
#ifndef OHMIC_TESTS_CLI_LINES_H
#define OHMIC_TESTS_CLI_LINES_H

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

#ifndef DIR
#error "define DIR, a folder of the test's own, before including lines.h"
#endif
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
static const char *const line_cost[] = {DIR "/f.ohm", NULL};
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

// ---- running --------------------------------------------------------------------------------

static outcome o;

typedef struct {
    const char *word[MOST_WORDS + 1];
    size_t n;
} words;

static inline void add(words *w, const char *s) {
    assert_true(w->n < MOST_WORDS);
    w->word[w->n++] = s;
    w->word[w->n] = NULL;
}

static inline words line(size_t command) {
    words w = {0};
    add(&w, OHMIC);
    add(&w, commands[command].name);
    for (const char *const *s = commands[command].line; *s; s++) add(&w, *s);
    return w;
}

static inline const char *text_of(const words *w) {
    static char text[4096];
    size_t at = 0;
    for (size_t i = 1; i < w->n; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, " '%s'", w->word[i]);
    return text;
}

static inline size_t count(const char *text, const char *what) {
    size_t n = 0;
    for (; (text = strstr(text, what)) != NULL; text++) n++;
    return n;
}

// The command fails with that code and one diagnostic that says `text`; NULL: with any number.
static inline void fails(const words *w, int code, const char *text) {
    command_run(&o, w->word, NULL);
    size_t n = count(o.err, "error: ");
    if (o.signal || o.code != code || (text ? n != 1 || !strstr(o.err, text) : n == 0))
        fail_msg("ohmic%s: exit %d, signal %d; expected %d and one error: ...%s..., found:\n%s",
                 text_of(w), o.code, o.signal, code, text ? text : "", o.err);
    if ((o.code == 2) != (count(o.err, "[usage]") == 1))
        fail_msg("ohmic%s: exit %d and\n%s", text_of(w), o.code, o.err);
}

// The same as JSON, where the command has it.
static inline void fails_as_json(words w, const json_t *table, int code, const char *text) {
    size_t i;
    const json_t *option;
    bool has = false;
    json_array_foreach(json_object_get(table, "options"), i, option) has |=
        strcmp(json_string_value(json_object_get(option, "name")), "json") == 0;
    if (!has) {
        fails(&w, code, text);
        return;
    }
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

// ---- tables --------------------------------------------------------------------------------

typedef enum {
#define ARG_KIND(id, wanted) KIND_##id,
#include "cli/args/kinds.def"
    KINDS
} kind;
static const char *const kind_names[KINDS] = {
#define ARG_KIND(id, wanted) #id,
#include "cli/args/kinds.def"
};

static json_t *tables[ARRAY_LEN(commands)];

static inline const char *field(const json_t *option, const char *key) {
    return json_string_value(json_object_get(option, key));
}

static inline kind kind_of(const json_t *option) {
    for (int k = 0; k < KINDS; k++)
        if (strcmp(kind_names[k], field(option, "kind")) == 0) return (kind)k;
    fail_msg("no kind '%s'", field(option, "kind"));
    return KINDS;
}

static inline const json_t *option_of(const json_t *table, const char *name) {
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
static inline const char *spelled(size_t slot, const json_t *option, const char *value) {
    assert_true(slot < ARRAY_LEN(storage));
    int n = snprintf(storage[slot], sizeof storage[slot], "--%s%s%s", field(option, "name"),
                     value ? "=" : "", value ? value : "");
    assert_true(n > 0 && (size_t)n < sizeof storage[slot]);
    return storage[slot];
}

static inline bool takes(const json_t *of, file_kind k) {
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

static inline void put(const char *path, const void *p, size_t n) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}
#define PUT(path, text) put(path, text, sizeof text - 1)

static inline void put_message(const char *path, bytes b) {
    put(path, b.items, b.count);
    vec_free(&b);
}

static const float weights[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1}, input[6] = {1, 2, 3, 4, 5, 6};

// x[1,n,3] -> MatMul -> y
static inline bytes small_model(void) {
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

static inline void works(const words *w) {
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

static inline int set_up(void **state) {
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

static inline int tear_down(void **state) {
    EACH_COMMAND(c) json_decref(tables[c]);
    return 0;
}

#endif
