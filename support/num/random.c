// Sequences of seeded numbers; see random.h.
#include "support/num/random.h"

enum { WORDS = 4 }; // of a block

static void load(random_stream *r, uint64_t block) {
    r->block = philox(r->key, philox_counter(block, r->high));
}

random_stream random_of(uint64_t seed, random_use use, uint32_t index) {
    return (random_stream){.key = philox_key_of(seed), .high = (uint64_t)use << 32 | index};
}

void random_seek(random_stream *r, uint64_t drawn) {
    r->drawn = drawn;
    if (drawn % WORDS) load(r, drawn / WORDS);
}

uint32_t random_u32(random_stream *r) {
    if (r->drawn % WORDS == 0) load(r, r->drawn / WORDS);
    return r->block.word[r->drawn++ % WORDS];
}

uint64_t random_u64(random_stream *r) {
    uint64_t low = random_u32(r);
    return (uint64_t)random_u32(r) << 32 | low;
}

float random_f32(random_stream *r) { return random_f32_of(random_u32(r)); }
double random_f64(random_stream *r) { return random_f64_of(random_u64(r)); }

uint64_t random_below(random_stream *r, uint64_t n) {
    return (uint64_t)((unsigned __int128)random_u64(r) * n >> 64);
}
