// Values that no rounding may touch: integer convolutions, and reductions of what has no axis or no
// element.
#include "frontend/onnx.h"
#include "ir/eval/interp.h"
#include "ir/verify/verify.h"
#include "onnx_writer.h"
#include "support/file/file.h"
#include "support/num/num.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
// cmocka.h needs some of the above
#include <cmocka.h>

#define DIR OHMIC_BUILD_DIR "/onnx_exact"
enum { F32 = 1, U8 = 2, I8 = 3, I32 = 6 };

static int make_dir(void **state) { return file_make_dir(DIR, NULL) ? 0 : -1; }

// y of a model without inputs but x.
static tensor compute(bytes graph, const tensor *x, arena *a) {
    diag_sink *diags = diag_sink_new();
    onnx_model *m = onnx_open(write_model(DIR "/m.onnx", model_of(graph, 18)), diags);
    ir_module *mod = ir_module_new();
    tensor y = {0};
    bool ok = m && onnx_import(m, NULL, mod, "f", diags) && ir_verify(mod, "f", diags);
    ir_interp *t = ok ? ir_interp_new(mod, mod->funcs.items[0], 1, diags) : NULL;
    ok = t && ir_interp_step(t, NULL, x, a, &y);
    ir_interp_free(t);
    if (!ok) diag_print(diags, 0, stderr, false);
    assert_true(ok);
    y = tensor_copy(a, &y);
    ir_module_free(mod);
    onnx_close(m);
    diag_sink_free(diags);
    return y;
}

static double at(const tensor *t, size_t i) { return elem_load_f64(t->type, t->data, i); }

// ---- convolutions of codes -------------------------------------------------------------------

enum { CHANNELS = 320 };

// x: CHANNELS codes of 255, one of them 254, in one place; a filter the same, u8 or i8.
static tensor convolve(arena *a, bool is_signed, const uint8_t *zero) {
    uint8_t w[2 * CHANNELS];
    memset(w, is_signed ? 0x80 : 255, sizeof w); // -128 or 255
    tensor x = tensor_new(a, ELEM_u8, 3, (int64_t[]){1, CHANNELS, 1});
    memset(x.data, 255, CHANNELS);
    ((uint8_t *)x.data)[0] = 254;
    bytes g = {0};
    put_msg(&g, 11, port("x", U8, 3, x.dim));
    put_msg(&g, 12, port("y", I32, 0, NULL));
    put_msg(&g, 5,
            tensor_raw("w", is_signed ? I8 : U8, 3, (int64_t[]){2, CHANNELS, 1}, w, sizeof w));
    if (zero) put_msg(&g, 5, tensor_raw("zw", is_signed ? I8 : U8, 1, (int64_t[]){2}, zero, 2));
    put_msg(&g, 1, node("ConvInteger", zero ? "x w - zw" : "x w", "y"));
    return compute(g, &x, a);
}

static void integer_convolutions(void **state) {
    arena *a = arena_new();
    tensor y = convolve(a, false, NULL);
    assert_int_equal(y.type, ELEM_i32);
    assert_true(at(&y, 0) == CHANNELS * 255 * 255 - 255); // odd, above 2^24
    y = convolve(a, true, NULL);
    assert_true(at(&y, 0) == -128.0 * (CHANNELS * 255 - 1));
    y = convolve(a, false, (uint8_t[]){1, 0}); // a zero point a filter
    assert_true(at(&y, 0) == 254.0 * (CHANNELS * 255 - 1));
    assert_true(at(&y, 1) == 255.0 * (CHANNELS * 255 - 1));
    arena_free(a);
}

// (1 * 1 + bias) * 2^-25 with a bias that f32 does not hold: a little above a half, code 1.
static void convolutions_with_a_bias(void **state) {
    arena *a = arena_new();
    tensor x = tensor_new(a, ELEM_u8, 3, (int64_t[]){1, 1, 1});
    ((uint8_t *)x.data)[0] = 1;
    const float scale = 0x1p-25f, one = 1;
    const uint8_t w = 1, zero = 0;
    const int32_t bias = (1 << 24) + 1;
    bytes g = {0};
    put_msg(&g, 11, port("x", U8, 3, x.dim));
    put_msg(&g, 12, port("y", U8, 0, NULL));
    put_msg(&g, 5, tensor_raw("w", U8, 3, (int64_t[]){1, 1, 1}, &w, 1));
    put_msg(&g, 5, tensor_raw("s", F32, 0, NULL, &scale, 4));
    put_msg(&g, 5, tensor_raw("one", F32, 0, NULL, &one, 4));
    put_msg(&g, 5, tensor_raw("z", U8, 0, NULL, &zero, 1));
    put_msg(&g, 5, tensor_raw("b", I32, 1, (int64_t[]){1}, &bias, 4));
    put_msg(&g, 1, node("QLinearConv", "x s z w one z one z b", "y"));
    tensor y = compute(g, &x, a);
    assert_true(at(&y, 0) == 1);
    arena_free(a);
}

// ---- reductions ------------------------------------------------------------------------------

static double reduced(const char *op, int rank, const int64_t *dim, float value, arena *a) {
    tensor x = tensor_new(a, ELEM_f32, rank, dim);
    for (size_t i = 0; i < tensor_count(&x); i++) ((float *)x.data)[i] = value;
    bytes g = {0}, n = node(op, "x", "y");
    put_msg(&g, 11, port("x", F32, rank, dim));
    put_msg(&g, 12, port("y", F32, 0, NULL));
    put_msg(&n, 5, attr_int("keepdims", 0));
    put_msg(&g, 1, n);
    tensor y = compute(g, &x, a);
    assert_int_equal(tensor_count(&y), 1);
    return at(&y, 0);
}

static void reductions_of_one_number(void **state) {
    static const struct {
        const char *op;
        double of_minus_3, of_nothing;
    } rows[] = {
        {"ReduceSum", -3, 0},
        {"ReduceMean", -3, NAN},
        {"ReduceProd", -3, 1},
        {"ReduceMax", -3, -INFINITY},
        {"ReduceMin", -3, INFINITY},
        {"ReduceL1", 3, 0},
        {"ReduceL2", 3, 0},
        {"ReduceSumSquare", 9, 0},
        {"ReduceLogSum", NAN, -INFINITY},
        {"ReduceLogSumExp", -3, -INFINITY},
    };
    arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        double one = rows[i].of_minus_3, none = rows[i].of_nothing;
        for (int rank = 0; rank < 3; rank++) { // [], [1], [1,1]
            double y = reduced(rows[i].op, rank, (int64_t[]){1, 1}, -3, a);
            if (!(y == one || (isnan(y) && isnan(one)))) print_message("%s: %g\n", rows[i].op, y);
            assert_true(y == one || (isnan(y) && isnan(one)));
        }
        for (int rank = 1; rank < 3; rank++) { // [0], [0,2]
            double y = reduced(rows[i].op, rank, (int64_t[]){0, 2}, 0, a);
            if (!(y == none || (isnan(y) && isnan(none)))) print_message("%s: %g\n", rows[i].op, y);
            assert_true(y == none || (isnan(y) && isnan(none)));
        }
    }
    assert_true(reduced("ReduceLogSum", 0, NULL, 1, a) == 0);
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integer_convolutions),
        cmocka_unit_test(convolutions_with_a_bias),
        cmocka_unit_test(reductions_of_one_number),
    };
    return cmocka_run_group_tests(tests, make_dir, NULL);
}
