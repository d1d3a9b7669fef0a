// mvm, fin, raw sums over tiles, gates, mixed types; threads and force_cells; event counts by hand.
#include "tests/random.h"
#include "tests/sim/builder.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { T = 5, K = 300, N = 150 };

typedef struct {
    int8_t w[K * N];
    float scale[N], bias[N], x[T * K], wf[K * N];
    int32_t zero[N], colsum[N];
} data;

static data *make(uint64_t seed) {
    data *d = base_alloc(sizeof *d);
    random_stream r = random_test(seed);
    memset(d->colsum, 0, sizeof d->colsum);
    for (int n = 0; n < N; n++) {
        d->scale[n] = 0.01f * (1 + random_float(&r) / 2), d->bias[n] = random_float(&r);
        d->zero[n] = (int32_t)random_in(&r, -9, 9);
    }
    for (int k = 0; k < K; k++)
        for (int n = 0; n < N; n++) {
            d->w[k * N + n] = (int8_t)random_in(&r, -128, 127);
            d->wf[k * N + n] = random_float(&r);
            d->colsum[n] += d->w[k * N + n];
        }
    for (int i = 0; i < T * K; i++) d->x[i] = 2 * random_float(&r) + 0.5f;
    return d;
}

// The chip of ideal-int8: 128 x 128, a converter that cannot clip.
static build int8_build(void) {
    build b = build_new(ISA_STREAM, T, 64);
    b.chip.crossbar.adc_bits = 0;
    return b;
}

static tensor step(sim *s, arena *a, const data *d, int64_t rows, const int64_t from, build *b) {
    tensor in = rows_f32(a, rows, K, d->x + from * K), out;
    int64_t n[ISA_DOMAINS] = {rows};
    assert_true(sim_step(s, 0, 0, from == 0, n, &in, a, &out, b->diags));
    return out;
}

// y of docs/numerics.md for codes q of a row
static float integer_y(const data *d, const int8_t *q, float sx, int32_t zx, int n) {
    int64_t acc = 0, sum = 0;
    for (int k = 0; k < K; k++) acc += q[k] * d->w[k * N + n], sum += q[k];
    int64_t i =
        acc - (int64_t)zx * d->colsum[n] - (int64_t)d->zero[n] * sum + (int64_t)K * zx * d->zero[n];
    return (float)((double)i * ((double)sx * (double)d->scale[n]) + (double)d->bias[n]);
}

static void quantise_asym(const float *x, int8_t *q, float *scale, int32_t *zero) {
    float lo = 0, hi = 0;
    for (int k = 0; k < K; k++) lo = x[k] < lo ? x[k] : lo, hi = x[k] > hi ? x[k] : hi;
    *scale = (hi - lo) / 255.0f;
    float zu = __builtin_rintf(-lo / *scale);
    *zero = (int32_t)zu - 128;
    for (int k = 0; k < K; k++) {
        float c = __builtin_rintf(x[k] / *scale) + zu;
        q[k] = (int8_t)((c < 0 ? 0 : c > 255 ? 255 : c) - 128);
    }
}

static void test_integer_product(void **state) {
    data *d = make(1);
    arena *a = arena_new();
    for (int forced = 0; forced < 2; forced++) {
        build b = int8_build();
        uint16_t x = build_in(&b, "x", ISA_F32, K),
                 q = build_buf_in(&b, 0, ISA_Q8, K, 0, ISA_QUANT_ASYM);
        uint16_t y = build_buf(&b, ISA_F32, N),
                 g = build_group(&b, 0, K, 0, K, N, d->w, d->scale, d->zero, d->colsum, d->bias);
        EMIT(&b, .op = ISA_copy, .d = q, .a = x, .b = ISA_NONE);
        EMIT(&b, .op = ISA_mvm, .d = y, .a = q, .x = g, .b = ISA_NONE);
        build_out(&b, "y", y);
        sim *s = build_sim(&b, 1 + forced, forced);
        tensor out = step(s, a, d, T, 0, &b);
        for (int t = 0; t < T; t++) {
            int8_t codes[K];
            float scale;
            int32_t zero;
            quantise_asym(d->x + t * K, codes, &scale, &zero);
            for (int n = 0; n < N; n++)
                assert_true(((float *)out.data)[t * N + n] == integer_y(d, codes, scale, zero, n));
        }
        sim_stats e = sim_insn_stats(s, 0, 0, 2); // 3 x 2 blocks; 8 phases; 4 slices
        assert_int_equal(e.rows, T);
        assert_int_equal(e.mvm_macs, T * K * N);
        assert_int_equal(e.array_phases, T * 6 * 8 * 4);
        assert_int_equal(e.dac_rows, T * 2 * K * 8);
        assert_int_equal(e.adc_conversions, T * 3 * N * 8 * 4);
        assert_int_equal(e.adc_clipped, 0);
        assert_int_equal(e.scratchpad_bytes, T * (K + 16 + 4 * N));
        assert_int_equal(sim_insn_stats(s, 0, 0, 1).elements_move, T * K);
        assert_int_equal(sim_totals(s).host_bytes, T * 4 * (K + N));
        assert_int_equal(sim_totals(s).instructions, 5);
        sim_free(s);
        build_free(&b);
    }
    free(d);
    arena_free(a);
}

// Two tiles hold the upper and the lower rows: raw sums travel, fin at the root. Same bits as one
// tile, with zero points on both sides.
static void test_raw_over_tiles(void **state) {
    data *d = make(2);
    arena *a = arena_new();
    enum { CUT = 171 };
    build one = int8_build(), two = int8_build();
    uint16_t x = build_in(&one, "x", ISA_F32, K),
             q = build_buf_in(&one, 0, ISA_Q8, K, 0, ISA_QUANT_ASYM);
    uint16_t y = build_buf(&one, ISA_F32, N),
             g = build_group(&one, 0, K, 0, K, N, d->w, d->scale, d->zero, d->colsum, d->bias);
    EMIT(&one, .op = ISA_copy, .d = q, .a = x, .b = ISA_NONE);
    EMIT(&one, .op = ISA_mvm, .d = y, .a = q, .x = g, .b = ISA_NONE);
    build_out(&one, "y", y);

    two.p->n_tiles = 2;
    x = build_in(&two, "x", ISA_F32, K), q = build_buf_in(&two, 0, ISA_Q8, K, 0, ISA_QUANT_ASYM);
    uint16_t top = build_view(&two, 0, q, 0, CUT), low = build_view(&two, 0, q, CUT, K - CUT);
    uint16_t there = build_channel(&two, 0, 1, ISA_Q8, K - CUT),
             back = build_channel(&two, 1, 0, ISA_RAW, N);
    uint16_t raw = build_buf_in(&two, 0, ISA_RAW, N, 0, 0),
             all = build_buf_in(&two, 0, ISA_RAW, N, 0, 0);
    y = build_buf(&two, ISA_F32, N);
    uint16_t g0 = build_group(&two, 0, K, 0, CUT, N, d->w, d->scale, d->zero, d->colsum, d->bias);
    uint16_t part = build_buf_in(&two, 1, ISA_Q8, K - CUT, 0, 0),
             raw1 = build_buf_in(&two, 1, ISA_RAW, N, 0, 0);
    uint16_t g1 =
        build_group(&two, 1, K, CUT, K, N, d->w + CUT * N, d->scale, d->zero, d->colsum, d->bias);
    EMIT(&two, .op = ISA_copy, .d = q, .a = x, .b = ISA_NONE);
    EMIT(&two, .op = ISA_send, .a = low, .x = there);
    EMIT(&two, .op = ISA_mvm, .mode = 1, .d = raw, .a = top, .x = g0, .b = ISA_NONE);
    EMIT(&two, .op = ISA_recvadd, .d = all, .a = raw, .x = back);
    EMIT(&two, .op = ISA_fin, .d = y, .a = all, .x = g0);
    build_out(&two, "y", y);
    build_emit(&two, 1, 0, (isa_insn){.op = ISA_recv, .d = part, .x = there});
    build_emit(&two, 1, 0,
               (isa_insn){.op = ISA_mvm, .mode = 1, .d = raw1, .a = part, .x = g1, .b = ISA_NONE});
    build_emit(&two, 1, 0, (isa_insn){.op = ISA_send, .a = raw1, .x = back});
    sim *s1 = build_sim(&one, 1, false), *s2 = build_sim(&two, 2, false);
    tensor y1 = step(s1, a, d, T, 0, &one), y2 = step(s2, a, d, T, 0, &two);
    assert_true(tensor_equal_bits(&y1, &y2));
    assert_int_equal(sim_totals(s2).link_rows, 2 * T);
    assert_int_equal(sim_totals(s2).link_bytes, T * (K - CUT + 16 + 4 * N + 16));
    sim_free(s1), sim_free(s2);
    build_free(&one), build_free(&two);
    free(d);
    arena_free(a);
}

// Float products (chip ideal): f32 weights, f32 rows, q8 rows, i8 weights; sums in k order.
static void test_float_products(void **state) {
    data *d = make(3);
    arena *a = arena_new();
    for (int rows8 = 0; rows8 < 2; rows8++)
        for (int weights8 = 0; weights8 < 2 && !(rows8 && weights8); weights8++)
            for (int64_t rows = 1; rows <= T; rows += T - 1) {
                build b = build_new(ISA_STREAM, T, 64);
                b.chip.crossbar.rows = b.chip.crossbar.columns = 0;
                b.chip.crossbar.weight_bits = b.chip.crossbar.cell_bits =
                    b.chip.crossbar.input_bits = 0;
                uint16_t x = build_in(&b, "x", ISA_F32, K), q = build_buf(&b, ISA_Q8, K),
                         y = build_buf(&b, ISA_F32, N);
                uint16_t g = weights8 ? build_group(&b, 0, K, 0, K, N, d->w, d->scale, d->zero,
                                                    d->colsum, d->bias)
                                      : build_group_f32(&b, K, N, d->wf, d->bias);
                EMIT(&b, .op = ISA_copy, .d = q, .a = x, .b = ISA_NONE);
                EMIT(&b, .op = ISA_mvm, .d = y, .a = rows8 ? q : x, .x = g, .b = ISA_NONE);
                build_out(&b, "y", y);
                sim *s = build_sim(&b, 2, false);
                tensor out = step(s, a, d, rows, 0, &b);
                for (int t = 0; t < rows; t++) {
                    float most = 0, xs[K];
                    for (int k = 0; k < K; k++)
                        most = __builtin_fabsf(d->x[t * K + k]) > most
                                   ? __builtin_fabsf(d->x[t * K + k])
                                   : most;
                    float scale = most / 127.0f;
                    for (int k = 0; k < K; k++)
                        xs[k] = rows8 ? (float)((double)scale *
                                                (double)__builtin_rintf(d->x[t * K + k] / scale))
                                      : d->x[t * K + k];
                    for (int n = 0; n < N; n++) {
                        double sum = 0;
                        for (int k = 0; k < K; k++) {
                            float w = weights8 ? (float)((double)d->scale[n] *
                                                         (double)(d->w[k * N + n] - d->zero[n]))
                                               : d->wf[k * N + n];
                            sum += (double)xs[k] * (double)w;
                        }
                        assert_true(((float *)out.data)[t * N + n] ==
                                    (float)(sum + (double)d->bias[n]));
                    }
                }
                sim_free(s);
                build_free(&b);
            }
    free(d);
    arena_free(a);
}

static void test_gate(void **state) {
    data *d = make(4);
    arena *a = arena_new();
    build b = int8_build();
    uint16_t x = build_in(&b, "x", ISA_F32, K), gate = build_in(&b, "gate", ISA_F32, 1),
             q = build_buf(&b, ISA_Q8, K);
    uint16_t y = build_buf(&b, ISA_F32, N), z = build_buf(&b, ISA_F32, N);
    uint16_t g = build_group(&b, 0, K, 0, K, N, d->w, d->scale, NULL, NULL, d->bias);
    EMIT(&b, .op = ISA_copy, .d = q, .a = x, .b = ISA_NONE);
    EMIT(&b, .op = ISA_mvm, .d = y, .a = q, .x = g, .b = ISA_NONE);
    EMIT(&b, .op = ISA_mvm, .d = z, .a = q, .x = g, .b = gate);
    build_out(&b, "y", y), build_out(&b, "z", z);
    sim *s = build_sim(&b, 1, false);
    float gates[T] = {0, 1, 0, 0.5f, 0};
    tensor in[2] = {rows_f32(a, T, K, d->x), rows_f32(a, T, 1, gates)}, out[2];
    int64_t n[ISA_DOMAINS] = {T};
    assert_true(sim_step(s, 0, 0, true, n, in, a, out, b.diags));
    for (int t = 0; t < T; t++)
        for (int i = 0; i < N; i++)
            assert_true(((float *)out[1].data)[t * N + i] ==
                        (gates[t] != 0 ? ((float *)out[0].data)[t * N + i] : 0));
    assert_int_equal(sim_insn_stats(s, 0, 0, 4).mvm_macs, 2 * K * N);
    sim_free(s);
    build_free(&b);
    free(d);
    arena_free(a);
}

// A converter that clips: cells, engines and 1, 2, 8 threads give one answer, and so do single
// steps.
static void test_threads_and_cells(void **state) {
    data *d = make(5);
    arena *a = arena_new();
    tensor want = {0};
    sim_stats stats = {0};
    for (int run = 0; run < 5; run++) {
        build b = build_new(ISA_STREAM, T, 64);
        b.chip.crossbar.adc_bits = 7;
        uint16_t x = build_in(&b, "x", ISA_F32, K), q = build_buf(&b, ISA_Q8, K),
                 y = build_buf(&b, ISA_F32, N);
        uint16_t g = build_group(&b, 0, K, 0, K, N, d->w, d->scale, d->zero, d->colsum, d->bias);
        EMIT(&b, .op = ISA_copy, .d = q, .a = x, .b = ISA_NONE);
        EMIT(&b, .op = ISA_mvm, .d = y, .a = q, .x = g, .b = ISA_NONE);
        build_out(&b, "y", y);
        sim *s = build_sim(&b, run < 3 ? 1 << (run * 3 / 2) : 1, run == 3);
        tensor out = rows_f32(a, T, N, NULL);
        if (run < 4)
            out = step(s, a, d, T, 0, &b);
        else
            for (int t = 0; t < T; t++)
                memcpy((float *)out.data + t * N, step(s, a, d, 1, t, &b).data, N * 4);
        sim_stats e = sim_totals(s);
        if (run == 0) want = out, stats = e;
        assert_true(tensor_equal_bits(&want, &out));
        assert_true(stats.adc_clipped > 0 && stats.adc_clipped == e.adc_clipped);
        assert_int_equal(stats.adc_conversions, e.adc_conversions);
        sim_free(s);
        build_free(&b);
    }
    free(d);
    arena_free(a);
}

typedef struct {
    int calls;
    float last;
} seen;
static void observe(void *ctx, uint32_t tile, uint32_t phase, uint32_t pc, const tensor *value) {
    seen *s = ctx;
    s->calls++;
    assert_int_equal(tile + phase, 0);
    assert_int_equal(value->dim[0], T);
    if (pc == 1) s->last = ((float *)value->data)[0];
}

static void test_observer_sees_destinations(void **state) {
    data *d = make(6);
    arena *a = arena_new();
    build b = int8_build();
    uint16_t x = build_in(&b, "x", ISA_F32, K), q = build_buf(&b, ISA_Q8, K);
    EMIT(&b, .op = ISA_copy, .d = q, .a = x, .b = ISA_NONE);
    build_out(&b, "y", x);
    sim *s = build_sim(&b, 1, false);
    seen got = {0};
    sim_observe(s, observe, &got);
    step(s, a, d, T, 0, &b);
    assert_int_equal(got.calls, 2);                           // in, copy; out and halt have none
    assert_true(__builtin_fabsf(got.last - d->x[0]) < 0.02f); // dequantised
    sim_free(s);
    build_free(&b);
    free(d);
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integer_product),   cmocka_unit_test(test_raw_over_tiles),
        cmocka_unit_test(test_float_products),    cmocka_unit_test(test_gate),
        cmocka_unit_test(test_threads_and_cells), cmocka_unit_test(test_observer_sees_destinations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
