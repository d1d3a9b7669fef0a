// ONNX files from strangers: opened and imported at small sizes; what imports must verify, is
// interpreted when it is small, and passes the passes over graphs.
#include "frontend/onnx.h"
#include "ir/verify/verify.h"
#include "passes/pass.h"
#include "tests/fuzz/interpret.h"
#include "tests/fuzz/onnx_generate.h"
#include <stdlib.h>
#include <string.h>

static void must_verify(const ir_module *m) {
    diag_sink *broken = diag_sink_new();
    if (!ir_verify(m, "fuzz", broken)) {
        diag_print(broken, 0, stderr, false);
        abort();
    }
    diag_sink_free(broken);
}

static void run_passes(const ir_module *m, diag_sink *diags) {
    static const pass_id steps[] = {PASS_ID_widen, PASS_ID_fold_constants, PASS_ID_canonicalize,
                                    PASS_ID_dce, PASS_ID_fuse};
    for (size_t i = 0; i < m->funcs.count; i++)
        if (!fuzz_is_small(m->funcs.items[i])) return;
    const pass_options o = pass_options_default();
    pass_pipeline p = {0};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) vec_push(&p, pass_step_of(steps[i]));
    ir_module *done = pass_run_pipeline(&p, m, &o, &(pass_checks){0}, diags);
    vec_free(&p);
    if (done) must_verify(done);
    ir_module_free(done);
}

static unsigned run(const uint8_t *data, size_t size) {
    diag_sink *diags = diag_sink_new();
    arena *a = arena_new();
    bool imported = false;
    onnx_model *m = onnx_open_bytes(data, size, "fuzz/model.onnx", diags);
    if (m) {
        size_t n = onnx_n_inputs(m);
        onnx_shape_binding *shapes = ARENA_ARRAY(a, onnx_shape_binding, n + 1);
        size_t n_shapes = 0;
        for (size_t i = 0; i < n; i++) { // what is open gets size 2
            const onnx_port *p = onnx_input(m, i);
            if (p->rank < 0 || p->rank > TENSOR_MAX_RANK) continue;
            onnx_shape_binding *s = &shapes[n_shapes++];
            s->input = p->name;
            s->rank = p->rank;
            for (int k = 0; k < p->rank; k++) s->dim[k] = p->dim[k].value < 0 ? 2 : p->dim[k].value;
        }
        onnx_binding b = {.shapes = shapes, .n_shapes = n_shapes};
        ir_module *mod = ir_module_new();
        imported = onnx_import(m, &b, mod, "main", diags);
        CHECK(imported == (diag_errors(diags) == 0),
              "refused without a word, or imported with one");
        if (imported) {
            must_verify(mod);
            for (size_t i = 0; i < mod->funcs.count; i++)
                fuzz_interpret(mod, mod->funcs.items[i], diags);
            run_passes(mod, diags);
        }
        ir_module_free(mod);
        onnx_close(m);
    }
    arena_free(a);
    diag_sink_free(diags);
    return imported;
}

const fuzz_target target = {.stages = {"imported"}, .run = run, .generate = onnx_generate};
