#include "cost/meter.h"
#include "isa/operand.h"
#include <stdlib.h>

enum { WINDOWS = 4096, FIRST_WINDOW = 10000 };

typedef struct {
    energy_aj all, assumed;
} amount;

// Of a row; all below 0: not the same for all rows.
typedef struct {
    int64_t all, assumed;
} row_amount;

struct meter {
    const isa_program *p;
    const counter *c;
    const energy_prices *prices, *assumed;
    row_amount **row[ISA_MAX_PHASES]; // [tile][pc]
    timing_ps window;
    amount spent[WINDOWS];
    arena *a;
};

static amount amount_of(const meter *m, const isa_events *e) {
    return (amount){energy_of(m->prices, e), energy_of(m->assumed, e)};
}

meter *meter_new(const isa_program *p, const counter *c, const energy_prices *prices,
                 const energy_prices *assumed) {
    arena *a = arena_new();
    meter *m = ARENA_NEW(a, meter);
    m->p = p, m->c = c, m->prices = prices, m->assumed = assumed, m->a = a;
    m->window = FIRST_WINDOW;
    for (uint32_t ph = 0; ph < p->n_phases; ph++) {
        m->row[ph] = ARENA_ARRAY(a, row_amount *, p->n_tiles + 1);
        for (uint32_t t = 0; t < p->n_tiles; t++) {
            uint32_t n = p->tiles[t].phase[ph].count;
            m->row[ph][t] = ARENA_ARRAY(a, row_amount, n + 1);
            for (uint32_t pc = 0; pc < n; pc++) {
                amount one = {-1, 0};
                if (!counter_varies(&p->tiles[t], &p->tiles[t].phase[ph].code[pc])) {
                    isa_events e = counter_row(c, ph, t, pc, 0);
                    one = amount_of(m, &e);
                }
                m->row[ph][t][pc] = one.all < INT64_MAX
                                        ? (row_amount){(int64_t)one.all, (int64_t)one.assumed}
                                        : (row_amount){-1, 0};
            }
        }
    }
    return m;
}

void meter_free(meter *m) {
    if (m) arena_free(m->a);
}

static amount row_of(const meter *m, uint32_t phase, uint32_t tile, uint32_t pc, int64_t r) {
    row_amount one = m->row[phase][tile][pc];
    if (one.all >= 0) return (amount){one.all, one.assumed};
    isa_events e = counter_row(m->c, phase, tile, pc, r);
    return amount_of(m, &e);
}

energy_aj meter_row(const meter *m, uint32_t phase, uint32_t tile, uint32_t pc, int64_t r) {
    return row_of(m, phase, tile, pc, r).all;
}

static amount sum(amount a, amount b) { return (amount){a.all + b.all, a.assumed + b.assumed}; }

static void double_windows(meter *m) {
    m->window *= 2;
    for (size_t k = 0; k < WINDOWS / 2; k++)
        m->spent[k] = sum(m->spent[2 * k], m->spent[2 * k + 1]);
    for (size_t k = WINDOWS / 2; k < WINDOWS; k++) m->spent[k] = (amount){0};
}

void meter_note(void *noted, const timing_event *e) {
    meter *m = noted;
    amount left = row_of(m, e->phase, e->tile, e->pc, e->row);
    if (left.all == 0) return;
    timing_ps at = e->start, end = max_i64(e->result, e->start + 1);
    while ((end - 1) / m->window >= WINDOWS) double_windows(m);
    while (at < end) {
        timing_ps next = min_i64(end, (at / m->window + 1) * m->window);
        amount part = left;
        if (next < end) {
            part.all = left.all * (next - at) / (end - at);
            part.assumed = left.assumed * (next - at) / (end - at);
        }
        m->spent[at / m->window] = sum(m->spent[at / m->window], part);
        left = (amount){left.all - part.all, left.assumed - part.assumed};
        at = next;
    }
}

size_t meter_windows(const meter *m, timing_ps *window) {
    size_t n = WINDOWS;
    while (n > 0 && m->spent[n - 1].all == 0) n--;
    *window = m->window;
    return n;
}

energy_aj meter_window(const meter *m, size_t k) { return m->spent[k].all; }

energy_aj meter_peak(const meter *m, timing_ps *window, energy_aj *assumed) {
    amount most = {0};
    for (size_t k = 0; k < WINDOWS; k++)
        if (m->spent[k].all > most.all) most = m->spent[k];
    *window = m->window;
    *assumed = most.assumed;
    return most.all;
}
