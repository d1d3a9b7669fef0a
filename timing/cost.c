#include "timing/cost.h"
#include "isa/count/arrays.h"
#include "isa/count/events.h"
#include "isa/count/pool.h"
#include "isa/operand.h"
#include <stdlib.h>

// machine.def by number, to know what was asked for.
enum {
#define PARAM_INT(section, name, ...) PARAM_##section##_##name,
#define PARAM_REAL(section, name, ...) PARAM_##section##_##name,
#define PARAM_ENUM(section, name, ...) PARAM_##section##_##name,
#define PARAM_LIST(section, name, ...) PARAM_##section##_##name,
#include "isa/machine/machine.def"
    PARAMS
};
#define NS(c, section, name) \
    ((c)->used[PARAM_##section##_##name] = true, duration_ns((c)->m->section.name))

cost_model cost_model_new(const isa_program *p, const machine *m, arena *a) {
    cost_model c = {.p = p, .m = m, .used = ARENA_ARRAY(a, bool, PARAMS)};
    c.cycle = NS(&c, time, cycle);
    return c;
}

// One row: what is looked at, and what is added up.
typedef struct {
    cost_model *c;
    const isa_program *p;
    const machine *m;
    const isa_tile *t;
    const isa_insn *i;
    const cost_row *row;
    duration latency, hold, digital_at, digital, memory, receive, host, link;
    bool held;
} pricer;

static duration transfer(const pricer *x, int64_t bytes, int64_t width) {
    return duration_transfer(bytes, width, x->c->cycle);
}

// --- digital units

typedef struct {
    int64_t cycles; // an element
    duration extra;
} digital_function;
static digital_function function(cost_model *c, isa_digital f) {
    digital_function x = {.cycles = isa_passes_of(c->m, f)};
    switch (f) {
#define DIGITAL(name, summary)        \
    case ISA_DIGITAL_##name:          \
        x.extra = NS(c, extra, name); \
        break;
#include "isa/machine/digital.def"
    case ISA_DIGITALS: break;
    }
    return x;
}

// The lanes' time for so many elements.
static duration lanes_time(const pricer *x, int64_t cycles, int64_t elements) {
    return cycles * ceil_div_i64(elements, x->m->digital.lanes) * x->c->cycle;
}

static void add_digital(pricer *x, duration at, digital_function f, int64_t elements) {
    x->digital_at = at;
    x->digital = lanes_time(x, f.cycles, elements);
    duration extra = f.extra;
    if (isa_quantises(x->t, x->i)) {
        digital_function q = function(x->c, ISA_DIGITAL_quantise);
        x->digital += lanes_time(x, q.cycles, x->t->buffers[x->i->d].width);
        extra += q.extra;
    }
    x->hold = at + x->digital;
    x->latency = x->hold + extra;
}

static void price_digital(pricer *x) {
    const isa_buffer *a = &x->t->buffers[x->i->a];
    int64_t rows = x->i->op == ISA_rred ? x->row->rows[a->dom] : 1;
    add_digital(x, 0, function(x->c, isa_digital_of(x->i)), a->width * rows);
}

// --- dense memory and scratchpad

static void price_memory(pricer *x) {
    const isa_table *t = &x->t->tables[x->i->x];
    x->memory += transfer(x, isa_row_bytes(t->type, t->width), x->m->memory.width);
    x->latency = NS(x->c, time, memory);
}

// --- crossbars

static duration row_time(pricer *x) { // the phases of one block
    // Real numbers are not converted.
    duration convert = x->m->crossbar.weight_bits
                           ? x->m->crossbar.columns_per_adc * NS(x->c, time, conversion)
                           : 0;
    return isa_crossbar_of(x->m).phases * duration_most(NS(x->c, time, settle), convert);
}

static uint32_t steps_of_tree(const pricer *x, const isa_group *g) {
    uint32_t blocks = 0, steps = 0; // row blocks: those of the first columns
    for (uint32_t k = g->first_block; k < g->first_block + g->n_blocks; k++)
        blocks += x->t->blocks[k].n0 == 0;
    while ((UINT32_C(1) << steps) < blocks) steps++;
    return steps;
}

static int by_number(const void *x, const void *y) {
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    return a < b ? -1 : a > b;
}

// Most of its blocks on one crossbar: they go one after the other.
static int64_t blocks_together(const pricer *x, const isa_group *g) {
    uint32_t *at = base_alloc(((size_t)g->n_blocks + 1) * sizeof *at), most = 1, n = 1;
    for (uint32_t k = 0; k < g->n_blocks; k++) at[k] = x->t->blocks[g->first_block + k].crossbar;
    if (g->n_blocks) qsort(at, g->n_blocks, sizeof *at, by_number);
    for (uint32_t k = 1; k < g->n_blocks; k++) {
        n = at[k] == at[k - 1] ? n + 1 : 1;
        if (n > most) most = n;
    }
    free(at);
    return most;
}

// Beats of rows, each a pass over the weights in whole rounds of the pool, and no faster than dense
// crossbars give them. The rows of a step share the time evenly.
static void price_pool(pricer *x, const isa_group *g) {
    const machine *m = x->m;
    const int64_t rows = max_i64(1, x->row->rows[x->i->dom]);
    const int64_t beats = ceil_div_i64(rows, machine_pool_beat(m));
    const int64_t beside = max_i64(1, m->pool.arrays / m->pool.shared);
    const int64_t rounds = ceil_div_i64((int64_t)isa_pool_steps(g), beside);
    const int64_t sources = m->dense.arrays ? m->dense.arrays : (int64_t)isa_dense_arrays(m, x->t);
    const int64_t reads =
        ceil_div_i64(machine_dense_reads(m, g->k1 - g->k0, g->n), max_i64(1, sources));
    const duration beat =
        duration_most(rounds * NS(x->c, time, pool), reads * NS(x->c, time, dense));
    x->held = true;
    x->hold = (beats * beat + rows - 1) / rows;
    x->latency = x->hold + NS(x->c, time, combine);
}

static void price_product(pricer *x) {
    const isa_group *g = &x->t->groups[x->i->x];
    if (x->row->closed) { // zeros are written
        x->hold = x->latency = x->c->cycle;
        return;
    }
    if (g->digits > 0) {
        price_pool(x, g);
        return;
    }
    if (g->kind == ISA_STORED) { // weights come from memory, lanes multiply and add
        int64_t weights = (int64_t)(g->k1 - g->k0) * g->n;
        x->memory += transfer(x, (int64_t)isa_stored_bytes(g), x->m->memory.width);
        add_digital(x, 0, function(x->c, ISA_DIGITAL_add), weights);
        x->latency = duration_most(x->latency, NS(x->c, time, memory));
        return;
    }
    x->held = true;
    x->hold = row_time(x) * blocks_together(x, g);
    uint32_t steps = steps_of_tree(x, g);
    x->latency = NS(x->c, time, settle) + x->hold + NS(x->c, time, combine);
    if (steps) x->latency += steps * NS(x->c, time, tree);
}

// --- rings

// Sub-tiles that hold the tokens a row sees: slots first .. first + seen - 1, around the ring.
static int64_t sub_tiles_of(const pricer *x, const isa_ring *r) {
    int64_t size = r->sub_tile, slots = r->slots, n = x->row->seen;
    if (size == 0) return 0;
    int64_t all = ceil_div_i64(slots, size);
    if (!x->m->gain.skip_empty || n >= slots) return all;
    if (x->row->sub_tiles >= 0) return x->row->sub_tiles;
    if (n == 0) return 0;
    int64_t first = x->row->first % slots, last = (x->row->first + n - 1) % slots;
    if (first <= last) return last / size - first / size + 1;
    return min_i64(all, last / size + 1 + all - first / size);
}

static duration additions(pricer *x, int64_t sub_tiles) {
    return sub_tiles > 1 ? (sub_tiles - 1) * NS(x->c, time, gain_add) : 0;
}

// Query heads that share keys and values go one after the other, the others side by side.
static void price_gain(pricer *x, const isa_ring *r) {
    cost_model *c = x->c;
    bool scores = x->i->op != ISA_mix, mixes = x->i->op != ISA_score;
    int64_t heads = r->q_per_kv, sub_tiles = sub_tiles_of(x, r);
    x->held = true;
    if (x->i->op == ISA_kvw) { // elsewhere hidden behind the query
        x->hold = x->latency = NS(c, time, gain_write);
        return;
    }
    if (r->readout == ISA_READ_CHARGE) {
        duration query = NS(c, time, gain_reset) + NS(c, time, gain_score) + NS(c, time, gain_mix) +
                         NS(c, time, gain_read) + additions(x, sub_tiles);
        x->hold = x->latency = heads * query;
        return;
    }
    duration convert = r->adc_bits ? x->m->gain.columns_per_adc * NS(c, time, gain_convert) : 0;
    if (scores) x->latency += heads * (NS(c, time, gain_score) + convert);
    if (scores && mixes) {
        digital_function f = function(c, isa_digital_of_scores(r));
        int64_t n = (int64_t)r->n_kv * heads * x->row->seen;
        add_digital(x, x->latency, f, n);
    }
    if (mixes)
        x->latency += heads * (NS(c, time, gain_reset) + NS(c, time, gain_mix) + convert +
                               additions(x, sub_tiles));
    x->hold = x->latency;
}

// Keys and values in dense memory: lanes multiply and add.
static void price_stored(pricer *x, const isa_ring *r) {
    bool scores = x->i->op != ISA_mix && x->i->op != ISA_kvw,
         mixes = x->i->op != ISA_score && x->i->op != ISA_kvw;
    int64_t columns = (scores ? r->d : 0) + (mixes ? r->dv : 0), seen = x->row->seen;
    int64_t heads = (int64_t)r->n_kv * r->q_per_kv, bytes = 0;
    if (x->i->op == ISA_attn || x->i->op == ISA_kvw) bytes += (int64_t)r->n_kv * (r->d + r->dv) * 4;
    bytes += seen * r->n_kv * columns * 4;
    x->memory += transfer(x, bytes, x->m->memory.width);
    x->latency = NS(x->c, time, memory);
    if (columns == 0) return;
    duration before = x->latency;
    add_digital(x, 0, function(x->c, ISA_DIGITAL_add), heads * seen * columns);
    if (scores && mixes) {
        digital_function f = function(x->c, isa_digital_of_scores(r));
        duration more = lanes_time(x, f.cycles, heads * seen);
        x->digital += more;
        x->hold += more;
        x->latency += more + f.extra;
    }
    x->latency = duration_most(before, x->latency);
}

static void price_ring(pricer *x) {
    const isa_ring *r = &x->t->rings[x->i->x];
    if (r->kind == ISA_RING_STORED)
        price_stored(x, r);
    else
        price_gain(x, r);
}

// --- links and ports

static void price_router(pricer *x) {
    const isa_channel *ch = &x->p->channels[x->i->x];
    int64_t bytes = isa_row_bytes(ch->type, ch->width);
    if (x->i->op == ISA_send) {
        x->link = transfer(x, bytes, x->m->router.width);
        NS(x->c, time, hop); // of every link of the way, which the mesh knows
        return;
    }
    x->receive = transfer(x, bytes, x->m->router.receive);
    x->latency = duration_most(NS(x->c, time, receive), x->receive);
    x->hold = x->receive;
    if (x->i->op == ISA_recvadd)
        add_digital(x, x->latency, function(x->c, ISA_DIGITAL_add), ch->width);
}

static void price_port(pricer *x) {
    bool in = x->i->op == ISA_in;
    const isa_buffer *b = &x->t->buffers[in ? x->i->d : x->i->a];
    x->host = transfer(x, isa_row_bytes(b->type, b->width), x->m->host.width);
    x->latency = in ? NS(x->c, time, in) : NS(x->c, time, out);
}

// --- bytes of the operands

static duration price_operands(pricer *x, const isa_depend *d, uint32_t place) {
    int64_t pad = 0, mem = 0;
    for (uint32_t k = d->nodes[place].first_use; k < d->nodes[place + 1].first_use; k++) {
        const isa_use *u = &d->uses[k];
        if (u->kind != ISA_READS && u->kind != ISA_WRITES) continue;
        const isa_buffer *b = &x->t->buffers[u->buffer];
        int64_t bytes = isa_row_bytes(b->type, b->width);
        if (u->kind == ISA_READS) bytes *= isa_rows_read(x->i, x->row->rows[u->dom]);
        *(b->space == ISA_MEM ? &mem : &pad) += bytes;
    }
    if (mem) {
        x->memory += transfer(x, mem, x->m->memory.width);
        x->latency = duration_most(x->latency, NS(x->c, time, memory));
    }
    return transfer(x, pad, x->m->tile.port);
}

// --- all

cost_varies cost_varies_of(const isa_program *p, uint32_t tile, const isa_insn *i) {
    if (i->op == ISA_rred) return COST_BY_STEP;
    if (i->op == ISA_mvm && p->tiles[tile].groups[i->x].digits > 0) return COST_BY_STEP;
    if (isa_info_of(i->op)->unit != ISA_UNIT_ring || i->op == ISA_kvw) return COST_CONSTANT;
    return COST_BY_ROW;
}

row_cost cost_of(cost_model *c, const isa_depend *d, uint32_t place, const cost_row *row) {
    const isa_insn *i = isa_depend_insn(d, place);
    const isa_unit unit = isa_info_of(i->op)->unit;
    pricer x = {
        .c = c, .p = c->p, .m = c->m, .t = &c->p->tiles[d->nodes[place].tile], .i = i, .row = row};
    switch (unit) {
    case ISA_UNIT_control: return (row_cost){0};
    case ISA_UNIT_port: price_port(&x); break;
    case ISA_UNIT_digital: price_digital(&x); break;
    case ISA_UNIT_memory: price_memory(&x); break;
    case ISA_UNIT_scratchpad: x.latency = x.hold = c->cycle; break;
    case ISA_UNIT_crossbar: price_product(&x); break;
    case ISA_UNIT_ring: price_ring(&x); break;
    case ISA_UNIT_router: price_router(&x); break;
    }
    duration port = price_operands(&x, d, place);
    duration side = duration_most(duration_most(x.memory, x.receive), x.host);
    x.hold = duration_most(x.hold, duration_most(side, x.link));
    x.hold = duration_most(x.hold, x.digital_at + x.digital);
    x.latency = duration_most(x.latency, x.hold);
    timing_ps own = duration_ps(x.digital_at) + duration_ps(x.digital); // each rounded up
    return (row_cost){.latency = max_i64(duration_ps(x.latency), own),
                      .hold = max_i64(duration_ps(x.hold), own),
                      .digital_at = duration_ps(x.digital_at),
                      .digital = duration_ps(x.digital),
                      .memory = duration_ps(x.memory),
                      .receive = duration_ps(x.receive),
                      .host = duration_ps(x.host),
                      .link = duration_ps(x.link),
                      .port = duration_ps(port),
                      .held = x.held};
}
