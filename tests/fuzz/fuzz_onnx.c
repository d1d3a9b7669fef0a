// ONNX files from strangers: opened and imported at small sizes; what imports must verify, and is
// interpreted when it is small.
#include "frontend/onnx.h"
#include "ir/verify/verify.h"
#include "tests/fuzz/interpret.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    diag_sink *diags = diag_sink_new();
    arena *a = arena_new();
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
        if (onnx_import(m, &b, mod, "main", diags)) {
            diag_sink *broken = diag_sink_new();
            if (!ir_verify(mod, "fuzz", broken)) {
                diag_print(broken, 0, stderr, false);
                abort();
            }
            diag_sink_free(broken);
            for (size_t i = 0; i < mod->funcs.count; i++)
                fuzz_interpret(mod, mod->funcs.items[i], diags);
        }
        ir_module_free(mod);
        onnx_close(m);
    }
    arena_free(a);
    diag_sink_free(diags);
    return 0;
}
