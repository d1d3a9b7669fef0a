// bind: roles of axes and inputs from names, types and options; probe sizes; limits of tables; what
// cannot be told is reported with a way out. The model is a callback, not a file.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ir/verify/verify.h"
#include "passes/tokens/bind/bind.h"
#include <string.h>

// ---- a model: ids -> table rows, plus a position table sliced to the length --------------------

typedef struct {
    int64_t width, positions; // 0: no position table
    int64_t only;             // takes this many tokens alone; 0: any
    int imports;
} toy;

static ir_val constant(ir_module *m, ir_func *f, const char *name, int64_t rows, int64_t width) {
    ir_symbol *s = ir_symbol_find(m, name);
    if (!s)
        s = ir_symbol_add_tensor(m, name,
                                 tensor_new(m->arena, ELEM_f32, 2, (int64_t[]){rows, width}));
    ir_attrs attrs = {0};
    ir_attr_set_str(m->arena, &attrs, IR_ATTR_value, s->name);
    return ir_build(m, f, IR_t_const, NULL, 0, &attrs, NULL, NULL);
}

static bool import_toy(void *ctx, const bind_shape *shapes, const tensor_named *values,
                       size_t n_values, ir_module *m, const char *name, bind_size *wanted,
                       diag_sink *diags) {
    (void)wanted;
    toy *t = ctx;
    t->imports++;
    ir_func *f = ir_func_add(m, name);
    ir_val ids = IR_NONE;
    if (n_values && strcmp(values[0].name, shapes[0].input) == 0)
        ids = ir_build_const(m, f, "ids", values[0].value);
    else
        ids = ir_param_add(m, f, shapes[0].input,
                           ir_type_make(ELEM_i64, shapes[0].rank, shapes[0].dim));
    int64_t n = shapes[0].dim[1];
    if (t->only && n != t->only) {
        diag_emit(diags, DIAG_ID_onnx_unsupported, DIAG_AT(NULL, "/Reshape"), "cannot be reshaped");
        return false;
    }
    ir_attrs axis = {0};
    ir_attr_set_int(m->arena, &axis, IR_ATTR_axis, 0);
    ir_val x = ir_build(m, f, IR_t_gather, (ir_val[]){constant(m, f, "table", 50, t->width), ids},
                        2, &axis, NULL, diags);
    if (t->positions && n <= t->positions) {
        ir_val pos = constant(m, f, "positions", t->positions, t->width);
        ir_attrs a = {0};
        ir_attr_set_ints(m->arena, &a, IR_ATTR_starts, (int64_t[]){0, 0}, 2);
        ir_attr_set_ints(m->arena, &a, IR_ATTR_steps, (int64_t[]){1, 1}, 2);
        ir_type type = ir_type_make(ELEM_f32, 2, (int64_t[]){n, t->width});
        pos = ir_build_typed(m, f, IR_t_slice, &pos, 1, &a, &type, NULL);
        ir_op_add_loc(m->arena, ir_last_op(f), "/wpe/Slice");
        x = ir_build(m, f, IR_t_add, (ir_val[]){x, pos}, 2, NULL, NULL, diags);
    } else if (t->positions) {
        diag_emit(diags, DIAG_ID_onnx_unsupported, DIAG_AT(NULL, "/wpe/Slice"),
                  "does not broadcast");
        return false;
    }
    ir_result_add(m, f, "out", x);
    return x != IR_NONE;
}

#define FREE(name) \
    { -1, name }
#define SIZE(n) \
    { n, NULL }

typedef struct {
    diag_sink *diags;
    ir_module *m;
    toy t;
} bound;

static bound bind(toy t, const bind_port *inputs, size_t n, const bind_value *values,
                  size_t n_values, int64_t max_tokens) {
    bound b = {.diags = diag_sink_new(), .t = t};
    pass_options o = pass_options_default();
    o.max_tokens = max_tokens;
    bind_source s = {.ctx = &b.t, .inputs = inputs, .n_inputs = n, .import = import_toy};
    b.m = bind_module(&s, &(bind_options){&o, values, n_values}, NULL, b.diags);
    return b;
}

static void close_bound(bound *b) {
    ir_module_free(b->m);
    diag_sink_free(b->diags);
}

static int64_t tokens_of(const bound *b, const char *func) {
    const ir_func *f = ir_func_find(b->m, func);
    assert_non_null(f);
    return ir_attr_int(&f->attrs, IR_ATTR_tokens, -1);
}

static const bind_port ids[] = {{"input_ids", ELEM_i64, 2, {FREE("batch"), FREE("sequence")}}};

static void test_sizes(void **state) {
    (void)state;
    bound b = bind((toy){.width = 8}, ids, 1, NULL, 0, 0);
    assert_non_null(b.m);
    assert_int_equal(b.m->funcs.count, 4);
    assert_int_equal(tokens_of(&b, "n1"), 37);
    assert_int_equal(tokens_of(&b, "n2"), 41);
    assert_int_equal(tokens_of(&b, "n3"), 43);
    assert_int_equal(tokens_of(&b, "max"), 512);
    const ir_func *f = ir_func_find(b.m, "n2");
    assert_int_equal(ir_type_of(f, f->params.items[0].value)->dim[0], 1);
    assert_int_equal(ir_type_of(f, f->params.items[0].value)->dim[1], 41);
    assert_string_equal(ir_attr_str(&f->params.items[0].attrs, IR_ATTR_role, ""), "tokens");
    assert_string_equal(ir_attr_str(&f->attrs, IR_ATTR_probe, ""), "n2");
    close_bound(&b);
    // 74 columns: 37 would cut them.
    b = bind((toy){.width = 74}, ids, 1, NULL, 0, 100);
    assert_non_null(b.m);
    assert_int_equal(tokens_of(&b, "n1"), 41);
    assert_int_equal(tokens_of(&b, "n3"), 47);
    assert_int_equal(tokens_of(&b, "max"), 100);
    close_bound(&b);
}

static void test_tables(void **state) {
    (void)state;
    bound b = bind((toy){.width = 8, .positions = 300}, ids, 1, NULL, 0, 0);
    assert_non_null(b.m);
    assert_int_equal(tokens_of(&b, "max"), 300);
    close_bound(&b);
    b = bind((toy){.width = 8, .positions = 300}, ids, 1, NULL, 0, 600);
    assert_null(b.m);
    assert_int_equal(diag_get(b.diags, 0)->id, DIAG_ID_tok_positions);
    assert_non_null(strstr(diag_get(b.diags, 0)->message, "600 tokens exceed the 300 rows"));
    assert_non_null(strstr(diag_get(b.diags, 0)->loc.where, "/wpe/Slice"));
    close_bound(&b);
}

static void test_frozen(void **state) {
    (void)state;
    const bind_port frozen[] = {{"input_ids", ELEM_i64, 2, {SIZE(1), SIZE(9)}}};
    bound b = bind((toy){.width = 8}, frozen, 1, NULL, 0, 0);
    assert_non_null(b.m);
    assert_int_equal(b.m->funcs.count, 1);
    assert_int_equal(tokens_of(&b, "max"), 9);
    close_bound(&b);
    // Declared free, frozen inside: the one count that it takes, if that is a usual one.
    static const int64_t traced[] = {9, 1, 77, 197};
    for (size_t i = 0; i < ARRAY_LEN(traced); i++) {
        b = bind((toy){.width = 8, .only = traced[i]}, ids, 1, NULL, 0, 0);
        assert_non_null(b.m);
        assert_int_equal(b.m->funcs.count, 1);
        assert_int_equal(tokens_of(&b, "max"), traced[i]);
        assert_non_null(strstr(b.m->notes.items[0], "tokens alone, though dimension 'sequence'"));
        close_bound(&b);
    }
    // Else told, and bound by name it works.
    b = bind((toy){.width = 8, .only = 300}, ids, 1, NULL, 0, 0);
    assert_null(b.m);
    bool told = false;
    for (size_t i = 0; i < diag_count(b.diags); i++)
        told |= strstr(diag_get(b.diags, i)->message, "--bind sequence=N") != NULL;
    assert_true(told);
    close_bound(&b);
    b = bind((toy){.width = 8, .only = 9}, ids, 1, (bind_value[]){{"sequence", "9"}}, 1, 0);
    assert_non_null(b.m);
    assert_int_equal(b.m->funcs.count, 1);
    close_bound(&b);
}

static void test_values(void **state) {
    (void)state;
    bound b = bind((toy){.width = 8}, ids, 1, (bind_value[]){{"input_ids", "positions"}}, 1, 50);
    assert_non_null(b.m);
    const ir_func *f = ir_func_find(b.m, "n1");
    assert_int_equal(f->params.count, 0);
    const tensor *t = ir_const_of(b.m, f, f->ops.items[0].result[0]);
    assert_non_null(t);
    assert_int_equal(elem_load_i64(t->type, t->data, 5), 5);
    close_bound(&b);
}

// ---- roles -------------------------------------------------------------------------------------

static bind_role *roles(arena *a, const bind_port *p, size_t n, const pass_options *o,
                        diag_sink *diags) {
    bind_source s = {.inputs = p, .n_inputs = n};
    return bind_roles(a, &s, &(bind_options){.o = o}, diags);
}

static void test_roles(void **state) {
    (void)state;
    arena *a = arena_new();
    diag_sink *d = diag_sink_new();
    pass_options o = pass_options_default();
    const bind_port decoder[] = {
        {"input_ids", ELEM_i64, 2, {FREE("batch_size"), FREE("sequence_length")}},
        {"attention_mask",
         ELEM_i64,
         2,
         {FREE("batch_size"), FREE("past_sequence_length + sequence_length")}},
        {"position_ids", ELEM_i64, 2, {FREE("batch_size"), FREE("sequence_length")}},
        {"past_key_values.0.key",
         ELEM_f32,
         4,
         {FREE("batch_size"), SIZE(2), FREE("past_sequence_length"), SIZE(16)}}};
    const bind_role *r = roles(a, decoder, 4, &o, d);
    assert_non_null(r);
    assert_string_equal(r[0].axis[0], "batch");
    assert_int_equal(r[0].size[0], 1);
    assert_string_equal(r[0].axis[1], "tokens");
    assert_string_equal(r[1].role, "mask");
    assert_string_equal(r[1].axis[1], "total");
    assert_string_equal(r[2].role, "positions");
    assert_string_equal(r[3].role, "past");
    assert_string_equal(r[3].axis[2], "past");
    assert_string_equal(r[3].axis[1], "fixed");
    // Names that say nothing: by place. A mask beside a cache has its own length.
    const bind_port nameless[] = {
        {"a", ELEM_i64, 2, {FREE("s18"), FREE("s41")}},
        {"mask", ELEM_i64, 2, {FREE("s18"), FREE("s7")}},
        {"past_k", ELEM_f32, 4, {FREE("s18"), SIZE(2), FREE("s9"), SIZE(4)}},
        {"embeds", ELEM_f32, 3, {FREE(NULL), FREE(NULL), SIZE(64)}}};
    r = roles(a, nameless, 4, &o, d);
    assert_non_null(r);
    assert_string_equal(r[0].axis[1], "tokens");
    assert_string_equal(r[1].axis[1], "total");
    assert_string_equal(r[2].axis[2], "past");
    assert_string_equal(r[3].axis[1], "tokens");
    // Options have the last word.
    const bind_port image[] = {
        {"pixels", ELEM_f32, 4, {FREE("batch"), SIZE(3), FREE("height"), FREE("width")}}};
    const pass_axis_role axis = {"pixels", 2, "tokens", NULL},
                         axis2 = {"pixels", 3, "tokens", NULL};
    o.axes = (pass_axis_role[]){axis, axis2};
    o.n_axes = 2;
    r = roles(a, image, 1, &o, d);
    assert_non_null(r);
    assert_string_equal(r[0].axis[2], "tokens");
    diag_sink_free(d);
    arena_free(a);
}

// ---- sizes that the model leaves open ----------------------------------------------------------

// What operators take: axis 3 of "past.0", then axis 1 of "past.1". "spare" is read by nothing.
static bool ask_toy(void *ctx, bind_size *wanted, bool *is_read) {
    bind_role *r = ctx;
    is_read[0] = is_read[1] = true;
    is_read[2] = false;
    *wanted = r[0].size[3] != 16  ? (bind_size){"past.0", 3, 16}
              : r[1].size[1] != 2 ? (bind_size){"past.1", 1, 2}
                                  : (bind_size){0};
    return wanted->input == NULL;
}

static bool ask_nothing(void *ctx, bind_size *wanted, bool *is_read) {
    (void)ctx;
    *wanted = (bind_size){0};
    is_read[0] = true;
    return true;
}

static void test_open_sizes(void **state) {
    (void)state;
    arena *a = arena_new();
    diag_sink *d = diag_sink_new();
    pass_options o = pass_options_default();
    const bind_port caches[] = {
        {"past.0", ELEM_f32, 4, {FREE("batch"), SIZE(2), FREE("past"), FREE("cache_dim")}},
        {"past.1", ELEM_f32, 4, {FREE("batch"), FREE("heads"), FREE("past"), FREE("cache_dim")}},
        {"spare", ELEM_f32, 2, {FREE("batch"), FREE(NULL)}}};
    bind_source s = {.inputs = caches, .n_inputs = 3};
    bind_role *r = roles(a, caches, 3, &o, d);
    r[2].axis[1] = "fixed";
    assert_true(bind_sizes(a, &s, r, ask_toy, r, d));
    assert_int_equal(r[0].size[3], 16);
    assert_int_equal(r[1].size[3], 16); // of the same name
    assert_int_equal(r[1].size[1], 2);
    assert_int_equal(r[2].size[1], 1);
    assert_int_equal(r[0].size[2], -1); // the past is no size of the model
    // An image whose sizes are free: nobody can tell.
    const bind_port image[] = {
        {"pixels", ELEM_f32, 4, {FREE("batch"), SIZE(3), FREE("height"), FREE("width")}}};
    s = (bind_source){.inputs = image, .n_inputs = 1};
    r = roles(a, image, 1, &o, d);
    assert_false(bind_sizes(a, &s, r, ask_nothing, NULL, d));
    assert_int_equal(diag_errors(d), 2);
    assert_int_equal(diag_get(d, 0)->id, DIAG_ID_tok_role);
    assert_non_null(strstr(diag_get(d, 0)->message, "--bind height=N"));
    diag_sink_free(d);
    arena_free(a);
}

// What nothing reads counts no tokens, whatever its dimensions are called.
static void test_unread(void **state) {
    (void)state;
    static const bind_port more[] = {{"labels", ELEM_i64, 1, {FREE("n")}},
                                     {"labels", ELEM_i64, 2, {FREE("batch"), FREE("label_seq")}},
                                     {"labels", ELEM_f32, 3, {FREE("b"), FREE("len"), SIZE(4)}}};
    for (size_t i = 0; i < ARRAY_LEN(more); i++) {
        const bind_port inputs[] = {ids[0], more[i]};
        bound b = bind((toy){.width = 8}, inputs, 2, NULL, 0, 0);
        assert_non_null(b.m);
        assert_int_equal(b.m->funcs.count, 4);
        assert_string_equal(b.m->notes.items[0], "input 'labels' is read by nothing");
        close_bound(&b);
    }
}

// ---- two decoders in one -----------------------------------------------------------------------

#define CACHE(name, past)                                                  \
    {                                                                      \
        name, ELEM_f32, 4, { FREE("batch"), SIZE(2), FREE(past), SIZE(4) } \
    }

// Of a merged model the branch without caches: no @past, and names tell which output gives which
// cache back. The encoder's caches are nobody's.
static void test_branches(void **state) {
    (void)state;
    const bind_port merged[] = {
        ids[0],
        {"encoder_attention_mask", ELEM_i64, 2, {FREE("batch"), FREE("encoder_sequence")}},
        {"attention_mask", ELEM_i64, 2, {FREE("batch"), FREE("mask_sequence")}},
        CACHE("past_key_values.0.decoder.key", "past_decoder_sequence"),
        CACHE("past_key_values.0.encoder.key", "encoder_sequence"),
        {"use_cache_branch", ELEM_bool, 1, {SIZE(1)}}};
    enum { N = ARRAY_LEN(merged) };
    bound b = bind((toy){.width = 8}, merged, N, NULL, 0, 0);
    assert_non_null(b.m);
    assert_null(ir_func_find(b.m, "past"));
    static const char *const notes[] = {
        "input 'past_key_values.0.encoder.key' is computed by the program",
        "input 'use_cache_branch' is bound to 0: of its two branches that one begins a text"};
    for (size_t k = 0; k < ARRAY_LEN(notes); k++) {
        bool found = false;
        for (size_t i = 0; i < b.m->notes.count; i++)
            found |= strncmp(b.m->notes.items[i], notes[k], strlen(notes[k])) == 0;
        if (!found) fail_msg("not noted: %s", notes[k]);
    }
    close_bound(&b);

    arena *a = arena_new();
    diag_sink *d = diag_sink_new();
    pass_options o = pass_options_default();
    bind_role *r = roles(a, merged, N, &o, d);
    assert_true(r[5].is_branch && r[5].is_bound);
    assert_string_equal(r[5].value, "0");
    assert_string_equal(r[1].axis[1], "tokens"); // of the encoder: it covers no past
    assert_string_equal(r[2].axis[1], "total");
    ir_module *m = ir_module_new();
    ir_func *f = ir_func_add(m, "f");
    static const char *const given[] = {"logits", "present.0.decoder.key", "present.0.encoder.key",
                                        "present.1.decoder.key"};
    for (size_t i = 0; i < ARRAY_LEN(given); i++)
        ir_result_add(m, f, given[i], constant(m, f, "table", 5, 4));
    const bind_source s = {.inputs = merged, .n_inputs = N};
    bind_link_caches(m->arena, &s, r, f);
    for (size_t i = 0; i < ARRAY_LEN(given); i++)
        assert_string_equal(ir_attr_str(&f->results.items[i].attrs, IR_ATTR_preload, ""),
                            i == 1 ? "past_key_values.0.decoder.key" : "");
    ir_module_free(m);

    // Bound otherwise it is an input like any.
    const bind_value other = {"use_cache_branch", "1"};
    const bind_options asked = {&o, &other, 1};
    r = bind_roles(a, &s, &asked, d);
    assert_true(!r[5].is_branch && r[5].is_bound);
    assert_string_equal(r[5].value, "1");
    diag_sink_free(d);
    arena_free(a);
}

// ---- an encoder and a decoder ------------------------------------------------------------------

// Ids of several inputs, each looked up; input i is added to input with[i], whose length it must
// have (-1: to nothing). rows[i] > 0: a position table of so many rows.
typedef struct {
    int with[4];
    int64_t rows[4];
} sums;

static bool import_sums(void *ctx, const bind_shape *shapes, const tensor_named *values,
                        size_t n_values, ir_module *m, const char *name, bind_size *wanted,
                        diag_sink *diags) {
    (void)wanted;
    (void)values;
    (void)n_values;
    const sums *t = ctx;
    static const char *const names[] = {"a", "b", "c", "d"};
    ir_func *f = ir_func_add(m, name);
    ir_val x[4];
    for (int i = 0; i < 4 && shapes[i].input; i++) {
        ir_val in = ir_param_add(m, f, shapes[i].input,
                                 ir_type_make(ELEM_i64, shapes[i].rank, shapes[i].dim));
        ir_attrs axis = {0};
        int64_t n = shapes[i].dim[1];
        ir_attr_set_int(m->arena, &axis, IR_ATTR_axis, 0);
        x[i] = ir_build(m, f, IR_t_gather, (ir_val[]){constant(m, f, "table", 50, 8), in}, 2, &axis,
                        NULL, diags);
        if (t->rows[i] && n <= t->rows[i]) {
            ir_val pos = constant(m, f, names[i], t->rows[i], 8);
            ir_attrs a = {0};
            ir_attr_set_ints(m->arena, &a, IR_ATTR_starts, (int64_t[]){0, 0}, 2);
            ir_attr_set_ints(m->arena, &a, IR_ATTR_steps, (int64_t[]){1, 1}, 2);
            ir_type type = ir_type_make(ELEM_f32, 2, (int64_t[]){n, 8});
            pos = ir_build_typed(m, f, IR_t_slice, &pos, 1, &a, &type, NULL);
            x[i] = ir_build(m, f, IR_t_add, (ir_val[]){x[i], pos}, 2, NULL, NULL, diags);
        } else if (t->rows[i]) {
            diag_emit(diags, DIAG_ID_onnx_unsupported, DIAG_NOWHERE, "does not broadcast");
            return false;
        }
        if (t->with[i] >= 0)
            x[i] = ir_build(m, f, IR_t_add, (ir_val[]){x[t->with[i]], x[i]}, 2, NULL, NULL, diags);
        if (x[i] == IR_NONE) return false;
        ir_result_add(m, f, names[i], x[i]);
    }
    return true;
}

static bound bind_sums(sums t, const bind_port *inputs, size_t n, const pass_axis_role *axes,
                       size_t n_axes, int64_t max_tokens) {
    bound b = {.diags = diag_sink_new()};
    pass_options o = pass_options_default();
    o.axes = axes;
    o.n_axes = n_axes;
    o.max_tokens = max_tokens;
    bind_source s = {.ctx = &t, .inputs = inputs, .n_inputs = n, .import = import_sums};
    b.m = bind_module(&s, &(bind_options){&o, NULL, 0}, NULL, b.diags);
    return b;
}

// Length of input i at a probe.
static int64_t length_at(const bound *b, const char *probe, size_t i) {
    if (!b->m) diag_print(b->diags, 0, stderr, false);
    assert_non_null(b->m);
    const ir_func *f = ir_func_find(b->m, probe);
    return ir_type_of(f, f->params.items[i].value)->dim[1];
}

static const char *word_of(const bound *b, size_t i) {
    size_t n;
    const ir_func *f = ir_func_find(b->m, "n1");
    return ir_attr_strs(&f->params.items[i].attrs, IR_ATTR_onnx_shape, &n)[1];
}

static const sums apart = {{-1, -1, -1, -1}, {0}};

// Two lengths that are independent are two: other sizes at each probe, that no small function leads
// from one to the other.
static void test_two_lengths(void **state) {
    (void)state;
    const bind_port two[] = {
        {"input_ids", ELEM_i64, 2, {FREE("batch"), FREE("encoder_sequence")}},
        {"decoder_input_ids", ELEM_i64, 2, {FREE("batch"), FREE("decoder_sequence")}}};
    bound b = bind_sums(apart, two, 2, NULL, 0, 0);
    static const char *const probes[] = {"n1", "n2", "n3"};
    static const int64_t encoder[] = {47, 53, 61}, decoder[] = {37, 41, 43};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(length_at(&b, probes[i], 0), encoder[i]);
        assert_int_equal(length_at(&b, probes[i], 1), decoder[i]);
        assert_int_equal(tokens_of(&b, probes[i]), decoder[i]);
    }
    assert_int_equal(length_at(&b, "max", 0), 512);
    assert_int_equal(length_at(&b, "max", 1), 512);
    assert_string_equal(word_of(&b, 0), "tokens:enc");
    assert_string_equal(word_of(&b, 1), "tokens");
    close_bound(&b);
    // Independent by name alone: what is added must be as long.
    b = bind_sums((sums){{-1, 0, -1, -1}, {0}}, two, 2, NULL, 0, 0);
    assert_int_equal(length_at(&b, "n2", 0), 41);
    assert_int_equal(length_at(&b, "n2", 1), 41);
    assert_string_equal(word_of(&b, 0), "tokens");
    close_bound(&b);
}

// The side that says nothing is the other one; a mask with a length of its own goes where it fits.
static void test_sides(void **state) {
    (void)state;
    const bind_port masked[] = {{"tokens", ELEM_i64, 2, {FREE("batch"), FREE("s1")}},
                                {"attention_mask", ELEM_i64, 2, {FREE("batch"), FREE("s2")}},
                                {"encoder_states", ELEM_i64, 2, {FREE("batch"), FREE("s3")}}};
    bound b = bind_sums((sums){{-1, -1, 1, -1}, {0}}, masked, 3, NULL, 0, 0);
    assert_int_equal(length_at(&b, "n1", 0), 37);
    assert_int_equal(length_at(&b, "n1", 1), 47);
    assert_int_equal(length_at(&b, "n1", 2), 47);
    close_bound(&b);
    b = bind_sums((sums){{-1, 0, -1, -1}, {0}}, masked, 3, NULL, 0, 0);
    assert_int_equal(length_at(&b, "n1", 1), 37);
    close_bound(&b);
    // Names that do not tell: options do.
    const bind_port nameless[] = {{"x", ELEM_i64, 2, {FREE("batch"), FREE("s1")}},
                                  {"y", ELEM_i64, 2, {FREE("batch"), FREE("s2")}},
                                  {"z", ELEM_i64, 2, {FREE("batch"), FREE("s3")}}};
    b = bind_sums(apart, nameless, 2, NULL, 0, 0);
    assert_null(b.m);
    assert_int_equal(diag_get(b.diags, 0)->id, DIAG_ID_tok_role);
    assert_non_null(strstr(diag_get(b.diags, 0)->message,
                           "dimensions 's1' and 's2' count different tokens: say which are the "
                           "encoder's (--axis x:1=tokens:enc)"));
    close_bound(&b);
    const pass_axis_role enc = {"y", 1, "tokens", "enc"}, dec = {"y", 1, "tokens", "dec"};
    b = bind_sums(apart, nameless, 2, &enc, 1, 0);
    assert_int_equal(length_at(&b, "n1", 0), 37);
    assert_int_equal(length_at(&b, "n1", 1), 47);
    close_bound(&b);
    b = bind_sums(apart, nameless, 2, &dec, 1, 0);
    assert_int_equal(length_at(&b, "n1", 0), 47);
    assert_int_equal(length_at(&b, "n1", 1), 37);
    close_bound(&b);
    // A third count, which nothing ties to the others; one that is tied; one that is asked for.
    b = bind_sums(apart, nameless, 3, &enc, 1, 0);
    assert_null(b.m);
    assert_non_null(strstr(diag_get(b.diags, 0)->message,
                           "dimension 's3' counts neither the tokens of 's2' nor those of 's1'"));
    close_bound(&b);
    b = bind_sums((sums){{-1, -1, 1, -1}, {0}}, nameless, 3, &enc, 1, 0);
    assert_int_equal(length_at(&b, "n1", 2), 47);
    close_bound(&b);
    const pass_axis_role all[] = {enc, {"x", 1, "tokens", "dec"}, {"z", 1, "tokens", "dec"}};
    b = bind_sums(apart, nameless, 3, all, 3, 0);
    assert_int_equal(length_at(&b, "n1", 2), 37);
    close_bound(&b);
}

// Fixed sizes are told by names alone, a mask by its size.
static void test_fixed_sides(void **state) {
    (void)state;
    const bind_port fixed[] = {{"input_ids", ELEM_i64, 2, {SIZE(1), SIZE(9)}},
                               {"attention_mask", ELEM_i64, 2, {SIZE(1), SIZE(9)}},
                               {"decoder_input_ids", ELEM_i64, 2, {SIZE(1), SIZE(6)}},
                               {"decoder_attention_mask", ELEM_i64, 2, {SIZE(1), SIZE(6)}}};
    bound b = bind_sums(apart, fixed, 4, NULL, 0, 0);
    assert_non_null(b.m);
    static const char *const words[] = {"tokens:enc", "tokens:enc", "tokens", "tokens"};
    for (size_t i = 0; i < 4; i++) {
        const ir_func *f = ir_func_find(b.m, "max");
        size_t n;
        assert_string_equal(ir_attr_strs(&f->params.items[i].attrs, IR_ATTR_onnx_shape, &n)[1],
                            words[i]);
    }
    assert_int_equal(b.m->funcs.count, 1);
    assert_int_equal(tokens_of(&b, "max"), 6);
    close_bound(&b);
    // One side alone is the only one, whatever its name.
    b = bind_sums(apart, fixed, 2, NULL, 0, 0);
    assert_int_equal(tokens_of(&b, "max"), 9);
    close_bound(&b);
    // An encoder of one length in front of a free decoder; not the other way round.
    const bind_port mixed[] = {{"src", ELEM_i64, 2, {FREE("batch"), SIZE(9)}},
                               {"tgt", ELEM_i64, 2, {FREE("batch"), FREE("n")}}};
    b = bind_sums(apart, mixed, 2, NULL, 0, 0);
    assert_int_equal(length_at(&b, "n2", 0), 9);
    assert_int_equal(length_at(&b, "n2", 1), 41);
    assert_string_equal(word_of(&b, 0), "tokens:enc");
    close_bound(&b);
    const bind_port turned[] = {{"src", ELEM_i64, 2, {FREE("batch"), FREE("n")}},
                                {"tgt", ELEM_i64, 2, {FREE("batch"), SIZE(9)}}};
    b = bind_sums(apart, turned, 2, NULL, 0, 0);
    assert_null(b.m);
    assert_non_null(strstr(diag_get(b.diags, 0)->message, "the decoder's tokens are fixed"));
    close_bound(&b);
}

// Each side has its own longest sequence.
static void test_side_tables(void **state) {
    (void)state;
    const bind_port two[] = {{"src", ELEM_i64, 2, {FREE("batch"), FREE("src_len")}},
                             {"tgt", ELEM_i64, 2, {FREE("batch"), FREE("tgt_len")}}};
    bound b = bind_sums((sums){{-1, -1, -1, -1}, {40, 100}}, two, 2, NULL, 0, 0);
    assert_int_equal(length_at(&b, "max", 0), 40);
    assert_int_equal(length_at(&b, "max", 1), 100);
    assert_true(length_at(&b, "n3", 0) <= 40);
    assert_int_equal(length_at(&b, "n3", 1), 43);
    close_bound(&b);
    b = bind_sums((sums){{-1, -1, -1, -1}, {40, 100}}, two, 2, NULL, 0, 64);
    assert_int_equal(length_at(&b, "max", 0), 40);
    assert_int_equal(length_at(&b, "max", 1), 64);
    assert_non_null(strstr(b.m->notes.items[0], "the encoder takes 40 tokens at most"));
    close_bound(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),       cmocka_unit_test(test_tables),
        cmocka_unit_test(test_frozen),      cmocka_unit_test(test_values),
        cmocka_unit_test(test_roles),       cmocka_unit_test(test_open_sizes),
        cmocka_unit_test(test_branches),    cmocka_unit_test(test_unread),
        cmocka_unit_test(test_two_lengths), cmocka_unit_test(test_sides),
        cmocka_unit_test(test_side_tables), cmocka_unit_test(test_fixed_sides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
