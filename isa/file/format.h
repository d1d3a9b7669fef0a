// Layout of .ohm files that writer and reader share (docs/isa.md describes it for others).
//
//   ELF header | small sections | section headers | pad | .ohm.cells | pad | .ohm.tables
//
// .note.ohm stands right behind the ELF header: one note of owner "Ohmic", type 0x4F484D, with
//   u32 version, u32 n (sections), u8 hash[16], u8 section_hash[n][16], tool version
//   (NUL-terminated)
// section_hash[i] is XXH3-128 of section i (zero for section 0 and for the note); hash is XXH3-128
// of all bytes in front of .ohm.cells with this field zero. So hash covers every byte of the file:
// what stands behind is covered by the two section hashes, padding is zero.
#ifndef OHMIC_ISA_FILE_FORMAT_H
#define OHMIC_ISA_FILE_FORMAT_H
#include "support/base.h"
#include <elf.h>

enum {
    OHM_VERSION = 5,      // counted up whenever a record, a word or the layout changes
    OHM_MACHINE = 0x4F48, // "HO": private, assigned to nobody
    OHM_MAX_SECTIONS = 32,
    OHM_NOTE_TYPE = 0x4F484D,
    OHM_NOTE_SECTION = 1, // its index
    OHM_NOTE_OFFSET = 64, // in the file
    OHM_NOTE_HEADER = 20, // note header and "Ohmic", padded
    OHM_HASH_BYTES = 16,
    OHM_HASH_OFFSET = OHM_NOTE_OFFSET + OHM_NOTE_HEADER + 8,
    OHM_SECTION_HASHES = OHM_HASH_OFFSET + OHM_HASH_BYTES,
    OHM_CELLS_ALIGN = 4096,
    OHM_TABLES_ALIGN = 64,
    OHM_CODE_HEADER =
        16, // u32 n_tiles, u32 n_words, 8 bytes 0; then {tile, first, count, 0} a tile
    OHM_PHASE_BYTES = 72, // u32 name, free_domains, max_rows[8], fixed_rows[8]
    OHM_TILE_BYTES = 20,  // u32 n_buffers, n_groups, n_blocks, n_rings, n_tables
};

// The one ELF header that a file with these section headers has.
Elf64_Ehdr ohm_header(uint64_t headers_offset, unsigned n_sections, unsigned names);

void ohm_hash(const void *p, size_t n, uint8_t out[OHM_HASH_BYTES]);
// Of the `head` bytes in front of the cells.
void ohm_hash_head(const uint8_t *data, size_t head, uint8_t out[OHM_HASH_BYTES]);

// Makes the hashes of a file image fit its content, for tests that damage files on purpose. False:
// the headers do not say where the sections are.
bool isa_file_seal(uint8_t *image, size_t bytes);

#endif
