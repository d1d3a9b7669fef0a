// Everything that was counted, as JSON.
#include "cli/cost/cost.h"

static json_t *ns(timing_ps t) { return json_real((double)t / 1000); }

static json_t *units_json(const cost *c, const timing *t) {
    json_t *list = json_array();
    const cost_busy_unit *units = cost_units_by_busy(c, t);
    for (size_t k = 0; k < timing_units(t); k++) {
        timing_unit u = timing_unit_at(t, units[k].unit);
        json_add(list,
                 json_make("{s:s, s:s, s:o, s:o, s:o, s:o}", "kind", timing_unit_names[u.kind],
                           "name", timing_unit_text(c->a, t, units[k].unit), "tile",
                           json_count(u.tile), "count", json_count(u.count), "busy_ns", ns(u.busy),
                           "share", json_real(cost_share(u.busy, timing_end(t)) / 100)));
    }
    return list;
}

static json_t *insns_json(const cost *c, const timing *t) {
    json_t *list = json_array();
    for (uint32_t ph = 0; ph < c->p->n_phases; ph++)
        for (size_t k = 0; k < timing_insns(t, ph); k++) {
            timing_insn i = timing_insn_at(t, ph, k);
            json_t *stalled = json_object();
            for (int j = 0; j < TIMING_CAUSES; j++)
                if (i.stalled[j]) json_put(stalled, timing_cause_names[j], ns(i.stalled[j]));
            json_add(list, json_make("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "phase",
                                     json_name(c->p->phases[ph].name), "tile", json_count(i.tile),
                                     "pc", json_count(i.pc), "instruction",
                                     json_name(cost_insn_text(c, ph, i.tile, i.pc)), "node",
                                     json_name(cost_nodes(c, ph, i.tile, i.pc)), "rows",
                                     json_count(i.rows), "busy_ns", ns(i.busy), "stalled_ns",
                                     stalled, "idle_ns", ns(i.idle)));
        }
    return list;
}

static json_t *path_json(const cost *c) {
    json_t *list = json_array();
    for (size_t k = 0; k < c->latency.n_path; k++) {
        const timing_stretch *s = &c->latency.path[k];
        json_add(list, json_make("{s:o, s:o, s:o, s:o, s:o, s:s, s:o}", "tile", json_count(s->tile),
                                 "pc", json_count(s->pc), "row", json_count((uint64_t)s->row),
                                 "from_ns", ns(s->from), "until_ns", ns(s->until), "cause",
                                 timing_cause_names[s->cause], "instruction",
                                 json_name(cost_insn_text(c, s->phase, s->tile, s->pc))));
    }
    return list;
}

static json_t *steady_json(const cost *c, const timing *t, const timing_steady *s) {
    bool some = s->unit != SIZE_MAX;
    return json_make(
        "{s:o, s:o, s:o, s:b, s:o, s:o}", "step_rows", json_count((uint64_t)s->step_rows), "rows",
        json_count((uint64_t)s->rows), "period_ns", ns(s->period), "repeats", s->repeats, "unit",
        some ? json_name(timing_unit_text(c->a, t, s->unit)) : json_null(), "work_ns", ns(s->work));
}

static json_t *together_json(const cost *c) {
    const timing_together *t = &c->together;
    if (t->sequences <= 1) return json_null();
    return json_make("{s:o, s:o, s:o, s:o}", "sequences", json_count((uint64_t)t->sequences),
                     "first_tokens_ns", ns(t->first), "last_token_ns", ns(t->last), "generated_ns",
                     ns(t->all));
}

// Null: the chip states no time.
static json_t *total_ns(const cost *c, timing_ps t) {
    return timing_end(c->sequence) > 0 ? ns(t) : json_null();
}

static json_t *assumed_json(const cost *c) {
    const timing_latency *l = &c->latency, *sure = &c->sure_latency;
    const timing_steady *s = &c->steady, *t = &c->sure_steady;
    timing_ps row = s->rows ? s->period / s->rows : 0, sure_row = t->rows ? t->period / t->rows : 0;
    return json_make("{s:o, s:o, s:o}", "first_token_ns",
                     json_real(cost_assumed(l->first, sure->first) / 100), "last_token_ns",
                     json_real(cost_assumed(l->last, sure->last) / 100), "steady_row_ns",
                     json_real(cost_assumed(row, sure_row) / 100));
}

json_t *cost_json(const cost *c) {
    const timing_latency *l = &c->latency;
    size_t n;
    const char *const *missing = timing_missing(c->sequence, &n);
    json_t *names = json_array();
    for (size_t k = 0; k < n; k++) json_add(names, json_name(missing[k]));
    const char **lacking = cost_lacking(c, &n);
    for (size_t k = 0; k < n; k++) json_add(names, json_name(lacking[k]));
    return json_make(
        "{s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
        "s:o, s:o, s:o, s:o}",
        "chip", json_name(c->chip->name), "together", together_json(c), "worst_case", !c->activity,
        "prompt", json_count((uint64_t)l->prompt), "generated", json_count((uint64_t)l->generated),
        "steps", json_count(l->steps), "first_token_ns", total_ns(c, l->first), "next_token_ns",
        total_ns(c, l->next), "last_token_ns", total_ns(c, l->last), "generated_ns",
        total_ns(c, l->all), "end_ns", total_ns(c, timing_end(c->sequence)), "assumed_shares",
        assumed_json(c), "steady", steady_json(c, c->endless, &c->steady), "without_limit",
        c->freed ? steady_json(c, c->freed, &c->without) : json_null(), "units",
        units_json(c, c->sequence), "instructions", insns_json(c, c->sequence), "path",
        path_json(c), "energy", cost_energy_json(c), "missing", names);
}
