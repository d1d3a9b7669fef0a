// The worked program on bench-1 against the tables of the design (docs/timing.md): hand-assembled
// with buffers that never fill, with fewer rows, and what the compiler makes of such a model.
#include "tests/random.h"
#include "tests/timing/golden.h"
#include "tests/timing/worked.h"
#include "timing/answers.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { LAST = 8 }; // the tile of the logits

typedef struct {
    arena *a;
    isa_program *p;
    diag_sink *diags;
    VEC(timing_ps) departures; // of rows
    VEC(golden_row) rows;
} worked;

static int set_up(void **state) {
    static worked w;
    w = (worked){.a = arena_new(), .diags = diag_sink_new()};
    w.p = worked_program("worked.data", w.diags);
    *state = &w;
    return 0;
}

static int tear_down(void **state) {
    worked *w = *state;
    isa_program_free(w->p);
    vec_free(&w->departures);
    vec_free(&w->rows);
    diag_sink_free(w->diags);
    arena_free(w->a);
    return 0;
}

static void note(void *ctx, const timing_event *e) {
    worked *w = ctx;
    if (e->tile == LAST && e->pc == 3) vec_push(&w->departures, e->result);
    vec_push(&w->rows, ((golden_row){e->tile, e->pc, e->step, e->start, e->result}));
}

static void set_depth(worked *w, uint32_t depth) {
    for (uint32_t t = 0; t < w->p->n_tiles; t++)
        for (uint32_t b = 0; b < w->p->tiles[t].n_buffers; b++)
            w->p->tiles[t].buffers[b].depth = depth;
    for (uint32_t c = 0; c < w->p->n_channels; c++) w->p->channels[c].depth = depth;
}

static machine *chip_with(worked *w, const char *set) {
    const char *sets[6] = {"tile.scratchpad=0"};
    size_t n = 1;
    char *list = arena_str(w->a, set), *save = NULL;
    for (char *s = strtok_r(list, " ", &save); s; s = strtok_r(NULL, " ", &save)) sets[n++] = s;
    machine *chip = machine_load(w->a, OHMIC_SOURCE_DIR "/chips/bench-1.yaml", sets, n, w->diags);
    bool ok = chip && isa_verify(w->p, chip, "worked.s", w->diags);
    diag_print(w->diags, 0, stderr, false);
    assert_true(ok);
    return chip;
}

// Departure of the last of `rows`, in steps of `chunk` launched together; ns.
static long run(worked *w, uint32_t depth, const char *set, int64_t rows, int64_t chunk) {
    set_depth(w, depth);
    machine *chip = chip_with(w, set);
    timing *t = timing_new(w->p, chip, 0, w->diags);
    assert_non_null(t);
    w->departures.count = w->rows.count = 0;
    timing_observe(t, note, w);
    timing_step_times s = {0};
    for (int64_t at = 0; at < rows; at += chunk) {
        timing_launch l = {.rows = {chunk}, .position = at};
        assert_true(timing_step(t, &l, &s, w->diags));
    }
    timing_free(t);
    assert_int_equal(s.departed % 1000, 0);
    return s.departed / 1000;
}

static const int64_t lengths[] = {1, 2, 4, 16, 64};

static void unbounded(void **state) {
    static const struct {
        const char *set;
        long ns[ARRAY_LEN(lengths)];
    } rows[] = {{"digital.units=0 memory.units=0", {3794, 3922, 4178, 5714, 11858}},
                {"", {3794, 3922, 4194, 5754, 11898}},
                {"tile.port=128", {3839, 3967, 4316, 5878, 12022}},
                {"tile.port=64", {3995, 4123, 4625, 6783, 14939}}};
    for (size_t k = 0; k < ARRAY_LEN(rows); k++)
        for (size_t n = 0; n < ARRAY_LEN(lengths); n++)
            assert_int_equal(run(*state, 64, rows[k].set, lengths[n], lengths[n]), rows[k].ns[n]);
}

static void four_rows(void **state) {
    static const struct {
        const char *set;
        long ns[ARRAY_LEN(lengths)];
    } rows[] = {{"", {3794, 3922, 4194, 5754, 11898}},
                {"tile.port=128", {3839, 3967, 4316, 5878, 12022}},
                {"tile.port=64", {3995, 4123, 4625, 6702, 14950}}};
    for (size_t k = 0; k < ARRAY_LEN(rows); k++)
        for (size_t n = 0; n < ARRAY_LEN(lengths); n++)
            assert_int_equal(run(*state, 4, rows[k].set, lengths[n], lengths[n]), rows[k].ns[n]);
}

static void departures(void **state) {
    static const long ns[] = {3794, 3922, 4051, 4194, 4322, 4455, 4587, 4716,
                              4848, 4981, 5109, 5242, 5370, 5498, 5626, 5754};
    worked *w = *state;
    for (uint32_t depth = 4; depth <= 64; depth *= 16) {
        run(w, depth, "", 16, 16);
        assert_int_equal(w->departures.count, 16);
        for (size_t r = 0; r < 16; r++) assert_int_equal(w->departures.items[r], 1000 * ns[r]);
    }
    static const int64_t cuts[] = {8, 4, 1};
    for (size_t k = 0; k < ARRAY_LEN(cuts); k++) assert_int_equal(run(w, 4, "", 16, cuts[k]), 5754);
    static const long by_depth[] = {10034, 6834, 5906, 5754};
    for (uint32_t depth = 1; depth <= 4; depth++)
        assert_int_equal(run(w, depth, "", 16, 16), by_depth[depth - 1]);
}

// Start and result of every instruction, one row: tile A of layer 0, tile B; later layers take 452
// and 437 ns, the head 204.
static void one_row(void **state) {
    static const long first[] = {1,   11,  11,  31,  3,   23,  31,  38,  38,  80,  80,
                                 222, 222, 287, 287, 301, 301, 443, 443, 450, 450, 486},
                      b[] = {486, 490, 490, 532, 532, 674, 674, 736, 736, 880, 880, 887, 887, 923};
    worked *w = *state;
    run(w, 64, "", 1, 1);
    size_t n = 0;
    for (size_t k = 0; k < w->rows.count; k++) {
        const golden_row *r = &w->rows.items[k];
        const long *ns = r->tile == 0 ? first : r->tile == 1 ? b : NULL;
        if (!ns || 2 * r->pc >= (r->tile == 0 ? ARRAY_LEN(first) : ARRAY_LEN(b))) continue;
        assert_int_equal(r->start, 1000 * ns[2 * r->pc]);
        assert_int_equal(r->result, 1000 * ns[2 * r->pc + 1]);
        n++;
    }
    assert_int_equal(n, ARRAY_LEN(first) / 2 + ARRAY_LEN(b) / 2);
    for (size_t k = 0; k < w->rows.count; k++) {
        const golden_row *r = &w->rows.items[k];
        if (r->tile < 2 || r->pc > 0) continue;
        long layer = (long)r->tile / 2, at = 923 + (layer - 1) * (452 + 437) + (r->tile % 2) * 452;
        assert_int_equal(r->start, 1000 * at);
    }
}

static void answers(void **state) {
    worked *w = *state;
    set_depth(w, 4);
    machine *chip = chip_with(w, "");
    timing *t = timing_new(w->p, chip, 0, w->diags);
    timing_latency l;
    assert_true(timing_sequence(t, w->p, 16, 3, w->a, &l, w->diags));
    assert_int_equal(l.first, 5754000);
    assert_int_equal(l.next, 3794000);
    assert_int_equal(l.last, 3794000);
    assert_int_equal(l.all, 3 * 3794000);
    // The path is one row through all layers: every instruction but posrow, and the four of head.
    assert_int_equal(l.n_path, 11 - 1 + 7 + 3 * (8 + 7) + 4);
    timing_ps at = l.path_from + 1000; // issue
    for (size_t k = 0; k < l.n_path; k++) {
        assert_int_equal(l.path[k].from, at);
        at = l.path[k].until;
    }
    assert_int_equal(at - l.path_from, 3794000);
    size_t n;
    timing_missing(t, &n);
    assert_int_equal(n, 0);
    timing_free(t);

    t = timing_new(w->p, chip, 0, w->diags);
    timing_steady s;
    assert_true(timing_steady_state(t, w->p, &s, w->diags));
    assert_true(s.repeats);
    assert_int_equal(s.period, s.rows * 128000);
    assert_int_equal(s.work, s.period); // a crossbar is never idle
    assert_int_equal(timing_unit_at(t, s.unit).kind, TIMING_UNIT_crossbar);
    timing_free(t);
}

// With 64 bytes/ns the port of tile 0 is 166 ns busy for a row, and nothing else is as slow.
static void port_limits(void **state) {
    worked *w = *state;
    set_depth(w, 64);
    timing *t = timing_new(w->p, chip_with(w, "tile.port=64"), 0, w->diags);
    timing_steady s;
    assert_true(timing_steady_state(t, w->p, &s, w->diags));
    assert_true(s.repeats);
    assert_int_equal(s.work, s.rows * 166000);
    assert_true(s.period >= s.work && s.period - s.work < s.work / 1000); // 64 rows are not all
    assert_string_equal(timing_unit_text(w->a, t, s.unit), "scratchpad port of tile 0");
    timing_free(t);
}

// With room for 64 rows everywhere the busiest unit sets the pace, within 5 %: of random chips,
// whichever unit that is.
static void busiest_unit_limits(void **state) {
    worked *w = *state;
    set_depth(w, 64);
    random_stream r = random_test(random_seed(1));
    unsigned kinds = 0;
    for (int k = 0; k < 100; k++) {
        long long port = random_in(&r, 40, 400), lanes = random_in(&r, 2, 64),
                  ps = random_in(&r, 100, 1999), width = random_in(&r, 2, 32);
        const char *set = arena_printf(
            w->a, "tile.port=%lld digital.lanes=%lld time.conversion=%lld.%03lld router.width=%lld",
            port, lanes, ps / 1000, ps % 1000, width);
        timing *t = timing_new(w->p, chip_with(w, set), 0, w->diags);
        timing_steady s;
        assert_true(timing_steady_state(t, w->p, &s, w->diags));
        // 64 rows of buffer are not all that there could be; a mean is no whole period
        if (llabs(s.period - s.work) > s.work / 20)
            fail_msg("%s: %lld ps of work in %lld", set, (long long)s.work, (long long)s.period);
        kinds |= 1U << timing_unit_at(t, s.unit).kind;
        timing_free(t);
    }
    assert_true(__builtin_popcount(kinds) >= 3); // crossbars or links, digital units, ports
}

static void figures_add_up(void **state) {
    worked *w = *state;
    set_depth(w, 2);
    timing *t = timing_new(w->p, chip_with(w, "tile.port=64"), 0, w->diags);
    timing_launch l = {.rows = {16}};
    assert_true(timing_step(t, &l, NULL, w->diags));
    for (size_t k = 0; k < timing_insns(t, 0); k++) {
        timing_insn i = timing_insn_at(t, 0, k);
        timing_ps sum = i.busy + i.idle;
        for (int c = 0; c < TIMING_CAUSES; c++) {
            assert_true(i.stalled[c] >= 0);
            sum += i.stalled[c];
        }
        assert_true(i.idle >= 0 && i.busy >= 0);
        assert_int_equal(sum, timing_end(t));
    }
    for (size_t k = 0; k < timing_units(t); k++) {
        timing_unit u = timing_unit_at(t, k);
        assert_true(u.busy > 0 && u.busy <= timing_end(t));
    }
    timing_free(t);
}

static void bad_input(void **state) {
    worked *w = *state;
    set_depth(w, 4);
    diag_sink *d = diag_sink_new();
    timing *t = timing_new(w->p, chip_with(w, ""), 0, d);
    timing_launch l = {.rows = {65}};
    assert_false(timing_step(t, &l, NULL, d));
    assert_int_equal(diag_get(d, 0)->id, DIAG_ID_sim_rows);
    l = (timing_launch){.rows = {1}, .bank = 1};
    assert_false(timing_step(t, &l, NULL, d));
    assert_int_equal(diag_get(d, 1)->id, DIAG_ID_sim_order);
    timing_free(t);
    assert_null(timing_new(w->p, chip_with(w, "time.combine=1e9"), 0, d));
    assert_int_equal(diag_get(d, 2)->id, DIAG_ID_timing_range);
    assert_int_equal(diag_count(d), 3);
    diag_sink_free(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(unbounded),
                                       cmocka_unit_test(four_rows),
                                       cmocka_unit_test(departures),
                                       cmocka_unit_test(one_row),
                                       cmocka_unit_test(answers),
                                       cmocka_unit_test(port_limits),
                                       cmocka_unit_test(busiest_unit_limits),
                                       cmocka_unit_test(figures_add_up),
                                       cmocka_unit_test(bad_input)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
