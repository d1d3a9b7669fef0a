// The gain-cell unit against the interpreter's to the bit; all instruction sets, cuts, threads;
// time and energy.
#include "ir/kernel/charge.h"
#include "isa/count/arrays.h"
#include "tests/sim/gain_chip.h"

// --- the interpreter's, to the bit --------------------------------------------------------------

typedef struct {
    gain_params p;
    uint32_t n_kv, q_per_kv, window;
    isa_rmode mode;
    bool masked;
} variant;

static uint32_t one_of(random_stream *r, const uint32_t *list, size_t n) {
    return list[random_in(r, 0, (int64_t)n - 1)];
}

static variant random_variant(random_stream *r) {
    static const uint32_t q[] = {0, 2, 16, 200, 256, 1000}, kv[] = {0, 2, 3, 7, 8, 8, 16, 17, 256},
                          out[] = {0, 2, 31, 32, 1025}, widths[] = {1, 3, 5, 8, 12, 33, 64, 70};
    variant v = {.n_kv = (uint32_t)random_in(r, 1, 2),
                 .q_per_kv = (uint32_t)random_in(r, 1, 2),
                 .mode = random_in(r, 0, 3) ? ISA_RING_CAUSAL : ISA_RING_ALL,
                 .masked = random_in(r, 0, 1)};
    gain_params *p = &v.p;
    memset(p, 0, sizeof *p);
    p->d = one_of(r, widths, ARRAY_LEN(widths)), p->dv = one_of(r, widths, ARRAY_LEN(widths));
    p->slots = (uint32_t)random_in(r, 1, 30);
    v.window = (uint32_t)random_in(r, 0, p->slots);
    p->sub_tile = (uint32_t)random_in(r, 1, 12);
    p->q_levels = one_of(r, q, ARRAY_LEN(q)), p->kv_levels = one_of(r, kv, ARRAY_LEN(kv));
    p->out_levels = one_of(r, out, ARRAY_LEN(out));
    p->saturate_scores = random_in(r, 0, 1), p->saturate_outputs = random_in(r, 0, 1);
    p->product = random_in(r, 0, 1), p->any_age = v.mode != ISA_RING_CAUSAL;
    p->terms = (uint32_t)(random_in(r, 0, 1) ? random_in(r, 2, 4) : random_in(r, 1, 12));
    p->v_dd = 0.9f + random_float(r) / 2;
    p->s_sat = 3 + random_float(r), p->o_sat = 2 + random_float(r);
    p->decay = random_in(r, 0, 2) ? (1 + random_float(r)) / 50 : 0;
    for (uint32_t i = 0; i < p->terms; i++) p->cell[i] = 3 * random_float(r);
    return v;
}

static charge_unit unit_of(const gain_params *p) {
    charge_unit u = {.sub_tile = p->sub_tile,
                     .slots = p->slots,
                     .q_levels = p->q_levels,
                     .kv_levels = p->kv_levels,
                     .out_levels = p->out_levels,
                     .v_dd = p->v_dd,
                     .s_sat = p->s_sat,
                     .o_sat = p->o_sat,
                     .saturate_scores = p->saturate_scores,
                     .saturate_outputs = p->saturate_outputs,
                     .decay = (double)p->decay,
                     .product = p->product,
                     .terms = (int)p->terms};
    for (uint32_t i = 0; i < p->terms; i++) u.cell[i] = (double)p->cell[i];
    return u;
}

enum { TOKENS = 100, HEADS = 4, WIDEST = 70 };
typedef struct {
    float q[TOKENS * HEADS * WIDEST], kv[TOKENS * 2 * 2 * WIDEST], scalings[8 * HEADS];
    int32_t mask[TOKENS];
} data;

static void fill(data *d, random_stream *r) {
    for (size_t i = 0; i < ARRAY_LEN(d->q); i++) d->q[i] = 2 * random_float(r);
    for (size_t i = 0; i < ARRAY_LEN(d->kv); i++) d->kv[i] = 2 * random_float(r);
    for (size_t i = 0; i < ARRAY_LEN(d->scalings); i++) d->scalings[i] = random_float(r);
    for (int h = 0; h < HEADS; h++) d->scalings[3 * HEADS + h] = d->scalings[5 * HEADS + h] = 0.45f;
    for (int i = 0; i < TOKENS; i++) d->mask[i] = random_in(r, 0, 3) != 0;
    d->kv[5] = NAN, d->q[9] = -INFINITY, d->kv[77] = INFINITY;
}

static float scaling_at(const data *d, const variant *v, int which, uint32_t head) {
    return d->scalings[which * (int)(v->n_kv * v->q_per_kv) + (int)head];
}

static void interpreter(const variant *v, const data *d, int t, int last, float *o) {
    const gain_params *p = &v->p;
    charge_unit u = unit_of(p);
    uint32_t heads = v->n_kv * v->q_per_kv, row = v->n_kv * (p->d + p->dv);
    int window = v->mode == ISA_RING_CAUSAL && v->window ? (int)v->window : (int)p->slots;
    int first = last - window + 1 < 0 ? 0 : last - window + 1, n = last - first + 1;
    double *k = base_alloc(((size_t)n * (p->d + p->dv) + p->d + 1) * sizeof *k);
    double *val = k + (size_t)n * p->d, *q = val + (size_t)n * p->dv;
    uint8_t *valid = base_alloc((size_t)n + 1);
    for (uint32_t h = 0; h < heads; h++) {
        uint32_t g = h / v->q_per_kv, from = g * v->q_per_kv;
        for (int j = 0; j < n; j++) {
            const float *x = d->kv + (size_t)(first + j) * row;
            valid[j] = !v->masked || d->mask[first + j];
            for (uint32_t i = 0; i < p->d; i++)
                k[(size_t)j * p->d + i] = charge_store(&u, scaling_at(d, v, 2, from),
                                                       scaling_at(d, v, 3, from), x[g * p->d + i]);
            for (uint32_t i = 0; i < p->dv; i++)
                val[(size_t)j * p->dv + i] =
                    charge_store(&u, scaling_at(d, v, 4, from), scaling_at(d, v, 5, from),
                                 x[v->n_kv * p->d + g * p->dv + i]);
        }
        for (uint32_t i = 0; i < p->d; i++)
            q[i] = charge_pulse(&u, scaling_at(d, v, 0, h), scaling_at(d, v, 1, h),
                                d->q[((size_t)t * heads + h) * p->d + i]);
        charge_query query = {q, p->d, p->dv, scaling_at(d, v, 6, h), scaling_at(d, v, 7, h), t};
        charge_memory memory = {k, val, valid, first, n};
        charge_attend(&u, &query, &memory, o + (size_t)h * p->dv, NULL, NULL);
    }
    free(valid);
    free(k);
}

static build variant_build(const variant *v, const data *d) {
    const gain_params *p = &v->p;
    uint32_t heads = v->n_kv * v->q_per_kv;
    build b = build_new(v->mode == ISA_RING_CAUSAL ? ISA_STREAM : ISA_WHOLE, TOKENS, TOKENS);
    isa_ring r = {.mode = (uint8_t)v->mode,
                  .readout = ISA_READ_CHARGE,
                  .n_kv = v->n_kv,
                  .q_per_kv = v->q_per_kv,
                  .d = p->d,
                  .dv = p->dv,
                  .slots = p->slots,
                  .window = v->window,
                  .sub_tile = p->sub_tile,
                  .kv_levels = p->kv_levels,
                  .q_levels = p->q_levels,
                  .out_levels = p->out_levels,
                  .saturate = (uint8_t)(p->saturate_scores + 2 * p->saturate_outputs),
                  .decay_form = (uint8_t)p->product,
                  .v_dd = p->v_dd,
                  .s_sat = p->s_sat,
                  .o_sat = p->o_sat,
                  .decay = p->decay,
                  .cell_terms = p->terms,
                  .bias_table = ISA_NO_OFFSET,
                  .sink = ISA_NO_OFFSET};
    r.cell = build_data(&b, p->cell, p->terms * sizeof *p->cell);
    r.scalings = build_data(&b, d->scalings, (size_t)8 * heads * sizeof *d->scalings);
    uint16_t q = build_in(&b, "q", ISA_F32, heads * p->d),
             kv = build_in(&b, "kv", ISA_F32, v->n_kv * (p->d + p->dv)),
             mask = build_in(&b, "mask", ISA_I32, 1);
    uint16_t o = build_buf(&b, ISA_F32, heads * p->dv), m = v->masked ? mask : ISA_NONE;
    isa_tile *t = &b.p->tiles[0];
    t->rings[t->n_rings++] = r;
    if (v->mode == ISA_RING_CAUSAL) {
        EMIT(&b, .op = ISA_attn, .d = o, .a = q, .b = kv, .x = 0, .n = m);
    } else {
        EMIT(&b, .op = ISA_kvw, .a = kv, .x = 0, .n = m);
        EMIT(&b, .op = ISA_query, .d = o, .a = q, .x = 0);
    }
    build_out(&b, "o", o);
    return b;
}

static void feed(sim *s, build *b, const variant *v, const data *d, int from, int rows, float *o) {
    arena *a = arena_new();
    uint32_t heads = v->n_kv * v->q_per_kv, q = heads * v->p.d, kv = v->n_kv * (v->p.d + v->p.dv);
    tensor in[3] = {rows_f32(a, rows, q, d->q + (size_t)from * q),
                    rows_f32(a, rows, kv, d->kv + (size_t)from * kv),
                    rows_i32(a, rows, d->mask + from)},
           out;
    int64_t n[ISA_DOMAINS] = {rows};
    assert_true(sim_step(s, 0, 0, from == 0, n, in, a, &out, b->diags));
    memcpy(o, out.data, (size_t)rows * heads * v->p.dv * sizeof *o);
    arena_free(a);
}

// Whole, single steps, random cuts; 1, 2, 8 threads; three wraps and more: the interpreter's bits,
// and the same counts.
static void test_interpreter(void **state) {
    random_stream r = random_test(41);
    data *d = base_alloc(sizeof *d);
    float *want = base_alloc(TOKENS * HEADS * WIDEST * sizeof *want),
          *got = base_alloc(TOKENS * HEADS * WIDEST * sizeof *got);
    for (int k = 0; k < 120; k++) {
        variant v = random_variant(&r);
        fill(d, &r);
        int tokens = v.mode == ISA_RING_CAUSAL ? TOKENS : (int)v.p.slots;
        size_t width = v.n_kv * v.q_per_kv * v.p.dv;
        for (int t = 0; t < tokens; t++)
            interpreter(&v, d, t, v.mode == ISA_RING_CAUSAL ? t : tokens - 1,
                        want + (size_t)t * width);
        sim_stats first = {0};
        for (int way = 0; way < 4; way++) {
            build b = variant_build(&v, d);
            if (v.mode != ISA_RING_CAUSAL)
                b.p->max_chunk = b.p->max_tokens = b.p->phases[0].max_rows[0] = v.p.slots;
            sim *s = build_sim(&b, way == 0 ? 1 : way == 1 ? 2 : 8, false);
            for (int t = 0, n; t < tokens; t += n) {
                n = v.mode != ISA_RING_CAUSAL || way == 0 ? tokens
                    : way == 1                            ? 1
                                                          : (int)random_in(&r, 1, 40);
                if (n > tokens - t) n = tokens - t;
                feed(s, &b, &v, d, t, n, got + (size_t)t * width);
            }
            if (memcmp(want, got, (size_t)tokens * width * sizeof *got) != 0)
                fail_msg("variant %d, way %d: kv %u q %u out %u terms %u slots %u window %u", k,
                         way, v.p.kv_levels, v.p.q_levels, v.p.out_levels, v.p.terms, v.p.slots,
                         v.window);
            sim_stats now = sim_totals(s);
            now.instructions = 0;
            if (way == 0) first = now;
            assert_memory_equal(&now, &first, sizeof now);
            sim_free(s);
            build_free(&b);
        }
    }
    free(d), free(want), free(got);
}

// Counters of a narrow head, and of a ring whose last sub-tile is not full; how full it is.
static void test_counts(void **state) {
    random_stream r = random_test(47);
    variant v = {.n_kv = 1, .q_per_kv = 2, .window = 4, .masked = true};
    data *d = base_alloc(sizeof *d);
    fill(d, &r);
    v.p = (gain_params){.d = 3,
                        .dv = 5,
                        .slots = 10,
                        .sub_tile = 4,
                        .kv_levels = 8,
                        .q_levels = 16,
                        .out_levels = 32,
                        .saturate_scores = 1,
                        .saturate_outputs = 1,
                        .terms = 2,
                        .v_dd = 0.9f,
                        .s_sat = 0.2f,
                        .o_sat = 0.1f,
                        .decay = 0.5f,
                        .cell = {0, 1}};
    for (int skip = 0; skip < 2; skip++) {
        build b = variant_build(&v, d);
        b.chip.gain.head_width = 8, b.chip.gain.skip_empty = skip;
        sim *s = build_sim(&b, 2, false);
        float o[TOKENS * 10];
        feed(s, &b, &v, d, 0, 20, o);
        uint64_t seen = 0, tiles = 0, idle = 0;
        for (int t = 0; t < 20; t++) {
            bool used[3] = {false};
            for (int j = t < 3 ? 0 : t - 3; j <= t; j++) {
                seen += d->mask[j] != 0;
                used[j % 10 / 4] |= d->mask[j] != 0;
            }
            for (int i = 0; i < 3; i++) {
                if (skip && !used[i]) continue;
                tiles++;
                idle += 2 * 4 * 8 - (i == 2 ? 2 : 4) * (3 + 5);
            }
        }
        sim_stats n = sim_totals(s);
        assert_int_equal(n.gain_scores, 2 * seen);
        assert_int_equal(n.gain_outputs, 2 * tiles * 5);
        assert_int_equal(n.gain_k_arrays, 2 * tiles);
        assert_int_equal(n.gain_v_arrays, 2 * tiles);
        assert_int_equal(n.gain_idle_cells, 2 * idle);
        assert_int_equal(n.gain_conversions, 0);
        assert_true(n.gain_scores_saturated > 0 && n.gain_scores_saturated < n.gain_scores);
        assert_true(n.gain_outputs_saturated > 0 && n.gain_outputs_saturated < n.gain_outputs);
        sim_ring_fill f = sim_ring_look(s, 0, 0, 0);
        int held = 0, newest = -1, oldest = -1;
        for (int j = 10; j < 20; j++)
            if (d->mask[j]) held++, newest = j;
        for (int j = newest; j > newest - 4; j--) oldest = d->mask[j] ? j : oldest;
        assert_true(f.slots == 10 && f.held == held && f.newest == newest && f.oldest == oldest);
        sim_free(s);
        build_free(&b);
    }
    free(d);
}

// A sequence goes on in another simulator: by its state, to the bit; with levels also by the keys
// and values that are read back. A state with a code that no cell holds is refused.
static void test_continued(void **state) {
    random_stream r = random_test(53);
    data *d = base_alloc(sizeof *d);
    fill(d, &r);
    for (int k = 0; k < 12; k++) {
        variant v = random_variant(&r);
        v.mode = ISA_RING_CAUSAL, v.p.any_age = 0, v.masked = false;
        if (k % 2 && !v.p.kv_levels) v.p.kv_levels = 8;
        size_t width = v.n_kv * v.q_per_kv * v.p.dv;
        float *want = base_alloc(50 * width * sizeof *want),
              *got = base_alloc(50 * width * sizeof *got);
        build b = variant_build(&v, d);
        sim *s = build_sim(&b, 1, false), *u = build_sim(&b, 1, false);
        feed(s, &b, &v, d, 0, 50, want);
        char *file = NULL;
        size_t bytes = 0;
        arena *a = arena_new();
        FILE *f = open_memstream(&file, &bytes);
        assert_true(sim_state_save(s, 0, &(sim_state_note){"it", NULL, 0}, f, NULL));
        fclose(f);
        assert_true(sim_state_load(u, 0, "it", file, bytes, NULL));
        if (v.p.kv_levels) {
            tensor keys, values;
            assert_true(sim_ring_read(s, 0, 0, 0, a, &keys, &values));
            sim *w = build_sim(&b, 1, false);
            assert_true(sim_ring_load(w, 0, 0, 0, 50, &keys, &values, b.diags));
            tensor k2, v2;
            assert_true(sim_ring_read(w, 0, 0, 0, a, &k2, &v2));
            assert_memory_equal(keys.data, k2.data, tensor_bytes(&keys));
            assert_memory_equal(values.data, v2.data, tensor_bytes(&values));
            sim_free(w);
        }
        feed(s, &b, &v, d, 50, 50, want), feed(u, &b, &v, d, 50, 50, got);
        assert_memory_equal(want, got, 50 * width * sizeof *got);
        free(file), free(want), free(got);
        arena_free(a);
        sim_free(s), sim_free(u);
        build_free(&b);
    }
    gain_params p = {
        .d = 1, .dv = 1, .slots = 1, .sub_tile = 1, .kv_levels = 3, .terms = 1, .v_dd = 1};
    for (uint8_t code = 0; code < 5; code++) {
        gain_unit *u = gain_unit_new(&p);
        gain_cells c = gain_cells_new(u, 1);
        bytes_in in = bytes_in_of((uint8_t[]){1, code}, 2);
        assert_int_equal(gain_load(u, &c, 0, 0, &in), code < 3);
        gain_cells_free(&c);
        gain_unit_free(u);
    }
    free(d);
}

// Every instruction set: S, outputs and counts of the portable code, wherever the window lies in
// the ring, with tokens that nobody sees.
static void check_paths(const gain_params *p, random_stream *r, int k) {
    const size_t heads = 2, d = p->d, dv = p->dv, slots = p->slots;
    gain_unit *u = gain_unit_new(p);
    gain_cells c = gain_cells_new(u, heads);
    float *x = base_alloc((2 * d + 3 * dv) * sizeof *x), *q = x + d + dv, *want = q + d,
          *got = want + dv;
    double *s = base_calloc(2 * slots, sizeof *s), *z = s + slots;
    int64_t *held = base_alloc(slots * sizeof *held);
    void *scratch = base_alloc(gain_scratch(u));
    gain_scaling g = {0.6f, 0.2f, 0.3f, 0.45f, 0.3f, 0.45f, 1.5f, 0.25f};
    int64_t len = random_in(r, 1, (int64_t)(2 * slots));
    for (size_t i = 0; i < slots; i++) held[i] = -1;
    for (int64_t t = 0; t < len; t++) {
        for (size_t i = 0; i < d + dv; i++) x[i] = 2 * random_float(r);
        for (size_t h = 0; h < heads; h++) gain_write(u, &c, h, (size_t)t % slots, &g, x, x + d);
        held[(size_t)t % slots] = random_in(r, 0, 5) ? t : -1;
    }
    for (int i = 0; i < 4; i++) {
        int64_t t = len - 1, n = random_in(r, 0, min_i64(len, (int64_t)slots));
        gain_view view = {t, t - n + 1, n, i % 2 ? held : NULL};
        size_t head = (size_t)random_in(r, 0, 1);
        for (size_t j = 0; j < d; j++) q[j] = 2 * random_float(r);
        gain_counts count = {0};
        gain_scores(u, SIMD_PORTABLE, &c, head, &view, &g, q, s, scratch);
        gain_attend(u, SIMD_PORTABLE, &c, head, &view, &g, q, want, &count, scratch);
        for (simd_path path = SIMD_AVX2; path < SIMD_PATHS; path++) {
            if (!simd_has(path)) continue;
            gain_counts again = {0};
            memcpy(z, s, slots * sizeof *z);
            gain_scores(u, path, &c, head, &view, &g, q, z, scratch);
            gain_attend(u, path, &c, head, &view, &g, q, got, &again, scratch);
            if (memcmp(s, z, slots * sizeof *z) != 0 || memcmp(want, got, dv * sizeof *got) != 0 ||
                memcmp(&count, &again, sizeof count) != 0)
                fail_msg("%s, device %d: d %zu dv %zu slots %zu kv %u q %u terms %u",
                         simd_name(path), k, d, dv, slots, p->kv_levels, p->q_levels, p->terms);
        }
    }
    free(x), free(s), free(held), free(scratch);
    gain_cells_free(&c);
    gain_unit_free(u);
}

static void test_paths(void **state) {
    random_stream r = random_test(43);
    arena *a = arena_new();
    machine *m = chip_of(a, NULL, 0);
    for (int k = 0; k < 300; k++) {
        gain_params p = random_variant(&r).p;
        if (k % 3 == 0) { // the chip's own, in many sizes
            uint32_t d = (uint32_t)random_in(&r, 1, 130);
            p = device(m, d, (uint32_t)random_in(&r, 1, 400));
            p.dv = (uint32_t)random_in(&r, 1, 130);
            p.kv_levels = (uint32_t)random_in(&r, 2, 16), p.decay = 1.6e-4f;
        }
        check_paths(&p, &r, k);
    }
    for (uint32_t q = 16; q <= 256; q += 240)
        for (uint32_t kv = 8; kv <= 16; kv += 8) { // every sum as large as it gets
            gain_params p = device(m, 64, 1024);
            p.q_levels = q, p.kv_levels = kv;
            check_paths(&p, &r, (int)(q + kv));
        }
    arena_free(a);
}
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interpreter),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_continued),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
