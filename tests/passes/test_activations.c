// ONNX models whose attention has no softmax, or a sink beside it, as exporters write them with a
// free token dimension: through import, fuse and find-tokens to a ring, each step interpreted
// before and after.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bind_onnx.h"
#include "passes/pass.h"
#include "support/file/file.h"
#include "tests/frontend/onnx_writer.h"
#include "tests/random.h"

#define DIR OHMIC_BUILD_DIR "/onnx_activations"
#define MODEL DIR "/m.onnx"
enum { F32 = 1, I64 = 7, WORDS = 16, WIDTH = 8, HEADS = 2 };

static int make_dir(void **state) {
    (void)state;
    return file_make_dir(DIR, NULL) ? 0 : -1;
}

// ---- a small decoder -------------------------------------------------------------------------

static void matrix(bytes *g, const char *name, int64_t rows, int64_t columns, uint64_t seed) {
    float *v = base_alloc((size_t)(rows * columns) * sizeof *v);
    random_stream r = random_test(seed);
    for (int64_t i = 0; i < rows * columns; i++) v[i] = random_float(&r);
    put_msg(g, 5,
            tensor_raw(name, F32, 2, (int64_t[]){rows, columns}, v, (size_t)(rows * columns) * 4));
    free(v);
}
static void number(bytes *g, const char *name, float v) {
    put_msg(g, 5, tensor_raw(name, F32, 0, NULL, &v, 4));
}
static void ints(bytes *g, const char *name, int rank, int64_t n, const int64_t *v) {
    put_msg(g, 5, tensor_raw(name, I64, rank, &n, v, (size_t)n * 8));
}
static void add(bytes *g, const char *op, const char *in, const char *out) {
    put_msg(g, 1, node(op, in, out));
}
static void add_with(bytes *g, const char *op, const char *in, const char *out, bytes attr) {
    bytes n = node(op, in, out);
    put_msg(&n, 5, attr);
    put_msg(g, 1, n);
}

// From ids to q, k^T, v by heads, scores s scaled by Div, and `seen`, the causal mask.
static bytes graph_begin(void) {
    bytes g = {0};
    put_msg(&g, 11, port("ids", I64, 2, (int64_t[]){1, -1}));
    put_msg(&g, 12, port("y", F32, 0, NULL));
    matrix(&g, "E", WORDS, WIDTH, 1);
    ints(&g, "by_heads", 1, 4, (int64_t[]){1, -1, HEADS, WIDTH / HEADS});
    ints(&g, "joined", 1, 3, (int64_t[]){1, -1, WIDTH});
    ints(&g, "i0", 0, 1, (int64_t[]){0});
    ints(&g, "i1", 0, 1, (int64_t[]){1});
    ints(&g, "l1", 1, 1, (int64_t[]){1});
    number(&g, "two", 2);
    number(&g, "zero", 0);
    number(&g, "one", 1);
    number(&g, "three", 3);
    number(&g, "six", 6);
    number(&g, "low", -1e9f);
    add(&g, "Gather", "E ids", "x");
    static const char *const of[] = {"q", "k", "v"};
    for (int i = 0; i < 3; i++) {
        char w[8], l[8], r[8], in[16];
        snprintf(w, sizeof w, "W%s", of[i]);
        snprintf(l, sizeof l, "l%s", of[i]);
        snprintf(r, sizeof r, "r%s", of[i]);
        matrix(&g, w, WIDTH, WIDTH, (uint64_t)(i + 2));
        snprintf(in, sizeof in, "x %s", w);
        add(&g, "MatMul", in, l);
        snprintf(in, sizeof in, "%.4s by_heads", l);
        add(&g, "Reshape", in, r);
        const int64_t key[] = {0, 2, 3, 1}, other[] = {0, 2, 1, 3};
        add_with(&g, "Transpose", r, of[i], attr_ints("perm", 4, i == 1 ? key : other));
    }
    add(&g, "MatMul", "q k", "products");
    add(&g, "Div", "products two", "s");
    add(&g, "Shape", "ids", "shape");
    add_with(&g, "Gather", "shape i1", "n", attr_int("axis", 0));
    add(&g, "Range", "i0 n i1", "keys");
    add(&g, "Unsqueeze", "keys l1", "rows");
    add(&g, "LessOrEqual", "keys rows", "seen");
    return g;
}

static bytes graph_end(bytes g) { // probabilities p
    add(&g, "MatMul", "p v", "mixed");
    add_with(&g, "Transpose", "mixed", "rows_mixed", attr_ints("perm", 4, (int64_t[]){0, 2, 1, 3}));
    add(&g, "Reshape", "rows_mixed joined", "y");
    return model_of(g, 18);
}

// ---- passes ----------------------------------------------------------------------------------

typedef struct {
    ir_module *m; // NULL: refused
    diag_sink *diags;
    onnx_model *model;
} outcome;

static outcome compiled(bytes file) {
    outcome r = {.diags = diag_sink_new()};
    arena *a = arena_new();
    r.model = onnx_open(write_model(MODEL, file), r.diags);
    assert_non_null(r.model);
    bind_source source = bind_onnx_source(a, r.model);
    pass_options o = pass_options_default();
    o.max_tokens = 64;
    ir_module *m = bind_module(&source, &(bind_options){&o, NULL, 0}, NULL, r.diags);
    const pass_checks checks = {.check_equivalence = true};
    pass_pipeline p = {0};
    if (m && pass_pipeline_parse(&p, "fold-constants,canonicalize,dce,fuse,find-tokens", r.diags))
        r.m = pass_run_pipeline(&p, m, &o, &checks, r.diags);
    vec_free(&p);
    ir_module_free(m);
    arena_free(a);
    return r;
}

static void close_outcome(outcome *r) {
    ir_module_free(r->m);
    onnx_close(r->model);
    diag_sink_free(r->diags);
}

static const ir_ring *only_ring(const outcome *r) {
    const ir_symbol *found = NULL;
    if (!r->m) diag_print(r->diags, 0, stderr, false);
    assert_non_null(r->m);
    for (size_t i = 0; i < r->m->symbols.count; i++) {
        if (r->m->symbols.items[i]->kind != IR_SYM_RING) continue;
        assert_null(found);
        found = r->m->symbols.items[i];
    }
    assert_non_null(found);
    return found->ring;
}

static bool is_near(double a, double b) { return a - b < 1e-6 && b - a < 1e-6; }

// A causal hard sigmoid of these numbers, scores scaled by one half.
static void expect_hard(bytes graph, double alpha, double beta) {
    outcome r = compiled(graph_end(graph));
    const ir_ring *l = only_ring(&r);
    assert_int_equal(l->act, IR_ACT_HARDSIGMOID);
    assert_true(is_near(l->alpha, alpha));
    assert_true(is_near(l->beta, beta));
    assert_true(is_near(l->scale, 0.5));
    assert_int_equal(l->mode, IR_RING_CAUSAL);
    assert_int_equal(l->bias, IR_BIAS_NONE);
    assert_string_equal(ir_attr_str(&r.m->attrs, IR_ATTR_class, ""), "stream");
    close_outcome(&r);
}

// ---- cases -----------------------------------------------------------------------------------

static bytes hard_sigmoid(const char *in, const char *out) {
    bytes n = node("HardSigmoid", in, out);
    put_msg(&n, 5, attr_float("alpha", 0.25f));
    put_msg(&n, 5, attr_float("beta", 0.375f));
    return n;
}

static void hard_sigmoids(void **state) {
    (void)state;
    bytes g = graph_begin(); // Where after it
    put_msg(&g, 1, hard_sigmoid("s", "c"));
    add(&g, "Where", "seen c zero", "p");
    expect_hard(g, 0.25, 0.375);

    g = graph_begin(); // Where before it
    add(&g, "Where", "seen s low", "w");
    put_msg(&g, 1, hard_sigmoid("w", "p"));
    expect_hard(g, 0.25, 0.375);

    g = graph_begin(); // a mask that is added: (1 - m) * low
    add_with(&g, "Cast", "seen", "m", attr_int("to", F32));
    add(&g, "Sub", "one m", "hidden");
    add(&g, "Mul", "hidden low", "mask");
    add(&g, "Add", "s mask", "w");
    put_msg(&g, 1, hard_sigmoid("w", "p"));
    expect_hard(g, 0.25, 0.375);

    g = graph_begin(); // relu6(s + 3) / 6, times 0 and 1
    add(&g, "Add", "s three", "b");
    add(&g, "Clip", "b zero six", "c");
    add(&g, "Div", "c six", "d");
    add_with(&g, "Cast", "seen", "m", attr_int("to", F32));
    add(&g, "Mul", "d m", "p");
    expect_hard(g, 1.0 / 6, 0.5);

    g = graph_begin(); // Min(Relu(s), 1), lower triangle
    add(&g, "Relu", "s", "r");
    add(&g, "Min", "r one", "c");
    add_with(&g, "Trilu", "c", "p", attr_int("upper", 0));
    expect_hard(g, 1, 0);

    g = graph_begin(); // hidden scores of 0 give 0
    add(&g, "Where", "seen s zero", "w");
    add(&g, "Clip", "w zero one", "p");
    expect_hard(g, 1, 0);
}

// Hidden scores of 0 give 0.375: an attention over everything, which this is not.
static void half_hidden_keys_are_no_mask(void **state) {
    (void)state;
    bytes g = graph_begin();
    add(&g, "Where", "seen s zero", "w");
    put_msg(&g, 1, hard_sigmoid("w", "p"));
    outcome r = compiled(graph_end(g));
    assert_null(r.m);
    assert_true(diag_errors(r.diags) > 0);
    close_outcome(&r);
}

static void a_sink_beside_softmax(void **state) {
    (void)state;
    for (int lowered = 0; lowered < 2; lowered++) {
        bytes g = graph_begin();
        const float sink[] = {0.75f, -0.5f};
        put_msg(&g, 5, tensor_raw("sink", F32, 4, (int64_t[]){1, HEADS, 1, 1}, sink, sizeof sink));
        ints(&g, "head_count", 1, 1, (int64_t[]){HEADS});
        ints(&g, "start", 1, 1, (int64_t[]){0});
        ints(&g, "end", 1, 1, (int64_t[]){-1});
        ints(&g, "axis", 1, 1, (int64_t[]){3});
        add(&g, "Where", "seen s low", "w");
        ints(&g, "l0", 1, 1, (int64_t[]){0});
        add(&g, "Unsqueeze", "n l0", "n1");
        add_with(&g, "Concat", "l1 head_count n1 l1", "column_shape", attr_int("axis", 0));
        add(&g, "Expand", "sink column_shape", "column");
        add_with(&g, "Concat", "w column", "j", attr_int("axis", 3));
        if (lowered) {
            bytes max = node("ReduceMax", "j axis", "most");
            put_msg(&max, 5, attr_int("keepdims", 1));
            put_msg(&g, 1, max);
            add(&g, "Sub", "j most", "j2");
        }
        add_with(&g, "Softmax", lowered ? "j2" : "j", "f", attr_int("axis", -1));
        add(&g, "Slice", "f start end axis", "p");
        outcome r = compiled(graph_end(g));
        const ir_ring *l = only_ring(&r);
        assert_int_equal(l->act, IR_ACT_SOFTMAX);
        assert_int_equal(l->mode, IR_RING_CAUSAL);
        const ir_symbol *s = l->sink ? ir_symbol_find(r.m, l->sink) : NULL;
        assert_non_null(s);
        assert_int_equal(tensor_count(&s->data), HEADS);
        assert_memory_equal(s->data.data, sink, sizeof sink);
        close_outcome(&r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hard_sigmoids),
        cmocka_unit_test(half_hidden_keys_are_no_mask),
        cmocka_unit_test(a_sink_beside_softmax),
    };
    return cmocka_run_group_tests(tests, make_dir, NULL);
}
