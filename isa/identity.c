// What a program computes, as a hash: two programs of one identity give the same values for the
// same inputs, and each can go on from the other's state.
#include "isa/code.h"
#include "isa/desc.h"
#include "isa/program.h"
#include "support/file/bytes.h"

// The record without its texts: names may lie elsewhere in the string table.
static void put_record(bytes_out *b, isa_desc_kind kind, const void *descriptor) {
    const isa_desc *d = &isa_descs[kind];
    isa_any_descriptor copy;
    memcpy(&copy, descriptor, d->struct_bytes);
    for (unsigned i = 0; i < d->n_fields; i++)
        if (d->fields[i].how == ISA_HOW_str) isa_field_set(&d->fields[i], &copy, 0);
    uint8_t record[sizeof copy];
    isa_desc_store(d, &copy, record);
    bytes_put(b, record, d->record_bytes);
}

static void put_tile(bytes_out *b, const isa_program *p, const isa_tile *t) {
    const uint32_t counts[] = {t->n_buffers, t->n_groups, t->n_blocks, t->n_rings, t->n_tables};
    bytes_put_words(b, counts, ARRAY_LEN(counts));
    for (uint32_t i = 0; i < t->n_buffers; i++) put_record(b, ISA_DESC_buffer, &t->buffers[i]);
    for (uint32_t i = 0; i < t->n_groups; i++) put_record(b, ISA_DESC_group, &t->groups[i]);
    for (uint32_t i = 0; i < t->n_blocks; i++) put_record(b, ISA_DESC_block, &t->blocks[i]);
    for (uint32_t i = 0; i < t->n_rings; i++) put_record(b, ISA_DESC_ring, &t->rings[i]);
    for (uint32_t i = 0; i < t->n_tables; i++) put_record(b, ISA_DESC_table, &t->tables[i]);
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
    for (uint32_t i = 0; i < p->n_channels; i++) put_record(&b, ISA_DESC_channel, &p->channels[i]);
    bytes_put_words(&b, p->dests, p->n_dests);
    for (uint32_t i = 0; i < p->n_ports; i++) put_record(&b, ISA_DESC_port, &p->ports[i]);
    bytes_put_text(&b, p->chip ? p->chip : "");
    file_hash_hex(p->cells, p->cells_bytes, hash);
    bytes_put_text(&b, hash);
    file_hash_hex(p->tables, p->tables_bytes, hash);
    bytes_put_text(&b, hash);
    file_hash_hex(b.items, b.count, hash);
    vec_free(&b);
}
