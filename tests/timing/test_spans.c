// What units do as it is told to a watcher, on random programs and chips: in order, nothing twice,
// nothing lost, and the times are the same with and without one.
#include "tests/timing/timing_sample.h"

typedef struct {
    const sample *s;
    VEC(timing_span) last; // [unit]
    VEC(timing_ps) busy;   // [unit]
    VEC(timing_fill) fill; // [tile]
    uint32_t steps;
    bool ok;
} watched;

static void on_span(void *ctx, const timing_span *s) {
    watched *w = ctx;
    while (w->last.count <= s->unit) {
        vec_push(&w->last, ((timing_span){.until = 0}));
        vec_push(&w->busy, 0);
    }
    w->ok &= s->from < s->until && s->from >= w->last.items[s->unit].until;
    w->last.items[s->unit] = *s;
    w->busy.items[s->unit] += s->until - s->from;
}

static void on_fill(void *ctx, const timing_fill *f) {
    watched *w = ctx;
    while (w->fill.count <= f->tile) vec_push(&w->fill, ((timing_fill){.at = -1}));
    timing_fill *before = &w->fill.items[f->tile];
    uint64_t places = 0;
    for (uint32_t c = 0; c < w->s->p->n_channels; c++)
        for (uint32_t k = 0; k < w->s->p->channels[c].n_dests; k++)
            if (w->s->p->dests[w->s->p->channels[c].first_dest + k] == f->tile)
                places += w->s->p->channels[c].depth;
    w->ok &= f->at > before->at && f->rows != before->rows && f->rows <= places;
    *before = *f;
}

static void on_step(void *ctx, const timing_launch *l, const timing_step_times *s) {
    watched *w = ctx;
    w->ok &= s->launched <= s->departed && s->launched >= l->at;
    w->steps++;
}

static bool check_spans(sample *s, uint64_t *events) {
    timing_free(run_engine(s, s->n_steps));
    VEC(timing_event) plain = {0};
    for (size_t k = 0; k < s->events.count; k++) vec_push(&plain, s->events.items[k]);
    watched x = {.s = s, .ok = true};
    const timing_watcher w = {on_span, on_fill, on_step, &x};
    timing *t = run_watched(s, s->n_steps, &w);
    bool same = plain.count == s->events.count;
    for (size_t k = 0; same && k < plain.count; k++)
        same = plain.items[k].start == s->events.items[k].start &&
               plain.items[k].result == s->events.items[k].result;
    if (!same) printf("a watcher changes times\n");
    if (!x.ok) printf("spans overlap or go back, or a queue holds more than it has places for\n");
    bool all = x.steps == s->n_steps && x.busy.count <= timing_units(t);
    for (size_t k = 0; k < timing_units(t); k++)
        all &= (k < x.busy.count ? x.busy.items[k] : 0) == timing_unit_at(t, k).busy;
    for (size_t k = 0; k < x.fill.count; k++) all &= x.fill.items[k].rows == 0;
    if (!all) printf("spans are not all of a unit's work, or rows stay in a queue\n");
    *events += plain.count;
    vec_free(&plain);
    vec_free(&x.last);
    vec_free(&x.busy);
    vec_free(&x.fill);
    timing_free(t);
    return same && x.ok && all;
}

static void spans(void **state) {
    each_sample(3000001, (program_kind){.shared = true}, check_spans);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(spans)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
