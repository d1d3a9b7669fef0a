// The passes up to fuse treat every probe function of a module alike: imported at several token
// counts, with and without a past, a model has the same operations on the same values in each
// function.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ir/text/text.h"
#include "models.h"
#include "passes/pass.h"
#include "tests/shared.h"

typedef struct {
    const char *name;
    int64_t tokens, past;
} probe;

static const probe probes[] = {
    {"n1", 37, 0}, {"n2", 41, 0}, {"n3", 43, 0}, {"past", 37, 13}, {"max", 64, 0}};

// Sizes by the names exporters give: past, sums and totals, batches; anything else counts tokens.
static int64_t size_of(const char *param, const probe *p) {
    if (strstr(param, "batch")) return 1;
    if (strchr(param, '+') || strstr(param, "total")) return p->tokens + p->past;
    return strstr(param, "past") ? p->past : p->tokens;
}

static bool import(const onnx_model *model, ir_module *m, const probe *p, diag_sink *diags) {
    onnx_shape_binding shapes[64];
    size_t n = onnx_n_inputs(model);
    for (size_t i = 0; i < n; i++) {
        const onnx_port *port = onnx_input(model, i);
        shapes[i] = (onnx_shape_binding){.input = port->name, .rank = port->rank};
        for (int j = 0; j < port->rank; j++)
            shapes[i].dim[j] =
                port->dim[j].param ? size_of(port->dim[j].param, p) : port->dim[j].value;
    }
    const onnx_binding b = {.shapes = shapes, .n_shapes = n};
    return onnx_import(model, &b, m, p->name, diags);
}

static bool same_op(const ir_op *a, const ir_op *b) {
    bool same = a->code == b->code && a->n_operands == b->n_operands &&
                a->n_results == b->n_results && a->attrs.count == b->attrs.count;
    for (uint32_t i = 0; same && i < a->n_operands; i++) same = a->operand[i] == b->operand[i];
    for (uint32_t i = 0; same && i < a->attrs.count; i++)
        same = a->attrs.items[i].key == b->attrs.items[i].key;
    return same;
}

static bool same_func(const ir_func *f, const ir_func *g) {
    bool same = f->ops.count == g->ops.count;
    size_t n = same ? f->ops.count : (size_t)min_i64((int64_t)f->ops.count, (int64_t)g->ops.count);
    for (size_t i = 0; i < n; i++) {
        if (same_op(&f->ops.items[i], &g->ops.items[i])) continue;
        arena *a = arena_new();
        fprintf(stderr, "@%s: %s\n@%s: %s\n", f->name, ir_op_text(a, f, &f->ops.items[i]), g->name,
                ir_op_text(a, g, &g->ops.items[i]));
        arena_free(a);
        return false;
    }
    return same;
}

static bool check(const char *path) {
    if (!shared_present(path)) return true;
    diag_sink *diags = diag_sink_new();
    onnx_model *model = onnx_open(path, diags);
    ir_module *m = ir_module_new(), *out = NULL;
    bool ok = model != NULL;
    for (size_t i = 0; i < ARRAY_LEN(probes) && ok; i++) ok = import(model, m, &probes[i], diags);
    pass_options o = pass_options_default();
    pass_pipeline p = {0};
    pass_pipeline_until(&p, PASS_ID_fuse);
    if (ok) out = pass_run_pipeline(&p, m, &o, NULL, diags);
    ok = ok && out;
    for (size_t i = 1; ok && i < ARRAY_LEN(probes); i++)
        ok = same_func(out->funcs.items[0], out->funcs.items[i]);
    if (ok) printf("%s: %zu operations in every probe\n", path, out->funcs.items[0]->ops.count);
    if (!ok) fprintf(stderr, "%s differs between probes\n", path);
    diag_print(diags, 0, stderr, false);
    vec_free(&p);
    ir_module_free(m);
    ir_module_free(out);
    onnx_close(model);
    diag_sink_free(diags);
    return ok;
}

static void test_probes(void **state) {
    static const char *const paths[] = {
        MODELS "/stories260K/stories260k_legacy_op17.onnx",
        MODELS "/stories260K/stories260k_op23_interleaved.onnx",
        MODELS "/stories260K/stories260k_dynq_int8_op17.onnx",
        MODELS "/own/tales_gpt_op17.onnx",
        MODELS "/own/tales_gpt_past_op18.onnx",
        MODELS "/own/tales_judge_op17.onnx",
        MODELS "/rxnmapper_albert/albert_rxnmapper_op17.onnx",
        EXPORTS "/bert_ts14_sdpa/model.onnx",
        EXPORTS "/gpt2_opt13_old/model.onnx",
        EXPORTS "/llama_genai_fp32/model.onnx", // caches of 64 rows: all of them at the maximum
        EXPORTS "/llama_opt18_past/model.onnx",
        EXPORTS "/gptj_opt17_past/model.onnx",
        EXPORTS "/t5_ts14/model.onnx",
    };
    bool ok = true;
    shared_exports();
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) ok = check(paths[i]) && ok;
    assert_true(ok);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_probes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
