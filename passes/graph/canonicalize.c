// canonicalize: one spelling for each thing that exporters write in many ways. Exact: results keep
// their bits (signs of zeros and NaN payloads apart). What changes roundings is fuse's.
//
// Identities are a table of patterns; what depends on shapes and indices is in canonical_shapes.c
// and views.c. Equal operations are merged and constants folded on the way (emitter.h, fold.h).
#include "passes/graph/canonical.h"
#include "passes/graph/fold.h"
#include "passes/pass.h"
#include "passes/rewrite/match.h"
#include "passes/rewrite/views.h"
#include <math.h>

// ---- conditions and builders of the table ----------------------------------------------------

static elem type_of_root(const match *m) { return emit_type(m->e, m->root)->type; }
static bool is_f32(match *m) { return type_of_root(m) == ELEM_f32; }
static bool is_bool(match *m) { return type_of_root(m) == ELEM_bool; }
static bool compares_integers(match *m) {
    return elem_is_int(emit_type(m->e, match_value(m, "a"))->type);
}

// The constant c with f applied, in c's own shape.
static ir_val changed_scalar(match *m, double value) {
    const tensor *c = match_const(m, "c");
    tensor t = tensor_new(m->e->r.m->arena, c->type, c->rank, c->dim);
    for (size_t i = 0, n = tensor_count(&t); i < n; i++) elem_store_f64(t.type, t.data, i, value);
    return emit_const(m->e, "folded", t);
}

static ir_val build_add_negated(match *m) {
    return emit2(m->e, IR_t_add, match_value(m, "x"), changed_scalar(m, -match_number(m, "c")));
}

static bool is_power_of_two(match *m) {
    int exponent;
    double c = match_number(m, "c");
    return is_f32(m) && fabs(frexp(c, &exponent)) == 0.5 && abs(exponent) < 100;
}

static ir_val build_mul_inverse(match *m) {
    return emit2(m->e, IR_t_mul, match_value(m, "x"), changed_scalar(m, 1 / match_number(m, "c")));
}

static const rule identities[] = {
    {"mul-one", "(mul x 1)", "x"},
    {"div-one", "(div x 1)", "x"},
    {"add-zero", "(add x 0)", "x"},
    {"sub-zero", "(sub x 0)", "x"},
    {"pow-one", "(pow x 1)", "x"},
    {"pow-two", "(pow x 2)", "(mul x x)"},
    {"pow-half", "(pow x 0.5)", "(sqrt x)", is_f32},
    {"pow-minus-one", "(pow x -1)", "(recip x)", is_f32},
    {"one-over", "(div 1 x)", "(recip x)", is_f32},
    {"sub-constant", "(sub x #c)", NULL, is_f32, build_add_negated},
    {"div-power-of-two", "(div x #c)", NULL, is_power_of_two, build_mul_inverse},
    {"neg-neg", "(neg (neg x))", "x"},
    {"not-not", "(not (not x))", "x", is_bool},
    {"greater", "(gt a b)", "(lt b a)"},
    {"greater-equal", "(ge a b)", "(le b a)"},
    {"not-less", "(not (lt a b))", "(le b a)", compares_integers},
    {"not-less-equal", "(not (le a b))", "(lt b a)", compares_integers},
    {"and-true", "(and x 1)", "x", is_bool},
    {"or-false", "(or x 0)", "x", is_bool},
    {"select-same", "(select c x x)", "x"},
    {"select-true", "(select 1 x y)", "x"},
    {"select-false", "(select 0 x y)", "y"},
    {"select-not", "(select (not c) x y)", "(select c y x)"},
    // A softmax of which nothing is visible gives zeros here (docs/numerics.md), never NaN.
    {"select-nan-softmax", "(select (isnan s=(softmax x)) 0 s)", "s"},
};

static ir_val simplify(emitter *e, ir_val v) {
    const canonical *c = e->ctx;
    ir_val w = fold_value(e, v, e->r.m->arena);
    if (w == v) w = canonical_shapes(e, v);
    if (w == v) w = view_simplify(e, v);
    if (w == v) w = canonical_products(e, v);
    if (w == v) w = rules_apply(c->identities, e, v);
    return w;
}

ir_val canonical_simplify(emitter *e, const canonical *c, ir_val v) {
    void *ctx = e->ctx;
    e->ctx = (void *)c;
    ir_val w = simplify(e, v);
    e->ctx = ctx;
    return w;
}

canonical canonical_new(void) { return (canonical){rules_new(identities, ARRAY_LEN(identities))}; }

void canonical_free(canonical *c) { rules_free(c->identities); }

ir_module *pass_canonicalize(const ir_module *old, const pass_options *o, diag_sink *diags) {
    canonical c = canonical_new();
    ir_module *m = emit_module(old, simplify, &c, diags);
    canonical_free(&c);
    return m;
}
