// Small tokenizers for tests, written to files: of every supported kind, with parts to choose; and
// what they are compared with.
#ifndef OHMIC_TESTS_TOKENIZER_SMALL_H
#define OHMIC_TESTS_TOKENIZER_SMALL_H

#include "tests/shared.h"
#include "tokenizer/anatomy.h"
#include "tokenizer/text/unicode.h"
#include "tokenizer/tokenizer.h"
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>
// cmocka.h needs some of the above
#include <cmocka.h>

static arena *a; // of the group's tests
static char folder[] = "/tmp/ohmic_tokenizer_XXXXXX";

static inline int set_up(void **state) {
    a = arena_new();
    return mkdtemp(folder) ? 0 : -1;
}
static inline int tear_down(void **state) {
    arena_free(a);
    return rmdir(folder);
}

typedef struct {
    const char *normalizer, *pre, *decoder, *post, *model; // JSON; NULL: null, or nothing more
    const char *added;                                     // ", {...}"
} parts;

static inline const char *quoted(const char *s) {
    json_t *v = json_string(s);
    char *dump = json_dumps(v, JSON_ENCODE_ANY);
    const char *copy = arena_str(a, dump);
    free(dump);
    json_decref(v);
    return copy;
}

static inline FILE *create(const char *name, const char **path) {
    *path = file_join(a, folder, name);
    FILE *f = fopen(*path, "w");
    assert_non_null(f);
    return f;
}

static inline void put_parts(FILE *f, const parts *p) {
    fprintf(f,
            "{\"version\": \"1.0\", \"truncation\": null, \"padding\": null, \"added_tokens\": ["
            "{\"id\": 0, \"content\": \"<unk>\", \"special\": true, \"single_word\": false, "
            "\"lstrip\": false, \"rstrip\": false, \"normalized\": false},"
            "{\"id\": 1, \"content\": \"<s>\", \"special\": true, \"single_word\": false, "
            "\"lstrip\": false, \"rstrip\": false, \"normalized\": false},"
            "{\"id\": 2, \"content\": \"</s>\", \"special\": true, \"single_word\": false, "
            "\"lstrip\": false, \"rstrip\": false, \"normalized\": false}%s], \"normalizer\": %s, "
            "\"pre_tokenizer\": %s, \"decoder\": %s, \"post_processor\": %s, \"model\": {\"type\": "
            "\"BPE\", \"dropout\": null, \"continuing_subword_prefix\": null, %s \"vocab\": "
            "{\"<unk>\": 0, \"<s>\": 1, \"</s>\": 2",
            p->added ? p->added : "", p->normalizer ? p->normalizer : "null",
            p->pre ? p->pre : "null", p->decoder ? p->decoder : "null", p->post ? p->post : "null",
            p->model ? p->model : "");
}

// Ids 3 to 258: bytes by name; then the words; every word of two parts is a merge.
static const char *const words[][2] = {
    {"\xe2\x96\x81"},
    {"t"},
    {"h"},
    {"e"},
    {"a"},
    {"i"},
    {"n"},
    {"s"},
    {"r"},
    {"d"},
    {"g"},
    {"1"},
    {"\xe2\x96\x81", "t"},
    {"h", "e"},
    {"\xe2\x96\x81t", "he"},
    {"i", "n"},
    {"\xe2\x96\x81", "a"},
    {"a", "n"},
    {"\xe2\x96\x81", "s"},
    {"in", "g"},
    {"\xe2\x96\x81", "\xe2\x96\x81"},
    {"an", "d"},
    {"t", "he"},
    {"\xe2\x96\x81", "the"}, // the last gives a token that is there already
};

static inline const char *write_llama(const parts *p, bool pairs) {
    const char *path;
    FILE *f = create("tokenizer.json", &path);
    put_parts(f, p);
    for (int b = 0; b < 256; b++) fprintf(f, ", \"<0x%02X>\": %d", b, 3 + b);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (i == ARRAY_LEN(words) - 1) continue;
        const char *second = words[i][1] ? words[i][1] : "";
        fprintf(f, ", %s: %zu", quoted(arena_printf(a, "%s%s", words[i][0], second)), 259 + i);
    }
    fputs("}, \"merges\": [", f);
    const char *comma = "";
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!words[i][1]) continue;
        if (pairs) {
            fprintf(f, "%s[%s, %s]", comma, quoted(words[i][0]), quoted(words[i][1]));
        } else {
            fprintf(f, "%s%s", comma, quoted(arena_printf(a, "%s %s", words[i][0], words[i][1])));
        }
        comma = ", ";
    }
    fputs("]}}", f);
    fclose(f);
    return path;
}

// Ids 3 to 258: bytes by their characters; then three merges.
static inline const char *write_byte_level(const parts *p) {
    const char *path;
    FILE *f = create("tokenizer.json", &path);
    put_parts(f, p);
    for (int b = 0; b < 256; b++) {
        uint32_t c = (uint32_t)unicode_of_byte((uint8_t)b);
        fprintf(f, ", \"\\u%04x\": %d", c, 3 + b);
    }
    fputs(", \"th\": 259, \"the\": 260, \"\\u0120the\": 261, \"\\u0120\\u0120\": 262, \"12\": 263, "
          "\"123\": 264, \"234\": 265, \"34\": 266}, \"merges\": [\"t h\", \"th e\", "
          "\"\\u0120 the\", \"\\u0120 \\u0120\", \"1 2\", \"12 3\", \"3 4\", \"2 34\"]}}",
          f);
    fclose(f);
    return path;
}

#define END (-1)
typedef struct {
    const char *text;
    bool bos;
    int32_t ids[40];  // up to END
    const char *back; // NULL: the text
} expectation;

static inline void assert_encodes(const char *path, const expectation *e, size_t n) {
    diag_sink *s = diag_sink_new();
    tokenizer *t = tokenizer_open(path, s);
    diag_print(s, 0, stderr, false);
    assert_non_null(t);
    for (size_t i = 0; i < n; i++) {
        tokenizer_ids ids = {0};
        tokenizer_around around = e[i].bos ? TOKENIZER_BOS : TOKENIZER_BARE;
        assert_true(tokenizer_encode(t, e[i].text, strlen(e[i].text), around, &ids, NULL, s));
        bool same = true;
        for (size_t k = 0; k < ids.count; k++) same = same && ids.items[k] == e[i].ids[k];
        if (!same || e[i].ids[ids.count] != END) {
            printf("'%s' gives", e[i].text);
            for (size_t k = 0; k < ids.count; k++) printf(" %d,", ids.items[k]);
            printf("\n");
            fail();
        }
        const char *back = tokenizer_decode(t, ids.items, ids.count, false, a, NULL);
        assert_string_equal(back, e[i].back ? e[i].back : e[i].text);
        vec_free(&ids);
    }
    tokenizer_free(t);
    diag_sink_free(s);
    unlink(path);
}

// ---- parts

static const char llama_normalizer[] =
    "{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"Prepend\", \"prepend\": \"\u2581\"}, "
    "{\"type\": \"Replace\", \"pattern\": {\"String\": \" \"}, \"content\": \"\u2581\"}]}";
static const char llama_decoder[] =
    "{\"type\": \"Sequence\", \"decoders\": [{\"type\": \"Replace\", \"pattern\": {\"String\": "
    "\"\u2581\"}, \"content\": \" \"}, {\"type\": \"ByteFallback\"}, {\"type\": \"Fuse\"}, "
    "{\"type\": \"Strip\", \"content\": \" \", \"start\": 1, \"stop\": 0}]}";
static const char bos_template[] =
    "{\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\": \"<s>\", "
    "\"type_id\": 0}}, {\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}], \"pair\": [], "
    "\"special_tokens\": {\"<s>\": {\"id\": \"<s>\", \"ids\": [1], \"tokens\": [\"<s>\"]}}}";
static const char llama_model[] = "\"unk_token\": \"<unk>\", \"fuse_unk\": true, "
                                  "\"byte_fallback\": true,";
static const char other_added[] =
    ", {\"id\": 282, \"content\": \"<mask>\", \"special\": true, \"single_word\": false, "
    "\"lstrip\": true, \"rstrip\": true, \"normalized\": false}, "
    "{\"id\": 283, \"content\": \"sand\", \"special\": false, \"single_word\": true, "
    "\"lstrip\": false, \"rstrip\": false, \"normalized\": false}";
static const char byte_level[] = "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, "
                                 "\"trim_offsets\": true, \"use_regex\": true}";

#endif
