// Charge read-out against the equations of Leroux et al. (2025) in volts and doubles: every effect
// alone, masks, grouped heads, slots that wrap three times; any cut of a sequence the same bits.
#include "ir/kernel/charge.h"
#include "tests/ir/gaincell_onnxruntime.h"
#include "tests/ir/interp_help.h"

enum { ROWS = 60 };
static const double PAPER_CELL[] = {0.52136361391, 13.612260634, -2.620445619, 46.05483778};

typedef struct {
    int kv, q_per_kv, d, dv, slots, window, sub_tile;
    const char *mode;
    bool masked;
    int q_levels, kv_levels, out_levels;
    const char *saturate, *form;
    double decay;
    bool linear; // cell 19.3 u
} device;

static device paper(void) {
    return (device){.kv = 2,
                    .q_per_kv = 2,
                    .d = 8,
                    .dv = 5,
                    .slots = 16,
                    .sub_tile = 8,
                    .mode = "causal",
                    .q_levels = 16,
                    .kv_levels = 8,
                    .out_levels = 32,
                    .saturate = "both",
                    .form = "power",
                    .decay = 0.01};
}

static int heads_of(const device *u) { return u->kv * u->q_per_kv; }

static void set_cell(help *h, ir_attrs *l, const device *u) {
    static const double linear[] = {0, 19.3};
    ir_attr_set_int(h->a, l, IR_ATTR_sub_tile, u->sub_tile);
    ir_attr_set_int(h->a, l, IR_ATTR_q_levels, u->q_levels);
    ir_attr_set_int(h->a, l, IR_ATTR_kv_levels, u->kv_levels);
    ir_attr_set_int(h->a, l, IR_ATTR_out_levels, u->out_levels);
    ir_attr_set_str(h->a, l, IR_ATTR_saturate, u->saturate);
    ir_attr_set_str(h->a, l, IR_ATTR_decay_form, u->form);
    ir_attr_set_float(h->a, l, IR_ATTR_v_dd, 0.9);
    ir_attr_set_float(h->a, l, IR_ATTR_s_sat, 20);
    ir_attr_set_float(h->a, l, IR_ATTR_o_sat, 15);
    ir_attr_set_float(h->a, l, IR_ATTR_decay, u->decay);
    ir_attr_set_floats(h->a, l, IR_ATTR_cell, u->linear ? linear : PAPER_CELL, u->linear ? 2 : 4);
}

// [8][heads]
static tensor make_scalings(help *h, int heads) {
    static const float a[8] = {0.4f, 0.1f, 0.3f, 0.45f, 0.25f, 0.4f, 1.5f, -0.25f};
    tensor t = tensor_new(h->a, ELEM_f32, DIMS(8, heads));
    for (int i = 0; i < 8 * heads; i++)
        ((float *)t.data)[i] = a[i / heads] * (1 + 0.125f * (float)(i % heads));
    return t;
}

static ir_func *attn_func(help *h, const device *u) {
    int heads = heads_of(u);
    ir_symbol *r = ir_symbol_add(h->m, IR_SYM_RING, "r");
    ir_ring *l = r->ring;
    ir_attrs cell = {0};
    char why[IR_RING_TEXT];
    set_cell(h, &cell, u);
    ir_attr_set_str(h->a, &cell, IR_ATTR_mode, u->mode);
    if (!ir_ring_read(&cell, l, why)) fail_msg("%s", why);
    l->n_kv = u->kv;
    l->q_per_kv = u->q_per_kv;
    l->d = u->d;
    l->dv = u->dv;
    l->slots = u->slots;
    l->window = u->window;
    l->readout = IR_READ_CHARGE;
    l->scalings = ir_symbol_add_tensor(h->m, "scalings", make_scalings(h, heads))->name;
    domain_free(h, 0, 1000);
    ir_func *f = ir_func_add(h->m, "run");
    ir_val in[4] = {ir_param_add(h->m, f, "q", rows_type(ELEM_f32, 0, heads * u->d)),
                    ir_param_add(h->m, f, "k", rows_type(ELEM_f32, 0, u->kv * u->d)),
                    ir_param_add(h->m, f, "v", rows_type(ELEM_f32, 0, u->kv * u->dv)),
                    ir_param_add(h->m, f, "mask", rows_type(ELEM_i32, 0, 0))};
    set_str(h, IR_ATTR_ring, "r");
    ir_val o =
        add_op(h, f, IR_nn_attn, in, u->masked ? 4 : 3, rows_type(ELEM_f32, 0, heads * u->dv));
    ir_result_add(h->m, f, "o", o);
    return f;
}

typedef struct {
    tensor in[4]; // q, k, v, mask
    int64_t n;
} sequence;

static sequence make_sequence(help *h, const device *u, int64_t n) {
    sequence s = {.n = n};
    s.in[0] = tn_random(h, ELEM_f32, DIMS(n, heads_of(u) * u->d), 1);
    s.in[1] = tn_random(h, ELEM_f32, DIMS(n, u->kv * u->d), 2);
    s.in[2] = tn_random(h, ELEM_f32, DIMS(n, u->kv * u->dv), 3);
    s.in[3] = tensor_new(h->a, ELEM_i32, DIMS(n));
    for (int64_t i = 0; i < n; i++) ((int32_t *)s.in[3].data)[i] = i % 5 != 0;
    return s;
}

// ---- the paper's equations ---------------------------------------------------------------------

static double clamp(double x, double lo, double hi) { return x < lo ? lo : x > hi ? hi : x; }
static double quant(double x, double range, int levels) { // multiples of the step
    if (!levels) return x;
    double step = range / (levels - 1);
    return step * nearbyint(x / step);
}
static double item(const tensor *t, int64_t row, int64_t column) {
    return (double)((const float *)t->data)[row * t->dim[1] + column];
}
// Charge of a full pulse on a cell at voltage v, `age` tokens after it was written.
static double cell_charge(const device *u, double v, double age) {
    double x = v - 0.45, d = exp(-u->decay * age);
    if (u->linear) return 19.3 * x * d;
    if (strcmp(u->form, "product") == 0)
        return d * (PAPER_CELL[0] + PAPER_CELL[1] * x + PAPER_CELL[2] * x * x +
                    PAPER_CELL[3] * x * x * x);
    x *= d;
    return PAPER_CELL[0] + PAPER_CELL[1] * x + PAPER_CELL[2] * x * x + PAPER_CELL[3] * x * x * x;
}

static bool saturates(const device *u, const char *what) {
    return strcmp(u->saturate, "both") == 0 || strcmp(u->saturate, what) == 0;
}

static void paper_row(const device *u, const tensor *scalings, const sequence *s, int64_t t, int h,
                      double *out) {
    int g = h / u->q_per_kv, of_g = g * u->q_per_kv;
    int64_t window = u->window && u->window < u->slots ? u->window : u->slots;
    bool causal = strcmp(u->mode, "causal") == 0;
    int64_t lo = causal && t >= window ? t - window + 1 : 0, hi = causal ? t + 1 : s->n;
    double phi[ROWS + 10];
    for (int64_t j = lo; j < hi; j++) {
        double sum = 0;
        for (int c = 0; c < u->d; c++) {
            double q = item(scalings, 0, h) * item(&s->in[0], t, h * u->d + c);
            q = quant(clamp(q + item(scalings, 1, h), 0, 1), 1, u->q_levels);
            double k = item(scalings, 2, of_g) * item(&s->in[1], j, g * u->d + c);
            k = quant(clamp(k + item(scalings, 3, of_g), 0, 0.9), 0.9, u->kv_levels);
            sum += q * cell_charge(u, k, fmax(0, (double)(t - j)));
        }
        bool seen = !u->masked || ((int32_t *)s->in[3].data)[j];
        phi[j] = seen ? clamp(sum / 20, 0, saturates(u, "scores") ? 1 : 1e9) : 0;
    }
    for (int c = 0; c < u->dv; c++) {
        double total = 0;
        for (int64_t tile = 0; tile * u->sub_tile < u->slots; tile++) {
            double a = 0;
            for (int64_t j = lo; j < hi; j++) {
                if (j % u->slots / u->sub_tile != tile) continue;
                double v = item(scalings, 4, of_g) * item(&s->in[2], j, g * u->dv + c);
                v = quant(clamp(v + item(scalings, 5, of_g), 0, 0.9), 0.9, u->kv_levels);
                a += phi[j] * cell_charge(u, v, fmax(0, (double)(t - j)));
            }
            a /= 15;
            if (saturates(u, "outputs")) a = clamp(a, -1, 1);
            total += quant(a, 2, u->out_levels);
        }
        out[c] = item(scalings, 6, h) * total + item(scalings, 7, h);
    }
}

static void assert_paper(const device *u, const tensor *scalings, const sequence *s,
                         const tensor *got) {
    int heads = heads_of(u);
    double want[16], lowest = 1e9, highest = -1e9;
    for (int64_t t = 0; t < s->n; t++) {
        for (int h = 0; h < heads; h++) {
            paper_row(u, scalings, s, t, h, want);
            for (int c = 0; c < u->dv; c++) {
                double found = item(got, t, h * u->dv + c);
                lowest = found < lowest ? found : lowest;
                highest = found > highest ? found : highest;
                if (fabs(found - want[c]) > 1e-6 * (1 + fabs(want[c])))
                    fail_msg("row %d head %d column %d: %.9g, expected %.9g", (int)t, h, c, found,
                             want[c]);
            }
        }
    }
    assert_true(highest - lowest > 1); // the numbers say something
}

// ---- tests -------------------------------------------------------------------------------------

static tensor run_cuts(help *h, ir_interp *t, const sequence *s, uint64_t seed, int64_t most) {
    random_stream cuts = random_test(seed);
    tensor all = {0};
    ir_interp_reset(t);
    for (int64_t at = 0, n; at < s->n; at += n) {
        n = most <= 0 ? s->n : random_in(&cuts, 1, most);
        n = min_i64(n, s->n - at);
        tensor in[4], step;
        for (int i = 0; i < 4; i++) in[i] = rows_part(&s->in[i], at, n);
        must(h, ir_interp_step(t, (int64_t[IR_MAX_DOMAINS]){n}, in, h->a, &step));
        if (!at) all = tensor_new(h->a, ELEM_f32, DIMS(s->n, step.dim[1]));
        memcpy((float *)all.data + at * step.dim[1], step.data, tensor_bytes(&step));
    }
    return all;
}

// Each variant changes one thing; false: there is no such variant.
static bool vary(device *u, int variant) {
    switch (variant) {
    case 0: return true;
    case 1: return u->masked = true;
    case 2: return u->window = 11, true;
    case 3: return u->sub_tile = 6, true; // the last sub-tile is not full
    case 4: return u->q_levels = 0, true;
    case 5: return u->kv_levels = 0, true;
    case 6: return u->out_levels = 0, true;
    case 7: return u->decay = 0, true;
    case 8: return u->form = "product", true;
    case 9: return u->saturate = "none", true;
    case 10: return u->saturate = "scores", true;
    case 11: return u->saturate = "outputs", true;
    case 12: return u->linear = true;
    case 13: return u->slots = 100, u->window = 30, u->masked = true;
    case 14:
        u->q_levels = u->kv_levels = u->out_levels = 0;
        return u->decay = 0, u->saturate = "none", true;
    default: return false;
    }
}

static void effects(void **state) {
    device u = paper();
    for (int i = 0; vary(&u, i); i++, u = paper()) {
        help *h;
        help_setup((void **)&h);
        ir_interp *t = interp_of(h, attn_func(h, &u));
        sequence s = make_sequence(h, &u, ROWS);
        tensor single = run_cuts(h, t, &s, 1, 1); // first: the ring's memory starts small
        print_message("variant %d\n", i);
        assert_paper(&u, &ir_symbol_find(h->m, "scalings")->data, &s, &single);
        for (int most = 5; most < 30; most += 4)
            assert_numbers(run_cuts(h, t, &s, (uint64_t)most, most), single);
        assert_numbers(run_cuts(h, t, &s, 0, 0), single);
        ir_interp_free(t);
        help_teardown((void **)&h);
    }
}

// Every token sees all: later ones have age 0.
static void whole_sequences(void **state) {
    help *h = *state;
    device u = paper();
    u.mode = "all", u.slots = 24, u.masked = true;
    ir_attr_set_str(h->a, &h->m->attrs, IR_ATTR_class, "whole");
    ir_interp *t = interp_of(h, attn_func(h, &u));
    for (int64_t n = 24; n > 0; n -= 11) {
        sequence s = make_sequence(h, &u, n);
        tensor got = run_cuts(h, t, &s, 0, 0);
        assert_paper(&u, &ir_symbol_find(h->m, "scalings")->data, &s, &got);
    }
    ir_interp_free(t);
}

// Keys of one domain, queries of another: what the first step wrote serves the next.
static void cross(void **state) {
    help *h = *state;
    device u = paper();
    u.mode = "cross", u.slots = 24;
    domain_free(h, 1, 100);
    ir_func *f = attn_func(h, &u);
    for (int i = 1; i < 4; i++) {
        ir_type *type = &f->values.items[f->params.items[i].value].type;
        type->dim[0] = IR_DIM_DOMAIN(1);
    }
    sequence s = make_sequence(h, &u, 20);
    tensor in[4], out, all = tensor_new(h->a, ELEM_f32, DIMS(20, heads_of(&u) * u.dv));
    ir_interp *t = interp_of(h, f);
    for (int64_t at = 0, n = 12; at < 20; at += n, n = 8) {
        int64_t keys = at ? 0 : 20;
        for (int i = 0; i < 4; i++) in[i] = rows_part(&s.in[i], i ? 0 : at, i ? keys : n);
        must(h, ir_interp_step(t, (int64_t[IR_MAX_DOMAINS]){n, keys}, in, h->a, &out));
        memcpy((float *)all.data + at * out.dim[1], out.data, tensor_bytes(&out));
    }
    assert_paper(&u, &ir_symbol_find(h->m, "scalings")->data, &s, &all);
    ir_interp_free(t);
}

// Keys and values of an earlier run, loaded as the model gave them, are stored anew.
static void loaded(void **state) {
    help *h = *state;
    device u = paper();
    ir_interp *t = interp_of(h, attn_func(h, &u));
    sequence s = make_sequence(h, &u, 40);
    tensor whole = run_cuts(h, t, &s, 1, 9), k, v, in[4], out;
    must(h, ir_interp_ring_read(t, "r", h->a, &k, &v));
    assert_numbers(k, rows_part(&s.in[1], 24, 16));
    ir_interp_reset(t);
    k = rows_part(&s.in[1], 14, 16);
    v = rows_part(&s.in[2], 14, 16);
    must(h, ir_interp_ring_load(t, "r", 30, &k, &v));
    ir_interp_set_pos(t, 0, 30);
    for (int i = 0; i < 4; i++) in[i] = rows_part(&s.in[i], 30, 10);
    must(h, ir_interp_step(t, (int64_t[IR_MAX_DOMAINS]){10}, in, h->a, &out));
    assert_numbers(out, rows_part(&whole, 30, 10));
    ir_interp_free(t);
}

// Write, then query: what the fused operation gives. A ring of charges gives no scores.
static void unfused(void **state) {
    help *h = *state;
    device u = paper();
    u.mode = "all", u.masked = true;
    int heads = heads_of(&u);
    ir_func *f = attn_func(h, &u);
    ir_val p[4];
    for (int i = 0; i < 4; i++) p[i] = f->params.items[i].value;
    ir_type out = rows_type(ELEM_f32, 0, heads * u.dv);
    set_str(h, IR_ATTR_ring, "r");
    add_op(h, f, IR_gc_write, p + 1, 3, out);
    set_str(h, IR_ATTR_ring, "r");
    ir_result_add(h->m, f, "o2", add_op(h, f, IR_gc_query, VALS(p[0]), out));
    sequence s = make_sequence(h, &u, 13);
    tensor got[2];
    ir_interp *t = interp_of(h, f);
    must(h, ir_interp_step(t, (int64_t[IR_MAX_DOMAINS]){13}, s.in, h->a, got));
    assert_numbers(got[1], got[0]);
    ir_interp_free(t);
    set_str(h, IR_ATTR_ring, "r");
    add_op(h, f, IR_gc_score, VALS(p[0]), rows_type(ELEM_f32, 0, heads * u.slots));
    t = interp_of(h, f);
    assert_false(ir_interp_step(t, (int64_t[IR_MAX_DOMAINS]){13}, s.in, h->a, got));
    assert_string_equal(diag_id_name(diag_get(h->diags, 0)->id),
                        diag_id_name(DIAG_ID_eval_operand));
    ir_interp_free(t);
}

// nn.gaincell of q, k, v [1,H,T,d] and eight scalings [H].
static tensor run_gaincell(help *h, const device *u, tensor *in, const tensor *scalings) {
    for (int i = 0; i < 8; i++) {
        in[3 + i] = rows_part(scalings, i, 1);
        in[3 + i].rank = 1;
        in[3 + i].dim[0] = scalings->dim[1];
    }
    ir_func *f = ir_func_add(h->m, "plain");
    ir_val v[11];
    for (int i = 0; i < 11; i++)
        v[i] = ir_param_add(h->m, f, "x", ir_type_make(ELEM_f32, in[i].rank, in[i].dim));
    set_cell(h, &h->attrs, u);
    set_int(h, IR_ATTR_window, u->window);
    ir_type type = ir_type_make(ELEM_f32, 4, in[0].dim);
    ir_result_add(h->m, f, "o", add_op(h, f, IR_nn_gaincell, v, 11, type));
    tensor out;
    ir_interp *t = interp_of(h, f);
    must(h, ir_interp_step(t, NULL, in, h->a, &out));
    ir_interp_free(t);
    return out;
}

// nn.gaincell on plain tensors gives the bits of a ring with as many slots as its window.
static void plain(void **state) {
    help *h = *state;
    device u = paper();
    u.kv = 3, u.q_per_kv = 1, u.d = u.dv = 6, u.window = 16;
    ir_interp *t = interp_of(h, attn_func(h, &u));
    sequence s = make_sequence(h, &u, ROWS);
    tensor ring = run_cuts(h, t, &s, 0, 0), in[11];
    ir_interp_free(t);
    for (int i = 0; i < 3; i++) { // [T, H*d] -> [1, H, T, d]
        in[i] = tensor_new(h->a, ELEM_f32, DIMS(1, 3, ROWS, 6));
        for (int64_t j = 0; j < 3 * ROWS * 6; j++)
            ((float *)in[i].data)[j] =
                (float)item(&s.in[i], j / 6 % ROWS, j / (6 * ROWS) * 6 + j % 6);
    }
    tensor out = run_gaincell(h, &u, in, &ir_symbol_find(h->m, "scalings")->data);
    tensor back = tensor_new(h->a, ELEM_f32, DIMS(ROWS, 18));
    for (int64_t j = 0; j < 3 * ROWS * 6; j++)
        ((float *)back.data)[j / 6 % ROWS * 18 + j / (6 * ROWS) * 6 + j % 6] =
            ((float *)out.data)[j];
    assert_numbers(back, ring);
}

// The ONNX function in onnxruntime: equal codes for equal numbers.
static void onnxruntime(void **state) {
    help *h = *state;
    device u = paper();
    u.window = ORT_WINDOW, u.sub_tile = ORT_SUB_TILE;
    tensor in[11], scalings = make_scalings(h, ORT_HEADS);
    for (uint64_t i = 0; i < 3; i++)
        in[i] = tn_random(h, ELEM_f32, DIMS(1, ORT_HEADS, ORT_ROWS, ORT_D), 1 + i);
    for (int i = 0; i < ORT_HEADS; i++) {
        ((float *)scalings.data)[6 * ORT_HEADS + i] = 1;
        ((float *)scalings.data)[7 * ORT_HEADS + i] = 0;
    }
    tensor out = run_gaincell(h, &u, in, &scalings);
    assert_int_equal(tensor_count(&out), ARRAY_LEN(ort_codes));
    for (size_t i = 0; i < ARRAY_LEN(ort_codes); i++)
        if (((float *)out.data)[i] != (float)((double)(2.0f / 31) * ort_codes[i]))
            fail_msg("output %zu is %.9g, expected code %d", i, (double)((float *)out.data)[i],
                     ort_codes[i]);
}

// charge.h by hand, as statistics of scores need it: scores and output of one row.
static void scores_of_charges(void **state) {
    help *h = *state;
    device u = paper();
    ir_interp *t = interp_of(h, attn_func(h, &u));
    sequence s = make_sequence(h, &u, 12);
    tensor out = run_cuts(h, t, &s, 0, 0);
    // Scores and output of head 1, row 11 (key/value head 0; all 12 tokens are in the window).
    const tensor scalings = ir_symbol_find(h->m, "scalings")->data;
    charge_unit unit = charge_unit_of(ir_ring_find(h->m, "r"));
    float a[8], y[5];
    for (int i = 0; i < 8; i++) a[i] = (float)item(&scalings, i, i < 2 || i >= 6 ? 1 : 0);
    double q[8], k[12 * 8], v[12 * 5], scores[12], want = 0;
    for (int c = 0; c < 8; c++)
        q[c] = charge_pulse(&unit, a[0], a[1], (float)item(&s.in[0], 11, 8 + c));
    for (int j = 0; j < 12; j++) {
        for (int c = 0; c < 8; c++)
            k[j * 8 + c] = charge_store(&unit, a[2], a[3], (float)item(&s.in[1], j, c));
        for (int c = 0; c < 5; c++)
            v[j * 5 + c] = charge_store(&unit, a[4], a[5], (float)item(&s.in[2], j, c));
    }
    charge_query query = {q, 8, 5, a[6], a[7], 11};
    charge_memory memory = {.k = k, .v = v, .first = 0, .n = 12};
    charge_attend(&unit, &query, &memory, y, scores, NULL);
    for (int c = 0; c < 5; c++) assert_true((double)y[c] == item(&out, 11, 5 + c));
    for (int c = 0; c < 8; c++) { // S of token 4
        double key = (double)a[2] * item(&s.in[1], 4, c) + (double)a[3];
        double pulse = (double)a[0] * item(&s.in[0], 11, 8 + c) + (double)a[1];
        want += quant(clamp(pulse, 0, 1), 1, 16) *
                cell_charge(&u, quant(clamp(key, 0, 0.9), 0.9, 8), 7);
    }
    assert_true(fabs(scores[4] - want) < 1e-6);
    ir_interp_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(effects), TEST(whole_sequences), TEST(cross),       TEST(loaded),
        TEST(unfused), TEST(plain),           TEST(onnxruntime), TEST(scores_of_charges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
