// Score read-out with levels, hard sigmoid and sink, against docs/gain-cells.md and
// docs/numerics.md written out once more, to the bit; and against exact attention where levels are
// fine.
#include "support/num/num.h"
#include "tests/ir/interp_help.h"

enum { HEADS = 4, KV = 2, D = 8, DV = 5, SLOTS = 16, SUB_TILE = 6, WINDOW = 11, ROWS = 60 };
enum { SUB_TILES = (SLOTS + SUB_TILE - 1) / SUB_TILE };

typedef struct {
    int q, kv, p, adc;
} levels;
typedef struct {
    levels n;
    bool hard, sink, whole; // whole: every row sees all
    double softcap;
} device;

static const levels all_levels[] = {
    {0, 0, 0, 0},  {255, 512, 0, 12}, {16, 8, 16, 8}, {0, 8, 0, 0},        {16, 0, 0, 0},
    {0, 0, 16, 0}, {3, 2, 2, 1},      {0, 8, 5, 0},   {255, 65536, 0, 24},
};
static bool are_on(const levels *n) { return n->q || n->kv || n->p || n->adc; }
static const float sinks[HEADS] = {0.5f, -1, 2, 0}, slopes[HEADS] = {0.5f, 0.25f, 0.125f, 0};
static const float alpha = 0.3f, beta = 0.4f;

static ir_func *attn_func(help *h, const device *u) {
    ir_symbol *r = ir_symbol_add(h->m, IR_SYM_RING, "r");
    ir_ring *l = r->ring;
    l->n_kv = KV;
    l->q_per_kv = HEADS / KV;
    l->d = D;
    l->dv = DV;
    l->slots = SLOTS;
    l->window = WINDOW;
    l->sub_tile = SUB_TILE;
    l->q_levels = u->n.q;
    l->kv_levels = u->n.kv;
    l->p_levels = u->n.p;
    l->adc_bits = u->n.adc;
    l->scale = 0.5;
    l->softcap = u->softcap;
    l->mode = u->whole ? IR_RING_ALL : IR_RING_CAUSAL;
    l->bias = IR_BIAS_ALIBI;
    tensor t = tensor_new(h->a, ELEM_f32, DIMS(HEADS));
    memcpy(t.data, slopes, sizeof slopes);
    l->table = ir_symbol_add_tensor(h->m, "slopes", t)->name;
    if (u->hard) {
        l->act = IR_ACT_HARDSIGMOID;
        l->alpha = (double)alpha;
        l->beta = (double)beta;
    }
    if (u->sink) {
        t = tensor_new(h->a, ELEM_f32, DIMS(HEADS));
        memcpy(t.data, sinks, sizeof sinks);
        l->sink = ir_symbol_add_tensor(h->m, "sinks", t)->name;
    }
    domain_free(h, 0, 1000);
    ir_func *f = ir_func_add(h->m, "run");
    ir_val in[4] = {ir_param_add(h->m, f, "q", rows_type(ELEM_f32, 0, HEADS * D)),
                    ir_param_add(h->m, f, "k", rows_type(ELEM_f32, 0, KV * D)),
                    ir_param_add(h->m, f, "v", rows_type(ELEM_f32, 0, KV * DV)),
                    ir_param_add(h->m, f, "mask", rows_type(ELEM_i32, 0, 0))};
    set_str(h, IR_ATTR_ring, "r");
    ir_val o = add_op(h, f, IR_nn_attn, in, 4, rows_type(ELEM_f32, 0, HEADS * DV));
    ir_result_add(h->m, f, "o", o);
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
    memset((float *)s.in[1].data + 3 * KV * D, 0, KV * D * sizeof(float)); // a key of zeros
    memset(s.in[0].data, 0, D * sizeof(float));                            // and a query
    return s;
}
static const float *part(const sequence *s, int i, int64_t row, int head, int width) {
    return (const float *)s->in[i].data + row * s->in[i].dim[1] + head * width;
}

// ---- docs/gain-cells.md, one row of one head ---------------------------------------------------

static float absmax(const float *x, int n) {
    float a = 0;
    for (int i = 0; i < n; i++) a = fmaxf(a, fabsf(x[i]));
    return a;
}
// Element i of a stored row, and what it is relative to.
static double stored(const levels *n, const float *x, int width, int i, double *a) {
    *a = n->kv ? (double)absmax(x, width) : 1;
    if (!n->kv) return (double)x[i];
    if (*a == 0) return -(n->kv - 1);
    float half = (float)(n->kv - 1) * 0.5f, c = rintf((x[i] / (float)*a + 1.0f) * half);
    return 2 * fmin(fmax((double)c, 0), n->kv - 1) - (n->kv - 1);
}
static double convert(const levels *n, double x, double range) {
    if (!n->adc) return x;
    double top = ldexp(1, n->adc - 1), lsb = range / top;
    return lsb * fmin(fmax(rint(x / lsb), -top), top - 1);
}

static float score_of(const levels *n, const float *q, const float *k) {
    double sum = 0, a = 1, span = n->kv ? n->kv - 1 : 1, top = n->q ? (n->q - 1) / 2 : 1;
    float b = n->q ? absmax(q, D) : 1;
    for (int i = 0; i < D; i++) {
        double x = !n->q ? (double)q[i] : b == 0 ? 0 : (double)rintf(q[i] / b * (float)top);
        sum += x * stored(n, k, D, i, &a);
    }
    if (!are_on(n)) return (float)sum;
    sum = convert(n, sum, D * top * span);
    return (float)(sum * ((double)b / top) * (a / span));
}

static void row_of(const device *u, const sequence *s, int64_t t, int h, float *out) {
    const levels *n = &u->n;
    int g = h / (HEADS / KV);
    float p[ROWS] = {0}, m = u->sink ? sinks[h] : -INFINITY;
    bool seen[ROWS] = {false};
    int64_t lo = u->whole || t < WINDOW ? 0 : t - WINDOW + 1, hi = u->whole ? s->n : t + 1;
    double sum = 0;
    for (int64_t j = lo; j < hi; j++) {
        seen[j] = ((int32_t *)s->in[3].data)[j] != 0;
        p[j] = score_of(n, part(s, 0, t, h, D), part(s, 1, j, g, D)) * 0.5f;
        float c = (float)u->softcap;
        if (c != 0) p[j] = c * num_tanh(p[j] / c);
        p[j] += slopes[h] * (float)(j - t);
        if (seen[j] && p[j] > m) m = p[j];
    }
    for (int64_t j = lo; j < hi && !u->hard; j++)
        if (seen[j]) sum += (double)num_exp(p[j] - m);
    if (u->sink) sum += (double)num_exp(sinks[h] - m);
    for (int64_t j = lo; j < hi; j++) {
        float hard = fminf(fmaxf(alpha * p[j] + beta, 0), 1);
        p[j] = u->hard ? hard : (float)((double)num_exp(p[j] - m) / sum);
        if (!seen[j]) p[j] = 0;
    }
    double y = 0, a, top = n->p ? n->p - 1 : 1, span = n->kv ? n->kv - 1 : 1;
    for (int64_t j = lo; j < hi; j++) {
        stored(n, part(s, 2, j, g, DV), DV, 0, &a);
        if (seen[j]) y += (double)p[j] * a;
    }
    for (int i = 0; i < DV; i++) {
        double tile[SUB_TILES] = {0}, exact = 0, total = 0;
        for (int64_t slot = 0; slot < SLOTS; slot++) {
            for (int64_t j = lo; j < hi; j++) {
                if (j % SLOTS != slot || !seen[j] || y == 0) continue;
                double v = stored(n, part(s, 2, j, g, DV), DV, i, &a), e = (double)p[j] * a / y;
                if (n->p) e = rint(e * (n->p - 1));
                tile[slot / SUB_TILE] += e * v;
            }
        }
        for (int64_t j = lo; j < hi; j++)
            if (seen[j]) exact += (double)p[j] * (double)part(s, 2, j, g, DV)[i];
        for (int k = 0; k < SUB_TILES; k++) total += convert(n, tile[k], span * top);
        out[i] = are_on(n) ? (float)(total * (n->p ? y / top : y) / span) : (float)exact;
    }
}

static tensor expected(help *h, const device *u, const sequence *s) {
    tensor want = tensor_new(h->a, ELEM_f32, DIMS(s->n, HEADS * DV));
    for (int64_t t = 0; t < s->n; t++)
        for (int i = 0; i < HEADS; i++)
            row_of(u, s, t, i, (float *)want.data + (t * HEADS + i) * DV);
    return want;
}

// ---- tests -------------------------------------------------------------------------------------

static tensor run_cuts(help *h, ir_interp *t, const sequence *s, uint64_t seed, int64_t most) {
    random_stream cuts = random_test(seed);
    tensor all = tensor_new(h->a, ELEM_f32, DIMS(s->n, HEADS * DV));
    ir_interp_reset(t);
    for (int64_t at = 0, n; at < s->n; at += n) {
        n = most <= 0 ? s->n : random_in(&cuts, 1, most);
        n = min_i64(n, s->n - at);
        tensor in[4], step;
        for (int i = 0; i < 4; i++) in[i] = rows_part(&s->in[i], at, n);
        must(h, ir_interp_step(t, (int64_t[IR_MAX_DOMAINS]){n}, in, h->a, &step));
        memcpy((float *)all.data + at * HEADS * DV, step.data, tensor_bytes(&step));
    }
    return all;
}

static void rings(void **state) {
    for (size_t i = 0; i < 3 * ARRAY_LEN(all_levels); i++) {
        help *h;
        help_setup((void **)&h);
        device u = {.n = all_levels[i / 3], .hard = i % 3 == 1, .sink = i % 3 == 2};
        if (i % 2) u.softcap = 2.5;
        ir_interp *t = interp_of(h, attn_func(h, &u));
        sequence s = make_sequence(h, ROWS);
        tensor want = expected(h, &u, &s);
        print_message("levels %zu, activation %zu\n", i / 3, i % 3);
        for (int most = 1; most < 30; most += 3) // single rows first: the memory starts small
            assert_numbers(run_cuts(h, t, &s, (uint64_t)most, most), want);
        assert_numbers(run_cuts(h, t, &s, 0, 0), want);
        ir_interp_free(t);
        help_teardown((void **)&h);
    }
}

// As many levels as there are come close to real numbers, few do not.
static void fine_levels(void **state) {
    static const levels kinds[] = {{0, 0, 0, 0}, {65535, 65536, 65536, 24}, {16, 8, 16, 8}};
    tensor got[3];
    help *all[3];
    for (size_t i = 0; i < 3; i++) {
        help_setup((void **)&all[i]);
        device u = {.n = kinds[i], .sink = true};
        ir_interp *t = interp_of(all[i], attn_func(all[i], &u));
        sequence s = make_sequence(all[i], ROWS);
        got[i] = run_cuts(all[i], t, &s, 0, 0);
        ir_interp_free(t);
    }
    double fine = 0, coarse = 0;
    for (size_t i = 0; i < tensor_count(&got[0]); i++) {
        const float *x = got[0].data, *y = got[1].data, *z = got[2].data;
        fine = fmax(fine, fabs((double)x[i] - (double)y[i]));
        coarse = fmax(coarse, fabs((double)x[i] - (double)z[i]));
    }
    assert_true(fine < 2e-3 && coarse > 0.05);
    for (size_t i = 0; i < 3; i++) help_teardown((void **)&all[i]);
}

// Scores and mix apart give the fused numbers; probabilities come by slot.
static void apart(void **state) {
    for (size_t i = 0; i < 2 * ARRAY_LEN(all_levels); i++) {
        help *h;
        help_setup((void **)&h);
        device u = {.n = all_levels[i / 2], .hard = i % 2, .whole = true};
        ir_func *f = attn_func(h, &u);
        ir_val in[4];
        for (int k = 0; k < 4; k++) in[k] = f->params.items[k].value;
        ir_type wide = rows_type(ELEM_f32, 0, HEADS * SLOTS);
        ir_type narrow = rows_type(ELEM_f32, 0, HEADS * DV);
        set_str(h, IR_ATTR_ring, "r");
        ir_val p = add_op(h, f, IR_nn_scores, in, 4, wide);
        ir_result_add(h->m, f, "p", p);
        set_str(h, IR_ATTR_ring, "r");
        ir_result_add(h->m, f, "s", add_op(h, f, IR_gc_score, in, 1, wide));
        set_str(h, IR_ATTR_ring, "r");
        ir_result_add(h->m, f, "o2", add_op(h, f, IR_gc_mix, &p, 1, narrow));
        sequence s = make_sequence(h, SLOTS - 3);
        tensor out[4];
        ir_interp *t = interp_of(h, f);
        must(h, ir_interp_step(t, (int64_t[IR_MAX_DOMAINS]){s.n}, s.in, h->a, out));
        assert_numbers(out[0], expected(h, &u, &s));
        assert_numbers(out[3], out[0]);
        const float *x = out[1].data, *y = out[2].data;
        for (int64_t row = 0; row < s.n * HEADS; row++) {
            float most = -INFINITY;
            double sum = 0;
            for (int j = 0; j < SLOTS; j++) {
                float one = y[row * SLOTS + j];
                bool seen = j < s.n && j % 5;
                assert_true(seen == (one > -INFINITY));
                most = fmaxf(most, one);
            }
            for (int j = 0; j < SLOTS; j++) sum += (double)num_exp(y[row * SLOTS + j] - most);
            for (int j = 0; j < SLOTS; j++) {
                float one = y[row * SLOTS + j], hard = fminf(fmaxf(alpha * one + beta, 0), 1);
                float want = u.hard ? hard : (float)((double)num_exp(one - most) / sum);
                assert_true(x[row * SLOTS + j] == want);
            }
        }
        ir_interp_free(t);
        help_teardown((void **)&h);
    }
}

// nn.attention on plain tensors: the numbers of an exact ring.
static void plain(void **state) {
    help *h = *state;
    sequence s = make_sequence(h, ROWS);
    static const int widths[3] = {D, D, DV}, heads[3] = {HEADS, KV, KV};
    tensor in[5];
    for (int i = 0; i < 3; i++) { // [T, H*d] -> [1, H, T, d]
        in[i] = tensor_new(h->a, ELEM_f32, DIMS(1, heads[i], ROWS, widths[i]));
        float *to = in[i].data;
        for (int g = 0; g < heads[i]; g++)
            for (int64_t t = 0; t < ROWS; t++, to += widths[i])
                memcpy(to, part(&s, i, t, g, widths[i]), (size_t)widths[i] * sizeof *to);
    }
    in[3] = tensor_new(h->a, ELEM_f32, DIMS(HEADS, ROWS, ROWS)); // alibi, and the mask as -inf
    for (int64_t i = 0; i < HEADS * ROWS * ROWS; i++) {
        int64_t j = i % ROWS, t = i / ROWS % ROWS;
        bool seen = ((int32_t *)s.in[3].data)[j];
        ((float *)in[3].data)[i] = seen ? slopes[i / (ROWS * ROWS)] * (float)(j - t) : -INFINITY;
    }
    in[4] = tensor_new(h->a, ELEM_f32, DIMS(HEADS));
    memcpy(in[4].data, sinks, sizeof sinks);
    for (int variant = 0; variant < 3; variant++) {
        device u = {.hard = variant == 1, .sink = variant == 2};
        tensor rows = expected(h, &u, &s),
               want = tensor_new(h->a, ELEM_f32, DIMS(1, HEADS, ROWS, DV));
        for (int64_t i = 0; i < HEADS * ROWS * DV; i++)
            ((float *)want.data)[i] =
                ((float *)rows.data)[i / DV % ROWS * HEADS * DV + i / (ROWS * DV) * DV + i % DV];
        set_int(h, IR_ATTR_causal, 1);
        set_int(h, IR_ATTR_window, WINDOW);
        set_float(h, IR_ATTR_scale, 0.5);
        if (u.hard) {
            set_str(h, IR_ATTR_act, "hardsigmoid");
            set_float(h, IR_ATTR_alpha, (double)alpha);
            set_float(h, IR_ATTR_beta, (double)beta);
        }
        if (u.sink)
            GIVES(h, IR_nn_attention, want, in[0], in[1], in[2], in[3], in[4]);
        else
            GIVES(h, IR_nn_attention, want, in[0], in[1], in[2], in[3]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST(rings), TEST(fine_levels), TEST(apart), TEST(plain)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
