// What the files beside a tokenizer say of how texts begin and end, and what is not guessed without
// them.
#include "tests/tokenizer/small.h"

// A tokenizer with its template and the two files beside it (NULL: not there).
static tokenizer *open_with(const char *post, const char *config, const char *generation,
                            diag_sink *s) {
    const parts p = {NULL, byte_level, byte_level, post, NULL, NULL};
    const char *path = write_byte_level(&p), *beside[2] = {0};
    const char *const says[2] = {config, generation};
    static const char *const names[2] = {"tokenizer_config.json", "generation_config.json"};
    for (size_t i = 0; i < 2; i++) {
        if (!says[i]) continue;
        FILE *f = create(names[i], &beside[i]);
        fputs(says[i], f);
        fclose(f);
    }
    tokenizer *t = tokenizer_open(path, s);
    for (size_t i = 0; i < 2; i++)
        if (beside[i]) unlink(beside[i]);
    unlink(path);
    return t;
}

static void texts_begin_and_end_as_the_files_say(void **state) {
    enum { UNK, S, END_S, THE = 260 };
    static const struct {
        const char *post, *config, *generation;
        int32_t ids[6];       // of "the", as set
        int32_t bos, ends[4]; // END: no more
        int32_t likely_bos, likely_end;
    } cases[] = {
        // nothing is said: nothing is put there, but what is named so can be asked for
        {NULL, NULL, NULL, {THE, END}, -1, {END}, S, END_S},
        {bos_template, NULL, NULL, {S, THE, END}, S, {END}, -1, END_S},
        {NULL, "{}", NULL, {THE, END}, -1, {END}, -1, END_S},
        {NULL,
         "{\"bos_token\": \"<s>\", \"eos_token\": \"</s>\"}",
         NULL,
         {THE, END},
         S,
         {END_S, END},
         -1,
         -1},
        {NULL,
         "{\"add_bos_token\": true, \"bos_token\": {\"content\": \"<s>\"}, \"eos_token\": null}",
         NULL,
         {S, THE, END},
         S,
         {END},
         -1,
         -1},
        {bos_template,
         "{\"add_bos_token\": false, \"bos_token\": \"<s>\"}",
         NULL,
         {THE, END},
         S,
         {END},
         -1,
         END_S},
        {bos_template,
         "{\"add_bos_token\": true, \"bos_token\": \"<s>\"}",
         NULL,
         {S, THE, END},
         S,
         {END},
         -1,
         END_S},
        {bos_template, "{\"bos_token\": null}", NULL, {S, THE, END}, -1, {END}, -1, END_S},
        {NULL,
         "{\"add_eos_token\": true, \"eos_token\": \"</s>\"}",
         NULL,
         {THE, END_S, END},
         -1,
         {END_S, END},
         -1,
         -1},
        // generation_config.json goes before eos_token
        {NULL,
         "{\"eos_token\": \"</s>\"}",
         "{\"eos_token_id\": [0, 1], \"bos_token_id\": 1}",
         {THE, END},
         S,
         {UNK, S, END},
         -1,
         -1},
        {NULL,
         NULL,
         "{\"eos_token_id\": 2, \"bos_token_id\": 1}",
         {THE, END},
         S,
         {END_S, END},
         S,
         -1},
        {NULL,
         "{\"eos_token\": \"</s>\"}",
         "{\"max_length\": 20}",
         {THE, END},
         -1,
         {END_S, END},
         -1,
         -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        tokenizer *t = open_with(cases[i].post, cases[i].config, cases[i].generation, NULL);
        assert_non_null(t);
        tokenizer_ids ids = {0};
        assert_true(tokenizer_encode(t, "the", 3, TOKENIZER_AS_SET, &ids, NULL, NULL));
        bool good = true;
        for (size_t k = 0; k < ids.count; k++) good = good && ids.items[k] == cases[i].ids[k];
        if (!good || cases[i].ids[ids.count] != END) fail_msg("case %zu: other ids", i);
        assert_int_equal(tokenizer_bos(t), cases[i].bos);
        assert_int_equal(tokenizer_likely_bos(t), cases[i].likely_bos);
        assert_int_equal(tokenizer_likely_end(t), cases[i].likely_end);
        for (int32_t id = 0; id < 10; id++) {
            bool ends = false;
            for (size_t k = 0; cases[i].ends[k] != END; k++) ends |= cases[i].ends[k] == id;
            assert_int_equal(tokenizer_is_end(t, id), ends);
        }
        vec_free(&ids);
        tokenizer_free(t);
    }
}

static void the_token_in_front_can_be_asked_for(void **state) {
    enum { S = 1, THE = 260 };
    static const char *const post[] = {NULL, bos_template};
    for (size_t i = 0; i < 2; i++) {
        tokenizer *t = open_with(post[i], "{\"bos_token\": \"<s>\"}", NULL, NULL);
        assert_int_equal(tokenizer_begins(t), i == 1);
        tokenizer_ids ids = {0};
        assert_true(tokenizer_encode(t, "the", 3, TOKENIZER_BOS, &ids, NULL, NULL));
        assert_true(ids.count == 2 && ids.items[0] == S && ids.items[1] == THE);
        assert_true(tokenizer_encode(t, "the", 3, TOKENIZER_NO_BOS, &ids, NULL, NULL));
        assert_true(ids.count == 3 && ids.items[2] == THE);
        assert_true(tokenizer_encode(t, "the", 3, TOKENIZER_BARE, &ids, NULL, NULL));
        assert_true(ids.count == 4 && ids.items[3] == THE);
        vec_free(&ids);
        tokenizer_free(t);
    }
}

static void damaged_settings_are_reported(void **state) {
    static const struct {
        const char *config, *generation;
        diag_id id;
    } cases[] = {
        {"{\"bos_token\": ", NULL, DIAG_ID_json_syntax},
        {"[1]", NULL, DIAG_ID_tokenizer_format},
        {"{\"bos_token\": 5}", NULL, DIAG_ID_tokenizer_format},
        {"{\"add_bos_token\": true}", NULL, DIAG_ID_tokenizer_format}, // which?
        {"{\"add_bos_token\": \"yes\", \"bos_token\": \"<s>\"}", NULL, DIAG_ID_tokenizer_format},
        {NULL, "{\"eos_token_id\": \"</s>\"}", DIAG_ID_tokenizer_format},
        {NULL, "{\"eos_token_id\": [1, -1]}", DIAG_ID_tokenizer_format},
        {NULL, "{", DIAG_ID_json_syntax},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        diag_sink *s = diag_sink_new();
        if (open_with(NULL, cases[i].config, cases[i].generation, s)) fail_msg("case %zu", i);
        assert_int_equal(diag_errors(s), 1);
        assert_int_equal(diag_get(s, 0)->id, cases[i].id);
        diag_sink_free(s);
    }
    diag_sink *s = diag_sink_new(); // a name that is no token: some files have those
    tokenizer *t = open_with(NULL, "{\"eos_token\": \"<|im_end|>\"}", NULL, s);
    assert_non_null(t);
    assert_true(diag_count(s) == 1 && diag_get(s, 0)->id == DIAG_ID_tokenizer_ignored);
    tokenizer_free(t);
    diag_sink_free(s);
}

static void bert_s_word_list(void **state) {
    static const char list[] =
        "[PAD]\n[UNK]\n[CLS]\r\n[SEP]\n[MASK]\nthe\n##re\nr\n##iver\nA\n,\n\nno";
    enum { UNK = 1, CLS, SEP, MASK, THE, RE, R, IVER, A, COMMA, EMPTY, NO };
    static const expectation cased[] = {
        {"There, A river", true, {CLS, UNK, COMMA, A, R, IVER, SEP, END}, "[UNK], A river"},
        {"there [MASK]\xc3\xa9 no", false, {THE, RE, MASK, UNK, NO, END}, "there [MASK] [UNK] no"},
    };
    static const expectation lower[] = {{"There, thereiver",
                                         true,
                                         {CLS, THE, RE, COMMA, THE, RE, IVER, SEP, END},
                                         "there, thereiver"}};
    static const char *const configs[] = {NULL, "{\"do_lower_case\": true}"};
    for (size_t i = 0; i < 2; i++) {
        const char *path, *config = NULL;
        FILE *f = create("vocab.txt", &path);
        fputs(list, f);
        fclose(f);
        if (configs[i]) {
            f = create("tokenizer_config.json", &config);
            fputs(configs[i], f);
            fclose(f);
        }
        const expectation *e = i ? lower : cased;
        tokenizer *t = tokenizer_open(path, NULL);
        assert_non_null(t);
        for (size_t k = 0; k < (i ? ARRAY_LEN(lower) : ARRAY_LEN(cased)); k++) {
            tokenizer_ids ids = {0};
            tokenizer_around around = e[k].bos ? TOKENIZER_AS_SET : TOKENIZER_BARE;
            assert_true(
                tokenizer_encode(t, e[k].text, strlen(e[k].text), around, &ids, NULL, NULL));
            for (size_t m = 0; m < ids.count; m++) assert_int_equal(ids.items[m], e[k].ids[m]);
            assert_int_equal(e[k].ids[ids.count], END);
            vec_free(&ids);
        }
        assert_string_equal(tokenizer_token(t, EMPTY), "");
        tokenizer_free(t);
        unlink(path);
        if (config) unlink(config);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_begin_and_end_as_the_files_say),
        cmocka_unit_test(the_token_in_front_can_be_asked_for),
        cmocka_unit_test(damaged_settings_are_reported),
        cmocka_unit_test(bert_s_word_list),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
