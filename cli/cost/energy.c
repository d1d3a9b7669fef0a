// What a sequence costs: energy by component and by whatever --by says, power, area.
#include "cli/cost/cost.h"
#include "support/name.h"
#include <inttypes.h>

// Shares of every kind add up to the total: otherwise what is printed would be wrong.
static energy_share *shares_of(const cost *c, energy_by by, size_t *n) {
    energy_share *list = energy_shares(c->p, c->spent.counted, &c->spent.prices, by, c->a, n);
    energy_aj sum = 0;
    for (size_t k = 0; k < *n; k++) sum += list[k].aj;
    CHECK(sum == c->spent.total, "energies by %s do not add up", energy_by_names[by]);
    return list;
}

static double percent(energy_aj part, energy_aj of) {
    return of ? 100 * (double)part / (double)of : 0;
}

// --- counted

void cost_watch_energy(cost *c) {
    c->spent.prices = energy_prices_of(c->chip);
    c->spent.counted = counter_new(c->p, c->chip);
    c->spent.meter = meter_new(c->p, c->spent.counted, &c->spent.prices);
    if (c->activity) counter_follow(c->spent.counted, c->activity);
    timing_listen(c->sequence, counter_launch, c->spent.counted);
    timing_observe(c->sequence, meter_note, c->spent.meter);
}

void cost_count_energy(cost *c) {
    c->spent.events = counter_total(c->spent.counted);
    c->spent.total = energy_of(&c->spent.prices, &c->spent.events);
    c->spent.rows = c->latency.prompt + c->latency.generated;
}

void cost_free_energy(cost *c) {
    meter_free(c->spent.meter);
    counter_free(c->spent.counted);
}

// --- one screen

static energy_aj a_token(const cost *c, energy_aj e) { return e / max_i64(1, c->spent.rows); }

// aJ over ps are microwatts.
static const char *power_text(arena *a, double uw) {
    static const char *const units[] = {"uW", "mW", "W", "kW"};
    unsigned k = 0;
    while (uw >= 999.95 && k + 1 < ARRAY_LEN(units)) uw /= 1000, k++;
    return arena_printf(a, "%.4g %s", uw, units[k]);
}

static void print_shares(const cost *c, energy_by by, size_t most) {
    size_t n;
    const energy_share *list = shares_of(c, by, &n);
    for (size_t k = 0; k < n && k < most; k++) {
        const energy_share *s = &list[k];
        const char *name = *s->name ? name_text(c->a, s->name) : "(none)";
        if (by == ENERGY_BY_instruction)
            name = arena_printf(c->a, "%-14s %-34.34s %s", name,
                                cost_insn_text(c, s->phase, s->tile, s->pc),
                                cost_node_text(c, s->phase, s->tile, s->pc));
        printf("  %5.1f %%  %-9s  %s\n", percent(s->aj, c->spent.total),
               energy_text(c->a, a_token(c, s->aj)), name);
    }
    if (n > most) printf("  and %zu more\n", n - most);
}

// Two a line.
static void print_components(const cost *c) {
    size_t n;
    const energy_share *list = shares_of(c, ENERGY_BY_component, &n);
    for (size_t k = 0; k < n; k++) {
        bool ends = k % 2 || k + 1 == n;
        printf("%s%5.1f %%  %-9s  %-*s%s", k % 2 ? "     " : "  ",
               percent(list[k].aj, c->spent.total), energy_text(c->a, a_token(c, list[k].aj)),
               ends ? 0 : 14, list[k].name, ends ? "\n" : "");
    }
}

void cost_print_energy(const cost *c) {
    const cost_energy *s = &c->spent;
    timing_ps window;
    energy_aj peak = meter_peak(s->meter, &window);
    printf("\nenergy           %s a token, %.0f %% of it from assumed numbers; by component\n",
           energy_text(c->a, a_token(c, s->total)),
           percent(energy_assumed(c->chip, &s->prices, &s->events), s->total));
    print_components(c);
    printf("power            %s on average, at most %s for %s\n",
           power_text(c->a, (double)s->total / (double)max_i64(1, timing_end(c->sequence))),
           power_text(c->a, (double)peak / (double)window), cost_time_text(c->a, window));
    if (!c->by_given) return;
    printf("\nenergy a token by %s\n", energy_by_names[c->by]);
    print_shares(c, c->by, (size_t)c->top);
}

// --- all of it

static json_t *aj(const cost *c, energy_aj e) { return json_string(energy_exact(c->a, e)); }

static json_t *shares_json(const cost *c, energy_by by) {
    size_t n;
    const energy_share *list = shares_of(c, by, &n);
    json_t *all = json_array();
    for (size_t k = 0; k < n; k++) {
        json_t *s = json_make("{s:o, s:o}", "name", json_name(list[k].name), "attojoules",
                              aj(c, list[k].aj));
        if (by == ENERGY_BY_instruction) {
            json_put(s, "phase", json_name(c->p->phases[list[k].phase].name));
            json_put(s, "tile", json_count(list[k].tile));
            json_put(s, "pc", json_count(list[k].pc));
        }
        json_add(all, s);
    }
    return all;
}

static json_t *terms_json(const cost *c) {
    const cost_energy *s = &c->spent;
    json_t *all = json_array();
    for (unsigned k = 0; k < ENERGY_TERMS; k++) {
        const energy_term *t = &energy_terms[k];
        if (energy_count(t, &s->events) == 0) continue;
        json_add(all, json_make("{s:s, s:o, s:s, s:s, s:s, s:o}", "event", t->event, "count",
                                json_count(energy_count(t, &s->events)), "parameter",
                                param_name(c->a, t->param), "class",
                                isa_name(ISA_ENUM_figure, machine_class_of(c->chip, t->param)),
                                "component", component_names[t->component], "attojoules",
                                aj(c, energy_of_term(&s->prices, &s->events, k))));
    }
    return all;
}

json_t *cost_energy_json(const cost *c) {
    const cost_energy *s = &c->spent;
    timing_ps window, end = max_i64(1, timing_end(c->sequence));
    energy_aj peak = meter_peak(s->meter, &window);
    json_t *by = json_object();
    for (unsigned k = 0; k < ENERGY_BYS; k++)
        json_put(by, energy_by_names[k], shares_json(c, (energy_by)k));
    return json_make(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "attojoules", aj(c, s->total),
        "attojoules_a_token", aj(c, a_token(c, s->total)), "assumed_share",
        json_real(percent(energy_assumed(c->chip, &s->prices, &s->events), s->total) / 100),
        "mean_uw", json_real((double)s->total / (double)end), "peak_uw",
        json_real((double)peak / (double)window), "peak_window_ns",
        json_real((double)window / 1000), "terms", terms_json(c), "by", by);
}
