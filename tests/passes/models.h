// Real models for tests of passes: where they lie, and one data set imported and compared.
#ifndef OHMIC_TESTS_PASSES_MODELS_H
#define OHMIC_TESTS_PASSES_MODELS_H

#include "frontend/onnx.h"
#include "ir/eval/interp.h"
#include "ir/ir.h"
#include <stdio.h>
#include <string.h>

typedef struct {
    arena *arena;
    onnx_model *model;
    ir_module *module; // one function, @probe, bound to the inputs' shapes
    tensor_named inputs[64], outputs[64];
    size_t n_inputs, n_outputs;
} model_case;

static inline size_t model_read_set(arena *a, const char *dir, const char *kind, tensor_named *out,
                                    diag_sink *diags) {
    size_t n = 0;
    while (n < 64) {
        const char *path = arena_printf(a, "%s/%s_%zu.pb", dir, kind, n);
        if (!file_exists(path) || !onnx_read_tensor_pb(a, path, &out[n].name, &out[n].value, diags))
            break;
        n++;
    }
    return n;
}

static inline void model_close(model_case *c) {
    ir_module_free(c->module);
    onnx_close(c->model);
    arena_free(c->arena);
    *c = (model_case){0};
}

// Imports `path` with the shapes of the inputs in `dir` (test_data_set_N). False: reported.
static inline bool model_open(model_case *c, const char *path, const char *dir, diag_sink *diags) {
    *c = (model_case){.arena = arena_new()};
    c->n_inputs = model_read_set(c->arena, dir, "input", c->inputs, diags);
    c->n_outputs = model_read_set(c->arena, dir, "output", c->outputs, diags);
    c->model = onnx_open(path, diags);
    if (!c->model) return false;
    onnx_shape_binding *shapes = ARENA_ARRAY(c->arena, onnx_shape_binding, c->n_inputs + 1);
    for (size_t i = 0; i < c->n_inputs; i++) {
        const tensor *t = &c->inputs[i].value;
        shapes[i] = (onnx_shape_binding){.input = c->inputs[i].name, .rank = t->rank};
        memcpy(shapes[i].dim, t->dim, sizeof shapes[i].dim);
    }
    // Inputs whose values decide the graph (use_cache_branch) become constants on the second try.
    tensor_named *values = ARENA_ARRAY(c->arena, tensor_named, c->n_inputs + 1);
    size_t n_values = 0;
    for (int attempt = 0; attempt < 3; attempt++) {
        map *demanded = map_new();
        onnx_binding b = {.shapes = shapes,
                          .n_shapes = c->n_inputs,
                          .values = values,
                          .n_values = n_values,
                          .demanded = demanded};
        c->module = ir_module_new();
        diag_sink *try = diag_sink_new();
        bool ok = onnx_import(c->model, &b, c->module, "probe", try);
        size_t known = n_values;
        for (size_t i = 0; i < c->n_inputs; i++)
            if (map_get(demanded, c->inputs[i].name) != MAP_NONE) values[n_values++] = c->inputs[i];
        map_free(demanded);
        if (!ok && n_values == known) {
            diag_print(try, 0, stderr, false);
            diag_emit(diags, DIAG_ID_usage, DIAG_FILE(path), "import failed");
        }
        diag_sink_free(try);
        if (ok) return true;
        ir_module_free(c->module);
        c->module = NULL;
        if (n_values == known) break;
    }
    return false;
}

// Evaluates the first function of m on the data set; largest error over the outputs, -1 when it
// fails.
static inline double model_error(const model_case *c, const ir_module *m, diag_sink *diags) {
    const ir_func *f = m->funcs.items[0];
    arena *a = arena_new();
    tensor *in = ARENA_ARRAY(a, tensor, f->params.count + 1);
    tensor *out = ARENA_ARRAY(a, tensor, f->results.count + 1);
    for (size_t i = 0; i < f->params.count; i++)
        for (size_t j = 0; j < c->n_inputs; j++)
            if (strcmp(f->params.items[i].name, c->inputs[j].name) == 0) in[i] = c->inputs[j].value;
    ir_interp *t = ir_interp_new(m, f, 1, diags);
    double worst = -1;
    if (t && ir_interp_step(t, NULL, in, a, out)) {
        worst = 0;
        for (size_t i = 0; i < f->results.count; i++)
            for (size_t j = 0; j < c->n_outputs; j++) {
                if (strcmp(f->results.items[i].name, c->outputs[j].name) != 0) continue;
                size_t at;
                double e = tensor_same_shape(&out[i], &c->outputs[j].value)
                               ? tensor_max_error(&out[i], &c->outputs[j].value, &at)
                               : 1e30;
                if (e > worst) worst = e;
            }
    }
    ir_interp_free(t);
    arena_free(a);
    return worst;
}

static inline size_t model_count(const ir_module *m, ir_opcode code) {
    size_t n = 0;
    for (size_t i = 0; i < m->funcs.items[0]->ops.count; i++)
        n += m->funcs.items[0]->ops.items[i].code == code;
    return n;
}

#endif
