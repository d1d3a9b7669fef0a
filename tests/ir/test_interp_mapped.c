// The mapped stage computes what the graph stage does, to the bit: products in blocks, quantised
// rows, digital instructions, ports.
#include "ir/kernel/q8.h"
#include "support/num/num.h"
#include "tests/ir/interp_help.h"

static int64_t *rows(int64_t n) {
    static int64_t list[IR_MAX_DOMAINS];
    list[0] = n;
    return list;
}

// A function over f32[t0,width] with one result per value of `list`, run on x.
static void run_all(help *h, ir_func *f, const ir_val *list, size_t n, const tensor *x,
                    tensor *out) {
    for (size_t i = 0; i < n; i++)
        if (list[i] != IR_NONE) ir_result_add(h->m, f, "y", list[i]);
    ir_interp *t = interp_of(h, f);
    must(h, ir_interp_step(t, rows(x->dim[0]), x, h->a, out));
    ir_interp_free(t);
}

static ir_func *func_of(help *h, int64_t width, ir_val *x) {
    domain_free(h, 0, 1000);
    ir_func *f = ir_func_add(h->m, "run");
    *x = ir_param_add(h->m, f, "x", rows_type(ELEM_f32, 0, width));
    return f;
}

// ---- quantised rows ----------------------------------------------------------------------------

static void quantised_rows(void **state) {
    help *h = *state;
    struct {
        ir_quantisation mode;
        float scale;
        int zero;
        float x[4];
        int codes[4];
        float want_scale;
        int want_zero;
    } cases[] = {
        {IR_QUANT_SYM, 0, 0, {1, -2, 0.5f, NAN}, {64, -127, 32, 0}, 2.0f / 127, 0},
        {IR_QUANT_SYM, 0, 0, {0, 0, 0, 0}, {0, 0, 0, 0}, 0, 0},
        {IR_QUANT_ASYM, 0, 0, {0, 2, -3, 0}, {25, 127, -128, 25}, 5.0f / 255, 25},
        {IR_QUANT_ASYM, 0, 0, {1, 2, 2, 1}, {-1, 127, 127, -1}, 2.0f / 255, -128},
        {IR_QUANT_STATIC, 0.5f, 0, {1, -1000, 1000, 0.25f}, {2, -127, 127, 0}, 0.5f, 0},
        {IR_QUANT_STATIC, 0.5f, 3, {1, -INFINITY, INFINITY, 0.75f}, {5, -128, 127, 5}, 0.5f, 3},
    };
    (void)h;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int8_t codes[4];
        q8_trailer t;
        q8_quantise(codes, &t, cases[i].x, 4,
                    &(q8_form){cases[i].mode, cases[i].scale, cases[i].zero, 8});
        int sum = 0;
        for (int k = 0; k < 4; k++) {
            if (codes[k] != cases[i].codes[k])
                fail_msg("case %zu: code %d is %d, expected %d", i, k, codes[k], cases[i].codes[k]);
            sum += codes[k];
        }
        assert_true(t.scale == cases[i].want_scale);
        assert_int_equal(t.zero, cases[i].want_zero);
        assert_int_equal(t.sum, sum);
    }
}

// ---- products --------------------------------------------------------------------------------

enum { K = 150, NA = 40, NB = 23, N = NA + NB };

static void group_list(help *h, ir_symbol *g, ir_key key, const char *a, const char *b) {
    ir_attr_set_strs(h->a, &g->attrs, key, (const char *[]){a, b}, 2);
}

static const char *add_group(help *h, const char *name, bool codes, bool zeros, int64_t k0,
                             int64_t k1, int64_t n0, int64_t n1) {
    ir_symbol *g = ir_symbol_add(h->m, IR_SYM_GROUP, name);
    group_list(h, g, IR_ATTR_weights, codes ? "qa" : "wa", codes ? "qb" : "wb");
    group_list(h, g, IR_ATTR_wbias, NULL, "bias");
    if (codes) group_list(h, g, IR_ATTR_wscale, "sa", "sb");
    if (zeros) group_list(h, g, IR_ATTR_wzero, "za", "zb");
    ir_attr_set_ints(h->a, &g->attrs, IR_ATTR_wtrans, (int64_t[]){0, 1}, 2);
    ir_attr_set_int(h->a, &g->attrs, IR_ATTR_k0, k0);
    ir_attr_set_int(h->a, &g->attrs, IR_ATTR_k1, k1);
    ir_attr_set_int(h->a, &g->attrs, IR_ATTR_n0, n0);
    ir_attr_set_int(h->a, &g->attrs, IR_ATTR_n1, n1);
    return g->name;
}

static void add_weights(help *h) {
    ir_symbol_add_tensor(h->m, "wa", tn_random(h, ELEM_f32, DIMS(K, NA), 11));
    ir_symbol_add_tensor(h->m, "wb", tn_random(h, ELEM_f32, DIMS(NB, K), 12));
    ir_symbol_add_tensor(h->m, "qa", tn_random(h, ELEM_i8, DIMS(K, NA), 13));
    ir_symbol_add_tensor(h->m, "qb", tn_random(h, ELEM_i8, DIMS(NB, K), 14));
    ir_symbol_add_tensor(h->m, "sa", tn_random(h, ELEM_f32, DIMS(NA), 15));
    ir_symbol_add_tensor(h->m, "sb", tn_random(h, ELEM_f32, DIMS(NB), 16));
    ir_symbol_add_tensor(h->m, "za", tn_random(h, ELEM_i32, DIMS(NA), 17));
    ir_symbol_add_tensor(h->m, "zb", I32("1", "-5"));
    ir_symbol_add_tensor(h->m, "bias", tn_random(h, ELEM_f32, DIMS(NB), 18));
}

// w(k, n) of the whole matrix; codes, or real numbers.
static double weight(help *h, bool codes, int k, int n) {
    const tensor *a = &ir_symbol_find(h->m, codes ? "qa" : "wa")->data;
    const tensor *b = &ir_symbol_find(h->m, codes ? "qb" : "wb")->data;
    return n < NA ? elem_load_f64(a->type, a->data, (size_t)(k * NA + n))
                  : elem_load_f64(b->type, b->data, (size_t)((n - NA) * K + k));
}
static double column(help *h, const char *a, const char *b, int n) {
    const char *name = n < NA ? a : b; // NULL: zeros
    if (!name) return 0;
    const tensor *t = &ir_symbol_find(h->m, name)->data;
    size_t i = tensor_count(t) == 1 ? 0 : (size_t)(n < NA ? n : n - NA);
    return elem_load_f64(t->type, t->data, i);
}

static ir_val mvm(help *h, ir_func *f, ir_val x, const char *group, bool raw, int64_t width) {
    set_str(h, IR_ATTR_group, group);
    if (raw) set_int(h, IR_ATTR_raw, 1);
    return add_op(h, f, IR_xbar_mvm, VALS(x), rows_type(raw ? ELEM_i32 : ELEM_f32, 0, width));
}
static ir_val cols(help *h, ir_func *f, ir_val x, elem e, int64_t from, int64_t until) {
    set_int(h, IR_ATTR_from, from);
    set_int(h, IR_ATTR_until, until);
    return add_op(h, f, IR_row_cols, VALS(x), rows_type(e, 0, until - from));
}

static void integer_products(void **state) {
    for (int variant = 0; variant < 4; variant++) {
        help *h;
        help_setup((void **)&h);
        bool asym = variant & 1, zeros = variant & 2;
        add_weights(h);
        add_group(h, "whole", true, zeros, 0, K, 0, N);
        add_group(h, "right", true, zeros, 0, K, 30, 50); // columns of both sources
        ir_val x;
        ir_func *f = func_of(h, K, &x);
        set_str(h, IR_ATTR_mode, asym ? "asym" : "sym");
        ir_val q = add_op(h, f, IR_nn_quant, VALS(x), rows_type(ELEM_q8, 0, K));
        ir_val whole = mvm(h, f, q, "whole", false, N), right = mvm(h, f, q, "right", false, 20);
        // Three row blocks, summed as they travel, finished at the end.
        const int64_t cut[4] = {0, 64, 128, K};
        ir_val sum = IR_NONE;
        for (int i = 0; i < 3; i++) {
            char name[8];
            snprintf(name, sizeof name, "b%d", i);
            add_group(h, name, true, zeros, cut[i], cut[i + 1], 0, N);
            ir_val part = cols(h, f, q, ELEM_q8, cut[i], cut[i + 1]);
            ir_val raw = mvm(h, f, part, name, true, N);
            if (sum == IR_NONE) {
                sum = raw;
                continue;
            }
            set_int(h, IR_ATTR_channel, i);
            ir_val sent = add_op(h, f, IR_net_send, VALS(sum), rows_type(ELEM_i32, 0, N));
            set_int(h, IR_ATTR_channel, i);
            sum = add_op(h, f, IR_net_recv_add, VALS(raw, sent), rows_type(ELEM_i32, 0, N));
        }
        set_str(h, IR_ATTR_group, "whole");
        ir_val fin = add_op(h, f, IR_xbar_fin, VALS(sum), rows_type(ELEM_f32, 0, N));
        // The graph's form of the first source.
        set_str(h, IR_ATTR_value, "qa");
        ir_val qa = add_op(h, f, IR_t_const, NULL, 0, ir_type_make(ELEM_i8, DIMS(K, NA)));
        ir_attr_set_strs(h->a, &h->attrs, IR_ATTR_wscale, (const char *[]){"sa"}, 1);
        if (zeros) ir_attr_set_strs(h->a, &h->attrs, IR_ATTR_wzero, (const char *[]){"za"}, 1);
        ir_val linear = add_op(h, f, IR_nn_linear, VALS(q, qa), rows_type(ELEM_f32, 0, NA));
        ir_val back = cols(h, f, fin, ELEM_f32, 0, NA), middle = cols(h, f, fin, ELEM_f32, 30, 50);
        tensor in = tn_random(h, ELEM_f32, DIMS(11, K), 3), out[6], want = F32("11 63", NULL);
        memset((float *)in.data + 5 * K, 0, K * sizeof(float)); // a row of zeros
        run_all(h, f, (ir_val[]){whole, fin, right, middle, linear, back}, 6, &in, out);
        for (int r = 0; r < 11; r++) {
            int8_t codes[K];
            q8_trailer t;
            q8_quantise(codes, &t, (float *)in.data + r * K, K,
                        &(q8_form){asym ? IR_QUANT_ASYM : IR_QUANT_SYM, 0, 0, 8});
            for (int n = 0; n < N; n++) {
                int64_t zw = zeros ? (int64_t)column(h, "za", "zb", n) : 0, i = 0;
                for (int k = 0; k < K; k++)
                    i += (codes[k] - t.zero) * ((int64_t)weight(h, true, k, n) - zw);
                double factor = (double)t.scale * column(h, "sa", "sb", n);
                ((float *)want.data)[r * N + n] =
                    (float)((double)i * factor + column(h, NULL, "bias", n));
            }
        }
        assert_numbers(out[0], want);
        assert_numbers(out[1], want);
        assert_numbers(out[3], out[2]);
        assert_numbers(out[5], out[4]);
        help_teardown((void **)&h);
    }
}

static void float_products(void **state) {
    help *h = *state;
    add_weights(h);
    add_group(h, "floats", false, false, 0, K, 0, N);
    add_group(h, "codes", true, true, 0, K, 0, N);
    ir_val x;
    ir_func *f = func_of(h, K, &x);
    set_str(h, IR_ATTR_mode, "asym");
    ir_val q = add_op(h, f, IR_nn_quant, VALS(x), rows_type(ELEM_q8, 0, K));
    ir_val a = mvm(h, f, x, "floats", false, N);
    ir_val b = mvm(h, f, q, "floats", false, N); // rows widened
    ir_val c = mvm(h, f, x, "codes", false, N);  // weights widened
    ir_val gate = cols(h, f, x, ELEM_f32, 0, 1);
    set_str(h, IR_ATTR_group, "floats");
    ir_val gated = add_op(h, f, IR_xbar_mvm, VALS(x, gate), rows_type(ELEM_f32, 0, N));
    tensor in = tn_random(h, ELEM_f32, DIMS(9, K), 4), out[4];
    ((float *)in.data)[2 * K] = 0; // the third row's gate
    run_all(h, f, (ir_val[]){a, b, c, gated}, 4, &in, out);
    for (int r = 0; r < 9; r++) {
        int8_t codes[K];
        q8_trailer t;
        const float *row = (float *)in.data + r * K;
        q8_quantise(codes, &t, row, K, &(q8_form){IR_QUANT_ASYM, 0, 0, 8});
        for (int n = 0; n < N; n++) {
            double s[3] = {0, 0, 0}, bias = column(h, NULL, "bias", n);
            for (int k = 0; k < K; k++) {
                double w = weight(h, false, k, n);
                float wide = (float)(column(h, "sa", "sb", n) *
                                     (weight(h, true, k, n) - column(h, "za", "zb", n)));
                s[0] += (double)row[k] * w;
                s[1] += (double)(float)((double)t.scale * (codes[k] - t.zero)) * w;
                s[2] += (double)row[k] * (double)wide;
            }
            for (int i = 0; i < 3; i++)
                assert_true(((float *)out[i].data)[r * N + n] == (float)(s[i] + bias));
            float y = ((float *)out[3].data)[r * N + n];
            assert_true(y == (r == 2 ? 0 : ((float *)out[0].data)[r * N + n]));
        }
    }
}

// ---- digital instructions
// ------------------------------------------------------------------------

static void digital_equals_graph(void **state) {
    help *h = *state;
    enum { W = 24 };
    ir_symbol_add_tensor(h->m, "row", tn_random(h, ELEM_f32, DIMS(W), 5));
    ir_symbol_add_tensor(h->m, "row2", tn_random(h, ELEM_f32, DIMS(1, W), 6));
    ir_symbol_add_tensor(h->m, "cos", tn_random(h, ELEM_f32, DIMS(50, 2), 7));
    ir_symbol_add_tensor(h->m, "sin", tn_random(h, ELEM_f32, DIMS(50, 2), 8));
    tensor angles = tensor_new(h->a, ELEM_f32, DIMS(50, 4));
    for (int r = 0; r < 50; r++)
        for (int i = 0; i < 2; i++) {
            ((float *)angles.data)[r * 4 + i] =
                ((float *)ir_symbol_find(h->m, "cos")->data.data)[r * 2 + i];
            ((float *)angles.data)[r * 4 + 2 + i] =
                ((float *)ir_symbol_find(h->m, "sin")->data.data)[r * 2 + i];
        }
    ir_symbol_add_tensor(h->m, "angles", angles);
    ir_val x;
    ir_func *f = func_of(h, W, &x);
    ir_type type = rows_type(ELEM_f32, 0, W);
    ir_val pairs[40], constant[4];
    const char *names[] = {"row", "row2", "cos", "sin"};
    for (int i = 0; i < 4; i++) {
        const tensor *t = &ir_symbol_find(h->m, names[i])->data;
        set_str(h, IR_ATTR_value, names[i]);
        constant[i] = add_op(h, f, IR_t_const, NULL, 0, ir_type_make(t->type, t->rank, t->dim));
    }
    size_t n = 0;
#define FN1(name, code, summary)                               \
    if (n < 20) {                                              \
        set_str(h, IR_ATTR_fn, #name);                         \
        pairs[n++] = add_op(h, f, IR_dig_ew1, VALS(x), type);  \
        pairs[n++] = add_op(h, f, IR_t_##name, VALS(x), type); \
    }
#include "support/num/fn.def"
    set_str(h, IR_ATTR_fn, "silu_mul");
    set_str(h, IR_ATTR_table, "row2");
    pairs[n++] = add_op(h, f, IR_dig_ewt, VALS(x), type);
    pairs[n++] = add_op(h, f, IR_t_silu_mul, VALS(x, constant[1]), type);
    ir_val twice = add_op(h, f, IR_t_add, VALS(x, x), type);
    set_str(h, IR_ATTR_fn, "sub");
    pairs[n++] = add_op(h, f, IR_dig_ew2, VALS(x, twice), type);
    pairs[n++] = add_op(h, f, IR_t_sub, VALS(x, twice), type);
    set_float(h, IR_ATTR_lo, -1);
    pairs[n++] = add_op(h, f, IR_dig_clip, VALS(x), type);
    set_float(h, IR_ATTR_lo, -1);
    pairs[n++] = add_op(h, f, IR_t_clip, VALS(x), type);
    const char *modes[] = {"layer", "rms", "l2"};
    for (int i = 0; i < 3; i++) {
        set_str(h, IR_ATTR_mode, modes[i]);
        set_float(h, IR_ATTR_eps, 1e-5);
        ir_attr_set_strs(h->a, &h->attrs, IR_ATTR_weights,
                         (const char *[]){i == 1 ? NULL : "row", "row2"}, 2);
        pairs[n++] = add_op(h, f, IR_dig_norm, VALS(x), type);
        set_str(h, IR_ATTR_mode, modes[i]);
        set_float(h, IR_ATTR_eps, 1e-5);
        pairs[n++] =
            add_op(h, f, IR_nn_norm, VALS(x, i == 1 ? IR_NONE : constant[0], constant[1]), type);
    }
    set_int(h, IR_ATTR_segments, 1);
    set_str(h, IR_ATTR_mode, "log");
    pairs[n++] = add_op(h, f, IR_dig_softmax, VALS(x), type);
    set_int(h, IR_ATTR_axis, 1);
    pairs[n++] = add_op(h, f, IR_t_log_softmax, VALS(x), type);
    set_int(h, IR_ATTR_heads, 3);
    set_int(h, IR_ATTR_rotary_dim, 4);
    set_str(h, IR_ATTR_mode, "interleaved");
    set_str(h, IR_ATTR_table, "angles");
    pairs[n++] = add_op(h, f, IR_dig_rope, VALS(x), type);
    set_int(h, IR_ATTR_heads, 3);
    set_int(h, IR_ATTR_rotary_dim, 4);
    set_str(h, IR_ATTR_mode, "interleaved");
    pairs[n++] = add_op(h, f, IR_nn_rotate, VALS(x, constant[2], constant[3]), type);
    set_str(h, IR_ATTR_quant, "asym");
    ir_val q = add_op(h, f, IR_dig_copy, VALS(x), rows_type(ELEM_q8, 0, W));
    pairs[n++] = add_op(h, f, IR_dig_copy, VALS(q), type);
    set_str(h, IR_ATTR_mode, "asym");
    pairs[n++] = add_op(h, f, IR_nn_quant, VALS(x), rows_type(ELEM_q8, 0, W));
    // A row in two parts, quantised by its largest element.
    set_str(h, IR_ATTR_mode, "sym");
    pairs[n++] = add_op(h, f, IR_nn_quant, VALS(x), rows_type(ELEM_q8, 0, W));
    set_str(h, IR_ATTR_fn, "absmax");
    set_int(h, IR_ATTR_segments, 1);
    ir_val most = add_op(h, f, IR_dig_red, VALS(x), rows_type(ELEM_f32, 0, 1)), part[2];
    for (int i = 0; i < 2; i++) {
        set_int(h, IR_ATTR_from, i ? 5 : 0);
        set_int(h, IR_ATTR_until, i ? W : 5);
        const ir_type codes = rows_type(ELEM_q8, 0, i ? W - 5 : 5);
        part[i] = add_op(h, f, IR_row_cols, VALS(x), rows_type(ELEM_f32, 0, i ? W - 5 : 5));
        set_str(h, i ? IR_ATTR_quant : IR_ATTR_mode, "sym");
        part[i] = add_op(h, f, i ? IR_dig_copy : IR_nn_quant, VALS(part[i], most), codes);
    }
    part[1] = add_op(h, f, IR_dig_copy, VALS(part[1]), rows_type(ELEM_q8, 0, W - 5)); // moves
    pairs[n++] = add_op(h, f, IR_row_join, VALS(part[0], part[1]), rows_type(ELEM_q8, 0, W));
    tensor in = tn_random(h, ELEM_f32, DIMS(17, W), 9), out[40];
    assert_true(n <= ARRAY_LEN(pairs) && n % 2 == 0);
    run_all(h, f, pairs, n, &in, out);
    for (size_t i = 0; i < n; i += 2)
        if (!same_numbers(&out[i], &out[i + 1])) fail_msg("pair %zu differs", i / 2);
}

static void digital_by_hand(void **state) {
    help *h = *state;
    ir_val x, list[6];
    ir_func *f = func_of(h, 6, &x);
    const char *fns[] = {"sum", "absmax", "argmax", "mean"};
    for (int i = 0; i < 4; i++) {
        set_str(h, IR_ATTR_fn, fns[i]);
        set_int(h, IR_ATTR_segments, 2);
        list[i] = add_op(h, f, IR_dig_red, VALS(x), rows_type(i == 2 ? ELEM_i32 : ELEM_f32, 0, 2));
    }
    set_int(h, IR_ATTR_k, 3);
    set_float(h, IR_ATTR_imm, 100);
    list[4] = add_op(h, f, IR_dig_topk, VALS(x), rows_type(ELEM_f32, 0, 6));
    set_int(h, IR_ATTR_segments, 3);
    list[5] = add_op(h, f, IR_dig_softmax, VALS(x), rows_type(ELEM_f32, 0, 6));
    tensor in = F32("3 6", "1 -5 3 3 3 -2 0 0 0 0 0 0 nan -inf nan 1 nan 2"), out[6];
    run_all(h, f, list, 6, &in, out);
    assert_numbers(out[0], F32("3 2", "-1 4 0 0 nan nan"));
    assert_numbers(out[1], F32("3 2", "5 3 0 0 inf 2")); // what is no number does not count
    assert_numbers(out[2], I32("3 2", "2 0 0 0 0 2"));
    assert_numbers(rows_part(&out[3], 1, 1), F32("1 2", "0 0"));
    assert_numbers(out[4], F32("3 6", "3 102 3 103 3 104 0 100 0 101 0 102 2 105 1 103 -inf 101"));
    assert_numbers(rows_part(&out[5], 1, 1), F32("1 6", "0.5 0.5 0.5 0.5 0.5 0.5"));
}

// ---- ports and tables
// ----------------------------------------------------------------------------

static void ports_and_tables(void **state) {
    help *h = *state;
    domain_free(h, 0, 10);
    ir_symbol_add_tensor(h->m, "table", F32("4 2", "0 1 10 11 20 21 30 31"));
    ir_func *f = ir_func_add(h->m, "run");
    ir_param_add(h->m, f, "ids", rows_type(ELEM_i32, 0, 0));
    ir_result_add(h->m, f, "y", IR_NONE);
    set_str(h, IR_ATTR_port, "ids");
    ir_val ids = add_op(h, f, IR_io_in, NULL, 0, rows_type(ELEM_i32, 0, 1));
    set_str(h, IR_ATTR_table, "table");
    ir_val e = add_op(h, f, IR_mem_gather, VALS(ids), rows_type(ELEM_f32, 0, 2));
    set_str(h, IR_ATTR_table, "table");
    ir_val p = add_op(h, f, IR_mem_posrow, NULL, 0, rows_type(ELEM_f32, 0, 2));
    ir_val join = add_op(h, f, IR_row_join, VALS(p, e), rows_type(ELEM_f32, 0, 4));
    ir_val parts[2] = {cols(h, f, join, ELEM_f32, 3, 4), cols(h, f, join, ELEM_f32, 0, 3)};
    for (int i = 0; i < 2; i++) {
        set_str(h, IR_ATTR_port, "y");
        set_int(h, IR_ATTR_col0, i ? 0 : 3);
        add_op(h, f, IR_io_out, VALS(parts[i]), rows_type(ELEM_f32, 0, 0));
    }
    ir_interp *t = interp_of(h, f);
    tensor in = I64("2", "3 1"), out;
    must(h, ir_interp_step(t, rows(2), &in, h->a, &out));
    assert_numbers(out, F32("2 4", "0 1 30 31 10 11 10 11"));
    must(h, ir_interp_step(t, rows(2), &in, h->a, &out));
    assert_numbers(out, F32("2 4", "20 21 30 31 30 31 10 11"));
    assert_false(ir_interp_step(t, rows(1), &in, h->a, &out));
    ir_interp_reset(t);
    in = I64("1", "4");
    assert_false(ir_interp_step(t, rows(1), &in, h->a, &out));
    assert_string_equal(diag_id_name(diag_get(h->diags, diag_count(h->diags) - 1)->id),
                        diag_id_name(DIAG_ID_eval_index));
    ir_interp_free(t);
}

// Names that mean nothing are diagnostics.
static void missing_symbols(void **state) {
    help *h = *state;
    tensor x = F32("1 2", "1 2");
    set_str(h, IR_ATTR_group, "nowhere");
    REFUSES(h, IR_xbar_mvm, DIAG_ID_eval_operand, F32("1 2", NULL), x);
    set_str(h, IR_ATTR_table, "nowhere");
    REFUSES(h, IR_mem_gather, DIAG_ID_eval_operand, F32("1 2", NULL), I32("1 1", "0"));
    set_str(h, IR_ATTR_ring, "nowhere");
    REFUSES(h, IR_gc_query, DIAG_ID_eval_operand, F32("1 2", NULL), x);
    set_str(h, IR_ATTR_fn, "affine");
    REFUSES(h, IR_dig_ew1, DIAG_ID_eval_operand, F32("1 2", NULL), x);
    set_str(h, IR_ATTR_port, "nowhere");
    tensor none;
    assert_false(evaluate(h, IR_io_in, NULL, 0, &none, 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(quantised_rows),       TEST(integer_products), TEST(float_products),
        TEST(digital_equals_graph), TEST(digital_by_hand),  TEST(ports_and_tables),
        TEST(missing_symbols),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
