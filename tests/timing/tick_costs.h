// Events of the machine of ticks.h, and what a row of each costs: its own reckoning, in whole
// nanoseconds, for the instructions that random programs are made of.
#ifndef OHMIC_TESTS_TIMING_TICK_COSTS_H
#define OHMIC_TESTS_TIMING_TICK_COSTS_H
#include "isa/depend/lag.h"
#include "isa/machine/machine.h"
#include "isa/operand.h"
#include "support/vec.h"

enum { NEVER = INT32_MAX, MOST_DEMANDS = 16 };

typedef struct {
    int32_t unit, offset, time; // unit: a number of its own (unit_number)
    int32_t after;              // the link before it on the way; -1
    // now
    int32_t from, left, end;
} tick_demand;

typedef struct {
    uint32_t event;
    bool freed; // or the result
} tick_wait;

typedef struct {
    uint32_t step, place;
    int64_t row, age;
    int32_t latency, hold, holds; // unit that it holds; -1
    tick_demand demands[MOST_DEMANDS];
    uint32_t n_demands;
    VEC(tick_wait) waits;
    uint32_t before; // the row before; UINT32_MAX
    int32_t start, result, freed, arrival[3], unserved;
} tick_event;

typedef struct {
    int64_t rows[ISA_DOMAINS], position;
    int32_t at;
    uint32_t bank;
} tick_step;

typedef struct {
    const isa_program *p;
    const machine *m;
    const isa_depend *d;
    const isa_lags *lags;
    isa_waits lists;
    VEC(tick_event) events;
    tick_step *steps;
    uint32_t n_steps;
    uint32_t *first;           // [step * n + place]
    int32_t *busy;             // [unit]
    int32_t *entered;          // [step * n + place]
    int32_t *frontier, *floor; // [tile]
    uint32_t *instances;       // [tile] entered
} ticks;

// --- units have numbers

enum { U_DIGITAL, U_MEMORY, U_PORT, U_RECEIVE, U_IN, U_OUT, U_LINK, U_HELD = U_LINK + 4, U_KINDS };
static inline int32_t unit_number(uint32_t tile, int kind, int32_t index) {
    return (int32_t)(tile * U_KINDS + (uint32_t)kind) * 64 + index;
}

// --- costs

static inline int32_t ceil_ns(int64_t a, int64_t b) { return b ? (int32_t)((a + b - 1) / b) : 0; }

static inline void ask(tick_event *e, int32_t unit, int32_t offset, int32_t time) {
    if (time == 0) return;
    e->demands[e->n_demands++] =
        (tick_demand){.unit = unit, .offset = offset, .time = time, .after = -1};
}

static inline int32_t tick_rows(const ticks *x, const tick_event *e, uint16_t buffer) {
    uint32_t tile = x->d->nodes[e->place].tile;
    return (int32_t)x->steps[e->step].rows[x->p->tiles[tile].buffers[buffer].dom];
}

static inline int64_t tick_position(const ticks *x, const tick_event *e, uint8_t dom) {
    const tick_step *s = &x->steps[e->step]; // of random programs: all, one, longer, half
    return dom == 0 || dom == 2 ? s->position
           : dom == 1           ? 0
           : s->position        ? (s->position + 1) / 2
                                : 0;
}

typedef struct {
    int32_t passes, extra;
} tick_function;

static inline void use_digital(const ticks *x, tick_event *e, int32_t offset, tick_function f,
                               int64_t elements) {
    const machine *m = x->m;
    int32_t time = f.passes * ceil_ns(elements, m->digital.lanes);
    uint32_t tile = x->d->nodes[e->place].tile;
    int64_t position = tick_position(x, e, isa_depend_insn(x->d, e->place)->dom) + e->row;
    if (m->digital.units)
        ask(e, unit_number(tile, U_DIGITAL, (int32_t)(position % m->digital.units)), offset, time);
    e->hold = offset + time;
    e->latency = e->hold + f.extra;
}

static inline void use_memory(const ticks *x, tick_event *e, int64_t bytes) {
    int32_t time = ceil_ns(bytes, x->m->memory.width);
    int64_t position = tick_position(x, e, isa_depend_insn(x->d, e->place)->dom) + e->row;
    if (x->m->memory.units)
        ask(e,
            unit_number(x->d->nodes[e->place].tile, U_MEMORY,
                        (int32_t)(position % x->m->memory.units)),
            0, time);
    e->hold = (int32_t)max_i64(e->hold, time);
    e->latency = (int32_t)max_i64(e->latency, max_i64(time, (int64_t)x->m->time.memory));
}

static inline void hold_unit(const ticks *x, tick_event *e, int32_t index, int32_t time) {
    e->hold = time;
    if (time) e->holds = unit_number(x->d->nodes[e->place].tile, U_HELD, index);
}

static inline tick_function digital_of(const machine *m, const isa_insn *i) {
    if (i->op == ISA_red || i->op == ISA_rred)
        return (tick_function){(int32_t)m->passes.reduce, (int32_t)m->extra.reduce};
    return (tick_function){(int32_t)m->passes.add, (int32_t)m->extra.add}; // neg, add
}

static inline void price_gain_ring(const ticks *x, tick_event *e, const isa_insn *i,
                                   const isa_ring *r) {
    const machine *m = x->m;
    int64_t seen = tick_rows(x, e, i->a), position = x->steps[e->step].position;
    if (r->mode == ISA_RING_CAUSAL) seen = position + e->row + 1;
    if (seen > r->slots) seen = r->slots;
    if (r->kind == ISA_RING_STORED) { // one key and one value column
        if (i->op == ISA_kvw) {
            use_memory(x, e, 8);
            return;
        }
        int32_t softmax = (int32_t)m->passes.softmax * ceil_ns(seen, m->digital.lanes);
        use_digital(x, e, 0, digital_of(m, i), 2 * seen);
        for (uint32_t k = 0; k < e->n_demands; k++) e->demands[k].time += softmax;
        if (e->n_demands == 0 && m->digital.units)
            ask(e,
                unit_number(x->d->nodes[e->place].tile, U_DIGITAL,
                            (int32_t)((position + e->row) % m->digital.units)),
                0, softmax);
        e->hold += softmax;
        e->latency += softmax + (int32_t)m->extra.softmax;
        use_memory(x, e, 8 * seen + (i->op == ISA_attn ? 8 : 0));
        return;
    }
    int32_t scores = (int32_t)m->time.gain_score,
            mixes = (int32_t)(m->time.gain_reset + m->time.gain_mix);
    if (i->op == ISA_kvw) {
        hold_unit(x, e, 32 + i->x, (int32_t)m->time.gain_write);
        e->latency = e->hold;
        return;
    }
    use_digital(x, e, scores,
                (tick_function){(int32_t)m->passes.softmax, (int32_t)m->extra.softmax}, seen);
    e->latency += mixes;
    hold_unit(x, e, 32 + i->x, e->latency);
}

// The way along the row of the mesh, then along its column; links by the tile they leave.
static inline void use_links(const ticks *x, tick_event *e, const isa_channel *c) {
    int columns = (int)x->m->router.columns, side = 1;
    while (columns == 0 && side * side < (int)x->p->n_tiles) side++;
    if (columns == 0) columns = side;
    if (columns > (int)x->p->n_tiles) columns = (int)x->p->n_tiles;
    int32_t time = ceil_ns(4 * (int64_t)c->width, x->m->router.width);
    for (uint32_t k = 0; k < c->n_dests; k++) {
        int at = (int)c->source, to = (int)x->p->dests[c->first_dest + k];
        int32_t before = -1;
        int tx = to % columns, ty = to / columns;
        if (ty % 2) tx = columns - 1 - tx;
        while (at != to) {
            int ax = at % columns, ay = at / columns, way;
            if (ay % 2) ax = columns - 1 - ax;
            uint32_t leaves = (uint32_t)at;
            if (ax != tx)
                way = ax < tx ? 0 : 1, ax += ax < tx ? 1 : -1;
            else
                way = ay < ty ? 2 : 3, ay += ay < ty ? 1 : -1;
            at = ay * columns + (ay % 2 ? columns - 1 - ax : ax);
            int32_t unit = unit_number(leaves, U_LINK + way, 0), known = -1;
            for (uint32_t d = 0; d < e->n_demands; d++)
                if (e->demands[d].unit == unit) known = (int32_t)d;
            if (known < 0) {
                known = (int32_t)e->n_demands;
                ask(e, unit, 0, time);
                e->demands[known].after = before;
            }
            before = known;
        }
    }
    e->hold = time;
}

static inline void price(const ticks *x, tick_event *e) {
    const isa_insn *i = isa_depend_insn(x->d, e->place);
    const machine *m = x->m;
    uint32_t tile = x->d->nodes[e->place].tile;
    const isa_tile *t = &x->p->tiles[tile];
    int64_t bytes = 0;
    e->holds = -1;
    switch ((isa_opcode)i->op) {
    case ISA_halt:
    case ISA_settl: return;
    case ISA_in:
        e->hold = ceil_ns(4, m->host.width);
        ask(e, unit_number(tile, U_IN, 0), 0, e->hold);
        e->latency = (int32_t)max_i64(e->hold, (int64_t)m->time.in);
        break;
    case ISA_rred:
        use_digital(x, e, 0, digital_of(m, i),
                    (int64_t)t->buffers[i->a].width * tick_rows(x, e, i->a));
        break;
    case ISA_prefix:
    case ISA_suffix: use_memory(x, e, 4 * t->tables[i->x].width); break;
    case ISA_rows:
    case ISA_pick:
    case ISA_skip: e->hold = e->latency = (int32_t)m->time.cycle; break;
    case ISA_mvm:
        hold_unit(x, e, (int32_t)t->blocks[i->x].crossbar, (int32_t)m->time.settle);
        e->latency = (int32_t)(2 * m->time.settle + m->time.combine);
        break;
    case ISA_attn:
    case ISA_kvw:
    case ISA_query: price_gain_ring(x, e, i, &t->rings[i->x]); break;
    case ISA_send: use_links(x, e, &x->p->channels[i->x]); break;
    case ISA_recv:
    case ISA_recvadd:
        e->hold = ceil_ns(4 * (int64_t)x->p->channels[i->x].width, m->router.receive);
        ask(e, unit_number(tile, U_RECEIVE, 0), 0, e->hold);
        e->latency = (int32_t)max_i64(e->hold, (int64_t)m->time.receive);
        if (i->op == ISA_recvadd)
            use_digital(x, e, e->latency, digital_of(m, i), x->p->channels[i->x].width);
        break;
    default: use_digital(x, e, 0, digital_of(m, i), t->buffers[i->a].width);
    }
    for (uint32_t k = x->d->nodes[e->place].first_use; k < x->d->nodes[e->place + 1].first_use;
         k++) {
        const isa_use *u = &x->d->uses[k];
        if (u->kind > ISA_WRITES) continue;
        int64_t rows = 1;
        if (u->kind == ISA_READS && i->op == ISA_rred) rows = tick_rows(x, e, u->buffer);
        if (u->kind == ISA_READS && i->op == ISA_rows)
            rows = i->mode == ISA_MODE_rows_index ? i->n : (int64_t)(i->imm & 0xFF);
        bytes += 4 * rows * t->buffers[u->buffer].width;
    }
    ask(e, unit_number(tile, U_PORT, 0), 0, ceil_ns(bytes, m->tile.port));
    if (e->latency < e->hold) e->latency = e->hold;
}
#endif
