// Structural checks: every index, offset and enumeration of a program is in range, so that whoever
// follows them stays inside. They say nothing about whether the program makes sense: that is
// isa/verify.
#ifndef OHMIC_ISA_STRUCTURE_H
#define OHMIC_ISA_STRUCTURE_H
#include "isa/program.h"

// Reports every violation; true when there is none. isa_read and isa_assemble have done it,
// isa_verify does it first.
bool isa_check_structure(const isa_program *p, const char *name, diag_sink *diags);
// The instruction is canonical and its operands name descriptors that exist.
bool isa_insn_names_exist(const isa_program *p, uint32_t tile, const isa_insn *i);
#endif
