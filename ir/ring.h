// Rings: their records, and what may be wrong with how attention is read out (docs/gain-cells.md).
// nn.attention and nn.gaincell have facts of a ring as attributes: they are read into one too.
#ifndef OHMIC_IR_RING_H
#define OHMIC_IR_RING_H

#include "ir/ir.h"

enum { IR_RING_TERMS = 12, IR_RING_TEXT = 160 }; // coefficients of a cell; bytes of a fault

ir_ring ir_ring_new(void); // of which nothing was said
// Reads the facts among the attributes; names and lists stay theirs. False: a word that is none,
// which `why` tells.
bool ir_ring_read(const ir_attrs *l, ir_ring *r, char why[IR_RING_TEXT]);
bool ir_ring_has(ir_key k);                             // k is a fact of rings
ir_attrs ir_ring_attrs(arena *a, const ir_ring *r);     // what text says
bool ir_ring_equal(const ir_ring *a, const ir_ring *b); // as text

// The ring that an operation names, or of that name; NULL: none.
ir_ring *ir_ring_of(const ir_module *m, const ir_op *op);
ir_ring *ir_ring_find(const ir_module *m, const char *name);
// Calls f with each tensor symbol that the ring names.
void ir_ring_tensors(const ir_ring *r, void (*f)(void *ctx, const char *name), void *ctx);

static inline int64_t ir_ring_heads(const ir_ring *r) { return r->n_kv * r->q_per_kv; }
static inline bool ir_ring_is_charge(const ir_ring *r) { return r->readout == IR_READ_CHARGE; }
static inline bool ir_ring_is_hard(const ir_ring *r) { return r->act == IR_ACT_HARDSIGMOID; }
// A score read-out that is not of real numbers.
static inline bool ir_ring_is_coarse(const ir_ring *r) {
    return r->q_levels || r->kv_levels || r->p_levels || r->adc_bits;
}

// The facts of an operation that attends, as those of a ring of that read-out. False: `why` tells
// what is wrong with them.
bool ir_ring_of_operation(const ir_attrs *l, ir_readout readout, ir_ring *r,
                          char why[IR_RING_TEXT]);
// What is wrong with read-out and device, one fault a call, in words. *at counts on from 0; false:
// no more.
bool ir_ring_fault(const ir_ring *r, int *at, char text[IR_RING_TEXT]);
// The part of it that follows from ring.def alone: words that are none, facts of the other side.
bool ir_ring_fact_fault(const ir_ring *r, int *at, char text[IR_RING_TEXT]);

#endif
