// An ONNX file as a source for bind: what the command does, for tests.
#ifndef OHMIC_TESTS_PASSES_BIND_ONNX_H
#define OHMIC_TESTS_PASSES_BIND_ONNX_H

#include "frontend/onnx.h"
#include "passes/tokens/bind/bind.h"

static inline bool bind_onnx_import(void *ctx, const bind_shape *shapes, const tensor_named *values,
                                    size_t n_values, ir_module *m, const char *name,
                                    bind_size *wanted, diag_sink *diags) {
    const onnx_model *model = ctx;
    arena *a = arena_new();
    size_t n = onnx_n_inputs(model), n_shapes = 0;
    onnx_shape_binding *s = ARENA_ARRAY(a, onnx_shape_binding, n + 1);
    for (size_t i = 0; i < n; i++) {
        bool bound = false;
        for (size_t k = 0; k < n_values; k++) bound |= strcmp(values[k].name, shapes[i].input) == 0;
        if (bound) continue;
        s[n_shapes] = (onnx_shape_binding){.input = shapes[i].input, .rank = shapes[i].rank};
        memcpy(s[n_shapes++].dim, shapes[i].dim, sizeof shapes[i].dim);
    }
    onnx_axis_size other = {0};
    onnx_binding b = {.shapes = s,
                      .n_shapes = n_shapes,
                      .values = values,
                      .n_values = n_values,
                      .wanted = &other};
    bool ok = onnx_import(model, &b, m, name, diags);
    *wanted = (bind_size){other.input, other.axis, other.size};
    arena_free(a);
    return ok;
}

static inline bind_source bind_onnx_source(arena *a, onnx_model *model) {
    bind_source s = {.ctx = model, .n_inputs = onnx_n_inputs(model), .import = bind_onnx_import};
    bind_port *p = ARENA_ARRAY(a, bind_port, s.n_inputs + 1);
    for (size_t i = 0; i < s.n_inputs; i++) {
        const onnx_port *in = onnx_input(model, i);
        p[i] = (bind_port){.name = in->name, .type = in->type, .rank = in->rank < 0 ? 0 : in->rank};
        for (int k = 0; k < p[i].rank; k++)
            p[i].dim[k] = (bind_dim){in->dim[k].value, in->dim[k].param};
    }
    s.inputs = p;
    return s;
}

#endif
