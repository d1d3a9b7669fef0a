// Hash map from a string (copied) to a 32-bit number. Iteration order is insertion order.
#ifndef OHMIC_SUPPORT_MAP_H
#define OHMIC_SUPPORT_MAP_H

#include "support/base.h"

typedef struct map map;
#define MAP_NONE UINT32_MAX

map *map_new(void);
void map_free(map *m); // NULL is allowed
// Returns the value stored before, or MAP_NONE (then `value` is stored).
uint32_t map_add(map *m, const char *key, uint32_t value);
void map_set(map *m, const char *key, uint32_t value);
uint32_t map_get(const map *m, const char *key); // MAP_NONE when absent
size_t map_count(const map *m);
const char *map_key(const map *m, size_t i); // i-th key in insertion order

#endif
