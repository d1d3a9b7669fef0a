// What a run has come to: of units and of instructions.
#include "timing/engine.h"

const char *const timing_unit_names[TIMING_UNITS] = {
#define UNIT(name, shared, summary) #name,
#include "timing/units.def"
};

size_t timing_units(const timing *e) { return e->plan.units.count; }

timing_unit timing_unit_at(const timing *e, size_t i) {
    const plan_unit *u = &e->plan.units.items[i];
    return (timing_unit){u->kind, u->tile, u->index, u->count, u->busy.n_users, u->busy.total};
}

size_t timing_unit_of_crossbar(const timing *e, uint32_t tile, uint32_t crossbar) {
    size_t lo = 0, hi = e->plan.crossbars.count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const plan_crossbar *c = &e->plan.crossbars.items[mid];
        if (c->tile == tile && c->crossbar == crossbar) return c->unit;
        if (c->tile < tile || (c->tile == tile && c->crossbar < crossbar))
            lo = mid + 1;
        else
            hi = mid;
    }
    return SIZE_MAX;
}

const char *timing_unit_text(arena *a, const timing *e, size_t i) {
    static const char *const ways[] = {"east", "west", "south", "north"};
    const plan_unit *u = &e->plan.units.items[i];
    switch (u->kind) {
    case TIMING_UNIT_crossbar:
        if (u->index == TIMING_POOL) return arena_printf(a, "pool of tile %u", u->tile);
        if (u->count > 1)
            return arena_printf(a, "crossbar %u (and %u more) of tile %u", u->index, u->count - 1,
                                u->tile);
        return arena_printf(a, "crossbar %u of tile %u", u->index, u->tile);
    case TIMING_UNIT_ring: {
        uint32_t banks = e->plan.p->banks;
        const char *bank = banks > 1 ? arena_printf(a, " (bank %u)", u->index % banks) : "";
        return arena_printf(a, "ring %u%s of tile %u", u->index / banks, bank, u->tile);
    }
    case TIMING_UNIT_digital:
        return arena_printf(a, "digital unit %u of tile %u", u->index, u->tile);
    case TIMING_UNIT_memory:
        return arena_printf(a, "dense memory %u of tile %u", u->index, u->tile);
    case TIMING_UNIT_port: return arena_printf(a, "scratchpad port of tile %u", u->tile);
    case TIMING_UNIT_link: return arena_printf(a, "link %s of tile %u", ways[u->index], u->tile);
    case TIMING_UNIT_receive: return arena_printf(a, "receive side of tile %u", u->tile);
    case TIMING_UNIT_host_in: return arena_printf(a, "host port (in) of tile %u", u->tile);
    case TIMING_UNIT_host_out: return arena_printf(a, "host port (out) of tile %u", u->tile);
    case TIMING_UNITS: break;
    }
    return "";
}

size_t timing_insns(const timing *e, uint32_t phase) { return e->plan.phase[phase].d->n; }

timing_insn timing_insn_at(const timing *e, uint32_t phase, size_t place) {
    const plan_insn *x = &e->plan.phase[phase].insns[place];
    timing_insn i = {.tile = x->tile, .pc = x->pc, .rows = x->n_rows, .busy = x->used};
    timing_ps sum = x->used;
    for (int c = 0; c < TIMING_CAUSES; c++) {
        i.stalled[c] = x->stalled[c];
        sum += x->stalled[c];
    }
    i.idle = e->end - sum;
    return i;
}
