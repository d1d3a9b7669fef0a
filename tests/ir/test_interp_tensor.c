// t.* operations that compute element by element or move elements: ONNX's corner cases, by hand.
#include "tests/ir/interp_help.h"

static void elementwise_f32(void **state) {
    help *h = *state;
    GIVES(h, IR_t_add, F32("2 2", "11 22 13 24"), F32("2 2", "1 2 3 4"), F32("2", "10 20"));
    GIVES(h, IR_t_sub, F32("2 3", "0 -1 -2 1 0 -1"), F32("2 1", "1 2"), F32("1 3", "1 2 3"));
    GIVES(h, IR_t_div, F32("4", "inf -inf nan 0.5"), F32("4", "1 -1 0 1"), F32("4", "0 0 0 2"));
    GIVES(h, IR_t_min, F32("3", "1 nan nan"), F32("3", "1 nan 2"), F32("3", "2 1 nan"));
    GIVES(h, IR_t_max, F32("3", "2 nan nan"), F32("3", "1 nan 2"), F32("3", "2 1 nan"));
    GIVES(h, IR_t_relu, F32("4", "0 0 2 nan"), F32("4", "-1 0 2 nan"));
    GIVES(h, IR_t_sign, F32("3", "-1 0 1"), F32("3", "-3 0 0.1"));
    GIVES(h, IR_t_round, F32("5", "0 2 2 -0 -2"), F32("5", "0.5 1.5 2.5 -0.5 -1.5"));
    GIVES(h, IR_t_floor, F32("2", "1 -2"), F32("2", "1.5 -1.5"));
    GIVES(h, IR_t_ceil, F32("2", "2 -1"), F32("2", "1.5 -1.5"));
    GIVES(h, IR_t_neg, F32("0 3", ""), F32("0 3", ""));
    GIVES(h, IR_t_abs, F32("", "4"), F32("", "-4"));
    GIVES(h, IR_t_pow, F32("3", "8 0.5 3"), F32("3", "2 2 9"), F32("3", "3 -1 0.5"));
    GIVES(h, IR_t_sigmoid, F32("2", "0.5 0"), F32("2", "0 -inf"));
    GIVES(h, IR_t_gelu, F32("2", "0 nan"), F32("2", "0 nan"));
    // Broadcasting with more than one axis that does not merge.
    GIVES(h, IR_t_mul, F32("2 2 2", "1 2 3 6 4 8 6 12"), F32("2 1 2", "1 2 2 4"),
          F32("2 2 1", "1 3 2 3"));
}

static void elementwise_other_types(void **state) {
    help *h = *state;
    GIVES(h, IR_t_add, I64("1", "9007199254740995"), I64("1", "9007199254740993"), I64("1", "2"));
    GIVES(h, IR_t_div, I64("4", "-3 3 -3 3"), I64("4", "-7 7 7 -7"), I64("4", "2 2 -2 -2"));
    GIVES(h, IR_t_div, U64("1", "9223372036854775807"), U64("1", "18446744073709551615"),
          U64("1", "2"));
    GIVES(h, IR_t_pow, I64("3", "1024 -27 1"), I64("3", "2 -3 7"), I64("3", "10 3 0"));
    GIVES(h, IR_t_pow, I32("2", "0 -1"), I32("2", "2 -1"), I32("2", "-1 -3"));
    GIVES(h, IR_t_pow, F32("2", "8 9"), F32("2", "2 3"), I64("2", "3 2"));
    GIVES(h, IR_t_add, tn(h, ELEM_i8, "1", "-128"), I8("1", "127"), I8("1", "1"));
    GIVES(h, IR_t_max, U64("1", "18446744073709551615"), U64("1", "18446744073709551615"),
          U64("1", "1"));
    GIVES(h, IR_t_add, F16("1", "2048"), F16("1", "2048"), F16("1", "1"));
    GIVES(h, IR_t_add, BF16("1", "256"), BF16("1", "256"), BF16("1", "1"));
    GIVES(h, IR_t_add, F64("1", "1.00000000001"), F64("1", "1"), F64("1", "1e-11"));
    GIVES(h, IR_t_neg, I32("2", "-5 5"), I32("2", "5 -5"));
    GIVES(h, IR_t_abs, I64("1", "9007199254740993"), I64("1", "-9007199254740993"));
    REFUSES(h, IR_t_div, DIAG_ID_eval_operand, I64("2", NULL), I64("2", "1 2"), I64("2", "1 0"));
    REFUSES(h, IR_t_mod, DIAG_ID_eval_operand, I64("1", NULL), I64("1", "1"), I64("1", "0"));
    REFUSES(h, IR_t_add, DIAG_ID_eval_operand, F32("2", NULL), F32("3", NULL), F32("2", NULL));
}

static void mod(void **state) {
    help *h = *state;
    GIVES(h, IR_t_mod, I64("4", "1 -1 2 -2"), I64("4", "7 -7 -7 7"), I64("4", "3 -3 3 -3"));
    set_int(h, IR_ATTR_fmod, 1);
    GIVES(h, IR_t_mod, I64("4", "1 -1 -1 1"), I64("4", "7 -7 -7 7"), I64("4", "3 -3 3 -3"));
    set_int(h, IR_ATTR_fmod, 1);
    GIVES(h, IR_t_mod, F32("2", "-1.5 1.5"), F32("2", "-5.5 5.5"), F32("2", "2 -2"));
    GIVES(h, IR_t_mod, F32("2", "0.5 -0.5"), F32("2", "-5.5 5.5"), F32("2", "2 -2"));
    GIVES(h, IR_t_mod, tn(h, ELEM_u8, "2", "5 0"), U8("2", "255 4"), U8("2", "10 2"));
}

static void logic(void **state) {
    help *h = *state;
    GIVES(h, IR_t_eq, BOOL("3", "1 0 0"), F32("3", "1 2 nan"), F32("3", "1 1 nan"));
    GIVES(h, IR_t_lt, BOOL("2", "1 0"), I64("2", "9007199254740992 1"),
          I64("2", "9007199254740993 1"));
    GIVES(h, IR_t_gt, BOOL("1", "1"), U64("1", "18446744073709551615"), U64("1", "1"));
    GIVES(h, IR_t_le, BOOL("2 2", "1 1 0 1"), I64("2 1", "0 1"), I64("2", "0 1"));
    GIVES(h, IR_t_ge, BOOL("2", "0 1"), F32("2", "1 2"), F32("2", "2 2"));
    GIVES(h, IR_t_and, BOOL("4", "0 0 0 1"), BOOL("4", "0 0 1 1"), BOOL("4", "0 1 0 1"));
    GIVES(h, IR_t_or, BOOL("4", "0 1 1 1"), BOOL("4", "0 0 1 1"), BOOL("4", "0 1 0 1"));
    GIVES(h, IR_t_xor, I32("1", "6"), I32("1", "5"), I32("1", "3"));
    GIVES(h, IR_t_not, BOOL("2", "1 0"), BOOL("2", "0 1"));
    GIVES(h, IR_t_not, U8("1", "254"), U8("1", "1"));
    GIVES(h, IR_t_isnan, BOOL("2", "0 1"), F32("2", "inf nan"));
    GIVES(h, IR_t_isinf, BOOL("3", "1 1 0"), F32("3", "inf -inf nan"));
    set_str(h, IR_ATTR_mode, "neg");
    GIVES(h, IR_t_isinf, BOOL("2", "0 1"), F32("2", "inf -inf"));
    GIVES(h, IR_t_select, I64("2 2", "1 8 9 4"), BOOL("2 2", "1 0 0 1"), I64("2 2", "1 2 3 4"),
          I64("2 2", "7 8 9 6"));
    GIVES(h, IR_t_select, F32("2", "1 -inf"), BOOL("2", "1 0"), F32("", "1"), F32("", "-inf"));
}

static void clip_and_cast(void **state) {
    help *h = *state;
    set_float(h, IR_ATTR_lo, -1);
    set_float(h, IR_ATTR_hi, 2);
    GIVES(h, IR_t_clip, F32("4", "-1 0 2 nan"), F32("4", "-5 0 5 nan"));
    set_float(h, IR_ATTR_lo, 3);
    GIVES(h, IR_t_clip, I64("2", "3 9223372036854775807"), I64("2", "-5 9223372036854775807"));
    GIVES(h, IR_t_cast, tn(h, ELEM_u8, "4", "0 255 3 0"), F32("4", "-7 1000 3.9 nan"));
    GIVES(h, IR_t_cast, I8("3", "127 -128 -3"), F32("3", "inf -inf -3.9"));
    GIVES(h, IR_t_cast, I64("2", "9223372036854775807 -9223372036854775808"),
          F64("2", "1e30 -1e30"));
    GIVES(h, IR_t_cast, I32("1", "-1"), I64("1", "4294967295")); // integers wrap
    GIVES(h, IR_t_cast, BOOL("4", "0 1 1 1"), F32("4", "0 0.1 nan -2"));
    GIVES(h, IR_t_cast, F32("2", "1 0"), BOOL("2", "1 0"));
    GIVES(h, IR_t_cast, F16("2", "inf 65504"), F32("2", "70000 65504"));
}

static void shapes(void **state) {
    help *h = *state;
    tensor x = F32("2 3", "1 2 3 4 5 6");
    GIVES(h, IR_t_reshape, F32("3 1 2", "1 2 3 4 5 6"), x);
    set_ints(h, IR_ATTR_perm, "1 0");
    GIVES(h, IR_t_transpose, F32("3 2", "1 4 2 5 3 6"), x);
    set_ints(h, IR_ATTR_perm, "2 0 1");
    GIVES(h, IR_t_transpose, I64("3 1 2", "1 4 2 5 3 6"), I64("1 2 3", "1 2 3 4 5 6"));
    GIVES(h, IR_t_broadcast, F32("2 2 2", "1 1 2 2 1 1 2 2"), F32("2 1", "1 2"));
    set_int(h, IR_ATTR_axis, 1);
    GIVES(h, IR_t_concat, F32("2 3", "1 2 7 3 4 8"), F32("2 2", "1 2 3 4"), F32("2 1", "7 8"));
    set_int(h, IR_ATTR_axis, 0);
    GIVES(h, IR_t_concat, I64("2", "1 2"), I64("0", ""), I64("2", "1 2"));
    set_ints(h, IR_ATTR_starts, "1 2");
    set_ints(h, IR_ATTR_steps, "1 -1");
    GIVES(h, IR_t_slice, F32("1 3", "6 5 4"), x);
    set_ints(h, IR_ATTR_starts, "0 0");
    set_ints(h, IR_ATTR_steps, "1 2");
    GIVES(h, IR_t_slice, F32("2 2", "1 3 4 6"), x);
    set_ints(h, IR_ATTR_starts, "2 0");
    set_ints(h, IR_ATTR_steps, "1 1");
    GIVES(h, IR_t_slice, F32("0 3", ""), x);
    set_ints(h, IR_ATTR_starts, "0 1");
    set_ints(h, IR_ATTR_steps, "1 1");
    REFUSES(h, IR_t_slice, DIAG_ID_eval_index, F32("2 3", NULL), x);
    REFUSES(h, IR_t_reshape, DIAG_ID_eval_operand, F32("5", NULL), x);
    set_ints(h, IR_ATTR_perm, "0");
    REFUSES(h, IR_t_transpose, DIAG_ID_eval_operand, F32("2 3", NULL), x);
}

static void pads(void **state) {
    help *h = *state;
    tensor x = F32("2 3", "1 2 3 4 5 6");
    set_ints(h, IR_ATTR_pads, "0 1 1 1");
    set_str(h, IR_ATTR_mode, "constant");
    set_float(h, IR_ATTR_fill, 9);
    GIVES(h, IR_t_pad, F32("3 5", "9 1 2 3 9 9 4 5 6 9 9 9 9 9 9"), x);
    set_ints(h, IR_ATTR_pads, "0 2 0 2");
    set_str(h, IR_ATTR_mode, "reflect");
    GIVES(h, IR_t_pad, F32("2 7", "3 2 1 2 3 2 1 6 5 4 5 6 5 4"), x);
    set_ints(h, IR_ATTR_pads, "1 0 0 1");
    set_str(h, IR_ATTR_mode, "edge");
    GIVES(h, IR_t_pad, F32("3 4", "1 2 3 3 1 2 3 3 4 5 6 6"), x);
    set_ints(h, IR_ATTR_pads, "0 1 0 1");
    set_str(h, IR_ATTR_mode, "wrap");
    GIVES(h, IR_t_pad, F32("2 5", "3 1 2 3 1 6 4 5 6 4"), x);
    set_ints(h, IR_ATTR_pads, "0 -1 0 0"); // negative: cropped
    GIVES(h, IR_t_pad, I64("2 1", "2 4"), I64("2 2", "1 2 3 4"));
    set_ints(h, IR_ATTR_pads, "0 0");
    REFUSES(h, IR_t_pad, DIAG_ID_eval_operand, F32("2 3", NULL), x);
}

static void triangles(void **state) {
    help *h = *state;
    tensor x = I64("3 3", "1 2 3 4 5 6 7 8 9");
    GIVES(h, IR_t_trilu, I64("3 3", "1 2 3 0 5 6 0 0 9"), x);
    set_int(h, IR_ATTR_k, 1);
    GIVES(h, IR_t_trilu, I64("3 3", "0 2 3 0 0 6 0 0 0"), x);
    set_int(h, IR_ATTR_k, -1);
    set_int(h, IR_ATTR_upper, 0);
    GIVES(h, IR_t_trilu, I64("3 3", "0 0 0 4 0 0 7 8 0"), x);
    set_int(h, IR_ATTR_k, INT64_MAX);
    set_int(h, IR_ATTR_upper, 0);
    GIVES(h, IR_t_trilu, I64("2 1 2", "1 2 3 4"), I64("2 1 2", "1 2 3 4"));
    GIVES(h, IR_t_range, I64("3", "5 3 1"), I64("", "5"), I64("", "0"), I64("", "-2"));
    GIVES(h, IR_t_range, F32("2", "0.5 1"), F32("", "0.5"), F32("", "1.5"), F32("", "0.5"));
}

static void gathers(void **state) {
    help *h = *state;
    tensor x = F32("3 2", "1 2 3 4 5 6");
    set_int(h, IR_ATTR_axis, 0);
    GIVES(h, IR_t_gather, F32("2 2", "5 6 3 4"), x, I64("2", "-1 1"));
    set_int(h, IR_ATTR_axis, 1);
    GIVES(h, IR_t_gather, F32("3 1 1", "2 4 6"), x, I32("1 1", "1"));
    set_int(h, IR_ATTR_axis, 0);
    GIVES(h, IR_t_gather, F32("2", "1 2"), x, I64("", "-3"));
    set_int(h, IR_ATTR_axis, 0);
    REFUSES(h, IR_t_gather, DIAG_ID_eval_index, F32("1 2", NULL), x, I64("1", "3"));
    set_int(h, IR_ATTR_axis, 5);
    REFUSES(h, IR_t_gather, DIAG_ID_eval_operand, F32("1 2", NULL), x, I64("1", "0"));
    set_int(h, IR_ATTR_axis, 1);
    GIVES(h, IR_t_gather_elements, I64("2 2", "1 1 4 3"), I64("2 2", "1 2 3 4"),
          I64("2 2", "0 0 -1 0"));
    set_int(h, IR_ATTR_axis, 0);
    GIVES(h, IR_t_gather_elements, I64("1 2", "3 2"), I64("2 2", "1 2 3 4"), I64("1 2", "1 0"));
    set_int(h, IR_ATTR_batch_dims, 0);
    GIVES(h, IR_t_gather_nd, F32("2", "1 6"), x, I64("2 2", "0 0 2 -1"));
    GIVES(h, IR_t_gather_nd, F32("1 2", "3 4"), x, I64("1 1", "1"));
    set_int(h, IR_ATTR_batch_dims, 1);
    GIVES(h, IR_t_gather_nd, F32("2 2", "3 4 5 6"), F32("2 2 2", "1 2 3 4 5 6 7 8"),
          I64("2 1", "1 0"));
    REFUSES(h, IR_t_gather_nd, DIAG_ID_eval_index, F32("1 2", NULL), x, I64("1 1", "-4"));
}

static void scatters(void **state) {
    help *h = *state;
    set_str(h, IR_ATTR_reduction, "none");
    GIVES(h, IR_t_scatter_nd, F32("4", "1 9 3 8"), F32("4", "1 2 3 4"), I64("2 1", "1 -1"),
          F32("2", "9 8"));
    set_str(h, IR_ATTR_reduction, "add"); // equal indices add up
    GIVES(h, IR_t_scatter_nd, I64("2 2", "1 2 13 24"), I64("2 2", "1 2 3 4"), I64("2 1", "1 1"),
          I64("2 2", "4 8 6 12"));
    set_str(h, IR_ATTR_reduction, "max");
    GIVES(h, IR_t_scatter_nd, F32("2", "5 2"), F32("2", "1 2"), I64("2 1", "0 1"), F32("2", "5 1"));
    set_str(h, IR_ATTR_reduction, "mul");
    GIVES(h, IR_t_scatter_nd, F32("2", "6 2"), F32("2", "2 2"), I64("1 1", "0"), F32("1", "3"));
    set_int(h, IR_ATTR_axis, 1);
    set_str(h, IR_ATTR_reduction, "none");
    GIVES(h, IR_t_scatter_elements, F32("1 5", "1 1.1 3 2.1 5"), F32("1 5", "1 2 3 4 5"),
          I64("1 2", "1 3"), F32("1 2", "1.1 2.1"));
    set_int(h, IR_ATTR_axis, 0);
    set_str(h, IR_ATTR_reduction, "min");
    GIVES(h, IR_t_scatter_elements, I64("2 2", "0 2 3 -1"), I64("2 2", "1 2 3 4"),
          I64("1 2", "0 1"), I64("1 2", "0 -1"));
    set_str(h, IR_ATTR_reduction, "none");
    REFUSES(h, IR_t_scatter_nd, DIAG_ID_eval_index, F32("2", NULL), F32("2", NULL), I64("1 1", "2"),
            F32("1", NULL));
    set_str(h, IR_ATTR_reduction, "none");
    REFUSES(h, IR_t_scatter_nd, DIAG_ID_eval_operand, F32("2", NULL), F32("2", NULL),
            I64("1 1", "1"), F32("2", NULL));
}

static void indices_from_values(void **state) {
    help *h = *state;
    set_int(h, IR_ATTR_axis, 1);
    GIVES(h, IR_t_onehot, F32("3 3", "0 5 0 0 0 5 0 0 0"), I64("3", "1 -1 7"), F32("2", "0 5"));
    set_int(h, IR_ATTR_axis, 0);
    GIVES(h, IR_t_onehot, I64("2 3", "1 0 0 0 1 0"), I64("3", "0 1 2"), I64("2", "0 1"));
    GIVES(h, IR_t_nonzero, I64("2 2", "0 1 1 0"), F32("2 2", "0 3 -1 0"));
    REFUSES(h, IR_t_nonzero, DIAG_ID_eval_operand, I64("2 3", NULL), F32("2 2", "0 3 -1 0"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(elementwise_f32),
        TEST(elementwise_other_types),
        TEST(mod),
        TEST(logic),
        TEST(clip_and_cast),
        TEST(shapes),
        TEST(pads),
        TEST(triangles),
        TEST(gathers),
        TEST(scatters),
        TEST(indices_from_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
