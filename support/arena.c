// Arenas: a list of chunks that grow from 16 KiB to 4 MiB; a large request gets a chunk of its own,
// so that calloc can hand out untouched zero pages. Chunks come zeroed and are never reused.
// Under AddressSanitizer a red zone follows every allocation.
#include "support/arena.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
enum { RED_ZONE = 16 };
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
enum { RED_ZONE = 0 };
#endif

enum { MIN_ALIGN = 16, FIRST_CHUNK = 16 << 10, LAST_CHUNK = 4 << 20 };

typedef struct chunk {
    struct chunk *next;
    size_t bytes, used;
    uint8_t *data;
} chunk;

struct arena {
    chunk *chunks; // the head is the one being filled
    size_t next_bytes;
};

arena *arena_new(void) {
    arena *a = base_alloc(sizeof *a);
    *a = (arena){.next_bytes = FIRST_CHUNK};
    return a;
}

void arena_free(arena *a) {
    if (!a) return;
    for (chunk *c = a->chunks, *next; c; c = next) {
        next = c->next;
        ASAN_UNPOISON_MEMORY_REGION(c->data, c->bytes);
        free(c);
    }
    free(a);
}

static chunk *chunk_new(size_t bytes) {
    chunk *c = base_calloc(1, sizeof *c + bytes);
    *c = (chunk){.bytes = bytes, .data = (uint8_t *)(c + 1)};
    ASAN_POISON_MEMORY_REGION(c->data, bytes);
    return c;
}

// Offset of the first aligned address at or after c->used.
static size_t aligned_offset(const chunk *c, size_t align) {
    uintptr_t at = (uintptr_t)c->data + c->used;
    return c->used + (size_t)((-at) & (align - 1));
}

void *arena_alloc_aligned(arena *a, size_t bytes, size_t align) {
    CHECK(align && (align & (align - 1)) == 0, "alignment %zu is no power of two", align);
    if (align < MIN_ALIGN) align = MIN_ALIGN;
    uint64_t need;
    CHECK(add_u64(bytes, align + RED_ZONE, &need) && need < SIZE_MAX / 2, "%zu bytes", bytes);
    chunk *c = a->chunks;
    if (!c || c->bytes - c->used < need) {
        if (need > a->next_bytes / 4) { // own chunk, behind the head: the head keeps its free space
            c = chunk_new(need);
            if (a->chunks) {
                c->next = a->chunks->next;
                a->chunks->next = c;
            } else {
                a->chunks = c;
            }
        } else {
            c = chunk_new(a->next_bytes);
            c->next = a->chunks;
            a->chunks = c;
            if (a->next_bytes < LAST_CHUNK) a->next_bytes *= 2;
        }
    }
    size_t at = aligned_offset(c, align);
    c->used = at + bytes + RED_ZONE;
    ASAN_UNPOISON_MEMORY_REGION(c->data + at, bytes);
    return c->data + at;
}

void *arena_alloc(arena *a, size_t bytes) { return arena_alloc_aligned(a, bytes, MIN_ALIGN); }

void *arena_copy(arena *a, const void *p, size_t bytes) {
    void *q = arena_alloc(a, bytes);
    if (bytes) memcpy(q, p, bytes);
    return q;
}

char *arena_strn(arena *a, const char *s, size_t n) {
    char *q = arena_alloc(a, n + 1);
    if (n) memcpy(q, s, n);
    return q;
}

char *arena_str(arena *a, const char *s) { return arena_strn(a, s, strlen(s)); }

bool arena_pair(arena *a, const char *text, const char **before, const char **after) {
    const char *eq = strchr(text, '=');
    if (!eq) return false;
    *before = arena_strn(a, text, (size_t)(eq - text));
    *after = eq + 1;
    return true;
}

char *arena_vprintf(arena *a, const char *fmt, va_list ap) {
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    CHECK(n >= 0, "format '%s'", fmt);
    char *text = arena_alloc(a, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, fmt, ap);
    return text;
}

char *arena_printf(arena *a, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *text = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return text;
}
