#include "cli/cost/ran.h"
#include "cli/cost/cost.h"
#include "support/name.h"
#include <inttypes.h>
#include <stdlib.h>

struct ran {
    sim *sim;
    ran_options wanted;
    diag_sink *diags;
    sim_recorder recorder;
    timing_activity *activity; // of the step that runs; where it is wanted, of all
    size_t timed;              // steps
    timing *timing;            // NULL: nobody asks
    bool waits, failed;
    uint64_t rows;      // in the last phase
    uint64_t encoded;   // in those before it
    uint64_t together;  // of them before the first step that waited
    timing_ps first;    // the last departure of those
    timing_ps until;    // of all
    timing_ps departed; // the step before
    timing_ps last;     // from the step before to the last, where it waited
    sim_stats before;   // counted before anything was followed
};

// --- steps

// A step is timed when it has run: only then are its gates and masks known.
static void time_step(ran *r) {
    size_t n = timing_activity_steps(r->activity);
    if (!r->timing || n == 0 || r->failed || r->timed == n) return;
    const isa_program *p = sim_program(r->sim);
    timing_launch l = timing_activity_launch(r->activity, n - 1);
    l.follows = r->waits && r->departed > 0;
    timing_step_times s;
    if (!r->wanted.activity || n == 1) timing_follow(r->timing, r->activity);
    if (!timing_step(r->timing, &l, &s, r->diags)) {
        r->failed = true;
        return;
    }
    int64_t rows = 0;
    for (unsigned d = 0; d < ISA_DOMAINS; d++) rows = max_i64(rows, l.rows[d]);
    *(l.phase + 1 == p->n_phases ? &r->rows : &r->encoded) += (uint64_t)rows;
    if (l.follows) {
        r->last = s.departed - r->departed;
    } else {
        r->together = r->rows;
        r->first = max_i64(r->first, s.departed);
    }
    r->departed = s.departed;
    r->until = max_i64(r->until, s.departed);
    r->timed = n;
}

static void on_step(void *ctx, uint32_t phase, uint32_t bank, int64_t position,
                    const int64_t *rows) {
    ran *r = ctx;
    time_step(r);
    if (!r->wanted.activity) {
        timing_activity_clear(r->activity);
        r->timed = 0;
    }
    timing_activity_step(r->activity, phase, bank, position, rows);
}

static void on_closed(void *ctx, uint32_t tile, uint32_t pc, int64_t row) {
    timing_activity_closed(((ran *)ctx)->activity, tile, pc, row);
}

static void on_seen(void *ctx, uint32_t tile, uint32_t pc, int64_t row, int64_t seen,
                    int64_t sub_tiles) {
    timing_activity_seen(((ran *)ctx)->activity, tile, pc, row, seen, sub_tiles);
}

ran *ran_new(sim *s, ran_options wanted, diag_sink *diags) {
    if (!wanted.time && !wanted.activity) return NULL;
    timing *t = wanted.time ? timing_new(sim_program(s), sim_chip(s), 0, diags) : NULL;
    if (wanted.time && !t) return NULL;
    ran *r = base_calloc(1, sizeof *r);
    *r = (ran){.sim = s, .wanted = wanted, .diags = diags, .timing = t};
    r->activity = timing_activity_new(sim_program(s));
    r->before = sim_totals(s);
    r->recorder = (sim_recorder){on_step, on_closed, on_seen, r};
    sim_record(s, &r->recorder);
    return r;
}

void ran_free(ran *r) {
    if (!r) return;
    sim_record(r->sim, NULL);
    timing_free(r->timing);
    timing_activity_free(r->activity);
    free(r);
}

void ran_wait(ran *r) {
    if (!r) return;
    time_step(r);
    r->waits = true;
}

bool ran_end(ran *r) {
    if (!r) return true;
    time_step(r);
    if (r->last > 0) cost_check_period(sim_program(r->sim), r->last, r->diags);
    return !r->failed;
}

// --- what is said

static isa_events events_of(const ran *r) {
    const sim_stats now = sim_totals(r->sim);
    return (isa_events){
#define EVENT(name, unit, summary) .name = now.name - r->before.name,
#include "isa/count/events.def"
    };
}

// What happened, and what was drawn all the time meanwhile.
typedef struct {
    energy_aj spent, standing;
    bool spent_stated, standing_stated; // what a chip states as 0 is 0
    const char **lacking[2];            // energies of events, powers
    size_t n_lacking[2];
} energies;

static energies energies_of(const ran *r, arena *a) {
    const machine *chip = sim_chip(r->sim);
    const isa_events e = events_of(r);
    const energy_prices prices = energy_prices_of(chip);
    const inventory all = inventory_of(sim_program(r->sim), chip);
    const __int128 power = power_of_all(chip, all.all);
    energies x = {.spent = energy_of(&prices, &e),
                  .standing = power_energy(power, timing_end(r->timing))};
    x.lacking[0] = energy_lacking(a, chip, &e, &x.n_lacking[0]);
    x.lacking[1] = inventory_lacking(a, chip, "power", all.all, &x.n_lacking[1]);
    x.spent_stated = x.spent > 0 || x.n_lacking[0] == 0;
    x.standing_stated =
        (power > 0 || x.n_lacking[1] == 0) && (power == 0 || timing_end(r->timing) > 0);
    return x;
}

static void print_energies(const ran *r, const energies *e, arena *a, FILE *out) {
    if (e->spent_stated)
        fprintf(out, "  %s a row, %s in all; ",
                energy_text(a, e->spent / (energy_aj)(r->rows + r->encoded)),
                energy_text(a, e->spent));
    else
        fputs("  energy not stated by the chip; ", out);
    if (e->standing_stated)
        fprintf(out, "%s drawn all the time beside\n", energy_text(a, e->standing));
    else
        fputs("what is drawn all the time is not stated\n", out);
}

static void print_missing(const ran *r, const energies *e, FILE *out) {
    size_t n;
    const char *const *times = timing_missing(r->timing, &n);
    if (n + e->n_lacking[0] + e->n_lacking[1] == 0) return;
    fputs("not stated by the chip, so in no total:", out);
    for (size_t k = 0; k < n; k++) fprintf(out, " %s", times[k]);
    for (size_t s = 0; s < ARRAY_LEN(e->lacking); s++)
        for (size_t k = 0; k < e->n_lacking[s]; k++) fprintf(out, " %s", e->lacking[s][k]);
    putc('\n', out);
}

static size_t busiest(const ran *r) {
    size_t best = SIZE_MAX;
    timing_ps most = 0;
    for (size_t k = 0; k < timing_units(r->timing); k++) {
        timing_ps busy = timing_unit_at(r->timing, k).busy;
        if (busy > most) most = busy, best = k;
    }
    return best;
}

void ran_print(const ran *r, FILE *out) {
    if (!r || !r->timing || r->rows == 0) return;
    arena *a = arena_new();
    const char *chip = name_text(a, sim_chip(r->sim)->name);
    const bool stated = timing_end(r->timing) > 0;
    fprintf(out, "on %s: %" PRIu64 " rows", chip, stated ? r->together : r->rows);
    if (r->encoded) fprintf(out, " behind %" PRIu64 " of the encoder", r->encoded);
    if (stated) fprintf(out, " in %s", cost_time_text(a, r->first));
    if (!stated)
        fputs(" in a time that is not stated", out);
    else if (r->rows > r->together)
        fprintf(out, ", then %" PRIu64 " one by one, the last in %s (%s)", r->rows - r->together,
                cost_time_text(a, r->last),
                cost_rate_text(a, (int64_t)(r->rows - r->together), r->until - r->first));
    else
        fprintf(out, " (%s)", cost_rate_text(a, (int64_t)r->together, r->first));
    size_t unit = busiest(r);
    if (unit != SIZE_MAX)
        fprintf(out, "; %s busy %.1f %%", timing_unit_text(a, r->timing, unit),
                cost_share(timing_unit_at(r->timing, unit).busy, timing_end(r->timing)));
    putc('\n', out);
    const energies e = energies_of(r, a);
    print_energies(r, &e, a, out);
    print_missing(r, &e, out);
    arena_free(a);
}

// Null: the chip states no time.
static json_t *ns(const ran *r, timing_ps t) {
    return timing_end(r->timing) > 0 ? json_real((double)t / 1000) : json_null();
}

json_t *ran_json(const ran *r) {
    if (!r || !r->timing) return json_null();
    size_t n;
    const char *const *missing = timing_missing(r->timing, &n);
    json_t *names = json_array();
    for (size_t k = 0; k < n; k++) json_add(names, json_name(missing[k]));
    arena *a = arena_new();
    const energies e = energies_of(r, a);
    for (size_t s = 0; s < ARRAY_LEN(e.lacking); s++)
        for (size_t k = 0; k < e.n_lacking[s]; k++) json_add(names, json_name(e.lacking[s][k]));
    json_t *spent = e.spent_stated ? json_string(energy_exact(a, e.spent)) : json_null(),
           *on = e.standing_stated ? json_string(energy_exact(a, e.standing)) : json_null();
    arena_free(a);
    return json_make("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "rows", json_count(r->rows),
                     "encoder_rows", json_count(r->encoded), "rows_together",
                     json_count(r->together), "together_ns", ns(r, r->first), "last_token_ns",
                     ns(r, r->last), "end_ns", ns(r, r->until), "attojoules", spent,
                     "static_attojoules", on, "missing", names);
}

bool ran_write_activity(const ran *r, const char *path, diag_sink *diags) {
    return timing_activity_write(r->activity, path, diags);
}
