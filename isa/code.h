// Encoding of instruction words.
#ifndef OHMIC_ISA_CODE_H
#define OHMIC_ISA_CODE_H
#include "isa/isa.h"

void isa_encode(const isa_insn *i, uint8_t word[16]);
// False when the word is no canonical encoding (unknown opcode, bits in unused fields, mode out of range).
bool isa_decode(const uint8_t word[16], isa_insn *i);
#endif
