// Importing: reports, bindings, branches, functions, old forms of operators, shared weights.
#include "frontend/onnx.h"
#include "ir/eval/interp.h"
#include "ir/verify/verify.h"
#include "onnx_writer.h"
#include "support/file/file.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
// cmocka.h needs some of the above
#include <cmocka.h>

#define DIR OHMIC_BUILD_DIR "/onnx_import"
#define MODEL DIR "/m.onnx"
#define F32 1
#define I64 7
#define BOOL 9

static diag_sink *diags;
static int make_dir(void **state) { return file_make_dir(DIR, NULL) ? 0 : -1; }
static int new_sink(void **state) {
    diags = diag_sink_new();
    return 0;
}
static int free_sink(void **state) {
    diag_sink_free(diags);
    return 0;
}

static bool reported(diag_id id, const char *text) {
    for (size_t i = 0; i < diag_count(diags); i++) {
        const diag *d = diag_get(diags, i);
        if (d->id == id &&
            (strstr(d->message, text) || (d->loc.where && strstr(d->loc.where, text))))
            return true;
    }
    diag_print(diags, 0, stderr, false);
    return false;
}

static bytes i64s(const char *name, size_t n, const int64_t *v) {
    return tensor_raw(name, I64, 1, (int64_t[]){(int64_t)n}, v, 8 * n);
}

// Graph x -> y: f32 x of the given shape; nodes are added by the caller.
static bytes graph_xy(int rank, const int64_t *dim) {
    bytes g = {0};
    put_msg(&g, 11, port("x", F32, rank, dim));
    put_msg(&g, 12, port("y", F32, 0, NULL));
    return g;
}

// Imports m and evaluates it on x; `a` owns the result.
static tensor compute(bytes model, const onnx_binding *b, const tensor *x, arena *a) {
    onnx_model *m = onnx_open(write_model(MODEL, model), diags);
    ir_module *mod = ir_module_new();
    tensor y = {0};
    bool ok = m && onnx_import(m, b, mod, "f", diags) && ir_verify(mod, "f", diags);
    if (ok) {
        ir_interp *t = ir_interp_new(mod, mod->funcs.items[0], 1, diags);
        ok = t && ir_interp_step(t, NULL, x, a, &y);
        ir_interp_free(t);
    }
    if (!ok) diag_print(diags, 0, stderr, false);
    assert_true(ok);
    y = tensor_copy(a, &y);
    ir_module_free(mod);
    onnx_close(m);
    return y;
}

static bool imports(bytes model, const onnx_binding *b) {
    onnx_model *m = onnx_open(write_model(MODEL, model), diags);
    ir_module *mod = ir_module_new();
    bool ok = m && onnx_import(m, b, mod, "f", diags);
    ir_module_free(mod);
    onnx_close(m);
    return ok;
}

static tensor numbers(arena *a, int rank, const int64_t *dim) { // 0, 1, 2 ...
    tensor t = tensor_new(a, ELEM_f32, rank, dim);
    for (size_t i = 0; i < tensor_count(&t); i++) ((float *)t.data)[i] = (float)i;
    return t;
}
static double at(const tensor *t, size_t i) { return elem_load_f64(t->type, t->data, i); }

// ---- reports
// -------------------------------------------------------------------------------------

static void all_unsupported_nodes_in_one_report(void **state) {
    bytes g = graph_xy(1, (int64_t[]){4}), n;
    n = node("FancyOp", "x", "a");
    put_str(&n, 3, "first");
    put_msg(&g, 1, n);
    n = node("Relu", "a", "b"); // skipped in silence: its input failed
    put_msg(&g, 1, n);
    n = node("Attention", "b b b", "c"); // com.unknown
    put_str(&n, 3, "second");
    put_str(&n, 7, "com.unknown");
    put_msg(&g, 1, n);
    n = node("Gelu", "x", "d"); // since 20
    put_msg(&g, 1, n);
    n = node("LpNormalization", "x", "y");
    put_msg(&n, 5, attr_int("p", 3));
    put_msg(&g, 1, n);
    assert_false(imports(model_of(g, 17), NULL));
    assert_int_equal(diag_errors(diags), 4);
    assert_true(reported(DIAG_ID_onnx_unsupported, "node 'first'"));
    assert_true(reported(DIAG_ID_onnx_unsupported, "FancyOp (ai.onnx 17): the operator"));
    assert_true(reported(DIAG_ID_onnx_unsupported, "node 'second'"));
    assert_true(reported(DIAG_ID_onnx_unsupported, "(com.unknown 1)"));
    assert_true(reported(DIAG_ID_onnx_unsupported, "old version"));
    assert_true(reported(DIAG_ID_onnx_unsupported, "p = 3"));
    assert_true(reported(DIAG_ID_onnx_unsupported, "node 'LpNormalization_y'"));
}

static void undefined_and_doubly_defined_values(void **state) {
    bytes g = graph_xy(1, (int64_t[]){4});
    put_msg(&g, 1, node("Relu", "nowhere", "a"));
    put_msg(&g, 1, node("Relu", "x", "y"));
    put_msg(&g, 1, node("Relu", "x", "y"));
    assert_false(imports(model_of(g, 17), NULL));
    assert_true(reported(DIAG_ID_onnx_graph, "undefined input 'nowhere'"));
    assert_true(reported(DIAG_ID_onnx_graph, "second definition of value 'y'"));
}

// y = relu(x) + (relu(x) + x), written backwards; an If whose branches read what comes later.
static void nodes_in_any_order(void **state) {
    bytes g = graph_xy(1, (int64_t[]){4}), branch = {0}, n;
    put_msg(&branch, 1, node("Add", "a b", "z"));
    put_msg(&branch, 12, port("z", F32, 0, NULL));
    n = node("If", "yes", "y");
    put_msg(&n, 5, attr_msg("then_branch", 5, 6, branch));
    branch = (bytes){0};
    put_msg(&branch, 1, node("Sub", "a b", "w"));
    put_msg(&branch, 12, port("w", F32, 0, NULL));
    put_msg(&n, 5, attr_msg("else_branch", 5, 6, branch));
    put_msg(&g, 1, n);
    put_msg(&g, 1, node("Add", "a x", "b"));
    put_msg(&g, 1, node("Relu", "x", "a"));
    put_msg(&g, 5, tensor_raw("yes", 9, 0, NULL, "\1", 1));
    arena *a = arena_new();
    tensor x = numbers(a, 1, (int64_t[]){4}), y = compute(model_of(g, 17), NULL, &x, a);
    for (size_t i = 0; i < 4; i++) assert_float_equal(at(&y, i), 3.0 * (double)i, 0);
    bool said = false;
    for (size_t i = 0; i < diag_count(diags); i++)
        said |= strstr(diag_get(diags, i)->message, "2 nodes stand before what they read") != NULL;
    assert_true(said);
    arena_free(a);
}

static void nodes_in_a_circle(void **state) {
    bytes g = graph_xy(1, (int64_t[]){4});
    put_msg(&g, 1, node("Add", "x b", "a"));
    put_msg(&g, 1, node("Relu", "a", "b"));
    put_msg(&g, 1, node("Relu", "b", "y"));
    assert_false(imports(model_of(g, 17), NULL));
    assert_true(reported(DIAG_ID_onnx_graph, "undefined input 'a'"));
}

static void sizes_must_be_bound(void **state) {
    bytes g = graph_xy(2, (int64_t[]){2, -1});
    put_msg(&g, 1, node("Relu", "x", "y"));
    bytes copy = {0};
    put_raw(&copy, g.items, g.count);
    assert_false(imports(model_of(g, 17), NULL));
    assert_true(reported(DIAG_ID_onnx_binding, "axis 1 (n)"));
    onnx_shape_binding wrong = {.input = "x", .rank = 2, .dim = {3, 5}};
    onnx_binding b = {.shapes = &wrong, .n_shapes = 1};
    assert_false(imports(model_of(copy, 17), &b));
    assert_true(reported(DIAG_ID_onnx_binding, "fixes it at 2"));
}

// ---- bindings and values
// -------------------------------------------------------------------------

// y = Reshape(x, Concat(Shape(x)[0:1], [-1])): shape arithmetic becomes constants.
static void shapes_are_values(void **state) {
    arena *a = arena_new();
    bytes g = graph_xy(3, (int64_t[]){-1, 2, 3}), n;
    put_msg(&g, 5, i64s("zero", 1, (int64_t[]){0}));
    put_msg(&g, 5, i64s("rest", 1, (int64_t[]){-1}));
    put_msg(&g, 1, node("Shape", "x", "s"));
    put_msg(&g, 1, node("Gather", "s zero", "head"));
    n = node("Concat", "head rest", "shape");
    put_msg(&n, 5, attr_int("axis", 0));
    put_msg(&g, 1, n);
    put_msg(&g, 1, node("Reshape", "x shape", "y"));
    onnx_dim_binding dim = {"n", 4};
    onnx_binding b = {.dims = &dim, .n_dims = 1};
    tensor x = numbers(a, 3, (int64_t[]){4, 2, 3});
    tensor y = compute(model_of(g, 17), &b, &x, a);
    assert_int_equal(y.rank, 2);
    assert_int_equal(y.dim[1], 6);
    arena_free(a);
}

static bytes reshape_by_input(void) {
    bytes g = graph_xy(1, (int64_t[]){4});
    put_msg(&g, 11, port("shape", I64, 1, (int64_t[]){2}));
    put_msg(&g, 1, node("Reshape", "x shape", "y"));
    return model_of(g, 17);
}

static void demanded_inputs_are_named_and_bound(void **state) {
    arena *a = arena_new();
    map *demanded = map_new();
    onnx_binding b = {.demanded = demanded};
    assert_false(imports(reshape_by_input(), &b));
    assert_true(reported(DIAG_ID_onnx_unsupported, "must be known at compile time"));
    assert_int_equal(map_count(demanded), 1);
    assert_string_equal(map_key(demanded, 0), "shape");
    tensor shape = tensor_new(a, ELEM_i64, 1, (int64_t[]){2});
    ((int64_t *)shape.data)[0] = ((int64_t *)shape.data)[1] = 2;
    tensor_named value = {"shape", shape};
    b = (onnx_binding){.values = &value, .n_values = 1};
    tensor x = numbers(a, 1, (int64_t[]){4}), y = compute(reshape_by_input(), &b, &x, a);
    assert_int_equal(y.rank, 2);
    map_free(demanded);
    arena_free(a);
}

// Two imports into one module share weights by name and content.
static void weights_are_shared(void **state) {
    float w[6] = {1, 2, 3, 4, 5, 6};
    bytes g = graph_xy(2, (int64_t[]){-1, 2});
    put_msg(&g, 5, tensor_raw("w", F32, 2, (int64_t[]){2, 3}, w, sizeof w));
    put_msg(&g, 1, node("MatMul", "x w", "y"));
    onnx_model *m = onnx_open(write_model(MODEL, model_of(g, 17)), diags);
    ir_module *mod = ir_module_new();
    for (int64_t n = 3; n < 6; n++) {
        onnx_dim_binding dim = {"n", n};
        onnx_binding b = {.dims = &dim, .n_dims = 1};
        char name[8];
        snprintf(name, sizeof name, "n%d", (int)n);
        assert_true(onnx_import(m, &b, mod, name, diags));
    }
    assert_int_equal(mod->funcs.count, 3);
    assert_int_equal(mod->symbols.count, 1);
    tensor t;
    assert_true(onnx_initializer(m, "w", &t));
    assert_ptr_equal(ir_symbol_find(mod, "w")->data.data, t.data); // the mapped file
    ir_module_free(mod);
    onnx_close(m);
}

// ---- branches and functions
// ----------------------------------------------------------------------

static bytes branch(const char *op, const char *in) {
    bytes g = {0};
    put_msg(&g, 1, node(op, in, "r"));
    put_msg(&g, 12, port("r", F32, 0, NULL));
    return g;
}

static bytes if_model(void) { // y = c ? -x : |x|; both capture x of the outer graph
    bytes g = graph_xy(1, (int64_t[]){2}), n = node("If", "c", "y");
    put_msg(&g, 11, port("c", BOOL, 1, (int64_t[]){1}));
    put_msg(&n, 5, attr_msg("then_branch", 5, 6, branch("Neg", "x")));
    put_msg(&n, 5, attr_msg("else_branch", 5, 6, branch("Abs", "x")));
    put_msg(&g, 1, n);
    return model_of(g, 17);
}

static void branches_are_taken_by_a_bound_value(void **state) {
    arena *a = arena_new();
    for (int c = 0; c < 2; c++) {
        tensor cond = tensor_new(a, ELEM_bool, 1, (int64_t[]){1});
        *(uint8_t *)cond.data = (uint8_t)c;
        tensor_named value = {"c", cond};
        onnx_binding b = {.values = &value, .n_values = 1};
        tensor x = numbers(a, 1, (int64_t[]){2}), y = compute(if_model(), &b, &x, a);
        assert_true(at(&y, 1) == (c ? -1 : 1));
    }
    arena_free(a);
    assert_false(imports(if_model(), NULL));
    assert_true(reported(DIAG_ID_onnx_unsupported, "the condition"));
}

// Function F(v; alpha, axis = 1) = Concat(LeakyRelu<alpha>(v), v; axis)
static bytes function_model(bool pass_axis) {
    bytes g = graph_xy(2, (int64_t[]){1, 2}), n, f = {0}, a, m;
    n = node("F", "x", "y");
    put_str(&n, 7, "local");
    put_msg(&n, 5, attr_float("alpha", 0.5f));
    if (pass_axis) put_msg(&n, 5, attr_int("axis", 0));
    put_msg(&g, 1, n);
    put_str(&f, 1, "F");
    put_str(&f, 10, "local");
    put_str(&f, 4, "v");
    put_str(&f, 5, "r");
    put_str(&f, 6, "alpha");
    put_msg(&f, 11, attr_int("axis", 1));
    put_msg(&f, 9, opset("", 13));
    n = node("LeakyRelu", "v", "l");
    a = (bytes){0};
    put_str(&a, 1, "alpha");
    put_str(&a, 21, "alpha");
    put_int(&a, 20, 1);
    put_msg(&n, 5, a);
    put_msg(&f, 7, n);
    n = node("Concat", "l v", "r");
    a = (bytes){0};
    put_str(&a, 1, "axis");
    put_str(&a, 21, "axis");
    put_int(&a, 20, 2);
    put_msg(&n, 5, a);
    put_msg(&f, 7, n);
    m = model_of(g, 17);
    put_msg(&m, 25, f);
    return m;
}

static void functions_are_inlined(void **state) {
    arena *a = arena_new();
    tensor x = numbers(a, 2, (int64_t[]){1, 2});
    ((float *)x.data)[0] = -4;
    tensor y = compute(function_model(false), NULL, &x, a);
    assert_int_equal(y.dim[1], 4); // the default of axis
    assert_true(at(&y, 0) == -2);  // alpha of the call
    y = compute(function_model(true), NULL, &x, a);
    assert_int_equal(y.dim[0], 2);
    arena_free(a);
}

static void recursion_is_refused(void **state) {
    bytes g = graph_xy(1, (int64_t[]){2}), n, f = {0}, m;
    n = node("F", "x", "y");
    put_str(&n, 7, "local");
    put_msg(&g, 1, n);
    put_str(&f, 1, "F");
    put_str(&f, 10, "local");
    put_str(&f, 4, "v");
    put_str(&f, 5, "r");
    n = node("F", "v", "r");
    put_str(&n, 7, "local");
    put_msg(&f, 7, n);
    m = model_of(g, 17);
    put_msg(&m, 25, f);
    assert_false(imports(m, NULL));
    assert_true(reported(DIAG_ID_onnx_unsupported, "too deeply"));
}

// ---- old forms
// -----------------------------------------------------------------------------------

static void attributes_of_old_versions(void **state) {
    arena *a = arena_new();
    tensor x = numbers(a, 2, (int64_t[]){2, 3}), y;
    bytes g = graph_xy(2, (int64_t[]){2, 3}), n;
    n = node("Unsqueeze", "x", "a"); // axes as attribute
    put_msg(&n, 5, attr_ints("axes", 1, (int64_t[]){0}));
    put_msg(&g, 1, n);
    n = node("Slice", "a", "b"); // starts, ends as attributes
    put_msg(&n, 5, attr_ints("axes", 1, (int64_t[]){2}));
    put_msg(&n, 5, attr_ints("starts", 1, (int64_t[]){1}));
    put_msg(&n, 5, attr_ints("ends", 1, (int64_t[]){INT64_MAX}));
    put_msg(&g, 1, n);
    n = node("Clip", "b", "c"); // bounds as attributes
    put_msg(&n, 5, attr_float("max", 4.0f));
    put_msg(&g, 1, n);
    n = node("Pad", "c", "y");
    put_msg(&n, 5, attr_ints("pads", 6, (int64_t[]){0, 1, 0, 0, 0, 0}));
    put_msg(&g, 1, n);
    y = compute(model_of(g, 9), NULL, &x, a);
    assert_int_equal(y.dim[1], 3); // [1, 1+2, 2]: row of zeros, [1,2], [4,4]
    assert_true(at(&y, 0) == 0 && at(&y, 3) == 2 && at(&y, 5) == 4);
    arena_free(a);
}

static void softmax_flattened_before_13(void **state) {
    arena *a = arena_new();
    tensor x = tensor_new(a, ELEM_f32, 3, (int64_t[]){2, 2, 2});
    for (int version = 11; version <= 13; version += 2) {
        bytes g = graph_xy(3, (int64_t[]){2, 2, 2}), n = node("Softmax", "x", "y");
        put_msg(&n, 5, attr_int("axis", 1));
        put_msg(&g, 1, n);
        tensor y = compute(model_of(g, version), NULL, &x, a);
        assert_true(at(&y, 0) == (version == 11 ? 0.25 : 0.5));
    }
    arena_free(a);
}

static void one_sided_broadcast_before_7(void **state) {
    arena *a = arena_new();
    float b[] = {10, 20};
    tensor x = numbers(a, 3, (int64_t[]){1, 2, 2});
    bytes g = graph_xy(3, (int64_t[]){1, 2, 2}), n = node("Add", "x b", "y");
    put_msg(&g, 5, tensor_raw("b", F32, 1, (int64_t[]){2}, b, sizeof b));
    put_msg(&n, 5, attr_int("broadcast", 1));
    put_msg(&n, 5, attr_int("axis", 1));
    put_msg(&g, 1, n);
    tensor y = compute(model_of(g, 6), NULL, &x, a);
    assert_true(at(&y, 1) == 11 && at(&y, 3) == 23);
    arena_free(a);
}

// Each (domain, type) keeps its rows together, by rising version.
static void the_table_is_in_order(void **state) {
    for (size_t i = 1; i < onnx_op_rows(); i++) {
        const onnx_op_row *a = onnx_op_row_at(i - 1), *b = onnx_op_row_at(i);
        if (strcmp(a->type, b->type) || strcmp(a->domain, b->domain)) {
            for (size_t k = 0; k + 1 < i; k++)
                assert_false(!strcmp(onnx_op_row_at(k)->type, b->type) &&
                             !strcmp(onnx_op_row_at(k)->domain, b->domain));
        } else {
            assert_true(a->since < b->since);
        }
    }
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, new_sink, free_sink)
    const struct CMUnitTest tests[] = {
        TEST(all_unsupported_nodes_in_one_report),
        TEST(undefined_and_doubly_defined_values),
        TEST(nodes_in_any_order),
        TEST(nodes_in_a_circle),
        TEST(sizes_must_be_bound),
        TEST(shapes_are_values),
        TEST(demanded_inputs_are_named_and_bound),
        TEST(weights_are_shared),
        TEST(branches_are_taken_by_a_bound_value),
        TEST(functions_are_inlined),
        TEST(recursion_is_refused),
        TEST(attributes_of_old_versions),
        TEST(softmax_flattened_before_13),
        TEST(one_sided_broadcast_before_7),
        TEST(the_table_is_in_order),
    };
    return cmocka_run_group_tests(tests, make_dir, NULL);
}
