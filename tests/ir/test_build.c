// Making IR in memory: attributes, symbols, functions, the builder, and who owns what.
#include "ir/ir.h"
#include "ir/ring.h"
#include "ir/text/text.h"
#include "ir/verify/verify.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const int64_t dims[] = {2, 3};

// ---- tables

static void test_tables(void **state) {
    for (int i = 0; i < IR_OP_COUNT; i++) {
        ir_opcode code;
        assert_true(ir_opcode_parse(ir_ops[i].name, &code));
        assert_int_equal(code, i);
        assert_true(ir_ops[i].n_max < 0 || ir_ops[i].n_min <= ir_ops[i].n_max);
        assert_true(strspn(ir_ops[i].stages, "GM") == strlen(ir_ops[i].stages));
        char *words = strdup(ir_ops[i].attributes), *at = words;
        for (char *w; (w = strsep(&at, " "));) {
            size_t n = strlen(w);
            bool marked = n > 0 && w[n - 1] == '?', optional;
            if (n == 0) continue;
            if (marked) w[n - 1] = 0;
            assert_int_not_equal(ir_key_parse(w), IR_ATTR_NONE);
            assert_true(ir_op_takes(code, ir_key_parse(w), &optional));
            assert_int_equal(optional, marked);
        }
        free(words);
    }
    ir_opcode code;
    assert_false(ir_opcode_parse("t.nothing", &code));
    assert_false(ir_op_takes(IR_t_neg, IR_ATTR_axis, NULL));
    for (int k = 1; k < IR_ATTR_COUNT; k++)
        assert_int_equal(ir_key_parse(ir_key_name((ir_key)k)), k);
    assert_int_equal(ir_key_parse("nothing"), IR_ATTR_NONE);
}

static bool is(const char *column, const char *word) { return strcmp(column, word) == 0; }

// Columns of a row that need each other.
static void test_traits(void **state) {
    for (int i = 0; i < IR_OP_COUNT; i++) {
        const ir_op_info *o = &ir_ops[i];
        const ir_opcode code = (ir_opcode)i;
        bool graph = strchr(o->stages, 'G'), mapped = strchr(o->stages, 'M');
        bool fits = true;
        switch (o->kind) {
        case IR_KIND_ANY: break;
        case IR_KIND_MAP: fits = o->n_min >= 1 && o->n_min == o->n_max && o->results == 1; break;
        case IR_KIND_SWAP: fits = o->n_min == 2 && o->n_max == 2 && o->results == 1; break;
        case IR_KIND_VIEW: fits = graph && o->n_min == 1 && o->n_max == 1; break;
        case IR_KIND_COLUMNS: fits = mapped && is(o->emission, "nothing"); break;
        case IR_KIND_STORES:
        case IR_KIND_READS: fits = ir_op_takes(code, IR_ATTR_ring, NULL); break;
        case IR_KIND_LEAVES: fits = ir_op_takes(code, IR_ATTR_port, NULL); break;
        case IR_KIND_LINK: fits = ir_op_takes(code, IR_ATTR_channel, NULL); break;
        }
        switch (o->rows) {
        case IR_ROWS_EACH:
        case IR_ROWS_ALL:
        case IR_ROWS_INDEX: break;
        case IR_ROWS_PREFIX: fits &= o->n_min == 2; break;
        case IR_ROWS_SKIP: fits &= ir_op_takes(code, IR_ATTR_row, NULL); break;
        case IR_ROWS_WINDOW:
            fits &= ir_op_takes(code, IR_ATTR_k, NULL) && ir_op_takes(code, IR_ATTR_pad, NULL);
        }
        if (o->home == IR_HOME_GROUP) fits &= ir_op_takes(code, IR_ATTR_group, NULL);
        // Mapped operations are there already, and are instructions; constants are nowhere.
        fits &= mapped == is(o->lowering, "keep") && (mapped || is(o->emission, "none"));
        fits &= graph || is(o->rule, "none");
        fits &= !mapped || code == IR_t_const || ir_op_takes(code, IR_ATTR_tile, NULL);
        // A row that is made is kept somewhere.
        if (mapped && o->results && o->kind != IR_KIND_COLUMNS && code != IR_t_const)
            fits &= code == IR_net_send || ir_op_takes(code, IR_ATTR_parent, NULL);
        if (!fits) fail_msg("the columns of '%s' do not fit each other", o->name);
    }
}

static void test_types(void **state) {
    arena *a = arena_new();
    ir_type t = ir_type_make(ELEM_q8, 3, (int64_t[]){IR_DIM_DOMAIN(3), 4, 5});
    assert_string_equal(ir_type_text(a, &t), "q8[t3,4,5]");
    assert_int_equal(ir_type_domain(&t), 3);
    assert_int_equal(ir_type_width(&t), 20);
    ir_type plain = ir_type_make(ELEM_f32, 2, (int64_t[]){INT64_MAX, 2});
    assert_int_equal(ir_type_width(&plain), INT64_MAX);
    plain.dim[1] = 0;
    assert_int_equal(ir_type_width(&plain), 0);
    plain.rank = 0;
    assert_int_equal(ir_type_domain(&plain), -1);
    assert_int_equal(ir_type_width(&plain), 1);
    assert_string_equal(ir_type_text(a, &plain), "f32[]");
    assert_false(ir_type_equal(&t, &plain));
    arena_free(a);
}

// ---- attributes

static void test_attributes(void **state) {
    arena *a = arena_new();
    ir_attrs l = {0};
    ir_attr_set_int(a, &l, IR_ATTR_tile, 3);
    ir_attr_set_int(a, &l, IR_ATTR_axis, 1);
    ir_attr_set_int(a, &l, IR_ATTR_axis, 2);
    ir_attr_set_float(a, &l, IR_ATTR_eps, 0.5);
    ir_attr_set_str(a, &l, IR_ATTR_mode, "rms");
    ir_attr_set_str(a, &l, IR_ATTR_mode, ir_attr_str(&l, IR_ATTR_mode, ""));
    ir_attr_set_str(a, &l, IR_ATTR_value, "w");
    ir_attr_set_ints(a, &l, IR_ATTR_axes, dims, 2);
    ir_attr_set_strs(a, &l, IR_ATTR_weights, (const char *[]){"a", "b"}, 2);
    ir_attr_set_ints(a, &l, IR_ATTR_perm, NULL, 0);
    assert_int_equal(l.count, 8);
    for (uint32_t i = 1; i < l.count; i++) assert_true(l.items[i - 1].key < l.items[i].key);
    size_t n;
    assert_int_equal(ir_attr_int(&l, IR_ATTR_axis, 0), 2);
    assert_int_equal(ir_attr_int(&l, IR_ATTR_k, 77), 77);
    assert_true(ir_attr_float(&l, IR_ATTR_eps, 0) == 0.5);
    assert_string_equal(ir_attr_str(&l, IR_ATTR_mode, ""), "rms");
    assert_string_equal(ir_attr_str(&l, IR_ATTR_value, ""), "w");
    assert_int_equal(ir_attr_ints(&l, IR_ATTR_axes, &n)[1], 3);
    assert_string_equal(ir_attr_strs(&l, IR_ATTR_weights, &n)[1], "b");
    assert_int_equal(n, 2);
    ir_attr_ints(&l, IR_ATTR_perm, &n);
    assert_int_equal(n, 0);
    assert_true(ir_attr_has(&l, IR_ATTR_perm));
    assert_null(ir_attr_ints(&l, IR_ATTR_pads, &n));
    ir_attrs copy = ir_attrs_copy(a, &l);
    assert_true(ir_attrs_equal(&l, &copy));
    ir_attr_set_float(a, &copy, IR_ATTR_eps, -0.0);
    assert_false(ir_attrs_equal(&l, &copy));
    ir_attr_set_float(a, &l, IR_ATTR_eps, 0.0);
    assert_false(ir_attrs_equal(&l, &copy)); // by bits
    ir_attr_remove(&l, IR_ATTR_axis);
    ir_attr_remove(&l, IR_ATTR_axis);
    assert_int_equal(l.count, 7);
    assert_false(ir_attr_has(&l, IR_ATTR_axis));
    arena_free(a);
}

// ---- symbols

static tensor filled(arena *a, float v) {
    tensor t = tensor_new(a, ELEM_f32, 2, dims);
    for (int i = 0; i < 6; i++) ((float *)t.data)[i] = v;
    return t;
}

static void test_symbol_names(void **state) {
    ir_module *m = ir_module_new();
    tensor t = filled(m->arena, 1);
    assert_string_equal(ir_symbol_add_tensor(m, "w", t)->name, "w");
    assert_string_equal(ir_symbol_add_tensor(m, "w", t)->name, "w.1");
    assert_string_equal(ir_symbol_add_tensor(m, "w.2", t)->name, "w.2");
    assert_string_equal(ir_symbol_add_tensor(m, "w", t)->name, "w.3");
    assert_string_equal(ir_symbol_add(m, IR_SYM_RING, "none")->name, "none");
    assert_string_equal(ir_symbol_find(m, "w.3")->name, "w.3");
    assert_null(ir_symbol_find(m, "x"));
    ir_module_free(m);
}

static void test_hashes(void **state) {
    ir_module *m = ir_module_new();
    ir_symbol *a = ir_symbol_add_tensor(m, "a", filled(m->arena, 1));
    ir_symbol *b = ir_symbol_add_tensor(m, "b", filled(m->arena, 1));
    ir_symbol *c = ir_symbol_add_tensor(m, "c", filled(m->arena, 2));
    ir_symbol *d = ir_symbol_add_tensor(m, "d", filled(m->arena, 1));
    d->data.dim[0] = 3, d->data.dim[1] = 2;
    assert_string_equal(ir_symbol_hash(a), ir_symbol_hash(b));
    assert_string_not_equal(ir_symbol_hash(a), ir_symbol_hash(c));
    assert_string_not_equal(ir_symbol_hash(a), ir_symbol_hash(d));
    assert_int_equal(strlen(ir_symbol_hash(a)), 32);
    ir_module_free(m);
}

static void test_sweep(void **state) {
    ir_module *m = ir_module_new();
    ir_func *f = ir_func_add(m, "f");
    ir_build_const(m, f, "used", filled(m->arena, 1));
    ir_symbol_add_tensor(m, "unused", filled(m->arena, 2));
    ir_symbol_add_tensor(m, "matrix", filled(m->arena, 3));
    ir_symbol *g = ir_symbol_add(m, IR_SYM_GROUP, "g");
    ir_attr_set_strs(m->arena, &g->attrs, IR_ATTR_weights, (const char *[]){"matrix"}, 1);
    ir_symbols_sweep(m);
    assert_int_equal(m->symbols.count, 1); // nobody refers to the group
    assert_non_null(ir_symbol_find(m, "used"));
    assert_null(ir_symbol_find(m, "g"));

    ir_symbol_add_tensor(m, "matrix", filled(m->arena, 3));
    g = ir_symbol_add(m, IR_SYM_GROUP, "g");
    ir_attr_set_strs(m->arena, &g->attrs, IR_ATTR_weights, (const char *[]){"matrix"}, 1);
    ir_attrs attrs = {0};
    ir_attr_set_str(m->arena, &attrs, IR_ATTR_group, "g");
    ir_type t = ir_type_make(ELEM_f32, 2, (int64_t[]){IR_DIM_DOMAIN(0), 2});
    ir_val x = ir_param_add(m, f, "x", t);
    ir_build_typed(m, f, IR_xbar_mvm, &x, 1, &attrs, &t, NULL);
    ir_symbols_sweep(m);
    assert_int_equal(m->symbols.count, 3);
    assert_ptr_equal(ir_symbol_find(m, "g"), g);
    ir_module_free(m);
}

// ---- words and domains

static void test_words(void **state) {
    for (int e = 0; e < IR_ENUM_COUNT; e++) {
        int n = 0, value;
        for (; ir_is_word((ir_enum)e, n); n++) {
            const char *word = ir_word((ir_enum)e, n);
            assert_true(ir_word_parse((ir_enum)e, word, &value));
            assert_int_equal(value, n); // no word stands twice
            assert_non_null(strstr(ir_words((ir_enum)e), word));
        }
        assert_true(n > 1);
        assert_false(ir_word_parse((ir_enum)e, "", &value));
    }
    assert_string_equal(ir_words(IR_ENUM_domain_kind), "free lin one last");
}

// t1 = 2 t0 + 1, t2 = (t1 + 1) / 4, t3 the last row of t2, t4 one row, t5 and t6 each other's.
static void test_domains(void **state) {
    ir_module *m = ir_module_new();
    m->domain[0] = (ir_domain){.used = true, .kind = IR_DOMAIN_FREE, .max = 9};
    m->domain[1] =
        (ir_domain){.used = true, .kind = IR_DOMAIN_LIN, .of = 0, .mul = 2, .add = 1, .div = 1};
    m->domain[2] =
        (ir_domain){.used = true, .kind = IR_DOMAIN_LIN, .of = 1, .mul = 1, .add = 1, .div = 4};
    m->domain[3] = (ir_domain){.used = true, .kind = IR_DOMAIN_LAST, .of = 2};
    m->domain[4] = (ir_domain){.used = true, .kind = IR_DOMAIN_ONE};
    for (int d = 5; d < 7; d++)
        m->domain[d] =
            (ir_domain){.used = true, .kind = IR_DOMAIN_LIN, .of = 11 - d, .mul = 1, .div = 1};
    assert_int_equal(ir_domain_parse("t7"), 7);
    assert_int_equal(ir_domain_parse("t8"), -1);
    assert_int_equal(ir_domain_parse("z"), -1);
    assert_int_equal(ir_domain_parent(m, 2), 1);
    assert_int_equal(ir_domain_parent(m, 4), -1);
    assert_int_equal(ir_domain_parent(m, 7), -1);
    assert_int_equal(ir_domain_root(m, 3), 0);
    assert_int_equal(ir_domain_root(m, 4), 4);
    assert_int_equal(ir_domain_root(m, -1), -1);
    assert_int_equal(ir_domain_max(m, 0), 9);
    assert_int_equal(ir_domain_max(m, 1), 19);
    assert_int_equal(ir_domain_max(m, 2), 5);
    assert_int_equal(ir_domain_max(m, 3), 1);
    assert_true(ir_domain_max(m, 7) == INT64_MAX);
    m->domain[0].fixed = 1;
    assert_true(ir_domain_has_one_row(m, 0) && ir_domain_has_one_row(m, 3));
    assert_false(ir_domain_has_one_row(m, 1) || ir_domain_has_one_row(m, 7));
    int64_t rows;
    assert_false(ir_domain_lin(&m->domain[1], INT64_MAX, &rows));
    assert_true(ir_domain_root(m, 5) >= 5); // ends, though nothing is its root
    assert_true(ir_domain_max(m, 5) == INT64_MAX);
    assert_false(ir_verify(m, NULL, NULL));
    ir_module_free(m);
}

// ---- rings

static bool faulty(const ir_ring *r, const char *what) {
    char text[IR_RING_TEXT];
    for (int at = 0; ir_ring_fault(r, &at, text);)
        if (strstr(text, what)) return true;
    return false;
}

static void test_rings(void **state) {
    ir_module *m = ir_module_new();
    arena *a = m->arena;
    char why[IR_RING_TEXT] = "";
    ir_symbol *s = ir_symbol_add(m, IR_SYM_RING, "r");
    ir_ring *r = s->ring, back;
    assert_true(r->q_per_kv == 1 && r->scale == 1 && r->tile == -1 && r->mode == IR_RING_CAUSAL);
    // Every fact, there and back.
    r->n_kv = 2;
    r->d = 4;
    r->dv = 3;
    r->slots = 8;
    r->mode = IR_RING_ALL;
    r->bias = IR_BIAS_ALIBI;
    r->table = "slopes";
    r->act = IR_ACT_HARDSIGMOID;
    r->alpha = 0.5;
    r->beta = 0.25;
    r->zero = 0;
    r->tile = 3;
    r->past_key = "k";
    r->kv_layout = IR_KV_BHDT;
    ir_attrs l = ir_ring_attrs(a, r);
    assert_true(ir_ring_read(&l, &back, why) && ir_ring_equal(r, &back));
    assert_string_equal(ir_attr_str(&l, IR_ATTR_mode, ""), "all");
    assert_false(ir_attr_has(&l, IR_ATTR_q_levels) || ir_attr_has(&l, IR_ATTR_saturate));
    // Of a width that is not said there is one.
    ir_attr_remove(&l, IR_ATTR_dv);
    assert_true(ir_ring_read(&l, &back, why) && back.dv == 4 && !ir_ring_equal(r, &back));
    // Attributes of operations are passed over, words must be there.
    ir_attr_set_int(a, &l, IR_ATTR_causal, 1);
    assert_true(ir_ring_read(&l, &back, why));
    assert_false(ir_ring_has(IR_ATTR_causal));
    ir_attr_set_str(a, &l, IR_ATTR_mode, "sideways");
    assert_false(ir_ring_read(&l, &back, why));
    assert_string_equal(why, "'mode' is \"sideways\", must be one of: causal all cross");
    // What belongs to the other side, and what memory may hold and text cannot.
    assert_false(faulty(r, ""));
    r->v_dd = 0.9;
    assert_true(faulty(r, "'v_dd' means nothing to score read-out"));
    r->readout = IR_READ_CHARGE;
    assert_true(faulty(r, "'bias' means nothing to charge read-out"));
    assert_true(faulty(r, "'cell' has 0 coefficients"));
    r->mode = (ir_ring_mode)9;
    assert_true(faulty(r, "'mode' is 9, must be one of"));
    // A derived module has its own; tensors that a ring names live with it.
    ir_symbol_add_tensor(m, "slopes", filled(a, 1));
    ir_symbol_add_tensor(m, "other", filled(a, 2));
    ir_module *d = ir_module_derive(m);
    r->slots = 9;
    ir_module_free(m);
    assert_int_equal(ir_ring_find(d, "r")->slots, 8);
    assert_null(ir_ring_find(d, "slopes"));
    ir_func *f = ir_func_add(d, "f");
    ir_attrs names = {0};
    ir_attr_set_str(d->arena, &names, IR_ATTR_ring, "r");
    ir_build_typed(d, f, IR_gc_write, NULL, 0, &names, NULL, NULL);
    assert_ptr_equal(ir_ring_of(d, ir_last_op(f)), ir_ring_find(d, "r"));
    ir_symbols_sweep(d);
    assert_non_null(ir_symbol_find(d, "slopes"));
    assert_null(ir_symbol_find(d, "other"));
    ir_module_free(d);
}

// ---- functions

static ir_module *sample(void) {
    ir_module *m = ir_module_new();
    ir_attr_set_int(m->arena, &m->attrs, IR_ATTR_max_tokens, 8);
    m->domain[0] = (ir_domain){.used = true, .kind = IR_DOMAIN_FREE, .max = 8};
    vec_push(&m->notes, arena_str(m->arena, "a note"));
    vec_push(&m->proof, arena_str(m->arena, "a claim"));
    ir_func *f = ir_func_add(m, "f");
    ir_val x = ir_param_add(m, f, "x", ir_type_make(ELEM_f32, 2, dims));
    ir_val c = ir_build_const(m, f, "c", filled(m->arena, 1));
    ir_val in[2] = {x, c};
    ir_val y = ir_build(m, f, IR_t_add, in, 2, NULL, NULL, NULL);
    ir_op_add_loc(m->arena, ir_last_op(f), "/node");
    ir_op_add_loc(m->arena, ir_last_op(f), "/node");
    ir_op_add_loc(m->arena, ir_last_op(f), "/other");
    assert_int_equal(ir_last_op(f)->n_locs, 2);
    ir_attr_set_str(m->arena, &ir_result_add(m, f, "y", y)->attrs, IR_ATTR_onnx_type, "f32");
    return m;
}

static void test_build(void **state) {
    ir_module *m = sample();
    ir_func *f = ir_func_find(m, "f");
    diag_sink *diags = diag_sink_new();
    assert_true(ir_verify(m, NULL, diags));
    assert_int_equal(f->ops.count, 2);
    assert_null(ir_def(f, f->params.items[0].value));
    assert_null(ir_def(f, IR_NONE));
    const ir_op *add = ir_def(f, f->results.items[0].value);
    assert_int_equal(add->code, IR_t_add);
    assert_non_null(ir_const_of(m, f, add->operand[1]));
    assert_null(ir_const_of(m, f, add->operand[0]));

    // Operands that do not fit: a diagnostic that names the node, and nothing is added.
    ir_val bad[2] = {add->operand[0], ir_param_add(m, f, "x", ir_type_make(ELEM_i32, 2, dims))};
    size_t ops = f->ops.count, values = f->values.count;
    assert_int_equal(ir_build(m, f, IR_t_add, bad, 2, NULL, add, diags), IR_NONE);
    assert_int_equal(diag_errors(diags), 1);
    assert_string_equal(diag_get(diags, 0)->loc.where, "node '/node'");
    assert_int_equal(f->ops.count, ops);
    assert_int_equal(f->values.count, values);
    assert_int_equal(ir_build(m, f, IR_t_add, bad, 1, NULL, NULL, diags), IR_NONE);
    assert_int_equal(diag_errors(diags), 2);

    // loc is taken over, also from an operation of the same growing list.
    for (int i = 0; i < 100; i++)
        ir_build(m, f, IR_t_neg, &bad[0], 1, NULL, &f->ops.items[1], diags);
    assert_string_equal(ir_last_op(f)->loc[1], "/other");
    arena *a = arena_new();
    uint32_t *uses = ir_count_uses(a, f);
    assert_int_equal(uses[bad[0]], 101);
    assert_int_equal(uses[bad[1]], 0);
    assert_int_equal(uses[f->results.items[0].value], 1);
    arena_free(a);
    diag_sink_free(diags);
    ir_module_free(m);
}

static void test_several_results(void **state) {
    ir_module *m = ir_module_new();
    ir_func *f = ir_func_add(m, "f");
    ir_val x = ir_param_add(m, f, "/odd name", ir_type_make(ELEM_f32, 2, dims));
    assert_null(f->values.items[x].name);
    ir_val y = ir_build(m, f, IR_t_dynquant, &x, 1, NULL, NULL, NULL);
    assert_int_equal(ir_last_op(f)->n_results, 3);
    assert_int_equal(ir_last_op(f)->result[2], y + 2);
    assert_int_equal(ir_type_of(f, y)->type, ELEM_u8);
    assert_int_equal(ir_type_of(f, y + 1)->rank, 0);
    assert_int_equal(ir_def(f, y + 2)->code, IR_t_dynquant);
    ir_module_free(m);
}

// A derived module and copies of functions outlive what they came from.
static void test_derive(void **state) {
    ir_module *m = sample();
    char *before = ir_print_string(m);
    const void *data = ir_symbol_find(m, "c")->data.data;
    ir_module *d = ir_module_derive(m);
    assert_int_equal(d->funcs.count, 0);
    ir_func_copy(d, ir_func_find(m, "f"));
    ir_module *e = ir_module_derive(d);
    ir_func_copy(e, ir_func_find(d, "f"));
    ir_module_free(m);
    assert_ptr_equal(ir_symbol_find(d, "c")->data.data, data);
    char *after = ir_print_string(d);
    assert_string_equal(before, after);
    free(after);
    ir_module_free(d);
    after = ir_print_string(e);
    assert_string_equal(before, after);
    assert_true(ir_verify(e, NULL, NULL));
    free(after);
    free(before);
    ir_module_free(e);
    ir_module_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),      cmocka_unit_test(test_domains),
        cmocka_unit_test(test_rings),      cmocka_unit_test(test_tables),
        cmocka_unit_test(test_traits),     cmocka_unit_test(test_types),
        cmocka_unit_test(test_attributes), cmocka_unit_test(test_symbol_names),
        cmocka_unit_test(test_hashes),     cmocka_unit_test(test_sweep),
        cmocka_unit_test(test_build),      cmocka_unit_test(test_several_results),
        cmocka_unit_test(test_derive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
