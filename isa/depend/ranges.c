#include "isa/depend/ranges.h"
#include <string.h>

ranges ranges_new(arena *a, uint32_t end, size_t size) {
    ranges r = {.begins = isa_places_new(a, end), .size = size};
    isa_places_add(&r.begins, 0);
    r.data = ARENA_ARRAY(a, uint8_t, ((size_t)end + 1) * size);
    return r;
}

void ranges_split(ranges *r, uint32_t cut) {
    if (cut >= r->begins.end) return;
    uint32_t around = ranges_begin(r, cut);
    if (around == cut) return;
    memcpy(ranges_at(r, cut), ranges_at(r, around), r->size);
    isa_places_add(&r->begins, cut);
}

void ranges_merge(ranges *r, uint32_t begin, uint32_t until) {
    for (uint32_t cut = ranges_next(r, begin); cut < until; cut = ranges_next(r, cut))
        isa_places_remove(&r->begins, cut);
}
