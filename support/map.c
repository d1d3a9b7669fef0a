// Insertion-ordered hash map: a dense array of entries and an open-addressed table of indices into
// it (linear probing, at most half full, XXH3 hashes kept in the entries).
#include "support/map.h"
#include "support/arena.h"
#include "support/vec.h"
#include <xxhash.h>

typedef struct {
    const char *key;
    uint64_t hash;
    uint32_t value;
} entry;

struct map {
    arena *keys;
    VEC(entry) entries;
    uint32_t *slots; // index + 1; 0: free
    size_t n_slots;  // a power of two, or 0
};

map *map_new(void) {
    map *m = base_calloc(1, sizeof *m);
    m->keys = arena_new();
    return m;
}

void map_free(map *m) {
    if (!m) return;
    arena_free(m->keys);
    vec_free(&m->entries);
    free(m->slots);
    free(m);
}

// The slot that holds `key`, or the free one where it belongs. Needs n_slots > 0.
static size_t find_slot(const map *m, const char *key, uint64_t hash) {
    size_t i = hash & (m->n_slots - 1);
    for (; m->slots[i]; i = (i + 1) & (m->n_slots - 1)) {
        const entry *e = &m->entries.items[m->slots[i] - 1];
        if (e->hash == hash && strcmp(e->key, key) == 0) break;
    }
    return i;
}

static void grow(map *m) {
    size_t n = m->n_slots ? m->n_slots * 2 : 16;
    free(m->slots);
    m->slots = base_calloc(n, sizeof *m->slots);
    m->n_slots = n;
    for (size_t k = 0; k < m->entries.count; k++) {
        size_t i = m->entries.items[k].hash & (n - 1);
        while (m->slots[i]) i = (i + 1) & (n - 1);
        m->slots[i] = (uint32_t)k + 1;
    }
}

// The entry of `key`; a new one (value MAP_NONE) when absent.
static entry *find_or_insert(map *m, const char *key) {
    if (m->entries.count * 2 >= m->n_slots) grow(m);
    uint64_t hash = XXH3_64bits(key, strlen(key));
    size_t i = find_slot(m, key, hash);
    if (!m->slots[i]) {
        CHECK(m->entries.count < UINT32_MAX - 1, "map is full");
        vec_push(&m->entries, (entry){arena_str(m->keys, key), hash, MAP_NONE});
        m->slots[i] = (uint32_t)m->entries.count;
    }
    return &m->entries.items[m->slots[i] - 1];
}

uint32_t map_add(map *m, const char *key, uint32_t value) {
    size_t before = m->entries.count;
    entry *e = find_or_insert(m, key);
    if (m->entries.count == before) return e->value;
    e->value = value;
    return MAP_NONE;
}

void map_set(map *m, const char *key, uint32_t value) { find_or_insert(m, key)->value = value; }

uint32_t map_get(const map *m, const char *key) {
    if (!m->n_slots) return MAP_NONE;
    size_t i = find_slot(m, key, XXH3_64bits(key, strlen(key)));
    return m->slots[i] ? m->entries.items[m->slots[i] - 1].value : MAP_NONE;
}

size_t map_count(const map *m) { return m->entries.count; }

const char *map_key(const map *m, size_t i) {
    CHECK(i < m->entries.count, "key %zu of %zu", i, m->entries.count);
    return m->entries.items[i].key;
}
