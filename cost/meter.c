#include "cost/meter.h"
#include "isa/operand.h"
#include <stdlib.h>

enum { WINDOWS = 4096, FIRST_WINDOW = 10000 };

struct meter {
    const isa_program *p;
    const counter *c;
    const energy_prices *prices;
    int64_t **row[ISA_MAX_PHASES]; // [tile][pc] of a row; below 0: not the same for all
    timing_ps window;
    energy_aj spent[WINDOWS];
    arena *a;
};

meter *meter_new(const isa_program *p, const counter *c, const energy_prices *prices) {
    arena *a = arena_new();
    meter *m = ARENA_NEW(a, meter);
    m->p = p, m->c = c, m->prices = prices, m->a = a;
    m->window = FIRST_WINDOW;
    for (uint32_t ph = 0; ph < p->n_phases; ph++) {
        m->row[ph] = ARENA_ARRAY(a, int64_t *, p->n_tiles + 1);
        for (uint32_t t = 0; t < p->n_tiles; t++) {
            uint32_t n = p->tiles[t].phase[ph].count;
            m->row[ph][t] = ARENA_ARRAY(a, int64_t, n + 1);
            for (uint32_t pc = 0; pc < n; pc++) {
                energy_aj one = -1;
                if (!counter_varies(&p->tiles[t].phase[ph].code[pc])) {
                    isa_events e = counter_row(c, ph, t, pc, 0);
                    one = energy_of(prices, &e);
                }
                m->row[ph][t][pc] = one < INT64_MAX ? (int64_t)one : -1;
            }
        }
    }
    return m;
}

void meter_free(meter *m) {
    if (m) arena_free(m->a);
}

energy_aj meter_row(const meter *m, uint32_t phase, uint32_t tile, uint32_t pc, int64_t r) {
    int64_t one = m->row[phase][tile][pc];
    if (one >= 0) return one;
    isa_events e = counter_row(m->c, phase, tile, pc, r);
    return energy_of(m->prices, &e);
}

static void double_windows(meter *m) {
    m->window *= 2;
    for (size_t k = 0; k < WINDOWS / 2; k++) m->spent[k] = m->spent[2 * k] + m->spent[2 * k + 1];
    for (size_t k = WINDOWS / 2; k < WINDOWS; k++) m->spent[k] = 0;
}

void meter_note(void *noted, const timing_event *e) {
    meter *m = noted;
    energy_aj left = meter_row(m, e->phase, e->tile, e->pc, e->row);
    if (left == 0) return;
    timing_ps at = e->start, end = max_i64(e->result, e->start + 1);
    while ((end - 1) / m->window >= WINDOWS) double_windows(m);
    while (at < end) {
        timing_ps next = min_i64(end, (at / m->window + 1) * m->window);
        energy_aj part = next == end ? left : left * (next - at) / (end - at);
        m->spent[at / m->window] += part;
        left -= part;
        at = next;
    }
}

const energy_aj *meter_windows(const meter *m, size_t *n, timing_ps *window) {
    for (*n = WINDOWS; *n > 0 && m->spent[*n - 1] == 0;) --*n;
    *window = m->window;
    return m->spent;
}

energy_aj meter_peak(const meter *m, timing_ps *window) {
    energy_aj most = 0;
    for (size_t k = 0; k < WINDOWS; k++)
        if (m->spent[k] > most) most = m->spent[k];
    *window = m->window;
    return most;
}
