#include "cli/cost/headline.h"
#include "cli/cost/cost.h"
#include <inttypes.h>

// Row events of the sequence: a fraction of a second, and a small part of what compiling a program
// takes that has so many.
static const uint64_t MOST_EVENTS = 8000000;

static bool is_short(const cost *c) {
    uint64_t insns = 0;
    for (uint32_t t = 0; t < c->p->n_tiles; t++)
        for (uint32_t ph = 0; ph < c->p->n_phases; ph++) insns += c->p->tiles[t].phase[ph].count;
    return insns * (uint64_t)(c->prompt + c->generate) <= MOST_EVENTS;
}

static size_t count_lacking(const cost *c) {
    size_t times, others;
    timing_missing(c->sequence, &times);
    cost_lacking(c, &others);
    return times + others;
}

headline headline_of(const isa_program *p, const machine *chip) {
    headline h = {0};
    cost c = {.a = arena_new(), .p = p, .chip = chip, .diags = diag_sink_new(), .sequences = 1};
    cost_usual_lengths(p, &c.prompt, &c.generate);
    const bool tried = is_short(&c), counted = tried && cost_count_sequence(&c);
    if (tried && !counted && diag_count(c.diags))
        snprintf(h.fault, sizeof h.fault, "%s", diag_get(c.diags, 0)->message);
    if (counted)
        h = (headline){.counted = true,
                       .prompt = c.latency.prompt,
                       .generated = c.latency.generated,
                       .first = c.latency.first,
                       .token = c.latency.last,
                       .a_token = c.spent.total / max_i64(1, c.spent.rows),
                       .mm2 = area_mm2(area_of_all(chip, c.spent.parts.all)),
                       .has_energy = cost_states_energy(&c),
                       .has_area = cost_states_area(&c),
                       .lacking = count_lacking(&c)};
    cost_free(&c);
    diag_sink_free(c.diags);
    arena_free(c.a);
    return h;
}

const char *headline_text(arena *a, const headline *h) {
    if (*h->fault) return arena_printf(a, "cannot be counted: %s", h->fault);
    if (!h->counted) return "`ohmic cost` counts what a long sequence takes";
    if (h->first == 0 && !h->has_energy && !h->has_area) return "not stated by the chip";
    const char *time = "time not stated", *energy = "energy not stated", *area = "area not stated",
               *less = "";
    const char *first = cost_time_text(a, h->first);
    if (h->first && h->token)
        time = arena_printf(a, "%s from token to token (the %" PRId64 " before them %s)",
                            cost_time_text(a, h->token), h->prompt, first);
    else if (h->first)
        time = arena_printf(a, "%s for %" PRId64 " tokens", first, h->prompt);
    if (h->has_energy) energy = arena_printf(a, "%s a token", energy_text(a, h->a_token));
    if (h->has_area) area = arena_printf(a, "%.4g mm2", h->mm2);
    if (h->lacking)
        less = arena_printf(a, "; without %zu figures that the chip does not state", h->lacking);
    return arena_printf(a, "%s; %s; %s%s", time, energy, area, less);
}

json_t *headline_json(const headline *h) {
    if (!h->counted) return json_null();
    arena *a = arena_new();
    json_t *energy = h->has_energy ? json_string(energy_exact(a, h->a_token)) : json_null();
    arena_free(a);
    return json_make(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "prompt", json_count((uint64_t)h->prompt),
        "generated", json_count((uint64_t)h->generated), "first_token_ns",
        h->first ? json_real((double)h->first / 1000) : json_null(), "last_token_ns",
        h->token ? json_real((double)h->token / 1000) : json_null(), "attojoules_a_token", energy,
        "mm2", h->has_area ? json_real(h->mm2) : json_null(), "lacking", json_count(h->lacking));
}
