// Data movement and digital instructions on hand-made programs: values by hand or by the formula of
// docs/numerics.md written out here.
#include "support/num/num.h"
#include "tests/random.h"
#include "tests/sim/builder.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static tensor run_once(build *b, arena *a, const tensor *in, int64_t rows, uint32_t output) {
    sim *s = build_sim(b, 1, false);
    assert_non_null(s);
    tensor out[16];
    int64_t n[ISA_DOMAINS] = {rows};
    if (!sim_step(s, 0, 0, true, n, in, a, out, b->diags)) {
        diag_print(b->diags, 0, stderr, false);
        fail();
    }
    sim_free(s);
    return out[output];
}

static const float *f32(const tensor *t) { return t->data; }

static void test_elementwise(void **state) {
    enum { N = 7 };
    float x[N] = {-3, -0.5f, -0.0f, 0, 0.25f, 1, 40}, y[N] = {1, 2, 3, -4, 5, 6, 7},
          t[N] = {2, 2, 2, 2, 2, 2, 2};
    float bounds[2] = {-1, 10};
    static const char *const names[] = {
#define FN1(name, code, summary) [code] = #name,
#include "support/num/fn.def"
    };
    arena *a = arena_new();
    for (uint16_t fn = 0; fn < ARRAY_LEN(names); fn++) {
        build b = build_new(ISA_STREAM, 4, 16);
        uint16_t in = build_in(&b, "x", ISA_F32, N), d = build_buf(&b, ISA_F32, N);
        EMIT(&b, .op = ISA_ew1, .d = d, .a = in, .n = fn);
        build_out(&b, "y", d);
        tensor in_t = rows_f32(a, 1, N, x), out = run_once(&b, a, &in_t, 1, 0);
        for (int i = 0; i < N; i++) {
            double v = (double)x[i], want = NAN;
            if (!strcmp(names[fn], "relu")) want = v > 0 ? v : 0;
            if (!strcmp(names[fn], "silu")) want = v / (1 + exp(-v));
            if (!strcmp(names[fn], "gelu")) want = 0.5 * v * (1 + erf(v / sqrt(2)));
            if (!strcmp(names[fn], "gelu_tanh"))
                want = 0.5 * v * (1 + tanh(0.7978845608 * (v + 0.044715 * v * v * v)));
            if (!strcmp(names[fn], "quick_gelu")) want = v / (1 + exp(-1.702 * v));
            if (!strcmp(names[fn], "sigmoid")) want = 1 / (1 + exp(-v));
            if (!strcmp(names[fn], "softplus")) want = log1p(exp(-fabs(v))) + (v > 0 ? v : 0);
            if (!strcmp(names[fn], "exp")) want = exp(v);
            if (!strcmp(names[fn], "tanh")) want = tanh(v);
            if (!strcmp(names[fn], "erf")) want = erf(v);
            if (!strcmp(names[fn], "neg")) want = -v;
            if (!strcmp(names[fn], "sign")) want = v > 0 ? 1 : v < 0 ? -1 : 0;
            if (!strcmp(names[fn], "round")) want = rint(v);
            if (!strcmp(names[fn], "floor")) want = floor(v);
            if (!strcmp(names[fn], "sin")) want = sin(v);
            if (isnan(want)) continue;
            if (fabs((double)f32(&out)[i] - want) > 3e-6 * (1 + fabs(want)))
                fail_msg("%s(%g) = %g, expected %g", names[fn], v, (double)f32(&out)[i], want);
        }
        build_free(&b);
    }
    build b = build_new(ISA_STREAM, 4, 16);
    uint16_t in = build_in(&b, "x", ISA_F32, N), in2 = build_in(&b, "y", ISA_F32, N),
             table = build_table(&b, 0, ISA_F32, 1, N, t);
    uint16_t lim = build_table(&b, 0, ISA_F32, 1, 2, bounds), d[4];
    for (int i = 0; i < 4; i++) d[i] = build_buf(&b, ISA_F32, N);
    EMIT(&b, .op = ISA_ew2, .d = d[0], .a = in, .b = in2, .n = 1);   // sub
    EMIT(&b, .op = ISA_ewt, .d = d[1], .a = in, .x = table, .n = 2); // mul
    EMIT(&b, .op = ISA_clip, .d = d[2], .a = in, .x = lim);
    EMIT(&b, .op = ISA_ew2, .d = d[3], .a = in, .b = in2, .n = 7); // silu_mul
    for (int i = 0; i < 4; i++) build_out(&b, "o", d[i]);
    tensor ins[2] = {rows_f32(a, 1, N, x), rows_f32(a, 1, N, y)};
    for (uint32_t o = 0; o < 4; o++) {
        tensor out = run_once(&b, a, ins, 1, o);
        for (int i = 0; i < N; i++) {
            float silu = x[i] / (1.0f + num_exp(-x[i]));
            float want[4] = {x[i] - y[i], x[i] * 2,
                             x[i] < -1   ? -1
                             : x[i] > 10 ? 10
                                         : x[i],
                             silu * y[i]};
            assert_true(f32(&out)[i] == want[o]);
        }
    }
    build_free(&b);
    arena_free(a);
}

static void test_norm(void **state) {
    enum { N = 5, ROWS = 3 };
    random_stream r = random_test(7);
    float x[ROWS * N], g[2 * N], eps = 1e-5f;
    for (int i = 0; i < ROWS * N; i++) x[i] = 3 * random_float(&r);
    for (int i = 0; i < 2 * N; i++) g[i] = random_float(&r);
    arena *a = arena_new();
    for (uint8_t mode = 0; mode < 3; mode++)
        for (int with = 0; with < 3; with++) {
            build b = build_new(ISA_STREAM, 4, 16);
            uint16_t in = build_in(&b, "x", ISA_F32, N), d = build_buf(&b, ISA_F32, N),
                     t = ISA_NONE;
            if (with) t = build_table(&b, 0, ISA_F32, 1, (uint32_t)(with * N), g);
            EMIT(&b, .op = ISA_norm, .mode = mode, .d = d, .a = in, .x = t, .imm = build_f(eps));
            build_out(&b, "y", d);
            tensor in_t = rows_f32(a, ROWS, N, x), out = run_once(&b, a, &in_t, ROWS, 0);
            for (int row = 0; row < ROWS; row++) {
                const float *v = x + row * N;
                double mean = 0, sq = 0, var = 0;
                for (int i = 0; i < N; i++) mean += (double)v[i];
                mean /= N;
                for (int i = 0; i < N; i++)
                    sq += (double)v[i] * (double)v[i],
                        var += ((double)v[i] - mean) * ((double)v[i] - mean);
                for (int i = 0; i < N; i++) {
                    double y = 0, e = (double)eps;
                    if (mode == 0) y = ((double)v[i] - mean) * (1 / sqrt(var / N + e));
                    if (mode == 1) y = (double)v[i] * (1 / sqrt(sq / N + e));
                    if (mode == 2) y = (double)v[i] / (sqrt(sq) > e ? sqrt(sq) : e);
                    if (with > 0) y *= (double)g[i];
                    if (with > 1) y += (double)g[N + i];
                    assert_true(f32(&out)[row * N + i] == (float)y);
                }
            }
            build_free(&b);
        }
    arena_free(a);
}

static void test_softmax_and_reductions(void **state) {
    float inf = INFINITY, x[8] = {1, 2, 3, -inf, -inf, -inf, -inf, -inf},
          z[8] = {3, -7, 7, 7, 0, -1, 2, 2};
    arena *a = arena_new();
    build b = build_new(ISA_STREAM, 4, 16);
    uint16_t in = build_in(&b, "x", ISA_F32, 8), in2 = build_in(&b, "z", ISA_F32, 8),
             d = build_buf(&b, ISA_F32, 8);
    uint16_t log = build_buf(&b, ISA_F32, 8), red[6], top = build_buf(&b, ISA_PAIR, 3),
             two = build_buf(&b, ISA_PAIR, 2);
    EMIT(&b, .op = ISA_softmax, .d = d, .a = in, .n = 2);
    EMIT(&b, .op = ISA_softmax, .mode = 1, .d = log, .a = in2, .n = 1);
    for (uint16_t i = 0; i < 6; i++) {
        red[i] = build_buf(&b, i == 5 ? ISA_I32 : ISA_F32, 2);
        EMIT(&b, .op = ISA_red, .d = red[i], .a = in2, .n = i);
    }
    EMIT(&b, .op = ISA_topk, .d = top, .a = in2, .n = 3, .imm = 100);
    EMIT(&b, .op = ISA_topk, .d = two, .a = top, .n = 2, .imm = 0);
    build_out(&b, "d", d), build_out(&b, "log", log);
    for (int i = 0; i < 6; i++) build_out(&b, "r", red[i]);
    build_out(&b, "top", two);
    tensor ins[2] = {rows_f32(a, 1, 8, x), rows_f32(a, 1, 8, z)};
    tensor p = run_once(&b, a, ins, 1, 0);
    double e[3] = {(double)num_exp(-2), (double)num_exp(-1), 1}, sum = 0;
    for (int i = 0; i < 3; i++) sum += e[i];
    for (int i = 0; i < 3; i++) assert_true(f32(&p)[i] == (float)(e[i] / sum));
    for (int i = 3; i < 8; i++) assert_true(f32(&p)[i] == 0); // invisible; a segment of nothing
    tensor l = run_once(&b, a, ins, 1, 1);
    double total = 0;
    for (int i = 0; i < 8; i++) total += exp((double)z[i] - 7);
    for (int i = 0; i < 8; i++)
        assert_true(fabs((double)f32(&l)[i] - ((double)z[i] - 7 - log10(total) / log10(exp(1)))) <
                    1e-5);
    const float want[5][2] = {
        {10, 3}, {2.5f, 0.75f}, {7, 2}, {7, 2}, {9 + 49 + 49 + 49, 1 + 4 + 4}};
    for (uint32_t i = 0; i < 5; i++) {
        tensor o = run_once(&b, a, ins, 1, 2 + i);
        assert_true(f32(&o)[0] == want[i][0] && f32(&o)[1] == want[i][1]);
    }
    tensor am = run_once(&b, a, ins, 1, 7);
    assert_int_equal(((int32_t *)am.data)[0], 2);
    assert_int_equal(((int32_t *)am.data)[1], 2);
    tensor tk = run_once(&b, a, ins, 1, 8);
    assert_true(f32(&tk)[0] == 7 && f32(&tk)[1] == 102 && f32(&tk)[2] == 7 && f32(&tk)[3] == 103);
    build_free(&b);
    arena_free(a);
}

// Rotation by position goes on from step to step; a row of positions overrides it.
static void test_rope(void **state) {
    enum { HEADS = 2, D = 6, R = 4, POS = 16 };
    random_stream r = random_test(3);
    float t[POS * R], x[3 * HEADS * D];
    for (int i = 0; i < POS * R; i++) t[i] = random_float(&r);
    for (int i = 0; i < 3 * HEADS * D; i++) x[i] = random_float(&r);
    int32_t at[3] = {9, 0, 4};
    arena *a = arena_new();
    for (uint8_t mode = 0; mode < 2; mode++) {
        build b = build_new(ISA_STREAM, 4, POS);
        uint16_t in = build_in(&b, "x", ISA_F32, HEADS * D), pos = build_in(&b, "pos", ISA_I32, 1);
        b.p->ports[1].lo = 0, b.p->ports[1].hi = POS;
        uint16_t d = build_buf(&b, ISA_F32, HEADS * D), e = build_buf(&b, ISA_F32, HEADS * D);
        uint16_t table = build_table(&b, 0, ISA_F32, POS, R, t);
        EMIT(&b, .op = ISA_rope, .mode = mode, .d = d, .a = in, .x = table, .n = HEADS, .imm = R,
             .b = ISA_NONE);
        EMIT(&b, .op = ISA_rope, .mode = mode, .d = e, .a = in, .x = table, .n = HEADS, .imm = R,
             .b = pos);
        build_out(&b, "y", d), build_out(&b, "z", e);
        sim *s = build_sim(&b, 1, false);
        for (int step = 0; step < 2; step++) {
            tensor ins[2] = {rows_f32(a, 3, HEADS * D, x), rows_i32(a, 3, at)}, out[2];
            int64_t n[ISA_DOMAINS] = {3};
            assert_true(sim_step(s, 0, 0, step == 0, n, ins, a, out, b.diags));
            for (int o = 0; o < 2; o++)
                for (int row = 0; row < 3; row++)
                    for (int h = 0; h < HEADS; h++) {
                        const float *v = x + row * HEADS * D + h * D,
                                    *y = f32(&out[o]) + row * HEADS * D + h * D;
                        const float *c = t + (o ? at[row] : 3 * step + row) * R, *sn = c + R / 2;
                        for (int i = 0; i < R / 2; i++) {
                            int p = mode ? 2 * i : i, q = mode ? 2 * i + 1 : i + R / 2;
                            assert_true(y[p] == (float)((double)v[p] * (double)c[i] -
                                                        (double)v[q] * (double)sn[i]));
                            assert_true(y[q] == (float)((double)v[q] * (double)c[i] +
                                                        (double)v[p] * (double)sn[i]));
                        }
                        for (int i = R; i < D; i++) assert_true(y[i] == v[i]);
                    }
        }
        assert_int_equal(sim_pos(s, 0), 6);
        sim_free(s);
        build_free(&b);
    }
    arena_free(a);
}

static void test_tables_and_rows(void **state) {
    float wte[4 * 2] = {0, 1, 10, 11, 20, 21, 30, 31}, cls[2] = {-1, -2},
                  wpe[12] = {0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5};
    int32_t ids[3] = {2, 0, 1}, map[3 * 2] = {2, -1, 0, 0, 1, 2};
    arena *a = arena_new();
    build b = build_new(ISA_WHOLE, 3, 3);
    b.p->max_chunk = 5; // the largest domain is t1 or t3
    uint16_t in = build_in(&b, "ids", ISA_I32, 1), e = build_buf(&b, ISA_F32, 2),
             pe = build_buf(&b, ISA_F32, 2);
    b.p->ports[0].lo = 0, b.p->ports[0].hi = 3;
    b.p->phases[0].fixed_rows[0] = 3;
    uint16_t pre = build_buf_in(&b, 0, ISA_F32, 2, 1, ISA_QUANT_NONE),
             suf = build_buf_in(&b, 0, ISA_F32, 2, 1, ISA_QUANT_NONE);
    uint16_t last = build_buf_in(&b, 0, ISA_F32, 2, 2, ISA_QUANT_NONE),
             sum = build_buf_in(&b, 0, ISA_F32, 2, 2, ISA_QUANT_NONE);
    uint16_t mean = build_buf_in(&b, 0, ISA_F32, 2, 2, ISA_QUANT_NONE),
             by = build_buf_in(&b, 0, ISA_F32, 2, 2, ISA_QUANT_NONE);
    uint16_t idx = build_buf(&b, ISA_F32, 4),
             skip = build_buf_in(&b, 0, ISA_F32, 2, 3, ISA_QUANT_NONE);
    uint16_t which = build_buf_in(&b, 0, ISA_I32, 1, 2, ISA_QUANT_NONE),
             sum2 = build_buf(&b, ISA_F32, 2);
    uint16_t wte_t = build_table(&b, 0, ISA_F32, 4, 2, wte),
             wpe_t = build_table(&b, 0, ISA_F32, 6, 2, wpe);
    uint16_t cls_t = build_table(&b, 0, ISA_F32, 1, 2, cls),
             map_t = build_table(&b, 0, ISA_I32, 3, 2, map);
    EMIT(&b, .op = ISA_settl, .d = 1, .x = 0, .n = ISA_TL_PREFIX, .imm = 1);
    EMIT(&b, .op = ISA_settl, .d = 2, .x = 0, .n = ISA_TL_ONE);
    EMIT(&b, .op = ISA_settl, .d = 3, .x = 0, .n = ISA_TL_LIN,
         .imm = 1 | 0 << 8 | 2 << 16); // 3 / 2 = 1 row
    EMIT(&b, .op = ISA_gather, .d = e, .a = in, .x = wte_t);
    EMIT(&b, .op = ISA_posrow, .d = pe, .x = wpe_t);
    EMIT(&b, .op = ISA_prefix, .dom = 1, .d = pre, .a = e, .x = cls_t);
    EMIT(&b, .op = ISA_suffix, .dom = 1, .d = suf, .a = e, .x = cls_t);
    EMIT(&b, .op = ISA_pick, .dom = 2, .mode = 1, .d = last, .a = e, .b = ISA_NONE);
    EMIT(&b, .op = ISA_rred, .dom = 2, .d = sum, .a = e, .n = ISA_RED_sum, .b = ISA_NONE);
    EMIT(&b, .op = ISA_rred, .dom = 2, .d = mean, .a = e, .n = ISA_RED_mean,
         .b = build_view(&b, 0, pe, 0, 1) /* weights 0, 1, 2 */);
    EMIT(&b, .op = ISA_pick, .dom = 2, .mode = 0, .d = which, .a = in, .b = ISA_NONE);
    EMIT(&b, .op = ISA_pick, .dom = 2, .mode = 3, .d = by, .a = e, .b = which);
    EMIT(&b, .op = ISA_rows, .mode = 1, .d = idx, .a = e, .x = map_t, .n = 2);
    EMIT(&b, .op = ISA_skip, .dom = 3, .d = skip, .a = e, .imm = 2);
    EMIT(&b, .op = ISA_ew2, .d = sum2, .a = e, .b = last, .n = 0); // b has one row
    const uint16_t outs[] = {e, pe, pre, suf, last, sum, mean, by, idx, skip, sum2};
    for (size_t i = 0; i < ARRAY_LEN(outs); i++) build_out(&b, "o", outs[i]);
    sim *s = build_sim(&b, 1, false);
    tensor ids_t = rows_i32(a, 3, ids), out[ARRAY_LEN(outs)];
    int64_t n[ISA_DOMAINS] = {3};
    assert_true(sim_step(s, 0, 0, true, n, &ids_t, a, out, b.diags));
    const float want[][8] = {{20, 21, 0, 1, 10, 11},
                             {0, 0, 1, 1, 2, 2},
                             {-1, -2, 20, 21, 0, 1, 10, 11},
                             {20, 21, 0, 1, 10, 11, -1, -2},
                             {10, 11},
                             {30, 33},
                             {(float)(20.0 / 3), (float)(23.0 / 3)},
                             {10, 11},
                             {10, 11, 0, 0, 20, 21, 20, 21},
                             {10, 11},
                             {30, 32, 10, 12, 20, 22}};
    const int64_t rows[] = {3, 3, 4, 4, 1, 1, 1, 1, 3, 1, 3};
    for (size_t i = 0; i < ARRAY_LEN(outs); i++) {
        assert_int_equal(out[i].dim[0], rows[i]);
        for (size_t k = 0; k < tensor_count(&out[i]) && k < 8; k++)
            if (f32(&out[i])[k] != want[i][k])
                fail_msg("output %zu, [%zu]: %g, expected %g", i, k, (double)f32(&out[i])[k],
                         (double)want[i][k]);
    }
    sim_free(s);
    build_free(&b);
    arena_free(a);
}

// A causal window sees what came before the chunk: any cut gives the same rows.
static void test_window_history(void **state) {
    enum { T = 9, W = 2, K = 3 };
    float x[T * W];
    for (int i = 0; i < T * W; i++) x[i] = (float)(i + 1);
    arena *a = arena_new();
    for (int chunk = 1; chunk <= T; chunk++) {
        build b = build_new(ISA_STREAM, T, T);
        uint16_t in = build_in(&b, "x", ISA_F32, W), d = build_buf(&b, ISA_F32, W * K);
        EMIT(&b, .op = ISA_rows, .d = d, .a = in, .x = ISA_NONE, .n = ISA_NONE,
             .imm = K | 1 << 8 | (K - 1) << 16);
        build_out(&b, "y", d);
        sim *s = build_sim(&b, 1, false);
        for (int turn = 0; turn < 2; turn++) // a reset forgets
            for (int t = 0; t < T; t += chunk) {
                int64_t n[ISA_DOMAINS] = {T - t < chunk ? T - t : chunk};
                tensor in_t = rows_f32(a, n[0], W, x + t * W), out;
                assert_true(sim_step(s, 0, 0, t == 0, n, &in_t, a, &out, b.diags));
                for (int r = 0; r < n[0]; r++)
                    for (int k = 0; k < K; k++)
                        for (int i = 0; i < W; i++) {
                            int at = t + r - (K - 1) + k;
                            assert_true(f32(&out)[(r * K + k) * W + i] ==
                                        (at < 0 ? 0 : x[at * W + i]));
                        }
            }
        sim_free(s);
        build_free(&b);
    }
    arena_free(a);
}

static void test_quantisation(void **state) {
    enum { N = 6 };
    float x[4 * N] = {0, 1, -2, 127,        -127, 0.5f,    0,   0, 0,  0, 0,        0,
                      3, 1, 2,  255.0f / 2, 0,    -127.5f, NAN, 1, -1, 0, INFINITY, 2};
    arena *a = arena_new();
    for (int how = ISA_QUANT_SYM; how <= ISA_QUANT_STATIC; how++) {
        build b = build_new(ISA_STREAM, 4, 16);
        uint16_t in = build_in(&b, "x", ISA_F32, N),
                 q = build_buf_in(&b, 0, ISA_Q8, N, 0, (isa_quant)how);
        b.p->tiles[0].buffers[q].scale = 0.5f,
        b.p->tiles[0].buffers[q].zero = how == ISA_QUANT_STATIC ? -3 : 0;
        uint16_t y = build_buf(&b, ISA_F32, N);
        EMIT(&b, .op = ISA_copy, .d = q, .a = in, .b = ISA_NONE);
        EMIT(&b, .op = ISA_copy, .d = y, .a = q, .b = ISA_NONE);
        build_out(&b, "y", y);
        tensor in_t = rows_f32(a, 4, N, x), out = run_once(&b, a, &in_t, 4, 0);
        const float *v = f32(&out);
        for (int i = 0; i < N; i++) assert_true(v[N + i] == 0); // a row of zeros
        if (how == ISA_QUANT_SYM) {                             // scale 1: 0.5 rounds to even
            const float want[N] = {0, 1, -2, 127, -127, 0};
            for (int i = 0; i < N; i++) assert_true(v[i] == want[i]);
        }
        if (how ==
            ISA_QUANT_ASYM) { // scale 1, zero at rint(127.5) = 128: cu = rint(x) + 128, at most 255
            const float want[N] = {3, 1, 2, 127, 0, -128};
            for (int i = 0; i < N; i++) assert_true(v[2 * N + i] == want[i]);
        }
        if (how ==
            ISA_QUANT_STATIC) { // half steps around code -3; NaN is code 0, infinity the last
            const float want[2 * N] = {0, 1, -2, 65, -62.5f, 0.5f, 1.5f, 1, -1, 0, 65, 2};
            for (int i = 0; i < N; i++) assert_true(v[i] == want[i]);
            for (int i = 0; i < N; i++) assert_true(v[3 * N + i] == want[N + i]);
        }
        build_free(&b);
    }
    arena_free(a);
}

// Two parts of a row by its largest element are the codes of the row: NaN does not count, zeros and
// columns of no number are codes of 0.
static void test_quantisation_within(void **state) {
    enum { N = 6, LEFT = 2 };
    float x[4 * N] = {0.3f, 1,     -2, 127, -120.7f, 0.5f, 0,     0, 0,  0, 0,        0,
                      3,    -9.3f, 2,  NAN, 0,       7.1f, 1e-9f, 1, -1, 0, INFINITY, 2};
    arena *a = arena_new();
    tensor in_t = rows_f32(a, 4, N, x), out[2];
    for (int parts = 0; parts < 2; parts++) {
        build b = build_new(ISA_STREAM, 4, 16);
        uint16_t in = build_in(&b, "x", ISA_F32, N),
                 q = build_buf_in(&b, 0, ISA_Q8, N, 0, ISA_QUANT_SYM);
        uint16_t most = build_buf(&b, ISA_F32, 1), y = build_buf(&b, ISA_F32, N);
        if (parts) {
            uint16_t left = build_view(&b, 0, in, 0, LEFT),
                     right = build_view(&b, 0, in, LEFT, N - LEFT);
            uint16_t both = build_buf(&b, ISA_F32, 2), m0 = build_view(&b, 0, both, 0, 1),
                     m1 = build_view(&b, 0, both, 1, 1);
            EMIT(&b, .op = ISA_red, .d = m0, .a = left, .n = ISA_RED_absmax);
            EMIT(&b, .op = ISA_red, .d = m1, .a = right, .n = ISA_RED_absmax);
            EMIT(&b, .op = ISA_red, .d = most, .a = both, .n = ISA_RED_absmax);
            EMIT(&b, .op = ISA_copy, .d = build_view(&b, 0, q, 0, LEFT), .a = left, .b = most);
            EMIT(&b, .op = ISA_copy, .d = build_view(&b, 0, q, LEFT, N - LEFT), .a = right,
                 .b = most);
        } else {
            EMIT(&b, .op = ISA_copy, .d = q, .a = in, .b = ISA_NONE);
        }
        EMIT(&b, .op = ISA_copy, .d = y, .a = q, .b = ISA_NONE);
        build_out(&b, "y", y);
        out[parts] = run_once(&b, a, &in_t, 4, 0);
        build_free(&b);
    }
    assert_memory_equal(f32(&out[0]), f32(&out[1]), 4 * N * sizeof(float));
    assert_true(f32(&out[0])[N] == 0 && f32(&out[0])[2 * N + 3] == 0); // of zeros; NaN
    const float odd[3] = {NAN, -1, 0};
    for (int i = 0; i < 3; i++) {
        build b = build_new(ISA_STREAM, 4, 16);
        uint16_t in = build_in(&b, "x", ISA_F32, 2),
                 q = build_buf_in(&b, 0, ISA_Q8, 1, 0, ISA_QUANT_SYM),
                 y = build_buf(&b, ISA_F32, 1);
        EMIT(&b, .op = ISA_copy, .d = q, .a = build_view(&b, 0, in, 0, 1),
             .b = build_view(&b, 0, in, 1, 1));
        EMIT(&b, .op = ISA_copy, .d = y, .a = q, .b = ISA_NONE);
        build_out(&b, "y", y);
        tensor row = rows_f32(a, 1, 2, (float[]){5, odd[i]}), got = run_once(&b, a, &row, 1, 0);
        assert_true(f32(&got)[0] == 0);
        build_free(&b);
    }
    arena_free(a);
}

static void test_digital_format(void **state) {
    float x[2] = {1.0f + 0x1p-9f, 1.0f + 0x1p-7f};
    arena *a = arena_new();
    for (int64_t format = MACHINE_FMT_F32; format <= MACHINE_FMT_F16; format++) {
        build b = build_new(ISA_STREAM, 4, 16);
        b.chip.digital.format = (int)format;
        uint16_t in = build_in(&b, "x", ISA_F32, 2), y = build_buf(&b, ISA_F32, 2);
        EMIT(&b, .op = ISA_copy, .d = y, .a = in, .b = ISA_NONE);
        build_out(&b, "y", y);
        tensor in_t = rows_f32(a, 1, 2, x), out = run_once(&b, a, &in_t, 1, 0);
        assert_true(f32(&out)[0] == (format == MACHINE_FMT_BF16 ? 1.0f : x[0]));
        assert_true(f32(&out)[1] == x[1]);
        build_free(&b);
    }
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elementwise),
        cmocka_unit_test(test_norm),
        cmocka_unit_test(test_softmax_and_reductions),
        cmocka_unit_test(test_rope),
        cmocka_unit_test(test_tables_and_rows),
        cmocka_unit_test(test_window_history),
        cmocka_unit_test(test_quantisation),
        cmocka_unit_test(test_quantisation_within),
        cmocka_unit_test(test_digital_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
