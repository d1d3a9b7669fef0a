// tokenizer/tokenizer.h: the project's real tokenizers on their evaluation texts, and small ones of
// every supported kind whose expected ids come from Hugging Face's `tokenizers` 0.23.3.
#include "support/file/json.h"
#include "tests/tokenizer/small.h"

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
        assert_true(tokenizer_encode(t, p, n, TOKENIZER_BOS, &ids, NULL, NULL));
        json_t *want = json_array_get(all, i);
        if (whole) assert_int_equal(ids.count, json_array_size(want));
        assert_true(ids.count >= json_array_size(want));
        for (size_t k = 0; k < json_array_size(want); k++)
            assert_int_equal(ids.items[k], json_integer_value(json_array_get(want, k)));
        const char *back = tokenizer_decode(t, ids.items, ids.count, false, a, NULL);
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
    assert_int_equal(tokenizer_bos(t), -1); // no file beside it says more
    assert_true(tokenizer_likely_bos(t) == 0 && tokenizer_likely_end(t) == 0);
    assert_false(tokenizer_begins(t) || tokenizer_is_end(t, 0));
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
    assert_true(tokenizer_bos(t) == 1 && tokenizer_begins(t));
    assert_true(tokenizer_is_end(t, 1) && tokenizer_is_end(t, 2) && !tokenizer_is_end(t, 0));
    assert_true(tokenizer_likely_bos(t) == -1 && tokenizer_likely_end(t) == -1);
    tokenizer_free(t);
}

// --- small ones

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

// A run of byte tokens is text when it is over: U+FFFD for each of them where it is not UTF-8.
static void runs_of_bytes_are_held_until_they_end(void **state) {
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
        {3 + 0x97, ""},
        {3 + 0xa5, ""}, // the bytes of U+65E5
        {3 + 0xc3, ""}, // U+00E9 begins, but something else follows
        {261, "\ufffd\ufffd\ufffd\ufffdh"},
        {3 + 0xe6, ""},
        {3 + 0x97, ""},
        {3 + 0xa5, ""},
        {9999, ""}, // no token, and no end of the run
        {-5, ""},
        {3 + 'x', ""},
        {261, "\u65e5xh"},
        {3 + 0xf0, ""},
    };
    tokenizer_stream *s = tokenizer_stream_new(t, false);
    size_t n;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        const char *given = tokenizer_stream_push(s, steps[i].id, &n);
        assert_string_equal(given, steps[i].piece);
        assert_int_equal(n, strlen(given));
    }
    assert_string_equal(tokenizer_stream_end(s, &n), "\ufffd");
    assert_string_equal(tokenizer_stream_end(s, &n), "");
    assert_string_equal(tokenizer_stream_push(s, 273, &n), "the"); // begins anew
    tokenizer_stream_free(s);
    tokenizer_free(t);
    unlink(path);
}

// Bytes of byte-level tokens come as soon as they are characters.
static void characters_are_held_until_complete(void **state) {
    const parts p = {NULL, byte_level, byte_level, NULL, NULL, NULL};
    const char *path = write_byte_level(&p);
    tokenizer *t = tokenizer_open(path, NULL);
    assert_non_null(t);
    static const struct {
        int32_t id;
        const char *piece;
    } steps[] = {{260, "the"},
                 {3 + 0xe6, ""},
                 {3 + 0x97, ""},
                 {3 + 0xa5, "\u65e5"},
                 {3 + 0xc3, ""},
                 {259, "\ufffdth"},
                 {1, ""},
                 {3 + 0xff, "\ufffd"},
                 {3 + 0xe6, ""},
                 {3 + 0xe6, "\ufffd"},
                 {3 + 'x', "\ufffdx"},
                 {3 + 0xf0, ""}};
    tokenizer_stream *s = tokenizer_stream_new(t, false);
    size_t n;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        assert_string_equal(tokenizer_stream_push(s, steps[i].id, &n), steps[i].piece);
    assert_string_equal(tokenizer_stream_end(s, &n), "\ufffd");
    const char *nul = tokenizer_stream_push(s, 3, &n); // a text may hold NUL
    assert_true(n == 1 && nul[0] == 0);
    tokenizer_stream_free(s);
    static const int32_t ids[] = {1, 260, 2};
    assert_string_equal(tokenizer_decode(t, ids, 3, true, a, &n), "<s>the</s>");
    assert_string_equal(tokenizer_decode(t, ids, 3, false, a, &n), "the");
    tokenizer_free(t);
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
    assert_true(tokenizer_encode(t, word, n, TOKENIZER_BARE, &ids, NULL, NULL));
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
        cmocka_unit_test(runs_of_bytes_are_held_until_they_end),
        cmocka_unit_test(characters_are_held_until_complete),
        cmocka_unit_test(long_words_merge_quickly),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
