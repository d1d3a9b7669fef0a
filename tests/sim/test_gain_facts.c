// The gain-cell unit against an independent evaluation in doubles from
// shared/facts/hardware.md 2.2.
#include "tests/sim/gain_chip.h"

// To the nearest of n levels over [0, hi]: multiples of the step. Inputs are f32 in f32.
static double quantised(float x, float hi, uint32_t n) {
    if (!(x > 0)) x = 0;
    if (x > hi) x = hi;
    if (n == 0) return (double)x;
    double step = (double)hi / (n - 1);
    return step * (double)nearbyintf(x / (hi / (float)(n - 1)));
}

typedef struct {
    double *k, *v; // [tokens][d], volts
    const float *q;
    int64_t t, window;
    double lambda;
    double *s; // [tokens]
    double *z; // [sub-tiles][d], clamped
    int64_t saturated_scores, saturated_outputs, scores;
} sheet;

static double charge_of(const gain_params *p, double volts, double decay) {
    double u = volts - (double)p->v_dd / 2, sum = 0;
    for (uint32_t i = 0; i < p->terms; i++)
        sum += (double)p->cell[i] * pow(u, i) * (p->product ? decay : pow(decay, i));
    return sum;
}

static void evaluate(const gain_params *p, const gain_scaling *g, sheet *e) {
    size_t d = p->d, tiles = ceil_div_u64(p->slots, p->sub_tile);
    for (size_t i = 0; i < tiles * d; i++) e->z[i] = 0;
    e->saturated_scores = e->saturated_outputs = e->scores = 0;
    for (int64_t j = e->t < e->window ? 0 : e->t - e->window + 1; j <= e->t; j++) {
        double decay = exp(-e->lambda * fmax(0, (double)(e->t - j))), s = 0;
        for (size_t i = 0; i < d; i++)
            s += quantised(g->a_q * e->q[i] + g->b_q, 1, p->q_levels) *
                 charge_of(p, e->k[(size_t)j * d + i], decay);
        e->s[j] = s;
        e->scores++;
        double phi = s / (double)p->s_sat;
        if (phi >= 1) e->saturated_scores++;
        if (phi < 0) phi = 0;
        if (p->saturate_scores && phi > 1) phi = 1;
        size_t tile = (size_t)(j % p->slots) / p->sub_tile;
        for (size_t i = 0; i < d && phi > 0; i++)
            e->z[tile * d + i] +=
                phi * charge_of(p, e->v[(size_t)j * d + i], decay) / (double)p->o_sat;
    }
    for (size_t i = 0; i < tiles * d; i++) {
        e->saturated_outputs += fabs(e->z[i]) >= 1;
        if (p->saturate_outputs) e->z[i] = fmax(-1, fmin(1, e->z[i]));
    }
}

// One device over a sequence that wraps its ring three times: at some positions everything is
// compared. Returns how many read-out codes lay within 1e-5 of a threshold and differed.
static int compare(const char *name, const gain_params *p, double lambda, int64_t window,
                   uint64_t seed) {
    size_t d = p->d, tokens = 3 * p->slots + p->slots / 2,
           tiles = ceil_div_u64(p->slots, p->sub_tile);
    gain_scaling g = {0.6f, 0.1f, 0.2f, 0.45f, 0.25f, 0.44f, 1.25f, -0.5f};
    gain_unit *u = gain_unit_new(p);
    gain_cells cells = gain_cells_new(u, 1);
    float *x = base_alloc(3 * d * sizeof *x), *out = base_alloc(d * sizeof *out);
    double *volts = base_alloc(2 * tokens * d * sizeof *volts);
    double *s = base_calloc(p->slots, sizeof *s), *z = base_alloc(tiles * d * sizeof *z);
    void *scratch = base_alloc(gain_scratch(u));
    sheet e = {.k = volts,
               .v = volts + tokens * d,
               .q = x,
               .window = window,
               .lambda = lambda,
               .s = base_calloc(tokens, sizeof(double)),
               .z = z};
    double worst_s = 0, worst_o = 0;
    random_stream draws = random_test(seed);
    int listed = 0;
    for (size_t t = 0; t < tokens; t++) {
        for (size_t i = 0; i < 3 * d; i++) x[i] = 2 * random_float(&draws);
        gain_write(u, &cells, 0, t % p->slots, &g, x + d, x + 2 * d);
        for (size_t i = 0; i < d; i++) {
            e.k[t * d + i] = quantised(g.a_k * x[d + i] + g.b_k, p->v_dd, p->kv_levels);
            e.v[t * d + i] = quantised(g.a_v * x[2 * d + i] + g.b_v, p->v_dd, p->kv_levels);
        }
        if (t % (p->slots / 2 - 5) && t != tokens - 1) continue;
        e.t = (int64_t)t;
        evaluate(p, &g, &e);
        int64_t first = max_i64(0, e.t - window + 1);
        gain_view view = {e.t, first, e.t - first + 1, NULL};
        gain_scores(u, simd_best(), &cells, 0, &view, &g, x, s, scratch);
        for (int64_t j = first; j <= e.t; j++)
            worst_s = fmax(worst_s, fabs(s[j % (int64_t)p->slots] - e.s[j]));
        gain_counts n = {0};
        gain_attend(u, simd_best(), &cells, 0, &view, &g, x, out, &n, scratch);
        assert_int_equal(n.scores, e.scores);
        assert_true(llabs((long long)n.scores_saturated - e.saturated_scores) <= 1);
        assert_true(llabs((long long)n.outputs_saturated - e.saturated_outputs) <= 1);
        for (size_t i = 0; i < d; i++) {
            double r = ((double)out[i] - (double)g.b_o) / (double)g.a_o, sum = 0, near = 0;
            if (!p->out_levels) {
                for (size_t k = 0; k < tiles; k++) sum += z[k * d + i];
                worst_o = fmax(worst_o, fabs(r - sum) / fmax(1, fabs(sum)));
                continue;
            }
            float step = 2.0f / (float)(p->out_levels - 1);
            for (size_t k = 0; k < tiles; k++) {
                double y = z[k * d + i] / (double)step;
                sum += nearbyint(y);
                near += fabs(fabs(y - floor(y)) - 0.5) * (double)step < 1e-5;
            }
            double off = fabs(nearbyint(r / (double)step) - sum);
            if (off == 0) continue;
            if (off > near) fail_msg("%s: position %zu column %zu: codes %g off", name, t, i, off);
            for (size_t k = 0; k < tiles; k++) {
                double y = z[k * d + i] / (double)step;
                if (fabs(fabs(y - floor(y)) - 0.5) * (double)step < 1e-5)
                    printf("  %s: position %zu column %zu sub-tile %zu: %.9f codes\n", name, t, i,
                           k, y);
            }
            listed++;
        }
    }
    printf("  %-24s window %4lld of %4u: S within %.1e, outputs within %.1e, %d at thresholds\n",
           name, (long long)window, p->slots, worst_s, worst_o, listed);
    if (!(worst_s < 1e-4 && worst_o < 1e-6)) fail_msg("%s", name);
    free(x), free(out), free(volts), free(s), free(z), free(scratch), free(e.s);
    gain_cells_free(&cells);
    gain_unit_free(u);
    return listed;
}

// Every effect on, each off, all off; windows from 64 to 1024; read-out with and without levels.
static void test_against_the_facts(void **state) {
    arena *a = arena_new();
    machine *m = chip_of(a, NULL, 0);
    static const struct {
        const char *name, *sets[4];
        double lambda;
        uint32_t slots;
        int64_t window;
    } rows[] = {
        {"all effects", {NULL}, 1.6e-4, 64, 64},
        {"all effects", {NULL}, 1.6e-4, 256, 200},
        {"all effects", {NULL}, 1.6e-4, 1024, 1024},
        {"older form, 1e-4", {"gain.decay_form=product"}, 1e-4, 1024, 1024},
        {"older form, 1e-4", {"gain.decay_form=product"}, 1e-4, 64, 64},
        {"no decay", {NULL}, 0, 256, 256},
        {"continuous queries", {"gain.q_levels=0"}, 1.6e-4, 128, 128},
        {"continuous storage", {"gain.kv_levels=0"}, 1.6e-4, 128, 128},
        {"continuous read-out", {"gain.out_levels=0"}, 1.6e-4, 128, 128},
        {"saturating scores", {"gain.saturate=scores"}, 1.6e-4, 128, 128},
        {"saturating outputs", {"gain.saturate=outputs"}, 1.6e-4, 128, 128},
        {"nothing saturates", {"gain.saturate=none"}, 1.6e-4, 128, 128},
        {"linear cell", {"gain.cell=0,19.3"}, 1.6e-4, 128, 128},
        {"fifth order", {"gain.cell=0.1,10,-1,20,3,40"}, 1.6e-4, 128, 128},
        {"ideal",
         {"gain.q_levels=0", "gain.kv_levels=0", "gain.saturate=none", "gain.cell=0,1"},
         0,
         128,
         100},
        {"sub-tiles of 50", {"gain.sub_tile=50"}, 1.6e-4, 128, 96},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (int levels = 0; levels < 2; levels++) {
            size_t n = 0;
            while (n < ARRAY_LEN(rows[i].sets) && rows[i].sets[n]) n++;
            machine *chip = n ? chip_of(a, rows[i].sets, n) : m;
            gain_params p = device(chip, 64, rows[i].slots);
            p.decay = (float)rows[i].lambda;
            if (!levels) p.out_levels = 0;
            compare(rows[i].name, &p, (double)p.decay, rows[i].window, 7 + i);
        }
    arena_free(a);
}

// P(v) of the eight levels: the table of hardware.md 2.2.
static void test_cell(void **state) {
    static const double table[] = {-10.3315, -5.6542, -2.5317, -0.3768,
                                   1.3978,   3.3795,  6.1554,  10.3130};
    arena *a = arena_new();
    machine *m = chip_of(a, NULL, 0);
    gain_params p = device(m, 1, 64);
    gain_unit *u = gain_unit_new(&p);
    gain_cells c = gain_cells_new(u, 1);
    gain_scaling g = {.a_q = 1, .a_k = 1, .a_v = 1, .a_o = 1};
    void *scratch = base_alloc(gain_scratch(u));
    for (int k = 0; k < 8; k++) {
        float volts = (float)k * 0.9f / 7, one = 1;
        double s;
        gain_write(u, &c, 0, 0, &g, &volts, &volts);
        gain_scores(u, SIMD_PORTABLE, &c, 0, &(gain_view){0, 0, 1, NULL}, &g, &one, &s, scratch);
        if (fabs(s - table[k]) > 0.5e-4) fail_msg("level %d: %.6f", k, s);
    }
    free(scratch);
    gain_cells_free(&c);
    gain_unit_free(u);
    arena_free(a);
}
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_the_facts),
        cmocka_unit_test(test_cell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
