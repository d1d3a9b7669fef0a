// Does a model compute what its test data says? See data_set.h.
#include "cli/onnx_test/data_set.h"
#include "ir/eval/interp.h"
#include "support/file/file.h"
#include <math.h>

#define MAX_PORTS 1024
#define MAX_ATTEMPTS 4
#define DEFAULT_TOLERANCE 1e-4

typedef struct {
    arena *a;
    const onnx_test_options *options;
    onnx_model *model;
    tensor_named *inputs; // one a graph input
    tensor_set expected;
    diag_sink *diags;
    onnx_test_result result;
} run;

const char *onnx_test_verdict_name(onnx_test_verdict v) {
    static const char *const names[] = {"PASS", "FAIL", "UNSUPPORTED"};
    return names[v];
}

static bool give_up(run *r, onnx_test_verdict v, const char *message) {
    r->result.verdict = v;
    r->result.message = message;
    return false;
}

bool onnx_test_overrides(const onnx_model *m, const char *name, const tensor *t) {
    tensor own;
    return !onnx_initializer(m, name, &own) || own.type != t->type ||
           tensor_count(&own) != tensor_count(t) || memcmp(own.data, t->data, tensor_bytes(t)) != 0;
}

// ---- files of a data set
// -------------------------------------------------------------------------

static char *set_file(run *r, const char *dir, const char *kind, size_t i) {
    return arena_printf(r->a, "%s/%s_%zu.pb", dir, kind, i);
}

static bool read_inputs(run *r, const char *dir) {
    size_t n = onnx_n_inputs(r->model);
    r->inputs = ARENA_ARRAY(r->a, tensor_named, n + 1);
    for (size_t i = 0; i < n; i++) r->inputs[i].name = onnx_input(r->model, i)->name;
    bool *given = ARENA_ARRAY(r->a, bool, n + 1);
    for (size_t i = 0; i < MAX_PORTS; i++) {
        char *path = set_file(r, dir, "input", i);
        if (!file_exists(path)) break;
        const char *name;
        tensor t;
        if (!onnx_read_tensor_pb(r->a, path, &name, &t, r->diags))
            return give_up(r, ONNX_TEST_UNSUPPORTED, diag_first_error(r->diags, 0, r->a));
        size_t at = i;
        for (size_t k = 0; k < n; k++)
            if (!strcmp(r->inputs[k].name, name)) at = k;
        if (at >= n && onnx_test_overrides(r->model, name, &t))
            return give_up(r, ONNX_TEST_UNSUPPORTED,
                           arena_printf(r->a, "the data set overrides initializer '%s'", name));
        if (at >= n) continue;
        const onnx_port *port = onnx_input(r->model, at);
        if (tensor_count(&t) == 1 && port->rank >= 0 && port->rank <= 1 && t.rank <= 1) {
            t.rank = port->rank; // some sets write scalars as [1]
            t.dim[0] = 1;
        }
        if (port->has_type && port->type != t.type)
            return give_up(r, ONNX_TEST_UNSUPPORTED,
                           arena_printf(r->a, "the data of input '%s' is %s, the model wants %s",
                                        port->name, elem_name(t.type), elem_name(port->type)));
        r->inputs[at].value = t;
        given[at] = true;
    }
    for (size_t i = 0; i < n; i++)
        if (!given[i])
            return give_up(r, ONNX_TEST_UNSUPPORTED,
                           arena_printf(r->a, "no data for input '%s'", r->inputs[i].name));
    return true;
}

static bool read_outputs(run *r, const char *dir) {
    size_t n = onnx_n_outputs(r->model);
    r->expected = (tensor_set){ARENA_ARRAY(r->a, tensor_named, n + 1), n};
    for (size_t i = 0; i < n; i++) {
        char *path = set_file(r, dir, "output", i);
        if (!onnx_read_tensor_pb(r->a, path, NULL, &r->expected.items[i].value, r->diags))
            return give_up(r, ONNX_TEST_UNSUPPORTED, diag_first_error(r->diags, 0, r->a));
        r->expected.items[i].name = onnx_output(r->model, i)->name;
    }
    return true;
}

// ---- import, evaluate, compare
// -------------------------------------------------------------------

// Imports with the sizes of the inputs; what the import then asks for becomes a constant.
static ir_module *import(run *r) {
    size_t n = onnx_n_inputs(r->model), n_values = 0;
    onnx_shape_binding *shapes = ARENA_ARRAY(r->a, onnx_shape_binding, n + 1);
    tensor_named *values = ARENA_ARRAY(r->a, tensor_named, n + 1);
    bool *bound = ARENA_ARRAY(r->a, bool, n + 1);
    for (size_t i = 0; i < n; i++) {
        const tensor *t = &r->inputs[i].value;
        shapes[i] = (onnx_shape_binding){.input = r->inputs[i].name, .rank = t->rank};
        memcpy(shapes[i].dim, t->dim, sizeof t->dim);
    }
    for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        map *demanded = map_new();
        size_t before = diag_count(r->diags), more = n_values;
        onnx_binding b = {.shapes = shapes,
                          .n_shapes = n,
                          .values = values,
                          .n_values = n_values,
                          .demanded = demanded};
        ir_module *m = ir_module_new();
        bool ok = onnx_import(r->model, &b, m, "main", r->diags);
        for (size_t i = 0; !ok && i < n; i++)
            if (!bound[i] && map_get(demanded, r->inputs[i].name) != MAP_NONE) {
                bound[i] = true;
                values[n_values++] = r->inputs[i];
            }
        map_free(demanded);
        if (ok) return m;
        ir_module_free(m);
        if (n_values == more || attempt + 1 == MAX_ATTEMPTS) {
            give_up(r, ONNX_TEST_UNSUPPORTED, diag_first_error(r->diags, before, r->a));
            break;
        }
        diag_sink_free(r->diags);
        r->diags = diag_sink_new();
    }
    return NULL;
}

static bool interpret(void *ctx, const ir_module *m, const ir_func *f, const tensor *inputs,
                      arena *a, tensor *outputs, diag_sink *diags) {
    ir_interp *t = ir_interp_new(m, f, *(const int *)ctx, diags);
    bool ok = t && ir_interp_step(t, NULL, inputs, a, outputs);
    ir_interp_free(t);
    return ok;
}

static bool compare(run *r, const char *name, const tensor *got, const tensor *want) {
    double tolerance = r->options->tolerance > 0 ? r->options->tolerance : DEFAULT_TOLERANCE;
    if (got->type != want->type || !tensor_same_shape(got, want))
        return give_up(r, ONNX_TEST_FAIL,
                       arena_printf(r->a, "output '%s' is %s, expected %s", name,
                                    tensor_shape_text(r->a, got), tensor_shape_text(r->a, want)));
    if (!elem_is_float(got->type)) {
        if (tensor_equal_bits(got, want)) return true;
        return give_up(r, ONNX_TEST_FAIL, arena_printf(r->a, "output '%s' differs", name));
    }
    size_t at = 0;
    double error = tensor_max_error(got, want, &at);
    if (!(error <= r->result.max_error)) r->result.max_error = error;
    if (error <= tolerance) return true;
    return give_up(r, ONNX_TEST_FAIL,
                   arena_printf(r->a,
                                "output '%s' differs by %.3g at element %zu: %.9g, expected %.9g",
                                name, error, at, elem_load_f64(got->type, got->data, at),
                                elem_load_f64(want->type, want->data, at)));
}

static bool evaluate(run *r, const ir_module *m) {
    const ir_func *f = ir_func_find(m, "main");
    tensor *in = ARENA_ARRAY(r->a, tensor, f->params.count + 1);
    tensor *out = ARENA_ARRAY(r->a, tensor, f->results.count + 1);
    for (size_t i = 0; i < f->params.count; i++)
        for (size_t k = 0; k < onnx_n_inputs(r->model); k++)
            if (!strcmp(f->params.items[i].name, r->inputs[k].name)) in[i] = r->inputs[k].value;
    int threads = r->options->threads;
    bool ok = r->options->engine
                  ? r->options->engine(r->options->ctx, m, f, in, r->a, out, r->diags)
                  : interpret(&threads, m, f, in, r->a, out, r->diags);
    if (!ok) return give_up(r, ONNX_TEST_FAIL, diag_first_error(r->diags, 0, r->a));
    for (size_t i = 0; i < f->results.count; i++)
        if (!compare(r, r->expected.items[i].name, &out[i], &r->expected.items[i].value))
            return false;
    return true;
}

onnx_test_result onnx_test_set(arena *a, const char *model_path, const char *set_dir,
                               const onnx_test_options *options) {
    static const onnx_test_options defaults = {0};
    run r = {.a = a,
             .options = options ? options : &defaults,
             .diags = diag_sink_new(),
             .result = {ONNX_TEST_PASS, 0, ""}};
    r.model = onnx_open(model_path, r.diags);
    ir_module *m = NULL;
    if (!r.model)
        give_up(&r, ONNX_TEST_UNSUPPORTED, diag_first_error(r.diags, 0, a));
    else if (read_inputs(&r, set_dir) && read_outputs(&r, set_dir))
        m = import(&r);
    if (m) evaluate(&r, m);
    ir_module_free(m);
    onnx_close(r.model);
    diag_sink_free(r.diags);
    return r.result;
}

onnx_test_result onnx_test_dir(arena *a, const char *model_path, const char *dir,
                               const onnx_test_options *options, size_t *n_sets) {
    onnx_test_result worst = {ONNX_TEST_PASS, 0, ""};
    if (!model_path) model_path = file_join(a, dir, "model.onnx");
    *n_sets = 0;
    for (size_t i = 0; i < MAX_PORTS; i++) {
        char *set = arena_printf(a, "%s/test_data_set_%zu", dir, i);
        if (!file_exists(set)) break;
        onnx_test_result r = onnx_test_set(a, model_path, set, options);
        ++*n_sets;
        if (!(r.max_error <= worst.max_error)) worst.max_error = r.max_error;
        if (r.verdict > worst.verdict || (r.verdict && !worst.verdict)) {
            worst.verdict = r.verdict;
            worst.message = r.message;
        }
    }
    if (*n_sets == 0)
        return (onnx_test_result){ONNX_TEST_UNSUPPORTED, 0, "no test_data_set_0 is there"};
    return worst;
}
