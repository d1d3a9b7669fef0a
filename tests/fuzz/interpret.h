// A function from a stranger's file, interpreted on small inputs when it is small itself.
#ifndef OHMIC_TESTS_FUZZ_INTERPRET_H
#define OHMIC_TESTS_FUZZ_INTERPRET_H
#include "ir/eval/interp.h"

enum { FUZZ_MAX_ELEMENTS = 1 << 14, FUZZ_MAX_OPS = 1 << 10 };

// Elements of all values together are few, so that time and memory of any operation are bounded.
static inline bool fuzz_is_small(const ir_func *f) {
    if (f->ops.count > FUZZ_MAX_OPS) return false;
    size_t total = 0, count;
    for (size_t v = 1; v < f->values.count; v++) {
        const ir_type *t = &f->values.items[v].type;
        if (ir_type_domain(t) >= 0 ||
            !tensor_checked_count(t->dim, t->rank, FUZZ_MAX_ELEMENTS, &count))
            return false;
        total += count;
        if (total > FUZZ_MAX_ELEMENTS) return false;
    }
    return true;
}

// Interprets a plain function; element i of an input is i % 5 - 1. Whether it succeeds is the
// file's affair.
static inline void fuzz_interpret(const ir_module *m, const ir_func *f, diag_sink *diags) {
    if (!fuzz_is_small(f)) return;
    arena *a = arena_new();
    tensor *inputs = ARENA_ARRAY(a, tensor, f->params.count + 1);
    tensor *outputs = ARENA_ARRAY(a, tensor, f->results.count + 1);
    for (size_t i = 0; i < f->params.count; i++) {
        const ir_type *t = ir_type_of(f, f->params.items[i].value);
        inputs[i] = tensor_new(a, t->type, t->rank, t->dim);
        size_t n = t->type == ELEM_q8 ? 0 : tensor_count(&inputs[i]);
        for (size_t k = 0; k < n; k++)
            elem_store_i64(t->type, inputs[i].data, k, (int64_t)(k % 5) - 1);
    }
    ir_interp *t = ir_interp_new(m, f, 1, diags);
    size_t before = diag_errors(diags);
    if (t) {
        bool ok = ir_interp_step(t, NULL, inputs, a, outputs);
        CHECK(ok || diag_errors(diags) > before, "the interpreter failed without a word");
    }
    ir_interp_free(t);
    arena_free(a);
}
#endif
