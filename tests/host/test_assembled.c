// Programs that no compiler makes, run on tensors: what the verifier lets through runs, or its
// launch is refused.
#include "host/host.h"
#include "isa/text/text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    arena *a;
    diag_sink *diags;
    program_file file;
    engine *e;
} assembled;

static assembled assemble(const char *text) {
    assembled x = {.a = arena_new(), .diags = diag_sink_new()};
    machine *chip = machine_load(x.a, OHMIC_SOURCE_DIR "/chips/ideal-int8.yaml", NULL, 0, x.diags);
    x.file.program = isa_assemble(text, strlen(text), "test.s", x.diags);
    x.file.chip = chip;
    x.e = x.file.program ? engine_of_program(&x.file, NULL, x.diags) : NULL;
    if (!x.e) diag_print(x.diags, 0, stderr, false);
    assert_non_null(x.e);
    return x;
}

static void drop(assembled *x) {
    engine_free(x->e);
    isa_program_free(x->file.program);
    diag_sink_free(x->diags);
    arena_free(x->a);
}

static tensor numbers(arena *a, int64_t rows, int64_t width) {
    tensor t = tensor_new(a, ELEM_f32, 3, (int64_t[]){1, rows, width});
    for (int64_t i = 0; i < rows * width; i++) ((float *)t.data)[i] = (float)(i * 5 % 7);
    return t;
}

static bool run(assembled *x, size_t n, const char *const *names, const tensor *values,
                tensor_set *out) {
    tensor_set in = {.items = ARENA_ARRAY(x->a, tensor_named, n), .count = n};
    for (size_t i = 0; i < n; i++) in.items[i] = (tensor_named){names[i], values[i]};
    return host_run(x->e, &in, NULL, x->a, out, x->diags);
}

#define HEAD                                                                                  \
    ".ohm 1\n.program whole max_tokens=64 max_chunk=64 banks=1\n.phase run\n  .rows t0 free " \
    "max=4\n"

static void pairs_are_values_and_indices(void **state) {
    static const char *const shapes[] = {"", " shape=\"[1,t0,4]\"", " shape=\"[1,t0,2,2]\""};
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        arena *a = arena_new();
        assembled x = assemble(arena_printf(
            a,
            HEAD ".port x in f32 4\n.port y out pair 2%s\n.tile 0\n  .buf x f32 4 depth=4 "
                 "stride=16\n  .buf p pair 2 depth=1 stride=16 base=64\n  .code run\n    in x, x\n"
                 "    topk p, x, 2, 10\n    out p, y, 0\n    halt\n",
            shapes[i]));
        tensor in = numbers(a, 2, 4);
        tensor_set out;
        assert_true(run(&x, 1, (const char *[]){"x"}, &in, &out));
        const float *y = out.items[0].value.data;
        assert_int_equal(tensor_count(&out.items[0].value), 8);
        // rows 0 5 3 1 and 6 4 2 0
        const float want[] = {5, 11, 3, 12, 6, 10, 4, 11};
        assert_memory_equal(y, want, sizeof want);
        drop(&x);
        arena_free(a);
    }
}

// Rows of a derived domain come from outside: so many as it has, or the launch is refused.
static void inputs_of_derived_domains(void **state) {
    assembled x =
        assemble(HEAD ".port hidden in f32 4\n.port extra in f32 4 dom=t1\n.port y out f32 4\n"
                      ".port z out f32 4 dom=t1\n.tile 0\n  .buf x f32 4 depth=4 stride=16\n"
                      "  .buf e f32 4 depth=64 stride=16 base=1024 dom=t1\n  .code run\n"
                      "    settl t1, t0, prefix, 60\n    in x, hidden\n    in.t1 e, extra\n"
                      "    out x, y, 0\n    out.t1 e, z, 0\n    halt\n");
    tensor in[2] = {numbers(x.a, 4, 4), numbers(x.a, 4, 4)};
    tensor_set out;
    assert_false(run(&x, 2, (const char *[]){"hidden", "extra"}, in, &out));
    assert_non_null(strstr(diag_get(x.diags, diag_count(x.diags) - 1)->message,
                           "input 'extra' takes f32[64,4]"));
    // As rows: the very number runs, one more or less does not.
    sim *s = engine_sim(x.e);
    int64_t rows[ISA_DOMAINS] = {3};
    for (int64_t n = 62; n <= 64; n++) {
        tensor given[2] = {tensor_new(x.a, ELEM_f32, 2, (int64_t[]){3, 4}),
                           tensor_new(x.a, ELEM_f32, 2, (int64_t[]){n, 4})},
               got[2];
        assert_int_equal(sim_step(s, 0, 0, true, rows, given, x.a, got, x.diags), n == 63);
    }
    drop(&x);
}

// Several sequences, and an output that has no axis for them.
static void outputs_of_one_sequence(void **state) {
    static const char *const shapes[] = {"[t0,4]", "[4,t0]", "[t0,2,2]", "[1,t0,4]"};
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        arena *a = arena_new();
        assembled x = assemble(arena_printf(
            a,
            HEAD
            ".port x in f32 4\n.port y out f32 4 shape=\"%s\"\n.tile 0\n  .buf x f32 4 depth=4 "
            "stride=16\n  .code run\n    in x, x\n    out x, y, 0\n    halt\n",
            shapes[i]));
        for (int64_t batch = 1; batch <= 2; batch++) {
            tensor in = tensor_new(a, ELEM_f32, 3, (int64_t[]){batch, 3, 4});
            tensor_set out;
            bool fits = batch == 1 || i == 3;
            assert_int_equal(run(&x, 1, (const char *[]){"x"}, &in, &out), fits);
            if (!fits)
                assert_non_null(strstr(diag_get(x.diags, diag_count(x.diags) - 1)->message,
                                       "room for one sequence; the inputs hold 2"));
        }
        drop(&x);
        arena_free(a);
    }
}

// Which domain counts tokens is the program's to say.
static void tokens_of_any_domain(void **state) {
    assembled x = assemble(
        ".ohm 1\n.program stream max_tokens=64 max_chunk=2 banks=1\n.phase run\n"
        "  .rows t3 free max=2\n.port x in f32 4 dom=t3\n.port y out f32 4 dom=t3\n.tile 0\n"
        "  .buf x f32 4 depth=2 stride=16 dom=t3\n  .code run\n    in.t3 x, x\n"
        "    ew1.t3 x, x, neg\n    out.t3 x, y, 0\n    halt\n");
    tensor in = numbers(x.a, 5, 4);
    tensor_set out;
    assert_true(run(&x, 1, (const char *[]){"x"}, &in, &out));
    assert_int_equal(out.items[0].value.dim[1], 5);
    for (int i = 0; i < 20; i++)
        assert_true(((float *)out.items[0].value.data)[i] == -((float *)in.data)[i]);
    drop(&x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_values_and_indices),
        cmocka_unit_test(inputs_of_derived_domains),
        cmocka_unit_test(outputs_of_one_sequence),
        cmocka_unit_test(tokens_of_any_domain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
