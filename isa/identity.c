// What a program computes, as a hash: two programs of one identity give the same values for the
// same inputs, and each can go on from the other's state.
#include "isa/code.h"
#include "isa/desc.h"
#include "isa/program.h"

// Names may lie elsewhere in the string table.
static uint32_t no_name(const void *ctx, uint32_t offset) { return 0; }

static void put_records(bytes_out *b, isa_desc_kind kind, const void *list, uint32_t count) {
    isa_desc_put(b, kind, list, count, no_name, NULL);
}

static void put_tile(bytes_out *b, const isa_program *p, const isa_tile *t) {
    const uint32_t counts[] = {t->n_buffers, t->n_groups, t->n_blocks, t->n_rings, t->n_tables};
    bytes_put_words(b, counts, ARRAY_LEN(counts));
    put_records(b, ISA_DESC_buffer, t->buffers, t->n_buffers);
    put_records(b, ISA_DESC_group, t->groups, t->n_groups);
    put_records(b, ISA_DESC_block, t->blocks, t->n_blocks);
    put_records(b, ISA_DESC_ring, t->rings, t->n_rings);
    put_records(b, ISA_DESC_table, t->tables, t->n_tables);
    for (uint32_t k = 0; k < p->n_phases; k++) {
        bytes_put32(b, t->phase[k].count);
        for (uint32_t i = 0; i < t->phase[k].count; i++) {
            uint8_t word[16];
            isa_encode(&t->phase[k].code[i], word);
            bytes_put(b, word, sizeof word);
        }
    }
}

void isa_identity(const isa_program *p, char hash[33]) {
    bytes_out b = {0};
    const uint32_t signature[] = {(uint32_t)p->class, p->max_tokens, p->n_phases, p->n_tiles,
                                  p->n_channels,      p->n_dests,    p->n_ports};
    bytes_put_words(&b, signature, ARRAY_LEN(signature));
    for (uint32_t i = 0; i < p->n_phases; i++) {
        bytes_put32(&b, p->phases[i].free_domains);
        bytes_put_words(&b, p->phases[i].max_rows, ISA_DOMAINS);
        bytes_put_words(&b, p->phases[i].fixed_rows, ISA_DOMAINS);
    }
    for (uint32_t i = 0; i < p->n_tiles; i++) put_tile(&b, p, &p->tiles[i]);
    put_records(&b, ISA_DESC_channel, p->channels, p->n_channels);
    bytes_put_words(&b, p->dests, p->n_dests);
    put_records(&b, ISA_DESC_port, p->ports, p->n_ports);
    bytes_put_text(&b, p->chip ? p->chip : "");
    file_hash_hex(p->cells, p->cells_bytes, hash);
    bytes_put_text(&b, hash);
    file_hash_hex(p->tables, p->tables_bytes, hash);
    bytes_put_text(&b, hash);
    file_hash_hex(b.items, b.count, hash);
    vec_free(&b);
}
