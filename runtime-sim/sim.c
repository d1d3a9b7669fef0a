// A simulator from the outside: made from a verified program, launched step by step.
//
// A step is the instructions of all tiles in the order of isa_order: tiles form a Kahn process
// network (recv waits, nothing polls), so any order that meets the waits gives the same values.
// Threads split rows and columns inside an instruction.
#include "isa/operand.h"
#include "runtime-sim/exec/rows.h"
#include "runtime-sim/gain/ring.h"
#include <stdlib.h>
#include <string.h>

static const sim_exec executors[256] = {
#define INSN(mnemonic, opcode, unit, modes, operands, summary) [opcode] = sim_exec_##mnemonic,
#include "isa/isa.def"
};

// --- making and freeing

// d is written, the other buffers are read.
static sim_uses uses_of(const isa_insn *i) {
    const isa_info *info = isa_info_of(i->op);
    sim_uses u = {.written = isa_has_result(info) ? 0 : -1};
    for (unsigned k = 0; k < info->n_operands; k++) {
        const isa_operand *o = &info->operands[k];
        if (o->kind == ISA_KIND_buf && !isa_operand_absent(o, i))
            u.buffer[u.n++] = (uint16_t)isa_operand_get(i, o->field);
    }
    return u;
}

static bool phase_make(sim *s, uint32_t phase) {
    const isa_program *p = s->p;
    sim_phase *ph = &s->phases[phase];
    uint32_t total = 0;
    isa_domains(p, phase, ph->dom);
    ph->base = base_calloc(p->n_tiles + 1, sizeof *ph->base);
    ph->last = base_calloc(p->n_tiles + 1, sizeof *ph->last);
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        ph->base[t] = total;
        total += p->tiles[t].phase[phase].count;
        ph->last[t] = base_calloc(p->tiles[t].n_buffers + 1, sizeof **ph->last);
    }
    ph->order = base_calloc(total + 1, sizeof *ph->order);
    ph->uses = base_calloc(total + 1, sizeof *ph->uses);
    ph->stats = base_calloc(total + 1, sizeof *ph->stats);
    ph->history = base_calloc((size_t)total * p->banks + 1, sizeof *ph->history);
    if (!isa_order(p, phase, s->options.order_seed, ph->order, &ph->n, NULL)) return false;
    for (uint32_t i = 0; i < ph->n; i++) {
        const isa_tile *t = &p->tiles[ph->order[i].tile];
        sim_uses *u = &ph->uses[ph->base[ph->order[i].tile] + ph->order[i].pc];
        *u = uses_of(&t->phase[phase].code[ph->order[i].pc]);
        for (unsigned k = 0; k < u->n; k++)
            ph->last[ph->order[i].tile][t->buffers[u->buffer[k]].parent] = i;
    }
    return true;
}

sim *sim_new(const isa_program *p, const machine *chip, const sim_options *o, diag_sink *diags) {
    CHECK((p->cells || !p->cells_bytes) && (p->tables || !p->tables_bytes),
          "a program whose data are pieces must be written and read before it runs");
    if (!isa_verify(p, chip, "program", diags)) return NULL;
    sim *s = base_calloc(1, sizeof *s);
    s->p = p, s->chip = chip;
    s->options = o ? *o : (sim_options){0};
    s->xbar = xbar_params_of(chip);
    s->tiles = base_calloc(p->n_tiles + 1, sizeof *s->tiles);
    s->banks = base_calloc(p->banks + 1, sizeof *s->banks);
    s->queues = base_calloc(p->n_dests + 1, sizeof *s->queues);
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        s->tiles[t].stores = base_calloc(p->tiles[t].n_buffers + 1, sizeof(sim_store));
        s->tiles[t].groups = base_calloc(p->tiles[t].n_groups + 1, sizeof(sim_group));
        s->tiles[t].rings =
            base_calloc((size_t)p->tiles[t].n_rings * p->banks + 1, sizeof(sim_ring));
        s->tiles[t].units = base_calloc(p->tiles[t].n_rings + 1, sizeof(gain_unit *));
    }
    s->arena = arena_new();
    s->dests = isa_dests_new(p);
    s->port_phases = isa_port_phases(p, s->arena);
    s->port_number = ARENA_ARRAY(s->arena, uint32_t, p->n_ports + 1);
    for (uint32_t i = 0, n[ISA_COUNT_pdir] = {0}; i < p->n_ports; i++)
        s->port_number[i] = n[p->ports[i].direction]++;
    mesh net = mesh_of(chip, p->n_tiles);
    s->links = mesh_links_of_channels(&net, p, s->arena);
    for (uint32_t i = 0; i < p->n_phases; i++)
        CHECK(phase_make(s, i), "a verified program has no order");
    return s;
}

void sim_free(sim *s) {
    if (!s) return;
    for (uint32_t t = 0; t < s->p->n_tiles; t++) {
        const isa_tile *d = &s->p->tiles[t];
        for (uint32_t g = 0; g < d->n_groups; g++) {
            xbar_free(s->tiles[t].groups[g].array);
            pool_free(s->tiles[t].groups[g].pool);
            free(s->tiles[t].groups[g].w);
        }
        for (size_t r = 0; r < (size_t)d->n_rings * s->p->banks; r++)
            sim_ring_free(&s->tiles[t].rings[r]);
        free(s->tiles[t].stores);
        free(s->tiles[t].groups);
        free(s->tiles[t].rings);
        free(s->tiles[t].units);
    }
    for (uint32_t i = 0; i < s->p->n_phases; i++) {
        sim_phase *ph = &s->phases[i];
        for (uint32_t t = 0; ph->last && t < s->p->n_tiles; t++) free(ph->last[t]);
        for (size_t k = 0; ph->history && k < (size_t)ph->n * s->p->banks; k++) {
            free(ph->history[k].data);
            free(ph->history[k].trailers);
        }
        free(ph->last);
        free(ph->base);
        free(ph->order);
        free(ph->uses);
        free(ph->stats);
        free(ph->history);
    }
    for (uint32_t i = 0; i < s->p->n_dests; i++) vec_free(&s->queues[i]);
    for (size_t i = 0; i < s->spare.count; i++) free(s->spare.items[i].data);
    vec_free(&s->spare);
    for (size_t i = 0; i < s->units.count; i++) gain_unit_free(s->units.items[i]);
    vec_free(&s->units);
    free(s->tiles);
    free(s->banks);
    free(s->queues);
    isa_dests_free(&s->dests);
    arena_free(s->arena);
    free(s);
}

const isa_program *sim_program(const sim *s) { return s->p; }
const machine *sim_chip(const sim *s) { return s->chip; }

// --- a step

static void reset_bank(sim *s, uint32_t bank) {
    s->banks[bank] = (sim_bank){0};
    for (uint32_t t = 0; t < s->p->n_tiles; t++)
        for (uint32_t r = 0; r < s->p->tiles[t].n_rings; r++)
            sim_ring_reset(sim_ring_of(s, t, r, bank), &s->p->tiles[t].rings[r]);
    for (uint32_t i = 0; i < s->p->n_phases; i++)
        for (uint32_t k = 0; k < s->phases[i].n; k++)
            s->phases[i].history[(size_t)bank * s->phases[i].n + k].count = 0;
}

void sim_reset(sim *s, uint32_t bank) {
    CHECK(bank < s->p->banks, "bank %u", bank);
    reset_bank(s, bank);
}

void sim_count(sim_stats *s, const isa_events *e) {
#define EVENT(name, unit, summary) s->name += e->name;
#include "isa/count/events.def"
}

// Rows of an operand that all rows of the instruction read: one each, but for those that look
// around; what a table puts before or behind rows is not read from them.
static uint64_t rows_read(const sim_ctx *c, const isa_buffer *b) {
    if (c->insn->op == ISA_prefix || c->insn->op == ISA_suffix)
        return c->rows ? (uint64_t)c->rows - c->desc->tables[c->insn->x].rows : 0;
    return (uint64_t)c->rows * (uint64_t)isa_rows_read(c->insn, c->state->stores[b->parent].rows);
}

// Bytes that buffer operands move, by space. A row counts with its trailer.
static void count_operands(sim_ctx *c, const sim_uses *u) {
    for (int k = 0; k < u->n; k++) {
        const isa_buffer *b = &c->desc->buffers[u->buffer[k]];
        bool written = k == u->written;
        uint64_t rows = written ? (uint64_t)c->rows : rows_read(c, b);
        uint64_t bytes = rows * isa_row_bytes((isa_btype)b->type, b->width);
        if (b->space == ISA_PAD)
            c->stats->scratchpad_bytes += bytes;
        else if (written)
            c->stats->memory_writes += bytes;
        else
            c->stats->memory_reads += bytes;
    }
}

// Elements that go through the lanes of a digital unit, and those that it makes codes.
static void count_lanes(sim_ctx *c) {
    const isa_buffer *a = &c->desc->buffers[c->insn->a];
    uint64_t rows = (uint64_t)c->rows *
                    (uint64_t)(c->insn->op == ISA_rred ? c->state->stores[a->parent].rows : 1);
    isa_events e = {0};
    isa_count_digital(&e, c->s->chip, isa_digital_of(c->insn), rows * a->width);
    if (isa_quantises(c->desc, c->insn))
        isa_count_digital(&e, c->s->chip, ISA_DIGITAL_quantise,
                          (uint64_t)c->rows * c->desc->buffers[c->insn->d].width);
    sim_count(c->stats, &e);
}

static void show(sim_ctx *c) {
    sim_rows d = sim_source(c, c->insn->d);
    arena *a = arena_new();
    bool integer = d.type == ISA_RAW || d.type == ISA_I32;
    tensor t = tensor_new(a, integer ? ELEM_i32 : ELEM_f32, 2, (int64_t[]){d.rows, d.width});
    for (int64_t r = 0; r < d.rows; r++) {
        float *to = (float *)t.data + r * d.width;
        const void *row = integer ? sim_row_at(&d, r) : sim_row_f32(&d, r, to);
        if (row != to) memcpy(to, row, d.width * sizeof *to);
    }
    c->s->observer(c->s->observer_ctx, c->tile, c->phase, c->pc, &t);
    arena_free(a);
}

static void execute(sim *s, uint32_t phase, uint32_t bank, uint32_t at) {
    sim_phase *ph = &s->phases[phase];
    isa_step step = ph->order[at];
    const isa_tile *desc = &s->p->tiles[step.tile];
    const isa_insn *i = &desc->phase[phase].code[step.pc];
    const isa_info *info = isa_info_of(i->op);
    sim_tile *tile = &s->tiles[step.tile];
    sim_ctx c = {.s = s,
                 .desc = desc,
                 .state = tile,
                 .insn = i,
                 .tile = step.tile,
                 .phase = phase,
                 .pc = step.pc,
                 .bank = bank,
                 .digital = info->unit == ISA_UNIT_digital,
                 .rows = tile->rows[i->dom % ISA_DOMAINS],
                 .pos = tile->pos[i->dom % ISA_DOMAINS],
                 .stats = &ph->stats[ph->base[step.tile] + step.pc]};
    executors[i->op](&c);
    c.stats->instructions++;
    if (info->unit != ISA_UNIT_control) c.stats->rows += (uint64_t)c.rows;
    const sim_uses *u = &ph->uses[ph->base[step.tile] + step.pc];
    count_operands(&c, u);
    if (info->unit == ISA_UNIT_digital || i->op == ISA_recvadd) count_lanes(&c);
    if (s->observer && u->written >= 0) show(&c);
    for (unsigned k = 0; k < u->n; k++) {
        uint16_t parent = desc->buffers[u->buffer[k]].parent;
        sim_store *st = &tile->stores[parent];
        if (ph->last[step.tile][parent] != at || !st->data) continue;
        sim_block_give(s, st->data, st->capacity);
        *st = (sim_store){0};
    }
}

static int first_domain(const sim *s) { // of the last phase: the one that streams
    unsigned free = s->p->n_phases ? s->p->phases[s->p->n_phases - 1].free_domains : 0;
    return free ? __builtin_ctz(free) : 0;
}

bool sim_step(sim *s, uint32_t phase, uint32_t bank, bool reset, const int64_t *rows,
              const tensor *inputs, arena *a, tensor *outputs, diag_sink *diags) {
    if (!sim_launch_check(s, phase, bank, reset, rows, inputs, diags)) return false;
    if (reset) reset_bank(s, bank);
    sim_bank *b = &s->banks[bank];
    const isa_phase *ph = &s->p->phases[phase];
    for (uint32_t t = 0; t < s->p->n_tiles; t++)
        for (int d = 0; d < ISA_DOMAINS; d++) {
            s->tiles[t].rows[d] = ph->free_domains >> d & 1 ? rows[d] : 0;
            s->tiles[t].pos[d] = b->pos[d];
        }
    if (s->recorder)
        s->recorder->step(s->recorder->ctx, phase, bank, b->pos[first_domain(s)], rows);
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->p->n_ports; i++)
        if (s->p->ports[i].direction == ISA_PORT_OUT)
            outputs[n++] = (tensor){.type = s->p->ports[i].type == ISA_I32 ? ELEM_i32 : ELEM_f32,
                                    .rank = 2,
                                    .dim = {0, s->p->ports[i].width}};
    s->inputs = inputs, s->outputs = outputs, s->out_arena = a;
    for (uint32_t i = 0; i < s->phases[phase].n; i++) execute(s, phase, bank, i);
    s->inputs = NULL, s->outputs = NULL, s->out_arena = NULL;
    for (int d = 0; d < ISA_DOMAINS; d++)
        if (ph->free_domains >> d & 1) b->pos[d] += rows[d];
    b->ran[phase]++;
    return true;
}

// --- positions, observation, counters

int64_t sim_pos(const sim *s, uint32_t bank) {
    CHECK(bank < s->p->banks, "bank %u", bank);
    return s->banks[bank].pos[first_domain(s)];
}

void sim_set_pos(sim *s, uint32_t bank, int64_t pos) {
    CHECK(bank < s->p->banks && pos >= 0, "position %lld of bank %u", (long long)pos, bank);
    s->banks[bank].pos[first_domain(s)] = pos;
}

void sim_observe(sim *s, sim_observer f, void *ctx) {
    s->observer = f;
    s->observer_ctx = ctx;
}

void sim_record(sim *s, const sim_recorder *r) { s->recorder = r; }

static void stats_add(sim_stats *to, const sim_stats *s) {
#define STAT(name, unit, summary) to->name += s->name;
#include "runtime-sim/stats.def"
}

sim_stats sim_totals(const sim *s) {
    sim_stats total = {0};
    for (uint32_t i = 0; i < s->p->n_phases; i++)
        for (uint32_t k = 0; k < s->phases[i].n; k++) stats_add(&total, &s->phases[i].stats[k]);
    return total;
}

sim_stats sim_insn_stats(const sim *s, uint32_t phase, uint32_t tile, uint32_t pc) {
    CHECK(phase < s->p->n_phases && tile < s->p->n_tiles &&
              pc < s->p->tiles[tile].phase[phase].count,
          "phase %u tile %u pc %u", phase, tile, pc);
    return s->phases[phase].stats[s->phases[phase].base[tile] + pc];
}
