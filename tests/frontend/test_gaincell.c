// The local function ohmic.GainCellAttention: imported by its name and attributes, whatever its
// body says; every attribute and operand that cannot be is named.
#include "frontend/onnx.h"
#include "ir/eval/interp.h"
#include "ir/verify/verify.h"
#include "onnx_writer.h"
#include "support/file/file.h"
#include "tests/shared.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
// cmocka.h needs some of the above
#include <cmocka.h>

#define DIR OHMIC_BUILD_DIR "/onnx_gaincell"
#define MODEL DIR "/m.onnx"
#define F32 1
enum { HEADS = 2, TOKENS = 5, WIDTH = 3 };

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

// What is unusual about a call; zero: nothing.
typedef struct {
    const char *without;             // attribute left out
    const char *instead;             // attribute replaced by `attr`
    bytes attr;                      //
    const char *operand;             // operand of the shape rank, dim
    int rank;                        //
    int64_t dim[4];                  //
    const char *inputs;              // the node's inputs, all eleven if NULL
    bool has_body, has_opset_import; // a body that computes something else
} call;

static const char all_inputs[] = "q k v a_q b_q a_k b_k a_v b_v a_o b_o";

static void put_attr(bytes *n, const call *c, const char *name, bytes a) {
    bool replaced = c->instead && strcmp(c->instead, name) == 0;
    if (replaced) put_msg(n, 5, c->attr);
    if (!replaced && (!c->without || strcmp(c->without, name)))
        put_msg(n, 5, a);
    else
        vec_free(&a);
}

static bytes model(const call *c) {
    static const float cell[] = {0.5f, 13, -2, 46};
    bytes g = {0}, n = node("GainCellAttention", c->inputs ? c->inputs : all_inputs, "y");
    put_str(&n, 7, "ohmic");
    put_str(&n, 3, "attention");
    put_attr(&n, c, "window", attr_int("window", 8));
    put_attr(&n, c, "sub_tile", attr_int("sub_tile", 4));
    put_attr(&n, c, "q_levels", attr_int("q_levels", 16));
    put_attr(&n, c, "kv_levels", attr_int("kv_levels", 8));
    put_attr(&n, c, "out_levels", attr_int("out_levels", 32));
    put_attr(&n, c, "v_dd", attr_float("v_dd", 0.9f));
    put_attr(&n, c, "s_sat", attr_float("s_sat", 4));
    put_attr(&n, c, "o_sat", attr_float("o_sat", 3));
    put_attr(&n, c, "decay", attr_float("decay", 1e-3f));
    put_attr(&n, c, "cell", attr_floats("cell", 4, cell));
    put_msg(&g, 1, n);
    for (const char *p = all_inputs; *p;) {
        char name[8];
        size_t length = strcspn(p, " ");
        snprintf(name, sizeof name, "%.*s", (int)length, p);
        p += length + (p[length] == ' ');
        bool odd = c->operand && strcmp(c->operand, name) == 0;
        int64_t dim[4] = {1, HEADS, TOKENS, WIDTH}, heads = HEADS;
        bool is_matrix = name[1] == 0;
        put_msg(&g, 11,
                odd         ? port(name, F32, c->rank, c->dim)
                : is_matrix ? port(name, F32, 4, dim)
                            : port(name, F32, 1, &heads));
    }
    put_msg(&g, 12, port("y", F32, 0, NULL));
    bytes m = model_of(g, 20), f = {0};
    if (c->has_opset_import) put_msg(&m, 8, opset("ohmic", 1));
    if (!c->has_body) return m;
    put_str(&f, 1, "GainCellAttention");
    put_str(&f, 10, "ohmic");
    put_names(&f, 4, all_inputs);
    put_str(&f, 5, "r");
    put_msg(&f, 9, opset("", 20));
    put_msg(&f, 7, node("Neg", "q", "r"));
    put_msg(&m, 25, f);
    return m;
}

// The function, or NULL.
static ir_module *import(const call *c) {
    onnx_model *m = onnx_open(write_model(MODEL, model(c)), diags);
    ir_module *mod = ir_module_new();
    bool ok = m && onnx_import(m, NULL, mod, "f", diags) && ir_verify(mod, "f", diags);
    onnx_close(m);
    if (ok) return mod;
    ir_module_free(mod);
    return NULL;
}

static void refused(const call *c, const char *why) {
    diag_sink *outer = diags;
    diags = diag_sink_new();
    ir_module *m = import(c);
    bool found = false;
    for (size_t i = 0; i < diag_count(diags); i++) {
        const diag *d = diag_get(diags, i);
        found |= d->id == DIAG_ID_onnx_unsupported && strstr(d->message, why) &&
                 strstr(d->message, "GainCellAttention (ohmic 1)") &&
                 strstr(d->loc.where, "attention");
    }
    if (!found) {
        fprintf(stderr, "expected: %s\n", why);
        diag_print(diags, 0, stderr, false);
    }
    diag_sink_free(diags);
    diags = outer;
    assert_null(m);
    assert_true(found);
}

static void it_is_one_operation(void **state) {
    for (int variant = 0; variant < 3; variant++) {
        ir_module *m = import(&(call){.has_body = variant == 1, .has_opset_import = variant > 0});
        if (!m) diag_print(diags, 0, stderr, false);
        assert_non_null(m);
        const ir_func *f = m->funcs.items[0];
        assert_int_equal(f->ops.count, 1);
        const ir_op *op = &f->ops.items[0];
        assert_int_equal(op->code, IR_nn_gaincell);
        assert_int_equal(op->n_operands, 11);
        for (uint32_t i = 0; i < 11; i++)
            assert_int_equal(op->operand[i], f->params.items[i].value);
        assert_int_equal(ir_attr_int(&op->attrs, IR_ATTR_window, 0), 8);
        assert_int_equal(ir_attr_int(&op->attrs, IR_ATTR_sub_tile, 0), 4);
        assert_int_equal(ir_attr_int(&op->attrs, IR_ATTR_q_levels, 0), 16);
        assert_int_equal(ir_attr_int(&op->attrs, IR_ATTR_kv_levels, 0), 8);
        assert_int_equal(ir_attr_int(&op->attrs, IR_ATTR_out_levels, 0), 32);
        assert_true(ir_attr_float(&op->attrs, IR_ATTR_v_dd, 0) == (double)0.9f);
        assert_true(ir_attr_float(&op->attrs, IR_ATTR_s_sat, 0) == 4);
        assert_true(ir_attr_float(&op->attrs, IR_ATTR_o_sat, 0) == 3);
        assert_true(ir_attr_float(&op->attrs, IR_ATTR_decay, 0) == (double)1e-3f);
        assert_string_equal(ir_attr_str(&op->attrs, IR_ATTR_saturate, ""), "both");
        assert_string_equal(ir_attr_str(&op->attrs, IR_ATTR_decay_form, ""), "power");
        size_t n;
        const double *cell = ir_attr_floats(&op->attrs, IR_ATTR_cell, &n);
        assert_int_equal(n, 4);
        assert_true(cell[0] == 0.5 && cell[1] == 13 && cell[2] == -2 && cell[3] == 46);
        assert_string_equal(op->loc[0], "attention");
        ir_module_free(m);
    }
}

static void every_attribute_is_needed(void **state) {
    static const struct {
        const char *name, *kind;
    } all[] = {{"window", "INT"},    {"sub_tile", "INT"},   {"q_levels", "INT"},
               {"kv_levels", "INT"}, {"out_levels", "INT"}, {"v_dd", "FLOAT"},
               {"s_sat", "FLOAT"},   {"o_sat", "FLOAT"},    {"decay", "FLOAT"},
               {"cell", "FLOATS"}};
    char why[128];
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        snprintf(why, sizeof why, "attribute '%s' is missing: window, sub_tile", all[i].name);
        refused(&(call){.without = all[i].name}, why);
        bool is_int = strcmp(all[i].kind, "INT") == 0;
        snprintf(why, sizeof why, "attribute '%s' is of kind %s, %s is expected", all[i].name,
                 is_int ? "FLOAT" : "INT", all[i].kind);
        bytes other = is_int ? attr_float(all[i].name, 64) : attr_int(all[i].name, 1);
        refused(&(call){.instead = all[i].name, .attr = other}, why);
    }
}

#define INT(name, v) (&(call){.instead = name, .attr = attr_int(name, v)})
#define FLOAT(name, v) (&(call){.instead = name, .attr = attr_float(name, v)})

static void impossible_values_are_named(void **state) {
    static const float three[] = {1, 2, 3}, bad[] = {0, NAN, 0, 0};
    refused(INT("window", 10), "window 10 is no multiple of sub_tile 4");
    refused(INT("window", 0), "attribute 'window' is 0, at least 1 is expected");
    refused(INT("window", INT64_C(1) << 40), "less than 2^31");
    refused(INT("sub_tile", 0), "attribute 'sub_tile' is 0, at least 1");
    refused(INT("sub_tile", -4), "attribute 'sub_tile' is -4, at least 1");
    refused(INT("sub_tile", 16), "window 8 is no multiple of sub_tile 16");
    refused(INT("q_levels", 1), "attribute 'q_levels' is 1, at least 2");
    refused(INT("kv_levels", 0), "attribute 'kv_levels' is 0, at least 2");
    refused(INT("kv_levels", 257), "'kv_levels' is 257, must be 0 (continuous) or 2 to 256");
    refused(INT("out_levels", -1), "attribute 'out_levels' is -1, at least 2");
    refused(FLOAT("v_dd", 0), "'v_dd' is 0, must be 1e-09 at least");
    refused(FLOAT("s_sat", -80), "'s_sat' is -80, must be 1e-09 at least");
    refused(FLOAT("o_sat", INFINITY), "attribute 'o_sat' is inf");
    refused(FLOAT("decay", -1e-3f), "'decay' is -0.001, must not be negative");
    refused(&(call){.instead = "cell", .attr = attr_floats("cell", 3, three)},
            "attribute 'cell' has 3 coefficients, 4 are expected: p0 ... p3");
    refused(&(call){.instead = "cell", .attr = attr_floats("cell", 4, bad)},
            "attribute 'cell' holds nan");
}

static void operands_must_fit(void **state) {
    refused(&(call){.operand = "a_q", .rank = 1, .dim = {3}}, "a_q has 3 entries for 2 heads");
    refused(&(call){.operand = "b_o", .rank = 1, .dim = {1}}, "b_o has 1 entries for 2 heads");
    refused(&(call){.operand = "a_v", .rank = 2, .dim = {1, 2}},
            "a_v is f32[1,2], one number for each head is expected");
    refused(&(call){.operand = "q", .rank = 3, .dim = {2, 5, 3}},
            "q is f32[2,5,3], floats [batch, heads, tokens, width] are expected");
    refused(&(call){.operand = "v", .rank = 4, .dim = {1, 2, 5, 4}},
            "v is f32[1,2,5,4], but q is f32[1,2,5,3]");
    refused(&(call){.inputs = "q k v a_q b_q a_k b_k a_v b_v a_o"}, "input 'b_o' is not given");
    refused(&(call){.inputs = "q k v a_q - a_k b_k a_v b_v a_o b_o"}, "input 'b_q' is not given");
    refused(&(call){.inputs = "q k v a_q b_q a_k b_k a_v b_v a_o b_o q"},
            "12 inputs, 11 are expected");
}

// In real models too: four layers, no trace of the body.
static void whole_models(void **state) {
    static const char *const names[] = {"tales_gaincell_fn", "tales_linear_fn"};
    if (!shared_present(MODELS "/own")) return;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[1024];
        snprintf(path, sizeof path, MODELS "/own/%s.onnx", names[i]);
        onnx_model *m = onnx_open(path, diags);
        assert_non_null(m);
        onnx_shape_binding ids = {.input = "input_ids", .rank = 2, .dim = {1, 7}};
        onnx_binding b = {.shapes = &ids, .n_shapes = 1};
        ir_module *mod = ir_module_new();
        bool ok = onnx_import(m, &b, mod, "f", diags);
        if (!ok) diag_print(diags, 0, stderr, false);
        assert_true(ok);
        int gaincells = 0, rounds = 0;
        const ir_func *f = mod->funcs.items[0];
        for (size_t k = 0; k < f->ops.count; k++) {
            gaincells += f->ops.items[k].code == IR_nn_gaincell;
            rounds += f->ops.items[k].code == IR_t_round;
        }
        assert_int_equal(gaincells, 4);
        assert_int_equal(rounds, 0);
        ir_module_free(mod);
        onnx_close(m);
    }
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, new_sink, free_sink)
    const struct CMUnitTest tests[] = {
        TEST(it_is_one_operation),
        TEST(every_attribute_is_needed),
        TEST(impossible_values_are_named),
        TEST(operands_must_fit),
        TEST(whole_models),
    };
    return cmocka_run_group_tests(tests, make_dir, NULL);
}
