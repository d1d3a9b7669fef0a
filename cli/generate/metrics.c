// What every token cost and how full the rings were: a table, a row a token. Columns are the rows
// of metrics.def.
#include "cli/generate/generate.h"
#include "cost/energy.h"
#include "isa/count/arrays.h"
#include "support/num/num.h"
#include <math.h>

// Rings that the stream writes: of cross attention, only the encoder writes.
static void look_at_rings(const generation *g, token_metrics *m) {
    const sim *s = engine_sim(g->engine);
    const isa_program *p = g->program.program;
    m->oldest_decay = 1;
    for (uint32_t t = 0; t < p->n_tiles; t++)
        for (uint32_t r = 0; r < p->tiles[t].n_rings; r++) {
            const isa_ring *d = &p->tiles[t].rings[r];
            if (d->mode != ISA_RING_CAUSAL) continue;
            sim_ring_fill f = sim_ring_look(s, t, r, 0);
            m->held += f.held;
            m->slots += f.slots;
            if (f.oldest < 0) continue;
            if (d->kind == ISA_RING_GAIN && d->sub_tile) { // rings of a token come one by one
                const machine *chip = g->program.chip;
                isa_gain_arrays n = isa_gain_arrays_of(chip, d, f.sub_tiles, true);
                m->ns += machine_gain_query_ns(chip, n.sub_tiles) * d->q_per_kv;
            }
            double left = num_exp_f64(-(double)d->decay * (double)(f.newest - f.oldest));
            if (left < m->oldest_decay) m->oldest_decay = left;
        }
}

// Of what the simulator has counted, the gain cells' part.
static double energy_of_attention(const machine *chip, const sim_stats *s) {
    static const component parts[] = {COMPONENT_gain_k, COMPONENT_gain_v, COMPONENT_gain_digital,
                                      COMPONENT_gain_dac, COMPONENT_gain_adc};
    isa_events e = {
#define EVENT(name, unit, summary) .name = s->name,
#include "isa/count/events.def"
    };
    energy_prices prices = energy_prices_of(chip);
    energy_aj sum = 0;
    for (size_t k = 0; k < ARRAY_LEN(parts); k++) sum += energy_of_component(&prices, &e, parts[k]);
    return energy_pj(sum);
}

void generate_measure(generation *g) {
    if (!args_flag(g->given, "metrics") && !args_string(g->given, "metrics-file", NULL)) return;
    sim_stats totals = sim_totals(engine_sim(g->engine));
    token_metrics m = {.id = g->next, .pos = g->model.pos - 1};
#define STAT(name, unit, summary) m.stats.name = totals.name - g->counted.name;
#include "runtime-sim/stats.def"
    g->counted = totals;
    m.pj = energy_of_attention(g->program.chip, &m.stats);
    look_at_rings(g, &m);
    if (m.pj == 0) m.pj = NAN; // of no gain cells, or of cells whose figures no file states
    if (m.ns == 0) m.ns = NAN;
    vec_push(&g->metrics, m);
}

// What is not stated is no number.
static void print_figure(double v, int digits, FILE *out) {
    if (isnan(v))
        fputc('-', out);
    else
        fprintf(out, "%.*g", digits, v);
}

static double ratio(double part, double of) { return of > 0 ? part / of : 0; }

void generate_metrics_print(const generation *g, FILE *out) {
    const char *tab = "";
#define METRIC(name, unit, digits, value, summary) \
    fprintf(out, "%s%s", tab, #name);              \
    tab = "\t";
#include "cli/generate/metrics.def"
    fputc('\n', out);
    for (size_t i = 0; i < g->metrics.count; i++) {
        const token_metrics *m = &g->metrics.items[i];
        tab = "";
#define METRIC(name, unit, digits, value, summary) \
    fputs(tab, out);                               \
    print_figure((double)(value), digits, out);    \
    tab = "\t";
#include "cli/generate/metrics.def"
        fputc('\n', out);
    }
}

json_t *generate_metrics_json(const generation *g) {
    json_t *list = json_array();
    for (size_t i = 0; i < g->metrics.count; i++) {
        const token_metrics *m = &g->metrics.items[i];
        json_t *row = json_object();
#define METRIC(name, unit, digits, value, summary) \
    json_put(row, #name, isnan((double)(value)) ? json_null() : json_figure((double)(value)));
#include "cli/generate/metrics.def"
        json_add(list, row);
    }
    return list;
}
