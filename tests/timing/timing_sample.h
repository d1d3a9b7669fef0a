// Random programs on random chips, cut into steps, and a run of the engine on them.
#ifndef OHMIC_TESTS_TIMING_TIMING_SAMPLE_H
#define OHMIC_TESTS_TIMING_TIMING_SAMPLE_H
#include "isa/verify/verify.h"
#include "tests/isa/depths.h"
#include "tests/isa/random_program.h"
#include "tests/timing/ticks.h"
#include "timing/timing.h"
#include <setjmp.h>
#include <stdarg.h>
// cmocka.h needs some of the above
#include <cmocka.h>

enum { MOST_STEPS = 3 };

typedef struct {
    arena *a;
    maker m;
    isa_program *p;
    machine chip;
    isa_step *order;
    isa_depend *d;
    isa_lags lags;
    tick_step steps[MOST_STEPS];
    uint32_t n_steps;
    VEC(timing_event) events;
} sample;

static inline void set_chip(random_stream *r, machine *m) {
#define DRAW(field, lo, hi) m->field = random_in(r, lo, hi)
    m->time.cycle = 1;
    DRAW(tile.active_set, 3, random_below(r, 2) ? 8 : 64);
    DRAW(tile.port, 0, 3);
    m->tile.port *= 4;
    DRAW(memory.units, 0, 2);
    DRAW(memory.width, 0, 4);
    DRAW(digital.units, 0, 2);
    DRAW(digital.lanes, 1, 4);
    DRAW(passes.add, 0, 9);
    DRAW(passes.reduce, 0, 5);
    DRAW(passes.softmax, 0, 4);
    DRAW(extra.add, 0, 20);
    DRAW(extra.reduce, 0, 9);
    DRAW(extra.softmax, 0, 9);
    DRAW(router.width, 1, 4);
    DRAW(router.receive, 0, 2);
    DRAW(router.columns, 0, 3);
    DRAW(host.width, 0, 3);
    DRAW(time.issue, 0, 3);
    DRAW(time.settle, 0, 25);
    DRAW(time.combine, 0, 9);
    DRAW(time.gain_score, 0, 9);
    DRAW(time.gain_mix, 0, 20);
    DRAW(time.gain_reset, 0, 5);
    DRAW(time.gain_write, 0, 9);
    DRAW(time.memory, 0, 20);
    DRAW(time.hop, 1, 6);
    DRAW(time.receive, 0, 6);
    DRAW(time.in, 0, 10);
#undef DRAW
}

static inline void free_sample(sample *s) {
    isa_depend_free(s->d);
    isa_program_free(s->p);
    vec_free(&s->events);
    arena_free(s->a);
}

// False: the program is not sound.
static inline bool make_sample(random_stream *r, const machine *ideal, program_kind kind,
                               sample *s) {
    diag_sink *diags = diag_sink_new();
    *s = (sample){.a = arena_new(), .chip = *ideal};
    set_chip(r, &s->chip);
    s->p = random_program(r, kind, &s->m);
    random_program_place(&s->m);
    isa_verify(s->p, &s->chip, "random", diags);
    bool sound = true;
    for (size_t i = 0; i < diag_count(diags); i++)
        sound &= diag_get(diags, i)->severity != DIAG_ERROR ||
                 diag_get(diags, i)->id == DIAG_ID_isa_depth;
    diag_sink_free(diags);
    if (!sound) {
        free_sample(s);
        return false;
    }
    depths least = depths_of(s->p, (uint32_t)s->chip.tile.active_set, s->a);
    for (uint32_t t = 0; t < s->p->n_tiles; t++)
        for (uint32_t b = 0; b < s->p->tiles[t].n_buffers; b++) {
            isa_buffer *x = &s->p->tiles[t].buffers[b];
            uint32_t more = x->parent == b ? below(&s->m, 4) : 0;
            x->depth = x->parent == b ? least.buffers[t][b] + more
                                      : s->p->tiles[t].buffers[x->parent].depth;
        }
    for (uint32_t c = 0; c < s->p->n_channels; c++)
        s->p->channels[c].depth = least.channels[c] + below(&s->m, 4);
    random_program_place(&s->m);
    CHECK(isa_verify(s->p, &s->chip, "random", NULL), "depths of the lag rule");
    uint64_t total = 0;
    uint32_t n;
    for (uint32_t t = 0; t < s->p->n_tiles; t++) total += s->p->tiles[t].phase[0].count;
    s->order = ARENA_ARRAY(s->a, isa_step, total + 1);
    CHECK(isa_order(s->p, 0, 0, s->order, &n, NULL), "an order");
    s->d = isa_depend_new(s->p, 0, s->order, n);
    s->lags = isa_lags_new(s->d, (uint32_t)s->chip.tile.active_set, s->a);
    s->n_steps = 1 + below(&s->m, MOST_STEPS);
    int64_t position = 0;
    int32_t at = 0;
    for (uint32_t k = 0; k < s->n_steps; k++) {
        int64_t rows = 1 + below(&s->m, s->p->max_chunk);
        at += (int32_t)below(&s->m, 2) * (int32_t)below(&s->m, 200);
        s->steps[k] = (tick_step){.position = position, .at = at};
        for (unsigned d = 0; d < ISA_DOMAINS; d++)
            s->steps[k].rows[d] = isa_domain_rows(s->d->dom, d, rows);
        position += rows;
    }
    return true;
}

static inline void note(void *ctx, const timing_event *e) {
    sample *s = ctx;
    vec_push(&s->events, *e);
}

static inline timing *run_watched(sample *s, uint32_t n_steps, const timing_watcher *w) {
    timing *t = timing_new(s->p, &s->chip, 0, NULL);
    CHECK(t, "timing");
    s->events.count = 0;
    timing_observe(t, note, s);
    if (w) timing_watch(t, w);
    for (uint32_t k = 0; k < n_steps; k++) {
        timing_launch l = {.rows = {s->steps[k].rows[0]},
                           .position = s->steps[k].position,
                           .at = 1000 * (timing_ps)s->steps[k].at};
        CHECK(timing_step(t, &l, NULL, NULL), "step %u", k);
    }
    if (w) timing_watch_end(t);
    return t;
}

static inline timing *run_engine(sample *s, uint32_t n_steps) {
    return run_watched(s, n_steps, NULL);
}

static inline unsigned programs_wanted(void) {
    const char *count = getenv("OHMIC_RANDOM_PROGRAMS");
    return count ? (unsigned)atoi(count) : 1000;
}

// Calls `check` with so many sound samples.
static inline void each_sample(uint64_t otherwise, program_kind kind,
                               bool (*check)(sample *, uint64_t *)) {
    uint64_t first = random_seed(otherwise), events = 0;
    unsigned wanted = programs_wanted(), good = 0, n = 0;
    arena *a = arena_new();
    machine *ideal = machine_load(a, OHMIC_SOURCE_DIR "/chips/ideal.yaml", NULL, 0, NULL);
    for (; good < wanted && n < 20 * wanted; n++) {
        uint64_t seed = first + n;
        random_stream r = random_test(seed);
        sample s;
        kind.views = seed % 2;
        kind.rings = true;
        kind.analog = kind.shared || seed % 3 != 0;
        if (!make_sample(&r, ideal, kind, &s)) continue;
        if (!check(&s, &events)) fail_msg("OHMIC_SEED=%llu", (unsigned long long)seed);
        free_sample(&s);
        good++;
    }
    printf("%u of %u programs sound, %llu events\n", good, n, (unsigned long long)events);
    assert_int_equal(good, wanted);
    arena_free(a);
}

#endif
