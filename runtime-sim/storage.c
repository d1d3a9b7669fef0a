// Where rows live during a step: blocks handed out at the first write of a buffer and taken back
// after its last reader, so that a step needs little more memory than its live values.
#include "runtime-sim/state.h"

enum { BLOCK_GRAIN = 4096, SPARE_BLOCKS = 64 };

void *sim_block_take(sim *s, size_t bytes, size_t *capacity) {
    size_t want = align_u64(bytes ? bytes : 1, BLOCK_GRAIN), best = s->spare.count;
    for (size_t i = 0; i < s->spare.count; i++) {
        size_t c = s->spare.items[i].capacity;
        if (c >= want && c / 2 <= want &&
            (best == s->spare.count || c < s->spare.items[best].capacity))
            best = i;
    }
    if (best < s->spare.count) {
        void *block = s->spare.items[best].data;
        *capacity = s->spare.items[best].capacity;
        s->spare.items[best] = s->spare.items[--s->spare.count];
        return block;
    }
    *capacity = want;
    return base_alloc(want);
}

void sim_block_give(sim *s, void *block, size_t capacity) {
    if (!block) return;
    if (s->spare.count == SPARE_BLOCKS) { // the smallest goes: it is the cheapest to get again
        size_t least = 0;
        for (size_t i = 1; i < s->spare.count; i++)
            if (s->spare.items[i].capacity < s->spare.items[least].capacity) least = i;
        if (s->spare.items[least].capacity < capacity) {
            free(s->spare.items[least].data);
            s->spare.items[least] = (sim_store){.data = block, .capacity = capacity};
        } else {
            free(block);
        }
        return;
    }
    vec_push(&s->spare, (sim_store){.data = block, .capacity = capacity});
}
