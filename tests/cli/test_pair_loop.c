// An encoder and its decoder as one program, token by token, against a loop around the interpreter:
// every file imported by itself, what the encoder gives handed to the decoder, all tokens so far in
// one go. 32 steps: logits within 1e-3, and the likeliest token the same in each.
#include "frontend/onnx.h"
#include "host/host.h"
#include "ir/eval/interp.h"
#include "tests/cli/command.h"
#include "tests/random.h"
#include "tests/shared.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
// cmocka.h needs some of the above
#include <cmocka.h>

#define MODEL(name) EXPORTS "/" name "/model.onnx"
#define PROGRAM OHMIC_BUILD_DIR "/pair_loop.ohm"

enum { STEPS = 32, SOURCE = 13, VOCABULARY = 256 };

static const struct {
    const char *encoder, *decoder; // encoder NULL: one graph
} models[] = {
    {MODEL("t5_opt17__encoder_model"), MODEL("t5_opt17__decoder_model_merged")},
    {MODEL("t5_opt17__encoder_model"), MODEL("t5_opt13_old_merged")},
    {MODEL("t5_dyn22_encoder"), MODEL("marian_opt17_nopast")}, // of two models, of one width
    {NULL, MODEL("marian_dyn20")},
    {NULL, MODEL("marian_ts17")},
    {NULL, MODEL("t5_gated_dyn20")},
    {NULL, MODEL("t5_ts12_old")},
    {NULL, MODEL("whisper_dyn20")}, // which hears: 16 values of 40 frames
};

static diag_sink *diags;
static arena *a;

// ---- the loop ----------------------------------------------------------------------------------

typedef struct {
    int32_t source[SOURCE], text[STEPS + 1];
    tensor hidden; // of the encoder's file
    tensor heard;  // where the encoder reads values
} sequence;

static bool starts(const char *name, const char *with) {
    return strncmp(name, with, strlen(with)) == 0;
}

// What a file's input is given: `n` tokens of the text.
static tensor input_of(const sequence *s, const char *name, bool encodes, int64_t n) {
    const bool whole = encodes || strstr(name, "encoder") != NULL;
    if (strcmp(name, "encoder_hidden_states") == 0) return s->hidden;
    if (strcmp(name, "input_features") == 0) return s->heard;
    if (strcmp(name, "use_cache_branch") == 0) return tensor_new(a, ELEM_bool, 1, (int64_t[]){1});
    if (starts(name, "past"))
        return tensor_new(a, ELEM_f32, 4,
                          (int64_t[]){1, 4, strstr(name, "decoder") ? 0 : SOURCE, 16});
    const bool ids = strstr(name, "input_ids") != NULL,
               source = ids ? encodes && !starts(name, "decoder") : whole;
    const int64_t rows = source ? SOURCE : n;
    tensor t = tensor_new(a, ELEM_i64, 2, (int64_t[]){1, rows});
    for (int64_t i = 0; i < rows; i++)
        ((int64_t *)t.data)[i] = !ids ? 1 : source ? s->source[i] : s->text[i];
    return t;
}

// The first output of a file. encodes: its input_ids are the source.
static tensor compute(onnx_model *m, const sequence *s, bool encodes, int64_t n) {
    const size_t n_inputs = onnx_n_inputs(m);
    onnx_shape_binding *shapes = ARENA_ARRAY(a, onnx_shape_binding, n_inputs);
    tensor_named branch = {0};
    tensor *in = ARENA_ARRAY(a, tensor, n_inputs), out[32];
    size_t k = 0;
    for (size_t i = 0; i < n_inputs; i++) {
        const char *name = onnx_input(m, i)->name;
        tensor t = input_of(s, name, encodes, n);
        shapes[i] = (onnx_shape_binding){.input = name, .rank = t.rank};
        memcpy(shapes[i].dim, t.dim, sizeof t.dim);
        if (t.type == ELEM_bool)
            branch = (tensor_named){name, t};
        else
            in[k++] = t;
    }
    const onnx_binding b = {
        .shapes = shapes, .n_shapes = n_inputs, .values = &branch, .n_values = branch.name != NULL};
    ir_module *mod = ir_module_new();
    if (!onnx_import(m, &b, mod, "f", diags)) diag_print(diags, 0, stderr, false);
    ir_interp *t = ir_interp_new(mod, mod->funcs.items[0], 1, diags);
    assert_true(t && ir_interp_step(t, NULL, in, a, out));
    tensor first = tensor_copy(a, &out[0]);
    ir_interp_free(t);
    ir_module_free(mod);
    return first;
}

static int likeliest(const float *row) {
    int best = 0;
    for (int i = 1; i < VOCABULARY; i++)
        if (row[i] > row[best]) best = i;
    return best;
}

// ---- the program -------------------------------------------------------------------------------

// Seeded tokens are written instead of the likeliest, so that a text is not one token again and
// again.
static void compare(size_t model, host_text *t) {
    onnx_model *encoder = models[model].encoder ? onnx_open(models[model].encoder, diags) : NULL,
               *decoder = onnx_open(models[model].decoder, diags);
    assert_non_null(decoder);
    random_stream draws = random_test(model);
    sequence s;
    for (int i = 0; i < SOURCE; i++) s.source[i] = (int32_t)random_in(&draws, 0, VOCABULARY - 1);
    for (int i = 0; i < STEPS; i++) s.text[i] = (int32_t)random_in(&draws, 0, VOCABULARY - 1);
    s.heard = tensor_new(a, ELEM_f32, 3, (int64_t[]){1, 16, 40});
    for (size_t i = 0; i < tensor_count(&s.heard); i++)
        ((float *)s.heard.data)[i] = (float)random_in(&draws, -1000, 1000) / 1000;
    if (encoder) s.hidden = compute(encoder, &s, true, 0);
    assert_true(host_text_reads_ids(t) ? host_text_source(t, s.source, SOURCE, diags)
                                       : host_text_features(t, &s.heard, diags));
    double most = 0;
    for (int64_t n = 1; n <= STEPS; n++) {
        tensor got, want = compute(decoder, &s, !encoder, n);
        assert_true(host_text_step(t, n == 1, &s.text[n - 1], 1, a, &got, diags));
        assert_int_equal(tensor_count(&want), n * VOCABULARY);
        const float *x = got.data, *y = (const float *)want.data + (n - 1) * VOCABULARY;
        for (int i = 0; i < VOCABULARY; i++) most = fmax(most, fabs((double)x[i] - (double)y[i]));
        if (likeliest(x) != likeliest(y))
            fail_msg("%s: token %d is written at step %d, %d in the loop", models[model].decoder,
                     likeliest(x), (int)n, likeliest(y));
    }
    printf("%s: logits within %.2g\n", models[model].decoder, most);
    assert_true(most <= 1e-3);
    onnx_close(encoder);
    onnx_close(decoder);
}

static void test_steps(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(models); i++) {
        static outcome o;
        a = arena_new();
        diags = diag_sink_new();
        const char *const pair[] = {
            OHMIC,   "compile", models[i].encoder, models[i].decoder, "--chip", "ideal", "-q", "-o",
            PROGRAM, NULL};
        const char *const one[] = {OHMIC, "compile", models[i].decoder, "--chip", "ideal",
                                   "-q",  "-o",      PROGRAM,           NULL};
        command_run(&o, models[i].encoder ? pair : one, NULL);
        if (o.code || o.signal) fail_msg("%s: exit %d\n%s", models[i].decoder, o.code, o.err);
        program_file f;
        assert_true(program_open(&f, PROGRAM, a, diags));
        engine *e = engine_of_program(&f, &(sim_options){.threads = 1}, diags);
        host_text t;
        assert_true(e && host_text_open(&t, e, diags) && host_text_has_source(&t));
        compare(i, &t);
        assert_int_equal(diag_errors(diags), 0);
        engine_free(e);
        program_close(&f);
        diag_sink_free(diags);
        arena_free(a);
    }
}

// ---- caches that are given ---------------------------------------------------------------------

static const tensor *named(const tensor_set *set, const char *name) {
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->items[i].name, name) == 0) return &set->items[i].value;
    fail_msg("there is no output '%s'", name);
    return NULL;
}

// `n` tokens from `from` on, with the caches that `before` gave (NULL: none).
static tensor_set run_part(engine *e, const sequence *s, int64_t from, int64_t n,
                           const tensor_set *before) {
    tensor ids = tensor_new(a, ELEM_i64, 2, (int64_t[]){1, n});
    tensor ones = tensor_new(a, ELEM_i64, 2, (int64_t[]){1, SOURCE});
    for (int64_t i = 0; i < n; i++) ((int64_t *)ids.data)[i] = s->text[from + i];
    for (int64_t i = 0; i < SOURCE; i++) ((int64_t *)ones.data)[i] = 1;
    tensor_named in[7] = {
        {"input_ids", ids}, {"encoder_attention_mask", ones}, {"encoder_hidden_states", s->hidden}};
    tensor_set inputs = {in, 3}, out;
    for (int i = 0; before && i < 4; i++) {
        static const char *const kinds[] = {"0.decoder.key", "0.decoder.value", "1.decoder.key",
                                            "1.decoder.value"};
        in[inputs.count++] =
            (tensor_named){arena_printf(a, "past_key_values.%s", kinds[i]),
                           *named(before, arena_printf(a, "present.%s", kinds[i]))};
    }
    if (!host_run(e, &inputs, NULL, a, &out, diags)) diag_print(diags, 0, stderr, false);
    assert_int_equal(diag_errors(diags), 0);
    return out;
}

// A merged decoder alone: what it gives of 5 tokens goes in front of the sixth.
static void test_past(void **state) {
    (void)state;
    static outcome o;
    a = arena_new();
    diags = diag_sink_new();
    COMMAND(&o, "compile", models[0].decoder, "--chip", "ideal", "-q", "-o", PROGRAM);
    assert_int_equal(o.code, 0);
    program_file f;
    assert_true(program_open(&f, PROGRAM, a, diags));
    engine *e = engine_of_program(&f, &(sim_options){.threads = 1}, diags);
    assert_non_null(e);
    random_stream draws = random_test(99);
    sequence s = {.hidden = tensor_new(a, ELEM_f32, 3, (int64_t[]){1, SOURCE, 64})};
    for (int i = 0; i < 6; i++) s.text[i] = (int32_t)random_in(&draws, 0, VOCABULARY - 1);
    for (size_t i = 0; i < tensor_count(&s.hidden); i++)
        ((float *)s.hidden.data)[i] = (float)random_in(&draws, -1000, 1000) / 1000;
    const tensor_set all = run_part(e, &s, 0, 6, NULL), before = run_part(e, &s, 0, 5, NULL),
                     last = run_part(e, &s, 5, 1, &before);
    assert_memory_equal(named(&last, "logits")->data,
                        (const float *)named(&all, "logits")->data + (size_t)5 * VOCABULARY,
                        VOCABULARY * sizeof(float));
    engine_free(e);
    program_close(&f);
    diag_sink_free(diags);
    arena_free(a);
}

int main(void) {
    if (!shared_exports()) return 0;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_steps), cmocka_unit_test(test_past)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
