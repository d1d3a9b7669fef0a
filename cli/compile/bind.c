// From an ONNX file to probe functions: bind (passes/tokens/bind/bind.h) chooses the sizes, the
// frontend imports at them.
#include "passes/tokens/bind/bind.h"
#include "cli/compile/compile.h"

// Inputs as bind sees them.
static bind_port *ports_of(arena *a, const onnx_model *model, size_t *n, diag_sink *diags) {
    *n = onnx_n_inputs(model);
    bind_port *ports = ARENA_ARRAY(a, bind_port, *n + 1);
    for (size_t i = 0; i < *n; i++) {
        const onnx_port *in = onnx_input(model, i);
        if (!in->has_type || in->rank < 0 || in->rank > IR_MAX_RANK) {
            diag_emit(diags, DIAG_ID_usage, DIAG_AT(onnx_describe(model)->path, in->name),
                      "input '%s' is no tensor of known type and rank", in->name);
            return NULL;
        }
        ports[i] = (bind_port){.name = in->name, .type = in->type, .rank = in->rank};
        for (int d = 0; d < in->rank; d++)
            ports[i].dim[d] = (bind_dim){in->dim[d].value, in->dim[d].param};
    }
    return ports;
}

static bool import_at(void *ctx, const bind_shape *shapes, const tensor_named *values,
                      size_t n_values, ir_module *m, const char *name, bind_size *wanted,
                      diag_sink *diags) {
    const onnx_model *model = ctx;
    size_t n = onnx_n_inputs(model);
    arena *a = arena_new();
    onnx_shape_binding *bound = ARENA_ARRAY(a, onnx_shape_binding, n + 1);
    for (size_t i = 0; i < n; i++) {
        bound[i] = (onnx_shape_binding){.input = shapes[i].input, .rank = shapes[i].rank};
        for (int d = 0; d < shapes[i].rank; d++) bound[i].dim[d] = shapes[i].dim[d];
    }
    onnx_axis_size other = {0};
    onnx_binding b = {
        .shapes = bound, .n_shapes = n, .values = values, .n_values = n_values, .wanted = &other};
    bool ok = onnx_import(model, &b, m, name, diags);
    *wanted = (bind_size){other.input, other.axis, other.size};
    arena_free(a);
    return ok;
}

ir_module *compile_bind(const args *given, onnx_model *model, const pass_options *o,
                        ir_module **reference, diag_sink *diags) {
    arena *a = args_arena(given);
    bind_source source = {.ctx = model, .import = import_at};
    source.inputs = ports_of(a, model, &source.n_inputs, diags);
    if (!source.inputs) return NULL;
    source.n_outputs = onnx_n_outputs(model);
    const char **outputs = ARENA_ARRAY(a, const char *, source.n_outputs + 1);
    for (size_t i = 0; i < source.n_outputs; i++) outputs[i] = onnx_output(model, i)->name;
    source.outputs = outputs;
    const onnx_model *third = onnx_cached(model);
    bind_source cached = {.ctx = (onnx_model *)third, .import = import_at};
    if (third) cached.inputs = ports_of(a, third, &cached.n_inputs, diags);
    if (third && !cached.inputs) return NULL;
    if (third) source.cached = &cached;
    size_t n;
    const char *const *list = args_list(given, "bind", &n);
    bind_value *values = ARENA_ARRAY(a, bind_value, n + 1);
    for (size_t i = 0; i < n; i++) {
        if (arena_pair(a, list[i], &values[i].name, &values[i].value)) continue;
        diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE,
                  "--bind wants NAME=VALUE, e.g. batch_size=1, found '%s'", list[i]);
        return NULL;
    }
    bind_options options = {.o = o, .values = values, .n_values = n};
    return bind_module(&source, &options, reference, diags);
}
