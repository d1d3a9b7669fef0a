// A machine that lives from nanosecond to nanosecond: what is ready starts, and every shared unit
// serves the oldest row that has started. It knows the rules of docs/timing.md and the lists of
// isa/depend, and nothing of timing/: costs, ways through the mesh, places and queues are its own,
// for the instructions that random programs are made of. Exclusive units have one instruction each
// here, or such as never meet.
#ifndef OHMIC_TESTS_TIMING_TICKS_H
#define OHMIC_TESTS_TIMING_TICKS_H
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

// --- what an event waits for

static inline uint32_t event_of(const ticks *x, uint32_t step, uint32_t place, int64_t row) {
    return x->first[step * x->d->n + place] + (uint32_t)row;
}
static inline int64_t rows_of_place(const ticks *x, uint32_t step, uint32_t place) {
    return isa_depend_rows(x->d, place, x->steps[step].rows);
}
static inline void wait_on(ticks *x, uint32_t e, uint32_t on, bool freed) {
    vec_push(&x->events.items[e].waits, ((tick_wait){on, freed}));
}
static inline void wait_for_all(ticks *x, uint32_t e, uint32_t step, uint32_t place) {
    for (int64_t r = 0; r < rows_of_place(x, step, place); r++)
        wait_on(x, e, event_of(x, step, place, r), false);
}

// The place of a row: that of the row `depth` before, which may be one of a step before.
static inline void wait_for_place(ticks *x, uint32_t e, const isa_wait *w) {
    const isa_use *on = &x->d->uses[w->on], *use = &x->d->uses[w->use];
    const isa_buffer *b = &x->p->tiles[x->d->nodes[use->insn].tile].buffers[use->buffer];
    int64_t row = x->events.items[e].row - b->depth;
    uint32_t step = x->events.items[e].step;
    while (row < 0 && step > 0) row += x->steps[--step].rows[use->dom];
    if (row < 0) return;
    int64_t until = isa_reach_until(&on->reach, row, rows_of_place(x, step, on->insn));
    if (until >= 0) wait_on(x, e, event_of(x, step, on->insn, until), on->kind == ISA_READS);
}

// Rows of a channel in order, over all its uses and steps: `depth` before this one.
static inline void wait_for_queue(ticks *x, uint32_t e, const isa_wait *w) {
    uint32_t transfer = w->use, step = x->events.items[e].step;
    const isa_channel *c = &x->p->channels[x->d->transfers[transfer].channel];
    int64_t row = x->events.items[e].row - c->depth;
    while (row < 0) {
        uint32_t before = x->d->transfers[transfer].before;
        if (before & ISA_BEFORE) {
            if (step == 0) return;
            step--;
        }
        transfer = isa_index(before);
        row += x->steps[step].rows[c->dom];
    }
    uint32_t recv = x->d->recvs[x->d->transfers[transfer].first_recv + w->on];
    wait_on(x, e, event_of(x, step, recv, row), true);
}

static inline void wait_for_end(ticks *x, uint32_t e, const isa_wait *w) {
    const tick_event *v = &x->events.items[e];
    const isa_insn *i = isa_depend_insn(x->d, v->place);
    bool channel = i->op == ISA_send || i->op == ISA_recv || i->op == ISA_recvadd;
    if (!w->before) {
        wait_for_all(x, e, v->step, w->on);
    } else if (!(channel && w->on == v->place)) {
        bool ring = !channel && x->d->uses[w->use].kind > ISA_WRITES;
        for (uint32_t s = v->step; s-- > 0;)
            if (!ring || x->steps[s].bank == x->steps[v->step].bank) wait_for_all(x, e, s, w->on);
    }
}

static inline void find_waits(ticks *x, uint32_t e) {
    const tick_event v = x->events.items[e];
    for (uint32_t k = x->lists.first[v.place]; k < x->lists.first[v.place + 1]; k++) {
        const isa_wait *w = &x->lists.items[k];
        uint32_t on;
        int64_t row;
        if (w->kind == ISA_WAIT_PLACE) {
            wait_for_place(x, e, w);
        } else if (w->kind == ISA_WAIT_ROOM) {
            wait_for_queue(x, e, w);
        } else if (w->kind == ISA_WAIT_END) {
            wait_for_end(x, e, w);
        } else if (isa_wait_event(x->d, w, v.row, x->steps[v.step].rows, &on, &row)) {
            bool all = w->kind == ISA_WAIT_MADE && x->d->uses[w->use].reach.all;
            bool freed = w->kind == ISA_WAIT_DONE && x->d->uses[w->on].kind == ISA_READS;
            if (all)
                wait_for_all(x, e, v.step, on);
            else if (w->kind != ISA_WAIT_SENT) // a receiver looks at its own arrival
                wait_on(x, e, event_of(x, v.step, on, row), freed);
        }
    }
}

// --- nanosecond by nanosecond

static inline bool is_there(const ticks *x, const tick_event *e, int32_t now) {
    const isa_insn *i = isa_depend_insn(x->d, e->place);
    if (i->op != ISA_recv && i->op != ISA_recvadd) return true;
    const isa_node *node = &x->d->nodes[e->place];
    uint32_t send = event_of(x, e->step, x->d->transfers[node->transfer].send, e->row);
    return x->events.items[send].arrival[node->dest] <= now;
}

// Instances of a tile's line that have entered by now.
static inline void enter_all(ticks *x, int32_t now) {
    for (uint32_t t = 0; t < x->p->n_tiles; t++) {
        uint32_t count = x->p->tiles[t].phase[x->d->phase].count;
        for (; x->instances[t] < count * x->n_steps; x->instances[t]++) {
            uint32_t n = x->instances[t], step = n / count, place = x->d->place[t][n % count];
            int32_t time =
                (int32_t)max_i64(x->frontier[t], x->steps[step].at) + (int32_t)x->m->time.issue;
            if (n >= x->m->tile.active_set) {
                uint32_t k = n - (uint32_t)x->m->tile.active_set, s = k / count,
                         q = x->d->place[t][k % count];
                int64_t end = x->entered[s * x->d->n + q];
                for (int64_t r = 0; r < rows_of_place(x, s, q); r++)
                    end = max_i64(end, x->events.items[event_of(x, s, q, r)].result);
                x->floor[t] = (int32_t)max_i64(x->floor[t], end);
                time = (int32_t)max_i64(time, x->floor[t]);
            }
            if (time > now) {
                if (x->floor[t] == NEVER) x->floor[t] = 0; // one of them has not ended yet
                break;
            }
            x->frontier[t] = time;
            x->entered[step * x->d->n + place] = time;
        }
    }
}

static inline bool may_start(const ticks *x, const tick_event *e, int32_t now) {
    if (x->entered[e->step * x->d->n + e->place] > now) return false;
    if (e->before != UINT32_MAX && x->events.items[e->before].start > now) return false;
    if (e->holds >= 0 && x->busy[e->holds] > now) return false;
    for (size_t k = 0; k < e->waits.count; k++) {
        const tick_event *on = &x->events.items[e->waits.items[k].event];
        if ((e->waits.items[k].freed ? on->freed : on->result) > now) return false;
    }
    return is_there(x, e, now);
}

static inline bool is_link(int32_t unit) {
    int kind = unit / 64 % U_KINDS;
    return kind >= U_LINK && kind < U_HELD;
}

// What was read is free when the first links have it: before all demands are served.
static inline void free_operands(tick_event *e) {
    int32_t freed = e->start + e->hold;
    for (uint32_t k = 0; k < e->n_demands; k++) {
        const tick_demand *d = &e->demands[k];
        if (is_link(d->unit) && d->after >= 0) continue;
        if (d->left > 0) return;
        bool port = d->unit / 64 % U_KINDS == U_PORT;
        int32_t until = port ? d->end : d->end + e->hold - d->offset - d->time;
        freed = (int32_t)max_i64(freed, until);
    }
    e->freed = freed;
}

// A destination has the row when its own way is served.
static inline void arrive(ticks *x, tick_event *e) {
    const isa_insn *i = isa_depend_insn(x->d, e->place);
    if (i->op != ISA_send) return;
    int32_t read = e->start + e->hold;
    for (uint32_t k = 0; k < e->n_demands; k++)
        if (e->demands[k].unit / 64 % U_KINDS == U_PORT) {
            if (e->demands[k].left > 0) return;
            read = (int32_t)max_i64(read, e->demands[k].end);
        }
    for (uint32_t k = 0; k < x->p->channels[i->x].n_dests; k++) {
        isa_channel one = x->p->channels[i->x]; // its way alone says which links it takes
        one.first_dest += k;
        one.n_dests = 1;
        tick_event way = {.step = e->step, .place = e->place};
        use_links(x, &way, &one);
        int32_t there = read;
        for (uint32_t l = 0; l < way.n_demands; l++)
            for (uint32_t d = 0; d < e->n_demands; d++) {
                if (e->demands[d].unit != way.demands[l].unit) continue;
                int32_t hops = (int32_t)((way.n_demands - l) * x->m->time.hop);
                there = e->demands[d].left > 0
                            ? NEVER
                            : (int32_t)max_i64(there, (int64_t)e->demands[d].end + hops);
                if (there == NEVER) l = way.n_demands;
                break;
            }
        if (there != NEVER) e->arrival[k] = there;
    }
}

// All demands are served: when the result is there.
static inline void conclude(ticks *x, tick_event *e) {
    const isa_insn *i = isa_depend_insn(x->d, e->place);
    int32_t result = e->start + e->latency;
    for (uint32_t k = 0; k < e->n_demands; k++) {
        const tick_demand *d = &e->demands[k];
        bool port = d->unit / 64 % U_KINDS == U_PORT;
        int32_t late = d->end - e->start - d->offset - d->time;
        if (!is_link(d->unit))
            result = (int32_t)max_i64(result, port ? d->end : e->start + e->latency + late);
    }
    for (uint32_t k = 0; i->op == ISA_send && k < x->p->channels[i->x].n_dests; k++)
        result = (int32_t)max_i64(result, e->arrival[k]);
    e->result = result;
}

static inline void start_event(ticks *x, tick_event *e, int32_t now) {
    e->start = now;
    if (e->holds >= 0) x->busy[e->holds] = now + e->hold;
    e->unserved = (int32_t)e->n_demands;
    for (uint32_t k = 0; k < e->n_demands; k++) {
        tick_demand *d = &e->demands[k];
        d->left = d->time;
        d->from = d->after < 0 ? now + d->offset : NEVER;
    }
    free_operands(e);
    arrive(x, e);
    if (e->n_demands == 0) conclude(x, e);
}

// One nanosecond of every unit to the oldest that wants it. by_age: events, the oldest first.
static inline void serve(ticks *x, const uint32_t *open, uint32_t n, int32_t now, int32_t *served) {
    for (uint32_t k = 0; k < n; k++) {
        tick_event *e = &x->events.items[open[k]];
        for (uint32_t j = 0; j < e->n_demands; j++) {
            tick_demand *d = &e->demands[j];
            if (d->left == 0 || d->from > now || served[d->unit] == now) continue;
            served[d->unit] = now;
            if (d->left == d->time)
                for (uint32_t l = 0; l < e->n_demands; l++)
                    if (e->demands[l].after == (int32_t)j)
                        e->demands[l].from = now + (int32_t)x->m->time.hop;
            if (--d->left > 0) continue;
            d->end = now + 1;
            free_operands(e);
            arrive(x, e);
            if (--e->unserved == 0) conclude(x, e);
        }
    }
}

// --- a run

static inline void ticks_free(ticks *x) {
    for (size_t k = 0; k < x->events.count; k++) vec_free(&x->events.items[k].waits);
    vec_free(&x->events);
    isa_waits_free(&x->lists);
    free(x->first);
    free(x->busy);
    free(x->entered);
    free(x->frontier);
    free(x->floor);
    free(x->instances);
}

static inline void make_events(ticks *x) {
    uint32_t n = x->d->n;
    uint32_t *last = base_calloc(n + 1, sizeof *last);
    for (uint32_t k = 0; k < n; k++) last[k] = UINT32_MAX;
    x->first = base_calloc((size_t)n * x->n_steps + 1, sizeof *x->first);
    for (uint32_t s = 0; s < x->n_steps; s++)
        for (uint32_t k = 0; k < n; k++) {
            const isa_insn *i = isa_depend_insn(x->d, k);
            x->first[s * n + k] = (uint32_t)x->events.count;
            for (int64_t r = 0; r < rows_of_place(x, s, k); r++) {
                tick_event e = {.step = s,
                                .place = k,
                                .row = r,
                                .age = x->lags->lag[k] + r * x->d->dom[i->dom].step,
                                .start = NEVER,
                                .result = NEVER,
                                .freed = NEVER,
                                .arrival = {NEVER, NEVER, NEVER},
                                .before = last[k]};
                last[k] = (uint32_t)x->events.count;
                vec_push(&x->events, e);
            }
        }
    free(last);
    for (uint32_t e = 0; e < x->events.count; e++) {
        price(x, &x->events.items[e]);
        find_waits(x, e);
    }
}

static inline bool is_older_event(const tick_event *a, const tick_event *b) {
    if (a->step != b->step) return a->step < b->step;
    if (a->age != b->age) return a->age < b->age;
    return a->place != b->place ? a->place < b->place : a->row < b->row;
}

// False: it stands still.
static inline bool ticks_run(ticks *x) {
    uint32_t n_units = x->p->n_tiles * U_KINDS * 64 + 4 * U_KINDS * 64;
    x->lists = isa_waits_new(x->d);
    make_events(x);
    size_t n = x->events.count;
    x->busy = base_calloc(n_units, sizeof *x->busy);
    int32_t *served = base_calloc(n_units, sizeof *served);
    for (uint32_t k = 0; k < n_units; k++) served[k] = -1;
    x->entered = base_calloc((size_t)x->d->n * x->n_steps + 1, sizeof *x->entered);
    for (uint32_t k = 0; k < x->d->n * x->n_steps; k++) x->entered[k] = NEVER;
    x->frontier = base_calloc(x->p->n_tiles, sizeof *x->frontier);
    x->floor = base_calloc(x->p->n_tiles, sizeof *x->floor);
    x->instances = base_calloc(x->p->n_tiles, sizeof *x->instances);
    uint32_t *open = base_calloc(n + 1, sizeof *open), n_open = 0;
    bool *started = base_calloc(n + 1, 1);
    size_t left = n;
    int32_t quiet = 0;
    for (int32_t now = 0; (left > 0 || n_open > 0) && quiet < 20000; now++) {
        quiet++;
        for (bool moved = true; moved;) {
            moved = false;
            enter_all(x, now);
            for (uint32_t k = 0; k < n; k++) {
                tick_event *e = &x->events.items[k];
                if (started[k] || !may_start(x, e, now)) continue;
                start_event(x, e, now);
                started[k] = moved = true;
                quiet = 0;
                left--;
                uint32_t at = n_open++;
                for (; at > 0 && is_older_event(e, &x->events.items[open[at - 1]]); at--)
                    open[at] = open[at - 1];
                open[at] = k;
            }
        }
        serve(x, open, n_open, now, served);
        uint32_t kept = 0;
        for (uint32_t k = 0; k < n_open; k++)
            if (x->events.items[open[k]].unserved > 0) open[kept++] = open[k];
        n_open = kept;
    }
    free(served);
    free(open);
    free(started);
    return left == 0;
}
#endif
