// The engine against two machines written for the test, on random programs and chips: every start,
// result and freed is the same. And what holds whatever the chip.
#include "tests/timing/ages.h"
#include "tests/timing/timing_sample.h"
#include "timing/path.h"

// What one event takes that waits for nobody, in ns: of a send all of its tree, link after link.
static int64_t alone(const ticks *x, const tick_event *e) {
    int64_t longest = e->latency, tree = 0;
    for (uint32_t k = 0; k < e->n_demands; k++) {
        const tick_demand *d = &e->demands[k];
        longest = max_i64(longest, d->offset + d->time);
        tree += d->time + (int64_t)x->m->time.hop;
    }
    bool sends = isa_depend_insn(x->d, e->place)->op == ISA_send;
    return sends ? max_i64(longest, tree) : longest;
}

// The oldest event that is not done is served, or what it waits for is: so nothing is later than
// the last launch, all instructions issued, and all events one after the other.
static bool within_bound(const sample *s, const ticks *x) {
    int64_t bound = 0;
    timing_ps end = 0;
    for (uint32_t k = 0; k < s->n_steps; k++) bound = max_i64(bound, s->steps[k].at);
    bound += (int64_t)s->chip.time.issue * s->d->n * s->n_steps;
    for (size_t k = 0; k < x->events.count; k++) bound += alone(x, &x->events.items[k]);
    for (size_t k = 0; k < s->events.count; k++) end = max_i64(end, s->events.items[k].result);
    return end <= 1000 * bound;
}

static bool same_as(sample *s, bool (*run)(ticks *), uint64_t *events) {
    ticks x = {.p = s->p,
               .m = &s->chip,
               .d = s->d,
               .lags = &s->lags,
               .steps = s->steps,
               .n_steps = s->n_steps};
    bool ok = run(&x);
    if (!ok) printf("the machine stands still\n");
    ok &= x.events.count == s->events.count;
    for (size_t k = 0; ok && k < s->events.count; k++) {
        const timing_event *e = &s->events.items[k];
        const tick_event *f =
            &x.events.items[x.first[e->step * s->d->n + e->place] + (uint32_t)e->row];
        if (e->start == 1000 * (timing_ps)f->start && e->result == 1000 * (timing_ps)f->result &&
            e->freed == 1000 * (timing_ps)f->freed)
            continue;
        printf(
            "step %u tile %u pc %u row %lld (%s): start %lld (%s, %u) result %lld freed %lld, by "
            "ticks %d %d %d\n",
            e->step, e->tile, e->pc, (long long)e->row,
            isa_info_of(isa_depend_insn(s->d, e->place)->op)->mnemonic, (long long)e->start,
            timing_cause_names[e->cause], e->on, (long long)e->result, (long long)e->freed,
            f->start, f->result, f->freed);
        ok = false;
    }
    if (ok && !within_bound(s, &x)) {
        printf("later than one event after the other\n");
        ok = false;
    }
    *events += s->events.count;
    ticks_free(&x);
    return ok;
}

static bool check_ticks(sample *s, uint64_t *events) {
    timing_free(run_engine(s, s->n_steps));
    return same_as(s, ticks_run, events);
}

static void equal_to_ticks(void **state) { each_sample(1, (program_kind){0}, check_ticks); }

static bool check_ages(sample *s, uint64_t *events) {
    timing_free(run_engine(s, s->n_steps));
    return same_as(s, ages_run, events);
}

static void equal_to_bitmaps(void **state) {
    each_sample(1000001, (program_kind){.shared = true}, check_ages);
}

// --- what holds whatever the chip

static bool same_events(const timing_event *a, const timing_event *b, size_t n) {
    for (size_t k = 0; k < n; k++)
        if (a[k].step != b[k].step || a[k].place != b[k].place || a[k].row != b[k].row ||
            a[k].start != b[k].start || a[k].result != b[k].result || a[k].freed != b[k].freed)
            return false;
    return true;
}

// No row waits for another's later rows: neither for all rows of an instruction, nor for its end.
static bool flows(const sample *s) {
    for (uint32_t k = 0; k < s->d->n; k++)
        if (s->lags.lag[k] >= s->d->chunk) return false;
    return true;
}

// What is read around a row stops at the last one: with a row less, others are waited for.
static bool looks_around(const sample *s) {
    for (uint32_t k = 0; k < s->d->n_uses; k++) {
        const isa_reach *x = &s->d->uses[k].reach;
        if (s->d->uses[k].kind != ISA_READS) continue;
        if (x->all || x->ahead != 0 || x->back != 0 || x->rate != 1) return true;
    }
    return false;
}

static unsigned cut_short; // programs run with a row less

// Nor do rows on later rows, where none is waited for: the first step, and it with a row less.
static bool check_first_rows(sample *s) {
    int64_t full[ISA_DOMAINS], *rows = s->steps[0].rows;
    if (rows[0] < 2 || !flows(s) || looks_around(s)) return true;
    cut_short++;
    timing_free(run_engine(s, 1));
    VEC(timing_event) whole = {0};
    for (size_t k = 0; k < s->events.count; k++) vec_push(&whole, s->events.items[k]);
    memcpy(full, rows, sizeof full);
    for (unsigned d = 0; d < ISA_DOMAINS; d++) rows[d] = isa_domain_rows(s->d->dom, d, full[0] - 1);
    timing_free(run_engine(s, 1));
    memcpy(rows, full, sizeof full);
    bool ok = true;
    for (size_t k = 0, j = 0; ok && k < s->events.count; k++) {
        const timing_event *e = &s->events.items[k];
        while (j < whole.count &&
               (whole.items[j].place != e->place || whole.items[j].row != e->row))
            j++;
        ok = j < whole.count && whole.items[j].start == e->start;
    }
    if (!ok) printf("a row depends on later ones\n");
    vec_free(&whole);
    return ok;
}

static bool check_invariants(sample *s, uint64_t *events) {
    timing *t = run_engine(s, s->n_steps);
    VEC(timing_event) whole = {0};
    for (size_t k = 0; k < s->events.count; k++) vec_push(&whole, s->events.items[k]);
    bool ok = true;
    // nothing ends before its units have done their work
    for (size_t k = 0; k < timing_units(t); k++) ok &= timing_unit_at(t, k).busy <= timing_end(t);
    for (size_t k = 0; k < timing_insns(t, 0); k++) {
        timing_insn i = timing_insn_at(t, 0, k);
        timing_ps sum = i.busy + i.idle;
        for (int c = 0; c < TIMING_CAUSES; c++) sum += i.stalled[c];
        ok &= i.busy >= 0 && i.idle >= 0 && sum == timing_end(t);
    }
    if (!ok) printf("figures do not add up\n");
    // rows of an instruction start in order, and not before it enters; the path has no gap
    timing_path *path = timing_path_new();
    for (size_t k = 0; k < whole.count; k++) {
        ok &= whole.items[k].start >= whole.items[k].entered;
        timing_path_note(path, &whole.items[k]);
    }
    size_t n;
    const timing_stretch *p = timing_path_to(path, timing_end(t), s->a, &n);
    for (size_t k = 0; k + 1 < n; k++) ok &= p[k].until == p[k + 1].from && p[k].from <= p[k].until;
    ok &= n > 0 && p[n - 1].until == timing_end(t);
    timing_path_free(path);
    timing_free(t);
    if (!ok) printf("a path with gaps, or rows before their time\n");
    // the same again; and steps do not depend on later ones
    for (uint32_t steps = s->n_steps; ok && steps > 0; steps--) {
        timing_free(run_engine(s, steps));
        ok = same_events(whole.items, s->events.items, s->events.count);
        if (!ok) printf("%u of %u steps differ\n", steps, s->n_steps);
    }
    ok = ok && check_first_rows(s);
    *events += whole.count;
    vec_free(&whole);
    return ok;
}

static void invariants(void **state) {
    cut_short = 0;
    each_sample(2000001, (program_kind){.shared = true}, check_invariants);
    printf("%u of them ran with a row less too\n", cut_short);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(equal_to_ticks),
                                       cmocka_unit_test(equal_to_bitmaps),
                                       cmocka_unit_test(invariants)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
