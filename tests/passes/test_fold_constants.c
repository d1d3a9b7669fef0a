// fold-constants: which big transposes stay is decided by whose the constant is, never by its name.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "passes/pass.h"
#include <string.h>

enum { ROWS = 768, COLUMNS = 512 }; // 1.5 MiB

static ir_val constant(ir_module *m, ir_func *f, const char *symbol) {
    const ir_symbol *s = ir_symbol_find(m, symbol);
    if (!s) {
        const int64_t dim[] = {ROWS, COLUMNS};
        tensor data = tensor_new(m->arena, ELEM_f32, 2, dim);
        for (size_t i = 0; i < tensor_count(&data); i++) ((float *)data.data)[i] = (float)(i % 251);
        ir_symbol_add_tensor(m, symbol, data);
    }
    ir_attrs attrs = {0};
    ir_attr_set_str(m->arena, &attrs, IR_ATTR_value, symbol);
    const ir_type type = ir_type_make(ELEM_f32, 2, (const int64_t[]){ROWS, COLUMNS});
    return ir_build_typed(m, f, IR_t_const, NULL, 0, &attrs, &type, NULL);
}

static ir_val transposed(ir_module *m, ir_func *f, ir_val x) {
    ir_attrs attrs = {0};
    ir_attr_set_ints(m->arena, &attrs, IR_ATTR_perm, (const int64_t[]){1, 0}, 2);
    return ir_build(m, f, IR_t_transpose, &x, 1, &attrs, NULL, NULL);
}

// x + transpose(weight) + transpose(constant): the second constant is another one in each probe.
static void probe(ir_module *m, const char *name, const char *weight, const char *own) {
    ir_func *f = ir_func_add(m, name);
    const ir_type type = ir_type_make(ELEM_f32, 2, (const int64_t[]){COLUMNS, ROWS});
    ir_val in[] = {ir_param_add(m, f, "x", type), transposed(m, f, constant(m, f, weight))};
    in[0] = ir_build(m, f, IR_t_add, in, 2, NULL, NULL, NULL);
    in[1] = transposed(m, f, constant(m, f, own));
    ir_result_add(m, f, "y", ir_build(m, f, IR_t_add, in, 2, NULL, NULL, NULL));
}

static void test_big_transposes(void **state) {
    static const char *const names[][3] = {{"w", "n1", "n2"}, {"folded", "folded.n1", "folded.n2"}};
    for (size_t i = 0; i < 2; i++) {
        diag_sink *diags = diag_sink_new();
        ir_module *old = ir_module_new();
        probe(old, "n1", names[i][0], names[i][1]);
        probe(old, "n2", names[i][0], names[i][2]);
        const pass_options o = pass_options_default();
        ir_module *m = pass_fold_constants(old, &o, diags);
        assert_non_null(m);
        for (size_t k = 0; k < 2; k++) {
            const ir_func *f = m->funcs.items[k];
            size_t left = 0;
            for (size_t j = 0; j < f->ops.count; j++) {
                const ir_op *op = &f->ops.items[j];
                if (op->code != IR_t_transpose) continue;
                left++;
                const ir_op *from = ir_def(f, op->operand[0]);
                assert_string_equal(ir_attr_str(&from->attrs, IR_ATTR_value, ""), names[i][0]);
            }
            assert_int_equal(left, 1);
        }
        assert_int_equal(diag_count(diags), 0);
        ir_module_free(m);
        ir_module_free(old);
        diag_sink_free(diags);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_big_transposes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
