// Encoding of instruction words.
#ifndef OHMIC_ISA_CODE_H
#define OHMIC_ISA_CODE_H
#include "isa/isa.h"

void isa_encode(const isa_insn *i, uint8_t word[16]);
// Fills *i whatever the word is (isa_encode gives the same word back). False when it is no
// canonical encoding: unknown opcode, bits in unused fields, a domain, mode or function that does
// not exist.
bool isa_decode(const uint8_t word[16], isa_insn *i);
bool isa_is_canonical(const isa_insn *i);
#endif
