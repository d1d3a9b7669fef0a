#include "cost/count.h"
#include "isa/count/arrays.h"
#include "isa/count/mesh.h"
#include "isa/count/pool.h"
#include "isa/depend/domain.h"
#include "isa/operand.h"
#include <stdlib.h>
#include <string.h>

// Of an instruction whose rows are not all the same: what they have come to.
typedef struct {
    uint64_t rows;
    isa_events *sum; // NULL: rows times one of them
} tally;

struct counter {
    const isa_program *p;
    const machine *m;
    uint32_t *links; // [channel] that its rows go over
    isa_domain dom[ISA_MAX_PHASES][ISA_DOMAINS];
    tally **of[ISA_MAX_PHASES];                    // [tile][pc]
    int64_t **stored;                              // [tile][ring * banks + bank] rows written
    int64_t rows[ISA_DOMAINS], first[ISA_DOMAINS]; // of the last launch; position of row 0
    uint32_t bank;
    const timing_activity *activity; // NULL: the worst case
    size_t step;                     // of it
    arena *a;
};

// What a row's events depend on beside the instruction.
typedef struct {
    const counter *c;
    const isa_tile *t;
    const isa_insn *i;
    int64_t r;           // of the step
    int64_t seen, first; // tokens that it sees in its ring, and the position of the first
    bool from_table;     // of prefix and suffix
    bool said, closed;   // by an activity: tokens seen stand in so many sub-tiles; its gate is 0
    int64_t sub_tiles;
} one_row;

// --- products

static void count_product(const one_row *x, isa_events *e) {
    const isa_group *g = &x->t->groups[x->i->x];
    if (g->digits > 0) // the pass over the weights serves open and closed gates
        isa_count_pool_arrays(e, x->c->m, g, (uint64_t)x->r, (uint64_t)x->r + 1);
    if (x->closed) return;
    if (g->digits > 0) isa_count_pool_row(e, g, 1);
    if (g->digits > 0) return;
    if (g->kind == ISA_STORED) {
        e->memory_reads += isa_stored_bytes(g);
        isa_count_digital(e, x->c->m, ISA_DIGITAL_add, (uint64_t)(g->k1 - g->k0) * g->n);
    }
    bool coded = isa_product_is_coded(x->t, x->i);
    isa_crossbar_shape s = coded ? isa_crossbar_of(x->c->m) : (isa_crossbar_shape){1, 1, 1};
    for (uint32_t k = g->first_block; k < g->first_block + g->n_blocks; k++) {
        const isa_block *b = &x->t->blocks[k];
        uint64_t codes = coded ? (uint64_t)(s.phases * s.slices) * b->cols : 0;
        e->array_phases += (uint64_t)(s.phases * s.arrays);
        e->dac_rows += (uint64_t)s.phases * b->rows;
        e->adc_conversions += codes;
        e->shift_adds += codes;
    }
}

// --- rings

// Sub-tiles that hold slots first ... first + seen - 1, around the ring; *last: its last one does.
static int64_t sub_tiles_used(const isa_ring *r, int64_t first, int64_t seen, bool *last) {
    int64_t size = r->sub_tile, slots = r->slots, all = ceil_div_i64(slots, size);
    *last = seen >= slots;
    if (seen >= slots || seen == 0) return seen ? all : 0;
    int64_t from = first % slots, until = (first + seen - 1) % slots;
    *last = until < from || until / size == all - 1;
    if (from <= until) return until / size - from / size + 1;
    return min_i64(all, until / size + 1 + all - from / size);
}

static void count_gain(const one_row *x, const isa_ring *r, bool scores, bool mixes,
                       isa_events *e) {
    if (r->sub_tile == 0) return;
    bool last;
    int64_t used = sub_tiles_used(r, x->first, x->seen, &last);
    if (x->said) used = x->sub_tiles;
    isa_gain_arrays n = isa_gain_arrays_of(x->c->m, r, used, last);
    uint64_t heads = (uint64_t)r->n_kv * r->q_per_kv, sub_tiles = (uint64_t)n.sub_tiles;
    if (scores) e->gain_k_arrays += heads * (uint64_t)n.k_arrays;
    if (mixes) e->gain_v_arrays += heads * (uint64_t)n.v_arrays;
    if (mixes) e->gain_sub_tiles += heads * sub_tiles;
    if (r->readout != ISA_READ_SCORE || r->adc_bits == 0) return;
    if (scores) e->gain_conversions += heads * (uint64_t)x->seen;
    if (mixes) e->gain_conversions += heads * sub_tiles * r->dv;
}

// A token's keys and values are read once for all query heads that share them.
static void count_stored(const one_row *x, const isa_ring *r, bool scores, bool mixes,
                         isa_events *e) {
    uint64_t elements = (uint64_t)x->seen * r->n_kv * ((scores ? r->d : 0) + (mixes ? r->dv : 0));
    e->memory_reads += elements * sizeof(float);
    isa_count_digital(e, x->c->m, ISA_DIGITAL_add, elements * r->q_per_kv);
}

static void count_ring(const one_row *x, isa_events *e) {
    const isa_ring *r = &x->t->rings[x->i->x];
    const bool stored = r->kind == ISA_RING_STORED;
    bool scores = isa_reads_ring(x->i) && x->i->op != ISA_mix,
         mixes = isa_reads_ring(x->i) && x->i->op != ISA_score;
    if (isa_writes_ring(x->i)) {
        uint64_t elements = (uint64_t)r->n_kv * (r->d + r->dv);
        if (stored)
            e->memory_writes += elements * sizeof(float);
        else
            e->gain_writes += elements * (uint64_t)isa_gain_cells_of(x->c->m, r);
    }
    if (stored)
        count_stored(x, r, scores, mixes, e);
    else
        count_gain(x, r, scores, mixes, e);
    if (scores && mixes && (stored || r->readout == ISA_READ_SCORE))
        isa_count_digital(e, x->c->m, isa_digital_of_scores(r),
                          (uint64_t)r->n_kv * r->q_per_kv * (uint64_t)x->seen);
}

// --- the rest

static void count_lanes(const one_row *x, isa_events *e) {
    const isa_buffer *a = &x->t->buffers[x->i->a];
    int64_t rows = x->i->op == ISA_rred ? x->c->rows[a->dom] : 1;
    isa_count_digital(e, x->c->m, isa_digital_of(x->i), (uint64_t)rows * a->width);
    if (isa_quantises(x->t, x->i))
        isa_count_digital(e, x->c->m, ISA_DIGITAL_quantise, x->t->buffers[x->i->d].width);
}

static void count_memory(const one_row *x, isa_events *e) {
    const isa_table *t = &x->t->tables[x->i->x];
    bool joins = x->i->op == ISA_prefix || x->i->op == ISA_suffix;
    if (!joins || x->from_table) e->memory_reads += isa_row_bytes((isa_btype)t->type, t->width);
}

static void count_router(const one_row *x, isa_events *e) {
    const isa_channel *ch = &x->c->p->channels[x->i->x];
    uint64_t bytes = isa_row_bytes((isa_btype)ch->type, ch->width);
    if (x->i->op == ISA_send)
        e->link_bytes += bytes * x->c->links[x->i->x];
    else
        e->received_bytes += bytes;
    if (x->i->op == ISA_recvadd) count_lanes(x, e);
}

static void count_port(const one_row *x, isa_events *e) {
    const isa_port *port = &x->c->p->ports[x->i->x];
    uint32_t width = x->i->op == ISA_in ? port->width : x->t->buffers[x->i->a].width;
    e->host_bytes += isa_row_bytes((isa_btype)port->type, width);
}

static void count_operands(const one_row *x, isa_events *e) {
    const isa_info *info = isa_info_of(x->i->op);
    for (unsigned k = 0; k < info->n_operands; k++) {
        const isa_operand *o = &info->operands[k];
        if (o->kind != ISA_KIND_buf || isa_operand_absent(o, x->i)) continue;
        const isa_buffer *b = &x->t->buffers[isa_operand_get(x->i, (isa_operand_field)o->field)];
        bool written = k == 0 && isa_has_result(info);
        uint64_t bytes = isa_row_bytes((isa_btype)b->type, b->width);
        if (!written && x->from_table) continue;
        if (!written) bytes *= (uint64_t)isa_rows_read(x->i, x->c->rows[b->dom]);
        if (b->space == ISA_PAD)
            e->scratchpad_bytes += bytes;
        else if (written)
            e->memory_writes += bytes;
        else
            e->memory_reads += bytes;
    }
}

static isa_events count_row(const one_row *x) {
    isa_events e = {0};
    switch (isa_info_of(x->i->op)->unit) {
    case ISA_UNIT_control: return e;
    case ISA_UNIT_port: count_port(x, &e); break;
    case ISA_UNIT_digital: count_lanes(x, &e); break;
    case ISA_UNIT_memory: count_memory(x, &e); break;
    case ISA_UNIT_scratchpad: break;
    case ISA_UNIT_crossbar: count_product(x, &e); break;
    case ISA_UNIT_ring: count_ring(x, &e); break;
    case ISA_UNIT_router: count_router(x, &e); break;
    }
    count_operands(x, &e);
    return e;
}

// --- rows of a launch

bool counter_varies(const isa_tile *t, const isa_insn *i) {
    bool gated = i->op == ISA_mvm && (i->b != ISA_NONE || t->groups[i->x].digits > 0);
    return gated || i->op == ISA_rred || i->op == ISA_prefix || i->op == ISA_suffix ||
           isa_reads_ring(i);
}

static int64_t rows_of(const counter *c, const isa_insn *i) {
    return isa_info_of(i->op)->unit == ISA_UNIT_control ? 1 : c->rows[i->dom];
}

static one_row row_of(const counter *c, uint32_t phase, uint32_t tile, uint32_t pc, int64_t r) {
    const isa_tile *t = &c->p->tiles[tile];
    one_row x = {.c = c, .t = t, .i = &t->phase[phase].code[pc], .r = r};
    if (x.i->op == ISA_prefix) x.from_table = r < t->tables[x.i->x].rows;
    if (x.i->op == ISA_suffix) x.from_table = r >= c->rows[t->buffers[x.i->a].dom];
    timing_activity_row known;
    x.said = c->activity && timing_activity_at(c->activity, c->step - 1, tile, pc, r, &known);
    if (x.said) {
        x.closed = known.seen < 0;
        x.seen = max_i64(0, known.seen);
        x.sub_tiles = known.sub_tiles;
        return x;
    }
    if (!isa_reads_ring(x.i)) return x;
    const isa_ring *d = &t->rings[x.i->x];
    bool causal = d->mode == ISA_RING_CAUSAL;
    int64_t seen = causal && d->window && d->window < d->slots ? d->window : d->slots;
    int64_t last =
        causal ? c->first[x.i->dom] + r : c->stored[tile][x.i->x * c->p->banks + c->bank] - 1;
    x.seen = min_i64(seen, last + 1);
    x.first = last + 1 - x.seen;
    return x;
}

static void add(isa_events *to, const isa_events *e, uint64_t times) {
#define EVENT(name, unit, summary) to->name += times * e->name;
#include "isa/count/events.def"
}

static void count_step(counter *c, uint32_t phase, uint32_t tile, uint32_t pc) {
    const isa_insn *i = &c->p->tiles[tile].phase[phase].code[pc];
    tally *n = &c->of[phase][tile][pc];
    int64_t rows = rows_of(c, i);
    n->rows += (uint64_t)rows;
    for (int64_t r = 0; n->sum && r < rows; r++) {
        one_row x = row_of(c, phase, tile, pc, r);
        isa_events e = count_row(&x);
        add(n->sum, &e, 1);
    }
}

void counter_launch(void *counted, const timing_launch *l) {
    counter *c = counted;
    c->step++;
    const isa_domain *dom = c->dom[l->phase];
    c->bank = l->bank;
    for (unsigned d = 0; d < ISA_DOMAINS; d++)
        c->rows[d] = isa_domain_rows(dom, d, l->rows[dom[d].root]);
    for (unsigned d = 0; d < ISA_DOMAINS; d++)
        c->first[d] = isa_domain_position(dom, d, c->rows, l->position);
    for (uint32_t t = 0; t < c->p->n_tiles; t++) { // rings are written before they are read
        const isa_tile *x = &c->p->tiles[t];
        for (uint32_t pc = 0; pc < x->phase[l->phase].count; pc++) {
            const isa_insn *i = &x->phase[l->phase].code[pc];
            if (!isa_writes_ring(i) || x->rings[i->x].mode == ISA_RING_CAUSAL) continue;
            c->stored[t][i->x * c->p->banks + c->bank] =
                min_i64(x->rings[i->x].slots, rows_of(c, i));
        }
        for (uint32_t pc = 0; pc < x->phase[l->phase].count; pc++) count_step(c, l->phase, t, pc);
    }
}

void counter_follow(counter *c, const timing_activity *a) {
    c->activity = a;
    c->step = 0;
}

// --- answers

uint64_t counter_rows(const counter *c, uint32_t phase, uint32_t tile, uint32_t pc) {
    return c->of[phase][tile][pc].rows;
}

isa_events counter_row(const counter *c, uint32_t phase, uint32_t tile, uint32_t pc, int64_t r) {
    one_row x = row_of(c, phase, tile, pc, r);
    return count_row(&x);
}

isa_events counter_insn(const counter *c, uint32_t phase, uint32_t tile, uint32_t pc) {
    const tally *n = &c->of[phase][tile][pc];
    if (n->sum) return *n->sum;
    isa_events all = {0}, one = counter_row(c, phase, tile, pc, 0);
    add(&all, &one, n->rows);
    return all;
}

isa_events counter_total(const counter *c) {
    isa_events all = {0};
    for (uint32_t ph = 0; ph < c->p->n_phases; ph++)
        for (uint32_t t = 0; t < c->p->n_tiles; t++)
            for (uint32_t pc = 0; pc < c->p->tiles[t].phase[ph].count; pc++) {
                isa_events e = counter_insn(c, ph, t, pc);
                add(&all, &e, 1);
            }
    return all;
}

counter *counter_new(const isa_program *p, const machine *chip) {
    arena *a = arena_new();
    counter *c = ARENA_NEW(a, counter);
    *c = (counter){.p = p, .m = chip, .a = a};
    mesh net = mesh_of(chip, p->n_tiles);
    c->links = mesh_links_of_channels(&net, p, a);
    c->stored = ARENA_ARRAY(a, int64_t *, p->n_tiles + 1);
    for (uint32_t t = 0; t < p->n_tiles; t++)
        c->stored[t] = ARENA_ARRAY(a, int64_t, (size_t)p->tiles[t].n_rings * p->banks + 1);
    for (uint32_t ph = 0; ph < p->n_phases; ph++) {
        isa_domains(p, ph, c->dom[ph]);
        c->of[ph] = ARENA_ARRAY(a, tally *, p->n_tiles + 1);
        for (uint32_t t = 0; t < p->n_tiles; t++) {
            uint32_t n = p->tiles[t].phase[ph].count;
            c->of[ph][t] = ARENA_ARRAY(a, tally, n + 1);
            for (uint32_t pc = 0; pc < n; pc++)
                if (counter_varies(&p->tiles[t], &p->tiles[t].phase[ph].code[pc]))
                    c->of[ph][t][pc].sum = ARENA_NEW(a, isa_events);
        }
    }
    return c;
}

void counter_free(counter *c) {
    if (c) arena_free(c->a);
}
