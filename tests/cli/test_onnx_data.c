// ohmic onnx-test on both engines: NaN equals NaN and nothing else; data for an initialiser are
// its own numbers or not supported. And weights that are no numbers do not become codes.
#include "cli/onnx_test/data_set.h"
#include "cli/onnx_test/ideal.h"
#include "support/file/file.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
// cmocka.h needs some of the above
#include "tests/frontend/onnx_writer.h"
#include <cmocka.h>

#define DIR OHMIC_BUILD_DIR "/onnx_data"
#define SET DIR "/test_data_set_0"
enum { F32 = 1, I64 = 7, TOKENS = 3 };

static int make_dirs(void **state) {
    return file_make_dir(DIR, NULL) && file_make_dir(SET, NULL) ? 0 : -1;
}

static const float table[6] = {1, 2, 3, NAN, 5, 6};

// y = table[ids] * I, [1,n,2]
static void make_model(void) {
    const float one[4] = {1, 0, 0, 1};
    bytes g = {0};
    put_msg(&g, 11, port("ids", I64, 2, (int64_t[]){1, -1}));
    put_msg(&g, 11, port("w", F32, 2, (int64_t[]){3, 2}));
    put_msg(&g, 12, port("y", F32, 3, (int64_t[]){1, -1, 2}));
    put_msg(&g, 5, tensor_raw("w", F32, 2, (int64_t[]){3, 2}, table, sizeof table));
    put_msg(&g, 5, tensor_raw("i", F32, 2, (int64_t[]){2, 2}, one, sizeof one));
    put_msg(&g, 1, node("Gather", "w ids", "e"));
    put_msg(&g, 1, node("MatMul", "e i", "y"));
    write_model(DIR "/model.onnx", model_of(g, 17));
}

// Rows 0, 1, 2 of the table; of row 1 what is given.
static void make_set(float a, float b, const float *w) {
    const int64_t ids[TOKENS] = {0, 1, 2};
    const float y[2 * TOKENS] = {1, 2, a, b, 5, 6};
    write_model(SET "/input_0.pb",
                tensor_raw("ids", I64, 2, (int64_t[]){1, TOKENS}, ids, sizeof ids));
    remove(SET "/input_1.pb");
    if (w)
        write_model(SET "/input_1.pb", tensor_raw("w", F32, 2, (int64_t[]){3, 2}, w, sizeof table));
    write_model(SET "/output_0.pb",
                tensor_raw("y", F32, 3, (int64_t[]){1, TOKENS, 2}, y, sizeof y));
}

static void expect(onnx_test_verdict v, const char *says) {
    for (int ideal = 0; ideal < 2; ideal++) {
        arena *a = arena_new();
        size_t n;
        const onnx_test_options o = {.threads = 1};
        onnx_test_result r =
            (ideal ? onnx_test_ideal_dir : onnx_test_dir)(a, DIR "/model.onnx", DIR, &o, &n);
        if (r.verdict != v || !strstr(r.message, says))
            print_message("%s: %s\n", onnx_test_verdict_name(r.verdict), r.message);
        assert_int_equal(n, 1);
        assert_int_equal(r.verdict, v);
        assert_non_null(strstr(r.message, says));
        arena_free(a);
    }
}

static void nan_is_nan_on_both(void **state) {
    make_model();
    make_set(3 * NAN, NAN, NULL); // NaN times 0 is NaN
    expect(ONNX_TEST_PASS, "");
    make_set(NAN, 4, NULL);
    expect(ONNX_TEST_FAIL, "differs");
    make_set(NAN, INFINITY, NULL);
    expect(ONNX_TEST_FAIL, "differs");
}

static void initialisers_are_their_own(void **state) {
    make_model();
    make_set(NAN, NAN, table);
    expect(ONNX_TEST_PASS, "");
    const float other[6] = {1, 2, 3, 4, 5, 6};
    make_set(3, 4, other);
    expect(ONNX_TEST_UNSUPPORTED, "the data set overrides initializer 'w'");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nan_is_nan_on_both),
        cmocka_unit_test(initialisers_are_their_own),
    };
    return cmocka_run_group_tests(tests, make_dirs, NULL);
}
