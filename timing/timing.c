// From launches to steps, and what is known before and after all of them.
#include "isa/operand.h"
#include "timing/engine.h"
#include <stdlib.h>

static const timing_ps TIMING_LONGEST = 1000000000000; // a second

const char *const timing_cause_names[TIMING_CAUSES] = {
#define CAUSE(name, summary) #name,
#include "timing/causes.def"
};
const char *const timing_cause_summaries[TIMING_CAUSES] = {
#define CAUSE(name, summary) summary,
#include "timing/causes.def"
};

// --- a launch

static bool take_rows(timing *e, const plan_phase *ph, const timing_launch *l, diag_sink *diags) {
    const isa_phase *p = &e->plan.p->phases[l->phase];
    const isa_domain *dom = ph->d->dom;
    for (unsigned d = 0; d < ISA_DOMAINS; d++) {
        int64_t n = l->rows[d];
        if (!dom[d].free || (n >= dom[d].least && n <= dom[d].most)) continue;
        diag_emit(diags, DIAG_ID_sim_rows, DIAG_AT(NULL, p->name),
                  "domain t%u has %lld rows, the phase takes %lld to %lld", d, (long long)n,
                  (long long)dom[d].least, (long long)dom[d].most);
        return false;
    }
    for (unsigned d = 0; d < ISA_DOMAINS; d++)
        e->now.rows[d] = isa_domain_rows(dom, d, l->rows[dom[d].root]);
    for (unsigned d = 0; d < ISA_DOMAINS; d++)
        e->position[d] = isa_domain_position(dom, d, e->now.rows, l->position);
    return true;
}

static void begin_step(timing *e, plan_phase *ph) {
    const isa_program *p = e->plan.p;
    for (uint32_t k = 0; k < ph->d->n; k++) {
        plan_insn *x = &ph->insns[k];
        x->row = 0;
        x->made_all = x->given_all = 0;
        x->rows = isa_depend_rows(ph->d, k, e->now.rows);
        const isa_insn *i = isa_depend_insn(ph->d, k);
        if (!isa_writes_ring(i)) continue;
        const isa_ring *r = &p->tiles[x->tile].rings[i->x];
        if (r->mode != ISA_RING_CAUSAL)
            e->stored[x->tile][i->x * p->banks + e->bank] = min_i64(r->slots, x->rows);
    }
}

static void move_on(places *p, int64_t rows) {
    p->row0 = (uint32_t)((p->row0 + (uint64_t)rows) % p->depth);
}

static void end_step(timing *e, plan_phase *ph) {
    plan *x = &e->plan;
    for (uint32_t k = 0; k < ph->d->n; k++) {
        plan_insn *i = &ph->insns[k];
        i->ended = max_i64(i->ended, i->made_all);
        e->end = max_i64(e->end, i->ended);
        if (i->places != PLAN_NOTHING) move_on(&x->places.items[i->places], i->rows);
        if (i->send == PLAN_NOTHING) continue;
        const plan_send *s = &ph->sends.items[i->send];
        for (uint32_t d = s->first_dest; d < s->end_dest; d++)
            move_on(&x->places.items[ph->dests.items[d].queue], i->rows);
    }
    for (size_t k = 0; k < ph->ring_waits.count; k++) {
        const plan_wait *w = &ph->waits.items[ph->ring_waits.items[k]];
        timing_ps *end = &x->ring_ends[(size_t)w->at * x->p->banks + e->bank];
        *end = max_i64(*end, ph->insns[w->on].made_all);
    }
    for (uint32_t t = 0; t < x->p->n_tiles; t++)
        e->lines[t].base += x->p->tiles[t].phase[e->phase].count;
}

// When the last row has left.
static timing_ps departure(const timing *e, const plan_phase *ph) {
    timing_ps out = 0, any = 0;
    for (uint32_t k = 0; k < ph->d->n; k++) {
        const plan_insn *x = &ph->insns[k];
        if (x->rows == 0) continue;
        any = max_i64(any, x->made_all);
        if (x->op == ISA_out) out = max_i64(out, x->made_all);
    }
    return out ? out : any;
}

static bool fits(const timing *e, const plan_phase *ph) {
    __int128 rows = 0, most = INT64_MAX / 4;
    for (uint32_t k = 0; k < ph->d->n; k++) rows += ph->insns[k].rows + 1;
    return max_i64(e->end, e->launched) + 8 * rows * (e->plan.longest + 1) < most;
}

bool timing_step(timing *e, const timing_launch *l, timing_step_times *times, diag_sink *diags) {
    const isa_program *p = e->plan.p;
    if (l->phase >= p->n_phases || l->bank >= p->banks) {
        diag_emit(diags, DIAG_ID_sim_order, DIAG_NOWHERE, "phase %u of %u, bank %u of %u", l->phase,
                  p->n_phases, l->bank, p->banks);
        return false;
    }
    plan_phase *ph = &e->plan.phase[l->phase];
    if (!take_rows(e, ph, l, diags)) return false;
    timing_ps at = l->at;
    if (l->follows) at = e->departed[l->bank] + duration_ps(duration_ns(e->plan.m->time.launch));
    e->launched = max_i64(e->launched, at);
    e->bank = l->bank;
    begin_step(e, ph);
    if (!fits(e, ph)) {
        diag_emit(diags, DIAG_ID_timing_range, DIAG_AT(NULL, p->phases[l->phase].name),
                  "step %u may end later than 26 days after the first launch", e->steps);
        return false;
    }
    if (e->steps && l->phase != e->phase)
        for (uint32_t t = 0; t < p->n_tiles; t++)
            e->lines[t].floor = max_i64(e->lines[t].floor, e->lines[t].ended);
    e->phase = l->phase;
    if (e->listener) e->listener(e->listener_ctx, l);
    engine_run(e, ph);
    end_step(e, ph);
    e->steps++;
    e->departed[l->bank] = departure(e, ph);
    uint64_t events = 0;
    for (uint32_t k = 0; k < ph->d->n; k++) events += (uint64_t)ph->insns[k].rows;
    const timing_step_times now = {e->launched, e->departed[l->bank], events};
    if (e->watch) watch_step(e, l, &now);
    if (times) *times = now;
    return true;
}

// --- beginning and end

typedef struct {
    int64_t lag;
    uint32_t place;
} lagged;

static int by_lag(const void *p, const void *q) {
    const lagged *a = p, *b = q;
    if (a->lag != b->lag) return a->lag < b->lag ? -1 : 1;
    return a->place < b->place ? -1 : a->place > b->place;
}

static void sort_by_lag(plan_phase *ph) {
    uint32_t n = ph->d->n;
    lagged *list = base_alloc(((size_t)n + 1) * sizeof *list);
    for (uint32_t i = 0; i < n; i++) list[i] = (lagged){ph->insns[i].lag, i};
    if (n) qsort(list, n, sizeof *list, by_lag);
    for (uint32_t i = 0; i < n; i++) ph->by_lag[i] = list[i].place;
    free(list);
}

static void list_missing(timing *e) {
    const machine *m = e->plan.m;
    e->missing = ARENA_ARRAY(e->plan.a, const char *, machine_params_count + 1);
    for (size_t k = 0; k < machine_params_count; k++) {
        const machine_param *p = &machine_params[k];
        if (e->plan.cost.used[k] && p->kind == MACHINE_REAL && machine_lacks(m, k))
            e->missing[e->n_missing++] = arena_printf(e->plan.a, "%s.%s", p->section, p->name);
    }
}

const char *const *timing_missing(const timing *e, size_t *n) {
    *n = e->n_missing;
    return e->missing;
}

timing *timing_new(const isa_program *p, const machine *chip, uint32_t unlimited,
                   diag_sink *diags) {
    timing *e = base_calloc(1, sizeof *e);
    if (!plan_make(&e->plan, p, chip, unlimited)) {
        char why[BUDGET_TEXT];
        diag_emit(diags, DIAG_ID_timing_range, DIAG_NOWHERE,
                  "instructions wait for too many others to be timed: %s",
                  budget_spent(&e->plan.budget, BUDGET_waits, why));
        timing_free(e);
        return NULL;
    }
    arena *a = e->plan.a;
    for (uint32_t k = 0; k < p->n_phases; k++) sort_by_lag(&e->plan.phase[k]);
    e->active_set = (uint64_t)chip->tile.active_set;
    e->lines = ARENA_ARRAY(a, line, p->n_tiles + 1);
    e->stored = ARENA_ARRAY(a, int64_t *, p->n_tiles + 1);
    uint64_t kept = 1;
    while (kept < e->active_set + 2) kept *= 2;
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        e->lines[t].ends = ARENA_ARRAY(a, timing_ps, kept);
        e->lines[t].mask = kept - 1;
        e->stored[t] = ARENA_ARRAY(a, int64_t, (size_t)p->tiles[t].n_rings * p->banks + 1);
    }
    e->departed = ARENA_ARRAY(a, timing_ps, p->banks);
    e->link_end = ARENA_ARRAY(a, timing_ps, e->plan.most_links + 1);
    e->link_first = ARENA_ARRAY(a, timing_ps, e->plan.most_links + 1);
    list_missing(e);
    if (e->plan.longest > TIMING_LONGEST) {
        diag_emit(diags, DIAG_ID_timing_range, DIAG_FILE(chip->name),
                  "a row of an instruction takes %lld ns, at most a second",
                  (long long)(e->plan.longest / 1000));
        timing_free(e);
        return NULL;
    }
    return e;
}

void timing_free(timing *e) {
    if (!e) return;
    watch_free(e->watch);
    plan_free(&e->plan);
    free(e);
}

void timing_follow(timing *e, const timing_activity *a) {
    e->activity = a;
    e->followed = e->steps;
    for (uint32_t k = 0; k < e->plan.p->n_phases; k++) {
        plan_phase *ph = &e->plan.phase[k];
        for (uint32_t i = 0; i < ph->d->n; i++)
            if (ph->insns[i].op == ISA_mvm && isa_depend_insn(ph->d, i)->b != ISA_NONE)
                ph->insns[i].varies = COST_BY_ROW;
    }
}

void timing_observe(timing *e, timing_observer f, void *ctx) {
    e->observer = f;
    e->ctx = ctx;
}

void timing_listen(timing *e, timing_listener f, void *ctx) {
    e->listener = f;
    e->listener_ctx = ctx;
}

timing_ps timing_end(const timing *e) { return e->end; }
