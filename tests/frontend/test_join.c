// Two files as one model: which output goes into which input, what ports are called, and what does
// not belong together.
#include "frontend/model.h"
#include "ir/eval/interp.h"
#include "ir/verify/verify.h"
#include "onnx_writer.h"
#include "support/file/file.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
// cmocka.h needs some of the above
#include <cmocka.h>

#define DIR OHMIC_BUILD_DIR "/onnx_join"
#define F32 1
#define F16 10
#define I64 7

static diag_sink *diags;
static int make_dir(void **state) { return file_make_dir(DIR, NULL) ? 0 : -1; }
static int new_sink(void **state) {
    diags = diag_sink_new();
    return 0;
}
static int free_sink(void **state) {
    diag_sink_free(diags);
    return 0;
}

static bytes in(const char *name, int type, int rank, int64_t width) {
    return port(name, type, rank, (int64_t[]){1, -1, width});
}

// given = taken * w, both with a value "h" and a constant "w" in between.
static bytes product(bytes g, const char *taken, const char *given, float w) {
    char both[64];
    snprintf(both, sizeof both, "%s w", taken);
    put_msg(&g, 5, tensor_raw("w", F32, 0, NULL, &w, sizeof w));
    put_msg(&g, 1, node("Mul", both, "h"));
    put_msg(&g, 1, node("Identity", "h", given));
    return g;
}

static onnx_model *open(const char *file, bytes g) {
    onnx_model *m = onnx_open(write_model(file, model_of(g, 17)), diags);
    assert_non_null(m);
    return m;
}

static onnx_model *encoder(int type, int64_t width) {
    bytes g = {0};
    put_msg(&g, 11, in("features", F32, 3, 4));
    put_msg(&g, 11, in("attention_mask", I64, 2, 0));
    put_msg(&g, 11, in("position_ids", I64, 2, 0));
    put_msg(&g, 12, in("last_hidden_state", type, 3, width));
    put_msg(&g, 12, in("pooled", F32, 2, 4));
    return open(DIR "/encoder.onnx", product(g, "features", "last_hidden_state", 2));
}

// It takes no mask.
static onnx_model *maskless_encoder(void) {
    bytes g = {0};
    put_msg(&g, 11, in("features", F32, 3, 4));
    put_msg(&g, 12, in("last_hidden_state", F32, 3, 4));
    return open(DIR "/encoder.onnx", product(g, "features", "last_hidden_state", 2));
}

static onnx_model *decoder(const char *takes) {
    bytes g = {0};
    put_msg(&g, 11, in("input_ids", I64, 2, 0));
    put_msg(&g, 11, in("encoder_attention_mask", I64, 2, 0));
    put_msg(&g, 11, in("position_ids", I64, 2, 0));
    if (takes) put_msg(&g, 11, in(takes, F32, 3, 4));
    put_msg(&g, 12, in("logits", F32, 3, 4));
    return open(DIR "/decoder.onnx", product(g, takes ? takes : "input_ids", "logits", 3));
}

static bool reported(const char *file, const char *text) {
    for (size_t i = 0; i < diag_count(diags); i++) {
        const diag *d = diag_get(diags, i);
        if (d->id == DIAG_ID_onnx_join && strstr(d->message, text) && strstr(d->loc.file, file))
            return true;
    }
    diag_print(diags, 0, stderr, false);
    return false;
}

static void ports_of_both(void **state) {
    onnx_model *m = onnx_join(encoder(F32, 4), decoder("encoder_hidden_states"), NULL, diags);
    assert_non_null(m);
    static const char *const names[] = {"features", "attention_mask", "position_ids",
                                        "decoder_input_ids", "decoder_position_ids"};
    assert_int_equal(onnx_n_inputs(m), ARRAY_LEN(names));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_string_equal(onnx_input(m, i)->name, names[i]);
        // one word in both files, two counts
        assert_string_equal(onnx_input(m, i)->dim[1].param, i < 3 ? "encoder_n" : "decoder_n");
    }
    assert_int_equal(onnx_n_outputs(m), 1);
    assert_string_equal(onnx_output(m, 0)->name, "logits");
    assert_int_equal(onnx_describe(m)->n_nodes, 4);
    onnx_close(m);
}

// Names inside of the files are their own: both have "h" and "w".
static void values_of_both(void **state) {
    onnx_model *m = onnx_join(encoder(F32, 4), decoder("encoder_hidden_states"), NULL, diags);
    assert_non_null(m);
    arena *a = arena_new();
    ir_module *mod = ir_module_new();
    const onnx_dim_binding sizes[] = {{"encoder_n", 3}, {"decoder_n", 2}};
    const onnx_binding b = {.dims = sizes, .n_dims = 2};
    assert_true(onnx_import(m, &b, mod, "f", diags) && ir_verify(mod, "f", diags));
    const ir_func *f = mod->funcs.items[0];
    tensor x[5], y;
    for (size_t i = 0; i < 5; i++) {
        const ir_type *t = ir_type_of(f, f->params.items[i].value);
        x[i] = tensor_new(a, t->type, t->rank, t->dim);
    }
    for (size_t i = 0; i < 12; i++) ((float *)x[0].data)[i] = (float)i;
    ir_interp *t = ir_interp_new(mod, f, 1, diags);
    assert_true(t && ir_interp_step(t, NULL, x, a, &y));
    for (size_t i = 0; i < 12; i++) assert_true(((float *)y.data)[i] == 6 * (float)i);
    bool said = false; // whose node it is
    for (size_t i = 0; i < f->ops.count; i++)
        for (uint32_t k = 0; k < f->ops.items[i].n_locs; k++)
            said |= strcmp(f->ops.items[i].loc[k], "encoder/Mul_h") == 0;
    assert_true(said);
    ir_interp_free(t);
    ir_module_free(mod);
    onnx_close(m);
    arena_free(a);
}

static onnx_model *encoder_with(const char *mask, const char *other) {
    bytes g = {0};
    put_msg(&g, 11, in("features", F32, 3, 4));
    put_msg(&g, 11, in(other, I64, 2, 0));
    put_msg(&g, 11, in(mask, I64, 2, 0));
    put_msg(&g, 12, in("last_hidden_state", F32, 3, 4));
    return open(DIR "/encoder.onnx", product(g, "features", "last_hidden_state", 2));
}

static size_t joined_inputs(const char *mask, const char *other) {
    onnx_model *m =
        onnx_join(encoder_with(mask, other), decoder("encoder_hidden_states"), NULL, diags);
    const size_t n = m ? onnx_n_inputs(m) : 0;
    if (m) assert_int_equal(m->parts[1].input[1], 2);
    onnx_close(m);
    return n;
}

// The decoder's encoder_attention_mask is the encoder's attention_mask, else its only mask.
static void mask_of_the_encoder(void **state) {
    assert_int_equal(joined_inputs("attention_mask", "global_attention_mask"), 5);
    assert_int_equal(joined_inputs("source_mask", "segments"), 5);
    assert_int_equal(joined_inputs("mask_b", "mask_a"), 0);
    assert_true(reported("decoder.onnx", "is input 'encoder_attention_mask': 'mask_a', 'mask_b'? "
                                         "none is called 'attention_mask'"));
}

// The input is found by its type where its name says nothing.
static void taken_by_type(void **state) {
    onnx_model *m = onnx_join(encoder(F32, 4), decoder("memory"), NULL, diags);
    assert_non_null(m);
    assert_int_equal(onnx_n_inputs(m), 5);
    onnx_close(m);
}

static void wrong_order(void **state) {
    assert_null(onnx_join(decoder("encoder_hidden_states"), encoder(F32, 4), NULL, diags));
    assert_true(reported("decoder.onnx", "input 'encoder_hidden_states' takes what an encoder "
                                         "gives; name the encoder's file first"));
}

static void no_input(void **state) {
    assert_null(onnx_join(encoder(F32, 4), decoder(NULL), NULL, diags));
    assert_true(reported("decoder.onnx", "is no decoder that reads an encoder: no input takes"));
    assert_true(reported("decoder.onnx", "'input_ids', 'encoder_attention_mask', 'position_ids'"));
}

static void no_output(void **state) {
    assert_null(onnx_join(encoder(I64, 4), decoder("encoder_hidden_states"), NULL, diags));
    assert_true(reported("encoder.onnx", "is no encoder: no output gives rows of hidden values"));
    assert_true(reported("encoder.onnx", "its outputs are 'last_hidden_state', 'pooled'"));
}

static void other_type(void **state) {
    assert_null(onnx_join(encoder(F16, 4), decoder("encoder_hidden_states"), NULL, diags));
    assert_true(reported("decoder.onnx", "takes f32, output 'last_hidden_state' of"));
    assert_true(reported("decoder.onnx", "gives f16"));
}

static void other_width(void **state) {
    assert_null(onnx_join(encoder(F32, 8), decoder("encoder_hidden_states"), NULL, diags));
    assert_true(reported("decoder.onnx", "takes 4 columns, output 'last_hidden_state' of"));
    assert_true(reported("decoder.onnx", "gives 8: the files are of different models"));
}

static void no_mask(void **state) {
    onnx_model *m = onnx_join(maskless_encoder(), decoder("encoder_hidden_states"), NULL, diags);
    assert_non_null(m);
    assert_non_null(onnx_input_named(m, "encoder_attention_mask"));
    assert_int_equal(diag_count(diags), 1);
    const diag *d = diag_get(diags, 0);
    assert_int_equal(d->severity, DIAG_NOTE);
    assert_non_null(strstr(d->message, "stays an input of the program: the encoder, '"));
    assert_non_null(strstr(d->message, "encoder.onnx', has no mask to give"));
    assert_string_equal(d->loc.where, "encoder_attention_mask");
    onnx_close(m);
}

// Third comes a decoder that takes caches, and nothing else.
static onnx_model *cached(void) {
    bytes g = {0};
    put_msg(&g, 11, in("input_ids", I64, 2, 0));
    put_msg(&g, 11, port("past_key_values.0.key", F32, 4, (int64_t[]){1, 1, -1, 4}));
    put_msg(&g, 12, in("logits", F32, 3, 4));
    return open(DIR "/cached.onnx", product(g, "past_key_values.0.key", "logits", 3));
}

static void three_files(void **state) {
    onnx_model *m = onnx_join(encoder(F32, 4), decoder("encoder_hidden_states"), cached(), diags);
    assert_non_null(m);
    assert_non_null(onnx_cached(m));
    assert_int_equal(onnx_n_inputs(onnx_cached(m)), 2);
    onnx_close(m);
    assert_null(onnx_join(encoder(F32, 4), cached(), decoder("encoder_hidden_states"), diags));
    assert_true(reported("cached.onnx", "is a decoder that goes on behind caches: it comes third"));
    diag_clear(diags); // told of its place, not of its width
    assert_null(onnx_join(cached(), decoder("encoder_hidden_states"), NULL, diags));
    assert_true(reported("cached.onnx", "is a decoder that goes on behind caches: it comes third"));
    assert_null(
        onnx_join(encoder(F32, 4), decoder("encoder_hidden_states"), encoder(F32, 4), diags));
    assert_true(reported("encoder.onnx", "is no decoder that goes on behind caches"));
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, new_sink, free_sink)
    const struct CMUnitTest tests[] = {
        TEST(ports_of_both), TEST(values_of_both),      TEST(taken_by_type), TEST(wrong_order),
        TEST(no_input),      TEST(no_output),           TEST(other_type),    TEST(other_width),
        TEST(no_mask),       TEST(mask_of_the_encoder), TEST(three_files),
    };
    return cmocka_run_group_tests(tests, make_dir, NULL);
}
