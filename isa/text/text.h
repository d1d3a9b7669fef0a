// Assembly text (.s): isa_assemble(isa_disassemble(p)) writes the same .ohm bytes.
#ifndef OHMIC_ISA_TEXT_TEXT_H
#define OHMIC_ISA_TEXT_TEXT_H
#include "isa/program.h"
#include <stdio.h>

// data_path: file that receives cells and tables (written beside the text and named in it by its
// base name and hash); NULL: data are left out and the text says so (for people; does not
// assemble).
bool isa_disassemble(const isa_program *p, FILE *out, const char *data_path, diag_sink *diags);
isa_program *isa_assemble(const char *text, size_t bytes, const char *name, diag_sink *diags);
// One instruction as text, e.g. "mvm qkv, n, g.qkv".
char *isa_insn_text(arena *a, const isa_program *p, uint32_t tile, const isa_insn *i);
#endif
