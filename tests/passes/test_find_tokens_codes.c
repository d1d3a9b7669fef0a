// find-tokens on what a model rounds or scales before it is rows: images before they are cut, and
// attention scores as codes.
#include "find_tokens_case.h"

// Rounded to codes on the way, in the model: the attention stays one of real numbers.
static void test_scores(void **state) {
    (void)state;
    arena *a = arena_new();
    static const char codes[] = OPEN(IDS, Y) EMBED POSITIONS QKV
        "  %kt = t.transpose %kh {perm = [0, 1, 3, 2]} : f32[1,2,4,{T}]\n"
        "  %hf = t.const {value = @half} : f32[]\n  %z8 = t.const {value = @z8} : u8[]\n"
        "  %s = t.matmul %qh, %kt : f32[1,2,{T},{T}] loc(\"/qk\")\n"
        "  %sq = t.quantize %s, %hf, %z8 {to = \"u8\"} : u8[1,2,{T},{T}]\n"
        "  %sd = t.dequantize %sq, %hf, %z8 : f32[1,2,{T},{T}]\n"
        "  %pr = t.softmax %sd {axis = 3} : f32[1,2,{T},{T}] loc(\"/softmax\")\n"
        "  %fi = t.const {value = @fine} : f32[]\n  %z0 = t.const {value = @z0} : u8[]\n"
        "  %pq = t.quantize %pr, %fi, %z0 {to = \"u8\"} : u8[1,2,{T},{T}]\n"
        "  %pd = t.dequantize %pq, @@ : f32[1,2,{T},{T}]\n"
        "  %o = t.matmul %pd, %vh : f32[1,2,{T},4]\n  %ot = t.transpose %o {perm = [0, 2, 1, 3]} "
        ": f32[1,{T},2,4]\n"
        "  %y = t.reshape %ot : f32[1,{T},8]\n" CLOSE;
    static const char *const with[] = {"%fi, %z0", "%hf, %z0"};
    for (size_t i = 0; i < ARRAY_LEN(with); i++) {
        const char *at = strstr(codes, "@@"),
                   *constants = "tensor @half : f32[] = [0.01]\ntensor @z8 : u8[] = [128]\ntensor "
                                "@fine : f32[] = [0.0005]\ntensor @z0 : u8[] = [0]\n";
        outcome r = run_with(
            arena_printf(a, "%s%.*s%s%s", constants, (int)(at - codes), codes, with[i], at + 2),
            probe_free, 4, pass_options_default());
        if (i == 0) {
            assert_string_equal(operations(&r),
                                "nn.embed nn.posrow t.add nn.linear nn.linear nn.linear nn.attn");
            assert_true(has_text(&r.m->notes, "stay real numbers, which the model rounds"));
            close_outcome(&r);
        } else {
            expect_refusal(r, DIAG_ID_tok_scope, "codes of another scale");
        }
    }
    arena_free(a);
}

// What is done to each element of an image is done to its patches; of an image of codes, too.
static void test_images(void **state) {
    (void)state;
    static const char *const before[] = {
        "  %d = t.sub %im, %mu : f32[1,2,6,9]\n  %i = t.mul %d, %half : f32[1,2,6,9]\n",
        "  %d = t.mul %half, %im : f32[1,2,6,9]\n  %i = t.clip %d {hi = 1, lo = 0} : "
        "f32[1,2,6,9]\n",
        "  %q = t.quantize %im, %half, %z8 {to = \"u8\"} : u8[1,2,6,9]\n  %i = t.dequantize %q, "
        "%half, %z8 : f32[1,2,6,9]\n",
        "  %d = t.cast %im {to = \"f32\"} : f32[1,2,6,9]\n  %i = t.mul %d, %half : "
        "f32[1,2,6,9]\n",
        "  %i = t.sub %im, %place : f32[1,2,6,9]\n"};
    static const char *const made[] = {"t.sub t.mul nn.linear", "t.mul t.clip nn.linear",
                                       "t.div t.round t.add t.clip t.sub t.mul nn.linear",
                                       "t.cast t.mul nn.linear", NULL};
    for (size_t i = 0; i < ARRAY_LEN(before); i++) {
        arena *a = arena_new();
        static const char constants[] =
            "tensor @mu : f32[1,2,1,1] = [0.5, 0.25]\ntensor @half : f32[] = [0.5]\n"
            "tensor @z8 : u8[] = [3]\n"
            "tensor @place : f32[1,1,1,9] = [1, 2, 3, 4, 5, 6, 7, 8, 9]\n"
            "func @{F}(%im \"pixels\" : ";
        static const char head[] =
            "[1,2,6,9]) -> (%r \"out\") {past = 0, probe = \"{F}\"} {\n" CONST(
                "patch", "f32[8,2,3,3]") CONST("mu", "f32[1,2,1,1]") CONST("half", "f32[]")
                CONST("z8", "u8[]") CONST("place", "f32[1,1,1,9]");
        static const char tail[] = "  %c = t.conv %i, %patch {dilations = [1, 1], groups = 1, pads "
                                   "= [0, 0, 0, 0], strides "
                                   "= [3, 3]} : f32[1,8,2,3] loc(\"/patches\")\n"
                                   "  %r = t.reshape %c : f32[1,8,6]\n}\n";
        outcome r = run_with(
            arena_printf(a, "%s%s%s%s%s", constants, i == 3 ? "u8" : "f32", head, before[i], tail),
            probe_frozen, 1, pass_options_default());
        if (made[i]) {
            assert_string_equal(operations(&r), made[i]);
            const ir_port *port = &r.m->funcs.items[0]->params.items[0];
            assert_int_equal(ir_attr_int(&port->attrs, IR_ATTR_range_hi, 0), i == 3 ? 256 : 0);
            close_outcome(&r);
        } else {
            expect_refusal(r, DIAG_ID_tok_mix, "other at other places");
        }
        arena_free(a);
    }
}

// The largest few columns, as what is left when those before are put behind: executed beside the
// model.
static void test_largest(void **state) {
    (void)state;
    arena *a = arena_new();
    for (int k = 1; k < 4; k++)
        for (int largest = 0; largest < 2; largest++) {
            outcome r = run(arena_printf(
                a,
                "%s  %%v, %%i = t.topk %%x0 {axis = 2, k = %d, largest = %d, sorted = 1} : "
                "f32[1,{T},%d], i64[1,{T},%d]\n" CLOSE,
                OPEN(IDS, "%v \"values\", %i \"indices\"") EMBED, k, largest, k, k));
            assert_non_null(r.m);
            assert_string_equal(ir_attr_str(&r.m->attrs, IR_ATTR_class, ""), "stream");
            close_outcome(&r);
        }
    refuse(OPEN(IDS, "%v \"out\"") EMBED "  %v, %i = t.topk %x0 {axis = 1, k = 1, largest = 1, "
                                         "sorted = 1} : f32[1,1,8], i64[1,1,8]\n" CLOSE,
           DIAG_ID_tok_mix, "token");
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_scores), cmocka_unit_test(test_images),
                                       cmocka_unit_test(test_largest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
