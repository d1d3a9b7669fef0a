#include "isa/file/parts.h"
#include "isa/code.h"
#include "isa/desc.h"
#include "isa/file/format.h"
#include "support/map.h"
#include <elf.h>

void ohm_put(ohm_bytes *b, const void *p, size_t n) {
    if (n == 0) return;
    vec_reserve(b, b->count + n);
    memcpy(b->items + b->count, p, n);
    b->count += n;
}

void ohm_put32(ohm_bytes *b, uint32_t v) {
    uint8_t bytes[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    ohm_put(b, bytes, 4);
}

void ohm_put64(ohm_bytes *b, uint64_t v) {
    ohm_put32(b, (uint32_t)v);
    ohm_put32(b, (uint32_t)(v >> 32));
}

// --- names

struct ohm_names {
    const isa_program *program;
    map *offsets;
    ohm_bytes bytes;
};

static void add_name(ohm_names *n, const char *s) {
    if (map_add(n->offsets, s, (uint32_t)n->bytes.count) == MAP_NONE)
        ohm_put(&n->bytes, s, strlen(s) + 1);
}

static void add_names(ohm_names *n, isa_desc_kind kind, const void *list, uint32_t count) {
    const isa_desc *d = &isa_descs[kind];
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *descriptor = (const uint8_t *)list + (size_t)i * d->struct_bytes;
        for (unsigned k = 0; k < d->n_fields; k++)
            if (d->fields[k].how == ISA_HOW_str)
                add_name(n,
                         isa_str(n->program, (uint32_t)isa_field_get(&d->fields[k], descriptor)));
    }
}

ohm_names *ohm_names_new(const isa_program *p) {
    ohm_names *n = base_calloc(1, sizeof *n);
    n->program = p;
    n->offsets = map_new();
    add_name(n, "");
    for (uint32_t i = 0; i < p->n_phases; i++) add_name(n, p->phases[i].name);
    add_names(n, ISA_DESC_port, p->ports, p->n_ports);
    add_names(n, ISA_DESC_channel, p->channels, p->n_channels);
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        const isa_tile *tile = &p->tiles[t];
        add_names(n, ISA_DESC_buffer, tile->buffers, tile->n_buffers);
        add_names(n, ISA_DESC_group, tile->groups, tile->n_groups);
        add_names(n, ISA_DESC_ring, tile->rings, tile->n_rings);
        add_names(n, ISA_DESC_table, tile->tables, tile->n_tables);
        for (uint32_t ph = 0; ph < p->n_phases; ph++)
            for (uint32_t i = 0; tile->phase[ph].lines && i < tile->phase[ph].count; i++)
                add_name(n, isa_str(p, tile->phase[ph].lines[i].node));
    }
    return n;
}

void ohm_names_free(ohm_names *n) {
    map_free(n->offsets);
    vec_free(&n->bytes);
    free(n);
}

void ohm_put_names(ohm_bytes *b, const ohm_names *n) { ohm_put(b, n->bytes.items, n->bytes.count); }

// --- sections

static void put_records(ohm_bytes *b, isa_desc_kind kind, const void *list, uint32_t count,
                        const ohm_names *names) {
    const isa_desc *d = &isa_descs[kind];
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *descriptor = (const uint8_t *)list + (size_t)i * d->struct_bytes;
        for (unsigned k = 0; k < d->n_fields; k++) {
            const isa_field *f = &d->fields[k];
            uint64_t v = isa_field_get(f, descriptor);
            if (f->how == ISA_HOW_str)
                v = map_get(names->offsets, isa_str(names->program, (uint32_t)v));
            uint8_t bytes[8];
            for (unsigned j = 0; j < f->bytes; j++) bytes[j] = (uint8_t)(v >> 8 * j);
            ohm_put(b, bytes, f->bytes);
        }
    }
}

void ohm_put_signature(ohm_bytes *b, const isa_program *p, const ohm_names *names) {
    ohm_put32(b, p->class);
    ohm_put32(b, p->max_tokens);
    ohm_put32(b, p->max_chunk);
    ohm_put32(b, p->banks);
    uint64_t period;
    memcpy(&period, &p->token_period_ns, sizeof period);
    ohm_put64(b, period);
    ohm_put32(b, p->n_phases);
    ohm_put32(b, p->n_ports);
    for (uint32_t i = 0; i < p->n_phases; i++) {
        const isa_phase *ph = &p->phases[i];
        ohm_put32(b, map_get(names->offsets, ph->name));
        ohm_put32(b, ph->free_domains);
        for (unsigned d = 0; d < ISA_DOMAINS; d++) ohm_put32(b, ph->max_rows[d]);
        for (unsigned d = 0; d < ISA_DOMAINS; d++) ohm_put32(b, ph->fixed_rows[d]);
    }
    put_records(b, ISA_DESC_port, p->ports, p->n_ports, names);
}

void ohm_put_descriptors(ohm_bytes *b, const isa_program *p, const ohm_names *names) {
    ohm_put32(b, p->n_tiles);
    ohm_put32(b, p->n_channels);
    ohm_put32(b, p->n_dests);
    ohm_put32(b, 0);
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        const isa_tile *tile = &p->tiles[t];
        ohm_put32(b, tile->n_buffers);
        ohm_put32(b, tile->n_groups);
        ohm_put32(b, tile->n_blocks);
        ohm_put32(b, tile->n_rings);
        ohm_put32(b, tile->n_tables);
    }
    put_records(b, ISA_DESC_channel, p->channels, p->n_channels, names);
    for (uint32_t i = 0; i < p->n_dests; i++) ohm_put32(b, p->dests[i]);
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        const isa_tile *tile = &p->tiles[t];
        put_records(b, ISA_DESC_buffer, tile->buffers, tile->n_buffers, names);
        put_records(b, ISA_DESC_group, tile->groups, tile->n_groups, names);
        put_records(b, ISA_DESC_block, tile->blocks, tile->n_blocks, names);
        put_records(b, ISA_DESC_ring, tile->rings, tile->n_rings, names);
        put_records(b, ISA_DESC_table, tile->tables, tile->n_tables, names);
    }
}

void ohm_put_code(ohm_bytes *b, const isa_program *p, uint32_t phase) {
    uint32_t words = 0;
    for (uint32_t t = 0; t < p->n_tiles; t++) words += p->tiles[t].phase[phase].count;
    ohm_put32(b, p->n_tiles);
    ohm_put32(b, words);
    ohm_put64(b, 0);
    words = 0;
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        ohm_put32(b, t);
        ohm_put32(b, words);
        ohm_put32(b, p->tiles[t].phase[phase].count);
        ohm_put32(b, 0);
        words += p->tiles[t].phase[phase].count;
    }
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        for (uint32_t i = 0; i < p->tiles[t].phase[phase].count; i++) {
            uint8_t word[16];
            isa_encode(&p->tiles[t].phase[phase].code[i], word);
            ohm_put(b, word, sizeof word);
        }
    }
}

void ohm_put_lines(ohm_bytes *b, const isa_program *p, uint32_t phase, const ohm_names *names) {
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        const isa_line *lines = p->tiles[t].phase[phase].lines;
        for (uint32_t i = 0; i < p->tiles[t].phase[phase].count; i++) {
            ohm_put32(b, lines ? lines[i].ir_op : UINT32_MAX);
            ohm_put32(b, lines ? map_get(names->offsets, isa_str(p, lines[i].node)) : 0);
        }
    }
}

void ohm_put_placement(ohm_bytes *b, const isa_program *p) {
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        for (uint32_t i = 0; i < p->tiles[t].n_groups; i++) {
            const isa_group *g = &p->tiles[t].groups[i];
            for (uint32_t k = 0; k < g->n_blocks; k++) {
                const isa_block *block = &p->tiles[t].blocks[g->first_block + k];
                char line[320];
                int n = snprintf(
                    line, sizeof line,
                    "%.100s [%u..%u, %u..%u]: tile %u, crossbar %u, rows %u..%u, columns %u..%u\n",
                    isa_str(p, g->name), g->k0 + block->k0, g->k0 + block->k0 + block->rows - 1,
                    block->n0, block->n0 + block->cols - 1, t, block->crossbar, block->row0,
                    block->row0 + block->rows - 1, block->col0, block->col0 + block->cols - 1);
                ohm_put(b, line, (size_t)n);
            }
        }
    }
}

// --- symbols

typedef struct {
    ohm_bytes *symtab, *strtab;
    map *names; // in strtab
} symbols;

static uint32_t symbol_name(symbols *s, const char *name) {
    uint32_t known = map_add(s->names, name, (uint32_t)s->strtab->count);
    if (known != MAP_NONE) return known;
    uint32_t at = (uint32_t)s->strtab->count;
    ohm_put(s->strtab, name, strlen(name) + 1);
    return at;
}

static void add_symbol(symbols *s, const char *name, unsigned type, unsigned section,
                       uint64_t value, uint64_t bytes) {
    ohm_put32(s->symtab, symbol_name(s, name));
    ohm_put32(s->symtab, ELF64_ST_INFO(STB_LOCAL, type) | STV_DEFAULT << 8 | section << 16);
    ohm_put64(s->symtab, value);
    ohm_put64(s->symtab, bytes);
}

typedef struct {
    uint64_t value, bytes;
} extent;

// A symbol for each ONNX node of the tile's line; a fused instruction belongs to several.
static void add_nodes(symbols *s, const isa_program *p, uint32_t tile, uint32_t phase,
                      unsigned section, uint64_t at) {
    const isa_line *lines = p->tiles[tile].phase[phase].lines;
    if (!lines) return;
    map *seen = map_new(); // node -> index in found
    VEC(extent) found = {0};
    for (uint32_t i = 0; i < p->tiles[tile].phase[phase].count; i++, at += 16) {
        const char *node = isa_str(p, lines[i].node);
        while (*node) {
            size_t n = strcspn(node, "\n");
            char *name = base_alloc(n + 1);
            memcpy(name, node, n);
            name[n] = 0;
            node += n + (node[n] == '\n');
            uint32_t k = n == 0 ? MAP_NONE : map_add(seen, name, (uint32_t)found.count);
            free(name);
            if (n == 0) continue;
            if (k == MAP_NONE) {
                k = (uint32_t)found.count;
                vec_push(&found, (extent){at, 0});
            }
            found.items[k].bytes += 16;
        }
    }
    for (size_t k = 0; k < found.count; k++)
        add_symbol(s, map_key(seen, k), STT_FUNC, section, found.items[k].value,
                   found.items[k].bytes);
    vec_free(&found);
    map_free(seen);
}

void ohm_put_symbols(ohm_bytes *symtab, ohm_bytes *strtab, const isa_program *p,
                     const unsigned *code, unsigned cells) {
    symbols s = {symtab, strtab, map_new()};
    ohm_put(strtab, "", 1);
    map_add(s.names, "", 0);
    for (unsigned i = 0; i < sizeof(Elf64_Sym) / 8; i++) ohm_put64(symtab, 0);
    for (uint32_t ph = 0; ph < p->n_phases; ph++) {
        uint64_t words = 0, first = OHM_CODE_HEADER + 16 * (uint64_t)p->n_tiles;
        for (uint32_t t = 0; t < p->n_tiles; t++) words += p->tiles[t].phase[ph].count;
        add_symbol(&s, p->phases[ph].name, STT_FUNC, code[ph], first, 16 * words);
        for (uint32_t t = 0; t < p->n_tiles; t++) {
            add_nodes(&s, p, t, ph, code[ph], first);
            first += 16 * (uint64_t)p->tiles[t].phase[ph].count;
        }
    }
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        for (uint32_t i = 0; i < p->tiles[t].n_groups; i++) {
            const isa_group *g = &p->tiles[t].groups[i];
            if (g->cells == ISA_NO_OFFSET) continue;
            add_symbol(&s, isa_str(p, g->name), STT_OBJECT, cells, g->cells,
                       (uint64_t)(g->k1 - g->k0) * g->n * (g->wtype == ISA_W_F32 ? 4 : 1));
        }
    }
    map_free(s.names);
}
