// Rings: attention against a plain reference over all tokens; chunks, wraps, windows, masks,
// biases, grouped heads, banks; the unfused spelling; loading and reading back.
#include "support/num/num.h"
#include "tests/random.h"
#include "tests/sim/builder.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum {
    HK = 2,
    G = 2,
    H = HK * G,
    D = 5,
    DV = 3,
    TOKENS = 40,
    KV = HK * (D + DV),
    Q = H * D,
    O = H * DV
};

typedef struct {
    float q[TOKENS * Q], kv[TOKENS * KV], bias[H * 64 * 64];
    int32_t mask[TOKENS];
} data;

static data *make(uint64_t seed) {
    data *d = base_alloc(sizeof *d);
    random_stream r = random_test(seed);
    for (int i = 0; i < TOKENS * Q; i++) d->q[i] = 2 * random_float(&r);
    for (int i = 0; i < TOKENS * KV; i++) d->kv[i] = 2 * random_float(&r);
    for (size_t i = 0; i < ARRAY_LEN(d->bias); i++) d->bias[i] = random_float(&r);
    for (int i = 0; i < TOKENS; i++) d->mask[i] = random_in(&r, 0, 3) != 0;
    return d;
}

static isa_ring ring_desc(uint32_t slots, uint32_t window) {
    return (isa_ring){.n_kv = HK,
                      .q_per_kv = G,
                      .d = D,
                      .dv = DV,
                      .slots = slots,
                      .window = window,
                      .scale = 0.4472136f,
                      .bias_table = ISA_NO_OFFSET,
                      .sink = ISA_NO_OFFSET,
                      .cell = ISA_NO_OFFSET,
                      .scalings = ISA_NO_OFFSET};
}

static uint16_t add_ring(build *b, isa_ring r) {
    isa_tile *t = &b->p->tiles[0];
    t->rings[t->n_rings] = r;
    return (uint16_t)t->n_rings++;
}

// docs/numerics.md, one row at position t with keys first..last of those stored.
static void reference(const data *d, const isa_ring *r, bool masked, int t, int first, int last,
                      float *o) {
    for (int h = 0; h < H; h++) {
        float s[TOKENS], m = -__builtin_inff();
        int at[TOKENS], n = 0;
        for (int j = first; j <= last; j++) {
            if (masked && !d->mask[j]) continue;
            double dot = 0;
            for (int i = 0; i < D; i++)
                dot += (double)d->q[t * Q + h * D + i] * (double)d->kv[j * KV + h / G * D + i];
            float x = (float)dot * r->scale;
            if (r->softcap != 0) x = r->softcap * num_tanh(x / r->softcap);
            if (r->bias == ISA_BIAS_ALIBI) x += d->bias[h] * (float)(j - t);
            if (r->bias == ISA_BIAS_TOEPLITZ) {
                int e = j - t + (int)r->bias_zero, w = (int)r->bias_width;
                x += d->bias[h * w + (e < 0 ? 0 : e >= w ? w - 1 : e)];
            }
            if (r->bias == ISA_BIAS_FULL)
                x += d->bias[(h * (int)r->bias_width + t) * (int)r->bias_width + j];
            s[n] = x, at[n++] = j;
            if (x > m) m = x;
        }
        double sum = 0, acc[DV] = {0};
        if (r->act == ISA_ACT_HARDSIGMOID) {
            for (int i = 0; i < n; i++) {
                float p = r->alpha * s[i] + r->beta;
                s[i] = p < 0 ? 0 : p > 1 ? 1 : p;
            }
        } else {
            for (int i = 0; i < n; i++) sum += (double)(s[i] = num_exp(s[i] - m));
            for (int i = 0; i < n; i++) s[i] = (float)((double)s[i] / sum);
        }
        for (int i = 0; i < n; i++)
            for (int c = 0; c < DV; c++)
                acc[c] += (double)s[i] * (double)d->kv[at[i] * KV + HK * D + h / G * DV + c];
        for (int c = 0; c < DV; c++) o[h * DV + c] = (float)acc[c];
    }
}

static build attn_build(isa_ring r, bool masked, const float *bias, size_t n_bias) {
    build b = build_new(ISA_STREAM, TOKENS, TOKENS);
    if (bias) r.bias_table = build_data(&b, bias, n_bias * 4);
    uint16_t q = build_in(&b, "q", ISA_F32, Q), kv = build_in(&b, "kv", ISA_F32, KV),
             mask = build_in(&b, "mask", ISA_I32, 1);
    uint16_t o = build_buf(&b, ISA_F32, O), ring = add_ring(&b, r);
    EMIT(&b, .op = ISA_attn, .d = o, .a = q, .b = kv, .x = ring, .n = masked ? mask : ISA_NONE);
    build_out(&b, "o", o);
    return b;
}

static void feed(sim *s, build *b, arena *a, const data *d, uint32_t bank, int from, int rows,
                 bool reset, float *o) {
    tensor in[3] = {rows_f32(a, rows, Q, d->q + from * Q), rows_f32(a, rows, KV, d->kv + from * KV),
                    rows_i32(a, rows, d->mask + from)},
           out;
    int64_t n[ISA_DOMAINS] = {rows};
    assert_true(sim_step(s, 0, bank, reset, n, in, a, &out, b->diags));
    memcpy(o, out.data, (size_t)rows * O * 4);
}

// Whole, single steps, random cuts; rings that wrap three times; 1, 2, 8 threads: the reference's
// bits.
static void test_causal_chunks(void **state) {
    data *d = make(11);
    arena *a = arena_new();
    static const uint32_t slots[] = {12, 12, 64, 64, 13}, window[] = {12, 5, 0, 7, 0};
    for (size_t c = 0; c < ARRAY_LEN(slots); c++)
        for (int masked = 0; masked < 2; masked++) {
            isa_ring r = ring_desc(slots[c], window[c]);
            float want[TOKENS * O], got[TOKENS * O];
            int w = window[c] ? (int)window[c] : (int)slots[c];
            for (int t = 0; t < TOKENS; t++)
                reference(d, &r, masked, t, t - w + 1 < 0 ? 0 : t - w + 1, t, want + t * O);
            for (uint64_t seed = 0; seed < 8; seed++) {
                random_stream rnd = random_test(seed);
                build b = attn_build(r, masked, NULL, 0);
                sim *s = build_sim(&b, seed % 3 == 0 ? 1 : seed % 3 == 1 ? 2 : 8, false);
                for (int t = 0, n; t < TOKENS; t += n) {
                    n = seed == 0 ? TOKENS : seed == 1 ? 1 : (int)random_in(&rnd, 1, 15);
                    if (n > TOKENS - t) n = TOKENS - t;
                    feed(s, &b, a, d, 0, t, n, t == 0, got + t * O);
                }
                if (memcmp(want, got, sizeof want))
                    fail_msg("slots %u window %u masked %d seed %llu", slots[c], window[c], masked,
                             (unsigned long long)seed);
                sim_free(s);
                build_free(&b);
            }
        }
    free(d);
    arena_free(a);
}

static void test_scores(void **state) {
    data *d = make(12);
    arena *a = arena_new();
    for (int kind = 0; kind < 8; kind++) {
        isa_ring r = ring_desc(64, 0);
        size_t n = 0;
        if (kind == 0) r.bias = ISA_BIAS_ALIBI, n = H;
        if (kind == 1) r.bias = ISA_BIAS_TOEPLITZ, r.bias_width = 20, r.bias_zero = 15, n = H * 20;
        if (kind == 2) r.bias = ISA_BIAS_FULL, r.bias_width = 64, n = H * 64 * 64;
        if (kind == 3) r.softcap = 1.5f;
        if (kind == 4) r.act = ISA_ACT_HARDSIGMOID, r.alpha = 0.2f, r.beta = 0.5f;
        if (kind == 5) r.act = ISA_ACT_HARDSIGMOID, r.alpha = 0.4f, r.beta = -0.1f;
        build b = attn_build(r, true, n ? d->bias : NULL, n);
        sim *s = build_sim(&b, 1, false);
        float want[TOKENS * O], got[TOKENS * O];
        for (int t = 0; t < TOKENS; t++) reference(d, &r, true, t, 0, t, want + t * O);
        feed(s, &b, a, d, 0, 0, 25, true, got);
        feed(s, &b, a, d, 0, 25, TOKENS - 25, false, got + 25 * O);
        assert_memory_equal(want, got, sizeof want);
        sim_free(s);
        build_free(&b);
    }
    free(d);
    arena_free(a);
}

// All rows written, then all queried; score, softmax and mix give the same where no row is masked,
// and the same probabilities' zeros where one is.
static void test_bidirectional_and_unfused(void **state) {
    data *d = make(13);
    arena *a = arena_new();
    enum { SLOTS = 24, ROWS = 20 };
    for (int masked = 0; masked < 2; masked++) {
        isa_ring r = ring_desc(SLOTS, 0);
        r.mode = ISA_RING_ALL;
        build b = build_new(ISA_WHOLE, SLOTS, SLOTS);
        uint16_t q = build_in(&b, "q", ISA_F32, Q), kv = build_in(&b, "kv", ISA_F32, KV),
                 mask = build_in(&b, "mask", ISA_I32, 1);
        uint16_t o = build_buf(&b, ISA_F32, O), ring = add_ring(&b, r),
                 sc = build_buf(&b, ISA_F32, H * SLOTS);
        uint16_t p = build_buf(&b, ISA_F32, H * SLOTS), u = build_buf(&b, ISA_F32, O);
        EMIT(&b, .op = ISA_kvw, .a = kv, .x = ring, .n = masked ? mask : ISA_NONE);
        EMIT(&b, .op = ISA_query, .d = o, .a = q, .x = ring);
        EMIT(&b, .op = ISA_score, .d = sc, .a = q, .x = ring);
        EMIT(&b, .op = ISA_softmax, .d = p, .a = sc, .n = H);
        EMIT(&b, .op = ISA_mix, .d = u, .a = p, .x = ring);
        build_out(&b, "o", o), build_out(&b, "u", u), build_out(&b, "p", p);
        sim *s = build_sim(&b, 2, false);
        tensor in[3] = {rows_f32(a, ROWS, Q, d->q), rows_f32(a, ROWS, KV, d->kv),
                        rows_i32(a, ROWS, d->mask)},
               out[3];
        int64_t n[ISA_DOMAINS] = {ROWS};
        assert_true(sim_step(s, 0, 0, true, n, in, a, out, b.diags));
        float want[O];
        for (int t = 0; t < ROWS; t++) {
            reference(d, &r, masked, t, 0, ROWS - 1, want);
            assert_memory_equal(want, (float *)out[0].data + t * O, sizeof want);
            assert_memory_equal(want, (float *)out[1].data + t * O, sizeof want);
            for (int j = 0; j < SLOTS; j++)
                if (j >= ROWS || (masked && !d->mask[j]))
                    assert_true(((float *)out[2].data)[t * H * SLOTS + j] == 0);
        }
        // a `whole` program takes a sequence in one step
        assert_false(sim_step(s, 0, 0, false, n, in, a, out, b.diags));
        assert_true(sim_step(s, 0, 0, true, n, in, a, out, b.diags));
        sim_free(s);
        build_free(&b);
    }
    free(d);
    arena_free(a);
}

// Sequences in different banks do not see each other; a reset empties one of them.
static void test_banks_and_reset(void **state) {
    data *d = make(14), *e = make(15);
    arena *a = arena_new();
    build b = attn_build(ring_desc(16, 0), false, NULL, 0);
    b.p->banks = 2;
    isa_ring r = ring_desc(16, 0);
    sim *s = build_sim(&b, 1, false);
    float got[O], want[O];
    for (int t = 0; t < 10; t++) {
        feed(s, &b, a, d, 0, t, 1, false, got);
        reference(d, &r, false, t, 0, t, want);
        assert_memory_equal(want, got, sizeof want);
        feed(s, &b, a, e, 1, t, 1, t == 4,
             got); // the second forgets at 4: its positions start again
        reference(e, &r, false, t, t < 4 ? 0 : 4, t, want);
        assert_memory_equal(want, got, sizeof want);
    }
    assert_int_equal(sim_pos(s, 0), 10);
    assert_int_equal(sim_pos(s, 1), 6);
    sim_free(s);
    build_free(&b);
    free(d), free(e);
    arena_free(a);
}

// What one simulator stored continues in another: read, load, position.
static void test_ring_read_and_load(void **state) {
    data *d = make(16);
    arena *a = arena_new();
    isa_ring r = ring_desc(16, 0);
    build b = attn_build(r, false, NULL, 0), c = attn_build(r, false, NULL, 0);
    sim *s = build_sim(&b, 1, false), *u = build_sim(&c, 1, false);
    float got[TOKENS * O], more[O], again[O];
    tensor k, v;
    assert_true(sim_ring_read(s, 0, 0, 0, a, &k, &v));
    assert_int_equal(k.dim[0], 0);
    feed(s, &b, a, d, 0, 0, 9, true, got);
    assert_true(sim_ring_read(s, 0, 0, 0, a, &k, &v));
    assert_int_equal(k.dim[0], 9);
    for (int t = 0; t < 9; t++) {
        assert_memory_equal((float *)k.data + t * HK * D, d->kv + t * KV, HK * D * 4);
        assert_memory_equal((float *)v.data + t * HK * DV, d->kv + t * KV + HK * D, HK * DV * 4);
    }
    assert_true(sim_ring_load(u, 0, 0, 0, 9, &k, &v, c.diags));
    sim_set_pos(u, 0, 9);
    feed(s, &b, a, d, 0, 9, 1, false, more);
    feed(u, &c, a, d, 0, 9, 1, false, again);
    assert_memory_equal(more, again, sizeof more);
    feed(s, &b, a, d, 0, 10, 20, false, got); // wraps: the last 16 are left, oldest first
    assert_true(sim_ring_read(s, 0, 0, 0, a, &k, &v));
    assert_int_equal(k.dim[0], 16);
    assert_memory_equal(k.data, d->kv + 14 * KV, HK * D * 4);
    assert_false(sim_ring_load(u, 0, 0, 0, 16, &v, &k, c.diags)); // widths are the other way round
    assert_false(sim_ring_load(u, 0, 1, 0, 16, &k, &v, c.diags));
    assert_false(sim_ring_load(u, 0, 0, 0, 15, &k, &v, c.diags)); // more tokens than there were
    assert_int_equal(diag_get(c.diags, 0)->id, DIAG_ID_sim_ring);
    sim_free(s), sim_free(u);
    build_free(&b), build_free(&c);
    free(d);
    arena_free(a);
}

// Queries before anything was stored, or where all is masked: zeros.
static void test_nothing_visible(void **state) {
    data *d = make(17);
    memset(d->mask, 0, sizeof d->mask);
    arena *a = arena_new();
    build b = attn_build(ring_desc(16, 0), true, NULL, 0);
    sim *s = build_sim(&b, 1, false);
    float got[3 * O];
    feed(s, &b, a, d, 0, 0, 3, true, got);
    for (int i = 0; i < 3 * O; i++) assert_true(got[i] == 0);
    feed(s, &b, a, d, 0, 0, 0, true, got); // no rows: legal, nothing happens
    assert_int_equal(sim_pos(s, 0), 0);
    sim_free(s);
    build_free(&b);
    free(d);
    arena_free(a);
}

static void test_counts(void **state) {
    data *d = make(18);
    arena *a = arena_new();
    build b = attn_build(ring_desc(64, 4), false, NULL, 0);
    sim *s = build_sim(&b, 1, false);
    float got[6 * O];
    feed(s, &b, a, d, 0, 0, 6, true, got);
    sim_stats e = sim_insn_stats(s, 0, 0, 3);
    assert_int_equal(e.kv_writes, 6 * KV);
    assert_int_equal(e.attn_rows, 6 * H);
    assert_int_equal(e.score_macs, (1 + 2 + 3 + 4 + 4 + 4) * H * D);
    assert_int_equal(e.mix_macs, (1 + 2 + 3 + 4 + 4 + 4) * H * DV);
    sim_free(s);
    build_free(&b);
    free(d);
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_causal_chunks),
        cmocka_unit_test(test_scores),
        cmocka_unit_test(test_bidirectional_and_unfused),
        cmocka_unit_test(test_banks_and_reset),
        cmocka_unit_test(test_ring_read_and_load),
        cmocka_unit_test(test_nothing_visible),
        cmocka_unit_test(test_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
