// tokenizer/tokenizer.h: the project's real tokenizers on their evaluation texts, small ones of
// every supported kind whose expected ids come from Hugging Face's `tokenizers` 0.23.3, damaged and
// unsupported files.
#include "support/file/json.h"
#include "tests/shared.h"
#include "tokenizer/parts.h"
#include "tokenizer/tokenizer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>
// cmocka.h needs some of the above
#include <cmocka.h>

static arena *a;
static char folder[] = "/tmp/ohmic_tokenizer_XXXXXX";

static int set_up(void **state) {
    a = arena_new();
    return mkdtemp(folder) ? 0 : -1;
}
static int tear_down(void **state) {
    arena_free(a);
    return rmdir(folder);
}

// --- the real ones

static const char *shared(const char *rest) {
    const char *path = arena_printf(a, MODELS "/%s", rest);
    return shared_present(path) ? path : NULL;
}

static void assert_texts_encode(const char *tokenizer_path, const char *texts_path,
                                const char *tokens_path, const char *separator, bool whole) {
    tokenizer *t = tokenizer_open(shared(tokenizer_path), NULL);
    assert_non_null(t);
    file_map f;
    assert_true(file_map_open(&f, shared(texts_path), NULL));
    const char *p = arena_strn(a, (const char *)f.data, f.bytes);
    file_map_close(&f);
    json_t *all = json_file_read(shared(tokens_path), NULL);
    assert_true(json_array_size(all) > 0);
    for (size_t i = 0; i < json_array_size(all); i++) {
        const char *end = strstr(p, separator);
        size_t n = end ? (size_t)(end - p) : strlen(p);
        tokenizer_ids ids = {0};
        assert_true(tokenizer_encode(t, p, n, true, &ids, NULL));
        json_t *want = json_array_get(all, i);
        if (whole) assert_int_equal(ids.count, json_array_size(want));
        assert_true(ids.count >= json_array_size(want));
        for (size_t k = 0; k < json_array_size(want); k++)
            assert_int_equal(ids.items[k], json_integer_value(json_array_get(want, k)));
        const char *back = tokenizer_decode(t, ids.items, ids.count, a);
        assert_int_equal(strlen(back), n);
        assert_memory_equal(back, p, n);
        vec_free(&ids);
        p += n + (end ? strlen(separator) : 0);
    }
    json_decref(all);
    tokenizer_free(t);
}

static void our_tokenizer_gives_the_evaluation_tokens(void **state) {
    if (!shared("own/tokenizer.json")) return;
    assert_texts_encode("own/tokenizer.json", "own/eval_texts.txt", "own/eval_tokens.json", "\n",
                        true);
    tokenizer *t = tokenizer_open(shared("own/tokenizer.json"), NULL);
    assert_int_equal(tokenizer_size(t), 512);
    assert_int_equal(tokenizer_bos(t), 0);
    assert_int_equal(tokenizer_eos(t), 0);
    assert_int_equal(tokenizer_token_id(t, "<|endoftext|>"), 0);
    assert_int_equal(tokenizer_token_id(t, "nothing like it"), -1);
    tokenizer_free(t);
}

static void llama2c_gives_the_evaluation_tokens(void **state) {
    if (!shared("stories260K/tok512.bin")) return;
    // The tokens are the first 254 or so of each text.
    assert_texts_encode("stories260K/tok512.bin", "stories260K/eval_texts.txt",
                        "stories260K/eval_tokens.json", "\n---\n", false);
    tokenizer *t = tokenizer_open(shared("stories260K/tok512.bin"), NULL);
    assert_int_equal(tokenizer_size(t), 512);
    assert_int_equal(tokenizer_bos(t), 1);
    assert_int_equal(tokenizer_eos(t), 2);
    tokenizer_free(t);
}

// --- small ones

typedef struct {
    const char *normalizer, *pre, *decoder, *post, *model; // JSON; NULL: null, or nothing more
    const char *added;                                     // ", {...}"
} parts;

static const char *quoted(const char *s) {
    json_t *v = json_string(s);
    char *dump = json_dumps(v, JSON_ENCODE_ANY);
    const char *copy = arena_str(a, dump);
    free(dump);
    json_decref(v);
    return copy;
}

static FILE *create(const char *name, const char **path) {
    *path = file_join(a, folder, name);
    FILE *f = fopen(*path, "w");
    assert_non_null(f);
    return f;
}

static void put_parts(FILE *f, const parts *p) {
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

static const char *write_llama(const parts *p, bool pairs) {
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
static const char *write_byte_level(const parts *p) {
    const char *path;
    FILE *f = create("tokenizer.json", &path);
    put_parts(f, p);
    for (int b = 0; b < 256; b++) {
        uint32_t c = text_byte_to_char((uint8_t)b);
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

static void assert_encodes(const char *path, const expectation *e, size_t n) {
    diag_sink *s = diag_sink_new();
    tokenizer *t = tokenizer_open(path, s);
    diag_print(s, 0, stderr, false);
    assert_non_null(t);
    for (size_t i = 0; i < n; i++) {
        tokenizer_ids ids = {0};
        assert_true(tokenizer_encode(t, e[i].text, strlen(e[i].text), e[i].bos, &ids, s));
        bool same = true;
        for (size_t k = 0; k < ids.count; k++) same = same && ids.items[k] == e[i].ids[k];
        if (!same || e[i].ids[ids.count] != END) {
            printf("'%s' gives", e[i].text);
            for (size_t k = 0; k < ids.count; k++) printf(" %d,", ids.items[k]);
            printf("\n");
            fail();
        }
        const char *back = tokenizer_decode(t, ids.items, ids.count, a);
        assert_string_equal(back, e[i].back ? e[i].back : e[i].text);
        vec_free(&ids);
    }
    tokenizer_free(t);
    diag_sink_free(s);
    unlink(path);
}

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

static void llama_with_normalizer_and_byte_fallback(void **state) {
    static const expectation e[] = {
        {"the string and 11",
         true,
         {1, 273, 277, 260, 267, 278, 275, 265, 268, 259, 270, 270, END},
         NULL},
        {"in  the\nrain \u65e5",
         false,
         {259, 274, 259, 273, 13, 267, 263, 274, 259, 233, 154, 168, END},
         NULL},
        {"", true, {1, END}, NULL},
        {"the<s>sand</s> the", false, {273, 1, 283, 2, 259, 273, END}, "thesand  the"},
        {"a sand <mask> sands", false, {275, 259, 283, 282, 277, 280, 266, END}, "a sand sands"},
    };
    const parts p = {llama_normalizer, NULL, llama_decoder, bos_template, llama_model, other_added};
    assert_encodes(write_llama(&p, false), e, ARRAY_LEN(e));
    assert_encodes(write_llama(&p, true), e, ARRAY_LEN(e)); // merges as pairs are the same
}

static void llama_with_metaspace(void **state) {
    static const expectation first[] = {
        {"the and", true, {1, 273, 275, 265, 268, END}, NULL},
        {"the</s>the</s> the", false, {273, 2, 281, 2, 273, END}, "thethe the"},
        {"  in", false, {259, 259, 274, END}, " in"},
    };
    parts p = {
        NULL,
        "{\"type\": \"Metaspace\", \"replacement\": \"\u2581\", \"prepend_scheme\": \"first\", "
        "\"split\": true}",
        "{\"type\": \"Metaspace\", \"replacement\": \"\u2581\", \"prepend_scheme\": \"first\", "
        "\"split\": true}",
        bos_template,
        llama_model,
        NULL};
    assert_encodes(write_llama(&p, false), first, ARRAY_LEN(first));
    static const expectation always[] = {
        {"the and", true, {1, 273, 275, 265, 268, END}, NULL},
        {"the</s>the", false, {273, 2, 273, END}, "the the"},
    };
    p.pre = p.decoder =
        "{\"type\": \"Metaspace\", \"replacement\": \"\u2581\", \"add_prefix_space\": true}";
    assert_encodes(write_llama(&p, false), always, ARRAY_LEN(always));
}

static void unknown_characters_without_byte_fallback(void **state) {
    static const expectation fused[] = {
        {"a\u65e5\u672c the\u00e9", false, {275, 0, 273, 0, END}, "a the"}};
    static const expectation apart[] = {
        {"a\u65e5\u672c the\u00e9", false, {275, 0, 0, 273, 0, END}, "a the"}};
    static const expectation dropped[] = {
        {"a\u65e5\u672c the\u00e9", false, {275, 273, END}, "a the"}};
    parts p = {llama_normalizer,
               NULL,
               llama_decoder,
               NULL,
               "\"unk_token\": \"<unk>\", \"fuse_unk\": true,",
               NULL};
    assert_encodes(write_llama(&p, false), fused, 1);
    p.model = "\"unk_token\": \"<unk>\", \"fuse_unk\": false,";
    assert_encodes(write_llama(&p, false), apart, 1);
    p.model = "\"unk_token\": null,";
    assert_encodes(write_llama(&p, false), dropped, 1);
}

static const char byte_level[] = "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, "
                                 "\"trim_offsets\": true, \"use_regex\": true}";

static void byte_level_kinds(void **state) {
    static const expectation gpt2[] = {
        {"the  the'll 1234", true, {1, 260, 35, 261, 42, 111, 111, 35, 264, 55, END}, NULL},
        {"\u00e9\n\n \u65e5", false, {198, 172, 13, 13, 35, 233, 154, 168, END}, NULL},
    };
    parts p = {NULL, byte_level, byte_level, NULL, NULL, NULL};
    assert_encodes(write_byte_level(&p), gpt2, ARRAY_LEN(gpt2));

    // Three digits at most, then whole words that are tokens taken without merging.
    static const expectation gpt4[] = {{"1234 the", true, {1, 264, 55, 261, END}, NULL},
                                       {"234 THE", false, {265, 35, 87, 75, 72, END}, NULL}};
    p.pre = "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Split\", \"pattern\": "
            "{\"Regex\": "
            "\"[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}{1,3}|\\\\s+\"}, \"behavior\": "
            "\"Isolated\", "
            "\"invert\": false}, {\"type\": \"ByteLevel\", \"add_prefix_space\": false, "
            "\"trim_offsets\": true, \"use_regex\": false}]}";
    p.model = "\"ignore_merges\": true,";
    p.post = bos_template;
    assert_encodes(write_byte_level(&p), gpt4, ARRAY_LEN(gpt4));

    static const expectation lower[] = {{"THE E\u0301 \ufb01 12",
                                         false,
                                         {260, 35, 198, 172, 35, 105, 108, 35, 52, 53, END},
                                         "the \u00e9 fi 12"}};
    p = (parts){"{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFKC\"}, {\"type\": "
                "\"Lowercase\"}]}",
                "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Digits\", "
                "\"individual_digits\": "
                "true}, {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": "
                "true, \"use_regex\": true}]}",
                byte_level,
                NULL,
                NULL,
                NULL};
    assert_encodes(write_byte_level(&p), lower, ARRAY_LEN(lower));
}

// --- streaming

static void characters_are_held_until_complete(void **state) {
    const parts p = {llama_normalizer, NULL, llama_decoder, NULL, llama_model, NULL};
    const char *path = write_llama(&p, true);
    tokenizer *t = tokenizer_open(path, NULL);
    assert_non_null(t);
    static const struct {
        int32_t id;
        const char *piece;
    } steps[] = {
        {1, ""},
        {259, ""}, // BOS; the space in front
        {259, " "},
        {273, " the"}, // later ones stay
        {3 + 0xe6, ""},
        {3 + 0x97, ""}, // the bytes of U+65E5
        {3 + 0xa5, "\u65e5"},
        {3 + 0xc3, ""}, // U+00E9 begins, but something else follows
        {261, "\ufffdh"},
        {3 + 0xff, "\ufffd"},
        {3 + 0xe6, ""},
        {3 + 0xe6, "\ufffd"},
        {9999, ""},
        {-5, ""},
        {3 + 'x', "\ufffdx"},
        {3, "\ufffd"}, // NUL
        {3 + 0xf0, ""},
    };
    tokenizer_stream s = {0};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        assert_string_equal(tokenizer_decode_piece(t, &s, steps[i].id, a), steps[i].piece);
    assert_string_equal(tokenizer_decode_end(&s, a), "\ufffd");
    assert_string_equal(tokenizer_decode_end(&s, a), "");
    tokenizer_free(t);
    unlink(path);
}

static void the_configuration_beside_names_bos_and_eos(void **state) {
    const parts p = {NULL, byte_level, byte_level, NULL, NULL, NULL};
    const char *path = write_byte_level(&p), *config;
    tokenizer *t = tokenizer_open(path, NULL);
    assert_true(tokenizer_bos(t) == 1 && tokenizer_eos(t) == 2 && tokenizer_is_special(t, 2));
    tokenizer_free(t);
    FILE *f = create("tokenizer_config.json", &config);
    fputs("{\"bos_token\": null, \"eos_token\": {\"content\": \"<unk>\"}, \"model_max_length\": 5}",
          f);
    fclose(f);
    t = tokenizer_open(path, NULL);
    assert_true(tokenizer_bos(t) == -1 && tokenizer_eos(t) == 0);
    tokenizer_ids ids = {0};
    assert_true(tokenizer_encode(t, "the", 3, true, &ids, NULL));
    assert_true(ids.count == 1 && ids.items[0] == 260);
    vec_free(&ids);
    tokenizer_free(t);
    f = create("tokenizer_config.json", &config);
    fputs("{\"bos_token\": ", f);
    fclose(f);
    diag_sink *s = diag_sink_new();
    assert_null(tokenizer_open(path, s));
    assert_int_equal(diag_get(s, 0)->id, DIAG_ID_json_syntax);
    diag_sink_free(s);
    unlink(config);
    unlink(path);
}

// --- what is refused

static void assert_refused(const char *path, diag_id id, const char *message) {
    diag_sink *s = diag_sink_new();
    if (tokenizer_open(path, s)) fail_msg("accepted, without: %s", message);
    assert_int_equal(diag_errors(s), 1);
    const diag *d = diag_get(s, diag_count(s) - 1);
    if (message) assert_string_equal(d->message, message);
    assert_int_equal(d->id, id);
    diag_sink_free(s);
    unlink(path);
}

static void unsupported_parts_are_named(void **state) {
    static const struct {
        parts p;
        const char *message;
    } cases[] = {
        {{.normalizer = "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"\"}"},
         "normalizer 'Precompiled' is not supported"},
        {{.normalizer = "{\"type\": \"NFC\", \"twice\": true}"}, "'twice' is not supported"},
        {{.pre = "{\"type\": \"UnicodeScripts\"}"},
         "pre-tokenizer 'UnicodeScripts' is not supported"},
        {{.decoder = "{\"type\": \"WordPiece\"}"}, "decoder 'WordPiece' is not supported"},
        {{.decoder = "{\"type\": \"Sequence\", \"decoders\": [{\"type\": \"Fuse\"}, {\"type\": "
                     "\"ByteLevel\"}]}"},
         "'ByteLevel' behind 'Fuse' is not supported"},
        {{.post = "{\"type\": \"Rot13\"}"}, "post-processor 'Rot13' is not supported"},
        {{.model = "\"end_of_word_suffix\": \"</w>\","}, "'end_of_word_suffix' is not supported"},
        {{.model = "\"new_thing\": 1,"}, "'new_thing' is not supported"},
        {{.added = ", {\"id\": 7, \"content\": \"x\", \"magic\": true}"},
         "'magic' is not supported"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_refused(write_llama(&cases[i].p, true), DIAG_ID_tokenizer_unsupported,
                       cases[i].message);
    const char *path;
    FILE *f = create("tokenizer.json", &path);
    fputs("{\"model\": {\"type\": \"WordPiece\", \"vocab\": {}}}", f);
    fclose(f);
    assert_refused(path, DIAG_ID_tokenizer_unsupported, "model 'WordPiece' is not supported");
}

static void damaged_files_are_reported(void **state) {
    static const parts cases[] = {
        {.pre =
             "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"(\"}, \"behavior\": \"Isolated\"}"},
        {.pre = "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"[a[b]]\"}, \"behavior\": "
                "\"Isolated\"}"},
        {.pre = "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"[a&&b]\"}, \"behavior\": "
                "\"Isolated\"}"},
        {.pre = "{\"type\": \"Split\", \"pattern\": 5, \"behavior\": \"Isolated\"}"},
        {.pre = "{\"type\": \"Split\", \"pattern\": \" \", \"behavior\": \"Sideways\"}"},
        {.pre = "{\"type\": \"Metaspace\", \"replacement\": \"\"}"},
        {.normalizer = "{\"type\": \"Sequence\"}"},
        {.normalizer = "{\"type\": \"Prepend\"}"},
        {.decoder = "{\"type\": \"Strip\", \"content\": \" \", \"start\": -1, \"stop\": 0}"},
        {.post = "{\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\": "
                 "\"<x>\"}}]}"},
        {.model = "\"unk_token\": \"<none>\","},
        {.added = ", {\"id\": -7, \"content\": \"x\"}"},
        {.added = ", {\"id\": 99999999, \"content\": \"x\"}"},
        {.added = ", 5"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_refused(write_llama(&cases[i], true), DIAG_ID_tokenizer_format, NULL);
    static const char *const models[] = {
        "{}",
        "{\"model\": 5}",
        "{\"model\": {\"type\": \"BPE\", \"vocab\": [], \"merges\": []}}",
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": -1}, \"merges\": []}}",
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 1.5}, \"merges\": []}}",
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 1}, \"merges\": [\"a\"]}}",
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 1}, \"merges\": [\"a a\"]}}",
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 1}, \"merges\": [[\"a\", 1]]}}",
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 1}}}",
    };
    const char *path;
    for (size_t i = 0; i < ARRAY_LEN(models); i++) {
        FILE *f = create("tokenizer.json", &path);
        fputs(models[i], f);
        fclose(f);
        assert_refused(path, DIAG_ID_tokenizer_format, NULL);
    }
    FILE *f = create("tokenizer.json", &path);
    fputs("{\"model\": ", f);
    fclose(f);
    assert_refused(path, DIAG_ID_json_syntax, NULL);
    assert_refused("/no/such/tokenizer.json", DIAG_ID_io, NULL);
}

// A llama2.c tokenizer of 259 + 3 tokens; returns its bytes.
static size_t make_llama2c(uint8_t *out) {
    size_t n = 4;
    memcpy(out, "\6\0\0\0", 4);
    for (int id = 0; id < 262; id++) {
        static const char *const rest[] = {" ", "a", " a"};
        const char *name = id < 3     ? "<x>"
                           : id < 259 ? arena_printf(a, "<0x%02X>", id - 3)
                                      : rest[id - 259];
        float score = (float)-id;
        uint32_t length = (uint32_t)strlen(name);
        memcpy(out + n, &score, 4);
        memcpy(out + n + 4, &length, 4);
        memcpy(out + n + 8, name, length);
        n += 8 + length;
    }
    return n;
}

static const char *write_bytes(const uint8_t *p, size_t n) {
    const char *path;
    FILE *f = create("tok.bin", &path);
    fwrite(p, 1, n, f);
    fclose(f);
    return path;
}

static void llama2c_files_large_and_damaged(void **state) {
    uint8_t good[8000], b[8000];
    size_t n = make_llama2c(good);
    const char *path = write_bytes(good, n);
    static const expectation e[] = {
        {"a", true, {1, 261, END}, NULL},
        {"a a\xc3", false, {261, 261, 3 + 0xc3, END}, "a a\ufffd"}, // not UTF-8: bytes
        {"", true, {1, END}, NULL},
    };
    assert_encodes(path, e, ARRAY_LEN(e));

    const size_t last = n - 10; // of the token " a": score, length, two bytes
    for (size_t cut = 0; cut<n; cut += cut> 20 && cut < last ? 97 : 1) {
        if (cut == n - 10 || cut == n - 19 || cut == n - 28)
            continue; // whole tokens fewer: still a tokenizer
        assert_refused(write_bytes(good, cut), DIAG_ID_tokenizer_format, NULL);
    }
    const struct {
        size_t at;
        const char *bytes;
    } damage[] = {
        {7, "\x7f\x80\x7f"}, {last + 2, "\xc0\x7f"}, {last + 7, "\x7f"}, {0, "\xff\xff\xff"}};
    for (size_t i = 0; i < ARRAY_LEN(damage); i++) {
        memcpy(b, good, n);
        memcpy(b + damage[i].at, damage[i].bytes, strlen(damage[i].bytes));
        assert_refused(write_bytes(b, n), DIAG_ID_tokenizer_format, NULL);
    }
    memcpy(b, good, n);
    b[n - 1] = 0;
    assert_refused(write_bytes(b, n), DIAG_ID_tokenizer_format, "a token contains NUL");
}

static void texts_that_cannot_be_encoded(void **state) {
    const parts p = {.pre = byte_level};
    const char *path = write_byte_level(&p);
    tokenizer *t = tokenizer_open(path, NULL);
    diag_sink *s = diag_sink_new();
    tokenizer_ids ids = {0};
    assert_false(tokenizer_encode(t, "ab\xff", 3, true, &ids, s));
    assert_int_equal(ids.count, 0);
    assert_int_equal(diag_get(s, 0)->id, DIAG_ID_tokenizer_text);
    assert_string_equal(diag_get(s, 0)->message, "the text is not UTF-8 at byte 2");
    assert_true(tokenizer_encode(t, "a\0b", 3, false, &ids, s)); // NUL is a byte like others
    assert_true(ids.count == 3 && ids.items[1] == 3);
    vec_free(&ids);
    tokenizer_free(t);
    unlink(path);

    // A pattern that backtracks without end stops at the limit.
    const parts slow = {
        .pre = "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"(a|a)*(a|a)*(a|a)*[bc]\"}, "
               "\"behavior\": \"Isolated\", \"invert\": false}"};
    path = write_byte_level(&slow);
    t = tokenizer_open(path, s);
    assert_non_null(t);
    char many[500];
    memset(many, 'a', sizeof many);
    assert_false(tokenizer_encode(t, many, sizeof many, false, &ids, s));
    assert_int_equal(diag_get(s, 1)->id, DIAG_ID_tokenizer_text);
    vec_free(&ids);
    tokenizer_free(t);
    unlink(path);
    diag_sink_free(s);
}

static void batch_settings_are_a_warning(void **state) {
    const char *path;
    FILE *f = create("tokenizer.json", &path);
    fputs("{\"truncation\": {\"max_length\": 5}, \"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": "
          "0}, "
          "\"merges\": []}}",
          f);
    fclose(f);
    diag_sink *s = diag_sink_new();
    tokenizer *t = tokenizer_open(path, s);
    assert_non_null(t);
    assert_true(diag_count(s) == 1 && diag_errors(s) == 0);
    assert_int_equal(diag_get(s, 0)->id, DIAG_ID_tokenizer_ignored);
    tokenizer_free(t);
    diag_sink_free(s);
    unlink(path);
}

static void long_words_merge_quickly(void **state) {
    // One word of 2 MB: quadratic merging would take hours.
    const parts p = {llama_normalizer, NULL, llama_decoder, NULL, llama_model, NULL};
    const char *path = write_llama(&p, true);
    tokenizer *t = tokenizer_open(path, NULL);
    size_t n = 2 << 20;
    char *word = base_alloc(n);
    for (size_t i = 0; i < n; i++) word[i] = "the and in"[i % 10];
    tokenizer_ids ids = {0};
    assert_true(tokenizer_encode(t, word, n, false, &ids, NULL));
    assert_true(ids.count > n / 10);
    vec_free(&ids);
    free(word);
    tokenizer_free(t);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_tokenizer_gives_the_evaluation_tokens),
        cmocka_unit_test(llama2c_gives_the_evaluation_tokens),
        cmocka_unit_test(llama_with_normalizer_and_byte_fallback),
        cmocka_unit_test(llama_with_metaspace),
        cmocka_unit_test(unknown_characters_without_byte_fallback),
        cmocka_unit_test(byte_level_kinds),
        cmocka_unit_test(characters_are_held_until_complete),
        cmocka_unit_test(the_configuration_beside_names_bos_and_eos),
        cmocka_unit_test(unsupported_parts_are_named),
        cmocka_unit_test(damaged_files_are_reported),
        cmocka_unit_test(llama2c_files_large_and_damaged),
        cmocka_unit_test(texts_that_cannot_be_encoded),
        cmocka_unit_test(batch_settings_are_a_warning),
        cmocka_unit_test(long_words_merge_quickly),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
