// Score read-out with levels and converters against a plain loop of docs/gain-cells.md over all
// tokens; sinks; what its counters say; loading and reading back; state across simulators.
#include "isa/count/arrays.h"
#include "support/num/num.h"
#include "tests/random.h"
#include "tests/sim/builder.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { HK = 2, G = 2, H = HK * G, D = 6, DV = 5, TOKENS = 60, KV = HK * (D + DV), Q = H * D };
enum { O = H * DV };

typedef struct {
    float q[TOKENS * Q], kv[TOKENS * KV], sink[H], slopes[H];
    int32_t mask[TOKENS];
} data;

static void fill(data *d, random_stream *r) {
    for (int i = 0; i < TOKENS * Q; i++) d->q[i] = 2 * random_float(r);
    for (int i = 0; i < TOKENS * KV; i++) d->kv[i] = 2 * random_float(r);
    for (int i = 0; i < H; i++) d->sink[i] = random_float(r), d->slopes[i] = random_float(r) / 8;
    for (int i = 0; i < TOKENS; i++) d->mask[i] = random_in(r, 0, 4) != 0;
    for (int i = 0; i < D; i++) d->q[7 * Q + i] = 0; // a query and a token of size 0
    for (int i = 0; i < KV; i++) d->kv[9 * KV + i] = 0;
}

static float size_of(const float *x, int n) {
    float a = 0;
    for (int i = 0; i < n; i++) a = fabsf(x[i]) > a ? fabsf(x[i]) : a;
    return a;
}

// The number u that a stored element is.
static double stored(const isa_ring *r, float x, float a) {
    if (!r->kv_levels) return (double)x;
    float top = (float)(r->kv_levels - 1);
    float c = a == 0 ? 0 : rintf((x / a + 1) * (top * 0.5f));
    return 2 * (double)fminf(fmaxf(c, 0), top) - (double)top;
}

static double converted(double sum, uint32_t bits, double full) {
    if (!bits) return sum;
    double half = ldexp(1, (int)bits - 1), lsb = full / half;
    return lsb * fmin(fmax(rint(sum / lsb), -half), half - 1);
}

static void reference(const data *d, const isa_ring *r, bool masked, int t, float *o) {
    int window = r->window ? (int)r->window : (int)r->slots, first = t - window + 1;
    if (first < 0) first = 0;
    double levels = r->kv_levels ? r->kv_levels - 1 : 1;
    for (int h = 0; h < H; h++) {
        const float *q = d->q + t * Q + h * D;
        float p[TOKENS], biggest = r->sink == ISA_NO_OFFSET ? -INFINITY : d->sink[h];
        double y[TOKENS], all = 0, sum[DV] = {0};
        float b = r->q_levels ? size_of(q, D) : 1;
        double top = r->q_levels ? (r->q_levels - 1) / 2 : 1;
        for (int j = first; j <= t; j++) {
            if (masked && !d->mask[j]) continue;
            const float *k = d->kv + j * KV + h / G * D;
            float a = r->kv_levels ? size_of(k, D) : 1;
            double dot = 0;
            for (int i = 0; i < D; i++) {
                double x = !r->q_levels ? (double)q[i]
                           : b == 0     ? 0
                                        : (double)rintf(q[i] / b * (float)top);
                dot += x * stored(r, k[i], a);
            }
            dot = converted(dot, r->adc_bits, D * top * levels);
            p[j] = (float)(dot * ((double)b / top) * ((double)a / levels)) * r->scale;
            if (r->softcap != 0) p[j] = r->softcap * num_tanh(p[j] / r->softcap);
            if (r->bias == ISA_BIAS_ALIBI) p[j] += d->slopes[h] * (float)(j - t);
            if (p[j] > biggest) biggest = p[j];
        }
        for (int j = first; j <= t; j++)
            if (!masked || d->mask[j]) all += (double)num_exp(p[j] - biggest);
        if (r->sink != ISA_NO_OFFSET) all += (double)num_exp(d->sink[h] - biggest);
        double mixed = 0;
        for (int j = first; j <= t; j++) {
            if (masked && !d->mask[j]) continue;
            float w = r->act == ISA_ACT_HARDSIGMOID
                          ? fminf(fmaxf(r->alpha * p[j] + r->beta, 0), 1)
                          : (float)((double)num_exp(p[j] - biggest) / all);
            const float *v = d->kv + j * KV + HK * D + h / G * DV;
            y[j] = (double)w * (double)(r->kv_levels ? size_of(v, DV) : 1);
            mixed += y[j];
        }
        double pulses = r->p_levels ? r->p_levels - 1 : 1;
        for (uint32_t tile = 0; tile * r->sub_tile < r->slots && mixed != 0; tile++) {
            double charge[DV] = {0};
            for (uint32_t slot = tile * r->sub_tile;
                 slot < (tile + 1) * r->sub_tile && slot < r->slots; slot++)
                for (int j = first; j <= t; j++) {
                    if ((uint32_t)j % r->slots != slot || (masked && !d->mask[j])) continue;
                    const float *v = d->kv + j * KV + HK * D + h / G * DV;
                    double e = r->p_levels ? rint(y[j] / mixed * pulses) : y[j] / mixed;
                    float a = r->kv_levels ? size_of(v, DV) : 1;
                    for (int i = 0; i < DV; i++) charge[i] += e * stored(r, v[i], a);
                }
            for (int i = 0; i < DV; i++)
                sum[i] += converted(charge[i], r->adc_bits, levels * pulses);
        }
        for (int i = 0; i < DV; i++)
            o[h * DV + i] = (float)(sum[i] * (r->p_levels ? mixed / pulses : mixed) / levels);
    }
}

static isa_ring ring_desc(uint32_t slots, uint32_t window) {
    return (isa_ring){.n_kv = HK,
                      .q_per_kv = G,
                      .d = D,
                      .dv = DV,
                      .slots = slots,
                      .window = window,
                      .sub_tile = 7,
                      .scale = 0.40824829f,
                      .bias_table = ISA_NO_OFFSET,
                      .sink = ISA_NO_OFFSET,
                      .cell = ISA_NO_OFFSET,
                      .scalings = ISA_NO_OFFSET};
}

static build attn_build(isa_ring r, bool masked, const data *d) {
    build b = build_new(ISA_STREAM, TOKENS, TOKENS);
    for (b.chip.gain.score_levels = r.kv_levels; r.kv_levels && !b.chip.gain.score_cells;)
        b.chip.gain.score_cells = 1;
    b.chip.gain.score_q_levels = r.q_levels, b.chip.gain.score_p_levels = r.p_levels;
    b.chip.gain.score_adc_bits = r.adc_bits, b.chip.gain.sub_tile = 7;
    if (r.bias != ISA_BIAS_NONE) r.bias_table = build_data(&b, d->slopes, sizeof d->slopes);
    if (r.sink != ISA_NO_OFFSET) r.sink = build_data(&b, d->sink, sizeof d->sink);
    uint16_t q = build_in(&b, "q", ISA_F32, Q), kv = build_in(&b, "kv", ISA_F32, KV),
             mask = build_in(&b, "mask", ISA_I32, 1);
    uint16_t o = build_buf(&b, ISA_F32, O);
    isa_tile *t = &b.p->tiles[0];
    t->rings[t->n_rings++] = r;
    EMIT(&b, .op = ISA_attn, .d = o, .a = q, .b = kv, .x = 0, .n = masked ? mask : ISA_NONE);
    build_out(&b, "o", o);
    return b;
}

static void feed(sim *s, build *b, const data *d, int from, int rows, float *o) {
    arena *a = arena_new();
    tensor in[3] = {rows_f32(a, rows, Q, d->q + from * Q), rows_f32(a, rows, KV, d->kv + from * KV),
                    rows_i32(a, rows, d->mask + from)},
           out;
    int64_t n[ISA_DOMAINS] = {rows};
    assert_true(sim_step(s, 0, 0, from == 0, n, in, a, &out, b->diags));
    memcpy(o, out.data, (size_t)rows * O * sizeof *o);
    arena_free(a);
}

// Each quantiser alone and with others, over cuts and threads: the reference's bits.
static void test_levels(void **state) {
    static const uint32_t levels[][4] = {
        // kv, q, p, adc
        {0, 0, 0, 0},      {8, 0, 0, 0},   {512, 0, 0, 0}, {3, 0, 0, 0},
        {0, 16, 0, 0},     {0, 3, 0, 0},   {0, 0, 17, 0},  {512, 256, 0, 0},
        {512, 256, 0, 12}, {8, 16, 17, 5}, {8, 16, 0, 24}, {65536, 65535, 65536, 24},
        {2, 4, 2, 1}};
    random_stream rnd = random_test(5);
    data *d = base_alloc(sizeof *d);
    fill(d, &rnd);
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        for (int kind = 0; kind < 8; kind++) {
            isa_ring r = ring_desc(kind & 1 ? 17 : 64, kind & 1 ? 12 : 0);
            r.kv_levels = levels[i][0], r.q_levels = levels[i][1];
            r.p_levels = levels[i][2], r.adc_bits = levels[i][3];
            bool masked = kind & 2;
            if (kind & 4) r.sink = 0, r.bias = ISA_BIAS_ALIBI, r.softcap = 1.5f;
            if (kind == 3) r.act = ISA_ACT_HARDSIGMOID, r.alpha = 0.3f, r.beta = 0.1f;
            float want[TOKENS * O], got[TOKENS * O];
            for (int t = 0; t < TOKENS; t++) reference(d, &r, masked, t, want + t * O);
            for (int way = 0; way < 3; way++) {
                build b = attn_build(r, masked, d);
                sim *s = build_sim(&b, way == 0 ? 1 : 8, false);
                for (int t = 0, n; t < TOKENS; t += n) {
                    n = way == 0 ? TOKENS : way == 1 ? 1 : (int)random_in(&rnd, 1, 20);
                    if (n > TOKENS - t) n = TOKENS - t;
                    feed(s, &b, d, t, n, got + t * O);
                }
                for (int k = 0; k < TOKENS * O; k++) {
                    // without any level the arithmetic is that of numerics.md
                    float near = i == 0 ? 1e-5f * (1 + fabsf(want[k])) : 0;
                    bool same = fabsf(got[k] - want[k]) <= near;
                    if (!same)
                        fail_msg("levels %zu, kind %d, way %d, row %d: %.9g, expected %.9g", i,
                                 kind, way, k / O, (double)got[k], (double)want[k]);
                }
                sim_free(s);
                build_free(&b);
            }
        }
    free(d);
}

// Many levels come close to real numbers; few do not.
static void test_levels_matter(void **state) {
    random_stream rnd = random_test(6);
    data *d = base_alloc(sizeof *d);
    fill(d, &rnd);
    isa_ring fine = ring_desc(64, 0), plain = fine, coarse = fine;
    fine.kv_levels = 512, fine.q_levels = 256, fine.adc_bits = 16;
    coarse.kv_levels = 4, coarse.q_levels = 4, coarse.adc_bits = 4;
    double off[2] = {0};
    for (int t = 1; t < TOKENS; t++) {
        float a[O], b[O], c[O];
        reference(d, &plain, false, t, a), reference(d, &fine, false, t, b);
        reference(d, &coarse, false, t, c);
        for (int i = 0; i < O; i++) {
            off[0] = fmax(off[0], fabs((double)(b[i] - a[i])));
            off[1] = fmax(off[1], fabs((double)(c[i] - a[i])));
        }
    }
    assert_true(off[0] < 0.03 && off[1] > 0.1);
    free(d);
}

// What one simulator stored continues in another, by keys and values read back and by state files.
static void test_continued(void **state) {
    random_stream rnd = random_test(8);
    data *d = base_alloc(sizeof *d);
    fill(d, &rnd);
    arena *a = arena_new();
    isa_ring r = ring_desc(17, 12);
    r.kv_levels = 512, r.q_levels = 256, r.adc_bits = 12;
    build b = attn_build(r, true, d);
    sim *s = build_sim(&b, 1, false), *u = build_sim(&b, 1, false), *w = build_sim(&b, 1, false);
    float got[TOKENS * O], want[TOKENS * O];
    feed(s, &b, d, 0, 30, got);
    tensor k, v;
    assert_true(sim_ring_read(s, 0, 0, 0, a, &k, &v));
    assert_int_equal(k.dim[0], 17);
    for (int i = 0; i < HK * D; i++) // of the 13th token, to a level
        assert_true(fabsf(((float *)k.data)[i] - d->kv[13 * KV + i]) < 2.0f / 255);
    char *file = NULL;
    size_t bytes = 0;
    FILE *f = open_memstream(&file, &bytes);
    assert_true(sim_state_save(s, 0, &(sim_state_note){"it", NULL, 0}, f, NULL));
    fclose(f);
    assert_true(sim_state_load(u, 0, "it", file, bytes, NULL));
    feed(s, &b, d, 30, 30, want), feed(u, &b, d, 30, 30, got);
    assert_memory_equal(want, got, 30 * O * sizeof *got);
    // levels read back are the levels written again: all tokens count as seen
    assert_true(sim_ring_load(w, 0, 0, 0, sim_pos(s, 0), &k, &v, b.diags));
    tensor k2, v2;
    assert_true(sim_ring_read(w, 0, 0, 0, a, &k2, &v2));
    assert_memory_equal(k.data, k2.data, tensor_bytes(&k));
    assert_memory_equal(v.data, v2.data, tensor_bytes(&v));
    free(file);
    sim_free(s), sim_free(u), sim_free(w);
    build_free(&b);
    arena_free(a);
    free(d);
}

static void test_counts(void **state) {
    random_stream rnd = random_test(9);
    data *d = base_alloc(sizeof *d);
    fill(d, &rnd);
    isa_ring r = ring_desc(17, 12);
    r.kv_levels = 8, r.q_levels = 16, r.adc_bits = 8;
    int seen = 0;
    for (int t = 0; t < TOKENS; t++)
        for (int j = t < 11 ? 0 : t - 11; j <= t; j++) seen += d->mask[j] != 0;
    float got[TOKENS * O];
    for (int wide = 0; wide < 2; wide++) {
        build b = attn_build(r, true, d);
        b.chip.gain.head_width = wide ? 4 : 0; // two arrays beside each other, 2 and 3 columns idle
        sim *s = build_sim(&b, 2, false);
        feed(s, &b, d, 0, TOKENS, got);
        sim_stats n = sim_totals(s);
        assert_int_equal(n.gain_conversions, H * (seen + TOKENS * 3 * DV));
        assert_int_equal(n.gain_k_arrays, H * TOKENS * 3 * (1 + wide));
        assert_int_equal(n.gain_v_arrays, H * TOKENS * 3 * (1 + wide));
        assert_int_equal(n.gain_idle_cells,
                         H * TOKENS * (wide ? 21 * 16 - 17 * (D + DV) : 4 * (D + DV)));
        assert_int_equal(n.gain_scores + n.gain_outputs, 0);
        sim_free(s);
        build_free(&b);
    }
    free(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_levels_matter),
        cmocka_unit_test(test_continued),
        cmocka_unit_test(test_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
