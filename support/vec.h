// Growable array: VEC(int) v = {0}; vec_push(&v, 3); v.items[i], v.count; vec_free(&v).
#ifndef OHMIC_SUPPORT_VEC_H
#define OHMIC_SUPPORT_VEC_H

#include "support/base.h"
#include <stdlib.h>
#include <string.h>

#define VEC(type)               \
    struct {                    \
        type *items;            \
        size_t count, capacity; \
    }

#define vec_reserve(v, n)                                                         \
    do {                                                                          \
        if ((size_t)(n) > (v)->capacity) {                                        \
            size_t vec_cap_ = (v)->capacity ? (v)->capacity * 2 : 8;              \
            if (vec_cap_ < (size_t)(n)) vec_cap_ = (size_t)(n);                   \
            (v)->items = base_realloc((v)->items, vec_cap_ * sizeof *(v)->items); \
            (v)->capacity = vec_cap_;                                             \
        }                                                                         \
    } while (0)
#define vec_push(v, ...)                          \
    do {                                          \
        vec_reserve((v), (v)->count + 1);         \
        (v)->items[(v)->count++] = (__VA_ARGS__); \
    } while (0)
#define vec_clear(v) ((v)->count = 0)
#define vec_free(v)                     \
    do {                                \
        free((v)->items);               \
        (v)->items = NULL;              \
        (v)->count = (v)->capacity = 0; \
    } while (0)

#endif
