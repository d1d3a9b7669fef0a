// Programs for the tests of isa/: one by hand (two tiles of worked example 3a), and random ones.
#ifndef OHMIC_TESTS_ISA_SAMPLE_H
#define OHMIC_TESTS_ISA_SAMPLE_H
#include "isa/desc.h"
#include "isa/operand.h"
#include "isa/program.h"
#include "tests/random.h"
#include <stdlib.h>
#include <string.h>

// A canonical instruction with any operands; `limit` bounds descriptor numbers.
static inline isa_insn sample_insn(random_stream *r, uint32_t limit) {
    const isa_info *info = &isa_infos[random_below(r, (uint32_t)isa_infos_count)];
    isa_insn i = {.op = info->opcode,
                  .dom = (uint8_t)random_below(r, ISA_DOMAINS),
                  .mode = (uint8_t)(info->modes.count ? random_below(r, info->modes.count) : 0)};
    for (unsigned k = 0; k < info->n_operands; k++) {
        const isa_operand *o = &info->operands[k];
        const isa_enum *names = isa_operand_enum(o->kind);
        uint32_t v = 0;
        if (o->optional && random_below(r, 3) == 0) {
            v = isa_operand_none(o->field);
        } else if (names) {
            v = random_below(r, names->count);
        } else {
            switch (o->kind) {
            case ISA_KIND_u:
            case ISA_KIND_i:
            case ISA_KIND_f:
                v = (uint32_t)random_u64(r);
                if (o->field != ISA_FIELD_imm) v &= 0x7FFF;
                break;
            default: v = random_below(r, limit);
            }
        }
        isa_operand_set(&i, o->field, v);
    }
    return i;
}

static inline isa_buffer sample_buffer(isa_program *p, const char *name, isa_btype type,
                                       uint32_t width, uint16_t own, uint64_t base) {
    return (isa_buffer){.name = isa_program_string(p, name),
                        .type = (uint8_t)type,
                        .parent = own,
                        .width = width,
                        .depth = 4,
                        .stride = (isa_row_bytes(type, width) + 15) / 16 * 16,
                        .base = base,
                        .quant = type == ISA_Q8 ? ISA_QUANT_SYM : ISA_QUANT_NONE};
}

// Tile 0 receives, normalises, multiplies and attends; tile 1 takes the result out.
static inline isa_program *sample_program(void) {
    isa_program *p = isa_program_new();
    arena *a = p->arena;
    p->max_tokens = 256;
    p->max_chunk = 16;
    p->n_phases = 1;
    p->phases[0] = (isa_phase){.name = "run", .free_domains = 1, .max_rows = {16}};
    p->chip = "name: test\n";
    p->ir = "func @run() {\n  return\n}\n";
    p->proof = "rows are tokens\n";
    p->tool = "ohmic 0.1.0";
    p->n_tiles = 2;
    p->tiles = ARENA_ARRAY(a, isa_tile, 2);
    isa_tile *t = &p->tiles[0];
    t->n_buffers = 6;
    t->buffers = ARENA_ARRAY(a, isa_buffer, 6);
    t->buffers[0] = sample_buffer(p, "x", ISA_F32, 4, 0, 0);
    t->buffers[1] = sample_buffer(p, "n", ISA_Q8, 4, 1, 64);
    t->buffers[2] = sample_buffer(p, "qkv", ISA_F32, 12, 2, 192);
    t->buffers[3] = t->buffers[4] = t->buffers[2];
    t->buffers[3].name = isa_program_string(p, "q");
    t->buffers[3].width = 4;
    t->buffers[4].name = isa_program_string(p, "kv");
    t->buffers[4].width = 8;
    t->buffers[4].col0 = 4;
    t->buffers[3].parent = t->buffers[4].parent = 2;
    t->buffers[5] = sample_buffer(p, "o", ISA_F32, 4, 5, 384);
    t->n_tables = 1;
    t->tables = ARENA_ARRAY(a, isa_table, 1);
    t->tables[0] = (isa_table){
        .name = isa_program_string(p, "ln1"), .type = ISA_F32, .rows = 1, .width = 8, .data = 0};
    t->n_groups = 1;
    t->groups = ARENA_ARRAY(a, isa_group, 1);
    t->groups[0] = (isa_group){.name = isa_program_string(p, "g.qkv"),
                               .k = 4,
                               .k1 = 4,
                               .n = 12,
                               .n_blocks = 2,
                               .cells = 0,
                               .scale = 64,
                               .zero = ISA_NO_OFFSET,
                               .colsum = 128,
                               .bias = ISA_NO_OFFSET};
    t->n_blocks = 2;
    t->blocks = ARENA_ARRAY(a, isa_block, 2);
    t->blocks[0] = (isa_block){.rows = 4, .cols = 8};
    t->blocks[1] = (isa_block){.crossbar = 1, .n0 = 8, .rows = 4, .cols = 4};
    t->n_rings = 1;
    t->rings = ARENA_ARRAY(a, isa_ring, 1);
    t->rings[0] = (isa_ring){.name = isa_program_string(p, "r"),
                             .n_kv = 2,
                             .q_per_kv = 1,
                             .d = 2,
                             .dv = 2,
                             .slots = 256,
                             .window = 256,
                             .scale = 0.70710678f,
                             .bias_table = ISA_NO_OFFSET,
                             .sink = ISA_NO_OFFSET,
                             .cell = ISA_NO_OFFSET,
                             .scalings = ISA_NO_OFFSET,
                             .past_key = isa_program_string(p, "past.0.key"),
                             .kv_layout = isa_program_string(p, "bhtd")};
    static const isa_insn code_0[] = {
        {.op = ISA_in},
        {.op = ISA_norm, .mode = 1, .d = 1, .imm = 0x3727C5AC}, // 1e-5
        {.op = ISA_mvm, .d = 2, .a = 1, .b = ISA_NONE},
        {.op = ISA_attn, .d = 5, .a = 3, .b = 4, .n = ISA_NONE},
        {.op = ISA_ew2, .d = 5, .a = 0, .b = 5},
        {.op = ISA_send, .a = 5},
        {.op = ISA_halt},
    };
    t->phase[0].count = ARRAY_LEN(code_0);
    t->phase[0].code = arena_copy(a, code_0, sizeof code_0);
    t->phase[0].lines = ARENA_ARRAY(a, isa_line, ARRAY_LEN(code_0));
    const char *nodes[] = {"",
                           "/h.0/ln_1/Norm",
                           "/h.0/attn/q_proj/MatMul\n/h.0/attn/k_proj/MatMul",
                           "/h.0/attn/Softmax",
                           "/h.0/Add",
                           "",
                           ""};
    for (uint32_t i = 0; i < ARRAY_LEN(code_0); i++)
        t->phase[0].lines[i] =
            (isa_line){*nodes[i] ? i : UINT32_MAX, isa_program_string(p, nodes[i])};
    t = &p->tiles[1];
    t->n_buffers = 1;
    t->buffers = ARENA_ARRAY(a, isa_buffer, 1);
    t->buffers[0] = sample_buffer(p, "y", ISA_F32, 4, 0, 0);
    static const isa_insn code_1[] = {{.op = ISA_recv}, {.op = ISA_out, .x = 1}, {.op = ISA_halt}};
    t->phase[0].count = ARRAY_LEN(code_1);
    t->phase[0].code = arena_copy(a, code_1, sizeof code_1);
    p->n_channels = p->n_dests = 1;
    p->channels = ARENA_ARRAY(a, isa_channel, 1);
    p->channels[0] = (isa_channel){.name = isa_program_string(p, "c.out"),
                                   .type = ISA_F32,
                                   .width = 4,
                                   .depth = 4,
                                   .n_dests = 1};
    p->dests = ARENA_ARRAY(a, uint32_t, 1);
    p->dests[0] = 1;
    p->n_ports = 2;
    p->ports = ARENA_ARRAY(a, isa_port, 2);
    p->ports[0] = (isa_port){.name = isa_program_string(p, "hidden"),
                             .width = 4,
                             .shape = isa_program_string(p, "[1,t0,4]")};
    p->ports[1] = p->ports[0];
    p->ports[1].name = isa_program_string(p, "output:0");
    p->ports[1].direction = ISA_PORT_OUT;
    uint8_t *cells = arena_alloc(a, 48), *tables = arena_alloc(a, 176);
    for (int i = 0; i < 48; i++) cells[i] = (uint8_t)(i * 7);
    for (int i = 0; i < 176; i++) tables[i] = (uint8_t)(i * 5);
    p->cells = cells;
    p->cells_bytes = 48;
    p->tables = tables;
    p->tables_bytes = 176;
    return p;
}

// Names that assembly must quote, repeat or leave out are among these.
static inline uint32_t sample_name(isa_program *p, random_stream *r) {
    static const char *const names[] = {"",         "x",   "a.b",       "with space",
                                        "quo\"te",  "1st", "new\nline", "back\\slash",
                                        "\xc3\xa4", "-",   "_",         "t0"};
    if (random_below(r, 2)) return isa_program_string(p, names[random_below(r, ARRAY_LEN(names))]);
    char name[16];
    snprintf(name, sizeof name, "n%d", (int)random_in(r, 0, 99));
    return isa_program_string(p, name);
}

// Any bits that desc.def allows; the caller repairs what must fit together.
static inline void sample_fields(isa_program *p, random_stream *r, isa_desc_kind kind, void *d) {
    for (unsigned i = 0; i < isa_descs[kind].n_fields; i++) {
        const isa_field *f = &isa_descs[kind].fields[i];
        const isa_enum *names = isa_field_enum(f);
        uint64_t v = random_below(r, 3) ? random_below(r, 9) : 0;
        if (names) v = random_below(r, names->count);
        if (f->how == ISA_HOW_str) v = sample_name(p, r);
        if (f->how == ISA_HOW_off) v = ISA_NO_OFFSET;
        if (f->how == ISA_HOW_f) v = random_u64(r) & 0xFFFFFFFF;
        if (f->how == ISA_HOW_i && random_below(r, 2)) v = (uint64_t) - (int64_t)v;
        isa_field_set(f, d, v);
    }
}

// A program that passes isa_check_structure, means nothing, and has words that are no instructions.
static inline isa_program *sample_random(random_stream *r) {
    isa_program *p = isa_program_new();
    arena *a = p->arena;
    p->class = (isa_class)random_below(r, 2);
    p->max_tokens = 1 + random_below(r, 1000);
    p->max_chunk = 1 + random_below(r, 100);
    p->banks = 1 + random_below(r, 3);
    p->token_period_ns = random_below(r, 2) ? (double)(random_u64(r) >> 12) / 977 : 0;
    p->n_phases = 1 + random_below(r, 2);
    p->phases[0].name = p->n_phases == 1 ? "run" : "encode";
    p->phases[1].name = "step";
    for (uint32_t i = 0; i < p->n_phases; i++) {
        p->phases[i].free_domains = (uint8_t)random_u64(r);
        for (unsigned d = 0; d < ISA_DOMAINS; d++) {
            p->phases[i].max_rows[d] = random_below(r, 3) ? random_below(r, 100) : 0;
            p->phases[i].fixed_rows[d] = random_below(r, 3) ? 0 : p->phases[i].max_rows[d];
        }
    }
    p->chip = random_below(r, 2) ? "chip: yes\n\"quoted\" \\ \t\n" : "no newline at the end";
    p->ir = random_below(r, 2) ? "" : "\n\nfunc\n\n";
    p->notes = random_below(r, 2) ? "" : "note \xc3\xa9 without line end";
    p->tool = "test 1";
    uint8_t *cells = arena_alloc(a, 64 * 64), *tables = arena_alloc(a, 4096);
    for (int i = 0; i < 4096; i++) {
        cells[i] = (uint8_t)random_u64(r);
        tables[i] = (uint8_t)random_u64(r);
    }
    p->cells = cells;
    p->tables = tables;
    p->cells_bytes = p->tables_bytes = 4096;
    p->n_tiles = random_below(r, 4);
    p->tiles = ARENA_ARRAY(a, isa_tile, p->n_tiles);
    for (uint32_t i = 0; i < p->n_tiles; i++) {
        isa_tile *t = &p->tiles[i];
        t->n_buffers = random_below(r, 8);
        t->buffers = ARENA_ARRAY(a, isa_buffer, t->n_buffers);
        for (uint32_t k = 0; k < t->n_buffers; k++) {
            isa_buffer *b = &t->buffers[k];
            sample_fields(p, r, ISA_DESC_buffer, b);
            b->parent = (uint16_t)k;
            b->width = 1 + random_below(r, 9);
            b->depth++;
            b->stride = isa_row_bytes(b->type, b->width) + 16 * random_below(r, 2);
            uint32_t other = random_below(r, k + 1);
            if (other == k || t->buffers[other].parent != other || random_below(r, 2)) continue;
            const isa_buffer *q = &t->buffers[other];
            b->parent = (uint16_t)other;
            b->type = q->type;
            b->space = q->space;
            b->depth = q->depth;
            b->stride = q->stride;
            b->base = q->base;
            b->col0 = random_below(r, q->width);
            b->width = 1 + random_below(r, q->width - b->col0);
        }
        t->n_groups = random_below(r, 4);
        t->groups = ARENA_ARRAY(a, isa_group, t->n_groups);
        t->blocks = ARENA_ARRAY(a, isa_block, 2 * t->n_groups);
        for (uint32_t k = 0; k < t->n_groups; k++) {
            isa_group *g = &t->groups[k];
            sample_fields(p, r, ISA_DESC_group, g);
            g->k0 = random_below(r, 3);
            g->k1 = g->k0 + 1 + random_below(r, 5);
            g->k = g->k1 + random_below(r, 2);
            g->n = 1 + random_below(r, 9);
            g->first_block = t->n_blocks;
            g->n_blocks = g->kind == ISA_EPILOGUE ? 0 : random_below(r, 3);
            g->cells = g->kind == ISA_EPILOGUE ? ISA_NO_OFFSET : 4 * random_below(r, 9);
            g->scale = random_below(r, 2) ? ISA_NO_OFFSET : 4 * random_below(r, 9);
            for (uint32_t j = 0; j < g->n_blocks; j++) {
                isa_block *b = &t->blocks[t->n_blocks++];
                sample_fields(p, r, ISA_DESC_block, b);
                b->k0 = b->n0 = 0;
                b->rows = g->k1 - g->k0;
                b->cols = g->n;
            }
        }
        t->n_rings = random_below(r, 3);
        t->rings = ARENA_ARRAY(a, isa_ring, t->n_rings);
        for (uint32_t k = 0; k < t->n_rings; k++) {
            isa_ring *g = &t->rings[k];
            sample_fields(p, r, ISA_DESC_ring, g);
            g->n_kv++;
            g->q_per_kv++;
            g->d++;
            g->dv++;
            g->slots++;
            g->bias_width = 1;
            g->bias_zero = 0;
            if (g->bias != ISA_BIAS_NONE) g->bias_table = 8;
            g->readout = ISA_READ_SCORE; // a structure that nobody can refuse
            g->kv_levels = g->q_levels = g->p_levels = g->out_levels = g->adc_bits = 0;
            g->sink = ISA_NO_OFFSET;
        }
        t->n_tables = random_below(r, 3);
        t->tables = ARENA_ARRAY(a, isa_table, t->n_tables);
        for (uint32_t k = 0; k < t->n_tables; k++) {
            sample_fields(p, r, ISA_DESC_table, &t->tables[k]);
            t->tables[k].rows = t->tables[k].width = 1 + random_below(r, 3);
            t->tables[k].data = 4 * random_below(r, 9);
        }
    }
    p->n_channels = p->n_tiles ? random_below(r, 4) : 0;
    p->channels = ARENA_ARRAY(a, isa_channel, p->n_channels);
    p->dests = ARENA_ARRAY(a, uint32_t, 3 * p->n_channels);
    for (uint32_t i = 0; i < p->n_channels; i++) {
        isa_channel *c = &p->channels[i];
        sample_fields(p, r, ISA_DESC_channel, c);
        c->width++;
        c->depth++;
        c->source = random_below(r, p->n_tiles);
        c->first_dest = p->n_dests;
        c->n_dests = random_below(r, 4);
        for (uint32_t k = 0; k < c->n_dests; k++)
            p->dests[p->n_dests++] = random_below(r, p->n_tiles);
    }
    p->n_ports = random_below(r, 4);
    p->ports = ARENA_ARRAY(a, isa_port, p->n_ports);
    for (uint32_t i = 0; i < p->n_ports; i++) {
        sample_fields(p, r, ISA_DESC_port, &p->ports[i]);
        p->ports[i].width++;
        isa_port *port = &p->ports[i]; // a range is of i32
        if (port->lo > port->hi || port->type != ISA_I32) port->hi = port->lo;
    }
    for (uint32_t i = 0; i < p->n_tiles; i++) {
        for (uint32_t ph = 0; ph < p->n_phases; ph++) {
            uint32_t n = random_below(r, 12);
            p->tiles[i].phase[ph].count = n;
            p->tiles[i].phase[ph].code = ARENA_ARRAY(a, isa_insn, n);
            p->tiles[i].phase[ph].lines = ARENA_ARRAY(a, isa_line, n);
            for (uint32_t k = 0; k < n; k++) {
                isa_insn *insn = &p->tiles[i].phase[ph].code[k];
                *insn = sample_insn(r, 6);
                if (random_below(r, 10) == 0) insn->op = 0xEE;
                p->tiles[i].phase[ph].lines[k] =
                    random_below(r, 3) ? (isa_line){random_below(r, 50), sample_name(p, r)}
                                       : (isa_line){UINT32_MAX, 0};
            }
        }
    }
    return p;
}
#endif
