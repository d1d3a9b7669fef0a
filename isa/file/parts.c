#include "isa/file/parts.h"
#include "isa/code.h"
#include "isa/desc.h"
#include "isa/file/format.h"
#include "support/map.h"
#include "support/name.h"
#include <elf.h>

// --- names

struct ohm_names {
    const isa_program *program;
    map *offsets;
    bytes_out bytes;
};

static void add_name(ohm_names *n, const char *s) {
    if (map_add(n->offsets, s, (uint32_t)n->bytes.count) == MAP_NONE)
        bytes_put(&n->bytes, s, strlen(s) + 1);
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

void ohm_put_names(bytes_out *b, const ohm_names *n) {
    bytes_put(b, n->bytes.items, n->bytes.count);
}

// --- sections

static uint32_t new_offset(const void *ctx, uint32_t offset) {
    const ohm_names *names = ctx;
    return map_get(names->offsets, isa_str(names->program, offset));
}

static void put_records(bytes_out *b, isa_desc_kind kind, const void *list, uint32_t count,
                        const ohm_names *names) {
    isa_desc_put(b, kind, list, count, new_offset, names);
}

void ohm_put_signature(bytes_out *b, const isa_program *p, const ohm_names *names) {
    bytes_put32(b, p->class);
    bytes_put32(b, p->max_tokens);
    bytes_put32(b, p->max_chunk);
    bytes_put32(b, p->banks);
    uint64_t period;
    memcpy(&period, &p->token_period_ns, sizeof period);
    bytes_put64(b, period);
    bytes_put32(b, p->n_phases);
    bytes_put32(b, p->n_ports);
    for (uint32_t i = 0; i < p->n_phases; i++) {
        const isa_phase *ph = &p->phases[i];
        bytes_put32(b, map_get(names->offsets, ph->name));
        bytes_put32(b, ph->free_domains);
        bytes_put_words(b, ph->max_rows, ISA_DOMAINS);
        bytes_put_words(b, ph->fixed_rows, ISA_DOMAINS);
    }
    put_records(b, ISA_DESC_port, p->ports, p->n_ports, names);
}

void ohm_put_descriptors(bytes_out *b, const isa_program *p, const ohm_names *names) {
    bytes_put32(b, p->n_tiles);
    bytes_put32(b, p->n_channels);
    bytes_put32(b, p->n_dests);
    bytes_put32(b, 0);
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        const isa_tile *tile = &p->tiles[t];
        bytes_put32(b, tile->n_buffers);
        bytes_put32(b, tile->n_groups);
        bytes_put32(b, tile->n_blocks);
        bytes_put32(b, tile->n_rings);
        bytes_put32(b, tile->n_tables);
    }
    put_records(b, ISA_DESC_channel, p->channels, p->n_channels, names);
    bytes_put_words(b, p->dests, p->n_dests);
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        const isa_tile *tile = &p->tiles[t];
        put_records(b, ISA_DESC_buffer, tile->buffers, tile->n_buffers, names);
        put_records(b, ISA_DESC_group, tile->groups, tile->n_groups, names);
        put_records(b, ISA_DESC_block, tile->blocks, tile->n_blocks, names);
        put_records(b, ISA_DESC_ring, tile->rings, tile->n_rings, names);
        put_records(b, ISA_DESC_table, tile->tables, tile->n_tables, names);
    }
}

void ohm_put_code(bytes_out *b, const isa_program *p, uint32_t phase) {
    uint32_t words = 0;
    for (uint32_t t = 0; t < p->n_tiles; t++) words += p->tiles[t].phase[phase].count;
    bytes_put32(b, p->n_tiles);
    bytes_put32(b, words);
    bytes_put64(b, 0);
    words = 0;
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        bytes_put32(b, t);
        bytes_put32(b, words);
        bytes_put32(b, p->tiles[t].phase[phase].count);
        bytes_put32(b, 0);
        words += p->tiles[t].phase[phase].count;
    }
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        for (uint32_t i = 0; i < p->tiles[t].phase[phase].count; i++) {
            uint8_t word[16];
            isa_encode(&p->tiles[t].phase[phase].code[i], word);
            bytes_put(b, word, sizeof word);
        }
    }
}

void ohm_put_lines(bytes_out *b, const isa_program *p, uint32_t phase, const ohm_names *names) {
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        const isa_line *lines = p->tiles[t].phase[phase].lines;
        for (uint32_t i = 0; i < p->tiles[t].phase[phase].count; i++) {
            bytes_put32(b, lines ? lines[i].ir_op : UINT32_MAX);
            bytes_put32(b, lines ? map_get(names->offsets, isa_str(p, lines[i].node)) : 0);
        }
    }
}

// CSV, ends not included: the part [k0, k1) x [n0, n1) of a group stands on word lines from row on
// and weight columns from column on.
void ohm_put_placement(bytes_out *b, const isa_program *p) {
    static const char head[] = "group,k0,k1,n0,n1,tile,crossbar,row,column\n";
    arena *a = arena_new();
    bytes_put(b, head, sizeof head - 1);
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        for (uint32_t i = 0; i < p->tiles[t].n_groups; i++) {
            const isa_group *g = &p->tiles[t].groups[i];
            const char *name = name_csv(a, isa_str(p, g->name));
            for (uint32_t k = 0; k < g->n_blocks; k++) {
                const isa_block *x = &p->tiles[t].blocks[g->first_block + k];
                char line[160];
                int n = snprintf(line, sizeof line, ",%u,%u,%u,%u,%u,%u,%u,%u\n", g->k0 + x->k0,
                                 g->k0 + x->k0 + x->rows, x->n0, x->n0 + x->cols, t, x->crossbar,
                                 x->row0, x->col0);
                bytes_put(b, name, strlen(name));
                bytes_put(b, line, (size_t)n);
            }
        }
    }
    arena_free(a);
}

// --- symbols

typedef struct {
    bytes_out *symtab, *strtab;
    map *names; // in strtab
} symbols;

static uint32_t symbol_name(symbols *s, const char *name) {
    uint32_t known = map_add(s->names, name, (uint32_t)s->strtab->count);
    if (known != MAP_NONE) return known;
    uint32_t at = (uint32_t)s->strtab->count;
    bytes_put(s->strtab, name, strlen(name) + 1);
    return at;
}

static void add_symbol(symbols *s, const char *name, unsigned type, unsigned section,
                       uint64_t value, uint64_t bytes) {
    bytes_put32(s->symtab, symbol_name(s, name));
    bytes_put32(s->symtab, ELF64_ST_INFO(STB_LOCAL, type) | STV_DEFAULT << 8 | section << 16);
    bytes_put64(s->symtab, value);
    bytes_put64(s->symtab, bytes);
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

void ohm_put_symbols(bytes_out *symtab, bytes_out *strtab, const isa_program *p,
                     const unsigned *code, unsigned cells) {
    symbols s = {symtab, strtab, map_new()};
    bytes_put(strtab, "", 1);
    map_add(s.names, "", 0);
    for (unsigned i = 0; i < sizeof(Elf64_Sym) / 8; i++) bytes_put64(symtab, 0);
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
