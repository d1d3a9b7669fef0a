#include "isa/places.h"

isa_places isa_places_new(arena *a, uint32_t end) {
    isa_places p = {.end = end};
    size_t words = (size_t)end / 64 + 1;
    for (int level = 0; level < ISA_PLACES_LEVELS; level++, words = words / 64 + 1)
        p.bits[level] = ARENA_ARRAY(a, uint64_t, words);
    return p;
}

void isa_places_add(isa_places *p, uint32_t at) {
    for (int level = 0; level < ISA_PLACES_LEVELS; level++, at /= 64)
        p->bits[level][at / 64] |= UINT64_C(1) << at % 64;
}

void isa_places_remove(isa_places *p, uint32_t at) {
    for (int level = 0; level < ISA_PLACES_LEVELS; level++, at /= 64) {
        p->bits[level][at / 64] &= ~(UINT64_C(1) << at % 64);
        if (p->bits[level][at / 64] != 0) return;
    }
}

uint32_t isa_places_last(const isa_places *p, uint32_t at) {
    uint64_t until = (uint64_t)at + 1; // words below level 0 have been looked at: strictly before
    for (int level = 0; level < ISA_PLACES_LEVELS; level++, until /= 64) {
        uint64_t below = (UINT64_C(1) << until % 64) - 1;
        uint64_t word = until % 64 ? p->bits[level][until / 64] & below : 0;
        if (word == 0) continue;
        uint64_t found = until / 64 * 64 + (63 - (unsigned)__builtin_clzll(word));
        while (level-- > 0)
            found = found * 64 + (63 - (unsigned)__builtin_clzll(p->bits[level][found]));
        return (uint32_t)found;
    }
    return p->end;
}

uint32_t isa_places_next(const isa_places *p, uint32_t at) {
    uint64_t from = at;
    for (int level = 0; level < ISA_PLACES_LEVELS; level++, from /= 64) {
        uint64_t word = from % 64 == 63 ? 0 : p->bits[level][from / 64] >> (from % 64 + 1);
        if (word == 0) continue;
        from += 1 + (unsigned)__builtin_ctzll(word);
        while (level-- > 0) from = from * 64 + (unsigned)__builtin_ctzll(p->bits[level][from]);
        return (uint32_t)from;
    }
    return p->end;
}
