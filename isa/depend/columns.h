// What the walk of build.c knows of a tile: who made and who used the columns of its buffers, and
// who owns its bytes.
#ifndef OHMIC_ISA_DEPEND_COLUMNS_H
#define OHMIC_ISA_DEPEND_COLUMNS_H
#include "isa/depend/depend.h"
#include "isa/depend/ranges.h"
#include "support/vec.h"

typedef VEC(isa_join) depend_joins;
isa_set depend_join(depend_joins *joins, isa_set a, isa_set b);

// Columns that were last written, and read, together.
typedef struct {
    isa_set made;  // who made their rows; ISA_NOTHING: nobody in this step
    isa_set users; // who has to be done with row r before it is written anew
    isa_set first; // who wrote them first
} depend_span;

// A buffer that is no view.
typedef struct {
    uint32_t columns, columns_end; // its part of the tile's line of columns
    uint32_t bytes, bytes_end;     // cuts of its space
    isa_set all;                   // all uses since it took its bytes, in this domain
    uint8_t dom;                   // of the rows in it
    bool owns;                     // its bytes hold its own rows, nobody else's
    bool lost;                     // another has taken some since it was written in this step
} depend_owner;

typedef struct {
    const isa_tile *t;
    ranges columns;         // of all buffers, one behind the other: depend_span
    ranges bytes[2];        // of each space: number of the owner, plus one; 0: nobody
    uint32_t *from, *until; // [buffer] cuts of its columns
    depend_owner *owners;   // [buffer]
    isa_set *ring_writer, *ring_readers;
} depend_tile;
depend_tile depend_tile_new(arena *a, const isa_tile *t);

static inline depend_span *depend_span_at(const depend_tile *s, uint32_t cut) {
    return ranges_at(&s->columns, cut);
}
bool depend_is_written(const depend_tile *s, uint32_t parent); // any of it, in this step
// The span of all columns of a buffer that is read; what was several is one from now on. NULL: some
// of them are not written.
depend_span *depend_columns_find(depend_tile *s, uint32_t buffer, depend_joins *joins);
// Who used any columns of a buffer.
isa_set depend_columns_users(const depend_tile *s, uint32_t buffer, depend_joins *joins);
// What the write does not cover stays as it is; under it is one span. Returns who wrote it first.
isa_set depend_columns_write(depend_tile *s, uint32_t buffer, isa_set use, depend_joins *joins);
// The buffer's rows are from now on in its bytes, in this domain. Returns who must have ended.
isa_set depend_claim(depend_tile *s, uint32_t parent, uint8_t dom, depend_joins *joins);
#endif
