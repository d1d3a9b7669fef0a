// What is executed beside the program: the model as it was imported, at the probes and at lengths
// that no probe has; and what later modules are held against.
#include "find_tokens_case.h"
#include "passes/tokens/bind/bind.h"
#include "passes/witness.h"

// A model that passes took for another: its function `of` at some length says abs where the probes
// say neg. `compares`: it says so itself, by a comparison of its length.
static outcome run_beside(const char *of, bool compares) {
    static const probe_size sizes[] = {
        {"n1", 37, 0}, {"n2", 41, 0}, {"n3", 43, 0}, {"max", 64, 0}, {"length0", 3, 0}};
    arena *a = arena_new();
    outcome r = {.a = arena_new(), .diags = diag_sink_new(), .o = pass_options_default()};
    const char *text = arena_printf(a, "%s%s", symbols(a),
                                    compares ? OPEN(IDS, "%z \"out\"") EMBED
                                        "  %is = t.lt %t, %nine : bool[] loc(\"/is_short\")\n"
                                        "  %z = t.neg %x0 : f32[1,{T},8] loc(\"/z\")\n" CLOSE
                                             : OPEN(IDS, "%z \"out\"") EMBED
                                        "  %z = t.neg %x0 : f32[1,{T},8] loc(\"/z\")\n" CLOSE);
    ir_module *reference = probe_module(text, sizes, 5), *m = probe_module(text, sizes, 4);
    ir_func *f = ir_func_find(reference, of);
    for (size_t i = 0; f && i < f->ops.count; i++)
        if (f->ops.items[i].code == IR_t_neg) f->ops.items[i].code = IR_t_abs;
    r.o.reference = reference;
    r.m = pass_find_tokens(m, &r.o, r.diags);
    ir_module_free(m);
    ir_module_free(reference);
    arena_free(a);
    return r;
}

static void test_reference(void **state) {
    (void)state;
    outcome same = run_beside("none", false);
    assert_non_null(same.m);
    close_outcome(&same);
    expect_refusal(run_beside("n1", false), DIAG_ID_tok_differs, "the export gives");
    expect_refusal(run_beside("length0", false), DIAG_ID_tok_differs, "(3 tokens after 0)");
    expect_refusal(run_beside("length0", true), DIAG_ID_tok_structure,
                   "compares the token count with a number: at 3 tokens the model computes "
                   "something else than at 37");
}

// A row by a given number is executed at one token too, where it draws the only row there is.
static void test_row_of_one(void **state) {
    (void)state;
    static const probe_size sizes[] = {
        {"n1", 37, 0}, {"n2", 41, 0}, {"n3", 43, 0}, {"max", 64, 0}, {"length0", 1, 0}};
    arena *a = arena_new();
    const char *text =
        arena_printf(a, "%s%s", symbols(a),
                     OPEN(IDS ", %at \"at\" : i64[] {role = \"tokens\"}", "%z \"out\"") EMBED
                     "  %z = t.gather %x0, %at {axis = 1} : f32[1,8] loc(\"/row\")\n" CLOSE);
    for (uint64_t seed = 1; seed <= 8; seed++) {
        outcome r = {.a = arena_new(), .diags = diag_sink_new(), .o = pass_options_default()};
        ir_module *reference = probe_module(text, sizes, 5), *m = probe_module(text, sizes, 4);
        r.o.reference = reference;
        r.o.seed = seed;
        r.m = pass_find_tokens(m, &r.o, r.diags);
        if (!r.m) diag_print(r.diags, 0, stderr, false);
        assert_non_null(r.m);
        assert_true(has_text(&r.m->notes, "'/row' picks a row by a number: one that no row has "
                                          "gives zeros"));
        ir_module_free(m);
        ir_module_free(reference);
        close_outcome(&r);
    }
    arena_free(a);
}

// What the model computed is remembered, and later modules are held against it.
static void test_witness(void **state) {
    (void)state;
    pass_options o = pass_options_default();
    o.witness = pass_witness_new();
    outcome r =
        run_with(OPEN(IDS, Y) EMBED POSITIONS QKV CAUSAL ATTEND(", %m") CLOSE, probe_free, 4, o);
    assert_non_null(r.m);
    assert_int_equal(o.witness->inputs.count, 1);
    assert_int_equal(o.witness->outputs.count, 1);
    assert_int_equal(o.witness->rows[0], 37);
    assert_true(pass_witness_check(o.witness, r.m, &r.o, r.diags));
    // other numbers, one column less, an input of another name
    ir_func *f = r.m->funcs.items[0];
    ir_symbol *ring = (ir_symbol *)ring_of(&r, 0);
    ring->ring->scale *= 2;
    assert_false(pass_witness_check(o.witness, r.m, &r.o, r.diags));
    assert_non_null(
        strstr(diag_get(r.diags, diag_count(r.diags) - 1)->message, "the model as imported gives"));
    ring->ring->scale /= 2;
    pass_expected *y = &o.witness->outputs.items[0];
    y->rows.dim[1]++;
    assert_false(pass_witness_check(o.witness, r.m, &r.o, r.diags));
    assert_non_null(strstr(diag_get(r.diags, diag_count(r.diags) - 1)->message, "37 rows of 9"));
    y->rows.dim[1]--;
    f->params.items[0].name = "other";
    assert_false(pass_witness_check(o.witness, r.m, &r.o, r.diags));
    assert_non_null(strstr(diag_get(r.diags, diag_count(r.diags) - 1)->message, "input 'other'"));
    close_outcome(&r);
    pass_witness_free(o.witness);
}

// ---- big models ------------------------------------------------------------------------------

enum { ROWS = 4 << 17 }; // of 8

// The table @e has ROWS rows, all but its first ones 0.
static void grow_table(ir_module *m) {
    ir_symbol *s = (ir_symbol *)ir_symbol_find(m, "e");
    tensor big = tensor_new(m->arena, ELEM_f32, 2, (int64_t[]){ROWS, 8});
    memcpy(big.data, s->data.data, tensor_bytes(&s->data));
    s->data = big;
    for (size_t i = 0; i < m->funcs.count; i++)
        for (size_t k = 0; k < m->funcs.items[i]->ops.count; k++) {
            ir_func *f = m->funcs.items[i];
            const ir_op *op = &f->ops.items[k];
            if (op->code == IR_t_const &&
                strcmp(ir_attr_str(&op->attrs, IR_ATTR_value, ""), "e") == 0)
                f->values.items[op->result[0]].type.dim[0] = ROWS;
        }
}

// Of a model above 4 M weights the executions have products in common. The reference shares its
// matrices; its constant @f1 is `f1` instead.
static outcome run_big(const char *f1) {
    static const probe_size sizes[] = {{"n1", 37, 0}, {"n2", 41, 0}, {"n3", 43, 0}, {"max", 64, 0}};
    arena *a = arena_new();
    outcome r = {.a = arena_new(), .diags = diag_sink_new(), .o = pass_options_default()};
    ir_module *m = probe_module(
        arena_printf(a, "%s%s%s", symbols(a), "tensor @off : f32[] = [1.01]\n",
                     OPEN(IDS, Y) EMBED
                     "  %x1 = nn.linear %x0, %w, %b : f32[1,{T},8] loc(\"/first\")\n"
                     "  %x = t.mul %x1, %f1 : f32[1,{T},8] loc(\"/scaled\")\n" QKV CAUSAL ATTEND(
                         ", %m") CLOSE),
        sizes, 4);
    assert_non_null(m);
    grow_table(m);
    ir_module *reference = ir_module_derive(m);
    for (size_t i = 0; i < m->funcs.count; i++) {
        ir_func *f = ir_func_copy(reference, m->funcs.items[i]);
        for (size_t k = 0; k < f->ops.count; k++) {
            ir_op *op = &f->ops.items[k];
            if (op->code == IR_t_const &&
                strcmp(ir_attr_str(&op->attrs, IR_ATTR_value, ""), "f1") == 0)
                ir_attr_set_str(reference->arena, &op->attrs, IR_ATTR_value, f1);
        }
    }
    r.o.reference = reference;
    r.m = pass_find_tokens(m, &r.o, r.diags);
    ir_module_free(m);
    ir_module_free(reference);
    arena_free(a);
    return r;
}

static void test_big(void **state) {
    (void)state;
    outcome same = run_big("f1");
    assert_non_null(same.m);
    bool said = false; // that it was executed as a big one
    for (size_t i = 0; i < same.m->proof.count; i++)
        said |= strstr(same.m->proof.items[i], "a step of one row and the rest") != NULL;
    assert_true(said);
    close_outcome(&same);
    expect_refusal(run_big("off"), DIAG_ID_tok_differs, "the export gives");
}

// ---- lengths ---------------------------------------------------------------------------------

// Lengths that are added to 1 to 3 for a comparison of the token count T: "t.eq %t, %nine".
static size_t added(const char *comparison, int64_t *length) {
    static const probe_size sizes[] = {{"n1", 37, 0}, {"max", 64, 0}};
    arena *a = arena_new();
    ir_module *m = probe_module(arena_printf(a, "%s%s%s%s", symbols(a),
                                             OPEN(IDS, "%z \"out\"") EMBED "  %is = ", comparison,
                                             " : bool[]\n  %z = t.neg %x0 : f32[1,{T},8]\n" CLOSE),
                                sizes, 2);
    for (int64_t i = 0; i < 3; i++) length[i] = i + 1;
    size_t n = bind_lengths(m, ir_func_find(m, "n1"), ir_func_find(m, "max"), length, 3, 8);
    ir_module_free(m);
    arena_free(a);
    return n - 3;
}

static void test_lengths(void **state) {
    (void)state;
    int64_t length[8];
    assert_int_equal(added("t.lt %t, %nine", length), 0); // 1 turns it
    assert_int_equal(added("t.eq %t, %nine", length), 1);
    assert_int_equal(length[3], 9);
    assert_int_equal(added("t.eq %t, %three", length), 0);
    assert_int_equal(added("t.lt %three, %nine", length), 0); // of no length
    assert_int_equal(added("t.gt %zero, %t", length), 0);     // at no length
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference), cmocka_unit_test(test_row_of_one),
        cmocka_unit_test(test_witness),   cmocka_unit_test(test_big),
        cmocka_unit_test(test_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
