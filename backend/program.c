// The program: straight lines of instructions per tile, channels, phases; see backend.h.
#include "backend/parts.h"
#include "ir/mapped.h"
#include "ir/text/text.h"
#include "isa/operand.h"
#include "support/name.h"
#include <string.h>

// ---- domains ---------------------------------------------------------------------------------

static void put(be_emitter *e, int tile, isa_insn i, const ir_op *op) {
    be_tile *t = &e->tiles[tile];
    vec_push(&t->phase[e->phase].code, i);
    isa_line line = {.ir_op = op ? (uint32_t)(op - e->f->ops.items) : UINT32_MAX};
    const char *nodes = "";
    for (uint32_t k = 0; op && k < op->n_locs; k++)
        nodes = k ? arena_printf(e->p->arena, "%s\n%s", nodes, op->loc[k]) : op->loc[0];
    line.node = isa_program_string(e->p, nodes);
    vec_push(&t->phase[e->phase].lines, line);
}

// Most rows of a free domain in a step of the function.
static int64_t max_chunk_of(const ir_module *m, const ir_func *f) {
    return ir_attr_int(&f->attrs, IR_ATTR_max_chunk, ir_attr_int(&m->attrs, IR_ATTR_max_chunk, 1));
}

// Makes sure that a tile has set a derived domain (and what it derives from) before its first use.
static void need_domain(be_emitter *e, int tile, int dom) {
    if (dom < 0 || (e->tiles[tile].domains >> dom & 1)) return;
    const ir_domain *d = &e->m->domain[dom];
    e->tiles[tile].domains |= (uint8_t)(1u << dom);
    if (d->kind == IR_DOMAIN_FREE) return;
    need_domain(e, tile, d->of);
    isa_insn i = {.op = ISA_settl, .d = (uint16_t)dom, .x = (uint16_t)d->of};
    if (d->kind == IR_DOMAIN_ONE) {
        i.n = ISA_TL_ONE;
    } else if (d->kind == IR_DOMAIN_LAST) {
        i.n = ISA_TL_LAST;
    } else if (d->mul == 1 && d->div == 1 && d->add > 0) {
        i.n = ISA_TL_PREFIX;
        i.imm = (uint32_t)d->add;
    } else {
        i.n = ISA_TL_LIN;
        i.imm = isa_lin_imm((isa_lin){(uint32_t)d->mul, (uint32_t)d->add, (uint32_t)d->div});
        if (d->mul < 0 || d->mul > 255 || d->add < 0 || d->add > 255 || d->div < 1 ||
            d->div > 255) {
            diag_emit(
                e->diags, DIAG_ID_no_instruction, DIAG_NOWHERE,
                "domain t%d has (%lld rows of t%d + %lld) / %lld rows, settl takes numbers up "
                "to 255",
                dom, (long long)d->mul, d->of, (long long)d->add, (long long)d->div);
            e->failed = true;
        }
    }
    put(e, tile, i, NULL);
}

// ---- instructions ----------------------------------------------------------------------------

static int64_t num(const ir_op *op, ir_key k) { return ir_attr_int(&op->attrs, k, 0); }

static const be_insn_function functions[IR_OP_COUNT] = {
#define OP(unit, name, stages, n_min, n_max, results, attributes, class, kind, rows, home, rule, \
           lowering, emission, summary)                                                          \
    be_insn_##emission,
#include "ir/ops.def"
};

// Fields that an instruction does not have are 0; optional ones that are absent ISA_NONE.
static void settle(isa_insn *i) {
    const isa_info *info = isa_info_of(i->op);
    unsigned has = 0;
    for (unsigned k = 0; k < info->n_operands; k++) has |= 1u << info->operands[k].field;
    for (unsigned f = 0; f < ISA_COUNT_field; f++)
        if (!(has >> f & 1)) isa_operand_set(i, (isa_operand_field)f, 0);
}

static void emit_op(be_emitter *e, const ir_op *op) {
    if (functions[op->code] == be_insn_nothing) return;
    int tile = (int)num(op, IR_ATTR_tile);
    isa_insn i = {.d = ISA_NONE, .a = ISA_NONE, .b = ISA_NONE, .x = ISA_NONE, .n = ISA_NONE};
    bool row = op->n_results > 0 && op->code != IR_net_send;
    int dom = ir_type_domain(ir_type_of(e->f, row ? op->result[0] : op->operand[0]));
    i.dom = (uint8_t)max_i64(0, dom);
    need_domain(e, tile, dom);
    for (uint32_t k = 0; k < op->n_operands; k++)
        if (op->operand[k] != IR_NONE)
            need_domain(e, tile, ir_type_domain(ir_type_of(e->f, op->operand[k])));
    if (row) i.d = be_buffer(e, op->result[0]);
    if (!functions[op->code](e, op, tile, &i)) return;
    settle(&i);
    put(e, tile, i, op);
}

// ---- channels, phases, the whole -------------------------------------------------------------

typedef VEC(uint32_t) dest_list;

static void channels_of(be_emitter *e, const ir_func *f, dest_list *dests) {
    uint32_t *next = ir_count_uses(e->p->arena, f); // of what a send makes: its next destination
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        if (op->code != IR_net_send) continue;
        const ir_type *t = ir_type_of(f, op->operand[0]);
        const char *name = f->values.items[op->operand[0]].name;
        isa_channel *c = &e->p->channels[num(op, IR_ATTR_channel)];
        *c = (isa_channel){.name = name ? isa_program_string(e->p, name) : 0,
                           .source = (uint32_t)num(op, IR_ATTR_tile),
                           .type = (uint8_t)be_row_type(f, op->operand[0]),
                           .dom = (uint8_t)max_i64(0, ir_type_domain(t)),
                           .width = (uint32_t)ir_type_width(t),
                           .depth = (uint32_t)num(op, IR_ATTR_depth),
                           .first_dest = (uint32_t)dests->count,
                           .n_dests = next[op->result[0]]};
        next[op->result[0]] = c->first_dest;
        for (uint32_t k = 0; k < c->n_dests; k++) vec_push(dests, 0);
    }
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *to = &f->ops.items[i];
        for (uint32_t k = 0; k < to->n_operands; k++) {
            const ir_op *from = to->operand[k] == IR_NONE ? NULL : ir_def(f, to->operand[k]);
            if (from && from->code == IR_net_send)
                dests->items[next[to->operand[k]]++] = (uint32_t)num(to, IR_ATTR_tile);
        }
    }
}

static void channels(be_emitter *e) {
    dest_list dests = {0};
    uint32_t count = 0;
    for (size_t k = 0; k < e->m->funcs.count; k++) {
        const ir_func *f = e->m->funcs.items[k];
        for (size_t i = 0; i < f->ops.count; i++) count += f->ops.items[i].code == IR_net_send;
    }
    e->p->channels = ARENA_ARRAY(e->p->arena, isa_channel, count + 1);
    e->p->n_channels = count;
    for (size_t k = 0; k < e->m->funcs.count; k++) channels_of(e, e->m->funcs.items[k], &dests);
    e->p->dests = arena_copy(e->p->arena, dests.items, dests.count * sizeof *dests.items);
    e->p->n_dests = (uint32_t)dests.count;
    vec_free(&dests);
}

// The function has values of the domain, or of one that derives from it.
static bool counts_domain(const be_emitter *e, int d) {
    for (size_t v = 1; v < e->f->values.count; v++) {
        int of = ir_type_domain(&e->f->values.items[v].type);
        if (of >= 0 && ir_domain_root(e->m, of) == d) return true;
    }
    return false;
}

static void phase(be_emitter *e) {
    isa_phase *ph = &e->p->phases[e->p->n_phases++];
    int64_t chunk = max_chunk_of(e->m, e->f);
    ph->name = arena_str(e->p->arena, e->f->name);
    for (int d = 0; d < IR_MAX_DOMAINS; d++) {
        const ir_domain *dom = &e->m->domain[d];
        if (!ir_domain_is(e->m, d, IR_DOMAIN_FREE)) continue;
        if (e->m->funcs.count > 1 && !counts_domain(e, d)) continue; // of another phase
        ph->free_domains |= (uint8_t)(1u << d);
        ph->max_rows[d] = (uint32_t)min_i64(dom->max, chunk);
        ph->fixed_rows[d] = (uint32_t)dom->fixed;
    }
}

// One line each, whatever names stand in them.
static const char *lines_of(arena *a, const ir_text_list *list) {
    size_t n = 0, at = 0;
    const char **line = ARENA_ARRAY(a, const char *, list->count + 1);
    for (size_t i = 0; i < list->count; i++)
        n += strlen(line[i] = name_text(a, list->items[i])) + 1;
    char *s = arena_alloc(a, n + 1);
    for (size_t i = 0; i < list->count; i++) {
        strcpy(s + at, line[i]);
        at += strlen(line[i]);
        s[at++] = '\n';
    }
    return s;
}

#define KEEP(to, list)                                                                     \
    do {                                                                                   \
        (to) = arena_copy(e->p->arena, (list).items, (list).count * sizeof *(list).items); \
        vec_free(&(list));                                                                 \
    } while (0)

static void keep_tiles(be_emitter *e) {
    e->p->tiles = ARENA_ARRAY(e->p->arena, isa_tile, e->n_tiles + 1);
    e->p->n_tiles = (uint32_t)e->n_tiles;
    for (int i = 0; i < e->n_tiles; i++) {
        be_tile *t = &e->tiles[i];
        isa_tile *to = &e->p->tiles[i];
        to->n_buffers = (uint32_t)t->buffers.count;
        to->n_groups = (uint32_t)t->groups.count;
        to->n_blocks = (uint32_t)t->blocks.count;
        to->n_rings = (uint32_t)t->rings.count;
        to->n_tables = (uint32_t)t->tables.count;
        KEEP(to->buffers, t->buffers);
        KEEP(to->groups, t->groups);
        KEEP(to->blocks, t->blocks);
        KEEP(to->rings, t->rings);
        KEEP(to->tables, t->tables);
        for (size_t k = 0; k < e->m->funcs.count; k++) {
            to->phase[k].count = (uint32_t)t->phase[k].code.count;
            KEEP(to->phase[k].code, t->phase[k].code);
            KEEP(to->phase[k].lines, t->phase[k].lines);
        }
        vec_free(&t->older);
        map_free(t->group_index);
        map_free(t->ring_index);
        map_free(t->table_index);
    }
}

static void ring_domains(be_emitter *e) {
    for (size_t i = 0; i < e->f->ops.count; i++) {
        const ir_op *op = &e->f->ops.items[i];
        if (ir_stores(op))
            map_add(e->ring_domains, ir_attr_str(&op->attrs, IR_ATTR_ring, ""),
                    (uint32_t)ir_type_domain(ir_type_of(e->f, op->operand[ir_keys_at(op)])));
    }
}

// The lines of one function.
static void emit_phase(be_emitter *e, size_t k) {
    e->f = e->m->funcs.items[k];
    e->phase = k;
    e->buffer = ARENA_ARRAY(e->p->arena, uint32_t, e->f->values.count + 1);
    be_buffers(e);
    if (e->failed) return;
    ring_domains(e);
    phase(e);
    for (int i = 0; i < e->n_tiles; i++) e->tiles[i].domains = 0;
    for (size_t i = 0; i < e->f->ops.count; i++) emit_op(e, &e->f->ops.items[i]);
    for (int i = 0; i < e->n_tiles; i++) put(e, i, (isa_insn){.op = ISA_halt}, NULL);
}

isa_program *be_emit(ir_module *m, const machine *chip, const char *tool, diag_sink *diags) {
    CHECK(m->stage == IR_MAPPED && m->funcs.count >= 1 && m->funcs.count <= ISA_MAX_PHASES,
          "be_emit wants a mapped function for each phase");
    be_emitter emitter = {.m = m, .chip = chip, .p = isa_program_new(), .diags = diags};
    be_emitter *e = &emitter;
    isa_program *p = e->p;
    p->class = IR_WORD(&m->attrs, class, program_class, CLASS_STREAM) == IR_CLASS_WHOLE
                   ? ISA_WHOLE
                   : ISA_STREAM;
    p->max_tokens = (uint32_t)ir_attr_int(&m->attrs, IR_ATTR_max_tokens, 1);
    p->banks = (uint32_t)ir_attr_int(&m->attrs, IR_ATTR_banks, 1);
    p->token_period_ns = ir_attr_float(&m->attrs, IR_ATTR_token_period, 0);
    for (size_t k = 0; k < m->funcs.count; k++) {
        const ir_func *f = m->funcs.items[k];
        p->max_chunk = (uint32_t)max_i64(p->max_chunk, max_chunk_of(m, f));
        for (size_t i = 0; i < f->ops.count; i++)
            e->n_tiles = (int)max_i64(e->n_tiles, num(&f->ops.items[i], IR_ATTR_tile) + 1);
    }
    e->tiles = base_calloc((size_t)e->n_tiles + 1, sizeof *e->tiles);
    for (int i = 0; i < e->n_tiles; i++) {
        e->tiles[i].group_index = map_new();
        e->tiles[i].ring_index = map_new();
        e->tiles[i].table_index = map_new();
    }
    e->table_offsets = map_new();
    e->sums_index = map_new();
    e->ring_domains = map_new();
    be_ports(e);
    channels(e);
    for (size_t k = 0; k < m->funcs.count; k++) emit_phase(e, k);
    keep_tiles(e);
    p->n_cell_pieces = (uint32_t)e->cells.count;
    p->n_table_pieces = (uint32_t)e->tables.count;
    p->cells_bytes = e->cells_bytes;
    p->tables_bytes = e->tables_bytes;
    KEEP(p->cell_pieces, e->cells);
    KEEP(p->table_pieces, e->tables);
    p->chip = machine_text(p->arena, chip);
    char *text = ir_print_string(m);
    p->ir = arena_str(p->arena, text);
    free(text);
    p->proof = lines_of(p->arena, &m->proof);
    p->notes = lines_of(p->arena, &m->notes);
    p->tool = arena_str(p->arena, tool);
    map_free(e->table_offsets);
    map_free(e->sums_index);
    vec_free(&e->sums);
    map_free(e->ring_domains);
    vec_free(&e->offsets);
    free(e->tiles);
    if (!e->failed) return p;
    isa_program_free(p);
    return NULL;
}
