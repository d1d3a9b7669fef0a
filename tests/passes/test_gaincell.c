// Gain cells spelled out: every spelling becomes the operation that the model means, at all lengths
// together; what only looks like it stays as it is. Equivalence is checked by the interpreter.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bind_onnx.h"
#include "gaincell.h"
#include "ir/text/text.h"
#include "passes/pass.h"
#include "tests/shared.h"

#define PASSES "fold-constants,canonicalize,dce,fuse"

// Functions of the given token counts through fuse, each step checked.
static ir_module *fused(gc_model o, const int64_t *tokens, size_t n) {
    static const char *const names[] = {"n1", "n2", "n3", "max"};
    ir_module *m = ir_module_new(), *out = NULL;
    for (size_t i = 0; i < n; i++) {
        o.tokens = tokens[i];
        gc_func(m, n == 1 ? "max" : names[i], &o);
    }
    diag_sink *diags = diag_sink_new();
    pass_pipeline p = {0};
    pass_options options = pass_options_default();
    const pass_checks checks = {.check_equivalence = true};
    if (pass_pipeline_parse(&p, PASSES, diags))
        out = pass_run_pipeline(&p, m, &options, &checks, diags);
    if (!out) fprintf(stderr, "spelling %#x, wrong %d:\n", o.spelling, (int)o.wrong);
    if (!out) diag_print(diags, 0, stderr, false);
    assert_non_null(out);
    vec_free(&p);
    ir_module_free(m);
    diag_sink_free(diags);
    return out;
}

static const ir_op *gaincell(const ir_module *m, size_t func, size_t *n) {
    const ir_func *f = m->funcs.items[func];
    const ir_op *found = NULL;
    *n = 0;
    for (size_t i = 0; i < f->ops.count; i++) {
        if (f->ops.items[i].code != IR_nn_gaincell) continue;
        found = &f->ops.items[i];
        ++*n;
    }
    return found;
}

static void check_attrs(const ir_op *op, const gc_model *o) {
    const ir_attrs *l = &op->attrs;
    bool continuous = o->spelling & GC_CONTINUOUS;
    assert_int_equal(ir_attr_int(l, IR_ATTR_window, 0), o->window);
    assert_int_equal(ir_attr_int(l, IR_ATTR_sub_tile, 0), o->sub_tile);
    assert_int_equal(ir_attr_int(l, IR_ATTR_q_levels, -1), continuous ? 0 : 16);
    assert_int_equal(ir_attr_int(l, IR_ATTR_kv_levels, -1), continuous ? 0 : 8);
    assert_int_equal(ir_attr_int(l, IR_ATTR_out_levels, -1), continuous ? 0 : 32);
    assert_true((float)ir_attr_float(l, IR_ATTR_v_dd, 0) == gc_v_dd);
    assert_true(fabs(ir_attr_float(l, IR_ATTR_s_sat, 0) - (double)gc_s_sat) < 1e-4);
    assert_true(fabs(ir_attr_float(l, IR_ATTR_o_sat, 0) - (double)gc_o_sat) < 1e-4);
    assert_true((float)ir_attr_float(l, IR_ATTR_decay, 0) == gc_decay);
    assert_string_equal(ir_attr_str(l, IR_ATTR_decay_form, ""),
                        o->spelling & GC_PRODUCT ? "product" : "power");
    assert_string_equal(ir_attr_str(l, IR_ATTR_saturate, ""),
                        o->spelling & GC_UNSATURATED ? "none" : "both");
    size_t n;
    const double *cell = ir_attr_floats(l, IR_ATTR_cell, &n);
    assert_int_equal(n, GC_TERMS);
    for (size_t i = 0; i < n; i++) assert_true((float)cell[i] == gc_cell[i]);
}

static void check_operands(const ir_module *m, const ir_op *op, const gc_model *o) {
    const ir_func *f = m->funcs.items[0];
    bool none = o->spelling & GC_NO_SCALINGS;
    for (int i = 0; i < 3; i++) {
        bool outside = i == 0 && (o->spelling & GC_PER_COLUMN);
        assert_int_equal(op->operand[i] == f->params.items[i].value, !outside);
    }
    for (int i = 0; i < 8; i++) {
        const tensor *t = ir_const_of(m, f, op->operand[3 + i]);
        assert_non_null(t);
        assert_int_equal(t->rank, 1);
        for (int h = 0; h < GC_HEADS; h++) {
            double want = gc_scaling[i] + (i % 2 ? 0.0625 : 0.125) * h;
            if (none || (i == 0 && (o->spelling & GC_PER_COLUMN))) want = i % 2 ? 0 : 1;
            assert_true(((float *)t->data)[h] == (float)want);
        }
    }
}

static void every_spelling_is_the_operation(void **state) {
    static const unsigned spellings[] = {0,
                                         GC_RECIPROCAL,
                                         GC_MIN_MAX,
                                         GC_MASK_AFTER,
                                         GC_WHERE_OTHER,
                                         GC_POW,
                                         GC_NO_SCALINGS,
                                         GC_TILES_FIRST,
                                         GC_WHERE_OWNED,
                                         GC_CONTINUOUS,
                                         GC_UNSATURATED,
                                         GC_PRODUCT,
                                         GC_OUTER_FACTOR,
                                         GC_PER_COLUMN,
                                         GC_SCALED_SERIES,
                                         GC_RECIPROCAL | GC_MIN_MAX | GC_MASK_AFTER | GC_POW,
                                         GC_TILES_FIRST | GC_PRODUCT | GC_OUTER_FACTOR,
                                         GC_CONTINUOUS | GC_UNSATURATED | GC_NO_SCALINGS,
                                         GC_TILES_FIRST | GC_WHERE_OWNED | GC_SCALED_SERIES};
    for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
        gc_model o = {.window = 12, .sub_tile = 4, .spelling = spellings[i]};
        ir_module *m = fused(o, (int64_t[]){31}, 1);
        size_t n;
        const ir_op *op = gaincell(m, 0, &n);
        if (n != 1) printf("spelling %#x: %zu\n", spellings[i], n);
        assert_int_equal(n, 1);
        check_attrs(op, &o);
        check_operands(m, op, &o);
        size_t left = 0; // nothing else, but the factor that is not per head
        for (size_t k = 0; k < m->funcs.items[0]->ops.count; k++)
            left += m->funcs.items[0]->ops.items[k].code != IR_t_const;
        assert_int_equal(left, spellings[i] & GC_PER_COLUMN ? 2 : 1);
        ir_module_free(m);
    }
}

static void one_array_pair_has_no_axis_of_its_own(void **state) {
    gc_model o = {.window = 8, .sub_tile = 8};
    ir_module *m = fused(o, (int64_t[]){31}, 1);
    size_t n;
    const ir_op *op = gaincell(m, 0, &n);
    assert_int_equal(n, 1);
    check_attrs(op, &o);
    ir_module_free(m);
}

static void what_is_wrong_is_left_alone(void **state) {
    for (int wrong = GC_RIGHT + 1; wrong < GC_WRONGS; wrong++) {
        gc_model o = {.window = 12, .sub_tile = 4, .wrong = (gc_wrong)wrong};
        ir_module *m = fused(o, (int64_t[]){31}, 1);
        size_t n;
        gaincell(m, 0, &n);
        if (n) printf("wrong %d\n", wrong);
        assert_int_equal(n, 0);
        ir_module_free(m);
    }
}

// The longest function says what the short ones mean: 20 tokens show neither window nor sub-tile.
static void all_lengths_agree(void **state) {
    static const int64_t tokens[] = {20, 31, 37, 61};
    gc_model o = {.window = 48, .sub_tile = 24};
    ir_module *m = fused(o, tokens, 4);
    for (size_t i = 0; i < 4; i++) {
        size_t n;
        const ir_op *op = gaincell(m, i, &n);
        assert_int_equal(n, 1);
        check_attrs(op, &o);
    }
    assert_int_equal(m->notes.count, 0);
    ir_module_free(m);
    // Wrong at one length alone: nowhere is it gain cells.
    static const gc_wrong wrongs[] = {GC_SEES_FUTURE, GC_MISPLACED, GC_DECAY, GC_STEP};
    for (size_t k = 0; k < ARRAY_LEN(wrongs); k++)
        for (size_t at = 0; at < 4; at += 3) {
            o.wrong = wrongs[k];
            o.wrong_tokens = tokens[at];
            m = fused(o, tokens, 4);
            for (size_t i = 0; i < 4; i++) {
                size_t n;
                gaincell(m, i, &n);
                assert_int_equal(n, 0);
            }
            ir_module_free(m);
        }
}

static void too_few_tokens_are_said(void **state) {
    gc_model o = {.window = 128, .sub_tile = 64};
    ir_module *m = fused(o, (int64_t[]){20, 31, 37, 40}, 4);
    size_t n;
    const ir_op *op = gaincell(m, 0, &n);
    assert_int_equal(n, 1);
    check_attrs(op, &o); // 64: the power of two that holds them
    assert_int_equal(m->notes.count, 1);
    assert_non_null(strstr(m->notes.items[0], "40 tokens do not tell the window"));
    ir_module_free(m);
}

// ---- the real model --------------------------------------------------------------------------

static ir_module *model(const char *name, onnx_model **onnx) {
    char path[1024];
    snprintf(path, sizeof path, MODELS "/own/%s.onnx", name);
    diag_sink *diags = diag_sink_new();
    pass_options o = pass_options_default();
    arena *a = arena_new();
    *onnx = onnx_open(path, diags);
    assert_non_null(*onnx);
    bind_source source = bind_onnx_source(a, *onnx);
    ir_module *m = bind_module(&source, &(bind_options){&o, NULL, 0}, NULL, diags), *out = NULL;
    pass_pipeline p = {0};
    if (m && pass_pipeline_parse(&p, "widen," PASSES, diags))
        out = pass_run_pipeline(&p, m, &o, NULL, diags);
    if (!out) diag_print(diags, 0, stderr, false);
    assert_non_null(out);
    vec_free(&p);
    ir_module_free(m);
    arena_free(a);
    diag_sink_free(diags);
    return out;
}

static void same_value(const ir_module *a, const ir_func *f, ir_val v, const ir_module *b,
                       const ir_func *g, ir_val w) {
    const tensor *s = ir_const_of(a, f, v), *t = ir_const_of(b, g, w);
    assert_int_equal(!s, !t);
    assert_true(ir_type_equal(ir_type_of(f, v), ir_type_of(g, w)));
    if (s) assert_true(tensor_equal_bits(s, t));
}

// Operation by operation, constants by content: the inlined function is the function.
static void the_inlined_model_is_the_function(void **state) {
    if (!shared_present(MODELS "/own/tales_gaincell_inlined.onnx")) return;
    onnx_model *onnx[2];
    ir_module *a = model("tales_gaincell_fn", &onnx[0]);
    ir_module *b = model("tales_gaincell_inlined", &onnx[1]);
    assert_int_equal(a->funcs.count, b->funcs.count);
    size_t compared = 0;
    for (size_t i = 0; i < a->funcs.count; i++) {
        const ir_func *f = a->funcs.items[i], *g = b->funcs.items[i];
        size_t k = 0;
        for (size_t j = 0; j < f->ops.count; j++) {
            const ir_op *x = &f->ops.items[j];
            if (x->code == IR_t_const) continue;
            while (k < g->ops.count && g->ops.items[k].code == IR_t_const) k++;
            assert_true(k < g->ops.count);
            const ir_op *y = &g->ops.items[k++];
            assert_int_equal(x->code, y->code);
            assert_true(ir_attrs_equal(&x->attrs, &y->attrs));
            assert_int_equal(x->n_operands, y->n_operands);
            for (uint32_t o = 0; o < x->n_operands; o++)
                same_value(a, f, x->operand[o], b, g, y->operand[o]);
            compared += x->code == IR_nn_gaincell;
        }
        while (k < g->ops.count && g->ops.items[k].code == IR_t_const) k++;
        assert_int_equal(k, g->ops.count);
    }
    assert_int_equal(compared, 4 * a->funcs.count);
    ir_module_free(a);
    ir_module_free(b);
    for (int i = 0; i < 2; i++) onnx_close(onnx[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_is_the_operation),
        cmocka_unit_test(one_array_pair_has_no_axis_of_its_own),
        cmocka_unit_test(what_is_wrong_is_left_alone),
        cmocka_unit_test(all_lengths_agree),
        cmocka_unit_test(too_few_tokens_are_said),
        cmocka_unit_test(the_inlined_model_is_the_function),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
