// The lag rule on random programs: with the depths that it asks for none deadlocks, for any number
// of rows; with one row less anywhere the verifier refuses, and some of them do deadlock.
#include "isa/machine/machine.h"
#include "isa/verify/verify.h"
#include "tests/isa/depths.h"
#include "tests/isa/random_program.h"
#include "tests/isa/row_events.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void fix_depths(const isa_program *p, const depths *least) {
    for (uint32_t t = 0; t < p->n_tiles; t++)
        for (uint32_t b = 0; b < p->tiles[t].n_buffers; b++)
            p->tiles[t].buffers[b].depth = least->buffers[t][b];
    for (uint32_t c = 0; c < p->n_channels; c++) p->channels[c].depth = least->channels[c];
}

// One buffer or channel with more than one row gets one less; false: there is none.
static bool reduce_one(maker *m) {
    const isa_program *p = m->p;
    VEC(isa_buffer *) buffers = {0};
    VEC(isa_channel *) channels = {0};
    for (uint32_t t = 0; t < p->n_tiles; t++)
        for (uint32_t b = 0; b < p->tiles[t].n_buffers; b++)
            if (p->tiles[t].buffers[b].parent == b && p->tiles[t].buffers[b].depth > 1)
                vec_push(&buffers, &p->tiles[t].buffers[b]);
    for (uint32_t c = 0; c < p->n_channels; c++)
        if (p->channels[c].depth > 1) vec_push(&channels, &p->channels[c]);
    size_t all = buffers.count + channels.count, at = all ? below(m, (uint32_t)all) : 0;
    if (all && at >= buffers.count) {
        channels.items[at - buffers.count]->depth--;
    } else if (all) {
        isa_buffer *b = buffers.items[at];
        for (uint32_t t = 0; t < p->n_tiles; t++) {
            isa_tile *x = &p->tiles[t];
            if (b < x->buffers || b >= x->buffers + x->n_buffers) continue;
            uint32_t depth = b->depth - 1;
            for (uint32_t k = 0; k < x->n_buffers; k++)
                if (&x->buffers[x->buffers[k].parent] == b) x->buffers[k].depth = depth;
        }
    }
    vec_free(&buffers);
    vec_free(&channels);
    return all > 0;
}

static bool deadlocks(const isa_program *p, uint32_t active_set) {
    arena *a = arena_new();
    uint64_t total = 0;
    uint32_t n;
    for (uint32_t t = 0; t < p->n_tiles; t++) total += p->tiles[t].phase[0].count;
    isa_step *order = ARENA_ARRAY(a, isa_step, total + 1);
    assert_true(isa_order(p, 0, 0, order, &n, NULL));
    isa_depend *d = isa_depend_new(p, 0, order, n);
    isa_waits w = isa_waits_new(d);
    bool stuck = false;
    for (int64_t rows = 1; !stuck && rows <= p->phases[0].max_rows[0]; rows++)
        stuck = !row_events_run(d, &w, active_set, rows);
    isa_waits_free(&w);
    isa_depend_free(d);
    arena_free(a);
    return stuck;
}

static bool found(const diag_sink *diags, diag_id id) {
    for (size_t i = 0; i < diag_count(diags); i++)
        if (diag_get(diags, i)->id == id) return true;
    return false;
}

static bool found_other(const diag_sink *diags) { // than depths, which are not chosen yet
    for (size_t i = 0; i < diag_count(diags); i++)
        if (diag_get(diags, i)->severity == DIAG_ERROR &&
            diag_get(diags, i)->id != DIAG_ID_isa_depth)
            return true;
    return false;
}

static void lag_rule_is_safe_and_sharp(void **state) {
    uint64_t first = random_seed(17);
    const char *count = getenv("OHMIC_RANDOM_PROGRAMS");
    unsigned wanted = count ? (unsigned)atoi(count) : 300;
    unsigned good = 0, unordered = 0, unsound = 0, reduced = 0, deadlocked = 0;
    arena *a = arena_new();
    machine chip = *machine_load(a, OHMIC_SOURCE_DIR "/chips/ideal.yaml", NULL, 0, NULL);
    for (unsigned n = 0; good < wanted && n < 20 * wanted; n++) {
        uint64_t seed = first + n;
        random_stream r = random_test(seed);
        maker m;
        isa_program *p = random_program(&r, (program_kind){.views = n % 2, .rings = true}, &m);
        uint32_t active_set = 3 + below(&m, 28);
        chip.tile.active_set = active_set;
        random_program_place(&m);
        diag_sink *diags = diag_sink_new();
        isa_verify(p, &chip, "random", diags);
        if (found_other(diags)) {
            unordered += found(diags, DIAG_ID_isa_order);
            unsound += found(diags, DIAG_ID_isa_unwritten);
            if (!found(diags, DIAG_ID_isa_order) && !found(diags, DIAG_ID_isa_unwritten)) {
                diag_print(diags, 0, stderr, false);
                fail_msg("OHMIC_SEED=%llu", (unsigned long long)seed);
            }
        } else {
            diag_sink *again = diag_sink_new();
            depths least = depths_of(p, active_set, a);
            fix_depths(p, &least);
            random_program_place(&m);
            if (!isa_verify(p, &chip, "random", again)) {
                diag_print(again, 0, stderr, false);
                fail_msg("OHMIC_SEED=%llu", (unsigned long long)seed);
            }
            if (deadlocks(p, active_set))
                fail_msg("a verified program deadlocks: OHMIC_SEED=%llu", (unsigned long long)seed);
            good++;
            if (reduce_one(&m)) {
                assert_false(isa_verify(p, &chip, "random", again));
                assert_true(found(again, DIAG_ID_isa_depth));
                reduced++;
                deadlocked += deadlocks(p, active_set);
            }
            diag_sink_free(again);
        }
        diag_sink_free(diags);
        isa_program_free(p);
    }
    printf(
        "%u programs ran, %u could not be ordered, %u read what is not there; of %u with one row "
        "less %u deadlock\n",
        good, unordered, unsound, reduced, deadlocked);
    assert_int_equal(good, wanted);
    assert_true(deadlocked * 20 > reduced);
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(lag_rule_is_safe_and_sharp)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
