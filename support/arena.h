// Memory that belongs to a phase: allocated piecewise, released at once. Never returns NULL.
#ifndef OHMIC_SUPPORT_ARENA_H
#define OHMIC_SUPPORT_ARENA_H

#include "support/base.h"
#include <stdarg.h>

typedef struct arena arena;

arena *arena_new(void);
void arena_free(arena *a); // NULL is allowed

void *arena_alloc(arena *a, size_t bytes);                       // zeroed, 16-byte aligned
void *arena_alloc_aligned(arena *a, size_t bytes, size_t align); // zeroed; align a power of two
void *arena_copy(arena *a, const void *p, size_t bytes);
char *arena_str(arena *a, const char *s);            // copy of a NUL-terminated string
char *arena_strn(arena *a, const char *s, size_t n); // copy of n bytes, NUL appended
// "before=after" in two: false, and nothing set, when there is no '='.
bool arena_pair(arena *a, const char *text, const char **before, const char **after);
char *arena_printf(arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(arena *a, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_alloc((a), sizeof(type) * (size_t)(n)))

#endif
