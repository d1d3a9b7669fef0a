// The lag rule (docs/isa.md, "The lag rule"): when each instruction's rows happen, relative to the
// rows of the root domain, and how many rows buffers and channels must keep so that no number of
// rows can deadlock.
#ifndef OHMIC_ISA_DEPEND_LAG_H
#define OHMIC_ISA_DEPEND_LAG_H
#include "isa/depend/depend.h"

// The most that is asked for.
typedef struct {
    int64_t need;            // depth
    int64_t keep, first;     // rows between writer and reader; the writer's lag
    uint32_t writer, reader; // instructions, by place in the order
} isa_depth;

typedef struct {
    int64_t *lag;        // [n]: row r of instruction i has the virtual time r * step + lag[i]
    isa_depth **buffers; // [tile][buffer]; a view's is its parent's. need 0: not used
    isa_depth *channels; // [channel]
} isa_lags;
// active_set: A, the instructions of a tile that are in flight. Owned by `a`.
isa_lags isa_lags_new(const isa_depend *d, uint32_t active_set, arena *a);
#endif
