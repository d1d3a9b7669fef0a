#include "isa/depend/ranges.h"
#include <string.h>

ranges ranges_new(arena *a, uint32_t end, size_t size) {
    ranges r = {.end = end, .size = size};
    size_t words = (size_t)end / 64 + 1;
    for (int level = 0; level < RANGES_LEVELS; level++, words = words / 64 + 1) {
        r.begins[level] = ARENA_ARRAY(a, uint64_t, words);
        r.begins[level][0] = 1;
    }
    r.data = ARENA_ARRAY(a, uint8_t, ((size_t)end + 1) * size);
    return r;
}

uint32_t ranges_begin(const ranges *r, uint32_t cut) {
    uint64_t at = cut;
    for (int level = 0; level < RANGES_LEVELS; level++) {
        // bits up to the cut; above level 0 the cut's own word has been looked at
        uint64_t below = level == 0 ? UINT64_MAX >> (63 - at % 64) : (UINT64_C(1) << at % 64) - 1;
        uint64_t word = r->begins[level][at / 64] & below;
        if (word == 0) {
            at /= 64;
            continue;
        }
        at = at / 64 * 64 + (63 - (unsigned)__builtin_clzll(word));
        while (level-- > 0) at = at * 64 + (63 - (unsigned)__builtin_clzll(r->begins[level][at]));
        return (uint32_t)at;
    }
    return 0;
}

uint32_t ranges_next(const ranges *r, uint32_t cut) {
    uint64_t at = cut;
    for (int level = 0; level < RANGES_LEVELS; level++) {
        uint64_t word = at % 64 == 63 ? 0 : r->begins[level][at / 64] >> (at % 64 + 1);
        if (word == 0) {
            at /= 64;
            continue;
        }
        at += 1 + (unsigned)__builtin_ctzll(word);
        while (level-- > 0) at = at * 64 + (unsigned)__builtin_ctzll(r->begins[level][at]);
        return (uint32_t)at;
    }
    return r->end;
}

void ranges_split(ranges *r, uint32_t cut) {
    if (cut >= r->end) return;
    uint32_t around = ranges_begin(r, cut);
    if (around == cut) return;
    memcpy(ranges_at(r, cut), ranges_at(r, around), r->size);
    uint64_t at = cut;
    for (int level = 0; level < RANGES_LEVELS; level++, at /= 64)
        r->begins[level][at / 64] |= UINT64_C(1) << at % 64;
}

void ranges_merge(ranges *r, uint32_t begin, uint32_t until) {
    for (uint32_t cut = ranges_next(r, begin); cut < until; cut = ranges_next(r, cut)) {
        uint64_t at = cut;
        for (int level = 0; level < RANGES_LEVELS; level++, at /= 64) {
            r->begins[level][at / 64] &= ~(UINT64_C(1) << at % 64);
            if (r->begins[level][at / 64] != 0) break;
        }
    }
}
