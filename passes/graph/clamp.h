// Clips in every spelling: t.clip, t.relu, and t.max and t.min with one number, on top of each
// other.
#ifndef OHMIC_PASSES_GRAPH_CLAMP_H
#define OHMIC_PASSES_GRAPH_CLAMP_H

#include "ir/ir.h"

enum { CLAMP_OPS = 4 };

// v = min(max(x, lo), hi); bounds that are absent are infinite.
typedef struct {
    ir_val x;
    double lo, hi;
    int n; // operations; 0: v is no clip, and x is v
    uint32_t op[CLAMP_OPS];
} clamp;
clamp clamp_of(const ir_module *m, const ir_func *f, ir_val v);

#endif
