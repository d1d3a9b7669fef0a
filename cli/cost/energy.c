// What a sequence costs: energy by component and by whatever --by says, power, area.
#include "cli/cost/cost.h"
#include "support/name.h"
#include <inttypes.h>
#include <string.h>

// Shares of every kind add up to the total: otherwise what is printed would be wrong.
static energy_share *shares_of(const cost *c, energy_by by, size_t *n) {
    const cost_energy *s = &c->spent;
    energy_share *list = energy_shares(c->p, s->counted, &s->prices, s->standing, by, c->a, n);
    energy_aj sum = 0, on = 0;
    for (size_t k = 0; k < *n; k++) sum += list[k].aj, on += list[k].standing;
    CHECK(sum == s->total && on == s->standing->total, "energies by %s do not add up",
          energy_by_names[by]);
    return list;
}

static double percent(energy_aj part, energy_aj of) {
    return of ? 100 * (double)part / (double)of : 0;
}

// --- counted

void cost_watch_energy(cost *c) {
    c->spent.prices = energy_prices_of(c->chip);
    c->spent.assumed = energy_prices_assumed(c->chip);
    c->spent.counted = counter_new(c->p, c->chip);
    c->spent.meter = meter_new(c->p, c->spent.counted, &c->spent.prices, &c->spent.assumed);
    if (c->activity) counter_follow(c->spent.counted, c->activity);
    timing_listen(c->sequence, counter_launch, c->spent.counted);
    timing_observe(c->sequence, meter_note, c->spent.meter);
}

void cost_count_energy(cost *c) {
    c->spent.events = counter_total(c->spent.counted);
    c->spent.total = energy_of(&c->spent.prices, &c->spent.events);
    c->spent.rows = c->latency.prompt + c->latency.generated;
    c->spent.parts = inventory_of(c->p, c->chip);
    c->spent.on = power_of_all(c->chip, c->spent.parts.all);
    c->spent.standing = standing_of(c->p, c->chip, c->sequence, c->a);
    c->spent.weights = programming_of(c->p, c->chip);
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
        const char *name =
            *s->name ? name_text(c->a, s->name) : "(none; the interface to the host)";
        if (by == ENERGY_BY_instruction)
            name = arena_printf(c->a, "%-14s %-34.34s %s", name,
                                cost_insn_text(c, s->phase, s->tile, s->pc),
                                cost_node_text(c, s->phase, s->tile, s->pc));
        printf("  %5.1f %%  %-9s  %-9s  %s\n",
               percent(s->aj + s->standing, c->spent.total + c->spent.standing->total),
               energy_text(c->a, a_token(c, s->aj)), energy_text(c->a, a_token(c, s->standing)),
               name);
    }
    if (n > most) printf("  and %zu more\n", n - most);
}

// Two a line.
static void print_components(const cost *c) {
    size_t n;
    const energy_share *list = energy_shares(c->p, c->spent.counted, &c->spent.prices, NULL,
                                             ENERGY_BY_component, c->a, &n);
    for (size_t k = 0; k < n; k++) {
        bool ends = k % 2 || k + 1 == n;
        printf("%s%5.1f %%  %-9s  %-*s%s", k % 2 ? "     " : "  ",
               percent(list[k].aj, c->spent.total), energy_text(c->a, a_token(c, list[k].aj)),
               ends ? 0 : 14, list[k].name, ends ? "\n" : "");
    }
}

// What a chip states as 0 is 0.
bool cost_states_energy(const cost *c) {
    size_t n;
    energy_lacking(c->a, c->chip, &c->spent.events, &n);
    return c->spent.total > 0 || n == 0;
}

static bool no_part(const cost *c, const char *section, bool is_nothing) {
    size_t n;
    inventory_lacking(c->a, c->chip, section, c->spent.parts.all, &n);
    return is_nothing && n > 0;
}

bool cost_states_area(const cost *c) {
    return !no_part(c, "area", area_of_all(c->chip, c->spent.parts.all) == 0);
}

static bool no_programming(const cost *c) {
    const programming *w = &c->spent.weights;
    size_t n;
    programming_lacking(c->a, c->chip, w, &n);
    return w->pulses == 0 && w->time_ns == 0 && w->aj == 0 && n > 0;
}

// The largest first.
static void print_area(const cost *c) {
    const uint64_t *all = c->spent.parts.all, *used = c->spent.parts.used;
    if (!cost_states_area(c)) {
        printf("area             not stated by the chip\n");
        return;
    }
    printf("area             %.4g mm2 in %u tile%s, %.4g of it used, %.0f %% assumed",
           area_mm2(area_of_all(c->chip, all)), c->p->n_tiles, c->p->n_tiles == 1 ? "" : "s",
           area_mm2(area_of_all(c->chip, used)), 100 * inventory_assumed(c->chip, "area", all));
    bool done[COMPONENTS] = {false};
    for (unsigned n = 0; n < 8; n++) {
        unsigned best = COMPONENTS;
        area_nm2 most = 0;
        for (unsigned k = 0; k < COMPONENTS; k++) {
            area_nm2 x = area_of(c->chip, (component)k, all[k]);
            if (!done[k] && x > most) most = x, best = k;
        }
        if (best == COMPONENTS) break;
        done[best] = true;
        printf("%s%s %.4g", n == 0 ? "\n  " : ", ", component_names[best], area_mm2(most));
    }
    putchar('\n');
}

static void print_weights(const cost *c) {
    const programming *w = &c->spent.weights;
    printf("weights          %" PRIu64 " cells and %" PRIu64 " bytes written once: ", w->cells,
           w->bytes);
    if (no_programming(c)) {
        printf("time and energy not stated by the chip\n");
        return;
    }
    if (programming_states_time(c->chip, w))
        printf("%.4g pulses, %s%s", w->pulses, cost_time_text(c->a, (timing_ps)(w->time_ns * 1000)),
               w->time_assumed ? " (assumed)" : "");
    else
        printf("pulses and time not stated by the chip");
    printf(", %s (%.0f %% assumed)\n", energy_text(c->a, w->aj), percent(w->assumed, w->aj));
}

const char **cost_lacking(const cost *c, size_t *n) {
    const cost_energy *s = &c->spent;
    const char **list = ARENA_ARRAY(c->a, const char *, PARAMS + 1);
    size_t count[4];
    const char **of[4] = {energy_lacking(c->a, c->chip, &s->events, &count[0]),
                          inventory_lacking(c->a, c->chip, "power", s->parts.all, &count[1]),
                          inventory_lacking(c->a, c->chip, "area", s->parts.all, &count[2]),
                          programming_lacking(c->a, c->chip, &s->weights, &count[3])};
    *n = 0;
    for (size_t k = 0; k < ARRAY_LEN(of); k++)
        for (size_t j = 0; j < count[k]; j++) {
            bool have = false;
            for (size_t i = 0; i < *n; i++) have = have || strcmp(list[i], of[k][j]) == 0;
            if (!have) list[(*n)++] = of[k][j];
        }
    return list;
}

// In microwatts, with what of it rests on guesses.
typedef struct {
    double uw, assumed;
} power;
typedef struct {
    power mean, peak, standing;
    timing_ps window; // of the peak
} powers;

static power over(energy_aj e, energy_aj assumed, timing_ps t, power on) {
    return (power){(double)e / (double)max_i64(1, t) + on.uw,
                   (double)assumed / (double)max_i64(1, t) + on.assumed};
}

static energy_aj assumed_energy(const cost *c) {
    return energy_of(&c->spent.assumed, &c->spent.events);
}

static powers powers_of(const cost *c) {
    const cost_energy *s = &c->spent;
    powers p = {.standing = {.uw = (double)s->on / 1e6}};
    p.standing.assumed = p.standing.uw * inventory_assumed(c->chip, "power", s->parts.all);
    energy_aj assumed, peak = meter_peak(s->meter, &p.window, &assumed);
    p.peak = over(peak, assumed, p.window, p.standing);
    p.mean = over(s->total, assumed_energy(c), timing_end(c->sequence), p.standing);
    return p;
}

static double power_assumed(power p) { return p.uw > 0 ? p.assumed / p.uw : 0; }

// "11.81 W of it all the time (7 % assumed)"
static const char *assumed_power_text(const cost *c, power p, const char *what) {
    return arena_printf(c->a, "%s %s (%.0f %% assumed)", power_text(c->a, p.uw), what,
                        100 * power_assumed(p));
}

static void print_power(const cost *c) {
    const cost_energy *s = &c->spent;
    const powers p = powers_of(c);
    const bool no_static = no_part(c, "power", s->on == 0);
    if (no_static && (s->total == 0 || timing_end(c->sequence) == 0)) { // energy in no time is none
        printf("power            not stated by the chip\n");
        return;
    }
    printf(
        "power            %s, at most %s; %s", assumed_power_text(c, p.mean, "on average"),
        assumed_power_text(c, p.peak, arena_printf(c->a, "for %s", cost_time_text(c->a, p.window))),
        no_static ? "what is drawn all the time is not stated\n" : "");
    if (no_static) return;
    printf("%s: %s a token beside\n", assumed_power_text(c, p.standing, "of it all the time"),
           energy_text(c->a, a_token(c, s->standing->total)));
}

void cost_print_energy(const cost *c) {
    const cost_energy *s = &c->spent;
    if (cost_states_energy(c)) {
        printf("\nenergy           %s a token, %.0f %% of it from assumed numbers; by component\n",
               energy_text(c->a, a_token(c, s->total)), percent(assumed_energy(c), s->total));
        print_components(c);
    } else {
        printf("\nenergy           not stated by the chip\n");
    }
    print_power(c);
    print_area(c);
    print_weights(c);
    if (!c->by_given) return;
    printf("\nenergy a token by %s: of both, of what happens, of what is drawn all the time\n",
           energy_by_names[c->by]);
    print_shares(c, c->by, (size_t)c->top);
}

// --- all of it

static json_t *aj(const cost *c, energy_aj e) { return json_string(energy_exact(c->a, e)); }

static json_t *shares_json(const cost *c, energy_by by) {
    size_t n;
    const energy_share *list = shares_of(c, by, &n);
    json_t *all = json_array();
    for (size_t k = 0; k < n; k++) {
        json_t *s = json_make("{s:o, s:o, s:o}", "name", json_name(list[k].name), "attojoules",
                              aj(c, list[k].aj), "static_attojoules", aj(c, list[k].standing));
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

static json_t *parts_json(const cost *c) {
    const inventory *i = &c->spent.parts;
    json_t *list = json_array();
    for (unsigned k = 0; k < COMPONENTS; k++) {
        if (i->all[k] == 0) continue;
        double uw = (double)power_of(c->chip, (component)k, i->all[k]) / 1e6;
        json_add(list, json_make("{s:s, s:s, s:o, s:o, s:o, s:o}", "component", component_names[k],
                                 "per", component_pers[k], "count", json_count(i->all[k]), "used",
                                 json_count(i->used[k]), "mm2",
                                 json_real(area_mm2(area_of(c->chip, (component)k, i->all[k]))),
                                 "static_uw", json_real(uw)));
    }
    return list;
}

static json_t *tiles_json(const cost *c) {
    json_t *list = json_array();
    for (uint32_t t = 0; t < c->p->n_tiles; t++) {
        inventory i = inventory_of_tile(c->p, c->chip, t);
        json_add(list,
                 json_make("{s:o, s:o}", "mm2", json_real(area_mm2(area_of_all(c->chip, i.all))),
                           "used_mm2", json_real(area_mm2(area_of_all(c->chip, i.used)))));
    }
    return list;
}

static json_t *weights_json(const cost *c) {
    const programming *w = &c->spent.weights;
    const bool stated = programming_states_time(c->chip, w);
    return json_make("{s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:o}", "cells", json_count(w->cells),
                     "bytes", json_count(w->bytes), "pulses",
                     stated ? json_real(w->pulses) : json_null(), "time_ns",
                     stated ? json_real(w->time_ns) : json_null(), "attojoules", aj(c, w->aj),
                     "pulses_assumed", w->pulses_assumed, "time_assumed", w->time_assumed,
                     "assumed_share", json_real(percent(w->assumed, w->aj) / 100));
}

json_t *cost_energy_json(const cost *c) {
    const cost_energy *s = &c->spent;
    const powers p = powers_of(c);
    json_t *by = json_object();
    for (unsigned k = 0; k < ENERGY_BYS; k++)
        json_put(by, energy_by_names[k], shares_json(c, (energy_by)k));
    json_t *j = json_make(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "attojoules",
        cost_states_energy(c) ? aj(c, s->total) : json_null(), "attojoules_a_token",
        cost_states_energy(c) ? aj(c, a_token(c, s->total)) : json_null(), "assumed_share",
        json_real(percent(assumed_energy(c), s->total) / 100), "mean_uw",
        json_real(p.mean.uw - p.standing.uw), "peak_uw", json_real(p.peak.uw - p.standing.uw),
        "peak_window_ns", json_real((double)p.window / 1000), "terms", terms_json(c), "by", by);
    json_put(j, "static_uw", json_real(p.standing.uw));
    json_put(j, "static_attojoules", aj(c, s->standing->total));
    json_put(j, "power_assumed_shares",
             json_make("{s:o, s:o, s:o}", "mean", json_real(power_assumed(p.mean)), "peak",
                       json_real(power_assumed(p.peak)), "static",
                       json_real(power_assumed(p.standing))));
    json_put(j, "mm2_assumed_share", json_real(inventory_assumed(c->chip, "area", s->parts.all)));
    const area_nm2 area = area_of_all(c->chip, s->parts.all);
    json_put(j, "mm2", cost_states_area(c) ? json_real(area_mm2(area)) : json_null());
    json_put(j, "used_mm2", json_real(area_mm2(area_of_all(c->chip, s->parts.used))));
    json_put(j, "parts", parts_json(c));
    json_put(j, "tiles", tiles_json(c));
    json_put(j, "weights", weights_json(c));
    return j;
}
