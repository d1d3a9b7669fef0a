// Real models through the passes up to fuse: outputs stay those of the
// reference, and every norm, activation, rotation and attention is recognised. Prints a table.
// Skips aloud what is not there.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models.h"
#include "passes/pass.h"
#include "tests/shared.h"
#include <stdlib.h>

typedef struct {
    const char *model, *data; // below the models folder, or an export's name with data NULL
    size_t linear, norm, rope, attention, activation;
    double limit; // error allowed; 0: 1e-4. The references of half precision round on the way
} row;

#define STORIES(name)                                                                             \
    {                                                                                             \
        "stories260K/stories260k_" name ".onnx", "stories260K/ref/stories260k_" name, 36, 11, 10, \
            5, 5                                                                                  \
    }
#define OWN(name, linear, norm, attention, activation) \
    { "own/" name ".onnx", "own/ref/" name, linear, norm, 0, attention, activation }

static const row rows[] = {
    STORIES("legacy_op17"),
    STORIES("external_op17"),
    STORIES("with_past_op17"),
    STORIES("op23_interleaved"),
    STORIES("dynq_int8_op17"),
    OWN("tales_gpt_op17", 17, 9, 4, 4),
    OWN("tales_gpt_dynamo_op20", 17, 9, 4, 4),
    OWN("tales_gpt_past_op18", 17, 9, 4, 4),
    OWN("tales_gaincell_fn", 17, 9, 4, 4),
    OWN("tales_gaincell_inlined", 17, 9, 4, 4),
    OWN("tales_linear_fn", 17, 9, 4, 4),
    OWN("tales_judge_op17", 20, 7, 3, 4),
    OWN("tales_judge_dynamo_op20", 20, 7, 3, 4),
    {"rxnmapper_albert/albert_rxnmapper_op17.onnx", "rxnmapper_albert/ref", 75, 26, 0, 12, 13},
    {"vit_cifar10_ibp/model.onnx", "vit_cifar10_ibp", 19, 0, 0, 3, 3},
    {"bert_dyn18_sdpa", NULL, 13, 5, 0, 2, 3},
    {"bert_dyn20_eager", NULL, 13, 5, 0, 2, 3},
    {"bert_dyn20_next", NULL, 13, 5, 0, 2, 3},
    {"bert_mlm_ts17_eager", NULL, 14, 6, 0, 2, 3},
    {"bert_opt11_old", NULL, 12, 5, 0, 2, 2},
    {"bert_opt17_O2", NULL, 8, 5, 0, 2, 2},
    {"bert_optst14_minilm", NULL, 12, 6, 0, 2, 2},
    {"bert_ts11_eager", NULL, 13, 5, 0, 2, 3},
    {"bert_ts14_sdpa", NULL, 13, 5, 0, 2, 3},
    {"bert_ts17_sdpa_dynint8", NULL, 13, 5, 0, 2, 3},
    {"albert_ts14", NULL, 20, 7, 0, 3, 4},
    {"gpt2_dyn18_next_past", NULL, 9, 5, 0, 2, 2},
    {"gpt2_opt13_old", NULL, 9, 5, 0, 2, 2},
    {"gpt2_opt14_dynuint8", NULL, 9, 5, 0, 2, 2},
    {"gpt2_opt14_fused", NULL, 9, 5, 0, 2, 2},
    {"gpt2_ts13_old_past", NULL, 9, 5, 0, 2, 2},
    {"gpt2_ts14_eager", NULL, 9, 5, 0, 2, 2},
    {"nanogpt_dyn20_noopt", NULL, 9, 5, 0, 2, 2},
    {"nanogpt_dyn23_late_sdpa", NULL, 9, 5, 0, 2, 2},
    {"nanogpt_ts9_old", NULL, 9, 5, 0, 2, 2},
    {"nanogpt_ts17_static", NULL, 9, 5, 0, 2, 2},
    {"nanogpt_ts17_old_functions", NULL, 9, 5, 0, 2, 2},
    {"llama_dyn18_eager", NULL, 15, 5, 4, 2, 2},
    {"llama_dyn20_sdpa", NULL, 15, 5, 4, 2, 2},
    {"llama_dyn21_past", NULL, 15, 5, 4, 2, 2},
    {"llama_genai_fp32", NULL, 11, 5, 4, 2, 2},
    {"llama_opt14", NULL, 15, 5, 4, 2, 2},
    {"llama_opt14_dynint8", NULL, 15, 5, 4, 2, 2},
    {"llama_opt14_old_merged", NULL, 15, 5, 4, 2, 2},
    {"llama_opt18_past_fused", NULL, 15, 5, 4, 2, 2},
    {"llama_opt18_past_ort2", NULL, 15, 5, 4, 2, 2},
    {"llama_ts14_old_past", NULL, 15, 5, 4, 2, 2},
    {"llama_ts17_sdpa_to21", NULL, 15, 5, 4, 2, 2},
    {"llama_hd64_dyn18", NULL, 15, 5, 4, 2, 2},
    {"gptj_opt17_past", NULL, 13, 3, 4, 2, 2},
    {"stablelm_dyn20", NULL, 15, 5, 4, 2, 2},
    {"phi3_opt18_past", NULL, 9, 5, 4, 2, 2},
    {"t5_ts14", NULL, 33, 12, 0, 6, 4},
    {"bloom_opt17_past", NULL, 9, 6, 0, 2, 2},
    {"whisper_ts17_encoder", NULL, 12, 5, 0, 2, 4},
    {"vit_dyn18", NULL, 13, 5, 0, 2, 2},
    {"vit_dyn23", NULL, 13, 5, 0, 2, 2},
    {"vit_opt14", NULL, 13, 5, 0, 2, 2},
    {"vit_ts9_old", NULL, 13, 5, 0, 2, 2},
    {"bert_ts17_sdpa_fp16", NULL, 13, 5, 0, 2, 3, 5e-3},
    {"llama_dyn20_fp16", NULL, 15, 5, 4, 2, 2, 5e-3},
    {"llama_dyn20_bf16", NULL, 15, 5, 4, 2, 2, 5e-2},
    {"vit_ts17_fp16", NULL, 13, 5, 0, 2, 2, 5e-3},
};

static size_t activations(const ir_module *m) {
    static const ir_opcode codes[] = {IR_t_gelu,       IR_t_gelu_tanh, IR_t_gelu_mul,
                                      IR_t_silu,       IR_t_silu_mul,  IR_t_gelu_tanh_mul,
                                      IR_t_quick_gelu, IR_t_relu,      IR_t_tanh};
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) n += model_count(m, codes[i]);
    return n;
}

// Pieces that something recognised is made of: none may be left. Attention probabilities that are
// an output keep their chain.
static size_t leftovers(const ir_module *m) {
    static const ir_opcode codes[] = {IR_t_erf, IR_t_sqrt,    IR_t_rsqrt, IR_t_recip,
                                      IR_t_neg, IR_t_sigmoid, IR_t_pow};
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) n += model_count(m, codes[i]);
    const ir_func *f = m->funcs.items[0];
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        bool output = false;
        if (op->code != IR_t_softmax) continue;
        for (size_t j = 0; j < f->results.count; j++)
            output |= f->results.items[j].value == op->result[0];
        n += !output;
    }
    return n;
}

static bool check(const row *r) {
    char path[512], data[512];
    if (r->data) {
        snprintf(path, sizeof path, MODELS "/%s", r->model);
        snprintf(data, sizeof data, MODELS "/%s/test_data_set_0", r->data);
    } else {
        snprintf(path, sizeof path, EXPORTS "/%s/model.onnx", r->model);
        snprintf(data, sizeof data, EXPORTS "/%s/test_data_set_0", r->model);
    }
    if (!shared_present(path)) return true;
    diag_sink *diags = diag_sink_new();
    model_case c;
    ir_module *m = NULL;
    pass_options o = pass_options_default();
    pass_pipeline p = {0};
    bool ok = model_open(&c, path, data, diags);
    pass_pipeline_until(&p, PASS_ID_fuse);
    if (ok) m = pass_run_pipeline(&p, c.module, &o, NULL, diags);
    if (m) {
        double error = model_error(&c, m, diags);
        size_t linear = model_count(m, IR_nn_linear), norm = model_count(m, IR_nn_norm),
               rope = model_count(m, IR_nn_rope),
               attention = model_count(m, IR_nn_attention) + model_count(m, IR_nn_gaincell),
               activation = activations(m), left = leftovers(m);
        ok = error >= 0 && error <= (r->limit > 0 ? r->limit : 1e-4) && linear == r->linear &&
             norm == r->norm && rope == r->rope && attention == r->attention &&
             activation == r->activation && left == 0;
        printf(
            "%-48s %5zu -> %4zu  error %7.1e  linear %2zu  norm %2zu  rope %2zu  attention %2zu  "
            "activation %2zu  left %zu%s\n",
            r->model, c.module->funcs.items[0]->ops.count, m->funcs.items[0]->ops.count, error,
            linear, norm, rope, attention, activation, left, ok ? "" : "  <-- expected otherwise");
    }
    ok = ok && m;
    diag_print(diags, 0, stderr, false);
    vec_free(&p);
    ir_module_free(m);
    model_close(&c);
    diag_sink_free(diags);
    return ok;
}

static void test_models(void **state) {
    shared_exports();
    bool ok = true;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) ok = check(&rows[i]) && ok;
    assert_true(ok);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_models)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
