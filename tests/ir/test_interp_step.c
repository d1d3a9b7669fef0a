// Steps: domains, positions, rings. n rows at once = n single steps = any cut, to the bit.
#include "support/num/num.h"
#include "tests/ir/interp_help.h"

enum { HEADS = 4, KV = 2, D = 8, DV = 5 };

typedef struct {
    const char *mode, *bias;
    int64_t slots, window;
    double softcap;
    bool masked;
} ring_case;

static ir_symbol *add_ring(help *h, const char *name, const ring_case *r) {
    ir_symbol *s = ir_symbol_add(h->m, IR_SYM_RING, name);
    ir_ring *l = s->ring;
    int mode, bias;
    assert_true(ir_word_parse(IR_ENUM_ring_mode, r->mode, &mode));
    assert_true(ir_word_parse(IR_ENUM_ring_bias, r->bias, &bias));
    l->n_kv = KV;
    l->q_per_kv = HEADS / KV;
    l->d = D;
    l->dv = DV;
    l->slots = r->slots;
    l->window = r->window;
    l->scale = 0.5;
    l->softcap = r->softcap;
    l->mode = (ir_ring_mode)mode;
    l->bias = (ir_ring_bias)bias;
    if (strcmp(r->bias, "none") != 0) {
        int64_t w = strcmp(r->bias, "alibi") == 0 ? 1 : strcmp(r->bias, "full") == 0 ? 64 * 64 : 7;
        tensor t = tn_random(h, ELEM_f32, DIMS(HEADS, w), 77);
        l->table = ir_symbol_add_tensor(h->m, "bias", t)->name;
    }
    return s;
}

// @run(%q, %k, %v, %mask) -> attention on @r.
static ir_func *attn_func(help *h, const ring_case *r) {
    domain_free(h, 0, 1000);
    ir_func *f = ir_func_add(h->m, "run");
    ir_val q = ir_param_add(h->m, f, "q", rows_type(ELEM_f32, 0, HEADS * D));
    ir_val k = ir_param_add(h->m, f, "k", rows_type(ELEM_f32, 0, KV * D));
    ir_val v = ir_param_add(h->m, f, "v", rows_type(ELEM_f32, 0, KV * DV));
    ir_val mask = ir_param_add(h->m, f, "mask", rows_type(ELEM_i32, 0, 0));
    ir_type type = rows_type(ELEM_f32, 0, HEADS * DV);
    set_str(h, IR_ATTR_ring, add_ring(h, "r", r)->name);
    ir_val in[4] = {q, k, v, mask};
    ir_result_add(h->m, f, "o", add_op(h, f, IR_nn_attn, in, r->masked ? 4 : 3, type));
    return f;
}

typedef struct {
    tensor in[4]; // q, k, v, mask
    int64_t n;
} sequence;

static sequence make_sequence(help *h, int64_t n) {
    sequence s = {.n = n};
    s.in[0] = tn_random(h, ELEM_f32, DIMS(n, HEADS * D), 1);
    s.in[1] = tn_random(h, ELEM_f32, DIMS(n, KV * D), 2);
    s.in[2] = tn_random(h, ELEM_f32, DIMS(n, KV * DV), 3);
    s.in[3] = tensor_new(h->a, ELEM_i32, DIMS(n));
    for (int64_t i = 0; i < n; i++) ((int32_t *)s.in[3].data)[i] = i % 5 != 0;
    return s;
}

// docs/numerics.md, "attention, one row at position t", for one row.
static void naive_row(const ring_case *r, const float *table, const sequence *s, int64_t t,
                      float *out) {
    bool causal = strcmp(r->mode, "causal") == 0;
    int64_t window = r->window > 0 && r->window < r->slots ? r->window : r->slots;
    for (int h = 0; h < HEADS; h++) {
        int g = h / (HEADS / KV);
        float x[256], m = -INFINITY;
        double sum = 0;
        int64_t lo = causal && t >= window ? t - window + 1 : 0, hi = causal ? t + 1 : s->n;
        for (int64_t j = lo; j < hi; j++) {
            double acc = 0;
            for (int i = 0; i < D; i++)
                acc += (double)((float *)s->in[0].data)[(t * HEADS + h) * D + i] *
                       (double)((float *)s->in[1].data)[(j * KV + g) * D + i];
            x[j] = (float)acc * 0.5f;
            float c = (float)r->softcap;
            if (c != 0) x[j] = c * num_tanh(x[j] / c);
            if (strcmp(r->bias, "alibi") == 0) x[j] += table[h] * (float)(j - t);
            if (strcmp(r->bias, "toeplitz") == 0) {
                int64_t at = (causal ? 6 : 3) + j - t;
                x[j] += table[h * 7 + (at < 0 ? 0 : at > 6 ? 6 : at)];
            }
            if (strcmp(r->bias, "full") == 0) x[j] += table[(h * 64 + t) * 64 + j];
            if (r->masked && j % 5 == 0)
                x[j] = NAN;
            else if (x[j] > m)
                m = x[j];
        }
        for (int64_t j = lo; j < hi; j++)
            if (x[j] == x[j]) sum += (double)(x[j] = num_exp(x[j] - m));
        for (int i = 0; i < DV; i++) {
            double o = 0;
            for (int64_t j = lo; j < hi; j++)
                if (x[j] == x[j])
                    o += (double)(float)((double)x[j] / sum) *
                         (double)((float *)s->in[2].data)[(j * KV + g) * DV + i];
            out[h * DV + i] = (float)o;
        }
    }
}

static void run_cuts(help *h, ir_interp *t, const sequence *s, uint64_t seed, int64_t most,
                     tensor *out) {
    random_stream cuts = random_test(seed);
    ir_interp_reset(t);
    for (int64_t at = 0; at < s->n;) {
        int64_t n = most <= 0 ? s->n : random_in(&cuts, 1, most);
        if (n > s->n - at) n = s->n - at;
        tensor in[4], step;
        for (int i = 0; i < 4; i++) in[i] = rows_part(&s->in[i], at, n);
        assert_int_equal(ir_interp_pos(t, 0), at);
        must(h, ir_interp_step(t, (int64_t[IR_MAX_DOMAINS]){n}, in, h->a, &step));
        memcpy((float *)out->data + at * HEADS * DV, step.data, tensor_bytes(&step));
        at += n;
    }
}

static void ring_cuts(void **state) {
    static const ring_case cases[] = {
        {"causal", "none", 16, 0, 0, false},   {"causal", "none", 16, 5, 0, false},
        {"causal", "alibi", 100, 0, 0, false}, {"causal", "toeplitz", 16, 0, 0, true},
        {"causal", "full", 64, 0, 3, false},   {"causal", "none", 7, 100, 2.5, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        help *h;
        help_setup((void **)&h);
        ir_func *f = attn_func(h, &cases[i]);
        sequence s = make_sequence(h, 60); // far past the ring's end
        const ir_symbol *bias = ir_symbol_find(h->m, "bias");
        tensor want = tensor_new(h->a, ELEM_f32, DIMS(60, HEADS * DV)), got = want;
        got.data = arena_alloc(h->a, tensor_bytes(&want));
        for (int64_t t = 0; t < 60; t++)
            naive_row(&cases[i], bias ? bias->data.data : NULL, &s, t,
                      (float *)want.data + t * HEADS * DV);
        ir_interp *t = interp_of(h, f);
        for (int round = 1; round <= 30;
             round++) { // single rows (memory starts small), cuts, whole
            int most = round % 30;
            run_cuts(h, t, &s, (uint64_t)most, most, &got);
            if (memcmp(want.data, got.data, tensor_bytes(&want)) != 0)
                fail_msg("case %zu, cuts of at most %d rows differ", i, most);
        }
        ir_interp_free(t);
        help_teardown((void **)&h);
    }
}

static void ring_all(void **state) {
    help *h = *state;
    ring_case r = {"all", "toeplitz", 64, 0, 0, true};
    ir_func *f = attn_func(h, &r);
    ir_attr_set_str(h->a, &h->m->attrs, IR_ATTR_class, "whole");
    ir_interp *t = interp_of(h, f);
    for (int64_t n = 64; n > 0; n -= 21) { // every step is a sequence of its own
        sequence s = make_sequence(h, n);
        tensor want = tensor_new(h->a, ELEM_f32, DIMS(n, HEADS * DV)), out;
        for (int64_t i = 0; i < n; i++)
            naive_row(&r, ir_symbol_find(h->m, "bias")->data.data, &s, i,
                      (float *)want.data + i * HEADS * DV);
        must(h, ir_interp_step(t, (int64_t[IR_MAX_DOMAINS]){n}, s.in, h->a, &out));
        assert_numbers(out, want);
    }
    sequence s = make_sequence(h, 65); // one more than the ring holds
    tensor out;
    assert_false(ir_interp_step(t, (int64_t[IR_MAX_DOMAINS]){65}, s.in, h->a, &out));
    ir_interp_free(t);
}

static void ring_load_and_read(void **state) {
    help *h = *state;
    ring_case r = {"causal", "none", 16, 0, 0, false};
    ir_interp *t = interp_of(h, attn_func(h, &r));
    sequence s = make_sequence(h, 40);
    tensor whole = tensor_new(h->a, ELEM_f32, DIMS(40, HEADS * DV)), out, k, v, in[4];
    run_cuts(h, t, &s, 1, 9, &whole);
    must(h, ir_interp_ring_read(t, "r", h->a, &k, &v));
    assert_numbers(k, rows_part(&s.in[1], 24, 16));
    assert_numbers(v, rows_part(&s.in[2], 24, 16));
    ir_interp_reset(t);
    tensor past_k = rows_part(&s.in[1], 14, 16), past_v = rows_part(&s.in[2], 14, 16);
    must(h, ir_interp_ring_load(t, "r", 30, &past_k, &past_v));
    ir_interp_set_pos(t, 0, 30);
    for (int i = 0; i < 4; i++) in[i] = rows_part(&s.in[i], 30, 10);
    must(h, ir_interp_step(t, (int64_t[IR_MAX_DOMAINS]){10}, in, h->a, &out));
    assert_numbers(out, rows_part(&whole, 30, 10));
    assert_int_equal(ir_interp_pos(t, 0), 40);
    assert_false(ir_interp_ring_load(t, "none", 30, &past_k, &past_v));
    assert_false(ir_interp_ring_load(t, "r", 30, &past_v, &past_v));
    ir_interp_free(t);
}

// Keys of one domain, queries of another: what the first step wrote serves later ones.
static void ring_cross(void **state) {
    help *h = *state;
    ring_case r = {"cross", "none", 32, 0, 0, false};
    domain_free(h, 0, 100);
    domain_free(h, 1, 100);
    ir_func *f = ir_func_add(h->m, "run");
    ir_val q = ir_param_add(h->m, f, "q", rows_type(ELEM_f32, 0, HEADS * D));
    ir_val k = ir_param_add(h->m, f, "k", rows_type(ELEM_f32, 1, KV * D));
    ir_val v = ir_param_add(h->m, f, "v", rows_type(ELEM_f32, 1, KV * DV));
    set_str(h, IR_ATTR_ring, add_ring(h, "r", &r)->name);
    ir_result_add(h->m, f, "o",
                  add_op(h, f, IR_nn_attn, VALS(q, k, v), rows_type(ELEM_f32, 0, HEADS * DV)));
    sequence s = make_sequence(h, 20);
    tensor want = tensor_new(h->a, ELEM_f32, DIMS(20, HEADS * DV)), out, in[3];
    for (int64_t i = 0; i < 20; i++)
        naive_row(&r, NULL, &s, i, (float *)want.data + i * HEADS * DV);
    ir_interp *t = interp_of(h, f);
    in[0] = rows_part(&s.in[0], 0, 12);
    in[1] = s.in[1];
    in[2] = s.in[2];
    must(h, ir_interp_step(t, (int64_t[IR_MAX_DOMAINS]){12, 20}, in, h->a, &out));
    assert_numbers(out, rows_part(&want, 0, 12));
    in[0] = rows_part(&s.in[0], 12, 8);
    in[1] = rows_part(&s.in[1], 0, 0);
    in[2] = rows_part(&s.in[2], 0, 0);
    must(h, ir_interp_step(t, (int64_t[IR_MAX_DOMAINS]){8, 0}, in, h->a, &out));
    assert_numbers(out, rows_part(&want, 12, 8));
    ir_interp_free(t);
}

// nn.scores: probabilities by slot, and the unfused mapped form gives the same numbers.
static void scores(void **state) {
    help *h = *state;
    ring_case r = {"all", "none", 9, 0, 0, true};
    ir_func *f = attn_func(h, &r);
    ir_val q = f->params.items[0].value, k = f->params.items[1].value;
    ir_val v = f->params.items[2].value, mask = f->params.items[3].value;
    ir_type wide = rows_type(ELEM_f32, 0, HEADS * 9), narrow = rows_type(ELEM_f32, 0, HEADS * DV);
    set_str(h, IR_ATTR_ring, "r");
    ir_result_add(h->m, f, "p", add_op(h, f, IR_nn_scores, VALS(q, k, v, mask), wide));
    set_str(h, IR_ATTR_ring, "r");
    add_op(h, f, IR_gc_write, VALS(k, v, mask), narrow);
    set_str(h, IR_ATTR_ring, "r");
    ir_val s = add_op(h, f, IR_gc_score, VALS(q), wide);
    ir_result_add(h->m, f, "s", s);
    set_int(h, IR_ATTR_segments, HEADS);
    ir_val p = add_op(h, f, IR_dig_softmax, VALS(s), wide);
    ir_result_add(h->m, f, "p2", p);
    set_str(h, IR_ATTR_ring, "r");
    ir_result_add(h->m, f, "o2", add_op(h, f, IR_gc_mix, VALS(p), narrow));
    set_str(h, IR_ATTR_ring, "r");
    ir_result_add(h->m, f, "o3", add_op(h, f, IR_gc_query, VALS(q), narrow));
    sequence x = make_sequence(h, 7);
    tensor out[6];
    ir_interp *t = interp_of(h, f);
    must(h, ir_interp_step(t, (int64_t[IR_MAX_DOMAINS]){7}, x.in, h->a, out));
    assert_numbers(out[3], out[1]);
    assert_numbers(out[4], out[0]);
    assert_numbers(out[5], out[0]);
    for (int row = 0; row < 7 * HEADS; row++) {
        double sum = 0;
        for (int j = 0; j < 9; j++) {
            float one = ((float *)out[1].data)[row * 9 + j];
            bool visible = j < 7 && j % 5 != 0;
            assert_true(visible ? one > 0 : one == 0);
            assert_true(visible == (((float *)out[2].data)[row * 9 + j] > -INFINITY));
            sum += (double)one;
        }
        assert_true(fabs(sum - 1) < 1e-6);
    }
    ir_interp_free(t);
}

// ---- domains ---------------------------------------------------------------------------------

static void derived_domains(void **state) {
    help *h = *state;
    domain_free(h, 0, 50);
    domain_derived(h, 1, IR_DOMAIN_LIN, 0, 1, 2, 1); // two rows more
    domain_derived(h, 2, IR_DOMAIN_LIN, 0, 1, 1, 2); // half, rounded up
    domain_derived(h, 3, IR_DOMAIN_ONE, 0, 0, 0, 1);
    domain_derived(h, 4, IR_DOMAIN_LAST, 0, 0, 0, 1);
    ir_symbol_add_tensor(h->m, "cls", F32("2 2", "-1 -2 -3 -4"));
    ir_symbol_add_tensor(h->m, "pos", F32("6 1", "0 10 20 30 40 50"));
    ir_symbol_add_tensor(h->m, "index", I32("3 2", "1 0 -1 2 0 0"));
    ir_func *f = ir_func_add(h->m, "run");
    ir_val x = ir_param_add(h->m, f, "x", rows_type(ELEM_f32, 0, 2));
    set_str(h, IR_ATTR_value, "cls");
    ir_val cls = add_op(h, f, IR_t_const, NULL, 0, ir_type_make(ELEM_f32, DIMS(2, 2)));
    set_str(h, IR_ATTR_value, "pos");
    ir_val pos = add_op(h, f, IR_t_const, NULL, 0, ir_type_make(ELEM_f32, DIMS(6, 1)));
    set_str(h, IR_ATTR_value, "index");
    ir_val index = add_op(h, f, IR_t_const, NULL, 0, ir_type_make(ELEM_i32, DIMS(3, 2)));
    ir_val prefixed = add_op(h, f, IR_rows_prefix, VALS(x, cls), rows_type(ELEM_f32, 1, 2));
    ir_val suffixed = add_op(h, f, IR_rows_suffix, VALS(x, cls), rows_type(ELEM_f32, 1, 2));
    set_int(h, IR_ATTR_row, 2);
    ir_val skipped = add_op(h, f, IR_rows_skip, VALS(prefixed), rows_type(ELEM_f32, 0, 2));
    set_int(h, IR_ATTR_k, 3);
    set_int(h, IR_ATTR_stride, 2);
    set_int(h, IR_ATTR_pad, 1);
    ir_val window = add_op(h, f, IR_rows_window, VALS(x), rows_type(ELEM_f32, 2, 6));
    set_str(h, IR_ATTR_fn, "mean");
    ir_val mean = add_op(h, f, IR_rows_reduce, VALS(x), rows_type(ELEM_f32, 3, 2));
    set_str(h, IR_ATTR_which, "last");
    ir_val last = add_op(h, f, IR_rows_pick, VALS(x), rows_type(ELEM_f32, 4, 2));
    ir_val like = add_op(h, f, IR_rows_like, VALS(mean, x), rows_type(ELEM_f32, 0, 2));
    ir_val where = add_op(h, f, IR_nn_posrow, VALS(pos), rows_type(ELEM_f32, 0, 1));
    ir_val where_last = add_op(h, f, IR_nn_posrow, VALS(pos), rows_type(ELEM_f32, 4, 1));
    ir_val gathered = add_op(h, f, IR_rows_gather, VALS(x, index), rows_type(ELEM_f32, 0, 4));
    // A row of numbers beside rows of width 2, and a constant row.
    ir_val sum = add_op(h, f, IR_t_add, VALS(x, where), rows_type(ELEM_f32, 0, 2));
    const ir_val results[] = {prefixed, suffixed, skipped,    window,   mean, last,
                              like,     where,    where_last, gathered, sum};
    for (size_t i = 0; i < ARRAY_LEN(results); i++) ir_result_add(h->m, f, "y", results[i]);
    ir_interp *t = interp_of(h, f);
    tensor in = F32("3 2", "1 2 3 4 5 6"), out[ARRAY_LEN(results)];
    must(h, ir_interp_step(t, (int64_t[IR_MAX_DOMAINS]){3}, &in, h->a, out));
    assert_numbers(out[0], F32("5 2", "-1 -2 -3 -4 1 2 3 4 5 6"));
    assert_numbers(out[1], F32("5 2", "1 2 3 4 5 6 -1 -2 -3 -4"));
    assert_numbers(out[2], in);
    assert_numbers(out[3], F32("2 6", "0 0 1 2 3 4 3 4 5 6 0 0"));
    assert_numbers(out[4], F32("1 2", "3 4"));
    assert_numbers(out[5], F32("1 2", "5 6"));
    assert_numbers(out[6], F32("3 2", "3 4 3 4 3 4"));
    assert_numbers(out[7], F32("3 1", "0 10 20"));
    assert_numbers(out[8], F32("1 1", "20"));
    assert_numbers(out[9], F32("3 4", "3 4 1 2 0 0 5 6 1 2 1 2"));
    assert_numbers(out[10], F32("3 2", "1 2 13 14 25 26"));
    must(h, ir_interp_step(t, (int64_t[IR_MAX_DOMAINS]){3}, &in, h->a, out));
    assert_numbers(out[7], F32("3 1", "30 40 50")); // positions went on
    assert_numbers(out[8], F32("1 1", "50"));
    assert_false(ir_interp_step(t, (int64_t[IR_MAX_DOMAINS]){3}, &in, h->a, out)); // table ends
    assert_string_equal(diag_id_name(diag_get(h->diags, 0)->id), diag_id_name(DIAG_ID_eval_index));
    ir_interp_reset(t);
    ir_interp_free(t);
}

// A causal window sees the rows of earlier steps: any cut gives the same bits.
static void window_history(void **state) {
    help *h = *state;
    domain_free(h, 0, 100);
    ir_func *f = ir_func_add(h->m, "run");
    ir_val x = ir_param_add(h->m, f, "x", rows_type(ELEM_f32, 0, 3));
    set_int(h, IR_ATTR_k, 4);
    set_int(h, IR_ATTR_stride, 1);
    set_int(h, IR_ATTR_pad, 3);
    ir_result_add(h->m, f, "y", add_op(h, f, IR_rows_window, VALS(x), rows_type(ELEM_f32, 0, 12)));
    ir_interp *t = interp_of(h, f);
    tensor in = tn_random(h, ELEM_f32, DIMS(20, 3), 1), want, part, out;
    must(h, ir_interp_step(t, (int64_t[IR_MAX_DOMAINS]){20}, &in, h->a, &want));
    for (int64_t size = 0; size < 7; size++) {
        ir_interp_reset(t);
        for (int64_t at = 0, n; at < 20; at += n) {
            n = min_i64(20 - at, size ? size : 1 + at % 3);
            part = rows_part(&in, at, n);
            must(h, ir_interp_step(t, (int64_t[IR_MAX_DOMAINS]){n}, &part, h->a, &out));
            assert_numbers(out, rows_part(&want, at, n));
        }
    }
    ir_interp_free(t);
}

static void wrong_inputs(void **state) {
    help *h = *state;
    domain_free(h, 0, 4);
    ir_func *f = ir_func_add(h->m, "run");
    ir_val x = ir_param_add(h->m, f, "x", rows_type(ELEM_f32, 0, 2));
    ir_result_add(h->m, f, "y", add_op(h, f, IR_t_neg, VALS(x), rows_type(ELEM_f32, 0, 2)));
    ir_interp *t = interp_of(h, f);
    tensor in = F32("3 2", "1 2 3 4 5 6"), out;
    assert_false(ir_interp_step(t, NULL, &in, h->a, &out));
    assert_false(ir_interp_step(t, (int64_t[IR_MAX_DOMAINS]){2}, &in, h->a, &out));
    assert_false(ir_interp_step(t, (int64_t[IR_MAX_DOMAINS]){5}, &in, h->a, &out));
    assert_false(ir_interp_step(t, (int64_t[IR_MAX_DOMAINS]){-1}, &in, h->a, &out));
    assert_int_equal(diag_errors(h->diags), 4);
    assert_int_equal(ir_interp_pos(t, 0), 0);
    in = I64("1 2", "1 2"); // another element type is converted
    must(h, ir_interp_step(t, (int64_t[IR_MAX_DOMAINS]){1}, &in, h->a, &out));
    assert_numbers(out, F32("1 2", "-1 -2"));
    in = F32("0 2", "");
    must(h, ir_interp_step(t, (int64_t[IR_MAX_DOMAINS]){0}, &in, h->a, &out));
    assert_int_equal(tensor_count(&out), 0);
    ir_interp_free(t);
}

// ---- plain functions ---------------------------------------------------------------------------

typedef struct {
    int calls;
    double sum;
    const void *constant;
} observed;
static void observe(void *ctx, const ir_op *op, uint32_t result, const tensor *value) {
    observed *o = ctx;
    o->calls++;
    if (op->code == IR_t_const) o->constant = value->data;
    for (size_t i = 0; i < tensor_count(value); i++)
        o->sum += elem_load_f64(value->type, value->data, i);
}

static void plain_function(void **state) {
    help *h = *state;
    ir_symbol *w = ir_symbol_add_tensor(h->m, "w", F32("2", "3 4"));
    ir_func *f = ir_func_add(h->m, "n1");
    ir_type type = ir_type_make(ELEM_f32, DIMS(2));
    ir_val x = ir_param_add(h->m, f, "x", type);
    set_str(h, IR_ATTR_value, "w");
    ir_val c = add_op(h, f, IR_t_const, NULL, 0, type);
    ir_val y = add_op(h, f, IR_t_add, VALS(x, c), type);
    add_op(h, f, IR_t_neg, VALS(y), type); // read by nobody
    ir_val z = add_op(h, f, IR_t_mul, VALS(y, y), type);
    ir_result_add(h->m, f, "z", z);
    ir_result_add(h->m, f, "x again", x);
    ir_result_add(h->m, f, "w again", c);
    ir_interp *t = interp_of(h, f);
    observed o = {0};
    ir_interp_observe(t, observe, &o);
    tensor in = F32("2", "1 2"), out[3];
    for (int i = 1; i < 3; i++) {
        must(h, ir_interp_step(t, NULL, &in, h->a, out));
        assert_numbers(out[0], F32("2", "16 36"));
        assert_numbers(out[1], in);
        assert_numbers(out[2], w->data);
        assert_int_equal(o.calls, 4 * i);
    }
    assert_true(o.constant == w->data.data); // not copied
    assert_true(o.sum == 2 * (7 + 10 - 10 + 52));
    in = F32("3", "1 2 3");
    assert_false(ir_interp_step(t, NULL, &in, h->a, out));
    ir_interp_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(ring_cuts),      TEST(ring_all),     TEST(ring_load_and_read),
        TEST(ring_cross),     TEST(scores),       TEST(derived_domains),
        TEST(window_history), TEST(wrong_inputs), TEST(plain_function),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
