#include "isa/file/format.h"
#include <xxhash.h>

// Headers are the C library's structs, as they lie in memory.
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are little-endian");

Elf64_Ehdr ohm_header(uint64_t headers_offset, unsigned n_sections, unsigned names) {
    return (Elf64_Ehdr){
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_EXEC,
        .e_machine = OHM_MACHINE,
        .e_version = EV_CURRENT,
        .e_shoff = headers_offset,
        .e_ehsize = sizeof(Elf64_Ehdr),
        .e_shentsize = sizeof(Elf64_Shdr),
        .e_shnum = (Elf64_Half)n_sections,
        .e_shstrndx = (Elf64_Half)names};
}

void ohm_hash(const void *p, size_t n, uint8_t out[OHM_HASH_BYTES]) {
    XXH128_canonicalFromHash((XXH128_canonical_t *)out, XXH3_128bits(p, n));
}

void ohm_hash_head(const uint8_t *data, size_t head, uint8_t out[OHM_HASH_BYTES]) {
    static const uint8_t zero[OHM_HASH_BYTES];
    XXH3_state_t *state = XXH3_createState();
    CHECK(state, "out of memory");
    XXH3_128bits_reset(state);
    XXH3_128bits_update(state, data, OHM_HASH_OFFSET);
    XXH3_128bits_update(state, zero, sizeof zero);
    XXH3_128bits_update(state, data + OHM_SECTION_HASHES, head - OHM_SECTION_HASHES);
    XXH128_canonicalFromHash((XXH128_canonical_t *)out, XXH3_128bits_digest(state));
    XXH3_freeState(state);
}
