// Attributes of read-out and activation: which belong to charge and which to score read-out, and
// their ranges. One table for verifier, inference and interpreter.
#ifndef OHMIC_IR_READOUT_H
#define OHMIC_IR_READOUT_H

#include "ir/ir.h"

enum { READOUT_MAX_TERMS = 12, READOUT_TEXT = 160 }; // coefficients of a cell; bytes of a fault

// Of a ring: readout is "charge".
bool readout_is_charge(const ir_attrs *l);
// What is wrong with the attributes of a ring, of nn.gaincell (charge) or nn.attention (not), one
// fault a call, in words. *at counts on from 0; false: no more.
bool readout_fault(const ir_attrs *l, bool charge, int *at, char text[READOUT_TEXT]);

#endif
