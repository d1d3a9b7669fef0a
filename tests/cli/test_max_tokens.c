// What a longer maximum costs: a compile's memory grows with --max-tokens at most as fast as the
// maximum, also where every pair of tokens has a mask or a bias of its own; and what programs for
// few and for many tokens compute of the same tokens.
#include "tests/cli/command.h"
#include "tests/shared.h"
#include <setjmp.h>
#include <stdarg.h>
// cmocka.h needs some of the above
#include <cmocka.h>

#ifdef COMMAND_SANITIZED
enum { SLOWER = 20, LARGER = 16 }; // what is freed is kept for a while
#else
enum { SLOWER = 4, LARGER = 1 }; // a test machine does other things as well
#endif

static outcome o;

#define MODEL(name) EXPORTS "/" name "/model.onnx"
#define PROGRAM OHMIC_BUILD_DIR "/max_tokens.ohm"

static const struct {
    const char *model, *window; // tokens; NULL: as the model has it
    const char *most;
    int megabytes, seconds; // then
} models[] = {
    {MODEL("llama_ts17_past_eager"), "64", "131072", 150, 3}, // rotary, a mask in the graph
    {MODEL("llama_dyn20_sdpa"), NULL, "131072", 150, 3},      // the same, keeps all tokens
    {MODEL("mistral_dyn20"), NULL, "32768", 60, 2},           // a window of its own
    {MODEL("llama_dyn_late_ids"), NULL, "32768", 60, 2}, // a padding mask gathered at every pair
    {MODEL("t5_dyn18"), NULL, "16384", 60, 4}, // biases by distance in encoder and decoder
};

static void compile(size_t i, const char *tokens) {
    if (models[i].window)
        COMMAND(&o, "compile", models[i].model, "--chip", "ideal", "--threads", "1", "-q",
                "--max-tokens", tokens, "--window", models[i].window, "-o", PROGRAM);
    else
        COMMAND(&o, "compile", models[i].model, "--chip", "ideal", "--threads", "1", "-q",
                "--max-tokens", tokens, "-o", PROGRAM);
    if (o.code || o.signal)
        fail_msg("%s at %s tokens: exit %d, signal %d\n%s", models[i].model, tokens, o.code,
                 o.signal, o.err);
}

static void test_memory(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(models); i++) {
        compile(i, i == 4 ? "2048" : "4096"); // T5: all rows, up to 4,096
        const long few = o.megabytes;
        compile(i, models[i].most);
        if (few > 40 * LARGER || o.megabytes > models[i].megabytes * LARGER ||
            o.seconds > models[i].seconds * SLOWER)
            fail_msg("%s: %ld MB at few tokens, %ld MB and %.1f s at %s", models[i].model, few,
                     o.megabytes, o.seconds, models[i].most);
    }
}

static void test_values(void **state) {
    (void)state;
    char first[sizeof o.out];
    for (size_t i = 0; i < 2; i++)
        for (int many = 0; many < 2; many++) {
            compile(i, many ? "131072" : "512");
            COMMAND(&o, "generate", PROGRAM, "--ids", "--prompt-ids", "1", "-n", "60");
            assert_int_equal(o.code, 0);
            assert_true(o.n_out > 60);
            if (many) assert_string_equal(o.out, first);
            memcpy(first, o.out, sizeof first);
        }
}

int main(void) {
    if (!shared_exports()) return 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
