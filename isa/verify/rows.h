// Rows in flight: what the walk of verify_flow.c knows of the columns and bytes of a tile.
//
// Times are in rows of the root domain: row r of an instruction happens at (r * step + lag). A span
// is a range of columns that was written: `first` is the lag of its first writer, `ready` that of
// its last, `used` the largest lag (with reach back) of those who touched it. Row r of it is kept
// from r + first to r + used, which asks for a depth of 1 + (used - first) / step.
#ifndef OHMIC_ISA_VERIFY_ROWS_H
#define OHMIC_ISA_VERIFY_ROWS_H
#include "isa/verify/parts.h"
#include "support/vec.h"

typedef struct {
    uint32_t from, until; // columns
    int64_t first, ready, used;
    uint32_t writer, reader; // pcs of first and used
    verify_range range;
} verify_span;

// The largest depth asked for.
typedef struct {
    int64_t need, keep, first; // depth; rows between writer and reader; the writer's lag
    uint32_t writer;           // pcs
    uint64_t reader;
} verify_worst;

typedef struct {
    VEC(verify_span) spans; // sorted, apart
    uint8_t dom;            // of the rows in them
    bool owns;              // its bytes hold its own rows, nobody else's
    int64_t last;           // largest lag of any user so far; -1: none
    verify_worst worst;
} verify_columns; // of a parent buffer

// All columns [from, until) together; false: some of them were not written. Read spans grow
// together.
bool verify_columns_find(verify_columns *c, uint32_t from, uint32_t until, verify_span *out);
// What a write of [from, until) meets: out->used is the largest, -1 when there is nothing. Nothing
// changes.
void verify_columns_meet(const verify_columns *c, uint32_t from, uint32_t until, verify_span *out);
// Returns the span with the first writer of its rows, whoever that was.
verify_span verify_columns_write(verify_columns *c, verify_span s);
// A reader at `lag`, which reaches `back`; returns the span with what it has become.
verify_span verify_columns_read(verify_columns *c, uint32_t from, uint32_t until, int64_t used,
                                uint32_t pc);

// Who owns which bytes of a space.
typedef struct {
    uint64_t from, until;
    uint32_t owner;
} verify_bytes;
typedef VEC(verify_bytes) verify_memory;
// [from, until) becomes the owner's; calls lost() for every other owner that had a part of it.
void verify_memory_take(verify_memory *m, uint64_t from, uint64_t until, uint32_t owner,
                        void (*lost)(void *ctx, uint32_t owner), void *ctx);
#endif
