// tokenizer/tokenizer.h: damaged and unsupported files, and texts that cannot be encoded, end in
// one finding that names what is wrong.
#include "tests/tokenizer/small.h"

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
        {{.normalizer = "{\"type\": \"Rot13\"}"}, "normalizer 'Rot13' is not supported"},
        {{.normalizer = "{\"type\": \"NFC\", \"twice\": true}"}, "'twice' is not supported"},
        {{.pre = "{\"type\": \"Rot13\"}"}, "pre-tokenizer 'Rot13' is not supported"},
        {{.decoder = "{\"type\": \"Rot13\"}"}, "decoder 'Rot13' is not supported"},
        {{.post = "{\"type\": \"Sequence\", \"processors\": [{\"type\": \"BertProcessing\", "
                  "\"cls\": [\"<s>\", 1], \"sep\": [\"</s>\", 2]}, {\"type\": "
                  "\"BertProcessing\", \"cls\": [\"<s>\", 1], \"sep\": [\"</s>\", 2]}]}"},
         "a second post-processor that adds tokens is not supported"},
        {{.post = "{\"type\": \"Rot13\"}"}, "post-processor 'Rot13' is not supported"},
        {{.model = "\"new_thing\": 1,"}, "'new_thing' is not supported"},
        {{.added = ", {\"id\": 7, \"content\": \"x\", \"magic\": true}"},
         "'magic' is not supported"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_refused(write_llama(&cases[i].p, true), DIAG_ID_tokenizer_unsupported,
                       cases[i].message);
    const char *path;
    FILE *f = create("tokenizer.json", &path);
    fputs("{\"model\": {\"type\": \"WordHeap\", \"vocab\": {}}}", f);
    fclose(f);
    assert_refused(path, DIAG_ID_tokenizer_unsupported, "model 'WordHeap' is not supported");
}

static void damaged_files_are_reported(void **state) {
    static const parts cases[] = {
        {.pre =
             "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"(\"}, \"behavior\": \"Isolated\"}"},
        {.pre = "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"[a[^b]]\"}, \"behavior\": "
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
    assert_false(tokenizer_encode(t, "ab\xff", 3, TOKENIZER_AS_SET, &ids, NULL, s));
    assert_int_equal(ids.count, 0);
    assert_int_equal(diag_get(s, 0)->id, DIAG_ID_tokenizer_text);
    assert_string_equal(diag_get(s, 0)->message, "the text is not UTF-8 at byte 2");
    assert_true(
        tokenizer_encode(t, "a\0b", 3, TOKENIZER_BARE, &ids, NULL, s)); // NUL is a byte like others
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
    assert_false(tokenizer_encode(t, many, sizeof many, TOKENIZER_BARE, &ids, NULL, s));
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
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsupported_parts_are_named),
        cmocka_unit_test(damaged_files_are_reported),
        cmocka_unit_test(llama2c_files_large_and_damaged),
        cmocka_unit_test(texts_that_cannot_be_encoded),
        cmocka_unit_test(batch_settings_are_a_warning),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
