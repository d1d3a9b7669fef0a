// From a program and a chip to a plan: what every instruction costs.
#include "timing/plan.h"
#include <stdlib.h>

static bool make_phase(plan *x, uint32_t phase) {
    const isa_program *p = x->p;
    plan_phase *ph = &x->phase[phase];
    uint64_t total = 0;
    for (uint32_t t = 0; t < p->n_tiles; t++) total += p->tiles[t].phase[phase].count;
    isa_step *order = base_alloc((total + 1) * sizeof *order);
    uint32_t n;
    CHECK(isa_order(p, phase, 0, order, &n, NULL), "phase %u of a verified program", phase);
    ph->d = isa_depend_new(p, phase, order, n);
    free(order);
    isa_lags lags = isa_lags_new(ph->d, (uint32_t)x->m->tile.active_set, x->a);
    ph->insns = ARENA_ARRAY(x->a, plan_insn, n + 1);
    ph->by_lag = ARENA_ARRAY(x->a, uint32_t, n + 1);
    ph->active = ARENA_ARRAY(x->a, uint32_t, n + 1);
    for (uint32_t k = 0; k < n; k++) {
        const isa_node *node = &ph->d->nodes[k];
        const isa_insn *i = isa_depend_insn(ph->d, k);
        ph->insns[k] = (plan_insn){.place = k,
                                   .tile = node->tile,
                                   .pc = node->pc,
                                   .op = i->op,
                                   .dom = i->dom,
                                   .lag = lags.lag[k],
                                   .step = (uint32_t)ph->d->dom[i->dom].step,
                                   .varies = (uint8_t)cost_varies_of(p, node->tile, i),
                                   .places = PLAN_NOTHING,
                                   .send = PLAN_NOTHING,
                                   .queue = PLAN_NOTHING};
    }
    for (uint32_t k = 0; k < n; k++)
        for (int j = 0; j < KEPT; j++) ph->insns[k].kept[j].at = PLAN_NOTHING;
    return plan_waits_of(x, ph, &lags);
}

static void note(plan *x, timing_ps t) { x->longest = max_i64(x->longest, t); }

void plan_price(plan *x, plan_phase *ph, plan_insn *i, const cost_row *row) {
    row_cost c = cost_of(&x->cost, ph->d, i->place, row);
    i->latency = c.latency;
    i->hold = c.hold;
    i->holds = c.held && c.hold > 0;
    note(x, c.latency);
    for (uint32_t k = i->first_demand; k < i->end_demand; k++) {
        plan_demand *d = &ph->demands.items[k];
        timing_ps time = 0;
        switch (d->kind) {
        case TIMING_UNIT_digital: time = c.digital; break;
        case TIMING_UNIT_memory: time = c.memory; break;
        case TIMING_UNIT_receive: time = c.receive; break;
        case TIMING_UNIT_port: time = c.port; break;
        default: time = c.host; break;
        }
        d->time = time;
        d->offset = d->kind == TIMING_UNIT_digital ? c.digital_at : 0;
        bool port = d->kind == TIMING_UNIT_port;
        d->behind = port ? 0 : c.latency - d->offset - time;
        d->until_free = port ? 0 : c.hold - d->offset - time;
        note(x, time);
    }
    if (i->send != PLAN_NOTHING) ph->sends.items[i->send].link = c.link;
}

// As the budget of a program's state counts them (isa/verify/capacity.c).
static budget budget_of_code(const isa_program *p) {
    uint64_t bytes = 0;
    for (uint32_t t = 0; t < p->n_tiles; t++)
        for (uint32_t k = 0; k < p->n_phases; k++)
            bytes += sizeof(isa_insn) * (uint64_t)p->tiles[t].phase[k].count;
    return budget_of("program", bytes);
}

bool plan_make(plan *x, const isa_program *p, const machine *m, uint32_t unlimited) {
    *x = (plan){.p = p, .m = m, .a = arena_new(), .unlimited = unlimited};
    x->budget = budget_of_code(p);
    x->mesh = mesh_of(m, p->n_tiles);
    x->cost = cost_model_new(p, m, x->a);
    x->queues = ARENA_ARRAY(x->a, uint32_t, p->n_dests + 1);
    for (uint32_t c = 0; c < p->n_channels; c++)
        for (uint32_t k = 0; k < p->channels[c].n_dests; k++) {
            x->queues[p->channels[c].first_dest + k] = (uint32_t)x->places.count;
            vec_push(&x->places, ((places){.first = (uint32_t)x->slots.count,
                                           .depth = p->channels[c].depth,
                                           .writer = PLAN_NOTHING,
                                           .dom = p->channels[c].dom}));
            for (uint32_t r = 0; r < p->channels[c].depth; r++)
                vec_push(&x->slots, ((slot){.by = PLAN_NOTHING}));
        }
    for (uint32_t ph = 0; ph < p->n_phases; ph++)
        if (!make_phase(x, ph)) return false;
    plan_units_of(x);
    x->ring_ends = ARENA_ARRAY(x->a, timing_ps, (size_t)x->n_ring_ends * p->banks + 1);
    return true;
}

void plan_free(plan *x) {
    for (uint32_t k = 0; k < x->p->n_phases; k++) {
        plan_phase *ph = &x->phase[k];
        isa_depend_free(ph->d);
        vec_free(&ph->waits);
        vec_free(&ph->releases);
        vec_free(&ph->demands);
        vec_free(&ph->held);
        vec_free(&ph->sends);
        vec_free(&ph->links);
        vec_free(&ph->dests);
        vec_free(&ph->ring_waits);
    }
    for (size_t k = 0; k < x->units.count; k++) free(x->units.items[k].busy.spans);
    vec_free(&x->units);
    vec_free(&x->crossbars);
    vec_free(&x->places);
    vec_free(&x->slots);
    vec_free(&x->known);
    arena_free(x->a);
}
