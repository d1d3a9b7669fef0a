#include "timing/answers.h"
#include "isa/depend/domain.h"
#include "support/vec.h"
#include "timing/engine.h"
#include <stdlib.h>

static bool streams(const isa_program *p) { return isa_phase_streams(p, p->n_phases - 1); }

bool timing_generates(const isa_program *p) { return streams(p); }

// Rows that a phase takes when it is asked for n.
static timing_launch launch_of(const isa_program *p, uint32_t phase, int64_t n) {
    timing_launch l = {.phase = phase};
    const isa_phase *ph = &p->phases[phase];
    for (unsigned d = 0; d < ISA_DOMAINS; d++)
        if (ph->free_domains >> d & 1)
            l.rows[d] =
                ph->fixed_rows[d] ? ph->fixed_rows[d] : clamp_i64(n, 1, (int64_t)ph->max_rows[d]);
    return l;
}

static int64_t most_rows(const isa_program *p, uint32_t phase) {
    const isa_phase *ph = &p->phases[phase];
    int64_t most = 1;
    for (unsigned d = 0; d < ISA_DOMAINS; d++)
        if (ph->free_domains >> d & 1)
            most = max_i64(most, ph->fixed_rows[d] ? ph->fixed_rows[d] : ph->max_rows[d]);
    return most;
}

int64_t timing_most_tokens(const isa_program *p) {
    return streams(p) ? (int64_t)p->max_tokens : most_rows(p, p->n_phases - 1);
}

int64_t timing_fixed_tokens(const isa_program *p) {
    return streams(p) ? 0 : (int64_t)p->phases[0].fixed_rows[0];
}

// Who observed before, and the path.
typedef struct {
    timing_observer f;
    void *ctx;
    timing_path *path;
} both;

static void note_both(void *ctx, const timing_event *e) {
    const both *b = ctx;
    if (b->f) b->f(b->ctx, e);
    timing_path_note(b->path, e);
}

static void observe(timing *t, both *b, bool path) {
    timing_observe(t, path ? note_both : b->f, path ? b : b->ctx);
}

bool timing_sequence(timing *t, const isa_program *p, int64_t prompt, int64_t generate, arena *a,
                     timing_latency *out, diag_sink *diags) {
    uint32_t last = p->n_phases - 1;
    timing_step_times s = {0};
    *out = (timing_latency){.prompt = prompt, .generated = generate};
    int64_t at = 0;
    for (uint32_t ph = 0; ph < last; ph++) { // an encoder: the prompt is its
        timing_launch l = launch_of(p, ph, prompt);
        if (!timing_step(t, &l, &s, diags)) return false;
        out->steps++;
    }
    timing_path *path = timing_path_new();
    both b = {t->observer, t->ctx, path};
    int64_t rows = last > 0 ? 1 : prompt, chunk = max_i64(1, min_i64(rows, most_rows(p, last)));
    bool ok = true;
    for (; ok && at < rows; at += chunk) {
        timing_launch l = launch_of(p, last, min_i64(chunk, rows - at));
        l.position = at;
        bool ends = at + chunk >= rows;
        observe(t, &b, ends && generate == 0);
        ok = timing_step(t, &l, &s, diags);
        out->steps++;
    }
    out->first = s.departed;
    for (int64_t k = 0; ok && k < generate; k++) {
        timing_ps before = s.departed;
        timing_launch l = launch_of(p, last, 1);
        l.position = rows + k;
        l.follows = true;
        observe(t, &b, k + 1 == generate);
        ok = timing_step(t, &l, &s, diags);
        out->last = s.departed - before;
        out->all += out->last;
        if (k == 0) out->next = out->last;
    }
    observe(t, &b, false);
    if (ok) out->path = timing_path_to(path, s.departed, a, &out->n_path);
    out->path_from = s.launched;
    timing_path_free(path);
    return ok;
}

typedef struct {
    int64_t n;
    timing_ps *departed; // the last step of each
    timing_ps until;     // all of them
    timing_ps longest;   // since the step before of the same sequence
} sequences;

static bool step_of_each(timing *t, timing_launch l, sequences *all, diag_sink *diags) {
    all->longest = 0;
    for (int64_t k = 0; k < all->n; k++) {
        timing_step_times s;
        l.bank = (uint32_t)k;
        if (!timing_step(t, &l, &s, diags)) return false;
        all->longest = max_i64(all->longest, s.departed - all->departed[k]);
        all->departed[k] = s.departed;
        all->until = max_i64(all->until, s.departed);
    }
    return true;
}

bool timing_sequences(timing *t, const isa_program *p, int64_t prompt, int64_t generate, int64_t n,
                      timing_together *out, diag_sink *diags) {
    uint32_t last = p->n_phases - 1;
    int64_t rows = last > 0 ? 1 : prompt, chunk = max_i64(1, min_i64(rows, most_rows(p, last)));
    sequences all = {.n = n, .departed = base_calloc((size_t)n, sizeof *all.departed)};
    *out = (timing_together){.sequences = n};
    bool ok = true;
    for (uint32_t ph = 0; ok && ph < last; ph++)
        ok = step_of_each(t, launch_of(p, ph, prompt), &all, diags);
    for (int64_t at = 0; ok && at < rows; at += chunk) {
        timing_launch l = launch_of(p, last, min_i64(chunk, rows - at));
        l.position = at;
        ok = step_of_each(t, l, &all, diags);
    }
    out->first = all.until;
    for (int64_t k = 0; ok && k < generate; k++) {
        timing_launch l = launch_of(p, last, 1);
        l.position = rows + k;
        l.follows = true;
        ok = step_of_each(t, l, &all, diags);
        out->last = all.longest;
    }
    out->all = all.until - out->first;
    free(all.departed);
    return ok;
}

bool timing_replay(timing *t, const timing_activity *what, arena *a, timing_latency *out,
                   diag_sink *diags) {
    timing_step_times s = {0};
    *out = (timing_latency){.prompt = 0};
    timing_follow(t, what);
    timing_path *path = timing_path_new();
    both b = {t->observer, t->ctx, path};
    bool ok = true;
    size_t n = timing_activity_steps(what);
    for (size_t k = 0; ok && k < n; k++) {
        timing_launch l = timing_activity_launch(what, k);
        int64_t most = 0;
        for (unsigned d = 0; d < ISA_DOMAINS; d++) most = max_i64(most, l.rows[d]);
        observe(t, &b, k + 1 == n);
        ok = timing_step(t, &l, &s, diags);
        out->prompt += most;
        out->steps++;
        out->first = max_i64(out->first, s.departed);
    }
    observe(t, &b, false);
    if (ok) out->path = timing_path_to(path, s.departed, a, &out->n_path);
    out->path_from = s.launched;
    timing_path_free(path);
    return ok;
}

// --- the long run

enum { STEADY_ROWS = 32, STEADY_STEPS = 48, STEADY_PERIODS = 4, STEADY_EVENTS = 40000000 };

typedef struct {
    VEC(timing_ps) departed;
    timing_ps *busy[STEADY_PERIODS + 1]; // after the last steps: [step % count][unit]
} long_run;

// Departures of the last 2n steps repeat after n.
static bool repeats(const long_run *r, size_t n) {
    size_t k = r->departed.count;
    if (k < 3 * n + 2) return false;
    const timing_ps *d = r->departed.items + k;
    for (size_t i = 1; i <= 2 * n; i++)
        if (d[-(ptrdiff_t)i] - d[-(ptrdiff_t)(i + n)] != d[-1] - d[-1 - (ptrdiff_t)n]) return false;
    return true;
}

static void find_busiest(const timing *t, const long_run *r, size_t n, timing_steady *out) {
    size_t k = r->departed.count - 1, count = STEADY_PERIODS + 1;
    out->unit = SIZE_MAX;
    for (size_t u = 0; u < timing_units(t); u++) {
        timing_ps work = r->busy[k % count][u] - r->busy[(k - n) % count][u];
        if (work <= out->work) continue;
        out->work = work;
        out->unit = u;
    }
}

bool timing_steady_state(timing *t, const isa_program *p, timing_steady *out, diag_sink *diags) {
    uint32_t last = p->n_phases - 1;
    int64_t chunk = min_i64(most_rows(p, last), streams(p) ? STEADY_ROWS : INT64_MAX);
    timing_launch l = launch_of(p, last, chunk);
    timing_step_times s;
    long_run r = {0};
    *out = (timing_steady){.step_rows = chunk, .unit = SIZE_MAX};
    if (streams(p))
        l.position = max_i64(0, (int64_t)p->max_tokens - chunk); // a window that is full
    for (uint32_t ph = 0; ph < last; ph++) {
        timing_launch before = launch_of(p, ph, most_rows(p, ph));
        if (!timing_step(t, &before, &s, diags)) return false;
    }
    for (size_t k = 0; k <= STEADY_PERIODS; k++)
        r.busy[k] = base_calloc(timing_units(t) + 1, sizeof **r.busy);
    bool ok = true;
    size_t n = 0;
    uint64_t events = 0;
    while (ok && n == 0 && r.departed.count < STEADY_STEPS &&
           (events < STEADY_EVENTS || r.departed.count < 3)) {
        ok = timing_step(t, &l, &s, diags);
        timing_ps *now = r.busy[r.departed.count % (STEADY_PERIODS + 1)];
        for (size_t u = 0; u < timing_units(t); u++) now[u] = timing_unit_at(t, u).busy;
        vec_push(&r.departed, s.departed);
        events += s.events;
        for (size_t k = STEADY_PERIODS; k > 0; k--)
            if (repeats(&r, k)) n = k;
    }
    out->repeats = n > 0;
    if (n == 0) n = min_i64(STEADY_PERIODS, (int64_t)r.departed.count - 1);
    if (ok && r.departed.count > n && n > 0) {
        out->rows = (int64_t)n * chunk;
        out->period =
            r.departed.items[r.departed.count - 1] - r.departed.items[r.departed.count - 1 - n];
        find_busiest(t, &r, n, out);
    }
    for (size_t k = 0; k <= STEADY_PERIODS; k++) free(r.busy[k]);
    vec_free(&r.departed);
    return ok;
}
