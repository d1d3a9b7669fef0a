// Tokenizers that Hugging Face's `tokenizers` 0.23.3 trained, and random compositions of its steps:
// ids and text are what it gives (bench/text_peers.py wrote both files).
#include "support/file/json.h"
#include "tests/tokenizer/small.h"
#include <time.h>

#define TRAINED OHMIC_SOURCE_DIR "/tests/tokenizer/trained/"

static const char *const kinds[] = {"byte_level", "byte_fallback", "wordpiece", "unigram",
                                    "wordlevel"};

static json_t *data(const char *name) {
    json_t *j = json_file_read(arena_printf(a, TRAINED "%s", name), NULL);
    assert_non_null(j);
    return j;
}

static void assert_gives(const tokenizer *t, const json_t *in, const json_t *ids,
                         const json_t *back, const char *what, size_t index) {
    tokenizer_ids got = {0};
    tokenizer_spans spans = {0};
    const char *p = json_string_value(in);
    size_t n = json_string_length(in), bytes;
    assert_true(tokenizer_encode(t, p, n, TOKENIZER_AS_SET, &got, &spans, NULL));
    bool same = got.count == json_array_size(ids);
    for (size_t k = 0; same && k < got.count; k++)
        same = got.items[k] == json_integer_value(json_array_get(ids, k));
    if (!same) fail_msg("%s: text %zu ('%s') has other ids", what, index, p);
    assert_int_equal(spans.count, got.count);
    for (size_t k = 0; k < spans.count; k++)
        assert_true(spans.items[k].begin <= spans.items[k].end && spans.items[k].end <= n);
    const char *out = tokenizer_decode(t, got.items, got.count, true, a, &bytes);
    if (bytes != json_string_length(back) || memcmp(out, json_string_value(back), bytes) != 0)
        fail_msg("%s: text %zu comes back as '%s', not '%s'", what, index, out,
                 json_string_value(back));
    vec_free(&got);
    vec_free(&spans);
}

static void every_kind_gives_the_package_s_ids(void **state) {
    json_t *texts = data("texts.json");
    assert_true(json_array_size(texts) >= 300);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        tokenizer *t = tokenizer_open(arena_printf(a, TRAINED "%s.json", kinds[i]), NULL);
        assert_non_null(t);
        json_t *want = data(arena_printf(a, "%s.want.json", kinds[i]));
        assert_int_equal(json_array_size(want), json_array_size(texts));
        for (size_t k = 0; k < json_array_size(texts); k++) {
            const json_t *w = json_array_get(want, k);
            assert_gives(t, json_array_get(texts, k), json_object_get(w, "ids"),
                         json_object_get(w, "text"), kinds[i], k);
        }
        json_decref(want);
        tokenizer_free(t);
    }
    json_decref(texts);
}

// Whether a step of the composition has this type.
static bool uses(json_t *v, const char *type) {
    if (json_is_string(v)) return strcmp(json_string_value(v), type) == 0;
    const char *key;
    json_t *item;
    size_t i;
    json_object_foreach(v, key, item) {
        if ((strcmp(key, "type") == 0 || !json_is_string(item)) && uses(item, type)) return true;
    }
    json_array_foreach(v, i, item) {
        if (uses(item, type)) return true;
    }
    return false;
}

static size_t count_uses(const json_t *all, const char *part, const char *type) {
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(all); i++) {
        json_t *t = json_object_get(json_array_get(all, i), "tokenizer");
        n += uses(json_object_get(t, part), type);
    }
    return n;
}

static void every_step_does_what_the_package_s_does(void **state) {
    json_t *all = data("mixed.json");
    for (size_t i = 0; i < json_array_size(all); i++) {
        json_t *row = json_array_get(all, i), *texts = json_object_get(row, "texts");
        const char *path;
        FILE *f = create("tokenizer.json", &path);
        assert_int_equal(json_dumpf(json_object_get(row, "tokenizer"), f, 0), 0);
        fclose(f);
        diag_sink *s = diag_sink_new();
        tokenizer *t = tokenizer_open(path, s);
        diag_print(s, 0, stderr, false);
        assert_non_null(t);
        for (size_t k = 0; k < json_array_size(texts); k++)
            assert_gives(t, json_array_get(texts, k),
                         json_array_get(json_object_get(row, "ids"), k),
                         json_array_get(json_object_get(row, "back"), k),
                         arena_printf(a, "composition %zu", i), k);
        tokenizer_free(t);
        diag_sink_free(s);
        unlink(path);
    }
#define NORMALIZER(type, name, reads, keys) \
    if (!count_uses(all, "normalizer", type)) fail_msg("no composition has " type);
#define PRE_TOKENIZER(type, name, reads, keys) \
    if (!count_uses(all, "pre_tokenizer", type)) fail_msg("no composition has " type);
#define DECODER(type, name, reads, keys) \
    if (!count_uses(all, "decoder", type)) fail_msg("no composition has " type);
#include "tokenizer/steps.def"
    json_decref(all);
}

// One word, one run, nothing but beginnings of added tokens ...: work that grew with the square of
// the length would take hours.
static void long_texts_take_linear_time(void **state) {
    static const char *const repeated[] = {
        "a",
        "the",
        "ab ",
        " ",
        "\n",
        "\x01",
        "e\xcc\x81",
        "\xcc\x81",
        "\xe4\xb8\xad",
        "\xf0\x9f\x91\xa9\xe2\x80\x8d",
        "<s>",
        "<",
        "<mask>",
        "fox cub",
        "[MASK]",
        ".",
        "\xe2\x96\x81",
        "1",
        "don't",
        "\xef\xac\x81",
    };
    enum { BYTES = 128 << 10, SECONDS = 20 };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        tokenizer *t = tokenizer_open(arena_printf(a, TRAINED "%s.json", kinds[i]), NULL);
        assert_non_null(t);
        for (size_t k = 0; k < ARRAY_LEN(repeated); k++) {
            size_t n = strlen(repeated[k]), bytes = BYTES / n * n;
            char *long_text = base_alloc(bytes);
            for (size_t b = 0; b < bytes; b++) long_text[b] = repeated[k][b % n];
            arena *own = arena_new();
            tokenizer_ids ids = {0};
            clock_t start = clock();
            assert_true(tokenizer_encode(t, long_text, bytes, TOKENIZER_AS_SET, &ids, NULL, NULL));
            tokenizer_decode(t, ids.items, ids.count, true, own, NULL);
            double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
            if (seconds > SECONDS)
                fail_msg("%s: '%s' again and again: %.1f s", kinds[i], repeated[k], seconds);
            vec_free(&ids);
            arena_free(own);
            free(long_text);
        }
        tokenizer_free(t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_gives_the_package_s_ids),
        cmocka_unit_test(every_step_does_what_the_package_s_does),
        cmocka_unit_test(long_texts_take_linear_time),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
